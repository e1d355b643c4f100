/*
 * server_hello.c - ServerHello for both versions (RFC 8446 section 4.1.3, RFC 5246 section 7.4.1.3), and
 * HelloRetryRequest, which is a ServerHello with a random of its own (section 4.1.4).
 */
#include "tls/extension/extensions.h"
#include "tls/early_data_13.h"
#include "tls/kept.h"
#include "tls/message/messages.h"
#include "tls/psk_13.h"
#include "tls/schedule_13.h"

/* SHA-256 of "HelloRetryRequest" */
const uint8_t dor__hello_retry_random[DOR_RANDOM_LEN] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

/* The end of the random of a server that could have done better: RFC 8446 section 4.1.3. */
static const uint8_t downgrade_to_12[8] = {'D', 'O', 'W', 'N', 'G', 'R', 'D', 1};
static const uint8_t downgrade_to_11[8] = {'D', 'O', 'W', 'N', 'G', 'R', 'D', 0};

static dor_result illegal(dor_reason reason)
{
    return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, reason);
}

/* ---- server ----------------------------------------------------------------------------------------------- */

static dor_result hello_write(dor_tls *t, const uint8_t *random, dor_span session_id, unsigned context,
                              dor_bytes *w)
{
    DOR_TRY(wr_u16(w, DOR_TLS_1_2)); /* legacy_version */
    DOR_TRY(wr_bytes(w, dor__span(random, DOR_RANDOM_LEN)));
    DOR_TRY(wr_vec(w, 1, session_id));
    DOR_TRY(wr_u16(w, t->suite->id));
    DOR_TRY(wr_u8(w, 0)); /* no compression */
    return dor__extensions_send(t, context, w);
}

static dor_result server_hello_send(dor_tls *t, dor_bytes *w)
{
    dor_handshake *hs = t->hs;
    DOR_TRY(dor__rng_fill(t->env->rng, hs->server_random, DOR_RANDOM_LEN));
    if (t->version == DOR_TLS_1_3)
        return hello_write(t, hs->server_random, dor__span(hs->session_id, hs->session_id_len),
                           DOR_CTX_SERVER_HELLO, w);
    if (dor__max_version(t) > DOR_TLS_1_2)
        memcpy(hs->server_random + DOR_RANDOM_LEN - sizeof downgrade_to_12, downgrade_to_12,
               sizeof downgrade_to_12);
    dor__keep_server_random(t);
    return hello_write(t, hs->server_random, dor__span(hs->v12.session_id, hs->v12.session_id_len),
                       DOR_CTX_SERVER_HELLO_12, w);
}

static dor_result hello_retry_send(dor_tls *t, dor_bytes *w)
{
    DOR_TRY(dor__transcript_retry(&t->hs->transcript));
    return hello_write(t, dor__hello_retry_random, dor__span(t->hs->session_id, t->hs->session_id_len),
                       DOR_CTX_HELLO_RETRY, w);
}

/* ---- client ----------------------------------------------------------------------------------------------- */

typedef struct server_hello {
    uint16_t legacy_version, suite_id;
    uint8_t compression;
    dor_span random, session_id;
    dor_ext_block found;
} server_hello;

static dor_result parse(dor_span body, server_hello *sh)
{
    dor_reader r = rd_from(body);
    dor_span extensions = DOR_SPAN_EMPTY;
    DOR_TRY(rd_u16(&r, &sh->legacy_version));
    DOR_TRY(rd_bytes(&r, &sh->random, DOR_RANDOM_LEN));
    DOR_TRY(rd_vec8(&r, &sh->session_id, 0, DOR_SESSION_ID_MAX));
    DOR_TRY(rd_u16(&r, &sh->suite_id));
    DOR_TRY(rd_u8(&r, &sh->compression));
    if (rd_left(&r)) /* absent in a TLS 1.2 hello without extensions */
        DOR_TRY(rd_vec16(&r, &extensions, 0, 65535));
    DOR_TRY(rd_end(&r));
    bool retry = memcmp(sh->random.ptr, dor__hello_retry_random, DOR_RANDOM_LEN) == 0;
    return dor__extensions_split(extensions, retry ? DOR_CTX_HELLO_RETRY : DOR_CTX_SERVER_HELLO_12,
                                 &sh->found);
}

