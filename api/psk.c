/* psk.c - dormouse/psk.h: checks arguments and forwards. */
#include "options_table.h"

#include "base/ct.h"
#include "ssl/information.h"
#include "ssl/question.h"
#include <dormouse/psk.h>

static dor_hash_id hash_of(const char *name)
{
    if (!name || strcmp(name, "sha256") == 0) return DOR_HASH_SHA256;
    return strcmp(name, "sha384") == 0 ? DOR_HASH_SHA384 : DOR_HASH_NONE;
}

static void release(void *psks)
{
    dor__psks_unref(psks);
}

/* The old ones may be shared with settings already, so a new table takes their place. */
static dor_result extended(const dor_psks *from, const dor_psk *psk, dor_psks **to)
{
    DOR_TRY(dor__psks_new(to));
    dor_result r = DOR_SUCCESS;
    for (size_t i = 0; dor__ok(r) && i < dor__psks_count(from); i++)
        r = dor__psks_add(*to, dor__psks_at(from, i));
    if (dor__ok(r)) r = dor__psks_add(*to, psk);
    if (dor__failed(r)) dor__psks_unref(*to);
    return r;
}

int dor_options_add_psk(dor_options *options, const void *identity, size_t identity_len, const void *key,
                        size_t key_len, const char *hash)
{
    dor_psks *psks;
    if (!options || !identity || !key) return DOR_E_BADARG;
    const dor_value *value = dor__options_get(options, "psks");
    const dor_psk psk = {dor__span(identity, identity_len), dor__span(key, key_len), hash_of(hash)};
    dor_result r = extended(value ? value->object : NULL, &psk, &psks);
    if (dor__ok(r)) return dor__options_set_object(options, "psks", psks, release);
    if (r.code == DOR_E_NAME_TAKEN)
        return dor__options_fail(options, DOR_E_OPTION_CONFLICT, "option psks: the identity is there already")
            .code;
    return dor__options_fail(options, r.code,
                             r.code == DOR_E_BADARG
                                 ? "option psks: an identity has 1 to %d bytes, a key %d to %d, "
                                   "and its hash is sha256 or sha384"
                                 : "option psks: no room for more",
                             DOR_PSK_MAX_IDENTITY_LEN, DOR_PSK_MIN_KEY_LEN, DOR_PSK_MAX_KEY_LEN)
        .code;
}

int dor_options_set_psk_lookup(dor_options *options, dor_psk_lookup_fn fn, void *arg)
{
    if (!options) return DOR_E_BADARG;
    if (!fn) return dor_options_unset(options, "user_lookup_fun");
    return dor__options_set_function(options, "user_lookup_fun", (void (*)(void))fn, NULL, arg);
}

int dor_question_psk(dor_question *question, const void *key, size_t key_len, const char *hash)
{
    uint8_t answer[1 + DOR_PSK_MAX_KEY_LEN];
    dor_hash_id id = hash_of(hash);
    if (!question) return DOR_E_BADARG;
    if (!key || key_len < DOR_PSK_MIN_KEY_LEN || key_len > DOR_PSK_MAX_KEY_LEN || id == DOR_HASH_NONE) {
        dor__question_unref(question);
        return DOR_E_BADARG;
    }
    answer[0] = (uint8_t)id;
    memcpy(answer + 1, key, key_len);
    int code = dor__question_answer(question, DOR_QUESTION_PSK, dor__span(answer, 1 + key_len));
    dor__wipe(answer, sizeof answer);
    return code;
}

typedef struct ask {
    uint8_t *identity;
    size_t cap, len;
} ask;

static dor_result ask_identity(dor_actor *a, dor_ssl_query *query)
{
    ask *to = query->out;
    return dor__socket_psk_identity(a, to->identity, to->cap, &to->len);
}

int dor_ssl_psk_identity(dor_socket socket, void *identity, size_t cap, size_t *len)
{
    ask found = {identity, cap, 0};
    if (!len || (!identity && cap)) return DOR_E_BADARG;
    int code = dor__ssl_call(socket, &(dor_ssl_query){.run = ask_identity, .out = &found}).code;
    if (code == DOR_OK || code == DOR_E_TOO_BIG) *len = found.len;
    return code;
}
