# SPDX-License-Identifier: MIT
"""Interfaces: link-local addresses with their zone, and -i. A cable joins c0 of c and s0 of s."""

import socket

import netns
import tool

C, S = "fe80::1", "fe80::2"


class Interface(netns.TestCase):
    def assert_session(self, listener, connector, listener_says, connector_says):
        """Data both ways between tcptool in s and in c; each says these words."""
        with self.world.tool("s", *listener, stdin=b"from s") as server:
            server.wait_for("^listening on ")
            client = self.world.run("c", *connector, stdin=b"from c")
            served = server.finish()
        for result, received, says in ((served, b"from c", listener_says),
                                       (client, b"from s", connector_says)):
            self.assert_ok(result)
            self.assert_stdout(received, result)
            for pattern in says:
                self.assert_stderr(pattern, result)

    def address(self, address):
        """One more address of c0, until the end of this test."""
        self.world.sh("c", f"ip addr add {address} dev c0 {'nodad' if ':' in address else ''}")
        self.addCleanup(self.world.sh, "c", f"ip addr del {address} dev c0")

    def test_link_local_addresses_have_their_zone_in_every_message_of_both_roles(self):
        serves = [r"^listening on \[fe80::2%s0\]:9000, ",
                  r"^accepted \[fe80::1%s0\]:\d+ -> \[fe80::2%s0\]:9000  \("]
        connects = [r"^connected \[fe80::1%c0\]:\d+ -> \[fe80::2%c0\]:9000  \("]
        for listener in (("fe80::2%s0", 9000), ("[fe80::2%s0]:9000",),
                         ("-i", "s0", "fe80::2", 9000)):
            for connector in (("fe80::2%c0", 9000), ("[fe80::2%c0]:9000",),
                              ("-i", "c0", "fe80::2", 9000)):
                with self.subTest(listener=listener, connector=connector):
                    self.assert_session(("listen", *listener), ("connect", *connector), serves,
                                        connects)

    def test_a_zone_may_be_the_interfaces_number(self):
        number = self.world.sh("c", "ip -o link show c0").partition(":")[0]
        self.assert_session(("listen", 9000), ("connect", f"fe80::2%{number}", 9000),
                            [r"^accepted \[fe80::1%s0\]:\d+ -> \[fe80::2%s0\]:9000  \("],
                            [r"^connected \[fe80::1%c0\]:\d+ -> \[fe80::2%c0\]:9000  \("])

    def test_a_link_local_source_has_a_zone_of_its_own_or_the_peers(self):
        self.address("fe80::11/64")
        for connector in (("-s", "fe80::11%c0", "fe80::2%c0"), ("-s", "fe80::11", "fe80::2%c0"),
                          ("-s", "fe80::11", "-i", "c0", "fe80::2")):
            with self.subTest(connector):
                self.assert_session(("listen", 9000), ("connect", *connector, 9000),
                                    [r"^accepted \[fe80::11%s0\]:\d+ -> "],
                                    [r"^connected \[fe80::11%c0\]:\d+ -> "])

    def test_a_link_local_address_that_fails_is_named_with_its_zone(self):
        self.assert_failures([
            (("connect", "fe80::2%c0", 9000), 6,
             r"connect \[fe80::2%c0\]:9000: connection refused \(RST",
             "transport", "nothing listens on port 9000 of fe80::2%c0, or a packet filter"),
            (("connect", "-w", "300ms", "fe80::99%c0", 9000), 5,
             r"connect \[fe80::99%c0\]:9000: host unreachable: no answer to neighbour discovery ",
             "link", "nobody on c0 answers for fe80::99%c0"),
            (("listen", "fe80::9%c0", 9000), 4,
             r"bind \[fe80::9%c0\]:9000: fe80::9%c0 is not an address of this host "
             r"\(EADDRNOTAVAIL\)$", "this host", "no interface of this host has the address"),
        ])

    def test_a_link_local_address_without_its_interface_is_a_usage_error(self):
        for arguments in (("connect", "fe80::2"), ("listen", "fe80::2"),
                          ("connect", "-s", "fe80::2", "::1")):
            result = self.world.run("c", *arguments, 9000)
            self.assert_usage(r"fe80::2 is a link-local address and needs its interface", result)

    def test_i_binds_a_connection_to_its_interface(self):
        self.assert_session(("listen", 9000), ("connect", "-i", "c0", "10.77.0.2", 9000),
                            [r"^accepted 10\.77\.0\.1:\d+ -> 10\.77\.0\.2:9000  \("],
                            [r"^connected 10\.77\.0\.1:\d+ -> 10\.77\.0\.2:9000  \("])
        # Loopback is not behind c0.
        with self.world.server("c", "127.0.0.1", 9000):
            self.assert_status(5, self.world.run("c", "connect", "-w", "300ms", "-i", "c0",
                                                 "127.0.0.1", 9000))

    def test_i_binds_a_listener_to_its_interface(self):
        with self.world.tool("s", "listen", "-i", "s0", 9000, stdin=b"over s0") as server:
            server.wait_for(r"^listening on \[::\]:9000")
            self.assert_status(6, self.world.run("s", "connect", "-z", "127.0.0.1", 9000))
            result = self.world.run("c", "connect", "10.77.0.2", 9000)
            self.assert_ok(result)
            self.assert_stdout(b"over s0", result)
            self.assert_ok(server.finish())

    def test_a_dual_stack_listener_shows_ipv4_clients_as_ipv4(self):
        for address, shown in (("10.77.0.2", r"10\.77\.0\.1:\d+ -> 10\.77\.0\.2:9000"),
                               ("2001:db8:77::2",
                                r"\[2001:db8:77::1\]:\d+ -> \[2001:db8:77::2\]:9000")):
            self.assert_session(("listen", 9000), ("connect", address, 9000),
                                [rf"^accepted {shown}  \("], [rf"^connected {shown}  \("])

    def test_a_source_address_is_the_one_the_peer_sees(self):
        self.address("10.77.0.11/24")
        with self.world.server("s", "10.77.0.2", 9000) as server:
            with self.world.tool("c", "connect", "-s", "10.77.0.11", "10.77.0.2", 9000) as process:
                peer, (host, _) = server.accept()
                with peer:
                    self.assertEqual("10.77.0.11", host)
                    peer.shutdown(socket.SHUT_WR)
                    self.assert_ok(process.finish())


if __name__ == "__main__":
    tool.main()
