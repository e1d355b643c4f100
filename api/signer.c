/* signer.c - dormouse/signer.h: checks arguments and forwards. Any thread. */
#include "options_table.h"

#include "ssl/question.h"

dor_question *dor_question_ref(dor_question *question)
{
    return question ? dor__question_ref(question) : NULL;
}

void dor_question_unref(dor_question *question)
{
    if (question) dor__question_unref(question);
}

int dor_question_waits(const dor_question *question)
{
    return question && dor__question_waits(question);
}

int dor_question_sign(dor_question *question, const void *signature, size_t len)
{
    if (!question) return DOR_E_BADARG;
    if (!signature && len > 0) {
        dor__question_unref(question);
        return DOR_E_BADARG;
    }
    return dor__question_answer(question, DOR_QUESTION_SIGN, dor__span(signature, len));
}

int dor_question_refuse(dor_question *question, int reason)
{
    if (!question) return DOR_E_BADARG;
    return dor__question_refuse(question, reason < 0 ? reason : DOR_E_CANCELLED);
}

int dor_options_set_signer(dor_options *options, dor_sign_fn fn, void *arg)
{
    if (!options) return DOR_E_BADARG;
    if (!fn) return dor_options_unset(options, "signer");
    return dor__options_set_function(options, "signer", (void (*)(void))fn, NULL, arg);
}
