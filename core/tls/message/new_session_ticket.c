/* new_session_ticket.c - NewSessionTicket in TLS 1.3's form (RFC 8446 section 4.6.1). */
#include "tls/extension/extensions.h"
#include "tls/message/messages.h"
#include "tls/schedule_13.h"

enum {
    MAX_LIFETIME_S = 7 * 24 * 3600, /* section 4.6.1: a week at most */
    MAX_TICKETS_SEEN = 32           /* of one server; the rest is passed over */
};

/* ---- server ----------------------------------------------------------------------------------------------- */

static uint32_t lifetime_of(const dor_tls *t)
{
    return t->config->session_lifetime_s < MAX_LIFETIME_S ? t->config->session_lifetime_s : MAX_LIFETIME_S;
}

static dor_result session_fill(dor_tls *t, dor_span nonce, dor_session *s)
{
    uint8_t age_add[4];
    s->version = t->version;
    s->suite = t->suite->id;
    s->secret_len = (uint8_t)dor__hash_len((dor_hash_id)t->suite->hash);
    s->extended_master_secret = true;
    s->lifetime_s = lifetime_of(t);
    s->created_ms = dor__now_ms(t);
    if (dor__early_possible(t->config)) s->max_early_data = t->config->max_early_data;
    DOR_TRY(dor__session_note_peer(t, s));
    if (t->config->ticket_omits_cert) dor__session_omit_peer(s);
    if ((t->hs->properties & DOR_PROPERTY_RESUMED) && t->hs->session &&
        t->hs->session->peer_omitted) { /* we have it no more than that session had */
        s->peer_omitted = true;
        s->peer_from = t->hs->session->peer_from;
        s->peer_until = t->hs->session->peer_until;
    }
    DOR_TRY(dor__rng_fill(t->env->rng, age_add, sizeof age_add));
    s->age_add =
        (uint32_t)age_add[0] << 24 | (uint32_t)age_add[1] << 16 | (uint32_t)age_add[2] << 8 | age_add[3];
    DOR_TRY(dor__ticket_psk(t, nonce, s->secret));
    DOR_TRY(dor__bytes_append(&s->server_name, dor__server_name_get(t)));
    return dor__bytes_append(&s->alpn, dor__alpn_get(t));
}

static dor_result ticket_write(dor_tls *t, const dor_session *s, dor_span nonce, dor_span ticket,
                               dor_bytes *body)
{
    DOR_TRY(wr_u32(body, s->lifetime_s));
    DOR_TRY(wr_u32(body, s->age_add));
    DOR_TRY(wr_vec(body, 1, nonce));
    DOR_TRY(wr_vec(body, 2, ticket));
    return dor__extensions_send(t, DOR_CTX_NEW_SESSION_TICKET, body);
}

/* The session itself, under the server's key. */
static dor_result ticket_seal(dor_tls *t, const dor_session *session, dor_bytes *ticket)
{
    const dor_tls_config *config = t->config;
    dor_bytes plain = DOR_BYTES_EMPTY;
    dor_result r = dor__session_serialise(session, &plain);
    if (dor__ok(r))
        r = config->store->ticket_seal(config->store_ctx, dor__now_ms(t), t->env->rng,
                                       dor__bytes_span(&plain), ticket);
    dor__bytes_free(&plain);
    return r;
}

/* An id that nobody guesses; the session stays here. */
static dor_result ticket_register(dor_tls *t, dor_session *session, dor_bytes *ticket)
{
    DOR_TRY(dor__rng_fill(t->env->rng, session->id, DOR_SESSION_MAX_ID));
    session->id_len = DOR_SESSION_MAX_ID;
    DOR_TRY(dor__bytes_append(ticket, dor__span(session->id, session->id_len)));
    t->config->store->store(t->config->store_ctx, session);
    return DOR_SUCCESS;
}

static dor_result ticket_send(dor_tls *t, uint8_t number)
{
    const dor_span nonce = dor__span(&number, 1); /* unique per connection is enough: section 4.6.1 */
    dor_session *session = NULL;
    dor_bytes ticket = DOR_BYTES_EMPTY, body = DOR_BYTES_EMPTY;
    dor_result r;
    DOR_TRY_GOTO(r, dor__session_new(&session));
    DOR_TRY_GOTO(r, session_fill(t, nonce, session));
    if (t->config->ticket_kind == DOR_TICKETS_STATEFUL)
        DOR_TRY_GOTO(r, ticket_register(t, session, &ticket));
    else
        DOR_TRY_GOTO(r, ticket_seal(t, session, &ticket));
    DOR_TRY_GOTO(r, ticket_write(t, session, nonce, dor__bytes_span(&ticket), &body));
    r = dor__message_write(t, DOR_HS_NEW_SESSION_TICKET, dor__bytes_span(&body));
done:
    dor__bytes_free(&ticket);
    dor__bytes_free(&body);
    dor__session_unref(session);
    return r.code == DOR_E_TOO_BIG ? DOR_SUCCESS : r; /* a client's large certificate: it goes without */
}

