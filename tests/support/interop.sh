# What the scripts of tests/interop share; sourced by bash. Servers on free ports of the loopback, waited for and ended by
# their process id, a folder that is removed, and checks that are counted.
#
#     source tests/support/interop.sh "name of the script's subject"
#     start_dormouse --service http --cert "$PKI/p256.pem" --key "$PKI/p256.key"     # then $PORT and $SERVER_PID
#     check "what must hold" command arguments...
#     finish

set -u -o pipefail

SOURCE=${DORMOUSE_SOURCE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
BUILD=${DORMOUSE_BUILD:-$SOURCE/build}
BIN=${DORMOUSE_BIN:-$BUILD/dormouse}
SANITIZE=${DORMOUSE_SANITIZE:-}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/dormouse-interop-XXXXXX")
PIDS=()
PORT=
SERVER_PID=
checks=0
failures=0
started=0

# Reports of sanitizers go to files, so that none is lost with a process whose status or output nobody looks at.
if [ -n "$SANITIZE" ]; then
    for options in ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS; do
        export "$options=${!options:-}:log_path=$WORK/sanitizer"
    done
fi

# Under memcheck it is the servers that are watched.
WATCHED=()
[ -n "${DORMOUSE_VALGRIND:-}" ] && WATCHED=($DORMOUSE_VALGRIND "--log-file=$WORK/sanitizer.%p")

gone() { ! kill -0 "$1" 2>/dev/null; }

cleanup() {
    local status=$? pid report
    for pid in "${PIDS[@]:-}"; do
        [ -n "$pid" ] || continue
        # One that is killed is not asked about leaks.
        [ -n "$SANITIZE${WATCHED[*]:-}" ] && kill -TERM "$pid" 2>/dev/null && wait_for 10 gone "$pid"
        kill -KILL "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    done
    for report in "$WORK"/sanitizer.*; do
        [ -s "$report" ] || continue
        status=1
        echo "FAILED: a report of memory errors, leaks or races"
        head -n 60 "$report"
    done
    rm -rf "$WORK"
    exit "$status"
}
trap cleanup EXIT

skip() {
    echo "skipped: $*"
    exit 77
}

need() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || skip "there is no $tool here"
    done
}

# The certificates, made once a day and shared by the scripts, which may run side by side.
make_pki() {
    need openssl flock
    PKI=$BUILD/interop-pki
    (
        flock 9
        if [ ! -e "$PKI/done" ] || [ -n "$(find "$PKI/done" -mmin +1440)" ] ||
            [ "$SOURCE/tests/support/interop_pki.sh" -nt "$PKI/done" ]; then
            rm -rf "$PKI" && mkdir -p "$PKI" && "$SOURCE/tests/support/interop_pki.sh" "$PKI" && touch "$PKI/done"
        fi
    ) 9>"$BUILD/interop-pki.lock" || {
        cat "$PKI/openssl.log"
        echo "the certificates could not be made"
        exit 1
    }
}

# check WORDS COMMAND...: the command must succeed. What it printed is shown when it does not.
check() {
    local what=$1
    shift
    checks=$((checks + 1))
    if ! "$@" >"$WORK/check.log" 2>&1; then
        failures=$((failures + 1))
        echo "FAILED: $what"
        echo "  command: $*"
        tail -n 15 "$WORK/check.log" | sed 's/^/  | /'
    fi
}

# Checks of a file's contents, an extended regular expression, or the opposite.
has() { grep -Eq -- "$2" "$1" || { echo "no line matches '$2' in:"; tail -n 12 "$1"; return 1; }; }
has_not() { ! grep -E -- "$2" "$1"; }
equal() { [ "$1" = "$2" ] || { echo "'$1' is not '$2'"; tail -n 3 "$WORK/err" 2>/dev/null; return 1; }; }

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
    local tenths=$(($1 * 20))
    shift
    while ! "$@" >/dev/null 2>&1; do
        tenths=$((tenths - 1))
        [ $tenths -gt 0 ] || return 1
        sleep 0.05
    done
}

# For servers that cannot choose one: below those that the system gives out, and others in every run.
some_ports() {
    local i
    for i in 1 2 3 4; do echo $((16384 + RANDOM % 16384)); done
}

