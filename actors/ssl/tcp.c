/* tcp.c - non-blocking TCP sockets behind the transport interface. */
#include "ssl/tcp.h"
#include "base/address.h"
#include "base/alloc.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL /* where there is none, SO_NOSIGPIPE is set on the socket */
#define MSG_NOSIGNAL 0
#endif

typedef struct dor_tcp {
    dor_transport base;
    dor_scheduler *scheduler;
    int fd;
    uv_poll_t poll;
} dor_tcp;

#ifdef __linux__ /* libuv's part of it differs */
_Static_assert(sizeof(dor_tcp) <= 208 || sizeof(void *) != 8,
               "what docs/sockets.md and docs/transports.md say of it");
#endif

static dor_tcp *tcp_of(dor_transport *t)
{
    return DOR_CONTAINER_OF(t, dor_tcp, base);
}

static dor_io io_error(dor_transport *t)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK) return DOR_IO_AGAIN;
    t->error = dor__errno(errno);
    return DOR_IO_FAILED;
}

static dor_io tcp_read_some(dor_transport *t, uint8_t *data, size_t len, size_t *count)
{
    ssize_t n;
    do {
        n = recv(tcp_of(t)->fd, data, len, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return io_error(t);
    if (n == 0) return DOR_IO_END;
    *count = (size_t)n;
    return DOR_IO_DONE;
}

static dor_io tcp_writev(dor_transport *t, const struct iovec *parts, int part_count, size_t *count)
{
    /* sendmsg rather than writev: only it can be told not to raise SIGPIPE. The kernel does not write to the parts. */
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts};
    ssize_t n;
    message.msg_iovlen = (size_t)part_count;
    do {
        n = sendmsg(tcp_of(t)->fd, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return io_error(t);
    *count = (size_t)n;
    return DOR_IO_DONE;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    dor_tcp *tcp = DOR_CONTAINER_OF(poll, dor_tcp, poll);
    unsigned ready = 0;
    dor__scheduler_polled(tcp->scheduler);
    if (status < 0) {
        /* The kernel reports an error on the socket and libuv has stopped watching. Whoever tries now learns which. */
        ready = tcp->base.interest;
        tcp->base.interest = 0;
    }
    if (events & UV_READABLE) ready |= DOR_WANT_READ;
    if (events & UV_WRITABLE) ready |= DOR_WANT_WRITE;
    if (ready) tcp->base.ready(tcp->base.user, ready);
}

static dor_result tcp_set_interest(dor_transport *t, unsigned want)
{
    dor_tcp *tcp = tcp_of(t);
    int events = (want & DOR_WANT_READ ? UV_READABLE : 0) | (want & DOR_WANT_WRITE ? UV_WRITABLE : 0);
    int status = events ? uv_poll_start(&tcp->poll, events, on_poll) : uv_poll_stop(&tcp->poll);
    if (status < 0) return dor__errno(-status);
    t->interest = want;
    return DOR_SUCCESS;
}

static void tcp_shutdown_write(dor_transport *t)
{
    (void)shutdown(tcp_of(t)->fd, SHUT_WR); /* fails when the peer has reset it: nothing is left to do then */
}

static void on_poll_closed(uv_handle_t *handle)
{
    dor_tcp *tcp = DOR_CONTAINER_OF((uv_poll_t *)(void *)handle, dor_tcp, poll);
    dor__scheduler_release(tcp->scheduler);
    dor__free(tcp);
}

static int tcp_detach(dor_transport *t)
{
    dor_tcp *tcp = tcp_of(t);
    int fd = tcp->fd;
    t->ready = NULL;
    uv_close((uv_handle_t *)&tcp->poll,
             on_poll_closed); /* stops polling at once, so the descriptor is free to go */
    return fd;
}

static void tcp_close(dor_transport *t)
{
    (void)close(tcp_detach(t));
}

static dor_result tcp_name(dor_transport *t, bool peer, dor_address *address)
{
    struct sockaddr_storage name = {0};
    socklen_t len = sizeof name;
    int fd = tcp_of(t)->fd;
    if ((peer ? getpeername : getsockname)(fd, (struct sockaddr *)&name, &len) < 0)
        return errno == ENOTCONN || errno == EINVAL ? dor__error(DOR_E_CLOSED) : dor__errno(errno);
    dor__tcp_format((struct sockaddr *)&name, len, address);
    return DOR_SUCCESS;
}

static dor_result tcp_connected(dor_transport *t)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(tcp_of(t)->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) error = errno;
    return error ? dor__errno(error) : DOR_SUCCESS;
}

static int tcp_descriptor(dor_transport *t)
{
    return tcp_of(t)->fd;
}

static const dor_transport_class tcp_class = {
    .read_some = tcp_read_some,
    .writev = tcp_writev,
    .set_interest = tcp_set_interest,
    .shutdown_write = tcp_shutdown_write,
    .detach = tcp_detach,
    .close = tcp_close,
    .name = tcp_name,
    .connected = tcp_connected,
    .descriptor = tcp_descriptor,
};

dor_result dor__tcp_new(dor_transport **t, dor_scheduler *s, int fd, void (*ready)(void *, unsigned),
                        void *user)
{
    dor_tcp *tcp = dor__calloc(1, sizeof *tcp);
    if (!tcp) {
        (void)close(fd);
        return dor__error(DOR_E_NOMEM);
    }
    tcp->base = (dor_transport){.ops = &tcp_class, .ready = ready, .user = user};
    tcp->scheduler = s;
    tcp->fd = fd;
    int status = uv_poll_init(dor__scheduler_loop(s), &tcp->poll, fd);
    if (status < 0) {
        (void)close(fd);
        dor__free(tcp);
        return dor__errno(-status);
    }
    dor__scheduler_hold(s); /* until libuv has let go of the handle */
    *t = &tcp->base;
    return DOR_SUCCESS;
}

static void set_flag(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value,
                     sizeof value); /* each is a wish: the connection works without */
}

/* What somebody asked for is set, or it is an error; that small records leave at once is our wish alone. */
static dor_result set_connection_options(int fd, const dor_settings *settings)
{
    if (settings->inet.values[DOR_INET_NODELAY] == DOR_INET_UNSET) set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1);
#ifdef SO_NOSIGPIPE
    set_flag(fd, SOL_SOCKET, SO_NOSIGPIPE, 1);
#endif
    return dor__inet_apply(fd, &settings->inet, settings->raw, NULL, NULL);
}

