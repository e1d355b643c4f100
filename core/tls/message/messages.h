/*
 * messages.h - every handshake message and step, as actions for the scripts. One file each, named after the message;
 * forms that TLS 1.2 has for itself end in _12.
 */
#ifndef DOR_TLS_MESSAGES_H
#define DOR_TLS_MESSAGES_H

#include "tls/handshake.h"

/* both versions */
extern const dor_action dor__msg_client_hello;
extern const dor_action dor__msg_server_hello;

/** What a ClientHello says, for question.h, its form checked that far (decode_error). Spans borrow from body. */
DOR_MUST_USE dor_result dor__client_hello_look(dor_span body, dor_tls_hello *hello);

/* TLS 1.3, RFC 8446 section 4 */
extern const dor_action dor__msg_hello_retry_request;
extern const dor_action dor__msg_encrypted_extensions;
extern const dor_action dor__msg_certificate_request;
extern const dor_action dor__msg_server_certificate;
extern const dor_action dor__msg_client_certificate;
extern const dor_action dor__msg_server_compressed_certificate; /* RFC 8879, in place of Certificate */
extern const dor_action dor__msg_client_compressed_certificate;
extern const dor_action dor__msg_server_certificate_verify;
extern const dor_action dor__msg_client_certificate_verify;
extern const dor_action dor__msg_server_finished;
extern const dor_action dor__msg_client_finished;
extern const dor_action dor__msg_end_of_early_data;
extern const dor_action dor__msg_new_session_ticket;

/**
 * The Certificate whose body stands in w from `start` on becomes a CompressedCertificate, if the peer takes one and it is
 * of use. compressed_certificate.c
 */
DOR_MUST_USE dor_result dor__certificate_compress(dor_tls *t, dor_bytes *w, size_t start);

/** A step: as many NewSessionTickets as the config says. */
DOR_MUST_USE dor_result dor__tickets_send(dor_tls *t, dor_bytes *w);

/** KeyUpdate, then fresh sending keys (RFC 8446 section 4.6.3). */
DOR_MUST_USE dor_result dor__key_update_send(dor_tls *t, bool ask_peer);
DOR_MUST_USE dor_result dor__key_update_receive(dor_tls *t, dor_span body);

/* ---- keys wear out (key_limit.c): sequence numbers count the records ------------------------------------------------ */

/** In front of data: fresh keys in TLS 1.3 if they are due; KEY_LIMIT where there can be none. */
DOR_MUST_USE dor_result dor__keys_before_data(dor_tls *t);

/** Behind data that took our sequence number from `before` to `after`: TLS 1.2 renegotiates where it may and is to. */
DOR_MUST_USE dor_result dor__keys_behind_data(dor_tls *t, uint64_t before, uint64_t after);

/** Behind a record of the peer's: it is asked for fresh keys when its own are worn. */
DOR_MUST_USE dor_result dor__keys_behind_record(dor_tls *t);

/** HelloRetryRequest, told from a ServerHello by its random: RFC 8446 section 4.1.3. */
extern const uint8_t dor__hello_retry_random[DOR_RANDOM_LEN];

/* TLS 1.2, RFC 5246 section 7.4 */
extern const dor_action dor__msg_server_certificate_12;
extern const dor_action dor__msg_certificate_status_12;
extern const dor_action dor__msg_server_key_exchange_12;
extern const dor_action dor__msg_certificate_request_12;
extern const dor_action dor__msg_server_hello_done_12;
extern const dor_action dor__msg_client_certificate_12;
extern const dor_action dor__msg_client_key_exchange_12;
extern const dor_action dor__msg_client_key_exchange_rsa_12;
extern const dor_action dor__msg_certificate_verify_12;
extern const dor_action dor__msg_server_finished_12;
extern const dor_action dor__msg_new_session_ticket_12;
extern const dor_action dor__msg_client_finished_12;
extern const dor_action dor__msg_hello_request_12;      /* to a connected client */
extern const dor_action dor__msg_client_hello_again_12; /* to a connected server: renegotiation, refused */

#endif
