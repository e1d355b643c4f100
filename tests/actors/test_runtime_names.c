/* Registered names: who has one, until when, and who gets it when many want it. */
#include "runtime_support.h"

#include "runtime/private.h"

TestSuite(runtime_names, .init = count_memory, .timeout = 60);

static void ignore(void *state, dor_message *message)
{
    (void)state;
    dor_message_free(message);
}

static dor_pid spawn_idle(dor_runtime *runtime)
{
    return spawn_on(runtime, DOR_ON_ANY, ignore, NULL, NULL);
}

static void end(dor_pid pid)
{
    dor_stop(pid, DOR_OK);
    WAIT_FOR(!dor__pid_alive(pid));
}

Test(runtime_names, life)
{
    dor_runtime *runtime = runtime_of(2);
    dor_pid a = spawn_idle(runtime), b = spawn_idle(runtime);
    cr_assert_eq(dor_whereis(runtime, "logger"), DOR_PID_NONE);
    cr_assert_eq(dor_unregister(runtime, "logger"), DOR_E_NOPROC);
    cr_assert_eq(dor_register(runtime, "logger", a), DOR_OK);
    cr_assert_eq(dor_whereis(runtime, "logger"), a);
    cr_assert_eq(dor_whereis(runtime, "logge"), DOR_PID_NONE);
    cr_assert_eq(dor_whereis(runtime, "loggers"), DOR_PID_NONE);
    cr_assert_eq(dor_register(runtime, "logger", b), DOR_E_NAME_TAKEN);
    cr_assert_eq(dor_register(runtime, "logger", a), DOR_E_NAME_TAKEN);
    cr_assert_eq(dor_register(runtime, "second name", a), DOR_OK);
    cr_assert_eq(dor_unregister(runtime, "logger"), DOR_OK);
    cr_assert_eq(dor_unregister(runtime, "logger"), DOR_E_NOPROC);
    cr_assert_eq(dor_whereis(runtime, "logger"), DOR_PID_NONE);
    cr_assert_eq(dor_register(runtime, "logger", b), DOR_OK);
    end(b);
    cr_assert_eq(dor_whereis(runtime, "logger"), DOR_PID_NONE);
    cr_assert_eq(dor_register(runtime, "logger", a), DOR_OK); /* free at once */
    cr_assert_eq(dor_whereis(runtime, "logger"), a);
    end(a);
    cr_assert_eq(dor_unregister(runtime, "logger"), DOR_E_NOPROC);
    cr_assert_eq(dor_register(runtime, "logger", a), DOR_E_NOPROC);
    stop_runtime(runtime);
    cr_assert_eq(dor_register(runtime, "logger", a), DOR_E_STOPPED);
    cr_assert_eq(dor_unregister(runtime, "logger"), DOR_E_STOPPED);
    cr_assert_eq(dor_whereis(runtime, "logger"), DOR_PID_NONE);
}

