/*
 * event_mailbox.c - see event_mailbox.h and event_mailbox_private.h.
 *
 * Locking: each entry's lock guards all of it. Under it nothing is allocated, freed, sent or called; what is to be freed
 * or sent is carried out of it in local variables.
 *
 * Finding an entry from a handle: the runtime is entered, the slot looked up, the lock taken, and only then the tag
 * compared: entries are type-stable, and a tag changes under the lock alone.
 */
#include "runtime/event_mailbox_private.h"

/* ---- finding ---- */

/* The runtime and the locked entry of a handle; NULL when it is stale. Ends with unlock_handle. */
static dor_event_mailbox *lock_handle(dor_mailbox_handle handle, dor_runtime **runtime)
{
    if (dor__kind_of(handle) != DOR_KIND_MAILBOX) return NULL;
    *runtime = dor__runtime_enter_of(handle);
    if (!*runtime) return NULL;
    unsigned index = dor__scheduler_index_of(handle);
    dor_slab *slab = index < (*runtime)->count ? &(*runtime)->schedulers[index].mailboxes : NULL;
    dor_event_mailbox *b = slab ? (dor_event_mailbox *)dor__slab_at(slab, dor__slot_of(handle)) : NULL;
    if (b) {
        dor__lock(&b->lock);
        /* relaxed: the lock orders it. */
        uint32_t tag = atomic_load_explicit(&b->item.tag, memory_order_relaxed);
        if (tag == dor__tag(dor__generation_of(handle), DOR_SLAB_LIVE)) return b;
        dor__unlock(&b->lock);
    }
    dor__runtime_leave(*runtime);
    return NULL;
}

static void unlock_handle(dor_event_mailbox *b, dor_runtime *runtime)
{
    dor__unlock(&b->lock);
    dor__runtime_leave(runtime);
}

dor_mailbox_handle dor__event_mailbox_handle(const dor_event_mailbox *b)
{
    return dor__name(b->home->mailbox_home, b->slot, dor__slab_generation(&b->item));
}

/* ---- parts of the work under the lock ---- */

static void free_events(dor_message *events)
{
    while (events) {
        dor_message *next = (dor_message *)events->next_;
        events->next_ = NULL;
        dor__message_free(events);
        events = next;
    }
}

/* Takes all events, to be freed outside; notes that were about them lose their worth. */
static dor_message *empty(dor_event_mailbox *b)
{
    dor_message *events = b->first;
    b->first = b->last = NULL;
    b->kept_note = NULL;
    b->bytes = 0;
    b->epoch++;
    b->flags &= (uint8_t) ~(DOR_MAILBOX_NOTED | DOR_MAILBOX_PEEKED | DOR_MAILBOX_DISCARDED);
    if (b->low_message) { /* who discards is not waiting for room */
        b->low_message->next_ = events;
        events = b->low_message;
        b->low_message = NULL;
    }
    return events;
}

/* Discards now, or leaves it to the process that is looking at an event. */
static dor_message *discard_or_ask(dor_event_mailbox *b)
{
    if (!(b->flags & DOR_MAILBOX_PEEKING)) return empty(b);
    b->flags |= DOR_MAILBOX_DISCARDED;
    return NULL;
}

/*
 * Whether the entry's life is over: the producer is gone and nothing waits. Then its name is dead, and the caller
 * gives the slot back after it has unlocked.
 */
static bool ends_here(dor_event_mailbox *b)
{
    if (!(b->flags & DOR_MAILBOX_RETIRED) || b->first || b->flags & DOR_MAILBOX_PEEKING) return false;
    dor__slab_kill(&b->item);
    return true;
}

static void give_back(dor_event_mailbox *b)
{
    dor__slab_give(&b->home->mailboxes, &b->item, b->slot);
}

static size_t low_mark(const dor_event_mailbox *b)
{
    return *(size_t *)dor_message_payload(b->low_message);
}

/* What taking an event may owe the producer: found out under the lock, sent outside. */
static dor_message *low_reached(dor_event_mailbox *b)
{
    dor_message *m = b->low_message;
    if (!m || b->bytes > low_mark(b)) return NULL;
    b->low_message = NULL;
    m->to_ = b->producer;
    return m;
}

static void tell_low(dor_message *m)
{
    if (m) (void)dor__send(m->to_, m);
}

/* ---- what is said to the producer ---- */

