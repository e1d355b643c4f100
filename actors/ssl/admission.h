/*
 * admission.h - whether a listener's shards may accept, and the figures of it; see admission.c.
 */
#ifndef DOR_SSL_ADMISSION_H
#define DOR_SSL_ADMISSION_H

#include "ssl/listener.h"

typedef enum dor_admission {
    DOR_ADMIT_NOW,
    DOR_ADMIT_REST, /* until a demand comes */
    DOR_ADMIT_LATER /* in wait_ms */
} dor_admission;

/** What goes with the answer. NOW: a handshake is counted, and settings is a reference. */
typedef struct dor_admitted {
    dor_settings *settings;
    uint32_t wait_ms;
    bool token; /* one of the rate's is taken */
} dor_admitted;

/** last: the listener has closed, and what is in the backlog is taken whatever the limits say. */
dor_admission dor__listening_admit(dor_listening *listening, unsigned shard, bool last, uint64_t now_ms,
                                   dor_admitted *admitted);
/** The shard goes about something else, whatever it was admitted to. */
void dor__listening_taken(dor_listening *listening, unsigned shard);

/** A handshake has ended, or there will be none; admitted (may be NULL): then neither was there a connection. */
void dor__listening_handshake_over(dor_listening *listening, dor_admitted *admitted);

/** CLOSED when it closes already. */
DOR_MUST_USE dor_result dor__listening_suspend(dor_listening *listening, bool suspend);
/** Waits until nothing is being accepted any more; not on a scheduler. */
void dor__listening_await_suspended(dor_listening *listening);

/** What a shard listens by: looked at for figures, until it is -1. */
void dor__listening_shard_descriptor(dor_listening *listening, unsigned shard, int fd);

static inline void dor__listening_count(dor_listening *listening, dor_listener_figure which)
{
    /* relaxed: a figure that orders nothing. */
    atomic_fetch_add_explicit(&listening->figures[which], 1, memory_order_relaxed);
}

void dor__listening_statistics(dor_listening *listening, dor_listener_statistics *statistics);

#endif
