/*
 * What owners say from elsewhere, and then hand the socket on: it was theirs to say when they said it, so it is carried
 * out, before all that the next owner says.
 *
 * To have an order on its way for as long as a test wants, the socket's scheduler is held in an actor's callback.
 */
#include "net_support.h"
#include "runtime/name.h"

/* ---- actors that do what they are told ---------------------------------------------------------------------------- */

typedef struct task {
    void (*fn)(void *arg);
    void *arg;
    atomic_bool *done;
} task;

static void does(void *state, dor_message *m)
{
    (void)state;
    if (m->type == DOR_MSG_USER) {
        task t = *(task *)dor_message_payload(m);
        t.fn(t.arg);
        if (t.done) atomic_store(t.done, true);
    }
    dor_message_free(m);
}

static void tell(dor_pid pid, void (*fn)(void *), void *arg, atomic_bool *done)
{
    dor_message *m = dor_message_new(DOR_MSG_USER, sizeof(task), NULL);
    cr_assert_not_null(m);
    *(task *)dor_message_payload(m) = (task){fn, arg, done};
    OK(dor_send(pid, m));
}

/* ---- a socket, an actor on its scheduler, and one on another ------------------------------------------------------ */

typedef struct scene {
    world w;
    pair p;
    dor_socket s; /* the server's end */
    dor_pid thread, near, far;
    atomic_bool held, go; /* the socket's scheduler is held, and may go on */
    atomic_bool near_done, far_done;
    int codes[4];
} scene;

static void wait_for(atomic_bool *flag)
{
    for (uint64_t end = now_ms() + PATIENCE_MS; !atomic_load(flag) && now_ms() < end;)
        uv_sleep(1);
}

static void begin_scene(scene *t, const char *packet)
{
    begin(&t->w, 2);
    OK(dor_options_set_text(t->w.server, "packet", packet));
    listen_in(&t->w);
    t->p = connect_pair(&t->w);
    t->s = t->p.server;
    t->thread = dor_self();
    int home = (int)dor__scheduler_index_of(t->s);
    t->near = spawn_on(t->w.runtime, DOR_ON(home), does, NULL, NULL);
    t->far = spawn_on(t->w.runtime, DOR_ON(1 - home), does, NULL, NULL);
}

static void hold(void *arg)
{
    scene *t = arg;
    atomic_store(&t->held, true);
    wait_for(&t->go);
}

/* The far one owns the socket and does this while the socket cannot hear it. Returns when it is done. */
static void say_from_afar(scene *t, void (*fn)(void *))
{
    OK(dor_ssl_controlling_process(t->s, t->far));
    tell(t->far, fn, t, &t->far_done);
    WAIT_FOR(atomic_load(&t->far_done));
}

static void let_go(scene *t)
{
    atomic_store(&t->go, true);
}

static int active_of(dor_socket s)
{
    int64_t n = 0;
    static const char *const names[] = {"active"};
    dor_options *values = dor_options_new();
    OK(dor_ssl_getopts(s, names, 1, values));
    char text[16] = "";
    if (dor_options_get_int(values, "active", &n) != DOR_OK) {
        OK(dor_options_get_text(values, "active", text, sizeof text));
        n = strcmp(text, "true") == 0 ? DOR_ACTIVE_TRUE : strcmp(text, "once") == 0 ? DOR_ACTIVE_ONCE : 0;
    }
    dor_options_free(values);
    return (int)n;
}

/* ---- the order of a former owner ---------------------------------------------------------------------------------- */

static void arms_and_gives_to_the_thread(void *arg)
{
    scene *t = arg;
    t->codes[0] = dor_ssl_set_active(t->s, DOR_ACTIVE_ONCE);
    t->codes[1] = dor_ssl_controlling_process(t->s, t->thread);
    t->codes[2] = dor_ssl_set_active(t->s, DOR_ACTIVE_FALSE); /* not its any more */
}

