"""What the interoperation matrix tries, and what its peers cannot do. A new value is a line here; then `matrix.py --write`.

A cell is a dict: version, suite, group, scheme (the server signs with it), client (the scheme that the client signs with,
or none), resume, retry (a HelloRetryRequest), extra. "-" is a dimension that means nothing for the suite."""

import re
from collections import namedtuple

DIMENSIONS = ("version", "suite", "group", "scheme", "client", "resume", "retry", "extra")
VERSIONS = {"1.3": 0x0304, "1.2": 0x0303}

SUITES = {
    "TLS_AES_128_GCM_SHA256": 0x1301,
    "TLS_AES_256_GCM_SHA384": 0x1302,
    "TLS_CHACHA20_POLY1305_SHA256": 0x1303,
    "TLS_AES_128_CCM_SHA256": 0x1304,
    "TLS_AES_128_CCM_8_SHA256": 0x1305,
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": 0xC02B,
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": 0xC02C,
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": 0xCCA9,
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": 0xC02F,
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": 0xC030,
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": 0xCCA8,
    "TLS_ECDHE_ECDSA_WITH_AES_128_CCM": 0xC0AC,
    "TLS_ECDHE_ECDSA_WITH_AES_256_CCM": 0xC0AD,
    "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8": 0xC0AE,
    "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8": 0xC0AF,
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": 0xC009,
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": 0xC00A,
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": 0xC013,
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": 0xC014,
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256": 0xC023,
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384": 0xC024,
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256": 0xC027,
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384": 0xC028,
    "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256": 0x009E,
    "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384": 0x009F,
    "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256": 0xCCAA,
    "TLS_DHE_RSA_WITH_AES_128_CCM": 0xC09E,
    "TLS_DHE_RSA_WITH_AES_256_CBC_SHA": 0x0039,
    "TLS_RSA_WITH_AES_128_GCM_SHA256": 0x009C,
    "TLS_RSA_WITH_AES_256_GCM_SHA384": 0x009D,
    "TLS_RSA_WITH_AES_128_CBC_SHA": 0x002F,
}

# Finite fields have their turn with DHE suites in TLS 1.2, hybrids in 1.3 alone.
GROUPS = {
    "x25519": 29,
    "secp256r1": 23,
    "secp384r1": 24,
    "secp521r1": 25,
    "x448": 30,
    "ffdhe2048": 256,
    "ffdhe3072": 257,
    "ffdhe4096": 258,
}

# A scheme's key is a certificate of keys.py; versions it may sign a handshake in.
Scheme = namedtuple("Scheme", "id key versions")
SCHEMES = {
    "ecdsa_secp256r1_sha256": Scheme(0x0403, "p256", "1.3 1.2"),
    "ecdsa_secp384r1_sha384": Scheme(0x0503, "p384", "1.3 1.2"),
    "ecdsa_secp521r1_sha512": Scheme(0x0603, "p521", "1.3 1.2"),
    "rsa_pss_rsae_sha256": Scheme(0x0804, "rsa", "1.3 1.2"),
    "rsa_pss_rsae_sha384": Scheme(0x0805, "rsa", "1.3 1.2"),
    "rsa_pss_rsae_sha512": Scheme(0x0806, "rsa", "1.3 1.2"),
    "rsa_pss_pss_sha256": Scheme(0x0809, "pss", "1.3 1.2"),
    "rsa_pss_pss_sha384": Scheme(0x080A, "pss", "1.3 1.2"),
    "rsa_pss_pss_sha512": Scheme(0x080B, "pss", "1.3 1.2"),
    "ed25519": Scheme(0x0807, "ed25519", "1.3 1.2"),
    "ed448": Scheme(0x0808, "ed448", "1.3 1.2"),
    "rsa_pkcs1_sha256": Scheme(0x0401, "rsa", "1.2"),
    "rsa_pkcs1_sha384": Scheme(0x0501, "rsa", "1.2"),
    "rsa_pkcs1_sha512": Scheme(0x0601, "rsa", "1.2"),
}

