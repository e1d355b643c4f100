/*
 * socket_query.c - what an open socket can be told and asked, on its own scheduler.
 */
#include "ssl/admission.h"
#include "ssl/proxied.h"
#include "ssl/inet_statistics.h"
#include <stdio.h>

/* ---- orders --------------------------------------------------------------------------------------------------- */

/* The value that `active` has after N has been added, or was set. */
static dor_result new_active(int32_t now, int wanted, int32_t *result)
{
    int64_t sum = wanted;
    if (wanted < DOR_ACTIVE_ONCE) return dor__error(DOR_E_BADARG);
    if (wanted > 0 && now > 0) sum += now;
    if (sum > DOR_ACTIVE_MAX) return dor__error(DOR_E_EINVAL);
    *result = (int32_t)sum;
    return DOR_SUCCESS;
}

static dor_result set_inet(dor_connection *c, const dor_ssl_command *command)
{
    if (!c->transport) return dor__error(c->state == DOR_CONN_CONNECTING ? DOR_E_ENOTCONN : DOR_E_CLOSED);
    return dor__transport_set_options(c->transport, &command->inet, command->raw);
}

/* Others than before, but with the same TLS. */
static void go_by(dor_connection *c, dor_settings *settings)
{
    dor__settings_unref(c->settings);
    c->settings = dor__settings_ref(settings);
    dor__event_mailbox_set_send_high(c->mailbox, settings->send_high);
}

static dor_result set_modes(dor_connection *c, const dor_ssl_command *command)
{
    int32_t active = c->active;
    if (!c->mailbox) return dor__error(DOR_E_CLOSED);
    if (!command->judged && dor__event_mailbox_owner(c->mailbox) != command->caller)
        return dor__error(DOR_E_NOT_OWNER);
    const dor_socket_modes *modes = &command->modes;
    if (command->set_active) DOR_TRY(new_active(c->active, modes->active, &active));
    if (command->set_packet && modes->packet >= DOR_PACKET_MODE_COUNT) return dor__error(DOR_E_BADARG);
    /* Made from settings that a handshake has replaced meanwhile: they would bring old certificates back. */
    if (command->settings && command->settings->tls != c->settings->tls) return dor__error(DOR_E_EALREADY);
    if (command->set_inet) DOR_TRY(set_inet(c, command)); /* may be refused, so it comes first */
    if (command->settings) go_by(c, command->settings);
    if (command->set_packet) dor__conn_set_packet(c, modes->packet);
    if (command->set_cut) {
        c->packet_size = modes->packet_size;
        c->header_len = modes->header_len;
        c->line_delimiter = modes->line_delimiter;
        c->packet_seen = 0; /* another delimiter, or a line that is too long now */
    }
    c->active = active;
    if (active)
        dor__conn_answer_recv(c, dor__error(DOR_E_EINVAL), NULL); /* it would get what events are to bring */
    dor__conn_touch(c);
    dor__conn_deliver(c); /* what was buffered has been posted when the call returns */
    return DOR_SUCCESS;
}

static dor_result shut_down(dor_connection *c, dor_shutdown_how how)
{
    if (c->state < DOR_CONN_OPEN) return dor__error(DOR_E_ENOTCONN);
    if (!c->mailbox || c->state > DOR_CONN_OPEN) return dor__error(DOR_E_CLOSED);
    if (how != DOR_SHUTDOWN_WRITE) c->read_shut = true;
    if (how != DOR_SHUTDOWN_READ && c->write_side == DOR_WRITE_OPEN) {
        c->write_side = DOR_WRITE_ENDING;
        dor__conn_flush_later(c);
    }
    dor__conn_deliver(c); /* a recv that waits learns that nothing will come */
    if (how == DOR_SHUTDOWN_READ_WRITE) dor__conn_input_ended(c, DOR_OK);
    return DOR_SUCCESS;
}

