#!/usr/bin/env bash
# Values that mean nothing, and what looks like Encrypted Client Hello: servers that know neither pass over them, in a first hello
# and behind a HelloRetryRequest. That they were there is read off the wire.
source "$(dirname "$0")/../support/interop.sh"
source "$(dirname "$0")/../support/interop_peers.sh"
need python3
make_pki
printf 'GET / HTTP/1.0\r\n\r\n' >"$WORK/get"

# hellos: of each ClientHello a line with its extensions, TYPE:BYTES each, and a last word with its suites.
hellos() {
    awk '$1 == "c" && $2 == 22 {printf "%s", $4}' "$WORK/records" | python3 -c '
import sys
sys.path.insert(0, sys.argv[1] + "/tests/interop/matrix")
import wire
for kind, body in wire.messages(bytes.fromhex(sys.stdin.read())):
    if kind != wire.CLIENT_HELLO:
        break
    reader = wire.Reader(body)
    reader.take(34), reader.vector(1)
    suites, _ = reader.vector(2), reader.vector(1)
    print(*("%04x:%s" % (t, d.hex()) for t, d in wire.extensions(reader).items()), suites.hex())
' "$SOURCE"
}
ech() { tr ' ' '\n' <"$WORK/hellos" | grep '^fe0d:'; }
greased() { grep -cE '(^| )([0-9a-f])a\2a:.* ([0-9a-f])a\3a[0-9a-f]+$' "$WORK/hellos"; }
equal_lines() { [ "$(wc -l <<<"$1")" = "$2" ] && [ "$(sort -u <<<"$1" | wc -l)" = 1 ]; }

# ignores WORDS VERSION HELLOS: both, each by itself and together.
ignores() {
    local what count="$3"
    for option in '"ech_grease": true' '"grease": true' '"ech_grease": true, "grease": true'; do
        : >"$WORK/records"
        what="$1, ${option//\"/}"
        probe "$option, \"session_tickets\": \"auto\"" "$WORK/get" 4
        check "$what: status" equal "$STATUS" 0
        check "$what: version" has "$WORK/out" "\"protocol\":\"$2\""
        check "$what: retried or not" has "$WORK/out" "\"hello_retry\":$([ "$count" = 2 ] && echo true || echo false)"
        noted "$what"
        hellos >"$WORK/hellos"
        check "$what: hellos" equal "$(wc -l <"$WORK/hellos")" "$count"
        if [[ $option == *ech_* ]]; then # a second hello says the same (RFC 9849 section 6.2)
            check "$what: there it was" equal_lines "$(ech)" "$count"
        else
            check "$what: no encrypted_client_hello" equal "$(ech)" ''
        fi
        if [[ $option == *'"grease"'* ]]; then
            check "$what: there they were" equal "$(greased)" "$count"
        else
            check "$what: none of them" equal "$(greased)" 0
        fi
    done
    stop_both
}

page() { start_openssl -www -cert "$PKI/p256.leaf" -key "$PKI/p256.key" -cert_chain "$PKI/int.pem" "$@"; }
page
through
ignores openssl tlsv1.3 1
page -groups P-384
through
ignores "openssl, retrying" tlsv1.3 2
page -tls1_2
through
ignores "openssl, TLS 1.2" tlsv1.2 1

if command -v gnutls-serv >/dev/null; then
    start_gnutls --http
    through
    ignores GnuTLS tlsv1.3 1
    start_gnutls --http --priority 'NORMAL:-GROUP-ALL:+GROUP-SECP384R1'
    through
    ignores "GnuTLS, retrying" tlsv1.3 2
    start_gnutls --http --priority 'NORMAL:-VERS-ALL:+VERS-TLS1.2'
    through
    ignores "GnuTLS, TLS 1.2" tlsv1.2 1
fi

if NGINX=$("$SOURCE/.setup/nginx" --path 2>/dev/null); then
    start_nginx ''
    through
    ignores nginx tlsv1.3 1
    start_nginx 'ssl_ecdh_curve secp384r1;'
    through
    ignores "nginx, retrying" tlsv1.3 2
fi
finish
