/*
 * options_json.c - options from JSON, by jansson (RFC 8259, RFC 4648 for bytes).
 *
 * Reads into a fresh dor_options through the same setters that a program uses, so both give the same errors. Syntax
 * errors carry a line and a column; what an option refuses carries its name. Any thread.
 */
#include "options_table.h"

#include "base/alloc.h"
#include <dormouse/inet.h>
#include "ssl/pem_file.h"

#include <jansson.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

enum { PATH_CAP = 4096, MEMBER_CAP = 8192 };

/* Where the text came from and where complaints go. */
typedef struct reading {
    dor_options *options;
    const char *folder; /* relative file names are taken from here; NULL: as they are */
    size_t folder_len;
    char *error;
    size_t error_cap;
} reading;

static dor_result complain(const reading *in, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static dor_result complain(const reading *in, int code, const char *format, ...)
{
    va_list args;
    if (in->error && in->error_cap > 0) {
        va_start(args, format);
        vsnprintf(in->error, in->error_cap, format, args);
        va_end(args);
    }
    return dor__error(code);
}

static const char *kind_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "a list";
    case JSON_STRING: return "a text";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a number with a fraction";
    case JSON_NULL: return "null";
    default: return "true or false";
    }
}

/* What the setter had to say, or nothing if it succeeded. */
static dor_result said(const reading *in, int code)
{
    return code == DOR_OK ? DOR_SUCCESS : complain(in, code, "%s", dor_options_error(in->options));
}

static dor_result bad_kind(const reading *in, const dor_option *option, const json_t *value)
{
    char wanted[512];
    return complain(in, DOR_E_OPTION_TYPE, "option %s: given %s, wanted %s", option->name, kind_of(value),
                    dor__option_wanted(option, wanted, sizeof(wanted)));
}

/* ---- values -------------------------------------------------------------------------------------------------------- */

static dor_result decode(const reading *in, const dor_option *option, const json_t *text, dor_bytes *der)
{
    dor_result result = dor__base64_decode(dor__span(json_string_value(text), json_string_length(text)), der);
    if (result.code == DOR_E_NOMEM)
        return complain(in, DOR_E_NOMEM, "option %s: out of memory", option->name);
    return dor__failed(result)
               ? complain(in, DOR_E_OPTION_TYPE, "option %s: the text is not base64", option->name)
               : result;
}

/* One text, or a list of them: certificates one behind the other. */
static dor_result read_bytes(const reading *in, const dor_option *option, const json_t *value)
{
    dor_bytes der = DOR_BYTES_EMPTY;
    dor_result result = DOR_SUCCESS;
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; i < count && dor__ok(result); i++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
        result = json_is_string(item) ? decode(in, option, item, &der) : bad_kind(in, option, item);
    }
    if (dor__ok(result))
        result = said(in, dor_options_set_bytes(in->options, option->name, der.ptr, der.len));
    dor__bytes_free(&der);
    return result;
}

static dor_result read_list(const reading *in, const dor_option *option, const json_t *value)
{
    const char *items[DOR_OPTIONS_LIST_MAX];
    size_t count = json_array_size(value);
    if (!(option->kinds & DOR_VALUE_LIST)) return bad_kind(in, option, value);
    if (count > DOR_OPTIONS_LIST_MAX)
        return complain(in, DOR_E_OPTION_TYPE, "option %s: a list of more than %d", option->name,
                        DOR_OPTIONS_LIST_MAX);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(value, i);
        if (!json_is_string(item))
            return complain(in, DOR_E_OPTION_TYPE,
                            "option %s: number %zu of the list is %s, wanted is a text", option->name, i + 1,
                            kind_of(item));
        items[i] = json_string_value(item);
    }
    return said(in, dor_options_set_array(in->options, option->name, items, count));
}

/* A file's name as it is to be opened; path has room for PATH_CAP bytes. NULL: it is too long. */
static const char *locate(const reading *in, const char *text, char *path)
{
    if (!in->folder || !*text || *text == '/') return text;
    int len = snprintf(path, PATH_CAP, "%.*s%s", (int)in->folder_len, in->folder, text);
    return len < 0 || len >= PATH_CAP ? NULL : path;
}

static dor_result read_text(const reading *in, const dor_option *option, const char *text)
{
    char path[PATH_CAP];
    if (option->scope & DOR_SCOPE_PATH) text = locate(in, text, path);
    if (!text) return complain(in, DOR_E_TOO_BIG, "option %s: the path is too long", option->name);
    return said(in, dor_options_set_text(in->options, option->name, text));
}

/* What texts and decoded bytes of one of certs_keys are held in while it is read. */
typedef struct certs_key_places {
    char path[4][PATH_CAP];
    dor_bytes bytes[4];
} certs_key_places;

