#!/usr/bin/env bash
# How long records are that ends ask each other for: max_fragment_length and record_size_limit, our server with the clients of
# openssl and GnuTLS, our client with their servers; what each sends is measured by a relay between the two.
source "$(dirname "$0")/../support/interop.sh"
source "$(dirname "$0")/../support/interop_peers.sh"
need python3
make_pki
trusting=(-CAfile "$PKI/root.pem" -verify_return_error -verify_hostname localhost)
SENT=12001
{
    head -c $((SENT - 1)) /dev/zero | tr '\0' 'x'
    echo
} >"$WORK/long"

# longest SIDE TYPES: of the connection that has just ended.
longest() { awk -v side="$1" -v types="$2" 'BEGIN {most = 0} $1 == side && index(types, $2) && $3 > most {most = $3} END {print most}' "$WORK/records"; }

# What protection adds: the type of TLS 1.3 and a tag; in TLS 1.2 an explicit nonce and a tag (AES-GCM).
over() { [ "$1" = 1.3 ] && echo 17 || echo 24; }
# within WORDS VERSION SIDE LIMIT: data comes in full records of LIMIT bytes of data; nothing exceeds that.
within() {
    check "$1: the longest of the $3" equal "$(longest "$3" 23)" $(($4 + $(over "$2")))
}

ours() { # WORDS VERSION MORE: our client
    : >"$WORK/records"
    probe "\"versions\": [\"tlsv$2\"], \"ciphers\": [\"TLS_AES_128_GCM_SHA256\", \"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256\"], $3" \
        "$WORK/long" $SENT
    check "$1: all came back" equal "$(wc -c <"$WORK/data" 2>&1)$(grep '^failed' "$WORK/out")" $SENT
    noted "$1"
}

# --- our client, max_fragment_length ----------------------------------------------------------------------------------------
start_openssl -rev -cert "$PKI/p256.leaf" -key "$PKI/p256.key" -cert_chain "$PKI/int.pem"
through
for version in 1.3 1.2; do
    ours "openssl $version" $version '"mode": "binary"'
    check "openssl $version: records are longer unasked" test "$(longest c 23)" -gt 12000
    for length in 512 1024 2048 4096; do
        what="openssl $version, max_fragment_length $length"
        ours "$what" $version "\"max_fragment_length\": $length"
        within "$what" $version c $length
        within "$what" $version s $length
        [ $version = 1.3 ] || check "$what: the certificates" test "$(longest s 22)" -le $length
    done
    # Nobody answers that here.
    ours "openssl $version, record_size_limit" $version '"record_size_limit": 1000'
    check "openssl $version knows no record_size_limit" test "$(longest s 23)" -gt 12000
done
stop_both

# --- our client, record_size_limit --------------------------------------------------------------------------------------------
# The number counts TLS 1.3's type; GnuTLS's own option does not.
if command -v gnutls-serv >/dev/null; then
    start_gnutls --echo --recordsize=700
    through
    for version in 1.3 1.2; do
        data=1000
        [ $version = 1.3 ] && data=999
        ours "GnuTLS $version" $version '"record_size_limit": 1000'
        within "GnuTLS $version: what we ask for" $version s $data
        check "GnuTLS $version: what it asks for" test "$(longest c 23)" -ge $((699 + $(over $version))) \
            -a "$(longest c 23)" -le $((701 + $(over $version)))
        ours "GnuTLS $version: both" $version '"record_size_limit": 1000, "max_fragment_length": 512'
        within "GnuTLS $version: the newer one counts" $version s $data
    done
    stop_both
fi

# --- our server -----------------------------------------------------------------------------------------------------------------
serve() { # MORE
    printf '{"service": "echo", "options": {"ip": "127.0.0.1", "certfile": "%s/p256.pem", "keyfile": "%s/p256.key" %s}}\n' \
        "$PKI" "$PKI" "${1:-}" >"$WORK/server.json"
    start_dormouse --config "$WORK/server.json"
    through
}
# GnuTLS's client sends one record of each 4,096 bytes that it reads and forgets the others: then less is wanted.
WANTED=$((SENT - 1))
all_back() { [ "$(tr -cd 'x' <"$1" | wc -c)" -ge "$WANTED" ]; }
# echoed COMMAND...: a client that sends all and gets it back; its input stays open until then.
echoed() {
    : >"$WORK/records"
    rm -f "$WORK/input" && mkfifo "$WORK/input"
    timeout 60 "$@" <"$WORK/input" >"$WORK/out" 2>&1 &
    local client=$!
    exec 8>"$WORK/input"
    cat "$WORK/long" >&8
    wait_for 20 all_back "$WORK/out"
    exec 8>&-
    wait "$client"
}
openssl_client() { # VERSION ARGUMENTS...
    echoed openssl s_client -connect "127.0.0.1:$PORT" -servername localhost -nocommands "${trusting[@]}" \
        -cipher ECDHE+AESGCM -ciphersuites TLS_AES_128_GCM_SHA256 "-tls${1/./_}" "${@:2}"
}
serve
for version in 1.3 1.2; do
    for length in 512 1024 2048 4096; do
        what="openssl's client $version, max_fragment_length $length"
        openssl_client $version -maxfraglen $length
        check "$what: all came back" all_back "$WORK/out"
        noted "$what"
        within "$what" $version s $length
        [ $version = 1.3 ] || check "$what: the certificates" test "$(longest s 22)" -le $length
    done
    command -v gnutls-cli >/dev/null || continue
    WANTED=2100 echoed gnutls-cli --x509cafile "$PKI/root.pem" --recordsize=700 --port "$PORT" \
        --priority "NORMAL:-VERS-ALL:+VERS-TLS$version:-CIPHER-ALL:+AES-128-GCM" localhost
    noted "GnuTLS's client $version"
    WANTED=2100 check "GnuTLS's client $version: all came back" all_back "$WORK/out"
    check "GnuTLS's client $version: record_size_limit" test "$(longest s 23)" -ge $((699 + $(over $version))) \
        -a "$(longest s 23)" -le $((701 + $(over $version)))
done
stop_both

serve ', "record_size_limit": 1500'
if command -v gnutls-cli >/dev/null; then
    for version in 1.3 1.2; do
        data=1500
        [ $version = 1.3 ] && data=1499
        WANTED=$((3 * data)) echoed gnutls-cli --x509cafile "$PKI/root.pem" --port "$PORT" \
            --priority "NORMAL:-VERS-ALL:+VERS-TLS$version:-CIPHER-ALL:+AES-128-GCM" localhost
        noted "GnuTLS's client $version, our limit"
        WANTED=$((3 * data)) check "GnuTLS's client $version, our limit: all came back" all_back "$WORK/out"
        within "GnuTLS's client $version, our limit" $version c $data
    done
fi
stop_both

serve ', "max_send_fragment": 900'
for version in 1.3 1.2; do
    openssl_client $version
    noted "max_send_fragment $version"
    within "max_send_fragment $version" $version s 900
done
stop_both
serve ', "record_padding": 1000'
openssl_client 1.3
noted "record_padding"
for length in $(awk '$1 == "s" && $2 == 23 {print $3}' "$WORK/records" | sort -un); do
    check "a record of $length is padded" equal $(((length - 17) % 1000)) 0
done
check "record_padding: there were records" test "$(longest s 23)" -gt 1000
stop_both
finish