Test(runtime_names, bad_arguments)
{
    dor_runtime *runtime = runtime_of(1), *other = runtime_of(1);
    dor_pid pid = spawn_idle(runtime), foreign = spawn_idle(other);
    char text[DOR_NAME_MAX + 2];
    memset(text, 'x', sizeof text - 1);
    text[DOR_NAME_MAX + 1] = 0;
    cr_assert_eq(dor_register(runtime, text, pid), DOR_E_BADARG);
    cr_assert_eq(dor_unregister(runtime, text), DOR_E_BADARG);
    cr_assert_eq(dor_whereis(runtime, text), DOR_PID_NONE);
    text[DOR_NAME_MAX] = 0;
    cr_assert_eq(dor_register(runtime, text, pid), DOR_OK); /* the longest one */
    cr_assert_eq(dor_whereis(runtime, text), pid);
    text[DOR_NAME_MAX - 1] = 'y';
    cr_assert_eq(dor_whereis(runtime, text), DOR_PID_NONE);
    cr_assert_eq(dor_register(runtime, "", pid), DOR_E_BADARG);
    cr_assert_eq(dor_register(runtime, NULL, pid), DOR_E_BADARG);
    cr_assert_eq(dor_unregister(runtime, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_whereis(runtime, NULL), DOR_PID_NONE);
    cr_assert_eq(dor_register(runtime, "a", foreign), DOR_E_BADARG);
    cr_assert_eq(dor_register(runtime, "a", DOR_PID_NONE), DOR_E_BADARG);
    cr_assert_eq(dor_register(runtime, "a", dor_make_ref()), DOR_E_BADARG);
    cr_assert_eq(dor_whereis(runtime, "a"), DOR_PID_NONE);
    cr_assert_eq(dor_register(other, "a", foreign), DOR_OK); /* each runtime has its own */
    cr_assert_eq(dor_whereis(runtime, "a"), DOR_PID_NONE);
    cr_assert_eq(dor_whereis(other, "a"), foreign);
    cr_assert_eq(dor_runtime_stop(other, 5000), DOR_OK);
    cr_assert_eq(dor_register(runtime, "a", foreign), DOR_E_BADARG);
    stop_runtime(runtime);
}

Test(runtime_names, of_the_default_runtime_and_of_processes)
{
    dor_pid pid;
    cr_assert_eq(dor_process_attach(NULL, &pid), DOR_OK);
    cr_assert_eq(dor_register(NULL, "main", pid), DOR_OK);
    cr_assert_eq(dor_whereis(NULL, "main"), pid);
    cr_assert_eq(dor_whereis(dor_runtime_default(), "main"), pid);
    cr_assert_eq(dor_process_detach(), DOR_OK);
    cr_assert_eq(dor_whereis(NULL, "main"), DOR_PID_NONE);
    stop_runtime(dor_runtime_default());
}

/* ---- many ---- */

static const char *nth(char *text, unsigned i)
{
    snprintf(text, DOR_NAME_MAX + 1, "name-%u", i);
    return text;
}

Test(runtime_names, limit_and_sweep)
{
    char text[DOR_NAME_MAX + 1];
    dor_runtime *runtime = runtime_of(1);
    dor_pid pids[2] = {spawn_idle(runtime), spawn_idle(runtime)};
    unsigned most = SLOW_BUILD || scaled(100) != 100 ? 3000 : DOR_NAMES_MAX;
    for (unsigned i = 0; i < most; i++)
        cr_assert_eq(dor_register(runtime, nth(text, i), pids[i % 2]), DOR_OK, "%u", i);
    for (unsigned i = 0; i < most; i++)
        cr_assert_eq(dor_whereis(runtime, nth(text, i)), pids[i % 2]);
    if (most == DOR_NAMES_MAX) cr_assert_eq(dor_register(runtime, "one more", pids[0]), DOR_E_LIMIT);
    long blocks = atomic_load(&live_blocks);
    end(pids[1]); /* half of the places, and nobody has told the table */
    for (unsigned i = 0; i < most; i++)
        cr_assert_eq(dor_whereis(runtime, nth(text, i)), i % 2 ? DOR_PID_NONE : pids[0]);
    for (unsigned i = 0; i < most / 2; i++)
        cr_assert_eq(dor_register(runtime, nth(text, most + i), pids[0]), DOR_OK, "%u", i);
    cr_assert_leq(atomic_load(&live_blocks), blocks); /* in the room that was there */
    if (most == DOR_NAMES_MAX) cr_assert_eq(dor_register(runtime, "one more", pids[0]), DOR_E_LIMIT);
    for (unsigned i = 0; i < most; i += 2)
        cr_assert_eq(dor_unregister(runtime, nth(text, i)), DOR_OK);
    for (unsigned i = 0; i < most / 2; i++)
        cr_assert_eq(dor_whereis(runtime, nth(text, most + i)), pids[0]);
    stop_runtime(runtime);
}

Test(runtime_names, those_of_the_dead_take_no_room)
{
    char text[DOR_NAME_MAX + 1];
    dor_runtime *runtime = runtime_of(1);
    for (unsigned i = 0; i < scaled(2000); i++) {
        dor_pid pid = spawn_idle(runtime);
        cr_assert_eq(dor_register(runtime, nth(text, i), pid), DOR_OK);
        end(pid);
    }
    cr_assert_eq(runtime->names.room, 64);
    stop_runtime(runtime);
}

Test(runtime_names, walk)
{
    enum { COUNT = 300 };
    char text[DOR_NAME_MAX + 1];
    bool seen[COUNT] = {false};
    dor_named named[7];
    uint64_t cursor = 0;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor__names_walk(runtime, &cursor, named, 7), 0);
    cr_assert_eq(cursor, 0);
    dor_pid alive = spawn_idle(runtime), dead = spawn_idle(runtime);
    for (unsigned i = 0; i < COUNT; i++)
        cr_assert_eq(dor_register(runtime, nth(text, i), i % 3 == 0 ? dead : alive), DOR_OK);
    end(dead);
    cr_assert_eq(dor_unregister(runtime, nth(text, 1)), DOR_OK);
    unsigned total = 0;
    do {
        size_t count = dor__names_walk(runtime, &cursor, named, 7);
        for (size_t i = 0; i < count; i++) {
            unsigned number;
            cr_assert_eq(sscanf(named[i].name, "name-%u", &number), 1);
            cr_assert(number < COUNT && !seen[number] && number % 3 != 0 && number != 1);
            cr_assert_eq(named[i].pid, alive);
            seen[number] = true;
            total++;
        }
    } while (cursor);
    cr_assert_eq(total, COUNT / 3 * 2 - 1);
    stop_runtime(runtime);
    cursor = 5;
    cr_assert_eq(dor__names_walk(runtime, &cursor, named, 7), 0);
    cr_assert_eq(cursor, 0);
}

