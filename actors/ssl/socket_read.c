/*
 * socket_read.c - from the descriptor to the owner.
 *
 * Ciphertext is received into the scheduler's buffer, decrypted there by the engine, and leaves in one of three ways: as
 * one event for all that a read brought (raw active mode), as one event for each packet, or into `input`, where it
 * waits for a recv or for the owner to ask for events.
 *
 * What bounds memory: in active mode, reading stops when the events that wait in the owner's mailbox reach receive_high
 * and starts again at receive_low; in passive mode, when `input` holds receive_high bytes, or what the waiting recv or
 * the largest allowed packet needs if that is more. One read (DOR_RECEIVE_LEN) can come on top.
 */
#include "ssl/connection.h"

static dor_span input_span(const dor_connection *c)
{
    return dor__span(c->input.ptr ? c->input.ptr + c->input_taken : NULL, dor__conn_input_len(c));
}

static void drop_input(dor_connection *c)
{
    dor__bytes_free(&c->input);
    c->input_taken = 0;
    c->packet_seen = 0;
}

static void take_input(dor_connection *c, size_t len)
{
    c->input_taken += (uint32_t)len;
    c->packet_seen = 0;
    if (c->input_taken == c->input.len) drop_input(c);
}

static dor_result add_input(dor_connection *c, dor_span data)
{
    /* What was taken goes away when it is half of it all, so each byte is moved once on average. */
    if (c->input_taken && c->input_taken >= c->input.len / 2) {
        dor__bytes_drop_front(&c->input, c->input_taken);
        c->input_taken = 0;
    }
    return dor__bytes_append(&c->input, data);
}

/* The largest packet that is put together: a peer that announces more fails at once, not when memory is short. */
static uint32_t packet_limit(const dor_connection *c)
{
    return c->packet_size ? c->packet_size : c->settings->receive_high;
}

static size_t input_limit(const dor_connection *c)
{
    size_t limit = c->settings->receive_high;
    size_t need = (size_t)packet_limit(c) + DOR_PACKET_HEADER_MAX;
    if (c->packet == DOR_PACKET_MODE_RAW)
        need = c->recv ? ((dor_recv_request *)dor__request_of(c->recv))->length : 0;
    return need > limit ? need : limit;
}

void dor__conn_set_packet(dor_connection *c, dor_packet_mode mode)
{
    c->packet = (uint8_t)mode;
    c->http_part = (uint8_t)dor__packet_first_part(mode);
    c->packet_seen = 0;
}

void dor__conn_set_modes(dor_connection *c, const dor_socket_modes *modes)
{
    c->active = modes->active;
    c->packet_size = modes->packet_size;
    c->header_len = modes->header_len;
    c->line_delimiter = modes->line_delimiter;
    dor__conn_set_packet(c, modes->packet);
}

bool dor__conn_wants_read(const dor_connection *c)
{
    if (c->peer_fin) return false;
    switch ((dor_conn_state)c->state) {
    case DOR_CONN_HANDSHAKE: return !dor__conn_asks(c);
    case DOR_CONN_OPEN:
        if (c->read_end || c->held || dor__conn_asks(c)) return false;
        if (c->read_shut) return true; /* and drop it, so that the end is found */
        return c->active ? !c->paused : dor__conn_input_len(c) < input_limit(c);
    case DOR_CONN_FLUSHING:
        if (dor__conn_asks(c) && dor__conn_finishing_second(c)) return false;
        return !c->peer_closed;
    case DOR_CONN_DOWNGRADING: /* and not a byte further: what follows is not ours */
    case DOR_CONN_DRAINING: return !c->peer_closed;
    default: return false;
    }
}

/* ---- what the owner gets -------------------------------------------------------------------------------------- */

static void used_active(dor_connection *c)
{
    if (c->active == DOR_ACTIVE_ONCE) {
        c->active = DOR_ACTIVE_FALSE;
    } else if (c->active > 0 && --c->active == 0) {
        /* Without memory for this note the owner still finds the socket passive; the connection is not worth losing. */
        (void)dor__conn_post(c, DOR_MSG_SSL_PASSIVE, DOR_OK, NULL);
    }
}

