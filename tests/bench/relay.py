#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How fast bytes move: tcptool beside nc, ncat, socat and cat, over loopback.

Usage: tests/bench/relay.py [--tcptool PATH] [--quick] [--unpinned] [--congestion NAME]
                            [--json FILE] [ROW ...]

Rows, all of them unless some are named (--list shows them; a part of a name will do): one direction
for each kind of stdin and stdout, both at once, small writes, round trips, a whole short run,
tcptool with another tool at the other end, and one direction while the other is stuck.

Each round runs every tool once, in turn, and each begins with another one; told are the medians,
the range, the ratio to the best peer of the row, and CPU seconds a GB (10^9 bytes) of both ends. At
the end, but for quick runs: the bars that tcptool is to reach. A first round, which does not count,
compares every byte with what must be in its place, the others count them; a tool that lost some, or
did not end within the time it has, is LOST and left out; where that is tcptool, the exit status is
1. cat is ucspi-tcp's tcpserver and tcpclient with cat on the socket, socat has -b262144. What is
not installed is left out; relay_load.c, compiled with cc, feeds and reads. bare is relay_bare.c, no
peer but what the same calls cost without a tool around them; unconfined, tcptool without its
sandbox. Files are in /dev/shm. Both ends, feeder and reader share this machine: GB/s is what the
whole machine does, and another load beside it shows in them. So does congestion control: bbr paces
what is sent, over loopback too, which hides what the tools cost. What --congestion names is in
force for all of them, in a network namespace of the run's own. And so does the scheduler, more than
any tool: bytes that are written on one processor and read on another, at each of the pipes, take
five times as long as where each end has one processor, for the tool and what feeds it or reads it.
Here each end has one, of two cores; --unpinned leaves them to the scheduler.
"""

import argparse
import dataclasses
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

from common import TCPTOOL, Table, compiled, executable
from congestion import in_force, put_in_force
from processes import cpus_of_ends
from rounds import LEAST_ROUNDS, bar, bars, best, in_turn, ratio, tell, tell_bars
from tools import peers
from transfer import beside_unread, echo_server, round_trips, shots, system_calls, transfer

MIB = 1 << 20
SMALL_WRITES = 1_000_000
LEAST_BLOCK = 4096  # bytes a write, of which bare makes the best


@dataclasses.dataclass
class Row:
    """One direction, or both. The bars are ratios to the best peer; 0 and 9: none."""
    name: str
    stdin: str
    stdout: str
    ways: tuple
    least_speed: float
    most_cpu: float
    block: int = 65536

    def size(self, bench):
        whole = SMALL_WRITES * self.block if self.block < LEAST_BLOCK else bench.size
        return min(whole, bench.size) // len(self.ways)

    def measure(self, bench):
        tools = ["tcptool", *(tool for tool in peers() if tool != "cat" or len(self.ways) == 1)]
        if self.block >= LEAST_BLOCK:
            tools.append("bare")
        found = in_turn(bench, tools,
                        lambda tool, check: transfer(bench, (tool, tool), self, check))
        tell(bench, self.name, found, "GB/s", best(found))
        bars(bench, self.name, found, best(found), ">=", self.least_speed, self.most_cpu)


@dataclasses.dataclass
class Mixed:
    """tcptool at one end and another tool at the other, against that tool at both."""
    name: str
    peer: str

    def measure(self, bench):
        if self.peer not in peers():
            return
        row = Row("", "pipe", "pipe", ("c2s",), 0, 0)
        first = f"{self.peer} to {self.peer}"
        pairs = {first: (self.peer, self.peer)}
        for tool in ("tcptool", "bare"):
            pairs[f"{tool} to {self.peer}"] = (self.peer, tool)
            pairs[f"{self.peer} to {tool}"] = (tool, self.peer)
        found = in_turn(bench, pairs, lambda name, check: transfer(bench, pairs[name], row, check))
        tell(bench, self.name, found, "GB/s", first)
        for name in pairs:
            if "tcptool" in name:
                bar(bench, self.name, name, ratio(found, name, first), ">=", 1.0)


@dataclasses.dataclass
class RoundTrips:
    name: str
    size: int

    def measure(self, bench):
        tools = ["tcptool", *(tool for tool in peers() if tool != "cat"), "bare"]
        found = in_turn(bench, tools, lambda tool, _: round_trips(bench, tool, self.size))
        tell(bench, self.name, found, "us p50", "nc")
        bars(bench, self.name, found, "nc", "<=", 1.0)


@dataclasses.dataclass
class Shots:
    """Start, connect, one byte there and back, exit."""
    name: str

    def measure(self, bench):
        tools = ["tcptool", *(tool for tool in peers() if tool != "cat"), "bare", "unconfined"]
        with echo_server(bench) as port:
            memory = {tool: [] for tool in tools}

            def once(tool, _):
                took, resident = shots(bench, tool, port)
                memory[tool].append(resident / 1024)
                return took, None

            found = in_turn(bench, tools, once)
            peak = {tool: statistics.median(values) for tool, values in memory.items() if values}
            calls = {tool: system_calls(bench, tool, port) for tool in tools}
        notes = {tool: f"{calls[tool]} system calls, {peak.get(tool, 0):.1f} MB" for tool in tools}
        tell(bench, self.name, found, "ms", "nc", notes)
        bars(bench, self.name, found, "nc", "<=", 0.85)
        bar(bench, self.name, "system calls", calls["tcptool"], "<=", 90)
        bar(bench, self.name, "MB of memory", peak.get("tcptool"), "<=", 4)


@dataclasses.dataclass
class Unread:
    """One direction, while the other is stuck since nobody reads its stdout."""
    name: str

    def measure(self, bench):
        kinds = {"nothing sent": None, "pipe unread": "pipe", "socket unread": "socket"}
        found = in_turn(bench, kinds,
                        lambda name, _: beside_unread(bench, "tcptool", kinds[name]))
        tell(bench, self.name, found, "GB/s", "nothing sent")
        for name in list(kinds)[1:]:
            bar(bench, self.name, name, ratio(found, name, "nothing sent"), ">=", 0.95)


C2S, S2C = ("c2s",), ("s2c",)
ROWS = [
    Row("pipe-pipe c2s", "pipe", "pipe", C2S, 1.05, 0.55),
    Row("pipe-pipe s2c", "pipe", "pipe", S2C, 1.1, 0.5),
    Row("file-pipe c2s", "file", "pipe", C2S, 2.0, 0.4),
    Row("file-null c2s", "file", "null", C2S, 2.2, 0.5),
    Row("file-file c2s", "file", "file", C2S, 1.0, 0.75),
    Row("file-file s2c", "file", "file", S2C, 0.95, 0.75),
    Row("pipe-file c2s", "pipe", "file", C2S, 0.9, 0.85),
    Row("pipe-append c2s", "pipe", "append", C2S, 0.95, 1.0),
    Row("socket-socket", "socket", "socket", C2S, 0.95, 1.0),
    Row("both at once", "pipe", "pipe", ("c2s", "s2c"), 1.6, 0.4),
    Row("100-byte writes", "pipe", "pipe", C2S, 0.95, 1.0, block=100),
    RoundTrips("1-byte trips", 1),
    RoundTrips("1-KiB trips", 1024),
    Shots("one shot"),
    Mixed("with nc", "nc"),
    Mixed("with socat", "socat"),
    Unread("other way stuck"),
]


class Bench:
    """What is to be measured, with what; the source file is made once."""

    def __init__(self, options, folder, programs):
        self.programs = {"tcptool": options.tcptool, "bare": compiled("relay_bare", programs)}
        self.load = compiled("relay_load", programs)
        self.cpus = {} if options.unpinned else cpus_of_ends()
        self.rounds = options.rounds or (3 if options.quick else LEAST_ROUNDS)
        self.judges = not options.quick and self.rounds >= LEAST_ROUNDS
        self.size = (options.size or (128 if options.quick else 1024)) * MIB
        self.trips = 1000 if options.quick else 5000
        self.shots = 10 if options.quick else 30
        self.limit = 30  # seconds for a run
        self.table, self.bars = Table(), []
        self.lost = []  # rows, once for each pair that tcptool was in
        self._folder = folder

    def source(self, size):
        path = os.path.join(self._folder, f"source-{size}")
        if not os.path.exists(path):
            with open(path, "wb") as file:
                subprocess.run([self.load, "source", str(size), "65536"], stdout=file, check=True)
        return path

    def sink(self):
        path = os.path.join(self._folder, "sink")
        with open(path, "ab"):
            return path


def positive(text):
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tcptool", default=TCPTOOL)
    parser.add_argument("--quick", action="store_true", help="3 rounds of 128 MiB")
    parser.add_argument("--rounds", type=positive)
    parser.add_argument("--size", type=positive, metavar="MIB")
    parser.add_argument("--unpinned", action="store_true", help="any processor for any process")
    parser.add_argument("--congestion", metavar="NAME", help="cubic, reno, bbr ... for all tools")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("rows", nargs="*", metavar="ROW")
    options = parser.parse_args()
    names = [row.name for row in ROWS]
    for part in options.rows:
        if not any(part in name for name in names):
            parser.error(f"there is no row '{part}'; the rows are: {', '.join(names)}")
    rows = [row for row in ROWS if any(part in row.name for part in options.rows or [""])]
    if options.list:
        print(*(row.name for row in rows), sep="\n")
        return
    options.tcptool = executable(options.tcptool)
    if options.congestion:
        put_in_force(options.congestion)
    congestion = in_force()
    hint = ", which paces: --congestion cubic shows what tools cost" if congestion == "bbr" else ""
    print(f"congestion control: {congestion}{hint}", flush=True)
    begin = time.monotonic()
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory() as programs, \
            tempfile.TemporaryDirectory(dir=memory) as folder:
        bench = Bench(options, folder, programs)
        for row in rows:
            row.measure(bench)
    tell_bars(bench)
    seconds = time.monotonic() - begin
    print(f"{bench.rounds} rounds of {bench.size >> 20} MiB in {seconds:.0f} s")
    if options.json:
        bench.table.write(options.json, bars=bench.bars, rounds=bench.rounds, size=bench.size,
                          kernel=platform.release(), processors=os.cpu_count(), seconds=seconds,
                          congestion=congestion)
    if bench.lost:
        sys.exit(1)


main()
