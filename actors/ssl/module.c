/*
 * module.c - callback modules behind the transport interface, and the handles by which they tell of readiness.
 *
 * A handle lives as long as the module or the transport holds a reference. Its one message is made beforehand, so telling
 * cannot fail: it is at home in the handle, or on its way to the connection. Whoever turns `pending` from 0 sends it;
 * who finds something there has nothing to do, since the receiver takes all bits when it has put the message back.
 */
#include "ssl/module.h"
#include "base/alloc.h"
#include "ssl/listener.h"

enum { READY_MASK = DOR_TRANSPORT_READ | DOR_TRANSPORT_WRITE, DEAD = 0x100 };

typedef struct dor_module {
    dor_transport base;
    const dor_transport_ops *ops;
    void *end;
    dor_transport_handle *handle;
    bool broken;  /* a send has failed: what came before may still be read, but nothing is waited for */
    unsigned may; /* what is worth trying: everything, until the module says that it would block */
} dor_module;

struct dor_transport_handle {
    _Atomic uint32_t refs;
    _Atomic uint32_t pending;
    dor_message
        *message;  /* at home; whoever turned `pending` from 0 may take it, the receiver puts it back */
    dor_pid actor; /* constant */
    dor_listening *listening; /* constant; a listener's: then there is neither message nor actor */
    dor_module *module;       /* the scheduler's; NULL: closed */
};

_Static_assert((sizeof(dor_module) <= 64 && sizeof(struct dor_transport_handle) <= 40) || sizeof(void *) != 8,
               "what every connection over a module costs is a decision");

static dor_module *module_of(dor_transport *t)
{
    return DOR_CONTAINER_OF(t, dor_module, base);
}

/* ---- handles --------------------------------------------------------------------------------------------------- */

dor_transport_handle *dor_transport_handle_ref(dor_transport_handle *handle)
{
    /* relaxed: the caller has a reference, so this one is not what keeps it alive. */
    if (handle) atomic_fetch_add_explicit(&handle->refs, 1, memory_order_relaxed);
    return handle;
}

void dor_transport_handle_unref(dor_transport_handle *handle)
{
    /* release and acquire: the last one sees what all did before they let go. */
    if (!handle || atomic_fetch_sub_explicit(&handle->refs, 1, memory_order_acq_rel) > 1) return;
    if (handle->message) {
        handle->message->destroy_ = NULL; /* it is at home, and refers to nobody */
        dor__message_free(handle->message);
    }
    if (handle->listening) dor__listening_unref(handle->listening);
    dor__free(handle);
}

static dor_transport_handle **handle_in(dor_message *message)
{
    return dor_message_payload(message);
}

/* The connection has ended: on its way the message held a reference, and it is not at home any more. */
static void destroy_ready(dor_message *message)
{
    dor_transport_handle *handle = *handle_in(message);
    atomic_fetch_or_explicit(&handle->pending, DEAD, memory_order_relaxed); /* it stays away for good */
    dor_transport_handle_unref(handle);
}

void dor_transport_ready(dor_transport_handle *handle, unsigned what)
{
    if (!handle || !(what & READY_MASK)) return;
    if (handle->listening) {
        dor__listening_ready(handle->listening);
        return;
    }
    /* acquire: from 0 means that the receiver has put the message back before. release: what made it ready is seen by
     * whoever takes the bit. */
    if (atomic_fetch_or_explicit(&handle->pending, what & READY_MASK, memory_order_acq_rel)) return;
    dor_message *message = handle->message;
    handle->message = NULL;
    (void)dor_transport_handle_ref(handle);
    (void)dor__send(handle->actor, message); /* nobody there: destroy_ready */
}

dor_transport_handle *dor__module_listener_handle(dor_listening *listening)
{
    dor_transport_handle *handle = dor__calloc(1, sizeof *handle);
    if (!handle) return NULL;
    atomic_init(&handle->refs, 1);
    handle->listening = dor__listening_ref(listening);
    return handle;
}

