#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a trace costs: a round trip, bulk and a whole short run, with it and without.

Usage: tests/bench/trace.py [--tcptool PATH] [--without PATH] [--rounds N] [--only FORMS] [PART ...]

PARTs are pingpong (1 byte), kib (1 KiB), bulk, oneshot, events; all of them unless some are named.
events is the processor time of a ping-pong beyond that of `off`, for each line of the trace, and
how many lines a second of it would make. Each round runs every form once, in turn: `off` (the
flight recorder alone), `json`, `text` and `strace` (--trace FILE in that format), `strace -f`
around the program, and `without`, another build, such as one of a version without the recorder.
Told are the median, the range, and how many times as long as
`off` it takes by the medians, with the most that it may (`without`: `off` against it). The trace is
in /dev/shm: a disk, or what a file system does at the close of a file that was truncated, is not
what is measured.
"""

import argparse
import functools
import os
import resource
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time

from common import compiled

ROUND_TRIPS = 4000
BULK = 512 << 20


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


def bulk(form):
    """GB/s from a pipe of ours, through tcptool and loopback, to a reader that discards."""
    size = BULK // 8 if "strace" in form[0][0] else BULK
    done = []

    def discard(listener):
        with listener.accept()[0] as connection:
            while connection.recv(1 << 20, socket.MSG_TRUNC):
                pass
        done.append(time.perf_counter())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=discard, args=(listener,))
        thread.start()
        with start(form, "connect", *listener.getsockname()) as process:
            chunk, left = memoryview(bytes(1 << 16)), size
            begin = time.perf_counter()
            while left:
                left -= process.stdin.write(chunk[:left])
            process.stdin.close()
            thread.join()
    return size / (done[0] - begin) / 1e9


def processor_time(form):
    """Seconds that tcptool itself takes for many trips of 1 byte, and the lines of its trace."""
    path = form[1][form[1].index("--trace") + 1] if form[1] else os.devnull
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    round_trip(form, 1, 10 * ROUND_TRIPS)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(path, "rb") as trace:
        lines = sum(chunk.count(b"\n") for chunk in iter(lambda: trace.read(1 << 20), b""))
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, lines


def events(options, folder):
    """Prints what an event costs in each form that writes one to a file."""
    figures = {name: [] for name in ("off", "json", "text", "strace")}
    for _ in range(options.rounds):
        for name, form in forms(options, folder).items():
            if name in figures:
                figures[name].append(processor_time(form))
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


PARTS = {"pingpong": ("us", lambda form: round_trip(form, 1)),
         "kib": ("us", lambda form: round_trip(form, 1024)),
         "bulk": ("GB/s", bulk),
         "oneshot": ("ms", None)}
# The most that a form may cost, in times of off.
GOALS = {("bulk", "json"): 1.05, ("kib", "json"): 1.15, ("kib", "without"): 1.03,
         ("oneshot", "json"): 1.10}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tcptool", default="build/release/tcptool")
    parser.add_argument("--without")
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
                events(options, folder)
                continue
            unit, measure = PARTS[part]
            if part == "oneshot":
                measure = functools.partial(oneshot, load=load)
            figures = {name: [] for name in forms(options, folder)}
            for _ in range(options.rounds):
                for name, form in forms(options, folder).items():
                    figures[name].append(measure(form))
            off = statistics.median(figures["off"])
            for name, values in figures.items():
                median = statistics.median(values)
                ratio = off / median if (unit == "GB/s") != (name == "without") else median / off
                goal = GOALS.get((part, name))
                print(f"{part:9} {name:10} {median:9.3f} {unit}  {min(values):9.3f} .."
                      f"{max(values):9.3f}  {ratio:6.3f} times off" +
                      (f", at most {goal}" if goal else ""), flush=True)


main()
