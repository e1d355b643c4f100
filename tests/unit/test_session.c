/* test_session.c - sessions: counting, age, and the form they take in tickets; tickets themselves. */
#include "crypto/devcert.h"
#include "support/counting_alloc.h"
#include "tls/session.h"
#include "tls/suite.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static dor_session *make(void)
{
    dor_session *s;
    cr_assert(dor__ok(dor__session_new(&s)));
    s->version = DOR_TLS_1_2;
    s->suite = 0xc02b;
    memset(s->secret, 0x5a, s->secret_len = DOR_SESSION_MAX_SECRET);
    memset(s->id, 0x1d, s->id_len = DOR_SESSION_MAX_ID);
    s->extended_master_secret = true;
    s->peer_verified = true;
    s->age_add = 0x01020304;
    s->lifetime_s = 3600;
    s->created_ms = 1700000000123;
    cr_assert(dor__ok(dor__bytes_append(&s->ticket, dor__span_str("a ticket"))));
    cr_assert(dor__ok(dor__bytes_append(&s->server_name, dor__span_str("dormouse.example"))));
    cr_assert(dor__ok(dor__bytes_append(&s->alpn, dor__span_str("h2"))));
    return s;
}

static void expect_same(const dor_session *a, const dor_session *b)
{
    cr_expect_eq(a->version, b->version);
    cr_expect_eq(a->suite, b->suite);
    cr_expect(dor__span_equal(dor__span(a->secret, a->secret_len), dor__span(b->secret, b->secret_len)));
    cr_expect(dor__span_equal(dor__span(a->id, a->id_len), dor__span(b->id, b->id_len)));
    cr_expect_eq(a->extended_master_secret, b->extended_master_secret);
    cr_expect_eq(a->peer_verified, b->peer_verified);
    cr_expect_eq(a->age_add, b->age_add);
    cr_expect_eq(a->lifetime_s, b->lifetime_s);
    cr_expect_eq(a->created_ms, b->created_ms);
    cr_expect(dor__span_equal(dor__bytes_span(&a->ticket), dor__bytes_span(&b->ticket)));
    cr_expect(dor__span_equal(dor__bytes_span(&a->server_name), dor__bytes_span(&b->server_name)));
    cr_expect(dor__span_equal(dor__bytes_span(&a->alpn), dor__bytes_span(&b->alpn)));
    cr_expect_eq(a->peer == NULL, b->peer == NULL);
}

Test(session, counted_and_gone)
{
    counting_alloc_install();
    dor_session *s = make();
    cr_assert_eq(dor__session_ref(s), s);
    dor__session_unref(s);
    cr_assert_gt(counting_alloc_pieces(), 0);
    dor__session_unref(s);
    cr_assert_eq(counting_alloc_pieces(), 0);
    dor__session_unref(NULL);
    cr_assert_null(dor__session_ref(NULL));
}

Test(session, there_and_back)
{
    counting_alloc_install();
    dor_session *s = make(), *back;
    dor_bytes out = DOR_BYTES_EMPTY;
    cr_assert(dor__ok(dor__session_serialise(s, &out)));
    cr_assert(dor__ok(dor__session_parse(dor__bytes_span(&out), &back)));
    expect_same(s, back);
    dor__session_unref(back);
    dor__session_unref(s);
    dor__bytes_free(&out);

    cr_assert(dor__ok(dor__session_new(&s)));
    s->version = DOR_TLS_1_3;
    s->suite = 0x1302;
    s->secret_len = 1;
    cr_assert(dor__ok(dor__session_serialise(s, &out)));
    cr_assert(dor__ok(dor__session_parse(dor__bytes_span(&out), &back)));
    expect_same(s, back);
    dor__session_unref(back);
    dor__session_unref(s);
    dor__bytes_free(&out);
    cr_assert_eq(counting_alloc_pieces(), 0);
}

