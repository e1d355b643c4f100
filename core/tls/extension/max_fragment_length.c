/*
 * max_fragment_length.c - RFC 6066 section 4: a client asks for short records, and both ends keep to them.
 *
 * It holds for everything behind the hellos, in the clear or not; record_size_limit wins over it (RFC 8449 section 5). A
 * resumed session negotiates it anew, as all of TLS 1.3 does.
 */
#include "tls/extension/extensions.h"

enum { FIRST_CODE = 1, LAST_CODE = 4, LENGTH_OF_FIRST = 512 };

static uint16_t length_of(uint8_t code)
{
    return (uint16_t)(LENGTH_OF_FIRST << (code - FIRST_CODE));
}

static uint8_t code_of(uint16_t length)
{
    uint8_t code = FIRST_CODE;
    while (code < LAST_CODE && length_of(code) < length)
        code++;
    return code;
}

static dor_result illegal(void)
{
    return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_RECORD_LIMIT);
}

static bool length_should_send(const dor_tls *t, unsigned context)
{
    return context == DOR_CTX_CLIENT_HELLO ? t->config->max_fragment_length != 0 : t->hs->fragment_code != 0;
}

static dor_result length_send(dor_tls *t, unsigned context, dor_bytes *w)
{
    return wr_u8(w, context == DOR_CTX_CLIENT_HELLO ? code_of(t->config->max_fragment_length)
                                                    : t->hs->fragment_code);
}

static dor_result length_receive(dor_tls *t, unsigned context, dor_span data)
{
    dor_reader r = rd_from(data);
    uint8_t code;
    DOR_TRY(rd_u8(&r, &code));
    DOR_TRY(rd_end(&r));
    if (context == DOR_CTX_CLIENT_HELLO) {
        if (t->hs->record_limit_agreed) return DOR_SUCCESS; /* RFC 8449 section 5: passed over */
        if (code < FIRST_CODE || code > LAST_CODE) return illegal();
        t->hs->fragment_code = code;
    } else if (t->hs->record_limit_agreed || code != code_of(t->config->max_fragment_length)) {
        return illegal();
    }
    t->read_limit = t->write_limit = length_of(code);
    return DOR_SUCCESS;
}

const dor_extension dor__ext_max_fragment_length = {
    .type = DOR_EXT_MAX_FRAGMENT_LENGTH,
    .contexts = DOR_CTX_CLIENT_HELLO | DOR_CTX_ENCRYPTED_EXTENSIONS | DOR_CTX_SERVER_HELLO_12,
    .name = "max_fragment_length",
    .should_send = length_should_send,
    .send = length_send,
    .receive = length_receive,
};
