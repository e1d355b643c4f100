/*
 * Options from JSON of any bytes. Whatever is read can be read back, resolved for both roles and overridden; whatever is not is
 * an error with a sentence. File names are cut out first: the files of this machine are not the fuzzer's business.
 */
#include "options_internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(dor_options *options, dor_tls_role role)
{
    dor_settings *settings = NULL, *again = NULL;
    dor_result result = dor__options_resolve(options, role, &settings);
    if (dor__failed(result)) {
        if (dor_options_error(options)[0] == '\0') abort();
        return;
    }
    if (dor__failed(dor__options_override(settings, options, role, &again))) abort();
    dor__settings_unref(again);
    dor__settings_unref(settings);
}

static void read_back(const dor_options *options)
{
    const char *name;
    char text[4096];
    int64_t number;
    for (size_t i = 0; (name = dor_options_describe(i, NULL)); i++) {
        (void)dor_options_get_text(options, name, text, sizeof(text));
        (void)dor_options_get_int(options, name, &number);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[] = {"certfile", "keyfile", "cacertfile"};
    dor_options *options = NULL;
    dor_ssl_command command = {.modes.active = DOR_ACTIVE_TRUE};
    char error[512] = "";
    if (dor_options_from_json((const char *)data, size, &options, error, sizeof(error)) != DOR_OK) {
        if (options || error[0] == '\0') abort();
        return 0;
    }
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        if (dor_options_unset(options, paths[i]) != DOR_OK) abort();
    read_back(options);
    (void)dor__options_to_command(options, NULL, &command).code;
    dor__raw_unref(command.raw);
    use(options, DOR_TLS_SERVER);
    if (dor_options_set_text(options, "verify", "verify_none") != DOR_OK)
        abort(); /* not the system's store */
    use(options, DOR_TLS_CLIENT);
    dor_options_free(options);
    return 0;
}
