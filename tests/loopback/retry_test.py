# SPDX-License-Identifier: MIT
"""connect's --retry, and -z: only the handshake, of one port or of several."""

import socket
import time

import ends
import tool


class Check(tool.TestCase):
    def test_a_connection_that_meets_itself_is_no_open_port(self):
        # Nobody listens, and the source port is the one asked for: the SYN meets its own socket.
        port = str(tool.free_port())
        result = tool.run("connect", "-z", "-p", port, "127.0.0.1", port)
        self.assert_status(6, result)
        self.assert_stderr("nothing listens: the connection met itself", result)

    def test_a_name_is_looked_up_once_for_a_list_of_ports(self):
        with tool.refusing_port() as port:
            result = tool.run("connect", "-v", "-z", "localhost", f"{port},{port - 1}")
        self.assertEqual(1, result.stderr.count("getaddrinfo") // 2, result)
        self.assert_stderr(rf"^tcptool: connect localhost:{port}.*refused", result)
        self.assert_stderr(rf" connect\(sockfd=\d+, addr=\S*:{port - 1}\)", result)


class Retry(tool.TestCase):
    def test_it_tries_until_the_port_is_open_and_then_transfers(self):
        with socket.socket() as late:
            late.bind(("127.0.0.1", 0))
            with tool.connect(late.getsockname()[1], "--retry", "--retry-interval", "20ms",
                              stdin=b"patience") as process:
                process.wait_for(r"^try 3: connect 127\.0\.0\.1:\d+: connection refused.*; "
                                 "again in 20 ms$")
                late.listen()
                peer, _ = late.accept()
                with peer:
                    self.assertEqual((b"patience", False), ends.read_until_end(peer))
                result = process.finish()
        self.assert_ok(result)
        self.assert_stderr(r"^connected ", result)

    def test_n_retries_are_n_lines_and_the_last_failure_in_full(self):
        with tool.refusing_port() as port:
            result = tool.run("connect", "--retry=2", "--retry-interval", "1ms", "127.0.0.1",
                              port)
        self.assert_status(6, result)
        lines = result.stderr.splitlines()
        self.assertEqual(9, len(lines), result)
        self.assertRegex(lines[0], r"^try 1: .*refused.*; again in 1(\.00)? ms$")
        self.assertRegex(lines[1], r"^try 2: .*refused.*; again in 1(\.00)? ms$")
        self.assertRegex(lines[2], r"^tcptool: connect 127\.0\.0\.1:\d+: connection refused")
        self.assert_diagnosis("transport", r"nothing on this host listens on port \d+$", result)

    def test_each_try_has_a_connect_timeout_of_its_own(self):
        with ends.silent_port() as port:
            result = tool.run("connect", "--retry=1", "--retry-interval", "0", "-w", "200ms",
                              "127.0.0.1", port)
        self.assert_status(7, result)
        self.assertEqual(2, result.stderr.count("timed out after "), result)

    def test_a_local_failure_is_not_repeated(self):
        with tool.refusing_port() as port:
            result = tool.run("connect", "--retry", "-s", "192.0.2.1", "127.0.0.1", port)
        self.assert_status(4, result)
        self.assert_no_stderr("^try ", result)

    def test_retry_takes_its_number_only_with_an_equals_sign(self):
        with tool.refusing_port() as port:
            result = tool.run("connect", "--retry", "--timeout", "100ms", "127.0.0.1", port)
        self.assert_status(9, result)
        self.assert_stderr(rf"127\.0\.0\.1:{port}", result)

    def test_quiet_retries_say_only_the_last_failure(self):
        with tool.refusing_port() as port:
            result = tool.run("connect", "-q", "--retry=3", "--retry-interval", "1ms",
                              "127.0.0.1", port)
        self.assert_status(6, result)
        self.assertEqual(1, len(result.stderr.splitlines()), result)

    def test_zero_retries_are_one_try(self):
        with tool.refusing_port() as port:
            result = tool.run("connect", "--retry=0", "127.0.0.1", port)
        self.assert_status(6, result)
        self.assert_no_stderr("^try ", result)


class Check(tool.TestCase):
    def test_an_open_port_is_a_line_with_its_handshake_time_and_status_0(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            result = tool.run("connect", "-z", "127.0.0.1", port)
            with listener.accept()[0] as peer:
                peer.settimeout(10 * tool.PATIENCE)
                self.assertEqual((b"", False), ends.read_until_end(peer))  # FIN, no RST
        self.assert_ok(result)
        self.assert_stdout(b"", result)
        self.assertRegex(result.stderr,
                         rf"\Aopen 127\.0\.0\.1:{port}  \(handshake [\d.]+ (ms|us|µs)\)\n\Z")

    def test_it_reads_nothing_and_leaves_stdin_alone(self):
        path = f"{self.tmp}/input"
        with open(path, "wb") as file:
            file.write(b"untouched")
        with socket.create_server(("127.0.0.1", 0)) as listener, open(path, "rb") as file:
            result = tool.run("connect", "-v", "-z", "127.0.0.1", listener.getsockname()[1],
                              stdin=file)
            self.assertEqual(b"untouched", file.read())
        self.assert_ok(result)
        self.assert_no_stderr(r"\brecv\(", result)
        self.assert_no_stderr(r"\bread\(fd=0\b", result)

    def test_a_refused_port_is_status_6(self):
        with tool.refusing_port() as port:
            result = tool.run("connect", "-z", "127.0.0.1", port)
        self.assert_status(6, result)
        self.assert_stderr(rf"\Atcptool: connect 127\.0\.0\.1:{port}: .*refused", result)
        self.assert_diagnosis("transport", f"nothing on this host listens on port {port}$", result)

    def test_a_list_has_a_line_for_each_port_and_status_0_only_if_all_are_open(self):
        with socket.create_server(("127.0.0.1", 0)) as one, \
                socket.create_server(("127.0.0.1", 0)) as two, tool.refusing_port() as none:
            first, second = one.getsockname()[1], two.getsockname()[1]
            both = tool.run("connect", "-z", "127.0.0.1", f"{first},{second}-{second}")
            mixed = tool.run("connect", "-z", "127.0.0.1", f"{first},{none},{second}")
        self.assert_ok(both)
        self.assertEqual(2, len(both.stderr.splitlines()), both)
        self.assert_status(6, mixed)
        self.assertEqual([f"open 127.0.0.1:{first}", f"tcptool: connect 127.0.0.1:{none}",
                          f"open 127.0.0.1:{second}"],
                         [line.split("  ")[0].split(": connection")[0]
                          for line in mixed.stderr.splitlines()], mixed)

    def test_with_retry_it_waits_for_the_port(self):
        with socket.socket() as late:
            late.bind(("127.0.0.1", 0))
            with tool.connect(late.getsockname()[1], "-z", "--retry", "--retry-interval", "20ms",
                              "--timeout", "60s") as process:
                process.wait_for("^try 2:")
                late.listen()
                result = process.finish()
        self.assert_ok(result)
        self.assert_stderr("^open ", result)

    def test_quiet_leaves_only_the_status(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            result = tool.run("connect", "-q", "-z", "127.0.0.1", listener.getsockname()[1])
        self.assert_ok(result)
        self.assertEqual("", result.stderr)

    def test_json_has_an_object_for_each_port(self):
        with socket.create_server(("127.0.0.1", 0)) as listener, tool.refusing_port() as none:
            port = listener.getsockname()[1]
            result = tool.run("connect", "--json", "-z", "127.0.0.1", f"{port},{none}")
        self.assert_status(6, result)
        first, second = ends.objects(result)
        self.assertEqual(("open", f"127.0.0.1:{port}"), (first["type"], first["peer"]))
        self.assertIsInstance(first["handshake_ns"], int)
        self.assertEqual(("error", 6), (second["type"], second["status"]))

    def test_a_port_that_says_nothing_is_status_7(self):
        with ends.silent_port() as port:
            start = time.monotonic()
            result = tool.run("connect", "-z", "-w", "200ms", "127.0.0.1", port)
        self.assert_status(7, result)
        self.assertLess(time.monotonic() - start, 20 * tool.PATIENCE)


if __name__ == "__main__":
    tool.main()