/* SOCK_NONBLOCK and SOCK_CLOEXEC are everywhere we run but on macOS. */
int dor__stream_socket(int family)
{
#ifdef SOCK_NONBLOCK
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
#else
    int fd = socket(family, SOCK_STREAM, 0);
    if (fd >= 0 && (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
#endif
}

/* ---- addresses in text --------------------------------------------------------------------------------------- */

/* Without brackets; *zone is empty without one. */
static dor_span split_host(const char *text, dor_span *zone)
{
    dor_span host = dor__span_str(text);
    if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        host = dor__span(host.ptr + 1, host.len - 2);
    const uint8_t *mark = host.len ? memchr(host.ptr, '%', host.len) : NULL;
    *zone = DOR_SPAN_EMPTY;
    if (!mark) return host;
    *zone = dor__span(mark, (size_t)(host.ptr + host.len - mark));
    return dor__span(host.ptr, (size_t)(mark - host.ptr));
}

/* RFC 4007 section 11: the number of an interface, or its name; with the '%' in front of it. 0: there is none. */
static uint32_t scope_of(dor_span zone)
{
    char name[IF_NAMESIZE];
    uint64_t number = 0;
    bool digits = zone.len > 1;
    if (zone.len < 2 || zone.len > sizeof name) return 0;
    for (size_t i = 1; i < zone.len; i++) {
        digits = digits && zone.ptr[i] >= '0' && zone.ptr[i] <= '9';
        number = number * 10 + (uint64_t)(zone.ptr[i] - '0');
        name[i - 1] = (char)zone.ptr[i];
    }
    name[zone.len - 1] = '\0';
    if (digits && zone.len <= 10) return (uint32_t)number;
    return if_nametoindex(name);
}

dor_result dor__tcp_parse(const char *text, uint16_t port, struct sockaddr_storage *address, socklen_t *len)
{
    uint8_t bytes[16];
    dor_span zone, host = split_host(text, &zone);
    size_t bytes_len = dor__ip_parse(host, bytes);
    *address = (struct sockaddr_storage){0};
    if (bytes_len == 0 || (bytes_len == 4 && (zone.len || text[0] == '['))) return dor__error(DOR_E_BADARG);
    if (bytes_len == 4) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)address;
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        memcpy(&v4->sin_addr, bytes, 4);
    } else {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        memcpy(&v6->sin6_addr, bytes, 16);
        v6->sin6_scope_id = scope_of(zone);
        if (zone.len && !v6->sin6_scope_id) return dor__errno(ENODEV);
    }
    if (len) *len = bytes_len == 4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    return DOR_SUCCESS;
}

