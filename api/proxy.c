/* proxy.c - dormouse/proxy.h: checks arguments and forwards. */
#include <dormouse/proxy.h>
#include "caller.h"
#include "options_table.h"
#include "ssl/proxied.h"
#include "ssl/socket.h"

static dor_result ask_header(dor_actor *a, dor_ssl_query *query)
{
    return dor__socket_proxy_header(a, query->out);
}

int dor_ssl_get_proxy_info(dor_socket socket, dor_proxy_info *info)
{
    dor_buffer *header = NULL;
    if (!info) return DOR_E_BADARG;
    dor_result r = dor__ssl_call(socket, &(dor_ssl_query){.run = ask_header, .out = &header});
    return dor__failed(r) ? r.code : dor__proxy_read(header, info).code;
}

void dor_proxy_info_clear(dor_proxy_info *info)
{
    if (!info) return;
    dor_buffer_unref(info->memory);
    *info = (dor_proxy_info){0};
}

static void release_header(void *header)
{
    dor_buffer_unref(header);
}

int dor_options_set_proxy_header(dor_options *options, const dor_proxy_info *info)
{
    dor_buffer *header;
    if (!options) return DOR_E_BADARG;
    if (!info) return dor_options_unset(options, "proxy_header");
    dor_result r = dor__proxy_make(info, &header);
    return dor__failed(r) ? r.code : dor__options_set_object(options, "proxy_header", header, release_header);
}
