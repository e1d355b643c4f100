/*
 * Requests under load: actors and threads ask servers that reply at once, late, twice, through others or not at all, and
 * that end; with timeouts of about the same length as the delays, and cancels. Every request must have one outcome.
 *
 * The choices follow from seeds; what the threads make of them does not.
 */
#include "runtime_support.h"

#include <dormouse/simulate.h>

TestSuite(runtime_request_stress, .init = count_memory, .timeout = 120);

enum { ASK = DOR_MSG_USER, ANSWER, GO, LATE, DONE, DEED };
enum { SERVERS = 8, WINDOW = 16, ACTORS = 6, THREADS = 2 };

/* What a server is to do with a request. */
typedef enum deed {
    REPLY = 0,
    REPLY_TWICE,
    REPLY_LATER,
    REPLY_AND_END,
    REPLY_BY_HELPER, /* somebody else replies: a process, or in a simulation another actor */
    END_UNANSWERED,
    END_LATER, /* the reply, and the end, are on their way to it */
    ANSWERED_OR_ENDED = END_LATER,
    /* Those after it need a timeout. */
    FORWARD,
    KEEP_SILENT,
    DEEDS
} deed;

typedef struct question {
    dor_ref ref;
    uint64_t number;
    uint32_t deed;
    uint32_t delay_ms;
} question;

static dor_message *question_message(uint32_t type, const question *q)
{
    dor_message *m = dor_message_new(type, sizeof *q, NULL);
    cr_assert_not_null(m);
    memcpy(dor_message_payload(m), q, sizeof *q);
    return m;
}

static struct {
    dor_runtime *runtime;
    _Atomic dor_pid servers[SERVERS];
    dor_pid main;
    dor_pid helper;
    atomic_bool over;
    atomic_uint done; /* askers that have ended */
    atomic_uint faults;
    atomic_uint outcomes[4]; /* replies, timeouts, ends, cancels */
} field;

static uint64_t draw(uint64_t *rng)
{
    *rng ^= *rng << 13;
    *rng ^= *rng >> 7;
    *rng ^= *rng << 17;
    return *rng;
}

/* ---- servers ---- */

static void reply(const question *q)
{
    (void)dor_reply(q->ref, question_message(ANSWER, q));
}

static void serve(void *state, dor_message *m)
{
    question *q = dor_message_payload(m);
    (void)state;
    if (m->type == LATE) {
        reply(q);
        dor_message_free(m);
        return;
    }
    switch ((deed)q->deed) {
    case REPLY_TWICE: reply(q); /* fall through */
    case REPLY: reply(q); break;
    case REPLY_LATER: (void)dor_send_after(dor_self(), question_message(LATE, q), q->delay_ms, NULL); break;
    case REPLY_AND_END:
        reply(q);
        dor_exit_self(DOR_OK);
        break;
    case REPLY_BY_HELPER: dor_send(field.helper, question_message(DEED, q)); break;
    case END_UNANSWERED: dor_exit_self(DOR_E_CLOSED); break;
    case END_LATER:
        dor_stop(dor_self(), DOR_E_CLOSED);
        dor_send(field.helper, question_message(DEED, q));
        break;
    case FORWARD:
        q->deed = q->number % 2 ? REPLY : REPLY_LATER;
        dor_send(atomic_load(&field.servers[q->number % SERVERS]), m);
        return;
    default: break;
    }
    dor_message_free(m);
}

static void help_in_simulation(void *state, dor_message *m)
{
    (void)state;
    reply(dor_message_payload(m));
    dor_message_free(m);
}

static dor_pid spawn_server(void)
{
    dor_pid pid = DOR_PID_NONE;
    dor_actor_spec spec = {.receive = serve, .scheduler = DOR_ON_ANY};
    (void)dor_spawn(field.runtime, &spec, &pid);
    return pid;
}

/* Puts a new server in the place of one that has ended. */
static void replace_server(unsigned index, dor_pid old)
{
    if (dor_is_alive(old)) return;
    dor_pid fresh = spawn_server();
    if (!atomic_compare_exchange_strong(&field.servers[index], &old, fresh)) dor_stop(fresh, DOR_OK);
}

static void help(void *arg)
{
    (void)arg;
    dor_message *m;
    cr_assert_eq(dor_process_attach(field.runtime, &field.helper), DOR_OK);
    send_number(field.main, GO, 0);
    while (dor_receive(&m, DOR_INFINITY) == DOR_OK) {
        bool last = m->type == DONE;
        if (!last) reply(dor_message_payload(m));
        dor_message_free(m);
        if (last) return;
    }
}

/* ---- who asks ---- */

