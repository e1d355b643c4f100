/*
 * names.c - see names.h. A hash table with chains over one array of entries, which doubles when the living fill it.
 *
 * Whether a pid lives is read from its slot's tag, without a lock; it may end at any moment anyway.
 */
#include "runtime/names.h"
#include "runtime/private.h"

#include "base/alloc.h"

#include <string.h>

enum { FIRST_ROOM = 64 };

_Static_assert((DOR_NAMES_MAX & (DOR_NAMES_MAX - 1)) == 0 && DOR_NAMES_MAX % FIRST_ROOM == 0,
               "reached by doubling");

int dor__names_init(dor_names *names)
{
    memset(names, 0, sizeof *names);
    return uv_rwlock_init(&names->lock);
}

void dor__names_fini(dor_names *names)
{
    dor__free(names->entries);
    dor__free(names->chains);
    uv_rwlock_destroy(&names->lock);
}

/* A name as a key: its text, its length and its hash are worked out before the lock is taken. */
typedef struct key {
    const char *text;
    size_t len;
    uint32_t hash;
} key;

/* FNV-1a, with a last stirring, since the chains use the low bits. */
static dor_result key_of(const char *text, key *k)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    size_t len = 0;
    for (; text[len]; len++) {
        if (len == DOR_NAME_MAX) return dor__error(DOR_E_BADARG);
        hash = (hash ^ (unsigned char)text[len]) * UINT64_C(0x100000001b3);
    }
    if (len == 0) return dor__error(DOR_E_BADARG);
    *k = (key){text, len, (uint32_t)(hash ^ hash >> 32)};
    return DOR_SUCCESS;
}

/* ---- the table; under the lock ---- */

/* Where the place of a name's entry stands (place + 1): in its chain's head, or in the entry before it; holds 0 if there is none. */
static uint32_t *find(dor_names *names, const key *k)
{
    uint32_t *link = &names->chains[k->hash & (names->room - 1)];
    while (*link) {
        dor_name_entry *entry = &names->entries[*link - 1];
        if (entry->hash == k->hash && memcmp(entry->text, k->text, k->len + 1) == 0) break;
        link = &entry->next;
    }
    return link;
}

/* Takes the entry at *link out of its chain; its place is free. */
static void drop(dor_names *names, uint32_t *link)
{
    uint32_t place = *link;
    dor_name_entry *entry = &names->entries[place - 1];
    *link = entry->next;
    entry->pid = DOR_PID_NONE;
    entry->next = names->free;
    names->free = place;
}

/* Frees the places of the dead. */
static void sweep(dor_runtime *runtime)
{
    dor_names *names = &runtime->names;
    for (uint32_t i = 0; i < names->room; i++) {
        uint32_t *link = &names->chains[i];
        while (*link) {
            dor_name_entry *entry = &names->entries[*link - 1];
            if (dor__pid_alive_in(runtime, entry->pid))
                link = &entry->next;
            else
                drop(names, link);
        }
    }
}

static uint32_t count_free(const dor_names *names)
{
    uint32_t count = names->room - names->used;
    for (uint32_t place = names->free; place; place = names->entries[place - 1].next)
        count++;
    return count;
}

static dor_result grow(dor_names *names)
{
    uint32_t room = names->room ? names->room * 2 : FIRST_ROOM;
    uint32_t *chains = (uint32_t *)dor__calloc(room, sizeof *chains);
    dor_name_entry *entries =
        chains ? (dor_name_entry *)dor__realloc(names->entries, room * sizeof *entries) : NULL;
    if (!entries) {
        dor__free(chains);
        return dor__error(DOR_E_NOMEM);
    }
    dor__free(names->chains);
    names->chains = chains;
    names->entries = entries;
    names->room = room;
    for (uint32_t i = 0; i < names->used; i++) {
        if (entries[i].pid == DOR_PID_NONE) continue; /* in the list of the free, which stays */
        uint32_t *chain = &chains[entries[i].hash & (room - 1)];
        entries[i].next = *chain;
        *chain = i + 1;
    }
    return DOR_SUCCESS;
}

/* Sees to it that there is a free place. */
static dor_result make_room(dor_runtime *runtime)
{
    dor_names *names = &runtime->names;
    if (names->free || names->used < names->room) return DOR_SUCCESS;
    if (names->room) sweep(runtime);
    /* A quarter must be free, so that a sweep is paid for by as many registrations; but at the limit any place will do. */
    if (names->room == DOR_NAMES_MAX) return names->free ? DOR_SUCCESS : dor__error(DOR_E_LIMIT);
    if (names->room && count_free(names) >= names->room / 4) return DOR_SUCCESS;
    dor_result result = grow(names);
    return names->free ? DOR_SUCCESS : result;
}

