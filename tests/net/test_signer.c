/* Private keys that are elsewhere: every kind of key and answer, both roles and versions, and whatever ends before the answer. */
#include "signer_support.h"

static const char *const kinds[] = {"tls-p256", "tls-p384", "tls-ed", "tls-rsa", "tls-pss"};
static const char *const versions[] = {"tlsv1.3", "tlsv1.2"};

enum { KINDS = 5, VERSIONS = 2 };

/* Answers what is kept, from another thread, until told to end. */
static void answer_from_thread(pthread_t *thread, hsm *h)
{
    cr_assert_eq(pthread_create(thread, NULL, hsm_answer_once, h), 0);
}

/* A server that wants a certificate of its clients. */
static void want_certificate(world *w)
{
    char path[512];
    pki_path(path, "root", "pem");
    OK(dor_options_set_text(w->server, "verify", "verify_peer"));
    OK(dor_options_set_bool(w->server, "fail_if_no_peer_cert", 1));
    OK(dor_options_set_text(w->server, "cacertfile", path));
}

/* One side has its key elsewhere: every kind, both versions, answered at once and from another thread. */
static void with_every_kind_of_key(bool server)
{
    for (int i = 0; i < KINDS * VERSIONS * 2; i++) {
        world w;
        hsm h;
        pthread_t thread;
        const char *name = kinds[i % KINDS];
        bool later = i >= KINDS * VERSIONS;
        begin(&w, 2);
        hsm_init(&h, name, server);
        h.how = later ? SIGNS_LATER : SIGNS_NOW;
        set_version(&w, versions[i / KINDS % VERSIONS]);
        if (!server) want_certificate(&w);
        show(server ? w.server : w.client, name, &h);
        listen_in(&w);
        if (later) answer_from_thread(&thread, &h);
        talk(connect_pair(&w));
        if (later) cr_assert_eq(pthread_join(thread, NULL), 0);
        cr_assert_eq(atomic_load(&h.asked), 1);
        hsm_fini(&h);
        end(&w);
    }
}

Test(signer, servers_with_every_kind_of_key)
{
    with_every_kind_of_key(true);
}

Test(signer, clients_with_every_kind_of_key)
{
    with_every_kind_of_key(false);
}

Test(signer, answers_that_are_none)
{
    const int wrong = DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_INTERNAL_ERROR, DOR_REASON_SIGNER_WRONG);
    const int failed =
        DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_INTERNAL_ERROR, DOR_REASON_SIGNER_FAILED);
    const int denied =
        DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_ACCESS_DENIED, DOR_REASON_SIGNER_FAILED);
    const struct {
        answer_how how;
        int code;
    } cases[] = {{SIGNS_WRONG, wrong},   {SIGNS_SHORT, wrong}, {SIGNS_LONG, wrong},
                 {SIGNS_NOTHING, wrong}, {REFUSES, failed},    {REFUSES_WITH_ALERT, denied},
                 {DROPS, failed}};
    world w;
    hsm h;
    begin(&w, 2);
    hsm_init(&h, "tls-rsa", 1);
    show(w.server, "tls-rsa", &h);
    listen_in(&w);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0] * VERSIONS; i++) {
        size_t n = i / VERSIONS;
        set_version(&w, versions[i % VERSIONS]);
        h.how = cases[n].how;
        outcome o = try_pair(&w);
        cr_assert_eq(o.server, cases[n].code, "case %zu: %d", n, o.server);
        cr_assert_eq(dor_error_get_class(o.client), DOR_CLASS_ALERT_RECEIVED);
        cr_assert_eq(dor_error_get_alert(o.client), dor_error_get_alert(cases[n].code));
    }
    h.how = SIGNS_NOW; /* and nothing of it stays */
    talk(connect_pair(&w));
    hsm_fini(&h);
    end(&w);
}

