# SPDX-License-Identifier: MIT
"""Causes on the link: the SYN never left this host. One fault a test; status 5."""

import causes
import tool


class Link(causes.TestCase):
    def assert_link(self, arguments, cause, words, or_else=None):
        told, text = self.assert_cause(("connect", *arguments), 5, cause, "link", words, or_else)
        self.assertEqual([("link", "failed"), ("internet", "not reached"),
                          ("transport", "not reached"), ("application", "not reached")],
                         [(row["layer"], row["state"]) for row in told["layers"]], text)

    def slow(self, family):
        """The kernel is slow to give up: the SYN waits for the neighbour all the while."""
        setting = f"/proc/sys/net/{family}/neigh/c0/retrans_time_ms"
        before = self.world.sh("c", f"cat {setting}").strip()
        self.world.sh("c", f"echo 9000 > {setting}")
        self.addCleanup(self.world.sh, "c", f"echo {before} > {setting}")

    def test_an_interface_that_is_down(self):
        self.addCleanup(self.world.sh, "c", "ip link set c0 up\n"
                                            "ip addr add 2001:db8:77::1/64 dev c0 nodad\n"
                                            "ip addr add fe80::1/64 dev c0 nodad || true")
        self.world.sh("c", "ip link set c0 down")
        self.assert_link(("10.77.0.2", 9000), "interface-down",
                         "^  cause   interface c0, which leads to 10.77.0.2, is down$")
        self.assert_link(("-i", "c0", "10.77.0.2", 9000), "interface-down",
                         "^  cause   interface c0, to which -i binds, is down$")
        result = self.world.run("c", "connect", "10.98.0.1", 9000)
        self.assert_text(result, 5, "internet", "; c0 is down, and the routes by it are gone")

    def test_an_interface_without_a_carrier(self):
        self.addCleanup(self.world.sh, "s", "ip link set s0 up\n"
                                            "ip addr add 2001:db8:77::2/64 dev s0 nodad || true")
        self.world.sh("s", "ip link set s0 down")
        for address in ("10.77.0.2", "10.77.0.95"):
            _, text = self.assert_cause(
                ("connect", "-w", "2", address, 9000), 5, "neighbour-silent", "link",
                "^  link         failed       c0 has no carrier; no answer")
            self.assertIn("host unreachable: interface c0 has no carrier\n", text)

    def test_nobody_answers_arp(self):
        self.assert_link(("10.77.0.99", 9000), "neighbour-silent",
                         "no answer to ARP for 10.77.0.99 on c0; the SYN never left this host$")

    def test_nobody_answers_neighbour_discovery(self):
        self.assert_link(("2001:db8:77::99", 9000), "neighbour-silent",
                         "no answer to neighbour discovery for 2001:db8:77::99 on c0; the SYN")

    def test_a_link_local_neighbour_that_is_silent(self):
        self.assert_link(("-w", "4", "fe80::dead%c0", 9000), "neighbour-silent",
                         "no answer to neighbour discovery for fe80::dead%c0 on c0; ")

    def test_a_lo_that_is_down(self):
        self.addCleanup(self.world.sh, "c", "ip link set lo up")
        self.world.sh("c", "ip link set lo down")
        self.assert_link(("-w", "500ms", "127.0.0.1", 9000), "interface-down",
                         "^  try     ip link set lo up$")

    def test_the_time_runs_out_on_a_silent_neighbour(self):
        for family, address in (("ipv4", "10.77.0.98"), ("ipv6", "2001:db8:77::98")):
            self.slow(family)
            with self.subTest(family):
                self.assert_link(("-w", "300ms", address, 9000), "neighbour-silent",
                                 f"nobody on c0 answers for {address}.* its answer, got lost$",
                                 or_else="filtered-or-down")

    def test_a_gateway_that_is_not_there(self):
        self.world.sh("c", "ip route add 10.98.0.0/16 via 10.77.0.97\n"
                           "ip -6 route add 2001:db8:98::/48 via 2001:db8:77::97")
        for address in ("10.98.0.1", "2001:db8:98::1"):
            with self.subTest(address):
                self.assert_link((address, 9000), "neighbour-silent",
                                 f"^  cause   the gateway to {address} is not there: nobody on c0 ")

    def test_active_sends_no_syn_where_none_can_leave(self):
        result = self.world.run("c", "connect", "--diagnose", "active", "10.77.0.96", 9000)
        self.assert_text(result, 5, "link", "no answer to ARP")
        self.assert_no_stderr("^probe ", result)


if __name__ == "__main__":
    tool.main()
