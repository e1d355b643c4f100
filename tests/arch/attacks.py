#!/usr/bin/env python3
"""Every test that docs/attacks.md names exists, and each attack has one."""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def tests_of(path):
    """Names of the Criterion tests of a file below tests/; None where there is no such file."""
    try:
        with open(os.path.join(ROOT, "tests", path), encoding="utf-8") as file:
            return set(re.findall(r"^(?:Parameterized)?Test\(\s*\w+\s*,\s*(\w+)", file.read(), re.M))
    except OSError:
        return None


def check(text):
    problems = []
    rows = [line for line in text.split("\n") if line.startswith("| ")][1:]
    if len(rows) < 10:
        problems.append("the table has %d rows" % len(rows))
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        shown = re.findall(r"`([\w/]+\.c)`: ((?:`\w+`(?:, )?)+)", cells[-1])
        if len(cells) != 4 or not shown:
            problems.append("%s: no test shows it" % cells[0])
        for path, names in shown:
            there = tests_of(path)
            for name in re.findall(r"\w+", names):
                if there is None or name not in there:
                    problems.append("%s: there is no %s in tests/%s" % (cells[0], name, path))
    return problems


def main():
    with open(os.path.join(ROOT, "docs", "attacks.md"), encoding="utf-8") as file:
        text = file.read()
    problems = check(text)
    wrong = text.replace("`whole_handshakes`", "`no_such_test`") # the checker itself
    if not check(wrong):
        problems.append("a test that does not exist is not noticed")
    for problem in problems:
        print(problem)
    print("%d problems" % len(problems) if problems else "each attack has its test")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
