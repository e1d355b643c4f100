/*
 * proto_inside.h - changes to what handshake records hold, on their way between two ends: those in the clear as they are,
 * TLS 1.3's opened, changed and sealed again, so that a change gets past decryption.
 *
 * Used as a pair's tamper function. Records under keys that are not TLS 1.3's handshake keys go on as they are.
 */
#ifndef TESTS_SUPPORT_PROTO_INSIDE_H
#define TESTS_SUPPORT_PROTO_INSIDE_H

#include "support/proto_pair.h"

#include "record/record.h"

typedef struct proto_inside {
    proto_pair *pair;
    /** May change one record's content, which are whole messages. sealed: it was under keys. */
    void (*change)(void *ctx, dor_tls_role from, bool sealed, dor_bytes *content);
    void *ctx;

    bool have_keys[2], changed_keys[2]; /* by who writes with them */
    dor_protection open[2], seal[2];
} proto_inside;

/** The tamper function; ctx is a proto_inside with the first three filled in and the rest zero. */
void proto_inside_tamper(void *ctx, dor_tls_role from, dor_bytes *data);

void proto_inside_fini(proto_inside *inside);

#endif
