/* local.c - the ssl application's part of each scheduler, and the statistics that are summed over them. */
#include "ssl/local.h"
#include "base/alloc.h"
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

/* Every scheduler's, so that another thread can add up the counters. The lock is taken when a scheduler begins or ends
 * to have sockets, and by those who ask for statistics. */
static uv_once_t registry_once = UV_ONCE_INIT;
static uv_mutex_t registry_lock;
static dor_ssl_local *registry;

static void make_registry(void)
{
    (void)uv_mutex_init(&registry_lock);
}

/* Asked a few times in a handshake, and for tickets, whose age a peer may compare to the millisecond; never for data. */
static int64_t wall_clock_ms(void *ctx)
{
    struct timespec now = {0};
    (void)ctx;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void destroy_local(void *ptr)
{
    dor_ssl_local *local = ptr;
    uv_once(&registry_once, make_registry);
    uv_mutex_lock(&registry_lock);
    for (dor_ssl_local **at = &registry; *at; at = &(*at)->next) {
        if (*at == local) {
            *at = local->next;
            break;
        }
    }
    uv_mutex_unlock(&registry_lock);
    dor__session_sweeps_end(local);
    dor__client_sessions_unref(local->clients);
    if (local->reserve_fd >= 0) (void)close(local->reserve_fd);
    dor__bytes_free(&local->output);
    dor__rng_free(local->rng);
    dor__free_wiped(local->gather, DOR_RECORD_LEN); /* plaintext went through these two */
    dor__free_wiped(local->receive, DOR_RECEIVE_LEN);
    dor__free(local);
}

/* With the lock held. */
static dor_client_sessions *clients_of(dor_runtime *runtime)
{
    for (dor_ssl_local *other = registry; other; other = other->next)
        if (other->runtime == runtime && other->clients) return dor__client_sessions_ref(other->clients);
    return NULL;
}

dor_client_sessions *dor__ssl_clients(dor_runtime *runtime)
{
    uv_once(&registry_once, make_registry);
    uv_mutex_lock(&registry_lock);
    dor_client_sessions *clients = clients_of(runtime);
    uv_mutex_unlock(&registry_lock);
    return clients;
}

static void *make_local(dor_scheduler *s)
{
    dor_ssl_local *local = dor__calloc(1, sizeof *local);
    if (!local) return NULL;
    local->scheduler = s;
    local->runtime = dor__scheduler_runtime(s);
    local->reserve_fd =
        open("/dev/null", O_RDONLY | O_CLOEXEC); /* without one we merely fail less gracefully */
    local->receive = dor__malloc(DOR_RECEIVE_LEN);
    local->gather = dor__malloc(DOR_RECORD_LEN);
    if (!local->receive || !local->gather || dor__failed(dor__rng_new_system(&local->rng))) {
        destroy_local(local);
        return NULL;
    }
    local->env = (dor_tls_env){.now_ms = wall_clock_ms, .ctx = local, .rng = local->rng};
    uv_once(&registry_once, make_registry);
    uv_mutex_lock(&registry_lock);
    local->clients = clients_of(local->runtime);
    if (!local->clients) local->clients = dor__client_sessions_new(); /* without it nothing is remembered */
    local->next = registry;
    registry = local;
    uv_mutex_unlock(&registry_lock);
    return local;
}

dor_ssl_local *dor__ssl_local(dor_scheduler *s)
{
    static const dor_local_ops ops = {make_local, destroy_local};
    return dor__scheduler_local(s, &ops);
}

void dor__ssl_statistics(dor_runtime *runtime, dor_ssl_statistics *statistics)
{
    uint64_t sum[DOR_COUNTERS] = {0};
    uv_once(&registry_once, make_registry);
    uv_mutex_lock(&registry_lock);
    for (dor_ssl_local *local = registry; local; local = local->next) {
        if (local->runtime != runtime) continue;
        for (int i = 0; i < DOR_COUNTERS; i++) /* relaxed: see dor__count */
            sum[i] += atomic_load_explicit(&local->counters[i], memory_order_relaxed);
    }
    uv_mutex_unlock(&registry_lock);
    *statistics = (dor_ssl_statistics){
        .connections = sum[DOR_COUNT_CONNECTIONS],
        .hibernated = sum[DOR_COUNT_HIBERNATED],
        .accepted = sum[DOR_COUNT_ACCEPTED],
        .refused = sum[DOR_COUNT_REFUSED],
        .handshakes = sum[DOR_COUNT_HANDSHAKES],
        .handshakes_failed = sum[DOR_COUNT_HANDSHAKES_FAILED],
        .bytes_in = sum[DOR_COUNT_BYTES_IN],
        .bytes_out = sum[DOR_COUNT_BYTES_OUT],
    };
}
