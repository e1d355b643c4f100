/*
 * replay_window.h - the binders of hellos whose early data was taken, remembered while a copy of such a hello could come
 * (RFC 8446 section 8.2): an exact set in two generations, of bounded size.
 *
 * A copy passes the check of its ticket's age for twice the tolerance; a generation is as long, and the one before is kept. Full,
 * or with a clock that went back, the answer is no: a handshake without early data, never early data twice.
 *
 * Threads: one at a time.
 */
#ifndef DOR_TLS_REPLAY_WINDOW_H
#define DOR_TLS_REPLAY_WINDOW_H

#include "base/result.h"
#include "base/span.h"

enum {
    DOR_EARLY_AGE_TOLERANCE_MS = 10 * 1000,
    DOR_REPLAY_GENERATION_MS = 2 * DOR_EARLY_AGE_TOLERANCE_MS,
    DOR_REPLAY_KEY_LEN = 16 /* of a binder; whoever wants two alike has to break the hash */
};

typedef struct dor_replay_window dor_replay_window;

/**
 * It remembers from now_ms on. capacity: places in each generation, a power of two; half of them are used. Allocates
 * 2 * capacity * 16 bytes.
 */
DOR_MUST_USE dor_result dor__replay_window_new(dor_replay_window **window, int64_t now_ms, size_t capacity);
void dor__replay_window_free(dor_replay_window *window);

/** True once for each binder. created_ms: when its ticket was made; one from before the window began is refused at first. */
bool dor__replay_window_once(dor_replay_window *window, int64_t now_ms, int64_t created_ms, dor_span binder);

#endif
