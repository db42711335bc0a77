# SPDX-License-Identifier: MIT
"""Our trace is complete and exact: in each scenario it tells what `strace -f` tells."""

import functools
import os
import pty
import re
import signal
import socket
import struct
import time
import unittest

import ends
import oracle
import tool
from oracle import both_roles, scenario


@unittest.skipIf(oracle.unfit(), oracle.unfit())
class Strace(oracle.Scenarios):
    def refused(self, *args, **keywords):
        with tool.refusing_port() as port:
            with self.tool("connect", *args, "127.0.0.1", port, **keywords) as process:
                return process.finish()

    @both_roles
    def test_over_ipv4_with_a_half_close(self, connection):
        with connection(stdin=b"question\n\"\\\x00\x011\x1b\xff") as (process, peer):
            self.assertTrue(ends.read_until_end(peer))
            peer.sendall(b"answer\n")
            peer.close()
            return process.finish()

    @scenario
    def test_connect_over_ipv6(self):
        if not socket.has_ipv6:
            self.skipTest("no IPv6")
        with self.connected(family="v6", stdin=b"x") as (process, peer):
            peer.close()
            return process.finish()

    @both_roles
    def test_with_the_bytes_and_telemetry(self, connection):
        with connection(stdin=tool.PIPE, verbose="-vv") as (process, peer):
            # The kernel begins to stamp what arrives some time after it was asked to.
            for _ in range(100):
                if re.search('"type":"read"', process.stderr):
                    break
                process.send(b"x" * 1000)
                peer.sendall(ends.receive(peer, 1000))
                time.sleep(0.02)  # not to synchronise: TCP_INFO is read every 10 ms at most
            process.end_of_input()
            peer.close()
            result = process.finish()
            for kind in ("data", "tcp", "write", "read"):
                self.assertTrue(ends.of_all(result, kind), f"no {kind}{result}")
            return result

    @scenario
    def test_with_telemetry_over_ipv6(self):
        if not socket.has_ipv6:
            self.skipTest("no IPv6")
        with self.connected(family="v6", stdin=b"x", verbose="-vv") as (process, peer):
            ends.read_until_end(peer)
            peer.close()
            return process.finish()

    def test_in_a_file_of_json_with_telemetry(self):
        for connection in (self.connected, self.listening):
            with self.subTest(connection.__name__):
                with connection(stdin=b"b" * 4_000_000, stdout=tool.HASH, form=()) as both:
                    process, peer = both
                    writer = ends.in_thread(functools.partial(peer.sendall, b"a" * 4_000_000))
                    ends.read_until_end(peer)
                    writer.join()
                    peer.close()
                    result = process.finish()
                objects = oracle.assert_json_agrees(self, self.tmp, result)
                self.assertLessEqual({"start", "call", "tcp", "write"},
                                     {entry["type"] for entry in objects})
                self.assertIn("splice", {entry.get("call") for entry in objects})

    @scenario
    def test_refused(self):
        return self.refused()

    @scenario
    def test_check_alone(self):
        return self.refused("-z")

    @scenario
    def test_retry(self):
        return self.refused("--retry=2", "--retry-interval", "20ms")

    @scenario
    def test_timed_out(self):
        with ends.silent_port() as port:
            with self.tool("connect", "-w", "300ms", "127.0.0.1", port) as process:
                return process.finish()

    @scenario
    def test_several_addresses_of_which_the_first_refuses(self):
        hosts = ends.written(f"{self.tmp}/hosts", "127.0.0.2 many.test\n127.0.0.3 many.test\n")
        with socket.create_server(("127.0.0.3", 0)) as listener:
            with self.tool("connect", "many.test", listener.getsockname()[1],
                           before=ends.mounted(hosts, "/etc/hosts")) as process:
                listener.accept()[0].close()
                return process.finish()

    @scenario
    def test_a_name_that_does_not_exist(self):
        hosts = ends.written(f"{self.tmp}/nsswitch", "hosts: files\n")
        with self.tool("connect", "no.such.name.test", 9,
                       before=ends.mounted(hosts, "/etc/nsswitch.conf")) as process:
            return process.finish()

    @both_roles
    def test_a_reset(self, connection):
        with connection(stdin=tool.PIPE) as (process, peer):
            process.send(b"x")
            peer.recv(1)
            ends.reset(peer)
            return process.finish()

    @both_roles
    def test_much_data_both_ways(self, connection):
        with connection(stdin=b"b" * 3_000_000, stdout=tool.HASH) as (process, peer):
            writer = ends.in_thread(lambda: peer.sendall(b"a" * 1_000_000))
            ends.receive(peer, 3_000_000)
            writer.join()
            peer.close()
            return process.finish()

    @both_roles
    def test_much_that_goes_into_a_file(self, connection):
        with open(f"{self.tmp}/out", "wb") as taken:
            with connection(stdin=b"b" * 3_000_000, stdout=taken) as (process, peer):
                writer = ends.in_thread(lambda: peer.sendall(b"a" * 4_000_000))
                ends.receive(peer, 3_000_000)
                writer.join()
                peer.close()
                return self.told(process.finish(), "pipe2", "lseek", "splice")

    @both_roles
    def test_so_much_both_ways_that_pipes_are_spliced(self, connection):
        with connection(stdin=b"b" * 4_000_000, stdout=tool.HASH) as (process, peer):
            writer = ends.in_thread(lambda: peer.sendall(b"a" * 4_000_000))
            self.assertEqual(4_000_000, len(ends.read_until_end(peer)[0]))
            writer.join()
            peer.close()
            return self.told(process.finish(), "splice", "fcntl")

    @both_roles
    def test_a_large_file_that_is_sent_and_much_that_is_discarded(self, connection):
        path = ends.written(f"{self.tmp}/in", "from a file\n" * 400_000)
        with open(path, "rb") as given:
            with connection(stdin=given, stdout=tool.DEVNULL) as (process, peer):
                writer = ends.in_thread(lambda: peer.sendall(b"a" * 4_000_000))
                ends.read_until_end(peer)
                writer.join()
                peer.close()
                return self.told(process.finish(), "sendfile", "recv")

    def told(self, result, *calls):
        self.assertLessEqual(set(calls), {call["call"] for call in ends.of_all(result, "call")})
        return result

    @scenario
    def test_an_option_that_the_kernel_refuses(self):
        return self.refused("-o", "TCP_CONGESTION=nosuch")

    @scenario
    def test_options_of_every_kind(self):
        return self.refused("-o", "SO_LINGER=5", "-o", "TCP_USER_TIMEOUT=5s", "-o", "TCP_NODELAY",
                            "-o", "SO_RCVBUF=64k", "-o", "TCP_CONGESTION=reno", "-i", "lo",
                            "--keepalive", "10,5,3", "-s", "127.0.0.1")

    @both_roles
    def test_a_signal(self, connection):
        with connection(stdin=tool.PIPE) as (process, peer):
            process.send(b"x")
            peer.recv(1)
            os.kill(tool.family(process.pid)[1], signal.SIGTERM)
            return process.finish()

    @scenario
    def test_stopped_and_continued(self):
        with self.connected(stdin=tool.PIPE) as (process, peer):
            process.send(b"x")
            peer.recv(1)
            pid = tool.family(process.pid)[1]
            for number in (signal.SIGSTOP, signal.SIGCONT):
                ends.assert_idle(self, pid, 0.1)
                os.kill(pid, number)
            process.end_of_input()
            peer.close()
            return process.finish()

    @both_roles
    def test_stdin_a_file_and_stdout_a_file(self, connection):
        path = ends.written(f"{self.tmp}/in", "from a file\n" * 20_000)
        with open(path, "rb") as given, open(f"{self.tmp}/out", "wb") as taken:
            with connection(stdin=given, stdout=taken) as (process, peer):
                ends.read_until_end(peer)
                peer.sendall(b"back\n")
                peer.close()
                return process.finish()

    @both_roles
    def test_stdin_and_stdout_a_socket(self, connection):
        ours, its = socket.socketpair()
        with ours, its, connection(stdin=its, stdout=its) as (process, peer):
            ours.sendall(b"x")
            ours.shutdown(socket.SHUT_WR)
            ends.read_until_end(peer)
            peer.sendall(b"y")
            peer.close()
            return process.finish()

    @both_roles
    def test_stdin_and_stdout_a_terminal(self, connection):
        master, slave = pty.openpty()
        try:
            with connection(stdin=slave, stdout=slave) as (process, peer):
                os.write(master, b"typed\n")
                peer.recv(6)
                peer.sendall(b"answer\n")
                peer.close()
                return process.finish()
        finally:
            os.close(master)
            os.close(slave)

    @both_roles
    def test_stdin_closed_at_the_start(self, connection):
        with connection(closed=[0]) as (process, peer):
            peer.close()
            return process.finish()

    @both_roles
    def test_recv_only_with_a_linger(self, connection):
        with connection("--recv-only", "--linger", "50ms") as (process, peer):
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 5))
            peer.sendall(b"x")
            peer.close()
            return process.finish()


if __name__ == "__main__":
    tool.main()