/* RFC 8446 section 4.2.1: supported_versions names TLS 1.3 and nothing below it. */
static dor_result version_read(dor_tls *t, const server_hello *sh, uint16_t *version)
{
    uint32_t bit = dor__ext_bit(DOR_EXT_SUPPORTED_VERSIONS);
    *version = sh->legacy_version;
    if (sh->found.present & bit) {
        dor_reader r = rd_from(sh->found.data[__builtin_ctz(bit)]);
        if (!(t->hs->ext_sent & bit))
            return dor__alert(DOR_ALERT_UNSUPPORTED_EXTENSION, DOR_REASON_UNSUPPORTED_EXTENSION);
        DOR_TRY(rd_u16(&r, version));
        DOR_TRY(rd_end(&r));
        if (*version < DOR_TLS_1_3 || !dor__has_version(t, *version)) return illegal(DOR_REASON_VERSION);
        if (sh->legacy_version != DOR_TLS_1_2) return illegal(DOR_REASON_VERSION);
    } else if (*version > DOR_TLS_1_2 || !dor__has_version(t, *version)) {
        return dor__alert(DOR_ALERT_PROTOCOL_VERSION, DOR_REASON_VERSION);
    }
    if (t->hs->version_settled && *version != t->version) /* a HelloRetryRequest said otherwise */
        return illegal(DOR_REASON_HELLO_RETRY);
    return DOR_SUCCESS;
}

static dor_result downgrade_check(const dor_tls *t, const server_hello *sh)
{
    const uint8_t *end = sh->random.ptr + DOR_RANDOM_LEN - sizeof downgrade_to_12;
    bool marked = memcmp(end, downgrade_to_12, sizeof downgrade_to_12) == 0 ||
                  memcmp(end, downgrade_to_11, sizeof downgrade_to_11) == 0;
    if (marked && dor__has_version(t, DOR_TLS_1_3)) return illegal(DOR_REASON_DOWNGRADE);
    return DOR_SUCCESS;
}

/* The suite is one that we offered, for this version; after a retry it is the same one again. */
static dor_result suite_take(dor_tls *t, const server_hello *sh)
{
    const dor_suite *suite = dor__config_suite(t->config, sh->suite_id, t->version);
    if (!suite) return illegal(DOR_REASON_NO_CIPHER);
    if (t->suite && t->suite != suite) return illegal(DOR_REASON_HELLO_RETRY);
    return dor__suite_settle(t, suite);
}

static dor_result common_check(const dor_tls *t, const server_hello *sh)
{
    if (sh->compression != 0) /* in TLS 1.3 it is a zero that is part of the form (section 4.1.3) */
        return t->version == DOR_TLS_1_3 ? dor__alert(DOR_ALERT_DECODE_ERROR, DOR_REASON_COMPRESSION)
                                         : illegal(DOR_REASON_COMPRESSION);
    if (t->version == DOR_TLS_1_3 &&
        !dor__span_equal(sh->session_id, dor__span(t->hs->session_id, t->hs->session_id_len)))
        return illegal(DOR_REASON_ILLEGAL_PARAMETER);
    return DOR_SUCCESS;
}

/* RFC 8446 section 4.1.4: at most once, and it must ask for a change. */
static dor_result hello_retry_take(dor_tls *t, const server_hello *sh)
{
    dor_handshake *hs = t->hs;
    if (hs->properties & DOR_PROPERTY_RETRY)
        return dor__alert(DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_HELLO_RETRY);
    DOR_TRY(dor__property_set(t, DOR_PROPERTY_RETRY));
    DOR_TRY(dor__early_retry(t));
    DOR_TRY(suite_take(t, sh));
    DOR_TRY(dor__transcript_retry(&hs->transcript));
    DOR_TRY(dor__extensions_receive(t, DOR_CTX_HELLO_RETRY, &sh->found));
    if (hs->retry_group == 0 && hs->cookie.len == 0) return illegal(DOR_REASON_HELLO_RETRY);
    return DOR_SUCCESS;
}