/* What option header sets apart, of len bytes. A line of HTTP is taken apart by other means. */
static uint32_t set_apart(const dor_connection *c, size_t len, dor_http_part part)
{
    if (part != DOR_HTTP_PART_NONE) return 0;
    return len < c->header_len ? (uint32_t)len : c->header_len;
}

/* Takes data. */
static bool post_data(dor_connection *c, dor_buffer *data, dor_http_part part)
{
    dor_message *event = data ? dor__conn_event(c, DOR_MSG_SSL) : NULL;
    if (!event) {
        dor__buffer_unref(data);
        dor__conn_fail(c, dor__error(DOR_E_NOMEM));
        return false;
    }
    size_t len = dor__buffer_len(data);
    dor_ssl_event *payload = dor_message_payload(event);
    payload->data = data;
    payload->header_len = set_apart(c, len, part);
    payload->http = (uint8_t)part;
    dor__count(c->local, DOR_COUNT_BYTES_IN, (int64_t)len);
    size_t waiting = dor__event_mailbox_post(c->mailbox, event, len + DOR_EVENT_COST);
    uint32_t low = c->settings->receive_low;
    if (waiting >= c->settings->receive_high && dor__event_mailbox_await_low(c->mailbox, low) > low)
        c->paused = true;
    used_active(c);
    return true;
}

void dor__conn_answer_recv(dor_connection *c, dor_result result, dor_buffer *data)
{
    dor_message *message = c->recv;
    if (!message) return;
    c->recv = NULL;
    dor__timer_stop(c->local->scheduler, &((dor_recv_request *)dor__request_of(message))->timer);
    dor__request_answer(message, result, data);
}

/* What the owner gets next, by the packet mode. */
typedef struct unit {
    dor_span body; /* in input */
    size_t consumed;
    dor_http_part part, next_part;
} unit;

/* What waits is no packet, which ends the connection. It stays where it is, to be shown with the end. */
static void misfits(dor_connection *c, dor_result why)
{
    c->misfit = true;
    if (c->read_end && !c->end_told) {
        c->end_code = why.code; /* the end that is still to be told becomes this one */
        dor__conn_begin_close(
            c, false); /* and one for sending, too, which the peer's close may have left possible */
    } else {
        dor__conn_input_ended(c, why.code);
    }
}

/* False when there is none yet. */
static bool next_packet(dor_connection *c, dor_span input, unit *u)
{
    dor_packet packet = {0};
    const dor_packet_rules rules = {
        .mode = (dor_packet_mode)c->packet,
        .delimiter = c->line_delimiter,
        .part = (dor_http_part)c->http_part,
        .last = c->read_end,
        .max = packet_limit(c),
    };
    dor_result r = dor__packet_next(&rules, input, c->packet_seen, &packet);
    if (dor__failed(r)) {
        misfits(c, r);
        return false;
    }
    if (!packet.complete) c->packet_seen = (uint32_t)packet.seen;
    *u = (unit){packet.body, packet.consumed, packet.part, packet.next_part};
    return packet.complete;
}

/* The next unit, if there is one. length: as recv wants it; for raw data alone. */
static bool next_unit(dor_connection *c, size_t length, unit *u)
{
    dor_span input = input_span(c);
    if (input.len == 0 || c->misfit) return false;
    if (c->packet != DOR_PACKET_MODE_RAW) return next_packet(c, input, u);
    if (input.len < length) return false;
    *u = (unit){.body = dor__span(input.ptr, length ? length : input.len)};
    u->consumed = u->body.len;
    return true;
}

static void take_unit(dor_connection *c, const unit *u)
{
    c->http_part = (uint8_t)u->next_part;
    take_input(c, u->consumed);
}

static bool deliver_recv(dor_connection *c)
{
    dor_recv_request *recv = dor__request_of(c->recv);
    unit u;
    if (!next_unit(c, recv->length, &u)) return false;
    dor_buffer *data = dor__buffer_new(u.body.ptr, u.body.len);
    if (!data) {
        dor__conn_answer_recv(c, dor__error(DOR_E_NOMEM), NULL); /* the bytes stay for another try */
        return false;
    }
    dor__count(c->local, DOR_COUNT_BYTES_IN, (int64_t)u.body.len);
    recv->request.reply.header_len = set_apart(c, u.body.len, u.part);
    recv->request.reply.http = (uint8_t)u.part;
    take_unit(c, &u);
    dor__conn_answer_recv(c, DOR_SUCCESS, data);
    return true;
}

