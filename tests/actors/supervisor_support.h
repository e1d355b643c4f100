/*
 * supervisor_support.h - children for the tests of supervisors: they write down when they start and stop, and do what a
 * test tells them.
 *
 * The log has "+a" for a start of a, "-a" for the return of its stop function, "!a" for a start that fails.
 */
#ifndef TESTS_SUPERVISOR_SUPPORT_H
#define TESTS_SUPERVISOR_SUPPORT_H

#include "runtime_support.h"

#include <dormouse/supervisor.h>
#include <pthread.h>

enum { MSG_END = DOR_MSG_USER + 100, MSG_UNLINK, MSG_SIGNAL, MSG_SLOW };

/* ---- the log ---- */

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_text[4096];

static inline void log_add(char what, const char *id)
{
    pthread_mutex_lock(&log_lock);
    size_t len = strlen(log_text);
    snprintf(log_text + len, sizeof log_text - len, "%s%c%s", len ? " " : "", what, id);
    pthread_mutex_unlock(&log_lock);
}

static inline void log_clear(void)
{
    pthread_mutex_lock(&log_lock);
    log_text[0] = 0;
    pthread_mutex_unlock(&log_lock);
}

static inline bool log_is(const char *expected)
{
    pthread_mutex_lock(&log_lock);
    bool same = strcmp(log_text, expected) == 0;
    pthread_mutex_unlock(&log_lock);
    return same;
}

/* Waits for the log to be that, and says what it is if it does not become so. */
static inline void expect_log(const char *expected)
{
    uint64_t end = now_ms() + 20000;
    while (!log_is(expected) && now_ms() < end)
        uv_sleep(1);
    cr_assert(log_is(expected), "the log is \"%s\", not \"%s\"", log_text, expected);
}

/* ---- children ---- */

static dor_runtime *kids_runtime; /* where they are spawned */

typedef struct kid {
    const char *id;
    int scheduler;       /* as in dor_actor_spec */
    bool link;           /* spawned with a link */
    bool deaf;           /* traps exits, and does nothing about them */
    uint32_t slow_ms;    /* traps exits, and ends so much later */
    dor_restart restart; /* for kid_spec */
    uint32_t shutdown_ms;
    int fail_code;
    atomic_int fail; /* so many starts fail */
    atomic_int starts;
    atomic_int stops;
    atomic_int released;
    atomic_int reason; /* of the latest stop */
    _Atomic dor_pid pid;
    _Atomic dor_pid parent; /* dor_self in the latest start */
} kid;

static inline void kid_stop(void *state, int reason)
{
    kid *k = (kid *)state;
    atomic_store(&k->reason, reason);
    atomic_fetch_add(&k->stops, 1);
    log_add('-', k->id);
}

static inline void kid_receive(void *state, dor_message *m)
{
    kid *k = (kid *)state;
    dor_exit_notice notice = {0};
    if (m->type == DOR_MSG_EXIT) memcpy(&notice, dor_message_payload(m), sizeof notice);
    if (m->type == MSG_END)
        cr_assert_eq(dor_exit_self((int)number_in(m)), DOR_OK);
    else if (m->type == MSG_UNLINK)
        cr_assert_eq(dor_unlink(atomic_load(&k->parent)), DOR_OK);
    else if (m->type == MSG_SIGNAL)
        cr_assert_eq(dor_exit(atomic_load(&k->parent), (int)number_in(m)), DOR_OK);
    else if (m->type == DOR_MSG_EXIT && k->slow_ms)
        cr_assert_eq(dor_send_after(dor_self(), number_message(MSG_END, (uint64_t)(int64_t)notice.reason),
                                    k->slow_ms, NULL),
                     DOR_OK);
    dor_message_free(m);
}

static inline int kid_start(void *arg, void *extra, dor_pid *pid)
{
    kid *k = (kid *)arg;
    (void)extra;
    atomic_store(&k->parent, dor_self());
    int fail = atomic_load(&k->fail);
    if (fail > 0) {
        atomic_store(&k->fail, fail - 1);
        log_add('!', k->id);
        return k->fail_code ? k->fail_code : DOR_E_LIMIT;
    }
    dor_actor_spec spec = {.receive = kid_receive,
                           .stop = kid_stop,
                           .state = k,
                           .scheduler = k->scheduler,
                           .trap_exit = k->deaf || k->slow_ms};
    log_add('+', k->id);
    int code = k->link ? dor_spawn_link(kids_runtime, &spec, pid) : dor_spawn(kids_runtime, &spec, pid);
    if (code != DOR_OK) return code;
    atomic_store(&k->pid, *pid);
    atomic_fetch_add(&k->starts, 1);
    return DOR_OK;
}

static inline void kid_release(void *arg)
{
    atomic_fetch_add(&((kid *)arg)->released, 1);
}

static inline dor_child_spec kid_spec(kid *k)
{
    return (dor_child_spec){.id = k->id,
                            .start = kid_start,
                            .arg = k,
                            .release = kid_release,
                            .restart = k->restart,
                            .shutdown_ms = k->shutdown_ms};
}

enum { KIDS_MAX = 8 };

typedef struct family {
    kid kids[KIDS_MAX];
    size_t count;
} family;

/* Kids a, b, c ... */
static inline void family_init(family *f, size_t count)
{
    static const char *const ids[KIDS_MAX] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    memset(f, 0, sizeof *f);
    f->count = count;
    for (size_t i = 0; i < count; i++) {
        f->kids[i].id = ids[i];
        f->kids[i].scheduler = DOR_ON_THIS;
    }
}

