#!/usr/bin/env bash
# The PROXY protocol with others: curl in front of our server, which wants a header.
source "$(dirname "$0")/../support/interop.sh"
make_pki
need curl

start_proxied() { # OPTIONS...: members of "options"
    printf '{"host": "127.0.0.1", "port": 0, "service": "http", "options": {"certfile": "%s", "keyfile": "%s", %s}}\n' \
        "$PKI/p256.pem" "$PKI/p256.key" "$1" >"$WORK/config.json"
    start_dormouse --config "$WORK/config.json"
}

get() { curl -s --max-time 20 --cacert "$PKI/root.pem" "$@" "https://localhost:$PORT/" >"$WORK/out" 2>"$WORK/err"; }

start_proxied '"proxy_protocol": "require"'
get -4 --haproxy-protocol
check "curl --haproxy-protocol" has "$WORK/out" 'tlsv1.3'
get -4
check "curl without a header is refused" test $? -ne 0
check "and the log says why" has "$LOG" 'no PROXY header in front of the connection'
stop_server

start_proxied '"proxy_protocol": "require", "proxy_trust": ["192.0.2.0/24"]'
get -4
check "curl from an address that is not trusted" has "$WORK/out" 'tlsv1.3'
get -4 --haproxy-protocol
check "and with a header, which is not looked for" test $? -ne 0
stop_server

finish
