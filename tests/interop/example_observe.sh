#!/usr/bin/env bash
# docs/examples/observe.c says what docs/observing.md says it does.
source "$(dirname "$0")/../support/interop.sh"

"$BUILD/examples/observe" >"$WORK/out" 2>&1
check "status" equal $? 0
check "figures of schedulers" has "$WORK/out" '^scheduler 1: 1 actors, [0-9]+ messages in [0-9]+ turns, busy [0-9]+ % of its life$'
check "the busiest actor" has "$WORK/out" '^the busiest actor is the slowest$'
check "the trace" has "$WORK/out" '^traced: 30 sent, no more received$'
check "JSON" has "$WORK/out" '^\{"runtime":\{"schedulers":2,.*"names":\{"slowest":"[0-9a-f]{16}"\},"actors":\[\{"pid":.*\]\}$'

finish
