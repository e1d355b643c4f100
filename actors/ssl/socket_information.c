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
