#!/usr/bin/env bash
# Hosts in the command's configuration file: openssl's clients get the certificate and protocol of whom they call, files are
# named from the file's folder, what is wrong names the host, and SIGHUP reads the hosts' files again.
source "$(dirname "$0")/../support/interop.sh"
make_pki

mkdir "$WORK/conf"
install() { # FROM TO
    cp "$PKI/$1.key" "$WORK/conf/$2.key.new" && mv "$WORK/conf/$2.key.new" "$WORK/conf/$2.key"
    cp "$PKI/$1.pem" "$WORK/conf/$2.pem.new" && mv "$WORK/conf/$2.pem.new" "$WORK/conf/$2.pem"
}
configure() { # the options of a.example
    cat >"$WORK/conf/server.json" <<END
{
    "host": "127.0.0.1",
    "service": "discard",
    "options": {
        "sni_hosts": {
            "a.example": $1,
            "*.b.example": {"alpn_preferred_protocols": ["b"]}
        },
        "certfile": "own.pem",
        "keyfile": "own.key",
        "alpn_preferred_protocols": ["own"]
    }
}
END
}
shown() { # WHAT NAME CERTIFICATE PROTOCOL
    s_client '' -servername "$2" -alpn own,a,b -CAfile "$PKI/root.pem" -verify_return_error
    check "$1: certificate" has "$WORK/out" "^subject=CN = $3\$"
    check "$1: protocol" has "$WORK/out" "^ALPN protocol: $4\$"
}
refused() { # WHAT PATTERN
    timeout 20 "$BIN" serve --port 0 --config "$WORK/conf/server.json" >"$WORK/out" 2>&1
    check "$1: status" equal $? 2
    check "$1: what is said" has "$WORK/out" "$2"
}
reloaded() { [ "$(grep -c ' reloaded' "$LOG")" -gt "$1" ]; }

install p256 own
install rsa a
configure '{"certfile": "a.pem", "keyfile": "a.key", "alpn_preferred_protocols": ["a"]}'
start_dormouse --config "$WORK/conf/server.json"
shown "a host of its own" a.example rsa a
shown "a host that takes over the listener's" www.b.example p256 b
shown "nobody's name" c.example p256 own
install p384 a
kill -HUP "$SERVER_PID"
check "the log says so" wait_for 20 reloaded 0
shown "a host after SIGHUP" a.example p384 a
shown "the others after it" www.b.example p256 b
install ed25519 own
kill -HUP "$SERVER_PID"
check "the log says so again" wait_for 20 reloaded 1
shown "what was taken over after SIGHUP" www.b.example ed25519 b
rm "$WORK/conf/a.key"
kill -HUP "$SERVER_PID"
check "a file that is missing" wait_for 20 has "$LOG" 'failed .*sni_hosts, a\.example: option keyfile: .*a\.key'
shown "what was there stays" a.example p384 a
stop_server
check "the server ends well" equal "$STOPPED" 0

configure '{"certfile": "a.pem", "keyfile": "a.key", "active": true}'
refused "an option of the service" 'sni_hosts, a\.example: option active is the listener'
configure '{"certfle": "a.pem"}'
refused "a misspelt option" 'sni_hosts, a\.example: .*"certfle"; did you mean "certfile"'
finish