bool dor__tickets_possible(const dor_tls_config *config)
{
    const dor_tls_store_ops *store = config->store;
    if (config->tickets_disabled) return false;
    if (config->ticket_kind == DOR_TICKETS_STATEFUL)
        return store && store->store && (config->ask_session || store->take);
    return store && store->ticket_seal && store->ticket_open;
}

dor_result dor__tickets_send(dor_tls *t, dor_bytes *w)
{
    const dor_tls_config *config = t->config;
    bool wanted = config->resumption && dor__tickets_possible(config) &&
                  t->hs->peer_psk_modes & config->psk_modes &&
                  t->psk_identity_len == 0; /* a session says nothing of who that was */
    unsigned count = config->ticket_count;
    dor_result r = DOR_SUCCESS;
    (void)w;
    if (t->resumed && count > 1) /* the client has others left */
        count = 1;
    for (unsigned i = 0; wanted && dor__ok(r) && i < count; i++)
        r = ticket_send(t, (uint8_t)i);
    dor__wipe(t->resumption_secret, sizeof t->resumption_secret);
    return r;
}

/* ---- client ----------------------------------------------------------------------------------------------- */

typedef struct new_ticket {
    uint32_t lifetime_s, age_add, max_early_data;
    dor_span nonce, ticket;
} new_ticket;

static dor_result parse(dor_tls *t, dor_span body, new_ticket *n)
{
    dor_reader r = rd_from(body);
    dor_span block;
    dor_ext_block found;
    DOR_TRY(rd_u32(&r, &n->lifetime_s));
    DOR_TRY(rd_u32(&r, &n->age_add));
    DOR_TRY(rd_vec8(&r, &n->nonce, 0, 255));
    DOR_TRY(rd_vec16(&r, &n->ticket, 1, DOR_SESSION_MAX_TICKET));
    DOR_TRY(rd_vec16(&r, &block, 0, 65534));
    DOR_TRY(rd_end(&r));
    DOR_TRY(dor__extensions_split(block, DOR_CTX_NEW_SESSION_TICKET, &found));
    DOR_TRY(dor__extensions_receive(t, DOR_CTX_NEW_SESSION_TICKET, &found));
    uint32_t bit = dor__ext_bit(DOR_EXT_EARLY_DATA);
    n->max_early_data = 0;
    if (!(found.present & bit)) return DOR_SUCCESS;
    r = rd_from(found.data[__builtin_ctz(bit)]);
    return rd_u32(&r, &n->max_early_data);
}

static dor_result session_make(dor_tls *t, const new_ticket *n, dor_session *s)
{
    s->version = t->version;
    s->suite = t->suite->id;
    s->secret_len = (uint8_t)dor__hash_len((dor_hash_id)t->suite->hash);
    s->extended_master_secret = true;
    s->age_add = n->age_add;
    s->max_early_data = n->max_early_data;
    s->lifetime_s = n->lifetime_s < MAX_LIFETIME_S ? n->lifetime_s : MAX_LIFETIME_S;
    s->created_ms = dor__now_ms(t);
    DOR_TRY(dor__session_note_peer(t, s));
    DOR_TRY(dor__ticket_psk(t, n->nonce, s->secret));
    DOR_TRY(dor__bytes_append(&s->ticket, n->ticket));
    DOR_TRY(dor__bytes_append(&s->server_name, dor__server_name_get(t)));
    return dor__bytes_append(&s->alpn, dor__alpn_get(t));
}

static dor_result new_session_ticket_receive(dor_tls *t, dor_span body)
{
    new_ticket n;
    dor_session *session = NULL;
    DOR_TRY(parse(t, body, &n));
    /* A lifetime of zero: to be discarded at once. */
    if (!t->config->resumption || t->psk_identity_len || n.lifetime_s == 0 ||
        t->tickets_seen >= MAX_TICKETS_SEEN)
        return DOR_SUCCESS;
    t->tickets_seen++;
    DOR_TRY(dor__session_new(&session));
    dor_result r = session_make(t, &n, session);
    if (dor__failed(r)) {
        dor__session_unref(session);
        return r;
    }
    t->ticket = session;
    return DOR_SUCCESS;
}

const dor_action dor__msg_new_session_ticket = {
    .name = "NewSessionTicket",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_SERVER,
    .type = DOR_HS_NEW_SESSION_TICKET,
    .min_len = 4 + 4 + 1 + 2 + 1 + 2,
    .max_len = 4 + 4 + 1 + 255 + 2 + 65535 + 2 + 65534,
    .receive = new_session_ticket_receive,
};
