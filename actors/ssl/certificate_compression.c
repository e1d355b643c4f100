/*
 * certificate_compression.c - zlib (RFC 1950) and brotli (RFC 7932) for certificates. Any thread; nothing is kept.
 *
 * A peer's bytes are decompressed before it is known who it is. The output's length is fixed beforehand, and what the
 * decompressors take for themselves is counted: zlib's window is at most 32 KiB, brotli's would grow to 16 MiB if a peer said
 * so, and is refused where a certificate cannot need it.
 */
#include "ssl/certificate_compression.h"

#include "base/alloc.h"

#include <brotli/decode.h>
#include <brotli/encode.h>
#include <string.h>
#include <zlib.h>

enum {
    LARGEST = 1 << 16,    /* that we compress by brotli; peers take no larger Certificate as a rule */
    WINDOW_BITS = 16,     /* to go with it */
    BROTLI_QUALITY = 5,   /* 6 to 9 gain nothing with certificates, and 10 takes ten times as long */
    SLAB_LEN = 4 << 20,   /* see brotli_slab */
    MEMORY_MAX = 1 << 20, /* of brotli's decoder, at once: trees and a window of 256 KiB fit */
    OVERHEAD = 2 + 3 + 3  /* of CompressedCertificate in front of what is compressed */
};

static dor_result bad(void)
{
    return dor__alert(DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_DECOMPRESSION);
}

/* Compressed it goes in place of the other only if that makes it shorter. */
static void keep_if_shorter(dor_span in, dor_bytes *out, size_t start, size_t len)
{
    if (len + OVERHEAD < in.len) out->len = start + len;
}

/* ---- zlib --------------------------------------------------------------------------------------------------- */

static void *zlib_take(void *ctx, uInt count, uInt size)
{
    (void)ctx;
    return dor__calloc(count, size);
}

static void zlib_give(void *ctx, void *memory)
{
    (void)ctx;
    dor__free(memory);
}

static dor_result zlib_compress(dor_span in, dor_bytes *out)
{
    z_stream z = {.zalloc = zlib_take, .zfree = zlib_give};
    if (in.len > UINT32_MAX / 2 || deflateInit(&z, Z_BEST_COMPRESSION) != Z_OK)
        return dor__error(DOR_E_NOMEM);
    const uLong room = deflateBound(&z, (uLong)in.len);
    dor_result r = dor__bytes_reserve(out, room);
    if (dor__ok(r)) {
        z.next_in = (z_const Bytef *)(uintptr_t)in.ptr;
        z.avail_in = (uInt)in.len;
        z.next_out = out->ptr + out->len;
        z.avail_out = (uInt)room;
        if (deflate(&z, Z_FINISH) == Z_STREAM_END)
            keep_if_shorter(in, out, out->len, z.total_out);
        else
            r = dor__error(DOR_E_INTERNAL); /* there was room for the worst */
    }
    (void)deflateEnd(&z);
    return r;
}

static dor_result zlib_decompress(dor_span in, uint8_t *out, size_t out_len)
{
    z_stream z = {.zalloc = zlib_take, .zfree = zlib_give};
    if (in.len > UINT32_MAX || out_len > UINT32_MAX) return bad();
    if (inflateInit(&z) != Z_OK) return dor__error(DOR_E_NOMEM);
    z.next_in = (z_const Bytef *)(uintptr_t)in.ptr;
    z.avail_in = (uInt)in.len;
    z.next_out = out;
    z.avail_out = (uInt)out_len;
    const int end = inflate(&z, Z_FINISH);
    const bool whole = end == Z_STREAM_END && z.avail_in == 0 && z.avail_out == 0;
    (void)inflateEnd(&z);
    if (end == Z_MEM_ERROR) return dor__error(DOR_E_NOMEM); /* the window, which is its second allocation */
    return whole ? DOR_SUCCESS : bad();
}

/* ---- brotli ------------------------------------------------------------------------------------------------- */

/* What a decoder has taken so far. */
typedef struct brotli_memory {
    size_t taken;
    bool none_left; /* the system had none; unlike what asks for too much, that is nobody's fault */
} brotli_memory;

