/* finished.c - Finished in TLS 1.3's form (RFC 8446 section 4.4.4). */
#include "tls/message/messages.h"
#include "tls/schedule_13.h"

/* One of another length than the hash's is a wrong one: decrypt_error, as for any other (section 4.4.4). */
enum { FINISHED_MAX_LEN = 2 * DOR_HASH_MAX_LEN };

/* verify_data by one side, over all that was said before. */
static dor_result verify_data(const dor_tls *t, bool by_client, uint8_t mac[DOR_HASH_MAX_LEN], dor_span *data)
{
    uint8_t digest[DOR_HASH_MAX_LEN];
    dor_hash_id hash = (dor_hash_id)t->suite->hash;
    DOR_TRY(dor__transcript_digest(&t->hs->transcript, digest));
    *data = dor__span(mac, dor__hash_len(hash));
    return dor__finished_mac(hash, by_client ? t->hs->client_secret : t->hs->server_secret,
                             dor__span(digest, dor__hash_len(hash)), mac);
}

static dor_result finished_send(dor_tls *t, dor_bytes *w)
{
    uint8_t mac[DOR_HASH_MAX_LEN];
    dor_span data;
    DOR_TRY(verify_data(t, dor__is_client(t), mac, &data));
    return wr_bytes(w, data);
}

static dor_result finished_receive(dor_tls *t, dor_span body)
{
    uint8_t mac[DOR_HASH_MAX_LEN];
    dor_span data;
    dor_result r = verify_data(t, !dor__is_client(t), mac, &data);
    if (dor__ok(r)) r = dor__prove_finished(t, data, body);
    dor__wipe(mac, sizeof mac);
    /* A server that resumes proves with this that it opened the ticket, or has the PSK. */
    if (dor__ok(r) && dor__is_client(t) && t->hs->properties & DOR_PROPERTY_RESUMED)
        r = t->hs->psk ? dor__prove_peer(t, DOR_PROOF_PSK) : dor__peer_from_session(t);
    return r;
}

const dor_action dor__msg_server_finished = {
    .name = "server's Finished",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_SERVER,
    .type = DOR_HS_FINISHED,
    .max_len = FINISHED_MAX_LEN,
    .send = finished_send,
    .receive = finished_receive,
};

const dor_action dor__msg_client_finished = {
    .name = "client's Finished",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_CLIENT,
    .type = DOR_HS_FINISHED,
    .max_len = FINISHED_MAX_LEN,
    .send = finished_send,
    .receive = finished_receive,
};
