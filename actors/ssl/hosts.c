/* hosts.c - see hosts.h: an array in order of names, searched by halves. */
#include "ssl/hosts.h"

#include "base/alloc.h"
#include "ssl/reload.h"
#include "ssl/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct entry {
    char *name;
    dor_settings *settings;
} entry;

struct dor_hosts {
    uint32_t ref_count_;
    size_t count;
    entry entries[];
};

static dor_result make(size_t count, dor_hosts **hosts)
{
    *hosts = dor__calloc(1, sizeof **hosts + count * sizeof(entry));
    if (!*hosts) return dor__error(DOR_E_NOMEM);
    (*hosts)->ref_count_ = 1;
    return DOR_SUCCESS;
}

dor_result dor__hosts_new(dor_hosts **hosts)
{
    return make(0, hosts);
}

dor_hosts *dor__hosts_ref(dor_hosts *hosts)
{
    __atomic_add_fetch(&hosts->ref_count_, 1, __ATOMIC_RELAXED); /* the caller holds one already */
    return hosts;
}

void dor__hosts_unref(dor_hosts *hosts)
{
    /* release: our uses come before; acquire: whoever frees sees everybody's */
    if (!hosts || __atomic_sub_fetch(&hosts->ref_count_, 1, __ATOMIC_ACQ_REL) > 0) return;
    for (size_t i = 0; i < hosts->count; i++) {
        dor__free(hosts->entries[i].name);
        dor__settings_unref(hosts->entries[i].settings);
    }
    dor__free(hosts);
}

