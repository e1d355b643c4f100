/* system_message.h - message types that stay inside the library (public ones: dormouse/actor.h). */
#ifndef DOR_RUNTIME_SYSTEM_MESSAGE_H
#define DOR_RUNTIME_SYSTEM_MESSAGE_H

#include <dormouse/actor.h>

enum {
    DOR_MSG_EVENTS_READY = 0x8000, /* to an owner: an event mailbox has something (never shown to user code) */
    DOR_MSG_EVENTS_LOW = 0x8001,   /* to a producer: its event mailbox is below the low-water mark */
    DOR_MSG_STOP = 0x8002,         /* to an actor: end after what came before */
    DOR_MSG_CALL = 0x8003,         /* to a scheduler: run a function */
    DOR_MSG_SSL_FIRST = 0x8100     /* the ssl application's requests start here */
};

#endif
