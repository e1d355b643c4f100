/*
 * openssl_server.c - the peer that Dormouse is measured against: libuv and OpenSSL on one loop, written with the care
 * that a C programmer who knows both would take.
 *
 * Memory BIOs, uv_try_write before uv_write, one lent read buffer, SSL_MODE_RELEASE_BUFFERS, TCP_NODELAY, no session
 * cache beyond OpenSSL's stateless tickets. It serves two things: `discard` reads and forgets, `echo` sends back.
 *
 *   peer_openssl_server CERT.pem KEY.pem echo|discard      prints "listening on 127.0.0.1:PORT"
 */
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

typedef struct connection {
    uv_tcp_t tcp;
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
    size_t unwritten;
    int closing;
} connection;

typedef struct write_request {
    uv_write_t request;
    size_t len;
    char bytes[];
} write_request;

enum { READ_LEN = 65536, HIGH_WATER = 1 << 20 };

static SSL_CTX *context;
static int echo;
static char read_buffer[READ_LEN];
static char plain[READ_LEN];

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf);

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(read_buffer, READ_LEN);
}

static void on_closed(uv_handle_t *handle)
{
    connection *c = handle->data;
    SSL_free(c->ssl);
    free(c);
}

static void close_connection(connection *c)
{
    if (!c->closing) {
        c->closing = 1;
        uv_close((uv_handle_t *)&c->tcp, on_closed);
    }
}

static void on_written(uv_write_t *request, int status)
{
    write_request *w = (write_request *)(void *)request;
    connection *c = request->handle->data;
    c->unwritten -= w->len;
    free(w);
    if (status < 0)
        close_connection(c);
    else if (c->unwritten < HIGH_WATER && !c->closing)
        uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

/* Whatever TLS has to say goes out, at once if the kernel takes it. */
static void flush(connection *c)
{
    char *bytes;
    long len = BIO_get_mem_data(c->out, &bytes);
    if (len <= 0) return;
    uv_buf_t buf = uv_buf_init(bytes, (unsigned)len);
    int written = c->unwritten ? 0 : uv_try_write((uv_stream_t *)&c->tcp, &buf, 1);
    if (written < 0) written = 0;
    if (written < len) {
        size_t left = (size_t)(len - written);
        write_request *w = malloc(sizeof *w + left);
        if (!w) abort();
        w->len = left;
        memcpy(w->bytes, bytes + written, left);
        buf = uv_buf_init(w->bytes, (unsigned)left);
        c->unwritten += left;
        if (uv_write(&w->request, (uv_stream_t *)&c->tcp, &buf, 1, on_written) < 0) close_connection(c);
        if (c->unwritten > HIGH_WATER) uv_read_stop((uv_stream_t *)&c->tcp);
    }
    (void)BIO_reset(c->out);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    connection *c = stream->data;
    if (len < 0) {
        close_connection(c);
        return;
    }
    BIO_write(c->in, buf->base, (int)len);
    int n;
    while ((n = SSL_read(c->ssl, plain, READ_LEN)) > 0)
        if (echo && SSL_write(c->ssl, plain, n) != n) abort();
    int error = SSL_get_error(c->ssl, n);
    if (error == SSL_ERROR_ZERO_RETURN) SSL_shutdown(c->ssl);
    flush(c);
    if (error != SSL_ERROR_WANT_READ) {
        ERR_clear_error();
        close_connection(c);
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    if (status < 0) return;
    connection *c = calloc(1, sizeof *c);
    if (!c) abort();
    uv_tcp_init(listener->loop, &c->tcp);
    c->tcp.data = c;
    c->ssl = SSL_new(context);
    c->in = BIO_new(BIO_s_mem());
    c->out = BIO_new(BIO_s_mem());
    SSL_set_bio(c->ssl, c->in, c->out);
    SSL_set_accept_state(c->ssl);
    if (uv_accept(listener, (uv_stream_t *)&c->tcp) < 0) {
        close_connection(c);
        return;
    }
    uv_tcp_nodelay(&c->tcp, 1);
    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s CERT.pem KEY.pem echo|discard\n", argv[0]);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    echo = strcmp(argv[3], "echo") == 0;
    context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_use_certificate_chain_file(context, argv[1]) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, argv[2], SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        return 1;
    }
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t listener;
    struct sockaddr_in address;
    int len = sizeof address;
    uv_tcp_init(loop, &listener);
    uv_ip4_addr("127.0.0.1", 0, &address);
    if (uv_tcp_bind(&listener, (struct sockaddr *)&address, 0) < 0 ||
        uv_listen((uv_stream_t *)&listener, 1024, on_connection) < 0 ||
        uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &len) < 0) {
        fprintf(stderr, "cannot listen on 127.0.0.1\n");
        return 1;
    }
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return uv_run(loop, UV_RUN_DEFAULT);
}
