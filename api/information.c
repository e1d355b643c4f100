/* information.c - dormouse/information.h: checks arguments and forwards. */
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
