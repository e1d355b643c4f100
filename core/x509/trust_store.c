/*
 * trust_store.c - trust anchors, found by the DER of their subject.
 *
 * Filled by one thread, then never changed and shared by count between threads. Anchors stand in an array in
 * the order in which they were added; a table of chains through the array finds all those of one name in that
 * order.
 */
#include "x509/trust_store.h"

#include "base/alloc.h"
#include "x509/pem.h"

typedef struct entry {
    dor_certificate *cert; /* one reference */
    uint32_t hash;
    uint32_t next; /* position + 1 of the next anchor in the same chain; 0 ends it */
    uint8_t fingerprint[DOR_FINGERPRINT_LEN];
} entry;

struct dor_trust_store {
    uint32_t ref_count; /* atomic */
    uint32_t count;
    uint32_t cap;    /* a power of two, or 0; as many chains as entries */
    entry *entries;  /* cap of them */
    uint32_t *heads; /* cap of them: position + 1 of the chain's first entry */
};

/*
 * FNV-1a. Nothing depends on its quality against an adversary: only the configured anchors fill the table, so
 * the longest chain that a peer can make us walk was there before the peer came.
 */
static uint32_t hash_name(dor_span name)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < name.len; i++)
        h = (h ^ name.ptr[i]) * 16777619u;
    return h;
}

dor_result dor__trust_store_new(dor_trust_store **store)
{
    *store = dor__calloc(1, sizeof **store);
    if (!*store) return dor__error(DOR_E_NOMEM);
    (*store)->ref_count = 1;
    return DOR_SUCCESS;
}

dor_trust_store *dor__trust_store_ref(dor_trust_store *store)
{
    /* Relaxed: the caller holds a reference already. */
    if (store) __atomic_fetch_add(&store->ref_count, 1, __ATOMIC_RELAXED);
    return store;
}

void dor__trust_store_unref(dor_trust_store *store)
{
    /*
     * Release: our last reads come before the count drops. Acquire: the one who frees sees everybody's as
     * done.
     */
    if (!store || __atomic_fetch_sub(&store->ref_count, 1, __ATOMIC_ACQ_REL) != 1) return;
    for (uint32_t i = 0; i < store->count; i++)
        dor__certificate_unref(store->entries[i].cert);
    dor__free(store->entries);
    dor__free(store->heads);
    dor__free(store);
}

/* Puts the entry at position at the end of its chain. */
static void link_entry(dor_trust_store *store, uint32_t position)
{
    uint32_t *link = &store->heads[store->entries[position].hash & (store->cap - 1)];
    while (*link != 0)
        link = &store->entries[*link - 1].next;
    store->entries[position].next = 0;
    *link = position + 1;
}

static dor_result grow(dor_trust_store *store)
{
    if (store->cap >= 1u << 30) return dor__error(DOR_E_LIMIT);
    uint32_t cap = store->cap ? store->cap * 2 : 16;
    uint32_t *heads = dor__calloc(cap, sizeof *heads);
    if (!heads) return dor__error(DOR_E_NOMEM);
    entry *entries = dor__realloc(store->entries, cap * sizeof *entries);
    if (!entries) {
        dor__free(heads);
        return dor__error(DOR_E_NOMEM);
    }
    dor__free(store->heads);
    store->heads = heads;
    store->entries = entries;
    store->cap = cap;
    for (uint32_t i = 0; i < store->count; i++)
        link_entry(store, i);
    return DOR_SUCCESS;
}

/* *cursor is 0 at first, then the position + 1 of the last one found. */
static dor_certificate *find(const dor_trust_store *store, dor_span name, size_t *cursor)
{
    if (!store || store->count == 0 || *cursor > store->count) return NULL;
    uint32_t hash = hash_name(name);
    uint32_t at = *cursor ? store->entries[*cursor - 1].next : store->heads[hash & (store->cap - 1)];
    for (; at != 0; at = store->entries[at - 1].next) {
        const entry *e = &store->entries[at - 1];
        if (e->hash == hash && dor__span_equal(e->cert->subject, name)) {
            *cursor = at;
            return e->cert;
        }
    }
    return NULL;
}

dor_certificate *dor__trust_store_find(const dor_trust_store *store, dor_span name, size_t *cursor)
{
    return find(store, name, cursor);
}

dor_certificate *dor__trust_store_same(const dor_trust_store *store, const dor_certificate *cert)
{
    size_t cursor = 0;
    dor_certificate *anchor;
    while ((anchor = find(store, cert->subject, &cursor)) != NULL) {
        if (dor__span_equal(anchor->der, cert->der)) return anchor;
    }
    return NULL;
}

bool dor__trust_store_has(const dor_trust_store *store, const dor_certificate *cert)
{
    return dor__trust_store_same(store, cert) != NULL;
}

dor_result dor__trust_store_add(dor_trust_store *store, dor_certificate *cert)
{
    if (dor__trust_store_has(store, cert)) return DOR_SUCCESS;
    if (store->count == store->cap) DOR_TRY(grow(store));
    uint32_t position = store->count;
    store->entries[position] = (entry){.cert = cert, .hash = hash_name(cert->subject)};
    DOR_TRY(dor__certificate_fingerprint(cert, store->entries[position].fingerprint));
    dor__certificate_ref(cert);
    store->count++;
    link_entry(store, position);
    return DOR_SUCCESS;
}

dor_certificate *dor__trust_store_by_fingerprint(const dor_trust_store *store, dor_span fingerprint)
{
    for (uint32_t i = 0; store && i < store->count; i++) {
        const entry *e = &store->entries[i];
        if (dor__span_equal(dor__span(e->fingerprint, sizeof e->fingerprint), fingerprint)) return e->cert;
    }
    return NULL;
}

static dor_result add_der(dor_trust_store *store, dor_span der)
{
    dor_certificate *cert;
    DOR_TRY(dor__certificate_new(&cert, der));
    dor_result result = dor__trust_store_add(store, cert);
    dor__certificate_unref(cert);
    return result;
}

dor_result dor__trust_store_add_pem(dor_trust_store *store, dor_span pem, size_t *added, size_t *skipped)
{
    size_t line = 1, added_count = 0, skipped_count = 0;
    dor_result result = DOR_SUCCESS;
    for (;;) {
        dor_pem_block block;
        bool found;
        result = dor__pem_next(&pem, &line, &block, &found);
        if (dor__ok(result) && !found) break;
        if (dor__ok(result)) {
            if (dor__pem_is_certificate(block.label)) {
                result = add_der(store, dor__bytes_span(&block.der));
                added_count += dor__ok(result);
            } else if (dor__span_equal(block.label, dor__span_str("TRUSTED CERTIFICATE"))) {
                skipped_count++; /* OpenSSL's own form limits the trust in ways that we would not heed */
            }
            dor__pem_block_fini(&block);
        }
        dor_error_class class_ = dor_error_get_class(result.code);
        if (class_ != DOR_CLASS_NONE && class_ != DOR_CLASS_ALERT_SENT && class_ != DOR_CLASS_USAGE)
            break; /* out of memory, say: not the block's fault */
        skipped_count += dor__failed(result);
        result = DOR_SUCCESS;
    }
    if (added) *added = added_count;
    if (skipped) *skipped = skipped_count;
    return result;
}

size_t dor__trust_store_count(const dor_trust_store *store)
{
    return store ? store->count : 0;
}

dor_certificate *dor__trust_store_at(const dor_trust_store *store, size_t index)
{
    return store && index < store->count ? store->entries[index].cert : NULL;
}
