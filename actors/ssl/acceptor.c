/*
 * acceptor.c - a listener's shard: the actor that accepts connections on one scheduler.
 *
 * Connections are accepted in batches with a budget, so that a burst of them does not hold up those that are open; and
 * each only when it is admitted (admission.h).
 * When descriptors run out, one that is kept in reserve is given up for long enough to accept and close a connection:
 * the client learns at once that it is refused, and the backlog does not stay full of hopeful ones. It is counted, the
 * shard pauses for a moment, and then goes on.
 *
 * Owning thread: the shard's scheduler.
 */
#include "ssl/listener.h"
#include "base/alloc.h"
#include "ssl/admission.h"
#include "ssl/tcp.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    SHARED_BUDGET =
        4, /* of connections that wait in one queue for all: the next scheduler takes the next ones */
    DRAIN_BUDGET = 1024, /* connections that were in the backlog when the listener closed */
    BACK_OFF_MS = 20,
    VISIT_SLOTS = 512 /* actors that are looked at in a turn, for connections to close */
};

/* A connection that was accepted: a descriptor, or a module's. */
typedef struct incoming {
    int fd;    /* or -1 */
    void *end; /* or NULL */
} incoming;

static const incoming nobody = {.fd = -1};

typedef struct dor_shard {
    dor_actor actor;
    dor_ssl_local *local;
    dor_listening *listening;
    dor_timer timer;
    unsigned index;
    int fd;
    incoming parked; /* accepted, but its waiter gave up meanwhile: for the next one; else nobody */
    uint32_t slot;   /* with a drain that closes what is left: of the actor to look at next */
    uint32_t ended;  /* and how many it has closed */
    bool stopped;    /* accepts no more than what is in the backlog */
    bool closed;
    bool stays;      /* after that, for a drain */
    uv_poll_t *poll; /* apart, since libuv needs it a little longer than the actor lives */
} dor_shard;

static void accept_some(dor_shard *shard);

static void on_poll(uv_poll_t *poll, int status, int events)
{
    dor_shard *shard = poll->data;
    (void)events;
    (void)status; /* an error is met again by accept */
    dor__scheduler_polled(shard->local->scheduler);
    accept_some(shard);
}

static void watch(dor_shard *shard, bool on)
{
    if (!shard->poll) return; /* a module's readiness comes as demand */
    if (on)
        (void)uv_poll_start(shard->poll, UV_READABLE, on_poll); /* fails only on a closed handle */
    else
        (void)uv_poll_stop(shard->poll);
}

static void on_pause_over(dor_timer *timer)
{
    dor_shard *shard = DOR_CONTAINER_OF(timer, dor_shard, timer);
    watch(shard, true);
    accept_some(shard);
}

static void pause_for(dor_shard *shard, uint32_t ms)
{
    if (shard->stopped) return;
    watch(shard, false);
    dor__timer_start(shard->local->scheduler, &shard->timer, ms, on_pause_over);
}

/* No memory, no descriptors: connections that are open come first. */
static void back_off(dor_shard *shard)
{
    dor__listening_count(shard->listening, DOR_LISTENER_BACKED_OFF);
    pause_for(shard, BACK_OFF_MS);
}

static bool is_there(incoming in)
{
    return in.fd >= 0 || in.end;
}

static void drop(const dor_shard *shard, incoming in)
{
    if (in.fd >= 0) (void)close(in.fd);
    if (in.end) shard->listening->module->close(in.end);
}

static void count_refused(dor_shard *shard, dor_listener_figure why)
{
    dor__count(shard->local, DOR_COUNT_REFUSED, 1);
    dor__listening_count(shard->listening, why);
}

static void refuse(dor_shard *shard, incoming in, dor_listener_figure why)
{
    drop(shard, in);
    count_refused(shard, why);
}

static void count_accepted(dor_shard *shard)
{
    dor__count(shard->local, DOR_COUNT_ACCEPTED, 1);
    dor__listening_count(shard->listening, DOR_LISTENER_ACCEPTED);
}

/* ---- a connection --------------------------------------------------------------------------------------------- */

static void give_up_connection(dor_connection *c)
{
    dor__conn_retire(c, true);
    dor__conn_shut(c);
    dor__conn_settle(c);
}

/* What it has not from the listening descriptor. What is refused here would be no reason to refuse the client. */
static void set_options(const dor_settings *bound, const dor_settings *settings, int fd)
{
    dor__inet_accepted(fd, &settings->inet);
    if (settings != bound)
        dor__ignore(dor__inet_apply(fd, &settings->inet, settings->raw, &bound->inet, bound->raw));
}

