# SPDX-License-Identifier: MIT
"""What stderr says: the status lines, -q, --json and colour."""

import os
import pty
import re
import socket

import ends
import tool

SOMAXCONN = "/proc/sys/net/core/somaxconn"
ADDRESS = r"127\.0\.0\.1:\d+"
JSON_TYPES = {"start", "call", "listening", "accepted", "connected", "peer-closed", "closed"}


def somaxconn():
    with open(SOMAXCONN, encoding="ascii") as file:
        return int(file.read())


class StatusLines(tool.TestCase):
    def test_one_transfer_is_three_lines_on_each_side(self):
        with tool.listen(stdin=b"to the client") as listener:
            client = tool.run("connect", "127.0.0.1", listener.port, stdin=b"to the listener")
            server = listener.finish()
        self.assert_ok(client)
        self.assert_ok(server)
        self.assert_stdout(b"to the client", client)
        self.assert_stdout(b"to the listener", server)
        self.assertRegex(client.stderr, (
            rf"\Aconnected {ADDRESS} -> 127\.0\.0\.1:{listener.port}  "
            r"\(handshake [\d.]+ (ms|us)\)\n"
            r"(peer has closed its side \(FIN\) after .*\n)?"
            r"closed after .*: sent 15 bytes, received 13 bytes.*\n\Z"))
        self.assertRegex(server.stderr, (
            rf"\Alistening on 127\.0\.0\.1:{listener.port}, backlog {somaxconn()}\n"
            rf"accepted {ADDRESS} -> 127\.0\.0\.1:{listener.port}  \(fd \d+, was queued .*, "
            rf"queue 0/{somaxconn()}, SYN: ttl \d+, mss \d+.*\)\n"
            r"(peer has closed its side \(FIN\) after .*\n)?"
            r"closed after .*: sent 13 bytes, received 15 bytes.*\n\Z"))

    def test_both_ends_name_the_same_two_addresses(self):
        with tool.listen() as listener:
            client = tool.run("connect", "127.0.0.1", listener.port)
            server = listener.finish()
        local, peer = self.assert_stderr(rf"^connected ({ADDRESS}) -> ({ADDRESS})", client).groups()
        self.assert_stderr(rf"^accepted {re.escape(local)} -> {re.escape(peer)} ", server)

    def test_a_wildcard_as_the_destination_is_noted_once(self):
        with tool.listen(stdin=b"") as listener:
            result = tool.run("connect", "0.0.0.0", listener.port)
            self.assert_ok(listener.finish())
        self.assert_ok(result)
        self.assertEqual(1, result.stderr.count("note 0.0.0.0 names no host; Linux connects to this"
                                                " host itself (127.0.0.1) instead\n"))
        with tool.refusing_port() as port:
            result = tool.run("connect", "--retry=1", "--retry-interval", "1ms", "0.0.0.0", port)
            self.assertEqual(1, result.stderr.count("note "), result.stderr)

    def test_a_listener_without_an_address_takes_both_families(self):
        for host, shown in (("127.0.0.1", r"127\.0\.0\.1:"), ("::1", r"\[::1\]:")):
            with self.subTest(host), tool.listen(address=None) as listener:
                self.assert_ok(tool.run("connect", host, listener.port))
                result = listener.finish()
                self.assert_stderr(r"^listening on \[::\]:\d+, backlog \d+$", result)
                self.assert_stderr(rf"^accepted {shown}\d+ -> {shown}{listener.port}  ", result)

    def test_4_and_6_choose_the_family_of_the_wildcard(self):
        for option, shown, other in (("-4", r"0\.0\.0\.0", "::1"), ("-6", r"\[::\]", "127.0.0.1")):
            with self.subTest(option), tool.listen(option, address=None) as listener:
                self.assertRegex(listener.stderr, f"^listening on {shown}:")
                self.assert_status(6, tool.run("connect", other, listener.port))

    def test_backlog_in_force_is_told_where_somaxconn_clamps_it(self):
        limit = somaxconn()
        rows = [(2, "backlog 2"), (limit, f"backlog {limit}"), (0, "backlog 0"),
                (limit + 1, f"backlog {limit + 1}, clamped to {limit} by net.core.somaxconn")]
        for asked, said in rows:
            with self.subTest(asked), tool.listen("-b", asked) as listener:
                self.assertEqual(said, listener.stderr.strip().partition(", ")[2])

    def test_the_backlog_is_the_accept_queues_limit(self):
        with tool.listen("-b", 7) as listener:
            tool.run("connect", "127.0.0.1", listener.port)
            self.assert_stderr(", queue 0/7,", listener.finish())

    def test_port_0_on_any_way_of_naming_it_reports_the_port_that_was_free(self):
        for words in (["0"], ["-p", "0"], ["127.0.0.1", "0"], ["127.0.0.1:0"], ["[::1]:0"],
                      ["-s", "127.0.0.1", "0"], ["localhost", "-p", "0"]):
            with self.subTest(words), tool.Tool("listen", *words) as process:
                port = int(process.wait_for(r"^listening on \S+:(\d+), ")[1])
                self.assertGreater(port, 0)

    def test_a_name_with_several_addresses_says_which_one_it_was(self):
        hosts = ends.written(f"{self.tmp}/hosts", "::1 both.example\n127.0.0.1 both.example\n")
        under = ends.mounted(hosts, "/etc/hosts")
        for options in ([], ["--sequential"]):
            with self.subTest(options), tool.listen("-4", address=None) as listener:
                result = tool.run("connect", *options, "both.example", listener.port, under=under)
                self.assert_ok(result)
                self.assert_stderr(r"^attempt \[::1\]:\d+: .*refused", result)
                self.assert_stderr(r"^connected .*\(handshake .*, 2nd of 2 addresses\)$", result)

    def test_a_name_of_which_no_address_answers_is_a_line_for_each_and_one_diagnosis(self):
        hosts = ends.written(f"{self.tmp}/hosts", "::1 both.example\n127.0.0.1 both.example\n")
        with tool.refusing_port() as port:
            result = tool.run("connect", "both.example", port,
                              under=ends.mounted(hosts, "/etc/hosts"))
        self.assert_status(6, result)
        block = r"(  .*\n){4}  cause   nothing on this host listens .*\n  try     .*\n"
        self.assertRegex(result.stderr, (rf"\Aattempt \[::1\]:\d+: .*refused.*\n{block}"
                                         r"  same for 127\.0\.0\.1\n"
                                         r"attempt 127\.0\.0\.1:\d+: .*refused.*\n"
                                         rf"tcptool: connect both\.example:{port}: "
                                         r"none of 2 addresses: .*refused.*\n\Z"))