/* ---- races ---- */

enum { THREADS = 4, ROUNDS = 400 };

typedef struct contest {
    dor_runtime *runtime;
    dor_pid pids[THREADS];
    atomic_uint wins[ROUNDS];
    atomic_uint number;
} contest;

static void contend(void *arg)
{
    contest *c = arg;
    char text[DOR_NAME_MAX + 1];
    unsigned me = atomic_fetch_add(&c->number, 1), rounds = scaled(ROUNDS);
    for (unsigned i = 0; i < rounds; i++) {
        int code = dor_register(c->runtime, nth(text, i), c->pids[me]);
        if (code == DOR_OK)
            atomic_fetch_add(&c->wins[i], 1);
        else
            cr_assert_eq(code, DOR_E_NAME_TAKEN);
        dor_pid who = dor_whereis(c->runtime, text);
        cr_assert(who == c->pids[0] || who == c->pids[1] || who == c->pids[2] || who == c->pids[3]);
        dor_whereis(c->runtime, nth(text, i + 1));
        if (i % 16 == 0) { /* coming and going beside it */
            snprintf(text, sizeof text, "own-%u-%u", me, i);
            cr_assert_eq(dor_register(c->runtime, text, c->pids[me]), DOR_OK);
            if (i % 32 == 0) cr_assert_eq(dor_unregister(c->runtime, text), DOR_OK);
        }
    }
}

Test(runtime_names, exactly_one_wins)
{
    static contest c;
    uv_thread_t threads_[THREADS];
    c.runtime = runtime_of(2);
    for (unsigned i = 0; i < THREADS; i++)
        c.pids[i] = spawn_idle(c.runtime);
    for (unsigned i = 0; i < THREADS; i++)
        uv_thread_create(&threads_[i], contend, &c);
    for (unsigned i = 0; i < THREADS; i++)
        uv_thread_join(&threads_[i]);
    for (unsigned i = 0; i < scaled(ROUNDS); i++)
        cr_assert_eq(atomic_load(&c.wins[i]), 1);
    stop_runtime(c.runtime);
}

/* ---- memory ---- */

Test(runtime_names, out_of_memory)
{
    char text[DOR_NAME_MAX + 1];
    dor_runtime *runtime = runtime_of(1);
    dor_pid pid = spawn_idle(runtime);
    unsigned registered = 0;
    for (long n = 0; registered < 200; n = (n + 1) % 3) {
        atomic_store(&fail_after, n);
        int code = dor_register(runtime, nth(text, registered), pid);
        atomic_store(&fail_after, -1);
        cr_assert(code == DOR_OK || code == DOR_E_NOMEM);
        if (code == DOR_OK) registered++;
        for (unsigned i = 0; i < registered; i += 17)
            cr_assert_eq(dor_whereis(runtime, nth(text, i)), pid);
    }
    stop_runtime(runtime);
}