Test(session, with_the_peers_certificate)
{
    counting_alloc_install();
    dor_session *s = make(), *back;
    dor_rng *rng;
    dor_bytes cert = DOR_BYTES_EMPTY, key = DOR_BYTES_EMPTY, out = DOR_BYTES_EMPTY;
    cr_assert(dor__ok(dor__rng_new_seeded(&rng, dor__span_str("peer"))));
    cr_assert(dor__ok(dor__devcert_make(rng, "peer.example", 1700000000, &cert, &key)));
    cr_assert(dor__ok(dor__certificate_new(&s->peer, dor__bytes_span(&cert))));
    cr_assert(dor__ok(dor__session_serialise(s, &out)));
    cr_assert(dor__ok(dor__session_parse(dor__bytes_span(&out), &back)));
    expect_same(s, back);
    cr_assert(dor__span_equal(back->peer->der, dor__bytes_span(&cert)));
    dor__session_unref(back);
    for (size_t len = 0; len < out.len; len++)
        cr_assert(dor__failed(dor__session_parse(dor__span(out.ptr, len), &back)));
    dor__session_unref(s);
    dor__bytes_free(&out);
    dor__bytes_free(&cert);
    dor__bytes_free(&key);
    dor__rng_free(rng);
    cr_assert_eq(counting_alloc_pieces(), 0);
}

Test(session, no_prefix_and_no_extension_parses)
{
    dor_session *s = make(), *back;
    dor_bytes out = DOR_BYTES_EMPTY;
    cr_assert(dor__ok(dor__session_serialise(s, &out)));
    for (size_t len = 0; len < out.len; len++) {
        uint8_t *exact = malloc(len + 1); /* so that a sanitizer sees a step too far */
        memcpy(exact, out.ptr, len);
        cr_assert(dor__failed(dor__session_parse(dor__span(exact, len), &back)), "%zu bytes", len);
        cr_assert_null(back);
        free(exact);
    }
    cr_assert(dor__ok(dor__bytes_append(&out, dor__span("", 1))));
    cr_assert(dor__failed(dor__session_parse(dor__bytes_span(&out), &back)));
    dor__session_unref(s);
    dor__bytes_free(&out);
}

