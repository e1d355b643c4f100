/* Exit signals and links of processes and ports. */
#include "runtime_support.h"

#include <dormouse/port.h>
#include <poll.h>

TestSuite(runtime_guest_exit, .init = count_memory, .timeout = 100);

enum { NUMBER = DOR_MSG_USER, RUN, DONE, QUIT };

/* ---- a thread that does what it is told ---- */

typedef struct guest {
    dor_runtime *runtime;
    uv_thread_t thread;
    _Atomic dor_pid pid;
    atomic_int result; /* of the latest order */
    atomic_uint orders;
    int (*_Atomic order)(struct guest *);
    dor_pid other;
    int argument;
    dor_exit_notice notice;
    uint64_t number;
} guest;

static void guest_main(void *arg)
{
    guest *g = arg;
    dor_pid pid;
    cr_assert_eq(dor_process_attach(g->runtime, &pid), DOR_OK);
    atomic_store(&g->pid, pid);
    for (;;) {
        int (*order)(guest *) = atomic_load(&g->order);
        if (!order) {
            uv_sleep(0);
            continue;
        }
        int result = order(g);
        atomic_store(&g->order, NULL);
        atomic_store(&g->result, result);
        atomic_fetch_add(&g->orders, 1);
        if (result == QUIT) return;
    }
}

static void start(guest *g, dor_runtime *runtime)
{
    memset(g, 0, sizeof *g);
    g->runtime = runtime;
    uv_thread_create(&g->thread, guest_main, g);
    WAIT_FOR(atomic_load(&g->pid));
}

static void let(guest *g, int (*order)(guest *), dor_pid other, int argument)
{
    g->other = other;
    g->argument = argument;
    atomic_store(&g->order, order);
}

static int result_of(guest *g, unsigned orders)
{
    WAIT_FOR(atomic_load(&g->orders) == orders + 1);
    return atomic_load(&g->result);
}

static int make(guest *g, int (*order)(guest *), dor_pid other, int argument)
{
    unsigned orders = atomic_load(&g->orders);
    let(g, order, other, argument);
    return result_of(g, orders);
}

static int do_link(guest *g)
{
    return dor_link(g->other);
}

static int do_unlink(guest *g)
{
    return dor_unlink(g->other);
}

static int do_trap(guest *g)
{
    return dor_trap_exit(g->argument);
}

static int do_exit(guest *g)
{
    return dor_exit(g->other, g->argument);
}

static int do_detach(guest *g)
{
    (void)g;
    return dor_process_detach();
}

static int do_quit(guest *g)
{
    (void)g;
    return QUIT;
}

/* The type of what has been received, or the code. */
static int look_at(guest *g, int result, dor_message *m)
{
    if (result != DOR_OK) return result;
    if (m->type == DOR_MSG_EXIT) memcpy(&g->notice, dor_message_payload(m), sizeof g->notice);
    if (m->type == NUMBER) g->number = number_in(m);
    result = (int)m->type;
    dor_message_free(m);
    return result;
}

static int do_receive(guest *g)
{
    dor_message *m = NULL;
    int result = dor_receive(&m, (uint32_t)g->argument);
    return look_at(g, result, m);
}

static int of_type(const dor_message *m, void *arg)
{
    return m->type == *(uint32_t *)arg;
}

static int do_receive_type(guest *g)
{
    dor_message *m = NULL;
    uint32_t type = (uint32_t)g->argument;
    int result = dor_receive_match(&m, of_type, &type, 30000);
    return look_at(g, result, m);
}

static void end(guest *g)
{
    let(g, do_quit, 0, 0);
    uv_thread_join(&g->thread);
}

/* ---- actors beside them ---- */

typedef struct neighbour {
    dor_pid other;
    atomic_uint linked, notices;
    atomic_int reason; /* of the latest notice, or its own end */
    atomic_bool ended;
} neighbour;