/* Every code that a program may hand over ends the handshake with internal_error, and is what the server's caller gets. */
Test(signer, refused_with_any_code)
{
    static const int codes[] = {DOR_E_TIMEOUT, DOR_E_NOMEM, DOR_E_BADARG, DOR_E_CLOSED, DOR_E_CRYPTO_FAILED};
    world w;
    hsm h;
    dor_ref accepting, connecting;
    dor_socket s;
    begin(&w, 2);
    hsm_init(&h, "tls-p256", 1);
    h.how = SIGNS_LATER;
    show(w.server, "tls-p256", &h);
    set_version(&w, "tlsv1.3");
    listen_in(&w);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        OK(dor_ssl_connect_async(w.runtime, "127.0.0.1", w.port, w.client, PATIENCE_MS, &connecting));
        OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &s));
        OK(dor_ssl_accept_async(s, NULL, PATIENCE_MS, &accepting));
        OK(dor_question_refuse(hsm_take(&h), codes[i]));
        cr_assert_eq(await_reply(accepting, NULL, NULL), codes[i]);
        int code = await_reply(connecting, NULL, NULL);
        cr_assert_eq(dor_error_get_alert(code), DOR_ALERT_INTERNAL_ERROR, "%d", code);
    }
    hsm_fini(&h);
    end(&w);
}

/* ---- whoever is too late --------------------------------------------------------------------------------------- */

static dor_socket begin_kept(world *w, hsm *h, const char *version, dor_ref *connecting, dor_ref *accepting)
{
    dor_socket s;
    begin(w, 2);
    hsm_init(h, "tls-rsa", 1);
    h->how = SIGNS_LATER;
    show(w->server, "tls-rsa", h);
    OK(dor_options_set_int(w->server, "handshake_timeout", 2000));
    set_version(w, version);
    listen_in(w);
    OK(dor_ssl_connect_async(w->runtime, "127.0.0.1", w->port, w->client, PATIENCE_MS, connecting));
    OK(dor_ssl_transport_accept(w->listener, PATIENCE_MS, &s));
    OK(dor_ssl_accept_async(s, NULL, PATIENCE_MS, accepting));
    return s;
}

Test(signer, never_answered_and_after_the_timeout)
{
    for (int i = 0; i < VERSIONS; i++) {
        world w;
        hsm h;
        dor_ref connecting, accepting;
        (void)begin_kept(&w, &h, versions[i], &connecting, &accepting);
        dor_question *question = hsm_take(&h);
        cr_assert_eq(await_reply(accepting, NULL, NULL), DOR_E_TIMEOUT);
        cr_assert_lt(await_reply(connecting, NULL, NULL), 0);
        WAIT_FOR(!dor_question_waits(question));
        FAILS(dor_question_sign(dor_question_ref(question), h.sig, h.sig_len), DOR_E_CLOSED);
        FAILS(dor_question_refuse(question, 0), DOR_E_CLOSED);
        hsm_fini(&h);
        end(&w);
    }
}

Test(signer, after_the_connection_has_gone)
{
    for (int i = 0; i < VERSIONS; i++) {
        world w;
        hsm h;
        dor_ref connecting, accepting;
        dor_socket s = begin_kept(&w, &h, versions[i], &connecting, &accepting);
        dor_question *question = hsm_take(&h);
        OK(dor_ssl_close(s));
        WAIT_FOR(!dor_question_waits(question));
        FAILS(dor_question_sign(question, h.sig, h.sig_len), DOR_E_CLOSED);
        cr_assert_lt(await_reply(accepting, NULL, NULL), 0);
        cr_assert_lt(await_reply(connecting, NULL, NULL), 0);
        hsm_fini(&h);
        end(&w);
    }
}

Test(signer, after_the_runtime_has_gone)
{
    world w;
    hsm h;
    dor_ref connecting, accepting;
    (void)begin_kept(&w, &h, "tlsv1.3", &connecting, &accepting);
    dor_question *question = hsm_take(&h);
    OK(dor_runtime_stop(w.runtime, 5000));
    cr_assert_eq(dor_question_waits(question), 0);
    FAILS(dor_question_sign(question, h.sig, h.sig_len), DOR_E_CLOSED);
    hsm_fini(&h);
    end_stopped(&w);
}

