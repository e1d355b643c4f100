/*
 * session_keeper.c - see session_keeper.h. TLS 1.2 sessions (RFC 5246 section 7.3) in a hash table with a list in order
 * of use; ticket keys (RFC 8446 section 4.6.1) in a ring of two.
 *
 * Threads: any. One lock per keeper, held for a look-up or an exchange of pointers; tickets are sealed and opened outside
 * of it, on a copy of the key that is wiped afterwards.
 * Invariants: every entry is in one bucket and in the list; count <= max; keys[0] is the younger one.
 */
#include "ssl/session_keeper.h"

#include "base/alloc.h"
#include "base/ct.h"

#include <pthread.h>

enum { FIRST_BUCKETS = 64, SWEEP = 2 };

/* As long as a session lives at most by default; so a ticket can be opened for at least that long. */
static const int64_t key_period_ms = 24LL * 3600 * 1000;

typedef struct entry {
    struct entry *chain;         /* in its bucket */
    struct entry *newer, *older; /* in order of use */
    dor_session *session;
} entry;

typedef struct keyed {
    dor_ticket_key key;
    int64_t made_ms;
    bool there;
} keyed;

struct dor_session_keeper {
    uint32_t ref_count; /* atomic */
    pthread_mutex_t lock;
    size_t max, count, bucket_count; /* bucket_count: a power of two */
    entry **buckets;
    entry *newest, *oldest;
    keyed keys[2];
};

/* ---- life ---------------------------------------------------------------------------------------------------------- */

dor_result dor__session_keeper_new(dor_session_keeper **keeper, size_t max_sessions)
{
    dor_session_keeper *k = dor__calloc(1, sizeof(*k));
    if (!k) return dor__error(DOR_E_NOMEM);
    k->buckets = dor__calloc(FIRST_BUCKETS, sizeof(*k->buckets));
    if (!k->buckets || pthread_mutex_init(&k->lock, NULL) != 0) {
        dor__free(k->buckets);
        dor__free(k);
        return dor__error(DOR_E_NOMEM);
    }
    k->ref_count = 1;
    k->bucket_count = FIRST_BUCKETS;
    k->max = max_sessions ? max_sessions : 1;
    *keeper = k;
    return DOR_SUCCESS;
}

dor_session_keeper *dor__session_keeper_ref(dor_session_keeper *keeper)
{
    __atomic_add_fetch(&keeper->ref_count, 1, __ATOMIC_RELAXED); /* the caller holds one already */
    return keeper;
}