static dor_transport_handle *handle_new(dor_pid actor, dor_module *module)
{
    dor_transport_handle *handle = dor__calloc(1, sizeof *handle);
    if (!handle) return NULL;
    handle->message = dor__message_new(DOR_MSG_SSL_READY, sizeof(dor_transport_handle *), destroy_ready);
    if (!handle->message) {
        dor__free(handle);
        return NULL;
    }
    *handle_in(handle->message) = handle;
    atomic_init(&handle->refs, 1);
    handle->actor = actor;
    handle->module = module;
    return handle;
}

/* ---- readiness ------------------------------------------------------------------------------------------------- */

/* What is wanted and may be tried is tried in another turn, so that others have theirs between. */
static void try_again(dor_module *m)
{
    dor_transport_ready(m->handle, m->base.interest & m->may);
}

void dor__module_woken(dor_message *message)
{
    dor_transport_handle *handle =
        *handle_in(message); /* with the reference that the message had on its way */
    handle->message = message;
    /* release: the message is back before anybody finds 0. acquire: see dor_transport_ready. */
    uint32_t bits = atomic_fetch_and_explicit(&handle->pending, DEAD, memory_order_acq_rel);
    dor_module *m = handle->module;
    if (m) {
        m->may |= bits & READY_MASK;
        unsigned now = m->base.interest & m->may;
        if (now) m->base.ready(m->base.user, now);
        if (handle->module) try_again(handle->module); /* else `ready` has closed it */
    }
    dor_transport_handle_unref(handle);
}

static dor_result module_set_interest(dor_transport *t, unsigned want)
{
    t->interest = want;
    try_again(module_of(t));
    return DOR_SUCCESS;
}

/* ---- bytes ----------------------------------------------------------------------------------------------------- */

dor_result dor__module_error(int code)
{
    enum { LEAST = -0x0fffffff }; /* a class, an alert and a reason are 28 bits */
    dor_error_class class_ = code >= LEAST ? dor_error_get_class(code) : DOR_CLASS_NONE;
    bool known = code < 0 && class_ >= DOR_CLASS_USAGE && class_ <= DOR_CLASS_INTERNAL;
    return dor__error(known ? code : DOR_E_INTERNAL);
}

/* The module's answer as one of ours. It is code of somebody else's: what cannot be is an error, not a crash. */
static dor_io outcome(dor_module *m, int code, unsigned what, size_t count, size_t len)
{
    if (code == DOR_TRANSPORT_AGAIN) {
        m->may &= ~what;
        return DOR_IO_AGAIN;
    }
    if (code == DOR_TRANSPORT_END && what == DOR_TRANSPORT_READ) return DOR_IO_END;
    if (code == DOR_TRANSPORT_DONE && count > 0 && count <= len) return DOR_IO_DONE;
    m->base.error = dor__module_error(code);
    return DOR_IO_FAILED;
}

static dor_io module_read(dor_transport *t, uint8_t *data, size_t len, size_t *count)
{
    dor_module *m = module_of(t);
    size_t got = 0;
    int code = m->ops->recv(m->end, data, len, &got);
    dor_result before = m->base.error;
    dor_io io = outcome(m, code, DOR_TRANSPORT_READ, got, len);
    if (m->broken && (io == DOR_IO_AGAIN || io == DOR_IO_FAILED)) {
        m->base.error = before;
        return DOR_IO_FAILED;
    }
    if (io == DOR_IO_DONE) *count = got;
    return io;
}

static dor_io module_writev(dor_transport *t, const struct iovec *parts, int part_count, size_t *count)
{
    dor_module *m = module_of(t);
    *count = 0;
    for (int i = 0; i < part_count; i++) {
        size_t sent = 0, len = parts[i].iov_len;
        if (len == 0) continue;
        int code = m->ops->send(m->end, parts[i].iov_base, len, &sent);
        dor_io io = outcome(m, code, DOR_TRANSPORT_WRITE, sent, len);
        if (io == DOR_IO_FAILED) {
            m->broken = true;
            m->may |= DOR_TRANSPORT_READ; /* a descriptor would be readable now; so the end is found */
            try_again(m);
        }
        if (io != DOR_IO_DONE) return *count && io == DOR_IO_AGAIN ? DOR_IO_DONE : io;
        *count += sent;
        if (sent < len) break;
    }
    return DOR_IO_DONE;
}

