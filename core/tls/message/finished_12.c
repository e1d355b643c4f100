/*
 * finished_12.c - Finished (RFC 5246 section 7.4.9): the first message under the new keys, twelve bytes that prove
 * that both ends saw the same handshake.
 */
#include "tls/again.h"
#include "tls/kept.h"
#include "tls/message/messages.h"
#include "tls/tls12.h"

/* One of another length is a wrong one: decrypt_error, as for any other. */
enum { FINISHED_MAX_LEN = 2 * DOR_VERIFY_DATA_12_LEN };

static dor_result send_finished(dor_tls *t, dor_bytes *w)
{
    uint8_t verify_data[DOR_VERIFY_DATA_12_LEN];
    DOR_TRY(dor__verify_data_12(t, (dor_tls_role)t->role, verify_data));
    DOR_TRY(dor__renegotiation_note(t, (dor_tls_role)t->role, verify_data));
    dor__keep_finished(t, verify_data);
    return wr_bytes(w, dor__span(verify_data, sizeof(verify_data)));
}

static dor_result receive_finished(dor_tls *t, dor_span body)
{
    uint8_t expected[DOR_VERIFY_DATA_12_LEN];
    dor_tls_role peer = dor__is_client(t) ? DOR_TLS_SERVER : DOR_TLS_CLIENT;
    if (dor__protection_is_null(&t->read)) return dor__error(DOR_E_INTERNAL);
    DOR_TRY(dor__verify_data_12(t, peer, expected));
    dor_result result = dor__prove_finished(t, dor__span(expected, sizeof(expected)), body);
    if (dor__ok(result)) result = dor__renegotiation_note(t, peer, expected);
    if (dor__ok(result)) dor__keep_finished(t, expected);
    dor__wipe(expected, sizeof(expected)); /* the right answer, which a forger would like to see */
    return result;
}

const dor_action dor__msg_client_finished_12 = {
    .name = "client Finished",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_CLIENT,
    .type = DOR_HS_FINISHED,
    .max_len = FINISHED_MAX_LEN,
    .send = send_finished,
    .receive = receive_finished,
};

const dor_action dor__msg_server_finished_12 = {
    .name = "server Finished",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_SERVER,
    .type = DOR_HS_FINISHED,
    .max_len = FINISHED_MAX_LEN,
    .send = send_finished,
    .receive = receive_finished,
};
