/*
 * socket_second.c - second handshakes on an open connection: renegotiation (TLS 1.2) and a client's certificate that is asked
 * for later (TLS 1.3).
 *
 * The engine runs them beside the data. What is here: the calls that begin one and wait for its outcome, the time that it may
 * take, and a close that finds one under way.
 *
 *   the call's own time    its caller is told, and the connection goes on; the peer may still come to it
 *   handshake_timeout      from its first message to its last, whoever began it; then the connection ends. Time in which nothing
 *                          is read because the owner does not take what there is does not count.
 *
 * During a renegotiation nothing can be sent, and sends wait in their queue. A close waits for its end, too, if there are any,
 * within linger_ms: until then what comes goes to the engine, and data of the peer's is dropped.
 *
 * The block (dor_second) hangs at the opening, and is there while somebody waits or one runs.
 *
 * Owning thread: the connection's scheduler.
 */
#include "ssl/connection.h"
#include "base/alloc.h"

struct dor_second {
    dor_connection *c;
    dor_message *request;   /* who waits for the outcome; or NULL */
    uint64_t request_by_ms; /* on the scheduler's clock; 0: whenever */
    uint64_t over_by_ms;    /* likewise, while one runs */
    dor_timer timer;
    bool running;
};

static dor_second *second_of(const dor_connection *c)
{
    return c->opening ? c->opening->second : NULL;
}

/* ---- the block ------------------------------------------------------------------------------------------------------ */

static dor_result need_second(dor_connection *c)
{
    if (second_of(c)) return DOR_SUCCESS;
    if (!c->opening && !(c->opening = dor__calloc(1, sizeof *c->opening))) return dor__error(DOR_E_NOMEM);
    dor_second *second = dor__calloc(1, sizeof *second);
    if (!second) return dor__error(DOR_E_NOMEM); /* an empty opening does no harm */
    second->c = c;
    c->opening->second = second;
    return DOR_SUCCESS;
}

void dor__conn_second_over(dor_connection *c, dor_result why)
{
    dor_second *second = second_of(c);
    if (!second) return;
    c->opening->second = NULL;
    dor__timer_stop(c->local->scheduler, &second->timer);
    if (second->request) dor__request_answer(second->request, why, NULL);
    dor__free(second);
}

/* Nobody waits, and none runs: what was made for it goes. */
static void release_idle(dor_connection *c)
{
    const dor_second *second = second_of(c);
    if (c->state != DOR_CONN_OPEN || !c->opening) return;
    if (second && (second->request || second->running)) return;
    dor__conn_second_over(c, DOR_SUCCESS);
    if (!c->opening->asking && c->opening->rest.len == 0) dor__conn_free_opening(c);
}

/* ---- time ----------------------------------------------------------------------------------------------------------- */

static void on_timer(dor_timer *timer);

static void set_timer(dor_second *second)
{
    dor_scheduler *s = second->c->local->scheduler;
    uint64_t now = dor__scheduler_now_ms(s), by = second->request ? second->request_by_ms : 0;
    if (second->over_by_ms && (!by || second->over_by_ms < by)) by = second->over_by_ms;
    if (by)
        dor__timer_start(s, &second->timer, by > now ? (uint32_t)(by - now) : 0, on_timer);
    else
        dor__timer_stop(s, &second->timer);
}

static uint64_t time_after(const dor_connection *c, uint32_t ms)
{
    return ms == DOR_INFINITY ? 0 : dor__scheduler_now_ms(c->local->scheduler) + ms;
}

static void answer(dor_second *second, dor_result result)
{
    dor_message *request = second->request;
    second->request = NULL;
    if (request) dor__request_answer(request, result, NULL);
}

/* It has taken too long. Sends that wait for it have no way out any more. */
static void out_of_time(dor_connection *c)
{
    const dor_result why = dor__error(DOR_E_TIMEOUT);
    dor__conn_second_over(c, why);
    dor__conn_fail_sends(c, why);
    dor__conn_fail(c, why);
}

static void on_timer(dor_timer *timer)
{
    dor_second *second = DOR_CONTAINER_OF(timer, dor_second, timer);
    dor_connection *c = second->c;
    const uint64_t now = dor__scheduler_now_ms(c->local->scheduler);
    const bool owner_is_slow = !dor__conn_wants_read(c) && !dor__conn_asks(c);
    if (second->over_by_ms && now >= second->over_by_ms && !owner_is_slow) {
        out_of_time(c);
        dor__conn_settle(c);
        return;
    }
    if (second->over_by_ms && now >= second->over_by_ms)
        second->over_by_ms = time_after(c, c->settings->handshake_timeout_ms);
    if (second->request && second->request_by_ms && now >= second->request_by_ms)
        answer(second, dor__error(DOR_E_TIMEOUT));
    set_timer(second);
    release_idle(c);
    dor__conn_settle(c);
}

