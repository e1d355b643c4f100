/*
 * new_session_ticket_12.c - NewSessionTicket in TLS 1.2's form (RFC 5077 section 3.3): inside the handshake, in front of the
 * server's change_cipher_spec, so in the clear; both Finished cover it. What a client takes from it counts only when they
 * have been verified (resume_12.c).
 */
#include "tls/message/messages.h"
#include "tls/tls12.h"

static dor_result send_it(dor_tls *t, dor_bytes *w)
{
    dor_bytes ticket = DOR_BYTES_EMPTY;
    uint32_t lifetime_s;
    dor_result result = dor__ticket_make_12(t, &lifetime_s, &ticket);
    if (dor__ok(result)) result = wr_u32(w, lifetime_s);
    if (dor__ok(result)) result = wr_vec(w, 2, dor__bytes_span(&ticket));
    dor__bytes_free(&ticket);
    return result;
}

static dor_result receive_it(dor_tls *t, dor_span body)
{
    dor_handshake_12 *v12 = &t->hs->v12;
    dor_reader r = rd_from(body);
    dor_span ticket;
    DOR_TRY(rd_u32(&r, &v12->ticket_lifetime_s));
    DOR_TRY(rd_vec16(&r, &ticket, 0, DOR_SESSION_MAX_TICKET)); /* empty: the server has changed its mind */
    DOR_TRY(rd_end(&r));
    return dor__arena_copy(&t->hs->arena, ticket, &v12->new_ticket);
}

const dor_action dor__msg_new_session_ticket_12 = {
    .name = "NewSessionTicket",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_SERVER,
    .type = DOR_HS_NEW_SESSION_TICKET,
    .min_len = 4 + 2,
    .max_len = 4 + 2 + DOR_SESSION_MAX_TICKET,
    .send = send_it,
    .receive = receive_it,
};
