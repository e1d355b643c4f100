#!/usr/bin/env bash
# Compressed certificates (RFC 8879) with openssl, both ways and of both ends. Debian 13's openssl has zlib; Debian 12's, which is
# 3.0, knows nothing of it, and neither Debian's GnuTLS has any way built in.
source "$(dirname "$0")/../support/interop.sh"
source "$(dirname "$0")/../support/interop_peers.sh"
make_pki
openssl s_server -help 2>&1 | grep -q cert_comp || skip "this openssl has no compressed certificates"
openssl list -disabled | grep -q '^ZLIB' && skip "this openssl has no zlib"
trusting=(-CAfile "$PKI/root.pem" -verify_return_error -verify_hostname localhost)

# message NAME: it is among those that openssl has taken (<<<) or sent (>>>), by -msg.
came() { grep -aEq "^<<< TLS 1.3, Handshake .*, $2\$" "$1"; }
went() { grep -aEq "^>>> TLS 1.3, Handshake .*, $2\$" "$1"; }

serve() { # WAYS
    printf '{"service": "echo", "options": {"ip": "127.0.0.1", "certfile": "%s/rsa.pem", "keyfile": "%s/rsa.key",
        "verify": "verify_peer", "cacertfile": "%s/root.pem", "certificate_compression": %s}}\n' "$PKI" "$PKI" "$PKI" "$1" \
        >"$WORK/server.json"
    start_dormouse --config "$WORK/server.json"
}
as_client=(-cert "$PKI/client-rsa.leaf" -key "$PKI/client-rsa.key" -cert_chain "$PKI/int.pem")
for ways in '["zlib"]' '["brotli", "zlib"]'; do
    serve "$ways"
    s_client '' "${trusting[@]}" -msg "${as_client[@]}"
    check "$ways: ours is verified" equal "$STATUS" 0
    check "$ways: ours came compressed" came "$WORK/out" CompressedCertificate
    check "$ways: and theirs" went "$WORK/out" CompressedCertificate
    s_client '' "${trusting[@]}" -msg -no_rx_cert_comp
    check "$ways: for who does not take it, as it is" came "$WORK/out" Certificate
    stop_server
done
serve '["brotli"]'
s_client '' "${trusting[@]}" -msg
check "nothing in common" came "$WORK/out" Certificate
stop_server

# One connection of each server, whose output tells of it.
page() {
    start_openssl -www -msg -cert "$PKI/rsa.leaf" -key "$PKI/rsa.key" -cert_chain "$PKI/int.pem" -cert_comp \
        -Verify 3 -verify_return_error -CAfile "$PKI/root.pem" -naccept 1
}
ours() { # OPTIONS
    printf 'GET / HTTP/1.0\r\n\r\n' >"$WORK/get"
    probe "\"certfile\": \"$PKI/client-rsa.pem\", \"keyfile\": \"$PKI/client-rsa.key\", $1" "$WORK/get" 4
    check "$1: status" equal "$STATUS" 0
    wait_for 10 gone "$SERVER_PID"
}
for ways in '["zlib"]' '["brotli", "zlib"]'; do
    page
    ours "\"certificate_compression\": $ways"
    check "client, $ways: theirs came compressed" went "$LOG" CompressedCertificate
    check "client, $ways: and ours" came "$LOG" CompressedCertificate
done
page
ours '"certificate_compression": ["brotli"]'
check "client: nothing in common" went "$LOG" Certificate
check "client: ours, too" came "$LOG" Certificate
finish
