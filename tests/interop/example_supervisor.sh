#!/usr/bin/env bash
# docs/examples/supervisor.c: a store that fails is started again, and so is what comes after it; docs/supervisors.md shows it.
source "$(dirname "$0")/../support/interop.sh"

"$BUILD/examples/supervisor" >"$WORK/out" 2>&1
check "the example ends" equal $? 0
cat >"$WORK/expected" <<'LINES'
log starts
store starts
cache starts
store stops: failed
cache stops: asked to end by its supervisor
store starts
cache starts
3 run, 1 restart
cache stops: asked to end by its supervisor
cache starts
cache stops: asked to end by its supervisor
store stops: asked to end by its supervisor
log stops: asked to end by its supervisor
LINES
check "everything happens in its order" diff "$WORK/expected" "$WORK/out"
finish
