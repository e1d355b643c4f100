/*
 * socket_send.c - from dor_ssl_send to the descriptor.
 *
 * Accepted data waits in a queue of counted buffers. It is sealed into records at most DOR_SEAL_AHEAD bytes before the
 * system takes them, so a slow peer costs the queue (which the water marks bound) and a little ciphertext. Small sends
 * are put together into one record; all sends of a turn leave in one write. A send is over, and answered, when its last
 * ciphertext byte has been handed to the system.
 *
 * While a renegotiation runs nothing is sealed, and close_notify follows what waits (socket_second.c).
 *
 * Nothing here waits: when the system takes no more, `blocked` asks for writability and the rest goes on then. Reading
 * does not depend on it, so two ends that both send without reading fill their queues and are told BUSY, no worse.
 */
#include "ssl/connection.h"

static dor_send_request *send_of(dor_message *message)
{
    return dor_message_payload(message);
}

/* ---- the queue ------------------------------------------------------------------------------------------------ */

static void finish_send(dor_connection *c, dor_message *message, dor_result result)
{
    dor_send_request *send = send_of(message);
    dor__conn_unlimit_send(c, send);
    bool writable = c->mailbox && dor__event_mailbox_sent(c->mailbox, send->reserved, c->settings->send_low);
    dor__request_answer(message, result, NULL);
    if (writable && dor__ok(result)) (void)dor__conn_post(c, DOR_MSG_SSL_WRITABLE, DOR_OK, NULL);
}

static dor_message *pop_send(dor_connection *c)
{
    dor_message *message = c->send_first;
    c->send_first = send_of(message)->next;
    if (!c->send_first) c->send_last = NULL;
    if (c->send_next == message) c->send_next = c->send_first;
    return message;
}

void dor__conn_fail_sends(dor_connection *c, dor_result why)
{
    while (c->send_first)
        finish_send(c, pop_send(c), why);
}

dor_result dor__conn_can_send(const dor_connection *c, size_t len)
{
    uint8_t header[4];
    size_t header_len;
    if (c->state < DOR_CONN_OPEN) return dor__error(DOR_E_ENOTCONN);
    if (c->write_side == DOR_WRITE_BROKEN && c->end_code) return dor__error(c->end_code);
    if (c->state > DOR_CONN_OPEN || c->write_side != DOR_WRITE_OPEN) return dor__error(DOR_E_CLOSED);
    return dor__packet_header((dor_packet_mode)c->packet, len, header, &header_len);
}

void dor__conn_send(dor_connection *c, dor_message *message)
{
    dor_send_request *send = send_of(message);
    size_t header_len = 0, len = dor__buffer_len(send->data);
    dor_result r = dor__conn_can_send(c, len);
    if (dor__ok(r)) r = dor__packet_header((dor_packet_mode)c->packet, len, send->header, &header_len);
    if (dor__ok(r)) r = dor__conn_limit_send(c, message);
    if (dor__failed(r)) {
        finish_send(c, message, r);
        return;
    }
    send->header_len = (uint8_t)header_len;
    send->next = NULL;
    if (c->send_last)
        send_of(c->send_last)->next = message;
    else
        c->send_first = message;
    c->send_last = message;
    if (!c->send_next) c->send_next = message;
    dor__conn_touch(c);
    dor__conn_flush_later(c);
}

/* Takes one out of the queue; `rest` (or nothing) takes its place. */
static void replace_send(dor_connection *c, dor_message *message, dor_message *rest)
{
    dor_message **at = &c->send_first, *before = NULL;
    while (*at != message) {
        before = *at;
        at = &send_of(before)->next;
    }
    dor_message *follower = rest ? rest : send_of(message)->next;
    *at = follower;
    if (c->send_next == message) c->send_next = follower;
    if (c->send_last == message) c->send_last = rest ? rest : before;
}

