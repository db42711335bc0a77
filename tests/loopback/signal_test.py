# SPDX-License-Identifier: MIT
"""SIGINT, SIGTERM and SIGHUP in every phase; those that were ignored; SIGSTOP, SIGPIPE."""

import contextlib
import os
import pty
import signal
import socket
import threading
import unittest

import ends
import tool
from ends import closed, pair, with_pair

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def ignored(pid):
    """The signals that a process ignores: a set of numbers."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        mask = next(int(line.split()[1], 16) for line in status if line.startswith("SigIgn:"))
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


class Ending(tool.TestCase):
    def test_a_transfer_ends_with_the_summary_and_dies_of_the_signal(self):
        for number in ENDING:
            for role in ends.ROLES:
                with self.subTest(signal=number.name, role=role), \
                        pair(role=role, stdin=tool.PIPE) as (process, peer):
                    process.send(b"four")
                    self.assertEqual(b"four", ends.receive(peer, 4))
                    ends.wait_acknowledged(peer)
                    peer.sendall(b"answer")
                    process.wait_for_stdout(b"answer")
                    process.signal(number)
                    result = process.finish()
                    self.assert_signal(number, result)
                    end = closed(result)
                    self.assertEqual(("signal", 4, 6, 0),
                                     (end["reason"], end["sent_bytes"], end["received_bytes"],
                                      end["undelivered_bytes"]), result)

    def test_the_summary_of_a_busy_transfer_is_told_too(self):
        def send(peer):
            with contextlib.suppress(ConnectionError):
                while True:
                    peer.sendall(b"busy" * 10000)
        with pair(stdin=tool.PIPE, stdout=tool.HASH) as (process, peer):
            sender = ends.in_thread(lambda: send(peer))
            ends.wait_until(lambda: process.size > 1_000_000, "a transfer")
            process.signal(signal.SIGINT)
            result = process.finish()
            sender.join()
        self.assert_signal(signal.SIGINT, result)
        end = closed(result)
        self.assertEqual("SIGINT", end["signal"])
        self.assertEqual(end["received_bytes"], result.size + end["unwritten_bytes"], result)

    def test_the_summary_says_how_much_did_not_reach_a_peer_that_hangs(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with tool.connect(listener.getsockname()[1], "-v", stdin=bytes(16 << 20)) as process:
                with listener.accept()[0]:
                    process.wait_for(r" send\(.* = -1 EAGAIN| poll\(.*events=POLLIN\|POLLOUT, "
                                     r"revents=0")
                    process.signal(signal.SIGINT)
                    result = process.finish()
        self.assert_signal(signal.SIGINT, result)
        self.assert_stderr(r"^closed after .*, interrupted by SIGINT; .* for the peer were not "
                           "delivered, .* were$", result)

    def test_the_last_line_is_text_without_json(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with tool.connect(listener.getsockname()[1], stdin=tool.PIPE) as process:
                with listener.accept()[0]:
                    process.wait_for("^connected ")
                    process.signal(signal.SIGINT)
                    result = process.finish()
        self.assert_signal(signal.SIGINT, result)
        self.assert_stderr(r"^closed after .*neither side had sent FIN: sent 0 bytes, "
                           "received 0 bytes", result)

    def test_a_listener_that_waits_says_so_and_dies_of_the_signal(self):
        for number in ENDING:
            with self.subTest(signal=number.name), tool.listen() as process:
                process.signal(number)
                result = process.finish()
                self.assert_signal(number, result)
                self.assert_stderr(rf"^tcptool: listen 127\.0\.0\.1:{process.port}: "
                                   f"interrupted by {number.name}$", result)

    def test_connecting_says_so_and_dies_of_the_signal(self):
        with ends.silent_port() as port:
            for number in ENDING:
                with self.subTest(signal=number.name), \
                        tool.connect(port, "-v", "-w", "60s") as process:
                    process.wait_for(r"\bconnect\(.*EINPROGRESS")
                    process.signal(number)
                    result = process.finish()
                    self.assert_signal(number, result)
                    self.assert_stderr(rf"^tcptool: connect 127\.0\.0\.1:{port}: "
                                       f"interrupted by {number.name}$", result)

    def test_waiting_to_retry_says_so_and_dies_of_the_signal(self):
        with tool.refusing_port() as port:
            with tool.connect(port, "--retry", "--retry-interval", "1h") as process:
                process.wait_for("^try 1:")
                process.signal(signal.SIGTERM)
                result = process.finish()
        self.assert_signal(signal.SIGTERM, result)
        self.assert_stderr(r"^tcptool: connect .*refused", result)

    @unittest.skipIf(tool.WRAPPER, "the wrapper hides the name of the process")
    def test_a_look_up_that_hangs_says_so_and_dies_of_the_signal(self):
        with ends.silent_resolver(self.tmp) as under:
            with tool.Tool("connect", "-v", "-w", "60s", "host.example", 80,
                           under=under) as process:
                process.wait_for(r"\bpoll\(|getaddrinfo")
                pid = ends.wait_until(lambda: ends.child_named(process.pid, "tcptool"),
                                      "the start of tcptool")
                ends.wait_until(lambda: len(os.listdir(f"/proc/{pid}/task")) > 1,
                                "the resolver's thread")
                os.kill(pid, signal.SIGINT)
                result = process.finish()
        self.assert_signal(signal.SIGINT, result)
        self.assert_stderr("^tcptool: look up host.example: interrupted by SIGINT$", result)

    def test_a_signal_while_stdout_is_stuck_ends_at_once(self):
        read_end, write_end = os.pipe()
        with open(read_end, "rb"), pair(stdin=tool.PIPE, stdout=write_end) as (process, peer):
            os.close(write_end)
            ends.fill(peer)
            process.signal(signal.SIGTERM)
            result = process.finish()
        self.assert_signal(signal.SIGTERM, result)
        end = closed(result)
        self.assertGreater(end["unwritten_bytes"], 0)

    def test_quiet_changes_no_death(self):
        with tool.Tool("listen", "-q", "--port-file", f"{self.tmp}/port", "127.0.0.1",
                       0) as process:
            ends.wait_until(lambda: os.path.exists(f"{self.tmp}/port"), "the port file")
            process.signal(signal.SIGTERM)
            self.assert_signal(signal.SIGTERM, process.finish())

    def test_a_shell_sees_128_plus_the_number(self):
        with tool.Tool("listen", "127.0.0.1", 0,
                       under=["sh", "-c", '"$@"; echo status $?', "sh"]) as process:
            process.wait_for("^listening on ")
            process.signal(signal.SIGTERM)
            result = process.finish()
        self.assert_stdout(b"status 143\n", result)


class Ignored(tool.TestCase):
    def chat_under(self, under, numbers, **keywords):
        """Sends signals that were ignored at start, and finds the transfer unharmed."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            with tool.connect(port, "--recv-only", under=under, **keywords) as process:
                peer, _ = listener.accept()
                with peer:
                    process.wait_for("^connected ")
                    pid = ends.child_named(process.pid, "tcptool")
                    self.assertLessEqual(set(numbers), ignored(pid))
                    for number in numbers:
                        os.kill(pid, number)
                    peer.sendall(b"unharmed")
                    process.wait_for_stdout(b"unharmed")
                result = process.finish()
        self.assert_ok(result)
        self.assert_stdout(b"unharmed", result)

    @unittest.skipIf(tool.WRAPPER, "the wrapper hides the name of the process")
    def test_nohup_survives_sighup(self):
        self.chat_under(["nohup"], [signal.SIGHUP])

    @unittest.skipIf(tool.WRAPPER, "the wrapper hides the name of the process")
    def test_in_the_background_of_a_shell_sigint_stays_ignored(self):
        self.chat_under(["sh", "-c", '"$@" & wait $!', "sh"], [signal.SIGINT, signal.SIGQUIT])

    def test_signals_ignored_by_the_parent_stay_ignored_and_others_end_it(self):
        def ignore():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with pair(stdin=tool.PIPE, preexec_fn=ignore) as (process, peer):
            process.signal(signal.SIGINT)
            process.signal(signal.SIGHUP)
            process.send(b"alive")
            self.assertEqual(b"alive", ends.receive(peer, 5))
            process.signal(signal.SIGTERM)
            self.assert_signal(signal.SIGTERM, process.finish())

    def test_a_background_job_reads_dev_null_and_still_receives(self):
        with tool.Tool("listen", "127.0.0.1", 0,
                       under=["sh", "-c", '"$@" & wait $!', "sh"]) as process:
            port = int(process.wait_for(r"^listening on 127\.0\.0\.1:(\d+)")[1])
            with socket.create_connection(("127.0.0.1", port)) as peer:
                peer.settimeout(10 * tool.PATIENCE)
                self.assertEqual((b"", False), ends.read_until_end(peer))
                peer.sendall(b"to the background")
            result = process.finish()
        self.assert_ok(result)
        self.assert_stdout(b"to the background", result)

    def test_nohup_gives_a_terminals_listener_a_dev_null_that_cannot_be_read(self):
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, slave)
        for args in ((), ("-k",)):
            with self.subTest(args), tool.listen(*args, stdin=slave, under=["nohup"]) as process, \
                    socket.create_connection(("127.0.0.1", process.port)) as peer:
                peer.sendall(b"received")
                process.wait_for_stdout(b"received")
                process.signal(signal.SIGTERM)
                self.assert_signal(signal.SIGTERM, process.finish())


