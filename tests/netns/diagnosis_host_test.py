# SPDX-License-Identifier: MIT
"""Causes on this host itself: nothing has left it. One fault a test; status 4."""

import contextlib
import os
import socket

import causes
import ends
import tool

SERVER = "10.77.0.2"


class ThisHost(causes.TestCase):
    def set_to(self, key, value):
        """A file below /proc/sys/net, until the end of this test."""
        path = f"/proc/sys/net/{key}"
        before = self.world.sh("c", f"cat {path}").strip()
        self.world.sh("c", f"echo '{value}' > {path}")
        self.addCleanup(self.world.sh, "c", f"echo '{before}' > {path}")

    def assert_here(self, arguments, cause, words, **keywords):
        return self.assert_cause(arguments, 4, cause, "this host", words, **keywords)

    def test_a_port_of_another_listener(self):
        with self.world.server("c", "127.0.0.1", 9000):
            self.assert_here(("listen", 9000), "port-in-use",
                             r"^  cause   .* already listens on 127\.0\.0\.1:9000$")
            self.assert_here(("connect", "-s", "127.0.0.1:9000", "127.0.0.1", 9001), "port-in-use",
                             r"^tcptool: connect .*: bind 127\.0\.0\.1:9000: the address is in use")

    def test_a_port_of_ones_own_listener_with_its_process(self):
        with self.world.tool("c", "listen", "127.0.0.1", 9000) as process:
            process.wait_for("^listening on")
            self.assert_here(("listen", 9000), "port-in-use",
                             rf"^  cause   process {process.pid} \(.*\) of uid 0 already listens")

    def test_a_port_that_another_uid_shares_with_its_own_alone(self):
        with self.world.inside("c"), socket.socket() as held:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            os.fchown(held.fileno(), 1234, -1)
            held.bind(("127.0.0.1", 9000))
            held.listen()
            self.assert_here(("listen", "-o", "SO_REUSEPORT", "127.0.0.1", 9000), "port-in-use",
                             "^  cause   a process of uid 1234 already listens .* SO_REUSEPORT "
                             "shares a port among sockets of one uid alone, and ours is 0 ")
            os.fchown(held.fileno(), 0, -1)
            self.assert_here(("listen", "127.0.0.1", 9000), "port-in-use", r":9000$")
        with self.world.server("c", "127.0.0.1", 9000):
            self.assert_here(("listen", "-o", "SO_REUSEPORT", "127.0.0.1", 9000), "port-in-use",
                             "; it was bound without SO_REUSEPORT, which all sockets that share ")

    def test_a_port_that_is_bound_and_does_not_listen(self):
        with self.world.inside("c"), socket.socket() as held:
            held.bind(("127.0.0.1", 9000))
            self.assert_here(("listen", "127.0.0.1", 9000), "port-in-use",
                             "bound without listening, so that no table shows it")

    def test_a_listener_elsewhere_does_not_take_the_blame(self):
        with self.world.inside("c"), socket.socket() as held:
            held.bind(("127.0.0.1", 9000))
            with self.world.server("c", "10.77.0.1", 9000):
                self.assert_here(("listen", "127.0.0.1", 9000), "port-in-use",
                                 "bound without listening, so that no table shows it")

    def test_a_source_port_of_a_connection(self):
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(self.world.server("s", SERVER, 9000))
            with self.world.inside("c"):
                stack.enter_context(socket.create_connection(
                    server.getsockname(), 10, source_address=("10.77.0.1", 4567)))
            self.assert_here(("listen", "10.77.0.1", 4567), "source-port-in-use",
                             "^  cause   a connection of .* uses port 4567$")

    def test_a_source_port_with_a_connection_to_the_same_peer(self):
        with self.world.server("s", SERVER, 9000):
            with self.world.tool("c", "connect", "-p", 4569, SERVER, 9000,
                                 stdin=tool.PIPE) as process:
                process.wait_for("^connected")
                self.assert_here(("connect", "-p", 4569, SERVER, 9000), "source-port-in-use",
                                 "has a connection from port 4569 to the same place already$")

    def test_a_port_in_time_wait_with_what_is_left_of_it(self):
        with self.world.server("s", SERVER, 9000) as server:
            with self.world.inside("c"):
                client = socket.create_connection(server.getsockname(), 10,
                                                  source_address=("10.77.0.1", 4568))
            with server.accept()[0] as peer:
                client.close()
                self.assertEqual(b"", tool.receive_all(peer))
            ends.wait_until(lambda: "4568" in self.world.sh("c", "ss -Htn state time-wait"),
                            "TIME-WAIT")
            self.assert_here(("connect", "-p", 4568, SERVER, 9000), "source-port-in-time-wait",
                             r"^  cause   .* port 4568 waits in TIME-WAIT for [\d.]+ s more")

    def test_a_privileged_port(self):
        self.set_to("ipv4/ip_unprivileged_port_start", 2000)
        self.assert_here(("listen", 1999), "privileged-port",
                         "a port below 2000 needs the capability CAP_NET_BIND_SERVICE")

    def test_an_address_of_somebody_else(self):
        self.assert_here(("listen", SERVER, 9000), "address-not-local",
                         rf"no interface of this host has the address {SERVER}$")

    def test_no_free_source_port(self):
        self.set_to("ipv4/ip_local_port_range", "40000 40000")
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(self.world.server("s", SERVER, 9000))
            with self.world.inside("c"):
                stack.enter_context(socket.create_connection(server.getsockname(), 10))
            self.assert_here(("connect", SERVER, 9000), "no-free-port",
                             "every local port .* is in use .*40000 40000")

    def test_no_descriptor_left(self):
        for limit in range(4, 12):
            result = self.world.run("c", "connect", "--json", SERVER, 9000,
                                    before=("prlimit", f"--nofile={limit}:{limit}"))
            if "invalid vptr" in result.stderr:
                self.skipTest("UBSan needs a descriptor of its own")
            if '"cause_id"' in result.stderr:
                break
        told = self.assert_told(result, 4, "descriptor-limit", "this host")
        self.assertIn(f"open descriptors as it may: RLIMIT_NOFILE is {limit}", told["cause"])

    def test_an_interface_that_does_not_exist(self):
        self.assert_here(("connect", "-i", "nosuch0", SERVER, 9000), "no-such-interface",
                         r"setsockopt SO_BINDTODEVICE=nosuch0: no such interface: nosuch0 \(ENODEV"
                         r"\)$")

    def test_an_option_that_takes_a_right(self):
        self.assert_here(("connect", "-o", "SO_MARK=1", SERVER, 9000), "option-refused",
                         r"\Atcptool: connect .*: setsockopt SO_MARK=1: operation not permitted "
                         r"\(EPERM\)$")
        self.assert_here(("listen", "-o", "SO_MARK=1", 9000), "option-refused",
                         r"\Atcptool: setsockopt SO_MARK=1: operation not permitted \(EPERM\)$")

    def test_an_option_whose_value_the_kernel_does_not_take(self):
        self.assert_here(("connect", "-o", "TCP_CONGESTION=nosuch", SERVER, 9000),
                         "option-refused", "the kernel refuses .*TCP_CONGESTION=nosuch$")

    def test_a_packet_filter_that_drops_what_is_sent(self):
        # Unlike a SYN that is rejected, one that is dropped here is sent again; EPERM comes from
        # the socket layer (BPF, LSM) alone: see diagnosis_internet_test for the reject.
        self.filter("c", "output", "tcp dport 9000 drop")
        for address in (SERVER, "2001:db8:77::2"):
            with self.subTest(address):
                result = self.world.run("c", "connect", "--json", "-w", "300ms", address, 9000)
                self.assert_status(7, result)  # before a counter could tell
                self.assertNotIn("filtered-here", result.stderr)
                self.assert_cause(("connect", "-w", "1600ms", address, 9000), 7, "filtered-here",
                                  "transport", r"\(the SYN, sent again once, was dropped each time "
                                               r"by this host itself\)$")

    def test_a_packet_filter_between_this_host_and_itself(self):
        for hook, words in (("output", "on its way out$"),
                            ("input", "on its way in, or the answer$")):
            for address in ("127.0.0.1", "10.77.0.1", "::1"):
                with self.subTest(hook, address=address):
                    self.filter("c", hook, "tcp dport 9000 drop")
                    self.assert_cause(("connect", "-w", "1600ms", address, 9000), 7,
                                      "filtered-here", "transport", f"drops the SYN {words}")
            self.world.filter("c", hook)

    def test_off_and_quiet_are_one_line(self):
        words = r"tcptool: bind 10\.77\.0\.2:9000: "
        for option, reason in ((("--diagnose", "off"), "cannot assign requested address"),
                               (("-q", ), "10.77.0.2 is not an address of this host")):
            with self.subTest(option):
                result = self.world.run("c", "listen", *option, SERVER, 9000)
                self.assert_status(4, result)
                self.assert_one_line(words + reason, result)


class WithoutIPv6(causes.TestCase):
    @staticmethod
    def build(world):
        world.pair()
        world.sh("c", "for scope in all default lo; do\n"
                      "echo 1 > /proc/sys/net/ipv6/conf/$scope/disable_ipv6; done")

    def test_ipv6_that_is_disabled(self):
        for arguments in (("connect", "2001:db8:77::2", 9000), ("listen", "-6", "::1", 9000)):
            with self.subTest(arguments):
                self.assert_cause(arguments, 4, "ipv6-disabled", "this host",
                                  "^  cause   IPv6 is disabled on this host")


if __name__ == "__main__":
    tool.main()