static dor_message *last_said(const dor_event_mailbox *b)
{
    /* relaxed: under the lock, or on the producer's scheduler; see dor__event_mailbox_hear. */
    return atomic_load_explicit(&b->said, memory_order_relaxed);
}

static void set_said(dor_event_mailbox *b, dor_message *last)
{
    atomic_store_explicit(&b->said, last, memory_order_relaxed);
}

/* Under the lock. */
static void put_said(dor_event_mailbox *b, dor_message *m)
{
    dor_message *last = last_said(b);
    m->next_ = last ? last->next_ : m;
    if (last) last->next_ = m;
    set_said(b, m);
}

/* Under the lock: all of it, in a list for free_events. */
static dor_message *take_said(dor_event_mailbox *b)
{
    dor_message *last = last_said(b);
    if (!last) return NULL;
    dor_message *first = (dor_message *)last->next_;
    last->next_ = NULL;
    set_said(b, NULL);
    return first;
}

/* Under the lock: counts len bytes that are to be sent, if there is room. */
static dor_result reserve(dor_event_mailbox *b, size_t len, bool bounded)
{
    if (b->flags & DOR_MAILBOX_RETIRED) return dor__error(DOR_E_CLOSED);
    if (b->send_high == 0) return dor__error(DOR_E_ENOTCONN);
    if (bounded && b->send_queued >= b->send_high) {
        b->flags |= DOR_MAILBOX_WRITABLE_OWED;
        return dor__error(DOR_E_BUSY);
    }
    b->send_queued += len;
    return DOR_SUCCESS;
}

/* What somebody says, and what it takes to be heard. */
typedef struct saying {
    dor_pid by; /* the owner it must be; NONE: anybody */
    bool is_send, bounded;
    size_t len; /* of a send: what it counts for */
} saying;

/* Under the lock. */
static dor_result may_say(dor_event_mailbox *b, const saying *what)
{
    if (b->flags & DOR_MAILBOX_RETIRED) return dor__error(DOR_E_CLOSED);
    if (what->by != DOR_PID_NONE && b->owner != what->by) return dor__error(DOR_E_NOT_OWNER);
    return what->is_send ? reserve(b, what->len, what->bounded) : DOR_SUCCESS;
}

static dor_result say(dor_mailbox_handle handle, const saying *what, dor_message *m)
{
    dor_runtime *runtime;
    bool first = false;
    dor_message *word =
        dor__message_new(DOR_MSG_SAID, 0, NULL); /* made beforehand: nothing is made under the lock */
    if (!word) return dor__error(DOR_E_NOMEM);
    dor_event_mailbox *b = lock_handle(handle, &runtime);
    if (!b) {
        dor__message_free(word);
        return dor__error(DOR_E_CLOSED);
    }
    dor_pid producer = b->producer;
    dor_result result = may_say(b, what);
    if (dor__ok(result)) {
        first = !last_said(b);
        m->to_ = producer;
        put_said(b, m);
    }
    unlock_handle(b, runtime);
    /* Who is not the first finds the word of that one under way, or not sent yet, but sure to be. */
    if (first)
        (void)dor__send(producer, word); /* should it have ended, its retire sees to what was said */
    else
        dor__message_free(word);
    return result;
}

dor_result dor__handle_say(dor_mailbox_handle handle, dor_pid by, dor_message *m)
{
    return say(handle, &(saying){.by = by}, m);
}

dor_result dor__handle_say_send(dor_mailbox_handle handle, dor_message *m, size_t len, bool bounded)
{
    return say(handle, &(saying){.is_send = true, .bounded = bounded, .len = len}, m);
}

const dor_message *dor__event_mailbox_last_said(const dor_event_mailbox *b)
{
    return last_said(b);
}

dor_message *dor__event_mailbox_hear(dor_event_mailbox *b)
{
    DOR_ASSERT_OWNER(b->home);
    /* relaxed, without the lock: what was said before whatever made the caller come here is seen, since that is ordered by
     * other means; only this thread empties the list; and what is not seen yet has a word under way. */
    if (!last_said(b)) return NULL;
    dor__lock(&b->lock);
    dor_message *last = last_said(b), *first = (dor_message *)last->next_;
    if (first == last)
        set_said(b, NULL);
    else
        last->next_ = first->next_;
    dor__unlock(&b->lock);
    first->next_ = NULL;
    return first;
}

/* ---- notes ---- */

