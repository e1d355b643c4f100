#!/usr/bin/env python3
"""What a service manager does for socket activation: opens sockets, puts them at 3 and on, says so in the environment of a
process, and becomes that process.

    activate.py [--names A:B] [--fds TEXT] [--pid TEXT] SOCKET... -- COMMAND...

SOCKET is tcp (a free port of 127.0.0.1), tcp6, unix:PATH, closed (none) or idle (one that does not listen). The ports go to
the file that PORTS in the environment names, one in a line.
"""

import os
import socket
import sys


def make(what):
    if what == "closed":
        return None
    if what.startswith("unix:"):
        s = socket.socket(socket.AF_UNIX)
        s.bind(what[5:])
    elif what == "tcp6":
        s = socket.socket(socket.AF_INET6)
        s.bind(("::1", 0))
    else:
        s = socket.socket(socket.AF_INET)
        s.bind(("127.0.0.1", 0))
    if what != "idle":
        s.listen(16)
    return s


def main():
    words = sys.argv[1:]
    given = {}
    while words[0] in ("--names", "--fds", "--pid"):
        given[words[0][2:]] = words[1]
        words = words[2:]
    at = words.index("--")
    sockets, command = [make(what) for what in words[:at]], words[at + 1 :]
    with open(os.environ.pop("PORTS", os.devnull), "w") as ports:
        for s in sockets:
            if s and s.family != socket.AF_UNIX:
                print(s.getsockname()[1], file=ports)
    # Above those places first, so that none is overwritten before it is copied.
    high = [os.dup2(s.fileno(), 100 + i, False) if s else None for i, s in enumerate(sockets)]
    os.closerange(3, 100)
    for i, fd in enumerate(high):
        if fd is not None:
            os.dup2(fd, 3 + i)  # stays open over exec
            os.close(fd)
    os.environ["LISTEN_PID"] = given.get("pid", str(os.getpid()))
    os.environ["LISTEN_FDS"] = given.get("fds", str(len(sockets)))
    if "names" in given:
        os.environ["LISTEN_FDNAMES"] = given["names"]
    os.execv(command[0], command)


main()
