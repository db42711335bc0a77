# SPDX-License-Identifier: MIT
"""stderr: what happens when nobody reads it, or its reader has gone."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import time

import ends
import tool


def fill(writer):
    filler = os.open(f"/proc/self/fd/{writer}", os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(filler, b"x" * 100)
    os.close(filler)


class Stderr(tool.TestCase):
    def test_a_stderr_that_nobody_reads_does_not_keep_a_signal_or_timeout_from_ending_the_run(self):
        for make in (os.pipe, os.openpty):
            with self.subTest(make.__name__):
                self.stick_stderr(make, [], signal.SIGTERM, -signal.SIGTERM)
                self.stick_stderr(make, ["--timeout", "2s"], None, 9)

    def test_a_signal_that_is_taken_before_its_line_finds_no_room_ends_the_run(self):
        for make in (os.pipe, os.openpty):
            with self.subTest(make.__name__):
                self.stick_stderr(make, [], signal.SIGTERM, -signal.SIGTERM, by_us=True)

    def test_a_stderr_that_is_slow_has_the_last_words_of_a_run_that_a_signal_ends(self):
        with socket.create_server(("127.0.0.1", 0)) as listener, \
                subprocess.Popen(tool.words("connect", "-v", *listener.getsockname()),
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, env=tool.environment()) as process, \
                listener.accept()[0]:
            ends.assert_idle(self, process.pid)
            fill(process.stderr.fileno())
            process.send_signal(signal.SIGTERM)
            time.sleep(0.1)  # not to synchronise: in which it finds no room
            self.assertRegex(process.stderr.read(), b"interrupted by SIGTERM")
            self.assertEqual(-signal.SIGTERM, process.wait(10 * tool.PATIENCE))

    def stick_stderr(self, make, options, number, status, by_us=False):
        reader, writer = make()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = str(listener.getsockname()[1])
            with subprocess.Popen([tool.TCPTOOL, "connect", "-v", *options, "127.0.0.1", port],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=writer) as process:
                try:
                    peer = listener.accept()[0]
                    if by_us:
                        ends.assert_idle(self, process.pid)
                    for _ in range(100_000):
                        if not select.select([], [writer], [], 0.05)[1]:
                            break
                        if by_us:
                            fill(writer)
                        else:
                            peer.sendall(b"x" * 100)  # each is a few lines of the trace
                    if number:
                        process.send_signal(number)
                    self.assertEqual(status, process.wait(10 * tool.PATIENCE))
                finally:
                    process.kill()
                    peer.close()

    def test_a_stderr_without_a_reader_changes_nothing(self):
        for options in ((), ("-v",)):
            with self.subTest(options):
                self.run_without_a_reader_of_stderr(options)

    def test_a_usage_error_that_nobody_reads_is_one(self):
        reader, writer = os.pipe()
        os.close(reader)
        with open(writer, "wb") as stderr:
            result = subprocess.run(tool.words("connect", "127.0.0.1", 99999), stderr=stderr,
                                    check=False)
        self.assertEqual(2, result.returncode)

    def run_without_a_reader_of_stderr(self, options):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            reader, writer = os.pipe()
            os.close(reader)
            process = subprocess.Popen(
                tool.words("connect", *options, "127.0.0.1", listener.getsockname()[1]),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=writer,
                env=tool.environment())
            os.close(writer)
            with process.stdout, listener.accept()[0] as peer:
                peer.sendall(b"data")
                peer.shutdown(socket.SHUT_WR)
                self.assertEqual(b"data", process.stdout.read())
            self.assertEqual(0, process.wait(30 * tool.PATIENCE))


if __name__ == "__main__":
    tool.main()
