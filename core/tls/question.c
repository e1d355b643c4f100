/*
 * question.c - questions put to the outside, and their answers.
 *
 * How the machine stops and goes on is in handshake.c; here is what is asked and what an answer may be.
 */
#include "tls/question.h"

#include "tls/internal.h"
#include "tls/message/messages.h"
#include "tls/psk_13.h"

/* ---- asking ------------------------------------------------------------------------------------------------ */

void dor__tls_ask(dor_tls *t, dor_tls_question_kind kind)
{
    if (!(t->hs->answers >> kind & 1)) t->hs->question = (uint8_t)kind;
}

static dor_result ask_hello(dor_tls *t, dor_bytes *w)
{
    (void)w;
    if (t->config->ask_hello) dor__tls_ask(t, DOR_TLS_QUESTION_HELLO);
    return DOR_SUCCESS;
}

const dor_action dor__step_ask_hello = {
    .name = "ask about the server's hello",
    .kind = DOR_ACTION_STEP,
    .writer = DOR_BY_CLIENT,
    .send = ask_hello,
};

/* Content that lives on the caller's stack is copied; the transcript's own bytes stay where they are meanwhile. */
static dor_result keep_content(dor_handshake *hs, dor_span content)
{
    if (content.ptr != hs->transcript.raw.ptr) return dor__arena_copy(&hs->arena, content, &hs->to_sign);
    hs->to_sign = content;
    return DOR_SUCCESS;
}

dor_result dor__handshake_sign(dor_tls *t, dor_span content, uint8_t sig[DOR_SIG_MAX_LEN], size_t *sig_len)
{
    dor_handshake *hs = t->hs;
    if (!dor__private_key_is_elsewhere(hs->identity->key) && !t->config->ask_signature)
        return dor__sign(hs->identity->key, hs->scheme, content, t->env->rng, sig, DOR_SIG_MAX_LEN, sig_len);
    *sig_len = hs->signature.len;
    if (hs->signature.len) {
        memcpy(sig, hs->signature.ptr, hs->signature.len);
        return DOR_SUCCESS;
    }
    DOR_TRY(keep_content(hs, content));
    dor__tls_ask(t, DOR_TLS_QUESTION_SIGN);
    return DOR_SUCCESS;
}

dor_result dor__session_ask(dor_tls *t, uint16_t version, dor_span id, dor_session **session)
{
    dor_handshake *hs = t->hs;
    *session = NULL;
    if (id.len != DOR_SESSION_MAX_ID) return DOR_SUCCESS; /* none of ours */
    unsigned turn = hs->lookups++;
    if (turn + 1 == hs->asked) {
        *session = hs->outside;
        hs->outside = NULL;
    }
    if (turn < hs->asked || turn >= DOR_SESSION_QUESTIONS_MAX) return DOR_SUCCESS;
    DOR_TRY(dor__arena_copy(&hs->arena, id, &hs->asked_id));
    hs->asked_version = version;
    hs->answers &= (uint8_t) ~(1u << DOR_TLS_QUESTION_SESSION); /* the next one is another question */
    dor__tls_ask(t, DOR_TLS_QUESTION_SESSION);
    return DOR_SUCCESS;
}

/* ---- looking ----------------------------------------------------------------------------------------------- */

/* It lies in front of what was put aside; its header was judged and its form looked at when it came. */
static void client_hello_tell(const dor_tls *t, dor_tls_hello *hello)
{
    dor_reader r = rd_from(dor__bytes_span(&t->message));
    uint8_t type;
    dor_span body;
    if (dor__failed(rd_u8(&r, &type)) || dor__failed(rd_vec24(&r, &body, 0, 0xffffff)) ||
        dor__failed(dor__client_hello_look(body, hello)))
        *hello = (dor_tls_hello){0};
}

