/*
 * The life of a connection with Erlang's ssl on the other side, in both versions: who closes and what the other is told,
 * half-close, floods from both sides, key updates, upgrade and downgrade, keying material.
 */
#include "erlang_peer.h"

static const char *const versions[] = {"tlsv1.3", "tlsv1.2"};

typedef struct scene {
    world w;
    erlang_peer e;
    dor_socket s; /* Erlang's is S1 */
} scene;

/* A connection of one version; ours is the client's end or the server's. */
static void raise_scene(scene *c, const char *version, bool client, const char *erlangs_options)
{
    start_erlang(&c->e);
    begin(&c->w, 2);
    OK(dor_options_set_list(c->w.client, "versions", version, NULL));
    OK(dor_options_set_list(c->w.server, "versions", version, NULL));
    OK(dor_options_set_bool(c->w.client, "exporters", 1));
    OK(dor_options_set_bool(c->w.server, "exporters", 1));
    OK(dor_options_set_bool(c->w.client, "exit_on_close", 0));
    OK(dor_options_set_bool(c->w.server, "exit_on_close", 0));
    if (client) {
        c->s = we_connect(&c->w, &c->e, 1, erlang_listens(&c->e, erlangs_options));
    } else {
        listen_in(&c->w);
        c->s = we_accept(&c->w, &c->e, 1, erlangs_options);
    }
}

static void end_scene(scene *c)
{
    OK(dor_ssl_close(c->s));
    stop_erlang(&c->e);
    end(&c->w);
}

/* The four scenes: both versions, both roles. */
#define FOUR(body)                                                                                           \
    for (int four = 0; four < 4; four++) {                                                                   \
        scene c;                                                                                             \
        raise_scene(&c, versions[four & 1], four & 2, "");                                                   \
        body(&c, versions[four & 1]);                                                                        \
        end_scene(&c);                                                                                       \
    }

/* ---- ends ----------------------------------------------------------------------------------------------------------- */