/* The books of an asker: its open requests, in no order. */
typedef struct ledger {
    uint64_t rng;
    uint64_t number; /* of the latest request */
    unsigned left;   /* requests to be made */
    unsigned open;
    struct {
        dor_ref ref;
        uint64_t number;
        unsigned server;
    } requests[WINDOW];
} ledger;

static void fault(const ledger *l, const char *what)
{
    if (atomic_fetch_add(&field.faults, 1) < 5)
        fprintf(stderr, "request %llu: %s\n", (unsigned long long)l->number, what);
}

static question choose(ledger *l, uint32_t *timeout_ms)
{
    question q = {.number = ++l->number};
    bool endless = draw(&l->rng) % 4 == 0;
    q.deed = (uint32_t)(draw(&l->rng) % (endless ? ANSWERED_OR_ENDED + 1 : DEEDS));
    if (q.deed >= REPLY_AND_END && q.deed <= END_LATER && draw(&l->rng) % 32) q.deed = REPLY_LATER;
    q.delay_ms = (uint32_t)(draw(&l->rng) % 4);
    *timeout_ms = endless ? DOR_INFINITY : (uint32_t)(draw(&l->rng) % 4);
    return q;
}

static void make_request(ledger *l)
{
    uint32_t timeout_ms;
    unsigned at = l->open++, server = (unsigned)(draw(&l->rng) % SERVERS);
    question q = choose(l, &timeout_ms);
    dor_pid to = atomic_load(&field.servers[server]);
    l->left--;
    l->requests[at].number = q.number;
    l->requests[at].server = server;
    if (dor_request(to, question_message(ASK, &q), timeout_ms, &l->requests[at].ref) != DOR_OK)
        fault(l, "refused");
}

static void cancel_one(ledger *l)
{
    unsigned at = (unsigned)(draw(&l->rng) % l->open);
    dor_ref ref = l->requests[at].ref;
    if (dor_cancel_request(ref) != DOR_OK) fault(l, "over before its outcome was received");
    if (dor_cancel_request(ref) != DOR_E_NOPROC) fault(l, "cancelled twice");
    l->requests[at] = l->requests[--l->open];
    atomic_fetch_add(&field.outcomes[3], 1);
}

/* Enters an outcome; false if m is none. */
static bool enter(ledger *l, dor_message *m)
{
    dor_ref ref;
    if (m->type != ANSWER && m->type != DOR_MSG_NO_REPLY) return false;
    memcpy(&ref, dor_message_payload(m), sizeof ref);
    unsigned at = 0;
    while (at < l->open && l->requests[at].ref != ref)
        at++;
    if (at == l->open) {
        fault(l, "an outcome too many");
        return true;
    }
    unsigned outcome = 0;
    if (m->type == ANSWER) {
        if (((question *)dor_message_payload(m))->number != l->requests[at].number)
            fault(l, "another request's reply");
    } else {
        int reason = ((dor_no_reply *)dor_message_payload(m))->reason;
        unsigned server = l->requests[at].server;
        outcome = reason == DOR_E_TIMEOUT ? 1 : 2;
        if (outcome == 2) replace_server(server, atomic_load(&field.servers[server]));
    }
    atomic_fetch_add(&field.outcomes[outcome], 1);
    l->requests[at] = l->requests[--l->open];
    return true;
}

/* Makes and cancels some, so that a few are always open. */
static void go_on(ledger *l)
{
    while (l->left && l->open < WINDOW) {
        make_request(l);
        if (draw(&l->rng) % 8 == 0) cancel_one(l);
    }
}

/* ---- actors ---- */

static void ask(void *state, dor_message *m)
{
    ledger *l = state;
    if (!enter(l, m) && m->type != GO) fault(l, "a message of no known kind");
    dor_message_free(m);
    go_on(l);
    if (l->open == 0) dor_exit_self(DOR_OK);
}

/* One that ends with requests open: nothing may come of them. */
static void ask_and_end(void *state, dor_message *m)
{
    ledger *l = state;
    (void)enter(l, m);
    dor_message_free(m);
    l->left = WINDOW;
    go_on(l);
    if (draw(&l->rng) % 4 == 0) dor_exit_self(DOR_OK);
}

static void release(void *state, int reason)
{
    (void)reason;
    free(state);
    atomic_fetch_add(&field.done, 1);
    (void)send_number(field.main, DONE, 0);
}

static void spawn_asker(dor_receive_fn receive, uint64_t seed, unsigned count)
{
    ledger *l = calloc(1, sizeof *l);
    l->rng = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    l->left = count;
    dor_pid pid = spawn_on(field.runtime, DOR_ON_ANY, receive, release, l);
    send_number(pid, GO, 0);
}

