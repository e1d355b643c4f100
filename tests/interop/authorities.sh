#!/usr/bin/env bash
# Whom an end trusts, said to the other (certificate_authorities): our server to the clients of openssl and GnuTLS, and theirs to ours,
# which have several certificates and go by it.
source "$(dirname "$0")/../support/interop.sh"
source "$(dirname "$0")/../support/interop_peers.sh"
make_pki
trusting=(-CAfile "$PKI/root.pem" -verify_return_error -verify_hostname localhost)
shows() { [ "$(openssl x509 -noout -subject -nameopt RFC2253 -in "$1" 2>&1)" = "subject=CN=$2" ] || { openssl x509 -noout -subject -in "$1"; return 1; }; }
# leaf FILE: the first certificate that s_client printed.
leaf() { sed -n '/BEGIN CERT/,/END CERT/{p;/END CERT/q}' "$1" >"$WORK/leaf"; }

# --- our server says whom it trusts --------------------------------------------------------------------------------------------
cat "$PKI/root.pem" "$PKI/other-root.pem" >"$WORK/two.pem"
serve() { # MORE
    printf '{"service": "echo", "options": {"ip": "127.0.0.1", "verify": "verify_peer", "cacertfile": "%s/two.pem", %s}}\n' \
        "$WORK" "$1" >"$WORK/server.json"
    start_dormouse --config "$WORK/server.json"
}
own="\"certfile\": \"$PKI/p256.pem\", \"keyfile\": \"$PKI/p256.key\""
serve "$own, \"fail_if_no_peer_cert\": true"
for version in tls1_3 tls1_2; do
    s_client '' "${trusting[@]}" -$version -cert "$PKI/client.leaf" -key "$PKI/client.key" -cert_chain "$PKI/int.pem"
    check "$version: verified" equal "$STATUS" 0
    check "$version: names" has "$WORK/out" '^Acceptable client certificate CA names'
    check "$version: root" has "$WORK/out" '^CN ?= ?root$'
    check "$version: the other root" has "$WORK/out" '^CN ?= ?other-root$'
    command -v gnutls-cli >/dev/null || continue
    # GnuTLS's client shows nothing that is not under one of the names.
    timeout 20 gnutls-cli --x509cafile "$PKI/root.pem" --port "$PORT" --x509certfile "$PKI/client.pem" \
        --x509keyfile "$PKI/client.key" --priority "NORMAL:-VERS-ALL:+VERS-TLS1.${version#tls1_}" localhost </dev/null \
        >"$WORK/out" 2>&1
    check "GnuTLS, $version: the client's certificate is taken" equal $? 0
done
stop_server
serve "$own, \"certificate_authorities\": false"
for version in tls1_3 tls1_2; do
    s_client '' "${trusting[@]}" -$version
    check "$version: no names" has "$WORK/out" '^No client certificate CA names sent'
done
stop_server

# --- our server has several, and goes by what the client says -------------------------------------------------------------------
several="\"certs_keys\": [{\"certfile\": \"$PKI/foreign.pem\", \"keyfile\": \"$PKI/foreign.key\", \"only_for_issuers\": true},
    {\"certfile\": \"$PKI/p256.pem\", \"keyfile\": \"$PKI/p256.key\"}]"
serve "$several"
for version in tls1_3 tls1_2; do
    s_client '' -$version -showcerts
    leaf "$WORK/out"
    check "$version: for everybody" shows "$WORK/leaf" 'p256'
    s_client '' -$version -showcerts -requestCAfile "$PKI/root.pem"
    leaf "$WORK/out"
    check "$version: for who names root" shows "$WORK/leaf" 'p256'
    s_client '' -$version -showcerts -requestCAfile "$PKI/other-root.pem"
    leaf "$WORK/out"
    # openssl's client says it in TLS 1.3 alone, ours in both
    check "$version: for who names the other root" shows "$WORK/leaf" "$([ $version = tls1_3 ] && echo foreign || echo p256)"
    probe "\"versions\": [\"tlsv1.${version#tls1_}\"], \"cacertfile\": \"$PKI/other-root.pem\", \"certificate_authorities\": true"
    check "$version: our client names its own" equal "$STATUS" 0
done
stop_server

# --- our client has several, and goes by what the server says -------------------------------------------------------------------
printf 'GET / HTTP/1.0\r\n\r\n' >"$WORK/get"
both="\"certs_keys\": [{\"certfile\": \"$PKI/client-foreign.pem\", \"keyfile\": \"$PKI/client-foreign.key\"},
    {\"certfile\": \"$PKI/client.pem\", \"keyfile\": \"$PKI/client.key\"}]"
lone="\"certs_keys\": [{\"certfile\": \"$PKI/client-foreign.pem\", \"keyfile\": \"$PKI/client-foreign.key\", \"only_for_issuers\": true}]"
page() { # LEAST ARGUMENTS...
    start_openssl -www -cert "$PKI/p256.leaf" -key "$PKI/p256.key" -cert_chain "$PKI/int.pem" "$@"
}
for version in tlsv1.3 tlsv1.2; do
    page -Verify 3 -verify_return_error -CAfile "$PKI/root.pem"
    probe "\"versions\": [\"$version\"], $both" "$WORK/get" 4
    check "$version: the one under root" equal "$STATUS" 0
    probe "\"versions\": [\"$version\"], $lone" "$WORK/get" 4
    # In TLS 1.3 it is connected before the server has seen its answer, so the alert may come before or while it talks.
    check "$version: rather none: status" equal "$STATUS" 1
    check "$version: rather none" has "$WORK/out" '\(alert (116|40), sent by the peer\)'
    probe "\"versions\": [\"$version\"], \"require_own_cert\": true, $lone" "$WORK/get" 4
    check "$version: none, and that is an end" has "$WORK/out" '^failed sent 40: connect: .*none of our certificates is under'
    stop_server
    page -verify 3 -CAfile "$PKI/root.pem"
    probe "\"versions\": [\"$version\"], $lone" "$WORK/get" 4
    check "$version: none, where that will do" equal "$STATUS" 0
    probe "\"versions\": [\"$version\"], \"require_own_cert\": true, $lone"
    check "$version: and there, too, if it has to" has "$WORK/out" '^failed sent 40:'
    stop_server
    page
    probe "\"versions\": [\"$version\"], \"require_own_cert\": true, $lone" "$WORK/get" 4
    check "$version: nobody asks" equal "$STATUS" 0
    stop_server
done
finish
