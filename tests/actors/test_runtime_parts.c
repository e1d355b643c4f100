/* The parts by themselves: slabs, the inbox, the pools, names, buffers. */
#include "runtime_support.h"

#include "runtime/private.h"

TestSuite(runtime_parts, .init = count_memory, .timeout = 60);

/* ---- names ---- */

Test(runtime_parts, a_name_holds_what_was_put_into_it)
{
    for (unsigned kind = 0; kind < 8; kind++) {
        uint64_t name = dor__name(dor__name_home(kind, 63, 62), DOR_SLOTS_MAX - 1, DOR_GENERATION_MAX - 5);
        cr_assert_eq(dor__kind_of(name), kind);
        cr_assert_eq(dor__runtime_index_of(name), 63);
        cr_assert_eq(dor__scheduler_index_of(name), 62);
        cr_assert_eq(dor__slot_of(name), DOR_SLOTS_MAX - 1);
        cr_assert_eq(dor__generation_of(name), DOR_GENERATION_MAX - 5);
    }
}

/* ---- slabs ---- */

typedef struct thing {
    dor_slab_item item;
    uint64_t value;
} thing;

Test(runtime_parts, slab_finds_the_living_and_only_them)
{
    enum { COUNT = 70000 }; /* more than 256 arrays of 256 */
    static uint64_t names[COUNT];
    static dor_slab slab;
    void *item;
    uint32_t slot;
    unsigned count = SLOW_BUILD ? 66000 : COUNT;
    cr_assert(dor__ok(dor__slab_init(&slab, sizeof(thing), 7)));
    cr_assert_null(dor__slab_at(&slab, 0));
    cr_assert_null(dor__slab_find(&slab, dor__name(1, 0, 7)));
    for (unsigned i = 0; i < count; i++) {
        cr_assert(dor__ok(dor__slab_take(&slab, &item, &slot)));
        ((thing *)item)->value = i;
        names[i] = dor__name(1, slot, dor__slab_generation(item));
        cr_assert_null(dor__slab_find(&slab, names[i]), "not published yet");
        dor__slab_publish(item);
    }
    cr_assert_eq(dor__slab_live(&slab), count);
    for (unsigned i = 0; i < count; i += 3) {
        item = dor__slab_find(&slab, names[i]);
        cr_assert_eq(((thing *)item)->value, i);
        dor__slab_kill(item);
        dor__slab_give(&slab, item, dor__slot_of(names[i]));
    }
    for (unsigned i = 0; i < count; i++)
        cr_assert_eq(dor__slab_find(&slab, names[i]) == NULL, i % 3 == 0);
    for (unsigned i = 0; i < count; i += 3) {
        cr_assert(dor__ok(dor__slab_take(&slab, &item, &slot)));
        cr_assert_eq(dor__slab_generation(item), 8, "the former one's place");
        dor__slab_publish(item);
    }
    cr_assert_eq(dor__slab_used(&slab), count);
    cr_assert_eq(dor__slab_next_generation(&slab), 9);
    dor__slab_close(&slab);
    cr_assert_eq(dor__slab_take(&slab, &item, &slot).code, DOR_E_STOPPED);
    dor__slab_fini(&slab);
    cr_assert_eq(atomic_load(&live_blocks), 0);
}

Test(runtime_parts, slab_retires_a_slot_whose_generations_are_used_up)
{
    static dor_slab slab;
    void *item;
    uint32_t slot, first;
    cr_assert(dor__ok(dor__slab_init(&slab, sizeof(thing), DOR_GENERATION_MAX - 1)));
    cr_assert(dor__ok(dor__slab_take(&slab, &item, &first)));
    dor__slab_kill(item);
    dor__slab_give(&slab, item, first);
    cr_assert(dor__ok(dor__slab_take(&slab, &item, &slot)));
    cr_assert_eq(slot, first);
    cr_assert_eq(dor__slab_generation(item), DOR_GENERATION_MAX);
    dor__slab_publish(item);
    cr_assert_eq(dor__slab_find(&slab, dor__name(1, slot, DOR_GENERATION_MAX)), item);
    dor__slab_kill(item);
    dor__slab_give(&slab, item, slot);
    cr_assert_null(dor__slab_find(&slab, dor__name(1, slot, 0)));
    cr_assert(dor__ok(dor__slab_take(&slab, &item, &slot)));
    cr_assert_neq(slot, first);
    dor__slab_fini(&slab);
}

