/* Messages that carry a buffer: it is not copied, and its one reference moves with the message. */
#include "runtime_support.h"

TestSuite(runtime_buffer_message, .init = count_memory, .timeout = 60);

enum { DATA = DOR_MSG_USER };

/* Passes what it gets on, until it has gone round often enough. */
typedef struct hop {
    dor_pid next;
    dor_pid tell;
    const void *expected;
    unsigned left;
} hop;

static void hop_receive(void *state, dor_message *message)
{
    hop *h = state;
    const dor_buffer *buffer = dor_message_buffer(message);
    cr_assert_not_null(buffer);
    cr_assert_eq(dor_buffer_data(buffer), h->expected, "the very same bytes");
    dor_send(h->left-- ? h->next : h->tell, message);
}

Test(runtime_buffer_message, moves_across_loops_without_a_copy)
{
    dor_runtime *runtime = runtime_of(2);
    dor_pid self;
    void *bytes;
    cr_assert_eq(dor_process_attach(runtime, &self), DOR_OK);
    dor_buffer *buffer = dor_buffer_alloc(100000, &bytes);
    memset(bytes, 7, 100000);
    hop a = {.tell = self, .expected = bytes, .left = 100}, b = a;
    a.next = spawn_on(runtime, DOR_ON(1), hop_receive, NULL, &b);
    b.next = spawn_on(runtime, DOR_ON(0), hop_receive, NULL, &a);
    long before = atomic_load(&live_blocks);
    dor_message *m = dor_message_new_buffer(DATA, buffer);
    cr_assert_eq(dor_send(b.next, m), DOR_OK);
    cr_assert_eq(dor_receive(&m, 30000), DOR_OK);
    dor_buffer *taken = dor_message_take_buffer(m);
    cr_assert_eq(taken, buffer);
    cr_assert_null(dor_message_take_buffer(m), "it is taken");
    cr_assert_null(dor_message_buffer(m));
    dor_message_free(m);
    cr_assert_eq(((const char *)dor_buffer_data(taken))[99999], 7, "and not released with the message");
    cr_assert_leq(atomic_load(&live_blocks), before + 1);
    dor_buffer_unref(taken); /* the only reference: stop_runtime finds out if there was another */
    stop_runtime(runtime);
}

Test(runtime_buffer_message, what_is_not_taken_goes_with_the_message)
{
    dor_buffer *buffer = dor_buffer_new("abc", 3);
    dor_buffer *mine = dor_buffer_ref(buffer);
    dor_message *m = dor_message_new_buffer(DATA, buffer);
    cr_assert_eq(dor_message_buffer(m), mine);
    dor_message_free(m);
    cr_assert_eq(memcmp(dor_buffer_data(mine), "abc", 3), 0);
    dor_buffer_unref(mine);
    cr_assert_eq(atomic_load(&live_blocks), 0);
    dor_send((dor_pid)1 << 61, dor_message_new_buffer(DATA, dor_buffer_new("abc", 3)));
    cr_assert_eq(atomic_load(&live_blocks), 0, "nor does one to nobody stay");
}

static void ignore_message(dor_message *message)
{
    (void)message;
}

Test(runtime_buffer_message, bad_use_and_the_lack_of_memory)
{
    cr_assert_null(dor_message_new_buffer(DATA, NULL));
    cr_assert_null(dor_message_new_buffer(DOR_MSG_DOWN, dor_buffer_new("abc", 3)));
    cr_assert_null(dor_message_new_buffer(DOR_MSG_USER_MAX + 1, dor_buffer_new("abc", 3)));
    dor_buffer *buffer = dor_buffer_new("abc", 3);
    atomic_store(&fail_after, 0);
    cr_assert_null(dor_message_new_buffer(DATA, buffer), "which takes the reference all the same");
    atomic_store(&fail_after, -1);
    dor_message *others[] = {dor_message_new(DATA, 8, NULL), dor_message_new(DATA, 8, ignore_message)};
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_null(dor_message_buffer(others[i]));
        cr_assert_null(dor_message_take_buffer(others[i]));
        dor_message_free(others[i]);
    }
    cr_assert_null(dor_message_buffer(NULL));
    cr_assert_null(dor_message_take_buffer(NULL));
    cr_assert_eq(atomic_load(&live_blocks), 0);
}
