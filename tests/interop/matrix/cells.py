"""One cell: what each end is told, the connections through a relay that keeps what it sees, and what must come of it."""

import os
import select
import socket
import subprocess
import time

import keys
import table
import wire

PATIENCE_S = 30


class Trouble(Exception):
    pass


class Program:
    """A peer: a program that lives for many cells."""

    def __init__(self, name, command):
        self.name, self.command = name, command
        self.process = None
        self.version = self.ask("version").split(" ", 1)[1]

    def tell(self, line):
        if self.process is None or self.process.poll() is not None:
            self.rest = b""
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def lines(self):
        """What has come, when there is something to read."""
        data = os.read(self.process.stdout.fileno(), 65536)
        if not data:
            code = self.process.wait()
            self.process = None
            raise Trouble("%s ended with %d" % (self.name, code))
        *whole, self.rest = (self.rest + data).split(b"\n")
        return [line.decode() for line in whole]

    def ask(self, line):
        self.tell(line)
        while True:
            if not select.select([self.process.stdout], [], [], PATIENCE_S)[0]:
                self.end()
                raise Trouble("%s says nothing" % self.name)
            came = self.lines()
            if came:
                return came[0]

    def end(self, patience=1):
        """Its exit code, if it ran."""
        code = 0
        if self.process:
            self.process.stdin.close()
            try:
                code = self.process.wait(patience)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()
            self.process = None
        return code


class Relay:
    """Stands between client and server, and keeps what each sent in every connection."""

    def __init__(self, port):
        self.to = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.other = {}
        self.seen = []  # [client's bytes, server's bytes]
        self.kept = {}

    def watched(self):
        return [self.listener] + list(self.other)

    def ready(self, s):
        if s is self.listener:
            client = s.accept()[0]
            server = socket.create_connection(("127.0.0.1", self.to))
            for s in (client, server):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.other[client], self.other[server] = server, client
            self.seen.append([bytearray(), bytearray()])
            self.kept[client], self.kept[server] = self.seen[-1]
            return
        try:
            data = s.recv(65536)
            if data:
                self.kept[s] += data
                self.other[s].sendall(data)
                return
        except OSError:  # a reset is an end as well
            pass
        self.ended(s)

    def ended(self, s):
        """s has nothing more; both are closed when neither has."""
        to = self.other.pop(s)
        try:
            to.shutdown(socket.SHUT_WR)
        except OSError:
            self.other.pop(to, None)
        if to not in self.other:
            s.close()
            to.close()

    def close(self):
        for s in set(self.other) | set(self.other.values()) | {self.listener}:
            s.close()


# ---- what each end is told -------------------------------------------------------------------------------------------


def times(cell):
    return 1 if cell["resume"] == "full" else 2


def groups_of(cell, client):
    """Certificates' curves are in TLS 1.2's list, too. Whoever is to be sent back begins with a group that the server
    does not have."""
    groups = [] if cell["group"] == "-" else [cell["group"]]
    if cell["version"] == "1.2":
        for scheme in (cell["scheme"], cell["client"]):
            curve = scheme in table.SCHEMES and table.KEYS[table.SCHEMES[scheme].key].curve
            if curve and curve not in groups:
                groups.append(curve)
    if client and cell["retry"] == "yes":
        groups.insert(0, table.first_share(cell["group"]))
    return groups


def task(cell, client, folder, chain_too):
    groups = groups_of(cell, client)
    schemes = list(dict.fromkeys(s for s in (cell["scheme"], cell["client"]) if s in table.SCHEMES))
    by_rsa_alone = cell["scheme"] == "-"  # without a scheme for its own key OpenSSL's server takes no such suite
    if (chain_too or by_rsa_alone) and keys.CA_SCHEME not in schemes:
        schemes.append(keys.CA_SCHEME)
    own = cell["client"] if client else cell["scheme"]
    words = {
        "version": cell["version"],
        "suite": cell["suite"],
        "suite_id": table.SUITES[cell["suite"]],
        "groups": ",".join(groups),
        "group_ids": ",".join(str(table.GROUPS[g]) for g in groups),
        "schemes": ",".join(schemes),
        "scheme_ids": ",".join(str(table.SCHEMES[s].id) for s in schemes),
        "resume": cell["resume"],
        "times": times(cell),
        "extra": cell["extra"],
        "resume_without_ems": "true",
        "host": keys.HOST,
    }
    if own in table.SCHEMES:
        words["cert"] = os.path.join(folder, table.SCHEMES[own].key)
    elif not client:
        words["cert"] = os.path.join(folder, "rsa")
    if not client and table.exchange(cell["suite"])[0] == "DHE":
        words["field"] = os.path.join(folder, cell["group"])
    if client or cell["client"] != "none":
        words["ca"] = os.path.join(folder, "ca")
    if cell["client"].startswith(("rsa_pss", "ed")):
        # Told of authorities, a GnuTLS client goes by kinds of keys, too: in TLS 1.2 those of certificate_types, which has but
        # RSA and ECDSA, in 1.3 RSA-PSS for all that signs with it.
        words["authorities"] = "no"
    return " ".join("%s=%s" % (k, v) for k, v in words.items() if v != "")


# ---- a run -----------------------------------------------------------------------------------------------------------


def release(port, count):
    """The server waits for connections that will not come."""
    for _ in range(count):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            pass


