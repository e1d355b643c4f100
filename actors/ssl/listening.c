/* listening.c - what a listener, its shards and its connections share; see listener.h. */
#include "ssl/listener.h"
#include "base/alloc.h"
#include <stdio.h>

enum { AWAIT_CLOSED_NS = 1000000000 };

static bool make_messages(dor_listening *l)
{
    bool ok = true;
    for (unsigned i = 0; i < l->shard_count; i++) {
        l->shards[i].demand = dor__message_new(DOR_MSG_SSL_DEMAND, 0, NULL);
        l->shards[i].stop = dor__message_new(DOR_MSG_SSL_STOP_SHARD, 0, NULL);
        ok = ok && l->shards[i].demand && l->shards[i].stop;
    }
    return ok;
}

static bool make_parts(dor_listening *l, const dor_server_spec *spec)
{
    if (spec) {
        l->served = true;
        l->failed = spec->failed;
        l->failed_arg = spec->arg;
        l->behaviour_count = 1 + spec->protocol_count;
        l->behaviours = dor__serve_behaviours(spec);
        if (!l->behaviours) return false;
    }
    return make_messages(l);
}

static void free_parts(dor_listening *l)
{
    for (unsigned i = 0; i < l->shard_count; i++) {
        dor__message_free(l->shards[i].demand);
        dor__message_free(l->shards[i].stop);
    }
    dor__drain_free(l);
    dor__free(l->behaviours);
    dor__free(l);
}

dor_result dor__listening_new(unsigned shard_count, dor_settings *settings, const dor_server_spec *spec,
                              dor_listening **out)
{
    dor_listening *l = dor__calloc(1, sizeof *l + shard_count * sizeof *l->shards);
    if (!l) return dor__error(DOR_E_NOMEM);
    l->shard_count = l->shards_open = shard_count;
    if (!make_parts(l, spec) || uv_mutex_init(&l->lock) < 0) {
        free_parts(l);
        return dor__error(DOR_E_NOMEM);
    }
    if (uv_cond_init(&l->changed) < 0) {
        uv_mutex_destroy(&l->lock);
        free_parts(l);
        return dor__error(DOR_E_NOMEM);
    }
    atomic_init(&l->refs, 1);
    atomic_init(&l->open, 0);
    l->settings = dor__settings_ref(settings);
    l->bound = dor__settings_ref(settings);
    for (unsigned i = 0; i < shard_count; i++) {
        l->shards[i].polling = true; /* they look for waiters as they start */
        l->shards[i].fd = -1;
    }
    *out = l;
    return DOR_SUCCESS;
}

dor_listening *dor__listening_ref(dor_listening *l)
{
    /* relaxed: the caller has a reference, so this one is not what keeps it alive. */
    atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
    return l;
}

void dor__listening_unref(dor_listening *l)
{
    /* release: what this holder did comes before the end; acquire, for the last one: so it sees what all did. */
    if (atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) > 1) return;
    dor__settings_unref(l->settings);
    dor__settings_unref(l->bound);
    uv_cond_destroy(&l->changed);
    uv_mutex_destroy(&l->lock);
    free_parts(l);
}

bool dor__listening_enter(dor_listening *l, uint32_t max)
{
    /* relaxed, here and below: a count that orders nothing else. */
    uint32_t before = atomic_fetch_add_explicit(&l->open, 1, memory_order_relaxed);
    if (max == 0 || before < max) return true;
    dor__listening_leave(l);
    return false;
}

void dor__listening_leave(dor_listening *l)
{
    dor_to_shard news = {0};
    if (atomic_fetch_sub_explicit(&l->open, 1, memory_order_relaxed) > 1) return;
    uv_mutex_lock(&l->lock);
    news = dor__drain_news(l);
    uv_mutex_unlock(&l->lock);
    dor__listening_send(&news, 1);
}

dor_settings *dor__listening_settings(dor_listening *l)
{
    uv_mutex_lock(&l->lock);
    dor_settings *settings = dor__settings_ref(l->settings);
    uv_mutex_unlock(&l->lock);
    return settings;
}

