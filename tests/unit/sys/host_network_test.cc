// SPDX-License-Identifier: MIT
#include "sys/host_network.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <cerrno>
#include <vector>

using namespace tcptool;
using sys::Address;
using sys::Route;
using sys::RouteType;

namespace {

Address address(std::string_view text) {
  return Address::parse(text, 0).value();
}

Route route(std::string_view network, unsigned length, std::uint32_t table = 254,
            std::uint32_t priority = 0, RouteType type = RouteType::unicast) {
  Route entry;
  entry.destination = address(network);
  entry.prefix_length = length;
  entry.table = table;
  entry.priority = priority;
  entry.type = type;
  return entry;
}

}  // namespace

TEST_CASE("an address is covered where the prefix's bits are its own") {
  struct Row {
    const char* network;
    unsigned length;
    const char* address;
    bool covered;
  };
  for (const Row& row : std::vector<Row>{{"10.77.0.0", 24, "10.77.0.9", true},
                                         {"10.77.0.0", 24, "10.77.1.9", false},
                                         {"10.77.0.128", 25, "10.77.0.128", true},
                                         {"10.77.0.128", 25, "10.77.0.127", false},
                                         {"10.77.0.1", 32, "10.77.0.1", true},
                                         {"10.77.0.1", 32, "10.77.0.0", false},
                                         {"10.77.0.1", 33, "10.77.0.1", false},
                                         {"0.0.0.0", 0, "192.0.2.1", true},
                                         {"0.0.0.0", 0, "2001:db8::1", false},
                                         {"::", 0, "2001:db8::1", true},
                                         {"2001:db8::", 33, "2001:db8:7fff::1", true},
                                         {"2001:db8::", 33, "2001:db8:8000::1", false},
                                         {"::1", 129, "::1", false}}) {
    CAPTURE(row.network);
    CAPTURE(row.address);
    CHECK(sys::covers(address(row.network), row.length, address(row.address)) == row.covered);
  }
  CHECK_FALSE(sys::covers({}, 0, {}));
}

TEST_CASE("the best route is the longest prefix, then the lowest priority") {
  const std::vector<Route> table{route("0.0.0.0", 0), route("10.0.0.0", 8, 254, 50),
                                 route("10.0.0.0", 8, 254, 20), route("10.1.0.0", 16, 254, 900)};
  CHECK(sys::best_route(table, address("10.1.2.3")) == &table[3]);
  CHECK(sys::best_route(table, address("10.2.2.3")) == &table[2]);
  CHECK(sys::best_route(table, address("192.0.2.1")) == table.data());
  CHECK(sys::best_route(table, address("::1")) == nullptr);
  CHECK(sys::best_route({}, address("10.1.2.3")) == nullptr);
}

TEST_CASE("tables are asked as the rules do, and a throw sends on to the next") {
  const std::vector<Route> table{route("10.1.2.3", 32, 1000), route("10.0.0.0", 8, 253),
                                 route("10.0.0.0", 16, 254),
                                 route("10.9.9.9", 32, 255, 0, RouteType::local),
                                 route("10.1.0.0", 16, 254, 0, RouteType::throw_)};
  CHECK(sys::best_route(table, address("10.0.2.3")) == &table[2]);
  CHECK(sys::best_route(table, address("10.9.9.9")) == &table[3]);
  CHECK(sys::best_route(table, address("10.1.2.3")) == &table[1]);
  const std::vector<Route> others{table[4], table[0]};
  CHECK(sys::best_route(others, address("10.1.2.3")) == &others[1]);
  CHECK(sys::best_route(others, address("10.1.2.4")) == nullptr);
}

TEST_CASE("of one table the best entry may be a throw") {
  const std::vector<Route> table{route("10.0.0.0", 8, 77, 20), route("10.1.0.0", 16, 254),
                                 route("10.0.0.0", 8, 77, 10, RouteType::throw_)};
  CHECK(sys::best_in_table(table, 77, address("10.1.2.3")) == &table[2]);
  CHECK(sys::best_in_table(table, 254, address("10.1.2.3")) == &table[1]);
  CHECK(sys::best_in_table(table, 254, address("10.2.2.3")) == nullptr);
  CHECK(sys::best_in_table(table, 78, address("10.1.2.3")) == nullptr);
}

TEST_CASE("an entry that refuses has its own errno, and its name") {
  CHECK(sys::refusal_errno(RouteType::prohibit) == EACCES);
  CHECK(sys::refusal_errno(RouteType::unreachable) == EHOSTUNREACH);
  CHECK(sys::refusal_errno(RouteType::blackhole) == EINVAL);
  CHECK(sys::refusal_errno(RouteType::throw_) == 0);
  CHECK(sys::refusal_errno(RouteType::unicast) == 0);
  CHECK(sys::route_type_name(RouteType::blackhole) == "blackhole");
  CHECK(sys::route_type_name(RouteType::throw_) == "throw");
  CHECK(sys::route_type_name(RouteType::other) == "other");
  for (const int error : {ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL}) {
    CHECK(sys::is_routing_error(error));
  }
  for (const int error : {0, ETIMEDOUT, ENOBUFS, EPROTO}) CHECK_FALSE(sys::is_routing_error(error));
}

TEST_CASE("a link-local destination takes its own interface") {
  std::vector<Route> table{route("fe80::", 64), route("fe80::", 64)};
  table[0].ifindex = 2;
  table[1].ifindex = 3;
  CHECK(sys::best_route(table, address("fe80::1").with_zone(3, "")) == &table[1]);
  CHECK(sys::best_route(table, address("fe80::1").with_zone(4, "")) == nullptr);
  CHECK(sys::best_route(table, address("fe80::1")) == table.data());
}
