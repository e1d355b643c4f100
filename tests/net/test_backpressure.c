/*
 * What a connection holds when its owner is slow, counted in bytes: every packet mode, in active true, once, N and passive;
 * packets that never end; and two ends that only send.
 *
 * The bounds are computed from the options and from what the library says that it adds to them (docs/sockets.md).
 */
#include "net_support.h"
#include "hand_peer.h"
#include "sized_alloc.h"
#include "ssl/connection.h"
#include "packet/packet.h"

#include <fcntl.h>

enum { HIGH = 100000, LOW = 50000 };

static void end_counted(world *w)
{
    OK(dor_runtime_stop(w->runtime, 5000));
    dor_options_free(w->server);
    dor_options_free(w->client);
}

/* ---- bounds --------------------------------------------------------------------------------------------------------- */

/*
 * What waits as input: the larger of the water mark and the largest packet, and one read; in a vector that doubles, so at
 * most twice that, and while it grows the former one is there, too, which is half of it.
 */
static size_t input_bound(void)
{
    size_t waiting = HIGH + DOR_PACKET_HEADER_MAX + DOR_RECEIVE_LEN;
    return 3 * waiting;
}

/*
 * What waits as events of len bytes: their costs reach the water mark, and what one read brings comes on top (in the packet
 * modes delivery stops at the mark). An event is a message (32 bytes of head), its payload and a buffer with a head of 16,
 * in blocks of malloc that are at most twice as large.
 */
static size_t events_bound(size_t len)
{
    enum { MESSAGE = 32, BUFFER = 16 };
    size_t most = (HIGH + DOR_RECEIVE_LEN) / (len + DOR_EVENT_COST) + 2;
    return most * 2 * (MESSAGE + sizeof(dor_ssl_event) + BUFFER + len);
}

/* What a scheduler keeps for all of its sockets: freelists of messages and of buffers, spare output, what libuv has. */
enum { OF_THE_SCHEDULER = 3 << 19 };

static void begin_slow(world *w, const char *packet, const char *active)
{
    begin(w, 1);
    count_bytes(); /* what was allocated before is counted off, which does not matter for a growth */
    OK(dor_options_set_text(w->server, "packet", packet));
    if (*active >= '0' && *active <= '9')
        OK(dor_options_set_int(w->server, "active", atoi(active)));
    else
        OK(dor_options_set_text(w->server, "active", active));
    OK(dor_options_set_int(w->server, "receive_high_watermark", HIGH));
    OK(dor_options_set_int(w->server, "receive_low_watermark", LOW));
    OK(dor_options_set_int(w->server, "recbuf", 32768));
    OK(dor_options_set_int(w->server, "linger", 300));
    listen_in(w);
}

typedef struct flood {
    long most;   /* bytes held beyond those at its beginning */
    size_t sent; /* ciphertext that the system took */
    bool ended;  /* the server has closed */
} flood;