dor_result dor__conn_command(dor_connection *c, const dor_ssl_command *command)
{
    switch (command->order) {
    case DOR_ORDER_MODES: return set_modes(c, command);
    case DOR_ORDER_SETTINGS: /* an open connection has them for good */
    case DOR_ORDER_SUSPEND:
    case DOR_ORDER_RESUME:
    case DOR_ORDER_STOP_LISTENING: return dor__error(DOR_E_EINVAL);
    case DOR_ORDER_CLOSE:
        if (!c->mailbox) return dor__error(DOR_E_CLOSED);
        dor__conn_close_by(c, command->caller);
        return DOR_SUCCESS;
    case DOR_ORDER_CANCEL:
        if (!c->mailbox) return dor__error(DOR_E_CLOSED);
        if (!c->opening || !c->opening->paused) return dor__error(DOR_E_EINVAL);
        dor__conn_close_by(c, command->caller);
        return DOR_SUCCESS;
    case DOR_ORDER_SHUTDOWN: return shut_down(c, command->how);
    case DOR_ORDER_KEYS:
        if (!c->tls || c->state < DOR_CONN_OPEN) return dor__error(DOR_E_ENOTCONN);
        if (c->write_side != DOR_WRITE_OPEN) return dor__error(DOR_E_CLOSED);
        dor__conn_touch(c);
        dor__conn_flush_later(c);
        return dor__tls_update_keys(c->tls, command->ask_peer);
    }
    return dor__error(DOR_E_BADARG);
}

/* ---- questions ------------------------------------------------------------------------------------------------ */

dor_result dor__socket_get_settings(dor_actor *a, dor_settings **settings)
{
    *settings = dor__is_listener(a) ? dor__listening_settings(dor__listener_listening(a))
                                    : dor__settings_ref(dor__conn_of(a)->settings);
    return DOR_SUCCESS;
}

dor_result dor__socket_get_modes(dor_actor *a, dor_socket_modes *modes)
{
    if (dor__is_listener(a)) return dor__error(DOR_E_ENOTCONN);
    const dor_connection *c = dor__conn_of(a);
    *modes = (dor_socket_modes){.active = c->active,
                                .packet = (dor_packet_mode)c->packet,
                                .packet_size = c->packet_size,
                                .header_len = c->header_len,
                                .line_delimiter = c->line_delimiter};
    return DOR_SUCCESS;
}

void dor__socket_get_inet(dor_actor *a, dor_inet_ask *ask)
{
    if (dor__is_listener(a)) return;
    dor_connection *c = dor__conn_of(a);
    for (unsigned id = 0; id < DOR_INET_COUNT; id++) {
        if (!(ask->wanted & 1u << id)) continue;
        dor_result r = c->transport
                           ? dor__transport_get_option(c->transport, (dor_inet_id)id, &ask->values[id])
                           : dor__error(c->state == DOR_CONN_CONNECTING ? DOR_E_ENOTCONN : DOR_E_CLOSED);
        ask->codes[id] = r.code;
    }
}

dor_result dor__socket_get_raw(dor_actor *a, dor_raw_ask *ask)
{
    if (dor__is_listener(a)) return dor__error(DOR_E_ENOTCONN);
    dor_connection *c = dor__conn_of(a);
    if (!c->transport) return dor__error(c->state == DOR_CONN_CONNECTING ? DOR_E_ENOTCONN : DOR_E_CLOSED);
    return dor__transport_get_raw(c->transport, ask->level, ask->option, ask->value, &ask->len);
}

dor_result dor__socket_getstat(dor_actor *a, dor_socket_statistics *statistics)
{
    if (dor__is_listener(a)) return dor__error(DOR_E_ENOTCONN);
    dor_connection *c = dor__conn_of(a);
    if (!c->transport) return dor__error(c->state == DOR_CONN_CONNECTING ? DOR_E_ENOTCONN : DOR_E_CLOSED);
    if (!c->transport->ops->descriptor) return dor__error(DOR_E_NOT_SUPPORTED);
    DOR_TRY(dor__inet_statistics(c->transport->ops->descriptor(c->transport), statistics));
    statistics->send_queued = dor__conn_send_pending(c);
    statistics->send_pend = statistics->send_queued + statistics->send_unacked;
    return DOR_SUCCESS;
}

dor_result dor__socket_name(dor_actor *a, bool peer, dor_address *address)
{
    if (dor__is_listener(a)) {
        if (peer) return dor__error(DOR_E_ENOTCONN);
        *address = dor__listener_listening(a)->address;
        return DOR_SUCCESS;
    }
    dor_connection *c = dor__conn_of(a);
    if (!c->transport) return dor__error(DOR_E_CLOSED);
    return c->transport->ops->name(c->transport, peer, address);
}

dor_result dor__socket_proxy_header(dor_actor *a, dor_buffer **header)
{
    if (dor__is_listener(a)) return dor__error(DOR_E_ENOTCONN);
    dor_connection *c = dor__conn_of(a);
    if (c->state < DOR_CONN_HANDSHAKE) return dor__error(DOR_E_ENOTCONN);
    return c->transport ? dor__proxied_header(c->transport, header) : dor__error(DOR_E_CLOSED);
}

