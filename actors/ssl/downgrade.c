/*
 * downgrade.c - from TLS back to plain text: close_notify goes both ways, and the descriptor returns to the owner.
 *
 *   OPEN -> DOWNGRADING   what was accepted for sending is sealed and written, close_notify behind it
 *        -> SHUT          the peer's close_notify has come, too: the descriptor and what came behind it are the reply
 *
 * The peer may be faster: with exit_on_close false its close_notify finds the connection OPEN and leaves it so. Then what
 * came in the same read behind it is kept (dor_opening.rest; one read at most, since nothing is read after that),
 * and the owner's downgrade answers the peer's.
 *
 * After the peer's close_notify not a byte is taken from the descriptor: what is there is not TLS.
 *
 * Owning thread: the connection's scheduler.
 */
#include "ssl/listener.h"
#include "base/alloc.h"
#include "tls/question.h"

/* ---- what came behind ------------------------------------------------------------------------------------------ */

void dor__conn_keep_rest(dor_connection *c, dor_span rest)
{
    bool may_downgrade = c->mailbox && !c->settings->exit_on_close && c->write_side == DOR_WRITE_OPEN;
    if (rest.len == 0 || (c->state != DOR_CONN_DOWNGRADING && !(c->state == DOR_CONN_OPEN && may_downgrade)))
        return;
    if (!c->opening) c->opening = dor__calloc(1, sizeof *c->opening);
    dor_result r = c->opening ? dor__bytes_append(&c->opening->rest, rest) : dor__error(DOR_E_NOMEM);
    if (dor__ok(r)) return;
    /* Part of what the peer said is lost, so nobody may go on as if it were not. */
    if (c->state == DOR_CONN_DOWNGRADING) dor__conn_downgrade_failed(c, r);
    dor__conn_begin_close(c, true);
}

/* ---- the end --------------------------------------------------------------------------------------------------- */

void dor__conn_downgrade_failed(dor_connection *c, dor_result why)
{
    dor_message *request = c->opening ? c->opening->request : NULL;
    if (c->state != DOR_CONN_DOWNGRADING || !request) return;
    c->opening->request = NULL;
    dor__conn_free_opening(c);
    dor__request_answer(request, why, NULL);
}

/* No descriptor to give: it is closed, and the caller told why. */
static void fail(dor_connection *c, dor_result why)
{
    dor__conn_downgrade_failed(c, why);
    dor__conn_shut(c);
}

static void finish(dor_connection *c)
{
    dor_message *request = c->opening->request;
    dor_bytes *rest = &c->opening->rest;
    dor_buffer *data = rest->len ? dor__buffer_new(rest->ptr, rest->len) : NULL;
    if (rest->len && !data) {
        fail(c, dor__error(DOR_E_NOMEM));
        return;
    }
    c->opening->request = NULL;
    dor__conn_free_opening(c);
    ((dor_ssl_request *)dor__request_of(request))->reply.fd = c->transport->ops->detach(c->transport);
    c->transport = NULL;
    dor__request_answer(request, DOR_SUCCESS, data);
    dor__conn_shut(c);
}

static void go_on(dor_connection *c)
{
    if (c->peer_closed && c->write_side == DOR_WRITE_ENDED && !dor__conn_has_output(c)) finish(c);
}

static void on_timeout(dor_timer *timer)
{
    dor_connection *c = DOR_CONTAINER_OF(timer, dor_connection, timer);
    fail(c, dor__error(DOR_E_TIMEOUT));
    dor__conn_settle(c);
}

/* ---- the peer's close_notify ----------------------------------------------------------------------------------- */

/* Data that is under way still was sent to somebody who has said that they take no more; tickets are of no use. */
static dor_result feed(dor_connection *c, uint8_t *data, size_t len)
{
    dor_tls_event event;
    do {
        size_t used = 0;
        event = (dor_tls_event){0};
        DOR_TRY(dor__tls_receive(c->tls, data, len, &used, &event));
        data += used;
        len -= used;
        if (event.kind == DOR_TLS_EVENT_TICKET) dor__session_unref(event.session);
        /* The peer begins a handshake that needs a signature from elsewhere: nobody waits for that any more. */
        if (event.kind == DOR_TLS_EVENT_QUESTION) return dor__tls_refuse(c->tls, dor__error(DOR_E_CANCELLED));
        if (event.kind == DOR_TLS_EVENT_CLOSED) {
            c->peer_closed = true;
            dor__conn_keep_rest(c, dor__span(data, len));
            return DOR_SUCCESS;
        }
    } while (event.kind != DOR_TLS_EVENT_NONE);
    return DOR_SUCCESS;
}

