/*
 * names_support.h - names that resolve as a test says, without a network: this program's getaddrinfo and connect take the
 * place of the system's, also for libuv's threads and the library, and pass on what is not theirs.
 *
 * Every name that ends with ".test" has the addresses of `given`. Every attempt at the port that is watched is written down,
 * and what `refusals` speaks of fails as it says.
 */
#ifndef TESTS_NET_NAMES_SUPPORT_H
#define TESTS_NET_NAMES_SUPPORT_H

#include "net_support.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/stat.h>

enum { GIVEN_MAX = 24, ATTEMPTS_KEPT = 64, FAKE_LIST = 4711, HELD_MAX = 8 };

typedef union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} any_address;

static const char *given[GIVEN_MAX + 1]; /* in text; ended by NULL. Set while nobody looks up */
static atomic_bool gate_closed;          /* a look-up waits */
static atomic_int lookups, lookups_inside;
static atomic_int watched_port;
static atomic_int attempt_count;
static char attempts[ATTEMPTS_KEPT][INET6_ADDRSTRLEN];
static struct {
    int fd;
    ino_t ino;
} attempt_fds[ATTEMPTS_KEPT];
static atomic_int most_under_way;

/* An errno for an address, instead of an attempt. */
static struct {
    const char *ip;
    int error;
} refusals[GIVEN_MAX];

static any_address address_of(const char *text, uint16_t port)
{
    any_address a = {0};
    if (strchr(text, ':')) {
        a.v6.sin6_family = AF_INET6;
        a.v6.sin6_port = htons(port);
        cr_assert_eq(inet_pton(AF_INET6, text, &a.v6.sin6_addr), 1);
    } else {
        a.v4.sin_family = AF_INET;
        a.v4.sin_port = htons(port);
        cr_assert_eq(inet_pton(AF_INET, text, &a.v4.sin_addr), 1);
    }
    return a;
}

static socklen_t len_of(const any_address *a)
{
    return a->any.sa_family == AF_INET ? sizeof a->v4 : sizeof a->v6;
}

/* ---- in the place of the system's ------------------------------------------------------------------------------ */

typedef struct fake_list {
    struct addrinfo info[GIVEN_MAX];
    any_address address[GIVEN_MAX];
} fake_list;

/* Seen by libuv, too. */
DOR_API int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                        struct addrinfo **list)
{
    size_t len = node ? strlen(node) : 0, count = 0;
    if (len < 5 || strcmp(node + len - 5, ".test") != 0) {
        union {
            void *object;
            int (*fn)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
        } real = {dlsym(RTLD_NEXT, "getaddrinfo")};
        return real.fn(node, service, hints, list);
    }
    atomic_fetch_add(&lookups_inside, 1);
    while (atomic_load(&gate_closed))
        uv_sleep(1);
    atomic_fetch_sub(&lookups_inside, 1);
    atomic_fetch_add(&lookups, 1);
    if (!given[0]) return EAI_NONAME;
    fake_list *fake = calloc(1, sizeof *fake);
    for (; given[count]; count++) {
        fake->address[count] = address_of(given[count], 0);
        fake->info[count] = (struct addrinfo){.ai_family = fake->address[count].any.sa_family,
                                              .ai_socktype = SOCK_STREAM,
                                              .ai_protocol = FAKE_LIST,
                                              .ai_addr = &fake->address[count].any,
                                              .ai_addrlen = len_of(&fake->address[count])};
        if (count) fake->info[count - 1].ai_next = &fake->info[count];
    }
    *list = &fake->info[0];
    return 0;
}

DOR_API void freeaddrinfo(struct addrinfo *list)
{
    union {
        void *object;
        void (*fn)(struct addrinfo *);
    } real = {dlsym(RTLD_NEXT, "freeaddrinfo")};
    if (list->ai_protocol == FAKE_LIST)
        free(list); /* the first member of its fake_list */
    else
        real.fn(list);
}

static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;

static void write_down_one(int fd, const char *ip)
{
    struct stat file;
    int n = atomic_load(&attempt_count), under_way = 1;
    if (n == ATTEMPTS_KEPT) return;
    for (int i = 0; i < n; i++)
        under_way += fstat(attempt_fds[i].fd, &file) == 0 && file.st_ino == attempt_fds[i].ino;
    cr_assert_eq(fstat(fd, &file), 0);
    attempt_fds[n].fd = fd;
    attempt_fds[n].ino = file.st_ino;
    snprintf(attempts[n], sizeof attempts[n], "%s", ip);
    if (under_way > atomic_load(&most_under_way)) atomic_store(&most_under_way, under_way);
    atomic_store(&attempt_count, n + 1);
}