static void neighbour_receive(void *state, dor_message *m)
{
    neighbour *n = state;
    dor_exit_notice notice;
    if (m->type == RUN) {
        cr_assert_eq(dor_link(number_in(m)), DOR_OK);
        atomic_fetch_add(&n->linked, 1);
    } else if (m->type == QUIT) {
        cr_assert_eq(dor_unlink(number_in(m)), DOR_OK);
        atomic_fetch_add(&n->linked, 1);
    } else if (m->type == DOR_MSG_EXIT) {
        memcpy(&notice, dor_message_payload(m), sizeof notice);
        atomic_store(&n->reason, notice.reason);
        atomic_fetch_add(&n->notices, 1);
    }
    dor_message_free(m);
}

static void neighbour_stop(void *state, int reason)
{
    neighbour *n = state;
    atomic_store(&n->reason, reason);
    atomic_store(&n->ended, true);
}

static dor_pid neighbour_of(dor_runtime *runtime, neighbour *n, int trap)
{
    dor_pid pid;
    memset(n, 0, sizeof *n);
    dor_actor_spec spec = {.receive = neighbour_receive,
                           .stop = neighbour_stop,
                           .state = n,
                           .scheduler = DOR_ON_ANY,
                           .trap_exit = trap};
    cr_assert_eq(dor_spawn(runtime, &spec, &pid), DOR_OK);
    return pid;
}

static void link_from(dor_pid actor, neighbour *n, dor_pid to, uint32_t how)
{
    unsigned before = atomic_load(&n->linked);
    send_number(actor, how, to);
    WAIT_FOR(atomic_load(&n->linked) == before + 1);
}

static dor_runtime *begin(void)
{
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    return runtime;
}

/* ---- one that does not trap ---- */

Test(runtime_guest_exit, its_next_receive_says_so_once)
{
    guest g;
    neighbour linked, trapping;
    dor_ref ref;
    dor_runtime *runtime = begin();
    for (unsigned i = 0; i < 3;
         i++) { /* before it receives; while it waits; while it waits for something else */
        start(&g, runtime);
        dor_pid a = neighbour_of(runtime, &linked, 0), b = neighbour_of(runtime, &trapping, 1);
        dor_pid pid = atomic_load(&g.pid);
        cr_assert_eq(dor_monitor(pid, &ref), DOR_OK);
        cr_assert_eq(make(&g, do_link, a, 0), DOR_OK);
        link_from(b, &trapping, pid, RUN);
        cr_assert_eq(dor_exit(pid, DOR_OK), DOR_OK); /* of no effect */
        cr_assert_eq(make(&g, do_receive, 0, 1), DOR_E_TIMEOUT);
        send_number(pid, NUMBER, 1); /* is overtaken */
        if (i == 1) cr_assert_eq(make(&g, do_receive, 0, 1000), NUMBER);
        unsigned orders = atomic_load(&g.orders);
        if (i == 1) let(&g, do_receive, 0, 30000);
        if (i == 2) let(&g, do_receive_type, 0, DONE);
        if (i > 0) uv_sleep(5);
        cr_assert_eq(dor_exit(pid, 12), DOR_OK);
        cr_assert_eq(dor_exit(pid, 13), DOR_OK); /* the first one counts */
        if (i == 0) let(&g, do_receive, 0, 0);
        cr_assert_eq(result_of(&g, orders), DOR_E_EXITED);
        cr_assert_eq(make(&g, do_receive, 0, 0), DOR_E_NO_PROCESS);
        cr_assert_eq(make(&g, do_link, a, 0), DOR_E_NO_PROCESS);
        cr_assert_not(dor_is_alive(pid));
        dor_down down = receive_down();
        cr_assert(down.pid == pid && down.reason == 12);
        WAIT_FOR(atomic_load(&linked.ended) && atomic_load(&trapping.notices) == 1);
        cr_assert_eq(atomic_load(&linked.reason), 12);
        cr_assert_eq(atomic_load(&trapping.reason), 12);
        dor_exit(b, DOR_KILL);
        end(&g);
    }
    stop_runtime(runtime);
}

