/*
 * Tickets that a client shows, of any bytes:
 *
 *     kind, ticket                   as they are: nothing opens that our key did not seal
 *     kind | SEALED, session         sealed by us: what was sealed comes out again, and then parses or does not
 */
#include "tls/session.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEALED = 1 };

static void must(bool what)
{
    if (!what) abort();
}

static void parse(dor_span plain)
{
    dor_session *session;
    if (dor__failed(dor__session_parse(plain, &session))) {
        must(!session);
        return;
    }
    must(session->secret_len <= DOR_SESSION_MAX_SECRET && session->id_len <= DOR_SESSION_MAX_ID);
    (void)dor__session_fresh(session, 0);
    (void)dor__session_memory(session);
    dor__session_unref(session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dor_rng *rng;
    dor_ticket_key key;
    dor_bytes ticket = DOR_BYTES_EMPTY, plain = DOR_BYTES_EMPTY;
    bool opened;
    if (size < 1) return 0;
    bool sealed = data[0] & SEALED;
    dor_span content = dor__span(data + 1, size - 1);
    must(dor__ok(dor__rng_new_seeded(&rng, dor__span_str("ticket"))));
    must(dor__ok(dor__ticket_key_make(&key, rng)));
    if (sealed)
        must(dor__ok(dor__ticket_seal(&key, rng, content, &ticket)));
    else
        must(dor__ok(dor__bytes_append(&ticket, content)));
    /* The name is no secret: an attacker has it from a ticket of its own. */
    if (!sealed && ticket.len >= DOR_TICKET_NAME_LEN) memcpy(ticket.ptr, key.name, DOR_TICKET_NAME_LEN);
    must(dor__ok(dor__ticket_open(&key, dor__bytes_span(&ticket), &plain, &opened)));
    must(opened == sealed);
    if (opened) {
        must(dor__span_equal(dor__bytes_span(&plain), content));
        parse(dor__bytes_span(&plain));
    }
    dor__bytes_free(&ticket);
    dor__bytes_free(&plain);
    dor__rng_free(rng);
    return 0;
}
