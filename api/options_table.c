/*
 * options_table.c - every option that there is: what it takes, for whom, where it goes. Constant; any thread.
 *
 * Names are the reference's (ssl's option types) and those of later OTP releases; ours, where OTP has none, are marked.
 */
#include "options_table.h"

#include <stdio.h>

#define TEXT   DOR_VALUE_TEXT
#define INT    DOR_VALUE_INT
#define BOOL   DOR_VALUE_BOOL
#define LIST   DOR_VALUE_LIST
#define BYTES  DOR_VALUE_BYTES
#define OBJECT DOR_VALUE_OBJECT

#define CLIENT   DOR_SCOPE_CLIENT
#define SERVER   DOR_SCOPE_SERVER
#define BOTH     DOR_SCOPE_BOTH
#define OPEN     DOR_SCOPE_OPEN
#define PATH     DOR_SCOPE_PATH
#define ADDS     DOR_SCOPE_ADDS
#define LISTENER DOR_SCOPE_LISTENER
#define VARIES   (DOR_SCOPE_OPEN | DOR_SCOPE_VARIES)

#define FIELD(member)                                                                                        \
    .place = DOR_PLACE_SETTINGS, .offset = offsetof(dor_settings, member),                                   \
    .size = sizeof(((dor_settings *)0)->member)
#define TLS(member)                                                                                          \
    .place = DOR_PLACE_TLS, .offset = offsetof(dor_tls_config, member),                                      \
    .size = sizeof(((dor_tls_config *)0)->member)
#define INET(id)           FIELD(inet.values[DOR_INET_##id])
#define MS_MAX             ((int64_t)DOR_INFINITY - 1)
#define SIZE_1G            ((int64_t)1 << 30)
#define TOGETHER           .place = DOR_PLACE_NONE /* options_resolve.c looks at it with others */
#define RANGE(least, most) .min = (least), .max = (most)

