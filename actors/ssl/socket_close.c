/*
 * socket_close.c - how connections end.
 *
 *   OPEN -> FLUSHING   what was accepted for sending is sealed and written, close_notify behind it (or an alert alone)
 *        -> DRAINING   FIN is sent; what still comes is read and dropped until the peer's FIN
 *        -> SHUT       the descriptor is closed
 *
 * Draining is what keeps data safe: the kernel answers bytes that come after close() with a reset, and a reset destroys
 * what the peer has received and not read yet, our last data and alert included. FLUSHING and DRAINING together
 * take at most linger_ms, and nobody waits for them.
 */
#include "ssl/connection.h"
#include "ssl/listener.h"

/* After a handshake that came to nothing there is an alert to be seen by the peer, and no data to be saved. */
enum { FAILED_LINGER_MS = 1000 };

static void on_linger_over(dor_timer *timer)
{
    dor_connection *c = DOR_CONTAINER_OF(timer, dor_connection, timer);
    dor__conn_fail_sends(c, dor__error(DOR_E_TIMEOUT));
    dor__conn_shut(c);
    dor__conn_settle(c);
}

static void wake_for_good(dor_connection *c)
{
    dor__timer_stop(c->local->scheduler, &c->timer);
    if (c->asleep) dor__count(c->local, DOR_COUNT_HIBERNATED, -1);
    c->asleep = false;
}

void dor__conn_begin_close(dor_connection *c, bool graceful)
{
    dor_conn_state from = c->state;
    if (from >= DOR_CONN_FLUSHING) return;
    wake_for_good(c);
    if (from == DOR_CONN_CONNECTING) dor__conn_connect_cancel(c);
    if (from == DOR_CONN_DOWNGRADING) dor__conn_downgrade_failed(c, dor__error(DOR_E_CLOSED));
    dor__conn_second_over(c, dor__error(c->end_code ? c->end_code : DOR_E_CLOSED));
    bool open = from == DOR_CONN_OPEN || from == DOR_CONN_DOWNGRADING;
    if (!c->transport || !c->tls || c->write_side == DOR_WRITE_BROKEN) {
        dor__conn_shut(c);
        return;
    }
    c->state = DOR_CONN_FLUSHING;
    if (!graceful || !open) {
        if (graceful) dor__ignore(dor__tls_close(c->tls)); /* without it the peer sees a FIN, which must do */
        dor__conn_fail_sends(c, dor__error(c->end_code ? c->end_code : DOR_E_CLOSED));
        if (c->write_side < DOR_WRITE_ENDED) c->write_side = DOR_WRITE_ENDED;
    } else if (c->write_side == DOR_WRITE_OPEN) {
        c->write_side = DOR_WRITE_ENDING;
    }
    uint32_t linger = c->settings->linger_ms;
    if (!open && linger > FAILED_LINGER_MS) linger = FAILED_LINGER_MS;
    dor__timer_start(c->local->scheduler, &c->timer, linger, on_linger_over);
    dor__conn_flush_later(c);
}

void dor__conn_drain(dor_connection *c)
{
    size_t budget = DOR_READ_BUDGET;
    while (c->transport && !c->peer_fin) {
        size_t got = 0;
        dor_io io = c->transport->ops->read_some(c->transport, c->local->receive, DOR_RECEIVE_LEN, &got);
        if (io == DOR_IO_AGAIN) return;
        if (io == DOR_IO_DONE) {
            if (got >= budget) return; /* goes on in the next turn, until linger is over */
            budget -= got;
            continue;
        }
        c->peer_fin = true;
        if (io == DOR_IO_FAILED) dor__conn_shut(c);
    }
    if (c->state == DOR_CONN_DRAINING) dor__conn_shut(c);
}

void dor__conn_output_done(dor_connection *c)
{
    bool peer_done = c->peer_fin || c->peer_closed;
    if (c->state == DOR_CONN_DOWNGRADING) {
        dor__conn_downgrade_written(c);
        return;
    }
    if (c->write_side == DOR_WRITE_ENDED) {
        c->transport->ops->shutdown_write(c->transport);
        c->write_side = DOR_WRITE_FIN;
    }
    if (c->write_side != DOR_WRITE_FIN) return;
    if (c->state == DOR_CONN_OPEN && c->read_end) {
        dor__conn_begin_close(c, false); /* half-closed by the peer before, now by us, too */
        return;
    }
    if (c->state != DOR_CONN_FLUSHING) return;
    c->state = DOR_CONN_DRAINING;
    dor__conn_drain(c); /* takes away what is there already, and finds the peer's FIN if it has come */
    if (c->state == DOR_CONN_DRAINING && (peer_done || c->stopping || c->settings->linger_ms == 0))
        dor__conn_shut(c);
    if (c->state == DOR_CONN_DRAINING && !c->mailbox) {
        dor__tls_free(c->tls); /* nobody can ask about the connection any more */
        c->tls = NULL;
    }
}

void dor__conn_shut(dor_connection *c)
{
    if (c->state == DOR_CONN_SHUT) return;
    if (c->state == DOR_CONN_CONNECTING) dor__conn_connect_cancel(c);
    dor__conn_downgrade_failed(c, dor__error(DOR_E_CLOSED));
    dor__conn_second_over(c, dor__error(c->end_code ? c->end_code : DOR_E_CLOSED));
    wake_for_good(c);
    c->state = DOR_CONN_SHUT;
    dor__scheduler_undefer(c->local->scheduler, &c->flush);
    dor__conn_fail_sends(c, dor__error(c->end_code ? c->end_code : DOR_E_CLOSED));
    if (c->transport) c->transport->ops->close(c->transport);
    c->transport = NULL;
    c->blocked = false;
    dor__conn_shaken(c);
    if (c->counted) {
        dor__count(c->local, DOR_COUNT_CONNECTIONS, -1);
        if (c->listening) dor__listening_leave(c->listening);
    }
    c->counted = false;
    dor__tls_free(c->tls);
    c->tls = NULL;
    if (c->mailbox && !c->read_end) dor__conn_input_ended(c, DOR_E_CLOSED);
}

void dor__conn_fail(dor_connection *c, dor_result why)
{
    if (c->state < DOR_CONN_OPEN) {
        dor__conn_open_failed(c, why);
        return;
    }
    if (dor_error_get_alert(why.code) >= 0) dor__conn_log(c, "connection", why.code);
    dor__conn_forget_session(c, why);
    if (c->read_end)
        dor__conn_begin_close(c,
                              false); /* the owner knows of an end already; this one concerns the writing */
    else
        dor__conn_input_ended(c, why.code);
}

void dor__conn_close_by(dor_connection *c, dor_pid caller)
{
    bool owner = c->mailbox && dor__event_mailbox_owner(c->mailbox) == caller;
    if (c->mailbox && !owner && c->active && !c->end_told && c->state == DOR_CONN_OPEN)
        (void)dor__conn_post(c, DOR_MSG_SSL_CLOSED, DOR_OK,
                             NULL); /* somebody else did it, so the owner is told */
    dor__conn_retire(c, owner);
    dor__conn_answer_recv(c, dor__error(DOR_E_CLOSED), NULL);
    dor__bytes_free(&c->input);
    c->input_taken = 0;
    if (c->state < DOR_CONN_OPEN)
        dor__conn_open_failed(c, dor__error(DOR_E_CLOSED));
    else
        dor__conn_begin_close(c, true);
}
