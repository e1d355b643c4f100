/* Exit signals to sockets and listeners, whose pids somebody may know: they are actors like others. */
#include "net_support.h"

#include "runtime/event_mailbox.h"

static pair begin_active(world *w)
{
    begin(w, 2);
    OK(dor_options_set_text(w->server, "active", "true"));
    OK(dor_options_set_text(w->client, "active", "true"));
    listen_in(w);
    return connect_pair(w);
}

Test(exit, a_socket_is_asked_to_close)
{
    static const int reasons[] = {DOR_E_SHUTDOWN, 42, DOR_KILL};
    for (unsigned i = 0; i < 3; i++) {
        world w;
        dor_ssl_event event = {0};
        pair p = begin_active(&w);
        dor_pid pid = dor__handle_producer(p.server);
        cr_assert_neq(pid, DOR_PID_NONE);
        OK(dor_exit(pid, DOR_OK)); /* of no effect */
        send_text(p.client, "still there");
        expect_text_event(p.server, "still there");
        OK(dor_exit(pid, reasons[i]));
        OK(dor_exit(pid, reasons[i])); /* it is ending already, or has */
        uint32_t type = next_event_within(p.server, PATIENCE_MS, &event);
        cr_assert(type == DOR_MSG_SSL_ERROR || type == DOR_MSG_SSL_CLOSED);
        cr_assert_lt(event.reason, 0);
        if (i == 0) cr_assert_eq(event.reason, DOR_E_SHUTDOWN);
        expect_silence(p.server, 20); /* one end, and no more */
        type = next_event_within(p.client, PATIENCE_MS, &event);
        cr_assert(type == DOR_MSG_SSL_ERROR || type == DOR_MSG_SSL_CLOSED);
        FAILS(dor_ssl_send(p.server, "x", 1), DOR_E_CLOSED);
        WAIT_FOR(!dor_is_alive(pid));
        end(&w);
    }
}

Test(exit, a_listener_closes)
{
    static const int reasons[] = {DOR_E_SHUTDOWN, DOR_KILL};
    for (unsigned i = 0; i < 2; i++) {
        world w;
        dor_socket late;
        pair p = begin_pair(&w, 2);
        dor_pid pid = dor__handle_producer(w.listener);
        cr_assert_neq(pid, DOR_PID_NONE);
        OK(dor_exit(pid, DOR_OK));
        OK(dor_exit(pid, reasons[i]));
        WAIT_FOR(!dor_is_alive(pid));
        FAILS(dor_ssl_transport_accept(w.listener, 1000, &late), DOR_E_CLOSED);
        send_text(p.client, "goes on"); /* what it has accepted is not its own */
        expect_recv(p.server, 7, "goes on");
        end(&w);
    }
}

/* The owner of a socket ends by a signal: the socket closes, whatever the owner was doing. */
typedef struct owner {
    atomic_uint events;
} owner;

static void own(void *state, dor_message *m)
{
    owner *o = state;
    if (m->type == DOR_MSG_SSL && atomic_fetch_add(&o->events, 1) == 2) dor_exit_self(7);
    dor_message_free(m);
}

Test(exit, an_owner_that_ends_among_its_events)
{
    for (unsigned i = 0; i < 4; i++) {
        world w;
        owner o = {0};
        dor_ref ref;
        begin(&w, 2);
        OK(dor_options_set_text(w.server, "active", "true"));
        OK(dor_options_set_text(w.server, "packet", "4"));
        OK(dor_options_set_text(w.client, "packet", "4"));
        listen_in(&w);
        pair p = connect_pair(&w);
        dor_pid pid = spawn_on(w.runtime, DOR_ON(i % 2), own, NULL, &o);
        OK(dor_monitor(pid, &ref));
        for (unsigned j = 0; j < 10; j++)
            send_text(p.client, "event");
        OK(dor_ssl_controlling_process(p.server, pid));
        if (i & 2) dor_exit(pid, 7);
        cr_assert_eq(receive_down().reason, 7);
        cr_assert_leq(atomic_load(&o.events), 3);
        dor_buffer *data = NULL;
        FAILS(dor_ssl_recv(p.client, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
        WAIT_FOR(statistics(&w).connections <= 1);
        end(&w);
    }
}
