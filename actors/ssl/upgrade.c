/*
 * upgrade.c - TLS over a descriptor that somebody else has connected, and has perhaps talked over in the clear.
 *
 * The request holds the descriptor until a connection takes it; a request that nobody handles closes it as it goes. So
 * from the moment that dor__ssl_upgrade is called the descriptor has an owner here, whatever happens.
 *
 * Owning thread: the connection's scheduler; dor__ssl_upgrade any.
 */
#include "ssl/connection.h"
#include "base/alloc.h"
#include "ssl/tcp.h"
#include <stdio.h>
#include <unistd.h>

static dor_upgrade_request *upgrade_of(dor_message *message)
{
    return dor__request_of(message);
}

static void release_upgrade(dor_ssl_request *request)
{
    dor_upgrade_request *upgrade = (dor_upgrade_request *)request;
    dor__settings_unref(upgrade->settings);
    upgrade->settings = NULL;
    if (upgrade->fd >= 0) (void)close(upgrade->fd);
    upgrade->fd = -1;
}

/* Bytes of TLS may wait in the descriptor already: those are not what injection is about, they are the peer's hello. */
void dor__conn_upgrade(dor_connection *c, dor_message *message)
{
    dor_upgrade_request *upgrade = upgrade_of(message);
    dor_address address;
    int fd = upgrade->fd;
    upgrade->fd = -1;
    c->server = upgrade->server;
    c->state = DOR_CONN_CONNECTING; /* without a transport as yet, whichever role it has */
    dor_result r = dor__conn_attach_fd(c, fd);
    c->opening = dor__calloc(1, sizeof *c->opening);
    if (dor__ok(r) && !c->opening) r = dor__error(DOR_E_NOMEM);
    if (dor__failed(r)) {
        dor__conn_open_failed(c, r);
        dor__request_answer(message, r, NULL);
        return;
    }
    c->opening->request = message;
    if (dor__ok(c->transport->ops->name(c->transport, true, &address)))
        dor__address_text(&address, c->opening->peer, sizeof c->opening->peer);
    dor__conn_set_deadline(c, upgrade->request.timeout_ms);
    r = dor__conn_start_tls(c, upgrade->host[0] ? upgrade->host : NULL);
    if (dor__failed(r)) dor__conn_open_failed(c, r);
}

static void start(dor_scheduler *s, void *arg)
{
    dor__conn_begin(s, upgrade_of(arg)->settings, arg);
}

dor_result dor__ssl_upgrade(dor_runtime *runtime, int fd, bool server, const char *host,
                            dor_settings *settings, dor_pid reply_to, dor_ref ref, uint32_t timeout_ms)
{
    dor_result r = dor__tcp_adopt(fd, settings);
    dor_message *message =
        dor__failed(r) ? NULL
                       : dor__request_new(DOR_MSG_SSL_UPGRADE, sizeof(dor_upgrade_request), reply_to, ref, 0);
    if (!message) {
        (void)close(fd);
        return dor__failed(r) ? r : dor__error(DOR_E_NOMEM);
    }
    dor_upgrade_request *upgrade = upgrade_of(message);
    upgrade->request.timeout_ms = timeout_ms;
    upgrade->request.release = release_upgrade;
    upgrade->settings = dor__settings_ref(settings);
    upgrade->fd = fd;
    upgrade->server = server;
    (void)snprintf(upgrade->host, sizeof upgrade->host, "%s", host ? host : "");
    dor_scheduler *s = dor__scheduler_current();
    if (s && dor__scheduler_runtime(s) == runtime) {
        start(s, message); /* an actor's connections live beside it */
        return DOR_SUCCESS;
    }
    unsigned index =
        (unsigned)(ref % dor__runtime_scheduler_count(runtime)); /* in turn: references count up */
    r = dor__scheduler_call(dor__runtime_scheduler(runtime, index), start, message);
    if (dor__failed(r)) {
        upgrade->request.reply_to = DOR_PID_NONE; /* the caller learns it from the result */
        dor__message_free(message);
    }
    return r;
}
