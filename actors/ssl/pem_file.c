/*
 * pem_file.c - see pem_file.h. RFC 7468 for the text, RFC 5958, RFC 5915 and RFC 8017 for the keys in it.
 *
 * Threads: any. What a file held is wiped when it has been read, since it may have been a key.
 */
#include "ssl/pem_file.h"

#include "base/alloc.h"
#include "base/ct.h"
#include "crypto/devcert.h"
#include "crypto/pkcs12.h"
#include "x509/pem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { READ_STEP = 16 * 1024 };

static dor_result fail(int code, char *why, size_t why_cap, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static dor_result fail(int code, char *why, size_t why_cap, const char *format, ...)
{
    va_list args;
    if (why && why_cap > 0) {
        va_start(args, format);
        vsnprintf(why, why_cap, format, args);
        va_end(args);
    }
    return dor__error(code);
}

/* The part of a failure's sentence that tells something, for the end of our own. */
static const char *reason_of(dor_result result, char *text, size_t cap)
{
    int reason = dor_error_get_reason(result.code);
    return dor_format_error(
        dor_error_get_alert(result.code) >= 0 ? DOR_ERROR_CODE(DOR_CLASS_INTERNAL, 0, reason) : result.code,
        text, cap);
}

/* ---- files -------------------------------------------------------------------------------------------------------- */

/* To the end of the file rather than to its size: a pipe (a shell's <(...)) will do as well. */
static dor_result read_all(int fd, const char *path, dor_bytes *text, char *why, size_t why_cap)
{
    for (;;) {
        dor_result reserved = dor__bytes_reserve(text, READ_STEP);
        if (dor__failed(reserved)) return fail(reserved.code, why, why_cap, "%s: out of memory", path);
        ssize_t got = read(fd, text->ptr + text->len, READ_STEP);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            return fail(DOR_E_FILE_UNREADABLE, why, why_cap, "cannot read %s: %s", path, strerror(errno));
        if (got == 0) return DOR_SUCCESS;
        text->len += (size_t)got;
        if (text->len > DOR_PEM_FILE_MAX)
            return fail(DOR_E_TOO_BIG, why, why_cap, "%s is larger than %d MiB", path,
                        DOR_PEM_FILE_MAX >> 20);
    }
}

dor_result dor__read_file(const char *path, dor_bytes *text, char *why, size_t why_cap)
{
    *text = DOR_BYTES_EMPTY;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(DOR_E_FILE_UNREADABLE, why, why_cap, "cannot read %s: %s", path, strerror(errno));
    dor_result result = read_all(fd, path, text, why, why_cap);
    close(fd);
    if (dor__failed(result)) dor__bytes_free(text);
    return result;
}

/* ---- DER ---------------------------------------------------------------------------------------------------------- */

/* The length of the DER element at the front (X.690 section 8.1.3), 0 when it is no SEQUENCE or runs over the end. */
static size_t der_element_len(dor_span der)
{
    if (der.len < 2 || der.ptr[0] != 0x30) return 0;
    size_t header = 2, len = der.ptr[1];
    if (len > 0x80) {
        size_t octets = len & 0x7f;
        if (octets > 3 || der.len < 2 + octets) return 0;
        len = 0;
        for (size_t i = 0; i < octets; i++)
            len = len << 8 | der.ptr[2 + i];
        header += octets;
    } else if (len == 0x80) {
        return 0;
    }
    return len <= der.len - header ? header + len : 0;
}

/* A file is DER when it is nothing but SEQUENCEs, one behind the other; a text is not. */
static bool is_der(dor_span text)
{
    size_t len = 0;
    do {
        len = der_element_len(text);
        text = dor__span(text.ptr + len, text.len - len);
    } while (len > 0 && text.len > 0);
    return len > 0;
}

/* Puts the file's name in front of what a reader of DER has said. */
static dor_result say_file(dor_result result, const char *path, const char *said, char *why, size_t why_cap)
{
    return dor__failed(result) ? fail(result.code, why, why_cap, "%s: %s", path, said) : result;
}

/* ---- blocks ------------------------------------------------------------------------------------------------------- */

/* What a pass over a file's blocks does with each; *stop ends the pass. */
typedef dor_result (*block_fn)(void *ctx, const char *path, const dor_pem_block *block, bool *stop, char *why,
                               size_t why_cap);

static dor_result each_block(const char *path, dor_span text, block_fn act, void *ctx, char *why,
                             size_t why_cap)
{
    dor_span rest = text;
    size_t line = 1;
    bool stop = false;
    dor_result result = DOR_SUCCESS;
    while (dor__ok(result) && !stop) {
        dor_pem_block block = {0};
        bool found = false;
        result = dor__pem_next(&rest, &line, &block, &found);
        if (dor__failed(result) && result.code != DOR_E_NOMEM)
            result = fail(DOR_E_FILE_MALFORMED, why, why_cap,
                          "%s, line %zu: a PEM block that is broken off or not base64", path, block.line);
        else if (dor__ok(result) && found)
            result = act(ctx, path, &block, &stop, why, why_cap);
        else
            stop = true;
        dor__pem_block_fini(&block);
    }
    return result;
}

static bool label_is(const dor_pem_block *block, const char *label)
{
    return dor__span_equal(block->label, dor__span_str(label));
}

static bool holds_certificate(const dor_pem_block *block)
{
    return label_is(block, "CERTIFICATE") || label_is(block, "X509 CERTIFICATE") ||
           label_is(block, "TRUSTED CERTIFICATE");
}

static dor_result read_certificate(const char *path, const dor_pem_block *block, dor_certificate **cert,
                                   char *why, size_t why_cap)
{
    char text[160];
    dor_result result = dor__certificate_new(cert, dor__bytes_span(&block->der));
    if (dor__ok(result)) return result;
    if (result.code == DOR_E_NOMEM) return fail(DOR_E_NOMEM, why, why_cap, "%s: out of memory", path);
    return fail(DOR_E_FILE_MALFORMED, why, why_cap, "%s, line %zu: not a certificate: %s", path, block->line,
                reason_of(result, text, sizeof(text)));
}

/* ---- chains ------------------------------------------------------------------------------------------------------- */

void dor__chain_fini(dor_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++)
        dor__certificate_unref(chain->certs[i]);
    chain->count = 0;
}

