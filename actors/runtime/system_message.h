/* system_message.h - message types that stay inside the library (public ones: dormouse/actor.h). */
#ifndef DOR_RUNTIME_SYSTEM_MESSAGE_H
#define DOR_RUNTIME_SYSTEM_MESSAGE_H

#include <dormouse/actor.h>

enum {
    DOR_MSG_EVENTS_READY =
        0x8000,                   /* to an owner: an event mailbox has something (never shown to user code) */
    DOR_MSG_EVENTS_LOW = 0x8001,  /* to a producer: its event mailbox is below the low-water mark */
    DOR_MSG_STOP = 0x8002,        /* to an actor: end after what came before */
    DOR_MSG_CALL = 0x8003,        /* to a scheduler: run a function */
    DOR_MSG_MONITOR = 0x8004,     /* to the watched: this very message becomes the DOWN, in due time */
    DOR_MSG_DEMONITOR = 0x8005,   /* to the watched: no DOWN any more */
    DOR_MSG_DOWN_DUE = 0x8006,    /* to the watcher: becomes DOR_MSG_DOWN if it still wants to know */
    DOR_MSG_TIMER_ARM = 0x8007,   /* to a scheduler: arm a timer that another thread has made */
    DOR_MSG_TIMER_DROP = 0x8008,  /* to a scheduler: release a timer that another thread has cancelled */
    DOR_MSG_RUNTIME_END = 0x8100, /* one past the runtime's own */
    DOR_MSG_SSL_FIRST = 0x8100    /* the ssl application's requests start here */
};

/** Whether the runtime deals with messages of this type itself: one comparison on the way of every message. */
static inline int dor__is_system_message(uint32_t type)
{
    return type - DOR_MSG_EVENTS_READY < (uint32_t)(DOR_MSG_RUNTIME_END - DOR_MSG_EVENTS_READY);
}

#endif
