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
#include <dormouse/listener.h>

enum { DOR_SHARDS_MAX = 64 }; /* as many as a runtime has schedulers */

typedef struct dor_shard_state {
    dor_pid pid;  /* under the lock; NONE before it starts and after it closed */
    bool polling; /* under the lock, so that no demand is missed between a last look and the end of polling */
    bool limited; /* lock: it does not poll for want of handshakes (admission.c) */
    bool taking;  /* lock: it may be accepting at this moment */
    bool token;   /* lock: of the rate, one is its own, though perhaps not due yet */
    int fd;       /* lock: what it listens by, for figures; or -1 */
    /* Messages to the shard, made beforehand, so that waking and stopping it cannot fail. Under the lock. */
    dor_message *demand; /* NULL while it is on its way; the shard gives it back */
    dor_message *stop;   /* NULL once sent */
    dor_message *drain;  /* made with the listening's drain; NULL once sent */
    dor_pid stays;       /* lock: it has closed, and is there to end connections (drain.c) */
} dor_shard_state;

/** What is counted of a listener. */
typedef enum dor_listener_figure {
    DOR_LISTENER_ACCEPTED,
    DOR_LISTENER_REFUSED_LIMIT,
    DOR_LISTENER_REFUSED_DESCRIPTORS,
    DOR_LISTENER_REFUSED_MEMORY,
    DOR_LISTENER_HANDSHAKES_DONE,
    DOR_LISTENER_HANDSHAKES_FAILED,
    DOR_LISTENER_HANDSHAKES_TIMED_OUT,
    DOR_LISTENER_BACKED_OFF,
    DOR_LISTENER_RATE_WAITS,
    DOR_LISTENER_HANDSHAKE_WAITS,
    DOR_LISTENER_FIGURES
} dor_listener_figure;

typedef struct dor_drain dor_drain; /* drain.c */

enum { DOR_RELOAD_WHY_CAP = 1152 };

typedef struct dor_listening {
    _Atomic uint32_t refs;
    _Atomic uint32_t open; /* connections */
    _Atomic uint64_t figures[DOR_LISTENER_FIGURES];
    bool served;
    bool shared;                   /* the shards' descriptors are of one socket */
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
    bool suspended;                /* lock */
    uint32_t handshakes;           /* lock: connections that are not through theirs, and accepting ones */
    int64_t tokens;                /* lock: of the rate, in parts (admission.c); less than 0: on credit */
    uint64_t tokens_ms;            /* lock: when they were counted */
    dor_drain *drain;              /* lock: or NULL */
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

/** Messages to shards that are to look again: taken under the lock, sent without. */
typedef struct dor_to_shard {
    dor_pid pid;
    dor_message *message;
} dor_to_shard;

/** With the lock: those that do not poll (for want of handshakes alone) poll from now on, and are told. How many. */
unsigned dor__listening_gather(dor_listening *listening, bool limited, dor_to_shard *wake);
void dor__listening_send(const dor_to_shard *wake, unsigned count);

/** Queues a transport_accept, and wakes shards. Takes it. CLOSED when the listener closes. */
void dor__listening_wait(dor_listening *listening, dor_message *message);
/** The caller that has waited longest; NULL when there is none. */
dor_message *dor__listening_next_waiter(dor_listening *listening);
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
/** stays: the shard's actor, which can end connections; NONE: there is none. True when it is needed for that. */
bool dor__listening_shard_closed(dor_listening *listening, unsigned shard, dor_pid stays);
/** Waits for the shards; not on a scheduler. */
void dor__listening_await_closed(dor_listening *listening);

/* ---- acceptor.c ------------------------------------------------------------------------------------------------- */

/** Starts shard number `index` of a listener on scheduler s. Takes fd even on failure. */
/** fd is -1 with a module. */
DOR_MUST_USE dor_result dor__shard_start(dor_scheduler *s, dor_listening *listening, unsigned index, int fd);

/* ---- drain.c: any thread ------------------------------------------------------------------------------------------- */

/** Prepares a drain for the actor `listener`, which gets DOR_MSG_SSL_DRAINED whenever it is to look again. */
DOR_MUST_USE dor_result dor__drain_begin(dor_listening *listening, dor_pid listener);
void dor__drain_free(dor_listening *listening);

typedef enum dor_drain_state {
    DOR_DRAIN_GOES_ON,
    DOR_DRAIN_EMPTY, /* no connection is left */
    DOR_DRAIN_OVER   /* and nobody of ours that looks for any */
} dor_drain_state;

/** What news there are. message: DOR_MSG_SSL_DRAINED, given back; or NULL. */
dor_drain_state dor__drain_look(dor_listening *listening, dor_message *message, uint32_t *closed);
/** Shards are to end; closing what is left before, or not. */
void dor__drain_end(dor_listening *listening, bool close_rest);

/** With the lock, when something has changed: what to send to whom once it is released. */
dor_to_shard dor__drain_news(dor_listening *listening);
/** With the lock: a shard that has closed stays, and may be told at once. True when there is a drain. */
bool dor__drain_stay(dor_listening *listening, unsigned shard, dor_pid stays, dor_to_shard *tell);
/** A shard that stayed ends, and has closed so many. */
void dor__drain_left(dor_listening *listening, unsigned shard, uint32_t closed);
/** Whether it is to close what is left. */
bool dor__drain_closes(dor_listening *listening);

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
/** Handles what others have said to it up to now. */
void dor__listener_hear(dor_actor *actor);

#endif
