/*
 * link_table.c - see link_table.h.
 *
 * With n buckets and 2^k the highest power of two within n, a hash's bucket is its low k+1 bits, or, where there is no
 * such bucket yet, its low k bits. So bucket n, when it is added, takes its halves from bucket n - 2^k alone.
 *
 * Bucket i > 0 lies in segment 0 when i < 64, else in segment k - 5 for 2^k <= i < 2^(k+1). A segment is allocated with its
 * first bucket and freed with it.
 */
#include "runtime/link_table.h"

#include "base/alloc.h"
#include "runtime/links.h"

enum {
    ROOM = 8,       /* halves beyond one per bucket before a bucket is added: few links need no memory */
    SPARSE = 4,     /* buckets per half before buckets are taken away ... */
    MERGES_MAX = 4, /* ... so many at a time, so that an empty table has none left */
};

static uint32_t hash(dor_pid self, dor_pid other)
{
    uint64_t x = (self ^ (other << 32 | other >> 32)) * UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return (uint32_t)(x >> 32);
}

static uint32_t hash_of(const dor_message *half)
{
    return hash(dor__half_of(half)->self, half->to_);
}

static uint32_t highest_bit(uint32_t n)
{
    return UINT32_C(1) << (31 - __builtin_clz(n));
}

static unsigned segment_of(uint32_t bucket)
{
    return bucket < DOR_LINK_SEGMENT_FIRST ? 0 : 26u - (unsigned)__builtin_clz(bucket);
}

static uint32_t segment_start(unsigned segment)
{
    return segment ? (uint32_t)DOR_LINK_SEGMENT_FIRST << (segment - 1) : 0;
}

static dor_message **bucket_at(const dor_link_table *t, uint32_t bucket)
{
    unsigned segment = segment_of(bucket);
    if (bucket == 0) return (dor_message **)(uintptr_t)&t->bucket_0;
    return &t->segments[segment][bucket - segment_start(segment)];
}

static dor_message **bucket_for(const dor_link_table *t, uint32_t hashed)
{
    uint32_t count = t->extra + 1, high = highest_bit(count);
    uint32_t bucket = hashed & (high * 2 - 1);
    return bucket_at(t, bucket < count ? bucket : bucket - high);
}

/* Adds a bucket, if there is memory for it. */
static void split(dor_link_table *t)
{
    uint32_t added = t->extra + 1, high = highest_bit(added);
    unsigned segment = segment_of(added);
    if (segment >= DOR_LINK_SEGMENTS) return;
    if (!t->segments[segment]) {
        size_t size = segment ? segment_start(segment) : DOR_LINK_SEGMENT_FIRST;
        t->segments[segment] = (dor_message **)dor__calloc(size, sizeof(dor_message *));
        if (!t->segments[segment]) return;
    }
    t->extra = added;
    dor_message **from = bucket_at(t, added - high), **to = bucket_at(t, added);
    *to = NULL;
    while (*from) {
        dor_message *half = *from;
        if (hash_of(half) & high) {
            *from = dor__half_of(half)->chain;
            dor__half_of(half)->chain = *to;
            *to = half;
        } else {
            from = &dor__half_of(half)->chain;
        }
    }
}

/* Takes the last bucket away. */
static void merge(dor_link_table *t)
{
    uint32_t last = t->extra;
    unsigned segment = segment_of(last);
    dor_message **end = bucket_at(t, last - highest_bit(last)), **gone = bucket_at(t, last);
    while (*end)
        end = &dor__half_of(*end)->chain;
    *end = *gone;
    *gone = NULL;
    t->extra = last - 1;
    if (last != segment_start(segment) + (segment == 0)) return;
    dor__free(t->segments[segment]);
    t->segments[segment] = NULL;
}

dor_message *dor__link_table_find(const dor_link_table *t, dor_pid self, dor_pid other)
{
    dor_message *half = *bucket_for(t, hash(self, other));
    while (half && (half->to_ != other || dor__half_of(half)->self != self))
        half = dor__half_of(half)->chain;
    return half;
}

void dor__link_table_add(dor_link_table *t, dor_message *half)
{
    if (++t->count > t->extra + ROOM) split(t);
    dor_message **bucket = bucket_for(t, hash_of(half));
    dor__half_of(half)->chain = *bucket;
    *bucket = half;
}

void dor__link_table_remove(dor_link_table *t, dor_message *half)
{
    dor_message **place = bucket_for(t, hash_of(half));
    while (*place != half)
        place = &dor__half_of(*place)->chain;
    *place = dor__half_of(half)->chain;
    dor__half_of(half)->chain = NULL;
    t->count--;
    for (unsigned i = 0; i < MERGES_MAX && t->extra > 0 && t->count < (t->extra + 1) / SPARSE; i++)
        merge(t);
    if (t->count > 0) return;
    while (t->extra > 0) /* only few: the chains were long for want of memory, or the table is small */
        merge(t);
}
