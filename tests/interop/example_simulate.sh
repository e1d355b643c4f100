#!/usr/bin/env bash
# docs/examples/simulate.c: a race found by a seed, found again by the same one, and gone when the program is corrected.
source "$(dirname "$0")/../support/interop.sh"

"$BUILD/examples/simulate" >"$WORK/out" 2>&1
check "status" equal $? 0
check "a seed shows the race" has "$WORK/out" '^seed [0-9]{1,4}: a payment is lost$'
check "and again" has "$WORK/out" '^once more: balance 10, and the digests are equal$'
check "it is gone" has "$WORK/out" '^corrected: right with 10000 seeds$'

seed=$(sed -n 's/^seed \([0-9]*\):.*/\1/p' "$WORK/out")
"$BUILD/examples/simulate" "$seed" >"$WORK/again" 2>&1
check "replayed from the command line" equal $? 1
check "the same" has "$WORK/again" '^balance 10$'

finish