static dor_result put(dor_runtime *runtime, const key *k, dor_pid pid)
{
    dor_names *names = &runtime->names;
    if (names->room) {
        uint32_t *link = find(names, k);
        if (*link) {
            dor_name_entry *entry = &names->entries[*link - 1];
            if (dor__pid_alive_in(runtime, entry->pid)) return dor__error(DOR_E_NAME_TAKEN);
            entry->pid = pid;
            return DOR_SUCCESS;
        }
    }
    DOR_TRY(make_room(runtime));
    uint32_t place = names->free ? names->free : ++names->used;
    dor_name_entry *entry = &names->entries[place - 1];
    if (names->free) names->free = entry->next;
    uint32_t *chain = &names->chains[k->hash & (names->room - 1)];
    entry->pid = pid;
    entry->hash = k->hash;
    entry->next = *chain;
    memcpy(entry->text, k->text, k->len + 1);
    *chain = place;
    return DOR_SUCCESS;
}

/* ---- calls ---- */

/* The runtime is entered. */
static dor_result register_in(dor_runtime *runtime, const key *k, dor_pid pid)
{
    unsigned kind = dor__kind_of(pid);
    if (kind != DOR_KIND_ACTOR && kind != DOR_KIND_PROCESS) return dor__error(DOR_E_BADARG);
    if (dor__runtime_index_of(pid) != runtime->index) return dor__error(DOR_E_BADARG);
    if (!dor__pid_alive_in(runtime, pid)) return dor__error(DOR_E_NOPROC);
    uv_rwlock_wrlock(&runtime->names.lock);
    dor_result result = put(runtime, k, pid);
    uv_rwlock_wrunlock(&runtime->names.lock);
    return result;
}

dor_result dor__register(dor_runtime *runtime, const char *name, dor_pid pid)
{
    key k;
    DOR_TRY(key_of(name, &k));
    DOR_TRY(dor__runtime_enter(&runtime));
    dor_result result = register_in(runtime, &k, pid);
    dor__runtime_leave(runtime);
    return result;
}

dor_result dor__unregister(dor_runtime *runtime, const char *name)
{
    key k;
    bool had = false;
    DOR_TRY(key_of(name, &k));
    DOR_TRY(dor__runtime_enter(&runtime));
    dor_names *names = &runtime->names;
    uv_rwlock_wrlock(&names->lock);
    uint32_t *link = names->room ? find(names, &k) : NULL;
    if (link && *link) {
        had = dor__pid_alive_in(runtime, names->entries[*link - 1].pid);
        drop(names, link);
    }
    uv_rwlock_wrunlock(&names->lock);
    dor__runtime_leave(runtime);
    return had ? DOR_SUCCESS : dor__error(DOR_E_NOPROC);
}

dor_pid dor__whereis(dor_runtime *runtime, const char *name)
{
    key k;
    if (dor__failed(key_of(name, &k)) || dor__failed(dor__runtime_enter(&runtime))) return DOR_PID_NONE;
    dor_names *names = &runtime->names;
    uv_rwlock_rdlock(&names->lock);
    uint32_t *link = names->room ? find(names, &k) : NULL;
    dor_pid pid = link && *link ? names->entries[*link - 1].pid : DOR_PID_NONE;
    uv_rwlock_rdunlock(&names->lock);
    if (pid != DOR_PID_NONE && !dor__pid_alive_in(runtime, pid)) pid = DOR_PID_NONE;
    dor__runtime_leave(runtime);
    return pid;
}

size_t dor__names_walk(dor_runtime *runtime, uint64_t *cursor, dor_named *named, size_t cap)
{
    size_t count = 0;
    if (dor__failed(dor__runtime_enter(&runtime))) {
        *cursor = 0;
        return 0;
    }
    dor_names *names = &runtime->names;
    uv_rwlock_rdlock(&names->lock);
    uint64_t i = *cursor;
    for (; i < names->used && count < cap; i++) {
        const dor_name_entry *entry = &names->entries[i];
        if (entry->pid == DOR_PID_NONE || !dor__pid_alive_in(runtime, entry->pid)) continue;
        named[count].pid = entry->pid;
        memcpy(named[count++].name, entry->text, sizeof entry->text);
    }
    *cursor = i < names->used ? i : 0;
    uv_rwlock_rdunlock(&names->lock);
    dor__runtime_leave(runtime);
    return count;
}
