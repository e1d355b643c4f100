#!/usr/bin/env bash
# TLS 1.2 with static RSA, which is used only by name, against openssl and gnutls both ways: every suite, resumption, a
# certificate of the client's, and a key that may not decipher.
source "$(dirname "$0")/../support/interop.sh"
make_pki

GET='GET / HTTP/1.0\r\n\r\n'
trusting=(-CAfile "$PKI/root.pem" -verify_return_error -verify_hostname localhost -ign_eof -quiet -tls1_2)
suites=(AES128-GCM-SHA256:AES_128_GCM_SHA256 AES256-GCM-SHA384:AES_256_GCM_SHA384 AES128-CCM:AES_128_CCM AES256-CCM:AES_256_CCM
    AES128-CCM8:AES_128_CCM_8 AES256-CCM8:AES_256_CCM_8 AES128-SHA:AES_128_CBC_SHA AES256-SHA:AES_256_CBC_SHA
    AES128-SHA256:AES_128_CBC_SHA256 AES256-SHA256:AES_256_CBC_SHA256)
names=
for suite in "${suites[@]}"; do names=$names,${suite%:*}; done
names=${names#,}

# --- our server -----------------------------------------------------------------------------------------------------
start_dormouse --service http --cert "$PKI/rsa.pem" --key "$PKI/rsa.key" --ciphers "$names"
for suite in "${suites[@]}"; do
    s_client "$GET" "${trusting[@]}" -cipher "${suite%:*}:@SECLEVEL=0"
    check "${suite%:*}" has "$WORK/out" '200 OK'
    check "${suite%:*}" has "$WORK/out" "TLS_RSA_WITH_${suite#*:}\b"
done
s_client "$GET" "${trusting[@]}" -cipher 'AES128-SHA:@SECLEVEL=0' -no_etm
check "without encrypt-then-MAC" has "$WORK/out" 'TLS_RSA_WITH_AES_128_CBC_SHA\b'
s_client '' -CAfile "$PKI/root.pem" -tls1_2 -cipher 'AES128-GCM-SHA256' -sess_out "$WORK/session"
s_client '' -CAfile "$PKI/root.pem" -tls1_2 -cipher 'AES128-GCM-SHA256' -sess_in "$WORK/session"
check "openssl resumes" has "$WORK/out" '^Reused, TLSv1.2, Cipher is AES128-GCM-SHA256'
if command -v gnutls-cli >/dev/null; then
    for cipher in AES-128-GCM AES-256-GCM AES-128-CCM AES-256-CCM AES-128-CCM-8 AES-256-CCM-8 AES-128-CBC AES-256-CBC; do
        printf '%b' "$GET" | timeout 20 gnutls-cli --x509cafile "$PKI/root.pem" -p "$PORT" localhost --priority \
            "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA:-CIPHER-ALL:+$cipher:+AEAD:+SHA1:+SHA256" >"$WORK/out" 2>&1
        check "gnutls-cli, $cipher" has "$WORK/out" "TLS1.2.*\(RSA\).*$cipher"
        check "gnutls-cli, $cipher" has "$WORK/out" '200 OK'
    done
fi
stop_server

# What is not named is not taken.
start_dormouse --service http --cert "$PKI/rsa.pem" --key "$PKI/rsa.key"
s_client "$GET" "${trusting[@]}" -cipher 'AES128-GCM-SHA256'
check "off by default" has "$WORK/out" 'handshake failure'
stop_server

start_dormouse --service http --cert "$PKI/rsa.pem" --key "$PKI/rsa.key" --ciphers "$names" --require-client-cert \
    --cacert "$PKI/root.pem"
s_client "$GET" "${trusting[@]}" -cipher 'AES128-GCM-SHA256' -cert "$PKI/client-rsa.leaf" -key "$PKI/client-rsa.key" \
    -cert_chain "$PKI/int.pem"
check "with the client's certificate" has "$WORK/out" '200 OK'
stop_server

# --- our client -----------------------------------------------------------------------------------------------------
fetch() { # WHAT NAME PATTERN
    connect "$GET" --cacert "$PKI/root.pem" --versions tlsv1.2 --ciphers "$2"
    check "$1" equal "$STATUS" 0
    check "$1" has "$WORK/out" 'HTTP/1.[01] 200'
    check "$1" has "$WORK/err" "tlsv1.2 TLS_RSA_WITH_${3}\b"
}
start_openssl -www -cert "$PKI/rsa.leaf" -key "$PKI/rsa.key" -cert_chain "$PKI/int.pem" -cipher 'ALL:@SECLEVEL=0'
for suite in "${suites[@]}"; do fetch "client: ${suite%:*}" "${suite%:*}" "${suite#*:}"; done
connect '' --cacert "$PKI/root.pem" --versions tlsv1.2 --ciphers AES128-GCM-SHA256 --resume 1
check "client resumes" has "$WORK/err" ', resumed'
connect "$GET" --cacert "$PKI/root.pem" --versions tlsv1.2
check "client: off by default" has "$WORK/err" 'tlsv1.2 TLS_ECDHE_RSA'
stop_server
if command -v gnutls-serv >/dev/null; then
    for _ in 1 2 3 4 5 6 7 8; do # it cannot be asked for a free port
        PORT=$((20000 + RANDOM % 12000))
        gnutls-serv --http --quiet -p "$PORT" --x509certfile "$PKI/rsa.pem" --x509keyfile "$PKI/rsa.key" --priority \
            'NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA:+AES-128-CCM:+AES-256-CCM:+AES-128-CCM-8:+AES-256-CCM-8:+SHA256' \
            >"$WORK/gnutls.log" 2>&1 &
        SERVER_PID=$!
        PIDS+=("$SERVER_PID")
        wait_for 3 "$BIN" connect "localhost:$PORT" --cacert "$PKI/root.pem" --ciphers AES128-GCM-SHA256 --versions tlsv1.2 \
            </dev/null >/dev/null 2>&1 && break
        kill "$SERVER_PID" 2>/dev/null
    done
    for suite in "${suites[@]}"; do fetch "gnutls-serv: ${suite%:*}" "${suite%:*}" "${suite#*:}"; done
    stop_server KILL
fi

finish