/* ---- threads ---- */

static void call_one(ledger *l)
{
    uint32_t timeout_ms;
    question q = choose(l, &timeout_ms);
    unsigned server = (unsigned)(draw(&l->rng) % SERVERS);
    dor_pid to = atomic_load(&field.servers[server]);
    dor_message *m = NULL;
    int code = dor_call(to, question_message(ASK, &q), timeout_ms, &m);
    if (code == DOR_OK) {
        if (m->type != ANSWER || ((question *)dor_message_payload(m))->number != q.number)
            fault(l, "another call's reply");
        dor_message_free(m);
    } else if (code != DOR_E_TIMEOUT) {
        if (code != DOR_E_CLOSED && code != DOR_E_NOPROC) fault(l, "a strange code");
        replace_server(server, to);
    } else if (timeout_ms == DOR_INFINITY) {
        fault(l, "a timeout where there was none");
    }
}

static void ask_as_process(void *arg)
{
    dor_message *m;
    ledger l = {.rng = *(uint64_t *)arg, .left = scaled(2000)};
    cr_assert_eq(dor_process_attach(field.runtime, NULL), DOR_OK);
    for (go_on(&l); l.open > 0; go_on(&l)) {
        if (draw(&l.rng) % 4 == 0) call_one(&l);
        if (dor_receive(&m, 30000) != DOR_OK) {
            fault(&l, "no outcome");
            break;
        }
        if (!enter(&l, m)) fault(&l, "a message of no known kind");
        dor_message_free(m);
    }
    if (dor_receive(&m, 5) != DOR_E_TIMEOUT) fault(&l, "something more");
    cr_assert_eq(dor_process_detach(), DOR_OK);
}

static void run(uint64_t seed)
{
    uv_thread_t helper, threads_[THREADS];
    uint64_t seeds[THREADS];
    unsigned short_lived = scaled(200);
    field.runtime = runtime_of(3);
    cr_assert_eq(dor_process_attach(field.runtime, &field.main), DOR_OK);
    for (unsigned i = 0; i < SERVERS; i++)
        atomic_store(&field.servers[i], spawn_server());
    uv_thread_create(&helper, help, NULL);
    receive_number(GO);
    for (unsigned i = 0; i < THREADS; i++) {
        seeds[i] = seed * 1000003 + i + 1;
        uv_thread_create(&threads_[i], ask_as_process, &seeds[i]);
    }
    for (unsigned i = 0; i < ACTORS; i++)
        spawn_asker(i < 4 ? ask : ask_and_end, seed * 100 + i, scaled(3000));
    for (unsigned running = ACTORS; running > 0; running--) {
        receive_number(DONE);
        if (short_lived == 0) continue;
        spawn_asker(ask_and_end, seed * 1000 + short_lived--, 0);
        running++;
    }
    for (unsigned i = 0; i < THREADS; i++)
        uv_thread_join(&threads_[i]);
    send_number(field.helper, DONE, 0);
    uv_thread_join(&helper);
    stop_runtime(field.runtime);
    cr_assert_eq(atomic_load(&field.faults), 0, "%u faults with seed %llu", atomic_load(&field.faults),
                 (unsigned long long)seed);
    for (unsigned i = 0; i < 4; i++)
        cr_assert_gt(atomic_load(&field.outcomes[i]), 0, "no outcome of kind %u", i);
}

Test(runtime_request_stress, seed_1)
{
    run(1);
}

Test(runtime_request_stress, seed_2)
{
    run(2);
}

Test(runtime_request_stress, seed_of_the_environment)
{
    const char *seed = getenv("DORMOUSE_SEED");
    run(seed ? strtoull(seed, NULL, 10) : 3);
}

/* ---- many reply to the same references, of which most are over by then ---- */

enum { REPLIERS = 3, SHOWN = 4 };

static _Atomic dor_ref shown[2 * SHOWN]; /* a process's, then an actor's */
static atomic_ulong replies[2];          /* that were not refused */

static void reply_to_all(void *arg)
{
    (void)arg;
    while (!atomic_load(&field.over)) {
        for (unsigned i = 0; i < 2 * SHOWN; i++) {
            question q = {.number = 1};
            dor_ref ref = atomic_load(&shown[i]);
            if (ref && dor_reply(ref, question_message(ANSWER, &q)) == DOR_OK)
                atomic_fetch_add(&replies[i / SHOWN], 1);
        }
        uv_sleep(0);
    }
}

typedef struct shower {
    dor_pid silent;
    dor_ref ref; /* of the present request */
    unsigned left;
} shower;

