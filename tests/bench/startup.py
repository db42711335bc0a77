#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How long a command takes that does nothing: tcptool --version beside the peers' like.

Usage: tests/bench/startup.py [TCPTOOL] [ROUNDS]

Each round runs every program once, one after the other, from posix_spawn to wait; told are the
medians and their ratio to nc's. A peer that is not installed is left out.
"""

import os
import shutil
import statistics
import sys
import time

from common import TCPTOOL, executable

PEERS = [["nc.openbsd", "-h"], ["ncat", "--version"], ["socat", "-V"]]


def once(command, null):
    actions = [(os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, null, 2)]
    start = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
    os.waitpid(child, 0)
    return time.perf_counter() - start


def main():
    tcptool = executable(sys.argv[1] if len(sys.argv) > 1 else TCPTOOL)
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    commands = [[tcptool, "--version"]] + [peer for peer in PEERS if shutil.which(peer[0])]
    null = os.open(os.devnull, os.O_RDWR)
    times = {command[0]: [] for command in commands}
    for _ in range(rounds):
        for command in commands:
            times[command[0]].append(once(command, null))
    nc = statistics.median(times.get("nc.openbsd", times[tcptool]))
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{os.path.basename(name):12} {median * 1e3:6.2f} ms  {median / nc:5.2f} of nc")


main()
