#!/usr/bin/env bash
# The command itself: help, versions, wrong arguments, configuration files, logs, and the ways it ends.
source "$(dirname "$0")/../support/interop.sh"
make_pki

run() { # ARGUMENTS...: $WORK/out, $WORK/err, $STATUS
    timeout 20 "$BIN" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null
    STATUS=$?
}

# --- help and version -------------------------------------------------------------------------------------------------
for words in "--help" "serve --help" "connect --help" "-h" "serve -h"; do
    run $words
    check "$words: status" equal "$STATUS" 0
    check "$words: on standard output" has "$WORK/out" '^usage: dormouse'
    check "$words: nothing on standard error" equal "$(wc -c <"$WORK/err")" 0
done
for words in "--version" "serve --version" "connect --version"; do
    run $words
    check "$words" has "$WORK/out" '^dormouse [0-9]+\.[0-9]+\.[0-9]+$'
done
for flag in config host port activated cert key cacert verify require-client-cert alpn versions ciphers groups hibernate-after \
    schedulers max-connections service log drain-timeout; do
    run serve --help
    check "serve --help tells of --$flag" has "$WORK/out" "^  --$flag"
    check "docs/command.md tells of --$flag" has "$SOURCE/docs/command.md" "\`--$flag"
done
for flag in cacert insecure servername alpn versions groups resume json cert key ciphers; do
    run connect --help
    check "connect --help tells of --$flag" has "$WORK/out" "^  --$flag"
    check "docs/command.md tells of --$flag" has "$SOURCE/docs/command.md" "\`--$flag"
done

# --- wrong arguments: a sentence, the usage, status 2 -------------------------------------------------------------------
wrong() { # PATTERN ARGUMENTS...
    local pattern=$1
    shift
    run "$@"
    check "$*: status" equal "$STATUS" 2
    check "$*: sentence" has "$WORK/err" "$pattern"
    check "$*: usage" has "$WORK/err" '^usage: dormouse'
    check "$*: nothing on standard output" equal "$(wc -c <"$WORK/out")" 0
}
wrong 'usage'
wrong 'there is no command "srve"' srve
wrong 'there is no option --prot' serve --prot 1
wrong 'there is no option -p' serve -p 1
wrong '\-\-port needs a value: N' serve --port
wrong '\-\-port: given "70000", wanted a number from 0 to 65535' serve --port 70000
wrong '\-\-port: given "x"' serve --port=x
wrong 'too many arguments: extra' serve extra
wrong '\-\-service: given "http2", wanted echo, discard or http' serve --service http2
wrong '\-\-verify: given "yes", wanted none or peer' serve --verify yes
wrong 'contradict' serve --verify none --require-client-cert
wrong '\-\-key needs --cert' serve --key k.pem
wrong '\-\-versions: option versions: "tlsv9" is no version' serve --versions tlsv9
wrong '\-\-versions: option versions: version tlsv1 is not supported yet' serve --versions tlsv1
wrong '\-\-ciphers: option ciphers: no cipher suite' serve --ciphers RC4-MD5
wrong '\-\-groups: option supported_groups: "x" is no group' serve --groups x
wrong '\-\-hibernate-after: given "soon"' serve --hibernate-after soon
wrong '\-\-schedulers: given "0"' serve --schedulers 0
wrong '\-\-max-connections: given "-1"' serve --max-connections -1
wrong '\-\-log: given "xml"' serve --log xml
wrong '\-\-drain-timeout: given "never"' serve --drain-timeout never
wrong '\-\-host: "localhost" is no IPv4 or IPv6 address' serve --host localhost
wrong '\-\-require-client-cert takes no value' serve --require-client-cert=yes
wrong 'HOST:PORT is missing' connect
wrong '"localhost" is not HOST:PORT' connect localhost
wrong '"localhost:0" is not HOST:PORT' connect localhost:0
wrong '"::1:443" is not HOST:PORT' connect ::1:443
wrong 'too many arguments' connect a:1 b:2
wrong '\-\-resume: given "x"' connect a:1 --resume x
wrong 'contradict' connect a:1 --insecure --cacert x.pem
wrong '\-\-alpn: option alpn_advertised_protocols: given an empty list' connect a:1 --alpn ''

