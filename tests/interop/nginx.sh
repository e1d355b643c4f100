#!/usr/bin/env bash
# Our client and an nginx: chain and name verified, wrong name and unknown authority refused, resumption, ALPN.
source "$(dirname "$0")/../support/interop.sh"
NGINX=$("$SOURCE/.setup/nginx" --path 2>/dev/null) || skip "there is no nginx here"
make_pki

cat >"$WORK/nginx.conf" <<END
daemon off;
master_process off;
pid $WORK/nginx.pid;
error_log $WORK/error.log;
worker_rlimit_nofile 256;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path $WORK/body;
    proxy_temp_path $WORK/proxy;
    fastcgi_temp_path $WORK/fastcgi;
    uwsgi_temp_path $WORK/uwsgi;
    scgi_temp_path $WORK/scgi;
    server {
        listen 127.0.0.1:@PORT@ ssl;
        server_name localhost;
        ssl_certificate $PKI/p256.pem;
        ssl_certificate_key $PKI/p256.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache shared:s:1m;
        ssl_session_tickets @TICKETS@;
        location / { return 200 "served to \$ssl_protocol \$ssl_server_name\n"; }
    }
    server {
        listen 127.0.0.1:@PORT@ ssl;
        server_name elsewhere.example;
        ssl_certificate $PKI/expired.pem;
        ssl_certificate_key $PKI/expired.key;
    }
}
END

# start_nginx TICKETS. It cannot choose a port itself, so one is tried after the other.
start_nginx() {
    rm -f "$WORK/nginx.pid"
    sed -i -E "s/ssl_session_tickets [^;]*/ssl_session_tickets $1/" "$WORK/nginx.conf"
    for PORT in $(some_ports); do
        sed -i -E "s/127.0.0.1:(@PORT@|[0-9]+)/127.0.0.1:$PORT/" "$WORK/nginx.conf"
        "$NGINX" -p "$WORK" -e "$WORK/error.log" -c "$WORK/nginx.conf" >"$WORK/nginx.log" 2>&1 &
        SERVER_PID=$!
        PIDS+=("$SERVER_PID")
        wait_for 5 test -s "$WORK/nginx.pid" && return
    done
    cat "$WORK/nginx.log" "$WORK/error.log"
    exit 1
}

# The input stays open until nginx has closed: when a client closes first, nginx ends without a close_notify of its own, and
# that our client rightly reports as a connection that was cut.
fetch() {
    rm -f "$WORK/input" && mkfifo "$WORK/input" && exec 7<>"$WORK/input"
    printf '%b' "$GET" >&7
    timeout 20 "$BIN" connect "localhost:$PORT" "$@" <&7 >"$WORK/out" 2>"$WORK/err"
    STATUS=$?
    exec 7>&-
}

GET='GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
# By ticket, and with its memory of ids (in TLS 1.3 these are tickets, too).
for tickets in on off; do
    start_nginx $tickets
    for version in 2 3; do
        fetch --cacert "$PKI/root.pem" --versions tlsv1.$version
        check "tickets $tickets, TLS 1.$version: status" equal "$STATUS" 0
        check "tickets $tickets, TLS 1.$version: page" has "$WORK/out" "^served to TLSv1.$version localhost"
        fetch --cacert "$PKI/root.pem" --versions tlsv1.$version --resume 1
        check "tickets $tickets, TLS 1.$version: resumed" has "$WORK/err" ', resumed'
        check "tickets $tickets, TLS 1.$version: page" has "$WORK/out" "^served to TLSv1.$version"
    done
    [ $tickets = on ] && stop_server
done
fetch --cacert "$PKI/root.pem" --alpn http/1.1
check "ALPN" has "$WORK/err" 'alpn: http/1.1'
fetch
check "the system's authorities do not know it: status" equal "$STATUS" 3
check "the system's authorities do not know it" has "$WORK/err" 'unknown CA'
fetch --cacert "$PKI/other-root.pem"
check "another authority" has "$WORK/err" 'unknown CA'
fetch --cacert "$PKI/root.pem" --servername localhost.localdomain
check "another name" has "$WORK/err" 'not for this host name'
fetch --cacert "$PKI/root.pem" --servername elsewhere.example
check "an expired certificate by its name" has "$WORK/err" 'a certificate has expired'
stop_server
finish
