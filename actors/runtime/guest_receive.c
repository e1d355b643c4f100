/*
 * guest_receive.c - see guest.h: what a guest has received, and finding in it what is wanted. The speaker's thread.
 */
#include "runtime/event_mailbox_private.h"
#include "runtime/guest.h"

/* ---- notes ---- */

static void notes_append(dor_message_list *list, dor_message *note)
{
    dor__note_of(note)->previous = list->first ? list->last : NULL;
    dor__list_append(list, note);
}

static void notes_remove(dor_message_list *list, dor_message *note)
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

/* ---- messages and events ---- */

/*
 * Whether the caller wants this message. One that depends on an entry is shown as what it will be, but becomes it only
 * when it is given out: then and not before the monitor or request is over, so it can be taken back in between.
 */
static bool wanted(const dor_receiving *r, dor_message *m)
{
    uint32_t type = m->type;
    if (r->answer_to) return dor__is_due(type) && dor__due_ref(m) == r->answer_to;
    if (!r->match) return true;
    m->type = dor__due_shown(type);
    bool is_wanted = r->match(m, r->arg);
    m->type = type;
    return is_wanted;
}

/* Takes m, which follows previous, out of the kept messages, to be given out or thrown away. */
static void unkeep(dor_guest *g, dor_message *previous, dor_message *m, uint32_t type)
{
    if (dor__counts(type)) {
        g->taken++;
        g->taken_bytes += dor__message_weight(m);
    }
    dor__list_remove(&g->kept, previous, m);
}

/* The first message, of those that this call has not looked at, that is wanted. */
static dor_message *search_messages(const dor_receiving *r)
{
    dor_guest *g = r->guest;
    dor_watcher watcher = dor__guest_watcher(r->runtime, g);
    dor_message *previous = g->scanned;
    dor_message *m = previous ? (dor_message *)previous->next_ : g->kept.first;
    while (m) {
        dor_message *next = (dor_message *)m->next_;
        uint32_t type = m->type; /* that it came in with, and that it was counted by */
        bool due = dor__is_due(type);
        dor_monitor_entry *entry = due ? dor__due_entry(&watcher, m) : NULL;
        if (due && !entry) {
            unkeep(g, previous, m, type);
            dor__message_free(m);
        } else if (wanted(r, m)) {
            unkeep(g, previous, m, type);
            g->scanned = previous;
            if (due) dor__due_receive(&watcher, entry, m);
            return m;
        } else {
            previous = m;
        }
        m = next;
    }
    g->scanned = previous;
    return NULL;
}

/* Likewise of the exit signals, which come before all others. One over a link counts until the guest unlinks. */
static dor_message *search_exits(const dor_receiving *r)
{
    dor_guest *g = r->guest;
    dor_message *previous = g->scanned_exit, *found = NULL;
    dor_message *m = previous ? (dor_message *)previous->next_ : g->exits.first;
    while (m && !found) {
        dor_message *next = (dor_message *)m->next_;
        uint32_t type = m->type;
        bool pending = dor__guest_exit_pending(g, m);
        m->type = DOR_MSG_EXIT; /* what match is to see */
        bool take = pending && (!r->match || r->match(m, r->arg));
        m->type = type;
        if (pending && !take) {
            previous = m;
        } else {
            dor__list_remove(&g->exits, previous, m);
            if (take && dor__guest_exit_received(g, m))
                found = m;
            else
                dor__message_free(m);
        }
        m = next;
    }
    g->scanned_exit = previous;
    if (found) found->type = DOR_MSG_EXIT;
    return found;
}

