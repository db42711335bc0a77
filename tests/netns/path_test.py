# SPDX-License-Identifier: MIT
"""A path that fails while a connection is established: survived where TCP does, told where not.

c -- r -- s; the router breaks the path. Both roles of tcptool sit in namespace c.
"""

import contextlib
import socket

import ends
import netns
import tool

SERVER, CLIENT = "10.77.2.2", "10.77.1.2"


class Path(netns.TestCase):
    @staticmethod
    def build(world):
        world.routed()

    @contextlib.contextmanager
    def pair(self, *args, role="connect", **keywords):
        """tcptool in c and a socket of ours in s, connected: yields (Tool, socket)."""
        with contextlib.ExitStack() as stack:
            if role == "connect":
                listener = stack.enter_context(self.world.server("s", SERVER, 9000))
                process = stack.enter_context(
                    self.world.tool("c", "connect", "--json", *args, SERVER, 9000, **keywords))
                peer = stack.enter_context(listener.accept()[0])
            else:
                process = stack.enter_context(
                    self.world.tool("c", "listen", "--json", *args, CLIENT, 9000, **keywords))
                process.wait_for('"type":"listening"')
                with self.world.inside("s"):
                    peer = stack.enter_context(socket.create_connection((CLIENT, 9000), 10))
            peer.settimeout(30 * tool.PATIENCE)
            process.wait_for('"type":"(connected|accepted)"')
            yield process, peer

    def break_path(self, verdict):
        """The router meets every packet with this, and counts them."""
        self.filter("r", "forward", f"counter {verdict}")

    def wait_for_packet(self):
        ends.wait_until(lambda: self.world.filtered("r", "forward") > 0, "a packet at the router")

    def assert_lost(self, result, undelivered, error, cause, layer="transport"):
        self.assert_status(8, result)
        end = ends.closed(result)
        self.assertEqual(undelivered, end["undelivered_bytes"], str(result))
        self.assertFalse(end["peer_fin"], str(result))
        told = ends.of_type(result, "error")
        self.assertRegex(told["message"], f"connection lost .*{error}")
        self.assertEqual((cause, [layer]),
                         (told["cause_id"], [row["layer"] for row in told["layers"]
                                             if row["state"] == "failed"]), str(result))
        return told

    def test_icmp_errors_in_the_middle_are_survived_in_both_roles(self):
        for role in ends.ROLES:
            for word in ("host-unreachable", "net-unreachable", "admin-prohibited",
                         "port-unreachable", "prot-unreachable"):
                with (self.subTest(role=role, icmp=word),
                      self.pair(role=role, stdin=tool.PIPE) as (process, peer)):
                    process.send(b"before ")
                    self.assertEqual(b"before ", peer.recv(100))
                    self.break_path(f"reject with icmp type {word}")
                    process.send(b"during ")
                    self.wait_for_packet()
                    self.world.filter("r", "forward")
                    process.send(b"after")
                    process.end_of_input()
                    self.assertEqual(b"during after", tool.receive_all(peer))
                    peer.sendall(b"answer")
                    peer.close()
                    result = process.finish()
                    self.assert_ok(result)
                    self.assert_stdout(b"answer", result)

    def test_icmp_errors_over_ipv6_are_survived_too(self):
        with self.world.server("s", "2001:db8:2::2", 9000) as listener:
            with self.world.tool("c", "connect", "2001:db8:2::2", 9000, stdin=tool.PIPE) as process:
                peer, _ = listener.accept()
                with peer:
                    process.wait_for("^connected ")
                    self.break_path("reject with icmpv6 type admin-prohibited")
                    process.send(b"during ")
                    self.wait_for_packet()
                    self.world.filter("r", "forward")
                    process.end_of_input()
                    self.assertEqual(b"during ", tool.receive_all(peer))
                self.assert_ok(process.finish())

    def test_a_path_that_dies_is_a_loss_after_the_user_timeout_with_the_bytes_undelivered(self):
        for role in ends.ROLES:
            with (self.subTest(role=role),
                  self.pair("-o", "TCP_USER_TIMEOUT=1s", role=role, stdin=tool.PIPE)
                  as (process, peer)):
                process.send(b"delivered")
                self.assertEqual(b"delivered", peer.recv(100))
                peer.sendall(b"seen")  # brings the acknowledgement too
                process.wait_for_stdout(b"seen")
                self.break_path("drop")
                process.send(b"lost")
                self.assert_lost(process.finish(), 4, "the peer no longer acknowledges",
                                 "peer-vanished")
            self.world.filter("r", "forward")

    def test_a_dead_path_that_answers_with_icmp_is_a_loss_and_the_reason_is_the_networks(self):
        with self.pair("-o", "TCP_USER_TIMEOUT=1s", stdin=tool.PIPE) as (process, _):
            self.break_path("reject with icmp type host-unreachable")
            process.send(b"lost")
            told = self.assert_lost(process.finish(), 4, "an ICMP error: EHOSTUNREACH",
                                    "unreachable-soft", "internet")
        self.assertIn("while the connection lived, and TCP gave up", told["cause"])

    def test_a_silent_peer_behind_a_dead_path_is_found_by_keepalive(self):
        for role in ends.ROLES:
            with (self.subTest(role=role),
                  self.pair("--keepalive", "1,1,1", role=role, stdin=tool.PIPE) as (process, _)):
                self.break_path("drop")
                self.assert_lost(process.finish(), 0, "the peer answers no keepalive probe",
                                 "keepalive-unanswered")
            self.world.filter("r", "forward")

    def test_half_a_path_is_enough_to_see_that_nothing_is_acknowledged(self):
        # The peer's FIN arrives, our data does not: that is no complete run, whoever closed.
        with self.pair("-o", "TCP_USER_TIMEOUT=1s", stdin=tool.PIPE) as (process, peer):
            self.break_path('iifname "rc" drop')
            process.send(b"lost")
            process.end_of_input()
            peer.shutdown(socket.SHUT_WR)
            ends.wait_until(lambda: not process.reads_stdout(), "the peer's FIN")
            result = process.finish()
        self.assert_status(8, result)
        self.assertEqual(4, ends.closed(result)["undelivered_bytes"], str(result))


if __name__ == "__main__":
    tool.main()
