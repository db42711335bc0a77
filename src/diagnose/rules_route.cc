// SPDX-License-Identifier: MIT
// connect(2) failed at once and nothing came from the network: this host itself did not send.
#include <fmt/format.h>

#include <array>
#include <cerrno>

#include "base/text.h"
#include "diagnose/rules.h"
#include "sys/names.h"

namespace tcptool::diagnose {
namespace {

using sys::RouteType;

std::optional<Finding> ipv6_disabled(const Evidence& evidence) {
  const bool candidate = evidence.peer.family() == AF_INET6 && evidence.path.ipv6_disabled &&
                         !evidence.path.family_has_address;
  if (!candidate || !failed_here(evidence, {EADDRNOTAVAIL, ENETUNREACH, EACCES, EHOSTUNREACH})) {
    return std::nullopt;
  }
  return Finding{Cause::ipv6_disabled, "unreachable: IPv6 is disabled on this host",
                 "net.ipv6.conf.all.disable_ipv6 is 1, and no interface has an IPv6 address",
                 "IPv6 is disabled on this host (net.ipv6.conf.all.disable_ipv6 = 1)",
                 "an IPv4 address of the peer (-4), or enable IPv6"};
}

std::optional<Finding> lo_down(const Evidence& evidence) {
  const bool failed =
      failed_here(evidence, {ENETUNREACH, EHOSTUNREACH, ENETDOWN, EADDRNOTAVAIL, EINVAL});
  if (!loopback_down(evidence.path) || (!failed && !unanswered(evidence))) return std::nullopt;
  const std::string name = escape(evidence.path.down_link->name);
  return Finding{Cause::interface_down,
                 fmt::format("network unreachable: interface {} is down", name),
                 fmt::format("{} is down, by which this host reaches itself", name),
                 fmt::format("interface {} of this host is down, and {} is reached by it", name,
                             evidence.peer.host()),
                 fmt::format("ip link set {} up", name)};
}

std::optional<Finding> interface_down(const Evidence& evidence) {
  if (!failed_here(evidence, {ENETUNREACH, EHOSTUNREACH, ENETDOWN})) return std::nullopt;
  const PathFacts& path = evidence.path;
  const bool bound = path.not_by_interface;  // to path.link, by -i
  const auto& link = bound ? path.link : path.down_link;
  if (!link || link->up) return std::nullopt;
  // What leads there by another way failed for its own reason.
  const auto& route = path.route;
  const bool by_another =
      !bound && route && (route->type != RouteType::unicast || route->ifindex != link->index);
  if (by_another) return std::nullopt;
  const std::string name = escape(link->name);
  const std::string host = evidence.peer.host();
  Finding finding{Cause::interface_down,
                  fmt::format("network unreachable: interface {} is down", name),
                  fmt::format("{} is down, and its network is {}'s", name, host),
                  fmt::format("interface {}, which leads to {}, is down", name, host),
                  fmt::format("ip link set {} up", name)};
  if (bound) {
    finding.evidence = fmt::format("{}, to which -i binds, is down", name);
    finding.explanation = fmt::format("interface {}, to which -i binds, is down", name);
    finding.advice += "; or without -i";
  }
  return finding;
}

// A source address that the peer could not answer to: that of lo, or of another scope.
std::optional<Finding> source_cannot_reach(const Evidence& evidence) {
  // EINVAL may also be a blackhole that could not be read, or a peer whose own zone is missing.
  const bool no_zone = evidence.peer.is_link_local() && evidence.peer.scope_id() == 0;
  if (!failed_here(evidence, {EINVAL}) || !evidence.source.known() || no_zone ||
      discards(evidence.path, evidence.policy) || !evidence.path.routes_known) {
    return std::nullopt;
  }
  const std::string source = evidence.source.host();
  return Finding{Cause::source_cannot_reach,
                 fmt::format("{} cannot be the source of a connection there (EINVAL)", source),
                 connect_error_words(evidence),
                 fmt::format("from the source address {} the host {} cannot be reached: it belongs "
                             "to another interface or scope",
                             source, evidence.peer.host()),
                 "another source address (-s), or none"};
}

struct RefusingRoute {
  RouteType type;
  Cause cause;
  std::string_view headline;
  std::string_view does;
};

constexpr std::array<RefusingRoute, 3> refusing_routes{
    RefusingRoute{RouteType::prohibit, Cause::route_prohibit, "prohibited by a route of this host",
                  "prohibits it: connect failed with EACCES, and nothing was sent"},
    RefusingRoute{RouteType::unreachable, Cause::route_unreachable,
                  "unreachable by a route of this host",
                  "declares it unreachable; nothing was sent"},
    RefusingRoute{RouteType::blackhole, Cause::route_blackhole,
                  "unreachable: discarded by a route of this host",
                  "discards everything for it; nothing was sent"}};

std::optional<Finding> route_refuses(const Evidence& evidence) {
  // Each kind of entry has its errno; another one has another cause.
  if (!evidence.path.route) return std::nullopt;
  const RouteType type = evidence.path.route->type;
  const int usual = sys::refusal_errno(type);
  // Of old kernels, for IPv6.
  const int old = type == RouteType::unreachable ? ENETUNREACH : usual;
  if (usual == 0 || !failed_here(evidence, {usual, old})) return std::nullopt;
  const std::string destination = evidence.path.route->text();
  const std::string entry = fmt::format("{} {}", sys::route_type_name(type), destination);
  for (const RefusingRoute& row : refusing_routes) {
    if (row.type != type) continue;
    return Finding{row.cause, std::string(row.headline),
                   fmt::format("{} in this host's routing table", entry),
                   fmt::format("the route {} of this host {}", entry, row.does),
                   fmt::format("ip route get {}; the entry {}", evidence.peer.host(), destination)};
  }
  return std::nullopt;
}

// Multicast and broadcast: connect(2) of TCP takes neither, whatever route there is.
std::optional<Finding> not_unicast(const Evidence& evidence) {
  if (!failed_here(evidence, {ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL})) return std::nullopt;
  const sys::Address peer = evidence.peer.unmapped();
  const auto in = [&](std::string_view network, unsigned length) {
    return sys::covers(*sys::Address::parse(network, 0), length, peer);
  };
  const auto& route = evidence.path.route;
  std::string kind;
  if (in("224.0.0.0", 4) || in("ff00::", 8)) {
    kind = "a multicast address, that of a group of hosts";
  } else if (in("255.255.255.255", 32) || (route && route->type == RouteType::broadcast)) {
    kind = "a broadcast address, that of all hosts on a link";
  } else {
    return std::nullopt;
  }
  const std::string host = peer.host();
  return Finding{Cause::not_unicast,
                 fmt::format("{} is not the address of one host ({})", host,
                             sys::errno_name(evidence.error.error)),
                 connect_error_words(evidence),
                 fmt::format("TCP connects to one host alone, and {} is {}", host, kind),
                 "the address of one host (unicast); groups are reached by UDP"};
}

// SO_BINDTODEVICE: what nobody answered for was asked on that interface alone.
std::optional<Finding> not_by_interface(const Evidence& evidence) {
  // A network that answers has been reached all the same: somebody there passes it on.
  const bool answered =
      evidence.error.error == ECONNREFUSED || (evidence.icmp && !icmp_from_here(evidence));
  if (!evidence.path.not_by_interface || !evidence.path.link || answered) return std::nullopt;
  const bool failed = evidence.timed_out || evidence.icmp ||
                      failed_here(evidence, {ENETUNREACH, EHOSTUNREACH, EINVAL, ETIMEDOUT});
  if (!failed) return std::nullopt;
  const std::string host = evidence.peer.host();
  const std::string interface = escape(evidence.path.link->name);
  const std::string other = escape(evidence.path.route_interface);
  const std::string instead = other.empty() ? std::string(", and no other interface has one")
                                            : fmt::format(": its route goes by {}", other);
  Finding finding{Cause::not_by_interface,
                  fmt::format("unreachable by interface {}: no route there", interface),
                  fmt::format("no route to {} by {}", host, interface),
                  fmt::format("interface {} has no route to {}{}", interface, host, instead),
                  other.empty() ? fmt::format("ip route; a route to {}", host)
                                : fmt::format("-i {}, or without -i", other)};
  if (!other.empty()) {
    finding.evidence += fmt::format("; route {} is on {}", evidence.path.route->text(), other);
  }
  return finding;
}

std::optional<Finding> no_route(const Evidence& evidence) {
  if (!failed_here(evidence, {ENETUNREACH}) || !evidence.path.routes_known || evidence.path.route) {
    return std::nullopt;
  }
  const std::string host = evidence.peer.host();
  Finding finding{
      Cause::no_route, fmt::format("no route to {} in this host's routing table", host),
      fmt::format("the routing tables of this host have no entry that leads to {}", host),
      fmt::format("this host has no route to {}, and no default route for it", host),
      fmt::format("ip route; a route or default gateway for {}", host)};
  if (!evidence.path.family_has_address) {
    finding.explanation = fmt::format("this host has no {} address but loopback's, and no route",
                                      sys::family_word(evidence.peer.family()));
    finding.advice = "ip addr and ip route; or an address of the other family";
  }
  if (evidence.path.ignored_link) {
    finding.headline = fmt::format("no route to {} that this host uses", host);
    finding.evidence = fmt::format("the entry that leads to {} goes by {}, which has no carrier",
                                   host, escape(evidence.path.ignored_link->name));
    finding.explanation = fmt::format("this host has no route to {} that it uses", host);
    finding.advice = "this host's cable or radio (ip link); ip route shows linkdown";
  }
  if (const std::string gone = routes_gone_words(evidence.path); !gone.empty()) {
    finding.explanation += gone;
    finding.or_else = Cause::interface_down;
  }
  return finding;
}

constexpr std::array<Rule, 8> rules{lo_down,        ipv6_disabled,    not_unicast,
                                    interface_down, not_by_interface, source_cannot_reach,
                                    route_refuses,  no_route};

}  // namespace

std::span<const Rule> route_rules() {
  return rules;
}

}  // namespace tcptool::diagnose
