# SPDX-License-Identifier: MIT
"""The two ends of one connection: tcptool and a socket of ours that does exactly what a test says.

Waits poll what they wait for (a socket, /proc), at short intervals and never for ever.
"""

import array
import contextlib
import fcntl
import functools
import json
import os
import socket
import struct
import subprocess
import termios
import threading
import time
import unittest

import tool
from proc import (assert_grown_less, assert_idle, child_named, cpu_seconds, file_flags,
                  limit_file_size, memory, process_state, sanitized)

__unittest = True  # keeps these frames out of tracebacks

ROLES = ("connect", "listen")  # tcptool's


@contextlib.contextmanager
def pair(*args, role="connect", buffer=None, **keywords):
    """tcptool in the middle of a connection, and the other end of it: yields (Tool, socket).

    It runs with --json: closed(result) is its summary. `buffer` is what the other end receives
    into, in bytes (SO_RCVBUF), where tcptool connects.
    """
    with contextlib.ExitStack() as stack:
        if role == "connect":
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            listener.settimeout(10 * tool.PATIENCE)
            if buffer:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            process = stack.enter_context(
                tool.connect(listener.getsockname()[1], "--json", *args, **keywords))
            peer = stack.enter_context(listener.accept()[0])
        else:
            process = stack.enter_context(
                tool.Tool("listen", "--json", *args, "127.0.0.1", 0, **keywords))
            peer = stack.enter_context(socket.create_connection(
                ("127.0.0.1", listening_port(process)), timeout=10 * tool.PATIENCE))
        peer.settimeout(30 * tool.PATIENCE)
        yield process, peer


def with_pair(*args, **keywords):
    """Decorates a test(self, process, peer), which then runs once for each role."""
    def decorate(test):
        @functools.wraps(test)
        def wrapper(self):
            for role in ROLES:
                with self.subTest(role=role), pair(*args, role=role, **keywords) as both:
                    test(self, *both)
        return wrapper
    return decorate


def listening_port(process):
    """The port of a `tcptool listen --json`, once it listens."""
    return int(process.wait_for(r'"type":"listening".*?"port":(\d+)')[1])


def objects(result):
    """stderr of a run with --json: a list of dicts."""
    return [json.loads(line) for line in result.stderr.splitlines()]


def of_type(result, name):
    """The one object of this type on stderr."""
    found = [line for line in objects(result) if line["type"] == name]
    if len(found) != 1:
        raise tool.Failure(f"{len(found)} objects of type {name}{result}")
    return found[0]


def of_all(result, name):
    """The objects of this type on stderr."""
    return [line for line in objects(result) if line["type"] == name]


def closed(result):
    """The summary's object."""
    return of_type(result, "closed")


def read_until_end(peer):
    """What the peer brings until its FIN or RST, and whether it was a RST."""
    data = bytearray()
    try:
        while chunk := peer.recv(1 << 18):
            data += chunk
    except ConnectionError:
        return bytes(data), True
    return bytes(data), False


def reset(peer):
    """Closes with a RST, and drops what was still to be sent."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def fill(peer, chunk=b"x" * 65536, quiet=0.3):
    """Sends until nothing has gone for `quiet` seconds; returns the number of bytes sent."""
    sent, last, timeout = 0, time.monotonic(), peer.gettimeout()
    peer.setblocking(False)
    while time.monotonic() - last < quiet * tool.PATIENCE:
        try:
            sent += peer.send(chunk)
            last = time.monotonic()
        except BlockingIOError:
            time.sleep(0.005)
    peer.settimeout(timeout)
    return sent


def _queued(file, request):
    value = array.array("i", [0])
    fcntl.ioctl(file, request, value)
    return value[0]


def unread(file):
    """The bytes that lie unread in a socket, or in the pipe behind either of its ends."""
    return _queued(file, termios.FIONREAD)


def settled(value, quiet=0.4):
    """What value() gives once it has been the same for `quiet` seconds."""
    last, since = value(), time.monotonic()
    while time.monotonic() - since < quiet * tool.PATIENCE:
        time.sleep(0.01)
        if (now := value()) != last:
            last, since = now, time.monotonic()
    return last


def wait_until(true, what, timeout=10):
    """Waits until true() is; returns what it gave."""
    end = time.monotonic() + timeout * tool.PATIENCE
    while not (value := true()):
        if time.monotonic() > end:
            raise tool.Failure(f"{timeout * tool.PATIENCE:g} s passed without {what}")
        time.sleep(0.005)
    return value


def wait_acknowledged(peer):
    """Waits until all that was sent has been acknowledged (SIOCOUTQ)."""
    wait_until(lambda: _queued(peer, termios.TIOCOUTQ) == 0, "an acknowledgement")


def wait_unread(peer, size):
    """Waits until `size` bytes lie unread in our receive queue (SIOCINQ)."""
    wait_until(lambda: unread(peer) >= size, f"{size} bytes to read")


def tcp_state(peer):
    """The kernel's number for the socket's state: 4 FIN-WAIT-1, 5 FIN-WAIT-2, 8 CLOSE-WAIT ..."""
    return peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]


def wait_state(peer, state):
    wait_until(lambda: tcp_state(peer) == state, f"TCP state {state}")


def make_fifo(path):
    os.mkfifo(path)
    return path


def in_thread(function):
    """Runs it beside the test; join() raises what it raised."""
    return _Thread(function)


class _Thread:
    def __init__(self, function):
        self._error = None
        self._function = function
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            self._function()
        except BaseException as error:  # raised in join()
            self._error = error

    def join(self, timeout=60):
        self._thread.join(timeout * tool.PATIENCE)
        if self._thread.is_alive():
            raise tool.Failure("a thread of the test still runs")
        if self._error:
            raise self._error


def receive(peer, size):
    """Exactly `size` bytes, or what came before the end."""
    data = b""
    while len(data) < size and (chunk := peer.recv(size - len(data))):
        data += chunk
    return data


@contextlib.contextmanager
def silent_port():
    """A port of 127.0.0.1 whose kernel drops every SYN: its accept queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        for _ in range(8):
            client = stack.enter_context(socket.socket())
            client.settimeout(0.2 * tool.PATIENCE)
            try:
                client.connect(address)
            except TimeoutError:
                break
        yield address[1]


def mounted(source, target):
    """The command to run a program under so that it finds `source` in the place of `target`.

    Skips where there is no mount namespace to be had.
    """
    under = ["unshare", "--mount", "sh", "-c", f'mount --bind {source} {target} && exec "$@"', "sh"]
    made = subprocess.run([*under, "true"], capture_output=True, text=True, check=False)
    if made.returncode:
        raise unittest.SkipTest(f"no mount namespace: {made.stderr.strip()}")
    return under


def written(path, text):
    """Writes a file; returns its path."""
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


@contextlib.contextmanager
def silent_resolver(folder):
    """A name server that never answers: yields the command to run a program under so that it asks
    this one. Skips where that takes more privilege than we have."""
    address = f"127.0.53.{os.getpid() % 254 + 1}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        try:
            server.bind((address, 53))
        except OSError as error:
            raise unittest.SkipTest(f"port 53 of {address}: {error}") from error
        yield mounted(written(os.path.join(folder, "resolv.conf"),
                              f"nameserver {address}\noptions timeout:30 attempts:1\n"),
                      "/etc/resolv.conf")
