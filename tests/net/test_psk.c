/* External pre-shared keys through the public interface: options, files, and a server that asks. */
#include "net_support.h"

#include <pthread.h>
#include <stdio.h>

static const uint8_t key[32] = {7, 6, 5, 4, 3, 2, 1};

static void begin_psk(world *w)
{
    begin(w, 2);
    OK(dor_options_unset(w->server, "cert"));
    OK(dor_options_unset(w->server, "key"));
    OK(dor_options_unset(w->client, "verify"));
    OK(dor_options_add_psk(w->client, "sensor-7", 8, key, sizeof key, NULL));
}

static void expect_identity(dor_socket socket, const char *identity)
{
    char found[64];
    size_t len = 99;
    dor_connection_info info;
    OK(dor_ssl_psk_identity(socket, found, sizeof found, &len));
    cr_assert_eq(len, strlen(identity));
    cr_assert_eq(memcmp(found, identity, len), 0);
    FAILS(dor_ssl_psk_identity(socket, found, 1, &len), len > 1 ? DOR_E_TOO_BIG : DOR_OK);
    FAILS(dor_ssl_psk_identity(socket, NULL, 1, &len), DOR_E_BADARG);
    OK(dor_ssl_connection_info(socket, &info));
    cr_assert(!info.has_peercert && !info.resumed);
}

static void talk(pair p)
{
    send_text(p.client, "ping");
    expect_recv(p.server, 4, "ping");
    send_text(p.server, "pong");
    expect_recv(p.client, 4, "pong");
    OK(dor_ssl_close(p.client));
    OK(dor_ssl_close(p.server));
}

static void by_psk(world *w)
{
    pair p = connect_pair(w);
    expect_identity(p.client, "sensor-7");
    expect_identity(p.server, "sensor-7");
    talk(p);
}

/* The code that the client gets. */
static int refused(world *w)
{
    dor_ref ref;
    dor_socket server, client;
    OK(dor_ssl_connect_async(w->runtime, test_host(), w->port, w->client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w->listener, PATIENCE_MS, &server));
    cr_assert_neq(dor_ssl_accept(server, NULL, PATIENCE_MS), DOR_OK);
    return await_reply(ref, &client, NULL);
}

static int alert_of(dor_alert alert)
{
    return DOR_ERROR_CODE(DOR_CLASS_ALERT_RECEIVED, (int)alert, DOR_REASON_PEER_ALERT);
}

Test(psk, without_a_certificate)
{
    world w;
    begin_psk(&w);
    OK(dor_options_add_psk(w.server, "sensor-7", 8, key, sizeof key, "sha256"));
    OK(dor_options_set_bool(w.server, "psk_reflection", 1)); /* both ends are of one process here */
    listen_in(&w);
    by_psk(&w);
    OK(dor_options_set_text(w.client, "psk_modes", "psk_ke")); /* which the server does not do */
    cr_assert_eq(refused(&w), alert_of(DOR_ALERT_HANDSHAKE_FAILURE));
    end(&w);
}

Test(psk, not_with_oneself)
{
    world w;
    begin_psk(&w);
    OK(dor_options_add_psk(w.server, "sensor-7", 8, key, sizeof key, NULL));
    listen_in(&w);
    cr_assert_eq(refused(&w), alert_of(DOR_ALERT_ILLEGAL_PARAMETER));
    end(&w);
}

Test(psk, from_a_file)
{
    char path[] = "/tmp/dormouse-psk-XXXXXX";
    static const char text[] = "other:000102030405060708090a0b0c0d0e0f\n"
                               "sensor-7:0706050403020100000000000000000000000000000000000000000000000000\n";
    int fd = mkstemp(path);
    world w;
    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, text, sizeof text - 1), (ssize_t)(sizeof text - 1));
    close(fd);
    begin_psk(&w);
    OK(dor_options_set_text(w.server, "pskfile", path));
    OK(dor_options_set_bool(w.server, "psk_reflection", 1));
    listen_in(&w);
    by_psk(&w);
    OK(dor_options_add_psk(w.server, "other", 5, key, sizeof key, NULL)); /* is in the file, too */
    dor_socket listener;
    FAILS(dor_ssl_listen(w.runtime, 0, w.server, &listener), DOR_E_NAME_TAKEN);
    unlink(path);
    FAILS(dor_ssl_listen(w.runtime, 0, w.server, &listener), DOR_E_FILE_UNREADABLE);
    end(&w);
}

