/*
 * compressed_certificate.c - CompressedCertificate, which stands for a Certificate of TLS 1.3 (RFC 8879 section 4).
 *
 * The functions that compress come through the config. Of a peer's message nothing is decompressed before its algorithm is
 * one that we have offered and its length one that a Certificate may have; then exactly so many bytes are asked for.
 *
 * Our own certificate is the same for everybody (up to what is shown beside it), and a stranger's hello is not to cost a
 * compression. So an identity keeps what it has compressed: a list that grows at its head, by any thread, and whose members
 * never change. Its length is bounded by algorithms times what may be shown.
 */
#include "base/alloc.h"
#include "tls/extension/extensions.h"
#include "tls/message/messages.h"

struct dor_packed_certificate {
    dor_packed_certificate *next;
    uint16_t id;
    uint8_t shown;
    size_t plain_len, len; /* len 0: compressing it is of no use */
    uint8_t bytes[];
};

void dor__packed_certificates_free(dor_packed_certificate *packed)
{
    while (packed) {
        dor_packed_certificate *next = packed->next;
        dor__free(packed);
        packed = next;
    }
}

/* ---- ours --------------------------------------------------------------------------------------------------- */

static const dor_packed_certificate *find(const dor_packed_certificate *from,
                                          const dor_packed_certificate *like)
{
    for (; from; from = from->next)
        if (from->id == like->id && from->shown == like->shown && from->plain_len == like->plain_len) break;
    return from;
}

/* Takes `one`. Gives the one that is in the list then, which lives as long as the config. */
static const dor_packed_certificate *remember(dor_identity *identity, dor_packed_certificate *one)
{
    /* Acquire: what others have put there is whole. */
    dor_packed_certificate *head = __atomic_load_n(&identity->packed, __ATOMIC_ACQUIRE);
    for (;;) {
        const dor_packed_certificate *there = find(head, one);
        if (there) { /* two made it at the same time */
            dor__free(one);
            return there;
        }
        one->next = head;
        /* Release: it is whole for who finds it. Acquire on failure: as above. */
        if (__atomic_compare_exchange_n(&identity->packed, &head, one, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE))
            return one;
    }
}

static dor_result pack(const dor_cert_compression *how, dor_span plain, const dor_packed_certificate *like,
                       dor_packed_certificate **packed)
{
    dor_bytes out = DOR_BYTES_EMPTY;
    dor_result r = how->compress(plain, &out);
    *packed = dor__ok(r) ? dor__calloc(1, sizeof **packed + out.len) : NULL;
    if (*packed) {
        **packed = *like;
        (*packed)->len = out.len;
        if (out.len) memcpy((*packed)->bytes, out.ptr, out.len);
    } else if (dor__ok(r)) {
        r = dor__error(DOR_E_NOMEM);
    }
    dor__bytes_free(&out);
    return r;
}

/* Which of what there is to be shown stands with the leaf: extension/status_request.c and its neighbour decide. */
static uint8_t what_is_shown(const dor_tls *t)
{
    bool status = dor__ext_status_request.should_send(t, DOR_CTX_CERTIFICATE);
    bool timestamps = dor__ext_signed_certificate_timestamp.should_send(t, DOR_CTX_CERTIFICATE);
    const uint32_t asked = t->hs->ext_received;
    return (uint8_t)((status && asked & dor__ext_bit(DOR_EXT_STATUS_REQUEST) ? 1 : 0) |
                     (timestamps && asked & dor__ext_bit(DOR_EXT_SIGNED_CERTIFICATE_TIMESTAMP) ? 2 : 0));
}

static dor_result replace(dor_tls *t, dor_bytes *w, size_t start, size_t plain_len, dor_span packed)
{
    if (packed.len == 0) return DOR_SUCCESS;
    w->len = start;
    w->ptr[t->hs->message_start] =
        DOR_HS_COMPRESSED_CERTIFICATE; /* the header of the message being written */
    DOR_TRY(wr_u16(w, t->hs->compression->id));
    DOR_TRY(wr_u24(w, (uint32_t)plain_len));
    return wr_vec(w, 3, packed);
}

dor_result dor__certificate_compress(dor_tls *t, dor_bytes *w, size_t start)
{
    const dor_handshake *hs = t->hs;
    if (!hs->compression || !hs->identity) return DOR_SUCCESS;
    const dor_span plain = dor__span(w->ptr + start, w->len - start);
    const dor_packed_certificate like = {
        .id = hs->compression->id, .shown = what_is_shown(t), .plain_len = plain.len};
    dor_identity *identity = &t->config->identities[hs->identity - t->config->identities];
    const bool lasting = hs->request_context.len == 0; /* else it is for this one request */
    const dor_packed_certificate *found =
        lasting ? find(__atomic_load_n(&identity->packed, __ATOMIC_ACQUIRE), &like) : NULL;
    dor_packed_certificate *made = NULL;
    if (!found) {
        DOR_TRY(pack(hs->compression, plain, &like, &made));
        found = lasting ? remember(identity, made) : made;
    }
    dor_result r = replace(t, w, start, like.plain_len, dor__span(found->bytes, found->len));
    if (!lasting) dor__free(made);
    return r;
}

/* ---- the peer's --------------------------------------------------------------------------------------------- */

static bool compressed_may_come(const dor_tls *t)
{
    return t->hs->takes_compressed;
}

static const dor_cert_compression *offered(const dor_tls *t, uint16_t id)
{
    for (size_t i = 0; i < t->config->compression_count; i++)
        if (t->config->compressions[i]->id == id) return t->config->compressions[i];
    return NULL;
}

static dor_result unpack(dor_tls *t, dor_span body, const dor_action *plain)
{
    dor_reader r = rd_from(body);
    uint16_t id;
    uint32_t len;
    dor_span data;
    DOR_TRY(rd_u16(&r, &id));
    DOR_TRY(rd_u24(&r, &len));
    DOR_TRY(rd_vec24(&r, &data, 1, 0xffffff));
    DOR_TRY(rd_end(&r));
    const dor_cert_compression *how = offered(t, id);
    if (!how) return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_CERT_COMPRESSION);
    if (len > t->config->max_handshake_len) /* as the Certificate itself would have to fit */
        return dor__alert(DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_TOO_LARGE);
    if (len < plain->min_len) return dor__alert(DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_DECOMPRESSION);
    uint8_t *out = dor__malloc(len);
    if (!out) return dor__error(DOR_E_NOMEM);
    dor_result result = how->decompress(data, out, len);
    if (dor__ok(result)) result = plain->receive(t, dor__span(out, len));
    dor__free(out);
    return result;
}

static dor_result server_unpack(dor_tls *t, dor_span body)
{
    return unpack(t, body, &dor__msg_server_certificate);
}

static dor_result client_unpack(dor_tls *t, dor_span body)
{
    return unpack(t, body, &dor__msg_client_certificate);
}

enum { MIN_LEN = 2 + 3 + 3 + 1 };

const dor_action dor__msg_server_compressed_certificate = {
    .name = "server's CompressedCertificate",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_SERVER,
    .type = DOR_HS_COMPRESSED_CERTIFICATE,
    .min_len = MIN_LEN,
    .receive = server_unpack,
    .may_come = compressed_may_come,
};

const dor_action dor__msg_client_compressed_certificate = {
    .name = "client's CompressedCertificate",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_CLIENT,
    .type = DOR_HS_COMPRESSED_CERTIFICATE,
    .min_len = MIN_LEN,
    .receive = client_unpack,
    .may_come = compressed_may_come,
};
