/* Processes: threads that attach, receive, select, time out, and end. */
#include "runtime_support.h"

TestSuite(runtime_process, .init = count_memory, .timeout = 60);

enum { NUMBER = DOR_MSG_USER, OTHER, WANTED };

static int type_is(const dor_message *message, void *arg)
{
    return message->type == *(uint32_t *)arg;
}

Test(runtime_process, receives_what_is_sent_to_it_in_order)
{
    dor_pid self, again;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_self(), DOR_PID_NONE);
    cr_assert_eq(dor_process_attach(runtime, &self), DOR_OK);
    cr_assert_eq(dor_process_attach(runtime, &again), DOR_OK);
    cr_assert_eq(self, again);
    cr_assert_eq(dor_self(), self);
    for (unsigned i = 0; i < 1000; i++)
        send_number(self, NUMBER, i);
    for (unsigned i = 0; i < 1000; i++)
        cr_assert_eq(receive_number(NUMBER), i);
    stop_runtime(runtime);
}

Test(runtime_process, needs_attaching)
{
    dor_message *m = NULL;
    cr_assert_eq(dor_receive(&m, 0), DOR_E_NO_PROCESS);
    cr_assert_eq(dor_process_detach(), DOR_E_NO_PROCESS);
    cr_assert_eq(dor_monitor(1, NULL), DOR_E_NO_PROCESS);
    cr_assert_eq(dor_receive(NULL, 0), DOR_E_BADARG);
    cr_assert_eq(dor_receive_match(&m, NULL, NULL, 0), DOR_E_BADARG);
}

Test(runtime_process, times_out_and_not_early)
{
    dor_pid self;
    dor_message *m = NULL;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, &self), DOR_OK);
    cr_assert_eq(dor_receive(&m, 0), DOR_E_TIMEOUT);
    uint64_t start = now_us();
    cr_assert_eq(dor_receive(&m, 30), DOR_E_TIMEOUT);
    cr_assert_geq(now_us() - start, 30000);
    stop_runtime(runtime);
}

Test(runtime_process, selects_and_leaves_the_others_in_order)
{
    dor_pid self;
    dor_message *m = NULL;
    uint32_t wanted = WANTED;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, &self), DOR_OK);
    for (unsigned i = 0; i < 10; i++) {
        send_number(self, NUMBER, i);
        if (i % 3 == 1) send_number(self, WANTED, i);
    }
    for (unsigned i = 1; i < 10; i += 3) {
        cr_assert_eq(dor_receive_match(&m, type_is, &wanted, 1000), DOR_OK);
        cr_assert_eq(number_in(m), i);
        dor_message_free(m);
    }
    cr_assert_eq(dor_receive_match(&m, type_is, &wanted, 5), DOR_E_TIMEOUT);
    for (unsigned i = 0; i < 10; i++)
        cr_assert_eq(receive_number(NUMBER), i);
    cr_assert_eq(dor_receive(&m, 0), DOR_E_TIMEOUT);
    stop_runtime(runtime);
}

static void answer(void *state, dor_message *message)
{
    dor_pid to;
    (void)state;
    memcpy(&to, dor_message_payload(message), sizeof to);
    dor_message_free(message);
    for (unsigned i = 0; i < 100; i++)
        send_number(to, OTHER, i);
    send_number(to, WANTED, 7);
    for (unsigned i = 100; i < 200; i++)
        send_number(to, OTHER, i);
}

Test(runtime_process, a_selective_receive_waits_through_other_traffic)
{
    dor_pid self;
    dor_message *m = NULL;
    uint32_t wanted = WANTED;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, &self), DOR_OK);
    for (unsigned round = 0; round < scaled(200); round++) {
        dor_pid pid = spawn_on(runtime, DOR_ON(0), answer, NULL, NULL);
        send_number(pid, NUMBER, self);
        cr_assert_eq(dor_receive_match(&m, type_is, &wanted, 10000), DOR_OK);
        cr_assert_eq(number_in(m), 7);
        dor_message_free(m);
        for (unsigned i = 0; i < 200; i++)
            cr_assert_eq(receive_number(OTHER), i);
        dor_stop(pid, DOR_OK);
    }
    stop_runtime(runtime);
}

/* ---- ends ---- */

typedef struct ended {
    dor_runtime *runtime;
    atomic_uint_fast64_t pid;
    bool detach;
} ended;

static void attach_and_end(void *arg)
{
    ended *e = arg;
    dor_pid self;
    cr_assert_eq(dor_process_attach(e->runtime, &self), DOR_OK);
    for (unsigned i = 0; i < 10; i++)
        send_number(self, NUMBER, i);
    dor_message_free(NULL);
    cr_assert_eq(receive_number(NUMBER), 0);
    atomic_store(&e->pid, self);
    if (!e->detach) return; /* nine messages, some kept, some not looked at */
    cr_assert_eq(dor_process_detach(), DOR_OK);
    cr_assert_eq(dor_self(), DOR_PID_NONE);
    cr_assert_eq(dor_process_detach(), DOR_E_NO_PROCESS);
    cr_assert_eq(dor_process_attach(e->runtime, NULL), DOR_OK);
    cr_assert_neq(dor_self(), self);
}

