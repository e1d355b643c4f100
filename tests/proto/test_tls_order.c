/*
 * The order of messages, whole: for every kind of handshake, both roles and each place in it, whatever else could stand there.
 *
 * The one who speaks is a puppet with the right keys (support/proto_puppet.h). What may come where is computed here from the
 * tables alone, by writing out every handshake that they allow; the machine never does that, so the two can disagree.
 */
#include "support/counting_alloc.h"
#include "support/proto_hostile.h"
#include "support/proto_puppet.h"

#include "tls/early_data_13.h"
#include "tls/replay_window.h"

/* ---- the kinds of handshake ------------------------------------------------------------------------------------ */

typedef enum kind {
    PLAIN = 0,
    MUTUAL = 1 << 0,  /* the client shows a certificate */
    RESUMED = 1 << 1, /* by a session of a handshake before */
    TICKET = 1 << 2,  /* TLS 1.2: sessions are tickets */
    RSA = 1 << 3,     /* TLS 1.2: static RSA */
    STATUS = 1 << 4,
    SECOND = 1 << 5, /* renegotiation, post-handshake authentication */
    RETRY = 1 << 6,
    EXTERNAL = 1 << 7, /* PSK */
    EARLY = 1 << 8,
    EMPTY = 1 << 9,    /* the client is asked, and has no certificate */
    NO_SHARE = 1 << 10 /* psk_ke */
} kind;

static uint16_t version;
static unsigned what;
static dor_session *ticket;
static uint64_t seed;

static void external_psk(dor_tls_config *config)
{
    static const uint8_t key[32] = {1, 2, 3, 4, 5};
    const dor_psk psk = {dor__span_str("sensor-7"), dor__span(key, sizeof key), DOR_HASH_SHA256};
    cr_assert(dor__ok(dor__psks_new(&config->psks)));
    cr_assert(dor__ok(dor__psks_add(config->psks, &psk)));
}

static void configure_13(void)
{
    proto_only(client, 0, 0x1301, 0);
    server->ticket_count = what & (RESUMED | EARLY) ? 1 : 0;
    if (what & RETRY) proto_only(server, 0, 0, DOR_GROUP_SECP256R1);
    if (what & EXTERNAL) external_psk(client), external_psk(server);
    if (what & NO_SHARE) client->psk_modes = server->psk_modes = DOR_PSK_KE;
    if (what & SECOND) client->post_auth = server->post_auth = true;
    client->early_data = what & EARLY;
    server->max_early_data = what & EARLY ? 10000 : 0;
}

static void configure_12(void)
{
    proto_only(client, 0, what & RSA ? 0x009c : 0xc02b, 0);
    server->tickets_12 = what & TICKET;
    if (what & RSA) proto_only(server, 0, 0x009c, 0);
    if (what & SECOND) client->renegotiation = server->client_renegotiation = true;
}

static void configure(uint16_t v, unsigned w)
{
    version = v;
    what = w;
    proto_store_init(&store);
    client = proto_client_config("root");
    server = w & RSA ? proto_server_config("tls-rsa-both", "rsa", &store)
                     : proto_server_config("tls-p256", "c", &store);
    proto_only(client, v, 0, 0);
    if (v == DOR_TLS_1_3)
        configure_13();
    else
        configure_12();
    if (w & MUTUAL) proto_add_identity(client, "tls-p256", "c");
    if (w & (MUTUAL | EMPTY)) {
        server->trust = pki_trust("root");
        server->verify_peer = true;
    }
    if (!(w & STATUS)) return;
    client->ask_status = true;
    cr_assert(dor__ok(dor__tls_config_staple(server, 0, dor__span_str("0 a status"), DOR_SPAN_EMPTY)));
}

static void unconfigure(void)
{
    puppet_end();
    proto_pair_fini(&pair);
    dor__session_unref(ticket);
    ticket = NULL;
    dor__replay_window_free(store.window);
    store.window = NULL;
    tear_down();
}

