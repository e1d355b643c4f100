#!/usr/bin/env bash
# docs/examples/processes.c: a writer with a bounded mailbox, and a sender that waits for it.
source "$(dirname "$0")/../support/interop.sh"

"$BUILD/examples/processes" >"$WORK/out" 2>&1
check "the example ends" equal $? 0
cat >"$WORK/expected" <<'END'
1000 lines
the writer: asked to end by its supervisor
END
check "no line is lost, and the writer's end is told" diff "$WORK/expected" "$WORK/out"
finish
