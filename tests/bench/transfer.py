# SPDX-License-Identifier: MIT
"""One transfer over loopback between two programs, for relay.py: what feeds and what takes the
bytes, whether all of them came to their places, and what it cost."""

import contextlib
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time

from common import listens, unused_port
from processes import Lost, Run
from tools import connector, listener


class Flow:
    """The bytes of one direction: what feeds `stdin`, and what takes them from `stdout`.

    Kinds: pipe, socket, file; of stdout also null, and append, a file.
    """

    def __init__(self, run, bench, way, stdin, stdout, check, size, block=65536):
        self._run, self._load, self.size = run, bench.load, size
        self._file = self._helper = None
        source, self._sink = ("client", "server") if way == "c2s" else ("server", "client")
        if stdin == "file":
            self._source = run.kept(os.open(bench.source(size), os.O_RDONLY))
            self.stdin = self._source
        else:
            self.stdin, feed = run.channel(stdin)
            with run.at(source):
                run.help([self._load, "source", size, block], stdout=feed)
        if stdout in ("pipe", "socket"):
            taken, self.stdout = run.channel(stdout)
            self._take(taken, check)
        elif stdout == "null":
            self.stdout = run.null()
        else:
            flags = os.O_RDWR | os.O_TRUNC | (os.O_APPEND if stdout == "append" else 0)
            self._file = self.stdout = run.kept(os.open(bench.sink(), flags))
        self._check, self._null = check, stdout == "null"

    def _take(self, fd, check):
        answer, out = self._run.pipe()
        self._answer = self._run.kept(os.dup(answer))
        task = "check" if check else "count"
        with self._run.at(self._sink):
            self._helper = self._run.help([self._load, task], fd, out)

    def wait(self):
        """Until the last byte has been taken."""
        if self._helper:
            self._run.wait(self._helper)

    def verify(self):
        """Raises Lost unless all bytes came, and, where they are checked, to their places."""
        if self._file is not None and self._check:
            os.lseek(self._file, 0, os.SEEK_SET)
            self._take(self._file, True)
            self.wait()
        wrong = 0
        if self._helper:
            came, *rest = map(int, os.read(self._answer, 100).split())
            wrong = sum(rest)
        elif self._null:  # nobody can look at them: they were all read, at least
            came = os.lseek(self._source, 0, os.SEEK_CUR)
        else:
            came = os.fstat(self._file).st_size
        if came != self.size or wrong:
            raise Lost(f"{came} of {self.size} bytes came, {wrong} of them out of place")


def start_pair(run, bench, pair, client, server):
    """Starts a listener and, once it listens, a connector; client and server are (stdin, stdout)
    of each, None where it has nothing to send or to receive. Returns when, and both processes."""
    port = unused_port()
    processes = []
    for tool, command, end, (stdin, stdout) in zip(pair, (listener, connector),
                                                   ("server", "client"), (server, client)):
        task = "both" if None not in (stdin, stdout) else "send" if stdin is not None else "receive"
        begin = time.monotonic()
        with run.at(end):
            pid = run.start(command(tool, bench.programs, port, task), stdin, stdout)
        processes.append(pid)
        if command is listener and not listens(port, lambda pid=pid: run.running(pid)):
            raise Lost("it does not listen")
    return begin, processes


def transfer(bench, pair, row, check):
    """Returns GB/s, and CPU seconds a GB of both ends. `pair`: the listener's tool, and the
    connector's."""
    with Run(bench.limit, bench.cpus) as run:
        size = row.size(bench)
        flows = {way: Flow(run, bench, way, row.stdin, row.stdout, check, size, row.block)
                 for way in row.ways}
        up, down = flows.get("c2s"), flows.get("s2c")
        begin, processes = start_pair(run, bench, pair,
                                      (up and up.stdin, down and down.stdout),
                                      (down and down.stdin, up and up.stdout))
        run.close_given()
        statuses = [run.wait(pid) for pid in reversed(processes)]
        for flow in flows.values():
            flow.wait()
        wall = time.monotonic() - begin
        run.wait_for_what_is_left()
        for flow in flows.values():
            flow.verify()
        if any(statuses) and "tcptool" in pair:
            raise Lost(f"status {statuses}")
        gigabytes = size * len(flows) / 1e9
        return gigabytes / wall, run.cpu / gigabytes


