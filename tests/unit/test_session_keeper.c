/* The server's memory of sessions: bounded, in order of use, swept; ticket keys that rotate; several threads at once. */
#include <criterion/criterion.h>

#include "base/alloc.h"
#include "ssl/session_keeper.h"

#include <pthread.h>
#include <string.h>

static const dor_session_store_ops *ops = &dor__session_keeper_ops;

static dor_session *make(unsigned number, int64_t created_ms)
{
    dor_session *s;
    cr_assert(dor__ok(dor__session_new(&s)));
    s->version = DOR_TLS_1_2;
    s->id_len = 32;
    memcpy(s->id, &number, sizeof(number));
    s->lifetime_s = 100;
    s->created_ms = created_ms;
    return s;
}

static void put(dor_session_keeper *k, unsigned number, int64_t created_ms)
{
    dor_session *s = make(number, created_ms);
    ops->store(k, s);
    dor__session_unref(s);
}

static bool has(dor_session_keeper *k, unsigned number)
{
    uint8_t id[32] = {0};
    memcpy(id, &number, sizeof(number));
    dor_session *s = ops->lookup(k, dor__span(id, sizeof(id)));
    bool found = s != NULL;
    dor__session_unref(s);
    return found;
}

Test(session_keeper, the_least_recently_used_goes_first)
{
    dor_session_keeper *k;
    cr_assert(dor__ok(dor__session_keeper_new(&k, 3)));
    put(k, 1, 0);
    put(k, 2, 0);
    put(k, 3, 0);
    cr_expect(has(k, 1));
    put(k, 4, 0);
    cr_expect(has(k, 1) && !has(k, 2) && has(k, 3) && has(k, 4));
    cr_expect_eq(dor__session_keeper_count(k), 3);
    put(k, 4, 5);
    cr_expect_eq(dor__session_keeper_count(k), 3, "the same id again takes the old one's place");
    uint8_t id[32] = {4};
    ops->remove(k, dor__span(id, sizeof(id)));
    ops->remove(k, dor__span(id, sizeof(id)));
    cr_expect_not(has(k, 4));
    cr_expect_eq(dor__session_keeper_count(k), 2);
    dor__session_keeper_unref(k);
}

Test(session_keeper, many_sessions_and_sweeping)
{
    enum { MANY = 5000 };
    dor_session_keeper *k;
    cr_assert(dor__ok(dor__session_keeper_new(&k, MANY)));
    for (unsigned i = 0; i < MANY; i++)
        put(k, i, 0);
    cr_expect_eq(dor__session_keeper_count(k), MANY);
    for (unsigned i = 0; i < MANY; i++)
        cr_assert(has(k, i));
    for (unsigned i = 0; i < MANY; i++) /* each new one after their time takes old ones along */
        put(k, MANY + i, 101 * 1000);
    cr_expect_eq(dor__session_keeper_count(k), MANY);
    cr_expect_not(has(k, 0));
    cr_expect(has(k, 2 * MANY - 1));
    dor__session_keeper_unref(k);
}

Test(session_keeper, without_memory_nothing_is_remembered)
{
    dor_session_keeper *k;
    cr_assert(dor__ok(dor__session_keeper_new(&k, 0)));
    dor_session *nameless = make(1, 0);
    nameless->id_len = 0;
    ops->store(k, nameless);
    cr_expect_eq(dor__session_keeper_count(k), 0);
    dor__session_unref(nameless);
    dor__session_keeper_unref(dor__session_keeper_ref(k));
    dor__session_keeper_unref(k);
    dor__session_keeper_unref(NULL);
}

static bool opens(dor_session_keeper *k, int64_t now_ms, const dor_bytes *ticket)
{
    dor_bytes plain = DOR_BYTES_EMPTY;
    bool opened = false;
    cr_assert(dor__ok(ops->ticket_open(k, now_ms, dor__bytes_span(ticket), &plain, &opened)));
    if (opened) cr_expect(dor__span_equal(dor__bytes_span(&plain), dor__span_str("state")));
    dor__bytes_free(&plain);
    return opened;
}

Test(session_keeper, ticket_keys_rotate_and_the_last_one_still_opens)
{
    const int64_t day = 24LL * 3600 * 1000;
    dor_session_keeper *k, *other;
    dor_rng *rng;
    dor_bytes first = DOR_BYTES_EMPTY, second = DOR_BYTES_EMPTY, third = DOR_BYTES_EMPTY;
    cr_assert(dor__ok(dor__rng_new_seeded(&rng, dor__span_str("tickets"))));
    cr_assert(dor__ok(dor__session_keeper_new(&k, 1)));
    cr_assert(dor__ok(dor__session_keeper_new(&other, 1)));

    cr_assert(dor__ok(ops->ticket_seal(k, 0, rng, dor__span_str("state"), &first)));
    cr_expect(opens(k, 1, &first));
    cr_expect(opens(k, day + 1, &first));
    cr_expect_not(opens(other, 1, &first));
    cr_assert(dor__ok(ops->ticket_seal(k, day, rng, dor__span_str("state"), &second)));
    cr_expect(memcmp(first.ptr, second.ptr, DOR_TICKET_NAME_LEN) != 0);
    cr_expect(opens(k, day + 1, &first) && opens(k, day + 1, &second));
    cr_expect_not(opens(k, 2 * day, &first), "a key is not used for longer than two periods");
    cr_assert(dor__ok(ops->ticket_seal(k, 2 * day, rng, dor__span_str("state"), &third)));
    cr_expect(opens(k, 2 * day, &second) && opens(k, 2 * day, &third));
    first.ptr[first.len - 1] ^= 1;
    cr_expect_not(opens(k, 1, &first));

    dor__bytes_free(&first);
    dor__bytes_free(&second);
    dor__bytes_free(&third);
    dor__session_keeper_unref(k);
    dor__session_keeper_unref(other);
    dor__rng_free(rng);
}

static void *hammer(void *arg)
{
    dor_session_keeper *k = arg;
    for (unsigned i = 0; i < 2000; i++) {
        put(k, i % 50, i);
        has(k, (i * 7) % 50);
        if (i % 11 == 0) {
            uint8_t id[32] = {(uint8_t)(i % 50)};
            ops->remove(k, dor__span(id, sizeof(id)));
        }
    }
    return NULL;
}

Test(session_keeper, threads)
{
    pthread_t threads[4];
    dor_session_keeper *k;
    cr_assert(dor__ok(dor__session_keeper_new(&k, 30)));
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, hammer, k), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cr_expect_leq(dor__session_keeper_count(k), 30);
    dor__session_keeper_unref(k);
}
