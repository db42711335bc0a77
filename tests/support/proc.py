# SPDX-License-Identifier: MIT
"""What /proc tells of a process that is our own child. Tests reach it as ends.NAME."""

import contextlib
import os
import resource
import time

from tool import TCPTOOL, family

__unittest = True  # keeps these frames out of tracebacks


def cpu_seconds(pid):
    """User and system time of a process."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def process_state(pid):
    """R, S, T, Z ... as in proc(5)."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(")")[2].split()[0]


def memory(pid):
    """Bytes of anonymous memory that a process holds now."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon:"))


def file_flags(pid, fd):
    """The status flags of a process's descriptor, from /proc."""
    with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as info:
        return next(int(line.split()[1], 8) for line in info if line.startswith("flags:"))


def sanitized():
    """Whether a sanitizer is in the program: it makes calls of its own, handles crashes, and keeps
    for a while what was freed."""
    with open(TCPTOOL, "rb") as program:
        return b"__asan_init" in program.read()


def assert_grown_less(test, pid, before, bound):
    """A process's memory() is not `bound` bytes more than it was before."""
    kept = 4 << 20 if sanitized() else 0
    test.assertLess(memory(pid) - before, bound + kept)


def assert_idle(test, pid, seconds=0.5):
    """The process comes to use next to no processor time while `seconds` pass."""
    most_tries = 10  # a wrapper takes its time to start; a spin is found however often one looks
    for _ in range(most_tries):
        before = cpu_seconds(pid)
        time.sleep(seconds)  # not to synchronise: the time in which a spin would show
        used = cpu_seconds(pid) - before
        if used < 0.2 * seconds:
            return
    test.fail(f"{used} s of processor time in {seconds} s of waiting, {most_tries} times over")


def child_named(pid, name):
    """The process of this name among `pid` and its descendants, or None."""
    for member in family(pid):
        with contextlib.suppress(OSError):
            with open(f"/proc/{member}/comm", encoding="ascii") as comm:
                if comm.read().strip() == name:
                    return member
    return None


def limit_file_size(size):
    """For preexec_fn: RLIMIT_FSIZE, with the signal left as it is."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
