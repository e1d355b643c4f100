#!/usr/bin/env bash
# Our client and openssl's server: versions, suites, groups, kinds of certificate, hello retry, ALPN, client certificates,
# resumption, key updates, and refusals that say what is wrong.
source "$(dirname "$0")/../support/interop.sh"
make_pki

# The server's page (-www) says what it negotiated; ours says so on standard error.
GET='GET / HTTP/1.0\r\n\r\n'
page() { start_openssl -www -cert "$PKI/$1.leaf" -key "$PKI/$1.key" -cert_chain "$PKI/int.pem" "${@:2}"; }
# echoing: sends each line back reversed (-rev).
reversing() { start_openssl -rev -cert "$PKI/$1.leaf" -key "$PKI/$1.key" -cert_chain "$PKI/int.pem" "${@:2}"; }

# get WORDS PATTERN ARGUMENTS...: a page comes, and standard error matches.
get() {
    local what=$1 pattern=$2
    shift 2
    connect "$GET" --cacert "$PKI/root.pem" "$@"
    check "$what" equal "$STATUS" 0
    check "$what" has "$WORK/out" 'HTTP/1.0 200'
    check "$what" has "$WORK/err" "$pattern"
}

# --- every suite with every group -----------------------------------------------------------------------------------
page p256
for suite in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256; do
    for group in x25519 secp256r1 secp384r1; do
        get "TLS 1.3 $suite $group" "tlsv1.3 $suite $group, " --versions tlsv1.3 --ciphers "$suite" --groups "$group"
    done
done
for suite in AES_128_GCM_SHA256 AES_256_GCM_SHA384 CHACHA20_POLY1305_SHA256; do
    for group in x25519,secp256r1 secp256r1 secp384r1,secp256r1; do
        get "TLS 1.2 ECDSA $suite $group" "tlsv1.2 TLS_ECDHE_ECDSA_WITH_$suite [a-z]+[0-9]+(r1)?, " --versions tlsv1.2 \
            --ciphers "TLS_ECDHE_ECDSA_WITH_$suite" --groups "$group"
    done
done

# --- resumption: the second and the third connection ------------------------------------------------------------------
for version in tlsv1.3 tlsv1.2; do
    get "$version: resumption" ', resumed' --versions $version --resume 2
    check "$version: the first is not resumed" equal "$(grep -c 'not resumed' "$WORK/err")" 1
    check "$version: the other two are" equal "$(grep -c ', resumed' "$WORK/err")" 2
done
connect "$GET" --cacert "$PKI/root.pem" --json --resume 1
check "in JSON" equal "$(grep -o '"resumed":[01]' "$WORK/err" | tr '\n' ' ')" '"resumed":0 "resumed":1 '
stop_server

# --- kinds of certificate ------------------------------------------------------------------------------------------------
for kind in p384 rsa pss ed25519; do
    page "$kind"
    get "TLS 1.3 with $kind" 'tlsv1.3' --versions tlsv1.3
    get "TLS 1.2 with $kind" 'tlsv1.2' --versions tlsv1.2
    if [ $kind = rsa ]; then
        for suite in AES_128_GCM_SHA256 AES_256_GCM_SHA384 CHACHA20_POLY1305_SHA256; do
            for group in x25519 secp256r1 secp384r1; do
                get "TLS 1.2 RSA $suite $group" "TLS_ECDHE_RSA_WITH_$suite $group" --versions tlsv1.2 \
                    --ciphers "TLS_ECDHE_RSA_WITH_$suite" --groups "$group"
            done
        done
    fi
    stop_server
done

# --- hello retry: our first share is of a group that the server does not have ------------------------------------------------
page p256 -groups P-384
get "TLS 1.3 hello retry" 'secp384r1, .*hello retried' --versions tlsv1.3
get "TLS 1.3 hello retry, resuming" ', resumed, hello retried' --versions tlsv1.3 --resume 1
stop_server

# --- what servers may also do ---------------------------------------------------------------------------------------------------
page p256 -record_padding 1000 -max_send_frag 512 -split_send_frag 512
get "TLS 1.3: padded, small records" 'tlsv1.3' --versions tlsv1.3
get "TLS 1.2: small records" 'tlsv1.2' --versions tlsv1.2
stop_server
page p256 -num_tickets 0
get "TLS 1.3: no tickets" ', not resumed' --versions tlsv1.3 --resume 1
check "TLS 1.3: no tickets, and it says so" has "$WORK/err" 'gave no session to resume'
stop_server
page p256 -no_ticket -cipher ECDHE-ECDSA-AES128-GCM-SHA256
get "TLS 1.2: sessions by id" ', resumed' --versions tlsv1.2 --resume 1
get "TLS 1.3: tickets that name a session" ', resumed' --versions tlsv1.3 --resume 1
stop_server

