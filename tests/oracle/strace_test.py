# SPDX-License-Identifier: MIT
"""Our trace is complete and exact: in each scenario it tells what `strace -f` tells."""

import contextlib
import functools
import os
import pty
import signal
import socket
import struct
import time
import unittest

import ends
import oracle
import serve
import tool

LOOPBACK = {"v4": "127.0.0.1", "v6": "::1"}


def scenario(test):
    """Decorates a test that runs one scenario and returns its Result."""
    @functools.wraps(test)
    def wrapper(self):
        result = test(self)
        oracle.assert_agrees(self, self.tmp, result)
    return wrapper


@unittest.skipIf(oracle.unfit(), oracle.unfit())
class Strace(tool.TestCase):
    def tool(self, command, *args, before=(), verbose="-v", **keywords):
        """A Tool under strace, tracing itself."""
        return tool.Tool(command, *oracle.trace_args(self.tmp, verbose), *args,
                         under=[*before, *oracle.under(self.tmp)], **keywords)

    @contextlib.contextmanager
    def connected(self, *args, family="v4", **keywords):
        """tcptool connect, and the peer that it reached."""
        kind = socket.AF_INET6 if family == "v6" else socket.AF_INET
        with socket.create_server((LOOPBACK[family], 0), family=kind) as listener:
            listener.settimeout(10 * tool.PATIENCE)
            port = listener.getsockname()[1]
            with self.tool("connect", *args, LOOPBACK[family], port, **keywords) as process:
                with listener.accept()[0] as peer:
                    peer.settimeout(10 * tool.PATIENCE)
                    yield process, peer

    @contextlib.contextmanager
    def listening(self, *args, **keywords):
        """tcptool listen, and the client that reached it."""
        with self.tool("listen", *args, **keywords) as process:
            port = ends.listening_port(process)
            with socket.create_connection(("127.0.0.1", port), 10 * tool.PATIENCE) as peer:
                yield process, peer

    def refused(self, *args, **keywords):
        with tool.refusing_port() as port:
            with self.tool("connect", *args, "127.0.0.1", port, **keywords) as process:
                return process.finish()

    @scenario
    def test_connect_over_ipv4_with_a_half_close(self):
        with self.connected(stdin=b"question\n\"\\\x00\x011\x1b\xff") as (process, peer):
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

    @scenario
    def test_with_the_bytes_and_telemetry(self):
        with self.connected(stdin=tool.PIPE, verbose="-vv") as (process, peer):
            for _ in range(3):
                process.send(b"x" * 1000)
                peer.sendall(ends.receive(peer, 1000))
                time.sleep(0.02)  # not to synchronise: TCP_INFO is read every 10 ms at most
            process.end_of_input()
            peer.close()
            return process.finish()

    @scenario
    def test_listen_over_ipv4_with_the_queue_watched(self):
        with self.listening("--watch", "127.0.0.1", 0, stdin=b"hello") as (process, peer):
            peer.sendall(b"x" * 100)
            peer.shutdown(socket.SHUT_WR)
            ends.read_until_end(peer)
            return process.finish()

    @scenario
    def test_listen_on_both_families_with_a_port_file(self):
        with self.listening("--port-file", f"{self.tmp}/port", 0) as (process, peer):
            peer.close()
            return process.finish()

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

    @scenario
    def test_a_reset(self):
        with self.connected(stdin=tool.PIPE) as (process, peer):
            process.send(b"x")
            peer.recv(1)
            ends.reset(peer)
            return process.finish()

    @scenario
    def test_much_data_both_ways(self):
        with self.connected(stdin=b"b" * 3_000_000, stdout=tool.HASH) as (process, peer):
            writer = ends.in_thread(lambda: peer.sendall(b"a" * 1_000_000))
            ends.receive(peer, 3_000_000)
            writer.join()
            peer.close()
            return process.finish()

    @scenario
    def test_so_much_both_ways_that_pipes_are_spliced(self):
        with self.connected(stdin=b"b" * 4_000_000, stdout=tool.HASH) as (process, peer):
            writer = ends.in_thread(lambda: peer.sendall(b"a" * 4_000_000))
            self.assertEqual(4_000_000, len(ends.read_until_end(peer)[0]))
            writer.join()
            peer.close()
            return self.told(process.finish(), "splice", "fcntl")

    @scenario
    def test_a_large_file_that_is_sent_and_much_that_is_discarded(self):
        path = ends.written(f"{self.tmp}/in", "from a file\n" * 400_000)
        with open(path, "rb") as given:
            with self.connected(stdin=given, stdout=tool.DEVNULL) as (process, peer):
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

    @scenario
    def test_a_signal(self):
        with self.connected(stdin=tool.PIPE) as (process, peer):
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

    @scenario
    def test_stdin_a_file_and_stdout_a_file(self):
        path = ends.written(f"{self.tmp}/in", "from a file\n" * 20_000)
        with open(path, "rb") as given, open(f"{self.tmp}/out", "wb") as taken:
            with self.connected(stdin=given, stdout=taken) as (process, peer):
                ends.read_until_end(peer)
                peer.sendall(b"back\n")
                peer.close()
                return process.finish()

    @scenario
    def test_stdin_and_stdout_a_socket(self):
        ours, its = socket.socketpair()
        with ours, its, self.connected(stdin=its, stdout=its) as (process, peer):
            ours.sendall(b"x")
            ours.shutdown(socket.SHUT_WR)
            ends.read_until_end(peer)
            peer.sendall(b"y")
            peer.close()
            return process.finish()

    @scenario
    def test_stdin_and_stdout_a_terminal(self):
        master, slave = pty.openpty()
        try:
            with self.connected(stdin=slave, stdout=slave) as (process, peer):
                os.write(master, b"typed\n")
                peer.recv(6)
                peer.sendall(b"answer\n")
                peer.close()
                return process.finish()
        finally:
            os.close(master)
            os.close(slave)

    @scenario
    def test_stdin_closed_at_the_start(self):
        with self.connected(closed=[0]) as (process, peer):
            peer.close()
            return process.finish()

    @scenario
    def test_recv_only_with_a_linger(self):
        with self.connected("--recv-only", "--linger", "50ms") as (process, peer):
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 5))
            peer.sendall(b"x")
            peer.close()
            return process.finish()

    @scenario
    def test_keep_open_with_two_clients(self):
        with self.tool("listen", "-k", "127.0.0.1", 0, stdin=tool.PIPE) as process:
            process.port = ends.listening_port(process)
            with serve.clients(process, 2) as peers:
                serve.wait_accepted(process, *peers)
                process.send(b"to all\n")
                for peer in peers:
                    self.assertEqual(b"to all\n", ends.receive(peer, 7))
                    peer.sendall(b"from one\n")
                process.wait_for_stdout(b"from one\nfrom one\n")
                process.end_of_input()
                peers[0].close()
                process.wait_for('"type":"client-closed"')
                process.signal(signal.SIGTERM)
                ends.read_until_end(peers[1])
                peers[1].close()
                return process.finish()

    @scenario
    def test_keep_open_with_a_command(self):
        with self.tool("listen", "-k", "127.0.0.1", 0, "--", "cat") as process:
            process.port = ends.listening_port(process)
            for _ in range(2):
                with serve.clients(process, 1) as (peer,):
                    peer.sendall(b"x")
                    peer.shutdown(socket.SHUT_WR)
                    self.assertEqual((b"x", False), ends.read_until_end(peer))
            process.wait_for('("type":"command-ended"[^$]*){2}')
            process.signal(signal.SIGINT)
            return process.finish()

    @scenario
    def test_serve_echo(self):
        with self.tool("listen", "-k", "--serve", "echo", "127.0.0.1", 0) as process:
            process.port = ends.listening_port(process)
            with serve.clients(process, 2) as peers:
                for peer in peers:
                    peer.sendall(b"x" * 1000)
                    ends.receive(peer, 1000)
                peers[0].close()
                ends.reset(peers[1])
                process.wait_for('("type":"client-closed"[^$]*){2}')
                process.signal(signal.SIGINT)
                return process.finish()

    @scenario
    def test_listen_that_times_out(self):
        with self.tool("listen", "-w", "50ms", "127.0.0.1", 0) as process:
            return process.finish()

    @scenario
    def test_an_address_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            with self.tool("listen", "127.0.0.1", taken.getsockname()[1]) as process:
                return process.finish()


if __name__ == "__main__":
    tool.main()