void dor__tcp_host_name(char *host)
{
    uint8_t bytes[16];
    dor_span zone, plain = split_host(host, &zone);
    if (dor__ip_parse(plain, bytes) != 16) return;
    memmove(host, plain.ptr, plain.len);
    host[plain.len] = '\0';
}

/* ---- our own side -------------------------------------------------------------------------------------------- */

static dor_result bind_to_device(int fd, const dor_settings *settings)
{
    if (!settings->device[0]) return DOR_SUCCESS;
#ifdef SO_BINDTODEVICE
    socklen_t len = (socklen_t)strlen(settings->device);
    return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, settings->device, len) < 0 ? dor__errno(errno)
                                                                                  : DOR_SUCCESS;
#else
    (void)fd;
    return dor__error(DOR_E_NOT_SUPPORTED);
#endif
}

/* Where a client connects from, as far as its options say. */
static dor_result bind_client(int fd, int family, const dor_settings *settings)
{
    struct sockaddr_storage address;
    socklen_t len;
    DOR_TRY(bind_to_device(fd, settings));
    if (family == AF_UNIX || (!settings->ip[0] && !settings->local_port)) return DOR_SUCCESS;
    const char *any = family == AF_INET6 ? "::" : "0.0.0.0";
    DOR_TRY(dor__tcp_parse(settings->ip[0] ? settings->ip : any, settings->local_port, &address, &len));
    /* So that attempts side by side, and connections to several servers, may share a port. */
    if (settings->local_port && settings->reuseaddr) set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);
#ifdef IP_BIND_ADDRESS_NO_PORT
    /* The port is chosen by connect, which knows the server: so it need not be free of connections to others. */
    if (!settings->local_port) set_flag(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
#endif
    return bind(fd, (struct sockaddr *)&address, len) < 0 ? dor__errno(errno) : DOR_SUCCESS;
}

dor_result dor__tcp_connect(dor_transport **t, dor_scheduler *s, const struct sockaddr *to, socklen_t len,
                            const dor_settings *settings, void (*ready)(void *, unsigned), void *user)
{
    int fd = dor__stream_socket(to->sa_family);
    if (fd < 0) return dor__errno(errno);
    dor_result r = set_connection_options(fd, settings);
    if (dor__ok(r)) r = bind_client(fd, to->sa_family, settings);
    if (dor__ok(r) && connect(fd, to, len) < 0 && errno != EINPROGRESS && errno != EINTR)
        r = dor__errno(errno);
    if (dor__failed(r)) {
        (void)close(fd);
        return r;
    }
    DOR_TRY(dor__tcp_new(t, s, fd, ready, user));
    r = dor__transport_want(*t, DOR_WANT_WRITE);
    if (dor__failed(r)) (*t)->ops->close(*t);
    return r;
}

/* ---- descriptors of others ------------------------------------------------------------------------------------- */

bool dor__tcp_is_stream(int fd)
{
    int type = 0, listening = 0;
    socklen_t len = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_STREAM) return false;
    len = sizeof listening;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening;
}

bool dor__tcp_listens(int fd)
{
    struct sockaddr_storage name = {0};
    int type = 0, listening = 0;
    socklen_t len = sizeof type, name_len = sizeof name;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_STREAM) return false;
    len = sizeof listening;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening) return false;
    if (getsockname(fd, (struct sockaddr *)&name, &name_len) < 0) return false;
    return name.ss_family == AF_INET || name.ss_family == AF_INET6 || name.ss_family == AF_UNIX;
}