void dor__listening_set_settings(dor_listening *l, dor_settings *settings)
{
    uv_mutex_lock(&l->lock);
    dor_settings *before = l->settings;
    l->settings = dor__settings_ref(settings);
    uv_mutex_unlock(&l->lock);
    dor__settings_unref(before);
}

bool dor__listening_replace(dor_listening *l, const dor_settings *before, dor_settings *settings)
{
    dor_settings *old = NULL;
    uv_mutex_lock(&l->lock);
    if (l->settings == before) { /* the caller holds it, so it is no other one at the same address */
        old = l->settings;
        l->settings = dor__settings_ref(settings);
    }
    uv_mutex_unlock(&l->lock);
    dor__settings_unref(old);
    return old != NULL;
}

void dor__listening_note_reload(dor_listening *l, dor_result result, bool changed, const char *why)
{
    uv_mutex_lock(&l->lock);
    dor_reload_statistics *r = &l->reloads;
    r->reads++;
    r->last_result = result.code;
    if (dor__failed(result)) {
        r->failures++;
        snprintf(r->last_error, sizeof r->last_error, "%s", why);
    } else if (changed) {
        r->replaced++;
    }
    uv_mutex_unlock(&l->lock);
}

void dor__listening_reloads(dor_listening *l, dor_reload_statistics *statistics)
{
    uv_mutex_lock(&l->lock);
    *statistics = l->reloads;
    uv_mutex_unlock(&l->lock);
}

/* ---- callers of transport_accept ------------------------------------------------------------------------------ */

static dor_accept_request *accept_of(dor_message *message)
{
    return dor_message_payload(message);
}

/* Not under the lock, which is held for a few instructions only. */
void dor__listening_send(const dor_to_shard *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (list[i].message) (void)dor__send(list[i].pid, list[i].message); /* a dead shard accepts nothing */
}

unsigned dor__listening_gather(dor_listening *l, bool limited, dor_to_shard *wake)
{
    unsigned count = 0;
    for (unsigned i = 0; i < l->shard_count; i++) {
        dor_shard_state *shard = &l->shards[i];
        if (shard->polling || (limited && !shard->limited)) continue;
        shard->polling = true;
        shard->limited = false;
        if (!shard->demand) continue; /* an earlier one is on its way */
        wake[count++] = (dor_to_shard){shard->pid, shard->demand};
        shard->demand = NULL;
    }
    return count;
}

void dor__listening_wait(dor_listening *l, dor_message *message)
{
    dor_to_shard wake[DOR_SHARDS_MAX];
    unsigned count = 0;
    uv_mutex_lock(&l->lock);
    bool closing = l->closing;
    if (!closing) {
        accept_of(message)->next = NULL;
        if (l->last)
            accept_of(l->last)->next = message;
        else
            l->first = message;
        l->last = message;
        count = dor__listening_gather(l, false, wake);
    }
    uv_mutex_unlock(&l->lock);
    if (closing) dor__request_answer(message, dor__error(DOR_E_CLOSED), NULL);
    dor__listening_send(wake, count);
}

void dor__listening_woken(dor_listening *l, unsigned shard, dor_message *demand)
{
    uv_mutex_lock(&l->lock);
    l->shards[shard].demand = demand;
    uv_mutex_unlock(&l->lock);
}

void dor__listening_ready(dor_listening *l)
{
    dor_to_shard wake = {0};
    uv_mutex_lock(&l->lock);
    for (unsigned i = 0; i < l->shard_count && !wake.message; i++) {
        dor_shard_state *shard = &l->shards[l->module_turn++ % l->shard_count];
        if (shard->pid == DOR_PID_NONE || !shard->demand) continue; /* it is to start, or to look, anyway */
        wake = (dor_to_shard){shard->pid, shard->demand};
        shard->demand = NULL;
    }
    uv_mutex_unlock(&l->lock);
    dor__listening_send(&wake, 1);
}

