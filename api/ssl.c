/*
 * ssl.c - dormouse/ssl.h: checks arguments, turns options into settings, forwards to the actors; and the blocking forms,
 * which are an asynchronous call and a wait for its reply.
 */
#include "caller.h"
#include "options_internal.h"
#include "ssl/client_sessions.h"
#include "ssl/pem_cache.h"
#include "ssl/socket.h"
#include "ssl/tcp.h"
#include "ssl/unix_path.h"

enum { HOST_MAX = 253 }; /* RFC 1035 section 2.3.4, as text */

static const size_t recv_max = (size_t)1 << 30; /* what one recv may ask for at most, bytes */

/* ---- start and stop ------------------------------------------------------------------------------------------- */

int dor_ssl_start(void)
{
    dor_runtime *runtime;
    dor_result r = dor__runtime_default(&runtime);
    if (dor__ok(r)) r = dor__runtime_enter(&runtime); /* one that is being stopped is not started */
    if (dor__ok(r)) dor__runtime_leave(runtime);
    return r.code;
}

int dor_ssl_stop(uint32_t deadline_ms)
{
    int code = dor__runtime_stop(NULL, deadline_ms).code;
    if (code == DOR_E_STOPPED) code = DOR_OK;
    if (code == DOR_OK) dor__pem_cache_clear();
    return code;
}

/* ---- listening ------------------------------------------------------------------------------------------------ */

int dor_ssl_listen(dor_runtime *runtime, uint16_t port, const dor_options *options, dor_socket *listener)
{
    dor_settings *settings;
    dor_pid self;
    if (!listener) return DOR_E_BADARG;
    dor_result r = dor__options_resolve(options, DOR_TLS_SERVER, &settings);
    if (dor__failed(r)) return r.code;
    r = dor__runtime_enter_real(&runtime);
    if (dor__ok(r)) {
        r = become_owner(runtime, &self);
        if (dor__ok(r)) r = dor__ssl_listen(runtime, port, settings, self, listener);
        dor__runtime_leave(runtime);
    }
    dor__settings_unref(settings);
    return r.code;
}

int dor_ssl_serve(dor_runtime *runtime, uint16_t port, const dor_options *options,
                  const dor_server_spec *spec, dor_socket *listener)
{
    dor_settings *settings;
    if (!listener || !spec) return DOR_E_BADARG;
    dor_result r = dor__options_resolve_serve(options, spec, &settings);
    if (dor__failed(r)) return r.code;
    r = dor__runtime_enter_real(&runtime);
    if (dor__ok(r)) {
        r = dor__ssl_serve(runtime, port, settings, spec, listener);
        dor__runtime_leave(runtime);
    }
    dor__settings_unref(settings);
    return r.code;
}

int dor_ssl_transport_accept_async(dor_socket listener, uint32_t timeout_ms, dor_ref *ref)
{
    return start_async(dor__ssl_transport_accept, listener, timeout_ms, ref);
}

int dor_ssl_transport_accept(dor_socket listener, uint32_t timeout_ms, dor_socket *socket)
{
    dor_ref ref;
    if (!socket) return DOR_E_BADARG;
    int code = start_as_process(dor__ssl_transport_accept, listener, timeout_ms, &ref);
    return code ? code : await(ref, socket, NULL);
}

/* ---- what an open socket goes by ------------------------------------------------------------------------------- */

/* A question, and room for the answer. */
typedef struct present {
    dor_settings *settings;
    dor_socket_modes modes;
    bool is_listener;
    dor_tls_role role;
    dor_inet_ask inet;
} present;

static dor_result ask_present(dor_actor *a, dor_ssl_query *query)
{
    present *p = query->out;
    dor_result r = dor__socket_get_modes(a, &p->modes);
    p->is_listener = r.code == DOR_E_ENOTCONN;
    p->role = dor__socket_is_client(a) ? DOR_TLS_CLIENT : DOR_TLS_SERVER;
    if (p->inet.wanted) dor__socket_get_inet(a, &p->inet);
    return dor__socket_get_settings(a, &p->settings);
}

