/* inet.c - options that the system keeps for a socket: one table of them, setting, asking. */
#include "ssl/inet.h"
#include "base/alloc.h"
#include "ssl/local.h"
#include "ssl/transport.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

/* What this system has no name for. */
enum { MISSING = -1 };

#ifndef TCP_KEEPIDLE
#define TCP_KEEPIDLE MISSING
#endif
#ifndef TCP_KEEPINTVL
#define TCP_KEEPINTVL MISSING
#endif
#ifndef TCP_KEEPCNT
#define TCP_KEEPCNT MISSING
#endif
#ifndef TCP_USER_TIMEOUT
#define TCP_USER_TIMEOUT MISSING
#endif
#ifndef SO_PRIORITY
#define SO_PRIORITY MISSING
#endif
#ifndef IPV6_TCLASS
#define IPV6_TCLASS MISSING
#endif

static const struct {
    const char *name;
    int level, option;
} table[DOR_INET_COUNT] = {
    [DOR_INET_NODELAY] = {"nodelay", IPPROTO_TCP, TCP_NODELAY},
    [DOR_INET_KEEPALIVE] = {"keepalive", SOL_SOCKET, SO_KEEPALIVE},
    [DOR_INET_KEEPIDLE] = {"keepidle", IPPROTO_TCP, TCP_KEEPIDLE},
    [DOR_INET_KEEPINTVL] = {"keepintvl", IPPROTO_TCP, TCP_KEEPINTVL},
    [DOR_INET_KEEPCNT] = {"keepcnt", IPPROTO_TCP, TCP_KEEPCNT},
    [DOR_INET_USER_TIMEOUT] = {"user_timeout", IPPROTO_TCP, TCP_USER_TIMEOUT},
    [DOR_INET_SNDBUF] = {"sndbuf", SOL_SOCKET, SO_SNDBUF},
    [DOR_INET_RECBUF] = {"recbuf", SOL_SOCKET, SO_RCVBUF},
    [DOR_INET_TTL] = {"ttl", IPPROTO_IP, IP_TTL},
    [DOR_INET_TOS] = {"tos", IPPROTO_IP, IP_TOS},
    [DOR_INET_TCLASS] = {"tclass", IPPROTO_IPV6, IPV6_TCLASS},
    [DOR_INET_PRIORITY] = {"priority", SOL_SOCKET, SO_PRIORITY},
};

#define UNSET DOR_INET_UNSET
const dor_inet_options dor__inet_none = {
    {UNSET, UNSET, UNSET, UNSET, UNSET, UNSET, UNSET, UNSET, UNSET, UNSET, UNSET, UNSET}};
_Static_assert(DOR_INET_COUNT == 12, "dor__inet_none has a value for each");

const char *dor__inet_name(dor_inet_id id)
{
    return table[id].name;
}

dor_inet_id dor__inet_find(const char *name)
{
    unsigned id = 0;
    while (id < DOR_INET_COUNT && strcmp(table[id].name, name) != 0)
        id++;
    return (dor_inet_id)id;
}

static dor_result refusal(int error)
{
    return error == ENOPROTOOPT || error == EOPNOTSUPP ? dor__error(DOR_E_NOT_SUPPORTED) : dor__errno(error);
}

/* ---- one of them ------------------------------------------------------------------------------------------------- */

static dor_result set_int(int fd, int level, int option, int value)
{
    if (option == MISSING) return dor__error(DOR_E_NOT_SUPPORTED);
    return setsockopt(fd, level, option, &value, sizeof value) < 0 ? refusal(errno) : DOR_SUCCESS;
}

static dor_result get_int(int fd, int level, int option, int32_t *value)
{
    int found = 0;
    socklen_t len = sizeof found;
    if (option == MISSING) return dor__error(DOR_E_NOT_SUPPORTED);
    if (getsockopt(fd, level, option, &found, &len) < 0) return refusal(errno);
    *value = found;
    return DOR_SUCCESS;
}

/* An IPv6 socket has two: one is for IPv4 addresses that are mapped into IPv6. An IPv4 socket has no hop limit. */
static dor_result set_ttl(int fd, int value)
{
    dor_result r = set_int(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, value);
    if (dor__failed(r) && r.code != DOR_E_NOT_SUPPORTED) return r;
    return set_int(fd, IPPROTO_IP, IP_TTL, value);
}

