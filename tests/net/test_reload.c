/*
 * test_reload.c - certificates of running listeners: read again, replaced, watched; under traffic, and with files in every bad
 * state that somebody who copies them leaves for a moment.
 */
#include "files_support.h"

#include <pthread.h>
#include <stdatomic.h>

enum { WAIT_TURNS = 2000 };

/* A file of one thing, or of the first `part` bytes of that. */
static void put(const char *name, const char *label, const dor_bytes *der, size_t part)
{
    char text[3000];
    size_t len = pem_text(text, sizeof(text), label, der);
    replace_text(name, text, len < part ? len : part);
}

static void put_pair(int which)
{
    put("server.pem", "CERTIFICATE", &certs[which], SIZE_MAX);
    put("server.key", "PRIVATE KEY", &keys[which], SIZE_MAX);
}

static void begin_files(world *w, unsigned schedulers)
{
    static const char *const names[] = {"a.test", "b.test", "c.test"};
    begin(w, schedulers);
    begin_identities(names, 3);
    put_pair(0);
    OK(dor_options_unset(w->server, "cert"));
    OK(dor_options_unset(w->server, "key"));
    OK(dor_options_set_text(w->server, "certfile", file("server.pem")));
    OK(dor_options_set_text(w->server, "keyfile", file("server.key")));
}

static void end_files(world *w)
{
    end_identities();
    OK(dor_ssl_clear_pem_cache(w->runtime));
    end(w);
}

static void expect_new_ones_see(world *w, int which)
{
    pair p = connect_pair(w);
    cr_expect_eq(shown(p.client), which);
    close_pair(p);
}

Test(reload, new_ones_for_new_connections)
{
    world w;
    begin_files(&w, 2);
    listen_in(&w);
    pair old = connect_pair(&w);
    cr_expect_eq(shown(old.client), 0);
    OK(dor_ssl_reload(w.listener, NULL, 0)); /* nothing has changed */
    expect_new_ones_see(&w, 0);
    put_pair(1);
    expect_new_ones_see(&w, 0);
    OK(dor_ssl_reload(w.listener, NULL, 0));
    expect_new_ones_see(&w, 1);
    send_text(old.client, "still here");
    expect_recv(old.server, 0, "still here");
    cr_expect_eq(shown(old.client), 0);
    close_pair(old);

    dor_reload_statistics s;
    OK(dor_ssl_get_reload_statistics(w.listener, &s));
    cr_expect_eq(s.reads, 2u);
    cr_expect_eq(s.replaced, 1u);
    cr_expect_eq(s.failures, 0u);
    cr_expect_eq(s.last_result, DOR_OK);
    end_files(&w);
}

static void fails_with(world *w, int code, const char *part)
{
    char error[2048] = "untouched";
    FAILS(dor_ssl_reload(w->listener, error, sizeof(error)), code);
    cr_expect(strstr(error, part), "said %s\nnot  %s", error, part);
    cr_expect_eq(strncmp(error, "option ", 7), 0, "%s", error);
    expect_new_ones_see(w, 0);
    char little[10];
    FAILS(dor_ssl_reload(w->listener, little, sizeof(little)), code);
    cr_expect_eq(strlen(little), sizeof(little) - 1);
}

Test(reload, whatever_goes_wrong_the_old_ones_stay)
{
    world w;
    begin_files(&w, 2);
    listen_in(&w);
    put("server.pem", "CERTIFICATE", &certs[1], SIZE_MAX);
    fails_with(&w, DOR_E_KEY_MISMATCH, "server.key does not belong to the certificate in ");
    put("server.pem", "CERTIFICATE", &certs[1], 100);
    fails_with(&w, DOR_E_FILE_MALFORMED, "server.pem, line 1: ");
    put("server.pem", "CERTIFICATE", &certs[1], 0);
    fails_with(&w, DOR_E_FILE_MALFORMED, "server.pem holds no certificate");
    unlink(file("server.pem"));
    fails_with(&w, DOR_E_FILE_UNREADABLE, "server.pem: No such file");
    put("server.pem", "CERTIFICATE", &certs[0], SIZE_MAX);
    unlink(file("server.key"));
    fails_with(&w, DOR_E_FILE_UNREADABLE, "option keyfile: cannot read ");

    dor_reload_statistics s;
    OK(dor_ssl_get_reload_statistics(w.listener, &s));
    cr_expect_eq(s.failures, 10u);
    cr_expect_eq(s.last_result, DOR_E_FILE_UNREADABLE);
    cr_expect(strstr(s.last_error, "server.key"));
    put_pair(1);
    OK(dor_ssl_reload(w.listener, NULL, 0));
    expect_new_ones_see(&w, 1);
    end_files(&w);
}

Test(reload, every_length_of_a_half_written_file)
{
    world w;
    char error[1024];
    begin_files(&w, 1);
    listen_in(&w);
    for (size_t len = 0; len < 600; len += 7) {
        put("server.key", "PRIVATE KEY", &keys[1], len);
        int code = dor_ssl_reload(w.listener, error, sizeof(error));
        cr_assert(code == DOR_E_FILE_MALFORMED || code == DOR_E_KEY_MISMATCH, "%zu: %s", len, error);
    }
    expect_new_ones_see(&w, 0);
    end_files(&w);
}