/* A note was thrown away undone: its receiver has ended. Events of a mailbox without a producer have nobody left. */
static void note_dropped(dor_message *m)
{
    dor_note *note = dor__note_of(m);
    dor_runtime *runtime;
    dor_message *events = NULL;
    bool over = false;
    dor_event_mailbox *b = lock_handle(note->handle, &runtime);
    if (!b) return;
    if (b->epoch == note->epoch) {
        b->flags &= (uint8_t)~DOR_MAILBOX_NOTED;
        b->kept_note = NULL;
        if (b->flags & DOR_MAILBOX_RETIRED) events = discard_or_ask(b);
        over = ends_here(b);
    }
    dor__unlock(&b->lock);
    free_events(events);
    if (over) give_back(b);
    dor__runtime_leave(runtime);
}

static dor_message *new_note(dor_pid owner)
{
    size_t size = dor__kind_of(owner) == DOR_KIND_PROCESS ? sizeof(dor_note) : offsetof(dor_note, is_seen);
    return dor__message_new(DOR_MSG_EVENTS_READY, size, note_dropped);
}

/* Under the lock. */
static void fill_note(const dor_event_mailbox *b, dor_message *m)
{
    dor_note *note = dor__note_of(m);
    note->handle = dor__event_mailbox_handle(b);
    note->epoch = b->epoch;
}

void dor__note_free(dor_message *note)
{
    note->destroy_ = NULL;
    dor__message_free(note);
}

bool dor__note_keep(dor_message *m, dor_pid owner, dor_message **kept)
{
    dor_note *note = dor__note_of(m);
    dor_runtime *runtime;
    bool keep = false;
    *kept = NULL;
    dor_event_mailbox *b = lock_handle(note->handle, &runtime);
    if (!b) return false;
    if (b->epoch == note->epoch && b->owner == owner) {
        *kept = b->kept_note;
        keep = !b->kept_note;
        if (keep) b->kept_note = m;
    }
    unlock_handle(b, runtime);
    return keep;
}

/* ---- the producer's side ---- */

dor_result dor__event_mailbox_new(dor_actor *producer, dor_pid owner, dor_event_mailbox **mailbox)
{
    dor_scheduler *s = producer->scheduler;
    void *item;
    uint32_t slot;
    DOR_ASSERT_OWNER(s);
    DOR_TRY(dor__slab_take(&s->mailboxes, &item, &slot));
    dor_event_mailbox *b = (dor_event_mailbox *)item;
    dor__lock(&b->lock); /* somebody may be looking at the slot with an old name */
    b->owner = owner;
    b->producer = producer->pid;
    b->home = s;
    b->first = b->last = b->kept_note = b->low_message = NULL;
    set_said(b, NULL);
    b->bytes = b->send_queued = 0;
    b->send_high = UINT32_MAX;
    b->slot = slot;
    b->epoch = 0;
    b->flags = 0;
    dor__slab_publish(&b->item);
    dor__unlock(&b->lock);
    *mailbox = b;
    return DOR_SUCCESS;
}

static void append(dor_event_mailbox *b, dor_message *event, size_t bytes)
{
    event->next_ = NULL;
    event->to_ = bytes;
    if (b->first)
        b->last->next_ = event;
    else
        b->first = event;
    b->last = event;
    b->bytes += bytes;
}

/* Whether the owner must be told: it has no valid note, or has one but sleeps over it. */
static bool note_needed(const dor_event_mailbox *b)
{
    return b->first && (!(b->flags & DOR_MAILBOX_NOTED) || b->flags & DOR_MAILBOX_PEEKED);
}

/*
 * Tells the owner, if need be. The note is made without the lock, so the owner is asked for first and whether it is
 * still needed, and still that one's, afterwards. Only the owner's own attach changes the owner: then it has seen to
 * the notes itself.
 */
static void notify(dor_event_mailbox *b, dor_pid owner)
{
    enum { RETRY_MS = 10 };
    dor_message *note = new_note(owner);
    if (!note) {
        if (!dor__timer_armed(&b->home->notes_timer))
            dor__timer_start(b->home, &b->home->notes_timer, RETRY_MS, dor__event_mailboxes_notify);
        return;
    }
    dor__lock(&b->lock);
    bool needed = note_needed(b) && b->owner == owner;
    if (needed) {
        fill_note(b, note);
        b->flags = (uint8_t)((b->flags | DOR_MAILBOX_NOTED) & ~DOR_MAILBOX_PEEKED);
    }
    dor__unlock(&b->lock);
    if (needed)
        (void)dor__send(owner, note);
    else
        dor__note_free(note);
}