/* The kernel derives a priority from it and forgets the one that was set; whoever set that meant it to stay. */
static dor_result set_tos(int fd, int value)
{
    int32_t priority = 0;
    bool known = dor__ok(get_int(fd, SOL_SOCKET, SO_PRIORITY, &priority));
    dor_result r = set_int(fd, IPPROTO_IP, IP_TOS, value);
    if (dor__ok(r) && known) dor__ignore(set_int(fd, SOL_SOCKET, SO_PRIORITY, priority));
    return r;
}

dor_result dor__inet_set(int fd, dor_inet_id id, int32_t value)
{
    bool is_size = id == DOR_INET_SNDBUF || id == DOR_INET_RECBUF;
    if (is_size && value == 0) return DOR_SUCCESS; /* as the system likes */
    if (id == DOR_INET_TTL) return set_ttl(fd, value);
    if (id == DOR_INET_TOS) return set_tos(fd, value);
    return set_int(fd, table[id].level, table[id].option, value);
}

dor_result dor__inet_get(int fd, dor_inet_id id, int32_t *value)
{
    if (id == DOR_INET_TTL && dor__ok(get_int(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, value)))
        return DOR_SUCCESS;
    return get_int(fd, table[id].level, table[id].option, value);
}

/* ---- options without a name ------------------------------------------------------------------------------------- */

struct dor_raw_options {
    _Atomic uint32_t refs;
    uint32_t count;
    dor_raw_option items[];
};

static bool waits_at_close(int level, int option, const void *value, size_t len)
{
    struct linger linger;
    if (level != SOL_SOCKET || option != SO_LINGER || len != sizeof linger) return false;
    memcpy(&linger, value, sizeof linger);
    return linger.l_onoff != 0 && linger.l_linger > 0;
}

dor_result dor__raw_with(const dor_raw_options *before, int level, int option, const void *value, size_t len,
                         dor_raw_options **with)
{
    uint32_t count = before ? before->count : 0;
    if (len > DOR_RAW_LEN_MAX) return dor__error(DOR_E_TOO_BIG);
    if (count == DOR_RAW_MAX) return dor__error(DOR_E_LIMIT);
    if (waits_at_close(level, option, value, len)) return dor__error(DOR_E_OPTION_CONFLICT);
    dor_raw_options *made = dor__calloc(1, sizeof *made + (count + 1) * sizeof made->items[0]);
    if (!made) return dor__error(DOR_E_NOMEM);
    atomic_init(&made->refs, 1);
    if (count) memcpy(made->items, before->items, count * sizeof made->items[0]);
    dor_raw_option *item = &made->items[count];
    *item = (dor_raw_option){.level = level, .option = option, .len = (uint32_t)len};
    if (len) memcpy(item->value, value, len);
    made->count = count + 1;
    *with = made;
    return DOR_SUCCESS;
}

dor_raw_options *dor__raw_ref(dor_raw_options *raw)
{
    /* relaxed: the caller has a reference, so this one is not what keeps it alive. */
    atomic_fetch_add_explicit(&raw->refs, 1, memory_order_relaxed);
    return raw;
}

void dor__raw_unref(dor_raw_options *raw)
{
    /* release and acquire: the last one sees all uses. Wiped: a value may be a key (TCP_MD5SIG). */
    if (!raw || atomic_fetch_sub_explicit(&raw->refs, 1, memory_order_acq_rel) > 1) return;
    dor__free_wiped(raw, sizeof *raw + raw->count * sizeof raw->items[0]);
}

const dor_raw_option *dor__raw_item(const dor_raw_options *raw, size_t index)
{
    return raw && index < raw->count ? &raw->items[index] : NULL;
}

dor_result dor__raw_get(int fd, int level, int option, void *value, size_t *len)
{
    socklen_t room = *len > INT32_MAX ? INT32_MAX : (socklen_t)*len;
    if (getsockopt(fd, level, option, value, &room) < 0) return dor__errno(errno);
    *len = room;
    return DOR_SUCCESS;
}