/* Writes a stream over and over, until nothing more has gone for a while, or the server ends, or `enough` has gone. */
static flood pour(hand *h, const char *stream, size_t len, size_t enough)
{
    flood f = {.sent = 0};
    long before = atomic_load(&live_bytes) - (long)h->output.cap; /* the peer's own is not the connection's */
    int buffer = 32768;
    setsockopt(h->fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    fcntl(h->fd, F_SETFL, O_NONBLOCK);
    for (uint64_t last = now_ms(); now_ms() - last < 150 && f.sent < enough && !f.ended;) {
        if (h->output.len == 0) hand_seal(h, stream, len);
        ssize_t n = send(h->fd, h->output.ptr, h->output.len, MSG_NOSIGNAL);
        if (n > 0) {
            dor__bytes_drop_front(&h->output, (size_t)n);
            f.sent += (size_t)n;
            last = now_ms();
        } else if (errno == EAGAIN) {
            uv_sleep(1);
        } else {
            f.ended = true;
        }
        long now = atomic_load(&live_bytes) - before - (long)(h->output.cap + dor__tls_output(h->tls)->cap);
        if (now > f.most) f.most = now;
    }
    fcntl(h->fd, F_SETFL, 0);
    return f;
}

/* ---- a slow owner --------------------------------------------------------------------------------------------------- */

typedef struct unit {
    const char *mode, *bytes;
    size_t len;   /* on the wire */
    size_t event; /* as an event */
} unit;

/* The smallest packets that make sense: the more of them there are, the more they cost beside their bytes. */
static const unit units[] = {
    {"raw", "0123456789abcdef", 16, 16000},
    {"1", "\1x", 2, 1},
    {"2", "\0\1x", 3, 1},
    {"4", "\0\0\0\1x", 5, 1},
    {"line", "\n", 1, 1},
    {"asn1", "\2\1x", 3, 3},
    {"cdr", "GIOP\1\2\1\0\0\0\0\0", 12, 12},
    {"sunrm", "\x80\0\0\0", 4, 4},
    {"fcgi", "\1\6\0\1\0\0\0\0", 8, 8},
    {"tpkt", "\3\0\0\4", 4, 4},
    {"http", "GET / HTTP/1.1\r\n\r\n", 18, 2},
    {"http_bin", "GET / HTTP/1.1\r\n\r\n", 18, 2},
    {"httph", "a:b\r\n", 5, 5},
    {"httph_bin", "a:b\r\n", 5, 5},
};

static size_t make_stream(const unit *u, char *stream, size_t cap)
{
    size_t len = 0;
    for (; len + u->len <= cap; len += u->len)
        memcpy(stream + len, u->bytes, u->len);
    return len;
}

/* otp#3989: a passive socket, and one in {active, once} between two armings, took in 500 MB that nobody had asked for. */
static void slow_owner(const char *active)
{
    static char stream[16000];
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        world w;
        hand h;
        const unit *u = &units[i];
        begin_slow(&w, u->mode, active);
        dor_socket s = hand_connect(&h, &w);
        size_t len = make_stream(u, stream, sizeof stream), enough = 32u << 20;
        flood f = pour(&h, stream, len, enough);
        size_t bound = input_bound() + events_bound(u->event) + OF_THE_SCHEDULER;
        cr_assert_not(f.ended, "%s: closed", u->mode);
        cr_assert_lt(f.sent, enough, "%s, active %s: it reads without end", u->mode, active);
        cr_assert_lt(f.most, (long)bound, "%s, active %s: %ld bytes held of %zu sent, more than %zu", u->mode,
                     active, f.most, f.sent, bound);
        /* It has stopped, and is not dead: what waits is there. */
        if (*active == 'f') {
            dor_buffer *data = NULL;
            OK(dor_ssl_recv(s, 0, PATIENCE_MS, &data));
            dor_buffer_unref(data);
        } else {
            dor_ssl_event event = {0};
            cr_assert_eq(next_event_within(s, PATIENCE_MS, &event), (uint32_t)DOR_MSG_SSL);
            dor_buffer_unref(event.data);
        }
        OK(dor_ssl_close(s));
        hand_free(&h);
        end_counted(&w);
    }
}

Test(backpressure, a_slow_owner_active, .timeout = 100)
{
    slow_owner("true");
}

Test(backpressure, a_slow_owner_once, .timeout = 100)
{
    slow_owner("once");
}

Test(backpressure, a_slow_owner_n, .timeout = 100)
{
    slow_owner("100");
}

Test(backpressure, a_slow_owner_passive, .timeout = 100)
{
    slow_owner("false");
}

/* ---- packets that never end ----------------------------------------------------------------------------------------- */

typedef struct giant {
    const char *mode, *head;
    size_t head_len;
    const char *rest; /* over and over */
    bool fits;        /* the largest that the mode can say is allowed: it is waited for, and nothing ends */
} giant;

