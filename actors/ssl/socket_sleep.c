/*
 * socket_sleep.c - hibernation: after hibernate_after_ms without activity a connection lets go of what can be made again.
 *
 * Activity only writes a stamp. One timer per open connection looks at the stamp when it fires and, if something has
 * happened since, arms itself for the rest of the time: a busy connection pays four bytes written per event, not a
 * timer re-armed. What sleeps keeps keys, sequence numbers, the beginning of a record, queued sends and an outstanding
 * recv; the engine makes its cipher contexts again by itself when it is next used.
 */
#include "ssl/connection.h"

enum { BUSY_MS = 100 }; /* hibernate_after may be 0 */

static uint32_t idle_ms(const dor_connection *c)
{
    return (uint32_t)dor__scheduler_now_ms(c->local->scheduler) -
           c->stamp_ms; /* wraps after 49 days, harmlessly */
}

static void fall_asleep(dor_connection *c)
{
    if (dor__conn_input_len(c) == 0) {
        dor__bytes_free(&c->input);
        c->input_taken = 0;
    }
    if (!dor__conn_has_output(c)) dor__bytes_free(dor__tls_output(c->tls));
    dor__tls_sleep(c->tls);
    c->asleep = true;
    dor__count(c->local, DOR_COUNT_HIBERNATED, 1);
}

/* Up to an eighth on top, by the handle: connections that came together do not all fall asleep in one turn. */
static uint32_t jitter(const dor_connection *c, uint32_t ms)
{
    uint64_t hash = c->handle * 0x9e3779b97f4a7c15u;
    return (uint32_t)((hash >> 32) % (ms / 8 + 1));
}

void dor__conn_sleep_timer(dor_timer *timer)
{
    dor_connection *c = DOR_CONTAINER_OF(timer, dor_connection, timer);
    uint32_t after = c->settings->hibernate_after_ms, idle = idle_ms(c);
    if (c->state == DOR_CONN_OPEN) {
        /* A handshake is no sleep, even if the peer takes its time with it. */
        bool busy = dor__tls_in_second(c->tls);
        if (idle >= after && !busy)
            fall_asleep(c);
        else
            dor__timer_start(c->local->scheduler, &c->timer,
                             (busy ? after + BUSY_MS : after - idle) + jitter(c, after),
                             dor__conn_sleep_timer);
    }
    dor__conn_settle(c);
}

void dor__conn_sleep_later(dor_connection *c)
{
    uint32_t after = c->settings->hibernate_after_ms;
    if (after == DOR_INFINITY || c->state != DOR_CONN_OPEN) return;
    dor__timer_start(c->local->scheduler, &c->timer, after + jitter(c, after), dor__conn_sleep_timer);
}

void dor__conn_touch(dor_connection *c)
{
    c->stamp_ms = (uint32_t)dor__scheduler_now_ms(c->local->scheduler);
    if (!c->asleep) return;
    c->asleep = false;
    dor__count(c->local, DOR_COUNT_HIBERNATED, -1);
    dor__conn_sleep_later(c);
}
