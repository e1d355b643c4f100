/*
 * session.c - sessions: life, age, and the form they take inside a ticket.
 *
 * Threads: immutable once made, so only the count changes. The serialised form is ours alone and is versioned by its
 * first byte; whoever reads one that another version wrote makes a full handshake instead.
 */
#include "tls/session.h"

#include "base/alloc.h"
#include "base/ct.h"
#include "base/reader.h"
#include "base/writer.h"
#include "tls/suite.h"

enum {
    FORMAT = 4,
    FLAG_EXTENDED_MASTER_SECRET = 1 << 0,
    FLAG_PEER = 1 << 1,
    FLAG_PEER_VERIFIED = 1 << 2,
    FLAG_PEER_OMITTED = 1 << 3,
    FLAGS_KNOWN = FLAG_EXTENDED_MASTER_SECRET | FLAG_PEER | FLAG_PEER_VERIFIED | FLAG_PEER_OMITTED,
    MAX_ALPN = 255,
    MAX_LIFETIME_13_S = 7 * 24 * 3600, /* RFC 8446 section 4.6.1 */
    MAX_LIFETIME_12_S = 24 * 3600,     /* RFC 5246 appendix F.1.4 */
    CLOCK_TOLERANCE_MS = 60 * 1000 /* between two machines; two threads of one differ, too, by milliseconds */
};

dor_result dor__session_new(dor_session **session)
{
    *session = dor__calloc(1, sizeof(**session));
    if (!*session) return dor__error(DOR_E_NOMEM);
    (*session)->ref_count_ = 1;
    return DOR_SUCCESS;
}

dor_session *dor__session_ref(dor_session *session)
{
    /* Relaxed: the caller's own reference keeps it alive and has made its contents visible. */
    if (session) __atomic_add_fetch(&session->ref_count_, 1, __ATOMIC_RELAXED);
    return session;
}

void dor__session_unref(dor_session *session)
{
    /* Release: our reads come before the count falls. Acquire: the last one frees after everybody's. */
    if (!session || __atomic_sub_fetch(&session->ref_count_, 1, __ATOMIC_ACQ_REL) > 0) return;
    dor__bytes_free(&session->ticket);
    dor__bytes_free(&session->server_name);
    dor__bytes_free(&session->alpn);
    dor__certificate_unref(session->peer);
    dor__stapled_unref(session->stapled);
    dor__free_wiped(session, sizeof(*session));
}

bool dor__session_fresh(const dor_session *session, int64_t now_ms)
{
    uint32_t cap_s = session->version >= DOR_TLS_1_3 ? MAX_LIFETIME_13_S : MAX_LIFETIME_12_S;
    uint32_t lifetime_s = session->lifetime_s < cap_s ? session->lifetime_s : cap_s;
    /* As unsigned, so that no pair of times overflows. Whoever made it may have a clock that is a little ahead of ours. */
    if (now_ms < session->created_ms)
        return (uint64_t)session->created_ms - (uint64_t)now_ms <= CLOCK_TOLERANCE_MS && lifetime_s > 0;
    return (uint64_t)now_ms - (uint64_t)session->created_ms < (uint64_t)lifetime_s * 1000;
}

size_t dor__session_memory(const dor_session *session)
{
    return sizeof(*session) + session->ticket.cap + session->server_name.cap + session->alpn.cap +
           (session->peer ? sizeof(*session->peer) + session->peer->der.len : 0) +
           dor__stapled_memory(session->stapled);
}

static dor_result write_fields(const dor_session *s, dor_bytes *out)
{
    uint8_t flags =
        (uint8_t)((s->extended_master_secret ? FLAG_EXTENDED_MASTER_SECRET : 0) | (s->peer ? FLAG_PEER : 0) |
                  (s->peer_verified ? FLAG_PEER_VERIFIED : 0) | (s->peer_omitted ? FLAG_PEER_OMITTED : 0));
    DOR_TRY(wr_u8(out, FORMAT));
    DOR_TRY(wr_u16(out, s->version));
    DOR_TRY(wr_u16(out, s->suite));
    DOR_TRY(wr_u8(out, flags));
    DOR_TRY(wr_vec(out, 1, dor__span(s->secret, s->secret_len)));
    DOR_TRY(wr_vec(out, 1, dor__span(s->id, s->id_len)));
    DOR_TRY(wr_u32(out, s->age_add));
    DOR_TRY(wr_u32(out, s->lifetime_s));
    DOR_TRY(wr_u32(out, s->max_early_data));
    DOR_TRY(wr_u64(out, (uint64_t)s->created_ms));
    DOR_TRY(wr_vec(out, 2, dor__bytes_span(&s->ticket)));
    DOR_TRY(wr_vec(out, 1, dor__bytes_span(&s->server_name)));
    DOR_TRY(wr_vec(out, 1, dor__bytes_span(&s->alpn)));
    if (s->peer) DOR_TRY(wr_vec(out, 3, s->peer->der));
    if (s->peer_omitted) {
        DOR_TRY(wr_u64(out, (uint64_t)s->peer_from));
        DOR_TRY(wr_u64(out, (uint64_t)s->peer_until));
    }
    return s->peer_verified ? wr_bytes(out, dor__span(s->anchor, sizeof(s->anchor))) : DOR_SUCCESS;
}

