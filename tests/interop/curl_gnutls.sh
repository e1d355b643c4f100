#!/usr/bin/env bash
# curl, gnutls-cli and gnutls-serv: other people's TLS at the other end. Each is left out where it is not installed.
source "$(dirname "$0")/../support/interop.sh"
make_pki
command -v curl >/dev/null || command -v gnutls-cli >/dev/null || skip "there is neither curl nor gnutls-cli here"

start_dormouse --service http
if command -v curl >/dev/null; then
    for version in 1.2 1.3; do
        curl -sk --max-time 20 --tlsv$version --tls-max $version "https://127.0.0.1:$PORT/" >"$WORK/out" 2>&1
        check "curl -k, TLS $version" has "$WORK/out" "tlsv$version"
    done
    curl -sk --max-time 20 "https://127.0.0.1:$PORT/one" "https://127.0.0.1:$PORT/two" -w '%{num_connects}\n' \
        >"$WORK/out" 2>&1
    check "curl: two requests" equal "$(grep -c '200 OK' "$WORK/out")" 2
    check "curl: the second on the same connection" has "$WORK/out" '^0$'
    curl -skI --max-time 20 "https://127.0.0.1:$PORT/" >"$WORK/out" 2>&1
    check "curl: HEAD" has "$WORK/out" '^HTTP/[0-9.]+ 200'
    curl -sk --max-time 20 -d 'a body' "https://127.0.0.1:$PORT/" >"$WORK/out" 2>&1
    check "curl: POST is not allowed" has "$WORK/out" '405'
    curl -sk --max-time 20 -H "X: $(head -c 20000 /dev/zero | tr '\0' a)" "https://127.0.0.1:$PORT/" >"$WORK/out" 2>&1
    check "curl: a head that is too long" has "$WORK/out" '431'
    curl -s --max-time 20 "https://localhost:$PORT/" >"$WORK/out" 2>&1
    check "curl: the development certificate is not trusted" equal $? 60
fi
stop_server

if command -v gnutls-cli >/dev/null; then
    start_dormouse --cert "$PKI/p256.pem" --key "$PKI/p256.key"
    for version in 1.2 1.3; do
        (
            printf 'hello\n'
            sleep 0.5
        ) | timeout 20 gnutls-cli --x509cafile "$PKI/root.pem" --priority "NORMAL:-VERS-ALL:+VERS-TLS$version" \
            -p "$PORT" localhost >"$WORK/out" 2>&1
        check "gnutls-cli, TLS $version: verified" has "$WORK/out" 'Status: The certificate is trusted'
        check "gnutls-cli, TLS $version: echo" has "$WORK/out" '^hello$'
    done
    for group in X25519 SECP256R1 SECP384R1; do
        printf 'x\n' | timeout 20 gnutls-cli --x509cafile "$PKI/root.pem" \
            --priority "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-$group" -p "$PORT" localhost >"$WORK/out" 2>&1
        check "gnutls-cli, $group" has "$WORK/out" "TLS1.3.*$group"
    done
    timeout 20 gnutls-cli --x509cafile "$PKI/root.pem" -r -p "$PORT" localhost </dev/null >"$WORK/out" 2>&1
    check "gnutls-cli: resumption" has "$WORK/out" 'This is a resumed session'
    stop_server
fi

if command -v gnutls-serv >/dev/null; then
    # It cannot be asked for a free port, so some are tried; whoever answers on a taken one has not our certificate.
    for _ in 1 2 3 4 5 6 7 8; do
        PORT=$((20000 + RANDOM % 12000))
        started=$((started + 1))
        LOG=$WORK/gnutls.$started.log
        gnutls-serv --echo --quiet -p "$PORT" --x509certfile "$PKI/rsa.pem" --x509keyfile "$PKI/rsa.key" >"$LOG" 2>&1 &
        SERVER_PID=$!
        PIDS+=("$SERVER_PID")
        wait_for 3 "$BIN" connect "localhost:$PORT" --cacert "$PKI/root.pem" </dev/null >/dev/null 2>&1 && break
        kill "$SERVER_PID" 2>/dev/null
    done
    for version in tlsv1.2 tlsv1.3; do
        (
            printf 'hello\n'
            sleep 0.5
        ) | timeout 20 "$BIN" connect "localhost:$PORT" --cacert "$PKI/root.pem" --versions $version \
            >"$WORK/out" 2>"$WORK/err"
        check "gnutls-serv, $version: negotiated" has "$WORK/err" "$version TLS_"
        check "gnutls-serv, $version: echo" has "$WORK/out" '^hello$'
    done
    connect '' --cacert "$PKI/root.pem" --versions tlsv1.3 --resume 1
    check "gnutls-serv: resumption" has "$WORK/err" ', resumed'
    stop_server KILL
fi

finish
