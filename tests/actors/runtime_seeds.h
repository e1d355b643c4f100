/*
 * runtime_seeds.h - random programs of actors, and somebody who sees everything: what each of them may and must notice.
 *
 * A world is one simulated runtime and the program in it. Actors ("nodes") do random things whenever they get something;
 * who they do it to, and whether it succeeded, is written down, so that what they are told later can be held against it.
 * All of it runs on one thread. The program's choices come from a generator of its own, the schedule's from the
 * simulation: both follow from the seed.
 */
#ifndef TESTS_RUNTIME_SEEDS_H
#define TESTS_RUNTIME_SEEDS_H

#include "runtime_support.h"

#include "runtime/event_mailbox.h"
#include "runtime/private.h"
#include "runtime/random.h"
#include "runtime/signals.h"
#include "runtime/simulation.h"

#include <inttypes.h>

enum { NODES = 48, MONITORS = 160, TIMERS = 160, ASKS = 160, BOXES = 12, NAMES = 5, SIGNALS = 160, HELD = 6 };
enum { STOPS = 500, LINGERED = 77 }; /* reasons */
enum { LETTER = DOR_MSG_USER, ASK, ANSWER, TIMED, EVENT };

/* What messages carry: a reference first, for requests. */
typedef struct letter {
    dor_ref ref;
    uint32_t id;       /* of the timer, request or event mailbox */
    uint32_t sequence; /* of this pair; of an event: in its mailbox */
    uint32_t exits;    /* signals that the sender had sent to the receiver before */
    uint8_t from, to;
    bool last; /* the sender had ended the receiver before */
} letter;

typedef struct held_request {
    dor_ref ref;
    uint32_t id;
} held_request;

typedef enum node_kind { OUTSIDE = 0, PLAIN, NATIVE } node_kind;

typedef struct node {
    unsigned number;
    node_kind kind;
    dor_pid pid;
    bool ended;
    bool traps, may_trap; /* at birth; whether that has ever changed */
    bool doomed;          /* something was sent that must end it */
    int reason;
    uint32_t sent[NODES];     /* to whom: messages that arrive if the receiver lives */
    uint32_t received[NODES]; /* from whom */
    uint32_t exits_sent[NODES], exits_received[NODES];
    bool has_ended[NODES]; /* sent something that ends this one at once */
    bool has_linked[NODES], ever_linked[NODES];
    bool was_stopped, was_killed;
    held_request held[HELD];
    unsigned held_count;
    /* a native one */
    dor_actor base;
    dor_timer timer;
    uint32_t linger_ms;
    int box; /* what it produces for, or -1 */
} node;

typedef enum fate { NEVER = 0, OPEN, COME, TAKEN_BACK } fate;

typedef struct monitored {
    fate fate;
    dor_ref ref;
    unsigned watcher, watched;
} monitored;

typedef struct timed {
    fate fate;
    dor_ref ref;
    unsigned to;
    uint64_t due_ms;
} timed;

typedef struct asked {
    fate fate;
    dor_ref ref;
    unsigned asker, server;
    uint64_t due_ms;
    unsigned answers;
} asked;

typedef struct signalled {
    bool open;
    unsigned from, to;
    int reason;
} signalled;

typedef struct box {
    dor_event_mailbox *mailbox;
    dor_mailbox_handle handle;
    unsigned producer, owner;
    uint32_t posted, taken;
    bool retired;
    bool asked_low, wants_low; /* ever; and has not been told since */
} box;

typedef struct world {
    uint64_t seed;
    dor_runtime *runtime;
    dor_random random;
    unsigned schedulers;
    unsigned actions;   /* that are left */
    unsigned likes[24]; /* how likely each deed is */
    unsigned hot;       /* one of those that most things happen to */
    unsigned scarce;    /* one allocation in so many fails; 0: none */
    bool stopping;
    long letters;
    unsigned node_count, monitor_count, timer_count, ask_count, box_count, signal_count;
    node nodes[NODES];
    monitored monitors[MONITORS];
    timed timers[TIMERS];
    asked asks[ASKS];
    signalled signals[SIGNALS];
    box boxes[BOXES];
    unsigned names[NAMES];
} world;

static world w;