Test(runtime_guest_exit, whatever_it_ends_by_the_signal_came_first)
{
    guest g;
    dor_ref ref;
    dor_runtime *runtime = begin();
    for (unsigned i = 0; i < 3; i++) {
        start(&g, runtime);
        dor_pid pid = atomic_load(&g.pid);
        cr_assert_eq(dor_monitor(pid, &ref), DOR_OK);
        if (i < 2) dor_exit(pid, DOR_E_SHUTDOWN);
        if (i == 0) cr_assert_eq(make(&g, do_detach, 0, 0), DOR_OK);
        end(&g); /* a thread that ends without detaching is a process that ends */
        cr_assert_eq(receive_down().reason, i < 2 ? DOR_E_SHUTDOWN : DOR_OK);
    }
    stop_runtime(runtime);
}

Test(runtime_guest_exit, signals_to_itself)
{
    static const struct {
        int trap, reason, told;
    } cases[] = {{0, DOR_OK, DOR_OK}, {0, 5, 5}, {0, DOR_KILL, DOR_E_KILLED}, {1, DOR_KILL, DOR_E_KILLED}};
    guest g;
    dor_ref ref;
    dor_runtime *runtime = begin();
    for (unsigned i = 0; i < 4; i++) {
        start(&g, runtime);
        dor_pid pid = atomic_load(&g.pid);
        cr_assert_eq(dor_monitor(pid, &ref), DOR_OK);
        cr_assert_eq(make(&g, do_trap, 0, cases[i].trap), DOR_OK);
        cr_assert_eq(make(&g, do_exit, pid, cases[i].reason), DOR_OK);
        cr_assert_eq(make(&g, do_receive, 0, 0), DOR_E_EXITED);
        cr_assert_eq(receive_down().reason, cases[i].told);
        end(&g);
    }
    start(&g, runtime);
    cr_assert_eq(make(&g, do_trap, 0, 1), DOR_OK);
    cr_assert_eq(make(&g, do_exit, atomic_load(&g.pid), DOR_OK), DOR_OK);
    cr_assert_eq(make(&g, do_receive, 0, 0), DOR_MSG_EXIT);
    cr_assert(g.notice.pid == atomic_load(&g.pid) && g.notice.reason == DOR_OK);
    end(&g);
    cr_assert_eq(dor_exit_self(1), DOR_E_NO_PROCESS); /* is for actors */
    stop_runtime(runtime);
}

/* ---- one that traps ---- */

Test(runtime_guest_exit, notices_come_first)
{
    guest g;
    dor_runtime *runtime = begin();
    start(&g, runtime);
    dor_pid pid = atomic_load(&g.pid);
    cr_assert_eq(make(&g, do_trap, 0, 1), DOR_OK);
    send_number(pid, NUMBER, 1);
    dor_exit(pid, 21);
    dor_exit(pid, 22);
    send_number(pid, NUMBER, 2);
    cr_assert_eq(make(&g, do_receive, 0, 0), DOR_MSG_EXIT);
    cr_assert(g.notice.pid == dor_self() && g.notice.reason == 21);
    cr_assert_eq(make(&g, do_receive_type, 0, NUMBER), NUMBER); /* looks past the other one */
    cr_assert_eq(g.number, 1);
    dor_exit(pid, 23);
    cr_assert_eq(make(&g, do_receive_type, 0, DOR_MSG_EXIT), DOR_MSG_EXIT);
    cr_assert_eq(g.notice.reason, 22);
    cr_assert_eq(make(&g, do_receive, 0, 0), DOR_MSG_EXIT);
    cr_assert_eq(g.notice.reason, 23);
    cr_assert_eq(make(&g, do_receive, 0, 0), NUMBER);
    cr_assert_eq(g.number, 2);
    unsigned orders = atomic_load(&g.orders);
    let(&g, do_receive_type, 0, DOR_MSG_EXIT); /* waits */
    uv_sleep(5);
    send_number(pid, NUMBER, 3);
    dor_exit(pid, 24);
    cr_assert_eq(result_of(&g, orders), DOR_MSG_EXIT);
    dor_exit(pid, 25); /* never received */
    dor_exit(pid, DOR_KILL);
    cr_assert_eq(make(&g, do_receive, 0, 0), DOR_E_EXITED);
    end(&g);
    stop_runtime(runtime);
}

