/*
 * options.c - dor_options: setting, reading and releasing values. One thread at a time per object.
 *
 * A setter makes the new value aside, has the table check it, and only then lets it take the old one's place; so after
 * a failure everything is as it was. Values are wiped when they go: one of them may be a key or a password.
 */
#include "options_table.h"

#include "base/alloc.h"
#include "base/ct.h"
#include "ssl/credential.h"
#include "ssl/pem_file.h"
#include <dormouse/ssl.h>

#include <stdarg.h>
#include <stdio.h>

/* ---- the object --------------------------------------------------------------------------------------------------- */

dor_options *dor_options_new(void)
{
    dor_options *options = dor__calloc(1, sizeof(*options) + dor__options_count * sizeof(dor_value));
    if (!options) return NULL;
    options->error = dor__calloc(1, DOR_OPTIONS_ERROR_CAP);
    if (!options->error) {
        dor__free(options);
        return NULL;
    }
    return options;
}

void dor_options_free(dor_options *options)
{
    if (!options) return;
    for (size_t i = 0; i < dor__options_count; i++)
        dor__value_clear(&options->values[i]);
    dor__options_drop_hosts(options);
    dor__free(options->error);
    dor__free(options);
}

void dor__value_clear(dor_value *value)
{
    for (size_t i = 0; i < value->count; i++)
        dor__free_wiped(value->items[i], strlen(value->items[i]));
    dor__free(value->items);
    dor__bytes_free(&value->bytes);
    if (value->session) dor_ssl_session_unref(value->session);
    if (value->object) value->release(value->object);
    *value = (dor_value){0};
}

const char *dor_options_error(const dor_options *options)
{
    return options ? options->error : "no options";
}

dor_result dor__options_fail(const dor_options *options, int code, const char *format, ...)
{
    va_list args;
    if (options) {
        va_start(args, format);
        vsnprintf(options->error, DOR_OPTIONS_ERROR_CAP, format, args);
        va_end(args);
    }
    return dor__error(code);
}

static dor_result out_of_memory(const dor_options *options, const char *name)
{
    return dor__options_fail(options, DOR_E_NOMEM, "option %.100s: out of memory", name);
}

const dor_value *dor__options_get(const dor_options *options, const char *name)
{
    const dor_option *option = options ? dor__option_find(name) : NULL;
    const dor_value *value = option ? dor__option_value(options, option) : NULL;
    return value && value->kind ? value : NULL;
}

/* ---- setting ------------------------------------------------------------------------------------------------------ */

dor_result dor__draft_fail(const dor_draft *draft, int code, const char *format, ...)
{
    va_list args;
    if (draft->why && draft->why_cap > 0) {
        va_start(args, format);
        vsnprintf(draft->why, draft->why_cap, format, args);
        va_end(args);
    }
    return dor__error(code);
}

/* Has the entry check *fresh and puts it in the place of the old value; takes it in any case. */
static dor_result put(dor_options *options, const dor_option *option, dor_value *fresh)
{
    char why[512] = "";
    dor_draft check = {.why = why, .why_cap = sizeof(why)};
    dor_result result = dor__option_apply(option, &check, fresh);
    if (dor__failed(result)) {
        dor__value_clear(fresh);
        return dor__options_fail(options, result.code, "option %s: %s", option->name, why);
    }
    dor_value *value = &options->values[option - dor__options_table];
    dor__value_clear(value);
    *value = *fresh;
    return DOR_SUCCESS;
}

static dor_result wrong_kind(dor_options *options, const dor_option *option, const char *given)
{
    char wanted[512];
    return dor__options_fail(options, DOR_E_OPTION_TYPE, "option %s: given %s, wanted %s", option->name,
                             given, dor__option_wanted(option, wanted, sizeof(wanted)));
}

/* Appends a copy of len bytes to the value's items. */
static bool add_item(dor_value *value, const char *text, size_t len)
{
    char **items = dor__realloc(value->items, (value->count + 1) * sizeof(*items));
    if (!items) return false;
    value->items = items;
    char *copy = dor__malloc(len + 1);
    if (!copy) return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    items[value->count++] = copy;
    return true;
}

