// SPDX-License-Identifier: MIT
// What this host's kernel knows of its own network: interfaces, addresses, routes and neighbours.
// Read over rtnetlink(7), which needs no rights. The parse_ functions take one message's payload;
// they return nothing for bytes that are no such message, and never read beyond them. Addresses
// have port 0, and link-local ones the interface's number as their scope.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sys/address.h"
#include "sys/error.h"
#include "sys/kernel.h"

namespace tcptool::sys {

struct Link {
  unsigned index = 0;
  std::string name;      // as the kernel has it: to be escaped before it is shown
  bool up = false;       // IFF_UP: switched on by the administrator
  bool carrier = false;  // the cable, radio or other end is there
  bool loopback = false;
  unsigned mtu = 0;    // bytes
  std::string kind{};  // of a virtual one: "wireguard", "veth"
  bool arp = true;     // neighbours are asked for their link-layer addresses: not IFF_NOARP
};

struct InterfaceAddress {
  Address address;
  unsigned prefix_length = 0;
  unsigned ifindex = 0;
};

enum class RouteType {
  unicast,
  local,
  broadcast,
  multicast,
  blackhole,
  unreachable,
  prohibit,
  throw_,
  other,
};

// "blackhole", "unreachable", as ip-route(8) writes it.
std::string_view route_type_name(RouteType type);

// With what the kernel answers where an entry of this type refuses, and 0 for one that does not.
// See ip-route(8).
int refusal_errno(RouteType type);
// Whether routing gives this errno where it finds no entry that may be used: ENETUNREACH, or that
// of an entry that refuses.
bool is_routing_error(int error);

struct Route {
  Address destination;  // with prefix_length 0: the family's wildcard
  unsigned prefix_length = 0;
  RouteType type = RouteType::other;
  Address gateway;  // family AF_UNSPEC: on link; of several next hops the first that is alive
  unsigned ifindex = 0;
  std::uint32_t table = 0;
  std::uint32_t priority = 0;  // the metric: lower is preferred
  Address preferred_source;    // family AF_UNSPEC: none
  unsigned mtu = 0;            // bytes; 0: the interface's
  bool ignored = false;        // its interface has no carrier: ignore_routes_with_linkdown

  // "10.99.0.0/16", "default".
  [[nodiscard]] std::string text() const;
};

enum class NeighbourState {
  none,
  incomplete,
  reachable,
  stale,
  delay,
  probe,
  failed,
  noarp,
  permanent,
};

struct Neighbour {
  Address address;
  unsigned ifindex = 0;
  NeighbourState state = NeighbourState::none;
  std::string link_address;  // "52:54:00:12:34:56" or empty
  // Since it was last known to be there: by its answer, or by what a connection through it says.
  std::optional<std::chrono::milliseconds> confirmed_ago{};
};

// Errors of all that ask the kernel: those of netlink_ask in sys/netlink.h. A table of more than
// 65,536 entries is ENOBUFS: half of it could mislead.
Result<std::vector<Link>, SysError> links(Kernel& kernel);
// Of both families.
Result<std::vector<InterfaceAddress>, SysError> interface_addresses(Kernel& kernel);
// All tables. Left out is what the kernel would not take for a new connection: cached exceptions
// (of redirects and path MTU), entries whose every next hop is dead, entries for another TOS.
Result<std::vector<Route>, SysError> routes(Kernel& kernel, int family);
// Those that the kernel does not take for want of their interface's carrier alone.
Result<std::vector<Route>, SysError> ignored_routes(Kernel& kernel, int family);
// What the kernel would do with a packet to `destination`, whose scope is minded: the table's entry
// with the destination itself as its destination, and with the path MTU where one is cached. The
// table of a local route may be given as main: the kernel keeps both as one until a rule parts
// them. Errors: beside those above the errno of the route as connect(2) would give it, from
// ENETUNREACH (no route) and EHOSTUNREACH to EACCES (prohibit) and EINVAL (blackhole).
Result<Route, SysError> route_to(Kernel& kernel, const Address& destination);
// The table's entry by which a socket that is bound to the interface `ifindex` (SO_BINDTODEVICE)
// reaches `destination`. Errors: beside those above ENETUNREACH and EHOSTUNREACH, where no entry
// goes by that interface. A kernel before 4.13 does not tell: it gives an entry for the IPv4
// destination alone, since it then takes it for a neighbour there.
Result<Route, SysError> route_through(Kernel& kernel, const Address& destination, unsigned ifindex);
// The tables of ARP (AF_INET) or neighbour discovery (AF_INET6), without the proxies.
Result<std::vector<Neighbour>, SysError> neighbours(Kernel& kernel, int family);

// The entry of `routes` that covers `destination`: longest prefix, then lowest priority. Tables are
// asked as the usual rules do: local (255), main (254), default (253), then all others together; a
// throw entry sends on to the next. Null where none does.
const Route* best_route(std::span<const Route> routes, const Address& destination);
// The same of one table alone; it may be a throw entry.
const Route* best_in_table(std::span<const Route> routes, std::uint32_t table,
                           const Address& destination);

// Whether `address` is in network/prefix_length; scopes and ports do not count. Never across
// families, nor with a prefix longer than the address.
bool covers(const Address& network, unsigned prefix_length, const Address& address);

// The address of `family` with these bytes, in network order, and where it is link-local that
// interface as its scope; AF_UNSPEC where they are none.
Address address_of(int family, std::span<const std::byte> bits, unsigned ifindex);

std::optional<Link> parse_link(std::span<const std::byte> payload);
std::optional<InterfaceAddress> parse_interface_address(std::span<const std::byte> payload);
// Nothing for the entries that routes() leaves out, but for those that are ignored for want of a
// carrier, and for cached ones where `cached` wants them.
std::optional<Route> parse_route(std::span<const std::byte> payload, bool cached = false);
std::optional<Neighbour> parse_neighbour(std::span<const std::byte> payload);

}  // namespace tcptool::sys
