/*
 * connection.h - the socket actor from the inside: one TLS connection, its event mailbox and its transport.
 *
 * Two sides of it live and end separately. Towards the owner there is the event mailbox: it is retired when the owner
 * has been told of the end, or closed the socket, or died. Towards the peer there is the transport: it goes through the
 * states below. The actor ends when both have.
 *
 * Every entry (a message, readiness, a timer, a direct call) ends with dor__conn_settle, which brings the transport's
 * interest in line with the state, and is the only place where the actor ends. So no function in between has to fear
 * that the connection is gone.
 *
 * Owning thread: all of it belongs to the actor's scheduler.
 */
#ifndef DOR_SSL_CONNECTION_H
#define DOR_SSL_CONNECTION_H

#include "ssl/local.h"
#include "ssl/question.h"
#include "ssl/request.h"
#include "ssl/transport.h"

typedef struct dor_connection dor_connection;
typedef struct dor_listening dor_listening;   /* listener.h */
typedef struct dor_connecting dor_connecting; /* connector.h */
typedef struct dor_second dor_second;         /* socket_second.c */

enum {
    DOR_READ_BUDGET =
        128 * 1024, /* bytes that one socket reads per turn of its loop: its owner's turn comes, too */
    DOR_WRITE_BUDGET = 512 * 1024,
    DOR_SEAL_AHEAD = 128 * 1024, /* ciphertext made before the system has taken what was made earlier */
    DOR_EVENT_COST = 128,        /* what an event costs beside its bytes: one-byte events are bounded, too */
    DOR_SEND_COST = 64,
    DOR_ACTIVE_MAX = 32767
};

typedef enum dor_conn_state {
    DOR_CONN_ACCEPTED,   /* a server's, before the handshake was asked for; nothing is read */
    DOR_CONN_CONNECTING, /* a client's, no transport yet or not connected */
    DOR_CONN_HANDSHAKE,
    DOR_CONN_OPEN,
    DOR_CONN_DOWNGRADING, /* close_notify is to go both ways, and then the descriptor back to its giver */
    DOR_CONN_FLUSHING,    /* ends: what was accepted is written, then close_notify, then FIN */
    DOR_CONN_DRAINING,    /* FIN sent: waits for the peer's, so that no reset destroys what we sent */
    DOR_CONN_SHUT         /* no transport any more */
} dor_conn_state;

typedef enum dor_write_side {
    DOR_WRITE_OPEN,
    DOR_WRITE_ENDING, /* close_notify comes behind what is queued */
    DOR_WRITE_ENDED,  /* close_notify is made, or there is none to make */
    DOR_WRITE_FIN,    /* and FIN sent */
    DOR_WRITE_BROKEN  /* the system refused; what the peer sent may still be read */
} dor_write_side;

/** What a connection needs only until it is open, and again when it is downgraded or there is a second handshake. */
typedef struct dor_opening {
    dor_message *request;       /* who is to be told; NULL for served connections */
    dor_bytes rest;             /* what came in the clear behind the peer's close_notify */
    dor_connecting *connecting; /* clients, until TCP is up */
    uint64_t deadline_ms;       /* on the scheduler's clock; 0: none */
    uint64_t limit_ms;          /* when handshake_timeout is over, whatever a call's own time; 0: never */
    dor_bytes kept;             /* ciphertext that came before an answer */
    bool asking;                /* the engine waits for an answer: nothing is read */
    dor_question *question;     /* whose answer, if it is not the owner's; we hold it */
    bool paused;                /* and it is the owner's: DOR_MSG_SSL_CONTINUE */
    dor_second *second;         /* of an open connection; or NULL */
    char peer[64];              /* address in text, for reports */
} dor_opening;