Test(runtime_process, ends_with_its_thread)
{
    dor_pid self;
    dor_ref ref;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, &self), DOR_OK);
    for (unsigned i = 0; i < 40; i++) {
        uv_thread_t thread;
        ended e = {.runtime = runtime, .detach = i % 2};
        cr_assert_eq(uv_thread_create(&thread, attach_and_end, &e), 0);
        uv_thread_join(&thread);
        dor_pid pid = atomic_load(&e.pid);
        cr_assert_eq(send_number(pid, NUMBER, 0), DOR_E_NOPROC);
        cr_assert_eq(dor_monitor(pid, &ref), DOR_OK);
        dor_down down = receive_down();
        cr_assert_eq(down.pid, pid);
        cr_assert_eq(down.ref, ref);
        cr_assert_eq(down.reason, DOR_E_NOPROC);
    }
    stop_runtime(runtime);
}

static void receive_for_ever(void *arg)
{
    dor_message *m = NULL;
    ended *e = arg;
    cr_assert_eq(dor_process_attach(e->runtime, NULL), DOR_OK);
    atomic_store(&e->pid, dor_self());
    int result = dor_receive(&m, e->detach ? 60000 : DOR_INFINITY);
    cr_assert_eq(result, DOR_E_STOPPED);
    cr_assert_eq(dor_receive(&m, DOR_INFINITY), DOR_E_STOPPED);
}

Test(runtime_process, the_end_of_the_runtime_wakes_who_waits)
{
    enum { COUNT = 6 };
    uv_thread_t thread[COUNT];
    ended e[COUNT];
    dor_message *m = NULL;
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    dor_pid self = dor_self();
    send_number(self, NUMBER, 1);
    for (unsigned i = 0; i < COUNT; i++) {
        e[i] = (ended){.runtime = runtime, .detach = i % 2};
        cr_assert_eq(uv_thread_create(&thread[i], receive_for_ever, &e[i]), 0);
    }
    for (unsigned i = 0; i < COUNT; i++)
        WAIT_FOR(atomic_load(&e[i].pid) != 0);
    uv_sleep(5);
    uint64_t start = now_ms();
    stop_runtime(runtime);
    cr_assert_lt(now_ms() - start, 4000);
    for (unsigned i = 0; i < COUNT; i++)
        uv_thread_join(&thread[i]);
    cr_assert_eq(dor_receive(&m, DOR_INFINITY), DOR_E_STOPPED);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_E_STOPPED);
    cr_assert_eq(send_number(self, NUMBER, 1), DOR_E_NOPROC);

    runtime = runtime_of(1); /* and the thread may go on in another one */
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    cr_assert_neq(dor_self(), self);
    send_number(dor_self(), NUMBER, 5);
    cr_assert_eq(receive_number(NUMBER), 5);
    dor_runtime *other = runtime_of(1);
    cr_assert_eq(dor_process_attach(other, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_runtime_stop(other, 1000), DOR_OK);
    stop_runtime(runtime);
}

/* ---- on a scheduler thread ---- */

typedef struct blocked {
    dor_runtime *runtime;
    dor_pid tell;
} blocked;

static void try_to_block(void *state, dor_message *message)
{
    blocked *b = state;
    dor_message *m = NULL;
    dor_message_free(message);
    bool right = dor_receive(&m, DOR_INFINITY) == DOR_E_WOULD_DEADLOCK &&
                 dor_receive_match(&m, type_is, NULL, 0) == DOR_E_WOULD_DEADLOCK &&
                 dor_process_attach(b->runtime, NULL) == DOR_E_WOULD_DEADLOCK &&
                 dor_process_detach() == DOR_E_WOULD_DEADLOCK &&
                 dor_runtime_stop(b->runtime, 0) == DOR_E_WOULD_DEADLOCK;
    send_number(b->tell, NUMBER, right);
}

Test(runtime_process, blocking_calls_of_an_actor_fail_at_once)
{
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    blocked b = {.runtime = runtime, .tell = dor_self()};
    send_number(spawn_on(runtime, DOR_ON(0), try_to_block, NULL, &b), NUMBER, 0);
    cr_assert_eq(receive_number(NUMBER), 1);
    stop_runtime(runtime);
}

/* ---- many processes at once ---- */

enum { RING = 6 };
static atomic_uint_fast64_t ring[RING];
static atomic_uint ready;

static void pass_round(void *arg)
{
    unsigned index = (unsigned)(uintptr_t)arg, laps = scaled(500);
    cr_assert_eq(dor_process_attach(NULL, NULL), DOR_OK);
    atomic_store(&ring[index], dor_self());
    atomic_fetch_add(&ready, 1);
    while (atomic_load(&ready) < RING)
        uv_sleep(1);
    for (unsigned lap = 0; lap < laps; lap++) {
        if (index > 0 || lap > 0) cr_assert_eq(receive_number(NUMBER), index > 0 ? lap : lap - 1);
        send_number(atomic_load(&ring[(index + 1) % RING]), NUMBER, lap);
    }
    if (index == 0) cr_assert_eq(receive_number(NUMBER), laps - 1);
}

Test(runtime_process, a_ring_of_processes)
{
    uv_thread_t thread[RING];
    for (uintptr_t i = 0; i < RING; i++)
        uv_thread_create(&thread[i], pass_round, (void *)i);
    for (unsigned i = 0; i < RING; i++)
        uv_thread_join(&thread[i]);
    stop_runtime(dor_runtime_default());
}
