# SPDX-License-Identifier: MIT
"""Transfers with known content over a network that loses, delays, breaks and resets.

Either all bytes arrive, and the status is 0; or it is not, and the message states how many are
known to have been delivered, which the other side confirms. TCPTOOL_FAULTS=full takes longer.
"""

import concurrent.futures
import contextlib
import itertools
import os
import random
import re
import signal
import socket
import time

import ends
import netns
import tool
import transfer
from transfer import PORT, SERVER

FULL = os.environ.get("TCPTOOL_FAULTS") == "full"


def lossy(percent, size):
    def during(world, pair):
        transfer.lose(world, percent)
        pair.go()
    return f"{percent} % loss", (size, size), during


def slow(rate, size):
    def during(world, pair):
        transfer.shape(world, rate)
        pair.go()
    return rate, (size, size), during


def down(seconds, name, interface, size=400_000):
    def during(world, pair):
        transfer.set_link(world, name, interface, "down")
        pair.go()
        time.sleep(seconds)  # the fault's own length
        transfer.set_link(world, name, interface, "up")
        if name == "c":  # it went with the link
            world.sh("c", "ip route replace default via 10.77.1.1")
        if name == "s":
            world.sh("s", "ip route replace default via 10.77.2.1")
    return f"{interface} down for {seconds} s", (size, size), during


def narrow(mtu, size=1_000_000):
    def during(world, pair):
        world.sh("r", f"ip link set rs mtu {mtu}")
        world.sh("s", f"ip link set s0 mtu {mtu}")
        pair.go()
    return f"MTU {mtu} behind the router", (size, size), during


def silent_router(seconds, size=400_000):
    def during(world, pair):
        world.filter("r", "forward", "counter drop")
        pair.go()
        time.sleep(seconds)
        world.filter("r", "forward")
    return f"a router that drops all for {seconds} s", (size, size), during


WHOLE = [lossy(1, 4_000_000), lossy(5, 2_000_000), lossy(20, 150_000), slow("64kbit", 30_000),
         down(1, "c", "c0"), down(1, "s", "s0"), down(5, "r", "rs"), narrow(700),
         silent_router(1)]
if FULL:
    WHOLE += [lossy(20, 1_000_000), slow("64kbit", 200_000), down(5, "c", "c0"),
              down(15, "c", "c0"), down(15, "s", "s0"), down(15, "r", "rc"), narrow(552),
              silent_router(15)]


