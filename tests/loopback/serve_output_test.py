# SPDX-License-Identifier: MIT
"""listen -k: what any client sends goes to stdout, in whole lines, whatever stdout does."""

import os
import pty
import re
import signal
import socket
import threading

import ends
import serve
import tool
from serve import clients, server, stop, wait_accepted

MIB = 1 << 20


class FromAll(tool.TestCase):
    def test_lines_of_many_are_never_broken(self):
        count, lines = 8, 400
        with server() as process, clients(process, count) as peers:
            def talk(number, peer):
                # In pieces that end anywhere, back to back: well within the patience.
                data = b"".join(b"%d:%d:%s\n" % (number, line, b"x" * (line * 7 % 300))
                                for line in range(lines))
                for start in range(0, len(data), 977):
                    peer.sendall(data[start:start + 977])
                peer.shutdown(socket.SHUT_WR)

            threads = [ends.in_thread(lambda n=n, p=p: talk(n, p)) for n, p in enumerate(peers)]
            for thread in threads:
                thread.join()
            for peer in peers:
                ends.read_until_end(peer)
            result = stop(process)
        seen = result.stdout.splitlines()
        self.assertEqual(count * lines, len(seen))
        next_line = [0] * count
        for line in seen:
            found = re.fullmatch(rb"(\d+):(\d+):(x*)", line)
            self.assertTrue(found, line)
            number = int(found[1])
            self.assertEqual(next_line[number], int(found[2]))
            next_line[number] += 1

    def test_an_unfinished_line_holds_others_back_and_is_finished_first(self):
        with server() as process, clients(process, 2) as (first, second):
            first.sendall(b"begun, ")
            process.wait_for_stdout(b"begun, ")
            second.sendall(b"other\n")
            first.sendall(b"ended\n")
            process.wait_for_stdout(b"other\n")
            out = process.stdout
        # On a machine that stalls for 200 ms between two lines above, the patience may be over.
        self.assertIn(out, (b"begun, ended\nother\n", b"begun, other\nended\n"))

    def test_a_line_that_never_ends_holds_nobody_for_ever(self):
        with server() as process, clients(process, 3) as (first, second, third):
            first.sendall(b"\x00binary")
            process.wait_for_stdout(b"\x00binary")
            second.sendall(b"two")
            third.sendall(b"three")
            process.wait_for_stdout(b"two")
            process.wait_for_stdout(b"three")
            first.sendall(b"more")
            process.wait_for_stdout(b"more")

    def test_the_end_of_its_owner_frees_the_line(self):
        for how in (socket.socket.close, ends.reset):
            with self.subTest(how=how.__name__), server() as process, \
                    clients(process, 2) as (first, second):
                first.sendall(b"half")
                process.wait_for_stdout(b"half")
                second.sendall(b"whole\n")
                how(first)
                process.wait_for_stdout(b"halfwhole\n")

    def test_a_flood_of_one_leaves_room_for_another(self):
        with server(stdout=tool.HASH) as process, clients(process, 2) as (flood, calm):
            over = threading.Event()

            def pour():
                while not over.is_set():
                    flood.sendall(b"x" * 65535 + b"\n")

            thread = ends.in_thread(pour)
            try:
                sent = 0
                for _ in range(20):
                    calm.sendall(b"calm\n")
                    sent += 5
                calm.shutdown(socket.SHUT_WR)
                self.assertEqual((b"", False), ends.read_until_end(calm))
            finally:
                over.set()
                thread.join()
            process.wait_for(f'"peer":"{serve.name(calm)}".*"received_bytes":{sent},')

    def test_one_clients_end_or_reset_harms_nobody(self):
        with server(stdin=tool.PIPE) as process, \
                clients(process, 3) as (ended, was_reset, staying):
            wait_accepted(process, ended, was_reset, staying)
            names = [serve.name(peer) for peer in (ended, was_reset)]
            ended.close()
            ends.reset(was_reset)
            for peer in names:
                process.wait_for(rf'"type":"client-closed","peer":"{peer}"')
            process.send(b"still\n")
            self.assertEqual(b"still\n", ends.receive(staying, 6))
            staying.sendall(b"there\n")
            process.wait_for_stdout(b"there\n")
            staying.close()
            serve.wait_told(process, "client-closed", 3)
            result = stop(process)
        self.assertEqual("complete", serve.end_of(result, names[0])["reason"])
        self.assertEqual("connection lost", serve.end_of(result, names[1])["reason"])
        self.assertEqual((2, 1, 3), tuple(serve.served(result)[key]
                                          for key in ("complete", "lost", "accepted")))

    def test_stdin_for_a_client_that_has_reset_harms_nobody(self):
        with server(stdin=tool.PIPE) as process, clients(process, 2) as (gone, staying):
            wait_accepted(process, gone, staying)
            process.signal(signal.SIGSTOP)
            gone.sendall(b"last words\n")
            ends.wait_acknowledged(gone)
            ends.reset(gone)
            process.send(b"to all\n")
            process.signal(signal.SIGCONT)
            self.assertEqual(b"to all\n", ends.receive(staying, 7))
            process.wait_for('"type":"client-closed".*"reason":"connection lost"')
            staying.sendall(b"x\n")
            process.wait_for_stdout(b"x\n")

    def test_last_words_before_a_reset_are_read_although_stdout_was_full(self):
        read_end, write_end = os.pipe()
        with open(read_end, "rb") as reader, server(stdin=tool.PIPE, stdout=write_end) as process, \
                clients(process, 2) as (gone, flood):
            os.close(write_end)
            wait_accepted(process, gone, flood)
            sent = ends.fill(flood, chunk=b"f" * 65535 + b"\n")
            gone.sendall(b"LAST WORDS\n")
            ends.wait_acknowledged(gone)
            process.send(b"to all\n")  # the flood never reads; the reset is seen by sending
            gone.shutdown(socket.SHUT_WR)
            self.assertEqual(b"to all\n", ends.receive(gone, 7))
            ends.assert_idle(self, process.pid)
            flood.shutdown(socket.SHUT_WR)
            out = bytearray()
            collector = ends.in_thread(lambda: out.extend(reader.read()))
            ends.read_until_end(gone)
            ends.read_until_end(flood)
            result = stop(process)
            collector.join()
        self.assertEqual(sent, out.count(b"f") + out.count(b"\n") - 1)
        self.assertIn(b"LAST WORDS\n", out)
        self.assertEqual(2, serve.served(result)["complete"])


