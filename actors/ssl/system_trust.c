/*
 * system_trust.c - the authorities that the system trusts: found, read once, shared by the whole process.
 *
 * The store is kept until another $SSL_CERT_FILE is asked for; at the end of the process it is still there, behind a
 * static pointer. One lock, held while the file is read: everybody who comes meanwhile would need the same file.
 */
#include "ssl/pem_file.h"

#include "base/alloc.h"
#include "base/bytes.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Debian, Ubuntu, Arch, Gentoo; Fedora, RHEL; openSUSE; Alpine, the BSDs, macOS. */
static const char *const places[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static dor_trust_store *shared;
static char shared_path[4096]; /* where `shared` came from */

static const char *find_place(void)
{
    const char *named = getenv("SSL_CERT_FILE");
    if (named && *named) return named;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (access(places[i], R_OK) == 0) return places[i];
    return NULL;
}

dor_result dor__system_trust(dor_trust_store **store, char *why, size_t why_cap)
{
    pthread_mutex_lock(&lock);
    const char *path = find_place();
    dor_result result = DOR_SUCCESS;
    if (!path) {
        if (why && why_cap > 0)
            snprintf(why, why_cap,
                     "no trusted authorities: the system has no certificate bundle in any of the usual "
                     "places; install "
                     "the package ca-certificates, set SSL_CERT_FILE, or give cacertfile");
        result = dor__error(DOR_E_FILE_UNREADABLE);
    } else if (!shared || strcmp(path, shared_path) != 0) {
        dor_trust_store *fresh = NULL;
        result = dor__pem_file_trust(path, true, &fresh, why, why_cap);
        if (dor__ok(result)) {
            dor__trust_store_unref(shared);
            shared = fresh;
            snprintf(shared_path, sizeof(shared_path), "%s", path);
        }
    }
    if (dor__ok(result)) *store = dor__trust_store_ref(shared);
    pthread_mutex_unlock(&lock);
    return result;
}

void dor__system_trust_forget(void)
{
    pthread_mutex_lock(&lock);
    dor__trust_store_unref(shared);
    shared = NULL;
    pthread_mutex_unlock(&lock);
}
