/*
 * inet.h - the options that the system keeps for a socket, by the names that inet has for them, and those without a name.
 *
 * A dor_inet_options says which of them somebody wants, and how; it is a plain value. Setting and asking is done on a
 * descriptor. What a socket of its kind does not have (an IP option of a Unix-domain socket, IPV6_TCLASS of an IPv4 one) is
 * DOR_E_NOT_SUPPORTED; anything else that the system refuses is its errno.
 *
 * Threads: any; a descriptor's own.
 */
#ifndef DOR_SSL_INET_H
#define DOR_SSL_INET_H

#include "base/result.h"
#include <stddef.h>
#include <stdint.h>

typedef struct dor_transport dor_transport;

/** In the order in which they are set: tos changes priority, so priority comes behind it. */
typedef enum dor_inet_id {
    DOR_INET_NODELAY,
    DOR_INET_KEEPALIVE,
    DOR_INET_KEEPIDLE,
    DOR_INET_KEEPINTVL,
    DOR_INET_KEEPCNT,
    DOR_INET_USER_TIMEOUT,
    DOR_INET_SNDBUF,
    DOR_INET_RECBUF,
    DOR_INET_TTL,
    DOR_INET_TOS,
    DOR_INET_TCLASS,
    DOR_INET_PRIORITY,
    DOR_INET_COUNT
} dor_inet_id;

#define DOR_INET_UNSET INT32_MIN

typedef struct dor_inet_options {
    int32_t values[DOR_INET_COUNT]; /* DOR_INET_UNSET: as the system likes */
} dor_inet_options;

extern const dor_inet_options dor__inet_none; /* nothing is set */

/** "nodelay" and so on, as the table of options has them. */
const char *dor__inet_name(dor_inet_id id);
/** DOR_INET_COUNT: it is none of them. */
dor_inet_id dor__inet_find(const char *name);

DOR_MUST_USE dor_result dor__inet_set(int fd, dor_inet_id id, int32_t value);
DOR_MUST_USE dor_result dor__inet_get(int fd, dor_inet_id id, int32_t *value);

/* ---- options without a name ------------------------------------------------------------------------------------- */

enum { DOR_RAW_MAX = 32, DOR_RAW_LEN_MAX = 256 };

typedef struct dor_raw_option {
    int level, option;
    uint32_t len;
    uint8_t value[DOR_RAW_LEN_MAX];
} dor_raw_option;

/** Immutable and counted. */
typedef struct dor_raw_options dor_raw_options;

/**
 * What `before` holds (NULL: nothing) and one more; before stays. LIMIT when it would be more than DOR_RAW_MAX, TOO_BIG for a
 * value over DOR_RAW_LEN_MAX, and CONFLICT for an SO_LINGER that waits: close() would hold up the scheduler.
 */
DOR_MUST_USE dor_result dor__raw_with(const dor_raw_options *before, int level, int option, const void *value,
                                      size_t len, dor_raw_options **with);
dor_raw_options *dor__raw_ref(dor_raw_options *raw);
void dor__raw_unref(dor_raw_options *raw);
const dor_raw_option *dor__raw_item(const dor_raw_options *raw, size_t index); /* NULL past the end */

/** *len is the room at value, and then what was written there. */
DOR_MUST_USE dor_result dor__raw_get(int fd, int level, int option, void *value, size_t *len);

/* ---- all of them ------------------------------------------------------------------------------------------------ */

/**
 * Sets what is set in `inet`, raw ones (may be NULL) behind it, but for what `before` and `raw_before` have already (NULL:
 * nothing). What this kind of socket does not have is passed over: the same options serve IPv4, IPv6 and Unix-domain
 * sockets. Stops at the first refusal.
 */
DOR_MUST_USE dor_result dor__inet_apply(int fd, const dor_inet_options *inet, const dor_raw_options *raw,
                                        const dor_inet_options *before, const dor_raw_options *raw_before);

/** For a descriptor that accept gave: what it has not inherited from one on which inet was set. */
void dor__inet_accepted(int fd, const dor_inet_options *inet);

/* ---- of an open connection, over whatever transport ---------------------------------------------------------------- */

DOR_MUST_USE dor_result dor__transport_set_options(dor_transport *t, const dor_inet_options *inet,
                                                   const dor_raw_options *raw);
/** The same, but for what `before` and `raw_before` have, and what this transport does not have is passed over. */
DOR_MUST_USE dor_result dor__transport_change_options(dor_transport *t, const dor_inet_options *inet,
                                                      const dor_raw_options *raw,
                                                      const dor_inet_options *before,
                                                      const dor_raw_options *raw_before);
DOR_MUST_USE dor_result dor__transport_get_option(dor_transport *t, dor_inet_id id, int32_t *value);
DOR_MUST_USE dor_result dor__transport_get_raw(dor_transport *t, int level, int option, void *value,
                                               size_t *len);

#endif
