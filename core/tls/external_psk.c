/* external_psk.c - see external_psk.h. */
#include "tls/external_psk.h"

#include "base/alloc.h"
#include "base/ct.h"

typedef struct entry {
    dor_psk psk;
    uint8_t *memory; /* of its identity and its key */
} entry;

struct dor_psks {
    uint32_t ref_count_;
    size_t count, cap;
    entry *items;
};

dor_result dor__psks_new(dor_psks **psks)
{
    *psks = dor__calloc(1, sizeof **psks);
    if (!*psks) return dor__error(DOR_E_NOMEM);
    (*psks)->ref_count_ = 1;
    return DOR_SUCCESS;
}

dor_psks *dor__psks_ref(dor_psks *psks)
{
    /* Relaxed: whoever takes a reference holds one already. */
    if (psks) __atomic_add_fetch(&psks->ref_count_, 1, __ATOMIC_RELAXED);
    return psks;
}

void dor__psks_unref(dor_psks *psks)
{
    /* Release: our reads come before the count falls. Acquire: the last one frees after everybody's. */
    if (!psks || __atomic_sub_fetch(&psks->ref_count_, 1, __ATOMIC_ACQ_REL) > 0) return;
    for (size_t i = 0; i < psks->count; i++) {
        const dor_psk *psk = &psks->items[i].psk;
        dor__free_wiped(psks->items[i].memory, psk->identity.len + psk->key.len);
    }
    dor__free(psks->items);
    dor__free(psks);
}

static bool good(const dor_psk *psk)
{
    return psk->identity.len > 0 && psk->identity.len <= DOR_PSK_MAX_IDENTITY_LEN &&
           psk->key.len >= DOR_PSK_MIN_KEY_LEN && psk->key.len <= DOR_PSK_MAX_KEY_LEN &&
           (psk->hash == DOR_HASH_SHA256 || psk->hash == DOR_HASH_SHA384);
}

static dor_result make_room(dor_psks *psks)
{
    if (psks->count < psks->cap) return DOR_SUCCESS;
    size_t cap = psks->cap ? 2 * psks->cap : 4;
    entry *items = dor__calloc(cap, sizeof *items);
    if (!items) return dor__error(DOR_E_NOMEM);
    if (psks->count) memcpy(items, psks->items, psks->count * sizeof *items);
    dor__free(psks->items); /* only places of keys */
    psks->items = items;
    psks->cap = cap;
    return DOR_SUCCESS;
}

dor_result dor__psks_add(dor_psks *psks, const dor_psk *psk)
{
    if (!good(psk)) return dor__error(DOR_E_BADARG);
    if (psks->count == DOR_PSKS_MAX) return dor__error(DOR_E_LIMIT);
    if (dor__psks_find(psks, psk->identity)) return dor__error(DOR_E_NAME_TAKEN);
    DOR_TRY(make_room(psks));
    uint8_t *copy = dor__malloc(psk->identity.len + psk->key.len);
    if (!copy) return dor__error(DOR_E_NOMEM);
    memcpy(copy, psk->identity.ptr, psk->identity.len);
    memcpy(copy + psk->identity.len, psk->key.ptr, psk->key.len);
    entry *added = &psks->items[psks->count++];
    added->memory = copy;
    added->psk.identity = dor__span(copy, psk->identity.len);
    added->psk.key = dor__span(copy + psk->identity.len, psk->key.len);
    added->psk.hash = psk->hash;
    return DOR_SUCCESS;
}

size_t dor__psks_count(const dor_psks *psks)
{
    return psks ? psks->count : 0;
}

const dor_psk *dor__psks_at(const dor_psks *psks, size_t index)
{
    return &psks->items[index].psk;
}

const dor_psk *dor__psks_find(const dor_psks *psks, dor_span identity)
{
    const dor_psk *found = NULL;
    for (size_t i = 0; psks && i < psks->count; i++) {
        const dor_psk *psk = &psks->items[i].psk;
        if (psk->identity.len == identity.len && dor__ct_equal(psk->identity.ptr, identity.ptr, identity.len))
            found = psk;
    }
    return found;
}

/* ---- text ------------------------------------------------------------------------------------------------- */

static int digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool from_hex(dor_span text, uint8_t key[DOR_PSK_MAX_KEY_LEN], size_t *len)
{
    if (text.len % 2 || text.len / 2 > DOR_PSK_MAX_KEY_LEN) return false;
    for (size_t i = 0; i < text.len; i += 2) {
        int high = digit_of(text.ptr[i]), low = digit_of(text.ptr[i + 1]);
        if (high < 0 || low < 0) return false;
        key[i / 2] = (uint8_t)(high << 4 | low);
    }
    *len = text.len / 2;
    return true;
}

/* Cuts off and gives what stands behind the last colon; false: there is none. */
static bool last_field(dor_span *line, dor_span *field)
{
    for (size_t i = line->len; i > 0; i--)
        if (line->ptr[i - 1] == ':') {
            *field = dor__span(line->ptr + i, line->len - i);
            line->len = i - 1;
            return true;
        }
    return false;
}

static dor_result line_take(dor_psks *psks, dor_span line)
{
    uint8_t key[DOR_PSK_MAX_KEY_LEN];
    size_t key_len = 0;
    dor_span field;
    dor_psk psk = {.hash = DOR_HASH_SHA256};
    bool ok = last_field(&line, &field);
    if (ok && (dor__span_equal(field, dor__span_str("sha256")) ||
               dor__span_equal(field, dor__span_str("sha384")))) {
        if (field.ptr[3] == '3') psk.hash = DOR_HASH_SHA384;
        ok = last_field(&line, &field);
    }
    ok = ok && from_hex(field, key, &key_len);
    psk.identity = line;
    psk.key = dor__span(key, key_len);
    dor_result r = ok ? dor__psks_add(psks, &psk) : dor__error(DOR_E_BADARG);
    dor__wipe(key, sizeof key);
    return r;
}

dor_result dor__psks_parse(dor_psks *psks, dor_span text, size_t *line)
{
    for (*line = 1; text.len > 0; ++*line) {
        size_t len = 0;
        while (len < text.len && text.ptr[len] != '\n')
            len++;
        dor_span one = dor__span(text.ptr, len);
        if (one.len && one.ptr[one.len - 1] == '\r') one.len--;
        if (one.len && one.ptr[0] != '#') DOR_TRY(line_take(psks, one));
        len += len < text.len;
        text = dor__span(text.ptr + len, text.len - len);
    }
    return DOR_SUCCESS;
}
