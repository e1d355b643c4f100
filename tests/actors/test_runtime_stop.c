/* The end of a runtime: orderly, by force, with work pending, twice; and that nothing is left of it. */
#include "runtime_support.h"

#include "runtime/private.h"

#include <sys/socket.h>
#include <unistd.h>

TestSuite(runtime_stop, .init = count_memory, .timeout = 60);

enum { NUMBER = DOR_MSG_USER, START };

static void ignore(void *state, dor_message *message)
{
    (void)state;
    dor_message_free(message);
}

static void count_stop(void *state, int reason)
{
    if (reason == DOR_E_STOPPED) atomic_fetch_add((atomic_uint *)state, 1);
}

Test(runtime_stop, leaves_no_thread_descriptor_or_memory)
{
    dor_runtime *runtime = runtime_of(1);
    stop_runtime(runtime); /* libuv keeps some things for ever from its first loop on */
    unsigned descriptors = open_descriptors(), running = threads();
    for (unsigned i = 1; i < 10; i++) {
        atomic_uint stopped = 0;
        runtime = runtime_of(i);
        cr_assert_gt(threads(), running);
        for (unsigned j = 0; j < 100; j++)
            spawn_on(runtime, DOR_ON_ANY, ignore, count_stop, &stopped);
        stop_runtime(runtime);
        cr_assert_eq(atomic_load(&stopped), 100);
        cr_assert_eq(open_descriptors(), descriptors);
        WAIT_FOR(threads() == running);
    }
}

Test(runtime_stop, twice_or_without_one_is_an_error)
{
    dor_pid pid;
    dor_actor_spec spec = {.receive = ignore};
    cr_assert_eq(dor_runtime_stop(NULL, 0), DOR_E_STOPPED, "no default runtime was made");
    dor_runtime *runtime = runtime_of(1);
    stop_runtime(runtime);
    cr_assert_eq(dor_runtime_stop(runtime, 0), DOR_E_STOPPED);
    cr_assert_eq(dor_spawn(runtime, &spec, &pid), DOR_E_STOPPED);
    cr_assert_not_null(dor_runtime_default());
    cr_assert_eq(dor_runtime_stop(NULL, 1000), DOR_OK);
    cr_assert_eq(dor_runtime_stop(NULL, 1000), DOR_E_STOPPED);
    cr_assert_eq(dor_spawn(NULL, &spec, &pid), DOR_OK, "a new default one");
    stop_runtime(dor_runtime_default());
}

static void stop_it(void *arg)
{
    static atomic_uint winners;
    if (dor_runtime_stop(arg, 5000) == DOR_OK) cr_assert_eq(atomic_fetch_add(&winners, 1), 0);
}

Test(runtime_stop, by_several_threads_at_once)
{
    uv_thread_t thread[4];
    dor_runtime *runtime = runtime_of(2);
    for (unsigned i = 0; i < 4; i++)
        uv_thread_create(&thread[i], stop_it, runtime);
    for (unsigned i = 0; i < 4; i++)
        uv_thread_join(&thread[i]);
    cr_assert_eq(atomic_load(&live_blocks), 0);
}

/* ---- with work pending ---- */

typedef struct worker {
    atomic_uint done;
    atomic_uint stopped;
    unsigned pause_us;
} worker;

static void work(void *state, dor_message *message)
{
    worker *w = state;
    uint64_t end = now_us() + w->pause_us;
    while (now_us() < end)
        continue;
    atomic_fetch_add(&w->done, 1);
    dor_message_free(message);
}

static void work_stop(void *state, int reason)
{
    (void)reason;
    atomic_fetch_add(&((worker *)state)->stopped, 1);
}

Test(runtime_stop, pending_messages_are_handled_first)
{
    worker w = {.pause_us = 10};
    dor_runtime *runtime = runtime_of(2);
    dor_pid pid = spawn_on(runtime, DOR_ON(1), work, work_stop, &w);
    for (unsigned i = 0; i < 2000; i++)
        send_number(pid, NUMBER, i);
    stop_runtime(runtime);
    cr_assert_eq(atomic_load(&w.done), 2000);
    cr_assert_eq(atomic_load(&w.stopped), 1);
}

