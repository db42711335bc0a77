# SPDX-License-Identifier: MIT
"""Connections that do not come about: the exit status and the first line for each way to fail.

c -- r -- s: a client, a router and a server, each in a namespace of its own. On a veth pair an
answer may come while the kernel still sends the SYN; it then only counts at the next SYN, 1 s on.
"""


import netns
import tool

SERVER, SERVER6 = "10.77.2.2", "2001:db8:2::2"
ROUTER, ROUTER6 = "10.77.1.1", "2001:db8:1::1"

# nft's word for each ICMP error it can send, the code, and ours.
ICMP = {
    "net-unreachable": (0, "network unreachable"),
    "host-unreachable": (1, "host unreachable"),
    "prot-unreachable": (2, "protocol unreachable"),
    "port-unreachable": (3, "port unreachable"),
    "net-prohibited": (9, "network administratively prohibited"),
    "host-prohibited": (10, "host administratively prohibited"),
    "admin-prohibited": (13, "administratively prohibited"),
}
ICMPV6 = {
    "no-route": (0, "no route to destination"),
    "admin-prohibited": (1, "administratively prohibited"),
    "addr-unreachable": (3, "address unreachable"),
    "port-unreachable": (4, "port unreachable"),
    "policy-fail": (5, "source address failed ingress/egress policy"),
    "reject-route": (6, "reject route to destination"),
}

TIME = r"after [\d.]+ (ms|s)(, given up after [\d.]+ (ms|s))?"


def first(address, port, reason):
    """The pattern of a first line."""
    shown = rf"\[{address}\]" if ":" in address else address.replace(".", r"\.")
    return f"connect {shown}:{port}: {reason}$"