/* One member of it. */
static dor_result read_certs_key_member(const reading *in, const dor_option *option, const char *name,
                                        json_t *value, certs_key_places *places, dor_certs_key *spec)
{
    static const char *const bytes[] = {"cert", "key", "ocsp_response", "sct_list"};
    static const char *const files[] = {"certfile", "keyfile", "ocsp_responsefile", "sct_listfile"};
    const char **const paths[] = {&spec->certfile, &spec->keyfile, &spec->ocsp_responsefile,
                                  &spec->sct_listfile};
    const char *text = json_string_value(value);
    const bool flag = strcmp(name, "only_for_issuers") == 0;
    if (flag && json_is_boolean(value)) {
        spec->only_for_issuers = json_is_true(value);
        return DOR_SUCCESS;
    }
    if (flag || !text)
        return complain(in, DOR_E_OPTION_TYPE, "option certs_keys, %.40s: given %s, wanted %s", name,
                        kind_of(value), flag ? "true or false" : "a text");
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (strcmp(name, bytes[i]) == 0) return decode(in, option, value, &places->bytes[i]);
        if (strcmp(name, files[i]) != 0) continue;
        *paths[i] = locate(in, text, places->path[i]);
        return *paths[i] ? DOR_SUCCESS
                         : complain(in, DOR_E_TOO_BIG, "option certs_keys: the path is too long");
    }
    if (strcmp(name, "password") != 0)
        return complain(in, DOR_E_OPTION_UNKNOWN, "option certs_keys: nothing in it is called \"%.100s\"",
                        name);
    spec->password = text;
    return DOR_SUCCESS;
}

/* One of certs_keys: {"certfile": ..., "keyfile": ..., "password": ..., "cert": base64, "key": base64, ...}. */
static dor_result read_certs_key(const reading *in, const dor_option *option, json_t *object)
{
    certs_key_places places;
    dor_certs_key spec = {0};
    const char *name;
    json_t *value;
    memset(places.bytes, 0, sizeof(places.bytes));
    dor_result result = json_is_object(object) ? DOR_SUCCESS : bad_kind(in, option, object);
    json_object_foreach(object, name, value)
    {
        if (dor__ok(result)) result = read_certs_key_member(in, option, name, value, &places, &spec);
    }
    spec.cert = places.bytes[0].ptr, spec.cert_len = places.bytes[0].len;
    spec.key = places.bytes[1].ptr, spec.key_len = places.bytes[1].len;
    spec.ocsp_response = places.bytes[2].ptr, spec.ocsp_response_len = places.bytes[2].len;
    spec.sct_list = places.bytes[3].ptr, spec.sct_list_len = places.bytes[3].len;
    if (dor__ok(result)) result = said(in, dor_options_add_certs_key(in->options, &spec));
    for (size_t i = 0; i < sizeof(places.bytes) / sizeof(places.bytes[0]); i++)
        dor__bytes_free(&places.bytes[i]);
    return result;
}

static dor_result read_certs_keys(const reading *in, const dor_option *option, const json_t *list)
{
    if (!json_is_array(list)) return bad_kind(in, option, list);
    for (size_t i = 0; i < json_array_size(list); i++)
        DOR_TRY(read_certs_key(in, option, json_array_get(list, i)));
    return DOR_SUCCESS;
}

/* One of raw: {"level": 6, "option": 18, "value": an integer (a C int), or base64}. */
static dor_result read_raw(const reading *in, const dor_option *option, json_t *object)
{
    const json_t *level = json_object_get(object, "level"), *name = json_object_get(object, "option");
    const json_t *value = json_object_get(object, "value");
    json_int_t numbers[] = {json_integer_value(level), json_integer_value(name), json_integer_value(value)};
    if (!json_is_integer(level) || !json_is_integer(name) || json_object_size(object) != 3 ||
        (!json_is_integer(value) && !json_is_string(value)))
        return complain(
            in, DOR_E_OPTION_TYPE,
            "option raw: wanted are objects with level, option (integers) and value (an integer, or "
            "bytes in base64)");
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (numbers[i] < INT_MIN || numbers[i] > INT_MAX)
            return complain(in, DOR_E_OPTION_TYPE, "option raw: given %lld, wanted an int",
                            (long long)numbers[i]);
    int number = (int)numbers[2];
    dor_bytes bytes = DOR_BYTES_EMPTY;
    dor_result result = json_is_string(value) ? decode(in, option, value, &bytes)
                                              : dor__bytes_append(&bytes, dor__span(&number, sizeof(number)));
    if (dor__ok(result))
        result = said(
            in, dor_options_add_raw(in->options, (int)numbers[0], (int)numbers[1], bytes.ptr, bytes.len));
    dor__bytes_free(&bytes);
    return result;
}

