/*
 * config.h - what a listener or a connect call has decided, frozen and shared by all its connections.
 *
 * Filled by its maker, then handed over by count; nobody changes it afterwards.
 */
#ifndef DOR_TLS_CONFIG_H
#define DOR_TLS_CONFIG_H

#include "tls/external_psk.h"
#include "tls/replay_window.h"
#include "tls/session.h"
#include "tls/suite.h"
#include "x509/path.h"

enum {
    DOR_MAX_SUITES = 64,
    DOR_MAX_GROUPS = 16,
    DOR_MAX_SCHEMES = 24,
    DOR_MAX_IDENTITIES = 8,
    DOR_MAX_OWN_SHARES = 4,
    DOR_MAX_COMPRESSIONS = 4
};

/** A way to compress certificates (RFC 8879), given from outside. Its functions are called on any connection's thread. */
typedef struct dor_cert_compression {
    uint16_t id; /* IANA, "TLS Certificate Compression Algorithm IDs" */
    const char *name;
    /** Appends `in`, compressed, to out; nothing where that would be of no use. */
    dor_result (*compress)(dor_span in, dor_bytes *out);
    /** bad_certificate with CERT_DECOMPRESSION unless all of `in` is what out_len bytes were compressed to; NOMEM where there is not
     *  the memory to tell. Never writes more. What it takes is bounded. */
    dor_result (*decompress)(dor_span in, uint8_t *out, size_t out_len);
} dor_cert_compression;

typedef struct dor_packed_certificate dor_packed_certificate; /* message/compressed_certificate.c */

/** A certificate chain with its key. */
typedef struct dor_identity {
    dor_certificate **chain; /* leaf first */
    size_t chain_count;
    dor_private_key *key;
    uint32_t chain_schemes; /* dor__cert_scheme_bit of the signatures that a peer has to verify */
    dor_bytes status;       /* OCSPResponse in DER that a client gets when it asks; empty: none */
    dor_bytes timestamps;   /* SignedCertificateTimestampList, with its length; empty: none */
    bool may_sign;          /* the leaf's keyUsage has nothing against signing a handshake */
    bool may_decrypt;       /* nor against static RSA */
    bool only_for_issuers;  /* shown to peers alone that name an authority of the chain's */
    /* What the key signs with, best first. None: what the config's schemes say, which are for both directions. */
    dor_sig_scheme schemes[DOR_MAX_SCHEMES];
    size_t scheme_count;
    dor_packed_certificate *packed; /* as they went out compressed; grows at its head, by any thread */
} dor_identity;

/**
 * Where a server keeps TLS 1.2 sessions and ticket keys; may be called from several threads at once. Sessions are passed
 * by reference count: store takes its own, lookup gives one to the caller (NULL: none).
 */
typedef struct dor_tls_store_ops {
    void (*store)(void *ctx, dor_session *session);
    dor_session *(*lookup)(void *ctx, int64_t now_ms, dor_span id);
    void (*remove)(void *ctx, dor_span id);
    /** As lookup, of a TLS 1.3 session alone, which is gone from the store then; NULL: no stateful tickets. */
    dor_session *(*take)(void *ctx, int64_t now_ms, dor_span id);
    /** With ask_session, in place of the two: a TLS 1.3 session that was asked for has been used, and goes. */
    void (*used)(void *ctx, dor_span id);
    /**
     * True for the first hello with this binder, which is remembered (replay_window.h); of a ticket made at created_ms. NULL: no
     * early data with sealed tickets.
     */
    bool (*early_once)(void *ctx, int64_t now_ms, int64_t created_ms, dor_span binder);
    /** TLS 1.3 tickets; NULL functions: none are issued, none accepted. */
    dor_result (*ticket_seal)(void *ctx, int64_t now_ms, dor_rng *rng, dor_span plain, dor_bytes *ticket);
    dor_result (*ticket_open)(void *ctx, int64_t now_ms, dor_span ticket, dor_bytes *plain, bool *opened);
} dor_tls_store_ops;

/** What a TLS 1.3 server's tickets are. */
typedef enum dor_ticket_kind {
    DOR_TICKETS_STATELESS, /* the session, sealed */
    DOR_TICKETS_STATEFUL   /* an id in the store, of use once */
} dor_ticket_kind;

/** Whether the peer is told whom we trust. */
typedef enum dor_naming {
    DOR_NAME_NONE,
    DOR_NAME_IF_SHORT, /* unless it is more than the peer should be troubled with */
    DOR_NAME_ALL
} dor_naming;

