// SPDX-License-Identifier: MIT
// The messages of rtnetlink(7), read.
#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <cstring>

#include "base/bytes.h"
#include "sys/host_network.h"
#include "sys/netlink.h"

namespace tcptool::sys {
namespace {

using Bytes = std::span<const std::byte>;

// The attributes behind a message's family header; empty where even that is not whole.
Bytes behind(Bytes payload, std::size_t header_size) {
  constexpr std::size_t alignment = 4;
  const std::size_t offset = (header_size + alignment - 1) / alignment * alignment;
  return payload.subspan(std::min(payload.size(), offset));
}

unsigned address_bits(int family) {
  return family == AF_INET ? 32 : family == AF_INET6 ? 128 : 0;
}

RouteType type_of(unsigned type) {
  switch (type) {
    case RTN_UNICAST:
      return RouteType::unicast;
    case RTN_LOCAL:
      return RouteType::local;
    case RTN_BROADCAST:
      return RouteType::broadcast;
    case RTN_MULTICAST:
      return RouteType::multicast;
    case RTN_BLACKHOLE:
      return RouteType::blackhole;
    case RTN_UNREACHABLE:
      return RouteType::unreachable;
    case RTN_PROHIBIT:
      return RouteType::prohibit;
    case RTN_THROW:
      return RouteType::throw_;
    default:
      return RouteType::other;
  }
}

NeighbourState state_of(unsigned state) {
  if ((state & NUD_INCOMPLETE) != 0) return NeighbourState::incomplete;
  if ((state & NUD_REACHABLE) != 0) return NeighbourState::reachable;
  if ((state & NUD_STALE) != 0) return NeighbourState::stale;
  if ((state & NUD_DELAY) != 0) return NeighbourState::delay;
  if ((state & NUD_PROBE) != 0) return NeighbourState::probe;
  if ((state & NUD_FAILED) != 0) return NeighbourState::failed;
  if ((state & NUD_NOARP) != 0) return NeighbourState::noarp;
  if ((state & NUD_PERMANENT) != 0) return NeighbourState::permanent;
  return NeighbourState::none;
}

// The name of a virtual link's driver, in an IFLA_LINKINFO.
std::string kind_of(Bytes info) {
  constexpr std::size_t longest = 32;
  while (const auto attribute = next_attribute(info)) {
    if (attribute->type != IFLA_INFO_KIND) continue;
    return std::string(c_text(attribute->value.first(std::min(attribute->value.size(), longest))));
  }
  return {};
}

// The gateway in an RTA_VIA: its family, which need not be the route's, and the address.
Address via(Bytes value, unsigned ifindex) {
  const auto family = copy_at<decltype(rtvia::rtvia_family)>(value);
  return family ? address_of(*family, value.subspan(sizeof *family), ifindex) : Address();
}

unsigned metric_mtu(Bytes metrics) {
  while (const auto metric = next_attribute(metrics)) {
    if (metric->type == RTAX_MTU) return copy_at<std::uint32_t>(metric->value).value_or(0);
  }
  return 0;
}

// The first next hop of an RTA_MULTIPATH that is alive, into `route`; false where none is.
bool take_next_hop(Route& route, int family, Bytes hops) {
  while (const auto hop = copy_at<rtnexthop>(hops)) {
    if (hop->rtnh_len < sizeof(rtnexthop) || hop->rtnh_len > hops.size()) return false;
    Bytes attributes = hops.subspan(sizeof(rtnexthop), hop->rtnh_len - sizeof(rtnexthop));
    hops = behind(hops, hop->rtnh_len);
    if ((hop->rtnh_flags & RTNH_F_DEAD) != 0) continue;
    route.ifindex = static_cast<unsigned>(hop->rtnh_ifindex);
    while (const auto attribute = next_attribute(attributes)) {
      if (attribute->type == RTA_GATEWAY) {
        route.gateway = address_of(family, attribute->value, route.ifindex);
      } else if (attribute->type == RTA_VIA) {
        route.gateway = via(attribute->value, route.ifindex);
      }
    }
    return true;
  }
  return false;
}

// "52:54:00:12:34:56"; also for links whose addresses are longer or shorter.
std::string link_address_text(Bytes value) {
  constexpr std::size_t longest = 32;  // MAX_ADDR_LEN
  std::string out;
  for (const std::byte byte : value.first(std::min(value.size(), longest))) {
    out += fmt::format("{}{:02x}", out.empty() ? "" : ":", std::to_integer<unsigned>(byte));
  }
  return out;
}

}  // namespace

Address address_of(int family, Bytes bits, unsigned ifindex) {
  Address address = Address::any(family, 0);
  if (family == AF_INET && bits.size() == sizeof(in_addr)) {
    std::memcpy(address.buffer()->sa_data + 2, bits.data(), bits.size());  // behind the port
    return address;
  }
  if (family != AF_INET6 || bits.size() != sizeof(in6_addr)) return {};
  sockaddr_in6 name{};
  name.sin6_family = AF_INET6;
  std::memcpy(&name.sin6_addr, bits.data(), bits.size());
  address = Address::from(reinterpret_cast<const sockaddr*>(&name), sizeof name);
  return address.is_link_local() ? address.with_zone(ifindex, "") : address;
}

std::optional<Link> parse_link(Bytes payload) {
  const auto header = copy_at<ifinfomsg>(payload);
  if (!header || header->ifi_index <= 0) return std::nullopt;
  Link link;
  link.index = static_cast<unsigned>(header->ifi_index);
  link.up = (header->ifi_flags & IFF_UP) != 0;
  link.carrier = (header->ifi_flags & IFF_RUNNING) != 0;  // unless IFLA_CARRIER is there
  link.loopback = (header->ifi_flags & IFF_LOOPBACK) != 0;
  link.arp = (header->ifi_flags & (IFF_NOARP | IFF_LOOPBACK)) == 0;
  Bytes attributes = behind(payload, sizeof *header);
  while (const auto attribute = next_attribute(attributes)) {
    if (attribute->type == IFLA_IFNAME) {
      link.name = c_text(
          attribute->value.first(std::min<std::size_t>(attribute->value.size(), IF_NAMESIZE - 1)));
    } else if (attribute->type == IFLA_MTU) {
      link.mtu = copy_at<std::uint32_t>(attribute->value).value_or(0);
    } else if (attribute->type == IFLA_CARRIER) {
      link.carrier = copy_at<std::uint8_t>(attribute->value).value_or(0) != 0;
    } else if (attribute->type == IFLA_LINKINFO) {
      link.kind = kind_of(attribute->value);
    }
  }
  if (link.name.empty()) return std::nullopt;
  return link;
}

// IFA_LOCAL is the host's own address, IFA_ADDRESS the other end's where there is one; IPv6 has the
// latter alone, unless a peer was named.
std::optional<InterfaceAddress> parse_interface_address(Bytes payload) {
  const auto header = copy_at<ifaddrmsg>(payload);
  if (!header || header->ifa_prefixlen > address_bits(header->ifa_family)) return std::nullopt;
  InterfaceAddress entry;
  entry.ifindex = header->ifa_index;
  entry.prefix_length = header->ifa_prefixlen;
  Bytes attributes = behind(payload, sizeof *header);
  bool local = false;
  while (const auto attribute = next_attribute(attributes)) {
    if (attribute->type != IFA_LOCAL && (attribute->type != IFA_ADDRESS || local)) continue;
    entry.address = address_of(header->ifa_family, attribute->value, entry.ifindex);
    local = attribute->type == IFA_LOCAL;
  }
  if (!entry.address.known()) return std::nullopt;
  return entry;
}

std::optional<Route> parse_route(Bytes payload, bool cached) {
  const auto header = copy_at<rtmsg>(payload);
  if (!header || address_bits(header->rtm_family) == 0) return std::nullopt;
  const int family = header->rtm_family;
  const bool exception = (header->rtm_flags & RTM_F_CLONED) != 0 && !cached;
  const bool no_carrier = (header->rtm_flags & RTNH_F_LINKDOWN) != 0;
  const bool unusable = (header->rtm_flags & RTNH_F_DEAD) != 0;
  const bool dead = unusable && !no_carrier;
  if (header->rtm_dst_len > address_bits(family) || exception || dead || header->rtm_tos != 0) {
    return std::nullopt;
  }
  Route route;
  route.destination = Address::any(family, 0);
  route.prefix_length = header->rtm_dst_len;
  route.type = type_of(header->rtm_type);
  route.table = header->rtm_table;
  route.ignored = unusable;
  Bytes attributes = behind(payload, sizeof *header);
  Bytes destination;
  Bytes gateway;
  Bytes other_gateway;
  Bytes source;
  while (const auto attribute = next_attribute(attributes)) {
    const Bytes value = attribute->value;
    const auto number = copy_at<std::uint32_t>(value).value_or(0);
    if (attribute->type == RTA_DST) destination = value;
    if (attribute->type == RTA_GATEWAY) gateway = value;
    if (attribute->type == RTA_VIA) other_gateway = value;
    if (attribute->type == RTA_PREFSRC) source = value;
    if (attribute->type == RTA_OIF) route.ifindex = number;
    if (attribute->type == RTA_TABLE) route.table = number;
    if (attribute->type == RTA_PRIORITY) route.priority = number;
    if (attribute->type == RTA_METRICS) route.mtu = metric_mtu(value);
    if (attribute->type == RTA_MULTIPATH && !take_next_hop(route, family, value)) {
      return std::nullopt;
    }
  }
  if (!destination.empty()) route.destination = address_of(family, destination, 0);
  if (!gateway.empty()) route.gateway = address_of(family, gateway, route.ifindex);
  if (!other_gateway.empty()) route.gateway = via(other_gateway, route.ifindex);
  route.preferred_source = address_of(family, source, route.ifindex);
  const bool without_destination = destination.empty() && route.prefix_length != 0;
  if (without_destination || !route.destination.known()) return std::nullopt;
  return route;
}

std::optional<std::chrono::milliseconds> confirmation(Bytes value) {
  constexpr std::chrono::milliseconds tick(10);  // of USER_HZ, on every Linux: see time(7)
  const auto info = copy_at<nda_cacheinfo>(value);
  if (!info) return std::nullopt;
  return info->ndm_confirmed * tick;
}

std::optional<Neighbour> parse_neighbour(Bytes payload) {
  const auto header = copy_at<ndmsg>(payload);
  if (!header || (header->ndm_flags & NTF_PROXY) != 0) return std::nullopt;
  Neighbour entry;
  entry.ifindex = static_cast<unsigned>(header->ndm_ifindex);
  entry.state = state_of(header->ndm_state);
  Bytes attributes = behind(payload, sizeof *header);
  while (const auto attribute = next_attribute(attributes)) {
    if (attribute->type == NDA_DST) {
      entry.address = address_of(header->ndm_family, attribute->value, entry.ifindex);
    } else if (attribute->type == NDA_LLADDR) {
      entry.link_address = link_address_text(attribute->value);
    } else if (attribute->type == NDA_CACHEINFO) {
      entry.confirmed_ago = confirmation(attribute->value);
    }
  }
  if (!entry.address.known()) return std::nullopt;
  return entry;
}

}  // namespace tcptool::sys
