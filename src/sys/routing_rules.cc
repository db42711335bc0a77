// SPDX-License-Identifier: MIT
#include "sys/routing_rules.h"

#include <fmt/format.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "sys/host_network.h"
#include "sys/netlink.h"

namespace tcptool::sys {
namespace {

RoutingRule::Action action_of(unsigned action) {
  switch (action) {
    case FR_ACT_TO_TBL:
      return RoutingRule::Action::table;
    case FR_ACT_BLACKHOLE:
      return RoutingRule::Action::blackhole;
    case FR_ACT_UNREACHABLE:
      return RoutingRule::Action::unreachable;
    case FR_ACT_PROHIBIT:
      return RoutingRule::Action::prohibit;
    case FR_ACT_GOTO:
      return RoutingRule::Action::go_to;
    default:
      return RoutingRule::Action::other;
  }
}

void take_attribute(RoutingRule& rule, int family, const NetlinkAttribute& attribute) {
  const auto number = copy_at<std::uint32_t>(attribute.value);
  switch (attribute.type) {
    case FRA_DST:
      rule.destination = address_of(family, attribute.value, 0);
      break;
    case FRA_SRC:
      rule.source = address_of(family, attribute.value, 0);
      break;
    case FRA_PRIORITY:
      rule.priority = number.value_or(0);
      break;
    case FRA_TABLE:
      rule.table = number.value_or(rule.table);
      break;
    case FRA_GOTO:
      rule.target = number.value_or(0);
      break;
    case FRA_SUPPRESS_PREFIXLEN:  // the kernel always tells them; all ones: nothing is asked for
    case FRA_SUPPRESS_IFGROUP:
      if (number.value_or(0) != ~0U) rule.conditional = true;
      break;
    case FRA_PAD:
    case FRA_PROTOCOL:  // who has made it
    case FRA_FLOW:
      break;
    default:
      rule.conditional = true;
  }
}

}  // namespace

std::string RoutingRule::text() const {
  constexpr std::array<std::string_view, 6> actions{"lookup",   "blackhole", "unreachable",
                                                    "prohibit", "goto",      "another action"};
  std::string out = "from all";
  if (source.known()) out = fmt::format("from {}/{}", source.host(), source_length);
  if (destination.known()) {
    out += fmt::format(" to {}/{}", destination.host(), destination_length);
  }
  if (conditional) out += ", with more conditions:";
  out += fmt::format(" {}", actions[static_cast<std::size_t>(action)]);
  if (action == Action::table) return fmt::format("{} {}", out, table);
  return action == Action::go_to ? fmt::format("{} {}", out, target) : out;
}

Result<std::vector<RoutingRule>, SysError> routing_rules(Kernel& kernel, int family) {
  fib_rule_hdr header{};
  header.family = static_cast<unsigned char>(family);
  const auto answer = netlink_ask(kernel, NETLINK_ROUTE,
                                  NetlinkRequest(RTM_GETRULE, NLM_F_DUMP, header), "routing rules");
  if (!answer) return failure(answer.error());
  std::vector<RoutingRule> rules;
  std::span<const std::byte> rest = *answer;
  while (const auto message = next_message(rest)) {
    const auto told = copy_at<fib_rule_hdr>(message->payload);
    // For a family that it does not know the kernel tells the rules of those it has.
    if (message->type != RTM_NEWRULE || !told || told->family != family) continue;
    const auto rule = parse_routing_rule(message->payload);
    if (rule) rules.push_back(*rule);
  }
  std::stable_sort(rules.begin(), rules.end(), [](const RoutingRule& a, const RoutingRule& b) {
    return a.priority < b.priority;
  });
  return rules;
}

std::optional<RoutingRule> parse_routing_rule(std::span<const std::byte> payload) {
  const auto header = copy_at<fib_rule_hdr>(payload);
  if (!header) return std::nullopt;
  const int family = header->family;
  RoutingRule rule;
  rule.action = action_of(header->action);
  rule.table = header->table;
  rule.source_length = header->src_len;
  rule.destination_length = header->dst_len;
  rule.conditional = header->tos != 0 || (header->flags & FIB_RULE_INVERT) != 0;
  auto attributes = payload.subspan(sizeof *header);
  while (const auto attribute = next_attribute(attributes)) {
    take_attribute(rule, family, *attribute);
  }
  const auto sound = [](const Address& network, unsigned length) {
    return network.known() ? covers(network, length, network) : length == 0;
  };
  const bool ip = family == AF_INET || family == AF_INET6;
  if (!ip || !sound(rule.source, rule.source_length) ||
      !sound(rule.destination, rule.destination_length)) {
    return std::nullopt;
  }
  return rule;
}

}  // namespace tcptool::sys
