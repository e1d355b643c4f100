/* speaker.c - see speaker.h. */
#include "runtime/speaker.h"

#include <pthread.h>

_Thread_local dor_speaker dor__speaker;

static pthread_key_t exit_key;
static pthread_once_t exit_key_once = PTHREAD_ONCE_INIT;
static bool exit_key_made;

static void on_thread_exit(void *value)
{
    (void)value;
    (void)dor__port_leave();
    (void)dor__process_detach();
}

static void make_exit_key(void)
{
    exit_key_made = pthread_key_create(&exit_key, on_thread_exit) == 0;
}

dor_result dor__speaker_prepare(void)
{
    pthread_once(&exit_key_once, make_exit_key);
    if (!exit_key_made) return dor__error(DOR_E_LIMIT);
    /* The value only has to be something, so that the destructor is called when the thread ends. */
    return pthread_setspecific(exit_key, &exit_key) ? dor__error(DOR_E_NOMEM) : DOR_SUCCESS;
}

bool dor__may_block(void)
{
    return !dor__current && dor__speaker.port == DOR_PID_NONE;
}

dor_pid dor__guest_self(void)
{
    return dor__speaker.port ? dor__speaker.port : dor__speaker.process;
}

static dor_result enter_guest(dor_pid pid, dor_runtime **runtime, dor_guest **g)
{
    if (pid == DOR_PID_NONE) return dor__error(DOR_E_NO_PROCESS);
    *runtime = dor__runtime_enter_of(pid);
    if (!*runtime) return dor__error(DOR_E_STOPPED);
    *g = dor__guest_find(*runtime, pid);
    if (*g) return DOR_SUCCESS;
    dor__runtime_leave(*runtime);
    return dor__error(DOR_E_STOPPED);
}

dor_result dor__guest_enter_self(dor_runtime **runtime, dor_guest **g)
{
    if (dor__current) return dor__error(DOR_E_WOULD_DEADLOCK);
    return enter_guest(dor__guest_self(), runtime, g);
}

dor_result dor__process_enter(dor_runtime **runtime, dor_guest **g)
{
    if (!dor__may_block()) return dor__error(DOR_E_WOULD_DEADLOCK);
    return enter_guest(dor__speaker.process, runtime, g);
}
