/* A server's sessions kept outside: both versions, answers of every kind, two runtimes that share one store. */
#include "store_support.h"
#include "support/pki.h"

static const char *const versions[] = {"tlsv1.2", "tlsv1.3"};

enum { VERSIONS = 2 };

static void *greets(dor_socket socket, void *arg)
{
    (void)arg;
    (void)dor_ssl_send_async(socket, dor_buffer_new("!", 1), NULL);
    return NULL;
}

static uint16_t serve_in(dor_runtime *runtime, dor_options *options, dor_socket *listener)
{
    dor_address address;
    const dor_server_spec spec = {.open = greets};
    OK(dor_ssl_serve(runtime, 0, options, &spec, listener));
    OK(dor_ssl_sockname(*listener, &address));
    return address.port;
}

static void begin_stored(world *w, store *s, const char *version)
{
    begin(w, 2);
    store_init(s);
    OK(dor_options_unset(w->server, "active"));
    OK(dor_options_set_text(w->server, "session_tickets", "stateful"));
    OK(dor_options_set_session_store(w->server, &store_ops, s));
    OK(dor_options_set_list(w->client, "versions", version, NULL));
    OK(dor_options_set_text(w->client, "session_tickets", "manual"));
    OK(dor_options_set_text(w->client, "reuse_sessions", "save"));
    w->port = serve_in(w->runtime, w->server, &w->listener);
}

/* One connection that brings `session` (may be NULL; released): its own, and what came of it. */
static dor_ssl_session *visit(world *w, uint16_t port, dor_ssl_session *session, int *resumed)
{
    dor_socket c;
    dor_connection_info info;
    dor_ssl_session *next = NULL;
    OK(dor_options_set_text(w->client, "reuse_sessions", session ? "true" : "save"));
    OK(dor_options_set_session(w->client, session));
    OK(dor_ssl_connect(w->runtime, "127.0.0.1", port, w->client, PATIENCE_MS, &c));
    expect_recv(c, 1, "!");
    OK(dor_ssl_connection_info(c, &info));
    *resumed = info.resumed;
    OK(dor_ssl_get_session(c, &next));
    OK(dor_ssl_close(c));
    OK(dor_options_set_session(w->client, NULL));
    dor_ssl_session_unref(session);
    return next;
}

static void end_stored(world *w, store *s)
{
    end(w);
    pthread_mutex_destroy(&s->lock);
}

Test(session_store, resumed_from_outside)
{
    for (int i = 0; i < VERSIONS; i++) {
        world w;
        store s;
        int resumed;
        begin_stored(&w, &s, versions[i]);
        dor_ssl_session *session = visit(&w, w.port, NULL, &resumed);
        cr_assert_not(resumed);
        cr_assert_geq(atomic_load(&s.stored), 1);
        cr_assert_eq(s.lifetime_s, 24u * 3600);
        session = visit(&w, w.port, session, &resumed);
        cr_assert(resumed, "%s", versions[i]);
        cr_assert_eq(atomic_load(&s.found), 1);
        session = visit(&w, w.port, session, &resumed);
        cr_assert(resumed);
        dor_ssl_session_unref(session);
        end_stored(&w, &s);
    }
}

/* A HelloRetryRequest comes before the question: what is asked is what the second hello brings. */
Test(session_store, behind_a_hello_retry)
{
    world w;
    store s;
    int resumed;
    begin_stored(&w, &s, "tlsv1.3");
    OK(dor_ssl_close(w.listener));
    OK(dor_options_set_list(w.server, "supported_groups", "secp384r1", NULL));
    w.port = serve_in(w.runtime, w.server, &w.listener);
    dor_ssl_session *session = visit(&w, w.port, NULL, &resumed);
    session = visit(&w, w.port, session, &resumed);
    cr_assert(resumed);
    cr_assert_eq(atomic_load(&s.lookups), 1);
    dor_ssl_session_unref(session);
    end_stored(&w, &s);
}

/* TLS 1.3: once, and then it is gone; TLS 1.2: as often as one likes. */
Test(session_store, used_once_or_often)
{
    for (int i = 0; i < VERSIONS; i++) {
        world w;
        store s;
        int resumed;
        begin_stored(&w, &s, versions[i]);
        dor_ssl_session *session = visit(&w, w.port, NULL, &resumed);
        for (int turn = 0; turn < 3; turn++) {
            dor_ssl_session_unref(visit(&w, w.port, dor_ssl_session_ref(session), &resumed));
            cr_assert_eq(resumed, i == 0 || turn == 0, "%s, %d", versions[i], turn);
        }
        cr_assert_eq(atomic_load(&s.removed), i == 0 ? 0 : 1);
        cr_assert_eq(atomic_load(&s.once) > 0, i == 1);
        dor_ssl_session_unref(session);
        end_stored(&w, &s);
    }
}

