/*
 * extensions.c - the table of extensions, and the rules that hold for all of them (RFC 8446 section 4.2).
 */
#include "tls/extension/extensions.h"
#include "tls/extension/grease.h"

/*
 * In this order they are sent and acted upon. supported_groups stands before key_share, which refers to it;
 * psk_key_exchange_modes before pre_shared_key, which must be the last.
 */
const dor_extension *const dor__extensions[] = {
    &dor__ext_supported_versions,
    &dor__ext_server_name,
    &dor__ext_renegotiation_info,
    &dor__ext_extended_master_secret,
    &dor__ext_encrypt_then_mac,
    &dor__ext_session_ticket,
    &dor__ext_ec_point_formats,
    &dor__ext_supported_groups,
    &dor__ext_signature_algorithms,
    &dor__ext_signature_algorithms_cert,
    &dor__ext_alpn,
    &dor__ext_certificate_authorities,
    &dor__ext_status_request,
    &dor__ext_signed_certificate_timestamp,
    &dor__ext_compress_certificate,
    &dor__ext_record_size_limit, /* in front of max_fragment_length, over which it wins */
    &dor__ext_max_fragment_length,
    &dor__ext_cookie,
    &dor__ext_encrypted_client_hello,
    &dor__ext_key_share,
    &dor__ext_post_handshake_auth,
    &dor__ext_psk_key_exchange_modes,
    &dor__ext_early_data,
    &dor__ext_pre_shared_key,
};
const size_t dor__extension_count = sizeof dor__extensions / sizeof dor__extensions[0];

/* Messages that answer another: only what was asked for may stand in them. */
static const unsigned RESPONSES = DOR_CTX_SERVER_HELLO | DOR_CTX_HELLO_RETRY | DOR_CTX_ENCRYPTED_EXTENSIONS |
                                  DOR_CTX_CERTIFICATE | DOR_CTX_SERVER_HELLO_12;

static size_t index_of(uint16_t type)
{
    size_t i = 0;
    while (i < dor__extension_count && dor__extensions[i]->type != type)
        i++;
    return i;
}

uint32_t dor__ext_bit(uint16_t type)
{
    size_t i = index_of(type);
    return i < dor__extension_count ? (uint32_t)1 << i : 0;
}

/* ---- sending ---------------------------------------------------------------------------------------------- */

static bool version_fits(const dor_extension *e, uint16_t lowest, uint16_t highest)
{
    return e->min_version <= highest && (e->max_version == 0 || e->max_version >= lowest);
}

static bool version_matters(const dor_tls *t, const dor_extension *e, unsigned context)
{
    if (context != DOR_CTX_CLIENT_HELLO) return true; /* the context says it already */
    if (!dor__is_client(t)) return version_fits(e, t->version, t->version);
    uint16_t highest = dor__max_version(t);
    return version_fits(e, dor__has_version(t, DOR_TLS_1_2) ? DOR_TLS_1_2 : highest, highest);
}

static bool is_due(const dor_tls *t, size_t index, unsigned context)
{
    const dor_extension *e = dor__extensions[index];
    if (!(e->contexts & context) || !version_matters(t, e, context)) return false;
    if (context & RESPONSES && !(t->hs->ext_received >> index & 1)) return false;
    return !e->should_send || e->should_send(t, context);
}

static dor_result one_send(dor_tls *t, const dor_extension *e, unsigned context, dor_bytes *w)
{
    size_t mark;
    DOR_TRY(wr_u16(w, e->type));
    DOR_TRY(wr_begin(w, 2, &mark));
    if (e->send) DOR_TRY(e->send(t, context, w));
    return wr_end(w, 2, mark);
}

dor_result dor__extensions_send(dor_tls *t, unsigned context, dor_bytes *w)
{
    size_t mark, start = w->len;
    uint32_t sent = 0;
    DOR_TRY(wr_begin(w, 2, &mark));
    if (context == DOR_CTX_CLIENT_HELLO) DOR_TRY(dor__grease_extension(t, DOR_GREASE_FIRST_EXTENSION, w));
    for (size_t i = 0; i < dor__extension_count; i++) {
        if (context == DOR_CTX_CLIENT_HELLO && i == dor__extension_count - 1)
            DOR_TRY(dor__grease_extension(t, DOR_GREASE_SECOND_EXTENSION, w));
        if (!is_due(t, i, context)) continue;
        DOR_TRY(one_send(t, dor__extensions[i], context, w));
        sent |= (uint32_t)1 << i;
    }
    if (context == DOR_CTX_CLIENT_HELLO) t->hs->ext_sent = sent;
    if (context == DOR_CTX_SERVER_HELLO_12 && sent == 0) {
        w->len = start;
        return DOR_SUCCESS;
    }
    return wr_end(w, 2, mark);
}

