/*
 * link_table.h - finds the half of a link by the two that it ties together.
 *
 * A hash table that grows by one bucket at a time (linear hashing), so that no insertion costs more than the others, and
 * that cannot fail: where there is no memory for another bucket, the chains get longer. It shrinks in the same way. Zeroed
 * memory is an empty table; an empty table has nothing allocated.
 *
 * Threads: its owner's, or under its owner's lock.
 */
#ifndef DOR_RUNTIME_LINK_TABLE_H
#define DOR_RUNTIME_LINK_TABLE_H

#include <dormouse/actor.h>
#include <stddef.h>

enum {
    DOR_LINK_SEGMENTS = 24, /* 64, 64, 128, 256 ... buckets: more than there are pids */
    DOR_LINK_SEGMENT_FIRST = 64
};

typedef struct dor_link_table {
    dor_message *bucket_0; /* bucket 0 is here; the segments have the others */
    dor_message **segments[DOR_LINK_SEGMENTS];
    uint32_t extra; /* buckets in use beyond bucket 0 */
    uint32_t count; /* halves */
} dor_link_table;

/** The half of `self` towards `other`, or NULL. */
dor_message *dor__link_table_find(const dor_link_table *t, dor_pid self, dor_pid other);

/** half is not in the table yet, nor one for the same two. */
void dor__link_table_add(dor_link_table *t, dor_message *half);

/** half is in the table. */
void dor__link_table_remove(dor_link_table *t, dor_message *half);

#endif
