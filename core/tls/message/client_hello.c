/*
 * client_hello.c - ClientHello, for both versions (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2).
 *
 * A server settles the version here, has the extensions acted upon, and hands over to that version's negotiation.
 */
#include "tls/extension/extensions.h"
#include "tls/extension/grease.h"
#include "tls/message/messages.h"
#include "tls/psk_13.h"

enum {
    SCSV_FALLBACK = 0x5600,     /* RFC 7507 */
    SCSV_RENEGOTIATION = 0x00ff /* RFC 5746 section 3.3 */
};

/* ---- client ----------------------------------------------------------------------------------------------- */

/* Once; a second hello says the same (RFC 8446 section 4.1.2). */
static dor_result session_id_prepare(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    if (hs->session && dor__session_offerable_12(t, hs->session)) {
        if (hs->session->ticket.len >
            0) { /* an id that the server gives back tells that it took the ticket */
            hs->v12.ticket_offered = true;
            hs->session_id_len = DOR_SESSION_ID_MAX;
            return dor__rng_fill(t->env->rng, hs->session_id, DOR_SESSION_ID_MAX);
        }
        memcpy(hs->session_id, hs->session->id, hs->session->id_len);
        hs->session_id_len = hs->session->id_len;
        return DOR_SUCCESS;
    }
    if (!t->config->middlebox_compat || !dor__has_version(t, DOR_TLS_1_3)) return DOR_SUCCESS;
    hs->session_id_len = DOR_SESSION_ID_MAX;
    return dor__rng_fill(t->env->rng, hs->session_id, DOR_SESSION_ID_MAX);
}

static dor_result suites_write(const dor_tls *t, dor_bytes *w)
{
    size_t mark;
    DOR_TRY(wr_begin(w, 2, &mark));
    DOR_TRY(dor__grease_u16(t, DOR_GREASE_SUITE, w));
    for (size_t i = 0; i < t->config->suite_count; i++) {
        const dor_suite *suite = dor__suite_find(t->config->suites[i]);
        if (suite && dor__has_version(t, suite->version) &&
            dor__config_suite(t->config, suite->id, suite->version))
            DOR_TRY(wr_u16(w, suite->id));
    }
    return wr_end(w, 2, mark);
}

/* Who takes nothing but a PSK, and has none for the suites: a contradiction, or the server's choice in its retry. */
static dor_result psks_check(const dor_tls *t)
{
    if (!t->config->psks || t->config->psk_fallback || dor__psk_offers(t)) return DOR_SUCCESS;
    return t->suite ? dor__alert(DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_PSK_REQUIRED)
                    : dor__error(DOR_E_OPTION_CONFLICT);
}

static dor_result client_hello_send(dor_tls *t, dor_bytes *w)
{
    dor_handshake *hs = t->hs;
    static const uint8_t null_compression = 0;
    if (!(hs->properties & DOR_PROPERTY_RETRY)) {
        if (dor__max_version(t) == 0) return dor__error(DOR_E_OPTION_CONFLICT);
        dor__stapled_unref(t->stapled); /* an earlier handshake's; sessions may share it */
        t->stapled = NULL;
        DOR_TRY(dor__rng_fill(t->env->rng, hs->client_random, DOR_RANDOM_LEN));
        DOR_TRY(dor__reflection_sign(t));
        DOR_TRY(session_id_prepare(t));
        DOR_TRY(dor__grease_prepare(t));
    }
    DOR_TRY(psks_check(t));
    DOR_TRY(wr_u16(w, DOR_TLS_1_2)); /* legacy_version */
    DOR_TRY(wr_bytes(w, dor__span(hs->client_random, DOR_RANDOM_LEN)));
    DOR_TRY(wr_vec(w, 1, dor__span(hs->session_id, hs->session_id_len)));
    DOR_TRY(suites_write(t, w));
    DOR_TRY(wr_vec(w, 1, dor__span(&null_compression, 1)));
    DOR_TRY(dor__extensions_send(t, DOR_CTX_CLIENT_HELLO, w));
    if (hs->ext_sent & dor__ext_bit(DOR_EXT_PRE_SHARED_KEY)) DOR_TRY(dor__psk_binders_fill(t, w));
    return DOR_SUCCESS;
}

