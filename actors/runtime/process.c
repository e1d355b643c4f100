/*
 * process.c - processes: ordinary threads with a mailbox, which may block.
 *
 * A thread knows its process by pid alone and enters the runtime for each call, so a runtime can be stopped, and its
 * memory freed, while threads are still attached to it: their next call answers DOR_E_STOPPED.
 *
 * `lock` guards what other threads touch: the queue of incoming messages and the watchers. What has been received and
 * not asked for yet ("kept"), the notes of event mailboxes and the monitors belong to the process's thread.
 *
 * Notes are kept in two lists: those that the present receive has yet to look into, and those where it found nothing.
 */
#include "runtime/event_mailbox_private.h"

#include <pthread.h>

typedef struct note_list {
    dor_message *first;
    dor_message *last;
} note_list;

typedef struct process {
    dor_slab_item item;
    bool made; /* the lock and the condition; they live as long as the slot */
    uv_mutex_t lock;
    uv_cond_t arrived;
    /* under the lock */
    dor_message *incoming_first;
    dor_message *incoming_last;
    dor_message *watchers;
    bool waiting;
    bool stopped;
    /* the thread's own */
    dor_pid pid;
    dor_message *kept_first;
    dor_message *kept_last;
    dor_message *scanned; /* the last kept message that the present receive has looked at */
    note_list unseen_notes;
    note_list seen_notes;
    uint64_t scan; /* numbers the receive calls */
    uint32_t watching;
    uint32_t slot;
    bool events_next; /* takes turns between messages and events */
} process;

static _Thread_local dor_pid self;
static pthread_key_t exit_key;
static pthread_once_t exit_key_once = PTHREAD_ONCE_INIT;
static bool exit_key_made;

/* ---- lists ---- */

static void append(dor_message **first, dor_message **last, dor_message *m)
{
    m->next_ = NULL;
    if (*first)
        (*last)->next_ = m;
    else
        *first = m;
    *last = m;
}

static void free_list(dor_message *m)
{
    while (m) {
        dor_message *next = (dor_message *)m->next_;
        m->next_ = NULL;
        dor__message_free(m);
        m = next;
    }
}

static void notes_append(note_list *list, dor_message *note)
{
    dor__note_of(note)->previous = list->first ? list->last : NULL;
    append(&list->first, &list->last, note);
}

static void notes_remove(note_list *list, dor_message *note)
{
    dor_message *next = (dor_message *)note->next_, *previous = dor__note_of(note)->previous;
    if (previous)
        previous->next_ = next;
    else
        list->first = next;
    if (next)
        dor__note_of(next)->previous = previous;
    else
        list->last = previous;
    note->next_ = NULL;
}

/* ---- beginning and end ---- */

dor_result dor__processes_init(dor_runtime *runtime, uint32_t first_generation)
{
    DOR_TRY(dor__slab_init(&runtime->processes, sizeof(process), first_generation));
    return dor__slab_init(&runtime->process_monitors, sizeof(dor_monitor_entry), first_generation);
}

dor_pid dor__process_self(void)
{
    return self;
}

/* Enters the runtime of the calling thread's process. */
static dor_result enter_self(dor_runtime **runtime, process **p)
{
    if (dor__current) return dor__error(DOR_E_WOULD_DEADLOCK);
    if (self == DOR_PID_NONE) return dor__error(DOR_E_NO_PROCESS);
    *runtime = dor__runtime_enter_of(self);
    if (!*runtime) return dor__error(DOR_E_STOPPED);
    *p = (process *)dor__slab_find(&(*runtime)->processes, self);
    if (*p) return DOR_SUCCESS;
    dor__runtime_leave(*runtime);
    return dor__error(DOR_E_STOPPED);
}

static dor_watcher watcher_of(dor_runtime *runtime, process *p)
{
    uint32_t home = dor__name_home(DOR_KIND_PROCESS_MONITOR, runtime->index, 0);
    return (dor_watcher){p->pid, &p->watching, &runtime->process_monitors, home};
}

/* The end of a process, whoever brings it about: its thread, or the end of the runtime. */
static void end(dor_runtime *runtime, process *p, int reason)
{
    uv_mutex_lock(&p->lock);
    dor__slab_kill(&p->item); /* under the lock: no message comes in afterwards */
    dor_message *incoming = p->incoming_first, *watchers = p->watchers;
    p->incoming_first = p->incoming_last = p->watchers = NULL;
    uv_mutex_unlock(&p->lock);

    dor_message *lists[] = {incoming, p->kept_first, p->unseen_notes.first, p->seen_notes.first};
    p->kept_first = p->kept_last = NULL;
    p->unseen_notes = p->seen_notes = (note_list){NULL, NULL};
    dor_watcher watcher = watcher_of(runtime, p);
    dor__unwatch_all(&watcher);
    dor__watchers_tell(watchers, p->pid, reason);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        free_list(lists[i]);
}

