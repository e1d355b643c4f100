/*
 * memory.c - the in-memory transport: both ends in this process, on any scheduler, without descriptors.
 *
 * A callback module like any other. Listeners have a number, a port, in one table of the process. A connection is one
 * object, shared by its two ends; what is on its way to an end lies in a buffer that exists only while something is in
 * it, so a quiet connection is this object alone.
 *
 * Locking: the table's lock guards the table and the queues of listeners; a connection's lock everything in it. Neither
 * is held while a handle is told, nor are both at a time.
 */
#include "base/alloc.h"
#include "base/result.h"
#include <dormouse/transport.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

enum {
    ON_THE_WAY_MAX = 64 * 1024, /* bytes to one end: four full records */
    FIRST_LEN = 1024,
    FIRST_FREE_PORT = 49152
};

typedef struct end {
    struct duplex *link;
    dor_transport_handle *handle; /* NULL: nobody watches yet, or it is closed */
    uint8_t *data;                /* what came, from `taken` to `len`; NULL: nothing */
    uint32_t taken, len, cap;
    bool reader_waits; /* this end's */
    bool writer_waits; /* the other's */
    bool ended;        /* nothing comes behind it */
    bool closed;
} end;

typedef struct duplex {
    uv_mutex_t lock;
    uint8_t open; /* ends that are not closed */
    uint16_t port;
    struct duplex *next; /* in a listener's queue */
    end ends[2];         /* who connected, who accepted */
} duplex;

_Static_assert(sizeof(duplex) <= 136 || sizeof(void *) != 8,
               "what a quiet connection in memory costs is a decision");

typedef struct listener {
    struct listener *next;
    dor_transport_handle *handle;
    duplex *first, *last;
    unsigned waiting, backlog;
    uint16_t port;
} listener;

static uv_once_t once = UV_ONCE_INIT;
static uv_mutex_t table_lock;
static listener *table;

static void make_lock(void)
{
    (void)uv_mutex_init(&table_lock);
}

static void lock_table(void)
{
    uv_once(&once, make_lock);
    uv_mutex_lock(&table_lock);
}

static int errno_code(int error)
{
    return dor__errno(error).code;
}

static end *other_of(end *e)
{
    return &e->link->ends[e == e->link->ends];
}

/* Takes the reference, which was counted under the lock. */
static void tell(dor_transport_handle *handle, unsigned what)
{
    dor_transport_ready(handle, what);
    dor_transport_handle_unref(handle);
}

/* ---- connections ----------------------------------------------------------------------------------------------- */

static void drop_data(end *e)
{
    dor__free(e->data);
    e->data = NULL;
    e->taken = e->len = e->cap = 0;
}

static int mem_recv(void *connection, void *data, size_t len, size_t *count)
{
    end *e = connection;
    dor_transport_handle *writer = NULL;
    int code = DOR_TRANSPORT_DONE;
    uv_mutex_lock(&e->link->lock);
    size_t there = e->len - e->taken;
    if (there) {
        *count = len < there ? len : there;
        memcpy(data, e->data + e->taken, *count);
        e->taken += (uint32_t)*count;
        if (e->taken == e->len) drop_data(e);
        if (e->writer_waits) writer = dor_transport_handle_ref(other_of(e)->handle);
        e->writer_waits = false;
    } else if (e->ended) {
        code = DOR_TRANSPORT_END;
    } else {
        e->reader_waits = true;
        code = DOR_TRANSPORT_AGAIN;
    }
    uv_mutex_unlock(&e->link->lock);
    if (writer) tell(writer, DOR_TRANSPORT_WRITE);
    return code;
}

/* Room for `more` bytes behind what is there. */
static bool make_room(end *e, size_t more)
{
    if (e->taken && e->len + more > e->cap) {
        memmove(e->data, e->data + e->taken, e->len - e->taken);
        e->len -= e->taken;
        e->taken = 0;
    }
    size_t need = e->len + more, cap = e->cap ? e->cap : FIRST_LEN;
    if (need <= e->cap) return true;
    while (cap < need)
        cap *= 2;
    uint8_t *data = dor__realloc(e->data, cap);
    if (!data) return false;
    e->data = data;
    e->cap = (uint32_t)cap;
    return true;
}

static int mem_send(void *connection, const void *data, size_t len, size_t *count)
{
    end *e = connection, *to = other_of(e);
    dor_transport_handle *reader = NULL;
    int code = DOR_TRANSPORT_DONE;
    uv_mutex_lock(&e->link->lock);
    size_t room = ON_THE_WAY_MAX - (to->len - to->taken);
    if (len > room) len = room;
    if (to->closed || to->ended) {
        code = errno_code(EPIPE);
    } else if (len == 0) {
        to->writer_waits = true;
        code = DOR_TRANSPORT_AGAIN;
    } else if (!make_room(to, len)) {
        code = DOR_E_NOMEM;
    } else {
        memcpy(to->data + to->len, data, len);
        to->len += (uint32_t)len;
        *count = len;
        if (to->reader_waits) reader = dor_transport_handle_ref(to->handle);
        to->reader_waits = false;
    }
    uv_mutex_unlock(&e->link->lock);
    if (reader) tell(reader, DOR_TRANSPORT_READ);
    return code;
}

static void mem_watch(void *connection, dor_transport_handle *handle)
{
    end *e = connection;
    uv_mutex_lock(&e->link->lock);
    e->handle = dor_transport_handle_ref(handle);
    uv_mutex_unlock(&e->link->lock);
}