dor_message *dor__listening_next_waiter(dor_listening *l)
{
    uv_mutex_lock(&l->lock);
    dor_message *message = l->first;
    if (message) {
        l->first = accept_of(message)->next;
        if (!l->first) l->last = NULL;
    }
    uv_mutex_unlock(&l->lock);
    return message;
}

static void answer_all(dor_message *list, int code)
{
    while (list) {
        dor_message *message = list;
        list = accept_of(message)->next;
        dor__request_answer(message, dor__error(code), NULL);
    }
}

uint64_t dor__listening_expire(dor_listening *l, uint64_t now_ms)
{
    dor_message *expired = NULL, *last = NULL;
    uint64_t next = 0;
    uv_mutex_lock(&l->lock);
    for (dor_message **at = &l->first; *at;) {
        dor_message *message = *at;
        dor_accept_request *accept = accept_of(message);
        if (accept->deadline_ms && accept->deadline_ms <= now_ms) {
            *at = accept->next;
            accept->next = expired;
            expired = message;
            continue;
        }
        if (accept->deadline_ms && (!next || accept->deadline_ms < next)) next = accept->deadline_ms;
        last = message;
        at = &accept->next;
    }
    l->last = last;
    uv_mutex_unlock(&l->lock);
    answer_all(expired, DOR_E_TIMEOUT);
    return next;
}

void dor__listening_failed(dor_listening *l, const char *peer, int reason)
{
    if (l->failed) l->failed(peer, reason, l->failed_arg);
}

/* ---- the end -------------------------------------------------------------------------------------------------- */

bool dor__listening_shard_started(dor_listening *l, unsigned shard, dor_pid pid)
{
    uv_mutex_lock(&l->lock);
    bool go = !l->closing;
    if (go) l->shards[shard].pid = pid;
    uv_mutex_unlock(&l->lock);
    return go;
}

bool dor__listening_shard_closed(dor_listening *l, unsigned shard, dor_pid stays)
{
    dor_to_shard tell = {0};
    uv_mutex_lock(&l->lock);
    l->shards[shard].pid = DOR_PID_NONE;
    l->shards[shard].polling = true; /* nobody wakes it any more */
    if (l->shards_open == 1) dor__unix_remove(l->address.path, &l->file);
    void *end = l->shards_open == 1 ? l->module_end : NULL;
    if (end) {
        /* Before anybody may think that the listener has closed. Nothing here is called by it, so the lock may go. */
        l->module_end = NULL;
        uv_mutex_unlock(&l->lock);
        l->module->unlisten(end);
        dor_transport_handle_unref(l->module_handle);
        uv_mutex_lock(&l->lock);
    }
    l->shards_open--;
    bool needed = dor__drain_stay(l, shard, stays, &tell);
    dor_to_shard news = dor__drain_news(l);
    uv_cond_broadcast(&l->changed);
    uv_mutex_unlock(&l->lock);
    dor__listening_send(&tell, 1);
    dor__listening_send(&news, 1);
    return needed;
}

void dor__listening_close(dor_listening *l)
{
    dor_to_shard stop[DOR_SHARDS_MAX];
    unsigned count = 0;
    uv_mutex_lock(&l->lock);
    bool first_time = !l->closing;
    dor_message *waiters = l->first;
    l->closing = true;
    l->first = l->last = NULL;
    for (unsigned i = 0; i < l->shard_count && first_time; i++) {
        dor_shard_state *shard = &l->shards[i];
        if (shard->pid == DOR_PID_NONE) continue;
        stop[count++] = (dor_to_shard){shard->pid, shard->stop};
        shard->stop = NULL;
    }
    uv_mutex_unlock(&l->lock);
    answer_all(waiters, DOR_E_CLOSED);
    dor__listening_send(stop, count);
}

void dor__listening_await_closed(dor_listening *l)
{
    uv_mutex_lock(&l->lock);
    while (l->shards_open > 0) {
        if (uv_cond_timedwait(&l->changed, &l->lock, AWAIT_CLOSED_NS) < 0)
            break; /* a busy scheduler will come to it */
    }
    uv_mutex_unlock(&l->lock);
}
