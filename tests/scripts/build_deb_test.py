# SPDX-License-Identifier: MIT
"""packaging/build-deb.sh and commit.sh: what git tracks is packaged, and changes are told."""

import os
import shutil
import subprocess
import unittest

import tool

FAKES = {"dpkg-buildpackage": "exit 0",
         "dpkg-parsechangelog": 'case $* in *Version) echo 7.8.9 ;; *) echo 0 ;; esac'}


@unittest.skipIf(shutil.which("git") is None, "git is not installed")
class BuildDeb(tool.TestCase):
    def setUp(self):
        self.tree = os.path.join(self.tmp, "tree")
        packaging = os.path.join(self.tree, "packaging")
        os.makedirs(os.path.join(packaging, "debian"))
        os.mkdir(os.path.join(self.tree, "src"))
        for name in ("build-deb.sh", "commit.sh"):
            shutil.copy(os.path.join(tool.SOURCE, "packaging", name), packaging)
        self.write("packaging/need.sh", "need() { :; }\nbuild_packages= package_packages=\n")
        for name in ("CMakeLists.txt", "README.md", "src/old.cc", "src/main cc", "notes",
                     "packaging/debian/changelog"):
            self.write(name, name)
        self.write(".gitignore", "/build/\n")
        programs = os.path.join(self.tmp, "bin")
        os.mkdir(programs)
        for name, text in FAKES.items():
            path = os.path.join(programs, name)
            with open(path, "w", encoding="ascii") as file:
                file.write(f"#!/bin/sh\n{text}\n")
            os.chmod(path, 0o755)
        self.env = tool.environment({"PATH": f"{programs}:{os.environ['PATH']}", "HOME": self.tmp})

    def write(self, name, text):
        with open(os.path.join(self.tree, name), "w", encoding="ascii") as file:
            file.write(text)

    def shell(self, script):
        done = subprocess.run(["sh", "-euc", script], cwd=self.tree, env=self.env, timeout=30,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self.assertEqual(0, done.returncode, done)
        return done

    def commit(self):
        """Everything but the notes; returns the commit."""
        self.shell("git init -q; git add .; git rm -q --cached --ignore-unmatch notes\n"
                   "git -c user.name=a -c user.email=a@b.example commit -qm all")
        return self.shell("git rev-parse --short=12 HEAD").stdout.strip()

    def build(self):
        """(what the source package holds, what its debian/commit says, what was said)."""
        said = self.shell("sh packaging/build-deb.sh").stderr
        top = os.path.join(self.tree, "build/deb/tcptool-7.8.9")
        names = sorted(os.path.relpath(os.path.join(folder, name), top)
                       for folder, _, files in os.walk(top) for name in files)
        with open(os.path.join(top, "debian/commit"), encoding="ascii") as file:
            return names, file.read().strip(), said

    def test_only_what_git_tracks_is_packaged(self):
        commit = self.commit()
        os.unlink(os.path.join(self.tree, "README.md"))
        names, built_from, said = self.build()
        self.assertEqual([".gitignore", "CMakeLists.txt", "debian/changelog", "debian/commit",
                          "packaging/build-deb.sh", "packaging/commit.sh", "packaging/need.sh",
                          "src/main cc", "src/old.cc"], names)
        self.assertEqual(commit, built_from)
        for told in ("not as it was committed", "?? notes", " D README.md"):
            self.assertIn(told, said)

    def test_a_tree_as_it_was_committed_says_nothing(self):
        os.unlink(os.path.join(self.tree, "notes"))
        commit = self.commit()
        names, built_from, said = self.build()
        self.assertIn("README.md", names)
        self.assertEqual((commit, ""), (built_from, said))

    def test_a_changed_source_is_told(self):
        commit = self.commit()
        for name in ("src/old.cc", "src/new.cc"):
            self.write(name, "changed")
            self.assertEqual(f"{commit} (changed)", self.build()[1], name)
            self.shell("git checkout -q src/old.cc")

    def test_without_git_all_is_packaged(self):
        names, built_from, _ = self.build()
        self.assertIn("notes", names)
        self.assertEqual("unknown", built_from)

    def test_the_header_is_written_only_when_it_says_something_else(self):
        commit = self.commit()
        header = os.path.join(self.tmp, "commit.h")

        def write_header(expected):
            self.shell(f"sh packaging/commit.sh '{header}'")
            with open(header, encoding="ascii") as file:
                self.assertEqual(f'#define TCPTOOL_COMMIT "{expected}"\n', file.read())

        write_header(commit)
        os.utime(header, (1, 1))
        write_header(commit)
        self.assertEqual(1, os.stat(header).st_mtime)
        self.write("CMakeLists.txt", "changed")
        write_header(f"{commit} (changed)")


if __name__ == "__main__":
    tool.main()