/* Where the program may be wrong, or the runtime is. */
#define CHECK(condition, ...)                                                                                \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "seed %" PRIu64 ": " #condition ": ", w.seed);                                   \
            fprintf(stderr, __VA_ARGS__);                                                                    \
            fprintf(stderr, "\nreplay with DORMOUSE_SEED=%" PRIu64 "\n", w.seed);                            \
            cr_assert(false, "seed %" PRIu64 ", line %d: " #condition, w.seed, __LINE__);                    \
        }                                                                                                    \
    } while (0)

static unsigned below(unsigned count)
{
    return dor__random_below(&w.random, count);
}

static node *find_node(dor_pid pid)
{
    for (unsigned i = 0; i < w.node_count; i++)
        if (w.nodes[i].pid == pid) return &w.nodes[i];
    CHECK(false, "nobody has pid %" PRIx64, pid);
    return NULL;
}

/* There is one from the start. Mostly one of a few, so that things happen to them at the same time. */
static node *any_actor(void)
{
    if (below(4)) return &w.nodes[1 + (w.hot + below(3)) % (w.node_count - 1)];
    return &w.nodes[1 + below(w.node_count - 1)];
}

/* ---- messages ---- */

static void letter_gone(dor_message *m)
{
    (void)m;
    w.letters--;
}

static dor_message *new_letter(uint32_t type, const node *from, const node *to, uint32_t id)
{
    dor_message *m = dor_message_new(type, sizeof(letter), letter_gone);
    if (!m) {
        CHECK(w.scarce, "no memory");
        return NULL;
    }
    w.letters++;
    *(letter *)dor_message_payload(m) = (letter){.id = id,
                                                 .sequence = from->sent[to->number],
                                                 .exits = from->exits_sent[to->number],
                                                 .from = (uint8_t)from->number,
                                                 .to = (uint8_t)to->number,
                                                 .last = from->has_ended[to->number]};
    return m;
}

/* One whose place in the order counts has come. */
static void check_letter(node *n, const letter *l)
{
    CHECK(l->to == n->number, "%u got a message for %u", n->number, l->to);
    CHECK(!n->ended, "%u has ended", n->number);
    CHECK(l->sequence == n->received[l->from], "%u got number %u of %u, and %u was next", n->number,
          l->sequence, l->from, n->received[l->from]);
    CHECK(n->exits_received[l->from] >= l->exits || !n->traps || n->may_trap,
          "%u got a message of %u that was sent after %u signals, of which %u have come", n->number, l->from,
          l->exits, n->exits_received[l->from]);
    CHECK(!l->last || n->may_trap, "%u got a message that %u sent after it had ended it", n->number, l->from);
}

static void say(node *from, node *to)
{
    dor_message *m = new_letter(LETTER, from, to, 0);
    if (!m) return;
    int code = dor_send(to->pid, m);
    CHECK(code == DOR_OK || (code == DOR_E_NOPROC && (to->ended || !dor_is_alive(to->pid))), "%d", code);
    if (code == DOR_OK) from->sent[to->number]++;
}

/* ---- lives ---- */

static void receive(node *n, dor_message *m);
static void act(node *n);

static node *new_node(node_kind kind)
{
    if (w.node_count == NODES) return NULL;
    node *n = &w.nodes[w.node_count];
    memset(n, 0, sizeof *n);
    n->number = w.node_count;
    n->kind = kind;
    n->box = -1;
    return n;
}

static bool was_sent(const node *n, int reason)
{
    for (unsigned i = 0; i < w.signal_count; i++)
        if (w.signals[i].to == n->number && w.signals[i].reason == reason) return true;
    return false;
}

/* Whether anybody who might be linked to it has ended with that. */
static bool was_linked_to_one(const node *n, int reason)
{
    for (unsigned i = 1; i < w.node_count; i++) {
        const node *other = &w.nodes[i];
        if (!n->has_linked[i] && !other->ever_linked[n->number]) continue;
        if (reason == DOR_E_NOPROC ? !dor_is_alive(other->pid) : other->ended && other->reason == reason)
            return true;
    }
    return false;
}

static bool may_end_with(const node *n, int reason)
{
    if (reason == DOR_E_STOPPED) return w.stopping || was_linked_to_one(n, reason);
    if (reason >= STOPS && reason < STOPS + 100 && n->was_stopped) return true;
    if (reason == LINGERED && n->kind == NATIVE) return true;
    if (reason == DOR_E_KILLED && n->was_killed) return true;
    return was_sent(n, reason) || was_linked_to_one(n, reason);
}

