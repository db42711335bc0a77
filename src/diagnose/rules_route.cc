// SPDX-License-Identifier: MIT
// connect(2) failed at once and nothing came from the network: this host itself did not send.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text.h"
#include "diagnose/rules.h"
#include "sys/names.h"

namespace tcptool::diagnose {
namespace {

using sys::RouteType;

}  // namespace

bool failed_here(const Evidence& evidence, std::initializer_list<int> errors) {
  if (evidence.timed_out || evidence.icmp || evidence.error.call != sys::Syscall::connect) {
    return false;
  }
  for (const int error : errors) {
    if (evidence.error.error == error) return true;
  }
  return false;
}

std::string connect_error_words(const Evidence& evidence) {
  constexpr auto a_moment = std::chrono::milliseconds(100);
  return fmt::format("connect: {} ({}) {}", sys::errno_text(evidence.error.error),
                     sys::errno_name(evidence.error.error),
                     evidence.after < a_moment
                         ? "at once"
                         : fmt::format("after {}", format_duration(evidence.after)));
}

namespace {

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

// The user's own choice of the port: the kernel keeps one connection apart from another by
// addresses and ports alone.
Finding source_port_taken(const Evidence& evidence) {
  constexpr unsigned time_wait = 6;  // as tcpi_state
  const std::string port = fmt::format("{}", evidence.source.port());
  for (const PortHolder& holder : evidence.host.holders) {
    const sys::SocketRow& socket = holder.socket;
    if (!(socket.remote.unmapped() == evidence.peer.unmapped())) continue;
    const std::string ends = fmt::format("{} -> {}", socket.local.text(), socket.remote.text());
    if (socket.state != time_wait) {
      return {Cause::source_port_in_use, "the source port is in use (EADDRNOTAVAIL)",
              fmt::format("{} ({}) belongs to {}", ends, sys::tcp_state_name(socket.state),
                          holder_text(holder)),
              fmt::format("{} has a connection from port {} to the same place already",
                          holder_text(holder), port),
              "another source port"};
    }
    const auto left = socket.time_wait_left;
    const std::string time = left ? fmt::format(" for {} more", format_duration(*left)) : "";
    return {Cause::source_port_in_time_wait,
            "the source port is in use by a connection in TIME-WAIT (EADDRNOTAVAIL)",
            fmt::format("{} is in TIME-WAIT{}", ends, time),
            fmt::format("an earlier connection from port {} to the same place waits in TIME-WAIT{}",
                        port, time),
            "another source port, or wait"};
  }
  return {Cause::source_port_in_use, "the source port cannot be used (EADDRNOTAVAIL)",
          connect_error_words(evidence),
          fmt::format("a connection from port {} to {} exists already, or has just ended", port,
                      evidence.peer.text()),
          "another source port, or wait"};
}

std::optional<Finding> no_free_port(const Evidence& evidence) {
  if (!failed_here(evidence, {EADDRNOTAVAIL})) return std::nullopt;
  if (!evidence.path.family_has_address && !evidence.path.own_address) {
    return Finding{
        Cause::address_not_local,
        fmt::format("this host has no {} address to send from (EADDRNOTAVAIL)",
                    family_word(evidence)),
        connect_error_words(evidence),
        fmt::format("no interface of this host has an {} address", family_word(evidence)),
        "ip addr; or an address of the other family"};
  }
  if (evidence.source.port() != 0) return source_port_taken(evidence);
  const std::string range =
      evidence.host.port_range.empty()
          ? std::string()
          : fmt::format(" (net.ipv4.ip_local_port_range is {})", escape(evidence.host.port_range));
  Finding finding{Cause::no_free_port, "no free source port (EADDRNOTAVAIL)",
                  connect_error_words(evidence),
                  fmt::format("every local port for connections to {} is in use{}",
                              evidence.peer.text(), range),
                  "fewer connections at once (ss -tn), another source address, or a wider range"};
  if (evidence.peer.unmapped().family() == AF_INET6) {
    finding.headline = "no free source port, or no source address (EADDRNOTAVAIL)";
    finding.explanation += ", or no IPv6 address of this host can be used (tentative: ip addr)";
    finding.or_else = Cause::address_not_local;
  }
  return finding;
}

std::optional<Finding> interface_down(const Evidence& evidence) {
  if (!evidence.path.down_link || !failed_here(evidence, {ENETUNREACH, EHOSTUNREACH, ENETDOWN})) {
    return std::nullopt;
  }
  // What leads there by another way failed for its own reason.
  const auto& route = evidence.path.route;
  if (route &&
      (route->type != RouteType::unicast || route->ifindex != evidence.path.down_link->index)) {
    return std::nullopt;
  }
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
  // EINVAL may also be a blackhole that could not be read, or a peer whose own zone is missing.
  const bool no_zone = evidence.peer.is_link_local() && evidence.peer.scope_id() == 0;
  const auto& refusals = evidence.policy.refusals;
  const bool ruled_out = !refusals.empty() && refusals.front().certain;  // see rules_errno.cc
  if (!failed_here(evidence, {EINVAL}) || !evidence.source.known() || blackhole || no_zone ||
      ruled_out || !evidence.path.routes_known) {
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

std::string route_words(const Evidence& evidence, std::string_view type) {
  return fmt::format("the route {} {} of this host", type, evidence.path.route->text());
}

int errno_of(RouteType type) {
  if (type == RouteType::prohibit) return EACCES;
  if (type == RouteType::unreachable) return EHOSTUNREACH;
  return type == RouteType::blackhole ? EINVAL : 0;
}

std::optional<Finding> route_refuses(const Evidence& evidence) {
  // Each kind of entry has its errno (see ip-route(8)); another one has another cause.
  if (!evidence.path.route) return std::nullopt;
  const RouteType type = evidence.path.route->type;
  const int usual = errno_of(type);
  // Of old kernels, for IPv6.
  const int old = type == RouteType::unreachable ? ENETUNREACH : usual;
  if (usual == 0 || !failed_here(evidence, {usual, old})) return std::nullopt;
  const std::string destination = evidence.path.route->text();
  const std::string advice =
      fmt::format("ip route get {}; the entry {}", evidence.peer.host(), destination);
  switch (type) {
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
  const std::string instead = other.empty() ? std::string("and no other interface has one")
                                            : fmt::format("its route goes by {}", other);
  Finding finding{Cause::not_by_interface,
                  fmt::format("unreachable by interface {}: no route there", interface),
                  fmt::format("no route to {} by {}", host, interface),
                  fmt::format("interface {} has no route to {}: {}", interface, host, instead),
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
                                      family_word(evidence));
    finding.advice = "ip addr and ip route; or an address of the other family";
  }
  return finding;
}

constexpr std::array<Rule, 8> rules{ipv6_disabled, not_unicast,    not_by_interface,
                                    no_free_port,  interface_down, source_cannot_reach,
                                    route_refuses, no_route};

}  // namespace

std::span<const Rule> route_rules() {
  return rules;
}

}  // namespace tcptool::diagnose