/* ---- questions --------------------------------------------------------------------------------------------------- */

typedef enum how { NOW, LATER, REFUSES, DROPS, WRONG } how;

typedef struct friends {
    how how;
    atomic_int asked;
    pthread_t thread;
    dor_question *question;
} friends;

static void *answer_later(void *arg)
{
    friends *f = arg;
    usleep(20000);
    OK(dor_question_psk(f->question, key, sizeof key, "sha256"));
    return NULL;
}

static void lookup(const void *identity, size_t len, dor_question *question, void *arg)
{
    friends *f = arg;
    atomic_fetch_add(&f->asked, 1);
    cr_assert(len == 8 && memcmp(identity, "sensor-7", 8) == 0);
    f->question = question;
    switch (f->how) {
    case NOW: OK(dor_question_psk(question, key, sizeof key, NULL)); break;
    case LATER: cr_assert_eq(pthread_create(&f->thread, NULL, answer_later, f), 0); break;
    case REFUSES: OK(dor_question_refuse(question, 0)); break;
    case DROPS: dor_question_unref(question); break;
    case WRONG: FAILS(dor_question_psk(question, key, 15, NULL), DOR_E_BADARG); break;
    }
}

Test(psk, is_asked_for)
{
    world w;
    friends f = {.how = NOW};
    begin_psk(&w);
    OK(dor_options_set_psk_lookup(w.server, lookup, &f));
    OK(dor_options_set_bool(w.server, "psk_reflection", 1));
    listen_in(&w);
    by_psk(&w);
    f.how = LATER;
    by_psk(&w);
    cr_assert_eq(pthread_join(f.thread, NULL), 0);
    cr_assert_eq(atomic_load(&f.asked), 2);
    for (f.how = REFUSES; f.how <= WRONG; f.how++)
        cr_assert_eq(refused(&w), alert_of(DOR_ALERT_DECRYPT_ERROR));
    end(&w);
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

Test(psk, options_that_are_none)
{
    static const uint8_t long_key[129];
    dor_options *o = dor_options_new();
    dor_socket listener;
    FAILS(dor_options_add_psk(NULL, "a", 1, key, 16, NULL), DOR_E_BADARG);
    FAILS(dor_options_add_psk(o, NULL, 1, key, 16, NULL), DOR_E_BADARG);
    FAILS(dor_options_add_psk(o, "a", 0, key, 16, NULL), DOR_E_BADARG);
    FAILS(dor_options_add_psk(o, "a", 1, key, 15, NULL), DOR_E_BADARG);
    FAILS(dor_options_add_psk(o, "a", 1, long_key, 129, NULL), DOR_E_BADARG);
    FAILS(dor_options_add_psk(o, "a", 1, key, 16, "md5"), DOR_E_BADARG);
    OK(dor_options_add_psk(o, "a", 1, key, 16, "sha384"));
    FAILS(dor_options_add_psk(o, "a", 1, key, 32, NULL), DOR_E_OPTION_CONFLICT);
    FAILS(dor_options_set_text(o, "psk_modes", "psk"), DOR_E_OPTION_TYPE);
    FAILS(dor_question_psk(NULL, key, 16, NULL), DOR_E_BADARG);
    OK(dor_options_set_text(o, "versions", "tlsv1.2"));
    dor_runtime *runtime = runtime_of(1);
    FAILS(dor_ssl_listen(runtime, 0, o, &listener), DOR_E_OPTION_CONFLICT);
    OK(dor_runtime_stop(runtime, 5000));
    OK(dor_options_set_psk_lookup(o, NULL, NULL));
    dor_options_free(o);
}