dor_result dor__tcp_adopt(int fd, const dor_settings *settings)
{
    int status = fcntl(fd, F_GETFL), flags = fcntl(fd, F_GETFD);
    if (status < 0 || flags < 0 || fcntl(fd, F_SETFL, status | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0)
        return dor__errno(errno);
    return set_connection_options(fd, settings);
}

/* ---- listening ----------------------------------------------------------------------------------------------- */

static int v6only(const dor_settings *settings)
{
    if (settings->v6only != DOR_V6ONLY_DEFAULT) return settings->v6only == DOR_V6ONLY_TRUE;
    return settings->ip[0] != 0;
}

static dor_result bind_one(const dor_settings *settings, const char *ip, uint16_t port, bool share, bool join,
                           int *out)
{
    struct sockaddr_storage address;
    socklen_t len;
    DOR_TRY(dor__tcp_parse(ip, port, &address, &len));
    int fd = dor__stream_socket(address.ss_family);
    if (fd < 0) return dor__errno(errno);
    if (settings->reuseaddr) set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (address.ss_family == AF_INET6) set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6only(settings));
    if (join || settings->reuseport) set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    /* Inherited by what is accepted, which saves a call for each connection. */
    dor_result r = set_connection_options(fd, settings);
    if (dor__ok(r)) r = bind_to_device(fd, settings);
    if (dor__ok(r) && bind(fd, (struct sockaddr *)&address, len) < 0) r = dor__errno(errno);
    if (dor__failed(r)) {
        (void)close(fd);
        return r;
    }
    /* Only after bind: so a port that another program has is an error here, and is not silently shared with it. */
    if (share && !join) set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    *out = fd;
    return DOR_SUCCESS;
}

dor_result dor__tcp_bind(const dor_settings *settings, uint16_t port, bool share, bool join, int *fd)
{
    if (settings->ip[0]) return bind_one(settings, settings->ip, port, share, join, fd);
    dor_result r = bind_one(settings, "::", port, share, join, fd);
    int error = dor_error_get_errno(r.code);
    bool without = error == EAFNOSUPPORT || error == EADDRNOTAVAIL; /* a machine without IPv6 */
    if (without && settings->v6only != DOR_V6ONLY_TRUE)
        r = bind_one(settings, "0.0.0.0", port, share, join, fd);
    return r;
}

dor_result dor__tcp_local_name(int fd, dor_address *address)
{
    struct sockaddr_storage name = {0};
    socklen_t len = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &len) < 0) return dor__errno(errno);
    dor__tcp_format((struct sockaddr *)&name, len, address);
    return DOR_SUCCESS;
}

/* ---- addresses ----------------------------------------------------------------------------------------------- */

/* A name in the file system ends with a NUL or with the address; an abstract one begins with a NUL and may hold more. */
static void format_path(const struct sockaddr *from, socklen_t from_len, dor_address *address)
{
    const struct sockaddr_un *local = (const struct sockaddr_un *)(const void *)from;
    size_t before = offsetof(struct sockaddr_un, sun_path);
    size_t len = (size_t)from_len > before ? (size_t)from_len - before : 0;
    if (len > sizeof local->sun_path) len = sizeof local->sun_path;
    bool abstract = len && local->sun_path[0] == 0;
    for (size_t i = 0; i < len && (abstract || local->sun_path[i]); i++)
        address->path[i] = local->sun_path[i] ? local->sun_path[i] : '@';
}

void dor__tcp_format(const struct sockaddr *from, socklen_t len, dor_address *address)
{
    *address = (dor_address){0};
    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)from;
        address->version = 4;
        address->port = ntohs(v4->sin_port);
        (void)inet_ntop(AF_INET, &v4->sin_addr, address->ip, sizeof address->ip);
    } else if (from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)from;
        address->port = ntohs(v6->sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
            address->version = 4;
            (void)inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, address->ip, sizeof address->ip);
        } else {
            address->version = 6;
            (void)inet_ntop(AF_INET6, &v6->sin6_addr, address->ip, sizeof address->ip);
        }
    } else if (from->sa_family == AF_UNIX) {
        format_path(from, len, address);
    }
}

void dor__address_text(const dor_address *address, char *text, size_t cap)
{
    if (address->version == 0)
        (void)snprintf(text, cap, "unix:%s", address->path);
    else
        (void)snprintf(text, cap, address->version == 6 ? "[%s]:%u" : "%s:%u", address->ip,
                       (unsigned)address->port);
}
