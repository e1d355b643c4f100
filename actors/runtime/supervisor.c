/*
 * supervisor.c - see dormouse/supervisor.h and supervisor_private.h: a supervisor's beginning, messages and end.
 *
 * Owning thread: the supervisor's scheduler, but for dor__supervisor_start, which any thread may call: it makes the
 * supervisor, and then either starts the children right there, as the supervisor, or waits for the scheduler to do it.
 *
 * That a child has ended is told by its link and by a monitor. The link is for the reason, also of a child that was linked
 * when it was spawned and ended before its start function returned; the monitor for children that unlink themselves.
 */
#include "runtime/supervisor_private.h"

#include "base/alloc.h"

/* ---- work ---- */

void dor__supervisor_end(dor_supervisor *sup, int reason)
{
    if (sup->ending) return;
    sup->ending = true;
    sup->end_reason = reason;
    dor__scheduler_defer(sup->base.scheduler, &sup->more);
}

static void finish_work(dor_supervisor *sup)
{
    dor_supervisor_work work = sup->work;
    dor_child *from = sup->from;
    dor_message *asked_by = sup->asked_by;
    sup->work = DOR_WORK_NONE;
    sup->from = NULL;
    sup->asked_by = NULL;
    if (work == DOR_WORK_END)
        dor__actor_end(&sup->base, sup->end_reason);
    else if (work == DOR_WORK_TERMINATE)
        dor__supervisor_answer(asked_by, DOR_OK, DOR_PID_NONE);
    else if (!sup->ending)
        dor__children_restart(sup, from);
}

void dor__supervisor_step(dor_supervisor *sup)
{
    while (sup->base.state != DOR_ACTOR_DEAD && !sup->strays && (sup->work || sup->ending)) {
        bool next_is_end = sup->ending && !sup->waiting && sup->work != DOR_WORK_TERMINATE;
        if (next_is_end && sup->work != DOR_WORK_END) {
            sup->work = DOR_WORK_END;
            sup->at = sup->last;
            sup->from = NULL;
        }
        if (!dor__children_end(sup)) return;
        finish_work(sup);
    }
    if (sup->base.state == DOR_ACTOR_DEAD || dor__supervisor_is_busy(sup)) return;
    if (sup->kept_first || sup->retry_first) dor__scheduler_defer(sup->base.scheduler, &sup->more);
}

void dor__supervisor_keep(dor_supervisor *sup, dor_message *m)
{
    m->next_ = NULL;
    if (sup->kept_first)
        sup->kept_last->next_ = m;
    else
        sup->kept_first = m;
    sup->kept_last = m;
}

static dor_pid pid_in(dor_message *m)
{
    _Static_assert(offsetof(dor_down, pid) == 0 && offsetof(dor_exit_notice, pid) == 0, "whichever it is");
    return *(dor_pid *)dor_message_payload(m);
}

/* A message that had to wait, or would have had to. */
static void handle(dor_supervisor *sup, dor_message *m)
{
    if (m->type == DOR_MSG_SUPERVISOR_CALL) {
        dor__supervisor_handle_call(sup, m);
        return;
    }
    dor_child *c = dor__child_find(sup, pid_in(m));
    if (c && c->state == DOR_CHILD_ENDED) dor__child_has_ended(sup, c); /* else it was ended with others */
    dor__message_free(m);
}

static void handle_or_keep(dor_supervisor *sup, dor_message *m)
{
    if (dor__supervisor_is_busy(sup) || sup->kept_first)
        dor__supervisor_keep(sup, m);
    else
        handle(sup, m);
    dor__supervisor_step(sup);
}