static void has_ended(node *n, int reason)
{
    CHECK(!n->ended, "%u has ended twice", n->number);
    CHECK(!dor_is_alive(n->pid), "%u", n->number);
    CHECK(may_end_with(n, reason), "%u has ended with %d, for no reason", n->number, reason);
    if (below(4) == 0 && w.actions) say(n, any_actor()); /* last words */
    n->ended = true;
    n->reason = reason;
}

static void plain_receive(void *state, dor_message *m)
{
    receive(state, m);
}

static void plain_stop(void *state, int reason)
{
    has_ended(state, reason);
}

static void spawn_plain(node *by)
{
    node *n = new_node(PLAIN);
    dor_ref ref;
    if (!n) return;
    n->traps = below(3) == 0;
    dor_actor_spec spec = {.receive = plain_receive,
                           .stop = plain_stop,
                           .state = n,
                           .scheduler = (int)below(w.schedulers + 2) - 1,
                           .trap_exit = n->traps};
    unsigned how = by->number ? below(3) : 0;
    if (how == 2 && w.monitor_count == MONITORS) how = 0;
    int code = how == 0   ? dor_spawn(w.runtime, &spec, &n->pid)
               : how == 1 ? dor_spawn_link(w.runtime, &spec, &n->pid)
                          : dor_spawn_monitor(w.runtime, &spec, &n->pid, &ref);
    if (code == DOR_E_NOPROC && how) return; /* one that is in its stop function links to nobody */
    CHECK(code == DOR_OK || (w.scarce && code == DOR_E_NOMEM) || (w.stopping && code == DOR_E_STOPPED), "%d",
          code);
    if (code != DOR_OK) return;
    w.node_count++;
    if (how == 1) by->has_linked[n->number] = by->ever_linked[n->number] = true;
    if (how == 2) w.monitors[w.monitor_count++] = (monitored){OPEN, ref, by->number, n->number};
    say(by, n);
}

/* ---- native ones, and their event mailboxes ---- */

static void native_receive(dor_actor *actor, dor_message *m)
{
    receive(DOR_CONTAINER_OF(actor, node, base), m);
}

static void native_lingered(dor_timer *timer)
{
    dor__actor_end(&DOR_CONTAINER_OF(timer, node, timer)->base, LINGERED);
}

static void native_exit(dor_actor *actor, int reason)
{
    node *n = DOR_CONTAINER_OF(actor, node, base);
    CHECK(!dor__timer_armed(&n->timer), "%u is asked to end twice", n->number);
    if (n->linger_ms)
        dor__timer_start(actor->scheduler, &n->timer, n->linger_ms, native_lingered);
    else
        dor__actor_end(actor, reason);
}

static void native_destroy(dor_actor *actor)
{
    node *n = DOR_CONTAINER_OF(actor, node, base);
    dor__timer_stop(actor->scheduler, &n->timer);
    if (n->box >= 0) {
        box *b = &w.boxes[n->box];
        bool discard = below(2);
        if (discard) b->taken = b->posted;
        b->retired = true;
        b->wants_low = false;
        dor__event_mailbox_retire(b->mailbox, discard);
    }
    has_ended(n, actor->reason);
}

static void spawn_native(node *by)
{
    static const dor_actor_ops ops = {native_receive, native_exit, native_destroy};
    static const dor_actor_ops quick = {native_receive, NULL, native_destroy};
    node *n = new_node(NATIVE);
    dor_scheduler *s = dor__scheduler_current();
    if (!n || !s) return;
    n->linger_ms = below(2) ? below(50) : 0;
    dor_result result = dor__actor_init(&n->base, s, below(2) ? &ops : &quick);
    CHECK(dor__ok(result) || (w.scarce && result.code == DOR_E_NOMEM) ||
              (w.stopping && result.code == DOR_E_STOPPED),
          "%d", result.code);
    if (dor__failed(result)) return;
    n->pid = n->base.pid;
    w.node_count++;
    node *owner = any_actor();
    box *b = &w.boxes[w.box_count];
    if (w.box_count < BOXES && dor__ok(dor__event_mailbox_new(&n->base, owner->pid, &b->mailbox))) {
        b->handle = dor__event_mailbox_handle(b->mailbox);
        b->producer = n->number;
        b->owner = owner->number;
        n->box = (int)w.box_count++;
    }
    say(by, n);
}

