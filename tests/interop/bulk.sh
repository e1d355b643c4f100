#!/usr/bin/env bash
# Much data through the echo service and back, in both versions: it comes back as it was, and memory stays bounded, also
# when the reading side is slow. 64 MiB; with BIG=1 1 GiB.
source "$(dirname "$0")/../support/interop.sh"
make_pki

megabytes=64
[ -n "$SANITIZE" ] && megabytes=8
[ -n "${BIG:-}" ] && megabytes=1024

# The same bytes each time, as fast as a cipher makes them.
data() { openssl enc -aes-128-ctr -K 000102030405060708090a0b0c0d0e0f -iv 00000000000000000000000000000000 -nosalt \
    -in /dev/zero 2>/dev/null | head -c $(($1 * 1048576)); }
sum() { sha256sum | cut -d' ' -f1; }
below() { [ "$1" -lt "$2" ] || { echo "$1 KiB is not below $2"; return 1; }; }
peak_kib() { awk '/^VmHWM/ {print $2}' "/proc/$1/status"; }

want=$(data $megabytes | sum)
start_dormouse --cert "$PKI/p256.pem" --key "$PKI/p256.key"
for version in tlsv1.3 tlsv1.2; do
    begin=$(date +%s%N)
    got=$(data $megabytes | timeout 280 "$BIN" connect "localhost:$PORT" --cacert "$PKI/root.pem" --versions $version \
        2>"$WORK/err" | sum)
    check "$version: $megabytes MiB come back as they were" equal "$got" "$want"
    echo "$version: $megabytes MiB there and back in $((($(date +%s%N) - begin) / 1000000)) ms"
done

# A reader that takes 4 MiB at once and then dawdles: the server may not gather what it does not take, nor may the client.
slow_reader() {
    local i
    head -c 4194304
    for i in 1 2 3 4 5 6 7 8 9 10; do
        sleep 0.2
        head -c 1048576
    done
    cat
}
before=$(resident_kib "$SERVER_PID")
for version in tlsv1.3 tlsv1.2; do
    mkfifo "$WORK/pipe.$version"
    data $megabytes >"$WORK/pipe.$version" &
    PIDS+=("$!")
    "$BIN" connect "localhost:$PORT" --cacert "$PKI/root.pem" --versions $version <"$WORK/pipe.$version" 2>"$WORK/err" \
        > >(slow_reader | sum >"$WORK/sum.$version") &
    client=$!
    PIDS+=("$client")
    sleep 1.5
    client_peak=$(peak_kib "$client")
    wait "$client"
    check "$version, slow: status" equal $? 0
    wait_for 20 test -s "$WORK/sum.$version"
    check "$version, slow: the same" equal "$(cat "$WORK/sum.$version")" "$want"
    if [ -z "$SANITIZE" ]; then
        check "$version, slow: the client's memory is bounded" below "$client_peak" 32768
        check "$version, slow: the server's memory is bounded" below "$(peak_kib "$SERVER_PID")" $((before + 16384))
    fi
done

# Many at once, each with its own data.
for i in 1 2 3 4 5 6 7 8; do
    (data $((i % 3 + 1)) | tr '\000-\377' "\\00$((i % 8))-\\377\\000-\\00$((i % 8))" 2>/dev/null >"$WORK/in.$i"
        timeout 60 "$BIN" connect "localhost:$PORT" --cacert "$PKI/root.pem" <"$WORK/in.$i" >"$WORK/out.$i" 2>/dev/null) &
    jobs[i]=$!
done
for i in 1 2 3 4 5 6 7 8; do
    wait "${jobs[i]}"
    check "client $i of 8" cmp "$WORK/in.$i" "$WORK/out.$i"
done

# What comes through openssl's client.
head -c 3000000 /dev/urandom | base64 >"$WORK/in"
(
    cat "$WORK/in"
    sleep 2
) | timeout 60 openssl s_client -connect "127.0.0.1:$PORT" -quiet -no_ign_eof -nocommands >"$WORK/out" 2>/dev/null
check "openssl's client: 4 MB come back as they were" cmp "$WORK/in" "$WORK/out"
stop_server
check "the server ends with 0" equal "$STOPPED" 0
finish