static void on_more(dor_deferred *deferred)
{
    dor_supervisor *sup = DOR_CONTAINER_OF(deferred, dor_supervisor, more);
    dor_scheduler *s = sup->base.scheduler;
    dor_actor *before = s->current;
    s->current = &sup->base;
    dor__supervisor_step(sup);
    for (unsigned left = DOR_SUPERVISOR_BATCH; left > 0; left--) {
        dor_message *m = sup->kept_first;
        if (!m || dor__supervisor_is_busy(sup) || sup->base.state == DOR_ACTOR_DEAD) break;
        sup->kept_first = (dor_message *)m->next_;
        m->next_ = NULL;
        handle(sup, m);
    }
    /* One in each round, so that whatever else comes is dealt with in between. */
    if (sup->retry_first && !dor__supervisor_is_busy(sup) && sup->base.state != DOR_ACTOR_DEAD)
        dor__child_restart(sup, sup->retry_first);
    dor__supervisor_step(sup);
    s->current = before;
}

/* ---- strays ---- */

dor_result dor__supervisor_ensure_spare(dor_supervisor *sup)
{
    if (!sup->spare) sup->spare = (dor_stray *)dor__calloc(1, sizeof *sup->spare);
    return sup->spare ? DOR_SUCCESS : dor__error(DOR_E_NOMEM);
}

void dor__supervisor_add_stray(dor_supervisor *sup, dor_pid pid, bool kill)
{
    if (kill) kill = dor__exit(pid, DOR_KILL).code == DOR_E_NOMEM;
    if (dor__failed(dor__supervisor_ensure_spare(sup)))
        return; /* a start function that left several behind */
    dor_stray *stray = sup->spare;
    sup->spare = NULL;
    stray->pid = pid;
    stray->kill = kill;
    stray->watched = dor__ok(dor__actor_monitor(&sup->base, pid, &stray->monitor));
    stray->next = sup->strays;
    sup->strays = stray;
    if (stray->kill || !stray->watched) dor__supervisor_poll_soon(sup);
}

static void forget_stray(dor_stray **place)
{
    dor_stray *stray = *place;
    *place = stray->next;
    dor__free(stray);
}

static void stray_ended(dor_supervisor *sup, dor_ref monitor)
{
    dor_stray **place = &sup->strays;
    while (*place && !((*place)->watched && (*place)->monitor == monitor))
        place = &(*place)->next;
    if (*place) forget_stray(place);
}

/* True when nobody has to be polled for. */
static bool poll_strays(dor_supervisor *sup)
{
    bool told = true;
    dor_stray **place = &sup->strays;
    while (*place) {
        dor_stray *stray = *place;
        if (stray->kill) stray->kill = dor__exit(stray->pid, DOR_KILL).code == DOR_E_NOMEM;
        if (stray->dead) {
            forget_stray(place);
            continue;
        }
        /* Its stop function has until the next time. */
        stray->dead = !stray->watched && !dor__pid_alive(stray->pid);
        if (stray->kill || !stray->watched) told = false;
        place = &stray->next;
    }
    return told;
}

/* ---- what no message tells of ---- */

/* DOWN messages that came too late to know the reason: when the link does not tell it either, they have to do. */
static void poll_doubts(dor_supervisor *sup)
{
    dor_linker self = dor__actor_linker(&sup->base);
    dor_message *m = sup->doubts;
    sup->doubts = NULL;
    while (m) {
        dor_message *next = (dor_message *)m->next_;
        dor_child *c = dor__child_find(sup, pid_in(m));
        m->next_ = NULL;
        if (!c || c->state != DOR_CHILD_RUNNING) {
            dor__message_free(m);
        } else if (dor__link_exists(&self, c->pid)) {
            m->next_ = sup->doubts;
            sup->doubts = m;
        } else {
            dor__child_ended(sup, c, DOR_E_NOPROC, m);
        }
        m = next;
    }
}

static void on_poll(dor_timer *timer)
{
    dor_supervisor *sup = DOR_CONTAINER_OF(timer, dor_supervisor, poll);
    dor_scheduler *s = sup->base.scheduler;
    dor_actor *before = s->current;
    if (sup->base.state == DOR_ACTOR_DEAD) return;
    s->current = &sup->base;
    bool told = poll_strays(sup);
    poll_doubts(sup);
    if (sup->base.state != DOR_ACTOR_DEAD && sup->unsent) dor__child_send_signal(sup);
    if (!told || sup->doubts) dor__supervisor_poll_soon(sup);
    dor__supervisor_step(sup);
    s->current = before;
}

