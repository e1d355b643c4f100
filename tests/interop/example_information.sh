#!/usr/bin/env bash
# docs/examples/information.c tells of a connection what openssl's server tells; and the command writes a key log.
source "$(dirname "$0")/../support/interop.sh"
make_pki

start_openssl -cert "$PKI/p256.leaf" -key "$PKI/p256.key" -cert_chain "$PKI/int.pem" \
    -keymatexport EXPORTER-Channel-Binding -keymatexportlen 32
"$BUILD/examples/information" 127.0.0.1 "$PORT" EXPORTER-Channel-Binding >"$WORK/out" 2>&1
check "status" equal $? 0
check "the suite" has "$WORK/out" '^suite: TLS_AES_(128|256)_GCM_SHA(256|384), (128|256) bits of aes_(128|256)_gcm, hash sha(256|384)$'
check "JSON" has "$WORK/out" '^\{"role":"client","protocol":"tlsv1.3","cipher_suite":"TLS_.*"client_random":"[0-9a-f]{64}".*\}$'
wait_for 10 grep -q 'Keying material: ' "$LOG"
check "keying material" equal "$(sed -n 's/^EXPORTER-Channel-Binding: //p' "$WORK/out")" \
    "$(sed -n 's/.*Keying material: //p' "$LOG")"
stop_server

start_openssl -www -cert "$PKI/p256.leaf" -key "$PKI/p256.key" -cert_chain "$PKI/int.pem"
connect 'GET / HTTP/1.0\r\n\r\n' --cacert "$PKI/root.pem" --keylog "$WORK/keys"
check "--keylog: status" equal "$STATUS" 0
check "--keylog: lines" equal "$(grep -Ec '^[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]{64,96}$' "$WORK/keys")" 5
check "--keylog: mode" equal "$(stat -c %a "$WORK/keys")" 600
chmod 644 "$WORK/keys"
connect 'GET / HTTP/1.0\r\n\r\n' --cacert "$PKI/root.pem" --keylog "$WORK/keys"
check "--keylog: a file that others read" equal "$STATUS" 1
check "--keylog: says so" has "$WORK/err" 'its mode should be 0600'
SSLKEYLOGFILE=$WORK/more connect 'GET / HTTP/1.0\r\n\r\n' --cacert "$PKI/root.pem"
check "SSLKEYLOGFILE alone is not looked at" equal "$(ls "$WORK/more" 2>/dev/null)" ''
SSLKEYLOGFILE=$WORK/more connect 'GET / HTTP/1.0\r\n\r\n' --cacert "$PKI/root.pem" --keylog -
check "--keylog -" equal "$(grep -c . "$WORK/more")" 5
stop_server

finish