Test(signer, answered_twice)
{
    for (int i = 0; i < VERSIONS; i++) {
        world w;
        hsm h;
        pair p;
        dor_ref connecting, accepting;
        p.server = begin_kept(&w, &h, versions[i], &connecting, &accepting);
        dor_question *question = hsm_take(&h);
        dor_question *again = dor_question_ref(question), *third = dor_question_ref(question);
        OK(dor_question_sign(question, h.sig, h.sig_len));
        FAILS(dor_question_sign(again, h.sig, 1), DOR_E_EALREADY);
        OK(await_reply(accepting, NULL, NULL));
        OK(await_reply(connecting, &p.client, NULL));
        FAILS(dor_question_refuse(third, 0), DOR_E_EALREADY);
        talk(p);
        hsm_fini(&h);
        end(&w);
    }
}

Test(signer, bad_use)
{
    world w;
    hsm h;
    dor_ref connecting, accepting;
    (void)begin_kept(&w, &h, "tlsv1.3", &connecting, &accepting);
    FAILS(dor_question_sign(NULL, "x", 1), DOR_E_BADARG);
    FAILS(dor_question_refuse(NULL, 0), DOR_E_BADARG);
    cr_assert_null(dor_question_ref(NULL));
    cr_assert_eq(dor_question_waits(NULL), 0);
    dor_question_unref(NULL);
    FAILS(dor_options_set_signer(NULL, hsm_ask, NULL), DOR_E_BADARG);
    FAILS(dor_question_sign(hsm_take(&h), NULL, 3), DOR_E_BADARG); /* which was the last reference */
    int code = await_reply(accepting, NULL, NULL);
    cr_assert_eq(dor_error_get_reason(code), DOR_REASON_SIGNER_FAILED);
    cr_assert_lt(await_reply(connecting, NULL, NULL), 0);
    hsm_fini(&h);
    end(&w);
}

/* ---- options --------------------------------------------------------------------------------------------------- */

static void expect_conflict(world *w)
{
    dor_socket s;
    FAILS(dor_ssl_listen(w->runtime, 0, w->server, &s), DOR_E_OPTION_CONFLICT);
    cr_assert_not_null(strstr(dor_options_error(w->server), "signer"), "%s", dor_options_error(w->server));
}

Test(signer, options_that_contradict_each_other)
{
    world w;
    hsm h;
    char pem[512], key[512];
    begin(&w, 1);
    hsm_init(&h, "tls-rsa", 1);
    pki_path(pem, "tls-rsa", "pem");
    pki_path(key, "tls-rsa", "key");
    OK(dor_options_set_signer(w.server, hsm_ask, &h));
    expect_conflict(&w); /* with the development certificate's key */
    OK(dor_options_unset(w.server, "key"));
    OK(dor_options_set_text(w.server, "keyfile", key));
    expect_conflict(&w);
    OK(dor_options_unset(w.server, "keyfile"));
    OK(dor_options_unset(w.server, "cert"));
    expect_conflict(&w); /* with nothing at all */
    const dor_certs_key both = {.certfile = pem, .keyfile = key, .sign = hsm_ask, .sign_arg = &h};
    FAILS(dor_options_add_certs_key(w.server, &both), DOR_E_OPTION_CONFLICT);
    OK(dor_options_add_certs_key(w.server,
                                 &(dor_certs_key){.certfile = pem, .sign = hsm_ask, .sign_arg = &h}));
    expect_conflict(&w);
    OK(dor_options_set_signer(w.server, NULL, NULL));
    set_version(&w, "tlsv1.3");
    listen_in(&w);
    talk(connect_pair(&w));
    hsm_fini(&h);
    end(&w);
}

/* Of two certificates one has its key here; which of them is shown is the peer's abilities' business. */
Test(signer, one_of_several_certificates)
{
    world w;
    hsm h;
    char pem[2][512], key[512];
    begin(&w, 2);
    hsm_init(&h, "tls-rsa", 1);
    pki_path(pem[0], "tls-p256", "pem");
    pki_path(key, "tls-p256", "key");
    pki_path(pem[1], "tls-rsa", "pem");
    OK(dor_options_unset(w.server, "cert"));
    OK(dor_options_unset(w.server, "key"));
    OK(dor_options_add_certs_key(w.server, &(dor_certs_key){.certfile = pem[0], .keyfile = key}));
    OK(dor_options_add_certs_key(w.server,
                                 &(dor_certs_key){.certfile = pem[1], .sign = hsm_ask, .sign_arg = &h}));
    set_version(&w, "tlsv1.3");
    listen_in(&w);
    talk(connect_pair(&w));
    cr_assert_eq(atomic_load(&h.asked), 0);
    OK(dor_options_set_list(w.client, "signature_algs", "rsa_pss_rsae_sha256", NULL));
    talk(connect_pair(&w));
    cr_assert_eq(atomic_load(&h.asked), 1);
    OK(dor_ssl_reload(w.listener, NULL, 0)); /* the certificates are read again, the signer stays */
    talk(connect_pair(&w));
    cr_assert_eq(atomic_load(&h.asked), 2);
    hsm_fini(&h);
    end(&w);
}