/* wanted: bits of options that the system is asked for. */
static dor_result get_present(dor_socket socket, uint32_t wanted, present *p)
{
    *p = (present){.inet.wanted = wanted};
    return dor__ssl_call(socket, &(dor_ssl_query){.run = ask_present, .out = p});
}

/* The socket's settings with what options say on top. *override is NULL when they say nothing. */
static dor_result override_settings(dor_socket socket, const dor_options *options, dor_settings **override)
{
    present p;
    *override = NULL;
    if (!options) return DOR_SUCCESS;
    DOR_TRY(get_present(socket, 0, &p));
    dor_result r = dor__options_override(p.settings, options, p.role, override);
    dor__settings_unref(p.settings);
    return r;
}

typedef dor_result (*handshake_fn)(dor_socket socket, dor_settings *override, dor_pid reply_to, dor_ref ref,
                                   uint32_t timeout_ms);

static int start_handshake(handshake_fn start, dor_socket socket, const dor_options *options, dor_pid self,
                           uint32_t timeout_ms, dor_ref *ref)
{
    dor_settings *override;
    dor_ref made = dor__make_ref();
    dor_result r = override_settings(socket, options, &override);
    if (dor__failed(r)) return r.code;
    r = start(socket, override, self, made, timeout_ms);
    dor__settings_unref(override);
    if (dor__ok(r)) *ref = made;
    return r.code;
}

static int handshake_async(handshake_fn start, dor_socket socket, const dor_options *options,
                           uint32_t timeout_ms, dor_ref *ref)
{
    dor_pid self;
    if (!ref) return DOR_E_BADARG;
    dor_result r = need_self(&self);
    return dor__failed(r) ? r.code : start_handshake(start, socket, options, self, timeout_ms, ref);
}

static int handshake(handshake_fn start, dor_socket socket, const dor_options *options, uint32_t timeout_ms)
{
    dor_pid self;
    dor_ref ref;
    dor_result r = become_process_for(socket, &self);
    if (dor__failed(r)) return r.code;
    int code = start_handshake(start, socket, options, self, timeout_ms, &ref);
    return code ? code : await(ref, NULL, NULL);
}

int dor_ssl_accept_async(dor_socket socket, const dor_options *options, uint32_t timeout_ms, dor_ref *ref)
{
    return handshake_async(dor__ssl_handshake, socket, options, timeout_ms, ref);
}

int dor_ssl_accept(dor_socket socket, const dor_options *options, uint32_t timeout_ms)
{
    return handshake(dor__ssl_handshake, socket, options, timeout_ms);
}

int dor_ssl_handshake_continue_async(dor_socket socket, const dor_options *options, uint32_t timeout_ms,
                                     dor_ref *ref)
{
    return handshake_async(dor__ssl_handshake_continue, socket, options, timeout_ms, ref);
}

int dor_ssl_handshake_continue(dor_socket socket, const dor_options *options, uint32_t timeout_ms)
{
    return handshake(dor__ssl_handshake_continue, socket, options, timeout_ms);
}

int dor_ssl_handshake_cancel(dor_socket socket)
{
    dor_ssl_command command = {.order = DOR_ORDER_CANCEL, .caller = dor__self()};
    return dor__ssl_command(socket, &command).code;
}

static dor_result ask_hello(dor_actor *a, dor_ssl_query *query)
{
    return dor__socket_hello(a, query->out);
}

int dor_ssl_get_hello(dor_socket socket, dor_ssl_hello *hello)
{
    if (!hello) return DOR_E_BADARG;
    return dor__ssl_call(socket, &(dor_ssl_query){.run = ask_hello, .out = hello}).code;
}

