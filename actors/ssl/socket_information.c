/* socket_information.c - see information.h. Owning thread: the socket's scheduler. */
#include "ssl/information.h"
#include "ssl/listener.h"

/* The engine of a connection that is or was open. */
static dor_result engine_of(dor_actor *a, const dor_tls **tls)
{
    if (dor__is_listener(a)) return dor__error(DOR_E_ENOTCONN);
    const dor_connection *c = dor__conn_of(a);
    if (c->state < DOR_CONN_OPEN) return dor__error(DOR_E_ENOTCONN);
    if (!c->tls || !dor__tls_connected(c->tls)) return dor__error(DOR_E_CLOSED);
    *tls = c->tls;
    return DOR_SUCCESS;
}

dor_result dor__socket_export(dor_actor *a, const dor_export_ask *ask)
{
    const dor_tls *tls;
    DOR_TRY(engine_of(a, &tls));
    return dor__tls_export(tls, ask->label, ask->context, ask->out, ask->out_len);
}

dor_result dor__socket_tls_unique(dor_actor *a, uint8_t out[DOR_TLS_UNIQUE_LEN])
{
    const dor_tls *tls;
    DOR_TRY(engine_of(a, &tls));
    return dor__tls_unique(tls, out);
}

dor_result dor__socket_prf(dor_actor *a, const dor_prf_ask *ask)
{
    dor_tls_seed seeds[DOR_SEEDS_MAX];
    const dor_tls *tls;
    DOR_TRY(engine_of(a, &tls));
    for (size_t i = 0; i < ask->seed_count; i++) {
        const dor_prf_seed *seed = &ask->seeds[i];
        seeds[i].kind = seed->kind == DOR_SEED_BYTES           ? DOR_TLS_SEED_BYTES
                        : seed->kind == DOR_SEED_CLIENT_RANDOM ? DOR_TLS_SEED_CLIENT_RANDOM
                                                               : DOR_TLS_SEED_SERVER_RANDOM;
        seeds[i].bytes = dor__span(seed->data, seed->len);
    }
    return dor__tls_prf(tls, ask->secret, ask->label, seeds, ask->seed_count, ask->out, ask->out_len);
}

static uint8_t copy_bytes(uint8_t *to, dor_span from)
{
    if (from.len) memcpy(to, from.ptr, from.len); /* each is as long as its place, or shorter */
    return (uint8_t)from.len;
}

dor_result dor__socket_information(dor_actor *a, dor_connection_information *information,
                                   const dor_suite **suite)
{
    dor_tls_info info;
    dor_tls_secrets secrets;
    const dor_tls *tls;
    DOR_TRY(engine_of(a, &tls));
    *information = (dor_connection_information){0};
    DOR_TRY(dor__socket_info(a, &information->negotiated));
    dor__tls_get_info(tls, &info);
    dor__tls_get_secrets(tls, &secrets);
    *suite = info.suite;
    information->protocol_version = info.version;
    information->server = dor__conn_of(a)->server;
    information->extended_master_secret = info.extended_master_secret;
    information->has_randoms = secrets.client_random.len > 0;
    information->session_id_len = copy_bytes(information->session_id, secrets.session_id);
    (void)copy_bytes(information->client_random, secrets.client_random);
    (void)copy_bytes(information->server_random, secrets.server_random);
    information->master_secret_len = copy_bytes(information->master_secret, secrets.master_secret);
    return DOR_SUCCESS;
}

dor_result dor__socket_psk_identity(dor_actor *a, uint8_t *identity, size_t cap, size_t *len)
{
    dor_tls_info info;
    const dor_tls *tls;
    DOR_TRY(engine_of(a, &tls));
    dor__tls_get_info(tls, &info);
    *len = info.psk_identity.len;
    size_t some = *len < cap ? *len : cap;
    if (some) memcpy(identity, info.psk_identity.ptr, some);
    return *len > cap ? dor__error(DOR_E_TOO_BIG) : DOR_SUCCESS;
}

typedef struct listener {
    dor_key_log_fn fn;
    void *arg;
} listener;

static dor_result pass_on(void *arg, const char *line)
{
    const listener *to = arg;
    to->fn(line, to->arg);
    return DOR_SUCCESS;
}

dor_result dor__socket_key_log_lines(dor_actor *a, dor_key_log_fn fn, void *arg)
{
    listener to = {fn, arg};
    const dor_tls *tls;
    DOR_TRY(engine_of(a, &tls));
    return dor__tls_key_log_lines(tls, pass_on, &to);
}