/* What was negotiated, if anything was. */
static dor_result info_of(dor_actor *a, dor_tls_info *info)
{
    if (dor__is_listener(a)) return dor__error(DOR_E_ENOTCONN);
    const dor_connection *c = dor__conn_of(a);
    if (c->state < DOR_CONN_OPEN) return dor__error(DOR_E_ENOTCONN);
    if (!c->tls || !dor__tls_connected(c->tls)) return dor__error(DOR_E_CLOSED);
    dor__tls_get_info(c->tls, info);
    return DOR_SUCCESS;
}

static void copy_text(char *to, size_t cap, dor_span from)
{
    size_t len = from.len < cap ? from.len : cap - 1;
    if (len) memcpy(to, from.ptr, len);
    to[len] = 0;
}

static void copy_name(char *to, size_t cap, const char *from)
{
    (void)snprintf(to, cap, "%s", from ? from : "");
}

/* A client that had no room for its data offered some, and sent none. */
static uint8_t early_data_of(const dor_connection *c, dor_early early)
{
    if (!c->server && !c->early) return DOR_EARLY_DATA_NONE;
    return early == DOR_EARLY_ACCEPTED   ? DOR_EARLY_DATA_ACCEPTED
           : early == DOR_EARLY_REJECTED ? DOR_EARLY_DATA_REJECTED
                                         : DOR_EARLY_DATA_NONE;
}

dor_result dor__socket_info(dor_actor *a, dor_connection_info *info)
{
    dor_tls_info tls = {0};
    DOR_TRY(info_of(a, &tls));
    *info = (dor_connection_info){0};
    copy_name(info->protocol, sizeof info->protocol, dor__version_name(tls.version));
    copy_name(info->cipher_suite, sizeof info->cipher_suite, tls.suite ? tls.suite->name : NULL);
    copy_name(info->group, sizeof info->group, tls.group ? dor__kx_name(tls.group) : NULL);
    copy_name(info->peer_signature, sizeof info->peer_signature,
              tls.peer_scheme ? dor__sig_name(tls.peer_scheme) : NULL);
    copy_text(info->server_name, sizeof info->server_name, tls.server_name);
    copy_text(info->alpn, sizeof info->alpn, tls.alpn);
    info->resumed = tls.resumed;
    info->hello_retry = tls.hello_retry;
    info->hibernated = dor__conn_of(a)->asleep;
    info->has_peercert = tls.peer != NULL;
    info->early_data = early_data_of(dor__conn_of(a), tls.early);
    return DOR_SUCCESS;
}

dor_result dor__socket_peercert(dor_actor *a, dor_buffer **der)
{
    dor_tls_info tls = {0};
    DOR_TRY(info_of(a, &tls));
    if (!tls.peer) return dor__error(DOR_E_NO_PEERCERT);
    dor_buffer *copy = dor__buffer_new(tls.peer->der.ptr, tls.peer->der.len);
    if (!copy) return dor__error(DOR_E_NOMEM);
    *der = copy;
    return DOR_SUCCESS;
}

dor_result dor__socket_stapled(dor_actor *a, bool timestamps, dor_buffer **shown)
{
    dor_tls_info tls = {0};
    DOR_TRY(info_of(a, &tls));
    const dor_bytes *bytes = !tls.stapled ? NULL
                             : timestamps ? &tls.stapled->timestamps
                                          : &tls.stapled->status;
    if (!bytes || bytes->len == 0) return dor__error(DOR_E_NOT_SHOWN);
    dor_buffer *copy = dor__buffer_new(bytes->ptr, bytes->len);
    if (!copy) return dor__error(DOR_E_NOMEM);
    *shown = copy;
    return DOR_SUCCESS;
}

dor_result dor__socket_session(dor_actor *a, dor_session **session)
{
    dor_tls_info tls = {0};
    DOR_TRY(info_of(a, &tls));
    const dor_connection *c = dor__conn_of(a);
    if (c->ticket)
        *session = dor__session_ref(c->ticket);
    else if (!c->server)
        *session = dor__tls_session(c->tls);
    else
        *session = NULL;
    return *session ? DOR_SUCCESS : dor__error(DOR_E_NO_SESSION);
}

dor_result dor__socket_listener_statistics(dor_actor *a, dor_listener_statistics *statistics)
{
    if (!dor__is_listener(a)) return dor__error(DOR_E_EINVAL);
    dor__listening_statistics(dor__listener_listening(a), statistics);
    return DOR_SUCCESS;
}
