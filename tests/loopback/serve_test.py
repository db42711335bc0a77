# SPDX-License-Identifier: MIT
"""listen -k: stdin goes to every client, and one that does not read harms nobody but itself."""

import os
import pty
import socket

import ends
import serve
import tool
from serve import clients, server, stop, wait_accepted, wait_closed

MIB = 1 << 20


class ToAll(tool.TestCase):
    def test_what_stdin_brings_goes_to_every_client_there_is(self):
        with server(stdin=tool.PIPE) as process, clients(process, 2) as (first, second):
            wait_accepted(process, first, second)
            process.send(b"one\n")
            for peer in (first, second):
                self.assertEqual(b"one\n", ends.receive(peer, 4))
            with clients(process, 1) as (late,):
                wait_accepted(process, late)
                process.send(b"two\n")
                for peer in (first, second, late):
                    self.assertEqual(b"two\n", ends.receive(peer, 4))

    def test_stdin_is_left_alone_until_there_is_a_client(self):
        read_end, write_end = os.pipe()
        with open(read_end, "rb") as stdin, open(write_end, "wb", buffering=0) as writer:
            writer.write(b"for somebody\n")
            with server(stdin=stdin) as process:
                self.assertEqual(13, ends.unread(stdin))
                with clients(process, 1) as (peer,):
                    self.assertEqual(b"for somebody\n", ends.receive(peer, 13))

    def test_the_end_of_stdin_is_nobodys_end(self):
        for stdin, given in ((b"x", b"x"), (tool.DEVNULL, b"")):
            with self.subTest(stdin=stdin), server(stdin=stdin) as process, \
                    clients(process, 2) as (first, second):
                wait_accepted(process, first, second)
                self.assertEqual(given, ends.receive(first, len(given)))
                first.sendall(b"still\n")
                process.wait_for_stdout(b"still\n")
                second.sendall(b"here\n")
                process.wait_for_stdout(b"here\n")
                first.setblocking(False)
                self.assertRaises(BlockingIOError, first.recv, 1)

    def test_with_half_close_it_is_every_clients_end_also_of_those_that_come_later(self):
        with server("-N", stdin=b"bye\n") as process, clients(process, 1) as (first,):
            self.assertEqual((b"bye\n", False), ends.read_until_end(first))
            with clients(process, 1) as (late,):
                self.assertEqual((b"", False), ends.read_until_end(late))
                late.sendall(b"and back\n")
                process.wait_for_stdout(b"and back\n")
            first.close()
            wait = process.wait_for(r'"type":"client-closed".*"first_to_close":"this side"')
            self.assertTrue(wait)

    def test_a_closed_stdin_and_recv_only(self):
        for keywords in ({"closed": [0]}, {"stdin": tool.DEVNULL}):
            with self.subTest(**keywords), server("--recv-only", **keywords) as process, \
                    clients(process, 1) as (peer,):
                peer.sendall(b"in\n")
                process.wait_for_stdout(b"in\n")

    def test_recv_only_leaves_stdin_to_others(self):
        read_end, write_end = os.pipe()
        with open(read_end, "rb") as stdin, open(write_end, "wb", buffering=0) as writer:
            writer.write(b"not ours")
            with server("--recv-only", stdin=stdin) as process, clients(process, 1) as (peer,):
                peer.sendall(b"in\n")
                process.wait_for_stdout(b"in\n")
                self.assertEqual(8, ends.unread(stdin))

    def test_send_only_throws_away_and_counts(self):
        with server("--send-only", stdin=tool.PIPE) as process, clients(process, 1) as (peer,):
            wait_accepted(process, peer)
            process.send(b"out\n")
            self.assertEqual(b"out\n", ends.receive(peer, 4))
            peer.sendall(b"x" * 5000)
            peer.close()
            process.wait_for('"type":"client-closed"')
            result = stop(process)
        self.assert_stdout(b"", result)
        self.assertEqual(5000, serve.served(result)["received_bytes"])

    def test_crlf(self):
        with server("-C", stdin=b"a\nb\r\n") as process, clients(process, 1) as (peer,):
            self.assertEqual(b"a\r\nb\r\n", ends.receive(peer, 6))

    def test_a_regular_file_reaches_a_client_byte_for_byte(self):
        path, size = f"{self.tmp}/data", tool.bulk(8 * MIB)
        digest = tool.random_file(path, size)
        with open(path, "rb") as stdin, server("-N", stdin=stdin) as process, \
                clients(process, 1) as (peer,):
            self.assertEqual((size, digest), tool.sha256_of(peer))

    def test_a_client_that_never_reads_is_reset_and_another_has_all_byte_for_byte(self):
        path, size = f"{self.tmp}/data", 24 * MIB
        digest = tool.random_file(path, size)
        read_end, write_end = os.pipe()
        with open(path, "rb") as data, open(read_end, "rb") as stdin, \
                server("-N", "--client-buffer", "64k", stdin=stdin) as process, \
                clients(process, 1, buffer=4096) as (stuck,), clients(process, 1) as (reader,):
            wait_accepted(process, stuck, reader)
            before = ends.memory(process.pid)

            def feed():
                with open(write_end, "wb", buffering=0) as writer:
                    while chunk := data.read(1 << 16):
                        writer.write(chunk)

            feeder = ends.in_thread(feed)
            self.assertEqual((size, digest), tool.sha256_of(reader))
            feeder.join()
            wait_closed(process, stuck)
            ends.assert_grown_less(self, process.pid, before, 4 * MIB)
            stuck_name = serve.name(stuck)
            with self.assertRaises(ConnectionResetError):
                while stuck.recv(1 << 20):
                    pass
            reader.close()
            result = stop(process)
        end = serve.end_of(result, stuck_name)
        self.assertEqual("too slow", end["reason"])
        self.assertGreater(end["undelivered_bytes"], 0)
        self.assertLessEqual(end["undelivered_bytes"], 64 * 1024)
        self.assertEqual((1, 1), (serve.served(result)["too_slow"],
                                  serve.served(result)["complete"]))

    def test_alone_it_holds_stdin_up_for_a_while_and_is_reset_then(self):
        with server("--client-buffer", "64k", stdin=lambda: [b"x" * 16 * MIB]) as process, \
                clients(process, 1, buffer=4096) as (stuck,):
            wait_closed(process, stuck)
            with clients(process, 1) as (reader,):
                self.assertTrue(ends.receive(reader, 1000))

    def test_a_fin_while_stdin_is_pending_for_it_ends_it_once_it_has_all(self):
        size = 12 * MIB
        with server(stdin=lambda: [b"x" * size]) as process, \
                clients(process, 1, buffer=4096) as (peer,):
            ends.wait_until(lambda: ends.unread(peer) > 0, "bytes")
            peer.shutdown(socket.SHUT_WR)
            # Only what was read from stdin by then is pending: it gets that, and its end.
            data, was_reset = ends.read_until_end(peer)
            self.assertFalse(was_reset)
            process.wait_for('"type":"client-closed".*"reason":"complete".*'
                             f'"sent_bytes":{len(data)},.*"undelivered_bytes":0')

    def test_a_terminal_as_stdin(self):
        master, slave = pty.openpty()
        with open(slave, "rb") as stdin, server(stdin=stdin) as process, \
                clients(process, 1) as (peer,):
            wait_accepted(process, peer)
            os.write(master, b"typed\n")
            self.assertEqual(b"typed\n", ends.receive(peer, 6))
            stdin.close()
            os.close(master)
            ends.assert_idle(self, process.pid)
            peer.sendall(b"on\n")
            process.wait_for_stdout(b"on\n")


if __name__ == "__main__":
    tool.main()
