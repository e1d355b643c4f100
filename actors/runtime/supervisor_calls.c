/*
 * supervisor_calls.c - see supervisor_private.h: what others ask of a supervisor, on both sides.
 *
 * A call is a request (request.c), and the message that asks is the one that answers: so there is always memory for the
 * answer. Records of children are made by who asks, for the same reason.
 */
#include "runtime/supervisor_private.h"

#include "base/alloc.h"

#include <string.h>

/* Payload of DOR_MSG_SUPERVISOR_CALL and, behind what users see, of DOR_MSG_SUPERVISOR. */
typedef struct supervisor_call {
    dor_supervisor_reply reply; /* begins with the reference, as requests and replies do */
    dor_supervisor_order what;
    dor_pid pid;      /* TERMINATE_PID */
    dor_child *child; /* ADD, START: until the supervisor has taken it */
    char id[DOR_NAME_MAX + 1];
    dor_child_counts counts;
    dor_child_info *infos; /* LIST */
    size_t cap;
    size_t count;
} supervisor_call;

_Static_assert(offsetof(supervisor_call, reply) == 0 && offsetof(dor_supervisor_reply, ref) == 0,
               "where dor__request and dor__reply put the reference");

static supervisor_call *call_of(dor_message *m)
{
    return (supervisor_call *)dor_message_payload(m);
}

/* ---- the supervisor's side ---- */

void dor__supervisor_answer(dor_message *m, int result, dor_pid pid)
{
    supervisor_call *call = call_of(m);
    dor_child *child = call->child;
    call->child = NULL;
    dor__child_free(child);
    call->reply.result = result;
    call->reply.pid = pid;
    m->type = DOR_MSG_SUPERVISOR;
    m->next_ = NULL;
    (void)dor__reply(call->reply.ref, m);
}

/* ADD, START: the child that came with the call becomes the supervisor's. */
static void start_new(dor_supervisor *sup, dor_message *m)
{
    supervisor_call *call = call_of(m);
    dor_child *c = call->child;
    call->child = NULL;
    if (!c->own_kind) c->kind = sup->kind;
    dor__child_add(sup, c);
    dor_result result = dor__child_start(sup, c);
    dor_pid pid = c->pid;
    bool forgotten = dor__failed(result) || (c->state == DOR_CHILD_STOPPED &&
                                             (!c->own_kind || c->kind->spec.restart == DOR_TEMPORARY));
    if (forgotten) dor__child_forget(sup, c);
    dor__supervisor_answer(m, result.code, dor__ok(result) ? pid : DOR_PID_NONE);
}

static void terminate(dor_supervisor *sup, dor_child *c, dor_message *m)
{
    if (c->state == DOR_CHILD_RUNNING) {
        sup->work = DOR_WORK_TERMINATE;
        sup->at = sup->from = c;
        sup->asked_by = m; /* answered when it has ended */
        return;
    }
    dor__child_settle(sup, c);
    dor__supervisor_answer(m, DOR_OK, DOR_PID_NONE);
}

static void restart(dor_supervisor *sup, dor_child *c, dor_message *m)
{
    if (c->state != DOR_CHILD_STOPPED) {
        dor__supervisor_answer(m, DOR_E_CHILD_RUNNING, DOR_PID_NONE);
        return;
    }
    dor_result result = dor__child_start(sup, c);
    dor__supervisor_answer(m, result.code, dor__ok(result) ? c->pid : DOR_PID_NONE);
}

static void delete (dor_supervisor *sup, dor_child *c, dor_message *m)
{
    bool stopped = c->state == DOR_CHILD_STOPPED;
    if (stopped) dor__child_forget(sup, c);
    dor__supervisor_answer(m, stopped ? DOR_OK : DOR_E_CHILD_RUNNING, DOR_PID_NONE);
}

