/*
 * schedule_12.c - TLS 1.2's key schedule (RFC 5246 sections 5, 6.3 and 8.1; RFC 7627 section 4).
 *
 * The key block is computed for each direction anew: once more a few hashes, against keys that lie about between
 * the two changes of cipher spec.
 */
#include "tls/kept.h"
#include "tls/tls12.h"

enum { MAX_SEED = 2 };

static dor_span client_random(const dor_tls *t)
{
    return dor__span(t->hs->client_random, DOR_RANDOM_LEN);
}

static dor_span server_random(const dor_tls *t)
{
    return dor__span(t->hs->server_random, DOR_RANDOM_LEN);
}

static dor_span master_secret(const dor_tls *t)
{
    return dor__span(t->hs->v12.master_secret, DOR_MASTER_SECRET_LEN);
}

static dor_result prf(const dor_tls *t, dor_span secret, const char *label, dor_span first, dor_span second,
                      uint8_t *out, size_t out_len)
{
    const dor_span seed[MAX_SEED] = {first, second};
    return dor__tls12_prf((dor_hash_id)t->suite->hash, secret, label, seed, second.len > 0 ? 2 : 1, out,
                          out_len);
}

static dor_result have_master_secret(dor_tls *t)
{
    t->hs->v12.have_master_secret = true;
    t->extended_master_secret = t->hs->v12.extended_master_secret;
    dor__key_log(t, "CLIENT_RANDOM", master_secret(t));
    DOR_TRY(dor__keep(t));
    dor__keep_secret(t, master_secret(t));
    return DOR_SUCCESS;
}

/*
 * RFC 5246 section 8.1.2 strips the leading zeros of what Diffie-Hellman over a finite field gives, so how many there were
 * shows in the time that the hash takes. A pair serves one handshake and is never used again: nobody can ask about the same
 * secret twice (Raccoon).
 */
static dor_span premaster_secret(const dor_tls *t)
{
    dor_span secret = dor__shared_secret(t->hs);
    if (t->suite->kx == DOR_KX_DHE_RSA)
        while (secret.len > 1 && secret.ptr[0] == 0)
            secret = dor__span(secret.ptr + 1, secret.len - 1);
    return secret;
}

dor_result dor__master_secret_make_12(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    dor_span premaster = premaster_secret(t);
    uint8_t session_hash[DOR_HASH_MAX_LEN];
    dor_result result;

    if (hs->shared_secret_len == 0 || hs->v12.have_master_secret) return dor__error(DOR_E_INTERNAL);
    if (hs->v12.extended_master_secret) {
        size_t hash_len = dor__hash_len((dor_hash_id)t->suite->hash);
        DOR_TRY_GOTO(result, dor__transcript_digest(&hs->transcript, session_hash));
        DOR_TRY_GOTO(result, prf(t, premaster, "extended master secret", dor__span(session_hash, hash_len),
                                 DOR_SPAN_EMPTY, hs->v12.master_secret, DOR_MASTER_SECRET_LEN));
    } else {
        DOR_TRY_GOTO(result, prf(t, premaster, "master secret", client_random(t), server_random(t),
                                 hs->v12.master_secret, DOR_MASTER_SECRET_LEN));
    }
    result = have_master_secret(t);
done:
    dor__shared_secret_wipe(hs);
    return result;
}

dor_result dor__master_secret_resume_12(dor_tls *t, const dor_session *session)
{
    if (session->secret_len != DOR_MASTER_SECRET_LEN || t->hs->v12.have_master_secret)
        return dor__error(DOR_E_INTERNAL);
    memcpy(t->hs->v12.master_secret, session->secret, DOR_MASTER_SECRET_LEN);
    return have_master_secret(t);
}

/** RFC 5246 section 6.3; the server's random comes first. */
static dor_result make_key_block(const dor_tls *t, uint8_t *block, size_t len)
{
    if (!t->hs->v12.have_master_secret) return dor__error(DOR_E_INTERNAL);
    return prf(t, master_secret(t), "key expansion", server_random(t), client_random(t), block, len);
}

/* client key, server key, client IV, server IV */
static dor_result make_aead(dor_tls *t, size_t side, dor_protection *p)
{
    uint8_t block[DOR_KEY_BLOCK_12_LEN];
    dor_aead_id aead = (dor_aead_id)t->suite->aead;
    size_t key_len = dor__aead_key_len(aead);
    size_t iv_len = dor__protection_12_iv_len(aead);
    dor_result result;

    DOR_TRY_GOTO(result, make_key_block(t, block, 2 * (key_len + iv_len)));
    result = dor__protection_init_12(p, aead, block + side * key_len, block + 2 * key_len + side * iv_len);
done:
    dor__wipe(block, sizeof(block));
    return result;
}

/* client MAC key, server MAC key, client key, server key; the IVs are each record's own */
static dor_result make_cbc(dor_tls *t, size_t side, bool sends, dor_protection *p)
{
    uint8_t block[DOR_KEY_BLOCK_12_LEN];
    size_t key_len = t->suite->cbc_key_len;
    size_t mac_len = dor__hash_len((dor_hash_id)t->suite->mac);
    const dor_cbc_keys keys = {
        .key = block + 2 * mac_len + side * key_len,
        .mac_key = block + side * mac_len,
        .key_len = key_len,
        .mac = (dor_hash_id)t->suite->mac,
        .encrypt_then_mac = t->hs->v12.encrypt_then_mac,
        .sends = sends,
        .rng = t->env->rng,
    };
    dor_result result;

    /* RFC 7366 section 3.1: another handshake does not give it up. */
    if (dor__protection_encrypts_then_macs(sends ? &t->write : &t->read) && !keys.encrypt_then_mac)
        return dor__alert(DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_ENCRYPT_THEN_MAC);
    DOR_TRY_GOTO(result, make_key_block(t, block, 2 * (key_len + mac_len)));
    result = dor__protection_init_cbc(p, &keys);
done:
    dor__wipe(block, sizeof(block));
    return result;
}

dor_result dor__protection_make_12(dor_tls *t, dor_tls_role writer, dor_protection *p)
{
    size_t side = writer == DOR_TLS_CLIENT ? 0 : 1;
    if (dor__suite_is_cbc(t->suite)) return make_cbc(t, side, writer == (dor_tls_role)t->role, p);
    return make_aead(t, side, p);
}

dor_result dor__verify_data_12(const dor_tls *t, dor_tls_role writer,
                               uint8_t verify_data[DOR_VERIFY_DATA_12_LEN])
{
    uint8_t digest[DOR_HASH_MAX_LEN];

    if (!t->hs->v12.have_master_secret) return dor__error(DOR_E_INTERNAL);
    DOR_TRY(dor__transcript_digest(&t->hs->transcript, digest));
    return prf(t, master_secret(t), writer == DOR_TLS_CLIENT ? "client finished" : "server finished",
               dor__span(digest, dor__hash_len((dor_hash_id)t->suite->hash)), DOR_SPAN_EMPTY, verify_data,
               DOR_VERIFY_DATA_12_LEN);
}
