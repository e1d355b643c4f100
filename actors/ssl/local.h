/*
 * local.h - what the ssl application keeps once per scheduler and lends to whichever socket is at work: the receive
 * buffer, room to put small sends together, an output buffer, randomness, the clock, and the counters of statistics.
 *
 * So a connection that has nothing to do owns none of these.
 *
 * Owning thread: the scheduler's. Only the counters are read by others, with relaxed loads: each is written by one
 * thread, stands for itself, and orders nothing.
 */
#ifndef DOR_SSL_LOCAL_H
#define DOR_SSL_LOCAL_H

#include "runtime/scheduler.h"
#include "ssl/client_sessions.h"
#include "tls/engine.h"
#include <dormouse/ssl.h>
#include <stdatomic.h>

enum {
    DOR_RECEIVE_LEN = 64 * 1024, /* one read takes at most so much: four full records and then some */
    DOR_RECORD_LEN =
        16 * 1024, /* the plaintext of one record (RFC 8446 section 5.1), and of what is put together */
    DOR_SPARE_OUTPUT_MAX = 256 * 1024 /* a larger output buffer is not kept for the next one */
};

typedef enum dor_counter {
    DOR_COUNT_CONNECTIONS, /* present number; the others but HIBERNATED only grow */
    DOR_COUNT_HIBERNATED,
    DOR_COUNT_ACCEPTED,
    DOR_COUNT_REFUSED,
    DOR_COUNT_HANDSHAKES,
    DOR_COUNT_HANDSHAKES_FAILED,
    DOR_COUNT_BYTES_IN,
    DOR_COUNT_BYTES_OUT,
    DOR_COUNTERS
} dor_counter;

typedef struct dor_session_sweep dor_session_sweep; /* session_sweep.c */

typedef struct dor_ssl_local {
    dor_scheduler *scheduler;
    uint8_t *receive; /* DOR_RECEIVE_LEN */
    uint8_t *gather;  /* DOR_RECORD_LEN */
    dor_bytes output; /* empty (no memory) while a socket has it */
    dor_rng *rng;
    dor_tls_env env;
    int reserve_fd;               /* given up for a moment when descriptors run out (acceptor.c) */
    dor_session_sweep *sweeps;    /* of session keepers that this scheduler looks after */
    dor_client_sessions *clients; /* the runtime's; NULL when there was no memory for it */
    dor_runtime *runtime;
    struct dor_ssl_local *next; /* all of the process, for statistics */
    _Atomic uint64_t counters[DOR_COUNTERS];
} dor_ssl_local;

/** For a failure that its caller can do nothing about; say why not. */
static inline void dor__ignore(dor_result result)
{
    (void)result;
}

/** The calling scheduler's; NULL when out of memory or of randomness. */
dor_ssl_local *dor__ssl_local(dor_scheduler *s);

static inline void dor__count(dor_ssl_local *local, dor_counter which, int64_t more)
{
    /* relaxed: this thread is the only writer, and readers want no more than a recent value. */
    uint64_t now = atomic_load_explicit(&local->counters[which], memory_order_relaxed);
    atomic_store_explicit(&local->counters[which], now + (uint64_t)more, memory_order_relaxed);
}

/** The scheduler ends, and so does its looking after session keepers. */
void dor__session_sweeps_end(dor_ssl_local *local);

/** Sums over a runtime's schedulers. Any thread. */
void dor__ssl_statistics(dor_runtime *runtime, dor_ssl_statistics *statistics);

#endif
