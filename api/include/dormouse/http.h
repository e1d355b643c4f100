/*
 * dormouse/http.h - the lines of HTTP/1 in the packet modes http, http_bin, httph and httph_bin.
 *
 * In these modes an event, or a recv, brings one line as it came, line end and folded continuations included, and
 * dor_ssl_event.http says which kind of line it is: a start line or one of the headers. dor_http_parse makes a view
 * of it: numbers and texts that point into the line. So the socket allocates nothing but the buffer of every event, nobody
 * pays for parts that he does not look at, and the same function serves programs that have lines from elsewhere.
 *
 *     dor_http_packet p;
 *     dor_http_parse(event->http, dor_buffer_data(event->data), dor_buffer_len(event->data), &p);
 *     if (p.kind == DOR_HTTP_HEADER && p.header.field == DOR_HTTP_CONTENT_LENGTH) ...
 *
 * http begins with a start line, goes over to headers behind a good one, and back behind the end of the headers; httph
 * is always in the headers. A body is the owner's business: it sets another packet mode (raw) for its length.
 *
 * The rules are those of the reference's packet decoder (erlang:decode_packet/3) and as lenient. docs/packets.md names
 * the differences. A proxy, or whoever decides about access by what it reads here, must be stricter.
 *
 * Threads: pure functions.
 */
#ifndef DORMOUSE_HTTP_H
#define DORMOUSE_HTTP_H

#include <dormouse/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Which grammar a line has. */
typedef enum dor_http_part {
    DOR_HTTP_PART_NONE = 0,  /**< the data is no line of HTTP: the socket was in another packet mode */
    DOR_HTTP_PART_START = 1, /**< a request line or a status line */
    DOR_HTTP_PART_HEADER = 2 /**< a header, or the empty line that ends them */
} dor_http_part;

/** What a line turned out to be; in brackets, what the reference calls it. */
typedef enum dor_http_kind {
    DOR_HTTP_ERROR = 0, /**< the line is no HTTP (http_error) */
    DOR_HTTP_REQUEST,   /**< http_request */
    DOR_HTTP_RESPONSE,  /**< http_response */
    DOR_HTTP_HEADER,    /**< http_header */
    DOR_HTTP_END        /**< the end of the headers (http_eoh) */
} dor_http_kind;

/** A run of bytes inside the line, without a NUL; any byte values. */
typedef struct dor_http_text {
    const char *ptr; /**< its first byte */
    size_t len;      /**< bytes */
} dor_http_text;

/** The methods that the reference gives as atoms; compared with regard to case. */
typedef enum dor_http_method {
    DOR_HTTP_METHOD_OTHER = 0, /**< see the name: CONNECT, PATCH, ... */
    DOR_HTTP_METHOD_OPTIONS,   /**< "OPTIONS" */
    DOR_HTTP_METHOD_GET,       /**< "GET" */
    DOR_HTTP_METHOD_HEAD,      /**< "HEAD" */
    DOR_HTTP_METHOD_POST,      /**< "POST" */
    DOR_HTTP_METHOD_PUT,       /**< "PUT" */
    DOR_HTTP_METHOD_DELETE,    /**< "DELETE" */
    DOR_HTTP_METHOD_TRACE      /**< "TRACE" */
} dor_http_method;

/** The forms of a request's target. */
typedef enum dor_http_uri_form {
    DOR_HTTP_URI_STAR, /**< "*" */
    DOR_HTTP_URI_PATH, /**< "/path?query": path */
    DOR_HTTP_URI_ABSOLUTE, /**< "http://host:port/path" and https: scheme, host, port, path ("/" if it has none) */
    DOR_HTTP_URI_SCHEME, /**< "scheme:rest", also CONNECT's "host:port": scheme, and the rest as path */
    DOR_HTTP_URI_OTHER   /**< anything else: see text */
} dor_http_uri_form;

/** A request's target, taken apart. What the form does not have is empty. */
typedef struct dor_http_uri {
    dor_http_uri_form form; /**< which of the others are there */
    dor_http_text text;     /**< all of it */
    dor_http_text scheme;   /**< without the colon */
    dor_http_text host;     /**< an IPv6 address keeps its brackets */
    int32_t port;           /**< 1 to 65535; -1: none given, or none that makes sense */
    dor_http_text path;     /**< may point to a constant "/" */
} dor_http_uri;

