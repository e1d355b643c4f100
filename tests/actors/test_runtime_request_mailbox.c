/* Requests and mailboxes: of ports, with limits, with buffers in them; the order in them; and exit signals to one that calls. */
#include "request_support.h"

#include <dormouse/port.h>

TestSuite(runtime_request_mailbox, .init = count_memory, .timeout = 60);

/* ---- ports ---- */

static dor_message *drain_one(dor_port port)
{
    dor_message *m = NULL;
    size_t count = 0;
    uint64_t end = now_ms() + 30000;
    while (count == 0 && now_ms() < end) {
        cr_assert_eq(dor_port_drain(port, &m, 1, &count), DOR_OK);
        if (count == 0) uv_sleep(1);
    }
    cr_assert_eq(count, 1);
    return m;
}

Test(runtime_request_mailbox, port_asks)
{
    dor_port port;
    dor_message *m;
    size_t count;
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    cr_assert_eq(dor_port_new(runtime, NULL, &port), DOR_OK);
    server state = {.tell = dor_self()};
    dor_pid to = spawn_on(runtime, DOR_ON(1), serve, NULL, &state);
    cr_assert_eq(dor_port_enter(port), DOR_OK);
    dor_ref answered = ask(to, 1, 30000), kept = ask(to, 0, 20), cancelled = ask(to, 0, 20);
    cr_assert_eq(dor_call(to, question_message(ASK, 1), 30000, &m), DOR_E_WOULD_DEADLOCK);
    cr_assert_eq(dor_cancel_request(cancelled), DOR_OK);
    cr_assert_eq(dor_port_leave(), DOR_OK);
    cr_assert_eq(dor_cancel_request(kept), DOR_E_NOPROC); /* the port's, not the process's */
    for (unsigned i = 0; i < 2; i++) {
        m = drain_one(port);
        dor_no_reply told = no_reply_in(m);
        cr_assert_eq(told.ref, m->type == ANSWER ? answered : kept);
        cr_assert(m->type == ANSWER || (m->type == DOR_MSG_NO_REPLY && told.reason == DOR_E_TIMEOUT));
        dor_message_free(m);
    }
    cr_assert_eq(dor_port_drain(port, &m, 1, &count), DOR_OK);
    cr_assert_eq(count, 0);
    cr_assert_eq(dor_port_enter(port), DOR_OK);
    kept = ask(to, 0, 60000); /* open when the port ends */
    cr_assert_eq(dor_port_close(port), DOR_OK);
    for (unsigned i = 0; i < 3; i++)
        cr_assert(receive_note());
    cr_assert_eq(dor_reply(kept, question_message(ANSWER, 1)), DOR_E_NOPROC);
    stop_runtime(runtime);
}

/* ---- mailboxes with limits ---- */

typedef struct narrow {
    dor_runtime *runtime;
    dor_mailbox_limits limits;
    dor_pid tell;
    dor_pid to;
    int code;
    atomic_bool over;
} narrow;

/* A process with a limited mailbox that answers one request and receives no more. */
static void serve_narrowly(void *arg)
{
    narrow *n = arg;
    dor_message *m;
    cr_assert_eq(dor_process_attach_limited(n->runtime, &n->limits, NULL), DOR_OK);
    send_number(n->tell, GO, dor_self());
    cr_assert_eq(dor_receive(&m, 30000), DOR_OK);
    (void)dor_reply(question_in(m)->ref, question_message(ANSWER, 2));
    dor_message_free(m);
    WAIT_FOR(atomic_load(&n->over));
}