/* All that stands before the handshake in question, which then may begin. */
static void arrive(void)
{
    proto_pair_fini(&pair);
    dor__replay_window_free(store.window); /* both hold few */
    proto_store_fini(&store);
    proto_store_init(&store);
    if (what & EARLY) cr_assert(dor__ok(dor__replay_window_new(&store.window, proto_now_ms(), 64)));
    if (what & (RESUMED | EARLY)) {
        proto_pair_init(&pair, client, server, NULL, NULL, seed++);
        proto_pair_run(&pair);
        works();
        dor__session_unref(ticket);
        ticket = version == DOR_TLS_1_3 ? dor__session_ref(pair.client.session)
                                        : dor__tls_session(pair.client.tls);
        cr_assert_not_null(ticket);
        proto_pair_fini(&pair);
    }
    proto_pair_init(&pair, client, server, NULL, ticket, seed++);
    if (!(what & SECOND)) return;
    proto_pair_run(&pair);
    works();
    pair.client.plaintext.len = pair.server.plaintext.len = 0;
}

static void go(dor_tls_role role, puppet_speak_fn speak)
{
    puppet_begin(version, role, speak);
    if (!(what & SECOND)) {
        cr_assert(dor__ok(dor__tls_start(pair.server.tls)));
        cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    } else if (version == DOR_TLS_1_3) {
        cr_assert(dor__ok(dor__tls_request_certificate(pair.server.tls)));
    } else {
        cr_assert(dor__ok(dor__tls_renegotiate(pair.client.tls)));
    }
    proto_talk(&pair);
    puppet_end();
}

static bool arrived(void)
{
    if (!pair.client.connected || !pair.server.connected || dor__failed(pair.client.result) ||
        dor__failed(pair.server.result))
        return false;
    if (!(what & SECOND)) return true;
    return version == DOR_TLS_1_3 ? pair.server.authenticated_count == 1
                                  : pair.server.renegotiated_count && pair.client.renegotiated_count;
}

/* ---- what the tables say --------------------------------------------------------------------------------------- */

static puppet_script honest[2];
static unsigned properties; /* of the handshake in question */

/* Those of the messages that were seen; what the engine thinks is not asked. */
static unsigned properties_of(void)
{
    unsigned p = 0;
    if (what & RETRY) p |= DOR_PROPERTY_RETRY;
    if (what & (RESUMED | EARLY | EXTERNAL)) p |= DOR_PROPERTY_RESUMED;
    if (what & (MUTUAL | EMPTY)) p |= DOR_PROPERTY_CLIENT_AUTH;
    if (what & MUTUAL) p |= DOR_PROPERTY_CLIENT_CERT;
    if (what & TICKET && !(what & RESUMED))
        p |= DOR_PROPERTY_TICKET_12; /* one that was taken is not renewed */
    if (what & EARLY) p |= DOR_PROPERTY_EARLY_DATA;
    if (what & STATUS && version == DOR_TLS_1_2) p |= DOR_PROPERTY_STATUS_12;
    if (what & RSA) p |= DOR_PROPERTY_STATIC_RSA;
    return p;
}

/* Whether `from` can say a unit of this type as number `at`, in a handshake with these properties. */
static bool in_handshake(unsigned p, dor_tls_role from, size_t at, unsigned type)
{
    const dor_script *script = version == DOR_TLS_1_3 ? &dor__script_13 : &dor__script_12;
    const dor_script_line *line = script->lines;
    size_t n = 0;
    for (; (line = dor__script_line(script, p, (size_t)(line - script->lines)))->action; line++) {
        const dor_action *a = line->action;
        if (a->kind == DOR_ACTION_STEP || a->writer != from) continue;
        unsigned is = a->kind == DOR_ACTION_CCS ? (unsigned)PUPPET_CCS : a->type;
        if (n == at) return is == type;
        if (is != honest[from].units[n].type) return false;
        n++;
    }
    return false;
}

