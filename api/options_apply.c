/*
 * options_apply.c - from one option's value to the settings, for the options that are more than a field.
 *
 * Each function checks all of the value before it stores any of it, and with draft->settings NULL it only checks: that is
 * how a setter refuses a bad value long before a listener or a connection needs it.
 */
#include "options_table.h"

#include "base/alloc.h"
#include "ssl/certificate_compression.h"
#include "ssl/hosts.h"
#include "ssl/session_store.h"
#include "ssl/ticket_keys.h"
#include "ssl/unix_path.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/un.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- fields and words --------------------------------------------------------------------------------------------- */

/* True when `word` is one of those in `words`, which are separated by "|". */
static bool is_word_of(const char *words, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = words; at && *at;) {
        size_t part = strcspn(at, "|");
        if (part == len && memcmp(at, word, len) == 0) return true;
        at += part + (at[part] == '|');
    }
    return false;
}

static void store_number(void *field, size_t size, int64_t number)
{
    switch (size) {
    case 1: *(uint8_t *)field = (uint8_t)number; break; /* bool, too: its numbers are 0 and 1 */
    case 2: *(uint16_t *)field = (uint16_t)number; break;
    case 8: *(uint64_t *)field = (uint64_t)number; break;
    default: *(uint32_t *)field = (uint32_t)number; break;
    }
}

static void *field_of(const dor_option *option, dor_settings *settings)
{
    char *base = option->place == DOR_PLACE_TLS ? (char *)settings->tls : (char *)settings;
    return base + option->offset;
}

static dor_result check_text(const dor_option *option, const dor_draft *draft, const dor_value *value)
{
    char wanted[512];
    const char *text = value->items[0];
    if (is_word_of(option->later, text))
        return dor__draft_fail(draft, DOR_E_NOT_SUPPORTED, "\"%s\" is not supported yet", text);
    if (option->words && !is_word_of(option->words, text))
        return dor__draft_fail(draft, DOR_E_OPTION_TYPE, "given the text \"%.60s\", wanted %s", text,
                               dor__option_wanted(option, wanted, sizeof(wanted)));
    if (!option->words && *text == '\0')
        return dor__draft_fail(draft, DOR_E_OPTION_TYPE, "given an empty text");
    return DOR_SUCCESS;
}

dor_result dor__option_apply(const dor_option *option, const dor_draft *draft, const dor_value *value)
{
    if (value->kind == DOR_VALUE_TEXT) DOR_TRY(check_text(option, draft, value));
    if (value->kind == DOR_VALUE_LIST && value->count == 0)
        return dor__draft_fail(draft, DOR_E_OPTION_TYPE, "given an empty list");
    if (option->apply) return option->apply(draft, value);
    if (option->place != DOR_PLACE_NONE && draft->settings)
        store_number(field_of(option, draft->settings), option->size, value->number);
    return DOR_SUCCESS;
}

dor_result dor__apply_nothing(const dor_draft *draft, const dor_value *value)
{
    (void)draft, (void)value;
    return DOR_SUCCESS;
}

/* There is no other kind of renegotiation here that false could allow. */
dor_result dor__apply_secure_renegotiate(const dor_draft *draft, const dor_value *value)
{
    if (value->number) return DOR_SUCCESS;
    return dor__draft_fail(draft, DOR_E_NOT_SUPPORTED,
                           "given false, but what RFC 5746 does not secure is never renegotiated");
}

dor_result dor__apply_certificate_authorities(const dor_draft *draft, const dor_value *value)
{
    if (draft->settings)
        draft->settings->tls->name_authorities = value->number ? DOR_NAME_ALL : DOR_NAME_NONE;
    return DOR_SUCCESS;
}

/* ---- data --------------------------------------------------------------------------------------------------------- */