Test(reload, by_an_actors_call)
{
    world w;
    dor_ref ref;
    dor_buffer *sentence = NULL;
    begin_files(&w, 2);
    listen_in(&w);
    put_pair(1);
    OK(dor_ssl_reload_async(w.listener, &ref));
    OK(await_reply(ref, NULL, &sentence));
    cr_expect_null(sentence);
    expect_new_ones_see(&w, 1);
    unlink(file("server.key"));
    OK(dor_ssl_reload_async(w.listener, &ref));
    FAILS(await_reply(ref, NULL, &sentence), DOR_E_FILE_UNREADABLE);
    cr_assert_not_null(sentence);
    cr_expect_eq(memcmp(dor_buffer_data(sentence), "option keyfile: ", 16), 0);
    dor_buffer_unref(sentence);
    end_files(&w);
}

Test(reload, what_is_no_listener)
{
    world w;
    dor_ref ref;
    dor_reload_statistics s;
    char error[200];
    begin_files(&w, 1);
    listen_in(&w);
    pair p = connect_pair(&w);
    FAILS(dor_ssl_reload(p.server, error, sizeof(error)), DOR_E_EINVAL);
    cr_expect_gt(strlen(error), 5u);
    dor_options *o = dor_options_new();
    OK(dor_options_set_text(o, "certfile", file("server.pem")));
    FAILS(dor_ssl_set_certificates(p.client, o), DOR_E_EINVAL);
    dor_options_free(o);
    FAILS(dor_ssl_get_reload_statistics(p.client, &s), DOR_E_EINVAL);
    FAILS(dor_ssl_get_reload_statistics(w.listener, NULL), DOR_E_BADARG);
    FAILS(dor_ssl_set_certificates(w.listener, NULL), DOR_E_BADARG);
    FAILS(dor_ssl_reload_async(w.listener, NULL), DOR_E_BADARG);
    close_pair(p);
    OK(dor_ssl_close(w.listener));
    FAILS(dor_ssl_reload(w.listener, NULL, 0), DOR_E_CLOSED);
    FAILS(dor_ssl_reload_async(w.listener, &ref), DOR_E_CLOSED);
    end_files(&w);
}

static void *not_the_owner(void *arg)
{
    world *w = arg;
    dor_options *o = dor_options_new();
    OK(dor_process_attach(w->runtime, NULL));
    OK(dor_options_set_text(o, "certfile", file("server.pem")));
    OK(dor_options_set_text(o, "keyfile", file("server.key")));
    FAILS(dor_ssl_set_certificates(w->listener, o), DOR_E_NOT_OWNER);
    dor_options_free(o);
    OK(dor_process_detach());
    return NULL;
}