static bool may_come(dor_tls_role from, size_t at, unsigned type)
{
    const dor_script *script = version == DOR_TLS_1_3 ? &dor__script_13 : &dor__script_12;
    if (what & SECOND && version == DOR_TLS_1_3) { /* RFC 8446 section 4.6; its script is not asked */
        if (type == honest[from].units[at].type) return true;
        return at == 0 &&
               (type == DOR_HS_KEY_UPDATE || (from == DOR_TLS_SERVER && type == DOR_HS_NEW_SESSION_TICKET));
    }
    for (unsigned p = 0; p <= script->properties; p++) {
        unsigned differs = p ^ properties, open = 0;
        if (from == DOR_TLS_SERVER) /* the last is the client's own doing */
            open = script->by_arrival | (unsigned)DOR_PROPERTY_CLIENT_CERT;
        if (differs & ~open) continue;
        if (dor__script_allows(script, p) && in_handshake(p, from, at, type)) return true;
    }
    return false;
}

/* RFC 5246 section 7.4.1.1: passed over by a client that is in a handshake. */
static bool passed_over(dor_tls_role from, size_t at, unsigned type)
{
    if (type != DOR_HS_HELLO_REQUEST || from != DOR_TLS_SERVER) return false;
    return version == DOR_TLS_1_2 || (at == 0 && !(what & SECOND));
}

/* ---- what is done to it ---------------------------------------------------------------------------------------- */

typedef enum edit_kind {
    OMIT,  /* the next in its place; behind the last one, data */
    TWICE, /* in one record */
    SWAP,
    OTHER,    /* .type in its place */
    FRONT,    /* .insert in front of it */
    WITHIN,   /* .insert between two parts of it */
    STRADDLE, /* the next one's first byte in its record */
    CALLS     /* in front of it the application calls what it may not yet */
} edit_kind;

typedef enum insert {
    DATA,
    WARNING,
    FATAL,
    CLOSE,
    CCS,
    NO_CCS,
    NO_ALERT,
    NO_MESSAGE,
    NO_DATA,
    INSERTS
} insert;

static const char *const edit_names[] = {"omitted", "twice",  "swapped",    "other",
                                         "front",   "within", "straddling", "calls"};

static struct {
    edit_kind kind;
    size_t at;
    unsigned type;
    bool done, mute, split;
    bool legal; /* by its type it may be there */
} edit;

static dor_result utter_unit(const puppet_mouth *m, const puppet_unit *u)
{
    return puppet_utter(m, u->type == PUPPET_CCS ? DOR_CONTENT_CHANGE_CIPHER_SPEC : DOR_CONTENT_HANDSHAKE,
                        dor__bytes_span(&u->bytes));
}

static dor_result utter_insert(const puppet_mouth *m, insert which)
{
    static const uint8_t warning[] = {1, DOR_ALERT_USER_CANCELED}, fatal[] = {2, DOR_ALERT_HANDSHAKE_FAILURE},
                         close[] = {1, DOR_ALERT_CLOSE_NOTIFY}, one = 1;
    dor_protection null;
    puppet_mouth clear = *m;
    dor__protection_init_null(&null);
    clear.keys = &null;
    const puppet_mouth *ccs = version == DOR_TLS_1_3 ? &clear : m; /* it never has keys there */
    switch (which) {
    case DATA: return puppet_utter(m, DOR_CONTENT_APPLICATION_DATA, dor__span_str("too early"));
    case WARNING: return puppet_utter(m, DOR_CONTENT_ALERT, dor__span(warning, 2));
    case FATAL: return puppet_utter(m, DOR_CONTENT_ALERT, dor__span(fatal, 2));
    case CLOSE: return puppet_utter(m, DOR_CONTENT_ALERT, dor__span(close, 2));
    case CCS: return puppet_utter(ccs, DOR_CONTENT_CHANGE_CIPHER_SPEC, dor__span(&one, 1));
    case NO_CCS: return puppet_utter(ccs, DOR_CONTENT_CHANGE_CIPHER_SPEC, DOR_SPAN_EMPTY);
    case NO_ALERT: return puppet_utter(m, DOR_CONTENT_ALERT, DOR_SPAN_EMPTY);
    case NO_MESSAGE: return puppet_utter(m, DOR_CONTENT_HANDSHAKE, DOR_SPAN_EMPTY);
    default: return puppet_utter(m, DOR_CONTENT_APPLICATION_DATA, DOR_SPAN_EMPTY);
    }
}

