/*
 * supervisor.c - a log, a store, and a cache of what is in the store, under a supervisor. When the store fails, it is
 * started again, and so is what was started after it, the cache; the log goes on.
 */
#include <dormouse.h>
#include <stdio.h>

enum { FAIL = DOR_MSG_USER };

static const char *const names[] = {"log", "store", "cache"};

static void part_receive(void *state, dor_message *message)
{
    if (message->type == FAIL) dor_exit_self(7); /* a reason of the application's own */
    dor_message_free(message), (void)state;
}

static void part_stop(void *state, int reason)
{
    char text[160];
    const char *why = reason > 0 ? "failed" : dor_format_error(reason, text, sizeof text);
    printf("%s stops: %s\n", (const char *)state, why);
}

/* Runs on the supervisor's scheduler, as the supervisor. */
static int part_start(void *arg, void *extra, dor_pid *pid)
{
    dor_actor_spec spec = {.receive = part_receive, .stop = part_stop, .state = arg, .scheduler = DOR_ON_ANY};
    printf("%s starts\n", (const char *)arg), (void)extra;
    return dor_spawn_link(NULL, &spec, pid);
}

static dor_child_spec part(int number)
{
    return (dor_child_spec){.id = names[number], .start = part_start, .arg = (void *)names[number]};
}

int main(void)
{
    dor_pid supervisor, store, cache;
    dor_message *message;
    dor_child_counts counts;
    dor_child_spec parts[] = {part(0), part(1), part(2)};
    dor_supervisor_spec spec = {.strategy = DOR_REST_FOR_ONE,
                                .intensity =
                                    3, /* more than three restarts in five seconds: it is of no use */
                                .period_ms = 5000,
                                .scheduler = DOR_ON_ANY,
                                .children = parts,
                                .child_count = 3};
    if (dor_process_attach(NULL, NULL)) return 1; /* this thread waits for answers */
    if (dor_supervisor_start(NULL, &spec, &supervisor)) return 1;

    if (dor_supervisor_which_child(supervisor, "store", &store, NULL)) return 1;
    if (dor_supervisor_which_child(supervisor, "cache", &cache, NULL)) return 1;
    if (dor_monitor(cache, NULL)) return 1;
    dor_send(store, dor_message_new(FAIL, 0, NULL));
    if (dor_receive(&message, 5000)) return 1; /* the cache has ended: the supervisor is restarting the two */
    dor_message_free(message);
    if (dor_supervisor_count_children(supervisor, &counts)) return 1; /* and has done so when it answers */
    printf("%u run, %u restart\n", counts.active, counts.restarts);

    /* For a while there shall be no cache. */
    if (dor_supervisor_terminate_child(supervisor, "cache", NULL)) return 1;
    if (dor_supervisor_restart_child(supervisor, "cache", &cache, NULL)) return 1;

    /* The end, the last one first. A process that has started a supervisor is linked to it. */
    if (dor_unlink(supervisor) || dor_monitor(supervisor, NULL)) return 1;
    if (dor_supervisor_stop(supervisor) || dor_receive(&message, 10000)) return 1;
    dor_message_free(message);
    return dor_runtime_stop(dor_runtime_default(), 1000);
}
