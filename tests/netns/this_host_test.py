# SPDX-License-Identifier: MIT
"""What this host itself refuses is status 4, and the first line names the call, its object and why.

tcptool has no capability here, and the kernel's settings are the test's own.
"""

import contextlib
import os
import resource
import socket

import ends
import netns
import tool


class ThisHost(netns.TestCase):
    def settings(self, name, **values):
        """Files below /proc/sys/net (dots for slashes), set until the end of this test."""
        for key, value in values.items():
            path = "/proc/sys/net/" + key.replace("__", "/")
            before = self.world.sh(name, f"cat {path}").strip()
            self.world.sh(name, f"echo '{value}' > {path}")
            self.addCleanup(self.world.sh, name, f"echo '{before}' > {path}")

    def test_a_privileged_port_is_a_permission_that_is_missing(self):
        self.settings("c", ipv4__ip_unprivileged_port_start=2000)
        self.assert_failures([
            (arguments, 4, rf"{where}: permission denied: port {port} is privileged \(EACCES\)$",
             "this host", "a port below 2000 needs the capability CAP_NET_BIND_SERVICE")
            for arguments, where, port in (
                (("listen", 1999), r"bind \[::\]:1999", 1999),
                (("listen", "127.0.0.1", 80), r"bind 127\.0\.0\.1:80", 80),
                (("connect", "-p", 1999, "10.77.0.2", 9000),
                 r"connect 10\.77\.0\.2:9000: bind 0\.0\.0\.0:1999", 1999))])

    def test_a_port_in_use_is_named_whoever_listens_on_it(self):
        busy = (r"the address is in use \(EADDRINUSE\)$", "this host")
        four, six = r"already listens on 127\.0\.0\.1:9000$", r"already listens on \[::1\]:9001$"
        with self.world.server("c", "127.0.0.1", 9000), self.world.server("c", "::1", 9001):
            self.assert_failures([
                (("listen", 9000), 4, r"bind \[::\]:9000: " + busy[0], busy[1], four),
                (("listen", "127.0.0.1", 9000), 4, r"bind 127\.0\.0\.1:9000: " + busy[0], busy[1],
                 four),
                (("listen", 9001), 4, r"bind \[::\]:9001: " + busy[0], busy[1], six),
                (("listen", "-6", "::1", 9001), 4, r"bind \[::1\]:9001: " + busy[0], busy[1],
                 six),
                (("connect", "-s", "127.0.0.1:9000", "127.0.0.1", 9002), 4,
                 r"connect 127\.0\.0\.1:9002: bind 127\.0\.0\.1:9000: " + busy[0], busy[1], four),
            ])

    def test_an_address_of_somebody_else_cannot_be_ours(self):
        self.assert_failures([
            (arguments, 4, rf"{where}: {address} is not an address of this host "
                           r"\(EADDRNOTAVAIL\)$",
             "this host", f"no interface of this host has the address {address}$")
            for arguments, where, address in (
                (("listen", "10.77.0.2", 9000), r"bind 10\.77\.0\.2:9000", "10.77.0.2"),
                (("listen", "2001:db8:77::2", 9000), r"bind \[2001:db8:77::2\]:9000",
                 "2001:db8:77::2"),
                (("connect", "-s", "10.77.0.9", "10.77.0.2", 9000),
                 r"connect 10\.77\.0\.2:9000: bind 10\.77\.0\.9:0", "10.77.0.9"))])

    def test_without_a_free_ephemeral_port_nothing_left_this_host(self):
        self.settings("c", ipv4__ip_local_port_range="40000 40001")
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(self.world.server("s", "10.77.0.2", 9000))
            for _ in range(2):
                with self.world.inside("c"):
                    stack.enter_context(socket.create_connection(server.getsockname(), 10))
            self.assert_failures([(("connect", "10.77.0.2", 9000), 4,
                                   r"connect 10\.77\.0\.2:9000: no free source port "
                                   r"\(EADDRNOTAVAIL\)$", "this host",
                                   r"every local port .*10\.77\.0\.2:9000 is in use "
                                   r"\(net\.ipv4\.ip_local_port_range is 40000 40001\)")])
            # The ports are taken towards that peer alone.
            with self.world.server("s", "10.77.0.2", 9001):
                self.assert_ok(self.world.run("c", "connect", "-z", "10.77.0.2", 9001))

    def test_too_few_descriptors_are_named_in_either_role_wherever_they_run_out(self):
        with self.world.server("s", "10.77.0.2", 9000):
            for arguments in (("connect", "-z", "10.77.0.2", 9000), ("listen", "-w", "10ms", 9000)):
                failed = 0
                for limit in range(4, 20):
                    result = self.world.run("c", *arguments,
                                            before=("prlimit", f"--nofile={limit}:{limit}"))
                    if "shared libraries" in result.stderr:
                        continue  # too few for the loader
                    if "invalid vptr" in result.stderr:
                        failed += 1  # UBSan looks at memory through a pipe, for which is no room:
                        continue     # the build without it shows what is promised
                    if "(EMFILE)" not in result.stderr:
                        break
                    with self.subTest(arguments=arguments, limit=limit):
                        self.assert_first_line(4, r".*too many open files \(EMFILE\)$", result)
                    failed += 1
                self.assertGreater(failed, 0)
                self.assert_status(0 if arguments[0] == "connect" else 9, result)

    def test_a_client_for_whom_there_is_no_descriptor_waits_and_comes_in_once_there_is(self):
        with self.world.tool("s", "listen", "--recv-only", 9000) as process:
            process.wait_for("^listening on")
            soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
            limit = 1 + max(map(int, os.listdir(f"/proc/{process.pid}/fd")))
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (limit, hard))
            with self.world.inside("c"):
                client = socket.create_connection(("10.77.0.2", 9000), 10)
            with client:
                process.wait_for("^  try     a higher limit: ulimit -n$")
                ends.assert_idle(self, process.pid, 2.5)  # twice the pause: no spin, no second word
                resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (soft, hard))
                process.wait_for(r"^accepted 10\.77\.0\.1:")
                client.sendall(b"still here")
            result = process.finish()
        self.assert_ok(result)
        self.assert_stdout(b"still here", result)
        self.assert_stderr(r"^note accept4 \[::\]:9000: too many open files \(EMFILE\): accepting "
                           r"pauses", result)
        self.assert_stderr(rf"^  cause   .* RLIMIT_NOFILE is {limit}$", result)
        self.assertEqual(1, result.stderr.count("EMFILE): accepting"))

    def test_the_source_port_is_the_one_asked_for_also_right_after_its_last_use(self):
        with self.world.server("s", "10.77.0.2", 9000) as server:
            for option in (("-p", 4567), ("-s", "10.77.0.1:4567"), ("-p", 4567)):
                # tcptool closes first, which leaves its port in TIME-WAIT.
                with self.world.tool("c", "connect", *option, "10.77.0.2", 9000) as process:
                    peer, (_, port) = server.accept()
                    with peer:
                        self.assertEqual(b"", tool.receive_all(peer))
                    self.assertEqual(4567, port)
                    self.assert_ok(process.finish())

    def test_an_interface_that_does_not_exist_is_named(self):
        missing = r"setsockopt SO_BINDTODEVICE=nosuch0: no such interface: nosuch0 \(ENODEV\)$"
        cause = ("this host", "no interface nosuch0; it has lo, c0$")
        self.assert_failures([
            (("connect", "-i", "nosuch0", "10.77.0.2", 9000), 4,
             r"connect 10\.77\.0\.2:9000: " + missing, *cause),
            (("listen", "-i", "nosuch0", 9000), 4, missing, *cause),
            (("connect", "fe80::2%nosuch0", 9000), 4,
             r".*nosuch0: no such interface on this host$"),
            (("listen", "fe80::1%nosuch0", 9000), 4,
             r".*nosuch0: no such interface on this host$"),
        ])


