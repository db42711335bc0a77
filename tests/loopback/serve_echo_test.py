# SPDX-License-Identifier: MIT
"""listen --serve echo and --serve discard: many clients, each of them its own."""

import hashlib
import os
import random
import resource
import selectors
import signal
import socket

import ends
import serve
import tool
from serve import clients, server, wait_accepted

CLIENTS = int(os.environ.get("TCPTOOL_TEST_CLIENTS") or 500)


class Crowd:
    """Clients that each send their own bytes and read their echo, all in one loop."""

    FULL, HALF_CLOSE, RESET, SILENT = range(4)

    class Member:
        def __init__(self, number, port):
            self.kind = (Crowd.FULL, Crowd.HALF_CLOSE, Crowd.RESET, Crowd.HALF_CLOSE,
                         Crowd.SILENT)[number % 5]
            source = random.Random(number)
            self.data = source.randbytes(source.randrange(1, 20_000))
            if self.kind == Crowd.SILENT:
                self.data = b""
            self.sent, self.echo = 0, bytearray()
            self.socket = socket.socket()
            self.socket.setblocking(False)
            # As many addresses as there need be for the ports.
            self.socket.bind((f"127.0.0.{2 + number // 10_000}", 0))
            self.socket.connect_ex(("127.0.0.1", port))

    def __init__(self, port, count):
        self.members = [self.Member(number, port) for number in range(count)]
        self.wrong = []

    def run(self):
        with selectors.DefaultSelector() as selector:
            for member in self.members:
                selector.register(member.socket, selectors.EVENT_WRITE, member)
            while selector.get_map():
                ready = selector.select(20 * tool.PATIENCE)
                if not ready:
                    raise tool.Failure(f"{len(selector.get_map())} clients wait for ever")
                for key, events in ready:
                    self.step(selector, key.data, events)
        return self.wrong

    def step(self, selector, member, events):
        if events & selectors.EVENT_WRITE and member.sent < len(member.data):
            member.sent += member.socket.send(member.data[member.sent:])
        if member.sent < len(member.data):
            if not events & selectors.EVENT_READ:
                selector.modify(member.socket,
                                selectors.EVENT_READ | selectors.EVENT_WRITE, member)
                return
        elif events & selectors.EVENT_WRITE:
            if member.kind in (self.HALF_CLOSE, self.SILENT):
                member.socket.shutdown(socket.SHUT_WR)
            elif member.kind == self.RESET:
                self.leave(selector, member, ends.reset)
                return
            selector.modify(member.socket, selectors.EVENT_READ, member)
        if events & selectors.EVENT_READ:
            data = member.socket.recv(1 << 16)
            member.echo += data
            over = not data or (member.kind == self.FULL and len(member.echo) == len(member.data))
            if over:
                if hashlib.sha256(member.echo).digest() != hashlib.sha256(member.data).digest():
                    self.wrong.append(member)
                self.leave(selector, member, socket.socket.close)

    @staticmethod
    def leave(selector, member, how):
        selector.unregister(member.socket)
        how(member.socket)


class Echo(tool.TestCase):
    def test_a_crowd_with_resets_and_half_closes_has_its_echo_unaltered(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard < CLIENTS + 100:
            self.skipTest(f"only {hard} descriptors")
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        with server("--serve", "echo", stdout=tool.DEVNULL) as process:
            crowd = Crowd(process.port, CLIENTS)
            self.assertEqual([], crowd.run())
            process.signal(signal.SIGTERM)
            result = process.finish()
        end = serve.served(result)
        sent = sum(len(member.data) for member in crowd.members if member.kind != Crowd.RESET)
        self.assertEqual(CLIENTS, end["accepted"])
        self.assertEqual(CLIENTS, end["complete"] + end["lost"] + end["cut_short"])
        self.assertLessEqual(end["lost"], CLIENTS // 5)
        self.assertGreaterEqual(end["received_bytes"], sent)

    def test_much_data_both_ways_at_once(self):
        size = tool.bulk(16 << 20)
        digest = tool.random_file(f"{self.tmp}/data", size)
        with open(f"{self.tmp}/data", "rb") as data, server("--serve", "echo") as process, \
                clients(process, 1) as (peer,):
            sender = ends.in_thread(lambda: (peer.sendfile(data), peer.shutdown(socket.SHUT_WR)))
            self.assertEqual((size, digest), tool.sha256_of(peer))
            sender.join()

    def test_a_client_that_never_reads_its_echo_waits_for_itself_alone(self):
        with server("--serve", "echo") as process, clients(process, 2) as (stuck, fine):
            before = ends.memory(process.pid)
            sent = ends.fill(stuck)
            ends.assert_grown_less(self, process.pid, before, 1 << 20)
            ends.assert_idle(self, process.pid)
            fine.sendall(b"fine")
            self.assertEqual(b"fine", ends.receive(fine, 4))
            stuck.shutdown(socket.SHUT_WR)
            self.assertEqual((sent, False),
                             (lambda data, was_reset: (len(data), was_reset))(
                                 *ends.read_until_end(stuck)))

    def test_one_that_resets_while_it_is_owed_its_echo_is_a_line(self):
        with server("--serve", "echo") as process, clients(process, 2) as (stuck, fine):
            ends.fill(stuck)
            ends.reset(stuck)
            process.wait_for('"type":"client-closed".*"connection lost"')
            fine.sendall(b"fine")
            self.assertEqual(b"fine", ends.receive(fine, 4))

    def test_without_keep_open_one_client_is_the_run(self):
        for how, status in ((socket.socket.close, 0), (ends.reset, 8)):
            with self.subTest(how=how.__name__), \
                    server("--serve", "echo", keep_open=False) as process, \
                    clients(process, 1) as (peer,):
                peer.sendall(b"x")
                self.assertEqual(b"x", ends.receive(peer, 1))
                how(peer)
                self.assert_status(status, process.finish())

    def test_stdin_and_stdout_are_left_alone(self):
        read_end, write_end = os.pipe()
        with open(read_end, "rb") as stdin, open(write_end, "wb", buffering=0) as writer:
            writer.write(b"not ours")
            with server("--serve", "echo", stdin=stdin) as process, \
                    clients(process, 1) as (peer,):
                peer.sendall(b"x")
                self.assertEqual(b"x", ends.receive(peer, 1))
                self.assertEqual(8, ends.unread(stdin))
                process.signal(signal.SIGINT)
                self.assert_stdout(b"", process.finish())


class Discard(tool.TestCase):
    def test_it_takes_everything_and_answers_nothing(self):
        size = tool.bulk(8 << 20)
        with server("--serve", "discard") as process, clients(process, 2) as (first, second):
            wait_accepted(process, first, second)
            for peer in (first, second):
                peer.sendall(b"x" * size)
                peer.shutdown(socket.SHUT_WR)
                self.assertEqual((b"", False), ends.read_until_end(peer))
            process.signal(signal.SIGTERM)
            result = process.finish()
        self.assert_stdout(b"", result)
        self.assertEqual((2 * size, 0), (serve.served(result)["received_bytes"],
                                         serve.served(result)["sent_bytes"]))


if __name__ == "__main__":
    tool.main()
