/*
 * schedule_13.c - see schedule_13.h. Every secret on the stack is wiped on the way out.
 */
#include "tls/schedule_13.h"

#include "tls/kept.h"

static dor_hash_id hash_of(const dor_tls *t)
{
    return (dor_hash_id)t->suite->hash;
}

static dor_span secret_span(const dor_tls *t, const uint8_t *secret)
{
    return dor__span(secret, dor__hash_len(hash_of(t)));
}

/* Derive-Secret(secret, label, messages), the messages given by their digest. */
static dor_result derive(dor_hash_id hash, const uint8_t *secret, const char *label, const uint8_t *digest,
                         uint8_t *out)
{
    size_t len = dor__hash_len(hash);
    return dor__hkdf_expand_label(hash, dor__span(secret, len), label, dor__span(digest, len), out, len);
}

/* One step down: secret = HKDF-Extract(Derive-Secret(secret, "derived", ""), ikm). */
static dor_result descend(dor_tls *t, dor_span ikm)
{
    uint8_t empty_digest[DOR_HASH_MAX_LEN], salt[DOR_HASH_MAX_LEN];
    dor_hash_id hash = hash_of(t);
    dor_result r;
    DOR_TRY_GOTO(r, dor__hash_once(hash, DOR_SPAN_EMPTY, empty_digest));
    DOR_TRY_GOTO(r, derive(hash, t->hs->secret, "derived", empty_digest, salt));
    r = dor__hkdf_extract(hash, dor__span(salt, dor__hash_len(hash)), ikm, t->hs->secret);
done:
    dor__wipe(salt, sizeof salt);
    return r;
}

dor_result dor__schedule_early(dor_tls *t, dor_span psk)
{
    return dor__hkdf_extract(hash_of(t), DOR_SPAN_EMPTY, psk, t->hs->secret);
}

dor_result dor__schedule_handshake(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    uint8_t digest[DOR_HASH_MAX_LEN];
    if ((hs->shared_secret_len == 0) != hs->psk_ke) return dor__error(DOR_E_INTERNAL);
    DOR_TRY(descend(t, dor__shared_secret(hs)));
    dor__shared_secret_wipe(hs);
    DOR_TRY(dor__transcript_digest(&hs->transcript, digest));
    DOR_TRY(derive(hash_of(t), hs->secret, "c hs traffic", digest, hs->client_secret));
    DOR_TRY(derive(hash_of(t), hs->secret, "s hs traffic", digest, hs->server_secret));
    dor__key_log(t, "CLIENT_HANDSHAKE_TRAFFIC_SECRET", secret_span(t, hs->client_secret));
    dor__key_log(t, "SERVER_HANDSHAKE_TRAFFIC_SECRET", secret_span(t, hs->server_secret));
    return DOR_SUCCESS;
}

/* exporter_master_secret (section 7.5), for those who asked; the digest goes up to the server's Finished. */
static dor_result keep_exporter(dor_tls *t, const uint8_t *digest)
{
    const dor_handshake *hs = t->hs;
    uint8_t exporter[DOR_HASH_MAX_LEN];
    DOR_TRY(dor__keep(t));
    if (!t->kept) return DOR_SUCCESS;
    dor__keep_traffic(t, DOR_KEPT_CLIENT_HANDSHAKE, secret_span(t, hs->client_secret));
    dor__keep_traffic(t, DOR_KEPT_SERVER_HANDSHAKE, secret_span(t, hs->server_secret));
    dor__keep_traffic(t, DOR_KEPT_CLIENT_FIRST, secret_span(t, hs->client_app_secret));
    dor__keep_traffic(t, DOR_KEPT_SERVER_FIRST, secret_span(t, hs->server_app_secret));
    dor_result r = derive(hash_of(t), hs->secret, "exp master", digest, exporter);
    if (dor__ok(r)) {
        dor__key_log(t, "EXPORTER_SECRET", secret_span(t, exporter));
        dor__keep_secret(t, secret_span(t, exporter));
    }
    dor__wipe(exporter, sizeof exporter);
    return r;
}

dor_result dor__schedule_master(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    uint8_t digest[DOR_HASH_MAX_LEN];
    DOR_TRY(descend(t, DOR_SPAN_EMPTY));
    DOR_TRY(dor__transcript_digest(&hs->transcript, digest));
    DOR_TRY(derive(hash_of(t), hs->secret, "c ap traffic", digest, hs->client_app_secret));
    DOR_TRY(derive(hash_of(t), hs->secret, "s ap traffic", digest, hs->server_app_secret));
    dor__key_log(t, "CLIENT_TRAFFIC_SECRET_0", secret_span(t, hs->client_app_secret));
    dor__key_log(t, "SERVER_TRAFFIC_SECRET_0", secret_span(t, hs->server_app_secret));
    return keep_exporter(t, digest);
}

