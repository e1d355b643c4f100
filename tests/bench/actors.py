#!/usr/bin/env python3
"""The benchmark of the actor runtime, small and with Dormouse alone: that every message arrives, that the driver notices
when one does not, and what it says to a bad command line. Nothing here looks at a clock."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD = os.environ.get("DORMOUSE_BUILD", "build")
PROGRAM = os.path.join(BUILD, "dormouse-bench-actors")

# PROGRAM SCHEDULERS A B, as the driver starts them, and how many operations to ask for.
PROGRAMS = [
    ("call 1 0 0", 1000),
    ("ping-pong 1 1 0", 2000), ("ping-pong 1 1 1", 2000), ("ping-pong 1 64 0", 2000),
    ("ping-pong 2 1 0", 2000), ("ping-pong 2 64 0", 20000), ("ping-pong 2 1000 0", 20000), ("ping-pong 2 1 2", 2000),
    ("ping-pong 2 64 1", 20000),
    ("ring 1 300 1", 2000), ("ring 1 300 100", 20000), ("ring 1 1 1", 500),
    ("many-to-one 3 2 1000", 20000), ("many-to-one 3 2 2", 2000), ("many-to-one 2 3 10", 3000),
    ("fan-out 1 100 0", 2000), ("fan-out 1 1 0", 20),
    ("spawn-stop 1 100 0", 2345),
    ("timers 1 0 0", 1234), ("timers 1 2 0", 2345), ("timers 1 1 0", 1234),
    ("idle 1 0 0", 1234),
]


def run(*args, program=PROGRAM, **options):
    return subprocess.run([program, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=250,
                          universal_newlines=True, **options)


class Programs(unittest.TestCase):
    def test_every_operation_is_done(self):
        for words, count in PROGRAMS:
            with self.subTest(words):
                orders = "go %d\ngo %d\n" % (count, 2 * count)
                ran = run("--child", *words.split(), input=orders)
                self.assertEqual(ran.returncode, 0, ran.stderr)
                ready, *done = ran.stdout.splitlines()
                self.assertTrue(ready.startswith("ready dormouse "), ready)
                self.assertEqual(done, ["done %d" % count, "done %d" % (2 * count)])

    def test_a_program_that_is_none(self):
        self.assertEqual(run("--child", "waltz", "1", "0", "0").returncode, 2)
        self.assertEqual(run("--child", "ring").returncode, 2)


class Driver(unittest.TestCase):
    SMALL = ("--alone", "--rounds", "1", "--count", "500")

    @classmethod
    def setUpClass(cls):
        text = run("--help").stdout
        cls.cases = [line.split()[0] for line in text.split("cases:\n")[1].splitlines()]

    def test_json_has_every_case(self):
        ran = run(*self.SMALL, "--json")
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        all_of_it = json.loads(ran.stdout)
        self.assertTrue(all_of_it["complete"])
        self.assertEqual([row["case"] for row in all_of_it["cases"]], self.cases)
        self.assertGreater(len(self.cases), 15)
        for row in all_of_it["cases"]:
            self.assertGreaterEqual(row["count"], 500, row)
            self.assertIsNotNone(row["dormouse"], row)
            self.assertIsNone(row["erlang"], row)
            self.assertIsNone(row["caf"], row)

    def test_markdown_is_a_table(self):
        ran = run(*self.SMALL, "--markdown", "--only", "ring", "--only", "spawn-stop")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        table = [line for line in ran.stdout.splitlines() if line.startswith("|")]
        self.assertEqual(len(table), 4)
        self.assertEqual({line.count("|") for line in table}, {table[0].count("|")})

    def test_quick_and_text(self):
        ran = run("--alone", "--quick", "--rounds", "2", "--only", "spawn-stop")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn("\nspawn-stop ", ran.stdout)
        self.assertNotIn("\nring", ran.stdout)

    def test_bad_command_lines(self):
        for words, said in [("--rounds 0", "--rounds"), ("--rounds", "--rounds"), ("--rounds 3x", "3x"),
                            ("--rounds 100", "99"), ("--count -1", "--count"), ("--count", "--count"),
                            ("--only", "--only"), ("--only waltz", "waltz"), ("--fast", "--fast"), ("ring", "ring"),
                            ("--json --markdown", "--markdown")]:
            with self.subTest(words):
                ran = run(*words.split())
                self.assertEqual((ran.returncode, ran.stdout), (2, ""))
                self.assertIn(said, ran.stderr)


class Peers(unittest.TestCase):
    """A copy of the program in a folder of its own, so that its peers are what the test makes of them."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.program = os.path.join(self.folder.name, "bench")
        shutil.copy(PROGRAM, self.program)

    def peer(self, script):
        os.makedirs(os.path.join(self.folder.name, "peers"), exist_ok=True)
        path = os.path.join(self.folder.name, "peers", "peer_actors_caf")
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + script)
        os.chmod(path, 0o755)

    def measure(self):
        ran = run("--rounds", "1", "--count", "500", "--json", "--only", "ring", program=self.program)
        return ran, json.loads(ran.stdout)["cases"][0]

    def test_missing_ones_are_named(self):
        ran, row = self.measure()
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn("erlang is missing", ran.stderr)
        self.assertIn("caf is missing", ran.stderr)
        self.assertIsNotNone(row["dormouse"])
        self.assertIsNone(row["caf"])

    def test_one_that_is_there(self):
        self.peer('echo ready Fake 1\nwhile read -r go count; do echo "done $count"; done\n')
        ran, row = self.measure()
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIsNotNone(row["caf"])
        self.assertIsNotNone(row["ratio"]["caf"])

    def test_one_that_fails(self):
        for script, said in [("echo ready Fake 1; while read -r go count; do echo done 7; done\n", "answer is wrong"),
                             ("echo ready Fake 1; read -r go; exit 0\n", "does not answer"),
                             ("echo what; read -r go\n", "not ready"), ("exit 3\n", "not ready")]:
            with self.subTest(script):
                self.peer(script)
                ran, row = self.measure()
                self.assertEqual(ran.returncode, 1)
                self.assertIn(said, ran.stderr)
                self.assertIsNotNone(row["dormouse"])
                self.assertIsNone(row["caf"])
                self.assertFalse(json.loads(ran.stdout)["complete"])


if __name__ == "__main__":
    if not os.path.exists(PROGRAM):
        print("the benchmarks are not built (DORMOUSE_BENCH is off)")
        sys.exit(77)
    unittest.main(verbosity=2)
