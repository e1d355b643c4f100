/*
 * connector.c - a client's way to a TCP connection: the name is looked up, and its addresses are tried in turn, all under
 * the call's one deadline. While others remain to be tried, an address gets no more than its share of the time that is
 * left, so one that answers nothing does not use it all up.
 *
 * Owning thread: the connection's scheduler. A look-up that runs in libuv's thread pool cannot always be cancelled, so
 * it has memory of its own and outlives the connection if it must.
 */
#include "ssl/connection.h"
#include "base/address.h"
#include "base/alloc.h"
#include "ssl/module.h"
#include "ssl/tcp.h"
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>

enum { ATTEMPT_MS = 10000, MAX_ADDRESSES = 16 };

struct dor_connecting {
    uv_getaddrinfo_t lookup;
    dor_connection *c; /* NULL: cancelled while the look-up runs */
    dor_scheduler *scheduler;
    struct addrinfo *list; /* what uv_freeaddrinfo releases */
    struct addrinfo *next; /* to be tried */
    dor_timer timer;       /* of one attempt */
    dor_result last;       /* why the latest attempt failed */
    uint16_t port;
    bool looking_up;
    char host[256];
};

static void try_next(dor_connection *c);

static void free_connecting(dor_connecting *connecting)
{
    dor__timer_stop(connecting->scheduler, &connecting->timer);
    if (connecting->list) uv_freeaddrinfo(connecting->list);
    dor__free(connecting);
}

void dor__conn_connect_cancel(dor_connection *c)
{
    dor_connecting *connecting = c->opening ? c->opening->connecting : NULL;
    if (!connecting) return;
    c->opening->connecting = NULL;
    connecting->c = NULL;
    if (connecting->looking_up)
        (void)uv_cancel(
            (uv_req_t *)&connecting->lookup); /* on_lookup releases it, now or when the resolver is done */
    else
        free_connecting(connecting);
}

static void give_up(dor_connection *c, dor_result why)
{
    dor__conn_open_failed(c, why);
}

static void on_attempt_timeout(dor_timer *timer)
{
    dor_connecting *connecting = DOR_CONTAINER_OF(timer, dor_connecting, timer);
    dor_connection *c = connecting->c;
    connecting->last = dor__error(DOR_E_TIMEOUT);
    if (c->transport) c->transport->ops->close(c->transport);
    c->transport = NULL;
    try_next(c);
    dor__conn_settle(c);
}

/* How long the present attempt may take; 0: as long as the call. */
static uint32_t attempt_ms(const dor_connection *c)
{
    uint64_t now = dor__scheduler_now_ms(c->local->scheduler), deadline = c->opening->deadline_ms;
    uint32_t left = 1, share;
    for (const struct addrinfo *a = c->opening->connecting->next; a; a = a->ai_next)
        left++;
    if (left == 1) return 0;
    if (!deadline) return ATTEMPT_MS;
    share = deadline > now ? (uint32_t)((deadline - now) / left) : 0;
    return share < 1 ? 1 : share < ATTEMPT_MS ? share : ATTEMPT_MS;
}

static void start_tls(dor_connection *c)
{
    dor_connecting *connecting = c->opening->connecting;
    dor_address address;
    char host[sizeof connecting->host];
    memcpy(host, connecting->host, sizeof host);
    if (dor__ok(c->transport->ops->name(c->transport, true, &address)))
        dor__address_text(&address, c->opening->peer, sizeof c->opening->peer);
    dor__conn_connect_cancel(c);
    dor__conn_count(c);
    dor_result r = dor__conn_start_tls(c, host);
    if (dor__failed(r)) dor__conn_open_failed(c, r);
}

static void try_next(dor_connection *c)
{
    dor_connecting *connecting = c->opening->connecting;
    dor__timer_stop(connecting->scheduler, &connecting->timer);
    while (connecting->next) {
        const struct addrinfo *address = connecting->next;
        connecting->next = address->ai_next;
        dor_result r = dor__tcp_connect(&c->transport, connecting->scheduler, address->ai_addr,
                                        address->ai_addrlen, c->settings, dor__conn_ready, c);
        if (dor__ok(r)) {
            uint32_t ms = attempt_ms(c);
            if (ms) dor__timer_start(connecting->scheduler, &connecting->timer, ms, on_attempt_timeout);
            return;
        }
        c->transport = NULL;
        connecting->last = r;
    }
    give_up(c, connecting->last);
}

void dor__conn_connect_ready(dor_connection *c)
{
    dor_result r = c->transport->ops->connected(c->transport);
    if (dor__ok(r)) {
        start_tls(c);
        return;
    }
    c->opening->connecting->last = r;
    c->transport->ops->close(c->transport);
    c->transport = NULL;
    try_next(c);
}

/* ---- looking up ----------------------------------------------------------------------------------------------- */

static dor_result lookup_error(int status)
{
    if (status == UV_EAI_MEMORY || status == UV_ENOMEM) return dor__error(DOR_E_NOMEM);
    if (status == UV_ECANCELED || status == UV_EAI_CANCELED) return dor__error(DOR_E_CANCELLED);
    return dor__error(DOR_E_NXDOMAIN);
}

