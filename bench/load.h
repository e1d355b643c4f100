/*
 * load.h - the other end of every measurement: an OpenSSL client, the same for each server that is compared.
 *
 * All functions return 0, or -1 with a word on stderr. Only loopback.
 */
#ifndef DOR_BENCH_LOAD_H
#define DOR_BENCH_LOAD_H

#include <stddef.h>
#include <stdint.h>

typedef struct load_spec {
    int port;
    int tls12;         /* else TLS 1.3 */
    const char *suite; /* OpenSSL's name, or NULL for its default */
    const char *group; /* or NULL */
    int resume;        /* handshakes resume the first one's session */
} load_spec;

/** `count` handshakes, one after the other on each of `threads` threads, each connection closed in both directions. */
int load_handshakes(const load_spec *spec, int count, int threads);

/** Sends `bytes` over one connection in writes of 16 KiB and waits until the server has seen the end of them. */
int load_discard(const load_spec *spec, uint64_t bytes);

/** Sends `count` messages of `len` bytes over one connection, each after the echo of the one before. */
int load_echo(const load_spec *spec, size_t len, int count);

/** Sends `bytes` while the echo is read back by another thread. */
int load_bulk_echo(const load_spec *spec, uint64_t bytes);

typedef struct load_idle load_idle;

/** Opens `count` connections that say nothing, each after one exchange of a byte if `spoken`; *idle holds them. */
int load_idle_open(const load_spec *spec, int count, int spoken, load_idle **idle);
void load_idle_close(load_idle *idle);

/** Writes a P-256 certificate and its key for localhost into two PEM files. */
int load_make_certificate(const char *cert_path, const char *key_path);

/** Moves the calling thread, and those it starts, to the first processor (0) or the second (1). */
void load_pin(int processor);

#endif