dor_result dor__process_detach(void)
{
    dor_runtime *runtime;
    process *p;
    dor_result result = enter_self(&runtime, &p);
    if (result.code == DOR_E_WOULD_DEADLOCK) return result;
    self = DOR_PID_NONE;
    DOR_TRY(result);
    uint32_t slot = p->slot;
    end(runtime, p, DOR_OK);
    dor__slab_give(&runtime->processes, &p->item, slot);
    dor__runtime_leave(runtime);
    return DOR_SUCCESS;
}

static void on_thread_exit(void *value)
{
    (void)value;
    (void)dor__process_detach();
}

static void make_exit_key(void)
{
    exit_key_made = pthread_key_create(&exit_key, on_thread_exit) == 0;
}

/* The lock and the condition, once per slot. */
static dor_result make(process *p)
{
    if (p->made) return DOR_SUCCESS;
    DOR_TRY_UV(uv_mutex_init(&p->lock));
    int error = uv_cond_init(&p->arrived);
    if (error) {
        uv_mutex_destroy(&p->lock);
        return dor__errno(-error);
    }
    p->made = true;
    return DOR_SUCCESS;
}

/* The runtime is entered. */
static dor_result begin(dor_runtime *runtime, dor_pid *pid)
{
    void *item;
    uint32_t slot;
    dor_result result = DOR_SUCCESS;
    uv_mutex_lock(&runtime->processes.lock);
    result = dor__slab_take_locked(&runtime->processes, &item, &slot);
    process *p = (process *)item;
    if (dor__ok(result)) {
        result = make(p);
        p->waiting = p->stopped = p->events_next = false;
        p->slot = slot;
        uint32_t home = dor__name_home(DOR_KIND_PROCESS, runtime->index, 0);
        p->pid = dor__name(home, slot, dor__slab_generation(&p->item));
        /* Still under the lock: a runtime that stops closes the slab and then finds every process. */
        if (dor__ok(result)) dor__slab_publish(&p->item);
    }
    uv_mutex_unlock(&runtime->processes.lock);
    if (dor__ok(result))
        *pid = p->pid;
    else if (item)
        dor__slab_give(&runtime->processes, &p->item, slot);
    return result;
}

dor_result dor__process_attach(dor_runtime *runtime, dor_pid *pid)
{
    dor_result result = DOR_SUCCESS;
    if (dor__current) return dor__error(DOR_E_WOULD_DEADLOCK);
    pthread_once(&exit_key_once, make_exit_key);
    if (!exit_key_made) return dor__error(DOR_E_LIMIT);
    DOR_TRY(dor__runtime_enter(&runtime));
    dor_runtime *present = self ? dor__runtime_enter_of(self) : NULL;
    if (present && !dor__slab_find(&present->processes, self)) {
        dor__runtime_leave(present); /* it was of an earlier runtime */
        present = NULL;
    }
    if (present && present != runtime)
        result = dor__error(DOR_E_BADARG); /* one mailbox a thread */
    else if (!present)
        result = begin(runtime, &self);
    /* The value only has to be something, so that the destructor is called when the thread ends. */
    if (dor__ok(result) && pthread_setspecific(exit_key, &exit_key) != 0 && !present) {
        (void)dor__process_detach();
        result = dor__error(DOR_E_NOMEM);
    }
    if (present) dor__runtime_leave(present);
    dor__runtime_leave(runtime);
    if (dor__ok(result) && pid) *pid = self;
    return result;
}

static process *live_slot(dor_runtime *runtime, uint32_t slot)
{
    process *p = (process *)dor__slab_at(&runtime->processes, slot);
    /* acquire: see dor__slab_publish. */
    uint32_t tag = atomic_load_explicit(&p->item.tag, memory_order_acquire);
    return (tag & 3) == DOR_SLAB_LIVE ? p : NULL;
}

void dor__processes_stop(dor_runtime *runtime)
{
    dor__slab_close(&runtime->processes);
    uint32_t used = dor__slab_used(&runtime->processes);
    for (uint32_t slot = 0; slot < used; slot++) {
        process *p = live_slot(runtime, slot);
        if (!p) continue;
        uv_mutex_lock(&p->lock);
        p->stopped = true;
        uv_cond_signal(&p->arrived);
        uv_mutex_unlock(&p->lock);
    }
}

