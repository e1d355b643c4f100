/*
 * A path of any certificates: the first byte says how many of them are anchors, then each comes with a length of two
 * bytes. When it is valid, its anchor must be one of the trusted.
 */
#include "base/reader.h"
#include "x509/path.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dor_reader r = rd_from(dor__span(data, size));
    dor_certificate *sent[DOR_PATH_MAX_CERTS], *cert;
    dor_trust_store *trust;
    dor_span der;
    uint8_t anchors = 0;
    size_t count = 0;
    if (dor__failed(rd_u8(&r, &anchors)) || dor__failed(dor__trust_store_new(&trust))) return 0;
    while (count < DOR_PATH_MAX_CERTS && dor__ok(rd_vec16(&r, &der, 0, 65535))) {
        if (dor__failed(dor__certificate_new(&cert, der))) continue;
        if (anchors > 0) {
            anchors--;
            (void)dor__trust_store_add(trust, cert).code;
            dor__certificate_unref(cert);
        } else {
            sent[count++] = cert;
        }
    }
    dor_path_params params = {.trust = trust, .now = 1800000000, .depth = 10};
    dor_path_result result;
    if (dor__ok(dor__path_validate(&params, sent, count, &result)) &&
        !dor__trust_store_has(trust, result.anchor))
        abort();
    if (count > 0 && result.failed_index >= count) abort();
    for (size_t i = 0; i < count; i++)
        dor__certificate_unref(sent[i]);
    dor__trust_store_unref(trust);
    return 0;
}
