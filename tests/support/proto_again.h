/*
 * proto_again.h - second handshakes: what is said in them is under keys, so a test that wants to change it opens the writer's
 * records with a copy of its protection, and seals them again. On top of proto_test.h.
 */
#ifndef TESTS_SUPPORT_PROTO_AGAIN_H
#define TESTS_SUPPORT_PROTO_AGAIN_H

#include "support/proto_test.h"
#include "tls/again.h"

#include <stdlib.h>

static inline dor_tls *again_tls(dor_tls_role role)
{
    return proto_end_of(&pair, role)->tls;
}

static inline dor_tls_role again_other(dor_tls_role role)
{
    return role == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT;
}

static inline dor_tls_info again_info(dor_tls_role role)
{
    dor_tls_info info;
    dor__tls_get_info(again_tls(role), &info);
    return info;
}

/** Delivers a record that `from` might have made under its present keys. */
static inline void again_say(dor_tls_role from, uint8_t type, dor_span payload)
{
    dor_tls *t = again_tls(from);
    cr_assert(dor__ok(dor__record_write(&t->write, type, 0x0303, 16384, payload, dor__tls_output(t))));
    proto_deliver(&pair, from);
}

/** Changes one bit of what the two say under the keys that they had when it was set up, in both directions. */
typedef struct retoucher {
    dor_protection keys[2]; /* the writers', as they were */
    size_t bit;             /* counted over all payloads that could be opened */
    size_t seen;            /* bits so far */
    bool done;
} retoucher;

static inline void retouch_set_up(retoucher *r, size_t bit)
{
    *r = (retoucher){.bit = bit};
    for (int role = 0; role < 2; role++) {
        r->keys[role] = again_tls((dor_tls_role)role)->write;
        r->keys[role].aead = NULL; /* its own context */
    }
}

static inline void retouch_fini(retoucher *r)
{
    dor__protection_fini(&r->keys[0]);
    dor__protection_fini(&r->keys[1]);
}

static inline void retouch(void *ctx, dor_tls_role from, dor_bytes *data)
{
    retoucher *r = ctx;
    dor_bytes out = DOR_BYTES_EMPTY;
    for (size_t at = 0, len; at + 5 <= data->len; at += len) {
        uint8_t *record = data->ptr + at, type, clear[20000];
        dor_span payload;
        dor_protection *keys = &r->keys[from];
        len = 5 + ((size_t)record[3] << 8 | record[4]);
        memcpy(clear, record, len);
        uint64_t sequence = keys->sequence;
        if (dor__failed(keys->ops->open(keys, clear, len - 5, &type, &payload))) { /* under the new ones */
            cr_assert(dor__ok(dor__bytes_append(&out, dor__span(record, len))));
            continue;
        }
        size_t first = r->seen;
        r->seen += payload.len * 8;
        if (r->bit >= first && r->bit < r->seen) {
            size_t n = r->bit - first;
            clear[(size_t)(payload.ptr - clear) + n / 8] ^= (uint8_t)(1u << n % 8);
            r->done = true;
        }
        keys->sequence = sequence;
        cr_assert(dor__ok(dor__record_write(keys, type, 0x0303, 16384, payload, &out)));
    }
    dor__bytes_free(data);
    *data = out;
}

/** Sanitizers and valgrind take every nth. */
static inline size_t again_stride(size_t plain)
{
    const char *sanitize = getenv("DORMOUSE_SANITIZE");
    return (sanitize && *sanitize) || getenv("DORMOUSE_VALGRIND") ? plain * 13 : plain;
}

#endif