/* One request after another; every other one is cancelled, and then nothing may come of it. */
static void show(void *state, dor_message *m)
{
    static const question q = {.number = 1};
    shower *s = state;
    if (m->type == ANSWER && ((question *)dor_message_payload(m))->ref != s->ref)
        atomic_fetch_add(&field.faults, 1);
    dor_message_free(m);
    while (s->left-- > 0) {
        cr_assert_eq(dor_request(s->silent, question_message(ASK, &q), DOR_INFINITY, &s->ref), DOR_OK);
        atomic_store(&shown[SHOWN + s->left % SHOWN], s->ref);
        if (s->left % 2) return;
        sched_yield();
        cr_assert_eq(dor_cancel_request(s->ref), DOR_OK);
        s->ref = 0;
    }
    dor_exit_self(DOR_OK);
}

static void be_silent(void *state, dor_message *m)
{
    (void)state;
    dor_message_free(m);
}

Test(runtime_request_stress, replies_to_what_is_over)
{
    static const question q = {.number = 1};
    uv_thread_t threads_[REPLIERS];
    dor_message *m;
    dor_ref ref;
    field.runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(field.runtime, NULL), DOR_OK);
    dor_pid silent = spawn_on(field.runtime, DOR_ON(0), be_silent, NULL, NULL);
    shower s = {.silent = silent, .left = scaled(2000)};
    dor_pid showing = spawn_on(field.runtime, DOR_ON(1), show, NULL, &s);
    send_number(showing, GO, 0);
    for (unsigned i = 0; i < REPLIERS; i++)
        uv_thread_create(&threads_[i], reply_to_all, NULL);
    for (unsigned i = 0; i < scaled(2000); i++) {
        cr_assert_eq(dor_request(silent, question_message(ASK, &q), DOR_INFINITY, &ref), DOR_OK);
        atomic_store(&shown[i % SHOWN], ref);
        if (i % 2) {
            cr_assert_eq(dor_receive(&m, 30000), DOR_OK);
            cr_assert_eq(m->type, ANSWER);
            cr_assert_eq(((question *)dor_message_payload(m))->ref, ref);
            dor_message_free(m);
        } else {
            sched_yield();
            cr_assert_eq(dor_cancel_request(ref), DOR_OK);
        }
    }
    WAIT_FOR(!dor_is_alive(showing));
    atomic_store(&field.over, true);
    for (unsigned i = 0; i < REPLIERS; i++)
        uv_thread_join(&threads_[i]);
    cr_assert_eq(dor_receive(&m, 0), DOR_E_TIMEOUT); /* all that were accepted and came too late are gone */
    cr_assert_geq(atomic_load(&replies[0]), scaled(2000) / 2);
    cr_assert_geq(atomic_load(&replies[1]), scaled(2000) / 2);
    cr_assert_eq(atomic_load(&field.faults), 0);
    stop_runtime(field.runtime);
}

/* ---- simulated: every order that a seed can think of ---- */

static unsigned simulate(uint64_t seed)
{
    dor_simulation_options options = {.schedulers = 3, .seed = seed};
    cr_assert_eq(dor_simulation_new(&field.runtime, &options), DOR_OK);
    field.main = DOR_PID_NONE;
    atomic_store(&field.done, 0);
    field.helper = spawn_on(field.runtime, DOR_ON(seed % 3), help_in_simulation, NULL, NULL);
    for (unsigned i = 0; i < SERVERS; i++)
        atomic_store(&field.servers[i], spawn_server());
    for (unsigned i = 0; i < ACTORS; i++)
        spawn_asker(i < 4 ? ask : ask_and_end, seed * 100 + i, 40);
    int code = dor_simulation_run(field.runtime, 1000000, NULL);
    unsigned done = atomic_load(&field.done);
    stop_runtime(field.runtime);
    cr_assert_eq(code, DOR_OK, "seed %llu", (unsigned long long)seed);
    cr_assert_eq(atomic_load(&field.faults), 0, "seed %llu", (unsigned long long)seed);
    return done;
}

Test(runtime_request_stress, simulated)
{
    const char *count = getenv("DORMOUSE_SEEDS");
    uint64_t seeds = count ? strtoull(count, NULL, 10) : scaled(300);
    for (uint64_t seed = 1; seed <= seeds; seed++)
        cr_assert_geq(simulate(seed), 4, "seed %llu: a request without outcome", (unsigned long long)seed);
    for (unsigned i = 0; i < 4; i++)
        cr_assert_gt(atomic_load(&field.outcomes[i]), 0, "no outcome of kind %u", i);
}