dor_result dor__schedule_resumption(dor_tls *t)
{
    uint8_t digest[DOR_HASH_MAX_LEN];
    DOR_TRY(dor__transcript_digest(&t->hs->transcript, digest));
    return derive(hash_of(t), t->hs->secret, "res master", digest, t->resumption_secret);
}

dor_result dor__early_traffic_secret(dor_tls *t, const dor_suite *suite, dor_span psk, const uint8_t *digest)
{
    uint8_t early[DOR_HASH_MAX_LEN];
    dor_hash_id hash = (dor_hash_id)suite->hash;
    dor_result r;
    DOR_TRY_GOTO(r, dor__hkdf_extract(hash, DOR_SPAN_EMPTY, psk, early));
    DOR_TRY_GOTO(r, derive(hash, early, "c e traffic", digest, t->hs->early_secret));
    dor__key_log(t, "CLIENT_EARLY_TRAFFIC_SECRET", dor__span(t->hs->early_secret, dor__hash_len(hash)));
done:
    dor__wipe(early, sizeof early);
    return r;
}

dor_result dor__traffic_keys_of(const dor_suite *suite, const uint8_t *secret, dor_protection *keys)
{
    uint8_t key[DOR_AEAD_MAX_KEY_LEN], iv[DOR_AEAD_NONCE_LEN];
    dor_aead_id aead = (dor_aead_id)suite->aead;
    dor_hash_id hash = (dor_hash_id)suite->hash;
    dor_span s = dor__span(secret, dor__hash_len(hash));
    dor_result r;
    DOR_TRY_GOTO(r, dor__hkdf_expand_label(hash, s, "key", DOR_SPAN_EMPTY, key, dor__aead_key_len(aead)));
    DOR_TRY_GOTO(r, dor__hkdf_expand_label(hash, s, "iv", DOR_SPAN_EMPTY, iv, sizeof iv));
    r = dor__protection_init_13(keys, aead, key, iv);
done:
    dor__wipe(key, sizeof key);
    dor__wipe(iv, sizeof iv);
    return r;
}

dor_result dor__traffic_keys(const dor_tls *t, const uint8_t *secret, dor_protection *keys)
{
    return dor__traffic_keys_of(t->suite, secret, keys);
}

dor_result dor__finished_mac(dor_hash_id hash, const uint8_t *base_key, dor_span transcript_digest,
                             uint8_t mac[DOR_HASH_MAX_LEN])
{
    uint8_t key[DOR_HASH_MAX_LEN];
    size_t len = dor__hash_len(hash);
    dor_result r =
        dor__hkdf_expand_label(hash, dor__span(base_key, len), "finished", DOR_SPAN_EMPTY, key, len);
    if (dor__ok(r)) r = dor__hmac(hash, dor__span(key, len), &transcript_digest, 1, mac);
    dor__wipe(key, sizeof key);
    return r;
}

dor_result dor__psk_binder(dor_hash_id hash, dor_span psk, bool external, dor_span digest,
                           uint8_t binder[DOR_HASH_MAX_LEN])
{
    uint8_t early[DOR_HASH_MAX_LEN], key[DOR_HASH_MAX_LEN], empty_digest[DOR_HASH_MAX_LEN];
    dor_result r;
    DOR_TRY_GOTO(r, dor__hkdf_extract(hash, DOR_SPAN_EMPTY, psk, early));
    DOR_TRY_GOTO(r, dor__hash_once(hash, DOR_SPAN_EMPTY, empty_digest));
    DOR_TRY_GOTO(r, derive(hash, early, external ? "ext binder" : "res binder", empty_digest, key));
    r = dor__finished_mac(hash, key, digest, binder);
done:
    dor__wipe(early, sizeof early);
    dor__wipe(key, sizeof key);
    return r;
}

dor_result dor__traffic_secret_update(const dor_tls *t, uint8_t *secret)
{
    uint8_t next[DOR_HASH_MAX_LEN];
    size_t len = dor__hash_len(hash_of(t));
    dor_result r =
        dor__hkdf_expand_label(hash_of(t), dor__span(secret, len), "traffic upd", DOR_SPAN_EMPTY, next, len);
    if (dor__ok(r)) memcpy(secret, next, len);
    dor__wipe(next, sizeof next);
    return r;
}

dor_result dor__ticket_psk(const dor_tls *t, dor_span nonce, uint8_t *psk)
{
    size_t len = dor__hash_len(hash_of(t));
    return dor__hkdf_expand_label(hash_of(t), dor__span(t->resumption_secret, len), "resumption", nonce, psk,
                                  len);
}
