/*
 * processes.c - a thread that may block, as a process: a writer with a mailbox for a hundred lines, and one who sends more than
 * that, and therefore waits.
 */
#include <dormouse.h>
#include <pthread.h>
#include <stdio.h>

enum { LINE = DOR_MSG_USER, COUNT, STARTED };

typedef struct counting {
    dor_ref ref; /* of a request and its reply: first */
    unsigned lines;
} counting;

static dor_pid client; /* written before the thread starts */

static void *write_lines(void *arg)
{
    unsigned lines = 0;
    dor_message *message;
    if (dor_process_attach_limited(NULL, &(dor_mailbox_limits){.messages = 100}, NULL)) return arg;
    dor_message *started = dor_message_new(STARTED, sizeof(dor_pid), NULL);
    *(dor_pid *)dor_message_payload(started) = dor_self();
    dor_send(client, started);
    while (dor_receive(&message, DOR_INFINITY) == DOR_OK) {
        if (message->type == LINE) lines++; /* a real one would write it, and block, and harm nobody */
        if (message->type == COUNT) {
            dor_message *reply = dor_message_new(COUNT, sizeof(counting), NULL);
            ((counting *)dor_message_payload(reply))->lines = lines;
            dor_reply(((counting *)dor_message_payload(message))->ref, reply);
        }
        dor_message_free(message);
    }
    return arg; /* an exit signal has ended the process; the thread may do as it likes */
}

static int is_of_type(const dor_message *message, void *type)
{
    return message->type == *(uint32_t *)type;
}

/* Waits for a message of this type; what else comes meanwhile stays where it is. */
static dor_message *await(uint32_t type)
{
    dor_message *message = NULL;
    return dor_receive_match(&message, is_of_type, &type, 10000) == DOR_OK ? message : NULL;
}

int main(void)
{
    pthread_t thread;
    char text[160];
    dor_process_attach(NULL, &client);
    if (pthread_create(&thread, NULL, write_lines, NULL)) return 1;
    dor_message *message = await(STARTED);
    if (!message) return 1;
    dor_pid writer = *(dor_pid *)dor_message_payload(message);
    dor_message_free(message);
    dor_monitor(writer, NULL);

    for (unsigned i = 0; i < 1000;
         i++) /* dor_send would be refused when the writer is a hundred lines behind */
        if (dor_send_wait(writer, dor_message_new(LINE, 0, NULL), 10000)) return 1;
    if (dor_call(writer, dor_message_new(COUNT, sizeof(counting), NULL), 10000, &message)) return 1;
    printf("%u lines\n", ((counting *)dor_message_payload(message))->lines);
    dor_message_free(message);

    dor_exit(writer, DOR_E_SHUTDOWN);
    message = await(DOR_MSG_DOWN);
    if (!message) return 1;
    printf("the writer: %s\n",
           dor_format_error(((dor_down *)dor_message_payload(message))->reason, text, sizeof text));
    dor_message_free(message);
    pthread_join(thread, NULL);
    return dor_runtime_stop(NULL, 1000);
}
