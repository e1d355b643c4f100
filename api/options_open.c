/*
 * options_open.c - the options of sockets that are open: from a dor_options to an order, and from what they have to a
 * dor_options. Any thread, one at a time per dor_options.
 */
#include "options_table.h"

static dor_result refuse(const dor_options *options, const dor_option *option)
{
    return dor__options_fail(options, DOR_E_OPTION_CONFLICT,
                             "option %s cannot be changed on an open connection", option->name);
}

/* Applies all of one sort: those that stand in the settings, or the others. */
static dor_result apply(const dor_options *options, bool varies, dor_settings *settings, bool *any)
{
    char why[256];
    dor_draft draft = {.settings = settings, .why = why, .why_cap = sizeof(why)};
    for (size_t i = 0; i < dor__options_count; i++) {
        const dor_option *option = &dor__options_table[i];
        if (!options->values[i].kind) continue;
        if (!(option->scope & DOR_SCOPE_OPEN)) return refuse(options, option);
        if (((option->scope & DOR_SCOPE_VARIES) != 0) != varies) continue;
        *any = true;
        dor_result result = dor__option_apply(option, &draft, &options->values[i]);
        if (dor__failed(result))
            return dor__options_fail(options, result.code, "option %s: %s", option->name, why);
    }
    return DOR_SUCCESS;
}

static bool any_varies(const dor_options *options)
{
    for (size_t i = 0; i < dor__options_count; i++)
        if (options->values[i].kind && (dor__options_table[i].scope & DOR_SCOPE_VARIES)) return true;
    return false;
}

static dor_result vary(const dor_options *options, dor_settings *present, dor_settings **settings)
{
    bool any;
    if (!any_varies(options)) return DOR_SUCCESS;
    if (!present)
        return dor__options_fail(
            options, DOR_E_WOULD_DEADLOCK,
            "these options need the socket's present ones, which cannot be waited for here");
    dor_result result = dor__settings_vary(present, settings);
    if (dor__failed(result)) return dor__options_fail(options, result.code, "out of memory");
    result = apply(options, true, *settings, &any);
    if (dor__ok(result) && (*settings)->send_low >= (*settings)->send_high)
        result = dor__options_fail(
            options, DOR_E_OPTION_CONFLICT,
            "options low_watermark (%u) and high_watermark (%u): low must be less than high",
            (*settings)->send_low, (*settings)->send_high);
    if (dor__ok(result)) return result;
    dor__settings_unref(*settings);
    *settings = NULL;
    return result;
}

dor_result dor__options_to_command(const dor_options *options, dor_settings *present,
                                   dor_ssl_command *command)
{
    bool any;
    dor_settings scratch = {.modes = command->modes, .inet = dor__inet_none};
    if (!options) return dor__error(DOR_E_BADARG);
    dor_result result = apply(options, false, &scratch, &any);
    if (dor__ok(result)) result = vary(options, present, &command->settings);
    if (dor__failed(result)) {
        dor__raw_unref(scratch.raw);
        return result;
    }
    command->set_active = dor__options_get(options, "active") != NULL;
    command->set_packet = dor__options_get(options, "packet") != NULL;
    command->set_cut = dor__options_get(options, "packet_size") || dor__options_get(options, "header") ||
                       dor__options_get(options, "line_delimiter");
    command->modes = scratch.modes;
    command->inet = scratch.inet;
    command->raw = scratch.raw;
    command->set_inet = scratch.raw || memcmp(&scratch.inet, &dor__inet_none, sizeof(scratch.inet)) != 0;
    return result;
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

dor_result dor__options_from_inet(dor_inet_id id, int32_t value, dor_options *values)
{
    const char *name = dor__inet_name(id);
    bool is_bool = dor__option_find(name)->kinds & DOR_VALUE_BOOL;
    return dor__error(is_bool ? dor_options_set_bool(values, name, value != 0)
                              : dor_options_set_int(values, name, value));
}

dor_result dor__options_from_listener(dor_inet_id id, const dor_settings *settings, dor_options *values)
{
    static const dor_inet_id unset_as_zero[] = {DOR_INET_KEEPALIVE, DOR_INET_SNDBUF, DOR_INET_RECBUF};
    int32_t value = settings->inet.values[id];
    if (value == DOR_INET_UNSET && id == DOR_INET_NODELAY) value = 1;
    for (size_t i = 0; i < sizeof(unset_as_zero) / sizeof(unset_as_zero[0]); i++)
        if (value == DOR_INET_UNSET && id == unset_as_zero[i]) value = 0;
    if (value == DOR_INET_UNSET)
        return dor__options_fail(values, DOR_E_NOT_SUPPORTED,
                                 "option %s was not set: connections have what the system likes",
                                 dor__inet_name(id));
    return dor__options_from_inet(id, value, values);
}
