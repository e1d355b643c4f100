/*
 * dormouse/session.h - resumption: what servers and clients remember of each other, and the keys of tickets.
 *
 * A server remembers TLS 1.2 sessions by their ids in a cache that belongs to its listener, or is shared by several. What
 * it does not remember travels in tickets, sealed with keys that change by themselves or come from outside.
 * docs/sessions.md says what is resumed when. Calls answer DOR_OK or a code.
 *
 * Threads: calls on sockets as dormouse/ssl.h says; those on options, one thread at a time for each object; all else any.
 */
#ifndef DORMOUSE_SESSION_H
#define DORMOUSE_SESSION_H

#include <dormouse/ssl.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- a server's cache ------------------------------------------------------------------------------------ */

/** Sessions by id, and ticket keys, of one or more listeners; counted, any thread. */
typedef struct dor_session_cache dor_session_cache;

/**
 * A cache for listeners to share. Of options (NULL: defaults) it takes "max_sessions", "max_session_bytes",
 * "session_lifetime", "ticket_key_period", "ticket_key_overlap" and "ticket_keys". Share it among listeners that are one
 * service: who resumes a session is taken for whom the session says, on every one of them. The caller releases it.
 */
DOR_API int dor_session_cache_new(const dor_options *options, dor_session_cache **cache);
DOR_API dor_session_cache *dor_session_cache_ref(dor_session_cache *cache);

/** With the last reference, listeners' among them, sessions and keys are wiped. Harmless with NULL. */
DOR_API void dor_session_cache_unref(dor_session_cache *cache);

/**
 * A listener's cache, in place of one of its own (option session_cache; a reference is taken). NULL: one of its own. With
 * the options that decide what a cache is like it contradicts itself: DOR_E_OPTION_CONFLICT from the call that listens.
 */
DOR_API int dor_options_set_session_cache(dor_options *options, dor_session_cache *cache);

/** What a cache holds and has seen since it was made. */
typedef struct dor_session_statistics {
    uint64_t sessions;        /**< held now */
    uint64_t bytes;           /**< that they take */
    uint64_t stored;          /**< sessions that were put in */
    uint64_t hits;            /**< look-ups that found one */
    uint64_t misses;          /**< that did not, or found one that had expired */
    uint64_t evicted;         /**< the least recently used that made room */
    uint64_t expired;         /**< past their lifetime, found by a look-up or by the sweep */
    uint64_t removed;         /**< made non-resumable by a fatal alert (RFC 5246 section 7.2.2) or used up */
    uint64_t tickets_sealed;  /**< by a server */
    uint64_t tickets_opened;  /**< that a client brought back */
    uint64_t tickets_refused; /**< that were not ours, altered, or under a key that has gone */
} dor_session_statistics;

/** What a cache holds and has seen. Any thread; no waiting. */
DOR_API int dor_session_cache_get_statistics(dor_session_cache *cache, dor_session_statistics *statistics);

/** Those of a listener's cache, its own or a shared one. Immediate; DOR_E_EINVAL for a connection. */
DOR_API int dor_ssl_get_session_statistics(dor_socket listener, dor_session_statistics *statistics);

/* ---- sessions kept elsewhere ----------------------------------------------------------------------------- */

/**
 * A store of the program's, perhaps on another machine, for what a server keeps of sessions: TLS 1.2's by id, and TLS 1.3's
 * where session_tickets is stateful. The functions run on the connection's scheduler, several at once where there are several;
 * they must not block nor call into the connection, and what they are given is valid during the call alone. id is opaque, at
 * most 64 bytes; data is a secret of at most 256 KiB: who reads it reads the session's traffic and can be taken for its client,
 * and who writes to the store can be any client. Wipe copies; keep both from the wire, or seal them.
 */
typedef struct dor_session_store_ops {
    /** Answers, there or later, by dor_question_session; a reference to question comes along (dormouse/signer.h). */
    void (*lookup)(void *arg, const void *id, size_t id_len, dor_question *question);
    /** Keeps data for lifetime_s seconds, or for less; in the place of what there is. */
    void (*store)(void *arg, const void *id, size_t id_len, const void *data, size_t len,
                  uint32_t lifetime_s);
    /** The session is not to be resumed any more; perhaps there is none. */
    void (*remove)(void *arg, const void *id, size_t id_len);
} dor_session_store_ops;

/**
 * A server's store of sessions, in place of its cache (option session_cb); all functions are given. ops is copied; arg must live
 * as long as the connections and listeners that these options are used for. What comes back is judged as what a cache holds is
 * (name, suite, version, lifetime, certificate, option reuse_session). DOR_E_OPTION_CONFLICT from the call that listens, with
 * max_sessions or max_session_bytes. NULL: none. Source: session_cb.
 */
DOR_API int dor_options_set_session_store(dor_options *options, const dor_session_store_ops *ops, void *arg);