/* Data and the end behind it, from Erlang to us: by recv, and as events. */
static void erlang_closes(scene *c, const char *version)
{
    dor_buffer *data;
    (void)version;
    ERLANG(&c->e, "{ok,ok}", "{ssl:send(S1, \"last words\"), ssl:close(S1)}");
    expect_recv(c->s, 10, "last words");
    FAILS(dor_ssl_recv(c->s, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
}

Test(erlang_connection, erlang_closes)
{
    FOUR(erlang_closes)
}

static void we_close(scene *c, const char *version)
{
    (void)version;
    OK(dor_ssl_send_async(c->s, dor_buffer_new("last words", 10), NULL));
    OK(dor_ssl_close(c->s));
    ERLANG(&c->e, "{<<\"last words\">>,ssl_closed}", "take_all(S1)");
}

Test(erlang_connection, we_close)
{
    FOUR(we_close)
}

/* A descriptor that is closed under TLS: that is no clean end, and ours says so. OTP does not tell the difference. */
static void erlang_is_cut_off(scene *c, const char *version)
{
    dor_buffer *data;
    (void)version;
    ERLANG(&c->e, "ok", "ssl:send(S1, \"heard\")");
    expect_recv(c->s, 5, "heard");
    close(c->e.in); /* it halts, without close_notify */
    int code = dor_ssl_recv(c->s, 0, PATIENCE_MS, &data);
    cr_assert(code == DOR_E_TRUNCATED || dor_error_get_class(code) == DOR_CLASS_IO, "%d", code);
    FAILS(dor_ssl_recv(c->s, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    c->e.in = open("/dev/null", O_WRONLY | O_CLOEXEC);
}

Test(erlang_connection, erlang_is_cut_off)
{
    FOUR(erlang_is_cut_off)
}

/* What OTP 25 does for a half-close is FIN alone, without close_notify: nobody can tell it from a connection that was cut. */
static void erlang_shuts_down_writing(scene *c, const char *version)
{
    dor_buffer *data;
    (void)version;
    ERLANG(&c->e, "{ok,ok}", "{ssl:send(S1, \"question\"), ssl:shutdown(S1, write)}");
    expect_recv(c->s, 8, "question");
    FAILS(dor_ssl_recv(c->s, 0, PATIENCE_MS, &data), DOR_E_TRUNCATED);
    FAILS(dor_ssl_recv(c->s, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
}

Test(erlang_connection, erlang_shuts_down_writing)
{
    FOUR(erlang_shuts_down_writing)
}

/* With read_write it sends close_notify. */
static void erlang_shuts_down(scene *c, const char *version)
{
    dor_buffer *data;
    (void)version;
    ERLANG(&c->e, "{ok,ok}", "{ssl:send(S1, \"question\"), ssl:shutdown(S1, read_write)}");
    expect_recv(c->s, 8, "question");
    FAILS(dor_ssl_recv(c->s, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
}

Test(erlang_connection, erlang_shuts_down)
{
    FOUR(erlang_shuts_down)
}

/*
 * We end our writing. OTP takes close_notify for the end of both directions, and closes without one of its own: so there is
 * no answer to wait for, and its end is told as what it is.
 */
static void we_shut_down(scene *c, const char *version)
{
    dor_buffer *data;
    (void)version;
    send_text(c->s, "question");
    OK(dor_ssl_shutdown(c->s, DOR_SHUTDOWN_WRITE));
    FAILS(dor_ssl_send(c->s, "x", 1), DOR_E_CLOSED);
    ERLANG(&c->e, "{<<\"question\">>,ssl_closed}", "take_all(S1)");
    int code = dor_ssl_recv(c->s, 0, PATIENCE_MS, &data);
    cr_assert(code == DOR_E_TRUNCATED || code == DOR_E_CLOSED, "%d", code);
}

Test(erlang_connection, we_shut_down)
{
    FOUR(we_shut_down)
}

/* ---- floods ----------------------------------------------------------------------------------------------------------- */

/* Both send all they can before anybody reads (otp#3420 guards OTP against itself), then both read. */
static void flood(scene *c, const char *version)
{
    enum { FLOOD = 8 << 20 };
    static const char bytes[16384];
    dor_buffer *chunk = dor_buffer_new(bytes, sizeof bytes), *data;
    size_t sent = 0, taken = 0;
    (void)version;
    cr_assert_not_null(chunk);
    ERLANG(&c->e, "ok", "F = background(fun() -> flood(S1, %d) end), ok", FLOOD);
    erlang_begins(&c->e, "{sink(S1, %d), result(F)}", FLOOD);
    while (taken < FLOOD) {
        int code = DOR_E_BUSY;
        if (sent < FLOOD) {
            code = dor_ssl_send_async(c->s, dor_buffer_ref(chunk), NULL);
            cr_assert(code == DOR_OK || code == DOR_E_BUSY);
            if (code == DOR_OK) sent += 16384;
        }
        if (code == DOR_E_BUSY) {
            OK(dor_ssl_recv(c->s, 0, PATIENCE_MS, &data));
            taken += dor_buffer_len(data);
            dor_buffer_unref(data);
            uint32_t type = next_event_within(c->s, 0, NULL);
            cr_assert(type == 0 || type == DOR_MSG_SSL_WRITABLE);
        }
    }
    while (sent < FLOOD) {
        int code = dor_ssl_send_async(c->s, dor_buffer_ref(chunk), NULL);
        cr_assert(code == DOR_OK || code == DOR_E_BUSY);
        if (code == DOR_OK)
            sent += 16384;
        else
            expect_event(c->s, DOR_MSG_SSL_WRITABLE, 0);
    }
    dor_buffer_unref(chunk);
    ERLANG_SAYS(&c->e, "{ok,ok}");
}

Test(erlang_connection, floods)
{
    FOUR(flood)
}

/* ---- key updates -------------------------------------------------------------------------------------------------------- */

static void ping(scene *c, const char *what)
{
    send_text(c->s, "ping");
    ERLANG(&c->e, "{ok,<<\"ping\">>}", "ssl:recv(S1, 4, 20000)");
    ERLANG(&c->e, "ok", "ssl:send(S1, \"pong\")");
    dor_buffer *data = NULL;
    int code = dor_ssl_recv(c->s, 4, PATIENCE_MS, &data);
    cr_assert_eq(code, DOR_OK, "%s: %d", what, code);
    expect_data(data, "pong", 4);
}

static void key_updates(scene *c)
{
    for (int i = 0; i < 5; i++) {
        ERLANG(&c->e, "ok", "ssl:update_keys(S1, write)");
        ping(c, "theirs");
        ERLANG(&c->e, "ok", "ssl:update_keys(S1, read_write)");
        ping(c, "theirs, and ours asked for");
        OK(dor_ssl_update_keys(c->s, 0));
        ping(c, "ours");
        OK(dor_ssl_update_keys(c->s, 1));
        ping(c, "ours, and theirs asked for");
    }
}

Test(erlang_connection, key_updates)
{
    for (int client = 0; client < 2; client++) {
        scene c;
        raise_scene(&c, "tlsv1.3", client, "");
        key_updates(&c);
        end_scene(&c);
    }
}

/* Erlang's own, each time that some thousand bytes have gone. */
Test(erlang_connection, key_updates_by_volume)
{
    for (int client = 0; client < 2; client++) {
        scene c;
        raise_scene(&c, "tlsv1.3", client, "{key_update_at, 50000}");
        flood(&c, "");
        end_scene(&c);
    }
}

/* ---- upgrade and downgrade ---------------------------------------------------------------------------------------------------- */

static int plain_connection(uint16_t port)
{
    int fd = raw_connect(port);
    cr_assert_eq(send(fd, "plain", 5, MSG_NOSIGNAL), 5);
    return fd;
}

/* Plain text, then TLS in which we are one end or the other, over a TCP connection that Erlang has accepted by gen_tcp. */
static void upgrade(scene *c, const char *version, bool client)
{
    const char *port =
        erlang_value(&c->e, "{ok, TL} = gen_tcp:listen(0, [binary, {ip, {127,0,0,1}}, {active, false}]), "
                            "{ok, TP} = inet:port(TL), TP");
    int fd = plain_connection((uint16_t)atoi(port));
    ERLANG(&c->e, "{ok,<<\"plain\">>}", "{ok, TS} = gen_tcp:accept(TL, 20000), gen_tcp:recv(TS, 5, 20000)");
    if (client) {
        erlang_begins(
            &c->e,
            "case ssl:handshake(TS, [{versions, ['%s']}, {certfile, \"%s/tls-p256.pem\"}, {keyfile, "
            "\"%s/c.key\"}], 20000) of {ok, S1} -> ok; F1 -> F1 end",
            version, pki_dir(), pki_dir());
        OK(dor_ssl_connect_fd(c->w.runtime, fd, "localhost", c->w.client, PATIENCE_MS, &c->s));
    } else {
        erlang_begins(
            &c->e,
            "case ssl:connect(TS, [{versions, ['%s']}, {verify, verify_none}], 20000) of {ok, S1} -> ok; "
            "F1 -> F1 end",
            version);
        OK(dor_ssl_accept_fd(c->w.runtime, fd, c->w.server, PATIENCE_MS, &c->s));
    }
    ERLANG_SAYS(&c->e, "ok");
    ping(c, "upgraded");
}

/* Text without TLS both ways, over what the two were given back. */
static void plain_again(scene *c, int fd, dor_buffer *rest)
{
    char got[9];
    size_t had = rest ? dor_buffer_len(rest) : 0;
    ERLANG(&c->e, "ok", "gen_tcp:send(Q, \"clear too\")");
    cr_assert_leq(had, sizeof got);
    if (had) memcpy(got, dor_buffer_data(rest), had);
    dor_buffer_unref(rest);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    if (had < sizeof got)
        cr_assert_eq(recv(fd, got + had, sizeof got - had, MSG_WAITALL), (ssize_t)(sizeof got - had));
    cr_assert_eq(memcmp(got, "clear too", sizeof got), 0);
    cr_assert_eq(send(fd, "clear", 5, MSG_NOSIGNAL), 5);
    ERLANG(&c->e, "{ok,<<\"clear\">>}", "gen_tcp:recv(Q, 5, 20000)");
    close(fd);
}

static void down_again(scene *c, bool we_begin)
{
    int fd = -1;
    dor_ref ref;
    dor_message *m = NULL;
    dor_buffer *rest = NULL, *data;
    if (we_begin) {
        OK(dor_ssl_downgrade_async(c->s, PATIENCE_MS, &ref));
        ERLANG(&c->e, "ok", "{ok, Q} = ssl:close(S1, {self(), 20000}), ok");
        OK(dor_receive_match(&m, is_reply_to, &ref, PATIENCE_MS));
        dor_ssl_reply *reply = dor_message_payload(m);
        OK(reply->result);
        fd = reply->fd;
        rest = reply->data;
        reply->fd = -1;
        reply->data = NULL;
        dor_message_free(m);
    } else {
        erlang_begins(&c->e, "{ok, Q} = ssl:close(S1, {self(), 20000}), ok");
        FAILS(dor_ssl_recv(c->s, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
        OK(dor_ssl_downgrade(c->s, PATIENCE_MS, &fd, &rest));
        ERLANG_SAYS(&c->e, "ok");
    }
    plain_again(c, fd, rest);
}

Test(erlang_connection, up_and_down)
{
    scene c;
    start_erlang(&c.e);
    begin(&c.w, 1);
    OK(dor_options_unset(c.w.server, "ip"));
    OK(dor_options_set_bool(c.w.server, "exit_on_close", 0));
    OK(dor_options_set_bool(c.w.client, "exit_on_close", 0));
    for (int i = 0; i < 8; i++) {
        upgrade(&c, versions[i & 1], i & 2);
        down_again(&c, i & 4);
        ERLANG(&c.e, "ok", "forget");
    }
    stop_erlang(&c.e);
    end(&c.w);
}

/* ---- keying material -------------------------------------------------------------------------------------------------------------- */

/* prf/5 gives both the same. (In TLS 1.3, OTP 25's does not return.) */
static void keying_material(scene *c)
{
    static const dor_prf_seed seeds[] = {{DOR_SEED_CLIENT_RANDOM, NULL, 0},
                                         {DOR_SEED_SERVER_RANDOM, NULL, 0}};
    uint8_t ours[48];
    char hex[97];
    OK(dor_ssl_prf(c->s, NULL, 0, "EXPERIMENTAL-dormouse", seeds, 2, ours, sizeof ours));
    for (size_t i = 0; i < sizeof ours; i++)
        snprintf(hex + 2 * i, 3, "%02X", ours[i]);
    ERLANG(&c->e, "true",
           "{ok, M} = ssl:prf(S1, master_secret, <<\"EXPERIMENTAL-dormouse\">>, [client_random, "
           "server_random], 48), "
           "binary:encode_hex(M) =:= <<\"%s\">>",
           hex);
    /* OTP's TLS 1.2 has no extended master secret, and without it nothing is to be exported (RFC 7627 section 5.4). */
    FAILS(dor_ssl_export_keying_material(c->s, "EXPERIMENTAL-dormouse", NULL, 0, ours, sizeof ours),
          DOR_E_EXPORT_UNSAFE);
}

Test(erlang_connection, keying_material)
{
    for (int client = 0; client < 2; client++) {
        scene c;
        raise_scene(&c, "tlsv1.2", client, "");
        keying_material(&c);
        end_scene(&c);
    }
}
