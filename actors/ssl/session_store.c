/* session_store.c - see session_store.h. */
#include "ssl/session_store.h"

#include "base/alloc.h"
#include "tls/suite.h"

enum { PLACE_LEN = 2, KEY_LEN = 1 + PLACE_LEN + DOR_SESSION_MAX_ID };

struct dor_session_outside {
    uint32_t ref_count; /* atomic */
    dor_session_store_ops ops;
    void *arg;
    dor_session_keeper *keeper; /* or NULL, so far */
    uint8_t place[PLACE_LEN];
};

static dor_result make(const dor_session_outside *like, dor_session_outside **outside)
{
    *outside = dor__malloc(sizeof **outside);
    if (!*outside) return dor__error(DOR_E_NOMEM);
    **outside = *like;
    (*outside)->ref_count = 1;
    return DOR_SUCCESS;
}

dor_result dor__session_outside_new(const dor_session_store_ops *ops, void *arg,
                                    dor_session_outside **outside)
{
    return make(&(dor_session_outside){.ops = *ops, .arg = arg}, outside);
}

dor_result dor__session_outside_for(const dor_session_outside *from, const dor_tls_config *config,
                                    dor_session_keeper *keeper, dor_session_outside **outside)
{
    const dor_session_outside like = {
        .ops = from->ops,
        .arg = from->arg,
        .keeper = keeper,
        .place = {(uint8_t)(config->verify_peer | (config->verify_peer && config->require_peer_cert) << 1),
                  config->verify_peer ? config->depth : 0},
    };
    DOR_TRY(make(&like, outside));
    dor__session_keeper_ref(keeper);
    return DOR_SUCCESS;
}

dor_session_outside *dor__session_outside_ref(dor_session_outside *outside)
{
    /* Relaxed: whoever takes a reference holds one already. */
    if (outside) __atomic_add_fetch(&outside->ref_count, 1, __ATOMIC_RELAXED);
    return outside;
}

void dor__session_outside_unref(dor_session_outside *outside)
{
    /* Release: our uses come before. Acquire: the last one frees after everybody's. */
    if (!outside || __atomic_sub_fetch(&outside->ref_count, 1, __ATOMIC_ACQ_REL) > 0) return;
    dor__session_keeper_unref(outside->keeper);
    dor__free(outside);
}

/* ---- keys ------------------------------------------------------------------------------------------------------ */

/* Its length; 0 for an id that is too long to be one of ours. */
static size_t key_of(const dor_session_outside *outside, uint16_t version, dor_span id, uint8_t key[KEY_LEN])
{
    if (id.len == 0 || id.len > DOR_SESSION_MAX_ID) return 0;
    key[0] = (uint8_t)version;
    memcpy(key + 1, outside->place, PLACE_LEN);
    memcpy(key + 1 + PLACE_LEN, id.ptr, id.len);
    return 1 + PLACE_LEN + id.len;
}

static void forget(const dor_session_outside *outside, uint16_t version, dor_span id)
{
    uint8_t key[KEY_LEN];
    size_t len = key_of(outside, version, id, key);
    if (len > 0) outside->ops.remove(outside->arg, key, len);
}

void dor__session_outside_lookup(const dor_session_outside *outside, uint16_t version, dor_span id,
                                 dor_question *question)
{
    uint8_t key[KEY_LEN];
    size_t len = key_of(outside, version, id, key);
    if (len > 0)
        outside->ops.lookup(outside->arg, key, len, question);
    else
        dor__question_unref(question);
}

/* ---- the engine's store ------------------------------------------------------------------------------------------ */

static void store(void *ctx, dor_session *session)
{
    const dor_session_outside *outside = ctx;
    uint8_t key[KEY_LEN];
    dor_bytes data = DOR_BYTES_EMPTY;
    size_t len = key_of(outside, session->version, dor__span(session->id, session->id_len), key);
    if (len == 0) return;
    /* Without memory it is not remembered, and the next handshake is a full one. */
    if (dor__ok(dor__session_serialise(session, &data)))
        outside->ops.store(outside->arg, key, len, data.ptr, data.len, session->lifetime_s);
    dor__bytes_free(&data); /* and wiped */
}

static void remove_12(void *ctx, dor_span id)
{
    forget(ctx, DOR_TLS_1_2, id);
}

static void used_13(void *ctx, dor_span id)
{
    forget(ctx, DOR_TLS_1_3, id);
}

static dor_result ticket_seal(void *ctx, int64_t now_ms, dor_rng *rng, dor_span plain, dor_bytes *ticket)
{
    const dor_session_outside *outside = ctx;
    return dor__session_keeper_ops.ticket_seal(outside->keeper, now_ms, rng, plain, ticket);
}

static dor_result ticket_open(void *ctx, int64_t now_ms, dor_span ticket, dor_bytes *plain, bool *opened)
{
    const dor_session_outside *outside = ctx;
    return dor__session_keeper_ops.ticket_open(outside->keeper, now_ms, ticket, plain, opened);
}

static bool early_once(void *ctx, int64_t now_ms, int64_t created_ms, dor_span binder)
{
    const dor_session_outside *outside = ctx;
    return dor__session_keeper_ops.early_once(outside->keeper, now_ms, created_ms, binder);
}

const dor_tls_store_ops dor__session_outside_ops = {
    .store = store,
    .remove = remove_12,
    .used = used_13,
    .early_once = early_once,
    .ticket_seal = ticket_seal,
    .ticket_open = ticket_open,
};