/* ---- server ----------------------------------------------------------------------------------------------- */

typedef struct client_hello {
    uint16_t legacy_version;
    dor_span random, session_id, suites, compression;
    dor_span extensions;
    dor_ext_block found;
} client_hello;

static dor_result parse(dor_span body, client_hello *ch)
{
    dor_reader r = rd_from(body);
    DOR_TRY(rd_u16(&r, &ch->legacy_version));
    DOR_TRY(rd_bytes(&r, &ch->random, DOR_RANDOM_LEN));
    DOR_TRY(rd_vec8(&r, &ch->session_id, 0, DOR_SESSION_ID_MAX));
    DOR_TRY(rd_vec16(&r, &ch->suites, 2, 65534));
    DOR_TRY(rd_vec8(&r, &ch->compression, 1, 255));
    if (ch->suites.len % 2) return DOR_DECODE_ERROR;
    ch->extensions = DOR_SPAN_EMPTY;
    if (rd_left(&r)) /* RFC 5246 section 7.4.1.2: an old client's may end here */
        DOR_TRY(rd_vec16(&r, &ch->extensions, 0, 65535));
    DOR_TRY(rd_end(&r));
    return dor__extensions_split(ch->extensions, DOR_CTX_CLIENT_HELLO, &ch->found);
}

static dor_result no_version(void)
{
    return dor__alert(DOR_ALERT_PROTOCOL_VERSION, DOR_REASON_VERSION);
}

/* RFC 8446 section 4.2.1: the highest that both have; versions that nobody knows (GREASE) are passed over. */
static dor_result version_from_list(const dor_tls *t, dor_span data, uint16_t *version)
{
    dor_reader r = rd_from(data);
    dor_span list;
    DOR_TRY(rd_vec8(&r, &list, 2, 254));
    DOR_TRY(rd_end(&r));
    *version = 0;
    for (r = rd_from(list); rd_left(&r);) {
        uint16_t v;
        DOR_TRY(rd_u16(&r, &v));
        if (v > *version && dor__has_version(t, v)) *version = v;
    }
    return *version ? DOR_SUCCESS : no_version();
}

static dor_result fallback(void)
{
    return dor__alert(DOR_ALERT_INAPPROPRIATE_FALLBACK, DOR_REASON_FALLBACK);
}

/* RFC 7507 section 3: the signal is answered before the version is, that we may not have either. */
static bool fell_back(dor_span suites)
{
    for (size_t i = 0; i + 1 < suites.len; i += 2)
        if ((suites.ptr[i] << 8 | suites.ptr[i + 1]) == SCSV_FALLBACK) return true;
    return false;
}

static dor_result version_choose(dor_tls *t, const client_hello *ch)
{
    uint32_t bit = dor__ext_bit(DOR_EXT_SUPPORTED_VERSIONS);
    uint16_t version = DOR_TLS_1_2;
    if (ch->legacy_version <= 0x0300) /* RFC 8446 appendix D.5 */
        return no_version();
    if (ch->found.present & bit)
        DOR_TRY(version_from_list(t, ch->found.data[__builtin_ctz(bit)], &version));
    else if (ch->legacy_version < DOR_TLS_1_2 || !dor__has_version(t, DOR_TLS_1_2))
        return fell_back(ch->suites) ? fallback() : no_version();
    if (t->hs->version_settled && version != t->version) /* the second hello of a retry */
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_HELLO_RETRY);
    return dor__version_settle(t, version);
}