/* A list in one text, as OpenSSL writes ciphers: "a:b", "a,b", blanks around. */
static bool split(dor_value *value, const char *text)
{
    static const char separators[] = ",: \t\n";
    for (const char *rest = text + strspn(text, separators); *rest; rest += strspn(rest, separators)) {
        size_t len = strcspn(rest, separators);
        if (!add_item(value, rest, len)) return false;
        rest += len;
    }
    return true;
}

static dor_result set_text(dor_options *options, const dor_option *option, const char *text)
{
    dor_value fresh = {0};
    bool is_true = strcmp(text, "true") == 0;
    if (option->kinds & DOR_VALUE_TEXT) {
        fresh.kind = DOR_VALUE_TEXT;
        if (add_item(&fresh, text, strlen(text))) return put(options, option, &fresh);
    } else if (option->kinds & DOR_VALUE_LIST) {
        fresh.kind = DOR_VALUE_LIST;
        if (split(&fresh, text)) return put(options, option, &fresh);
    } else if ((option->kinds & DOR_VALUE_BOOL) && (is_true || strcmp(text, "false") == 0)) {
        fresh = (dor_value){.kind = DOR_VALUE_BOOL, .number = is_true}; /* atoms, in the reference's world */
        return put(options, option, &fresh);
    } else {
        char given[80];
        snprintf(given, sizeof(given), "the text \"%.60s\"", text);
        return wrong_kind(options, option, given);
    }
    dor__value_clear(&fresh);
    return out_of_memory(options, option->name);
}

int dor_options_set_text(dor_options *options, const char *name, const char *value)
{
    if (!options || !name || !value) return DOR_E_BADARG;
    const dor_option *option = dor__option_find(name);
    return option ? set_text(options, option, value).code : dor__option_refuse(options, name).code;
}

int dor_options_set_int(dor_options *options, const char *name, int64_t value)
{
    if (!options || !name) return DOR_E_BADARG;
    const dor_option *option = dor__option_find(name);
    if (!option) return dor__option_refuse(options, name).code;

    dor_value fresh = {.kind = DOR_VALUE_INT, .number = value};
    if ((option->kinds & DOR_VALUE_INT) && value >= option->min && value <= option->max)
        return put(options, option, &fresh).code;
    char given[40];
    snprintf(given, sizeof(given), "%lld", (long long)value);
    return wrong_kind(options, option, given).code;
}

int dor_options_set_bool(dor_options *options, const char *name, int value)
{
    if (!options || !name) return DOR_E_BADARG;
    const dor_option *option = dor__option_find(name);
    if (!option) return dor__option_refuse(options, name).code;

    dor_value fresh = {.kind = DOR_VALUE_BOOL, .number = value != 0};
    if (option->kinds & DOR_VALUE_BOOL) return put(options, option, &fresh).code;
    return wrong_kind(options, option, value ? "true" : "false").code;
}

int dor_options_set_array(dor_options *options, const char *name, const char *const *values, size_t count)
{
    if (!options || !name || (!values && count > 0)) return DOR_E_BADARG;
    const dor_option *option = dor__option_find(name);
    if (!option) return dor__option_refuse(options, name).code;
    if (!(option->kinds & DOR_VALUE_LIST)) return wrong_kind(options, option, "a list").code;
    if (count > DOR_OPTIONS_LIST_MAX)
        return dor__options_fail(options, DOR_E_OPTION_TYPE, "option %s: a list of more than %d", name,
                                 DOR_OPTIONS_LIST_MAX)
            .code;

    dor_value fresh = {.kind = DOR_VALUE_LIST};
    for (size_t i = 0; i < count; i++) {
        if (values[i] && add_item(&fresh, values[i], strlen(values[i]))) continue;
        dor__value_clear(&fresh);
        return values[i] ? out_of_memory(options, name).code : DOR_E_BADARG;
    }
    return put(options, option, &fresh).code;
}

