# SPDX-License-Identifier: MIT
"""What every black-box test uses: tcptool as a child process, and what peer.py and case.py hold.

A test file is a script of standard unittest classes that ends with

    if __name__ == "__main__":
        tool.main()

ctest sets TCPTOOL (the program), TCPTOOL_SOURCE and PYTHONPATH; by hand, after a build:

    PYTHONPATH=tests/support python3 tests/cli/usage_test.py [Class.method]

No sleeps, no fixed ports; every wait is bounded, and its bound grows where the program is slow:
TCPTOOL_WRAPPER holds a command to run it under (valgrind ...), TCPTOOL_PATIENCE the factor.
"""

import collections
import contextlib
import hashlib
import os
import re
import shlex
import signal
import subprocess
import threading
import time

from case import TestCase, main
from peer import (PATIENCE, WRAPPER, Failure, bulk, free_port, python_server, random_file,
                  receive_all, refusing_port, sha256_of)

__unittest = True  # keeps these frames out of tracebacks

SOURCE = os.environ.get("TCPTOOL_SOURCE") or os.path.realpath(
    os.path.join(os.path.dirname(__file__), "..", ".."))
TCPTOOL = os.environ.get("TCPTOOL") or os.path.join(SOURCE, "build", "release", "tcptool")

PIPE, DEVNULL = subprocess.PIPE, subprocess.DEVNULL
HASH = "hash"  # stdout=HASH: only stdout's length and SHA-256 are kept


class Result(collections.namedtuple("Result", "status stdout stderr size sha256 command")):
    """How a run ended. status is -N if signal N ended it; size and sha256 are stdout's."""

    def __str__(self):
        return (f"\n$ {shlex.join(self.command)}\nstatus {self.status}, {self.size} bytes on "
                f"stdout: {self.stdout[:1000]!r}\nstderr:\n{self.stderr[-8000:]}")


def words(*args):
    """The command that runs tcptool with these."""
    if WRAPPER and args and args[0] in ("connect", "listen"):
        # valgrind 3.19 knows none of the sandbox's calls, and says so amid our own words.
        args = (args[0], "--sandbox", "off", *args[1:])
    return [*WRAPPER, TCPTOOL, *map(str, args)]


