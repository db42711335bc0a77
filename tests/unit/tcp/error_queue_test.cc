// SPDX-License-Identifier: MIT
#include "tcp/error_queue.h"

#include <doctest/doctest.h>
#include <linux/errqueue.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "support/scripted_kernel.h"
#include "support/world.h"
#include "sys/linux_kernel.h"

using namespace tcptool;
using tcp::IcmpError;

namespace {

std::vector<std::byte> message(const sock_extended_err& error, const sys::Address& offender) {
  std::vector<std::byte> out(sizeof error + offender.size());
  std::memcpy(out.data(), &error, sizeof error);
  std::memcpy(out.data() + sizeof error, offender.data(), offender.size());
  return out;
}

sock_extended_err from_network(std::uint8_t origin, std::uint8_t type, std::uint8_t code,
                               int error) {
  sock_extended_err extended{};
  extended.ee_origin = origin;
  extended.ee_type = type;
  extended.ee_code = code;
  extended.ee_errno = static_cast<std::uint32_t>(error);
  return extended;
}

}  // namespace

TEST_CASE("an ICMP error is read with its code, errno and sender") {
  const auto sender = *sys::Address::parse("10.9.0.1", 0);
  const auto error = from_network(SO_EE_ORIGIN_ICMP, 3, 13, EHOSTUNREACH);
  const auto icmp = IcmpError::parse(AF_INET, message(error, sender));
  REQUIRE(icmp);
  CHECK(icmp->protocol == IcmpError::Protocol::icmp);
  CHECK(icmp->type == 3);
  CHECK(icmp->code == 13);
  CHECK(icmp->error == EHOSTUNREACH);
  CHECK(icmp->offender == sender);
}

TEST_CASE("an ICMPv6 error is read, and a mapped sender shown as IPv4 on an IPv4 socket") {
  const auto sender = *sys::Address::parse("2001:db8::1", 0);
  const auto v6 = from_network(SO_EE_ORIGIN_ICMP6, 1, 4, ECONNREFUSED);
  const auto icmp = IcmpError::parse(AF_INET6, message(v6, sender));
  REQUIRE(icmp);
  CHECK(icmp->protocol == IcmpError::Protocol::icmpv6);
  CHECK(icmp->offender == sender);
  const auto ipv4 = *sys::Address::parse("10.9.0.1", 0);
  const auto v4 = from_network(SO_EE_ORIGIN_ICMP, 3, 1, EHOSTUNREACH);
  CHECK(IcmpError::parse(AF_INET, message(v4, ipv4.mapped()))->offender == ipv4);
}

TEST_CASE("errors that did not come from the network are none") {
  const auto sender = *sys::Address::parse("10.9.0.1", 0);
  for (const int number :
       {SO_EE_ORIGIN_NONE, SO_EE_ORIGIN_LOCAL, SO_EE_ORIGIN_TIMESTAMPING, SO_EE_ORIGIN_ZEROCOPY}) {
    const auto origin = static_cast<std::uint8_t>(number);
    CHECK_FALSE(IcmpError::parse(AF_INET, message(from_network(origin, 3, 1, 0), sender)));
  }
}

TEST_CASE("a message that is cut short is none, or has no sender") {
  const auto sender = *sys::Address::parse("10.9.0.1", 0);
  const auto whole = message(from_network(SO_EE_ORIGIN_ICMP, 3, 1, EHOSTUNREACH), sender);
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    CAPTURE(length);
    const std::vector<std::byte> part(whole.begin(),
                                      whole.begin() + static_cast<std::ptrdiff_t>(length));
    const auto icmp = IcmpError::parse(AF_INET, part);
    CHECK(icmp.has_value() == (length >= sizeof(sock_extended_err)));
    if (icmp) CHECK(icmp->offender.known() == (length == whole.size()));
  }
}

TEST_CASE("the timestamp of a quoted TCP header is read, wherever among its options it stands") {
  const std::vector<std::uint8_t> syn{
      0x9c, 0x40, 0x23, 0x28, 0, 0, 0, 1,  0, 0, 0, 0, 0xa0, 0x02, 0xff, 0xff, 0, 0, 0, 0,  // fixed
      2,    4,    5,    0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0,    0,    0,    0,    1, 3, 3, 10};
  const auto bytes = std::as_bytes(std::span(syn));
  CHECK(tcp::timestamp_of(bytes) == 0x01020304U);
  for (std::size_t length = 0; length < syn.size(); ++length) {
    CAPTURE(length);
    CHECK(tcp::timestamp_of(bytes.first(length)).has_value() == (length >= 36));
  }
  struct Row {
    std::size_t place;
    std::uint8_t value;
    bool there;
  };
  for (const Row& row : {Row{20, 0, false},     // the end of the options
                         Row{21, 0, false},     // an option without a length
                         Row{21, 1, false},     // or with one that is too short
                         Row{21, 200, false},   // or longer than the header
                         Row{27, 8, false},     // no timestamp's length
                         Row{12, 0x50, false},  // a header without options
                         Row{12, 0xf0, true}}) {
    CAPTURE(row.place);
    CAPTURE(static_cast<int>(row.value));
    auto changed = syn;
    changed[row.place] = row.value;
    const auto timestamp = tcp::timestamp_of(std::as_bytes(std::span(changed)));
    CHECK(timestamp.has_value() == row.there);
  }
}

TEST_CASE("a socket without errors has an empty queue, and a dead one too") {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel(linux_kernel);
  const test::TcpPair pair = test::make_tcp_pair();
  tcp::want_icmp_errors(kernel, pair.ours.fd(), AF_INET, true);
  CHECK_FALSE(tcp::take_icmp_error(kernel, pair.ours.fd()));
  tcp::want_icmp_errors(kernel, pair.ours.fd(), AF_INET, false);
  CHECK(kernel.count(sys::Syscall::setsockopt) == 2);
  CHECK(kernel.calls().back().outcome.ok());
}

TEST_CASE("a queue that never runs empty is read only so far") {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel(linux_kernel);
  kernel.script(sys::Syscall::recvmsg).answers(0);
  const test::TcpPair pair = test::make_tcp_pair();
  static_cast<void>(tcp::take_icmp_error(kernel, pair.ours.fd()));
  CHECK(kernel.count(sys::Syscall::recvmsg) <= 64);
}