class WithoutIPv6(netns.TestCase):
    @staticmethod
    def build(world):
        world.pair()
        for name in "cs":
            world.sh(name, "for scope in all default lo; do\n"
                           "echo 1 > /proc/sys/net/ipv6/conf/$scope/disable_ipv6; done")

    def test_an_ipv6_address_cannot_be_reached_from_here(self):
        self.assert_failures([(("connect", "2001:db8:77::2", 9000), 4,
                               r"connect \[2001:db8:77::2\]:9000: unreachable: IPv6 is disabled on "
                               r"this host$", "this host", "IPv6 is disabled on this host")])

    def test_a_listener_says_that_it_has_ipv4_only_and_serves_it(self):
        with self.world.tool("s", "listen", 9000, stdin=b"hello") as process:
            process.wait_for(r"^listening on (0\.0\.0\.0|\[::\]):9000, backlog \d+, "
                             r"IPv4 only \(IPv6 is disabled\)$")
            result = self.world.run("c", "connect", "10.77.0.2", 9000)
            self.assert_ok(result)
            self.assert_stdout(b"hello", result)
            result = process.finish()
        self.assert_ok(result)
        self.assert_stderr(r"^accepted 10\.77\.0\.1:\d+ -> 10\.77\.0\.2:9000  \(", result)

    def test_a_listener_for_ipv6_alone_does_not_pretend_to_listen(self):
        self.assert_failures([(("listen", "-6", "::1", 9000), 4,
                               r"bind \[::1\]:9000: IPv6 is disabled on this host "
                               r"\(EADDRNOTAVAIL\)$",
                               "this host", "IPv6 is disabled on this host")])


if __name__ == "__main__":
    tool.main()