static void count(const dor_supervisor *sup, supervisor_call *call)
{
    dor_child_counts *counts = &call->counts;
    *counts = (dor_child_counts){.specs = sup->children, .active = sup->running, .restarts = sup->restarts};
    if (sup->kind) {
        counts->specs = 1;
        *(sup->kind->spec.type == DOR_SUPERVISOR ? &counts->supervisors : &counts->workers) = sup->children;
        return;
    }
    for (const dor_child *c = sup->first; c; c = c->next)
        ++*(c->kind->spec.type == DOR_SUPERVISOR ? &counts->supervisors : &counts->workers);
}

static int list(const dor_supervisor *sup, supervisor_call *call)
{
    size_t room = call->cap < sup->children ? call->cap : sup->children;
    call->count = sup->children;
    if (room == 0) return DOR_OK;
    call->infos = (dor_child_info *)dor__calloc(room, sizeof *call->infos);
    if (!call->infos) return DOR_E_NOMEM;
    dor_child_info *info = call->infos;
    for (const dor_child *c = sup->first; c && room > 0; c = c->next, room--, info++) {
        if (c->own_kind) memcpy(info->id, c->kind->id, sizeof info->id);
        info->pid = c->state == DOR_CHILD_RUNNING ? c->pid : DOR_PID_NONE;
        info->type = c->kind->spec.type;
        info->restart = c->kind->spec.restart;
    }
    return DOR_OK;
}

/* The child that a call is about, or why there is none. */
static dor_result find_child(dor_supervisor *sup, const supervisor_call *call, dor_child **c)
{
    bool by_pid = call->what == DOR_ORDER_TERMINATE_PID;
    if (by_pid != dor__supervisor_is_simple(sup)) return dor__error(DOR_E_EINVAL);
    *c = by_pid ? dor__child_find(sup, call->pid) : dor__child_find_id(sup, call->id);
    return *c ? DOR_SUCCESS : dor__error(DOR_E_NO_CHILD);
}

static void handle_new(dor_supervisor *sup, dor_message *m)
{
    const supervisor_call *call = call_of(m);
    if ((call->what == DOR_ORDER_START) != dor__supervisor_is_simple(sup))
        dor__supervisor_answer(m, DOR_E_EINVAL, DOR_PID_NONE);
    else if (call->what == DOR_ORDER_ADD && dor__child_find_id(sup, call->child->kind->id))
        dor__supervisor_answer(m, DOR_E_EALREADY, DOR_PID_NONE);
    else
        start_new(sup, m);
}

void dor__supervisor_handle_call(dor_supervisor *sup, dor_message *m)
{
    supervisor_call *call = call_of(m);
    dor_child *c;
    switch (call->what) {
    case DOR_ORDER_ADD:
    case DOR_ORDER_START: handle_new(sup, m); return;
    case DOR_ORDER_COUNT:
        count(sup, call);
        dor__supervisor_answer(m, DOR_OK, DOR_PID_NONE);
        return;
    case DOR_ORDER_LIST: dor__supervisor_answer(m, list(sup, call), DOR_PID_NONE); return;
    default: break;
    }
    dor_result result = find_child(sup, call, &c);
    if (dor__failed(result))
        dor__supervisor_answer(m, result.code, DOR_PID_NONE);
    else if (call->what == DOR_ORDER_TERMINATE || call->what == DOR_ORDER_TERMINATE_PID)
        terminate(sup, c, m);
    else if (call->what == DOR_ORDER_RESTART)
        restart(sup, c, m);
    else if (call->what == DOR_ORDER_DELETE)
        delete (sup, c, m);
    else
        dor__supervisor_answer(m, DOR_OK, c->state == DOR_CHILD_RUNNING ? c->pid : DOR_PID_NONE);
}

void dor__supervisor_call_message(dor_actor *a, dor_message *m)
{
    if (a->ops == &dor__supervisor_ops)
        a->ops->receive(a, m);
    else
        dor__supervisor_answer(m, DOR_E_NOPROC, DOR_PID_NONE);
}

/* ---- the caller's side ---- */

static void destroy_call(dor_message *m)
{
    supervisor_call *call = call_of(m);
    dor__child_free(call->child);
    dor__free(call->infos);
}