# How a certificate's key is made, and the group of its curve.
Key = namedtuple("Key", "genpkey curve")
KEYS = {
    "p256": Key("-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "secp256r1"),
    "p384": Key("-algorithm EC -pkeyopt ec_paramgen_curve:P-384", "secp384r1"),
    "p521": Key("-algorithm EC -pkeyopt ec_paramgen_curve:P-521", "secp521r1"),
    "rsa": Key("-algorithm RSA -pkeyopt rsa_keygen_bits:2048", None),
    "pss": Key("-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048", None),
    "ed25519": Key("-algorithm ED25519", None),
    "ed448": Key("-algorithm ED448", None),
}

# The second of two connections resumes the first: by a ticket, or by a session that the server keeps.
RESUME = ("full", "ticket", "stateful")
RETRY = ("no", "yes")

# One thing more in a connection, and the versions that have it.
EXTRAS = {
    "none": "1.3 1.2",
    "alpn": "1.3 1.2",
    "encrypt_then_mac_off": "1.2",
    "key_update": "1.3",  # of the client's keys and of the server's, each with a request for the other's
}

# ---- peers -----------------------------------------------------------------------------------------------------------

# What each says of a connection; what it does not say, the wire says (wire.py), as far as it is in the clear there.
Peer = namedtuple("Peer", "title tells")
PEERS = {
    "openssl": Peer("OpenSSL", "version suite resumed peer_cert"),
    "gnutls": Peer("GnuTLS", "version cipher resumed peer_cert"),
    "nss": Peer("NSS", "version suite_id resumed peer_cert"),
    "mbedtls": Peer("mbedTLS", "version suite_id resumed"),
    "erlang": Peer("Erlang", "version suite peer_cert"),
}
OURS = Peer("Dormouse", "version suite resumed retry peer_cert")

# peer, its role (or "both"), what (a pattern for a dimension), why. Each line that is certain is tried in each run, and fails it if it
# works after all.
Cannot = namedtuple("Cannot", "peer role what why certain", defaults=[True])
CANNOT = [
    Cannot("gnutls", "server", {"version": "1.2", "scheme": "rsa.*|ed.*|-", "client": "ed.*"},
           "asks for EdDSA (ecdsa_sign of certificate_types) only where it takes ECDSA as well"),
    Cannot("gnutls", "server", {"version": "1.3", "resume": "stateful"}, "has no such tickets"),
    Cannot("nss", "server", {"version": "1.3", "resume": "stateful"}, "has no such tickets"),
    Cannot("nss", "both", {"scheme": "ed.*"}, "has no EdDSA"),
    Cannot("nss", "both", {"client": "ed.*"}, "has no EdDSA"),
    Cannot("nss", "server", {"version": "1.2", "suite": ".*(AES_256|CHACHA20).*", "group": "x25519|secp256r1",
                              "scheme": "ecdsa_secp384r1_sha384|ecdsa_secp521r1_sha512"},
           "takes no group that is weaker than its key and suite"),
    Cannot("nss", "server", {"version": "1.2", "suite": ".*(AES_256|CHACHA20).*", "group": "secp384r1", "scheme": "ecdsa_secp521r1_sha512"},
           "takes no group that is weaker than its key and suite"),
    Cannot("nss", "both", {"suite": ".*_CCM.*"}, "has no CCM"),
    Cannot("nss", "both", {"group": "x448"}, "has no X448"),
    Cannot("erlang", "both", {"version": "1.2", "scheme": "ed.*"}, "has EdDSA in TLS 1.3 alone"),
    Cannot("erlang", "both", {"version": "1.2", "client": "ed.*"}, "has EdDSA in TLS 1.3 alone"),
    Cannot("erlang", "client", {"version": "1.3", "scheme": "ed25519", "client": "ed448"},
           "signs by the first scheme of EdDSA that is asked for, whatever its key"),
    Cannot("erlang", "client", {"version": "1.3", "scheme": "ed448", "client": "ed25519"},
           "signs by the first scheme of EdDSA that is asked for, whatever its key"),
    Cannot("erlang", "server", {"scheme": "rsa_pss_pss.*"}, "reads no RSASSA-PSS key without parameters"),
    Cannot("erlang", "client", {"client": "rsa_pss_pss.*"}, "reads no RSASSA-PSS key without parameters"),
    Cannot("erlang", "client", {"version": "1.3", "resume": "ticket|stateful", "extra": "alpn"},
           "does not tell the protocol of a resumed connection"),
    Cannot("erlang", "both", {"version": "1.3", "group": "ffdhe.*"},
           "drops a share's leading zeros, so that one in 256 is too short (RFC 8446 section 4.2.8.1)", certain=False),
    Cannot("erlang", "client", {"version": "1.2", "resume": "stateful"},
           "keeps a session by the name that it asks for, and looks for it by the address that it connects to"),
    Cannot("erlang", "both", {"version": "1.2", "group": "x25519|x448"}, "has neither in TLS 1.2"),
    Cannot("erlang", "both", {"suite": "TLS_DHE_RSA_WITH_AES_128_CCM"}, "has CCM with DHE in no list of its own"),
    Cannot("erlang", "both", {"version": "1.2", "resume": "ticket"}, "has no tickets in TLS 1.2"),
    Cannot("erlang", "client", {"version": "1.3", "resume": "ticket|stateful", "retry": "yes"},
           "makes a wrong binder behind a HelloRetryRequest, which OpenSSL refuses as well"),
    Cannot("mbedtls", "both", {"version": "1.3"}, "has no TLS 1.3"),
    Cannot("mbedtls", "both", {"group": "x448"}, "has no X448 in TLS"),
    Cannot("mbedtls", "both", {"scheme": "rsa_pss.*"}, "has no RSA-PSS in TLS"),
    Cannot("mbedtls", "both", {"client": "rsa_pss.*"}, "has no RSA-PSS in TLS"),
    Cannot("mbedtls", "both", {"scheme": "ed.*"}, "has no EdDSA"),
    Cannot("mbedtls", "both", {"client": "ed.*"}, "has no EdDSA"),
    Cannot("mbedtls", "both", {"client": ".*_sha512"}, "verifies and makes clients' signatures with SHA-256 and SHA-384"),
    Cannot("mbedtls", "client", {"suite": ".*(_SHA256|_CCM|_CCM_8|_SHA)", "client": ".*_sha384"}, "signs with the suite's hash"),
    Cannot("mbedtls", "client", {"suite": ".*_SHA384", "client": ".*_sha256"}, "signs with the suite's hash"),
]


# ---- what goes together ------------------------------------------------------------------------------------------------


def suite_version(name):
    return "1.2" if "_WITH_" in name else "1.3"


def exchange(name):
    """How a suite agrees upon keys, and by what the server is known: ("ECDHE", "RSA")."""
    match = re.match(r"TLS_(?:(ECDHE|DHE)_)?(RSA|ECDSA)_WITH_", name)
    return (match.group(1) or "RSA", match.group(2)) if match else ("1.3", None)


def is_field(group):
    return group.startswith("ffdhe")


def is_hybrid(group):
    return "MLKEM" in group.upper()


def signs_with(scheme):
    key = SCHEMES[scheme].key
    return "RSA" if key in ("rsa", "pss") else "ECDSA"


def values(dimension, version):
    if dimension == "suite":
        return [s for s in SUITES if suite_version(s) == version]
    if dimension == "group":
        kinds = {exchange(s)[0] for s in values("suite", version)}
        return [g for g in GROUPS if version == "1.3" or not is_hybrid(g) and (not is_field(g) or "DHE" in kinds)] + (
            ["-"] if version == "1.2" else [])
    if dimension in ("scheme", "client"):
        known = [s for s in SCHEMES if version in SCHEMES[s].versions.split()]
        return known + (["none"] if dimension == "client" else ["-"] if version == "1.2" else [])
    if dimension == "resume":
        return list(RESUME)
    if dimension == "retry":
        return list(RETRY) if version == "1.3" else ["no"]
    return [e for e in EXTRAS if version in EXTRAS[e].split()]


def fits_exchange(cell):
    kind, key = exchange(cell["suite"])
    group, scheme = cell.get("group"), cell.get("scheme")
    if group:
        curve = group != "-" and not is_field(group) and not is_hybrid(group)
        if not {"1.3": group != "-", "ECDHE": curve, "DHE": is_field(group), "RSA": group == "-"}[kind]:
            return False
    if scheme == "-" or kind == "RSA":
        return not scheme or (scheme == "-" and kind == "RSA")
    return not scheme or key is None or signs_with(scheme) == key


def fits(cell):
    """Whether this, or a part of a cell, makes sense. In one handshake both ends have one list of schemes: with the same
    key the client signs with the one that the server signed with."""
    if "suite" in cell and not fits_exchange(cell):
        return False
    scheme, client = cell.get("scheme"), cell.get("client")
    if scheme in SCHEMES and client in SCHEMES and scheme != client:
        if SCHEMES[scheme].key == SCHEMES[client].key:
            return False
        if cell.get("version") == "1.2" and scheme.startswith("ecdsa") and client.startswith("ecdsa"):
            return False  # there a scheme of ECDSA is any curve's
    if "version" in cell and cell["version"] == "1.3" and (cell.get("group") == "-" or scheme == "-"):
        return False
    return True


def cannot(peer, role, cell):
    """The line that says that this peer cannot do it, if there is one."""
    for line in CANNOT:
        if line.peer == peer and line.role in (role, "both"):
            if all(d in cell and re.fullmatch(v, cell[d]) for d, v in line.what.items()):
                return line
    return None


def first_share(group):
    """For a retry: a group whose key a client sends first and that the server does not have."""
    return "secp384r1" if group != "secp384r1" else "secp256r1"
