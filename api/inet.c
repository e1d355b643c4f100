/* inet.c - dormouse/inet.h: checks arguments and forwards. */
#include <dormouse/inet.h>

#include "json_text.h"
#include "options_table.h"

#include "base/alloc.h"

static void release_raw(void *raw)
{
    dor__raw_unref(raw);
}

int dor_options_add_raw(dor_options *options, int level, int option, const void *value, size_t len)
{
    dor_raw_options *with;
    if (!options || (!value && len)) return DOR_E_BADARG;
    const dor_value *present = dor__options_get(options, "raw");
    dor_result r = dor__raw_with(present ? present->object : NULL, level, option, value, len, &with);
    switch (r.code) {
    case DOR_OK: return dor__options_set_object(options, "raw", with, release_raw);
    case DOR_E_OPTION_CONFLICT:
        return dor__options_fail(options, r.code,
                                 "option raw: SO_LINGER with a time would hold up others; see option linger")
            .code;
    case DOR_E_TOO_BIG:
        return dor__options_fail(options, r.code, "option raw: a value of more than %d bytes",
                                 DOR_RAW_LEN_MAX)
            .code;
    case DOR_E_LIMIT: return dor__options_fail(options, r.code, "option raw: more than %d", DOR_RAW_MAX).code;
    default: return dor__options_fail(options, r.code, "option raw: out of memory").code;
    }
}

static dor_result ask_raw(dor_actor *a, dor_ssl_query *query)
{
    return dor__socket_get_raw(a, query->out);
}

int dor_ssl_getopt_raw(dor_socket socket, int level, int option, void *value, size_t *len)
{
    if (!len || (!value && *len)) return DOR_E_BADARG;
    dor_raw_ask ask = {.level = level, .option = option, .value = value, .len = *len};
    dor_result r = dor__ssl_call(socket, &(dor_ssl_query){.run = ask_raw, .out = &ask});
    if (dor__ok(r)) *len = ask.len;
    return r.code;
}

/* ---- statistics --------------------------------------------------------------------------------------------- */

static dor_result ask_statistics(dor_actor *a, dor_ssl_query *query)
{
    return dor__socket_getstat(a, query->out);
}

int dor_ssl_getstat(dor_socket socket, dor_socket_statistics *statistics)
{
    dor_socket_statistics found;
    if (!statistics) return DOR_E_BADARG;
    dor_result r = dor__ssl_call(socket, &(dor_ssl_query){.run = ask_statistics, .out = &found});
    if (dor__ok(r)) *statistics = found;
    return r.code;
}

int dor_ssl_getstat_json(dor_socket socket, char **text)
{
    dor_socket_statistics s;
    dor_json_text t = {0};
    if (!text) return DOR_E_BADARG;
    int code = dor_ssl_getstat(socket, &s);
    if (code) return code;
    const struct {
        const char *name;
        uint64_t value;
    } figures[] = {{"recv_oct", s.recv_oct},
                   {"recv_cnt", s.recv_cnt},
                   {"recv_avg", s.recv_avg},
                   {"send_oct", s.send_oct},
                   {"send_cnt", s.send_cnt},
                   {"send_avg", s.send_avg},
                   {"send_pend", s.send_pend},
                   {"send_queued", s.send_queued},
                   {"send_unacked", s.send_unacked},
                   {"retransmitted", s.retransmitted},
                   {"rtt_us", s.rtt_us},
                   {"rtt_var_us", s.rtt_var_us},
                   {"congestion_window", s.congestion_window},
                   {"mss", s.mss}};
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        dor__json_print(&t, "%c\"%s\":%llu", i ? ',' : '{', figures[i].name,
                        (unsigned long long)figures[i].value);
    dor__json_print(&t, "}");
    if (t.failed) {
        dor__free(t.bytes);
        return DOR_E_NOMEM;
    }
    *text = t.bytes;
    return DOR_OK;
}
