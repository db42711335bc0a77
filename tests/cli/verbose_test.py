# SPDX-License-Identifier: MIT
"""-v: every system call is a line on stderr, in the order it happened, before whatever may hang."""

import re
import socket
import unittest

import ends
import tool

LINE = re.compile(r"^ *(\d+\.\d{6}) (?:->|<-|  ) (\w+)\((.*)\) = (.+) <([\d.]+ (?:ms|us|s|ns))>$")


def calls(text):
    """The traced calls: (time, name, arguments, result)."""
    return [(float(found[1]), found[2], found[3], found[4])
            for line in text.splitlines() if (found := LINE.match(line))]


class Verbose(tool.TestCase):
    def assert_in_order(self, names, result):
        seen = iter(name for _, name, _, _ in calls(result.stderr))
        missing = [name for name in names if name not in seen]
        self.assertEqual([], missing, f"missing, or not in this order{result}")

    def test_the_header_says_what_ran_and_when(self):
        with tool.refusing_port() as port:
            result = tool.run("connect", "-v", "127.0.0.1", port)
        self.assertRegex(result.stderr, r"\A# tcptool \d+\.\d+\.\d+ connect, pid \d+, started "
                                        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\n")

    def test_each_line_is_time_call_arguments_result_and_duration(self):
        with tool.listen("-v", stdin=b"x") as listener:
            client = tool.run("connect", "-v", "127.0.0.1", listener.port, stdin=b"y")
            server = listener.finish()
        for result in (client, server):
            lines = result.stderr.splitlines()[1:]
            others = [line for line in lines if not LINE.match(line)]
            self.assert_none(line for line in others if not re.match(
                "listening on |accepted |connected |peer has closed |closed after ", line))
            times = [time for time, *_ in calls(result.stderr)]
            self.assertEqual(sorted(times), times)
        self.assert_in_order(["socket", "connect", "getsockname", "send", "shutdown"], client)
        self.assert_in_order(["connect", "recv"], client)
        self.assert_in_order(["socket", "bind", "listen", "poll", "accept4", "close", "send"],
                             server)

    def test_arguments_have_their_names_and_results_their_errno(self):
        with tool.refusing_port() as port:
            result = tool.run("connect", "-v", "127.0.0.1", port)
        self.assert_stderr(r" socket\(domain=AF_INET, type=SOCK_STREAM\|\S*SOCK_CLOEXEC\S*, "
                           r"protocol=\S+\) = \d+ <", result)
        self.assert_stderr(rf" connect\(sockfd=\d+, addr=127\.0\.0\.1:{port}\) = "
                           r"-1 (EINPROGRESS|ECONNREFUSED) \(.+\) <", result)
        self.assert_stderr(r"-1 ECONNREFUSED|ECONNREFUSED", result)

    def test_what_led_to_a_hang_is_visible_while_it_hangs(self):
        with ends.silent_port() as port, tool.connect(port, "-v", "-w", "60s") as process:
            process.wait_for(rf" connect\(.*127\.0\.0\.1:{port}.*EINPROGRESS")
            self.assertIsNone(process.process.poll())
        with tool.listen("-v") as process:
            text = process.stderr
            self.assertIn(" listen(", text)
            self.assertLess(text.index(" listen("), text.index("\nlistening on "))
            ends.assert_idle(self, process.pid, 0.2)

    def test_status_lines_stand_behind_the_calls_that_made_them_true(self):
        with tool.listen() as listener:
            result = tool.run("connect", "-v", "127.0.0.1", listener.port)
        text = result.stderr
        self.assertLess(text.index(" connect("), text.index("\nconnected "))
        self.assertLess(text.index("\nconnected "), text.index(" shutdown("))
        self.assertLess(text.index(" shutdown("), text.index("\nclosed after "))

    def test_payload_is_not_shown_whole_and_never_raw(self):
        with tool.listen(stdin=tool.DEVNULL) as listener:
            with tool.connect(listener.port, "-v", stdin=b"\x1b[31m" + b"p" * 5000) as process:
                result = process.finish()
        self.assertNotIn("\x1b", result.stderr)
        self.assertLess(max(map(len, result.stderr.splitlines())), 1000, result)

    def test_verbose_changes_neither_status_nor_data(self):
        with tool.listen("-v", stdin=b"a" * 300_000) as listener:
            client = tool.run("connect", "-v", "127.0.0.1", listener.port, stdin=b"b" * 300_000)
            server = listener.finish()
        self.assert_ok(client)
        self.assert_ok(server)
        self.assert_stdout(b"a" * 300_000, client)
        self.assert_stdout(b"b" * 300_000, server)

    @unittest.skipIf(tool.WRAPPER, "strace would tell of the wrapper")
    def test_the_trace_agrees_with_strace_on_the_calls_of_the_socket(self):
        trace = f"{self.tmp}/trace"
        wanted = "socket,connect,bind,listen,accept4,shutdown,getsockname,getpeername"
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with tool.connect(listener.getsockname()[1], "-v",
                              under=["strace", "-o", trace, "-e", f"trace={wanted}"]) as process:
                listener.accept()[0].close()
                result = process.finish()
        self.assert_ok(result)
        with open(trace, encoding="ascii") as lines:
            seen = [found[1] for line in lines if (found := re.match(r"(\w+)\(", line))]
        told = [name for _, name, _, _ in calls(result.stderr) if name in wanted.split(",")]
        self.assertEqual(seen, told, result)


if __name__ == "__main__":
    tool.main()
