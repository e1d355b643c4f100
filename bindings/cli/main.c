/*
 * main.c - the dormouse command: picks the subcommand.
 */
#include "commands.h"

#include <stdio.h>
#include <string.h>

static void print_usage(FILE *out)
{
    fputs("usage: dormouse serve [OPTIONS]\n"
          "       dormouse connect HOST:PORT [OPTIONS]\n"
          "       dormouse --help | --version\n",
          out);
}

static int help(void)
{
    print_usage(stdout);
    fputs("\nTLS sockets that sleep.\n\n"
          "  serve      a TLS server: echo, discard or http; with a development certificate unless one is "
          "given\n"
          "  connect    a TLS client: joins its standard input and output to a connection\n\n"
          "dormouse serve --help and dormouse connect --help list their options.\n",
          stdout);
    return CLI_OK;
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (strcmp(word, "serve") == 0) return cli_serve(argc - 2, argv + 2);
    if (strcmp(word, "connect") == 0) return cli_connect(argc - 2, argv + 2);
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) return help();
    if (strcmp(word, "--version") == 0) return cli_print_version();
    if (*word) fprintf(stderr, "dormouse: there is no command \"%s\"\n", word);
    print_usage(stderr);
    return CLI_USAGE;
}
