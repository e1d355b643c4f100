/*
 * handshake.h - the inside of a connection: its state, the action tables that drive it, and what the message and
 * extension files share. Private to core/tls.
 *
 * How a handshake runs
 *
 *   A *script* is a table of lines, each an *action* and the dor_property bits that it hangs on: messages (who writes it, a
 *   handler that sends, one that receives), the change_cipher_spec of TLS 1.2, and steps that both ends take for themselves
 *   (new keys). There is one for each version; with its rules it holds every legal handshake. dor_handshake.position stands
 *   behind the last line taken; the next is the first from there on that applies. The engine runs every action that is ours
 *   to take, gathers our messages into a flight, and stops where the peer has to write; what may arrive there is what the
 *   table says, never what the wire says.
 *
 *   A handler that learns a property calls dor__property_set. It is refused when the rules exclude it, or when it would have
 *   made a difference to what is done already. Some properties (dor_script.by_arrival) a client learns from what comes: a
 *   CertificateRequest where a line for it was about to be passed over.
 *
 *   A received message enters the transcript *after* its receive handler, a sent one after its send handler; what needs
 *   a hash that includes the message is the business of a step behind it.
 *
 * A handler that cannot go on without an answer from outside calls dor__tls_ask and returns. What it wrote is dropped, the
 * message that it was given is put aside, and when the answer is there the same action is taken again from its beginning.
 * So a handler asks before it changes anything that it could not change twice.
 *
 * Spans that a receive handler is given live until it returns. Whatever is to be kept goes into the arena.
 *
 * Proofs: dor_handshake.proof_peer and .proof_finished are set by dor__prove_peer and dor__prove_finished and nowhere
 * else; dor__handshake_complete and the keys for application data ask for them.
 *
 * Threads: a connection belongs to one at a time.
 */
#ifndef DOR_TLS_HANDSHAKE_H
#define DOR_TLS_HANDSHAKE_H

#include "base/arena.h"
#include "base/ct.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/kdf.h"
#include "record/record.h"
#include "tls/engine.h"
#include "tls/question.h"
#include "tls/stapled.h"

/* RFC 8446 section 4, RFC 5246 section 7.4 */
enum dor_message_type {
    DOR_HS_HELLO_REQUEST = 0,
    DOR_HS_CLIENT_HELLO = 1,
    DOR_HS_SERVER_HELLO = 2,
    DOR_HS_NEW_SESSION_TICKET = 4,
    DOR_HS_END_OF_EARLY_DATA = 5,
    DOR_HS_ENCRYPTED_EXTENSIONS = 8,
    DOR_HS_CERTIFICATE = 11,
    DOR_HS_SERVER_KEY_EXCHANGE = 12,
    DOR_HS_CERTIFICATE_REQUEST = 13,
    DOR_HS_SERVER_HELLO_DONE = 14,
    DOR_HS_CERTIFICATE_VERIFY = 15,
    DOR_HS_CLIENT_KEY_EXCHANGE = 16,
    DOR_HS_FINISHED = 20,
    DOR_HS_CERTIFICATE_STATUS = 22,
    DOR_HS_KEY_UPDATE = 24,
    DOR_HS_COMPRESSED_CERTIFICATE = 25, /* RFC 8879 */
    DOR_HS_MESSAGE_HASH = 254
};

enum {
    DOR_HANDSHAKE_HEADER_LEN = 4,
    DOR_RANDOM_LEN = 32,
    DOR_SESSION_ID_MAX = 32,
    DOR_SECRET_MAX_LEN = 48, /* the longest digest that a suite uses: SHA-384 */
    DOR_MASTER_SECRET_LEN = 48,
    DOR_SHORT_SECRET_LEN = 80 /* the longest shared secret of any group but ffdhe: SecP384r1MLKEM1024 */
};

/* ---- actions and scripts --------------------------------------------------------------------------------- */

typedef enum dor_action_kind {
    DOR_ACTION_MESSAGE,
    DOR_ACTION_CCS, /* TLS 1.2: the writer's record that stands before its new keys */
    DOR_ACTION_STEP
} dor_action_kind;

typedef enum dor_writer {
    DOR_BY_CLIENT,
    DOR_BY_SERVER,
    DOR_BY_BOTH
} dor_writer; /* first two as dor_tls_role */

