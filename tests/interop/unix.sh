#!/usr/bin/env bash
# Unix-domain sockets: our server with curl and openssl s_client, our client with openssl s_server, and the file at the path.
source "$(dirname "$0")/../support/interop.sh"
make_pki
socket=$WORK/s.sock

start_at() { # ADDRESS ARGUMENTS...: our server there
    local address=$1
    shift
    started=$((started + 1))
    LOG=$WORK/server.$started.log
    "${WATCHED[@]}" "$BIN" serve --host "$address" "$@" >"$WORK/out.$started" 2>"$LOG" &
    SERVER_PID=$!
    PIDS+=("$SERVER_PID")
    wait_for 20 line_or_death "$WORK/out.$started" '^listening on unix:'
    check "listening on $address" has "$WORK/out.$started" "^listening on $address\$"
}

hello() { (
    printf 'hello\n'
    sleep 0.5
); }

start_at "unix:$socket" --cert "$PKI/p256.pem" --key "$PKI/p256.key"
check "the file is its owner's alone" equal "$(stat -c '%a %F' "$socket")" '600 socket'
for version in 1_2 1_3; do
    hello | timeout 20 openssl s_client -unix "$socket" -CAfile "$PKI/root.pem" -verify_return_error -quiet -no_ign_eof \
        -tls$version >"$WORK/out" 2>"$WORK/err"
    check "openssl s_client, TLS $version" has "$WORK/out" '^hello$'
done
hello | timeout 20 "$BIN" connect "unix:$socket" --cacert "$PKI/root.pem" --servername localhost >"$WORK/out" 2>"$WORK/err"
check "our client: echo" has "$WORK/out" '^hello$'
check "our client says where" has "$WORK/err" "connected to unix:$socket: "
timeout 20 "$BIN" connect "unix:$socket" --cacert "$PKI/root.pem" </dev/null >"$WORK/out" 2>"$WORK/err"
check "our client without a name: status" equal $? 1
check "our client without a name: why" has "$WORK/err" 'option verify_host: a path is no host name'
timeout 20 "$BIN" serve --host "unix:$socket" >"$WORK/out" 2>"$WORK/err"
check "a second server there: status" equal $? 1
check "a second server there: why" has "$WORK/err" '[Aa]ddress.*in use'
check "and the first goes on" test -S "$socket"
stop_server
check "the file goes with the server" test ! -e "$socket"

start_at "unix:$socket" --cert "$PKI/p256.pem" --key "$PKI/p256.key"
kill -KILL "$SERVER_PID" && wait "$SERVER_PID" 2>/dev/null
check "a server that was killed leaves its file" test -S "$socket"
timeout 20 "$BIN" connect "unix:$socket" --insecure </dev/null >"$WORK/out" 2>"$WORK/err"
check "nobody is there: why" has "$WORK/err" 'refused'
start_at "unix:$socket" --service http --cert "$PKI/p256.pem" --key "$PKI/p256.key"
if command -v curl >/dev/null; then
    curl -s --max-time 20 --unix-socket "$socket" --cacert "$PKI/root.pem" https://localhost/ >"$WORK/out" 2>"$WORK/err"
    check "curl --unix-socket" has "$WORK/out" 'tlsv1.3'
fi
stop_server

start_at "unix:@dormouse-interop-$$" --service http --cert "$PKI/p256.pem" --key "$PKI/p256.key"
if command -v curl >/dev/null; then
    curl -s --max-time 20 --abstract-unix-socket "dormouse-interop-$$" --cacert "$PKI/root.pem" https://localhost/ \
        >"$WORK/out" 2>"$WORK/err"
    check "curl --abstract-unix-socket" has "$WORK/out" 'tlsv1.3'
fi
stop_server

# s_server cannot bind a path that is longer than a service's name may be in getnameinfo: a relative one.
(cd "$WORK" && exec openssl s_server -unix s.sock -cert "$PKI/p256.leaf" -key "$PKI/p256.key" -cert_chain "$PKI/int.pem" -rev -quiet) >"$WORK/rev" 2>&1 &
PIDS+=($!)
wait_for 10 test -S "$socket"
hello | timeout 20 "$BIN" connect "unix:$socket" --cacert "$PKI/root.pem" --servername localhost >"$WORK/out" 2>"$WORK/err"
check "openssl s_server -unix" has "$WORK/out" '^olleh$'

finish
