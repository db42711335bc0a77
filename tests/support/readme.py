# SPDX-License-Identifier: MIT
"""README's sessions, typed into terminals as they are written: what is shown is what README shows.

TCPTOOL_LOGIN holds a command that makes a terminal an ordinary user's in another system, where
tcptool is installed (packaging/check-install.sh); without it the built program is run.
"""

import fcntl
import os
import pty
import re
import select
import shlex
import shutil
import signal
import struct
import termios
import time

import netns
import tool

PROMPT = "$ "
UNSEEN = dict.fromkeys(map(ord, "\r\x03\x04"))

# What is another each time: durations, stamps, ports that the kernel chose, ids, how often a SYN
# was repeated, link addresses, the sizes of the kernel's buffers and structures.
MEASURES = [
    r"(?:under )?\d+(?:\.\d+)? m?s\b", r"^  \d+\.\d{6}", r"\d{4}-\d\d-\d\dT[\d:.]+Z",
    r":\d{5}\b", r"port is \d{5}", r"fd[= ]\d+", r"[pu]id \d+", r"process \d+", r"command \d+",
    r"timeout=\d+", r" = \d+ <", r"\d+ bytes(?=\})", r"\d{4,} bytes", r"wscale \d+",
    r"queue \d+(?=/1, SYN)", r"\d+ SYNs sent", r"\d+ segments dropped", r"\d+ in all",
    r"\d+ retransmissions", r"\d+(?:\.\d)? %", r"\d+(?= in this host's send buffer| not yet sent)",
    r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}",
]


def pattern_of(line):
    """The regex of a line of README's, on which `...` stands for anything."""
    either = "|".join(["(?P<any>" + re.escape("...") + ")",
                       *(f"(?P<m{i}>{measure})" for i, measure in enumerate(MEASURES))])
    out, end = "", 0
    for found in re.finditer(either, line):
        kind = found.lastgroup
        out += re.escape(line[end:found.start()])
        out += ".*" if kind == "any" else MEASURES[int(kind[1:])]
        end = found.end()
    return out + re.escape(line[end:])


def unlike(expected, shown):
    """The first line of README's that is not shown in its place; a line `...` stands for any
    number of lines."""
    at, anywhere = 0, False
    for line in expected:
        if line == "...":
            anywhere = True
            continue
        pattern = re.compile(pattern_of(line))
        fits = [i for i in range(at, len(shown) if anywhere else at + 1)
                if i < len(shown) and pattern.fullmatch(shown[i])]
        if not fits:
            return line
        at, anywhere = fits[0] + 1, False
    return None if anywhere or at == len(shown) else f"nothing, where {shown[at]!r} is shown"


def loosely(lines):
    """The same lines, between which there may be others: how often the queue is looked at, and what
    it is just then, is by chance."""
    return ["...", *(text for line in lines for text in (line, "..."))]


def blocks(readme, heading):
    """The console blocks of a section, each a list of lines."""
    section = re.search(rf"^## {heading}$(.*?)(?=^## |\Z)", readme, re.MULTILINE | re.DOTALL)[1]
    return [block.splitlines() for block in re.findall(r"```console\n(.*?)```", section, re.DOTALL)]


def commands(block):
    """(command, the lines that it shows), for each line of the block that begins with `$ `."""
    out = []
    for line in block:
        if line.startswith(PROMPT):
            out.append((line.removeprefix(PROMPT), []))
        else:
            out[-1][1].append(line)
    return out


class Terminal:
    """A shell in a terminal, into which keys are typed."""

    def __init__(self, words, env):
        self.shown = ""
        self.pid, self.keys = pty.fork()
        if self.pid == 0:
            os.execvpe(words[0], words, env)
        fcntl.ioctl(self.keys, termios.TIOCSWINSZ, struct.pack("4H", 50, 1000, 0, 0))
        modes = termios.tcgetattr(self.keys)
        modes[3] &= ~termios.ECHOCTL  # so that Ctrl-C shows nothing that is seen
        termios.tcsetattr(self.keys, termios.TCSANOW, modes)
        self.wait_for(re.escape(PROMPT) + r"\Z")

    def close(self):
        os.close(self.keys)  # which hangs up on the shell and on what it runs
        for _ in range(round(100 * tool.PATIENCE)):
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return
            time.sleep(0.05)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def press(self, keys):
        os.write(self.keys, keys.encode())

    def wait_for(self, pattern):
        """Until the regex is found in what was shown since the last command."""
        end = time.monotonic() + 30 * tool.PATIENCE
        while not re.search(pattern, self.shown, re.MULTILINE):
            if not select.select([self.keys], [], [], max(0, end - time.monotonic()))[0]:
                raise tool.Failure(f"no {pattern!r} in the terminal:\n{self.shown}")
            self.shown += os.read(self.keys, 1 << 16).decode().translate(UNSEEN)

    def start(self, command):
        self.shown = ""
        self.press(command + "\n")
        self.wait_for("\n")

    def end(self):
        """The lines that the command has shown, once the shell's prompt is there again."""
        self.wait_for("^" + re.escape(PROMPT) + r"\Z")
        lines = self.shown.splitlines()[1:-1]
        return lines[:-1] if lines[-1:] == [""] else lines  # the shell's own, after a signal

    def run(self, command):
        self.start(command)
        return self.end()


class Sessions(netns.TestCase):
    """In the namespace `here`."""

    @staticmethod
    def build(world):
        world.add("here")
        Sessions.as_booted(world)

    @staticmethod
    def as_booted(world):
        """As the kernel has it, for the SYNs that README counts."""
        world.sh("here", "cd /proc/sys/net/ipv4; echo 6 >tcp_syn_retries\n"
                         "[ ! -e tcp_syn_linear_timeouts ] || echo 4 >tcp_syn_linear_timeouts")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with open(os.path.join(tool.SOURCE, "README.md"), encoding="utf-8") as file:
            cls.readme = file.read()

    def terminal(self, user=(), etc=None):
        """A terminal of an ordinary user, who is in the folder `tree` of this test, where tcptool
        has been built as README says. `user` are setpriv's words for who that is."""
        env = tool.environment({"PS1": PROMPT, "TERM": "dumb"})
        login = os.environ.get("TCPTOOL_LOGIN")
        if login:
            words = ["nsenter", f"--net={self.world.path('here')}", *shlex.split(login), "env",
                     f"PS1={PROMPT}", "TERM=dumb"]
        else:
            words = self.world.under("here", *user, etc=etc)
        terminal = Terminal([*words, "bash", "--norc", "--noprofile", "--noediting", "-i"], env)
        self.addCleanup(terminal.close)
        if not login:
            terminal.run(f"cd {shlex.quote(self.built())}")
            terminal.run(re.search("^PATH=.*", self.readme, re.MULTILINE)[0])
        return terminal

    def built(self):
        """A folder like the project's after its first command."""
        tree = os.path.join(self.tmp, "tree")
        if not os.path.isdir(tree):
            os.makedirs(os.path.join(tree, "build/release"))
            shutil.copy(tool.TCPTOOL, os.path.join(tree, "build/release/tcptool"))
            os.chmod(self.tmp, 0o755)
        return tree

    def assert_shown(self, expected, shown):
        if (line := unlike(expected, shown)) is not None:
            self.fail("\n".join(["README shows", *expected, "", "and the terminal", *shown, "",
                                 f"which lacks {line}"]))
