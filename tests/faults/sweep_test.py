# SPDX-License-Identifier: MIT
"""Every system call that tcptool makes fails in every way that its manual page lists, at its first,
its second and every later time: nothing is lost, doubled or changed without a word, nothing hangs,
spins or crashes, and no message blames the wrong side.

CI tries each call with each errno once; TCPTOOL_FAULTS=full tries all places. A complaint begins
with the case's name: TCPTOOL_FAULT=NAME runs that one alone, and shows it.
"""

import contextlib
import os
import resource
import signal
import socket
import tempfile
import time
import unittest
from collections import Counter

import ends
import faults
import tool

GIVEN = os.urandom(200_000)  # stdin
SENT = os.urandom(210_000)  # what the peer sends
MUCH_GIVEN = os.urandom(2_600_000)
MUCH_SENT = os.urandom(2_700_000)
PORT = 7777


class Connect(faults.Scenario):
    name, given, sent, stdout, args = "connect", GIVEN, SENT, tool.PIPE, ()

    @contextlib.contextmanager
    def stdin(self):
        yield self.given

    def run(self, under, number):
        with socket.create_server(("127.0.0.1", 0)) as listener, self.stdin() as stdin, \
                tool.Tool("connect", "--json", *self.args, "127.0.0.1",
                          listener.getsockname()[1], stdin=stdin, stdout=self.stdout,
                          under=under) as process:
            got = self.serve(listener, process)
            return self.finish(process, lambda: [
                ("the peer", self.given, got),
                ("stdout", self.sent, process.stdout if self.stdout == tool.PIPE else self.sent)])

    def serve(self, listener, process):
        """What the first client sends; nothing where none comes."""
        listener.settimeout(0.02)
        end = time.monotonic() + faults.WAIT * tool.PATIENCE
        while time.monotonic() < end:
            try:
                peer = listener.accept()[0]
            except TimeoutError:
                if faults.ended(process):
                    return b""
                continue
            with peer:
                return faults.talk(peer, self.sent)[0]
        raise faults.Stuck("it does not connect")


class Splice(Connect):
    name, given, sent = "splice", MUCH_GIVEN, MUCH_SENT
    calls = {"splice", "fcntl", "poll", "recvfrom", "sendto", "read", "write", "getsockopt",
             "shutdown"}


class SendFile(Connect):
    name, given, sent, stdout = "sendfile", MUCH_GIVEN, MUCH_SENT, tool.DEVNULL
    calls = {"sendfile", "lseek", "recvfrom", "poll", "getsockopt", "read"}

    @contextlib.contextmanager
    def stdin(self):
        path = os.path.join(self.folder, "given")
        if not os.path.exists(path):
            with open(path, "wb") as file:
                file.write(self.given)
        with open(path, "rb") as file:
            yield file


class IntoFile(Connect):
    name, given, sent = "into a file", b"", MUCH_SENT
    calls = {"splice", "lseek", "fcntl", "pipe2"}

    def run(self, under, number):
        with socket.create_server(("127.0.0.1", 0)) as listener, \
                tempfile.TemporaryFile(dir=self.folder) as taken, \
                tool.Tool("connect", "--json", "127.0.0.1", listener.getsockname()[1],
                          stdin=self.given, stdout=taken, under=under) as process:
            self.serve(listener, process)
            return self.finish(process, lambda: [
                ("stdout", self.sent, os.pread(taken.fileno(), len(self.sent) + 1, 0))])


class ByName(Connect):
    name, given, sent = "name", b"question", b"answer"
    calls = {"pipe2", "clone3", "poll", "read", "close"}

    def run(self, under, number):
        with socket.create_server(("127.0.0.1", 0)) as listener, \
                tool.Tool("connect", "--json", "-4", "localhost", listener.getsockname()[1],
                          stdin=self.given, under=under) as process:
            got = self.serve(listener, process)
            return self.finish(process, lambda: [("the peer", self.given, got),
                                                 ("stdout", self.sent, process.stdout)])


class Listen(faults.Scenario):
    name, given, sent, answer = "listen", GIVEN, SENT, GIVEN
    args = ("-w", "2s")
    command = ()
    shown = SENT

    def run(self, under, number):
        # An address of the case's own: no status line is needed to find the port.
        address = f"127.{os.getpid() % 200 + 20}.{number >> 8}.{number & 255}"
        with tool.Tool("listen", "--json", *self.args, "--port-file", f"{self.folder}/{number}",
                       address, PORT, *self.command, stdin=self.given, under=under) as process:
            got = port = b""
            if peer := self.connect((address, PORT), process):
                with peer:
                    port = self.told_port(f"{self.folder}/{number}", process)
                    got = faults.talk(peer, self.sent)[0]
            return self.finish(process, lambda: [("the peer", self.answer, got),
                                                 ("stdout", self.shown, process.stdout),
                                                 ("the port file", b"%d\n" % PORT, port)])

    @staticmethod
    def told_port(path, process):
        end = time.monotonic() + tool.PATIENCE
        while not os.path.exists(path) and not faults.ended(process) and time.monotonic() < end:
            time.sleep(0.002)
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
            return file.read()
        return b""

    @staticmethod
    def connect(address, process):
        """A connection, or None where it ended before it listened."""
        end = time.monotonic() + faults.WAIT * tool.PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(ConnectionRefusedError, ConnectionResetError):
                return socket.create_connection(address, 2 * tool.PATIENCE)
            if faults.ended(process):
                return None
            time.sleep(0.01)
        raise faults.Stuck("it does not listen")


class Command(Listen):
    name, given, sent, answer, shown = "command", b"", SENT, SENT, b""
    command = ("--", "cat")
    calls = {"accept4", "clone3", "close", "epoll_create1", "epoll_ctl", "epoll_wait", "fcntl",
             "newfstatat", "openat", "pidfd_open", "prlimit64", "rt_sigaction", "wait4"}


