/*
 * actions_13.c - the script of TLS 1.3, and its changes of keys (RFC 8446 section 2 and appendix A).
 */
#include "tls/again.h"
#include "tls/early_data_13.h"
#include "tls/message/messages.h"
#include "tls/schedule_13.h"

/* ---- steps ------------------------------------------------------------------------------------------------ */

/* RFC 8446 appendix D.4: once, behind the server's first message and in front of the client's second flight. */
static dor_result compat_ccs(dor_tls *t, dor_bytes *w)
{
    (void)w;
    return dor__compat_ccs_write(t);
}

static dor_result read_keys(dor_tls *t, const uint8_t *secret)
{
    dor_protection keys;
    DOR_TRY(dor__traffic_keys(t, secret, &keys));
    return dor__read_keys_set(t, &keys);
}

static dor_result write_keys(dor_tls *t, const uint8_t *secret)
{
    dor_protection keys;
    DOR_TRY(dor__traffic_keys(t, secret, &keys));
    return dor__write_keys_set(t, &keys);
}

static dor_result handshake_keys(dor_tls *t, dor_bytes *w)
{
    dor_handshake *hs = t->hs;
    (void)w;
    DOR_TRY(dor__schedule_handshake(t));
    /*
     * A server's keys for writing come first: when it does not like what came behind the ClientHello, its ServerHello is out
     * already, and from there on the client takes no alert in the clear.
     */
    if (!dor__is_client(t)) {
        DOR_TRY(write_keys(t, hs->server_secret));
        DOR_TRY(read_keys(t, t->early == DOR_EARLY_ACCEPTED ? hs->early_secret : hs->client_secret));
        t->read.plain_alerts =
            true; /* a client that did not get as far as having keys can only complain so */
        return DOR_SUCCESS;
    }
    DOR_TRY(read_keys(t, hs->server_secret));
    if (t->early == DOR_EARLY_OFFERED) return DOR_SUCCESS; /* EncryptedExtensions tell which keys come next */
    return write_keys(t, hs->client_secret);
}

static dor_result app_read_keys(dor_tls *t, const uint8_t *secret)
{
    if (!t->hs->proof_peer || !t->hs->proof_finished) return dor__error(DOR_E_INTERNAL);
    memcpy(t->read_secret, secret, sizeof t->read_secret);
    return read_keys(t, secret);
}

static dor_result app_write_keys(dor_tls *t, const uint8_t *secret)
{
    memcpy(t->write_secret, secret, sizeof t->write_secret);
    return write_keys(t, secret);
}

/*
 * Behind the server's Finished. The server's sending keys change before the client has proved anything, as section 4.4.4
 * has it, for the sake of alerts; data does not flow before dor__handshake_complete.
 */
static dor_result server_app_keys(dor_tls *t, dor_bytes *w)
{
    (void)w;
    DOR_TRY(dor__schedule_master(t));
    return dor__is_client(t) ? app_read_keys(t, t->hs->server_app_secret)
                             : app_write_keys(t, t->hs->server_app_secret);
}

/* Behind the client's Finished. */
static dor_result client_app_keys(dor_tls *t, dor_bytes *w)
{
    (void)w;
    if (t->config->resumption) DOR_TRY(dor__schedule_resumption(t));
    if (dor__is_client(t)) return app_write_keys(t, t->hs->client_app_secret);
    if (!t->hs->proof_peer) DOR_TRY(dor__prove_peer(t, DOR_PROOF_NOT_REQUIRED));
    return app_read_keys(t, t->hs->client_app_secret);
}

#define STEP(label, who, function)                                                                           \
    {                                                                                                        \
        .name = label, .kind = DOR_ACTION_STEP, .writer = who, .send = function                              \
    }

