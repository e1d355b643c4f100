/* Traces: which events there are, that they end when they are ended, and that switching them disturbs nobody. */
#include "runtime_support.h"

#include "runtime/private.h"

#include <dormouse/observe.h>
#include <dormouse/port.h>
#include <dormouse/simulate.h>
#include <pthread.h>

TestSuite(runtime_trace, .init = count_memory, .timeout = 120);

enum { NUMBER = DOR_MSG_USER, PASS, TRACE_NOW, SEND_LATER };

/* ---- somebody who listens ---- */

enum { EVENTS_MAX = 4096 };

typedef struct recorder {
    pthread_mutex_t lock;
    size_t count;
    dor_trace_event events[EVENTS_MAX];
} recorder;

static recorder record = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void note(void *arg, const dor_trace_event *event)
{
    recorder *r = arg;
    pthread_mutex_lock(&r->lock);
    if (r->count < EVENTS_MAX) r->events[r->count++] = *event;
    pthread_mutex_unlock(&r->lock);
}

static size_t noted(void)
{
    pthread_mutex_lock(&record.lock);
    size_t count = record.count;
    pthread_mutex_unlock(&record.lock);
    return count;
}

static void forget(void)
{
    pthread_mutex_lock(&record.lock);
    record.count = 0;
    pthread_mutex_unlock(&record.lock);
}

/* How many events are like this one; fields that are `any` don't matter. */
static const uint64_t any = UINT64_MAX - 1;

static size_t events_like(unsigned what, dor_pid pid, dor_pid by, uint64_t type)
{
    size_t found = 0;
    pthread_mutex_lock(&record.lock);
    for (size_t i = 0; i < record.count; i++) {
        const dor_trace_event *e = &record.events[i];
        found += e->what == what && (pid == any || e->pid == pid) && (by == any || e->by == by) &&
                 (type == any || e->type == type);
    }
    pthread_mutex_unlock(&record.lock);
    return found;
}

static void ignore(void *state, dor_message *message)
{
    (void)state;
    dor_message_free(message);
}

/* ---- which events there are ---- */

typedef struct relay {
    dor_runtime *runtime;
    dor_pid next;
    int trace_code;
} relay;

/* Hands a PASS on with a number; does other things when asked to. */
static void run_relay(void *state, dor_message *message)
{
    relay *r = state;
    if (message->type == PASS) send_number(r->next, NUMBER, 5);
    if (message->type == TRACE_NOW) {
        r->trace_code = dor_trace(r->runtime, 0, NULL, NULL);
        send_number(r->next, NUMBER, 6);
    }
    if (message->type == SEND_LATER)
        cr_assert_eq(dor_send_after(r->next, number_message(NUMBER, 7), 1, NULL), DOR_OK);
    dor_message_free(message);
}

static void trace(dor_runtime *runtime, unsigned mask)
{
    cr_assert_eq(dor_trace(runtime, mask, mask ? note : NULL, &record), DOR_OK);
}

Test(runtime_trace, sends_and_receives_on_one_scheduler)
{
    dor_runtime *runtime = runtime_of(1);
    relay r = {.runtime = runtime, .next = spawn_on(runtime, DOR_ON(0), ignore, NULL, NULL)};
    dor_pid pid = spawn_on(runtime, DOR_ON(0), run_relay, NULL, &r);
    trace(runtime, DOR_TRACE_ALL);
    uint64_t before = uv_hrtime();
    send_number(pid, PASS, 0);
    WAIT_FOR(noted() == 4);
    uint64_t after = uv_hrtime();
    static const unsigned whats[] = {DOR_TRACE_SEND, DOR_TRACE_RECEIVE, DOR_TRACE_SEND, DOR_TRACE_RECEIVE};
    dor_pid pids[] = {pid, pid, r.next, r.next};
    dor_pid bys[] = {DOR_PID_NONE, DOR_PID_NONE, pid, DOR_PID_NONE};
    for (unsigned i = 0; i < 4; i++) {
        const dor_trace_event *e = &record.events[i];
        cr_assert_eq(e->what, whats[i], "event %u", i);
        cr_assert_eq(e->pid, pids[i]);
        cr_assert_eq(e->by, bys[i]);
        cr_assert_eq(e->type, (uint32_t)(i < 2 ? PASS : NUMBER));
        cr_assert_eq(e->size, 8);
        cr_assert_eq(e->reason, 0);
        cr_assert_geq(e->at_ns, i ? record.events[i - 1].at_ns : before);
        cr_assert_leq(e->at_ns, after);
    }
    stop_runtime(runtime);
}

