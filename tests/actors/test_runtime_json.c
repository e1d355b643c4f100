/* Figures as JSON: valid, complete, the same as the structs', and without a trace where memory is short. */
#include "runtime_support.h"

#include <dormouse/observe.h>
#include <jansson.h>

TestSuite(runtime_json, .init = count_memory, .timeout = 60);

enum { NUMBER = DOR_MSG_USER };

static void ignore(void *state, dor_message *message)
{
    (void)state;
    dor_message_free(message);
}

static json_t *json_of(dor_runtime *runtime, unsigned flags)
{
    char *text = NULL;
    json_error_t error;
    cr_assert_eq(dor_runtime_get_json(runtime, flags, &text), DOR_OK);
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    cr_assert_not_null(json, "%s, at %d: %s", error.text, error.position, text);
    dor_free(text);
    return json;
}

static uint64_t number_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    cr_assert(json_is_integer(value), "%s", name);
    cr_assert_geq(json_integer_value(value), 0);
    return (uint64_t)json_integer_value(value);
}

static void pid_text(dor_pid pid, char text[17])
{
    snprintf(text, 17, "%016lx", (unsigned long)pid);
}

Test(runtime_json, schedulers_and_the_runtime)
{
    static const char *const members[] = {"index",        "actors",      "run_queue",  "timers",
                                          "messages",     "actor_turns", "loop_turns", "from_outside",
                                          "timers_fired", "spawned",     "ended",      "undelivered",
                                          "refused",      "busy_ns",     "cpu_ns"};
    dor_runtime *runtime = runtime_of(2);
    dor_pid pid = spawn_on(runtime, DOR_ON(1), ignore, NULL, NULL);
    dor_actor_info info = {0};
    for (unsigned i = 0; i < 5; i++)
        send_number(pid, NUMBER, i);
    WAIT_FOR(dor_actor_get_info(pid, &info) == DOR_OK && info.messages == 5);

    json_t *json = json_of(runtime, 0);
    cr_assert_eq(json_object_size(json), 3);
    json_t *whole = json_object_get(json, "runtime"), *schedulers = json_object_get(json, "schedulers");
    cr_assert_eq(json_object_size(whole), 5);
    cr_assert_eq(number_of(whole, "schedulers"), 2);
    cr_assert_eq(number_of(whole, "actors"), 1);
    cr_assert_eq(number_of(whole, "processes"), 0);
    cr_assert_eq(number_of(whole, "undelivered"), 0);
    cr_assert_gt(number_of(whole, "uptime_ns"), 0);
    cr_assert_eq(json_array_size(schedulers), 2);
    for (size_t i = 0; i < 2; i++) {
        json_t *s = json_array_get(schedulers, i);
        cr_assert_eq(json_object_size(s), sizeof members / sizeof *members);
        for (size_t k = 0; k < sizeof members / sizeof *members; k++)
            (void)number_of(s, members[k]);
        cr_assert_eq(number_of(s, "index"), i);
        cr_assert_eq(number_of(s, "spawned"), i);
        cr_assert_eq(number_of(s, "messages"), 5 * i);
    }
    cr_assert_eq(json_object_size(json_object_get(json, "names")), 0);
    json_decref(json);
    stop_runtime(runtime);
}

Test(runtime_json, every_actor)
{
    enum { ACTORS = 150 }; /* more than are read at a time */
    dor_pid pids[ACTORS];
    dor_runtime *runtime = runtime_of(2);
    for (int i = 0; i < ACTORS; i++)
        pids[i] = spawn_on(runtime, DOR_ON(i % 2), ignore, NULL, NULL);
    json_t *json = json_of(runtime, DOR_JSON_ACTORS), *actors = json_object_get(json, "actors");
    cr_assert_eq(json_object_size(json), 4);
    cr_assert_eq(json_array_size(actors), ACTORS);
    for (int i = 0; i < ACTORS; i++) {
        char text[17];
        unsigned found = 0;
        pid_text(pids[i], text);
        for (size_t k = 0; k < ACTORS; k++) {
            json_t *a = json_array_get(actors, k);
            if (strcmp(json_string_value(json_object_get(a, "pid")), text) != 0) continue;
            cr_assert_eq(json_object_size(a), 8);
            cr_assert_str_eq(json_string_value(json_object_get(a, "state")), "idle");
            cr_assert_eq(number_of(a, "scheduler"), (uint64_t)i % 2);
            cr_assert_eq(number_of(a, "mailbox_messages") + number_of(a, "mailbox_bytes"), 0);
            cr_assert_eq(number_of(a, "messages") + number_of(a, "turns") + number_of(a, "busy_ns"), 0);
            found++;
        }
        cr_assert_eq(found, 1);
    }
    json_decref(json);
    stop_runtime(runtime);
}

