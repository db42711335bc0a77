# SPDX-License-Identifier: MIT
"""Both directions at once: much data, readers that do not read, and waiting without spinning."""

import contextlib
import fcntl
import os
import pty
import signal
import socket
import subprocess
import tty

import ends
import tool
from ends import closed, pair, read_until_end

MIB = 1 << 20
MUCH = tool.bulk(64 * MIB)


def pipe_nobody_reads():
    read_end, write_end = os.pipe()
    return write_end, open(read_end, "rb")


def socket_nobody_reads():
    ours, its = socket.socketpair()
    return its.detach(), ours


def terminal_nobody_reads():
    master, slave = pty.openpty()
    tty.setraw(slave)
    return slave, open(master, "rb", buffering=0)


STUCK = (pipe_nobody_reads, socket_nobody_reads, terminal_nobody_reads)


class Flow(tool.TestCase):
    def test_much_data_crosses_both_ways_at_once_unaltered(self):
        path = f"{self.tmp}/data"
        sent_hash = tool.random_file(path, MUCH, seed=1)
        answer_path = f"{self.tmp}/answer"
        answer_hash = tool.random_file(answer_path, MUCH, seed=2)
        for role in ends.ROLES:
            with self.subTest(role=role), open(path, "rb") as data, \
                    open(answer_path, "rb") as answer, \
                    pair(role=role, stdin=data, stdout=tool.HASH) as (process, peer):
                sender = ends.in_thread(lambda peer=peer, answer=answer: (
                    peer.sendfile(answer), peer.shutdown(socket.SHUT_WR)))
                self.assertEqual((MUCH, sent_hash), tool.sha256_of(peer))
                sender.join()
                result = process.finish(60)
                self.assert_ok(result)
                self.assertEqual((MUCH, answer_hash), (result.size, result.sha256))

    def test_a_stdout_that_nobody_reads_never_stops_the_other_direction(self):
        size = tool.bulk(8 * MIB)
        for stuck in STUCK:
            for role in ends.ROLES:
                with self.subTest(stdout=stuck.__name__, role=role):
                    stdout, reader = stuck()
                    with reader, pair(role=role, stdin=b"u" * size, stdout=stdout) as both:
                        process, peer = both
                        os.close(stdout)
                        ends.fill(peer, quiet=0.1)
                        self.assertEqual(size, len(ends.receive(peer, size)))
                        self.assertEqual((b"", False), read_until_end(peer))
                        process.signal(signal.SIGTERM)
                        result = process.finish()
                    self.assert_signal(signal.SIGTERM, result)
                    self.assertEqual(size, closed(result)["sent_bytes"])
                    self.assertGreater(closed(result)["unwritten_bytes"], 0)

    def test_pipes_of_another_user_serve_as_well_although_they_cannot_be_opened_again(self):
        def become_nobody():
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)

        try:
            subprocess.run([tool.TCPTOOL, "--version"], preexec_fn=become_nobody, check=True,
                           stdout=tool.DEVNULL)
        except (OSError, subprocess.SubprocessError) as error:
            self.skipTest(f"cannot run it as another user: {error}")
        size = tool.bulk(4 * MIB)
        stdout, reader = pipe_nobody_reads()
        with reader, pair("-v", stdin=b"u" * size, stdout=stdout,
                          preexec_fn=become_nobody) as (process, peer):
            os.close(stdout)
            sent = ends.fill(peer, quiet=0.1)
            self.assertEqual(size, len(read_until_end(peer)[0]))
            ends.assert_idle(self, process.pid)
            peer.shutdown(socket.SHUT_WR)
            self.assertEqual(sent, len(reader.read()))
            result = process.finish()
        self.assert_ok(result)
        self.assert_stderr('"call":"open".*/proc/self/fd/1.*EACCES', result)

    def test_a_peer_that_does_not_read_never_stops_the_other_direction(self):
        size = tool.bulk(8 * MIB)
        for role in ends.ROLES:
            with self.subTest(role=role), pair(role=role, stdin=b"u" * 16 * MIB,
                                               stdout=tool.HASH) as (process, peer):
                peer.sendall(b"d" * size)
                ends.wait_until(lambda p=process: p.size == size, f"{size} bytes on stdout")
                process.signal(signal.SIGTERM)
                self.assert_signal(signal.SIGTERM, process.finish())

    def test_memory_stays_bounded_while_stdout_is_stuck(self):
        stdout, reader = pipe_nobody_reads()
        with reader, pair("--recv-only", stdout=stdout) as (process, peer):
            os.close(stdout)
            before = ends.memory(process.pid)
            sent = ends.fill(peer)
            ends.assert_grown_less(self, process.pid, before, 2 * MIB)
            self.assertLess(sent, 64 * MIB)  # the peer is told to wait
            peer.shutdown(socket.SHUT_WR)
            self.assertEqual(sent, len(reader.read()))
            self.assert_ok(process.finish())

    def test_head_on_an_infinite_sender_ends_promptly_with_status_0(self):
        for role in ends.ROLES:
            read_end, write_end = os.pipe()
            with self.subTest(role=role), open(read_end, "rb", buffering=0) as head:
                with pair(role=role, stdin=tool.PIPE, stdout=write_end) as (process, peer):
                    os.close(write_end)

                    def send_for_ever(peer=peer):
                        with contextlib.suppress(ConnectionError):
                            while True:
                                peer.sendall(b"y\n" * 10000)
                    sender = ends.in_thread(send_for_ever)
                    self.assertEqual(10, len(head.read(10)))
                    head.close()
                    result = process.finish()
                    sender.join()
                self.assert_ok(result)
                ends.of_type(result, "stdout-closed")

    def test_a_reader_that_goes_away_is_noticed_while_nothing_arrives(self):
        for stuck in STUCK:
            with self.subTest(stdout=stuck.__name__):
                stdout, reader = stuck()
                with pair(stdin=tool.PIPE, stdout=stdout) as (process, peer):
                    os.close(stdout)
                    process.send(b"before")
                    self.assertEqual(b"before", ends.receive(peer, 6))
                    reader.close()
                    self.assertEqual((b"", False), read_until_end(peer))
                    result = process.finish()
                self.assert_ok(result)
                ends.of_type(result, "stdout-closed")
                self.assertFalse(closed(result)["stdin_at_eof"])

    def test_what_was_read_before_the_reader_went_is_still_delivered_or_status_8(self):
        for deliver in (True, False):
            stdout, reader = pipe_nobody_reads()
            with self.subTest(deliver=deliver), \
                    socket.create_server(("127.0.0.1", 0)) as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                with tool.connect(listener.getsockname()[1], "--json", "-o", "SO_SNDBUF=16k",
                                  stdin=tool.PIPE, stdout=stdout) as process:
                    os.close(stdout)
                    peer, _ = listener.accept()
                    process.send(b"k" * 100_000)
                    ends.wait_until(lambda p=process: ends.unread(p.process.stdin) == 0,
                                    "tcptool having read all of stdin")
                    reader.close()
                    process.wait_for('"type":"stdout-closed"')
                    if deliver:
                        self.assertEqual(100_000, len(read_until_end(peer)[0]))
                        self.assert_ok(process.finish())
                    else:
                        ends.reset(peer)
                        result = process.finish()
                        self.assert_status(8, result)
                        self.assertGreater(closed(result)["undelivered_bytes"], 0)

    def test_a_stdout_without_a_reader_from_the_start_ends_the_run(self):
        read_end, write_end = os.pipe()
        os.close(read_end)
        with pair(stdin=tool.PIPE, stdout=write_end) as (process, peer):
            os.close(write_end)
            self.assertEqual((b"", False), read_until_end(peer))
            self.assert_ok(process.finish())


