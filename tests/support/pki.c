/* pki.c - see pki.h. */
#include "support/pki.h"

#include "x509/pem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_AGE_S = 12 * 3600 }; /* some certificates are valid for days only */

static void die(const char *what, const char *which)
{
    fprintf(stderr, "test certificates: %s: %s\n", what, which);
    abort();
}

static bool run(const char *format, const char *a, const char *b)
{
    char command[1200];
    int len = snprintf(command, sizeof(command), format, a, b);
    return len < (int)sizeof(command) && system(command) == 0;
}

bool pki_have_openssl(void)
{
    return run("command -v %s >%s", "openssl", "/dev/null");
}

/* The stamp is made last, and after the script's last change. */
static bool is_fresh(const char *stamp, const char *script)
{
    struct stat made, source;
    return stat(stamp, &made) == 0 && stat(script, &source) == 0 && made.st_mtime >= source.st_mtime &&
           time(NULL) - made.st_mtime < MAX_AGE_S;
}

/* One process makes them, the others wait: a lock beside the directory. */
static void make(const char *dir)
{
    const char *source = getenv("DORMOUSE_SOURCE");
    char script[512], stamp[512], lock_name[512];
    snprintf(script, sizeof(script), "%s/tests/support/make_pki.sh", source ? source : ".");
    snprintf(stamp, sizeof(stamp), "%s/stamp", dir);
    snprintf(lock_name, sizeof(lock_name), "%s.lock", dir);
    int lock = open(lock_name, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (lock < 0 || flock(lock, LOCK_EX) != 0) die("cannot lock", lock_name);
    if (!is_fresh(stamp, script)) {
        if (!run("rm -rf '%s' && mkdir '%s'", dir, dir)) die("cannot make", dir);
        if (!run("sh '%s' '%s'", script, dir)) die("make_pki.sh failed; see openssl.log in", dir);
        if (!run("touch '%s' '%s'", stamp, stamp)) die("cannot make", stamp);
    }
    close(lock);
}

const char *pki_dir(void)
{
    static char dir[400];
    if (dir[0] == '\0') {
        const char *build = getenv("DORMOUSE_BUILD");
        if (build)
            snprintf(dir, sizeof(dir), "%s/tests/pki", build);
        else
            snprintf(dir, sizeof(dir), "/tmp/dormouse-test-pki-%u", (unsigned)getuid());
        make(dir);
    }
    return dir;
}

char *pki_read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    if (!f) die("cannot read", path);
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    char *text = malloc((size_t)size + 1);
    if (!text || fread(text, 1, (size_t)size, f) != (size_t)size) die("cannot read", path);
    text[size] = '\0';
    fclose(f);
    *len = (size_t)size;
    return text;
}

uint8_t *pki_der(const char *name, size_t *len)
{
    char path[512];
    size_t text_len, line = 1;
    dor_pem_block block;
    bool found;
    snprintf(path, sizeof(path), "%s/%s.pem", pki_dir(), name);
    char *text = pki_read_file(path, &text_len);
    dor_span rest = dor__span(text, text_len);
    if (dor__failed(dor__pem_next(&rest, &line, &block, &found)) || !found) die("no PEM in", path);
    uint8_t *der = malloc(block.der.len);
    if (!der) die("no memory for", path);
    memcpy(der, block.der.ptr, block.der.len);
    *len = block.der.len;
    dor__pem_block_fini(&block);
    free(text);
    return der;
}

dor_certificate *pki_cert(const char *name)
{
    size_t len;
    uint8_t *der = pki_der(name, &len);
    dor_certificate *cert;
    if (dor__failed(dor__certificate_new(&cert, dor__span(der, len)))) die("cannot parse", name);
    free(der);
    return cert;
}

size_t pki_certs(const char *names, dor_certificate **certs, size_t max)
{
    size_t count = 0;
    char *copy = strdup(names), *state = NULL;
    for (char *name = strtok_r(copy, " ", &state); name && count < max; name = strtok_r(NULL, " ", &state))
        certs[count++] = pki_cert(name);
    free(copy);
    return count;
}

dor_trust_store *pki_trust(const char *names)
{
    dor_trust_store *store;
    dor_certificate *certs[32];
    size_t count = pki_certs(names, certs, 32);
    if (dor__failed(dor__trust_store_new(&store))) die("no memory for", names);
    for (size_t i = 0; i < count; i++) {
        if (dor__failed(dor__trust_store_add(store, certs[i]))) die("no memory for", names);
        dor__certificate_unref(certs[i]);
    }
    return store;
}