Test(runtime_json, names)
{
    static const char *const names[] = {"plain",         "with \"quotes\" and \\", "tab\tand\x01\x7f",
                                        "J\xc3\xbcrgen", "\xe2\x82\xac",           "\xf0\x9f\x90\xad"};
    enum { NAMES = sizeof names / sizeof *names };
    dor_runtime *runtime = runtime_of(1);
    dor_pid pids[NAMES], process;
    char text[17];
    for (size_t i = 0; i < NAMES; i++) {
        pids[i] = spawn_on(runtime, DOR_ON(0), ignore, NULL, NULL);
        cr_assert_eq(dor_register(runtime, names[i], pids[i]), DOR_OK);
    }
    cr_assert_eq(dor_process_attach(runtime, &process), DOR_OK);
    cr_assert_eq(dor_register(runtime, "main", process), DOR_OK);
    json_t *json = json_of(runtime, 0), *object = json_object_get(json, "names");
    cr_assert_eq(json_object_size(object), NAMES + 1);
    for (size_t i = 0; i < NAMES; i++) {
        pid_text(pids[i], text);
        cr_assert_str_eq(json_string_value(json_object_get(object, names[i])), text, "%s", names[i]);
    }
    pid_text(process, text);
    cr_assert_str_eq(json_string_value(json_object_get(object, "main")), text);
    json_decref(json);
    stop_runtime(runtime);
}

Test(runtime_json, names_that_are_no_utf8)
{
    static const struct {
        const char *name, *shown;
    } cases[] = {{"a\xff", "a\xef\xbf\xbd"},
                 {"\xc3", "\xef\xbf\xbd"},
                 {"b\xc0\x80", "b\xef\xbf\xbd\xef\xbf\xbd"},                 /* too long a form */
                 {"c\xed\xa0\x80", "c\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* half of a pair */
                 {"d\xf4\x90\x80\x80", "d\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
                 {"e\xe2\x82", "e\xef\xbf\xbd\xef\xbf\xbd"}}; /* cut off */
    dor_runtime *runtime = runtime_of(1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_eq(dor_register(runtime, cases[i].name, spawn_on(runtime, DOR_ON(0), ignore, NULL, NULL)),
                     DOR_OK);
    json_t *json = json_of(runtime, 0), *object = json_object_get(json, "names");
    cr_assert_eq(json_object_size(object), sizeof cases / sizeof *cases);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_not_null(json_object_get(object, cases[i].shown), "%zu", i);
    json_decref(json);
    stop_runtime(runtime);
}

Test(runtime_json, every_lack_of_memory_is_told)
{
    dor_runtime *runtime = runtime_of(1);
    for (unsigned i = 0; i < 100; i++) {
        char name[8];
        snprintf(name, sizeof name, "n%u", i);
        cr_assert_eq(dor_register(runtime, name, spawn_on(runtime, DOR_ON(0), ignore, NULL, NULL)), DOR_OK);
    }
    long before = atomic_load(&live_blocks);
    int code = DOR_E_NOMEM;
    for (long allowed = 0; code != DOR_OK; allowed++) {
        char *text = "untouched";
        cr_assert_lt(allowed, 50);
        atomic_store(&fail_after, allowed);
        code = dor_runtime_get_json(runtime, DOR_JSON_ACTORS, &text);
        atomic_store(&fail_after, -1);
        if (code == DOR_OK) {
            cr_assert_gt(allowed, 3);
            dor_free(text);
        } else {
            cr_assert_eq(code, DOR_E_NOMEM);
            cr_assert_str_eq(text, "untouched");
        }
        cr_assert_eq(atomic_load(&live_blocks), before);
    }
    stop_runtime(runtime);
}

Test(runtime_json, bad_use)
{
    char *text = NULL;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_runtime_get_json(runtime, 0, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_runtime_get_json(runtime, 2, &text), DOR_E_BADARG);
    stop_runtime(runtime);
    cr_assert_eq(dor_runtime_get_json(runtime, 0, &text), DOR_E_STOPPED);
    cr_assert_null(text);
}
