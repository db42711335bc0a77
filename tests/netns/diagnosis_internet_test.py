# SPDX-License-Identifier: MIT
"""Causes on the internet layer: routes, routers, and packet filters that say so. One a test.

c -- r -- s, as in unreachable_test.py, which has every ICMP code.
"""

import time

import causes
import tool

SERVER, SERVER6 = "10.77.2.2", "2001:db8:2::2"
ROUTER = "10.77.1.1"
ACTIVE = ("--diagnose", "active")


class Internet(causes.TestCase):
    @staticmethod
    def build(world):
        world.routed()

    def assert_internet(self, arguments, cause, words, or_else=None):
        return self.assert_cause(("connect", *arguments), 5, cause, "internet", words, or_else)

    def reject(self, name, hook, word, word6):
        self.filter(name, hook, f"meta nfproto ipv4 tcp dport 9000 reject with icmp type {word}",
                    f"meta nfproto ipv6 tcp dport 9000 reject with icmpv6 type {word6}")

    def test_no_route(self):
        self.world.sh("c", "ip route del default\nip -6 route del default")
        self.addCleanup(self.world.sh, "c", f"ip route add default via {ROUTER}\n"
                                            "ip -6 route add default via 2001:db8:1::1")
        for address in (SERVER, SERVER6):
            with self.subTest(address):
                self.assert_internet((address, 9000), "no-route",
                                     f"^  cause   this host has no route to {address}, and no def")

    def test_an_address_of_no_single_host(self):
        for address, kind in (("224.0.0.1", "multicast"), ("255.255.255.255", "broadcast"),
                              ("10.77.1.255", "broadcast"), ("ff02::1", "multicast")):
            with self.subTest(address):
                self.assert_internet((address, 9000), "not-unicast",
                                     f"^  cause   TCP connects to one host alone, and {address} "
                                     f"is a {kind} address")

    def test_an_interface_without_a_route_there(self):
        self.world.sh("c", "ip link add other type veth peer name other2\n"
                           "ip addr add 10.78.0.1/24 dev other\n"
                           "ip addr add 2001:db8:78::1/64 dev other nodad\n"
                           "echo 300 > /proc/sys/net/ipv4/neigh/other/retrans_time_ms\n"
                           "ip link set other up\nip link set other2 up")
        self.addCleanup(self.world.sh, "c", "ip link del other")
        # c's own address: there are no routes to it but by c0.
        for address in (SERVER, SERVER6, "10.77.1.2"):
            with self.subTest(address):
                told, _ = self.assert_internet(("-i", "other", address, 9000), "not-by-interface",
                                               f"^  cause   interface other has no route to "
                                               f"{address}: its route goes by (c0|lo)$")
                self.assertEqual(["unknown", "failed"], [row["state"]
                                                         for row in told["layers"][:2]])
        for interface, address, other in (("lo", SERVER, "c0"), ("c0", "127.0.0.1", "lo")):
            arguments = ("connect", "-w", "300ms", "-i", interface, address, 9000)
            self.assert_cause(arguments, 5, "not-by-interface", "internet",
                              f"{interface} has no route .* goes by {other}$")
            for more in (("--diagnose", "off"), ("--parallel", 2)):
                self.assert_status(5, self.world.run("c", *arguments, *more))
        # With a route of its own there it is the neighbour that is missing.
        self.world.sh("c", "ip route add 10.77.2.0/24 via 10.78.0.9 dev other metric 9")
        result = self.world.run("c", "connect", "--json", "-i", "other", SERVER, 9000)
        self.assert_told(result, 5, "neighbour-silent", "link")

    def test_a_route_of_this_host_that_refuses(self):
        for number, kind in enumerate(("unreachable", "prohibit", "blackhole"), 1):
            for net, host in ((f"10.9{number}.0.0/16", f"10.9{number}.0.1"),
                              (f"2001:db8:9{number}::/48", f"2001:db8:9{number}::1")):
                with self.subTest(net):
                    self.world.sh("c", f"ip route add {kind} {net}")
                    told, _ = self.assert_internet((host, 9000), f"route-{kind}",
                                                   f"the route {kind} {net} of this host ")
                    self.assertEqual("unknown", told["layers"][0]["state"])
        for source, host in (("10.77.1.2", "10.93.0.1"), ("2001:db8:1::2", "2001:db8:93::1")):
            self.assert_internet(("-s", source, host, 9000), "route-blackhole",
                                 "the route blackhole ")

    def test_a_route_that_leads_back_into_this_host(self):
        self.world.sh("c", "ip route add 10.94.0.0/16 dev lo")
        arguments = ("-w", "300ms", "10.94.0.1", 9000)
        self.assert_internet(arguments, "route-blackhole",
                             "^  cause   the route 10.94.0.0/16 on lo leads back into this host, "
                             "which does not have 10.94.0.1 and")
        self.assert_status(5, self.world.run("c", "connect", "--diagnose", "off", *arguments))

    def test_a_packet_filter_on_this_host(self):
        self.reject("c", "output", "admin-prohibited", "admin-prohibited")
        for address in (SERVER, SERVER6):
            with self.subTest(address):
                self.assert_internet((address, 9000), "rejected-here",
                                     "^  transport    not reached  no SYN has left this host$")

    def test_a_packet_filter_on_the_destination(self):
        self.reject("s", "input", "port-unreachable", "port-unreachable")
        for address in (SERVER, SERVER6):
            with self.subTest(address):
                self.assert_internet((address, 9000), "rejected-by-host",
                                     f"a packet filter on {address} itself rejects the connection "
                                     r"\(a closed port would answer with RST, not ICMP\), "
                                     "or one behind it, if it passes the port on$")

    def test_a_packet_filter_on_a_router(self):
        self.reject("r", "forward", "admin-prohibited", "admin-prohibited")
        for address in (SERVER, SERVER6):
            with self.subTest(address):
                self.assert_internet((address, 9000), "rejected-on-the-way",
                                     f"rejects the connection .*: {address} never saw the SYN$")

    def test_a_router_that_says_host_unreachable_at_once_leaves_two_causes(self):
        self.reject("r", "forward", "host-unreachable", "addr-unreachable")
        for address in (SERVER, SERVER6):
            with self.subTest(address):
                self.assert_internet((address, 9000), "rejected-on-the-way",
                                     "by a rule, .* or it has just asked for the host in vain",
                                     or_else="unreachable-on-the-way")

    def test_active_finds_that_host_up_so_that_it_is_the_filter(self):
        self.reject("r", "forward", "host-unreachable", "addr-unreachable")
        for address in (SERVER, SERVER6):
            with self.subTest(address):
                _, text = self.assert_internet(
                    (*ACTIVE, address, 9000), "rejected-on-the-way",
                    rf"^  cause   {address} is up \(port 443 answered\), so router .* by a rule")
                self.assertRegex(text, r"(?m)^probe path to .* by TTL: 1 \S+ \([^,]*\), "
                                       r"2 \S+ \(.*\): (host|address) unreachable$")
                self.assertRegex(text, r"(?m)^probe SYN to .*:443: RST after ")

    def test_a_host_that_is_not_there_behind_a_router(self):
        self.world.sh("r", "ip neigh flush all")
        for address in ("10.77.2.99", "2001:db8:2::99"):
            with self.subTest(address):
                self.assert_internet((address, 9000), "unreachable-on-the-way",
                                     f"got no answer from {address} on its link: the host is down")

    def test_a_router_without_a_way_to_the_network(self):
        self.reject("r", "forward", "net-unreachable", "no-route")
        for address in (SERVER, SERVER6):
            with self.subTest(address):
                self.assert_internet((address, 9000), "unreachable-on-the-way",
                                     f"^  cause   router .* has no way to the network of {address}"
                                     "; a packet filter there may say so as well$",
                                     or_else="rejected-on-the-way")

    def test_active_finds_that_the_router_has_a_way_so_that_it_is_its_filter(self):
        self.reject("r", "forward", "net-unreachable", "no-route")
        for address in (SERVER, SERVER6):
            with self.subTest(address):
                self.assert_internet((*ACTIVE, address, 9000), "rejected-on-the-way",
                                     f"^  cause   router .* has a way to {address} .port 443 answ")

    def test_a_router_that_answers_a_later_syn_at_once_has_not_waited_for_the_host(self):
        # The first one's answer is lost, as to a router's rate limit.
        for address, word in ((SERVER, "icmp type host-unreachable"),
                              (SERVER6, "icmpv6 type addr-unreachable")):
            with self.subTest(address):
                self.filter("r", "forward", "tcp dport 9000 limit rate 1/minute burst 1 packets "
                                            f"drop", f"tcp dport 9000 reject with {word}")
                result = self.world.run("c", "connect", "--json", address, 9000)
                told = self.assert_told(result, 5, "rejected-on-the-way", "internet",
                                        or_else="unreachable-on-the-way")
                self.assertRegex(told["layers"][1]["evidence"],
                                 r"after \d[\d.]* s, .* ms after the SYN that it answers$")

    def test_a_rule_of_policy_routing_that_refuses(self):
        for family, address in (("-4", SERVER), ("-6", SERVER6)):
            for kind in ("prohibit", "unreachable", "blackhole"):
                for rule in (f"to {address} {kind}", f"to {address} ipproto tcp dport 9000 {kind}"):
                    with self.subTest(rule):
                        self.world.sh("c", f"ip {family} rule add priority 100 {rule}")
                        more = ", with more conditions:" if "tcp" in rule else ""
                        unsure = more and kind == "prohibit"
                        self.assert_internet(
                            (address, 9000), f"route-{kind}",
                            rf"^  cause   .* {address} by rule 100 \(from all to {address}/\d+"
                            rf"{more} {kind}\); nothing was sent",
                            "output-filter" if unsure else None)
                        self.world.sh("c", f"ip {family} rule del priority 100")

    def test_a_rule_that_a_goto_passes_over(self):
        for family, address in (("-4", SERVER), ("-6", SERVER6)):
            rules = ("priority 90 ipproto tcp dport 9000 goto 110",
                     f"priority 100 to {address} prohibit", f"priority 110 to {address} blackhole")
            self.world.sh("c", "\n".join(f"ip {family} rule add {rule}" for rule in rules))
            source = "10.77.1.2" if family == "-4" else "2001:db8:1::2"
            for arguments, cause, words, or_else in (
                    ((address, 9000), "route-blackhole", "by rule 110 ", None),
                    (("-s", source, address, 9000), "route-blackhole", "by rule 110 ", None),
                    ((address, 9001), "route-prohibit", "by rule 100 ", None)):
                with self.subTest(arguments):
                    self.assert_internet(arguments, cause, words, or_else)
            self.world.sh("c", f"ip {family} rule del priority 90\n"
                               f"ip {family} rule add priority 90 goto 110")
            with self.subTest("goto for all", address=address):
                self.assert_internet((address, 9001), "route-blackhole", "by rule 110 ")
            for priority in (90, 100, 110):
                self.world.sh("c", f"ip {family} rule del priority {priority}")

    def test_an_entry_of_another_table_that_refuses(self):
        for family, address in (("-4", SERVER), ("-6", SERVER6)):
            for kind in ("prohibit", "unreachable", "blackhole"):
                with self.subTest(kind, address=address):
                    self.world.sh("c", f"ip {family} route add {kind} default table 77\n"
                                       f"ip {family} rule add priority 100 lookup 77")
                    self.assert_internet(
                        (address, 9000), f"route-{kind}",
                        rf"by rule 100 \(from all lookup 77\) with the entry {kind} default; ")
                    self.world.sh("c", f"ip {family} rule del priority 100\n"
                                       f"ip {family} route flush table 77")

    def test_no_rule_that_leads_to_the_table(self):
        for family, address in (("-4", SERVER), ("-6", SERVER6)):
            with self.subTest(address):
                self.world.sh("c", f"ip {family} rule del priority 32766")
                try:
                    self.assert_internet((address, 9000), "no-route",
                                         "no rule of this host's policy routing leads to a table")
                finally:
                    self.world.sh("c", f"ip {family} rule add priority 32766 lookup main")

    def loop(self):
        for name, via, via6 in (("r", SERVER, SERVER6), ("s", "10.77.2.1", "2001:db8:2::1")):
            self.world.sh(name, f"echo 1 > /proc/sys/net/ipv4/ip_forward\n"
                                f"echo 1 > /proc/sys/net/ipv6/conf/all/forwarding\n"
                                f"ip route replace 10.88.0.0/16 via {via}\n"
                                f"ip -6 route replace 2001:db8:88::/48 via {via6}")

    def test_a_routing_loop(self):
        self.loop()
        for address, limit in (("10.88.0.1", "TTL"), ("2001:db8:88::1", "hop limit")):
            with self.subTest(address):
                self.assert_internet((address, 9000), "ttl-exceeded",
                                     f"a routing loop: .* found its {limit} used up$")

    def test_active_walks_a_routing_loop_in_one_line(self):
        self.loop()
        for address in ("10.88.0.1", "2001:db8:88::1"):
            with self.subTest(address):
                _, text = self.assert_internet((*ACTIVE, address, 9000), "ttl-exceeded",
                                               "the routers of the way .listed above.$")
                path = [line for line in text.splitlines() if line.startswith("probe path")]
                self.assertEqual(1, len(path), text)
                self.assertRegex(path[0], "3 .* again: a loop; the same up to TTL 30$")
                self.assertLess(len(path[0]), 200)

    def test_active_sends_no_more_than_it_may(self):
        self.loop()
        self.filter("c", "output", "tcp flags syn counter")
        self.filter("c", "input", "icmp type time-exceeded drop")  # all are asked
        start = time.monotonic()
        result = self.world.run("c", "connect", *ACTIVE, "-w", "500ms", "10.88.0.1", 9000)
        self.assertLess(time.monotonic() - start, 0.5 + 5 + 4 * tool.PATIENCE, str(result))
        self.assert_text(result, 7, "transport", "^probe SYN ")
        self.assertLessEqual(self.world.filtered("c", "output"), 1 + 40 + 1, str(result))

    def test_a_ttl_of_ones_own_is_no_loop(self):
        for option, address in (("IP_TTL=1", SERVER), ("IPV6_UNICAST_HOPS=1", SERVER6)):
            with self.subTest(option):
                self.assert_internet(("-o", option, address, 9000), "ttl-exceeded",
                                     r"^  cause   router \S+ found the (TTL|hop limit) used up "
                                     f"that -o asked for, before the SYN was at {address}$")

    def test_off_and_quiet_are_one_line(self):
        self.reject("r", "forward", "admin-prohibited", "admin-prohibited")
        for option, words in ((("--diagnose", "off"), r"administratively prohibited \(ICMP type "),
                              (("-q", ), "administratively prohibited")):
            with self.subTest(option):
                result = self.world.run("c", "connect", *option, SERVER, 9000)
                self.assert_status(5, result)
                self.assert_one_line(rf"tcptool: connect {SERVER}:9000: {words}", result)


if __name__ == "__main__":
    tool.main()
