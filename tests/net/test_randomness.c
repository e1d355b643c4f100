/* test_randomness.c - each scheduler has a generator of its own, made from the system's seed; a forked child does not share it. */
#include "net_support.h"
#include "ssl/local.h"

#include <sys/wait.h>

enum { SCHEDULERS = 3, TAKEN = 32, CHILDREN = 3, EACH = 1 + 2 * CHILDREN };

/* What one scheduler yields: before the forks, in each child, in its parent after each. */
typedef struct yield {
    const dor_rng *rng;
    uint8_t bytes[EACH][TAKEN];
    bool ok;
} yield;

typedef struct asker {
    dor_pid from;
    yield *out;
} asker;

static bool fill(dor_rng *rng, uint8_t *bytes)
{
    return dor__ok(dor__rng_fill(rng, bytes, TAKEN));
}

/* On the scheduler's thread, which is the only one that the child has. */
static bool child_fills(dor_rng *rng, uint8_t *bytes)
{
    int fds[2], status;
    if (pipe(fds)) return false;
    pid_t child = fork();
    if (child == 0) {
        uint8_t own[TAKEN];
        _exit(fill(rng, own) && write(fds[1], own, TAKEN) == TAKEN ? 0 : 1);
    }
    close(fds[1]);
    bool ok = child > 0 && read(fds[0], bytes, TAKEN) == TAKEN;
    close(fds[0]);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0 && ok;
}

static void take(void *state, dor_message *message)
{
    asker *a = state;
    yield *y = a->out;
    dor_rng *rng = dor__ssl_local(dor__scheduler_current())->rng;
    dor_message_free(message);
    y->rng = rng;
    y->ok = fill(rng, y->bytes[0]);
    for (int i = 0; i < CHILDREN; i++) {
        y->ok = y->ok && child_fills(rng, y->bytes[1 + 2 * i]);
        y->ok = y->ok && fill(rng, y->bytes[2 + 2 * i]);
    }
    dor_send(a->from, dor_message_new(DOR_MSG_USER + 1, 0, NULL));
}

Test(randomness, of_each_scheduler_and_of_its_forked_children, .timeout = 60)
{
    static yield yields[SCHEDULERS];
    asker askers[SCHEDULERS];
    dor_pid pids[SCHEDULERS];
    world w;
    begin(&w, SCHEDULERS);
    OK(dor_process_attach(w.runtime, NULL));
    for (int i = 0; i < SCHEDULERS; i++) {
        dor_message *done;
        askers[i] = (asker){dor_self(), &yields[i]};
        OK(dor_spawn(w.runtime,
                     &(dor_actor_spec){.receive = take, .state = &askers[i], .scheduler = DOR_ON(i)},
                     &pids[i]));
        OK(dor_send(pids[i], dor_message_new(DOR_MSG_USER, 0, NULL)));
        OK(dor_receive(&done,
                       PATIENCE_MS)); /* one after the other: the forks of one do not disturb another */
        dor_message_free(done);
        OK(dor_stop(pids[i], DOR_OK));
    }
    for (size_t a = 0; a < SCHEDULERS; a++) {
        cr_assert(yields[a].ok);
        for (size_t b = 0; b < a; b++)
            cr_assert_neq(yields[a].rng, yields[b].rng, "one each");
    }
    for (size_t a = 0; a < SCHEDULERS * EACH; a++)
        for (size_t b = 0; b < a; b++)
            cr_assert(memcmp(yields[a / EACH].bytes[a % EACH], yields[b / EACH].bytes[b % EACH], TAKEN) != 0);
    end(&w);
}