dor_result dor__apply_active(const dor_draft *draft, const dor_value *value)
{
    int active = (int)value->number;
    if (value->kind == DOR_VALUE_BOOL) active = value->number ? DOR_ACTIVE_TRUE : DOR_ACTIVE_FALSE;
    if (value->kind == DOR_VALUE_TEXT) {
        char first = value->items[0][0]; /* one of once, true, false */
        active = first == 'o' ? DOR_ACTIVE_ONCE : first == 't' ? DOR_ACTIVE_TRUE : DOR_ACTIVE_FALSE;
    }
    if (draft->settings) draft->settings->modes.active = active;
    return DOR_SUCCESS;
}

dor_result dor__apply_packet(const dor_draft *draft, const dor_value *value)
{
    char number[24];
    dor_packet_mode mode;
    snprintf(number, sizeof(number), "%lld", (long long)value->number);
    const char *name = value->kind == DOR_VALUE_TEXT ? value->items[0] : number;
    if (!dor__packet_mode_from_name(dor__span_str(name), &mode))
        return dor__draft_fail(draft, DOR_E_OPTION_TYPE, "given %s, wanted 0, 1, 2, 4 or a mode's name",
                               name);
    if (draft->settings) draft->settings->modes.packet = mode;
    return DOR_SUCCESS;
}

dor_result dor__apply_verify(const dor_draft *draft, const dor_value *value)
{
    if (draft->settings) draft->settings->tls->verify_peer = strcmp(value->items[0], "verify_peer") == 0;
    return DOR_SUCCESS;
}

dor_result dor__apply_hibernate_after(const dor_draft *draft, const dor_value *value)
{
    if (draft->settings)
        draft->settings->hibernate_after_ms =
            value->kind == DOR_VALUE_TEXT ? DOR_INFINITY : (uint32_t)value->number;
    return DOR_SUCCESS;
}

dor_result dor__apply_send_timeout(const dor_draft *draft, const dor_value *value)
{
    if (draft->settings)
        draft->settings->send_timeout_ms =
            value->kind == DOR_VALUE_TEXT ? DOR_INFINITY : (uint32_t)value->number;
    return DOR_SUCCESS;
}

dor_result dor__apply_raw(const dor_draft *draft, const dor_value *value)
{
    if (!draft->settings) return DOR_SUCCESS;
    dor__raw_unref(draft->settings->raw);
    draft->settings->raw = dor__raw_ref(value->object);
    return DOR_SUCCESS;
}

dor_result dor__apply_transport(const dor_draft *draft, const dor_value *value)
{
    if (!draft->settings) return DOR_SUCCESS;
    bool given = value->kind == DOR_VALUE_FUNCTION;
    bool memory = !given && strcmp(value->items[0], "memory") == 0;
    draft->settings->transport = given ? value->ops : memory ? dor_transport_memory() : NULL;
    draft->settings->transport_arg = given ? value->arg : NULL;
    return DOR_SUCCESS;
}