void dor__supervisor_poll_soon(dor_supervisor *sup)
{
    if (sup->base.state != DOR_ACTOR_DEAD && !dor__timer_armed(&sup->poll))
        dor__timer_start(sup->base.scheduler, &sup->poll, DOR_SUPERVISOR_POLL_MS, on_poll);
}

/* ---- messages ---- */

static void on_exit_notice(dor_supervisor *sup, dor_message *m)
{
    dor_exit_notice notice = *(dor_exit_notice *)dor_message_payload(m);
    if (notice.pid == sup->parent && sup->parent != DOR_PID_NONE) {
        dor__supervisor_end(sup, notice.reason);
        dor__message_free(m);
        dor__supervisor_step(sup);
        return;
    }
    dor_child *c = dor__child_find(sup, notice.pid);
    /* A child may send any signal it likes; only one that is dead has ended. Strangers' are nobody's business. */
    if (c && c->state == DOR_CHILD_RUNNING && !dor__pid_alive(notice.pid))
        dor__child_ended(sup, c, notice.reason, m);
    else
        dor__message_free(m);
}

static void on_down(dor_supervisor *sup, dor_message *m)
{
    dor_down down = *(dor_down *)dor_message_payload(m);
    dor_linker self = dor__actor_linker(&sup->base);
    dor_child *c = dor__child_find(sup, down.pid);
    if (!c || c->state != DOR_CHILD_RUNNING || c->monitor != down.ref) {
        dor__message_free(m);
        stray_ended(sup, down.ref);
        dor__supervisor_step(sup);
    } else if (down.reason == DOR_E_NOPROC && dor__link_exists(&self, down.pid)) {
        m->next_ = sup->doubts;
        sup->doubts = m;
        dor__supervisor_poll_soon(sup);
    } else {
        dor__child_ended(sup, c, down.reason, m);
    }
}

/*
 * The first start of all children. When one fails, the supervisor ends, in its own time, and the code is returned: nothing
 * else is told to the one who started it, so they are linked no more.
 */
static int begin(dor_supervisor *sup)
{
    dor_child *failed = NULL;
    sup->begun = true;
    dor_result result = DOR_SUCCESS;
    if (!sup->ending) result = dor__children_start(sup, NULL, &failed);
    if (dor__failed(result)) dor__supervisor_end(sup, result.code);
    if (sup->ending && dor__ok(result)) result = dor__error(sup->end_reason);
    if (sup->ending && dor__ok(result)) result = dor__error(DOR_E_SHUTDOWN);
    if (dor__failed(result)) dor__actor_unlink(&sup->base, sup->parent);
    dor__supervisor_step(sup);
    return result.code;
}

static void tell_starter(dor_supervisor_starter *starter, int code)
{
    if (!starter) return;
    starter->code = code;
    uv_sem_post(&starter->done);
}

static void on_start(dor_supervisor *sup, dor_message *m)
{
    int refused = *(int *)dor_message_payload(m);
    dor__message_free(m);
    if (refused) dor__supervisor_end(sup, refused);
    if (begin(sup) != DOR_OK) return; /* it is told when all have ended */
    tell_starter(sup->starter, DOR_OK);
    sup->starter = NULL;
}

static void supervisor_receive(dor_actor *actor, dor_message *m)
{
    dor_supervisor *sup = dor__supervisor_of(actor);
    switch (m->type) {
    case DOR_MSG_EXIT: on_exit_notice(sup, m); return;
    case DOR_MSG_DOWN: on_down(sup, m); return;
    case DOR_MSG_SUPERVISOR_CALL: handle_or_keep(sup, m); return;
    case DOR_MSG_SUPERVISOR_START: on_start(sup, m); return;
    default: dor__message_free(m);
    }
}

static void supervisor_exit(dor_actor *actor, int reason)
{
    dor_supervisor *sup = dor__supervisor_of(actor);
    sup->begun = true; /* if it has not been, it will not be */
    dor__supervisor_end(sup, reason);
    dor__supervisor_step(sup);
}

/* ---- making and unmaking ---- */

