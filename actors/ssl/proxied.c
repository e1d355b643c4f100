/*
 * proxied.c - the PROXY protocol around a transport.
 *
 * A server's reads bytes until the header is whole, gives nothing out before, and then passes on what came behind it and
 * everything later. Nothing is written before either: whoever sends no header, or a bad one, gets no answer. A client's
 * writes the header in front of its first bytes. The connection's own clock (handshake_timeout) runs meanwhile.
 *
 * Owning thread: the connection's scheduler.
 */
#include "ssl/proxied.h"
#include "base/address.h"
#include "base/alloc.h"
#include "proxy/proxy.h"
#include "ssl/connection.h"
#include <stdlib.h>

typedef struct dor_proxied {
    dor_transport base;
    dor_transport *inner;
    dor_buffer *header;       /* a server's, when it is whole */
    dor_bytes pending;        /* a server's before that; a client's that is not written yet */
    uint32_t pending_written; /* of it */
    bool waits;               /* a server's: the header is not whole */
} dor_proxied;

_Static_assert(sizeof(dor_proxied) <= 80 || sizeof(void *) != 8, "what docs/transports.md says of it");

static dor_proxied *proxied_of(dor_transport *t)
{
    return DOR_CONTAINER_OF(t, dor_proxied, base);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static dor_io fail(dor_proxied *p, dor_result why)
{
    p->base.error = why;
    dor__conn_log(p->base.user, "PROXY header", why.code);
    return DOR_IO_FAILED;
}

static dor_io inner_read(dor_proxied *p, uint8_t *data, size_t len, size_t *count)
{
    dor_io io = p->inner->ops->read_some(p->inner, data, len, count);
    if (io == DOR_IO_FAILED) p->base.error = p->inner->error;
    return io;
}

/* The header is whole at `len`; what is behind it, `rest`, is TLS. */
static dor_result take_header(dor_proxied *p, size_t len)
{
    dor_proxy_header header;
    dor_span whole = dor__span(p->pending.ptr, len);
    DOR_TRY(dor__proxy_parse(whole, &header));
    p->header = dor__buffer_new(whole.ptr, whole.len);
    if (!p->header) return dor__error(DOR_E_NOMEM);
    dor__bytes_free(&p->pending);
    p->waits = false;
    return DOR_SUCCESS;
}

static dor_io read_header(dor_proxied *p, uint8_t *data, size_t len, size_t *count)
{
    const dor_connection *c = p->base.user;
    size_t max = c->settings->proxy_max_header;
    while (p->waits) {
        size_t got = 0, before = p->pending.len, whole = 0;
        dor_io io = inner_read(p, data, len, &got);
        if (io != DOR_IO_DONE) return io;
        size_t kept =
            max - before < got ? max - before : got; /* a header has no more, so that is all it takes */
        dor_result r = dor__bytes_append(&p->pending, dor__span(data, kept));
        if (dor__ok(r)) r = dor__proxy_find_end(dor__bytes_span(&p->pending), max, &whole);
        if (dor__ok(r) && whole) r = take_header(p, whole);
        if (dor__failed(r)) return fail(p, r);
        if (!whole) continue;
        size_t used = whole - before;
        *count = got - used;
        memmove(data, data + used, *count);
        if (*count) return DOR_IO_DONE;
    }
    return inner_read(p, data, len, count);
}

static dor_io proxied_read(dor_transport *t, uint8_t *data, size_t len, size_t *count)
{
    dor_proxied *p = proxied_of(t);
    return p->waits ? read_header(p, data, len, count) : inner_read(p, data, len, count);
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static dor_io inner_writev(dor_proxied *p, const struct iovec *parts, int part_count, size_t *count)
{
    dor_io io = p->inner->ops->writev(p->inner, parts, part_count, count);
    if (io == DOR_IO_FAILED) p->base.error = p->inner->error;
    return io;
}

static dor_io proxied_writev(dor_transport *t, const struct iovec *parts, int part_count, size_t *count)
{
    enum { PARTS = 8 };
    dor_proxied *p = proxied_of(t);
    struct iovec with[PARTS];
    size_t written = 0, left = p->pending.len - p->pending_written;
    if (p->waits) {
        p->base.error = dor__error(DOR_E_CLOSED); /* no answer to whoever has not said for whom it speaks */
        return DOR_IO_FAILED;
    }
    if (!left) return inner_writev(p, parts, part_count, count);
    with[0] = (struct iovec){.iov_base = p->pending.ptr + p->pending_written, .iov_len = left};
    int others = part_count < PARTS - 1 ? part_count : PARTS - 1;
    memcpy(with + 1, parts, (size_t)others * sizeof with[0]);
    dor_io io = inner_writev(p, with, 1 + others, &written);
    *count = 0;
    if (io != DOR_IO_DONE) return io;
    p->pending_written += (uint32_t)(written < left ? written : left);
    if (written < left) return DOR_IO_AGAIN;
    dor__bytes_free(&p->pending);
    p->pending_written = 0;
    *count = written - left;
    return *count ? DOR_IO_DONE : DOR_IO_AGAIN;
}

/* ---- the rest is the inner one's ------------------------------------------------------------------------------------ */

static void on_ready(void *user, unsigned events)
{
    dor_proxied *p = user;
    p->base.interest = p->inner->interest; /* an error has put an end to it */
    p->base.ready(p->base.user, events);
}

static dor_result proxied_set_interest(dor_transport *t, unsigned want)
{
    dor_result r = dor__transport_want(proxied_of(t)->inner, want);
    t->interest = proxied_of(t)->inner->interest;
    return r;
}

static void proxied_shutdown(dor_transport *t)
{
    proxied_of(t)->inner->ops->shutdown_write(proxied_of(t)->inner);
}

static void release(dor_proxied *p)
{
    dor_buffer_unref(p->header);
    dor__bytes_free(&p->pending);
    dor__free(p);
}

static int proxied_detach(dor_transport *t)
{
    dor_proxied *p = proxied_of(t);
    int fd = p->inner->ops->detach(p->inner);
    release(p);
    return fd;
}

static void proxied_close(dor_transport *t)
{
    dor_proxied *p = proxied_of(t);
    p->inner->ops->close(p->inner);
    release(p);
}

static dor_result proxied_name(dor_transport *t, bool peer, dor_address *address)
{
    return proxied_of(t)->inner->ops->name(proxied_of(t)->inner, peer, address);
}

static dor_result proxied_connected(dor_transport *t)
{
    return proxied_of(t)->inner->ops->connected(proxied_of(t)->inner);
}

static int proxied_descriptor(dor_transport *t)
{
    return proxied_of(t)->inner->ops->descriptor(proxied_of(t)->inner);
}

static dor_result proxied_set_option(dor_transport *t, const char *name, int64_t value)
{
    dor_transport *inner = proxied_of(t)->inner;
    return inner->ops->set_option ? inner->ops->set_option(inner, name, value)
                                  : dor__error(DOR_E_NOT_SUPPORTED);
}

static dor_result proxied_get_option(dor_transport *t, const char *name, int64_t *value)
{
    dor_transport *inner = proxied_of(t)->inner;
    return inner->ops->get_option ? inner->ops->get_option(inner, name, value)
                                  : dor__error(DOR_E_NOT_SUPPORTED);
}

#define COMMON                                                                                               \
    .read_some = proxied_read, .writev = proxied_writev, .set_interest = proxied_set_interest,               \
    .shutdown_write = proxied_shutdown, .close = proxied_close, .name = proxied_name,                        \
    .connected = proxied_connected, .set_option = proxied_set_option, .get_option = proxied_get_option

static const dor_transport_class over_descriptor = {COMMON, .detach = proxied_detach,
                                                    .descriptor = proxied_descriptor};
static const dor_transport_class over_module = {COMMON};

static bool is_proxied(const dor_transport *t)
{
    return t->ops == &over_descriptor || t->ops == &over_module;
}

/* ---- beginning ------------------------------------------------------------------------------------------------------ */

bool dor__proxy_prefix(const char *text, dor_proxy_prefix *prefix)
{
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    *prefix = (dor_proxy_prefix){0};
    if (strcmp(text, "unix:") == 0) return true;
    prefix->bytes = (uint8_t)dor__ip_parse(dor__span(text, len), prefix->address);
    if (!prefix->bytes) return false;
    unsigned long bits = prefix->bytes * 8ul, most = bits;
    if (slash) {
        size_t digits = strspn(slash + 1, "0123456789");
        if (digits < 1 || digits > 3 || slash[1 + digits]) return false;
        bits = strtoul(slash + 1, NULL, 10);
    }
    prefix->bits = (uint8_t)bits;
    if (bits > most) return false;
    for (size_t i = 0; i < most; i++) /* "192.0.2.1/24" is more likely a slip than a wish */
        if (i >= bits && prefix->address[i / 8] & 0x80 >> i % 8) return false;
    return true;
}

static bool covers(const dor_proxy_prefix *prefix, const uint8_t *address, size_t bytes)
{
    size_t whole = prefix->bits / 8, more = prefix->bits % 8;
    if (prefix->bytes != bytes || memcmp(prefix->address, address, whole) != 0) return false;
    return !more || ((prefix->address[whole] ^ address[whole]) & (0xff00 >> more & 0xff)) == 0;
}

/* By the peer's address alone, never by what it sends. Without a list everybody is asked. */
static bool is_asked(const dor_settings *s, dor_transport *t)
{
    dor_address peer;
    uint8_t address[16] = {0};
    if (!s->proxy_trust) return true;
    if (dor__failed(t->ops->name(t, true, &peer))) return false;
    size_t bytes = peer.version ? dor__ip_parse(dor__span_str(peer.ip), address) : 0;
    const dor_proxy_prefix *list = dor_buffer_data(s->proxy_trust);
    for (size_t i = 0; i < dor_buffer_len(s->proxy_trust) / sizeof *list; i++)
        if (covers(&list[i], address, bytes)) return true;
    return false;
}

static dor_result make_header(const dor_settings *s, dor_bytes *to)
{
    dor_proxy_header header = {.local = true};
    if (s->proxy_header)
        DOR_TRY(dor__proxy_parse(dor__span(dor_buffer_data(s->proxy_header), dor_buffer_len(s->proxy_header)),
                                 &header));
    header.version = s->proxy == DOR_PROXY_SEND_V1 ? 1 : 2;
    return dor__proxy_write(&header, to);
}

dor_result dor__conn_proxy(dor_connection *c)
{
    const dor_settings *s = c->settings;
    dor_transport *inner = c->transport;
    dor_bytes header = DOR_BYTES_EMPTY;
    if (s->proxy == DOR_PROXY_DISABLED || is_proxied(inner)) return DOR_SUCCESS;
    if (c->server && !is_asked(s, inner)) return DOR_SUCCESS;
    dor_proxied *p = dor__calloc(1, sizeof *p);
    dor_result r = !p ? dor__error(DOR_E_NOMEM) : c->server ? DOR_SUCCESS : make_header(s, &header);
    if (dor__failed(r)) {
        dor__bytes_free(&header);
        dor__free(p);
        return r;
    }
    p->base = (dor_transport){.ops = inner->ops->descriptor ? &over_descriptor : &over_module,
                              .ready = inner->ready,
                              .user = inner->user,
                              .interest = inner->interest};
    p->inner = inner;
    p->pending = header;
    p->waits = c->server;
    inner->ready = on_ready;
    inner->user = p;
    c->transport = &p->base;
    return DOR_SUCCESS;
}

dor_result dor__proxied_header(dor_transport *t, dor_buffer **header)
{
    if (!is_proxied(t)) return dor__error(DOR_E_NO_PROXY_HEADER);
    const dor_proxied *p = proxied_of(t);
    if (!p->header) return dor__error(p->waits ? DOR_E_ENOTCONN : DOR_E_NO_PROXY_HEADER);
    *header = dor_buffer_ref(p->header);
    return DOR_SUCCESS;
}
