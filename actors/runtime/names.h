/*
 * names.h - registered names: a runtime's table from texts to pids. The calls on it are in calls.h.
 *
 * Threads: any. Everything in the struct is under its lock: looking up takes it for reading, the rest for writing.
 *
 * A name whose pid has ended counts as free, so ends cost nothing here; its place is taken back when it is registered
 * again, or when the table would have to grow.
 */
#ifndef DOR_RUNTIME_NAMES_H
#define DOR_RUNTIME_NAMES_H

#include "base/result.h"
#include <dormouse/actor.h>
#include <uv.h>

enum { DOR_NAMES_MAX = 65536 /* of the living, in one runtime */ };

typedef struct dor_name_entry {
    dor_pid pid;   /* DOR_PID_NONE: the place is free */
    uint32_t hash; /* of the text */
    uint32_t next; /* place + 1 of the next one of the same chain, or of the next free one */
    char text[DOR_NAME_MAX + 1];
} dor_name_entry;

typedef struct dor_names {
    uv_rwlock_t lock;
    dor_name_entry *entries; /* places are kept for life, so that a walk sees no name twice */
    uint32_t *chains; /* place + 1 of the first one; as many as there is room for entries, a power of 2 */
    uint32_t room;
    uint32_t used; /* places that were ever taken */
    uint32_t free; /* place + 1 of the first free one below `used` */
} dor_names;

/** 0, or what uv_rwlock_init said. */
int dor__names_init(dor_names *names);
void dor__names_fini(dor_names *names);

#endif