# --- what cannot be done: a sentence, status 1 -----------------------------------------------------------------------------
cannot() { # PATTERN ARGUMENTS...
    local pattern=$1
    shift
    run "$@"
    check "$*: status" equal "$STATUS" 1
    check "$*: sentence" has "$WORK/err" "$pattern"
    check "$*: nothing on standard output" equal "$(wc -c <"$WORK/out")" 0
}
cannot 'cannot read .*none.pem: No such file' serve --port 0 --cert "$WORK/none.pem"
cannot 'does not belong to the certificate' serve --port 0 --cert "$PKI/p256.pem" --key "$PKI/p384.key"
cannot 'holds no private key' serve --port 0 --cert "$PKI/p256.pem"
cannot 'needs cacertfile or cacerts' serve --port 0 --verify peer
cannot 'cannot read .*none.json' serve --config "$WORK/none.json"
start_dormouse
cannot 'listening.*(in use|EADDRINUSE)' serve --host 127.0.0.1 --port "$PORT"
stop_server

# --- configuration files -----------------------------------------------------------------------------------------------------
cp "$PKI/p256.pem" "$WORK/server.pem"
cp "$PKI/p256.key" "$WORK/server.key"
cat >"$WORK/good.json" <<'END'
{
    "host": "127.0.0.1", "port": 1, "service": "http", "schedulers": 1, "log": "json", "drain_timeout": 1,
    "options": {"certfile": "server.pem", "keyfile": "server.key", "versions": ["tlsv1.3"],
                "alpn_preferred_protocols": ["http/1.1"], "hibernate_after": 100}
}
END
start_dormouse --config "$WORK/good.json" # --port 0 wins over the file's 1
connect 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n' --cacert "$PKI/root.pem" --alpn http/1.1
check "configured: answers" has "$WORK/out" 'application +http/1.1'
connect '' --cacert "$PKI/root.pem" --versions tlsv1.2
check "configured: TLS 1.3 alone" equal "$STATUS" 3
stop_server
check "configured: log in JSON" has "$LOG" '^\{"time":"[^"]*","event":"listening",.*"schedulers":1'
check "each line of the log is JSON" python3 -c 'import json, sys; [json.loads(l) for l in open(sys.argv[1])]' "$LOG"

start_dormouse --config "$WORK/good.json" --versions tlsv1.2 --service echo --log text
connect 'back\n' --cacert "$PKI/root.pem"
check "the command line wins" has "$WORK/err" 'tlsv1.2'
check "the command line wins: service" has "$WORK/out" '^back$'
stop_server

bad_config() { # PATTERN TEXT
    printf '%s' "$2" >"$WORK/bad.json"
    run serve --config "$WORK/bad.json"
    check "$2: status" equal "$STATUS" 2
    check "$2" has "$WORK/err" "bad.json: $1"
}
bad_config 'line 1, column' '{"port": }'
bad_config 'line 1, column [0-9]+: duplicate' '{"port": 1, "port": 2}'
bad_config '"prot" is not known here' '{"prot": 1}'
bad_config '"port": given "x"' '{"port": "x"}'
bad_config 'no option is called "certfle"; did you mean "certfile"' '{"options": {"certfle": "x"}}'
bad_config 'option verify_fun is not supported yet' '{"options": {"verify_fun": "x"}}'
bad_config 'option depth: given the text "3"' '{"options": {"depth": "3"}}'
printf '{"options": {"active": true}}' >"$WORK/bad.json"
run serve --config "$WORK/bad.json"
check "active is the service's" has "$WORK/err" 'option active is not for a configuration'

