/*
 * What a peer can make one end of a TLS 1.3 handshake hold once there are keys, and before it has shown who it is: a server to its
 * client, and a client to a server that asks for its certificate. In the clear: test_tls_stranger.c.
 */
#include "support/counting_alloc.h"
#include "support/proto_replay.h"

/* The longest message, and what it is taken apart into; at worst the buffer as it grows, and a record. */
enum { BODY_MAX = 64 * 1024, WAITING_MAX = 68 * 1024, WORST_MAX = 200 * 1024 };

static void stranger_set_up(void)
{
    counting_alloc_install();
    set_up_version(DOR_TLS_1_3);
}

TestSuite(tls13_stranger, .init = stranger_set_up, .fini = replay_clean_up, .timeout = 300);

static size_t certificate_at(void)
{
    for (size_t i = 0; i < said.count; i++)
        if (said.messages[i].ptr[0] == DOR_HS_CERTIFICATE) return i;
    cr_assert_fail("no Certificate");
    return 0;
}

typedef enum stuffing { ONE_ENTRY, MANY_ENTRIES, MANY_EXTENSIONS, STUFFINGS } stuffing;

/* A Certificate of exactly BODY_MAX bytes, from an honest one whose first entry stays. */
static dor_bytes large_certificate(dor_span honest, stuffing how)
{
    static const uint8_t zeros[BODY_MAX];
    dor_bytes m = DOR_BYTES_EMPTY;
    const size_t der_len = (size_t)honest.ptr[8] << 16 | (size_t)honest.ptr[9] << 8 | honest.ptr[10];
    cr_assert(dor__ok(dor__bytes_append(&m, dor__span(honest.ptr, 11 + der_len))));
    const size_t room = 4 + BODY_MAX - m.len;
    if (how == MANY_EXTENSIONS) { /* of one entry, each unknown and empty */
        cr_assert(dor__ok(wr_u16(&m, (uint16_t)((room - 2) / 4 * 4))));
        for (size_t i = 0; i < (room - 2) / 4; i++) {
            cr_assert(dor__ok(wr_u16(&m, (uint16_t)(0x4000 + i))));
            cr_assert(dor__ok(wr_u16(&m, 0)));
        }
    } else {
        const size_t body = how == ONE_ENTRY ? room - 2 - 5 : 1;
        cr_assert(dor__ok(wr_u16(&m, 0)));
        while (4 + BODY_MAX - m.len >= 3 + body + 2) {
            cr_assert(dor__ok(wr_vec(&m, 3, dor__span(zeros, body))));
            cr_assert(dor__ok(wr_u16(&m, 0)));
        }
    }
    const size_t len = m.len - 4, list = len - 4;
    m.ptr[1] = (uint8_t)(len >> 16), m.ptr[2] = (uint8_t)(len >> 8), m.ptr[3] = (uint8_t)len;
    m.ptr[5] = (uint8_t)(list >> 16), m.ptr[6] = (uint8_t)(list >> 8), m.ptr[7] = (uint8_t)list;
    cr_assert_gt(len, (size_t)BODY_MAX - 16);
    return m;
}

static void say_pieces(dor_tls_role to, dor_span data, size_t piece)
{
    for (size_t at = 0; at < data.len; at += piece)
        say(to, false, dor__span(data.ptr + at, data.len - at < piece ? data.len - at : piece));
}

static void certificates_to(dor_tls_role to)
{
    static const size_t pieces[] = {1, 1000, 16384};
    size_t most = 0;
    record_what_is_said(to == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT);
    const size_t at = certificate_at();
    for (unsigned how = 0; how < STUFFINGS; how++)
        for (size_t p = 0; p < COUNT(pieces); p++) {
            dor_bytes m = large_certificate(dor__bytes_span(&said.messages[at]), (stuffing)how);
            replay(to, at);
            say(to, false, dor__span(m.ptr, 1)); /* the mouth has its keys from here on */
            counting_alloc_reset_peak();
            const size_t before = counting_alloc_bytes();
            say_pieces(to, dor__span(m.ptr + 1, m.len - 2), pieces[p]);
            cr_assert(dor__ok(proto_end_of(&pair, to)->result), "%u: %s", how, trouble());
            const size_t held = counting_alloc_bytes() - before;
            cr_assert_leq(held, (size_t)WAITING_MAX, "%zu", held);
            most = held > most ? held : most;
            say(to, false, dor__span(m.ptr + m.len - 1, 1));
            cr_assert(dor__failed(proto_end_of(&pair, to)->result));
            cr_assert_leq(counting_alloc_peak() - before, (size_t)WORST_MAX, "%u, %zu: %zu", how, pieces[p],
                          counting_alloc_peak() - before);
            cr_assert_leq(counting_alloc_bytes(), before); /* and it is let go */
            dor__bytes_free(dor__tls_output(proto_end_of(&pair, to)->tls));
            dor__bytes_free(&m);
        }
    cr_assert_geq(most, (size_t)BODY_MAX - 64, "%zu", most); /* the bound is no idle one */
}

Test(tls13_stranger, a_servers_to_a_client)
{
    certificates_to(DOR_TLS_CLIENT);
}

Test(tls13_stranger, a_clients_to_a_server)
{
    proto_add_identity(client, "tls-rsa", "rsa");
    server->trust = pki_trust("root");
    server->verify_peer = true;
    certificates_to(DOR_TLS_SERVER);
}
