# SPDX-License-Identifier: MIT
"""Sums ctest's JUnit file: names what was skipped and ends with `N passed, N failed, N skipped`.

A test that prints such a line itself (a Python script of many methods) counts as that line says,
any other as one. Fails if a test failed, if none ran, or if all that ran were skips.
"""

import re
import sys
import xml.etree.ElementTree as xml
from collections import Counter

CLOSING = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.MULTILINE)
REASON = re.compile(r"^(?:skipped: |.*MESSAGE: skipped: )(.*)$", re.MULTILINE)
# How ctest words a skip that the test asked for; every other test that did not run is a failure.
ASKED_FOR = ("SKIP_RETURN_CODE", "SKIP_REGULAR_EXPRESSION")


def count(case):
    """(passed, failed, skipped) of one <testcase>, and what to say of it."""
    name, status = case.get("name"), case.get("status")
    output = case.findtext("system-out") or ""
    skip = case.find("skipped")
    asked = skip is not None and skip.get("message", "").startswith(ASKED_FOR)
    bad = status != "run" and not asked
    closing = CLOSING.findall(output)
    if closing:
        passed, failed, skipped = map(int, closing[-1])
        if bad and failed == 0:
            return (passed, 1, skipped), [f"failed: {name} failed outside of its tests"]
        if not bad and failed > 0:
            return (passed, failed, skipped), [f"failed: {name} ended as if nothing had failed"]
    elif bad:
        return (0, 1, 0), [f"failed: {name}"]
    elif name.endswith("_test.py"):
        return (0, 1, 0), [f"failed: {name} ended without saying how many of its tests passed"]
    else:
        passed, failed, skipped = (0, 0, 1) if asked else (1, 0, 0)
    said = [f"failed: {name}"] if failed else []
    if skipped:
        reasons = REASON.findall(output) or ["it did not say why"]
        said += [f"skipped: {name}: {reason}" for reason in reasons]
    return (passed, failed, skipped), said


def main(path):
    try:
        cases = xml.parse(path).getroot().findall("testcase")
    except (OSError, xml.ParseError) as error:
        print(f"count.py: {path}: {error}")
        cases = []
    total = [0, 0, 0]
    for case in cases:
        numbers, said = count(case)
        total = [a + b for a, b in zip(total, numbers)]
        print("".join(line + "\n" for line in said), end="")
    for name, times in Counter(case.get("name") for case in cases).items():
        if times > 1:
            print(f"failed: {times} tests have one name: {name}")
            total[1] += 1
    print("{} passed, {} failed, {} skipped".format(*total))
    return 0 if total[1] == 0 and total[0] > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