class Tool:
    """One run of tcptool, as a context manager that never leaves its child behind.

    stdin   bytes, or a function that yields them (fed, then EOF), PIPE (kept open: send(),
            end_of_input()), DEVNULL, a file or fd
    stdout  PIPE (collected; wait_for_stdout), HASH, DEVNULL, a file or fd
    env     variables to set; None as the value removes one
    under   a command to run tcptool under, as ["strace", "-o", FILE]
    closed  of 0, 1, 2: those that are closed at its start
    program  the words of another program, a peer, to run in tcptool's place
    Further keywords are subprocess.Popen's.
    """

    def __init__(self, *args, stdin=DEVNULL, stdout=PIPE, env=None, under=(), closed=(),
                 program=None, **popen):
        self._under = bool(under)
        self.command = [*under, *([*program, *map(str, args)] if program else words(*args))]
        feed = (lambda: [stdin]) if isinstance(stdin, (bytes, bytearray)) else stdin
        self._changed = threading.Condition()
        self._stderr, self._stdout = bytearray(), bytearray()
        self._size, self._hash, self._keep = 0, hashlib.sha256(), stdout != HASH
        command = self.command
        if closed:
            shut = " ".join(f"{fd}{'<' if fd == 0 else '>'}&-" for fd in closed)
            command = ["sh", "-c", f'exec "$@" {shut}', "sh", *command]
        self.process = subprocess.Popen(
            command,
            stdin=PIPE if callable(feed) else stdin,
            stdout=PIPE if stdout == HASH else stdout,
            stderr=PIPE, env=environment(env, self._under), **popen)
        self.pid = self.process.pid
        self._threads = [self._start(self._collect, self.process.stderr, self._on_stderr)]
        if self.process.stdout:
            self._threads.append(
                self._start(self._collect, self.process.stdout, self._on_stdout))
        self._feeder = self._start(self._feed, feed) if callable(feed) else None

    @staticmethod
    def _start(function, *args):
        thread = threading.Thread(target=function, args=args, daemon=True)
        thread.start()
        return thread

    def _collect(self, stream, took):
        while chunk := os.read(stream.fileno(), 1 << 18):
            with self._changed:
                took(chunk)
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def _on_stderr(self, chunk):
        self._stderr += chunk

    def _on_stdout(self, chunk):
        self._size += len(chunk)
        self._hash.update(chunk)
        if self._keep:
            self._stdout += chunk

    def _feed(self, chunks):
        with contextlib.suppress(BrokenPipeError, ValueError):  # ValueError: closed by __exit__
            for chunk in chunks():
                self.process.stdin.write(chunk)
        self.end_of_input()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            for pid in reversed(family(self.pid)):  # strace's child would outlive it
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()
        for thread in [*self._threads, *([self._feeder] if self._feeder else [])]:
            thread.join(5)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(BrokenPipeError):
                if stream:
                    stream.close()

    @property
    def stderr(self):
        """What stderr has brought so far, as text."""
        with self._changed:
            return self._stderr.decode(errors="backslashreplace")

    @property
    def stdout(self):
        """What stdout has brought so far, as bytes."""
        with self._changed:
            return bytes(self._stdout)

    @property
    def size(self):
        """How many bytes stdout has brought so far."""
        return self._size

    def send(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def end_of_input(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def signal(self, number):
        """Sends a signal to tcptool itself, under strace too."""
        os.kill(family(self.pid)[-1] if self._under else self.pid, number)

    def wait_for(self, pattern, timeout=10):
        """Waits for the regex `pattern` (^ and $ are a line's) in stderr; returns the match."""
        return self._wait(lambda: re.search(pattern, self.stderr, re.MULTILINE),
                          self._threads[:1], f"{pattern!r} on stderr", timeout)

    def wait_for_stdout(self, data, timeout=10):
        """Waits until stdout (a PIPE) holds `data`, bytes."""
        return self._wait(lambda: data in self.stdout, self._threads[1:], f"{data!r} on stdout",
                          timeout)

    def reads_stdout(self):
        """Whether stdout (a PIPE) is still open for writing, at its other end."""
        return self._threads[1].is_alive()

    def _wait(self, found, readers, what, timeout):
        end = time.monotonic() + timeout * PATIENCE
        while True:
            with self._changed:
                over = not any(thread.is_alive() for thread in readers)
                if result := found():
                    return result
                left = end - time.monotonic()
                if over or left <= 0:
                    why = "it ended" if over else f"{timeout * PATIENCE:g} s passed"
                    raise Failure(f"{why} without {what}{self._so_far()}")
                self._changed.wait(min(left, 0.1))

    def _so_far(self):
        return Result(self.process.poll(), bytes(self._stdout), self.stderr, self._size,
                      self._hash.hexdigest(), self.command)

    def finish(self, timeout=30):
        """Waits for the end, and returns the Result. stdin is left as it is."""
        try:
            self.process.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failure(f"still running after {timeout * PATIENCE:g} s{self._so_far()}") from None
        for thread in self._threads:
            thread.join(10 * PATIENCE)  # a grandchild may still hold the pipe
        return self._so_far()


def family(pid):
    """A process that is our own, and its descendants, parents first."""
    pids = [pid]
    for parent in pids:  # grows meanwhile
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{thread}/children", encoding="ascii") as children:
                    pids += map(int, children.read().split())
    return pids


def environment(changes=None, traced=False):
    """The environment of a run: nothing that changes colours or words; LeakSanitizer needs ptrace
    for itself, so not under strace."""
    env = {**os.environ, "LC_ALL": "C.UTF-8"}
    if traced:
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    for name in ("NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "LISTEN_FDS", "LISTEN_PID"):
        env.pop(name, None)
    for name, value in (changes or {}).items():
        env.pop(name, None)
        if value is not None:
            env[name] = value
    return env


def run(*args, timeout=30, **keywords):
    """tcptool from start to end: a Result."""
    with Tool(*args, **keywords) as process:
        return process.finish(timeout)


def listen(*args, address="127.0.0.1", **keywords):
    """A Tool that runs `tcptool listen ARGS ADDRESS 0` and already listens, with .address, .port.

    address=None leaves it out. Not with -q or --json, whose status line is no text: use
    Tool and --port-file there.
    """
    process = Tool("listen", *args, *([address] if address else []), 0, **keywords)
    try:
        found = process.wait_for(r"^listening on (\[[^\s\]]+\]|[^\s:]+):(\d+)\b")
    except BaseException:
        process.__exit__()
        raise
    process.address, process.port = found[1].strip("[]"), int(found[2])
    return process


def connect(port, *args, host="127.0.0.1", **keywords):
    """A Tool that runs `tcptool connect ARGS HOST PORT`."""
    return Tool("connect", *args, host, port, **keywords)