/* ---- receiving -------------------------------------------------------------------------------------------- */

/* Types outside the table are only watched for being there twice: one bit for each. */
typedef struct type_set {
    bool any;
    uint32_t bits[65536 / 32];
} type_set;

static bool add_to(type_set *set, uint16_t type)
{
    if (!set->any) memset(set->bits, 0, sizeof set->bits);
    set->any = true;
    uint32_t bit = (uint32_t)1 << (type & 31);
    bool was_there = (set->bits[type >> 5] & bit) != 0;
    set->bits[type >> 5] |= bit;
    return !was_there;
}

static dor_result twice(unsigned context)
{
    const unsigned of_13 = DOR_CTX_SERVER_HELLO | DOR_CTX_HELLO_RETRY | DOR_CTX_CERTIFICATE |
                           DOR_CTX_CERTIFICATE_REQUEST | DOR_CTX_NEW_SESSION_TICKET;
    return dor__alert(context & of_13 ? DOR_ALERT_ILLEGAL_PARAMETER : DOR_ALERT_DECODE_ERROR,
                      DOR_REASON_DUPLICATE_EXTENSION);
}

dor_result dor__extensions_split(dor_span block, unsigned context, dor_ext_block *found)
{
    dor_reader r = rd_from(block);
    type_set unknown;
    unknown.any = false;
    found->present = 0;
    found->last_type = 0;
    while (rd_left(&r)) {
        uint16_t type;
        dor_span data;
        DOR_TRY(rd_u16(&r, &type));
        DOR_TRY(rd_vec16(&r, &data, 0, 65535));
        size_t i = index_of(type);
        bool first = i < dor__extension_count ? !(found->present >> i & 1) : add_to(&unknown, type);
        if (!first) return twice(context);
        found->last_type = type;
        if (i < dor__extension_count) {
            found->present |= (uint32_t)1 << i;
            found->data[i] = data;
        }
    }
    found->unknown = unknown.any;
    return DOR_SUCCESS;
}

static dor_result unsupported(void)
{
    return dor__alert(DOR_ALERT_UNSUPPORTED_EXTENSION, DOR_REASON_UNSUPPORTED_EXTENSION);
}

static bool was_asked_for(const dor_tls *t, size_t index, unsigned context)
{
    if (context == DOR_CTX_HELLO_RETRY && dor__extensions[index]->type == DOR_EXT_COOKIE)
        return true; /* the one answer without a question: section 4.2 */
    return dor__is_client(t) && (t->hs->ext_sent >> index & 1);
}

static dor_result one_receive(dor_tls *t, size_t index, unsigned context, const dor_ext_block *found)
{
    const dor_extension *e = dor__extensions[index];
    bool allowed = (e->contexts & context) != 0;
    if (!version_matters(t, e, context)) return DOR_SUCCESS;
    if (!(found->present >> index & 1))
        return allowed && e->if_missing ? e->if_missing(t, context) : DOR_SUCCESS;
    if (context & RESPONSES && !was_asked_for(t, index, context)) return unsupported();
    if (context == DOR_CTX_SERVER_HELLO_12 && e->type == DOR_EXT_SUPPORTED_GROUPS)
        return DOR_SUCCESS; /* not for servers in TLS 1.2, but some are known to say it; it means nothing */
    if (!allowed) return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_UNSUPPORTED_EXTENSION);
    if (!e->receive) return found->data[index].len ? DOR_DECODE_ERROR : DOR_SUCCESS;
    return e->receive(t, context, found->data[index]);
}

dor_result dor__extensions_receive(dor_tls *t, unsigned context, const dor_ext_block *found)
{
    const uint32_t psk = dor__ext_bit(DOR_EXT_PRE_SHARED_KEY);
    if (found->unknown && context & RESPONSES) return unsupported();
    if (context == DOR_CTX_CLIENT_HELLO) {
        t->hs->ext_received |= found->present; /* may hold an SCSV's bit already */
        if (found->present & psk && t->version == DOR_TLS_1_3 && found->last_type != DOR_EXT_PRE_SHARED_KEY)
            return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_ILLEGAL_PARAMETER);
    }
    for (size_t i = 0; i < dor__extension_count; i++)
        DOR_TRY(one_receive(t, i, context, found));
    return DOR_SUCCESS;
}
