/*
 * admission.c - whether a shard may accept now: somebody waits for it, the listener is not suspended, handshakes and rate
 * are within their limits. Who may not leaves connections in the kernel's backlog, where they cost us nothing.
 *
 * A shard asks before each connection (dor__listening_admit). The answer is that it may; or that it has to rest until
 * something has changed, of which it is told by its demand message; or how long to wait for the rate. So what may change an
 * answer, and the answer, happen under one lock: no wake-up is lost.
 *
 * The rate is a bucket of tokens that all shards share. A shard that finds none takes the next one on credit and
 * comes back when it is due; meanwhile others take those behind it. So they have their turns in the order in which they
 * asked, and one with a long backlog gets no more of them than one with a short.
 *
 * Threads: any; all here is under the listening's lock.
 */
#include "ssl/admission.h"
#include "base/alloc.h"
#include <netinet/in.h>
#include <netinet/tcp.h>

enum { TOKEN = 1000 /* so many parts, of which `rate` come in each millisecond */ };

static const uint64_t longest_ms = (uint64_t)1
                                   << 30; /* for which tokens are counted: enough to fill any bucket */

/* ---- the rate ------------------------------------------------------------------------------------------------- */

static void fill(dor_listening *l, uint64_t now_ms)
{
    const dor_settings *s = l->settings;
    int64_t most = (int64_t)(s->accept_burst ? s->accept_burst : s->accept_rate) * TOKEN;
    /* Each scheduler has its own idea of now: one that is behind finds nothing new. */
    if (now_ms > l->tokens_ms) {
        uint64_t passed = now_ms - l->tokens_ms;
        if (passed > longest_ms) passed = longest_ms;
        l->tokens += (int64_t)passed * s->accept_rate;
        l->tokens_ms = now_ms;
    }
    if (l->tokens > most) l->tokens = most;
}

/* How long until the token that was taken is due: 0 when it is. */
static uint32_t take_token(dor_listening *l, uint64_t now_ms)
{
    int64_t rate = l->settings->accept_rate;
    fill(l, now_ms);
    l->tokens -= TOKEN;
    return l->tokens >= 0 ? 0 : (uint32_t)((-l->tokens + rate - 1) / rate);
}

static void give_token(dor_listening *l, bool *token)
{
    if (*token) l->tokens += TOKEN; /* fill sees to the bound */
    *token = false;
}

/* ---- admission ------------------------------------------------------------------------------------------------ */

static void rest(dor_listening *l, dor_shard_state *shard, bool limited)
{
    give_token(l, &shard->token);
    shard->polling = false;
    shard->limited = limited;
    if (limited) dor__listening_count(l, DOR_LISTENER_HANDSHAKE_WAITS);
}

static dor_admission judge(dor_listening *l, dor_shard_state *shard, uint64_t now_ms, dor_admitted *admitted)
{
    const dor_settings *s = l->settings;
    bool wanted = l->served || l->first;
    bool limited = s->max_handshakes && l->handshakes >= s->max_handshakes;
    if (l->suspended || !wanted || limited) {
        rest(l, shard, limited && wanted && !l->suspended);
        return DOR_ADMIT_REST;
    }
    if (s->accept_rate && !shard->token) {
        uint32_t wait_ms = take_token(l, now_ms);
        shard->token = true;
        if (wait_ms) {
            dor__listening_count(l, DOR_LISTENER_RATE_WAITS);
            admitted->wait_ms = wait_ms;
            return DOR_ADMIT_LATER;
        }
    }
    admitted->token = shard->token;
    shard->token = false;
    return DOR_ADMIT_NOW;
}

dor_admission dor__listening_admit(dor_listening *l, unsigned index, bool last, uint64_t now_ms,
                                   dor_admitted *admitted)
{
    dor_shard_state *shard = &l->shards[index];
    *admitted = (dor_admitted){0};
    uv_mutex_lock(&l->lock);
    dor_admission admission = last ? DOR_ADMIT_NOW : judge(l, shard, now_ms, admitted);
    shard->taking = admission == DOR_ADMIT_NOW;
    if (shard->taking) {
        l->handshakes++;
        admitted->settings = dor__settings_ref(l->settings);
    } else if (l->suspended) {
        uv_cond_broadcast(&l->changed);
    }
    uv_mutex_unlock(&l->lock);
    return admission;
}

