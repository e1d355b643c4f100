/*
 * port.c - owner ports (dormouse/port.h): a guest whose speaker is whoever has the port at the moment, and whose descriptor
 * tells another event loop that something waits. What ports have in common with processes: guest.h.
 *
 * Having a port: a mark under the guest's lock, not a lock itself, so that a thread may keep it between calls
 * (dor_port_enter) without being inside the runtime, and the runtime may go meanwhile.
 *
 * The descriptor is readable if and only if `readable` is set. Under the guest's lock, but while a drain is going on,
 * `readable` is set whenever anything waits: who sends sets it, a drain clears it only when it leaves nothing. It is
 * also set, by mistake as it were, for a note whose events were given to another owner: then a drain gives nothing and
 * clears it. It stays set from the end of the port or the stopping of its runtime on.
 *
 * Threads: any that is not a scheduler's.
 */
#include "runtime/speaker.h"

#include <dormouse/port.h>

/* ---- having a port ---- */

/* The runtime of a port and the port, locked. On failure the code is for the caller's caller. */
static dor_result find_port(dor_port port, dor_runtime **runtime, dor_guest **g)
{
    if (dor__current) return dor__error(DOR_E_WOULD_DEADLOCK);
    if (dor__kind_of(port) != DOR_KIND_PROCESS) return dor__error(DOR_E_NOPROC);
    *runtime = dor__runtime_enter_of(port);
    if (*runtime) {
        *g = dor__guest_lock(*runtime, port);
        if (*g && (*g)->port) return DOR_SUCCESS;
        if (*g) uv_mutex_unlock(&(*g)->lock); /* a process */
        dor__runtime_leave(*runtime);
    }
    return dor__error(dor__port_record_code(port));
}

static void unlock(dor_runtime *runtime, dor_guest *g)
{
    uv_mutex_unlock(&g->lock);
    dor__runtime_leave(runtime);
}

/* Locked; true when the port is the caller's, false when it has gone, or is kept by another until the runtime stops. */
static bool wait_to_have(dor_runtime *runtime, dor_guest *g, dor_port port)
{
    while (g->had && !g->stopped) {
        g->awaited++;
        uv_cond_wait(&g->changed, &g->lock);
        g->awaited--;
        if (!dor__guest_find(runtime, port) || !g->port) return false; /* see abandon */
    }
    if (g->had) return false;
    g->had = true;
    return true;
}

/* As find_port, and the caller has the port. Ends with let_go, or with its end. */
static dor_result have(dor_port port, dor_runtime **runtime, dor_guest **g)
{
    DOR_TRY(find_port(port, runtime, g));
    if (dor__speaker.port == port || wait_to_have(*runtime, *g, port)) return DOR_SUCCESS;
    unlock(*runtime, *g);
    return dor__error(dor__port_record_code(port));
}

/* Under the lock. A thread that has entered the port keeps it. */
static void let_go(dor_guest *g, dor_port port)
{
    if (dor__speaker.port == port) return;
    g->had = false;
    if (g->awaited) uv_cond_broadcast(&g->changed);
}

/* ---- beginning and end ---- */

dor_result dor__port_new(dor_runtime *runtime, const dor_mailbox_limits *limits, dor_port *port)
{
    static const dor_mailbox_limits usual = {.messages = DOR_PORT_MESSAGES, .policy = DOR_MAILBOX_REFUSE};
    dor_port_record *record;
    if (dor__current) return dor__error(DOR_E_WOULD_DEADLOCK);
    if (limits && !dor__limits_good(limits)) return dor__error(DOR_E_BADARG);
    DOR_TRY(dor__runtime_enter_real(&runtime));
    dor_result result = dor__port_record_new(&record);
    if (dor__ok(result)) {
        result = dor__guest_begin(runtime, limits ? limits : &usual, record, port);
        if (dor__failed(result)) dor__port_record_free(record);
    }
    dor__runtime_leave(runtime);
    return result;
}

/*
 * Locked. Another thread has the port and the runtime is stopping: the guest is left to the end of the runtime, which is
 * near, and is nobody's port any more.
 */
static void abandon(dor_runtime *runtime, dor_guest *g, dor_port port)
{
    if (dor__guest_find(runtime, port)) g->port = NULL;
}

