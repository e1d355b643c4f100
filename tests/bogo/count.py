#!/usr/bin/env python3
"""Counts a report of the conformance runner: count.py ALL REPORT. Fails when a case failed.

The runner reports what it ran: passed, failed, or unimplemented (the shim's exit code 89). What config.json disables does
not stand in REPORT, but in ALL, which was made without the disabling."""
import json
import sys


def tests(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)["tests"]


everything, ran = tests(sys.argv[1]), tests(sys.argv[2])
count = {"PASS": 0, "FAIL": 0, "SKIP": 0}
for test in ran.values():
    count[test["actual"]] += 1
print(
    f"passed {count['PASS']}, failed {count['FAIL']}, unimplemented {count['SKIP']}, "
    f"disabled {len(everything.keys() - ran.keys())}, together {len(everything)}"
)
sys.exit(1 if count["FAIL"] else 0)
