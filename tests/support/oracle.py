# SPDX-License-Identifier: MIT
"""strace as the oracle of our own trace: one run under `strace -f`, told by both, compared call by
call with arguments, results and errnos. What is left out of the comparison is listed here, and in
tcptool-trace(5) under COMPLETENESS, and nowhere else."""

import contextlib
import functools
import json
import os
import re
import shutil
import socket

import ends
import json_schema
import tool

START = "fcntl(0, F_GETFD)"  # the first call of main
MEMORY = {"mmap", "munmap", "mremap", "mprotect", "brk", "madvise"}
# libc's own, for its threads and getaddrinfo's.
THREADS = {"clone3", "clone", "futex", "rseq", "set_robust_list"}
LOGGER = {"gettid"}  # spdlog's, once
END = {"exit_group", "exit"}


RESTARTED = " restarted"  # strace then does not say which descriptors were ready


def missing():
    """Why there is no running tcptool under strace here; None if there is."""
    if not shutil.which("strace"):
        return "strace is missing"
    if tool.WRAPPER:
        return "strace would tell of the wrapper"
    return None


def unfit():
    """Why strace cannot be asked here; None if it can."""
    return missing() or ("a sanitizer makes calls of its own" if ends.sanitized() else None)


def under(folder):
    return ["strace", "-f", "-o", os.path.join(folder, "strace")]


def trace_args(folder, verbose="-v"):
    """Our own trace twice over: as strace writes it into a file, as JSON on stderr."""
    return ["--trace", os.path.join(folder, "ours"), "--trace-format", "strace", verbose, "--json"]


def _joined(path):
    """(pid, whole call) of each line; calls that another thread interrupted are put together."""
    pending = {}
    with open(path, encoding="ascii") as lines:
        for line in lines:
            pid, text = line.rstrip("\n").split(maxsplit=1)
            if text.endswith("<unfinished ...>"):
                pending[pid] = text.removesuffix("<unfinished ...>")
                continue
            if found := re.match(r"<\.\.\. \w+ resumed>(.*)", text):
                before, after = pending.pop(pid).rstrip(), found[1].lstrip()
                text = before + (" " if before.endswith(",") else "") + after
            yield pid, text


# Those at which the trace says what is pending, before the process dies of them.
CRASH = re.compile(r"rt_sigaction\(SIG(QUIT|ILL|ABRT|BUS|FPE|SEGV|SYS|XCPU),")


# posix_spawn(3) asks how many descriptors there may be: twice for each dup2, once for closefrom.
SPAWN_READS_LIMIT = 5
READS_LIMIT = "prlimit64(0, RLIMIT_NOFILE, NULL, {"
FAILED_SPAWN = re.compile(r"wait4\(\d+, NULL, 0, NULL\)")  # its child could not become the program
EPOLL_SHOWN = 8  # of the events of epoll_wait, where strace shows 32


def _without_limit_reads(calls):
    """The calls in front of a posix_spawn's clone3, without those that it made itself."""
    own = calls[-SPAWN_READS_LIMIT:]
    if len(own) < SPAWN_READS_LIMIT or not all(call.startswith(READS_LIMIT) for call in own):
        raise tool.Failure(f"posix_spawn has read no limits: {own}")
    return calls[:-SPAWN_READS_LIMIT]


def _is_of_thread_start(text):
    """What pthread_create, and posix_spawn as well, does in the calling thread."""
    return text.startswith(("rt_sigaction(SIGRT_1", "rt_sigprocmask(SIG_UNBLOCK, [RT",
                            "rt_sigprocmask(SIG_BLOCK, ~[", "rt_sigprocmask(SIG_SETMASK"))


def _normal(text):
    """Blanks before the result and libc's restorer of signal handlers do not count."""
    text = re.sub(r"\)\s+= ", ") = ", text, count=1)
    text = re.sub(r", sa_restorer=0x[0-9a-f]+", "", text)
    text = text.replace("sa_flags=SA_RESTORER", "sa_flags=0")
    # strace asks for the interface's name by itself.
    text = re.sub(r"sin6_scope_id=if_nametoindex\(.*?\)", "sin6_scope_id=0", text)
    text = re.sub(r"sin6_scope_id=\d+", "sin6_scope_id=0", text)
    if text.startswith("epoll_wait("):
        events = re.findall(r"\{events=.*?\}\}", text)
        if len(events) > EPOLL_SHOWN:
            text = re.sub(r"\[.*\]", f"[{', '.join(events[:EPOLL_SHOWN])}, ...]", text)
    # Nor, of Landlock, what came after its second ABI.
    text = re.sub(r"(\{handled_access_fs=.*?_REFER)\|[^}]*\}", r"\1|...}", text)
    text = re.sub(r"LANDLOCK_RULE_NET_PORT, \{.*?\}|0x2 /\* LANDLOCK_RULE_\?\?\? \*/, 0x\w+",
                  "LANDLOCK_RULE_NET_PORT, {...}", text)
    # strace 6.1 knows neither this control message nor its contents.
    return text.replace("cmsg_type=0x19}", "cmsg_type=IPV6_RECVERR}")


