/*
 * fuzz_features.h - what a handshake between two fuzzed ends is about beside the plain one: a byte that stands for it, and the
 * configs' fields that it sets. Both ends get the same, so that without a fuzzer between them they come to be connected.
 */
#ifndef TESTS_SUPPORT_FUZZ_FEATURES_H
#define TESTS_SUPPORT_FUZZ_FEATURES_H

#include "support/proto_pair.h"

enum {
    /* How they come by a secret, and what protects their records: FEATURE_EXCHANGE of the byte. */
    EXCHANGE_PLAIN = 0,
    EXCHANGE_DHE,    /* ffdhe2048; TLS 1.2's with an RSA certificate */
    EXCHANGE_RSA,    /* TLS 1.2: static RSA */
    EXCHANGE_HYBRID, /* X25519MLKEM768 */
    EXCHANGE_PSK,    /* TLS 1.3: an external one */
    EXCHANGE_CBC,    /* TLS 1.2 */
    EXCHANGE_CCM_8,  /* and P-521 */
    EXCHANGE_X448,   /* and ChaCha20 */
    FEATURE_EXCHANGE = 7,

    /** Status, timestamps, compressed certificates, authorities, grease, limits and padding of records, renegotiation. */
    FEATURE_EXTRAS = 1 << 3,
    /** Early data, psk_ke, max_fragment_length in place of record_size_limit; with extras, post-handshake authentication. */
    FEATURE_EARLY = 1 << 4,
    FEATURES = 1 << 5
};

/** Sets the fields of a config that has its identity, trust and version already. */
void fuzz_features_set(dor_tls_config *config, bool is_client, uint8_t features);

#endif