class NoSpin(tool.TestCase):
    """It sleeps while it waits, whatever it waits for."""

    def test_while_connecting(self):
        with ends.silent_port() as port, tool.connect(port, "-w", "30s") as process:
            ends.wait_until(lambda: ends.process_state(process.pid) == "S", "sleep")
            ends.assert_idle(self, process.pid)

    def test_while_listening(self):
        with tool.listen() as process:
            ends.assert_idle(self, process.pid)

    def test_while_both_ends_are_silent(self):
        for stdin in (tool.PIPE, tool.DEVNULL):
            with self.subTest(stdin=stdin), pair(stdin=stdin) as (process, _):
                ends.assert_idle(self, process.pid)

    def test_while_stdout_is_stuck(self):
        for stuck in STUCK:
            stdout, reader = stuck()
            with self.subTest(stdout=stuck.__name__), reader, \
                    pair(stdin=tool.PIPE, stdout=stdout) as (process, peer):
                os.close(stdout)
                ends.fill(peer)
                ends.assert_idle(self, process.pid)

    def test_while_the_peer_does_not_read(self):
        with pair(stdin=b"x" * 16 * MIB) as (process, peer):
            ends.settled(lambda: ends.unread(peer))
            ends.assert_idle(self, process.pid)

    def test_while_the_peer_has_closed_and_stdin_is_silent(self):
        with pair(stdin=tool.PIPE) as (process, peer):
            peer.close()
            process.wait_for('"type":"peer-closed"')
            ends.assert_idle(self, process.pid)

    def test_while_the_peer_has_closed_and_stdout_is_stuck(self):
        stdout, reader = pipe_nobody_reads()
        with reader, pair(stdin=tool.DEVNULL, stdout=stdout) as (process, peer):
            os.close(stdout)
            ends.fill(peer)
            peer.shutdown(socket.SHUT_WR)
            ends.assert_idle(self, process.pid)

    def test_while_the_connection_is_reset_and_stdout_is_stuck(self):
        stdout, reader = pipe_nobody_reads()
        with reader, pair(stdin=tool.PIPE, stdout=stdout) as (process, peer):
            os.close(stdout)
            sent = ends.fill(peer)
            ends.reset(peer)
            ends.assert_idle(self, process.pid)
            self.assertIsNone(process.process.poll())
            written = len(reader.read())
            result = process.finish()
        self.assert_status(8, result)
        self.assertEqual(written, closed(result)["received_bytes"])
        self.assertLessEqual(written, sent)


