#!/usr/bin/env bash
# Several certificates on one listener, chosen by what the client can verify, in both versions, by openssl's client and by
# GnuTLS's; the files they come in: PEM, DER, PKCS#12, keys under a password.
source "$(dirname "$0")/../support/interop.sh"
make_pki

trusting=(-CAfile "$PKI/root.pem" -verify_return_error -verify_hostname localhost)

# shown WORDS PATTERN ARGUMENTS...: the server shows the certificate whose subject matches.
shown() {
    local what=$1 pattern=$2
    shift 2
    s_client '' "${trusting[@]}" "$@"
    check "$what" has "$WORK/out" "^subject=CN = $pattern\$"
}
refused() {
    local what=$1
    shift
    s_client '' "${trusting[@]}" "$@"
    check "$what" has "$WORK/out" 'alert handshake failure|alert number 40'
}

# serve JSON: a server with these certs_keys.
serve() {
    printf '{"service": "discard", "options": {"ip": "127.0.0.1", "certs_keys": [%s]}}\n' "$1" >"$PKI_CONFIG"
    start_dormouse --config "$PKI_CONFIG"
}
PKI_CONFIG=$WORK/server.json
pair() { printf '{"certfile": "%s/%s.pem", "keyfile": "%s/%s.key"}' "$PKI" "$1" "$PKI" "$1"; }

# --- by the peer's signature schemes ------------------------------------------------------------------------------------
serve "$(pair ed25519),$(pair p256),$(pair rsa)"
for version in tls1_3 tls1_2; do
    shown "$version: the first one, when all fit" ed25519 -$version
    shown "$version: ECDSA alone" p256 -$version -sigalgs ecdsa_secp256r1_sha256
    shown "$version: RSA-PSS, for a chain that it may not verify" rsa -$version -sigalgs rsa_pss_rsae_sha256
    shown "$version: ECDSA or RSA" p256 -$version -sigalgs rsa_pss_rsae_sha256:ecdsa_secp256r1_sha256
    refused "$version: nothing fits" -$version -sigalgs rsa_pss_pss_sha256
done
shown "TLS 1.2: PKCS#1 v1.5" rsa -tls1_2 -sigalgs RSA+SHA256
refused "TLS 1.3: PKCS#1 v1.5 is for certificates" -tls1_3 -sigalgs RSA+SHA256
shown "TLS 1.2: an RSA suite" rsa -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256
shown "TLS 1.2: an ECDSA suite" ed25519 -tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256
shown "TLS 1.2: a curve that binds certificates" rsa -tls1_2 -groups X25519 \
    -sigalgs ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256
stop_server

# --- the order is ours -------------------------------------------------------------------------------------------------------
serve "$(pair rsa),$(pair p384),$(pair p256)"
for version in tls1_3 tls1_2; do
    shown "$version: RSA first" rsa -$version
    shown "$version: P-384" p384 -$version -sigalgs ecdsa_secp384r1_sha384:ecdsa_secp256r1_sha256
done
shown "TLS 1.3: the curve is the scheme's" p256 -tls1_3 -sigalgs ecdsa_secp256r1_sha256

if command -v gnutls-cli >/dev/null; then
    # gnutls WORDS PATTERN PRIORITY
    gnutls() {
        timeout 20 gnutls-cli --x509cafile "$PKI/root.pem" --priority "$3" --port "$PORT" localhost \
            </dev/null >"$WORK/out" 2>&1
        check "GnuTLS: $1" has "$WORK/out" "subject .CN=$2'"
    }
    gnutls "RSA first, TLS 1.3" rsa NORMAL:-VERS-ALL:+VERS-TLS1.3
    gnutls "RSA first, TLS 1.2" rsa NORMAL:-VERS-ALL:+VERS-TLS1.2
    gnutls "ECDSA alone, TLS 1.3" p256 NORMAL:-VERS-ALL:+VERS-TLS1.3:-SIGN-ALL:+SIGN-ECDSA-SECP256R1-SHA256
    gnutls "ECDSA alone, TLS 1.2" p384 \
        NORMAL:-VERS-ALL:+VERS-TLS1.2:-SIGN-ALL:+SIGN-ECDSA-SHA384:+SIGN-ECDSA-SHA256:-KX-ALL:+ECDHE-ECDSA
fi
stop_server

# --- forms --------------------------------------------------------------------------------------------------------------------
(
    cd "$WORK" || exit 1
    openssl pkcs12 -export -in "$PKI/p256.pem" -inkey "$PKI/p256.key" -certfile "$PKI/root.pem" -passout pass:x \
        -out new.p12
    openssl pkcs12 -export -legacy -in "$PKI/rsa.pem" -inkey "$PKI/rsa.key" -passout pass:x -out old.p12
    openssl pkcs8 -topk8 -in "$PKI/p384.key" -passout pass:x -out sealed.key
    openssl pkey -traditional -in "$PKI/p384.key" -aes256 -passout pass:x -out traditional.key
    openssl x509 -in "$PKI/p256.leaf" -outform DER -out leaf.der
    openssl x509 -in "$PKI/int.pem" -outform DER -out int.der
    openssl pkcs8 -topk8 -nocrypt -in "$PKI/p256.key" -outform DER -out key.der
    cat leaf.der int.der >chain.der
) >"$WORK/openssl.log" 2>&1
# form WORDS NAME MEMBERS
form() {
    serve "{$3}"
    shown "$1" "$2" -tls1_3
    stop_server
}
form "PKCS#12 in openssl's present form" p256 '"certfile": "new.p12", "password": "x"'
[ -s "$WORK/old.p12" ] && form "PKCS#12 in its old form" rsa '"certfile": "old.p12", "password": "x"'
form "a chain and a key in DER" p256 '"certfile": "chain.der", "keyfile": "key.der"'
for key in sealed traditional; do
    form "a $key key" p384 "\"certfile\": \"$PKI/p384.pem\", \"keyfile\": \"$key.key\", \"password\": \"x\""
done

finish
