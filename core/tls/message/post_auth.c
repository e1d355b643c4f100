/*
 * post_auth.c - post-handshake authentication of a client in TLS 1.3 (RFC 8446 sections 4.2.6 and 4.6.2).
 *
 *   server                                          client
 *   CertificateRequest, with a context of its own ->
 *                       (anything else, both ways)
 *                                               <-  Certificate [CertificateVerify] Finished, without anything between
 *
 * Each request has a transcript of its own: the handshake up to the client's Finished, then the request. So what a request
 * needs on the server is its context and that hash's state, and requests may be answered in any order. A dor_handshake exists
 * on the server from Certificate to Finished, on the client from the request to Finished, which is at once unless the key of
 * the certificate is elsewhere.
 *
 * The answer is judged by the handshake's own handlers and by the same options. A client that shows no certificate, where
 * none is required, leaves the connection's peer as it was.
 */
#include "tls/again.h"
#include "base/alloc.h"
#include "tls/internal.h"
#include "tls/message/messages.h"
#include "tls/schedule_13.h"

static dor_result unexpected(dor_reason reason)
{
    return dor__alert(DOR_ALERT_UNEXPECTED_MESSAGE, reason);
}

/* ---- Finished: under the client's application traffic secret of that moment (section 4.4.4) ---------------------------- */

static dor_result verify_data(const dor_tls *t, uint8_t mac[DOR_HASH_MAX_LEN], dor_span *data)
{
    uint8_t digest[DOR_HASH_MAX_LEN];
    dor_hash_id hash = (dor_hash_id)t->suite->hash;
    DOR_TRY(dor__transcript_digest(&t->hs->transcript, digest));
    *data = dor__span(mac, dor__hash_len(hash));
    return dor__finished_mac(hash, dor__is_client(t) ? t->write_secret : t->read_secret,
                             dor__span(digest, dor__hash_len(hash)), mac);
}

static dor_result finished_send(dor_tls *t, dor_bytes *w)
{
    uint8_t mac[DOR_HASH_MAX_LEN];
    dor_span data;
    DOR_TRY(verify_data(t, mac, &data));
    return wr_bytes(w, data);
}

static dor_result finished_receive(dor_tls *t, dor_span body)
{
    uint8_t mac[DOR_HASH_MAX_LEN];
    dor_span data;
    dor_result r = verify_data(t, mac, &data);
    if (dor__ok(r)) r = dor__prove_finished(t, data, body);
    dor__wipe(mac, sizeof mac);
    return r;
}

static const dor_action finished = {
    .name = "client's Finished, post-handshake",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_CLIENT,
    .type = DOR_HS_FINISHED,
    .min_len = 32,
    .max_len = DOR_SECRET_MAX_LEN,
    .send = finished_send,
    .receive = finished_receive,
};

/* ---- the script -------------------------------------------------------------------------------------------------------- */

/* A client has proved the server long ago. */
static dor_result end(dor_tls *t, dor_bytes *w)
{
    (void)w;
    if (dor__is_client(t)) {
        dor__again_keep_peer(t);
        return DOR_SUCCESS;
    }
    if (!t->hs->proof_peer || !t->hs->proof_finished) return dor__error(DOR_E_INTERNAL);
    if (t->hs->chain_count == 0) dor__again_keep_peer(t);
    dor__again_done(t, DOR_TLS_EVENT_PEER_AUTHENTICATED);
    return DOR_SUCCESS;
}

static const dor_action step_end = {
    .name = "authenticated", .kind = DOR_ACTION_STEP, .writer = DOR_BY_BOTH, .send = end};

static const dor_script_line lines[] = {
    {&dor__msg_certificate_request, 0, 0},
    {&dor__msg_client_certificate, 0, 0},
    {&dor__msg_client_certificate_verify, DOR_PROPERTY_CLIENT_CERT, 0},
    {&finished, 0, 0},
    {&step_end, 0, 0},
    {NULL, 0, 0},
};

static const dor_property_rule rules[] = {{0, 0, 0}};

static const dor_script script = {.lines = lines, .rules = rules, .properties = DOR_PROPERTY_CLIENT_CERT};

static dor_result begin(dor_tls *t, const dor_hash *transcript, dor_span context)
{
    DOR_TRY(dor__again_begin(t, &script));
    dor_handshake *hs = t->hs;
    DOR_TRY(dor__hash_copy(&hs->transcript.hash, transcript));
    hs->waiting = true;
    return dor__arena_copy(&hs->arena, context, &hs->request_context);
}

/* ---- server ------------------------------------------------------------------------------------------------------------ */