static bool deliver_event(dor_connection *c)
{
    unit u;
    if (!next_unit(c, 0, &u)) return false;
    dor_buffer *data = dor__buffer_new(u.body.ptr, u.body.len);
    take_unit(c, &u);
    return post_data(c, data, u.part);
}

dor_buffer *dor__conn_misfit(const dor_connection *c)
{
    dor_span input = input_span(c);
    return c->misfit ? dor__buffer_new(input.ptr, input.len) : NULL;
}

/* Everything that could be delivered has been. */
static void tell_end(dor_connection *c)
{
    bool clean = c->end_code == DOR_OK;
    if (c->recv) {
        dor__conn_answer_recv(c, dor__error(clean ? DOR_E_CLOSED : c->end_code), dor__conn_misfit(c));
    } else if (c->active && !c->end_told) {
        bool closed = clean || c->end_code == DOR_E_TRUNCATED;
        if (!dor__conn_post(c, closed ? DOR_MSG_SSL_CLOSED : DOR_MSG_SSL_ERROR, c->end_code, NULL)) return;
    } else {
        return;
    }
    c->end_told = true;
    if (c->misfit) drop_input(c);
    /* With exit_on_close false the owner may go on sending after the peer's close_notify. */
    if (clean && !c->settings->exit_on_close && c->state == DOR_CONN_OPEN) return;
    dor__conn_retire(c, false);
}

void dor__conn_deliver(dor_connection *c)
{
    if (c->state < DOR_CONN_OPEN || c->held || !c->mailbox) return;
    if (c->read_shut) {
        drop_input(c);
        dor__conn_answer_recv(c, dor__error(DOR_E_CLOSED), NULL);
    }
    bool more = true;
    while (more && c->mailbox) {
        if (c->recv)
            more = deliver_recv(c);
        else
            more = c->active && !c->paused && deliver_event(c);
    }
    /* A paused owner has not got everything yet, so its end waits, too. */
    bool more_later = c->paused && dor__conn_input_len(c) && !c->misfit;
    if (c->mailbox && c->read_end && !more_later) tell_end(c);
}

/* ---- recv ----------------------------------------------------------------------------------------------------- */

static void on_recv_timeout(dor_timer *timer)
{
    dor_recv_request *recv = DOR_CONTAINER_OF(timer, dor_recv_request, timer);
    dor_connection *c = dor__conn_of(recv->socket);
    dor__conn_answer_recv(c, dor__error(DOR_E_TIMEOUT), NULL);
    dor__conn_settle(c);
}

void dor__conn_recv(dor_connection *c, dor_message *message)
{
    dor_recv_request *recv = dor__request_of(message);
    dor_result r = DOR_SUCCESS;
    if (!c->mailbox)
        r = dor__error(DOR_E_CLOSED);
    else if (c->state < DOR_CONN_OPEN)
        r = dor__error(DOR_E_ENOTCONN);
    else if (c->active)
        r = dor__error(DOR_E_EINVAL);
    else if (c->recv)
        r = dor__error(DOR_E_EALREADY);
    if (dor__failed(r)) {
        dor__request_answer(message, r, NULL);
        return;
    }
    recv->socket = &c->actor;
    c->recv = message;
    dor__conn_touch(c);
    if (recv->request.timeout_ms != DOR_INFINITY)
        dor__timer_start(c->local->scheduler, &recv->timer, recv->request.timeout_ms, on_recv_timeout);
    dor__conn_deliver(c);
}

/* ---- what comes from the engine ------------------------------------------------------------------------------- */

/* The data of one read in raw active mode, on its way into one event. */
typedef struct gathering {
    dor_buffer *buffer;
    uint8_t *bytes;
    size_t len, cap;
} gathering;

