#include "bogo/flags.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum flag_kind {
    SWITCH,
    NUMBER,
    TEXT,
    LIST,
    CREDENTIAL, /* another one; what is said of credentials from here on is said of it */
    NOTHING     /* holds for us whatever is said: see the table */
} flag_kind;

typedef struct flag {
    const char *name;
    flag_kind kind;
    size_t offset;
} flag;

#define AT(field) offsetof(bogo_flags, field)

/* clang-format off */
static const flag table[] = {
    {"port", NUMBER, AT(port)},
    {"shim-id", NUMBER, AT(shim_id)},
    {"ipv6", SWITCH, AT(ipv6)},
    {"is-handshaker-supported", SWITCH, AT(is_handshaker_supported)},
    {"resume-count", NUMBER, AT(resume_count)},

    {"server", SWITCH, AT(server)},
    {"async", SWITCH, AT(async)},
    {"new-x509-credential", CREDENTIAL, 0},
    {"cert-file", TEXT, AT(credential.cert_file)},
    {"key-file", TEXT, AT(credential.key_file)},
    {"ocsp-response", TEXT, AT(credential.ocsp_response)},
    {"signed-cert-timestamps", TEXT, AT(credential.signed_cert_timestamps)},
    {"trust-cert", TEXT, AT(trust_cert)},
    {"min-version", NUMBER, AT(min_version)},
    {"max-version", NUMBER, AT(max_version)},
    {"no-tls1", NOTHING, 0},  /* we never have it */
    {"no-tls11", NOTHING, 0}, /* the same */
    {"no-tls12", SWITCH, AT(no_tls12)},
    {"no-tls13", SWITCH, AT(no_tls13)},
    {"cipher", TEXT, AT(cipher)},
    {"server-preference", SWITCH, AT(server_preference)},
    {"curves", LIST, AT(curves)},
    {"key-shares", LIST, AT(key_shares)},
    {"no-key-shares", SWITCH, AT(no_key_shares)},
    {"signing-prefs", LIST, AT(credential.signing_prefs)},
    {"must-match-issuer", SWITCH, AT(credential.must_match_issuer)},
    {"use-client-ca-list", TEXT, AT(client_ca_list)},
    {"max-cert-list", NUMBER, AT(max_cert_list)},
    {"verify-prefs", LIST, AT(verify_prefs)},
    {"verify-peer", SWITCH, AT(verify_peer)},
    {"verify-fail", SWITCH, AT(verify_fail)},
    {"require-any-client-certificate", SWITCH, AT(require_any_client_certificate)},
    {"use-custom-verify-callback", SWITCH, AT(use_custom_verify_callback)},
    {"use-old-client-cert-callback", NOTHING, 0}, /* another way to the same certificate */
    {"reverify-on-resume", SWITCH, AT(reverify_on_resume)},
    {"no-ticket", SWITCH, AT(no_ticket)},
    {"host-name", TEXT, AT(host_name)},
    {"advertise-alpn", TEXT, AT(advertise_alpn)},
    {"select-alpn", TEXT, AT(select_alpn)},
    {"decline-alpn", SWITCH, AT(decline_alpn)},
    {"reject-alpn", SWITCH, AT(reject_alpn)},

    {"enable-ocsp-stapling", SWITCH, AT(enable_ocsp_stapling)},
    {"enable-signed-cert-timestamps", SWITCH, AT(enable_signed_cert_timestamps)},
    {"max-send-fragment", NUMBER, AT(max_send_fragment)},
    {"enable-grease", SWITCH, AT(enable_grease)},
    {"enable-ech-grease", SWITCH, AT(enable_ech_grease)},
    {"expect-no-ech-name-override", NOTHING, 0}, /* there is no other name than the one that was called */
    {"install-cert-compression-algs", SWITCH, AT(install_cert_compression_algs)},
    {"install-one-cert-compression-alg", NUMBER, AT(install_one_cert_compression_alg)},

    {"implicit-handshake", NOTHING, 0}, /* ours always is */
    {"use-early-callback", NOTHING, 0}, /* the hello is always asked about */
    {"install-ddos-callback", NOTHING, 0},
    {"fail-early-callback", SWITCH, AT(fail_early_callback)},
    {"fail-cert-callback", SWITCH, AT(fail_cert_callback)},
    {"fail-ddos-callback", SWITCH, AT(fail_ddos_callback)},
    {"use-ocsp-callback", SWITCH, AT(use_ocsp_callback)},
    {"set-ocsp-in-callback", NOTHING, 0}, /* what is to be shown is there beforehand, and shown to who asks */
    {"decline-ocsp-callback", SWITCH, AT(decline_ocsp_callback)},
    {"fail-ocsp-callback", SWITCH, AT(fail_ocsp_callback)},
    {"shim-writes-first", SWITCH, AT(shim_writes_first)},
    {"shim-initial-write", TEXT, AT(shim_initial_write)},
    {"shim-shuts-down", SWITCH, AT(shim_shuts_down)},
    {"check-close-notify", SWITCH, AT(check_close_notify)},
    {"write-different-record-sizes", SWITCH, AT(write_different_record_sizes)},
    {"key-update", SWITCH, AT(key_update)},
    {"key-update-before-read", SWITCH, AT(key_update_before_read)},
    {"send-alert", SWITCH, AT(send_alert)},
    {"export-traffic-secrets", SWITCH, AT(export_traffic_secrets)},
    {"renegotiate-freely", SWITCH, AT(renegotiate_freely)},
    {"renegotiate-once", SWITCH, AT(renegotiate_once)},
    {"renegotiate-explicit", SWITCH, AT(renegotiate_freely)}, /* ours follows by itself; what is told is the same */
    {"renegotiate-ignore", SWITCH, AT(renegotiate_ignore)},
    {"forbid-renegotiation-after-handshake", SWITCH, AT(forbid_renegotiation_after_handshake)},
    {"no-legacy-server-connect", SWITCH, AT(no_legacy_server_connect)},
    {"no-op-extra-handshake", SWITCH, AT(no_op_extra_handshake)},
    {"read-size", NUMBER, AT(read_size)},
    {"resumption-delay", NUMBER, AT(resumption_delay)},
    {"export-keying-material", NUMBER, AT(export_keying_material)},
    {"tls-unique", SWITCH, AT(tls_unique)},
    {"export-label", TEXT, AT(export_label)},
    {"export-context", TEXT, AT(export_context)},
    {"use-export-context", SWITCH, AT(use_export_context)},

    {"enable-early-data", SWITCH, AT(enable_early_data)},

    {"expect-accept-early-data", SWITCH, AT(expect_accept_early_data)},
    {"expect-reject-early-data", SWITCH, AT(expect_reject_early_data)},
    {"expect-no-offer-early-data", SWITCH, AT(expect_no_offer_early_data)},
    {"expect-ticket-supports-early-data", SWITCH, AT(expect_ticket_supports_early_data)},
    {"expect-early-data-reason", TEXT, AT(expect_early_data_reason)},
    {"expect-version", NUMBER, AT(expect_version)},
    {"expect-curve-id", NUMBER, AT(expect_curve_id)},
    {"expect-cipher", NUMBER, AT(expect_cipher)},
    {"expect-cipher-aes", NUMBER, AT(expect_cipher_aes)},
    {"expect-cipher-no-aes", NUMBER, AT(expect_cipher_no_aes)},
    {"expect-peer-signature-algorithm", NUMBER, AT(expect_peer_signature_algorithm)},
    {"expect-selected-credential", TEXT, AT(expect_selected_credential)},
    {"expect-session-miss", SWITCH, AT(expect_session_miss)},
    {"expect-no-session", SWITCH, AT(expect_no_session)},
    {"expect-session-id", SWITCH, AT(expect_session_id)},
    {"expect-no-session-id", SWITCH, AT(expect_no_session_id)},
    {"expect-ticket-renewal", SWITCH, AT(expect_ticket_renewal)},
    {"expect-extended-master-secret", SWITCH, AT(expect_extended_master_secret)},
    {"expect-hrr", SWITCH, AT(expect_hrr)},
    {"expect-no-hrr", SWITCH, AT(expect_no_hrr)},
    {"expect-verify-result", SWITCH, AT(expect_verify_result)},
    {"expect-no-peer-cert", SWITCH, AT(expect_no_peer_cert)},
    {"expect-no-server-name", SWITCH, AT(expect_no_server_name)},
    {"expect-server-name", TEXT, AT(expect_server_name)},
    {"expect-alpn", TEXT, AT(expect_alpn)},
    {"expect-advertised-alpn", TEXT, AT(expect_advertised_alpn)},
    {"expect-peer-cert-file", TEXT, AT(expect_peer_cert_file)},
    {"expect-total-renegotiations", NUMBER, AT(expect_total_renegotiations)},
    {"expect-secure-renegotiation", SWITCH, AT(expect_secure_renegotiation)},
    {"expect-no-secure-renegotiation", SWITCH, AT(expect_no_secure_renegotiation)},
    {"expect-ocsp-response", TEXT, AT(expect_ocsp_response)},
    {"expect-signed-cert-timestamps", TEXT, AT(expect_signed_cert_timestamps)},
    {"handshake-never-done", SWITCH, AT(handshake_never_done)},
};
/* clang-format on */