size_t dor__event_mailbox_post(dor_event_mailbox *b, dor_message *event, size_t bytes)
{
    DOR_ASSERT_OWNER(b->home);
    dor__lock(&b->lock);
    append(b, event, bytes);
    size_t waiting = b->bytes;
    dor_pid owner = b->owner;
    bool needed = note_needed(b);
    dor__unlock(&b->lock);
    if (needed) notify(b, owner);
    return waiting;
}

size_t dor__event_mailbox_await_low(dor_event_mailbox *b, size_t low)
{
    DOR_ASSERT_OWNER(b->home);
    /* Made beforehand, since who brings the bytes down may be out of memory then; and so may we: see the header. */
    dor_message *m = dor__message_new(DOR_MSG_EVENTS_LOW, sizeof(size_t), NULL);
    dor__lock(&b->lock);
    size_t bytes = b->bytes;
    if (bytes > low) {
        if (!b->low_message) {
            b->low_message = m;
            m = NULL;
        }
        if (b->low_message)
            *(size_t *)dor_message_payload(b->low_message) = low;
        else
            bytes = low;
    }
    dor__unlock(&b->lock);
    dor__message_free(m);
    return bytes;
}

void dor__event_mailbox_retire(dor_event_mailbox *b, bool discard)
{
    DOR_ASSERT_OWNER(b->home);
    dor_message *events = NULL;
    dor__lock(&b->lock);
    b->flags |= DOR_MAILBOX_RETIRED;
    b->producer = DOR_PID_NONE;
    dor_message *low = b->low_message;
    b->low_message = NULL;
    dor_message *unheard = take_said(b);
    if (discard) events = discard_or_ask(b);
    bool over = ends_here(b), needed = note_needed(b);
    dor_pid owner = b->owner;
    dor__unlock(&b->lock);
    free_events(events);
    free_events(unheard);
    dor__message_free(low);
    if (over) give_back(b);
    /* Events without a note: should the owner have ended, then the note's own end finds that nobody is left for them. */
    if (needed) notify(b, owner);
}

void dor__event_mailbox_discard(dor_event_mailbox *b)
{
    DOR_ASSERT_OWNER(b->home);
    dor__lock(&b->lock);
    dor_message *events = discard_or_ask(b);
    dor__unlock(&b->lock);
    free_events(events);
}

dor_pid dor__event_mailbox_owner(dor_event_mailbox *b)
{
    dor__lock(&b->lock);
    dor_pid owner = b->owner;
    dor__unlock(&b->lock);
    return owner;
}

bool dor__event_mailbox_sent(dor_event_mailbox *b, size_t len, size_t low)
{
    DOR_ASSERT_OWNER(b->home);
    dor__lock(&b->lock);
    assert(b->send_queued >= len);
    b->send_queued -= len;
    bool tell = b->flags & DOR_MAILBOX_WRITABLE_OWED && b->send_queued <= low;
    if (tell) b->flags &= (uint8_t)~DOR_MAILBOX_WRITABLE_OWED;
    dor__unlock(&b->lock);
    return tell;
}

/* ---- the owner's side ---- */

/* Takes `event`, which follows `previous` (NULL: it is the first), out of the queue. */
static void unlink_event(dor_event_mailbox *b, dor_message *previous, dor_message *event)
{
    if (previous)
        previous->next_ = event->next_;
    else
        b->first = (dor_message *)event->next_;
    if (b->last == event) b->last = previous;
    b->bytes -= (size_t)event->to_;
    event->next_ = NULL;
}

/* What follows taking one: MORE or LAST, and what is owed outside the lock. */
static dor_take after_taking(dor_event_mailbox *b, dor_message **low, bool *over)
{
    *low = low_reached(b);
    if (b->first) return DOR_TAKE_MORE;
    b->flags &= (uint8_t)~DOR_MAILBOX_NOTED;
    b->kept_note = NULL;
    *over = ends_here(b);
    return DOR_TAKE_LAST;
}

static bool note_is_good(const dor_event_mailbox *b, const dor_note *note, dor_pid owner)
{
    return b->epoch == note->epoch && b->owner == owner;
}

/* Nothing there: a note of this epoch that is dropped now leaves the mailbox without one. */
static dor_take nothing_there(dor_event_mailbox *b)
{
    b->flags &= (uint8_t)~DOR_MAILBOX_NOTED;
    b->kept_note = NULL;
    return DOR_TAKE_GONE;
}