def beside_unread(bench, tool, kind):
    """GB/s from the connector to the listener, while nobody reads what the listener sends; `kind`
    is that of the connector's stdout, None where nothing is sent."""
    with Run(bench.limit, bench.cpus) as run:
        flow = Flow(run, bench, "c2s", "pipe", "pipe", False, bench.size)
        unread, stuck = run.channel(kind or "pipe")
        run.kept(os.dup(unread))
        source, feed = run.pipe()
        run.kept(os.dup(feed))
        if kind:
            with run.at("server"):
                run.help([bench.load, "source", 1 << 40, 65536], stdout=feed)
        begin, _ = start_pair(run, bench, (tool, tool), (flow.stdin, stuck),
                              (source, flow.stdout))
        run.close_given()
        flow.wait()
        wall = time.monotonic() - begin
        flow.verify()
        return bench.size / 1e9 / wall, None


def round_trips(bench, tool, size):
    """Microseconds, p50, of so many bytes there and back through both ends."""
    with Run(bench.limit, bench.cpus) as run:
        pipes = [run.pipe() for _ in range(4)]
        (client_in, feed), (taken, client_out), (server_in, answer), (came, server_out) = pipes
        start_pair(run, bench, (tool, tool), (client_in, client_out), (server_in, server_out))
        told, out = run.pipe()
        told = run.kept(os.dup(told))
        numbers = range(100, 104)
        with run.at("client"):
            ping = run.help([bench.load, "ping", size, bench.trips, *numbers], None, out,
                            more=zip((feed, taken, answer, came), numbers))
        run.close_given()
        if run.wait(ping) != 0:
            raise Lost("an answer did not come")
        p50, _, wrong = map(float, os.read(told, 100).split())
        if wrong:
            raise Lost(f"{wrong:.0f} bytes are wrong")
        return p50, None


def shots(bench, tool, port):
    """Milliseconds of a whole run: start, connect, one byte there and back, end; and its peak of
    resident memory in KiB."""
    with Run(bench.limit, bench.cpus) as run:
        told, out = run.pipe()
        told = run.kept(os.dup(told))
        command = connector(tool, bench.programs, port, "both")
        with run.at("client"):
            process = run.start([bench.load, "shots", bench.shots, *command], None, out)
        run.close_given()
        run.wait(process)
        lines = [[float(word) for word in line.split()]
                 for line in os.read(told, 65536).decode().splitlines()]
    if len(lines) != bench.shots or any(line[2:] != [0, 1] for line in lines):
        raise Lost("a byte did not come back")
    return tuple(statistics.median(line[column] for line in lines) / scale
                 for column, scale in ((0, 1e3), (1, 1)))


@contextlib.contextmanager
def echo_server(bench):
    """Yields its port."""
    silent, feed = os.pipe()
    with Run(0, bench.cpus) as run:
        told, out = run.pipe()
        with run.at("server"):
            run.help([bench.load, "echo"], run.given(silent), out)
        yield int(os.read(told, 20))
        os.close(feed)


def system_calls(bench, tool, port):
    """Of one shot, with those of its threads and children; None where there is no strace."""
    if not shutil.which("strace"):
        return None
    with tempfile.NamedTemporaryFile("r", encoding="ascii") as counts:
        command = connector(tool, bench.programs, str(port), "both")
        subprocess.run(["strace", "-f", "-c", "-o", counts.name, *command], input=b"x",
                       capture_output=True, timeout=60, check=False)
        total = re.search(r"^100\.00\s+\S+\s+(?:\S+\s+)?(\d+)\s+(?:\d+\s+)?total$", counts.read(),
                          re.MULTILINE)
    return int(total[1]) if total else None
