/* credential.c - see credential.h. */
#include "ssl/credential.h"

#include "base/alloc.h"
#include "base/ct.h"
#include "ssl/pem_cache.h"
#include "ssl/signer.h"

#include <stdio.h>

/* ---- the list ----------------------------------------------------------------------------------------------------- */

dor_result dor__credentials_new(dor_credentials **credentials)
{
    *credentials = dor__calloc(1, sizeof(**credentials));
    if (!*credentials) return dor__error(DOR_E_NOMEM);
    (*credentials)->ref_count_ = 1;
    return DOR_SUCCESS;
}

dor_credentials *dor__credentials_ref(dor_credentials *credentials)
{
    /* Relaxed: whoever takes a reference holds one already. */
    if (credentials) __atomic_add_fetch(&credentials->ref_count_, 1, __ATOMIC_RELAXED);
    return credentials;
}

static void free_text(char *text)
{
    if (text) dor__free_wiped(text, strlen(text));
}

static void item_fini(dor_credential *item)
{
    free_text(item->certfile);
    free_text(item->keyfile);
    free_text(item->password);
    dor__bytes_free(&item->cert);
    dor__bytes_free(&item->key);
    free_text(item->status_file);
    free_text(item->timestamps_file);
    dor__bytes_free(&item->status);
    dor__bytes_free(&item->timestamps);
    *item = (dor_credential){0};
}

void dor__credentials_unref(dor_credentials *credentials)
{
    /* Release: our uses come before. Acquire: the last one sees everybody's before it frees. */
    if (!credentials || __atomic_sub_fetch(&credentials->ref_count_, 1, __ATOMIC_ACQ_REL) > 0) return;
    for (size_t i = 0; i < credentials->count; i++)
        item_fini(&credentials->items[i]);
    dor__free(credentials);
}

static bool copy_text(const char *from, char **to)
{
    size_t len = from ? strlen(from) + 1 : 0;
    *to = from ? dor__malloc(len) : NULL;
    if (*to) memcpy(*to, from, len);
    return !from || *to;
}

dor_result dor__credentials_add(dor_credentials *credentials, const dor_certs_key *spec)
{
    if (credentials->count == DOR_MAX_IDENTITIES) return dor__error(DOR_E_LIMIT);
    dor_credential *item = &credentials->items[credentials->count];
    *item = (dor_credential){0};
    bool ok =
        copy_text(spec->certfile, &item->certfile) && copy_text(spec->keyfile, &item->keyfile) &&
        copy_text(spec->password, &item->password) &&
        dor__ok(dor__bytes_append(&item->cert, dor__span(spec->cert, spec->cert_len))) &&
        dor__ok(dor__bytes_append(&item->key, dor__span(spec->key, spec->key_len))) &&
        copy_text(spec->ocsp_responsefile, &item->status_file) &&
        copy_text(spec->sct_listfile, &item->timestamps_file) &&
        dor__ok(dor__bytes_append(&item->status, dor__span(spec->ocsp_response, spec->ocsp_response_len))) &&
        dor__ok(dor__bytes_append(&item->timestamps, dor__span(spec->sct_list, spec->sct_list_len)));
    item->sign = spec->sign;
    item->sign_arg = spec->sign_arg;
    item->only_for_issuers = spec->only_for_issuers != 0;
    if (!ok) {
        item_fini(item);
        return dor__error(DOR_E_NOMEM);
    }
    credentials->count++;
    return DOR_SUCCESS;
}