Test(runtime_parts, slab_without_memory)
{
    static dor_slab slab;
    void *item;
    uint32_t slot;
    cr_assert(dor__ok(dor__slab_init(&slab, sizeof(thing), 0)));
    for (long allowed = 0; allowed < 2; allowed++) {
        atomic_store(&fail_after, allowed);
        cr_assert_eq(dor__slab_take(&slab, &item, &slot).code, DOR_E_NOMEM);
        cr_assert_null(item);
    }
    atomic_store(&fail_after, -1);
    cr_assert(dor__ok(dor__slab_take(&slab, &item, &slot)));
    dor__slab_fini(&slab);
}

/* ---- the inbox ---- */

enum { PRODUCERS = 4 };

typedef struct producer {
    dor_inbox *inbox;
    dor_message *messages;
    unsigned index;
    unsigned count;
    atomic_uint *wakes;
} producer;

static void produce(void *arg)
{
    producer *p = arg;
    for (unsigned i = 0; i < p->count; i++) {
        p->messages[i].to_ = (uint64_t)p->index << 32 | i;
        if (dor__inbox_push(p->inbox, &p->messages[i])) atomic_fetch_add(p->wakes, 1);
    }
}

Test(runtime_parts, inbox_keeps_each_producers_order_and_wakes_once_per_sleep)
{
    static dor_inbox inbox;
    static producer producers[PRODUCERS];
    uv_thread_t thread[PRODUCERS];
    uint32_t next[PRODUCERS] = {0};
    atomic_uint wakes = 0;
    unsigned each = scaled(100000), received = 0, sleeps = 1;
    dor__inbox_init(&inbox);
    cr_assert_null(dor__inbox_pop(&inbox));
    cr_assert(dor__inbox_sleep(&inbox));
    for (unsigned i = 0; i < PRODUCERS; i++) {
        producers[i] = (producer){&inbox, malloc(each * sizeof(dor_message)), i, each, &wakes};
        uv_thread_create(&thread[i], produce, &producers[i]);
    }
    while (received < each * PRODUCERS) {
        /* Asleep: nothing is looked at before a producer says so. */
        uint64_t end = now_ms() + 20000;
        while (atomic_load(&wakes) < sleeps) {
            cr_assert_lt(now_ms(), end, "lost wake-up");
            sched_yield();
        }
        cr_assert_eq(atomic_load(&wakes), sleeps, "woken twice");
        do {
            dor_message *m = dor__inbox_pop(&inbox);
            if (!m) continue;
            unsigned from = (unsigned)(m->to_ >> 32);
            cr_assert_eq((uint32_t)m->to_, next[from]++);
            memset(m, 0xee, sizeof *m); /* it is ours now */
            received++;
        } while (!dor__inbox_sleep(&inbox));
        sleeps++;
    }
    for (unsigned i = 0; i < PRODUCERS; i++) {
        uv_thread_join(&thread[i]);
        free(producers[i].messages);
    }
    cr_assert_eq(atomic_load(&wakes), sleeps - 1);
}

Test(runtime_parts, inbox_one_by_one)
{
    static dor_inbox inbox;
    dor_message m[3];
    dor__inbox_init(&inbox);
    for (unsigned round = 0; round < 5; round++) {
        cr_assert(dor__inbox_sleep(&inbox));
        for (unsigned i = 0; i < 1 + round % 3; i++)
            cr_assert_eq(dor__inbox_push(&inbox, &m[i]), i == 0);
        cr_assert_not(dor__inbox_sleep(&inbox));
        for (unsigned i = 0; i < 1 + round % 3; i++)
            cr_assert_eq(dor__inbox_pop(&inbox), &m[i]);
        cr_assert_null(dor__inbox_pop(&inbox));
        if (round == 3) { /* not asleep, so not to be woken */
            cr_assert_not(dor__inbox_push(&inbox, &m[0]));
            cr_assert_eq(dor__inbox_pop(&inbox), &m[0]);
        }
    }
}

/* ---- pools ---- */