# --- what it says --------------------------------------------------------------------------------------------------------------
start_dormouse --service discard --verbose
check "one line on standard output" equal "$(wc -l <"$WORK/server.$started.out")" 1
check "the development certificate's SHA-256" has "$LOG" 'development_certificate .*sha256=[0-9a-f]{64}'
check "how to talk to it" has "$LOG" "openssl s_client -connect localhost:$PORT"
openssl s_client -connect "127.0.0.1:$PORT" </dev/null 2>/dev/null | openssl x509 -outform DER | sha256sum >"$WORK/sum"
check "that is its SHA-256" has "$LOG" "sha256=$(cut -d' ' -f1 "$WORK/sum")"
connect 'gone\n' --insecure --json
check "connect --json" python3 -c 'import json, sys; r = json.loads(open(sys.argv[1]).readline()); assert r["protocol"] == "tlsv1.3" and r["resumed"] == 0' "$WORK/err"
check "verbose: open" has "$LOG" ' open peer=127.0.0.1:[0-9]+ protocol=tlsv1.3 cipher_suite=TLS_'
wait_for 5 grep -q ' closed peer=' "$LOG"
check "verbose: closed" has "$LOG" ' closed peer='
stop_server
check "the end" has "$LOG" ' ended accepted=[0-9]+ .*handshakes=[0-9]+'
connect '' --insecure --json
check "connect --json, failed" python3 -c 'import json, sys; r = json.loads(open(sys.argv[1]).readline()); assert r["event"] == "failed" and "refused" in r["error"]' "$WORK/err"

# --- IPv6 and names --------------------------------------------------------------------------------------------------------------
if [ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6; then
    start_dormouse --host ::1
    check "IPv6: listening" has "$WORK/server.$started.out" '^listening on \[::1\]:[0-9]+$'
    printf 'six\n' | timeout 20 "$BIN" connect "[::1]:$PORT" --insecure >"$WORK/out" 2>"$WORK/err"
    check "IPv6: echo" has "$WORK/out" '^six$'
    stop_server
fi

# --- strangers: plain text, and connections that say nothing --------------------------------------------------------------------------
start_dormouse
printf 'GET / HTTP/1.0\r\n\r\n' | timeout 5 bash -c "cat >/dev/tcp/127.0.0.1/$PORT"
wait_for 5 grep -q handshake_failed "$LOG"
check "plain text is told apart" has "$LOG" 'handshake_failed .*(sent by this side)'
silent=()
for _ in $(seq 40); do
    exec {fd}<>"/dev/tcp/127.0.0.1/$PORT"
    silent+=("$fd")
done
connect 'past them\n' --insecure
check "forty silent connections keep nobody waiting" has "$WORK/out" '^past them$'
for fd in "${silent[@]}"; do exec {fd}>&-; done
stop_server

# --- out of descriptors: connections are refused and counted, and it goes on -------------------------------------------------------------
if [ -z "$SANITIZE" ]; then
    (
        ulimit -n 48
        exec "$BIN" serve --port 0 --host 127.0.0.1 >"$WORK/scarce.out" 2>"$WORK/scarce.log"
    ) &
    SERVER_PID=$!
    PIDS+=("$SERVER_PID")
    wait_for 10 grep -q '^listening' "$WORK/scarce.out"
    PORT=$(sed -nE 's/^listening on .*:([0-9]+)$/\1/p' "$WORK/scarce.out")
    python3 - "$PORT" <<'END'
import socket, sys, time
held = []
for _ in range(40):
    try:
        held.append(socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5))
    except OSError:
        pass
time.sleep(1)
END
    wait_for 10 sh -c "printf 'back\\n' | timeout 5 '$BIN' connect localhost:$PORT --insecure | grep -q back"
    check "descriptors were short, and it serves again" equal $? 0
    kill -TERM "$SERVER_PID"
    wait "$SERVER_PID"
    check "descriptors were short: counted" has "$WORK/scarce.log" ' ended .*refused=[1-9]'
fi

# --- max-connections ----------------------------------------------------------------------------------------------------------------
start_dormouse --max-connections 1
mkfifo "$WORK/hold"
"$BIN" connect "localhost:$PORT" --insecure <>"$WORK/hold" >"$WORK/held.out" 2>"$WORK/held.err" &
HELD=$!
PIDS+=("$HELD")
wait_for 10 grep -q connected "$WORK/held.err"
connect 'x\n' --insecure
check "one connection too many" equal "$STATUS" 1
kill "$HELD"
wait "$HELD" 2>/dev/null
wait_for 5 sh -c "printf 'x' | timeout 5 '$BIN' connect localhost:$PORT --insecure"
check "and again one" equal $? 0
stop_server

finish