int dor_options_set_list(dor_options *options, const char *name, ...)
{
    const char *values[DOR_OPTIONS_LIST_MAX + 1];
    size_t count = 0;
    va_list args;
    va_start(args, name);
    for (const char *value; count <= DOR_OPTIONS_LIST_MAX && (value = va_arg(args, const char *));)
        values[count++] = value;
    va_end(args);
    return dor_options_set_array(options, name, values, count);
}

static int set_bytes(dor_options *options, const char *name, const void *data, size_t len, bool adds)
{
    if (!options || !name || (!data && len > 0)) return DOR_E_BADARG;
    const dor_option *option = dor__option_find(name);
    if (!option) return dor__option_refuse(options, name).code;
    if (!(option->kinds & DOR_VALUE_BYTES)) return wrong_kind(options, option, "bytes").code;
    if (len == 0) return wrong_kind(options, option, "no bytes").code;

    dor_value fresh = {.kind = DOR_VALUE_BYTES};
    dor_result result = DOR_SUCCESS;
    if (adds && (option->scope & DOR_SCOPE_ADDS))
        result = dor__bytes_append(&fresh.bytes, dor__bytes_span(&dor__option_value(options, option)->bytes));
    if (dor__ok(result)) result = dor__bytes_append(&fresh.bytes, dor__span(data, len));
    if (dor__ok(result)) return put(options, option, &fresh).code;
    dor__value_clear(&fresh);
    return out_of_memory(options, name).code;
}

int dor_options_set_bytes(dor_options *options, const char *name, const void *data, size_t len)
{
    return set_bytes(options, name, data, len, true);
}

int dor__options_replace_bytes(dor_options *options, const char *name, const void *data, size_t len)
{
    return set_bytes(options, name, data, len, false);
}

int dor_options_set_session(dor_options *options, dor_ssl_session *session)
{
    if (!options) return DOR_E_BADARG;
    if (!session) return dor_options_unset(options, "reuse_session");
    dor_value fresh = {.kind = DOR_VALUE_SESSION, .session = dor_ssl_session_ref(session)};
    return put(options, dor__option_find("reuse_session"), &fresh).code;
}

int dor__options_set_object(dor_options *options, const char *name, void *object,
                            void (*release)(void *object))
{
    dor_value fresh = {.kind = DOR_VALUE_OBJECT, .object = object, .release = release};
    return put(options, dor__option_find(name), &fresh).code;
}

int dor__options_set_function(dor_options *options, const char *name, void (*fn)(void), const void *ops,
                              void *arg)
{
    dor_value fresh = {.kind = DOR_VALUE_FUNCTION, .fn = fn, .ops = ops, .arg = arg};
    return put(options, dor__option_find(name), &fresh).code;
}

static void release_credentials(void *credentials)
{
    dor__credentials_unref(credentials);
}

int dor_options_add_certs_key(dor_options *options, const dor_certs_key *certs_key)
{
    dor_credentials *more;
    if (!options || !certs_key || (!certs_key->cert && certs_key->cert_len) ||
        (!certs_key->key && certs_key->key_len) ||
        (!certs_key->ocsp_response && certs_key->ocsp_response_len) ||
        (!certs_key->sct_list && certs_key->sct_list_len))
        return DOR_E_BADARG;
    if (!certs_key->certfile && !certs_key->cert_len)
        return dor__options_fail(options, DOR_E_OPTION_TYPE,
                                 "option certs_keys: one without certfile or cert")
            .code;
    if (certs_key->sign && (certs_key->keyfile || certs_key->key_len))
        return dor__options_fail(options, DOR_E_OPTION_CONFLICT,
                                 "option certs_keys: one with a key and with a function that signs")
            .code;
    if (!certs_key->certfile && !certs_key->keyfile && !certs_key->key_len && !certs_key->sign)
        return dor__options_fail(options, DOR_E_OPTION_TYPE, "option certs_keys: cert needs key or keyfile")
            .code;

    const dor_value *value = dor__options_get(options, "certs_keys");
    dor_result result = dor__credentials_copy(value ? value->object : NULL, &more);
    if (dor__failed(result)) return out_of_memory(options, "certs_keys").code;
    result = dor__credentials_add(more, certs_key);
    if (dor__ok(result)) return dor__options_set_object(options, "certs_keys", more, release_credentials);
    dor__credentials_unref(more);
    if (result.code == DOR_E_NOMEM) return out_of_memory(options, "certs_keys").code;
    return dor__options_fail(options, result.code, "option certs_keys: more than %d", DOR_MAX_IDENTITIES)
        .code;
}

