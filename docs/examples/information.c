/*
 * information.c HOST PORT LABEL - connects, and prints what it knows of the connection and 32 bytes of keying material,
 * which the server can derive, too. It does not ask whose certificate it is: for looking, not for trusting.
 */
#include <dormouse.h>
#include <stdio.h>
#include <stdlib.h>

static int failed(const char *what, int code)
{
    char text[160];
    fprintf(stderr, "%s: %s\n", what, dor_format_error(code, text, sizeof text));
    return 1;
}

static int tell(dor_socket socket, const char *label)
{
    dor_connection_information information;
    unsigned char material[32];
    char *json;
    int code = dor_ssl_connection_information(socket, &information);
    if (code) return failed("information", code);
    printf("suite: %s, %u bits of %s, hash %s\n", information.suite.openssl_name,
           (unsigned)information.suite.key_bits, information.suite.cipher, information.suite.prf);
    code = dor_ssl_connection_information_json(socket, &json);
    if (code) return failed("information", code);
    puts(json);
    dor_free(json);
    code = dor_ssl_export_keying_material(socket, label, NULL, 0, material, sizeof material);
    if (code) return failed("export", code);
    printf("%s: ", label);
    for (size_t i = 0; i < sizeof material; i++)
        printf("%02X", material[i]);
    putchar('\n');
    return 0;
}

int main(int argc, char **argv)
{
    dor_socket socket;
    dor_options *options = dor_options_new();
    if (argc != 4 || !options) return fputs("HOST PORT LABEL\n", stderr), 2;
    dor_options_set_text(options, "verify", "verify_none");
    dor_options_set_bool(options, "exporters", 1);
    int code = dor_ssl_connect(NULL, argv[1], (uint16_t)atoi(argv[2]), options, 5000, &socket);
    int status = code ? failed("connect", code) : tell(socket, argv[3]);
    if (!code) dor_ssl_close(socket);
    dor_options_free(options);
    dor_runtime_stop(dor_runtime_default(), 2000);
    return status;
}
