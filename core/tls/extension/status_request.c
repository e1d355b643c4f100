/*
 * status_request.c - OCSP stapling (RFC 6066 section 8, RFC 8446 section 4.4.2.1).
 *
 * A server's answer stands with its certificate: in TLS 1.3 as an extension of the first entry, in TLS 1.2 as a message
 * of its own, which an empty extension of ServerHello announces. We never ask clients for theirs.
 */
#include "tls/extension/extensions.h"
#include "tls/stapled.h"

enum { TYPE_OCSP = 1 };

static dor_result malformed(void)
{
    return dor__alert(DOR_ALERT_DECODE_ERROR, DOR_REASON_CERT_STATUS);
}

/* ---- the question ------------------------------------------------------------------------------------------- */

/* No responders and no extensions are asked for: a server staples what it has. */
static dor_result request_send(dor_bytes *w)
{
    DOR_TRY(wr_u8(w, TYPE_OCSP));
    DOR_TRY(wr_u16(w, 0));
    return wr_u16(w, 0);
}

/* *ocsp is false for a type that nobody knows, of which no more can be said. */
static dor_result request_read(dor_span data, bool *ocsp)
{
    dor_reader r = rd_from(data);
    dor_span list, id, extensions;
    uint8_t type;
    DOR_TRY(rd_u8(&r, &type));
    *ocsp = type == TYPE_OCSP;
    if (!*ocsp) return DOR_SUCCESS;
    DOR_TRY(rd_vec16(&r, &list, 0, 65535));
    DOR_TRY(rd_vec16(&r, &extensions, 0, 65535));
    DOR_TRY(rd_end(&r));
    for (r = rd_from(list); rd_left(&r);)
        DOR_TRY(rd_vec16(&r, &id, 1, 65535));
    return DOR_SUCCESS;
}

/* ---- the answer --------------------------------------------------------------------------------------------- */

dor_result dor__certificate_status_write(const dor_tls *t, dor_bytes *w)
{
    DOR_TRY(wr_u8(w, TYPE_OCSP));
    return wr_vec(w, 3, dor__bytes_span(&t->hs->identity->status));
}

dor_result dor__certificate_status_read(dor_tls *t, dor_span data)
{
    dor_reader r = rd_from(data);
    dor_span response = DOR_SPAN_EMPTY;
    uint8_t type = 0;
    if (dor__failed(rd_u8(&r, &type)) || type != TYPE_OCSP ||
        dor__failed(rd_vec24(&r, &response, 1, 0xffffff)) || dor__failed(rd_end(&r)))
        return malformed();
    if (t->version == DOR_TLS_1_3 && t->hs->chain_count > 0)
        return DOR_SUCCESS; /* of an authority's certificate: nobody asks for it so far */
    if (!t->stapled) DOR_TRY(dor__stapled_new(&t->stapled));
    t->stapled->status.len = 0;
    return dor__bytes_append(&t->stapled->status, response);
}

bool dor__certificate_status_due(const dor_tls *t)
{
    const dor_handshake *hs = t->hs;
    return hs->wants_status && hs->identity && hs->identity->status.len > 0 &&
           !(hs->properties & DOR_PROPERTY_RESUMED);
}

/* ---- the extension ------------------------------------------------------------------------------------------ */

static bool status_should_send(const dor_tls *t, unsigned context)
{
    if (context == DOR_CTX_CERTIFICATE_REQUEST) return false;
    return context == DOR_CTX_CLIENT_HELLO ? t->config->ask_status : dor__certificate_status_due(t);
}

static dor_result status_send(dor_tls *t, unsigned context, dor_bytes *w)
{
    if (context == DOR_CTX_CLIENT_HELLO) return request_send(w);
    if (context == DOR_CTX_CERTIFICATE) return dor__certificate_status_write(t, w);
    return dor__property_set(t, DOR_PROPERTY_STATUS_12); /* ServerHello's is empty and promises the message */
}

static dor_result status_receive(dor_tls *t, unsigned context, dor_span data)
{
    dor_reader r = rd_from(data);
    switch (context) {
    case DOR_CTX_CLIENT_HELLO: return request_read(data, &t->hs->wants_status);
    case DOR_CTX_CERTIFICATE_REQUEST: return rd_end(&r); /* empty; we have none of our own to show */
    case DOR_CTX_CERTIFICATE: return dor__certificate_status_read(t, data);
    default: t->hs->v12.status_promised = true; return rd_end(&r);
    }
}

const dor_extension dor__ext_status_request = {
    .type = DOR_EXT_STATUS_REQUEST,
    .contexts =
        DOR_CTX_CLIENT_HELLO | DOR_CTX_CERTIFICATE | DOR_CTX_CERTIFICATE_REQUEST | DOR_CTX_SERVER_HELLO_12,
    .name = "status_request",
    .should_send = status_should_send,
    .send = status_send,
    .receive = status_receive,
};
