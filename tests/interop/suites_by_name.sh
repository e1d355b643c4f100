#!/usr/bin/env bash
# Suites that are used only by name, against openssl both ways: CCM and CCM_8 of both versions, CBC with and without
# encrypt-then-MAC.
source "$(dirname "$0")/../support/interop.sh"
make_pki

GET='GET / HTTP/1.0\r\n\r\n'
trusting=(-CAfile "$PKI/root.pem" -verify_return_error -verify_hostname localhost -ign_eof -quiet)

get() {
    local what=$1 pattern=$2
    shift 2
    s_client "$GET" "${trusting[@]}" "$@"
    check "$what" has "$WORK/out" '200 OK'
    check "$what" has "$WORK/out" "$pattern"
}

serve() { start_dormouse --service http --cert "$PKI/$1.pem" --key "$PKI/$1.key" "${@:2}"; }

ccm=(ECDHE-ECDSA-AES128-CCM:AES_128_CCM ECDHE-ECDSA-AES256-CCM:AES_256_CCM
    ECDHE-ECDSA-AES128-CCM8:AES_128_CCM_8 ECDHE-ECDSA-AES256-CCM8:AES_256_CCM_8)
cbc=(AES128-SHA:AES_128_CBC_SHA AES256-SHA:AES_256_CBC_SHA AES128-SHA256:AES_128_CBC_SHA256 AES256-SHA384:AES_256_CBC_SHA384)

names=TLS_AES_128_CCM_SHA256,TLS_AES_128_CCM_8_SHA256
for suite in "${ccm[@]}"; do names=$names,${suite%:*}; done
for suite in "${cbc[@]}"; do names=$names,ECDHE-ECDSA-${suite%:*},ECDHE-RSA-${suite%:*}; done

serve p256 --ciphers "$names"
for suite in TLS_AES_128_CCM_SHA256 TLS_AES_128_CCM_8_SHA256; do
    get "TLS 1.3 $suite" "cipher suite +$suite" -tls1_3 -ciphersuites "$suite"
done
for suite in "${ccm[@]}"; do
    get "TLS 1.2 $suite" "WITH_${suite#*:}\b" -tls1_2 -cipher "${suite%:*}:@SECLEVEL=0"
done
stop_server
for kind in ECDSA:p256 RSA:rsa; do
    serve "${kind#*:}" --ciphers "$names"
    for suite in "${cbc[@]}"; do
        name=ECDHE-${kind%:*}-${suite%:*}
        get "$name" "WITH_${suite#*:}\b" -tls1_2 -cipher "$name:@SECLEVEL=0"
        get "$name without encrypt-then-MAC" "WITH_${suite#*:}\b" -tls1_2 -cipher "$name:@SECLEVEL=0" -no_etm
    done
    stop_server
done

# --- our client, openssl's server -----------------------------------------------------------------------------------
fetch() {
    local what=$1 name=$2 version=$3
    connect "$GET" --cacert "$PKI/root.pem" --versions "$version" --ciphers "$name"
    check "$what" equal "$STATUS" 0
    check "$what" has "$WORK/out" 'HTTP/1.0 200'
    check "$what" has "$WORK/err" "$version TLS_.*${4}\b"
}
page() {
    local kind=$1
    shift
    start_openssl -www -cert "$PKI/$kind.leaf" -key "$PKI/$kind.key" -cert_chain "$PKI/int.pem" \
        -cipher 'ALL:@SECLEVEL=0' "$@"
}
page p256 -ciphersuites TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256
for suite in TLS_AES_128_CCM_SHA256 TLS_AES_128_CCM_8_SHA256; do
    fetch "client: $suite" "$suite" tlsv1.3 "${suite#TLS_}"
done
for suite in "${ccm[@]}"; do fetch "client: $suite" "${suite%:*}" tlsv1.2 "WITH_${suite#*:}"; done
stop_server
for kind in ECDSA:p256 RSA:rsa; do
    for etm in '' -no_etm; do
        # shellcheck disable=SC2086 # one word or none
        page "${kind#*:}" $etm
        for suite in "${cbc[@]}"; do
            fetch "client: $kind $suite $etm" "ECDHE-${kind%:*}-${suite%:*}" tlsv1.2 "WITH_${suite#*:}"
        done
        stop_server
    done
done

finish
