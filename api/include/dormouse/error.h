/*
 * dormouse/error.h - the error vocabulary of the whole library.
 *
 * Every call that can fail returns an int: DOR_OK (0) or a negative code. A code carries three things:
 * a class (what kind of trouble), for TLS alerts the alert's number and its direction, and a reason.
 * Compare with the DOR_E_ constants, take a code apart with the dor_error_ functions, and turn it into a
 * sentence with dor_format_error().
 *
 *   code = -(class << 24 | alert << 16 | reason)
 *
 * This header needs libc alone and has no other part of the library behind it, so that each layer,
 * from the byte reader to the command, speaks of failures in the same words.
 *
 * Threads: everything here is a constant or a pure function.
 */
#ifndef DORMOUSE_ERROR_H
#define DORMOUSE_ERROR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Marks what the shared library exports. */
#if defined(__GNUC__)
#define DOR_API __attribute__((visibility("default")))
#else
#define DOR_API
#endif

/** Success. Every other code is below 0. */
#define DOR_OK 0

/** What kind of trouble a code speaks of. */
typedef enum dor_error_class {
    DOR_CLASS_NONE = 0,   /**< no trouble */
    DOR_CLASS_USAGE = 1,  /**< the caller asked for something that cannot be asked for */
    DOR_CLASS_STATE = 2,  /**< right call, wrong moment: closed, timed out, not the owner, busy */
    DOR_CLASS_MEMORY = 3, /**< out of memory or over a configured limit */
    DOR_CLASS_IO = 4,     /**< the operating system said no; the reason is DOR_REASON_ERRNO_BASE + errno */
    DOR_CLASS_ALERT_SENT = 5, /**< this side failed the connection and sent that alert (RFC 8446 section 6) */
    DOR_CLASS_ALERT_RECEIVED = 6, /**< the peer failed the connection with that alert */
    DOR_CLASS_CRYPTO = 7,         /**< a primitive failed for a reason that is not the peer's doing */
    DOR_CLASS_INTERNAL = 8        /**< a defect of this library */
} dor_error_class;

/** Alert numbers, RFC 8446 section 6 and its forerunners. */
typedef enum dor_alert {
    DOR_ALERT_CLOSE_NOTIFY = 0,
    DOR_ALERT_UNEXPECTED_MESSAGE = 10,
    DOR_ALERT_BAD_RECORD_MAC = 20,
    DOR_ALERT_RECORD_OVERFLOW = 22,
    DOR_ALERT_HANDSHAKE_FAILURE = 40,
    DOR_ALERT_BAD_CERTIFICATE = 42,
    DOR_ALERT_UNSUPPORTED_CERTIFICATE = 43,
    DOR_ALERT_CERTIFICATE_REVOKED = 44,
    DOR_ALERT_CERTIFICATE_EXPIRED = 45,
    DOR_ALERT_CERTIFICATE_UNKNOWN = 46,
    DOR_ALERT_ILLEGAL_PARAMETER = 47,
    DOR_ALERT_UNKNOWN_CA = 48,
    DOR_ALERT_ACCESS_DENIED = 49,
    DOR_ALERT_DECODE_ERROR = 50,
    DOR_ALERT_DECRYPT_ERROR = 51,
    DOR_ALERT_PROTOCOL_VERSION = 70,
    DOR_ALERT_INSUFFICIENT_SECURITY = 71,
    DOR_ALERT_INTERNAL_ERROR = 80,
    DOR_ALERT_INAPPROPRIATE_FALLBACK = 86,
    DOR_ALERT_USER_CANCELED = 90,
    DOR_ALERT_NO_RENEGOTIATION = 100,
    DOR_ALERT_MISSING_EXTENSION = 109,
    DOR_ALERT_UNSUPPORTED_EXTENSION = 110,
    DOR_ALERT_UNRECOGNIZED_NAME = 112,
    DOR_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE = 113,
    DOR_ALERT_UNKNOWN_PSK_IDENTITY = 115,
    DOR_ALERT_CERTIFICATE_REQUIRED = 116,
    DOR_ALERT_NO_APPLICATION_PROTOCOL = 120
} dor_alert;

/**
 * Every reason: name, number (stable), the class it has on its own, and its sentence. A reason that
 * explains an alert appears in codes of the alert classes; its own class is what it has without one.
 */
