/*
 * links.c - a guard that keeps a worker going: linked to it, it hears of its end and starts another, three times at most.
 * A thread watches the guard. (Supervisors do this for you, and more: dormouse/supervisor.h.)
 */
#include <dormouse.h>
#include <stdio.h>

enum { DIVIDE = DOR_MSG_USER, QUOTIENT, BAD_INPUT = 1 /* a reason of our own */ };

typedef struct division {
    int number, by;
} division;

typedef struct guard {
    dor_pid client, worker;
    int restarts;
} guard;

static dor_message *division_message(int number, int by)
{
    dor_message *message = dor_message_new(DIVIDE, sizeof(division), NULL);
    if (message) *(division *)dor_message_payload(message) = (division){number, by};
    return message;
}

/* ---- the worker: does not defend itself, but ends ---- */

static void work(void *state, dor_message *message)
{
    const guard *g = state;
    division d = *(division *)dor_message_payload(message);
    dor_message_free(message);
    if (d.by == 0) {
        dor_exit_self(BAD_INPUT); /* when this function returns: nothing that waits is received any more */
        return;
    }
    message = dor_message_new(QUOTIENT, sizeof(int), NULL);
    if (!message) return;
    *(int *)dor_message_payload(message) = d.number / d.by;
    dor_send(g->client, message);
}

/* ---- the guard: traps exits, so its worker's end is a message, and not its own end ---- */

static int start_worker(guard *g)
{
    dor_actor_spec spec = {.receive = work, .state = g, .scheduler = DOR_ON_THIS};
    return dor_spawn_link(NULL, &spec, &g->worker);
}

static void keep(void *state, dor_message *message)
{
    guard *g = state;
    if (message->type == DIVIDE) {
        if (g->worker == DOR_PID_NONE && start_worker(g)) dor_exit_self(DOR_E_NOMEM);
        dor_send(g->worker, message); /* on the same scheduler, so both may use g */
        return;
    }
    if (message->type == DOR_MSG_EXIT) {
        const dor_exit_notice *notice = dor_message_payload(message);
        if (notice->pid != g->worker) {
            dor_exit_self(notice->reason); /* somebody wants the guard to end: the worker ends with it */
        } else {
            printf("guard: the worker has ended with reason %d\n", notice->reason);
            g->worker = DOR_PID_NONE;
            if (++g->restarts == 3) dor_exit_self(DOR_E_RESTART_INTENSITY);
        }
    }
    dor_message_free(message);
}

int main(void)
{
    guard g = {0};
    dor_pid guarding;
    dor_ref ref;
    dor_message *message;
    if (dor_process_attach(NULL, &g.client)) return 1;
    if (dor_spawn_monitor(NULL, &(dor_actor_spec){.receive = keep, .state = &g, .trap_exit = 1}, &guarding,
                          &ref))
        return 1;
    for (int by = 3; by >= 0; by--)
        dor_send(guarding, division_message(12, by));
    for (int i = 0; i < 3 && !dor_receive(&message, 5000); i++) {
        printf("thread: %d\n", *(int *)dor_message_payload(message));
        dor_message_free(message);
    }
    do /* one by one: what waits for the worker when it ends is lost with it */
        dor_send(guarding, division_message(1, 0));
    while (dor_receive(&message, 20));
    if (message->type == DOR_MSG_DOWN) {
        char text[160];
        int reason = ((dor_down *)dor_message_payload(message))->reason;
        printf("thread: the guard has ended: %s\n", dor_format_error(reason, text, sizeof text));
    }
    dor_message_free(message);
    return dor_runtime_stop(dor_runtime_default(), 1000);
}