struct dor_connection {
    dor_actor actor;
    dor_ssl_local *local;
    dor_settings *settings;
    dor_transport *transport;
    dor_tls *tls;
    dor_event_mailbox *mailbox; /* NULL: retired */
    dor_socket handle;          /* its name */
    dor_opening *opening;
    dor_listening *listening; /* a server's: what it counts against */
    dor_pid owner;            /* whom we watch; the truth is the mailbox's owner */
    dor_ref owner_ref;        /* 0: not monitored */
    dor_pid served_owner;     /* dor_ssl_serve's actor: the two tell each other when they end */
    dor_message *recv;        /* the call that waits */
    dor_message
        *send_first; /* accepted, oldest first; those before send_next are sealed and wait to be written */
    dor_message *send_last;
    dor_message *send_next;
    dor_session *ticket;   /* client: the newest */
    uint64_t written;      /* ciphertext bytes that the system took */
    dor_bytes input;       /* plaintext that nobody has taken */
    uint32_t input_taken;  /* of it, already gone from the front */
    uint32_t output_taken; /* of the engine's output, already written */
    dor_timer timer;       /* handshake deadline, then hibernation, then linger */
    dor_deferred flush;
    uint32_t packet_size;
    uint32_t packet_seen; /* of the packet that is not complete yet: bytes that hold no end of it */
    uint32_t stamp_ms;    /* last activity, low bits of the scheduler's clock */
    int32_t active;       /* DOR_ACTIVE_ or N */
    int32_t end_code;     /* with read_end: DOR_OK for close_notify, else why */
    uint8_t state;        /* dor_conn_state */
    uint8_t write_side;   /* dor_write_side */
    uint8_t packet;       /* dor_packet_mode */
    uint8_t line_delimiter;
    uint16_t header_len; /* option header */
    uint8_t http_part;   /* dor_http_part of the next line, in the http modes */
    bool server : 1;
    bool served : 1;      /* accepted for dor_ssl_serve, which makes its owner */
    bool held : 1;        /* its owner has not been opened yet: nothing is read or delivered */
    bool read_end : 1;    /* nothing more will come from the peer */
    bool end_told : 1;    /* the owner knows */
    bool peer_fin : 1;    /* TCP's end came */
    bool peer_closed : 1; /* and so did its close_notify: nothing of interest follows */
    bool read_shut : 1;   /* the owner wants no more */
    bool misfit : 1;      /* input begins with what is no packet: nothing more is cut from it */
    bool paused : 1;      /* the event mailbox is full: DOR_MSG_EVENTS_LOW will come */
    bool blocked : 1;     /* the transport takes no more output: writability will come */
    bool asleep : 1;      /* hibernated */
    bool counted : 1;     /* in the statistics and against max_connections */
    bool early : 1;       /* a client's early data went out */
    bool shaking : 1;     /* against max_handshakes: accepted, and not through its handshake */
    bool stopping : 1;    /* the runtime stops: no waiting for the peer's FIN */
    bool ending : 1;      /* dor__actor_end was called */
};

_Static_assert(sizeof(dor_connection) <= 352 || sizeof(void *) != 8,
               "what every connection costs, asleep or not, is a decision");

/** The engine waits for an answer. */
static inline bool dor__conn_asks(const dor_connection *c)
{
    return c->opening && c->opening->asking;
}

static inline dor_connection *dor__conn_of(dor_actor *actor)
{
    return DOR_CONTAINER_OF(actor, dor_connection, actor);
}

/* ---- socket.c: life, requests, owner -------------------------------------------------------------------------- */

extern const dor_actor_ops dor__conn_ops;

/** A connection actor of `owner` on this scheduler, without a transport. Takes a reference to settings. */
DOR_MUST_USE dor_result dor__conn_new(dor_ssl_local *local, dor_settings *settings, dor_pid owner,
                                      bool monitor, dor_connection **c);

/** A connection for whoever sent the request (connect, upgrade), which it begins with; answers it when there can be none. */
void dor__conn_begin(dor_scheduler *s, dor_settings *settings, dor_message *message);

/** Gives it its transport (tcp over fd, which is taken even on failure) and counts it. */
DOR_MUST_USE dor_result dor__conn_attach_fd(dor_connection *c, int fd);
/** The same over a connection of its settings' module. */
DOR_MUST_USE dor_result dor__conn_attach_module(dor_connection *c, void *end);
void dor__conn_count(dor_connection *c);

/** The last thing in every entry. */
void dor__conn_settle(dor_connection *c);

/** Handles a request at once; for the actor's own receive and for callers on the same scheduler. */
void dor__conn_request(dor_connection *c, dor_message *message);

/** Handles what others have said up to now, from wherever they are. */
void dor__conn_hear(dor_connection *c);

/** Watches the mailbox's present owner, whoever it is by now. */
void dor__conn_watch_owner(dor_connection *c);

/** The owner's side ends: no more events. discard: those that wait go, too. */
void dor__conn_retire(dor_connection *c, bool discard);

/** An event of this socket, for its caller to fill; NULL when out of memory. */
dor_message *dor__conn_event(dor_connection *c, uint32_t type);

/** Posts an event that carries no data; false when out of memory. */
bool dor__conn_post(dor_connection *c, uint32_t type, int reason, dor_session *session);

void dor__conn_ready(void *user, unsigned events);
void dor__conn_touch(dor_connection *c); /* activity: wakes it if it hibernates */
void dor__conn_log(dor_connection *c, const char *what, int code);

