#!/usr/bin/env python3
"""The interoperation matrix: Dormouse against other TLS libraries, in both roles. What is tried stands in matrix/table.py.

    matrix.py                  every pair of values with each peer, as the suite does; compares docs/interoperation.md
    matrix.py --write          the same, and writes the table there
    MATRIX=full matrix.py      every combination there is; MATRIX_PEERS=nss,gnutls for some of the peers

BUILD/interop/matrix.md gets a line for each cell that was run."""

import os
import re
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "matrix"))
import cells  # noqa: E402
import keys  # noqa: E402
import pairs  # noqa: E402
import report  # noqa: E402
import table  # noqa: E402

SOURCE = os.environ.get("DORMOUSE_SOURCE") or os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
BUILD = os.environ.get("DORMOUSE_BUILD") or os.path.join(SOURCE, "build")
PAGE = os.path.join(SOURCE, "docs", "interoperation.md")
ROLES = ("client", "server")  # of ours


def command(name):
    if name == "erlang":
        script = os.path.join(SOURCE, "tests/interop/peers/peer_erlang.escript")
        return ["escript", script] if shutil.which("escript") else None
    path = os.path.join(BUILD, "tests/interop/peer_" + name)
    return [path] if os.path.exists(path) else None


def cells_of(peer, role):
    """What both can do. A value of a dimension is tried with every value of the others, or in every combination."""
    theirs = "server" if role == "client" else "client"
    found = []
    for version in table.VERSIONS:
        fixed = {"version": version}

        def allowed(cell):
            whole = dict(fixed, **cell)
            return table.fits(whole) and not table.cannot(peer, theirs, whole)

        dimensions = [d for d in table.DIMENSIONS if d != "version"]
        values = {d: table.values(d, version) for d in dimensions}
        if not table.cannot(peer, theirs, fixed):
            make = pairs.product if os.environ.get("MATRIX") == "full" else pairs.rows
            found += [dict(fixed, **c) for c in make(dimensions, values, allowed)]
    return found


def probe_of(line):
    """The simplest cell that has what a peer is said not to do."""
    for version in [line.what["version"]] if "version" in line.what else list(table.VERSIONS):
        dimensions = [d for d in table.DIMENSIONS if d != "version"]
        values = {d: [v for v in table.values(d, version) if re.fullmatch(line.what.get(d, ".*"), v)]
                  for d in dimensions}
        for d in ("client", "resume"):
            values[d].sort(key=lambda v: v not in ("none", "full"))
        for cell in pairs.grow({"version": version}, dimensions, values, table.fits):
            return cell
    return None


def text_of(cell):
    return " ".join(cell[d] for d in table.DIMENSIONS)


class Run:
    def __init__(self, folder):
        self.folder = folder
        self.ours = cells.Program("dormouse", command("dormouse"))
        self.results = {}  # (peer, our role): [(cell, why it failed or None)]
        self.versions = {}
        self.failures = []

    def fail(self, text):
        self.failures.append(text)
        print("FAILED: " + text, flush=True)

    def one(self, cell, peer, role):
        server, client = (self.ours, peer) if role == "server" else (peer, self.ours)
        return cells.run(cell, server, client, self.folder)

    def against(self, name):
        path = command(name)
        if path is None:
            print("%-8s is not here" % name)
            return
        peer = cells.Program(name, path)
        self.versions[name] = peer.version
        try:
            for role in ROLES:
                self.in_role(peer, role)
        finally:
            peer.end(5)

    def in_role(self, peer, role):
        began = time.monotonic()
        done = self.results[(peer.name, role)] = []
        for cell in cells_of(peer.name, role):
            why = self.one(cell, peer, role)
            done.append((cell, why))
            if why:
                self.fail("%s, ours the %s: %s\n    %s" % (peer.name, role, text_of(cell), why))
        theirs = "server" if role == "client" else "client"
        for line in table.CANNOT:
            if line.certain and line.peer == peer.name and line.role in (theirs, "both"):
                cell = probe_of(line)
                if cell and self.one(cell, peer, role) is None:
                    self.fail("%s %s can after all: %s" % (peer.name, peer.version, text_of(cell)))
        print("%-8s %-22s ours the %s: %4d cells, %5.1f s" % (peer.name, peer.version, role, len(done),
                                                              time.monotonic() - began))
        sys.stdout.flush()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the folders go
    chosen = os.environ.get("MATRIX_PEERS", ",".join(table.PEERS)).split(",")
    if command("dormouse") is None:
        print("peer_dormouse is not built")
        return 1
    with tempfile.TemporaryDirectory(prefix="dormouse-matrix-") as folder:
        keys.make(folder)
        run = Run(folder)
        try:
            for name in chosen:
                run.against(name)
        finally:
            if run.ours.end(20) != 0:
                run.fail("peer_dormouse ended in failure")
    report.write_cells(run.results, run.versions, os.path.join(BUILD, "interop", "matrix.md"))
    for failure in report.judge(run.results, run.versions, PAGE, "--write" in sys.argv):
        run.fail(failure)
    return 1 if run.failures else 0


if __name__ == "__main__":
    sys.exit(main())