/* rest: ciphertext that is left of this read. The whole records in it are no less than the plaintext that may follow. */
static dor_result gather(const dor_connection *c, gathering *g, dor_span data, dor_span rest)
{
    if (!g->buffer) {
        void *bytes = NULL;
        g->cap = data.len + dor__tls_receivable(c->tls, rest.ptr, rest.len);
        g->buffer = dor__buffer_alloc(g->cap, &bytes);
        if (!g->buffer) return dor__error(DOR_E_NOMEM);
        g->bytes = bytes;
    }
    if (data.len > g->cap - g->len)
        return dor__error(DOR_E_INTERNAL); /* the engine made data out of nothing */
    memcpy(g->bytes + g->len, data.ptr, data.len);
    g->len += data.len;
    return DOR_SUCCESS;
}

static void post_gathered(dor_connection *c, gathering *g)
{
    dor_buffer *buffer = g->buffer;
    g->buffer = NULL;
    if (!buffer) return;
    if (!c->mailbox || c->state != DOR_CONN_OPEN) {
        dor__buffer_unref(buffer);
        return;
    }
    (void)post_data(c, dor__buffer_trim(buffer, g->len), DOR_HTTP_PART_NONE);
}

static dor_result on_data(dor_connection *c, gathering *g, dor_span data, dor_span rest)
{
    if (data.len == 0 || c->read_shut || !c->mailbox) return DOR_SUCCESS;
    if (c->active && !c->held && c->packet == DOR_PACKET_MODE_RAW && dor__conn_input_len(c) == 0)
        return gather(c, g, data, rest);
    return add_input(c, data);
}

static void on_ticket(dor_connection *c, dor_session *session)
{
    /* From the end of that millisecond on, so that it is never said to be older than it is: GnuTLS refuses early data then. */
    session->created_ms++;
    dor__session_unref(c->ticket);
    c->ticket = session;
    dor__conn_remember(c, session);
    /* Out of memory costs no more than one resumption. */
    if (c->settings->tickets_manual) (void)dor__conn_post(c, DOR_MSG_SSL_TICKET, DOR_OK, session);
}

/* False when the rest of the read is of no interest any more. */
static bool on_event(dor_connection *c, gathering *g, dor_tls_event *event, dor_span rest)
{
    dor_result r = DOR_SUCCESS;
    switch (event->kind) {
    case DOR_TLS_EVENT_CONNECTED: dor__conn_connected(c); break;
    case DOR_TLS_EVENT_DATA: r = on_data(c, g, event->data, rest); break;
    case DOR_TLS_EVENT_EARLY_DATA:
        r = add_input(c, event->data);
        break; /* for the owner when the client has proved itself */
    case DOR_TLS_EVENT_TICKET: on_ticket(c, event->session); break;
    case DOR_TLS_EVENT_QUESTION: return dor__conn_question(c, rest);
    case DOR_TLS_EVENT_RENEGOTIATED:
    case DOR_TLS_EVENT_RENEGOTIATION_REFUSED:
    case DOR_TLS_EVENT_PEER_AUTHENTICATED: dor__conn_second_event(c, event->kind); break;
    case DOR_TLS_EVENT_CLOSED:
        c->peer_closed = true;
        post_gathered(c, g);
        if (c->state < DOR_CONN_OPEN)
            dor__conn_open_failed(c, dor__error(DOR_E_CLOSED));
        else {
            dor__conn_keep_rest(c, rest);
            dor__conn_input_ended(c, DOR_OK);
        }
        return false;
    default: break;
    }
    if (dor__failed(r)) {
        post_gathered(c, g);
        dor__conn_fail(c, r);
        return false;
    }
    return c->state <= DOR_CONN_OPEN;
}