class Network(netns.TestCase):
    @staticmethod
    def build(world):
        world.routed()

    def reject_everywhere(self, name, hook, offender, offender6, cause):
        """Each ICMP error for a port of its own, all at once: status 5, its name, code, sender;
        cause(code's name) is the pattern of the cause."""
        rules, cases = [], []
        kinds = [(SERVER, offender, "icmp", 3, kind) for kind in ICMP.items()]
        kinds += [(SERVER6, offender6, "icmpv6", 1, kind) for kind in ICMPV6.items()]
        for port, (server, sender, protocol, number, named) in enumerate(kinds, 9001):
            kind, (code, what) = named
            family = "ip6" if ":" in server else "ip"
            rules.append(f"{family} daddr {server} tcp dport {port} "
                         f"reject with {protocol} type {kind}")
            label = "ICMPv6" if family == "ip6" else "ICMP"
            evidence = rf"{label} type {number} code {code} \({what}\), from {sender}.* after "
            cases.append((("connect", server, port), 5, first(server, port, what) +
                          rf"(?=(?s:.*)^  internet     failed       {evidence})",
                          "internet", cause(kind)))
        self.filter(name, hook, *rules)
        self.assert_failures(cases)

    def test_each_icmp_error_of_a_router_is_named_with_its_code_and_sender(self):
        causes = dict.fromkeys(("net-unreachable", "no-route"), "has no way to the network of ")
        causes["policy-fail"] = "lets nothing from this host's source address pass to "
        causes["reject-route"] = "has a route that rejects what goes to "
        causes.update(dict.fromkeys(("host-unreachable", "addr-unreachable"),
                                    "refuses to deliver to .* by a rule, .*said so at once"))
        self.reject_everywhere("r", "forward", ROUTER, ROUTER6, lambda kind: "router .* " +
                               causes.get(kind, "rejects the connection.*: .* never saw the SYN"))

    def test_each_icmp_error_of_the_destination_is_unreachable_not_refused(self):
        causes = dict.fromkeys(("net-unreachable", "no-route", "host-unreachable",
                                "addr-unreachable"),
                               "itself says that it cannot deliver: a packet filter's rule there")
        causes["prot-unreachable"] = "itself says that it does not speak TCP, or a packet filter"
        self.reject_everywhere("s", "input", SERVER, SERVER6, lambda kind: causes.get(
            kind, f"a packet filter on ({SERVER}|{SERVER6}) itself rejects"))

    def test_each_icmp_error_of_our_own_packet_filter_is_named_with_our_own_address(self):
        self.reject_everywhere("c", "output", "10.77.1.2", "2001:db8:1::2",
                               lambda kind: "a packet filter on this host itself rejects")

    def test_a_reset_is_a_refusal_whoever_sent_it(self):
        for name, hook in (("r", "forward"), ("s", "input"), (None, None)):
            with self.subTest(by=name):
                if name:
                    self.filter(name, hook, "tcp dport 9000 reject with tcp reset")
                reason = rf"connection refused \(RST in answer to the SYN {TIME}\)"
                self.assert_failures(
                    [(("connect", address, 9000), 6, first(address, 9000, reason), "transport",
                      "nothing listens on port 9000 of .*, or a packet filter refuses in its name")
                     for address in (SERVER, SERVER6)])

    def test_silence_is_a_timeout_whether_ours_or_the_kernels_comes_first(self):
        self.filter("s", "input", "tcp dport 9000 drop")
        reason = r"timed out after [\d.]+ (ms|s) \(%s, nothing came back\)"
        self.assert_failures(
            [(("connect", "-w", wait, address, 9000), 7, first(address, 9000, reason % syns),
              "transport", "a packet filter .*on the way or on .* drops the SYN .*, or the host "
                           "is down")
             for wait, syns in (("300ms", "1 SYN sent"), ("1600ms", "2 SYNs sent"),
                                ("0", "2 SYNs sent")) for address in (SERVER, SERVER6)])

    def test_a_drop_by_our_own_packet_filter_is_silence_too_and_no_silent_neighbour(self):
        self.filter("c", "output", "tcp dport 9000 drop")
        reason = r"timed out after [\d.]+ (ms|s) \(.*nothing came back\)"
        self.assert_failures(
            [(("connect", "-w", wait, SERVER, 9000), 7, first(SERVER, 9000, reason), "transport",
              "a packet filter on this host, on the way or on .* drops the SYN")
             for wait in ("300ms", )] +
            [(("connect", "-w", "1600ms", SERVER, 9000), 7,
              first(SERVER, 9000, r"timed out after [\d.]+ s \(the SYN, sent again once, was "
                                  r"dropped each time by this host itself\)"), "transport",
              "a packet filter on this host itself, or its traffic control, drops")])
        self.assert_stderr(r"SYN sent again .* \(2 in all\), and dropped by this host$",
                           self.world.run("c", "connect", "-w", "1600ms", SERVER, 9000))

    def test_a_routing_loop_is_ttl_exceeded(self):
        for name, via in (("r", SERVER), ("s", "10.77.2.1")):
            self.world.sh(name, f"echo 1 > /proc/sys/net/ipv4/ip_forward\n"
                                f"ip route add 10.88.0.0/16 via {via}")
        for name, via in (("r", SERVER6), ("s", "2001:db8:2::1")):
            self.world.sh(name, f"echo 1 > /proc/sys/net/ipv6/conf/all/forwarding\n"
                                f"ip -6 route add 2001:db8:88::/48 via {via}")
        self.assert_failures(
            [(("connect", "10.88.0.1", 9000), 5,
              first("10.88.0.1", 9000, "TTL exceeded in transit"), "internet",
              r"a routing loop: .* router 10\.77\.\d\.\d found its TTL used up"),
             (("connect", "2001:db8:88::1", 9000), 5,
              first("2001:db8:88::1", 9000, "hop limit exceeded in transit"), "internet",
              r"a routing loop: .* router 2001:db8:\d::\d found its hop limit used up")])

    def test_an_icmp_error_counts_also_when_the_timeout_comes_before_the_kernel_takes_it(self):
        self.filter("c", "output", "tcp dport 9000 reject with icmpx type admin-prohibited")
        for address in (SERVER, SERVER6):
            result = self.world.run("c", "connect", "-w", "300ms", address, 9000)
            self.assert_first_line(5, first(address, 9000, r"administratively prohibited, and no "
                                                           r"answer within \d+ ms"), result)
            self.assert_diagnosis("internet", "a packet filter on this host itself rejects", result)

    def test_an_icmp_error_for_the_first_syn_is_survived_when_the_second_gets_through(self):
        for address, word in ((SERVER, "icmp type host-unreachable"),
                              (SERVER6, "icmpv6 type addr-unreachable")):
            with self.subTest(address), self.world.server("s", address, 9000) as server:
                self.filter("c", "output",
                            f"tcp dport 9000 limit rate 1/minute burst 1 packets counter "
                            f"reject with {word}")
                with self.world.tool("c", "connect", address, 9000, stdin=b"still here") as process:
                    peer, _ = server.accept()
                    with peer:
                        self.assertEqual(b"still here", tool.receive_all(peer))
                    result = process.finish()
                self.assertEqual(1, self.world.filtered("c", "output"))
                self.assert_ok(result)
                self.assert_stderr(r"^connected ", result)