/* A connection actor over what came, which is taken even on failure. */
static dor_result make_connection(dor_shard *shard, incoming in, dor_settings *settings, dor_pid owner,
                                  dor_connection **out)
{
    dor_connection *c;
    dor_result r = dor__conn_new(shard->local, settings, owner, !shard->listening->served, &c);
    if (dor__failed(r)) {
        refuse(shard, in, DOR_LISTENER_REFUSED_MEMORY);
        return r;
    }
    c->server = true;
    c->state = DOR_CONN_ACCEPTED;
    if (in.fd >= 0) set_options(shard->listening->bound, settings, in.fd);
    r = in.end ? dor__conn_attach_module(c, in.end) : dor__conn_attach_fd(c, in.fd);
    if (dor__failed(r)) {
        count_refused(shard, DOR_LISTENER_REFUSED_MEMORY);
        give_up_connection(c);
        return r;
    }
    c->listening = dor__listening_ref(shard->listening);
    c->shaking = true; /* from here on it says itself when that is over */
    *out = c;
    return DOR_SUCCESS;
}

static dor_result serve_connection(dor_shard *shard, incoming in, const struct sockaddr *peer,
                                   dor_settings *settings)
{
    dor_connection *c;
    dor_address address;
    DOR_TRY(make_connection(shard, in, settings, shard->actor.pid, &c));
    c->served = true;
    c->opening = dor__calloc(1, sizeof *c->opening);
    if (c->opening) {
        dor__tcp_format(peer, sizeof(struct sockaddr_in6), &address);
        if (in.end || peer->sa_family == AF_UNIX)
            dor__ignore(c->transport->ops->name(c->transport, true, &address)); /* for reports */
        dor__address_text(&address, c->opening->peer, sizeof c->opening->peer);
    }
    dor__conn_start_handshake(c, NULL, settings->handshake_timeout_ms);
    dor__conn_settle(c);
    return DOR_SUCCESS;
}

static dor_result hand_to_waiter(dor_shard *shard, incoming in, dor_settings *settings)
{
    dor_message *waiter;
    while ((waiter = dor__listening_next_waiter(shard->listening))) {
        dor_connection *c;
        dor_pid owner = ((dor_ssl_request *)dor__request_of(waiter))->reply_to;
        if (!dor__pid_alive(owner)) {
            dor__message_free(waiter); /* whoever waits behind it gets the connection */
            continue;
        }
        dor_result r = make_connection(shard, in, settings, owner, &c);
        if (dor__failed(r)) {
            dor__request_answer(waiter, r, NULL);
            return r;
        }
        dor__request_answer_socket(waiter, c->handle);
        dor__conn_settle(c);
        return r;
    }
    shard->parked = in;
    return DOR_SUCCESS;
}

static void take(dor_shard *shard, incoming in, const struct sockaddr *peer, dor_admitted *admitted)
{
    dor_settings *settings = admitted->settings;
    if (!dor__listening_enter(shard->listening, settings->max_connections)) {
        refuse(shard, in, DOR_LISTENER_REFUSED_LIMIT);
        dor__listening_handshake_over(shard->listening, NULL);
        return;
    }
    dor_result r = shard->listening->served ? serve_connection(shard, in, peer, settings)
                                            : hand_to_waiter(shard, in, settings);
    /* From now on the connection counts itself; one that is parked is counted when it is taken again. */
    bool parked = is_there(shard->parked);
    if (dor__ok(r) && !parked) return;
    dor__listening_leave(shard->listening);
    dor__listening_handshake_over(shard->listening, parked ? admitted : NULL);
}

/* ---- accepting ------------------------------------------------------------------------------------------------ */

