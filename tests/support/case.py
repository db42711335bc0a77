# SPDX-License-Identifier: MIT
"""The TestCase and main() of every Python test script. Tests reach them as tool.NAME."""

import re
import signal
import sys
import tempfile
import unittest

__unittest = True  # keeps these frames out of tracebacks


class TestCase(unittest.TestCase):
    """unittest's, with assertions that show the whole run when they fail, and a folder .tmp."""

    maxDiff = None

    @property
    def tmp(self):
        if not hasattr(self, "_tmp"):
            folder = tempfile.TemporaryDirectory(prefix="tcptool-test-")
            self.addCleanup(folder.cleanup)
            self._tmp = folder.name
        return self._tmp

    def assert_status(self, expected, result):
        if result.status != expected:
            self.fail(f"status {result.status}, not {expected}{result}")

    def assert_none(self, complaints):
        """There are no complaints (lines of text); fails with all of them."""
        if complaints := list(complaints):
            self.fail("\n  " + "\n  ".join(map(str, complaints)))

    def assert_ok(self, result):
        self.assert_status(0, result)

    def assert_stderr(self, pattern, result):
        """The regex `pattern` (^ and $ are a line's) is found in stderr; returns the match."""
        found = re.search(pattern, result.stderr, re.MULTILINE)
        return found or self.fail(f"no {pattern!r} on stderr{result}")

    def assert_no_stderr(self, pattern, result):
        if found := re.search(pattern, result.stderr, re.MULTILINE):
            self.fail(f"{found[0]!r} on stderr, which {pattern!r} forbids{result}")

    def assert_stdout(self, expected, result):
        if result.stdout != expected:
            self.fail(f"stdout is not {expected[:1000]!r}{result}")

    def assert_diagnosis(self, layer, cause, result):
        """stderr has one diagnosis, in which this layer alone has failed, and the regex `cause` is
        found in its cause line."""
        failed = re.findall(r"^  (\S.{11}) failed ", result.stderr, re.MULTILINE)
        if [name.rstrip() for name in failed] != [layer]:
            self.fail(f"failed: {failed}, not {layer}{result}")
        self.assert_stderr(rf"^  cause   .*{cause}", result)
        self.assert_stderr(r"^  try     \S", result)

    def assert_one_line(self, pattern, result):
        """stderr is one line, and the regex matches it from its start."""
        if not re.fullmatch(rf"{pattern}.*\n", result.stderr):
            self.fail(f"stderr is not the one line {pattern!r}{result}")

    def assert_usage(self, pattern, result):
        """A usage error: status 2, nothing on stdout, its first line matches."""
        self.assert_status(2, result)
        self.assert_stdout(b"", result)
        first = result.stderr.partition("\n")[0]
        if not re.search(pattern, first):
            self.fail(f"first line of stderr does not match {pattern!r}{result}")

    def assert_signal(self, number, result):
        name = signal.Signals(number).name
        if result.status != -number:
            self.fail(f"status {result.status}, not death by {name}{result}")


class _Outcomes(unittest.TextTestResult):
    """Counts each test once, whatever its subtests do."""

    def __init__(self, *args):
        super().__init__(*args)
        self.bad, self.skips, self.seen = set(), {}, set()

    def startTest(self, test):
        super().startTest(test)
        self.seen.add(test.id())

    def addError(self, test, err):
        super().addError(test, err)
        self.bad.add(test.id())

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.bad.add(test.id())

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.bad.add(test.id())

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.bad.add(test.id())

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self.skips[test.id()] = "fails, as its author expects"

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.skips[getattr(test, "test_case", test).id()] = reason


def main():
    """Runs the calling script's tests; the last line is `N passed, N failed, N skipped`."""
    # As a terminal's foreground job has them: who starts it in the background ignores them.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    runner = unittest.TextTestRunner(resultclass=_Outcomes)
    outcome = unittest.main(module="__main__", testRunner=runner, exit=False).result
    skipped = {name: why for name, why in outcome.skips.items() if name not in outcome.bad}
    passed = outcome.seen - outcome.bad - skipped.keys()
    sys.stderr.flush()
    for name, why in sorted(skipped.items()):
        print(f"skipped: {name.removeprefix('__main__.')}: {why}")
    print(f"{len(passed)} passed, {len(outcome.bad)} failed, {len(skipped)} skipped", flush=True)
    if outcome.bad or not (passed or skipped):
        sys.exit(1)
    sys.exit(0 if passed else 77)
