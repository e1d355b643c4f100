#!/usr/bin/env bash
# What stands beside a certificate: a status and timestamps. Our server with the clients of openssl and GnuTLS; our client with
# their servers, and nginx: what each shows is what the program gets, also of a resumed session, and what has no form ends it.
source "$(dirname "$0")/../support/interop.sh"
source "$(dirname "$0")/../support/interop_peers.sh"
make_pki
trusting=(-CAfile "$PKI/root.pem" -verify_return_error -verify_hostname localhost)

# --- what there is to be shown ---------------------------------------------------------------------------------------------
serial=$(openssl x509 -in "$PKI/p256.leaf" -noout -serial | cut -d= -f2)
# status FILE DAYS LINE: an OCSP response of the issuer; LINE of openssl's list of certificates.
status() {
    printf '%b\t%s\tunknown\t/CN=p256\n' "$3" "$serial" >"$WORK/index.txt"
    openssl ocsp -index "$WORK/index.txt" -CA "$PKI/int.pem" -rsigner "$PKI/int.pem" -rkey "$PKI/int.key" \
        -issuer "$PKI/int.pem" -cert "$PKI/p256.leaf" -respout "$1" -ndays "$2" >"$WORK/ocsp.log" 2>&1
    check "there is a response" test -s "$1"
}
status "$WORK/good.ocsp" 3 'V\t491231235959Z\t'
status "$WORK/newer.ocsp" 9 'V\t491231235959Z\t'
status "$WORK/revoked.ocsp" 3 'R\t491231235959Z\t200101000000Z,keyCompromise'

# A timestamp as a log would make it: version, log, time, no extensions, a signature (of nothing).
{
    printf '\0'
    head -c 32 /dev/zero | tr '\0' 'L'
    printf '\0\0\1\200\0\0\0\0\0\0\4\3\0\10signed..'
} >"$WORK/one.timestamp"
sct_len=$(wc -c <"$WORK/one.timestamp")
octets() { printf '%b' "$(printf '\\%03o\\%03o' $(($1 >> 8)) $(($1 & 255)))"; }
{
    octets $((2 * (sct_len + 2)))
    for i in 1 2; do
        octets "$sct_len"
        cat "$WORK/one.timestamp"
    done
} >"$WORK/good.sct"

echo "enabled_logs =" >"$WORK/no.logs" # none that openssl knows: what is shown is printed all the same

# --- our server ------------------------------------------------------------------------------------------------------------
cp "$WORK/good.ocsp" "$WORK/server.ocsp"
printf '{"service": "echo", "options": {"ip": "127.0.0.1", "certfile": "%s/p256.pem", "keyfile": "%s/p256.key",
    "ocsp_responsefile": "%s/server.ocsp", "sct_listfile": "%s/good.sct"}}\n' "$PKI" "$PKI" "$WORK" "$WORK" >"$WORK/server.json"
start_dormouse --config "$WORK/server.json"
for version in tls1_3 tls1_2; do
    s_client '' "${trusting[@]}" -$version -status
    check "$version: the status, for who asks" has "$WORK/out" 'OCSP Response Status: successful'
    check "$version: it is that certificate's" has "$WORK/out" "Serial Number: $serial"
    s_client '' "${trusting[@]}" -$version
    check "$version: no status without asking" has_not "$WORK/out" 'OCSP Response Status'
    check "$version: no timestamps without asking" has_not "$WORK/out" '^SCTs present \([1-9]'
    # With -serverinfo, s_client asks TLS 1.2's servers alone; with -ct both.
    s_client '' "${trusting[@]}" -$version -ct -ctlogfile "$WORK/no.logs"
    check "$version: timestamps" has "$WORK/out" '^SCTs present \(2\)'
    check "$version: of that log" has "$WORK/out" '4C:4C:4C:4C:4C:4C'
done
s_client '' "${trusting[@]}" -tls1_2 -serverinfo 18
sed -n '/BEGIN SERVERINFO/,/END SERVERINFO/p' "$WORK/out" | grep -v -- ----- | base64 -d >"$WORK/shown.sct"
check "timestamps, as they are" cmp <(tail -c +5 "$WORK/shown.sct") "$WORK/good.sct"

# A status is renewed like a certificate.
gnutls_sees() { # WORDS FILE
    for version in 1.3 1.2; do
        rm -f "$WORK/shown.ocsp"
        timeout 20 gnutls-cli --x509cafile "$PKI/root.pem" --priority "NORMAL:-VERS-ALL:+VERS-TLS$version" --ocsp \
            --save-ocsp="$WORK/shown.ocsp" --port "$PORT" localhost </dev/null >"$WORK/out" 2>&1
        STATUS=$?
        check "GnuTLS $version: $1" cmp "$WORK/shown.ocsp" "$2"
    done
}
if command -v gnutls-cli >/dev/null; then
    gnutls_sees "the status" "$WORK/good.ocsp"
    check "GnuTLS takes the certificate" equal "$STATUS" 0
