/*
 * session_keeper.c - see session_keeper.h. Sessions (RFC 5246 section 7.3) in a hash table with a list in order of use.
 *
 * Threads: any. What is dropped is released behind the lock.
 * Invariants: every entry is in one bucket and in the list; count <= max_count, bytes <= max_bytes.
 */
#include "ssl/session_keeper.h"

#include "base/alloc.h"
#include "ssl/ticket_keys.h"
#include "tls/replay_window.h"

enum { FIRST_BUCKETS = 64, SWEEP_BUCKETS = 512 };

const dor_session_keeper_spec dor__session_keeper_defaults = {
    .max_sessions = 20000,
    .max_bytes = (size_t)64 << 20,
    .key_period_ms = 24LL * 3600 * 1000,
    .key_overlap_ms = 24LL * 3600 * 1000,
};

typedef struct entry {
    struct entry *chain;         /* in its bucket; of those that were dropped, the next one */
    struct entry *newer, *older; /* in order of use */
    dor_session *session;
    size_t bytes;
} entry;

struct dor_session_keeper {
    uint32_t ref_count; /* atomic: who uses it */
    uint32_t holders;   /* atomic: all of those as one, and the sweep */
    pthread_mutex_t lock;
    size_t max_count, max_bytes, bucket_count; /* bucket_count: a power of two */
    size_t sweep_at;                           /* the bucket that the sweep goes on with */
    entry **buckets;
    entry *newest, *oldest;
    bool swept; /* a scheduler's sweep knows of it */
    dor_session_statistics figures;
    dor_ticket_keys keys;
    dor_replay_window *window; /* NULL: no early data with sealed tickets */
    uint32_t window_hellos;    /* asked for; 0: none is wanted */
    bool keys_are_ours;        /* given ticket keys, too */
};

/* ---- life ---------------------------------------------------------------------------------------------------------- */

dor_result dor__session_keeper_new(dor_session_keeper **keeper, const dor_session_keeper_spec *spec)
{
    dor_session_keeper *k = dor__calloc(1, sizeof(*k));
    if (!k) return dor__error(DOR_E_NOMEM);
    k->buckets = dor__calloc(FIRST_BUCKETS, sizeof(*k->buckets));
    if (!k->buckets || pthread_mutex_init(&k->lock, NULL) != 0) goto no_memory;
    if (dor__failed(dor__ticket_keys_init(&k->keys, spec->key_period_ms, spec->key_overlap_ms))) {
        pthread_mutex_destroy(&k->lock);
        goto no_memory;
    }
    if (spec->ticket_keys.len > 0) dor__ticket_keys_replace(&k->keys, spec->ticket_keys);
    k->ref_count = k->holders = 1;
    k->bucket_count = FIRST_BUCKETS;
    k->max_count = spec->max_sessions ? spec->max_sessions : 1;
    k->max_bytes = spec->max_bytes;
    *keeper = k;
    return DOR_SUCCESS;
no_memory:
    dor__free(k->buckets);
    dor__free(k);
    return dor__error(DOR_E_NOMEM);
}

dor_session_keeper *dor__session_keeper_ref(dor_session_keeper *keeper)
{
    __atomic_add_fetch(&keeper->ref_count, 1, __ATOMIC_RELAXED); /* the caller holds one already */
    return keeper;
}

static void let_go(dor_session_keeper *keeper)
{
    /* release: our uses come before; acquire: whoever frees sees everybody's */
    if (__atomic_sub_fetch(&keeper->holders, 1, __ATOMIC_ACQ_REL) > 0) return;
    pthread_mutex_destroy(&keeper->lock);
    dor__ticket_keys_fini(&keeper->keys);
    dor__replay_window_free(keeper->window);
    dor__free(keeper->buckets);
    dor__free(keeper);
}

void dor__session_keeper_hold(dor_session_keeper *keeper)
{
    __atomic_add_fetch(&keeper->holders, 1,
                       __ATOMIC_RELAXED); /* the caller's reference keeps it alive meanwhile */
}