class Quiet(tool.TestCase):
    def test_nothing_is_said_and_nothing_else_changes(self):
        path = f"{self.tmp}/port"
        with tool.Tool("listen", "-q", "--port-file", path, "127.0.0.1", 0,
                       stdin=b"answer") as listener:
            port = ends.wait_until(lambda: os.path.exists(path) and open_and_read(path), "a port")
            client = tool.run("connect", "-q", "127.0.0.1", port, stdin=b"question")
            server = listener.finish()
        self.assertEqual((0, b"answer", ""), (client.status, client.stdout, client.stderr))
        self.assertEqual((0, b"question", ""), (server.status, server.stdout, server.stderr))

    def test_a_failure_keeps_its_first_line(self):
        with tool.refusing_port() as port:
            result = tool.run("connect", "-q", "127.0.0.1", port)
        self.assert_status(6, result)
        self.assertRegex(result.stderr, rf"\Atcptool: connect 127\.0\.0\.1:{port}: .*\n\Z")
        with tool.refusing_port() as port:
            result = tool.run("connect", "-q", "--json", "127.0.0.1", port)
        (told, ) = ends.objects(result)
        self.assertEqual("nothing-listens", told["cause_id"])
        for name in ("layers", "cause", "try", "last_calls"):
            self.assertNotIn(name, told)


def open_and_read(path):
    with open(path, encoding="ascii") as file:
        return int(file.read())


