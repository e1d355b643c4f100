/* port_record.c - see port_record.h. */
#include "runtime/port_record.h"

#include "base/alloc.h"

#include <pthread.h>

enum { BUCKETS = 256 }; /* ports are few: each has a descriptor */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static dor_port_record *buckets[BUCKETS];

/* Slots are given out in turn, so their low bits spread ports well; in a pid they begin at bit 25. */
static dor_port_record **bucket_of(dor_pid pid)
{
    return &buckets[pid >> 25 & (BUCKETS - 1)];
}

/* The place that points to pid's record, or to NULL. Under the lock. */
static dor_port_record **place_of(dor_pid pid)
{
    dor_port_record **place = bucket_of(pid);
    while (*place && (*place)->pid != pid)
        place = &(*place)->next;
    return place;
}

dor_result dor__port_record_new(dor_port_record **record)
{
    dor_port_record *made = (dor_port_record *)dor__calloc(1, sizeof *made);
    if (!made) return dor__error(DOR_E_NOMEM);
    dor_result result = dor__wake_fd_open(&made->wake);
    if (dor__failed(result)) {
        dor__free(made);
        return result;
    }
    *record = made;
    return DOR_SUCCESS;
}

static void release(dor_port_record *record)
{
    dor__wake_fd_close(&record->wake);
    dor__free(record);
}

void dor__port_record_free(dor_port_record *record)
{
    pthread_mutex_lock(&lock);
    if (record->code) *place_of(record->pid) = record->next;
    pthread_mutex_unlock(&lock);
    release(record);
}

void dor__port_record_orphan(dor_port_record *record, dor_pid pid, int code)
{
    pthread_mutex_lock(&lock);
    if (!record->code) {
        record->pid = pid;
        record->code = code;
        record->next = *bucket_of(pid);
        *bucket_of(pid) = record;
    }
    pthread_mutex_unlock(&lock);
}

int dor__port_record_code(dor_pid pid)
{
    pthread_mutex_lock(&lock);
    const dor_port_record *record = *place_of(pid);
    int code = record ? record->code : DOR_E_NOPROC;
    pthread_mutex_unlock(&lock);
    return code;
}

int dor__port_record_fd(dor_pid pid)
{
    pthread_mutex_lock(&lock);
    const dor_port_record *record = *place_of(pid);
    int fd = record ? record->wake.fd : -1;
    pthread_mutex_unlock(&lock);
    return fd;
}

bool dor__port_record_discard(dor_pid pid)
{
    pthread_mutex_lock(&lock);
    dor_port_record **place = place_of(pid), *record = *place;
    if (record) *place = record->next;
    pthread_mutex_unlock(&lock);
    if (record) release(record);
    return record != NULL;
}
