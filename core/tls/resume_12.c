/*
 * resume_12.c - sessions by id (RFC 5246 section 7.3 and appendix F.1.4) and by ticket (RFC 5077): which may be resumed,
 * which are kept.
 *
 * Extended master secret (RFC 7627 sections 5.3 and 5.4): a session is resumed in the way it was made or not at all; one
 * without the extension only where config->resume_without_ems says so.
 *
 * A server keeps its session for as long as the connection lives, because a fatal alert makes it forget the session
 * (RFC 5246 section 7.2.2). A handshake that fails forgets nothing: otherwise everybody who saw an id on the wire could have
 * the session thrown out.
 */
#include "tls/again.h"
#include "tls/extension/extensions.h"
#include "tls/psk_13.h"
#include "tls/tls12.h"

static bool same_name(const dor_session *session, dor_span name)
{
    return dor__span_equal(dor__bytes_span(&session->server_name), name);
}

static bool whole_12(const dor_session *session)
{
    return session->version == DOR_TLS_1_2 && session->secret_len == DOR_MASTER_SECRET_LEN;
}

bool dor__session_keepable_12(const dor_tls *t)
{
    return t->config->resumption && (t->hs->v12.extended_master_secret || t->config->resume_without_ems);
}

/* ---- client -------------------------------------------------------------------------------------------------- */

bool dor__session_offerable_12(const dor_tls *t, const dor_session *session)
{
    const dor_tls_config *config = t->config;
    return config->resumption && dor__config_has_version(config, DOR_TLS_1_2) && whole_12(session) &&
           (session->ticket.len > 0 ? !config->tickets_disabled : session->id_len > 0) &&
           (session->extended_master_secret || config->resume_without_ems) &&
           dor__session_fresh(session, dor__now_ms(t)) &&
           dor__config_suite(config, session->suite, DOR_TLS_1_2) && same_name(session, t->hs->host) &&
           dor__session_peer_suits(t, session);
}

/* ---- server -------------------------------------------------------------------------------------------------- */

static bool suite_offered(dor_span suites, uint16_t id)
{
    dor_reader r = rd_from(suites);
    uint16_t offered;
    while (rd_left(&r) > 0 && dor__ok(rd_u16(&r, &offered)))
        if (offered == id) return true;
    return false;
}

static dor_result judge(dor_tls *t, const dor_session *session, dor_span id, bool *usable)
{
    bool extended = t->hs->v12.extended_master_secret;

    *usable = whole_12(session) && dor__session_fresh(session, dor__now_ms(t)) &&
              dor__config_suite(t->config, session->suite, DOR_TLS_1_2) &&
              suite_offered(t->hs->peer_suites, session->suite) &&
              same_name(session, dor__server_name_get(t)) && /* RFC 6066 section 3 */
              dor__session_peer_suits(t, session);
    if (!*usable) return DOR_SUCCESS;
    if (session->extended_master_secret && !extended)
        return dor__alert(DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_EXTENDED_MASTER_SECRET);
    *usable = (extended ? session->extended_master_secret : t->config->resume_without_ems) &&
              dor__session_best_12(t, session) && dor__session_policy_agrees(t, session, id);
    return DOR_SUCCESS;
}

/*
 * Tickets whose session stays here are TLS 1.3's alone; TLS 1.2 has ids for that. Sealed ones are for those who ask: whoever
 * gets the key reads what was recorded of every connection that had one.
 */
static bool tickets_12(const dor_tls_config *config)
{
    return config->resumption && config->tickets_12 && config->ticket_kind == DOR_TICKETS_STATELESS &&
           dor__tickets_possible(config);
}

/* RFC 5077 section 3.4: a client that shows a ticket does not mean its id. */
static dor_result find(dor_tls *t, dor_session **session)
{
    const dor_tls_config *config = t->config;
    const dor_handshake *hs = t->hs;
    if (hs->v12.peer_ticket.len > 0 && tickets_12(config))
        return dor__ticket_session(t, hs->v12.peer_ticket, session);
    if (config->resumption && config->ask_session)
        return dor__session_ask(t, DOR_TLS_1_2, dor__span(hs->session_id, hs->session_id_len), session);
    if (config->resumption && config->store && config->store->lookup && hs->session_id_len > 0)
        *session = config->store->lookup(config->store_ctx, dor__now_ms(t),
                                         dor__span(hs->session_id, hs->session_id_len));
    return DOR_SUCCESS;
}

dor_result dor__session_find_12(dor_tls *t, dor_session **session)
{
    const dor_handshake *hs = t->hs;
    dor_session *found = NULL;
    bool usable;

    *session = NULL;
    if (dor__renegotiating(t)) return DOR_SUCCESS; /* it is there for something new */
    DOR_TRY(find(t, &found));
    if (!found) return DOR_SUCCESS;
    dor_span id = hs->v12.peer_ticket.len > 0 && found->id_len == 0 ? hs->v12.peer_ticket
                                                                    : dor__span(found->id, found->id_len);
    dor_result result = judge(t, found, id, &usable);
    if (dor__ok(result) && usable)
        *session = found;
    else
        dor__session_unref(found);
    return result;
}

