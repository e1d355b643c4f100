/*
 * mailboxes.c - a store that takes lines: never more than four of them wait, a thread that sends more waits for room, and
 * the lines are not copied. With nothing to do it shrinks to what it needs; when it ends, its lines go to an heir.
 */
#include <dormouse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = DOR_MSG_USER, FULL, LINES = 100 };

typedef struct store {
    dor_pid heir;
    dor_buffer **lines;
    size_t count, room;
} store;

/* ---- awake: an array that has room to grow; asleep: one that is just long enough ---- */

static store *resize(store *s, size_t room)
{
    dor_buffer **lines = realloc(s->lines, (room ? room : 1) * sizeof *lines);
    if (!lines) return NULL;
    s->lines = lines;
    s->room = room;
    return s;
}

static void *shrink(void *state)
{
    store *s = state;
    return resize(s, s->count); /* NULL would be "not now" */
}

static void *restore(void *state)
{
    store *s = state;
    return resize(s, s->count + 64); /* NULL: it is tried again, and the message waits */
}

/* ---- the actor ---- */

static void receive(void *state, dor_message *message)
{
    store *s = state;
    if (s->count == 0) dor_set_heir(s->heir);
    if (s->count == s->room && !resize(s, s->room * 2 + 1)) {
        dor_exit_self(DOR_E_NOMEM); /* what there is goes to the heir, all the same */
    } else {
        s->lines[s->count++] = dor_message_take_buffer(message); /* the reference that came with it */
        if (s->count == LINES) dor_send(s->heir, dor_message_new(FULL, 0, NULL));
    }
    dor_message_free(message);
}

static void stop(void *state, int reason)
{
    store *s = state;
    for (size_t i = 0; i < s->count; i++)
        dor_buffer_unref(s->lines[i]);
    free(s->lines);
    free(s);
    (void)reason;
}

int main(void)
{
    dor_pid pid;
    dor_message *message;
    store *s = calloc(1, sizeof *s);
    if (!s || dor_process_attach(NULL, &s->heir)) return 1;
    dor_actor_spec spec = {.receive = receive,
                           .stop = stop,
                           .state = s,
                           .mailbox = {.messages = 4, .policy = DOR_MAILBOX_REFUSE},
                           .hibernate = shrink,
                           .wake = restore,
                           .hibernate_after_ms = 20};
    if (dor_spawn(NULL, &spec, &pid)) return 1;

    for (int i = 0; i < LINES; i++) {
        char text[32];
        int len = snprintf(text, sizeof text, "line %d", i);
        dor_message *line = dor_message_new_buffer(LINE, dor_buffer_new(text, (size_t)len));
        if (!line || dor_send_wait(pid, line, 5000)) return 1; /* dor_send would answer DOR_E_MAILBOX_FULL */
    }
    if (dor_receive(&message, 5000)) return 1; /* it has them all */
    dor_message_free(message);

    dor_stop(pid, DOR_OK);
    if (dor_receive(&message, 5000) || message->type != DOR_MSG_HANDOVER) return 1;
    dor_handover *handover = dor_message_payload(message);
    store *inherited = handover->state;
    const dor_buffer *last = inherited->lines[inherited->count - 1];
    printf("inherited %zu lines, the last one is \"%.*s\"\n", inherited->count, (int)dor_buffer_len(last),
           (const char *)dor_buffer_data(last));
    dor_message_free(message); /* handover->state is still there, so this calls stop */
    return dor_runtime_stop(dor_runtime_default(), 1000);
}