Test(runtime_trace, between_schedulers_and_processes)
{
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    relay r = {.runtime = runtime, .next = dor_self()};
    dor_pid far = spawn_on(runtime, DOR_ON(1), run_relay, NULL, &r);
    relay first = {.runtime = runtime, .next = far};
    dor_pid pid = spawn_on(runtime, DOR_ON(0), run_relay, NULL, &first);
    trace(runtime, DOR_TRACE_SEND | DOR_TRACE_RECEIVE);
    send_number(pid, PASS, 0);
    send_number(far, PASS, 0);
    cr_assert_eq(receive_number(NUMBER), 5);
    WAIT_FOR(events_like(DOR_TRACE_RECEIVE, far, DOR_PID_NONE, NUMBER) == 1);
    cr_assert_eq(events_like(DOR_TRACE_SEND, pid, dor_self(), PASS), 1);
    cr_assert_eq(events_like(DOR_TRACE_SEND, far, pid, NUMBER), 1);
    cr_assert_eq(events_like(DOR_TRACE_SEND, dor_self(), far, NUMBER), 1);
    cr_assert_eq(events_like(DOR_TRACE_RECEIVE, dor_self(), DOR_PID_NONE, NUMBER), 1);
    cr_assert_eq(noted(), 8);
    stop_runtime(runtime);
}

Test(runtime_trace, births_and_ends)
{
    dor_ref ref;
    dor_pid process;
    dor_runtime *runtime = runtime_of(2);
    trace(runtime, DOR_TRACE_ALL);
    cr_assert_eq(dor_process_attach(runtime, &process), DOR_OK);
    cr_assert_eq(events_like(DOR_TRACE_SPAWN, process, any, 0), 1);
    dor_pid pid = spawn_on(runtime, DOR_ON(1), ignore, NULL, NULL);
    cr_assert_eq(events_like(DOR_TRACE_SPAWN, pid, process, 0), 1);
    cr_assert_eq(dor_monitor(pid, &ref), DOR_OK);
    cr_assert_eq(dor_stop(pid, 77), DOR_OK);
    cr_assert_eq(receive_down().ref, ref);
    cr_assert_eq(events_like(DOR_TRACE_EXIT, pid, DOR_PID_NONE, 0), 1);
    cr_assert_eq(record.events[2].what, DOR_TRACE_EXIT, "what monitors and stops send is the runtime's own");
    cr_assert_eq(record.events[2].reason, 77);
    cr_assert_eq(events_like(DOR_TRACE_RECEIVE, process, DOR_PID_NONE, DOR_MSG_DOWN), 1);
    cr_assert_eq(send_number(pid, NUMBER, 0), DOR_E_NOPROC);
    cr_assert_eq(events_like(DOR_TRACE_SEND, pid, process, NUMBER), 1, "also to the dead");
    cr_assert_eq(dor_process_detach(), DOR_OK);
    cr_assert_eq(events_like(DOR_TRACE_EXIT, process, DOR_PID_NONE, 0), 1);
    cr_assert_eq(noted(), 6);
    stop_runtime(runtime);
}

Test(runtime_trace, a_timers_send_is_nobodys)
{
    dor_runtime *runtime = runtime_of(1);
    relay r = {.runtime = runtime, .next = spawn_on(runtime, DOR_ON(0), ignore, NULL, NULL)};
    dor_pid pid = spawn_on(runtime, DOR_ON(0), run_relay, NULL, &r);
    send_number(pid, SEND_LATER, 0);
    trace(runtime, DOR_TRACE_SEND | DOR_TRACE_RECEIVE);
    WAIT_FOR(events_like(DOR_TRACE_RECEIVE, r.next, DOR_PID_NONE, NUMBER) == 1);
    cr_assert_eq(events_like(DOR_TRACE_SEND, r.next, DOR_PID_NONE, NUMBER), 1);
    stop_runtime(runtime);
}