/* clang-format off */
#define DOR_REASONS(X)                                                                                              \
    /* usage */                                                                                                     \
    X(BADARG,                   1, USAGE,    "an argument is out of range or missing")                              \
    X(OPTION_UNKNOWN,           2, USAGE,    "no such option")                                                      \
    X(OPTION_TYPE,              3, USAGE,    "the option's value has the wrong type or is out of range")            \
    X(OPTION_CONFLICT,          4, USAGE,    "two options contradict each other")                                   \
    X(WOULD_DEADLOCK,           5, USAGE,    "a blocking call on a scheduler thread would deadlock; use the asynchronous form") \
    X(NOT_SUPPORTED,            6, USAGE,    "not supported here")                                                  \
    X(NO_OPTIONS,               7, USAGE,    "a listener needs options: at least a certificate")                    \
    X(FILE_UNREADABLE,          8, USAGE,    "the file cannot be read")                                             \
    X(FILE_MALFORMED,           9, USAGE,    "the file does not hold what it should")                               \
    X(KEY_MISMATCH,            10, USAGE,    "the private key does not belong to the certificate")                  \
    X(KEY_UNSUPPORTED,         11, USAGE,    "the private key is of a kind that is not supported")                  \
    X(JSON_MALFORMED,          12, USAGE,    "the text is not valid JSON")                                          \
    X(PASSWORD_NEEDED,         13, USAGE,    "the private key is encrypted")                                        \
    X(PASSWORD_WRONG,          14, USAGE,    "wrong password, or damaged")                                          \
    /* state */                                                                                                     \
    X(CLOSED,                  32, STATE,    "the connection is closed")                                            \
    X(TIMEOUT,                 33, STATE,    "the time allowed has passed")                                         \
    X(NOT_OWNER,               34, STATE,    "only the socket's owner may do this")                                 \
    X(EALREADY,                35, STATE,    "another call of this kind is still waiting on the socket")            \
    X(EINVAL,                  36, STATE,    "not possible in the socket's present mode")                           \
    X(ENOTCONN,                37, STATE,    "the socket is not connected")                                         \
    X(BUSY,                    38, STATE,    "the send queue is past its high-water mark; try again when told")     \
    X(NO_PEERCERT,             39, STATE,    "the peer presented no certificate")                                   \
    X(PROTOCOL_NOT_NEGOTIATED, 40, STATE,    "no application protocol was negotiated")                              \
    X(NOPROC,                  41, STATE,    "no such actor or process")                                            \
    X(STOPPED,                 42, STATE,    "the runtime is stopping or has stopped")                              \
    X(NO_SESSION,              43, STATE,    "no resumable session yet")                                            \
    X(TRUNCATED,               44, STATE,    "the peer ended the connection without close_notify")                  \
    X(MAX_CONNECTIONS,         45, STATE,    "the listener holds as many connections as it may")                    \
    X(OWNER_DOWN,              46, STATE,    "the socket's owner has ended")                                        \
    X(INVALID_PACKET,          47, STATE,    "the data does not follow the packet mode")                            \
    X(CANCELLED,               48, STATE,    "the operation was cancelled")                                         \
    X(NXDOMAIN,                49, STATE,    "the host name has no address")                                        \
    X(NO_PROCESS,              50, STATE,    "the calling thread is not attached as a process")                     \
    X(NAME_TAKEN,              51, STATE,    "somebody else has this name")                                         \
    X(MAILBOX_FULL,            52, STATE,    "the receiver's mailbox is full")                                      \
    X(SHUTDOWN,                53, STATE,    "asked to end by its supervisor")                                      \
    X(KILLED,                  54, STATE,    "ended by force")                                                      \
    X(EXITED,                  55, STATE,    "an exit signal has ended the calling process")                        \
    X(RESTART_INTENSITY,       56, STATE,    "the supervisor's children ended more often than it may restart them") \
    X(NO_CHILD,                57, STATE,    "the supervisor has no such child")                                    \
    X(CHILD_RUNNING,           58, STATE,    "the child is running, or about to be restarted")                      \
    X(NOT_KEPT,                76, STATE,    "the connection has not kept what this needs; see options exporters and keep_secrets") \
    X(EXPORT_UNSAFE,           77, STATE,    "a TLS 1.2 connection without extended master secret exports no keying material") \
    X(RENEGOTIATION_REFUSED,   90, STATE,    "the peer refuses to renegotiate; the connection goes on")                \
    X(RENEGOTIATION_INSECURE,  91, STATE,    "the connection cannot be renegotiated securely (RFC 5746)"                 ) \
    X(NO_POST_AUTH,            92, STATE,    "the client has not offered post-handshake authentication")               \
    X(NOT_SHOWN,               95, STATE,    "the peer has not shown this beside its certificate")                    \
    X(NO_PROXY_HEADER,         78, STATE,    "the connection did not come with a PROXY header")                       \
    /* a proxy's header: the connection is closed without an answer */                                              \
    X(PROXY_MISSING,           80, STATE,    "no PROXY header in front of the connection although one is required")  \
    X(PROXY_TOO_LONG,          81, STATE,    "the PROXY header is longer than allowed")                              \
    X(PROXY_SYNTAX,            82, STATE,    "the PROXY header is malformed")                                        \
    X(PROXY_VERSION,           83, STATE,    "the PROXY header has an unknown version")                              \
    X(PROXY_COMMAND,           84, STATE,    "the PROXY header has an unknown command")                              \
    X(PROXY_FAMILY,            85, STATE,    "the PROXY header has an unknown address family or protocol")           \
    X(PROXY_ADDRESS,           86, STATE,    "the PROXY header's addresses are malformed or cut short")              \
    X(PROXY_TLV,               87, STATE,    "the PROXY header's extensions are malformed, too long or repeated")    \
    X(PROXY_CHECKSUM,          88, STATE,    "the PROXY header's checksum is wrong")                                 \
    /* memory and limits */                                                                                         \
    X(NOMEM,                   64, MEMORY,   "out of memory")                                                       \
    X(LIMIT,                   65, MEMORY,   "a configured limit was reached")                                      \
    X(TOO_BIG,                 66, MEMORY,   "larger than the limit set for it")                                    \
    /* protocol: why an alert was sent */                                                                           \
    X(DECODE,                  96, INTERNAL, "a field is truncated, oversized or inconsistent")                     \
    X(UNEXPECTED_MESSAGE,      97, INTERNAL, "a message came that the protocol does not allow at this point")       \
    X(BAD_RECORD,              98, INTERNAL, "a record does not authenticate")                                      \
    X(RECORD_OVERFLOW,         99, INTERNAL, "a record is longer than the protocol allows")                         \
    X(RECORD_TYPE,            100, INTERNAL, "a record of an unknown or misplaced type")                            \
    X(RECORD_VERSION,         101, INTERNAL, "a record with a wrong version")                                       \
    X(EMPTY_FRAGMENTS,        102, INTERNAL, "too many empty records")                                              \
    X(WARNING_ALERTS,         103, INTERNAL, "too many warning alerts")                                             \
    X(EXCESS_HANDSHAKE_DATA,  104, INTERNAL, "handshake data runs on across a change of keys")                      \
    X(HANDSHAKE_TOO_BIG,      105, INTERNAL, "a handshake message is larger than the limit")                        \
    X(VERSION,                106, INTERNAL, "no protocol version in common")                                       \
    X(NO_CIPHER,              107, INTERNAL, "no cipher suite in common")                                           \
    X(NO_GROUP,               108, INTERNAL, "no key exchange group in common")                                     \
    X(NO_SIGNATURE_SCHEME,    109, INTERNAL, "no signature scheme in common")                                       \
    X(NO_ALPN,                110, INTERNAL, "no application protocol in common")                                   \
    X(ILLEGAL_PARAMETER,      111, INTERNAL, "a field has a value that the protocol forbids")                       \
    X(MISSING_EXTENSION,      112, INTERNAL, "a required extension is missing")                                     \
    X(UNSUPPORTED_EXTENSION,  113, INTERNAL, "an extension that was not offered, or does not belong in its message") \
    X(DUPLICATE_EXTENSION,    114, INTERNAL, "an extension appears twice")                                          \
    X(BAD_KEY_SHARE,          115, INTERNAL, "the peer's key share is invalid")                                     \
    X(DH_GROUP,               139, INTERNAL, "the server's Diffie-Hellman group is none that we take")               \
    X(BAD_SIGNATURE,          116, INTERNAL, "the peer's handshake signature does not verify")                      \
    X(BAD_FINISHED,           117, INTERNAL, "the peer's Finished does not verify")                                 \
    X(BAD_BINDER,             118, INTERNAL, "the pre-shared key binder does not verify")                           \
    X(DOWNGRADE,              119, INTERNAL, "the server's random carries the downgrade sentinel")                  \
    X(FALLBACK,               120, INTERNAL, "the peer fell back although a higher version is possible")            \
    X(NO_RENEGOTIATION,       121, INTERNAL, "renegotiation is not allowed")                                        \
    X(RENEGOTIATION_INFO,     122, INTERNAL, "the renegotiation indication is missing or wrong")                    \
    X(EXTENDED_MASTER_SECRET, 123, INTERNAL, "the extended master secret does not match the session's")             \
    X(KEY_UPDATES,            124, INTERNAL, "too many key updates")                                                \
    X(HELLO_RETRY,            125, INTERNAL, "the HelloRetryRequest or the answer to it is wrong")                  \
    X(NO_CERTIFICATE,         126, INTERNAL, "the peer presented no certificate although one is required")          \
    X(COMPRESSION,            127, INTERNAL, "a compression method other than null")                                \
    X(SEQUENCE_EXHAUSTED,     128, INTERNAL, "the keys are used up")                                                \
    X(SESSION_MISMATCH,       129, INTERNAL, "the resumed session does not match what was negotiated")              \
    X(PEER_ALERT,             130, INTERNAL, "the peer sent a fatal alert")                                         \
    X(RECORD_LIMIT,           210, INTERNAL, "a limit on the size of records that the protocol does not allow")        \
    X(CERT_STATUS,            211, INTERNAL, "a certificate's status response is malformed or was not asked for")      \
    X(CERT_TIMESTAMPS,        212, INTERNAL, "a certificate's list of timestamps is malformed")                       \
    X(CERT_COMPRESSION,       220, INTERNAL, "a certificate is compressed in a way that was not offered")               \
    X(CERT_DECOMPRESSION,     221, INTERNAL, "a compressed certificate is not what it says, or no such thing")          \
    X(CERT_TOO_LARGE,         222, INTERNAL, "a compressed certificate is larger than a handshake message may be")      \
    X(UNRECOGNIZED_NAME,      131, INTERNAL, "the name that the client calls is not served here")                    \
    X(PSK_REQUIRED,           150, INTERNAL, "the peer takes none of our pre-shared keys, or offers none")          \
    X(EARLY_DATA,             152, INTERNAL, "early data was accepted where it cannot have been, or by an old server") \
    X(EARLY_DATA_TOO_BIG,     153, INTERNAL, "more early data than the ticket allows")                              \
    X(PSK_REFLECTED,          151, INTERNAL, "a hello of our own side's came back to us (reflection)")              \
    X(SIGNER_FAILED,          140, INTERNAL, "whoever holds the key of our certificate has made no signature")       \
    X(SIGNER_WRONG,           141, INTERNAL, "the signature made for us does not verify with our certificate")       \
    X(PEER_CHANGED,           200, INTERNAL, "the peer's certificate is another one than before the renegotiation")   \
    X(NAME_CHANGED,           201, INTERNAL, "a renegotiation calls another server name than before")                 \
    X(RENEGOTIATION_EMS,      202, INTERNAL, "a renegotiation changes whether there is extended master secret")       \
    X(KEY_LIMIT,              203, INTERNAL, "the key has protected as many records as it may, and cannot be replaced") \
    X(CERTIFICATE_REQUESTS,   204, INTERNAL, "too many requests for a certificate")                                   \
    X(REQUEST_CONTEXT,        205, INTERNAL, "the context of a certificate request is wrong")                         \
    X(NO_ISSUER,              206, INTERNAL, "none of our certificates is under an authority that the peer names")    \
    X(ENCRYPT_THEN_MAC,       158, INTERNAL, "encrypt-then-MAC with a suite that it is not for, or given up")        \
    /* certificates */                                                                                              \
    X(CERT_MALFORMED,         160, INTERNAL, "a certificate is malformed")                                          \
    X(CERT_UNKNOWN_CA,        161, INTERNAL, "no path leads from the certificate to a trusted authority (unknown CA)") \
    X(CERT_SELFSIGNED,        162, INTERNAL, "the certificate is self-signed and not trusted")                      \
    X(CERT_EXPIRED,           163, INTERNAL, "a certificate has expired")                                           \
    X(CERT_NOT_YET_VALID,     164, INTERNAL, "a certificate is not valid yet")                                      \
    X(CERT_SIGNATURE,         165, INTERNAL, "a certificate's signature does not verify")                           \
    X(CERT_NOT_CA,            166, INTERNAL, "a certificate that is not an authority's signed another")             \
    X(CERT_PATH_LENGTH,       167, INTERNAL, "the certification path is longer than allowed")                       \
    X(CERT_KEY_USAGE,         168, INTERNAL, "a certificate's key usage does not allow this use")                   \
    X(CERT_EXTENDED_KEY_USAGE,169, INTERNAL, "a certificate's extended key usage does not allow this use")          \
    X(CERT_NAME_MISMATCH,     170, INTERNAL, "the certificate is not for this host name or address")                \
    X(CERT_CRITICAL_EXTENSION,171, INTERNAL, "a certificate has an unknown critical extension")                     \
    X(CERT_WEAK,              172, INTERNAL, "a certificate's key or signature algorithm is too weak")              \
    X(CERT_UNSUPPORTED,       173, INTERNAL, "a certificate uses an algorithm that is not supported")               \
    X(CERT_CHAIN_TOO_LONG,    174, INTERNAL, "the peer sent more certificates than allowed")                        \
    X(CERT_KEY_TYPE,          175, INTERNAL, "the certificate's key does not fit the cipher suite or scheme")       \
    X(CERT_REJECTED,          176, INTERNAL, "the application rejected the certificate")                            \
    /* crypto and internal */                                                                                       \
    X(CRYPTO_FAILED,          224, CRYPTO,   "a cryptographic primitive failed")                                    \
    X(RNG_FAILED,             225, CRYPTO,   "the random number generator failed")                                  \
    X(INTERNAL,               226, INTERNAL, "an internal error")
