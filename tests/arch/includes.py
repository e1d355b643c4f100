#!/usr/bin/env python3
"""The rules of the house, as a test: which folder may include what, how long a file may be, what lies at the top.

    tests/arch/includes.py          check this checkout, and the checker itself
    tests/arch/includes.py DIR      check another tree

Dependencies point one way:

    base <- crypto <- x509, record <- tls      packet, proxy -> base
    actors/runtime -> base, libuv              actors/ssl -> runtime, core, libuv
    api/include -> libc alone                  api -> actors, base, jansson
    bindings, docs/examples -> api/include alone
"""

import os
import re
import subprocess
import sys
import tempfile

MAX_LINES = 1000
TOP_LEVEL = {
    "CMakeLists.txt", "core", "actors", "api", "bindings", "bench", "tests", "docs",
    "README.md", "LICENSE", "CONTRIBUTING.md", "Makefile",
}
CHECKED = ("core", "actors", "api", "bindings", "bench", "tests", "docs")
C_SUFFIXES = (".c", ".h", ".hpp", ".cpp")
LINE_SUFFIXES = C_SUFFIXES + (".py", ".sh", ".txt")

# The core runs without a clock, threads or descriptors, so these are all the system headers that it has use for.
CORE_LIBC = {
    "assert.h", "ctype.h", "errno.h", "inttypes.h", "limits.h", "stdalign.h", "stdarg.h", "stdatomic.h", "stdbool.h",
    "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "stdnoreturn.h", "string.h",
    "strings.h",
}
PUBLIC_LIBC = {"stddef.h", "stdint.h", "stdbool.h", "stdarg.h", "limits.h", "sys/types.h", "sys/socket.h"}
# And these are calls that a permitted header declares but that the core has no business making.
CORE_CALLS = re.compile(
    r"\b(fopen|freopen|fdopen|fprintf|printf|puts|getenv|setenv|srand|rand|random|time|clock|clock_gettime|"
    r"gettimeofday|getrandom|exit|system|signal)\s*\(")

CORE_MODULES = {"base", "crypto", "x509", "record", "tls", "packet", "proxy"}
MODULES = CORE_MODULES | {"runtime", "ssl"}

# module: (modules it may use, public headers, third-party headers, system headers or None for any)
ERROR_ONLY = {"error.h"}
ALLOWED = {
    "core/base": ({"base"}, ERROR_ONLY, set(), CORE_LIBC),
    "core/crypto": ({"base", "crypto"}, ERROR_ONLY, {"wolfssl"}, CORE_LIBC),
    "core/x509": ({"base", "crypto", "x509"}, ERROR_ONLY, set(), CORE_LIBC),
    "core/record": ({"base", "crypto", "record"}, ERROR_ONLY, set(), CORE_LIBC),
    "core/tls": ({"base", "crypto", "x509", "record", "tls"}, ERROR_ONLY, set(), CORE_LIBC),
    "core/proxy": ({"base", "proxy"}, {"error.h"}, set(), CORE_LIBC),
    "core/packet": ({"base", "packet"}, {"error.h", "http.h"}, set(), CORE_LIBC),
    "actors/runtime": ({"base", "runtime"}, "any", {"uv"}, None),
    "actors/ssl": (CORE_MODULES | {"runtime", "ssl"}, "any", {"uv", "zlib", "brotli"}, None),
    "api/include": (set(), "any", set(), PUBLIC_LIBC),
    "api": ({"base", "runtime", "ssl"}, "any", {"jansson"}, None),
    "bindings": (set(), "any", set(), None),
    "docs/examples": (set(), "any", set(), None),
}
THIRD_PARTY = {"wolfssl": "wolfssl/", "uv": ("uv.h", "uv/"), "jansson": "jansson", "zlib": "zlib.h", "brotli": "brotli/", "criterion": "criterion/",
               "openssl": "openssl/"}