static dor_result utter_two(const puppet_mouth *m, dor_span a, dor_span b)
{
    dor_bytes both = DOR_BYTES_EMPTY;
    cr_assert(dor__ok(dor__bytes_append(&both, a)) && dor__ok(dor__bytes_append(&both, b)));
    dor_result r = puppet_utter(m, DOR_CONTENT_HANDSHAKE, dor__bytes_span(&both));
    dor__bytes_free(&both);
    return r;
}

static const puppet_unit *unit_behind(size_t at)
{
    const puppet_script *s = &honest[puppet.role];
    return at + 1 < s->count ? &s->units[at + 1] : NULL;
}

/* A well-formed message of that type where this handshake has one. */
static dor_result utter_other(const puppet_mouth *m, unsigned type)
{
    const uint8_t empty[4] = {(uint8_t)type, 0, 0, 0};
    for (int role = 0; role < 2; role++)
        for (size_t i = 0; i < honest[role].count; i++)
            if (honest[role].units[i].type == type) return utter_unit(m, &honest[role].units[i]);
    return puppet_utter(m, DOR_CONTENT_HANDSHAKE, dor__span(empty, sizeof empty));
}

static const uint8_t finished_type = DOR_HS_FINISHED;

/* Of the handshake message behind it, over a change_cipher_spec's head; behind the last one, of a Finished. */
static dor_span byte_behind(size_t at)
{
    const puppet_unit *next = unit_behind(at);
    if (next && next->type == PUPPET_CCS) next = unit_behind(at + 1);
    return next ? dor__span(next->bytes.ptr, 1) : dor__span(&finished_type, 1);
}

static int code_of(dor_result r)
{
    return r.code;
}

/* What an application may not do yet is refused by name, and changes nothing. */
static void call_too_early(dor_tls *t)
{
    const bool second = what & SECOND, asking = version == DOR_TLS_1_2 && second && dor__is_client(t);
    dor_session *session = dor__tls_session(t);
    dor_tls_info info;
    dor__tls_get_info(t, &info);
    dor__session_unref(session);
    cr_assert_eq(code_of(dor__tls_start(t)), 0);
    cr_assert_eq(code_of(dor__tls_renegotiate(t)), !second  ? (int)DOR_E_ENOTCONN
                                                   : asking ? (int)DOR_E_EALREADY
                                                            : (int)DOR_E_EINVAL);
    if (!second) {
        if (!dor__early_answerable(t))
            cr_assert_eq(code_of(dor__tls_send(t, dor__span_str("x"))), DOR_E_ENOTCONN);
        cr_assert_eq(code_of(dor__tls_update_keys(t, true)), DOR_E_ENOTCONN);
        cr_assert_eq(code_of(dor__tls_request_certificate(t)), DOR_E_ENOTCONN);
    } else if (version == DOR_TLS_1_2) {
        cr_assert_eq(code_of(dor__tls_update_keys(t, true)), DOR_E_EINVAL);
        if (asking) cr_assert_eq(code_of(dor__tls_send(t, dor__span_str("x"))), DOR_E_BUSY);
    }
    cr_assert_eq(dor__tls_output(t)->len, 0u);
}