void dor__listening_taken(dor_listening *l, unsigned index)
{
    uv_mutex_lock(&l->lock);
    l->shards[index].taking = false;
    if (l->suspended) uv_cond_broadcast(&l->changed);
    uv_mutex_unlock(&l->lock);
}

/* ---- handshakes ----------------------------------------------------------------------------------------------- */

void dor__listening_handshake_over(dor_listening *l, dor_admitted *admitted)
{
    dor_to_shard wake[DOR_SHARDS_MAX];
    uv_mutex_lock(&l->lock);
    l->handshakes--;
    if (admitted) give_token(l, &admitted->token);
    unsigned count = dor__listening_gather(l, true, wake);
    uv_mutex_unlock(&l->lock);
    dor__listening_send(wake, count);
}

/* ---- suspending ----------------------------------------------------------------------------------------------- */

dor_result dor__listening_suspend(dor_listening *l, bool suspend)
{
    dor_to_shard wake[DOR_SHARDS_MAX];
    unsigned count = 0;
    uv_mutex_lock(&l->lock);
    bool closing = l->closing;
    if (!closing) l->suspended = suspend;
    if (!closing && !suspend) count = dor__listening_gather(l, false, wake);
    uv_mutex_unlock(&l->lock);
    dor__listening_send(wake, count);
    return closing ? dor__error(DOR_E_CLOSED) : DOR_SUCCESS;
}

static bool any_takes(const dor_listening *l)
{
    for (unsigned i = 0; i < l->shard_count; i++)
        if (l->shards[i].taking) return true;
    return false;
}

void dor__listening_await_suspended(dor_listening *l)
{
    uv_mutex_lock(&l->lock);
    while (l->suspended && any_takes(l))
        uv_cond_wait(&l->changed, &l->lock); /* for a connection that is just being accepted: not for long */
    uv_mutex_unlock(&l->lock);
}

/* ---- figures -------------------------------------------------------------------------------------------------- */

void dor__listening_shard_descriptor(dor_listening *l, unsigned index, int fd)
{
    uv_mutex_lock(&l->lock);
    l->shards[index].fd = fd;
    uv_mutex_unlock(&l->lock);
}

/* Of a listening TCP socket Linux tells by these two how many wait, and how many may. */
static void add_backlog(int fd, dor_listener_statistics *s)
{
#if defined(__linux__) && defined(TCP_INFO)
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0) return;
    s->backlog += info.tcpi_unacked;
    s->backlog_max += info.tcpi_sacked;
#else
    (void)fd, (void)s;
#endif
}

static uint64_t figure(dor_listening *l, dor_listener_figure which)
{
    return atomic_load_explicit(&l->figures[which], memory_order_relaxed); /* see dor__listening_count */
}

void dor__listening_statistics(dor_listening *l, dor_listener_statistics *s)
{
    *s = (dor_listener_statistics){
        .open = atomic_load_explicit(&l->open, memory_order_relaxed),
        .accepted = figure(l, DOR_LISTENER_ACCEPTED),
        .refused_limit = figure(l, DOR_LISTENER_REFUSED_LIMIT),
        .refused_descriptors = figure(l, DOR_LISTENER_REFUSED_DESCRIPTORS),
        .refused_memory = figure(l, DOR_LISTENER_REFUSED_MEMORY),
        .handshakes_done = figure(l, DOR_LISTENER_HANDSHAKES_DONE),
        .handshakes_failed = figure(l, DOR_LISTENER_HANDSHAKES_FAILED),
        .handshakes_timed_out = figure(l, DOR_LISTENER_HANDSHAKES_TIMED_OUT),
        .backed_off = figure(l, DOR_LISTENER_BACKED_OFF),
        .rate_waits = figure(l, DOR_LISTENER_RATE_WAITS),
        .handshake_waits = figure(l, DOR_LISTENER_HANDSHAKE_WAITS),
    };
    uv_mutex_lock(&l->lock);
    s->handshakes = l->handshakes;
    s->suspended = l->suspended;
    s->draining = l->drain != NULL;
    for (unsigned i = 0; i < l->shard_count; i++) {
        s->acceptors += l->shards[i].pid != DOR_PID_NONE;
        /* Shards that share a descriptor see one queue. */
        if (i == 0 || !l->shared) add_backlog(l->shards[i].fd, s);
    }
    uv_mutex_unlock(&l->lock);
}
