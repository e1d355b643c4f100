/* Ports that are ended by exit signals, trap them, and ask. */
#include "port_support.h"

TestSuite(runtime_port_exits, .init = count_memory, .timeout = 60);

static dor_exit_notice next_exit(dor_port port)
{
    dor_message *m;
    cr_assert(readable_within(dor_port_fd(port), 30000));
    cr_assert_eq(drain(port, &m, 1), 1);
    cr_assert_eq(m->type, (uint32_t)DOR_MSG_EXIT, "type %x", m->type);
    dor_exit_notice notice;
    memcpy(&notice, dor_message_payload(m), sizeof notice);
    dor_message_free(m);
    return notice;
}

/* The message that was sent before the signal may come, or not. */
static void drain_until_exited(dor_port port)
{
    dor_message *m;
    size_t count;
    int code;
    do {
        cr_assert(readable_within(dor_port_fd(port), 30000));
        code = dor_port_drain(port, &m, 1, &count);
        if (count) dor_message_free(m);
    } while (code == DOR_OK);
    cr_assert_eq(code, DOR_E_EXITED);
}

Test(runtime_port_exits, is_ended_by_exit_signals)
{
    static const struct {
        int signal, reason;
        bool linked, traps;
    } cases[] = {{5, 5, false, false},
                 {DOR_E_SHUTDOWN, DOR_E_SHUTDOWN, true, false},
                 {DOR_KILL, DOR_E_KILLED, false, true}};
    dor_ref ref;
    dor_pid self;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, &self), DOR_OK);
    unsigned before = open_descriptors();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dor_port port = port_with(runtime, NULL);
        dor_pid actor = spawn_on(runtime, DOR_ON(0), ignore, NULL, NULL);
        cr_assert_eq(dor_monitor(port, &ref), DOR_OK);
        cr_assert_eq(dor_port_enter(port), DOR_OK);
        if (cases[i].traps) cr_assert_eq(dor_trap_exit(1), DOR_OK);
        if (cases[i].linked) cr_assert_eq(dor_link(actor), DOR_OK);
        cr_assert_eq(dor_port_leave(), DOR_OK);
        cr_assert_eq(dor_exit(port, DOR_OK), DOR_OK); /* no effect, or a message */
        if (cases[i].traps) cr_assert_eq(next_exit(port).reason, DOR_OK);
        cr_assert_not(readable(port));
        send_number(port, NUMBER, 1);
        if (cases[i].linked)
            dor_stop(actor, cases[i].signal);
        else
            cr_assert_eq(dor_exit(port, cases[i].signal), DOR_OK);
        drain_until_exited(port);
        expect_drain(port, DOR_E_EXITED);
        dor_down down = receive_down();
        cr_assert_eq(down.pid, port);
        cr_assert_eq(down.reason, cases[i].reason, "%d", down.reason);
        cr_assert(readable(port));
        cr_assert_eq(dor_port_close(port), DOR_OK);
        dor_stop(actor, DOR_OK);
    }
    cr_assert_eq(open_descriptors(), before);
    stop_runtime(runtime);
}

Test(runtime_port_exits, is_ended_while_a_thread_speaks_for_it)
{
    dor_runtime *runtime = runtime_of(1);
    dor_port port = port_with(runtime, NULL);
    cr_assert_eq(dor_port_enter(port), DOR_OK);
    cr_assert_eq(dor_exit(port, 5), DOR_OK);
    cr_assert_eq(dor_self(), port); /* until it drains */
    expect_drain(port, DOR_E_EXITED);
    cr_assert_eq(dor_self(), DOR_PID_NONE);
    cr_assert_eq(dor_port_leave(), DOR_E_NO_PROCESS);
    cr_assert_eq(dor_port_close(port), DOR_OK);

    port = port_with(runtime, NULL);
    cr_assert_eq(dor_exit(port, 5), DOR_OK);
    cr_assert_eq(dor_port_enter(port), DOR_E_EXITED);
    close_and_stop(port, runtime);
}

