/* The names of cipher suites are those that the installed openssl and gnutls-cli give to the same numbers. */
#include <criterion/criterion.h>

#include <dormouse.h>
#include <stdio.h>
#include <string.h>

static FILE *output_of(const char *command)
{
    FILE *out = popen(command, "r");
    cr_assert_not_null(out);
    return out;
}

/* "0x13,0x02 - TLS_AES_256_GCM_SHA384 - TLS_AES_256_GCM_SHA384 TLSv1.3 Kx=..." */
Test(suite_names, openssl)
{
    char line[512], name[64], openssl_name[64];
    unsigned high, low;
    size_t seen = 0;
    FILE *out = output_of("openssl ciphers -V -stdname 'ALL:COMPLEMENTOFALL:@SECLEVEL=0'");
    while (fgets(line, sizeof line, out)) {
        if (sscanf(line, " 0x%2x,0x%2x - %63s - %63s", &high, &low, name, openssl_name) != 4) continue;
        uint16_t id = (uint16_t)(high << 8 | low);
        cr_assert_not_null(dor_cipher_suite_name(id), "%s", line);
        cr_assert_str_eq(dor_cipher_suite_name(id), name);
        cr_assert_not_null(dor_cipher_suite_openssl_name(id), "%s", line);
        cr_assert_str_eq(dor_cipher_suite_openssl_name(id), openssl_name);
        seen++;
    }
    cr_assert_eq(pclose(out), 0);
    cr_assert_gt(seen, 50);
}

/* "TLS_RSA_AES_128_GCM_SHA256   0x00, 0x9c TLS1.2": names of its own, but the numbers are there, all but a draft's. */
Test(suite_names, gnutls)
{
    char line[512], name[64];
    unsigned high, low;
    size_t seen = 0;
    FILE *out = output_of("gnutls-cli --list 2>/dev/null");
    while (fgets(line, sizeof line, out)) {
        if (sscanf(line, "%63s 0x%2x, 0x%2x", name, &high, &low) != 3 || strncmp(name, "TLS_", 4) != 0)
            continue;
        uint16_t id = (uint16_t)(high << 8 | low);
        if (id == 0x0066) continue; /* DHE_DSS with RC4 never made it into the registry */
        cr_assert_not_null(dor_cipher_suite_name(id), "%s", line);
        seen++;
    }
    (void)pclose(out);
    if (!seen) cr_skip_test("no gnutls-cli");
}
