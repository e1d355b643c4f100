/*
 * options_table.h - the one table of options, and the values that a dor_options holds for its entries.
 *
 * An entry says what kinds of value an option takes, for whom it is, and where the value goes: either straight into a
 * field of dor_settings or dor_tls_config, or through a function of its own (options_apply.c), or, for what only makes
 * sense together (certificate, key, authorities), in options_resolve.c.
 */
#ifndef DOR_API_OPTIONS_TABLE_H
#define DOR_API_OPTIONS_TABLE_H

#include "options_internal.h"

/** Kinds of value; an option may take several. */
enum {
    DOR_VALUE_TEXT = 1 << 0,
    DOR_VALUE_INT = 1 << 1,
    DOR_VALUE_BOOL = 1 << 2,
    DOR_VALUE_LIST = 1 << 3,
    DOR_VALUE_BYTES = 1 << 4,
    DOR_VALUE_SESSION = 1 << 5,
    DOR_VALUE_OBJECT = 1 << 6,  /* of the library, counted: set by a call of its own */
    DOR_VALUE_FUNCTION = 1 << 7 /* the program's, with its argument: likewise */
};

/** Where an option belongs. */
enum {
    DOR_SCOPE_CLIENT = 1 << 0,
    DOR_SCOPE_SERVER = 1 << 1,
    DOR_SCOPE_BOTH = DOR_SCOPE_CLIENT | DOR_SCOPE_SERVER,
    DOR_SCOPE_OPEN = 1 << 2, /* an open connection may change it */
    DOR_SCOPE_PATH = 1 << 3, /* names a file: relative to the JSON file that gives it */
    DOR_SCOPE_ADDS = 1 << 4, /* each set_bytes adds to what is there */
    DOR_SCOPE_VARIES =
        1 << 5, /* with OPEN: stands in the settings, of which that connection gets its own then */
    /* With SERVER: belongs to the listener, or to whoever gets its connections. A host of sni_hosts in a file that said
     * otherwise would be heard by nobody, or would surprise the listener's owner. */
    DOR_SCOPE_LISTENER = 1 << 6
};

typedef enum dor_place { DOR_PLACE_NONE, DOR_PLACE_SETTINGS, DOR_PLACE_TLS } dor_place;

typedef struct dor_value {
    uint8_t kind;   /* one of DOR_VALUE_; 0: not set */
    int64_t number; /* INT, BOOL */
    char **items;   /* TEXT: one; LIST: count of them */
    size_t count;
    dor_bytes bytes; /* BYTES; for several certificates one DER behind the other */
    dor_ssl_session *session;
    void *object; /* OBJECT: a reference, given back by release */
    void (*release)(void *object);
    void (*fn)(void); /* FUNCTION, to be cast back to what its setter took */
    const void *ops;  /* FUNCTION: or a table of them, borrowed */
    void *arg;
} dor_value;

/** Settings in the making. */
typedef struct dor_draft {
    dor_settings *settings; /* NULL: nothing is stored, the value is only checked */
    dor_tls_role role;      /* without settings: unknown, both will do */
    char *why;              /* a sentence on failure, without the option's name */
    size_t why_cap;
} dor_draft;

typedef struct dor_option {
    const char *name;
    const char *about;
    uint8_t kinds;
    uint8_t scope;
    int64_t min, max;  /* INT */
    const char *words; /* TEXT: those it may be, "once|true|false"; NULL: any */
    const char *later; /* TEXT: words that are known but not supported yet */
    dor_place place;
    uint16_t offset, size;
    dor_result (*apply)(const dor_draft *draft, const dor_value *value);
} dor_option;

extern const dor_option dor__options_table[];
extern const size_t dor__options_count;

/** A host whose options are laid over the listener's by the call that listens. */
typedef struct dor_host_spec {
    struct dor_host_spec *next;
    dor_options *options;
    char name[256]; /* plain */
} dor_host_spec;

struct dor_options {
    char *error;          /* DOR_OPTIONS_ERROR_CAP bytes of its own, so that a const dor_options can report */
    dor_host_spec *hosts; /* of sni_hosts, whose value has those that are settled; options_hosts.c */
    dor_value values[];   /* one for each entry of the table */
};

enum { DOR_OPTIONS_ERROR_CAP = 2048, DOR_OPTIONS_LIST_MAX = 256 };

/** The entry of a name, or NULL. */
const dor_option *dor__option_find(const char *name);

/** Says of a name that has no entry why: NOT_SUPPORTED for a known option, else OPTION_UNKNOWN with a suggestion. */
dor_result dor__option_refuse(const dor_options *options, const char *name);

/** "an integer from 0 to 255", "\"once\", true or false": what an option takes. */
char *dor__option_wanted(const dor_option *option, char *text, size_t cap);

static inline const dor_value *dor__option_value(const dor_options *options, const dor_option *option)
{
    return &options->values[option - dor__options_table];
}

/** The value of a name that is in the table, or NULL when it is not set. options may be NULL. */
const dor_value *dor__options_get(const dor_options *options, const char *name);

void dor__value_clear(dor_value *value);

/** dor_options_set_bytes that takes the old value's place where that one would add to it. */
int dor__options_replace_bytes(dor_options *options, const char *name, const void *data, size_t len);

/** Takes the reference to object even on failure. A code. */
int dor__options_set_object(dor_options *options, const char *name, void *object,
                            void (*release)(void *object));

/** fn, or ops, and what it is called with. A code. */
int dor__options_set_function(dor_options *options, const char *name, void (*fn)(void), const void *ops,
                              void *arg);

/* options_hosts.c */

/** Takes host even on failure. A code: OPTION_TYPE for what is no name. The latest of a name counts. */
int dor__options_add_host(dor_options *options, const char *name, dor_options *host);
void dor__options_drop_hosts(dor_options *options);
void dor__options_drop_host(dor_options *options, const char *plain);

/** A server's settings of options where they say something, else of base. What is wrong stands in options' error. */
DOR_MUST_USE dor_result dor__options_resolve_over(const dor_options *options, const dor_options *base,
                                                  dor_settings **settings);

/** Settles the hosts: over options when these are all there is (fresh), else over the listener's settings. */
DOR_MUST_USE dor_result dor__options_settle_hosts(const dor_options *options, bool fresh,
                                                  dor_settings *listener);

/** Checks value against the entry (settings NULL), or stores it. */
dor_result dor__option_apply(const dor_option *option, const dor_draft *draft, const dor_value *value);

/** Fills draft->why and answers code. */
dor_result dor__draft_fail(const dor_draft *draft, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* options_apply.c, for the table. */
dor_result dor__apply_active(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_packet(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_verify(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_versions(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_ciphers(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_groups(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_key_shares(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_signature_algs(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_alpn(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_sni_hosts(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_sni_fun(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_handshake(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_max_fragment_length(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_server_name(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_early_data(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_anti_replay(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_session_tickets(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_hibernate_after(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_transport(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_v6only(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_ip(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_device(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_unix_mode(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_session(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_reuse_sessions(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_session_store(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_session_cache(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_ticket_keys(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_psks(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_psk_lookup(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_certificate_authorities(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_certificate_compression(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_psk_modes(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_raw(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_send_timeout(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_proxy_protocol(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_proxy_trust(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_proxy_header(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_secure_renegotiate(const dor_draft *draft, const dor_value *value);
dor_result dor__apply_nothing(const dor_draft *draft, const dor_value *value);

#endif
