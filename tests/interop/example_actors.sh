#!/usr/bin/env bash
# docs/examples/actors.c counts, answers, and ends.
source "$(dirname "$0")/../support/interop.sh"

"$BUILD/examples/actors" >"$WORK/out" 2>&1
check "the example ends" equal $? 0
cat >"$WORK/expected" <<'END'
7 words, 35 bytes
the counter ends with reason 0
END
check "it counts, and releases its state" diff "$WORK/expected" "$WORK/out"
finish
