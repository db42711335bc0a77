# SPDX-License-Identifier: MIT
"""Causes of an established connection's loss, or of a silence that the user's limit ended.

One fault a test. c -- r -- s; tcptool in c is the connecting side unless a test says otherwise.
"""

import contextlib
import socket

import causes
import ends
import tool

SERVER, CLIENT = "10.77.2.2", "10.77.1.2"
ACTIVE = ("--diagnose", "active")
TCP_REPAIR, GIVE_UP = 19, ("-o", "TCP_USER_TIMEOUT=1s")  # linux/tcp.h


class Transfer(causes.TestCase):
    @staticmethod
    def build(world):
        world.routed()

    def setUp(self):
        super().setUp()
        self.world.sh("c", "ip route flush cache")

    @contextlib.contextmanager
    def pair(self, *args, role="connect", json=True, **keywords):
        """tcptool in c and a socket of ours in s, connected: yields (Tool, socket, listener)."""
        args = ("--json", *args) if json else args
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(self.world.server("s", SERVER, 9000))
            if role == "connect":
                process = stack.enter_context(
                    self.world.tool("c", "connect", *args, SERVER, 9000, **keywords))
                peer = stack.enter_context(listener.accept()[0])
            else:
                process = stack.enter_context(
                    self.world.tool("c", "listen", *args, CLIENT, 9000, **keywords))
                process.wait_for("listening")
                with self.world.inside("s"):
                    peer = stack.enter_context(socket.create_connection((CLIENT, 9000), 10))
            peer.settimeout(30 * tool.PATIENCE)
            process.wait_for("connected|accepted")
            yield process, peer, listener

    def assert_ended(self, fault, status, cause, layer, words, or_else=None, options=(),
                     roles=ends.ROLES, stdin=tool.PIPE):
        """fault(process, peer, listener) ends a connection so: as JSON in the first of these roles,
        as text in the last. Returns the error object."""
        told = None
        for role, json in ((roles[0], True), (roles[-1], False)):
            with (self.subTest(role=role, json=json),
                  self.pair(*options, role=role, json=json, stdin=stdin) as both):
                fault(*both)
                result = both[0].finish()
                if json:
                    told = self.assert_told(result, status, cause, layer, or_else)
                else:
                    self.assert_text(result, status, layer, words)
            self.world.filter("r", "forward")
        return told

    def drop(self, *rules):
        self.filter("r", "forward", *(rules or ("counter drop", )))

    def exchange(self, process, peer):
        """A few bytes each way: all is well so far."""
        process.send(b"question")
        self.assertEqual(b"question", ends.receive(peer, 8))
        peer.sendall(b"answer")
        process.wait_for_stdout(b"answer")

    def test_a_reset_before_any_data(self):
        self.assert_ended(lambda process, peer, _: ends.reset(peer), 8, "reset-at-once",
                          "transport", "^  cause   the peer's program aborted the connection")

    def test_a_reset_of_a_peer_that_did_not_read(self):
        def fault(process, peer, _):
            process.send(b"question")
            ends.wait_unread(peer, 8)
            peer.close()
        self.assert_ended(fault, 8, "reset-at-once", "transport",
                          "closed without reading what it had been sent, or died")

    def test_a_reset_after_data(self):
        def fault(process, peer, _):
            self.exchange(process, peer)
            ends.reset(peer)
        self.assert_ended(fault, 8, "reset-after-data", "transport",
                          r"reset by the peer \(RST\) after 6 bytes received")

    def test_a_peer_that_has_forgotten_the_connection_as_after_a_reboot(self):
        def fault(process, peer, listener):
            self.exchange(process, peer)
            peer.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
            peer.close()  # without a segment
            listener.close()
            process.send(b"are you there?")
        told = self.assert_ended(fault, 8, "reset-after-data", "transport",
                                 "or its host restarted and no longer knows the connection")
        self.assertIn("14 bytes for the peer were not", told["message"])

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

    def test_a_path_that_dies(self):
        def fault(process, peer, _):
            self.exchange(process, peer)
            self.drop()
            process.send(b"lost")
        self.assert_ended(fault, 8, "peer-vanished", "transport",
                          r"4 bytes for the peer were not acknowledged, \d+ retransmissions?, last "
                          r"heard of it [\d.]+ m?s before; TCP_USER_TIMEOUT=1s ended it$",
                          options=GIVE_UP)

    def test_active_finds_a_path_dead_for_new_connections_too(self):
        def fault(process, peer, _):
            self.exchange(process, peer)
            self.drop()
            process.send(b"lost")
        self.assert_ended(fault, 8, "peer-vanished", "transport",
                          r"a new connection is not answered; SYNs get as far as hop 1 \(10\.77\.1",
                          options=(*GIVE_UP, *ACTIVE), roles=("connect", ))

    def test_active_finds_a_port_dead_and_the_host_alive(self):
        def fault(process, peer, _):
            self.exchange(process, peer)
            self.drop("tcp dport 9000 drop")
            process.send(b"lost")
        self.assert_ended(fault, 8, "peer-vanished", "transport",
                          f"{SERVER} is up, but nothing on port 9000 is answered any more",
                          options=(*GIVE_UP, *ACTIVE), roles=("connect", ))

    def test_active_asks_after_a_reset_whether_the_port_still_listens(self):
        self.assert_ended(lambda process, peer, _: ends.reset(peer), 8, "reset-at-once",
                          "transport", "port 9000 takes new connections, so it was about this one",
                          options=ACTIVE, roles=("connect", ))

        def fault(process, peer, listener):
            self.exchange(process, peer)
            listener.close()
            ends.reset(peer)
        self.assert_ended(fault, 8, "reset-after-data", "transport",
                          "port 9000 refuses new connections as well, so its listener is gone",
                          options=ACTIVE, roles=("connect", ))

    def test_active_finds_that_the_way_has_forgotten_one_connection(self):
        def fault(process, peer, _):
            self.exchange(process, peer)
            self.drop(f"tcp dport {peer.getpeername()[1]} drop")
            process.send(b"lost")
        self.assert_ended(fault, 8, "peer-vanished", "transport",
                          "a firewall or NAT on the way has forgotten it; or the way was",
                          options=(*GIVE_UP, *ACTIVE), roles=("connect", ))

    def test_a_path_that_dies_and_says_so(self):
        def fault(process, peer, _):
            self.exchange(process, peer)
            self.drop("reject with icmp type host-unreachable")
            process.send(b"lost")
        self.assert_ended(fault, 8, "unreachable-soft", "internet",
                          "^  cause   .* is down, so that .*; or the way to .* broke, or .* lived",
                          or_else="unreachable-on-the-way", options=GIVE_UP)
        told = self.assert_ended(fault, 8, "unreachable-soft", "internet",
                                 "^  cause   router 10.77.1.1 cannot deliver to 10.77.2.2 any more",
                                 or_else="unreachable-on-the-way", options=(*GIVE_UP, *ACTIVE),
                                 roles=("connect", ))
        self.assertIn("s: host unreachable; 4 bytes", told["message"])

    def test_an_icmp_error_long_ago_is_not_why_a_peer_vanishes(self):
        def fault(process, peer, _):
            self.exchange(process, peer)
            self.drop("reject with icmp type host-unreachable")
            process.send(b"late")
            process.wait_for("the network says|says host unreachable")
            self.world.filter("r", "forward")
            self.assertEqual(b"late", ends.receive(peer, 4))
            ends.settled(lambda: process.stderr, 0.6)  # it sees that all is well again
            self.exchange(process, peer)
            self.drop()
            process.send(b"lost")
        self.assert_ended(fault, 8, "peer-vanished", "transport", "has gone silent",
                          options=("-o", "TCP_USER_TIMEOUT=2s"), roles=("connect", ))

    def test_a_path_that_dies_and_the_users_limit_comes_first(self):
        def fault(process, peer, _):
            self.exchange(process, peer)
            self.drop()
            process.send(b"lost")
        self.assert_ended(fault, 9, "peer-vanished", "transport", r"\(--idle-timeout\); 4 bytes ",
                          options=("--idle-timeout", "1500ms"))

    def test_a_silent_peer_that_answers_no_keepalive_probe(self):
        self.assert_ended(lambda *_: self.drop(), 8, "keepalive-unanswered", "transport",
                          "is gone without a FIN or RST", options=("--keepalive", "1,1,1"))

    def black_hole(self, process, peer, _):
        self.exchange(process, peer)
        self.drop("meta length > 1000 drop")
        process.send(b"f" * 20000)

    def test_full_segments_that_vanish_leave_two_causes(self):
        self.assert_ended(self.black_hole, 8, "path-mtu-black-hole", "internet",
                          r"^  cause   a path MTU black hole \(.*\), or the peer is gone$",
                          or_else="peer-vanished", options=GIVE_UP)

    def test_active_finds_the_peer_alive_so_that_it_is_a_path_mtu_black_hole(self):
        told = self.assert_ended(self.black_hole, 8, "path-mtu-black-hole", "internet",
                                 r"^  cause   a path MTU black hole .*; or a firewall or NAT on ",
                                 or_else="peer-vanished", options=(*GIVE_UP, *ACTIVE),
                                 roles=("connect", ))
        self.assertIn("a new connection is answered", told["layers"][1]["evidence"])

    def test_active_finds_a_peer_gone_that_looked_like_a_path_mtu_black_hole(self):
        def fault(process, peer, _):
            self.exchange(process, peer)
            self.drop()
            process.send(b"f" * 20000)
        self.assert_ended(fault, 8, "peer-vanished", "transport",
                          "has gone silent: it is down, or the way is broken behind hop 1",
                          options=(*GIVE_UP, *ACTIVE), roles=("connect", ))

    def test_a_peer_that_does_not_read(self):
        self.assert_ended(lambda *_: None, 9, "zero-window", "transport",
                          "^  cause   the peer's program does not read: its kernel's buffer ",
                          options=("--idle-timeout", "1500ms", "-o", "SO_SNDBUF=64k"),
                          stdin=self.endless, roles=("connect", ))

    @staticmethod
    def endless():
        for _ in range(200):
            yield bytes(65536)

    def test_a_peer_that_says_nothing(self):
        for data, words in ((b"", "waits for us to speak first, or has not even accepted it$"),
                            (b"question", "may be busy, wait for more, or not even have called")):
            with self.subTest(data):
                def fault(process, peer, _, data=data):
                    process.send(data)
                self.assert_ended(fault, 9, "peer-silent", "application", words,
                                  options=("--idle-timeout", "500ms"))

    def test_a_peer_that_falls_silent(self):
        for option in (("--idle-timeout", "500ms"), ("--timeout", "2500ms")):
            with self.subTest(option):
                self.assert_ended(lambda process, peer, _: self.exchange(process, peer), 9,
                                  "peer-silent-after-data", "application",
                                  rf"the peer sends nothing more \({option[0]}\)$", options=option)

    def test_off_and_quiet_are_one_line(self):
        for option, words in ((("--diagnose", "off"), r"reset by the peer \(RST\)"),
                              (("-q", ), r"reset by the peer \(RST\) before any data")):
            with self.subTest(option), self.world.server("s", SERVER, 9000) as listener:
                with self.world.tool("c", "connect", *option, SERVER, 9000,
                                     stdin=tool.PIPE) as process:
                    ends.reset(listener.accept()[0])
                    result = process.finish()
                self.assert_status(8, result)
                failures = [line for line in result.stderr.splitlines()
                            if not line.startswith(("connected ", "closed "))]
                self.assertEqual(1, len(failures), result)
                self.assert_stderr(rf"^tcptool: connect {SERVER}:9000: connection lost .*{words}",
                                   result)


if __name__ == "__main__":
    tool.main()
