#!/usr/bin/env bash
# docs/examples/starttls.c: SMTP's STARTTLS between its two sides, and with openssl on either side.
source "$(dirname "$0")/../support/interop.sh"
need openssl
make_pki

serve() {
    rm -f "$WORK/server"
    "$BUILD/examples/starttls" serve >"$WORK/server" 2>"$WORK/server.err" &
    SERVER_PID=$!
    PIDS+=("$SERVER_PID")
    await_port "$WORK/server" '^listening on ([0-9]+)'
}

served() {
    wait "$SERVER_PID"
    check "$1: the server ends well" equal "$?" 0
}

serve
"$BUILD/examples/starttls" mail "$PORT" >"$WORK/out" 2>&1
check "ours with ours" equal $? 0
check "ours with ours: the answer" has "$WORK/out" '^221 bye'
served "ours with ours"

for version in tls1_3 tls1_2; do
    serve
    { sleep 0.5; printf 'NOOP\r\n'; sleep 0.5; printf 'QUIT\r\n'; sleep 0.5; } |
        timeout 20 openssl s_client -starttls smtp -quiet -crlf -connect "127.0.0.1:$PORT" -$version >"$WORK/out" 2>&1
    check "openssl, $version: heard" has "$WORK/out" '^250 heard you under TLS'
    check "openssl, $version: bye" has "$WORK/out" '^221 bye'
    served "openssl, $version"

    start_openssl -rev -cert "$PKI/p256.leaf" -key "$PKI/p256.key" -cert_chain "$PKI/int.pem" -$version
    "$BUILD/examples/starttls" tls "$PORT" >"$WORK/out" 2>&1
    check "openssl's server, $version" equal $? 0
    check "openssl's server, $version: the line reversed" has "$WORK/out" 'TIUQ'
    stop_server
done

# Commands that an attacker slips in behind STARTTLS, in the clear, are not taken for something said under TLS.
serve
exec 5<>"/dev/tcp/127.0.0.1/$PORT"
printf 'EHLO x\r\nSTARTTLS\r\nRSET\r\nMAIL FROM:<mallory@example.org>\r\n' >&5
timeout 10 cat <&5 >"$WORK/out"
exec 5>&-
wait "$SERVER_PID"
check "injected: the handshake fails" equal "$?" 1
check "injected: nothing is answered" has_not "$WORK/out" 'heard you'
finish
