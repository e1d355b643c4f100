#!/usr/bin/env bash
# docs/examples/signer.c: a server whose key only the openssl command has, called by openssl's and GnuTLS's clients, with and
# without a signer that fails; docs/keys.md shows it.
source "$(dirname "$0")/../support/interop.sh"
need openssl
make_pki

start_signer() { # CERTIFICATE KEY
    : >"$WORK/signer.out" # now: the line of the one before must not be taken for this one's
    "$BUILD/examples/signer" "$PKI/$1.pem" "$2" 0 >"$WORK/signer.out" 2>&1 &
    SERVER_PID=$!
    PIDS+=("$SERVER_PID")
    await_port "$WORK/signer.out" '^listening on port ([0-9]+)$'
}

call() { s_client '' -CAfile "$PKI/root.pem" -verify_return_error -servername "$1" "${@:2}" -ign_eof; }

for kind in p256 rsa; do
    start_signer $kind "$PKI/$kind.key"
    for version in tls1_3 tls1_2; do
        call www.example -$version
        check "$kind, $version: openssl's client" has "$WORK/out" '^signed elsewhere$'
        check "$kind, $version: verified" has "$WORK/out" 'Verify return code: 0'
        check "$kind, $version: the signature is counted" has "$WORK/signer.out" '^asked for .*, called www.example$'
    done
    if command -v gnutls-cli >/dev/null; then
        for version in 1.2 1.3; do
            timeout 20 gnutls-cli --x509cafile "$PKI/root.pem" --priority "NORMAL:-VERS-ALL:+VERS-TLS$version" \
                -p "$PORT" localhost </dev/null >"$WORK/out" 2>&1
            check "$kind, gnutls-cli, TLS $version: verified" has "$WORK/out" 'Status: The certificate is trusted'
            check "$kind, gnutls-cli, TLS $version" has "$WORK/out" 'Handshake was completed'
        done
    fi
    call stop.example
    check "$kind: the last one" has "$WORK/out" '^signed elsewhere$'
    wait "$SERVER_PID"
    check "$kind: the example ends" equal $? 0
done

# --- a signer without a key, and one with another's ----------------------------------------------------------------
start_signer p256 "$WORK/nothing"
call www.example
check "no key: the peer hears internal_error" has "$WORK/out" 'alert internal error|alert number 80'
stop_server
openssl ecparam -name prime256v1 -genkey -noout -out "$WORK/other.key" 2>/dev/null
start_signer p256 "$WORK/other.key"
call www.example
check "another key: its signature does not go out" has "$WORK/out" 'alert internal error|alert number 80'
stop_server
finish
