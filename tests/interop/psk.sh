#!/usr/bin/env bash
# External pre-shared keys: our server and client with openssl's and gnutls's, both modes, both hashes, wrong keys and unknown
# identities, and with each other.
source "$(dirname "$0")/../support/interop.sh"
make_pki
need gnutls-cli gnutls-serv

KEY=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
WRONG=ff$KEY
GET='GET / HTTP/1.0\r\n\r\n'
printf 'another:%s\nsensor-7:%s\n' "ee$KEY" "$KEY" >"$WORK/server.psk"
printf '# ours\nsensor-7:%s\n' "$KEY" >"$WORK/client.psk"
printf 'sensor-7:%s\n' "$WRONG" >"$WORK/wrong.psk"
printf 'nobody:%s\n' "$KEY" >"$WORK/nobody.psk"
printf 'sensor-7:%s:sha384\n' "$KEY" >"$WORK/384.psk"

# --- our server without a certificate ---------------------------------------------------------------------------------
start_dormouse --service http --psk-file "$WORK/server.psk" --psk-modes psk_dhe_ke,psk_ke
s_client "$GET" -tls1_3 -psk_identity sensor-7 -psk "$KEY" -ign_eof
check "openssl's client: a page" has "$WORK/out" '200 OK'
check "openssl's client: no certificate" has "$WORK/out" 'no peer certificate available'
s_client "$GET" -tls1_3 -psk_identity sensor-7 -psk "$KEY" -allow_no_dhe_kex -ign_eof
check "openssl's client without a key exchange" has "$WORK/out" '200 OK'
for who in "sensor-7 $WRONG" "nobody $KEY"; do
    s_client "$GET" -tls1_3 -psk_identity "${who% *}" -psk "${who#* }" -ign_eof
    check "openssl's client as ${who% *}: refused" has "$WORK/out" 'decrypt error'
done
for mode in DHE-PSK ECDHE-PSK; do
    printf '%b' "$GET" | timeout 20 gnutls-cli --pskusername sensor-7 --pskkey "$KEY" --port "$PORT" \
        --priority "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+$mode" localhost >"$WORK/out" 2>&1
    check "gnutls's client, $mode" has "$WORK/out" '200 OK'
done
connect "$GET" --psk-file "$WORK/client.psk"
check "our client: a page" has "$WORK/out" '200 OK'
check "our client: by whom" has "$WORK/err" 'by pre-shared key: sensor-7'
connect "$GET" --psk-file "$WORK/client.psk" --psk-modes psk_ke
check "our client without a key exchange" has "$WORK/err" 'TLS_AES_128_GCM_SHA256, not resumed'
connect "$GET" --psk-file "$WORK/wrong.psk"
check "our client with a wrong key" equal "$STATUS" 3
connect "$GET" --psk-file "$WORK/nobody.psk"
check "our client with another name" equal "$STATUS" 3
connect "$GET" --insecure
check "our client without a key" equal "$STATUS" 3
stop_server

# --- beside a certificate -----------------------------------------------------------------------------------------------
start_dormouse --service http --psk-file "$WORK/server.psk" --cert "$PKI/p256.pem" --key "$PKI/p256.key"
connect "$GET" --psk-file "$WORK/client.psk"
check "beside a certificate, by key" has "$WORK/err" 'by pre-shared key'
connect "$GET" --cacert "$PKI/root.pem"
check "beside a certificate, by certificate" has "$WORK/err" 'signed with'
connect "$GET" --psk-file "$WORK/nobody.psk" --cacert "$PKI/root.pem"
check "a client insists on its key" has "$WORK/err" 'takes none of our pre-shared keys'
stop_server

# --- openssl's server ---------------------------------------------------------------------------------------------------
start_openssl -www -tls1_3 -nocert -psk_identity sensor-7 -psk "$KEY"
connect "$GET" --psk-file "$WORK/client.psk"
check "openssl's server: a page" has "$WORK/out" 'HTTP/1.0 200'
connect "$GET" --psk-file "$WORK/wrong.psk"
check "openssl's server, wrong key" equal "$STATUS" 3
stop_server
start_openssl -www -tls1_3 -nocert -psk_identity sensor-7 -psk "$KEY" -groups P-384
connect "$GET" --psk-file "$WORK/client.psk"
check "openssl's server, after a retry" has "$WORK/err" 'hello retried'
stop_server
start_openssl -www -tls1_3 -nocert -psk_identity sensor-7 -psk "$KEY" -allow_no_dhe_kex
connect "$GET" --psk-file "$WORK/client.psk" --psk-modes psk_ke
check "openssl's server without a key exchange" has "$WORK/out" 'HTTP/1.0 200'
stop_server

# --- gnutls's server ----------------------------------------------------------------------------------------------------
for PORT in $(some_ports); do
    gnutls-serv --http --port "$PORT" --pskpasswd "$WORK/gnutls.psk" \
        --priority "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK:+DHE-PSK" >"$WORK/gnutls.log" 2>&1 </dev/null &
    SERVER_PID=$!
    PIDS+=("$SERVER_PID")
    printf 'sensor-7:%s\n' "$KEY" >"$WORK/gnutls.psk"
    wait_for 10 line_or_death "$WORK/gnutls.log" 'listening on'
    grep -q 'listening on' "$WORK/gnutls.log" && break
done
connect "$GET" --psk-file "$WORK/client.psk"
check "gnutls's server: a page" has "$WORK/out" '200 OK'
stop_server

# --- what is wrong is said ----------------------------------------------------------------------------------------------
printf '\nshort:0011\n' >"$WORK/short.psk"
connect "$GET" --psk-file "$WORK/short.psk"
check "a short key" has "$WORK/err" 'line 2: wanted identity:key, the key 16 to 128 bytes'
connect "$GET" --psk-file "$WORK/384.psk" --ciphers TLS_AES_128_GCM_SHA256
check "a key whose hash has no suite is not offered" equal "$STATUS" 1
finish
