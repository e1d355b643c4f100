/*
 * extensions.h - every extension we know. One file each.
 */
#ifndef DOR_TLS_EXTENSIONS_H
#define DOR_TLS_EXTENSIONS_H

#include "tls/handshake.h"

/* IANA "TLS ExtensionType Values" */
enum {
    DOR_EXT_SERVER_NAME = 0,
    DOR_EXT_MAX_FRAGMENT_LENGTH = 1,
    DOR_EXT_STATUS_REQUEST = 5,
    DOR_EXT_SUPPORTED_GROUPS = 10,
    DOR_EXT_EC_POINT_FORMATS = 11,
    DOR_EXT_SIGNATURE_ALGORITHMS = 13,
    DOR_EXT_ALPN = 16,
    DOR_EXT_SIGNED_CERTIFICATE_TIMESTAMP = 18,
    DOR_EXT_PADDING = 21,
    DOR_EXT_ENCRYPT_THEN_MAC = 22,
    DOR_EXT_EXTENDED_MASTER_SECRET = 23,
    DOR_EXT_COMPRESS_CERTIFICATE = 27,
    DOR_EXT_RECORD_SIZE_LIMIT = 28,
    DOR_EXT_SESSION_TICKET = 35,
    DOR_EXT_PRE_SHARED_KEY = 41,
    DOR_EXT_EARLY_DATA = 42,
    DOR_EXT_SUPPORTED_VERSIONS = 43,
    DOR_EXT_COOKIE = 44,
    DOR_EXT_PSK_KEY_EXCHANGE_MODES = 45,
    DOR_EXT_CERTIFICATE_AUTHORITIES = 47,
    DOR_EXT_POST_HANDSHAKE_AUTH = 49,
    DOR_EXT_SIGNATURE_ALGORITHMS_CERT = 50,
    DOR_EXT_KEY_SHARE = 51,
    DOR_EXT_ENCRYPTED_CLIENT_HELLO = 0xfe0d,
    DOR_EXT_RENEGOTIATION_INFO = 0xff01
};

extern const dor_extension dor__ext_supported_versions;
extern const dor_extension dor__ext_server_name;
extern const dor_extension dor__ext_supported_groups;
extern const dor_extension dor__ext_signature_algorithms;
extern const dor_extension dor__ext_signature_algorithms_cert;
extern const dor_extension dor__ext_alpn;
extern const dor_extension dor__ext_cookie;
extern const dor_extension dor__ext_key_share;
extern const dor_extension dor__ext_psk_key_exchange_modes;
extern const dor_extension dor__ext_early_data;
extern const dor_extension dor__ext_certificate_authorities;
extern const dor_extension dor__ext_post_handshake_auth;
extern const dor_extension dor__ext_status_request;               /* RFC 6066 */
extern const dor_extension dor__ext_signed_certificate_timestamp; /* RFC 6962 */
extern const dor_extension dor__ext_compress_certificate;         /* RFC 8879 */
extern const dor_extension dor__ext_encrypted_client_hello;       /* RFC 9849, as grease alone */
extern const dor_extension dor__ext_record_size_limit;            /* RFC 8449 */
extern const dor_extension dor__ext_max_fragment_length;          /* RFC 6066 */
extern const dor_extension dor__ext_pre_shared_key;

/** CertificateStatus of RFC 6066: that of hs->identity; and the peer's, into t->stapled. */
DOR_MUST_USE dor_result dor__certificate_status_write(const dor_tls *t, dor_bytes *w);
DOR_MUST_USE dor_result dor__certificate_status_read(dor_tls *t, dor_span data);

/** Server: it was asked for, there is one, and there is a Certificate for it to stand with. */
bool dor__certificate_status_due(const dor_tls *t);

/** The host name in a ClientHello's server_name; empty when there are names of other types alone. */
DOR_MUST_USE dor_result dor__server_name_read(dor_span data, dor_span *name);

/* TLS 1.2: RFC 8422, RFC 7627, RFC 5746 */
extern const dor_extension dor__ext_ec_point_formats;
extern const dor_extension dor__ext_extended_master_secret;
extern const dor_extension dor__ext_encrypt_then_mac;
extern const dor_extension dor__ext_renegotiation_info;
extern const dor_extension dor__ext_session_ticket; /* RFC 5077 */

#endif