static inline kid *member(family *f, const char *id)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->kids[i].id, id) == 0) return &f->kids[i];
    return NULL;
}

static inline int family_start(dor_runtime *runtime, family *f, dor_strategy strategy, uint32_t intensity,
                               dor_pid *supervisor)
{
    dor_child_spec children[KIDS_MAX];
    for (size_t i = 0; i < f->count; i++)
        children[i] = kid_spec(&f->kids[i]);
    dor_supervisor_spec spec = {.strategy = strategy,
                                .intensity = intensity,
                                .period_ms = 60000,
                                .scheduler = DOR_ON_ANY,
                                .children = children,
                                .child_count = f->count};
    return dor_supervisor_start(runtime, &spec, supervisor);
}

/* It ends when the test says so, and not before. */
static inline void make_deaf(kid *k)
{
    k->deaf = true;
    k->shutdown_ms = DOR_INFINITY;
}

static inline void end_kid(kid *k, int reason)
{
    cr_assert_eq(send_number(atomic_load(&k->pid), MSG_END, (uint64_t)(int64_t)reason), DOR_OK);
}

/* "a b d": the ids of the children that run, in order. The calling thread is a process. */
static inline const char *running(dor_pid supervisor)
{
    static char text[256];
    dor_child_info infos[KIDS_MAX];
    size_t count = 0;
    text[0] = 0;
    cr_assert_eq(dor_supervisor_which_children(supervisor, infos, KIDS_MAX, &count), DOR_OK);
    for (size_t i = 0; i < count && i < KIDS_MAX; i++) {
        if (infos[i].pid == DOR_PID_NONE) continue;
        if (text[0]) strcat(text, " ");
        strcat(text, infos[i].id);
    }
    return text;
}

/* Waits for that DOWN, whatever else comes; its reason. */
static inline int wait_for_down(dor_ref ref)
{
    for (;;) {
        dor_message *m = NULL;
        dor_down down = {0};
        cr_assert_eq(dor_receive(&m, 30000), DOR_OK);
        if (m->type == DOR_MSG_DOWN) memcpy(&down, dor_message_payload(m), sizeof down);
        dor_message_free(m);
        if (down.ref == ref) return down.reason;
    }
}

/* Stops the supervisor of the calling process, and waits until it has ended; its reason. */
static inline int stop_supervisor(dor_pid supervisor)
{
    dor_ref ref;
    cr_assert_eq(dor_unlink(supervisor), DOR_OK);
    cr_assert_eq(dor_monitor(supervisor, &ref), DOR_OK);
    (void)dor_supervisor_stop(supervisor);
    dor_down down = receive_down();
    cr_assert_eq(down.ref, ref);
    return down.reason;
}

/* ---- a process that tests from ---- */

static inline void begin_test(unsigned schedulers)
{
    count_memory();
    log_clear();
    kids_runtime = runtime_of(schedulers);
    cr_assert_eq(dor_process_attach(kids_runtime, NULL), DOR_OK);
}

static inline void end_test(void)
{
    cr_assert_eq(dor_process_detach(), DOR_OK);
    stop_runtime(kids_runtime);
}

static inline dor_pid start_family(family *f, dor_strategy strategy, uint32_t intensity)
{
    dor_pid supervisor = DOR_PID_NONE;
    cr_assert_eq(family_start(kids_runtime, f, strategy, intensity, &supervisor), DOR_OK);
    return supervisor;
}

static inline void expect_released_once(const family *f)
{
    for (size_t i = 0; i < f->count; i++) {
        WAIT_FOR(atomic_load(&f->kids[i].released) > 0); /* by the supervisor, when it has ended itself */
        cr_assert_eq(atomic_load(&f->kids[i].released), 1, "%s: %d", f->kids[i].id,
                     atomic_load(&f->kids[i].released));
    }
}

/* ---- children without a name, started with an item as their extra ---- */

typedef struct item {
    atomic_int starts;
    atomic_int stops;
    atomic_int released;
    atomic_int reason;
    atomic_int fail;
    _Atomic dor_pid pid;
} item;

static int item_scheduler;

static inline void item_receive(void *state, dor_message *m)
{
    (void)state;
    if (m->type == MSG_END) cr_assert_eq(dor_exit_self((int)number_in(m)), DOR_OK);
    dor_message_free(m);
}

static inline void item_stop(void *state, int reason)
{
    item *i = (item *)state;
    atomic_store(&i->reason, reason);
    atomic_fetch_add(&i->stops, 1);
}

static inline int item_start(void *arg, void *extra, dor_pid *pid)
{
    item *i = (item *)extra;
    (void)arg;
    if (!i) return DOR_OK;
    if (atomic_load(&i->fail) > 0) {
        atomic_fetch_sub(&i->fail, 1);
        return DOR_E_BUSY;
    }
    dor_actor_spec spec = {
        .receive = item_receive, .stop = item_stop, .state = i, .scheduler = item_scheduler};
    int code = dor_spawn(kids_runtime, &spec, pid);
    if (code != DOR_OK) return code;
    atomic_store(&i->pid, *pid);
    atomic_fetch_add(&i->starts, 1);
    return DOR_OK;
}

static inline void item_release(void *extra)
{
    atomic_fetch_add(&((item *)extra)->released, 1);
}

#endif