int dor_ssl_setopts(dor_socket socket, const dor_options *options)
{
    present p;
    if (!options) return DOR_E_BADARG;
    dor_ssl_command command = {.order = DOR_ORDER_MODES, .caller = dor__self()};
    dor_result r = get_present(socket, 0, &p);
    bool blind = r.code == DOR_E_WOULD_DEADLOCK; /* then only what needs no present value can be set */
    if (dor__failed(r) && !blind) return r.code;
    if (p.is_listener) {
        command.order = DOR_ORDER_SETTINGS;
        r = dor__options_override(p.settings, options, DOR_TLS_SERVER, &command.settings);
    } else {
        command.modes = p.modes;
        r = dor__options_to_command(options, p.settings, &command);
        if (dor__ok(r) && blind && (command.set_packet || command.set_cut))
            r = dor__error(DOR_E_WOULD_DEADLOCK);
    }
    if (dor__ok(r)) r = dor__ssl_command(socket, &command);
    if (blind && r.code == DOR_E_ENOTCONN)
        r = dor__error(DOR_E_WOULD_DEADLOCK); /* a listener, it turns out */
    dor__settings_unref(command.settings);
    dor__raw_unref(command.raw);
    dor__settings_unref(p.settings);
    return r.code;
}

static dor_result get_option(const present *p, const char *name, dor_options *values)
{
    char why[160];
    dor_inet_id id = dor__inet_find(name);
    if (id == DOR_INET_COUNT || p->is_listener)
        return dor__options_from_settings(p->settings, p->is_listener ? NULL : &p->modes, name, values);
    int code = p->inet.codes[id];
    if (code)
        return dor__options_fail(values, code, "option %s: %s", name,
                                 code == DOR_E_NOT_SUPPORTED ? "not of this kind of socket"
                                                             : dor_format_error(code, why, sizeof why));
    return dor__options_from_inet(id, p->inet.values[id], values);
}

int dor_ssl_getopts(dor_socket socket, const char *const *names, size_t count, dor_options *values)
{
    present p;
    uint32_t wanted = 0;
    if (!values || (!names && count)) return DOR_E_BADARG;
    for (size_t i = 0; i < count; i++) {
        if (!names[i]) return DOR_E_BADARG;
        dor_inet_id id = dor__inet_find(names[i]);
        if (id < DOR_INET_COUNT) wanted |= 1u << id;
    }
    dor_result r = get_present(socket, wanted, &p);
    if (dor__failed(r)) return r.code;
    for (size_t i = 0; i < count && dor__ok(r); i++)
        r = get_option(&p, names[i], values);
    dor__settings_unref(p.settings);
    return r.code;
}

int dor_ssl_set_active(dor_socket socket, int active)
{
    if (active < DOR_ACTIVE_ONCE) return DOR_E_BADARG; /* here, since who is far away hears no more of it */
    dor_ssl_command command = {
        .order = DOR_ORDER_MODES, .caller = dor__self(), .set_active = true, .modes.active = active};
    return dor__ssl_command(socket, &command).code;
}

/* ---- connecting ----------------------------------------------------------------------------------------------- */

/* An address that we cannot come to from our own one. What a name stands for shows later. */
static dor_result check_family(const dor_options *options, const dor_settings *settings, const char *host)
{
    struct sockaddr_storage to;
    if (!settings->ip[0] || settings->transport || dor__failed(dor__tcp_parse(host, 0, &to, NULL)))
        return DOR_SUCCESS;
    bool own_6 = strchr(settings->ip, ':'), host_6 = to.ss_family == AF_INET6;
    if (own_6 == host_6) return DOR_SUCCESS;
    return dor__options_fail(options, DOR_E_OPTION_CONFLICT,
                             "option ip: %s is of IPv%d, but the host %.60s of IPv%d", settings->ip,
                             own_6 ? 6 : 4, host, host_6 ? 6 : 4);
}

/* At a path there is no host, and a certificate that is verified for no name at all would be anybody's. */
static dor_result check_name(const dor_options *options, const char *host, const dor_settings *settings)
{
    if (settings->transport || !dor__is_unix(host)) return DOR_SUCCESS;
    if (settings->server_name[0] || !settings->tls->verify_peer || !settings->tls->verify_host)
        return DOR_SUCCESS;
    return dor__options_fail(options, DOR_E_OPTION_CONFLICT,
                             "option verify_host: a path is no host name to verify the certificate for; set "
                             "server_name_indication, or verify_host to false");
}

