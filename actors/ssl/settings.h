/*
 * settings.h - resolved options: what a listener, a connection or a connect call goes by.
 *
 * Made from a dor_options (files read, names turned into values, contradictions refused), frozen, then shared by
 * atomic count: ten thousand connections of a listener hold one. What an open socket may change for itself
 * (dor_socket_modes) is copied into the socket when it begins.
 */
#ifndef DOR_SSL_SETTINGS_H
#define DOR_SSL_SETTINGS_H

#include "packet/packet.h"
#include "ssl/inet.h"
#include "ssl/key_log.h"
#include "tls/engine.h"
#include <dormouse/handshake.h>
#include <dormouse/psk.h>
#include <dormouse/transport.h>

typedef struct dor_session_keeper dor_session_keeper;
typedef struct dor_session_outside dor_session_outside; /* session_store.h */

enum { DOR_SESSION_PLACE_LEN = 32 };

typedef enum dor_reuse {
    DOR_REUSE_FALSE,
    DOR_REUSE_TRUE,
    DOR_REUSE_SAVE /* a full handshake, whose session is remembered */
} dor_reuse;

/** Option ipv6_v6only. */
typedef enum dor_v6only {
    DOR_V6ONLY_DEFAULT, /* by the address: every one means both families, an IPv6 address itself */
    DOR_V6ONLY_FALSE,
    DOR_V6ONLY_TRUE
} dor_v6only;

typedef struct dor_credentials dor_credentials;

/** What an open socket may change for itself. */
typedef struct dor_socket_modes {
    int active; /* DOR_ACTIVE_ or N */
    dor_packet_mode packet;
    uint32_t packet_size; /* bytes; 0: unlimited (the receive buffer bounds it all the same) */
    uint16_t header_len;  /* option header: bytes at the front of an event to be set apart */
    uint8_t line_delimiter;
} dor_socket_modes;

typedef struct dor_hosts dor_hosts; /* hosts.h */

typedef enum dor_proxy_use {
    DOR_PROXY_DISABLED,
    DOR_PROXY_REQUIRE, /* servers */
    DOR_PROXY_SEND_V1, /* clients */
    DOR_PROXY_SEND_V2
} dor_proxy_use;

typedef struct dor_settings {
    uint32_t ref_count_;
    dor_tls_config *tls;
    dor_credentials *credentials; /* where the identities of tls came from; NULL: there are none */
    char *cacertfile;             /* where tls->trust came from, if from there; owned */
    dor_session_keeper *keeper;   /* servers: what tls->store_ctx points to; owned */
    dor_session_outside *outside; /* servers: or this, where sessions are kept outside; owned */
    dor_session
        *session; /* clients: to resume, or NULL; a dor_ssl_session is a dor_session by its public name */
    dor_key_log *key_log;    /* what tls->key_log_ctx points to; owned; NULL: none */
    bool tickets_manual;     /* clients: tickets are posted to the owner */
    bool tickets_auto;       /* clients: tickets are remembered and used by themselves */
    dor_reuse reuse;         /* clients: of the runtime's memory (client_sessions.h) */
    dor_buffer *early_data;  /* clients: goes out with a ticket that allows it; NULL: nothing */
    bool early_enabled;      /* servers: it is taken, */
    uint32_t max_early_data; /* so many bytes of a connection; */
    uint32_t early_replays;  /* with sealed tickets, of so many in twenty seconds; 0: the default */
    bool has_session_place;
    uint8_t session_place[DOR_SESSION_PLACE_LEN];  /* clients: where in it */
    uint8_t session_target[DOR_SESSION_PLACE_LEN]; /* what the place has of host and port */

    char server_name[256]; /* clients: overrides the host for SNI and verification; empty: the host */
    bool send_server_name;

    const dor_transport_ops *transport; /* a callback module; NULL: TCP */
    void *transport_arg;

    dor_socket_modes modes; /* to begin with */
    bool exit_on_close;     /* false: the peer's close_notify leaves sending possible */

    dor_hosts *hosts; /* servers: by the name that is called; or NULL */
    dor_sni_fn sni;   /* servers: or this; or NULL */
    void *sni_arg;
    dor_psk_lookup_fn psk_lookup; /* servers: keys of identities that tls->psks does not have; or NULL */
    void *psk_lookup_arg;
    bool pause_at_hello;           /* the handshake waits for dor_ssl_handshake_continue */
    uint32_t hibernate_after_ms;   /* DOR_INFINITY: never */
    uint32_t handshake_timeout_ms; /* of server helpers, and the upper bound of any handshake */
    uint32_t linger_ms;            /* a close's flush may take so long */
    uint32_t send_timeout_ms;      /* who waits for a send is told so late at most; DOR_INFINITY: never */
    bool send_timeout_close;       /* and the connection ends then */
    uint32_t send_high, send_low;  /* water marks of the send queue, bytes */
    uint32_t receive_high, receive_low; /* of undelivered plaintext, bytes */

    char ip[114];        /* our own address, IPv6 perhaps with a zone, or unix:PATH (listen); empty: any */
    uint16_t unix_mode;  /* listen at a path: of the file */
    char device[16];     /* the interface to bind to; empty: none (IFNAMSIZ) */
    uint16_t local_port; /* connect: ours; 0: any */
    uint32_t attempt_delay_ms; /* connect: from one address to the next */
    int backlog;
    bool reuseaddr;
    bool reuseport; /* listen: other OS processes may share the port; without it a taken port is an error */
    dor_inet_options inet;    /* what the system is asked for; nodelay unset: it is wished for */
    dor_raw_options *raw;     /* the same without names; owned; NULL: none */
    uint32_t reload_ms;       /* listeners: how often files are looked at; 0: never */
    uint32_t max_connections; /* per listener; 0: no bound */
    uint32_t max_handshakes;  /* per listener; 0: no bound */
    uint32_t acceptors;       /* schedulers that listen; 0: all */
    uint32_t accept_budget;   /* connections that a shard takes in a turn */
    uint32_t accept_rate;     /* connections in a second; 0: no bound */
    uint32_t accept_burst;    /* so many at once, when few came before; 0: accept_rate */
    uint8_t v6only;           /* a dor_v6only */

    dor_proxy_use proxy;
    dor_buffer
        *proxy_trust; /* servers: dor_proxy_prefix items of who is asked for a header; NULL: everybody */
    dor_buffer *proxy_header;  /* clients: of version 2; NULL: LOCAL */
    uint32_t proxy_max_header; /* servers: bytes */

    bool log_alert;
} dor_settings;

/** Defaults for every field, and a default tls config. */
DOR_MUST_USE dor_result dor__settings_new(dor_settings **settings);

/** A deep enough copy to change: the tls config is cloned, counted objects are shared. */
DOR_MUST_USE dor_result dor__settings_clone(const dor_settings *from, dor_settings **to);

/** The same for what has nothing to do with TLS: the tls config is shared, too. */
DOR_MUST_USE dor_result dor__settings_vary(dor_settings *from, dor_settings **to);

/** Takes the certificates and keys out, so that others can take their place. For the maker, before it is shared. */
DOR_MUST_USE dor_result dor__settings_drop_identities(dor_settings *settings);

/** Notes where the authorities came from; path may be NULL. For the maker. */
DOR_MUST_USE dor_result dor__settings_set_cacertfile(dor_settings *settings, const char *path);

dor_settings *dor__settings_ref(dor_settings *settings);
void dor__settings_unref(dor_settings *settings);

#endif
