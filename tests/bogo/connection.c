/*
 * connection.c - one connection to the runner: a blocking socket on the one side, the engine on the other.
 *
 * After the handshake the shim echoes what it reads, each byte xor 0xff, in pieces of at most 512 bytes and never across
 * two records. It ends with what the engine has to say, a half-close, and reading until the runner is done: an alert must
 * not be lost to a reset.
 */
#include "bogo/shim.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "tls/exporter.h"
#include "tls/handshake.h"

/* ---- words ------------------------------------------------------------------------------------------------- */

static const char *reason_name(int reason)
{
    switch (reason) {
#define DOR_X(name, number, class_, text)                                                                    \
    case number: return #name;
        DOR_REASONS(DOR_X)
#undef DOR_X
    default: return "ERRNO";
    }
}

void bogo_print_error(int code)
{
    char text[160];
    if (dor_error_get_class(code) == DOR_CLASS_ALERT_RECEIVED)
        fprintf(stderr, ":PEER_ALERT:%s:\n", dor_alert_name(dor_error_get_alert(code)));
    else
        fprintf(stderr, ":%s:\n", reason_name(dor_error_get_reason(code)));
    fprintf(stderr, "%s\n", dor_format_error(code, text, sizeof text));
}

static bool note(bogo_connection *c, dor_result r)
{
    if (dor__ok(r)) return true;
    if (!c->failed) bogo_print_error(r.code);
    c->failed = true;
    return false;
}

/* ---- the socket -------------------------------------------------------------------------------------------- */

static bool write_all(int fd, const uint8_t *data, size_t len)
{
    while (len) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0) return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static int dial(const bogo_flags *flags)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6,
                               .sin6_port = htons((uint16_t)flags->port),
                               .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in four = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)flags->port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(flags->ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    uint8_t id[8];
    for (size_t i = 0; i < sizeof id; i++)
        id[i] = (uint8_t)((unsigned long long)flags->shim_id >> 8 * i);
    if (fd < 0) return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if ((flags->ipv6 ? connect(fd, (struct sockaddr *)&six, sizeof six)
                     : connect(fd, (struct sockaddr *)&four, sizeof four)) == 0 &&
        write_all(fd, id, sizeof id))
        return fd;
    close(fd);
    return -1;
}

/* False when the runner does not take it; it may be gone by now, and then what it said counts. */
static bool flush(bogo_connection *c)
{
    dor_bytes *output = dor__tls_output(c->tls);
    bool written = write_all(c->fd, output->ptr, output->len);
    dor__bytes_drop_front(output, output->len);
    return written;
}

static void hang_up(bogo_connection *c)
{
    uint8_t rest[4096];
    flush(c);
    shutdown(c->fd, SHUT_WR);
    while (recv(c->fd, rest, sizeof rest, 0) > 0) {
    }
    close(c->fd);
}

/* ---- questions --------------------------------------------------------------------------------------------- */

static void select_credential(bogo_connection *c, const dor_identity *identity)
{
    size_t index = (size_t)(identity - c->config->identities);
    c->selected = index < c->flags->credential_count ? (int)index : -1;
}

static dor_result answer_signature(bogo_connection *c, const dor_tls_question *q)
{
    uint8_t sig[DOR_SIG_MAX_LEN];
    size_t len;
    select_credential(c, q->identity);
    dor_result r =
        dor__sign(q->identity->key, q->scheme, q->content, c->world->env.rng, sig, sizeof sig, &len);
    return dor__ok(r) ? dor__tls_answer_signature(c->tls, dor__span(sig, len)) : r;
}

static dor_result answer_session(bogo_connection *c, const dor_tls_question *q)
{
    dor_bytes out = DOR_BYTES_EMPTY;
    dor_session *session = bogo_session_lookup(c->world, 0, q->session_id);
    dor_result r = session ? dor__session_serialise(session, &out) : DOR_SUCCESS;
    if (dor__ok(r)) r = dor__tls_answer_session(c->tls, dor__bytes_span(&out));
    dor__bytes_free(&out);
    dor__session_unref(session);
    return r;
}