Test(runtime_stop, but_not_beyond_the_deadline)
{
    worker w = {.pause_us = 1000};
    dor_runtime *runtime = runtime_of(1);
    dor_pid pid = spawn_on(runtime, DOR_ON(0), work, work_stop, &w);
    for (unsigned i = 0; i < 20000; i++)
        send_number(pid, NUMBER, i);
    uint64_t start = now_ms();
    cr_assert_eq(dor_runtime_stop(runtime, 50), DOR_OK);
    uint64_t took = now_ms() - start;
    cr_assert(took >= 50 && took < 5000, "took %u ms", (unsigned)took);
    cr_assert_lt(atomic_load(&w.done), 20000);
    cr_assert_eq(atomic_load(&w.stopped), 1);
    cr_assert_eq(atomic_load(&live_blocks), 0);
}

static void again(void *state, dor_message *message)
{
    (void)state;
    dor_send(dor_self(), message);
}

Test(runtime_stop, with_actors_that_never_rest)
{
    atomic_uint stopped = 0;
    dor_runtime *runtime = runtime_of(2);
    for (unsigned i = 0; i < 10; i++)
        send_number(spawn_on(runtime, DOR_ON_ANY, again, count_stop, &stopped), NUMBER, 0);
    uv_sleep(5);
    stop_runtime(runtime);
    cr_assert_eq(atomic_load(&stopped), 10);
}

/* ---- while other threads use it ---- */

typedef struct user {
    dor_runtime *runtime;
    atomic_bool stop;
    atomic_uint refused;
} user;

static void use(void *arg)
{
    user *u = arg;
    dor_pid last = DOR_PID_NONE;
    dor_actor_spec spec = {.receive = again, .scheduler = DOR_ON_ANY};
    while (!atomic_load(&u->stop)) {
        dor_pid pid;
        dor_ref timer;
        dor_message *m;
        if (dor_spawn(u->runtime, &spec, &pid) == DOR_OK)
            last = pid;
        else
            atomic_fetch_add(&u->refused, 1);
        send_number(last, NUMBER, 0);
        dor_stop(last, DOR_OK);
        if (dor_send_after(last, number_message(NUMBER, 1), 1000, &timer) == DOR_OK) dor_cancel_timer(timer);
        dor_send_after(last, number_message(NUMBER, 1), 1, NULL);
        if (dor_process_attach(u->runtime, NULL) == DOR_OK) {
            dor_monitor(last, NULL);
            if (dor_receive(&m, 0) == DOR_OK) dor_message_free(m);
        }
    }
}

Test(runtime_stop, while_threads_go_on_using_it)
{
    enum { USERS = 3 };
    for (unsigned round = 0; round < scaled(12) + 3; round++) {
        uv_thread_t thread[USERS];
        user u[USERS];
        dor_runtime *runtime = runtime_of(2);
        for (unsigned i = 0; i < USERS; i++) {
            u[i] = (user){.runtime = runtime};
            uv_thread_create(&thread[i], use, &u[i]);
        }
        uv_sleep(round % 7);
        cr_assert_eq(dor_runtime_stop(runtime, 1000), DOR_OK);
        for (unsigned i = 0; i < USERS; i++)
            WAIT_FOR(atomic_load(&u[i].refused) > 2);
        for (unsigned i = 0; i < USERS; i++)
            atomic_store(&u[i].stop, true);
        for (unsigned i = 0; i < USERS; i++)
            uv_thread_join(&thread[i]);
        cr_assert_eq(atomic_load(&live_blocks), 0);
    }
}

/* ---- two runtimes that talk to each other ---- */

static void bounce(void *state, dor_message *message)
{
    dor_send(*(dor_pid *)state, message);
}

Test(runtime_stop, one_of_two_runtimes_that_talk)
{
    for (unsigned round = 0; round < scaled(30) + 2; round++) {
        dor_pid a, b;
        dor_runtime *first = runtime_of(1), *second = runtime_of(2);
        a = spawn_on(first, DOR_ON(0), bounce, NULL, &b);
        b = spawn_on(second, DOR_ON(1), bounce, NULL, &a);
        for (unsigned i = 0; i < 50; i++)
            send_number(a, NUMBER, i);
        uv_sleep(round % 3);
        cr_assert_eq(dor_runtime_stop(round % 2 ? first : second, 1000), DOR_OK);
        send_number(a, NUMBER, 0);
        send_number(b, NUMBER, 0);
        stop_runtime(round % 2 ? second : first);
    }
}