def talk(server, client, relay, count, line):
    said = {server: [], client: []}
    failing, deadline = False, time.monotonic() + PATIENCE_S
    client.tell(line % relay.port)
    while min(len(said[p]) for p in said) < count or relay.other:
        outputs = {p.process.stdout: p for p in said}
        ready = select.select(list(outputs) + relay.watched(), [], [], max(0, deadline - time.monotonic()))[0]
        if not ready and failing:  # the other one may wait for what does not come
            server.end()
            client.end()
            return said
        if not ready:
            raise Trouble("no end; server %s, client %s" % (said[server], said[client]))
        for s in ready:
            if s in outputs:
                said[outputs[s]] += outputs[s].lines()
            elif s is relay.listener or s in relay.other:
                relay.ready(s)
        if not failing and any(not line.startswith("done") for lines in said.values() for line in lines):
            failing, deadline = True, time.monotonic() + 2
        if said[client] and said[client][0].startswith("cannot"):
            release(relay.to, count)
            relay.listener.close()
            while len(said[server]) < count:
                said[server] += server.lines()
            return said
    return said


def run(cell, server, client, folder):
    """Why it failed, or None: "cannot ..." when an end says so."""
    # Erlang shows a certificate to those alone who say that they take its issuer's signature.
    chain_too = "erlang" in (server.name, client.name)
    answer = server.ask("server " + task(cell, False, folder, chain_too))
    if not answer.startswith("port "):
        return "%s: %s" % (server.name, answer)
    relay = Relay(int(answer.split()[1]))
    try:
        said = talk(server, client, relay, times(cell), "client port=%d " + task(cell, True, folder, chain_too).replace("%", "%%"))
        for turn in range(times(cell)):
            lines = [(p, said[p][turn] if turn < len(said[p]) else "") for p in (client, server)]
            bad = ["%s: %s" % (p.name, line) for p, line in lines if not line.startswith("done")]
            if bad:
                return "connection %d: %s" % (turn + 1, "; ".join(bad))
            wrong = check_wire(cell, turn, relay.seen[turn])
            for p, line in lines:
                wrong += check_report(cell, turn, p, p is client, dict(w.split("=", 1) for w in line.split()[1:]))
            if wrong:
                return "connection %d: %s" % (turn + 1, "; ".join(wrong))
        return None
    except (Trouble, OSError, ValueError) as trouble:
        server.end()
        client.end()
        return "trouble: %s" % trouble
    finally:
        relay.close()


# ---- what must come of it --------------------------------------------------------------------------------------------


def resumed(cell, turn):
    return turn > 0 and cell["resume"] != "full"


def check_wire(cell, turn, streams):
    kind = table.exchange(cell["suite"])[0]
    seen = wire.look(bytes(streams[0]), bytes(streams[1]), kind != "DHE")
    wanted = {
        "version_id": table.VERSIONS[cell["version"]],
        "suite_id": table.SUITES[cell["suite"]],
        "retry": cell["retry"] == "yes",
        "resumed": resumed(cell, turn),
    }
    if cell["version"] == "1.3" or (kind == "ECDHE" and not resumed(cell, turn)):
        wanted["group_id"] = table.GROUPS[cell["group"]]
    if cell["version"] == "1.2" and not resumed(cell, turn):
        if kind == "DHE":
            wanted["prime_bits"] = int(cell["group"][len("ffdhe"):])
        if kind != "RSA":
            wanted["scheme_id"] = table.SCHEMES[cell["scheme"]].id
        if cell["client"] != "none":
            wanted["client_cert"] = True
            wanted["client_scheme_id"] = table.SCHEMES[cell["client"]].id
    return ["wire has %s %s" % (k, seen.get(k)) for k, v in wanted.items() if seen.get(k) != v]


def same_group(name, group):
    name = name.lower().replace("p-", "secp")
    return name == group or name + "r1" == group


def agrees(key, value, cell, scheme):
    """Whether a word of a report is what the cell says."""
    if key == "cipher":
        return value in cell["suite"].replace("_", "-")
    if key == "suite_id":
        return int(value) == table.SUITES[cell["suite"]]
    if key == "group":
        return same_group(value, cell["group"])
    if key == "group_id":
        return int(value) == table.GROUPS[cell["group"]]
    if key == "peer_scheme":
        return value == scheme
    if key == "peer_scheme_id":
        return scheme in table.SCHEMES and int(value) == table.SCHEMES[scheme].id
    if key == "peer_key":
        return scheme in table.SCHEMES and scheme.startswith(value)
    return cell.get(key) == value


def check_report(cell, turn, program, is_client, report):
    scheme = cell["scheme"] if is_client else cell["client"]
    again = resumed(cell, turn)
    expected = dict(cell, resumed="1" if again else "0", retry="1" if cell["retry"] == "yes" else "0",
                    peer_cert="0" if scheme == "none" else "1", alpn="matrix" if cell["extra"] == "alpn" else None)
    wrong = []
    peer = table.PEERS.get(program.name, table.OURS)
    for key in peer.tells.split() + ["alpn"] * (cell["extra"] == "alpn"):
        if key not in report:
            wrong.append("%s does not tell %s" % (program.name, key))
    for key, value in report.items():
        if key == "peer_cert" and again and (program.name in table.PEERS or is_client):
            continue  # what is kept with a session is each library's choice
        if key in ("group", "group_id") and (cell["version"] == "1.2" and again or cell["group"] == "-"):
            continue
        if not agrees(key, value, expected, scheme):
            wrong.append("%s has %s=%s" % (program.name, key, value))
    return wrong
