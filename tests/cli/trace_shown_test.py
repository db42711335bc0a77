# SPDX-License-Identifier: MIT
"""What a trace shows beside the calls: bytes, telemetry, explanations; what led to a failure."""

import re
import signal
import unittest

import ends
import oracle
import tool


class Shown(tool.TestCase):
    def both(self, *args, **keywords):
        """A client with these options that sends 40 hostile bytes and gets 5000: its Result."""
        with tool.listen(stdin=b"\x1b]0;x\x07" * 1000) as listener:
            client = tool.run("connect", *args, "127.0.0.1", listener.port,
                              stdin=b"\x1b[31m\xff\x00ab" * 5, **keywords)
            listener.finish()
        self.assert_ok(client)
        return client

    def test_vv_shows_every_byte_with_direction_and_offset_and_no_control_byte(self):
        result = self.both("-vv")
        self.assertFalse(re.search(r"[^\n -~]", result.stderr), result)
        shown = {"->": b"", "<-": b""}
        for line in result.stderr.splitlines():
            if found := re.match(r"^ +\d+\.\d{6} (->|<-) ([0-9a-f]{8})  ((?:[0-9a-f]{2} +)+)\|",
                                 line):
                self.assertEqual(len(shown[found[1]]), int(found[2], 16))
                shown[found[1]] += bytes.fromhex(found[3])
        self.assertEqual(b"\x1b[31m\xff\x00ab" * 5, shown["->"])
        self.assertEqual(b"\x1b]0;x\x07" * 1000, shown["<-"])

    def test_vv_in_json_and_as_strace_has_them(self):
        objects = ends.of_all(self.both("-vv", "--json"), "data")
        for name, data in (("sent", "\x1b[31m\xff\x00ab" * 5), ("received", "\x1b]0;x\x07" * 1000)):
            self.assertEqual(data, "".join(entry["data"] for entry in objects
                                           if entry["direction"] == name))
        result = self.both("-vv", "--trace-format", "strace")
        self.assert_stderr(r"^ \| 00000  1b 5b 33 31 6d ff 00 61  62 1b .. .. .. .. .. ..  "
                           r"\.\[31m\.\.ab\.\[31m\.\. \|$", result)

    def test_vv_tells_what_tcp_says_of_itself_when_it_changes(self):
        result = self.both("-vv")
        self.assert_stderr(r"^ +\d+\.\d{6} ## fd \d+: [A-Z-]+2?; .*\brtt [\d.]+ (ms|s), cwnd \d+",
                           result)
        states = ends.of_all(self.both("-vv", "--json"), "tcp")
        self.assertIn("snd_cwnd", states[0]["tcp_info"])
        self.assertGreater(len(states), 1)
        told = {}
        for state in states:
            new = {**state["tcp_info"], **{name: state[name] for name in state if "bytes" in name}}
            self.assertNotEqual({**told, **new}, told)
            told.update(new)

    def test_a_file_of_json_has_telemetry_and_no_bytes_and_the_other_forms_have_neither(self):
        path = f"{self.tmp}/trace"
        for args, wanted in (([], True), (["--trace-format", "text"], False),
                             (["--trace-filter", "errors"], False)):
            with self.subTest(args):
                result = self.both("--trace", path, *args)
                self.assert_no_stderr("##", result)
                with open(path, encoding="ascii") as lines:
                    text = lines.read()
                self.assertEqual(wanted, "SO_TIMESTAMPING" in text, text)
                self.assertEqual(wanted, '"type":"write"' in text, text)
                self.assertEqual(wanted, '"type":"tcp"' in text, text)
                self.assertNotIn('"type":"data"', text)

    def test_v_alone_shows_none(self):
        self.assert_no_stderr(r" (->|<-) [0-9a-f]{8}  ", self.both("-v"))

    def test_explain_adds_a_sentence_to_every_call(self):
        for args, call in ((["-v"], r"^ +\d+\.\d{6} .. \w+\(.*>$"),
                           (["-v", "--trace-format", "strace"], r"^\w+\(.*>$")):
            lines = self.both("--explain", *args).stderr.splitlines()
            calls = [number for number, line in enumerate(lines) if re.match(call, line)]
            self.assertGreater(len(calls), 20)
            self.assert_none(lines[number] for number in calls if not re.match(
                r" *# (application|transport|internet|link): \w", lines[number + 1]))
        objects = ends.of_all(self.both("--explain", "-v", "--json"), "call")
        self.assertTrue(all("explain" in entry for entry in objects))

    def test_explain_knows_that_not_every_socket_is_a_connection(self):
        with tool.refusing_port() as port:
            result = tool.run("connect", "-v", "--explain", "127.0.0.1", port)
        lines = iter(result.stderr.splitlines())
        netlink = [(line, next(lines)) for line in lines if "AF_NETLINK" in line]
        self.assertTrue(netlink, result)
        for line, sentence in netlink:
            self.assertRegex(sentence, "# internet: .*netlink", line)
        self.assert_no_stderr(r"(->|<-) (send|recvmsg)\(", result)

    def test_explain_needs_calls(self):
        for args in (["--explain"], ["--explain", "-v", "--trace-format", "summary"]):
            self.assert_usage("--explain", tool.run("connect", *args, "127.0.0.1", 9))


