#!/usr/bin/env bash
# docs/examples/http.c under curl: lines cut by packet mode http, a body received raw, and lines again; docs/packets.md
# names it.
source "$(dirname "$0")/../support/interop.sh"
need curl

mkfifo "$WORK/key"
for PORT in 47481 47482 47483 47484; do
    "$BUILD/examples/http" "$PORT" <>"$WORK/key" >"$WORK/server.out" 2>&1 &
    SERVER_PID=$!
    PIDS+=("$SERVER_PID")
    wait_for 10 line_or_death "$WORK/server.out" '^listening'
    grep -q '^listening' "$WORK/server.out" && break
done
ask() { curl --silent --show-error --insecure --http1.1 --max-time 20 -A test "$@" >>"$WORK/out" 2>&1; }
URL=https://localhost:$PORT
ask "$URL/a?b=c"
check "GET" has "$WORK/out" '^GET /a[?]b=c: 3 headers, 0 bytes of body$'
# One connection: the second request follows the first one's body.
head -c 50000 /dev/urandom >"$WORK/body"
ask -H 'Expect:' --data-binary "@$WORK/body" "$URL/post" --next --insecure -A test "$URL/behind"
check "POST" has "$WORK/out" '^POST /post: 5 headers, 50000 bytes of body$'
check "lines again behind the body" has "$WORK/out" '^GET /behind: 3 headers, 0 bytes of body$'
ask -H "X-Long: $(head -c 9000 /dev/zero | tr '\0' x)" "$URL/long"
check "a line over packet_size is refused" test "$(grep -c long "$WORK/out")" -eq 0
printf '\n' >"$WORK/key"
wait "$SERVER_PID"
check "the example ends" equal $? 0
finish
