/*
 * socket_send_limit.c - option send_timeout: who waits for a send is told DOR_E_TIMEOUT when its last byte has not been taken
 * by the system in time.
 *
 * Each send that is limited has a timer of its own, made with it: connections without the option, and quiet ones with it,
 * pay nothing. A send of which nothing has been sealed is withdrawn; what has been begun goes on (a packet is never
 * torn, and records follow each other), and there is at most DOR_SEAL_AHEAD of that. So who sends again and again to a
 * peer that takes nothing makes the queue no longer.
 */
#include "ssl/connection.h"
#include "base/alloc.h"

enum { RETRY_MS = 100 };

struct dor_send_limit {
    dor_timer timer;
    dor_connection *c;
    dor_message *message;
};

static void on_limit(dor_timer *timer)
{
    dor_send_limit *limit = DOR_CONTAINER_OF(timer, dor_send_limit, timer);
    dor_connection *c = limit->c;
    bool ends = c->settings->send_timeout_close && c->state == DOR_CONN_OPEN;
    if (!dor__conn_expire_send(c, limit->message)) {
        dor__timer_start(c->local->scheduler, timer, RETRY_MS, on_limit);
        return;
    }
    if (ends) {
        dor__conn_fail(c, dor__error(DOR_E_TIMEOUT));
        dor__conn_shut(c); /* the peer takes nothing, no alert either */
    }
    dor__conn_settle(c);
}

dor_result dor__conn_limit_send(dor_connection *c, dor_message *message)
{
    dor_send_request *send = dor__request_of(message);
    const dor_settings *settings = c->settings;
    bool somebody_cares = send->request.reply_to != DOR_PID_NONE || settings->send_timeout_close;
    if (settings->send_timeout_ms == DOR_INFINITY || !somebody_cares) return DOR_SUCCESS;
    send->limit = dor__calloc(1, sizeof *send->limit);
    if (!send->limit) return dor__error(DOR_E_NOMEM);
    send->limit->c = c;
    send->limit->message = message;
    dor__timer_start(c->local->scheduler, &send->limit->timer, settings->send_timeout_ms, on_limit);
    return DOR_SUCCESS;
}

void dor__conn_unlimit_send(dor_connection *c, dor_send_request *send)
{
    if (!send->limit) return;
    dor__timer_stop(c->local->scheduler, &send->limit->timer);
    dor__free(send->limit);
    send->limit = NULL;
}