static int accept_one(int listening_fd, struct sockaddr_storage *peer)
{
    socklen_t len = sizeof *peer;
    int fd;
    do {
#ifdef SOCK_NONBLOCK
        fd = accept4(listening_fd, (struct sockaddr *)peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
        fd = accept(listening_fd, (struct sockaddr *)peer, &len);
        if (fd >= 0 && (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)) {
            (void)close(fd);
            fd = -1;
            errno = ECONNABORTED;
        }
#endif
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    return fd;
}

/* Out of descriptors: refuses one connection by means of the reserve. False when that did not work either. */
static bool shed(dor_shard *shard)
{
    struct sockaddr_storage peer;
    dor_ssl_local *local = shard->local;
    if (local->reserve_fd < 0) return false;
    (void)close(local->reserve_fd);
    int fd = accept_one(shard->fd, &peer);
    if (fd >= 0) {
        count_accepted(shard);
        refuse(shard, (incoming){.fd = fd}, DOR_LISTENER_REFUSED_DESCRIPTORS);
    }
    local->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd >= 0;
}

/* What was parked, or else the next one; nobody, and then errno says why, when there is none. */
static incoming next_incoming(dor_shard *shard, struct sockaddr_storage *peer)
{
    const dor_transport_ops *module = shard->listening->module;
    incoming in = shard->parked;
    shard->parked = nobody;
    if (is_there(in)) return in;
    if (module) {
        int code = module->accept(shard->listening->module_end, &in.end);
        errno = code == DOR_TRANSPORT_AGAIN ? EAGAIN : ECONNABORTED;
        if (code != DOR_TRANSPORT_DONE) in = nobody;
    } else {
        in.fd = accept_one(shard->fd, peer);
    }
    if (is_there(in)) count_accepted(shard);
    return in;
}

/* One connection, if it may; false when that is it for now. */
static bool accept_next(dor_shard *shard)
{
    struct sockaddr_storage peer = {0};
    dor_admitted admitted;
    dor_listening *l = shard->listening;
    uint64_t now = dor__scheduler_now_ms(shard->local->scheduler);
    dor_admission admission = dor__listening_admit(l, shard->index, shard->stopped, now, &admitted);
    if (admission == DOR_ADMIT_REST)
        watch(shard, false); /* a demand wakes us; until then the backlog fills */
    if (admission == DOR_ADMIT_LATER) pause_for(shard, admitted.wait_ms);
    if (admission != DOR_ADMIT_NOW) return false;
    incoming in = next_incoming(shard, &peer);
    int error = errno;
    bool there = is_there(in);
    if (there)
        take(shard, in, (struct sockaddr *)&peer, &admitted);
    else
        dor__listening_handshake_over(l, &admitted);
    dor__settings_unref(admitted.settings);
    if (there) return true;
    if (error == EAGAIN || error == EWOULDBLOCK) return false;
    if ((error == EMFILE || error == ENFILE) && shed(shard)) return true;
    back_off(shard);
    return false;
}

static int budget_of(dor_shard *shard)
{
    dor_settings *settings = dor__listening_settings(shard->listening);
    int budget = (int)settings->accept_budget;
    dor__settings_unref(settings);
    if (shard->stopped) return DRAIN_BUDGET;
    return shard->listening->shared && budget > SHARED_BUDGET ? SHARED_BUDGET : budget;
}

static void accept_some(dor_shard *shard)
{
    int budget = budget_of(shard);
    if (dor__timer_armed(&shard->timer) && !shard->stopped) return; /* it pauses */
    while (budget > 0 && !shard->closed && accept_next(shard))
        budget--;
    dor__listening_taken(shard->listening, shard->index);
    if (budget == 0 && shard->listening->module && !shard->stopped) dor__listening_ready(shard->listening);
}

/* ---- the actor ------------------------------------------------------------------------------------------------ */

static void on_poll_closed(uv_handle_t *handle)
{
    dor__scheduler_release(handle->data);
    dor__free(handle);
}

/* may_stay: its actor goes on, should a drain need it. */
static void stop_shard(dor_shard *shard, bool may_stay)
{
    if (shard->closed) return;
    dor__timer_stop(shard->local->scheduler, &shard->timer);
    dor__listening_shard_descriptor(shard->listening, shard->index, -1);
    /* The handle first: libuv would take the descriptor's number out of the poll set when it may be another's already. */
    if (shard->poll) {
        shard->poll->data = shard->local->scheduler;
        uv_close((uv_handle_t *)shard->poll, on_poll_closed);
        (void)close(shard->fd);
    }
    drop(shard, shard->parked);
    shard->stopped = shard->closed = true;
    shard->parked = nobody;
    shard->fd = -1;
    shard->stays = dor__listening_shard_closed(shard->listening, shard->index,
                                               may_stay ? shard->actor.pid : DOR_PID_NONE);
}

/* Who is in the backlog has a connection as far as it knows; closing the descriptor would reset it. */
static void finish(dor_shard *shard)
{
    shard->stopped = true; /* no backing off any more */
    if (shard->listening->served) accept_some(shard);
    stop_shard(shard, true);
    if (!shard->stays) dor__actor_end(&shard->actor, DOR_OK);
}

/* ---- the end of a drain ---------------------------------------------------------------------------------------- */

static void close_if_ours(dor_actor *actor, void *arg)
{
    dor_shard *shard = arg;
    if (actor->ops != &dor__conn_ops) return;
    dor_connection *c = dor__conn_of(actor);
    if (c->listening != shard->listening || c->state >= DOR_CONN_FLUSHING) return;
    shard->ended++;
    dor__conn_close_by(c, DOR_PID_NONE);
    dor__conn_settle(c);
}

static void close_some(dor_shard *shard);

static void on_turn(dor_timer *timer)
{
    close_some(DOR_CONTAINER_OF(timer, dor_shard, timer));
}

static void close_some(dor_shard *shard)
{
    dor_scheduler *s = shard->local->scheduler;
    if (dor__drain_closes(shard->listening) &&
        dor__actors_visit(s, &shard->slot, VISIT_SLOTS, close_if_ours, shard))
        dor__timer_start(s, &shard->timer, 0, on_turn);
    else
        dor__actor_end(&shard->actor, DOR_OK);
}

/* ---- messages -------------------------------------------------------------------------------------------------- */

static void shard_receive(dor_actor *actor, dor_message *message)
{
    dor_shard *shard = DOR_CONTAINER_OF(actor, dor_shard, actor);
    uint32_t type = message->type;
    if (type == DOR_MSG_SSL_DEMAND)
        dor__listening_woken(shard->listening, shard->index, message);
    else
        dor__message_free(message);
    if (type == DOR_MSG_SSL_DRAIN_SHARD) close_some(shard);
    if (shard->stopped) return;
    if (type == DOR_MSG_SSL_DEMAND) {
        watch(shard, true);
        accept_some(shard);
    } else if (type == DOR_MSG_SSL_STOP_SHARD) {
        finish(shard);
    }
}

static void shard_exit(dor_actor *actor, int reason)
{
    dor_shard *shard = DOR_CONTAINER_OF(actor, dor_shard, actor);
    stop_shard(shard, false);
    dor__actor_end(actor, reason);
}

static void shard_destroy(dor_actor *actor)
{
    dor_shard *shard = DOR_CONTAINER_OF(actor, dor_shard, actor);
    stop_shard(shard, false);
    dor__timer_stop(shard->local->scheduler, &shard->timer);
    if (shard->stays) dor__drain_left(shard->listening, shard->index, shard->ended);
    dor__listening_unref(shard->listening);
    dor__free(shard);
}

static const dor_actor_ops shard_ops = {
    .receive = shard_receive, .exit = shard_exit, .destroy = shard_destroy};

static dor_result init_poll(dor_shard *shard, dor_scheduler *s)
{
    shard->local = dor__ssl_local(s);
    if (shard->listening->module) return shard->local ? DOR_SUCCESS : dor__error(DOR_E_NOMEM);
    shard->poll = dor__calloc(1, sizeof *shard->poll);
    if (!shard->local || !shard->poll) return dor__error(DOR_E_NOMEM);
    int status = uv_poll_init(dor__scheduler_loop(s), shard->poll, shard->fd);
    if (status < 0) return dor__errno(-status);
    shard->poll->data = shard;
    dor__scheduler_hold(s);
    return DOR_SUCCESS;
}

dor_result dor__shard_start(dor_scheduler *s, dor_listening *listening, unsigned index, int fd)
{
    dor_shard *shard = dor__calloc(1, sizeof *shard);
    dor_result r = shard ? DOR_SUCCESS : dor__error(DOR_E_NOMEM);
    if (shard) {
        *shard = (dor_shard){.listening = listening, .index = index, .fd = fd, .parked = nobody};
        r = init_poll(shard, s);
    }
    if (dor__failed(r)) {
        if (fd >= 0) (void)close(fd);
        if (shard) dor__free(shard->poll);
        dor__free(shard);
        (void)dor__listening_shard_closed(listening, index, DOR_PID_NONE);
        return r;
    }
    r = dor__actor_init(&shard->actor, s, &shard_ops);
    if (dor__failed(r)) {
        stop_shard(shard, false);
        dor__free(shard);
        return r;
    }
    dor__listening_ref(listening);
    if (!dor__listening_shard_started(listening, index, shard->actor.pid)) {
        finish(shard); /* closed again before it began */
        return DOR_SUCCESS;
    }
    dor__listening_shard_descriptor(listening, index, fd);
    watch(shard, true); /* accept_some stops it if nobody waits */
    accept_some(shard);
    return DOR_SUCCESS;
}
