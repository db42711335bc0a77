# SPDX-License-Identifier: MIT
"""stdin and stdout of every kind: pipe, file, terminal, socket, /dev/null, closed, wrong ones."""

import contextlib
import os
import pty
import socket
import termios
import tty
import unittest

import ends
import tool
from ends import closed, pair, read_until_end

SIZE = tool.bulk(5_000_003)
PATTERN = bytes(range(256)) * 300


def data_of(size=SIZE):
    return (PATTERN * (size // len(PATTERN) + 1))[:size]


class Input(tool.TestCase):
    def assert_sent(self, data, **keywords):
        for role in ends.ROLES:
            with self.subTest(role=role), pair(role=role, **keywords) as (process, peer):
                self.assertEqual(data, read_until_end(peer)[0])
                peer.close()
                result = process.finish()
                self.assert_ok(result)
                self.assertEqual(len(data), closed(result)["sent_bytes"])

    def test_a_pipe_is_sent_whole(self):
        self.assert_sent(data_of(), stdin=data_of())

    def test_a_regular_file_is_sent_from_its_position_on(self):
        path = f"{self.tmp}/file"
        with open(path, "wb") as file:
            file.write(b"HEAD" + data_of())
        for role in ends.ROLES:
            with self.subTest(role=role), open(path, "rb", buffering=0) as file:
                self.assertEqual(b"HEAD", file.read(4))
                with pair(role=role, stdin=file) as (process, peer):
                    self.assertEqual(data_of(), read_until_end(peer)[0])
                    peer.close()
                    self.assert_ok(process.finish())

    def test_dev_null_is_an_end_of_file_like_any_other(self):
        self.assert_sent(b"", stdin=tool.DEVNULL)
        with open("/dev/null", "wb") as null:
            self.assert_sent(b"", stdin=null)

    def test_a_closed_stdin_is_an_end_of_file(self):
        self.assert_sent(b"", closed=(0,))

    def test_a_stream_socket_is_sent_until_its_end(self):
        ours, its = socket.socketpair()
        with ours, its, pair(stdin=its) as (process, peer):
            its.close()
            sender = ends.in_thread(lambda: (ours.sendall(data_of()), ours.close()))
            self.assertEqual(data_of(), read_until_end(peer)[0])
            sender.join()
            peer.close()
            self.assert_ok(process.finish())

    def test_a_tcp_socket_is_sent_until_its_fin(self):
        with socket.create_server(("127.0.0.1", 0)) as listener, \
                socket.create_connection(listener.getsockname()) as ours:
            its, _ = listener.accept()
            with its, pair(stdin=its) as (process, peer):
                sender = ends.in_thread(lambda: (ours.sendall(data_of()),
                                                 ours.shutdown(socket.SHUT_WR)))
                self.assertEqual(data_of(), read_until_end(peer)[0])
                sender.join()
                peer.close()
                self.assert_ok(process.finish())

    def test_a_terminal_is_sent_line_by_line_until_control_d(self):
        master, slave = pty.openpty()
        with os.fdopen(master, "wb", buffering=0) as keyboard:
            with pair(stdin=slave) as (process, peer):
                os.close(slave)
                keyboard.write(b"hello\n")
                self.assertEqual(b"hello\n", peer.recv(100))
                keyboard.write(b"\x04")
                self.assertEqual((b"", False), read_until_end(peer))
                peer.close()
                result = process.finish()
        self.assert_ok(result)
        self.assertTrue(closed(result)["stdin_at_eof"])

    def test_a_terminal_on_stdin_ends_the_run_at_the_peers_fin(self):
        for role in ends.ROLES:
            master, slave = pty.openpty()
            with self.subTest(role=role), os.fdopen(master, "wb", buffering=0) as keyboard:
                with pair(role=role, stdin=slave) as (process, peer):
                    os.close(slave)
                    keyboard.write(b"hi\n")
                    self.assertEqual(b"hi\n", peer.recv(100))
                    peer.sendall(b"bye\n")
                    peer.shutdown(socket.SHUT_WR)
                    result = process.finish()
                self.assert_ok(result)
                self.assert_stdout(b"bye\n", result)
                self.assertEqual("peer", closed(result)["first_to_close"])

    def test_a_directory_is_refused_before_anything_is_opened(self):
        with open_folder(self.tmp) as folder:
            self.assert_refused("directory", stdin=folder)

    def test_a_stdin_open_for_writing_only_is_refused_before_anything_is_opened(self):
        with open(f"{self.tmp}/out", "wb") as file:
            self.assert_refused("writing only", stdin=file)

    def test_a_socket_that_keeps_messages_apart_is_refused_before_anything_is_opened(self):
        for kind in (socket.SOCK_SEQPACKET, socket.SOCK_DGRAM):
            ours, its = socket.socketpair(socket.AF_UNIX, kind)
            with self.subTest(kind), ours, its:
                self.assert_refused("messages", stdin=its)

    def assert_refused(self, word, **keywords):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            result = tool.run("connect", "-v", "127.0.0.1", port, **keywords)
            self.assert_status(10, result)
            self.assert_stderr(rf"^tcptool: .*stdin.*{word}", result)
            self.assert_no_stderr(r"\bsocket\(", result)
            result = tool.run("listen", "-v", "127.0.0.1", 0, **keywords)
            self.assert_status(10, result)
            self.assert_no_stderr(r"\bsocket\(", result)
            # Where stdin is not touched, it does not matter what it is.
            with tool.connect(port, "--recv-only", **keywords) as process:
                listener.accept()[0].close()
                self.assert_ok(process.finish())


@contextlib.contextmanager
def open_folder(path):
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield folder
    finally:
        os.close(folder)


class Output(tool.TestCase):
    def receive_into(self, stdout, data=None, role="connect", **keywords):
        data = data_of() if data is None else data
        with pair(role=role, stdout=stdout, **keywords) as (process, peer):
            peer.sendall(data)
            peer.close()
            return process.finish()

    def test_a_pipe_gets_every_byte(self):
        for role in ends.ROLES:
            with self.subTest(role=role):
                result = self.receive_into(tool.PIPE, role=role)
                self.assert_ok(result)
                self.assertEqual(data_of(), result.stdout)

    def test_a_regular_file_is_written_from_its_position_on(self):
        path = f"{self.tmp}/file"
        with open(path, "wb", buffering=0) as file:
            file.write(b"HEAD")
            self.assert_ok(self.receive_into(file))
        with open(path, "rb") as file:
            self.assertEqual(b"HEAD" + data_of(), file.read())

    def test_a_file_opened_for_appending_is_appended_to(self):
        path = f"{self.tmp}/file"
        with open(path, "wb") as file:
            file.write(b"HEAD")
        with open(path, "ab") as file:
            self.assert_ok(self.receive_into(file))
        with open(path, "rb") as file:
            self.assertEqual(b"HEAD" + data_of(), file.read())

    def test_dev_null_swallows_all(self):
        result = self.receive_into(tool.DEVNULL)
        self.assert_ok(result)
        self.assertEqual(SIZE, closed(result)["received_bytes"])

    def test_a_socket_gets_every_byte_and_then_end_of_file(self):
        ours, its = socket.socketpair()
        with ours, its:
            reader = ends.in_thread(lambda: self.assertEqual(data_of(), read_until_end(ours)[0]))
            with pair(stdout=its) as (process, peer):
                its.close()
                peer.sendall(data_of())
                peer.close()
                self.assert_ok(process.finish())
            reader.join()

    def test_one_socket_may_be_both_stdin_and_stdout(self):
        ours, its = socket.socketpair()
        with ours, its, pair(stdin=its, stdout=its) as (process, peer):
            its.close()
            ours.sendall(b"question")
            self.assertEqual(b"question", peer.recv(100))
            peer.sendall(b"answer")
            self.assertEqual(b"answer", ours.recv(100))
            ours.shutdown(socket.SHUT_WR)
            self.assertEqual((b"", False), read_until_end(peer))
            peer.close()
            self.assertEqual((b"", False), read_until_end(ours))
            self.assert_ok(process.finish())

    def test_a_terminal_shows_the_bytes_as_they_are(self):
        master, slave = pty.openpty()
        tty.setraw(slave, termios.TCSANOW)
        lines = b"\x1b[31mred\x07\r\n" * 5000
        with os.fdopen(master, "rb", buffering=0) as screen:
            with pair(stdout=slave) as (process, peer):
                os.close(slave)
                peer.sendall(lines)
                peer.shutdown(socket.SHUT_WR)
                shown = b""
                while len(shown) < len(lines):
                    shown += screen.read(65536)
                self.assertEqual(lines, shown)
                self.assert_ok(process.finish())

    def test_a_closed_stdout_is_status_10_as_soon_as_a_byte_must_be_written(self):
        for role in ends.ROLES:
            with self.subTest(role=role):
                result = self.receive_into(None, b"x", role, closed=(1,), stdin=tool.PIPE)
                self.assert_status(10, result)
                self.assertIn("stdout", ends.of_type(result, "error")["message"])
                self.assertEqual(1, closed(result)["unwritten_bytes"])

    def test_a_closed_stdout_is_no_failure_where_nothing_arrives(self):
        self.assert_ok(self.receive_into(None, b"", closed=(1,)))

    @unittest.skipIf(tool.WRAPPER, "the wrapper takes the closed numbers for itself")
    def test_with_all_three_closed_the_sockets_get_other_numbers(self):
        trace = f"{self.tmp}/trace"
        with tool.refusing_port() as port:
            result = tool.run("connect", "-w", "5s", "127.0.0.1", port, closed=(0, 1, 2),
                              under=["strace", "-f", "-o", trace, "-e", "trace=socket"])
        self.assert_status(6, result)
        with open(trace, encoding="ascii") as calls:
            numbers = [int(line.rpartition("= ")[2].split()[0]) for line in calls
                       if "socket(AF_INET" in line]
        self.assertTrue(numbers)
        self.assertGreater(min(numbers), 2)

    def test_dev_full_is_status_10_with_its_reason(self):
        with open("/dev/full", "wb") as full:
            result = self.receive_into(full, b"four", stdin=tool.PIPE)
        self.assert_status(10, result)
        self.assertIn("ENOSPC", ends.of_type(result, "error")["message"])
        self.assertEqual(4, closed(result)["unwritten_bytes"])

    def test_a_pipe_or_file_open_for_reading_only_is_refused_before_anything_is_opened(self):
        fifo, path = f"{self.tmp}/fifo", f"{self.tmp}/file"
        os.mkfifo(fifo)
        with contextlib.ExitStack() as stack:
            # A writer makes the FIFO's reading end open at once.
            stack.callback(os.close, os.open(fifo, os.O_RDWR))
            stack.enter_context(open(path, "wb"))
            ends_of_pipe = os.pipe()
            for fd in ends_of_pipe:
                stack.callback(os.close, fd)
            for name, fd in (("pipe", ends_of_pipe[0]), ("FIFO", os.open(fifo, os.O_RDONLY)),
                             ("file", os.open(path, os.O_RDONLY))):
                for words in (("connect", "127.0.0.1", 9), ("listen", "127.0.0.1", 0),
                              ("listen", "-k", "127.0.0.1", 0)):
                    with self.subTest(name, words=words):
                        result = tool.run(*words, "-v", stdin=tool.PIPE, stdout=fd)
                        self.assert_status(10, result)
                        self.assert_stderr(r"^tcptool: write stdout: it is not open for writing; "
                                           "nothing was opened$", result)
                        self.assert_no_stderr(r"\bsocket\(", result)
                # Where nothing is written, it does not matter.
                with self.subTest(name), pair("--send-only", stdout=fd) as (process, peer):
                    peer.sendall(b"x")
                    peer.close()
                    self.assert_ok(process.finish())

    def test_a_stdout_open_for_reading_only_is_status_10(self):
        with open("/dev/null", "rb") as file:
            self.assert_status(10, self.receive_into(file, b"x", stdin=tool.PIPE))
        with open_folder(self.tmp) as folder:
            self.assert_status(10, self.receive_into(folder, b"x", stdin=tool.PIPE))

    def test_a_file_at_its_size_limit_is_status_10_and_no_death_by_signal(self):
        path = f"{self.tmp}/file"
        with open(path, "wb") as file:
            result = self.receive_into(
                file, b"x" * 100_000, stdin=tool.PIPE,
                preexec_fn=lambda: ends.limit_file_size(65536))
        self.assert_status(10, result)
        self.assertIn("EFBIG", ends.of_type(result, "error")["message"])


if __name__ == "__main__":
    tool.main()