static void free_entries(entry *e)
{
    for (entry *next; e; e = next) {
        next = e->chain;
        dor__session_unref(e->session);
        dor__free(e);
    }
}

/* ---- the table; all with the lock held ------------------------------------------------------------------------------ */

/* The ids in the table are our own random ones, so any of their bits will do; what a client asks for adds nothing. */
static entry **bucket_of(const dor_session_keeper *k, dor_span id)
{
    size_t hash = id.len;
    for (size_t i = 0; i < id.len; i++)
        hash = hash * 31 + id.ptr[i];
    return &k->buckets[hash & (k->bucket_count - 1)];
}

static dor_span id_of(const entry *e)
{
    return dor__span(e->session->id, e->session->id_len);
}

static void list_remove(dor_session_keeper *k, entry *e)
{
    *(e->newer ? &e->newer->older : &k->newest) = e->older;
    *(e->older ? &e->older->newer : &k->oldest) = e->newer;
}

static void list_push(dor_session_keeper *k, entry *e)
{
    e->newer = NULL;
    e->older = k->newest;
    *(k->newest ? &k->newest->newer : &k->oldest) = e;
    k->newest = e;
}

static entry **find(dor_session_keeper *k, dor_span id)
{
    entry **at = bucket_of(k, id);
    while (*at && !dor__span_equal(id_of(*at), id))
        at = &(*at)->chain;
    return at;
}

/* Takes *at out and puts it on the list of what is to be released. */
static void drop(dor_session_keeper *k, entry **at, entry **gone)
{
    entry *e = *at;
    *at = e->chain;
    list_remove(k, e);
    k->figures.sessions--;
    k->figures.bytes -= e->bytes;
    e->chain = *gone;
    *gone = e;
}

static void insert(dor_session_keeper *k, entry *e)
{
    entry **at = bucket_of(k, id_of(e));
    e->chain = *at;
    *at = e;
    list_push(k, e);
    k->figures.sessions++;
    k->figures.bytes += e->bytes;
    k->figures.stored++;
}

/* Twice the buckets when they are as many as the entries; without memory the chains just grow longer. */
static void grow(dor_session_keeper *k)
{
    if (k->figures.sessions < k->bucket_count) return;
    entry **more = dor__calloc(k->bucket_count * 2, sizeof(*more));
    if (!more) return;
    dor__free(k->buckets);
    k->buckets = more;
    k->bucket_count *= 2;
    for (entry *e = k->newest; e; e = e->older) {
        entry **at = bucket_of(k, id_of(e));
        e->chain = *at;
        *at = e;
    }
}

/* Room for one more of so many bytes; false when there never will be. */
static bool make_room(dor_session_keeper *k, size_t bytes, entry **gone)
{
    if (bytes > k->max_bytes) return false;
    while (k->figures.sessions >= k->max_count || k->figures.bytes > k->max_bytes - bytes) {
        drop(k, find(k, id_of(k->oldest)), gone);
        k->figures.evicted++;
    }
    return true;
}

void dor__session_keeper_unref(dor_session_keeper *keeper)
{
    entry *gone = NULL;
    /* release: our uses come before; acquire: the last one empties it after everybody's */
    if (!keeper || __atomic_sub_fetch(&keeper->ref_count, 1, __ATOMIC_ACQ_REL) > 0) return;
    pthread_mutex_lock(&keeper->lock); /* the sweep may be at it */
    while (keeper->oldest)
        drop(keeper, find(keeper, id_of(keeper->oldest)), &gone);
    pthread_mutex_unlock(&keeper->lock);
    free_entries(gone);
    dor__ticket_keys_clear(&keeper->keys);
    let_go(keeper);
}

/* ---- sessions ------------------------------------------------------------------------------------------------------- */

