/*
 * supervisor_calls.h - what stands behind dormouse/supervisor.h, for the layers above. Needs no libuv.
 *
 * Arguments have been checked. Threads: any. A specification and an `extra` are taken even on failure.
 */
#ifndef DOR_RUNTIME_SUPERVISOR_CALLS_H
#define DOR_RUNTIME_SUPERVISOR_CALLS_H

#include "base/result.h"
#include <dormouse/supervisor.h>

/** What is asked of a supervisor: dor_supervisor_add_child and so on. */
typedef enum dor_supervisor_order {
    DOR_ORDER_ADD,
    DOR_ORDER_START,
    DOR_ORDER_TERMINATE,
    DOR_ORDER_TERMINATE_PID,
    DOR_ORDER_RESTART,
    DOR_ORDER_DELETE,
    DOR_ORDER_WHICH,
    DOR_ORDER_COUNT,
    DOR_ORDER_LIST
} dor_supervisor_order;

DOR_MUST_USE dor_result dor__supervisor_start(dor_runtime *runtime, const dor_supervisor_spec *spec,
                                              dor_pid *pid);

/* pid and ref as in the public calls: with a ref the answer comes as a message, else it is waited for. */
DOR_MUST_USE dor_result dor__supervisor_add_child(dor_pid supervisor, const dor_child_spec *spec,
                                                  dor_pid *pid, dor_ref *ref);
DOR_MUST_USE dor_result dor__supervisor_start_child(dor_pid supervisor, void *extra,
                                                    void (*release)(void *extra), dor_pid *pid, dor_ref *ref);
/** TERMINATE, RESTART, DELETE and WHICH. */
DOR_MUST_USE dor_result dor__supervisor_order_by_id(dor_pid supervisor, dor_supervisor_order what,
                                                    const char *id, dor_pid *pid, dor_ref *ref);
DOR_MUST_USE dor_result dor__supervisor_terminate_pid(dor_pid supervisor, dor_pid child, dor_ref *ref);
DOR_MUST_USE dor_result dor__supervisor_count_children(dor_pid supervisor, dor_child_counts *counts);
DOR_MUST_USE dor_result dor__supervisor_which_children(dor_pid supervisor, dor_child_info *children,
                                                       size_t cap, size_t *count);

#endif