/* ---- links ---- */

Test(runtime_guest_exit, links_with_actors)
{
    guest g;
    neighbour n;
    dor_runtime *runtime = begin();
    for (unsigned i = 0; i < 8; i++) {
        bool by_actor = i & 1, actor_ends = i & 2, unlinked = i & 4;
        start(&g, runtime);
        dor_pid pid = atomic_load(&g.pid), actor = neighbour_of(runtime, &n, 1);
        cr_assert_eq(make(&g, do_trap, 0, 1), DOR_OK);
        if (by_actor) link_from(actor, &n, pid, RUN);
        if (!by_actor) cr_assert_eq(make(&g, do_link, actor, 0), DOR_OK);
        cr_assert_eq(make(&g, do_link, actor, 0), DOR_OK); /* again does nothing, nor does one's own pid */
        cr_assert_eq(make(&g, do_link, pid, 0), DOR_OK);
        if (unlinked && by_actor) cr_assert_eq(make(&g, do_unlink, actor, 0), DOR_OK);
        if (unlinked && !by_actor) link_from(actor, &n, pid, QUIT);
        if (unlinked) cr_assert_eq(make(&g, do_unlink, actor, 0), DOR_OK); /* harmless */
        if (actor_ends) {
            dor_exit(actor, DOR_KILL);
            WAIT_FOR(atomic_load(&n.ended));
            cr_assert_eq(make(&g, do_receive, 0, unlinked ? 10 : 30000),
                         unlinked ? DOR_E_TIMEOUT : DOR_MSG_EXIT);
            if (!unlinked) cr_assert(g.notice.pid == actor && g.notice.reason == DOR_E_KILLED);
            cr_assert_eq(make(&g, do_link, actor, 0), DOR_OK); /* the dead */
            cr_assert_eq(make(&g, do_receive, 0, 30000), DOR_MSG_EXIT);
            cr_assert(g.notice.pid == actor && g.notice.reason == DOR_E_NOPROC);
        } else {
            cr_assert_eq(make(&g, do_detach, 0, 0), DOR_OK);
            if (!unlinked) WAIT_FOR(atomic_load(&n.notices) == 1);
            cr_assert_eq(atomic_load(&n.reason), DOR_OK);
            link_from(actor, &n, pid, RUN);
            WAIT_FOR(atomic_load(&n.notices) == (unlinked ? 1 : 2));
            cr_assert_eq(atomic_load(&n.reason), DOR_E_NOPROC);
        }
        cr_assert_eq(make(&g, do_receive, 0, 1), actor_ends ? DOR_E_TIMEOUT : DOR_E_NO_PROCESS);
        end(&g);
    }
    stop_runtime(runtime);
}

Test(runtime_guest_exit, links_among_processes_and_runtimes)
{
    guest g[2];
    dor_runtime *here = begin(), *there = runtime_of(1);
    for (unsigned i = 0; i < 2; i++) {
        start(&g[0], here);
        start(&g[1], i == 0 ? here : there);
        cr_assert_eq(make(&g[0], do_link, atomic_load(&g[1].pid), 0), DOR_OK);
        dor_exit(atomic_load(&g[0].pid), 31);
        cr_assert_eq(make(&g[0], do_receive, 0, 0), DOR_E_EXITED);
        cr_assert_eq(make(&g[1], do_receive, 0, 0), DOR_E_EXITED); /* told before the other's call returned */
        end(&g[0]);
        end(&g[1]);
    }
    start(&g[0], here);
    start(&g[1], there);
    cr_assert_eq(make(&g[0], do_link, atomic_load(&g[1].pid), 0), DOR_OK);
    unsigned orders = atomic_load(&g[0].orders);
    let(&g[0], do_receive, 0, 30000);
    end(&g[1]);
    dor_pid gone = atomic_load(&g[1].pid);
    start(&g[1], there);
    cr_assert_eq(make(&g[1], do_link, atomic_load(&g[0].pid), 0), DOR_OK);
    cr_assert_eq(dor_runtime_stop(there, 5000), DOR_OK);
    cr_assert_eq(result_of(&g[0], orders), DOR_E_EXITED);
    cr_assert_eq(make(&g[1], do_link, gone, 0), DOR_E_STOPPED);
    end(&g[0]);
    end(&g[1]);
    stop_runtime(here);
}