# start_example NAME: a server of docs/examples on a port of its choice, until a line comes into $WORK/key; $LOG is what it prints.
start_example() {
    LOG=$WORK/$1.out
    mkfifo "$WORK/key"
    for PORT in $(some_ports); do
        "$BUILD/examples/$1" "$PORT" <>"$WORK/key" >"$LOG" 2>&1 &
        SERVER_PID=$!
        PIDS+=("$SERVER_PID")
        wait_for 10 line_or_death "$LOG" '^listening'
        grep -q '^listening' "$LOG" && break
    done
}

line_or_death() { grep -Eq -- "$2" "$1" || ! kill -0 "$SERVER_PID" 2>/dev/null; }

# await_port LOG PATTERN: waits for the line that the pattern's first group takes the port from; sets PORT. The log is the server's own: the
# line of one before it would do until the new one has opened it.
await_port() {
    wait_for 20 line_or_death "$1" "$2"
    PORT=$(sed -nE "s/.*$2.*/\\1/p" "$1" | head -n 1)
    [ -n "$PORT" ] || {
        echo "a server did not start:"
        tail -n 20 "$1"
        exit 1
    }
}

# start_dormouse ARGUMENTS...: our server, on 127.0.0.1 unless --host is among them. $LOG is its standard error.
start_dormouse() {
    started=$((started + 1))
    local out=$WORK/server.$started.out host=(--host 127.0.0.1)
    LOG=$WORK/server.$started.log
    [[ " $* " == *" --host "* || " $* " == *" --config "* ]] && host=()
    "${WATCHED[@]}" "$BIN" serve --port 0 "${host[@]}" "$@" >"$out" 2>"$LOG" </dev/null &
    SERVER_PID=$!
    PIDS+=("$SERVER_PID")
    wait_for 20 line_or_death "$out" '^listening on '
    PORT=$(sed -nE 's/^listening on .*:([0-9]+)$/\1/p' "$out")
    [ -n "$PORT" ] || {
        echo "dormouse serve $* did not start:"
        tail -n 20 "$LOG"
        exit 1
    }
}

# start_openssl ARGUMENTS...: openssl s_server; what is written to $SERVER_INPUT are its commands. $LOG has its output.
start_openssl() {
    started=$((started + 1))
    LOG=$WORK/s_server.$started.log
    SERVER_INPUT=$WORK/s_server.$started.in
    mkfifo "$SERVER_INPUT"
    openssl s_server -accept 127.0.0.1:0 "$@" <>"$SERVER_INPUT" >"$LOG" 2>&1 &
    SERVER_PID=$!
    PIDS+=("$SERVER_PID")
    await_port "$LOG" '^ACCEPT [^ ]*:([0-9]+)$'
}

# stop_server [SIGNAL]: ends the last one started and waits for it; its exit status is in $STOPPED.
stop_server() {
    kill -"${1:-TERM}" "$SERVER_PID" 2>/dev/null
    wait "$SERVER_PID" 2>/dev/null
    STOPPED=$?
    local pid kept=()
    for pid in "${PIDS[@]}"; do
        [ "$pid" = "$SERVER_PID" ] || kept+=("$pid")
    done
    PIDS=("${kept[@]:-}")
}

# connect INPUT ARGUMENTS...: our client to $PORT of localhost with that input; $WORK/out and $WORK/err; status in $STATUS.
connect() {
    local input=$1
    shift
    printf '%b' "$input" | timeout 20 "$BIN" connect "localhost:$PORT" "$@" >"$WORK/out" 2>"$WORK/err"
    STATUS=$?
}

# s_client INPUT ARGUMENTS...: openssl's client likewise, with both streams in $WORK/out.
s_client() {
    local input=$1
    shift
    printf '%b' "$input" | timeout 20 openssl s_client -connect "127.0.0.1:$PORT" -servername localhost "$@" \
        >"$WORK/out" 2>&1
    STATUS=$?
}

resident_kib() { awk '/^VmRSS/ {print $2}' "/proc/$1/status"; }

finish() {
    echo "$checks checks, $failures failed"
    [ "$failures" = 0 ] || exit 1
    exit 0
}