class StopAndPipe(tool.TestCase):
    @with_pair(stdin=tool.PIPE)
    def test_stopping_and_continuing_loses_nothing(self, process, peer):
        data = os.urandom(3_000_000)
        received = bytearray()

        def read():
            while chunk := peer.recv(1 << 16):
                received.extend(chunk)
        reader = ends.in_thread(read)
        sender = ends.in_thread(lambda: (peer.sendall(data), peer.shutdown(socket.SHUT_WR)))
        feeder = threading.Thread(target=lambda: (process.send(data), process.end_of_input()))
        feeder.start()
        for _ in range(5):
            process.signal(signal.SIGSTOP)
            ends.wait_until(lambda: ends.process_state(process.pid) in "TZ", "SIGSTOP's effect")
            process.signal(signal.SIGCONT)
        result = process.finish()
        for thread in (feeder, sender, reader):
            thread.join(30 * tool.PATIENCE)
        self.assert_ok(result)
        self.assert_stdout(data, result)
        self.assertEqual(data, bytes(received))

    @with_pair("--idle-timeout", "60s", "--timeout", "60s", stdin=tool.PIPE)
    def test_stopping_while_it_waits_ends_nothing(self, process, peer):
        process.signal(signal.SIGSTOP)
        ends.wait_until(lambda: ends.process_state(process.pid) == "T", "SIGSTOP's effect")
        process.send(b"while asleep")
        process.signal(signal.SIGCONT)
        self.assertEqual(b"while asleep", ends.receive(peer, 12))
        process.end_of_input()
        peer.close()
        self.assert_ok(process.finish())

    def test_sigpipe_never_kills_it(self):
        read_end, write_end = os.pipe()
        os.close(read_end)
        with pair(stdin=tool.PIPE, stdout=write_end,
                  preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_DFL)) as both:
            process, peer = both
            os.close(write_end)
            with contextlib.suppress(ConnectionError):
                peer.sendall(b"nobody reads this")
            self.assert_ok(process.finish())


if __name__ == "__main__":
    tool.main()
