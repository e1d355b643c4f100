/* alpn.c - application_layer_protocol_negotiation (RFC 7301). */
#include "tls/again.h"
#include "tls/extension/extensions.h"

static bool alpn_should_send(const dor_tls *t, unsigned context)
{
    if (dor__renegotiating(t)) return false; /* what runs over the connection does not change */
    return context == DOR_CTX_CLIENT_HELLO ? t->config->alpn.len != 0 : t->alpn_len != 0;
}

static dor_result alpn_send(dor_tls *t, unsigned context, dor_bytes *w)
{
    size_t mark;
    if (context == DOR_CTX_CLIENT_HELLO) return wr_vec(w, 2, dor__bytes_span(&t->config->alpn));
    DOR_TRY(wr_begin(w, 2, &mark));
    DOR_TRY(wr_vec(w, 1, dor__alpn_get(t)));
    return wr_end(w, 2, mark);
}

/* ProtocolName protocol_name_list<2..2^16-1>, names of 1 to 255 bytes; gives the list, checked to its end. */
static dor_result list_read(dor_span data, dor_span *list)
{
    dor_reader r = rd_from(data);
    dor_span name;
    DOR_TRY(rd_vec16(&r, list, 2, 65535));
    DOR_TRY(rd_end(&r));
    for (r = rd_from(*list); rd_left(&r);)
        DOR_TRY(rd_vec8(&r, &name, 1, 255));
    return DOR_SUCCESS;
}

static bool list_has(dor_span list, dor_span wanted)
{
    dor_span name;
    for (dor_reader r = rd_from(list); rd_left(&r) && dor__ok(rd_vec8(&r, &name, 1, 255));)
        if (dor__span_equal(name, wanted)) return true;
    return false;
}

/* Section 3.2: the server's preference; none in common is fatal. */
static dor_result choose(dor_tls *t, dor_span offered)
{
    dor_span name;
    for (dor_reader r = rd_from(dor__bytes_span(&t->config->alpn)); rd_left(&r);) {
        DOR_TRY(rd_vec8(&r, &name, 1, 255));
        if (list_has(offered, name)) return dor__alpn_set(t, name);
    }
    return dor__alert(DOR_ALERT_NO_APPLICATION_PROTOCOL, DOR_REASON_NO_ALPN);
}

static dor_result alpn_receive(dor_tls *t, unsigned context, dor_span data)
{
    dor_span list, name;
    DOR_TRY(list_read(data, &list));
    if (context == DOR_CTX_CLIENT_HELLO)
        return t->config->alpn.len && !dor__renegotiating(t) ? choose(t, list) : DOR_SUCCESS;
    dor_reader r = rd_from(list); /* section 3.1: exactly one name, one of ours */
    DOR_TRY(rd_vec8(&r, &name, 1, 255));
    DOR_TRY(rd_end(&r));
    if (!list_has(dor__bytes_span(&t->config->alpn), name))
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_NO_ALPN);
    return dor__alpn_set(t, name);
}

const dor_extension dor__ext_alpn = {
    .type = DOR_EXT_ALPN,
    .contexts = DOR_CTX_CLIENT_HELLO | DOR_CTX_ENCRYPTED_EXTENSIONS | DOR_CTX_SERVER_HELLO_12,
    .name = "application_layer_protocol_negotiation",
    .should_send = alpn_should_send,
    .send = alpn_send,
    .receive = alpn_receive,
};