void dor__session_keeper_unref(dor_session_keeper *keeper)
{
    /* release: our uses come before; acquire: whoever frees sees everybody's */
    if (!keeper || __atomic_sub_fetch(&keeper->ref_count, 1, __ATOMIC_ACQ_REL) > 0) return;
    for (entry *e = keeper->newest, *next; e; e = next) {
        next = e->older;
        dor__session_unref(e->session);
        dor__free(e);
    }
    pthread_mutex_destroy(&keeper->lock);
    dor__free(keeper->buckets);
    dor__free_wiped(keeper, sizeof(*keeper));
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

static void drop(dor_session_keeper *k, entry **at)
{
    entry *e = *at;
    *at = e->chain;
    list_remove(k, e);
    k->count--;
    dor__session_unref(e->session);
    dor__free(e);
}

/* Twice the buckets when they are as many as the entries; without memory the chains just grow longer. */
static void grow(dor_session_keeper *k)
{
    if (k->count < k->bucket_count) return;
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

/* A few of the least recently used that are past their time, at each new session: as fast as sessions come, they go. */
static void sweep(dor_session_keeper *k, int64_t now_ms)
{
    for (int i = 0; i < SWEEP && k->oldest && !dor__session_fresh(k->oldest->session, now_ms); i++)
        drop(k, find(k, id_of(k->oldest)));
}

/* ---- sessions ------------------------------------------------------------------------------------------------------- */

static void store(void *ctx, dor_session *session)
{
    dor_session_keeper *k = ctx;
    entry *e = dor__calloc(1, sizeof(*e));
    if (!e || session->id_len == 0) { /* not remembered, then: a full handshake next time */
        dor__free(e);
        return;
    }
    e->session = dor__session_ref(session);
    pthread_mutex_lock(&k->lock);
    entry **present = find(k, id_of(e));
    if (*present) drop(k, present);
    sweep(k, session->created_ms);
    if (k->count >= k->max) drop(k, find(k, id_of(k->oldest)));
    grow(k);
    entry **at = bucket_of(k, id_of(e));
    e->chain = *at;
    *at = e;
    list_push(k, e);
    k->count++;
    pthread_mutex_unlock(&k->lock);
}

static dor_session *lookup(void *ctx, dor_span id)
{
    dor_session_keeper *k = ctx;
    dor_session *session = NULL;
    pthread_mutex_lock(&k->lock);
    entry *e = *find(k, id);
    if (e) {
        list_remove(k, e);
        list_push(k, e);
        session = dor__session_ref(e->session);
    }
    pthread_mutex_unlock(&k->lock);
    return session;
}

static void forget(void *ctx, dor_span id)
{
    dor_session_keeper *k = ctx;
    pthread_mutex_lock(&k->lock);
    entry **at = find(k, id);
    if (*at) drop(k, at);
    pthread_mutex_unlock(&k->lock);
}

size_t dor__session_keeper_count(dor_session_keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    size_t count = keeper->count;
    pthread_mutex_unlock(&keeper->lock);
    return count;
}

/* ---- tickets -------------------------------------------------------------------------------------------------------- */

/* The present key, made now if there is none or it has served its time. With the lock held. */
static dor_result current_key(dor_session_keeper *k, int64_t now_ms, dor_rng *rng, dor_ticket_key *key)
{
    keyed *current = &k->keys[0];
    if (!current->there || now_ms - current->made_ms >= key_period_ms) {
        keyed fresh = {.made_ms = now_ms, .there = true};
        DOR_TRY(dor__ticket_key_make(&fresh.key, rng));
        k->keys[1] = k->keys[0];
        k->keys[0] = fresh;
        dor__wipe(&fresh, sizeof(fresh));
    }
    *key = current->key;
    return DOR_SUCCESS;
}

static dor_result ticket_seal(void *ctx, int64_t now_ms, dor_rng *rng, dor_span plain, dor_bytes *ticket)
{
    dor_session_keeper *k = ctx;
    dor_ticket_key key;
    pthread_mutex_lock(&k->lock);
    dor_result result = current_key(k, now_ms, rng, &key);
    pthread_mutex_unlock(&k->lock);
    if (dor__ok(result)) result = dor__ticket_seal(&key, rng, plain, ticket);
    dor__wipe(&key, sizeof(key));
    return result;
}

static dor_result ticket_open(void *ctx, int64_t now_ms, dor_span ticket, dor_bytes *plain, bool *opened)
{
    dor_session_keeper *k = ctx;
    keyed keys[2];
    dor_result result = DOR_SUCCESS;
    pthread_mutex_lock(&k->lock);
    memcpy(keys, k->keys, sizeof(keys));
    pthread_mutex_unlock(&k->lock);

    *opened = false;
    for (size_t i = 0; i < 2 && dor__ok(result) && !*opened; i++)
        if (keys[i].there && now_ms - keys[i].made_ms < 2 * key_period_ms)
            result = dor__ticket_open(&keys[i].key, ticket, plain, opened);
    dor__wipe(keys, sizeof(keys));
    return result;
}

const dor_session_store_ops dor__session_keeper_ops = {
    .store = store,
    .lookup = lookup,
    .remove = forget,
    .ticket_seal = ticket_seal,
    .ticket_open = ticket_open,
};