static void *brotli_take(void *ctx, size_t size)
{
    brotli_memory *memory = ctx;
    if (size > MEMORY_MAX - memory->taken) return NULL;
    memory->taken += size; /* what it gives back in between is not worth the counting */
    void *piece = dor__malloc(size);
    if (!piece) memory->none_left = true;
    return piece;
}

static void brotli_give(void *ctx, void *address)
{
    (void)ctx;
    dor__free(address);
}

/*
 * Brotli's encoder ends the process by exit() where it gets no memory, unless it was built otherwise (BROTLI_ENCODER_EXIT_ON_OOM is the
 * default of its sources, and Debian's). So it is given a piece beforehand, whose untouched pages cost
 * nothing, and takes from that: twice what the most demanding of many inputs took at this quality and window (a test counts
 * what is asked for besides: nothing). What a later version of it took beyond would be asked for as usual.
 */
typedef struct brotli_slab {
    uint8_t *bytes;
    size_t used;
} brotli_slab;

static void *slab_take(void *ctx, size_t size)
{
    brotli_slab *slab = ctx;
    const size_t rounded = (size + 63) & ~(size_t)63;
    if (rounded < size || rounded > SLAB_LEN - slab->used) return dor__malloc(size);
    slab->used += rounded;
    return slab->bytes + slab->used - rounded;
}

static void slab_give(void *ctx, void *address)
{
    const brotli_slab *slab = ctx;
    const uintptr_t at = (uintptr_t)address, first = (uintptr_t)slab->bytes;
    if (at < first || at >= first + SLAB_LEN) dor__free(address);
}

static bool brotli_encode(BrotliEncoderState *state, dor_span in, uint8_t *out, size_t *len)
{
    size_t in_left = in.len, out_left = *len;
    (void)BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, BROTLI_QUALITY);
    (void)BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN, WINDOW_BITS);
    (void)BrotliEncoderSetParameter(state, BROTLI_PARAM_SIZE_HINT, (uint32_t)in.len);
    if (!BrotliEncoderCompressStream(state, BROTLI_OPERATION_FINISH, &in_left, &in.ptr, &out_left, &out,
                                     NULL))
        return false;
    *len -= out_left;
    return BrotliEncoderIsFinished(state);
}

static dor_result brotli_compress(dor_span in, dor_bytes *out)
{
    if (in.len > LARGEST) return DOR_SUCCESS; /* as it is */
    brotli_slab slab = {.bytes = dor__malloc(SLAB_LEN)};
    if (!slab.bytes) return dor__error(DOR_E_NOMEM);
    size_t len = BrotliEncoderMaxCompressedSize(in.len);
    dor_result r = dor__bytes_reserve(out, len);
    if (dor__ok(r)) {
        BrotliEncoderState *state = BrotliEncoderCreateInstance(slab_take, slab_give, &slab);
        if (!state || !brotli_encode(state, in, out->ptr + out->len, &len))
            r = dor__error(DOR_E_NOMEM);
        else
            keep_if_shorter(in, out, out->len, len);
        BrotliEncoderDestroyInstance(state);
    }
    dor__free(slab.bytes);
    return r;
}

static dor_result brotli_decompress(dor_span in, uint8_t *out, size_t out_len)
{
    brotli_memory memory = {0};
    BrotliDecoderState *state = BrotliDecoderCreateInstance(brotli_take, brotli_give, &memory);
    if (!state) return dor__error(DOR_E_NOMEM);
    size_t in_left = in.len, out_left = out_len;
    const uint8_t *next_in = in.ptr;
    uint8_t *next_out = out;
    bool whole = BrotliDecoderDecompressStream(state, &in_left, &next_in, &out_left, &next_out, NULL) ==
                     BROTLI_DECODER_RESULT_SUCCESS &&
                 in_left == 0 && out_left == 0;
    BrotliDecoderDestroyInstance(state);
    if (memory.none_left) return dor__error(DOR_E_NOMEM);
    return whole ? DOR_SUCCESS : bad();
}

/* ---- both --------------------------------------------------------------------------------------------------- */

static const dor_cert_compression all[] = {
    {.id = 2, .name = "brotli", .compress = brotli_compress, .decompress = brotli_decompress},
    {.id = 1, .name = "zlib", .compress = zlib_compress, .decompress = zlib_decompress},
};

const dor_cert_compression *dor__cert_compression_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(all[i].name, name) == 0) return &all[i];
    return NULL;
}
