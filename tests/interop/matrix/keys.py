"""The certificates of a run: an authority, and for each kind of key one that it signed, as .pem, .key, .der and .p8;
the finite fields, for servers of TLS 1.2 that are given theirs, as ffdhe2048.params and so on."""

import os
import subprocess

import table

EXTENSIONS = """basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = DNS:host.example
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""
HOST = "host.example"
CA_SCHEME = "rsa_pkcs1_sha256"  # how the authority signs


def openssl(folder, line):
    done = subprocess.run(["openssl"] + line.split(), cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError("openssl %s\n%s" % (line, done.stderr))


def make(folder):
    with open(os.path.join(folder, "leaf.cnf"), "w", encoding="utf-8") as file:
        file.write(EXTENSIONS)
    openssl(folder, "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=Matrix")
    openssl(folder, "x509 -in ca.pem -outform DER -out ca.der")
    for name, key in table.KEYS.items():
        openssl(folder, "genpkey %s -out %s.key" % (key.genpkey, name))
        openssl(folder, "req -new -key %s.key -subj /CN=%s -out %s.csr" % (name, HOST, name))
        openssl(folder, "x509 -req -in %s.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile leaf.cnf "
                        "-out %s.pem" % (name, name))
        openssl(folder, "x509 -in %s.pem -outform DER -out %s.der" % (name, name))
        if name == "pss":  # as a plain RSA key: NSS reads no other, and the certificate says what it is for
            openssl(folder, "rsa -in pss.key -traditional -out pss.rsa")
            relabel(os.path.join(folder, "pss.rsa"))
        openssl(folder, "pkcs8 -topk8 -nocrypt -in %s -outform DER -out %s.p8" % (
            "pss.rsa" if name == "pss" else name + ".key", name))
    for group in filter(table.is_field, table.GROUPS):
        openssl(folder, "genpkey -genparam -algorithm DH -pkeyopt group:%s -out %s.params" % (group, group))


def relabel(path):
    with open(path, encoding="ascii") as file:
        text = file.read()
    with open(path, "w", encoding="ascii") as file:
        file.write(text.replace(" RSA-PSS PRIVATE", " RSA PRIVATE"))
