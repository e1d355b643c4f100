/*
 * tcp.h - TCP as a transport, and the socket calls that listeners and connectors need.
 *
 * A uv_poll_t watches a descriptor of our own, rather than a uv_tcp_t: it takes 160 bytes instead of 248, its
 * descriptor can be let go without closing it, and the amount read per turn is ours to decide.
 */
#ifndef DOR_SSL_TCP_H
#define DOR_SSL_TCP_H

#include "runtime/scheduler.h"
#include "ssl/settings.h"
#include "ssl/transport.h"
#include <sys/socket.h>

/** Takes fd (connected or connecting, non-blocking), even on failure. */
DOR_MUST_USE dor_result dor__tcp_new(dor_transport **t, dor_scheduler *s, int fd,
                                     void (*ready)(void *, unsigned), void *user);

/** A stream socket, non-blocking and closed on exec; -1, and errno says why. */
int dor__stream_socket(int family);

/**
 * An address in text: "192.0.2.1", "2001:db8::1", "fe80::1%eth0" (or its number), the latter two also in brackets. BADARG: it
 * is none; ENODEV: there is no such interface. len may be NULL.
 */
DOR_MUST_USE dor_result dor__tcp_parse(const char *text, uint16_t port, struct sockaddr_storage *address,
                                       socklen_t *len);

/** What a certificate has to say for this host: an address loses its brackets and its zone, which is ours alone. */
void dor__tcp_host_name(char *host);

/** Begins to connect, from where settings say; writability tells the outcome, which its `connected` answers. */
DOR_MUST_USE dor_result dor__tcp_connect(dor_transport **t, dor_scheduler *s, const struct sockaddr *to,
                                         socklen_t len, const dor_settings *settings,
                                         void (*ready)(void *, unsigned), void *user);

/** Whether fd is a stream socket that does not listen: what can carry a connection. */
bool dor__tcp_is_stream(int fd);

/** Whether fd is a stream socket that listens: TCP or Unix. */
bool dor__tcp_listens(int fd);

/** Makes a descriptor that somebody else connected like one of ours: non-blocking, closed on exec, with our flags. */
DOR_MUST_USE dor_result dor__tcp_adopt(int fd, const dor_settings *settings);

/**
 * A bound socket that does not listen yet, with what its connections inherit set on it. ip empty: every address, IPv4
 * through IPv6 where the system has it. share: other sockets of this process may be bound to the same port afterwards;
 * join: it is one of those.
 */
DOR_MUST_USE dor_result dor__tcp_bind(const dor_settings *settings, uint16_t port, bool share, bool join,
                                      int *fd);

/** The local address of a descriptor. */
DOR_MUST_USE dor_result dor__tcp_local_name(int fd, dor_address *address);

/** IPv4 addresses mapped into IPv6 come out as IPv4. */
void dor__tcp_format(const struct sockaddr *from, socklen_t len, dor_address *address);

/** "192.0.2.1:443", "[2001:db8::1]:443", "unix:/run/x.sock". */
void dor__address_text(const dor_address *address, char *text, size_t cap);

#endif
