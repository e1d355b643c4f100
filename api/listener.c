/*
 * listener.c - dormouse/listener.h: checks arguments and forwards to the listener; what dor_ssl_serve makes of its spec.
 *
 * Threads: any.
 */
#include "caller.h"
#include "json_text.h"
#include "options_table.h"

#include "base/alloc.h"
#include "ssl/tcp.h"

#include <inttypes.h>
#include <unistd.h>

enum { PROTOCOL_MAX = 255 }; /* RFC 7301 section 3.1: opaque ProtocolName<1..2^8-1> */

/* ---- protocols of a spec ------------------------------------------------------------------------------------------ */

static dor_result check_protocols(const dor_options *options, const dor_server_spec *spec)
{
    if (spec->protocol_count > DOR_OPTIONS_LIST_MAX || (!spec->protocols && spec->protocol_count))
        return dor__options_fail(options, DOR_E_BADARG, "protocols: there are at most %d",
                                 DOR_OPTIONS_LIST_MAX);
    for (size_t i = 0; i < spec->protocol_count; i++) {
        const char *name = spec->protocols[i].name;
        size_t len = name ? strlen(name) : 0;
        if (len < 1 || len > PROTOCOL_MAX)
            return dor__options_fail(options, DOR_E_BADARG, "protocols, number %zu: a name has 1 to %d bytes",
                                     i + 1, PROTOCOL_MAX);
        for (size_t j = 0; j < i; j++)
            if (strcmp(spec->protocols[j].name, name) == 0)
                return dor__options_fail(options, DOR_E_BADARG,
                                         "protocols, number %zu: \"%s\" is there already", i + 1, name);
    }
    return DOR_SUCCESS;
}

/* Their names are the preference when options give none. */
static dor_result prefer_protocols(const dor_server_spec *spec, dor_settings *settings)
{
    if (settings->tls->alpn.len) return DOR_SUCCESS;
    for (size_t i = 0; i < spec->protocol_count; i++)
        DOR_TRY(dor__tls_config_add_alpn(settings->tls, dor__span_str(spec->protocols[i].name)));
    return DOR_SUCCESS;
}

dor_result dor__options_resolve_serve(const dor_options *options, const dor_server_spec *spec,
                                      dor_settings **out)
{
    dor_settings *settings;
    DOR_TRY(check_protocols(options, spec));
    DOR_TRY(dor__options_resolve(options, DOR_TLS_SERVER, &settings));
    dor_result r = settings->pause_at_hello
                       ? dor__options_fail(options, DOR_E_OPTION_CONFLICT,
                                           "option handshake: nobody would go on after the hello")
                       : prefer_protocols(spec, settings);
    if (dor__failed(r)) {
        dor__settings_unref(settings);
        return r;
    }
    *out = settings;
    return r;
}

/* ---- descriptors that listen already ------------------------------------------------------------------------------- */

static dor_result check_descriptor(int fd, const dor_options *options)
{
    static const char *const bound[] = {"ip",          "ifaddr",    "bind_to_device",
                                        "ipv6_v6only", "unix_mode", "cb_info"};
    if (!dor__tcp_listens(fd))
        return dor__options_fail(options, DOR_E_BADARG, "descriptor %d is no stream socket that listens", fd);
    for (size_t i = 0; i < sizeof bound / sizeof bound[0]; i++)
        if (dor__options_get(options, bound[i]))
            return dor__options_fail(options, DOR_E_OPTION_CONFLICT,
                                     "option %s: the descriptor is bound already, by whoever made it",
                                     bound[i]);
    return DOR_SUCCESS;
}

static dor_result listen_there(dor_runtime *runtime, int fd, dor_settings *settings,
                               const dor_server_spec *spec, bool *taken, dor_socket *listener)
{
    dor_pid self = DOR_PID_NONE;
    DOR_TRY(dor__runtime_enter_real(&runtime));
    dor_result r = spec ? DOR_SUCCESS : become_owner(runtime, &self);
    *taken = dor__ok(r);
    if (*taken) r = dor__ssl_listen_fd(runtime, fd, settings, self, spec, listener);
    dor__runtime_leave(runtime);
    return r;
}

static int listen_fd(dor_runtime *runtime, int fd, const dor_options *options, const dor_server_spec *spec,
                     dor_socket *listener)
{
    dor_settings *settings;
    bool taken = false;
    dor_result r = check_descriptor(fd, options);
    if (dor__ok(r))
        r = spec ? dor__options_resolve_serve(options, spec, &settings)
                 : dor__options_resolve(options, DOR_TLS_SERVER, &settings);
    if (dor__ok(r)) {
        r = listen_there(runtime, fd, settings, spec, &taken, listener);
        dor__settings_unref(settings);
    }
    /* What failed before it could be taken, and is not the caller's mistake: see listener.h. */
    if (dor__failed(r) && !taken && dor_error_get_class(r.code) != DOR_CLASS_USAGE) (void)close(fd);
    return r.code;
}

