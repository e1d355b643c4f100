/*
 * Out of memory at every point in turn: one allocation fails, whichever it is. The call or the connection that it hits
 * may fail, and says so; nothing hangs, nothing leaks, and the next connection is served.
 */
#include "net_support.h"

enum { SOON_MS = 10000 };

/* A reply must come, whatever its result; 1 when it says success. */
static int replied(dor_ref ref, dor_socket *socket, dor_buffer **data)
{
    dor_message *m = NULL;
    int code = dor_receive_match(&m, is_reply_to, &ref, SOON_MS);
    cr_assert_eq(code, DOR_OK, "a reply is missing: %d", code);
    dor_ssl_reply *reply = dor_message_payload(m);
    bool ok = reply->result == DOR_OK;
    if (ok && socket) *socket = reply->socket;
    if (ok && data) {
        *data = reply->data;
        reply->data = NULL;
    }
    dor_message_free(m);
    return ok;
}

static void talk(dor_socket server, dor_socket client)
{
    dor_ref sent, got;
    dor_buffer *data = NULL, *text = dor_buffer_new("some text", 9);
    int receiving = dor_ssl_recv_async(server, 9, 200, &got) == DOR_OK;
    int sending = text && dor_ssl_send_async(client, text, &sent) == DOR_OK;
    if (sending) (void)replied(sent, NULL, NULL);
    if (receiving && replied(got, NULL, &data)) expect_data(data, "some text", 9);
    (void)dor_ssl_set_active(client, DOR_ACTIVE_TRUE);
}

static dor_socket last[2];

/* One connection's whole life. Which of its steps succeed is open. */
static void live(world *w)
{
    dor_ref connecting, accepting, shaking;
    dor_socket client = 0, server = 0;
    int code = dor_ssl_connect_async(w->runtime, test_host(), w->port, w->client, 2000, &connecting);
    bool connects = code == DOR_OK;
    if (dor_ssl_transport_accept_async(w->listener, connects ? 300 : 0, &accepting) == DOR_OK &&
        replied(accepting, &server, NULL) && dor_ssl_accept_async(server, NULL, 1000, &shaking) == DOR_OK)
        (void)replied(shaking, NULL, NULL);
    if (connects) (void)replied(connecting, &client, NULL);
    if (server && client) talk(server, client);
    if (server) (void)dor_ssl_close(server);
    if (client) (void)dor_ssl_close(client);
    last[0] = server;
    last[1] = client;
}

/* A close needs a message, too: when that was what failed, it is asked for again. */
static void close_again(void)
{
    OK(dor_ssl_close(last[0]));
    OK(dor_ssl_close(last[1]));
}

static void drop_all_messages(void)
{
    dor_message *m;
    while (dor_receive(&m, 0) == DOR_OK)
        dor_message_free(m);
}

Test(memory, each_allocation_fails_once)
{
    world w;
    begin(&w, 1);
    OK(dor_options_set_int(w.server, "linger", 300));
    OK(dor_options_set_int(w.client, "linger", 300));
    listen_in(&w);
    live(&w);
    long calls = atomic_load(&allocations);
    live(&w);
    calls = atomic_load(&allocations) - calls;
    for (long n = 0; n < calls + 5; n += SLOW_BUILD ? 7 : 1) {
        atomic_store(&fail_after, n);
        live(&w);
        atomic_store(&fail_after, -1);
        close_again();
        WAIT_FOR(statistics(&w).connections == 0);
        drop_all_messages();
        /* What is left in the backlog is taken, and then all is as ever. */
        dor_socket s;
        while (dor_ssl_transport_accept(w.listener, 0, &s) == DOR_OK)
            OK(dor_ssl_close(s));
        if (n % 10 == 0) {
            pair p = connect_pair(&w);
            send_text(p.client, "as ever");
            expect_recv(p.server, 7, "as ever");
            OK(dor_ssl_close(p.client));
            OK(dor_ssl_close(p.server));
        }
    }
    end(&w);
}

static void echoes(void *state, dor_socket socket, dor_message *m)
{
    (void)state;
    if (m->type == DOR_MSG_SSL)
        (void)dor_ssl_send_async(socket, dor_buffer_ref(((dor_ssl_event *)dor_message_payload(m))->data),
                                 NULL);
    dor_message_free(m);
}

/* The same for a server's side; its owners are gone when their connections are. */
static atomic_int owners;

static void *owner_opens(dor_socket socket, void *arg)
{
    (void)socket;
    (void)arg;
    atomic_fetch_add(&owners, 1);
    return NULL;
}

static void owner_closes(void *state)
{
    (void)state;
    atomic_fetch_sub(&owners, 1);
}

Test(memory, each_allocation_of_a_server_fails_once)
{
    world w;
    dor_address address;
    dor_server_spec spec = {.open = owner_opens, .receive = echoes, .close = owner_closes};
    begin(&w, 1);
    OK(dor_options_set_int(w.server, "linger", 300));
    OK(dor_options_set_int(w.client, "linger", 300));
    OK(dor_options_set_int(w.server, "handshake_timeout", 1000));
    OK(dor_options_unset(w.server, "active"));
    OK(dor_ssl_serve(w.runtime, 0, w.server, &spec, &w.listener));
    OK(dor_ssl_sockname(w.listener, &address));
    for (long n = 0; n < 150; n += SLOW_BUILD ? 7 : 1) {
        dor_socket s = DOR_SOCKET_NONE;
        dor_buffer *data = NULL;
        atomic_store(&fail_after, n);
        if (dor_ssl_connect(w.runtime, test_host(), address.port, w.client, 2000, &s) == DOR_OK) {
            if (dor_ssl_send(s, "echo", 4) == DOR_OK && dor_ssl_recv(s, 4, 300, &data) == DOR_OK)
                expect_data(data, "echo", 4);
            (void)dor_ssl_close(s);
        }
        atomic_store(&fail_after, -1);
        OK(dor_ssl_close(
            s)); /* a close needs a message, too: when that was what failed, it is asked for again */
        WAIT_FOR(statistics(&w).connections == 0 && atomic_load(&owners) == 0);
        drop_all_messages();
    }
    end(&w);
}
