# More of what the scripts of tests/interop share, sourced behind interop.sh: servers of GnuTLS and nginx, our client with any
# options, and a relay that notes each record.

PROBE=$BUILD/tests/interop/probe

# start_gnutls ARGUMENTS...: gnutls-serv, with the certificate p256 unless others are among them; $LOG has its output.
start_gnutls() {
    local shown=(--x509certfile "$PKI/p256.pem" --x509keyfile "$PKI/p256.key")
    [[ " $* " == *" --x509certfile "* ]] && shown=()
    started=$((started + 1))
    LOG=$WORK/gnutls.$started.log
    for PORT in $(some_ports); do
        rm -f "$LOG"
        gnutls-serv --port "$PORT" "${shown[@]}" "$@" >"$LOG" 2>&1 </dev/null &
        SERVER_PID=$!
        PIDS+=("$SERVER_PID")
        wait_for 10 line_or_death "$LOG" 'IPv4 .*done' && grep -q 'IPv4 .*done' "$LOG" && return
    done
    cat "$LOG"
    exit 1
}

# start_nginx DIRECTIVES: an nginx with the certificate p256 and more for its server. Sets NGINX before: .setup/nginx --path.
start_nginx() {
    started=$((started + 1))
    local home=$WORK/nginx.$started
    LOG=$home/error.log
    for PORT in $(some_ports); do
        rm -rf "$home" && mkdir -p "$home"
        cat >"$home/conf" <<END
daemon off;
master_process off;
pid $home/pid;
error_log $LOG;
worker_rlimit_nofile 256;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path $home/body;
    proxy_temp_path $home/proxy;
    fastcgi_temp_path $home/fastcgi;
    uwsgi_temp_path $home/uwsgi;
    scgi_temp_path $home/scgi;
    server {
        listen 127.0.0.1:$PORT ssl;
        server_name localhost;
        ssl_certificate $PKI/p256.pem;
        ssl_certificate_key $PKI/p256.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache shared:s:1m;
        location / { return 200 "served\n"; }
        $1
    }
}
END
        "$NGINX" -p "$home" -e "$LOG" -c "$home/conf" >"$home/out" 2>&1 &
        SERVER_PID=$!
        PIDS+=("$SERVER_PID")
        wait_for 5 test -s "$home/pid" && return
    done
    cat "$home/out" "$LOG"
    exit 1
}

# probe OPTIONS [INPUT WANTED [TIMES]]: our client, which trusts our root unless they say otherwise, with more options, the inside of an object in JSON. What
# it prints is in $WORK/out, what was shown in $WORK/ocsp and $WORK/sct, data in $WORK/data; its status in $STATUS.
probe() {
    rm -f "$WORK/ocsp" "$WORK/sct" "$WORK/data"
    local trust="\"cacertfile\": \"$PKI/root.pem\", "
    [[ $1 == *'"cacertfile"'* ]] && trust=
    timeout 60 "$PROBE" "$PORT" "{$trust$1}" "$WORK" "${@:2}" >"$WORK/out" 2>&1
    STATUS=$?
}

# through: puts a relay before $PORT, which becomes the relay's; what passes stands in $WORK/records (relay.py).
through() {
    local peer=$SERVER_PID
    rm -f "$WORK/relay.out" # the line of the one before would do for await_port
    python3 "$SOURCE/tests/interop/relay.py" "$PORT" "$WORK/records" >"$WORK/relay.out" 2>&1 &
    SERVER_PID=$!
    RELAY_PID=$SERVER_PID
    PIDS+=("$SERVER_PID")
    await_port "$WORK/relay.out" '^listening on ([0-9]+)$'
    SERVER_PID=$peer
}

# The server and the relay before it.
stop_both() {
    stop_server
    SERVER_PID=$RELAY_PID
    stop_server
}

# noted WORDS: waits until the relay has written what it saw of a connection; $WORK/records was empty before.
noted() { check "$1: the relay has seen it end" wait_for 20 grep -q '^connection' "$WORK/records"; }
