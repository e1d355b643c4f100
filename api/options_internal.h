/*
 * options_internal.h - what stands behind dor_options: a value for each entry of one table, and the way from there to
 * settings.
 *
 * The table (options_table.c) is the only place that knows which options there are. The setters and the JSON reader
 * check through it, dor__options_resolve applies through it, and the documentation is tested against it.
 *
 * Threads: one at a time per dor_options.
 */
#ifndef DOR_API_OPTIONS_INTERNAL_H
#define DOR_API_OPTIONS_INTERNAL_H

#include "base/bytes.h"
#include "ssl/settings.h"
#include "ssl/socket.h"
#include <dormouse/options.h>

/* ---- for the calls that take options (ssl.c) ---------------------------------------------------------------------- */

/**
 * Frozen settings of options (NULL: none given) for a client or a server. Reads the files. NO_OPTIONS for a server
 * without a certificate. What went wrong stands in dor_options_error(options).
 */
DOR_MUST_USE dor_result dor__options_resolve(const dor_options *options, dor_tls_role role,
                                             dor_settings **settings);

/** The same for dor_ssl_serve, whose spec may name protocols (listener.c). */
DOR_MUST_USE dor_result dor__options_resolve_serve(const dor_options *options, const dor_server_spec *spec,
                                                   dor_settings **settings);

/** The same, starting from a copy of base instead of the defaults. options may be NULL. */
DOR_MUST_USE dor_result dor__options_override(const dor_settings *base, const dor_options *options,
                                              dor_tls_role role, dor_settings **settings);

/** A server's memory of sessions as options (NULL: none given) want it. */
DOR_MUST_USE dor_result dor__options_keeper(const dor_options *options, dor_session_keeper **keeper);

/** For dor_tls_config.reuse: fn is a dor_reuse_session_fn. */
bool dor__session_ask_policy(void (*fn)(void), void *arg, const dor_session *session, dor_span id);

/**
 * dor_ssl_setopts on an open connection: the order that does what options say. command->modes comes in with the present
 * values; present are the socket's settings, or NULL when they are not known, and then what needs them is WOULD_DEADLOCK. The
 * order's settings and raw are references of the caller's. An option that an open connection cannot change is
 * OPTION_CONFLICT; with any failure nothing is written but, to dor_options_error, why.
 */
DOR_MUST_USE dor_result dor__options_to_command(const dor_options *options, dor_settings *present,
                                                dor_ssl_command *command);

/** dor_ssl_getopts for an option that the system keeps: the value that it has on a connection, or that a listener gives. */
DOR_MUST_USE dor_result dor__options_from_inet(dor_inet_id id, int32_t value, dor_options *values);
DOR_MUST_USE dor_result dor__options_from_listener(dor_inet_id id, const dor_settings *settings,
                                                   dor_options *values);

/**
 * dor_ssl_getopts: sets the option `name` in values to its present value. modes may be NULL (a listener), then those of
 * settings count. NOT_SUPPORTED for options that cannot be read back (certificates, keys, lists).
 */
DOR_MUST_USE dor_result dor__options_from_settings(const dor_settings *settings,
                                                   const dor_socket_modes *modes, const char *name,
                                                   dor_options *values);

/** Records a sentence for dor_options_error and answers code. */
dor_result dor__options_fail(const dor_options *options, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