typedef struct dor_action {
    const char *name;
    uint8_t kind;   /* dor_action_kind */
    uint8_t writer; /* dor_writer; a step runs on that side only, or on both */
    uint8_t type;   /* dor_message_type */
    uint32_t min_len,
        max_len; /* of a message's body, checked before the body is waited for; max 0: the config's limit */

    /**
     * Message: appends the body to w; the engine has written the header there and fills in the length afterwards.
     * CCS: called when our record has been written, to change the sending keys (w is NULL). Step: does it (w is NULL).
     */
    dor_result (*send)(dor_tls *t, dor_bytes *w);

    /** Message: its body. CCS: called when the peer's has come, to change the receiving keys (body is empty). */
    dor_result (*receive)(dor_tls *t, dor_span body);

    /** Message: another that its writer may say here in its place, if may_come; it has `receive` alone. Or NULL. */
    const struct dor_action *instead;
    bool (*may_come)(const dor_tls *t); /* of the one that is `instead` */
} dor_action;

typedef enum dor_property {
    DOR_PROPERTY_RETRY = 1 << 0,       /* TLS 1.3: a HelloRetryRequest */
    DOR_PROPERTY_RESUMED = 1 << 1,     /* a ticket or a session id was accepted */
    DOR_PROPERTY_CLIENT_AUTH = 1 << 2, /* the server asks for a certificate */
    DOR_PROPERTY_CLIENT_CERT = 1 << 3, /* the client's answer is not empty, so CertificateVerify follows */
    DOR_PROPERTY_TICKET_12 = 1 << 4,   /* TLS 1.2: NewSessionTicket (RFC 5077) */
    DOR_PROPERTY_EARLY_DATA = 1 << 5,  /* TLS 1.3: the server takes the client's early data */
    DOR_PROPERTY_STATUS_12 = 1 << 6,   /* TLS 1.2: CertificateStatus (RFC 6066) */
    DOR_PROPERTY_STATIC_RSA = 1 << 7   /* TLS 1.2: the secret is encrypted to the server's certificate */
} dor_property;

typedef struct dor_script_line {
    const dor_action *action;
    /* dor_property bits: taken where all of the first and none of the second are set */
    uint16_t needs, unless;
} dor_script_line;

/** Where `property` is set, all of `needs` have to be, and none of `excludes` may be. */
typedef struct dor_property_rule {
    uint16_t property, needs, excludes;
} dor_property_rule;

typedef struct dor_script {
    const dor_script_line *lines;   /* ended by one without action: the handshake is over */
    const dor_property_rule *rules; /* ended by property 0 */
    uint16_t properties;            /* those that there are in this version */
    uint16_t by_arrival;            /* those that a client learns from a message that comes */
} dor_script;

/* Every legal handshake. actions_13.c, actions_12.c */
extern const dor_script dor__script_13;
extern const dor_script dor__script_12;

/** Whether a handshake with these properties is legal. */
bool dor__script_allows(const dor_script *script, unsigned properties);

/** The first line from `position` on that applies; at the end the one without action. */
const dor_script_line *dor__script_line(const dor_script *script, unsigned properties, size_t position);

/* What may come once connected: messages by the peer, ended by NULL. `receive` alone is used. */
extern const dor_action *const dor__post_actions_13[];
extern const dor_action *const dor__post_actions_12[];

/* ---- extensions ------------------------------------------------------------------------------------------ */

/** The messages that carry extensions, as bits. In TLS 1.2 only the first and the last. */
typedef enum dor_ext_context {
    DOR_CTX_CLIENT_HELLO = 1 << 0,
    DOR_CTX_SERVER_HELLO = 1 << 1,
    DOR_CTX_HELLO_RETRY = 1 << 2,
    DOR_CTX_ENCRYPTED_EXTENSIONS = 1 << 3,
    DOR_CTX_CERTIFICATE = 1 << 4,
    DOR_CTX_CERTIFICATE_REQUEST = 1 << 5,
    DOR_CTX_NEW_SESSION_TICKET = 1 << 6,
    DOR_CTX_SERVER_HELLO_12 = 1 << 7
} dor_ext_context;

typedef struct dor_extension {
    uint16_t type;        /* IANA */
    uint16_t contexts;    /* the messages it may stand in: dor_ext_context bits */
    uint16_t min_version; /* 0: any. In a ClientHello: passed over by a server that chose another version */
    uint16_t max_version;
    const char *name;

    /** NULL: whenever it may. Responses (not ClientHello, CertificateRequest, NewSessionTicket) are only asked when the
     *  client's hello had the extension. */
    bool (*should_send)(const dor_tls *t, unsigned context);
    dor_result (*send)(dor_tls *t, unsigned context, dor_bytes *w); /* extension_data alone; NULL: empty */
    dor_result (*receive)(dor_tls *t, unsigned context, dor_span data);
    dor_result (*if_missing)(dor_tls *t, unsigned context); /* NULL: may be missing */
} dor_extension;

