/*
 * service_http.c - answers any GET or HEAD with a small page that says what was negotiated (RFC 9112, as much of it as that
 * takes: request heads of bounded length, no bodies, connections that stay open or not).
 */
#include "service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HEAD_CAP = 8192, PAGE_CAP = 4096, ANSWER_CAP = 6144 };

typedef struct http_state {
    cli_outbox outbox;
    bool ending; /* the last answer is on its way: nothing more is read */
    size_t len;
    char *
        head; /* of requests that are not answered yet; NULL while there is none, for most connections only wait */
} http_state;

typedef struct answer {
    const char *status;
    bool head_only, keep;
} answer;

static void *http_open(dor_socket socket, void *arg)
{
    (void)socket, (void)arg;
    return calloc(1, sizeof(http_state));
}

static void http_close(void *state)
{
    http_state *http = state;
    if (!http) return;
    cli_outbox_fini(&http->outbox);
    free(http->head);
    free(http);
}

/* ---- answers -------------------------------------------------------------------------------------------------------- */

/* Names come from the peer. */
static void escape(char *out, size_t cap, const char *text)
{
    size_t len = 0;
    for (; *text && len + 7 < cap; text++) {
        const char *entity = *text == '<' ? "&lt;" : *text == '&' ? "&amp;" : *text == '"' ? "&quot;" : NULL;
        if (entity)
            len += (size_t)snprintf(out + len, cap - len, "%s", entity);
        else
            out[len++] = *text;
    }
    out[len] = '\0';
}

static size_t make_page(dor_socket socket, const char *status, char *page)
{
    dor_connection_info info;
    char name[1024], alpn[1024];
    if (dor_ssl_connection_info(socket, &info) != DOR_OK) memset(&info, 0, sizeof(info));
    escape(name, sizeof(name), info.server_name[0] ? info.server_name : "none");
    escape(alpn, sizeof(alpn), info.alpn[0] ? info.alpn : "none");
    int len = snprintf(page, PAGE_CAP,
                       "<!doctype html>\n<title>Dormouse</title>\n<h1>%s</h1>\n<pre>\n"
                       "protocol            %s\ncipher suite        %s\ngroup               %s\n"
                       "application         %s\nserver name         %s\nresumed             %s\n"
                       "hello retry         %s\nclient certificate  %s\n</pre>\n",
                       status, info.protocol, info.cipher_suite, info.group[0] ? info.group : "none", alpn,
                       name, info.resumed ? "yes" : "no", info.hello_retry ? "yes" : "no",
                       info.has_peercert ? "yes" : "no");
    return len < 0 ? 0 : len < PAGE_CAP ? (size_t)len : PAGE_CAP - 1;
}

static int send_answer(http_state *http, dor_socket socket, const answer *a)
{
    char page[PAGE_CAP], text[ANSWER_CAP];
    size_t page_len = make_page(socket, a->status, page);
    int len = snprintf(text, sizeof(text),
                       "HTTP/1.1 %s\r\nServer: dormouse/%s\r\nContent-Type: text/html; charset=utf-8\r\n"
                       "Content-Length: %zu\r\nConnection: %s\r\n\r\n%s",
                       a->status, dor_version(), page_len, a->keep ? "keep-alive" : "close",
                       a->head_only ? "" : page);
    if (len < 0 || len >= ANSWER_CAP) return DOR_E_INTERNAL;
    if (!a->keep) http->ending = true;
    return cli_outbox_send(&http->outbox, socket, dor_buffer_new(text, (size_t)len));
}

/* ---- requests ------------------------------------------------------------------------------------------------------- */

/* Whether a header field's value contains a word, case aside: Connection: Close. head is one request, NUL-ended. */
static bool field_has(const char *head, const char *name, const char *word)
{
    size_t name_len = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line && line[2]; line = strstr(line + 2, "\r\n")) {
        const char *field = line + 2, *end = strstr(field, "\r\n");
        if (strncasecmp(field, name, name_len) != 0 || field[name_len] != ':') continue;
        for (const char *at = field + name_len + 1; end && at + strlen(word) <= end; at++)
            if (strncasecmp(at, word, strlen(word)) == 0) return true;
    }
    return false;
}

static answer judge(const char *head)
{
    const char *line_end = strstr(head, "\r\n");
    bool get = strncmp(head, "GET ", 4) == 0, head_only = strncmp(head, "HEAD ", 5) == 0;
    bool v11 = line_end - head > 9 && strncmp(line_end - 9, " HTTP/1.1", 9) == 0;
    bool v10 = line_end - head > 9 && strncmp(line_end - 9, " HTTP/1.0", 9) == 0;
    if (!v11 && !v10) return (answer){"400 Bad Request", false, false};
    if (!get && !head_only) return (answer){"405 Method Not Allowed", false, false};
    bool body = field_has(head, "Content-Length", "") || field_has(head, "Transfer-Encoding", "");
    bool keep = v11 ? !field_has(head, "Connection", "close") : field_has(head, "Connection", "keep-alive");
    return (answer){"200 OK", head_only, keep && !body && !cli_service_draining()};
}

/* Answers what is complete, as long as the answers can be queued; then asks for more. */
static int go_on(http_state *http, dor_socket socket)
{
    while (!http->ending) {
        char *end = http->len ? memmem(http->head, http->len, "\r\n\r\n", 4) : NULL;
        if (!end && http->len < HEAD_CAP) return dor_ssl_set_active(socket, DOR_ACTIVE_ONCE);
        answer a = {"431 Request Header Fields Too Large", false, false};
        size_t used = http->len; /* with that answer the connection ends, so the rest does not matter */
        if (end && end - http->head < HEAD_CAP) {
            end[2] = '\0'; /* the second line end is not needed any more */
            a = memchr(http->head, '\0', (size_t)(end + 2 - http->head))
                    ? (answer){"400 Bad Request", false, false}
                    : judge(http->head);
            used = (size_t)(end + 4 - http->head);
        }
        memmove(http->head, http->head + used, http->len - used);
        http->len -= used;
        int code = send_answer(http, socket, &a);
        if (code != DOR_OK) return code;
    }
    return dor_ssl_close(socket); /* flushes first */
}

/* What is kept is bounded: more is asked for only while less than HEAD_CAP waits for the end of a head. */
static int take(http_state *http, dor_socket socket, const dor_buffer *data)
{
    size_t len = dor_buffer_len(data);
    char *head = realloc(http->head, http->len + len + 1);
    if (!head) return DOR_E_NOMEM;
    memcpy(head + http->len, dor_buffer_data(data), len);
    http->head = head;
    http->len += len;
    int code = go_on(http, socket);
    if (http->len == 0) {
        free(http->head);
        http->head = NULL;
    }
    return code;
}

static void http_receive(void *state, dor_socket socket, dor_message *message)
{
    http_state *http = state;
    const dor_ssl_event *event = dor_message_payload(message);
    int code = DOR_E_BUSY;
    if (!http)
        code = DOR_E_NOMEM;
    else if (message->type == DOR_MSG_SSL && !http->ending)
        code = take(http, socket, event->data);
    else if (message->type == DOR_MSG_SSL_WRITABLE) {
        code = cli_outbox_retry(&http->outbox, socket);
        if (code == DOR_OK) code = go_on(http, socket);
    }
    if (code != DOR_OK && code != DOR_E_BUSY) dor_ssl_close(socket);
    dor_message_free(message);
}

const cli_service cli_service_http = {"http", "once", http_open, http_receive, http_close};
