/*
 * grease.c - RFC 8701: a client says what nobody knows, so that nobody comes to rely on knowing all. See grease.h.
 *
 * Drawn once for each handshake: a second hello has to repeat the first (RFC 8446 section 4.1.2).
 */
#include "tls/extension/grease.h"

#include "tls/extension/extensions.h"

struct dor_grease {
    uint8_t drawn[DOR_GREASE_PLACES];
    bool values;
    dor_span ech; /* extension_data of encrypted_client_hello, in the arena; empty: none */
};

/* Section 2: {0x0A,0x0A}, {0x1A,0x1A}, ... {0xFA,0xFA} */
static uint16_t value_at(const struct dor_grease *grease, dor_grease_place place)
{
    unsigned n = grease->drawn[place] & 15u;
    /* Two extensions are not the same one. */
    if (place == DOR_GREASE_SECOND_EXTENSION && n == (grease->drawn[DOR_GREASE_FIRST_EXTENSION] & 15u))
        n ^= 1;
    return (uint16_t)(0x0a0a + 0x1010 * n);
}

static const struct dor_grease *values_of(const dor_tls *t)
{
    const struct dor_grease *grease = t->hs->grease;
    return grease && grease->values ? grease : NULL;
}

dor_result dor__grease_u16(const dor_tls *t, dor_grease_place place, dor_bytes *w)
{
    const struct dor_grease *grease = values_of(t);
    return grease ? wr_u16(w, value_at(grease, place)) : DOR_SUCCESS;
}

dor_result dor__grease_share(const dor_tls *t, dor_bytes *w)
{
    static const uint8_t value = 0;
    if (!values_of(t) || t->hs->properties & DOR_PROPERTY_RETRY) return DOR_SUCCESS;
    DOR_TRY(dor__grease_u16(t, DOR_GREASE_GROUP, w));
    return wr_vec(w, 2, dor__span(&value, 1));
}

dor_result dor__grease_extension(const dor_tls *t, dor_grease_place place, dor_bytes *w)
{
    static const uint8_t data = 0;
    if (!values_of(t)) return DOR_SUCCESS;
    DOR_TRY(dor__grease_u16(t, place, w));
    return wr_vec(w, 2, dor__span(&data, place == DOR_GREASE_SECOND_EXTENSION));
}

/* Section 2: 0x0B, 0x2A, 0x49, ... 0xE4 */
bool dor__grease_mode(const dor_tls *t, uint8_t *mode)
{
    const struct dor_grease *grease = values_of(t);
    if (grease) *mode = (uint8_t)(0x0b + 0x1f * (grease->drawn[DOR_GREASE_MODE] & 7));
    return grease != NULL;
}

/* ---- what looks like Encrypted Client Hello ------------------------------------------------------------------- */

enum { ECH_OUTER = 0, HKDF_SHA256 = 1, AES_128_GCM = 1, CHACHA20_POLY1305 = 3, ECH_VERSION = 0xfe0d };

/*
 * A payload as long as a hello like ours would be once encrypted: padded to multiples of 32 (RFC 9849 section 6.1.3), with the
 * AEAD's tag.
 */
enum { PAYLOAD_LEAST = 5 * 32, TAG_LEN = 16, PAYLOAD_MAX = PAYLOAD_LEAST + 3 * 32 + TAG_LEN };

static dor_result ech_write(dor_tls *t, dor_span enc, dor_bytes *w)
{
    uint8_t drawn[3], payload[PAYLOAD_MAX];
    DOR_TRY(dor__rng_fill(t->env->rng, drawn, sizeof drawn));
    DOR_TRY(dor__rng_fill(t->env->rng, payload, sizeof payload));
    DOR_TRY(wr_u8(w, ECH_OUTER));
    DOR_TRY(wr_u16(w, HKDF_SHA256));
    DOR_TRY(wr_u16(w, drawn[0] & 1 ? AES_128_GCM : CHACHA20_POLY1305));
    DOR_TRY(wr_u8(w, drawn[1])); /* config_id */
    DOR_TRY(wr_vec(w, 2, enc));
    return wr_vec(w, 2, dor__span(payload, PAYLOAD_LEAST + 32u * (drawn[2] & 3) + TAG_LEN));
}