/* ---- socket_handshake.c --------------------------------------------------------------------------------------- */

/** Begins TLS over the transport. `request`, or NULL, is answered when it is done. The handshake's limit starts now. */
void dor__conn_start_handshake(dor_connection *c, dor_message *request, uint32_t timeout_ms);
DOR_MUST_USE dor_result dor__conn_start_tls(dor_connection *c, const char *host);
void dor__conn_set_deadline(dor_connection *c, uint32_t timeout_ms);
void dor__conn_connected(dor_connection *c);
void dor__conn_open_failed(dor_connection *c, dor_result why); /* before it was open: tells and closes */
/** A client's session, for the next connection by the same rules. */
void dor__conn_remember(dor_connection *c, dor_session *session);
/** TLS 1.2's; tickets of TLS 1.3 come behind the handshake. */
void dor__conn_remember_session(dor_connection *c);
/** A client's connection failed: with a fatal alert, either way, its session is not resumed (RFC 5246 section 7.2.2). */
void dor__conn_forget_session(dor_connection *c, dor_result why);
void dor__conn_free_opening(dor_connection *c);
/** Of its listener's handshakes it is none any more. */
void dor__conn_shaken(dor_connection *c);

/** A request took its own settings along: they hold from now on. Takes the reference. */
void dor__conn_take_settings(dor_connection *c, dor_settings *settings);
/** The same, and what they ask of the transport otherwise than those before is done; an error if that is refused. */
DOR_MUST_USE dor_result dor__conn_override_settings(dor_connection *c, dor_settings *settings);

/* ---- socket_question.c ---------------------------------------------------------------------------------------- */

/** The engine asks. True when it was answered at once; else `rest`, ciphertext that it has not taken, is kept. */
bool dor__conn_question(dor_connection *c, dor_span rest);
/** Ciphertext that came while it asks: kept. False when it does not ask. */
bool dor__conn_keep(dor_connection *c, dor_span data);
/** DOR_MSG_SSL_CONTINUE: the owner has seen the hello. */
void dor__conn_continue(dor_connection *c, dor_message *message);
/** DOR_MSG_SSL_ANSWER: to the question that is open, or to one that is not. Takes it. */
void dor__conn_answered(dor_connection *c, dor_message *message);

/* ---- socket_second.c ------------------------------------------------------------------------------------------ */

/** DOR_MSG_SSL_RENEGOTIATE, DOR_MSG_SSL_REQUEST_CERTIFICATE: answered when it is over. */
void dor__conn_second(dor_connection *c, dor_message *message);
/** RENEGOTIATED, RENEGOTIATION_REFUSED, PEER_AUTHENTICATED. */
void dor__conn_second_event(dor_connection *c, dor_tls_event_kind kind);
/** Sees to the time of one that has begun or ended, by whomever. For dor__conn_settle. */
void dor__conn_watch_second(dor_connection *c);
/** Who waits for one is told why that is of no use any more. */
void dor__conn_second_over(dor_connection *c, dor_result why);
/** FLUSHING, with sends that cannot leave before a renegotiation is over. */
bool dor__conn_finishing_second(const dor_connection *c);
/** Of such: something came; it does so with these bytes; it will not come to its end. */
void dor__conn_second_readable(dor_connection *c);
void dor__conn_feed_second(dor_connection *c, uint8_t *data, size_t len);
void dor__conn_second_failed(dor_connection *c, dor_result why);

/* ---- connector.c ---------------------------------------------------------------------------------------------- */

void dor__conn_connect(dor_connection *c, dor_message *request);
void dor__conn_connect_ready(dor_connection *c);
void dor__conn_connect_cancel(dor_connection *c);
/** It fails for that reason: how each attempt went, if there were several. connector_race.c */
void dor__conn_connect_log(dor_connection *c, dor_result why);

/* ---- upgrade.c ------------------------------------------------------------------------------------------------ */

void dor__conn_upgrade(dor_connection *c, dor_message *request);

/* ---- downgrade.c ---------------------------------------------------------------------------------------------- */

void dor__conn_downgrade(dor_connection *c, dor_message *request);
/** Something came, or was written, in DOWNGRADING. */
void dor__conn_downgrade_readable(dor_connection *c);
void dor__conn_downgrade_written(dor_connection *c);
/** It will not come to it. */
void dor__conn_downgrade_failed(dor_connection *c, dor_result why);
/** OPEN: what came behind the peer's close_notify, for an owner who may answer that with a downgrade. */
void dor__conn_keep_rest(dor_connection *c, dor_span rest);