static const flag *find(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

static bool skip_prefix(const char **text, const char *prefix)
{
    size_t len = strlen(prefix);
    if (strncmp(*text, prefix, len) != 0) return false;
    *text += len;
    return true;
}

static bool read_number(const char *text, long long *value)
{
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

/* Where a flag's value goes: those of credentials to the newest one. */
static void *field_of(bogo_flags *flags, const flag *f)
{
    const size_t first = AT(credential), last = first + sizeof flags->credential;
    if (f->offset < first || f->offset >= last || flags->credential_count == 0)
        return (char *)flags + f->offset;
    return (char *)&flags->credentials[flags->credential_count - 1] + (f->offset - first);
}

static bool set(bogo_flags *flags, const flag *f, const char *value)
{
    void *field = field_of(flags, f);
    long long number;
    switch (f->kind) {
    case NOTHING: return true;
    case CREDENTIAL:
        if (flags->credential_count == BOGO_CREDENTIALS_MAX) return false;
        flags->credential_count++;
        return true;
    case SWITCH: *(bool *)field = true; return true;
    case TEXT: *(const char **)field = value; return true;
    case NUMBER: return read_number(value, field);
    case LIST: break;
    }
    bogo_list *list = field;
    if (!read_number(value, &number) || number < 0 || number > UINT16_MAX || list->count == BOGO_LIST_MAX)
        return false;
    list->values[list->count++] = (uint16_t)number;
    return true;
}

/* Which sets an argument is for, and the name without that. */
static void whom(const char **name, bool of[BOGO_SETS])
{
    static const char *const prefixes[BOGO_SETS] = {"on-initial-", "on-resume-", "on-retry-"};
    for (size_t i = 0; i < BOGO_SETS; i++)
        of[i] = false;
    for (size_t i = 0; i < BOGO_SETS; i++) {
        if (!skip_prefix(name, prefixes[i])) continue;
        of[i] = true;
        return;
    }
    for (size_t i = 0; i < BOGO_SETS; i++)
        of[i] = true;
}

int bogo_flags_parse(int argc, char **argv, bogo_flags sets[BOGO_SETS])
{
    for (int i = 0; i < argc; i++) {
        bool of[BOGO_SETS];
        const char *name = argv[i], *value = NULL;
        (void)skip_prefix(&name, "-on-shim"); /* there is nothing but the shim here */
        if (!skip_prefix(&name, "-")) {
            fprintf(stderr, "not a flag: %s\n", argv[i]);
            return BOGO_FAILED;
        }
        whom(&name, of);
        const flag *f = find(name);
        if (!f) {
            fprintf(stderr, "unimplemented: %s\n", argv[i]);
            return BOGO_UNIMPLEMENTED;
        }
        if (f->kind == NUMBER || f->kind == TEXT || f->kind == LIST) {
            if (i + 1 == argc) {
                fprintf(stderr, "no value: %s\n", argv[i]);
                return BOGO_FAILED;
            }
            value = argv[++i];
        }
        for (size_t which = 0; which < BOGO_SETS; which++) {
            if (!of[which] || set(&sets[which], f, value)) continue;
            fprintf(stderr, "bad value: -%s %s\n", name, value);
            return BOGO_FAILED;
        }
    }
    return BOGO_PASSED;
}
