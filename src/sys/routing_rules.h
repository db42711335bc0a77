// SPDX-License-Identifier: MIT
// Policy routing: which of this host's routing tables is asked for which packets. Read over
// rtnetlink(7), which needs no rights. See ip-rule(8).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "sys/address.h"
#include "sys/error.h"
#include "sys/kernel.h"

namespace tcptool::sys {

struct RoutingRule {
  enum class Action { table, blackhole, unreachable, prohibit, go_to, other };
  std::uint32_t priority = 0;  // a lower one is asked earlier
  Action action = Action::other;
  std::uint32_t table = 0;   // where that is the action
  std::uint32_t target = 0;  // of go_to: the priority of the rule that is asked next
  Address source;            // family AF_UNSPEC: any
  unsigned source_length = 0;
  Address destination;  // family AF_UNSPEC: any
  unsigned destination_length = 0;
  // It asks for more than addresses (a mark, an interface, a user, ports...), means all others
  // (`not`), or does not take every entry of its table.
  bool conditional = false;

  // "from all to 10.99.0.0/16 lookup 100", nearly as ip-rule(8) shows it.
  [[nodiscard]] std::string text() const;
};

// In the order in which they are asked. Errors: those of netlink_ask in sys/netlink.h; a kernel
// without policy routing is EOPNOTSUPP.
Result<std::vector<RoutingRule>, SysError> routing_rules(Kernel& kernel, int family);

// One message's payload; nothing for bytes that are no such message. Never reads beyond them.
std::optional<RoutingRule> parse_routing_rule(std::span<const std::byte> payload);

}  // namespace tcptool::sys
