/*
 * proto_hostile.h - the same handshake again and again: in small pieces, without memory, with flipped bits. On top of
 * proto_test.h; the configs are the test's.
 */
#ifndef TESTS_SUPPORT_PROTO_HOSTILE_H
#define TESTS_SUPPORT_PROTO_HOSTILE_H

#include "support/counting_alloc.h"
#include "support/proto_test.h"

#include <stdlib.h>

/** How many cases to pass over between two: sanitizers and valgrind cost ten to fifty times the time. */
static inline size_t hostile_stride(size_t plain)
{
    const char *sanitize = getenv("DORMOUSE_SANITIZE");
    if (getenv("DORMOUSE_VALGRIND")) return 211 * plain;
    return sanitize && *sanitize ? 7 * plain : plain;
}

/** Works in pieces of 1, 2, 3, 7 and 100 bytes. */
static inline void works_in_pieces(void)
{
    static const size_t pieces[] = {1, 2, 3, 7, 100};
    for (size_t i = 0; i < COUNT(pieces); i++) {
        prepare(NULL, NULL);
        pair.chunk = pieces[i];
        proto_pair_run(&pair);
        works();
    }
}

/** Each allocation fails with all behind it, then it alone. Needs counting_alloc_install in the suite's init. */
static inline void fail_each_allocation_of(dor_session *session)
{
    prepare(NULL, session);
    proto_pair_run(&pair); /* what is made once for the whole program is there now */
    works();
    proto_pair_fini(&pair);
    proto_store_fini(&store);
    proto_store_init(&store);
    for (int once = 0; once < 2; once++) {
        const size_t before = counting_alloc_pieces();
        bool done = false;
        for (size_t n = 1; !done; n += hostile_stride(1) > 3 ? 3 : 1) {
            prepare(NULL, session);
            if (once)
                counting_alloc_fail_once_at(n);
            else
                counting_alloc_fail_at(n);
            proto_pair_run(&pair);
            done = counting_alloc_calls() < n;
            counting_alloc_fail_at(0);
            if (done) works();
            proto_pair_fini(&pair);
            proto_store_fini(&store); /* TLS 1.2's sessions */
            proto_store_init(&store);
            if (!session)
                cr_assert_eq(counting_alloc_pieces(), before, "allocation %zu: something was left", n);
        }
    }
}

typedef struct bit_flip {
    dor_tls_role from;
    size_t bit, at, in_record, record_len;
    bool clear, harmless, done;
} bit_flip;

static inline void flip_bit(void *ctx, dor_tls_role from, dor_bytes *data)
{
    bit_flip *f = ctx;
    if (from != f->from) return;
    for (size_t i = 0; i < data->len; i++, f->at++, f->in_record++) {
        if (f->in_record >= 5 && f->in_record == f->record_len) f->in_record = 0;
        if (f->in_record == 0) f->clear = data->ptr[i] != 23;
        if (f->in_record == 3) f->record_len = 5 + ((size_t)data->ptr[i] << 8);
        if (f->in_record == 4) f->record_len += data->ptr[i];
        if (f->at != f->bit / 8) continue;
        f->harmless =
            f->clear && f->in_record == 2; /* a record's version in the clear: nothing vouches for it */
        data->ptr[i] ^= (uint8_t)(1u << f->bit % 8);
        f->done = true;
    }
}

/** Each `stride`-th bit that an end writes in its handshake is flipped: nobody believes in it, and no failure is odd. */
static inline void flip_bits_of(dor_tls_role from, size_t stride)
{
    bool more = true;
    server->ticket_count = 0; /* behind the handshake a record may well be waited for for ever */
    for (size_t bit = 0; more; bit += hostile_stride(stride)) {
        bit_flip f = {.from = from, .bit = bit};
        prepare(NULL, NULL);
        pair.tamper = flip_bit;
        pair.tamper_ctx = &f;
        proto_pair_run(&pair);
        more = f.done;
        bool both = pair.client.connected && dor__ok(pair.client.result) && pair.server.connected &&
                    dor__ok(pair.server.result);
        cr_assert(!f.done || !both || f.harmless, "bit %zu of the %s", bit, from ? "server" : "client");
        for (int role = 0; role < 2; role++) {
            dor_result r = proto_end_of(&pair, (dor_tls_role)role)->result;
            dor_error_class class = dor_error_get_class(r.code);
            cr_assert(dor__ok(r) || class == DOR_CLASS_ALERT_SENT || class == DOR_CLASS_ALERT_RECEIVED,
                      "bit %zu: %s", bit, trouble());
        }
    }
}

#endif
