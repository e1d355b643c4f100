/* The serialised form of a session, of any bytes: it parses or fails, and what parses says the same again. */
#include "tls/session.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dor_session *session;
    dor_bytes out = DOR_BYTES_EMPTY;
    if (dor__failed(dor__session_parse(dor__span(data, size), &session))) {
        if (session) abort();
        return 0;
    }
    if (dor__failed(dor__session_serialise(session, &out))) abort();
    if (!dor__span_equal(dor__bytes_span(&out), dor__span(data, size))) abort();
    dor__bytes_free(&out);
    dor__session_unref(session);
    return 0;
}
