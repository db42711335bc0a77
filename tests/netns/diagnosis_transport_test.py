# SPDX-License-Identifier: MIT
"""Causes of a handshake that fails on the transport layer: refused, or without any answer.

One fault a test. c -- r -- q -- s: two routers, of which the nearer may answer for the server.
"""

import contextlib
import re
import signal
import socket
import time

import causes
import ends
import tool

SERVER, SERVER6, CLIENT = "10.77.2.2", "2001:db8:2::2", "10.77.1.2"
NEIGHBOUR = "10.77.1.1"
ACTIVE = ("--diagnose", "active")


class Transport(causes.TestCase):
    @staticmethod
    def build(world):
        world.two_routers()

    def assert_refused(self, arguments, cause, words, or_else=None):
        return self.assert_cause(("connect", *arguments), 6, cause, "transport", words, or_else)

    def assert_silent(self, arguments, cause, words, or_else=None):
        return self.assert_cause(("connect", "-w", "1500ms", *arguments), 7, cause, "transport",
                                 words, or_else)

    def test_nothing_listens_or_a_filter_says_so(self):
        for address in (SERVER, SERVER6):
            with self.subTest(address):
                self.assert_refused((address, 9000), "nothing-listens",
                                    r"or a packet filter refuses in its name with RST \(there.*\)$",
                                    or_else="rejected-by-host")

    def test_nothing_listens_on_this_host(self):
        for address in (CLIENT, "127.0.0.1", "::1"):
            with self.subTest(address):
                self.assert_refused((address, 9000), "nothing-listens",
                                    "^  cause   nothing on this host listens on port 9000$")

    def test_active_sees_that_a_router_refuses_for_the_host(self):
        self.filter("r", "forward", "tcp dport 9000 reject with tcp reset")
        for address in (SERVER, SERVER6):
            with self.subTest(address):
                _, text = self.assert_cause(
                    ("connect", *ACTIVE, address, 9000), 6, "rejected-on-the-way", "internet",
                    "its TTL shows that it was sent nearer to us than", or_else="nothing-listens")
                self.assertRegex(text, "(?m)^probe SYN to .*, heeding answers from TTL .*: RST")

    def test_active_blames_no_router_for_a_port_that_is_closed(self):
        for address in (SERVER, SERVER6):
            with self.subTest(address):
                _, text = self.assert_refused((*ACTIVE, address, 9000), "nothing-listens",
                                              "nothing listens on port 9000 of ",
                                              or_else="rejected-by-host")
                self.assertRegex(text, r"(?m)^probe path .*: 1 \S+ .*, 2 \S+ .*, 3 RST \(")
                self.assertRegex(text, "(?m)^probe SYN .*, heeding answers from TTL .*: no answer")
                self.assertRegex(text, "(?m)its TTL shows that it came from as far away as .* is$")

    def test_a_service_that_listens_on_another_address_of_this_host(self):
        with self.world.server("c", "127.0.0.1", 9000):
            self.assert_refused((CLIENT, 9000), "listens-elsewhere",
                                r"listens only on 127\.0\.0\.1:9000, not on 10\.77\.1\.2:9000$")

    def test_a_service_that_is_bound_to_an_interface(self):
        with self.world.inside("c"):
            listening = socket.socket()
        with listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
            listening.bind(("", 9000))
            listening.listen()
            self.assert_refused((CLIENT, 9000), "listens-elsewhere",
                                r"listens only on 0\.0\.0\.0:9000 \(of one interface only\), not")

    def test_a_service_that_listens_for_the_other_family(self):
        with self.world.server("c", "::", 9000):
            self.assert_refused((CLIENT, 9000), "listens-elsewhere",
                                r"listens only on \[::\]:9000 \(IPv6 only\), not on ")

    def test_a_connection_that_met_itself(self):
        def meet(port, *options):
            return self.world.run("c", "connect", *options, "-s", f"127.0.0.1:{port}", "127.0.0.1",
                                  port)
        self.assert_text(meet(9000), 6, "transport",
                         "^  cause   nothing listens on 127.0.0.1:9000; the kernel chose the same")
        told = self.assert_told(meet(9001, "--json"), 6, "met-itself", "transport")
        self.assertIn("met itself", told["message"])

    def test_a_filter_of_this_host_that_refuses_for_its_listener(self):
        with self.world.server("c", "127.0.0.1", 9000):
            self.filter("c", "input", "tcp dport 9000 reject with tcp reset")
            self.assert_refused(("127.0.0.1", 9000), "filtered-here",
                                "so a packet filter of this host's refuses in its name, or ")

    def test_a_filter_of_this_host_that_drops_what_comes(self):
        self.filter("c", "input", "tcp dport 9000 drop")
        self.assert_silent((CLIENT, 9000), "filtered-here",
                           "is this host itself: its own packet filter drops the SYN on its way in")

    def test_where_some_of_many_connect_the_host_is_not_down(self):
        with self.world.server("s", SERVER, 9000, backlog=1):
            result = self.world.run("c", "connect", "--json", "--parallel", 4, "-w", "2s", SERVER,
                                    9000)
            told = self.assert_told(result, 7, "accept-queue-full", "transport",
                                    or_else="filtered-by-host")
            self.assertRegex(told["cause"], "is up and listens: its accept queue is full")
            self.assertRegex(told["layers"][2]["evidence"], "; 2 beside it were made to the same")

    def test_a_full_accept_queue_of_this_host(self):
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(self.world.server("c", CLIENT, 9000, backlog=0))
            with self.world.inside("c"):
                stack.enter_context(socket.create_connection(listener.getsockname(), 10))
            self.assert_silent((CLIENT, 9000), "accept-queue-full",
                               r"the accept queue of 10\.77\.1\.2:9000 is full \(1 waiting, "
                               r"backlog 0\)")

    def test_silence_of_a_host_on_our_own_link_that_answers_arp(self):
        self.filter("r", "input", "tcp dport 9000 drop")
        for address, asked in ((NEIGHBOUR, "ARP"), ("2001:db8:1::1", "neighbour discovery")):
            for form in ((), ("--json", )):  # one after the other: each is to ask by itself
                self.world.sh("c", "ip neigh flush dev c0")
                with self.subTest(address, form=form):
                    result = self.world.run("c", "connect", *form, "-w", "1500ms", address, 9000)
                    if form:
                        self.assert_told(result, 7, "filtered-by-host", "transport",
                                         or_else="accept-queue-full")
                    else:
                        self.assert_text(result, 7, "transport",
                                         rf", or a proxy in its place, answers {asked}, but no")

    def test_a_host_on_our_own_link_that_answered_a_while_ago_may_be_down(self):
        for address in (NEIGHBOUR, "2001:db8:1::1"):
            self.world.run("c", "connect", "-z", address, 9000)
        time.sleep(0.8)  # more than a moment before the SYN
        self.filter("r", "input", "tcp dport 9000 drop")
        for address in (NEIGHBOUR, "2001:db8:1::1"):
            with self.subTest(address):
                self.assert_silent((address, 9000), "filtered-or-down",
                                   "own link and was heard of before: it is down or has left, or ")

    def test_silence_behind_a_router_may_be_a_filter_or_a_host_that_is_down(self):
        self.filter("s", "input", "tcp dport 9000 drop")
        for address in (SERVER, SERVER6):
            with self.subTest(address):
                self.assert_silent((address, 9000), "filtered-or-down",
                                   "^  try     --diagnose active: ")

    def test_active_tells_a_filtered_port_from_a_host_that_is_down(self):
        self.filter("s", "input", "tcp dport 9000 drop")
        for address in (SERVER, SERVER6):
            with self.subTest(address):
                told, _ = self.assert_silent((*ACTIVE, address, 9000), "filtered-by-host",
                                             "^  cause   .* is up, but SYNs to port 9000 or their ",
                                             or_else="accept-queue-full")
                self.assertEqual("ok", told["layers"][1]["state"])

    def test_active_finds_the_last_router_that_passes_a_syn_on(self):
        self.filter("s", "input", "meta l4proto tcp drop")
        for address, hop in ((SERVER, "10.77.3.2"), (SERVER6, "2001:db8:3::2")):
            with self.subTest(address):
                self.assert_silent((*ACTIVE, address, 9000), "filtered-or-down",
                                   rf"far as hop 2 \({hop}\); a packet filter there, behind it or ")

    def test_a_signal_that_cuts_a_diagnosis_short_ends_the_run(self):
        self.filter("s", "input", "meta l4proto tcp drop")
        with self.world.tool("c", "connect", "-w", "500ms", *ACTIVE, SERVER, 9000) as process:
            process.wait_for("^probe path ")
            process.signal(signal.SIGINT)
            result = process.finish()
        self.assert_signal(signal.SIGINT, result)
        self.assert_stderr("^  cause   ", result)
        self.assert_stderr("^note the diagnosis was interrupted by SIGINT$", result)

    def test_passive_waits_no_longer_than_it_was_told_and_sends_nothing_extra(self):
        self.filter("s", "input", "tcp dport 9000 drop")
        self.filter("c", "output", "tcp flags syn counter")
        start = time.monotonic()
        result = self.world.run("c", "connect", "-w", "500ms", SERVER, 9000)
        self.assertLess(time.monotonic() - start, 0.5 + 0.5 + 4 * tool.PATIENCE, str(result))
        self.assert_status(7, result)
        self.assertEqual(1, self.world.filtered("c", "output"), str(result))

    def test_a_list_of_ports_has_a_line_each_and_no_diagnosis(self):
        with self.world.server("s", SERVER, 9001):
            result = self.world.run("c", "connect", "-z", SERVER, "9000-9002")
        self.assert_status(6, result)
        self.assertEqual(["tcptool", "open 10.77.2.2", "tcptool"],
                         [line.partition(":")[0] for line in result.stderr.splitlines()], result)

    def test_of_several_tries_the_last_alone_is_explained(self):
        result = self.world.run("c", "connect", "--retry=2", "--retry-interval", "1ms", SERVER,
                                9000)
        self.assert_text(result, 6, "transport", r"\Atry 1: .*\ntry 2: .*\ntcptool: connect ")

    def test_several_addresses_have_a_block_each_and_one_verdict(self):
        etc = {"hosts": self.file("hosts", f"{SERVER} many.test\n10.77.1.99 many.test\n"),
               "nsswitch.conf": self.file("nsswitch", "hosts: files\nservices: files\n")}
        result = self.world.run("c", "connect", "--json", "many.test", 9000, etc=etc)
        self.assert_status(6, result)
        told = [line for line in ends.objects(result) if line["type"] == "attempt"]
        self.assertEqual({("10.77.1.99:9000", "neighbour-silent"),
                          (f"{SERVER}:9000", "nothing-listens")},
                         {(line["peer"], line["cause_id"]) for line in told}, result)
        self.assertRegex(ends.of_type(result, "error")["message"],
                         rf"none of 2 addresses: .*, of {SERVER}, which got furthest \(2 differ")
        text = self.world.run("c", "connect", "many.test", 9000, etc=etc)
        self.assert_stderr(r"^attempt 10\.77\.1\.99:9000: host unreachable: no answer to ARP", text)

    def test_addresses_that_fail_alike_share_a_block_for_people_and_have_their_own_as_data(self):
        alike = [f"10.77.1.{number}" for number in (97, 98, 99)]
        etc = {"hosts": self.file("hosts", "".join(f"{address} many.test\n"
                                                   for address in (SERVER, *alike))),
               "nsswitch.conf": self.file("nsswitch", "hosts: files\nservices: files\n")}
        words = ("connect", "-w", "20s", "many.test", 9000)
        result = self.world.run("c", *words, etc=etc)
        self.assert_status(6, result)
        told = re.findall(r"^attempt (\S+):9000: ", result.stderr, re.MULTILINE)
        self.assertCountEqual([SERVER, *alike], told)
        shared = [address for address in told if address != SERVER][1:]
        self.assert_stderr(rf"^  same for {shared[0]}, {shared[1]}$", result)
        self.assertEqual(2, result.stderr.count("\n  link "), result)
        self.assertLess(len(result.stderr.splitlines()), 24, result)
        result = self.world.run("c", *words, "--json", etc=etc)
        for line in ends.of_all(result, "attempt"):
            self.assertEqual(4, len(line["layers"]), line)

    def test_off_and_quiet_are_one_line(self):
        for option in (("--diagnose", "off"), ("-q", )):
            with self.subTest(option):
                result = self.world.run("c", "connect", *option, SERVER, 9000)
                self.assert_status(6, result)
                self.assert_one_line(rf"tcptool: connect {SERVER}:9000: connection refused \(RST",
                                     result)

    def test_of_several_addresses_two_are_probed_within_a_screen(self):
        self.filter("s", "input", "tcp dport 9000 drop")
        names = ("10.77.2.2", "10.77.2.40", "10.77.2.41", "10.77.2.42", "10.88.0.1")
        etc = {"hosts": self.file("hosts", "".join(f"{name} many.test\n" for name in names)),
               "host.conf": self.file("host.conf", "multi on\n")}
        result = self.world.run("c", "connect", "--diagnose", "active", "many.test", 9000, etc=etc)
        lines = result.stderr.splitlines()
        self.assertEqual(2, sum(line.startswith("probe SYN") for line in lines), str(result))
        self.assertEqual(len(names), sum(line.startswith("attempt ") for line in lines),
                         str(result))
        self.assertLessEqual(len(lines), causes.SCREEN, str(result))


if __name__ == "__main__":
    tool.main()
