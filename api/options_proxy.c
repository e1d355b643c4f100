/* options_proxy.c - from values to settings: the PROXY protocol's options. */
#include "options_table.h"
#include "ssl/proxied.h"

dor_result dor__apply_proxy_protocol(const dor_draft *draft, const dor_value *value)
{
    const char *word = value->items[0];
    if (!draft->settings) return DOR_SUCCESS;
    dor_proxy_use use = word[0] == 'd'            ? DOR_PROXY_DISABLED
                        : word[0] == 'r'          ? DOR_PROXY_REQUIRE
                        : strcmp(word, "v1") == 0 ? DOR_PROXY_SEND_V1
                                                  : DOR_PROXY_SEND_V2;
    bool server = draft->role == DOR_TLS_SERVER;
    if (use != DOR_PROXY_DISABLED && server != (use == DOR_PROXY_REQUIRE))
        return dor__draft_fail(draft, DOR_E_OPTION_CONFLICT, "\"%s\" is for %s", word,
                               server ? "clients" : "servers");
    draft->settings->proxy = use;
    return DOR_SUCCESS;
}

dor_result dor__apply_proxy_trust(const dor_draft *draft, const dor_value *value)
{
    dor_proxy_prefix list[DOR_PROXY_TRUST_MAX];
    if (value->count > DOR_PROXY_TRUST_MAX)
        return dor__draft_fail(draft, DOR_E_OPTION_TYPE, "the list has more than %d items",
                               (int)DOR_PROXY_TRUST_MAX);
    for (size_t i = 0; i < value->count; i++)
        if (!dor__proxy_prefix(value->items[i], &list[i]))
            return dor__draft_fail(
                draft, DOR_E_OPTION_TYPE,
                "\"%.60s\" is no address such as 192.0.2.1, no prefix such as 2001:db8::/32 with "
                "zeros behind it, and not unix:",
                value->items[i]);
    if (!draft->settings) return DOR_SUCCESS;
    dor_buffer *trust = dor_buffer_new(list, value->count * sizeof list[0]);
    if (!trust) return dor__error(DOR_E_NOMEM);
    dor_buffer_unref(draft->settings->proxy_trust);
    draft->settings->proxy_trust = trust;
    return DOR_SUCCESS;
}

dor_result dor__apply_proxy_header(const dor_draft *draft, const dor_value *value)
{
    if (!draft->settings) return DOR_SUCCESS;
    dor_buffer_unref(draft->settings->proxy_header);
    draft->settings->proxy_header = dor_buffer_ref(value->object);
    return DOR_SUCCESS;
}
