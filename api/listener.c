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

static int start_drain(dor_socket listener, dor_pid self, uint32_t timeout_ms, dor_ref *ref)
{
    dor_ref made = dor__make_ref();
    dor_result r = dor__ssl_drain(listener, self, made, timeout_ms);
    if (dor__ok(r)) *ref = made;
    return r.code;
}

int dor_ssl_drain_async(dor_socket listener, uint32_t timeout_ms, dor_ref *ref)
{
    dor_pid self;
    if (!ref) return DOR_E_BADARG;
    dor_result r = need_self(&self);
    return dor__failed(r) ? r.code : start_drain(listener, self, timeout_ms, ref);
}

int dor_ssl_drain(dor_socket listener, uint32_t timeout_ms, uint32_t *closed)
{
    dor_pid self;
    dor_ref ref;
    dor_message *message;
    dor_result r = become_process_for(listener, &self);
    if (dor__failed(r)) return r.code;
    int code = start_drain(listener, self, timeout_ms, &ref);
    if (code) return code;
    r = await_message(ref, &message);
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
