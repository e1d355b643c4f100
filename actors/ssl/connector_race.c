/*
 * connector_race.c - attempts to connect that run side by side (RFC 8305 section 5): each begins a little after the one
 * before it, at once when that one has failed, and the first that connects wins. All are under the call's one deadline.
 *
 * Invariant: while a race runs, an attempt is under way; with none, the next target is tried within the same entry, or the
 * call fails.
 *
 * Owning thread: the connection's scheduler.
 */
#include "ssl/connector.h"
#include "ssl/tcp.h"

#include <errno.h>

/* While others wait for room, the oldest attempt gets no more than this, nor more than its share of the call's time. */
enum { ATTEMPT_MS = 10000 };

static void begin_next(dor_connection *c);

/* ---- how it went ------------------------------------------------------------------------------------------------- */

/*
 * What says most about why there is no connection: that somebody refused it; that nobody answered; and last that this
 * machine has no way to such addresses, which is the usual state of one of the two families.
 */
static int weight(dor_result r)
{
    switch (dor_error_get_errno(r.code)) {
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EAFNOSUPPORT:
    case EADDRNOTAVAIL: return 1;
    case ETIMEDOUT: return 2;
    default: return r.code == DOR_E_TIMEOUT ? 2 : 3;
    }
}

static dor_result most_telling(const dor_connecting *connecting)
{
    dor_result best = dor__error(DOR_E_NXDOMAIN);
    int best_weight = 0;
    for (size_t i = 0; i < connecting->next; i++) {
        if (dor__ok(connecting->results[i]) || weight(connecting->results[i]) < best_weight) continue;
        best = connecting->results[i];
        best_weight = weight(best);
    }
    return best;
}

/* With one address the answer to the call says it all. */
void dor__conn_connect_log(dor_connection *c, dor_result why)
{
    const dor_connecting *connecting = c->opening ? c->opening->connecting : NULL;
    bool worth_it = dor_error_get_class(why.code) == DOR_CLASS_IO || why.code == DOR_E_TIMEOUT;
    if (!connecting || !worth_it || connecting->next < 2) return;
    for (size_t i = 0; i < connecting->next; i++) {
        const dor_target *target = &connecting->targets.items[i];
        dor_result r = connecting->results[i];
        dor_address address;
        dor__tcp_format(&target->any, dor__target_len(target), &address);
        dor__address_text(&address, c->opening->peer, sizeof c->opening->peer);
        dor__conn_log(c, "connect", dor__ok(r) ? DOR_E_TIMEOUT : r.code);
    }
}

/* ---- attempts ---------------------------------------------------------------------------------------------------- */

static dor_attempt *find(dor_connecting *connecting, bool under_way)
{
    for (size_t i = 0; i < connecting->attempts_max; i++)
        if ((connecting->attempts[i].transport != NULL) == under_way) return &connecting->attempts[i];
    return NULL;
}

static void end_attempt(dor_attempt *attempt, dor_result why)
{
    attempt->transport->ops->close(attempt->transport);
    attempt->transport = NULL;
    attempt->connecting->results[attempt->target] = why;
}

void dor__race_stop(dor_connecting *connecting)
{
    dor__timer_stop(connecting->scheduler, &connecting->timer);
    for (dor_attempt *attempt; (attempt = find(connecting, true));)
        end_attempt(attempt, dor__error(DOR_E_CANCELLED));
}

static void on_ready(void *user, unsigned events)
{
    dor_attempt *attempt = user;
    dor_connecting *connecting = attempt->connecting;
    dor_connection *c = connecting->c;
    dor_result r = attempt->transport->ops->connected(attempt->transport);
    (void)events;
    if (dor__ok(r)) {
        c->transport = attempt->transport;
        attempt->transport = NULL;
        c->transport->ready = dor__conn_ready;
        c->transport->user = c;
        dor__connector_up(c);
    } else {
        end_attempt(attempt, r);
        /* Others may still be under way: then only what waits for this one begins now. */
        if (attempt->target == connecting->latest || connecting->full || !find(connecting, true))
            begin_next(c);
    }
    dor__conn_settle(c);
}

static void end_oldest(dor_connecting *connecting)
{
    dor_attempt *oldest = find(connecting, true);
    for (size_t i = 0; i < connecting->attempts_max; i++) {
        dor_attempt *attempt = &connecting->attempts[i];
        if (attempt->transport && attempt->target < oldest->target) oldest = attempt;
    }
    if (oldest) end_attempt(oldest, dor__error(DOR_E_TIMEOUT));
}

static void on_timer(dor_timer *timer)
{
    dor_connecting *connecting = DOR_CONTAINER_OF(timer, dor_connecting, timer);
    dor_connection *c = connecting->c;
    if (connecting->full) end_oldest(connecting);
    begin_next(c);
    dor__conn_settle(c);
}

static void wait_for_room(dor_connection *c)
{
    dor_connecting *connecting = c->opening->connecting;
    uint64_t now = dor__scheduler_now_ms(connecting->scheduler), deadline = c->opening->deadline_ms;
    uint64_t ms = ATTEMPT_MS, share = deadline > now ? deadline - now : 1;
    share /= connecting->targets.count - connecting->next + 1;
    if (deadline && share < ms) ms = share ? share : 1;
    connecting->full = true;
    dor__timer_start(connecting->scheduler, &connecting->timer, (uint32_t)ms, on_timer);
}

static dor_result begin(dor_connection *c, dor_attempt *attempt)
{
    dor_connecting *connecting = c->opening->connecting;
    const dor_target *target = &connecting->targets.items[connecting->next];
    dor_transport *transport;
    attempt->connecting = connecting;
    attempt->target = connecting->latest = connecting->next++;
    dor_result r = dor__tcp_connect(&transport, connecting->scheduler, &target->any, dor__target_len(target),
                                    c->settings, on_ready, attempt);
    if (dor__ok(r))
        attempt->transport = transport;
    else
        connecting->results[attempt->target] = r;
    return r;
}

static void begin_next(dor_connection *c)
{
    dor_connecting *connecting = c->opening->connecting;
    dor__timer_stop(connecting->scheduler, &connecting->timer);
    connecting->full = false;
    for (bool begun = false; !begun && connecting->next < connecting->targets.count;) {
        dor_attempt *room = find(connecting, false);
        if (!room) {
            wait_for_room(c);
            return;
        }
        begun = dor__ok(begin(c, room));
        if (begun && connecting->next < connecting->targets.count)
            dor__timer_start(connecting->scheduler, &connecting->timer, c->settings->attempt_delay_ms,
                             on_timer);
    }
    if (!find(connecting, true)) dor__conn_open_failed(c, most_telling(connecting));
}

void dor__race_start(dor_connection *c)
{
    const dor_settings *s = c->settings;
    /* From one local port that is not to be shared, one at a time. */
    c->opening->connecting->attempts_max = s->local_port && !s->reuseaddr ? 1 : DOR_ATTEMPTS_MAX;
    begin_next(c);
}
