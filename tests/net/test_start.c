/* dor_ssl_start and dor_ssl_stop: explicit, implicit, again, and who is not meant. */
#include "net_support.h"

static dor_options *server_options(void)
{
    dor_options *o = dor_options_new();
    OK(dor_options_use_development_certificate(o, "localhost", NULL));
    OK(dor_options_set_text(o, "ip", "127.0.0.1"));
    return o;
}

Test(start, twice_is_fine_and_so_is_stopping_twice)
{
    dor_runtime *runtime;
    count_memory();
    OK(dor_ssl_stop(1000)); /* nothing runs */
    OK(dor_ssl_start());
    runtime = dor_runtime_default();
    OK(dor_ssl_start());
    cr_assert_eq(dor_runtime_default(), runtime);
    OK(dor_ssl_stop(5000));
    OK(dor_ssl_stop(5000));
    cr_assert_eq(atomic_load(&live_blocks), 0, "%ld blocks are left", atomic_load(&live_blocks));
}

Test(start, a_stop_ends_all_sockets_and_a_call_starts_again)
{
    dor_socket listener, old, client, server;
    dor_address address;
    dor_ref ref;
    count_memory();
    dor_options *o = server_options(), *c = dor_options_new();
    OK(dor_options_set_text(c, "verify", "verify_none"));
    for (int turn = 0; turn < 3; turn++) {
        if (turn == 1) OK(dor_ssl_start());
        OK(dor_ssl_listen(NULL, 0, o, &listener)); /* implicit in turns 0 and 2 */
        OK(dor_ssl_sockname(listener, &address));
        OK(dor_ssl_connect_async(NULL, "127.0.0.1", address.port, c, PATIENCE_MS, &ref));
        OK(dor_ssl_transport_accept(listener, PATIENCE_MS, &server));
        OK(dor_ssl_accept(server, NULL, PATIENCE_MS));
        OK(await_reply(ref, &client, NULL));
        send_text(client, "before");
        OK(dor_ssl_stop(5000));
        FAILS(dor_ssl_send(client, "x", 1), DOR_E_CLOSED);
        FAILS(dor_ssl_transport_accept(listener, 10, &old), DOR_E_CLOSED);
        FAILS(dor_ssl_setopts(listener, o), DOR_E_CLOSED);
        (void)dor_process_detach();
    }
    dor_options_free(o);
    dor_options_free(c);
    cr_assert_eq(atomic_load(&live_blocks), 0, "%ld blocks are left", atomic_load(&live_blocks));
}

Test(start, other_runtimes_go_on)
{
    world w;
    pair p = begin_pair(&w, 1);
    OK(dor_ssl_start());
    OK(dor_ssl_stop(5000));
    send_text(p.client, "goes on");
    expect_recv(p.server, 0, "goes on");
    end(&w);
}

static atomic_int answer = 1;

static void stops(void *state, dor_message *m)
{
    (void)state;
    dor_message_free(m);
    atomic_store(&answer, dor_ssl_stop(10));
}

Test(start, not_on_a_scheduler)
{
    world w;
    dor_pid pid;
    dor_actor_spec spec = {.receive = stops};
    begin(&w, 1);
    OK(dor_ssl_start());
    OK(dor_spawn(w.runtime, &spec, &pid));
    OK(dor_send(pid, dor_message_new(DOR_MSG_USER, 0, NULL)));
    WAIT_FOR(atomic_load(&answer) != 1);
    FAILS(atomic_load(&answer), DOR_E_WOULD_DEADLOCK);
    OK(dor_ssl_stop(5000));
    end(&w);
}
