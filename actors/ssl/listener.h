/*
 * listener.h - a listening socket: one listener actor, and one shard actor with a descriptor on every scheduler.
 *
 * The kernel spreads connections over the shards' descriptors (SO_REUSEPORT), and a connection stays on the scheduler
 * that accepted it. Two ways to be served:
 *
 *   transport_accept   callers wait in one queue, oldest first, whichever shard has a connection. Shards poll only
 *                      while somebody waits; otherwise connections stay in the kernel's backlog, which tells clients
 *                      of the overload as nothing else does.
 *   dor_ssl_serve      shards accept whatever comes, start the handshakes themselves, and an owner actor is made
 *                      beside each connection when its handshake is done.
 *
 * dor_listening is what they share, and what connections count against; it is counted itself, and goes with the last of
 * them. Its lock guards the fields that say so and is held for a few instructions.
 */
#ifndef DOR_SSL_LISTENER_H
#define DOR_SSL_LISTENER_H

#include "ssl/connection.h"
#include "ssl/unix_path.h"
#include <dormouse/certificates.h>

enum { DOR_SHARDS_MAX = 64 }; /* as many as a runtime has schedulers */

typedef struct dor_shard_state {
    dor_pid pid;  /* under the lock; NONE before it starts and after it closed */
    bool polling; /* under the lock, so that no demand is missed between a last look and the end of polling */
    /* Messages to the shard, made beforehand, so that waking and stopping it cannot fail. Under the lock. */
    dor_message *demand; /* NULL while it is on its way; the shard gives it back */
    dor_message *stop;   /* NULL once sent */
} dor_shard_state;

enum { DOR_RELOAD_WHY_CAP = 1152 };

typedef struct dor_listening {
    _Atomic uint32_t refs;
    _Atomic uint32_t open; /* connections */
    bool served;
    dor_protocol_spec *behaviours; /* served: the spec's own, then those for protocols; owned */
    size_t behaviour_count;
    void (*failed)(const char *peer, int reason, void *arg); /* or NULL */
    void *failed_arg;
    dor_address address; /* what the descriptors are bound to */
    dor_unix_file file;  /* at a path: the listener's, removed when the last shard closes */
    const dor_transport_ops
        *module;      /* or NULL; then there are no descriptors but one `module_end` for all shards */
    void *module_end; /* released when the last shard has closed */
    dor_transport_handle *module_handle;
    unsigned module_turn; /* lock: whose turn it is to be told of readiness */

    uv_mutex_t lock;
    uv_cond_t changed;
    dor_settings *settings; /* lock: what the next connections go by */
    dor_settings *bound;    /* constant: whose socket options the descriptors have */
    dor_message *first;     /* lock: callers of transport_accept */
    dor_message *last;
    unsigned shards_open;          /* lock */
    dor_reload_statistics reloads; /* lock */
    bool closing;                  /* lock */
    unsigned shard_count;
    dor_shard_state shards[];
} dor_listening;

extern const dor_actor_ops dor__listener_ops;

/* ---- listening.c: shared, any thread --------------------------------------------------------------------------- */

DOR_MUST_USE dor_result dor__listening_new(unsigned shard_count, dor_settings *settings,
                                           const dor_server_spec *spec, dor_listening **listening);
dor_listening *dor__listening_ref(dor_listening *listening);
void dor__listening_unref(dor_listening *listening);

/** Counts a connection; false when max of them are open (0: no bound). */
bool dor__listening_enter(dor_listening *listening, uint32_t max);
void dor__listening_leave(dor_listening *listening);

/** The settings as of now; a new reference. */
dor_settings *dor__listening_settings(dor_listening *listening);
void dor__listening_set_settings(dor_listening *listening, dor_settings *settings);
/** The same, unless they are others than `before` by now: then false, and nothing is done. */
bool dor__listening_replace(dor_listening *listening, const dor_settings *before, dor_settings *settings);

/** Counts a reading of the files again. why is what went wrong. */
void dor__listening_note_reload(dor_listening *listening, dor_result result, bool changed, const char *why);
void dor__listening_reloads(dor_listening *listening, dor_reload_statistics *statistics);

/** Queues a transport_accept, and wakes shards. Takes it. CLOSED when the listener closes. */
void dor__listening_wait(dor_listening *listening, dor_message *message);
/** The caller that has waited longest; NULL, and then the shard is marked as not polling, when there is none. */
dor_message *dor__listening_next_waiter(dor_listening *listening, unsigned shard);
bool dor__listening_has_waiter(dor_listening *listening, unsigned shard);
/** A shard has received its DOR_MSG_SSL_DEMAND, and gives it back before it looks for waiters. Takes it. */
void dor__listening_woken(dor_listening *listening, unsigned shard, dor_message *demand);
/** A module has connections, or may have some: tells the next shard. Any thread. */
void dor__listening_ready(dor_listening *listening);
/** Takes out those whose time is over; returns when the next one's is (0: none has a deadline). */
uint64_t dor__listening_expire(dor_listening *listening, uint64_t now_ms);

/** Tells the application of a handshake that failed, if it asked to be told. */
void dor__listening_failed(dor_listening *listening, const char *peer, int reason);

/** Begins to close: waiters are answered, shards told. */
void dor__listening_close(dor_listening *listening);
/** A shard begins, unless the listener closes already: then false. */
bool dor__listening_shard_started(dor_listening *listening, unsigned shard, dor_pid pid);
void dor__listening_shard_closed(dor_listening *listening, unsigned shard);
/** Waits for the shards; not on a scheduler. */
void dor__listening_await_closed(dor_listening *listening);

/* ---- acceptor.c ------------------------------------------------------------------------------------------------- */

/** Starts shard number `index` of a listener on scheduler s. Takes fd even on failure. */
/** fd is -1 with a module. */
DOR_MUST_USE dor_result dor__shard_start(dor_scheduler *s, dor_listening *listening, unsigned index, int fd);

/* ---- serve.c ---------------------------------------------------------------------------------------------------- */

/** A copy of what a spec's owners do: its own, then those for protocols. NULL: out of memory. For dor__free. */
dor_protocol_spec *dor__serve_behaviours(const dor_server_spec *spec);

/* ---- listener.c: requests and queries to a listener -------------------------------------------------------------- */

static inline bool dor__is_listener(const dor_actor *actor)
{
    return actor->ops == &dor__listener_ops;
}

dor_listening *dor__listener_listening(dor_actor *actor);
dor_pid dor__listener_owner(dor_actor *actor);

/** Handles a request at once. */
void dor__listener_request(dor_actor *actor, dor_message *message);
void dor__listener_close(dor_actor *actor);

#endif