static dor_result chain_block(void *ctx, const char *path, const dor_pem_block *block, bool *stop, char *why,
                              size_t why_cap)
{
    dor_chain *chain = ctx;
    (void)stop;
    if (!holds_certificate(block)) return DOR_SUCCESS; /* the key may stand in the same file */
    if (chain->count == DOR_CHAIN_MAX)
        return fail(DOR_E_TOO_BIG, why, why_cap, "%s, line %zu: a chain of more than %d certificates", path,
                    block->line, DOR_CHAIN_MAX);
    DOR_TRY(read_certificate(path, block, &chain->certs[chain->count], why, why_cap));
    chain->count++;
    return DOR_SUCCESS;
}

static dor_result chain_of(const char *path, dor_span text, const char *password, dor_chain *chain, char *why,
                           size_t why_cap)
{
    char said[512] = "";
    if (is_der(text) && dor__is_pkcs12(text))
        return dor__pkcs12_read(path, text, password, chain, NULL, why, why_cap);
    if (is_der(text))
        return say_file(dor__der_chain(text, chain, said, sizeof(said)), path, said, why, why_cap);
    return each_block(path, text, chain_block, chain, why, why_cap);
}

dor_result dor__pem_file_chain(const char *path, const char *password, dor_chain *chain, char *why,
                               size_t why_cap)
{
    dor_bytes text;
    chain->count = 0;
    DOR_TRY(dor__read_file(path, &text, why, why_cap));
    dor_result result = chain_of(path, dor__bytes_span(&text), password, chain, why, why_cap);
    dor__bytes_free(&text);
    if (dor__ok(result) && chain->count == 0)
        result = fail(DOR_E_FILE_MALFORMED, why, why_cap,
                      "%s holds no certificate (no -----BEGIN CERTIFICATE-----)", path);
    if (dor__failed(result)) dor__chain_fini(chain);
    return result;
}

/* ---- keys --------------------------------------------------------------------------------------------------------- */

/* Why a key could not be read, without a word about where it stands. */
static const char *key_trouble(dor_result result, char *text, size_t cap)
{
    switch (result.code) {
    case DOR_E_PASSWORD_NEEDED: return "the private key is encrypted, and no password was given";
    case DOR_E_PASSWORD_WRONG: return "the private key could not be decrypted: wrong password, or damaged";
    case DOR_E_NOT_SUPPORTED:
        return "the private key is encrypted in a way that is not supported; \"openssl pkcs8 -topk8\" makes "
               "one that is";
    case DOR_E_LIMIT:
        return "the private key's encryption asks for more work than is allowed (at most 2,000,000 "
               "iterations, or "
               "128 MiB)";
    default: return reason_of(result, text, cap);
    }
}