static void post(node *n)
{
    box *b = &w.boxes[n->box];
    for (unsigned count = 1 + below(4); count > 0; count--) {
        dor_message *m = new_letter(EVENT, n, &w.nodes[b->owner], (uint32_t)n->box);
        if (!m) return;
        ((letter *)dor_message_payload(m))->sequence = b->posted++;
        (void)dor__event_mailbox_post(b->mailbox, m, 10);
    }
    if (below(3) == 0 && dor__event_mailbox_await_low(b->mailbox, 15) > 15)
        b->asked_low = b->wants_low = true;
    if (below(16) == 0) {
        b->taken = b->posted;
        b->wants_low = false;
        dor__event_mailbox_discard(b->mailbox);
    }
}

static void receive_event(node *n, const letter *l)
{
    box *b = &w.boxes[l->id];
    CHECK(b->owner == n->number, "%u got an event of %u, which is %u's", n->number, l->id, b->owner);
    CHECK(b->taken == l->sequence, "%u got event %u of %u, and %u was next", n->number, l->sequence, l->id,
          b->taken);
    b->taken++;
}

static void hand_over(node *n)
{
    if (!w.box_count) return;
    box *b = &w.boxes[below(w.box_count)];
    node *to = any_actor();
    bool alive = dor_is_alive(to->pid), over = b->retired && b->taken == b->posted;
    int code = dor__handle_attach(b->handle, n->pid, to->pid).code;
    if (code == DOR_OK) {
        CHECK(b->owner == n->number && alive && !over, "%u handed over %u's", n->number, b->owner);
        b->owner = to->number;
    } else {
        CHECK((code == DOR_E_NOT_OWNER && b->owner != n->number) || (code == DOR_E_NOPROC && !alive) ||
                  (code == DOR_E_CLOSED && b->retired) || (code == DOR_E_NOMEM && w.scarce),
              "%d", code);
    }
}

/* ---- monitors ---- */

static void watch(node *n)
{
    dor_ref ref;
    node *other = any_actor();
    if (w.monitor_count == MONITORS) return;
    int code = dor_monitor(other->pid, &ref);
    CHECK(code == DOR_OK || (w.scarce && code == DOR_E_NOMEM), "%d", code);
    if (code == DOR_OK) w.monitors[w.monitor_count++] = (monitored){OPEN, ref, n->number, other->number};
}

static void watch_no_more(node *n)
{
    if (!w.monitor_count) return;
    monitored *m = &w.monitors[below(w.monitor_count)];
    int code = dor_demonitor(m->ref);
    bool open = m->watcher == n->number && m->fate == OPEN;
    CHECK(code == (open ? DOR_OK : DOR_E_NOPROC), "%d", code);
    if (open) m->fate = TAKEN_BACK;
}

static void hear_of_end(node *n, const dor_down *down)
{
    monitored *m = NULL;
    for (unsigned i = 0; i < w.monitor_count && !m; i++)
        if (w.monitors[i].ref == down->ref) m = &w.monitors[i];
    CHECK(m && m->watcher == n->number && m->fate == OPEN, "%u got a DOWN it does not wait for", n->number);
    m->fate = COME;
    const node *watched = &w.nodes[m->watched];
    CHECK(watched->pid == down->pid, "%u is told of another", n->number);
    CHECK(!dor_is_alive(watched->pid), "%u is told of %u's end", n->number, m->watched);
    if (down->reason == DOR_E_NOPROC) return;
    CHECK(watched->ended && down->reason == watched->reason, "%u is told %d of %u", n->number, down->reason,
          m->watched);
    CHECK(n->received[m->watched] == watched->sent[n->number], "%u has messages of %u on their way",
          n->number, m->watched);
}

/* ---- timers ---- */

static void start_timer(node *n)
{
    node *to = any_actor();
    timed *t = &w.timers[w.timer_count];
    if (w.timer_count == TIMERS) return;
    uint32_t delay_ms = below(2) ? below(5) : below(200);
    t->to = to->number;
    t->due_ms = dor_simulation_now_ms(w.runtime) + delay_ms;
    dor_message *m = new_letter(TIMED, n, to, w.timer_count);
    if (!m) return;
    int code = dor_send_after(to->pid, m, delay_ms, &t->ref);
    CHECK(code == DOR_OK || (w.scarce && code == DOR_E_NOMEM) ||
              (w.stopping && (code == DOR_E_STOPPED || code == DOR_E_NOPROC)),
          "%d", code);
    if (code != DOR_OK) return;
    t->fate = OPEN;
    w.timer_count++;
}

