/*
 * client_sessions.h - what the clients of a runtime remember of servers, so that the next connection to the same host and
 * port resumes by itself.
 *
 * One for each runtime, made with its first scheduler that has sockets. A place in it is for one host, port and way of
 * judging the server: a connection never finds what was made under other rules than its own. A place holds one TLS 1.2
 * session, which may be used again and again, and a few TLS 1.3 tickets, each of which is given out once (RFC 8446 appendix
 * C.4), newest first.
 *
 * Threads: any; one lock, held for a look-up or an exchange of pointers.
 */
#ifndef DOR_SSL_CLIENT_SESSIONS_H
#define DOR_SSL_CLIENT_SESSIONS_H

#include "ssl/settings.h"
#include <dormouse/session.h>

typedef struct dor_client_sessions dor_client_sessions;

enum {
    DOR_CLIENT_SERVERS_DEFAULT = 1000, /* places; the reference's bound for a client's cache */
    DOR_CLIENT_SESSION_BYTES_DEFAULT = 16 * 1024 * 1024,
    DOR_CLIENT_TICKETS = 4 /* of one place: what servers send after one handshake, and as many */
};

/** NULL when out of memory. */
dor_client_sessions *dor__client_sessions_new(void);
dor_client_sessions *dor__client_sessions_ref(dor_client_sessions *sessions);
void dor__client_sessions_unref(dor_client_sessions *sessions);

/** Fills settings->session_place for a connection to host and port. For their maker, before they are shared. */
DOR_MUST_USE dor_result dor__settings_set_place(dor_settings *settings, const char *host, uint16_t port);

/** The same host and port by other rules, for settings that were cloned and changed; nothing where no place is set. */
DOR_MUST_USE dor_result dor__settings_renew_place(dor_settings *settings);

/** What a connection with these settings should resume: a reference, or NULL. A ticket is gone from here then. */
dor_session *dor__client_sessions_take(dor_client_sessions *sessions, const dor_settings *settings,
                                       int64_t now_ms);

/** Remembers a session if settings say so. Without memory it is just not remembered. */
void dor__client_sessions_put(dor_client_sessions *sessions, const dor_settings *settings,
                              dor_session *session);

/** A fatal alert: nothing of this place is resumed any more (RFC 5246 section 7.2.2). */
void dor__client_sessions_forget(dor_client_sessions *sessions, const dor_settings *settings);

/** Other bounds; what exceeds them goes at once. max_servers 0: nothing is remembered. */
void dor__client_sessions_limit(dor_client_sessions *sessions, size_t max_servers, size_t max_bytes);

/** Those of a runtime; a reference, or NULL: it has had no sockets yet. local.c */
dor_client_sessions *dor__ssl_clients(dor_runtime *runtime);

void dor__client_sessions_statistics(dor_client_sessions *sessions, dor_session_statistics *statistics);

#endif
