/*
 * module.h - callback modules (dormouse/transport.h) behind the transport interface.
 *
 * A module tells of readiness from any thread, and once: an edge. Connections want levels. So what may be tried is
 * remembered until the module says that it would block, and as long as it may be and is wanted, a message to oneself
 * brings the next turn.
 *
 * Owning thread: the connection's scheduler, but for dor_transport_ready and the handle's count.
 */
#ifndef DOR_SSL_MODULE_H
#define DOR_SSL_MODULE_H

#include "runtime/scheduler.h"
#include "ssl/settings.h"
#include "ssl/transport.h"

typedef struct dor_listening dor_listening;

/** Takes the module's connection `end`, even on failure. connecting: it says by readiness to write when it is there. */
DOR_MUST_USE dor_result dor__module_new(dor_transport **t, const dor_transport_ops *ops, void *end,
                                        dor_pid actor, bool connecting, const dor_settings *settings,
                                        void (*ready)(void *, unsigned), void *user);

/** A DOR_MSG_SSL_READY has come. Takes it. */
void dor__module_woken(dor_message *message);

/** What a listener's module tells of connections. It holds the listening until its last reference goes. */
dor_transport_handle *dor__module_listener_handle(dor_listening *listening);

/** What a module gave as an error, as one of ours: a code that is none becomes INTERNAL. */
dor_result dor__module_error(int code);

#endif