static const dor_action server_ccs = STEP("compatibility change_cipher_spec", DOR_BY_SERVER, compat_ccs);
static const dor_action client_ccs = STEP("compatibility change_cipher_spec", DOR_BY_CLIENT, compat_ccs);
static const dor_action hs_keys = STEP("handshake keys", DOR_BY_BOTH, handshake_keys);
static const dor_action server_keys = STEP("server application keys", DOR_BY_BOTH, server_app_keys);
static const dor_action client_keys = STEP("client application keys", DOR_BY_BOTH, client_app_keys);
static const dor_action early_end = STEP("handshake keys behind early data", DOR_BY_BOTH, dor__early_end);
static const dor_action tickets = STEP("tickets", DOR_BY_SERVER, dor__tickets_send);

/* ---- the script ------------------------------------------------------------------------------------------- */

enum {
    RETRY = DOR_PROPERTY_RETRY,
    RESUMED = DOR_PROPERTY_RESUMED,
    CLIENT_AUTH = DOR_PROPERTY_CLIENT_AUTH,
    CLIENT_CERT = DOR_PROPERTY_CLIENT_CERT,
    EARLY_DATA = DOR_PROPERTY_EARLY_DATA
};

/* clang-format off */
static const dor_script_line lines[] = {
    /* action                                needs        unless */
    {&dor__msg_client_hello,                 0,           0},
    {&dor__msg_server_hello,                 0,           RETRY}, /* that a client waits for one of the two, */
    {&dor__msg_hello_retry_request,          RETRY,       0},     /* it finds out while it reads it */
    {&server_ccs,                            0,           0},
    {&client_ccs,                            RETRY,       0},
    {&dor__msg_client_hello,                 RETRY,       0},
    {&dor__msg_server_hello,                 RETRY,       0},
    {&hs_keys,                               0,           0},
    {&dor__msg_encrypted_extensions,         0,           0},
    {&dor__step_ask_hello,                   0,           0},
    {&dor__msg_certificate_request,          CLIENT_AUTH, 0},
    {&dor__msg_server_certificate,           0,           RESUMED},
    {&dor__msg_server_certificate_verify,    0,           RESUMED},
    {&dor__msg_server_finished,              0,           0},
    {&server_keys,                           0,           0},
    {&dor__msg_end_of_early_data,            EARLY_DATA,  0},
    {&early_end,                             EARLY_DATA,  0},
    {&client_ccs,                            0,           0}, /* once: it remembers */
    {&dor__msg_client_certificate,           CLIENT_AUTH, 0},
    {&dor__msg_client_certificate_verify,    CLIENT_CERT, 0},
    {&dor__msg_client_finished,              0,           0},
    {&client_keys,                           0,           0},
    {&dor__step_complete,                    0,           0},
    {&tickets,                               0,           0},
    {NULL,                                   0,           0},
};
/* clang-format on */

static const dor_property_rule rules[] = {
    {CLIENT_CERT, CLIENT_AUTH, 0},
    {EARLY_DATA, RESUMED, RETRY | CLIENT_AUTH}, /* RFC 8446 section 4.2.10 */
    {RESUMED, 0, CLIENT_AUTH}, /* a ticket remembers the client's certificate (RFC 8446 section 4.3.2) */
    {0, 0, 0},
};

const dor_script dor__script_13 = {.lines = lines,
                                   .rules = rules,
                                   .properties = RETRY | RESUMED | CLIENT_AUTH | CLIENT_CERT | EARLY_DATA,
                                   .by_arrival = CLIENT_AUTH};

static const dor_action key_update_by_server = {.name = "KeyUpdate",
                                                .kind = DOR_ACTION_MESSAGE,
                                                .writer = DOR_BY_SERVER,
                                                .type = DOR_HS_KEY_UPDATE,
                                                .min_len = 1,
                                                .max_len = 1,
                                                .receive = dor__key_update_receive};
static const dor_action key_update_by_client = {.name = "KeyUpdate",
                                                .kind = DOR_ACTION_MESSAGE,
                                                .writer = DOR_BY_CLIENT,
                                                .type = DOR_HS_KEY_UPDATE,
                                                .min_len = 1,
                                                .max_len = 1,
                                                .receive = dor__key_update_receive};

const dor_action *const dor__post_actions_13[] = {
    &key_update_by_server,        &key_update_by_client,
    &dor__msg_new_session_ticket, &dor__msg_post_certificate_request,
    &dor__msg_post_certificate,   NULL};
