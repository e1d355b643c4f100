#!/bin/sh
# Makes the certificates that tests/interop uses, with the openssl command, into an empty directory:
#
#     tests/support/interop_pki.sh DIR
#
# A root, an authority below it, and below that one chain (leaf first) and key for each kind of server key, all for
# localhost, 127.0.0.1 and ::1; a client; and servers that are expired, or for another name, or of another root.
set -eu
cd "$1"
exec 2>openssl.log

cat >conf <<'END'
[req]
distinguished_name = name
prompt = no
[name]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
[server_rsa]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
[elsewhere]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:elsewhere.example
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
[expired]
database = index.txt
new_certs_dir = .
rand_serial = yes
policy = any
default_md = sha256
unique_subject = no
[any]
commonName = supplied
END

root() # NAME
{
    openssl req -config conf -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -subj "/CN=$1" \
        -days 30 -extensions ca -out "$1.pem"
}

issue() # NAME ISSUER SECTION KEY-ARGUMENTS...
{
    name=$1 issuer=$2 section=$3
    shift 3
    openssl req -config conf -new -newkey "$@" -nodes -keyout "$name.key" -subj "/CN=$name" -out "$name.csr"
    openssl x509 -req -in "$name.csr" -CA "$issuer.pem" -CAkey "$issuer.key" -days 30 -extfile conf \
        -extensions "$section" -out "$name.leaf"
    if [ "$issuer" = int ]; then cat "$name.leaf" int.pem; else cat "$name.leaf"; fi >"$name.pem"
}

root root
root other-root
issue int root ca ec -pkeyopt ec_paramgen_curve:P-256
issue p256 int server ec -pkeyopt ec_paramgen_curve:P-256
issue p384 int server ec -pkeyopt ec_paramgen_curve:P-384
issue rsa int server_rsa rsa:2048
issue pss int server rsa-pss -pkeyopt rsa_keygen_bits:2048
issue ed25519 int server ed25519
issue elsewhere int elsewhere ec -pkeyopt ec_paramgen_curve:P-256
issue foreign other-root server ec -pkeyopt ec_paramgen_curve:P-256
issue client int client ec -pkeyopt ec_paramgen_curve:P-256
issue client-rsa int client rsa:2048
issue client-foreign other-root client ec -pkeyopt ec_paramgen_curve:P-256

: >index.txt
openssl req -config conf -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout expired.key -subj /CN=expired \
    -out expired.csr
openssl ca -batch -config conf -name expired -in expired.csr -cert int.pem -keyfile int.key -notext -extfile conf \
    -extensions server -startdate "$(date -u -d '-20 days' +%Y%m%d%H%M%SZ)" \
    -enddate "$(date -u -d '-10 days' +%Y%m%d%H%M%SZ)" -out expired.leaf >/dev/null
cat expired.leaf int.pem >expired.pem
openssl req -config conf -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout selfsigned.key \
    -subj /CN=selfsigned -days 30 -extensions server -out selfsigned.pem
