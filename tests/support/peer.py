# SPDX-License-Identifier: MIT
"""The other ends that tests talk to, and what is sent to them. Tests reach it as tool.NAME."""

import contextlib
import hashlib
import os
import random
import shlex
import socket
import threading

__unittest = True  # keeps these frames out of tracebacks

WRAPPER = shlex.split(os.environ.get("TCPTOOL_WRAPPER", ""))
PATIENCE = float(os.environ.get("TCPTOOL_PATIENCE") or (10 if WRAPPER else 1))


# Raised by a wait that ended without what was waited for.
Failure = AssertionError


@contextlib.contextmanager
def refusing_port(address="127.0.0.1"):
    """A port that refuses: bound for as long as this lasts, and nobody listens."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as held:
        held.bind((address, 0))
        yield held.getsockname()[1]


def free_port(address="127.0.0.1"):
    """A port that was free a moment ago, to bind to. To be refused, take refusing_port().

    Not an ephemeral one, which a client of another test may hold in TIME-WAIT on another address.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    while True:
        port = random.randint(10000, 32000)
        with socket.socket(family, socket.SOCK_STREAM) as probe, contextlib.suppress(OSError):
            probe.bind((address, port))
            return port


@contextlib.contextmanager
def python_server(handler, address="127.0.0.1", backlog=16):
    """A server on port 0: yields its port; handler(socket, peer) runs in a thread a connection.

    At the end it waits for the handlers, and raises what the first of them raised.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    threads, errors = [], []

    def serve(connection, peer):
        try:
            with connection:
                connection.settimeout(30 * PATIENCE)
                handler(connection, peer)
        except BaseException as error:  # told to the test below
            errors.append(error)

    def accept(listener):
        while True:
            try:
                connection, peer = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=serve, args=(connection, peer), daemon=True))
            threads[-1].start()

    with socket.create_server((address, 0), family=family, backlog=backlog) as listener:
        acceptor = threading.Thread(target=accept, args=(listener,), daemon=True)
        acceptor.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept
            acceptor.join(10 * PATIENCE)
    for thread in threads:
        thread.join(30 * PATIENCE)
        if thread.is_alive():
            raise Failure("a handler of python_server still runs")
    if errors:
        raise errors[0]


def receive_all(connection):
    """All bytes until the peer's FIN."""
    return b"".join(iter(lambda: connection.recv(1 << 18), b""))


def sha256_of(stream, chunk=1 << 20):
    """(bytes, SHA-256 in hex) of what a file or a socket brings until its end."""
    read = getattr(stream, "recv", None) or stream.read
    size, digest = 0, hashlib.sha256()
    while data := read(chunk):
        size += len(data)
        digest.update(data)
    return size, digest.hexdigest()


def random_file(path, size, seed=0):
    """Writes `size` pseudo-random bytes to `path`; returns their SHA-256 in hex."""
    source, digest = random.Random(seed), hashlib.sha256()
    with open(path, "wb") as file:
        for start in range(0, size, 1 << 20):
            data = source.randbytes(min(1 << 20, size - start))
            digest.update(data)
            file.write(data)
    return digest.hexdigest()


def bulk(size):
    """`size`, or a fiftieth of it where the program runs under a wrapper (valgrind)."""
    return size // 50 if WRAPPER else size