Test(orders, a_former_owners_order_is_carried_out)
{
    scene t = {.held = false};
    begin_scene(&t, "raw");
    send_text(t.p.client, "armed");
    tell(t.near, hold, &t, NULL);
    WAIT_FOR(atomic_load(&t.held));
    say_from_afar(&t, arms_and_gives_to_the_thread);
    OK(t.codes[0]);
    OK(t.codes[1]);
    cr_assert_eq(t.codes[2], DOR_E_NOT_OWNER);
    let_go(&t);
    expect_text_event(t.s, "armed");
    cr_assert_eq(active_of(t.s), DOR_ACTIVE_FALSE, "once is used up");
    end(&t.w);
}

static void closes_and_gives_to_the_thread(void *arg)
{
    scene *t = arg;
    t->codes[0] = dor_ssl_close(t->s);
    t->codes[1] = dor_ssl_controlling_process(t->s, t->thread);
}

Test(orders, a_former_owners_close_is_told_to_the_new_one)
{
    scene t = {.held = false};
    begin_scene(&t, "raw");
    OK(dor_ssl_set_active(t.s, DOR_ACTIVE_TRUE));
    tell(t.near, hold, &t, NULL);
    WAIT_FOR(atomic_load(&t.held));
    say_from_afar(&t, closes_and_gives_to_the_thread);
    OK(t.codes[0]);
    OK(t.codes[1]);
    let_go(&t);
    expect_event(t.s, DOR_MSG_SSL_CLOSED, DOR_OK);
    FAILS(dor_ssl_set_active(t.s, DOR_ACTIVE_TRUE), DOR_E_CLOSED);
    end(&t.w);
}

/* ---- in one order with what the new owner says -------------------------------------------------------------------- */

static void arms_and_gives_to_the_near_one(void *arg)
{
    scene *t = arg;
    t->codes[0] = dor_ssl_set_active(t->s, DOR_ACTIVE_TRUE);
    t->codes[1] = dor_ssl_controlling_process(t->s, t->near);
    atomic_store(&t->go, true);
}

/* It learns of its ownership, and speaks, while the former owner's order has not even left its scheduler's inbox. */
static void waits_and_disarms(void *arg)
{
    scene *t = arg;
    hold(t);
    t->codes[2] = dor_ssl_set_active(t->s, DOR_ACTIVE_FALSE);
    t->codes[3] = active_of(t->s);
}

Test(orders, a_new_owner_on_the_sockets_scheduler_does_not_overtake)
{
    scene t = {.held = false};
    begin_scene(&t, "raw");
    tell(t.near, waits_and_disarms, &t, &t.near_done);
    WAIT_FOR(atomic_load(&t.held));
    say_from_afar(&t, arms_and_gives_to_the_near_one);
    WAIT_FOR(atomic_load(&t.near_done));
    for (int i = 0; i < 3; i++)
        OK(t.codes[i]);
    cr_assert_eq(t.codes[3], DOR_ACTIVE_FALSE);
    uv_sleep(20); /* should the first order be still to come */
    cr_assert_eq(active_of(t.s), DOR_ACTIVE_FALSE, "the younger order counts");
    end(&t.w);
}

static void send_from(dor_socket s, const char *text)
{
    cr_assert_eq(dor_ssl_send_async(s, dor_buffer_new(text, strlen(text)), NULL), DOR_OK);
}

static void sends_and_gives_to_the_near_one(void *arg)
{
    scene *t = arg;
    send_from(t->s, "first, ");
    t->codes[0] = dor_ssl_controlling_process(t->s, t->near);
    atomic_store(&t->go, true);
}

static void waits_sends_and_closes(void *arg)
{
    scene *t = arg;
    hold(t);
    send_from(t->s, "second");
    t->codes[1] = dor_ssl_close(t->s);
}

