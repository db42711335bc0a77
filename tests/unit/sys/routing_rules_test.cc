// SPDX-License-Identifier: MIT
#include "sys/routing_rules.h"

#include <doctest/doctest.h>
#include <linux/fib_rules.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>

#include "support/scripted_kernel.h"
#include "sys/linux_kernel.h"
#include "sys/netlink.h"

using namespace tcptool;
using Action = sys::RoutingRule::Action;
using sys::NetlinkRequest;

namespace {

std::span<const std::byte> payload(const NetlinkRequest& message) {
  return message.bytes().subspan(sizeof(nlmsghdr));
}

fib_rule_hdr header(int family, unsigned char action, unsigned char to_length = 0) {
  fib_rule_hdr out{};
  out.family = static_cast<unsigned char>(family);
  out.action = action;
  out.dst_len = to_length;
  return out;
}

std::span<const std::byte> bits(const sys::Address& address) {
  return address.family() == AF_INET ? address.bytes().subspan(4, 4)
                                     : address.bytes().subspan(8, 16);
}

}  // namespace

TEST_CASE("a rule is read with what it means and what it does") {
  const auto to = sys::Address::parse("10.99.0.0", 0).value();
  NetlinkRequest message(RTM_NEWRULE, 0, header(AF_INET, FR_ACT_TO_TBL, 16));
  message.add(FRA_DST, bits(to)).add(FRA_PRIORITY, 100).add(FRA_TABLE, 1000);
  message.add(FRA_SUPPRESS_PREFIXLEN, ~0U);
  const auto rule = sys::parse_routing_rule(payload(message));
  REQUIRE(rule);
  CHECK(rule->priority == 100);
  CHECK(rule->table == 1000);
  CHECK_FALSE(rule->conditional);
  CHECK(rule->text() == "from all to 10.99.0.0/16 lookup 1000");
  message.add(FRA_FWMARK, 1);
  CHECK(sys::parse_routing_rule(payload(message))->conditional);
  CHECK(sys::parse_routing_rule(payload(message))->text() ==
        "from all to 10.99.0.0/16, with more conditions: lookup 1000");
  const auto whole = payload(message);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const std::vector<std::byte> copy(whole.begin(), whole.begin() + static_cast<long>(length));
    sys::parse_routing_rule(copy);
  }
}

TEST_CASE("a rule that refuses, of either family, from a source") {
  const auto from = sys::Address::parse("2001:db8::", 0).value();
  auto asked = header(AF_INET6, FR_ACT_PROHIBIT);
  asked.src_len = 32;
  NetlinkRequest message(RTM_NEWRULE, 0, asked);
  message.add(FRA_SRC, bits(from));
  CHECK(sys::parse_routing_rule(payload(message))->text() == "from 2001:db8::/32 prohibit");
  asked.flags = FIB_RULE_INVERT;
  NetlinkRequest inverted(RTM_NEWRULE, 0, asked);
  inverted.add(FRA_SRC, bits(from));
  CHECK(sys::parse_routing_rule(payload(inverted))->conditional);
}

TEST_CASE("a goto has its target, and no further conditions by that") {
  NetlinkRequest message(RTM_NEWRULE, 0, header(AF_INET, FR_ACT_GOTO));
  message.add(FRA_PRIORITY, 100).add(FRA_GOTO, 300);
  const auto rule = sys::parse_routing_rule(payload(message));
  REQUIRE(rule);
  CHECK(rule->action == Action::go_to);
  CHECK(rule->target == 300);
  CHECK_FALSE(rule->conditional);
  CHECK(rule->text() == "from all goto 300");
}

TEST_CASE("what is no rule is none") {
  CHECK_FALSE(sys::parse_routing_rule(payload(NetlinkRequest(RTM_NEWRULE, 0, header(99, 1)))));
  CHECK_FALSE(sys::parse_routing_rule(
      payload(NetlinkRequest(RTM_NEWRULE, 0, header(AF_INET, FR_ACT_PROHIBIT, 16)))));
  NetlinkRequest longer(RTM_NEWRULE, 0, header(AF_INET, FR_ACT_PROHIBIT, 33));
  longer.add(FRA_DST, bits(sys::Address::parse("10.99.0.0", 0).value()));
  CHECK_FALSE(sys::parse_routing_rule(payload(longer)));
}

TEST_CASE("this machine's rules lead to its tables") {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel(linux_kernel);
  const auto rules = sys::routing_rules(kernel, AF_INET);
  REQUIRE(rules);
  CHECK(std::any_of(rules->begin(), rules->end(), [](const sys::RoutingRule& rule) {
    return rule.action == Action::table && rule.table == RT_TABLE_MAIN;
  }));
  CHECK(std::is_sorted(rules->begin(), rules->end(),
                       [](const auto& a, const auto& b) { return a.priority < b.priority; }));
  kernel.script(sys::Syscall::socket).fails(EACCES);
  CHECK(sys::routing_rules(kernel, AF_INET).error().error == EACCES);
}
