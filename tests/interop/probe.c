/*
 * probe.c - a client with any options, for the scripts: what the command has no argument for, and what it does not show.
 *
 *     probe PORT OPTIONS DIR [INPUT WANTED [TIMES]]
 *
 * Connects to localhost with OPTIONS (JSON), TIMES times (once); sends the file INPUT; receives WANTED bytes, into DIR/data.
 * What the server showed beside its certificate goes into DIR/ocsp and DIR/sct, which are not there when it showed nothing.
 * A line of JSON on standard output says what each connection is, or "failed CLASS ALERT: SENTENCE", and the status is 1.
 */
#include <dormouse.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 15000, INPUT_MAX = 1 << 20 };

static int failed(const char *what, int code)
{
    char text[256];
    static const char *const classes[] = {"none", "usage",    "state",  "memory",  "io",
                                          "sent", "received", "crypto", "internal"};
    printf("failed %s %d: %s: %s\n", classes[dor_error_get_class(code)], (int)dor_error_get_alert(code), what,
           dor_format_error(code, text, sizeof text));
    return 1;
}

static bool save(const char *dir, const char *name, const void *data, size_t len)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "wb");
    bool good = file && fwrite(data, 1, len, file) == len;
    if (file && fclose(file) != 0) good = false;
    return good;
}

static int save_shown(dor_socket s, const char *dir, const char *name,
                      int (*get)(dor_socket socket, dor_buffer **data))
{
    char path[600];
    dor_buffer *data = NULL;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    (void)remove(path);
    int code = get(s, &data);
    if (code == DOR_E_NOT_SHOWN) return DOR_OK;
    if (code == DOR_OK && !save(dir, name, dor_buffer_data(data), dor_buffer_len(data)))
        code = DOR_E_INTERNAL;
    dor_buffer_unref(data);
    return code;
}

/* Sends the input and takes what is wanted: more than that is left, less is an error. */
static int talk(dor_socket s, const char *dir, const char *input, size_t wanted)
{
    static char sent[INPUT_MAX], taken[INPUT_MAX];
    FILE *file = fopen(input, "rb");
    if (!file || wanted > INPUT_MAX) return DOR_E_BADARG;
    size_t len = fread(sent, 1, sizeof sent, file), have = 0;
    fclose(file);
    int code = dor_ssl_send(s, sent, len);
    while (code == DOR_OK && have < wanted) {
        dor_buffer *data = NULL;
        code = dor_ssl_recv(s, 0, PATIENCE_MS, &data);
        if (code != DOR_OK) break;
        size_t more = dor_buffer_len(data);
        if (more > wanted - have) more = wanted - have;
        memcpy(taken + have, dor_buffer_data(data), more);
        have += more;
        dor_buffer_unref(data);
    }
    if (!save(dir, "data", taken, have)) return DOR_E_INTERNAL;
    return code;
}

static int once(uint16_t port, const dor_options *options, const char *dir, const char *input, size_t wanted)
{
    dor_socket s;
    char *json = NULL;
    int code = dor_ssl_connect(NULL, "localhost", port, options, PATIENCE_MS, &s);
    if (code) return failed("connect", code);
    code = dor_ssl_connection_information_json(s, &json);
    if (code == DOR_OK) code = save_shown(s, dir, "ocsp", dor_ssl_peer_ocsp_response);
    if (code == DOR_OK) code = save_shown(s, dir, "sct", dor_ssl_peer_sct_list);
    if (code == DOR_OK && input) code = talk(s, dir, input, wanted);
    if (code == DOR_OK) puts(json);
    dor_free(json);
    int status = code ? failed("connected", code) : 0;
    (void)dor_ssl_close(s);
    return status;
}

int main(int argc, char **argv)
{
    char why[300];
    dor_options *options;
    if (argc != 4 && argc != 6 && argc != 7)
        return fputs("PORT OPTIONS DIR [INPUT WANTED [TIMES]]\n", stderr), 2;
    if (dor_options_from_json(argv[2], strlen(argv[2]), &options, why, sizeof why) != DOR_OK)
        return fprintf(stderr, "%s\n", why), 2;
    (void)dor_options_set_bool(options, "active", 0);
    const char *input = argc > 4 ? argv[4] : NULL;
    size_t wanted = argc > 5 ? strtoul(argv[5], NULL, 10) : 0;
    int status = 0;
    for (unsigned left = argc > 6 ? (unsigned)atoi(argv[6]) : 1; left && !status; left--)
        status = once((uint16_t)atoi(argv[1]), options, argv[3], input, wanted);
    dor_options_free(options);
    dor_runtime_stop(dor_runtime_default(), 2000);
    return status;
}
