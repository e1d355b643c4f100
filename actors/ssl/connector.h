/*
 * connector.h - between the files of a client's way to a TCP connection:
 *
 *   connector.c            the call, the look-up of the name, callback modules, and what comes when TCP is up
 *   connector_addresses.c  which addresses are tried, and in which order
 *   connector_race.c       the attempts
 *
 * Owning thread: the connection's scheduler; what is in connector_addresses.c is pure.
 */
#ifndef DOR_SSL_CONNECTOR_H
#define DOR_SSL_CONNECTOR_H

#include "ssl/connection.h"
#include <netdb.h>
#include <netinet/in.h>

enum {
    DOR_TARGETS_MAX = 16, /* whoever runs that name server has enough of our time then */
    DOR_ATTEMPTS_MAX = 8  /* at a time; more would look like an attack to the network */
};

typedef union dor_target {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} dor_target;

typedef struct dor_targets {
    size_t count;
    dor_target items[DOR_TARGETS_MAX]; /* in the order in which they are tried */
} dor_targets;

typedef struct dor_attempt {
    dor_connecting *connecting;
    dor_transport *transport; /* NULL: it is not under way */
    size_t target;            /* its number */
} dor_attempt;

struct dor_connecting {
    uv_getaddrinfo_t lookup;
    dor_connection *c; /* NULL: cancelled while the look-up runs */
    dor_scheduler *scheduler;
    dor_targets targets;
    dor_result results[DOR_TARGETS_MAX]; /* why the attempts failed; OK: not tried, or under way */
    size_t next;                         /* target */
    dor_attempt attempts[DOR_ATTEMPTS_MAX];
    size_t attempts_max; /* of those */
    size_t latest;       /* target that was tried last */
    bool full;           /* the next attempt waits for room */
    bool looking_up;
    uint16_t port;
    dor_timer timer; /* until the next attempt */
    char host[256];
};

/* ---- connector_addresses.c --------------------------------------------------------------------------------------- */

/**
 * The addresses of a list in the order of RFC 8305 section 4: as the list has them, but families take turns, beginning with
 * that of the first. Only those of `family`, unless it is AF_UNSPEC. None twice; what is too many is left out.
 */
void dor__targets_order(dor_targets *targets, const struct addrinfo *list, int family, uint16_t port);

/** One address that is there already. */
void dor__targets_set(dor_targets *targets, const struct sockaddr *address);

static inline socklen_t dor__target_len(const dor_target *target)
{
    return target->any.sa_family == AF_INET ? sizeof target->v4 : sizeof target->v6;
}

/* ---- connector_race.c -------------------------------------------------------------------------------------------- */

/** Begins with the targets; ends in dor__connector_up, or in dor__conn_open_failed. */
void dor__race_start(dor_connection *c);
/** Ends all attempts. */
void dor__race_stop(dor_connecting *connecting);

/* ---- connector.c ------------------------------------------------------------------------------------------------- */

/** c->transport is connected. Ends the race. */
void dor__connector_up(dor_connection *c);

#endif
