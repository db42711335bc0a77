#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a trace costs: a round trip, bulk and a whole short run, with it and without.

Usage: tests/bench/trace.py [--tcptool PATH] [--without PATH] [--rounds N] [--only FORMS] [PART ...]

PARTs are pingpong (1 byte), kib (1 KiB), bulk (pipe to pipe), oneshot, events; all of them unless
some are named. events is the processor time of a loop that never sleeps (a byte a read) beyond that
of `off`, for each line of the trace, and how many lines a second of it would make. Each round runs
every form once, in turn: `off` (the flight recorder alone), `json`, `text` and `strace` (--trace
FILE in that format), `strace -f` around the program, and `without`, another build, such as one of a
version without the recorder. Told are the median, the range, and how many times as long as `off` it
takes by the medians, with the most that it may (`without`: `off` against it). The trace is in
/dev/shm: a disk, or what a file system does at the close of a file that was truncated, is not what
is measured.
"""

import argparse
import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from common import LOOPBACK, TCPTOOL, compiled, executable, listens, unused_port

ROUND_TRIPS = 4000
BULK = 1 << 30
PACKETS = 100_000


def forms(options, folder):
    """name -> (words in front of the program's options, the program)."""
    file = os.path.join(folder, "trace")
    out = {"off": ([options.tcptool], [])}
    for name in ("json", "text", "strace"):
        out[name] = ([options.tcptool], ["--trace", file, "--trace-format", name])
    if options.without:
        out["without"] = ([options.without], [])
    if shutil.which("strace"):
        out["strace -f"] = (["strace", "-f", "-o", file, options.tcptool], [])
    wanted = options.only.split(",") if options.only else out
    return {name: form for name, form in out.items() if name == "off" or name in wanted}


def start(form, command, *args):
    program, traced = form
    return subprocess.Popen([*program, command, "-q", *traced, *map(str, args)],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)


def echo(listener):
    """Gives back what the one client sends."""
    connection = listener.accept()[0]
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection:
        while chunk := connection.recv(65536):
            connection.sendall(chunk)


def round_trip(form, size, trips=ROUND_TRIPS):
    """Microseconds: from our stdin, through tcptool, an echo server and tcptool, to our stdout."""
    trips = trips // 20 if "strace" in form[0][0] else trips
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=echo, args=(listener,), daemon=True).start()
        with start(form, "connect", "-o", "TCP_NODELAY", *listener.getsockname()) as process:
            data = b"x" * size
            for number in range(trips + 100):
                if number == 100:
                    begin = time.perf_counter()
                process.stdin.write(data)
                left = size
                while left:
                    left -= len(os.read(process.stdout.fileno(), left))
            took = time.perf_counter() - begin
            process.stdin.close()
        return took / trips * 1e6


def transfer(form, load, size, block, packets=False):
    """From a pipe, through the program, loopback and another tcptool, into a pipe whose reader
    discards: (seconds, the processor time of the program). Feeder and reader are in C: two threads
    of an interpreter would wait for each other. `packets`: each read gets one block."""
    port = unused_port()
    with contextlib.ExitStack() as stack:
        def run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL):
            return stack.enter_context(
                subprocess.Popen([*map(str, command)], stdin=stdin, stdout=stdout))

        server = run([form[0][-1], "listen", "-q", LOOPBACK, port], stdout=subprocess.PIPE)
        count = run([load, "count"], server.stdout, subprocess.PIPE)
        server.stdout.close()
        if not listens(port, lambda: server.poll() is None):
            sys.exit("tcptool listen does not listen")
        out, into = os.pipe2(os.O_CLOEXEC | (os.O_DIRECT if packets else 0))
        run([load, "source", size, block], stdout=into)
        os.close(into)
        program, traced = form
        begin = time.perf_counter()
        client = run([*program, "connect", "-q", *traced, LOOPBACK, port], stdin=out)
        os.close(out)
        came = int(count.stdout.read().split()[0])
        took = time.perf_counter() - begin
        _, client.returncode, usage = os.wait4(client.pid, 0)
        if client.returncode or came != size:
            sys.exit(f"{came} of {size} bytes came, wait status {client.returncode}")
    return took, usage.ru_utime + usage.ru_stime