/* clang-format off */
const dor_option dor__options_table[] = {
    /* data */
    {"active", "deliver data as events: true, false, once, or the next N packets", BOOL | INT | TEXT, BOTH | OPEN | LISTENER,
        RANGE(1, 32767), .words = "once|true|false", .apply = dor__apply_active},
    {"packet", "how data is cut into packets: raw (or 0), 1, 2, 4 (length bytes), line, asn1, http, ...", TEXT | INT,
        BOTH | OPEN | LISTENER, RANGE(0, 4),
        .words = "raw|0|1|2|4|line|asn1|cdr|sunrm|fcgi|tpkt|http|http_bin|httph|httph_bin", .apply = dor__apply_packet},
    {"packet_size", "longest packet in bytes; 0: as much as receive_high_watermark", INT, BOTH | OPEN | LISTENER,
        RANGE(0, UINT32_MAX), FIELD(modes.packet_size)},
    {"line_delimiter", "packet line: the byte that ends a line (default 10)", INT, BOTH | OPEN | LISTENER, RANGE(0, 255),
        FIELD(modes.line_delimiter)},
    {"mode", "taken and without effect: data is always bytes", TEXT, BOTH | OPEN | LISTENER, .words = "binary|list",
        .apply = dor__apply_nothing},
    {"header", "so many bytes of each event are set apart: dor_ssl_event.header_len", INT, BOTH | OPEN | LISTENER, RANGE(0, 65535),
        FIELD(modes.header_len)},
    {"exit_on_close", "false: the peer's close leaves sending possible", BOOL, BOTH | VARIES | LISTENER, FIELD(exit_on_close)},

    /* identity */
    {"cert", "own certificate in DER, issuers behind it; wins over certfile", BYTES, BOTH, TOGETHER},
    {"certfile", "PEM file of the own certificate chain, leaf first", TEXT, BOTH | PATH, TOGETHER},
    {"key", "own private key in DER (PKCS#8, SEC 1, PKCS#1); wins over keyfile", BYTES, BOTH, TOGETHER},
    {"keyfile", "PEM file of the private key; default: certfile", TEXT, BOTH | PATH, TOGETHER},
    {"certs_keys", "several certificates with their keys, best first; dor_options_add_certs_key", OBJECT, BOTH, TOGETHER},
    {"reload_certificates", "ms between looks whether certificate files have changed; 0: never (ours)", INT, SERVER | LISTENER,
        RANGE(0, MS_MAX), FIELD(reload_ms)},
    {"signer", "makes signatures with a key that is elsewhere; dor_options_set_signer (ours)", DOR_VALUE_FUNCTION, BOTH,
        TOGETHER},
    {"sign_off_loop", "signatures with our own key are made on a worker thread (ours)", BOOL, BOTH, TLS(ask_signature)},
    {"password", "password of an encrypted private key", TEXT, BOTH, TOGETHER},
    {"ocsp_response", "the status of cert or certfile, an OCSP response in DER, for clients that ask (ours)", BYTES, SERVER, TOGETHER},
    {"ocsp_responsefile", "file that holds it (ours)", TEXT, SERVER | PATH, TOGETHER},
    {"sct_list", "its timestamps, a SignedCertificateTimestampList, for clients that ask (ours)", BYTES, SERVER, TOGETHER},
    {"sct_listfile", "file that holds it (ours)", TEXT, SERVER | PATH, TOGETHER},

    /* the peer */
    {"verify", "verify_peer or verify_none; clients verify by default, servers do not", TEXT, BOTH,
        .words = "verify_peer|verify_none", .apply = dor__apply_verify},
    {"verify_host", "check that the certificate is for the host's name (ours; default true)", BOOL, CLIENT, TLS(verify_host)},
    {"fail_if_no_peer_cert", "with verify_peer: a client without a certificate is refused", BOOL, SERVER,
        TLS(require_peer_cert)},
    {"depth", "most intermediate certificates in the peer's path", INT, BOTH, RANGE(0, 255), TLS(depth)},
    {"cacerts", "trusted authorities in DER; wins over cacertfile", BYTES, BOTH | ADDS, TOGETHER},
    {"cacertfile", "PEM file of trusted authorities; clients default to the system's", TEXT, BOTH | PATH, TOGETHER},
    {"certificate_authorities", "the peer is told whom we trust; servers that verify: default true, unless it is more than 16384 bytes", BOOL,
        BOTH, .apply = dor__apply_certificate_authorities},
    {"require_own_cert", "a client asked for a certificate fails where none of its own is wanted, instead of showing none (ours)", BOOL,
        CLIENT, TLS(require_own_cert)},
    {"request_ocsp", "ask for the status of the server's certificate; dor_ssl_peer_ocsp_response (ours)", BOOL, CLIENT, TLS(ask_status)},
    {"request_sct", "ask for the timestamps of the server's certificate; dor_ssl_peer_sct_list (ours)", BOOL, CLIENT,
        TLS(ask_timestamps)},

    {"certificate_compression", "TLS 1.3: ways in which certificates may be compressed, best first: brotli, zlib (ours)", LIST, BOTH,
        .apply = dor__apply_certificate_compression},

    /* the protocol */
    {"versions", "protocol versions: tlsv1.3, tlsv1.2", LIST, BOTH, .apply = dor__apply_versions},
    {"ciphers", "cipher suites in order of preference, by IANA's or OpenSSL's names", LIST, BOTH, .apply = dor__apply_ciphers},
    {"supported_groups", "key exchange groups in order of preference, by IANA's or OpenSSL's names", LIST, BOTH,
        .apply = dor__apply_groups},
    {"key_shares", "groups of supported_groups that get a share in the first hello, at most 4 (ours)", LIST, CLIENT,
        .apply = dor__apply_key_shares},
    {"signature_algs", "signature schemes in order of preference, by IANA's names", LIST, BOTH,
        .apply = dor__apply_signature_algs},
    {"honor_cipher_order", "the server's order of suites decides (default true)", BOOL, SERVER, TLS(honor_cipher_order)},
    {"alpn_advertised_protocols", "application protocols that a client offers", LIST, CLIENT, .apply = dor__apply_alpn},
    {"alpn_preferred_protocols", "application protocols that a server takes, best first", LIST, SERVER,
        .apply = dor__apply_alpn},
    {"server_name_indication", "the host's name for SNI and verification, or disable: no SNI", TEXT, CLIENT,
        .apply = dor__apply_server_name},
    {"grease", "the hello's lists hold values that mean nothing, which servers have to pass over; RFC 8701 (ours)", BOOL, CLIENT,
        TLS(grease)},
    {"ech_grease", "TLS 1.3: the hello has what looks like Encrypted Client Hello (ours)", BOOL, CLIENT, TLS(ech_grease)},
    {"middlebox_comp_mode", "TLS 1.3 looks like TLS 1.2 on the wire (default true)", BOOL, BOTH, TLS(middlebox_compat)},
    {"max_fragment_length", "ask the server for records of at most 512, 1024, 2048 or 4096 bytes, both ways; or undefined", INT | TEXT, CLIENT,
        RANGE(512, 4096), .words = "undefined", .apply = dor__apply_max_fragment_length},
    {"record_size_limit", "longest record that the peer may send, bytes as RFC 8449 counts; a client's default: nothing is said (ours)", INT,
        BOTH, RANGE(64, 16385), TLS(record_size_limit)},
    {"max_send_fragment", "most bytes of data in one record that is sent (ours; default 16384)", INT, BOTH, RANGE(64, 16384),
        TLS(max_send_fragment)},
    {"record_padding", "TLS 1.3: what is sent is padded to a multiple of so many bytes; 0: not (ours)", INT, BOTH, RANGE(0, 16384),
        TLS(record_padding)},

    /* secrets */
    {"exporters", "keep what exporting keying material and the PRF need, 160 bytes (ours)", BOOL, BOTH, TLS(exporters)},
    {"keep_secrets", "keep master and traffic secrets, for debugging only", BOOL, BOTH, TLS(keep_secrets)},
    {"psks", "external pre-shared keys of TLS 1.3; dor_options_add_psk (ours)", OBJECT, BOTH, .apply = dor__apply_psks},
    {"pskfile", "file of them: on each line identity:key in hexadecimal, perhaps :sha384 (ours)", TEXT, BOTH | PATH, TOGETHER},
    {"user_lookup_fun", "asked for the key of an identity; dor_options_set_psk_lookup", DOR_VALUE_FUNCTION, SERVER,
        .apply = dor__apply_psk_lookup},
    {"psk_modes", "TLS 1.3's pre-shared keys: psk_dhe_ke, and psk_ke, which has no forward secrecy (ours)", LIST, BOTH,
        .apply = dor__apply_psk_modes},
    {"psk_reflection", "servers: take clients of this process, who may be a hello sent back (ours)", BOOL, SERVER,
        TLS(psk_reflection)},
    {"psk_fallback", "clients with psks: a server that takes none is judged by its certificate (ours)", BOOL, CLIENT,
        TLS(psk_fallback)},
    {"sni_hosts", "hosts by the name that a client calls; dor_options_add_sni_host", OBJECT, SERVER | LISTENER, .apply = dor__apply_sni_hosts},
    {"sni_fun", "chooses a host by the name that a client calls; dor_options_set_sni_fun", DOR_VALUE_FUNCTION, SERVER | LISTENER,
        .apply = dor__apply_sni_fun},
    {"handshake", "full, or hello: the handshake pauses when the peer's hello is there", TEXT, BOTH, .words = "full|hello",
        .apply = dor__apply_handshake},

    {"key_log", "gets each secret as a line of a key log; dor_options_set_key_log (ours)", DOR_VALUE_FUNCTION, BOTH, TOGETHER},
    {"keylogfile", "file to which key log lines are appended, made with mode 0600 (ours)", TEXT, BOTH | PATH, TOGETHER},
    {"keylog_environment", "without a keylogfile: the one that SSLKEYLOGFILE names, if any (ours)", BOOL, BOTH, TOGETHER},

    /* sessions */
    {"reuse_sessions", "offer or accept resumption (default true); clients: save makes a session and resumes none", BOOL | TEXT,
        BOTH, .words = "true|false|save", .apply = dor__apply_reuse_sessions},
    {"reuse_session", "clients: a session to resume, dor_options_set_session; servers: who decides, dor_options_set_reuse_session",
        DOR_VALUE_SESSION | DOR_VALUE_FUNCTION, BOTH, .apply = dor__apply_session},
    {"session_tickets", "clients: disabled, manual (each ticket is an event), auto; servers: disabled, stateless, stateful, "
        "and these with the client's certificate (default stateless_with_cert)", TEXT, BOTH,
        .words = "disabled|manual|auto|stateless|stateful|stateless_with_cert|stateful_with_cert",
        .apply = dor__apply_session_tickets},
    {"early_data", "TLS 1.3: clients: what goes out with a ticket that allows it, bytes; servers: enabled or disabled (default)",
        TEXT | BYTES, BOTH, .words = "enabled|disabled", .apply = dor__apply_early_data},
    {"max_early_data", "bytes of early data that a server takes of a connection (ours; default 16384)", INT, SERVER,
        RANGE(1, 1 << 20), FIELD(max_early_data)},
    {"anti_replay", "servers, with stateless tickets: early data of 10k or 100k clients in ten seconds is remembered (default 10k)", TEXT,
        SERVER, .words = "10k|100k", .apply = dor__apply_anti_replay},
    {"resume_without_ems", "TLS 1.2: also sessions of peers without extended master secret (ours)", BOOL, BOTH,
        TLS(resume_without_ems)},
    {"ticket_count", "TLS 1.3 tickets that a server sends after a full handshake (ours)", INT, SERVER, RANGE(0, 16),
        TLS(ticket_count)},
    {"session_lifetime", "seconds that a session may be resumed (ours)", INT, SERVER, RANGE(1, 604800),
        TLS(session_lifetime_s)},
    {"max_sessions", "sessions that a server remembers (ours)", INT, SERVER, RANGE(1, 100000000)},
    {"max_session_bytes", "bytes that they may take (ours)", INT, SERVER, RANGE(4096, (int64_t)1 << 40)},
    {"session_cache", "a cache that listeners share; dor_options_set_session_cache (ours)", OBJECT, SERVER,
        .apply = dor__apply_session_cache},
    {"session_cb", "a store of the program's for a server's sessions; dor_options_set_session_store", OBJECT, SERVER,
        .apply = dor__apply_session_store},
    {"ticket_keys", "keys that tickets are sealed with, 48 bytes each: the first seals, all open (ours)", BYTES,
        SERVER | ADDS, .apply = dor__apply_ticket_keys},
    {"ticket_key_period", "seconds until a ticket key that was made here is followed by another (ours)", INT, SERVER,
        RANGE(60, 31536000)},
    {"ticket_key_overlap", "seconds that it still opens tickets behind that (ours)", INT, SERVER, RANGE(0, 31536000)},

    /* time */
    {"hibernate_after", "ms of silence before a connection hibernates, or undefined: never", INT | TEXT, BOTH,
        RANGE(0, MS_MAX), .words = "undefined|infinity|off", .apply = dor__apply_hibernate_after},
    {"handshake_timeout", "ms that a handshake may take (ours)", INT, BOTH, RANGE(1, MS_MAX), FIELD(handshake_timeout_ms)},
    {"linger", "ms that a close may take to write what was sent", INT, BOTH | VARIES, RANGE(0, MS_MAX),
        FIELD(linger_ms)},
    {"send_timeout", "ms until who waits for a send is told DOR_E_TIMEOUT, or infinity", INT | TEXT, BOTH | VARIES,
        RANGE(0, MS_MAX), .words = "infinity", .apply = dor__apply_send_timeout},
    {"send_timeout_close", "a send that times out ends the connection", BOOL, BOTH | VARIES, FIELD(send_timeout_close)},

    /* memory */
    {"high_watermark", "bytes in the send queue from which on sending answers busy", INT, BOTH | VARIES, RANGE(1, SIZE_1G),
        FIELD(send_high)},
    {"low_watermark", "bytes at which it is writable again", INT, BOTH | VARIES, RANGE(0, SIZE_1G), FIELD(send_low)},
    {"receive_high_watermark", "undelivered bytes from which on nothing is read from the peer (ours)", INT, BOTH,
        RANGE(1, SIZE_1G), FIELD(receive_high)},
    {"receive_low_watermark", "bytes at which reading starts again (ours)", INT, BOTH, RANGE(0, SIZE_1G), FIELD(receive_low)},
    {"max_connections", "connections of a listener at a time; 0: no limit (ours)", INT, SERVER | LISTENER, RANGE(0, UINT32_MAX),
        FIELD(max_connections)},
    {"max_handshakes", "connections of a listener that may be in their handshake at a time; 0: no limit (ours)", INT, SERVER | LISTENER,
        RANGE(0, UINT32_MAX), FIELD(max_handshakes)},
    {"acceptors", "schedulers that accept for a listener; 0: all (ours)", INT, SERVER | LISTENER, RANGE(0, 64), FIELD(acceptors)},
    {"accept_budget", "connections that one scheduler accepts in a turn of its loop (ours)", INT, SERVER | LISTENER, RANGE(1, 65535),
        FIELD(accept_budget)},
    {"accept_rate", "connections that a listener accepts in a second; 0: no limit (ours)", INT, SERVER | LISTENER, RANGE(0, 1000000),
        FIELD(accept_rate)},
    {"accept_burst", "so many at once after a quiet time; 0: accept_rate (ours)", INT, SERVER | LISTENER, RANGE(0, 1000000),
        FIELD(accept_burst)},
    {"max_handshake_size", "longest handshake message in bytes", INT, BOTH, RANGE(1024, 1 << 24), TLS(max_handshake_len)},
    {"max_handshake_memory", "bytes that one handshake may hold (ours)", INT, BOTH, RANGE(32768, 1 << 26),
        TLS(max_handshake_memory)},
    {"max_certificates", "most certificates in the peer's chain (ours)", INT, BOTH, RANGE(1, 32), TLS(max_certificates)},
    {"max_key_updates", "most key updates by the peer without data between (ours)", INT, BOTH, RANGE(1, 65535),
        TLS(max_key_updates)},
    {"key_update_at", "bytes sent under one key of TLS 1.3, each record counted as a full one; default: what the cipher allows", INT, BOTH,
        RANGE(1, INT64_MAX), TLS(key_update_at)},
    {"renegotiation", "TLS 1.2: dor_ssl_renegotiate may be used; clients follow a server that asks (ours; default false)", BOOL, BOTH,
        TLS(renegotiation)},
    {"client_renegotiation", "TLS 1.2: a client may renegotiate (default false)", BOOL, SERVER, TLS(client_renegotiation)},
    {"secure_renegotiate", "true, and nothing else: renegotiations are bound to the handshake before (RFC 5746)", BOOL, BOTH,
        .apply = dor__apply_secure_renegotiate},
    {"renegotiate_at", "with renegotiation: bytes sent under one key of TLS 1.2, each record counted as a full one (ours)", INT, BOTH,
        RANGE(1, INT64_MAX), TLS(renegotiate_at)},
    {"post_handshake_auth", "TLS 1.3: clients may be asked for a certificate later; servers ask then, and not before (ours)", BOOL, BOTH,
        TLS(post_auth)},
    {"max_empty_records", "most empty records in a row (ours)", INT, BOTH, RANGE(1, 65535), TLS(max_empty_records)},
    {"max_warning_alerts", "most warning alerts in a row (ours)", INT, BOTH, RANGE(1, 65535), TLS(max_warning_alerts)},

    /* TCP */
    {"ip", "own address: where a listener listens (default: every IPv4 and IPv6 one; or unix:PATH), what a client connects from", TEXT, BOTH | LISTENER,
        .apply = dor__apply_ip},
    {"ifaddr", "another name of ip", TEXT, BOTH | LISTENER, .apply = dor__apply_ip},
    {"port", "the port that a client connects from; 0: any free one", INT, CLIENT, RANGE(0, 65535), FIELD(local_port)},
    {"bind_to_device", "the network interface to use, by its name (Linux)", TEXT, BOTH | LISTENER, .apply = dor__apply_device},
    {"connection_attempt_delay", "ms from a client's attempt at one address to that at the next (ours)", INT, CLIENT,
        RANGE(10, 2000), FIELD(attempt_delay_ms)},
    {"unix_mode", "permissions of a unix:PATH listener's file, octal digits: who may connect (ours; default 0600)", TEXT, SERVER | LISTENER,
        .apply = dor__apply_unix_mode},
    {"ipv6_v6only", "IPv6 alone; default: IPv4 too when every address is bound, else not", BOOL, SERVER | LISTENER,
        .apply = dor__apply_v6only},
    {"backlog", "connections that may wait for being accepted", INT, SERVER | LISTENER, RANGE(1, 65535), FIELD(backlog)},
    {"reuseaddr", "SO_REUSEADDR (default true); clients: with option port", BOOL, BOTH | LISTENER, FIELD(reuseaddr)},
    {"reuseport", "SO_REUSEPORT: several processes share the port", BOOL, SERVER | LISTENER, FIELD(reuseport)},
    {"nodelay", "TCP_NODELAY (default true)", BOOL, BOTH | OPEN, INET(NODELAY)},
    {"keepalive", "SO_KEEPALIVE", BOOL, BOTH | OPEN, INET(KEEPALIVE)},
    {"keepidle", "seconds of silence before keepalive asks the peer", INT, BOTH | OPEN, RANGE(1, 32767), INET(KEEPIDLE)},
    {"keepintvl", "seconds between its questions", INT, BOTH | OPEN, RANGE(1, 32767), INET(KEEPINTVL)},
    {"keepcnt", "questions without an answer that end the connection", INT, BOTH | OPEN, RANGE(1, 127), INET(KEEPCNT)},
    {"user_timeout", "ms that what was sent may stay unacknowledged; 0: the system's", INT, BOTH | OPEN,
        RANGE(0, INT32_MAX), INET(USER_TIMEOUT)},
    {"sndbuf", "the system's send buffer in bytes; 0: its default", INT, BOTH | OPEN, RANGE(0, SIZE_1G), INET(SNDBUF)},
    {"recbuf", "the system's receive buffer in bytes; 0: its default", INT, BOTH | OPEN, RANGE(0, SIZE_1G), INET(RECBUF)},
    {"priority", "SO_PRIORITY of what is sent", INT, BOTH | OPEN, RANGE(0, INT32_MAX), INET(PRIORITY)},
    {"tos", "IP_TOS of what is sent over IPv4", INT, BOTH | OPEN, RANGE(0, 255), INET(TOS)},
    {"tclass", "IPV6_TCLASS of what is sent over IPv6", INT, BOTH | OPEN, RANGE(0, 255), INET(TCLASS)},
    {"ttl", "hops that what is sent may take", INT, BOTH | OPEN, RANGE(1, 255), INET(TTL)},
    {"raw", "options of the system's that have no name here; dor_options_add_raw", OBJECT, BOTH | OPEN, .apply = dor__apply_raw},

    {"cb_info", "what carries the bytes: tcp, memory (both ends in this process), or dor_options_set_transport", TEXT | DOR_VALUE_FUNCTION,
        BOTH | LISTENER, .words = "tcp|memory", .apply = dor__apply_transport},
    {"proxy_protocol", "servers: disabled, or require a PROXY header; clients: disabled, or send one of v1 or v2 (ours)", TEXT, BOTH | LISTENER,
        .words = "disabled|require|v1|v2", .apply = dor__apply_proxy_protocol},
    {"proxy_trust", "whose connections come with a PROXY header: addresses, prefixes, unix: (ours; default everybody's)", LIST, SERVER | LISTENER,
        .apply = dor__apply_proxy_trust},
    {"proxy_max_header", "longest PROXY header of version 2 in bytes (ours)", INT, SERVER | LISTENER, RANGE(256, 65551), FIELD(proxy_max_header)},
    {"proxy_header", "what a client's PROXY header says; dor_options_set_proxy_header (ours)", OBJECT, CLIENT,
        .apply = dor__apply_proxy_header},
    {"log_alert", "report alerts (default true)", BOOL, BOTH, FIELD(log_alert)},
};
/* clang-format on */