# --- ALPN ------------------------------------------------------------------------------------------------------------------------
reversing p256 -alpn http/1.1,other
for version in tlsv1.3 tlsv1.2; do
    connect 'ab\n' --cacert "$PKI/root.pem" --versions $version --alpn h2,other
    check "$version: ALPN" has "$WORK/err" 'alpn: other'
    check "$version: data" has "$WORK/out" '^ba$'
    connect '' --cacert "$PKI/root.pem" --versions $version --alpn h2
    check "$version: ALPN, nothing in common: status" equal "$STATUS" 3
    check "$version: ALPN, nothing in common" has "$WORK/err" 'no application protocol \(alert 120, sent by the peer\)'
done
connect 'ab\n' --cacert "$PKI/root.pem"
check "no ALPN" has "$WORK/err" 'no alpn'
stop_server

# --- client certificates -----------------------------------------------------------------------------------------------------------
page p256 -Verify 3 -verify_return_error -CAfile "$PKI/root.pem"
for version in tlsv1.3 tlsv1.2; do
    for client in client client-rsa; do
        get "$version: $client" "$version" --versions $version --cert "$PKI/$client.pem" --key "$PKI/$client.key"
    done
    connect "$GET" --cacert "$PKI/root.pem" --versions $version
    check "$version: no certificate: status" equal "$STATUS" 3
    check "$version: no certificate" has "$WORK/err" '(certificate required|handshake failure) \(alert [0-9]+, sent by the peer\)'
    connect "$GET" --cacert "$PKI/root.pem" --versions $version --cert "$PKI/client-foreign.pem" \
        --key "$PKI/client-foreign.key"
    check "$version: a certificate of a foreign authority" has "$WORK/err" 'unknown ca \(alert 48, sent by the peer\)'
done
stop_server

# --- key updates, by the server ------------------------------------------------------------------------------------------------------
start_openssl -cert "$PKI/p256.leaf" -key "$PKI/p256.key" -cert_chain "$PKI/int.pem" -tls1_3
(
    sleep 0.3
    printf 'K\n' >"$SERVER_INPUT"
    sleep 0.2
    printf 'from the server\n' >"$SERVER_INPUT"
    printf 'from the client\n'
    sleep 0.2
    printf 'k\n' >"$SERVER_INPUT"
    sleep 0.2
    printf 'last words\n' >"$SERVER_INPUT"
    printf 'more from the client\n'
    sleep 0.3
) | timeout 20 "$BIN" connect "localhost:$PORT" --cacert "$PKI/root.pem" >"$WORK/out" 2>"$WORK/err"
check "key updates: status" equal "${PIPESTATUS[1]}" 0
check "key updates: to us" has "$WORK/out" '^last words$'
check "key updates: from us" has "$LOG" '^more from the client$'
stop_server

# --- refusals that say which -----------------------------------------------------------------------------------------------------------
refused() { # WORDS PATTERN ARGUMENTS...
    local what=$1 pattern=$2
    shift 2
    for version in tlsv1.3 tlsv1.2; do
        connect "$GET" --versions $version "$@"
        check "$what, $version: status" equal "$STATUS" 3
        check "$what, $version" has "$WORK/err" "$pattern"
        check "$what, $version: nothing came through" equal "$(wc -c <"$WORK/out")" 0
    done
}
page elsewhere
refused "wrong name" 'bad certificate \(alert 42, sent by this side\): the certificate is not for this host name' \
    --cacert "$PKI/root.pem"
get "the right name" 'tlsv1.3' --servername elsewhere.example
connect "$GET" --insecure
check "unverified" equal "$STATUS" 0
stop_server
page expired
refused "expired" 'certificate expired \(alert 45, sent by this side\): a certificate has expired' --cacert "$PKI/root.pem"
stop_server
page foreign
refused "unknown CA" 'unknown ca \(alert 48, sent by this side\): .*unknown CA' --cacert "$PKI/root.pem"
stop_server
start_openssl -www -cert "$PKI/selfsigned.pem" -key "$PKI/selfsigned.key"
refused "self-signed" '\(alert [0-9]+, sent by this side\): .*self-signed' --cacert "$PKI/root.pem"
connect "$GET" --cacert "$PKI/selfsigned.pem"
check "a self-signed certificate that is trusted itself" equal "$STATUS" 0
stop_server

# --- addresses and failures -----------------------------------------------------------------------------------------------------------
page p256
printf '%b' "$GET" | timeout 20 "$BIN" connect "127.0.0.1:$PORT" --cacert "$PKI/root.pem" >"$WORK/out" 2>"$WORK/err"
check "by address" has "$WORK/out" 'HTTP/1.0 200'
stop_server
connect ''
check "nobody listens: status" equal "$STATUS" 1
check "nobody listens" has "$WORK/err" 'cannot connect to localhost:[0-9]+: .*[Cc]onnection refused'
"$BIN" connect nobody.invalid:443 </dev/null >"$WORK/out" 2>"$WORK/err"
check "no such host: status" equal $? 1
check "no such host" has "$WORK/err" 'the host name has no address'
SSL_CERT_FILE=$WORK/none "$BIN" connect "localhost:$PORT" </dev/null >"$WORK/out" 2>"$WORK/err"
check "no trust store" has "$WORK/err" 'cannot read .*/none'

finish
