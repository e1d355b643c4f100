/*
 * actions_12.c - every legal handshake of TLS 1.2 (RFC 5246 section 7.3), what is done between the messages, and what
 * may come afterwards.
 *
 * change_cipher_spec is an action like a message, so it is taken at its one place and nowhere else. Its place is behind
 * the step that makes the master secret: keys from an empty secret (CVE-2014-0224) cannot come about.
 */
#include "tls/message/messages.h"
#include "tls/tls12.h"

/* ---- change_cipher_spec ------------------------------------------------------------------------------------ */

static dor_result change_sending_keys(dor_tls *t, dor_bytes *w)
{
    dor_protection next;
    (void)w;
    DOR_TRY(dor__protection_make_12(t, (dor_tls_role)t->role, &next));
    return dor__write_keys_set(t, &next);
}

static dor_result change_receiving_keys(dor_tls *t, dor_span body)
{
    dor_protection next;
    (void)body;
    DOR_TRY(dor__protection_make_12(t, dor__is_client(t) ? DOR_TLS_SERVER : DOR_TLS_CLIENT, &next));
    return dor__read_keys_set(t, &next);
}

static const dor_action client_ccs = {
    .name = "client change_cipher_spec",
    .kind = DOR_ACTION_CCS,
    .writer = DOR_BY_CLIENT,
    .send = change_sending_keys,
    .receive = change_receiving_keys,
};

static const dor_action server_ccs = {
    .name = "server change_cipher_spec",
    .kind = DOR_ACTION_CCS,
    .writer = DOR_BY_SERVER,
    .send = change_sending_keys,
    .receive = change_receiving_keys,
};

/* ---- steps ------------------------------------------------------------------------------------------------- */

static dor_result make_master_secret(dor_tls *t, dor_bytes *w)
{
    (void)w;
    return dor__master_secret_make_12(t);
}

/* Behind ClientKeyExchange: RFC 7627 section 3 hashes everything up to and including it. */
static const dor_action step_master_secret = {
    .name = "master secret",
    .kind = DOR_ACTION_STEP,
    .writer = DOR_BY_BOTH,
    .send = make_master_secret,
};

static dor_result keep_session(dor_tls *t, dor_bytes *w)
{
    (void)w;
    return dor__session_keep_12(t);
}

static const dor_action step_keep_session = {
    .name = "keep session",
    .kind = DOR_ACTION_STEP,
    .writer = DOR_BY_BOTH,
    .send = keep_session,
};

static dor_result excuse_client(dor_tls *t, dor_bytes *w)
{
    (void)w;
    return dor__prove_peer(t, DOR_PROOF_NOT_REQUIRED);
}

/* A client that signs nothing: allowed or not, dor__prove_peer knows. */
static const dor_action step_anonymous_client = {
    .name = "anonymous client",
    .kind = DOR_ACTION_STEP,
    .writer = DOR_BY_SERVER,
    .send = excuse_client,
};

/* ---- scripts ----------------------------------------------------------------------------------------------- */

#define HELLOS       &dor__msg_client_hello, &dor__msg_server_hello, &dor__step_ask_hello
#define SERVER_KEYS  &dor__msg_server_certificate_12, &dor__msg_server_key_exchange_12
#define CLIENT_KEYS  &dor__msg_client_key_exchange_12, &step_master_secret
#define CLIENT_FINAL &client_ccs, &dor__msg_client_finished_12
#define TICKET       &dor__msg_new_session_ticket_12
#define SERVER_FINAL &server_ccs, &dor__msg_server_finished_12
#define END          &step_keep_session, &dor__step_complete, NULL

/* clang-format off */
#define FULL(...) { \
    HELLOS, SERVER_KEYS, &dor__msg_server_hello_done_12, \
    CLIENT_KEYS, &step_anonymous_client, CLIENT_FINAL, \
    __VA_ARGS__, END, \
}

/* The server asks, the client has none: its Certificate is there and empty (RFC 5246 section 7.4.6). */
#define CLIENT_WITHOUT_CERTIFICATE(...) { \
    HELLOS, SERVER_KEYS, &dor__msg_certificate_request_12, &dor__msg_server_hello_done_12, \
    &dor__msg_client_certificate_12, CLIENT_KEYS, &step_anonymous_client, CLIENT_FINAL, \
    __VA_ARGS__, END, \
}

#define CLIENT_WITH_CERTIFICATE(...) { \
    HELLOS, SERVER_KEYS, &dor__msg_certificate_request_12, &dor__msg_server_hello_done_12, \
    &dor__msg_client_certificate_12, CLIENT_KEYS, &dor__msg_certificate_verify_12, CLIENT_FINAL, \
    __VA_ARGS__, END, \
}

/* RFC 5246 section 7.3, figure 2: the server finishes first. */
#define RESUMED(...) { \
    HELLOS, __VA_ARGS__, CLIENT_FINAL, END, \
}

static const dor_action *const full[] = FULL(SERVER_FINAL);
static const dor_action *const client_without_certificate[] = CLIENT_WITHOUT_CERTIFICATE(SERVER_FINAL);
static const dor_action *const client_with_certificate[] = CLIENT_WITH_CERTIFICATE(SERVER_FINAL);
static const dor_action *const resumed[] = RESUMED(SERVER_FINAL);

/* RFC 5077 section 3.1: the ticket comes in front of what the server finishes with. */
static const dor_action *const full_ticket[] = FULL(TICKET, SERVER_FINAL);
static const dor_action *const client_without_certificate_ticket[] = CLIENT_WITHOUT_CERTIFICATE(TICKET, SERVER_FINAL);
static const dor_action *const client_with_certificate_ticket[] = CLIENT_WITH_CERTIFICATE(TICKET, SERVER_FINAL);
static const dor_action *const resumed_ticket[] = RESUMED(TICKET, SERVER_FINAL);
/* clang-format on */

const dor_script dor__scripts_12[] = {
    {0, full},
    {DOR_PROPERTY_CLIENT_AUTH, client_without_certificate},
    {DOR_PROPERTY_CLIENT_AUTH | DOR_PROPERTY_CLIENT_CERT, client_with_certificate},
    {DOR_PROPERTY_RESUMED, resumed},
    {DOR_PROPERTY_TICKET_12, full_ticket},
    {DOR_PROPERTY_TICKET_12 | DOR_PROPERTY_CLIENT_AUTH, client_without_certificate_ticket},
    {DOR_PROPERTY_TICKET_12 | DOR_PROPERTY_CLIENT_AUTH | DOR_PROPERTY_CLIENT_CERT,
     client_with_certificate_ticket},
    {DOR_PROPERTY_TICKET_12 | DOR_PROPERTY_RESUMED, resumed_ticket},
    {0, NULL},
};

const dor_action *const dor__post_actions_12[] = {
    &dor__msg_hello_request_12,
    &dor__msg_client_hello_again_12,
    NULL,
};