const size_t dor__options_count = sizeof(dor__options_table) / sizeof(dor__options_table[0]);

/* Options of the reference and of later OTP releases that have no entry yet. */
static const char *const later[] = {
    "allow_any_ca_purpose",
    "beast_mitigation",
    "cert_policy_opts",
    "client_preferred_next_protocols",
    "cookie",
    "crl_cache",
    "crl_check",
    "customize_hostname_check",
    "dh",
    "dhfile",
    "eccs",
    "fallback",
    "honor_ecc_order",
    "log_level",
    "next_protocols_advertised",
    "padding_check",
    "partial_chain",
    "protocol",
    "psk_groups",
    "psk_identity",
    "signature_algs_cert",
    "srp_identity",
    "stapling",
    "use_srtp",
    "verify_fun",
};

/* Options that say something about Erlang's drivers and processes, or about what TLS sockets are not. */
static const struct {
    const char *name, *why;
} pointless[] = {
    {"broadcast", "TLS runs over streams"},
    {"buffer", "receive_high_watermark and sndbuf, recbuf bound what is held"},
    {"debug", "it has no effect on today's systems"},
    {"delay_send", "what is sent in a turn leaves together anyway"},
    {"deliver", "events are messages, and ports take them as well"},
    {"dontroute", "use raw (SO_DONTROUTE)"},
    {"fd", "give the descriptor to dor_ssl_connect_fd or dor_ssl_accept_fd"},
    {"high_msgq_watermark", "high_watermark counts what is on its way, too"},
    {"inet_backend", "there is one"},
    {"low_msgq_watermark", "low_watermark counts what is on its way, too"},
    {"netns", "open the descriptor there, and give it to dor_ssl_connect_fd or dor_ssl_accept_fd"},
    {"nopush", "what is sent in a turn leaves together anyway"},
    {"packet_type", "it is option packet"},
    {"pktoptions", "they come with datagrams"},
    {"read_ahead", "reading takes what is there, within receive_high_watermark"},
    {"receiver_spawn_opts", "a connection is an actor"},
    {"recvtclass", "it comes with datagrams"},
    {"recvtos", "it comes with datagrams"},
    {"recvttl", "it comes with datagrams"},
    {"sender_spawn_opts", "a connection is an actor"},
    {"show_econnreset", "a reset is always told apart from an end"},
    {"ssl_imp", "there is one"},
    {"stateless_tickets_seed", "give the keys of tickets by ticket_keys"},
    {"tcp_module", "it is option cb_info"},
    {"use_ticket", "it is option reuse_session, with one of them"},
};

