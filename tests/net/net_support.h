/*
 * net_support.h - what the tests over loopback share: a runtime with a listener, pairs of connected sockets that the
 * test's own thread owns, events and replies awaited by name.
 */
#ifndef TESTS_NET_SUPPORT_H
#define TESTS_NET_SUPPORT_H

#include "actors/runtime_support.h"

#include <arpa/inet.h>
#include <dormouse.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 30000 };

typedef struct world {
    dor_runtime *runtime;
    dor_options *server, *client;
    dor_socket listener;
    uint16_t port;
} world;

typedef struct pair {
    dor_socket server, client;
} pair;

#define OK(expr)                                                                                             \
    do {                                                                                                     \
        int ok_code_ = (expr);                                                                               \
        char ok_text_[160];                                                                                  \
        cr_assert(ok_code_ == DOR_OK, "%s: %s", #expr,                                                       \
                  dor_format_error(ok_code_, ok_text_, sizeof ok_text_));                                    \
    } while (0)

#define FAILS(expr, code)                                                                                    \
    do {                                                                                                     \
        int fails_code_ = (expr);                                                                            \
        char fails_text_[160];                                                                               \
        cr_assert(fails_code_ == (code), "%s: %s", #expr,                                                    \
                  dor_format_error(fails_code_, fails_text_, sizeof fails_text_));                           \
    } while (0)

/* The suites run over other transports, too: tests/CMakeLists.txt says which and over which. */
static inline const char *test_transport(void)
{
    const char *name = getenv("DORMOUSE_TEST_TRANSPORT");
    return name && *name ? name : "tcp";
}

/* For what is about TCP or its descriptors. */
static inline void tcp_only(void)
{
    if (strcmp(test_transport(), "tcp") != 0) cr_skip_test("is about TCP");
}

static inline bool over_unix(void)
{
    return strcmp(test_transport(), "unix") == 0;
}

/* Whom clients call. */
static inline const char *test_host(void)
{
    static _Thread_local char name[64]; /* several threads call at a time */
    if (!over_unix()) return "127.0.0.1";
    (void)snprintf(name, sizeof name, "unix:@dormouse-test-%d", (int)getpid());
    return name;
}

/* ---- a world -------------------------------------------------------------------------------------------------- */

static inline void begin(world *w, unsigned schedulers)
{
    count_memory();
    *w = (world){.runtime = runtime_of(schedulers)};
    w->server = dor_options_new();
    w->client = dor_options_new();
    OK(dor_options_use_development_certificate(w->server, "localhost", NULL));
    OK(dor_options_set_text(w->server, "ip", test_host()));
    OK(dor_options_set_text(w->client, "verify", "verify_none"));
    OK(dor_options_set_text(w->server, "active", "false"));
    OK(dor_options_set_text(w->client, "active", "false"));
    OK(dor_options_set_bool(w->server, "log_alert", 0));
    OK(dor_options_set_bool(w->client, "log_alert", 0));
    OK(dor_options_set_text(w->server, "cb_info", over_unix() ? "tcp" : test_transport()));
    OK(dor_options_set_text(w->client, "cb_info", over_unix() ? "tcp" : test_transport()));
}

static inline void listen_in(world *w)
{
    dor_address address;
    OK(dor_ssl_listen(w->runtime, 0, w->server, &w->listener));
    OK(dor_ssl_sockname(w->listener, &address));
    cr_assert_eq(address.port == 0, over_unix());
    w->port = address.port;
}

/* After the runtime was stopped: nothing may be left. */
static inline void end_stopped(world *w)
{
    dor_options_free(w->server);
    dor_options_free(w->client);
    (void)dor_process_detach();
    OK(dor_ssl_clear_pem_cache(NULL)); /* the process's, and would outlive the world */
    cr_assert_eq(atomic_load(&live_blocks), 0, "%ld blocks are left", atomic_load(&live_blocks));
}

static inline void end(world *w)
{
    OK(dor_runtime_stop(w->runtime, 5000));
    end_stopped(w);
}

/* ---- waiting -------------------------------------------------------------------------------------------------- */

