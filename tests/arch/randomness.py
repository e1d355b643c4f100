#!/usr/bin/env python3
"""Randomness has one source: core/crypto/rng.c makes every generator, and those made from a seed are for tests alone."""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHIPPED = ("core", "actors", "api", "bindings")
SUFFIXES = (".c", ".h", ".cpp", ".hpp")
MAKER = ("core/crypto/rng.c", "core/crypto/rng.h")
SEEDED = re.compile(r"\bdor__rng_new_seeded\b")
OTHERS = re.compile(
    r"\b(?:rand|srand|rand_r|random|srandom|drand48|lrand48|getrandom|getentropy|arc4random\w*|uv_random|"
    r"wc_InitRng\w*|wc_rng_new|wc_GenerateSeed)\s*\(|/dev/u?random")


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)


def check(path, text):
    if path in MAKER:
        return []
    text = without_comments(text)
    problems = []
    if SEEDED.search(text):
        problems.append("%s: a generator made from a seed; those are for tests" % path)
    for match in OTHERS.finditer(text):
        problems.append("%s: randomness that is not core/crypto/rng's: %s" % (path, match.group(0)))
    return problems


def shipped_files():
    for top in SHIPPED:
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in names:
                if name.endswith(SUFFIXES):
                    yield os.path.relpath(os.path.join(folder, name), ROOT).replace(os.sep, "/")


def main():
    problems, count = [], 0
    for path in sorted(shipped_files()):
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            problems += check(path, file.read())
        count += 1
    if count < 100:
        problems.append("only %d files were looked at" % count)
    # the checker itself
    for line in ("dor__rng_new_seeded(&rng, seed);", "int x = rand();", 'open("/dev/urandom", 0);', "wc_InitRng(&r);"):
        if len(check("actors/x.c", line)) != 1:
            problems.append("not noticed: " + line)
    if check("actors/x.c", "/* rand() */ dor__rng_new_system(&rng); brand(1);"):
        problems.append("noticed for nothing")
    for problem in problems:
        print(problem)
    print("%d problems" % len(problems) if problems else "%d files, one source of randomness" % count)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
