#include "support/fuzz_features.h"

#include "support/pki.h"

#include <stdlib.h>

static void must(dor_result r)
{
    if (dor__failed(r)) abort();
}

/* ---- a compression that needs no library: the bytes from behind, changed ------------------------------------------- */

static dor_result compress(dor_span in, dor_bytes *out)
{
    DOR_TRY(dor__bytes_reserve(out, in.len));
    for (size_t i = in.len; i-- > 0;)
        out->ptr[out->len++] = in.ptr[i] ^ 0x5a;
    return DOR_SUCCESS;
}

static dor_result decompress(dor_span in, uint8_t *out, size_t out_len)
{
    if (in.len != out_len) return dor__alert(DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_DECOMPRESSION);
    for (size_t i = 0; i < in.len; i++)
        out[in.len - 1 - i] = in.ptr[i] ^ 0x5a;
    return DOR_SUCCESS;
}

static const dor_cert_compression compression = {0xff01, "from behind", compress, decompress};

/* ---- the fields ---------------------------------------------------------------------------------------------------- */

static void add_psk(dor_tls_config *config)
{
    static const uint8_t key[32] = {1, 2, 3, 4, 5};
    const dor_psk psk = {dor__span_str("sensor-7"), dor__span(key, sizeof key), DOR_HASH_SHA256};
    must(dor__psks_new(&config->psks));
    must(dor__psks_add(config->psks, &psk));
    config->psk_reflection = true; /* both ends are this process */
}

/* Of each version one suite, and a group that comes first. */
static void only(dor_tls_config *config, uint16_t suite_12, uint16_t suite_13, dor_group group)
{
    config->suites[0] = suite_12;
    config->suites[1] = suite_13;
    config->suite_count = 2;
    config->groups[0] = group;
    config->group_count = 1;
    if (group != DOR_GROUP_SECP256R1)
        config->groups[config->group_count++] = DOR_GROUP_SECP256R1; /* the certificates' curve in TLS 1.2 */
}

static void set_exchange(dor_tls_config *config, bool is_client, uint8_t exchange)
{
    bool rsa = exchange == EXCHANGE_DHE || exchange == EXCHANGE_RSA;
    if (rsa && !is_client) proto_add_identity(config, "tls-rsa-both", "rsa");
    switch (exchange) {
    case EXCHANGE_DHE: only(config, 0x009e, 0x1301, DOR_GROUP_FFDHE2048); break;
    case EXCHANGE_RSA: only(config, 0x009c, 0x1302, DOR_GROUP_SECP256R1); break;
    case EXCHANGE_HYBRID: only(config, 0xc02b, 0x1301, DOR_GROUP_X25519MLKEM768); break;
    case EXCHANGE_PSK: add_psk(config); break;
    case EXCHANGE_CBC: only(config, 0xc024, 0x1304, DOR_GROUP_SECP384R1); break;
    case EXCHANGE_CCM_8: only(config, 0xc0ae, 0x1305, DOR_GROUP_SECP521R1); break;
    case EXCHANGE_X448: only(config, 0xcca9, 0x1303, DOR_GROUP_X448); break;
    default: break;
    }
}

static void staple(dor_tls_config *config)
{
    static const uint8_t timestamps[] = {0, 9, 0, 4, 'l', 'o', 'g', '1', 0, 1, 'x'};
    for (size_t i = 0; i < config->identity_count; i++)
        must(dor__tls_config_staple(config, i, dor__span_str("0 a status"),
                                    dor__span(timestamps, sizeof timestamps)));
}

static void set_extras(dor_tls_config *config, bool is_client)
{
    dor_certificate *root = pki_cert("root");
    must(dor__tls_config_add_authority(config, root->subject));
    dor__certificate_unref(root);
    staple(config);
    config->ask_status = config->ask_timestamps = true;
    config->compressions[config->compression_count++] = &compression;
    config->grease = config->ech_grease = is_client;
    config->renegotiation = config->client_renegotiation = true;
    config->record_size_limit = is_client ? 4000 : 5000; /* no message of ours is cut */
    config->record_padding = 64;
}

static void set_early(dor_tls_config *config, bool is_client)
{
    config->psk_modes = DOR_PSK_KE | DOR_PSK_DHE_KE;
    config->early_data = is_client;
    config->max_early_data = is_client ? 0 : 4096;
    if (is_client) config->max_fragment_length = 4096;
    config->record_size_limit = 0;
}

void fuzz_features_set(dor_tls_config *config, bool is_client, uint8_t features)
{
    set_exchange(config, is_client, features & FEATURE_EXCHANGE);
    if (features & FEATURE_EXTRAS) set_extras(config, is_client);
    if (features & FEATURE_EARLY) set_early(config, is_client);
    /* It is asked for in the handshake or behind it: with both features behind. */
    config->post_auth = (features & FEATURE_EXTRAS) && (features & FEATURE_EARLY);
}
