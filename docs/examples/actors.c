/*
 * actors.c - the smallest whole program: an actor that counts words, a timer, and a thread that waits for the sum.
 */
#include <dormouse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD = DOR_MSG_USER, FLUSH, TOTAL };

typedef struct counter {
    dor_pid reader;
    size_t words, bytes;
} counter;

/* Runs on the actor's scheduler, one message at a time: the state needs no lock. */
static void count(void *state, dor_message *message)
{
    counter *c = state;
    if (message->type == WORD) {
        c->words++;
        c->bytes += strlen(*(char **)dor_message_payload(message));
    } else if (message->type == FLUSH) {
        dor_message *total = dor_message_new(TOTAL, sizeof *c, NULL);
        if (total) memcpy(dor_message_payload(total), c, sizeof *c);
        if (total) dor_send(c->reader, total);
    }
    dor_message_free(message); /* a message belongs to whoever received it */
}

static void release_counter(void *state, int reason)
{
    printf("the counter ends with reason %d\n", reason);
    free(state);
}

/* What a message's payload points to goes with it: received, undeliverable or left behind. */
static void release_word(dor_message *message)
{
    free(*(char **)dor_message_payload(message));
}

static dor_message *word_message(const char *text)
{
    dor_message *message = dor_message_new(WORD, sizeof(char *), release_word);
    if (message && !(*(char **)dor_message_payload(message) = strdup(text))) {
        dor_message_free(message);
        message = NULL;
    }
    return message;
}

int main(void)
{
    static const char *const words[] = {"very", "many", "connections", "most", "of", "them", "asleep"};
    counter *c = calloc(1, sizeof *c);
    dor_message *message;
    dor_pid pid;
    if (!c || dor_process_attach(NULL, &c->reader)) return 1; /* this thread may now receive */
    dor_actor_spec spec = {.receive = count, .stop = release_counter, .state = c, .scheduler = DOR_ON_ANY};
    if (dor_spawn(NULL, &spec, &pid)) return 1; /* from here on the state is the actor's */

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if ((message = word_message(words[i]))) dor_send(pid, message);
    if ((message = dor_message_new(FLUSH, 0, NULL))) dor_send_after(pid, message, 10, NULL);
    if (dor_receive(&message, 5000)) return 1;
    const counter *total = dor_message_payload(message);
    printf("%zu words, %zu bytes\n", total->words, total->bytes);
    dor_message_free(message);

    dor_stop(pid, DOR_OK);                                /* behind what it has */
    return dor_runtime_stop(dor_runtime_default(), 1000); /* waits for it */
}
