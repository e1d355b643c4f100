/*
 * tls13_cases.h - takes a TLS 1.3 handshake to one of its messages, changes an extension there, and compares the alert that
 * follows with the one that has to. On top of proto_replay.h.
 */
#ifndef TESTS_SUPPORT_TLS13_CASES_H
#define TESTS_SUPPORT_TLS13_CASES_H

#include "support/hex.h"
#include "support/proto_replay.h"

#include "tls/extension/extensions.h"

/* ---- changing messages -------------------------------------------------------------------------------------- */

/* Where the length of the extensions stands. */
static inline size_t block_at(dor_span m)
{
    size_t at = 4;
    switch (m.ptr[0]) {
    case DOR_HS_CLIENT_HELLO:
        at += 2 + 32;
        at += 1u + m.ptr[at];
        at += 2u + (size_t)(m.ptr[at] << 8 | m.ptr[at + 1]);
        return at + 1u + m.ptr[at];
    case DOR_HS_SERVER_HELLO: at += 2 + 32; return at + 1u + m.ptr[at] + 2 + 1;
    case DOR_HS_ENCRYPTED_EXTENSIONS: return at;
    case DOR_HS_CERTIFICATE_REQUEST: return at + 1;
    case DOR_HS_CERTIFICATE: at += 1 + 3; return at + 3 + (size_t)(m.ptr[at + 1] << 8 | m.ptr[at + 2]);
    default: abort();
    }
}

typedef enum change { ADD, ADD_TWICE, ADD_FIRST, REMOVE, REPLACE, AGAIN } change;

static inline void put(dor_bytes *to, const void *data, size_t len)
{
    cr_assert(dor__ok(dor__bytes_append(to, dor__span(data, len))));
}

static inline void put_extension(dor_bytes *to, unsigned type, dor_span data)
{
    const uint8_t header[4] = {(uint8_t)(type >> 8), (uint8_t)type, (uint8_t)(data.len >> 8),
                               (uint8_t)data.len};
    put(to, header, 4);
    put(to, data.ptr, data.len);
}

static inline void put_lengths(dor_bytes *m, size_t block, size_t block_len)
{
    size_t body = m->len - 4;
    m->ptr[1] = (uint8_t)(body >> 16);
    m->ptr[2] = (uint8_t)(body >> 8);
    m->ptr[3] = (uint8_t)body;
    m->ptr[block] = (uint8_t)(block_len >> 8);
    m->ptr[block + 1] = (uint8_t)block_len;
}

static inline dor_bytes changed(dor_span m, change what, unsigned type, dor_span data)
{
    dor_bytes out = DOR_BYTES_EMPTY;
    const size_t block = block_at(m), len = (size_t)(m.ptr[block] << 8 | m.ptr[block + 1]),
                 end = block + 2 + len;
    bool found = false;
    put(&out, m.ptr, block + 2);
    if (what == ADD_FIRST) put_extension(&out, type, data);
    for (size_t at = block + 2; at < end;) {
        unsigned t = (unsigned)(m.ptr[at] << 8 | m.ptr[at + 1]);
        size_t l = 4 + (size_t)(m.ptr[at + 2] << 8 | m.ptr[at + 3]);
        bool it = t == type && (what == REMOVE || what == REPLACE || what == AGAIN);
        found |= it;
        if (!it || what == AGAIN) put(&out, m.ptr + at, l);
        if (it && what == AGAIN) put(&out, m.ptr + at, l);
        if (it && what == REPLACE) put_extension(&out, type, data);
        at += l;
    }
    cr_assert(found || what == ADD || what == ADD_TWICE || what == ADD_FIRST, "extension %u is not there",
              type);
    if (what == ADD || what == ADD_TWICE) put_extension(&out, type, data);
    if (what == ADD_TWICE) put_extension(&out, type, data);
    size_t new_len = out.len - block - 2;
    put(&out, m.ptr + end, m.len - end); /* a certificate's: the rest of the list */
    put_lengths(&out, block, new_len);
    if (m.ptr[0] == DOR_HS_CERTIFICATE) {
        size_t list = out.len - 8;
        out.ptr[5] = (uint8_t)(list >> 16);
        out.ptr[6] = (uint8_t)(list >> 8);
        out.ptr[7] = (uint8_t)list;
    }
    return out;
}

/* ---- cases -------------------------------------------------------------------------------------------------- */

typedef struct ext_case {
    size_t at; /* which message */
    change what;
    unsigned type;
    const char *data; /* hex */
    int alert;        /* 0: it is no fault */
    dor_reason reason;
} ext_case;

#define FINE         0, DOR_REASON_NONE
#define DECODE       DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE
#define DUPLICATE    DOR_ALERT_DECODE_ERROR, DOR_REASON_DUPLICATE_EXTENSION
#define DUPLICATE_13 DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_DUPLICATE_EXTENSION
#define MISSING      DOR_ALERT_MISSING_EXTENSION, DOR_REASON_MISSING_EXTENSION
#define UNSUPPORTED  DOR_ALERT_UNSUPPORTED_EXTENSION, DOR_REASON_UNSUPPORTED_EXTENSION
#define MISPLACED    DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_UNSUPPORTED_EXTENSION
#define ILLEGAL(why) DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_##why

static inline void try_all(dor_tls_role to, scene s, const ext_case *cases, size_t count)
{
    arrange(s);
    proto_leave_out(client, DOR_GROUP_X25519MLKEM768); /* the cases write about shares of curves */
    record_what_is_said(to == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT);
    for (size_t i = 0; i < count; i++) {
        const ext_case *c = &cases[i];
        uint8_t data[512];
        size_t len = c->data && *c->data ? hex_read(c->data, data, sizeof data) : 0;
        dor_bytes m = changed(dor__bytes_span(&said.messages[c->at]), c->what, c->type, dor__span(data, len));
        replay(to, c->at);
        say(to, c->at < said.clear_count, dor__bytes_span(&m));
        int expected = c->alert ? DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, c->alert, (int)c->reason) : DOR_OK;
        cr_assert_eq(proto_end_of(&pair, to)->result.code, expected, "case %zu (extension %u): %s", i,
                     c->type, trouble());
        dor__bytes_free(&m);
    }
    shut_mouth();
}

#endif
