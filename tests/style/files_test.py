# SPDX-License-Identifier: MIT
"""What holds of every file: licence line, size, blanks, nothing left for later, no stray places."""

import re

import tool
import tree

CPP = ("src/*.cc", "src/*.h", "tests/*.cc", "tests/*.h")
SCRIPTS = ("*.sh", "*.py", "*.awk", ".ci/run", "packaging/completions/*")
SOURCES = (*CPP, *SCRIPTS, "CMakeLists.txt", "*/CMakeLists.txt", "*.cmake")
TEXTS = (*SOURCES, "*.md", "man/*", ".clang-*", ".editorconfig", ".gitignore", "packaging/*")

LONGEST_FILE, WIDEST_LINE = 300, 100
# Put together here, so that this file does not hold what it looks for.
LATER = re.compile(r"\b(" + "|".join(("TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK")) + r")\b")
PLACES = re.compile(r"(?<![\w.])/(?:" + "|".join(("wor" "k", "far" "m", "hom" "e", "roo" "t")) +
                    r")/|bash_" r"jobs|\.\./sha" r"red/")
TOP = {"CMakeLists.txt", "README.md", "src", "man", "tests", "packaging"}


def unlicensed(texts):
    for path, text in tree.matching(texts, *SOURCES):
        if not any("SPDX-License-Identifier: MIT" in line for line in text.split("\n")[:3]):
            yield f"{path}: no SPDX-License-Identifier: MIT in its first three lines"


def unpragmatic(texts):
    for path, text in tree.matching(texts, "src/*.h", "tests/*.h"):
        if not re.search(r"^#pragma once$", text, re.MULTILINE):
            yield f"{path}: no #pragma once"


def too_large(texts):
    for path, text in tree.matching(texts, *SOURCES):
        if text.count("\n") > LONGEST_FILE:
            yield f"{path}: {text.count(chr(10))} lines, more than {LONGEST_FILE}"
        for number, line in tree.lines(text):
            if len(line) > WIDEST_LINE:
                yield f"{path}:{number}: {len(line)} columns, more than {WIDEST_LINE}"
    for path, text in tree.matching(texts, "packaging/debian/changelog"):
        yield from (f"{path}:{number}: {len(line)} columns, more than 80, says lintian"
                    for number, line in tree.lines(text)
                    if len(line) > 80 and not line.startswith(" -- "))


def blanks(texts):
    for path, text in tree.matching(texts, *TEXTS):
        for number, line in tree.lines(text):
            if line != line.rstrip():
                yield f"{path}:{number}: blanks or a carriage return at the end"
            if "\t" in line and path != "packaging/debian/rules":
                yield f"{path}:{number}: a tab"
        if text and not text.endswith("\n"):
            yield f"{path}: no newline at the end"


def left_for_later(texts):
    for path, text in tree.matching(texts, *TEXTS):
        for number, line in tree.lines(text):
            if found := LATER.search(line):
                yield f"{path}:{number}: {found[0]}"


def places(texts):
    for path, text in texts.items():
        for number, line in tree.lines(text):
            if found := PLACES.search(line):
                yield f"{path}:{number}: {found[0]} is a place on one machine"


def strays(paths):
    tops = {path.split("/")[0] for path in paths}
    return [f"{top} does not belong there" for top in sorted(tops)
            if top not in TOP and not top.startswith(".")]


class Files(tool.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.texts = tree.files()

    def hold(self, rule):
        self.assert_none(rule(self.texts))

    def test_every_source_names_its_licence(self):
        self.hold(unlicensed)

    def test_every_header_is_included_once(self):
        self.hold(unpragmatic)

    def test_files_and_lines_are_short(self):
        self.hold(too_large)

    def test_no_tabs_and_no_trailing_blanks(self):
        self.hold(blanks)

    def test_nothing_is_left_for_later(self):
        self.hold(left_for_later)

    def test_no_file_names_a_place_on_one_machine(self):
        self.hold(places)

    def test_top_level_is_what_the_plan_says(self):
        self.assert_none(strays(tree.tracked() or tree.paths()))
        missing = TOP - {path.split("/")[0] for path in self.texts}
        self.assert_none(f"{name} is missing" for name in sorted(missing))

    def test_violations_are_found(self):
        licence = "// SPDX-License-Identifier: MIT\n"
        sound = {"src/a.h": licence + "#pragma once\n", "tests/run.sh": "#!/bin/sh\n# " + licence,
                 "man/tcptool.1": ".Dd today\n", "packaging/debian/rules": "all:\n\ttrue\n"}
        for rule in (unlicensed, unpragmatic, too_large, blanks, left_for_later, places):
            self.assertEqual([], list(rule(sound)), rule.__name__)
        for rule, path, text in (
                (unlicensed, "src/b/c.cc", "int a;\n"),
                (unlicensed, "tests/b_test.py", "\n\n\n# " + licence),
                (unpragmatic, "src/b/c.h", licence),
                (too_large, "src/b/c.cc", "\n" * (LONGEST_FILE + 1)),
                (too_large, "packaging/b.sh", "#" * (WIDEST_LINE + 1)),
                (blanks, "src/b/c.cc", "int a; \n"),
                (blanks, "README.md", "a\tb\n"),
                (blanks, "README.md", "a\r\n"),
                (blanks, "src/b/c.cc", "int a;"),
                (left_for_later, "src/b/c.cc", "// TO" "DO: all of it\n"),
                (places, "README.md", "see /wor" "k/main\n")):
            self.assertEqual(1, len(list(rule(sound | {path: text}))), (rule.__name__, path))

    def test_a_stray_at_the_top_is_found(self):
        self.assertEqual(1, len(strays(["Makefile", ".ci/run", "src/main.cc"])))


if __name__ == "__main__":
    tool.main()