static void mem_shutdown(void *connection)
{
    end *e = connection, *to = other_of(e);
    uv_mutex_lock(&e->link->lock);
    to->ended = true;
    dor_transport_handle *reader = dor_transport_handle_ref(to->handle);
    uv_mutex_unlock(&e->link->lock);
    if (reader) tell(reader, DOR_TRANSPORT_READ);
}

static void free_duplex(duplex *l)
{
    uv_mutex_destroy(&l->lock);
    drop_data(&l->ends[0]);
    drop_data(&l->ends[1]);
    dor__free(l);
}

static void mem_close(void *connection)
{
    end *e = connection, *to = other_of(e);
    duplex *l = e->link;
    uv_mutex_lock(&l->lock);
    dor_transport_handle *own = e->handle, *peer = dor_transport_handle_ref(to->handle);
    e->handle = NULL;
    e->closed = to->ended = true;
    drop_data(e);
    bool last = --l->open == 0;
    uv_mutex_unlock(&l->lock);
    dor_transport_handle_unref(own);
    if (peer) tell(peer, DOR_TRANSPORT_READ | DOR_TRANSPORT_WRITE);
    if (last) free_duplex(l);
}

static int name_port(dor_address *address, uint16_t port)
{
    address->port = port;
    (void)snprintf(address->path, sizeof address->path, "memory:%u", port);
    return DOR_OK;
}

static int mem_peername(void *connection, dor_address *address)
{
    const end *e = connection;
    return name_port(address, e == e->link->ends ? e->link->port : 0);
}

static int mem_sockname(void *connection, dor_address *address)
{
    const end *e = connection;
    return name_port(address, e == e->link->ends ? 0 : e->link->port);
}

/* ---- listeners ------------------------------------------------------------------------------------------------- */

static listener *find(uint16_t port)
{
    for (listener *l = table; l; l = l->next)
        if (l->port == port) return l;
    return NULL;
}

static int mem_connect(void *arg, const char *host, uint16_t port, void **connection)
{
    duplex *made = dor__calloc(1, sizeof *made);
    dor_transport_handle *handle = NULL;
    (void)arg, (void)host;
    if (!made || uv_mutex_init(&made->lock) < 0) {
        dor__free(made);
        return DOR_E_NOMEM;
    }
    made->open = 2;
    made->port = port;
    made->ends[0].link = made->ends[1].link = made;
    lock_table();
    listener *l = find(port);
    if (l && l->waiting < l->backlog) {
        if (l->last)
            l->last->next = made;
        else
            l->first = made;
        l->last = made;
        l->waiting++;
        handle = dor_transport_handle_ref(l->handle);
    }
    uv_mutex_unlock(&table_lock);
    if (!handle) {
        free_duplex(made);
        return errno_code(l ? EAGAIN : ECONNREFUSED);
    }
    *connection = &made->ends[0];
    tell(handle, DOR_TRANSPORT_READ);
    return DOR_TRANSPORT_DONE;
}

static int mem_listen(void *arg, const char *address, uint16_t *port, int backlog,
                      dor_transport_handle *handle, void **out)
{
    listener *l = dor__calloc(1, sizeof *l);
    unsigned free_port = FIRST_FREE_PORT;
    (void)arg, (void)address;
    if (!l) return DOR_E_NOMEM;
    lock_table();
    while (*port == 0 && free_port <= UINT16_MAX && find((uint16_t)free_port))
        free_port++;
    l->port = *port ? *port : (uint16_t)free_port;
    bool taken = free_port > UINT16_MAX || find(l->port);
    if (!taken) {
        l->handle = dor_transport_handle_ref(handle);
        l->backlog = (unsigned)backlog;
        l->next = table;
        table = l;
    }
    uv_mutex_unlock(&table_lock);
    if (taken) {
        dor__free(l);
        return errno_code(EADDRINUSE);
    }
    *port = l->port;
    *out = l;
    return DOR_OK;
}

static int mem_accept(void *context, void **connection)
{
    listener *l = context;
    lock_table();
    duplex *next = l->first;
    if (next) {
        l->first = next->next;
        if (!l->first) l->last = NULL;
        l->waiting--;
    }
    uv_mutex_unlock(&table_lock);
    if (!next) return DOR_TRANSPORT_AGAIN;
    *connection = &next->ends[1];
    return DOR_TRANSPORT_DONE;
}

static void mem_unlisten(void *context)
{
    listener *l = context;
    void *connection;
    lock_table();
    for (listener **at = &table; *at; at = &(*at)->next) {
        if (*at == l) {
            *at = l->next;
            break;
        }
    }
    uv_mutex_unlock(&table_lock);
    while (mem_accept(l, &connection) == DOR_TRANSPORT_DONE)
        mem_close(connection);
    dor_transport_handle_unref(l->handle);
    dor__free(l);
}

const dor_transport_ops *dor_transport_memory(void)
{
    static const dor_transport_ops ops = {
        .connect = mem_connect,
        .listen = mem_listen,
        .accept = mem_accept,
        .unlisten = mem_unlisten,
        .watch = mem_watch,
        .send = mem_send,
        .recv = mem_recv,
        .shutdown = mem_shutdown,
        .close = mem_close,
        .peername = mem_peername,
        .sockname = mem_sockname,
    };
    return &ops;
}
