/*
 * hand_peer.h - a client made by hand: a TCP descriptor and the engine in memory, so that a test decides about every
 * byte and every moment.
 */
#ifndef TESTS_NET_HAND_PEER_H
#define TESTS_NET_HAND_PEER_H

#include "net_support.h"
#include "tls/engine.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>

typedef struct hand {
    int fd;
    dor_tls *tls;
    dor_tls_config *config;
    dor_tls_env env;
    dor_bytes output; /* sealed and not sent yet */
    size_t received;  /* plaintext bytes so far */
    bool connected, closed, ended;
} hand;

static inline int64_t hand_clock(void *ctx)
{
    (void)ctx;
    return (int64_t)time(NULL) * 1000;
}

static inline void hand_init(hand *h, uint16_t port)
{
    *h = (hand){.fd = raw_connect(port)};
    int on = 1;
    setsockopt(h->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    cr_assert(dor__ok(dor__tls_config_new(&h->config)));
    h->config->verify_peer = h->config->verify_host = false;
    h->env.now_ms = hand_clock;
    cr_assert(dor__ok(dor__rng_new_system(&h->env.rng)));
    cr_assert(dor__ok(dor__tls_new(&h->tls, DOR_TLS_CLIENT, h->config, &h->env, NULL)));
}

static inline void hand_write(hand *h, const void *data, size_t len)
{
    while (len) {
        ssize_t n = send(h->fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return; /* the server may have gone: the test finds out by itself */
        data = (const char *)data + n;
        len -= (size_t)n;
    }
}

/* Takes what the engine has to say to `output`. */
static inline void hand_collect(hand *h)
{
    dor_bytes *from = dor__tls_output(h->tls);
    cr_assert(dor__ok(dor__bytes_append(&h->output, dor__bytes_span(from))));
    dor__bytes_drop_front(from, from->len);
}

static inline void hand_flush(hand *h)
{
    hand_collect(h);
    hand_write(h, h->output.ptr, h->output.len);
    dor__bytes_drop_front(&h->output, h->output.len);
}

static inline void hand_seal(hand *h, const void *data, size_t len)
{
    cr_assert(dor__ok(dor__tls_send(h->tls, dor__span(data, len))));
    hand_collect(h);
}

static inline void hand_send(hand *h, const void *data, size_t len)
{
    hand_seal(h, data, len);
    hand_flush(h);
}

/* One read, waited for. */
static inline dor_result hand_read(hand *h)
{
    uint8_t data[20000];
    ssize_t n;
    do {
        n = recv(h->fd, data, sizeof data, 0);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        h->ended = true;
        return DOR_SUCCESS;
    }
    size_t at = 0, len = (size_t)n;
    dor_tls_event event;
    dor_result r;
    do {
        size_t used = 0;
        event = (dor_tls_event){0};
        r = dor__tls_receive(h->tls, data + at, len - at, &used, &event);
        at += used;
        if (event.kind == DOR_TLS_EVENT_DATA) h->received += event.data.len;
        if (event.kind == DOR_TLS_EVENT_CONNECTED) h->connected = true;
        if (event.kind == DOR_TLS_EVENT_CLOSED) h->closed = true;
        if (event.kind == DOR_TLS_EVENT_TICKET) dor__session_unref(event.session);
    } while (dor__ok(r) && (at < len || event.kind != DOR_TLS_EVENT_NONE));
    return r;
}

static inline dor_result hand_read_until_end(hand *h)
{
    dor_result r = DOR_SUCCESS;
    while (!h->ended && dor__ok(r))
        r = hand_read(h);
    return r;
}

static inline void *hand_reader(void *h)
{
    (void)hand_read_until_end(h);
    return NULL;
}

static inline void hand_shake(hand *h)
{
    cr_assert(dor__ok(dor__tls_start(h->tls)));
    hand_flush(h);
    while (!h->connected && !h->ended) {
        cr_assert(dor__ok(hand_read(h)));
        hand_flush(h);
    }
}

/* Connects, shakes hands with a socket of the world's listener, and gives that socket. */
static inline dor_socket hand_connect(hand *h, world *w)
{
    dor_socket s;
    dor_ref ref;
    hand_init(h, w->port);
    OK(dor_ssl_transport_accept(w->listener, PATIENCE_MS, &s));
    OK(dor_ssl_accept_async(s, NULL, PATIENCE_MS, &ref));
    hand_shake(h);
    OK(await_reply(ref, NULL, NULL));
    return s;
}

/* Gone without a word. */
static inline void hand_cut(hand *h)
{
    close(h->fd);
    h->fd = -1;
}

static inline void hand_free(hand *h)
{
    if (h->fd >= 0) close(h->fd);
    dor__tls_free(h->tls);
    dor__tls_config_unref(h->config);
    dor__rng_free(h->env.rng);
    dor__bytes_free(&h->output);
    *h = (hand){.fd = -1};
}

#endif