static inline int is_reply_to(const dor_message *m, void *ref)
{
    return m->type == DOR_MSG_SSL_REPLY && ((const dor_ssl_reply *)(m + 1))->ref == *(dor_ref *)ref;
}

/* The reply's result; its socket and data where asked for. */
static inline int await_reply(dor_ref ref, dor_socket *socket, dor_buffer **data)
{
    dor_message *m = NULL;
    OK(dor_receive_match(&m, is_reply_to, &ref, PATIENCE_MS));
    dor_ssl_reply *reply = dor_message_payload(m);
    int result = reply->result;
    if (socket) *socket = reply->socket;
    if (data) {
        *data = reply->data;
        reply->data = NULL;
    }
    dor_message_free(m);
    return result;
}

static inline int is_event_of(const dor_message *m, void *socket)
{
    return m->type >= DOR_MSG_SSL && m->type <= DOR_MSG_SSL_TICKET &&
           ((const dor_ssl_event *)(m + 1))->socket == *(dor_socket *)socket;
}

/* The socket's next event; 0 when none comes in time. */
static inline uint32_t next_event_within(dor_socket socket, uint32_t ms, dor_ssl_event *event)
{
    dor_message *m = NULL;
    if (dor_receive_match(&m, is_event_of, &socket, ms) != DOR_OK) return 0;
    uint32_t type = m->type;
    dor_ssl_event *got = dor_message_payload(m);
    if (event) {
        *event = *got;
        got->data = NULL;
        got->session = NULL;
    }
    dor_message_free(m);
    return type;
}

static inline void expect_event(dor_socket socket, uint32_t type, int reason)
{
    dor_ssl_event event = {0};
    uint32_t got = next_event_within(socket, PATIENCE_MS, &event);
    cr_assert_eq(got, type, "event %u instead of %u", got, type);
    cr_assert_eq(event.reason, reason, "reason %d instead of %d", event.reason, reason);
    dor_buffer_unref(event.data);
}

static inline void expect_silence(dor_socket socket, uint32_t ms)
{
    uint32_t got = next_event_within(socket, ms, NULL);
    cr_assert_eq(got, 0, "event %u", got);
}

/* ---- pairs ---------------------------------------------------------------------------------------------------- */

static inline pair connect_pair(world *w)
{
    pair p;
    dor_ref ref;
    OK(dor_ssl_connect_async(w->runtime, test_host(), w->port, w->client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w->listener, PATIENCE_MS, &p.server));
    OK(dor_ssl_accept(p.server, NULL, PATIENCE_MS));
    OK(await_reply(ref, &p.client, NULL));
    return p;
}

/* A world with a listener, whose thread is a process already, and one pair. */
static inline pair begin_pair(world *w, unsigned schedulers)
{
    begin(w, schedulers);
    listen_in(w);
    return connect_pair(w);
}

static inline void send_text(dor_socket socket, const char *text)
{
    OK(dor_ssl_send(socket, text, strlen(text)));
}

static inline void expect_data(dor_buffer *data, const void *bytes, size_t len)
{
    cr_assert_not_null(data);
    cr_assert_eq(dor_buffer_len(data), len, "%zu bytes instead of %zu", dor_buffer_len(data), len);
    cr_assert_eq(memcmp(dor_buffer_data(data), bytes, len), 0);
    dor_buffer_unref(data);
}

static inline void expect_recv(dor_socket socket, size_t length, const char *text)
{
    dor_buffer *data = NULL;
    OK(dor_ssl_recv(socket, length, PATIENCE_MS, &data));
    expect_data(data, text, strlen(text));
}

static inline void expect_text_event(dor_socket socket, const char *text)
{
    dor_ssl_event event = {0};
    cr_assert_eq(next_event_within(socket, PATIENCE_MS, &event), (uint32_t)DOR_MSG_SSL);
    expect_data(event.data, text, strlen(text));
}

static inline dor_ssl_statistics statistics(world *w)
{
    dor_ssl_statistics s;
    OK(dor_ssl_get_statistics(w->runtime, &s));
    return s;
}

/* ---- a TCP client without TLS ---------------------------------------------------------------------------------- */

static inline int raw_connect(uint16_t port)
{
    tcp_only();
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_geq(fd, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

#endif
