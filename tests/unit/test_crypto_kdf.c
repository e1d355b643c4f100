/* test_crypto_kdf.c - HKDF (RFC 5869), TLS 1.3's key schedule (RFC 8448 section 3), the TLS 1.2 PRF. */
#include "crypto/kdf.h"
#include "support/hex.h"

#include <criterion/criterion.h>

#define OK(expr) cr_assert(dor__ok(expr))

static dor_span hex(const char *text, uint8_t *out, size_t cap)
{
    return dor__span(out, hex_read(text, out, cap));
}

static void equals(const uint8_t *actual, size_t len, const char *text)
{
    uint8_t expected[256];
    cr_assert_eq(hex_read(text, expected, sizeof(expected)), len);
    cr_assert_arr_eq(actual, expected, len);
}

Test(crypto_kdf, rfc_5869_test_case_1)
{
    uint8_t ikm[22], salt[13], info[10], prk[32], okm[42];
    memset(ikm, 0x0b, sizeof(ikm));
    for (size_t i = 0; i < sizeof(salt); i++)
        salt[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof(info); i++)
        info[i] = (uint8_t)(0xf0 + i);
    OK(dor__hkdf_extract(DOR_HASH_SHA256, dor__span(salt, 13), dor__span(ikm, 22), prk));
    equals(prk, 32, "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    OK(dor__hkdf_expand(DOR_HASH_SHA256, dor__span(prk, 32), dor__span(info, 10), okm, 42));
    equals(okm, 42, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
}

Test(crypto_kdf, rfc_5869_test_case_2)
{
    uint8_t ikm[80], salt[80], info[80], prk[32], okm[82];
    for (size_t i = 0; i < 80; i++) {
        ikm[i] = (uint8_t)i;
        salt[i] = (uint8_t)(0x60 + i);
        info[i] = (uint8_t)(0xb0 + i);
    }
    OK(dor__hkdf_extract(DOR_HASH_SHA256, dor__span(salt, 80), dor__span(ikm, 80), prk));
    equals(prk, 32, "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244");
    OK(dor__hkdf_expand(DOR_HASH_SHA256, dor__span(prk, 32), dor__span(info, 80), okm, 82));
    equals(okm, 82,
           "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
           "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
}

Test(crypto_kdf, rfc_5869_test_case_3_without_salt_or_info)
{
    uint8_t ikm[22], prk[32], okm[42];
    memset(ikm, 0x0b, sizeof(ikm));
    OK(dor__hkdf_extract(DOR_HASH_SHA256, DOR_SPAN_EMPTY, dor__span(ikm, 22), prk));
    equals(prk, 32, "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
    OK(dor__hkdf_expand(DOR_HASH_SHA256, dor__span(prk, 32), DOR_SPAN_EMPTY, okm, 42));
    equals(okm, 42, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

Test(crypto_kdf, how_much_may_be_expanded)
{
    static uint8_t okm[255 * 48 + 1], first[40];
    const dor_span prk = dor__span_str("a pseudo-random key of some length");
    OK(dor__hkdf_expand(DOR_HASH_SHA384, prk, DOR_SPAN_EMPTY, okm, 255 * 48));
    OK(dor__hkdf_expand(DOR_HASH_SHA384, prk, DOR_SPAN_EMPTY, first, sizeof(first)));
    cr_assert_arr_eq(okm, first, sizeof(first));
    cr_assert_eq(dor__hkdf_expand(DOR_HASH_SHA384, prk, DOR_SPAN_EMPTY, okm, 255 * 48 + 1).code,
                 DOR_E_BADARG);
    cr_assert_eq(dor__hkdf_expand(DOR_HASH_NONE, prk, DOR_SPAN_EMPTY, okm, 1).code, DOR_E_BADARG);
    OK(dor__hkdf_expand(DOR_HASH_SHA256, prk, DOR_SPAN_EMPTY, NULL, 0));
}

/* The key schedule of RFC 8448 section 3, "Simple 1-RTT Handshake". */
Test(crypto_kdf, rfc_8448_key_schedule)
{
    static const uint8_t no_psk[32];
    uint8_t early[32], derived[32], empty_hash[32], handshake[32], shared[32], hello_hash[32], out[32];
    const dor_span none = dor__span(empty_hash, 32);

    OK(dor__hash_once(DOR_HASH_SHA256, DOR_SPAN_EMPTY, empty_hash));
    OK(dor__hkdf_extract(DOR_HASH_SHA256, DOR_SPAN_EMPTY, dor__span(no_psk, 32), early));
    equals(early, 32, "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a");
    OK(dor__hkdf_extract(DOR_HASH_SHA256, DOR_SPAN_EMPTY, DOR_SPAN_EMPTY, out));
    cr_assert_arr_eq(out, early, 32, "no keying material stands for zeros");
    OK(dor__hkdf_expand_label(DOR_HASH_SHA256, dor__span(early, 32), "derived", none, derived, 32));
    equals(derived, 32, "6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba");

    hex("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d", shared, 32);
    OK(dor__hkdf_extract(DOR_HASH_SHA256, dor__span(derived, 32), dor__span(shared, 32), handshake));
    equals(handshake, 32, "1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac");

    const dor_span hellos =
        hex("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8", hello_hash, 32);
    OK(dor__hkdf_expand_label(DOR_HASH_SHA256, dor__span(handshake, 32), "c hs traffic", hellos, out, 32));
    equals(out, 32, "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21");
    OK(dor__hkdf_expand_label(DOR_HASH_SHA256, dor__span(handshake, 32), "s hs traffic", hellos, out, 32));
    equals(out, 32, "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");

    uint8_t key[16], iv[12], finished[32];
    const dor_span server = dor__span(out, 32);
    OK(dor__hkdf_expand_label(DOR_HASH_SHA256, server, "key", DOR_SPAN_EMPTY, key, 16));
    equals(key, 16, "3fce516009c21727d0f2e4e86ee403bc");
    OK(dor__hkdf_expand_label(DOR_HASH_SHA256, server, "iv", DOR_SPAN_EMPTY, iv, 12));
    equals(iv, 12, "5d313eb2671276ee13000b30");
    OK(dor__hkdf_expand_label(DOR_HASH_SHA256, server, "finished", DOR_SPAN_EMPTY, finished, 32));
    equals(finished, 32, "008d3b66f816ea559f96b537e885c31fc068bf492c652f01f288a1d8cdc19fc8");

    OK(dor__hkdf_expand_label(DOR_HASH_SHA256, dor__span(handshake, 32), "derived", none, derived, 32));
    equals(derived, 32, "43de77e0c77713859a944db9db2590b53190a65b3ee2e4f12dd7a0bb7ce254b4");
    OK(dor__hkdf_extract(DOR_HASH_SHA256, dor__span(derived, 32), DOR_SPAN_EMPTY, out));
    equals(out, 32, "18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919");
}

Test(crypto_kdf, keyed_expand_label_gives_the_same)
{
    static const dor_hash_id ids[] = {DOR_HASH_SHA256, DOR_HASH_SHA384};
    const dor_span secret = dor__span_str("a secret that several things are derived from..");
    const dor_span context = dor__span_str("context");
    for (size_t i = 0; i < 2; i++) {
        dor_hmac h;
        OK(dor__hmac_init(&h, ids[i], secret));
        for (size_t len = 0; len <= 200; len++) {
            uint8_t plain[200], keyed[200];
            OK(dor__hkdf_expand_label(ids[i], secret, "label", context, plain, len));
            OK(dor__hkdf_expand_label_keyed(&h, "label", context, keyed, len));
            cr_assert(memcmp(plain, keyed, len) == 0);
        }
        dor__hmac_fini(&h);
    }
}

Test(crypto_kdf, label_and_context_bounds)
{
    char label[260];
    uint8_t out[32], context[256] = {0};
    const dor_span secret = dor__span_str("secret");
    memset(label, 'l', sizeof(label));
    label[249] = 0; /* with "tls13 " in front 255 */
    OK(dor__hkdf_expand_label(DOR_HASH_SHA256, secret, label, dor__span(context, 255), out, 32));
    label[249] = 'l';
    label[250] = 0;
    cr_assert_eq(dor__hkdf_expand_label(DOR_HASH_SHA256, secret, label, DOR_SPAN_EMPTY, out, 32).code,
                 DOR_E_BADARG);
    cr_assert_eq(dor__hkdf_expand_label(DOR_HASH_SHA256, secret, "l", dor__span(context, 256), out, 32).code,
                 DOR_E_BADARG);
}

typedef struct prf_case {
    dor_hash_id id;
    const char *secret, *seed, *out;
} prf_case;

/* The vectors that the TLS working group's list passed around for RFC 5246's PRF; label "test label". */
static const prf_case prf_cases[] = {
    {DOR_HASH_SHA256, "9bbe436ba940f017b17652849a71db35", "a0ba9f936cda311827a6f796ffd5198c",
     "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af"
     "0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701"
     "87347b66"},
    {DOR_HASH_SHA384, "b80b733d6ceefcdc71566ea48e5567df", "cd665cf6a8447dd6ff8b27555edb7465",
     "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0"
     "e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d918425"
     "9b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e099070"
     "3d73e56f"},
    {DOR_HASH_SHA512, "b0323523c1853599584d88568bbb05eb", "d4640e12e4bcdbfb437f03e6ae418ee5",
     "1261f588c798c5c201ff036e7a9cb5edcd7fe3f94c669a122a4638d7d508b283042df6789875c7147e906d868bc75c45"
     "e20eb40c1cf4a1713b27371f68432592f7dc8ea8ef223e12ea8507841311bf68653d0cfc4056d811f025c45ddfa6e6fe"
     "c702f054b409d6f28dd0a3233e498da41a3e75c5630eedbe22fe254e33a1b0e9f6b9826675bec7d01a845658dc9c3975"
     "45401d40b9f46c7a400ee1b8f81ca0a60d1a397a1028bff5d2ef5066126842fb8da4197632bdb54ff6633f86bbc836e6"
     "40d4d898"},
};

Test(crypto_kdf, tls12_prf)
{
    for (size_t i = 0; i < 3; i++) {
        const prf_case *c = &prf_cases[i];
        uint8_t secret[16], seed[16], expected[200], out[200];
        hex_read(c->secret, secret, 16);
        hex_read(c->seed, seed, 16);
        size_t len = hex_read(c->out, expected, sizeof(expected));
        const dor_span halves[] = {{seed, 10}, {seed + 10, 6}};
        for (size_t n = 0; n <= len; n += n + 7 < len ? 7 : 1) {
            OK(dor__tls12_prf(c->id, dor__span(secret, 16), "test label", halves, 2, out, n));
            cr_assert(memcmp(out, expected, n) == 0);
        }
    }
    uint8_t out[8];
    dor_span many[7] = {{0}};
    cr_assert_eq(dor__tls12_prf(DOR_HASH_SHA256, DOR_SPAN_EMPTY, "l", many, 7, out, 8).code, DOR_E_BADARG);
    cr_assert_eq(dor__tls12_prf(DOR_HASH_NONE, DOR_SPAN_EMPTY, "l", many, 1, out, 8).code, DOR_E_BADARG);
    OK(dor__tls12_prf(DOR_HASH_SHA256, DOR_SPAN_EMPTY, "l", many, 6, out, 8));
}

/* RFC 5869 test case 4, over SHA-1. */
Test(crypto_kdf, rfc_5869_test_case_4)
{
    uint8_t ikm[11], salt[13], info[10], prk[DOR_HASH_MAX_LEN], okm[42];
    memset(ikm, 0x0b, sizeof(ikm));
    for (size_t i = 0; i < sizeof(salt); i++)
        salt[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof(info); i++)
        info[i] = (uint8_t)(0xf0 + i);
    OK(dor__hkdf_extract(DOR_HASH_SHA1, dor__span(salt, 13), dor__span(ikm, 11), prk));
    equals(prk, 20, "9b6c18c432a7bf8f0e71c8eb88f4b30baa2ba243");
    OK(dor__hkdf_expand(DOR_HASH_SHA1, dor__span(prk, 20), dor__span(info, 10), okm, 42));
    equals(okm, 42, "085a01ea1b10f36933068b56efa5ad81a4f14b822f5b091568a9cdd4f155fda2c22e422478d305f3f896");
}

/*
 * NIST's CAVS for TLS 1.2 with SHA-256, count 0: master secret and key block; and, with the same premaster secret, RFC 7627's
 * extended master secret over the digest of "hello", by another implementation.
 */
Test(crypto_kdf, tls12_master_secret_and_key_block)
{
    uint8_t premaster[48], randoms[64], hello[32], out[128], master[48];
    dor_span seed = dor__span(randoms, 64);
    const dor_span secret = hex("f8938ecc9edebc5030c0c6a441e213cd24e6f770a50dda07876f8d55da062bca"
                                "db386b411fd4fe4313a604fce6c17fbc",
                                premaster, 48);
    hex("36c129d01a3200894b9179faac589d9835d58775f9b5ea3587cb8fd0364cae8c"
        "f6c9575ed7ddd73e1f7d16eca115415812a43c2b747daaaae043abfb50053fce",
        randoms, 64);
    OK(dor__tls12_prf(DOR_HASH_SHA256, secret, "master secret", &seed, 1, master, 48));
    equals(
        master, 48,
        "202c88c00f84a17a20027079604787461176455539e705be730890602c289a5001e34eeb3a043e5d52a65e66125188bf");
    hex("ae6c806f8ad4d80784549dff28a4b58fd837681a51d928c3e30ee5ff14f39868"
        "62e1fd91f23f558a605f28478c58cf72637b89784d959df7e946d3f07bd1b616",
        randoms, 64);
    OK(dor__tls12_prf(DOR_HASH_SHA256, dor__span(master, 48), "key expansion", &seed, 1, out, 128));
    equals(out, 128,
           "d06139889fffac1e3a71865f504aa5d0d2a2e89506c6f2279b670c3e1b74f531016a2530c51a3a0f7e1d6590d0f0566b"
           "2f387f8d11fd4f731cdd572d2eae927f6f2f81410b25e6960be68985add6c38445ad9f8c64bf8068bf9a6679485d966f"
           "1ad6f68b43495b10a683755ea2b858d70ccac7ec8b053c6bd41ca299d4e51928");
    OK(dor__hash_once(DOR_HASH_SHA256, dor__span_str("hello"), hello));
    seed = dor__span(hello, 32);
    OK(dor__tls12_prf(DOR_HASH_SHA256, secret, "extended master secret", &seed, 1, out, 48));
    equals(
        out, 48,
        "531585f35d93650824972c8509c7b782e22b4cda06ad520a700505fe0917d30fa74b77ae4972b414df3852da60566dbd");
}