static dor_result change(const puppet_mouth *m, size_t at, uint8_t type, dor_span unit)
{
    const puppet_unit *next = unit_behind(at);
    size_t half = unit.len / 2;
    edit.done = true;
    edit.mute = edit.kind <= OTHER;
    switch (edit.kind) {
    case OMIT:
        edit.mute = !edit.legal;
        if (edit.legal) return DOR_SUCCESS; /* the next one comes of itself */
        return next ? utter_unit(m, next) : utter_insert(m, DATA);
    case TWICE: return utter_two(m, unit, unit);
    case SWAP: DOR_TRY(utter_unit(m, next)); return puppet_utter(m, type, unit);
    case OTHER: return utter_other(m, edit.type);
    case FRONT: DOR_TRY(utter_insert(m, (insert)edit.type)); return puppet_utter(m, type, unit);
    case WITHIN:
        DOR_TRY(puppet_utter(m, type, dor__span(unit.ptr, half)));
        DOR_TRY(utter_insert(m, (insert)edit.type));
        return puppet_utter(m, type, dor__span(unit.ptr + half, unit.len - half));
    case CALLS:
        call_too_early(
            proto_end_of(&pair, puppet.role == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT)->tls);
        return puppet_utter(m, type, unit);
    default: edit.split = true; return utter_two(m, unit, byte_behind(at));
    }
}

static dor_result speak(const puppet_mouth *m, size_t at, uint8_t type, dor_span unit)
{
    if (at == edit.at) return change(m, at, type, unit);
    if (edit.done && edit.mute) return DOR_SUCCESS;
    if (edit.split && type == DOR_CONTENT_HANDSHAKE) {
        edit.split = false; /* its first byte is out */
        unit = dor__span(unit.ptr + 1, unit.len - 1);
    }
    return puppet_utter(m, type, unit);
}

/* ---- how it has to end ----------------------------------------------------------------------------------------- */

enum { FINE = -1, STUCK = -2, TOLD = -3, WRONG = -4, CLOSED = -5 }; /* or an alert */

static int expected_insert(dor_tls_role from, size_t at, insert which)
{
    bool known = at > 0 || what & SECOND; /* the version */
    bool ccs_is_due = honest[from].units[at].type == PUPPET_CCS;
    if (which == FATAL) return TOLD;
    if (which == CLOSE)
        return what & SECOND ? CLOSED : TOLD; /* before there is a connection it is the end of it */
    if (edit.kind == WITHIN) return DOR_ALERT_UNEXPECTED_MESSAGE;
    switch (which) {
    case WARNING: return FINE;
    case CCS:
        if (ccs_is_due) return DOR_ALERT_BAD_RECORD_MAC; /* the second is a record under keys */
        return version == DOR_TLS_1_3 && known && !(what & SECOND) ? FINE : DOR_ALERT_UNEXPECTED_MESSAGE;
    case DATA:
    case NO_DATA:
        if (what & SECOND && at == 0) return FINE;
        return what & EARLY && honest[from].units[at].type == DOR_HS_END_OF_EARLY_DATA
                   ? FINE
                   : DOR_ALERT_UNEXPECTED_MESSAGE;
    default: return DOR_ALERT_UNEXPECTED_MESSAGE;
    }
}

/* Where the sender's keys or the turn change behind it, nothing may be in its record. */
static int expected_straddle(dor_tls_role from, size_t at)
{
    const puppet_unit *u = &honest[from].units[at], *next = unit_behind(at);
    bool joined = next && next->type != PUPPET_CCS && next->flight == u->flight &&
                  memcmp(next->key, u->key, sizeof u->key) == 0;
    return joined ? FINE : DOR_ALERT_UNEXPECTED_MESSAGE;
}

