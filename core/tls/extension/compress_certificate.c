/*
 * compress_certificate.c - RFC 8879 section 3: the ways in which an end takes the other's certificate compressed. A client
 * says so in its hello, a server in its CertificateRequest; both without an answer.
 *
 * A client that has it may end up in TLS 1.2, where it means nothing; its form is looked at all the same.
 */
#include "tls/extension/extensions.h"

/* After the handshake a server asks for certificates as they are: the context that it goes by would be inside. */
static bool compression_should_send(const dor_tls *t, unsigned context)
{
    if (t->config->compression_count == 0) return false;
    return context == DOR_CTX_CLIENT_HELLO ? dor__max_version(t) >= DOR_TLS_1_3 : !t->hs->second;
}

static dor_result compression_send(dor_tls *t, unsigned context, dor_bytes *w)
{
    size_t mark;
    (void)context;
    DOR_TRY(wr_begin(w, 1, &mark));
    for (size_t i = 0; i < t->config->compression_count; i++)
        DOR_TRY(wr_u16(w, t->config->compressions[i]->id));
    t->hs->takes_compressed = true;
    return wr_end(w, 1, mark);
}

static bool contains(dor_span list, uint16_t id)
{
    for (size_t i = 0; i + 1 < list.len; i += 2)
        if ((list.ptr[i] << 8 | list.ptr[i + 1]) == id) return true;
    return false;
}

/* Ours decides. What the peer has beside those is its own affair, but not to say one twice. */
static dor_result compression_receive(dor_tls *t, unsigned context, dor_span data)
{
    dor_reader r = rd_from(data);
    dor_span list;
    uint16_t id;
    (void)context;
    DOR_TRY(rd_vec8(&r, &list, 2, 254));
    DOR_TRY(rd_end(&r));
    if (list.len % 2) return DOR_DECODE_ERROR;
    for (r = rd_from(list); rd_left(&r);) {
        DOR_TRY(rd_u16(&r, &id));
        if (contains(dor__span(r.ptr, rd_left(&r)), id))
            return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_ILLEGAL_PARAMETER);
    }
    t->hs->compression = NULL;
    for (size_t i = t->config->compression_count; i-- > 0;)
        if (contains(list, t->config->compressions[i]->id)) t->hs->compression = t->config->compressions[i];
    return DOR_SUCCESS;
}

const dor_extension dor__ext_compress_certificate = {
    .type = DOR_EXT_COMPRESS_CERTIFICATE,
    .contexts = DOR_CTX_CLIENT_HELLO | DOR_CTX_CERTIFICATE_REQUEST,
    .name = "compress_certificate",
    .should_send = compression_should_send,
    .send = compression_send,
    .receive = compression_receive,
};