fi
for next in newer revoked; do
    cp "$WORK/$next.ocsp" "$WORK/next.ocsp" && mv "$WORK/next.ocsp" "$WORK/server.ocsp"
    : >"$LOG" # the server appends
    kill -HUP "$SERVER_PID"
    check "$next: reloaded" wait_for 20 grep -q ' reloaded' "$LOG"
    command -v gnutls-cli >/dev/null || continue
    gnutls_sees "$next" "$WORK/$next.ocsp"
    [ $next = newer ] || check "GnuTLS refuses a revoked one" test "$STATUS" != 0
done
stop_server

# --- our client --------------------------------------------------------------------------------------------------------------
ASK='"request_ocsp": true, "request_sct": true'
nothing() { test ! -e "$WORK/ocsp" -a ! -e "$WORK/sct"; }
printf 'GET / HTTP/1.0\r\n\r\n' >"$WORK/get"

# client WORDS OCSP SCT: what a server shows is what comes, in both versions; also of resumed sessions, and not without asking.
client() {
    local version
    for version in tlsv1.3 tlsv1.2; do
        probe "\"versions\": [\"$version\"], \"session_tickets\": \"auto\", $ASK" "$WORK/get" 4 2
        check "$1, $version: connected" equal "$STATUS" 0
        check "$1, $version: the second is resumed" equal "$(grep -c '"resumed":true' "$WORK/out")" 1
        if [ -n "$2" ]; then
            check "$1, $version: status" cmp "$WORK/ocsp" "$2"
        else
            check "$1, $version: no status" test ! -e "$WORK/ocsp"
        fi
        if [ -n "$3" ]; then
            check "$1, $version: timestamps" cmp "$WORK/sct" "$3"
        else
            check "$1, $version: no timestamps" test ! -e "$WORK/sct"
        fi
        probe "\"versions\": [\"$version\"]"
        check "$1, $version: without asking" nothing
        check "$1, $version: connected without asking" equal "$STATUS" 0
    done
}

# serverinfo FILE: as openssl wants it, for the extension of timestamps, in ServerHello of 1.2 and Certificate of 1.3.
serverinfo() {
    echo '-----BEGIN SERVERINFOV2 FOR timestamps-----'
    { printf '\0\0\021\300\0\022' && octets "$(wc -c <"$1")" && cat "$1"; } | base64
    echo '-----END SERVERINFOV2 FOR timestamps-----'
}
page() { start_openssl -www -cert "$PKI/p256.leaf" -key "$PKI/p256.key" -cert_chain "$PKI/int.pem" "$@"; }

serverinfo "$WORK/good.sct" >"$WORK/serverinfo.pem"
page -status_file "$WORK/good.ocsp" -serverinfo "$WORK/serverinfo.pem"
client openssl "$WORK/good.ocsp" "$WORK/good.sct"
stop_server
page
client "openssl, with nothing" '' ''
stop_server
# That it says "revoked" is for who looks at it: it comes as it is.
page -status_file "$WORK/revoked.ocsp"
client "openssl, revoked" "$WORK/revoked.ocsp" ''
stop_server

# No lists: a length that is not theirs, an empty timestamp, an empty list.
malformed() { # WORDS BYTES
    printf '%b' "$2" >"$WORK/bad.sct"
    serverinfo "$WORK/bad.sct" >"$WORK/serverinfo.pem"
    page -serverinfo "$WORK/serverinfo.pem"
    for version in tlsv1.3 tlsv1.2; do
        probe "\"versions\": [\"$version\"], $ASK"
        check "$1, $version: status" equal "$STATUS" 1
        check "$1, $version: decode_error" has "$WORK/out" '^failed sent 50: connect: .*timestamps'
        probe "\"versions\": [\"$version\"]"
        check "$1, $version: nobody has asked" equal "$STATUS" 0
    done
    stop_server
}
malformed 'a list that is too short' '\0\9\0\2ab'
malformed 'a list that is too long' '\0\3\0\2ab'
malformed 'an empty timestamp' '\0\2\0\0'
malformed 'an empty list' '\0\0'

if command -v gnutls-serv >/dev/null; then
    start_gnutls --http --ocsp-response "$WORK/good.ocsp"
    client GnuTLS "$WORK/good.ocsp" ''
    stop_server
fi

NGINX=$("$SOURCE/.setup/nginx" --path 2>/dev/null) || finish
start_nginx "ssl_stapling on; ssl_stapling_file $WORK/good.ocsp;"
client nginx "$WORK/good.ocsp" ''
stop_server
finish