int dor_options_set_key_log(dor_options *options, dor_key_log_fn fn, void *arg)
{
    if (!options) return DOR_E_BADARG;
    if (!fn) return dor_options_unset(options, "key_log");
    return dor__options_set_function(options, "key_log", (void (*)(void))fn, NULL, arg);
}

int dor_options_unset(dor_options *options, const char *name)
{
    if (!options || !name) return DOR_E_BADARG;
    const dor_option *option = dor__option_find(name);
    if (!option) return dor__option_refuse(options, name).code;
    dor__value_clear(&options->values[option - dor__options_table]);
    if (strcmp(name, "sni_hosts") == 0) dor__options_drop_hosts(options);
    return DOR_OK;
}

int dor_options_use_development_certificate(dor_options *options, const char *host, char fingerprint[65])
{
    dor_bytes cert, key;
    uint8_t digest[32];
    if (!options) return DOR_E_BADARG;
    dor_result result = dor__development_identity(host ? host : "localhost", &cert, &key, digest);
    if (dor__failed(result))
        return dor__options_fail(options, result.code, "the development certificate could not be made").code;

    int code = dor_options_set_bytes(options, "cert", cert.ptr, cert.len);
    if (code == DOR_OK) code = dor_options_set_bytes(options, "key", key.ptr, key.len);
    dor__bytes_free(&cert);
    dor__bytes_free(&key);
    if (code == DOR_OK && fingerprint)
        for (size_t i = 0; i < sizeof(digest); i++)
            snprintf(fingerprint + 2 * i, 3, "%02x", digest[i]);
    return code;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

/* The items with "," between; false, and nothing is written, when they do not fit. */
static bool join(const dor_value *value, char *text, size_t cap)
{
    size_t need = 1, len = 0;
    for (size_t i = 0; i < value->count; i++)
        need += strlen(value->items[i]) + (i > 0);
    if (need > cap) return false;
    text[0] = '\0';
    for (size_t i = 0; i < value->count; i++)
        len += (size_t)snprintf(text + len, cap - len, "%s%s", i ? "," : "", value->items[i]);
    return true;
}

int dor_options_get_text(const dor_options *options, const char *name, char *value, size_t cap)
{
    if (!options || !name || !value || cap == 0) return DOR_E_BADARG;
    const dor_value *found = dor__options_get(options, name);
    if (!found) return DOR_E_OPTION_UNKNOWN;

    if (found->kind & (DOR_VALUE_TEXT | DOR_VALUE_LIST))
        return join(found, value, cap) ? DOR_OK : DOR_E_TOO_BIG;
    if (!(found->kind & (DOR_VALUE_INT | DOR_VALUE_BOOL))) return DOR_E_OPTION_TYPE;

    char number[24];
    snprintf(number, sizeof(number), "%lld", (long long)found->number);
    const char *text = found->kind == DOR_VALUE_INT ? number : found->number ? "true" : "false";
    if (strlen(text) >= cap) return DOR_E_TOO_BIG;
    memcpy(value, text, strlen(text) + 1);
    return DOR_OK;
}

int dor_options_get_int(const dor_options *options, const char *name, int64_t *value)
{
    if (!options || !name || !value) return DOR_E_BADARG;
    const dor_value *found = dor__options_get(options, name);
    if (!found) return DOR_E_OPTION_UNKNOWN;
    if (!(found->kind & (DOR_VALUE_INT | DOR_VALUE_BOOL))) return DOR_E_OPTION_TYPE;
    *value = found->number;
    return DOR_OK;
}
