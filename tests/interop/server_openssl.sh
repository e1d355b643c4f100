#!/usr/bin/env bash
# Our server and openssl's client: versions, suites, groups, kinds of certificate, hello retry, ALPN, client certificates,
# resumption, key updates. What was negotiated is read from the page that --service http answers with.
source "$(dirname "$0")/../support/interop.sh"
make_pki

GET='GET / HTTP/1.0\r\n\r\n'
trusting=(-CAfile "$PKI/root.pem" -verify_return_error -verify_hostname localhost -ign_eof -quiet)

# get WORDS PATTERN ARGUMENTS...: a page comes, and it says so.
get() {
    local what=$1 pattern=$2
    shift 2
    s_client "$GET" "${trusting[@]}" "$@"
    check "$what" has "$WORK/out" '200 OK'
    check "$what" has "$WORK/out" "$pattern"
}

serve() { start_dormouse --service http --cert "$PKI/$1.pem" --key "$PKI/$1.key" "${@:2}"; }

suites13=(TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256)
groups=(x25519:X25519 secp256r1:P-256 secp384r1:P-384)

# --- every suite with every group -----------------------------------------------------------------------------------
serve p256
for suite in "${suites13[@]}"; do
    for group in "${groups[@]}"; do
        get "TLS 1.3 $suite $group" "cipher suite +$suite" -tls1_3 -ciphersuites "$suite" -groups "${group#*:}"
        check "TLS 1.3 $suite $group" has "$WORK/out" "group +${group%:*}"
    done
done
for suite in AES128-GCM-SHA256:AES_128_GCM_SHA256 AES256-GCM-SHA384:AES_256_GCM_SHA384 \
    CHACHA20-POLY1305:CHACHA20_POLY1305_SHA256; do
    for group in x25519:X25519:P-256 secp256r1:P-256; do # the certificate's curve is among them: RFC 8422 section 5.1
        get "TLS 1.2 ECDSA $suite $group" "TLS_ECDHE_ECDSA_WITH_${suite#*:}" -tls1_2 -cipher "ECDHE-ECDSA-${suite%:*}" \
            -groups "${group#*:}"
        check "TLS 1.2 ECDSA $suite $group" has "$WORK/out" "group +${group%%:*}"
    done
done

# --- resumption ---------------------------------------------------------------------------------------------------------
for version in tls1_3 tls1_2; do
    get "$version: a session to resume" 'resumed +no' -$version -sess_out "$WORK/session"
    get "$version: resumed" 'resumed +yes' -$version -sess_in "$WORK/session"
    get "$version: resumed again" 'resumed +yes' -$version -sess_in "$WORK/session"
done

# --- what clients may also ask for ---------------------------------------------------------------------------------------
get "TLS 1.3: padded records" '200 OK' -tls1_3 -record_padding 1000
get "TLS 1.3: post-handshake authentication on offer" '200 OK' -tls1_3 -enable_pha
get "a staple is asked for" '200 OK' -status
get "TLS 1.2: without a session ticket extension" '200 OK' -tls1_2 -no_ticket
get "TLS 1.3: without middlebox compatibility" '200 OK' -tls1_3 -no_middlebox
get "TLS 1.3: any way of resuming" '200 OK' -tls1_3 -allow_no_dhe_kex
s_client "$GET" "${trusting[@]}" -tls1_2 -fallback_scsv
check "a client that fell back" has "$WORK/out" 'inappropriate fallback|alert number 86'

# --- what is refused -----------------------------------------------------------------------------------------------------
s_client "$GET" "${trusting[@]}" -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256
check "no suite fits the certificate" has "$WORK/out" 'alert handshake failure|alert number 40'
s_client "$GET" "${trusting[@]}" -tls1_2 -cipher AES128-SHA@SECLEVEL=0
check "no suite in common" has "$WORK/out" 'alert handshake failure|alert number 40'
s_client "$GET" "${trusting[@]}" -tls1_1 -cipher DEFAULT@SECLEVEL=0
check "TLS 1.1 is refused" has "$WORK/out" 'alert protocol version|alert number 70'
s_client "$GET" "${trusting[@]}" -tls1_3 -groups P-521
check "no group in common" has "$WORK/out" 'alert handshake failure|alert number 40'
check "the log names reasons" has "$LOG" 'handshake_failed .*no cipher suite in common'

# --- key updates, asked for by the peer ------------------------------------------------------------------------------------
(
    sleep 0.3
    printf 'k\n'
    sleep 0.2
    printf 'K\n'
    sleep 0.3
    printf 'GET / HTTP/1.1\r\n\r\n'
    sleep 0.5
    printf 'K\n'
    sleep 0.2
    printf 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n'
    sleep 0.5
) | timeout 20 openssl s_client -connect "127.0.0.1:$PORT" -servername localhost -CAfile "$PKI/root.pem" -tls1_3 \
    >"$WORK/out" 2>&1
check "key updates and two answers" equal "$(grep -c 'HTTP/1.1 200 OK' "$WORK/out")" 2
check "key updates were sent" has "$WORK/out" '^KEYUPDATE'
stop_server
check "the server ends with 0" equal "$STOPPED" 0

