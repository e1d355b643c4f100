#!/bin/sh
# Makes the certificates that the tests use, with the openssl command, into an empty directory:
#
#     tests/support/make_pki.sh DIR
#
# Every certificate is DIR/NAME.pem. Keys are few and shared, since making them is what takes the time: what tells two
# authorities apart is their name. Everything is valid from now on; "short" ones for ten days, the others for ten years.
set -eu
cd "$1"
exec 2>openssl.log
years=3650

cat >ext.cnf <<'END'
[req]
distinguished_name = name
prompt = no
[name]
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[ca_odd_id]
basicConstraints = critical, CA:TRUE
subjectKeyIdentifier = 01:02:03:04
[ca_bare]
basicConstraints = CA:TRUE
[ca_bare_no_ids]
basicConstraints = CA:TRUE
subjectKeyIdentifier = none
authorityKeyIdentifier = none
[ca_not]
basicConstraints = critical, CA:FALSE
[ca_none]
subjectKeyIdentifier = hash
[ca_no_sign]
basicConstraints = critical, CA:TRUE
keyUsage = critical, digitalSignature
[ca_pathlen0]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign
[ca_client]
basicConstraints = critical, CA:TRUE
extendedKeyUsage = clientAuth
[ca_any]
basicConstraints = critical, CA:TRUE
extendedKeyUsage = anyExtendedKeyUsage
[ca_names]
basicConstraints = critical, CA:TRUE
nameConstraints = critical, permitted;DNS:example
[ca_names_soft]
basicConstraints = critical, CA:TRUE
nameConstraints = permitted;DNS:example
[ca_critical]
basicConstraints = critical, CA:TRUE
1.2.3.4 = critical, DER:0500
[ca_policies]
basicConstraints = critical, CA:TRUE
certificatePolicies = critical, 1.2.3.4
[ca_needs_policy]
basicConstraints = critical, CA:TRUE
policyConstraints = critical, requireExplicitPolicy:0
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = DNS:host.example, DNS:*.wild.example, IP:192.0.2.7, IP:2001:db8::7
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[leaf_rsa]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = DNS:host.example
[leaf_rsa_encipher]
basicConstraints = critical, CA:FALSE
keyUsage = critical, keyEncipherment
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = DNS:host.example
[leaf_bare]
subjectAltName = DNS:host.example
[leaf_code]
extendedKeyUsage = codeSigning
[leaf_client]
extendedKeyUsage = clientAuth
[leaf_server]
extendedKeyUsage = serverAuth
[leaf_no_ids]
extendedKeyUsage = serverAuth
subjectKeyIdentifier = none
authorityKeyIdentifier = none
[leaf_any]
extendedKeyUsage = anyExtendedKeyUsage
[leaf_encrypts]
keyUsage = critical, keyEncipherment
[leaf_critical]
1.2.3.4 = critical, DER:0500
[leaf_odd]
1.2.3.4 = DER:0500
[dev]
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
basicConstraints = critical, CA:FALSE
extendedKeyUsage = serverAuth
[ca_config]
default_ca = future
[future]
database = index.txt
new_certs_dir = .
rand_serial = yes
policy = any
default_md = sha256
[any]
commonName = supplied
organizationName = supplied
END

key() # NAME openssl-genpkey-arguments
{
    name=$1; shift
    openssl genpkey "$@" -out "$name.key"
}

root() # NAME KEY SECTION [arguments]: self-signed
{
    name=$1 key=$2 section=$3; shift 3
    openssl req -config ext.cnf -x509 -new -key "$key.key" -subj "/O=Dormouse tests/CN=$name" -days $years \
        -extensions "$section" -out "$name.pem" "$@"
}

# Requests are made once for each name and key; certificates of the same name and key take them from there.
request() # NAME KEY
{
    openssl req -config ext.cnf -new -key "$2.key" -subj "/O=Dormouse tests/CN=$1" -out "$1.csr"
}

serial=1000
sign() # FILE REQUEST ISSUER ISSUER-KEY SECTION DAYS [arguments]
{
    file=$1 request=$2 issuer=$3 issuer_key=$4 section=$5 days=$6; shift 6
    serial=$((serial + 1))
    openssl x509 -req -in "$request.csr" -CA "$issuer.pem" -CAkey "$issuer_key.key" -days "$days" \
        -extfile ext.cnf -extensions "$section" -set_serial $serial -out "$file.pem" "$@"
}

serial() { echo $$"$count"; }
issue() # NAME KEY ISSUER ISSUER-KEY SECTION [arguments]
{
    name=$1 subject_key=$2; shift 2
    count=$((count + 1))
    request "$name" "$subject_key"
    issuer=$1 issuer_key=$2 section=$3; shift 3
    sign "$name" "$name" "$issuer" "$issuer_key" "$section" $years "$@"
}

curve() { key "$1" -algorithm EC -pkeyopt "ec_paramgen_curve:$2"; }
curve a P-256
curve b P-256
curve c P-256
curve d P-384
curve e P-521
key ed -algorithm ED25519
key ed448 -algorithm ED448
key rsa -algorithm RSA -pkeyopt rsa_keygen_bits:2048
key pss -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha256 \
    -pkeyopt rsa_pss_keygen_mgf1_md:sha256 -pkeyopt rsa_pss_keygen_saltlen:32
key weak -algorithm RSA -pkeyopt rsa_keygen_bits:1024

# Authorities at the top.
root root a root
root stranger b root
root root-384 d root
root root-ed ed root
root root-ed448 ed448 root
root root-p521 e root
root root-rsa rsa root
root root-pss pss root
root root-weak weak root
root root-plain b leaf_odd # version 3, and not said to be an authority
root self c leaf
root dev c dev
request root-v1 b
openssl x509 -req -in root-v1.csr -signkey b.key -days $years -out root-v1.pem
# The same name as root, with another key.
cp root.pem keep.pem
root root b root
mv root.pem twin.pem
mv keep.pem root.pem

