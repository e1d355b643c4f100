/* Requests: replies, timeouts, ends, and what is refused; every request has exactly one outcome. */
#include "request_support.h"

#include "runtime/private.h"

TestSuite(runtime_request, .init = count_memory, .timeout = 60);

Test(runtime_request, process_asks_actor)
{
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    server state = {.tell = dor_self()};
    dor_pid to = spawn_on(runtime, DOR_ON(1), serve, NULL, &state);
    dor_ref first = ask(to, 7, 10000), second = ask(to, 8, DOR_INFINITY);
    cr_assert_neq(first, second);
    check_answer(first, 8);
    check_answer(second, 9);

    dor_ref kept = ask(to, 0, 20); /* nobody replies in time */
    cr_assert_eq(receive_note(), kept);
    check_no_reply(kept, DOR_E_TIMEOUT);
    cr_assert_eq(dor_reply(kept, question_message(ANSWER, 1)), DOR_E_NOPROC);
    check_nothing();

    kept = ask(to, 0, 0);
    dor_message *m[2]; /* the note and the timeout, in either order */
    for (unsigned i = 0; i < 2; i++)
        cr_assert_eq(dor_receive(&m[i], 30000), DOR_OK);
    cr_assert_neq(m[0]->type, m[1]->type);
    cr_assert(m[0]->type == DOR_MSG_NO_REPLY || m[1]->type == DOR_MSG_NO_REPLY);
    for (unsigned i = 0; i < 2; i++)
        dor_message_free(m[i]);
    stop_runtime(runtime);
}

Test(runtime_request, ends_of_the_one_that_is_asked)
{
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    server state = {.tell = dor_self()};
    static const int reasons[] = {DOR_OK, DOR_E_CLOSED, 42};
    for (unsigned i = 0; i < 3; i++) {
        dor_pid to = spawn_on(runtime, DOR_ON(1), serve, NULL, &state);
        dor_ref kept = ask(to, 0, 30000), answered = ask(to, 1, 30000);
        cr_assert_eq(receive_note(), kept);
        check_answer(answered, 2);
        dor_stop(to, reasons[i]);
        dor_ref behind = ask(to, 1, 30000); /* it is dead already, or this waits in its mailbox */
        for (unsigned j = 0; j < 2; j++) {  /* the order of the two means nothing */
            dor_message *m = receive_any(DOR_MSG_NO_REPLY);
            dor_no_reply told = no_reply_in(m);
            cr_assert(told.ref == behind || told.ref == kept);
            cr_assert(told.reason == reasons[i] || (told.ref == behind && told.reason == DOR_E_NOPROC));
            dor_message_free(m);
        }
        WAIT_FOR(!dor__pid_alive(to));
        check_no_reply(ask(to, 1, 30000), DOR_E_NOPROC);
        dor_ref at_once = ask(to, 1, 0); /* two reasons, and either may come first */
        dor_message *m = receive_any(DOR_MSG_NO_REPLY);
        cr_assert_eq(no_reply_in(m).ref, at_once);
        cr_assert(no_reply_in(m).reason == DOR_E_NOPROC || no_reply_in(m).reason == DOR_E_TIMEOUT);
        dor_message_free(m);
    }
    check_no_reply(ask(DOR_PID_NONE, 1, DOR_INFINITY), DOR_E_NOPROC);
    check_no_reply(ask(dor_make_ref(), 1, DOR_INFINITY), DOR_E_NOPROC);
    check_nothing();
    stop_runtime(runtime);
}