/* Something is there that time will take away. */
static void want_sweep(dor_session_keeper *k)
{
    pthread_mutex_lock(&k->lock);
    bool begin = !k->swept;
    k->swept = true;
    pthread_mutex_unlock(&k->lock);
    if (!begin) return;
    dor__session_keeper_hold(k);
    if (!dor__session_sweep_start(k)) dor__session_keeper_unsweep(k);
}

static void store(void *ctx, dor_session *session)
{
    dor_session_keeper *k = ctx;
    entry *gone = NULL, *e = dor__calloc(1, sizeof(*e));
    if (!e || session->id_len == 0) { /* not remembered, then: a full handshake next time */
        dor__free(e);
        return;
    }
    e->session = dor__session_ref(session);
    e->bytes = sizeof(*e) + dor__session_memory(session);
    pthread_mutex_lock(&k->lock);
    entry **present = find(k, id_of(e));
    if (*present) drop(k, present, &gone);
    if (make_room(k, e->bytes, &gone)) {
        grow(k);
        insert(k, e);
    } else {
        e->chain = gone;
        gone = e;
    }
    pthread_mutex_unlock(&k->lock);
    free_entries(gone);
    want_sweep(k);
}

static dor_session *lookup(void *ctx, int64_t now_ms, dor_span id)
{
    dor_session_keeper *k = ctx;
    dor_session *session = NULL;
    entry *gone = NULL;
    pthread_mutex_lock(&k->lock);
    entry **at = find(k, id);
    if (*at && !dor__session_fresh((*at)->session, now_ms)) {
        drop(k, at, &gone);
        k->figures.expired++;
    } else if (*at) {
        list_remove(k, *at);
        list_push(k, *at);
        session = dor__session_ref((*at)->session);
    }
    *(session ? &k->figures.hits : &k->figures.misses) += 1;
    pthread_mutex_unlock(&k->lock);
    free_entries(gone);
    return session;
}

static dor_session *take(void *ctx, int64_t now_ms, dor_span id)
{
    dor_session_keeper *k = ctx;
    dor_session *session = NULL;
    entry *gone = NULL;
    pthread_mutex_lock(&k->lock);
    entry **at = find(k, id);
    /* Who saw the id of a TLS 1.2 session on the wire must not have it thrown out by showing it as a ticket. */
    if (*at && (*at)->session->version >= DOR_TLS_1_3) {
        bool fresh = dor__session_fresh((*at)->session, now_ms);
        if (fresh) session = dor__session_ref((*at)->session);
        drop(k, at, &gone);
        *(fresh ? &k->figures.removed : &k->figures.expired) += 1;
    }
    *(session ? &k->figures.hits : &k->figures.misses) += 1;
    pthread_mutex_unlock(&k->lock);
    free_entries(gone);
    return session;
}

static void forget(void *ctx, dor_span id)
{
    dor_session_keeper *k = ctx;
    entry *gone = NULL;
    pthread_mutex_lock(&k->lock);
    entry **at = find(k, id);
    if (*at) {
        drop(k, at, &gone);
        k->figures.removed++;
    }
    pthread_mutex_unlock(&k->lock);
    free_entries(gone);
}

void dor__session_keeper_statistics(dor_session_keeper *keeper, dor_session_statistics *statistics)
{
    pthread_mutex_lock(&keeper->lock);
    *statistics = keeper->figures;
    pthread_mutex_unlock(&keeper->lock);
    pthread_mutex_lock(&keeper->keys.lock);
    statistics->tickets_sealed = keeper->keys.sealed;
    statistics->tickets_opened = keeper->keys.opened;
    statistics->tickets_refused = keeper->keys.refused;
    pthread_mutex_unlock(&keeper->keys.lock);
}

/* ---- the sweep ------------------------------------------------------------------------------------------------------ */

/* Goes on for the sake of the keys; false when another sweep was started meanwhile. */
static bool sweep_again(dor_session_keeper *k)
{
    pthread_mutex_lock(&k->lock);
    bool go_on = !k->swept;
    k->swept = true;
    pthread_mutex_unlock(&k->lock);
    return go_on;
}