static dor_result read_key(const dor_pem_block *block, const char *password, dor_private_key **key)
{
    dor_span der = dor__bytes_span(&block->der);
    bool encrypted = block->encrypted || label_is(block, "ENCRYPTED PRIVATE KEY");
    if (!encrypted) return dor__private_key_from_der(key, der);
    if (!password) return dor__error(DOR_E_PASSWORD_NEEDED);
    return block->encrypted ? dor__private_key_decrypt_dek(key, block->dek_info, der, dor__span_str(password))
                            : dor__private_key_decrypt(key, der, dor__span_str(password));
}

typedef struct key_search {
    dor_private_key *key;
    const char *password;
} key_search;

static dor_result key_block(void *ctx, const char *path, const dor_pem_block *block, bool *stop, char *why,
                            size_t why_cap)
{
    key_search *search = ctx;
    char text[160];
    if (!dor__pem_is_private_key(block->label)) {
        if (block->label.len < 11 || memcmp(block->label.ptr + block->label.len - 11, "PRIVATE KEY", 11) != 0)
            return DOR_SUCCESS; /* certificates, EC PARAMETERS */
        return fail(DOR_E_KEY_UNSUPPORTED, why, why_cap,
                    "%s, line %zu: \"%.*s\" is not supported; wanted is PKCS#8, SEC 1 or PKCS#1 in PEM", path,
                    block->line, (int)block->label.len, (const char *)block->label.ptr);
    }
    dor_result result = read_key(block, search->password, &search->key);
    if (dor__failed(result))
        return fail(result.code, why, why_cap, "%s, line %zu: %s", path, block->line,
                    key_trouble(result, text, sizeof(text)));
    *stop = true;
    return DOR_SUCCESS;
}

static dor_result key_of(const char *path, dor_span text, const char *password, dor_private_key **key,
                         char *why, size_t why_cap)
{
    char said[512] = "";
    key_search search = {.password = password};
    if (is_der(text) && dor__is_pkcs12(text))
        return dor__pkcs12_read(path, text, password, NULL, key, why, why_cap);
    if (is_der(text))
        return say_file(dor__der_key(text, password, key, said, sizeof(said)), path, said, why, why_cap);
    DOR_TRY(each_block(path, text, key_block, &search, why, why_cap));
    if (!search.key) return fail(DOR_E_FILE_MALFORMED, why, why_cap, "%s holds no private key", path);
    *key = search.key;
    return DOR_SUCCESS;
}

dor_result dor__pem_file_key(const char *path, const char *password, dor_private_key **key, char *why,
                             size_t why_cap)
{
    dor_bytes text;
    DOR_TRY(dor__read_file(path, &text, why, why_cap));
    dor_result result = key_of(path, dor__bytes_span(&text), password, key, why, why_cap);
    dor__bytes_free(&text);
    return result;
}

/* ---- trusted authorities ------------------------------------------------------------------------------------------ */

static dor_result trust_block(void *ctx, const char *path, const dor_pem_block *block, bool *stop, char *why,
                              size_t why_cap)
{
    (void)stop;
    if (!holds_certificate(block)) return DOR_SUCCESS;
    dor_certificate *cert;
    DOR_TRY(read_certificate(path, block, &cert, why, why_cap));
    dor_result result = dor__trust_store_add(ctx, cert);
    dor__certificate_unref(cert);
    return result;
}

static dor_result trust_lenient(const char *path, dor_trust_store *store, char *why, size_t why_cap)
{
    dor_bytes text;
    DOR_TRY(dor__read_file(path, &text, why, why_cap));
    dor_result result = dor__trust_store_add_pem(store, dor__bytes_span(&text), NULL, NULL);
    dor__bytes_free(&text);
    return result;
}

static dor_result trust_strict(const char *path, dor_trust_store **store, char *why, size_t why_cap)
{
    char said[512] = "";
    dor_bytes text;
    DOR_TRY(dor__read_file(path, &text, why, why_cap));
    dor_result result;
    if (is_der(dor__bytes_span(&text))) {
        dor__trust_store_unref(*store);
        *store = NULL;
        result = say_file(dor__der_trust(dor__bytes_span(&text), store, said, sizeof(said)), path, said, why,
                          why_cap);
    } else {
        result = each_block(path, dor__bytes_span(&text), trust_block, *store, why, why_cap);
    }
    dor__bytes_free(&text);
    return result;
}

