#!/usr/bin/env bash
# docs/examples/links.c: a guard restarts its worker, and gives up.
source "$(dirname "$0")/../support/interop.sh"

"$BUILD/examples/links" >"$WORK/out" 2>&1
check "the example ends" equal $? 0
sort >"$WORK/expected" <<'END'
thread: 4
thread: 6
thread: 12
guard: the worker has ended with reason 1
guard: the worker has ended with reason 1
guard: the worker has ended with reason 1
thread: the guard has ended: the supervisor's children ended more often than it may restart them
END
sort "$WORK/out" >"$WORK/sorted"
check "each end is told" diff "$WORK/expected" "$WORK/sorted"
finish
