// SPDX-License-Identifier: MIT
// Netlink messages of any kind: each payload is read as every one of them.
#include "fuzz/fuzz.h"
#include "sys/host_network.h"
#include "sys/netlink.h"
#include "sys/routing_rules.h"
#include "sys/sock_diag.h"

using namespace tcptool;
using namespace tcptool::fuzz;

namespace {

using Bytes = std::span<const std::byte>;

void check(Bytes payload) {
  if (const auto link = sys::parse_link(payload)) {
    demand(link->index != 0 && !link->name.empty(), "an interface has a number and a name");
    demand(link->name.size() <= 15, "an interface's name is short");
  }
  if (const auto entry = sys::parse_interface_address(payload)) {
    demand(sys::covers(entry->address, entry->prefix_length, entry->address),
           "an address is in its own network");
    demand_printable(entry->address.host());
  }
  for (const bool cached : {false, true}) {
    const auto route = sys::parse_route(payload, cached);
    if (!route) continue;
    demand(sys::covers(route->destination, route->prefix_length, route->destination),
           "a route covers its destination");
    demand(!route->text().empty(), "a route has a text");
    demand_printable(route->text());
    const auto* const best = sys::best_route(std::span(&*route, 1), route->destination);
    const bool passed = route->type == sys::RouteType::throw_ ||
                        (best == nullptr && route->destination.scope_id() != 0);
    demand(best == &*route || passed, "the only route is the best");
  }
  if (const auto entry = sys::parse_neighbour(payload)) {
    demand(entry->address.known(), "a neighbour has an address");
    demand_printable(entry->link_address);
    demand(entry->link_address.size() < 96, "a link's address is short");
  }
  if (const auto rule = sys::parse_routing_rule(payload)) {
    demand(rule->destination.known() || rule->destination_length == 0, "a network has an address");
    demand_printable(rule->text());
  }
  if (const auto row = sys::parse_socket_row(payload)) {
    demand(payload.size() >= 72, "a socket has its whole structure");
    demand(row->local.known() && row->remote.known(), "a socket has both addresses");
    demand_printable(row->local.text());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::uint8_t> copy(data, data + size);
  Bytes rest = std::as_bytes(std::span(copy));
  while (const auto message = sys::next_message(rest)) {
    const std::vector<std::byte> payload(message->payload.begin(), message->payload.end());
    check(payload);
  }
  return 0;
}
