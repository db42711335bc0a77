# SPDX-License-Identifier: MIT
"""listen -k: what bounds it (-m, descriptors, time limits), and how it ends (SIGTERM, --grace)."""

import os
import re
import resource
import signal
import socket
import unittest

import ends
import serve
import tool
from serve import clients, few_descriptors, server, wait_accepted


def accepted(process):
    return len(re.findall('"type":"accepted"', process.stderr))


class Bounds(tool.TestCase):
    def test_max_clients_leaves_the_rest_in_the_queue_and_lets_them_in_by_order(self):
        with server("-m", "2", "--watch=20ms") as process, clients(process, 5) as peers:
            names = [serve.name(peer) for peer in peers]
            wait_accepted(process, *peers[:2])
            process.wait_for(r'"length":3,')
            ends.assert_idle(self, process.pid, 0.3)
            self.assertEqual(2, accepted(process))
            for number, peer in enumerate(peers[:3]):
                peer.close()
                process.wait_for(rf'"type":"accepted".*"peer":"{names[number + 2]}"')
            process.signal(signal.SIGINT)
            result = process.finish()
        self.assertEqual(names, [line["peer"] for line in ends.of_all(result, "accepted")])
        self.assertEqual(2, serve.served(result)["cut_short"])
        self.assertEqual([2], [line["max_clients"] for line in ends.of_all(result, "full")])

    @unittest.skipIf(tool.WRAPPER or ends.sanitized(), "both need descriptors of their own")
    def test_without_descriptors_it_says_so_once_and_goes_on_when_somebody_leaves(self):
        with server(preexec_fn=few_descriptors(12)) as process, clients(process, 10) as peers:
            process.wait_for("EMFILE")
            inside = ends.settled(lambda: accepted(process))
            self.assertLess(inside, 10)
            ends.assert_idle(self, process.pid, 1.5)
            for number in range(10 - inside):
                peers[number].close()
                ends.wait_until(lambda n=number: accepted(process) > inside + n, "the next one")
            peers[9].sendall(b"at last\n")
            process.wait_for_stdout(b"at last\n")
            process.signal(signal.SIGTERM)
            for peer in peers:
                peer.close()
            result = process.finish()
        self.assertEqual(1, sum("EMFILE" in line for line in result.stderr.splitlines()), result)
        self.assertEqual(10, serve.served(result)["accepted"])

    @unittest.skipIf(tool.WRAPPER, "the wrapper has descriptors of its own")
    def test_it_raises_the_soft_limit_to_the_hard_one(self):
        def soft_limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (16, 64))

        with server(preexec_fn=soft_limit) as process, clients(process, 30) as peers:
            wait_accepted(process, *peers)

    def test_idle_clients_cost_no_processor_time(self):
        for args in ((), ("--serve", "echo"), ("--serve", "discard")):
            with self.subTest(args=args), server(*args, stdin=tool.PIPE) as process, \
                    clients(process, 50) as peers:
                wait_accepted(process, *peers)
                ends.assert_idle(self, process.pid)

    @unittest.skipIf(tool.WRAPPER, "a slow program is busy for longer than that")
    def test_idle_timeout_is_each_clients_own(self):
        with server("--idle-timeout", "300ms", stdin=tool.PIPE) as process, \
                clients(process, 1) as (silent,):
            wait_accepted(process, silent)
            with clients(process, 1) as (talker,):
                for _ in range(8):
                    talker.sendall(b"x")
                    ends.assert_idle(self, process.pid, 0.1)
                self.assertEqual((b"", True), ends.read_until_end(silent))
                talker.close()
            process.signal(signal.SIGTERM)
            result = process.finish()
        end = ends.of_all(result, "client-closed")[0]
        self.assertEqual("idle timeout", end["reason"])
        self.assertEqual((1, 1), (serve.served(result)["idle"], serve.served(result)["complete"]))

    def test_connect_timeout_is_for_the_first_client_alone(self):
        with server("-w", "200ms") as process:
            self.assert_status(9, process.finish())
        with server("-w", "1s") as process, clients(process, 1) as (peer,):
            wait_accepted(process, peer)
            peer.close()
            ends.assert_idle(self, process.pid, 1.2)
            with clients(process, 1) as (late,):
                late.sendall(b"late\n")
                process.wait_for_stdout(b"late\n")

    def test_timeout_is_the_whole_runs(self):
        with server("--timeout", "300ms") as process, clients(process, 1) as (peer,):
            self.assertEqual((b"", True), ends.read_until_end(peer))
            result = process.finish()
        self.assert_status(9, result)
        self.assertEqual(1, serve.served(result)["cut_short"])