Test(runtime_trace, only_what_was_asked_for)
{
    static const unsigned whats[] = {DOR_TRACE_SPAWN, DOR_TRACE_SEND, DOR_TRACE_RECEIVE, DOR_TRACE_EXIT};
    for (unsigned i = 0; i < 4; i++) {
        dor_runtime *runtime = runtime_of(1);
        forget();
        trace(runtime, whats[i]);
        dor_pid pid = spawn_on(runtime, DOR_ON(0), ignore, NULL, NULL);
        send_number(pid, NUMBER, 0);
        dor_stop(pid, DOR_OK);
        WAIT_FOR(!dor__pid_alive(pid));
        WAIT_FOR(noted() == 1);
        cr_assert_eq(record.events[0].what, whats[i]);
        cr_assert_eq(record.events[0].pid, pid);
        stop_runtime(runtime);
        cr_assert_eq(noted(), 1);
    }
}

Test(runtime_trace, the_end_of_the_runtime_is_told)
{
    dor_runtime *runtime = runtime_of(2);
    dor_pid pids[10], process;
    for (int i = 0; i < 10; i++)
        pids[i] = spawn_on(runtime, DOR_ON(i % 2), ignore, NULL, NULL);
    cr_assert_eq(dor_process_attach(runtime, &process), DOR_OK);
    trace(runtime, DOR_TRACE_EXIT);
    stop_runtime(runtime);
    for (int i = 0; i < 10; i++)
        cr_assert_eq(events_like(DOR_TRACE_EXIT, pids[i], DOR_PID_NONE, 0), 1);
    cr_assert_eq(events_like(DOR_TRACE_EXIT, process, DOR_PID_NONE, 0), 1);
    cr_assert_eq(noted(), 11);
}

Test(runtime_trace, events_are_of_the_runtime_of_their_pid)
{
    dor_runtime *one = runtime_of(1), *other = runtime_of(1);
    relay r = {.runtime = one, .next = spawn_on(other, DOR_ON(0), ignore, NULL, NULL)};
    dor_pid pid = spawn_on(one, DOR_ON(0), run_relay, NULL, &r);
    trace(other, DOR_TRACE_ALL);
    send_number(pid, PASS, 0);
    WAIT_FOR(noted() == 2);
    cr_assert_eq(events_like(DOR_TRACE_SEND, r.next, pid, NUMBER), 1);
    cr_assert_eq(events_like(DOR_TRACE_RECEIVE, r.next, DOR_PID_NONE, NUMBER), 1);
    cr_assert_eq(dor_runtime_stop(one, 5000), DOR_OK);
    cr_assert_eq(noted(), 2);
    stop_runtime(other);
}

/* ---- requests, exits, ports ---- */

typedef struct question {
    dor_ref ref;
    dor_pid ask; /* whom to ask in turn, before answering */
} question;

static dor_message *question_message(uint32_t type, dor_pid ask)
{
    dor_message *m = dor_message_new(type, sizeof(question), NULL);
    cr_assert_not_null(m);
    ((question *)dor_message_payload(m))->ask = ask;
    return m;
}

/* Answers a PASS, at once or when the one it asks has answered; what it gets beside is an answer. */
static void run_server(void *state, dor_message *message)
{
    dor_ref *kept = state, ref;
    question q = *(question *)dor_message_payload(message);
    if (message->type == PASS && q.ask != DOR_PID_NONE) {
        *kept = q.ref;
        cr_assert_eq(dor_request(q.ask, question_message(PASS, DOR_PID_NONE), 30000, &ref), DOR_OK);
    } else {
        dor_reply(message->type == PASS ? q.ref : *kept, question_message(NUMBER, DOR_PID_NONE));
    }
    dor_message_free(message);
}

