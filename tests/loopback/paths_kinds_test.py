# SPDX-License-Identifier: MIT
"""64 MiB both ways at once for each kind of stdin and stdout, every one with a path of its own."""

import array
import contextlib
import os
import socket
import subprocess
import time

import ends
import tool
from ends import closed, pair, read_until_end

MUCH = tool.bulk(64 << 20)
NUMBERS = array.array("I", range(4 << 20))  # each in its place


class Kinds(tool.TestCase):
    def setUp(self):
        super().setUp()
        self.hash = tool.random_file(f"{self.tmp}/data", MUCH, seed=3)

    def data(self):
        return open(f"{self.tmp}/data", "rb", buffering=0)

    @contextlib.contextmanager
    def pipe_in(self):
        with self.data() as data, \
                subprocess.Popen(["cat"], stdin=data, stdout=tool.PIPE) as process:
            yield process.stdout

    @contextlib.contextmanager
    def socket_in(self):
        ours, its = socket.socketpair()
        with self.data() as data, its:
            sender = ends.in_thread(lambda: (ours.sendfile(data), ours.close()))
            yield its
            sender.join()

    @contextlib.contextmanager
    def file_out(self, mode):
        path = f"{self.tmp}/out"
        with open(path, "wb") as file:
            file.write(b"HEAD")
        with open(path, mode, buffering=0) as file:
            file.seek(4)
            yield file
            self.assertEqual(4 + MUCH, file.tell())
        with open(path, "rb") as file:
            self.assertEqual(b"HEAD", file.read(4))
            self.assertEqual((MUCH, self.hash), tool.sha256_of(file))

    @contextlib.contextmanager
    def socket_out(self):
        ours, its = socket.socketpair()
        found = []
        with ours, its:
            reader = ends.in_thread(lambda: found.append(tool.sha256_of(ours)))
            yield its
            reader.join()
        self.assertEqual([(MUCH, self.hash)], found)

    @contextlib.contextmanager
    def null_out(self):
        with open("/dev/null", "wb") as file:
            yield file

    def test_every_kind_of_stdin_with_every_kind_of_stdout(self):
        inputs = {"pipe": self.pipe_in, "file": self.data, "socket": self.socket_in}
        outputs = {"pipe": lambda: contextlib.nullcontext(tool.HASH),
                   "file": lambda: self.file_out("r+b"), "append": lambda: self.file_out("ab"),
                   "socket": self.socket_out, "null": self.null_out}
        pairs = [("pipe", "pipe"), ("file", "file"), ("socket", "socket"), ("pipe", "append"),
                 ("file", "null"), ("socket", "pipe")]
        for role, (kind_in, kind_out) in zip(ends.ROLES * 3, pairs):
            with self.subTest(role=role, stdin=kind_in, stdout=kind_out):
                if tool.WRAPPER and kind_out == "null":
                    self.skipTest("valgrind does not know that MSG_TRUNC needs no buffer")
                self.crosses(role, inputs[kind_in], outputs[kind_out])

    def crosses(self, role, opened_in, opened_out):
        with opened_in() as given, opened_out() as taken:
            with pair(role=role, stdin=given, stdout=taken) as (process, peer), \
                    self.data() as answer:
                if isinstance(taken, socket.socket):
                    taken.close()  # so that its reader meets the end
                sender = ends.in_thread(
                    lambda: (peer.sendfile(answer), peer.shutdown(socket.SHUT_WR)))
                self.assertEqual((MUCH, self.hash), tool.sha256_of(peer))
                sender.join()
                result = process.finish(60)
            self.assert_ok(result)
            summary = closed(result)
            self.assertEqual((MUCH, MUCH), (summary["sent_bytes"], summary["received_bytes"]))
            if taken == tool.HASH:
                self.assertEqual((MUCH, self.hash), (result.size, result.sha256))

    def test_two_that_write_into_one_redirection_never_write_over_each_other(self):
        letters, whole, line = (b"a", b"b"), MUCH // 4, b"told by the test\n"
        path, lines = f"{self.tmp}/shared", 0
        with open(path, "wb", buffering=0) as shared, contextlib.ExitStack() as stack:
            pairs = [stack.enter_context(pair(stdout=shared)) for _ in letters]
            senders = [ends.in_thread(lambda p=peer, c=letter: (p.sendall(c * whole), p.close()))
                       for (_, peer), letter in zip(pairs, letters)]
            while any(process.process.poll() is None for process, _ in pairs):
                shared.write(line)
                lines += 1
                time.sleep(0.001)  # not for ever only this
            for sender in senders:
                sender.join()
            for process, _ in pairs:
                self.assert_ok(process.finish())
        with open(path, "rb") as file:
            data = file.read()
        self.assertEqual(lines, data.count(line))
        rest = data.replace(line, b"")
        self.assertEqual([whole] * 2, [rest.count(letter) for letter in letters])
        self.assertEqual(2 * whole, len(rest))

    def test_some_that_send_one_file_send_each_byte_once(self):
        # With so small buffers sendfile is left after a few calls, in the middle of a stretch.
        for args, buffer, numbers in (((), None, NUMBERS),
                                      (("-o", "SO_SNDBUF=2048"), 2048, NUMBERS[:2 << 20])):
            with self.subTest(args), self.file_of(numbers) as given, \
                    contextlib.ExitStack() as stack:
                pairs = [stack.enter_context(pair(*args, buffer=buffer, stdin=given))
                         for _ in "abc"]
                got = array.array("I")
                readers = [ends.in_thread(lambda p=peer: (got.frombytes(read_until_end(p)[0]),
                                                          p.close())) for _, peer in pairs]
                for reader in readers:
                    reader.join()
                for process, _ in pairs:
                    self.assert_ok(process.finish())
                self.assertEqual(numbers, array.array("I", sorted(got)))
                self.assertEqual(len(numbers) * numbers.itemsize, given.tell())

    def test_one_that_is_reset_leaves_the_file_to_another_one_that_has_gone_on(self):
        # With this buffer its peer, which does not read, leaves it in the middle of a stretch.
        with self.file_of(NUMBERS) as given, \
                pair("-o", "SO_SNDBUF=700k", stdin=given) as (reset, unread), \
                contextlib.ExitStack() as stack:
            ends.wait_until(lambda: self.rests(given), "rest")
            process, peer = stack.enter_context(pair(stdin=given))
            some = peer.recv(len(NUMBERS), socket.MSG_WAITALL)
            ends.reset(unread)
            result = reset.finish()
            self.assert_status(8, result)
            taken = closed(result)["delivered_bytes"] + closed(result)["undelivered_bytes"]
            got = array.array("I", some + read_until_end(peer)[0])
            peer.close()
            self.assert_ok(process.finish())
            self.assertEqual(NUMBERS[taken // 4:], got)

    @staticmethod
    def rests(given):
        before = given.tell()
        time.sleep(0.1 * tool.PATIENCE)
        return given.tell() == before > 0

    def file_of(self, numbers):
        path = f"{self.tmp}/numbers"
        with open(path, "wb") as file:
            file.write(numbers.tobytes())
        return open(path, "rb", buffering=0)

    def test_a_file_that_takes_no_more_stands_at_its_end(self):
        limit = MUCH * 3 // 4
        path = f"{self.tmp}/full"
        with open(path, "wb", buffering=0) as file:
            with pair(stdout=file,
                      preexec_fn=lambda: ends.limit_file_size(limit)) as (process, peer):
                sender = ends.in_thread(lambda: self.send_all_it_takes(peer))
                self.assert_status(10, process.finish())
                sender.join()
            self.assertEqual(os.path.getsize(path), file.seek(0, os.SEEK_CUR))

    @staticmethod
    def send_all_it_takes(peer):
        with contextlib.suppress(ConnectionError):
            peer.sendall(bytes(MUCH))
            peer.shutdown(socket.SHUT_WR)

    def test_urgent_bytes_stay_in_the_stream_and_end_nothing(self):
        before, after = tool.bulk(6 << 20), tool.bulk(2 << 20)
        for role in ends.ROLES:
            for kind in ("file", "pipe", "null"):
                if tool.WRAPPER and kind == "null":
                    continue
                with self.subTest(role=role, stdout=kind), \
                        open(f"{self.tmp}/out" if kind == "file" else "/dev/null", "wb") as file, \
                        pair(role=role, stdin=tool.DEVNULL,
                             stdout=tool.HASH if kind == "pipe" else file) as (process, peer):
                    for part, flags in ((b"A" * before, 0), (b"!", socket.MSG_OOB),
                                        (b"B" * after, 0)):
                        while part:
                            part = part[peer.send(part, flags):]
                    peer.shutdown(socket.SHUT_WR)
                    read_until_end(peer)
                    result = process.finish()
                    self.assert_ok(result)
                    self.assertEqual(before + 1 + after, closed(result)["received_bytes"])
                    if kind == "pipe":
                        self.assertEqual(before + 1 + after, result.size)
                    if kind == "file":
                        self.assertEqual(before + 1 + after, os.path.getsize(f"{self.tmp}/out"))

    def test_a_file_on_stdin_stands_where_it_has_been_sent_to(self):
        with self.data() as given, pair(stdin=given) as (process, peer):
            self.assertEqual((MUCH, self.hash), tool.sha256_of(peer))
            peer.close()
            self.assert_ok(process.finish())
            self.assertEqual(MUCH, given.seek(0, os.SEEK_CUR))


if __name__ == "__main__":
    tool.main()