Test(signer, other_certificates_for_a_listener)
{
    world w;
    hsm h;
    begin(&w, 2);
    hsm_init(&h, "tls-ed", 1);
    set_version(&w, "tlsv1.3");
    listen_in(&w);
    talk(connect_pair(&w));
    dor_options *others = dor_options_new();
    show(others, "tls-ed", &h);
    OK(dor_ssl_set_certificates(w.listener, others));
    dor_options_free(others);
    talk(connect_pair(&w));
    cr_assert_eq(atomic_load(&h.asked), 1);
    hsm_fini(&h);
    end(&w);
}

/* ---- many ------------------------------------------------------------------------------------------------------- */

enum { ANSWERERS = 4, ROUNDS = 20, AT_A_TIME = 50 };

typedef struct hsm_pool {
    const hsm *key;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct job {
        struct job *next;
        dor_question *question;
        uint16_t scheme;
        size_t len;
        uint8_t content[256];
    } * first;
    bool ends;
} hsm_pool;

static void pool_ask(const dor_sign_request *request, dor_question *question, void *arg)
{
    hsm_pool *pool = arg;
    struct job *job = malloc(sizeof *job);
    cr_assert(job && request->content_len <= sizeof job->content);
    job->question = question;
    job->scheme = request->scheme;
    job->len = request->content_len;
    memcpy(job->content, request->content, job->len);
    pthread_mutex_lock(&pool->lock);
    job->next = pool->first;
    pool->first = job;
    pthread_cond_signal(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
}

static void *pool_work(void *arg)
{
    hsm_pool *pool = arg;
    for (;;) {
        uint8_t sig[DOR_SIG_MAX_LEN];
        pthread_mutex_lock(&pool->lock);
        while (!pool->first && !pool->ends)
            pthread_cond_wait(&pool->changed, &pool->lock);
        struct job *job = pool->first;
        if (job) pool->first = job->next;
        pthread_mutex_unlock(&pool->lock);
        if (!job) return NULL;
        size_t len = hsm_sign(pool->key, job->scheme, dor__span(job->content, job->len), sig);
        dor_question *other = dor_question_ref(job->question);
        OK(dor_question_sign(job->question, sig, len));
        dor_question_unref(other);
        free(job);
    }
}

static void a_round(world *w)
{
    dor_ref connecting[AT_A_TIME], accepting[AT_A_TIME];
    for (int i = 0; i < AT_A_TIME; i++) {
        dor_socket s;
        OK(dor_ssl_connect_async(w->runtime, "127.0.0.1", w->port, w->client, PATIENCE_MS, &connecting[i]));
        OK(dor_ssl_transport_accept(w->listener, PATIENCE_MS, &s));
        OK(dor_ssl_accept_async(s, NULL, PATIENCE_MS, &accepting[i]));
    }
    for (int i = 0; i < AT_A_TIME; i++) {
        dor_socket s, c;
        OK(await_reply(accepting[i], &s, NULL));
        OK(await_reply(connecting[i], &c, NULL));
        OK(dor_ssl_close(c));
        OK(dor_ssl_close(s));
    }
}

Test(signer, a_thousand_handshakes_and_several_threads, .timeout = 100)
{
    world w;
    hsm h;
    hsm_pool pool = {.key = &h, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    pthread_t threads[ANSWERERS];
    begin(&w, 2);
    hsm_init(&h, "tls-p256", 1);
    show(w.server, "tls-p256", &h);
    OK(dor_options_set_signer(w.server, pool_ask, &pool));
    OK(dor_options_set_bool(w.client, "reuse_sessions", 0));
    listen_in(&w);
    for (int i = 0; i < ANSWERERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, pool_work, &pool), 0);
    for (int i = 0; i < ROUNDS; i++) {
        set_version(&w, versions[i % VERSIONS]);
        a_round(&w);
    }
    pthread_mutex_lock(&pool.lock);
    pool.ends = true;
    pthread_cond_broadcast(&pool.changed);
    pthread_mutex_unlock(&pool.lock);
    for (int i = 0; i < ANSWERERS; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    hsm_fini(&h);
    end(&w);
}

/* ---- off the loop ------------------------------------------------------------------------------------------------ */

static void have_key(dor_options *options, const char *name)
{
    char path[512];
    pki_path(path, name, "pem");
    OK(dor_options_unset(options, "cert"));
    OK(dor_options_unset(options, "key"));
    OK(dor_options_set_text(options, "certfile", path));
    pki_path(path, name, "key");
    OK(dor_options_set_text(options, "keyfile", path));
    OK(dor_options_set_bool(options, "sign_off_loop", 1));
}

Test(signer, off_the_loop_with_every_kind_of_key)
{
    for (int i = 0; i < KINDS * VERSIONS; i++) {
        world w;
        begin(&w, 2);
        set_version(&w, versions[i / KINDS]);
        want_certificate(&w);
        have_key(w.server, kinds[i % KINDS]);
        have_key(w.client, kinds[(i + 1) % KINDS]);
        listen_in(&w);
        talk(connect_pair(&w));
        end(&w);
    }
}

/* Connections that end, and a runtime that stops, while signatures are being made for them. */
Test(signer, off_the_loop_and_nobody_waits)
{
    enum { MANY = 30 };
    for (int round = 0; round < 3; round++) {
        world w;
        dor_ref ref;
        begin(&w, 2);
        set_version(&w, versions[round % VERSIONS]);
        have_key(w.server, "tls-rsa");
        listen_in(&w);
        for (int i = 0; i < MANY; i++) {
            dor_socket s;
            OK(dor_ssl_connect_async(w.runtime, "127.0.0.1", w.port, w.client, PATIENCE_MS, &ref));
            OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &s));
            OK(dor_ssl_accept_async(s, NULL, PATIENCE_MS, &ref));
            if (i % 2) OK(dor_ssl_close(s));
        }
        OK(dor_runtime_stop(w.runtime, round == 0 ? 0 : 5000));
        end_stopped(&w);
    }
}

