# SPDX-License-Identifier: MIT
"""Causes of an established connection's loss, or of a silence that the user's limit ended.

One fault a test. c -- r -- s; tcptool in c is the connecting side unless a test says otherwise.
"""

import contextlib
import os
import socket

import causes
import ends
import tool

SERVER = causes.SERVER
ACTIVE = ("--diagnose", "active")
TCP_REPAIR = 19  # linux/tcp.h
GIVE_UP = causes.GIVE_UP


class Transfer(causes.TransferTestCase):
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
                          "^  internet     failed       an ICMP error: EHOSTUNREACH; 4 bytes .*, "
                          r"\d retransmissions?; TCP_USER_TIMEOUT=1s ended it\n(.*\n)*"
                          "  cause   a packet filter .*, or the way .*, or it is down, so that",
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

    def test_full_segments_that_vanish_on_the_way_here(self):
        def fault(process, peer, _):
            self.exchange(process, peer)
            self.drop("meta length > 1000 drop")
            peer.sendall(b"f" * 5000)
        self.assert_ended(fault, 9, "path-mtu-black-hole", "internet",
                          r"what the peer sent later is here \(1 segment out of order\), a part "
                          r"before it is missing; the largest segments that came have \d+ bytes",
                          or_else="segments-lost", options=("--idle-timeout", "1s"))

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
        for data, words in ((b"", "waits for us to speak first, or has not even accepted it; or "),
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
                                  rf"the peer sends nothing more \({option[0]}\)$",
                                  options=option)

    def test_a_stdout_that_nobody_reads(self):
        """Of what is more than our buffer holds a part is unread, or the FIN alone."""
        size = 131072
        for more, words in ((0, ""), (5000, ", 5000 bytes more unread in the socket")):
            with self.subTest(more):
                read_end, write_end = os.pipe()
                os.set_blocking(write_end, False)
                with contextlib.suppress(BlockingIOError):
                    while os.write(write_end, bytes(4096)):
                        pass
                with (open(read_end, "rb"), self.pair("--timeout", "4s", stdin=tool.PIPE,
                                                      stdout=write_end) as (process, peer, _)):
                    os.close(write_end)
                    peer.sendall(bytes(size + more))
                    peer.shutdown(socket.SHUT_WR)
                    result = process.finish()
                told = self.assert_told(result, 9, "stdout-not-read", "this host")
                self.assertIn(f"{size} bytes received and not written to stdout{words}; nothing ",
                              told["layers"][0]["evidence"])
                self.assertRegex(told["cause"], "peer has sent, to its FIN, waits for it$")

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
