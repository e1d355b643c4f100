"""What somebody between the two ends sees: the handshake messages in the clear. Independent of what either end says."""

RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
CLIENT_HELLO, SERVER_HELLO, TICKET, CERTIFICATE, SERVER_KEYS, VERIFY = 1, 2, 4, 11, 12, 15
SUPPORTED_VERSIONS, KEY_SHARE, PRE_SHARED_KEY = 43, 51, 41


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise ValueError("too short")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, width):
        return int.from_bytes(self.take(width), "big")

    def vector(self, width):
        return self.take(self.number(width))

    def more(self):
        return self.at < len(self.data)


def flights(stream):
    """Runs of handshake bytes in the clear, as they stand between a direction's change_cipher_specs."""
    runs, at = [b""], 0
    while at + 5 <= len(stream):
        kind, size = stream[at], int.from_bytes(stream[at + 3:at + 5], "big")
        body = stream[at + 5:at + 5 + size]
        at += 5 + size
        if kind == 22:
            runs[-1] += body
        elif kind == 20:
            runs.append(b"")
        elif kind == 23:
            break
    return runs


def messages(run):
    reader = Reader(run)
    while len(run) - reader.at >= 4:
        kind = reader.number(1)
        yield kind, reader.vector(3)


def extensions(reader):
    found = {}
    if reader.more():
        inner = Reader(reader.vector(2))
        while inner.more():
            kind = inner.number(2)
            found[kind] = inner.vector(2)
    return found


def server_hello(body, seen):
    reader = Reader(body)
    version, random = reader.number(2), reader.take(32)
    reader.vector(1)
    seen["suite_id"] = reader.number(2)
    reader.take(1)
    found = extensions(reader)
    seen["version_id"] = int.from_bytes(found[SUPPORTED_VERSIONS], "big") if SUPPORTED_VERSIONS in found else version
    if KEY_SHARE in found:
        seen["group_id"] = int.from_bytes(found[KEY_SHARE][:2], "big")
    seen["psk"] = PRE_SHARED_KEY in found
    return random == RETRY_RANDOM


def server_keys(body, seen, elliptic):
    reader = Reader(body)
    if elliptic:
        reader.take(1)
        seen["group_id"] = reader.number(2)
        reader.vector(1)
    else:
        seen["prime_bits"] = 8 * len(reader.vector(2))
        reader.vector(2)
        reader.vector(2)
    seen["scheme_id"] = reader.number(2)


def look(client, server, elliptic):
    """client, server: the bytes that each sent. elliptic: how to read TLS 1.2's ServerKeyExchange."""
    seen = {"retry": False, "resumed": False}
    kinds = []
    for run in flights(server):
        again = False
        for kind, body in messages(run):
            kinds.append(kind)
            if kind == SERVER_HELLO:
                again = server_hello(body, seen)
                seen["retry"] |= again
            elif kind == SERVER_KEYS:
                server_keys(body, seen, elliptic)
        if not again:
            break
    if seen.get("version_id") == 0x0304:
        seen["resumed"] = seen["psk"]
    else:
        seen["resumed"] = SERVER_HELLO in kinds and CERTIFICATE not in kinds
        for kind, body in messages(flights(client)[0]):
            if kind == CERTIFICATE:
                seen["client_cert"] = len(body) > 3
            elif kind == VERIFY:
                seen["client_scheme_id"] = int.from_bytes(body[:2], "big")
    return seen
