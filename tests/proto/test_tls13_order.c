/*
 * The order of TLS 1.3's handshake messages, held against everything that is not in it.
 *
 * A handshake between our two ends is run once, and what one of them says is taken apart into messages. Since the random
 * numbers are seeded, the other end can then be brought to any point of the same handshake again, and be given there what
 * does not belong.
 */
#include "support/proto_replay.h"

TestSuite(tls13_order, .init = replay_set_up, .fini = replay_clean_up);

/* Whether a message of this type may come as number `at`: itself, and what a server is free to choose. */
static bool is_legal(dor_tls_role to, size_t at, uint8_t type)
{
    uint8_t recorded = said.messages[at].ptr[0];
    if (type == recorded) return true;
    if (to == DOR_TLS_SERVER) return false;
    if (type == DOR_HS_HELLO_REQUEST) return at == 0; /* passed over before TLS 1.3 is settled */
    return (recorded == DOR_HS_CERTIFICATE && type == DOR_HS_CERTIFICATE_REQUEST &&
            said.messages[at - 1].ptr[0] == DOR_HS_ENCRYPTED_EXTENSIONS) ||
           (recorded == DOR_HS_CERTIFICATE_REQUEST && type == DOR_HS_CERTIFICATE);
}

static dor_span message_of_type(uint8_t type, dor_bytes *made)
{
    for (size_t i = 0; i < said.count; i++)
        if (said.messages[i].ptr[0] == type) return dor__bytes_span(&said.messages[i]);
    const uint8_t empty[4] = {type, 0, 0, 0};
    made->len = 0;
    cr_assert(dor__ok(dor__bytes_append(made, dor__span(empty, 4))));
    return dor__bytes_span(made);
}

static void everything_in_every_place(dor_tls_role to, scene s)
{
    dor_tls_role from = to == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT;
    dor_bytes made = DOR_BYTES_EMPTY;
    arrange(s);
    record_what_is_said(from);
    /* The recording, played back, is the handshake. */
    replay(to, said.count);
    cr_assert(proto_end_of(&pair, to)->connected);
    for (size_t at = 0; at < said.count; at++)
        for (unsigned type = 0; type < 256; type++) {
            if (is_legal(to, at, (uint8_t)type)) continue;
            replay(to, at);
            say(to, at < said.clear_count, message_of_type((uint8_t)type, &made));
            cr_assert(dor__failed(proto_end_of(&pair, to)->result), "message %zu: type %u was taken", at,
                      type);
            cr_assert_not(proto_end_of(&pair, to)->connected);
            dor__bytes_free(dor__tls_output(proto_end_of(&pair, to)->tls));
            failed(to, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
        }
    dor__bytes_free(&made);
    shut_mouth();
}

Test(tls13_order, client_full)
{
    everything_in_every_place(DOR_TLS_CLIENT, FULL);
}

Test(tls13_order, client_with_certificate)
{
    everything_in_every_place(DOR_TLS_CLIENT, MUTUAL);
}

Test(tls13_order, client_retry)
{
    everything_in_every_place(DOR_TLS_CLIENT, RETRY);
}

Test(tls13_order, client_resumed)
{
    everything_in_every_place(DOR_TLS_CLIENT, RESUMED);
}

Test(tls13_order, server_full)
{
    everything_in_every_place(DOR_TLS_SERVER, FULL);
}

Test(tls13_order, server_with_certificate)
{
    everything_in_every_place(DOR_TLS_SERVER, MUTUAL);
}

Test(tls13_order, server_without_certificate)
{
    everything_in_every_place(DOR_TLS_SERVER, EMPTY_CERTIFICATE);
}

Test(tls13_order, server_retry)
{
    everything_in_every_place(DOR_TLS_SERVER, RETRY);
}

Test(tls13_order, server_resumed)
{
    everything_in_every_place(DOR_TLS_SERVER, RESUMED);
}
