/*
 * Any bytes as the beginning of a connection from a proxy: however they are cut, the end is found at the same place; what
 * parses can be written and parsed again, and says the same.
 */
#include "proxy/proxy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void within(dor_span whole, dor_span part)
{
    if (part.ptr && (part.ptr < whole.ptr || part.len > whole.len ||
                     (size_t)(part.ptr - whole.ptr) > whole.len - part.len))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MAX = 4096 };
    dor_proxy_header h, back;
    dor_bytes again = DOR_BYTES_EMPTY;
    size_t whole = 0, piece = 0, at = 0;
    dor_result r = dor__proxy_find_end(dor__span(data, size), MAX, &whole), step = DOR_SUCCESS;
    for (; at <= size && dor__ok(step) && !piece; at++)
        step = dor__proxy_find_end(dor__span(data, at), MAX, &piece);
    if (step.code != r.code || piece != whole || whole > size || whole > MAX) abort();
    if (dor__failed(r) || !whole || dor__failed(dor__proxy_parse(dor__span(data, whole), &h))) return 0;
    const dor_span parts[] = {h.alpn,       h.authority,   h.unique_id,   h.netns,
                              h.tlvs,       h.source.path, h.ssl.version, h.ssl.common_name,
                              h.ssl.cipher, h.ssl.sig_alg, h.ssl.key_alg};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        within(dor__span(data, whole), parts[i]);
    r = dor__proxy_write(&h, &again);
    if (dor__ok(r)) {
        if (dor__failed(dor__proxy_parse(dor__bytes_span(&again), &back))) abort();
        if (back.family != h.family || back.source.port != h.source.port || back.has_ssl != h.has_ssl)
            abort();
        if (!dor__span_equal(back.alpn, h.alpn) || !dor__span_equal(back.ssl.cipher, h.ssl.cipher)) abort();
    }
    dor__bytes_free(&again);
    return 0;
}
