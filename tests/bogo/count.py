#!/usr/bin/env python3
"""Counts a report of the conformance runner: count.py CONFIG ALL REPORT. Fails when a case failed.

The runner reports what it ran: passed, failed, or unimplemented (the shim's exit code 89). What config.json disables does
not stand in REPORT, but in ALL, which was made without the disabling; it is counted by the reason that CONFIG has."""
import collections
import fnmatch
import json
import sys


def tests(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)["tests"]


def reason(name, patterns):
    """The first that fits: the runner's patterns are those of fnmatch, but for the mark that negates."""
    for pattern, why in patterns.items():
        if fnmatch.fnmatchcase(name, pattern.replace("[^", "[!")):
            return why.split(":")[0]
    return "no reason"


with open(sys.argv[1], encoding="utf-8") as config:
    disabled_tests = json.load(config)["DisabledTests"]
everything, ran = tests(sys.argv[2]), tests(sys.argv[3])
count = {"PASS": 0, "FAIL": 0, "SKIP": 0}
for test in ran.values():
    count[test["actual"]] += 1
disabled = collections.Counter(reason(name, disabled_tests) for name in everything.keys() - ran.keys())
for why, number in disabled.most_common():
    print(f"disabled {number}: {why}")
print(
    f"passed {count['PASS']}, failed {count['FAIL']}, unimplemented {count['SKIP']}, "
    f"disabled {disabled.total()}, together {len(everything)}"
)
sys.exit(1 if count["FAIL"] else 0)