bool dor__ticket_due_12(const dor_tls *t)
{
    return t->hs->ext_received & dor__ext_bit(DOR_EXT_SESSION_TICKET) && tickets_12(t->config) &&
           dor__session_keepable_12(t);
}

dor_result dor__session_id_make_12(dor_tls *t)
{
    dor_handshake_12 *v12 = &t->hs->v12;
    v12->session_id_len = 0;
    if (dor__ticket_due_12(t) || !dor__session_keepable_12(t) || !t->config->store ||
        !t->config->store->store)
        return DOR_SUCCESS;
    DOR_TRY(dor__rng_fill(t->env->rng, v12->session_id, DOR_SESSION_ID_MAX));
    v12->session_id_len = DOR_SESSION_ID_MAX;
    return DOR_SUCCESS;
}

/* ---- both ---------------------------------------------------------------------------------------------------- */

static dor_result fill(const dor_tls *t, dor_session *s)
{
    const dor_handshake_12 *v12 = &t->hs->v12;
    s->version = DOR_TLS_1_2;
    s->suite = t->suite->id;
    memcpy(s->secret, v12->master_secret, DOR_MASTER_SECRET_LEN);
    s->secret_len = DOR_MASTER_SECRET_LEN;
    memcpy(s->id, v12->session_id, v12->session_id_len);
    s->id_len = v12->session_id_len;
    s->extended_master_secret = v12->extended_master_secret;
    s->lifetime_s = t->config->session_lifetime_s;
    s->created_ms = dor__now_ms(t);
    DOR_TRY(dor__session_note_peer(t, s));
    DOR_TRY(dor__bytes_append(&s->server_name, dor__is_client(t) ? t->hs->host : dor__server_name_get(t)));
    return dor__bytes_append(&s->alpn, dor__alpn_get(t));
}

/* RFC 5077 section 3.3; DOR_E_TOO_BIG for a client's large certificate, which goes without a ticket then. */
static dor_result seal(dor_tls *t, dor_session *session, dor_bytes *ticket)
{
    dor_bytes plain = DOR_BYTES_EMPTY;
    dor_result result = fill(t, session);
    session->id_len = 0;
    if (t->config->ticket_omits_cert) dor__session_omit_peer(session);
    if (dor__ok(result)) result = dor__session_serialise(session, &plain);
    if (dor__ok(result))
        result = t->config->store->ticket_seal(t->config->store_ctx, dor__now_ms(t), t->env->rng,
                                               dor__bytes_span(&plain), ticket);
    dor__bytes_free(&plain);
    return result.code == DOR_E_TOO_BIG ? DOR_SUCCESS : result;
}

dor_result dor__ticket_make_12(dor_tls *t, uint32_t *lifetime_s, dor_bytes *ticket)
{
    dor_session *session;
    DOR_TRY(dor__session_new(&session));
    dor_result result = seal(t, session, ticket);
    *lifetime_s = session->lifetime_s;
    dor__session_unref(session);
    return result;
}

/* Client: the session is the one that the server's ticket stands for; made anew also by a resumed handshake. */
static dor_result fill_ticket(const dor_tls *t, dor_session *session)
{
    const dor_handshake_12 *v12 = &t->hs->v12;
    session->id_len = 0;
    if (v12->ticket_lifetime_s > 0) session->lifetime_s = v12->ticket_lifetime_s;
    return dor__bytes_append(&session->ticket, v12->new_ticket);
}

/* Without memory there is no session, and the next handshake is a full one. */
static dor_session *make(const dor_tls *t)
{
    dor_session *session;
    if (dor__failed(dor__session_new(&session))) return NULL;
    dor_result result = fill(t, session);
    if (dor__ok(result) && t->hs->v12.new_ticket.len > 0) result = fill_ticket(t, session);
    if (dor__ok(result)) return session;
    dor__session_unref(session);
    return NULL;
}

dor_result dor__session_keep_12(dor_tls *t)
{
    dor__session_unref(t->session);
    t->session = NULL;
    bool ticket = t->hs->v12.new_ticket.len > 0;
    if (t->resumed && !ticket) {
        t->session = dor__session_ref(t->hs->session);
        return DOR_SUCCESS;
    }
    if ((t->hs->v12.session_id_len == 0 && !ticket) || !dor__session_keepable_12(t)) return DOR_SUCCESS;
    t->session = make(t);
    if (t->session && !dor__is_client(t)) t->config->store->store(t->config->store_ctx, t->session);
    return DOR_SUCCESS;
}

void dor__session_forget_12(dor_tls *t)
{
    const dor_tls_config *config = t->config;
    if (!t->session) return;
    if (!dor__is_client(t) && t->session->id_len > 0 && config->store && config->store->remove)
        config->store->remove(config->store_ctx, dor__span(t->session->id, t->session->id_len));
    dor__session_unref(t->session);
    t->session = NULL;
}
