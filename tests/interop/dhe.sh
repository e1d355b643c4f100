#!/usr/bin/env bash
# TLS 1.2 with DHE, which is used only by name and over the groups of RFC 7919, against openssl and gnutls both ways.
source "$(dirname "$0")/../support/interop.sh"
make_pki

GET='GET / HTTP/1.0\r\n\r\n'
trusting=(-CAfile "$PKI/root.pem" -verify_return_error -verify_hostname localhost -ign_eof -quiet -tls1_2)
suites=(AES128-GCM-SHA256:AES_128_GCM_SHA256 AES256-GCM-SHA384:AES_256_GCM_SHA384
    CHACHA20-POLY1305:CHACHA20_POLY1305_SHA256 AES128-CCM:AES_128_CCM AES256-CCM:AES_256_CCM
    AES128-CCM8:AES_128_CCM_8 AES256-CCM8:AES_256_CCM_8 AES128-SHA:AES_128_CBC_SHA AES256-SHA:AES_256_CBC_SHA
    AES128-SHA256:AES_128_CBC_SHA256 AES256-SHA256:AES_256_CBC_SHA256)
names=
for suite in "${suites[@]}"; do names=$names,DHE-RSA-${suite%:*}; done
names=${names#,}
groups=x25519,ffdhe2048,ffdhe3072

# --- our server -----------------------------------------------------------------------------------------------------
start_dormouse --service http --cert "$PKI/rsa.pem" --key "$PKI/rsa.key" --ciphers "$names" --groups "$groups"
for suite in "${suites[@]}"; do
    s_client "$GET" "${trusting[@]}" -cipher "DHE-RSA-${suite%:*}:@SECLEVEL=0"
    check "${suite%:*}" has "$WORK/out" '200 OK'
    check "${suite%:*}" has "$WORK/out" "TLS_DHE_RSA_WITH_${suite#*:}\b"
done
s_client "$GET" "${trusting[@]}" -cipher 'DHE-RSA-AES128-SHA:@SECLEVEL=0' -no_etm
check "without encrypt-then-MAC" has "$WORK/out" 'TLS_DHE_RSA_WITH_AES_128_CBC_SHA\b'
s_client '' -CAfile "$PKI/root.pem" -tls1_2 -cipher DHE-RSA-AES128-GCM-SHA256
check "which group" has "$WORK/out" 'Server Temp Key: DH, 2048 bits'
if command -v gnutls-cli >/dev/null; then
    for group in FFDHE2048 FFDHE3072; do # it names them, and takes the one that it has named alone
        printf '%b' "$GET" | timeout 20 gnutls-cli --x509cafile "$PKI/root.pem" -p "$PORT" localhost --priority \
            "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA:-GROUP-ALL:+GROUP-$group" >"$WORK/out" 2>&1
        check "gnutls-cli, $group" has "$WORK/out" "DHE-$group"
        check "gnutls-cli, $group" has "$WORK/out" '200 OK'
    done
    printf '%b' "$GET" | timeout 20 gnutls-cli --x509cafile "$PKI/root.pem" -p "$PORT" localhost --priority \
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA:-GROUP-ALL:+GROUP-FFDHE4096" >"$WORK/out" 2>&1
    check "gnutls-cli, none of our groups" has "$WORK/out" 'Insufficient security|insufficient security'
fi
stop_server

# What is not named is not taken: neither the suite nor the group.
start_dormouse --service http --cert "$PKI/rsa.pem" --key "$PKI/rsa.key" --groups "$groups"
s_client "$GET" "${trusting[@]}" -cipher DHE-RSA-AES128-GCM-SHA256
check "off by default" has "$WORK/out" 'handshake failure'
stop_server
start_dormouse --service http --cert "$PKI/rsa.pem" --key "$PKI/rsa.key" --ciphers "$names,ECDHE-RSA-AES128-GCM-SHA256"
s_client "$GET" "${trusting[@]}" -cipher DHE-RSA-AES128-GCM-SHA256
check "no group, no DHE" has "$WORK/out" 'handshake failure'
stop_server

# --- our client -----------------------------------------------------------------------------------------------------
fetch() { # WHAT NAME PATTERN
    connect "$GET" --cacert "$PKI/root.pem" --versions tlsv1.2 --ciphers "$2" --groups "$groups"
    check "$1" equal "$STATUS" 0
    check "$1" has "$WORK/out" 'HTTP/1.[01] 200'
    check "$1" has "$WORK/err" "tlsv1.2 TLS_DHE_RSA_WITH_${3}\b"
}
for group in ffdhe2048 ffdhe3072; do
    openssl genpkey -genparam -algorithm DH -pkeyopt "group:$group" -out "$WORK/dh.pem" 2>/dev/null
    start_openssl -www -cert "$PKI/rsa.leaf" -key "$PKI/rsa.key" -cert_chain "$PKI/int.pem" \
        -cipher 'ALL:@SECLEVEL=0' -dhparam "$WORK/dh.pem"
    for suite in "${suites[@]}"; do
        fetch "client: ${suite%:*}, $group" "DHE-RSA-${suite%:*}" "${suite#*:}"
    done
    stop_server
done

# A prime that is none of RFC 7919's, although a good one: openssl's automatic ones.
start_openssl -www -cert "$PKI/rsa.leaf" -key "$PKI/rsa.key" -cert_chain "$PKI/int.pem" -cipher 'ALL:@SECLEVEL=0'
connect "$GET" --cacert "$PKI/root.pem" --versions tlsv1.2 --ciphers DHE-RSA-AES128-GCM-SHA256 --groups "$groups"
check "client: another prime" has_not "$WORK/out" 'HTTP/1.[01] 200'
check "client: another prime" has "$WORK/err" 'group is none that we take'
stop_server
openssl genpkey -genparam -algorithm DH -pkeyopt group:ffdhe4096 -out "$WORK/dh.pem" 2>/dev/null
start_openssl -www -cert "$PKI/rsa.leaf" -key "$PKI/rsa.key" -cert_chain "$PKI/int.pem" \
    -cipher 'ALL:@SECLEVEL=0' -dhparam "$WORK/dh.pem"
connect "$GET" --cacert "$PKI/root.pem" --versions tlsv1.2 --ciphers DHE-RSA-AES128-GCM-SHA256 --groups "$groups"
check "client: a group that it has not named" has "$WORK/err" 'group is none that we take'
stop_server
if command -v gnutls-serv >/dev/null; then
    for _ in 1 2 3 4 5 6 7 8; do # it cannot be asked for a free port
        PORT=$((20000 + RANDOM % 12000))
        gnutls-serv --http --quiet -p "$PORT" --x509certfile "$PKI/rsa.pem" --x509keyfile "$PKI/rsa.key" --priority \
            'NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA:+AES-128-CCM:+AES-256-CCM:+AES-128-CCM-8:+AES-256-CCM-8:+SHA256' \
            >"$WORK/gnutls.log" 2>&1 &
        SERVER_PID=$!
        PIDS+=("$SERVER_PID")
        wait_for 3 "$BIN" connect "localhost:$PORT" --cacert "$PKI/root.pem" --ciphers DHE-RSA-AES128-GCM-SHA256 \
            --groups "$groups" --versions tlsv1.2 </dev/null >/dev/null 2>&1 && break
        kill "$SERVER_PID" 2>/dev/null
    done
    for suite in "${suites[@]}"; do fetch "gnutls-serv: ${suite%:*}" "DHE-RSA-${suite%:*}" "${suite#*:}"; done
    stop_server KILL
fi

finish