Test(runtime_trace, requests_and_replies)
{
    dor_runtime *runtime = runtime_of(2);
    dor_ref kept[2] = {0};
    dor_message *reply;
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    dor_pid self = dor_self(), first = spawn_on(runtime, DOR_ON(0), run_server, NULL, &kept[0]);
    trace(runtime, DOR_TRACE_SEND | DOR_TRACE_RECEIVE);
    for (int i = 0; i < 2; i++) { /* asks one beside it, and one elsewhere */
        dor_pid second = spawn_on(runtime, DOR_ON(i), run_server, NULL, &kept[1]);
        forget();
        cr_assert_eq(dor_call(first, question_message(PASS, second), 30000, &reply), DOR_OK);
        dor_message_free(reply);
        WAIT_FOR(noted() == 8);
        cr_assert_eq(events_like(DOR_TRACE_SEND, first, self, PASS), 1);
        cr_assert_eq(events_like(DOR_TRACE_RECEIVE, first, any, PASS), 1);
        cr_assert_eq(events_like(DOR_TRACE_SEND, second, first, PASS), 1);
        cr_assert_eq(events_like(DOR_TRACE_RECEIVE, second, any, PASS), 1);
        cr_assert_eq(events_like(DOR_TRACE_SEND, first, second, NUMBER), 1);
        cr_assert_eq(events_like(DOR_TRACE_RECEIVE, first, any, NUMBER), 1);
        cr_assert_eq(events_like(DOR_TRACE_SEND, self, first, NUMBER), 1);
        cr_assert_eq(events_like(DOR_TRACE_RECEIVE, self, any, NUMBER), 1);
    }
    forget();
    cr_assert_eq(dor_reply(kept[0], question_message(NUMBER, DOR_PID_NONE)), DOR_E_NOPROC);
    cr_assert_eq(noted(), 0, "too late");
    stop_runtime(runtime);
}

Test(runtime_trace, an_exit_notice_is_received)
{
    dor_pid pid;
    dor_runtime *runtime = runtime_of(1);
    dor_actor_spec spec = {.receive = ignore, .trap_exit = 1};
    cr_assert_eq(dor_spawn(runtime, &spec, &pid), DOR_OK);
    trace(runtime, DOR_TRACE_ALL);
    cr_assert_eq(dor_exit(pid, 5), DOR_OK);
    WAIT_FOR(noted() == 1);
    cr_assert_eq(events_like(DOR_TRACE_RECEIVE, pid, DOR_PID_NONE, DOR_MSG_EXIT), 1);
    cr_assert_eq(dor_exit(pid, DOR_KILL), DOR_OK);
    WAIT_FOR(noted() == 2);
    cr_assert_eq(record.events[1].what, DOR_TRACE_EXIT);
    cr_assert_eq(record.events[1].reason, DOR_E_KILLED);
    stop_runtime(runtime);
}

Test(runtime_trace, ports)
{
    dor_port port;
    dor_message *messages[4];
    size_t count;
    dor_runtime *runtime = runtime_of(1);
    trace(runtime, DOR_TRACE_ALL);
    cr_assert_eq(dor_port_new(runtime, NULL, &port), DOR_OK);
    cr_assert_eq(send_number(port, NUMBER, 1), DOR_OK);
    cr_assert_eq(dor_port_drain(port, messages, 4, &count), DOR_OK);
    cr_assert_eq(count, 1);
    dor_message_free(messages[0]);
    cr_assert_eq(dor_port_close(port), DOR_OK);
    cr_assert_eq(events_like(DOR_TRACE_SPAWN, port, any, 0), 1);
    cr_assert_eq(events_like(DOR_TRACE_SEND, port, DOR_PID_NONE, NUMBER), 1);
    cr_assert_eq(events_like(DOR_TRACE_RECEIVE, port, DOR_PID_NONE, NUMBER), 1);
    cr_assert_eq(events_like(DOR_TRACE_EXIT, port, DOR_PID_NONE, 0), 1);
    cr_assert_eq(noted(), 4);
    stop_runtime(runtime);
}

/* ---- simulations ---- */

/* A few pass numbers around, one of them by timer. */
static void run_player(void *state, dor_message *message)
{
    _Atomic dor_pid *pids = state;
    uint64_t number = number_in(message);
    dor_message_free(message);
    if (number == 0) return;
    dor_pid to = atomic_load(&pids[number % 3]);
    if (number % 4 == 0)
        cr_assert_eq(dor_send_after(to, number_message(NUMBER, number - 1), 10, NULL), DOR_OK);
    else
        send_number(to, NUMBER, number - 1);
}