Test(runtime_request_mailbox, of_one_whose_mailbox_is_full)
{
    uv_thread_t thread;
    dor_message *m;
    dor_ref ref;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    narrow n = {.runtime = runtime, .limits = {.messages = 1}, .tell = dor_self()};
    uv_thread_create(&thread, serve_narrowly, &n);
    dor_pid to = receive_number(GO);
    cr_assert_eq(dor_call(to, question_message(ASK, 1), 30000, &m), DOR_OK);
    dor_message_free(m);
    cr_assert_eq(send_number(to, OTHER, 0), DOR_OK); /* fills it */
    check_no_reply(ask(to, 1, 30000), DOR_E_MAILBOX_FULL);
    check_no_reply(ask(to, 1, DOR_INFINITY), DOR_E_MAILBOX_FULL);
    cr_assert_eq(dor_call(to, question_message(ASK, 1), 30000, &m), DOR_E_MAILBOX_FULL);
    ref = ask(to, 1, DOR_INFINITY);
    cr_assert_eq(dor_cancel_request(ref), DOR_OK); /* though the refusal is there already */
    check_nothing();
    for (long i = 0, code = DOR_E_NOMEM; code != DOR_OK; i++) { /* without memory: one of the two tells */
        m = question_message(ASK, 1);
        atomic_store(&fail_after, i);
        code = dor_request(to, m, DOR_INFINITY, &ref);
        atomic_store(&fail_after, -1);
        cr_assert(code == DOR_OK || code == DOR_E_NOMEM);
    }
    check_no_reply(ref, DOR_E_MAILBOX_FULL);
    check_nothing();
    atomic_store(&n.over, true);
    uv_thread_join(&thread);
    stop_runtime(runtime);
}

/*
 * An actor that does not get round to its mailbox, which has room for one message. It holds up its scheduler, so that is not
 * the one that has this process's timers.
 */
typedef struct stuck {
    atomic_bool begun;
    atomic_bool over;
} stuck;

static void be_stuck(void *state, dor_message *message)
{
    stuck *s = state;
    question *q = dor_message_payload(message);
    if (message->type == GO) {
        atomic_store(&s->begun, true);
        WAIT_FOR(atomic_load(&s->over));
    } else if (message->type == ASK) {
        (void)dor_reply(q->ref, question_message(ANSWER, q->number + 1));
    }
    dor_message_free(message);
}

static dor_pid spawn_stuck(dor_runtime *runtime, stuck *s, dor_mailbox_policy policy)
{
    dor_pid pid;
    dor_actor_spec spec = {
        .receive = be_stuck, .state = s, .scheduler = DOR_ON(1), .mailbox = {1, 0, policy}};
    cr_assert_eq(dor_spawn(runtime, &spec, &pid), DOR_OK);
    cr_assert_eq(send_number(pid, GO, 0), DOR_OK);
    WAIT_FOR(atomic_load(&s->begun));
    return pid;
}

Test(runtime_request_mailbox, of_actors_whose_mailboxes_are_full)
{
    static stuck refuses, drops_newest, drops_oldest, kills;
    dor_message *m;
    dor_runtime *runtime = runtime_of(4);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    dor_pid to = spawn_stuck(runtime, &refuses, DOR_MAILBOX_REFUSE);
    dor_ref ref = ask(to, 1, DOR_INFINITY);
    check_no_reply(ask(to, 2, DOR_INFINITY), DOR_E_MAILBOX_FULL);
    cr_assert_eq(dor_call(to, question_message(ASK, 2), DOR_INFINITY, &m), DOR_E_MAILBOX_FULL);
    atomic_store(&refuses.over, true);
    check_answer(ref, 2);

    to = spawn_stuck(runtime, &drops_newest, DOR_MAILBOX_DROP_NEWEST);
    ref = ask(to, 1, DOR_INFINITY);
    check_no_reply(ask(to, 2, 10), DOR_E_TIMEOUT); /* dropped: nobody else tells */
    atomic_store(&drops_newest.over, true);
    check_answer(ref, 2);

    to = spawn_stuck(runtime, &drops_oldest, DOR_MAILBOX_DROP_OLDEST);
    dor_ref dropped = ask(to, 1, 10);
    ref = ask(to, 2, DOR_INFINITY);
    check_no_reply(dropped, DOR_E_TIMEOUT);
    atomic_store(&drops_oldest.over, true);
    check_answer(ref, 3);

    to = spawn_stuck(runtime, &kills, DOR_MAILBOX_KILL);
    ref = ask(to, 1, DOR_INFINITY);
    dor_ref last = ask(to, 2, DOR_INFINITY);
    atomic_store(&kills.over, true);
    for (unsigned i = 0; i < 2; i++) { /* it may come to the first one before its end comes to it */
        cr_assert_eq(dor_receive(&m, 30000), DOR_OK);
        dor_no_reply told = no_reply_in(m);
        cr_assert(told.ref == last || told.ref == ref);
        if (told.ref == last || m->type != ANSWER) {
            cr_assert_eq(m->type, (uint32_t)DOR_MSG_NO_REPLY);
            cr_assert_eq(told.reason, DOR_E_MAILBOX_FULL);
        }
        dor_message_free(m);
    }
    check_nothing();
    stop_runtime(runtime);
}

