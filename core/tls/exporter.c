/*
 * exporter.c - keying material out of a connection.
 *
 * TLS 1.3 (RFC 8446 section 7.5): the exporter master secret was derived in the handshake. TLS 1.2 (RFC 5705 section 4):
 * PRF(master_secret, label, client_random || server_random [|| length || context]).
 */
#include "tls/exporter.h"

#include "tls/again.h"

static dor_hash_id hash_of(const dor_tls *t)
{
    return (dor_hash_id)t->suite->hash;
}

/* RFC 5705 section 4: what the protocol itself feeds into the PRF must not come out of an exporter. */
static bool is_reserved(const char *label)
{
    static const char *const reserved[] = {"client finished", "server finished", "master secret",
                                           "extended master secret", "key expansion"};
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (strcmp(label, reserved[i]) == 0) return true;
    return false;
}

static dor_result check_connected(const dor_tls *t)
{
    if (dor__failed(t->error)) return t->error;
    return t->connected ? DOR_SUCCESS : dor__error(DOR_E_ENOTCONN);
}

static dor_result export_13(const dor_tls *t, const char *label, dor_span context, uint8_t *out,
                            size_t out_len)
{
    uint8_t derived[DOR_HASH_MAX_LEN], digest[DOR_HASH_MAX_LEN];
    size_t hash_len = dor__hash_len(hash_of(t));
    dor_result r;
    if (out_len > 255 * hash_len) return dor__error(DOR_E_BADARG);
    DOR_TRY_GOTO(r, dor__hash_once(hash_of(t), DOR_SPAN_EMPTY, digest));
    DOR_TRY_GOTO(r, dor__hkdf_expand_label(hash_of(t), dor__span(dor__kept_in_force(t)->secret, hash_len),
                                           label, dor__span(digest, hash_len), derived, hash_len));
    DOR_TRY_GOTO(r, dor__hash_once(hash_of(t), context, digest));
    r = dor__hkdf_expand_label(hash_of(t), dor__span(derived, hash_len), "exporter",
                               dor__span(digest, hash_len), out, out_len);
done:
    dor__wipe(derived, sizeof derived);
    return r;
}

static dor_result export_12(const dor_tls *t, const char *label, const dor_span *context, uint8_t *out,
                            size_t out_len)
{
    if (!dor__extended_in_force(t)) return dor__error(DOR_E_EXPORT_UNSAFE);
    const uint8_t len[2] = {(uint8_t)(context ? context->len >> 8 : 0),
                            (uint8_t)(context ? context->len : 0)};
    const dor_span seed[] = {dor__span(dor__kept_in_force(t)->client_random, DOR_RANDOM_LEN),
                             dor__span(dor__kept_in_force(t)->server_random, DOR_RANDOM_LEN),
                             dor__span(len, 2), context ? *context : DOR_SPAN_EMPTY};
    return dor__tls12_prf(hash_of(t), dor__span(dor__kept_in_force(t)->secret, DOR_MASTER_SECRET_LEN), label,
                          seed, context ? 4 : 2, out, out_len);
}

dor_result dor__tls_export(const dor_tls *t, const char *label, const dor_span *context, uint8_t *out,
                           size_t out_len)
{
    enum { LABEL_MAX = 255 - 6 }; /* behind "tls13 ", RFC 8446 section 7.1 */
    size_t label_len = strlen(label);
    DOR_TRY(check_connected(t));
    if (label_len > LABEL_MAX || is_reserved(label) || out_len < 1 || out_len > DOR_EXPORT_MAX ||
        (context && context->len > DOR_EXPORT_MAX))
        return dor__error(DOR_E_BADARG);
    if (!dor__kept_in_force(t) || !dor__kept_in_force(t)->have_secret) return dor__error(DOR_E_NOT_KEPT);
    if (t->version == DOR_TLS_1_3)
        return export_13(t, label, context ? *context : DOR_SPAN_EMPTY, out, out_len);
    return export_12(t, label, context, out, out_len);
}