static const giant giants[] = {
    {"1", "\xff", 1, "x", true},
    {"2", "\xff\xff", 2, "x", true},
    {"4", "\xff\xff\xff\xff", 4, "x", false},
    {"asn1", "\x30\x84\xff\xff\xff\xff", 6, "x", false},
    {"asn1", "\x1f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 18, "\xff", false},
    {"cdr", "GIOP\1\2\0\0\xff\xff\xff\xff", 12, "x", false},
    {"cdr", "GIOP\1\2\1\0\xff\xff\xff\x7f", 12, "x", false},
    {"sunrm", "\xff\xff\xff\xff", 4, "x", false},
    {"fcgi", "\1\6\0\1\xff\xff\xff\0", 8, "x", true},
    {"tpkt", "\3\0\xff\xff", 4, "x", true},
    {"line", "a line", 6, "x", false},
    {"http", "GET /", 5, "x", false},
    {"http", "GET / HTTP/1.1\r\nA: b", 20, "\r\n c", false}, /* one header that goes on and on */
    {"http", "GET / HTTP/1.1\r\nA: b", 20, "x", false},
    {"httph", "A: b", 4, "\r\n c", false},
    {"httph_bin", "A: b", 4, "x", false},
    {"http_bin", "HTTP/1.1 200 ", 13, "x", false},
};

static void giant_packets(bool active)
{
    static char stream[16000];
    for (size_t i = 0; i < sizeof giants / sizeof giants[0]; i++) {
        world w;
        hand h;
        const giant *g = &giants[i];
        size_t one = strlen(g->rest), enough = g->fits ? 200 : 32u << 20;
        begin_slow(&w, g->mode, active ? "true" : "false");
        dor_socket s = hand_connect(&h, &w);
        for (size_t k = 0; k + one <= sizeof stream; k += one)
            memcpy(stream + k, g->rest, one);
        hand_send(&h, g->head, g->head_len);
        flood f = pour(&h, stream, g->fits ? 200 : sizeof stream / one * one, enough);
        /* The copy that the owner is shown comes on top. What comes behind it is read and dropped, as long as linger says. */
        size_t bound = input_bound() + HIGH + DOR_RECEIVE_LEN + OF_THE_SCHEDULER;
        cr_assert_lt(f.most, (long)bound, "%s: %ld bytes held, more than %zu", g->mode, f.most, bound);
        dor_ssl_event event = {0};
        if (active) {
            uint32_t type = next_event_within(s, g->fits ? 10 : PATIENCE_MS, &event);
            if (type == DOR_MSG_SSL) { /* the start line before the header */
                dor_buffer_unref(event.data);
                type = next_event_within(s, PATIENCE_MS, &event);
            }
            cr_assert_eq(type,
                         g->fits && strcmp(g->mode, "1") ? 0u
                         : g->fits                       ? type
                                                         : (uint32_t)DOR_MSG_SSL_ERROR,
                         "%s: event %u", g->mode, type);
            if (type == DOR_MSG_SSL_ERROR) cr_assert_eq(event.reason, DOR_E_INVALID_PACKET);
        } else {
            int code = dor_ssl_recv(s, 0, g->fits ? 10 : PATIENCE_MS, &event.data);
            if (code == DOR_OK) {
                dor_buffer_unref(event.data);
                event.data = NULL;
                code = dor_ssl_recv(s, 0, PATIENCE_MS, &event.data);
            }
            cr_assert_eq(code, g->fits ? DOR_E_TIMEOUT : DOR_E_INVALID_PACKET, "%s: %d", g->mode, code);
        }
        dor_buffer_unref(event.data);
        OK(dor_ssl_close(s));
        hand_free(&h);
        end_counted(&w);
    }
}

Test(backpressure, packets_without_end_active, .timeout = 100)
{
    giant_packets(true);
}

Test(backpressure, packets_without_end_passive, .timeout = 100)
{
    giant_packets(false);
}

/* ---- two ends that only send ---------------------------------------------------------------------------------------- */

enum { PART = 10000, OWN_LOW = 20000 };

static uint8_t byte_at(size_t i, int end)
{
    return (uint8_t)(i * 31 + i / 251 + (size_t)end * 7);
}

/* Both send for as long as they may, and nobody takes anything; then everything is taken. */
static void both_only_send(unsigned schedulers, const char *active, const char *version)
{
    world w;
    size_t sent[2] = {0, 0};
    static uint8_t bytes[PART];
    begin(&w, schedulers);
    dor_options *both[] = {w.server, w.client};
    for (int i = 0; i < 2; i++) {
        OK(dor_options_set_text(both[i], "active", active));
        OK(dor_options_set_int(both[i], "receive_high_watermark", HIGH));
        OK(dor_options_set_int(both[i], "receive_low_watermark", LOW));
        OK(dor_options_set_int(both[i], "high_watermark", HIGH));
        OK(dor_options_set_int(both[i], "low_watermark", OWN_LOW));
        OK(dor_options_set_list(both[i], "versions", version, NULL));
    }
    listen_in(&w);
    pair p = connect_pair(&w);
    dor_socket s[2] = {p.server, p.client};
    for (unsigned busy = 0; busy < 100;) {
        bool any = false;
        for (int i = 0; i < 2; i++) {
            for (size_t k = 0; k < PART; k++)
                bytes[k] = byte_at(sent[i] + k, i);
            int code = dor_ssl_send_async(s[i], dor_buffer_new(bytes, PART), NULL);
            cr_assert(code == DOR_OK || code == DOR_E_BUSY, "%d", code);
            if (code == DOR_OK) sent[i] += PART;
            any = any || code == DOR_OK;
        }
        busy = any ? 0 : busy + 1;
        if (!any) uv_sleep(1);
    }
    for (int i = 0; i < 2; i++) {
        size_t got = 0;
        while (got < sent[!i]) {
            dor_ssl_event event = {0};
            if (*active == 'f') {
                OK(dor_ssl_recv(s[i], 0, PATIENCE_MS, &event.data));
            } else {
                uint32_t type;
                while ((type = next_event_within(s[i], PATIENCE_MS, &event)) == DOR_MSG_SSL_WRITABLE)
                    continue;
                cr_assert_eq(type, (uint32_t)DOR_MSG_SSL, "end %d: event %u after %zu of %zu", i, type, got,
                             sent[!i]);
                if (*active == 'o') OK(dor_ssl_set_active(s[i], DOR_ACTIVE_ONCE));
            }
            const uint8_t *data = dor_buffer_data(event.data);
            for (size_t k = 0; k < dor_buffer_len(event.data); k++)
                cr_assert_eq(data[k], byte_at(got + k, !i));
            got += dor_buffer_len(event.data);
            dor_buffer_unref(event.data);
        }
        cr_assert_eq(got, sent[!i]);
    }
    end(&w);
}

/* otp#3420: both ends send, both buffers are full, and each waits for the other. */
Test(backpressure, both_ends_only_send, .timeout = 100)
{
    static const char *const active[] = {"true", "once", "false"};
    for (unsigned schedulers = 1; schedulers <= 2; schedulers++)
        for (int i = 0; i < 3; i++) {
            both_only_send(schedulers, active[i], "tlsv1.3");
            if (i == 0) both_only_send(schedulers, active[i], "tlsv1.2");
        }
}

typedef struct pusher {
    dor_socket s;
    int end, code;
    atomic_bool done;
} pusher;

enum { PUSH = 3 << 20 };

static void *pushes(void *arg)
{
    pusher *p = arg;
    uint8_t *bytes = malloc(PUSH);
    for (size_t i = 0; i < PUSH; i++)
        bytes[i] = byte_at(i, p->end);
    p->code = dor_ssl_send(p->s, bytes, PUSH / 2);
    if (p->code == DOR_OK) p->code = dor_ssl_send(p->s, bytes + PUSH / 2, PUSH / 2);
    free(bytes);
    atomic_store(&p->done, true);
    return NULL;
}

/* otp#3420 in its blocking form: two threads stand in dor_ssl_send for as long as nobody reads, and no longer. */
Test(backpressure, two_blocking_sends_face_to_face)
{
    for (unsigned schedulers = 1; schedulers <= 2; schedulers++) {
        world w;
        pthread_t threads_[2];
        begin(&w, schedulers);
        OK(dor_options_set_int(w.server, "receive_high_watermark", HIGH));
        OK(dor_options_set_int(w.client, "receive_high_watermark", HIGH));
        OK(dor_options_set_int(w.server, "recbuf", 32768));
        OK(dor_options_set_int(w.client, "recbuf", 32768));
        OK(dor_options_set_int(w.server, "sndbuf", 32768));
        OK(dor_options_set_int(w.client, "sndbuf", 32768));
        listen_in(&w);
        pair p = connect_pair(&w);
        pusher pushers[2] = {{.s = p.server, .end = 0}, {.s = p.client, .end = 1}};
        for (int i = 0; i < 2; i++)
            pthread_create(&threads_[i], NULL, pushes, &pushers[i]);
        uv_sleep(30);
        cr_assert(!atomic_load(&pushers[0].done) && !atomic_load(&pushers[1].done),
                  "nobody has read anything");
        for (int i = 0; i < 2; i++) {
            dor_buffer *data = NULL;
            OK(dor_ssl_recv(pushers[!i].s, PUSH, PATIENCE_MS, &data));
            const uint8_t *bytes = dor_buffer_data(data);
            for (size_t k = 0; k < PUSH; k++)
                cr_assert_eq(bytes[k], byte_at(k, i));
            dor_buffer_unref(data);
        }
        for (int i = 0; i < 2; i++) {
            pthread_join(threads_[i], NULL);
            OK(pushers[i].code);
        }
        end(&w);
    }
}