/* Replies to itself, and then sends: the order must be that, also where the mailbox has limits. */
static void keep_order(void *state, dor_message *message)
{
    asker *a = state;
    if (message->type ==
        GO) { /* the first message asks, the others come in the order in which they were sent */
        dor_pid to = number_in(message);
        cr_assert_eq(dor_request(to, question_message(ASK, 1), DOR_INFINITY, NULL), DOR_OK);
    } else {
        dor_send(a->tell, message);
        return;
    }
    dor_message_free(message);
}

static void reply_in_between(void *state, dor_message *message)
{
    question *q = dor_message_payload(message);
    dor_pid to = *(dor_pid *)state;
    send_number(to, OTHER, 1);
    (void)dor_reply(q->ref, question_message(ANSWER, 2));
    send_number(to, OTHER, 3);
    dor_exit_self(DOR_OK); /* and is not overtaken by its end */
    dor_message_free(message);
}

static void check_order(int asker_on, int server_on, dor_mailbox_limits limits)
{
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    asker a = {.tell = dor_self()};
    dor_pid from, to;
    dor_actor_spec spec = {
        .receive = keep_order, .state = &a, .scheduler = DOR_ON(asker_on), .mailbox = limits};
    cr_assert_eq(dor_spawn(runtime, &spec, &from), DOR_OK);
    to = spawn_on(runtime, DOR_ON(server_on), reply_in_between, NULL, &from);
    send_number(from, GO, to);
    for (uint64_t i = 1; i <= 3; i++) {
        dor_message *m = receive_any(i == 2 ? ANSWER : OTHER);
        cr_assert_eq(i == 2 ? question_in(m)->number : number_in(m), i);
        dor_message_free(m);
    }
    check_nothing();
    stop_runtime(runtime);
}

Test(runtime_request_mailbox, replies_keep_their_place)
{
    dor_mailbox_limits none = {0}, some = {.messages = 10};
    for (int server_on = 0; server_on < 2; server_on++) {
        check_order(0, server_on, none);
        check_order(0, server_on, some);
    }
}

static void carry(void *state, dor_message *message)
{
    dor_ref ref;
    (void)state;
    memcpy(&ref, dor_message_payload(message), sizeof ref);
    dor_buffer *buffer = dor_message_take_buffer(message);
    cr_assert_not_null(buffer);
    (void)dor_reply(ref, dor_message_new_buffer(ANSWER, buffer));
    dor_message_free(message);
}