static int start_connect(dor_runtime *runtime, const char *host, uint16_t port, const dor_options *options,
                         dor_pid self, uint32_t timeout_ms, dor_ref *ref)
{
    dor_settings *settings;
    dor_ref made = dor__make_ref();
    dor_result r = dor__options_resolve(options, DOR_TLS_CLIENT, &settings);
    if (dor__failed(r)) return r.code;
    r = check_family(options, settings, host);
    if (dor__ok(r)) r = check_name(options, host, settings);
    if (dor__ok(r)) r = dor__settings_set_place(settings, host, port);
    if (dor__ok(r)) r = dor__ssl_connect(runtime, host, port, settings, self, made, timeout_ms);
    dor__settings_unref(settings);
    if (dor__ok(r)) *ref = made;
    return r.code;
}

static bool can_connect_to(const char *host, uint16_t port)
{
    size_t len = host ? strlen(host) : 0;
    return len >= 1 && len <= HOST_MAX && (port != 0 || dor__is_unix(host));
}

int dor_ssl_connect_async(dor_runtime *runtime, const char *host, uint16_t port, const dor_options *options,
                          uint32_t timeout_ms, dor_ref *ref)
{
    dor_pid self;
    if (!can_connect_to(host, port) || !ref) return DOR_E_BADARG;
    dor_result r = dor__runtime_enter_real(&runtime);
    if (dor__failed(r)) return r.code;
    r = need_self(&self);
    int code = dor__failed(r) ? r.code : start_connect(runtime, host, port, options, self, timeout_ms, ref);
    dor__runtime_leave(runtime);
    return code;
}

int dor_ssl_connect(dor_runtime *runtime, const char *host, uint16_t port, const dor_options *options,
                    uint32_t timeout_ms, dor_socket *socket)
{
    dor_pid self;
    dor_ref ref;
    if (!can_connect_to(host, port) || !socket) return DOR_E_BADARG;
    if (!dor__may_block()) return DOR_E_WOULD_DEADLOCK;
    dor_result r = dor__runtime_enter_real(&runtime);
    if (dor__failed(r)) return r.code;
    r = become_process(runtime, &self);
    int code = dor__failed(r) ? r.code : start_connect(runtime, host, port, options, self, timeout_ms, &ref);
    dor__runtime_leave(runtime); /* before the wait, which must not hold up the runtime's end */
    return code ? code : await(ref, socket, NULL);
}

/* ---- data ----------------------------------------------------------------------------------------------------- */

int dor_ssl_send(dor_socket socket, const void *data, size_t len)
{
    dor_pid self;
    if (!data && len) return DOR_E_BADARG;
    dor_result r = become_process_for(socket, &self);
    if (dor__failed(r)) return r.code;
    dor_buffer *copy = dor__buffer_new(data, len);
    if (!copy) return DOR_E_NOMEM;
    dor_ref ref = dor__make_ref();
    r = dor__ssl_send(socket, copy, self, ref, false);
    return dor__failed(r) ? r.code : await(ref, NULL, NULL);
}

/* All parts in one buffer: one packet, accepted or refused as a whole. NOMEM too when they are more than there can be. */
static dor_result gather(const dor_part *parts, size_t count, dor_buffer **gathered)
{
    size_t len = 0, done = 0;
    void *bytes;
    if (!parts && count) return dor__error(DOR_E_BADARG);
    for (size_t i = 0; i < count; i++) {
        if (!parts[i].data && parts[i].len) return dor__error(DOR_E_BADARG);
        if (parts[i].len > SIZE_MAX - len) return dor__error(DOR_E_NOMEM);
        len += parts[i].len;
    }
    *gathered = dor__buffer_alloc(len, &bytes);
    if (!*gathered) return dor__error(DOR_E_NOMEM);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len) memcpy((char *)bytes + done, parts[i].data, parts[i].len);
        done += parts[i].len;
    }
    return DOR_SUCCESS;
}

