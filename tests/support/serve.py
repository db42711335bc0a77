# SPDX-License-Identifier: MIT
"""A `tcptool listen` for many clients, and the clients."""

import contextlib
import resource
import signal
import socket

import ends
import tool

__unittest = True  # keeps these frames out of tracebacks


@contextlib.contextmanager
def server(*args, keep_open=True, **keywords):
    """tcptool listen -k ARGS 127.0.0.1 0, with --json, once it listens: a Tool with .port."""
    words = ["--json", *(["-k"] if keep_open else [])]
    command = keywords.pop("command", ())
    with tool.Tool("listen", *words, *args, "127.0.0.1", 0, *(["--", *command] if command else []),
                   **keywords) as process:
        process.port = ends.listening_port(process)
        yield process


@contextlib.contextmanager
def clients(process, count, buffer=None):
    """Connections in the order in which they are accepted; `buffer`: their SO_RCVBUF."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(client(process, buffer)) for _ in range(count)]


def client(process, buffer=None):
    peer = socket.socket()
    if buffer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    peer.settimeout(20 * tool.PATIENCE)
    try:
        peer.connect(("127.0.0.1", process.port))
    except BaseException:
        peer.close()
        raise
    return peer


def few_descriptors(count):
    """For preexec_fn: the hard limit too, since -k raises the soft one to it."""
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


def name(peer):
    """What tcptool calls this client."""
    return "{}:{}".format(*peer.getsockname())


def wait_accepted(process, *peers):
    for peer in peers:
        process.wait_for(rf'"type":"accepted".*"peer":"{name(peer)}"')


def wait_closed(process, peer):
    process.wait_for(rf'"type":"client-closed".*"peer":"{name(peer)}"')


def wait_told(process, kind, count):
    """Waits for `count` objects of this type."""
    process.wait_for(f'(?s:("type":"{kind}".*){{{count}}})')


def stop(process):
    """Ends it by SIGTERM, with the clients that are left: the Result."""
    process.signal(signal.SIGTERM)
    return process.finish()


def end_of(result, peer_name):
    """The object that tells of this client's end."""
    found = [line for line in ends.of_all(result, "client-closed") if line["peer"] == peer_name]
    if len(found) != 1:
        raise tool.Failure(f"{len(found)} ends of {peer_name}{result}")
    return found[0]


def served(result):
    return ends.of_type(result, "served")
