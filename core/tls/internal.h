/*
 * internal.h - what the machine's own files (engine, handshake, alert) share beside handshake.h.
 */
#ifndef DOR_TLS_INTERNAL_H
#define DOR_TLS_INTERNAL_H

#include "tls/handshake.h"

DOR_MUST_USE dor_result dor__handshake_new(dor_tls *t, const dor_tls_peer *peer);

/** Wipes and releases the handshake, if there is one. */
void dor__handshake_free(dor_tls *t);

/** Takes every action that is ours, up to the peer's turn or the end. */
DOR_MUST_USE dor_result dor__handshake_run(dor_tls *t);

/**
 * The payload of a handshake record. Stops behind a message that made an event; the rest then waits in t->message and
 * is taken up by the next call with an empty payload.
 */
DOR_MUST_USE dor_result dor__handshake_receive(dor_tls *t, dor_span payload, dor_tls_event *event);

/** After an answer: goes on where the question came up, and with what of the peer's was put aside. */
DOR_MUST_USE dor_result dor__handshake_resume(dor_tls *t, dor_tls_event *event);

/** A change_cipher_spec record where the script has one (TLS 1.2); *taken says whether it does. */
DOR_MUST_USE dor_result dor__handshake_receive_ccs(dor_tls *t, bool *taken);

/** Wipes traffic secrets, protections and half-read input. */
void dor__keys_wipe(dor_tls *t);

#endif
