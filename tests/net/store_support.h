/* store_support.h - a store of sessions outside: a table that the test looks into, with answers at once, later or never. */
#ifndef TESTS_NET_STORE_SUPPORT_H
#define TESTS_NET_STORE_SUPPORT_H

#include "net_support.h"

#include <pthread.h>

enum { STORE_ENTRIES = 64, STORE_ID_MAX = 64, STORE_DATA_MAX = 4096 };

typedef enum store_how {
    STORE_ANSWERS,
    STORE_KEEPS, /* the question, for the test */
    STORE_DROPS,
    STORE_REFUSES,
    STORE_LIES,  /* what is there under another id */
    STORE_SPOILS /* a bit of it; which: flip */
} store_how;

typedef struct store_entry {
    size_t id_len, len; /* id_len 0: free */
    uint8_t id[STORE_ID_MAX], data[STORE_DATA_MAX];
} store_entry;

typedef struct store {
    pthread_mutex_t lock;
    store_how how;
    size_t flip;
    store_entry entries[STORE_ENTRIES];
    dor_question *kept;
    store_entry kept_entry;
    atomic_int lookups, found, once, stored, removed;
    uint32_t lifetime_s;
} store;

static inline store_entry *store_find(store *s, const void *id, size_t id_len)
{
    for (int i = 0; i < STORE_ENTRIES; i++)
        if (s->entries[i].id_len == id_len && memcmp(s->entries[i].id, id, id_len) == 0)
            return &s->entries[i];
    return NULL;
}

static inline store_entry *store_other(store *s, const void *id, size_t id_len)
{
    for (int i = 0; i < STORE_ENTRIES; i++)
        if (s->entries[i].id_len && (s->entries[i].id_len != id_len || memcmp(s->entries[i].id, id, id_len)))
            return &s->entries[i];
    return NULL;
}

static inline void store_lookup(void *arg, const void *id, size_t id_len, dor_question *question)
{
    store *s = arg;
    store_entry copy = {0};
    pthread_mutex_lock(&s->lock);
    store_entry *e = s->how == STORE_LIES ? store_other(s, id, id_len) : store_find(s, id, id_len);
    if (e) copy = *e;
    if (e) atomic_fetch_add(&s->found, 1);
    if (s->how == STORE_KEEPS) {
        s->kept_entry = copy;
        s->kept = question;
    }
    store_how how = s->how;
    pthread_mutex_unlock(&s->lock);
    if (dor_question_once(question)) atomic_fetch_add(&s->once, 1);
    if (how == STORE_DROPS)
        dor_question_unref(question);
    else if (how == STORE_REFUSES)
        (void)dor_question_refuse(question, DOR_E_TIMEOUT);
    else if (how != STORE_KEEPS) {
        if (how == STORE_SPOILS && copy.len)
            copy.data[s->flip / 8 % copy.len] ^= (uint8_t)(1u << s->flip % 8);
        (void)dor_question_session(question, copy.data, copy.len);
    }
    atomic_fetch_add(&s->lookups, 1);
}

static inline void store_store(void *arg, const void *id, size_t id_len, const void *data, size_t len,
                               uint32_t lifetime_s)
{
    store *s = arg;
    cr_assert(id_len <= STORE_ID_MAX && len <= STORE_DATA_MAX);
    pthread_mutex_lock(&s->lock);
    store_entry *e = store_find(s, id, id_len);
    for (int i = 0; i < STORE_ENTRIES && !e; i++)
        if (!s->entries[i].id_len) e = &s->entries[i];
    if (e) {
        memcpy(e->id, id, id_len);
        memcpy(e->data, data, len);
        e->id_len = id_len;
        e->len = len;
    }
    s->lifetime_s = lifetime_s;
    pthread_mutex_unlock(&s->lock);
    atomic_fetch_add(&s->stored, 1);
}

static inline void store_remove(void *arg, const void *id, size_t id_len)
{
    store *s = arg;
    pthread_mutex_lock(&s->lock);
    store_entry *e = store_find(s, id, id_len);
    if (e) *e = (store_entry){0};
    pthread_mutex_unlock(&s->lock);
    atomic_fetch_add(&s->removed, 1);
}

static const dor_session_store_ops store_ops = {store_lookup, store_store, store_remove};

static inline void store_init(store *s)
{
    memset(s, 0, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
}

#endif
