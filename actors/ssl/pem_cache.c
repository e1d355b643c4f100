/* pem_cache.c - see pem_cache.h. */
#include "ssl/pem_cache.h"

#include "base/alloc.h"
#include "base/ct.h"

#include <pthread.h>
#include <sys/stat.h>
#include <time.h>

enum { NS_PER_S = 1000000000, GRAIN_NS = 100000000, COARSE_GRAIN_NS = 2000000000 };

typedef enum entry_kind { ENTRY_NONE, ENTRY_CHAIN, ENTRY_KEY, ENTRY_TRUST } entry_kind;

/* What tells a file from what it was. */
typedef struct stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
} stamp;

/* What an entry is found by. The password's digest, since another password must not find what this one has opened. */
typedef struct entry_name {
    entry_kind kind;
    const char *path;
    uint8_t digest[32];
} entry_name;

typedef struct entry {
    entry_kind kind; /* NONE: free */
    char *path;
    uint8_t digest[32];
    stamp stamp;
    uint64_t used; /* the clock's count at its last use */
    dor_chain chain;
    dor_private_key *key;
    dor_trust_store *trust;
} entry;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static entry entries[DOR_PEM_CACHE_ENTRIES]; /* all of this under the lock */
static uint64_t clock_count, hits, reads;

/* ---- files -------------------------------------------------------------------------------------------------------- */

static bool take_stamp(const char *path, stamp *s)
{
    struct stat st;
    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode)) return false;
    *s = (stamp){st.st_dev, st.st_ino, st.st_size, st.st_mtim, st.st_ctim};
    return true;
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_stamp(const stamp *a, const stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           same_time(a->modified, b->modified) && same_time(a->changed, b->changed);
}

/* True when a later change must show in the times: the last one is further back than their grain. */
static bool is_settled(const stamp *s)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    bool coarse = s->modified.tv_nsec == 0 && s->changed.tv_nsec == 0; /* whole seconds are all it keeps */
    int64_t age = ((int64_t)now.tv_sec - s->changed.tv_sec) * NS_PER_S + (now.tv_nsec - s->changed.tv_nsec);
    return age > (coarse ? COARSE_GRAIN_NS : GRAIN_NS);
}

/* ---- entries; under the lock ------------------------------------------------------------------------------------------ */

static void entry_fini(entry *e)
{
    if (e->kind == ENTRY_NONE) return;
    dor__chain_fini(&e->chain);
    dor__private_key_unref(e->key);
    if (e->trust) dor__trust_store_unref(e->trust);
    dor__free(e->path);
    dor__wipe(e, sizeof(*e));
}

static entry *find(const entry_name *name)
{
    for (size_t i = 0; i < DOR_PEM_CACHE_ENTRIES; i++) {
        entry *e = &entries[i];
        if (e->kind == name->kind && strcmp(e->path, name->path) == 0 &&
            dor__ct_equal(e->digest, name->digest, sizeof(e->digest)))
            return e;
    }
    return NULL;
}

static uint64_t bytes_held(void)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < DOR_PEM_CACHE_ENTRIES; i++)
        if (entries[i].kind != ENTRY_NONE) bytes += (uint64_t)entries[i].stamp.size;
    return bytes;
}

/* A free place with room for a file of this size; others are dropped for it. */
static entry *make_room(off_t size)
{
    for (;;) {
        entry *unused = NULL, *oldest = NULL;
        for (size_t i = 0; i < DOR_PEM_CACHE_ENTRIES; i++) {
            entry *e = &entries[i];
            if (e->kind == ENTRY_NONE)
                unused = e;
            else if (!oldest || e->used < oldest->used)
                oldest = e;
        }
        if (unused && bytes_held() + (uint64_t)size <= DOR_PEM_CACHE_BYTES) return unused;
        if (!oldest) return NULL;
        entry_fini(oldest);
    }
}

static void copy_chain(const dor_chain *from, dor_chain *to)
{
    to->count = from->count;
    for (size_t i = 0; i < from->count; i++)
        to->certs[i] = dor__certificate_ref(from->certs[i]);
}

/* Gives references to what an entry holds; `got` has room for the same kind. */
static void share(const entry *e, entry *got)
{
    copy_chain(&e->chain, &got->chain);
    got->key = e->key ? dor__private_key_ref(e->key) : NULL;
    got->trust = e->trust ? dor__trust_store_ref(e->trust) : NULL;
}

/* ---- looking up and reading ----------------------------------------------------------------------------------------- */

