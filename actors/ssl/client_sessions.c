/*
 * client_sessions.c - see client_sessions.h. Places in a hash table by their digest, with a list in order of use.
 *
 * Invariants: every place is in one bucket and in the list, and holds at least one session; places <= max_servers,
 * figures.bytes <= max_bytes. What is dropped is released behind the lock.
 */
#include "ssl/client_sessions.h"

#include "base/alloc.h"
#include "base/writer.h"
#include "crypto/hash.h"

#include <pthread.h>
#include <string.h>

enum { BUCKETS = 1024, AGED_AT_A_TIME = 4 };

typedef struct place {
    struct place *chain;         /* in its bucket; of those that were dropped, the next one */
    struct place *newer, *older; /* in order of use */
    uint8_t name[DOR_SESSION_PLACE_LEN];
    dor_session *session_12;                  /* or NULL */
    dor_session *tickets[DOR_CLIENT_TICKETS]; /* newest first */
    size_t ticket_count;
} place;

struct dor_client_sessions {
    uint32_t ref_count; /* atomic */
    pthread_mutex_t lock;
    size_t max_servers, max_bytes, places;
    place *newest, *oldest;
    dor_session_statistics figures;
    place *buckets[BUCKETS];
};

/* What is to be released when the lock is open again. */
typedef struct leaving {
    dor_session *sessions[DOR_CLIENT_TICKETS];
    size_t count;
    place *places;
} leaving;

/* ---- life ---------------------------------------------------------------------------------------------------------- */

dor_client_sessions *dor__client_sessions_new(void)
{
    dor_client_sessions *cs = dor__calloc(1, sizeof(*cs));
    if (!cs) return NULL;
    if (pthread_mutex_init(&cs->lock, NULL) != 0) {
        dor__free(cs);
        return NULL;
    }
    cs->ref_count = 1;
    cs->max_servers = DOR_CLIENT_SERVERS_DEFAULT;
    cs->max_bytes = DOR_CLIENT_SESSION_BYTES_DEFAULT;
    return cs;
}

dor_client_sessions *dor__client_sessions_ref(dor_client_sessions *cs)
{
    __atomic_add_fetch(&cs->ref_count, 1, __ATOMIC_RELAXED); /* the caller holds one already */
    return cs;
}

static void release(leaving *gone)
{
    for (size_t i = 0; i < gone->count; i++)
        dor__session_unref(gone->sessions[i]);
    for (place *p = gone->places, *next; p; p = next) {
        next = p->chain;
        dor__session_unref(p->session_12);
        for (size_t i = 0; i < p->ticket_count; i++)
            dor__session_unref(p->tickets[i]);
        dor__free(p);
    }
}

void dor__client_sessions_unref(dor_client_sessions *cs)
{
    /* release: our uses come before; acquire: whoever frees sees everybody's */
    if (!cs || __atomic_sub_fetch(&cs->ref_count, 1, __ATOMIC_ACQ_REL) > 0) return;
    dor__client_sessions_limit(cs, 0, 0);
    pthread_mutex_destroy(&cs->lock);
    dor__free(cs);
}

/* ---- the name of a place -------------------------------------------------------------------------------------------- */

/*
 * Whatever a full handshake would judge the server by, or show it of us, and a resumed one would not look at again. Trust
 * anchors, versions, suites and the certificate's dates are not among it: the engine asks for those when a session is offered.
 */
static dor_result describe(const dor_settings *s, dor_bytes *w)
{
    const dor_tls_config *tls = s->tls;
    DOR_TRY(wr_bytes(w, dor__span(s->session_target, sizeof(s->session_target))));
    DOR_TRY(wr_vec(w, 2, dor__span_str(s->server_name)));
    DOR_TRY(wr_u8(w, (uint8_t)(tls->verify_peer | tls->verify_host << 1 | tls->send_server_name << 2)));
    DOR_TRY(wr_u8(w, tls->depth));
    DOR_TRY(wr_vec(w, 2, dor__bytes_span(&tls->alpn)));
    for (size_t i = 0; i < tls->identity_count; i++) {
        uint8_t fingerprint[DOR_FINGERPRINT_LEN];
        DOR_TRY(dor__certificate_fingerprint(tls->identities[i].chain[0], fingerprint));
        DOR_TRY(wr_bytes(w, dor__span(fingerprint, sizeof(fingerprint))));
    }
    return DOR_SUCCESS;
}