/**
 * The table, in the order in which extensions are sent and acted upon (whatever the order they came in);
 * pre_shared_key is last (RFC 8446 section 4.2.11). An extension's index is its bit in ext_sent and ext_received.
 */
enum { DOR_EXT_MAX = 32 };
extern const dor_extension *const dor__extensions[];
extern const size_t dor__extension_count;

/** The bit of a type in ext_sent and ext_received; 0 when it is not in the table. */
uint32_t dor__ext_bit(uint16_t type);

/** Appends the whole block with its two-byte length. TLS 1.2's ServerHello has no block at all when it would be empty. */
DOR_MUST_USE dor_result dor__extensions_send(dor_tls *t, unsigned context, dor_bytes *w);

/** Extensions as found in one message; spans borrow from it. */
typedef struct dor_ext_block {
    dor_span data[DOR_EXT_MAX]; /* by table index */
    uint32_t present;
    bool unknown;       /* one that is not in the table */
    uint16_t last_type; /* the last in the message */
} dor_ext_block;

/**
 * Splits a block (without its outer length). Twice the same type, known or not: illegal_parameter in TLS 1.3's own
 * messages, decode_error in those that 1.2 has too (no RFC names one).
 */
DOR_MUST_USE dor_result dor__extensions_split(dor_span block, unsigned context, dor_ext_block *found);

/**
 * Acts upon a block in table order. Misplaced: illegal_parameter; an answer that was not asked for:
 * unsupported_extension; missing: what if_missing says (RFC 8446 section 4.2).
 */
DOR_MUST_USE dor_result dor__extensions_receive(dor_tls *t, unsigned context, const dor_ext_block *found);

/* ---- transcript: transcript.c ---------------------------------------------------------------------------- */

typedef struct dor_transcript {
    dor_hash hash; /* .id is DOR_HASH_NONE until the suite is known */
    dor_bytes raw; /* the messages themselves: until the hash is known, or while keep_raw */
    size_t raw_limit;
    bool keep_raw; /* TLS 1.2: CertificateVerify signs the messages with a hash of its own choice */
} dor_transcript;

void dor__transcript_init(dor_transcript *tr, size_t raw_limit);
void dor__transcript_fini(dor_transcript *tr);

/** A whole message, header and all. */
DOR_MUST_USE dor_result dor__transcript_add(dor_transcript *tr, dor_span message);

/** From now on messages are hashed, those so far included; raw is released unless keep_raw. Once. */
DOR_MUST_USE dor_result dor__transcript_start(dor_transcript *tr, dor_hash_id id);

/** RFC 8446 section 4.4.1: the first ClientHello is replaced by message_hash. After _start. */
DOR_MUST_USE dor_result dor__transcript_retry(dor_transcript *tr);

/** The digest of all messages so far. */
DOR_MUST_USE dor_result dor__transcript_digest(const dor_transcript *tr, uint8_t digest[DOR_HASH_MAX_LEN]);

/** As if `more` had been added, without adding it (binders); needs _start. */
DOR_MUST_USE dor_result dor__transcript_digest_with(const dor_transcript *tr, dor_span more,
                                                    uint8_t digest[DOR_HASH_MAX_LEN]);
void dor__transcript_drop_raw(dor_transcript *tr);

/* ---- the handshake: exists from dor__tls_new until it is complete or failed ------------------------------ */

/** TLS 1.2's own part. */
typedef struct dor_handshake_12 {
    uint8_t master_secret[DOR_MASTER_SECRET_LEN];
    bool have_master_secret;
    bool extended_master_secret;            /* RFC 7627: both ends said so */
    bool encrypt_then_mac;                  /* RFC 7366: the same, for a CBC suite */
    bool renegotiation_info;                /* RFC 5746: the peer said so, or the SCSV did */
    uint8_t session_id[DOR_SESSION_ID_MAX]; /* what the server's hello says */
    uint8_t session_id_len;
    bool status_promised;       /* client: ServerHello announces a CertificateStatus */
    bool ticket_offered;        /* client: hs->session's ticket is in its hello */
    dor_span peer_ticket;       /* server: the client's, only while the ClientHello is handled */
    dor_span new_ticket;        /* client: what NewSessionTicket brought, in the arena */
    uint32_t ticket_lifetime_s; /* client: likewise; 0: the server does not say */
    dor_span server_point;      /* the server's ephemeral public value, in the arena (client) */
    dor_group dhe_group;        /* server: the one that a suite with DHE would have; 0: none */
    bool peer_names_ffdhe; /* server: the client's supported_groups has groups of that kind, ours or not */
    uint8_t usable_kinds;  /* server: bit 1 << dor_kx_kind, we have an identity for it */
} dor_handshake_12;

