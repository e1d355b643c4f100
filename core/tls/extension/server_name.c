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

dor_result dor__server_name_read(dor_span data, dor_span *name)
{
    dor_reader r = rd_from(data);
    dor_span list;
    uint8_t type;
    DOR_TRY(rd_vec16(&r, &list, 1, 65535));
    DOR_TRY(rd_end(&r));
    r = rd_from(list);
    /* Other types of name were never defined, and a list has each type once: it has one entry. */
    DOR_TRY(rd_u8(&r, &type));
    DOR_TRY(rd_vec16(&r, name, 1, 65535));
    DOR_TRY(rd_end(&r));
    if (type != NAME_TYPE_HOST || name->len > DOR_SESSION_MAX_NAME || memchr(name->ptr, 0, name->len))
        return DOR_DECODE_ERROR;
    return DOR_SUCCESS;
}

static dor_result server_name_receive(dor_tls *t, unsigned context, dor_span data)
{
    dor_reader r = rd_from(data);
    dor_span name;
    if (context != DOR_CTX_CLIENT_HELLO) return rd_end(&r); /* the server's acknowledgement is empty */
    DOR_TRY(dor__server_name_read(data, &name));
    return dor__server_name_set(t, name);
}

const dor_extension dor__ext_server_name = {
    .type = DOR_EXT_SERVER_NAME,
    .contexts = DOR_CTX_CLIENT_HELLO | DOR_CTX_ENCRYPTED_EXTENSIONS | DOR_CTX_SERVER_HELLO_12,
    .name = "server_name",
    .should_send = server_name_should_send,
    .send = server_name_send,
    .receive = server_name_receive,
};
