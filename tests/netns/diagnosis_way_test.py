# SPDX-License-Identifier: MIT
"""What this host itself loses or forbids while a SYN or a connection waits.

One fault a test. c -- r -- s, and the fault is in c.
"""

import socket

import causes
import ends
import tool

SERVER, CLIENT, GIVE_UP = causes.SERVER, causes.CLIENT, causes.GIVE_UP
BACK = "ip route replace default via 10.77.1.1"
SYNS = ("-o", "TCP_SYNCNT=5")


class Way(causes.TransferTestCase):
    def meanwhile(self, change, back):
        """A fault: `change` in c while bytes are under way; `back` once the run has ended."""
        def fault(process, peer, _):
            self.exchange(process, peer)
            self.addCleanup(self.world.sh, "c", f"{back} || true")
            self.world.sh("c", change)
            process.send(b"lost")
            process.process.wait(60)
            self.world.sh("c", f"{back} || true")
        return fault

    def test_what_this_host_itself_has_lost_or_forbids_since(self):
        rule = ("nft 'add table ip own; add chain ip own o { type filter hook output priority 0; }"
                "; add rule ip own o tcp dport 9000 drop'")
        rows = ((("ip route del default", BACK), "no-route", "internet",
                 f"^  cause   this host has lost its route to {SERVER} since"),
                ((f"ip route add blackhole {SERVER}", f"ip route del blackhole {SERVER}"),
                 "route-blackhole", "internet", f"by the route blackhole {SERVER}/32 in its"),
                ((rule, "nft delete table ip own"), "filtered-here", "transport",
                 "a packet filter on this host itself, or its traffic control, drops what"),
                (("ip link set c0 down", f"ip link set c0 up; {BACK}"), "interface-down", "link",
                 "interface c0, by which this connection goes, went down"))
        for (change, back), cause, layer, words in rows:
            with self.subTest(cause):
                or_else = "route-unreachable" if cause == "filtered-here" else None
                self.assert_ended(self.meanwhile(change, back), 8, cause, layer, words, or_else,
                                  GIVE_UP, ("connect", ))

    def test_idle_while_the_route_is_gone(self):
        fault = self.meanwhile("ip route del default", BACK)
        self.assert_ended(fault, 9, "no-route", "internet", f"no route to {SERVER} any more", None,
                          ("--idle-timeout", "1s"), ("connect", ))

    def lost_while_a_syn_waits(self, change, back, options=(), server=SERVER):
        """tcptool's result: its SYN had left, and r drops it, when `change` was made in c."""
        self.filter("r", "forward", "counter drop")
        self.addCleanup(self.world.sh, "c", f"{back} || true")
        with self.world.tool("c", "connect", *options, server, 9000) as process:
            ends.wait_until(lambda: self.world.filtered("r", "forward"), "the SYN")
            self.world.sh("c", change)
            result = process.finish()
        self.world.sh("c", back)
        return result

    def test_a_way_that_is_lost_while_a_syn_waits(self):
        roam = (f"ip addr del {CLIENT}/24 dev c0; ip addr add 10.77.1.9/24 dev c0; {BACK}",
                f"ip addr flush dev c0; ip addr add {CLIENT}/24 dev c0; "
                f"ip addr add 2001:db8:1::2/64 dev c0 nodad; {BACK}")
        rows = ((roam, (), "this host", f"this host has lost the source address {CLIENT}: no an"),
                (roam, ("-w", "2s"), "this host", f"no interface has {CLIENT} any more; 1 SYN"),
                (roam, ("-s", CLIENT, "-w", "2s"), "this host", r"another source address \(-s\)"),
                (("ip route del default", BACK), ("-w", "2s"), "internet",
                 f"this host has lost its route to {SERVER} while it waited"),
                ((f"ip route add prohibit {SERVER}", f"ip route del prohibit {SERVER}"),
                 ("-w", "2s"), "internet", f"by the route prohibit {SERVER}/32"),
                (("ip link set c0 down", f"ip link set c0 up; {BACK}"), ("-w", "2s"),
                 "internet", f"lost its route to {SERVER} while it waited; c0 is down, and the"))
        for (change, back), options, layer, words in rows:
            with self.subTest(change=change, options=options):
                result = self.lost_while_a_syn_waits(change, back, options)
                self.assert_text(result, 5, layer, words)

    def test_a_way_of_ipv6_that_is_lost_while_a_syn_waits(self):
        server, client, back = "2001:db8:2::2", "2001:db8:1::2", (
            "ip link set c0 up; ip addr del 2001:db8:1::9/64 dev c0 || true; ip addr replace "
            "2001:db8:1::2/64 dev c0 nodad; ip -6 route replace default via 2001:db8:1::1; " + BACK)
        rows = ((f"ip addr del {client}/64 dev c0; ip addr add 2001:db8:1::9/64 dev c0 nodad",
                 f"this host has lost the source address {client}: no answer comes to it; but"),
                ("ip link set c0 down", "c0 is down: an interface that is switched off loses"))
        for change, words in rows:
            with self.subTest(change):
                result = self.lost_while_a_syn_waits(change, back, ("-w", "2s"), server)
                self.assert_diagnosis("this host", "", result)
                self.assert_stderr(words, result)

    def test_a_gateway_that_is_not_there_any_more_while_a_syn_waits(self):
        result = self.lost_while_a_syn_waits("ip route replace default via 10.77.1.77", BACK,
                                             ("-w", "3s"))
        self.assert_text(result, 5, "link", "no answer to ARP for gateway 10.77.1.77 on c0; no SYN "
                         "leaves this host now")

    def test_a_route_that_is_lost_behind_the_second_syn(self):
        self.filter("r", "forward", "tcp flags & (syn | ack) == syn counter drop")
        self.addCleanup(self.world.sh, "c", BACK)
        with self.world.tool("c", "connect", "-q", "--diagnose", "off", *SYNS, "-w", "4s", SERVER,
                             9000) as process:
            ends.wait_until(lambda: self.world.filtered("r", "forward") > 1, "the second SYN")
            self.world.sh("c", "ip route del default")
            result = process.finish()
        self.assert_first_line(5, r"connect .*: timed out .*\(nothing leaves this host any more\)",
                               result)

    def test_a_gateway_that_answers_arp_late_is_there(self):
        """The SYN was due again while it still waited for ARP; what followed left."""
        neigh = "/proc/sys/net/ipv4/neigh/c0"
        before = self.world.sh("c", f"cd {neigh}; cat mcast_solicit retrans_time_ms").split()
        self.addCleanup(self.world.sh, "c", f"cd {neigh}; echo {before[0]} > mcast_solicit; "
                                            f"echo {before[1]} > retrans_time_ms")
        self.addCleanup(self.world.sh, "r", "ip link set rc arp on")
        self.filter("r", "forward", "counter drop")
        self.world.sh("c", f"cd {neigh}; echo 200 > mcast_solicit; echo 100 > retrans_time_ms")
        for options in (("-q", "--diagnose", "off"), ()):
            with self.subTest(options):
                self.world.sh("r", "ip link set rc arp off")
                self.world.sh("c", "ip neigh flush dev c0")
                with self.world.tool("c", "connect", *options, *SYNS, "-w", "4s", SERVER,
                                     9000) as process:
                    ends.wait_until(lambda: "backoff:1" in self.world.sh("c", "ss -tin state all"),
                                    "that the SYN is due again")
                    self.world.sh("r", "ip link set rc arp on")
                    result = process.finish()
                self.assert_first_line(7, r"connect .*: timed out .*\(2 SYNs sent, nothing came ",
                                       result)

    def test_a_loop_through_this_host(self):
        self.world.sh("c", "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")
        self.addCleanup(self.world.sh, "c", "echo 0 > /proc/sys/net/ipv6/conf/all/forwarding")
        self.world.sh("r", "ip -6 route add 2001:db8:9::/64 via 2001:db8:1::2")
        self.addCleanup(self.world.sh, "r", "ip -6 route del 2001:db8:9::/64")
        result = self.world.run("c", "connect", "-w", "3s", "2001:db8:9::9", 9000)
        self.assert_diagnosis("internet", "a routing loop through this host: the SYN came back",
                              result)

    def test_a_peer_that_still_has_an_older_connection(self):
        port = 5555
        with self.world.server("s", SERVER, 9000) as listener:
            with self.world.inside("c"):
                stale = socket.create_connection((SERVER, 9000), 5, (CLIENT, port))
            peer, _ = listener.accept()
            with peer:
                self.filter("r", "forward", "tcp flags & rst == rst drop")
                ends.reset(stale)
                result = self.world.run("c", "connect", "-p", port, "-w", "2s", SERVER, 9000)
        self.assert_text(result, 7, "transport", f"{SERVER} still has an older connection from")


if __name__ == "__main__":
    tool.main()
