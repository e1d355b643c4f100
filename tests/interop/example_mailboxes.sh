#!/usr/bin/env bash
# docs/examples/mailboxes.c: everything gets through a narrow mailbox, and to the heir.
source "$(dirname "$0")/../support/interop.sh"

"$BUILD/examples/mailboxes" >"$WORK/out" 2>&1
check "the example ends" equal $? 0
echo 'inherited 100 lines, the last one is "line 99"' >"$WORK/expected"
check "nothing is lost" diff "$WORK/expected" "$WORK/out"
finish
