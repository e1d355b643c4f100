/*
 * TLS 1.3's key schedule against the published traces: RFC 8448, sections 3 (simple 1-RTT handshake) and 4 (resumption).
 * The inputs go through the very functions that a handshake uses; messages and values are quoted from the RFC.
 */
#include "support/hex.h"
#include "support/proto_test.h"

#include "tls/handshake.h"
#include "tls/kept.h"
#include "tls/schedule_13.h"

static const char client_hello[] =
    "010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece70000061301130313020100009100"
    "00000b0009"
    "0000067365727665 "
    "72ff01000100000a00140012001d0017001800190100010101020103010400230000003300260024001d002099381de560"
    "e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d0020001e040305030603020308040805"
    "0806040105"
    "01060102010402050206020202002d00020101001c00024001";
static const char server_hello[] = "020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e26"
                                   "92800130100002e00330024001d0020c982887611"
                                   "2095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304";
static const char encrypted_extensions[] =
    "080000240022000a00140012001d00170018001901000101010201030104001c0002400100000000";
static const char certificate[] =
    "0b0001b9000001b50001b0308201ac30820115a003020102020102300d06092a864886f70d01010b0500300e310c300a06035504"
    "0313037273"
    "61301e170d3136303733303031323335395a170d3236303733303031323335395a300e310c300a0603550403130372736130819f"
    "300d06092a"
    "864886f70d010101050003818d0030818902818100b4bb498f8279303d980836399b36c6988c0c68de55e1bdb826d3901a2461ea"
    "fd2de49a91"
    "d015abbc9a95137ace6c1af19eaa6af98c7ced43120998e187a80ee0ccb0524b1b018c3e0b63264d449a6d38e22a5fda43084674"
    "8030530ef0"
    "461c8ca9d9efbfae8ea6d1d03e2bd193eff0ab9a8002c47428a6d35a8d88d79f7f1e3f0203010001a31a301830090603551d1304"
    "023000300b"
    "0603551d0f0404030205a0300d06092a864886f70d01010b05000381810085aad2a0e5b9276b908c65f73a7267170618a54c5f8a"
    "7b337d2df7"
    "a594365417f2eae8f8a58c8f8172f9319cf36b7fd6c55b80f21a03015156726096fd335e5e67f2dbf102702e608ccae6bec1fc63"
    "a42a99be5c"
    "3eb7107c3c54e9b9eb2bd5203b1c3b84e0a8b2f759409ba3eac9d91d402dcc0cc8f8961229ac9187b42b4de10000";
static const char certificate_verify[] = "0f000084080400805a747c5d88fa9bd2e55ab085a61015b7211f824cd484145ab3f"
                                         "f52f1fda8477b0b7abc90db78e2d33a5c141a078653fa6b"
                                         "ef780c5ea248eeaaa785c4f394cab6d30bbe8d4859ee511f602957b15411ac02767"
                                         "1459e46445c9ea58c181e818e95b8c3fb0bf3278409d3be"
                                         "152a3da5043e063dda65cdf5aea20d53dfacd42f74f3";
static const char shared_secret[] = "8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d";

static void set_up(void)
{
    set_up_version(DOR_TLS_1_3);
    client->exporters = true;
    prepare(NULL, NULL);
    dor_tls *t = pair.client.tls;
    cr_assert(dor__ok(dor__version_settle(t, DOR_TLS_1_3)));
    cr_assert(dor__ok(dor__suite_settle(t, dor__suite_find(0x1301))));
}

TestSuite(tls13_vectors, .init = set_up, .fini = tear_down);

static void is(const char *what, const void *value, const char *hex)
{
    uint8_t expected[64];
    size_t len = hex_read(hex, expected, sizeof expected);
    cr_assert(len && memcmp(value, expected, len) == 0, "%s", what);
}

static void said(const char *hex)
{
    uint8_t message[1024];
    size_t len = hex_read(hex, message, sizeof message);
    cr_assert(len);
    cr_assert(dor__ok(dor__transcript_add(&pair.client.tls->hs->transcript, dor__span(message, len))));
}

/* verify_data of one side, over what was said so far. */
static void finished_is(const uint8_t *secret, const char *hex, uint8_t message[36])
{
    uint8_t digest[DOR_HASH_MAX_LEN], mac[DOR_HASH_MAX_LEN];
    static const uint8_t header[4] = {20, 0, 0, 32};
    cr_assert(dor__ok(dor__transcript_digest(&pair.client.tls->hs->transcript, digest)));
    cr_assert(dor__ok(dor__finished_mac(DOR_HASH_SHA256, secret, dor__span(digest, 32), mac)));
    is("verify_data", mac, hex);
    memcpy(message, header, sizeof header);
    memcpy(message + 4, mac, 32);
    cr_assert(dor__ok(dor__transcript_add(&pair.client.tls->hs->transcript, dor__span(message, 36))));
}

