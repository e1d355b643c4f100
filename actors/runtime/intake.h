/*
 * intake.h - what other threads have sent to a scheduler comes in.
 *
 * There are two lanes, messages and signals, and a promise: when a thread sends a signal and then a message to the same
 * actor, the signal has been acted on before the message can be received. So messages are taken in batches, and a batch goes
 * into mailboxes only when all signals that were there when it was complete have been acted on: a mark in the urgent lane
 * says where that is. A flood of signals holds messages up for no longer than one queue for both would.
 *
 * Owning thread: the scheduler's.
 */
#ifndef DOR_RUNTIME_INTAKE_H
#define DOR_RUNTIME_INTAKE_H

#include "runtime/inbox.h"

typedef struct dor_scheduler dor_scheduler;

enum { DOR_INTAKE_BATCH = 128 };

typedef struct dor_intake {
    dor_message mark; /* in the urgent lane: the batch is ready when it comes out */
    bool marked;
    bool ready;
    unsigned next; /* of the batch, the first that has not been delivered */
    unsigned count;
    dor_message *batch[DOR_INTAKE_BATCH];
} dor_intake;

/** Takes in what there is, or what the turn has time for; counts it in *taken. */
void dor__intake(dor_scheduler *s, unsigned *taken);

/** Everything, however long it takes: nobody sends any more. */
void dor__intake_finish(dor_scheduler *s);

/** Whether messages have been taken out of the inbox and not been delivered. */
static inline bool dor__intake_pending(const dor_intake *in)
{
    return in->next < in->count;
}

#endif