static void free_messages(dor_message *m)
{
    while (m) {
        dor_message *next = (dor_message *)m->next_;
        m->next_ = NULL;
        dor__message_free(m);
        m = next;
    }
}

/* Frees a supervisor that is no actor, or none any more. */
static void unmake(dor_supervisor *sup)
{
    while (sup->strays) {
        dor_stray *next = sup->strays->next;
        dor__free(sup->strays);
        sup->strays = next;
    }
    dor__free(sup->spare);
    free_messages(sup->kept_first);
    free_messages(sup->doubts);
    dor__message_free(sup->asked_by);
    while (sup->last) {
        dor_child *c = sup->last;
        sup->last = c->previous;
        dor__child_free(c);
    }
    dor__child_table_fini(&sup->by_pid);
    dor__child_table_fini(&sup->by_id);
    dor__child_kind_free(sup->kind);
    dor__restart_log_fini(&sup->log);
    dor__free(sup);
}

static void supervisor_destroy(dor_actor *actor)
{
    dor_supervisor *sup = dor__supervisor_of(actor);
    dor_supervisor_starter *starter = sup->starter;
    int reason = actor->reason;
    dor__scheduler_undefer(actor->scheduler, &sup->more);
    dor__timer_stop(actor->scheduler, &sup->deadline);
    dor__timer_stop(actor->scheduler, &sup->poll);
    unmake(sup);
    tell_starter(starter, reason == DOR_OK ? DOR_E_SHUTDOWN : reason);
}

const dor_actor_ops dor__supervisor_ops = {
    .receive = supervisor_receive, .exit = supervisor_exit, .destroy = supervisor_destroy};

/* Takes the specifications, all of them, even on failure. */
static dor_result make(const dor_supervisor_spec *spec, dor_supervisor **made)
{
    dor_result result = DOR_SUCCESS;
    dor_supervisor *sup = (dor_supervisor *)dor__calloc(1, sizeof *sup);
    if (sup) {
        sup->strategy = spec->strategy;
        sup->intensity = spec->intensity;
        sup->period_ms = spec->period_ms ? spec->period_ms : (uint32_t)DOR_SUPERVISOR_PERIOD_MS;
        sup->more.fn = on_more;
        dor__child_table_init(&sup->by_pid, DOR_BY_PID);
        dor__child_table_init(&sup->by_id, DOR_BY_ID);
    } else {
        result = dor__error(DOR_E_NOMEM);
    }
    for (size_t i = 0; i < spec->child_count; i++) {
        const dor_child_spec *child = &spec->children[i];
        if (dor__ok(result) && dor__supervisor_is_simple(sup)) {
            sup->kind = dor__child_kind_new(child);
            if (!sup->kind) result = dor__error(DOR_E_NOMEM);
        } else if (dor__ok(result) && !dor__child_find_id(sup, child->id)) {
            dor_child *c = dor__child_new(child);
            if (c)
                dor__child_add(sup, c);
            else
                result = dor__error(DOR_E_NOMEM);
        } else {
            if (dor__ok(result)) result = dor__error(DOR_E_EALREADY);
            if (child->release) child->release(child->arg);
        }
    }
    if (dor__ok(result))
        *made = sup;
    else if (sup)
        unmake(sup);
    return result;
}

/* ---- starting ---- */

/* Makes sup an actor of s. What it needs to trap exits is there before anybody can send it any. */
static dor_result become_actor(dor_supervisor *sup, dor_scheduler *s, dor_pid *pid)
{
    sup->base.flags_ = DOR_ACTOR_TRAPS;
    sup->base.extra = (dor_actor_extra *)dor__calloc(1, sizeof *sup->base.extra);
    dor_result result = dor__error(DOR_E_NOMEM);
    if (sup->base.extra) result = dor__actor_begin(&sup->base, s, &dor__supervisor_ops, NULL, pid);
    if (dor__failed(result)) dor__free(sup->base.extra);
    return result;
}

/*
 * On the supervisor's own scheduler, as whoever calls. When a child cannot be started, the others cannot be waited for
 * here; a supervisor that calls waits for them before it starts anything again.
 */