void dor__tls_get_question(const dor_tls *t, dor_tls_question *question)
{
    *question = (dor_tls_question){.kind = DOR_TLS_QUESTION_NONE};
    if (!dor__asking(t)) return;
    question->kind = (dor_tls_question_kind)t->hs->question;
    if (question->kind == DOR_TLS_QUESTION_SIGN) {
        question->identity = t->hs->identity;
        question->scheme = t->hs->scheme;
        question->content = t->hs->to_sign;
        question->hello.server_name = dor__server_name_get(t);
    } else if (question->kind == DOR_TLS_QUESTION_PSK) {
        question->psk_identity = t->hs->asked_identity;
    } else if (question->kind == DOR_TLS_QUESTION_SESSION) {
        question->session_id = t->hs->asked_id;
        question->session_version = t->hs->asked_version;
    } else if (dor__is_client(t)) {
        question->hello.version = t->version;
        question->hello.suite = t->suite;
        question->hello.server_name = dor__server_name_get(t);
        question->hello.alpn = t->alpn_len ? dor__span(t->names, t->alpn_len) : DOR_SPAN_EMPTY;
    } else {
        client_hello_tell(t, &question->hello);
    }
}

/* ---- answers ----------------------------------------------------------------------------------------------- */

static dor_result expect(const dor_tls *t, dor_tls_question_kind kind)
{
    if (dor__failed(t->error)) return t->error;
    return t->hs && t->hs->question == kind ? DOR_SUCCESS : dor__error(DOR_E_EINVAL);
}

static void answered(dor_handshake *hs)
{
    hs->answers |= (uint8_t)(1u << hs->question);
    hs->question = DOR_TLS_QUESTION_NONE;
    hs->resume = true;
}

static bool same_numbers(const uint16_t *a, size_t a_count, const uint16_t *b, size_t b_count)
{
    return a_count == b_count && memcmp(a, b, a_count * sizeof *a) == 0;
}

/* What a ClientHello has said cannot be taken back; and later checks ask the config what was offered. */
static bool same_offer(const dor_tls_config *a, const dor_tls_config *b)
{
    return a->min_version == b->min_version && a->max_version == b->max_version &&
           a->middlebox_compat == b->middlebox_compat && a->send_server_name == b->send_server_name &&
           same_numbers(a->suites, a->suite_count, b->suites, b->suite_count) &&
           same_numbers(a->groups, a->group_count, b->groups, b->group_count) &&
           same_numbers(a->schemes, a->scheme_count, b->schemes, b->scheme_count) &&
           dor__span_equal(dor__bytes_span(&a->alpn), dor__bytes_span(&b->alpn)) &&
           dor__span_equal(dor__bytes_span(&a->authorities), dor__bytes_span(&b->authorities)) &&
           a->psks == b->psks && a->psk_modes == b->psk_modes && a->psk_fallback == b->psk_fallback &&
           a->early_data == b->early_data;
}

/* The limits hold for what is to come; what is there already stays. */
static void config_take(dor_tls *t, dor_tls_config *config)
{
    dor_transcript *transcript = &t->hs->transcript;
    dor__tls_config_ref(config);
    dor__tls_config_unref(t->config);
    t->config = config;
    t->hs->arena.limit = config->max_handshake_memory;
    transcript->raw_limit = config->max_handshake_memory;
    if (transcript->raw_limit < transcript->raw.len) transcript->raw_limit = transcript->raw.len;
}

/* Whom the server has taken us for by the session, and whom we would show ourselves as now. */
static bool same_identities(const dor_tls_config *a, const dor_tls_config *b)
{
    bool same = a->identity_count == b->identity_count;
    for (size_t i = 0; same && i < a->identity_count; i++)
        same = dor__span_equal(a->identities[i].chain[0]->der, b->identities[i].chain[0]->der);
    return same;
}

/*
 * A client that verified by one config's rules, and had them changed: what a session vouched for is looked at again. How
 * long the server's path was, and which certificate of ours it saw, is in no session; so there the rules may not get
 * stricter, or other, at all.
 */
static dor_result session_check(dor_tls *t, const dor_tls_config *before)
{
    dor_handshake *hs = t->hs;
    const dor_tls_config *now = t->config;
    if (!dor__is_client(t) || !(hs->properties & DOR_PROPERTY_RESUMED) || hs->psk) return DOR_SUCCESS;
    bool deep_enough = !now->verify_peer || now->depth >= before->depth;
    if (deep_enough && same_identities(before, now) && dor__session_peer_suits(t, hs->session))
        return DOR_SUCCESS;
    return dor__tls_fail(t, dor__alert(DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_SESSION_MISMATCH));
}

