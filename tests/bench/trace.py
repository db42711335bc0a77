#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a trace costs: a round trip, bulk and a whole short run, with it and without.

Usage: tests/bench/trace.py [--tcptool PATH] [--without PATH] [--rounds N] [--only FORMS] [PART ...]

PARTs are pingpong (1 byte), kib (1 KiB), bulk, oneshot; all of them unless some are named. Each
round runs every form once, in turn: `off` (the flight recorder alone), `json`, `text` and `strace`
(--trace FILE in that format), `strace -f` around the program, and `without`, another build, such as
one of a version without the recorder. Told are the median, the range, and the ratio of the medians
to `off`.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time

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


def round_trip(form, size):
    """Microseconds: from our stdin, through tcptool, an echo server and tcptool, to our stdout."""
    trips = ROUND_TRIPS // 20 if "strace" in form[0][0] else ROUND_TRIPS
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


def oneshot(form):
    """Milliseconds of a whole run that sends one byte to an echo server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=echo, args=(listener,), daemon=True).start()
        begin = time.perf_counter()
        with start(form, "connect", *listener.getsockname()) as process:
            process.communicate(b"x")
        return (time.perf_counter() - begin) * 1e3


PARTS = {"pingpong": ("us", lambda form: round_trip(form, 1)),
         "kib": ("us", lambda form: round_trip(form, 1024)),
         "bulk": ("GB/s", bulk),
         "oneshot": ("ms", oneshot)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tcptool", default="build/release/tcptool")
    parser.add_argument("--without")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", help="forms, with commas between; off is always one")
    parser.add_argument("parts", nargs="*", metavar="PART")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for part in options.parts or PARTS:
            unit, measure = PARTS[part]
            rounds = options.rounds * (10 if part == "oneshot" else 1)
            figures = {name: [] for name in forms(options, folder)}
            for _ in range(rounds):
                for name, form in forms(options, folder).items():
                    figures[name].append(measure(form))
            off = statistics.median(figures["off"])
            for name, values in figures.items():
                median = statistics.median(values)
                print(f"{part:9} {name:10} {median:9.3f} {unit}  {min(values):9.3f} .."
                      f"{max(values):9.3f}  {median / off:6.3f} of off", flush=True)


main()
