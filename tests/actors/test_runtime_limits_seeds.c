/*
 * Actors with limits under many schedules: a gate is another way than the inbox, and yet nothing overtakes what it may not.
 * Each seed is a simulation of three schedulers; DORMOUSE_SEEDS says how many.
 */
#include "runtime_support.h"

#include <dormouse/simulate.h>

TestSuite(runtime_limits_seeds, .init = count_memory, .timeout = 110);

enum { NUMBER = DOR_MSG_USER, START, QUIT, QUESTION, ANSWER };

static unsigned seeds(void)
{
    const char *wanted = getenv("DORMOUSE_SEEDS");
    return wanted ? (unsigned)strtoul(wanted, NULL, 10) : scaled(1000);
}

static dor_runtime *simulation(uint64_t seed)
{
    dor_runtime *runtime = NULL;
    dor_simulation_options options = {.schedulers = 3, .seed = seed};
    cr_assert_eq(dor_simulation_new(&runtime, &options), DOR_OK);
    return runtime;
}

static void run_and_end(dor_runtime *runtime)
{
    int result = dor_simulation_run(runtime, 100000, NULL);
    cr_assert_eq(result, DOR_OK);
    cr_assert_eq(dor_runtime_stop(runtime, 1000), DOR_OK);
    cr_assert_eq(atomic_load(&live_blocks), 0);
}

static dor_pid spawn_limited(dor_runtime *runtime, int scheduler, dor_receive_fn receive, void *state,
                             dor_mailbox_limits limits, int traps)
{
    dor_pid pid;
    dor_actor_spec spec = {
        .receive = receive, .state = state, .scheduler = scheduler, .mailbox = limits, .trap_exit = traps};
    cr_assert_eq(dor_spawn(runtime, &spec, &pid), DOR_OK);
    return pid;
}

/* ---- signals and messages of one sender ---- */

typedef struct pair {
    dor_pid other;
    unsigned got; /* 1: the exit has come, 2: the message behind it */
    int down;
} pair;

static void told(void *state, dor_message *message)
{
    pair *p = state;
    if (message->type == DOR_MSG_EXIT) {
        cr_assert_eq(p->got, 0);
        p->got = 1;
    } else if (message->type == NUMBER) {
        cr_assert_eq(p->got, 1, "a message before the signal that was sent before it");
        p->got = 2;
    } else if (message->type == QUIT) {
        dor_exit_self((int)number_in(message));
    }
    dor_message_free(message);
}

static void teller(void *state, dor_message *message)
{
    pair *p = state;
    dor_ref ref;
    if (message->type == START) {
        dor_exit(p->other, 5);
        send_number(p->other, NUMBER, 0);
        dor_monitor(p->other, &ref);
        send_number(p->other, QUIT, 9);
    } else if (message->type == DOR_MSG_DOWN) {
        p->down = ((dor_down *)dor_message_payload(message))->reason;
    }
    dor_message_free(message);
}

Test(runtime_limits_seeds, a_message_never_overtakes_a_signal)
{
    for (uint64_t seed = 0, count = seeds(); seed < count; seed++) {
        dor_runtime *runtime = simulation(seed);
        pair receiver = {0}, sender = {0};
        dor_pid others[4];
        sender.other = spawn_limited(runtime, DOR_ON(seed % 3), told, &receiver,
                                     (dor_mailbox_limits){.messages = 10}, 1);
        dor_pid pid = spawn_on(runtime, DOR_ON(seed / 3 % 3), teller, NULL, &sender);
        for (unsigned i = 0; i < 4; i++) /* something else to do, for everybody */
            send_number(others[i] = spawn_on(runtime, DOR_ON(i % 3), told, NULL, &(pair){.got = 1}), QUIT, i);
        send_number(pid, START, 0);
        run_and_end(runtime);
        cr_assert_eq(receiver.got, 2, "seed %lu", (unsigned long)seed);
        cr_assert_eq(sender.down, 9, "seed %lu: the monitor was there before the end", (unsigned long)seed);
    }
}

/* ---- replies and messages of one sender ---- */