void dor__processes_fini(dor_runtime *runtime)
{
    uint32_t used = dor__slab_used(&runtime->processes);
    for (uint32_t slot = 0; slot < used; slot++) {
        process *p = (process *)dor__slab_at(&runtime->processes, slot);
        if (live_slot(runtime, slot)) end(runtime, p, DOR_E_STOPPED);
        if (!p->made) continue;
        uv_mutex_destroy(&p->lock);
        uv_cond_destroy(&p->arrived);
    }
    dor__slab_fini(&runtime->processes);
    dor__slab_fini(&runtime->process_monitors);
}

/* ---- for other threads ---- */

/* The locked process of a pid, or NULL. Its lock lives as long as the slot, so a stale pid finds a lock too. */
static process *lock_process(dor_runtime *runtime, dor_pid pid)
{
    process *p = (process *)dor__slab_find(&runtime->processes, pid);
    if (!p) return NULL;
    uv_mutex_lock(&p->lock);
    if (dor__slab_find(&runtime->processes, pid)) return p; /* the tag is killed under the lock only */
    uv_mutex_unlock(&p->lock);
    return NULL;
}

dor_result dor__process_send(dor_runtime *runtime, dor_pid to, dor_message *m)
{
    process *p = lock_process(runtime, to);
    if (!p) return dor__error(DOR_E_NOPROC);
    if (m->type == DOR_MSG_MONITOR) {
        dor__watchers_add(&p->watchers, m);
    } else {
        append(&p->incoming_first, &p->incoming_last, m);
        if (p->waiting) {
            p->waiting = false; /* one signal will do */
            uv_cond_signal(&p->arrived);
        }
    }
    uv_mutex_unlock(&p->lock);
    return DOR_SUCCESS;
}

void dor__process_demonitor(dor_runtime *runtime, dor_pid pid, dor_message *node)
{
    process *p = lock_process(runtime, pid);
    if (!p) return;
    dor__watchers_remove(&p->watchers, node);
    uv_mutex_unlock(&p->lock);
    dor__message_free(node);
}

/* ---- monitors of the process ---- */

dor_result dor__process_watch(dor_pid watched, dor_ref *ref)
{
    dor_runtime *runtime;
    process *p;
    DOR_TRY(enter_self(&runtime, &p));
    dor_watcher watcher = watcher_of(runtime, p);
    dor_result result = dor__watch(&watcher, watched, ref);
    dor__runtime_leave(runtime);
    return result;
}

dor_result dor__process_unwatch(dor_ref ref)
{
    dor_runtime *runtime;
    process *p;
    DOR_TRY(enter_self(&runtime, &p));
    dor_watcher watcher = watcher_of(runtime, p);
    dor_result result = dor__unwatch(&watcher, ref);
    dor__runtime_leave(runtime);
    return result;
}

/* ---- receiving ---- */

typedef struct receiving {
    dor_runtime *runtime;
    process *p;
    dor_match_fn match; /* NULL: anything */
    void *arg;
} receiving;

/*
 * Whether the caller wants this message, which is DOWN_DUE until it is given out: then and not before the monitor is
 * over, so a dor_demonitor in between still takes it away.
 */
static bool wanted(const receiving *r, dor_message *m)
{
    if (m->type == DOR_MSG_DOWN_DUE) {
        m->type = DOR_MSG_DOWN;
        if (!r->match || r->match(m, r->arg)) return true;
        m->type = DOR_MSG_DOWN_DUE;
        return false;
    }
    return !r->match || r->match(m, r->arg);
}

/* Takes m, which follows previous, out of the kept messages. */
static void unkeep(process *p, dor_message *previous, dor_message *m)
{
    if (previous)
        previous->next_ = m->next_;
    else
        p->kept_first = (dor_message *)m->next_;
    if (p->kept_last == m) p->kept_last = previous;
    m->next_ = NULL;
}

/* The first message, of those that this call has not looked at, that is wanted. */
static dor_message *search_messages(const receiving *r)
{
    process *p = r->p;
    dor_watcher watcher = watcher_of(r->runtime, p);
    dor_message *previous = p->scanned;
    dor_message *m = previous ? (dor_message *)previous->next_ : p->kept_first;
    while (m) {
        dor_message *next = (dor_message *)m->next_;
        bool due = m->type == DOR_MSG_DOWN_DUE;
        if (due && !dor__watch_pending(&watcher, m)) {
            unkeep(p, previous, m);
            dor__message_free(m);
        } else if (wanted(r, m)) {
            unkeep(p, previous, m);
            p->scanned = previous;
            if (due) (void)dor__watch_ends(&watcher, m);
            return m;
        } else {
            previous = m;
        }
        m = next;
    }
    p->scanned = previous;
    return NULL;
}