static void cancel_timer(void)
{
    if (!w.timer_count) return;
    timed *t = &w.timers[below(w.timer_count)];
    int code = dor_cancel_timer(t->ref);
    CHECK(code == DOR_OK || code == DOR_E_NOPROC, "%d", code);
    CHECK(code != DOR_OK || t->fate == OPEN, "a timer that has fired was cancelled");
    if (code == DOR_OK) t->fate = TAKEN_BACK;
}

static void receive_timed(node *n, const letter *l)
{
    timed *t = &w.timers[l->id];
    CHECK(t->to == n->number && t->fate == OPEN, "%u got timer %u", n->number, l->id);
    CHECK(dor_simulation_now_ms(w.runtime) >= t->due_ms, "timer %u is early", l->id);
    t->fate = COME;
}

/* ---- requests ---- */

static void ask(node *n)
{
    node *to = any_actor();
    asked *a = &w.asks[w.ask_count];
    if (w.ask_count == ASKS) return;
    uint32_t timeout_ms = below(3) == 0 ? DOR_INFINITY : below(60);
    dor_message *m = new_letter(ASK, n, to, w.ask_count);
    if (!m) return;
    bool alive = dor_is_alive(to->pid);
    uint64_t due_ms = timeout_ms == DOR_INFINITY ? UINT64_MAX : dor_simulation_now_ms(w.runtime) + timeout_ms;
    *a = (asked){OPEN, 0, n->number, to->number, due_ms, 0};
    int code = dor_request(to->pid, m, timeout_ms, &a->ref);
    CHECK(code == DOR_OK || (w.scarce && code == DOR_E_NOMEM), "%d", code);
    if (code != DOR_OK) return;
    if (alive) n->sent[to->number]++;
    w.ask_count++;
}

static void ask_no_more(node *n)
{
    if (!w.ask_count) return;
    asked *a = &w.asks[below(w.ask_count)];
    int code = dor_cancel_request(a->ref);
    bool open = a->asker == n->number && a->fate == OPEN;
    CHECK(code == (open ? DOR_OK : DOR_E_NOPROC), "%d", code);
    if (open) a->fate = TAKEN_BACK;
}

static void hold_request(node *n, const letter *l)
{
    if (n->held_count == HELD) return; /* never answered */
    n->held[n->held_count++] = (held_request){l->ref, l->id};
}

static void answer(node *n)
{
    if (!n->held_count) return;
    held_request h = n->held[below(n->held_count)];
    if (below(4)) { /* else it will be answered once more */
        for (unsigned i = 0, kept = 0; i < n->held_count; i++)
            if (n->held[i].ref != h.ref) n->held[kept++] = n->held[i];
        n->held_count--;
    }
    asked *a = &w.asks[h.id];
    dor_message *m = new_letter(ANSWER, n, &w.nodes[a->asker], h.id);
    if (!m) return;
    int code = dor_reply(h.ref, m);
    CHECK(code == DOR_OK ||
              (code == DOR_E_NOPROC && (a->fate != OPEN || !dor_is_alive(w.nodes[a->asker].pid))),
          "%d", code);
}

static void receive_answer(node *n, const letter *l)
{
    asked *a = &w.asks[l->id];
    CHECK(a->asker == n->number && a->fate == OPEN && a->ref == l->ref && a->server == l->from,
          "%u got an answer to %u", n->number, l->id);
    a->fate = COME;
    CHECK(n->received[l->from] == l->sequence, "an answer out of order");
}

static void receive_no_reply(node *n, const dor_no_reply *none)
{
    asked *a = NULL;
    for (unsigned i = 0; i < w.ask_count && !a; i++)
        if (w.asks[i].ref == none->ref) a = &w.asks[i];
    CHECK(a && a->asker == n->number && a->fate == OPEN, "%u got a NO_REPLY it does not wait for", n->number);
    a->fate = COME;
    if (none->reason == DOR_E_TIMEOUT) {
        CHECK(dor_simulation_now_ms(w.runtime) >= a->due_ms, "early");
    } else {
        const node *server = &w.nodes[a->server];
        CHECK(!dor_is_alive(server->pid) && (none->reason == DOR_E_NOPROC || none->reason == server->reason),
              "%d", none->reason);
    }
}

