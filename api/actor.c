/* actor.c - dormouse/actor.h: checks arguments and forwards. */
#include "runtime/calls.h"

/* ---- messages ---- */

dor_message *dor_message_new(uint32_t type, size_t size, dor_message_destroy_fn destroy)
{
    return type >= DOR_MSG_USER && type <= DOR_MSG_USER_MAX ? dor__message_new(type, size, destroy) : NULL;
}

void dor_message_free(dor_message *message)
{
    dor__message_free(message);
}

dor_message *dor_message_new_buffer(uint32_t type, dor_buffer *buffer)
{
    if (buffer && type >= DOR_MSG_USER && type <= DOR_MSG_USER_MAX)
        return dor__message_new_buffer(type, buffer);
    dor__buffer_unref(buffer);
    return NULL;
}

const dor_buffer *dor_message_buffer(dor_message *message)
{
    return message ? dor__message_buffer(message) : NULL;
}

dor_buffer *dor_message_take_buffer(dor_message *message)
{
    return message ? dor__message_take_buffer(message) : NULL;
}

int dor_send(dor_pid to, dor_message *message)
{
    return message ? dor__send(to, message).code : DOR_E_BADARG;
}

int dor_send_wait(dor_pid to, dor_message *message, uint32_t timeout_ms)
{
    return message ? dor__send_wait(to, message, timeout_ms).code : DOR_E_BADARG;
}

int dor_send_after(dor_pid to, dor_message *message, uint32_t delay_ms, dor_ref *timer)
{
    return message ? dor__send_after(to, message, delay_ms, timer).code : DOR_E_BADARG;
}

int dor_cancel_timer(dor_ref timer)
{
    return dor__cancel_timer(timer).code;
}

dor_ref dor_make_ref(void)
{
    return dor__make_ref();
}

/* ---- runtimes ---- */

int dor_runtime_new(dor_runtime **runtime, const dor_runtime_options *options)
{
    return runtime ? dor__runtime_new(runtime, options).code : DOR_E_BADARG;
}

int dor_runtime_stop(dor_runtime *runtime, uint32_t deadline_ms)
{
    return dor__runtime_stop(runtime, deadline_ms).code;
}

dor_runtime *dor_runtime_default(void)
{
    dor_runtime *runtime;
    return dor__runtime_default(&runtime).code == DOR_OK ? runtime : NULL;
}

unsigned dor_runtime_scheduler_count(const dor_runtime *runtime)
{
    return runtime ? dor__runtime_scheduler_count(runtime) : 0;
}

/* ---- actors ---- */

int dor_spawn(dor_runtime *runtime, const dor_actor_spec *spec, dor_pid *pid)
{
    dor_pid unwanted;
    if (!spec || !spec->receive) return DOR_E_BADARG;
    return dor__spawn(runtime, spec, pid ? pid : &unwanted).code;
}

int dor_spawn_link(dor_runtime *runtime, const dor_actor_spec *spec, dor_pid *pid)
{
    dor_pid unwanted;
    if (!spec || !spec->receive) return DOR_E_BADARG;
    return dor__spawn_link(runtime, spec, pid ? pid : &unwanted).code;
}

int dor_spawn_monitor(dor_runtime *runtime, const dor_actor_spec *spec, dor_pid *pid, dor_ref *ref)
{
    dor_pid unwanted;
    dor_ref unwanted_ref;
    if (!spec || !spec->receive) return DOR_E_BADARG;
    return dor__spawn_monitor(runtime, spec, pid ? pid : &unwanted, ref ? ref : &unwanted_ref).code;
}

int dor_stop(dor_pid pid, int reason)
{
    return dor__stop(pid, reason).code;
}

int dor_hibernate(void)
{
    return dor__hibernate().code;
}

int dor_set_heir(dor_pid heir)
{
    return dor__set_heir(heir).code;
}

dor_pid dor_self(void)
{
    return dor__self();
}

int dor_is_alive(dor_pid pid)
{
    return dor__pid_alive(pid);
}

int dor_exit(dor_pid pid, int reason)
{
    return dor__exit(pid, reason).code;
}

int dor_exit_self(int reason)
{
    return dor__exit_self(reason).code;
}

int dor_trap_exit(int trap)
{
    return dor__trap_exit(trap != 0).code;
}

int dor_link(dor_pid pid)
{
    return dor__link(pid).code;
}

int dor_unlink(dor_pid pid)
{
    return dor__unlink(pid).code;
}

int dor_monitor(dor_pid pid, dor_ref *ref)
{
    dor_ref unwanted;
    return dor__monitor(pid, ref ? ref : &unwanted).code;
}

int dor_demonitor(dor_ref ref)
{
    return dor__demonitor(ref).code;
}

/* ---- names ---- */

int dor_register(dor_runtime *runtime, const char *name, dor_pid pid)
{
    return name ? dor__register(runtime, name, pid).code : DOR_E_BADARG;
}

int dor_unregister(dor_runtime *runtime, const char *name)
{
    return name ? dor__unregister(runtime, name).code : DOR_E_BADARG;
}

dor_pid dor_whereis(dor_runtime *runtime, const char *name)
{
    return name ? dor__whereis(runtime, name) : DOR_PID_NONE;
}

/* ---- requests ---- */

/* An application's message with room for a reference; otherwise it is freed. The library's have something else there. */
static int takes_ref(dor_message *message)
{
    if (!message) return 0;
    if (message->size >= sizeof(dor_ref) && message->type >= DOR_MSG_USER &&
        message->type <= DOR_MSG_USER_MAX)
        return 1;
    dor__message_free(message);
    return 0;
}

int dor_request(dor_pid to, dor_message *request, uint32_t timeout_ms, dor_ref *ref)
{
    dor_ref unwanted;
    if (!takes_ref(request)) return DOR_E_BADARG;
    return dor__request(to, request, timeout_ms, ref ? ref : &unwanted).code;
}

int dor_reply(dor_ref ref, dor_message *reply)
{
    return takes_ref(reply) ? dor__reply(ref, reply).code : DOR_E_BADARG;
}

int dor_cancel_request(dor_ref ref)
{
    return dor__cancel_request(ref).code;
}

int dor_call(dor_pid to, dor_message *request, uint32_t timeout_ms, dor_message **reply)
{
    if (!takes_ref(request)) return DOR_E_BADARG;
    if (reply) return dor__call(to, request, timeout_ms, reply).code;
    dor__message_free(request);
    return DOR_E_BADARG;
}

/* ---- processes ---- */

int dor_process_attach(dor_runtime *runtime, dor_pid *pid)
{
    return dor__process_attach(runtime, NULL, pid).code;
}

int dor_process_attach_limited(dor_runtime *runtime, const dor_mailbox_limits *limits, dor_pid *pid)
{
    return limits ? dor__process_attach(runtime, limits, pid).code : DOR_E_BADARG;
}

int dor_process_detach(void)
{
    return dor__process_detach().code;
}

int dor_receive(dor_message **message, uint32_t timeout_ms)
{
    return message ? dor__process_receive(message, NULL, NULL, timeout_ms).code : DOR_E_BADARG;
}

int dor_receive_match(dor_message **message, dor_match_fn match, void *arg, uint32_t timeout_ms)
{
    return message && match ? dor__process_receive(message, match, arg, timeout_ms).code : DOR_E_BADARG;
}