/* ---- failing allocations ------------------------------------------------------------------------------------------ */

static void fail_each_allocation(world *w)
{
    for (long n = 0; n < 160; n += SLOW_BUILD ? 7 : 1) {
        dor_socket s = DOR_SOCKET_NONE;
        dor_ref connecting = 0, accepting = 0;
        OK(dor_ssl_connect_async(w->runtime, "127.0.0.1", w->port, w->client, PATIENCE_MS, &connecting));
        OK(dor_ssl_transport_accept(w->listener, PATIENCE_MS, &s));
        atomic_store(&fail_after, n);
        if (dor_ssl_accept_async(s, NULL, 1000, &accepting) == DOR_OK)
            (void)await_reply(accepting, NULL, NULL);
        atomic_store(&fail_after, -1);
        OK(dor_ssl_close(s));
        dor_socket client = DOR_SOCKET_NONE;
        if (await_reply(connecting, &client, NULL) == DOR_OK) OK(dor_ssl_close(client));
        WAIT_FOR(statistics(w).connections == 0);
    }
    talk(connect_pair(w));
}

Test(signer, each_allocation_fails)
{
    for (int i = 0; i < 2 * VERSIONS; i++) {
        world w;
        hsm h;
        begin(&w, 1);
        hsm_init(&h, "tls-p256", 1);
        set_version(&w, versions[i % VERSIONS]);
        OK(dor_options_set_int(w.server, "linger", 300));
        OK(dor_options_set_int(w.client, "linger", 300));
        if (i < VERSIONS)
            show(w.server, "tls-p256", &h);
        else
            have_key(w.server, "tls-p256");
        listen_in(&w);
        fail_each_allocation(&w);
        hsm_fini(&h);
        end(&w);
    }
}