class Faults(netns.TestCase):
    @staticmethod
    def build(world):
        world.routed()

    def test_what_passes_costs_no_byte(self):
        """All cases at once, each in a world of its own: they only wait."""
        def attempt(case):
            name, sizes, during = case
            world = netns.World()
            try:
                world.routed()
                transfer.segment(world)
                start = time.monotonic()
                with transfer.Pair(world, sizes) as pair:
                    pair.wait_halves()
                    during(world, pair)
                    found = list(pair.problems())
                print(f"{name}: {'whole' if not found else 'NOT whole'}, "
                      f"{time.monotonic() - start:.1f} s", flush=True)
                return [f"{name}: {text}" for text in found]
            except (RuntimeError, AssertionError) as error:
                if "qdisc kind is unknown" in str(error):
                    print(f"skipped: {name}: no tbf in this kernel", flush=True)
                    return []
                return [f"{name}: {error}"]
            finally:
                world.close()
        with concurrent.futures.ThreadPoolExecutor(len(WHOLE)) as workers:
            self.assert_none(text for found in workers.map(attempt, WHOLE) for text in found)

    @contextlib.contextmanager
    def one(self, role, *options, **keywords):
        """tcptool in c and a socket of ours in s: yields both."""
        with contextlib.ExitStack() as stack:
            args = ("--json", *options)
            if role == "connect":
                listener = stack.enter_context(self.world.server("s", SERVER, PORT))
                process = stack.enter_context(
                    self.world.tool("c", "connect", *args, SERVER, PORT, **keywords))
                peer = stack.enter_context(listener.accept()[0])
            else:
                process = stack.enter_context(
                    self.world.tool("c", "listen", *args, "10.77.1.2", PORT, **keywords))
                process.wait_for('"listening"')
                with self.world.inside("s"):
                    peer = stack.enter_context(socket.create_connection(("10.77.1.2", PORT), 10))
            peer.settimeout(30 * tool.PATIENCE)
            process.wait_for('"connected"|"accepted"')
            yield process, peer

    def assert_states_delivered(self, result, status, least, most):
        """It failed, and the number that it knows to be delivered is in its message."""
        self.assert_status(status, result)
        closed = ends.closed(result)
        told = ends.of_type(result, "error")["message"]
        self.assertTrue(least <= closed["delivered_bytes"] <= most,
                        f"{closed['delivered_bytes']}, not {least} to {most}{result}")
        if closed["undelivered_bytes"]:
            self.assertRegex(told, r"not delivered, .* w(as|ere)$", str(result))
        else:  # of what was read from stdin, which is told not to have ended
            self.assertEqual((False, closed["sent_bytes"]),
                             (closed["stdin_at_eof"], closed["delivered_bytes"]), str(result))

    def test_a_reset_at_a_random_byte(self):
        seed = random.randrange(1 << 32)
        dice = random.Random(seed)
        data = dice.randbytes(20_000_000)  # more than the window that the peer is given
        for role, in_the_flow in itertools.product(ends.ROLES, (False, True, True)):
            with self.subTest(seed=seed, role=role), self.one(role, stdin=data) as (process, peer):
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
                read = ends.receive(peer, dice.randrange(1, 3_000_000))
                if not in_the_flow:
                    known = ends.settled(lambda p=peer: transfer.received_by_kernel(p), 0.2)
                ends.reset(peer)
                self.assertTrue(data.startswith(read))
                # What was read a moment ago may not have been acknowledged yet.
                expected = ((len(read) - (1 << 20), len(data) - 1) if in_the_flow
                            else (known, known))
                self.assert_states_delivered(process.finish(), 8, *expected)

    def test_a_peer_that_is_stopped_and_killed(self):
        data = os.urandom(30_000_000)
        for role in ends.ROLES:
            with self.subTest(role=role):
                self.stop_and_kill(role, data)

    def stop_and_kill(self, role, data):
        here, there = ("c", "s") if role == "connect" else ("s", "c")
        with contextlib.ExitStack() as stack:
            first, second = ((here, there) if role == "listen" else (there, here))
            address = SERVER if first == "s" else "10.77.1.2"
            listening = stack.enter_context(self.world.tool(
                first, "listen", "--json", address, PORT,
                stdin=data if role == "listen" else tool.PIPE, stdout=tool.HASH))
            listening.wait_for('"listening"')
            calling = stack.enter_context(self.world.tool(
                second, "connect", "--json", address, PORT,
                stdin=data if role == "connect" else tool.PIPE, stdout=tool.HASH))
            ours, peer = (calling, listening) if role == "connect" else (listening, calling)
            ends.wait_until(lambda: peer.size > 1_000_000, "a million bytes")
            peer.signal(signal.SIGSTOP)
            known = ends.settled(lambda: self.received_in(there), 0.5)
            peer.signal(signal.SIGKILL)
            result = ours.finish()
            if known < len(data):
                self.assert_states_delivered(result, 8, known, known)

    def received_in(self, name):
        """What the kernel of this namespace has taken for its one connection, as ss tells."""
        told = self.world.sh(name, f"ss -tinH state established '( sport = :{PORT} or "
                                   f"dport = :{PORT} )'")
        found = re.search(r"bytes_received:(\d+)", told)  # not there before the first byte
        return int(found[1]) if found else 0

    def test_a_peer_that_is_stopped_for_a_while(self):
        sizes = (20_000_000, 20_000_000)
        with transfer.Pair(self.world, sizes) as pair:
            pair.wait_halves()
            pair.server.signal(signal.SIGSTOP)
            pair.go()
            ends.settled(lambda: self.received_in("s"), 0.5)
            pair.server.signal(signal.SIGCONT)
            self.assert_none(pair.problems())

    def test_a_peer_that_is_stopped_until_the_users_limit(self):
        data = bytes(20_000_000)
        for role in ends.ROLES:
            with self.subTest(role=role), self.one(role, "--idle-timeout", "1s",
                                                   stdin=data) as (process, peer):
                result = process.finish()
                self.assert_states_delivered(result, 9, *2 * [transfer.received_by_kernel(peer)])

    def test_a_zero_window_that_opens_again(self):
        data = os.urandom(20_000_000)
        for role in ends.ROLES:
            with self.subTest(role=role), self.one(role, stdin=data) as (process, peer):
                ends.settled(lambda: ends.unread(peer), 10 if FULL else 2)
                self.assertEqual((data, False), ends.read_until_end(peer))
                peer.close()
                self.assert_ok(process.finish())

    def test_half_closes_in_every_order(self):
        """c and s each send and then end: all interleavings of the four events."""
        for order in ("cCsS", "csCS", "csSC", "scCS", "scSC", "sScC"):
            with self.subTest(order=order), contextlib.ExitStack() as stack:
                server = stack.enter_context(self.world.tool(
                    "s", "listen", "--json", SERVER, PORT, stdin=tool.PIPE))
                server.wait_for('"listening"')
                client = stack.enter_context(self.world.tool(
                    "c", "connect", "--json", SERVER, PORT, stdin=tool.PIPE))
                data = {"c": os.urandom(100_000), "s": os.urandom(100_000)}
                both = {"c": (client, server), "s": (server, client)}
                for event in order:
                    ours, other = both[event.lower()]
                    if event.isupper():
                        ours.end_of_input()
                        other.wait_for('"peer-closed"|"closed"')
                    else:
                        ours.send(data[event])
                        other.wait_for_stdout(data[event])
                for ours, other in both.values():
                    self.assert_ok(ours.finish())
                self.assertEqual([data["c"], data["s"]], [server.stdout, client.stdout])


if __name__ == "__main__":
    tool.main()
