/*
 * transport.c - dormouse/transport.h: checks arguments, turns options into settings, forwards to the actors.
 */
#include "caller.h"
#include "options_table.h"
#include <dormouse/transport.h>
#include "ssl/tcp.h"
#include <unistd.h>

enum { HOST_MAX = 253 }; /* RFC 1035 section 2.3.4, as text */

/* ---- callback modules ------------------------------------------------------------------------------------- */

int dor_options_set_transport(dor_options *options, const dor_transport_ops *ops, void *arg)
{
    if (!options) return DOR_E_BADARG;
    if (!ops) return dor_options_unset(options, "cb_info");
    if (!ops->watch || !ops->send || !ops->recv || !ops->close) return DOR_E_BADARG;
    return dor__options_set_function(options, "cb_info", NULL, ops, arg);
}

/* ---- downgrade ------------------------------------------------------------------------------------------------ */

int dor_ssl_downgrade_async(dor_socket socket, uint32_t timeout_ms, dor_ref *ref)
{
    return start_async(dor__ssl_downgrade, socket, timeout_ms, ref);
}

int dor_ssl_downgrade(dor_socket socket, uint32_t timeout_ms, int *fd, dor_buffer **rest)
{
    dor_ref ref;
    dor_message *message;
    if (!fd || !rest) return DOR_E_BADARG;
    int code = start_as_process(dor__ssl_downgrade, socket, timeout_ms, &ref);
    if (code) return code;
    dor_result r = await_message(ref, &message);
    if (dor__failed(r)) return r.code;
    dor_ssl_reply *reply = dor_message_payload(message);
    code = reply->result;
    if (code == DOR_OK) {
        *fd = reply->fd;
        *rest = reply->data;
        reply->fd = -1;
        reply->data = NULL;
    }
    dor__message_free(message);
    return code;
}

/* ---- upgrade -------------------------------------------------------------------------------------------------- */

typedef struct upgrade {
    dor_runtime *runtime;
    int fd;
    bool server;
    const char *host;
    const dor_options *options;
    uint32_t timeout_ms;
} upgrade;

/* A certificate that is verified for no name at all would be anybody's. */
static dor_result check_name(const upgrade *u, const dor_settings *settings)
{
    if (u->server || u->host || settings->server_name[0] || !settings->tls->verify_host) return DOR_SUCCESS;
    return dor__options_fail(
        u->options, DOR_E_OPTION_CONFLICT,
        "option verify_host: there is no host name to verify the certificate for; give one, "
        "or set server_name_indication, or verify_host to false");
}

/* Everything that leaves the descriptor with the caller when it fails. */
static dor_result check_upgrade(const upgrade *u, dor_settings **settings)
{
    size_t host_len = u->host ? strlen(u->host) : 1;
    if (host_len < 1 || host_len > HOST_MAX || !dor__tcp_is_stream(u->fd)) return dor__error(DOR_E_BADARG);
    DOR_TRY(dor__options_resolve(u->options, u->server ? DOR_TLS_SERVER : DOR_TLS_CLIENT, settings));
    dor_result r = check_name(u, *settings);
    if (dor__failed(r)) dor__settings_unref(*settings);
    return r;
}

/* What failed before dor__ssl_upgrade could take the descriptor, and is not of class usage: see transport.h. */
static int give_up(const upgrade *u, dor_result r)
{
    if (dor_error_get_class(r.code) != DOR_CLASS_USAGE) (void)close(u->fd);
    return r.code;
}

static int start_upgrade(const upgrade *u, dor_result (*become)(dor_runtime *, dor_pid *), dor_ref *ref)
{
    dor_settings *settings;
    dor_runtime *runtime = u->runtime;
    dor_pid self;
    dor_result r = check_upgrade(u, &settings);
    if (dor__failed(r)) return give_up(u, r);
    r = dor__runtime_enter_real(&runtime);
    if (dor__failed(r)) {
        dor__settings_unref(settings);
        return give_up(u, r);
    }
    r = become(runtime, &self);
    if (dor__ok(r)) {
        dor_ref made = dor__make_ref();
        r = dor__ssl_upgrade(runtime, u->fd, u->server, u->host, settings, self, made, u->timeout_ms);
        if (dor__ok(r)) *ref = made;
    } else {
        (void)give_up(u, r);
    }
    dor__runtime_leave(runtime);
    dor__settings_unref(settings);
    return r.code;
}

static dor_result caller_as_it_is(dor_runtime *runtime, dor_pid *self)
{
    (void)runtime;
    return need_self(self);
}

static int upgrade_async(const upgrade *u, dor_ref *ref)
{
    return ref ? start_upgrade(u, caller_as_it_is, ref) : DOR_E_BADARG;
}

static int upgrade_and_wait(const upgrade *u, dor_socket *socket)
{
    dor_ref ref;
    if (!socket) return DOR_E_BADARG;
    if (!dor__may_block()) return DOR_E_WOULD_DEADLOCK;
    int code = start_upgrade(u, become_process, &ref);
    return code ? code : await(ref, socket, NULL);
}

int dor_ssl_connect_fd_async(dor_runtime *runtime, int fd, const char *host, const dor_options *options,
                             uint32_t timeout_ms, dor_ref *ref)
{
    upgrade u = {runtime, fd, false, host, options, timeout_ms};
    return upgrade_async(&u, ref);
}

int dor_ssl_connect_fd(dor_runtime *runtime, int fd, const char *host, const dor_options *options,
                       uint32_t timeout_ms, dor_socket *socket)
{
    upgrade u = {runtime, fd, false, host, options, timeout_ms};
    return upgrade_and_wait(&u, socket);
}

int dor_ssl_accept_fd_async(dor_runtime *runtime, int fd, const dor_options *options, uint32_t timeout_ms,
                            dor_ref *ref)
{
    upgrade u = {runtime, fd, true, NULL, options, timeout_ms};
    return upgrade_async(&u, ref);
}

int dor_ssl_accept_fd(dor_runtime *runtime, int fd, const dor_options *options, uint32_t timeout_ms,
                      dor_socket *socket)
{
    upgrade u = {runtime, fd, true, NULL, options, timeout_ms};
    return upgrade_and_wait(&u, socket);
}