static dor_result apply_path(const dor_draft *draft, const char *text)
{
    struct sockaddr_storage address;
    if (draft->settings && draft->role == DOR_TLS_CLIENT)
        return dor__draft_fail(draft, DOR_E_OPTION_CONFLICT, "a path is for listeners");
    if (!dor__unix_address(text, &address))
        return dor__draft_fail(
            draft, DOR_E_OPTION_TYPE,
            "\"%.120s\" is no path: \"unix:\" is followed by 1 to %zu bytes, or where the system has "
            "abstract names by @ and fewer",
            text, sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
    if (draft->settings) snprintf(draft->settings->ip, sizeof(draft->settings->ip), "%s", text);
    return DOR_SUCCESS;
}

dor_result dor__apply_v6only(const dor_draft *draft, const dor_value *value)
{
    if (draft->settings) draft->settings->v6only = value->number ? DOR_V6ONLY_TRUE : DOR_V6ONLY_FALSE;
    return DOR_SUCCESS;
}

/* An IPv6 address may name its zone; whether there is such an interface shows when the address is used. */
dor_result dor__apply_ip(const dor_draft *draft, const dor_value *value)
{
    struct in6_addr address;
    char plain[INET6_ADDRSTRLEN] = "";
    const char *text = value->items[0], *zone = strchr(text, '%');
    if (dor__is_unix(text)) return apply_path(draft, text);
    size_t len = zone ? (size_t)(zone - text) : strlen(text);
    if (len < sizeof(plain)) memcpy(plain, text, len);
    bool v4 = !zone && inet_pton(AF_INET, plain, &address) == 1;
    if (!v4 && (inet_pton(AF_INET6, plain, &address) != 1 || (zone && !zone[1])))
        return dor__draft_fail(draft, DOR_E_OPTION_TYPE, "\"%.60s\" is no IPv4 or IPv6 address", text);
    if (zone && strlen(zone) > IF_NAMESIZE)
        return dor__draft_fail(draft, DOR_E_OPTION_TYPE, "\"%.60s\" names no interface", text);
    if (draft->settings) snprintf(draft->settings->ip, sizeof(draft->settings->ip), "%s", text);
    return DOR_SUCCESS;
}

dor_result dor__apply_device(const dor_draft *draft, const dor_value *value)
{
    const char *name = value->items[0];
    if (strlen(name) >= sizeof(draft->settings->device))
        return dor__draft_fail(draft, DOR_E_OPTION_TYPE, "an interface's name has at most %zu characters",
                               sizeof(draft->settings->device) - 1);
    if (draft->settings) snprintf(draft->settings->device, sizeof(draft->settings->device), "%s", name);
    return DOR_SUCCESS;
}

dor_result dor__apply_unix_mode(const dor_draft *draft, const dor_value *value)
{
    const char *text = value->items[0];
    size_t len = strlen(text);
    unsigned long mode = strtoul(text, NULL, 8);
    if (len > 4 || strspn(text, "01234567") != len || mode > 0777)
        return dor__draft_fail(draft, DOR_E_OPTION_TYPE,
                               "given \"%.20s\", wanted permissions in octal digits, \"0600\" to \"0777\"",
                               text);
    if (draft->settings) draft->settings->unix_mode = (uint16_t)mode;
    return DOR_SUCCESS;
}

/* ---- the protocol ------------------------------------------------------------------------------------------------- */

dor_result dor__apply_versions(const dor_draft *draft, const dor_value *value)
{
    static const char *const older[] = {"tlsv1.1", "tlsv1", "sslv3", "dtlsv1.2", "dtlsv1"};
    uint16_t min = UINT16_MAX, max = 0;
    for (size_t i = 0; i < value->count; i++) {
        const char *name = value->items[i];
        for (size_t j = 0; j < COUNT_OF(older); j++)
            if (strcmp(name, older[j]) == 0)
                return dor__draft_fail(draft, DOR_E_NOT_SUPPORTED, "version %s is not supported yet", name);
        uint16_t version = dor__version_from_name(dor__span_str(name));
        if (version != DOR_TLS_1_2 && version != DOR_TLS_1_3)
            return dor__draft_fail(draft, DOR_E_OPTION_TYPE,
                                   "\"%.60s\" is no version; known are tlsv1.3 and tlsv1.2", name);
        if (version < min) min = version;
        if (version > max) max = version;
    }
    if (draft->settings) {
        draft->settings->tls->min_version = min;
        draft->settings->tls->max_version = max;
    }
    return DOR_SUCCESS;
}

/* Appends number unless it is there already; what does not fit is left out (the arrays hold all that we know). */
static void add_once(uint16_t *numbers, size_t *count, size_t cap, uint16_t number)
{
    for (size_t i = 0; i < *count; i++)
        if (numbers[i] == number) return;
    if (*count < cap) numbers[(*count)++] = number;
}

/* Lists are often written for other libraries; so suites that we do not have are passed over as long as one is left. */
dor_result dor__apply_ciphers(const dor_draft *draft, const dor_value *value)
{
    uint16_t suites[DOR_MAX_SUITES];
    size_t count = 0;
    for (size_t i = 0; i < value->count; i++) {
        const dor_suite *suite = dor__suite_from_name(dor__span_str(value->items[i]));
        if (suite) add_once(suites, &count, DOR_MAX_SUITES, suite->id);
    }
    if (count == 0)
        return dor__draft_fail(draft, DOR_E_OPTION_TYPE, "no cipher suite of \"%.60s\"%s is supported",
                               value->items[0], value->count > 1 ? " and so on" : "");
    if (draft->settings) {
        memcpy(draft->settings->tls->suites, suites, count * sizeof(suites[0]));
        draft->settings->tls->suite_count = count;
    }
    return DOR_SUCCESS;
}

static dor_result group_from_name(const dor_draft *draft, const char *name, dor_group *group)
{
    *group = dor__kx_from_name(dor__span_str(name));
    if (*group) return DOR_SUCCESS;
    return dor__draft_fail(draft, DOR_E_OPTION_TYPE,
                           "\"%.60s\" is no group, such as x25519, secp256r1, ffdhe3072 or X25519MLKEM768",
                           name);
}

dor_result dor__apply_groups(const dor_draft *draft, const dor_value *value)
{
    dor_group groups[DOR_MAX_GROUPS];
    size_t count = 0;
    for (size_t i = 0; i < value->count; i++) {
        dor_group group;
        DOR_TRY(group_from_name(draft, value->items[i], &group));
        add_once(groups, &count, DOR_MAX_GROUPS, group);
    }
    if (draft->settings) {
        memcpy(draft->settings->tls->groups, groups, count * sizeof(groups[0]));
        draft->settings->tls->group_count = count;
    }
    return DOR_SUCCESS;
}

dor_result dor__apply_key_shares(const dor_draft *draft, const dor_value *value)
{
    dor_group groups[DOR_MAX_OWN_SHARES];
    size_t count = 0;
    if (value->count > DOR_MAX_OWN_SHARES)
        return dor__draft_fail(draft, DOR_E_OPTION_TYPE, "at most %d groups get a share, not %zu",
                               DOR_MAX_OWN_SHARES, value->count);
    for (size_t i = 0; i < value->count; i++) {
        dor_group group;
        DOR_TRY(group_from_name(draft, value->items[i], &group));
        add_once(groups, &count, DOR_MAX_OWN_SHARES, group);
    }
    if (draft->settings) {
        memcpy(draft->settings->tls->key_shares, groups, count * sizeof(groups[0]));
        draft->settings->tls->key_share_count = (uint8_t)count;
        draft->settings->tls->key_shares_given = true;
    }
    return DOR_SUCCESS;
}

static dor_sig_scheme scheme_from_name(const char *name)
{
    if (strcmp(name, "eddsa_ed25519") == 0) return DOR_SIG_ED25519; /* OTP's names */
    if (strcmp(name, "eddsa_ed448") == 0) return DOR_SIG_ED448;
    return dor__sig_by_name(name);
}

dor_result dor__apply_signature_algs(const dor_draft *draft, const dor_value *value)
{
    dor_sig_scheme schemes[DOR_MAX_SCHEMES];
    size_t count = 0;
    for (size_t i = 0; i < value->count; i++) {
        const char *name = value->items[i];
        dor_sig_scheme scheme = scheme_from_name(name);
        if (scheme == 0 && (strstr(name, "sha1") || strstr(name, "brainpool")))
            return dor__draft_fail(draft, DOR_E_NOT_SUPPORTED, "signature scheme %.60s is not supported yet",
                                   name);
        if (scheme == 0)
            return dor__draft_fail(draft, DOR_E_OPTION_TYPE,
                                   "\"%.60s\" is no signature scheme, such as ed25519 or "
                                   "ecdsa_secp256r1_sha256",
                                   name);
        add_once(schemes, &count, DOR_MAX_SCHEMES, scheme);
    }
    if (draft->settings) {
        memcpy(draft->settings->tls->schemes, schemes, count * sizeof(schemes[0]));
        draft->settings->tls->scheme_count = count;
    }
    return DOR_SUCCESS;
}

/* RFC 7301 section 3.1: each name has 1 to 255 bytes, the list fewer than 65536. */
dor_result dor__apply_alpn(const dor_draft *draft, const dor_value *value)
{
    size_t total = 0;
    for (size_t i = 0; i < value->count; i++) {
        size_t len = strlen(value->items[i]);
        if (len == 0 || len > 255)
            return dor__draft_fail(draft, DOR_E_OPTION_TYPE,
                                   "a protocol has 1 to 255 bytes, number %zu has %zu", i + 1, len);
        total += 1 + len;
    }
    if (total > 65535)
        return dor__draft_fail(draft, DOR_E_OPTION_TYPE, "the list is longer than 65535 bytes");
    if (!draft->settings) return DOR_SUCCESS;

    dor__bytes_free(&draft->settings->tls->alpn);
    for (size_t i = 0; i < value->count; i++)
        DOR_TRY(dor__tls_config_add_alpn(draft->settings->tls, dor__span_str(value->items[i])));
    return DOR_SUCCESS;
}

/* RFC 6066 section 4 has four lengths. */
dor_result dor__apply_max_fragment_length(const dor_draft *draft, const dor_value *value)
{
    int64_t length = value->kind == DOR_VALUE_INT ? value->number : 0;
    if (length != 0 && (length & (length - 1)) != 0)
        return dor__draft_fail(draft, DOR_E_OPTION_TYPE, "it is 512, 1024, 2048 or 4096");
    if (draft->settings) draft->settings->tls->max_fragment_length = (uint16_t)length;
    return DOR_SUCCESS;
}

dor_result dor__apply_server_name(const dor_draft *draft, const dor_value *value)
{
    const char *name = value->items[0];
    bool disable = strcmp(name, "disable") == 0;
    for (const char *c = name; *c; c++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:", *c))
            return dor__draft_fail(draft, DOR_E_OPTION_TYPE, "\"%.60s\" is no host name", name);
    if (strlen(name) > 253)
        return dor__draft_fail(draft, DOR_E_OPTION_TYPE, "a host name has at most 253 characters");
    if (!draft->settings) return DOR_SUCCESS;

    draft->settings->send_server_name = draft->settings->tls->send_server_name = !disable;
    if (!disable) snprintf(draft->settings->server_name, sizeof(draft->settings->server_name), "%s", name);
    return DOR_SUCCESS;
}

dor_result dor__apply_handshake(const dor_draft *draft, const dor_value *value)
{
    if (!draft->settings) return DOR_SUCCESS;
    draft->settings->pause_at_hello = strcmp(value->items[0], "hello") == 0;
    return DOR_SUCCESS;
}

dor_result dor__apply_sni_hosts(const dor_draft *draft, const dor_value *value)
{
    if (!draft->settings) return DOR_SUCCESS;
    dor__hosts_unref(draft->settings->hosts);
    draft->settings->hosts = dor__hosts_ref(value->object);
    draft->settings->sni = NULL; /* of settings that these override */
    return DOR_SUCCESS;
}

dor_result dor__apply_sni_fun(const dor_draft *draft, const dor_value *value)
{
    if (!draft->settings) return DOR_SUCCESS;
    draft->settings->sni = (dor_sni_fn)value->fn;
    draft->settings->sni_arg = value->arg;
    dor__hosts_unref(draft->settings->hosts);
    draft->settings->hosts = NULL;
    return DOR_SUCCESS;
}

/* ---- sessions ----------------------------------------------------------------------------------------------------- */

dor_result dor__apply_reuse_sessions(const dor_draft *draft, const dor_value *value)
{
    dor_reuse reuse = value->number ? DOR_REUSE_TRUE : DOR_REUSE_FALSE;
    if (value->kind == DOR_VALUE_TEXT) {
        char first = value->items[0][0]; /* one of true, false, save */
        reuse = first == 's' ? DOR_REUSE_SAVE : first == 't' ? DOR_REUSE_TRUE : DOR_REUSE_FALSE;
    }
    if (!draft->settings) return DOR_SUCCESS;
    if (reuse == DOR_REUSE_SAVE && draft->role == DOR_TLS_SERVER)
        return dor__draft_fail(draft, DOR_E_OPTION_CONFLICT, "\"save\" is for clients");
    draft->settings->reuse = reuse;
    draft->settings->tls->resumption = reuse != DOR_REUSE_FALSE;
    return DOR_SUCCESS;
}

dor_result dor__apply_session_tickets(const dor_draft *draft, const dor_value *value)
{
    const char *word = value->items[0];
    if (!draft->settings) return DOR_SUCCESS;
    bool server = draft->role == DOR_TLS_SERVER;
    if (strcmp(word, "disabled") != 0 && is_word_of("manual|auto", word) == server)
        return dor__draft_fail(draft, DOR_E_OPTION_CONFLICT, "\"%s\" is for %s", word,
                               server ? "clients" : "servers");
    draft->settings->tickets_manual = strcmp(word, "manual") == 0;
    draft->settings->tickets_auto = strcmp(word, "auto") == 0;
    if (!server) return DOR_SUCCESS;
    dor_tls_config *tls = draft->settings->tls;
    tls->tickets_disabled = strcmp(word, "disabled") == 0;
    tls->ticket_kind = strncmp(word, "stateful", 8) == 0 ? DOR_TICKETS_STATEFUL : DOR_TICKETS_STATELESS;
    tls->tickets_12 = strncmp(word, "stateless", 9) == 0;
    tls->ticket_omits_cert = strstr(word, "_with_cert") == NULL;
    return DOR_SUCCESS;
}

dor_result dor__apply_early_data(const dor_draft *draft, const dor_value *value)
{
    const bool words = value->kind == DOR_VALUE_TEXT;
    if (!draft->settings) return DOR_SUCCESS;
    if (words != (draft->role == DOR_TLS_SERVER))
        return dor__draft_fail(draft, DOR_E_OPTION_CONFLICT,
                               words ? "clients give the data themselves, as bytes"
                                     : "a server takes \"enabled\" or \"disabled\"");
    if (words) {
        draft->settings->early_enabled = strcmp(value->items[0], "enabled") == 0;
        return DOR_SUCCESS;
    }
    dor_buffer *data = dor__buffer_new(value->bytes.ptr, value->bytes.len);
    if (!data) return dor__draft_fail(draft, DOR_E_NOMEM, "out of memory");
    dor_buffer_unref(draft->settings->early_data);
    draft->settings->early_data = data;
    draft->settings->tls->early_data = true;
    return DOR_SUCCESS;
}

/* What comes in ten seconds may be copied for twice as long. */
dor_result dor__apply_anti_replay(const dor_draft *draft, const dor_value *value)
{
    if (draft->settings)
        draft->settings->early_replays = strcmp(value->items[0], "100k") == 0 ? 200000 : 20000;
    return DOR_SUCCESS;
}

dor_result dor__apply_session(const dor_draft *draft, const dor_value *value)
{
    bool server = draft->role == DOR_TLS_SERVER;
    if (!draft->settings) return DOR_SUCCESS;
    if (server != (value->kind == DOR_VALUE_FUNCTION))
        return dor__draft_fail(draft, DOR_E_OPTION_CONFLICT,
                               server ? "a session is for clients" : "a function is for servers");
    if (server) {
        draft->settings->tls->reuse_fn = value->fn;
        draft->settings->tls->reuse_arg = value->arg;
        draft->settings->tls->reuse = dor__session_ask_policy;
        return DOR_SUCCESS;
    }
    dor__session_unref(draft->settings->session);
    draft->settings->session = dor__session_ref((dor_session *)value->session);
    return DOR_SUCCESS;
}

dor_result dor__apply_session_store(const dor_draft *draft, const dor_value *value)
{
    if (!draft->settings) return DOR_SUCCESS;
    dor__session_outside_unref(draft->settings->outside);
    draft->settings->outside = dor__session_outside_ref(value->object);
    return DOR_SUCCESS;
}

dor_result dor__apply_session_cache(const dor_draft *draft, const dor_value *value)
{
    if (!draft->settings) return DOR_SUCCESS;
    if (draft->settings->keeper) dor__session_keeper_unref(draft->settings->keeper);
    draft->settings->keeper = dor__session_keeper_ref(value->object);
    return DOR_SUCCESS;
}

dor_result dor__apply_ticket_keys(const dor_draft *draft, const dor_value *value)
{
    if (dor__ticket_keys_good(dor__bytes_span(&value->bytes))) return DOR_SUCCESS;
    return dor__draft_fail(
        draft, DOR_E_OPTION_TYPE,
        "given %zu bytes, wanted 1 to %d keys of %d bytes, each with a name of its own in the first %d",
        value->bytes.len, DOR_TICKET_KEYS_MAX, DOR_TICKET_KEY_GIVEN_LEN, DOR_TICKET_NAME_LEN);
}

/* ---- pre-shared keys ---------------------------------------------------------------------------------------------- */

dor_result dor__apply_psks(const dor_draft *draft, const dor_value *value)
{
    if (!draft->settings) return DOR_SUCCESS;
    dor__psks_unref(draft->settings->tls->psks);
    draft->settings->tls->psks = dor__psks_ref(value->object);
    return DOR_SUCCESS;
}

dor_result dor__apply_psk_lookup(const dor_draft *draft, const dor_value *value)
{
    if (!draft->settings) return DOR_SUCCESS;
    draft->settings->psk_lookup = (dor_psk_lookup_fn)value->fn;
    draft->settings->psk_lookup_arg = value->arg;
    draft->settings->tls->ask_psk = true;
    return DOR_SUCCESS;
}

dor_result dor__apply_psk_modes(const dor_draft *draft, const dor_value *value)
{
    uint8_t modes = 0;
    for (size_t i = 0; i < value->count; i++) {
        if (strcmp(value->items[i], "psk_dhe_ke") == 0)
            modes |= DOR_PSK_DHE_KE;
        else if (strcmp(value->items[i], "psk_ke") == 0)
            modes |= DOR_PSK_KE;
        else
            return dor__draft_fail(draft, DOR_E_OPTION_TYPE,
                                   "\"%.60s\" is no mode; known are psk_dhe_ke and psk_ke", value->items[i]);
    }
    if (modes == 0) return dor__draft_fail(draft, DOR_E_OPTION_TYPE, "an empty list");
    if (draft->settings) draft->settings->tls->psk_modes = modes;
    return DOR_SUCCESS;
}

dor_result dor__apply_certificate_compression(const dor_draft *draft, const dor_value *value)
{
    dor_tls_config *config = draft->settings ? draft->settings->tls : NULL;
    const dor_cert_compression *chosen[DOR_MAX_COMPRESSIONS];
    uint8_t count = 0;
    for (size_t i = 0; i < value->count; i++) {
        const dor_cert_compression *found = dor__cert_compression_by_name(value->items[i]);
        if (!found)
            return dor__draft_fail(draft, DOR_E_OPTION_TYPE,
                                   "\"%.60s\" is no compression; known are brotli and zlib", value->items[i]);
        for (uint8_t k = 0; k < count; k++)
            if (chosen[k] == found)
                return dor__draft_fail(draft, DOR_E_OPTION_TYPE, "\"%.60s\" twice", value->items[i]);
        chosen[count++] = found; /* there are fewer than there is room for, and none is there twice */
    }
    if (!config) return DOR_SUCCESS;
    memcpy(config->compressions, chosen, count * sizeof chosen[0]);
    config->compression_count = count;
    return DOR_SUCCESS;
}

/* ---- back again ---------------------------------------------------------------------------------------------------- */

static int64_t load_number(const dor_option *option, const dor_settings *settings)
{
    const char *base = option->place == DOR_PLACE_TLS ? (const char *)settings->tls : (const char *)settings;
    const char *field = base + option->offset;
    switch (option->size) {
    case 1: return *(const uint8_t *)field;
    case 2: return *(const uint16_t *)(const void *)field;
    case 8: return (int64_t) * (const uint64_t *)(const void *)field;
    default: return *(const uint32_t *)(const void *)field;
    }
}

static int put_active(dor_options *values, int active)
{
    if (active == DOR_ACTIVE_ONCE) return dor_options_set_text(values, "active", "once");
    if (active > 0) return dor_options_set_int(values, "active", active);
    return dor_options_set_bool(values, "active", active == DOR_ACTIVE_TRUE);
}

/* The few that are not a number in a field. *known tells whether name is one of them. */
static int put_special(dor_options *values, const char *name, const dor_settings *settings,
                       const dor_socket_modes *modes, bool *known)
{
    *known = true;
    if (strcmp(name, "active") == 0) return put_active(values, modes->active);
    if (strcmp(name, "packet") == 0)
        return dor_options_set_text(values, name, dor__packet_mode_name(modes->packet));
    if (strcmp(name, "packet_size") == 0) return dor_options_set_int(values, name, modes->packet_size);
    if (strcmp(name, "mode") == 0) return dor_options_set_text(values, name, "binary");
    if (strcmp(name, "header") == 0) return dor_options_set_int(values, name, modes->header_len);
    if (strcmp(name, "line_delimiter") == 0) return dor_options_set_int(values, name, modes->line_delimiter);
    if (strcmp(name, "verify") == 0)
        return dor_options_set_text(values, name, settings->tls->verify_peer ? "verify_peer" : "verify_none");
    if (strcmp(name, "reuse_sessions") == 0)
        return settings->reuse == DOR_REUSE_SAVE
                   ? dor_options_set_text(values, name, "save")
                   : dor_options_set_bool(values, name, settings->reuse == DOR_REUSE_TRUE);
    if (strcmp(name, "hibernate_after") == 0)
        return settings->hibernate_after_ms == DOR_INFINITY
                   ? dor_options_set_text(values, name, "undefined")
                   : dor_options_set_int(values, name, settings->hibernate_after_ms);
    if (strcmp(name, "send_timeout") == 0)
        return settings->send_timeout_ms == DOR_INFINITY
                   ? dor_options_set_text(values, name, "infinity")
                   : dor_options_set_int(values, name, settings->send_timeout_ms);
    *known = false;
    return DOR_OK;
}

dor_result dor__options_from_settings(const dor_settings *settings, const dor_socket_modes *modes,
                                      const char *name, dor_options *values)
{
    const dor_option *option = dor__option_find(name);
    if (!option) return dor__option_refuse(values, name);

    bool known;
    dor_inet_id id = dor__inet_find(name);
    if (id < DOR_INET_COUNT) return dor__options_from_listener(id, settings, values);
    int code = put_special(values, name, settings, modes ? modes : &settings->modes, &known);
    if (known) return dor__error(code);
    if (option->place == DOR_PLACE_NONE)
        return dor__options_fail(values, DOR_E_NOT_SUPPORTED, "option %s cannot be read back", name);
    int64_t number = load_number(option, settings);
    return dor__error(option->kinds & DOR_VALUE_BOOL ? dor_options_set_bool(values, name, number != 0)
                                                     : dor_options_set_int(values, name, number));
}