static bool look_up(const entry_name *name, const stamp *now, entry *got)
{
    pthread_mutex_lock(&lock);
    entry *e = find(name);
    bool hit = e && same_stamp(&e->stamp, now);
    if (hit) {
        e->used = ++clock_count;
        hits++;
        share(e, got);
    } else if (e) {
        entry_fini(e); /* the file has changed */
    }
    pthread_mutex_unlock(&lock);
    return hit;
}

/* Remembers what was just read; or, where somebody else was quicker, shares his. */
static void remember(const entry_name *name, const stamp *s, entry *got)
{
    size_t len = strlen(name->path) + 1;
    pthread_mutex_lock(&lock);
    entry *e = find(name);
    if (e && same_stamp(&e->stamp, s)) {
        dor__chain_fini(&got->chain);
        dor__private_key_unref(got->key);
        if (got->trust) dor__trust_store_unref(got->trust);
        share(e, got);
    } else if (s->size <= DOR_PEM_CACHE_BYTES) {
        if (e) entry_fini(e);
        char *path = dor__malloc(len); /* without it the entry is not made, and nobody misses it */
        e = path ? make_room(s->size) : NULL;
        if (e) {
            memcpy(path, name->path, len);
            *e = (entry){.kind = name->kind, .path = path, .stamp = *s, .used = ++clock_count};
            memcpy(e->digest, name->digest, sizeof(e->digest));
            share(got, e);
        } else {
            dor__free(path);
        }
    }
    pthread_mutex_unlock(&lock);
}

static dor_result read_file(const entry_name *name, const char *password, entry *got, char *why,
                            size_t why_cap)
{
    switch (name->kind) {
    case ENTRY_CHAIN: return dor__pem_file_chain(name->path, password, &got->chain, why, why_cap);
    case ENTRY_KEY: return dor__pem_file_key(name->path, password, &got->key, why, why_cap);
    default: return dor__pem_file_trust(name->path, false, &got->trust, why, why_cap);
    }
}

static dor_result get(entry_kind kind, const char *path, const char *password, entry *got, char *why,
                      size_t why_cap)
{
    entry_name name = {.kind = kind, .path = path};
    stamp before, after;
    *got = (entry){.kind = ENTRY_NONE};
    if (password) DOR_TRY(dor__hash_once(DOR_HASH_SHA256, dor__span_str(password), name.digest));
    bool regular = take_stamp(path, &before);
    if (regular && look_up(&name, &before, got)) return DOR_SUCCESS;

    pthread_mutex_lock(&lock);
    entry *vanished = regular ? NULL : find(&name);
    if (vanished) entry_fini(vanished);
    reads++;
    pthread_mutex_unlock(&lock);
    DOR_TRY(read_file(&name, password, got, why, why_cap));
    if (regular && is_settled(&before) && take_stamp(path, &after) && same_stamp(&before, &after))
        remember(&name, &before, got);
    return DOR_SUCCESS;
}

dor_result dor__cached_chain(const char *path, const char *password, dor_chain *chain, char *why,
                             size_t why_cap)
{
    entry got;
    chain->count = 0;
    DOR_TRY(get(ENTRY_CHAIN, path, password, &got, why, why_cap));
    *chain = got.chain;
    return DOR_SUCCESS;
}

dor_result dor__cached_key(const char *path, const char *password, dor_private_key **key, char *why,
                           size_t why_cap)
{
    entry got;
    DOR_TRY(get(ENTRY_KEY, path, password, &got, why, why_cap));
    *key = got.key;
    return DOR_SUCCESS;
}

dor_result dor__cached_trust(const char *path, dor_trust_store **store, char *why, size_t why_cap)
{
    entry got;
    DOR_TRY(get(ENTRY_TRUST, path, NULL, &got, why, why_cap));
    *store = got.trust;
    return DOR_SUCCESS;
}

void dor__pem_cache_clear(void)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < DOR_PEM_CACHE_ENTRIES; i++)
        entry_fini(&entries[i]);
    pthread_mutex_unlock(&lock);
    dor__system_trust_forget();
}

void dor__pem_cache_get_figures(dor_pem_cache_figures *figures)
{
    *figures = (dor_pem_cache_figures){0};
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < DOR_PEM_CACHE_ENTRIES; i++)
        figures->entries += entries[i].kind != ENTRY_NONE;
    figures->bytes = bytes_held();
    figures->hits = hits;
    figures->reads = reads;
    pthread_mutex_unlock(&lock);
}
