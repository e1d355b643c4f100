/*
 * proto_puppet.h - an end whose words a test changes before they are protected. It is a real engine, so it has the right keys
 * at every moment; the linker puts __wrap_dor__record_write* in front of what makes its records. A program that includes this is
 * linked with --wrap for both.
 *
 * What is said is counted in *units*: a handshake message, or a change_cipher_spec of TLS 1.2.
 */
#ifndef TESTS_SUPPORT_PROTO_PUPPET_H
#define TESTS_SUPPORT_PROTO_PUPPET_H

#include "support/proto_test.h"

#include "tls/handshake.h"

enum { PUPPET_MAX_UNITS = 16, PUPPET_CCS = 256 };

typedef struct puppet_unit {
    dor_bytes bytes;
    unsigned type;   /* dor_message_type, or PUPPET_CCS */
    unsigned flight; /* how often the other end had begun to speak */
    uint8_t key[DOR_AEAD_MAX_KEY_LEN];
} puppet_unit;

typedef struct puppet_script {
    puppet_unit units[PUPPET_MAX_UNITS];
    size_t count;
} puppet_script;

/** Where a unit is due: says it, something else, or nothing. */
typedef struct puppet_mouth {
    dor_protection *keys;
    uint16_t version;
    dor_bytes *out;
} puppet_mouth;

typedef dor_result (*puppet_speak_fn)(const puppet_mouth *m, size_t at, uint8_t type, dor_span unit);

static struct {
    bool on;
    bool ccs_counts;        /* TLS 1.2: a change_cipher_spec is a unit */
    puppet_script said[2];  /* by dor_tls_role: in this run */
    int last_speaker;       /* of units; -1: nobody */
    unsigned flights;       /* times that the speaker changed */
    dor_tls_role role;      /* whose words are changed */
    puppet_speak_fn speak;  /* or NULL */
    size_t fatal_alerts[2]; /* by who wrote them */
    bool alert_in_clear[2];
} puppet;

dor_result __real_dor__record_write_padded(dor_protection *p, uint8_t type, uint16_t version,
                                           size_t max_fragment, size_t pad_to, dor_span payload,
                                           dor_bytes *out);
dor_result __wrap_dor__record_write_padded(dor_protection *p, uint8_t type, uint16_t version,
                                           size_t max_fragment, size_t pad_to, dor_span payload,
                                           dor_bytes *out);
dor_result __real_dor__record_write(dor_protection *p, uint8_t type, uint16_t version, size_t max_fragment,
                                    dor_span payload, dor_bytes *out);
dor_result __wrap_dor__record_write(dor_protection *p, uint8_t type, uint16_t version, size_t max_fragment,
                                    dor_span payload, dor_bytes *out);

/** One record under the puppet's present keys. */
static inline dor_result puppet_utter(const puppet_mouth *m, uint8_t type, dor_span payload)
{
    return __real_dor__record_write(m->keys, type, m->version, 16384, payload, m->out);
}

static inline void puppet_script_fini(puppet_script *s)
{
    for (size_t i = 0; i < s->count; i++)
        dor__bytes_free(&s->units[i].bytes);
    *s = (puppet_script){0};
}

/** From now on what both say is written down; `speak` has the word where `role` has. */
static inline void puppet_begin(uint16_t version, dor_tls_role role, puppet_speak_fn speak)
{
    puppet_script_fini(&puppet.said[0]);
    puppet_script_fini(&puppet.said[1]);
    memset(&puppet, 0, sizeof puppet);
    puppet.on = true;
    puppet.ccs_counts = version == DOR_TLS_1_2;
    puppet.role = role;
    puppet.speak = speak;
    puppet.last_speaker = -1;
}

static inline void puppet_end(void)
{
    puppet.on = false;
}

static inline dor_result puppet_unit_said(dor_tls_role from, const puppet_mouth *m, uint8_t type,
                                          dor_span unit)
{
    puppet_script *s = &puppet.said[from];
    cr_assert_lt(s->count, (size_t)PUPPET_MAX_UNITS);
    size_t at = s->count++;
    if (puppet.last_speaker >= 0 && puppet.last_speaker != (int)from) puppet.flights++;
    puppet.last_speaker = (int)from;
    s->units[at].type = type == DOR_CONTENT_CHANGE_CIPHER_SPEC ? (unsigned)PUPPET_CCS : unit.ptr[0];
    s->units[at].flight = puppet.flights;
    memcpy(s->units[at].key, m->keys->key, sizeof m->keys->key);
    DOR_TRY(dor__bytes_append(&s->units[at].bytes, unit));
    if (from == puppet.role && puppet.speak) return puppet.speak(m, at, type, unit);
    return puppet_utter(m, type, unit);
}

/* Whose protection it is; -1: nobody's, as of the compatibility change_cipher_spec of TLS 1.3. */
static inline int puppet_owner(const dor_protection *p)
{
    if (!puppet.on) return -1;
    if (pair.client.tls && p == &pair.client.tls->write) return DOR_TLS_CLIENT;
    return pair.server.tls && p == &pair.server.tls->write ? DOR_TLS_SERVER : -1;
}

dor_result __wrap_dor__record_write_padded(dor_protection *p, uint8_t type, uint16_t version,
                                           size_t max_fragment, size_t pad_to, dor_span payload,
                                           dor_bytes *out)
{
    const int owner = puppet_owner(p);
    const puppet_mouth m = {p, version, out};
    if (owner >= 0 && type == DOR_CONTENT_ALERT && payload.ptr[0] == 2) {
        puppet.fatal_alerts[owner]++;
        puppet.alert_in_clear[owner] = dor__protection_is_null(p);
    }
    const bool counts =
        type == DOR_CONTENT_HANDSHAKE || (type == DOR_CONTENT_CHANGE_CIPHER_SPEC && puppet.ccs_counts);
    if (owner < 0 || !counts)
        return __real_dor__record_write_padded(p, type, version, max_fragment, pad_to, payload, out);
    if (type == DOR_CONTENT_CHANGE_CIPHER_SPEC)
        return puppet_unit_said((dor_tls_role)owner, &m, type, payload);
    while (payload.len) {
        size_t len = 4 + ((size_t)payload.ptr[1] << 16 | (size_t)payload.ptr[2] << 8 | payload.ptr[3]);
        cr_assert_leq(len, payload.len); /* flights are made of whole messages */
        DOR_TRY(puppet_unit_said((dor_tls_role)owner, &m, type, dor__span(payload.ptr, len)));
        payload = dor__span(payload.ptr + len, payload.len - len);
    }
    return DOR_SUCCESS;
}

dor_result __wrap_dor__record_write(dor_protection *p, uint8_t type, uint16_t version, size_t max_fragment,
                                    dor_span payload, dor_bytes *out)
{
    return __wrap_dor__record_write_padded(p, type, version, max_fragment, 0, payload, out);
}

#endif