/* otp#3974: a close drops nothing that was sent before it, whoever sent it and from wherever. */
Test(orders, what_a_former_owner_sent_comes_first_and_before_the_close)
{
    scene t = {.held = false};
    dor_buffer *data;
    begin_scene(&t, "raw");
    tell(t.near, waits_sends_and_closes, &t, &t.near_done);
    WAIT_FOR(atomic_load(&t.held));
    say_from_afar(&t, sends_and_gives_to_the_near_one);
    WAIT_FOR(atomic_load(&t.near_done));
    OK(t.codes[0]);
    OK(t.codes[1]);
    expect_recv(t.p.client, 13, "first, second");
    FAILS(dor_ssl_recv(t.p.client, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    end(&t.w);
}

static void shuts_and_gives_to_the_near_one(void *arg)
{
    scene *t = arg;
    send_from(t->s, "the last word");
    t->codes[0] = dor_ssl_shutdown(t->s, DOR_SHUTDOWN_WRITE);
    t->codes[1] = dor_ssl_controlling_process(t->s, t->near);
    atomic_store(&t->go, true);
}

static void waits_and_sends(void *arg)
{
    scene *t = arg;
    hold(t);
    t->codes[2] = dor_ssl_send_async(t->s, dor_buffer_new("too late", 8), NULL);
}

Test(orders, a_former_owners_shutdown_holds_for_the_new_one)
{
    scene t = {.held = false};
    dor_buffer *data;
    begin_scene(&t, "raw");
    tell(t.near, waits_and_sends, &t, &t.near_done);
    WAIT_FOR(atomic_load(&t.held));
    say_from_afar(&t, shuts_and_gives_to_the_near_one);
    WAIT_FOR(atomic_load(&t.near_done));
    OK(t.codes[0]);
    OK(t.codes[1]);
    cr_assert_eq(t.codes[2], DOR_E_CLOSED);
    expect_recv(t.p.client, 0, "the last word");
    FAILS(dor_ssl_recv(t.p.client, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    end(&t.w);
}

static void speaks_and_dies(void *arg)
{
    scene *t = arg;
    send_from(t->s, "last words");
    (void)dor_exit_self(DOR_OK);
}

Test(orders, what_the_dead_have_said_comes_before_their_death)
{
    scene t = {.held = false};
    dor_buffer *data;
    begin_scene(&t, "raw");
    tell(t.near, hold, &t, NULL);
    WAIT_FOR(atomic_load(&t.held));
    say_from_afar(&t, speaks_and_dies);
    uv_sleep(5);
    let_go(&t);
    expect_recv(t.p.client, 0, "last words");
    FAILS(dor_ssl_recv(t.p.client, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    end(&t.w);
}

/* A flood from a thread does not keep a close of the near owner from being carried out at once, behind it. */
enum { FLOOD = 3000 };

static void waits_and_closes(void *arg)
{
    scene *t = arg;
    hold(t);
    t->codes[0] = dor_ssl_close(t->s);
    t->codes[1] = dor_ssl_send_async(t->s, dor_buffer_new("x", 1), NULL);
}

Test(orders, a_close_behind_thousands_of_sends)
{
    scene t = {.held = false};
    dor_buffer *data = NULL;
    begin_scene(&t, "raw");
    OK(dor_ssl_controlling_process(t.s, t.near));
    tell(t.near, waits_and_closes, &t, &t.near_done);
    WAIT_FOR(atomic_load(&t.held));
    for (int i = 0; i < FLOOD; i++)
        send_from(t.s, "+");
    let_go(&t);
    WAIT_FOR(atomic_load(&t.near_done));
    OK(t.codes[0]);
    cr_assert_eq(t.codes[1], DOR_E_CLOSED);
    OK(dor_ssl_recv(t.p.client, FLOOD, PATIENCE_MS, &data));
    dor_buffer_unref(data);
    FAILS(dor_ssl_recv(t.p.client, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    end(&t.w);
}

/* ---- what cannot be is said at once ------------------------------------------------------------------------------- */

static void makes_no_sense(void *arg)
{
    scene *t = arg;
    dor_options *o = dor_options_new();
    cr_assert_eq(dor_options_set_text(o, "active", "true"), DOR_OK);
    t->codes[0] = dor_ssl_set_active(t->w.listener, DOR_ACTIVE_TRUE);
    t->codes[1] = dor_ssl_setopts(t->w.listener, o);
    t->codes[2] = dor_ssl_stop_listening(t->s);
    t->codes[3] = dor_ssl_set_active(t->s, -7);
    dor_options_free(o);
}

Test(orders, what_makes_no_sense_is_said_to_be_so)
{
    scene t = {.held = false};
    begin_scene(&t, "raw");
    for (int i = 0; i < 2; i++) { /* the listener is far from one of them, the connection from the other */
        dor_pid who = i ? t.near : t.far;
        atomic_store(&t.far_done, false);
        tell(who, makes_no_sense, &t, &t.far_done);
        WAIT_FOR(atomic_load(&t.far_done));
        cr_assert_eq(t.codes[0], DOR_E_ENOTCONN, "%d", t.codes[0]);
        cr_assert(t.codes[1] == DOR_E_WOULD_DEADLOCK || t.codes[1] == DOR_E_NOT_OWNER, "%d", t.codes[1]);
        cr_assert_eq(t.codes[2], DOR_E_EINVAL, "%d", t.codes[2]);
        cr_assert_eq(t.codes[3], DOR_E_BADARG, "%d", t.codes[3]);
    }
    end(&t.w);
}

static void arms_without_right(void *arg)
{
    scene *t = arg;
    t->codes[0] = dor_ssl_set_active(t->s, DOR_ACTIVE_TRUE);
}

Test(orders, who_does_not_own_is_told_so_from_everywhere)
{
    scene t = {.held = false};
    begin_scene(&t, "raw");
    for (int i = 0; i < 2; i++) {
        atomic_store(&t.far_done, false);
        tell(i ? t.near : t.far, arms_without_right, &t, &t.far_done);
        WAIT_FOR(atomic_load(&t.far_done));
        cr_assert_eq(t.codes[0], DOR_E_NOT_OWNER);
    }
    cr_assert_eq(active_of(t.s), DOR_ACTIVE_FALSE);
    end(&t.w);
}

/* ---- thousands of owners, each says one thing -------------------------------------------------------------------- */

enum { CHAIN = 4 };

typedef struct chain {
    dor_socket s;
    dor_pid pids[CHAIN];
    unsigned turns, failed;
    atomic_uint turn;
    atomic_bool over;
} chain;

/* In its turn: says which one it is, adds 1 to `active`, and hands the socket on. */
static void takes_its_turn(void *arg)
{
    chain *c = arg;
    uint32_t turn = atomic_load(&c->turn);
    dor_pid next = c->pids[(turn + 1) % CHAIN];
    if (dor_ssl_send_async(c->s, dor_buffer_new(&turn, sizeof turn), NULL) != DOR_OK) c->failed++;
    if (dor_ssl_set_active(c->s, 1) != DOR_OK) c->failed++;
    if (dor_ssl_controlling_process(c->s, next) != DOR_OK) c->failed++;
    atomic_store(&c->turn, turn + 1);
    if (turn + 1 < c->turns)
        tell(next, takes_its_turn, c, NULL);
    else
        atomic_store(&c->over, true);
}

Test(orders, no_turn_of_thousands_is_lost_or_out_of_order)
{
    world w;
    chain c = {.turns = scaled(8000)};
    begin(&w, 3);
    OK(dor_options_set_text(w.server, "packet", "1"));
    OK(dor_options_set_text(w.client, "packet", "1"));
    OK(dor_options_set_int(w.server, "high_watermark", 1 << 24));
    OK(dor_options_set_int(w.server, "hibernate_after", 0)); /* it sleeps whenever it may */
    listen_in(&w);
    pair p = connect_pair(&w);
    c.s = p.server;
    for (int i = 0; i < CHAIN; i++)
        c.pids[i] = spawn_on(w.runtime, DOR_ON(i % 3), does, NULL, NULL);
    OK(dor_ssl_controlling_process(c.s, c.pids[0]));
    tell(c.pids[0], takes_its_turn, &c, NULL);
    for (uint32_t i = 0; i < c.turns; i++) {
        dor_buffer *data = NULL;
        OK(dor_ssl_recv(p.client, 0, PATIENCE_MS, &data));
        cr_assert_eq(dor_buffer_len(data), sizeof i);
        cr_assert_eq(*(const uint32_t *)dor_buffer_data(data), i, "turn %u came as number %u",
                     *(const uint32_t *)dor_buffer_data(data), i);
        dor_buffer_unref(data);
    }
    WAIT_FOR(atomic_load(&c.over));
    cr_assert_eq(c.failed, 0);
    cr_assert_eq(active_of(c.s), (int)c.turns, "%d of %u orders", active_of(c.s), c.turns);
    end(&w);
}
