#!/usr/bin/env bash
# The command's server gets new certificates at SIGHUP, while openssl's clients go on shaking hands; files that cannot be used
# change nothing. And the example of docs/keys.md.
source "$(dirname "$0")/../support/interop.sh"
make_pki

trusting=(-CAfile "$PKI/root.pem" -verify_return_error -verify_hostname localhost)

install() { # NAME: as a tool does that renews certificates: complete first, then in its place
    cp "$PKI/$1.key" "$WORK/key.new" && mv "$WORK/key.new" "$WORK/server.key"
    cp "$PKI/$1.pem" "$WORK/pem.new" && mv "$WORK/pem.new" "$WORK/server.pem"
}
shown() {
    s_client '' "${trusting[@]}" -"$2"
    check "$1" has "$WORK/out" "^subject=CN = $3\$"
}
lines() { grep -Ec -- "$1" "$LOG"; }
more_than() { [ "$(lines "$1")" -gt "$2" ]; }

# reload EVENT: a SIGHUP, and one more line of that event in the log.
reload() {
    local before
    before=$(lines "$1")
    kill -HUP "$SERVER_PID"
    check "the log says $1" wait_for 20 more_than "$1" "$before"
}

install p256
start_dormouse --service discard --cert "$WORK/server.pem" --key "$WORK/server.key"
shown "the first certificate" tls1_3 p256
(
    while [ ! -e "$WORK/enough" ]; do
        timeout 20 openssl s_client -connect "127.0.0.1:$PORT" -servername localhost "${trusting[@]}" </dev/null \
            >"$WORK/one" 2>&1 || cat "$WORK/one" >>"$WORK/broken"
    done
) &
traffic=$!
for name in rsa p384 ed25519 p256 rsa; do
    install "$name"
    reload ' reloaded'
    shown "TLS 1.3: $name" tls1_3 "$name"
    shown "TLS 1.2: $name" tls1_2 "$name"
done
head -c 300 "$PKI/p256.pem" >"$WORK/server.pem"
reload 'failed .*server\.pem, line 1'
shown "a certificate that is half written" tls1_3 rsa
cp "$PKI/p256.pem" "$WORK/server.pem"
reload 'failed .*server\.key does not belong to the certificate'
shown "a key that does not match" tls1_3 rsa
rm "$WORK/server.key"
reload 'failed .*cannot read .*server\.key'
shown "a key that has vanished" tls1_3 rsa
install p256
reload ' reloaded'
shown "all is well again" tls1_3 p256
touch "$WORK/enough"
wait "$traffic"
check "no handshake failed meanwhile" test ! -e "$WORK/broken"
stop_server
check "the server ends well" equal "$STOPPED" 0

"$BUILD/examples/certificates" "$PKI" >"$WORK/out" 2>&1
check "the example ends" equal $? 0
cat >"$WORK/expected" <<'END'
ECDSA alone: CN=p256
RSA alone: CN=rsa
a wrong password: wrong password, or damaged
reloaded: CN=p384
END
check "the example says what it should" diff "$WORK/expected" "$WORK/out"
finish
