/*
 * files_support.h - certificates in files: development certificates made on the spot, the PEM text of what is in them, and which of
 * them a client was shown.
 */
#ifndef TESTS_NET_FILES_SUPPORT_H
#define TESTS_NET_FILES_SUPPORT_H

#include "net_support.h"

#include "crypto/base64.h"
#include "ssl/pem_file.h"

enum { IDENTITIES_MAX = 4 };

static int identity_count;
static dor_bytes certs[IDENTITIES_MAX], keys[IDENTITIES_MAX];
static char folder[64]; /* for the files */

/* A folder below /tmp, and an identity for each of the names. */
static inline void begin_identities(const char *const *names, int count)
{
    uint8_t digest[32];
    cr_assert(count <= IDENTITIES_MAX);
    strcpy(folder, "/tmp/dormouse-files-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    for (identity_count = 0; identity_count < count; identity_count++)
        cr_assert(dor__ok(dor__development_identity(names[identity_count], &certs[identity_count],
                                                    &keys[identity_count], digest)));
}

static inline void end_identities(void)
{
    char line[100];
    snprintf(line, sizeof line, "rm -rf %s", folder);
    cr_assert_eq(system(line), 0);
    while (identity_count > 0) {
        identity_count--;
        dor__bytes_free(&certs[identity_count]);
        dor__bytes_free(&keys[identity_count]);
    }
}

/* A name in the folder; good for the next three calls of the same thread, too. */
static inline const char *file(const char *name)
{
    static _Thread_local char paths[4][128];
    static _Thread_local int next;
    next = (next + 1) % 4;
    snprintf(paths[next], sizeof(paths[next]), "%s/%s", folder, name);
    return paths[next];
}

static inline void write_text(const char *name, const char *text, size_t len)
{
    FILE *f = fopen(file(name), "w");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(text, 1, len, f), len);
    fclose(f);
}

/* As a good tool does it: complete under another name, then in its place. */
static inline void replace_text(const char *name, const char *text, size_t len)
{
    write_text("new", text, len);
    cr_assert_eq(rename(file("new"), file(name)), 0);
}

/* The PEM text of one thing; its length. */
static inline size_t pem_text(char *to, size_t cap, const char *label, const dor_bytes *der)
{
    dor_bytes text = DOR_BYTES_EMPTY;
    cr_assert(dor__ok(dor__base64_encode(dor__bytes_span(der), &text)));
    int len = snprintf(to, cap, "-----BEGIN %s-----\n%.*s-----END %s-----\n", label, (int)text.len,
                       (const char *)text.ptr, label);
    cr_assert(len > 0 && (size_t)len < cap);
    dor__bytes_free(&text);
    return (size_t)len;
}

/* Which of the certificates a connection was shown; -1: none of them. */
static inline int shown(dor_socket client)
{
    dor_buffer *der = NULL;
    int which = -1;
    OK(dor_ssl_peercert(client, &der));
    for (int i = 0; i < identity_count; i++)
        if (dor_buffer_len(der) == certs[i].len &&
            memcmp(dor_buffer_data(der), certs[i].ptr, certs[i].len) == 0)
            which = i;
    dor_buffer_unref(der);
    return which;
}

static inline void close_pair(pair p)
{
    OK(dor_ssl_close(p.client));
    OK(dor_ssl_close(p.server));
}

#endif
