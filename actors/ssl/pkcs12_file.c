/*
 * pkcs12_file.c - chain and key from a PKCS#12 file, in the order in which they are sent.
 *
 * The certificates of such a file have no order: the leaf is the one that belongs to the key, and behind it comes what the
 * issuers' names lead to. A root is left out, because whoever trusts it has it.
 *
 * Threads: any.
 */
#include "crypto/pkcs12.h"

#include "ssl/pem_file.h"

#include <stdio.h>

static dor_result say(dor_result result, const char *path, char *why, size_t why_cap)
{
    char text[160];
    const char *what = text;
    switch (result.code) {
    case DOR_E_PASSWORD_NEEDED: what = "a PKCS#12 file, for which no password was given"; break;
    case DOR_E_PASSWORD_WRONG: what = "a PKCS#12 file: wrong password, or damaged"; break;
    case DOR_E_NOT_SUPPORTED:
        what = "a PKCS#12 file without a MAC, or with a MAC or an encryption that is not supported";
        break;
    case DOR_E_LIMIT: what = "a PKCS#12 file that holds too much, or asks for too much work"; break;
    default: dor_format_error(result.code, text, sizeof(text)); break;
    }
    if (why && why_cap > 0) snprintf(why, why_cap, "%s: %s", path, what);
    return result;
}

static bool is_leaf(const dor_certificate *cert, const dor_private_key *key)
{
    dor_public_key *public_key;
    if (dor__failed(dor__public_key_from_spki(&public_key, cert->spki))) return false;
    bool fits = dor__key_pair_fits(key, public_key);
    dor__public_key_free(public_key);
    return fits;
}

/* Moves the certificates that make up the chain from `all` to `chain`; the others stay. */
static void put_in_order(dor_chain *all, const dor_private_key *key, dor_chain *chain)
{
    dor_certificate *next = NULL;
    for (size_t i = 0; i < all->count && !next; i++)
        if (!key || is_leaf(all->certs[i], key)) next = all->certs[i];
    while (next && chain->count < DOR_CHAIN_MAX) {
        const dor_certificate *last = next;
        bool known = false;
        for (size_t i = 0; i < chain->count; i++)
            known = known || chain->certs[i] == last;
        if (known) break; /* two that vouch for each other */
        chain->certs[chain->count++] = dor__certificate_ref(next);
        next = NULL;
        for (size_t i = 0; i < all->count && !last->self_issued && !next; i++)
            if (!all->certs[i]->self_issued && dor__span_equal(all->certs[i]->subject, last->issuer))
                next = all->certs[i];
    }
}

static dor_result read_certificates(const dor_pkcs12 *p12, dor_chain *all)
{
    for (size_t i = 0; i < p12->cert_count; i++) {
        dor_result result = dor__certificate_new(&all->certs[i], dor__bytes_span(&p12->certs[i]));
        if (dor__failed(result))
            return result.code == DOR_E_NOMEM ? result : dor__error(DOR_E_FILE_MALFORMED);
        all->count++;
    }
    return DOR_SUCCESS;
}

dor_result dor__pkcs12_read(const char *path, dor_span der, const char *password, dor_chain *chain,
                            dor_private_key **key, char *why, size_t why_cap)
{
    dor_pkcs12 p12;
    dor_chain all = {.count = 0};
    dor_result result = dor__pkcs12_open(&p12, der, dor__span_str(password ? password : ""));
    if (result.code == DOR_E_PASSWORD_WRONG && !password) result = dor__error(DOR_E_PASSWORD_NEEDED);
    if (dor__failed(result)) return say(result, path, why, why_cap);

    if (chain) {
        chain->count = 0;
        result = read_certificates(&p12, &all);
        if (dor__ok(result)) put_in_order(&all, p12.key, chain);
        if (dor__ok(result) && chain->count == 0) result = dor__error(DOR_E_FILE_MALFORMED);
    }
    if (key && dor__ok(result)) {
        result = p12.key ? DOR_SUCCESS : dor__error(DOR_E_FILE_MALFORMED);
        *key = p12.key ? dor__private_key_ref(p12.key) : NULL;
    }
    dor__chain_fini(&all);
    dor__pkcs12_fini(&p12);
    if (result.code == DOR_E_FILE_MALFORMED && why && why_cap > 0)
        snprintf(why, why_cap, "%s: a PKCS#12 file without %s", path,
                 chain ? "a certificate that belongs to its key" : "a private key");
    else if (dor__failed(result))
        return say(result, path, why, why_cap);
    return result;
}
