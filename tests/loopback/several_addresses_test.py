# SPDX-License-Identifier: MIT
"""Names with several addresses: raced as RFC 8305 says, each attempt told, one budget for all.

In a network namespace with nothing but lo, and with files of our own in place of /etc/hosts and
those beside it. nft makes an address silent.
"""

import re
import signal
import socket

import ends
import netns
import tool

PORT = 9000
# Not 127.0.0.1, which is the source address: getaddrinfo would put it first (RFC 6724, rule 9).
OPEN = "127.0.0.3"


class Names(netns.TestCase):
    etc = {}

    @staticmethod
    def build(world):
        world.add("c")
        world.sh("c", "ip addr add 192.0.2.1/24 dev lo\nip addr add 2001:db8::1/64 dev lo nodad")

    def setUp(self):
        super().setUp()
        self.etc = {
            "nsswitch.conf": self.file("nsswitch", "hosts: files dns\nservices: files\n"),
            "host.conf": self.file("host.conf", "multi on\n"),
            # Addresses keep the order of the hosts file: one precedence and one scope for all.
            "gai.conf": self.file("gai.conf", "precedence ::/0 1\nprecedence ::ffff:0:0/96 1\n"
                                              "scopev4 ::ffff:0.0.0.0/96 14\n"),
            "resolv.conf": self.file("resolv", "nameserver 127.0.0.53\n"
                                               "options timeout:30 attempts:1\n"),
        }

    def run_connect(self, addresses, *args, **keywords):
        """`tcptool connect ARGS many.test 9000`, where many.test has these addresses."""
        with self.connecting(addresses, *args, **keywords) as process:
            return process.finish()

    def connecting(self, addresses, *args, **keywords):
        hosts = self.file("hosts", "".join(f"{address} many.test\n" for address in addresses))
        etc = {**self.etc, "hosts": hosts}
        return self.world.tool("c", "connect", *args, "many.test", PORT, etc=etc, **keywords)

    def silence(self, *addresses):
        """SYNs for these are dropped."""
        self.filter("c", "input", *(f"{'ip6' if ':' in address else 'ip'} daddr {address} "
                                    f"tcp dport {PORT} drop" for address in addresses))

    def listen(self, *addresses):
        """Something listens on PORT of each."""
        for address in addresses:
            self.enterContext(self.world.server("c", address, PORT))

    def attempts(self, result):
        """(address, what became of it) of each attempt that is told, in order."""
        return re.findall(r"^attempt \[?([^\s\]]+?)\]?:9000: (.*)$", result.stderr, re.MULTILINE)


