#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What clients cost a listener: connections a second, and many that are held.

Usage: tests/bench/listener.py [--tcptool PATH] [--rounds N] [--json FILE] [PART ...]

PARTs, all of them unless some are named:
  serial    connect, one line, close; the next begins once the line has come out at the server
  parallel  the same, 64 at a time
  idle      clients that do nothing: the server's memory for each, and its CPU time meanwhile
  active    round trips of one client of --serve echo: alone, among 1,000 and among 10,000 idle ones
  events    round trips that go around all clients: the server's CPU time for one

Each round runs every tool (or number of clients) once, in turn; told are the medians, the range,
and the ratio to tcptool's (or to the smallest number's; for idle, the largest's). Every byte is
checked: a tool that did not bring all of them, each once, within a time is LOST and not run again
in that part. Tools that are not installed are left out. listener_load.c, compiled with cc, is the
clients and the bare server, which shows what epoll alone costs. On a busy machine believe CPU
times.
"""

import argparse
import os
import resource
import select
import shutil
import statistics
import subprocess
import tempfile
import time

from common import LOOPBACK, TCPTOOL, Table, compiled, executable, listens, read, unused_port

CONNECTIONS = 4000
STALL_MS, MOST_MS = 2500, 8000
IDLE_SECONDS, EVENTS = 2, 20000
LINE = 9  # bytes that a client sends
CLIENTS = [100, 1000, 10000]
# A process for each client, or an end at descriptor 1024: they are not asked for more.
PEER_CLIENTS = {"ncat": 900, "socat": 200}
BARS = """serial: tcptool at least 0.85 of nc and ncat. parallel: at least 12 of socat, none
lost. idle: at most 2 KiB, no CPU. active: within 1.5 of alone. events: no growth."""


def command(tool, options, port):
    tcptool = options.tcptool
    return {
        "tcptool": [tcptool, "listen", "-k", "-q", LOOPBACK, port],
        "echo": [tcptool, "listen", "-k", "-q", "--serve", "echo", LOOPBACK, port],
        "bare epoll": [options.load, "serve", port],
        "nc.openbsd": ["nc.openbsd", "-l", "-k", LOOPBACK, port],
        "ncat": ["ncat", "-l", "-k", "-m", "1000", LOOPBACK, port],
        "socat": ["socat", "-u", f"TCP-L:{port},bind={LOOPBACK},fork,reuseaddr,backlog=4096", "-"],
    }[tool]


class Server:
    """A listener whose stdin stays open and silent."""

    def __init__(self, tool, options):
        self.port = unused_port()
        self.process = subprocess.Popen(command(tool, options, str(self.port)),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.pid = self.process.pid
        if not listens(self.port, lambda: self.process.poll() is None):
            raise SystemExit(f"{tool} does not listen")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        children = self.children()
        self.process.kill()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        for pid in children:  # of a server that forks: they end with their clients
            end = time.monotonic() + 5
            while os.path.exists(f"/proc/{pid}") and time.monotonic() < end:
                time.sleep(0.01)

    def children(self):
        return read(f"/proc/{self.pid}/task/{self.pid}/children").split()

    def cpu(self):
        """Seconds, with the children that have ended."""
        fields = read(f"/proc/{self.pid}/stat").rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def cpu_ns(self):
        """Of its one thread, finer than ticks."""
        return int(read(f"/proc/{self.pid}/schedstat").split()[0])

    def memory(self):
        """(PSS, private) in bytes, with the children."""
        pss = private = 0
        for pid in [self.pid, *self.children()]:
            for line in read(f"/proc/{pid}/smaps_rollup").splitlines():
                name, *value = line.split()
                if name == "Pss:":
                    pss += int(value[0]) << 10
                if name.startswith("Private_"):
                    private += int(value[0]) << 10
        return pss, private


class Clients:
    """The connections that listener_load holds."""

    def __init__(self, load, port, count):
        self.process = subprocess.Popen([load, "hold", str(port), str(count)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.standing = int(self.process.stdout.readline() or 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def ask(self, words):
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()
        return [float(word) for word in self.process.stdout.readline().split()]


def rate(options, part, parallel):
    peers = [tool for tool in ("nc.openbsd", "ncat", "socat") if shutil.which(tool)]
    tools = ["tcptool", "bare epoll", *peers]
    figures = {tool: [] for tool in tools}
    cpu = {tool: [] for tool in tools}
    lost = {}
    for _ in range(options.rounds):
        for tool in [tool for tool in tools if tool not in lost]:
            with Server(tool, options) as server:
                words = [server.port, CONNECTIONS, parallel, STALL_MS, MOST_MS]
                run = subprocess.run([options.load, "rate", *map(str, words)], check=True,
                                     stdin=server.process.stdout, capture_output=True)
                seconds, came, wrong, failed = map(float, run.stdout.split())
                cpu[tool].append(server.cpu() / CONNECTIONS * 1e6)
            figures[tool].append(came / max(seconds, 1e-6))
            if came != CONNECTIONS or wrong:
                lost[tool] = (f"LOST {CONNECTIONS - came:.0f} of {CONNECTIONS} lines, "
                              f"{wrong:.0f} wrong, {failed:.0f} not connected")
    base = statistics.median(figures["tcptool"])
    for tool in tools:
        spent = statistics.median(cpu[tool])
        options.table.add(part, tool, base, "conn/s", figures[tool],
                          f"{spent:.1f} us CPU each  {lost.get(tool, '')}", cpu_us=spent,
                          lost=lost.get(tool))


def come_out(server, count):
    """Whether every client's line came out at the server, each once."""
    got = b""
    output = server.process.stdout.fileno()
    while len(got) < count * LINE and select.select([output], [], [], STALL_MS / 1e3)[0]:
        chunk = os.read(output, 1 << 16)
        if not chunk:
            break
        got += chunk
    return sorted(got.split()) == [b"%08d" % number for number in range(count)]