/* Whatever the store does wrong costs a full handshake and no more. */
Test(session_store, answers_that_are_none)
{
    static const store_how hows[] = {STORE_DROPS, STORE_REFUSES, STORE_LIES};
    for (size_t i = 0; i < VERSIONS * 3; i++) {
        world w;
        store s;
        int resumed;
        begin_stored(&w, &s, versions[i % VERSIONS]);
        dor_ssl_session_unref(visit(&w, w.port, NULL, &resumed)); /* another's, for the one that lies */
        dor_ssl_session *session = visit(&w, w.port, NULL, &resumed);
        s.how = hows[i / VERSIONS];
        session = visit(&w, w.port, session, &resumed);
        cr_assert_not(resumed);
        s.how = STORE_ANSWERS;
        session = visit(&w, w.port, session, &resumed);
        cr_assert(resumed);
        dor_ssl_session_unref(session);
        end_stored(&w, &s);
    }
}

/* The form of what comes back is not trusted: with any bit of it changed the server lives, and mostly makes a full handshake. */
Test(session_store, every_bit_flipped, .timeout = 100)
{
    for (int i = 0; i < VERSIONS; i++) {
        world w;
        store s;
        int resumed;
        begin_stored(&w, &s, versions[i]);
        dor_ssl_session *session = visit(&w, w.port, NULL, &resumed);
        size_t bits = 0;
        for (int e = 0; e < STORE_ENTRIES; e++)
            if (s.entries[e].id_len && s.entries[e].len > bits / 8) bits = s.entries[e].len * 8;
        cr_assert_gt(bits, 0);
        s.how = STORE_SPOILS;
        for (size_t bit = 0; bit < bits; bit += SLOW_BUILD ? 37 : 5) {
            dor_socket c;
            s.flip = bit;
            OK(dor_options_set_bool(w.client, "reuse_sessions", 1));
            OK(dor_options_set_session(w.client, session));
            if (dor_ssl_connect(w.runtime, "127.0.0.1", w.port, w.client, PATIENCE_MS, &c) == DOR_OK)
                OK(dor_ssl_close(c));
            dor_message *m;
            while (dor_receive(&m, 0) == DOR_OK)
                dor_message_free(m);
            if (i == 1) { /* it was used up */
                s.how = STORE_ANSWERS;
                dor_ssl_session_unref(session);
                session = visit(&w, w.port, NULL, &resumed);
                s.how = STORE_SPOILS;
            }
            WAIT_FOR(statistics(&w).connections == 0);
            pthread_mutex_lock(&s.lock); /* what nobody is going to use any more */
            if (i == 1 && bit % 100 < 5) memset(s.entries, 0, sizeof s.entries);
            pthread_mutex_unlock(&s.lock);
        }
        s.how = STORE_ANSWERS;
        session = visit(&w, w.port, i == 1 ? (dor_ssl_session_unref(session), NULL) : session, &resumed);
        dor_ssl_session_unref(session);
        end_stored(&w, &s);
    }
}

static dor_question *take_kept(store *s)
{
    dor_question *question = NULL;
    for (int tries = 0; tries < PATIENCE_MS && !question; tries++) {
        pthread_mutex_lock(&s->lock);
        question = s->kept;
        s->kept = NULL;
        pthread_mutex_unlock(&s->lock);
        if (!question) usleep(1000);
    }
    cr_assert_not_null(question);
    return question;
}

/* From another thread, while nothing is read; twice, with one of another kind first, and after all is over. */
Test(session_store, later_twice_and_too_late)
{
    for (int i = 0; i < VERSIONS; i++) {
        world w;
        store s;
        int resumed;
        dor_ref ref;
        dor_socket c;
        dor_connection_info info;
        begin_stored(&w, &s, versions[i]);
        dor_ssl_session *session = visit(&w, w.port, NULL, &resumed);
        s.how = STORE_KEEPS;
        OK(dor_options_set_bool(w.client, "reuse_sessions", 1));
        OK(dor_options_set_session(w.client, session));
        OK(dor_ssl_connect_async(w.runtime, "127.0.0.1", w.port, w.client, PATIENCE_MS, &ref));
        dor_question *question = take_kept(&s), *again = dor_question_ref(question);
        FAILS(dor_question_sign(dor_question_ref(question), "x", 1), DOR_E_EINVAL);
        OK(dor_question_session(question, s.kept_entry.data, s.kept_entry.len));
        FAILS(dor_question_session(again, NULL, 0), DOR_E_EALREADY);
        OK(await_reply(ref, &c, NULL));
        expect_recv(c, 1, "!");
        OK(dor_ssl_connection_info(c, &info));
        cr_assert(info.resumed);
        OK(dor_ssl_close(c));

        OK(dor_ssl_connect_async(w.runtime, "127.0.0.1", w.port, w.client, PATIENCE_MS, &ref));
        question = take_kept(&s);
        again = dor_question_ref(question);
        FAILS(dor_question_session(again, NULL, 1), DOR_E_BADARG);
        OK(dor_runtime_stop(w.runtime, 300));
        FAILS(dor_question_session(question, s.kept_entry.data, s.kept_entry.len), DOR_E_CLOSED);
        dor_ssl_session_unref(session);
        end_stopped(&w);
    }
}

