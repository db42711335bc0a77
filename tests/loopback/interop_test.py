# SPDX-License-Identifier: MIT
"""tcptool against other programs in both roles: 256 MiB and nothing, hash-equal, each way.

The receiver's stdin is at its end from the start, so that it sends FIN first and the sender must go
on. Where nc.openbsd or ncat sends, tcptool's stays open until that one has closed: nc.openbsd 1.219
and a listening ncat 7.93 drop the rest of their stdin once the peer has closed its side. Each peer
has the options that let it half-close.
"""

import functools
import hashlib
import os
import random
import shutil
import sys

import ends
import tool

MIB = 1 << 20
SIZE = tool.bulk(256) * MIB

PYTHON_PEER = """
import os, socket, sys, threading
role, host, port = sys.argv[1:]
family = socket.AF_INET6 if ":" in host else socket.AF_INET
if role == "listen":
    with socket.create_server((host, int(port)), family=family) as server:
        peer, _ = server.accept()
else:
    peer = socket.create_connection((host, int(port)))
def send():
    while data := os.read(0, 1 << 18):
        peer.sendall(data)
    peer.shutdown(socket.SHUT_WR)
sender = threading.Thread(target=send)
sender.start()
while data := peer.recv(1 << 18):
    sys.stdout.buffer.write(data)
sys.stdout.buffer.flush()
sender.join()
"""


def socat(*options):
    """Without -t it ends half a second after the first end of file, whatever still comes."""
    words = ["socat", "-t60", *options, "-"]

    def listen(host):
        return [*words, f"TCP6-LISTEN:0,bind=[{host}]" if ":" in host
                else f"TCP4-LISTEN:0,bind={host}"]

    return (listen, lambda host, port: [*words, f"TCP:[{host}]:{port}" if ":" in host
                                        else f"TCP:{host}:{port}"])


# They drop what they still have to send when the peer has closed its side.
DROPPERS = ("nc.openbsd", "ncat")

PEERS = {
    "nc.openbsd": (lambda host: ["nc.openbsd", "-N", "-l", host, "0"],
                   lambda host, port: ["nc.openbsd", "-N", host, port]),
    "ncat": (lambda host: ["ncat", "-l", host, "0"],
             lambda host, port: ["ncat", host, port]),
    "socat": socat(),
    "socat -b262144": socat("-b262144"),
    "python": (lambda host: [sys.executable, "-c", PYTHON_PEER, "listen", host, "0"],
               lambda host, port: [sys.executable, "-c", PYTHON_PEER, "connect", host, port]),
    "tcptool": (lambda host: tool.words("listen", host, 0),
                lambda host, port: tool.words("connect", host, port)),
}


def stream(size, seed):
    """Yields `size` bytes that differ in every MiB, and with the seed."""
    block = bytearray(random.Random(seed).randbytes(MIB))
    for number in range(0, size, MIB):
        block[:8] = number.to_bytes(8, "big")
        yield block[:size - number]


@functools.lru_cache(None)
def expected(size, seed):
    """(bytes, SHA-256) of a stream."""
    digest = hashlib.sha256()
    for chunk in stream(size, seed):
        digest.update(chunk)
    return size, digest.hexdigest()


def feed(size, seed):
    return functools.partial(stream, size, seed)


class Interop(tool.TestCase):
    def exchange(self, peer, role, upload, download, host="127.0.0.1"):
        """One connection, tcptool in this role; `upload` bytes from it, `download` bytes to it.

        0: that side's stdin is at its end from the start.
        """
        listen, connect = PEERS[peer]
        wait_for_peer = peer in DROPPERS and download > 0
        ours = {"stdin": feed(upload, 1) if upload else tool.DEVNULL, "stdout": tool.HASH}
        if wait_for_peer:
            ours["stdin"] = tool.PIPE
        theirs = {"stdin": feed(download, 2) if download else tool.DEVNULL, "stdout": tool.HASH}
        if role == "listen":
            first = tool.listen(address=host, **ours)
            port = str(first.port)
        else:
            first = tool.Tool(program=listen(host), **theirs)
        with first:
            if role == "listen":
                second = tool.Tool(program=connect(host, port), **theirs)
            else:
                second = tool.connect(port_of(first), host=host, **ours)
            with second:
                us, them = (first, second) if role == "listen" else (second, first)
                if wait_for_peer:
                    ends.wait_until(lambda: not us.reads_stdout(), "the peer's FIN", 60)
                    us.end_of_input()
                self.assert_ok(second.finish(60))
                result, other = us.finish(60), them.finish(60)
                self.assert_ok(first.finish(60))
        self.assertEqual(expected(download, 2), (result.size, result.sha256), f"{result}{other}")
        self.assertEqual(expected(upload, 1), (other.size, other.sha256), f"{result}{other}")

    def both_roles(self, peer, *args, **keywords):
        for role in ends.ROLES:
            with self.subTest(role=role):
                self.exchange(peer, role, *args, **keywords)


def port_of(process):
    """The port on which a child listens, once it does: any program's, from /proc."""

    def inodes():
        links = []
        for fd in os.listdir(f"/proc/{process.pid}/fd"):
            try:
                links.append(os.readlink(f"/proc/{process.pid}/fd/{fd}"))
            except FileNotFoundError:
                continue
        return {link[8:-1] for link in links if link.startswith("socket:[")}

    def listening():
        owned = inodes()
        for table in ("tcp", "tcp6"):
            with open(f"/proc/net/{table}", encoding="ascii") as lines:
                for line in list(lines)[1:]:
                    words = line.split()
                    if words[3] == "0A" and words[9] in owned:
                        return int(words[1].rpartition(":")[2], 16)
        return None

    return ends.wait_until(listening, f"a listening socket of {process.command}")


def tests_of(peer):
    """The matrix's row of one peer, as a class of its own."""
    program = PEERS[peer][0]("")[0]

    def skip_unless_installed(self):
        if not shutil.which(program):
            self.skipTest(f"{program} is not installed")

    def upload(self):
        self.both_roles(peer, SIZE, 0)

    def download(self):
        self.both_roles(peer, 0, SIZE)

    def nothing(self):
        self.both_roles(peer, 0, 0)

    def ipv6(self):
        self.both_roles(peer, 2 * MIB + 1, 0, host="::1")
        self.both_roles(peer, 0, 2 * MIB + 1, host="::1")

    def duplex(self):
        self.both_roles(peer, SIZE // 2, SIZE // 2)

    tests = {"setUp": skip_unless_installed,
             "test_256_mib_to_it_arrive_whole": upload,
             "test_256_mib_from_it_arrive_whole": download,
             "test_two_empty_streams_end_well": nothing,
             "test_both_directions_over_ipv6": ipv6}
    # For the same reason those lose tails in full duplex, against any peer.
    if peer not in DROPPERS:
        tests["test_both_directions_at_once_arrive_whole"] = duplex
    return type(f"With {peer}", (Interop,), tests)


for name in PEERS:
    globals()[f"With {name}"] = tests_of(name)
del name


if __name__ == "__main__":
    tool.main()
