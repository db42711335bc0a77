# SPDX-License-Identifier: MIT
"""The times that a user sets: --linger, --idle-timeout, --timeout, -w; 0 is none."""

import os
import socket
import time
import unittest

import ends
import tool
from ends import closed, pair, read_until_end, with_pair


class Linger(tool.TestCase):
    @with_pair("--linger", "300ms", stdin=tool.PIPE)
    def test_linger_ends_a_silent_stdin_after_the_peers_fin(self, process, peer):
        peer.sendall(b"answer")
        peer.shutdown(socket.SHUT_WR)
        self.assertEqual((b"", False), read_until_end(peer))  # our FIN
        result = process.finish()
        self.assert_ok(result)
        self.assert_stdout(b"answer", result)
        end = closed(result)
        self.assertEqual(("complete", "peer", False),
                         (end["reason"], end["first_to_close"], end["stdin_at_eof"]), result)

    @with_pair("--linger", "200ms", stdin=tool.PIPE)
    def test_linger_does_not_run_before_the_peers_fin(self, process, peer):
        ends.assert_idle(self, process.pid, 0.6)
        self.assertIsNone(process.process.poll())
        process.send(b"x")
        self.assertEqual(b"x", peer.recv(10))

    def test_linger_waits_for_stdin_and_not_for_a_peer_that_reads_late(self):
        size = 3_000_000
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            with tool.connect(listener.getsockname()[1], "--json", "--linger", "300ms",
                              "-o", "SO_SNDBUF=16k", stdin=b"l" * size) as process:
                peer, _ = listener.accept()
                with peer:
                    peer.shutdown(socket.SHUT_WR)
                    ends.wait_until(lambda: not process.reads_stdout(), "the peer's FIN")
                    ends.assert_idle(self, process.pid, 1)
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
                    data, was_reset = read_until_end(peer)
                result = process.finish()
        self.assertEqual((size, False), (len(data), was_reset), result)
        self.assert_ok(result)
        self.assertTrue(closed(result)["stdin_at_eof"], result)