bool dor__conn_expire_send(dor_connection *c, dor_message *message)
{
    dor_send_request *send = send_of(message);
    dor_message *rest = NULL;
    bool writable = false;
    /* What the peer has seen the beginning of goes on without anybody who waits for it; all else is as if never sent. */
    if (send->sealed) {
        rest = dor__request_new(DOR_MSG_SSL_SEND, sizeof *send, DOR_PID_NONE, 0, c->handle);
        if (!rest) return false;
        dor_send_request *more = send_of(rest);
        more->request.release = send->request.release;
        more->next = send->next;
        more->data = send->data;
        more->reserved = send->reserved;
        more->sealed = send->sealed;
        more->end = send->end;
        memcpy(more->header, send->header, sizeof more->header);
        more->header_len = send->header_len;
        send->data = NULL;
    }
    replace_send(c, message, rest);
    dor__conn_unlimit_send(c, send);
    if (!rest && c->mailbox)
        writable = dor__event_mailbox_sent(c->mailbox, send->reserved, c->settings->send_low);
    dor__request_answer(message, dor__error(DOR_E_TIMEOUT), NULL);
    if (writable) (void)dor__conn_post(c, DOR_MSG_SSL_WRITABLE, DOR_OK, NULL);
    return true;
}

/* ---- sealing -------------------------------------------------------------------------------------------------- */

static size_t output_len(const dor_connection *c)
{
    return dor__tls_output(c->tls)->len - c->output_taken;
}

bool dor__conn_has_output(const dor_connection *c)
{
    return c->tls && output_len(c) > 0;
}

void dor__conn_lend_output(dor_connection *c)
{
    dor_bytes *output = dor__tls_output(c->tls);
    if (output->ptr) return;
    *output = c->local->output;
    output->len = 0;
    c->local->output = DOR_BYTES_EMPTY;
}

/* All of it is written. */
static void return_output(dor_connection *c)
{
    dor_bytes *output = dor__tls_output(c->tls);
    c->output_taken = 0;
    output->len = 0; /* ciphertext: nothing to wipe */
    if (!output->ptr) return;
    if (!c->local->output.ptr && output->cap <= DOR_SPARE_OUTPUT_MAX) {
        c->local->output = *output;
        *output = DOR_BYTES_EMPTY;
    } else {
        dor__bytes_free(output);
    }
}

static size_t unsealed(const dor_send_request *send)
{
    return send->header_len + dor__buffer_len(send->data) - send->sealed;
}

uint64_t dor__conn_send_pending(const dor_connection *c)
{
    uint64_t sum = dor__conn_has_output(c) ? output_len(c) : 0;
    for (dor_message *m = c->send_next; m; m = send_of(m)->next)
        sum += unsealed(send_of(m));
    return sum;
}

/* Up to `room` bytes of header and data from where the last record ended. */
static size_t copy_out(dor_send_request *send, uint8_t *to, size_t room)
{
    size_t done = 0;
    if (send->sealed < send->header_len) {
        done = send->header_len - send->sealed;
        if (done > room) done = room;
        memcpy(to, send->header + send->sealed, done);
        send->sealed += done;
    }
    size_t len = unsealed(send);
    if (len > room - done) len = room - done;
    if (len) {
        const uint8_t *data = dor__buffer_data(send->data);
        memcpy(to + done, data + (send->sealed - send->header_len), len);
        send->sealed += len;
    }
    return done + len;
}

/* Those before `end` are in records up to here. */
static void mark_sealed(dor_connection *c, const dor_message *end)
{
    uint64_t position = c->written + output_len(c);
    while (c->send_next != end) {
        dor_send_request *send = send_of(c->send_next);
        send->end = position;
        c->send_next = send->next;
    }
}

/* One record from as many sends as fit. */
static dor_result seal_together(dor_connection *c)
{
    size_t len = 0;
    dor_message *message = c->send_next;
    while (message && len < DOR_RECORD_LEN) {
        dor_send_request *send = send_of(message);
        len += copy_out(send, c->local->gather + len, DOR_RECORD_LEN - len);
        if (unsealed(send)) break;
        message = send->next;
    }
    if (len) DOR_TRY(dor__tls_send(c->tls, dor__span(c->local->gather, len)));
    mark_sealed(c, message);
    return DOR_SUCCESS;
}