/* ---- links and exits ---- */

/* Often the same two, so that their calls cross. */
static node *partner_of(const node *n)
{
    unsigned partner = n->number ^ 1;
    return below(2) && partner > 0 && partner < w.node_count ? &w.nodes[partner] : any_actor();
}

static void tie(node *n)
{
    node *to = partner_of(n);
    if (below(2)) (void)dor_unlink(to->pid);
    int code = dor_link(to->pid);
    CHECK(code == DOR_OK || (w.scarce && code == DOR_E_NOMEM), "%d", code);
    if (code == DOR_OK) n->has_linked[to->number] = n->ever_linked[to->number] = true;
}

static void untie(node *n)
{
    node *to = partner_of(n);
    CHECK(dor_unlink(to->pid) == DOR_OK, "unlink");
    n->has_linked[to->number] = false;
}

static bool never_traps(const node *n)
{
    return !n->traps && !n->may_trap;
}

static int any_reason(void)
{
    static const int reasons[] = {DOR_OK, DOR_E_SHUTDOWN, DOR_KILL};
    return below(3) ? 1000 + (int)below(1000000) : reasons[below(3)];
}

static void signal_exit(node *n)
{
    node *to = any_actor();
    if (w.signal_count == SIGNALS) return;
    int reason = any_reason();
    int code = dor_exit(to->pid, reason);
    CHECK(code == DOR_OK || (w.scarce && code == DOR_E_NOMEM), "%d", code);
    if (code != DOR_OK) return;
    bool ends = reason == DOR_KILL || (reason != DOR_OK && never_traps(to)) || (to == n && never_traps(to));
    if (ends) to->doomed = true;
    if (ends && to->kind == PLAIN) n->has_ended[to->number] = true;
    if (reason == DOR_KILL) {
        to->was_killed = true;
        return;
    }
    n->exits_sent[to->number]++;
    w.signals[w.signal_count++] = (signalled){true, n->number, to->number, reason};
}

static void stop(void)
{
    node *to = any_actor();
    int code = dor_stop(to->pid, STOPS + (int)below(100));
    if (code == DOR_OK) to->doomed = to->was_stopped = true;
    CHECK(code == DOR_OK || code == DOR_E_NOPROC || (w.scarce && code == DOR_E_NOMEM), "%d", code);
}

static void receive_exit(node *n, const dor_exit_notice *notice)
{
    node *from = notice->pid ? find_node(notice->pid) : &w.nodes[0];
    CHECK(n->traps || n->may_trap, "%u does not trap", n->number);
    for (unsigned i = 0; i < w.signal_count; i++) {
        signalled *s = &w.signals[i];
        if (!s->open || s->from != from->number || s->to != n->number || s->reason != notice->reason)
            continue;
        s->open = false;
        n->exits_received[from->number]++;
        return;
    }
    CHECK(n->has_linked[from->number] || from->has_linked[n->number], "%u was never linked to %u", n->number,
          from->number);
    CHECK(!dor_is_alive(from->pid), "%u is told of %u's end", n->number, from->number);
    CHECK(notice->reason == DOR_E_NOPROC || (from->ended && notice->reason == from->reason),
          "%u is told %d of %u", n->number, notice->reason, from->number);
    n->has_linked[from->number] = false;
}

/* ---- names ---- */

static void use_name(node *n)
{
    static const char *const names[NAMES] = {"a", "b", "c", "d", "e"};
    unsigned which = below(NAMES);
    node *has = w.names[which] ? &w.nodes[w.names[which]] : NULL;
    if (has && !dor_is_alive(has->pid)) has = NULL;
    CHECK(dor_whereis(w.runtime, names[which]) == (has ? has->pid : DOR_PID_NONE), "name %u", which);
    if (below(3) == 0) {
        CHECK(dor_unregister(w.runtime, names[which]) == (has ? DOR_OK : DOR_E_NOPROC), "name %u", which);
        w.names[which] = 0;
    } else if (n->number) {
        int code = dor_register(w.runtime, names[which], n->pid);
        bool alive = dor_is_alive(n->pid);
        CHECK(code == (has     ? DOR_E_NAME_TAKEN
                       : alive ? DOR_OK
                               : DOR_E_NOPROC) ||
                  (w.scarce && code == DOR_E_NOMEM),
              "%d", code);
        if (code == DOR_OK) w.names[which] = n->number;
    }
}

