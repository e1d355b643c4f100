/*
 * record_size_limit.c - RFC 8449: each end says how much a protected record may hold.
 *
 * In TLS 1.3 the number counts the inner content type and padding, in TLS 1.2 the plaintext alone. A client speaks of it
 * when its config has a limit; a server answers always, since a client that asks may have little memory.
 */
#include "tls/extension/extensions.h"

enum { SMALLEST = 64, INNER_TYPE_LEN = 1 };

/* The most that a record of the version can hold, counted as the extension counts. */
static uint16_t largest(const dor_tls *t)
{
    return t->version == DOR_TLS_1_3 ? DOR_RECORD_MAX_PLAINTEXT + INNER_TYPE_LEN : DOR_RECORD_MAX_PLAINTEXT;
}

static uint16_t ours(const dor_tls *t)
{
    uint16_t limit = t->config->record_size_limit;
    return limit && limit < largest(t) ? limit : largest(t);
}

static bool limit_should_send(const dor_tls *t, unsigned context)
{
    return context != DOR_CTX_CLIENT_HELLO || t->config->record_size_limit != 0;
}

static dor_result limit_send(dor_tls *t, unsigned context, dor_bytes *w)
{
    if (context == DOR_CTX_CLIENT_HELLO) return wr_u16(w, t->config->record_size_limit);
    t->read_limit = ours(t);
    return wr_u16(w, t->read_limit);
}

static dor_result limit_receive(dor_tls *t, unsigned context, dor_span data)
{
    dor_reader r = rd_from(data);
    uint16_t limit;
    DOR_TRY(rd_u16(&r, &limit));
    DOR_TRY(rd_end(&r));
    /* Section 4: a server takes whatever is large, which another version or extension may allow. */
    if (limit < SMALLEST || (context != DOR_CTX_CLIENT_HELLO && limit > largest(t)))
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_RECORD_LIMIT);
    if (limit > largest(t)) limit = largest(t);
    t->write_limit = t->version == DOR_TLS_1_3 ? (uint16_t)(limit - INNER_TYPE_LEN) : limit;
    t->limits_protected = true;
    t->hs->record_limit_agreed = true;
    if (context != DOR_CTX_CLIENT_HELLO) t->read_limit = ours(t);
    return DOR_SUCCESS;
}

const dor_extension dor__ext_record_size_limit = {
    .type = DOR_EXT_RECORD_SIZE_LIMIT,
    .contexts = DOR_CTX_CLIENT_HELLO | DOR_CTX_ENCRYPTED_EXTENSIONS | DOR_CTX_SERVER_HELLO_12,
    .name = "record_size_limit",
    .should_send = limit_should_send,
    .send = limit_send,
    .receive = limit_receive,
};