dor_result dor__pem_file_trust(const char *path, bool lenient, dor_trust_store **store, char *why,
                               size_t why_cap)
{
    dor_trust_store *made;
    DOR_TRY(dor__trust_store_new(&made));
    dor_result result =
        lenient ? trust_lenient(path, made, why, why_cap) : trust_strict(path, &made, why, why_cap);
    if (dor__ok(result) && dor__trust_store_count(made) == 0)
        result = fail(DOR_E_FILE_MALFORMED, why, why_cap,
                      "%s holds no certificate (no -----BEGIN CERTIFICATE-----)", path);
    if (dor__failed(result)) {
        dor__trust_store_unref(made);
        return result;
    }
    *store = made;
    return DOR_SUCCESS;
}

/* ---- certificates and keys in DER -------------------------------------------------------------------------------- */

/* Takes the next certificate off the front of *der. */
static dor_result der_next(dor_span *der, size_t number, dor_certificate **cert, char *why, size_t why_cap)
{
    char text[160];
    size_t len = der_element_len(*der);
    if (len == 0) return fail(DOR_E_FILE_MALFORMED, why, why_cap, "certificate %zu is not DER", number);
    dor_result result = dor__certificate_new(cert, dor__span(der->ptr, len));
    if (dor__failed(result))
        return fail(result.code == DOR_E_NOMEM ? DOR_E_NOMEM : DOR_E_FILE_MALFORMED, why, why_cap,
                    "certificate %zu: %s", number, reason_of(result, text, sizeof(text)));
    *der = dor__span(der->ptr + len, der->len - len);
    return DOR_SUCCESS;
}

dor_result dor__der_chain(dor_span der, dor_chain *chain, char *why, size_t why_cap)
{
    dor_result result = DOR_SUCCESS;
    chain->count = 0;
    while (der.len > 0 && dor__ok(result)) {
        if (chain->count == DOR_CHAIN_MAX)
            result = fail(DOR_E_TOO_BIG, why, why_cap, "a chain of more than %d certificates", DOR_CHAIN_MAX);
        else
            result = der_next(&der, chain->count + 1, &chain->certs[chain->count], why, why_cap);
        if (dor__ok(result)) chain->count++;
    }
    if (dor__failed(result)) dor__chain_fini(chain);
    return result;
}

dor_result dor__der_trust(dor_span der, dor_trust_store **store, char *why, size_t why_cap)
{
    dor_trust_store *made;
    DOR_TRY(dor__trust_store_new(&made));
    dor_result result = DOR_SUCCESS;
    for (size_t number = 1; der.len > 0 && dor__ok(result); number++) {
        dor_certificate *cert;
        result = der_next(&der, number, &cert, why, why_cap);
        if (dor__failed(result)) break;
        result = dor__trust_store_add(made, cert);
        dor__certificate_unref(cert);
    }
    if (dor__failed(result)) {
        dor__trust_store_unref(made);
        return result;
    }
    *store = made;
    return DOR_SUCCESS;
}

dor_result dor__der_key(dor_span der, const char *password, dor_private_key **key, char *why, size_t why_cap)
{
    char text[160];
    dor_result result = dor__private_key_from_der(key, der);
    if (result.code == DOR_E_PASSWORD_NEEDED && password)
        result = dor__private_key_decrypt(key, der, dor__span_str(password));
    return dor__ok(result) ? result
                           : fail(result.code, why, why_cap, "%s", key_trouble(result, text, sizeof(text)));
}

void dor__chain_complete(dor_chain *chain, const dor_trust_store *store)
{
    if (chain->count != 1) return; /* who gave more than the leaf meant that chain */
    while (chain->count < DOR_CHAIN_MAX) {
        const dor_certificate *last = chain->certs[chain->count - 1];
        dor_certificate *issuer;
        size_t cursor = 0;
        if (last->self_issued) break;
        do
            issuer = dor__trust_store_find(store, last->issuer, &cursor);
        while (issuer &&
               (issuer->self_issued || dor__failed(dor__certificate_verify_signature(last, issuer))));
        if (!issuer) break;
        chain->certs[chain->count++] = dor__certificate_ref(issuer);
    }
}

/* ---- a development certificate ------------------------------------------------------------------------------------ */

dor_result dor__development_identity(const char *host, dor_bytes *cert, dor_bytes *key, uint8_t digest[32])
{
    dor_rng *rng;
    DOR_TRY(dor__rng_new_system(&rng));
    *cert = *key = DOR_BYTES_EMPTY;
    dor_result result = dor__devcert_make(rng, host, (int64_t)time(NULL), cert, key);
    dor__rng_free(rng);
    if (dor__ok(result)) result = dor__hash_once(DOR_HASH_SHA256, dor__bytes_span(cert), digest);
    if (dor__failed(result)) {
        dor__bytes_free(cert);
        dor__bytes_free(key);
    }
    return result;
}
