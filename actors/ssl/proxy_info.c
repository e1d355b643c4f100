/* proxy_info.c - PROXY headers in the words of dormouse/proxy.h, both ways. Any thread. */
#include "base/address.h"
#include "proxy/proxy.h"
#include "ssl/proxied.h"
#include "ssl/connection.h"
#include <arpa/inet.h>

static dor_proxy_text text_of(dor_span span)
{
    return (dor_proxy_text){span.ptr, span.ptr ? span.len : 0};
}

static dor_span span_of(dor_proxy_text text)
{
    return text.data ? dor__span(text.data, text.len) : DOR_SPAN_EMPTY;
}

static void read_end(dor_proxy_family family, const dor_proxy_end *end, dor_address *address)
{
    *address = (dor_address){.port = end->port};
    if (family == DOR_PROXY_UNIX) {
        size_t len = end->path.len < sizeof address->path ? end->path.len : sizeof address->path - 1;
        for (size_t i = 0; i < len; i++)
            address->path[i] = end->path.ptr[i] ? (char)end->path.ptr[i] : '@';
        return;
    }
    address->version = family == DOR_PROXY_IPV4 ? 4 : 6;
    (void)inet_ntop(family == DOR_PROXY_IPV4 ? AF_INET : AF_INET6, end->ip, address->ip, sizeof address->ip);
}

dor_result dor__proxy_read(dor_buffer *buffer, dor_proxy_info *info)
{
    dor_proxy_header h;
    dor_result r = dor__proxy_parse(dor__span(dor_buffer_data(buffer), dor_buffer_len(buffer)), &h);
    if (dor__failed(r)) {
        dor_buffer_unref(buffer);
        return r;
    }
    *info = (dor_proxy_info){.version = h.version,
                             .known = h.family != DOR_PROXY_UNKNOWN,
                             .checked = h.has_crc32c,
                             .alpn = text_of(h.alpn),
                             .authority = text_of(h.authority),
                             .unique_id = text_of(h.unique_id),
                             .netns = text_of(h.netns),
                             .has_ssl = h.has_ssl,
                             .ssl_client = h.ssl.client,
                             .ssl_verify = h.ssl.verify,
                             .ssl_version = text_of(h.ssl.version),
                             .ssl_common_name = text_of(h.ssl.common_name),
                             .ssl_cipher = text_of(h.ssl.cipher),
                             .ssl_sig_alg = text_of(h.ssl.sig_alg),
                             .ssl_key_alg = text_of(h.ssl.key_alg),
                             .tlvs = text_of(h.tlvs),
                             .memory = buffer};
    if (info->known) {
        read_end(h.family, &h.source, &info->source);
        read_end(h.family, &h.destination, &info->destination);
    }
    return DOR_SUCCESS;
}

static dor_result make_end(const dor_address *address, dor_proxy_end *end)
{
    end->port = address->port;
    if (address->version == 0) {
        const char *nul = memchr(address->path, 0, sizeof address->path);
        end->path = dor__span(address->path, nul ? (size_t)(nul - address->path) : DOR_PROXY_UNIX_LEN + 1);
        return end->path.len <= DOR_PROXY_UNIX_LEN ? DOR_SUCCESS : dor__error(DOR_E_BADARG);
    }
    const char *nul = memchr(address->ip, 0, sizeof address->ip);
    size_t bytes = nul ? dor__ip_parse(dor__span_str(address->ip), end->ip) : 0;
    return bytes == (address->version == 4 ? 4u : 16u) ? DOR_SUCCESS : dor__error(DOR_E_BADARG);
}

dor_result dor__proxy_make(const dor_proxy_info *info, dor_buffer **header)
{
    dor_bytes bytes = DOR_BYTES_EMPTY;
    uint8_t version = info->source.version;
    dor_proxy_header h = {.version = 2,
                          .local = !info->known,
                          .has_crc32c = info->checked,
                          .has_ssl = info->has_ssl,
                          .alpn = span_of(info->alpn),
                          .authority = span_of(info->authority),
                          .unique_id = span_of(info->unique_id),
                          .netns = span_of(info->netns),
                          .ssl = {.client = info->ssl_client,
                                  .verify = info->ssl_verify,
                                  .version = span_of(info->ssl_version),
                                  .common_name = span_of(info->ssl_common_name),
                                  .cipher = span_of(info->ssl_cipher),
                                  .sig_alg = span_of(info->ssl_sig_alg),
                                  .key_alg = span_of(info->ssl_key_alg)}};
    if (info->known) {
        if (version != info->destination.version || (version != 0 && version != 4 && version != 6))
            return dor__error(DOR_E_BADARG);
        h.family = version == 4 ? DOR_PROXY_IPV4 : version == 6 ? DOR_PROXY_IPV6 : DOR_PROXY_UNIX;
        DOR_TRY(make_end(&info->source, &h.source));
        DOR_TRY(make_end(&info->destination, &h.destination));
    }
    dor_result r = dor__proxy_write(&h, &bytes);
    if (dor__ok(r) && !(*header = dor__buffer_new(bytes.ptr, bytes.len))) r = dor__error(DOR_E_NOMEM);
    dor__bytes_free(&bytes);
    return r;
}
