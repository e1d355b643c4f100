/*
 * socket_options.c HOST PORT - connects, changes options of the open connection, reads them back from the system, and tells
 * what TCP has counted. Then it waits for the end of its standard input, so that one can look at it with `ss -tino`.
 * It does not ask whose certificate it is: for looking, not for trusting.
 */
#include <dormouse.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed(const char *what, int code)
{
    char text[160];
    fprintf(stderr, "%s: %s\n", what, dor_format_error(code, text, sizeof text));
    return 1;
}

static int change(dor_socket socket)
{
    int interval = 11;
    dor_options *o = dor_options_new();
    dor_options_set_bool(o, "keepalive", 1);
    dor_options_set_int(o, "keepidle", 3600);
    dor_options_set_int(o, "send_timeout", 2000);
    dor_options_add_raw(o, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    int code = dor_ssl_setopts(socket, o);
    if (code) fprintf(stderr, "%s\n", dor_options_error(o));
    dor_options_free(o);
    return code ? failed("setopts", code) : 0;
}

static int tell(dor_socket socket)
{
    static const char *const names[] = {"keepalive", "keepidle", "keepintvl", "send_timeout", "nodelay"};
    char value[32];
    dor_options *values = dor_options_new();
    int code = dor_ssl_getopts(socket, names, sizeof names / sizeof names[0], values);
    for (size_t i = 0; !code && i < sizeof names / sizeof names[0]; i++)
        if (dor_options_get_text(values, names[i], value, sizeof value) == DOR_OK)
            printf("%s: %s\n", names[i], value);
    dor_options_free(values);
    return code ? failed("getopts", code) : 0;
}

static int talk(dor_socket socket)
{
    char *statistics, wait[256];
    dor_buffer *reply;
    int code = dor_ssl_send(socket, "dormouse\n", 9);
    if (!code) code = dor_ssl_recv(socket, 9, 5000, &reply);
    if (code) return failed("talk", code);
    printf("said dormouse, heard %.8s\n", (const char *)dor_buffer_data(reply));
    dor_buffer_unref(reply);
    code = dor_ssl_getstat_json(socket, &statistics);
    if (code) return failed("getstat", code);
    puts(statistics);
    dor_free(statistics);
    fflush(stdout);
    while (fgets(wait, sizeof wait, stdin)) {
    }
    return 0;
}

int main(int argc, char **argv)
{
    dor_socket socket;
    dor_options *options = dor_options_new();
    if (argc != 3 || !options) return fputs("HOST PORT\n", stderr), 2;
    dor_options_set_text(options, "verify", "verify_none");
    dor_options_set_bool(options, "active", 0);
    int code = dor_ssl_start();
    if (!code) code = dor_ssl_connect(NULL, argv[1], (uint16_t)atoi(argv[2]), options, 5000, &socket);
    dor_options_free(options);
    if (code) return failed("connect", code);
    int status = change(socket) || tell(socket) || talk(socket);
    dor_ssl_close(socket);
    return dor_ssl_stop(2000) || status;
}
