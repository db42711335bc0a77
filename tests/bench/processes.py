# SPDX-License-Identifier: MIT
"""The processes of one measurement, for relay.py, and the processors that they run on."""

import contextlib
import ctypes
import os
import select
import signal
import socket
import time

from common import read

PR_SET_CHILD_SUBREAPER = 36


def cpus_of_ends():
    """end -> the processor of what runs at that end: of two cores, where there are two."""
    free = sorted(os.sched_getaffinity(0))
    core = {cpu: read(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
            for cpu in free}
    other = next((cpu for cpu in free if core[cpu] != core[free[0]]), free[-1])
    return {"client": {free[0]}, "server": {other}}


class Lost(Exception):
    """Bytes did not arrive, or the run did not end in time."""


class Run:
    """The processes and descriptors of one measurement: none of them outlives it."""

    def __init__(self, limit, cpus):
        self._cpus = cpus
        self._given, self._kept = [], []
        self._before = self._all_children()
        self._end = time.monotonic() + limit
        self._helpers = set()
        self.cpu = 0.0  # seconds, of all processes that were waited for and are no helpers
        # What a tool leaves behind comes to us, to be waited for.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        while children := self._children():
            for pid in children:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        self.close_given()
        for fd in self._kept:
            os.close(fd)

    def _children(self):
        return self._all_children() - self._before

    @staticmethod
    def _all_children():
        return {int(pid) for pid in read(f"/proc/self/task/{os.getpid()}/children").split()}

    def given(self, *fds):
        """These are for processes, and closed here once all of them have been started."""
        self._given += fds
        return fds if len(fds) > 1 else fds[0]

    def kept(self, fd):
        self._kept.append(fd)
        return fd

    def close_given(self):
        while self._given:
            os.close(self._given.pop())

    def pipe(self):
        return self.given(*os.pipe())

    def channel(self, kind):
        """(where it is read, where it is written)"""
        if kind == "pipe":
            return self.pipe()
        return self.given(*(end.detach() for end in socket.socketpair()))

    def null(self):
        return self.given(os.open(os.devnull, os.O_RDWR))

    def start(self, command, stdin=None, stdout=None, more=()):
        """Returns its process. None is /dev/null; `more` are pairs (fd, its number there)."""
        null = self.null()
        fds = [(null if stdin is None else stdin, 0), (null if stdout is None else stdout, 1),
               (null, 2), *more]
        actions = [(os.POSIX_SPAWN_DUP2, fd, number) for fd, number in fds]
        return os.posix_spawnp(command[0], [*map(str, command)], os.environ, file_actions=actions)

    @contextlib.contextmanager
    def at(self, end):
        """What is started within runs at that end of the connection, "client" or "server"."""
        free = os.sched_getaffinity(0)
        os.sched_setaffinity(0, self._cpus.get(end, free))
        try:
            yield
        finally:
            os.sched_setaffinity(0, free)

    def help(self, command, *args, **keywords):
        """The same for what is not measured."""
        pid = self.start(command, *args, **keywords)
        self._helpers.add(pid)
        return pid

    def running(self, pid):
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def wait(self, pid):
        """Returns its status."""
        ended = os.pidfd_open(pid)
        in_time = select.select([ended], [], [], max(self._end - time.monotonic(), 0))[0]
        os.close(ended)
        if not in_time:
            raise Lost("it did not end")
        _, status, usage = os.wait4(pid, 0)
        if pid not in self._helpers:
            self.cpu += usage.ru_utime + usage.ru_stime
        return os.waitstatus_to_exitcode(status)

    def wait_for_what_is_left(self):
        for pid in self._children():
            self.wait(pid)