dor_result dor__tls_answer_hello(dor_tls *t, dor_tls_config *config)
{
    DOR_TRY(expect(t, DOR_TLS_QUESTION_HELLO));
    if (config && config != t->config) {
        if (dor__is_client(t) && !same_offer(t->config, config)) return dor__error(DOR_E_OPTION_CONFLICT);
        dor_tls_config *before = dor__tls_config_ref(t->config);
        config_take(t, config);
        dor_result r = session_check(t, before);
        dor__tls_config_unref(before);
        DOR_TRY(r);
    }
    answered(t->hs);
    return DOR_SUCCESS;
}

static dor_result signature_check(const dor_handshake *hs, dor_span signature)
{
    const dor_private_key *key = hs->identity->key;
    if (!dor__private_key_is_elsewhere(key)) return DOR_SUCCESS;
    dor_result r = dor__verify(dor__private_key_public(key), hs->scheme, hs->to_sign, signature);
    return dor_error_get_class(r.code) == DOR_CLASS_ALERT_SENT
               ? dor__alert(DOR_ALERT_INTERNAL_ERROR, DOR_REASON_SIGNER_WRONG)
               : r;
}

dor_result dor__tls_answer_signature(dor_tls *t, dor_span signature)
{
    DOR_TRY(expect(t, DOR_TLS_QUESTION_SIGN));
    if (signature.len == 0 || signature.len > DOR_SIG_MAX_LEN ||
        signature.len > dor__private_key_max_sig_len(t->hs->identity->key))
        return dor__error(DOR_E_BADARG);
    dor_result r = signature_check(t->hs, signature);
    if (dor__ok(r)) r = dor__arena_copy(&t->hs->arena, signature, &t->hs->signature);
    if (dor__failed(r)) return dor__tls_fail(t, r);
    answered(t->hs);
    return DOR_SUCCESS;
}

/* Who keeps sessions for us may have lost or mixed them up; what it gives is one only if it is the one. */
static bool is_asked(const dor_handshake *hs, const dor_session *session)
{
    return session->version == hs->asked_version &&
           dor__span_equal(dor__span(session->id, session->id_len), hs->asked_id);
}

dor_result dor__tls_answer_session(dor_tls *t, dor_span serialised)
{
    dor_session *session = NULL;
    DOR_TRY(expect(t, DOR_TLS_QUESTION_SESSION));
    if (serialised.len > 0) {
        dor_result r = dor__session_parse(serialised, &session);
        if (dor_error_get_class(r.code) == DOR_CLASS_MEMORY) return dor__tls_fail(t, r);
    }
    if (session && !is_asked(t->hs, session)) {
        dor__session_unref(session);
        session = NULL;
    }
    dor__session_unref(t->hs->outside);
    t->hs->outside = session;
    t->hs->asked++;
    answered(t->hs);
    return DOR_SUCCESS;
}

dor_result dor__tls_answer_psk(dor_tls *t, dor_span key, dor_hash_id hash)
{
    DOR_TRY(expect(t, DOR_TLS_QUESTION_PSK));
    if (key.len > 0 && (key.len < DOR_PSK_MIN_KEY_LEN || key.len > DOR_PSK_MAX_KEY_LEN ||
                        (hash != DOR_HASH_SHA256 && hash != DOR_HASH_SHA384)))
        return dor__error(DOR_E_BADARG);
    dor_result r = dor__external_psk_answer(t, key, hash);
    if (dor__failed(r)) return dor__tls_fail(t, r);
    answered(t->hs);
    return DOR_SUCCESS;
}

dor_result dor__tls_refuse(dor_tls *t, dor_result why)
{
    if (dor__failed(t->error)) return t->error;
    if (!dor__asking(t) || dor__ok(why)) return dor__error(DOR_E_EINVAL);
    return dor__tls_fail(t, why);
}
