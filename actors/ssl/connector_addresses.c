/* connector_addresses.c - see connector.h. */
#include "ssl/connector.h"

static bool same(const dor_target *a, const dor_target *b)
{
    if (a->any.sa_family != b->any.sa_family) return false;
    if (a->any.sa_family == AF_INET) return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
           memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0;
}

static void add(dor_targets *targets, const struct sockaddr *address, uint16_t port)
{
    dor_target *t = &targets->items[targets->count];
    *t = (dor_target){0};
    if (address->sa_family == AF_INET) {
        memcpy(&t->v4, address, sizeof t->v4);
        t->v4.sin_port = htons(port);
    } else {
        memcpy(&t->v6, address, sizeof t->v6);
        t->v6.sin6_port = htons(port);
    }
    for (size_t i = 0; i < targets->count; i++)
        if (same(t, &targets->items[i])) return;
    targets->count++;
}

/* The first one, from `a` on, that is (or is not) of the family and that there are sockets for. */
static const struct addrinfo *seek(const struct addrinfo *a, int family, bool of_it)
{
    while (a && ((a->ai_family != AF_INET && a->ai_family != AF_INET6) || (a->ai_family == family) != of_it))
        a = a->ai_next;
    return a;
}

void dor__targets_order(dor_targets *targets, const struct addrinfo *list, int family, uint16_t port)
{
    const struct addrinfo *any = seek(list, AF_UNSPEC, false);
    int first = family != AF_UNSPEC ? family : any ? any->ai_family : AF_INET6;
    /* Two hands in one list: the family that comes first, and the other. "First Address Family Count" is 1. */
    const struct addrinfo *mine = seek(list, first, true), *other = seek(list, first, false);
    if (family != AF_UNSPEC) other = NULL;
    targets->count = 0;
    while ((mine || other) && targets->count < DOR_TARGETS_MAX) {
        if (mine) {
            add(targets, mine->ai_addr, port);
            mine = seek(mine->ai_next, first, true);
        }
        if (other && targets->count < DOR_TARGETS_MAX) {
            add(targets, other->ai_addr, port);
            other = seek(other->ai_next, first, false);
        }
    }
}

void dor__targets_set(dor_targets *targets, const struct sockaddr *address)
{
    dor_target *t = &targets->items[0];
    *t = (dor_target){0};
    if (address->sa_family == AF_INET)
        memcpy(&t->v4, address, sizeof t->v4);
    else
        memcpy(&t->v6, address, sizeof t->v6);
    targets->count = 1;
}