static bool has_item(const dor_raw_options *raw, const dor_raw_option *item)
{
    const dor_raw_option *one;
    for (size_t i = 0; (one = dor__raw_item(raw, i)); i++)
        if (one->level == item->level && one->option == item->option && one->len == item->len &&
            memcmp(one->value, item->value, item->len) == 0)
            return true;
    return false;
}

static dor_result set_raw(int fd, const dor_raw_options *raw, const dor_raw_options *before)
{
    const dor_raw_option *item;
    for (size_t i = 0; raw != before && (item = dor__raw_item(raw, i)); i++)
        if (!has_item(before, item) && setsockopt(fd, item->level, item->option, item->value, item->len) < 0)
            return dor__errno(errno);
    return DOR_SUCCESS;
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

dor_result dor__inet_apply(int fd, const dor_inet_options *inet, const dor_raw_options *raw,
                           const dor_inet_options *before, const dor_raw_options *raw_before)
{
    for (unsigned id = 0; id < DOR_INET_COUNT; id++) {
        int32_t value = inet->values[id];
        if (value == DOR_INET_UNSET || (before && before->values[id] == value)) continue;
        dor_result r = dor__inet_set(fd, (dor_inet_id)id, value);
        if (dor__failed(r) && r.code != DOR_E_NOT_SUPPORTED) return r;
    }
    return set_raw(fd, raw, raw_before);
}

void dor__inet_accepted(int fd, const dor_inet_options *inet)
{
    int32_t priority = inet->values[DOR_INET_PRIORITY];
    /* Linux begins each accepted socket with priority 0. It was good on the listener, so it is here. */
    if (priority != DOR_INET_UNSET) dor__ignore(dor__inet_set(fd, DOR_INET_PRIORITY, priority));
}

/* ---- of an open connection ----------------------------------------------------------------------------------------- */

static dor_result set_one(dor_transport *t, dor_inet_id id, int32_t value)
{
    if (t->ops->descriptor) return dor__inet_set(t->ops->descriptor(t), id, value);
    return t->ops->set_option ? t->ops->set_option(t, table[id].name, value)
                              : dor__error(DOR_E_NOT_SUPPORTED);
}

dor_result dor__transport_set_options(dor_transport *t, const dor_inet_options *inet,
                                      const dor_raw_options *raw)
{
    for (unsigned id = 0; id < DOR_INET_COUNT; id++)
        if (inet->values[id] != DOR_INET_UNSET) DOR_TRY(set_one(t, (dor_inet_id)id, inet->values[id]));
    if (!raw) return DOR_SUCCESS;
    return t->ops->descriptor ? set_raw(t->ops->descriptor(t), raw, NULL) : dor__error(DOR_E_NOT_SUPPORTED);
}

dor_result dor__transport_change_options(dor_transport *t, const dor_inet_options *inet,
                                         const dor_raw_options *raw, const dor_inet_options *before,
                                         const dor_raw_options *raw_before)
{
    if (t->ops->descriptor) return dor__inet_apply(t->ops->descriptor(t), inet, raw, before, raw_before);
    for (unsigned id = 0; id < DOR_INET_COUNT; id++)
        if (inet->values[id] != DOR_INET_UNSET && inet->values[id] != before->values[id])
            dor__ignore(set_one(t, (dor_inet_id)id, inet->values[id]));
    return DOR_SUCCESS;
}

dor_result dor__transport_get_option(dor_transport *t, dor_inet_id id, int32_t *value)
{
    int64_t number = 0;
    if (t->ops->descriptor) return dor__inet_get(t->ops->descriptor(t), id, value);
    if (!t->ops->get_option) return dor__error(DOR_E_NOT_SUPPORTED);
    DOR_TRY(t->ops->get_option(t, table[id].name, &number));
    if (number < INT32_MIN || number > INT32_MAX) return dor__error(DOR_E_INTERNAL); /* what is no answer */
    *value = (int32_t)number;
    return DOR_SUCCESS;
}

dor_result dor__transport_get_raw(dor_transport *t, int level, int option, void *value, size_t *len)
{
    return t->ops->descriptor ? dor__raw_get(t->ops->descriptor(t), level, option, value, len)
                              : dor__error(DOR_E_NOT_SUPPORTED);
}
