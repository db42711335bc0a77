# SPDX-License-Identifier: MIT
"""Listening, for one client and for many, our trace tells what `strace -f` tells."""

import os
import signal
import socket
import unittest

import ends
import oracle
import serve
import tool
from oracle import scenario


@unittest.skipIf(oracle.unfit(), oracle.unfit())
class Listen(oracle.Scenarios):
    @scenario
    def test_listen_over_ipv4_with_the_queue_watched(self):
        with self.listening("--watch", stdin=b"hello") as (process, peer):
            peer.sendall(b"x" * 100)
            peer.shutdown(socket.SHUT_WR)
            ends.read_until_end(peer)
            return process.finish()

    @scenario
    def test_listen_on_both_families_with_a_port_file(self):
        with self.listening("--port-file", f"{self.tmp}/port", address=[0]) as (process, peer):
            peer.close()
            return process.finish()

    @scenario
    def test_keep_open_with_three_clients(self):
        return self.three_clients("-v")

    @scenario
    def test_keep_open_with_three_clients_and_telemetry(self):
        return self.three_clients("-vv")

    def three_clients(self, verbose):
        with self.tool("listen", "-k", "127.0.0.1", 0, stdin=tool.PIPE, verbose=verbose) as process:
            process.port = ends.listening_port(process)
            with serve.clients(process, 3) as peers:
                serve.wait_accepted(process, *peers)
                process.send(b"to all\n")
                for peer in peers:
                    self.assertEqual(b"to all\n", ends.receive(peer, 7))
                    peer.sendall(b"from one\n")
                process.wait_for_stdout(b"from one\n" * 3)
                process.end_of_input()
                peers[0].close()
                process.wait_for('"type":"client-closed"')
                ends.reset(peers[1])
                serve.wait_told(process, "client-closed", 2)
                process.signal(signal.SIGTERM)
                ends.read_until_end(peers[2])
                peers[2].close()
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
            serve.wait_told(process, "command-ended", 2)
            with serve.clients(process, 1) as (cut_short,):
                cut_short.sendall(b"x")
                self.assertEqual(b"x", ends.receive(cut_short, 1))
                _strace, tcptool, _cat = tool.family(process.pid)
                os.kill(tcptool, signal.SIGINT)
                self.assertEqual((b"", True), ends.read_until_end(cut_short))
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
                serve.wait_told(process, "client-closed", 2)
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