typedef struct dor_handshake {
    dor_arena arena;

    /* the state machine */
    const dor_script *script;
    size_t position;        /* in its lines, behind the last one taken */
    unsigned properties;    /* dor_property bits */
    bool version_settled;   /* t->version counts */
    bool waiting;           /* our flight is out; the peer's turn */
    uint8_t question;       /* dor_tls_question_kind that waits for its answer */
    uint8_t answers;        /* bit 1 << kind: answered */
    bool resume;            /* an answer came: the action that asked is to be taken again */
    uint8_t stray_requests; /* client: HelloRequests passed over */
    bool second;            /* on a connection that is connected: again.h */
    bool heard;             /* and the peer has said something in it */

    /* what we say */
    dor_bytes flight;     /* whole messages not yet made into records */
    size_t message_start; /* in flight: the header of the message being written */

    /* what is heard */
    dor_span message; /* the whole message that a receive handler is at, header and all */
    dor_transcript transcript;

    /* hellos */
    uint8_t client_random[DOR_RANDOM_LEN];
    uint8_t server_random[DOR_RANDOM_LEN];
    uint8_t session_id[DOR_SESSION_ID_MAX]; /* the client's (legacy_)session_id */
    uint8_t session_id_len;
    uint16_t client_version;   /* legacy_version of the ClientHello */
    uint32_t ext_sent;         /* client: in its hello; bits as in dor__ext_bit */
    uint32_t ext_received;     /* server: in the client's hello */
    struct dor_grease *grease; /* client: extension/grease.c; NULL: none */
    dor_span cookie;           /* RFC 8446 section 4.2.2: to be echoed */
    uint8_t hello_digest[32];  /* server: what a second hello must leave unchanged */
    dor_group retry_group;     /* the group asked for by HelloRetryRequest, or 0 */
    uint16_t retry_suite;
    bool fallback_scsv; /* RFC 7507 */

    /* the peer's offers, cut down to what we know */
    dor_group peer_groups[DOR_MAX_GROUPS]; /* in the peer's order, only those in our config */
    size_t peer_group_count;
    bool peer_has_groups; /* it sent supported_groups at all */
    uint8_t
        peer_curves; /* dor__curve_bit of those in it, ours or not: in TLS 1.2 they bind certificates too */
    uint32_t peer_schemes; /* dor__cert_scheme_bit of those that it takes in CertificateVerify */
    bool peer_has_schemes;
    uint32_t peer_cert_schemes; /* dor__cert_scheme_bit of those that it takes in certificates */
    bool peer_has_authorities;  /* it named authorities; */
    uint8_t peer_authorities;   /* which of our identities have one of them above them, a bit for each */
    dor_span peer_shares; /* server: only while the ClientHello is handled; extension/key_share.c reads it */
    dor_span peer_suites; /* server: only while the ClientHello is handled */
    dor_span psk_identities; /* server: likewise */
    dor_span psk_binders;    /* server: likewise */
    uint8_t peer_psk_modes;  /* server: psk_key_exchange_modes as dor_psk_mode bits */
    bool peer_early_data;
    bool early_over;                          /* EndOfEarlyData went or came */
    int64_t ticket_age_ms;                    /* server: of session, as the client says */
    uint32_t early_left;                      /* bytes of early data that may still be sent, or come */
    uint8_t early_secret[DOR_SECRET_MAX_LEN]; /* client_early_traffic_secret */
    bool wants_status;                        /* server: the client asks for our certificate's status */

    /* key exchange */
    dor_kx *kx; /* the one that this handshake goes by */
    dor_group kx_group;
    dor_kx *shares[DOR_MAX_OWN_SHARES]; /* a TLS 1.3 client's, until the server has chosen */
    uint8_t shared_secret[DOR_SHORT_SECRET_LEN];
    uint8_t *long_secret; /* in its place, in the arena: that of an ffdhe group */
    size_t shared_secret_len;

    /* TLS 1.3 key schedule (schedule_13.c) */
    uint8_t secret[DOR_SECRET_MAX_LEN];        /* early, then handshake, then master secret */
    uint8_t client_secret[DOR_SECRET_MAX_LEN]; /* client_handshake_traffic_secret */
    uint8_t server_secret[DOR_SECRET_MAX_LEN];
    uint8_t client_app_secret[DOR_SECRET_MAX_LEN]; /* until they are put to use */
    uint8_t server_app_secret[DOR_SECRET_MAX_LEN];

    /* resumption */
    dor_session *session;     /* client: offered; server: accepted. A reference */
    uint16_t psk_index;       /* server */
    const dor_psk *psk;       /* the external one that is in use, in the arena; NULL: it is session's */
    const dor_psk *known_psk; /* server: one of the client's that we have, likewise */
    uint16_t known_psk_index; /* its place in the present hello */
    bool known_psk_there;
    bool psk_ke;             /* no fresh key exchange */
    uint16_t psk_offers;     /* client: bit 0 session, bit 1 + i config->psks' number i is in the hello */
    dor_span asked_identity; /* server: of the question, in the arena */
    uint8_t psk_asked;       /* identities that were asked for in vain */
    dor_span asked_id;       /* server: the session that was asked for last, in the arena */
    uint16_t asked_version;
    uint8_t asked;        /* sessions asked for that have been answered */
    uint8_t lookups;      /* of them, so far in this turn of the hello's handler */
    dor_session *outside; /* the last answer; a reference */

    /* certificates */
    const dor_identity *identity;               /* ours, or NULL */
    dor_sig_scheme scheme;                      /* what we sign with */
    dor_span to_sign;                           /* what a question is about: in the arena */
    dor_span signature;                         /* its answer, likewise */
    dor_span request_context;                   /* certificate_request_context to be echoed */
    dor_certificate *chain[DOR_PATH_MAX_CERTS]; /* the peer's; references */
    size_t chain_count;
    dor_public_key *peer_key;
    bool chain_verified;                     /* dor__peer_chain_verify was content */
    bool takes_compressed;                   /* we have said that the peer may compress its certificate, */
    const dor_cert_compression *compression; /* and the peer, that we may: how. Or NULL */

    /* proofs */
    bool proof_peer;
    bool proof_finished;

    bool compat_ccs_sent;
    bool record_limit_agreed;   /* RFC 8449: the peer's record_size_limit was there */
    uint8_t fragment_code;      /* server: of max_fragment_length, to be echoed; 0: none */
    uint32_t early_data_budget; /* server: bytes of refused early data that may still be passed over */

    dor_span host; /* client: whom it calls; in the arena */
    dor_handshake_12 v12;
} dor_handshake;