dor_take dor__event_mailbox_take(const dor_message *m, dor_pid owner, dor_message **event)
{
    const dor_note *note = dor__note_of(m);
    dor_runtime *runtime;
    dor_message *low = NULL;
    dor_take taken = DOR_TAKE_GONE;
    bool over = false;
    dor_event_mailbox *b = lock_handle(note->handle, &runtime);
    if (!b) return DOR_TAKE_GONE;
    if (note_is_good(b, note, owner)) {
        *event = b->first;
        if (!*event) {
            taken = nothing_there(b);
        } else {
            b->flags &= (uint8_t)~DOR_MAILBOX_PEEKED;
            unlink_event(b, NULL, *event);
            (*event)->to_ = owner;
            taken = after_taking(b, &low, &over);
        }
    }
    dor__unlock(&b->lock);
    if (over) give_back(b);
    dor__runtime_leave(runtime);
    tell_low(low);
    return taken;
}

/*
 * One event under the eyes of match: unlocked meanwhile. False when it may not be touched afterwards: everything was
 * discarded, or handed to another owner, while match looked on.
 */
static bool peek(dor_event_mailbox *b, const dor_note *note, dor_pid owner, dor_message *event,
                 dor_match_fn match, void *arg, bool *wanted)
{
    b->flags |= DOR_MAILBOX_PEEKING;
    dor__unlock(&b->lock);
    *wanted = match(event, arg) != 0;
    dor__lock(&b->lock);
    b->flags &= (uint8_t)~DOR_MAILBOX_PEEKING;
    return !(b->flags & DOR_MAILBOX_DISCARDED) && note_is_good(b, note, owner);
}

/* Under the lock, and at the end of it still; the event that is wanted, or NULL. *usable: see peek. */
static dor_message *search(dor_event_mailbox *b, dor_note *note, dor_pid owner, dor_match_fn match, void *arg,
                           bool *usable)
{
    bool wanted = false;
    dor_message *previous = note->seen;
    dor_message *event = previous ? (dor_message *)previous->next_ : b->first;
    *usable = true;
    while (event) {
        *usable = peek(b, note, owner, event, match, arg, &wanted);
        if (!*usable) return NULL;
        if (wanted) {
            unlink_event(b, previous, event);
            event->to_ = owner;
            return event;
        }
        previous = event;
        event = (dor_message *)event->next_;
    }
    note->seen = previous;
    b->flags |= DOR_MAILBOX_PEEKED;
    return NULL;
}

dor_take dor__event_mailbox_take_match(dor_message *m, dor_pid owner, uint64_t scan, dor_match_fn match,
                                       void *arg, dor_message **event)
{
    dor_note *note = dor__note_of(m);
    dor_runtime *runtime;
    dor_take taken = DOR_TAKE_GONE;
    dor_message *discarded = NULL, *low = NULL;
    bool over = false, usable;
    dor_event_mailbox *b = lock_handle(note->handle, &runtime);
    if (!b) return DOR_TAKE_GONE;
    if (note_is_good(b, note, owner)) {
        if (note->scan != scan) note->seen = NULL; /* another call may want what that one did not */
        note->scan = scan;
        b->flags &= (uint8_t)~DOR_MAILBOX_PEEKED;
        if (b->first) {
            *event = search(b, note, owner, match, arg, &usable);
            if (*event)
                taken = after_taking(b, &low, &over);
            else if (usable)
                taken = DOR_TAKE_NONE;
        } else {
            taken = nothing_there(b);
        }
        if (b->flags & DOR_MAILBOX_DISCARDED) discarded = empty(b);
        over = over || ends_here(b);
    }
    dor__unlock(&b->lock);
    if (over) give_back(b);
    free_events(discarded);
    dor__runtime_leave(runtime);
    tell_low(low);
    return taken;
}

/* ---- by handle, any thread ---- */

bool dor__handle_is_near(dor_mailbox_handle handle)
{
    const dor_scheduler *s = dor__current;
    return s && dor__home_of(handle) == s->mailbox_home;
}

bool dor__handle_sends(dor_mailbox_handle handle)
{
    dor_runtime *runtime;
    dor_event_mailbox *b = lock_handle(handle, &runtime);
    if (!b) return false;
    bool sends = b->send_high != 0;
    unlock_handle(b, runtime);
    return sends;
}

