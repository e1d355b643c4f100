/*
 * request_support.h - what the tests of requests share: a server, an actor that asks, and checks of what comes of it.
 */
#ifndef TESTS_REQUEST_SUPPORT_H
#define TESTS_REQUEST_SUPPORT_H

#include "runtime_support.h"

enum { ASK = DOR_MSG_USER, ANSWER, GO, NOTE, OTHER };

/* Requests and replies carry a reference and a number. */
typedef struct question {
    dor_ref ref;
    uint64_t number;
    dor_pid to;
} question;

static inline dor_message *question_message(uint32_t type, uint64_t number)
{
    dor_message *m = dor_message_new(type, sizeof(question), NULL);
    cr_assert_not_null(m);
    ((question *)dor_message_payload(m))->number = number;
    return m;
}

static inline question *question_in(dor_message *m)
{
    cr_assert_eq(m->size, sizeof(question));
    return dor_message_payload(m);
}

static inline dor_no_reply no_reply_in(dor_message *m)
{
    dor_no_reply told;
    cr_assert_geq(m->size, sizeof told);
    memcpy(&told, dor_message_payload(m), sizeof told);
    return told;
}

static inline dor_message *receive_any(uint32_t type)
{
    dor_message *m = NULL;
    cr_assert_eq(dor_receive(&m, 30000), DOR_OK);
    cr_assert_eq(m->type, type, "type %x instead of %x", m->type, type);
    return m;
}

static inline void check_answer(dor_ref ref, uint64_t number)
{
    dor_message *m = receive_any(ANSWER);
    cr_assert_eq(question_in(m)->ref, ref);
    cr_assert_eq(question_in(m)->number, number);
    dor_message_free(m);
}

static inline void check_no_reply(dor_ref ref, int reason)
{
    dor_message *m = receive_any(DOR_MSG_NO_REPLY);
    dor_no_reply told = no_reply_in(m);
    cr_assert_eq(told.ref, ref);
    cr_assert_eq(told.reason, reason, "reason %d", told.reason);
    dor_message_free(m);
}

static inline int is_note(const dor_message *m, void *arg)
{
    (void)arg;
    return m->type == NOTE;
}

/* The server's note of a request that it keeps, whatever has come before it. */
static inline dor_ref receive_note(void)
{
    dor_message *m = NULL;
    cr_assert_eq(dor_receive_match(&m, is_note, NULL, 30000), DOR_OK);
    dor_ref ref = number_in(m);
    dor_message_free(m);
    return ref;
}

static inline void check_nothing(void)
{
    dor_message *m;
    cr_assert_eq(dor_receive(&m, 5), DOR_E_TIMEOUT);
}

/* ---- a server ---- */

/* Answers with the number plus one; a number of 0 is kept for later (the reference goes to `tell`). */
typedef struct server {
    dor_pid tell;
} server;

static inline void serve(void *state, dor_message *message)
{
    server *s = state;
    question *q = dor_message_payload(message);
    if (message->type == ASK && q->number > 0) {
        (void)dor_reply(q->ref, question_message(ANSWER, q->number + 1));
    } else if (message->type == ASK) {
        send_number(s->tell, NOTE, q->ref);
    }
    dor_message_free(message);
}

static inline dor_ref ask(dor_pid to, uint64_t number, uint32_t timeout_ms)
{
    dor_ref ref = 0;
    cr_assert_eq(dor_request(to, question_message(ASK, number), timeout_ms, &ref), DOR_OK);
    cr_assert_neq(ref, 0);
    return ref;
}

/* ---- an actor that asks ---- */

/* Asks whom it is told to, and passes on what comes of it. */
typedef struct asker {
    dor_pid tell;
} asker;

static inline void asking(void *state, dor_message *message)
{
    asker *a = state;
    if (message->type != GO) {
        dor_send(a->tell, message);
        return;
    }
    question *q = question_in(message);
    dor_ref ref;
    dor_message *m;
    cr_assert_eq(dor_call(q->to, question_message(ASK, 1), 10, &m), DOR_E_WOULD_DEADLOCK);
    cr_assert_eq(dor_request(q->to, question_message(ASK, q->number), (uint32_t)q->ref, &ref), DOR_OK);
    send_number(a->tell, GO, ref);
    dor_message_free(message);
}

#endif