/* Likewise in the event mailboxes that the guest has notes of. */
static dor_message *search_events(const dor_receiving *r)
{
    dor_guest *g = r->guest;
    dor_message *note, *event = NULL;
    while ((note = g->unseen_notes.first) && !event) {
        notes_remove(&g->unseen_notes, note);
        dor_take taken = r->match
                             ? dor__event_mailbox_take_match(note, g->pid, g->scan, r->match, r->arg, &event)
                             : dor__event_mailbox_take(note, g->pid, &event);
        if (taken == DOR_TAKE_GONE) event = NULL;
        dor__note_of(note)->is_seen = taken == DOR_TAKE_NONE;
        if (taken == DOR_TAKE_NONE)
            notes_append(&g->seen_notes, note);
        else if (taken == DOR_TAKE_MORE)
            notes_append(&g->unseen_notes, note); /* behind the others: each mailbox has its turn */
        else
            dor__note_free(note);
    }
    return event;
}

static void keep_note(dor_guest *g, dor_message *note)
{
    dor_message *kept;
    if (dor__note_keep(note, g->pid, &kept)) {
        notes_append(&g->unseen_notes, note);
        return;
    }
    dor__note_free(note);
    if (!kept || !dor__note_of(kept)->is_seen) return;
    /* Something has come to a mailbox where this call has found nothing: look again. */
    dor__note_of(kept)->is_seen = 0;
    notes_remove(&g->seen_notes, kept);
    notes_append(&g->unseen_notes, kept);
}

dor_message *dor__guest_take(dor_guest *g)
{
    dor_message *notes = g->incoming_notes.first;
    g->incoming_notes = (dor_message_list){NULL, NULL};
    if (!g->kept.first) g->scanned = g->mark;
    g->mark = NULL;
    dor__list_join(&g->kept, &g->incoming);
    dor__list_join(&g->exits, &g->incoming_exits);
    g->news = false;
    if (g->limits.policy == DOR_MAILBOX_DROP_OLDEST) {
        g->held += g->counted;
        g->held_bytes += g->counted_bytes;
        g->counted = 0;
        g->counted_bytes = 0;
    }
    return notes;
}

void dor__guest_keep_notes(dor_guest *g, dor_message *notes)
{
    while (notes) {
        dor_message *next = (dor_message *)notes->next_;
        keep_note(g, notes);
        notes = next;
    }
}

dor_send_waiter *dor__guest_put_back(dor_guest *g, dor_message_list *dropped)
{
    if (!dor__guest_is_limited(g)) return NULL;
    g->counted += g->held - g->taken;
    g->counted_bytes += g->held_bytes - g->taken_bytes;
    g->held = g->taken = 0;
    g->held_bytes = g->taken_bytes = 0;
    if (g->limits.policy == DOR_MAILBOX_REFUSE) return dor__guest_serve(g);
    if (g->limits.policy != DOR_MAILBOX_DROP_OLDEST || !g->kept.first) return NULL;
    dor__list_join(&g->kept, &g->incoming);
    g->incoming = g->kept;
    g->kept = (dor_message_list){NULL, NULL};
    g->mark = g->scanned;
    dor__guest_trim(g, dropped);
    return NULL;
}

static dor_message *search(const dor_receiving *r)
{
    dor_guest *g = r->guest;
    dor_message *m;
    if (r->answer_to) return search_messages(r);
    m = search_exits(r);
    if (m) return m;
    bool events = g->events_next;
    g->events_next = !events; /* neither a busy socket nor a busy sender keeps the other waiting */
    m = events ? search_events(r) : search_messages(r);
    if (!m) m = events ? search_messages(r) : search_events(r);
    return m;
}

dor_message *dor__guest_search(const dor_receiving *r)
{
    dor_message *m = search(r);
    if (m && dor__traced(r->runtime, DOR_TRACE_RECEIVE)) dor__trace_receive(r->runtime, r->guest->pid, m);
    return m;
}

void dor__guest_start_scan(dor_guest *g)
{
    g->scan++;
    g->scanned = g->scanned_exit = NULL;
    while (g->seen_notes.first) {
        dor_message *note = g->seen_notes.first;
        dor__note_of(note)->is_seen = 0;
        notes_remove(&g->seen_notes, note);
        notes_append(&g->unseen_notes, note);
    }
}