/* ---- native actors: exit, hold, defer, local, handles ---- */

typedef struct native {
    dor_actor base;
    uv_tcp_t handle;
    dor_timer timer;
    dor_deferred deferred;
    unsigned deferrals;
    int asked; /* the reason it was asked to end for */
    bool lingers;
    bool stubborn;
} native;

static atomic_uint natives, closed_handles, ended_in_time, locals;

static void *make_local(dor_scheduler *s)
{
    cr_assert_eq(dor__scheduler_current(), s);
    atomic_fetch_add(&locals, 1);
    return malloc(10);
}

static void destroy_local(void *local)
{
    cr_assert_eq(atomic_load(&natives), 0);
    atomic_fetch_sub(&locals, 1);
    free(local);
}

static const dor_local_ops local_ops = {make_local, destroy_local};

static void native_receive(dor_actor *actor, dor_message *message)
{
    (void)actor;
    dor_message_free(message);
}

static void native_closed(uv_handle_t *handle)
{
    native *n = DOR_CONTAINER_OF((uv_tcp_t *)handle, native, handle);
    cr_assert_not_null(dor__scheduler_local(dor__scheduler_current(), &local_ops));
    free(n);
    atomic_fetch_add(&closed_handles, 1);
}

static void native_destroy(dor_actor *actor)
{
    native *n = DOR_CONTAINER_OF(actor, native, base);
    dor__timer_stop(actor->scheduler, &n->timer);
    dor__scheduler_undefer(actor->scheduler, &n->deferred);
    atomic_fetch_sub(&natives, 1);
    uv_close((uv_handle_t *)&n->handle, native_closed);
}

static void native_done(dor_timer *timer)
{
    native *n = DOR_CONTAINER_OF(timer, native, timer);
    atomic_fetch_add(&ended_in_time, 1);
    dor__scheduler_release(n->base.scheduler);
    dor__actor_end(&n->base, n->asked);
}

static void native_exit(dor_actor *actor, int reason)
{
    native *n = DOR_CONTAINER_OF(actor, native, base);
    cr_assert_eq(n->asked, 0, "asked twice");
    n->asked = reason;
    if (n->stubborn) return;
    dor__scheduler_hold(actor->scheduler);
    if (n->lingers)
        dor__timer_start(actor->scheduler, &n->timer, 20, native_done);
    else
        native_done(&n->timer);
}

static const dor_actor_ops native_ops = {native_receive, native_exit, native_destroy};

static void native_deferred(dor_deferred *deferred)
{
    native *n = DOR_CONTAINER_OF(deferred, native, deferred);
    if (++n->deferrals < 5) dor__scheduler_defer(n->base.scheduler, deferred);
}

static void native_start(dor_scheduler *s, void *arg)
{
    native *n = arg;
    n->deferred.fn = native_deferred;
    if (!dor__ok(dor__actor_init(&n->base, s, &native_ops))) {
        free(n); /* too late */
        return;
    }
    cr_assert_eq(uv_tcp_init(dor__scheduler_loop(s), &n->handle), 0);
    atomic_fetch_add(&natives, 1);
    dor__scheduler_defer(s, &n->deferred);
    dor__scheduler_defer(s, &n->deferred);
    cr_assert_not_null(dor__scheduler_local(s, &local_ops));
}

static void start_natives(dor_runtime *runtime, unsigned count, bool lingers, bool stubborn)
{
    for (unsigned i = 0; i < count; i++) {
        native *n = calloc(1, sizeof *n);
        n->lingers = lingers;
        n->stubborn = stubborn && i % 2;
        cr_assert(dor__ok(dor__scheduler_call(dor__runtime_scheduler(runtime, i % 2), native_start, n)));
    }
}

Test(runtime_stop, waits_for_what_native_actors_still_do)
{
    dor_runtime *runtime = runtime_of(2);
    start_natives(runtime, 20, true, false);
    WAIT_FOR(atomic_load(&natives) == 20);
    uint64_t start = now_ms();
    stop_runtime(runtime);
    cr_assert_geq(now_ms() - start, 20);
    cr_assert_eq(atomic_load(&ended_in_time), 20);
    cr_assert_eq(atomic_load(&closed_handles), 20);
    cr_assert_eq(atomic_load(&locals), 0);
}

