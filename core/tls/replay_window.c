/* replay_window.c - see replay_window.h. */
#include "tls/replay_window.h"

#include <string.h>

#include "base/alloc.h"

typedef struct key {
    uint8_t bytes[DOR_REPLAY_KEY_LEN]; /* all zeros: free */
} key;

typedef struct generation {
    key *places;
    size_t used;
} generation;

struct dor_replay_window {
    size_t capacity;
    int64_t begun_ms, latest_ms, turned_ms;
    generation now, before;
};

dor_result dor__replay_window_new(dor_replay_window **window, int64_t now_ms, size_t capacity)
{
    *window = NULL;
    if (capacity < 2 || capacity & (capacity - 1)) return dor__error(DOR_E_BADARG);
    dor_replay_window *w = dor__calloc(1, sizeof *w);
    if (!w) return dor__error(DOR_E_NOMEM);
    w->capacity = capacity;
    w->begun_ms = w->turned_ms = w->latest_ms = now_ms;
    w->now.places = dor__calloc(capacity, sizeof(key));
    w->before.places = dor__calloc(capacity, sizeof(key));
    if (!w->now.places || !w->before.places) {
        dor__replay_window_free(w);
        return dor__error(DOR_E_NOMEM);
    }
    *window = w;
    return DOR_SUCCESS;
}

void dor__replay_window_free(dor_replay_window *w)
{
    if (!w) return;
    dor__free(w->now.places);
    dor__free(w->before.places);
    dor__free(w);
}

static void clear(const dor_replay_window *w, generation *g)
{
    memset(g->places, 0, w->capacity * sizeof(key));
    g->used = 0;
}

static void turn(dor_replay_window *w, int64_t now_ms)
{
    if (now_ms - w->turned_ms < DOR_REPLAY_GENERATION_MS) return;
    generation old = w->before;
    w->before = w->now;
    w->now = old;
    clear(w, &w->now);
    if (now_ms - w->turned_ms >= 2 * DOR_REPLAY_GENERATION_MS) clear(w, &w->before);
    w->turned_ms = now_ms;
}

/* The place of k, or a free one: there is one, as half of them are. Binders are digests, so any of their bits will do. */
static key *place_of(const dor_replay_window *w, const generation *g, const key *k, bool *there)
{
    static const key none;
    size_t at;
    memcpy(&at, k->bytes, sizeof at);
    for (;; at++) {
        key *place = &g->places[at & (w->capacity - 1)];
        *there = memcmp(place, k, sizeof *k) == 0;
        if (*there || memcmp(place, &none, sizeof none) == 0) return place;
    }
}

bool dor__replay_window_once(dor_replay_window *w, int64_t now_ms, int64_t created_ms, dor_span binder)
{
    key k;
    bool there;
    if (binder.len < sizeof k.bytes) return false;
    memcpy(k.bytes, binder.ptr, sizeof k.bytes);
    k.bytes[sizeof k.bytes - 1] |= 1;        /* no key is all zeros */
    if (now_ms < w->latest_ms) return false; /* what was forgotten could come again */
    w->latest_ms = now_ms;
    turn(w, now_ms);
    /* What another process has seen of a ticket that is older than we are, we do not know. */
    if (created_ms < w->begun_ms && now_ms - w->begun_ms < DOR_REPLAY_GENERATION_MS) return false;
    (void)place_of(w, &w->before, &k, &there);
    if (there) return false;
    key *place = place_of(w, &w->now, &k, &there);
    if (there || w->now.used >= w->capacity / 2) return false;
    *place = k;
    w->now.used++;
    return true;
}