def _abbreviated(calls):
    """Without what netlink sockets carry, which strace takes apart and we do not, and without
    where a directory's entries were put."""
    netlink = set()
    for call in calls:
        if found := re.match(r"socket\(AF_NETLINK, .* = (\d+)$", call):
            netlink.add(found[1])
        elif found := re.match(r"close\((\d+)\)", call):
            netlink.discard(found[1])
        elif (found := re.match(r"(\w+)\((\d+), .*( = [^=]+)$", call)) and (
                found[1] == "getdents64" or
                found[1] in ("sendto", "recvfrom", "recvmsg") and found[2] in netlink):
            call = f"{found[1]}({found[2]}, ...){found[3]}"
        yield call


def strace_calls(folder):
    """The calls that strace saw, without what the tool's own trace leaves out."""
    lines = list(_joined(os.path.join(folder, "strace")))
    own = os.path.join(folder, "ours")
    main = next(pid for pid, text in lines if text.startswith(START))
    texts = [text for pid, text in lines if pid == main]
    texts = texts[next(i for i, text in enumerate(texts) if text.startswith(START)):]
    out, trace_fd, index_fd = [], None, None
    for text in map(_normal, texts):
        name = re.match(r"\w*", text)[0]
        if name == "clone3" and "CLONE_VFORK" in text:
            out = _without_limit_reads(out)
        if not name or name in MEMORY | THREADS | LOGGER | END or (
                _is_of_thread_start(text) or CRASH.match(text) or FAILED_SPAWN.match(text)):
            continue
        if text.startswith(f'openat(AT_FDCWD, "{own}"'):  # the trace's own file
            trace_fd = text.rsplit(" ", 1)[1]
        elif trace_fd and text.startswith((f"write({trace_fd}, ", f"poll([{{fd={trace_fd}, ",
                                           f"close({trace_fd})")):
            continue
        elif INDEX_SOCKET.match(text):
            index_fd = text.rsplit(" ", 1)[1]
        elif index_fd and text.startswith(f"ioctl({index_fd}, SIOCGIF"):
            continue
        elif index_fd and text.startswith(f"close({index_fd})"):
            index_fd = None
        elif text.startswith(("write(2, ", "poll([{fd=2, events=POLLOUT}", 'newfstatat(2, ""',
                              "ioctl(2, ")):  # the tool's own messages
            continue
        elif name == "restart_syscall":  # what only strace sees: the poll goes on, unbroken
            out[-1] = out[-1].partition(" = ")[0] + " = " + text.rsplit(" = ", 1)[1] + RESTARTED
        else:
            out.append(text)
    return out


def our_calls(folder):
    """The calls of `--trace-format strace`, without the durations."""
    with open(os.path.join(folder, "ours"), encoding="ascii") as lines:
        header, *rest = (line.rstrip("\n") for line in lines)
    if not header.startswith("# tcptool "):
        raise tool.Failure(f"no header: {header}")
    bad = [line for line in rest if not re.search(r" <(\d+\.\d{6}|unavailable)>$", line)]
    if bad:
        raise tool.Failure(f"no duration: {bad[0]}")
    calls = [_normal(line.rpartition(" <")[0]) for line in rest]
    return [re.sub(r"(cmsg_type=IPV6_RECVERR), cmsg_data=\{.*?\}\}", r"\1", call)
            for call in calls]


# Of the calls that have another name in section 2 of the manual.
KERNEL_NAMES = {"open": "openat", "fstat": "newfstatat", "recv": "recvfrom", "send": "sendto",
                "sigaction": "rt_sigaction", "sigprocmask": "rt_sigprocmask",
                "signalfd": "signalfd4"}
# if_nametoindex's: the second where the sandbox refuses the first.
INDEX_SOCKET = re.compile(r"socket\((AF_UNIX, SOCK_DGRAM\|SOCK_CLOEXEC, 0|"
                          r"AF_INET, SOCK_DGRAM\|SOCK_CLOEXEC, IPPROTO_IP)\)")
