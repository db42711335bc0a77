# SPDX-License-Identifier: MIT
"""What tests/oracle/ holds on loopback, where it needs a network: ICMP errors, an interface."""

import unittest

import netns
import oracle
import tool


@unittest.skipIf(oracle.unfit(), oracle.unfit())
class Strace(netns.TestCase):
    @staticmethod
    def build(world):
        world.pair()

    def assert_agrees(self, *args, status):
        result = self.world.run("c", "connect", *oracle.trace_args(self.tmp), *args,
                                before=oracle.under(self.tmp))
        self.assert_status(status, result)
        oracle.assert_agrees(self, self.tmp, result)
        return result

    def reject(self, kind):
        self.filter("s", "input", f"tcp dport 9000 reject with {kind}")

    def test_icmp_with_its_control_data(self):
        self.reject("icmp type admin-prohibited")
        result = self.assert_agrees("10.77.0.2", 9000, status=5)
        self.assertIn('"cmsg_type":"IP_RECVERR","cmsg_data":{"ee_errno":"EHOSTUNREACH"',
                      result.stderr)

    def test_icmpv6_with_its_control_data(self):
        self.reject("icmpv6 type admin-prohibited")
        result = self.assert_agrees("2001:db8:77::2", 9000, status=5)
        self.assertIn('"cmsg_type":"IPV6_RECVERR","cmsg_data":{"ee_errno":"EACCES"', result.stderr)

    def test_a_blackhole(self):
        self.filter("s", "input", "tcp dport 9000 drop")
        self.assert_agrees("-w", "300ms", "10.77.0.2", 9000, status=7)

    def test_a_link_local_address(self):
        self.assert_agrees("fe80::2%c0", 9001, status=6)


if __name__ == "__main__":
    tool.main()
