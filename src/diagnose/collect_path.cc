// SPDX-License-Identifier: MIT
// The way to an address, as this host's interfaces, routes and rules have it.
#include <algorithm>
#include <cerrno>

#include "diagnose/collect.h"
#include "diagnose/rules.h"

namespace tcptool::diagnose {
namespace {

std::optional<sys::Link> link_of(const std::vector<sys::Link>& links, unsigned index) {
  const auto found = std::find_if(links.begin(), links.end(),
                                  [&](const sys::Link& link) { return link.index == index; });
  if (found == links.end()) return std::nullopt;
  return *found;
}

// A link-local address with the name of its interface.
sys::Address with_zone_of(const sys::Link& link, const sys::Address& address) {
  const bool there = address.is_link_local() && address.scope_id() == link.index;
  return there ? address.with_zone(link.index, link.name) : address;
}

std::optional<sys::Neighbour> neighbour_of(sys::Kernel& kernel, const PathFacts& path) {
  std::optional<sys::Neighbour> found;
  const sys::Address hop = path.next_hop.with_zone(0, "").with_port(0);
  const auto all = sys::neighbours(kernel, hop.family());
  if (!all) return std::nullopt;
  for (const sys::Neighbour& neighbour : *all) {
    const bool same_link = !path.link || neighbour.ifindex == path.link->index;
    if (same_link && neighbour.address.with_zone(0, "") == hop) found = neighbour;
  }
  return found;
}

// Packets to this host itself go by lo, whatever interface has the address.
void set_loopback_down(PathFacts& path, const std::vector<sys::Link>& links,
                       const sys::Address& destination) {
  const sys::Address loopback = sys::Address::loopback(destination.family(), 0);
  const unsigned length = destination.family() == AF_INET6 ? 128 : 8;
  if (!path.own_address && !sys::covers(loopback, length, destination)) return;
  for (const sys::Link& link : links) {
    if (link.loopback && !link.up) path.down_link = link;
  }
}

// An entry that refuses does so whatever interface is asked for.
bool refuses(const sys::Route& route) {
  return sys::refusal_errno(route.type) != 0;
}

// The route of a socket that is bound to the interface `index`; nothing where that has none, though
// IPv4 then takes the address for a neighbour there. `general`, where known, is that of others.
std::optional<sys::Route> route_by(sys::Kernel& kernel, const sys::Address& destination,
                                   unsigned index, const sys::Route* general) {
  using sys::RouteType;
  auto through = sys::route_through(kernel, destination, index);
  if (!through) {
    const int error = through.error().error;
    const bool none = error == ENETUNREACH || error == EHOSTUNREACH || general == nullptr;
    return none ? std::nullopt : std::optional(*general);
  }
  // This host's own address is one of another interface, and is not beyond this one.
  const bool own = general != nullptr && general->type == RouteType::local;
  if (own && through->type != RouteType::local) return std::nullopt;
  return *std::move(through);
}

void set_not_by_interface(PathFacts& path, const sys::Link& bound) {
  path.not_by_interface = true;
  if (path.link) path.route_interface = path.link->name;
  path.link = bound;
  path.own_address = false;
}

// Whether the rule may mean packets from `source` (unknown: any of this host's) to `destination`.
bool may_mean(const sys::RoutingRule& rule, const sys::Address& source,
              const sys::Address& destination) {
  const bool to = !rule.destination.known() ||
                  sys::covers(rule.destination, rule.destination_length, destination);
  const bool from = !rule.source.known() || !source.known() || source.is_any() ||
                    sys::covers(rule.source, rule.source_length, source);
  return to && from;
}

// Whether nothing but the destination decides that the rule is taken.
bool for_certain(const sys::RoutingRule& rule, const sys::Address& source) {
  return !rule.conditional && (!rule.source.known() || (source.known() && !source.is_any()));
}

// The rule to which rules[from], a goto, leads: the first of that priority, which stands behind it.
// The kernel passes over a goto that has none.
std::optional<std::size_t> target_of(std::span<const sys::RoutingRule> rules, std::size_t from) {
  for (std::size_t i = from + 1; i < rules.size(); ++i) {
    if (rules[i].priority == rules[from].target) return i;
  }
  return std::nullopt;
}

// A look-up that found no way, and not one that could not be made: that has other errors.
bool is_kernels_answer(const sys::SysError& error) {
  return error.call == sys::Syscall::recvmsg && sys::is_routing_error(error.error);
}

}  // namespace

bool ipv6_disabled(sys::Kernel& kernel) {
  return sys::read_sysctl(kernel, "/proc/sys/net/ipv6/conf/all/disable_ipv6").value_or(0) == 1;
}

std::vector<Refusal> find_refusals(std::span<const sys::RoutingRule> rules,
                                   std::span<const sys::Route> routes,
                                   const sys::Address& destination, const sys::Address& source) {
  using Action = sys::RoutingRule::Action;
  std::vector<Refusal> refusals;
  std::uint32_t perhaps_jumped_to = 0;  // a priority: what is before it may not be asked
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const sys::RoutingRule& rule = rules[i];
    if (rule.action == Action::other || !may_mean(rule, source, destination)) continue;
    Refusal refusal{rule, std::nullopt, for_certain(rule, source)};
    refusal.certain = refusal.certain && rule.priority >= perhaps_jumped_to;
    if (rule.action == Action::go_to) {
      const auto target = target_of(rules, i);
      if (!target) continue;
      if (refusal.certain) i = *target - 1;
      perhaps_jumped_to = std::max(perhaps_jumped_to, rule.target);
      continue;
    }
    if (rule.action == Action::table) {
      const sys::Route* const entry = sys::best_in_table(routes, rule.table, destination);
      if (entry == nullptr || entry->type == sys::RouteType::throw_) continue;
      refusal.route = *entry;
    }
    if (!refusal.route || refuses(*refusal.route)) refusals.push_back(refusal);
    if (refusal.certain) break;  // no later rule is asked
  }
  return refusals;
}