def hold_idle(options, tool, count):
    """(PSS, private growth of it in bytes a client, CPU ms while idle, what went wrong)"""
    with Server(tool, options) as server:
        with Clients(options.load, server.port, 1):
            before = server.memory()  # with what the first client brings for all
        with Clients(options.load, server.port, count) as clients:
            if clients.standing < count:
                return None, f"LOST: only {clients.standing} of {count} connected"
            time.sleep(1)
            after, spent = server.memory(), server.cpu()
            time.sleep(IDLE_SECONDS)
            busy = (server.cpu() - spent) * 1e3
            sent = clients.ask("mark")
            whole = sent == [count] and come_out(server, count)
        grown = [(late - early) / count for late, early in zip(after, before)]
        return (*grown, busy), "" if whole else "LOST lines of its clients"


def idle(options):
    tools = {f"tcptool {count}": ("tcptool", count) for count in reversed(options.clients)}
    tools |= {f"{tool} {count}": (tool, count) for tool, count in PEER_CLIENTS.items()
              if shutil.which(tool)}
    base = None
    for name, (tool, count) in tools.items():
        figures, lost = hold_idle(options, tool, count)
        if not figures:
            options.table.add("idle", name, None, "", [], lost)
            continue
        pss, private, busy = figures
        note = f"private {private:.0f} B, CPU {busy:.0f} ms in {IDLE_SECONDS} s  {lost}"
        median = options.table.add("idle", name, base, "B PSS/client", [pss], note,
                                   private=private, idle_cpu_ms=busy, lost=lost or None)
        base = base or median


def active(options):
    numbers = [0] + [count for count in options.clients if count >= 1000]
    p50, p99 = {count: [] for count in numbers}, {count: [] for count in numbers}
    for _ in range(options.rounds):
        for count in numbers:
            with Server("echo", options) as server, \
                    Clients(options.load, server.port, count) as clients:
                half, most, wrong = clients.ask(f"ping {EVENTS // 2}")
            if wrong or clients.standing != count:
                raise SystemExit(f"LOST: an echo among {count} clients was wrong or missing")
            p50[count].append(half)
            p99[count].append(most)
    base = statistics.median(p50[0])
    for count in numbers:
        late = statistics.median(p99[count])
        options.table.add("active", f"among {count} idle", base, "us p50", p50[count],
                          f"p99 {late:.1f} us", p99=late)


def events(options):
    figures = {count: [] for count in options.clients}
    for _ in range(options.rounds):
        for count in options.clients:
            with Server("echo", options) as server, \
                    Clients(options.load, server.port, count) as clients:
                clients.ask(f"round {count}")
                before = server.cpu_ns()
                _, wrong = clients.ask(f"round {EVENTS}")
                figures[count].append((server.cpu_ns() - before) / EVENTS / 1e3)
            if wrong or clients.standing != count:
                raise SystemExit(f"LOST: an echo to one of {count} clients was wrong or missing")
    base = statistics.median(figures[options.clients[0]])
    for count in options.clients:
        options.table.add("events", f"{count} clients", base, "us CPU/event", figures[count])


PARTS = {"serial": lambda options: rate(options, "serial", 1),
         "parallel": lambda options: rate(options, "parallel", 64),
         "idle": idle, "active": active, "events": events}


def main():
    parser = argparse.ArgumentParser(epilog=BARS)
    parser.add_argument("--tcptool", type=executable, default=TCPTOOL)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    options = parser.parse_args()
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    options.clients = [count for count in CLIENTS if count + 64 <= descriptors]
    for count in set(CLIENTS) - set(options.clients):
        print(f"skipped: {count} clients (ulimit -Hn is {descriptors})")
    options.table = Table()
    with tempfile.TemporaryDirectory() as folder:
        options.load = compiled("listener_load", folder)
        for part in options.parts or PARTS:
            PARTS[part](options)
    if options.json:
        options.table.write(options.json)


main()