Test(runtime_guest_exit, unlink_takes_back_a_notice_that_waits)
{
    guest g;
    neighbour n[2];
    dor_runtime *runtime = begin();
    start(&g, runtime);
    dor_pid a = neighbour_of(runtime, &n[0], 0), b = neighbour_of(runtime, &n[1], 0);
    cr_assert_eq(make(&g, do_trap, 0, 1), DOR_OK);
    cr_assert_eq(make(&g, do_link, a, 0), DOR_OK);
    cr_assert_eq(make(&g, do_link, b, 0), DOR_OK);
    dor_exit(a, 41);
    dor_exit(b, 42);
    WAIT_FOR(atomic_load(&n[0].ended) && atomic_load(&n[1].ended));
    cr_assert_eq(make(&g, do_receive_type, 0, DOR_MSG_EXIT), DOR_MSG_EXIT);
    dor_pid other = g.notice.pid == a ? b : a;
    cr_assert_eq(make(&g, do_unlink, other, 0), DOR_OK);
    cr_assert_eq(make(&g, do_receive, 0, 20), DOR_E_TIMEOUT);
    end(&g);
    stop_runtime(runtime);
}

static neighbour child;

static int do_spawn_link(guest *g)
{
    dor_pid pid;
    dor_actor_spec spec = {.receive = neighbour_receive,
                           .stop = neighbour_stop,
                           .state = &child,
                           .scheduler = DOR_ON(g->argument)};
    int result = dor_spawn_link(g->runtime, &spec, &pid);
    if (result == DOR_OK) g->other = pid;
    return result;
}

Test(runtime_guest_exit, spawn_link)
{
    guest g;
    dor_runtime *runtime = begin();
    for (int i = 0; i < 4; i++) {
        start(&g, runtime);
        memset(&child, 0, sizeof child);
        cr_assert_eq(make(&g, do_trap, 0, i < 2), DOR_OK);
        cr_assert_eq(make(&g, do_spawn_link, 0, 7), DOR_E_BADARG);
        cr_assert_eq(make(&g, do_spawn_link, 0, i & 1), DOR_OK);
        if (i < 2) {
            dor_exit(g.other, 51);
            cr_assert_eq(make(&g, do_receive, 0, 30000), DOR_MSG_EXIT);
            cr_assert_eq(g.notice.reason, 51);
        } else {
            dor_exit(atomic_load(&g.pid), 52);
            cr_assert_eq(make(&g, do_receive, 0, 0), DOR_E_EXITED);
            WAIT_FOR(atomic_load(&child.ended));
            cr_assert_eq(atomic_load(&child.reason), 52);
        }
        end(&g);
    }
    stop_runtime(runtime);
}

/* When its own runtime stops it hears that, and not that its partners have ended by it. */
Test(runtime_guest_exit, the_stop_of_its_runtime_is_no_signal)
{
    guest g;
    neighbour n[50];
    dor_runtime *runtime = runtime_of(2);
    start(&g, runtime);
    for (unsigned i = 0; i < 50; i++)
        cr_assert_eq(make(&g, do_link, neighbour_of(runtime, &n[i], 0), 0), DOR_OK);
    unsigned orders = atomic_load(&g.orders);
    let(&g, do_receive, 0, 60000);
    uv_sleep(2);
    cr_assert_eq(dor_runtime_stop(runtime, 5000), DOR_OK);
    cr_assert_eq(result_of(&g, orders), DOR_E_STOPPED);
    end(&g);
    cr_assert_eq(atomic_load(&live_blocks), 0);
}

/* ---- memory ---- */