const dor_option *dor__option_find(const char *name)
{
    for (size_t i = 0; i < dor__options_count; i++)
        if (strcmp(dor__options_table[i].name, name) == 0) return &dor__options_table[i];
    return NULL;
}

/* Single-letter edits from a to b; anything over `most` counts as most + 1. Names are short, so rows are on the stack. */
static size_t edit_distance(const char *a, const char *b, size_t most)
{
    enum { LONGEST = 40 };
    size_t a_len = strlen(a), b_len = strlen(b), row[LONGEST + 1];
    if (a_len > LONGEST || b_len > LONGEST) return most + 1;
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b_len];
}

static const char *nearest(const char *name)
{
    enum { MOST = 2 };
    const char *best = NULL;
    size_t best_distance = MOST + 1;
    for (size_t i = 0; i < dor__options_count; i++) {
        size_t distance = edit_distance(name, dor__options_table[i].name, MOST);
        if (distance < best_distance && distance < strlen(name)) {
            best = dor__options_table[i].name;
            best_distance = distance;
        }
    }
    return best;
}

dor_result dor__option_refuse(const dor_options *options, const char *name)
{
    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
        if (strcmp(later[i], name) == 0)
            return dor__options_fail(options, DOR_E_NOT_SUPPORTED, "option %s is not supported yet", name);
    for (size_t i = 0; i < sizeof(pointless) / sizeof(pointless[0]); i++)
        if (strcmp(pointless[i].name, name) == 0)
            return dor__options_fail(options, DOR_E_NOT_SUPPORTED, "option %s has no use here: %s", name,
                                     pointless[i].why);
    const char *suggestion = nearest(name);
    if (suggestion)
        return dor__options_fail(options, DOR_E_OPTION_UNKNOWN,
                                 "no option is called \"%.100s\"; did you mean \"%s\"?", name, suggestion);
    return dor__options_fail(options, DOR_E_OPTION_UNKNOWN, "no option is called \"%.100s\"", name);
}

