/*
 * listener.c - the actor behind a listening dor_socket: it has the handle and the owner, keeps the time for those who
 * wait in transport_accept, and ends the shards.
 *
 * Owning thread: the scheduler that dor_ssl_listen was called on, or the first one.
 */
#include "ssl/listener.h"
#include "base/alloc.h"
#include "ssl/module.h"
#include "ssl/reload.h"
#include "ssl/tcp.h"
#include "ssl/unix_path.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { START_TIMEOUT_NS = 1000000000, START_TRIES = 10 };

typedef struct dor_listener {
    dor_actor actor;
    dor_scheduler *scheduler;
    dor_listening *listening;
    dor_event_mailbox
        *mailbox; /* has no events: it is what the handle names, and where the owner is written */
    dor_pid owner;
    dor_ref owner_ref;
    dor_reload *reload; /* one that the watch has started, and that is not done */
    dor_timer watch;    /* when files are looked at again */
    dor_timer timer;    /* the earliest deadline of those who wait */
    dor_message *drain; /* who drains it, and waits for the end; or NULL */
    dor_timer patience; /* when that closes the rest */
} dor_listener;

static dor_listener *listener_of(dor_actor *actor)
{
    return DOR_CONTAINER_OF(actor, dor_listener, actor);
}

dor_listening *dor__listener_listening(dor_actor *actor)
{
    return listener_of(actor)->listening;
}

dor_pid dor__listener_owner(dor_actor *actor)
{
    dor_listener *listener = listener_of(actor);
    return listener->mailbox ? dor__event_mailbox_owner(listener->mailbox) : DOR_PID_NONE;
}

static void answer_drain(dor_listener *listener, dor_result result, uint32_t count)
{
    dor_message *message = listener->drain;
    listener->drain = NULL;
    if (!message) return;
    ((dor_ssl_request *)dor__request_of(message))->reply.count = count;
    dor__request_answer(message, result, NULL);
}

void dor__listener_close(dor_actor *actor)
{
    dor_listener *listener = listener_of(actor);
    if (!listener->mailbox) return;
    dor__event_mailbox_retire(listener->mailbox, true);
    listener->mailbox = NULL;
    dor__listening_close(listener->listening);
    dor__drain_end(listener->listening, false);
    answer_drain(listener, dor__error(DOR_E_CLOSED), 0);
    dor__actor_end(actor, DOR_OK);
}

/* ---- waiting callers ------------------------------------------------------------------------------------------ */

static void on_timer(dor_timer *timer);

static void set_timer(dor_listener *listener, uint64_t deadline)
{
    uint64_t now = dor__scheduler_now_ms(listener->scheduler);
    if (!deadline || (dor__timer_armed(&listener->timer) && listener->timer.deadline_ms <= deadline)) return;
    dor__timer_start(listener->scheduler, &listener->timer, deadline > now ? (uint32_t)(deadline - now) : 0,
                     on_timer);
}

static void on_timer(dor_timer *timer)
{
    dor_listener *listener = DOR_CONTAINER_OF(timer, dor_listener, timer);
    set_timer(listener,
              dor__listening_expire(listener->listening, dor__scheduler_now_ms(listener->scheduler)));
}

static void wait_for_connection(dor_listener *listener, dor_message *message)
{
    dor_accept_request *accept = dor__request_of(message);
    uint32_t timeout = accept->request.timeout_ms;
    if (listener->listening->served) {
        dor__request_answer(message, dor__error(DOR_E_EINVAL), NULL); /* its connections have owners */
        return;
    }
    if (timeout != DOR_INFINITY)
        accept->deadline_ms = dor__scheduler_now_ms(listener->scheduler) + timeout + 1;
    set_timer(listener, accept->deadline_ms);
    dor__listening_wait(listener->listening, message);
}

/* ---- draining --------------------------------------------------------------------------------------------------- */

static void look_at_drain(dor_listener *listener, dor_message *news)
{
    uint32_t closed;
    dor_drain_state state = dor__drain_look(listener->listening, news, &closed);
    if (state == DOR_DRAIN_EMPTY) dor__drain_end(listener->listening, false);
    if (state != DOR_DRAIN_OVER || !listener->drain) return;
    answer_drain(listener, DOR_SUCCESS, closed);
    dor__listener_close(&listener->actor);
}

