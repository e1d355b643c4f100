/* A PEM text of any bytes: it is read to its end, and never backwards. */
#include "x509/pem.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dor_span text = dor__span(data, size);
    size_t line = 1;
    for (;;) {
        dor_pem_block block;
        bool found;
        size_t left = text.len, line_before = line;
        dor_result r = dor__pem_next(&text, &line, &block, &found);
        if (dor__ok(r) && !found) break;
        if (text.len >= left || line <= line_before || block.line < line_before) abort();
        if (found) dor__pem_block_fini(&block);
    }
    if (text.len != 0) abort();
    return 0;
}