/* clang-format off */
/** The fields that have a number (the reference's), and their usual spelling. */
#define DOR_HTTP_FIELDS(X)                                                                                         \
    X(CACHE_CONTROL, 1, "Cache-Control") X(CONNECTION, 2, "Connection") X(DATE, 3, "Date")                         \
    X(PRAGMA, 4, "Pragma") X(TRANSFER_ENCODING, 5, "Transfer-Encoding") X(UPGRADE, 6, "Upgrade") X(VIA, 7, "Via")  \
    X(ACCEPT, 8, "Accept") X(ACCEPT_CHARSET, 9, "Accept-Charset") X(ACCEPT_ENCODING, 10, "Accept-Encoding")        \
    X(ACCEPT_LANGUAGE, 11, "Accept-Language") X(AUTHORIZATION, 12, "Authorization") X(FROM, 13, "From")            \
    X(HOST, 14, "Host") X(IF_MODIFIED_SINCE, 15, "If-Modified-Since") X(IF_MATCH, 16, "If-Match")                  \
    X(IF_NONE_MATCH, 17, "If-None-Match") X(IF_RANGE, 18, "If-Range")                                              \
    X(IF_UNMODIFIED_SINCE, 19, "If-Unmodified-Since") X(MAX_FORWARDS, 20, "Max-Forwards")                          \
    X(PROXY_AUTHORIZATION, 21, "Proxy-Authorization") X(RANGE, 22, "Range") X(REFERER, 23, "Referer")              \
    X(USER_AGENT, 24, "User-Agent") X(AGE, 25, "Age") X(LOCATION, 26, "Location")                                  \
    X(PROXY_AUTHENTICATE, 27, "Proxy-Authenticate") X(PUBLIC, 28, "Public") X(RETRY_AFTER, 29, "Retry-After")      \
    X(SERVER, 30, "Server") X(VARY, 31, "Vary") X(WARNING, 32, "Warning")                                          \
    X(WWW_AUTHENTICATE, 33, "Www-Authenticate") X(ALLOW, 34, "Allow") X(CONTENT_BASE, 35, "Content-Base")          \
    X(CONTENT_ENCODING, 36, "Content-Encoding") X(CONTENT_LANGUAGE, 37, "Content-Language")                        \
    X(CONTENT_LENGTH, 38, "Content-Length") X(CONTENT_LOCATION, 39, "Content-Location")                            \
    X(CONTENT_MD5, 40, "Content-Md5") X(CONTENT_RANGE, 41, "Content-Range") X(CONTENT_TYPE, 42, "Content-Type")    \
    X(ETAG, 43, "Etag") X(EXPIRES, 44, "Expires") X(LAST_MODIFIED, 45, "Last-Modified")                            \
    X(ACCEPT_RANGES, 46, "Accept-Ranges") X(SET_COOKIE, 47, "Set-Cookie") X(SET_COOKIE2, 48, "Set-Cookie2")        \
    X(X_FORWARDED_FOR, 49, "X-Forwarded-For") X(COOKIE, 50, "Cookie") X(KEEP_ALIVE, 51, "Keep-Alive")              \
    X(PROXY_CONNECTION, 52, "Proxy-Connection")
/* clang-format on */

/** The number of a field's name, as the reference counts them. */
typedef enum dor_http_field {
    DOR_HTTP_FIELD_OTHER = 0, /**< see the name */
#define DOR_HTTP_FIELD_ENUM_(name, number, text) DOR_HTTP_##name = (number),
    DOR_HTTP_FIELDS(DOR_HTTP_FIELD_ENUM_)
#undef DOR_HTTP_FIELD_ENUM_
} dor_http_field;

/** A request line. */
typedef struct dor_http_request {
    dor_http_method method;    /**< DOR_HTTP_METHOD_OTHER for one without a number */
    dor_http_text method_name; /**< as it came */
    dor_http_uri uri;          /**< the target */
    uint16_t major, minor;     /**< version; 0.9 where the line names none */
} dor_http_request;

/** A status line. */
typedef struct dor_http_response {
    uint16_t major, minor; /**< version */
    uint16_t status;       /**< 200, for example */
    dor_http_text phrase;  /**< may be empty */
} dor_http_response;

/** A header line. */
typedef struct dor_http_header {
    dor_http_field field;   /**< DOR_HTTP_FIELD_OTHER for one without a number */
    const char *field_name; /**< its usual spelling; NULL for DOR_HTTP_FIELD_OTHER */
    dor_http_text name;     /**< as it came */
    dor_http_text value;    /**< without what goes before it; folded lines keep their line ends */
} dor_http_header;

/** A view of one line. Texts point into it and last as long. */
typedef struct dor_http_packet {
    dor_http_kind kind; /**< which of the three below is there */
    dor_http_part next; /**< what the following line is in mode http */
    dor_http_text line; /**< all of it; what an ERROR has to show */
    union {
        dor_http_request request;   /**< DOR_HTTP_REQUEST */
        dor_http_response response; /**< DOR_HTTP_RESPONSE */
        dor_http_header header;     /**< DOR_HTTP_HEADER */
    };
} dor_http_packet;

/**
 * Reads a line of len bytes, with or without its line end (LF or CR LF), as a start line or a header, and fills *packet.
 * DOR_OK also for a line that makes no sense: its kind is DOR_HTTP_ERROR. DOR_E_BADARG for DOR_HTTP_PART_NONE and missing
 * pointers. Time is linear in len; nothing is allocated. Source: erlang:decode_packet/3.
 */
DOR_API int dor_http_parse(dor_http_part part, const void *line, size_t len, dor_http_packet *packet);

/** The usual spelling of a field ("Content-Length"); NULL for one without a number. */
DOR_API const char *dor_http_field_name(dor_http_field field);

#ifdef __cplusplus
}
#endif
#endif