static dor_result start_here(dor_scheduler *s, dor_supervisor *sup, dor_pid *pid)
{
    dor_actor *caller = s->current;
    dor_result result = become_actor(sup, s, pid);
    if (dor__failed(result)) {
        unmake(sup);
        return result;
    }
    if (caller) result = dor__actor_link(caller, *pid);
    s->current = &sup->base;
    if (dor__failed(result)) dor__supervisor_end(sup, result.code);
    int code = begin(sup);
    s->current = caller;
    if (code == DOR_OK) return DOR_SUCCESS;
    if (caller) dor__actor_unlink(caller, *pid);
    if (caller && caller->ops == &dor__supervisor_ops && caller->state != DOR_ACTOR_DEAD)
        dor__supervisor_add_stray(dor__supervisor_of(caller), *pid, false);
    return dor__error(code);
}

/*
 * From another thread: the scheduler starts the children, and posts the semaphore when it has, or when the supervisor has
 * ended, which it does in any case. Nothing of sup is ours once it is an actor.
 */
static dor_result send_there(dor_scheduler *s, dor_supervisor *sup, dor_pid *pid)
{
    dor_pid caller = sup->parent;
    dor_message *m = dor__message_new(DOR_MSG_SUPERVISOR_START, sizeof(int), NULL);
    dor_result result = m ? become_actor(sup, s, pid) : dor__error(DOR_E_NOMEM);
    if (dor__failed(result)) {
        dor__message_free(m);
        unmake(sup);
        return result;
    }
    if (caller != DOR_PID_NONE) *(int *)dor_message_payload(m) = dor__link(*pid).code;
    (void)dor__send(*pid, m);
    return DOR_SUCCESS;
}

/* The runtime is entered, and left. */
static dor_result start_there(dor_runtime *runtime, dor_scheduler *s, dor_supervisor *sup, dor_pid *pid)
{
    dor_supervisor_starter starter = {.code = DOR_OK};
    int error = uv_sem_init(&starter.done, 0);
    dor_result result = error ? dor__errno(-error) : DOR_SUCCESS;
    bool has_caller = sup->parent != DOR_PID_NONE;
    sup->starter = &starter;
    if (error)
        unmake(sup);
    else
        result = send_there(s, sup, pid);
    dor__runtime_leave(runtime);
    if (error) return result;
    if (dor__ok(result)) {
        uv_sem_wait(&starter.done);
        result = dor__error(starter.code);
        if (dor__failed(result) && has_caller)
            (void)dor__unlink(*pid); /* what failed is told by the code alone */
    }
    uv_sem_destroy(&starter.done);
    return result;
}

/* Where to start. On a scheduler's thread it can only be there, since nothing may be waited for. */
static dor_result find_place(dor_runtime *runtime, int wanted, dor_scheduler **s)
{
    DOR_TRY(dor__scheduler_place(runtime, wanted, s));
    return dor__current && *s != dor__current ? dor__error(DOR_E_WOULD_DEADLOCK) : DOR_SUCCESS;
}

dor_result dor__supervisor_start(dor_runtime *runtime, const dor_supervisor_spec *spec, dor_pid *pid)
{
    dor_supervisor *sup;
    dor_scheduler *s;
    dor_pid started = DOR_PID_NONE;
    *pid = DOR_PID_NONE;
    DOR_TRY(make(spec, &sup));
    dor_result result = dor__runtime_enter(&runtime);
    bool entered = dor__ok(result);
    if (entered) result = find_place(runtime, spec->scheduler, &s);
    if (dor__failed(result)) {
        if (entered) dor__runtime_leave(runtime);
        unmake(sup);
        return result;
    }
    sup->parent = dor__self();
    if (dor__current || runtime->simulation) {
        dor_scheduler *before = dor__current;
        dor__current = s; /* in a simulation nobody else is going to run it now */
        result = start_here(s, sup, &started);
        dor__current = before;
        dor__runtime_leave(runtime);
    } else {
        result = start_there(runtime, s, sup, &started);
    }
    if (dor__ok(result)) *pid = started;
    return result;
}