void dor__conn_watch_second(dor_connection *c)
{
    if (c->state != DOR_CONN_OPEN || !c->tls) return;
    const bool running = dor__tls_in_second(c->tls);
    if (!running && !second_of(c)) return;
    dor_result r = need_second(c);
    if (dor__failed(r)) {
        dor__conn_fail(c, r);
        return;
    }
    dor_second *second = second_of(c);
    if (second->running == running) return;
    second->running = running;
    second->over_by_ms = running ? time_after(c, c->settings->handshake_timeout_ms) : 0;
    set_timer(second);
    release_idle(c);
}

/* ---- beginning ------------------------------------------------------------------------------------------------------ */

static dor_result may_begin(const dor_connection *c)
{
    const dor_second *second = second_of(c);
    if (c->state < DOR_CONN_OPEN) return dor__error(DOR_E_ENOTCONN);
    if (c->state > DOR_CONN_OPEN || c->write_side != DOR_WRITE_OPEN || c->read_end)
        return dor__error(DOR_E_CLOSED);
    return second && second->request ? dor__error(DOR_E_EALREADY) : DOR_SUCCESS;
}

static dor_result begin(dor_connection *c, uint32_t type)
{
    DOR_TRY(may_begin(c));
    DOR_TRY(need_second(c));
    dor__conn_touch(c);
    dor__conn_lend_output(c);
    return type == DOR_MSG_SSL_RENEGOTIATE ? dor__tls_renegotiate(c->tls)
                                           : dor__tls_request_certificate(c->tls);
}

void dor__conn_second(dor_connection *c, dor_message *message)
{
    const dor_ssl_request *request = dor__request_of(message);
    dor_result r = begin(c, message->type);
    if (dor__failed(r)) {
        dor__request_answer(message, r, NULL);
        if (c->state == DOR_CONN_OPEN && dor__failed(dor__tls_error(c->tls))) dor__conn_fail(c, r);
        release_idle(c);
        return;
    }
    dor_second *second = second_of(c);
    second->request = message;
    second->request_by_ms = time_after(c, request->timeout_ms);
    set_timer(second);
    dor__conn_flush_later(c);
}

void dor__conn_second_event(dor_connection *c, dor_tls_event_kind kind)
{
    dor_second *second = second_of(c);
    if (kind == DOR_TLS_EVENT_RENEGOTIATED && !c->server) dor__conn_remember_session(c);
    if (second) {
        second->running = false; /* the next one has time of its own */
        second->over_by_ms = 0;
        answer(second, kind == DOR_TLS_EVENT_RENEGOTIATION_REFUSED ? dor__error(DOR_E_RENEGOTIATION_REFUSED)
                                                                   : DOR_SUCCESS);
        set_timer(second);
        release_idle(c);
    }
    dor__conn_flush_later(c); /* what has waited */
}

/* ---- a close that finds one under way -------------------------------------------------------------------------------- */

bool dor__conn_finishing_second(const dor_connection *c)
{
    return c->state == DOR_CONN_FLUSHING && c->tls && c->send_next && dor__tls_sends_wait(c->tls);
}

void dor__conn_second_failed(dor_connection *c, dor_result why)
{
    dor__conn_fail_sends(c, why); /* so that the close goes on: with our alert, or close_notify */
    if (dor__failed(dor__tls_error(c->tls)) && c->write_side < DOR_WRITE_ENDED)
        c->write_side = DOR_WRITE_ENDED;
    dor__conn_flush_later(c);
}

void dor__conn_feed_second(dor_connection *c, uint8_t *data, size_t len)
{
    dor_tls_event event;
    if (dor__conn_keep(c, dor__span(data, len))) return;
    do {
        size_t used = 0;
        event = (dor_tls_event){0};
        dor_result r = dor__tls_receive(c->tls, data, len, &used, &event);
        if (dor__failed(r)) {
            dor__conn_second_failed(c, r);
            return;
        }
        data += used;
        len -= used;
        if (event.kind == DOR_TLS_EVENT_TICKET) dor__session_unref(event.session);
        if (event.kind == DOR_TLS_EVENT_CLOSED) c->peer_closed = true;
        if (event.kind == DOR_TLS_EVENT_QUESTION && !dor__conn_question(c, dor__span(data, len))) return;
    } while (event.kind != DOR_TLS_EVENT_NONE && !c->peer_closed);
    dor__conn_flush_later(c);
}

void dor__conn_second_readable(dor_connection *c)
{
    size_t budget = DOR_READ_BUDGET;
    while (dor__conn_finishing_second(c) && !dor__conn_asks(c) && budget) {
        size_t got = 0;
        dor_io io = c->transport->ops->read_some(c->transport, c->local->receive, DOR_RECEIVE_LEN, &got);
        if (io == DOR_IO_AGAIN) return;
        if (io != DOR_IO_DONE) {
            c->peer_fin = true;
            dor__conn_second_failed(c, io == DOR_IO_END ? dor__error(DOR_E_TRUNCATED) : c->transport->error);
            if (io == DOR_IO_FAILED) dor__conn_shut(c);
            return;
        }
        budget -= got < budget ? got : budget;
        dor__conn_feed_second(c, c->local->receive, got);
    }
}
