#!/usr/bin/env bash
# docs/examples/hello.c: a pause at the hello of openssl's client, with its name and its protocols; docs/names-and-keys.md
# shows it.
source "$(dirname "$0")/../support/interop.sh"
need openssl

"$BUILD/examples/hello" 0 >"$WORK/hello.out" 2>&1 &
SERVER_PID=$!
PIDS+=("$SERVER_PID")
await_port "$WORK/hello.out" '^listening on port ([0-9]+)$'

call() { s_client '' -servername "$1" "${@:2}" -ign_eof; }

for version in tls1_3 tls1_2; do
    call www.example -$version -alpn zwei,eins
    check "$version: it goes on" has "$WORK/out" '^this is www.example$'
    check "$version: with a protocol of the second half" has "$WORK/out" '^ALPN protocol: zwei$'
    call other.example -$version
    check "$version: without protocols" has "$WORK/out" '^this is other.example$'
    call no.example -$version
    check "$version: cancelled" has_not "$WORK/out" '^this is'
    check "$version: cancelled, and nothing was chosen" has "$WORK/out" 'Cipher is \(NONE\)'
done
call stop.example -groups P-384:X25519
check "the last one" has "$WORK/out" '^this is stop.example$'
wait "$SERVER_PID"
check "the example ends" equal $? 0
check "it saw the name and the protocols" has "$WORK/hello.out" '^called www.example, protocols 2, version 0304$'
check "and the older version" has "$WORK/hello.out" '^called www.example, protocols 2, version 0303$'
finish