dor_result dor__credentials_copy(const dor_credentials *from, dor_credentials **to)
{
    dor_credentials *copy;
    DOR_TRY(dor__credentials_new(&copy));
    for (size_t i = 0; from && i < from->count; i++) {
        const dor_credential *item = &from->items[i];
        dor_result result =
            dor__credentials_add(copy, &(dor_certs_key){.certfile = item->certfile,
                                                        .keyfile = item->keyfile,
                                                        .password = item->password,
                                                        .cert = item->cert.ptr,
                                                        .cert_len = item->cert.len,
                                                        .key = item->key.ptr,
                                                        .key_len = item->key.len,
                                                        .sign = item->sign,
                                                        .sign_arg = item->sign_arg,
                                                        .ocsp_responsefile = item->status_file,
                                                        .ocsp_response = item->status.ptr,
                                                        .ocsp_response_len = item->status.len,
                                                        .sct_listfile = item->timestamps_file,
                                                        .sct_list = item->timestamps.ptr,
                                                        .sct_list_len = item->timestamps.len,
                                                        .only_for_issuers = item->only_for_issuers});
        if (dor__failed(result)) {
            dor__credentials_unref(copy);
            return result;
        }
    }
    *to = copy;
    return DOR_SUCCESS;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static dor_result load_chain(const dor_credential *item, dor_chain *chain, dor_credential_trouble *trouble)
{
    trouble->part = item->cert.len ? "cert" : "certfile";
    if (item->cert.len)
        return dor__der_chain(dor__bytes_span(&item->cert), chain, trouble->why, sizeof(trouble->why));
    return dor__cached_chain(item->certfile, item->password, chain, trouble->why, sizeof(trouble->why));
}

static dor_result load_key(const dor_credential *item, const dor_certificate *leaf, dor_private_key **key,
                           dor_credential_trouble *trouble)
{
    if (item->sign) {
        dor_result made = dor__signer_key(leaf, item->sign, item->sign_arg, key);
        if (dor__failed(made)) dor_format_error(made.code, trouble->why, sizeof(trouble->why));
        return made;
    }
    const char *path = item->keyfile ? item->keyfile : item->certfile;
    trouble->part = item->key.len ? "key" : item->keyfile ? "keyfile" : "certfile";
    if (item->key.len)
        return dor__der_key(dor__bytes_span(&item->key), item->password, key, trouble->why,
                            sizeof(trouble->why));
    dor_result result = dor__cached_key(path, item->password, key, trouble->why, sizeof(trouble->why));
    if (result.code == DOR_E_FILE_MALFORMED && !item->keyfile) {
        size_t len = strlen(trouble->why);
        snprintf(trouble->why + len, sizeof(trouble->why) - len, "; give keyfile if it is elsewhere");
    }
    return result;
}

static void say_mismatch(const dor_credential *item, dor_credential_trouble *trouble)
{
    const char *certfile = item->cert.len ? NULL : item->certfile;
    const char *keyfile = item->key.len ? NULL : item->keyfile;
    trouble->part = item->key.len ? "key" : keyfile ? "keyfile" : "certfile";
    snprintf(trouble->why, sizeof(trouble->why), "the private key%s%s does not belong to the certificate%s%s",
             keyfile ? " in " : "", keyfile ? keyfile : "", certfile ? " in " : "", certfile ? certfile : "");
}

/* Bytes that were given, or those of a file: *from is where they are, of which read is to be freed. */
static dor_result bytes_or_file(const dor_bytes *given, const char *path, dor_bytes *read, dor_span *from,
                                dor_credential_trouble *trouble)
{
    *from = dor__bytes_span(given);
    if (given->len > 0 || !path) return DOR_SUCCESS;
    DOR_TRY(dor__read_file(path, read, trouble->why, sizeof(trouble->why)));
    *from = dor__bytes_span(read);
    return DOR_SUCCESS;
}

/* An OCSPResponse is a SEQUENCE; what it says is for clients to judge, but a file of something else is a mistake. */
static dor_result check_status(dor_span status, const dor_credential *item, dor_credential_trouble *trouble)
{
    if (status.len == 0 || status.ptr[0] == 0x30) return DOR_SUCCESS;
    bool file = item->status.len == 0;
    snprintf(trouble->why, sizeof(trouble->why), "%s%sis no OCSP response in DER",
             file ? item->status_file : "", file ? " " : "it ");
    return dor__error(DOR_E_FILE_MALFORMED);
}

/* What is shown beside the certificate number index of the config, the last one. */
static dor_result load_stapled(const dor_credential *item, dor_tls_config *config,
                               dor_credential_trouble *trouble)
{
    dor_bytes status_read = DOR_BYTES_EMPTY, timestamps_read = DOR_BYTES_EMPTY;
    dor_span status, timestamps;
    trouble->part = item->status.len ? "ocsp_response" : "ocsp_responsefile";
    dor_result result = bytes_or_file(&item->status, item->status_file, &status_read, &status, trouble);
    if (dor__ok(result)) result = check_status(status, item, trouble);
    if (dor__ok(result)) {
        trouble->part = item->timestamps.len ? "sct_list" : "sct_listfile";
        result =
            bytes_or_file(&item->timestamps, item->timestamps_file, &timestamps_read, &timestamps, trouble);
    }
    if (dor__ok(result)) {
        result = dor__tls_config_staple(config, config->identity_count - 1, status, timestamps);
        if (result.code == DOR_E_TOO_BIG)
            trouble->part = item->status.len ? "ocsp_response" : "ocsp_responsefile";
        if (dor__failed(result))
            snprintf(trouble->why, sizeof(trouble->why), "%s",
                     result.code == DOR_E_TOO_BIG ? "no message holds so much"
                     : result.code == DOR_E_NOMEM ? "out of memory"
                                                  : "it is no list of timestamps");
    }
    dor__bytes_free(&status_read);
    dor__bytes_free(&timestamps_read);
    return result;
}

static dor_result load_one(const dor_credential *item, dor_tls_config *config, const dor_trust_store *issuers,
                           dor_credential_trouble *trouble)
{
    dor_chain chain = {.count = 0};
    dor_private_key *key = NULL;
    DOR_TRY(load_chain(item, &chain, trouble));
    dor_result result = load_key(item, chain.certs[0], &key, trouble);
    if (dor__ok(result)) {
        if (issuers) dor__chain_complete(&chain, issuers);
        result = dor__tls_config_add_identity(config, chain.certs, chain.count, key);
        if (result.code == DOR_E_KEY_MISMATCH) {
            say_mismatch(item, trouble);
        } else if (dor__failed(result)) {
            trouble->part = item->cert.len ? "cert" : "certfile";
            dor_format_error(result.code, trouble->why, sizeof(trouble->why));
        }
        if (dor__ok(result)) {
            config->identities[config->identity_count - 1].only_for_issuers = item->only_for_issuers;
            result = load_stapled(item, config, trouble);
        }
    }
    dor__chain_fini(&chain);
    dor__private_key_unref(key);
    return result;
}

dor_result dor__credentials_load(const dor_credentials *credentials, dor_tls_config *config,
                                 const dor_trust_store *issuers, dor_credential_trouble *trouble)
{
    for (size_t i = 0; i < credentials->count; i++) {
        *trouble = (dor_credential_trouble){.item = i, .part = "certfile"};
        DOR_TRY(load_one(&credentials->items[i], config, issuers, trouble));
    }
    return DOR_SUCCESS;
}
