# SPDX-License-Identifier: MIT
"""One version, its date and its commit, and one list of packages, wherever they are told."""

import datetime
import re
import subprocess

import tool
import tree

# The package of each find_package() in the CMake files; None: part of CMake, or of the system.
PACKAGES = {"CLI11": "libcli11-dev", "spdlog": "libspdlog-dev", "fmt": "libfmt-dev",
            "tl-expected": "libexpected-dev", "doctest": "doctest-dev", "Python3": "python3",
            "Threads": None}


CHANGELOG = "packaging/debian/changelog"


def release(texts):
    """(version, date as mdoc writes it) of the newest release in the log."""
    version = re.match(r"tcptool \((\S+)\) ", texts[CHANGELOG])
    date = re.search(r"^ -- .*>  \w+, (\d+ \w+ \d+) ", texts[CHANGELOG], re.MULTILINE)
    day = datetime.datetime.strptime(date[1], "%d %b %Y")
    return version[1], f"{day:%B} {day.day}, {day.year}"


def other_dates(texts):
    """Every manual page that has another date than the release."""
    for path, text in tree.matching(texts, "man/*"):
        if f"\n.Dd {release(texts)[1]}\n" not in text:
            yield f"{path}: its .Dd is not {release(texts)[1]}, which {CHANGELOG} has"


def listed(texts, name):
    """The words of a list in packaging/need.sh."""
    match = re.search(rf"^{name}='([^']*)'", texts["packaging/need.sh"], re.MULTILINE)
    return match[1].split() if match else []


def unlisted(texts):
    """Every find_package() whose Debian package need.sh does not name, or not in the right list."""
    build, test = listed(texts, "build_packages"), listed(texts, "test_packages")
    for path, text in tree.matching(texts, "CMakeLists.txt", "*/CMakeLists.txt"):
        for name in re.findall(r"^\s*find_package\((\S+?)[\s)]", text, re.MULTILINE):
            there = build + test if path.startswith("tests/") else build
            if PACKAGES.get(name, "?") is not None and PACKAGES.get(name) not in there:
                yield f"{path}: find_package({name}) needs {PACKAGES.get(name, 'what package?')}"


def callers(texts):
    """The lists that each caller of need() asks for."""
    for path in ("packaging/try.sh", "tests/run.sh"):
        asked = re.search(r"^need (.*)$", texts.get(path, ""), re.MULTILINE)
        yield path, re.findall(r"\$(\w+)", asked[1]) if asked else []


def unlike_control(texts):
    """The packages that debian/control's Build-Depends and the lists do not both name."""
    field = re.search(r"^Build-Depends:(.*(?:\n[ \t].*)*)", texts["packaging/debian/control"],
                      re.MULTILINE)
    depends = set(re.findall(r"(?:^|,)\s*([a-z0-9][a-z0-9+.-]+)", field[1] if field else ""))
    depends.add("build-essential")  # every package's, unsaid
    # Debian's own word for its helper, and what build-essential has.
    wanted = {*listed(texts, "build_packages"), *listed(texts, "package_packages"),
              "debhelper-compat"} - {"debhelper", "g++"}
    return sorted(wanted ^ depends)


class Version(tool.TestCase):
    def test_version_says_release_commit_and_libraries(self):
        printed = tool.run("--version")
        self.assert_ok(printed)
        number = r"[\d.]+"
        found = re.fullmatch(
            rf"tcptool (\S+)\ncommit (\w+)( \(changed\))?\n"
            rf"built with CLI11 {number}, spdlog {number}, fmt {number}, expected {number}, "
            rf"libstdc\+\+ {number}; running with glibc {number}\n",
            printed.stdout.decode())
        self.assertTrue(found, printed)
        self.assertEqual(release(tree.files())[0], found[1])
        if tree.tracked():
            head = subprocess.run(["git", "-C", tool.SOURCE, "rev-parse", "--short=12", "HEAD"],
                                  capture_output=True, text=True, check=True)
            self.assertEqual(head.stdout.strip(), found[2])
            changed = subprocess.run(["git", "-C", tool.SOURCE, "status", "--porcelain", "--",
                                      "CMakeLists.txt", "src"], capture_output=True, check=True)
            self.assertEqual(changed.stdout != b"", found[3] is not None)

    def test_the_pages_are_of_the_releases_day(self):
        self.assert_none(other_dates(tree.files()))

    def test_packages_are_one_list(self):
        texts = tree.files()
        self.assert_none(unlisted(texts))
        self.assertEqual([], unlike_control(texts))
        self.assertEqual({"packaging/try.sh": ["build_packages"],
                          "tests/run.sh": ["build_packages", "test_packages"]},
                         dict(callers(texts)))

    def test_disagreement_is_found(self):
        texts = tree.files()
        other = texts | {CHANGELOG: "tcptool (0.0.7) unstable; urgency=medium\n\n  * More.\n\n"
                         " -- a <b@c.example>  Sat, 03 Jan 2026 12:00:00 +0000\n"}
        self.assertEqual(("0.0.7", "January 3, 2026"), release(other))
        self.assertEqual(2, len(list(other_dates(other))))
        for stray in ("find_package(Boost REQUIRED)\n", "  find_package(doctest)\n"):
            planted = texts | {"src/CMakeLists.txt": stray}
            self.assertEqual(1, len(list(unlisted(planted))), stray)
        control = texts["packaging/debian/control"]
        for sound, planted, named in ((" cmake (>= 3.25),", " cmake (>= 3.25),\n boost,", "boost"),
                                      (" libfmt-dev,\n", "", "libfmt-dev"),
                                      (" strace <!nocheck>,\n", "", "strace")):
            planted = {"packaging/debian/control": control.replace(sound, planted)}
            self.assertEqual([named], unlike_control(texts | planted))


if __name__ == "__main__":
    tool.main()