Test(runtime_request, cancelled)
{
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    server state = {.tell = dor_self()};
    dor_pid to = spawn_on(runtime, DOR_ON(1), serve, NULL, &state);
    dor_ref kept = ask(to, 0, 60000), soon = ask(to, 0, 20);
    cr_assert_eq(dor_cancel_request(soon), DOR_OK);
    cr_assert_eq(receive_note(), kept);
    cr_assert_eq(receive_note(), soon);
    cr_assert_eq(dor_demonitor(kept), DOR_E_NOPROC); /* not a monitor */
    cr_assert_eq(dor_cancel_request(kept), DOR_OK);
    cr_assert_eq(dor_cancel_request(kept), DOR_E_NOPROC);
    cr_assert_eq(dor_reply(kept, question_message(ANSWER, 1)), DOR_E_NOPROC);
    dor_ref answered = ask(to, 3, 30000);
    WAIT_FOR(dor_reply(answered, question_message(ANSWER, 9)) == DOR_OK); /* it is there, or on its way */
    cr_assert_eq(dor_cancel_request(answered), DOR_OK);                   /* but has not been received */
    uv_sleep(30);
    check_nothing();
    dor_ref monitor, plain = dor_make_ref();
    cr_assert_eq(dor_monitor(to, &monitor), DOR_OK);
    cr_assert_eq(dor_cancel_request(monitor), DOR_E_NOPROC);
    cr_assert_eq(dor_cancel_request(plain), DOR_E_NOPROC);
    cr_assert_eq(dor_cancel_request(0), DOR_E_NOPROC);
    cr_assert_eq(dor_demonitor(monitor), DOR_OK);
    stop_runtime(runtime);
}

Test(runtime_request, two_replies)
{
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    server state = {.tell = dor_self()};
    dor_pid to = spawn_on(runtime, DOR_ON(0), serve, NULL, &state);
    dor_ref kept = ask(to, 0, 30000);
    cr_assert_eq(receive_note(), kept);
    cr_assert_eq(dor_reply(kept, question_message(ANSWER, 1)), DOR_OK); /* from the asker itself */
    (void)dor_reply(kept, question_message(ANSWER, 2));
    check_answer(kept, 1);
    check_nothing();
    cr_assert_eq(dor_reply(kept, question_message(ANSWER, 3)), DOR_E_NOPROC);
    stop_runtime(runtime);
}

static atomic_int destroyed;

static void count_destroyed(dor_message *m)
{
    cr_assert_eq(m->type, ANSWER); /* never with the runtime's mark */
    atomic_fetch_add(&destroyed, 1);
}

static dor_message *counted_answer(void)
{
    dor_message *m = dor_message_new(ANSWER, sizeof(dor_ref), count_destroyed);
    cr_assert_not_null(m);
    return m;
}

