# SPDX-License-Identifier: MIT
"""Causes of a look-up that fails: one fault a test, with a name server that does as the test says.

In a namespace with nothing but lo, and with files of our own in place of those in /etc.
"""

import re
import socket
import struct
import threading

import causes
import tool

NAME, SERVER = "www.test", "127.0.0.53"
A, AAAA = 1, 28
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5


def reply(query, rcode, address=b""):
    """The reply to a query: this RCODE, and an address of the asked type if one is given."""
    question = query[12:query.index(b"\0", 12) + 5]
    head = query[:2] + struct.pack("!HHHHH", 0x8180 | rcode, 1, 1 if address else 0, 0, 0)
    if not address:
        return head + question
    kind = A if len(address) == 4 else AAAA
    return head + question + struct.pack("!HHHIH", 0xc00c, kind, 1, 60, len(address)) + address


class Names(causes.TestCase):
    @staticmethod
    def build(world):
        world.add("c")

    def files(self, resolv=f"nameserver {SERVER}\n", hosts="files dns"):
        return {
            "nsswitch.conf": self.file("nsswitch", f"hosts: {hosts}\nservices: files\n"),
            "resolv.conf": self.file("resolv", resolv + "options timeout:1 attempts:1\n"),
            "hosts": self.file("hosts", "127.0.0.1 localhost\n"),
        }

    def name_server(self, answer):
        """Answers each query with answer(type) -> (rcode, address) until the end of the test;
        with these bytes where it gives bytes, and with nothing where that is None."""
        with self.world.inside("c"):
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((SERVER, 53))

        def serve():
            while (said := server.recvfrom(512))[0]:
                query, peer = said
                asked = query[query.index(b"\0", 12) + 1:]
                if told := answer(struct.unpack("!H", asked[:2])[0]):
                    server.sendto(told if isinstance(told, bytes) else reply(query, *told), peer)
            server.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 5)
        self.addCleanup(server.sendto, b"", (SERVER, 53))  # ends it

    def assert_name(self, cause, words, *options, etc=None):
        return self.assert_cause(("connect", *options, NAME, 9000), 3, cause, "name", words,
                                 etc=etc or self.files())

    def test_a_name_that_does_not_exist(self):
        self.name_server(lambda _: (NXDOMAIN, ))
        told, _ = self.assert_name("name-not-found", rf"^  name         failed       name server "
                                   rf"{SERVER} answered NXDOMAIN for {NAME} after ")
        self.assertEqual(["name"], [row["layer"] for row in told["layers"]])

    def test_a_name_that_no_source_knows(self):
        etc = self.files(hosts="files")
        self.assert_name("name-not-found", r"nsswitch\.conf\) knows www\.test$", etc=etc)

    def test_a_name_of_the_hosts_file_in_the_other_family(self):
        etc = self.files() | {"hosts": self.file("hosts4", f"192.0.2.9 {NAME}\n")}
        self.name_server(lambda _: (NXDOMAIN, ))
        self.assert_name("name-without-address", "^  try     without -6$", "-6", etc=etc)

    def test_a_server_that_this_hosts_filter_keeps_from(self):
        self.filter("c", "output", "udp dport 53 drop")
        self.assert_name("name-server-unreachable", r"this host's own packet filter .*\(EPERM\)")

    def test_a_server_whose_interface_is_down(self):
        self.addCleanup(self.world.sh, "c", "ip link set lo up")
        self.world.sh("c", "ip link set lo down")
        self.assert_name("name-server-unreachable", "^  try     ip link set lo up; ")

    def test_a_name_without_any_address(self):
        self.name_server(lambda _: (NOERROR, ))
        self.assert_name("name-without-address", "no address is registered for it$")

    def test_name_servers_that_contradict_themselves(self):
        self.name_server(lambda kind: (NOERROR if kind == A else NXDOMAIN, ))
        self.assert_name("name-without-address", f"the servers of {NAME} contradict themselves: a")

    def test_a_name_with_an_address_of_the_other_family_alone(self):
        self.name_server(lambda kind: (NOERROR, bytes((10, 0, 0, 1)) if kind == A else b""))
        self.assert_name("name-without-address",
                         "no IPv6 address is registered for it; it has an IPv4 address$", "-6")

    def test_a_server_that_fails(self):
        self.name_server(lambda _: (SERVFAIL, ))
        self.assert_name("name-server-failed",
                         rf"name server {SERVER} has no answer of its own \(SERVFAIL\)")

    def test_a_server_that_fails_for_one_type(self):
        self.name_server(lambda kind: (SERVFAIL, ) if kind == A else (NOERROR, ))
        self.assert_name("name-server-failed", r"has no answer of its own \(SERVFAIL\)")

    def test_a_server_that_is_silent_for_one_type(self):
        self.name_server(lambda kind: (NOERROR, bytes((127, 0, 0, 1))) if kind == A else None)
        self.assert_name("name-server-silent",
                         rf"server {SERVER} does not answer questions for AAAA records",
                         "-w", "300ms")

    def test_a_server_that_refuses(self):
        self.name_server(lambda _: (REFUSED, ))
        self.assert_name("name-server-failed", r"does not serve this host or this name \(REFUSED")

    def test_a_server_that_sends_what_is_no_answer(self):
        self.name_server(lambda _: b"HTTP/1.1 400 Bad Request")
        self.assert_name("name-server-failed", rf"answers on port 53 of {SERVER} is no name server")

    def test_a_server_whose_answer_does_not_come_by_tcp_either(self):
        truncated = 0x0200
        self.name_server(lambda _: (NOERROR | truncated, ))
        self.assert_name("name-server-failed", "must be fetched by TCP, and this host did not get")

    def test_a_server_that_is_silent(self):
        self.name_server(lambda _: None)
        waited = r"look-up without an answer for [\d.]+ m?s; then "
        for option, before in (((), ""), (("-w", "300ms"), waited)):
            with self.subTest(option):
                self.assert_name("name-server-silent", rf"^  name         failed       {before}"
                                 rf"name server {SERVER} silent for [\d.]+ (s|ms) "
                                 r"\(asked by UDP, port 53\)$", *option)

    def test_a_silent_server_before_one_that_answers_is_noted(self):
        self.name_server(lambda kind: (NOERROR, bytes((127, 0, 0, 1)) if kind == A else b""))
        self.world.sh("c", "ip route add unicast 192.0.2.0/24 dev lo")  # nobody is there
        self.addCleanup(self.world.sh, "c", "ip route del 192.0.2.0/24")
        etc = self.files(f"nameserver 192.0.2.53\nnameserver {SERVER}\n")
        note = (rf"^note the look-up of {NAME} took [\d.]+ s: name server 192\.0\.2\.53 of /etc/"
                rf"resolv\.conf did not answer within [\d.]+ m?s, {SERVER} did$")
        for options, said in (((), True), (("--diagnose", "off"), False), (("-q", ), False)):
            with self.subTest(options):
                result = self.world.run("c", "connect", *options, NAME, 9000, etc=etc)
                self.assert_status(6, result)
                self.assertEqual(said, bool(re.search(note, result.stderr, re.MULTILINE)),
                                 str(result))

    def test_a_host_that_serves_no_names(self):
        self.assert_name("name-server-unreachable", rf"no name server runs on {SERVER}")

    def test_a_server_to_which_there_is_no_route(self):
        self.assert_name("name-server-unreachable",
                         "192.0.2.53 of /etc/resolv.conf is unreachable from this host",
                         etc=self.files("nameserver 192.0.2.53\n"))

    def test_no_server_is_configured(self):
        self.assert_name("no-name-server", "resolv.conf has no nameserver line", etc=self.files(""))

    def test_off_and_quiet_are_one_line(self):
        for option in (("--diagnose", "off"), ("-q", )):
            with self.subTest(option):
                result = self.world.run("c", "connect", *option, NAME, 9000, etc=self.files())
                self.assert_status(3, result)
                self.assert_one_line(rf"tcptool: look up {NAME}: ", result)


if __name__ == "__main__":
    tool.main()