TLS_LAYER = {"wolfssl/ssl.h", "wolfssl/internal.h", "wolfssl/error-ssl.h", "wolfssl/ocsp.h", "wolfssl/crl.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def module_of(path):
    """The key in ALLOWED that governs a file, or None where anything goes (bench, tests)."""
    for key in sorted(ALLOWED, key=len, reverse=True):
        if path.startswith(key + "/"):
            return key
    return "core" if path.startswith("core/") else "actors" if path.startswith("actors/") else None


def third_party(header):
    return next((name for name, prefix in THIRD_PARTY.items() if header.startswith(prefix)), None)


def judge_include(root, path, quote, header):
    """None if the file may include the header, else why not."""
    key = module_of(path)
    if key is None:
        return None
    if key not in ALLOWED:
        return "belongs to no module (%s)" % path
    modules, public, libraries, libc = ALLOWED[key]
    if header == "dormouse.h" or header.startswith("dormouse/"):
        if public != "any" and header not in {"dormouse/" + name for name in public}:
            return "of the public headers, %s may include %s alone" % (key, ", ".join(sorted(public)))
        return None
    library = third_party(header)
    if library:
        if library not in libraries:
            return "%s is not for %s" % (library, key)
        return "Dormouse has a TLS layer of its own" if header in TLS_LAYER else None
    if quote == '"':
        head = header.split("/")[0]
        if "/" in header and head in MODULES:
            return None if head in modules else "%s may not depend on %s" % (key, head)
        target = os.path.normpath(os.path.join(os.path.dirname(path), header))
        if os.path.exists(os.path.join(root, target)) and module_of(target) == key:
            return None
        if key == "api" and header.startswith("api/"):
            return None
        return "is not a file of %s, nor written as \"module/file.h\"" % key
    if libc is not None and header not in libc:
        return "this system header is not for %s" % key
    return None


def strip_comments(text):
    keep_lines = lambda match: "\n" * match.group(0).count("\n")
    text = re.sub(r'"(?:\\.|[^"\\\n])*"', lambda m: m.group(0) if "include" in m.group(0) else '""', text)
    return re.sub(r"/\*.*?\*/", keep_lines, re.sub(r"//[^\n]*", "", text), flags=re.S)


def check_source(root, path, text, problems):
    for number, line in enumerate(text.split("\n"), 1):
        found = INCLUDE.match(line)
        if found:
            why = judge_include(root, path, found.group(1), found.group(2))
            if why:
                problems.append("%s:%d: includes %s: %s" % (path, number, found.group(2), why))
    if path.startswith("core/"):
        for number, line in enumerate(strip_comments(text).split("\n"), 1):
            call = CORE_CALLS.search(line)
            if call:
                problems.append("%s:%d: calls %s(): the core does no I/O and has no clock" % (path, number, call.group(1)))


def files_of(root):
    """Tracked and new files; every file, but for build directories, where this is no git checkout."""
    if os.path.exists(os.path.join(root, ".git")):
        try:
            listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root,
                                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
            names = set(listing.stdout.decode().split("\0")) - {""}
            return sorted(n for n in names if os.path.exists(os.path.join(root, n)))
        except (OSError, subprocess.CalledProcessError):
            pass  # no git here, or it does not trust the owner of the checkout
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [d for d in subfolders if d not in (".git", "__pycache__")]
        if folder == root:
            subfolders[:] = [d for d in subfolders if not re.match(r"build(-|$)", d)]
        found += [os.path.relpath(os.path.join(folder, n), root) for n in names]
    return sorted(found)


def check_tree(root):
    problems = []
    files = files_of(root)
    for top in sorted({f.split("/")[0] for f in files}):
        if top not in TOP_LEVEL and not top.startswith("."):
            problems.append("%s: the top level is fixed, this does not belong there" % top)
    for path in files:
        if not path.startswith(CHECKED) or path.startswith("tests/vectors/") or not path.endswith(LINE_SUFFIXES):
            continue
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            text = file.read()
        lines = text.count("\n")
        if lines > MAX_LINES and (not path.endswith(".txt") or path.endswith("CMakeLists.txt")):
            problems.append("%s: %d lines; a file has at most %d" % (path, lines, MAX_LINES))
        if path.endswith(C_SUFFIXES):
            check_source(root, path, text, problems)
    return problems


# Each of these, put into an otherwise clean tree, must be reported, and the clean tree must not.
CLEAN = {
    "core/base/reader.h": "#include <stdint.h>\n#include \"base/span.h\"\n#include <dormouse/error.h>\n",
    "core/base/span.h": "/* calls time() and fopen( in a comment */\n",
    "core/crypto/hash.c": "#include <wolfssl/wolfcrypt/sha.h>\n#include \"crypto/hash.h\"\n#include \"base/span.h\"\n",
    "core/tls/engine.c": "#include \"x509/path.h\"\n#include \"record/record.h\"\nstatic const char *s = \"time(\";\n",
    "core/packet/line.c": "#include \"local.h\"\n",
    "core/packet/local.h": "",
    "actors/runtime/loop.c": "#include <uv.h>\n#include <pthread.h>\n#include \"base/span.h\"\n",
    "actors/ssl/socket.c": "#include <uv.h>\n#include \"runtime/actor.h\"\n#include \"tls/engine.h\"\n#include <dormouse/ssl.h>\n",
    "api/include/dormouse/ssl.h": "#include <stddef.h>\n#include <dormouse/error.h>\n",
    "api/options.c": "#include <jansson.h>\n#include \"ssl/socket.h\"\n#include <dormouse/ssl.h>\n",
    "bindings/cli/main.c": "#include <dormouse.h>\n#include <unistd.h>\n",
    "tests/unit/test_x.c": "#include <uv.h>\n#include \"tls/engine.h\"\n#include <openssl/ssl.h>\n",
    "README.md": "", ".ci/run": "",
}
VIOLATIONS = {
    "core/base/a.c": "#include \"crypto/hash.h\"\n",
    "core/base/b.c": "#include <pthread.h>\n",
    "core/base/c.c": "#  include <sys/socket.h>\n",
    "core/base/d.c": "void f(void) { (void)time(NULL); }\n",
    "core/base/e.c": "#include \"../crypto/hash.h\"\n",
    "core/base/f.c": "#include <wolfssl/wolfcrypt/sha.h>\n",
    "core/crypto/a.c": "#include <wolfssl/ssl.h>\n",
    "core/crypto/b.c": "#include \"tls/engine.h\"\n",
    "core/x509/a.c": "#include <time.h>\n",
    "core/x509/b.c": "#include \"record/record.h\"\n",
    "core/record/a.c": "#include \"tls/engine.h\"\n",
    "core/packet/a.c": "#include \"crypto/hash.h\"\n",
    "core/tls/a.c": "#include <dormouse/ssl.h>\n",
    "core/tls/b.c": "#include <uv.h>\n",
    "core/tls/c.c": "#include \"ssl/socket.h\"\n",
    "core/tls/d.c": "#include <zlib.h>\n",
    "actors/runtime/c.c": "#include <brotli/decode.h>\n",
    "core/stray.c": "#include <stdint.h>\n",
    "actors/runtime/a.c": "#include \"ssl/socket.h\"\n",
    "actors/runtime/b.c": "#include \"tls/engine.h\"\n",
    "actors/ssl/a.c": "#include <wolfssl/wolfcrypt/sha.h>\n",
    "actors/ssl/b.c": "#include <jansson.h>\n",
    "api/a.c": "#include <uv.h>\n",
    "api/b.c": "#include \"tls/engine.h\"\n",
    "api/include/dormouse/a.h": "#include \"base/span.h\"\n",
    "api/include/dormouse/b.h": "#include <pthread.h>\n",
    "api/include/dormouse/c.h": "#include <uv.h>\n",
    "bindings/cli/a.c": "#include \"base/span.h\"\n",
    "bindings/cpp/a.hpp": "#include <uv.h>\n",
    "docs/examples/a.c": "#include \"runtime/actor.h\"\n",
    "core/base/long.c": "\n" * (MAX_LINES + 1),
    "src/a.c": "int x;\n",
}


def write(root, path, text):
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", encoding="utf-8") as file:
        file.write(text)


def check_checker():
    problems = []
    with tempfile.TemporaryDirectory() as root:
        for path, text in CLEAN.items():
            write(root, path, text)
        problems += ["the checker reports a clean tree: " + p for p in check_tree(root)]
        for path, text in VIOLATIONS.items():
            write(root, path, text)
            found = check_tree(root)
            if len(found) != 1 or not found[0].startswith((path, path.split("/")[0] + ":")):
                problems.append("the checker says %r of %s: %s" % (found, path, text[:60].strip()))
            os.remove(os.path.join(root, path))
    return problems


def main():
    if len(sys.argv) > 1:
        problems = check_tree(sys.argv[1])
    else:
        problems = check_checker() + check_tree(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    for problem in problems:
        print(problem)
    print("%d problems" % len(problems) if problems else "the house is in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