/* ---- what an option takes, in words ------------------------------------------------------------------------------- */

static void add(char *text, size_t cap, const char *part)
{
    size_t len = strlen(text);
    if (len + 1 < cap) snprintf(text + len, cap - len, "%s", part);
}

static void add_words(char *text, size_t cap, const char *words)
{
    for (const char *word = words; *word;) {
        size_t len = strcspn(word, "|");
        char part[64];
        snprintf(part, sizeof(part), "%s\"%.*s\"", *text ? ", " : "", (int)len, word);
        add(text, cap, part);
        word += len + (word[len] == '|');
    }
}

char *dor__option_wanted(const dor_option *option, char *text, size_t cap)
{
    char part[96];
    text[0] = '\0';
    if (option->kinds & INT) {
        snprintf(part, sizeof(part), "an integer from %lld to %lld", (long long)option->min,
                 (long long)option->max);
        add(text, cap, part);
    }
    if (option->kinds & BOOL) add(text, cap, *text ? ", true or false" : "true or false");
    if (option->kinds & LIST) add(text, cap, "a list of texts");
    if (option->kinds & BYTES) add(text, cap, "bytes (in JSON: base64)");
    if (option->kinds & DOR_VALUE_SESSION) add(text, cap, "a session");
    if (option->kinds & (DOR_VALUE_OBJECT | DOR_VALUE_FUNCTION))
        add(text, cap, "what a call of its own sets");
    if ((option->kinds & TEXT) && option->words)
        add_words(text, cap, option->words);
    else if (option->kinds & TEXT)
        add(text, cap, *text ? ", or a text" : "a text");
    return text;
}

const char *dor_options_describe(size_t index, const char **about)
{
    if (index >= dor__options_count) return NULL;
    if (about) *about = dor__options_table[index].about;
    return dor__options_table[index].name;
}
