# SPDX-License-Identifier: MIT
"""Drops and SYN cookies, compared with the kernel's own counters of a namespace."""

import contextlib
import signal
import socket

import ends
import netns
import tool

SERVER = ("10.77.0.2", 9000)


class Drops(netns.TestCase):
    def counter(self, name):
        """One of /proc/net/netstat's TcpExt counters in the server's namespace."""
        lines = [line.split() for line in self.world.sh("s", "cat /proc/net/netstat").split("\n")
                 if line.startswith("TcpExt:")]
        return int(dict(zip(*lines))[name])

    def client(self, stack):
        with self.world.inside("c"):
            sock = stack.enter_context(socket.socket())
        sock.setblocking(False)
        sock.connect_ex(SERVER)
        return sock

    def test_the_drops_are_the_namespaces_listen_drops(self):
        before = self.counter("ListenDrops")
        with contextlib.ExitStack() as stack:
            process = stack.enter_context(
                self.world.tool("s", "listen", "--hold", "forever", "--watch=10ms", "-b", 1, 9000))
            process.wait_for("^queue 0/1$")
            for _ in range(6):
                self.client(stack)
            process.wait_for(r"^queue 2/1, [4-9]\d* segments dropped$")
            process.wait_for(r"^note accept queue overflow on \[::\]:9000: queue 2/1, ")
            self.filter("c", "output", "tcp dport 9000 drop")  # the counters stand still
            process.signal(signal.SIGINT)
            result = process.finish()
        found = self.assert_stderr(r"deepest queue 2, (\d+) segments dropped, ", result)
        self.assertEqual(self.counter("ListenDrops") - before, int(found[1]))

    def test_syn_cookies_are_seen_and_told(self):
        self.world.sh("s", "echo 1 > /proc/sys/net/ipv4/tcp_syncookies")
        # The handshakes of these do not end: their SYN,ACKs do not arrive.
        self.filter("c", "input", "tcp dport 40000-40010 drop")
        with contextlib.ExitStack() as stack:
            process = stack.enter_context(
                self.world.tool("s", "listen", "--recv-only", "--watch=10ms", "-b", 1, 9000))
            process.wait_for("^queue 0/1$")
            for port in range(40000, 40006):
                with self.world.inside("c"):
                    sock = stack.enter_context(socket.socket())
                sock.setblocking(False)
                sock.bind(("10.77.0.1", port))
                sock.connect_ex(SERVER)
            ends.wait_until(lambda: self.counter("SyncookiesSent") > 0, "a SYN cookie")
            process.wait_for(r"^note SYN cookies are being sent \(\d+ so far")
            process.wait_for("^  cause   a SYN queue is full")
            sock = self.client(stack)
            accepted = process.wait_for(r"^accepted 10\.77\.0\.1:.*$")
            self.assertNotIn("SYN:", accepted[0])
            sock.close()
            self.assert_ok(process.finish())

    def test_syn_cookies_that_are_always_sent_say_nothing(self):
        self.world.sh("s", "echo 2 > /proc/sys/net/ipv4/tcp_syncookies")
        with contextlib.ExitStack() as stack:
            process = stack.enter_context(
                self.world.tool("s", "listen", "--recv-only", "--watch=10ms", 9000))
            process.wait_for("^queue 0/")
            sock = self.client(stack)
            process.wait_for("^accepted ")
            sock.close()
            result = process.finish()
        self.assert_ok(result)
        self.assertGreater(self.counter("SyncookiesSent"), 0)
        self.assert_no_stderr("SYN cookies", result)

    def test_hops_are_counted_from_the_ttl(self):
        with self.world.tool("s", "listen", "-w", "20s", 9000) as process:
            process.wait_for("^listening on")
            with self.world.inside("c"), socket.socket() as sock:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 62)
                sock.connect(SERVER)
                process.wait_for(r" SYN: ttl 62 \(2 hops\), mss 1460, ")
            self.assert_ok(process.finish())


if __name__ == "__main__":
    tool.main()