dor_result dor__post_auth_may_ask(const dor_tls *t)
{
    if (dor__is_client(t) || t->version != DOR_TLS_1_3 || !t->config->post_auth || !t->config->verify_peer)
        return dor__error(DOR_E_EINVAL);
    if (t->hs) return dor__error(DOR_E_EALREADY); /* in the middle of an answer */
    if (!t->again || !t->again->post_auth) return dor__error(DOR_E_NO_POST_AUTH);
    return t->again->request_count < DOR_REQUESTS_MAX ? DOR_SUCCESS : dor__error(DOR_E_LIMIT);
}

/* The message as the handshake's own handler writes it, into a dor_handshake that is made for it. */
static dor_result request_write(dor_tls *t, dor_tls_request *request)
{
    dor_tls_again *again = t->again;
    DOR_TRY(begin(t, &again->transcript, dor__span(request->context, sizeof request->context)));
    dor_bytes *flight = &t->hs->flight;
    size_t mark;
    DOR_TRY(wr_u8(flight, DOR_HS_CERTIFICATE_REQUEST));
    DOR_TRY(wr_begin(flight, 3, &mark));
    DOR_TRY(dor__msg_certificate_request.send(t, flight));
    DOR_TRY(wr_end(flight, 3, mark));
    DOR_TRY(dor__hash_copy(&request->transcript, &again->transcript));
    DOR_TRY(dor__hash_update(&request->transcript, dor__bytes_span(flight)));
    return dor__flight_flush(t);
}

static void request_free(dor_tls_request *request)
{
    if (request->transcript.id != DOR_HASH_NONE) dor__hash_fini(&request->transcript);
    dor__free(request);
}

dor_result dor__post_auth_request(dor_tls *t)
{
    dor_tls_request *request = dor__calloc(1, sizeof *request);
    if (!request) return dor__error(DOR_E_NOMEM);
    dor_result r = dor__rng_fill(t->env->rng, request->context, sizeof request->context);
    if (dor__ok(r)) r = request_write(t, request);
    if (dor__failed(r)) {
        request_free(request);
        return r;
    }
    dor__again_abandon(t);
    request->next = t->again->requests;
    t->again->requests = request;
    t->again->request_count++;
    return DOR_SUCCESS;
}

static dor_tls_request *request_take(dor_tls_again *again, dor_span context)
{
    for (dor_tls_request **at = &again->requests; *at; at = &(*at)->next) {
        dor_tls_request *request = *at;
        if (!dor__span_equal(dor__span(request->context, sizeof request->context), context)) continue;
        *at = request->next;
        again->request_count--;
        return request;
    }
    return NULL;
}

/* The machine goes on with the same message, as the script's. */
static dor_result certificate_receive(dor_tls *t, dor_span body)
{
    dor_reader r = rd_from(body);
    dor_span context;
    if (!t->again || !t->again->requests) return unexpected(DOR_REASON_UNEXPECTED_MESSAGE);
    DOR_TRY(rd_vec8(&r, &context, 0, 255));
    dor_tls_request *request = request_take(t->again, context);
    if (!request) return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_REQUEST_CONTEXT);
    dor_result result = begin(t, &request->transcript, context);
    request_free(request);
    DOR_TRY(result);
    t->hs->position = 1; /* behind the request */
    return DOR_SUCCESS;
}

const dor_action dor__msg_post_certificate = {
    .name = "client's Certificate, post-handshake",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_CLIENT,
    .type = DOR_HS_CERTIFICATE,
    .min_len = 1 + 3,
    .receive = certificate_receive,
};

/* ---- client ------------------------------------------------------------------------------------------------------------ */

static dor_result request_receive(dor_tls *t, dor_span body)
{
    dor_reader r = rd_from(body);
    dor_span context;
    dor_tls_again *again = t->again;
    if (!again || !again->post_auth) return unexpected(DOR_REASON_UNEXPECTED_MESSAGE);
    if (again->request_count >= DOR_REQUESTS_IN_A_ROW_MAX) return unexpected(DOR_REASON_CERTIFICATE_REQUESTS);
    DOR_TRY(rd_vec8(&r, &context, 0, 255));
    if (context.len == 0) /* the handshake's own: section 4.3.2 has it unique */
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_REQUEST_CONTEXT);
    again->request_count++;
    if (t->write_closed) return DOR_SUCCESS; /* nothing follows our close_notify */
    return begin(t, &again->transcript, context);
}

const dor_action dor__msg_post_certificate_request = {
    .name = "CertificateRequest, post-handshake",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_SERVER,
    .type = DOR_HS_CERTIFICATE_REQUEST,
    .min_len = 1 + 2,
    .max_len = 1 + 255 + 2 + 65535,
    .receive = request_receive,
};
