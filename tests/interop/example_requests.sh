#!/usr/bin/env bash
# docs/examples/requests.c says what docs/actors.md says it does.
source "$(dirname "$0")/../support/interop.sh"

"$BUILD/examples/requests" >"$WORK/out" 2>&1
check "the example ends" equal $? 0
cat >"$WORK/expected" <<'END'
thread: the sum is 4
actor: the sum is 7
actor: no reply, the time allowed has passed
thread: the counter has ended
END
check "each request has its outcome" diff "$WORK/expected" "$WORK/out"
finish