/* Runs one read's ciphertext through the engine. */
void dor__conn_feed(dor_connection *c, uint8_t *data, size_t len)
{
    gathering g = {0};
    dor_tls_event event;
    if (dor__conn_keep(c, dor__span(data, len))) return;
    do {
        size_t used = 0;
        event = (dor_tls_event){0};
        dor_result r = dor__tls_receive(c->tls, data, len, &used, &event);
        data += used;
        len -= used;
        if (dor__ok(r) && event.kind == DOR_TLS_EVENT_NONE && len) r = dor__error(DOR_E_INTERNAL);
        if (dor__failed(r)) {
            post_gathered(c, &g); /* what came before the failure counts */
            dor__conn_fail(c, r);
            break;
        }
    } while (event.kind != DOR_TLS_EVENT_NONE && on_event(c, &g, &event, dor__span(data, len)));
    post_gathered(c, &g);
    dor__conn_deliver(c);
    if (dor__conn_has_output(c)) dor__conn_flush_later(c);
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

void dor__conn_input_ended(dor_connection *c, int code)
{
    bool stay;
    if (c->read_end) return;
    c->read_end = true;
    c->end_code = code;
    dor__conn_second_over(c, dor__error(code ? code : DOR_E_CLOSED)); /* the peer has no more to say of it */
    stay = code == DOR_OK && !c->settings->exit_on_close && c->write_side < DOR_WRITE_ENDED;
    dor__conn_deliver(c);
    if (!stay)
        dor__conn_begin_close(c, code == DOR_OK || dor_error_get_class(code) == DOR_CLASS_STATE);
    else if (c->send_next)
        dor__conn_flush_later(c); /* a renegotiation that it has ended does not hold them up any more */
}

/* The transport has ended without a word from the engine. */
static void on_transport_end(dor_connection *c, int code)
{
    c->peer_fin = true;
    if (c->write_side == DOR_WRITE_BROKEN && c->end_code) code = c->end_code; /* what the system said first */
    if (c->state < DOR_CONN_OPEN)
        dor__conn_open_failed(c, dor__error(code == DOR_E_TRUNCATED ? DOR_E_CLOSED : code));
    else
        dor__conn_input_ended(c, code);
}

/*
 * While reads fill the buffer there is more to come, so a record that is cut by the buffer's end moves to its front and
 * is read on there: the engine need not make a copy of it. Returns the bytes that were kept so.
 */
static size_t feed_whole(dor_connection *c, size_t len, bool more)
{
    uint8_t *data = c->local->receive;
    size_t whole = more ? dor__tls_receivable(c->tls, data, len) : len;
    if (whole == 0) whole = len;
    dor__conn_feed(c, data, whole);
    if (c->peer_closed) {
        dor__conn_keep_rest(c, dor__span(data + whole, len - whole));
        return 0;
    }
    if (whole < len) memmove(data, data + whole, len - whole);
    return len - whole;
}

static void on_read_end(dor_connection *c, dor_io io)
{
    on_transport_end(c, io == DOR_IO_END ? DOR_E_TRUNCATED : c->transport->error.code);
}

/* Reads until nothing is left, the budget is used up or nobody wants more. The buffer never leaves this function. */
static void read_on(dor_connection *c)
{
    size_t kept = 0, budget = DOR_READ_BUDGET;
    dor_io io = DOR_IO_DONE;
    bool active =
        c->active; /* after {active, once} more would be put aside, while the owner may ask for it at once */
    while (io == DOR_IO_DONE && c->transport && c->state <= DOR_CONN_OPEN && dor__conn_wants_read(c) &&
           (c->active || !active)) {
        size_t got = 0, room = DOR_RECEIVE_LEN - kept;
        io = c->transport->ops->read_some(c->transport, c->local->receive + kept, room, &got);
        if (io != DOR_IO_DONE) break;
        dor__conn_touch(c);
        if (c->state == DOR_CONN_HANDSHAKE) dor__conn_lend_output(c);
        budget -= got < budget ? got : budget;
        kept = feed_whole(c, kept + got, got == room && budget);
        if (!kept && (got < room || !budget)) return; /* that was all for now; the poll tells if not */
    }
    if (kept && c->transport && c->state <= DOR_CONN_OPEN) dor__conn_feed(c, c->local->receive, kept);
    if (c->transport && (io == DOR_IO_END || io == DOR_IO_FAILED)) on_read_end(c, io);
}

void dor__conn_readable(dor_connection *c)
{
    if (dor__conn_finishing_second(c))
        dor__conn_second_readable(c);
    else if (c->state == DOR_CONN_FLUSHING || c->state == DOR_CONN_DRAINING)
        dor__conn_drain(c);
    else if (c->state == DOR_CONN_DOWNGRADING)
        dor__conn_downgrade_readable(c);
    else
        read_on(c);
}