static int expected(dor_tls_role from, size_t at)
{
    const puppet_unit *next = unit_behind(at);
    unsigned type = edit.type;
    switch (edit.kind) {
    case FRONT:
    case WITHIN: return expected_insert(from, at, (insert)edit.type);
    case STRADDLE: return expected_straddle(from, at);
    case CALLS: return FINE;
    case TWICE: return DOR_ALERT_UNEXPECTED_MESSAGE;
    case OTHER: break;
    default:
        if (!next) return what & SECOND && at == 0 ? WRONG : DOR_ALERT_UNEXPECTED_MESSAGE;
        type = next->type;
    }
    if (passed_over(from, at,
                    type)) /* TLS 1.3: what comes then is a change_cipher_spec without a ServerHello */
        return version == DOR_TLS_1_2 ? STUCK : DOR_ALERT_UNEXPECTED_MESSAGE;
    return may_come(from, at, type) ? WRONG : DOR_ALERT_UNEXPECTED_MESSAGE;
}

static const char *where(dor_tls_role from)
{
    static char text[700];
    snprintf(text, sizeof text, "version %x, kind %x, unit %zu (type %u) of the %s, %s %u: %s", version, what,
             edit.at, honest[from].units[edit.at].type, from ? "server" : "client", edit_names[edit.kind],
             edit.type, trouble());
    return text;
}

/* Dead for good, whatever it is asked; nothing came of it. */
static void is_dead(dor_tls_role by)
{
    proto_end *end = proto_end_of(&pair, by);
    const int code = end->result.code;
    uint8_t bytes[] = {22, 3, 3, 0, 4, 1, 0, 0, 0};
    size_t used;
    dor_tls_event event;
    dor__bytes_free(dor__tls_output(end->tls));
    cr_assert_eq(dor__tls_error(end->tls).code, code);
    cr_assert_eq(dor__tls_receive(end->tls, bytes, sizeof bytes, &used, &event).code, code);
    cr_assert(used == 0 && event.kind == DOR_TLS_EVENT_NONE);
    cr_assert_eq(dor__tls_start(end->tls).code, code);
    cr_assert_eq(dor__tls_send(end->tls, dor__span_str("x")).code, code);
    cr_assert_eq(dor__tls_close(end->tls).code, code);
    cr_assert_eq(dor__tls_renegotiate(end->tls).code, code);
    cr_assert_eq(dor__tls_request_certificate(end->tls).code, code);
    cr_assert_eq(dor__tls_update_keys(end->tls, true).code, code);
    cr_assert_eq(dor__tls_output(end->tls)->len, 0u);
    cr_assert_null(end->tls->hs);
    cr_assert(dor__protection_is_null(&end->tls->read) && dor__protection_is_null(&end->tls->write));
}

static void nothing_came(dor_tls_role to)
{
    const proto_end *end = proto_end_of(&pair, to);
    cr_assert_eq(end->plaintext.len, 0u, "%s", where(puppet.role));
    cr_assert_eq(end->early.len, 0u);
    cr_assert_eq(end->connected_count, what & SECOND ? 1u : 0u, "%s", where(puppet.role));
    cr_assert_eq(end->renegotiated_count + end->authenticated_count + end->ticket_count, 0u);
}

static size_t said_by(dor_tls_role role, unsigned type)
{
    size_t n = 0;
    for (size_t i = 0; i < puppet.said[role].count; i++)
        n += puppet.said[role].units[i].type == type;
    return n;
}

/* Whether `to` has no keys yet to say under what it has to say; by what went over the wire. */
static bool still_in_the_clear(dor_tls_role to)
{
    const size_t hellos = what & RETRY ? 2 : 1; /* up to the one that makes keys */
    if (what & SECOND) return false;
    if (version == DOR_TLS_1_2) return said_by(to, PUPPET_CCS) == 0;
    if (to == DOR_TLS_SERVER) return said_by(to, DOR_HS_SERVER_HELLO) < hellos;
    return edit.at < hellos && !(what & EARLY);
}

