/* psk_13.h - resumption by ticket in TLS 1.3 (RFC 8446 sections 2.2, 4.2.11 and 4.6.1). */
#ifndef DOR_TLS_PSK_13_H
#define DOR_TLS_PSK_13_H

#include "tls/handshake.h"

/** Client: whether hs->session can be offered in the hello that is being written. */
bool dor__session_offerable_13(const dor_tls *t);

/** Client: pre_shared_key's contents, the binder still zero. */
DOR_MUST_USE dor_result dor__psk_offer_write(const dor_tls *t, dor_bytes *w);

/** Client: the hello is complete but for the binder, which stands at its end. */
DOR_MUST_USE dor_result dor__psk_binder_fill(dor_tls *t, dor_bytes *w);

/**
 * Server: the first of the client's tickets that opens, is fresh and fits what was negotiated, becomes hs->session;
 * its binder must verify: decrypt_error. *accepted false: there is none, and the handshake is a full one.
 */
DOR_MUST_USE dor_result dor__psk_choose(dor_tls *t, bool *accepted);

/** Server: the session that a ticket of the config's kind stands for, of whichever version; NULL if none. A new reference. */
DOR_MUST_USE dor_result dor__ticket_session(dor_tls *t, dor_span ticket, dor_session **session);

#endif