@unittest.skipIf(oracle.missing(), oracle.missing())
class Crash(tool.TestCase):
    def test_what_was_pending_is_told_before_a_crash_ends_the_process(self):
        path = f"{self.tmp}/trace"
        for name in ("QUIT",) if ends.sanitized() else ("QUIT", "SEGV"):
            result = tool.run("listen", "--trace", path, "--trace-format", "strace", "127.0.0.1", 0,
                              under=["strace", "-o", "/dev/null", "-e",
                                     f"inject=bind:signal={name}"])
            self.assert_signal(getattr(signal, f"SIG{name}"), result)
            with open(path, encoding="ascii") as lines:
                self.assertRegex(lines.read(), r"socket\(AF_INET, [\s\S]*SO_REUSEADDR, \[1\], 4\)")


@unittest.skipIf(oracle.missing(), oracle.missing())
class FlightRecorder(tool.TestCase):
    def broken(self, *args):
        """A run that fails with an error that can only be our own mistake: strace makes it up."""
        result = tool.run("listen", *args, "127.0.0.1", 0, under=[
            "strace", "-o", "/dev/null", "-e", "inject=listen:error=ENOTSOCK"])
        if "mistake in tcptool" in result.stderr:
            self.skipTest("a build that aborts where it finds a mistake of its own")
        return result

    def test_a_failure_without_a_name_shows_the_last_calls(self):
        result = self.broken()
        self.assert_status(1, result)
        found = self.assert_stderr(r"^the last 20 system calls:\n((?: +\d+\.\d{6} .*\n)+)", result)
        lines = found[1].splitlines()
        self.assertEqual(20, len(lines))
        self.assertIn("ENOTSOCK", found[1])
        self.assertRegex(lines[-1], r"= 0$")  # not timed

    def test_not_with_q_nor_where_a_trace_tells_them(self):
        self.assert_no_stderr("the last", self.broken("-q"))
        self.assert_no_stderr("the last", self.broken("-v"))

    def test_a_failure_in_json_has_the_last_calls(self):
        with tool.refusing_port() as port:
            result = tool.run("connect", "--json", "127.0.0.1", port)
            traced = tool.run("connect", "--json", "-v", "127.0.0.1", port)
        calls = ends.of_type(result, "error")["last_calls"]
        self.assertIn("connect", [entry["call"] for entry in calls])
        self.assertLessEqual(len(calls), 20)
        self.assertNotIn("last_calls", ends.of_type(traced, "error"))


if __name__ == "__main__":
    tool.main()
