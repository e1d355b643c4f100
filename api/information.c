/* information.c - dormouse/information.h: checks arguments and forwards. */
#include "json_text.h"
#include "suites.h"

#include "base/alloc.h"
#include "base/ct.h"
#include "ssl/information.h"
#include <dormouse/information.h>

static dor_result ask_export(dor_actor *a, dor_ssl_query *query)
{
    return dor__socket_export(a, query->in);
}

int dor_ssl_export_keying_material(dor_socket socket, const char *label, const void *context,
                                   size_t context_len, void *out, size_t out_len)
{
    const dor_span given = dor__span(context, context_len);
    dor_export_ask ask = {.label = label, .context = context ? &given : NULL, .out = out, .out_len = out_len};
    if (!label || !out || (!context && context_len)) return DOR_E_BADARG;
    return dor__ssl_call(socket, &(dor_ssl_query){.run = ask_export, .in = &ask}).code;
}

static dor_result ask_tls_unique(dor_actor *a, dor_ssl_query *query)
{
    return dor__socket_tls_unique(a, query->out);
}

int dor_ssl_tls_unique(dor_socket socket, uint8_t out[12])
{
    if (!out) return DOR_E_BADARG;
    return dor__ssl_call(socket, &(dor_ssl_query){.run = ask_tls_unique, .out = out}).code;
}

static dor_result ask_prf(dor_actor *a, dor_ssl_query *query)
{
    return dor__socket_prf(a, query->in);
}

static bool seeds_are_good(const dor_prf_seed *seeds, size_t count)
{
    if (count > DOR_SEEDS_MAX || (!seeds && count)) return false;
    for (size_t i = 0; i < count; i++) {
        if ((unsigned)seeds[i].kind > DOR_SEED_SERVER_RANDOM) return false;
        if (seeds[i].kind == DOR_SEED_BYTES && !seeds[i].data && seeds[i].len) return false;
    }
    return true;
}

int dor_ssl_prf(dor_socket socket, const void *secret, size_t secret_len, const char *label,
                const dor_prf_seed *seeds, size_t seed_count, void *out, size_t out_len)
{
    const dor_span given = dor__span(secret, secret_len);
    dor_prf_ask ask = {.secret = secret ? &given : NULL,
                       .label = label,
                       .seeds = seeds,
                       .seed_count = seed_count,
                       .out = out,
                       .out_len = out_len};
    if (!label || !out || (!secret && secret_len) || secret_len > DOR_EXPORT_MAX ||
        !seeds_are_good(seeds, seed_count))
        return DOR_E_BADARG;
    return dor__ssl_call(socket, &(dor_ssl_query){.run = ask_prf, .in = &ask}).code;
}

/* ---- what was negotiated ------------------------------------------------------------------------------------ */

typedef struct answer {
    dor_connection_information information;
    const dor_suite *suite;
} answer;

static dor_result ask_information(dor_actor *a, dor_ssl_query *query)
{
    answer *to = query->out;
    return dor__socket_information(a, &to->information, &to->suite);
}

int dor_ssl_connection_information(dor_socket socket, dor_connection_information *information)
{
    answer found = {.suite = NULL};
    if (!information) return DOR_E_BADARG;
    int code = dor__ssl_call(socket, &(dor_ssl_query){.run = ask_information, .out = &found}).code;
    if (!code) {
        if (found.suite) dor__suite_describe(found.suite, &found.information.suite);
        *information = found.information;
    }
    dor__wipe(&found, sizeof found);
    return code;
}

static void write_hex(dor_json_text *t, const char *name, const uint8_t *bytes, size_t len)
{
    dor__json_print(t, ",\"%s\":\"", name);
    for (size_t i = 0; i < len; i++)
        dor__json_print(t, "%02x", bytes[i]);
    dor__json_print(t, "\"");
}

/* What a peer chose (its names) goes through dor__json_string, which escapes. */
static void write_text(dor_json_text *t, const char *name, const char *value)
{
    dor__json_print(t, ",\"%s\":", name);
    dor__json_string(t, value);
}

static const char *const early_data_words[] = {
    [DOR_EARLY_DATA_NONE] = "none",
    [DOR_EARLY_DATA_ACCEPTED] = "accepted",
    [DOR_EARLY_DATA_REJECTED] = "rejected",
};

static void write_information(dor_json_text *t, const dor_connection_information *i)
{
    const dor_connection_info *n = &i->negotiated;
    dor__json_print(t, "{\"role\":\"%s\"", i->server ? "server" : "client");
    write_text(t, "protocol", n->protocol);
    write_text(t, "cipher_suite", n->cipher_suite);
    write_text(t, "cipher_suite_openssl", i->suite.openssl_name);
    write_text(t, "key_exchange", i->suite.key_exchange);
    write_text(t, "cipher", i->suite.cipher);
    dor__json_print(t, ",\"key_bits\":%u", (unsigned)i->suite.key_bits);
    write_text(t, "mac", i->suite.mac);
    write_text(t, "prf", i->suite.prf);
    write_text(t, "group", n->group);
    write_text(t, "peer_signature", n->peer_signature);
    write_text(t, "server_name", n->server_name);
    write_text(t, "alpn", n->alpn);
    dor__json_print(t, ",\"resumed\":%s,\"hello_retry\":%s", n->resumed ? "true" : "false",
                    n->hello_retry ? "true" : "false");
    dor__json_print(t, ",\"extended_master_secret\":%s,\"peer_certificate\":%s",
                    i->extended_master_secret ? "true" : "false", n->has_peercert ? "true" : "false");
    dor__json_print(t, ",\"hibernated\":%s", n->hibernated ? "true" : "false");
    dor__json_print(t, ",\"early_data\":\"%s\"", early_data_words[n->early_data]);
    if (i->has_randoms) {
        write_hex(t, "session_id", i->session_id, i->session_id_len);
        write_hex(t, "client_random", i->client_random, sizeof i->client_random);
        write_hex(t, "server_random", i->server_random, sizeof i->server_random);
    }
    dor__json_print(t, "}");
}

int dor_ssl_connection_information_json(dor_socket socket, char **text)
{
    dor_connection_information information;
    dor_json_text t = {0};
    if (!text) return DOR_E_BADARG;
    int code = dor_ssl_connection_information(socket, &information);
    if (code) return code;
    write_information(&t, &information);
    dor__wipe(&information, sizeof information);
    if (t.failed) {
        dor__free(t.bytes);
        return DOR_E_NOMEM;
    }
    *text = t.bytes;
    return DOR_OK;
}

typedef struct lines_ask {
    dor_key_log_fn fn;
    void *arg;
} lines_ask;

static dor_result ask_lines(dor_actor *a, dor_ssl_query *query)
{
    const lines_ask *ask = query->in;
    return dor__socket_key_log_lines(a, ask->fn, ask->arg);
}

int dor_ssl_key_log_lines(dor_socket socket, dor_key_log_fn fn, void *arg)
{
    lines_ask ask = {fn, arg};
    if (!fn) return DOR_E_BADARG;
    return dor__ssl_call(socket, &(dor_ssl_query){.run = ask_lines, .in = &ask}).code;
}
