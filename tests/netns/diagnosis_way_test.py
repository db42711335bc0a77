# SPDX-License-Identifier: MIT
"""What this host itself loses or forbids while a SYN or a connection waits.

One fault a test. c -- r -- s, and the fault is in c.
"""

import causes
import ends
import tool

SERVER, CLIENT, GIVE_UP = causes.SERVER, causes.CLIENT, causes.GIVE_UP
BACK = "ip route replace default via 10.77.1.1"


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
        route = "ip route replace default via 10.77.1.1"
        rows = ((("ip route del default", route), "no-route", "internet",
                 f"^  cause   this host has lost its route to {SERVER} since"),
                ((f"ip route add blackhole {SERVER}", f"ip route del blackhole {SERVER}"),
                 "route-blackhole", "internet", f"by the route blackhole {SERVER}/32 in its"),
                ((rule, "nft delete table ip own"), "filtered-here", "transport",
                 "a packet filter on this host itself, or its traffic control, drops what"),
                (("ip link set c0 down", f"ip link set c0 up; {route}"), "interface-down", "link",
                 "interface c0, by which this connection goes, went down"))
        for (change, back), cause, layer, words in rows:
            with self.subTest(cause):
                or_else = "route-unreachable" if cause == "filtered-here" else None
                self.assert_ended(self.meanwhile(change, back), 8, cause, layer, words, or_else,
                                  GIVE_UP, ("connect", ))

    def test_idle_while_the_route_is_gone(self):
        fault = self.meanwhile("ip route del default", "ip route replace default via 10.77.1.1")
        self.assert_ended(fault, 9, "no-route", "internet", f"no route to {SERVER} any more", None,
                          ("--idle-timeout", "1s"), ("connect", ))

    def lost_while_a_syn_waits(self, change, back, options=()):
        """tcptool's result: its SYN had left, and r drops it, when `change` was made in c."""
        self.filter("r", "forward", "counter drop")
        self.addCleanup(self.world.sh, "c", f"{back} || true")
        with self.world.tool("c", "connect", *options, SERVER, 9000) as process:
            ends.wait_until(lambda: self.world.filtered("r", "forward"), "the SYN")
            self.world.sh("c", change)
            result = process.finish()
        self.world.sh("c", back)
        return result

    def test_a_way_that_is_lost_while_a_syn_waits(self):
        roam = (f"ip addr del {CLIENT}/24 dev c0; ip addr add 10.77.1.9/24 dev c0; {BACK}",
                f"ip addr flush dev c0; ip addr add {CLIENT}/24 dev c0; "
                f"ip addr add 2001:db8:1::2/64 dev c0 nodad; {BACK}")
        rows = ((roam, (), "this host", f"this host has lost the source address {CLIENT}: nothing"),
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


if __name__ == "__main__":
    tool.main()