static void on_patience_over(dor_timer *timer)
{
    dor_listener *listener = DOR_CONTAINER_OF(timer, dor_listener, patience);
    dor__drain_end(listener->listening, true);
}

static void begin_drain(dor_listener *listener, dor_message *message)
{
    const dor_ssl_request *request = dor__request_of(message);
    dor_result r = !listener->mailbox ? dor__error(DOR_E_CLOSED)
                   : listener->drain  ? dor__error(DOR_E_EALREADY)
                                      : dor__drain_begin(listener->listening, listener->actor.pid);
    if (dor__failed(r)) {
        dor__request_answer(message, r, NULL);
        return;
    }
    listener->drain = message;
    if (request->timeout_ms != DOR_INFINITY)
        dor__timer_start(listener->scheduler, &listener->patience, request->timeout_ms, on_patience_over);
    dor__listening_close(listener->listening);
    look_at_drain(listener, NULL);
}

/* ---- the owner ------------------------------------------------------------------------------------------------ */

static void watch_owner(dor_listener *listener)
{
    dor_pid now = listener->mailbox ? dor__event_mailbox_owner(listener->mailbox) : DOR_PID_NONE;
    if (now == DOR_PID_NONE || now == listener->owner) return;
    if (listener->owner_ref) dor__actor_demonitor(&listener->actor, listener->owner_ref);
    listener->owner_ref = 0;
    listener->owner = now;
    if (now == listener->actor.pid) return; /* dor_ssl_serve: it belongs to nobody */
    if (dor__failed(dor__actor_monitor(&listener->actor, now, &listener->owner_ref)))
        dor__listener_close(&listener->actor);
}

static void on_down(dor_listener *listener, const dor_down *down)
{
    if (!listener->mailbox || down->ref != listener->owner_ref) return;
    listener->owner_ref = 0;
    if (dor__event_mailbox_owner(listener->mailbox) == listener->owner)
        dor__listener_close(&listener->actor);
    else
        watch_owner(listener);
}

/* ---- certificates ----------------------------------------------------------------------------------------------- */

static void on_watch(dor_timer *timer);

static void start_watch(dor_listener *listener)
{
    dor_settings *settings = dor__listening_settings(listener->listening);
    if (settings->reload_ms && listener->mailbox)
        dor__timer_start(listener->scheduler, &listener->watch, settings->reload_ms, on_watch);
    dor__settings_unref(settings);
}

static void on_watched(void *arg)
{
    dor_listener *listener = arg;
    listener->reload = NULL;
    start_watch(listener);
}

static void on_watch(dor_timer *timer)
{
    dor_listener *listener = DOR_CONTAINER_OF(timer, dor_listener, watch);
    dor_result r = dor__reload_start(listener->scheduler, listener->listening, NULL, on_watched, listener,
                                     &listener->reload);
    if (dor__failed(r)) start_watch(listener); /* the next time, then */
}

/* ---- messages ------------------------------------------------------------------------------------------------- */

void dor__listener_request(dor_actor *actor, dor_message *message)
{
    dor_listener *listener = listener_of(actor);
    switch (message->type) {
    case DOR_MSG_SSL_ACCEPT: wait_for_connection(listener, message); break;
    case DOR_MSG_SSL_DRAIN: begin_drain(listener, message); break;
    case DOR_MSG_SSL_RELOAD:
        dor__ignore(dor__reload_start(listener->scheduler, listener->listening, message, NULL, NULL, NULL));
        break;
    case DOR_MSG_SSL_QUERY:
    case DOR_MSG_SSL_COMMAND: dor__ssl_run(actor, message); break;
    case DOR_MSG_SSL_OWNER:
        dor__message_free(message);
        watch_owner(listener);
        break;
    case DOR_MSG_SSL_SEND:
    case DOR_MSG_SSL_RECV:
    case DOR_MSG_SSL_DOWNGRADE:
    case DOR_MSG_SSL_RENEGOTIATE:
    case DOR_MSG_SSL_REQUEST_CERTIFICATE:
    case DOR_MSG_SSL_HANDSHAKE: dor__request_answer(message, dor__error(DOR_E_ENOTCONN), NULL); break;
    default: dor__message_free(message);
    }
}

void dor__listener_hear(dor_actor *actor)
{
    dor_listener *listener = listener_of(actor);
    const dor_message *last = listener->mailbox ? dor__event_mailbox_last_said(listener->mailbox) : NULL;
    bool more = last != NULL;
    while (more && listener->mailbox) {
        dor_message *message = dor__event_mailbox_hear(listener->mailbox);
        more = message && message != last;
        if (message) dor__listener_request(actor, message);
    }
}