static dor_result signals_check(dor_tls *t, dor_span suites)
{
    uint16_t id;
    for (dor_reader r = rd_from(suites); rd_left(&r);) {
        DOR_TRY(rd_u16(&r, &id));
        if (id == SCSV_RENEGOTIATION) {
            t->hs->v12.renegotiation_info = true;
            t->hs->ext_received |= dor__ext_bit(DOR_EXT_RENEGOTIATION_INFO); /* so that it is answered */
        }
        if (id == SCSV_FALLBACK) t->hs->fallback_scsv = true;
    }
    if (t->hs->fallback_scsv && t->version < dor__max_version(t)) return fallback();
    return DOR_SUCCESS;
}

/* TLS 1.3: null and nothing else; before: null among others. */
static dor_result compression_check(const dor_tls *t, dor_span methods)
{
    bool null = memchr(methods.ptr, 0, methods.len) != NULL;
    if (!null || (t->version == DOR_TLS_1_3 && methods.len != 1))
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_COMPRESSION);
    return DOR_SUCCESS;
}

/* What a client may change in its second hello (RFC 8446 section 4.1.2; encrypted_client_hello by its own rules). */
static bool may_change(uint16_t type)
{
    return type == DOR_EXT_KEY_SHARE || type == DOR_EXT_EARLY_DATA || type == DOR_EXT_COOKIE ||
           type == DOR_EXT_PRE_SHARED_KEY || type == DOR_EXT_PADDING ||
           type == DOR_EXT_ENCRYPTED_CLIENT_HELLO;
}

/* A digest over everything that the second hello must repeat. */
static dor_result constant_digest(dor_span body, const client_hello *ch, uint8_t digest[32])
{
    dor_hash hash;
    dor_reader r = rd_from(ch->extensions);
    size_t fixed = body.len - ch->extensions.len;
    if (fixed >= 2 && ch->extensions.len) /* without the length of the extensions */
        fixed -= 2;
    dor_result result;
    DOR_TRY_GOTO(result, dor__hash_init(&hash, DOR_HASH_SHA256));
    DOR_TRY_GOTO(result, dor__hash_update(&hash, dor__span(body.ptr, fixed)));
    while (rd_left(&r)) {
        const uint8_t *start = r.ptr;
        uint16_t type;
        dor_span data;
        DOR_TRY_GOTO(result, rd_u16(&r, &type));
        DOR_TRY_GOTO(result, rd_vec16(&r, &data, 0, 65535));
        if (!may_change(type)) DOR_TRY_GOTO(result, dor__hash_update(&hash, dor__span(start, 4 + data.len)));
    }
    result = dor__hash_peek(&hash, digest);
done:
    dor__hash_fini(&hash);
    return result;
}

static dor_result repetition_check(dor_tls *t, dor_span body, const client_hello *ch)
{
    uint8_t digest[32];
    DOR_TRY(constant_digest(body, ch, digest));
    if (memcmp(digest, t->hs->hello_digest, sizeof digest) != 0)
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_HELLO_RETRY);
    return DOR_SUCCESS;
}

/* ---- looked at from outside --------------------------------------------------------------------------------- */

/* An extension's data; empty when it is not there. */
static dor_span extension_of(const client_hello *ch, uint16_t type)
{
    uint32_t bit = dor__ext_bit(type);
    return ch->found.present & bit ? ch->found.data[__builtin_ctz(bit)] : DOR_SPAN_EMPTY;
}

/* One list and nothing behind it: two-byte numbers, or names, whose readers know more. */
static dor_result list_of(const client_hello *ch, uint16_t type, bool numbers, dor_span *list)
{
    bool present = (ch->found.present & dor__ext_bit(type)) != 0;
    dor_reader r = rd_from(extension_of(ch, type));
    *list = DOR_SPAN_EMPTY;
    if (!present) return DOR_SUCCESS;
    if (type == DOR_EXT_SUPPORTED_VERSIONS)
        DOR_TRY(rd_vec8(&r, list, 2, 254));
    else
        DOR_TRY(rd_vec16(&r, list, 2, 65535));
    DOR_TRY(rd_end(&r));
    return numbers && list->len % 2 ? DOR_DECODE_ERROR : DOR_SUCCESS;
}