class Signals(tool.TestCase):
    def test_sigterm_lets_clients_finish_and_counts_both(self):
        for args in ((), ("--serve", "echo"), ("--serve", "discard")):
            with self.subTest(args=args), server("--grace", "600ms", *args) as process, \
                    clients(process, 3) as (first, second, third):
                wait_accepted(process, first, second, third)
                process.signal(signal.SIGTERM)
                process.wait_for('"type":"winding-down".*"in_flight":3')
                with self.assertRaises(ConnectionRefusedError):
                    serve.client(process)
                first.sendall(b"rest\n")
                first.shutdown(socket.SHUT_WR)
                self.assertEqual(b"rest\n" if "echo" in args else b"",
                                 ends.read_until_end(first)[0])
                second.close()
                ends.read_until_end(third)  # with -k this side's FIN has come before the RST
                result = process.finish()
                self.assert_signal(signal.SIGTERM, result)
                end = serve.served(result)
                self.assertEqual((3, 2, 2, 1, "SIGTERM"),
                                 (end["in_flight_at_signal"], end["finished_in_grace"],
                                  end["complete"], end["cut_short"], end["signal"]))
                if not args:
                    self.assert_stdout(b"rest\n", result)

    def test_what_is_owed_to_a_client_is_still_sent_and_then_fin(self):
        size = 900_000
        with server(stdin=tool.PIPE) as process, clients(process, 1, buffer=4096) as (peer,):
            wait_accepted(process, peer)
            process.send(b"x" * size)
            ends.wait_until(lambda: ends.unread(process.process.stdin) == 0, "all of stdin read")
            process.signal(signal.SIGTERM)
            process.wait_for('"type":"winding-down"')
            data, was_reset = ends.read_until_end(peer)
            peer.close()
            result = process.finish()
        self.assertFalse(was_reset)
        self.assertEqual(size, len(data))
        self.assertEqual(1, serve.served(result)["finished_in_grace"])

    def test_without_clients_it_ends_at_once(self):
        with server("--grace", "1h") as process:
            process.signal(signal.SIGTERM)
            self.assert_signal(signal.SIGTERM, process.finish())

    def test_sigint_sighup_a_second_signal_and_no_grace_end_at_once(self):
        rows = ((["--grace", "1h"], [signal.SIGINT]), (["--grace", "1h"], [signal.SIGHUP]),
                (["--grace", "0"], [signal.SIGTERM]),
                (["--grace", "1h"], [signal.SIGTERM, signal.SIGTERM]),
                (["--grace", "1h"], [signal.SIGTERM, signal.SIGINT]))
        for args, numbers in rows:
            with self.subTest(signals=numbers, args=args), server(*args) as process, \
                    clients(process, 2) as peers:
                wait_accepted(process, *peers)
                process.signal(numbers[0])
                for number in numbers[1:]:
                    process.wait_for('"type":"winding-down"')
                    process.signal(number)
                result = process.finish()
                for peer in peers:  # after the first SIGTERM its FIN has come before
                    self.assertEqual((b"", len(numbers) == 1), ends.read_until_end(peer))
                self.assert_signal(numbers[-1], result)
                self.assertEqual(2, serve.served(result)["cut_short"])

    def test_who_waits_in_the_queue_is_reset(self):
        with server("-m", "1") as process, clients(process, 2) as (inside, waiting):
            wait_accepted(process, inside)
            process.signal(signal.SIGTERM)
            self.assertEqual((b"", True), ends.read_until_end(waiting))
            inside.close()
            result = process.finish()
        self.assertEqual(1, serve.served(result)["finished_in_grace"])

    def test_ignored_signals_stay_ignored(self):
        def ignore():
            signal.signal(signal.SIGINT, signal.SIG_IGN)

        with server(preexec_fn=ignore) as process, clients(process, 1) as (peer,):
            process.signal(signal.SIGINT)
            peer.sendall(b"on\n")
            process.wait_for_stdout(b"on\n")


class Handed(tool.TestCase):
    """Socket activation: the listener is descriptor 3."""

    def run_with(self, *args, **keywords):
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        words = ["sh", "-c", 'exec 3<&"$0" && LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"',
                 str(listener.fileno()), tool.TCPTOOL]
        process = tool.Tool("listen", "--json", "-k", *args, program=words,
                            pass_fds=[listener.fileno()], **keywords)
        process.port = port
        listener.close()
        return process

    def test_with_keep_open(self):
        with self.run_with() as process:
            self.assertEqual(process.port, ends.listening_port(process))
            with clients(process, 2) as peers:
                for peer in peers:
                    peer.sendall(b"in\n")
                process.wait_for_stdout(b"in\nin\n")

    def test_with_a_command_that_is_told_nothing_of_it(self):
        with self.run_with("--", "sh", "-c", 'echo "[$LISTEN_FDS$LISTEN_PID]"; ls /proc/$$/fd') \
                as process:
            ends.listening_port(process)
            with clients(process, 1) as (peer,):
                self.assertEqual([b"[]", b"0", b"1", b"2"], ends.read_until_end(peer)[0].split())


class Traced(tool.TestCase):
    def test_v_and_a_trace_file_tell_of_the_clients_calls(self):
        trace = f"{self.tmp}/trace"
        with server("-v", "--trace", trace) as process, clients(process, 2) as peers:
            for peer in peers:
                peer.sendall(b"in\n")
            process.wait_for_stdout(b"in\nin\n")
            for peer in peers:
                peer.close()
            serve.wait_told(process, "client-closed", 2)
            process.signal(signal.SIGTERM)
            result = process.finish()
        self.assert_signal(signal.SIGTERM, result)
        calls = [line["call"] for line in ends.of_all(result, "call")]
        # A trace in JSON asks when bytes came: with recvmsg.
        for call in ("epoll_wait", "epoll_ctl", "accept4", "recvmsg"):
            self.assertIn(call, calls)
        with open(trace, encoding="ascii") as lines:
            self.assertIn("epoll_wait", lines.read())

    def test_descriptors_above_1024_are_known_not_to_block(self):
        def many():
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
            for number in range(3, 1100):
                os.dup2(2, number)

        if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 4096:
            self.skipTest("fewer than 4096 descriptors")
        with server("-v", preexec_fn=many, close_fds=False) as process, \
                clients(process, 1) as (peer,):
            peer.sendall(b"high\n")
            process.wait_for_stdout(b"high\n")
            self.assertTrue(process.wait_for(r'"call":"recv","args":."sockfd":11\d\d'))


if __name__ == "__main__":
    tool.main()
