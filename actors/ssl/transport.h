/*
 * transport.h - what carries a connection's ciphertext: TCP and other stream sockets (tcp.h), or a callback
 * module (module.h).
 *
 * A transport never blocks and never calls back from within a call: `ready` comes from the event loop alone. Its
 * readiness is level-triggered, so its user may stop in the middle and will be told again.
 *
 * Owning thread: the scheduler on which it was made.
 */
#ifndef DOR_SSL_TRANSPORT_H
#define DOR_SSL_TRANSPORT_H

#include "base/result.h"
#include <dormouse/transport.h>
#include <sys/uio.h>

typedef struct dor_transport dor_transport;

typedef enum dor_io {
    DOR_IO_DONE,  /* at least one byte went */
    DOR_IO_AGAIN, /* nothing now; `ready` will tell, given the interest */
    DOR_IO_END,   /* reading: the peer has finished sending */
    DOR_IO_FAILED /* transport->error says why */
} dor_io;

enum { DOR_WANT_READ = 1, DOR_WANT_WRITE = 2 };

typedef struct dor_transport_class {
    dor_io (*read_some)(dor_transport *t, uint8_t *data, size_t len, size_t *count);
    dor_io (*writev)(dor_transport *t, const struct iovec *parts, int part_count, size_t *count);
    /** Which events `ready` is to be called for; DOR_WANT_ bits. A failure shows as readiness and then in a read. */
    dor_result (*set_interest)(dor_transport *t, unsigned want);
    /** No more writing: the peer reads an end. */
    void (*shutdown_write)(dor_transport *t);
    /** Gives up its descriptor, open, and ends otherwise as by close. NULL: it has none that could be given. */
    int (*detach)(dor_transport *t);
    /** Ends it; t must not be used afterwards and `ready` is not called again. */
    void (*close)(dor_transport *t);
    /** The address of the peer or of this side; CLOSED when the system does not know it any more. */
    dor_result (*name)(dor_transport *t, bool peer, dor_address *address);
    /** One that was connecting became ready: how it went. */
    dor_result (*connected)(dor_transport *t);
    /** Its descriptor, which stays its own. NULL: it has none, and perhaps the next two. */
    int (*descriptor)(dor_transport *t);
    /** Options of inet.h by their names. May be NULL: NOT_SUPPORTED. */
    dor_result (*set_option)(dor_transport *t, const char *name, int64_t value);
    dor_result (*get_option)(dor_transport *t, const char *name, int64_t *value);
} dor_transport_class;

struct dor_transport {
    const dor_transport_class *ops;
    void (*ready)(void *user, unsigned events); /* DOR_WANT_ bits of what may be tried */
    void *user;
    dor_result error;
    unsigned interest; /* as last set */
};

static inline dor_result dor__transport_want(dor_transport *t, unsigned want)
{
    return t->interest == want ? DOR_SUCCESS
                               : t->ops->set_interest(t, want); /* each change costs system calls */
}

#endif