def bulk(form, load):
    """GB/s"""
    size = BULK // 8 if "strace" in form[0][0] else BULK
    return size / transfer(form, load, size, 65536)[0] / 1e9


def many_calls(form, load):
    """Seconds of processor time that as many calls take as can be made, and how many lines the
    trace has."""
    path = form[1][form[1].index("--trace") + 1] if form[1] else os.devnull
    took = transfer(form, load, PACKETS, 1, packets=True)[1]
    with open(path, "rb") as trace:
        return took, sum(chunk.count(b"\n") for chunk in iter(lambda: trace.read(1 << 20), b""))


def events(options, folder, load):
    """Prints what an event costs in each form that writes one to a file."""
    figures = {name: [] for name in ("off", "json", "text", "strace")}
    for _ in range(options.rounds):
        for name, form in forms(options, folder).items():
            if name in figures:
                figures[name].append(many_calls(form, load))
    off = statistics.median(seconds for seconds, _ in figures.pop("off"))
    for name, values in figures.items():
        if values:
            costs = sorted((seconds - off) / lines * 1e9 for seconds, lines in values)
            median = statistics.median(costs)
            print(f"events    {name:10} {median:9.0f} ns an event  {costs[0]:9.0f} .."
                  f"{costs[-1]:9.0f}  {1e3 / median:6.2f} million a second", flush=True)


def oneshot(form, load, times=30):
    """Milliseconds of a run that sends one byte to an echo server and gets it back, the median
    of some. Who serves and who starts it are in C: an interpreter's pauses would be most of it."""
    program, traced = form
    with subprocess.Popen([load, "echo"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        port = server.stdout.readline().decode().strip()
        told = subprocess.run([load, "shots", str(times), *program, "connect", "-q", *traced,
                               "127.0.0.1", port], capture_output=True, check=True).stdout
        server.stdin.close()
    return statistics.median(float(line.split()[0]) for line in told.splitlines()) / 1e3


PARTS = {"pingpong": ("us", lambda form, _: round_trip(form, 1)),
         "kib": ("us", lambda form, _: round_trip(form, 1024)),
         "bulk": ("GB/s", bulk),
         "oneshot": ("ms", oneshot)}
# The most that a form may cost, in times of off.
GOALS = {("bulk", "json"): 1.05, ("kib", "json"): 1.15, ("kib", "without"): 1.03,
         ("oneshot", "json"): 1.10}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tcptool", type=executable, default=TCPTOOL)
    parser.add_argument("--without", type=executable)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", help="forms, with commas between; off is always one")
    parser.add_argument("parts", nargs="*", metavar="PART")
    options = parser.parse_args()
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory() as programs, \
            tempfile.TemporaryDirectory(dir=memory) as folder:
        load = compiled("relay_load", programs)
        for part in options.parts or [*PARTS, "events"]:
            if part == "events":
                events(options, folder, load)
                continue
            unit, measure = PARTS[part]
            figures = {name: [] for name in forms(options, folder)}
            for _ in range(options.rounds):
                for name, form in forms(options, folder).items():
                    figures[name].append(measure(form, load))
            off = statistics.median(figures["off"])
            for name, values in figures.items():
                median = statistics.median(values)
                ratio = off / median if (unit == "GB/s") != (name == "without") else median / off
                goal = GOALS.get((part, name))
                print(f"{part:9} {name:10} {median:9.3f} {unit}  {min(values):9.3f} .."
                      f"{max(values):9.3f}  {ratio:6.3f} times off" +
                      (f", at most {goal}" if goal else ""), flush=True)


main()