class Echo(Listen):
    name, given, sent, answer, shown = "echo", b"", SENT, SENT, b""
    args = ("-w", "2s", "--serve", "echo")
    calls = {"accept4", "close", "epoll_create1", "epoll_ctl", "epoll_wait", "recvfrom", "sendto",
             "shutdown", "prlimit64"}


class Hub(Listen):
    """listen -k: stdin goes to two clients, theirs to stdout. Not close: strace fails it by not
    making it, and the client would wait for a FIN."""

    name, ends_by = "hub", -signal.SIGTERM
    given = b"".join(b"to all %d\n" % n for n in range(9000))
    sent = b"".join(b"from one %d\n" % n for n in range(9000))
    calls = {"accept4", "epoll_create1", "epoll_ctl", "epoll_wait", "fcntl", "kill", "read",
             "recvfrom", "rt_sigaction", "rt_sigprocmask", "sendto", "write"}

    def run(self, under, number):
        address = f"127.{os.getpid() % 200 + 20}.{number >> 8}.{number & 255}"
        with contextlib.ExitStack() as stack:
            process = stack.enter_context(tool.Tool(
                "listen", "-k", "--json", "-w", "2s", address, PORT, stdin=tool.PIPE,
                under=under))
            # The first is served before the second comes, and both before stdin has anything.
            peers = []
            for _ in range(2):
                if peer := self.connect((address, PORT), process):
                    peers.append(stack.enter_context(peer))
                    with contextlib.suppress(ConnectionError):  # the fault has ended the run
                        peer.sendall(b"here\n")
                    self.wait(lambda: process.stdout.count(b"here\n") >= len(peers), process)
            feeder = ends.in_thread(lambda: self.feed(process))
            talks = [None, None]

            def talk(place, peer):
                talks[place] = faults.talk(peer, self.sent, lambda: faults.ended(process),
                                           len(self.given))
            threads = [ends.in_thread(lambda place=place, peer=peer: talk(place, peer))
                       for place, peer in enumerate(peers)]
            for thread in threads:
                thread.join()
            if "stuck" in [how for _, how in filter(None, talks)]:
                raise faults.Stuck(f"a client is forgotten{process._so_far()}")
            with contextlib.suppress(ProcessLookupError, IndexError):
                process.signal(signal.SIGTERM)
            run = self.finish(process, lambda: self.delivered(process, talks))
            feeder.join()
            return run

    def wait(self, true, process):
        end = time.monotonic() + 3 * tool.PATIENCE
        while not true() and not faults.ended(process) and time.monotonic() < end:
            time.sleep(0.005)

    def feed(self, process):
        with contextlib.suppress(BrokenPipeError):
            process.send(self.given)
        process.end_of_input()

    def delivered(self, process, talks):
        for place, talk in enumerate(talks):
            yield f"client {place}", self.given, talk[0] if talk else b""
        yield "stdout", *self.mixed(process.stdout, process.stderr.count('"connection lost"'))

    def mixed(self, stdout, lost):
        """Theirs come line by line, in any order: what was to come, and what of it did. The line
        in which a client was lost is not whole."""
        wanted = 2 * (b"here\n" + self.sent)
        lines = stdout.splitlines(keepends=True)
        if lines and not lines[-1].endswith(b"\n"):
            lines.pop()
        excess = Counter(lines) - Counter(wanted.splitlines(keepends=True))
        return wanted, stdout if excess.total() > lost else wanted[:len(stdout)]


@unittest.skipIf(faults.missing(), faults.missing())
class Sweep(tool.TestCase):
    def sweep(self, scenario):
        table, wrong = faults.sweep(scenario(self.tmp))
        print(table, flush=True)
        self.assert_none(wrong)

    def test_connect(self):
        self.sweep(Connect)

    def test_listen(self):
        self.sweep(Listen)

    def test_splice(self):
        self.sweep(Splice)

    def test_sendfile(self):
        self.sweep(SendFile)

    def test_into_a_file(self):
        self.sweep(IntoFile)

    def test_a_name(self):
        self.sweep(ByName)

    def test_a_command(self):
        self.sweep(Command)

    def test_a_command_whose_end_nobody_knows_has_not_succeeded(self):
        scenario = Command(self.tmp)
        before, _ = scenario.calls_made()
        run = scenario.inject(1, faults.Fault("wait4", "ECHILD", "1"), before)
        self.assertTrue(run.injected)
        self.assert_status(1, run.result)
        self.assert_stderr("wait4.*ECHILD", run.result)
        self.assert_no_stderr("command-ended", run.result)

    def test_memory_that_ends_is_told_and_no_crash(self):
        """Less and less of it: until the loader has not enough for itself."""
        told = 0
        with socket.create_server(("127.0.0.1", 0)) as listener:
            for size in range(9 << 20, 4 << 20, -64 << 10):
                with tool.connect(listener.getsockname()[1], "--recv-only", "-q", preexec_fn=(
                        lambda size=size: resource.setrlimit(resource.RLIMIT_AS, (size, size)))
                        ) as process:
                    with contextlib.suppress(TimeoutError):
                        listener.settimeout(0.3)
                        listener.accept()[0].close()
                    result = process.finish()
                if "shared" in result.stderr or "terminate called without" in result.stderr:
                    break  # the loader's words, or a library's: it has not come to main
                self.assertIn(result.status, (0, 4), str(result))
                told += "out of memory (ENOMEM)" in result.stderr
        self.assertGreater(told, 0)

    def test_serve_echo(self):
        self.sweep(Echo)

    def test_keep_open(self):
        self.sweep(Hub)


if __name__ == "__main__":
    tool.main()
