# SPDX-License-Identifier: MIT
"""Transfers between two tcptools in namespaces c and s of netns.World.routed(), and the faults of
the network between them."""

import contextlib
import random
import socket
import struct
import threading

import ends
import tool

__unittest = True  # keeps these frames out of tracebacks

SERVER, PORT = "10.77.2.2", 9000
BYTES_RECEIVED = 128  # its offset in struct tcp_info


def received_by_kernel(peer):
    """How many bytes of payload our end's kernel has taken."""
    info = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, BYTES_RECEIVED + 8)
    return struct.unpack_from("Q", info, BYTES_RECEIVED)[0]


class Feed:
    """Known bytes for stdin, of which the second half waits for go()."""

    def __init__(self, size, seed):
        self.data = random.Random(seed).randbytes(size)
        self.half = threading.Event()

    def __call__(self):
        middle = len(self.data) // 2
        yield self.data[:middle]
        self.half.wait(60 * tool.PATIENCE)
        yield self.data[middle:]

    def go(self):
        self.half.set()


class Pair:
    """tcptool in c connected to tcptool in s, each with known bytes on stdin."""

    def __init__(self, world, sizes, options=()):
        self.feeds = [Feed(size, seed) for seed, size in enumerate(sizes)]
        self.stack = contextlib.ExitStack()
        listen = world.tool("s", "listen", "--json", *options, SERVER, PORT, stdin=self.feeds[1])
        self.server = self.stack.enter_context(listen)
        self.server.wait_for('"listening"')
        self.client = self.stack.enter_context(world.tool(
            "c", "connect", "--json", *options, SERVER, PORT, stdin=self.feeds[0]))
        self.client.wait_for('"connected"')
        self.server.wait_for('"accepted"')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for feed in self.feeds:
            feed.go()
        self.stack.close()

    def wait_halves(self):
        for feed, reader in zip(self.feeds, (self.server, self.client)):
            ends.wait_until(lambda feed=feed, reader=reader: reader.size >= len(feed.data) // 2,
                            "the first half", 60)

    def go(self):
        for feed in self.feeds:
            feed.go()

    def problems(self, timeout=90):
        """Waits for both ends; what is not as it must be, as texts."""
        for feed, sink, source in ((self.feeds[0], self.server, self.client),
                                   (self.feeds[1], self.client, self.server)):
            result = sink.finish(timeout)
            if result.status != 0 or result.stdout != feed.data:
                yield (f"status {result.status}, {result.size} of {len(feed.data)} bytes"
                       f"{result}")
            closed = ends.closed(source.finish(timeout))
            if closed["delivered_bytes"] != len(feed.data):
                yield f"it says that it delivered {closed['delivered_bytes']} bytes"


ENDS = (("c", "c0"), ("r", "rc"), ("r", "rs"), ("s", "s0"))


def segment(world):
    """Packets of one segment each, as they are on a wire: a veth takes 64 KiB at once."""
    for name, interface in ENDS:
        world.sh(name, f"ip link set {interface} gso_max_segs 1")


def lose(world, percent):
    for hook_world in ("c", "s"):
        world.filter(hook_world, "input", f"numgen random mod 100 < {percent} counter drop")


def shape(world, rate):
    for name, interface in (("c", "c0"), ("s", "s0")):
        world.sh(name, f"tc qdisc replace dev {interface} root tbf rate {rate} burst 3000 "
                       "limit 60000")


def set_link(world, name, interface, state):
    world.sh(name, f"ip link set {interface} {state}")