dor_result dor__client_hello_look(dor_span body, dor_tls_hello *hello)
{
    client_hello ch;
    dor_span name;
    *hello = (dor_tls_hello){0};
    DOR_TRY(parse(body, &ch));
    hello->version = ch.legacy_version;
    hello->suites = ch.suites;
    DOR_TRY(list_of(&ch, DOR_EXT_SUPPORTED_VERSIONS, true, &hello->versions));
    DOR_TRY(list_of(&ch, DOR_EXT_SUPPORTED_GROUPS, true, &hello->groups));
    DOR_TRY(list_of(&ch, DOR_EXT_SIGNATURE_ALGORITHMS, true, &hello->schemes));
    DOR_TRY(list_of(&ch, DOR_EXT_ALPN, false, &hello->alpn));
    for (dor_reader names = rd_from(hello->alpn); rd_left(&names);)
        DOR_TRY(rd_vec8(&names, &name, 1, 255));
    if (!(ch.found.present & dor__ext_bit(DOR_EXT_SERVER_NAME))) return DOR_SUCCESS;
    return dor__server_name_read(extension_of(&ch, DOR_EXT_SERVER_NAME), &hello->server_name);
}

static dor_result client_hello_receive(dor_tls *t, dor_span body)
{
    dor_handshake *hs = t->hs;
    client_hello ch;
    bool again = (hs->properties & DOR_PROPERTY_RETRY) != 0;
    if (t->config->ask_hello) {
        dor_tls_hello hello;
        dor__tls_ask(t, DOR_TLS_QUESTION_HELLO);
        if (dor__asking(t)) return dor__client_hello_look(body, &hello);
    }
    DOR_TRY(parse(body, &ch));
    if (again) DOR_TRY(repetition_check(t, body, &ch));
    hs->ext_received = 0; /* what a second hello leaves out is gone */
    hs->peer_early_data = false;
    hs->client_version = ch.legacy_version;
    memcpy(hs->client_random, ch.random.ptr, DOR_RANDOM_LEN);
    if (ch.session_id.len) memcpy(hs->session_id, ch.session_id.ptr, ch.session_id.len);
    hs->session_id_len = (uint8_t)ch.session_id.len;
    DOR_TRY(version_choose(t, &ch));
    DOR_TRY(signals_check(t, ch.suites));
    DOR_TRY(compression_check(t, ch.compression));
    DOR_TRY(dor__extensions_receive(t, DOR_CTX_CLIENT_HELLO, &ch.found));
    hs->peer_suites = ch.suites;
    hs->lookups = 0;
    dor_result r = t->version == DOR_TLS_1_3 ? dor__negotiate_13(t) : dor__negotiate_12(t);
    hs->peer_suites = hs->peer_shares = hs->psk_identities = hs->psk_binders = hs->v12.peer_ticket =
        DOR_SPAN_EMPTY; /* they borrow from the message */
    DOR_TRY(r);
    if (dor__asking(t)) return DOR_SUCCESS;
    if (!again && hs->properties & DOR_PROPERTY_RETRY) DOR_TRY(constant_digest(body, &ch, hs->hello_digest));
    return DOR_SUCCESS;
}

const dor_action dor__msg_client_hello = {
    .name = "ClientHello",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_CLIENT,
    .type = DOR_HS_CLIENT_HELLO,
    .min_len = 2 + DOR_RANDOM_LEN + 1 + 2 + 2 + 1 + 1,
    .max_len = 2 + DOR_RANDOM_LEN + 1 + 32 + 2 + 65534 + 1 + 255 + 2 + 65535,
    .send = client_hello_send,
    .receive = client_hello_receive,
};