static void on_lookup(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    dor_connecting *connecting = DOR_CONTAINER_OF(request, dor_connecting, lookup);
    dor_connection *c = connecting->c;
    dor__scheduler_polled(connecting->scheduler);
    connecting->looking_up = false;
    dor__scheduler_release(connecting->scheduler);
    connecting->list = list;
    connecting->next = list;
    if (!c) {
        free_connecting(connecting);
        return;
    }
    int count = 0;
    for (struct addrinfo *a = list; a; a = a->ai_next) {
        if (a->ai_family == AF_INET)
            ((struct sockaddr_in *)(void *)a->ai_addr)->sin_port = htons(connecting->port);
        if (a->ai_family == AF_INET6)
            ((struct sockaddr_in6 *)(void *)a->ai_addr)->sin6_port = htons(connecting->port);
        if (++count == MAX_ADDRESSES && a->ai_next) {
            uv_freeaddrinfo(a->ai_next); /* whoever runs that name server has enough of our time */
            a->ai_next = NULL;
        }
    }
    if (status < 0 || !list)
        give_up(c, lookup_error(status));
    else
        try_next(c);
    dor__conn_settle(c);
}

static dor_result look_up(dor_connecting *connecting)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
    uint8_t address[16];
    /* An address needs no look-up, but the list that it gives is as good as any. AI_ADDRCONFIG would hide ::1. */
    if (dor__ip_parse(dor__span_str(connecting->host), address)) hints.ai_flags = AI_NUMERICHOST;
    int status = uv_getaddrinfo(dor__scheduler_loop(connecting->scheduler), &connecting->lookup,
                                hints.ai_flags ? NULL : on_lookup, connecting->host, NULL, &hints);
    if (status < 0) return lookup_error(status);
    if (hints.ai_flags) {
        struct addrinfo *list = connecting->lookup.addrinfo;
        connecting->looking_up = true;
        dor__scheduler_hold(connecting->scheduler);
        on_lookup(&connecting->lookup, 0, list);
        return DOR_SUCCESS;
    }
    connecting->looking_up = true;
    dor__scheduler_hold(connecting->scheduler);
    return DOR_SUCCESS;
}

/* A module knows its own names, and does not have several addresses for one. */
static dor_result connect_module(dor_connection *c)
{
    dor_connecting *connecting = c->opening->connecting;
    const dor_settings *s = c->settings;
    void *end = NULL;
    int code = s->transport->connect
                   ? s->transport->connect(s->transport_arg, connecting->host, connecting->port, &end)
                   : DOR_E_NOT_SUPPORTED;
    bool waits = code == DOR_TRANSPORT_AGAIN;
    if (code != DOR_TRANSPORT_DONE && !waits) return dor__module_error(code);
    DOR_TRY(dor__module_new(&c->transport, s->transport, end, c->actor.pid, waits, s, dor__conn_ready, c));
    if (waits) return dor__transport_want(c->transport, DOR_WANT_WRITE);
    start_tls(c);
    return DOR_SUCCESS;
}

void dor__conn_connect(dor_connection *c, dor_message *message)
{
    dor_connect_request *connect = dor__request_of(message);
    dor_connecting *connecting = dor__calloc(1, sizeof *connecting);
    c->opening = dor__calloc(1, sizeof *c->opening);
    c->state = DOR_CONN_CONNECTING;
    if (!c->opening || !connecting) {
        dor__free(connecting);
        dor__conn_open_failed(c, dor__error(DOR_E_NOMEM));
        dor__request_answer(message, dor__error(DOR_E_NOMEM), NULL);
        return;
    }
    c->opening->request = message;
    c->opening->connecting = connecting;
    connecting->c = c;
    connecting->scheduler = c->local->scheduler;
    connecting->port = connect->port;
    memcpy(connecting->host, connect->host, sizeof connecting->host);
    dor__conn_set_deadline(c, connect->request.timeout_ms);
    dor_result r = c->settings->transport ? connect_module(c) : look_up(connecting);
    if (dor__failed(r)) give_up(c, r);
}

/* ---- beginning ------------------------------------------------------------------------------------------------ */

static void release_connect(dor_ssl_request *request)
{
    dor_settings *settings = ((dor_connect_request *)request)->settings;
    if (settings) dor__settings_unref(settings);
    ((dor_connect_request *)request)->settings = NULL;
}

static void start(dor_scheduler *s, void *arg)
{
    dor__conn_begin(s, ((dor_connect_request *)dor__request_of(arg))->settings, arg);
}

dor_result dor__ssl_connect(dor_runtime *runtime, const char *host, uint16_t port, dor_settings *settings,
                            dor_pid reply_to, dor_ref ref, uint32_t timeout_ms)
{
    dor_message *message =
        dor__request_new(DOR_MSG_SSL_CONNECT, sizeof(dor_connect_request), reply_to, ref, 0);
    if (!message) return dor__error(DOR_E_NOMEM);
    dor_connect_request *connect = dor__request_of(message);
    connect->request.timeout_ms = timeout_ms;
    connect->request.release = release_connect;
    connect->settings = dor__settings_ref(settings);
    connect->port = port;
    (void)snprintf(connect->host, sizeof connect->host, "%s", host);
    dor_scheduler *s = dor__scheduler_current();
    if (s && dor__scheduler_runtime(s) == runtime) {
        start(s, message); /* an actor's connections live beside it */
        return DOR_SUCCESS;
    }
    unsigned index =
        (unsigned)(ref % dor__runtime_scheduler_count(runtime)); /* references count up: in turn */
    dor_result r = dor__scheduler_call(dor__runtime_scheduler(runtime, index), start, message);
    if (dor__failed(r)) {
        connect->request.reply_to = DOR_PID_NONE; /* the caller learns it from the result */
        dor__message_free(message);
    }
    return r;
}
