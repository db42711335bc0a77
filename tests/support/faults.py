# SPDX-License-Identifier: MIT
"""Makes one system call of tcptool fail, from outside (strace -e inject), and judges what follows.

A scenario is a run whose content is known. Its calls come from a trace of the run, so that a new
call is tried as soon as it is made; what can happen to each is in fault_table.py. The calls that
come before main (the loader's, libc's) are counted there, and passed over by `when`.
"""

import collections
import concurrent.futures
import contextlib
import json
import os
import re
import select
import socket
import time

import fault_table
import ends
import oracle
import tool

__unittest = True  # keeps these frames out of tracebacks

MAIN = re.compile(r"fcntl\(0<.*>, F_GETFD")  # the first call of main
WAIT = 8  # seconds in which a case must end
MOST_CPU = 1.0  # seconds of processor time that one may take
FULL = os.environ.get("TCPTOOL_FAULTS") == "full"
ONLY = os.environ.get("TCPTOOL_FAULT", "")  # one case, as its complaint names it
WORKERS = 4  # half of each case is waiting for processes to start and end

Fault = collections.namedtuple("Fault", "call errno when")  # when: counted from main on, as strace


class Stuck(tool.Failure):
    """Something has not ended in its time."""


def talk(peer, data, over=lambda: False, awaited=0):
    """Sends `data` and a FIN while it reads to the end: the bytes, and how that came, "FIN", "RST",
    "over" or "stuck". The FIN waits for `awaited` bytes, or for a while of silence."""
    got, view, end = bytearray(), memoryview(data), time.monotonic() + WAIT * tool.PATIENCE
    peer.setblocking(False)
    sending = reading = True
    while sending or reading:
        if over() or time.monotonic() > end:
            return bytes(got), "over" if over() else "stuck"
        writers = [peer] if sending and (view or len(got) >= awaited) else []
        readable, writable, _ = select.select(reading * [peer], writers, [], 0.2)
        try:
            if writable and view:
                view = view[peer.send(view[:1 << 16]):]
            elif writable or not (readable or view):
                peer.shutdown(socket.SHUT_WR)
                sending = False
            if readable:
                chunk = peer.recv(1 << 18)
                got += chunk
                reading = bool(chunk)
        except OSError:  # a RST: what came before it is still there
            with contextlib.suppress(OSError):
                while chunk := peer.recv(1 << 18):
                    got += chunk
            return bytes(got), "RST"
    return bytes(got), "FIN"


class Run:
    """One run of a scenario, and what became of it."""

    def __init__(self, result, cpu, delivered):
        self.result, self.cpu = result, cpu
        self.delivered = delivered  # [(what, expected, got)]: bytes that went somewhere
        self.injected = []
        self.objects = []
        for line in result.stderr.splitlines():
            with contextlib.suppress(ValueError):  # a line that was cut short by the fault
                self.objects.append(json.loads(line))

    def whole(self):
        return all(expected == got for _, expected, got in self.delivered)

    def told(self, *types):
        """The objects of these types on stderr."""
        return [line for line in self.objects if line.get("type") in types]


def ended(process):
    """Whether a Tool has ended; its status stays there to be taken."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _await_end(process):
    """Waits for it; returns the processor seconds of what strace ran."""
    pidfd = os.pidfd_open(process.pid)
    try:
        if not select.select([pidfd], [], [], WAIT * tool.PATIENCE)[0]:
            raise Stuck(f"it still runs after {WAIT * tool.PATIENCE:g} s")
    finally:
        os.close(pidfd)
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:  # of the zombie
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


class Scenario:
    """A run with known content. `calls`: those that are tried, None for all that it makes."""

    name, calls, ends_by = "", None, 0

    def __init__(self, folder):
        self.folder = folder
        self.trace = None

    def run(self, under, number):
        """Runs it under strace; `number` is the case's own. Returns a Run."""
        raise NotImplementedError

    @staticmethod
    def finish(process, delivered):
        cpu = _await_end(process)
        return Run(process.finish(), cpu, delivered())

    def under(self, number, *options):
        log = os.path.join(self.folder, f"{self.name.replace(' ', '-')}-{number}")
        return log, ["strace", "-qq", "-y", "-o", log, *options]

    def calls_made(self):
        """The names of the calls of one run, those before main apart: two Counters."""
        log, under = self.under("trace")
        run = self.run(under, 0)
        if run.result.status != self.ends_by or not run.whole():
            raise tool.Failure(f"{self.name} does not even work without a fault{run.result}")
        with open(log, encoding="ascii", errors="replace") as lines:
            calls = [line for line in lines if re.match(r"\w+\(", line)]
        main = next(i for i, line in enumerate(calls) if MAIN.match(line))
        names = [line.partition("(")[0] for line in calls]
        return collections.Counter(names[:main]), collections.Counter(names[main:])

    def faults(self, made):
        """The cases to try: all of them, or each errno once and those after which all goes on at
        each of their places."""
        for number, (call, count) in enumerate(sorted(made.items())):
            if call in fault_table.LEFT_ALONE or (self.calls and call not in self.calls):
                continue
            if call not in fault_table.ERRNOS:
                raise tool.Failure(f"{call}: the errors of its manual page belong into ERRNOS of "
                                   "tests/support/fault_table.py")
            for rank, errno in enumerate(fault_table.ERRNOS[call]):
                again = errno in fault_table.AGAIN.get(call, ())
                places = ["1", "2", "3+2" if again else "3+"][:count]
                if FULL:
                    places += [str(n) for n in range(3, min(count, 24) + 1)]
                    places += ["1+2" if again else "1+"]
                elif not again:
                    places = [places[(rank + number) % len(places)]]
                for place in dict.fromkeys(places):
                    yield Fault(call, errno, place)

    def inject(self, number, fault, before):
        """Runs it with a fault; the case's Run, with the lines of strace that show it."""
        first = re.match(r"\d+", fault.when)[0]
        when = str(before[fault.call] + int(first)) + fault.when[len(first):]
        log, under = self.under(
            number, "-e", f"trace={fault.call}", "-e",
            f"inject={fault.call}:error={fault.errno}:when={when}")
        try:
            run = self.run(under, number)
            if not os.path.exists(log):
                raise tool.Failure(f"strace did not run{run.result}")
            with open(log, encoding="ascii", errors="replace") as lines:
                run.injected = [line for line in lines if "(INJECTED)" in line]
            return run
        finally:
            with contextlib.suppress(OSError):
                os.remove(log)