/* ---- what is left without an actor ---- */

typedef struct leftover {
    uv_timer_t handle;
    dor_timer timer;
    dor_scheduler *scheduler;
} leftover;

static atomic_uint leftovers, leftovers_made;

static void leftover_closed(uv_handle_t *handle)
{
    free(DOR_CONTAINER_OF((uv_timer_t *)handle, leftover, handle));
    atomic_fetch_sub(&leftovers, 1);
}

static void leftover_rings(uv_timer_t *handle)
{
    uv_close((uv_handle_t *)handle, leftover_closed);
}

static void start_handle(dor_scheduler *s, void *arg)
{
    leftover *l = arg;
    uv_timer_init(dor__scheduler_loop(s), &l->handle);
    uv_timer_start(&l->handle, leftover_rings, 30, 0);
    atomic_fetch_add(&leftovers, 1);
    atomic_fetch_add(&leftovers_made, 1);
}

static void leftover_released(dor_timer *timer)
{
    leftover *l = DOR_CONTAINER_OF(timer, leftover, timer);
    dor__scheduler_release(l->scheduler);
    free(l);
    atomic_fetch_sub(&leftovers, 1);
}

static void start_hold(dor_scheduler *s, void *arg)
{
    leftover *l = arg;
    l->scheduler = s;
    dor__scheduler_hold(s);
    dor__timer_start(s, &l->timer, 30, leftover_released);
    atomic_fetch_add(&leftovers, 1);
    atomic_fetch_add(&leftovers_made, 1);
}

Test(runtime_stop, waits_for_holds_and_handles_that_no_actor_has)
{
    for (unsigned i = 0; i < 2; i++) {
        dor_runtime *runtime = runtime_of(2);
        leftover *l = calloc(1, sizeof *l);
        cr_assert(dor__ok(
            dor__scheduler_call(dor__runtime_scheduler(runtime, 1), i ? start_hold : start_handle, l)));
        WAIT_FOR(atomic_load(&leftovers_made) == i + 1); /* it may be over again by then */
        stop_runtime(runtime);
        cr_assert_eq(atomic_load(&leftovers), 0);
    }
}

Test(runtime_stop, kills_native_actors_that_do_not_end)
{
    dor_runtime *runtime = runtime_of(2);
    start_natives(runtime, 20, false, true);
    WAIT_FOR(atomic_load(&natives) == 20);
    cr_assert_eq(dor_runtime_stop(runtime, 500),
                 DOR_OK); /* ample for those that end, on a busy machine too */
    cr_assert_eq(atomic_load(&ended_in_time), 10);
    cr_assert_eq(atomic_load(&closed_handles), 20);
    cr_assert_eq(atomic_load(&live_blocks), 0);
}

Test(runtime_stop, calls_are_made_even_then)
{
    for (unsigned round = 0; round < scaled(100) + 2; round++) {
        dor_runtime *runtime = runtime_of(2);
        atomic_store(&natives, 0);
        start_natives(runtime, 50, false,
                      false); /* LeakSanitizer and valgrind see whether one was forgotten */
        stop_runtime(runtime);
    }
}

/* ---- deferred work and idle loops ---- */

typedef struct deferring {
    dor_deferred deferred;
    dor_scheduler *scheduler;
    dor_pid tell;
    unsigned rounds;
} deferring;

static void on_deferred(dor_deferred *deferred)
{
    deferring *d = DOR_CONTAINER_OF(deferred, deferring, deferred);
    if (--d->rounds == 0)
        send_number(d->tell, NUMBER, 0);
    else
        dor__scheduler_defer(d->scheduler,
                             deferred); /* with nothing else to do: the loop must not sleep over it */
}

static void start_deferring(dor_scheduler *s, void *arg)
{
    deferring *d = arg;
    d->scheduler = s;
    d->deferred.fn = on_deferred;
    dor__scheduler_defer(s, &d->deferred);
}

typedef struct timed {
    dor_timer timer;
    deferring *d;
} timed;

static void on_timer_defer(dor_timer *timer)
{
    start_deferring(dor__scheduler_current(), DOR_CONTAINER_OF(timer, timed, timer)->d);
}

