/*
 * reload.h - a listener's certificates, keys and authorities read again while it runs.
 *
 * The files are read on libuv's worker threads, never on a loop. What comes of it takes the place of the listener's settings
 * for all of its shards at once, under the listening's lock; connections keep the settings that they began with. On any
 * failure the old settings stay.
 */
#ifndef DOR_SSL_RELOAD_H
#define DOR_SSL_RELOAD_H

#include "ssl/listener.h"

typedef struct dor_reload dor_reload;

/**
 * A copy of settings with certificates, keys and authorities from the same files as before; *changed tells whether any
 * of them differs. why says which option, which file and what. Blocks; any thread.
 */
DOR_MUST_USE dor_result dor__settings_reload(const dor_settings *settings, dor_settings **fresh,
                                             bool *changed, char *why, size_t why_cap);

/**
 * Reads again, on a worker. message, a request, is answered when it is done (its data is the sentence of a failure); or it is
 * NULL, and done(arg) is called on the scheduler. Takes message, even on failure. Owning thread: the listener's scheduler s.
 */
DOR_MUST_USE dor_result dor__reload_start(dor_scheduler *s, dor_listening *listening, dor_message *message,
                                          void (*done)(void *arg), void *arg, dor_reload **reload);

/** done is not going to be called: its listener has gone. */
void dor__reload_forget(dor_reload *reload);

#endif