typedef struct asking {
    dor_pid server;
    unsigned got;
    bool replied;
} asking;

typedef struct question {
    dor_ref ref;
    dor_pid asker;
} question;

static void serve(void *state, dor_message *message)
{
    (void)state;
    question *q = dor_message_payload(message);
    dor_pid asker = q->asker;
    send_number(asker, NUMBER, 1);
    cr_assert_eq(dor_reply(q->ref, dor_message_new(ANSWER, sizeof(question), NULL)), DOR_OK);
    send_number(asker, NUMBER, 2);
    dor_message_free(message);
}

static void ask(void *state, dor_message *message)
{
    asking *a = state;
    dor_ref ref;
    if (message->type == START) {
        dor_message *request = dor_message_new(QUESTION, sizeof(question), NULL);
        ((question *)dor_message_payload(request))->asker = dor_self();
        cr_assert_eq(dor_request(a->server, request, DOR_INFINITY, &ref), DOR_OK);
    } else if (message->type == ANSWER) {
        cr_assert_eq(a->got, 1);
        a->replied = true;
    } else {
        cr_assert_eq(number_in(message), ++a->got);
        cr_assert(a->got == 1 || a->replied, "a message before the reply that was sent before it");
    }
    dor_message_free(message);
}

Test(runtime_limits_seeds, a_message_never_overtakes_a_reply)
{
    for (uint64_t seed = 0, count = seeds(); seed < count; seed++) {
        dor_runtime *runtime = simulation(seed);
        asking a = {0};
        a.server = spawn_on(runtime, DOR_ON(seed / 3 % 3), serve, NULL, NULL);
        dor_pid pid =
            spawn_limited(runtime, DOR_ON(seed % 3), ask, &a,
                          (dor_mailbox_limits){.messages = 10, .policy = DOR_MAILBOX_DROP_OLDEST}, 0);
        send_number(pid, START, 0);
        run_and_end(runtime);
        cr_assert_eq(a.got, 2);
        cr_assert(a.replied);
    }
}

/* ---- falling asleep and waking ---- */

typedef struct napper {
    dor_pid to;
    bool asleep;
    unsigned next, naps, tries;
} napper;

static void nap(void *state, dor_message *message)
{
    napper *n = state;
    cr_assert_not(n->asleep);
    cr_assert_eq(number_in(message), n->next++);
    dor_message_free(message);
    if (n->next % 3 == 0) cr_assert_eq(dor_hibernate(), DOR_OK);
}

static void *lie_down(void *state)
{
    napper *n = state;
    n->asleep = true;
    n->naps++;
    return n;
}

static void *get_up(void *state)
{
    napper *n = state;
    if (n->tries++ % 2) return NULL;
    n->asleep = false;
    return n;
}

static void feed(void *state, dor_message *message)
{
    napper *n = state;
    uint64_t number = number_in(message);
    dor_message_free(message);
    for (unsigned i = 0; i < 4; i++)
        cr_assert_eq(send_number(n->to, NUMBER, number * 4 + i), DOR_OK);
    if (number < 9) dor_send_after(dor_self(), number_message(NUMBER, number + 1), 7, NULL);
}

Test(runtime_limits_seeds, nothing_is_lost_or_reordered_by_sleep)
{
    for (uint64_t seed = 0, count = seeds(); seed < count; seed++) {
        dor_runtime *runtime = simulation(seed);
        napper n = {0};
        dor_actor_spec spec = {.receive = nap,
                               .state = &n,
                               .scheduler = DOR_ON(seed % 3),
                               .mailbox = {.messages = seed % 2 ? 100 : 0},
                               .hibernate = lie_down,
                               .wake = get_up,
                               .hibernate_after_ms = seed % 5 ? 0 : 3};
        cr_assert_eq(dor_spawn(runtime, &spec, &n.to), DOR_OK);
        send_number(spawn_on(runtime, DOR_ON(seed / 3 % 3), feed, NULL, &n), NUMBER, 0);
        run_and_end(runtime);
        cr_assert_eq(n.next, 40, "seed %lu", (unsigned long)seed);
        cr_assert_gt(n.naps, 0);
    }
}
