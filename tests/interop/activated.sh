#!/usr/bin/env bash
# Socket activation: the command on descriptors that it has inherited, TCP and Unix, chosen by name, and what it says of others.
source "$(dirname "$0")/../support/interop.sh"
make_pki
need python3
socket=$WORK/s.sock
identity=(--cert "$PKI/p256.pem" --key "$PKI/p256.key")
activate=("$SOURCE/tests/support/activate.py")

# start_activated SOCKETS -- ARGUMENTS...: SOCKETS as activate.py takes them. $LOG, $OUT; $PORTS has a line for each.
start_activated() {
    local sockets=()
    while [ "$1" != -- ]; do sockets+=("$1") && shift; done
    shift
    started=$((started + 1))
    LOG=$WORK/server.$started.log OUT=$WORK/server.$started.out PORTS=$WORK/ports.$started
    PORTS=$PORTS "${activate[@]}" "${sockets[@]}" -- "$BIN" serve "$@" >"$OUT" 2>"$LOG" </dev/null &
    SERVER_PID=$!
    PIDS+=("$SERVER_PID")
    wait_for 20 line_or_death "$OUT" '^listening on '
    PORT=$(head -n 1 "$PORTS")
}

# Input that ends when its echo is there: at its end the client closes.
hello() {
    printf 'hello\n'
    wait_for 15 grep -q '^hello$' "$WORK/out"
}

# echoed WORDS ARGUMENTS...: openssl s_client, through whatever, gets its line back
echoed() {
    local what=$1
    shift
    : >"$WORK/out"
    hello | timeout 20 openssl s_client "$@" -CAfile "$PKI/root.pem" -verify_return_error -quiet -no_ign_eof \
        >"$WORK/out" 2>"$WORK/err"
    check "$what" has "$WORK/out" '^hello$'
}

refused() { # PATTERN SOCKETS -- ARGUMENTS...
    local pattern=$1
    shift
    start_activated "$@"
    wait "$SERVER_PID"
    check "$*: status" equal $? 1
    check "$*: why" has "$LOG" "$pattern"
    check "$*: does not listen" equal "$(wc -c <"$OUT")" 0
}

# --- one descriptor ----------------------------------------------------------------------------------------------------
start_activated tcp -- --activated "${identity[@]}"
check "the port is the descriptor's" has "$OUT" "^listening on 127.0.0.1:$PORT\$"
for version in 1_2 1_3; do
    echoed "openssl s_client over TCP, TLS $version" -connect "127.0.0.1:$PORT" -tls$version
done
environment=$(tr '\0' '\n' <"/proc/$SERVER_PID/environ") # as it was at exec
check "the environment was as it should" has <(echo "$environment") "^LISTEN_PID=$SERVER_PID\$"
stop_server
check "it ends in good order" equal "$STOPPED" 0

start_activated tcp6 -- --activated=unknown "${identity[@]}" --schedulers 3
check "IPv6, by the name that all without one have" has "$OUT" "^listening on \[::1\]:$PORT\$"
echoed "openssl s_client over IPv6" -connect "[::1]:$PORT"
stop_server

start_activated "unix:$socket" -- --activated "${identity[@]}"
check "the path is the descriptor's" has "$OUT" "^listening on unix:$socket\$"
for version in 1_2 1_3; do
    echoed "openssl s_client over a Unix-domain socket, TLS $version" -unix "$socket" -tls$version
done
stop_server
check "a Unix-domain socket ends in good order" equal "$STOPPED" 0
check "the file is its maker's: it stays" test -S "$socket"
rm -f "$socket"

# --- several, and by configuration file --------------------------------------------------------------------------------
start_activated --names control:https tcp tcp -- --activated=https "${identity[@]}"
check "the second of two" has "$OUT" "^listening on 127.0.0.1:$(tail -n 1 "$PORTS")\$"
PORT=$(tail -n 1 "$PORTS")
echoed "by its name" -connect "127.0.0.1:$PORT"
stop_server
cat >"$WORK/activated.json" <<END
{"activated": "https", "service": "echo", "options": {"certfile": "$PKI/p256.pem", "keyfile": "$PKI/p256.key"}}
END
start_activated --names https:control "unix:$socket" tcp -- --config "$WORK/activated.json"
check "the first of two, by a configuration" has "$OUT" "^listening on unix:$socket\$"
echoed "by a configuration" -unix "$socket"
stop_server
rm -f "$socket"
sed 's/"https"/false/' "$WORK/activated.json" >"$WORK/not.json"
start_activated tcp -- --config "$WORK/not.json" --host 127.0.0.1 --port 0
check "false: a port of its own" has_not "$OUT" ":$PORT\$"
check "false: listens" has "$OUT" '^listening on 127'
stop_server

# --- what cannot be: status 1 and a sentence -----------------------------------------------------------------------------
refused '2 were inherited: say which one' tcp tcp -- --activated "${identity[@]}"
refused '0 of the 2 that were inherited have the name \\?"http\\?"' --names a:b tcp tcp -- --activated=http "${identity[@]}"
refused '2 of the 2 that were inherited have the name \\?"a\\?"' --names a:a tcp tcp -- --activated=a "${identity[@]}"
refused 'none was inherited' --pid 1 tcp -- --activated "${identity[@]}"
refused 'LISTEN_PID: \\?"me\\?" is no process id' --pid me tcp -- --activated "${identity[@]}"
refused 'LISTEN_FDS: \\?"0\\?" is no number' --fds 0 tcp -- --activated "${identity[@]}"
refused 'LISTEN_FDS: 65 descriptors, and room for 64' --fds 65 tcp -- --activated "${identity[@]}"
refused 'LISTEN_FDNAMES has more names' --names a:b tcp -- --activated "${identity[@]}"
refused '2 descriptors, but 4 is not open' tcp closed -- --activated "${identity[@]}"
refused 'no stream socket that listens' idle -- --activated "${identity[@]}"
cat >"$WORK/ip.json" <<END
{"activated": true, "options": {"ip": "127.0.0.1"}}
END
refused 'option ip: the descriptor is bound already' tcp -- --config "$WORK/ip.json"
"$BIN" serve --activated "${identity[@]}" >"$WORK/out" 2>"$WORK/err" </dev/null
check "started by hand: status" equal $? 1
check "started by hand: why" has "$WORK/err" 'none was inherited'
"$BIN" serve --activated --host 127.0.0.1 >"$WORK/out" 2>"$WORK/err" </dev/null
check "with --host: status" equal $? 2
check "with --host: why" has "$WORK/err" 'contradict'

finish
