#!/usr/bin/env bash
# docs/examples/socket_options.c against openssl's server: what it set is what the kernel says of its socket, from outside.
source "$(dirname "$0")/../support/interop.sh"
make_pki

start_openssl -rev -cert "$PKI/p256.leaf" -key "$PKI/p256.key" -cert_chain "$PKI/int.pem"
mkfifo "$WORK/in"
"$BUILD/examples/socket_options" 127.0.0.1 "$PORT" <"$WORK/in" >"$WORK/out" 2>&1 &
CLIENT=$!
PIDS+=("$CLIENT")
exec 5>"$WORK/in"
wait_for 20 grep -q '^{' "$WORK/out"
cat >"$WORK/expected" <<'END'
keepalive: true
keepidle: 3600
keepintvl: 11
send_timeout: 2000
nodelay: true
said dormouse, heard esuomrod
END
check "options read back, and the answer" diff "$WORK/expected" <(head -n 6 "$WORK/out")
check "statistics" has "$WORK/out" '^\{"recv_oct":[1-9][0-9]{2,},"recv_cnt":[1-9].*"send_oct":[1-9][0-9]{2,},.*"mss":[1-9][0-9]*\}$'
if command -v ss >/dev/null; then
    ss -tinoH "dport = :$PORT" >"$WORK/ss"
    check "ss: the keepalive timer runs for an hour" has "$WORK/ss" 'timer:\(keepalive,(59|60)min'
    received=$(sed -n 's/.*{"recv_oct":\([0-9]*\),.*/\1/p' "$WORK/out")
    check "ss: as many octets received" has "$WORK/ss" "bytes_received:$received "
fi
exec 5>&-
wait "$CLIENT"
check "the example ends well" equal $? 0
finish
