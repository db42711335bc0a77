# SPDX-License-Identifier: MIT
"""tests/bench/relay.py: from any folder, what it was asked for, or a line that says why not."""

import json
import os
import shutil
import subprocess
import sys

import tool

ONE = ("--size", "1", "--rounds", "1", "file-null")


class Relay(tool.TestCase):
    def relay(self, *args, before=(), **keywords):
        script = os.path.join(tool.SOURCE, "tests", "bench", "relay.py")
        return subprocess.run([*before, sys.executable, script, *args], capture_output=True,
                              text=True, check=False, timeout=60, cwd=self.tmp, **keywords)

    def measure(self, *args, before=()):
        """The run of one small row, and what its --json has."""
        if not shutil.which("cc"):
            self.skipTest("cc is not installed")
        done = self.relay("--json", "found", *ONE, *args, before=before)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        with open(os.path.join(self.tmp, "found"), encoding="ascii") as file:
            return done.stdout, json.load(file)

    def assert_one_line(self, pattern, done):
        self.assertEqual("", done.stdout)
        self.assertRegex(done.stderr, rf"\A.*{pattern}.*\n\Z")
        self.assertEqual(1, done.returncode)

    def test_a_run_without_the_rounds_for_a_verdict_gives_none(self):
        for more in ((), ("--quick", "--rounds", "7")):
            out, found = self.measure(*more)
            self.assertRegex(out, r"(?m)^no verdict: ")
            self.assertNotRegex(out, r"\bmet\b|NOT MET")
            self.assertEqual([], found["bars"])

    def test_a_tcptool_that_brings_nothing_is_lost_in_however_few_rounds(self):
        broken = os.path.join(self.tmp, "broken")
        with open(broken, "w", encoding="ascii") as script:
            script.write("#!/bin/sh\nexit 0\n")
        os.chmod(broken, 0o755)
        done = self.relay(*ONE, "--tcptool", broken)
        self.assertRegex(done.stdout, r"(?m)^file-null c2s +tcptool +LOST: ")
        self.assertRegex(done.stdout, r"(?m)^file-null c2s +tcptool lost bytes")
        self.assertEqual((1, ""), (done.returncode, done.stderr))

    def test_the_congestion_control_is_told(self):
        out, found = self.measure()
        with open("/proc/sys/net/ipv4/tcp_congestion_control", encoding="ascii") as file:
            self.assertEqual(file.read().strip(), found["congestion"])
        self.assertRegex(out, rf"\Acongestion control: {found['congestion']}\b")

    def test_the_congestion_control_that_is_asked_for_is_in_force(self):
        root = () if os.geteuid() == 0 else ("unshare", "--map-root-user")
        tried = subprocess.run([*root, "unshare", "--net", "ip", "link", "set", "lo", "up"],
                               capture_output=True, text=True, check=False)
        if tried.returncode:
            self.skipTest(f"no network namespace: {tried.stderr.strip()}")
        out, found = self.measure("--congestion", "reno", before=root)
        self.assertEqual("reno", found["congestion"])
        self.assertRegex(out, r"\Acongestion control: reno\n")
        done = self.relay("--congestion", "nosuch", before=root)
        self.assert_one_line("--congestion nosuch: ", done)

    def test_a_program_that_is_not_there_is_a_line(self):
        self.assert_one_line("nosuch is no program", self.relay("--tcptool", "nosuch"))
        self.assert_one_line("no program", self.relay(env={**os.environ, "TCPTOOL": "/nosuch"}))

    def test_a_row_that_is_not_there_is_a_usage_error_with_the_names_of_those_that_are(self):
        done = self.relay("file-null", "nosuch")
        self.assertEqual((2, ""), (done.returncode, done.stdout))
        rows = self.relay("--list").stdout.splitlines()
        self.assertIn("pipe-pipe c2s", rows)
        self.assertIn(f"error: there is no row 'nosuch'; the rows are: {', '.join(rows)}\n",
                      done.stderr)


if __name__ == "__main__":
    tool.main()
