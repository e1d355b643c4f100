/*
 * Our client's PROXY headers, read by nginx, which tells in its answer what it took for the client and for where that had
 * connected to.
 */
#include "net/net_support.h"
#include "support/command.h"

static const char configuration[] =
    "master_process off;\n"
    "pid nginx.pid;\n"
    "error_log error.log;\n"
    "events { worker_connections 32; }\n"
    "http {\n"
    "    access_log off;\n"
    "    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;\n"
    "    uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n"
    "    server {\n"
    "        listen 127.0.0.1:%u ssl proxy_protocol;\n"
    "        ssl_certificate cert.pem;\n"
    "        ssl_certificate_key key.pem;\n"
    "        ssl_protocols TLSv1.2 TLSv1.3;\n"
    "        location / {\n"
    "            return 200 \"$proxy_protocol_addr $proxy_protocol_port "
    "$proxy_protocol_server_addr $proxy_protocol_server_port $ssl_protocol\";\n"
    "        }\n"
    "    }\n"
    "}\n";

/* The path of an nginx, or the test is skipped. */
static void find_nginx(char *path, size_t size)
{
    FILE *out = popen(".setup/nginx --path", "r");
    cr_assert_not_null(out);
    size_t len = fread(path, 1, size - 1, out);
    path[len] = '\0';
    path[strcspn(path, "\n")] = '\0';
    if (pclose(out) != 0 || !*path) cr_skip_test("there is no nginx here");
}

/* A test that fails in the middle does not come to stop_nginx. */
static void end_nginx_with_us(void)
{
    cr_assert_eq(
        command_run("(while kill -0 %d; do sleep 0.5; done; kill $(cat nginx.pid)) >/dev/null 2>&1 &",
                    (int)getpid()),
        0);
}

/* It goes to the background when it listens, and fails when the port is another's; then the next one is tried. */
static uint16_t start_nginx(const char *path)
{
    char text[sizeof configuration + 8];
    cr_assert_eq(
        command_run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem "
                    "-out cert.pem -subj /CN=localhost -days 2"),
        0);
    for (unsigned i = 0; i < 8; i++) {
        uint16_t port = (uint16_t)(16384 + ((unsigned)getpid() + i * 1021) % 16384);
        snprintf(text, sizeof text, configuration, port);
        command_write("nginx.conf", dor__span_str(text));
        if (command_run("'%s' -p %s -e error.log -c nginx.conf", path, command_dir) != 0) continue;
        end_nginx_with_us();
        return port;
    }
    cr_assert(false, "nginx does not start");
    return 0;
}

/* The file with its process id may come after its ports are open. */
static void stop_nginx(void)
{
    cr_assert_eq(command_run("for i in $(seq 100); do test -s nginx.pid && break; sleep 0.05; done\n"
                             "kill $(cat nginx.pid)\n"
                             "for i in $(seq 100); do test -e nginx.pid || exit 0; sleep 0.05; done; exit 1"),
                 0);
}

/* The body of its answer. */
static void fetch(world *w, char *text, size_t size)
{
    dor_socket s;
    dor_buffer *data;
    size_t len = 0;
    int code;
    OK(dor_ssl_connect(w->runtime, "127.0.0.1", w->port, w->client, PATIENCE_MS, &s));
    send_text(s, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    while ((code = dor_ssl_recv(s, 0, PATIENCE_MS, &data)) == DOR_OK) {
        cr_assert_lt(len + dor_buffer_len(data), size);
        memcpy(text + len, dor_buffer_data(data), dor_buffer_len(data));
        len += dor_buffer_len(data);
        dor_buffer_unref(data);
    }
    cr_assert_eq(code, DOR_E_CLOSED, "%x", (unsigned)code);
    OK(dor_ssl_close(s));
    text[len] = '\0';
    const char *body = strstr(text, "\r\n\r\n");
    cr_assert_not_null(body, "%s", text);
    memmove(text, body + 4, strlen(body + 4) + 1);
}

static const struct {
    const char *source, *destination;
    uint8_t version; /* of IP */
    const char *expected;
} cases[] = {
    {"192.0.2.77", "198.51.100.7", 4, "192.0.2.77 65535 198.51.100.7 1"},
    {"2001:db8:9:8:7:6:5:4", "2001:db8:1:2:3:4:5:6", 6, "2001:db8:9:8:7:6:5:4 65535 2001:db8:1:2:3:4:5:6 1"},
};

enum { CASES = sizeof cases / sizeof cases[0] };

static dor_proxy_info said(size_t i)
{
    dor_proxy_info info = {.known = 1,
                           .checked = 1,
                           .source = {.port = 65535, .version = cases[i].version},
                           .destination = {.port = 1, .version = cases[i].version},
                           .alpn = {"http/1.1", 8},
                           .authority = {"localhost", 9},
                           .unique_id = {"\0\1\2", 3},
                           .has_ssl = 1,
                           .ssl_client = DOR_PROXY_CLIENT_SSL,
                           .ssl_version = {"TLSv1.3", 7}};
    strcpy(info.source.ip, cases[i].source);
    strcpy(info.destination.ip, cases[i].destination);
    return info;
}

static void tells_what_we_said(world *w, const char *version)
{
    char text[2000], expected[200];
    for (size_t i = 0; i <= CASES; i++) {
        bool own = i == CASES; /* UNKNOWN, LOCAL */
        dor_proxy_info info = said(own ? 0 : i);
        OK(dor_options_set_proxy_header(w->client, own ? NULL : &info));
        for (int tls = 2; tls <= 3; tls++) {
            OK(dor_options_set_list(w->client, "versions", tls == 2 ? "tlsv1.2" : "tlsv1.3", NULL));
            fetch(w, text, sizeof text);
            snprintf(expected, sizeof expected, "%s TLSv1.%d", own ? "   " : cases[i].expected, tls);
            cr_expect_str_eq(text, expected, "%s, %zu: '%s'", version, i, text);
        }
    }
}

Test(proxy_nginx, tells_what_we_said, .timeout = 120)
{
    world w;
    char path[300];
    dor_socket s;
    find_nginx(path, sizeof path);
    command_begin();
    begin(&w, 1);
    w.port = start_nginx(path);
    OK(dor_options_set_text(w.client, "proxy_protocol", "v1"));
    tells_what_we_said(&w, "v1");
    OK(dor_options_set_text(w.client, "proxy_protocol", "v2"));
    tells_what_we_said(&w, "v2");
    OK(dor_options_set_text(w.client, "proxy_protocol", "disabled"));
    cr_expect_neq(dor_ssl_connect(w.runtime, "127.0.0.1", w.port, w.client, PATIENCE_MS, &s), DOR_OK,
                  "nginx wants a header, or none of the above was one");
    end(&w);
    stop_nginx();
    command_end();
}