/* A server that takes no PSK may be none that has one; and the way in which it takes it is one that we offered. */
static dor_result psk_check(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    const dor_tls_config *config = t->config;
    bool chosen = (hs->properties & DOR_PROPERTY_RESUMED) != 0, fresh = hs->shared_secret_len > 0;
    if (!chosen && config->psks && !config->psk_fallback)
        return dor__alert(DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_PSK_REQUIRED);
    hs->psk_ke = chosen && !fresh;
    if (!fresh && !(chosen && config->psk_modes & DOR_PSK_KE))
        return dor__alert(DOR_ALERT_MISSING_EXTENSION, DOR_REASON_MISSING_EXTENSION);
    if (fresh && chosen && !(config->psk_modes & DOR_PSK_DHE_KE))
        return illegal(DOR_REASON_ILLEGAL_PARAMETER);
    return DOR_SUCCESS;
}

static dor_result server_hello_take_13(dor_tls *t, const server_hello *sh)
{
    DOR_TRY(suite_take(t, sh));
    DOR_TRY(dor__extensions_receive(t, DOR_CTX_SERVER_HELLO, &sh->found));
    DOR_TRY(psk_check(t));
    return dor__schedule_early(t, dor__psk_secret(t));
}

static dor_result server_hello_take_12(dor_tls *t, const server_hello *sh)
{
    dor_handshake *hs = t->hs;
    DOR_TRY(downgrade_check(t, sh));
    if (t->early == DOR_EARLY_OFFERED) /* section D.3: whose ticket was TLS 1.3's is no server of 1.2 */
        return dor__alert(DOR_ALERT_PROTOCOL_VERSION, DOR_REASON_EARLY_DATA);
    if (t->config->psks && !t->config->psk_fallback) /* which TLS 1.2 knows nothing of */
        return dor__alert(DOR_ALERT_PROTOCOL_VERSION, DOR_REASON_PSK_REQUIRED);
    DOR_TRY(suite_take(t, sh));
    if (sh->session_id.len) memcpy(hs->v12.session_id, sh->session_id.ptr, sh->session_id.len);
    hs->v12.session_id_len = (uint8_t)sh->session_id.len;
    DOR_TRY(dor__extensions_receive(t, DOR_CTX_SERVER_HELLO_12, &sh->found));
    return dor__server_hello_accept_12(t);
}

static dor_result server_hello_receive(dor_tls *t, dor_span body)
{
    server_hello sh;
    uint16_t version;
    DOR_TRY(parse(body, &sh));
    DOR_TRY(version_read(t, &sh, &version));
    DOR_TRY(dor__version_settle(t, version));
    DOR_TRY(common_check(t, &sh));
    if (version == DOR_TLS_1_3 && memcmp(sh.random.ptr, dor__hello_retry_random, DOR_RANDOM_LEN) == 0)
        return hello_retry_take(t, &sh);
    memcpy(t->hs->server_random, sh.random.ptr, DOR_RANDOM_LEN);
    return version == DOR_TLS_1_3 ? server_hello_take_13(t, &sh) : server_hello_take_12(t, &sh);
}

enum { HELLO_MIN_LEN = 2 + DOR_RANDOM_LEN + 1 + 2 + 1, HELLO_MAX_LEN = 16384 };

const dor_action dor__msg_server_hello = {
    .name = "ServerHello",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_SERVER,
    .type = DOR_HS_SERVER_HELLO,
    .min_len = HELLO_MIN_LEN,
    .max_len = HELLO_MAX_LEN,
    .send = server_hello_send,
    .receive = server_hello_receive,
};

/* A client meets it where it waits for a ServerHello, so that it has no receive handler of its own. */
const dor_action dor__msg_hello_retry_request = {
    .name = "HelloRetryRequest",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_SERVER,
    .type = DOR_HS_SERVER_HELLO,
    .min_len = HELLO_MIN_LEN,
    .max_len = HELLO_MAX_LEN,
    .send = hello_retry_send,
};
