#!/usr/bin/env python3
"""The programs of docs/from-erlang.md and docs/from-openssl.md: those on the other side are taken from the page, compiled
or run as they stand there, and talk to ours; what is shown of ours is in docs/examples."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("DORMOUSE_SOURCE") or os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
BUILD = os.environ.get("DORMOUSE_BUILD") or os.path.join(SOURCE, "build")
EXAMPLES = os.path.join(BUILD, "examples")
failures = []


def check(what, holds, detail=""):
    if not holds:
        failures.append(what)
        print("FAILED: %s\n%s" % (what, detail))


def page(name):
    with open(os.path.join(SOURCE, "docs", name), encoding="utf-8") as file:
        return file.read()


def programs(text):
    """Blocks that a comment names: file name to text."""
    return dict(re.findall(r"<!-- (\S+) -->\n```\w+\n(.*?)```", text, re.S))


def shown_is_there(name):
    """Every other block of C stands in an example that the page links to."""
    text, examples = page(name), ""
    for file in set(re.findall(r"\(examples/(\w+\.c)\)", text)):
        with open(os.path.join(SOURCE, "docs", "examples", file), encoding="utf-8") as source:
            examples += source.read()
    blocks = re.findall(r"```c\n(.*?)```", re.sub(r"<!-- \S+ -->\n```\w+\n.*?```", "", text, flags=re.S), re.S)
    check("%s shows something" % name, len(blocks) >= 2)
    for block in blocks:
        check("%s: what is shown is in docs/examples" % name, block in examples, block)


def make_pki():
    pki = os.path.join(WORK, "pki")
    os.mkdir(pki)
    subprocess.run([os.path.join(SOURCE, "tests/support/interop_pki.sh"), pki], check=True)
    return pki


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])


class Server:
    """A program that prints a line when it listens; ended by its process id."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.line = self.process.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


def output(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return done.returncode, done.stdout


def talk(what, server, client, expected):
    """server: a command in which PORT is to be replaced, or that prints its port; client likewise."""
    for _ in range(5):  # somebody else may have got the port meanwhile
        port = free_port()
        with Server(*[port if a == "PORT" else a for a in server]) as running:
            if "listening" not in running.line:
                continue
            code, text = output(*[port if a == "PORT" else a for a in client])
            check(what, code == 0 and re.fullmatch(expected, text), "%d: %s" % (code, text))
            return
    check(what + ": the server did not start", False, running.line)


def openssl(pki):
    for name, text in programs(page("from-openssl.md")).items():
        path = os.path.join(WORK, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        code, said = output("cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", path, "-lssl", "-lcrypto", "-o", path[:-2])
        check("from-openssl.md: %s compiles" % name, code == 0, said)
    key = [os.path.join(pki, "p256.pem"), os.path.join(pki, "p256.key")]
    servers = [[os.path.join(WORK, "server"), "PORT"] + key, [os.path.join(EXAMPLES, "from_openssl_server"), "PORT"] + key]
    clients = [[os.path.join(WORK, "client"), "PORT"], [os.path.join(EXAMPLES, "from_openssl_client"), "PORT"]]
    for i, server in enumerate(servers):
        for j, client in enumerate(clients):
            talk("server %d, client %d" % (i, j), server, client + [os.path.join(pki, "root.pem")], r"(?i)tlsv1\.3: hello\n")
    code, said = output(*[a if a != "PORT" else free_port() for a in clients[1]], os.path.join(pki, "none.pem"))
    check("a file that is missing is named", code == 1, said)


def cplusplus():
    path = os.path.join(WORK, "header.cpp")
    with open(path, "w", encoding="utf-8") as file:
        file.write("#include <dormouse.h>\nint main() { return dor_error_get_class(DOR_OK); }\n")
    code, said = output("c++", "-std=c++11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                        "-I" + os.path.join(SOURCE, "api", "include"), path)
    check("from-openssl.md: C++ includes the headers as they are", code == 0, said)


def erlang(pki):
    if not shutil.which("escript"):
        print("there is no escript here: the Erlang side is left out")
        return
    if output("erl", "-noshell", "-eval", "halt(case code:which(ssl) of non_existing -> 1; _ -> 0 end).")[0]:
        print("Erlang has no ssl here: its side is left out")
        return
    scripts = {}
    for name, text in programs(page("from-erlang.md")).items():
        scripts[name] = os.path.join(WORK, name)
        with open(scripts[name], "w", encoding="utf-8") as file:
            file.write(text)
    script, ours = scripts["echo.escript"], [os.path.join(EXAMPLES, "from_erlang")]
    key, ca = [os.path.join(pki, "p256.pem"), os.path.join(pki, "p256.key")], os.path.join(pki, "root.pem")
    for server in (ours, ["escript", script]):
        for client in (ours, ["escript", script]):
            talk("%s serves %s" % (server[0], client[0]), server + ["serve", "PORT"] + key,
                 client + ["ask", "PORT", ca, "a line"], "a line\n")
    talk("a pause at the hello", ["escript", scripts["hello.escript"], "serve", "PORT"] + key,
         ours + ["ask", "PORT", ca, "whoever"], "this is localhost\n")
    talk("an upgrade", ["escript", scripts["upgrade.escript"], "serve", "PORT"] + key,
         [os.path.join(EXAMPLES, "starttls"), "mail", "PORT"], "221 bye\n")


def main():
    for name in ("from-erlang.md", "from-openssl.md"):
        shown_is_there(name)
    pki = make_pki()
    cplusplus()
    openssl(pki)
    erlang(pki)
    print("%d failed" % len(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="dormouse-guides-") as WORK:
        sys.exit(main())