/* ---- the connection -------------------------------------------------------------------------------------- */

typedef struct dor_tls_kept dor_tls_kept;
typedef struct dor_tls_again dor_tls_again;

struct dor_tls {
    dor_tls_config *config;
    const dor_tls_env *env;
    dor_handshake *hs; /* NULL once connected or failed; there again for a second handshake */
    const dor_suite *suite;
    dor_certificate *peer;
    dor_certificate
        *anchor; /* the trust anchor that vouched for it, now or when the session was made; or NULL */
    dor_session
        *session; /* TLS 1.2: what this connection can be resumed by; the server forgets it on a failure */
    dor_session *ticket; /* TLS 1.3 client: came in with the present message; becomes an event */

    dor_record_reader reader;
    dor_protection read, write;
    dor_bytes output;
    dor_bytes message;    /* the beginning of a handshake message whose end has not come */
    uint8_t *names;       /* alpn, then server_name, then the identity of an external PSK */
    dor_tls_kept *kept;   /* for exporters and key logs (kept.h), or NULL */
    dor_tls_again *again; /* for second handshakes (again.h), or NULL */
    dor_stapled *stapled; /* client: what the server showed beside its certificate, or NULL; a reference */

    uint8_t read_secret[DOR_SECRET_MAX_LEN]; /* TLS 1.3: application_traffic_secret_N, for KeyUpdate */
    uint8_t write_secret[DOR_SECRET_MAX_LEN];
    uint8_t resumption_secret[DOR_SECRET_MAX_LEN]; /* TLS 1.3 client: for the tickets to come */

    dor_result error; /* sticks */
    uint16_t version;
    uint16_t record_version; /* what our record headers say */
    dor_group group;
    dor_sig_scheme peer_scheme;
    uint16_t empty_records, key_updates, warning_alerts; /* none exceeds its limit, so none wraps */
    uint16_t handshake_left;                             /* bytes behind the present message in its record */
    uint16_t psk_identity_len; /* of the external PSK that both ends are authenticated by; 0: none */
    uint16_t
        read_limit; /* what the peer may put into a record (record_size_limit, max_fragment_length); 0: 2^14 */
    uint16_t write_limit; /* the most that we put into one: likewise, padding included */
    uint8_t alpn_len, server_name_len;
    uint8_t tickets_seen;
    uint8_t renegotiation_requests; /* TLS 1.2: refused, without data between */
    uint8_t role;                   /* dor_tls_role */
    uint8_t early;                  /* dor_early */
    bool started;
    bool connected;      /* application data may flow */
    bool tell_connected; /* the event is due */
    bool resumed, hello_retry, extended_master_secret;
    bool read_closed;       /* the peer's close_notify came */
    bool write_closed;      /* ours went */
    bool alert_sent;        /* the fatal one */
    bool answer_key_update; /* update_requested waits for our next sending */
    bool
        limits_protected; /* the limits are RFC 8449's: of protected records, read_limit with type and padding */
    bool peer_verified; /* its chain was validated, now or when the session was made */
};