Test(session_store, never_answered)
{
    world w;
    store s;
    int resumed;
    dor_socket c;
    begin_stored(&w, &s, "tlsv1.2");
    OK(dor_ssl_close(w.listener));
    OK(dor_options_set_int(w.server, "handshake_timeout", 2000)); /* the first visit has to do, too */
    w.port = serve_in(w.runtime, w.server, &w.listener);
    dor_ssl_session *session = visit(&w, w.port, NULL, &resumed);
    s.how = STORE_KEEPS;
    OK(dor_options_set_bool(w.client, "reuse_sessions", 1));
    OK(dor_options_set_session(w.client, session));
    cr_assert_lt(dor_ssl_connect(w.runtime, "127.0.0.1", w.port, w.client, PATIENCE_MS, &c), 0);
    dor_question *question = take_kept(&s);
    FAILS(dor_question_session(question, NULL, 0), DOR_E_CLOSED);
    dor_ssl_session_unref(session);
    end_stored(&w, &s);
}

Test(session_store, shared_by_two_runtimes)
{
    for (int i = 0; i < VERSIONS; i++) {
        world w;
        store s;
        int resumed;
        dor_socket other;
        begin_stored(&w, &s, versions[i]);
        dor_runtime *runtime = runtime_of(1);
        uint16_t port = serve_in(runtime, w.server, &other);
        dor_ssl_session *session = visit(&w, w.port, NULL, &resumed);
        for (int turn = 0; turn < 4; turn++) {
            session = visit(&w, turn % 2 ? w.port : port, session, &resumed);
            cr_assert(resumed, "%s, %d", versions[i], turn);
        }
        dor_ssl_session_unref(session);
        OK(dor_runtime_stop(runtime, 5000));
        end_stored(&w, &s);
    }
}

/* A session made where clients need no certificate is not found where they are asked for one, though both have one store. */
Test(session_store, laxer_rules_make_other_sessions)
{
    for (int i = 0; i < VERSIONS; i++) {
        world w;
        store s;
        int resumed;
        dor_socket strict;
        char root[512];
        begin_stored(&w, &s, versions[i]);
        snprintf(root, sizeof root, "%s/root.pem", pki_dir());
        OK(dor_options_set_text(w.server, "verify", "verify_peer"));
        OK(dor_options_set_text(w.server, "cacertfile", root));
        uint16_t port = serve_in(w.runtime, w.server, &strict);
        dor_ssl_session *session = visit(&w, w.port, NULL, &resumed);
        dor_ssl_session_unref(visit(&w, port, dor_ssl_session_ref(session), &resumed));
        cr_assert_not(resumed);
        cr_assert_eq(atomic_load(&s.found), 0);
        session = visit(&w, w.port, session, &resumed);
        cr_assert(resumed);
        dor_ssl_session_unref(session);
        end_stored(&w, &s);
    }
}

Test(session_store, bad_use)
{
    world w;
    store s;
    int resumed;
    dor_socket l;
    begin_stored(&w, &s, "tlsv1.2");
    dor_session_store_ops half = store_ops;
    half.remove = NULL;
    FAILS(dor_options_set_session_store(w.server, &half, &s), DOR_E_BADARG);
    FAILS(dor_options_set_session_store(NULL, &store_ops, &s), DOR_E_BADARG);
    FAILS(dor_question_session(NULL, NULL, 0), DOR_E_BADARG);
    cr_assert_eq(dor_question_once(NULL), 0);
    OK(dor_options_set_int(w.server, "max_sessions", 10));
    FAILS(dor_ssl_listen(w.runtime, 0, w.server, &l), DOR_E_OPTION_CONFLICT);
    cr_assert_not_null(strstr(dor_options_error(w.server), "session_cb"));
    OK(dor_options_set_session_store(w.server, NULL, NULL));
    OK(dor_ssl_close(w.listener));
    w.port = serve_in(w.runtime, w.server, &w.listener);
    dor_ssl_session_unref(visit(&w, w.port, NULL, &resumed));
    cr_assert_eq(atomic_load(&s.stored), 0);
    end_stored(&w, &s);
}

Test(session_store, each_allocation_fails)
{
    for (int i = 0; i < VERSIONS; i++) {
        world w;
        store s;
        int resumed;
        begin_stored(&w, &s, versions[i]);
        OK(dor_options_set_int(w.client, "linger", 300));
        dor_ssl_session *session = visit(&w, w.port, NULL, &resumed);
        for (long n = 0; n < 120; n += SLOW_BUILD ? 7 : 1) {
            dor_socket c = DOR_SOCKET_NONE;
            dor_message *m;
            OK(dor_options_set_bool(w.client, "reuse_sessions", 1));
            OK(dor_options_set_session(w.client, session));
            atomic_store(&fail_after, n);
            (void)dor_ssl_connect(w.runtime, "127.0.0.1", w.port, w.client, 1000, &c);
            atomic_store(&fail_after, -1);
            if (c != DOR_SOCKET_NONE) OK(dor_ssl_close(c));
            WAIT_FOR(statistics(&w).connections == 0);
            while (dor_receive(&m, 0) == DOR_OK)
                dor_message_free(m);
        }
        dor_ssl_session_unref(session);
        end_stored(&w, &s);
    }
}