def complaints(scenario, fault, run):
    """What is wrong with how a run ended, as texts."""
    status = run.result.status
    # The end by a signal that the kernel keeps from us is told by the shell's number.
    good = status == scenario.ends_by or (status > 128 and status == 128 - scenario.ends_by) or (
        status == 0 and excused(fault, run))
    if status < 0 and not good:
        yield f"it died of signal {-status}"
    if run.cpu > MOST_CPU * tool.PATIENCE:
        yield f"it took {run.cpu} s of processor time"
    for what, expected, got in run.delivered:
        if not expected.startswith(got):
            yield f"{what} got {len(got)} bytes that are not the first ones of what was sent"
    if good:
        if not run.whole() and not excused(fault, run):
            short = [f"{what} got {len(got)} of {len(expected)} bytes"
                     for what, expected, got in run.delivered if expected != got]
            yield f"status {status}, but {', '.join(short)}"
    elif fault.errno in fault_table.AGAIN.get(fault.call, ()) and not of_a_file(run):
        yield f"status {status} after an error that says: once more"
    elif not run.told("error") and not lost(run) and not hits_stderr(run):
        yield f"status {status} without a word"
    yield from blames(fault, run)


def hits_stderr(run):
    return any(re.match(r"(write|poll)\((2<|\[\{fd=2<)", line) for line in run.injected)


def of_a_file(run):
    """A regular file is among those that failed so, which in truth none does."""
    return any(re.match(r"write\(\d+</", line) for line in run.injected)


def lost(run):
    """The clients that were lost: that is a line, and without -k the exit status."""
    return [line for line in run.told("client-closed") if line.get("reason") != "complete"]


def excused(fault, run):
    """Whoever read stdout has gone: the one loss that is no failure. Or one of many is lost."""
    return lost(run) or run.told("stdout-closed") or (fault.call, fault.errno) == ("write", "EPIPE")


def blames(fault, run):
    """A message that names another culprit than the one there is: this host."""
    if fault.errno in fault_table.OF_THE_NETWORK | fault_table.ANSWERS.get(fault.call, set()):
        return
    for error in run.told("error"):
        words, status = json.dumps(error), error.get("status", run.result.status)
        if status in (3, 5, 6, 7):
            yield f"status {status} is the network's: {error['message']}"
        if re.search(r"\b(RST|firewall|ICMP)\b|peer('s \w+)? (has|is|was|aborted|reset|no longer)",
                     words):
            yield f"it blames the peer: {words[:1500]}"
        if fault.errno not in words and status != 9:
            yield f"it does not say {fault.errno}: {error['message']}"


class Table:
    """What became of each call with each errno, to be printed."""

    def __init__(self):
        self._rows = collections.defaultdict(lambda: collections.defaultdict(set))
        self.cases = collections.Counter()

    def add(self, fault, outcome):
        self._rows[fault.call][outcome].add(fault.errno)
        self.cases[outcome] += 1

    def text(self, name):
        out = [f"{name}: {sum(self.cases.values())} cases, " +
               ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.cases.items()))]
        for call, outcomes in sorted(self._rows.items()):
            out.append(f"  {call:14} " + "; ".join(
                f"{outcome}: {' '.join(sorted(errnos))}"
                for outcome, errnos in sorted(outcomes.items())))
        return "\n".join(out)


def sweep(scenario):
    """Tries all faults of a scenario; returns the table's text and the complaints."""
    before, made = scenario.calls_made()
    cases = [(number, fault) for number, fault in enumerate(scenario.faults(made), 1)
             if ONLY in ("", " ".join((scenario.name, *fault)))]
    table, wrong = Table(), []

    def attempt(case):
        number, fault = case
        try:
            run = scenario.inject(number, fault, before)
        except Stuck as stuck:
            return fault, "stuck", [str(stuck)], ""
        if not run.injected:
            return fault, "not reached", [], ""
        outcome = "whole" if run.whole() and run.result.status == scenario.ends_by else \
            f"status {run.result.status}"
        return fault, outcome, list(complaints(scenario, fault, run)), str(run.result)

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as workers:
        for fault, outcome, found, shown in workers.map(attempt, cases):
            table.add(fault, outcome)
            name = " ".join((scenario.name, *fault))
            wrong += [f"{name}: {text}{shown[-1500:] if ONLY else ''}" for text in found]
    return table.text(scenario.name), wrong


def missing():
    """Why no call can be made to fail here; None if it can."""
    return oracle.unfit()