PolicyFacts read_policy(sys::Kernel& kernel, const sys::Address& address,
                        const sys::Address& local) {
  PolicyFacts policy;
  const sys::Address destination = address.unmapped().with_port(0);
  const sys::Address source = local.unmapped().with_port(0);
  const auto looked_up = sys::route_to(kernel, destination);
  if (looked_up) {
    policy.look_up_error = 0;
  } else if (is_kernels_answer(looked_up.error())) {
    policy.look_up_error = looked_up.error().error;
  }
  const auto rules = sys::routing_rules(kernel, destination.family());
  const auto routes = sys::routes(kernel, destination.family());
  if (rules && routes) policy.refusals = find_refusals(*rules, *routes, destination, source);
  return policy;
}

PathFacts read_path(sys::Kernel& kernel, const sys::Address& address,
                    const std::string& interface) {
  PathFacts path;
  const sys::Address destination = address.unmapped().with_port(0);
  const int family = destination.family();
  const auto links = sys::links(kernel).value_or(std::vector<sys::Link>());
  const auto addresses =
      sys::interface_addresses(kernel).value_or(std::vector<sys::InterfaceAddress>());
  const auto routes = sys::routes(kernel, family);
  path.routes_known = routes.has_value();
  // Switched off, an interface keeps its IPv4 addresses, and loses those of IPv6.
  for (const sys::Link& link : links) {
    const bool had_address =
        family == AF_INET6 ||
        std::any_of(addresses.begin(), addresses.end(), [&](const sys::InterfaceAddress& entry) {
          return entry.address.family() == family && entry.ifindex == link.index;
        });
    if (!link.up && !link.loopback && had_address) path.down_interfaces.push_back(link.name);
  }
  path.family_has_address = addresses.empty();  // not known: claim nothing
  for (const sys::InterfaceAddress& entry : addresses) {
    if (entry.address.family() != family) continue;
    const auto link = link_of(links, entry.ifindex);
    if (!link || !link->loopback) path.family_has_address = true;
    if (entry.address.with_port(0) == destination) path.own_address = true;
    const bool covers = sys::covers(entry.address, entry.prefix_length, destination);
    if (covers && link && !link->up) path.down_link = link;
  }
  if (family == AF_INET6) path.ipv6_disabled = ipv6_disabled(kernel);
  if (destination.is_any()) path.own_address = true;  // connect(2) takes it for this host
  set_loopback_down(path, links, destination);
  if (!routes) return path;
  const sys::Route* route = sys::best_route(*routes, destination);
  const auto bound = std::find_if(links.begin(), links.end(), [&](const sys::Link& link) {
    return !interface.empty() && link.name == interface;
  });
  const bool is_bound = bound != links.end() && (route == nullptr || !refuses(*route));
  std::optional<sys::Route> own_way;
  if (is_bound) own_way = route_by(kernel, destination, bound->index, route);
  if (own_way) route = &*own_way;
  if (route != nullptr) {
    path.route = *route;
    if (route->type == sys::RouteType::local) path.own_address = true;
    path.link = link_of(links, address.scope_id() != 0 ? address.scope_id() : route->ifindex);
  }
  if (route != nullptr || is_bound) path.next_hop = destination;
  if (is_bound && !own_way) {
    set_not_by_interface(path, *bound);
  } else if (route == nullptr) {
    const auto ignored = sys::ignored_routes(kernel, family).value_or(std::vector<sys::Route>());
    const sys::Route* const entry = sys::best_route(ignored, destination);
    if (entry != nullptr) path.ignored_link = link_of(links, entry->ifindex);
    return path;
  } else if (route->gateway.known()) {
    if (path.link) path.route->gateway = with_zone_of(*path.link, route->gateway);
    path.next_hop = path.route->gateway.with_port(0);
  }
  path.neighbour = neighbour_of(kernel, path);
  return path;
}

void read_way(sys::Kernel& kernel, Evidence& evidence) {
  evidence.path = read_path(kernel, evidence.peer, evidence.asked.interface);
  const bool refused = !evidence.icmp && evidence.error.call == sys::Syscall::connect &&
                       sys::is_routing_error(evidence.error.error);
  const auto& route = evidence.path.route;
  const bool lost = unanswered(evidence) && (!route || refuses(*route));
  if (refused || lost) evidence.policy = read_policy(kernel, evidence.peer, evidence.source);
}

FailureClass class_of(sys::Kernel& kernel, const tcp::Attempt& attempt,
                      const std::string& interface) {
  const FailureClass kind = judge(attempt).kind;
  if (!hangs_on_way(attempt)) return kind;
  const PathFacts path = read_path(kernel, attempt.peer, interface);
  const bool refused = kind != FailureClass::no_answer;
  return class_by_way(attempt, path,
                      refused ? read_policy(kernel, attempt.peer, attempt.local) : PolicyFacts{});
}

}  // namespace tcptool::diagnose
