/*
 * actions_12.c - the script of TLS 1.2 (RFC 5246 section 7.3), what is done between the messages, and what
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

static dor_result prove_server(dor_tls *t, dor_bytes *w)
{
    (void)w;
    return dor__prove_peer(t, DOR_PROOF_DECRYPTED);
}

/* Nobody signed anything: its Finished is what shows that the server could read the premaster secret. */
static const dor_action step_server_has_key = {
    .name = "server has the key",
    .kind = DOR_ACTION_STEP,
    .writer = DOR_BY_CLIENT,
    .send = prove_server,
};

/* ---- the script -------------------------------------------------------------------------------------------- */

enum {
    RESUMED = DOR_PROPERTY_RESUMED,
    CLIENT_AUTH = DOR_PROPERTY_CLIENT_AUTH,
    CLIENT_CERT = DOR_PROPERTY_CLIENT_CERT,
    TICKET = DOR_PROPERTY_TICKET_12,
    STATUS = DOR_PROPERTY_STATUS_12,
    STATIC_RSA = DOR_PROPERTY_STATIC_RSA
};

/* clang-format off */
static const dor_script_line lines[] = {
    /* action                               needs        unless */
    {&dor__msg_client_hello,                0,           0},
    {&dor__msg_server_hello,                0,           0},
    {&dor__step_ask_hello,                  0,           0},
    {&dor__msg_server_certificate_12,       0,           RESUMED},
    {&dor__msg_certificate_status_12,       STATUS,      RESUMED}, /* RFC 6066 section 8 */
    {&dor__msg_server_key_exchange_12,      0,           RESUMED | STATIC_RSA},
    {&dor__msg_certificate_request_12,      CLIENT_AUTH, 0},
    {&dor__msg_server_hello_done_12,        0,           RESUMED},
    {&dor__msg_client_certificate_12,       CLIENT_AUTH, 0}, /* RFC 5246 section 7.4.6: empty if there is none */
    {&dor__msg_client_key_exchange_12,      0,           RESUMED | STATIC_RSA},
    {&dor__msg_client_key_exchange_rsa_12,  STATIC_RSA,  0},
    {&step_master_secret,                   0,           RESUMED},
    {&step_anonymous_client,                0,           RESUMED | CLIENT_CERT},
    {&dor__msg_certificate_verify_12,       CLIENT_CERT, 0},
    {&client_ccs,                           0,           RESUMED},
    {&dor__msg_client_finished_12,          0,           RESUMED},
    {&dor__msg_new_session_ticket_12,       TICKET,      0}, /* RFC 5077 section 3.1 */
    {&server_ccs,                           0,           0},
    {&dor__msg_server_finished_12,          0,           0},
    {&step_server_has_key,                  STATIC_RSA,  0},
    {&client_ccs,                           RESUMED,     0}, /* RFC 5246 section 7.3, figure 2: the server finishes first */
    {&dor__msg_client_finished_12,          RESUMED,     0},
    {&step_keep_session,                    0,           0},
    {&dor__step_complete,                   0,           0},
    {NULL,                                  0,           0},
};
/* clang-format on */

static const dor_property_rule rules[] = {
    {CLIENT_CERT, CLIENT_AUTH, 0},
    {RESUMED, 0, CLIENT_AUTH | STATUS | STATIC_RSA},
    {0, 0, 0},
};

const dor_script dor__script_12 = {.lines = lines,
                                   .rules = rules,
                                   .properties =
                                       RESUMED | CLIENT_AUTH | CLIENT_CERT | TICKET | STATUS | STATIC_RSA,
                                   .by_arrival = CLIENT_AUTH | STATUS};

const dor_action *const dor__post_actions_12[] = {
    &dor__msg_hello_request_12,
    &dor__msg_client_hello_again_12,
    NULL,
};