dor_result dor__session_serialise(const dor_session *session, dor_bytes *out)
{
    const size_t fixed_len = 84 + DOR_FINGERPRINT_LEN, max_len = 1 << 18;
    if (session->secret_len > DOR_SESSION_MAX_SECRET || session->id_len > DOR_SESSION_MAX_ID)
        return dor__error(DOR_E_INTERNAL);
    size_t start = out->len;
    size_t len = fixed_len + session->secret_len + session->id_len + session->ticket.len +
                 session->server_name.len + session->alpn.len + (session->peer ? session->peer->der.len : 0);
    if (len > max_len) return dor__error(DOR_E_TOO_BIG);
    /* Once and whole: growing would copy the secret about. */
    dor_result result;
    DOR_TRY_GOTO(result, dor__bytes_reserve(out, len));
    DOR_TRY_GOTO(result, write_fields(session, out));
done:
    if (dor__failed(result) && out->len > start) {
        dor__wipe(out->ptr + start, out->len - start);
        out->len = start;
    }
    return result;
}

static dor_result read_secrets(dor_reader *r, dor_session *s)
{
    dor_span secret, id;
    DOR_TRY(rd_vec8(r, &secret, 1, DOR_SESSION_MAX_SECRET));
    DOR_TRY(rd_vec8(r, &id, 0, DOR_SESSION_MAX_ID));
    memcpy(s->secret, secret.ptr, secret.len);
    s->secret_len = (uint8_t)secret.len;
    if (id.len > 0) memcpy(s->id, id.ptr, id.len);
    s->id_len = (uint8_t)id.len;
    return DOR_SUCCESS;
}

static dor_result read_peer(dor_reader *r, uint8_t flags, dor_session *s)
{
    dor_span der, anchor;
    if (flags & FLAG_PEER) {
        DOR_TRY(rd_vec24(r, &der, 1, 1 << 18));
        DOR_TRY(dor__certificate_new(&s->peer, der));
    }
    if (flags & FLAG_PEER_OMITTED) {
        uint64_t from, until;
        if (s->peer) return DOR_DECODE_ERROR;
        DOR_TRY(rd_u64(r, &from));
        DOR_TRY(rd_u64(r, &until));
        s->peer_omitted = true;
        s->peer_from = (int64_t)from;
        s->peer_until = (int64_t)until;
    }
    if (flags & FLAG_PEER_VERIFIED) {
        DOR_TRY(rd_bytes(r, &anchor, sizeof(s->anchor)));
        memcpy(s->anchor, anchor.ptr, sizeof(s->anchor));
    }
    return DOR_SUCCESS;
}

static dor_result read_fields(dor_reader *r, dor_session *s)
{
    uint8_t format, flags;
    uint64_t created;
    dor_span ticket, server_name, alpn;

    DOR_TRY(rd_u8(r, &format));
    DOR_TRY(rd_u16(r, &s->version));
    DOR_TRY(rd_u16(r, &s->suite));
    DOR_TRY(rd_u8(r, &flags));
    const dor_suite *suite = dor__suite_find(s->suite);
    if (format != FORMAT || (flags & ~FLAGS_KNOWN) || !suite || suite->version != s->version)
        return DOR_DECODE_ERROR;
    s->extended_master_secret = (flags & FLAG_EXTENDED_MASTER_SECRET) != 0;
    s->peer_verified = (flags & FLAG_PEER_VERIFIED) != 0;
    DOR_TRY(read_secrets(r, s));
    DOR_TRY(rd_u32(r, &s->age_add));
    DOR_TRY(rd_u32(r, &s->lifetime_s));
    DOR_TRY(rd_u32(r, &s->max_early_data));
    DOR_TRY(rd_u64(r, &created));
    if (created > INT64_MAX) return DOR_DECODE_ERROR;
    s->created_ms = (int64_t)created;
    DOR_TRY(rd_vec16(r, &ticket, 0, DOR_SESSION_MAX_TICKET));
    DOR_TRY(rd_vec8(r, &server_name, 0, DOR_SESSION_MAX_NAME));
    DOR_TRY(rd_vec8(r, &alpn, 0, MAX_ALPN));
    DOR_TRY(read_peer(r, flags, s));
    DOR_TRY(rd_end(r));
    DOR_TRY(dor__bytes_append(&s->ticket, ticket));
    DOR_TRY(dor__bytes_append(&s->server_name, server_name));
    return dor__bytes_append(&s->alpn, alpn);
}

dor_result dor__session_parse(dor_span data, dor_session **session)
{
    dor_session *s;
    *session = NULL;
    DOR_TRY(dor__session_new(&s));
    dor_reader r = rd_from(data);
    dor_result result = read_fields(&r, s);
    if (dor__failed(result)) {
        dor__session_unref(s);
        return result;
    }
    *session = s;
    return DOR_SUCCESS;
}