/* ---- serve.c -------------------------------------------------------------------------------------------------- */

/** A served connection has finished its handshake: makes its owner, which lifts `held` when it is ready. */
DOR_MUST_USE dor_result dor__serve_connected(dor_connection *c);
/** The connection has ended without an event that says so: its owner ends when it has handled what it has. */
void dor__serve_gone(dor_connection *c);
/** socket.c: the served owner has ended. */
void dor__conn_owner_gone(dor_connection *c);

/* ---- socket_read.c -------------------------------------------------------------------------------------------- */

void dor__conn_readable(dor_connection *c);
bool dor__conn_wants_read(const dor_connection *c);
/** Runs ciphertext (len may be 0) through the engine and acts upon what comes of it. */
void dor__conn_feed(dor_connection *c, uint8_t *data, size_t len);
/** Hands out what there is to the call or owner that wants it, and tells of the end behind it. */
void dor__conn_deliver(dor_connection *c);
void dor__conn_recv(dor_connection *c, dor_message *message);
/** The end of input: code DOR_OK for close_notify, TRUNCATED, or why it failed. The first one counts. */
void dor__conn_input_ended(dor_connection *c, int code);
void dor__conn_answer_recv(dor_connection *c, dor_result result, dor_buffer *data);

/** From now on input is cut by this mode: what waits there, too. */
void dor__conn_set_packet(dor_connection *c, dor_packet_mode mode);

/** With the end of a connection that has brought what is no packet: a copy of it. NULL: there is none, or no memory. */
dor_buffer *dor__conn_misfit(const dor_connection *c);

/** The modes that a connection begins with. */
void dor__conn_set_modes(dor_connection *c, const dor_socket_modes *modes);

static inline size_t dor__conn_input_len(const dor_connection *c)
{
    return c->input.len - c->input_taken;
}

/* ---- socket_send.c -------------------------------------------------------------------------------------------- */

void dor__conn_send(dor_connection *c, dor_message *message);
/** Whether a send of len bytes would be accepted now, the water mark aside. */
DOR_MUST_USE dor_result dor__conn_can_send(const dor_connection *c, size_t len);
/** Seals and writes as much as the transport takes, within the budget. */
void dor__conn_flush(dor_connection *c);
/** Has it done at the end of this turn, so that the sends of a turn leave together. */
void dor__conn_flush_later(dor_connection *c);
void dor__conn_fail_sends(dor_connection *c, dor_result why);
/** Bytes that were accepted and that the system has not taken: plaintext, and ciphertext when it is made. */
uint64_t dor__conn_send_pending(const dor_connection *c);
/** A send is answered with TIMEOUT. What was begun of it stays. False when there was no memory for that. */
bool dor__conn_expire_send(dor_connection *c, dor_message *message);
/** Lends the scheduler's output buffer to the engine, so that a quiet connection holds none. */
void dor__conn_lend_output(dor_connection *c);
bool dor__conn_has_output(const dor_connection *c);

/* ---- socket_send_limit.c -------------------------------------------------------------------------------------- */

/** The time of a send that has just been queued begins, if it has one. */
DOR_MUST_USE dor_result dor__conn_limit_send(dor_connection *c, dor_message *message);
/** It is over, or taken out of the queue. */
void dor__conn_unlimit_send(dor_connection *c, dor_send_request *send);

/* ---- socket_close.c ------------------------------------------------------------------------------------------- */

/**
 * Ends the peer's side. graceful: what was accepted for sending is written and close_notify sent, within linger_ms;
 * else only what the engine has to say (an alert) is.
 */
void dor__conn_begin_close(dor_connection *c, bool graceful);
/** Everything is written: FIN, and then the wait for the peer's. */
void dor__conn_output_done(dor_connection *c);
void dor__conn_drain(dor_connection *c);
/** Lets go of the transport now. */
void dor__conn_shut(dor_connection *c);
/** The connection failed: code to the owner, the alert to the peer. */
void dor__conn_fail(dor_connection *c, dor_result why);
void dor__conn_close_by(dor_connection *c, dor_pid caller);

/* ---- socket_query.c ------------------------------------------------------------------------------------------- */

DOR_MUST_USE dor_result dor__conn_command(dor_connection *c, const dor_ssl_command *command);

/* ---- socket_sleep.c ------------------------------------------------------------------------------------------- */

void dor__conn_sleep_later(dor_connection *c);
void dor__conn_sleep_timer(dor_timer *timer);

#endif
