/* The server's memory of sessions: bounded, in order of use, swept; ticket keys that rotate; several threads at once. */
#include <criterion/criterion.h>

#include "base/alloc.h"
#include "ssl/session_keeper.h"

#include <pthread.h>
#include <string.h>

static const dor_tls_store_ops *ops = &dor__session_keeper_ops;

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

static dor_session_keeper *keeper_of(size_t max_sessions)
{
    dor_session_keeper *k;
    dor_session_keeper_spec spec = dor__session_keeper_defaults;
    spec.max_sessions = max_sessions;
    cr_assert(dor__ok(dor__session_keeper_new(&k, &spec)));
    return k;
}

static dor_session_statistics figures(dor_session_keeper *k)
{
    dor_session_statistics s;
    dor__session_keeper_statistics(k, &s);
    return s;
}

static size_t count_of(dor_session_keeper *k)
{
    return (size_t)figures(k).sessions;
}

static bool has_at(dor_session_keeper *k, unsigned number, int64_t now_ms)
{
    uint8_t id[32] = {0};
    memcpy(id, &number, sizeof(number));
    dor_session *s = ops->lookup(k, now_ms, dor__span(id, sizeof(id)));
    bool found = s != NULL;
    dor__session_unref(s);
    return found;
}

static bool has(dor_session_keeper *k, unsigned number)
{
    return has_at(k, number, 50);
}

Test(session_keeper, the_least_recently_used_goes_first)
{
    dor_session_keeper *k = keeper_of(3);
    put(k, 1, 0);
    put(k, 2, 0);
    put(k, 3, 0);
    cr_expect(has(k, 1));
    put(k, 4, 0);
    cr_expect(has(k, 1) && !has(k, 2) && has(k, 3) && has(k, 4));
    cr_expect_eq(count_of(k), 3);
    put(k, 4, 5);
    cr_expect_eq(count_of(k), 3, "the same id again takes the old one's place");
    uint8_t id[32] = {4};
    ops->remove(k, dor__span(id, sizeof(id)));
    ops->remove(k, dor__span(id, sizeof(id)));
    cr_expect_not(has(k, 4));
    cr_expect_eq(count_of(k), 2);
    dor__session_keeper_unref(k);
}

/* Growth of the session manager without end: otp#6690, otp#6549. */
Test(session_keeper, bounded_in_bytes)
{
    dor_session_keeper *k;
    dor_session_keeper_spec spec = dor__session_keeper_defaults;
    spec.max_bytes = 16384;
    cr_assert(dor__ok(dor__session_keeper_new(&k, &spec)));
    for (unsigned i = 0; i < 10000; i++) {
        put(k, i, 0);
        cr_assert_leq(figures(k).bytes, spec.max_bytes);
    }
    dor_session_statistics s = figures(k);
    cr_expect_gt(s.sessions, 10);
    cr_expect_eq(s.stored, 10000);
    cr_expect_eq(s.evicted, 10000 - s.sessions);
    cr_expect(has(k, 9999) && !has(k, 0));

    dor_session *large = make(77, 0);
    uint8_t name[300] = {0};
    for (int i = 0; i < 100; i++)
        cr_assert(dor__ok(dor__bytes_append(&large->ticket, dor__span(name, sizeof(name)))));
    ops->store(k, large);
    dor__session_unref(large);
    cr_expect_not(has(k, 77), "what is larger than everything together is not kept");
    cr_expect(has(k, 9999), "and drives nobody out");
    dor__session_keeper_unref(k);
}

Test(session_keeper, a_session_past_its_time_is_not_found)
{
    dor_session_keeper *k = keeper_of(10);
    put(k, 1, 0);
    cr_expect(has_at(k, 1, 99999));
    cr_expect_not(has_at(k, 1, 100000));
    dor_session_statistics s = figures(k);
    cr_expect_eq(s.sessions, 0);
    cr_expect_eq(s.bytes, 0);
    cr_expect_eq(s.expired, 1);
    cr_expect_eq(s.hits, 1);
    cr_expect_eq(s.misses, 1);
    dor__session_keeper_unref(k);
}

/* What the sweep's owner holds is a share of its own: it ends when there is nothing to sweep. */
Test(session_keeper, a_sweep_goes_in_steps)
{
    enum { MANY = 3000 };
    dor_session_keeper *k = keeper_of(MANY);
    dor_sweep_state state;
    unsigned steps = 0;
    for (unsigned i = 0; i < MANY; i++)
        put(k, i, i < MANY / 2 ? 0 : 60 * 1000);
    dor__session_keeper_hold(k);
    while ((state = dor__session_keeper_sweep(k, 100 * 1000)) == DOR_SWEEP_MORE)
        steps++;
    cr_expect_geq(steps, 4, "a round has many steps");
    cr_expect_eq(state, DOR_SWEEP_ROUND);
    cr_expect_eq(count_of(k), MANY / 2);
    cr_expect_eq(figures(k).expired, MANY / 2);
    while ((state = dor__session_keeper_sweep(k, 200 * 1000)) == DOR_SWEEP_MORE)
        continue;
    cr_expect_eq(state, DOR_SWEEP_NOTHING);
    cr_expect_eq(count_of(k), 0);
    dor__session_keeper_unref(k);
}