/**
 * The answer to a lookup, as signer.h says of answers: what store was given, which is copied; len 0: there is none. Damaged data,
 * or a session that was stored under another id, count as none, and so does a refusal: the handshake is a full one. Also
 * DOR_E_BADARG, DOR_E_TOO_BIG and DOR_E_NOMEM, likewise.
 */
DOR_API int dor_question_session(dor_question *question, const void *data, size_t len);

/**
 * Of a lookup: not 0 when the session may be used once (a TLS 1.3 ticket). A store that can look up and remove in one step
 * should; otherwise two connections at the same moment may both resume. remove is called in any case.
 */
DOR_API int dor_question_once(const dor_question *question);

/* ---- who decides ----------------------------------------------------------------------------------------- */

/** A session that a client wants to resume and that everything else allows. Valid during the call. */
typedef struct dor_session_offer {
    const uint8_t *id;        /**< TLS 1.2: the session's id; TLS 1.3: the ticket */
    size_t id_len;            /**< bytes */
    const uint8_t *peer_cert; /**< the client's certificate in DER; NULL: none was shown, or it is not kept */
    size_t peer_cert_len;     /**< bytes */
    const char *protocol;     /**< "tlsv1.2" */
    const char *cipher_suite; /**< IANA's name */
    uint8_t compression;      /**< always 0: none */
} dor_session_offer;

/** Not 0: resume it; 0: a full handshake. Runs on the connection's scheduler and must not block. */
typedef int (*dor_reuse_session_fn)(const dor_session_offer *offer, void *arg);

/**
 * A server's own policy of resumption; asked last. arg outlives the listener and its connections. NULL: none. Source: option
 * reuse_session of servers (there it has the four values of TLS 1.2 as arguments).
 */
DOR_API int dor_options_set_reuse_session(dor_options *options, dor_reuse_session_fn fn, void *arg);

/* ---- sessions in bytes ----------------------------------------------------------------------------------- */

/**
 * Writes a client's session to data, for a file or another process; *len gets its length, also when cap is too small
 * (DOR_E_TOO_BIG; then nothing is written, and data may be NULL with cap 0). What is written is secret: whoever has it can be
 * taken for this client and read what is sent in a TLS 1.2 session. It
 * has the server's name and certificate.
 */
DOR_API int dor_ssl_session_serialise(const dor_ssl_session *session, void *data, size_t cap, size_t *len);

/** The reverse; the caller releases it. DOR_E_EINVAL for bytes that are no session of this version of the form. */
DOR_API int dor_ssl_session_parse(const void *data, size_t len, dor_ssl_session **session);

/* ---- what clients remember ------------------------------------------------------------------------------- */

/*
 * The clients of a runtime remember TLS 1.2 sessions (option reuse_sessions: true or save) and TLS 1.3 tickets
 * (session_tickets: auto) by host, port and everything that decides whether the server is believed; connecting again
 * resumes by itself. A ticket is used once. What dor_options_set_session gives comes first.
 */

/**
 * Bounds of a runtime's memory (NULL: the default runtime): servers, at least recently used ones first to go, and bytes.
 * 1000 and 16 MiB by default; max_servers 0 forgets everything and remembers nothing. Any thread. DOR_E_NO_SESSION when there
 * is no such memory yet: the runtime has had no sockets.
 */
DOR_API int dor_ssl_limit_client_sessions(dor_runtime *runtime, size_t max_servers, size_t max_bytes);

/** What the clients of a runtime remember; zeros as long as it has had no sockets. hits: connections that had something to
 * resume. Any thread. */
DOR_API int dor_ssl_get_client_session_statistics(dor_runtime *runtime, dor_session_statistics *statistics);

/* ---- ticket keys ----------------------------------------------------------------------------------------- */

/** A key from outside: 16 bytes that name it in every ticket, then 32 bytes for AES-256-GCM. */
enum {
    DOR_TICKET_KEY_BYTES = 48, /**< of one key */
    DOR_TICKET_KEYS_MOST = 16  /**< keys at a time */
};

/**
 * The keys that a server's tickets are sealed with, for machines and processes that share them (option ticket_keys; in
 * JSON a list of base64 texts): count keys, one behind the other, each of key_len bytes, which must be
 * DOR_TICKET_KEY_BYTES. The first one seals, all of them open. All bytes should be random; no two keys have one name. They
 * do not change by themselves. Copied; wiped with the options.
 */
DOR_API int dor_options_set_ticket_keys(dor_options *options, const void *keys, size_t count, size_t key_len);

/**
 * Takes new keys for a running listener, in the same form; those it had, its own or given ones, open no longer, unless they
 * are among the new. To change keys on several machines: give all of them the new key in second place, and when they have
 * it, in first place. Any thread; DOR_E_EINVAL for a connection, DOR_E_WOULD_DEADLOCK for an actor on another scheduler
 * than the listener's. It holds for all listeners that share the cache.
 */
DOR_API int dor_ssl_set_ticket_keys(dor_socket listener, const void *keys, size_t count, size_t key_len);

#ifdef __cplusplus
}
#endif
#endif