static inline bool dor__is_client(const dor_tls *t)
{
    return t->role == DOR_TLS_CLIENT;
}

static inline int64_t dor__now_ms(const dor_tls *t)
{
    return t->env->now_ms(t->env->ctx);
}

/* ---- the machine: handshake.c ---------------------------------------------------------------------------- */

/** Sets bits of hs->properties. INTERNAL where the script excludes them, or they would change what is done already. */
DOR_MUST_USE dor_result dor__property_set(dor_tls *t, unsigned properties);

/** The version is settled: its script from now on. */
DOR_MUST_USE dor_result dor__version_settle(dor_tls *t, uint16_t version);

/** The suite is settled: starts the transcript's hash. */
DOR_MUST_USE dor_result dor__suite_settle(dor_tls *t, const dor_suite *suite);

/** Makes records of the flight gathered so far, under the present sending keys. */
DOR_MUST_USE dor_result dor__flight_flush(dor_tls *t);

/** Puts payload into the output, under the present sending keys and in records as the peer and the config will have them. */
DOR_MUST_USE dor_result dor__records_send(dor_tls *t, uint8_t type, dor_span payload);

/** Appends a change_cipher_spec record (flushing first). */
DOR_MUST_USE dor_result dor__ccs_write(dor_tls *t);

/** TLS 1.3: the one for middleboxes, unless it is out or not due (RFC 8446 appendix D.4). */
DOR_MUST_USE dor_result dor__compat_ccs_write(dor_tls *t);

/**
 * Takes `next` as receiving keys. Handshake bytes of the old keys must not be left over: unexpected_message,
 * EXCESS_HANDSHAKE_DATA. Owns `next`, also on failure.
 */
DOR_MUST_USE dor_result dor__read_keys_set(dor_tls *t, dor_protection *next);

/** Flushes the flight under the old keys, then takes `next` as sending keys. Owns `next`, also on failure. */
DOR_MUST_USE dor_result dor__write_keys_set(dor_tls *t, dor_protection *next);

/** The last step of every script: both proofs are there, application data may flow. INTERNAL when they are not. */
DOR_MUST_USE dor_result dor__handshake_complete(dor_tls *t);
extern const dor_action dor__step_complete;

/** A handshake message outside any script (tickets, KeyUpdate): straight to records, not in the transcript. */
DOR_MUST_USE dor_result dor__message_write(dor_tls *t, uint8_t type, dor_span body);

typedef enum dor_proof {
    DOR_PROOF_SIGNATURE, /* the peer's handshake signature verified with hs->peer_key */
    DOR_PROOF_DECRYPTED, /* static RSA: the server's Finished shows that it has the key of the certificate */
    DOR_PROOF_SESSION,   /* it knows the secret of hs->session */
    DOR_PROOF_PSK,       /* it knows the key of hs->psk */
    DOR_PROOF_NOT_REQUIRED /* a server that can do without */
} dor_proof;

/** The one place that sets proof_peer; refuses what the config does not allow. */
DOR_MUST_USE dor_result dor__prove_peer(dor_tls *t, dor_proof how);

/** The one place that sets proof_finished: constant-time comparison, decrypt_error with BAD_FINISHED. */
DOR_MUST_USE dor_result dor__prove_finished(dor_tls *t, dor_span expected, dor_span received);

/* ---- questions: question.c ------------------------------------------------------------------------------- */

/** True while the handshake waits for an answer. */
static inline bool dor__asking(const dor_tls *t)
{
    return t->hs && t->hs->question != DOR_TLS_QUESTION_NONE;
}

/** For a handler: asks, unless that was answered already; then it does nothing. See dor__asking for which it was. */
void dor__tls_ask(dor_tls *t, dor_tls_question_kind kind);

/** A client's, behind the server's first messages: asks what to do with it where the config wants that. */
extern const dor_action dor__step_ask_hello;

/**
 * Signs content with hs->identity and hs->scheme. Where the key is elsewhere it asks, and the caller has to return (see
 * dor__asking); when it comes again this gives the answer.
 */
DOR_MUST_USE dor_result dor__handshake_sign(dor_tls *t, dor_span content, uint8_t sig[DOR_SIG_MAX_LEN],
                                            size_t *sig_len);

/**
 * Server: the session of that id from outside, a new reference, or NULL. Where it has to be asked for, it asks, and the caller
 * returns (see dor__asking); as it comes again, from the hello's beginning, earlier answers have been found wanting already.
 */
