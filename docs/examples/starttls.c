/*
 * starttls.c - SMTP's way into TLS, both sides: a dialogue in the clear over a descriptor, then the same descriptor as a
 * TLS socket.
 *
 *     starttls serve          prints its port, and talks to one client
 *     starttls mail PORT      is that client
 *     starttls tls PORT       connects, and upgrades without a word before it
 */
#include <arpa/inet.h>
#include <dormouse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TIMEOUT_MS = 10000 };

static int fail(const char *what, int code)
{
    char text[160];
    fprintf(stderr, "%s: %s\n", what, dor_format_error(code, text, sizeof(text)));
    return 1;
}

/* ---- in the clear ------------------------------------------------------------------------------------------------- */

static void say(int fd, const char *text)
{
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0) perror("send");
}

/* One line, byte by byte, so that nothing behind it is read: what is left in the descriptor is TLS, or an attack. */
static int hear(int fd, char *line, size_t cap)
{
    size_t len = 0;
    while (len + 1 < cap && recv(fd, &line[len], 1, 0) == 1)
        if (line[len++] == '\n') break;
    line[len] = '\0';
    return len > 0;
}

static int ask_for_tls(int fd)
{
    char line[512];
    if (!hear(fd, line, sizeof(line))) return 0; /* 220 */
    say(fd, "EHLO client.example\r\n");
    do {
        if (!hear(fd, line, sizeof(line))) return 0;
    } while (strncmp(line, "250-", 4) == 0);
    say(fd, "STARTTLS\r\n");
    return hear(fd, line, sizeof(line)) && strncmp(line, "220", 3) == 0;
}

static int is_asked_for_tls(int fd)
{
    char line[512];
    say(fd, "220 mail.example ESMTP\r\n");
    while (hear(fd, line, sizeof(line))) {
        if (strncasecmp(line, "EHLO", 4) == 0) {
            say(fd, "250-mail.example\r\n250 STARTTLS\r\n");
        } else if (strncasecmp(line, "STARTTLS", 8) == 0) {
            say(fd, "220 go ahead\r\n");
            return 1;
        } else {
            say(fd, "530 must issue STARTTLS first\r\n");
        }
    }
    return 0;
}

/* ---- under TLS ---------------------------------------------------------------------------------------------------- */

static int serve(int fd)
{
    dor_socket socket;
    dor_buffer *line;
    dor_options *options = dor_options_new();
    dor_options_use_development_certificate(options, "localhost", NULL);
    dor_options_set_text(options, "active", "false");
    dor_options_set_text(options, "packet", "line");
    int code =
        dor_ssl_accept_fd(NULL, fd, options, TIMEOUT_MS, &socket); /* fd is the library's from here on */
    if (dor_error_get_class(code) == DOR_CLASS_USAGE) close(fd);
    if (code) (void)fail(dor_options_error(options), code);
    dor_options_free(options);
    if (code) return 1;
    while (dor_ssl_recv(socket, 0, TIMEOUT_MS, &line) == DOR_OK) {
        int quit = strncasecmp(dor_buffer_data(line), "QUIT", 4) == 0;
        const char *answer = quit ? "221 bye\r\n" : "250 heard you under TLS\r\n";
        dor_buffer_unref(line);
        if (dor_ssl_send(socket, answer, strlen(answer)) || quit) break;
    }
    return dor_ssl_close(socket);
}

static int mail(int fd)
{
    dor_socket socket;
    dor_buffer *answer;
    const char *quit = "QUIT\r\n";
    dor_options *options = dor_options_new();
    dor_options_set_text(options, "verify", "verify_none"); /* the server's certificate is a throw-away one */
    dor_options_set_text(options, "active", "false");
    int code = dor_ssl_connect_fd(NULL, fd, "localhost", options, TIMEOUT_MS, &socket);
    if (dor_error_get_class(code) == DOR_CLASS_USAGE) close(fd);
    if (code) (void)fail(dor_options_error(options), code);
    dor_options_free(options);
    if (code) return 1;
    code = dor_ssl_send(socket, quit, strlen(quit));
    if (!code) code = dor_ssl_recv(socket, 0, TIMEOUT_MS, &answer);
    if (code) return fail("QUIT", code);
    printf("%.*s", (int)dor_buffer_len(answer), (const char *)dor_buffer_data(answer));
    dor_buffer_unref(answer);
    return dor_ssl_close(socket);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    struct sockaddr *to = (struct sockaddr *)&address;
    int status = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (argc == 3) address.sin_port = htons((uint16_t)atoi(argv[2]));
    if (argc == 2) {
        if (bind(fd, to, len) || listen(fd, 1) || getsockname(fd, to, &len)) return 1;
        printf("listening on %u\n", ntohs(address.sin_port)), fflush(stdout);
        int peer = accept(fd, NULL, NULL);
        if (peer >= 0 && is_asked_for_tls(peer)) status = serve(peer);
        close(fd);
    } else if (argc == 3) {
        if (connect(fd, to, len)) return 1;
        if (strcmp(argv[1], "tls") == 0 || ask_for_tls(fd)) status = mail(fd);
    }
    return dor_runtime_stop(dor_runtime_default(), 5000) || status;
}