int dor_ssl_sendv(dor_socket socket, const dor_part *parts, size_t count)
{
    dor_pid self;
    dor_buffer *data;
    dor_result r = become_process_for(socket, &self);
    if (dor__ok(r)) r = gather(parts, count, &data);
    if (dor__failed(r)) return r.code;
    dor_ref ref = dor__make_ref();
    r = dor__ssl_send(socket, data, self, ref, false);
    return dor__failed(r) ? r.code : await(ref, NULL, NULL);
}

int dor_ssl_sendv_async(dor_socket socket, const dor_part *parts, size_t count, dor_ref *ref)
{
    dor_buffer *data;
    dor_result r = gather(parts, count, &data);
    return dor__failed(r) ? r.code : dor_ssl_send_async(socket, data, ref);
}

int dor_ssl_send_async(dor_socket socket, dor_buffer *data, dor_ref *ref)
{
    dor_pid self = dor__self();
    dor_ref made = ref ? dor__make_ref() : 0;
    if (!data) return DOR_E_BADARG;
    if (ref && self == DOR_PID_NONE) {
        dor__buffer_unref(data);
        return DOR_E_NO_PROCESS;
    }
    dor_result r = dor__ssl_send(socket, data, self, made, true);
    if (dor__ok(r) && ref) *ref = made;
    return r.code;
}

static int start_recv(dor_socket socket, size_t length, dor_pid self, uint32_t timeout_ms, dor_ref *ref)
{
    dor_ref made = dor__make_ref();
    dor_result r = dor__ssl_recv(socket, length, self, made, timeout_ms);
    if (dor__ok(r)) *ref = made;
    return r.code;
}

int dor_ssl_recv_async(dor_socket socket, size_t length, uint32_t timeout_ms, dor_ref *ref)
{
    dor_pid self;
    if (!ref || length > recv_max) return DOR_E_BADARG;
    dor_result r = need_self(&self);
    return dor__failed(r) ? r.code : start_recv(socket, length, self, timeout_ms, ref);
}

int dor_ssl_recv(dor_socket socket, size_t length, uint32_t timeout_ms, dor_buffer **data)
{
    dor_pid self;
    dor_ref ref;
    if (!data || length > recv_max) return DOR_E_BADARG;
    dor_result r = become_process_for(socket, &self);
    if (dor__failed(r)) return r.code;
    int code = start_recv(socket, length, self, timeout_ms, &ref);
    return code ? code : await(ref, NULL, data);
}

/* ---- ownership and end ---------------------------------------------------------------------------------------- */

int dor_ssl_controlling_process(dor_socket socket, dor_pid new_owner)
{
    if (new_owner == DOR_PID_NONE) return DOR_E_BADARG;
    return dor__ssl_give(socket, dor__self(), new_owner).code;
}

/* What is closed already is fine. */
static int close_by_order(dor_socket socket, dor_ssl_order order)
{
    dor_ssl_command command = {.order = order, .caller = dor__self()};
    int code = dor__ssl_command(socket, &command).code;
    return code == DOR_E_CLOSED ? DOR_OK : code;
}

int dor_ssl_close(dor_socket socket)
{
    return close_by_order(socket, DOR_ORDER_CLOSE);
}

int dor_ssl_stop_listening(dor_socket listener)
{
    return close_by_order(listener, DOR_ORDER_STOP_LISTENING);
}

int dor_ssl_shutdown(dor_socket socket, dor_shutdown_how how)
{
    if ((unsigned)how > DOR_SHUTDOWN_READ_WRITE) return DOR_E_BADARG;
    dor_ssl_command command = {.order = DOR_ORDER_SHUTDOWN, .caller = dor__self(), .how = how};
    return dor__ssl_command(socket, &command).code;
}

int dor_ssl_update_keys(dor_socket socket, int ask_peer)
{
    dor_ssl_command command = {.order = DOR_ORDER_KEYS, .caller = dor__self(), .ask_peer = ask_peer != 0};
    return dor__ssl_command(socket, &command).code;
}

/* ---- second handshakes ---------------------------------------------------------------------------------------- */

static int wait_for(start_fn call, dor_socket socket, uint32_t timeout_ms)
{
    dor_ref ref;
    int code = start_as_process(call, socket, timeout_ms, &ref);
    return code ? code : await(ref, NULL, NULL);
}