/* Of several schedulers' threads, perhaps. */
static void write_down(int fd, const char *ip)
{
    pthread_mutex_lock(&writing);
    write_down_one(fd, ip);
    pthread_mutex_unlock(&writing);
}

int tapped_connect(int fd, const struct sockaddr *to, socklen_t len) __asm__("connect");

int tapped_connect(int fd, const struct sockaddr *to, socklen_t len)
{
    union {
        void *object;
        int (*fn)(int, const struct sockaddr *, socklen_t);
    } real = {dlsym(RTLD_NEXT, "connect")};
    const any_address *a = (const void *)to;
    char ip[INET6_ADDRSTRLEN] = "";
    int port = atomic_load(&watched_port);
    bool v4 = to->sa_family == AF_INET, v6 = to->sa_family == AF_INET6;
    if (!port || !(fcntl(fd, F_GETFL) & O_NONBLOCK) || (!v4 && !v6) ||
        ntohs(v4 ? a->v4.sin_port : a->v6.sin6_port) != port)
        return real.fn(fd, to, len);
    (void)inet_ntop(to->sa_family, v4 ? (const void *)&a->v4.sin_addr : &a->v6.sin6_addr, ip, sizeof ip);
    write_down(fd, ip);
    for (size_t i = 0; i < GIVEN_MAX && refusals[i].ip; i++) {
        if (strcmp(refusals[i].ip, ip) == 0) {
            errno = refusals[i].error;
            return -1;
        }
    }
    return real.fn(fd, to, len);
}

/* ---- what a test says ------------------------------------------------------------------------------------------ */

static void give(const char *const *addresses, size_t count)
{
    for (size_t i = 0; i <= GIVEN_MAX; i++)
        given[i] = i < count ? addresses[i] : NULL;
}

#define GIVE(...)                                                                                            \
    do {                                                                                                     \
        static const char *const give_[] = {__VA_ARGS__};                                                    \
        give(give_, sizeof give_ / sizeof give_[0]);                                                         \
    } while (0)

static void watch(uint16_t port)
{
    atomic_store(&attempt_count, 0);
    atomic_store(&most_under_way, 0);
    atomic_store(&watched_port, port);
}

#define EXPECT_ATTEMPTS(...)                                                                                 \
    do {                                                                                                     \
        static const char *const expected_[] = {__VA_ARGS__};                                                \
        expect_attempts(expected_, sizeof expected_ / sizeof expected_[0]);                                  \
    } while (0)

static inline void expect_attempts(const char *const *expected, int count)
{
    cr_assert_eq(atomic_load(&attempt_count), count, "%d attempts instead of %d", atomic_load(&attempt_count),
                 count);
    for (int i = 0; i < count; i++)
        cr_assert_str_eq(attempts[i], expected[i], "attempt %d is at %s", i, attempts[i]);
}

/* ---- places where nobody answers ------------------------------------------------------------------------------- */

/* A listener whose backlog is full: what knocks there hears nothing. False when the port is taken. */
typedef struct hole {
    int fds[HELD_MAX];
    int count;
} hole;

static inline void hole_close(hole *h)
{
    while (h->count)
        close(h->fds[--h->count]);
}

static inline bool hole_open(hole *h, const char *ip, uint16_t port)
{
    any_address a = address_of(ip, port);
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    *h = (hole){0};
    h->fds[h->count++] = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(h->fds[0], &a.any, len_of(&a)) < 0 || listen(h->fds[0], 0) < 0) {
        hole_close(h);
        return false;
    }
    do {
        int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        h->fds[h->count++] = fd;
        (void)connect(fd, &a.any, len_of(&a));
        cr_assert_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    } while (info.tcpi_state != TCP_SYN_SENT && h->count < HELD_MAX);
    cr_assert_eq(info.tcpi_state, TCP_SYN_SENT, "the backlog does not fill");
    return true;
}

/* A listener of the world's on 127.0.0.1, with a port where the hole is free, too. */
static inline void listen_beside(world *w, hole *h, const char *ip)
{
    for (int tries = 0; tries < 20; tries++) {
        listen_in(w);
        if (hole_open(h, ip, w->port)) return;
        OK(dor_ssl_close(w->listener));
    }
    cr_assert_fail("no port is free on %s, too", ip);
}

#endif
