/*
 * supervisor_child.c - see supervisor_private.h: the records of a supervisor's children.
 *
 * A record stands in the list of children, in the order of their start; in the table by pid while it has a pid, and in
 * the one by id for as long as it exists, when it has one. Nothing here can fail once a record is there.
 */
#include "runtime/supervisor_private.h"

#include "base/alloc.h"

#include <string.h>

/* ---- records ---- */

static void release_spec(const dor_child_spec *spec)
{
    if (spec->release) spec->release(spec->arg);
}

static void copy_spec(dor_child_kind *kind, const dor_child_spec *spec)
{
    kind->spec = *spec;
    kind->id[0] = 0;
    if (spec->id) {
        size_t len = strnlen(spec->id, DOR_NAME_MAX);
        memcpy(kind->id, spec->id, len);
        kind->id[len] = 0;
    }
    kind->spec.id = kind->id;
}

typedef struct own_child {
    dor_child child;
    dor_child_kind kind;
} own_child;

_Static_assert(sizeof(dor_child) <= 96 && sizeof(own_child) <= 208, "what docs/supervisors.md says of it");

dor_child *dor__child_new(const dor_child_spec *spec)
{
    own_child *c = (own_child *)dor__calloc(1, sizeof *c);
    if (!c) {
        release_spec(spec);
        return NULL;
    }
    copy_spec(&c->kind, spec);
    c->child.kind = &c->kind;
    c->child.own_kind = true;
    return &c->child;
}

dor_child *dor__child_new_simple(void *extra, void (*release)(void *extra))
{
    dor_child *c = (dor_child *)dor__calloc(1, sizeof *c);
    if (c) {
        c->extra = extra;
        c->release_extra = release;
    } else if (release) {
        release(extra);
    }
    return c;
}

void dor__child_free(dor_child *c)
{
    if (!c) return;
    if (c->release_extra) c->release_extra(c->extra);
    if (c->own_kind) release_spec(&c->kind->spec);
    dor__free(c);
}

dor_child_kind *dor__child_kind_new(const dor_child_spec *spec)
{
    dor_child_kind *kind = (dor_child_kind *)dor__malloc(sizeof *kind);
    if (kind)
        copy_spec(kind, spec);
    else
        release_spec(spec);
    return kind;
}

void dor__child_kind_free(dor_child_kind *kind)
{
    if (!kind) return;
    release_spec(&kind->spec);
    dor__free(kind);
}

/* ---- tables ---- */

static uint32_t hash_of_pid(dor_pid pid)
{
    return (uint32_t)(pid * 0x9e3779b97f4a7c15u >>
                      32); /* the golden ratio: every bit of the pid reaches the top ones */
}

static uint32_t hash_of_id(const char *id)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *id; id++)
        hash = (hash ^ (uint8_t)*id) * 16777619u;
    return hash;
}

static uint32_t hash_of(const dor_child_table *table, const dor_child *c)
{
    return table->by == DOR_BY_PID ? hash_of_pid(c->pid) : hash_of_id(c->kind->id);
}

void dor__child_table_init(dor_child_table *table, unsigned by)
{
    *table = (dor_child_table){.by = by, .mask = DOR_SUPERVISOR_FIRST_BUCKETS - 1};
    table->buckets = table->first_buckets;
}

void dor__child_table_fini(dor_child_table *table)
{
    if (table->buckets != table->first_buckets) dor__free(table->buckets);
}

static void grow(dor_child_table *table)
{
    uint32_t mask = table->mask * 2 + 1;
    dor_child **buckets = (dor_child **)dor__calloc((size_t)mask + 1, sizeof(dor_child *));
    if (!buckets) return;
    for (uint32_t i = 0; i <= table->mask; i++) {
        dor_child *c = table->buckets[i];
        while (c) {
            dor_child *next = c->chain[table->by];
            dor_child **bucket = &buckets[hash_of(table, c) & mask];
            c->chain[table->by] = *bucket;
            *bucket = c;
            c = next;
        }
    }
    dor__child_table_fini(table);
    table->buckets = buckets;
    table->mask = mask;
}