/* The config is this connection's alone. */
static void show_no_status(dor_tls_config *config)
{
    for (size_t i = 0; i < config->identity_count; i++)
        config->identities[i].status.len = 0;
}

static dor_result answer_hello(bogo_connection *c, const dor_tls_question *q)
{
    const bogo_flags *f = c->flags;
    if (!bogo_check_hello(c, &q->hello)) {
        c->failed = true;
        return dor__tls_refuse(c->tls, dor__error(DOR_E_INTERNAL));
    }
    if (f->fail_early_callback)
        return dor__tls_refuse(c->tls, dor__alert(DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_CANCELLED));
    if (f->fail_cert_callback || f->fail_ddos_callback) /* without an alert of ours: internal_error */
        return dor__tls_refuse(c->tls, dor__error(DOR_E_CANCELLED));
    if (f->fail_ocsp_callback && f->server) return dor__tls_refuse(c->tls, dor__error(DOR_E_CANCELLED));
    if (f->decline_ocsp_callback) show_no_status(c->config);
    return dor__tls_answer_hello(c->tls, NULL);
}

static dor_result answer(bogo_connection *c)
{
    dor_tls_question q;
    dor__tls_get_question(c->tls, &q);
    switch (q.kind) {
    case DOR_TLS_QUESTION_HELLO: return answer_hello(c, &q);
    case DOR_TLS_QUESTION_SIGN: return answer_signature(c, &q);
    case DOR_TLS_QUESTION_SESSION: return answer_session(c, &q);
    default: return dor__error(DOR_E_INTERNAL);
    }
}

/* ---- receiving --------------------------------------------------------------------------------------------- */

static void session_take(bogo_connection *c, dor_session *session)
{
    dor__session_unref(c->new_session);
    c->new_session = session;
}

static bool event_take(bogo_connection *c, const dor_tls_event *event)
{
    switch (event->kind) {
    case DOR_TLS_EVENT_CONNECTED: c->connected = true; break;
    case DOR_TLS_EVENT_TICKET: session_take(c, event->session); break;
    case DOR_TLS_EVENT_CLOSED: c->closed = true; break;
    case DOR_TLS_EVENT_QUESTION: return note(c, answer(c));
    case DOR_TLS_EVENT_RENEGOTIATED: c->renegotiations++; break;
    case DOR_TLS_EVENT_RENEGOTIATION_REFUSED:
    case DOR_TLS_EVENT_PEER_AUTHENTICATED:
    case DOR_TLS_EVENT_NONE:
    case DOR_TLS_EVENT_EARLY_DATA:
    case DOR_TLS_EVENT_DATA: break;
    }
    return true;
}

/* What is there goes to the engine, up to an event that the caller has to see. With -async one byte at a time. */
static bool feed(bogo_connection *c, dor_tls_event *event)
{
    do {
        size_t left = c->input_len - c->input_at, used;
        if (c->flags->async && left > 1) left = 1;
        dor_result r = dor__tls_receive(c->tls, c->input + c->input_at, left, &used, event);
        c->input_at += used;
        if (c->tls->hs && c->tls->hs->properties & DOR_PROPERTY_STATIC_RSA && c->tls->hs->identity &&
            c->flags->server)
            select_credential(c, c->tls->hs->identity); /* it signs nothing, so nothing is asked */
        bool good = note(c, r) && event_take(c, event);
        bool written = flush(c);
        if (!good) return false;
        if (!written && c->connected)
            return true; /* the runner hears us no more; what it said may still count */
    } while (event->kind == DOR_TLS_EVENT_QUESTION ||
             (event->kind == DOR_TLS_EVENT_NONE && c->input_at < c->input_len));
    return true;
}

/* The next event; NONE when the runner has ended the connection. False on failure. */
static bool next_event(bogo_connection *c, dor_tls_event *event)
{
    do {
        if (!feed(c, event)) return false;
        if (event->kind != DOR_TLS_EVENT_NONE) return true;
        ssize_t n = recv(c->fd, c->input, sizeof c->input, 0);
        c->input_at = 0;
        c->input_len = n > 0 ? (size_t)n : 0;
        c->ended = n <= 0;
    } while (!c->ended);
    return true;
}