/* Takes the child even on failure. */
static dor_result new_call(dor_supervisor_order what, dor_child *child, dor_message **m)
{
    *m = dor__message_new(DOR_MSG_SUPERVISOR_CALL, sizeof(supervisor_call), destroy_call);
    if (!*m) {
        dor__child_free(child);
        return dor__error(DOR_E_NOMEM);
    }
    call_of(*m)->what = what;
    call_of(*m)->child = child;
    return DOR_SUCCESS;
}

/* Takes m, and on success gives the answer for it. */
static dor_result ask_and_wait(dor_pid supervisor, dor_message *m, dor_message **answer)
{
    if (dor__kind_of(supervisor) == DOR_KIND_ACTOR) return dor__call(supervisor, m, DOR_INFINITY, answer);
    dor__message_free(m);
    return dor__error(DOR_E_NOPROC);
}

static dor_result ask(dor_pid supervisor, dor_message *m, dor_pid *pid, dor_ref *ref)
{
    dor_message *answer;
    if (ref && dor__kind_of(supervisor) == DOR_KIND_ACTOR)
        return dor__request(supervisor, m, DOR_INFINITY, ref);
    DOR_TRY(ask_and_wait(supervisor, m, &answer));
    dor_supervisor_reply reply = call_of(answer)->reply;
    dor__message_free(answer);
    if (pid) *pid = reply.pid;
    return dor__error(reply.result);
}

dor_result dor__supervisor_add_child(dor_pid supervisor, const dor_child_spec *spec, dor_pid *pid,
                                     dor_ref *ref)
{
    dor_message *m;
    dor_child *c = dor__child_new(spec);
    if (!c) return dor__error(DOR_E_NOMEM);
    DOR_TRY(new_call(DOR_ORDER_ADD, c, &m));
    return ask(supervisor, m, pid, ref);
}

dor_result dor__supervisor_start_child(dor_pid supervisor, void *extra, void (*release)(void *extra),
                                       dor_pid *pid, dor_ref *ref)
{
    dor_message *m;
    dor_child *c = dor__child_new_simple(extra, release);
    if (!c) return dor__error(DOR_E_NOMEM);
    DOR_TRY(new_call(DOR_ORDER_START, c, &m));
    return ask(supervisor, m, pid, ref);
}

dor_result dor__supervisor_order_by_id(dor_pid supervisor, dor_supervisor_order what, const char *id,
                                       dor_pid *pid, dor_ref *ref)
{
    dor_message *m;
    DOR_TRY(new_call(what, NULL, &m));
    memcpy(call_of(m)->id, id, strnlen(id, DOR_NAME_MAX)); /* zeroed behind it */
    return ask(supervisor, m, pid, ref);
}

dor_result dor__supervisor_terminate_pid(dor_pid supervisor, dor_pid child, dor_ref *ref)
{
    dor_message *m;
    DOR_TRY(new_call(DOR_ORDER_TERMINATE_PID, NULL, &m));
    call_of(m)->pid = child;
    return ask(supervisor, m, NULL, ref);
}

dor_result dor__supervisor_count_children(dor_pid supervisor, dor_child_counts *counts)
{
    dor_message *m;
    DOR_TRY(new_call(DOR_ORDER_COUNT, NULL, &m));
    DOR_TRY(ask_and_wait(supervisor, m, &m));
    dor_result result = dor__error(call_of(m)->reply.result);
    *counts = call_of(m)->counts;
    dor__message_free(m);
    return result;
}

dor_result dor__supervisor_which_children(dor_pid supervisor, dor_child_info *children, size_t cap,
                                          size_t *count)
{
    dor_message *m;
    DOR_TRY(new_call(DOR_ORDER_LIST, NULL, &m));
    call_of(m)->cap = cap;
    DOR_TRY(ask_and_wait(supervisor, m, &m));
    supervisor_call *call = call_of(m);
    dor_result result = dor__error(call->reply.result);
    size_t given = call->count < cap ? call->count : cap;
    if (dor__ok(result) && given > 0) memcpy(children, call->infos, given * sizeof *children);
    *count = call->count;
    dor__message_free(m);
    return result;
}