LIBRARY_CALLS = {"getaddrinfo", "if_indextoname", "if_nametoindex", "posix_spawn"}


def assert_json_agrees(test, folder, result):
    """A trace file of JSON has the calls that strace saw, with their results and errnos, and each
    of its lines is as the schema says."""
    told = []
    with open(os.path.join(folder, "ours"), encoding="ascii") as file:
        text = file.read()
    for call in map(json.loads, text.splitlines()):
        if call["type"] == "call" and call["call"] not in LIBRARY_CALLS:
            name = KERNEL_NAMES.get(call["call"], call["call"])
            told.append((name, call["result"], call.get("errno")))
    seen = []
    for call in strace_calls(folder):
        returned = re.search(r" = (-?\w+)(?: (E[A-Z0-9]+))?", call[call.rindex(" = "):])
        seen.append((re.match(r"\w+", call)[0], int(returned[1], 0), returned[2]))
    for number, pair in enumerate(zip(seen, told)):
        test.assertEqual(*pair, f"call {number}: strace, and ours{result}")
    test.assertEqual(len(seen), len(told), result)
    test.assert_none(json_schema.violations(text))
    return [json.loads(line) for line in text.splitlines()]


def differences(folder):
    """Lines of both that do not agree, as a list of texts; empty if all do."""
    seen, told = (list(_abbreviated(calls))
                  for calls in (strace_calls(folder), our_calls(folder)))
    # The call in which the process ended by a signal never returned to it.
    if told and told[-1].endswith(" = ?") and seen:
        seen[-1] = seen[-1].rpartition(" = ")[0] + " = ?"
    out = []
    for number in range(max(len(seen), len(told))):
        pair = [calls[number] if number < len(calls) else "nothing" for calls in (seen, told)]
        if pair[0].endswith(RESTARTED):
            pair = [pair[0].removesuffix(RESTARTED), pair[1].partition(" ([")[0]]
        if pair[0] != pair[1]:
            out += [f"call {number}:", f"  strace: {pair[0]}", f"  ours:   {pair[1]}"]
            if pair[0].split("(")[0] != pair[1].split("(")[0]:
                break  # all that follows is shifted
    return out if seen else ["strace saw nothing"]


def assert_agrees(test, folder, result):
    """strace and our trace tell the same calls, and each line of JSON is as the schema says."""
    if found := differences(folder):
        test.fail("\n".join([*found, str(result)]))
    test.assert_none(json_schema.violations(result.stderr))


LOOPBACK = {"v4": "127.0.0.1", "v6": "::1"}


def scenario(test):
    """Decorates a test that runs one scenario and returns its Result."""
    @functools.wraps(test)
    def wrapper(self, *args):
        result = test(self, *args)
        assert_agrees(self, self.tmp, result)
    return wrapper


def both_roles(test):
    """Decorates a test(self, connection) that runs one scenario: once with each side's tcptool."""
    @functools.wraps(test)
    def wrapper(self):
        for connection in (self.connected, self.listening):
            with self.subTest(connection.__name__):
                scenario(test)(self, connection)
    return wrapper


class Scenarios(tool.TestCase):
    """Runs under strace."""

    def tool(self, command, *args, before=(), verbose="-v", form=None, **keywords):
        """A Tool under strace, tracing itself."""
        traced = trace_args(self.tmp, verbose) if form is None else [
            "--trace", f"{self.tmp}/ours", "--json"]
        return tool.Tool(command, *traced, *args,
                         under=[*before, *under(self.tmp)], **keywords)

    @contextlib.contextmanager
    def connected(self, *args, family="v4", **keywords):
        """tcptool connect, and the peer that it reached."""
        kind = socket.AF_INET6 if family == "v6" else socket.AF_INET
        with socket.create_server((LOOPBACK[family], 0), family=kind) as listener:
            listener.settimeout(10 * tool.PATIENCE)
            port = listener.getsockname()[1]
            with self.tool("connect", *args, LOOPBACK[family], port, **keywords) as process:
                with listener.accept()[0] as peer:
                    peer.settimeout(10 * tool.PATIENCE)
                    yield process, peer

    @contextlib.contextmanager
    def listening(self, *args, address=("127.0.0.1", 0), **keywords):
        """tcptool listen, and the client that reached it."""
        with self.tool("listen", *args, *address, **keywords) as process:
            port = ends.listening_port(process)
            with socket.create_connection(("127.0.0.1", port), 10 * tool.PATIENCE) as peer:
                yield process, peer
