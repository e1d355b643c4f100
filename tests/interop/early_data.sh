#!/usr/bin/env bash
# Early data (RFC 8446 section 2.3): our server with the clients of openssl and GnuTLS, our client with their servers. What a
# client says in its first flight comes first, and whoever is not willing passes over it.
source "$(dirname "$0")/../support/interop.sh"
source "$(dirname "$0")/../support/interop_peers.sh"
make_pki
trusting=(-CAfile "$PKI/root.pem" -verify_return_error -verify_hostname localhost)
printf 'early words\n' >"$WORK/early"

# --- our server ------------------------------------------------------------------------------------------------------------
# serve TICKETS ENABLED
serve() {
    printf '{"service": "echo", "options": {"ip": "127.0.0.1", "certfile": "%s/p256.pem", "keyfile": "%s/p256.key",
        "session_tickets": "%s", "early_data": "%s"}}\n' "$PKI" "$PKI" "$1" "$2" >"$WORK/server.json"
    start_dormouse --config "$WORK/server.json"
}

for tickets in stateless stateful; do
    serve $tickets enabled
    rm -f "$WORK/session"
    # the answer to what it says keeps openssl there until the tickets have come
    (echo first; sleep 1) | timeout 20 openssl s_client -connect "127.0.0.1:$PORT" "${trusting[@]}" -tls1_3 -sess_out "$WORK/session" \
        >"$WORK/out" 2>&1
    check "$tickets: a session" test -s "$WORK/session"
    (sleep 1) | timeout 20 openssl s_client -connect "127.0.0.1:$PORT" "${trusting[@]}" -tls1_3 -sess_in "$WORK/session" \
        -early_data "$WORK/early" >"$WORK/out" 2>&1
    check "$tickets: openssl: taken" has "$WORK/out" 'Early data was accepted'
    check "$tickets: openssl: and answered" has "$WORK/out" '^early words$'
    (sleep 1) | timeout 20 openssl s_client -connect "127.0.0.1:$PORT" "${trusting[@]}" -tls1_3 -sess_in "$WORK/session" \
        -early_data "$WORK/early" >"$WORK/out" 2>&1
    if [ $tickets = stateful ]; then
        check "$tickets: openssl: a ticket is of use once" has_not "$WORK/out" 'Early data was accepted'
    else
        check "$tickets: openssl: another hello" has "$WORK/out" 'Early data was accepted'
    fi
    if command -v gnutls-cli >/dev/null; then
        timeout 30 gnutls-cli --x509cafile "$PKI/root.pem" --priority "NORMAL:-VERS-ALL:+VERS-TLS1.3" --resume --waitresumption \
            --earlydata="$WORK/early" --port "$PORT" localhost >"$WORK/out" 2>&1 < <(sleep 2)
        check "$tickets: GnuTLS: taken and answered" has "$WORK/out" '^early words$'
    fi
    stop_server
done

serve stateless disabled
(echo first; sleep 1) | timeout 20 openssl s_client -connect "127.0.0.1:$PORT" "${trusting[@]}" -tls1_3 -sess_out "$WORK/session" >"$WORK/out" 2>&1
(sleep 1) | timeout 20 openssl s_client -connect "127.0.0.1:$PORT" "${trusting[@]}" -tls1_3 -sess_in "$WORK/session" \
    -early_data "$WORK/early" >"$WORK/out" 2>&1
check "off: openssl: nothing was taken" has_not "$WORK/out" 'Early data was accepted'
check "off: nor answered" has_not "$WORK/out" '^early words$'
stop_server

# --- our client --------------------------------------------------------------------------------------------------------------
# client WORDS: the data is the server's, early or not, exactly once; $WORK/err has what our client says.
client() {
    (sleep 1) | timeout 10 "$BIN" connect "localhost:$PORT" --cacert "$PKI/root.pem" --versions tlsv1.3 --resume 1 \
        --early-data "$WORK/early" >"$WORK/out" 2>"$WORK/err"
}

start_openssl -tls1_3 -early_data -max_early_data 100 -cert "$PKI/p256.leaf" -key "$PKI/p256.key" -cert_chain "$PKI/int.pem"
client
check "openssl's server" has "$WORK/err" 'early data: accepted'
check "it says so" has "$LOG" '^early words$'
stop_server
start_openssl -rev -tls1_3 -cert "$PKI/p256.leaf" -key "$PKI/p256.key" -cert_chain "$PKI/int.pem"
client
check "openssl's server, not willing" has_not "$WORK/err" 'early data'
check "it has it all the same" has "$WORK/out" '^sdrow ylrae$'
stop_server
if command -v gnutls-serv >/dev/null; then
    start_gnutls --echo --earlydata --maxearlydata 100 --priority "NORMAL:-VERS-ALL:+VERS-TLS1.3"
    client
    check "GnuTLS's server" has "$WORK/err" 'early data: accepted'
    stop_server
    start_gnutls --echo --earlydata --maxearlydata 5 --priority "NORMAL:-VERS-ALL:+VERS-TLS1.3"
    client
    check "GnuTLS's server, of which less is allowed" has_not "$WORK/err" 'early data'
    check "and has it later" has "$WORK/out" '^early words$'
    stop_server
fi

"$BIN" connect "localhost:1" --early-data "$WORK/early" >"$WORK/out" 2>&1
check "without a session" equal $? 2
"$BIN" connect "localhost:1" --resume 1 --early-data "$WORK/missing" >"$WORK/out" 2>&1
check "without the file" equal $? 2
check "it says which" has "$WORK/out" "missing: No such file"
finish
