# SPDX-License-Identifier: MIT
"""One version and one list of packages, wherever they are written."""

import re

import tool
import tree

# The package of each find_package() in the CMake files; None: part of CMake, or of the system.
PACKAGES = {"CLI11": "libcli11-dev", "spdlog": "libspdlog-dev", "fmt": "libfmt-dev",
            "tl-expected": "libexpected-dev", "doctest": "doctest-dev", "Python3": "python3",
            "Threads": None}


def versions(texts):
    """Where a version is written, and what it is."""
    found = {}
    for path, pattern in (("CMakeLists.txt", r"^project\(tcptool\s+VERSION (\S+)"),
                          ("packaging/debian/changelog", r"^tcptool \((\S+)\)")):
        match = re.search(pattern, texts.get(path, ""), re.MULTILINE)
        found[path] = match and match[1]
    return found


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
    # Debian's own word for its helper, and what is there wherever a package is built.
    wanted = {*listed(texts, "build_packages"), *listed(texts, "package_packages"),
              "debhelper-compat"} - {"debhelper", "g++"}
    return sorted(wanted ^ depends)


class Version(tool.TestCase):
    def test_version_is_one(self):
        found = versions(tree.files())
        printed = tool.run("--version")
        self.assert_ok(printed)
        match = re.fullmatch(rb"tcptool (\d+\.\d+\.\d+)\n", printed.stdout)
        self.assertTrue(match, printed)
        found["tcptool --version"] = match[1].decode()
        self.assertEqual(1, len(set(found.values())), found)

    def test_packages_are_one_list(self):
        texts = tree.files()
        self.assert_none(unlisted(texts))
        self.assertEqual([], unlike_control(texts))
        self.assertEqual({"packaging/try.sh": ["build_packages"],
                          "tests/run.sh": ["build_packages", "test_packages"]},
                         dict(callers(texts)))

    def test_disagreement_is_found(self):
        texts = tree.files()
        texts["packaging/debian/changelog"] = "tcptool (0.0.7) unstable; urgency=medium\n"
        self.assertEqual("0.0.7", versions(texts)["packaging/debian/changelog"])
        self.assertNotEqual("0.0.7", versions(texts)["CMakeLists.txt"])
        for stray in ("find_package(Boost REQUIRED)\n", "  find_package(doctest)\n"):
            planted = texts | {"src/CMakeLists.txt": stray}
            self.assertEqual(1, len(list(unlisted(planted))), stray)
        control = texts["packaging/debian/control"]
        for sound, planted, named in ((" cmake (>= 3.25),", " cmake (>= 3.25),\n boost,", "boost"),
                                      (" libfmt-dev,\n", "", "libfmt-dev"),
                                      (" doctest-dev <!nocheck>,\n", "", "doctest-dev")):
            planted = {"packaging/debian/control": control.replace(sound, planted)}
            self.assertEqual([named], unlike_control(texts | planted))


if __name__ == "__main__":
    tool.main()
