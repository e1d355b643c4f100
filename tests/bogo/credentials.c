/*
 * credentials.c - certificates and keys from the runner's PEM files.
 */
#include "bogo/shim.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypto/base64.h"
#include "x509/pem.h"

static bool read_file(const char *path, dor_span *text)
{
    enum { MAX = 1 << 20 };
    uint8_t *data = malloc(MAX);
    FILE *file = fopen(path, "rb");
    size_t len = file && data ? fread(data, 1, MAX, file) : 0;
    if (file) fclose(file);
    if (len == 0) {
        fprintf(stderr, "cannot read %s\n", path);
        free(data);
        return false;
    }
    *text = dor__span(data, len);
    return true;
}

static bool add(dor_certificate *chain[BOGO_CHAIN_MAX], size_t *count, const dor_pem_block *block)
{
    if (!dor__pem_is_certificate(block->label)) return true;
    if (*count == BOGO_CHAIN_MAX) return false;
    if (dor__failed(dor__certificate_new(&chain[*count], dor__bytes_span(&block->der)))) return false;
    ++*count;
    return true;
}

bool bogo_read_chain(const char *path, dor_certificate *chain[BOGO_CHAIN_MAX], size_t *count)
{
    dor_span text;
    size_t line = 1;
    bool found, good = true;
    dor_pem_block block;
    *count = 0;
    if (!read_file(path, &text)) return false;
    const uint8_t *whole = text.ptr;
    while (good && dor__ok(dor__pem_next(&text, &line, &block, &found)) && found) {
        good = add(chain, count, &block);
        dor__pem_block_fini(&block);
    }
    free((void *)(uintptr_t)whole);
    if (good && *count > 0) return true;
    fprintf(stderr, "no usable certificates in %s\n", path);
    return false;
}

static dor_result read_key(const char *path, dor_private_key **key)
{
    dor_span text;
    size_t line = 1;
    bool found;
    dor_pem_block block;
    dor_result r = dor__error(DOR_E_FILE_MALFORMED);
    if (!read_file(path, &text)) return r;
    const uint8_t *whole = text.ptr;
    if (dor__ok(dor__pem_next(&text, &line, &block, &found)) && found) {
        r = dor__private_key_from_der(key, dor__bytes_span(&block.der));
        dor__pem_block_fini(&block);
    }
    free((void *)(uintptr_t)whole);
    return r;
}

/* Names in hexadecimal, with commas between; "<NULL>" and "<EMPTY>" are lists without any. */
static int set_authorities(const bogo_flags *flags, dor_tls_config *config)
{
    const char *at = flags->client_ca_list;
    if (!at || *at == '<') return BOGO_PASSED;
    while (*at) {
        uint8_t name[256];
        size_t len = 0;
        unsigned byte;
        for (; len < sizeof name && sscanf(at, "%2x", &byte) == 1; at += 2)
            name[len++] = (uint8_t)byte;
        if (dor__failed(dor__tls_config_add_authority(config, dor__span(name, len)))) return BOGO_FAILED;
        at += *at == ',';
    }
    return BOGO_PASSED;
}

static bool is_named(const char *path)
{
    return path && *path;
}

bool bogo_read_base64(const char *text, dor_bytes *out)
{
    out->len = 0;
    return !text || dor__ok(dor__base64_decode(dor__span_str(text), out));
}

/* What the newest identity shows beside its certificate. */
static dor_result staple(const bogo_credential *credential, dor_tls_config *config)
{
    dor_bytes status = DOR_BYTES_EMPTY, timestamps = DOR_BYTES_EMPTY;
    dor_result r = dor__error(DOR_E_BADARG);
    if (bogo_read_base64(credential->ocsp_response, &status) &&
        bogo_read_base64(credential->signed_cert_timestamps, &timestamps))
        r = dor__tls_config_staple(config, config->identity_count - 1, dor__bytes_span(&status),
                                   dor__bytes_span(&timestamps));
    dor__bytes_free(&status);
    dor__bytes_free(&timestamps);
    return r;
}

static int add_identity(const bogo_credential *credential, dor_tls_config *config)
{
    dor_certificate *chain[BOGO_CHAIN_MAX];
    dor_private_key *key;
    size_t count;
    if (!is_named(credential->cert_file) && !is_named(credential->key_file)) return BOGO_PASSED;
    if (!is_named(credential->cert_file) || !is_named(credential->key_file)) {
        fprintf(stderr, "unimplemented: half a credential\n");
        return BOGO_UNIMPLEMENTED;
    }
    if (!bogo_read_chain(credential->cert_file, chain, &count)) return BOGO_FAILED;
    dor_result r = read_key(credential->key_file, &key);
    if (dor__ok(r)) {
        r = dor__tls_config_add_identity(config, chain, count, key);
        dor__private_key_unref(key);
    }
    for (size_t i = 0; i < count; i++)
        dor__certificate_unref(chain[i]);
    if (dor__ok(r)) r = staple(credential, config);
    if (dor__ok(r))
        config->identities[config->identity_count - 1].only_for_issuers = credential->must_match_issuer;
    if (r.code == DOR_E_KEY_UNSUPPORTED) {
        fprintf(stderr, "unimplemented: a key of this kind\n");
        return BOGO_UNIMPLEMENTED;
    }
    if (dor__ok(r)) return BOGO_PASSED;
    bogo_print_error(r.code);
    return BOGO_FAILED;
}

static int set_trust(const bogo_flags *flags, dor_tls_config *config)
{
    dor_certificate *roots[BOGO_CHAIN_MAX];
    size_t count;
    if (dor__failed(dor__trust_store_new(&config->trust))) return BOGO_FAILED;
    if (!flags->trust_cert || !*flags->trust_cert) return BOGO_PASSED;
    if (!bogo_read_chain(flags->trust_cert, roots, &count)) return BOGO_FAILED;
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        good = dor__ok(dor__trust_store_add(config->trust, roots[i])) && good;
        dor__certificate_unref(roots[i]);
    }
    return good ? BOGO_PASSED : BOGO_FAILED;
}

int bogo_credentials_set(const bogo_flags *flags, dor_tls_config *config)
{
    int r = set_trust(flags, config);
    if (r == BOGO_PASSED) r = set_authorities(flags, config);
    for (size_t i = 0; i < flags->credential_count && r == BOGO_PASSED; i++)
        r = add_identity(&flags->credentials[i], config);
    return r == BOGO_PASSED ? add_identity(&flags->credential, config) : r;
}
