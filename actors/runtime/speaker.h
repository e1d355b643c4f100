/*
 * speaker.h - whom a thread that is no scheduler's speaks for: the port that it has entered, else the process that it is.
 */
#ifndef DOR_RUNTIME_SPEAKER_H
#define DOR_RUNTIME_SPEAKER_H

#include "runtime/guest.h"

/** The calling thread's; DOR_PID_NONE where it is not so. */
typedef struct dor_speaker {
    dor_pid process;
    dor_pid port;
} dor_speaker;

extern _Thread_local dor_speaker dor__speaker;

/** Sees to it that the end of the calling thread leaves its port and ends its process. LIMIT, NOMEM. */
DOR_MUST_USE dor_result dor__speaker_prepare(void);

/** The calling thread's process, its runtime entered, for a call that may block. WOULD_DEADLOCK, NO_PROCESS, STOPPED. */
DOR_MUST_USE dor_result dor__process_enter(dor_runtime **runtime, dor_guest **g);

/** Its exit is due: it ends, with that reason, and its caller answers EXITED. */
void dor__process_exit(dor_runtime *runtime, dor_guest *g);

#endif