class SharedFlags(tool.TestCase):
    def test_no_status_flag_of_an_inherited_description_ever_changes(self):
        def pipes():
            (its_in, ours_in), (ours_out, its_out) = os.pipe(), os.pipe()
            return its_in, its_out, ours_in, ours_out

        def sockets():
            one, two = socket.socketpair(), socket.socketpair()
            return tuple(s.detach() for s in (one[0], two[0], one[1], two[1]))

        def terminals():
            (ours_in, its_in), (ours_out, its_out) = pty.openpty(), pty.openpty()
            tty.setraw(its_in)
            tty.setraw(its_out)
            return its_in, its_out, ours_in, ours_out

        for make in (pipes, sockets, terminals):
            with self.subTest(kind=make.__name__), contextlib.ExitStack() as stack:
                its_in, its_out, ours_in, ours_out = make()
                for fd in (its_in, its_out, ours_in, ours_out):
                    stack.callback(os.close, fd)

                def flags(pid="self", fds=(its_in, its_out)):
                    return [ends.file_flags(pid, fd) & ~os.O_CLOEXEC for fd in fds]

                before = flags()
                with pair(stdin=its_in, stdout=its_out) as (process, peer):
                    os.write(ours_in, b"in")
                    self.assertEqual(b"in", peer.recv(10))
                    peer.sendall(b"out")
                    self.assertEqual(b"out", os.read(ours_out, 10))
                    self.assertEqual(before, flags())
                    self.assertEqual(before, flags(process.pid, (0, 1)))
                    self.assertFalse(fcntl.fcntl(its_in, fcntl.F_GETFL) & os.O_NONBLOCK)
                    process.signal(15)
                    process.finish()
                self.assertEqual(before, flags())


if __name__ == "__main__":
    tool.main()