/* clang-format on */

/** Reasons on their own: DOR_REASON_TIMEOUT and so on. */
typedef enum dor_reason {
    DOR_REASON_NONE = 0, /**< of DOR_OK */
#define DOR_X(name, number, class_, text) DOR_REASON_##name = number,
    DOR_REASONS(DOR_X)
#undef DOR_X
        DOR_REASON_ERRNO_BASE = 4096 /**< class IO: errno is reason - DOR_REASON_ERRNO_BASE */
} dor_reason;

/** Makes a code of its three parts. */
#define DOR_ERROR_CODE(class_, alert_, reason_) (-(((class_) << 24) | ((alert_) << 16) | (reason_)))

/** Whole codes, for comparison: DOR_E_TIMEOUT, DOR_E_CLOSED and so on. */
enum dor_error_codes {
#define DOR_X(name, number, class_, text) DOR_E_##name = DOR_ERROR_CODE(DOR_CLASS_##class_, 0, number),
    DOR_REASONS(DOR_X)
#undef DOR_X
        DOR_ERROR_CODES_END_ = 1
};

/** The class of a code; DOR_CLASS_NONE for DOR_OK and what is above it. */
static inline dor_error_class dor_error_get_class(int code)
{
    return code >= 0 ? DOR_CLASS_NONE : (dor_error_class)((-code >> 24) & 0x0f);
}