dor_sweep_state dor__session_keeper_sweep(dor_session_keeper *k, int64_t now_ms)
{
    entry *gone = NULL;
    pthread_mutex_lock(&k->lock);
    for (int i = 0; i < SWEEP_BUCKETS && k->sweep_at < k->bucket_count; i++, k->sweep_at++) {
        for (entry **at = &k->buckets[k->sweep_at]; *at;) {
            if (dor__session_fresh((*at)->session, now_ms)) {
                at = &(*at)->chain;
                continue;
            }
            drop(k, at, &gone);
            k->figures.expired++;
        }
    }
    bool round = k->sweep_at >= k->bucket_count;
    if (round) k->sweep_at = 0;
    bool sessions = k->figures.sessions > 0;
    if (round && !sessions) k->swept = false; /* whoever stores from here on starts another */
    pthread_mutex_unlock(&k->lock);
    free_entries(gone);
    if (!round) return DOR_SWEEP_MORE;
    bool keys = dor__ticket_keys_prune(&k->keys, now_ms);
    if (sessions || (keys && sweep_again(k))) return DOR_SWEEP_ROUND;
    let_go(k);
    return DOR_SWEEP_NOTHING;
}

void dor__session_keeper_unsweep(dor_session_keeper *k)
{
    pthread_mutex_lock(&k->lock);
    k->swept = false;
    pthread_mutex_unlock(&k->lock);
    let_go(k);
}

/* ---- tickets -------------------------------------------------------------------------------------------------------- */

bool dor__session_keeper_keys_given(dor_session_keeper *keeper)
{
    return dor__ticket_keys_given(&keeper->keys);
}

void dor__session_keeper_remember_early(dor_session_keeper *k, uint32_t hellos, bool keys_are_ours)
{
    pthread_mutex_lock(&k->lock);
    k->keys_are_ours |= keys_are_ours;
    if (hellos > k->window_hellos) k->window_hellos = hellos;
    pthread_mutex_unlock(&k->lock);
}

/* With the lock held. Of a window's places half are used. Without memory there is none, and early data is refused. */
static void window_make(dor_session_keeper *k, int64_t now_ms)
{
    size_t places = 2;
    while (places / 2 < k->window_hellos)
        places *= 2;
    (void)!dor__ok(dor__replay_window_new(&k->window, now_ms, places));
}

static bool early_once(void *ctx, int64_t now_ms, int64_t created_ms, dor_span binder)
{
    dor_session_keeper *k = ctx;
    const bool given = dor__ticket_keys_given(&k->keys);
    pthread_mutex_lock(&k->lock);
    bool once = k->window && (!given || k->keys_are_ours) &&
                dor__replay_window_once(k->window, now_ms, created_ms, binder);
    pthread_mutex_unlock(&k->lock);
    return once;
}

static dor_result ticket_seal(void *ctx, int64_t now_ms, dor_rng *rng, dor_span plain, dor_bytes *ticket)
{
    dor_session_keeper *k = ctx;
    pthread_mutex_lock(&k->lock);
    if (k->window_hellos && !k->window) window_make(k, now_ms);
    pthread_mutex_unlock(&k->lock);
    dor_result result = dor__ticket_keys_seal(&k->keys, now_ms, rng, plain, ticket);
    want_sweep(k);
    return result;
}

static dor_result ticket_open(void *ctx, int64_t now_ms, dor_span ticket, dor_bytes *plain, bool *opened)
{
    dor_session_keeper *k = ctx;
    return dor__ticket_keys_open(&k->keys, now_ms, ticket, plain, opened);
}

void dor__session_keeper_set_ticket_keys(dor_session_keeper *keeper, dor_span given)
{
    dor__ticket_keys_replace(&keeper->keys, given);
}

const dor_tls_store_ops dor__session_keeper_ops = {
    .store = store,
    .lookup = lookup,
    .remove = forget,
    .take = take,
    .early_once = early_once,
    .ticket_seal = ticket_seal,
    .ticket_open = ticket_open,
};
