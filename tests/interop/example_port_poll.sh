#!/usr/bin/env bash
# docs/examples/port_poll.c: a port in a poll loop serves two clients at once, and ends; docs/ports.md shows it.
source "$(dirname "$0")/../support/interop.sh"

start_example port_poll
CLIENTS=()
for i in 1 2; do
    mkfifo "$WORK/in$i"
    "$BIN" connect "localhost:$PORT" --insecure <>"$WORK/in$i" >"$WORK/out$i" 2>"$WORK/err$i" &
    CLIENTS+=($!)
    PIDS+=($!)
done
for i in 1 2; do
    printf 'line of %s\n' "$i" >"$WORK/in$i"
done
for i in 1 2; do
    wait_for 10 grep -q "line of $i" "$WORK/out$i"
    check "client $i gets its line" has "$WORK/out$i" "^line of $i\$"
done
kill "${CLIENTS[0]}"
wait "${CLIENTS[0]}" 2>/dev/null
printf 'again\n' >"$WORK/in2"
wait_for 10 grep -q again "$WORK/out2"
check "the other one goes on" has "$WORK/out2" '^again$'
printf '\n' >"$WORK/key"
wait "$SERVER_PID"
check "the example ends" equal $? 0
kill "${CLIENTS[1]}"
wait "${CLIENTS[1]}" 2>/dev/null
finish
