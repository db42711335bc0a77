# SPDX-License-Identifier: MIT
"""Much over the paths that begin after the first mebibyte: what they do to the neighbours at the
pipes, how they wait, and how they end."""

import contextlib
import fcntl
import os
import re
import socket
import subprocess
import time

import ends
import tool
from ends import closed, pair, read_until_end

MIB = 1 << 20
F_GETPIPE_SZ = 1032


def copier(stdin, stdout):
    """A process that copies, for the other end of a pipe."""
    return subprocess.Popen(["cat"], stdin=stdin, stdout=stdout)


class Paths(tool.TestCase):
    @contextlib.contextmanager
    def on_paths(self, *args, role="connect"):
        """Yields process, peer, the writer of stdin and the reader of stdout."""
        given, writer = os.pipe()
        reader, taken = os.pipe()
        with open(writer, "wb", buffering=0) as stdin, open(reader, "rb", buffering=0) as stdout:
            with pair(*args, role=role, stdin=given, stdout=taken) as (process, peer):
                os.close(given)
                os.close(taken)
                self.both_ways(peer, stdin, stdout, 2 * MIB)
                yield process, peer, stdin, stdout

    def both_ways(self, peer, stdin, stdout, size):
        data = os.urandom(size)
        for source, sink in ((stdin.write, peer.recv), (peer.send, stdout.read)):
            sender = ends.in_thread(lambda source=source: self.put(source, data))
            got = bytearray()
            while len(got) < size:
                got += sink(size - len(got))
            sender.join()
            self.assertEqual(data, bytes(got))

    @staticmethod
    def put(write, data):
        view = memoryview(data)
        while view:
            view = view[write(view):]

    def test_given_pipes_grow_for_the_time_and_a_chat_leaves_them(self):
        given, writer = os.pipe()
        before = fcntl.fcntl(given, F_GETPIPE_SZ)
        for role in ends.ROLES:
            with self.subTest(role=role), self.on_paths(role=role) as (process, peer, into, out):
                sizes = [fcntl.fcntl(file, F_GETPIPE_SZ) for file in (into, out)]
                self.assertEqual([256 * 1024] * 2, sizes)
                for fd in (0, 1):  # descriptions that others share
                    self.assertFalse(ends.file_flags(process.pid, fd) & os.O_NONBLOCK)
                process.signal(15)
                self.assert_signal(15, process.finish())
                sizes = [fcntl.fcntl(file, F_GETPIPE_SZ) for file in (into, out)]
                self.assertEqual([before] * 2, sizes)
        with open(given, "rb") as given, open(writer, "wb") as writer:
            with pair(stdin=given) as (process, peer):
                writer.write(b"hello")
                writer.flush()
                self.assertEqual(b"hello", peer.recv(5))
                self.assertEqual(before, fcntl.fcntl(given, F_GETPIPE_SZ))

    def test_nobody_at_the_other_end_of_a_pipe_hangs_while_the_connection_is_silent(self):
        given, writer = os.pipe()
        reader, taken = os.pipe()
        data_in, feed = os.pipe()
        shown, show = os.pipe()
        with copier(data_in, writer) as producer, copier(reader, show) as consumer:
            for fd in (data_in, writer, reader, show):
                os.close(fd)
            with open(feed, "wb", buffering=0) as stdin, open(shown, "rb", buffering=0) as stdout, \
                    pair(stdin=given, stdout=taken) as (process, peer):
                os.close(given)
                os.close(taken)
                self.both_ways(peer, stdin, stdout, 2 * MIB)
                # Full against the peer's closed window, and empty on the other side.
                filler = ends.in_thread(lambda: self.put_until_killed(stdin))
                ends.wait_until(lambda: self.sleeps(producer), "a producer that waits")
                for _ in range(50):
                    time.sleep(0.01)  # the time in which it would show
                    for neighbour in (producer, consumer):
                        self.assertNotEqual("D", ends.process_state(neighbour.pid))
                ends.assert_idle(self, process.pid)
                for neighbour in (producer, consumer):
                    neighbour.kill()
                    neighbour.wait(10 * tool.PATIENCE)
                filler.join()

    def put_until_killed(self, stdin):
        with contextlib.suppress(BrokenPipeError):
            self.put(stdin.write, bytes(32 * MIB))

    @staticmethod
    def sleeps(process):
        """It has been asleep each of some times that it was looked at."""
        states = set()
        for _ in range(20):
            states.add(ends.process_state(process.pid))
            time.sleep(0.005)
        return states == {"S"}

    def test_a_stdout_that_is_not_read_stops_nothing_else_and_spins_nowhere(self):
        with self.on_paths() as (process, peer, stdin, stdout):
            sent = ends.fill(peer)
            ends.assert_idle(self, process.pid)
            data = os.urandom(16 * MIB)
            sender = ends.in_thread(lambda: (self.put(stdin.write, data), stdin.close()))
            self.assertEqual(data, read_until_end(peer)[0])
            sender.join()
            ends.assert_idle(self, process.pid)
            peer.shutdown(socket.SHUT_WR)
            self.assertEqual(sent, len(stdout.readall()))
            self.assert_ok(process.finish())

    def test_a_peer_that_does_not_read_stops_nothing_else_and_spins_nowhere(self):
        with self.on_paths() as (process, peer, stdin, stdout):
            given = bytes(16 * MIB)
            sender = ends.in_thread(lambda: (self.put(stdin.write, given), stdin.close()))
            ends.settled(lambda: ends.unread(peer))
            ends.assert_idle(self, process.pid)
            data = os.urandom(16 * MIB)
            writer = ends.in_thread(lambda: peer.sendall(data))
            got = bytearray()
            while len(got) < len(data):
                got += stdout.read(MIB)
            writer.join()
            self.assertEqual(data, bytes(got))
            ends.assert_idle(self, process.pid)
            self.assertEqual(len(given), len(read_until_end(peer)[0]))
            sender.join()
            peer.close()
            self.assert_ok(process.finish())

    def test_a_peer_that_closes_its_side_first_still_gets_all(self):
        for role in ends.ROLES:
            with self.subTest(role=role), self.on_paths(role=role) as (process, peer, stdin, out):
                peer.shutdown(socket.SHUT_WR)
                self.assertEqual(b"", out.read(1))
                data = os.urandom(16 * MIB)
                sender = ends.in_thread(lambda i=stdin, d=data: (self.put(i.write, d), i.close()))
                self.assertEqual((data, False), read_until_end(peer))
                sender.join()
                peer.close()
                result = process.finish()
                self.assert_ok(result)
                self.assertEqual("peer", closed(result)["first_to_close"])

    def test_silence_is_no_work_and_what_comes_after_it_comes_at_once(self):
        with self.on_paths() as (process, peer, stdin, stdout):
            for _ in range(3):
                ends.assert_idle(self, process.pid, 0.2)
                stdin.write(b"ping")
                self.assertEqual(b"ping", ends.receive(peer, 4))
                peer.sendall(b"pong")
                self.assertEqual(b"pong", stdout.read(4))

    def test_messages_of_one_byte_that_fill_stdout_with_next_to_nothing_stop_nothing_else(self):
        with self.on_paths() as (process, peer, stdin, stdout):
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            data = os.urandom(400)
            for number in range(len(data)):
                peer.sendall(data[number:number + 1])
                if number < 16:  # each by itself: it takes a page of the pipe
                    ends.wait_until(lambda n=number: ends.unread(stdout) > n, "it on stdout")
            ends.settled(lambda: ends.unread(stdout))
            ends.assert_idle(self, process.pid)
            given = os.urandom(MIB)
            sender = ends.in_thread(lambda: self.put(stdin.write, given))
            self.assertEqual(given, ends.receive(peer, MIB))
            sender.join()
            self.assertEqual(data, self.taken(stdout, len(data)))

    @staticmethod
    def taken(stdout, size):
        got = bytearray()
        while len(got) < size:
            got += stdout.read(size - len(got))
        return bytes(got)

    def test_two_directions_that_are_both_stuck_cost_nothing_and_go_on(self):
        with self.on_paths() as (process, peer, stdin, stdout):
            given = os.urandom(16 * MIB)
            sender = ends.in_thread(lambda: self.put(stdin.write, given))
            sent = ends.fill(peer)
            ends.settled(lambda: ends.unread(peer))
            ends.assert_idle(self, process.pid)
            self.assertEqual(b"x" * sent, self.taken(stdout, sent))
            self.assertEqual(given, ends.receive(peer, len(given)))
            sender.join()

    def test_no_splice_says_that_more_follows_and_no_socket_of_one_blocks(self):
        trace = f"{self.tmp}/trace"
        with self.on_paths("--trace", trace, "--trace-format", "strace") as both:
            process = both[0]
            blocking = {fd for fd in os.listdir(f"/proc/{process.pid}/fd")
                        if not ends.file_flags(process.pid, fd) & os.O_NONBLOCK}
            process.signal(15)
            process.finish()
        with open(trace, encoding="ascii") as lines:
            calls = re.findall(r"^splice\((\d+), NULL, (\d+), NULL, \d+, (.+?)\)", lines.read(),
                               re.MULTILINE)
        self.assertTrue(calls)
        for source, sink, flags in calls:
            self.assertEqual("SPLICE_F_NONBLOCK", flags)
            self.assertFalse({source, sink} & blocking)

    def test_out_of_band_data_does_not_stand_in_the_way(self):
        with self.on_paths() as (process, peer, stdin, stdout):
            data = bytearray()
            for _ in range(20):
                peer.sendall(b"a" * 1000)
                peer.send(b"!", socket.MSG_OOB)
                peer.sendall(b"b" * 1000)
            while len(data) < 20 * 2000:
                data += stdout.read(MIB)
            ends.assert_idle(self, process.pid)
            self.assertEqual(20_000, data.count(b"a"))
            self.assertEqual(20_000, data.count(b"b"))

    def test_a_reader_of_stdout_that_goes_is_told_and_what_was_read_is_still_sent(self):
        with self.on_paths() as (process, peer, stdin, stdout):
            stdout.close()
            process.wait_for('"type":"stdout-closed"')
            peer.sendall(b"nobody reads this")
            self.assertEqual((b"", False), read_until_end(peer))
            peer.close()
            result = process.finish()
            self.assertEqual(2 * MIB, closed(result)["sent_bytes"])

    def test_a_reset_is_told_after_what_came_before_it(self):
        for _ in range(5):
            with self.on_paths() as (process, peer, stdin, stdout):
                feeder = ends.in_thread(lambda i=stdin: self.put_until_killed(i))
                peer.sendall(b"last words")
                self.assertEqual(b"last words", stdout.read(10))
                ends.receive(peer, MIB)
                ends.reset(peer)
                result = process.finish()
                self.assertIn("reset by the peer (RST)", result.stderr)
                self.assertFalse(closed(result)["stdin_at_eof"])
                feeder.join()

    def test_shown_bytes_are_all_shown(self):
        size = 2 * MIB
        with pair("-vv", stdin=b"x" * size) as (process, peer):
            self.assertEqual(size, len(read_until_end(peer)[0]))
            peer.close()
            result = process.finish()
        shown = ends.of_all(result, "data")
        self.assertEqual(size, sum(len(data["data"]) for data in shown))


if __name__ == "__main__":
    tool.main()