Test(session_keeper, one_that_is_used_no_more_is_empty_for_its_sweep)
{
    dor_session_keeper *k = keeper_of(5);
    put(k, 1, 0);
    dor__session_keeper_hold(k);
    dor__session_keeper_unref(k);
    cr_expect_eq(dor__session_keeper_sweep(k, 0), DOR_SWEEP_NOTHING);

    k = keeper_of(5);
    dor__session_keeper_hold(k);
    dor__session_keeper_unref(k);
    dor__session_keeper_unsweep(k);
}

Test(session_keeper, many_sessions_and_sweeping)
{
    enum { MANY = 5000 };
    dor_session_keeper *k = keeper_of(MANY);
    for (unsigned i = 0; i < MANY; i++)
        put(k, i, 0);
    cr_expect_eq(count_of(k), MANY);
    for (unsigned i = 0; i < MANY; i++)
        cr_assert(has(k, i));
    for (unsigned i = 0; i < MANY; i++) /* each new one after their time takes old ones along */
        put(k, MANY + i, 101 * 1000);
    cr_expect_eq(count_of(k), MANY);
    cr_expect_not(has(k, 0));
    cr_expect(has_at(k, 2 * MANY - 1, 101 * 1000));
    dor__session_keeper_unref(k);
}

Test(session_keeper, without_memory_nothing_is_remembered)
{
    dor_session_keeper *k = keeper_of(0);
    dor_session *nameless = make(1, 0);
    nameless->id_len = 0;
    ops->store(k, nameless);
    cr_expect_eq(count_of(k), 0);
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
    dor_session_keeper *k = keeper_of(1), *other = keeper_of(1);
    dor_rng *rng;
    dor_bytes first = DOR_BYTES_EMPTY, second = DOR_BYTES_EMPTY, third = DOR_BYTES_EMPTY;
    cr_assert(dor__ok(dor__rng_new_seeded(&rng, dor__span_str("tickets"))));

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

Test(session_keeper, given_keys_are_shared_and_replaced)
{
    const int64_t year = 365LL * 24 * 3600 * 1000;
    uint8_t keys[3 * DOR_TICKET_KEY_BYTES];
    dor_session_keeper *a = keeper_of(1), *b = keeper_of(1);
    dor_rng *rng;
    dor_bytes first = DOR_BYTES_EMPTY, second = DOR_BYTES_EMPTY;
    cr_assert(dor__ok(dor__rng_new_seeded(&rng, dor__span_str("given"))));
    cr_assert(dor__ok(dor__rng_fill(rng, keys, sizeof(keys))));
    dor__session_keeper_set_ticket_keys(a, dor__span(keys, 2 * DOR_TICKET_KEY_BYTES));
    dor__session_keeper_set_ticket_keys(b, dor__span(keys + DOR_TICKET_KEY_BYTES, 2 * DOR_TICKET_KEY_BYTES));
    cr_assert(dor__ok(ops->ticket_seal(a, 0, rng, dor__span_str("state"), &first)));
    cr_assert(dor__ok(ops->ticket_seal(b, year, rng, dor__span_str("state"), &second)));
    cr_expect_eq(memcmp(first.ptr, keys, DOR_TICKET_NAME_LEN), 0, "the first key seals");
    cr_expect(opens(a, year, &second) && opens(a, year, &first), "given keys do not age");
    cr_expect_not(opens(b, 0, &first));
    dor__session_keeper_set_ticket_keys(a, dor__span(keys + 2 * DOR_TICKET_KEY_BYTES, DOR_TICKET_KEY_BYTES));
    cr_expect_not(opens(a, 0, &second));
    dor_session_statistics s = figures(a);
    cr_expect_eq(s.tickets_sealed, 1);
    cr_expect_eq(s.tickets_opened, 2);
    cr_expect_eq(s.tickets_refused, 1);
    dor__bytes_free(&first);
    dor__bytes_free(&second);
    dor__session_keeper_unref(a);
    dor__session_keeper_unref(b);
    dor__rng_free(rng);
}

Test(session_keeper, keys_that_open_no_more_are_swept)
{
    const int64_t day = 24LL * 3600 * 1000;
    dor_session_keeper *k = keeper_of(1);
    dor_rng *rng;
    dor_bytes ticket = DOR_BYTES_EMPTY;
    cr_assert(dor__ok(dor__rng_new_seeded(&rng, dor__span_str("swept"))));
    cr_assert(dor__ok(ops->ticket_seal(k, 0, rng, dor__span_str("state"), &ticket)));
    dor__session_keeper_hold(k);
    cr_expect_eq(dor__session_keeper_sweep(k, day), DOR_SWEEP_ROUND);
    cr_expect_eq(dor__session_keeper_sweep(k, 2 * day), DOR_SWEEP_NOTHING);
    cr_expect_not(opens(k, day, &ticket), "it has gone");
    dor__bytes_free(&ticket);
    dor__rng_free(rng);
    dor__session_keeper_unref(k);
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
    dor_session_keeper *k = keeper_of(30);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, hammer, k), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cr_expect_leq(count_of(k), 30);
    dor__session_keeper_unref(k);
}
