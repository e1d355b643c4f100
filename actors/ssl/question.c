/* question.c - see question.h. */
#include "ssl/question.h"

#include "base/alloc.h"
#include "crypto/sign.h"
#include "ssl/request.h"

#include <stdatomic.h>

enum { WAITING, ANSWERED, GONE };

struct dor_question {
    atomic_uint refs;  /* the asker, the users as one, the answer on its way */
    atomic_uint users; /* the program's */
    atomic_uint state;
    dor_pid asker;
    dor_question_kind kind;
    bool once;
    dor_message *answer; /* whoever moves the state away from WAITING has it */
};

static void let_go(dor_question *q)
{
    /* Release: our uses come before. Acquire: the last one frees after everybody's. */
    if (atomic_fetch_sub_explicit(&q->refs, 1, memory_order_acq_rel) == 1) dor__free(q);
}

static void destroy_answer(dor_message *message)
{
    dor_answer *answer = dor_message_payload(message);
    dor__bytes_free(&answer->data);
    if (answer->question) let_go(answer->question);
}

dor_result dor__question_new(dor_pid asker, dor_question_kind kind, size_t room, dor_question **question)
{
    dor_question *q = dor__calloc(1, sizeof *q);
    dor_message *message = dor__message_new(DOR_MSG_SSL_ANSWER, sizeof(dor_answer), destroy_answer);
    if (!q || !message ||
        dor__failed(dor__bytes_reserve(&((dor_answer *)dor_message_payload(message))->data, room))) {
        dor__free(q);
        if (message) dor__message_free(message);
        return dor__error(DOR_E_NOMEM);
    }
    atomic_init(&q->refs, 2);
    atomic_init(&q->users, 1);
    atomic_init(&q->state, WAITING);
    q->asker = asker;
    q->kind = kind;
    q->answer = message;
    *question = q;
    return DOR_SUCCESS;
}

/* True for the one who may do with q->answer what it likes. */
static bool settle(dor_question *q, unsigned as, unsigned *was)
{
    *was = WAITING;
    /* Acquire: the message was made before. Whoever reads another state touches nothing but counts, which need none. */
    return atomic_compare_exchange_strong_explicit(&q->state, was, as, memory_order_acquire,
                                                   memory_order_relaxed);
}

void dor__question_abandon(dor_question *q)
{
    unsigned was;
    if (!q) return;
    if (settle(q, GONE, &was)) dor__message_free(q->answer);
    let_go(q);
}

static int post(dor_question *q, int result, dor_span data)
{
    unsigned was;
    if (!settle(q, ANSWERED, &was)) return was == GONE ? DOR_E_CLOSED : DOR_E_EALREADY;
    dor_message *message = q->answer;
    dor_answer *answer = dor_message_payload(message);
    dor_result copied = dor__bytes_append(&answer->data, data);
    answer->result = dor__failed(copied) ? copied.code : result;
    atomic_fetch_add_explicit(&q->refs, 1, memory_order_relaxed); /* the caller's keeps it alive meanwhile */
    answer->question = q;
    int sent = dor__send(q->asker, message).code;
    if (dor__failed(copied)) return copied.code;
    return sent == DOR_OK ? DOR_OK : DOR_E_CLOSED;
}

static void user_gone(dor_question *q)
{
    /* Both orders as in let_go: what the users did is seen by the last of them. */
    if (atomic_fetch_sub_explicit(&q->users, 1, memory_order_acq_rel) > 1) return;
    (void)post(q, DOR_E_CANCELLED, DOR_SPAN_EMPTY); /* when there is an answer, this changes nothing */
    let_go(q);
}

int dor__question_answer(dor_question *q, dor_question_kind kind, dor_span data)
{
    if (kind == DOR_QUESTION_SIGN && data.len > DOR_SIG_MAX_LEN)
        data.len = DOR_SIG_MAX_LEN + 1; /* of no key; how much too long does not matter */
    int code = q->kind == kind ? post(q, DOR_OK, data) : DOR_E_EINVAL;
    user_gone(q);
    return code;
}

int dor__question_refuse(dor_question *q, int why)
{
    int code = post(q, why, DOR_SPAN_EMPTY);
    user_gone(q);
    return code;
}

dor_question *dor__question_ref(dor_question *q)
{
    /* Relaxed: the caller's own reference keeps it alive. */
    atomic_fetch_add_explicit(&q->users, 1, memory_order_relaxed);
    return q;
}

void dor__question_unref(dor_question *q)
{
    user_gone(q);
}

void dor__question_set_once(dor_question *q)
{
    q->once = true;
}

bool dor__question_once(const dor_question *q)
{
    return q->once;
}

bool dor__question_waits(const dor_question *q)
{
    /* Relaxed: a hint, which may be out of date as it is read. */
    return atomic_load_explicit(&q->state, memory_order_relaxed) == WAITING;
}