static void table_add(dor_child_table *table, dor_child *c)
{
    if (table->count++ > table->mask) grow(table);
    dor_child **bucket = &table->buckets[hash_of(table, c) & table->mask];
    c->chain[table->by] = *bucket;
    *bucket = c;
}

static void table_remove(dor_child_table *table, dor_child *c)
{
    dor_child **place = &table->buckets[hash_of(table, c) & table->mask];
    while (*place && *place != c)
        place = &(*place)->chain[table->by];
    if (!*place) return;
    *place = c->chain[table->by];
    table->count--;
}

dor_child *dor__child_find(dor_supervisor *sup, dor_pid pid)
{
    dor_child *c = sup->by_pid.buckets[hash_of_pid(pid) & sup->by_pid.mask];
    while (c && c->pid != pid)
        c = c->chain[DOR_BY_PID];
    return c;
}

dor_child *dor__child_find_id(dor_supervisor *sup, const char *id)
{
    dor_child *c = sup->by_id.buckets[hash_of_id(id) & sup->by_id.mask];
    while (c && strcmp(c->kind->id, id) != 0)
        c = c->chain[DOR_BY_ID];
    return c;
}

/* ---- a child's way through them ---- */

void dor__child_add(dor_supervisor *sup, dor_child *c)
{
    c->next = NULL;
    c->previous = sup->last;
    if (sup->last)
        sup->last->next = c;
    else
        sup->first = c;
    sup->last = c;
    sup->children++;
    if (c->own_kind) table_add(&sup->by_id, c);
}

static void set_no_pid(dor_supervisor *sup, dor_child *c)
{
    if (c->pid != DOR_PID_NONE) table_remove(&sup->by_pid, c);
    c->pid = DOR_PID_NONE;
}

void dor__child_set_pid(dor_supervisor *sup, dor_child *c, dor_pid pid)
{
    set_no_pid(sup, c);
    c->pid = pid;
    table_add(&sup->by_pid, c);
}

void dor__child_set_state(dor_supervisor *sup, dor_child *c, dor_child_state state)
{
    if (c->state == DOR_CHILD_RUNNING) sup->running--;
    if (c->state == DOR_CHILD_RESTARTING) dor__child_retry_forget(sup, c);
    c->state = (uint8_t)state;
    if (state == DOR_CHILD_RUNNING) sup->running++;
    if (state == DOR_CHILD_STOPPED) set_no_pid(sup, c);
}

void dor__child_forget(dor_supervisor *sup, dor_child *c)
{
    dor__child_set_state(sup, c, DOR_CHILD_STOPPED);
    if (sup->at == c)
        sup->at = c->next; /* SIMPLE_ONE_FOR_ONE's way through all, which goes from first to last */
    if (c->previous)
        c->previous->next = c->next;
    else
        sup->first = c->next;
    if (c->next)
        c->next->previous = c->previous;
    else
        sup->last = c->previous;
    sup->children--;
    if (c->own_kind) table_remove(&sup->by_id, c);
    dor__child_free(c);
}

void dor__child_settle(dor_supervisor *sup, dor_child *c)
{
    if (dor__supervisor_is_simple(sup) || c->kind->spec.restart == DOR_TEMPORARY)
        dor__child_forget(sup, c);
    else
        dor__child_set_state(sup, c, DOR_CHILD_STOPPED);
}

/* ---- to be tried again ---- */

void dor__child_retry_later(dor_supervisor *sup, dor_child *c)
{
    dor__child_set_state(sup, c, DOR_CHILD_RESTARTING);
    c->retry_next = NULL;
    c->retry_previous = sup->retry_last;
    if (sup->retry_last)
        sup->retry_last->retry_next = c;
    else
        sup->retry_first = c;
    sup->retry_last = c;
}

void dor__child_retry_forget(dor_supervisor *sup, dor_child *c)
{
    if (c->retry_previous)
        c->retry_previous->retry_next = c->retry_next;
    else
        sup->retry_first = c->retry_next;
    if (c->retry_next)
        c->retry_next->retry_previous = c->retry_previous;
    else
        sup->retry_last = c->retry_previous;
    c->retry_next = c->retry_previous = NULL;
}
