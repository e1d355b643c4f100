#!/usr/bin/env bash
# docs/examples/protocols.c, called by openssl and curl: ALPN decides who answers, in both versions and when a session is
# resumed under another protocol; docs/listeners.md shows it.
source "$(dirname "$0")/../support/interop.sh"
need openssl

start_example protocols
for version in tls1_3 tls1_2; do
    s_client 'a line\nQ\n' -$version -alpn echo
    check "$version, echo: chosen" has "$WORK/out" '^ALPN protocol: echo$'
    s_client '' -$version -alpn echo,http/1.1
    check "$version: the server's preference counts" has "$WORK/out" '^ALPN protocol: http/1.1$'
    s_client '' -$version -ign_eof
    check "$version, nothing asked for: told what there is" has "$WORK/out" '^ask for echo or http/1.1$'
    check "$version, nothing asked for: nothing chosen" has "$WORK/out" '^No ALPN negotiated$'
    s_client '' -$version -alpn h2
    check "$version, nothing in common: alert 120" has "$WORK/out" 'alert number 120'
done
wait_for 10 has "$LOG" '^127.*: no application protocol .alert 120, sent by this side'
check "the server is told of it" has "$LOG" '^127.*: no application protocol .alert 120, sent by this side'

# The session goes on, whatever the protocol: it is negotiated anew (RFC 7301 section 3.1).
(sleep 1 | timeout 20 openssl s_client -connect "127.0.0.1:$PORT" -servername localhost -tls1_2 -alpn echo \
    -sess_out "$WORK/session") >"$WORK/out" 2>&1
s_client '' -tls1_2 -alpn http/1.1 -sess_in "$WORK/session"
check "resumed" has "$WORK/out" '^Reused, TLSv1.2'
check "resumed under another protocol" has "$WORK/out" '^ALPN protocol: http/1.1$'

mkfifo "$WORK/lines"
timeout 20 openssl s_client -quiet -connect "127.0.0.1:$PORT" -alpn echo <>"$WORK/lines" >"$WORK/echo" 2>/dev/null &
CLIENT=$!
PIDS+=("$CLIENT")
printf 'there and back\n' >"$WORK/lines"
wait_for 10 has "$WORK/echo" '^there and back$'
check "echo answers" has "$WORK/echo" '^there and back$'
kill "$CLIENT"
wait "$CLIENT" 2>/dev/null

if command -v curl >/dev/null; then
    curl -sk --http1.1 "https://127.0.0.1:$PORT/" "https://127.0.0.1:$PORT/again" >"$WORK/out" 2>&1
    check "curl ends well" equal $? 0
    check "HTTP answers curl, twice on one connection" equal "$(grep -c '^hello by HTTP$' "$WORK/out")" 2
fi

printf '\n' >"$WORK/key"
wait "$SERVER_PID"
check "the example ends" equal $? 0
finish
