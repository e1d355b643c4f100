#!/usr/bin/env bash
# Resumption as other people's clients do it: at two servers that share ticket keys, with tickets that are of use once, and
# with a server that gives none.
source "$(dirname "$0")/../support/interop.sh"
make_pki

GET='GET / HTTP/1.0\r\n\r\n'
trusting=(-CAfile "$PKI/root.pem" -verify_return_error -verify_hostname localhost -ign_eof -quiet)

# get WORDS PATTERN ARGUMENTS...: a page comes, and it says so.
get() {
    s_client "$GET" "${trusting[@]}" "${@:3}"
    check "$1" has "$WORK/out" "$2"
}

# serve OPTIONS: a web server with these, in JSON.
serve() {
    printf '{"host": "127.0.0.1", "service": "http", "options": {"certfile": "%s", "keyfile": "%s"%s}}' \
        "$PKI/p256.pem" "$PKI/p256.key" "$1" >"$WORK/config.json"
    start_dormouse --config "$WORK/config.json"
}

# --- one key, two servers -----------------------------------------------------------------------------------------------
old=$(openssl rand -base64 48 | tr -d '\n')
new=$(openssl rand -base64 48 | tr -d '\n')
serve ", \"ticket_keys\": [\"$old\"]"
get "a session of one server" 'resumed +no' -tls1_3 -sess_out "$WORK/session"
serve ", \"ticket_keys\": [\"$new\", \"$old\"]"
get "another server has the key, too" 'resumed +yes' -tls1_3 -sess_in "$WORK/session"
serve ", \"ticket_keys\": [\"$new\"]"
get "a third one does not" 'resumed +no' -tls1_3 -sess_in "$WORK/session"

# --- TLS 1.2's tickets --------------------------------------------------------------------------------------------------
serve ", \"session_tickets\": \"stateless\", \"ticket_keys\": [\"$old\"]"
get "TLS 1.2: a ticket" 'resumed +no' -tls1_2 -sess_out "$WORK/session"
s_client "$GET" -tls1_2 -CAfile "$PKI/root.pem" -ign_eof
check "TLS 1.2: the server says for how long" has "$WORK/out" 'TLS session ticket lifetime hint: 86400'
serve ", \"session_tickets\": \"stateless\", \"ticket_keys\": [\"$new\", \"$old\"]"
get "TLS 1.2: another server has the key, too" 'resumed +yes' -tls1_2 -sess_in "$WORK/session"
s_client '' -tls1_2 -reconnect -CAfile "$PKI/root.pem"
check "TLS 1.2 by ticket, five times" equal "$(grep -c '^Reused, TLSv1.2' "$WORK/out")" 5
get "TLS 1.2: a client that takes none" '200 OK' -tls1_2 -no_ticket
if command -v gnutls-cli >/dev/null; then
    printf '%b' "$GET" | timeout 20 gnutls-cli --x509cafile "$PKI/root.pem" --priority NORMAL:-VERS-ALL:+VERS-TLS1.2 \
        --resume -p "$PORT" localhost >"$WORK/out" 2>&1
    check "TLS 1.2: gnutls-cli" has "$WORK/out" 'This is a resumed session'
fi

# --- curl: a session for each of several connections --------------------------------------------------------------------
# curl_twice WORDS OPTIONS CURL-ARGUMENTS...: two pages over two connections, the second of which is resumed.
curl_twice() {
    serve "$2"
    curl -s --max-time 20 --cacert "$PKI/root.pem" -H 'Connection: close' -w '%{num_connects}\n' "${@:3}" \
        "https://localhost:$PORT/one" "https://localhost:$PORT/two" >"$WORK/out" 2>&1
    check "$1: two connections" equal "$(grep -c '^1$' "$WORK/out")" 2
    check "$1: the first one new" equal "$(grep -Ec 'resumed +no' "$WORK/out")" 1
    check "$1: the second resumed" equal "$(grep -Ec 'resumed +yes' "$WORK/out")" 1
}
if command -v curl >/dev/null; then
    for kind in stateless stateful; do
        curl_twice "curl, TLS 1.3, $kind" ", \"session_tickets\": \"$kind\"" --tlsv1.3
    done
    curl_twice "curl, TLS 1.2 by id" ', "session_tickets": "stateful"' --tls-max 1.2
    curl_twice "curl, TLS 1.2 by ticket" ', "session_tickets": "stateless"' --tls-max 1.2
fi

# --- tickets that are ids -----------------------------------------------------------------------------------------------
for kind in stateful stateful_with_cert; do
    serve ", \"session_tickets\": \"$kind\""
    get "$kind: a session" 'resumed +no' -tls1_3 -sess_out "$WORK/session"
    get "$kind: resumed" 'resumed +yes' -tls1_3 -sess_in "$WORK/session"
    get "$kind: once" 'resumed +no' -tls1_3 -sess_in "$WORK/session"
    if command -v gnutls-cli >/dev/null; then
        printf '%b' "$GET" | timeout 20 gnutls-cli --x509cafile "$PKI/root.pem" --priority NORMAL:-VERS-ALL:+VERS-TLS1.3 \
            --resume --waitresumption -p "$PORT" localhost >"$WORK/out" 2>&1
        check "$kind: gnutls-cli" has "$WORK/out" 'This is a resumed session'
    fi
done
serve ', "session_tickets": "disabled"'
get "no tickets" '200 OK' -tls1_3 -sess_out "$WORK/none"
s_client '' -tls1_2 -reconnect -CAfile "$PKI/root.pem"
check "TLS 1.2 by id, five times" equal "$(grep -c '^Reused, TLSv1.2' "$WORK/out")" 5
serve ', "reuse_sessions": false'
s_client '' -tls1_2 -reconnect -CAfile "$PKI/root.pem"
check "no resumption at all" equal "$(grep -c '^Reused' "$WORK/out")" 0
finish