/** The alert of a code of the alert classes, or -1. */
static inline int dor_error_get_alert(int code)
{
    dor_error_class c = dor_error_get_class(code);
    return c == DOR_CLASS_ALERT_SENT || c == DOR_CLASS_ALERT_RECEIVED ? (-code >> 16) & 0xff : -1;
}

/** The reason of a code, one of dor_reason; 0 for DOR_OK and what is above it. */
static inline int dor_error_get_reason(int code)
{
    return code >= 0 ? 0 : -code & 0xffff;
}

/** errno of a code of class IO, or 0. */
static inline int dor_error_get_errno(int code)
{
    return dor_error_get_class(code) == DOR_CLASS_IO && dor_error_get_reason(code) >= DOR_REASON_ERRNO_BASE
               ? dor_error_get_reason(code) - DOR_REASON_ERRNO_BASE
               : 0;
}

/**
 * Turns a code into one readable sentence, for example
 * "certificate expired (alert 45, sent by this side): a certificate has expired".
 *
 * @param code  any value that a call of this library returned
 * @param text  where the sentence goes; always ended by a NUL when cap > 0
 * @param cap   room at text, in bytes (160 is always enough)
 * @return text
 * Source: the reference's format_error/1.
 */
DOR_API char *dor_format_error(int code, char *text, size_t cap);

/** The RFC's name of an alert ("handshake_failure"), or "unknown_alert"; a static string. */
DOR_API const char *dor_alert_name(int alert);

/** The number of an alert by the RFC's name, written with "_" or spaces ("handshake failure"); -1 if there is none. */
DOR_API int dor_alert_from_name(const char *name);

#ifdef __cplusplus
}
#endif
#endif