int dor_ssl_renegotiate(dor_socket socket, uint32_t timeout_ms)
{
    return wait_for(dor__ssl_renegotiate, socket, timeout_ms);
}

int dor_ssl_renegotiate_async(dor_socket socket, uint32_t timeout_ms, dor_ref *ref)
{
    return start_async(dor__ssl_renegotiate, socket, timeout_ms, ref);
}

int dor_ssl_request_certificate(dor_socket socket, uint32_t timeout_ms)
{
    return wait_for(dor__ssl_request_certificate, socket, timeout_ms);
}

int dor_ssl_request_certificate_async(dor_socket socket, uint32_t timeout_ms, dor_ref *ref)
{
    return start_async(dor__ssl_request_certificate, socket, timeout_ms, ref);
}

/* ---- information ---------------------------------------------------------------------------------------------- */

static dor_result ask_peername(dor_actor *a, dor_ssl_query *query)
{
    return dor__socket_name(a, true, query->out);
}

static dor_result ask_sockname(dor_actor *a, dor_ssl_query *query)
{
    return dor__socket_name(a, false, query->out);
}

static dor_result ask_info(dor_actor *a, dor_ssl_query *query)
{
    return dor__socket_info(a, query->out);
}

static dor_result ask_peercert(dor_actor *a, dor_ssl_query *query)
{
    return dor__socket_peercert(a, query->out);
}

static dor_result ask_ocsp(dor_actor *a, dor_ssl_query *query)
{
    return dor__socket_stapled(a, false, query->out);
}

static dor_result ask_sct(dor_actor *a, dor_ssl_query *query)
{
    return dor__socket_stapled(a, true, query->out);
}

static dor_result ask_session(dor_actor *a, dor_ssl_query *query)
{
    return dor__socket_session(a, query->out);
}

static int ask(dor_socket socket, dor_result (*run)(dor_actor *, dor_ssl_query *), void *out)
{
    if (!out) return DOR_E_BADARG;
    return dor__ssl_call(socket, &(dor_ssl_query){.run = run, .out = out}).code;
}

int dor_ssl_peername(dor_socket socket, dor_address *address)
{
    return ask(socket, ask_peername, address);
}

int dor_ssl_sockname(dor_socket socket, dor_address *address)
{
    return ask(socket, ask_sockname, address);
}

int dor_ssl_connection_info(dor_socket socket, dor_connection_info *info)
{
    return ask(socket, ask_info, info);
}

int dor_ssl_negotiated_protocol(dor_socket socket, char *name, size_t cap)
{
    dor_connection_info info;
    if (!name || !cap) return DOR_E_BADARG;
    int code = dor_ssl_connection_info(socket, &info);
    if (code) return code;
    size_t len = strlen(info.alpn);
    if (!len) return DOR_E_PROTOCOL_NOT_NEGOTIATED;
    if (len >= cap) return DOR_E_TOO_BIG;
    memcpy(name, info.alpn, len + 1);
    return DOR_OK;
}

int dor_ssl_peercert(dor_socket socket, dor_buffer **der)
{
    return ask(socket, ask_peercert, der);
}

int dor_ssl_peer_ocsp_response(dor_socket socket, dor_buffer **der)
{
    return ask(socket, ask_ocsp, der);
}

int dor_ssl_peer_sct_list(dor_socket socket, dor_buffer **list)
{
    return ask(socket, ask_sct, list);
}

int dor_ssl_get_session(dor_socket socket, dor_ssl_session **session)
{
    dor_session *found = NULL;
    if (!session) return DOR_E_BADARG;
    int code = ask(socket, ask_session, &found);
    if (!code) *session = (dor_ssl_session *)found;
    return code;
}

int dor_ssl_get_statistics(dor_runtime *runtime, dor_ssl_statistics *statistics)
{
    if (!statistics) return DOR_E_BADARG;
    dor_result r = dor__runtime_enter(&runtime);
    if (dor__failed(r)) return r.code;
    dor__ssl_statistics(runtime, statistics);
    dor__runtime_leave(runtime);
    return DOR_OK;
}