dor_pid dor__handle_producer(dor_mailbox_handle handle)
{
    dor_runtime *runtime;
    dor_event_mailbox *b = lock_handle(handle, &runtime);
    if (!b) return DOR_PID_NONE;
    dor_pid producer = b->producer;
    unlock_handle(b, runtime);
    return producer;
}

dor_pid dor__handle_owner(dor_mailbox_handle handle)
{
    dor_runtime *runtime;
    dor_event_mailbox *b = lock_handle(handle, &runtime);
    if (!b) return DOR_PID_NONE;
    dor_pid owner = b->owner;
    unlock_handle(b, runtime);
    return owner;
}

/* Under the lock: everything that attach changes. True when `note` has been filled in and must be sent. */
static bool hand_over(dor_event_mailbox *b, dor_pid to, dor_message *note)
{
    b->owner = to;
    b->epoch++;
    b->kept_note = NULL;
    b->flags &= (uint8_t) ~(DOR_MAILBOX_NOTED | DOR_MAILBOX_PEEKED);
    if (!b->first) return false;
    b->flags |= DOR_MAILBOX_NOTED;
    fill_note(b, note);
    return true;
}

dor_result dor__handle_attach(dor_mailbox_handle handle, dor_pid from, dor_pid to)
{
    dor_runtime *runtime;
    dor_result result = DOR_SUCCESS;
    bool send = false, alive = dor__pid_alive(to);
    dor_message *note = new_note(to);
    if (!note) return dor__error(DOR_E_NOMEM);
    dor_event_mailbox *b = lock_handle(handle, &runtime);
    if (!b) {
        dor__note_free(note);
        return dor__error(DOR_E_CLOSED);
    }
    if (b->flags & DOR_MAILBOX_RETIRED && !b->first)
        result = dor__error(DOR_E_CLOSED);
    else if (b->owner != from)
        result = dor__error(DOR_E_NOT_OWNER);
    else if (!alive)
        result = dor__error(DOR_E_NOPROC);
    else if (from != to)
        send = hand_over(b, to, note);
    unlock_handle(b, runtime);
    if (send)
        (void)dor__send(to, note); /* should `to` have ended meanwhile, the note's end sees to the events */
    else
        dor__note_free(note);
    return result;
}

size_t dor__handle_send_queued(dor_mailbox_handle handle)
{
    dor_runtime *runtime;
    dor_event_mailbox *b = lock_handle(handle, &runtime);
    if (!b) return 0;
    size_t queued = b->send_queued;
    unlock_handle(b, runtime);
    return queued;
}

void dor__event_mailbox_set_send_high(dor_event_mailbox *b, uint32_t high)
{
    DOR_ASSERT_OWNER(b->home);
    dor__lock(&b->lock);
    b->send_high = high;
    dor__unlock(&b->lock);
}

dor_result dor__handle_send_reserve(dor_mailbox_handle handle, size_t len, bool bounded, dor_pid *producer)
{
    dor_runtime *runtime;
    dor_event_mailbox *b = lock_handle(handle, &runtime);
    if (!b) return dor__error(DOR_E_CLOSED);
    dor_result result = reserve(b, len, bounded);
    if (dor__ok(result)) *producer = b->producer;
    unlock_handle(b, runtime);
    return result;
}

/* ---- all of a scheduler's ---- */

void dor__event_mailboxes_notify(dor_timer *timer)
{
    dor_scheduler *s = DOR_CONTAINER_OF(timer, dor_scheduler, notes_timer);
    uint32_t used = dor__slab_used(&s->mailboxes);
    for (uint32_t slot = 0; slot < used; slot++) {
        dor_event_mailbox *b = (dor_event_mailbox *)dor__slab_at(&s->mailboxes, slot);
        dor__lock(&b->lock);
        dor_pid owner = b->owner;
        bool needed = note_needed(b); /* never so for an entry that is free: nothing waits there */
        dor__unlock(&b->lock);
        if (needed) notify(b, owner);
    }
}

void dor__event_mailboxes_discard(dor_scheduler *s)
{
    uint32_t used = dor__slab_used(&s->mailboxes);
    for (uint32_t slot = 0; slot < used; slot++) {
        dor_event_mailbox *b = (dor_event_mailbox *)dor__slab_at(&s->mailboxes, slot);
        free_events(b->first);
        free_events(take_said(b));
        dor__message_free(b->low_message);
    }
}
