/*
 * event_mailbox.h - the mailbox that a socket has for its owner's events.
 *
 * A producer (the socket actor) posts events; exactly one owner (actor or process) takes them. Events that
 * have not been taken belong to the mailbox, not to the owner: dor__event_mailbox_attach moves them all, in
 * order, exactly once, to a new owner, and the old one sees none of them any more. The owner's own mailbox
 * only ever holds a note that says "there is something in the event mailbox".
 *
 * A handle (64 bits: runtime, scheduler, slot, generation, and a mark that tells it from a pid) names the mailbox
 * from any thread, for as long as anybody likes: the slabs are never returned before the runtime is, so looking up
 * a stale handle is safe and answers NULL.
 *
 * Threads: functions that take a handle may be called anywhere; each entry has a lock of its own that is held for
 * a few instructions. Post, retire and the producer's fields are for the producer's thread.
 */
#ifndef DOR_RUNTIME_EVENT_MAILBOX_H
#define DOR_RUNTIME_EVENT_MAILBOX_H

#include "runtime/actor.h"

typedef uint64_t dor_mailbox_handle;
typedef struct dor_event_mailbox dor_event_mailbox;

/** A fresh mailbox of `producer` on its scheduler, attached to owner. */
DOR_MUST_USE dor_result dor__event_mailbox_new(dor_actor *producer, dor_pid owner,
                                               dor_event_mailbox **mailbox);

dor_mailbox_handle dor__event_mailbox_handle(const dor_event_mailbox *mailbox);

/**
 * Appends an event and tells the owner if the mailbox was empty. Takes the message even on failure. `bytes` is what
 * it counts for against the water marks. Returns the bytes now waiting, the new event's included.
 */
size_t dor__event_mailbox_post(dor_event_mailbox *mailbox, dor_message *event, size_t bytes);

/**
 * The bytes waiting now; when it is above `low`, also asks for a DOR_MSG_EVENTS_LOW (runtime/system_message.h) to the
 * producer once the owner has brought it to `low` or less. So the producer cannot miss the moment. Answers `low` when
 * there is no memory for that message: then go on, and ask again when the next event has been posted.
 */
size_t dor__event_mailbox_await_low(dor_event_mailbox *mailbox, size_t low);

/**
 * The producer is gone. The handle answers DOR_E_CLOSED from now on; events that wait can still be taken (and moved by
 * attach) and the entry is reused when they are. discard: free them now instead (the owner closed the socket).
 */
void dor__event_mailbox_retire(dor_event_mailbox *mailbox, bool discard);

/** Frees the events that wait, for the owner's own close. */
void dor__event_mailbox_discard(dor_event_mailbox *mailbox);

dor_pid dor__event_mailbox_owner(dor_event_mailbox *mailbox);

/**
 * Says something to the producer: message waits at the mailbox until the producer hears it, in one order with all that
 * is said to it from anywhere, and with attach. So what a former owner has said comes before all that the next one says,
 * wherever both are. by: only if that is the owner at this moment, else NOT_OWNER; NONE: whoever it is. CLOSED when the
 * handle is stale or the producer gone. Takes message only on success; when the producer ends without having heard it, it
 * is freed.
 */
DOR_MUST_USE dor_result dor__handle_say(dor_mailbox_handle handle, dor_pid by, dor_message *message);

/**
 * The oldest message that has been said and not heard, or NULL: for the producer, when DOR_MSG_SAID comes, and before it
 * does for a caller on its own scheduler what that one asks for without a message. Costs next to nothing when there is none.
 * Who has received a DOR_MSG_SAID leaves nothing unheard, or sends itself that message again: only the first message of
 * those that wait is announced by one.
 */
dor_message *dor__event_mailbox_hear(dor_event_mailbox *mailbox);

/** The youngest one: what there is to be heard goes up to it. Not to be touched. */
const dor_message *dor__event_mailbox_last_said(const dor_event_mailbox *mailbox);

/** Whether its producer is one that sends: see dor__event_mailbox_set_send_high. False when the handle is stale, too. */
bool dor__handle_sends(dor_mailbox_handle handle);

/** Whether the calling thread is the scheduler that the mailbox's producer lives on. */
bool dor__handle_is_near(dor_mailbox_handle handle);

/** The producer behind a handle: DOR_PID_NONE when it is gone. */
dor_pid dor__handle_producer(dor_mailbox_handle handle);
dor_pid dor__handle_owner(dor_mailbox_handle handle);

/**
 * Makes `to` the owner. `from` must be the present owner, else NOT_OWNER; CLOSED when the handle is stale; NOPROC when
 * `to` is dead. Effective when it returns: `from` is given no further event of this mailbox.
 */
DOR_MUST_USE dor_result dor__handle_attach(dor_mailbox_handle handle, dor_pid from, dor_pid to);

/** Bytes accepted for sending and not yet written, kept here so that every thread can see the water mark. */
size_t dor__handle_send_queued(dor_mailbox_handle handle);

/** The high-water mark of what is accepted for sending; 0: the producer sends nothing. Without it there is no mark. */
void dor__event_mailbox_set_send_high(dor_event_mailbox *mailbox, uint32_t high);

/**
 * Adds len to them, if bounded only while they are below the high-water mark: else BUSY, and the producer is remembered
 * to owe the owner a "writable" event. CLOSED when the handle is stale, ENOTCONN when nothing can be sent. *producer
 * gets the pid to send the data to.
 */
DOR_MUST_USE dor_result dor__handle_send_reserve(dor_mailbox_handle handle, size_t len, bool bounded,
                                                 dor_pid *producer);

/** The same for a caller who is not on the producer's scheduler, and the message about it is said. Takes it on success. */
DOR_MUST_USE dor_result dor__handle_say_send(dor_mailbox_handle handle, dor_message *message, size_t len,
                                             bool bounded);

/** The producer has written len of them; true when a "writable" event is owed and at most `low` are left. */
bool dor__event_mailbox_sent(dor_event_mailbox *mailbox, size_t len, size_t low);

#endif
