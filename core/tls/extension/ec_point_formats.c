/*
 * ec_point_formats.c - ec_point_formats (RFC 8422 section 5.1.2): says "uncompressed", the only form left.
 */
#include "tls/extension/extensions.h"

enum { UNCOMPRESSED = 0 };

static dor_result send_formats(dor_tls *t, unsigned context, dor_bytes *w)
{
    static const uint8_t formats[] = {UNCOMPRESSED};
    (void)t, (void)context;
    return wr_vec(w, 1, dor__span(formats, sizeof(formats)));
}

static dor_result receive_formats(dor_tls *t, unsigned context, dor_span data)
{
    dor_reader r = rd_from(data);
    dor_span formats;
    (void)t, (void)context;
    DOR_TRY(rd_vec8(&r, &formats, 1, 255));
    DOR_TRY(rd_end(&r));
    if (!memchr(formats.ptr, UNCOMPRESSED, formats.len))
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_ILLEGAL_PARAMETER);
    return DOR_SUCCESS;
}

const dor_extension dor__ext_ec_point_formats = {
    .type = DOR_EXT_EC_POINT_FORMATS,
    .contexts = DOR_CTX_CLIENT_HELLO | DOR_CTX_SERVER_HELLO_12,
    .max_version = DOR_TLS_1_2,
    .name = "ec_point_formats",
    .send = send_formats,
    .receive = receive_formats,
};