static dor_result read_raws(const reading *in, const dor_option *option, const json_t *list)
{
    if (!json_is_array(list)) return bad_kind(in, option, list);
    for (size_t i = 0; i < json_array_size(list); i++)
        DOR_TRY(read_raw(in, option, json_array_get(list, i)));
    return DOR_SUCCESS;
}

/* ---- sni_hosts: {"a.example": {options}, "*.b.example": {options}} --------------------------------------------------- */

static dor_result read_options(const reading *in, json_t *object);

static dor_result check_host(const reading *in, const json_t *object)
{
    if (!json_is_object(object))
        return complain(in, DOR_E_OPTION_TYPE, "given %s, wanted an object of options", kind_of(object));
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        const dor_option *option = dor__option_find(name);
        if (option && (option->scope & DOR_SCOPE_LISTENER))
            return complain(in, DOR_E_OPTION_CONFLICT, "option %s is the listener's", name);
    }
    return DOR_SUCCESS;
}

static dor_result read_host(const reading *in, const char *name, json_t *object)
{
    char why[2048] = "";
    reading inner = {.options = dor_options_new(),
                     .folder = in->folder,
                     .folder_len = in->folder_len,
                     .error = why,
                     .error_cap = sizeof(why)};
    if (!inner.options) return complain(in, DOR_E_NOMEM, "option sni_hosts: out of memory");
    dor_result result = check_host(&inner, object);
    if (dor__ok(result)) result = read_options(&inner, object);
    if (dor__failed(result)) {
        dor_options_free(inner.options);
        return complain(in, result.code, "option sni_hosts, %.100s: %s", name, why);
    }
    int code = dor__options_add_host(in->options, name, inner.options);
    if (code == DOR_E_OPTION_TYPE)
        return complain(in, code, "option sni_hosts: \"%.60s\" is no host name, nor \"*.\" in front of one",
                        name);
    return code == DOR_OK ? DOR_SUCCESS : complain(in, code, "option sni_hosts: out of memory");
}

static dor_result read_hosts(const reading *in, const json_t *hosts)
{
    const char *name;
    json_t *value;
    if (!json_is_object(hosts))
        return complain(in, DOR_E_OPTION_TYPE,
                        "option sni_hosts: given %s, wanted an object, {\"name\": {options}, ...}",
                        kind_of(hosts));
    json_object_foreach((json_t *)(uintptr_t)hosts, name, value) DOR_TRY(read_host(in, name, value));
    return DOR_SUCCESS;
}

static dor_result read_option(const reading *in, const char *name, const json_t *value)
{
    const dor_option *option = dor__option_find(name);
    if (!option) return said(in, dor__option_refuse(in->options, name).code);
    if (strcmp(name, "sni_hosts") == 0) return read_hosts(in, value);
    if (strcmp(name, "certs_keys") == 0) return read_certs_keys(in, option, value);
    if (strcmp(name, "raw") == 0) return read_raws(in, option, value);
    const bool bytes = (option->kinds & DOR_VALUE_BYTES) && !(option->kinds & DOR_VALUE_TEXT);
    if (bytes && (json_is_string(value) || json_is_array(value))) return read_bytes(in, option, value);
    switch (json_typeof(value)) {
    case JSON_STRING: return read_text(in, option, json_string_value(value));
    case JSON_INTEGER: return said(in, dor_options_set_int(in->options, name, json_integer_value(value)));
    case JSON_TRUE: return said(in, dor_options_set_bool(in->options, name, 1));
    case JSON_FALSE: return said(in, dor_options_set_bool(in->options, name, 0));
    case JSON_ARRAY: return read_list(in, option, value);
    default: return bad_kind(in, option, value);
    }
}

static dor_result read_options(const reading *in, json_t *object)
{
    const char *name;
    json_t *value;
    if (!json_is_object(object))
        return complain(in, DOR_E_JSON_MALFORMED,
                        "options are an object, {\"name\": value, ...}; given is %s", kind_of(object));
    json_object_foreach(object, name, value) DOR_TRY(read_option(in, name, value));
    return DOR_SUCCESS;
}

/* ---- texts --------------------------------------------------------------------------------------------------------- */

static dor_result parse(const reading *in, const char *text, size_t len, json_t **root)
{
    json_error_t error;
    *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (*root) return DOR_SUCCESS;
    if (json_error_code(&error) == json_error_out_of_memory)
        return complain(in, DOR_E_NOMEM, "out of memory");
    return complain(in, DOR_E_JSON_MALFORMED, "line %d, column %d: %s", error.line, error.column, error.text);
}