static void keys_are(const uint8_t *secret, const char *key, const char *iv)
{
    dor_protection p;
    cr_assert(dor__ok(dor__traffic_keys(pair.client.tls, secret, &p)));
    is("key", p.key, key);
    is("iv", p.iv, iv);
    dor__protection_fini(&p);
}

Test(tls13_vectors, simple_1_rtt)
{
    dor_tls *t = pair.client.tls;
    dor_handshake *hs = t->hs;
    uint8_t finished[36], psk[DOR_SECRET_MAX_LEN];
    said(client_hello);
    said(server_hello);
    cr_assert(dor__ok(dor__schedule_early(t, DOR_SPAN_EMPTY)));
    is("early secret", hs->secret, "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a");
    hs->shared_secret_len = hex_read(shared_secret, hs->shared_secret, sizeof hs->shared_secret);
    cr_assert(dor__ok(dor__schedule_handshake(t)));
    is("handshake secret", hs->secret, "1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac");
    is("c hs", hs->client_secret, "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21");
    is("s hs", hs->server_secret, "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
    keys_are(hs->server_secret, "3fce516009c21727d0f2e4e86ee403bc", "5d313eb2671276ee13000b30");
    keys_are(hs->client_secret, "dbfaa693d1762c5b666af5d950258d01", "5bd3c71b836e0b76bb73265f");

    said(encrypted_extensions);
    said(certificate);
    said(certificate_verify);
    finished_is(hs->server_secret, "9b9b141d906337fbd2cbdce71df4deda4ab42c309572cb7fffee5454b78f0718",
                finished);
    cr_assert(dor__ok(dor__schedule_master(t)));
    is("master secret", hs->secret, "18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919");
    is("c ap", hs->client_app_secret, "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5");
    is("s ap", hs->server_app_secret, "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643");
    keys_are(hs->server_app_secret, "9f02283b6c9c07efc26bb9f2ac92e356", "cf782b88dd83549aadf1e984");
    keys_are(hs->client_app_secret, "17422dda596ed5d9acd890e3c63f5051", "5b78923dee08579033e523d9");

    is("exp master", t->kept->secret, "fe22f881176eda18eb8f44529e6792c50c9a3f89452f68d8ae311b4309d3cf50");

    finished_is(hs->client_secret, "a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61",
                finished);
    cr_assert(dor__ok(dor__schedule_resumption(t)));
    is("res master", t->resumption_secret,
       "7df235f2031d2a051287d02b0241b0bfdaf86cc856231f2d5aba46c434ec196c");
    cr_assert(dor__ok(dor__ticket_psk(t, dor__span("\0\0", 2), psk)));
    is("psk", psk, "4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3");
}

/* Section 4: the hash over the hello cut off before its binders, and the binder. */
Test(tls13_vectors, resumption)
{
    uint8_t psk[32], digest[32], binder[DOR_HASH_MAX_LEN];
    hex_read("4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3", psk, sizeof psk);
    hex_read("63224b2e4573f2d3454ca84b9d009a04f6be9e05711a8396473aefa01e924a14", digest, sizeof digest);
    cr_assert(
        dor__ok(dor__psk_binder(DOR_HASH_SHA256, dor__span(psk, 32), false, dor__span(digest, 32), binder)));
    is("binder", binder, "3add4fb2d8fdf822a0ca3cf7678ef5e88dae990141c5924d57bb6fa31b9e5f9d");
    cr_assert(dor__ok(dor__schedule_early(pair.client.tls, dor__span(psk, 32))));
    is("early secret", pair.client.tls->hs->secret,
       "9b2188e9b2fc6d64d71dc329900e20bb41915000f678aa839cbb797cb7d8332c");
}

/* RFC 8446 section 4.4.1: after a retry the first hello stands in the transcript as its hash alone. */
Test(tls13_vectors, message_hash)
{
    dor_transcript *tr = &pair.client.tls->hs->transcript;
    uint8_t first[DOR_HASH_MAX_LEN], got[DOR_HASH_MAX_LEN], expected[DOR_HASH_MAX_LEN];
    said(client_hello);
    cr_assert(dor__ok(dor__transcript_digest(tr, first)));
    cr_assert(dor__ok(dor__transcript_retry(tr)));
    cr_assert(dor__ok(dor__transcript_digest(tr, got)));
    uint8_t synthetic[36] = {254, 0, 0, 32};
    memcpy(synthetic + 4, first, 32);
    cr_assert(dor__ok(dor__hash_once(DOR_HASH_SHA256, dor__span(synthetic, sizeof synthetic), expected)));
    cr_assert_eq(memcmp(got, expected, 32), 0);
}