void dor__conn_downgrade_readable(dor_connection *c)
{
    size_t budget = DOR_READ_BUDGET;
    while (c->state == DOR_CONN_DOWNGRADING && !c->peer_closed && budget) {
        size_t got = 0;
        dor_io io = c->transport->ops->read_some(c->transport, c->local->receive, DOR_RECEIVE_LEN, &got);
        if (io == DOR_IO_AGAIN) break;
        if (io != DOR_IO_DONE) {
            c->peer_fin = true;
            fail(c, io == DOR_IO_END ? dor__error(DOR_E_TRUNCATED) : c->transport->error);
            return;
        }
        budget -= got < budget ? got : budget;
        dor_result r = feed(c, c->local->receive, got);
        if (dor__failed(r)) {
            dor__conn_downgrade_failed(c, r);
            dor__conn_begin_close(c, false); /* the engine has an alert for it */
            return;
        }
    }
    if (c->state != DOR_CONN_DOWNGRADING) return;
    /* An answer to the peer's key update; what a renegotiation that it had begun has held up. */
    if (dor__conn_has_output(c) || c->write_side == DOR_WRITE_ENDING) dor__conn_flush_later(c);
    go_on(c);
}

void dor__conn_downgrade_written(dor_connection *c)
{
    go_on(c);
}

/* ---- beginning ------------------------------------------------------------------------------------------------- */

static dor_result may_downgrade(const dor_connection *c, dor_pid caller)
{
    if (c->state < DOR_CONN_OPEN) return dor__error(DOR_E_ENOTCONN);
    if (c->state == DOR_CONN_DOWNGRADING) return dor__error(DOR_E_EALREADY);
    if (c->state != DOR_CONN_OPEN || !c->mailbox) return dor__error(DOR_E_CLOSED);
    if (dor__event_mailbox_owner(c->mailbox) != caller) return dor__error(DOR_E_NOT_OWNER);
    if (c->read_end && !c->peer_closed) return dor__error(c->end_code ? c->end_code : DOR_E_CLOSED);
    if (c->write_side == DOR_WRITE_BROKEN) return dor__error(DOR_E_CLOSED);
    if (c->write_side != DOR_WRITE_OPEN) return dor__error(DOR_E_EINVAL); /* FIN was sent, or will be */
    if (dor__tls_in_second(c->tls)) return dor__error(DOR_E_EALREADY);
    return c->transport->ops->detach ? DOR_SUCCESS : dor__error(DOR_E_NOT_SUPPORTED);
}

void dor__conn_downgrade(dor_connection *c, dor_message *message)
{
    dor_ssl_request *request = dor__request_of(message);
    dor_result r = may_downgrade(c, request->reply_to);
    if (dor__ok(r) && !c->opening && !(c->opening = dor__calloc(1, sizeof *c->opening)))
        r = dor__error(DOR_E_NOMEM);
    if (dor__failed(r)) {
        dor__request_answer(message, r, NULL);
        return;
    }
    dor__conn_touch(c);
    dor__timer_stop(c->local->scheduler, &c->timer);
    dor__conn_second_over(c, dor__error(DOR_E_CLOSED)); /* the peer has not answered yet */
    c->opening->request = message;
    c->state = DOR_CONN_DOWNGRADING;
    c->write_side = DOR_WRITE_ENDING;
    c->read_end = c->end_told = true; /* the reply is what ends it for the owner */
    dor__conn_answer_recv(c, dor__error(DOR_E_CLOSED), NULL);
    dor__bytes_free(&c->input);
    c->input_taken = 0;
    if (request->timeout_ms != DOR_INFINITY)
        dor__timer_start(c->local->scheduler, &c->timer, request->timeout_ms, on_timeout);
    dor__conn_flush_later(c);
}