static dor_result ech_prepare(dor_tls *t, struct dor_grease *grease)
{
    dor_bytes data = DOR_BYTES_EMPTY;
    dor_kx *kx = NULL; /* only its public value is ever used */
    dor_result r = dor__kx_new(&kx, DOR_GROUP_X25519, t->env->rng);
    if (dor__ok(r)) r = ech_write(t, dor__kx_public(kx), &data);
    if (dor__ok(r)) r = dor__arena_copy(&t->hs->arena, dor__bytes_span(&data), &grease->ech);
    dor__kx_free(kx);
    dor__bytes_free(&data);
    return r;
}

dor_result dor__grease_prepare(dor_tls *t)
{
    const bool ech = t->config->ech_grease && dor__max_version(t) >= DOR_TLS_1_3;
    if (!t->config->grease && !ech) return DOR_SUCCESS;
    struct dor_grease *grease = dor__arena_alloc(&t->hs->arena, sizeof *grease);
    if (!grease) return dor__error(DOR_E_NOMEM);
    t->hs->grease = grease;
    grease->values = t->config->grease;
    DOR_TRY(dor__rng_fill(t->env->rng, grease->drawn, sizeof grease->drawn));
    return ech ? ech_prepare(t, grease) : DOR_SUCCESS;
}

static bool ech_should_send(const dor_tls *t, unsigned context)
{
    return context == DOR_CTX_CLIENT_HELLO && t->hs->grease && t->hs->grease->ech.len;
}

static dor_result ech_send(dor_tls *t, unsigned context, dor_bytes *w)
{
    (void)context;
    return wr_bytes(w, t->hs->grease->ech);
}

/* Section 4: what a configuration of the version that we know looks like. */
static dor_result config_check(dor_span contents)
{
    dor_reader r = rd_from(contents);
    dor_span key, suites, name, extensions, data;
    uint8_t number;
    uint16_t id;
    DOR_TRY(rd_u8(&r, &number)); /* config_id */
    DOR_TRY(rd_u16(&r, &id));    /* kem_id */
    DOR_TRY(rd_vec16(&r, &key, 1, 65535));
    DOR_TRY(rd_vec16(&r, &suites, 4, 65532));
    DOR_TRY(rd_u8(&r, &number)); /* maximum_name_length */
    DOR_TRY(rd_vec8(&r, &name, 1, 255));
    DOR_TRY(rd_vec16(&r, &extensions, 0, 65535));
    DOR_TRY(rd_end(&r));
    for (r = rd_from(extensions); rd_left(&r);) {
        DOR_TRY(rd_u16(&r, &id));
        DOR_TRY(rd_vec16(&r, &data, 0, 65535));
    }
    return suites.len % 4 ? DOR_DECODE_ERROR : DOR_SUCCESS;
}

static dor_result retry_configs_check(dor_span data)
{
    dor_reader r = rd_from(data);
    dor_span list, contents;
    uint16_t version;
    DOR_TRY(rd_vec16(&r, &list, 4, 65535));
    DOR_TRY(rd_end(&r));
    for (r = rd_from(list); rd_left(&r);) {
        DOR_TRY(rd_u16(&r, &version));
        DOR_TRY(rd_vec16(&r, &contents, 0, 65535));
        if (version == ECH_VERSION) DOR_TRY(config_check(contents));
    }
    return DOR_SUCCESS;
}

/*
 * Section 6.2: what answers grease is looked at for its form and forgotten. A server of ours has none of it, and passes over
 * the extension like any that it does not know.
 */
static dor_result ech_receive(dor_tls *t, unsigned context, dor_span data)
{
    enum { CONFIRMATION_LEN = 8 };
    (void)t;
    switch (context) {
    case DOR_CTX_CLIENT_HELLO: return DOR_SUCCESS;
    case DOR_CTX_HELLO_RETRY: return data.len == CONFIRMATION_LEN ? DOR_SUCCESS : DOR_DECODE_ERROR;
    case DOR_CTX_ENCRYPTED_EXTENSIONS: return retry_configs_check(data);
    default: /* TLS 1.2 has no place for it */
        return dor__alert(DOR_ALERT_UNSUPPORTED_EXTENSION, DOR_REASON_UNSUPPORTED_EXTENSION);
    }
}

const dor_extension dor__ext_encrypted_client_hello = {
    .type = DOR_EXT_ENCRYPTED_CLIENT_HELLO,
    .contexts =
        DOR_CTX_CLIENT_HELLO | DOR_CTX_HELLO_RETRY | DOR_CTX_ENCRYPTED_EXTENSIONS | DOR_CTX_SERVER_HELLO_12,
    .name = "encrypted_client_hello",
    .should_send = ech_should_send,
    .send = ech_send,
    .receive = ech_receive,
};
