/* supervisor.c - dormouse/supervisor.h: checks arguments and forwards. What is refused is released here. */
#include "runtime/calls.h"
#include "runtime/supervisor_calls.h"

#include <string.h>

static int is_id(const char *id)
{
    size_t len = id ? strnlen(id, DOR_NAME_MAX + 1) : 0;
    return len > 0 && len <= DOR_NAME_MAX;
}

static int is_child(const dor_child_spec *spec, int with_id)
{
    return spec->start && (!with_id || is_id(spec->id)) && (unsigned)spec->restart <= DOR_TEMPORARY &&
           (unsigned)spec->type <= DOR_SUPERVISOR;
}

static int is_supervisor(const dor_supervisor_spec *spec)
{
    int simple = spec->strategy == DOR_SIMPLE_ONE_FOR_ONE;
    if ((unsigned)spec->strategy > DOR_SIMPLE_ONE_FOR_ONE || (simple && spec->child_count != 1)) return 0;
    for (size_t i = 0; i < spec->child_count; i++)
        if (!is_child(&spec->children[i], !simple)) return 0;
    return 1;
}

static void release(const dor_child_spec *spec)
{
    if (spec->release) spec->release(spec->arg);
}

int dor_supervisor_start(dor_runtime *runtime, const dor_supervisor_spec *spec, dor_pid *pid)
{
    dor_pid unwanted;
    if (!spec || (spec->child_count > 0 && !spec->children)) return DOR_E_BADARG;
    if (is_supervisor(spec)) return dor__supervisor_start(runtime, spec, pid ? pid : &unwanted).code;
    for (size_t i = 0; i < spec->child_count; i++)
        release(&spec->children[i]);
    return DOR_E_BADARG;
}

int dor_supervisor_stop(dor_pid supervisor)
{
    return dor__stop(supervisor, DOR_E_SHUTDOWN).code;
}

int dor_supervisor_add_child(dor_pid supervisor, const dor_child_spec *child, dor_pid *pid, dor_ref *ref)
{
    if (!child) return DOR_E_BADARG;
    if (is_child(child, 1)) return dor__supervisor_add_child(supervisor, child, pid, ref).code;
    release(child);
    return DOR_E_BADARG;
}

int dor_supervisor_start_child(dor_pid supervisor, void *extra, void (*release_extra)(void *extra),
                               dor_pid *pid, dor_ref *ref)
{
    return dor__supervisor_start_child(supervisor, extra, release_extra, pid, ref).code;
}

static int order(dor_pid supervisor, dor_supervisor_order what, const char *id, dor_pid *pid, dor_ref *ref)
{
    if (!is_id(id)) return DOR_E_BADARG;
    return dor__supervisor_order_by_id(supervisor, what, id, pid, ref).code;
}

int dor_supervisor_terminate_child(dor_pid supervisor, const char *id, dor_ref *ref)
{
    return order(supervisor, DOR_ORDER_TERMINATE, id, NULL, ref);
}

int dor_supervisor_terminate_pid(dor_pid supervisor, dor_pid child, dor_ref *ref)
{
    return dor__supervisor_terminate_pid(supervisor, child, ref).code;
}

int dor_supervisor_restart_child(dor_pid supervisor, const char *id, dor_pid *pid, dor_ref *ref)
{
    return order(supervisor, DOR_ORDER_RESTART, id, pid, ref);
}

int dor_supervisor_delete_child(dor_pid supervisor, const char *id, dor_ref *ref)
{
    return order(supervisor, DOR_ORDER_DELETE, id, NULL, ref);
}

int dor_supervisor_which_child(dor_pid supervisor, const char *id, dor_pid *pid, dor_ref *ref)
{
    return order(supervisor, DOR_ORDER_WHICH, id, pid, ref);
}

int dor_supervisor_count_children(dor_pid supervisor, dor_child_counts *counts)
{
    return counts ? dor__supervisor_count_children(supervisor, counts).code : DOR_E_BADARG;
}

int dor_supervisor_which_children(dor_pid supervisor, dor_child_info *children, size_t cap, size_t *count)
{
    if (!count || (cap > 0 && !children)) return DOR_E_BADARG;
    return dor__supervisor_which_children(supervisor, children, cap, count).code;
}
