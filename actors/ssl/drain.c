/*
 * drain.c - the end of a listener that lets its connections end first.
 *
 * Connections are in no list: one costs two pointers a connection, for something that happens once. So each shard stays when
 * it has closed, and when the time is over it looks through all actors of its scheduler, some at a time, for connections of
 * the listener. That the last one has gone shows in the count of open connections.
 *
 *   listener                              shards
 *   dor__drain_begin, and then closes  -> accept what is in the backlog, close, stay
 *                   <- DRAINED            (whoever finds that no connection is open and all shards have closed)
 *   time over, or none is left:
 *   dor__drain_end  -> DRAIN              close what is left, end
 *                   <- DRAINED            (the last of them)
 *   answers, ends
 *
 * Threads: any, under the listening's lock; messages are made beforehand, so that telling cannot fail.
 */
#include "ssl/listener.h"
#include "base/alloc.h"

struct dor_drain {
    dor_message *told; /* to the listener; NULL while on its way */
    dor_pid listener;
    unsigned staying; /* shards */
    uint32_t closed;
    bool ending; /* shards are told to end */
    bool close_rest;
};

void dor__drain_free(dor_listening *l)
{
    for (unsigned i = 0; i < l->shard_count; i++)
        dor__message_free(l->shards[i].drain);
    if (l->drain) dor__message_free(l->drain->told);
    dor__free(l->drain);
}

static bool make_messages(dor_drain *drain, dor_message **shards, unsigned count)
{
    drain->told = dor__message_new(DOR_MSG_SSL_DRAINED, 0, NULL);
    bool ok = drain->told != NULL;
    for (unsigned i = 0; i < count; i++) {
        shards[i] = dor__message_new(DOR_MSG_SSL_DRAIN_SHARD, 0, NULL);
        ok = ok && shards[i];
    }
    return ok;
}

dor_result dor__drain_begin(dor_listening *l, dor_pid listener)
{
    dor_message *messages[DOR_SHARDS_MAX] = {0};
    dor_drain *drain = dor__calloc(1, sizeof *drain);
    if (!drain) return dor__error(DOR_E_NOMEM);
    if (!make_messages(drain, messages, l->shard_count)) {
        for (unsigned i = 0; i < l->shard_count; i++)
            dor__message_free(messages[i]);
        dor__message_free(drain->told);
        dor__free(drain);
        return dor__error(DOR_E_NOMEM);
    }
    drain->listener = listener;
    uv_mutex_lock(&l->lock);
    l->drain = drain;
    for (unsigned i = 0; i < l->shard_count; i++)
        l->shards[i].drain = messages[i];
    uv_mutex_unlock(&l->lock);
    return DOR_SUCCESS;
}

static dor_drain_state state_of(const dor_listening *l)
{
    /* relaxed: whoever takes the last one away looks here, with the lock, behind that. */
    bool open = atomic_load_explicit(&l->open, memory_order_relaxed) > 0;
    if (l->shards_open > 0) return DOR_DRAIN_GOES_ON;
    if (l->drain->ending) return l->drain->staying ? DOR_DRAIN_GOES_ON : DOR_DRAIN_OVER;
    return open ? DOR_DRAIN_GOES_ON : DOR_DRAIN_EMPTY;
}

dor_to_shard dor__drain_news(dor_listening *l)
{
    dor_to_shard news = {0};
    if (!l->drain || !l->drain->told || state_of(l) == DOR_DRAIN_GOES_ON) return news;
    news = (dor_to_shard){l->drain->listener, l->drain->told};
    l->drain->told = NULL;
    return news;
}

dor_drain_state dor__drain_look(dor_listening *l, dor_message *message, uint32_t *closed)
{
    uv_mutex_lock(&l->lock);
    if (message) l->drain->told = message;
    dor_drain_state state = state_of(l);
    *closed = l->drain->closed;
    uv_mutex_unlock(&l->lock);
    return state;
}

static dor_to_shard tell(dor_listening *l, unsigned shard)
{
    dor_to_shard to = {l->shards[shard].stays, l->shards[shard].drain};
    l->shards[shard].drain = NULL;
    return to;
}

void dor__drain_end(dor_listening *l, bool close_rest)
{
    dor_to_shard all[DOR_SHARDS_MAX];
    unsigned count = 0;
    uv_mutex_lock(&l->lock);
    bool first_time = l->drain && !l->drain->ending;
    if (first_time) {
        l->drain->ending = true;
        l->drain->close_rest = close_rest;
    }
    for (unsigned i = 0; i < l->shard_count && first_time; i++)
        if (l->shards[i].stays != DOR_PID_NONE) all[count++] = tell(l, i);
    dor_to_shard news = dor__drain_news(l);
    uv_mutex_unlock(&l->lock);
    dor__listening_send(all, count);
    dor__listening_send(&news, 1);
}

bool dor__drain_stay(dor_listening *l, unsigned shard, dor_pid stays, dor_to_shard *told)
{
    if (!l->drain || stays == DOR_PID_NONE) return false;
    l->shards[shard].stays = stays;
    l->drain->staying++;
    if (l->drain->ending) *told = tell(l, shard);
    return true;
}

void dor__drain_left(dor_listening *l, unsigned shard, uint32_t closed)
{
    uv_mutex_lock(&l->lock);
    l->shards[shard].stays = DOR_PID_NONE;
    l->drain->staying--;
    l->drain->closed += closed;
    dor_to_shard news = dor__drain_news(l);
    uv_mutex_unlock(&l->lock);
    dor__listening_send(&news, 1);
}

bool dor__drain_closes(dor_listening *l)
{
    uv_mutex_lock(&l->lock);
    bool closes = l->drain->close_rest;
    uv_mutex_unlock(&l->lock);
    return closes;
}
