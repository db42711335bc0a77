# SPDX-License-Identifier: MIT
"""Network namespaces that a class of tests makes, joins by cables (veth pairs) and removes again.

Needs root. Fixed ports and addresses are fine in here: nobody else is. tcptool runs in them without
any capability, as an ordinary user's would.
"""

import contextlib
import ctypes
import functools
import itertools
import os
import shlex
import shutil
import socket
import subprocess

import ends
import tool

__unittest = True  # keeps these frames out of tracebacks

_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count()
_CLONE_NEWNET = 0x40000000

# No DAD and no ICMP rate limit; a SYN is given up after 3 s. link(): a neighbour after 0.9 s.
_SETUP = """
ip link set lo up
cd /proc/sys/net
set_to() { if [ -e "$2" ]; then echo "$1" > "$2"; fi; }
for scope in all default; do set_to 0 ipv6/conf/$scope/accept_dad; done
set_to 0 ipv4/icmp_ratelimit
set_to 0 ipv6/icmp/ratelimit
set_to 1 ipv4/tcp_syn_retries
set_to 0 ipv4/tcp_syn_linear_timeouts
"""


@functools.lru_cache(None)
def missing():
    """Why there can be no namespaces here; None if there can."""
    if os.geteuid() != 0:
        return "only root makes network namespaces"
    for program in ("ip", "nft", "nsenter", "unshare", "setpriv"):
        if not shutil.which(program):
            return f"{program} is not installed"
    tried = subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, text=True,
                           check=False)
    return f"no namespaces here: {tried.stderr.strip()}" if tried.returncode else None


