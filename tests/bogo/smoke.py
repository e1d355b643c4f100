#!/usr/bin/env python3
"""The shim without the runner: its exit codes, and two of it talking to each other through a socket in the middle.

Both shims dial, as the runner has it; what one says is passed on to the other."""
import os
import pathlib
import select
import socket
import subprocess
import sys
import tempfile

SHIM = pathlib.Path(os.environ["DORMOUSE_BUILD"]) / "tests" / "bogo_shim"
PATIENCE_S = 120


def shim(*flags):
    return subprocess.Popen([SHIM, *map(str, flags)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def accept(listener):
    """The next shim's connection and its id."""
    connection, _ = listener.accept()
    connection.settimeout(PATIENCE_S)
    name = b""
    while len(name) < 8:
        name += connection.recv(8 - len(name))
    return connection, int.from_bytes(name, "little")


def pass_on(a, b):
    """Until both have ended what they send."""
    to = {a: b, b: a}
    while to:
        readable, _, _ = select.select(list(to), [], [], PATIENCE_S)
        assert readable, "the shims are silent"
        for one in readable:
            data = one.recv(65536)
            if data:
                to[one].sendall(data)
            else:
                other = to.pop(one)
                other.shutdown(socket.SHUT_WR)


def together(client_flags, server_flags, connections):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE_S)
        port = listener.getsockname()[1]
        both = [
            shim("-port", port, "-shim-id", 1, *client_flags),
            shim("-port", port, "-shim-id", 2, "-server", *server_flags),
        ]
        try:
            for _ in range(connections):
                (a, one), (b, other) = accept(listener), accept(listener)
                assert {one, other} == {1, 2}
                with a, b:
                    pass_on(a, b)
            ends = [(*p.communicate(timeout=PATIENCE_S), p.returncode) for p in both]
        finally:
            for process in both:
                process.kill()
    return ends


def make_pair(folder):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=test", "-addext", "subjectAltName=DNS:test", "-keyout", f"{folder}/key.pem", "-out",
         f"{folder}/cert.pem"],
        check=True, capture_output=True)  # fmt: skip
    return "-cert-file", f"{folder}/cert.pem", "-key-file", f"{folder}/key.pem"


def codes():
    for flags, code, out in [
        (["-is-handshaker-supported"], 0, "No\n"),
        (["-quic"], 89, ""),
        (["-expect-something-new"], 89, ""),
        (["-port", "x"], 1, ""),
        (["-port"], 1, ""),
        (["-max-version", "769"], 89, ""),
        (["-on-resume-curves", "4711", "-resume-count", "1", "-port", "1"], 1, ""),
    ]:
        process = shim(*flags)
        said, _ = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, said) == (code, out), (flags, process.returncode, said)


def connections():
    with tempfile.TemporaryDirectory() as folder:
        identity = make_pair(folder)
        trust = ["-trust-cert", f"{folder}/cert.pem", "-verify-peer", "-expect-verify-result"]
        close = [["-shim-shuts-down", "-check-close-notify"], ["-check-close-notify"]]
        data = [[], ["-shim-writes-first", "-shim-shuts-down"]]
        for client, server in close, data:
            for version, number in ("-no-tls13", 771), ("-no-tls12", 772):
                for extra in [], ["-async"], ["-resume-count", "1"]:
                    ends = together(
                        [*trust, *client, *extra, version, "-expect-version", number],
                        [*identity, *server, *extra],
                        2 if "-resume-count" in extra else 1,
                    )
                    assert all(end == ("", "", 0) for end in ends), (client, version, extra, ends)
        ends = together(["-verify-peer", "-no-tls13"], identity, 1)
        assert [end[2] for end in ends] == [1, 1], ends
        assert ":CERT_SELFSIGNED:" in ends[0][1] or ":CERT_UNKNOWN_CA:" in ends[0][1], ends
        assert ":PEER_ALERT:" in ends[1][1], ends


codes()
connections()
sys.exit(0)