/* Likewise in the event mailboxes that the process has notes of. */
static dor_message *search_events(const receiving *r)
{
    process *p = r->p;
    dor_message *note, *event = NULL;
    while ((note = p->unseen_notes.first) && !event) {
        notes_remove(&p->unseen_notes, note);
        dor_take taken = r->match
                             ? dor__event_mailbox_take_match(note, p->pid, p->scan, r->match, r->arg, &event)
                             : dor__event_mailbox_take(note, p->pid, &event);
        if (taken == DOR_TAKE_GONE) event = NULL;
        dor__note_of(note)->is_seen = taken == DOR_TAKE_NONE;
        if (taken == DOR_TAKE_NONE)
            notes_append(&p->seen_notes, note);
        else if (taken == DOR_TAKE_MORE)
            notes_append(&p->unseen_notes, note); /* behind the others: each mailbox has its turn */
        else
            dor__note_free(note);
    }
    return event;
}

static void keep_note(process *p, dor_message *note)
{
    dor_message *kept;
    if (dor__note_keep(note, p->pid, &kept)) {
        notes_append(&p->unseen_notes, note);
        return;
    }
    dor__note_free(note);
    if (!kept || !dor__note_of(kept)->is_seen) return;
    /* Something has come to a mailbox where this call has found nothing: look again. */
    dor__note_of(kept)->is_seen = 0;
    notes_remove(&p->seen_notes, kept);
    notes_append(&p->unseen_notes, kept);
}

/* What others have sent becomes the process's own. False when there was nothing. */
static bool take_incoming(process *p)
{
    uv_mutex_lock(&p->lock);
    dor_message *m = p->incoming_first;
    p->incoming_first = p->incoming_last = NULL;
    uv_mutex_unlock(&p->lock);
    bool some = m != NULL;
    while (m) {
        dor_message *next = (dor_message *)m->next_;
        if (m->type == DOR_MSG_EVENTS_READY)
            keep_note(p, m);
        else
            append(&p->kept_first, &p->kept_last, m);
        m = next;
    }
    return some;
}

/* Sleeps until something comes. */
static dor_result wait_until(process *p, uint32_t timeout_ms, uint64_t end_ns)
{
    dor_result result = DOR_SUCCESS;
    uv_mutex_lock(&p->lock);
    while (!p->incoming_first && dor__ok(result)) {
        uint64_t now = timeout_ms == DOR_INFINITY ? 0 : uv_hrtime();
        if (p->stopped) {
            result = dor__error(DOR_E_STOPPED);
        } else if (timeout_ms != DOR_INFINITY && now >= end_ns) {
            result = dor__error(DOR_E_TIMEOUT);
        } else {
            p->waiting = true;
            if (timeout_ms == DOR_INFINITY)
                uv_cond_wait(&p->arrived, &p->lock);
            else
                uv_cond_timedwait(&p->arrived, &p->lock, end_ns - now);
            p->waiting = false;
        }
    }
    uv_mutex_unlock(&p->lock);
    return result;
}

static dor_message *search(const receiving *r)
{
    process *p = r->p;
    dor_message *m;
    bool events = p->events_next;
    p->events_next = !events; /* neither a busy socket nor a busy sender keeps the other waiting */
    m = events ? search_events(r) : search_messages(r);
    if (!m) m = events ? search_messages(r) : search_events(r);
    return m;
}

/* A new call looks at everything again. */
static void start_scan(process *p)
{
    p->scan++;
    p->scanned = NULL;
    while (p->seen_notes.first) {
        dor_message *note = p->seen_notes.first;
        dor__note_of(note)->is_seen = 0;
        notes_remove(&p->seen_notes, note);
        notes_append(&p->unseen_notes, note);
    }
}

dor_result dor__process_receive(dor_message **message, dor_match_fn match, void *arg, uint32_t timeout_ms)
{
    receiving r = {.match = match, .arg = arg};
    dor_result result = enter_self(&r.runtime, &r.p);
    uint64_t end_ns = timeout_ms == DOR_INFINITY ? 0 : uv_hrtime() + (uint64_t)timeout_ms * 1000000;
    DOR_TRY(result);
    start_scan(r.p);
    (void)take_incoming(r.p);
    while (dor__ok(result) && !(*message = search(&r))) {
        if (!take_incoming(r.p)) result = wait_until(r.p, timeout_ms, end_ns);
    }
    dor__runtime_leave(r.runtime);
    return result;
}
