/* Heirs: the state of one that ends goes to another, and is released exactly once. */
#include "runtime_support.h"

#include "runtime/private.h"

TestSuite(runtime_heir, .init = count_memory, .timeout = 60);

enum { NUMBER = DOR_MSG_USER, NAME_HEIR, QUIT, SLEEP };

typedef struct legacy {
    dor_pid heir;
    atomic_int released, reason;
    atomic_int result;
    atomic_ulong thread; /* which released it */
} legacy;

static void legacy_stop(void *state, int reason)
{
    legacy *l = state;
    atomic_store(&l->reason, reason);
    atomic_store(&l->thread, (unsigned long)uv_thread_self());
    atomic_fetch_add(&l->released, 1);
}

static void legacy_receive(void *state, dor_message *message)
{
    legacy *l = state;
    int result = DOR_OK;
    if (message->type == NAME_HEIR) result = dor_set_heir(l->heir);
    if (message->type == QUIT) result = dor_exit_self((int)number_in(message));
    dor_message_free(message);
    atomic_store(&l->result, result);
}

static dor_pid spawn_legacy(dor_runtime *runtime, int scheduler, legacy *l, dor_pid heir)
{
    dor_pid pid = spawn_on(runtime, scheduler, legacy_receive, legacy_stop, l);
    l->heir = heir;
    atomic_store(&l->result, 1);
    send_number(pid, NAME_HEIR, 0);
    WAIT_FOR(atomic_load(&l->result) != 1);
    cr_assert_eq(atomic_load(&l->result), DOR_OK);
    return pid;
}

static dor_message *receive_handover(void)
{
    dor_message *m = NULL;
    cr_assert_eq(dor_receive(&m, 30000), DOR_OK);
    cr_assert_eq(m->type, (uint32_t)DOR_MSG_HANDOVER);
    return m;
}

Test(runtime_heir, a_process_gets_the_state_and_keeps_it)
{
    dor_runtime *runtime = runtime_of(2);
    dor_pid self;
    cr_assert_eq(dor_process_attach(runtime, &self), DOR_OK);
    for (unsigned how = 0; how < 4; how++) {
        legacy l = {0};
        dor_pid pid = spawn_legacy(runtime, DOR_ON(how % 2), &l, self);
        int reason = 40 + (int)how;
        if (how == 0) send_number(pid, QUIT, (uint64_t)reason);
        if (how == 1) cr_assert_eq(dor_stop(pid, reason), DOR_OK);
        if (how == 2) cr_assert_eq(dor_exit(pid, reason), DOR_OK);
        if (how == 3) cr_assert_eq(dor_exit(pid, DOR_KILL), DOR_OK);
        dor_message *m = receive_handover();
        dor_handover *h = dor_message_payload(m);
        cr_assert_eq(h->pid, pid);
        cr_assert_eq(h->reason, how == 3 ? DOR_E_KILLED : reason);
        cr_assert_eq(h->state, &l);
        cr_assert_eq(h->release, legacy_stop);
        if (how % 2) {
            h->state = NULL; /* kept */
            dor_message_free(m);
            cr_assert_eq(atomic_load(&l.released), 0);
        } else {
            dor_message_free(m);
            cr_assert_eq(atomic_load(&l.released), 1, "what is not kept is released");
            cr_assert_eq(atomic_load(&l.reason), reason);
            cr_assert_eq(atomic_load(&l.thread), (unsigned long)uv_thread_self(), "where it was freed");
        }
    }
    stop_runtime(runtime);
}

typedef struct keeper {
    bool keep;
    void *kept;
    atomic_int got;
} keeper;

static void keeper_receive(void *state, dor_message *message)
{
    keeper *k = state;
    cr_assert_eq(message->type, (uint32_t)DOR_MSG_HANDOVER);
    dor_handover *h = dor_message_payload(message);
    if (k->keep) {
        k->kept = h->state;
        h->state = NULL;
    }
    dor_message_free(message);
    atomic_fetch_add(&k->got, 1);
}

/* Also with a mailbox that is full: a handover is the library's own, and always has room. */
Test(runtime_heir, an_actor_gets_it_on_its_own_scheduler_or_another)
{
    dor_runtime *runtime = runtime_of(2);
    for (unsigned i = 0; i < 8; i++) {
        legacy l = {0};
        keeper k = {.keep = i & 1};
        dor_pid heir;
        dor_actor_spec spec = {.receive = keeper_receive,
                               .state = &k,
                               .scheduler = DOR_ON(i >> 1 & 1),
                               .mailbox = {.messages = i >> 2}};
        cr_assert_eq(dor_spawn(runtime, &spec, &heir), DOR_OK);
        dor_pid pid = spawn_legacy(runtime, DOR_ON(0), &l, heir);
        send_number(pid, QUIT, 5);
        WAIT_FOR(atomic_load(&k.got) == 1);
        cr_assert_eq(atomic_load(&l.released), k.keep ? 0 : 1);
        if (k.keep) cr_assert_eq(k.kept, &l);
    }
    stop_runtime(runtime);
}

