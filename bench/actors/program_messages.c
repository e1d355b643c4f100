/*
 * program_messages.c - ping-pong, ring, many-to-one, fan-out.
 *
 * Each state belongs to its actor's scheduler, from the first message on; the main thread fills it in before that.
 */
#include "program.h"

#include <stdlib.h>

/* ---- ping-pong ---- */

typedef struct ping {
    dor_pid home, pong;
    uint64_t window, trips, sent, answered;
    uint64_t seen; /* pings, as pong counts them: the former run's last */
    bool forward;
} ping;

typedef struct pong {
    dor_pid ping;
    uint64_t seen;
    bool forward;
} pong;

static void answered(ping *p, dor_message *m)
{
    uint64_t seen = *(uint64_t *)dor_message_payload(m);
    bool more = p->sent < p->trips;
    p->answered++;
    if (more && p->forward) {
        m->type = MSG_PING;
        dor_send(p->pong, m);
    } else {
        dor_message_free(m);
        if (more) bench_send(p->pong, MSG_PING, p->sent);
    }
    if (more) {
        p->sent++;
    } else if (p->answered == p->trips) {
        bench_send(p->home, MSG_DONE, p->answered + seen - p->seen);
        p->seen = seen;
    }
}

static void pong_receive(void *state, dor_message *m)
{
    pong *p = state;
    p->seen++;
    if (p->forward) {
        *(uint64_t *)dor_message_payload(m) = p->seen;
        m->type = MSG_PONG;
        dor_send(p->ping, m);
    } else {
        dor_message_free(m);
        bench_send(p->ping, MSG_PONG, p->seen);
    }
}

/* Where the runtime puts what asks for no place. */
static dor_pid spawn_partner(void)
{
    pong *partner = bench_allocate(1, sizeof *partner);
    partner->ping = dor_self();
    return bench_spawn(NULL, DOR_ON_THIS, pong_receive, partner);
}

static void ping_receive(void *state, dor_message *m)
{
    ping *p = state;
    if (m->type == MSG_PONG) {
        answered(p, m);
        return;
    }
    if (!p->pong) p->pong = spawn_partner();
    p->trips = bench_take(m) / 2;
    p->answered = 0;
    for (p->sent = 0; p->sent < p->window && p->sent < p->trips; p->sent++)
        bench_send(p->pong, MSG_PING, p->sent);
}

static void set_up_ping_pong(bench_stage *stage)
{
    ping *one = bench_allocate(1, sizeof *one);
    one->home = stage->home;
    one->window = stage->a;
    one->forward = stage->b == PING_PONG_FORWARD;
    if (stage->b == PING_PONG_PARTNER) {
        stage->first = bench_spawn(stage->runtime, DOR_ON_THIS, ping_receive, one);
        return;
    }
    pong *other = bench_allocate(1, sizeof *other);
    other->forward = one->forward;
    stage->first = other->ping = bench_spawn(stage->runtime, DOR_ON(0), ping_receive, one);
    one->pong = bench_spawn(stage->runtime, DOR_ON(stage->schedulers - 1), pong_receive, other);
}

/* ---- ring: a token is one message that is sent on ---- */

typedef struct token {
    uint64_t hops, limit;
} token;

typedef struct ring_place {
    dor_pid home, next;
} ring_place;

typedef struct ring {
    ring_place *places;
    dor_pid *actors;
} ring;

static void ring_receive(void *state, dor_message *m)
{
    ring_place *place = state;
    token *t = dor_message_payload(m);
    if (++t->hops < t->limit) {
        dor_send(place->next, m);
        return;
    }
    bench_send(place->home, MSG_DONE, t->hops);
    dor_message_free(m);
}

static void set_up_ring(bench_stage *stage)
{
    ring *r = stage->own = bench_allocate(1, sizeof *r);
    r->places = bench_allocate(stage->a, sizeof *r->places);
    r->actors = bench_allocate(stage->a, sizeof *r->actors);
    for (uint64_t i = 0; i < stage->a; i++) {
        dor_actor_spec spec = {.receive = ring_receive, .state = &r->places[i], .scheduler = DOR_ON(0)};
        if (dor_spawn(stage->runtime, &spec, &r->actors[i]) != DOR_OK) bench_give_up("no actor");
    }
    for (uint64_t i = 0; i < stage->a; i++)
        r->places[i] = (ring_place){stage->home, r->actors[(i + 1) % stage->a]};
}

static uint64_t run_ring(bench_stage *stage, uint64_t count)
{
    ring *r = stage->own;
    for (uint64_t i = 0; i < stage->b; i++) {
        dor_message *m = dor_message_new(MSG_TOKEN, sizeof(token), NULL);
        if (!m) bench_give_up("no memory for a message");
        ((token *)dor_message_payload(m))->limit = count / stage->b;
        dor_send(r->actors[i * stage->a / stage->b], m);
    }
    return bench_gather((unsigned)stage->b);
}

static void tear_down_ring(bench_stage *stage)
{
    ring *r = stage->own;
    free(r->places);
    free(r->actors);
    free(r);
}

/* ---- many to one: a producer may have a window of messages under way ---- */

