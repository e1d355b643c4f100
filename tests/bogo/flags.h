/*
 * flags.h - what the conformance runner asks of the shim, flag by flag.
 *
 * Every flag that stands in the table of flags.c is really done or really checked. All others answer
 * BOGO_UNIMPLEMENTED, above all a check (-expect-...) that we could not make: passing it over would let its case pass
 * unchecked.
 *
 * A flag may be for one of the connections alone: -on-initial-NAME, -on-resume-NAME, -on-retry-NAME. So there are three
 * sets. Nothing is freed: the program is over when its connections are.
 */
#ifndef TESTS_BOGO_FLAGS_H
#define TESTS_BOGO_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The runner's exit codes. */
enum { BOGO_PASSED = 0, BOGO_FAILED = 1, BOGO_UNIMPLEMENTED = 89 };

enum { BOGO_LIST_MAX = 32, BOGO_CREDENTIALS_MAX = 7 };

typedef struct bogo_list {
    uint16_t values[BOGO_LIST_MAX];
    size_t count;
} bogo_list;

/** A certificate chain with its key. */
typedef struct bogo_credential {
    const char *cert_file, *key_file;
    const char *ocsp_response, *signed_cert_timestamps; /* base64 */
    bogo_list signing_prefs;
    bool must_match_issuer;
} bogo_credential;

typedef struct bogo_flags {
    /* the runner */
    long long port, shim_id;
    bool ipv6, is_handshaker_supported;
    long long resume_count;

    /* the connection */
    bool server, async;
    bogo_credential credential;                        /* without -new-x509-credential, */
    bogo_credential credentials[BOGO_CREDENTIALS_MAX]; /* and those with it, which come before it */
    size_t credential_count;
    const char *trust_cert;
    long long min_version, max_version;
    bool no_tls12, no_tls13;
    const char *cipher;
    long long max_cert_list;
    const char *client_ca_list; /* hexadecimal, by commas */
    bool server_preference;
    bogo_list curves, key_shares, verify_prefs;
    bool verify_peer, require_any_client_certificate, verify_fail, use_custom_verify_callback,
        reverify_on_resume;
    bool no_ticket, no_key_shares;
    const char *host_name;
    const char *advertise_alpn, *select_alpn;
    bool decline_alpn, reject_alpn;
    bool enable_ocsp_stapling, enable_signed_cert_timestamps;
    long long max_send_fragment;
    bool install_cert_compression_algs, enable_grease, enable_ech_grease;
    long long install_one_cert_compression_alg;

    /* what to do */
    bool shim_writes_first, shim_shuts_down, check_close_notify;
    const char *shim_initial_write;
    bool write_different_record_sizes;
    bool key_update, key_update_before_read;
    bool renegotiate_freely, renegotiate_once, renegotiate_ignore, forbid_renegotiation_after_handshake;
    bool no_legacy_server_connect, expect_secure_renegotiation, expect_no_secure_renegotiation;
    bool no_op_extra_handshake, send_alert, export_traffic_secrets;
    bool fail_early_callback, fail_cert_callback, fail_ddos_callback;
    bool use_ocsp_callback, decline_ocsp_callback, fail_ocsp_callback;
    long long read_size;
    long long resumption_delay;
    long long export_keying_material;
    const char *export_label, *export_context;
    bool use_export_context, tls_unique;

    bool enable_early_data;

    /* what to check */
    bool expect_accept_early_data, expect_reject_early_data, expect_no_offer_early_data,
        expect_ticket_supports_early_data;
    const char *expect_early_data_reason;
    long long expect_version, expect_curve_id, expect_cipher, expect_cipher_aes, expect_cipher_no_aes;
    long long expect_peer_signature_algorithm;
    const char *expect_selected_credential; /* a number; -1: none, or the one without -new-x509-credential */
    bool expect_session_miss, expect_no_session, expect_session_id, expect_no_session_id,
        expect_ticket_renewal;
    bool expect_extended_master_secret, expect_hrr, expect_no_hrr, expect_verify_result, expect_no_peer_cert;
    bool expect_no_server_name, handshake_never_done;
    const char *expect_server_name, *expect_alpn, *expect_advertised_alpn, *expect_peer_cert_file;
    const char *expect_ocsp_response, *expect_signed_cert_timestamps; /* base64 */
    long long expect_total_renegotiations;
} bogo_flags;

typedef enum bogo_which { BOGO_INITIAL, BOGO_RESUME, BOGO_RETRY, BOGO_SETS } bogo_which;

/** Reads the arguments behind the program's name. BOGO_PASSED, _FAILED (malformed) or _UNIMPLEMENTED. */
int bogo_flags_parse(int argc, char **argv, bogo_flags sets[BOGO_SETS]);

#endif
