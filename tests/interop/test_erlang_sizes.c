/*
 * Records that Erlang's ssl and we send each other where the client has asked for short ones (max_fragment_length), both ways
 * and in both versions. Each record costs the same beside its data, so bytes tell how many there were.
 */
#include "erlang_peer.h"

enum { SENT = 12000 };

typedef struct cost {
    const char *version, *erlangs_suite;
    unsigned record; /* header, and what protection adds: AES-GCM's tag, and a type or a nonce */
} cost;

static const cost costs[] = {
    {"tlsv1.3", "\"TLS_AES_128_GCM_SHA256\"", 5 + 1 + 16},
    {"tlsv1.2", "\"ECDHE-ECDSA-AES128-GCM-SHA256\"", 5 + 8 + 16},
};

static void fresh(world *w, erlang_peer *e, const cost *each)
{
    dor_options_free(w->server);
    dor_options_free(w->client);
    w->server = dor_options_new();
    w->client = dor_options_new();
    for (int i = 0; i < 2; i++) {
        dor_options *o = i ? w->client : w->server;
        OK(dor_options_set_text(o, "active", "false"));
        OK(dor_options_set_list(o, "versions", each->version, NULL));
        OK(dor_options_set_text(o, "verify", "verify_none"));
        OK(dor_options_set_text(o, "session_tickets", "disabled"));
    }
    OK(dor_options_set_text(w->server, "ip", "127.0.0.1"));
    OK(dor_options_use_development_certificate(w->server, "localhost", NULL));
    ERLANG(e, "ok", "forget");
}

static dor_socket_statistics counted(dor_socket s)
{
    dor_socket_statistics statistics;
    OK(dor_ssl_getstat(s, &statistics));
    return statistics;
}

static unsigned records_of(unsigned limit)
{
    return (SENT + limit - 1) / limit;
}

/* The same data both ways, in records of `ours` bytes at most from us and of `theirs` from Erlang. */
static void both_ways(erlang_peer *e, dor_socket s, const cost *each, unsigned ours, unsigned theirs)
{
    static uint8_t data[SENT];
    memset(data, 'x', sizeof data);
    const dor_socket_statistics before = counted(s);
    erlang_begins(e, "ssl:recv(S1, %d, 20000) =:= {ok, binary:copy(<<\"x\">>, %d)}", SENT, SENT);
    OK(dor_ssl_send(s, data, sizeof data));
    ERLANG_SAYS(e, "true");
    dor_buffer *back;
    erlang_begins(e, "ssl:send(S1, binary:copy(<<\"y\">>, %d))", SENT);
    OK(dor_ssl_recv(s, SENT, PATIENCE_MS, &back));
    ERLANG_SAYS(e, "ok");
    memset(data, 'y', sizeof data);
    cr_assert_arr_eq(dor_buffer_data(back), data, SENT);
    dor_buffer_unref(back);
    const dor_socket_statistics after = counted(s);
    cr_expect_eq(after.send_oct - before.send_oct, SENT + records_of(ours) * each->record,
                 "ours, %s, %u: %u more", each->version, ours,
                 (unsigned)(after.send_oct - before.send_oct - SENT));
    cr_expect_eq(after.recv_oct - before.recv_oct, SENT + records_of(theirs) * each->record,
                 "theirs, %s, %u: %u more", each->version, theirs,
                 (unsigned)(after.recv_oct - before.recv_oct - SENT));
}

static const unsigned lengths[] = {512, 1024, 2048, 4096};

TestSuite(erlang_sizes, .timeout = 170);

Test(erlang_sizes, we_ask)
{
    world w;
    erlang_peer e;
    char options[200];
    start_erlang(&e);
    begin(&w, 1);
    for (size_t v = 0; v < 2; v++)
        for (size_t i = 0; i <= 4; i++) {
            fresh(&w, &e, &costs[v]);
            if (i < 4) OK(dor_options_set_int(w.client, "max_fragment_length", lengths[i]));
            snprintf(options, sizeof options, "{versions, ['%s']}, {ciphers, [%s]}", costs[v].version,
                     costs[v].erlangs_suite);
            dor_socket s = we_connect(&w, &e, 1, erlang_listens(&e, options));
            const unsigned limit = i < 4 ? lengths[i] : 16384;
            both_ways(&e, s, &costs[v], limit, limit);
            OK(dor_ssl_close(s));
            ERLANG(&e, "ok", "ssl:close(S1), ssl:close(L)");
        }
    stop_erlang(&e);
    end(&w);
}

Test(erlang_sizes, erlang_asks)
{
    world w;
    erlang_peer e;
    char options[200];
    start_erlang(&e);
    begin(&w, 1);
    for (size_t v = 0; v < 2; v++)
        for (size_t i = 0; i <= 4; i++) {
            fresh(&w, &e, &costs[v]);
            listen_in(&w);
            int len = snprintf(options, sizeof options, "{versions, ['%s']}, {ciphers, [%s]}",
                               costs[v].version, costs[v].erlangs_suite);
            if (i < 4)
                snprintf(options + len, sizeof options - (size_t)len, ", {max_fragment_length, %u}",
                         lengths[i]);
            dor_socket s = we_accept(&w, &e, 1, options);
            const unsigned limit = i < 4 ? lengths[i] : 16384;
            both_ways(&e, s, &costs[v], limit, limit);
            OK(dor_ssl_close(s));
            ERLANG(&e, "ok", "ssl:close(S1)");
            OK(dor_ssl_close(w.listener));
        }
    stop_erlang(&e);
    end(&w);
}
