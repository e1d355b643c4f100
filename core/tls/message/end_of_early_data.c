/* end_of_early_data.c - EndOfEarlyData (RFC 8446 section 4.5): empty, the last under early data's keys. */
#include "tls/message/messages.h"

static dor_result nothing_send(dor_tls *t, dor_bytes *w)
{
    (void)t, (void)w;
    return DOR_SUCCESS;
}

static dor_result nothing_receive(dor_tls *t, dor_span body)
{
    (void)t;
    return body.len ? DOR_DECODE_ERROR : DOR_SUCCESS;
}

const dor_action dor__msg_end_of_early_data = {
    .name = "EndOfEarlyData",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_CLIENT,
    .type = DOR_HS_END_OF_EARLY_DATA,
    .min_len = 0,
    .max_len = 0,
    .send = nothing_send,
    .receive = nothing_receive,
};
