#!/usr/bin/env bash
# docs/examples/connections.c: each connection has a child of its own, and one waits for the next; docs/supervisors.md shows it.
source "$(dirname "$0")/../support/interop.sh"

start_example connections
CLIENTS=()
for i in 1 2 3 4 5 6; do # more than children wait at the beginning
    mkfifo "$WORK/in$i"
    "$BIN" connect "localhost:$PORT" --insecure <>"$WORK/in$i" >"$WORK/out$i" 2>"$WORK/err$i" &
    CLIENTS+=($!)
    PIDS+=($!)
    printf 'line of %s\n' "$i" >"$WORK/in$i"
done
for i in 1 2 3 4 5 6; do
    wait_for 10 grep -q "line of $i" "$WORK/out$i"
    check "client $i gets its line" has "$WORK/out$i" "^line of $i\$"
done
kill "${CLIENTS[0]}"
wait "${CLIENTS[0]}" 2>/dev/null
printf 'again\n' >"$WORK/in2"
wait_for 10 grep -q again "$WORK/out2"
check "the others go on" has "$WORK/out2" '^again$'
printf '\n' >"$WORK/key"
wait "$SERVER_PID"
check "the example ends" equal $? 0
check "each connection has a child, and four wait" has "$LOG" '^(9|10) children$'
for i in 1 2 3 4 5; do
    kill "${CLIENTS[i]}" 2>/dev/null
    wait "${CLIENTS[i]}" 2>/dev/null
done
finish