static void play(uint64_t seed)
{
    dor_simulation_options options = {.schedulers = 2, .seed = seed};
    _Atomic dor_pid pids[3];
    dor_runtime *runtime;
    cr_assert_eq(dor_simulation_new(&runtime, &options), DOR_OK);
    forget();
    trace(runtime, DOR_TRACE_ALL);
    for (int i = 0; i < 3; i++)
        atomic_init(&pids[i], spawn_on(runtime, DOR_ON(i % 2), run_player, NULL, pids));
    for (unsigned i = 0; i < 3; i++)
        send_number(atomic_load(&pids[i]), NUMBER, 21 + i);
    cr_assert_eq(dor_simulation_run(runtime, 100000, NULL), DOR_OK);
    dor_runtime_info info;
    cr_assert_eq(dor_runtime_get_info(runtime, &info), DOR_OK);
    cr_assert_eq(info.actors, 3);
    cr_assert_geq(info.uptime_ns, 50000000, "timers of 10 ms");
    cr_assert_leq(record.events[record.count - 1].at_ns, info.uptime_ns);
    stop_runtime(runtime);
}

Test(runtime_trace, a_simulation_has_the_same_events_each_time)
{
    static dor_trace_event first[EVENTS_MAX];
    play(7);
    size_t count = noted();
    cr_assert_eq(count, 3 + 3 + 2 * (3 + 21 + 22 + 23));
    memcpy(first, record.events, sizeof first);
    play(7);
    cr_assert_eq(noted(), count);
    for (size_t i = 0; i < count; i++) {
        const dor_trace_event *a = &first[i], *b = &record.events[i];
        cr_assert_eq(a->what, b->what);
        cr_assert_eq(a->type, b->type);
        cr_assert_eq(a->at_ns, b->at_ns, "simulated time");
        if (i > 0) cr_assert_geq(a->at_ns, first[i - 1].at_ns);
    }
}

/* ---- bad use ---- */

static int code_within;

static void trace_within(void *arg, const dor_trace_event *event)
{
    (void)event;
    code_within = dor_trace(arg, 0, NULL, NULL);
    dor_message_free(dor_message_new(NUMBER, 0, NULL));
    dor_send(event->pid, dor_message_new(NUMBER, 0, NULL)); /* which is against the rules */
}

Test(runtime_trace, bad_use)
{
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    cr_assert_eq(dor_trace(runtime, DOR_TRACE_ALL + 1, note, &record), DOR_E_BADARG);
    cr_assert_eq(dor_trace(runtime, DOR_TRACE_SEND, NULL, &record), DOR_E_BADARG);
    cr_assert_eq(dor_trace(runtime, 0, NULL, NULL), DOR_OK, "it was not on");
    relay r = {.runtime = runtime, .next = dor_self()};
    dor_pid pid = spawn_on(runtime, DOR_ON(0), run_relay, NULL, &r);
    send_number(pid, TRACE_NOW, 0);
    cr_assert_eq(receive_number(NUMBER), 6);
    cr_assert_eq(r.trace_code, DOR_E_WOULD_DEADLOCK);

    dor_pid sink = spawn_on(runtime, DOR_ON(1), ignore, NULL, NULL);
    cr_assert_eq(dor_trace(runtime, DOR_TRACE_SEND, trace_within, runtime), DOR_OK);
    send_number(sink, NUMBER, 0);
    cr_assert_eq(code_within, DOR_E_WOULD_DEADLOCK);
    code_within = 0;
    r.next = sink;
    send_number(pid, PASS, 0);
    cr_assert_eq(dor_trace(runtime, 0, NULL, NULL), DOR_OK);
    stop_runtime(runtime);
    cr_assert_eq(dor_trace(runtime, DOR_TRACE_ALL, note, &record), DOR_E_STOPPED);
    cr_assert_eq(dor_trace(runtime, 0, NULL, NULL), DOR_E_STOPPED);
}

/* ---- switching while events flow ---- */

