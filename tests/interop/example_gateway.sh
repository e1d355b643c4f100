#!/usr/bin/env bash
# docs/examples/gateway.c between curl and a backend that wants a PROXY header: nginx, which tells what it heard, and our
# own server; docs/transports.md names it.
source "$(dirname "$0")/../support/interop.sh"
need curl openssl
make_pki

start_gateway() { # BACKEND_PORT VERSION; sets PORT
    rm -f "$WORK/gateway.out"
    exec 8<>"$WORK/key"
    "$BUILD/examples/gateway" 0 "$PKI/p256.pem" "$PKI/p256.key" "$1" "$PKI/root.pem" "$2" <&8 >"$WORK/gateway.out" 2>&1 &
    SERVER_PID=$!
    PIDS+=("$SERVER_PID")
    await_port "$WORK/gateway.out" '^listening on port ([0-9]+),'
}

stop_gateway() {
    printf '\n' >&8
    wait "$SERVER_PID"
    check "$1: the gateway ends" equal $? 0
}

get() { curl -4 -s --max-time 20 --cacert "$PKI/root.pem" -w 'from %{local_port}\n' "$@" >"$WORK/out" 2>"$WORK/err"; }

mkfifo "$WORK/key"

# --- our server behind it ----------------------------------------------------------------------------------------------
printf '{"host": "127.0.0.1", "port": 0, "service": "http", "options": {"certfile": "%s", "keyfile": "%s", "proxy_protocol": "require"}}\n' \
    "$PKI/p256.pem" "$PKI/p256.key" >"$WORK/config.json"
start_dormouse --config "$WORK/config.json"
BACKEND=$PORT
for version in v1 v2; do
    start_gateway "$BACKEND" $version
    get "https://localhost:$PORT/"
    check "ours, $version: the page" has "$WORK/out" 'tlsv1.3'
    s_client 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' -CAfile "$PKI/root.pem" \
        -verify_return_error -alpn http/1.1 -ign_eof
    check "ours, $version: openssl" has "$WORK/out" 'tlsv1.3'
    check "ours, $version: and its protocol" has "$WORK/out" 'ALPN protocol: http/1.1'
    stop_gateway "ours, $version"
done
# Nobody listens at the backend's port: the client is not left waiting.
start_gateway 1 v2
get "https://localhost:$PORT/"
check "no backend" test $? -ne 0
stop_gateway "no backend"

# --- nginx behind it tells whom it took for the client -----------------------------------------------------------------
NGINX=$("$SOURCE/.setup/nginx" --path 2>/dev/null) || finish
start_nginx() {
    for BACKEND in $(some_ports); do
        cat >"$WORK/nginx.conf" <<END
daemon off;
master_process off;
pid $WORK/nginx.pid;
error_log $WORK/error.log;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path $WORK/body;
    proxy_temp_path $WORK/proxy;
    fastcgi_temp_path $WORK/fastcgi;
    uwsgi_temp_path $WORK/uwsgi;
    scgi_temp_path $WORK/scgi;
    server {
        listen 127.0.0.1:$BACKEND ssl proxy_protocol;
        ssl_certificate $PKI/p256.pem;
        ssl_certificate_key $PKI/p256.key;
        location / { return 200 "for \$proxy_protocol_addr:\$proxy_protocol_port at :\$proxy_protocol_server_port\n"; }
    }
}
END
        "$NGINX" -p "$WORK" -e "$WORK/error.log" -c "$WORK/nginx.conf" >"$WORK/nginx.log" 2>&1 &
        PIDS+=("$!")
        wait_for 5 test -s "$WORK/nginx.pid" && return
    done
    cat "$WORK/nginx.log" "$WORK/error.log"
    exit 1
}
start_nginx
for version in v1 v2; do
    start_gateway "$BACKEND" $version
    get "https://localhost:$PORT/"
    from=$(sed -n 's/^from //p' "$WORK/out")
    check "nginx, $version: the client's address" has "$WORK/out" "^for 127.0.0.1:$from at :$PORT$"
    stop_gateway "nginx, $version"
done
finish