DOR_MUST_USE dor_result dor__session_ask(dor_tls *t, uint16_t version, dor_span id, dor_session **session);

/* ---- alerts: alert.c ------------------------------------------------------------------------------------- */

/** Makes r stick (unless something does already), queues its alert once, ends the handshake. Returns what sticks. */
dor_result dor__tls_fail(dor_tls *t, dor_result r);

/** A warning, such as no_renegotiation. */
DOR_MUST_USE dor_result dor__alert_warn(dor_tls *t, dor_alert alert);

/** An alert record's payload. *closed: it was close_notify. */
DOR_MUST_USE dor_result dor__alert_receive(dor_tls *t, dor_span payload, bool *closed);

/* ---- certificates: credentials.c ------------------------------------------------------------------------- */

/** How well a chain has to suit the peer beside its key; each is tried when nothing passed the one before it. */
typedef enum dor_chain_fit {
    DOR_FIT_ISSUER, /* it is under an authority that the peer names, and signed in ways that it takes */
    DOR_FIT_SIGNED, /* signed in ways that it takes */
    DOR_FIT_ANY,
    DOR_FITS
} dor_chain_fit;

/**
 * Picks hs->identity and hs->scheme: the first of our identities whose key can sign in a way that the peer takes and
 * t->version allows, whose chain the peer says it can verify, and which is under an authority that it names, if it does.
 * When there is none, the first that is only verifiable, then the first whose key fits, since a chain that the peer may not
 * verify is better than none (RFC 8446 section 4.4.2.2). kx restricts the key's kind in TLS 1.2 (DOR_KX_13: no restriction).
 * *found is false when nothing fits; that is the caller's to judge.
 */
void dor__identity_choose(dor_tls *t, dor_kx_kind kx, bool *found);

/** The same for identity number `index` alone. */
bool dor__identity_take(dor_tls *t, size_t index, dor_kx_kind kx, dor_chain_fit fit);

/** Why none was found: NO_ISSUER when the authorities alone keep all of them out, NO_SIGNATURE_SCHEME. */
dor_reason dor__identity_none(const dor_tls *t);

/**
 * Client, asked for a certificate and without one that fits: nothing, then it shows none (RFC 8446 section 4.4.2, RFC 5246
 * section 7.4.6); with require_own_cert handshake_failure and the reason.
 */
DOR_MUST_USE dor_result dor__identity_missing(const dor_tls *t, dor_reason reason);

/** DistinguishedName list of either version: which of our identities are under one of them. decode_error for a broken one. */
DOR_MUST_USE dor_result dor__authorities_read(dor_tls *t, dor_span list);

/** The same list into hs->peer_cert_schemes alone (signature_algorithms_cert). */
DOR_MUST_USE dor_result dor__cert_schemes_read(dor_tls *t, dor_reader *r);

/** One certificate of the peer's chain, leaf first. Bounded by config->max_certificates. */
DOR_MUST_USE dor_result dor__peer_chain_add(dor_tls *t, dor_span der);

/** The chain is complete: reads the leaf's key, and validates the path and name when the config asks for it. */
DOR_MUST_USE dor_result dor__peer_chain_verify(dor_tls *t);

/** The peer's choice of scheme: one that we offered and that fits version and key; illegal_parameter if not. */
DOR_MUST_USE dor_result dor__peer_scheme_check(dor_tls *t, dor_sig_scheme scheme);

/**
 * The certificate is not shown again when a session is resumed. So what the config wants of it now is asked of the session:
 * that there is one, that it was verified and its anchor is trusted still, that it has not expired, a server's name.
 */
bool dor__session_peer_suits(const dor_tls *t, const dor_session *session);

/** Server: whether the program lets a session be resumed that everything else allows; the last to be asked. */
bool dor__session_policy_agrees(const dor_tls *t, const dor_session *session, dor_span id);

/** Server: the store can do with tickets of the kind that the config asks for. */
bool dor__tickets_possible(const dor_tls_config *config);

/** Server: tickets say that early data may come with them, and replays will be known. */
bool dor__early_possible(const dor_tls_config *config);

/** Leaves of the peer's certificate no more than its dates; for its maker. */
void dor__session_omit_peer(dor_session *session);

/** What a session that is being made remembers of the peer. */
DOR_MUST_USE dor_result dor__session_note_peer(const dor_tls *t, dor_session *session);

/** The peer has shown that it knows the secret of hs->session: it is who it was then. */
DOR_MUST_USE dor_result dor__peer_from_session(dor_tls *t);