static int do_everything(guest *g)
{
    dor_pid pid;
    dor_actor_spec spec = {.receive = neighbour_receive, .state = &child};
    int result = dor_link(g->other);
    if (result == DOR_OK) result = dor_trap_exit(1);
    if (result == DOR_OK) result = dor_exit(dor_self(), 5);
    if (result == DOR_OK) result = dor_unlink(g->other);
    if (result == DOR_OK) result = dor_spawn_link(g->runtime, &spec, &pid);
    return result;
}

Test(runtime_guest_exit, calls_that_find_no_memory)
{
    guest g;
    neighbour n;
    dor_runtime *runtime = begin();
    start(&g, runtime);
    dor_pid actor = neighbour_of(runtime, &n, 0);
    int result = DOR_E_NOMEM;
    unsigned failures = 0;
    for (long i = 0; result == DOR_E_NOMEM; i++) {
        atomic_store(&fail_after, i);
        result = make(&g, do_everything, actor, 0);
        atomic_store(&fail_after, -1);
        failures += result == DOR_E_NOMEM;
    }
    cr_assert_eq(result, DOR_OK);
    cr_assert_geq(failures, 5);
    end(&g); /* the end of one with links, and with notices that wait */
    stop_runtime(runtime);
}

Test(runtime_guest_exit, an_end_is_told_with_no_memory_left)
{
    guest g;
    neighbour n[20];
    dor_runtime *runtime = begin();
    start(&g, runtime);
    for (unsigned i = 0; i < 20; i++)
        cr_assert_eq(make(&g, do_link, neighbour_of(runtime, &n[i], (int)i % 2), 0), DOR_OK);
    cr_assert_eq(dor_exit(atomic_load(&g.pid), 61), DOR_OK);
    atomic_store(&fail_after, 0);
    cr_assert_eq(make(&g, do_receive, 0, 0), DOR_E_EXITED);
    for (unsigned i = 0; i < 20; i++) {
        WAIT_FOR(i % 2 ? atomic_load(&n[i].notices) == 1 : atomic_load(&n[i].ended));
        cr_assert_eq(atomic_load(&n[i].reason), 61);
    }
    atomic_store(&fail_after, -1);
    end(&g);
    stop_runtime(runtime);
}

/* ---- ports ---- */