class IdleTimeout(tool.TestCase):
    def assert_idle_timeout(self, result, **expected):
        self.assert_status(9, result)
        end = closed(result)
        expected["reason"] = "idle timeout"
        self.assertEqual(expected, {name: end[name] for name in expected}, result)
        self.assertIn("--idle-timeout", ends.of_type(result, "error")["message"])

    @with_pair("--idle-timeout", "300ms", stdin=tool.PIPE)
    def test_two_silent_ends_are_ended_with_status_9(self, process, peer):
        self.assert_idle_timeout(process.finish(), sent_bytes=0, received_bytes=0,
                                 undelivered_bytes=0)
        self.assertFalse(read_until_end(peer)[0])

    @with_pair("--idle-timeout", "300ms", stdin=b"x")
    def test_a_peer_that_neither_answers_nor_closes_is_idle_after_our_fin(self, process, peer):
        self.assertEqual(b"x", peer.recv(10))
        self.assert_idle_timeout(process.finish(), sent_bytes=1, undelivered_bytes=0)

    def test_idle_timeout_says_what_was_not_delivered(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            with tool.connect(listener.getsockname()[1], "--json", "--idle-timeout", "500ms",
                              stdin=tool.PIPE) as process:
                with listener.accept()[0] as peer:
                    process.send(b"p" * 60000)
                    got = ends.settled(lambda: ends.unread(peer))
                    result = process.finish()
        self.assert_idle_timeout(result, sent_bytes=60000, undelivered_bytes=60000 - got)
        self.assertIn("not delivered", ends.of_type(result, "error")["message"])

    @with_pair("--idle-timeout", f"{tool.PATIENCE:g}s", stdin=tool.PIPE)
    def test_received_bytes_restart_it(self, process, peer):
        end = time.monotonic() + 1.7 * tool.PATIENCE
        while time.monotonic() < end:
            peer.sendall(b".")
            time.sleep(0.05)  # the pace of a slow peer
        self.assertIsNone(process.process.poll())
        self.assert_idle_timeout(process.finish())

    def test_acknowledged_bytes_restart_it(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            with tool.connect(listener.getsockname()[1], "--json", "--idle-timeout",
                              f"{tool.PATIENCE:g}s", stdin=tool.PIPE) as process:
                with listener.accept()[0] as peer:
                    process.send(b"p" * 400_000)
                    ends.wait_until(lambda: ends.unread(process.process.stdin) == 0,
                                    "tcptool having read all of stdin")
                    end = time.monotonic() + 2.5 * tool.PATIENCE
                    got = 0
                    while time.monotonic() < end:
                        got += len(peer.recv(4096))
                        time.sleep(0.04 * tool.PATIENCE)  # the pace of a slow reader
                    self.assertLess(got, 400_000)
                    self.assertIsNone(process.process.poll(), process.stderr)
                    self.assert_idle_timeout(process.finish(), sent_bytes=400_000)

    @with_pair("-v", "--idle-timeout", "700ms", stdin=tool.PIPE)
    def test_an_acknowledgement_counts_from_when_it_came(self, process, peer):
        process.send(b"x")
        self.assertEqual(b"x", peer.recv(10))
        self.assertFalse(read_until_end(peer)[0])
        result = process.finish()
        self.assert_idle_timeout(result, sent_bytes=1)
        # What was acknowledged long ago is not taken for news: it waits in full once, not twice.
        waits = [line["args"]["timeout"] for line in ends.objects(result)
                 if line.get("call") == "poll" and line["result"] == 0]
        least = 0 if tool.WRAPPER else 690  # a slow program's time goes by between its waits
        self.assertTrue(least <= sum(waits) < 1400, result)

    def test_it_is_suspended_while_only_our_stdout_is_stuck(self):
        for role in ends.ROLES:
            read_end, write_end = os.pipe()
            with self.subTest(role=role), open(read_end, "rb") as reader:
                with pair("--idle-timeout", "300ms", role=role, stdin=tool.PIPE,
                          stdout=write_end) as (process, peer):
                    os.close(write_end)
                    sent = ends.fill(peer)
                    ends.assert_idle(self, process.pid, 1)
                    self.assertIsNone(process.process.poll(), process.stderr)
                    peer.close()
                    process.end_of_input()
                    self.assertEqual(sent, len(reader.read()))
                    self.assert_ok(process.finish())

    def test_it_is_off_after_both_ends_of_file(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            with tool.connect(listener.getsockname()[1], "--json", "--idle-timeout", "300ms",
                              stdin=b"e" * 60000) as process:
                with listener.accept()[0] as peer:
                    peer.shutdown(socket.SHUT_WR)
                    ends.wait_until(lambda: not process.reads_stdout(), "the peer's FIN")
                    ends.assert_idle(self, process.pid, 1)
                    self.assertEqual(60000, len(read_until_end(peer)[0]))
                self.assert_ok(process.finish())


class RunTimeout(tool.TestCase):
    @unittest.skipIf(tool.WRAPPER, "half a second is over before the wrapper has started")
    @with_pair("--timeout", "500ms", stdin=tool.PIPE)
    def test_the_whole_run_is_bounded_however_busy_it_is(self, process, peer):
        def chat():
            try:
                while True:
                    peer.sendall(b"never silent")
            except ConnectionError:
                pass
        chatter = ends.in_thread(chat)
        result = process.finish()
        chatter.join()
        self.assert_status(9, result)
        self.assertEqual("timeout", closed(result)["reason"])
        told = ends.of_type(result, "error")
        self.assertIn("--timeout", told["message"])
        self.assertNotIn("cause_id", told)  # nothing is wrong with a peer that is never silent

    def test_it_bounds_the_wait_for_a_client(self):
        result = tool.run("listen", "--timeout", "200ms", "127.0.0.1", 0)
        self.assert_status(9, result)
        self.assert_stderr(r"^tcptool: listen 127\.0\.0\.1:\d+: .*--timeout", result)

    def test_it_bounds_connecting(self):
        with ends.silent_port() as port:
            result = tool.run("connect", "--timeout", "200ms", "127.0.0.1", port)
        self.assert_status(9, result)
        self.assert_stderr(r"^tcptool: connect 127\.0\.0\.1:\d+: .*--timeout", result)
        self.assert_stderr("^  cause   the accept queue of 127.0.0.1:", result)

    @unittest.skipIf(tool.WRAPPER, "the time is over before the wrapper has started")
    def test_it_bounds_retries_and_tells_the_last_reason(self):
        with tool.refusing_port() as port:
            result = tool.run("connect", "--timeout", "300ms", "--retry", "--retry-interval",
                              "50ms", "127.0.0.1", port)
        self.assert_status(9, result)
        self.assert_stderr(r"^tcptool: connect .*--timeout.*refused", result)
        self.assert_stderr("^  cause   nothing on this host listens on port ", result)


class ConnectTimeout(tool.TestCase):
    def test_connecting_to_silence_ends_after_w_with_status_7(self):
        with ends.silent_port() as port:
            result = tool.run("connect", "-w", "200ms", "127.0.0.1", port)
        self.assert_status(7, result)
        self.assert_stderr(r"^tcptool: connect 127\.0\.0\.1:\d+: timed out", result)
        self.assert_stdout(b"", result)

    def test_a_look_up_that_is_not_done_within_w_is_status_3(self):
        with ends.silent_resolver(self.tmp) as under:
            result = tool.run("connect", "-w", "200ms", "--retry=1", "--retry-interval", "1ms",
                              "host.example", 80, under=under)
        self.assert_status(3, result)
        self.assertRegex(result.stderr, (r"\Atry 1: look up host\.example: .*; again in .*\n"
                                         r"tcptool: look up host\.example: no name server "
                                         r"answers\n"))
        self.assert_diagnosis("name", r"name server 127\.0\.53\.\d+ does not answer, ", result)

    @with_pair("-w", "200ms", stdin=tool.PIPE)
    def test_w_says_nothing_about_an_established_connection(self, process, peer):
        ends.assert_idle(self, process.pid, 0.6)
        self.assertIsNone(process.process.poll())
        process.end_of_input()
        peer.close()
        self.assert_ok(process.finish())

    def test_a_listener_without_a_client_ends_after_w_with_status_9(self):
        result = tool.run("listen", "-w", "200ms", "127.0.0.1", 0)
        self.assert_status(9, result)
        self.assert_stderr(r"^tcptool: listen 127\.0\.0\.1:\d+: no client within 200 ms", result)

    def test_zero_means_no_limit(self):
        with pair("-w", "0", "--timeout", "0", "--idle-timeout", "0",
                  stdin=tool.PIPE) as (process, peer):
            ends.assert_idle(self, process.pid, 0.3)
            process.end_of_input()
            peer.close()
            self.assert_ok(process.finish())


if __name__ == "__main__":
    tool.main()