Test(runtime_heir, a_dead_heir_or_one_that_ends_releases_it_after_all)
{
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    legacy all[4] = {{0}};
    keeper k[4] = {{0}}; /* one may still be at its handover when the next is made */
    for (unsigned i = 0; i < 4; i++) {
        legacy *l = &all[i];
        dor_ref ref;
        dor_pid heir = spawn_on(runtime, DOR_ON(i % 2), keeper_receive, NULL, &k[i]);
        dor_pid pid = spawn_legacy(runtime, DOR_ON(0), l, heir);
        if (i < 2) { /* dead by then */
            cr_assert_eq(dor_monitor(heir, &ref), DOR_OK);
            dor_stop(heir, DOR_OK);
            receive_down();
            dor_stop(pid, 3);
        } else { /* or ending at the same time */
            dor_stop(pid, 3);
            dor_exit(heir, 1);
        }
        WAIT_FOR(atomic_load(&l->released) == 1);
        cr_assert_eq(atomic_load(&l->reason), 3);
    }
    stop_runtime(runtime);
}

Test(runtime_heir, an_heir_may_be_changed_or_taken_back)
{
    dor_runtime *runtime = runtime_of(1);
    keeper first = {.keep = true}, second = {.keep = true};
    legacy l = {0};
    dor_pid a = spawn_on(runtime, DOR_ON(0), keeper_receive, NULL, &first);
    dor_pid b = spawn_on(runtime, DOR_ON(0), keeper_receive, NULL, &second);
    dor_pid pid = spawn_legacy(runtime, DOR_ON(0), &l, a);
    l.heir = b;
    send_number(pid, NAME_HEIR, 0);
    send_number(pid, QUIT, 1);
    WAIT_FOR(atomic_load(&second.got) == 1);
    cr_assert_eq(atomic_load(&first.got), 0);

    pid = spawn_legacy(runtime, DOR_ON(0), &l, a);
    l.heir = DOR_PID_NONE;
    send_number(pid, NAME_HEIR, 0);
    send_number(pid, NAME_HEIR, 0); /* there is none any more */
    send_number(pid, QUIT, 1);
    WAIT_FOR(atomic_load(&l.released) == 1);
    cr_assert_eq(atomic_load(&first.got), 0);
    stop_runtime(runtime);
}

/* At the end of a runtime everybody ends, in whatever order: each state is released once, or kept by who could. */
Test(runtime_heir, the_end_of_the_runtime)
{
    enum { MANY = 40 };
    dor_runtime *runtime = runtime_of(2);
    static legacy l[MANY];
    dor_pid pids[MANY], before = DOR_PID_NONE;
    memset(l, 0, sizeof l);
    for (unsigned i = 0; i < MANY; i++) /* each one's heir is the one before it, the first one's is itself */
        before = pids[i] = spawn_legacy(runtime, DOR_ON(i % 2), &l[i], before ? before : (dor_pid)1 << 61);
    stop_runtime(runtime);
    for (unsigned i = 0; i < MANY; i++)
        cr_assert_eq(atomic_load(&l[i].released), 1, "%u: %d times", i, atomic_load(&l[i].released));
}

static atomic_int asleep;

static void *compact(void *state)
{
    atomic_store(&asleep, 1);
    return (char *)state + 1;
}

static void *restore(void *state)
{
    return (char *)state - 1;
}

static void sleepy_receive(void *state, dor_message *message)
{
    dor_pid heir = *(dor_pid *)state;
    dor_message_free(message);
    cr_assert_eq(dor_set_heir(heir), DOR_OK);
    cr_assert_eq(dor_hibernate(), DOR_OK);
}

Test(runtime_heir, one_that_sleeps_hands_over_what_hibernate_returned)
{
    dor_runtime *runtime = runtime_of(1);
    dor_pid self, pid;
    cr_assert_eq(dor_process_attach(runtime, &self), DOR_OK);
    dor_actor_spec spec = {.receive = sleepy_receive, .state = &self, .hibernate = compact, .wake = restore};
    cr_assert_eq(dor_spawn(runtime, &spec, &pid), DOR_OK);
    send_number(pid, SLEEP, 0);
    WAIT_FOR(atomic_load(&asleep));
    dor_stop(pid, 1);
    dor_message *m = receive_handover();
    dor_handover *h = dor_message_payload(m);
    cr_assert_eq(h->state, (char *)&self + 1);
    cr_assert_null(h->release);
    dor_message_free(m);
    stop_runtime(runtime);
}

Test(runtime_heir, bad_use_and_the_lack_of_memory)
{
    cr_assert_eq(dor_set_heir(DOR_PID_NONE), DOR_E_NO_PROCESS);
    for (long allowed = 0; allowed < 4; allowed++) {
        dor_runtime *runtime = runtime_of(1);
        dor_pid self;
        legacy l = {0};
        cr_assert_eq(dor_process_attach(runtime, &self), DOR_OK);
        cr_assert_eq(dor_set_heir(self), DOR_E_NO_PROCESS, "a process has no state to hand over");
        dor_pid pid = spawn_on(runtime, DOR_ON(0), legacy_receive, legacy_stop, &l);
        l.heir = self;
        atomic_store(&l.result, 1);
        dor_message *name = number_message(NAME_HEIR, 0), *quit = number_message(QUIT, 2);
        atomic_store(&fail_after, allowed);
        dor_send(pid, name);
        WAIT_FOR(atomic_load(&l.result) != 1);
        int result = atomic_load(&l.result);
        cr_assert(result == DOR_OK || result == DOR_E_NOMEM);
        cr_assert(allowed < 3 || result == DOR_OK);
        atomic_store(&fail_after, 0); /* what was promised can be told without any */
        dor_send(pid, quit);
        if (result == DOR_OK) dor_message_free(receive_handover());
        WAIT_FOR(atomic_load(&l.released) == 1);
        atomic_store(&fail_after, -1);
        stop_runtime(runtime);
    }
}