static void judge(dor_tls_role from, int how)
{
    const dor_tls_role to = from == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT;
    const proto_end *end = proto_end_of(&pair, to), *other = proto_end_of(&pair, from);
    cr_assert(edit.done, "%s", where(from));
    if (how == FINE) {
        cr_assert(arrived(), "%s", where(from));
        works();
        return;
    }
    cr_assert(!arrived(), "%s", where(from));
    if (how == STUCK) {
        cr_assert(dor__ok(end->result), "%s", where(from));
        return;
    }
    if (how ==
        CLOSED) { /* of the second handshake nothing came, the first holds, and ours may still be said */
        cr_assert(end->closed && dor__ok(end->result) && !end->tls->hs, "%s", where(from));
        cr_assert_eq(end->renegotiated_count + end->authenticated_count, 0u, "%s", where(from));
        cr_assert(dor__ok(dor__tls_send(end->tls, dor__span_str("x"))), "%s", where(from));
        cr_assert(dor__ok(dor__tls_close(end->tls)));
        cr_assert_eq(code_of(dor__tls_send(end->tls, dor__span_str("x"))), DOR_E_CLOSED);
        return;
    }
    if (how ==
        WRONG) { /* its place is right; what it says is another test's matter, but that it was not said shows */
        cr_assert(edit.kind != OMIT || !edit.legal || dor__failed(end->result), "%s", where(from));
        return;
    }
    if (how == TOLD) {
        cr_assert_eq(end->result.code,
                     DOR_ERROR_CODE(DOR_CLASS_ALERT_RECEIVED,
                                    edit.type == CLOSE ? (int)DOR_ALERT_CLOSE_NOTIFY
                                                       : (int)DOR_ALERT_HANDSHAKE_FAILURE,
                                    DOR_REASON_PEER_ALERT),
                     "%s", where(from));
        cr_assert_eq(puppet.fatal_alerts[to], 0u, "%s", where(from)); /* an alert is not answered */
    } else {
        cr_assert_eq(dor_error_get_class(end->result.code), DOR_CLASS_ALERT_SENT, "%s", where(from));
        cr_assert_eq(dor_error_get_alert(end->result.code), how, "%s", where(from));
        cr_assert_eq(puppet.fatal_alerts[to], 1u, "%s", where(from));
        cr_assert_eq(puppet.alert_in_clear[to], still_in_the_clear(to), "%s", where(from));
        cr_assert_eq(other->result.code, DOR_ERROR_CODE(DOR_CLASS_ALERT_RECEIVED, how, DOR_REASON_PEER_ALERT),
                     "%s", where(from));
    }
    nothing_came(to);
    is_dead(to);
}

/* ---- all of it ------------------------------------------------------------------------------------------------- */

static size_t tried;

static void attempt(dor_tls_role from, size_t at, edit_kind kind_, unsigned type)
{
    static size_t count;
    if (count++ % hostile_stride(1)) return;
    edit.kind = kind_, edit.at = at, edit.type = type;
    edit.done = edit.mute = edit.split = false;
    puppet.role = from;
    const int how = expected(from, at);
    const puppet_unit *next = unit_behind(at);
    edit.legal = how == WRONG && next && next->flight == honest[from].units[at].flight;
    arrive();
    go(from, speak);
    judge(from, how);
    tried++;
}

static void attempt_each_at(dor_tls_role from, size_t at)
{
    const puppet_unit *u = &honest[from].units[at];
    const bool message = u->type != PUPPET_CCS;
    attempt(from, at, OMIT, 0);
    if (unit_behind(at)) attempt(from, at, SWAP, 0);
    for (unsigned type = 0; type <= 255; type = type == 26 ? 253 : type + 1)
        if (!message || type != u->type) attempt(from, at, OTHER, type);
    for (unsigned i = 0; i < INSERTS; i++)
        attempt(from, at, FRONT, i);
    attempt(from, at, CALLS, 0);
    if (!message) return;
    attempt(from, at, TWICE, 0);
    attempt(from, at, STRADDLE, 0);
    for (unsigned i = 0; i < INSERTS; i++)
        attempt(from, at, WITHIN, i);
}