typedef struct dor_tls_config {
    uint32_t ref_count_;

    uint16_t min_version, max_version;
    uint16_t suites[DOR_MAX_SUITES]; /* in order of preference */
    size_t suite_count;
    dor_group groups[DOR_MAX_GROUPS];
    size_t group_count;
    dor_group key_shares
        [DOR_MAX_OWN_SHARES]; /* client, TLS 1.3: those of groups that get a share in the first hello */
    uint8_t key_share_count;
    bool
        key_shares_given; /* else: the first group, and with a hybrid its curve where that is in groups too */
    dor_sig_scheme schemes[DOR_MAX_SCHEMES];
    size_t scheme_count;
    bool honor_cipher_order; /* server: ours decides */

    dor_identity identities[DOR_MAX_IDENTITIES];
    size_t identity_count;

    dor_trust_store *trust;   /* may be NULL with verify_peer false */
    bool verify_peer;         /* client: the server; server: ask for a certificate */
    bool verify_host;         /* client: the name too */
    bool require_peer_cert;   /* server: an empty answer fails */
    uint8_t name_authorities; /* dor_naming; dor__tls_config_name_trusted goes by it */
    dor_bytes
        authorities; /* names (DER, each with its length) that the peer's certificate should be under, as
                               it is told; empty: nothing is said. dor__tls_config_add_authority */
    bool
        require_own_cert; /* client with identities: fails where none is what the server asks for, rather than
                               show none */
    uint8_t depth;
    /** The program's word about a peer's chain that passed everything else (with verify_peer alone); a failure is told to the
     *  peer. Not asked again when a session is resumed. NULL: nobody has one. */
    dor_result (*verify)(void *ctx, dor_certificate *const *chain, size_t count);
    void *verify_ctx;
    bool verify_resumed; /* asked then too, about the session's certificate */

    dor_bytes
        alpn; /* ProtocolName list as on the wire (each with its length byte), without the outer length */
    bool send_server_name; /* client */
    bool ask_status;       /* client: for the status of the server's certificate (OCSP stapling) */
    bool ask_timestamps;   /* client: for its timestamps (RFC 6962) */
    const dor_cert_compression
        *compressions[DOR_MAX_COMPRESSIONS]; /* TLS 1.3: of certificates, best first; */
    uint8_t compression_count;               /* none: neither taken nor sent */

    bool grease;     /* client: values that mean nothing stand in its lists (RFC 8701) */
    bool ech_grease; /* client, TLS 1.3: what looks like Encrypted Client Hello (RFC 9849 section 6.2) */

    bool resumption; /* offer or accept it */
    bool
        resume_without_ems; /* TLS 1.2 sessions without extended master secret too (RFC 7627 section 5.4: better not) */
    uint8_t
        ticket_count; /* server, TLS 1.3: tickets after a full handshake (default 2; after resumption 1) */
    uint32_t session_lifetime_s;
    const dor_tls_store_ops *store; /* server; NULL: no resumption */
    void *store_ctx;
    bool
        tickets_disabled; /* none are sent and none taken; a client neither asks for TLS 1.2's nor shows one */
    bool tickets_12;      /* server: TLS 1.2's too (RFC 5077), where ticket_kind is STATELESS */
    uint8_t ticket_kind;  /* dor_ticket_kind */
    bool ticket_omits_cert; /* server: what a ticket stands for holds no certificate of the client */
    void (*reuse_fn)(
        void); /* server: the program's word about a session that may be resumed otherwise, and its argument */
    void *reuse_arg;
    bool (*reuse)(void (*fn)(void), void *arg, const dor_session *session,
                  dor_span id); /* asks for it; NULL: resumed */

    bool early_data;         /* client: say that early data follows, where the session allows it */
    uint32_t max_early_data; /* server: bytes of it that tickets allow and a connection takes; 0: none */
    uint8_t psk_modes; /* dor_psk_mode bits that are offered or taken; DHE_KE unless psk_ke is asked for */
    dor_psks
        *psks; /* external pre-shared keys: a client's offers, a server's clients; NULL: none. A reference */
    bool ask_psk;        /* server: identities that are not in psks are asked for (question.h) */
    bool psk_fallback;   /* client with psks: a server that takes none of them is judged by its certificate */
    bool psk_reflection; /* server: hellos of our own process's clients are taken, too */
    bool has_reflection_secret;
    uint8_t reflection_secret[32]; /* of the process: a server knows hellos of its own side's clients by it */

    bool exporters;    /* keep what exporting keying material needs (kept.h) */
    bool keep_secrets; /* and what a debugger may ask for later */
    /** Each secret as it comes to be, an NSS key log line without the newline; on the connection's thread. NULL: none. */
    void (*key_log)(void *ctx, const char *line);
    void *key_log_ctx;
    bool ask_hello;     /* stop at the peer's hello and ask what to do (question.h) */
    bool ask_session;   /* server: sessions by id are not looked up in the store but asked for (question.h) */
    bool ask_signature; /* and for each signature, also where the key is here */

    bool renegotiation;                  /* TLS 1.2: by us, and by a server that we are the client of */
    bool client_renegotiation;           /* server, TLS 1.2: by its client */
    bool require_secure_renegotiation;   /* TLS 1.2: a peer without RFC 5746 is refused */
    uint16_t max_renegotiations;         /* that the peer begins, on one connection (default 16) */
    uint16_t max_refused_renegotiations; /* refused to it without data between (default 4) */
    bool post_auth; /* TLS 1.3: client: may be asked for a certificate later; server: asks then, not before */
    uint64_t key_update_at;  /* TLS 1.3: bytes sent under one key, at most; 0: what the cipher allows */
    uint64_t renegotiate_at; /* TLS 1.2, with renegotiation: the same */

    bool middlebox_compat; /* RFC 8446 appendix D.4 */
    uint16_t
        record_size_limit; /* what the peer is told (RFC 8449), 64 to 2^14 + 1; 0: a client says nothing */
    uint16_t
        max_fragment_length; /* client: asks for records of at most so many bytes (RFC 6066); 0: it does not */
    uint16_t max_send_fragment; /* plaintext in one record of ours, at most; 0: as the peer will have it */
    uint16_t record_padding;    /* TLS 1.3: records are padded to multiples of so many bytes; 0: not at all */
    uint32_t max_handshake_len; /* one message, bytes (default 64 KiB) */
    uint32_t max_handshake_memory; /* a handshake's arena, bytes (default 256 KiB) */
    uint16_t max_certificates;     /* in the peer's chain (default 10) */
    uint16_t max_key_updates;      /* from the peer without data between (default 32) */
    uint16_t max_empty_records;    /* in a row (default 32) */
    uint16_t max_warning_alerts;   /* in a row (default 4) */
} dor_tls_config;

