#!/usr/bin/env python3
"""No code of ML-KEM or ML-DSA in the command divides (KyberSlash): how long a division takes depends on its operands, which memcheck cannot see."""

import os
import re
import shutil
import subprocess
import sys

# x86-64's and arm64's; floating-point ones, too, for nothing of the kind is to be there.
DIVISION = re.compile(r"\s(i?div[bwlq]?|[us]div|v?f?divs?[sdp]*)\s")
ABOUT = re.compile(r"mlkem|kyber|mldsa|dilithium", re.I)


def divisions(disassembly):
    """Functions by name: how many divisions each has."""
    found, name = {}, None
    for line in disassembly:
        head = re.match(r"[0-9a-f]+ <(.+)>:$", line)
        if head:
            name = head.group(1)
            found.setdefault(name, 0)
        elif name and DIVISION.search(line):
            found[name] += 1
    return found


def main():
    binary = os.environ.get("DORMOUSE_BIN", "build/dormouse")
    if not shutil.which("objdump"):
        print("objdump is not installed")
        return 77
    run = subprocess.run(["objdump", "-d", "--no-show-raw-insn", binary], capture_output=True, text=True, check=True)
    found = divisions(run.stdout.split("\n"))
    about = {name: count for name, count in found.items() if ABOUT.search(name)}
    if not about:
        print("no code of ML-KEM or ML-DSA in %s: it was built without, or stripped" % binary)
        return 77
    problems = ["%s divides %d times" % item for item in about.items() if item[1]]
    if not any(found.values()):
        problems.append("no division anywhere: the pattern is wrong")
    for problem in problems:
        print(problem)
    print("%d functions of ML-KEM and ML-DSA, %d problems" % (len(about), len(problems)))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