/** supported_signature_algorithms<2..2^16-2>, with its length: into w, and from a span into hs->peer_schemes. */
DOR_MUST_USE dor_result dor__schemes_write(const dor_tls *t, dor_bytes *w);
DOR_MUST_USE dor_result dor__schemes_read(dor_tls *t, dor_reader *r);

/* ---- small shared things: handshake.c -------------------------------------------------------------------- */

/** Records ALPN's result or the server name in the connection (copied). */
DOR_MUST_USE dor_result dor__alpn_set(dor_tls *t, dor_span protocol);
DOR_MUST_USE dor_result dor__server_name_set(dor_tls *t, dor_span name);
DOR_MUST_USE dor_result dor__psk_identity_set(dor_tls *t, dor_span identity);
dor_span dor__alpn_get(const dor_tls *t);
dor_span dor__psk_identity_get(const dor_tls *t);
dor_span dor__server_name_get(const dor_tls *t);

/** True when the config lists the group / the suite (for that version). */
bool dor__config_has_group(const dor_tls_config *config, dor_group group);
const dor_suite *dor__config_suite(const dor_tls_config *config, uint16_t id, uint16_t version);
bool dor__config_has_version(const dor_tls_config *config, uint16_t version);

/** The highest version that the config really has (0: none), its suites and groups considered. */
uint16_t dor__config_max_version(const dor_tls_config *config);

/** The same two for this handshake: a renegotiation is of the connection's version and no other (RFC 8446 section 4.1.2). */
bool dor__has_version(const dor_tls *t, uint16_t version);
uint16_t dor__max_version(const dor_tls *t);

/** The best suite in common for a version, by our order or the client's; NULL: none. `accept` may refuse one (NULL: takes all). */
const dor_suite *dor__suite_choose(const dor_tls *t, dor_span peer_suites, uint16_t version,
                                   bool (*accept)(const dor_tls *t, const dor_suite *suite));

/** The curve of a key as a group; 0 for keys on none that has a bit. supported_groups.c */
dor_group dor__curve_of_key(dor_key_type type);

/** A bit of dor_handshake.peer_curves; 0 for groups that are no curve of certificates. supported_groups.c */
uint8_t dor__curve_bit(dor_group group);

/** The best group in common by our order or the client's, of the families 1 << dor_group_family; 0: none. */
dor_group dor__group_choose(const dor_tls *t, unsigned families);

/* ---- key exchange: key_exchange.c -------------------------------------------------------------------------- */

/** The shared secret of hs->kx and what the peer made of its public value; the pair is gone afterwards. */
DOR_MUST_USE dor_result dor__key_exchange_derive(dor_tls *t, dor_span peer_public);

/** Our answer to the peer's share (hs->kx, whose public value is to be sent), and the shared secret. */
DOR_MUST_USE dor_result dor__key_exchange_respond(dor_tls *t, dor_group group, dor_span peer_public);

/** The shared secret, borrowed until it is wiped; empty when there is none. */
dor_span dor__shared_secret(const dor_handshake *hs);
void dor__shared_secret_wipe(dor_handshake *hs);

/** Frees the pairs of shares that were sent. */
void dor__shares_free(dor_handshake *hs);

/** Server: whether the client's hello has a share for the group, and which. */
bool dor__peer_share(const dor_handshake *hs, dor_group group, dor_span *value);

/** Server: how many shares there are in it, of whatever groups. */
size_t dor__peer_share_count(const dor_handshake *hs);

/**
 * Server, after a TLS 1.3 ClientHello: suite, group and share, ticket or identity; or that a HelloRetryRequest is
 * needed. negotiate_13.c
 */
DOR_MUST_USE dor_result dor__negotiate_13(dor_tls *t);

/* ---- where TLS 1.2 plugs in: negotiate_12.c and the *_12.c files ----------------------------------------- */

/**
 * Server, after the extensions of a ClientHello were acted upon and 1.2 was settled: chooses suite (hs->peer_suites),
 * group, identity and scheme or a session to resume (hs->session_id), calls dor__suite_settle, fills hs->v12.session_id,
 * sets properties (RESUMED, CLIENT_AUTH).
 */
DOR_MUST_USE dor_result dor__negotiate_12(dor_tls *t);

/**
 * Client, after a 1.2 ServerHello's fields and extensions were acted upon (suite is settled, hs->v12.session_id holds what
 * the server said): resumed or not, and whether that is consistent with hs->session.
 */
DOR_MUST_USE dor_result dor__server_hello_accept_12(dor_tls *t);

/** Whether a session can be offered in a ClientHello by its id (client). */
bool dor__session_offerable_12(const dor_tls *t, const dor_session *session);

/** The connection failed: neither side resumes its session any more (RFC 5246 section 7.2.2). */
void dor__session_forget_12(dor_tls *t);

#endif