enum { MAX_PRODUCERS = 16 };

typedef struct consumer {
    dor_pid home;
    uint64_t producers, finished, window, count;
    struct {
        dor_pid pid;
        uint64_t unanswered;
    } of[MAX_PRODUCERS];
} consumer;

typedef struct producer {
    dor_pid consumer;
    uint64_t index, window, credit, left;
} producer;

static void consumer_receive(void *state, dor_message *m)
{
    consumer *c = state;
    uint32_t type = m->type;
    uint64_t i = bench_take(m);
    if (type == MSG_ITEM) {
        c->count++;
        if (++c->of[i].unanswered < c->window / 2) return;
        bench_send(c->of[i].pid, MSG_CREDIT, c->of[i].unanswered);
        c->of[i].unanswered = 0;
        return;
    }
    c->of[i].unanswered = 0; /* MSG_FINISHED */
    if (++c->finished < c->producers) return;
    bench_send(c->home, MSG_DONE, c->count);
    c->finished = c->count = 0;
}

static void producer_receive(void *state, dor_message *m)
{
    producer *p = state;
    bool begins = m->type == MSG_GO;
    uint64_t number = bench_take(m);
    if (!begins && p->left == 0) return; /* credit for the last ones */
    if (begins) {
        p->left = number;
        p->credit = p->window;
    } else if ((p->credit += number) > p->window) {
        p->credit = p->window;
    }
    for (; p->credit > 0 && p->left > 0; p->credit--, p->left--)
        bench_send(p->consumer, MSG_ITEM, p->index);
    if (p->left == 0) bench_send(p->consumer, MSG_FINISHED, p->index);
}

static void set_up_many_to_one(bench_stage *stage)
{
    consumer *c = stage->own = bench_allocate(1, sizeof *c);
    if (stage->a > MAX_PRODUCERS) bench_give_up("too many producers");
    c->home = stage->home;
    c->producers = stage->a;
    c->window = stage->b;
    dor_pid pid = bench_spawn(stage->runtime, DOR_ON(0), consumer_receive, c);
    for (uint64_t i = 0; i < stage->a; i++) {
        producer *p = bench_allocate(1, sizeof *p);
        *p = (producer){.consumer = pid, .index = i, .window = stage->b};
        c->of[i].pid =
            bench_spawn(stage->runtime, DOR_ON(1 + i % (stage->schedulers - 1)), producer_receive, p);
    }
}

static uint64_t run_many_to_one(bench_stage *stage, uint64_t count)
{
    consumer *c = stage->own; /* its producers' pids do not change any more */
    for (uint64_t i = 0; i < stage->a; i++)
        bench_send(c->of[i].pid, MSG_GO, count / stage->a);
    return bench_gather(1);
}

/* ---- fan-out ---- */

typedef struct hub {
    dor_pid home, *workers;
    uint64_t width, rounds, answers, count;
} hub;

static void ask_all(hub *h)
{
    h->answers = 0;
    for (uint64_t i = 0; i < h->width; i++)
        bench_send(h->workers[i], MSG_PING, i);
}

static void hub_receive(void *state, dor_message *m)
{
    hub *h = state;
    bool begins = m->type == MSG_GO;
    uint64_t number = bench_take(m);
    if (begins) {
        h->rounds = number / 2 / h->width;
        h->count = 0;
        ask_all(h);
        return;
    }
    h->count += 2; /* a question and an answer */
    if (++h->answers < h->width) return;
    if (--h->rounds > 0)
        ask_all(h);
    else
        bench_send(h->home, MSG_DONE, h->count);
}

static void worker_receive(void *state, dor_message *m)
{
    dor_pid *asker = state;
    uint64_t number = bench_take(m);
    bench_send(*asker, MSG_PONG, number);
}

static void set_up_fan_out(bench_stage *stage)
{
    hub *h = stage->own = bench_allocate(1, sizeof *h);
    dor_pid *hub_pid = &stage->first; /* every worker's state */
    h->home = stage->home;
    h->width = stage->a;
    h->workers = bench_allocate(stage->a, sizeof *h->workers);
    for (uint64_t i = 0; i < stage->a; i++) {
        dor_actor_spec spec = {.receive = worker_receive, .state = hub_pid, .scheduler = DOR_ON(0)};
        if (dor_spawn(stage->runtime, &spec, &h->workers[i]) != DOR_OK) bench_give_up("no actor");
    }
    dor_actor_spec spec = {.receive = hub_receive, .state = h, .scheduler = DOR_ON(0)};
    if (dor_spawn(stage->runtime, &spec, hub_pid) != DOR_OK) bench_give_up("no actor");
}

static void tear_down_fan_out(bench_stage *stage)
{
    hub *h = stage->own;
    free(h->workers);
    free(h);
}

const bench_program bench_programs_messages[] = {
    {"ping-pong", set_up_ping_pong, NULL, NULL},
    {"ring", set_up_ring, run_ring, tear_down_ring},
    {"many-to-one", set_up_many_to_one, run_many_to_one, NULL},
    {"fan-out", set_up_fan_out, NULL, tear_down_fan_out},
    {0},
};
