/*
 * connector.c - a client's way to a TCP connection: the name is looked up, and its addresses are tried, all under the
 * call's one deadline (RFC 8305, "Happy Eyeballs").
 *
 * Of section 3, asynchronous look-ups of the two families, nothing is done: getaddrinfo asks for both and answers when it has
 * both. Two calls would begin sooner where one family's name server is slow, at the price of twice the threads, and of
 * RFC 6724's order, which getaddrinfo gives to a list as a whole.
 *
 * Owning thread: the connection's scheduler. A look-up that runs in libuv's thread pool cannot always be cancelled, so
 * it has memory of its own and outlives the connection if it must.
 */
#include "ssl/connector.h"
#include "base/alloc.h"
#include "ssl/module.h"
#include "ssl/tcp.h"
#include "ssl/unix_path.h"
#include <errno.h>
#include <stdio.h>

static void free_connecting(dor_connecting *connecting)
{
    dor__race_stop(connecting);
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

/* A path has one address, and no waiting for it but in the backlog, which a full one refuses (EAGAIN). */
static dor_result connect_unix(dor_connection *c)
{
    struct sockaddr_storage address;
    socklen_t len = dor__unix_address(c->opening->connecting->host, &address);
    if (len == 0) return dor__error(DOR_E_BADARG);
    dor_result r = dor__tcp_connect(&c->transport, c->local->scheduler, (struct sockaddr *)&address, len,
                                    c->settings, dor__conn_ready, c);
    if (dor__failed(r)) c->transport = NULL;
    return r;
}

void dor__connector_up(dor_connection *c)
{
    dor_connecting *connecting = c->opening->connecting;
    dor_address address;
    char host[sizeof connecting->host];
    memcpy(host, connecting->host, sizeof host);
    bool named = c->settings->transport || !dor__is_unix(host); /* a path is nobody's name */
    if (!c->settings->transport) dor__tcp_host_name(host);
    if (dor__ok(c->transport->ops->name(c->transport, true, &address)))
        dor__address_text(&address, c->opening->peer, sizeof c->opening->peer);
    dor__conn_connect_cancel(c);
    dor__conn_count(c);
    dor_result r = dor__conn_start_tls(c, named ? host : NULL);
    if (dor__failed(r)) dor__conn_open_failed(c, r);
}

/* Of a way that has no alternatives: c->transport is ready. */
void dor__conn_connect_ready(dor_connection *c)
{
    dor_result r = c->transport->ops->connected(c->transport);
    if (dor__ok(r)) {
        dor__connector_up(c);
        return;
    }
    c->transport->ops->close(c->transport);
    c->transport = NULL;
    give_up(c, r);
}

/* ---- looking up ----------------------------------------------------------------------------------------------- */

static dor_result lookup_error(int status)
{
    if (status == UV_EAI_MEMORY || status == UV_ENOMEM) return dor__error(DOR_E_NOMEM);
    if (status == UV_ECANCELED || status == UV_EAI_CANCELED) return dor__error(DOR_E_CANCELLED);
    return dor__error(DOR_E_NXDOMAIN);
}

/* AF_UNSPEC: our side is not bound to an address. */
static int local_family(const dor_settings *settings)
{
    return !settings->ip[0] ? AF_UNSPEC : strchr(settings->ip, ':') ? AF_INET6 : AF_INET;
}

static void on_lookup(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    dor_connecting *connecting = DOR_CONTAINER_OF(request, dor_connecting, lookup);
    dor_connection *c = connecting->c;
    dor__scheduler_polled(connecting->scheduler);
    connecting->looking_up = false;
    dor__scheduler_release(connecting->scheduler);
    if (c)
        dor__targets_order(&connecting->targets, status < 0 ? NULL : list, local_family(c->settings),
                           connecting->port);
    bool some = list != NULL;
    if (list) uv_freeaddrinfo(list);
    if (!c) {
        free_connecting(connecting);
        return;
    }
    if (connecting->targets.count)
        dor__race_start(c);
    else /* it has addresses, but none of the family that option ip speaks of */
        give_up(c, status >= 0 && some ? dor__errno(EAFNOSUPPORT) : lookup_error(status));
    dor__conn_settle(c);
}

static dor_result look_up(dor_connecting *connecting)
{
    /* AI_ADDRCONFIG would hide ::1. */
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
    int status = uv_getaddrinfo(dor__scheduler_loop(connecting->scheduler), &connecting->lookup, on_lookup,
                                connecting->host, NULL, &hints);
    if (status < 0) return lookup_error(status);
    connecting->looking_up = true;
    dor__scheduler_hold(connecting->scheduler);
    return DOR_SUCCESS;
}

/* An address needs no look-up. */
static dor_result connect_tcp(dor_connection *c)
{
    dor_connecting *connecting = c->opening->connecting;
    struct sockaddr_storage address;
    int family = local_family(c->settings);
    dor_result r = dor__tcp_parse(connecting->host, connecting->port, &address, NULL);
    if (r.code == DOR_E_BADARG) return look_up(connecting);
    DOR_TRY(r);
    if (family != AF_UNSPEC && family != address.ss_family) return dor__errno(EAFNOSUPPORT);
    dor__targets_set(&connecting->targets, (const struct sockaddr *)&address);
    dor__race_start(c);
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
    dor__connector_up(c);
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
    dor_result r = c->settings->transport           ? connect_module(c)
                   : dor__is_unix(connecting->host) ? connect_unix(c)
                                                    : connect_tcp(c);
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
