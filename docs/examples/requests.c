/*
 * requests.c - a counter with a registered name that answers requests, an actor that asks it without waiting, and a thread
 * that waits for the answer.
 */
#include <dormouse.h>
#include <stdio.h>

enum { COUNT = DOR_MSG_USER, COUNTED, GO, FINISHED };

/* Requests and replies begin with a reference; what follows is up to those two. */
typedef struct count {
    dor_ref ref;
    long number;
} count;

static dor_message *count_message(uint32_t type, long number)
{
    dor_message *message = dor_message_new(type, sizeof(count), NULL);
    if (message) ((count *)dor_message_payload(message))->number = number;
    return message;
}

/* ---- the counter: adds, and answers with the sum; a 0 it does not answer at all ---- */

static void counter(void *state, dor_message *message)
{
    long *sum = state;
    const count *request = dor_message_payload(message);
    if (message->type == COUNT && request->number != 0) {
        *sum += request->number;
        dor_reply(request->ref, count_message(COUNTED, *sum));
    }
    dor_message_free(message);
}

/* ---- an actor that asks: the reply is a message among others ---- */

typedef struct asker {
    dor_pid tell;
    dor_ref answered; /* which request is which */
    dor_ref silent;
} asker;

static void ask(void *state, dor_message *message)
{
    asker *a = state;
    const count *reply = dor_message_payload(message);
    const dor_no_reply *none = dor_message_payload(message);
    char text[160];
    if (message->type == GO) {
        dor_pid to = dor_whereis(NULL, "counter");
        dor_request(to, count_message(COUNT, 3), 1000, &a->answered);
        dor_request(to, count_message(COUNT, 0), 50, &a->silent);
    } else if (message->type == COUNTED && reply->ref == a->answered) {
        printf("actor: the sum is %ld\n", reply->number);
    } else if (message->type == DOR_MSG_NO_REPLY && none->ref == a->silent) {
        printf("actor: no reply, %s\n", dor_format_error(none->reason, text, sizeof text));
        dor_send(a->tell, dor_message_new(FINISHED, 0, NULL));
    }
    dor_message_free(message);
}

int main(void)
{
    long sum = 0;
    asker a = {0};
    dor_pid counting, asking;
    dor_message *message;
    if (dor_process_attach(NULL, &a.tell)) return 1; /* this thread may ask, and wait */
    if (dor_spawn(NULL, &(dor_actor_spec){.receive = counter, .state = &sum}, &counting)) return 1;
    if (dor_register(NULL, "counter", counting)) return 1;

    /* A thread waits for the reply; other messages stay for later. */
    int code = dor_call(dor_whereis(NULL, "counter"), count_message(COUNT, 4), 1000, &message);
    if (code) return 1;
    printf("thread: the sum is %ld\n", ((count *)dor_message_payload(message))->number);
    dor_message_free(message);

    if (dor_spawn(NULL, &(dor_actor_spec){.receive = ask, .state = &a}, &asking)) return 1;
    dor_send(asking, dor_message_new(GO, 0, NULL));
    if (dor_receive(&message, 5000)) return 1;
    dor_message_free(message);

    dor_stop(counting, DOR_OK);
    code = dor_call(counting, count_message(COUNT, 1), 1000, &message); /* behind the stop */
    printf("thread: %s\n", code == DOR_E_NOPROC ? "the counter has ended" : "?");
    return dor_runtime_stop(dor_runtime_default(), 1000);
}