class World:
    """Namespaces by short names of the test's own ("c", "r", "s"); close() removes them all."""

    def __init__(self):
        self.prefix = f"tcptool-{os.getpid()}-{next(_numbers)}-"
        self.made = []

    def path(self, name):
        return f"/run/netns/{self.prefix}{name}"

    def close(self):
        while self.made:
            subprocess.run(["ip", "netns", "del", self.prefix + self.made.pop()], check=False,
                           capture_output=True)

    def sh(self, name, script):
        """Runs a shell script in there; returns its stdout."""
        done = subprocess.run(["nsenter", f"--net={self.path(name)}", "sh", "-ec", script],
                              capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            raise RuntimeError(f"in {name}: {script}\n{done.stderr}")
        return done.stdout

    def add(self, *names):
        for name in names:
            subprocess.run(["ip", "netns", "add", self.prefix + name], check=True)
            self.made.append(name)
            self.sh(name, _SETUP)

    def link(self, one, other):
        """A cable between the ends (namespace, interface, address with prefix length...)."""
        (a, a_if, *_), (b, b_if, *_) = one, other
        self.sh(a, f"ip link add {a_if} type veth peer name {b_if} netns {self.prefix}{b}")
        for name, interface, *addresses in (one, other):
            ours = any(address.startswith("fe80:") for address in addresses)
            self.sh(name, "\n".join(
                [f"ip link set {interface} addrgenmode {'none' if ours else 'eui64'}"] +
                [f"ip addr add {x} dev {interface} {'nodad' if ':' in x else ''}"
                 for x in addresses] + [f"ip link set {interface} up"] +
                [f"echo 300 > /proc/sys/net/{family}/neigh/{interface}/retrans_time_ms"
                 for family in ("ipv4", "ipv6")]))
        ends.wait_until(lambda: all("LOWER_UP" in self.sh(name, f"ip -o link show {interface}")
                                    for name, interface, *_ in (one, other)), "a carrier")

    def pair(self):
        """c 10.77.0.1 -- 10.77.0.2 s, the interfaces c0 and s0."""
        self.add("c", "s")
        self.link(("c", "c0", "10.77.0.1/24", "2001:db8:77::1/64", "fe80::1/64"),
                  ("s", "s0", "10.77.0.2/24", "2001:db8:77::2/64", "fe80::2/64"))

    def routed(self):
        """c 10.77.1.2 -- 10.77.1.1 r 10.77.2.1 -- 10.77.2.2 s; IPv6 2001:db8:1::2 and so on."""
        self.add("c", "r", "s")
        self.link(("c", "c0", "10.77.1.2/24", "2001:db8:1::2/64"),
                  ("r", "rc", "10.77.1.1/24", "2001:db8:1::1/64"))
        self.link(("r", "rs", "10.77.2.1/24", "2001:db8:2::1/64"),
                  ("s", "s0", "10.77.2.2/24", "2001:db8:2::2/64"))
        self.sh("r", "echo 1 > /proc/sys/net/ipv4/ip_forward\n"
                     "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")
        for end, net in (("c", 1), ("s", 2)):
            self.sh(end, f"ip route add default via 10.77.{net}.1\n"
                         f"ip -6 route add default via 2001:db8:{net}::1")

    def two_routers(self):
        """c 10.77.1.2 -- r -- 10.77.3.2 q 10.77.2.1 -- 10.77.2.2 s; r has 10.77.1.1, 10.77.3.1."""
        self.add("c", "r", "q", "s")
        self.link(("c", "c0", "10.77.1.2/24", "2001:db8:1::2/64"),
                  ("r", "rc", "10.77.1.1/24", "2001:db8:1::1/64"))
        self.link(("r", "rq", "10.77.3.1/24", "2001:db8:3::1/64"),
                  ("q", "qr", "10.77.3.2/24", "2001:db8:3::2/64"))
        self.link(("q", "qs", "10.77.2.1/24", "2001:db8:2::1/64"),
                  ("s", "s0", "10.77.2.2/24", "2001:db8:2::2/64"))
        for router in "rq":
            self.sh(router, "echo 1 > /proc/sys/net/ipv4/ip_forward\n"
                            "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")
        for name, via in (("c", "1::1"), ("r", "3::2"), ("q", "3::1"), ("s", "2::1")):
            net, host = via.split("::")
            self.sh(name, f"ip route add default via 10.77.{net}.{host}\n"
                          f"ip -6 route add default via 2001:db8:{via}")

    def filter(self, name, hook, *rules):
        """The packet filter at this hook is these rules (nft's words), and no others."""
        table = f"test_{hook}"
        body = "\n".join(rules)
        self.sh(name, f"nft -f - <<'END'\ntable inet {table}\ndelete table inet {table}\n"
                      f"table inet {table} {{\nchain {hook} {{\n"
                      f"type filter hook {hook} priority 0; policy accept;\n{body}\n}}\n}}\nEND")

    def filtered(self, name, hook):
        """How many packets the rules of filter() that say `counter` have met."""
        listed = self.sh(name, f"nft list table inet test_{hook}")
        return sum(int(words.split()[0]) for words in listed.split("counter packets ")[1:])

    @contextlib.contextmanager
    def inside(self, name):
        """This thread is in the namespace; sockets that are made meanwhile stay there."""
        with open("/proc/thread-self/ns/net", "rb") as before, open(self.path(name), "rb") as there:
            _setns(there)
            try:
                yield
            finally:
                _setns(before)

    def server(self, name, address, port, backlog=16):
        """A listening socket in there, bound to `address`; an IPv6 one to that family alone."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.inside(name):
            listener = socket.create_server((address, port), family=family, backlog=backlog)
        listener.settimeout(20 * tool.PATIENCE)
        return listener

    def under(self, name, *before, etc=None):
        """The command words that run what follows in there. `before` goes right in front of it;
        `etc` maps names of files in /etc to the ones that stand in for them."""
        words = ["nsenter", f"--net={self.path(name)}"]
        if etc:
            mounts = "".join(f"mount --bind {shlex.quote(file)} /etc/{entry}\n"
                             for entry, file in etc.items())
            words += ["unshare", "--mount", "sh", "-ec", f'{mounts}exec "$@"', "sh"]
        return [*words, "setpriv", "--bounding-set=-all", "--inh-caps=-all", *before]

    def tool(self, name, *args, before=(), etc=None, **keywords):
        """A tool.Tool in there."""
        return tool.Tool(*args, under=self.under(name, *before, etc=etc), **keywords)

    def run(self, name, *args, timeout=30, **keywords):
        """tcptool in there from start to end: a Result."""
        with self.tool(name, *args, **keywords) as process:
            return process.finish(timeout)


def _setns(file):
    if _libc.setns(file.fileno(), _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class TestCase(tool.TestCase):
    """Its tests share one world, which the class's build(world) furnishes."""

    world = None

    @staticmethod
    def build(world):
        world.pair()

    @classmethod
    def setUpClass(cls):
        if not missing():
            cls.world = World()
            cls.addClassCleanup(cls.world.close)
            cls.build(cls.world)

    def setUp(self):
        if why := missing():
            self.skipTest(why)

    def filter(self, name, hook, *rules):
        """World.filter, until the end of this test."""
        self.world.filter(name, hook, *rules)
        self.addCleanup(self.world.filter, name, hook)

    def file(self, name, text):
        """A file with this text; returns its path."""
        path = os.path.join(self.tmp, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def assert_first_line(self, status, pattern, result):
        """This status, nothing on stdout, and stderr begins with `tcptool: ` and `pattern`, but for
        what was told while it waited."""
        self.assert_status(status, result)
        self.assert_stdout(b"", result)
        waiting = r"(?:note .*\n|connect .*: no answer yet; .*\n)*"
        self.assert_stderr(rf"\A{waiting}tcptool: {pattern}", result)

    def assert_failures(self, cases, timeout=30):
        """Runs them all at once, each in namespace c: (arguments, status, first line's pattern),
        and where there is a diagnosis the layer that failed and the pattern of its cause."""
        with contextlib.ExitStack() as stack:
            running = [(stack.enter_context(self.world.tool("c", *arguments)), *expected)
                       for arguments, *expected in cases]
            for process, status, pattern, *diagnosis in running:
                with self.subTest(command=" ".join(process.command[-3:])):
                    result = process.finish(timeout)
                    self.assert_first_line(status, pattern, result)
                    if diagnosis:
                        self.assert_diagnosis(*diagnosis, result)
