#!/usr/bin/env bash
# docs/examples/sessions.c: resumption by itself, and at another server with the same ticket keys; docs/sessions.md shows it.
source "$(dirname "$0")/../support/interop.sh"

"$BUILD/examples/sessions" >"$WORK/out" 2>"$WORK/err"
check "the example ends" equal $? 0
check "a first visit is a full handshake" has "$WORK/out" '^first visit: full handshake$'
check "a second one is resumed by itself" has "$WORK/out" '^second visit: resumed$'
check "the other server knows the key" has "$WORK/out" '^the other server: resumed$'
check "and has counted it" has "$WORK/out" '^the other server opened 1 ticket$'
finish