/* One listening: gone as soon as the next dor_trace has returned, and whoever calls it then is found out. */
typedef struct listener {
    uint64_t alive; /* plain on purpose: the end of a listener races with a call that comes too late */
    unsigned kind;
    _Atomic uint64_t heard;
} listener;

#define ALIVE UINT64_C(0x1157e4e2)
static atomic_uint torn, late;

static void hear(listener *l, unsigned kind)
{
    if (l->kind != kind) atomic_fetch_add(&torn, 1);
    /* Stays for a while now and then, so that a dor_trace that does not wait is found out. */
    if (atomic_fetch_add_explicit(&l->heard, 1, memory_order_relaxed) % 16 == 0) sched_yield();
    if (l->alive != ALIVE) atomic_fetch_add(&late, 1);
}

static void hear_even(void *arg, const dor_trace_event *event)
{
    (void)event;
    hear(arg, 0);
}

static void hear_odd(void *arg, const dor_trace_event *event)
{
    (void)event;
    hear(arg, 1);
}

/* Passes what it gets on, for ever. */
static void run_ring(void *state, dor_message *message)
{
    _Atomic dor_pid *next = state;
    if (dor_send(atomic_load(next), message) != DOR_OK) return;
}

typedef struct foreign {
    dor_runtime *runtime;
    dor_pid sink;
    atomic_bool over;
} foreign;

/* A process that sends to itself and to an actor, spawns and stops. */
static void *run_foreign(void *arg)
{
    foreign *f = arg;
    cr_assert_eq(dor_process_attach(f->runtime, NULL), DOR_OK);
    while (!atomic_load(&f->over)) {
        for (unsigned i = 0; i < 20; i++) {
            send_number(f->sink, NUMBER, i);
            send_number(dor_self(), NUMBER, i);
            cr_assert_eq(receive_number(NUMBER), i);
        }
        dor_stop(spawn_on(f->runtime, DOR_ON_ANY, ignore, NULL, NULL), DOR_OK);
        uv_sleep(1); /* else the sink is not fast enough under a sanitizer */
    }
    return NULL;
}

typedef struct traffic {
    dor_runtime *runtime;
    _Atomic dor_pid ring[4];
    foreign foreigns[2];
    pthread_t threads[2];
} traffic;

static void traffic_start(traffic *t)
{
    t->runtime = runtime_of(2);
    for (int i = 0; i < 4; i++) /* 0 and 1 on one scheduler, 2 and 3 on the other */
        atomic_init(&t->ring[(i + 3) % 4], spawn_on(t->runtime, DOR_ON(i / 2), run_ring, NULL, &t->ring[i]));
    for (unsigned i = 0; i < 10; i++)
        send_number(atomic_load(&t->ring[0]), NUMBER, i);
    for (int i = 0; i < 2; i++) {
        t->foreigns[i].runtime = t->runtime;
        t->foreigns[i].sink = spawn_on(t->runtime, DOR_ON(i), ignore, NULL, NULL);
        atomic_init(&t->foreigns[i].over, false);
        pthread_create(&t->threads[i], NULL, run_foreign, &t->foreigns[i]);
    }
}