Test(session, any_bytes_parse_or_fail)
{
    counting_alloc_install();
    dor_session *s = make(), *back;
    dor_bytes out = DOR_BYTES_EMPTY;
    cr_assert(dor__ok(dor__session_serialise(s, &out)));
    for (size_t bit = 0; bit < out.len * 8; bit++) {
        out.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (dor__ok(dor__session_parse(dor__bytes_span(&out), &back))) {
            cr_assert_leq(back->secret_len, DOR_SESSION_MAX_SECRET);
            cr_assert_leq(back->id_len, DOR_SESSION_MAX_ID);
            cr_assert_not_null(dor__suite_find(back->suite));
            dor__session_unref(back);
        }
        out.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    dor__session_unref(s);
    dor__bytes_free(&out);
    cr_assert_eq(counting_alloc_pieces(), 0);
}

Test(session, out_of_memory)
{
    counting_alloc_install();
    dor_session *s = make(), *back;
    dor_bytes out = DOR_BYTES_EMPTY;
    counting_alloc_fail_at(1);
    cr_assert_eq(dor__session_new(&back).code, DOR_E_NOMEM);
    cr_assert_eq(dor__session_serialise(s, &out).code, DOR_E_NOMEM);
    counting_alloc_fail_at(0);
    cr_assert(dor__ok(dor__session_serialise(s, &out)));
    cr_assert_eq(counting_alloc_calls(), 1, "once, so that no copy of the secret stays behind");
    size_t pieces = counting_alloc_pieces();
    for (size_t n = 1; n <= 4; n++) {
        counting_alloc_fail_at(n);
        cr_assert_eq(dor__session_parse(dor__bytes_span(&out), &back).code, DOR_E_NOMEM);
        cr_assert_null(back);
        cr_assert_eq(counting_alloc_pieces(), pieces);
    }
    counting_alloc_fail_at(0);
    dor__session_unref(s);
    dor__bytes_free(&out);
}

Test(session, too_big_for_its_form)
{
    dor_session *s = make();
    dor_bytes out = DOR_BYTES_EMPTY;
    static uint8_t much[70000];
    cr_assert(dor__ok(dor__bytes_append(&s->ticket, dor__span(much, sizeof(much)))));
    cr_assert(dor__failed(dor__session_serialise(s, &out)));
    cr_assert_eq(out.len, 0);
    s->ticket.len = 0;
    cr_assert(dor__ok(dor__bytes_append(&s->server_name, dor__span(much, 300))));
    cr_assert(dor__failed(dor__session_serialise(s, &out)));
    cr_assert_eq(out.len, 0);
    dor__session_unref(s);
    dor__bytes_free(&out);
}

Test(session, fresh)
{
    const int64_t day = 24 * 3600 * 1000, t0 = 1700000000000;
    dor_session *s = make();
    s->created_ms = t0;
    cr_expect(dor__session_fresh(s, t0));
    cr_expect(dor__session_fresh(s, t0 + 3600 * 1000 - 1));
    cr_expect(!dor__session_fresh(s, t0 + 3600 * 1000));
    cr_expect(dor__session_fresh(s, t0 - 60 * 1000), "clocks differ a little");
    cr_expect(!dor__session_fresh(s, t0 - 60 * 1000 - 1), "from the future");
    s->lifetime_s = UINT32_MAX;
    cr_expect(dor__session_fresh(s, t0 + day - 1));
    cr_expect(!dor__session_fresh(s, t0 + day));
    s->version = DOR_TLS_1_3;
    cr_expect(dor__session_fresh(s, t0 + 7 * day - 1));
    cr_expect(!dor__session_fresh(s, t0 + 7 * day));
    cr_expect(!dor__session_fresh(s, INT64_MAX));
    cr_expect(!dor__session_fresh(s, INT64_MIN));
    s->created_ms = INT64_MIN;
    cr_expect(!dor__session_fresh(s, INT64_MAX));
    s->lifetime_s = 0;
    s->created_ms = t0;
    cr_expect(!dor__session_fresh(s, t0));
    dor__session_unref(s);
}

/* ---- tickets ------------------------------------------------------------------------------------------------- */

static dor_rng *test_rng(void)
{
    dor_rng *rng;
    cr_assert(dor__ok(dor__rng_new_seeded(&rng, dor__span_str("tickets"))));
    return rng;
}

Test(ticket, there_and_back)
{
    static const size_t lens[] = {0, 1, 200, 4000, DOR_SESSION_MAX_TICKET - 44};
    static uint8_t plain[DOR_SESSION_MAX_TICKET];
    dor_rng *rng = test_rng();
    dor_ticket_key key;
    cr_assert(dor__ok(dor__ticket_key_make(&key, rng)));
    for (size_t i = 0; i < sizeof(plain); i++)
        plain[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        dor_bytes ticket = DOR_BYTES_EMPTY, back = DOR_BYTES_EMPTY;
        bool opened;
        cr_assert(dor__ok(dor__ticket_seal(&key, rng, dor__span(plain, lens[i]), &ticket)));
        cr_assert_eq(ticket.len, lens[i] + 16 + 12 + 16);
        cr_assert_eq(memcmp(ticket.ptr, key.name, sizeof(key.name)), 0);
        cr_assert(dor__ok(dor__bytes_append(&back, dor__span_str("before"))));
        cr_assert(dor__ok(dor__ticket_open(&key, dor__bytes_span(&ticket), &back, &opened)));
        cr_assert(opened);
        cr_assert_eq(back.len, lens[i] + 6);
        cr_assert_eq(memcmp(back.ptr + 6, plain, lens[i]), 0);
        dor__bytes_free(&ticket);
        dor__bytes_free(&back);
    }
    dor_bytes ticket = DOR_BYTES_EMPTY;
    cr_assert_eq(dor__ticket_seal(&key, rng, dor__span(plain, DOR_SESSION_MAX_TICKET - 43), &ticket).code,
                 DOR_E_TOO_BIG);
    dor__rng_free(rng);
}

Test(ticket, two_of_the_same_differ)
{
    dor_rng *rng = test_rng();
    dor_ticket_key key;
    dor_bytes a = DOR_BYTES_EMPTY, b = DOR_BYTES_EMPTY;
    cr_assert(dor__ok(dor__ticket_key_make(&key, rng)));
    cr_assert(dor__ok(dor__ticket_seal(&key, rng, dor__span_str("same"), &a)));
    cr_assert(dor__ok(dor__ticket_seal(&key, rng, dor__span_str("same"), &b)));
    cr_assert(!dor__span_equal(dor__bytes_span(&a), dor__bytes_span(&b)));
    dor__bytes_free(&a);
    dor__bytes_free(&b);
    dor__rng_free(rng);
}

Test(ticket, no_flipped_bit_and_no_other_length_opens)
{
    counting_alloc_install();
    dor_rng *rng = test_rng();
    dor_ticket_key key;
    dor_bytes ticket = DOR_BYTES_EMPTY, back = DOR_BYTES_EMPTY;
    bool opened;
    cr_assert(dor__ok(dor__ticket_key_make(&key, rng)));
    cr_assert(dor__ok(dor__ticket_seal(&key, rng, dor__span_str("what was said"), &ticket)));
    for (size_t bit = 0; bit < ticket.len * 8; bit++) {
        ticket.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert(dor__ok(dor__ticket_open(&key, dor__bytes_span(&ticket), &back, &opened)));
        cr_assert(!opened, "bit %zu", bit);
        cr_assert_eq(back.len, 0);
        ticket.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < ticket.len; len++) {
        uint8_t *exact = malloc(len + 1);
        memcpy(exact, ticket.ptr, len);
        cr_assert(dor__ok(dor__ticket_open(&key, dor__span(exact, len), &back, &opened)));
        cr_assert(!opened);
        free(exact);
    }
    cr_assert(dor__ok(dor__bytes_append(&ticket, dor__span("", 1))));
    cr_assert(dor__ok(dor__ticket_open(&key, dor__bytes_span(&ticket), &back, &opened)));
    cr_assert(!opened);

    dor_ticket_key other;
    cr_assert(dor__ok(dor__ticket_key_make(&other, rng)));
    ticket.len--;
    cr_assert(dor__ok(dor__ticket_open(&other, dor__bytes_span(&ticket), &back, &opened)));
    cr_assert(!opened);
    memcpy(other.name, key.name, sizeof(key.name));
    cr_assert(dor__ok(dor__ticket_open(&other, dor__bytes_span(&ticket), &back, &opened)));
    cr_assert(!opened, "the name alone does not make it ours");
    dor__bytes_free(&ticket);
    dor__bytes_free(&back);
    dor__rng_free(rng);
}

Test(ticket, out_of_memory)
{
    counting_alloc_install();
    dor_rng *rng = test_rng();
    dor_ticket_key key;
    dor_bytes ticket = DOR_BYTES_EMPTY, back = DOR_BYTES_EMPTY;
    bool opened;
    cr_assert(dor__ok(dor__ticket_key_make(&key, rng)));
    for (size_t n = 1; n <= 2; n++) {
        counting_alloc_fail_at(n);
        cr_assert_eq(dor__ticket_seal(&key, rng, dor__span_str("x"), &ticket).code, DOR_E_NOMEM);
        cr_assert_eq(ticket.len, 0);
        dor__bytes_free(&ticket);
    }
    counting_alloc_fail_at(0);
    cr_assert(dor__ok(dor__ticket_seal(&key, rng, dor__span_str("x"), &ticket)));
    for (size_t n = 1; n <= 2; n++) {
        counting_alloc_fail_at(n);
        cr_assert_eq(dor__ticket_open(&key, dor__bytes_span(&ticket), &back, &opened).code, DOR_E_NOMEM);
        cr_assert(!opened);
        dor__bytes_free(&back);
    }
    counting_alloc_fail_at(0);
    dor__bytes_free(&ticket);
    dor__rng_free(rng);
    cr_assert_eq(counting_alloc_pieces(), 0);
}
