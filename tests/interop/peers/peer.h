/*
 * peer.h - what the peers of the interoperation matrix share: one program per TLS library, told line by line what to try.
 *
 *     version                            -> "version 3.0.15"
 *     server KEY=VALUE...                -> "port N", then a line for each of `times` connections
 *     client port=N KEY=VALUE...         -> the same lines
 *
 * A line for a connection is "done KEY=VALUE..." with what the library says was negotiated, or "failed WHY"; instead of
 * all of them comes "cannot WHY" when the library does not know what it is asked for. tests/interop/matrix/table.py says
 * which keys there are. Each library fills in peer_ops; peer.c does the rest with blocking sockets on loopback.
 */
#ifndef TESTS_INTEROP_PEER_H
#define TESTS_INTEROP_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEER_WORDS_MAX = 48, PEER_IDS_MAX = 32 };

typedef struct peer_task {
    bool server;
    unsigned words;
    const char *key[PEER_WORDS_MAX];
    const char *value[PEER_WORDS_MAX];
} peer_task;

typedef struct peer_ops {
    void (*version)(char *text, size_t cap);
    /** What the connections of one task share; NULL after peer_cannot or peer_fail. The task lives as long. */
    void *(*configure)(const peer_task *task);
    /** A library that has its own sockets: listens, and says on which port. Else NULL, and handshake is given a descriptor. */
    bool (*listen)(void *state, unsigned *port);
    /** Connection number `turn`. fd stays the caller's; -1 with listen. False after peer_fail. */
    bool (*handshake)(void *state, int fd, unsigned turn);
    bool (*send)(void *state, const void *data, size_t len);
    bool (*recv)(void *state, void *data, size_t len); /* all of it */
    /** New keys for what this side sends; the peer is asked for the same. May be NULL. */
    bool (*key_update)(void *state);
    /** Says what was negotiated, by peer_tell. Called when data has gone both ways. */
    void (*report)(void *state);
    /** Ends the connection, as after a failed handshake, too. */
    void (*close)(void *state);
    void (*release)(void *state);
} peer_ops;

int peer_main(const peer_ops *ops);

/** A word's value; "" when it is not there. */
const char *peer_get(const peer_task *task, const char *key);
bool peer_is(const peer_task *task, const char *key, const char *value);
/** The value with an ending, as a file's name: ".pem", ".key", or ".der", ".p8" (PKCS #8) for the same in DER. Good until the next call. */
const char *peer_file(const peer_task *task, const char *key, const char *ending);
/** Numbers with commas between; how many. */
unsigned peer_ids(const peer_task *task, const char *key, uint16_t ids[PEER_IDS_MAX]);

/** What is said of the connection. The first word on why it failed counts. */
__attribute__((format(printf, 1, 2))) void peer_tell(const char *format, ...);
__attribute__((format(printf, 1, 2))) void peer_fail(const char *format, ...);
__attribute__((format(printf, 1, 2))) void peer_cannot(const char *format, ...);

/** A name with its number. */
typedef struct peer_name {
    unsigned id;
    const char *name;
} peer_name;

/** The name of a number in a list that ends with a NULL name; "?" when it is not there. */
const char *peer_name_of(const peer_name *names, unsigned id);

#endif