dor_result dor__settings_renew_place(dor_settings *settings)
{
    dor_bytes description = DOR_BYTES_EMPTY;
    if (!settings->has_session_place) return DOR_SUCCESS;
    dor_result r = describe(settings, &description);
    if (dor__ok(r))
        r = dor__hash_once(DOR_HASH_SHA256, dor__bytes_span(&description), settings->session_place);
    settings->has_session_place = dor__ok(r);
    dor__bytes_free(&description);
    return r;
}

dor_result dor__settings_set_place(dor_settings *settings, const char *host, uint16_t port)
{
    dor_bytes target = DOR_BYTES_EMPTY;
    dor_result r = wr_vec(&target, 2, dor__span_str(host));
    if (dor__ok(r)) r = wr_u16(&target, port);
    if (dor__ok(r)) r = dor__hash_once(DOR_HASH_SHA256, dor__bytes_span(&target), settings->session_target);
    dor__bytes_free(&target);
    settings->has_session_place = dor__ok(r);
    return dor__ok(r) ? dor__settings_renew_place(settings) : r;
}

/* ---- the table; all with the lock held ------------------------------------------------------------------------------ */

static place **bucket_of(dor_client_sessions *cs, const uint8_t *name)
{
    return &cs->buckets[(name[0] | (size_t)name[1] << 8) & (BUCKETS - 1)];
}

static place **find(dor_client_sessions *cs, const uint8_t *name)
{
    place **at = bucket_of(cs, name);
    while (*at && memcmp((*at)->name, name, DOR_SESSION_PLACE_LEN) != 0)
        at = &(*at)->chain;
    return at;
}

static void list_remove(dor_client_sessions *cs, place *p)
{
    *(p->newer ? &p->newer->older : &cs->newest) = p->older;
    *(p->older ? &p->older->newer : &cs->oldest) = p->newer;
}

static void list_push(dor_client_sessions *cs, place *p)
{
    p->newer = NULL;
    p->older = cs->newest;
    *(cs->newest ? &cs->newest->newer : &cs->oldest) = p;
    cs->newest = p;
}

static void count_in(dor_client_sessions *cs, const dor_session *session)
{
    cs->figures.sessions++;
    cs->figures.bytes += dor__session_memory(session);
}

static void count_out(dor_client_sessions *cs, const dor_session *session)
{
    cs->figures.sessions--;
    cs->figures.bytes -= dor__session_memory(session);
}

static void place_drop(dor_client_sessions *cs, place **at, leaving *gone, uint64_t *figure)
{
    place *p = *at;
    *at = p->chain;
    list_remove(cs, p);
    cs->places--;
    if (p->session_12) count_out(cs, p->session_12);
    for (size_t i = 0; i < p->ticket_count; i++)
        count_out(cs, p->tickets[i]);
    *figure += p->ticket_count + (p->session_12 != NULL);
    p->chain = gone->places;
    gone->places = p;
}

static bool within(const dor_client_sessions *cs)
{
    return cs->places <= cs->max_servers && cs->figures.bytes <= cs->max_bytes;
}

static void shrink(dor_client_sessions *cs, leaving *gone)
{
    while (cs->oldest && !within(cs))
        place_drop(cs, find(cs, cs->oldest->name), gone, &cs->figures.evicted);
}

static bool fresh(const dor_session *session, int64_t now_ms)
{
    return session && dor__session_fresh(session, now_ms);
}

/* Nothing in it is of use any more. The newest ticket is the last to expire, but for what servers say of their lifetimes. */
static bool stale(const place *p, int64_t now_ms)
{
    bool any = fresh(p->session_12, now_ms);
    for (size_t i = 0; i < p->ticket_count; i++)
        any = any || fresh(p->tickets[i], now_ms);
    return !any;
}

/* As fast as places come, those that are past their time go. */
static void age(dor_client_sessions *cs, int64_t now_ms, leaving *gone)
{
    for (int i = 0; i < AGED_AT_A_TIME && cs->oldest && stale(cs->oldest, now_ms); i++)
        place_drop(cs, find(cs, cs->oldest->name), gone, &cs->figures.expired);
}

/* ---- sessions ------------------------------------------------------------------------------------------------------- */

/* The newest ticket that is still good; those that are not go. */
static dor_session *take_ticket(dor_client_sessions *cs, place *p, int64_t now_ms, leaving *gone)
{
    while (p->ticket_count > 0) {
        dor_session *ticket = p->tickets[0];
        memmove(&p->tickets[0], &p->tickets[1], --p->ticket_count * sizeof(p->tickets[0]));
        count_out(cs, ticket);
        if (fresh(ticket, now_ms)) return ticket;
        cs->figures.expired++;
        gone->sessions[gone->count++] = ticket;
    }
    return NULL;
}

