/* psk_13.h - pre-shared keys in TLS 1.3: of tickets, and external ones (RFC 8446 sections 2.2, 4.2.11 and 4.6.1). */
#ifndef DOR_TLS_PSK_13_H
#define DOR_TLS_PSK_13_H

#include "tls/handshake.h"

/** Client: whether hs->session can be offered in the hello that is being written. */
bool dor__session_offerable_13(const dor_tls *t);

/** Client: what its hello can offer, as bits of hs->psk_offers; 0: nothing. */
uint16_t dor__psk_offers(const dor_tls *t);

/** Client: pre_shared_key's contents, the binders still zero. Sets hs->psk_offers. */
DOR_MUST_USE dor_result dor__psk_offer_write(dor_tls *t, dor_bytes *w);

/** Client: the hello is complete but for the binders, which stand at its end. */
DOR_MUST_USE dor_result dor__psk_binders_fill(dor_tls *t, dor_bytes *w);

/** Client: the server has chosen that number of those offered; *known is false when it cannot have. Sets hs->psk. */
DOR_MUST_USE dor_result dor__psk_chosen(dor_tls *t, uint16_t index, bool *known);

/** Both: the secret that the handshake begins with; empty without a PSK. */
dor_span dor__psk_secret(const dor_tls *t);

/**
 * Server: the first of the client's tickets that opens, is fresh and fits what was negotiated, becomes hs->session; or its
 * external PSK becomes hs->psk. The binder must verify: decrypt_error. *accepted false: there is none, and the handshake is a
 * full one; where we have no certificate, that too is decrypt_error, as if the binder had been wrong (appendix E.6).
 */
DOR_MUST_USE dor_result dor__psk_choose(dor_tls *t, bool *accepted);

/** Server: the session that a ticket of the config's kind stands for, of whichever version; NULL if none. A new reference. */
DOR_MUST_USE dor_result dor__ticket_session(dor_tls *t, dor_span ticket, dor_session **session);

/* ---- external_psk_13.c ------------------------------------------------------------------------------------ */

/** Client, where it offers external PSKs: makes the second half of its random a mark. */
DOR_MUST_USE dor_result dor__reflection_sign(dor_tls *t);

/** Server: whether this handshake may be one by an external PSK. */
bool dor__external_psks_taken(const dor_tls *t);

/** Server: looks for hs->known_psk among the client's identities, or asks (see dor__asking). Before the suite is chosen. */
DOR_MUST_USE dor_result dor__external_psk_look(dor_tls *t);

/** Server: the answer; an empty key means that nobody has that identity. */
DOR_MUST_USE dor_result dor__external_psk_answer(dor_tls *t, dor_span key, dor_hash_id hash);

/** Server: for dor__suite_choose. */
bool dor__external_psk_hash_fits(const dor_tls *t, const dor_suite *suite);

/** Server: takes hs->known_psk if the suite is of its hash. */
DOR_MUST_USE dor_result dor__external_psk_choose(dor_tls *t, bool *accepted);

/** Server: the binder has verified. Refuses our own process's clients. */
DOR_MUST_USE dor_result dor__external_psk_prove(dor_tls *t);

/** psk is what both ends begin with; copied, and its identity told by dor__tls_get_info. */
DOR_MUST_USE dor_result dor__external_psk_use(dor_tls *t, const dor_psk *psk);

#endif