class Race(Names):
    def test_after_a_refusal_the_next_address_is_tried_at_once(self):
        self.listen(OPEN)
        result = self.run_connect(["127.0.0.2", OPEN], "-z")
        self.assert_ok(result)
        (address, said), = self.attempts(result)
        self.assertEqual("127.0.0.2", address)
        self.assertRegex(said, r"^connection refused \(RST in answer to the SYN after ")
        self.assert_stderr(r"^open 127\.0\.0\.3:9000  \(handshake ", result)

    def test_a_silent_address_is_overtaken_and_abandoned(self):
        self.silence("127.0.0.2")
        self.listen(OPEN)
        result = self.run_connect(["127.0.0.2", OPEN], "--send-only")
        self.assert_ok(result)
        self.assert_stderr(r"^attempt 127\.0\.0\.2:9000: abandoned unanswered after "
                           r"((2[5-9]|[3-9]\d)\d ms|[\d.]+ s)$", result)
        self.assert_stderr(r"^connected 127\.0\.0\.1:\d+ -> 127\.0\.0\.3:9000  "
                           r"\(handshake .*, 2nd of 2 addresses\)$", result)

    def test_a_full_accept_queue_is_silence(self):
        full = self.enterContext(self.world.server("c", "127.0.0.2", PORT, backlog=0))
        with self.world.inside("c"):
            self.enterContext(socket.create_connection(full.getsockname(), 10))
        self.listen(OPEN)
        result = self.run_connect(["127.0.0.2", OPEN], "-z")
        self.assert_ok(result)
        self.assertRegex(self.attempts(result)[0][1], "^abandoned unanswered after")

    def test_the_families_take_turns_beginning_with_the_first_ones(self):
        self.silence("127.0.0.0/8", "2001:db8::1")
        orders = {
            ("2001:db8::1", "127.0.0.1", "127.0.0.2"): ["2001:db8::1", "127.0.0.1", "127.0.0.2"],
            ("127.0.0.1", "127.0.0.2", "2001:db8::1"): ["127.0.0.1", "2001:db8::1", "127.0.0.2"],
        }
        for given, tried in orders.items():
            with self.subTest(given):
                result = self.run_connect(given, "-w", "1s")
                self.assert_status(7, result)
                self.assertEqual(tried, [address for address, _ in self.attempts(result)])

    def test_the_attempt_that_got_furthest_decides(self):
        self.silence("127.0.0.3")
        unreachable, refused, silent = "203.0.113.1", "127.0.0.2", "127.0.0.3"
        for addresses, status, why in (
                ([unreachable, refused, silent], 6, "connection refused"),
                ([silent, unreachable], 7, "timed out"),
                ([refused, silent], 6, "connection refused"),
                ([unreachable, "203.0.113.2"], 5, r"no route to 203\.0\.113\.[12] in this")):
            with self.subTest(addresses):
                result = self.run_connect(addresses, "-w", "3s" if tool.WRAPPER else "600ms")
                self.assert_status(status, result)
                self.assert_stderr(rf"^tcptool: connect many\.test:9000: none of {len(addresses)} "
                                   rf"addresses: {why}", result)
                self.assertEqual(sorted(addresses), sorted(a for a, _ in self.attempts(result)))

    def test_a_family_that_this_host_lacks_does_not_spoil_the_other(self):
        self.world.sh("c", "echo 1 > /proc/sys/net/ipv6/conf/lo/disable_ipv6")
        self.addCleanup(self.world.sh, "c", "echo 0 > /proc/sys/net/ipv6/conf/lo/disable_ipv6\n"
                                            "ip addr add 2001:db8::1/64 dev lo nodad\n")
        self.listen(OPEN)
        self.assert_ok(self.run_connect(["2001:db8::1", OPEN], "-z"))
        # Alone it is this host's fault; a network that cannot be reached is further on the way.
        for addresses, status in ((["2001:db8::1", "2001:db8::2"], 4),
                                  (["2001:db8::1", "203.0.113.1"], 5)):
            self.assert_status(status, self.run_connect(addresses, "-z"))

    def test_one_family_may_be_asked_for(self):
        self.listen(OPEN, "2001:db8::1")
        for option, shown in (("-4", r"127\.0\.0\.3"), ("-6", r"\[2001:db8::1\]")):
            result = self.run_connect([OPEN, "2001:db8::1"], "-z", option)
            self.assert_ok(result)
            self.assertEqual([], self.attempts(result))
            self.assert_stderr(rf"^open {shown}:9000  \(", result)

    def test_a_source_port_serves_every_attempt_of_a_race(self):
        self.silence("127.0.0.2")
        self.listen(OPEN)
        result = self.run_connect(["127.0.0.2", OPEN], "-p", "4567", "--send-only")
        self.assert_ok(result)
        self.assert_stderr(r"^connected 127\.0\.0\.1:4567 -> 127\.0\.0\.3:9000  \(", result)

    def test_one_budget_is_for_all_addresses(self):
        silent = [f"127.0.1.{number}" for number in range(1, 9)]
        self.silence("127.0.1.0/24")
        for options in ((), ("--sequential",)):
            with self.subTest(options):
                result = self.run_connect(silent, "-w", "800ms", *options)
                self.assert_status(7, result)
                self.assert_stderr(r"^tcptool: connect many\.test:9000: none of 8 addresses: "
                                   r"timed out after (\d{2,3} ms|1\.\d s) ", result)

    def test_in_sequence_a_silent_address_leaves_time_for_the_next(self):
        self.silence("127.0.0.2")
        self.listen(OPEN)
        result = self.run_connect(["127.0.0.2", OPEN], "-z", "--sequential", "-w", "800ms")
        self.assert_ok(result)
        self.assertRegex(self.attempts(result)[0][1], r"^timed out after \d{3} ms \(1 SYN sent")

    def test_in_parallel_all_go_to_the_first_address(self):
        self.listen(OPEN, "127.0.0.4")
        result = self.run_connect([OPEN, "127.0.0.4"], "--parallel", "2")
        self.assert_ok(result)
        self.assert_stderr(r"^note many\.test:9000 has 2 addresses: all connections go to the "
                           r"first, 127\.0\.0\.3:9000$", result)
        for number in (1, 2):
            self.assert_stderr(rf"^connected {number}/2 .* -> 127\.0\.0\.3:9000 ", result)

    def test_json_tells_every_attempt(self):
        result = self.run_connect(["127.0.0.2", "203.0.113.1"], "--json")
        self.assert_status(6, result)
        told = [line for line in ends.objects(result) if line["type"] == "attempt"]
        self.assertEqual([("127.0.0.2:9000", "failed", "ECONNREFUSED"),
                          ("203.0.113.1:9000", "failed", "ENETUNREACH")],
                         [(line["peer"], line["end"], line["errno"]) for line in told])


class LookUp(Names):
    def silent_server(self):
        """The name server of resolv.conf hears and says nothing."""
        with self.world.inside("c"):
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.enterContext(server)
        server.bind(("127.0.0.53", 53))
        server.settimeout(10 * tool.PATIENCE)
        return server

    def test_a_silent_name_server_obeys_the_connect_timeout(self):
        self.silent_server()
        for option in ("-w", "--connect-timeout"):
            result = self.run_connect([], option, "300ms")
            self.assert_first_line(3, r"look up many\.test: no name server answers$", result)
            self.assert_diagnosis("name", r"name server 127\.0\.0\.53 does not answer, ", result)

    def test_a_silent_name_server_obeys_the_timeout_of_the_run(self):
        self.silent_server()
        result = self.run_connect([], "--timeout", "300ms")
        self.assert_first_line(9, r"look up many\.test: not done within 300 ms \(--timeout\)$",
                               result)

    def test_a_signal_ends_a_look_up_that_nobody_answers(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            server = self.silent_server()
            with self.connecting([]) as process:
                server.recv(512)
                process.process.send_signal(number)
                result = process.finish()
            server.close()
            self.assert_signal(number, result)
            self.assert_stderr(rf"^tcptool: look up many\.test: interrupted by {number.name}$",
                               result)

    def test_a_name_that_does_not_exist_is_a_failed_look_up(self):
        self.etc["nsswitch.conf"] = self.file("files", "hosts: files\n")
        result = self.run_connect([])
        self.assert_first_line(3, r"look up many\.test: the name is not known \(EAI_NONAME\)$",
                               result)
        self.assert_diagnosis("name", r"nsswitch\.conf\) knows many\.test$", result)


if __name__ == "__main__":
    tool.main()