class Stdout(tool.TestCase):
    def test_one_that_nobody_reads_keeps_clients_waiting_without_processor_time(self):
        read_end, write_end = os.pipe()
        with open(read_end, "rb") as reader, \
                server(stdin=tool.PIPE, stdout=write_end) as process, \
                clients(process, 2) as (first, second):
            os.close(write_end)
            wait_accepted(process, first, second)
            before = ends.memory(process.pid)
            sent = [ends.fill(peer, quiet=0.2) for peer in (first, second)]
            ends.assert_grown_less(self, process.pid, before, 2 * MIB)
            ends.assert_idle(self, process.pid)
            process.send(b"down\n")  # the other direction goes on
            self.assertEqual(b"down\n", ends.receive(second, 5))
            for peer in (first, second):
                peer.shutdown(socket.SHUT_WR)
            out = bytearray()
            collector = ends.in_thread(lambda: out.extend(reader.read()))
            for peer in (first, second):
                ends.read_until_end(peer)
            self.assert_signal(signal.SIGTERM, stop(process))
            collector.join()
        self.assertEqual(sum(sent), len(out))

    def test_full_at_the_end_of_the_grace_it_ends_all_the_same_and_counts(self):
        read_end, write_end = os.pipe()
        with open(read_end, "rb"), \
                server("--grace", "300ms", stdout=write_end) as process, \
                clients(process, 1) as (peer,):
            os.close(write_end)
            ends.fill(peer, quiet=0.2)
            result = stop(process)
        self.assert_signal(signal.SIGTERM, result)
        self.assertGreater(serve.served(result)["unwritten_bytes"], 0)
        self.assertEqual(1, serve.served(result)["cut_short"])

    def test_when_its_reader_goes_the_run_ends_with_a_word(self):
        for with_bytes in (False, True):
            with self.subTest(with_bytes=with_bytes):
                read_end, write_end = os.pipe()
                with server(stdout=write_end) as process, clients(process, 1) as (peer,):
                    os.close(write_end)
                    wait_accepted(process, peer)
                    os.close(read_end)
                    if with_bytes:
                        peer.sendall(b"too late\n")
                    self.assertEqual((b"", False), ends.read_until_end(peer))
                    peer.close()
                    result = process.finish()
                self.assert_ok(result)
                self.assertEqual(1, len(ends.of_all(result, "stdout-closed")))
                with self.assertRaises(ConnectionRefusedError):
                    serve.client(process)

    def test_a_terminal_or_socket_that_hangs_up_does_not_spin(self):
        def terminal():
            master, slave = pty.openpty()
            return slave, lambda: os.close(master)

        def stream():
            ours, its = socket.socketpair()
            return its.detach(), ours.close

        for make in (terminal, stream):
            with self.subTest(stdout=make.__name__):
                stdout, hang_up = make()
                with server("--grace", "10s", stdout=stdout) as process, \
                        clients(process, 1) as (peer,):
                    os.close(stdout)
                    wait_accepted(process, peer)
                    hang_up()
                    process.wait_for('"type":"stdout-closed"')
                    ends.assert_idle(self, process.pid)
                    peer.close()
                    self.assert_ok(process.finish())

    def test_one_that_takes_nothing_is_status_10(self):
        with open("/dev/full", "wb") as full, server(stdout=full) as process, \
                clients(process, 2) as (peer, other):
            wait_accepted(process, peer, other)
            peer.sendall(b"lost\n")
            result = process.finish()
        self.assert_status(10, result)
        self.assertEqual(5, serve.served(result)["unwritten_bytes"])

    def test_a_file_that_may_grow_no_more_is_status_10_and_has_what_fitted(self):
        path = f"{self.tmp}/out"
        with open(path, "wb") as out, \
                server(stdout=out, preexec_fn=lambda: ends.limit_file_size(1000)) as process, \
                clients(process, 1) as (peer,):
            peer.sendall(b"x" * 1500)
            result = process.finish()
        self.assert_status(10, result)
        self.assertEqual(1000, os.path.getsize(path))
        self.assertEqual(500, serve.served(result)["unwritten_bytes"])

    def test_a_closed_stdout_is_status_10_once_there_is_something_to_write(self):
        with server(closed=[1]) as process, clients(process, 1) as (peer,):
            peer.sendall(b"x")
            self.assert_status(10, process.finish())


if __name__ == "__main__":
    tool.main()
