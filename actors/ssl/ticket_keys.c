/* ticket_keys.c - see ticket_keys.h. */
#include "ssl/ticket_keys.h"

#include "base/alloc.h"
#include "base/ct.h"

#include <string.h>

dor_result dor__ticket_keys_init(dor_ticket_keys *keys, int64_t period_ms, int64_t overlap_ms)
{
    *keys = (dor_ticket_keys){.period_ms = period_ms, .overlap_ms = overlap_ms};
    return pthread_mutex_init(&keys->lock, NULL) == 0 ? DOR_SUCCESS : dor__error(DOR_E_NOMEM);
}

void dor__ticket_keys_fini(dor_ticket_keys *keys)
{
    pthread_mutex_destroy(&keys->lock);
    dor__wipe(keys, sizeof(*keys));
}

void dor__ticket_keys_clear(dor_ticket_keys *keys)
{
    pthread_mutex_lock(&keys->lock);
    dor__wipe(keys->list, sizeof(keys->list));
    keys->count = 0;
    keys->given = false;
    pthread_mutex_unlock(&keys->lock);
}

/* ---- from outside --------------------------------------------------------------------------------------------------- */

static const uint8_t *given_at(dor_span given, size_t index)
{
    return given.ptr + index * DOR_TICKET_KEY_GIVEN_LEN;
}

bool dor__ticket_keys_good(dor_span given)
{
    size_t count = given.len / DOR_TICKET_KEY_GIVEN_LEN;
    if (count < 1 || count > DOR_TICKET_KEYS_MAX || given.len % DOR_TICKET_KEY_GIVEN_LEN) return false;
    for (size_t i = 1; i < count; i++) /* names go with every ticket, so they are no secret */
        for (size_t j = 0; j < i; j++)
            if (memcmp(given_at(given, i), given_at(given, j), DOR_TICKET_NAME_LEN) == 0) return false;
    return true;
}

void dor__ticket_keys_replace(dor_ticket_keys *keys, dor_span given)
{
    pthread_mutex_lock(&keys->lock);
    dor__wipe(keys->list, sizeof(keys->list));
    keys->count = given.len / DOR_TICKET_KEY_GIVEN_LEN;
    keys->given = true;
    for (size_t i = 0; i < keys->count; i++) {
        dor_ticket_key *key = &keys->list[i].key;
        memcpy(key->name, given_at(given, i), sizeof(key->name));
        memcpy(key->key, given_at(given, i) + sizeof(key->name), sizeof(key->key));
    }
    pthread_mutex_unlock(&keys->lock);
}

bool dor__ticket_keys_given(dor_ticket_keys *keys)
{
    pthread_mutex_lock(&keys->lock);
    bool given = keys->given;
    pthread_mutex_unlock(&keys->lock);
    return given;
}

/* ---- by themselves; with the lock held ------------------------------------------------------------------------------- */

static bool opens(const dor_ticket_keys *keys, size_t index, int64_t now_ms)
{
    const dor_timed_key *timed = &keys->list[index];
    if (keys->given) return true;
    if (index > 0) return now_ms - timed->retired_ms < keys->overlap_ms;
    return now_ms - timed->made_ms < keys->period_ms + keys->overlap_ms;
}

/* Those that open no more are the oldest: one that is younger was retired later. */
static void prune(dor_ticket_keys *keys, int64_t now_ms)
{
    while (keys->count > 0 && !opens(keys, keys->count - 1, now_ms))
        dor__wipe(&keys->list[--keys->count], sizeof(keys->list[0]));
}

static dor_result rotate(dor_ticket_keys *keys, int64_t now_ms, dor_rng *rng)
{
    dor_timed_key fresh = {.made_ms = now_ms};
    DOR_TRY(dor__ticket_key_make(&fresh.key, rng));
    prune(keys, now_ms);
    if (keys->count == DOR_TICKET_KEYS_MAX)
        keys->count--; /* more than period and overlap call for: clocks jump */
    memmove(&keys->list[1], &keys->list[0], keys->count * sizeof(keys->list[0]));
    if (keys->count > 0) keys->list[1].retired_ms = now_ms;
    keys->list[0] = fresh;
    keys->count++;
    dor__wipe(&fresh, sizeof(fresh));
    return DOR_SUCCESS;
}

/* The one that seals, made now if there is none or the present one has served its time. */
static dor_result current(dor_ticket_keys *keys, int64_t now_ms, dor_rng *rng, dor_ticket_key *key)
{
    bool due = keys->count == 0 || now_ms - keys->list[0].made_ms >= keys->period_ms;
    if (!keys->given && due) DOR_TRY(rotate(keys, now_ms, rng));
    *key = keys->list[0].key;
    return DOR_SUCCESS;
}

static bool find(const dor_ticket_keys *keys, int64_t now_ms, dor_span ticket, dor_ticket_key *key)
{
    if (ticket.len < DOR_TICKET_NAME_LEN) return false;
    for (size_t i = 0; i < keys->count; i++) {
        const dor_ticket_key *candidate = &keys->list[i].key;
        if (memcmp(ticket.ptr, candidate->name, sizeof(candidate->name)) != 0 || !opens(keys, i, now_ms))
            continue;
        *key = *candidate;
        return true;
    }
    return false;
}

bool dor__ticket_keys_prune(dor_ticket_keys *keys, int64_t now_ms)
{
    pthread_mutex_lock(&keys->lock);
    prune(keys, now_ms);
    bool more = keys->count > 0 && !keys->given;
    pthread_mutex_unlock(&keys->lock);
    return more;
}

/* ---- tickets -------------------------------------------------------------------------------------------------------- */

dor_result dor__ticket_keys_seal(dor_ticket_keys *keys, int64_t now_ms, dor_rng *rng, dor_span plain,
                                 dor_bytes *ticket)
{
    dor_ticket_key key;
    pthread_mutex_lock(&keys->lock);
    dor_result result = current(keys, now_ms, rng, &key);
    keys->sealed += dor__ok(result);
    pthread_mutex_unlock(&keys->lock);
    if (dor__ok(result)) result = dor__ticket_seal(&key, rng, plain, ticket);
    dor__wipe(&key, sizeof(key));
    return result;
}

dor_result dor__ticket_keys_open(dor_ticket_keys *keys, int64_t now_ms, dor_span ticket, dor_bytes *plain,
                                 bool *opened)
{
    dor_ticket_key key;
    dor_result result = DOR_SUCCESS;
    *opened = false;
    pthread_mutex_lock(&keys->lock);
    bool found = find(keys, now_ms, ticket, &key);
    pthread_mutex_unlock(&keys->lock);
    if (found) result = dor__ticket_open(&key, ticket, plain, opened);
    dor__wipe(&key, sizeof(key));
    pthread_mutex_lock(&keys->lock);
    keys->opened += *opened;
    keys->refused += !*opened;
    pthread_mutex_unlock(&keys->lock);
    return result;
}
