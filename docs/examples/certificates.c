/*
 * certificates.c - two certificates on one listener, a PKCS#12 file under a password, and new certificates while it runs.
 *
 *     certificates FOLDER     with rsa.pem, rsa.key, p256.pem, p256.key, p384.pem, p384.key and root.pem in it
 */
#include <dormouse.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 10000 };

static dor_runtime *runtime;
static const char *folder;

static void must(int code, const char *what)
{
    char text[160];
    if (code == DOR_OK) return;
    fprintf(stderr, "%s: %s\n", what, dor_format_error(code, text, sizeof(text)));
    exit(1);
}

static const char *in_folder(const char *name)
{
    static char paths[4][512];
    static int next;
    next = (next + 1) % 4;
    snprintf(paths[next], sizeof(paths[next]), "%s/%s", folder, name);
    return paths[next];
}

/* The subject's common name is the last one in these certificates that is "CN"; found by its OID, 2.5.4.3. */
static void print_name(const char *what, const unsigned char *der, size_t len)
{
    static const unsigned char common_name[] = {0x06, 0x03, 0x55, 0x04, 0x03};
    const unsigned char *found = NULL;
    for (size_t i = 0; i + 7 < len; i++)
        if (memcmp(der + i, common_name, sizeof(common_name)) == 0) found = der + i + 5;
    if (found) printf("%s: CN=%.*s\n", what, found[1], (const char *)found + 2);
}

/* Connects as a client that takes signatures of one kind alone, and prints who answered. */
static void ask(const char *what, dor_socket listener, const char *signature_alg)
{
    dor_address address;
    dor_socket socket;
    dor_buffer *der;
    dor_options *options = dor_options_new();
    must(dor_ssl_sockname(listener, &address), "sockname");
    must(dor_options_set_text(options, "cacertfile", in_folder("root.pem")), "cacertfile");
    must(dor_options_set_list(options, "signature_algs", signature_alg, NULL), "signature_algs");
    must(dor_ssl_connect(runtime, "localhost", address.port, options, TIMEOUT_MS, &socket), what);
    must(dor_ssl_peercert(socket, &der), "peercert");
    print_name(what, dor_buffer_data(der), dor_buffer_len(der));
    dor_buffer_unref(der);
    dor_ssl_close(socket);
    dor_options_free(options);
}

int main(int argc, char **argv)
{
    static const dor_server_spec service = {0};
    char command[2048], error[512];
    dor_socket listener;
    if (argc != 2) return 2;
    folder = argv[1];

    /* A PKCS#12 file holds a chain and its key. */
    snprintf(
        command, sizeof(command),
        "d=$(mktemp -d) && openssl pkcs12 -export -in %s/p256.pem -inkey %s/p256.key -passout pass:sesame "
        "-out $d/p256.p12 && echo $d",
        folder, folder);
    FILE *made = popen(command, "r");
    char place[256] = "", p12[300];
    if (!made || fscanf(made, "%255s", place) != 1) return 1;
    pclose(made);
    snprintf(p12, sizeof(p12), "%s/p256.p12", place);

    must(dor_runtime_new(&runtime, NULL), "runtime");
    dor_options *options = dor_options_new();
    must(dor_options_set_text(options, "ip", "127.0.0.1"), "ip");
    must(dor_options_add_certs_key(options, &(dor_certs_key){.certfile = p12, .password = "sesame"}),
         "PKCS#12");
    must(dor_options_add_certs_key(
             options, &(dor_certs_key){.certfile = in_folder("rsa.pem"), .keyfile = in_folder("rsa.key")}),
         "RSA");
    must(dor_ssl_serve(runtime, 0, options, &service, &listener), dor_options_error(options));
    ask("ECDSA alone", listener, "ecdsa_secp256r1_sha256");
    ask("RSA alone", listener, "rsa_pss_rsae_sha256");

    /* Other certificates; those that are not good change nothing. */
    dor_options *others = dor_options_new();
    must(dor_options_set_text(others, "certfile", p12), "certfile");
    must(dor_options_set_text(others, "password", "guess"), "password");
    if (dor_ssl_set_certificates(listener, others) != DOR_E_PASSWORD_WRONG) return 1;
    const char *why = strstr(dor_options_error(others), "wrong password");
    printf("a wrong password: %s\n", why ? why : dor_options_error(others));
    dor_options_unset(others, "password");
    must(dor_options_set_text(others, "certfile", in_folder("p384.pem")), "certfile");
    must(dor_options_set_text(others, "keyfile", in_folder("p384.key")), "keyfile");
    must(dor_ssl_set_certificates(listener, others), dor_options_error(others));

    /* The same files again, as after they were renewed. */
    if (dor_ssl_reload(listener, error, sizeof(error)) != DOR_OK) fprintf(stderr, "%s\n", error);
    ask("reloaded", listener, "ecdsa_secp384r1_sha384");

    dor_options_free(options);
    dor_options_free(others);
    remove(p12);
    remove(place);
    must(dor_runtime_stop(runtime, TIMEOUT_MS), "stop");
    return 0;
}