class Routes(netns.TestCase):
    @staticmethod
    def build(world):
        world.pair()

    def test_without_a_route_nothing_is_reached(self):
        self.assert_failures([(("connect", address, 9000), 5,
                               first(address, 9000,
                                     f"no route to {address} in this host's routing table"),
                               "internet", f"this host has no route to {address}, and no default")
                              for address in ("10.99.0.1", "2001:db8:99::1")])

    def test_a_route_that_forbids_is_unreachable_not_a_permission_of_ours(self):
        words = {"unreachable": "unreachable by a route of this host",
                 "prohibit": "prohibited by a route of this host",
                 "blackhole": "unreachable: discarded by a route of this host",
                 "throw": "no route to .* in this host's routing table"}
        cases = []
        for number, (kind, reason) in enumerate(words.items(), 1):
            for net, host in ((f"10.9{number}.0.0/16", f"10.9{number}.0.1"),
                              (f"2001:db8:9{number}::/48", f"2001:db8:9{number}::1")):
                self.world.sh("c", f"ip route add {kind} {net}")
                cause = "no route" if kind == "throw" else f"the route {kind} {net} of this host "
                cases.append((("connect", host, 9000), 5, first(host, 9000, reason), "internet",
                              cause))
        self.assert_failures(cases)

    def test_an_interface_that_is_down_makes_the_network_unreachable(self):
        self.world.sh("c", "ip link set c0 down")
        self.addCleanup(self.world.sh, "c", "ip link set c0 up\n"
                                            "ip addr add 2001:db8:77::1/64 dev c0 nodad\n"
                                            "ip addr add fe80::1/64 dev c0 nodad || true")
        # The kernel takes the IPv6 addresses off an interface that goes down.
        self.assert_failures([
            (("connect", "10.77.0.2", 9000), 5,
             first("10.77.0.2", 9000, "network unreachable: interface c0 is down"), "link",
             "interface c0, which leads to .*, is down"),
            (("connect", "2001:db8:77::2", 9000), 5,
             first("2001:db8:77::2", 9000, "no route to .* in this host's routing table"),
             "internet", "no IPv6 address but loopback's, and no route")])

    def test_a_silent_neighbour_is_unreachable_when_the_kernel_gives_it_up(self):
        self.assert_failures(
            [(("connect", "10.77.0.99", 9000), 5, first(
                "10.77.0.99", 9000, r"host unreachable: no answer to ARP from 10\.77\.0\.99 on c0"),
              "link", r"nobody on c0 answers for 10\.77\.0\.99: the host is down"),
             (("connect", "2001:db8:77::99", 9000), 5, first(
                 "2001:db8:77::99", 9000, "host unreachable: no answer to neighbour discovery "
                 "from 2001:db8:77::99 on c0"),
              "link", "nobody on c0 answers for 2001:db8:77::99: the host is down")])

    def test_a_silent_neighbour_is_unreachable_when_our_time_runs_out_on_it(self):
        # Slow to give up: the SYN waits for the neighbour all the while.
        for family in ("ipv4", "ipv6"):
            setting = f"/proc/sys/net/{family}/neigh/c0/retrans_time_ms"
            before = self.world.sh("c", f"cat {setting}").strip()
            self.world.sh("c", f"echo 9000 > {setting}")
            self.addCleanup(self.world.sh, "c", f"echo {before} > {setting}")
        reason = "host unreachable: no answer to (ARP|neighbour discovery) from .* on c0"
        self.assert_failures(
            [(("connect", "-w", wait, address, 9000), 5, first(address, 9000, reason), "link",
              f"nobody on c0 answers for {address}")
             for wait in ("300ms", "1600ms") for address in ("10.77.0.98", "2001:db8:77::98")])

    def test_a_silent_gateway_is_unreachable_too(self):
        self.world.sh("c", "ip route add 10.98.0.0/16 via 10.77.0.97")
        reason = r"host unreachable: no answer to ARP from gateway 10\.77\.0\.97 on c0"
        self.assert_failures([(("connect", "-w", "300ms", "10.98.0.1", 9000), 5,
                               first("10.98.0.1", 9000, reason), "link",
                               r"the gateway to 10\.98\.0\.1 is not there")])

    def test_where_several_ports_are_checked_the_one_that_got_furthest_decides(self):
        self.filter("s", "input", "tcp dport 9001 drop",
                    "tcp dport 9002 reject with icmpx type admin-prohibited")
        with self.world.server("s", "10.77.0.2", 9003):
            for ports, status in (("9001,9002", 7), ("9000,9001,9002", 6), ("9002,9003", 5),
                                  ("9003", 0)):
                with self.subTest(ports):
                    result = self.world.run("c", "connect", "-z", "-w", "300ms", "10.77.0.2",
                                            ports)
                    self.assert_status(status, result)


if __name__ == "__main__":
    tool.main()
