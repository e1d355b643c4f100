/*
 * server_name.c - RFC 6066 section 3.
 *
 * A server remembers the name and says that it did; no name is refused here, since the application may know it.
 */
#include "tls/extension/extensions.h"
#include "x509/host_name.h"

enum { NAME_TYPE_HOST = 0 };

/* The client's: "without a trailing dot". */
static dor_span host_name(const dor_tls *t)
{
    dor_span name = t->hs->host;
    if (name.len && name.ptr[name.len - 1] == '.') name.len--;
    return name;
}

static bool server_name_should_send(const dor_tls *t, unsigned context)
{
    uint8_t address[16];
    if (context != DOR_CTX_CLIENT_HELLO) /* a resumed session has its name already: section 3 */
        return t->server_name_len != 0 && !(t->hs->properties & DOR_PROPERTY_RESUMED);
    return t->config->send_server_name && dor__address_parse(t->hs->host, address) == 0 &&
           dor__host_name_valid(host_name(t));
}

static dor_result server_name_send(dor_tls *t, unsigned context, dor_bytes *w)
{
    size_t mark;
    if (context != DOR_CTX_CLIENT_HELLO) return DOR_SUCCESS;
    DOR_TRY(wr_begin(w, 2, &mark));
    DOR_TRY(wr_u8(w, NAME_TYPE_HOST));
    DOR_TRY(wr_vec(w, 2, host_name(t)));
    return wr_end(w, 2, mark);
}

/* ASCII that can be seen (section 3). Not dor__host_name_valid: inside a network names are called by that have a "_". */
static bool is_printable(dor_span name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] > '~') return false;
    return true;
}

dor_result dor__server_name_read(dor_span data, dor_span *name)
{
    dor_reader r = rd_from(data);
    dor_span list, entry;
    uint8_t type;
    *name = DOR_SPAN_EMPTY;
    DOR_TRY(rd_vec16(&r, &list, 1, 65535));
    DOR_TRY(rd_end(&r));
    r = rd_from(list);
    while (rd_left(&r)) {
        DOR_TRY(rd_u8(&r, &type));
        DOR_TRY(rd_vec16(&r, &entry, 0, 65535)); /* whatever their type, names begin with their length */
        if (type != NAME_TYPE_HOST) continue;
        if (entry.len == 0) return DOR_DECODE_ERROR;
        if (name->len || entry.len > DOR_SESSION_MAX_NAME || !is_printable(entry)) /* one of each type */
            return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_ILLEGAL_PARAMETER);
        *name = entry;
    }
    return DOR_SUCCESS;
}

static dor_result server_name_receive(dor_tls *t, unsigned context, dor_span data)
{
    dor_reader r = rd_from(data);
    dor_span name;
    if (context != DOR_CTX_CLIENT_HELLO) return rd_end(&r); /* the server's acknowledgement is empty */
    DOR_TRY(dor__server_name_read(data, &name));
    return name.len ? dor__server_name_set(t, name) : DOR_SUCCESS;
}

const dor_extension dor__ext_server_name = {
    .type = DOR_EXT_SERVER_NAME,
    .contexts = DOR_CTX_CLIENT_HELLO | DOR_CTX_ENCRYPTED_EXTENSIONS | DOR_CTX_SERVER_HELLO_12,
    .name = "server_name",
    .should_send = server_name_should_send,
    .send = server_name_send,
    .receive = server_name_receive,
};