int dor_options_from_json(const char *text, size_t len, dor_options **options, char *error, size_t error_cap)
{
    if (!text || !options) return DOR_E_BADARG;
    reading in = {.options = dor_options_new(), .error = error, .error_cap = error_cap};
    if (!in.options) return complain(&in, DOR_E_NOMEM, "out of memory").code;

    json_t *root = NULL;
    dor_result result = parse(&in, text, len, &root);
    if (dor__ok(result)) result = read_options(&in, root);
    json_decref(root);
    if (dor__ok(result))
        *options = in.options;
    else
        dor_options_free(in.options);
    return result.code;
}

/* ---- files --------------------------------------------------------------------------------------------------------- */

static dor_result read_member(const reading *in, const char *name, json_t *value, dor_member_fn member,
                              void *arg)
{
    char text[MEMBER_CAP], why[160];
    const json_t *item = value;
    size_t len = 0, count = json_is_array(value) ? json_array_size(value) : 1;
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        int added = -1;
        if (json_is_array(value)) item = json_array_get(value, i);
        const char *comma = i > 0 ? "," : "";
        if (json_is_string(item))
            added = snprintf(text + len, sizeof(text) - len, "%s%s", comma, json_string_value(item));
        else if (json_is_integer(item))
            added = snprintf(text + len, sizeof(text) - len, "%s%lld", comma,
                             (long long)json_integer_value(item));
        else if (json_is_boolean(item))
            added = snprintf(text + len, sizeof(text) - len, "%s%s", comma,
                             json_is_true(item) ? "true" : "false");
        else
            return complain(in, DOR_E_OPTION_TYPE,
                            "\"%.100s\": given %s, wanted a text, an integer, true or false", name,
                            kind_of(item));
        if (added < 0 || (size_t)added >= sizeof(text) - len)
            return complain(in, DOR_E_TOO_BIG, "\"%.100s\": longer than %d bytes", name, MEMBER_CAP - 1);
        len += (size_t)added;
    }
    int code = member(name, text, arg);
    if (code == DOR_E_OPTION_UNKNOWN) return complain(in, code, "\"%.100s\" is not known here", name);
    if (code != DOR_OK)
        return complain(in, code, "\"%.100s\": given \"%.60s\": %s", name, text,
                        dor_format_error(code, why, sizeof(why)));
    return DOR_SUCCESS;
}

/* member NULL: the whole file is options. */
static dor_result read_root(const reading *in, json_t *root, dor_member_fn member, void *arg)
{
    const char *name;
    json_t *value;
    if (!member) return read_options(in, root);
    if (!json_is_object(root))
        return complain(in, DOR_E_JSON_MALFORMED, "wanted is an object, {\"name\": value, ...}; given is %s",
                        kind_of(root));
    json_object_foreach(root, name, value) DOR_TRY(
        strcmp(name, "options") == 0 ? read_options(in, value) : read_member(in, name, value, member, arg));
    return DOR_SUCCESS;
}

static int from_file(const char *path, dor_member_fn member, void *arg, dor_options **options, char *error,
                     size_t error_cap)
{
    char why[2048] = "";
    const char *slash = strrchr(path, '/');
    reading out = {.error = error, .error_cap = error_cap};
    reading in = {.options = dor_options_new(), .folder = path, .error = why, .error_cap = sizeof(why)};
    if (!in.options) return complain(&out, DOR_E_NOMEM, "out of memory").code;
    in.folder_len = slash ? (size_t)(slash - path) + 1 : 0;

    dor_bytes text;
    json_t *root = NULL;
    dor_result result = dor__read_file(path, &text, why, sizeof(why));
    if (dor__failed(result)) {
        complain(&out, result.code, "%s", why);
    } else {
        result = parse(&in, (const char *)text.ptr, text.len, &root);
        dor__bytes_free(&text);
        if (dor__ok(result)) result = read_root(&in, root, member, arg);
        if (dor__failed(result)) complain(&out, result.code, "%s: %s", path, why);
    }
    json_decref(root);
    if (dor__ok(result))
        *options = in.options;
    else
        dor_options_free(in.options);
    return result.code;
}

int dor_options_from_file(const char *path, dor_options **options, char *error, size_t error_cap)
{
    if (!path || !options) return DOR_E_BADARG;
    return from_file(path, NULL, NULL, options, error, error_cap);
}

int dor_options_from_config(const char *path, dor_member_fn member, void *arg, dor_options **options,
                            char *error, size_t error_cap)
{
    if (!path || !member || !options) return DOR_E_BADARG;
    return from_file(path, member, arg, options, error, error_cap);
}