dor_session *dor__client_sessions_take(dor_client_sessions *cs, const dor_settings *settings, int64_t now_ms)
{
    leaving gone = {0};
    dor_session *found = NULL;
    bool tickets = settings->tickets_auto && settings->tls->max_version >= DOR_TLS_1_3;
    if (!cs || !settings->has_session_place || settings->reuse != DOR_REUSE_TRUE) return NULL;
    pthread_mutex_lock(&cs->lock);
    place **at = find(cs, settings->session_place), *p = *at;
    if (p && tickets) found = take_ticket(cs, p, now_ms, &gone);
    if (p && !found && settings->tls->min_version <= DOR_TLS_1_2 && fresh(p->session_12, now_ms))
        found = dor__session_ref(p->session_12);
    *(found ? &cs->figures.hits : &cs->figures.misses) += 1;
    if (p && p->ticket_count == 0 && !fresh(p->session_12, now_ms)) {
        place_drop(cs, at, &gone, &cs->figures.expired);
    } else if (p) {
        list_remove(cs, p);
        list_push(cs, p);
    }
    pthread_mutex_unlock(&cs->lock);
    release(&gone);
    return found;
}

static void put_ticket(dor_client_sessions *cs, place *p, dor_session *ticket, leaving *gone)
{
    if (p->ticket_count == DOR_CLIENT_TICKETS) {
        dor_session *last = p->tickets[--p->ticket_count];
        count_out(cs, last);
        cs->figures.evicted++;
        gone->sessions[gone->count++] = last;
    }
    memmove(&p->tickets[1], &p->tickets[0], p->ticket_count++ * sizeof(p->tickets[0]));
    p->tickets[0] = dor__session_ref(ticket);
}

static void put_12(dor_client_sessions *cs, place *p, dor_session *session, leaving *gone)
{
    if (p->session_12) {
        count_out(cs, p->session_12);
        gone->sessions[gone->count++] = p->session_12;
    }
    p->session_12 = dor__session_ref(session);
}

/* The place of that name, made if need be; the most recently used from now on. */
static place *place_of(dor_client_sessions *cs, const uint8_t *name)
{
    place **at = find(cs, name), *p = *at;
    if (p) {
        list_remove(cs, p);
        list_push(cs, p);
        return p;
    }
    p = dor__calloc(1, sizeof(*p));
    if (!p) return NULL;
    memcpy(p->name, name, sizeof(p->name));
    *at = p;
    list_push(cs, p);
    cs->places++;
    return p;
}

static bool wanted(const dor_settings *settings, const dor_session *session)
{
    if (!settings->has_session_place || settings->reuse == DOR_REUSE_FALSE) return false;
    return session->version < DOR_TLS_1_3 || settings->tickets_auto;
}

void dor__client_sessions_put(dor_client_sessions *cs, const dor_settings *settings, dor_session *session)
{
    leaving gone = {0};
    if (!cs || !session || !wanted(settings, session)) return;
    pthread_mutex_lock(&cs->lock);
    place *p = cs->max_servers ? place_of(cs, settings->session_place) : NULL;
    if (p) {
        if (session->version >= DOR_TLS_1_3)
            put_ticket(cs, p, session, &gone);
        else
            put_12(cs, p, session, &gone);
        count_in(cs, session);
        cs->figures.stored++;
        age(cs, session->created_ms, &gone);
        shrink(cs, &gone);
    }
    pthread_mutex_unlock(&cs->lock);
    release(&gone);
}

void dor__client_sessions_forget(dor_client_sessions *cs, const dor_settings *settings)
{
    leaving gone = {0};
    if (!cs || !settings->has_session_place) return;
    pthread_mutex_lock(&cs->lock);
    place **at = find(cs, settings->session_place);
    if (*at) place_drop(cs, at, &gone, &cs->figures.removed);
    pthread_mutex_unlock(&cs->lock);
    release(&gone);
}

void dor__client_sessions_limit(dor_client_sessions *cs, size_t max_servers, size_t max_bytes)
{
    leaving gone = {0};
    pthread_mutex_lock(&cs->lock);
    cs->max_servers = max_servers;
    cs->max_bytes = max_bytes;
    shrink(cs, &gone);
    pthread_mutex_unlock(&cs->lock);
    release(&gone);
}

void dor__client_sessions_statistics(dor_client_sessions *cs, dor_session_statistics *statistics)
{
    pthread_mutex_lock(&cs->lock);
    *statistics = cs->figures;
    pthread_mutex_unlock(&cs->lock);
}