/* ---- what a node does ---- */

static void change_trap(node *n)
{
    bool trap = below(2);
    if (below(8)) return; /* much can't be checked afterwards */
    if (dor_trap_exit(trap) != DOR_OK) return;
    n->may_trap = true;
    n->doomed = false; /* perhaps not: it may trap what is under way */
}

static void end_itself(node *n)
{
    if (below(2)) {
        CHECK(dor_exit_self(STOPS + (int)below(100)) == DOR_OK, "exit_self");
        n->doomed = n->was_stopped = true;
    } else {
        stop();
    }
}

static void write_to_somebody(node *n)
{
    say(n, any_actor());
}

static void look_elsewhere(node *n)
{
    (void)n;
    w.hot = below(2) ? 1 + below(w.node_count - 1) : w.node_count;
}

static void cancel_any_timer(node *n)
{
    (void)n;
    cancel_timer();
}

static void stop_somebody(node *n)
{
    (void)n;
    stop();
}

static void produce(node *n)
{
    if (n->box >= 0) post(n);
}

/* Those from `watch` on are for actors; the dangerous ones come last, so that programs do not end before they begin. */
static void (*const deeds[])(node *) = {write_to_somebody,
                                        start_timer,
                                        cancel_any_timer,
                                        spawn_plain,
                                        use_name,
                                        look_elsewhere,
                                        watch,
                                        watch_no_more,
                                        ask,
                                        ask_no_more,
                                        answer,
                                        tie,
                                        untie,
                                        spawn_native,
                                        hand_over,
                                        produce,
                                        change_trap,
                                        signal_exit,
                                        stop_somebody,
                                        end_itself};
enum { DEEDS = sizeof deeds / sizeof deeds[0], FOR_ANYBODY = 6, DANGEROUS = 3 };

/* Each world has its own likings: some races need much of one thing and nothing of another. */
static void choose_likings(void)
{
    static const unsigned chances[] = {0, 1, 1, 4, 16}, dangers[] = {0, 0, 1, 2};
    for (unsigned i = 0; i < DEEDS; i++)
        w.likes[i] = i < DEEDS - DANGEROUS ? chances[below(5)] : dangers[below(4)];
    w.likes[0]++;
    w.likes[3]++;
}

static void act(node *n)
{
    unsigned sum = 0, which = 0, count = n->number ? (unsigned)DEEDS : (unsigned)FOR_ANYBODY;
    if (!w.actions) return;
    w.actions--;
    for (unsigned i = 0; i < count; i++)
        sum += w.likes[i];
    for (unsigned left = below(sum); left >= w.likes[which]; which++)
        left -= w.likes[which];
    deeds[which](n);
}

static void receive(node *n, dor_message *m)
{
    letter l = {0};
    if (m->size == sizeof l) l = *(letter *)dor_message_payload(m);
    CHECK(dor_self() == n->pid, "%u", n->number);
    switch (m->type) {
    case ASK: hold_request(n, &l); /* fall through */
    case LETTER:
        check_letter(n, &l);
        n->received[l.from]++;
        break;
    case ANSWER: receive_answer(n, &l); break;
    case TIMED: receive_timed(n, &l); break;
    case EVENT: receive_event(n, &l); break;
    case DOR_MSG_DOWN: hear_of_end(n, dor_message_payload(m)); break;
    case DOR_MSG_EXIT: receive_exit(n, dor_message_payload(m)); break;
    case DOR_MSG_NO_REPLY: receive_no_reply(n, dor_message_payload(m)); break;
    case DOR_MSG_EVENTS_LOW:
        CHECK(n->box >= 0 && w.boxes[n->box].asked_low, "%u was not waiting for room", n->number);
        w.boxes[n->box].wants_low = false;
        break;
    default: CHECK(false, "type %x", m->type);
    }
    dor_message_free(m);
    if (n->box >= 0 && w.actions && below(2)) post(n);
    for (unsigned count = below(4); count > 0; count--)
        act(n);
}

#endif
