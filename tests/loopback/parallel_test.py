# SPDX-License-Identifier: MIT
"""connect --parallel: many connections at once, held until stdin ends, against an accept queue."""

import contextlib
import resource
import signal
import socket
import unittest

import ends
import tool


@contextlib.contextmanager
def listener(backlog=16):
    """A socket that listens and accepts only where the test does."""
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as listening:
        listening.settimeout(10 * tool.PATIENCE)
        yield listening


@contextlib.contextmanager
def accepted(listening, count):
    """The next `count` connections of the accept queue, by the port of their other end."""
    with contextlib.ExitStack() as stack:
        peers = {}
        for _ in range(count):
            peer, (_, port) = listening.accept()
            stack.enter_context(peer).settimeout(10 * tool.PATIENCE)
            peers[port] = peer
        yield peers


def parallel(count, listening, *args, stdin=tool.PIPE, **keywords):
    port = listening if isinstance(listening, int) else listening.getsockname()[1]
    return tool.connect(port, "--parallel", count, *args, stdin=stdin, **keywords)


class Held(tool.TestCase):
    def test_all_are_held_until_stdin_ends_and_closed_with_fin(self):
        with listener() as listening, parallel(3, listening) as process:
            process.wait_for(r"^holding 3 connections open until stdin ends$")
            with accepted(listening, 3) as peers:
                for peer in peers.values():
                    peer.setblocking(False)
                    self.assertRaises(BlockingIOError, peer.recv, 1)
                    peer.settimeout(10 * tool.PATIENCE)
                process.end_of_input()
                result = process.finish()
                self.assert_ok(result)
                for number, port in enumerate(sorted(peers), 1):
                    self.assert_stderr(rf"^connected [123]/3 127\.0\.0\.1:{port} -> "
                                       r"127\.0\.0\.1:\d+  \(handshake [\d.]+ ms\)$", result)
                    self.assert_stderr(rf"^connected {number}/3 ", result)
                for peer in peers.values():
                    self.assertEqual((b"", False), ends.read_until_end(peer))
            self.assert_stderr(r"^3 connections: 3 connected; held [\d.]+ m?s$", result)

    def test_the_numbers_are_in_the_objects(self):
        with listener() as listening:
            with parallel(2, listening, "--json", stdin=tool.DEVNULL) as process:
                result = process.finish()
        self.assert_ok(result)
        self.assertEqual([(1, 2), (2, 2)],
                         [(line["number"], line["total"])
                          for line in ends.of_all(result, "connected")])
        summary = ends.of_type(result, "connections")
        self.assertEqual((2, 2, 0), (summary["total"], summary["connected"], summary["lost"]))
        self.assertGreater(summary["held_ns"], 0)

    def test_what_comes_from_either_side_is_thrown_away_and_counted(self):
        with listener() as listening, parallel(2, listening, "--json") as process:
            process.wait_for('"type":"holding"')
            process.send(b"lost")
            process.wait_for("stdin is watched for its end alone")
            with accepted(listening, 2) as peers:
                for peer in peers.values():
                    peer.sendall(b"hello\n")
                process.wait_for("what the peer sends on these connections")
                process.end_of_input()
                result = process.finish()
                for peer in peers.values():
                    self.assertEqual((b"", False), ends.read_until_end(peer))
        self.assert_ok(result)
        self.assert_stdout(b"", result)
        self.assertEqual(2, len(ends.of_all(result, "note")))
        summary = ends.of_type(result, "connections")
        self.assertEqual((12, 4), (summary["received_bytes"], summary["stdin_bytes"]))

    def test_with_recv_only_stdin_is_left_alone(self):
        with listener() as listening, parallel(1, listening, "--recv-only",
                                               stdin=tool.DEVNULL) as process:
            process.wait_for(r"^holding 1 connection open until a signal comes$")
            process.signal(signal.SIGTERM)
            self.assert_signal(signal.SIGTERM, process.finish())

    def test_the_peers_end_is_told_as_it_happens_and_the_last_ends_the_run(self):
        with listener() as listening, parallel(2, listening, "--json") as process:
            process.wait_for('"type":"holding"')
            with accepted(listening, 2) as peers:
                closing, resetting = peers
                peers[closing].close()
                process.wait_for('"type":"peer-closed"')
                ends.reset(peers[resetting])
                result = process.finish()
        self.assert_status(8, result)
        self.assertEqual(1, ends.of_type(result, "error")["connections"])
        for name, port in (("peer-closed", closing), ("connection-lost", resetting)):
            told = ends.of_type(result, name)
            number, = [line["number"] for line in ends.of_all(result, "connected")
                       if line["local"] == told["local"]]
            self.assertEqual((f"127.0.0.1:{port}", number), (told["local"], told["number"]))
        self.assertEqual("ECONNRESET", ends.of_type(result, "connection-lost")["errno"])
        summary = ends.of_type(result, "connections")
        self.assertEqual((1, 1), (summary["peer_closed"], summary["lost"]))

    def test_a_signal_ends_it_with_the_count(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with listener() as listening, parallel(2, listening) as process:
                process.wait_for("^holding 2 ")
                process.signal(number)
                result = process.finish()
            self.assert_signal(number, result)
            self.assert_stderr(r"^2 connections: 2 connected; held [\d.]+ m?s; "
                               rf"interrupted by {number.name}$", result)

    def test_the_timeout_of_the_run_is_status_9(self):
        with listener() as listening:
            with parallel(2, listening, "--timeout", f"{tool.PATIENCE:g}") as process:
                result = process.finish()
        self.assert_status(9, result)
        self.assert_stderr(r"^tcptool: connect \S+: not done within \S+ m?s \(--timeout\)$",
                           result)
        self.assert_stderr("^2 connections: 2 connected; held ", result)


class AcceptQueue(tool.TestCase):
    """A backlog of 1: the kernel admits two, and drops the SYNs of further clients."""

    def test_those_beyond_the_backlog_send_their_syn_again_until_time_is_up(self):
        with listener(backlog=1) as listening:
            with parallel(4, listening, "-w", "2s", stdin=tool.DEVNULL) as process:
                result = process.finish()
        self.assert_status(7, result)
        self.assert_stderr(r"^note stdin has ended; 2 connections without an answer yet: ", result)
        for number in (3, 4):
            self.assert_stderr(rf"^connect {number}/4 127\.0\.0\.1:\d+: no answer yet; "
                               r"SYN sent again after [\d.]+ s \(2 in all\)$", result)
            self.assert_stderr(rf"^attempt {number}/4 127\.0\.0\.1:\d+: timed out after ", result)
        self.assert_stderr(r"^tcptool: connect \S+: 2 of 4 connections: timed out after ", result)
        self.assert_diagnosis("transport", "the accept queue of .* is full", result)
        self.assert_stderr(r"^4 connections: 2 connected, 2 unanswered; held ", result)

    def test_once_the_queue_is_drained_the_others_get_in(self):
        with listener(backlog=1) as listening, parallel(4, listening, "-w", "20s") as process:
            process.wait_for(r"^connect 4/4 .* SYN sent again ", 20)
            with accepted(listening, 4):
                process.wait_for(r"^holding 4 connections open", 20)
                process.end_of_input()
                result = process.finish()
        self.assert_ok(result)
        self.assert_stderr("^4 connections: 4 connected; held ", result)

    def test_a_signal_while_some_wait_counts_them_as_interrupted(self):
        with listener(backlog=0) as listening, parallel(2, listening) as process:
            process.wait_for("^connected 1/2 ")
            process.signal(signal.SIGINT)
            result = process.finish()
        self.assert_signal(signal.SIGINT, result)
        self.assert_stderr("^2 connections: 1 connected, 1 interrupted; held ", result)


class Refused(tool.TestCase):
    def test_every_refusal_has_a_line_and_all_have_one_diagnosis(self):
        with tool.refusing_port() as port, parallel(3, port) as process:
            result = process.finish()
        self.assert_status(6, result)
        for number in (1, 2, 3):
            self.assert_stderr(rf"^attempt {number}/3 \S+: connection refused \(RST", result)
        self.assert_stderr("^tcptool: connect .*: 3 of 3 connections: connection refused ", result)
        self.assert_diagnosis("transport", "nothing on this host listens on port", result)
        self.assert_stderr("^3 connections: 3 refused$", result)

    @unittest.skipIf(tool.WRAPPER, "the wrapper has descriptors of its own")
    def test_a_limit_of_descriptors_that_is_too_low_is_named_before_anything_is_opened(self):
        with tool.refusing_port() as port:
            with parallel(48, port, preexec_fn=lambda: resource.setrlimit(
                    resource.RLIMIT_NOFILE, (32, 32))) as process:
                result = process.finish()
        self.assert_status(4, result)
        self.assert_one_line(r"tcptool: connect 127\.0\.0\.1:\d+: 48 connections need 64 "
                             r"descriptors, and this process may have 32 \(RLIMIT_NOFILE\): at "
                             r"most 16 connections, or raise it with ulimit -n 64; nothing was "
                             r"opened", result)

    def test_what_makes_no_sense_is_a_usage_error(self):
        for words, why in (
                (["--parallel", "0"], "below the minimum, 1"),
                (["--parallel", "65536"], "above the maximum, 65535"),
                (["--parallel", "many"], "is not a whole number"),
                (["--parallel", "2", "-z"], "-z closes them at once"),
                (["--parallel", "2", "--retry"], "leave --retry out"),
                (["--parallel", "2", "--sequential"], "leave --sequential out"),
                (["--parallel", "2", "-p", "4567"], "a local port for each connection"),
                (["--parallel", "2", "--send-only"], "sends nothing and keeps nothing"),
                (["--parallel", "2", "--idle-timeout", "3"], "sends nothing and keeps nothing")):
            with self.subTest(words):
                self.assert_usage(why, tool.run("connect", *words, "127.0.0.1", "9"))


if __name__ == "__main__":
    tool.main()