static void listener_receive(dor_actor *actor, dor_message *message)
{
    if (message->type == DOR_MSG_SAID) {
        const dor_listener *listener = listener_of(actor);
        dor__listener_hear(actor);
        if (listener->mailbox && dor__event_mailbox_last_said(listener->mailbox))
            (void)dor__send(actor->pid, message); /* what was said meanwhile relies on this word */
        else
            dor__message_free(message);
    } else if (message->type == DOR_MSG_DOWN) {
        dor_down down = *(dor_down *)dor_message_payload(message);
        dor__message_free(message);
        dor__listener_hear(actor); /* what its owner has said before it died */
        on_down(listener_of(actor), &down);
    } else if (message->type == DOR_MSG_SSL_DRAINED) {
        look_at_drain(listener_of(actor), message);
    } else {
        dor__listener_request(actor, message);
    }
}

static void listener_exit(dor_actor *actor, int reason)
{
    (void)reason;
    dor__listener_hear(actor);
    dor__listener_close(actor);
}

static void listener_destroy(dor_actor *actor)
{
    dor_listener *listener = listener_of(actor);
    dor__timer_stop(listener->scheduler, &listener->timer);
    dor__timer_stop(listener->scheduler, &listener->watch);
    dor__timer_stop(listener->scheduler, &listener->patience);
    answer_drain(listener, dor__error(DOR_E_CLOSED), 0);
    if (listener->reload) dor__reload_forget(listener->reload);
    if (listener->mailbox) dor__event_mailbox_retire(listener->mailbox, true);
    dor__listening_close(listener->listening);
    dor__drain_end(listener->listening, false);
    dor__listening_unref(listener->listening);
    dor__free(listener);
}

const dor_actor_ops dor__listener_ops = {
    .receive = listener_receive, .exit = listener_exit, .destroy = listener_destroy};

/* ---- beginning ------------------------------------------------------------------------------------------------ */

typedef struct starting {
    dor_listening *listening;
    dor_pid owner; /* NONE: the listener itself */
    dor_socket handle;
    dor_result result;
    bool done; /* under the listening's lock */
} starting;

static void start_listener(dor_scheduler *s, starting *st)
{
    dor_listener *listener = dor__calloc(1, sizeof *listener);
    st->result = dor__error(DOR_E_NOMEM);
    if (!listener) return;
    listener->scheduler = s;
    listener->listening = st->listening;
    st->result = dor__actor_init(&listener->actor, s, &dor__listener_ops);
    if (dor__failed(st->result)) {
        dor__free(listener);
        return;
    }
    dor__listening_ref(st->listening);
    dor_pid owner = st->owner == DOR_PID_NONE ? listener->actor.pid : st->owner;
    st->result = dor__event_mailbox_new(&listener->actor, owner, &listener->mailbox);
    if (dor__failed(st->result)) {
        dor__actor_end(&listener->actor, st->result.code);
        return;
    }
    dor__event_mailbox_set_send_high(listener->mailbox, 0); /* nothing can be sent */
    st->handle = dor__event_mailbox_handle(listener->mailbox);
    watch_owner(listener);
    start_watch(listener);
}

/* Who waits and who starts share this until both are done with it. */
typedef struct remote_start {
    _Atomic int refs;
    starting st;
} remote_start;

static void release_start(remote_start *remote)
{
    if (atomic_fetch_sub_explicit(&remote->refs, 1, memory_order_acq_rel) > 1)
        return; /* the last one sees all */
    dor__listening_unref(remote->st.listening);
    dor__free(remote);
}

static void start_there(dor_scheduler *s, void *arg)
{
    remote_start *remote = arg;
    dor_listening *listening = remote->st.listening;
    start_listener(s, &remote->st);
    uv_mutex_lock(&listening->lock);
    remote->st.done = true;
    uv_cond_broadcast(&listening->changed);
    uv_mutex_unlock(&listening->lock);
    release_start(remote);
}