bool dor__host_name_plain(dor_span name, char plain[DOR_HOST_NAME_MAX + 1])
{
    if (name.len && name.ptr[name.len - 1] == '.') name.len--;
    if (name.len == 0 || name.len > DOR_HOST_NAME_MAX) return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        if (c == '\0') return false;
        plain[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    plain[name.len] = '\0';
    return true;
}

/* "*" may stand for the whole first label, in front of at least one other. */
static bool good(const char *name)
{
    if (name[0] == '*') {
        if (name[1] != '.' || !name[2]) return false;
        name += 2;
    }
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(name) && name[0] != '.' &&
           !strstr(name, "..");
}

/* Where name is, or would be. */
static size_t place_of(const dor_hosts *hosts, const char *name, bool *there)
{
    size_t low = 0, high = hosts->count;
    *there = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(hosts->entries[middle].name, name);
        if (order == 0) {
            *there = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A failure leaves what has been put in so far to be released. */
static dor_result put(dor_hosts *hosts, const char *name, dor_settings *settings)
{
    size_t len = strlen(name);
    entry *e = &hosts->entries[hosts->count];
    e->name = dor__malloc(len + 1);
    if (!e->name) return dor__error(DOR_E_NOMEM);
    memcpy(e->name, name, len + 1);
    e->settings = dor__settings_ref(settings);
    hosts->count++;
    return DOR_SUCCESS;
}

bool dor__host_pattern(const char *name, char plain[DOR_HOST_NAME_MAX + 1])
{
    return dor__host_name_plain(dor__span_str(name), plain) && good(plain);
}

dor_result dor__hosts_with(const dor_hosts *from, const char *name, dor_settings *settings, dor_hosts **hosts)
{
    char plain[DOR_HOST_NAME_MAX + 1];
    bool there;
    if (!dor__host_pattern(name, plain)) return dor__error(DOR_E_BADARG);
    size_t place = place_of(from, plain, &there);
    if (!there && from->count == DOR_HOSTS_MAX) return dor__error(DOR_E_LIMIT);
    DOR_TRY(make(from->count + 1, hosts));
    dor_result r = DOR_SUCCESS;
    for (size_t i = 0; i < from->count && dor__ok(r); i++) {
        if (i == place) r = put(*hosts, plain, settings);
        if (dor__ok(r) && !(there && i == place))
            r = put(*hosts, from->entries[i].name, from->entries[i].settings);
    }
    if (dor__ok(r) && place == from->count) r = put(*hosts, plain, settings);
    if (dor__failed(r)) dor__hosts_unref(*hosts);
    return r;
}

dor_settings *dor__hosts_find(const dor_hosts *hosts, const char *plain)
{
    char wild[DOR_HOST_NAME_MAX + 3] = "*";
    bool there;
    size_t place = place_of(hosts, plain, &there);
    const char *rest = strchr(plain, '.');
    if (there) return hosts->entries[place].settings;
    if (!rest || rest == plain || plain[0] == '*') return NULL;
    memcpy(wild + 1, rest, strlen(rest) + 1);
    place = place_of(hosts, wild, &there);
    return there ? hosts->entries[place].settings : NULL;
}

/* ---- again --------------------------------------------------------------------------------------------------------- */

/* Settings and what became of them, in order of their addresses. */
typedef struct pair {
    dor_settings *before, *after;
} pair;

static int by_before(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const pair *)a)->before, y = (uintptr_t)((const pair *)b)->before;
    return x < y ? -1 : x > y;
}

static pair *find_pair(pair *pairs, size_t count, dor_settings *before)
{
    const pair key = {before, NULL};
    return bsearch(&key, pairs, count, sizeof(pair), by_before);
}

/* after: a reference, to `before` itself when nothing has changed. */
static dor_result reload_one(const entry *e, pair *p, bool *changed, char *why, size_t why_cap)
{
    char said[DOR_RELOAD_WHY_CAP];
    bool other = false;
    if (p->after) return DOR_SUCCESS; /* under another name */
    dor_result r = dor__settings_reload(p->before, &p->after, &other, said, sizeof said);
    if (dor__failed(r)) {
        p->after = NULL;
        (void)snprintf(why, why_cap, "option sni_hosts, %s: %s", e->name, said);
        return r;
    }
    if (!other) {
        dor__settings_unref(p->after);
        p->after = dor__settings_ref(p->before);
    }
    *changed = *changed || other;
    return DOR_SUCCESS;
}

static dor_result replace(const dor_hosts *hosts, pair *pairs, size_t count, dor_hosts **fresh)
{
    dor_result r = make(hosts->count, fresh);
    if (dor__failed(r)) return r;
    for (size_t i = 0; i < hosts->count && dor__ok(r); i++)
        r = put(*fresh, hosts->entries[i].name, find_pair(pairs, count, hosts->entries[i].settings)->after);
    if (dor__failed(r)) dor__hosts_unref(*fresh);
    return r;
}

dor_result dor__hosts_reload(dor_hosts *hosts, dor_hosts **fresh, char *why, size_t why_cap)
{
    size_t count = 0;
    bool changed = false;
    dor_result r = DOR_SUCCESS;
    pair *pairs = dor__calloc(hosts->count + 1, sizeof *pairs);
    (void)snprintf(why, why_cap, "out of memory");
    if (!pairs) return dor__error(DOR_E_NOMEM);
    for (size_t i = 0; i < hosts->count; i++)
        pairs[i].before = hosts->entries[i].settings;
    qsort(pairs, hosts->count, sizeof *pairs, by_before);
    for (size_t i = 0; i < hosts->count; i++)
        if (count == 0 || pairs[count - 1].before != pairs[i].before) pairs[count++] = pairs[i];
    for (size_t i = 0; i < hosts->count && dor__ok(r); i++)
        r = reload_one(&hosts->entries[i], find_pair(pairs, count, hosts->entries[i].settings), &changed, why,
                       why_cap);
    if (dor__ok(r) && changed)
        r = replace(hosts, pairs, count, fresh);
    else if (dor__ok(r))
        *fresh = dor__hosts_ref(hosts);
    for (size_t i = 0; i < count; i++)
        dor__settings_unref(pairs[i].after);
    dor__free(pairs);
    return r;
}