Test(runtime_port_exits, traps_exits_and_gets_them_first)
{
    dor_runtime *runtime = runtime_of(1);
    dor_port port = port_with(runtime, &(dor_mailbox_limits){.messages = 3});
    dor_pid actor = spawn_on(runtime, DOR_ON(0), ignore, NULL, NULL),
            other = spawn_on(runtime, DOR_ON(0), ignore, NULL, NULL);
    cr_assert_eq(dor_port_enter(port), DOR_OK);
    cr_assert_eq(dor_trap_exit(1), DOR_OK);
    cr_assert_eq(dor_link(actor), DOR_OK);
    cr_assert_eq(dor_link(other), DOR_OK);
    cr_assert_eq(dor_port_leave(), DOR_OK);
    dor_stop(actor, 9);
    dor_exit_notice notice = next_exit(port);
    cr_assert_eq(notice.pid, actor);
    cr_assert_eq(notice.reason, 9);
    for (unsigned i = 0; i < 3; i++)
        send_number(port, NUMBER, i);
    cr_assert_eq(next_number(port, NUMBER), 0);
    for (int reason = 5; reason <= 6; reason++)
        cr_assert_eq(dor_exit(port, reason), DOR_OK);
    cr_assert_eq(next_exit(port).reason, 5);
    cr_assert_eq(next_exit(port).reason, 6);
    expect_numbers(port, 1, 2);

    /* What is on its way when the link is undone does not come, and leaves the descriptor as it should be. */
    dor_stop(other, 7);
    cr_assert(readable_within(dor_port_fd(port), 30000));
    cr_assert_eq(dor_port_enter(port), DOR_OK);
    cr_assert_eq(dor_unlink(other), DOR_OK);
    cr_assert_eq(dor_port_leave(), DOR_OK);
    expect_drain(port, DOR_OK);
    cr_assert_not(readable(port));
    close_and_stop(port, runtime);
}

/* Answers, or keeps silent when it is told so. */
static void answer(void *state, dor_message *request)
{
    dor_ref ref;
    atomic_ullong *late = state;
    memcpy(&ref, dor_message_payload(request), sizeof ref);
    bool silent = request->type == LAST;
    dor_message_free(request);
    if (silent)
        atomic_store(late, ref);
    else
        dor_reply(ref, dor_message_new(EVENT, sizeof ref, NULL));
}

Test(runtime_port_exits, asks_and_is_answered)
{
    atomic_ullong late = 0;
    dor_ref ref;
    dor_message *m;
    dor_runtime *runtime = runtime_of(1);
    dor_port port = port_with(runtime, &(dor_mailbox_limits){.messages = 1});
    dor_pid actor = spawn_on(runtime, DOR_ON(0), answer, NULL, &late);
    send_number(port, NUMBER, 0); /* replies have room in a full mailbox */
    cr_assert_eq(dor_port_enter(port), DOR_OK);
    cr_assert_eq(dor_request(actor, dor_message_new(NUMBER, 8, NULL), 30000, &ref), DOR_OK);
    cr_assert_eq(dor_call(actor, dor_message_new(NUMBER, 8, NULL), 1000, &m), DOR_E_WOULD_DEADLOCK);
    cr_assert_eq(dor_port_leave(), DOR_OK);
    cr_assert_eq(next_number(port, NUMBER), 0);
    cr_assert_eq(next_number(port, EVENT), ref);
    cr_assert_eq(send_number(port, NUMBER, 1), DOR_OK);
    cr_assert_eq(send_number(port, NUMBER, 2), DOR_E_MAILBOX_FULL); /* the reply was never counted */
    cr_assert_eq(next_number(port, NUMBER), 1);

    cr_assert_eq(dor_port_enter(port), DOR_OK);
    cr_assert_eq(dor_request(actor, dor_message_new(LAST, 8, NULL), 10, &ref), DOR_OK);
    cr_assert_eq(dor_port_leave(), DOR_OK);
    cr_assert_eq(next_number(port, DOR_MSG_NO_REPLY), ref);
    WAIT_FOR(atomic_load(&late) == ref);
    dor_reply(ref, dor_message_new(EVENT, sizeof ref, NULL)); /* late: dropped, wherever it is noticed */
    expect_drain(port, DOR_OK);
    cr_assert_not(readable(port));

    cr_assert_eq(dor_port_enter(port), DOR_OK);
    cr_assert_eq(dor_request(actor, dor_message_new(NUMBER, 8, NULL), 30000, &ref), DOR_OK);
    cr_assert(readable_within(dor_port_fd(port), 30000));
    cr_assert_eq(dor_cancel_request(ref), DOR_OK);
    cr_assert_eq(dor_port_leave(), DOR_OK);
    expect_drain(port, DOR_OK);
    cr_assert_not(readable(port));
    close_and_stop(port, runtime);
}