# Authorities below root.
issue int b root a ca
issue int-bare b root a ca_bare
issue int-not b root a ca_not
issue int-none b root a ca_none
issue int-no-sign b root a ca_no_sign
issue int-pathlen0 b root a ca_pathlen0
issue int-under b int-pathlen0 b ca
issue int-client b root a ca_client
issue int-any b root a ca_any
issue int-names b root a ca_names
issue int-names-soft b root a ca_names_soft
issue int-critical b root a ca_critical
issue int-policies b root a ca_policies
issue int-needs-policy b root a ca_needs_policy
issue int2 d int b ca
issue int3 d int2 d ca
request int-v1 b
openssl x509 -req -in int-v1.csr -CA root.pem -CAkey a.key -days $years -set_serial 7 -out int-v1.pem
sign int-short int root a ca 10
sign int-odd-id int root a ca_odd_id $years

# Authorities that vouch for each other: root by stranger, and a circle that nobody trusts.
request root a
sign root-cross root stranger b ca $years
sign root-cross-short root stranger b ca 10
issue circle-a a stranger b ca
request circle-b b
sign circle-b circle-b circle-a a ca $years
sign circle-a circle-a circle-b b ca $years
# A rollover: the new key of root-roll is certified by its old one; the same name twice on the path.
root root-roll a root
request root-roll b
sign root-roll-new root-roll root-roll a ca $years

# Four keys under one name, each certified by each other one, and nothing tells which is meant.
for to in a b c d; do
    request mesh $to
    mv mesh.csr mesh-$to.csr
    openssl req -config ext.cnf -x509 -new -key $to.key -subj "/O=Dormouse tests/CN=mesh" -days $years \
        -extensions ca_bare_no_ids -out mesh-$to$to.pem
done
for by in a b c d; do
    for to in a b c d; do
        [ $by = $to ] || sign mesh-$by$to mesh-$to mesh-$by$by $by ca_bare_no_ids $years
    done
done
request by-mesh ed
sign by-mesh by-mesh mesh-aa a leaf_no_ids $years

# Peers.
issue leaf c int b leaf
issue leaf-root c root a leaf
for section in bare code client server any encrypts critical odd; do
    issue "leaf-$section" c int b "leaf_$section"
done
for issuer in bare not none no-sign pathlen0 under client any names names-soft critical policies needs-policy; do
    issue "by-$issuer" c "int-$issuer" b leaf
done
issue by-v1 c int-v1 b leaf_server
issue by-int3 c int3 d leaf
issue by-circle c circle-a a leaf
issue by-root-v1 c root-v1 b leaf_server
issue by-root-plain c root-plain b leaf_server
issue by-roll c root-roll-new b leaf
sign leaf-short leaf int b leaf 10
openssl x509 -req -in leaf.csr -CA int.pem -CAkey b.key -days $years -set_serial 8 -out leaf-v1.pem
: >index.txt
openssl ca -batch -config ext.cnf -name future -in leaf.csr -cert int.pem -keyfile b.key -notext \
    -startdate "$(date -u -d '+20 days' +%Y%m%d%H%M%SZ)" -days 3000 -extfile ext.cnf -extensions leaf \
    -out leaf-future.pem >/dev/null
# Issued by a namesake of int with another key: the name leads to int, the signature does not.
cp int.pem keep.pem
request int a
sign int int root a ca $years
issue leaf-namesake c int a leaf      # its authorityKeyIdentifier tells
issue leaf-forged c int a leaf_no_ids # nothing tells
mv int.pem namesake.pem
mv keep.pem int.pem

# Signature algorithms.
issue sig-sha1 c root a leaf_server -sha1
issue sig-ecdsa-384 c root a leaf_server -sha384
issue sig-ecdsa-512 c root a leaf_server -sha512
issue sig-p384 d root-384 d leaf_server -sha384
issue sig-p384-256 d root-384 d leaf_server -sha256
issue sig-ed ed root-ed ed leaf_server
for bits in 256 384 512; do
    issue sig-rsa-$bits rsa root-rsa rsa leaf_server -sha$bits
    issue sig-pss-$bits c root-rsa rsa leaf_server -sha$bits -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1
done
issue sig-rsa-sha1 c root-rsa rsa leaf_server -sha1
issue sig-rsa-224 c root-rsa rsa leaf_server -sha224
for salt in 20 10; do
    issue sig-pss-salt-$salt c root-rsa rsa leaf_server -sha256 -sigopt rsa_padding_mode:pss \
        -sigopt rsa_pss_saltlen:$salt
done
issue sig-pss-mask c root-rsa rsa leaf_server -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1 \
    -sigopt rsa_mgf1_md:sha384
issue sig-pss-sha1 c root-rsa rsa leaf_server -sha1 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1
issue sig-pss-pss pss root-pss pss leaf_server -sha256 -sigopt rsa_padding_mode:pss
issue sig-weak c root-weak weak leaf_server
issue sig-ed448 c root-ed448 ed448 leaf_server

# Servers and clients of every kind of key, below root, for host.example.
issue tls-p256 c root a leaf
issue tls-p384 d root a leaf
issue tls-ed ed root a leaf
issue tls-p521 e root a leaf
issue tls-ed448 ed448 root a leaf
issue leaf-p521 c root-p521 e leaf_server
issue tls-rsa rsa root a leaf
issue tls-rsa-both rsa root a leaf_rsa
issue tls-rsa-encipher rsa root a leaf_rsa_encipher
issue tls-pss pss root a leaf
