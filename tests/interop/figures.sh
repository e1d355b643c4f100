#!/usr/bin/env bash
# `dormouse serve` logs figures at SIGUSR1, as often as one likes, also while it drains, and ends no sooner for it.
source "$(dirname "$0")/../support/interop.sh"

need python3

figures() { grep -c "figures" "$LOG"; }
count_is() { [ "$(figures)" -ge "$1" ]; }

# members COUNT: the last line of figures is JSON with what it should have; a time and an event come with --log json.
members() {
    grep figures "$LOG" | tail -n 1 | sed 's/^[^{]*//' | python3 -c '
import json, sys
line = json.load(sys.stdin)
assert line.get("event", "figures") == "figures", line
assert len(line["schedulers"]) == line["runtime"]["schedulers"] == 2, line
assert line["runtime"]["actors"] >= int(sys.argv[1]), line
assert sum(s["spawned"] - s["ended"] for s in line["schedulers"]) >= int(sys.argv[1]), line
assert all(0 < s["busy_ns"] <= line["runtime"]["uptime_ns"] + 10**9 for s in line["schedulers"]), line
assert "actors" not in line and line["names"] == {}, line
' "$1"
}

for form in text json; do
    start_dormouse --schedulers 2 --log "$form"
    kill -USR1 "$SERVER_PID"
    wait_for 10 count_is 1
    check "$form: figures" members 1
    mkfifo "$WORK/hold.$form"
    "$BIN" connect "localhost:$PORT" --insecure <>"$WORK/hold.$form" >"$WORK/out" 2>"$WORK/err" &
    client=$!
    PIDS+=("$client")
    wait_for 10 grep -q connected "$WORK/err"
    kill -USR1 "$SERVER_PID"
    wait_for 10 count_is 2
    check "$form: one connection more" members 2
    kill -TERM "$SERVER_PID"
    wait_for 10 grep -q draining "$LOG"
    kill -USR1 "$SERVER_PID"
    wait_for 10 count_is 3
    check "$form: it is still draining" kill -0 "$SERVER_PID"
    kill "$client"
    wait "$client" 2>/dev/null
    wait "$SERVER_PID"
    check "$form: status" equal $? 0
done

finish