static void traffic_end(traffic *t)
{
    for (int i = 0; i < 2; i++)
        atomic_store(&t->foreigns[i].over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(t->threads[i], NULL);
    stop_runtime(t->runtime);
}

static listener *listener_new(unsigned kind)
{
    listener *l = calloc(1, sizeof *l);
    l->alive = ALIVE;
    l->kind = kind;
    return l;
}

static uint64_t listener_end(listener *l)
{
    if (!l) return 0;
    uint64_t heard = atomic_load(&l->heard);
    l->alive = 0;
    free(l);
    return heard;
}

Test(runtime_trace, on_and_off_and_replaced_a_thousand_times)
{
    traffic t;
    uint64_t heard = 0;
    listener *former = NULL;
    traffic_start(&t);
    unsigned rounds = scaled(24000) < 3000 ? scaled(24000) : 3000; /* as many under a sanitizer */
    for (unsigned i = 0; i < rounds; i++) {
        /* Replaced by another, and now and then ended. */
        listener *l = i % 5 == 4 ? NULL : listener_new(i % 2);
        cr_assert_eq(dor_trace(t.runtime, l ? DOR_TRACE_ALL : 0, i % 2 ? hear_odd : hear_even, l), DOR_OK);
        heard += listener_end(former);
        former = l;
        if (i % 50 == 0) uv_sleep(1);
    }
    cr_assert_eq(dor_trace(t.runtime, 0, NULL, NULL), DOR_OK);
    heard += listener_end(former);
    cr_assert_eq(atomic_load(&torn), 0);
    cr_assert_eq(atomic_load(&late), 0);
    cr_assert_gt(heard, 0);
    traffic_end(&t);
}

/* Several who set it at once: each call ends what was there, whosever it was. */
typedef struct setter {
    dor_runtime *runtime;
    unsigned kind;
} setter;

static void *run_setter(void *arg)
{
    setter *s = arg;
    static listener listeners[2] = {{.alive = ALIVE, .kind = 0}, {.alive = ALIVE, .kind = 1}};
    for (unsigned i = 0, rounds = scaled(8000) / 8; i < rounds; i++)
        cr_assert_eq(
            dor_trace(s->runtime, DOR_TRACE_ALL, s->kind ? hear_odd : hear_even, &listeners[s->kind]),
            DOR_OK);
    return NULL;
}

Test(runtime_trace, set_by_several_at_once)
{
    traffic t;
    pthread_t threads[2];
    traffic_start(&t);
    setter setters[2] = {{t.runtime, 0}, {t.runtime, 1}};
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, run_setter, &setters[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(dor_trace(t.runtime, 0, NULL, NULL), DOR_OK);
    cr_assert_eq(atomic_load(&torn), 0);
    traffic_end(&t);
}

/* fn is being called when the trace is ended: dor_trace waits. */
static uv_sem_t in_fn, let_go;
static atomic_bool left_fn;

static void linger(void *arg, const dor_trace_event *event)
{
    (void)arg;
    (void)event;
    uv_sem_post(&in_fn);
    uv_sem_wait(&let_go);
    uv_sleep(20);
    atomic_store(&left_fn, true);
}

static void *let_it_go(void *arg)
{
    (void)arg;
    uv_sleep(20);
    uv_sem_post(&let_go);
    return NULL;
}

static void *send_one(void *arg)
{
    send_number(*(dor_pid *)arg, NUMBER, 0);
    return NULL;
}

static void end_while_it_lingers(dor_runtime *runtime, unsigned mask, dor_pid pid)
{
    pthread_t sender, other;
    atomic_store(&left_fn, false);
    uv_sem_init(&in_fn, 0);
    uv_sem_init(&let_go, 0);
    cr_assert_eq(dor_trace(runtime, mask, linger, NULL), DOR_OK);
    pthread_create(&sender, NULL, send_one, &pid);
    uv_sem_wait(&in_fn);
    pthread_create(&other, NULL, let_it_go, NULL);
    cr_assert_eq(dor_trace(runtime, 0, NULL, NULL), DOR_OK);
    cr_assert(atomic_load(&left_fn), "dor_trace came back while fn was being called");
    pthread_join(sender, NULL);
    pthread_join(other, NULL);
    uv_sem_destroy(&in_fn);
    uv_sem_destroy(&let_go);
}

Test(runtime_trace, the_end_waits_for_a_call_in_progress)
{
    dor_runtime *runtime = runtime_of(2);
    dor_pid pid = spawn_on(runtime, DOR_ON(1), ignore, NULL, NULL);
    end_while_it_lingers(runtime, DOR_TRACE_RECEIVE, pid); /* on the scheduler's thread */
    end_while_it_lingers(runtime, DOR_TRACE_SEND, pid);    /* on the sender's */
    stop_runtime(runtime);
}

Test(runtime_trace, switching_allocates_nothing)
{
    dor_runtime *runtime = runtime_of(2);
    long before = atomic_load(&allocations);
    for (unsigned i = 0; i < 1000; i++)
        trace(runtime, i % 2 ? DOR_TRACE_ALL : 0);
    cr_assert_eq(atomic_load(&allocations), before);
    stop_runtime(runtime);
}