dor_result dor__tls_unique(const dor_tls *t, uint8_t out[DOR_TLS_UNIQUE_LEN])
{
    DOR_TRY(check_connected(t));
    const dor_tls_kept *kept = dor__kept_in_force(t);
    const bool resumed = dor__renegotiating(t) ? t->again->before.resumed : t->resumed;
    if (t->version == DOR_TLS_1_3) return dor__error(DOR_E_EINVAL);
    if (!kept || !kept->have_finished) return dor__error(DOR_E_NOT_KEPT);
    /* A full handshake's Finished is of this handshake alone, whatever the secret; a resumed one's says no more than the secret. */
    if (resumed && !dor__extended_in_force(t)) return dor__error(DOR_E_EXPORT_UNSAFE);
    memcpy(out, kept->finished, DOR_TLS_UNIQUE_LEN);
    return DOR_SUCCESS;
}

/* ---- the PRF --------------------------------------------------------------------------------------------- */

static bool is_randoms(const dor_tls_seed *seeds, size_t count)
{
    return count == 2 && seeds[0].kind == DOR_TLS_SEED_CLIENT_RANDOM &&
           seeds[1].kind == DOR_TLS_SEED_SERVER_RANDOM;
}

static dor_result seed_append(const dor_tls *t, const dor_tls_seed *seed, dor_bytes *all)
{
    dor_span part = seed->bytes;
    if (seed->kind != DOR_TLS_SEED_BYTES) {
        if (!dor__kept_in_force(t)) return dor__error(DOR_E_NOT_KEPT);
        part = dor__span(seed->kind == DOR_TLS_SEED_CLIENT_RANDOM ? dor__kept_in_force(t)->client_random
                                                                  : dor__kept_in_force(t)->server_random,
                         DOR_RANDOM_LEN);
    }
    if (part.len > DOR_EXPORT_MAX || all->len + part.len > DOR_EXPORT_MAX) return dor__error(DOR_E_BADARG);
    return dor__bytes_append(all, part);
}

dor_result dor__tls_prf(const dor_tls *t, const dor_span *secret, const char *label,
                        const dor_tls_seed *seeds, size_t seed_count, uint8_t *out, size_t out_len)
{
    dor_bytes seed = DOR_BYTES_EMPTY;
    dor_result r = DOR_SUCCESS;
    DOR_TRY(check_connected(t));
    if (!label[0] || out_len < 1 || out_len > DOR_EXPORT_MAX || seed_count > DOR_SEEDS_MAX)
        return dor__error(DOR_E_BADARG);
    if (t->version == DOR_TLS_1_3) {
        if (secret || !is_randoms(seeds, seed_count)) return dor__error(DOR_E_EINVAL);
        return dor__tls_export(t, label, NULL, out, out_len);
    }
    if (!secret && (!dor__kept_in_force(t) || !dor__kept_in_force(t)->have_secret))
        return dor__error(DOR_E_NOT_KEPT);
    if (!secret && is_reserved(label)) return dor__error(DOR_E_BADARG);
    for (size_t i = 0; i < seed_count; i++)
        DOR_TRY_GOTO(r, seed_append(t, &seeds[i], &seed));
    const dor_span all = dor__bytes_span(&seed);
    r = dor__tls12_prf(hash_of(t),
                       secret ? *secret : dor__span(dor__kept_in_force(t)->secret, DOR_MASTER_SECRET_LEN),
                       label, &all, 1, out, out_len);
done:
    dor__bytes_free(&seed);
    return r;
}

void dor__tls_get_secrets(const dor_tls *t, dor_tls_secrets *secrets)
{
    const dor_tls_kept *kept = dor__kept_in_force(t);
    *secrets = (dor_tls_secrets){0};
    if (!kept) return;
    secrets->client_random = dor__span(kept->client_random, DOR_RANDOM_LEN);
    secrets->server_random = dor__span(kept->server_random, DOR_RANDOM_LEN);
    secrets->session_id = dor__span(kept->session_id, kept->session_id_len);
    if (t->version == DOR_TLS_1_2 && t->config->keep_secrets)
        secrets->master_secret = dor__span(kept->secret, DOR_MASTER_SECRET_LEN);
}