# --- kinds of certificate --------------------------------------------------------------------------------------------------
for kind in p384 rsa pss ed25519; do
    serve "$kind"
    get "TLS 1.3 with $kind" 'tlsv1.3' -tls1_3
    get "TLS 1.2 with $kind" 'tlsv1.2' -tls1_2
    [ $kind = p384 ] && get "TLS 1.2 ECDSA secp384r1" 'group +secp384r1' -tls1_2 -groups P-384
    if [ $kind = rsa ]; then
        for suite in AES128-GCM-SHA256 AES256-GCM-SHA384 CHACHA20-POLY1305; do
            for group in "${groups[@]}"; do
                get "TLS 1.2 RSA $suite $group" "group +${group%:*}" -tls1_2 -cipher "ECDHE-RSA-$suite" \
                    -groups "${group#*:}"
            done
        done
    fi
    stop_server
done

# --- hello retry: the client's first share is of a group that the server does not have --------------------------------------
serve p256 --groups secp256r1
get "TLS 1.3 hello retry" 'hello retry +yes' -tls1_3 -groups X25519:P-256
check "the retried group" has "$WORK/out" 'group +secp256r1'
get "TLS 1.3 no retry when the share fits" 'hello retry +no' -tls1_3 -groups P-256
stop_server

# --- ALPN ---------------------------------------------------------------------------------------------------------------------
serve p256 --alpn http/1.1,other
for version in tls1_3 tls1_2; do
    get "$version: ALPN, the server prefers" 'application +http/1.1' -$version -alpn other,http/1.1
    get "$version: ALPN not offered" 'application +none' -$version
    s_client "$GET" "${trusting[@]}" -$version -alpn h2
    check "$version: ALPN, nothing in common" has "$WORK/out" 'alert no application protocol|alert number 120'
done
stop_server

# --- client certificates ---------------------------------------------------------------------------------------------------------
serve p256 --verify peer --cacert "$PKI/root.pem"
for version in tls1_3 tls1_2; do
    get "$version: asked for a certificate, none given" 'client certificate +no' -$version
    for client in client client-rsa; do
        get "$version: $client" 'client certificate +yes' -$version -cert "$PKI/$client.leaf" -key "$PKI/$client.key" \
            -cert_chain "$PKI/int.pem"
    done
    s_client "$GET" "${trusting[@]}" -$version -cert "$PKI/client-foreign.leaf" -key "$PKI/client-foreign.key"
    check "$version: a client of a foreign authority" has "$WORK/out" 'alert unknown ca|alert number 48'
done
stop_server
serve p256 --require-client-cert --cacert "$PKI/root.pem"
s_client "$GET" "${trusting[@]}" -tls1_3
check "TLS 1.3: a certificate is required" has "$WORK/out" 'certificate required|alert number 116'
s_client "$GET" "${trusting[@]}" -tls1_2
check "TLS 1.2: a certificate is required" has "$WORK/out" 'handshake failure|alert number 40'
get "TLS 1.3: the required certificate" 'client certificate +yes' -tls1_3 -cert "$PKI/client.leaf" -key "$PKI/client.key" \
    -cert_chain "$PKI/int.pem"
check "the log says what was missing" has "$LOG" 'no certificate although one is required'
stop_server

# --- versions ---------------------------------------------------------------------------------------------------------------------
serve p256 --versions tlsv1.2
get "only TLS 1.2 is on" 'tlsv1.2'
s_client "$GET" "${trusting[@]}" -tls1_3
check "TLS 1.3 is off" has "$WORK/out" 'alert protocol version|alert number 70'
stop_server
serve p256 --versions tlsv1.3
get "only TLS 1.3 is on" 'tlsv1.3'
s_client "$GET" "${trusting[@]}" -tls1_2
check "TLS 1.2 is off" has "$WORK/out" 'alert protocol version|alert number 70'
stop_server

# --- client certificates and resumption ----------------------------------------------------------------------------------------------
serve p256 --require-client-cert --cacert "$PKI/root.pem"
for version in tls1_3 tls1_2; do
    get "$version: a session with a client certificate" 'resumed +no' -$version -cert "$PKI/client.leaf" \
        -key "$PKI/client.key" -cert_chain "$PKI/int.pem" -sess_out "$WORK/session.$version"
    get "$version: resumed, the certificate is remembered" 'client certificate +yes' -$version \
        -sess_in "$WORK/session.$version"
    check "$version: resumed" has "$WORK/out" 'resumed +yes'
done
stop_server
serve p256
for version in tls1_3 tls1_2; do
    get "$version: another server does not know the session" 'resumed +no' -$version -sess_in "$WORK/session.$version"
done
stop_server

# --- hibernation: a quiet connection wakes for data and for a key update ----------------------------------------------------------------
serve p256 --hibernate-after 50 --service echo
for version in tls1_3 tls1_2; do
    (
        printf 'first\n'
        sleep 0.4
        printf 'second\n'
        sleep 0.3
        [ $version = tls1_3 ] && printf 'K\n'
        sleep 0.3
        printf 'third\n'
        sleep 0.3
    ) | timeout 20 openssl s_client -connect "127.0.0.1:$PORT" -servername localhost -$version >"$WORK/out" 2>&1
    for word in first second third; do
        check "$version: asleep between, $word" has "$WORK/out" "^$word\$"
    done
done
stop_server

# --- early and small pieces: the client's records are split ------------------------------------------------------------------------
serve p256
get "TLS 1.3 with records of 512 bytes" '200 OK' -tls1_3 -split_send_frag 512 -max_send_frag 512
get "TLS 1.2 with records of 512 bytes" '200 OK' -tls1_2 -split_send_frag 512 -max_send_frag 512
stop_server

finish
