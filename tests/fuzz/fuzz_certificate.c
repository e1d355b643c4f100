/* A certificate of any bytes: whatever parses can be used in every way. */
#include "x509/certificate.h"
#include "x509/host_name.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Spans that the certificate gives out lie within its own copy. */
static void check_span(const dor_certificate *cert, dor_span s)
{
    if (s.len == 0) return;
    if (s.ptr < cert->der.ptr || s.len > cert->der.len ||
        (size_t)(s.ptr - cert->der.ptr) > cert->der.len - s.len)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dor_certificate *cert;
    char text[200];
    uint8_t digest[32];
    if (dor__failed(dor__certificate_new(&cert, dor__span(data, size)))) return 0;
    check_span(cert, cert->tbs);
    check_span(cert, cert->serial);
    check_span(cert, cert->issuer);
    check_span(cert, cert->subject);
    check_span(cert, cert->spki);
    check_span(cert, cert->subject_alt_name);
    check_span(cert, cert->subject_key_id);
    check_span(cert, cert->authority_key_id);
    check_span(cert, cert->signature_algorithm);
    check_span(cert, cert->signature);
    for (size_t cap = 0; cap <= sizeof(text); cap += 40)
        (void)dor__name_format(cert->subject, text, cap);
    (void)dor__certificate_check_host(cert, dor__span_str("host.example")).code;
    (void)dor__certificate_check_host(cert, dor__span_str("192.0.2.7")).code;
    (void)dor__certificate_fingerprint(cert, digest).code;
    (void)dor__certificate_verify_signature(cert, cert).code;
    dor__certificate_unref(cert);
    return 0;
}
