// SPDX-License-Identifier: MIT
#include "sys/host_network.h"

#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>

#include "base/bytes.h"
#include "sys/netlink.h"

namespace tcptool::sys {
namespace {

// The entries of a dump whose messages are of `type`; what `parse` knows nothing of is left out.
template <class Entry, class Parse>
Result<std::vector<Entry>, SysError> dump(Kernel& kernel, const NetlinkRequest& request,
                                          unsigned type, const char* object, Parse parse) {
  const auto answer = netlink_ask(kernel, NETLINK_ROUTE, request, object);
  if (!answer) return failure(answer.error());
  std::vector<Entry> entries;
  std::span<const std::byte> rest = *answer;
  while (const auto message = next_message(rest)) {
    if (message->type != type) continue;
    std::optional<Entry> entry = parse(message->payload);
    if (entry) entries.push_back(std::move(*entry));
  }
  return entries;
}

// The address without its port and scope.
std::span<const std::byte> bits_of(const Address& address) {
  return address.family() == AF_INET ? address.bytes().subspan(4, 4)
                                     : address.bytes().subspan(8, 16);
}

// In which order the usual rules ask the tables. See ip-rule(8).
unsigned rank(std::uint32_t table) {
  if (table == RT_TABLE_LOCAL) return 0;
  if (table == RT_TABLE_MAIN) return 1;
  return table == RT_TABLE_DEFAULT ? 2 : 3;
}
constexpr unsigned ranks = 4;

// A link-local destination is reached through its own interface alone.
bool leads_to(const Route& route, const Address& destination) {
  if (!covers(route.destination, route.prefix_length, destination)) return false;
  const bool zoned = destination.is_link_local() && destination.scope_id() != 0;
  return !zoned || route.table == RT_TABLE_LOCAL || route.ifindex == destination.scope_id();
}

bool better(const Route& a, const Route& b) {
  if (a.prefix_length != b.prefix_length) return a.prefix_length > b.prefix_length;
  return a.priority < b.priority;
}

// Of the entries that are `asked`.
template <class Asked>
const Route* best_of(std::span<const Route> routes, const Address& destination, Asked asked) {
  const Route* best = nullptr;
  for (const Route& route : routes) {
    if (!asked(route) || !leads_to(route, destination)) continue;
    if (best == nullptr || better(route, *best)) best = &route;
  }
  return best;
}

// IPv6 answers RTM_GETROUTE with the entry even where it is one that rejects, and the errno inside.
int route_error(RouteType type, std::span<const std::byte> payload) {
  auto attributes = payload.subspan(std::min(payload.size(), sizeof(rtmsg)));
  while (const auto attribute = next_attribute(attributes)) {
    const auto info = copy_at<rta_cacheinfo>(attribute->value);
    if (attribute->type != RTA_CACHEINFO || !info || info->rta_error == 0) continue;
    const auto error = static_cast<std::int32_t>(info->rta_error);
    constexpr int largest_errno = 4095;
    if (error < 0 && error >= -largest_errno) return -error;
  }
  return refusal_errno(type);
}

// What the kernel would do with a packet to `destination` by the interface `ifindex`, or by any for
// 0; with RTM_F_FIB_MATCH in `flags` the table's own entry.
Result<Route, SysError> ask_route(Kernel& kernel, const Address& destination, unsigned ifindex,
                                  unsigned flags) {
  const std::string object = fmt::format("route to {}", destination.host());
  if (!destination.known()) return failure(SysError{Syscall::send, EAFNOSUPPORT, object});
  rtmsg header{};
  header.rtm_family = static_cast<unsigned char>(destination.family());
  header.rtm_dst_len = destination.family() == AF_INET ? 32 : 128;
  header.rtm_flags = RTM_F_LOOKUP_TABLE | flags;
  NetlinkRequest request(RTM_GETROUTE, 0, header);
  request.add(RTA_DST, bits_of(destination));
  if (ifindex != 0) request.add(RTA_OIF, ifindex);
  const auto answer = netlink_ask(kernel, NETLINK_ROUTE, request, object);
  if (!answer) return failure(answer.error());
  std::span<const std::byte> rest = *answer;
  const auto message = next_message(rest);
  if (!message || message->type != RTM_NEWROUTE) {
    return failure(SysError{Syscall::recvmsg, EPROTO, object});
  }
  const auto route = parse_route(message->payload, true);
  if (!route) return failure(SysError{Syscall::recvmsg, EPROTO, object});
  if (const int error = route_error(route->type, message->payload); error != 0) {
    return failure(SysError{Syscall::recvmsg, error, object});
  }
  return *route;
}

}  // namespace

std::string_view route_type_name(RouteType type) {
  constexpr std::array<std::string_view, 9> names{"unicast",   "local",     "broadcast",
                                                  "multicast", "blackhole", "unreachable",
                                                  "prohibit",  "throw",     "other"};
  return names[static_cast<std::size_t>(type)];
}

int refusal_errno(RouteType type) {
  if (type == RouteType::unreachable) return EHOSTUNREACH;
  if (type == RouteType::prohibit) return EACCES;
  return type == RouteType::blackhole ? EINVAL : 0;
}

bool is_routing_error(int error) {
  return error == ENETUNREACH || error == EHOSTUNREACH || error == EACCES || error == EINVAL;
}

std::string Route::text() const {
  if (prefix_length == 0) return "default";
  return fmt::format("{}/{}", destination.host(), prefix_length);
}

Result<std::vector<Link>, SysError> links(Kernel& kernel) {
  NetlinkRequest request(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{});
  request.add(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return dump<Link>(kernel, request, RTM_NEWLINK, "interfaces", parse_link);
}

Result<std::vector<InterfaceAddress>, SysError> interface_addresses(Kernel& kernel) {
  const NetlinkRequest request(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{});
  return dump<InterfaceAddress>(kernel, request, RTM_NEWADDR, "interface addresses",
                                parse_interface_address);
}

namespace {

Result<std::vector<Route>, SysError> dump_routes(Kernel& kernel, int family, bool ignored) {
  rtmsg header{};
  header.rtm_family = static_cast<unsigned char>(family);
  const NetlinkRequest request(RTM_GETROUTE, NLM_F_DUMP, header);
  return dump<Route>(kernel, request, RTM_NEWROUTE, "routes", [=](auto payload) {
    auto route = parse_route(payload);
    // Without IPv6 in the kernel, or for a family it does not know, it dumps those it has.
    const bool other = route && route->destination.family() != family;
    if (other || (route && route->ignored != ignored)) route.reset();
    return route;
  });
}

}  // namespace

Result<std::vector<Route>, SysError> routes(Kernel& kernel, int family) {
  return dump_routes(kernel, family, false);
}

Result<std::vector<Route>, SysError> ignored_routes(Kernel& kernel, int family) {
  return dump_routes(kernel, family, true);
}

Result<Route, SysError> route_to(Kernel& kernel, const Address& destination) {
  return ask_route(kernel, destination, destination.scope_id(), 0);
}

Result<Route, SysError> route_through(Kernel& kernel, const Address& destination,
                                      unsigned ifindex) {
  return ask_route(kernel, destination, ifindex, RTM_F_FIB_MATCH);
}

Result<std::vector<Neighbour>, SysError> neighbours(Kernel& kernel, int family) {
  ndmsg header{};
  header.ndm_family = static_cast<unsigned char>(family);
  const NetlinkRequest request(RTM_GETNEIGH, NLM_F_DUMP, header);
  return dump<Neighbour>(kernel, request, RTM_NEWNEIGH, "neighbours", parse_neighbour);
}

bool covers(const Address& network, unsigned prefix_length, const Address& address) {
  if (!network.known() || network.family() != address.family()) return false;
  const auto a = bits_of(network);
  const auto b = bits_of(address);
  if (prefix_length > a.size() * 8) return false;
  const std::size_t whole = prefix_length / 8;
  if (!std::equal(a.begin(), std::next(a.begin(), static_cast<std::ptrdiff_t>(whole)), b.begin())) {
    return false;
  }
  const unsigned left = prefix_length % 8;
  return left == 0 || std::to_integer<unsigned>(a[whole] ^ b[whole]) >> (8 - left) == 0;
}

const Route* best_route(std::span<const Route> routes, const Address& destination) {
  for (unsigned asked = 0; asked < ranks; ++asked) {
    const Route* const best = best_of(
        routes, destination, [asked](const Route& route) { return rank(route.table) == asked; });
    if (best != nullptr && best->type != RouteType::throw_) return best;
  }
  return nullptr;
}

const Route* best_in_table(std::span<const Route> routes, std::uint32_t table,
                           const Address& destination) {
  return best_of(routes, destination, [table](const Route& route) { return route.table == table; });
}

}  // namespace tcptool::sys
