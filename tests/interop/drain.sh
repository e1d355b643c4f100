#!/usr/bin/env bash
# How `dormouse serve` ends: SIGTERM takes no more connections and waits for those that are open, within a deadline; a second
# signal ends at once.
source "$(dirname "$0")/../support/interop.sh"

hold() { # opens a connection that stays; its input is $WORK/hold
    [ -p "$WORK/hold" ] || mkfifo "$WORK/hold"
    rm -f "$WORK/held.out" "$WORK/held.err" # or the last one's lines would be taken for this one's
    "$BIN" connect "localhost:$PORT" --insecure <>"$WORK/hold" >"$WORK/held.out" 2>"$WORK/held.err" &
    HELD=$!
    PIDS+=("$HELD")
    wait_for 10 grep -q connected "$WORK/held.err"
}
seconds_since() { echo $(($(date +%s%N) / 1000000 - $1)); }
now() { echo $(($(date +%s%N) / 1000000)); }
at_most() { [ "$1" -le "$2" ] || { echo "$1 ms is more than $2"; return 1; }; }
at_least() { [ "$1" -ge "$2" ] || { echo "$1 ms is less than $2"; return 1; }; }

# without connections: at once
start_dormouse
begin=$(now)
stop_server
check "nothing open: status" equal "$STOPPED" 0
check "nothing open: at once" at_most "$(seconds_since "$begin")" 1500

# SIGINT does the same
start_dormouse
stop_server INT
check "SIGINT: status" equal "$STOPPED" 0

# an open connection goes on, new ones are refused, and the server ends with the last one
start_dormouse --drain-timeout 20
hold
kill -TERM "$SERVER_PID"
wait_for 5 grep -q draining "$LOG"
sleep 0.3
connect '' --insecure
check "no new connections" equal "$STATUS" 1
printf 'still here\n' >"$WORK/hold"
wait_for 5 grep -q 'still here' "$WORK/held.out"
check "the open one goes on" has "$WORK/held.out" '^still here$'
check "the server waits" kill -0 "$SERVER_PID"
kill "$HELD"
wait "$HELD" 2>/dev/null
begin=$(now)
wait "$SERVER_PID"
check "the last one has gone: status" equal $? 0
check "the last one has gone: soon" at_most "$(seconds_since "$begin")" 3000

# the deadline: the connection is closed in good order
start_dormouse --drain-timeout 1
hold
begin=$(now)
stop_server
elapsed=$(seconds_since "$begin")
check "deadline: status" equal "$STOPPED" 0
check "deadline: not before" at_least "$elapsed" 900
check "deadline: soon after" at_most "$elapsed" 5000
wait "$HELD"
check "the client saw close_notify" equal $? 0

# a second signal
start_dormouse --drain-timeout 30
hold
begin=$(now)
kill -TERM "$SERVER_PID"
wait_for 5 grep -q draining "$LOG"
kill -TERM "$SERVER_PID"
wait "$SERVER_PID"
check "a second signal: status" equal $? 143
check "a second signal: at once" at_most "$(seconds_since "$begin")" 3000
kill "$HELD" 2>/dev/null
wait "$HELD" 2>/dev/null

finish
