# SPDX-License-Identifier: MIT
"""The local end: socket options with their read-back, keepalive, interface, source, used ports."""

import os
import re
import socket

import ends
import tool

REFUSED = "192.0.2.1"  # an address of nobody (RFC 5737)


class SocketOptions(tool.TestCase):
    def trace_of(self, *args):
        """-v's lines of one short connection."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with tool.connect(listener.getsockname()[1], "-v", *args) as process:
                listener.accept()[0].close()
                result = process.finish()
        self.assert_ok(result)
        return result

    def test_each_type_of_value_reaches_the_kernel_before_connect(self):
        rows = [("TCP_NODELAY", "1"), ("TCP_NODELAY=on", "1"), ("TCP_NODELAY=0", "0"),
                ("IP_TTL=33", "33"), ("IP_TOS=0x10", "16"), ("SO_RCVBUF=64k", "65536"),
                ("TCP_USER_TIMEOUT=5s", "5000"), ("TCP_USER_TIMEOUT=1500ms", "1500")]
        for option, value in rows:
            with self.subTest(option):
                result = self.trace_of("-o", option)
                name = option.partition("=")[0]
                found = self.assert_stderr(
                    rf" setsockopt\(sockfd=\d+, level=\w+, optname={name}, optval={value}\b.*= 0 ",
                    result)
                self.assertLess(found.start(), result.stderr.index(" connect("))
                self.assertGreater(found.start(), result.stderr.index(" socket("))

    def test_an_option_in_force_as_asked_is_not_worth_a_line(self):
        result = self.trace_of("-o", "SO_RCVBUF=64k", "-o", "TCP_NODELAY", "-o", "SO_LINGER=5")
        self.assert_no_stderr("^note ", result)

    def test_on_listen_what_was_asked_for_stands_against_our_own_defaults(self):
        result = tool.run("listen", "-v", "-w", "10ms", "-o", "IPV6_V6ONLY=1", "-o",
                          "SO_REUSEADDR=0", "0")
        self.assert_stderr(" optname=IPV6_V6ONLY, optval=1", result)
        self.assert_stderr(" optname=SO_REUSEADDR, optval=0", result)
        self.assert_no_stderr("setsockopt.*optname=(IPV6_V6ONLY, optval=0|SO_REUSEADDR, optval=1)",
                              result)

    def test_a_value_that_the_kernel_changed_is_told(self):
        result = self.trace_of("-o", "SO_SNDBUF=1")
        self.assert_stderr(r"^note SO_SNDBUF=1 was asked for, \d+ is in force$", result)

    def test_a_congestion_control_is_an_option_of_text(self):
        with open("/proc/sys/net/ipv4/tcp_allowed_congestion_control", encoding="ascii") as file:
            name = file.read().split()[0]
        result = self.trace_of("-o", f"TCP_CONGESTION={name}")
        self.assert_stderr(rf'setsockopt\(.*TCP_CONGESTION, optval="?{name}', result)

    def test_what_the_kernel_refuses_is_status_4_and_names_it(self):
        rows = [("TCP_CONGESTION=nosuch", "ENOENT"), ("TCP_MAXSEG=1", "EINVAL"),
                ("IP_TTL=300", "EINVAL")]
        for option, error in rows:
            for command in (["connect", "127.0.0.1", 9], ["listen", "127.0.0.1", 0]):
                with self.subTest(option, command=command[0]):
                    result = tool.run(command[0], "-o", option, *command[1:])
                    self.assert_status(4, result)
                    self.assert_stderr(rf"^tcptool: .*{re.escape(option)}.*{error}", result)

    def test_on_listen_the_accepted_socket_has_it_too(self):
        for option in ("TCP_NODELAY", "SO_KEEPALIVE", "SO_PRIORITY=3"):
            with self.subTest(option), tool.listen("-v", "-o", option, stdin=b"") as listener:
                with socket.create_connection(("127.0.0.1", listener.port)):
                    pass
                result = listener.finish()
                self.assert_ok(result)
                lines = result.stderr.splitlines()
                name = option.partition("=")[0]
                first = next(i for i, line in enumerate(lines) if name in line)
                self.assertIn("setsockopt(", lines[first])
                bind = next(i for i, line in enumerate(lines) if " bind(" in line)
                self.assertLess(first, bind)
                if option == "SO_PRIORITY=3":  # not inherited
                    accepted = next(i for i, line in enumerate(lines) if " accept4(" in line
                                    and "EAGAIN" not in line)
                    self.assertTrue(any("setsockopt(" in line and name in line
                                        for line in lines[accepted:]), result)

    def test_keepalive_sets_its_times(self):
        result = self.trace_of("--keepalive", "60,10,5")
        for name, value in (("SO_KEEPALIVE", 1), ("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 10),
                            ("TCP_KEEPCNT", 5)):
            self.assert_stderr(rf"setsockopt\(.*optname={name}, optval={value}\b", result)

    def test_linger_0_makes_a_reset_of_the_close(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            with tool.connect(port, "-o", "SO_LINGER=0", "--timeout", "100ms",
                              stdin=tool.PIPE) as process:
                with listener.accept()[0] as peer:
                    peer.settimeout(10 * tool.PATIENCE)
                    self.assertEqual((b"", True), ends.read_until_end(peer))
                self.assert_status(9, process.finish())


class Local(tool.TestCase):
    def peer_of(self, *args):
        """The address that a server saw connecting."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with tool.connect(listener.getsockname()[1], *args) as process:
                connection, peer = listener.accept()
                connection.close()
                self.assert_ok(process.finish())
        return peer

    def test_source_address_and_port_are_what_the_peer_sees(self):
        port = tool.free_port("127.0.0.7")
        self.assertEqual("127.0.0.7", self.peer_of("-s", "127.0.0.7")[0])
        self.assertEqual(("127.0.0.7", port), self.peer_of("-s", f"127.0.0.7:{port}"))
        port = tool.free_port()
        self.assertEqual(("127.0.0.1", port), self.peer_of("-p", port))
        port = tool.free_port("127.0.0.7")
        self.assertEqual(("127.0.0.7", port), self.peer_of("-s", "127.0.0.7", "-p", port))

    def test_a_source_that_is_not_of_this_host_is_status_4(self):
        result = tool.run("connect", "-s", REFUSED, "127.0.0.1", 9)
        self.assert_status(4, result)
        self.assert_stderr(rf"^tcptool: .*bind.*{REFUSED}.*EADDRNOTAVAIL", result)
        self.assert_diagnosis("this host", f"no interface .* has the address {REFUSED}$", result)
        self.assert_status(4, tool.run("listen", REFUSED, 0))

    def test_an_interface_that_does_not_exist_is_status_4(self):
        for command in (["connect", "-i", "nosuchif0", "127.0.0.1", 9],
                        ["listen", "-i", "nosuchif0", 0]):
            result = tool.run(*command)
            self.assert_status(4, result)
            self.assert_stderr("^tcptool: .*nosuchif0.*ENODEV", result)
            self.assert_diagnosis("this host", "this host has no interface nosuchif0; it has ",
                                  result)

    def test_an_interface_is_bound_to(self):
        self.assertEqual("127.0.0.1", self.peer_of("-i", "lo")[0])

    def test_a_zone_that_does_not_exist_is_named(self):
        result = tool.run("connect", "fe80::1%nosuchif0", 80)
        self.assert_status(4, result)
        self.assert_stderr("^tcptool: .*nosuchif0", result)

    def test_a_port_in_use_is_status_4_and_says_which(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            for address in (["127.0.0.1", port], [port]):
                result = tool.run("listen", *address)
                self.assert_status(4, result)
                self.assertRegex(result.stderr, rf"\Atcptool: bind .*:{port}: .*EADDRINUSE")
                self.assert_diagnosis("this host", rf"already listens on 127\.0\.0\.1:{port}$",
                                      result)

    def test_a_source_port_in_use_is_status_4(self):
        with socket.create_server(("127.0.0.1", 0)) as one:
            port = one.getsockname()[1]
            with tool.refusing_port() as target:
                result = tool.run("connect", "-p", port, "127.0.0.1", target)
        self.assert_status(4, result)
        self.assert_stderr(r"^tcptool: .*EADDR", result)

    def test_a_port_in_time_wait_can_be_listened_on(self):
        with tool.listen("-o", "TCP_NODELAY", stdin=b"first to close") as listener:
            port = listener.port
            with socket.create_connection(("127.0.0.1", port)) as peer:
                peer.settimeout(10 * tool.PATIENCE)
                ends.read_until_end(peer)
            self.assert_ok(listener.finish())
        with open("/proc/net/tcp", encoding="ascii") as table:
            rows = [line.split() for line in table][1:]
        self.assertIn("06", [row[3] for row in rows if row[1].endswith(f":{port:04X}")])
        with tool.Tool("listen", "127.0.0.1", port) as again:
            again.wait_for(rf"^listening on 127\.0\.0\.1:{port}")

    def test_a_privileged_port_without_privilege_is_status_4(self):
        if os.getuid() != 0:
            self.skipTest("not root: cannot become nobody")
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
            if int(file.read()) <= 80:
                self.skipTest("every user may bind port 80 here")
        result = tool.run("listen", "127.0.0.1", 1,
                          preexec_fn=lambda: (os.setgroups([]), os.setgid(65534),
                                              os.setuid(65534)))
        self.assert_status(4, result)
        self.assert_stderr(r"^tcptool: .*bind.*:1.*EACCES", result)

    def test_clients_behind_the_first_are_reset_or_refused_and_not_left_waiting(self):
        with tool.listen(stdin=tool.PIPE) as listener:
            listener.signal(tool.signal.SIGSTOP)
            address = ("127.0.0.1", listener.port)
            with socket.create_connection(address) as first, \
                    socket.create_connection(address) as second:
                second.settimeout(10 * tool.PATIENCE)
                listener.signal(tool.signal.SIGCONT)
                listener.wait_for("^accepted ")
                self.assertEqual((b"", True), ends.read_until_end(second))
                self.assert_status(6, tool.run("connect", "-z", *address))
                listener.end_of_input()
                first.close()
                self.assert_ok(listener.finish())


if __name__ == "__main__":
    tool.main()