static bool readable(dor_port port)
{
    struct pollfd p = {.fd = dor_port_fd(port), .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static int speak(dor_port port, int (*call)(dor_pid), dor_pid pid)
{
    cr_assert_eq(dor_port_enter(port), DOR_OK);
    int result = call(pid);
    cr_assert_eq(dor_port_leave(), DOR_OK);
    return result;
}

static int trap_now(dor_pid unused)
{
    (void)unused;
    return dor_trap_exit(1);
}

Test(runtime_guest_exit, ports)
{
    dor_port port;
    neighbour n[3];
    dor_message *m[8];
    dor_ref ref;
    size_t count;
    dor_runtime *runtime = begin();
    cr_assert_eq(dor_port_new(runtime, NULL, &port), DOR_OK);
    dor_pid a = neighbour_of(runtime, &n[0], 0), b = neighbour_of(runtime, &n[1], 1);
    cr_assert_eq(speak(port, trap_now, 0), DOR_OK);
    cr_assert_eq(speak(port, dor_link, a), DOR_OK);
    link_from(b, &n[1], port, RUN);
    send_number(port, NUMBER, 1);
    dor_exit(a, 71);
    WAIT_FOR(atomic_load(&n[0].ended));
    cr_assert_eq(dor_monitor(a, &ref), DOR_OK);
    (void)receive_down(); /* its scheduler comes to that when it has told its partners */
    dor_exit(port, 72);
    cr_assert(readable(port));
    cr_assert_eq(dor_port_drain(port, m, 1, &count), DOR_OK); /* one by one: it stays readable */
    cr_assert(count == 1 && m[0]->type == DOR_MSG_EXIT);
    dor_message_free(m[0]);
    cr_assert(readable(port));
    cr_assert_eq(dor_port_drain(port, m, 8, &count), DOR_OK);
    cr_assert(count == 2 && m[0]->type == DOR_MSG_EXIT && m[1]->type == NUMBER);
    dor_message_free(m[0]);
    dor_message_free(m[1]);
    cr_assert_not(readable(port));

    cr_assert_eq(dor_monitor(port, &ref), DOR_OK);
    dor_exit(port, DOR_KILL);
    cr_assert(readable(port));
    cr_assert_eq(dor_port_drain(port, m, 8, &count), DOR_E_EXITED);
    cr_assert_eq(receive_down().reason, DOR_E_KILLED);
    WAIT_FOR(atomic_load(&n[1].notices) == 1);
    cr_assert_eq(atomic_load(&n[1].reason), DOR_E_KILLED);
    cr_assert_eq(dor_port_close(port), DOR_OK);

    cr_assert_eq(dor_port_new(runtime, NULL, &port), DOR_OK); /* its close is a normal end */
    cr_assert_eq(speak(port, dor_link, b), DOR_OK);
    cr_assert_eq(speak(port, dor_link, neighbour_of(runtime, &n[2], 0)), DOR_OK);
    cr_assert_eq(dor_port_close(port), DOR_OK);
    WAIT_FOR(atomic_load(&n[1].notices) == 2);
    cr_assert_eq(atomic_load(&n[1].reason), DOR_OK);
    cr_assert_not(atomic_load(&n[2].ended));
    stop_runtime(runtime);
}

/* ---- all at once ---- */

enum { GUESTS = 4, ACTORS = 8 };

static struct {
    dor_runtime *runtime;
    _Atomic dor_pid pids[GUESTS + ACTORS];
    atomic_uint exited, notices;
} crowd;

static void receive_some(void)
{
    dor_message *m;
    while (dor_receive(&m, 0) == DOR_OK) {
        if (m->type == DOR_MSG_EXIT) atomic_fetch_add(&crowd.notices, 1);
        dor_message_free(m);
    }
}

static void be_in_a_crowd(void *arg)
{
    unsigned index = (unsigned)(uintptr_t)arg;
    uint32_t random = index * 7919 + 3;
    for (unsigned i = 0; i < scaled(20000); i++) {
        random = random * 1664525 + 1013904223;
        dor_pid self, other = atomic_load(&crowd.pids[(random >> 24) % (GUESTS + ACTORS)]);
        cr_assert_eq(dor_process_attach(crowd.runtime, &self), DOR_OK);
        if (self != atomic_load(&crowd.pids[index])) {
            atomic_store(&crowd.pids[index], self);
            cr_assert_eq(dor_trap_exit((int)index % 2), DOR_OK);
        }
        switch (random >> 16 & 7) {
        case 0: cr_assert_eq(dor_unlink(other), DOR_OK); break;
        case 1: cr_assert_eq(dor_exit(other, (int)(random >> 20 & 1)), DOR_OK); break;
        case 2: receive_some(); break;
        case 3:
            if (!(random >> 19 & 3)) dor_exit(other, DOR_KILL);
            break;
        case 4:
            if (!(random >> 19 & 7)) cr_assert_eq(dor_process_detach(), DOR_OK);
            break;
        default: cr_assert_eq(dor_link(other), DOR_OK); break;
        }
        dor_pid actor = atomic_load(&crowd.pids[GUESTS + index]);
        if (actor && dor_is_alive(actor)) continue;
        cr_assert_eq(dor_process_attach(crowd.runtime, NULL), DOR_OK);
        dor_actor_spec spec = {
            .receive = neighbour_receive, .state = &child, .trap_exit = (int)(random >> 30 & 1)};
        if (dor_spawn_link(crowd.runtime, &spec, &actor) == DOR_OK)
            atomic_store(&crowd.pids[GUESTS + index], actor);
    }
}

Test(runtime_guest_exit, many_link_and_end_at_once)
{
    uv_thread_t thread[GUESTS];
    crowd.runtime = runtime_of(2);
    for (uintptr_t i = 0; i < GUESTS; i++)
        uv_thread_create(&thread[i], be_in_a_crowd, (void *)i);
    for (unsigned i = 0; i < GUESTS; i++)
        uv_thread_join(&thread[i]);
    cr_assert_gt(atomic_load(&crowd.notices), 0);
    stop_runtime(crowd.runtime);
}