dor_result dor__port_close(dor_port port)
{
    dor_runtime *runtime;
    dor_guest *g;
    dor_result result = find_port(port, &runtime, &g);
    if (result.code == DOR_E_WOULD_DEADLOCK) return result;
    bool spoken = dor__speaker.port == port;
    if (spoken) dor__speaker.port = DOR_PID_NONE;
    if (dor__ok(result)) {
        if (spoken || wait_to_have(runtime, g, port)) {
            dor_port_record *record = g->port;
            uv_mutex_unlock(&g->lock);
            dor__guest_end(runtime, g, DOR_OK);
            dor__port_record_free(record); /* nobody finds the port any more */
            dor__runtime_leave(runtime);
            return DOR_SUCCESS;
        }
        abandon(runtime, g, port);
        unlock(runtime, g);
    }
    return dor__port_record_discard(port) ? DOR_SUCCESS : dor__error(DOR_E_NOPROC);
}

/* An exit signal has ended the port: locked, and the caller has it. Its descriptor stays, to be read from no more. */
static dor_result exit_port(dor_runtime *runtime, dor_guest *g, dor_port port)
{
    int reason = g->exit_reason;
    if (dor__speaker.port == port) dor__speaker.port = DOR_PID_NONE;
    dor__port_record_orphan(g->port, port, DOR_E_EXITED);
    uv_mutex_unlock(&g->lock);
    dor__guest_end(runtime, g, reason);
    dor__runtime_leave(runtime);
    return dor__error(DOR_E_EXITED);
}

dor_result dor__port_fd(dor_port port, int *fd)
{
    dor_runtime *runtime;
    dor_guest *g;
    dor_result result = find_port(port, &runtime, &g);
    if (dor__ok(result)) {
        *fd = g->port->wake.fd;
        unlock(runtime, g);
        return result;
    }
    *fd = dor__port_record_fd(port);
    return *fd >= 0 ? DOR_SUCCESS : result;
}

/* ---- draining ---- */

/* The end of a drain, which has found `count` messages: locked. */
static dor_result settle(dor_guest *g, size_t count)
{
    bool waits = dor__guest_keeps(g) || g->incoming.first || g->incoming_notes.first ||
                 g->incoming_exits.first || g->exit_due;
    if (!waits && !g->stopped && g->readable) {
        g->readable = g->news = false;
        dor__wake_fd_clear(&g->port->wake);
    }
    return g->stopped && count == 0 && !waits ? dor__error(DOR_E_STOPPED) : DOR_SUCCESS;
}

dor_result dor__port_drain(dor_port port, dor_message **messages, size_t cap, size_t *count)
{
    dor_receiving r = {.match = NULL};
    dor_message_list dropped = {NULL, NULL};
    size_t found = 0;
    *count = 0;
    DOR_TRY(have(port, &r.runtime, &r.guest));
    dor_guest *g = r.guest;
    if (g->exit_due) return exit_port(r.runtime, g, port);
    dor_message *notes = dor__guest_take(g);
    uv_mutex_unlock(&g->lock);
    dor__guest_keep_notes(g, notes);
    dor__guest_start_scan(g);
    while (found < cap && (messages[found] = dor__guest_search(&r)))
        found++;
    uv_mutex_lock(&g->lock);
    dor_send_waiter *served = dor__guest_put_back(g, &dropped);
    dor_result result = settle(g, found);
    let_go(g, port);
    unlock(r.runtime, g);
    dor__waiters_tell(served);
    dor__list_free(dropped.first);
    *count = found;
    return result;
}

/* ---- speaking for a port ---- */

dor_result dor__port_enter(dor_port port)
{
    dor_runtime *runtime;
    dor_guest *g;
    if (dor__current) return dor__error(DOR_E_WOULD_DEADLOCK);
    if (dor__speaker.port) return dor__error(DOR_E_EALREADY);
    DOR_TRY(dor__speaker_prepare());
    DOR_TRY(have(port, &runtime, &g));
    if (g->exit_due) return exit_port(runtime, g, port);
    dor__speaker.port = port;
    unlock(runtime, g);
    return DOR_SUCCESS;
}

dor_result dor__port_leave(void)
{
    dor_runtime *runtime;
    dor_guest *g;
    dor_port port = dor__speaker.port;
    if (port == DOR_PID_NONE) return dor__error(DOR_E_NO_PROCESS);
    dor__speaker.port = DOR_PID_NONE;
    if (dor__ok(find_port(port, &runtime, &g))) { /* else it has gone with its runtime */
        let_go(g, port);
        unlock(runtime, g);
    }
    return DOR_SUCCESS;
}