Test(reload, other_certificates)
{
    world w;
    pthread_t thread;
    begin_files(&w, 2);
    listen_in(&w);
    dor_options *o = dor_options_new();
    FAILS(dor_ssl_set_certificates(w.listener, o), DOR_E_NO_OPTIONS);
    OK(dor_options_set_bytes(o, "cert", certs[2].ptr, certs[2].len));
    OK(dor_options_set_bytes(o, "key", keys[1].ptr, keys[1].len));
    FAILS(dor_ssl_set_certificates(w.listener, o), DOR_E_KEY_MISMATCH);
    expect_new_ones_see(&w, 0);
    OK(dor_options_set_bytes(o, "key", keys[2].ptr, keys[2].len));
    OK(dor_ssl_set_certificates(w.listener, o));
    expect_new_ones_see(&w, 2);
    put_pair(1);
    OK(dor_ssl_reload(w.listener, NULL, 0)); /* there are no files behind these */
    expect_new_ones_see(&w, 2);
    OK(dor_options_set_int(o, "linger", 5));
    FAILS(dor_ssl_set_certificates(w.listener, o), DOR_E_OPTION_CONFLICT);
    cr_expect(strstr(dor_options_error(o), "option linger "));
    cr_assert_eq(pthread_create(&thread, NULL, not_the_owner, &w), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    expect_new_ones_see(&w, 2);
    dor_options_free(o);
    end_files(&w);
}

/* ---- the watch ---------------------------------------------------------------------------------------------------------- */

static bool wait_for(world *w, uint64_t replaced, uint64_t failures)
{
    dor_reload_statistics s = {0};
    for (int i = 0; i < WAIT_TURNS; i++) {
        OK(dor_ssl_get_reload_statistics(w->listener, &s));
        if (s.replaced >= replaced && s.failures >= failures) return true;
        usleep(10000);
    }
    return false;
}

Test(reload, files_are_watched, .timeout = 100)
{
    world w;
    begin_files(&w, 2);
    OK(dor_options_set_int(w.server, "reload_certificates", 5));
    listen_in(&w);
    expect_new_ones_see(&w, 0);
    put("server.pem", "CERTIFICATE", &certs[1], 50);
    cr_assert(wait_for(&w, 0, 1));
    expect_new_ones_see(&w, 0);
    put_pair(1); /* whatever is seen between the two of them is a mismatch, and passes */
    cr_assert(wait_for(&w, 1, 1));
    expect_new_ones_see(&w, 1);
    OK(dor_ssl_close(w.listener)); /* perhaps while a worker reads */
    end_files(&w);
}

/* ---- under traffic ------------------------------------------------------------------------------------------------------ */

typedef struct traffic {
    world *w;
    _Atomic int least; /* certificates before this one were replaced before the handshake began */
    _Atomic bool stop;
    _Atomic int handshakes;
} traffic;

static void *keep_connecting(void *arg)
{
    traffic *t = arg;
    dor_options *o = dor_options_new();
    OK(dor_process_attach(t->w->runtime, NULL));
    OK(dor_options_set_text(o, "verify", "verify_none"));
    OK(dor_options_set_text(o, "active", "false"));
    OK(dor_options_set_text(o, "reuse_sessions", "false"));
    while (!atomic_load(&t->stop)) {
        dor_socket socket;
        int least = atomic_load(&t->least);
        OK(dor_ssl_connect(t->w->runtime, "127.0.0.1", t->w->port, o, PATIENCE_MS, &socket));
        int which = shown(socket);
        cr_assert(which >= 0 && which >= least, "%d after %d", which, least);
        OK(dor_ssl_close(socket));
        atomic_fetch_add(&t->handshakes, 1);
    }
    dor_options_free(o);
    OK(dor_process_detach());
    return NULL;
}

static void let_some_pass(traffic *t)
{
    int until = atomic_load(&t->handshakes) + 20;
    for (int i = 0; i < WAIT_TURNS && atomic_load(&t->handshakes) < until; i++)
        usleep(10000);
    cr_assert_geq(atomic_load(&t->handshakes), until);
}

Test(reload, under_handshakes, .timeout = 110)
{
    enum { THREADS = 3 };
    static const dor_server_spec nothing = {0};
    world w;
    traffic t = {.w = &w};
    pthread_t threads[THREADS];
    dor_address address;
    begin_files(&w, 2);
    OK(dor_ssl_serve(w.runtime, 0, w.server, &nothing, &w.listener));
    OK(dor_ssl_sockname(w.listener, &address));
    w.port = address.port;
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, keep_connecting, &t), 0);
    for (int which = 0; which < identity_count; which++) {
        put("server.key", "PRIVATE KEY", &keys[which], SIZE_MAX);
        if (which > 0) FAILS(dor_ssl_reload(w.listener, NULL, 0), DOR_E_KEY_MISMATCH);
        put("server.pem", "CERTIFICATE", &certs[which], SIZE_MAX);
        OK(dor_ssl_reload(w.listener, NULL, 0));
        atomic_store(&t.least, which); /* from now on nobody may see an older one */
        let_some_pass(&t);
    }
    dor_options *o = dor_options_new(); /* of dor_ssl_serve: anybody may */
    OK(dor_options_set_bytes(o, "cert", certs[2].ptr, certs[2].len));
    OK(dor_options_set_bytes(o, "key", keys[2].ptr, keys[2].len));
    OK(dor_ssl_set_certificates(w.listener, o));
    dor_options_free(o);
    let_some_pass(&t);
    atomic_store(&t.stop, true);
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    OK(dor_ssl_stop_listening(w.listener));
    end_files(&w);
}

/* ---- sessions ------------------------------------------------------------------------------------------------------------- */

static bool resumes(world *w, dor_ssl_session *session)
{
    dor_connection_info info;
    OK(dor_options_set_session(w->client, session));
    pair p = connect_pair(w);
    OK(dor_ssl_connection_info(p.client, &info));
    OK(dor_options_set_session(w->client, NULL));
    close_pair(p);
    return info.resumed;
}

Test(reload, sessions_outlive_reading_again_and_not_other_certificates)
{
    world w;
    dor_ssl_session *session;
    begin_files(&w, 1);
    OK(dor_options_set_list(w.client, "versions", "tlsv1.2", NULL));
    listen_in(&w);
    pair p = connect_pair(&w);
    OK(dor_ssl_get_session(p.client, &session));
    close_pair(p);
    cr_expect(resumes(&w, session));
    put_pair(1);
    OK(dor_ssl_reload(w.listener, NULL, 0));
    cr_expect(resumes(&w, session));
    dor_options *o = dor_options_new();
    OK(dor_options_set_bytes(o, "cert", certs[2].ptr, certs[2].len));
    OK(dor_options_set_bytes(o, "key", keys[2].ptr, keys[2].len));
    OK(dor_ssl_set_certificates(w.listener, o));
    cr_expect_not(resumes(&w, session));
    dor_options_free(o);
    dor_ssl_session_unref(session);
    end_files(&w);
}
