# SPDX-License-Identifier: MIT
"""--sandbox: what a running tcptool has given up, and that it works all the same. The attacks
themselves are made in tests/unit/sys/sandbox_test.cc."""

import hashlib
import os
import pty
import re
import shutil
import socket
import unittest

import ends
import tool

GIVEN = os.urandom(3_000_000)


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(re.findall(r"^(\w+):\t(\w+)$", file.read(), re.MULTILINE))


def confined(pid):
    """(no_new_privs, seccomp filters) of a process."""
    status = status_of(pid)
    return int(status["NoNewPrivs"]), int(status["Seccomp_filters"])


@unittest.skipIf(tool.WRAPPER, "the sandbox is off under a wrapper")
class Sandbox(tool.TestCase):
    def listening(self, *args, **keywords):
        return tool.listen(*args, **keywords)

    def test_what_is_given_up_at_each_level(self):
        outside = confined(os.getpid())
        for level, wanted in ((), (1, 2)), (("--sandbox", "on"), (1, 2)), (
                ("--sandbox=off",), (0, 0)), (("--sandbox", "strict"), (1, 2)):
            with self.subTest(level), self.listening(*level, "-k") as process, \
                    socket.create_connection(("127.0.0.1", process.port)):
                process.wait_for("^accepted ")
                self.assertEqual((outside[0] | wanted[0], outside[1] + wanted[1]),
                                 confined(process.pid))

    def test_capabilities_are_kept_only_where_they_are_needed(self):
        held = int(status_of(os.getpid())["CapPrm"], 16)
        dac_override = held & 2
        for args, wanted in ((), 0), (("--sandbox", "strict"), 0), (("--sandbox=off",), held), (
                ("-o", "TCP_NODELAY"), 0), (("-o", "SO_PRIORITY=1"), held), (
                ("--port-file", os.path.join(self.tmp, "port")), dac_override):
            with self.subTest(args), self.listening(*args) as process:
                with socket.create_connection(("127.0.0.1", process.port)):
                    process.wait_for("^accepted ")
                    status = status_of(process.pid)
                    self.assertEqual([wanted, wanted], [
                        int(status[name], 16) for name in ("CapPrm", "CapEff")])
                self.assert_ok(process.finish())

    def test_a_command_is_not_confined_and_that_is_told(self):
        script = "exec 2>&1; grep -E '^(NoNewPrivs|Seccomp_filters)' /proc/self/status"
        with self.listening("-v", address="127.0.0.1", stdin=tool.DEVNULL) as process:
            self.assertNotIn("no sandbox", process.stderr)
        port_file = os.path.join(self.tmp, "port")
        with tool.Tool("listen", "-v", "--port-file", port_file, "127.0.0.1", 0, "--", "sh", "-c",
                       script) as process:
            process.wait_for("note no sandbox: the command would inherit it")
            process.wait_for("^listening on ")
            port = int(re.search(r"^listening on .*:(\d+)", process.stderr, re.MULTILINE)[1])
            with socket.create_connection(("127.0.0.1", port)) as peer:
                outside = confined(os.getpid())
                self.assertEqual(list(outside), [int(number) for number in re.findall(
                    rb"\d+", ends.read_until_end(peer)[0])])
            self.assert_ok(process.finish())

    def test_bytes_both_ways_at_each_level(self):
        for level in ("on", "strict", "off"):
            option = ("--sandbox", level)
            with self.subTest(level), \
                    self.listening(*option, stdin=GIVEN, stdout=tool.HASH) as server, \
                    tool.connect(server.port, *option, stdin=GIVEN, stdout=tool.HASH) as client:
                for result in (client.finish(), server.finish()):
                    self.assert_ok(result)
                    self.assertEqual(hashlib.sha256(GIVEN).hexdigest(), result.sha256, result)

    def test_a_name_is_looked_up_and_a_failure_is_explained(self):
        for level in ("on", "strict"):
            with self.subTest(level), tool.refusing_port() as port:
                result = tool.run("connect", "--sandbox", level, "-4", "localhost", port)
                self.assertEqual(6, result.status, result)
                self.assert_stderr("cause +nothing on this host listens", result)

    def test_active_asks_from_within_as_from_outside(self):
        for level in ("off", "on", "strict"):
            for args in ((), ("-s", "127.0.0.1"), ("-s", "127.0.0.1", "-o", "SO_PRIORITY=1")):
                with self.subTest((level, args)), socket.create_server(
                        ("127.0.0.1", 0)) as listener:
                    with tool.connect(listener.getsockname()[1], "--sandbox", level, *args,
                                      "--diagnose", "active", stdin=tool.PIPE) as process:
                        ends.reset(listener.accept()[0])
                        result = process.finish()
                    self.assertEqual(8, result.status, result)
                    self.assert_stderr(r"^probe SYN to 127\.0\.0\.1:\d+: SYN-ACK", result)

    def test_a_terminal_is_written_to(self):
        for level in ("on", "strict"):
            master, slave = pty.openpty()
            try:
                with self.subTest(level), self.listening("--sandbox", level, stdin=slave,
                                                         stdout=slave) as process:
                    with socket.create_connection(("127.0.0.1", process.port)) as peer:
                        peer.sendall(b"hello\n")
                        shown = b""
                        while not shown.endswith(b"\n"):  # a terminal gives less than a line too
                            shown += os.read(master, 100)
                        self.assertEqual(b"hello\r\n", shown)
                    self.assert_ok(process.finish())
            finally:
                os.close(master)
                os.close(slave)

    def test_the_port_file_is_there_and_then_removed(self):
        for level in ("on", "strict"):
            path = os.path.join(self.tmp, "port")
            with self.subTest(level), self.listening("--sandbox", level, "--port-file",
                                                     path) as process:
                with socket.create_connection(("127.0.0.1", process.port)):
                    process.wait_for("^accepted ")
                    with open(path, encoding="ascii") as file:
                        self.assertEqual(process.port, int(file.read()))
                self.assert_ok(process.finish())
                self.assertEqual([], os.listdir(self.tmp))

    def test_a_trace_is_written_and_its_last_call_is_there(self):
        path = os.path.join(self.tmp, "trace")
        with self.listening("--sandbox", "strict", "--trace", path) as process:
            socket.create_connection(("127.0.0.1", process.port)).close()
            self.assert_ok(process.finish())
        with open(path, encoding="ascii") as file:
            text = file.read()
        self.assertIn('"call":"landlock_restrict_self"', text)
        self.assertIn('"call":"close"', text.splitlines()[-1])

    @unittest.skipUnless(shutil.which("strace"), "strace is missing")
    def test_a_kernel_that_lacks_it_is_told_at_v_alone(self):
        for call, lacking in (("seccomp", "its filter of system calls"),
                              ("prctl", "its filter of system calls"),
                              ("landlock_create_ruleset", "Landlock"),
                              ("landlock_restrict_self", "Landlock"),
                              ("capset", "the end of its privileges")):
            under = ["strace", "-f", "-qq", "-o", f"{self.tmp}/strace", "-e",
                     f"inject={call}:error=ENOSYS"]
            for verbose in ((), ("-v",)):
                with self.subTest(call + "".join(verbose)), socket.create_server(
                        ("127.0.0.1", 0)) as listener:
                    with tool.connect(listener.getsockname()[1], *verbose, under=under,
                                      stdin=b"x") as process:
                        with listener.accept()[0] as peer:
                            self.assertEqual(b"x", ends.read_until_end(peer)[0])
                        result = process.finish()
                    self.assert_ok(result)
                    note = f"note the sandbox lacks {lacking}: {call}: "
                    self.assertEqual(bool(verbose), note in result.stderr, result)

    @unittest.skipUnless(shutil.which("strace"), "strace is missing")
    def test_strict_is_all_of_it_or_a_failure(self):
        for call in ("seccomp", "prctl", "landlock_create_ruleset", "capset"):
            for quiet in ((), ("-q",)):
                with self.subTest(call + "".join(quiet)), socket.create_server(
                        ("127.0.0.1", 0)) as listener:
                    result = tool.run("connect", *quiet, "--sandbox", "strict", "127.0.0.1",
                                      listener.getsockname()[1], under=[
                                          "strace", "-f", "-qq", "-o", f"{self.tmp}/strace", "-e",
                                          f"inject={call}:error=ENOSYS"])
                    self.assertEqual(4, result.status, result)
                    self.assert_stderr(rf"^tcptool: --sandbox strict: lacks .*: {call}: ", result)


if __name__ == "__main__":
    tool.main()
