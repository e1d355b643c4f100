// actors_caf.cpp - the programs of bench/actors (program.h there says what each does) with CAF 0.17, and the lines of
// bench.h: PROGRAM SCHEDULERS A B.
//
// Actors are event-based and dynamically typed. Where a case is about threads they are detached, which gives each a thread
// of its own: the scheduler's would soon put both ends on one, which is another case.
#include <caf/all.hpp>

#include <cinttypes>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <unistd.h>
#include <vector>

namespace
{

using namespace caf;

using go_atom = atom_constant<atom("go")>;
using done_atom = atom_constant<atom("done")>;
using peer_atom = atom_constant<atom("peer")>;
using ping_atom = atom_constant<atom("ping")>;
using pong_atom = atom_constant<atom("pong")>;
using token_atom = atom_constant<atom("token")>;
using item_atom = atom_constant<atom("item")>;
using credit_atom = atom_constant<atom("credit")>;
using finish_atom = atom_constant<atom("finish")>;
using tick_atom = atom_constant<atom("tick")>;

using number = uint64_t;
using go_function = std::function<number(number)>;

struct stage {
    actor_system &system;
    scoped_actor &home;
    number schedulers, a, b;
};

number gather(scoped_actor &home, number reports)
{
    number sum = 0;
    for (; reports > 0; reports--)
        home->receive([&](done_atom, number count) { sum += count; });
    return sum;
}

go_function telling(stage &s, actor first)
{
    return [&s, first](number count) {
        s.home->send(first, go_atom::value, count);
        return gather(s.home, 1);
    };
}

// ---- ping-pong ----

constexpr number partner = 2;

struct ping_state {
    actor pong;
    number trips = 0, sent = 0, answered = 0, seen = 0;
};

struct pong_state {
    actor ping;
    number seen = 0;
};

behavior pong(stateful_actor<pong_state> *self);

/* Without `other` it spawns its own. */
behavior ping(stateful_actor<ping_state> *self, actor home, actor other, number window)
{
    self->state.pong = other;
    return {
        [=](go_atom, number count) {
            auto &p = self->state;
            if (!p.pong) {
                p.pong = self->spawn(pong);
                self->send(p.pong, peer_atom::value, self);
            }
            p.trips = count / 2;
            p.answered = 0;
            for (p.sent = 0; p.sent < window && p.sent < p.trips; p.sent++)
                self->send(p.pong, ping_atom::value, p.sent);
        },
        [=](pong_atom, number seen) {
            auto &p = self->state;
            p.answered++;
            if (p.sent < p.trips) {
                self->send(p.pong, ping_atom::value, p.sent);
                p.sent++;
            } else if (p.answered == p.trips) {
                self->send(home, done_atom::value, p.answered + seen - p.seen);
                p.seen = seen;
            }
        },
    };
}

behavior pong(stateful_actor<pong_state> *self)
{
    return {
        [=](ping_atom, number) {
            auto &p = self->state;
            p.seen++;
            self->send(p.ping, pong_atom::value, p.seen);
        },
        [=](peer_atom, actor one) { self->state.ping = one; },
    };
}

go_function ping_pong(stage &s)
{
    bool threads = s.schedulers > 1;
    actor home = actor_cast<actor>(s.home);
    if (s.b == partner) return telling(s, s.system.spawn(ping, home, actor{}, s.a));
    actor other = threads ? s.system.spawn<detached>(pong) : s.system.spawn(pong);
    actor one =
        threads ? s.system.spawn<detached>(ping, home, other, s.a) : s.system.spawn(ping, home, other, s.a);
    s.home->send(other, peer_atom::value, one);
    return telling(s, one);
}

// ---- ring ----

struct place_state {
    actor next;
};

behavior place(stateful_actor<place_state> *self, actor home)
{
    return {
        [=](token_atom, number hops, number limit) {
            if (hops + 1 < limit)
                self->send(self->state.next, token_atom::value, hops + 1, limit);
            else
                self->send(home, done_atom::value, hops + 1);
        },
        [=](peer_atom, actor next) { self->state.next = next; },
    };
}

go_function ring(stage &s)
{
    actor home = actor_cast<actor>(s.home);
    std::vector<actor> actors;
    for (number i = 0; i < s.a; i++)
        actors.push_back(s.system.spawn(place, home));
    for (number i = 0; i < s.a; i++)
        s.home->send(actors[i], peer_atom::value, actors[(i + 1) % s.a]);
    return [&s, actors](number count) {
        for (number i = 0; i < s.b; i++)
            s.home->send(actors[i * s.a / s.b], token_atom::value, number{0}, count / s.b);
        return gather(s.home, s.b);
    };
}

// ---- many to one ----

struct consumer_state {
    number finished = 0, count = 0;
    std::vector<actor> producers;
    std::vector<number> unanswered;
};

behavior consumer(stateful_actor<consumer_state> *self, actor home, number window)
{
    return {
        [=](item_atom, number i) {
            auto &c = self->state;
            c.count++;
            if (++c.unanswered[i] < window / 2) return;
            self->send(c.producers[i], credit_atom::value, c.unanswered[i]);
            c.unanswered[i] = 0;
        },
        [=](finish_atom, number i) {
            auto &c = self->state;
            c.unanswered[i] = 0;
            if (++c.finished < c.producers.size()) return;
            self->send(home, done_atom::value, c.count);
            c.finished = c.count = 0;
        },
        [=](peer_atom, actor one) {
            self->state.producers.push_back(one);
            self->state.unanswered.push_back(0);
        },
    };
}

struct producer_state {
    number credit = 0, left = 0;
};

void produce(stateful_actor<producer_state> *self, const actor &to, number index)
{
    auto &p = self->state;
    for (; p.credit > 0 && p.left > 0; p.credit--, p.left--)
        self->send(to, item_atom::value, index);
    if (p.left == 0) self->send(to, finish_atom::value, index);
}

behavior producer(stateful_actor<producer_state> *self, actor to, number index, number window)
{
    return {
        [=](go_atom, number count) {
            self->state.left = count;
            self->state.credit = window;
            produce(self, to, index);
        },
        [=](credit_atom, number more) {
            auto &p = self->state;
            if (p.left == 0) return; // for the last ones
            p.credit = std::min(window, p.credit + more);
            produce(self, to, index);
        },
    };
}

go_function many_to_one(stage &s)
{
    actor to = s.system.spawn<detached>(consumer, actor_cast<actor>(s.home), s.b);
    std::vector<actor> producers;
    for (number i = 0; i < s.a; i++) {
        producers.push_back(s.system.spawn<detached>(producer, to, i, s.b));
        s.home->send(to, peer_atom::value, producers.back());
    }
    return [&s, producers](number count) {
        for (auto &one : producers)
            s.home->send(one, go_atom::value, count / s.a);
        return gather(s.home, 1);
    };
}

// ---- fan-out ----

behavior worker(event_based_actor *self, actor hub)
{
    return {
        [=](ping_atom, number i) { self->send(hub, pong_atom::value, i); },
    };
}

struct hub_state {
    std::vector<actor> workers;
    number rounds = 0, answers = 0, count = 0;
};

void ask_all(stateful_actor<hub_state> *self)
{
    auto &h = self->state;
    number i = 0;
    h.answers = 0;
    for (auto &one : h.workers)
        self->send(one, ping_atom::value, i++);
}

behavior hub(stateful_actor<hub_state> *self, actor home, number width)
{
    for (number i = 0; i < width; i++)
        self->state.workers.push_back(self->spawn(worker, actor_cast<actor>(self)));
    return {
        [=](go_atom, number count) {
            self->state.rounds = count / 2 / width;
            self->state.count = 0;
            ask_all(self);
        },
        [=](pong_atom, number) {
            auto &h = self->state;
            h.count += 2;
            if (++h.answers < width) return;
            if (--h.rounds > 0)
                ask_all(self);
            else
                self->send(home, done_atom::value, h.count);
        },
    };
}

// ---- spawn-stop ----

struct spawner_state {
    number batch = 0, wanted = 0, started = 0, ended = 0;
};

// An actor handles what it sends itself before others run, so the last of a batch is the one that wakes the spawner.
void spawn_some(stateful_actor<spawner_state> *self)
{
    auto &s = self->state;
    number last = std::min(s.wanted, s.started + s.batch);
    while (s.started < last) {
        s.started++;
        self->spawn([self, &s](event_based_actor *child) { // one scheduler thread: nothing runs beside it
            if (++s.ended == s.started) child->send(actor_cast<actor>(self), tick_atom::value);
        });
    }
}

behavior spawner(stateful_actor<spawner_state> *self, actor home, number batch)
{
    self->state.batch = batch;
    return {
        [=](go_atom, number count) {
            self->state.wanted = count;
            self->state.started = self->state.ended = 0;
            spawn_some(self);
        },
        [=](tick_atom) {
            if (self->state.ended < self->state.wanted)
                spawn_some(self);
            else
                self->send(home, done_atom::value, self->state.ended);
        },
    };
}

// ---- timers: a delayed message of CAF's cannot be cancelled ----

struct timekeeper_state {
    number wanted = 0, armed = 0, fired = 0, least = 0, random = 1;
};

void arm_some(stateful_actor<timekeeper_state> *self)
{
    auto &t = self->state;
    for (number i = 0; i < 1000 && t.armed < t.wanted; i++, t.armed++) {
        t.random = t.random * 6364136223846793005u + 1442695040888963407u;
        self->delayed_send(self, std::chrono::milliseconds(t.least + (t.random >> 33) % (2 * t.least)),
                           pong_atom::value, i);
    }
    if (t.armed < t.wanted) self->send(self, tick_atom::value);
}

behavior timekeeper(stateful_actor<timekeeper_state> *self, actor home)
{
    return {
        [=](go_atom, number count) {
            auto &t = self->state;
            t.wanted = count;
            t.armed = t.fired = 0;
            t.least = std::max<number>(1, count / 1000);
            arm_some(self);
        },
        [=](tick_atom) { arm_some(self); },
        [=](pong_atom, number) {
            if (++self->state.fired == self->state.wanted)
                self->send(home, done_atom::value, self->state.fired);
        },
    };
}

// ---- idle ----

behavior rests(event_based_actor *)
{
    return {[](go_atom) {}};
}

go_function idle(stage &s)
{
    return [&s](number count) {
        static std::vector<actor> actors; // they end when nobody knows them
        for (number i = 0; i < count; i++)
            actors.push_back(s.system.spawn(rests));
        sleep(2); // they run in the meantime
        return count;
    };
}

// ---- the lines ----

go_function set_up(const char *program, stage &s)
{
    actor home = actor_cast<actor>(s.home);
    if (strcmp(program, "ping-pong") == 0) return ping_pong(s);
    if (strcmp(program, "ring") == 0) return ring(s);
    if (strcmp(program, "many-to-one") == 0) return many_to_one(s);
    if (strcmp(program, "fan-out") == 0) return telling(s, s.system.spawn(hub, home, s.a));
    if (strcmp(program, "spawn-stop") == 0) return telling(s, s.system.spawn(spawner, home, s.a));
    if (strcmp(program, "timers") == 0) return telling(s, s.system.spawn(timekeeper, home));
    if (strcmp(program, "idle") == 0) return idle(s);
    return nullptr;
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 5) return 2;
    number schedulers = strtoull(argv[2], nullptr, 10), count;
    actor_system_config config;
    config.set("scheduler.max-threads", static_cast<size_t>(schedulers));
    actor_system system{config};
    scoped_actor home{system};
    stage s{system, home, schedulers, strtoull(argv[3], nullptr, 10), strtoull(argv[4], nullptr, 10)};
    go_function go = set_up(argv[1], s);
    if (!go) return 2;
    printf("ready CAF %d.%d.%d\n", CAF_MAJOR_VERSION, CAF_MINOR_VERSION, CAF_PATCH_VERSION);
    fflush(stdout);
    for (char line[64]; fgets(line, sizeof line, stdin);) {
        if (sscanf(line, "go %" SCNu64, &count) != 1) return 2;
        printf("done %" PRIu64 "\n", go(count));
        fflush(stdout);
    }
    _exit(0); // actors that know each other never end by themselves
}