static dor_result seal_some(dor_connection *c)
{
    dor_send_request *send = send_of(c->send_next);
    size_t len = unsealed(send);
    if (send->sealed < send->header_len || len == 0 || (len < DOR_RECORD_LEN && send->next))
        return seal_together(c);
    /* Large, or alone: straight from the sender's buffer. Whole records, so that a big send is not cut unevenly. */
    const uint8_t *data = dor__buffer_data(send->data);
    if (len > 4 * DOR_RECORD_LEN) len = 4 * DOR_RECORD_LEN;
    DOR_TRY(dor__tls_send(c->tls, dor__span(data + (send->sealed - send->header_len), len)));
    send->sealed += len;
    mark_sealed(c, unsealed(send) ? c->send_next : send->next);
    return DOR_SUCCESS;
}

static dor_result seal(dor_connection *c)
{
    if (c->state < DOR_CONN_OPEN) return DOR_SUCCESS;
    if (c->send_next) dor__conn_lend_output(c);
    while (c->send_next && output_len(c) < DOR_SEAL_AHEAD && !dor__tls_sends_wait(c->tls))
        DOR_TRY(seal_some(c));
    if (!c->send_next && c->write_side == DOR_WRITE_ENDING) {
        c->write_side = DOR_WRITE_ENDED;
        DOR_TRY(dor__tls_close(c->tls));
    }
    return DOR_SUCCESS;
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

static void on_flush(dor_deferred *deferred)
{
    dor_connection *c = DOR_CONTAINER_OF(deferred, dor_connection, flush);
    if (!c->blocked) dor__conn_flush(c);
    dor__conn_settle(c);
}

void dor__conn_flush_later(dor_connection *c)
{
    c->flush.fn = on_flush;
    dor__scheduler_defer(c->local->scheduler, &c->flush);
}

/* The system takes no more, ever. What the peer has sent may be there still, so reading finds the end. */
static void write_failed(dor_connection *c)
{
    dor_result why = c->transport->error;
    c->write_side = DOR_WRITE_BROKEN;
    if (!c->read_end) c->end_code = why.code;
    dor__tls_output(c->tls)->len = 0;
    c->output_taken = 0;
    dor__conn_fail_sends(c, why);
    dor__conn_downgrade_failed(c, why);
    if (c->state >= DOR_CONN_FLUSHING || c->read_end) dor__conn_shut(c);
}

static void complete_sends(dor_connection *c)
{
    while (c->send_first && c->send_first != c->send_next && send_of(c->send_first)->end <= c->written) {
        dor_message *message = pop_send(c);
        dor_send_request *send = send_of(message);
        dor__count(c->local, DOR_COUNT_BYTES_OUT, (int64_t)dor__buffer_len(send->data));
        finish_send(c, message, DOR_SUCCESS);
    }
}

/* One write. False when the transport takes no more for now, or ever. */
static bool write_some(dor_connection *c, size_t *budget)
{
    dor_bytes *output = dor__tls_output(c->tls);
    size_t written = 0, len = output_len(c);
    struct iovec part = {.iov_base = output->ptr + c->output_taken, .iov_len = len};
    dor_io io = c->transport->ops->writev(c->transport, &part, 1, &written);
    if (io == DOR_IO_FAILED) {
        write_failed(c);
        return false;
    }
    c->written += written;
    c->output_taken += (uint32_t)written;
    *budget -= written < *budget ? written : *budget;
    complete_sends(c);
    c->blocked = written < len;
    return !c->blocked;
}

void dor__conn_flush(dor_connection *c)
{
    size_t budget = DOR_WRITE_BUDGET;
    if (!c->transport || !c->tls || c->state < DOR_CONN_HANDSHAKE || c->write_side >= DOR_WRITE_FIN) {
        if (c->state == DOR_CONN_FLUSHING && c->transport) dor__conn_output_done(c);
        return;
    }
    do {
        dor_result r = seal(c);
        if (dor__failed(r)) dor__conn_fail(c, r); /* what the engine has to say about it goes out below */
        if (!c->tls) return;
        if (output_len(c) == 0) break;
        if (!write_some(c, &budget)) return;
        c->output_taken = 0;
        dor__tls_output(c->tls)->len = 0;
        if (budget == 0) {
            c->blocked = true; /* others have a turn first; the poll says at once that it may go on */
            return;
        }
    } while (c->send_next || c->write_side == DOR_WRITE_ENDING);
    complete_sends(c); /* those that needed no record */
    return_output(c);
    if (c->write_side == DOR_WRITE_ENDED) dor__conn_output_done(c);
}