class Json(tool.TestCase):
    def test_every_line_is_one_object_with_a_type_and_the_trace_too(self):
        with tool.Tool("listen", "-v", "--json", "127.0.0.1", 0, stdin=b"x") as listener:
            client = tool.run("connect", "--json", "-v", "127.0.0.1",
                              ends.listening_port(listener), stdin=b"y")
            server = listener.finish()
        for result in (client, server):
            self.assert_ok(result)
            for line in ends.objects(result):
                self.assertIn(line["type"], JSON_TYPES)
                self.assert_none(f"{name} is a fraction in {line}" for name, value in line.items()
                                 if isinstance(value, float))
        accepted = ends.of_type(server, "accepted")
        connected = ends.of_type(client, "connected")
        self.assertEqual((connected["local"], connected["peer"]),
                         (accepted["peer"], accepted["local"]))

    def test_the_summary_has_the_times_of_look_up_connect_and_first_byte(self):
        with tool.listen("-4", stdin=b"x", address=None) as listener:
            result = tool.run("connect", "--json", "localhost", listener.port)
        end = ends.closed(result)
        for name in ("lookup_ns", "connect_ns", "first_byte_ns", "duration_ns", "rtt_ns"):
            self.assertIsInstance(end[name], int, result)
            self.assertGreater(end[name], 0, result)

    def test_a_failure_is_an_object_with_its_status(self):
        with tool.refusing_port() as port:
            result = tool.run("connect", "--json", "127.0.0.1", port)
        self.assert_status(6, result)
        told = ends.of_type(result, "error")
        self.assertEqual(6, told["status"])
        self.assertIn("refused", told["message"])


class Color(tool.TestCase):
    def on_terminal(self, *args, env=None):
        """stderr of a refused connection when stderr is a terminal."""
        master, slave = pty.openpty()
        with tool.refusing_port() as port, os.fdopen(master, "rb", buffering=0) as screen:
            process = tool.subprocess.Popen(
                [*tool.WRAPPER, tool.TCPTOOL, "connect", *args, "127.0.0.1", str(port)],
                stdin=tool.DEVNULL, stderr=slave,
                env=tool.environment({"TERM": "xterm", **(env or {})}))
            os.close(slave)
            self.assertEqual(6, process.wait(30 * tool.PATIENCE))
            return screen.read(65536).decode()

    def on_pipe(self, *args, env=None):
        with tool.refusing_port() as port:
            return tool.run("connect", *args, "127.0.0.1", port, env=env).stderr

    def test_automatic_colour_is_for_terminals_and_obeys_the_environment(self):
        rows = [(self.on_terminal(), True), (self.on_pipe(), False),
                (self.on_terminal(env={"NO_COLOR": "1"}), False),
                (self.on_terminal(env={"NO_COLOR": ""}), True),
                (self.on_terminal(env={"TERM": "dumb"}), False),
                (self.on_pipe(env={"CLICOLOR_FORCE": "1"}), True),
                (self.on_pipe(env={"CLICOLOR_FORCE": "0"}), False),
                (self.on_pipe(env={"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}), False)]
        for number, (text, colored) in enumerate(rows):
            with self.subTest(number):
                self.assertEqual(colored, "\x1b[" in text, text)

    def test_the_option_comes_before_the_environment(self):
        self.assertIn("\x1b[", self.on_pipe("--color=always", env={"NO_COLOR": "1"}))
        self.assertNotIn("\x1b[", self.on_terminal("--color=never", env={"CLICOLOR_FORCE": "1"}))
        self.assertNotIn("\x1b[", self.on_pipe("--color=auto"))

    def test_json_is_never_coloured(self):
        self.assertNotIn("\x1b[", self.on_pipe("--json", "-v", "--color=always"))

    def test_the_data_is_never_touched(self):
        with tool.listen("--color=always", "-v") as listener:
            with socket.create_connection(("127.0.0.1", listener.port)) as peer:
                peer.sendall(b"\x1b[31mplain\x00")
            self.assert_stdout(b"\x1b[31mplain\x00", listener.finish())


if __name__ == "__main__":
    tool.main()