static bool say(bogo_connection *c, const void *data, size_t len)
{
    if (!note(c, dor__tls_send(c->tls, dor__span(data, len)))) return false;
    flush(c);
    return true;
}

/* ---- the parts of a connection ----------------------------------------------------------------------------- */

static bool echo(bogo_connection *c, dor_span data)
{
    const bogo_flags *f = c->flags;
    uint8_t piece[16384];
    size_t max = f->read_size > 0 && f->read_size < (long long)sizeof piece ? (size_t)f->read_size : 512;
    for (size_t at = 0, n; at < data.len; at += n) {
        n = data.len - at < max ? data.len - at : max;
        for (size_t i = 0; i < n; i++)
            piece[i] = data.ptr[at + i] ^ 0xff;
        if (f->key_update && !note(c, dor__tls_update_keys(c->tls, false))) return false;
        if (!say(c, piece, n)) return false;
        if (f->key_update_before_read && !note(c, dor__tls_update_keys(c->tls, false))) return false;
    }
    return true;
}

/* The plaintext lives until the next call with the connection, so it has to be copied to be echoed. */
static bool answer_data(bogo_connection *c, dor_span data)
{
    uint8_t *copy = malloc(data.len);
    if (!copy) return false;
    memcpy(copy, data.ptr, data.len);
    bool good = echo(c, dor__span(copy, data.len));
    free(copy);
    return good;
}

static bool export_material(bogo_connection *c)
{
    const bogo_flags *f = c->flags;
    size_t len = (size_t)f->export_keying_material;
    uint8_t *out = malloc(len);
    dor_span context = dor__span_str(f->export_context ? f->export_context : "");
    bool good = out &&
                note(c, dor__tls_export(c->tls, f->export_label ? f->export_label : "",
                                        f->use_export_context ? &context : NULL, out, len)) &&
                say(c, out, len);
    free(out);
    return good;
}

static const char *first_words(const bogo_flags *f)
{
    return f->shim_initial_write ? f->shim_initial_write : "hello";
}

static bool begin(bogo_connection *c)
{
    const bogo_flags *f = c->flags;
    dor_span words = dor__span_str(first_words(f));
    if (!note(c, dor__tls_start(c->tls))) return false;
    const size_t room = dor__tls_early_room(c->tls);
    if (room && f->expect_no_offer_early_data) {
        fprintf(stderr, "check failed: early data was offered\n");
        return false;
    }
    if (room && f->export_keying_material > 0 && !export_material(c)) return false; /* too early */
    if (f->shim_writes_first) c->early_len = words.len < room ? words.len : room;
    if (c->early_len && !note(c, dor__tls_send_early(c->tls, dor__span(words.ptr, c->early_len))))
        return false;
    flush(c);
    return true;
}

static bool handshake(bogo_connection *c)
{
    dor_tls_event event;
    if (!begin(c)) return false;
    while (!c->connected) {
        if (!next_event(c, &event)) return false;
        if (event.kind == DOR_TLS_EVENT_EARLY_DATA && !answer_data(c, event.data)) return false;
        if (c->ended) {
            fprintf(stderr, ":EOF_IN_HANDSHAKE:\n");
            return false;
        }
    }
    if (c->flags->forbid_renegotiation_after_handshake) c->config->renegotiation = false;
    dor_session *session = c->flags->server ? NULL : dor__tls_session(c->tls);
    if (session == c->offered) { /* resumed, and nothing new */
        dor__session_unref(session);
        session = NULL;
    }
    if (session) session_take(c, session);
    return bogo_check_connected(c) && (!c->flags->no_op_extra_handshake || note(c, dor__tls_start(c->tls)));
}