/** The safe defaults: both versions, our suites, X25519 P-256 P-384, no identity, peers verified, nothing trusted. */
DOR_MUST_USE dor_result dor__tls_config_new(dor_tls_config **config);
dor_tls_config *dor__tls_config_ref(dor_tls_config *config);
void dor__tls_config_unref(dor_tls_config *config);

/** Adds a chain (references are taken) and its key; KEY_MISMATCH when they do not belong together, LIMIT when full. */
DOR_MUST_USE dor_result dor__tls_config_add_identity(dor_tls_config *config, dor_certificate *const *chain,
                                                     size_t count, dor_private_key *key);

/** What identity number `index` shows beside its certificate; copied. FILE_MALFORMED for timestamps that are no list,
 * TOO_BIG for what no message can hold. */
DOR_MUST_USE dor_result dor__tls_config_staple(dor_tls_config *config, size_t index, dor_span status,
                                               dor_span timestamps);

/** One bit for each scheme that a certificate may be signed with; all others share the last one. */
enum { DOR_CERT_SCHEME_OTHER = 1u << 30 };
uint32_t dor__cert_scheme_bit(dor_sig_scheme scheme);

/** Frees what an identity remembers of its compressed certificates. */
void dor__packed_certificates_free(dor_packed_certificate *packed);

/** Adds a distinguished name in DER to the authorities that the peer is told of; TOO_BIG when the list gets too long. */
DOR_MUST_USE dor_result dor__tls_config_add_authority(dor_tls_config *config, dor_span name);

/**
 * Makes the authorities that the peer is told of those in config->trust, as name_authorities says: each name once. For its maker,
 * whenever trust changes. TOO_BIG with DOR_NAME_ALL alone.
 */
DOR_MUST_USE dor_result dor__tls_config_name_trusted(dor_tls_config *config);

/** Appends an ALPN protocol of 1 to 255 bytes. */
DOR_MUST_USE dor_result dor__tls_config_add_alpn(dor_tls_config *config, dor_span protocol);

#endif