static void start_timer(dor_scheduler *s, void *arg)
{
    dor__timer_start(s, arg, 2, on_timer_defer);
}

Test(runtime_stop, deferred_work_runs_before_the_loop_sleeps)
{
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    deferring d = {.tell = dor_self(), .rounds = scaled(400000)};
    cr_assert(dor__ok(dor__scheduler_call(dor__runtime_scheduler(runtime, 0), start_deferring, &d)));
    receive_number(NUMBER);
    timed t = {.d = &d};
    d.rounds = 3;
    cr_assert(dor__ok(dor__scheduler_call(dor__runtime_scheduler(runtime, 0), start_timer, &t)));
    receive_number(NUMBER);
    stop_runtime(runtime);
}

typedef struct undeferring {
    dor_deferred d[4];
    dor_pid tell;
    unsigned ran;
} undeferring;

static undeferring ud;

static void on_undefer(dor_deferred *deferred)
{
    dor_scheduler *s = dor__scheduler_current();
    ud.ran |= 1u << (deferred - ud.d);
    if (deferred == &ud.d[0]) {
        dor__scheduler_undefer(s, &ud.d[1]);
        dor__scheduler_undefer(s, &ud.d[3]); /* the last one */
        dor__scheduler_undefer(s, &ud.d[3]);
        dor__scheduler_defer(s, &ud.d[3]); /* again, for the next round */
    }
    if (deferred == &ud.d[3]) send_number(ud.tell, NUMBER, ud.ran);
}

static void start_undeferring(dor_scheduler *s, void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 4; i++) {
        ud.d[i].fn = on_undefer;
        dor__scheduler_defer(s, &ud.d[i]);
    }
    dor__scheduler_undefer(s, &ud.d[3]);
    dor__scheduler_defer(s, &ud.d[3]);
}

Test(runtime_stop, deferred_work_can_be_taken_back)
{
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    ud.tell = dor_self();
    cr_assert(dor__ok(dor__scheduler_call(dor__runtime_scheduler(runtime, 0), start_undeferring, NULL)));
    cr_assert_eq(receive_number(NUMBER), 1 | 4 | 8);
    stop_runtime(runtime);
}

/* ---- messages that arrive by I/O ---- */

typedef struct reader {
    dor_actor base;
    uv_poll_t poll;
    dor_pid to;
    int fd;
} reader;

static void on_readable(uv_poll_t *poll, int status, int events)
{
    reader *r = DOR_CONTAINER_OF(poll, reader, poll);
    char c;
    cr_assert(status == 0 && events == UV_READABLE);
    if (read(r->fd, &c, 1) == 1) send_number(r->to, NUMBER, (uint64_t)c);
}

static void reader_closed(uv_handle_t *handle)
{
    free(DOR_CONTAINER_OF((uv_poll_t *)handle, reader, poll));
}

static void reader_destroy(dor_actor *actor)
{
    uv_close((uv_handle_t *)&DOR_CONTAINER_OF(actor, reader, base)->poll, reader_closed);
}

static const dor_actor_ops reader_ops = {.receive = native_receive, .destroy = reader_destroy};

static void reader_start(dor_scheduler *s, void *arg)
{
    reader *r = arg;
    cr_assert(dor__ok(dor__actor_init(&r->base, s, &reader_ops)));
    cr_assert_eq(uv_poll_init(dor__scheduler_loop(s), &r->poll, r->fd), 0);
    cr_assert_eq(uv_poll_start(&r->poll, UV_READABLE, on_readable), 0);
}

Test(runtime_stop, messages_of_io_callbacks_are_handled_before_the_loop_sleeps)
{
    int ends[2];
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    dor_pid self = dor_self(), relay = spawn_on(runtime, DOR_ON(0), bounce, NULL, &self);
    reader *r = calloc(1, sizeof *r);
    r->fd = ends[1];
    r->to = relay;
    cr_assert(dor__ok(dor__scheduler_call(dor__runtime_scheduler(runtime, 0), reader_start, r)));
    for (unsigned i = 0; i < 100; i++) {
        char c = (char)i;
        cr_assert_eq(write(ends[0], &c, 1), 1);
        cr_assert_eq(receive_number(NUMBER), i);
    }
    stop_runtime(runtime);
    close(ends[0]);
    close(ends[1]);
}