Test(runtime_request_mailbox, that_carry_buffers)
{
    dor_message *m;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    dor_pid to = spawn_on(runtime, DOR_ON(0), carry, NULL, NULL);
    dor_buffer *buffer = dor_buffer_new("abc", 3);
    cr_assert_eq(dor_call(to, dor_message_new_buffer(ASK, dor_buffer_ref(buffer)), 30000, &m), DOR_OK);
    cr_assert_eq(dor_message_buffer(m), buffer);
    dor_message_free(m);
    dor_buffer_unref(buffer);
    cr_assert_eq(dor_reply(5, dor_message_new_buffer(ANSWER, dor_buffer_new("abc", 3))), DOR_E_NOPROC);
    /* The library's messages have something else in the place of the reference. */
    dor_stop(to, DOR_OK);
    cr_assert_eq(dor_monitor(to, NULL), DOR_OK);
    cr_assert_eq(dor_request(to, receive_any(DOR_MSG_DOWN), 10, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_monitor(to, NULL), DOR_OK);
    cr_assert_eq(dor_reply(5, receive_any(DOR_MSG_DOWN)), DOR_E_BADARG);
    stop_runtime(runtime);
}

static void call_narrowly(void *arg)
{
    narrow *n = arg;
    dor_message *m = NULL;
    cr_assert_eq(dor_process_attach_limited(n->runtime, &n->limits, NULL), DOR_OK);
    dor_pid self = dor_self();
    send_number(self, OTHER, 5); /* its mailbox is full, but replies always have room */
    cr_assert_eq(dor_call(n->to, question_message(ASK, 3), 30000, &m), DOR_OK);
    cr_assert_eq(question_in(m)->number, 4);
    dor_message_free(m);
    send_number(n->tell, GO, self);
    n->code = dor_call(n->to, question_message(ASK, 0), DOR_INFINITY, &m);
}

Test(runtime_request_mailbox, call_of_one_that_an_exit_signal_ends)
{
    uv_thread_t thread;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    server state = {.tell = dor_self()};
    narrow n = {
        .runtime = runtime, .limits = {.messages = 1, .policy = DOR_MAILBOX_KILL}, .tell = dor_self()};
    n.to = spawn_on(runtime, DOR_ON(0), serve, NULL, &state);
    uv_thread_create(&thread, call_narrowly, &n);
    dor_pid caller_pid = receive_number(GO);
    dor_ref ref = receive_note();
    cr_assert_eq(send_number(caller_pid, OTHER, 6), DOR_E_MAILBOX_FULL); /* and that kills it */
    uv_thread_join(&thread);
    cr_assert_eq(n.code, DOR_E_EXITED, "%d", n.code);
    cr_assert_eq(dor_reply(ref, question_message(ANSWER, 1)), DOR_E_NOPROC);
    stop_runtime(runtime);
}

static void call_twice(void *arg)
{
    narrow *n = arg;
    dor_message *m = NULL;
    cr_assert_eq(dor_process_attach(n->runtime, NULL), DOR_OK);
    cr_assert_eq(dor_trap_exit(1), DOR_OK);
    send_number(dor_self(), OTHER, 1);
    send_number(n->tell, GO, dor_self());
    cr_assert_eq(dor_call(n->to, question_message(ASK, 0), DOR_INFINITY, &m), DOR_OK);
    cr_assert_eq(question_in(m)->number, 77);
    dor_message_free(m);
    dor_message_free(receive_any(DOR_MSG_EXIT)); /* it was told meanwhile, and goes before what waits */
    cr_assert_eq(receive_number(OTHER), 1);
    cr_assert_eq(dor_trap_exit(0), DOR_OK);
    send_number(n->tell, GO, 0);
    n->code = dor_call(n->to, question_message(ASK, 0), DOR_INFINITY, &m);
}

Test(runtime_request_mailbox, exit_signals_during_a_call)
{
    uv_thread_t thread;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    server state = {.tell = dor_self()};
    narrow n = {.runtime = runtime, .tell = dor_self()};
    n.to = spawn_on(runtime, DOR_ON(0), serve, NULL, &state);
    uv_thread_create(&thread, call_twice, &n);
    dor_pid caller_pid = receive_number(GO);
    dor_ref ref = receive_note();
    cr_assert_eq(dor_exit(caller_pid, DOR_E_CLOSED), DOR_OK);
    cr_assert_eq(dor_reply(ref, question_message(ANSWER, 77)), DOR_OK);
    cr_assert_eq(receive_number(GO), 0);
    ref = receive_note();
    cr_assert_eq(dor_exit(caller_pid, DOR_OK), DOR_OK); /* says nothing to one that does not trap */
    cr_assert_eq(dor_exit(caller_pid, DOR_E_CLOSED), DOR_OK);
    uv_thread_join(&thread);
    cr_assert_eq(n.code, DOR_E_EXITED, "%d", n.code);
    cr_assert_eq(dor_reply(ref, question_message(ANSWER, 1)), DOR_E_NOPROC);
    stop_runtime(runtime);
}
