/*
 * dormouse/port.h - owner ports: a mailbox for an event loop that is not ours.
 *
 * A port has a pid like an actor, so messages are sent to it, sockets owned by it, monitors and links made by it; and it
 * has a descriptor that is readable for as long as messages wait (level-triggered: poll, select, epoll, another libuv,
 * asyncio's add_reader), and a call that takes a batch of them without ever blocking.
 *
 * What waits is bounded: messages by dor_mailbox_limits, the events of its sockets by each socket's own water marks.
 *
 * Threads: every function may be called from any thread that is not a scheduler's; one at a time has the port.
 */
#ifndef DORMOUSE_PORT_H
#define DORMOUSE_PORT_H

#include <dormouse/actor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A port's pid is also its handle: safe to use after the port has been closed. */
typedef dor_pid dor_port;

enum { DOR_PORT_MESSAGES = 65536 /**< the default limit */ };

/**
 * A new port in runtime (NULL: the caller's, see dor_runtime_default). limits NULL: DOR_PORT_MESSAGES messages, refusing more.
 * DOR_E_WOULD_DEADLOCK on a scheduler thread; DOR_E_BADARG, DOR_E_NOMEM, DOR_E_LIMIT, DOR_E_STOPPED, class IO when there is no
 * descriptor left.
 */
DOR_API int dor_port_new(dor_runtime *runtime, const dor_mailbox_limits *limits, dor_port *port);

/**
 * Ends the port: sockets it owns are closed, monitors and links told (DOR_OK), what waits is freed, the descriptor closed.
 * Take the descriptor out of your event loop first. Due for every port, also when an exit signal or the end of the
 * runtime has ended it: its descriptor is left then. Waits for a thread that has the port; the thread that speaks for it may
 * close it. DOR_E_NOPROC when it is closed already.
 */
DOR_API int dor_port_close(dor_port port);

/**
 * The descriptor, or a negative code. It is the port's: to be watched for readability, never read, written or closed. It
 * is the same one until dor_port_close, and readable from the end of the port or its runtime on, so that the loop comes
 * to drain and learns of it.
 */
DOR_API int dor_port_fd(dor_port port);

/**
 * Takes up to cap messages (64 is a good number) and gives their count, 0 when none waits or on failure. The caller owns
 * them. The descriptor stays readable when some are left. Messages of one sender come in order; sockets and senders take
 * turns. DOR_E_NOPROC when the port is closed; DOR_E_STOPPED when its runtime is, and nothing waits; DOR_E_EXITED when an
 * exit signal has ended it: then nothing but its descriptor is left.
 */
DOR_API int dor_port_drain(dor_port port, dor_message **messages, size_t cap, size_t *count);

/**
 * Lets the calling thread speak for the port until dor_port_leave: dor_self is the port, and so monitors, links, requests,
 * and calls on sockets are made in its name. Blocking forms answer DOR_E_WOULD_DEADLOCK meanwhile, and so do attaching and
 * detaching. Not to be kept for longer than a few calls, since another thread's dor_port_enter, drain or close waits for it;
 * the end of the thread ends it. DOR_E_EALREADY when the thread speaks for a port already; DOR_E_NOPROC, DOR_E_STOPPED,
 * DOR_E_EXITED.
 */
DOR_API int dor_port_enter(dor_port port);

/** The thread is what it was before. DOR_E_NO_PROCESS when it speaks for no port. */
DOR_API int dor_port_leave(void);

#ifdef __cplusplus
}
#endif
#endif
