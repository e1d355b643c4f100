/*
 * question.h - a handshake that stops for an answer from outside.
 *
 *     dor__tls_receive(t, data, len, &used, &event);      // event.kind == DOR_TLS_EVENT_QUESTION
 *     dor__tls_get_question(t, &q);                       // what is asked
 *     ... now or at any later time ...
 *     dor__tls_answer_...(t, ...);  or  dor__tls_refuse(t, why);
 *     dor__tls_receive(t, rest, rest_len, &used, &event); // goes on, also with nothing (len 0)
 *
 * Until the answer dor__tls_receive takes nothing and gives the same event again: what the caller has of the peer's bytes
 * it keeps, or leaves in the socket. What the engine had taken already waits inside (at most one record and one message).
 * dor__tls_close and dor__tls_free work at any time; a question has no life beyond its connection.
 *
 * Four things are asked:
 *   HELLO  where config->ask_hello. A server's comes when the first ClientHello is there, of good form as far as
 *          dor_tls_hello tells of it, and before anything is chosen. A client's, behind the server's first words: in TLS
 *          1.3 EncryptedExtensions, in 1.2 ServerHello. Once in a handshake: the hello that follows a HelloRetryRequest
 *          has to say the same, so the answer to the first holds.
 *   SIGN   where the key of our certificate is elsewhere (dor__private_key_elsewhere), or config->ask_signature: then the
 *          key is here, and whoever answers signs with it on another thread.
 *   SESSION where config->ask_session: a server's client shows the id of a TLS 1.2 session, or a TLS 1.3 ticket that may be
 *          one, of the length that ours have. In TLS 1.3 for each such ticket in turn, at most DOR_SESSION_QUESTIONS_MAX, until
 *          one can be used.
 *   PSK    where config->ask_psk: a TLS 1.3 client offers a pre-shared key by an identity that is not in config->psks and is no
 *          ticket that we can open. For each such identity in turn, at most DOR_PSK_QUESTIONS_MAX, until one is known.
 *
 * Threads: as the connection's.
 */
#ifndef DOR_TLS_QUESTION_H
#define DOR_TLS_QUESTION_H

#include "tls/engine.h"

enum { DOR_SESSION_QUESTIONS_MAX = 4 };

typedef enum dor_tls_question_kind {
    DOR_TLS_QUESTION_NONE = 0,
    DOR_TLS_QUESTION_HELLO,
    DOR_TLS_QUESTION_SIGN,
    DOR_TLS_QUESTION_SESSION,
    DOR_TLS_QUESTION_PSK
} dor_tls_question_kind;

/**
 * What the peer said first. Spans are borrowed, until the question is answered. Lists are as on the wire, numbers of two
 * bytes (IANA's), best first, with those that we do not know.
 */
typedef struct dor_tls_hello {
    uint16_t version; /* client: the server's choice; server: legacy_version, which counts without versions */
    const dor_suite *suite; /* client: the server's choice; server: NULL */
    dor_span server_name;   /* server: as sent, or empty; client: whom it calls */
    dor_span alpn;     /* ProtocolNames, each with its length byte; client: the server's choice, without */
    dor_span versions; /* server; empty: the extension was not there */
    dor_span suites;   /* server */
    dor_span groups;   /* server */
    dor_span schemes;  /* server: signature_algorithms */
} dor_tls_hello;

typedef struct dor_tls_question {
    dor_tls_question_kind kind;
    dor_tls_hello hello;          /* HELLO; of SIGN only server_name */
    const dor_identity *identity; /* SIGN: its key is the one to sign with */
    dor_sig_scheme scheme;        /* SIGN */
    dor_span content;      /* SIGN: to be hashed as the scheme says, and signed; borrowed until the answer */
    dor_span session_id;   /* SESSION; borrowed until the answer */
    dor_span psk_identity; /* PSK; borrowed until the answer */
    uint16_t session_version; /* SESSION: of which version it has to be; TLS 1.3's is good for one use */
} dor_tls_question;

/** The open question; kind NONE when there is none. */
void dor__tls_get_question(const dor_tls *t, dor_tls_question *question);

/**
 * HELLO: go on, with another config from now on (NULL: the same; else a reference is taken). A client's must offer what
 * its hello did (versions, suites, groups, schemes, protocols): OPTION_CONFLICT, and the question stays open. EINVAL when
 * that is not what is asked.
 */
DOR_MUST_USE dor_result dor__tls_answer_hello(dor_tls *t, dor_tls_config *config);

/**
 * SIGN: the signature; copied. BADARG, with the question still open, when the key makes none of this length. One of a key
 * that is elsewhere is verified before it goes out, so that a faulty signer neither confuses the peer nor gives the key
 * away by what it got wrong: alert internal_error, SIGNER_WRONG. One of our own keys was made by dor__sign.
 */
DOR_MUST_USE dor_result dor__tls_answer_signature(dor_tls *t, dor_span signature);

/**
 * SESSION: what dor__session_serialise made, from whoever keeps it; empty: there is none. What is no session, or another one
 * than was asked for, is none either. A good one is judged as any other is.
 */
DOR_MUST_USE dor_result dor__tls_answer_session(dor_tls *t, dor_span serialised);

/**
 * PSK: the key of that identity, copied, and the hash that it is for (SHA-256 or SHA-384); an empty one: nobody has it. BADARG,
 * with the question still open: a key of fewer than DOR_PSK_MIN_KEY_LEN bytes, or too long.
 */
DOR_MUST_USE dor_result dor__tls_answer_psk(dor_tls *t, dor_span key, dor_hash_id hash);

/**
 * Any question: ends the handshake, with why's alert or internal_error if it has none. Gives what sticks; EINVAL when
 * nothing is asked.
 */
dor_result dor__tls_refuse(dor_tls *t, dor_result why);

#endif