static bool tell_unique(bogo_connection *c)
{
    uint8_t unique[DOR_TLS_UNIQUE_LEN];
    dor_result r = dor__tls_unique(c->tls, unique);
    if (r.code == DOR_E_EXPORT_UNSAFE)
        fprintf(stderr, "failed to get tls-unique\n"); /* what the runner waits for */
    return note(c, r) && say(c, unique, sizeof unique);
}

/* TLS 1.3's present ones, the one for reading first, behind their length in the byte order of this machine. */
static bool export_secrets(bogo_connection *c)
{
    uint8_t both[2 * DOR_SECRET_MAX_LEN];
    uint16_t len = (uint16_t)dor__hash_len((dor_hash_id)c->tls->suite->hash);
    if (c->tls->version != DOR_TLS_1_3) return false;
    memcpy(both, c->tls->read_secret, len);
    memcpy(both + len, c->tls->write_secret, len);
    return say(c, &len, sizeof len) && say(c, both, 2u * len);
}

static bool write_sizes(bogo_connection *c)
{
    static const size_t sizes[] = {0, 1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769};
    static uint8_t data[32769];
    memset(data, 0x42, sizeof data);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (!say(c, data, sizes[i])) return false;
    return true;
}

static bool talk(bogo_connection *c)
{
    const bogo_flags *f = c->flags;
    dor_tls_event event;
    if (f->export_keying_material > 0 && !export_material(c)) return false;
    if (f->tls_unique && !tell_unique(c)) return false;
    if (f->export_traffic_secrets && !export_secrets(c)) return false;
    if (f->send_alert) {
        enum { DECOMPRESSION_FAILURE = 30 };
        dor__tls_fail(c->tls, dor__alert((dor_alert)DECOMPRESSION_FAILURE, DOR_REASON_CANCELLED));
        return true;
    }
    if (f->write_different_record_sizes) return write_sizes(c);
    const size_t heard = c->tls->early == DOR_EARLY_ACCEPTED ? c->early_len : 0;
    if (f->shim_writes_first && !say(c, first_words(f) + heard, strlen(first_words(f)) - heard)) return false;
    if (f->shim_shuts_down) return true;
    if (f->key_update_before_read && !note(c, dor__tls_update_keys(c->tls, false))) return false;
    while (!c->closed && !c->ended) {
        flush(c);
        if (!next_event(c, &event)) return false;
        if (event.kind != DOR_TLS_EVENT_DATA) continue;
        if (!answer_data(c, event.data)) return false;
    }
    return true;
}

/* -check-close-notify: ours goes out and theirs has come; who shuts down first waits for it. */
static bool close_down(bogo_connection *c)
{
    dor_tls_event event;
    if (!c->flags->check_close_notify) return true;
    if (!note(c, dor__tls_close(c->tls))) return false;
    flush(c);
    while (c->flags->shim_shuts_down && !c->closed && !c->ended) {
        if (!next_event(c, &event)) return false;
        if (event.kind != DOR_TLS_EVENT_DATA) continue;
        fprintf(stderr,
                ":DATA_AFTER_CLOSE:\n"); /* the engine would go on; this application does not want any */
        return false;
    }
    if (c->closed) return true;
    fprintf(stderr, "check failed: no close_notify came\n");
    return false;
}

int bogo_connection_run(bogo_connection *c)
{
    const char *host = c->flags->host_name ? c->flags->host_name : "test";
    const dor_tls_peer peer = {.host = dor__span_str(host), .session = c->offered};
    dor_result r = dor__tls_new(&c->tls, c->flags->server ? DOR_TLS_SERVER : DOR_TLS_CLIENT, c->config,
                                &c->world->env, &peer);
    if (!note(c, r)) return BOGO_FAILED;
    c->fd = dial(c->flags);
    if (c->fd < 0) {
        perror("the runner's port");
        dor__tls_free(c->tls);
        return BOGO_FAILED;
    }
    c->world->stored = 0;
    bool good = handshake(c) && talk(c) && (c->flags->send_alert || (bogo_check_end(c) && close_down(c)));
    hang_up(c);
    dor__tls_free(c->tls);
    return good ? BOGO_PASSED : BOGO_FAILED;
}