Test(runtime_request, bad_references_and_messages)
{
    dor_message *m;
    dor_ref monitor;
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    server state = {.tell = dor_self()};
    dor_pid to = spawn_on(runtime, DOR_ON(1), serve, NULL, &state);
    dor_ref kept = ask(to, 0, 30000);
    cr_assert_eq(receive_note(), kept);
    cr_assert_eq(dor_monitor(to, &monitor), DOR_OK);
    int expected = 0;
    for (unsigned kind = 0; kind < 8; kind++) {
        dor_ref forged = (kept & ~((uint64_t)7 << 61)) | (uint64_t)kind << 61;
        if (forged == kept) continue;
        cr_assert_eq(dor_reply(forged, counted_answer()), DOR_E_NOPROC);
        expected++;
    }
    static const unsigned bits[] = {0, 24, 30, 48, 49, 54, 55, 60}; /* generation, slot, scheduler, runtime */
    for (unsigned i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        cr_assert_eq(dor_reply(kept ^ (uint64_t)1 << bits[i], counted_answer()), DOR_E_NOPROC, "bit %u",
                     bits[i]);
        expected++;
    }
    dor_ref others[] = {0, dor_make_ref(), to, dor_self(), UINT64_MAX};
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
        cr_assert_eq(dor_reply(others[i], counted_answer()), DOR_E_NOPROC);
        expected++;
    }
    (void)dor_reply(monitor, counted_answer()); /* a monitor is not a request: dropped */
    check_nothing();
    cr_assert_eq(atomic_load(&destroyed), expected + 1);
    cr_assert_eq(dor_demonitor(monitor), DOR_OK);

    cr_assert_eq(dor_request(to, NULL, 1, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_request(to, dor_message_new(ASK, 7, NULL), 1, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_reply(kept, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_reply(kept, dor_message_new(ASK, 0, NULL)), DOR_E_BADARG);
    cr_assert_eq(dor_call(to, dor_message_new(ASK, 7, NULL), 1, &m), DOR_E_BADARG);
    cr_assert_eq(dor_call(to, NULL, 1, &m), DOR_E_BADARG);
    cr_assert_eq(dor_call(to, question_message(ASK, 1), 1, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_cancel_request(kept), DOR_OK);
    check_nothing();
    stop_runtime(runtime);
}

static void ask_as_nobody(void *arg)
{
    dor_message *m;
    dor_pid to = *(dor_pid *)arg;
    dor_ref ref;
    cr_assert_eq(dor_request(to, question_message(ASK, 1), 10, &ref), DOR_E_NO_PROCESS);
    cr_assert_eq(dor_cancel_request(5), DOR_E_NO_PROCESS);
    cr_assert_eq(dor_call(to, question_message(ASK, 1), 10, &m), DOR_E_NO_PROCESS);
}

Test(runtime_request, threads_that_are_nobody)
{
    uv_thread_t thread;
    dor_runtime *runtime = runtime_of(1);
    dor_pid to = spawn_on(runtime, DOR_ON(0), serve, NULL, NULL);
    uv_thread_create(&thread, ask_as_nobody, &to);
    uv_thread_join(&thread);
    stop_runtime(runtime);
}

/* ---- actors that ask ---- */

static dor_ref let_ask(dor_pid asker_pid, dor_pid to, uint64_t number, uint32_t timeout_ms)
{
    dor_message *go = question_message(GO, number);
    question_in(go)->to = to;
    question_in(go)->ref = timeout_ms;
    cr_assert_eq(dor_send(asker_pid, go), DOR_OK);
    return receive_number(GO);
}

static void actor_asks_actor(int asker_on, int server_on)
{
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    server state = {.tell = dor_self()};
    asker a = {.tell = dor_self()};
    dor_pid from = spawn_on(runtime, DOR_ON(asker_on), asking, NULL, &a);
    dor_pid to = spawn_on(runtime, DOR_ON(server_on), serve, NULL, &state);
    check_answer(let_ask(from, to, 5, 30000), 6);
    check_answer(let_ask(from, to, 6, DOR_INFINITY), 7);
    dor_message *note = NULL, *gone = NULL, *told = NULL;
    dor_message *go = question_message(GO, 0);
    question_in(go)->to = to;
    question_in(go)->ref = 20;
    cr_assert_eq(dor_send(from, go), DOR_OK);
    for (unsigned i = 0; i < 3; i++) { /* who asked, the server and the timeout speak in some order */
        dor_message *m;
        cr_assert_eq(dor_receive(&m, 30000), DOR_OK);
        *(m->type == NOTE ? &note : m->type == GO ? &gone : &told) = m;
    }
    cr_assert(note && gone && told && told->type == DOR_MSG_NO_REPLY);
    cr_assert_eq(no_reply_in(told).reason, DOR_E_TIMEOUT);
    cr_assert_eq(no_reply_in(told).ref, number_in(note));
    cr_assert_eq(dor_reply(number_in(note), question_message(ANSWER, 1)), DOR_E_NOPROC);
    dor_message_free(note);
    dor_message_free(gone);
    dor_message_free(told);
    dor_stop(to, DOR_E_CLOSED);
    WAIT_FOR(!dor__pid_alive(to));
    check_no_reply(let_ask(from, to, 1, 30000), DOR_E_NOPROC);
    check_nothing();
    stop_runtime(runtime);
}

Test(runtime_request, actor_asks_actor_on_one_scheduler)
{
    actor_asks_actor(0, 0);
}

Test(runtime_request, actor_asks_actor_on_two_schedulers)
{
    actor_asks_actor(0, 1);
}

Test(runtime_request, actor_asks_process_and_ends_first)
{
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    asker a = {.tell = dor_self()};
    dor_pid from = spawn_on(runtime, DOR_ON(0), asking, NULL, &a);
    dor_message *go = question_message(GO, 5);
    question_in(go)->to = dor_self();
    question_in(go)->ref = 30000;
    cr_assert_eq(dor_send(from, go), DOR_OK);
    dor_message *m = receive_any(ASK);
    dor_ref ref = question_in(m)->ref;
    dor_message_free(m);
    cr_assert_eq(receive_number(GO), ref);
    cr_assert_eq(dor_reply(ref, question_message(ANSWER, 6)), DOR_OK);
    check_answer(ref, 6);
    ref = 0;
    go = question_message(GO, 5);
    question_in(go)->to = dor_self();
    question_in(go)->ref = 30000;
    cr_assert_eq(dor_send(from, go), DOR_OK);
    m = receive_any(ASK);
    ref = question_in(m)->ref;
    dor_message_free(m);
    cr_assert_eq(receive_number(GO), ref);
    dor_stop(from, DOR_OK);
    WAIT_FOR(!dor__pid_alive(from));
    cr_assert_eq(dor_reply(ref, question_message(ANSWER, 6)), DOR_E_NOPROC);
    check_nothing();
    stop_runtime(runtime);
}

/* ---- forwarding, itself, another runtime ---- */

static void forward(void *state, dor_message *message)
{
    dor_send(*(dor_pid *)state, message);
}

Test(runtime_request, forwarded)
{
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    server state = {.tell = dor_self()};
    dor_pid last = spawn_on(runtime, DOR_ON(1), serve, NULL, &state);
    dor_pid first = spawn_on(runtime, DOR_ON(0), forward, NULL, &last);
    check_answer(ask(first, 3, 30000), 4);
    stop_runtime(runtime);
}

static void ask_itself(void *state, dor_message *message)
{
    static dor_ref asked;
    question *q = dor_message_payload(message);
    switch (message->type) {
    case GO: cr_assert_eq(dor_request(dor_self(), question_message(ASK, 1), 1000, &asked), DOR_OK); break;
    case ASK:
        cr_assert_eq(q->ref, asked);
        cr_assert_eq(dor_reply(q->ref, question_message(ANSWER, 2)), DOR_OK);
        break;
    default:
        cr_assert_eq(message->type, ANSWER);
        cr_assert_eq(q->ref, asked);
        send_number(*(dor_pid *)state, NOTE, q->number);
    }
    dor_message_free(message);
}

Test(runtime_request, of_oneself)
{
    dor_message *m;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    dor_pid self = dor_self();
    dor_pid pid = spawn_on(runtime, DOR_ON(0), ask_itself, NULL, &self);
    send_number(pid, GO, 0);
    cr_assert_eq(receive_note(), 2);
    dor_ref ref = ask(self, 5, DOR_INFINITY);
    m = receive_any(ASK);
    cr_assert_eq(question_in(m)->ref, ref);
    dor_message_free(m);
    cr_assert_eq(dor_reply(ref, question_message(ANSWER, 6)), DOR_OK);
    check_answer(ref, 6);
    cr_assert_eq(dor_call(self, question_message(ASK, 1), DOR_INFINITY, &m), DOR_E_WOULD_DEADLOCK);
    ask(self, 5, 30000); /* open at the end */
    stop_runtime(runtime);
}

Test(runtime_request, across_runtimes)
{
    dor_runtime *here = runtime_of(1), *there = runtime_of(1);
    cr_assert_eq(dor_process_attach(here, NULL), DOR_OK);
    server state = {.tell = dor_self()};
    asker a = {.tell = dor_self()};
    dor_pid to = spawn_on(there, DOR_ON(0), serve, NULL, &state),
            from = spawn_on(here, DOR_ON(0), asking, NULL, &a);
    check_answer(ask(to, 1, 30000), 2);
    check_answer(let_ask(from, to, 2, 30000), 3);
    dor_ref kept = ask(to, 0, 30000);
    cr_assert_eq(receive_note(), kept);
    cr_assert_eq(dor_runtime_stop(there, 5000), DOR_OK);
    check_no_reply(kept, DOR_E_STOPPED);
    check_no_reply(ask(to, 1, 30000), DOR_E_NOPROC);
    check_no_reply(let_ask(from, to, 1, 30000), DOR_E_NOPROC);
    stop_runtime(here);
    cr_assert_eq(dor_reply(kept, counted_answer()), DOR_E_NOPROC);
    cr_assert_eq(dor_request(to, question_message(ASK, 1), 1, &kept), DOR_E_STOPPED);
}

/* ---- calls ---- */

static int any_ask(const dor_message *m, void *arg)
{
    (void)arg;
    return m->type == ASK || m->type == ANSWER;
}

Test(runtime_request, call)
{
    dor_message *m = NULL;
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    server state = {.tell = dor_self()};
    dor_pid to = spawn_on(runtime, DOR_ON(1), serve, NULL, &state);
    for (uint64_t i = 0; i < 3; i++)
        send_number(dor_self(), OTHER, i);
    cr_assert_eq(dor_receive_match(&m, any_ask, NULL, 0), DOR_E_TIMEOUT); /* has looked at them */
    cr_assert_eq(dor_call(to, question_message(ASK, 4), 30000, &m), DOR_OK);
    cr_assert_eq(question_in(m)->number, 5);
    dor_message_free(m);
    send_number(dor_self(), OTHER, 3);
    cr_assert_eq(dor_call(to, question_message(ASK, 5), DOR_INFINITY, &m), DOR_OK);
    cr_assert_eq(question_in(m)->number, 6);
    dor_message_free(m);
    cr_assert_eq(dor_call(to, question_message(ASK, 0), 10, &m), DOR_E_TIMEOUT);
    for (uint64_t i = 0; i < 4; i++) /* others have stayed, in order */
        cr_assert_eq(receive_number(OTHER), i);
    dor_ref kept = receive_note();
    cr_assert_eq(dor_reply(kept, question_message(ANSWER, 1)), DOR_E_NOPROC);
    /* A message that looks like the reply is not taken for it. */
    dor_ref asked = ask(to, 0, DOR_INFINITY);
    cr_assert_eq(receive_note(), asked);
    dor_message *forgery = question_message(ANSWER, 77);
    question_in(forgery)->ref = asked + 1; /* perhaps of the next one */
    dor_send(dor_self(), forgery);
    cr_assert_eq(dor_call(to, question_message(ASK, 4), 30000, &m), DOR_OK);
    cr_assert_eq(question_in(m)->number, 5);
    dor_message_free(m);
    dor_message_free(receive_any(ANSWER));
    cr_assert_eq(dor_cancel_request(asked), DOR_OK);
    dor_stop(to, DOR_E_CLOSED);
    int code = dor_call(to, question_message(ASK, 1), 30000, &m);
    cr_assert(code == DOR_E_CLOSED || code == DOR_E_NOPROC);
    cr_assert_eq(dor_call(to, question_message(ASK, 1), 30000, &m), DOR_E_NOPROC);
    cr_assert_eq(dor_call(DOR_PID_NONE, question_message(ASK, 1), 0, &m), DOR_E_NOPROC);
    check_nothing();
    stop_runtime(runtime);
    cr_assert_eq(dor_call(to, question_message(ASK, 1), 0, &m), DOR_E_STOPPED);
}

typedef struct ended_call {
    int reason;
    int expected;
} ended_call;

static void end_when_asked(void *state, dor_message *message)
{
    dor_stop(dor_self(), *(int *)state);
    dor_message_free(message);
}

Test(runtime_request, call_of_one_that_ends)
{
    dor_message *m;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    ended_call cases[] = {{DOR_OK, DOR_E_NOPROC}, {42, DOR_E_NOPROC}, {DOR_E_CLOSED, DOR_E_CLOSED}};
    for (unsigned i = 0; i < 3; i++) {
        dor_pid to = spawn_on(runtime, DOR_ON(0), end_when_asked, NULL, &cases[i].reason);
        cr_assert_eq(dor_call(to, question_message(ASK, 1), 30000, &m), cases[i].expected);
    }
    check_nothing();
    stop_runtime(runtime);
}

/* ---- the runtime stops ---- */

typedef struct caller {
    dor_runtime *runtime;
    dor_pid to;
    int code;
} caller;

static void call_for_ever(void *arg)
{
    caller *c = arg;
    dor_message *m;
    cr_assert_eq(dor_process_attach(c->runtime, NULL), DOR_OK);
    c->code = dor_call(c->to, question_message(ASK, 0), DOR_INFINITY, &m);
}

Test(runtime_request, stop_with_everything_open)
{
    uv_thread_t thread;
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    server state = {.tell = dor_self()};
    asker a = {.tell = dor_self()};
    dor_pid to = spawn_on(runtime, DOR_ON(0), serve, NULL, &state),
            from = spawn_on(runtime, DOR_ON(1), asking, NULL, &a);
    caller c = {.runtime = runtime, .to = to};
    uv_thread_create(&thread, call_for_ever, &c);
    dor_message_free(receive_any(NOTE));
    for (unsigned i = 0; i < 20; i++) {
        dor_message *go = question_message(GO, 0);
        question_in(go)->to = to;
        question_in(go)->ref = 60000;
        dor_send(from, go);
        ask(to, 0, i % 2 ? 60000 : DOR_INFINITY);
    }
    stop_runtime(runtime);
    uv_thread_join(&thread);
    cr_assert(c.code == DOR_E_STOPPED, "%d",
              c.code); /* the runtime's word, or the server's end: the same code */
}

/* ---- memory ---- */

Test(runtime_request, out_of_memory)
{
    dor_ref ref;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    server state = {.tell = dor_self()};
    dor_pid to = spawn_on(runtime, DOR_ON(0), serve, NULL, &state);
    bool done = false;
    for (long n = 0; !done; n++) {
        cr_assert(n < 50);
        dor_message *m = question_message(ASK, 0);
        atomic_store(&fail_after, n);
        int code = dor_request(to, m, 60000, &ref);
        atomic_store(&fail_after, -1);
        done = code == DOR_OK;
        cr_assert(done || code == DOR_E_NOMEM, "%d", code);
    }
    cr_assert_eq(receive_note(), ref);
    atomic_store(&fail_after, 0); /* the end is told with no memory left */
    cr_assert_eq(dor_cancel_request(ref), DOR_OK);
    atomic_store(&fail_after, -1);
    ref = ask(to, 0, 10);
    dor_ref other = ask(to, 0, DOR_INFINITY);
    cr_assert_eq(receive_note(), ref);
    cr_assert_eq(receive_note(), other);
    dor_stop(to, DOR_E_CLOSED);
    atomic_store(&fail_after, 0);
    dor_message *m[2];
    for (unsigned i = 0; i < 2; i++) /* a timeout and an end, without memory */
        cr_assert_eq(dor_receive(&m[i], 30000), DOR_OK);
    atomic_store(&fail_after, -1);
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_eq(m[i]->type, DOR_MSG_NO_REPLY);
        dor_message_free(m[i]);
    }
    check_nothing();
    stop_runtime(runtime);
}

/* Asks its server so many times, one after another, and reports what the library has allocated after the first few. */
typedef struct counter {
    dor_pid tell;
    dor_pid to;
    unsigned left;
    long before;
} counter;

static void count_allocations(void *state, dor_message *message)
{
    counter *c = state;
    dor_message_free(message);
    if (--c->left == 1000) c->before = atomic_load(&allocations);
    if (c->left == 0)
        send_number(c->tell, NOTE, (uint64_t)(atomic_load(&allocations) - c->before));
    else
        cr_assert_eq(dor_request(c->to, question_message(ASK, 1), c->left % 2 ? 5000 : DOR_INFINITY, NULL),
                     DOR_OK);
}

Test(runtime_request, allocates_nothing_on_one_scheduler)
{
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    counter c = {.tell = dor_self(), .left = 1100};
    c.to = spawn_on(runtime, DOR_ON(0), serve, NULL, NULL);
    dor_pid from = spawn_on(runtime, DOR_ON(0), count_allocations, NULL, &c);
    send_number(from, GO, 0);
    uint64_t allocated = receive_note();
#ifndef DOR_PLAIN_MALLOC
    cr_assert_leq(allocated, 1, "%lu", (unsigned long)allocated); /* the note */
#endif
    (void)allocated;
    stop_runtime(runtime);
}

Test(runtime_request, sizes)
{
    cr_assert_leq(sizeof(dor_monitor_entry), 48); /* a monitor pays a word for what requests need */
}
