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

bool failed_here(const Evidence& evidence, std::initializer_list<int> errors) {
  if (evidence.timed_out || evidence.icmp || evidence.error.call != sys::Syscall::connect) {
    return false;
  }
  for (const int error : errors) {
    if (evidence.error.error == error) return true;
  }
  return false;
}

std::string errno_words(const Evidence& evidence) {
  return fmt::format("connect: {} ({}) at once", sys::errno_text(evidence.error.error),
                     sys::errno_name(evidence.error.error));
}

std::string family_word(const Evidence& evidence) {
  return evidence.peer.family() == AF_INET6 ? "IPv6" : "IPv4";
}

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

std::optional<Finding> no_free_port(const Evidence& evidence) {
  if (!failed_here(evidence, {EADDRNOTAVAIL})) return std::nullopt;
  if (!evidence.path.family_has_address && !evidence.path.own_address) {
    return Finding{
        Cause::address_not_local,
        fmt::format("this host has no {} address to send from (EADDRNOTAVAIL)",
                    family_word(evidence)),
        errno_words(evidence),
        fmt::format("no interface of this host has an {} address", family_word(evidence)),
        "ip addr; or an address of the other family"};
  }
  const std::string range =
      evidence.host.port_range.empty()
          ? std::string()
          : fmt::format(" (net.ipv4.ip_local_port_range is {})", escape(evidence.host.port_range));
  return Finding{Cause::no_free_port, "no free source port (EADDRNOTAVAIL)", errno_words(evidence),
                 fmt::format("every local port for connections to {} is in use{}",
                             evidence.peer.text(), range),
                 "fewer connections at once (ss -tn), another source address, or a wider range"};
}

std::optional<Finding> interface_down(const Evidence& evidence) {
  if (!evidence.path.down_link || !failed_here(evidence, {ENETUNREACH, EHOSTUNREACH, ENETDOWN})) {
    return std::nullopt;
  }
  // A route over another interface that failed for its own reason outweighs it.
  if (evidence.path.route && evidence.path.route->type != RouteType::unicast) return std::nullopt;
  const std::string interface = escape(evidence.path.down_link->name);
  return Finding{
      Cause::interface_down, fmt::format("network unreachable: interface {} is down", interface),
      fmt::format("{} is down, and its network is {}'s", interface, evidence.peer.host()),
      fmt::format("interface {}, which leads to {}, is down", interface, evidence.peer.host()),
      fmt::format("ip link set {} up", interface)};
}

// A source address that the peer could not answer to: that of lo, or of another scope.
std::optional<Finding> source_cannot_reach(const Evidence& evidence) {
  const bool blackhole = evidence.path.route && evidence.path.route->type == RouteType::blackhole;
  if (!failed_here(evidence, {EINVAL}) || !evidence.source.known() || blackhole) {
    return std::nullopt;
  }
  const std::string source = evidence.source.host();
  return Finding{Cause::source_cannot_reach,
                 fmt::format("{} cannot be the source of a connection there (EINVAL)", source),
                 errno_words(evidence),
                 fmt::format("from the source address {} the host {} cannot be reached: it belongs "
                             "to another interface or scope",
                             source, evidence.peer.host()),
                 "another source address (-s), or none"};
}

std::string route_words(const Evidence& evidence, std::string_view type) {
  return fmt::format("the route {} {} of this host", type, evidence.path.route->text());
}

std::optional<Finding> route_refuses(const Evidence& evidence) {
  if (!evidence.path.route ||
      !failed_here(evidence, {EACCES, EHOSTUNREACH, ENETUNREACH, EINVAL, EPERM})) {
    return std::nullopt;
  }
  const std::string destination = evidence.path.route->text();
  const std::string advice =
      fmt::format("ip route get {}; the entry {}", evidence.peer.host(), destination);
  switch (evidence.path.route->type) {
    case RouteType::prohibit:
      return Finding{Cause::route_prohibit, "prohibited by a route of this host",
                     fmt::format("prohibit {} in this host's routing table", destination),
                     fmt::format("{} prohibits it: connect failed with EACCES, and nothing was "
                                 "sent",
                                 route_words(evidence, "prohibit")),
                     advice};
    case RouteType::unreachable:
      return Finding{Cause::route_unreachable, "unreachable by a route of this host",
                     fmt::format("unreachable {} in this host's routing table", destination),
                     fmt::format("{} declares it unreachable; nothing was sent",
                                 route_words(evidence, "unreachable")),
                     advice};
    case RouteType::blackhole:
      return Finding{Cause::route_blackhole, "unreachable: discarded by a route of this host",
                     fmt::format("blackhole {} in this host's routing table", destination),
                     fmt::format("{} discards everything for it; nothing was sent",
                                 route_words(evidence, "blackhole")),
                     advice};
    case RouteType::throw_:
    case RouteType::unicast:
    case RouteType::local:
    case RouteType::broadcast:
    case RouteType::multicast:
    case RouteType::other:
      break;
  }
  return std::nullopt;
}

std::optional<Finding> no_route(const Evidence& evidence) {
  if (!failed_here(evidence, {ENETUNREACH}) || !evidence.path.routes_known || evidence.path.route) {
    return std::nullopt;
  }
  const std::string host = evidence.peer.host();
  Finding finding{Cause::no_route, fmt::format("no route to {} in this host's routing table", host),
                  fmt::format("the routing table of this host has no entry that covers {}", host),
                  fmt::format("this host has no route to {}, and no default route", host),
                  fmt::format("ip route; a route or default gateway for {}", host)};
  if (!evidence.path.family_has_address) {
    finding.explanation = fmt::format("this host has no {} address and no {} route",
                                      family_word(evidence), family_word(evidence));
    finding.advice = "an address of the other family";
  }
  return finding;
}

// netfilter answers a dropped local packet with EPERM.
std::optional<Finding> output_filter(const Evidence& evidence) {
  if (!failed_here(evidence, {EPERM})) return std::nullopt;
  return Finding{Cause::output_filter, "not permitted by this host (EPERM)", errno_words(evidence),
                 "a packet filter on this host itself drops what is sent there, or a security "
                 "policy (BPF, SELinux) forbids the connection",
                 "this host's own rules: nft list ruleset, as root"};
}

std::optional<Finding> no_memory(const Evidence& evidence) {
  if (!failed_here(evidence, {ENOMEM, ENOBUFS})) return std::nullopt;
  return Finding{Cause::no_memory, "the kernel has no memory for it", errno_words(evidence),
                 "the kernel has no memory left for another connection",
                 "what uses it: /proc/net/sockstat, net.ipv4.tcp_mem"};
}

constexpr std::array<Rule, 8> rules{ipv6_disabled,       no_free_port,  interface_down,
                                    source_cannot_reach, route_refuses, no_route,
                                    output_filter,       no_memory};

}  // namespace

std::span<const Rule> route_rules() {
  return rules;
}

}  // namespace tcptool::diagnose
