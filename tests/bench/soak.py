#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What hours and hostile clients do to a listener that serves echo.

Usage: tests/bench/soak.py [--tcptool PATH] [--seconds N] [--seed N] [PART ...]

PARTs, all of them unless some are named, each for --seconds (60):
  mixed   transfers of random lengths, by tcptool connect and by sockets; half-closes, resets in the
          middle, clients that come and go, clients that fall silent and are closed by
          --idle-timeout. All that comes back is compared by its hash. Told: how many of each, and
          the server's descriptors, memory and CPU time; the first two must be flat at the end.
  slow    one client's round trips while 10,000 others send a byte a second each
  resets  its round trips, each by a new connection, while others connect and reset as fast as
          they can

It fails where a byte is wrong, a client is not served, or descriptors or memory grow. How long
round trips take is told, as their medians and 99th percentiles, before and during.
"""

import argparse
import collections
import contextlib
import hashlib
import os
import random
import resource
import socket
import statistics
import struct
import subprocess
import threading
import time

from common import LOOPBACK, TCPTOOL, executable, listens, read, unused_port

PATIENCE = 20  # seconds in which whatever is served must come
CLIENTS, MOST = 10_000, 300_000  # slow ones; bytes of one transfer
GROWTH = 2048  # KiB of memory


class Server:
    """tcptool listen -k --serve echo."""

    def __init__(self, tcptool, *options):
        self.port = unused_port()
        self.process = subprocess.Popen(
            [tcptool, "listen", "-k", "-q", "--serve", "echo", *options, LOOPBACK,
             str(self.port)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        if not listens(self.port, lambda: self.process.poll() is None):
            raise SystemExit("tcptool does not listen")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def memory(self):
        """Resident, in KiB."""
        status = read(f"/proc/{self.process.pid}/status")
        return int(status.split("VmRSS:")[1].split()[0])

    def cpu(self):
        """In seconds."""
        fields = read(f"/proc/{self.process.pid}/stat").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def connect(self):
        return socket.create_connection((LOOPBACK, self.port), PATIENCE)

    def settled(self, expected):
        """Its descriptors, once there are as many as expected or they no longer change."""
        end = time.monotonic() + PATIENCE
        while (count := self.descriptors()) != expected and time.monotonic() < end:
            time.sleep(0.1)
        return count


def reset(peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def exchange(server, data, _):
    with server.connect() as peer:
        sender = threading.Thread(target=lambda: (peer.sendall(data),
                                                  peer.shutdown(socket.SHUT_WR)))
        sender.start()
        digest = hashlib.sha256()
        while chunk := peer.recv(65536):
            digest.update(chunk)
        sender.join()
    assert digest.digest() == hashlib.sha256(data).digest(), "bytes lost or changed"


def by_tcptool(server, data, options):
    done = subprocess.run([options.tcptool, "connect", "-q", LOOPBACK, str(server.port)],
                          input=data, stdout=subprocess.PIPE, timeout=PATIENCE, check=True)
    assert done.stdout == data, "bytes lost or changed"


def reset_in_the_middle(server, data, _):
    peer = server.connect()
    peer.sendall(data[:len(data) // 2])
    reset(peer)


def come_and_go(server, data, _):
    with server.connect() as peer:
        if len(data) % 2:
            peer.shutdown(socket.SHUT_WR)


def fall_silent(server, data, _):
    with server.connect() as peer:
        peer.sendall(data[:100])
        end = time.monotonic() + PATIENCE
        with contextlib.suppress(ConnectionError):  # a RST is an end as well
            while peer.recv(65536):
                assert time.monotonic() < end, "a silent client is not closed"


def mixed(options):
    kinds = [exchange] * 4 + [by_tcptool, reset_in_the_middle, come_and_go, fall_silent]
    done, failed = collections.Counter(), []
    with Server(options.tcptool, "--idle-timeout", "1s") as server:
        at_first = server.descriptors()
        end = time.monotonic() + options.seconds

        def work(number):
            choose = random.Random(options.seed + number)
            while time.monotonic() < end and not failed:
                kind = choose.choice(kinds)
                try:
                    kind(server, choose.randbytes(choose.randrange(1, MOST)), options)
                except Exception as error:  # whatever it is, the run has failed
                    failed.append(f"{kind.__name__}: {error!r}")
                done[kind.__name__] += 1

        workers = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for worker in workers:
            worker.start()
        time.sleep(options.seconds / 5)
        early = server.memory()
        for worker in workers:
            worker.join()
        at_last, late = server.settled(at_first), server.memory()
        print("mixed  ", ", ".join(f"{count} {name}" for name, count in sorted(done.items())))
        print(f"mixed   descriptors {at_first} -> {at_last}, memory {early} -> {late} KiB, "
              f"CPU {server.cpu():.1f} s")
    if at_last != at_first:
        failed.append(f"descriptors: {at_first} at first, {at_last} at last")
    if late > early + GROWTH:
        failed.append(f"memory: {early} KiB early, {late} KiB late")
    return failed


def round_trip(peer):
    start = time.monotonic()
    peer.sendall(b"ping\n")
    assert peer.recv(100) == b"ping\n", "not served"
    return time.monotonic() - start


def round_trips(server, seconds, by_new_ones):
    """How long each took, in milliseconds; one in ten milliseconds."""
    took, end = [], time.monotonic() + seconds
    with server.connect() as kept:
        while time.monotonic() < end:
            if by_new_ones:
                start = time.monotonic()
                with server.connect() as peer:
                    round_trip(peer)
                took.append(1000 * (time.monotonic() - start))
            else:
                took.append(1000 * round_trip(kept))
            time.sleep(0.01)
    return took


def tell(part, when, took):
    p99 = statistics.quantiles(took, n=100)[98]
    print(f"{part:7} {when}: {len(took)} round trips, median {statistics.median(took):.3f} ms, "
          f"p99 {p99:.3f} ms, longest {max(took):.3f} ms")


def compare(part, server, options, hostile, by_new_ones=False):
    """The same round trips without and with `hostile`, which is called until it is told to end."""
    failed = []
    tell(part, "alone ", round_trips(server, min(5, options.seconds), by_new_ones))
    before = server.cpu()
    pid = os.fork()  # a process: its work is not to wait for this one's interpreter
    if pid == 0:
        status = 1
        with contextlib.suppress(BaseException):
            hostile(server, time.monotonic() + options.seconds)
            status = 0
        os._exit(status)
    try:
        time.sleep(min(2, options.seconds / 4))
        tell(part, "during", round_trips(server, options.seconds * 0.6, by_new_ones))
    except (AssertionError, OSError) as error:
        failed.append(f"{part}: {error!r}")
    if os.waitpid(pid, 0)[1] != 0:
        failed.append(f"{part}: the hostile clients failed")
    print(f"{part:7} memory {server.memory()} KiB, CPU {server.cpu() - before:.1f} s")
    return failed


def drip(server, end):
    """10,000 clients, each of which sends a byte a second and has the last one's echo by then."""
    peers = []
    while len(peers) < CLIENTS:
        peer = socket.socket()
        peer.bind((f"127.0.1.{len(peers) % 50 + 1}", 0))
        peer.connect((LOOPBACK, server.port))
        peer.send(b"x")
        peers.append(peer)
    slots = 100  # of a second
    start, slot = time.monotonic() + 1, 0
    while (at := start + slot / slots) < end:
        time.sleep(max(0, at - time.monotonic()))
        for peer in peers[slot % slots::slots]:
            peer.settimeout(PATIENCE)
            assert peer.recv(1) == b"x", "not served"
            peer.send(b"x")
        slot += 1


def connect_and_reset(server, end):
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            reset(socket.create_connection((LOOPBACK, server.port), 1))


def slow(options):
    with Server(options.tcptool) as server:
        return compare("slow", server, options, drip)


def resets(options):
    with Server(options.tcptool) as server:
        return compare("resets", server, options, connect_and_reset, by_new_ones=True)


def main():
    parts = {"mixed": mixed, "slow": slow, "resets": resets}
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tcptool", type=executable, default=TCPTOOL)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("parts", nargs="*", metavar="PART", choices=[[], *parts])
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    failed = []
    for name in options.parts or parts:
        failed += parts[name](options)
    for complaint in failed:
        print("FAILED:", complaint)
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