int dor_ssl_listen_fd(dor_runtime *runtime, int fd, const dor_options *options, dor_socket *listener)
{
    return listener ? listen_fd(runtime, fd, options, NULL, listener) : DOR_E_BADARG;
}

int dor_ssl_serve_fd(dor_runtime *runtime, int fd, const dor_options *options, const dor_server_spec *spec,
                     dor_socket *listener)
{
    return listener && spec ? listen_fd(runtime, fd, options, spec, listener) : DOR_E_BADARG;
}

/* ---- orders ------------------------------------------------------------------------------------------------------- */

static int order(dor_socket listener, dor_ssl_order order)
{
    dor_ssl_command command = {.order = order, .caller = dor__self()};
    return dor__ssl_command(listener, &command).code;
}

int dor_ssl_suspend(dor_socket listener)
{
    return order(listener, DOR_ORDER_SUSPEND);
}

int dor_ssl_resume(dor_socket listener)
{
    return order(listener, DOR_ORDER_RESUME);
}

/* ---- draining ----------------------------------------------------------------------------------------------------- */

int dor_ssl_drain_async(dor_socket listener, uint32_t timeout_ms, dor_ref *ref)
{
    return start_async(dor__ssl_drain, listener, timeout_ms, ref);
}

int dor_ssl_drain(dor_socket listener, uint32_t timeout_ms, uint32_t *closed)
{
    dor_ref ref;
    dor_message *message;
    int code = start_as_process(dor__ssl_drain, listener, timeout_ms, &ref);
    if (code) return code;
    dor_result r = await_message(ref, &message);
    if (dor__failed(r)) return r.code;
    const dor_ssl_reply *reply = dor_message_payload(message);
    code = reply->result;
    if (code == DOR_OK && closed) *closed = reply->count;
    dor__message_free(message);
    return code;
}

/* ---- figures ------------------------------------------------------------------------------------------------------ */

static dor_result ask_statistics(dor_actor *a, dor_ssl_query *query)
{
    return dor__socket_listener_statistics(a, query->out);
}

int dor_ssl_get_listener_statistics(dor_socket listener, dor_listener_statistics *statistics)
{
    dor_listener_statistics got;
    if (!statistics) return DOR_E_BADARG;
    int code = dor__ssl_call(listener, &(dor_ssl_query){.run = ask_statistics, .out = &got}).code;
    if (code == DOR_OK) *statistics = got;
    return code;
}

static void write_counts(dor_json_text *t, const dor_listener_statistics *s)
{
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {{"acceptors", s->acceptors},
                  {"open", s->open},
                  {"handshakes", s->handshakes},
                  {"backlog", s->backlog},
                  {"backlog_max", s->backlog_max},
                  {"accepted", s->accepted},
                  {"refused_limit", s->refused_limit},
                  {"refused_descriptors", s->refused_descriptors},
                  {"refused_memory", s->refused_memory},
                  {"handshakes_done", s->handshakes_done},
                  {"handshakes_failed", s->handshakes_failed},
                  {"handshakes_timed_out", s->handshakes_timed_out},
                  {"backed_off", s->backed_off},
                  {"rate_waits", s->rate_waits},
                  {"handshake_waits", s->handshake_waits}};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        dor__json_print(t, ",\"%s\":%" PRIu64, counts[i].name, counts[i].value);
    dor__json_print(t, ",\"suspended\":%s,\"draining\":%s}", s->suspended ? "true" : "false",
                    s->draining ? "true" : "false");
}

int dor_ssl_get_listener_json(dor_socket listener, char **text)
{
    dor_listener_statistics s;
    dor_address address;
    char name[sizeof address.path + 8];
    dor_json_text t = {0};
    if (!text) return DOR_E_BADARG;
    int code = dor_ssl_get_listener_statistics(listener, &s);
    if (code == DOR_OK) code = dor_ssl_sockname(listener, &address);
    if (code != DOR_OK) return code;
    dor__address_text(&address, name, sizeof name);
    dor__json_print(&t, "{\"address\":");
    dor__json_string(&t, name);
    write_counts(&t, &s);
    if (t.failed) {
        dor__free(t.bytes);
        return DOR_E_NOMEM;
    }
    *text = t.bytes;
    return DOR_OK;
}
