# SPDX-License-Identifier: MIT
"""README's connections that fail, each as it is shown there.

here 10.77.0.1 -- 10.77.0.2 r 10.77.2.1 -- 10.77.2.2 s, and r 10.77.1.1 -- 10.77.1.2 q.
"""

import os
import socket
import subprocess
import sys
import threading

import readme
import tool

USER = ("--reuid=65534", "--regid=65534", "--clear-groups")


class Causes(readme.Sessions):
    @staticmethod
    def build(world):
        world.add("here", "r", "q", "s")
        world.link(("here", "c0", "10.77.0.1/24"), ("r", "rc", "10.77.0.2/24"))
        world.link(("r", "rq", "10.77.1.1/24"), ("q", "qr", "10.77.1.2/24"))
        world.link(("r", "rs", "10.77.2.1/24"), ("s", "s0", "10.77.2.2/24"))
        for router in "rq":
            world.sh(router, "echo 1 >/proc/sys/net/ipv4/ip_forward")
        for name, via in (("here", "10.77.0.2"), ("q", "10.77.1.1"), ("s", "10.77.2.1")):
            world.sh(name, f"ip route add default via {via}")
        world.sh("r", "ip route add 10.77.9.0/24 via 10.77.1.2")  # and q sends it back
        readme.Sessions.as_booted(world)

    def block(self, number):
        """[(command, the lines that it shows)] of a block of the section."""
        return readme.commands(readme.blocks(self.readme, "When it does not connect")[number])

    def hold(self, session, shown):
        self.assert_shown(session[1], shown)

    def hold_icmp(self, session, shown):
        """One whose SYN draws an ICMP error, which as a rule is here before connect(2) lets go
        of the socket: then it is not final. One that comes later ends the attempt."""
        expected = session[1]
        if not any("; not final" in line for line in shown):
            expected = [line.replace("2 SYNs sent", "1 SYN sent") for line in expected
                        if "; not final" not in line]
        self.assert_shown(expected, shown)

    def test_a_routers_firewall(self):
        (rejected, ) = self.block(0)
        self.filter("r", "forward",
                    "ip daddr 10.77.2.2 reject with icmp type admin-prohibited")
        self.hold_icmp(rejected, self.terminal(USER).run(rejected[0]))

    def test_a_host_that_is_not_there_and_one_that_drops_the_syn(self):
        absent, dropped = self.block(1)
        self.filter("r", "input", "tcp dport 9000 drop")
        terminal = self.terminal(USER)
        for session in (absent, dropped):
            self.hold(session, terminal.run(session[0]))

    def test_a_routing_loop(self):
        (loop, ) = self.block(2)
        self.hold_icmp(loop, self.terminal(USER).run(loop[0]))

    def test_a_service_elsewhere_a_port_that_is_taken_and_a_name_that_does_not_exist(self):
        elsewhere, taken, no_name = self.block(3)
        terminal = self.terminal(USER, etc={
            "resolv.conf": self.file("resolv", "nameserver 10.77.0.2\n"),
            "nsswitch.conf": self.file("nsswitch", "hosts: files dns\nservices: files\n"),
            "hosts": self.file("hosts", "127.0.0.1 localhost\n")})
        with self.world.server("here", "127.0.0.1", 9000):
            self.hold(elsewhere, terminal.run(elsewhere[0]))
        with subprocess.Popen(
                [*self.world.under("here", *USER), sys.executable, "-c", "import socket\n"
                 "with socket.create_server(('', 9000)): print('listening', flush=True); input()"],
                stdin=tool.PIPE, stdout=tool.PIPE) as other:
            other.stdout.readline()
            self.hold(taken, terminal.run(taken[0]))
            other.stdin.write(b"\n")
        self.name_server()
        self.hold(no_name, terminal.run(no_name[0]))

    def name_server(self):
        """Answers each query, until the end of the test, that there is no such name."""
        with self.world.inside("r"):
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("10.77.0.2", 53))

        def serve():
            while (said := server.recvfrom(512))[0]:
                query, peer = said
                server.sendto(query[:2] + b"\x81\x83" + query[4:], peer)
            server.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 5)
        self.addCleanup(server.sendto, b"", ("10.77.0.2", 53))  # ends it

    def test_a_peer_that_vanished(self):
        vanished, _ = self.block(4)
        terminal = self.terminal(USER)
        with self.world.server("s", "10.77.2.2", 9000) as listener:
            terminal.start(vanished[0])
            terminal.wait_for("^connected .*\n")
            with listener.accept()[0]:
                self.filter("r", "forward", "drop")
                terminal.press("hello\n")
                self.hold(vanished, terminal.end())

    def test_a_peer_that_does_not_read(self):
        _, stuck = self.block(4)
        with open(os.path.join(self.built(), "large-file"), "wb") as file:
            file.truncate(10_000_000)
        with self.world.server("r", "10.77.0.2", 9000) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.hold(stuck, self.terminal(USER).run(stuck[0]))


if __name__ == "__main__":
    tool.main()
