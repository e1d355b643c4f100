/* port.c - dormouse/port.h: checks arguments and forwards. */
#include <dormouse/port.h>

#include "runtime/calls.h"

int dor_port_new(dor_runtime *runtime, const dor_mailbox_limits *limits, dor_port *port)
{
    return port ? dor__port_new(runtime, limits, port).code : DOR_E_BADARG;
}

int dor_port_close(dor_port port)
{
    return dor__port_close(port).code;
}

int dor_port_fd(dor_port port)
{
    int fd;
    dor_result result = dor__port_fd(port, &fd);
    return dor__ok(result) ? fd : result.code;
}

int dor_port_drain(dor_port port, dor_message **messages, size_t cap, size_t *count)
{
    if (!count || (!messages && cap)) return DOR_E_BADARG;
    return dor__port_drain(port, messages, cap, count).code;
}

int dor_port_enter(dor_port port)
{
    return dor__port_enter(port).code;
}

int dor_port_leave(void)
{
    return dor__port_leave().code;
}