/* ---- the rest -------------------------------------------------------------------------------------------------- */

static void module_shutdown(dor_transport *t)
{
    dor_module *m = module_of(t);
    if (m->ops->shutdown) m->ops->shutdown(m->end);
}

static void module_close(dor_transport *t)
{
    dor_module *m = module_of(t);
    m->handle->module = NULL;
    /* relaxed: whoever still sends the message finds nobody who minds. */
    atomic_fetch_or_explicit(&m->handle->pending, DEAD, memory_order_relaxed);
    m->ops->close(m->end);
    dor_transport_handle_unref(m->handle);
    dor__free(m);
}

static dor_result module_name(dor_transport *t, bool peer, dor_address *address)
{
    dor_module *m = module_of(t);
    int (*name)(void *, dor_address *) = peer ? m->ops->peername : m->ops->sockname;
    *address = (dor_address){0};
    int code = name ? name(m->end, address) : DOR_E_NOT_SUPPORTED;
    address->ip[sizeof address->ip - 1] = address->path[sizeof address->path - 1] = 0;
    return code == DOR_OK ? DOR_SUCCESS : dor__module_error(code);
}

static dor_result module_get_option(dor_transport *t, const char *name, int64_t *value)
{
    dor_module *m = module_of(t);
    int64_t now = 0;
    int code = m->ops->getopts ? m->ops->getopts(m->end, name, &now) : DOR_E_NOT_SUPPORTED;
    if (code != DOR_OK) return dor__module_error(code);
    *value = now;
    return DOR_SUCCESS;
}

static dor_result module_connected(dor_transport *t)
{
    module_of(t)->may = READY_MASK;
    return DOR_SUCCESS; /* a failure shows in the first send or recv */
}

static dor_result module_set_option(dor_transport *t, const char *name, int64_t value)
{
    dor_module *m = module_of(t);
    int code = m->ops->setopts ? m->ops->setopts(m->end, name, value) : DOR_E_NOT_SUPPORTED;
    return code == DOR_OK ? DOR_SUCCESS : dor__module_error(code);
}

static const dor_transport_class module_class = {
    .read_some = module_read,
    .writev = module_writev,
    .set_interest = module_set_interest,
    .shutdown_write = module_shutdown,
    .close = module_close,
    .name = module_name,
    .connected = module_connected,
    .set_option = module_set_option,
    .get_option = module_get_option,
};

/* Each is a wish here: a module may well have none of what the options of a system's sockets are about. */
static void set_options(const dor_module *m, const dor_settings *settings)
{
    if (!m->ops->setopts) return;
    for (unsigned id = 0; id < DOR_INET_COUNT; id++) {
        int32_t value = settings->inet.values[id];
        if (id == DOR_INET_NODELAY && value == DOR_INET_UNSET) value = 1;
        if (value != DOR_INET_UNSET) (void)m->ops->setopts(m->end, dor__inet_name((dor_inet_id)id), value);
    }
}

dor_result dor__module_new(dor_transport **t, const dor_transport_ops *ops, void *end, dor_pid actor,
                           bool connecting, const dor_settings *settings, void (*ready)(void *, unsigned),
                           void *user)
{
    dor_module *m = dor__calloc(1, sizeof *m);
    if (m) m->handle = handle_new(actor, m);
    if (!m || !m->handle) {
        dor__free(m);
        ops->close(end);
        return dor__error(DOR_E_NOMEM);
    }
    m->base = (dor_transport){.ops = &module_class, .ready = ready, .user = user};
    m->ops = ops;
    m->end = end;
    m->may = connecting ? 0 : READY_MASK;
    set_options(m, settings);
    ops->watch(end, m->handle);
    *t = &m->base;
    return DOR_SUCCESS;
}
