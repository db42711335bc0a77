# SPDX-License-Identifier: MIT
"""tests/support/count.py: the closing line of tests/run.sh tells the truth."""

import os
import subprocess
import sys
from xml.sax.saxutils import quoteattr, escape

import tool

RUN, FAIL = ("run", ""), ("fail", '<failure message=""/>')
SKIP = ("notrun", '<skipped message="SKIP_RETURN_CODE=77"/>')
NO_PROGRAM = ("notrun", '<skipped message="Unable to find executable"/>')


class Count(tool.TestCase):
    def count(self, *cases):
        """The exit status, the closing line and what stands above it, of (name, how, output)."""
        path = os.path.join(self.tmp, "results.xml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("<testsuite>")
            for name, (status, inner), output in cases:
                file.write(f"<testcase name={quoteattr(name)} status='{status}'>{inner}"
                           f"<system-out>{escape(output)}</system-out></testcase>")
            file.write("</testsuite>")
        return self.run_on(path)

    @staticmethod
    def run_on(path):
        script = os.path.join(tool.SOURCE, "tests", "support", "count.py")
        done = subprocess.run([sys.executable, script, path], capture_output=True, text=True,
                              check=False, timeout=30)
        *above, closing = done.stdout.splitlines()
        return done.returncode, closing, "\n".join(above)

    def test_a_case_counts_once_and_a_script_as_it_says(self):
        self.assertEqual(
            (0, "6 passed, 0 failed, 1 skipped", "skipped: cli/a_test.py: T.test_x: no IPv6"),
            self.count(("unit/a", RUN, "anything"), ("cli/b_test.sh", RUN, ""),
                       ("cli/a_test.py", RUN,
                        "skipped: T.test_x: no IPv6\n4 passed, 0 failed, 1 skipped\n")))

    def test_failures_fail(self):
        status, closing, above = self.count(
            ("unit/a", FAIL, ""), ("unit/b", RUN, ""),
            ("cli/a_test.py", FAIL, "2 passed, 3 failed, 0 skipped\n"))
        self.assertEqual((1, "3 passed, 4 failed, 0 skipped"), (status, closing))
        self.assertEqual("failed: unit/a\nfailed: cli/a_test.py", above)

    def test_a_script_that_contradicts_its_line_is_a_failure(self):
        for how, output, closing in (
                (FAIL, "2 passed, 0 failed, 0 skipped\n", "2 passed, 1 failed, 0 skipped"),
                (RUN, "2 passed, 1 failed, 0 skipped\n", "2 passed, 1 failed, 0 skipped"),
                (RUN, "silent\n", "0 passed, 1 failed, 0 skipped"),
                (FAIL, "Traceback\n", "0 passed, 1 failed, 0 skipped"),
                (NO_PROGRAM, "", "0 passed, 1 failed, 0 skipped")):
            self.assertEqual((1, closing), self.count(("cli/a_test.py", how, output))[:2])

    def test_skips_are_named_and_never_enough(self):
        skip = ("unit/a", SKIP, "f.cc:3: MESSAGE: skipped: no moon\nStatus: SUCCESS!")
        self.assertEqual((1, "0 passed, 0 failed, 1 skipped", "skipped: unit/a: no moon"),
                         self.count(skip))
        self.assertEqual((0, "1 passed, 0 failed, 1 skipped"),
                         self.count(skip, ("unit/b", RUN, ""))[:2])

    def test_no_tests_and_no_results_fail(self):
        self.assertEqual((1, "0 passed, 0 failed, 0 skipped"), self.count()[:2])
        self.assertEqual((1, "0 passed, 0 failed, 0 skipped"),
                         self.run_on(os.path.join(self.tmp, "absent"))[:2])

    def test_two_tests_of_one_name_are_a_failure(self):
        self.assertEqual((1, "2 passed, 1 failed, 0 skipped"),
                         self.count(("unit/a", RUN, ""), ("unit/a", RUN, ""))[:2])


if __name__ == "__main__":
    tool.main()
