/*
 * compression.c - the runner's three ways to compress a certificate, none of which any standard has: one leaves out the two
 * zeros that a Certificate message begins with, one puts four bytes in front, one puts a byte in front that nobody can foretell.
 */
#include "bogo/shim.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t zeros[2] = {0, 0}, extra[4] = {1, 2, 3, 4};

static dor_result wrong(void)
{
    return dor__alert(DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_DECOMPRESSION);
}

static dor_result shrink(dor_span in, dor_bytes *out)
{
    if (in.len < sizeof zeros || memcmp(in.ptr, zeros, sizeof zeros) != 0) return dor__error(DOR_E_INTERNAL);
    return dor__bytes_append(out, dor__span(in.ptr + sizeof zeros, in.len - sizeof zeros));
}

static dor_result unshrink(dor_span in, uint8_t *out, size_t out_len)
{
    if (out_len != in.len + sizeof zeros) return wrong();
    memcpy(out, zeros, sizeof zeros);
    memcpy(out + sizeof zeros, in.ptr, in.len);
    return DOR_SUCCESS;
}

static dor_result expand(dor_span in, dor_bytes *out)
{
    DOR_TRY(dor__bytes_append(out, dor__span(extra, sizeof extra)));
    return dor__bytes_append(out, in);
}

static dor_result unexpand(dor_span in, uint8_t *out, size_t out_len)
{
    if (in.len != out_len + sizeof extra || memcmp(in.ptr, extra, sizeof extra) != 0) return wrong();
    memcpy(out, in.ptr + sizeof extra, out_len);
    return DOR_SUCCESS;
}

static dor_result foretell(dor_span in, dor_bytes *out)
{
    static uint8_t byte;
    byte = (uint8_t)(byte * 5 + 17);
    DOR_TRY(dor__bytes_append(out, dor__span(&byte, 1)));
    return dor__bytes_append(out, in);
}

static dor_result forget(dor_span in, uint8_t *out, size_t out_len)
{
    if (in.len != out_len + 1) return wrong();
    memcpy(out, in.ptr + 1, out_len);
    return DOR_SUCCESS;
}

static const dor_cert_compression all[] = {
    {.id = 0xff02, .name = "expanding", .compress = expand, .decompress = unexpand},
    {.id = 0xff01, .name = "shrinking", .compress = shrink, .decompress = unshrink},
    {.id = 0xff03, .name = "random", .compress = foretell, .decompress = forget},
};

int bogo_compression_set(const bogo_flags *flags, dor_tls_config *config)
{
    const long long one = flags->install_one_cert_compression_alg;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (flags->install_cert_compression_algs || one == all[i].id)
            config->compressions[config->compression_count++] = &all[i];
    return one && !config->compression_count ? BOGO_UNIMPLEMENTED : BOGO_PASSED;
}
