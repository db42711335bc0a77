# SPDX-License-Identifier: MIT
"""packaging/need.sh: asks first, installs only what is missing, and says what it cannot do."""

import os
import shutil
import subprocess

import tool

# Fakes of the programs need() calls; what they are called with is appended to $DIR/log.
FAKES = {
    "dpkg-query": 'for p; do case $p in -*) ;; *) grep -qx "$p" "$DIR/there" &&'
                  ' echo "installed:$p"; esac; done; exit 1',
    "apt-get": 'echo "apt-get $*" >>"$DIR/log"; cat >>"$DIR/stdin"; echo chatter\n'
               'for last; do :; done; [ "$last" != unknown ] || exit 100\n'
               'case " $* " in *" install "*) for p; do echo "$p"; done >>"$DIR/there";; esac',
    "id": 'cat "$DIR/uid"',
}


class Need(tool.TestCase):
    def setUp(self):
        self.bin = os.path.join(self.tmp, "bin")
        os.mkdir(self.bin)
        for name in ("sh", "cat", "env", "grep", "sed", "tr"):
            os.symlink(shutil.which(name), os.path.join(self.bin, name))
        for name, text in FAKES.items():
            self.fake(name, text)
        self.write("there", "g++\ncmake\n")
        self.write("uid", "0\n")
        self.write("log", "")

    def write(self, name, text):
        with open(os.path.join(self.tmp, name), "w", encoding="ascii") as file:
            file.write(text)

    def fake(self, name, text):
        path = os.path.join(self.bin, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(f"#!/bin/sh\n{text}\n")
        os.chmod(path, 0o755)

    def need(self, *packages):
        script = os.path.join(tool.SOURCE, "packaging", "need.sh")
        return subprocess.run(["sh", "-euc", '. "$0"; need "$@"', script, *packages],
                              env={"PATH": self.bin, "DIR": self.tmp}, input="for tcptool",
                              capture_output=True, text=True, check=False, timeout=30)

    def log(self, name="log"):
        with open(os.path.join(self.tmp, name), encoding="ascii") as file:
            return file.read()

    def test_nothing_is_run_or_said_when_all_is_there(self):
        done = self.need("g++", "cmake")
        self.assertEqual((0, "", "", ""), (done.returncode, done.stdout, done.stderr, self.log()))

    def test_only_what_is_missing_is_installed(self):
        done = self.need("g++", "ncat", "cmake", "socat")
        self.assertEqual(0, done.returncode, done)
        update, install = self.log().splitlines()
        self.assertRegex(update, r"^apt-get .*-o DPkg::Lock::Timeout=300 .*update$")
        self.assertRegex(install, r"^apt-get .*Install-Recommends=false install ncat socat$")

    def test_chatter_is_on_stderr_and_stdin_is_left_alone(self):
        done = self.need("ncat")
        self.assertEqual("", done.stdout)
        self.assertIn("chatter", done.stderr)
        self.assertEqual("", self.log("stdin"))

    def test_sudo_is_used_where_uid_is_not_0(self):
        self.write("uid", "1000\n")
        self.fake("sudo", 'echo "sudo $*" >>"$DIR/log"; exec "$@"')
        self.assertEqual(0, self.need("ncat").returncode)
        self.assertRegex(self.log(), r"(?m)^sudo env DEBIAN_FRONTEND=\S+ apt-get .*ncat$")

    def test_without_root_and_sudo_it_says_what_to_run(self):
        self.write("uid", "1000\n")
        done = self.need("ncat", "g++", "socat")
        self.assertEqual((1, ""), (done.returncode, self.log()))
        self.assertIn("run as root: apt-get install ncat socat\n", done.stderr)

    def test_a_package_that_apt_cannot_install_is_named(self):
        done = self.need("ncat", "unknown")
        self.assertEqual(1, done.returncode)
        self.assertIn("need: apt could not install: ncat unknown", done.stderr)

    def test_a_system_without_dpkg_gets_the_list(self):
        os.remove(os.path.join(self.bin, "dpkg-query"))
        done = self.need("g++", "cmake")
        self.assertEqual(1, done.returncode)
        self.assertIn("not Debian; please install what these packages hold: g++ cmake",
                      done.stderr)


if __name__ == "__main__":
    tool.main()
