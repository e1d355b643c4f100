/*
 * system_message.h - message types that stay inside the library (public ones: dormouse/actor.h).
 *
 *     0 .. DOR_MSG_USER_MAX    seen by users; those from DOR_MSG_SSL_FIRST on are the ssl application's own requests
 *     DOR_MSG_REPLY_MARK       set in the type of a reply on its way; taken out when it is received
 *     DOR_MSG_SYSTEM ..        the runtime's own, never shown to anybody
 */
#ifndef DOR_RUNTIME_SYSTEM_MESSAGE_H
#define DOR_RUNTIME_SYSTEM_MESSAGE_H

#include <dormouse/actor.h>

enum {
    DOR_MSG_SSL_FIRST = 0x8100,
    DOR_MSG_REPLY_MARK = 0x20000000, /* beyond every user's type: see dor__is_system_message */
    DOR_MSG_SYSTEM = 0x40000000,
    DOR_MSG_EVENTS_READY = DOR_MSG_SYSTEM, /* to an owner: an event mailbox has something */
    DOR_MSG_EVENTS_LOW,                    /* to a producer: its event mailbox is below the low-water mark */
    DOR_MSG_SAID,                          /* to a producer: something is said at its event mailbox */
    DOR_MSG_STOP,                          /* to an actor: end after what came before */
    DOR_MSG_CALL,                          /* to a scheduler: run a function */
    DOR_MSG_SUPERVISOR_START, /* to a supervisor that another thread has made: start the children */
    DOR_MSG_SUPERVISOR_CALL,  /* to a supervisor, of its clients: becomes DOR_MSG_SUPERVISOR */
    DOR_MSG_DOWN_DUE,         /* to the watcher: becomes DOR_MSG_DOWN if it still wants to know */
    DOR_MSG_NO_REPLY_DUE,     /* to the one who asked: becomes DOR_MSG_NO_REPLY if it still waits */
    DOR_MSG_TIMER_ARM,        /* to a scheduler: arm a timer that another thread has made */
    DOR_MSG_TIMER_DROP,       /* to a scheduler: release a timer that another thread has cancelled */
    DOR_MSG_GATE,             /* to a scheduler: something waits at the gate that this lies in (gate.h) */
    DOR_MSG_SLEEP_ARM,        /* to an actor that has just been born: arm its timer (hibernate.c) */
    /* The urgent lane: these overtake the mailbox, and keep their order among themselves. See signals.h. */
    DOR_MSG_MONITOR,     /* to the watched: this very message becomes the DOWN, in due time */
    DOR_MSG_DEMONITOR,   /* to the watched: no DOWN any more */
    DOR_MSG_EXIT_SIGNAL, /* to anybody: end, or become DOR_MSG_EXIT */
    DOR_MSG_EXIT_LINKED, /* the same over a link: only where the receiver still has its half */
    DOR_MSG_LINK,        /* to anybody: this very message becomes the receiver's half of a link */
    DOR_MSG_UNLINK,      /* to anybody: no link any more */
    /* Of one that has ended, waiting for their turn to be told of it. */
    DOR_MSG_LINK_OVER, /* a half, about to become EXIT_LINKED */
    DOR_MSG_DOWN_OVER  /* a list of watchers, about to become DOWN_DUE one after the other */
};

_Static_assert((int)DOR_MSG_USER_MAX < (int)DOR_MSG_REPLY_MARK && (int)DOR_MSG_SSL_FIRST < (int)DOR_MSG_USER,
               "apart");

/** Whether the runtime looks at messages of this type itself: one comparison on the way of every message. */
static inline int dor__is_system_message(uint32_t type)
{
    return type >= (uint32_t)DOR_MSG_REPLY_MARK;
}

#endif