Test(runtime_parts, pool_classes_hold_what_they_should)
{
    for (size_t size = 1; size < 2000; size++) {
        unsigned class_ = dor__pool_class(size);
        if (size > DOR_POOL_LARGEST) {
            cr_assert_eq(class_, DOR_POOL_CLASSES);
            continue;
        }
        cr_assert_lt(class_, DOR_POOL_CLASSES);
        cr_assert_geq(dor__pool_class_size(class_), size);
        cr_assert(class_ == 0 || dor__pool_class_size(class_ - 1) < size);
    }
}

Test(runtime_parts, pool_moves_batches_through_the_depot_and_is_bounded)
{
    enum { COUNT = 20000 };
    static void *blocks[COUNT];
    dor_depot depot;
    dor_pool here, there;
    cr_assert_eq(dor__depot_init(&depot), 0);
    dor__pool_init(&here, &depot);
    dor__pool_init(&there, &depot);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 1000; i++)
            blocks[i] = dor__pool_get(&here, 0);
        for (unsigned i = 0; i < 1000; i++)
            dor__pool_put(&there, 0, blocks[i]);
        if (round == 0) atomic_store(&allocations, 0);
    }
    /* What stays behind in `there` is two batches; the rest came back through the depot. */
    cr_assert_leq(atomic_load(&allocations), 4 * DOR_POOL_BATCH);
    for (unsigned i = 0; i < COUNT; i++)
        blocks[i] = dor__pool_get(&here, 3);
    for (unsigned i = 0; i < COUNT; i++)
        dor__pool_put(&here, 3, blocks[i]);
    cr_assert_leq(atomic_load(&live_blocks), 1200 + DOR_DEPOT_LEN / 512 + 2 * DOR_POOL_BATCH);
    dor__pool_fini(&here);
    dor__pool_fini(&there);
    dor__depot_fini(&depot);
    cr_assert_eq(atomic_load(&live_blocks), 0);
}

/* ---- messages and buffers ---- */

Test(runtime_parts, messages_of_all_sizes_are_zeroed)
{
    for (size_t size = 0; size < 3000; size += 7) {
        dor_message *m = dor_message_new(DOR_MSG_USER + 1, size, NULL);
        cr_assert_not_null(m);
        cr_assert_eq(m->type, DOR_MSG_USER + 1);
        cr_assert_eq(m->size, size);
        const unsigned char *bytes = dor_message_payload(m);
        for (size_t i = 0; i < size; i++)
            cr_assert_eq(bytes[i], 0);
        memset(dor_message_payload(m), 0xff, size);
        dor_message_free(m);
    }
    cr_assert_null(dor_message_new(1, (size_t)UINT32_MAX, NULL));
    cr_assert_eq(atomic_load(&live_blocks), 0);
}

static void drop_references(void *arg)
{
    for (unsigned i = 0; i < 10000; i++)
        dor_buffer_unref(dor_buffer_ref(arg));
    dor_buffer_unref(arg);
}

Test(runtime_parts, buffers_are_counted)
{
    uv_thread_t thread[3];
    void *bytes;
    dor_buffer *b = dor_buffer_new("hello", 5), *empty = dor_buffer_new(NULL, 0),
               *filled = dor_buffer_alloc(3, &bytes);
    memcpy(bytes, "abc", 3);
    cr_assert_eq(dor_buffer_len(b), 5);
    cr_assert_eq(memcmp(dor_buffer_data(b), "hello", 5), 0);
    cr_assert_eq(dor_buffer_len(empty), 0);
    cr_assert_eq(memcmp(dor_buffer_data(filled), "abc", 3), 0);
    cr_assert_null(dor_buffer_new(NULL, 1));
    cr_assert_null(dor_buffer_alloc(SIZE_MAX, &bytes));
    cr_assert_null(dor_buffer_alloc(1, NULL));
    cr_assert_null(dor_buffer_ref(NULL));
    cr_assert_eq(dor_buffer_len(NULL), 0);
    cr_assert_null(dor_buffer_data(NULL));
    dor_buffer_unref(NULL);
    for (unsigned i = 0; i < 3; i++)
        uv_thread_create(&thread[i], drop_references, dor_buffer_ref(b));
    dor_buffer_unref(b);
    dor_buffer_unref(empty);
    dor_buffer_unref(filled);
    for (unsigned i = 0; i < 3; i++)
        uv_thread_join(&thread[i]);
    cr_assert_eq(atomic_load(&live_blocks), 0);
}