static dor_result start_and_wait(dor_runtime *runtime, starting *st)
{
    dor_listening *listening = st->listening;
    remote_start *remote = dor__calloc(1, sizeof *remote);
    if (!remote) return dor__error(DOR_E_NOMEM);
    atomic_init(&remote->refs, 2);
    remote->st = *st;
    dor__listening_ref(listening);
    dor_result r = dor__scheduler_call(dor__runtime_scheduler(runtime, 0), start_there, remote);
    if (dor__failed(r)) {
        release_start(remote);
        release_start(remote);
        return r;
    }
    uv_mutex_lock(&listening->lock);
    for (int tries = 0; !remote->st.done && tries < START_TRIES; tries++)
        (void)uv_cond_timedwait(&listening->changed, &listening->lock, START_TIMEOUT_NS);
    if (remote->st.done)
        *st = remote->st;
    else
        st->result = dor__error(DOR_E_STOPPED); /* the runtime ends before the call came up */
    uv_mutex_unlock(&listening->lock);
    release_start(remote);
    return st->result;
}

typedef struct shard_start {
    dor_listening *listening;
    unsigned index;
    int fd;
} shard_start;

static void start_shard(dor_scheduler *s, void *arg)
{
    shard_start start = *(shard_start *)arg;
    dor__free(arg);
    dor__ignore(
        dor__shard_start(s, start.listening, start.index, start.fd)); /* the other shards serve without it */
    dor__listening_unref(start.listening);
}

/* When not all schedulers are to accept: where the next listener begins, so that several are not all on the first. */
static _Atomic unsigned next_first;

static void start_shards(dor_runtime *runtime, dor_listening *listening, const int *fds)
{
    dor_scheduler *here = dor__scheduler_current();
    unsigned all = dor__runtime_scheduler_count(runtime), count = listening->shard_count;
    /* relaxed: it is a matter of taste which one begins. */
    unsigned first = count < all ? atomic_fetch_add_explicit(&next_first, count, memory_order_relaxed) : 0;
    for (unsigned i = 0; i < count; i++) {
        dor_scheduler *s = dor__runtime_scheduler(runtime, (first + i) % all);
        shard_start *start = dor__malloc(sizeof *start);
        if (start) *start = (shard_start){dor__listening_ref(listening), i, fds[i]};
        if (start && s == here) {
            start_shard(s, start);
        } else if (!start || dor__failed(dor__scheduler_call(s, start_shard, start))) {
            if (fds[i] >= 0) (void)close(fds[i]);
            (void)dor__listening_shard_closed(listening, i, DOR_PID_NONE);
            if (start) dor__listening_unref(listening);
            dor__free(start);
        }
    }
}

/* One bound and listening descriptor for each scheduler, on the same port. */
static dor_result open_descriptors(const dor_settings *settings, uint16_t port, int *fds, unsigned count,
                                   dor_address *address)
{
    unsigned made = 0;
    dor_result r = DOR_SUCCESS;
    for (; made < count && dor__ok(r); made++) {
        r = dor__tcp_bind(settings, made ? address->port : port, count > 1, made > 0, &fds[made]);
        if (dor__failed(r)) break;
        if (made == 0) r = dor__tcp_local_name(fds[0], address);
    }
    /* Only when all are bound: the first one cannot have company once it listens without having asked for it. */
    for (unsigned i = 0; i < made && dor__ok(r); i++) {
        if (listen(fds[i], settings->backlog) < 0) r = dor__errno(errno);
    }
    while (dor__failed(r) && made > 0)
        (void)close(fds[--made]);
    return r;
}

/* One listener of the module for all shards, which accept from it in turn. */
static dor_result open_module(dor_listening *l, const dor_settings *settings, uint16_t port, int *fds)
{
    const dor_transport_ops *ops = settings->transport;
    for (unsigned i = 0; i < l->shard_count; i++)
        fds[i] = -1;
    if (!ops->listen || !ops->accept || !ops->unlisten) return dor__error(DOR_E_NOT_SUPPORTED);
    l->module_handle = dor__module_listener_handle(l);
    if (!l->module_handle) return dor__error(DOR_E_NOMEM);
    int code = ops->listen(settings->transport_arg, settings->ip, &port, settings->backlog, l->module_handle,
                           &l->module_end);
    if (code != DOR_OK || !l->module_end) {
        dor_transport_handle_unref(l->module_handle);
        l->module_end = l->module_handle = NULL;
        return dor__module_error(code);
    }
    l->module = ops;
    l->address = (dor_address){.port = port};
    return DOR_SUCCESS;
}

