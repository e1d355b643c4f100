#!/usr/bin/env bash
# docs/examples/transport.c: TLS over a callback module, without a descriptor.
source "$(dirname "$0")/../support/interop.sh"

"$BUILD/examples/transport" >"$WORK/out" 2>&1
check "the example ends" equal $? 0
cat >"$WORK/expected" <<'END'
hello
sent and received: the same
END
check "the echo comes back, and every byte was counted" diff "$WORK/expected" "$WORK/out"
finish