/* An honest run, written down; it is one of those that the tables allow. */
static void write_down(void)
{
    arrive();
    go(DOR_TLS_CLIENT, NULL);
    cr_assert(arrived(), "version %x, kind %x: %s", version, what, trouble());
    properties = properties_of();
    for (int role = 0; role < 2; role++) {
        puppet_script_fini(&honest[role]);
        honest[role] = puppet.said[role];
        puppet.said[role] = (puppet_script){0};
    }
    if (version == DOR_TLS_1_3 && !(what & SECOND)) /* tickets are said by one that is connected */
        while (honest[1].units[honest[1].count - 1].type == DOR_HS_NEW_SESSION_TICKET)
            dor__bytes_free(&honest[1].units[--honest[1].count].bytes);
    for (int role = 0; role < 2; role++)
        for (size_t i = 0; i < honest[role].count; i++)
            cr_assert(may_come((dor_tls_role)role, i, honest[role].units[i].type),
                      "kind %x: %s's unit %zu is %u", what, role ? "server" : "client", i,
                      honest[role].units[i].type);
}

static void everything(uint16_t v, unsigned w)
{
    counting_alloc_install();
    seed = 1;
    configure(v, w);
    write_down();
    for (int role = 0; role < 2; role++)
        for (size_t at = 0; at < honest[role].count; at++) {
            puppet.role = (dor_tls_role)role;
            attempt_each_at((dor_tls_role)role, at);
        }
    cr_assert_gt(tried, hostile_stride(1) > 1 ? 1u : 100u);
    unconfigure();
    for (int role = 0; role < 2; role++) {
        puppet_script_fini(&honest[role]);
        puppet_script_fini(&puppet.said[role]);
    }
    cr_assert_eq(counting_alloc_pieces(), 0u, "something was left");
}

TestSuite(order_12, .timeout = 300);
TestSuite(order_13, .timeout = 300);

#define ORDER(suite, name, v, w)                                                                             \
    Test(suite, name)                                                                                        \
    {                                                                                                        \
        everything(v, w);                                                                                    \
    }

ORDER(order_12, full, DOR_TLS_1_2, PLAIN)
ORDER(order_12, resumed_by_id, DOR_TLS_1_2, RESUMED)
ORDER(order_12, full_with_a_ticket, DOR_TLS_1_2, TICKET)
ORDER(order_12, client_certificate, DOR_TLS_1_2, MUTUAL)
ORDER(order_12, static_rsa, DOR_TLS_1_2, RSA)
ORDER(order_12, static_rsa_and_client_certificate, DOR_TLS_1_2, RSA | MUTUAL)
ORDER(order_12, status, DOR_TLS_1_2, STATUS)
ORDER(order_12, everything_at_once, DOR_TLS_1_2, STATUS | MUTUAL | TICKET)
ORDER(order_12, renegotiation, DOR_TLS_1_2, SECOND)
ORDER(order_12, resumed_by_ticket, DOR_TLS_1_2, RESUMED | TICKET)
ORDER(order_13, full, DOR_TLS_1_3, PLAIN)
ORDER(order_13, retry, DOR_TLS_1_3, RETRY)
ORDER(order_13, resumed, DOR_TLS_1_3, RESUMED)
ORDER(order_13, resumed_retry, DOR_TLS_1_3, RESUMED | RETRY)
ORDER(order_13, external_psk, DOR_TLS_1_3, EXTERNAL)
ORDER(order_13, external_psk_ke, DOR_TLS_1_3, EXTERNAL | NO_SHARE)
ORDER(order_13, early_data, DOR_TLS_1_3, EARLY)
ORDER(order_13, client_certificate, DOR_TLS_1_3, MUTUAL)
ORDER(order_13, client_certificate_retry, DOR_TLS_1_3, MUTUAL | RETRY)
ORDER(order_13, post_handshake_authentication, DOR_TLS_1_3, MUTUAL | SECOND)
ORDER(order_13, status, DOR_TLS_1_3, STATUS)