/* One socket at a path, in which all shards have a descriptor of their own. */
static dor_result open_unix(dor_listening *l, const dor_settings *settings, int *fds, unsigned count)
{
    unsigned made = 1;
    DOR_TRY(dor__unix_bind(settings, &fds[0], &l->file));
    l->shared = true;
    dor_result r = dor__tcp_local_name(fds[0], &l->address);
    if (dor__ok(r) && listen(fds[0], settings->backlog) < 0) r = dor__errno(errno);
    for (; made < count && dor__ok(r); made++) {
        fds[made] = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
        if (fds[made] < 0) {
            r = dor__errno(errno);
            break;
        }
    }
    if (dor__ok(r)) return r;
    dor__unix_remove(l->address.path, &l->file);
    while (made > 0)
        (void)close(fds[--made]);
    return r;
}

/* A socket that somebody else has made listen: likewise. Takes fd even on failure. */
static dor_result open_inherited(dor_listening *l, const dor_settings *settings, int fd, int *fds,
                                 unsigned count)
{
    unsigned made = 1;
    fds[0] = fd;
    l->shared = true;
    dor_result r = dor__tcp_adopt(fd, settings);
    if (dor__ok(r)) r = dor__tcp_local_name(fd, &l->address);
    for (; made < count && dor__ok(r); made++) {
        fds[made] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (fds[made] >= 0) continue;
        r = dor__errno(errno);
        break;
    }
    while (dor__failed(r) && made > 0)
        (void)close(fds[--made]);
    return r;
}

static void close_all(dor_listening *l, const int *fds, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (fds[i] >= 0) (void)close(fds[i]);
    dor__unix_remove(l->address.path, &l->file);
    if (!l->module_end) return;
    l->module->unlisten(l->module_end);
    l->module_end = NULL;
    dor_transport_handle_unref(l->module_handle);
}

/* inherited: a descriptor that listens already, taken even on failure; or -1. */
static dor_result start(dor_runtime *runtime, uint16_t port, int inherited, dor_settings *settings,
                        dor_pid owner, const dor_server_spec *spec, dor_socket *handle)
{
    int fds[DOR_SHARDS_MAX];
    unsigned count = dor__runtime_scheduler_count(runtime);
    starting st = {.owner = owner};
    if (count > DOR_SHARDS_MAX) count = DOR_SHARDS_MAX;
    if (settings->acceptors && count > settings->acceptors) count = settings->acceptors;
    dor_scheduler *here = dor__scheduler_current();
    if (here && dor__scheduler_runtime(here) != runtime)
        return dor__error(DOR_E_WOULD_DEADLOCK); /* a mistake of the caller's, who keeps its descriptor */
    dor_result r = dor__listening_new(count, settings, spec, &st.listening);
    if (dor__failed(r)) {
        if (inherited >= 0) (void)close(inherited);
        return r;
    }
    r = inherited >= 0               ? open_inherited(st.listening, settings, inherited, fds, count)
        : settings->transport        ? open_module(st.listening, settings, port, fds)
        : dor__is_unix(settings->ip) ? open_unix(st.listening, settings, fds, count)
                                     : open_descriptors(settings, port, fds, count, &st.listening->address);
    if (dor__failed(r)) goto done;
    if (here) {
        start_listener(here, &st);
        r = st.result;
    } else {
        r = start_and_wait(runtime, &st);
    }
    if (dor__ok(r)) {
        start_shards(runtime, st.listening, fds);
        *handle = st.handle;
    }
    if (dor__failed(r)) close_all(st.listening, fds, count);
done:
    dor__listening_unref(st.listening);
    return r;
}

dor_result dor__ssl_listen(dor_runtime *runtime, uint16_t port, dor_settings *settings, dor_pid owner,
                           dor_socket *listener)
{
    return start(runtime, port, -1, settings, owner, NULL, listener);
}

dor_result dor__ssl_serve(dor_runtime *runtime, uint16_t port, dor_settings *settings,
                          const dor_server_spec *spec, dor_socket *listener)
{
    return start(runtime, port, -1, settings, DOR_PID_NONE, spec, listener);
}

dor_result dor__ssl_listen_fd(dor_runtime *runtime, int fd, dor_settings *settings, dor_pid owner,
                              const dor_server_spec *spec, dor_socket *listener)
{
    return start(runtime, 0, fd, settings, spec ? DOR_PID_NONE : owner, spec, listener);
}
