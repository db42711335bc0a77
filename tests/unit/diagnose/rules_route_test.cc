// SPDX-License-Identifier: MIT
// connect(2) failed at once: this host itself did not send.
#include <doctest/doctest.h>

#include <cerrno>

#include "support/evidence.h"

using namespace std::chrono_literals;
using namespace tcptool;
using diagnose::Evidence;
using sys::RouteType;
using test::connect_failed;
using test::holds;
using test::text_of;

namespace {

Evidence over(RouteType type, int error) {
  Evidence evidence = connect_failed(error);
  evidence.path.route = test::route("10.99.0.0", 16, type);
  return evidence;
}

// "" where no table explains it, so that only the errno is left: see rules_errno_test.cc.
std::string cause_of(Evidence evidence) {
  evidence.policy.look_up_error = 0;
  const std::string cause = test::cause_of(evidence);
  const bool by_errno = cause == "refused-by-kernel" || cause == "output-filter|route-prohibit";
  return by_errno ? "" : cause;
}

Evidence from_port(const diagnose::PortHolder& who) {
  Evidence evidence = connect_failed(EADDRNOTAVAIL);
  evidence.source = test::at("10.77.0.1", 4000);
  evidence.host.holders = {who};
  return evidence;
}

}  // namespace

TEST_CASE("a route that refuses is the cause where its own errno came") {
  struct Row {
    RouteType type;
    int error;
    const char* cause;
  };
  for (const Row& row :
       std::vector<Row>{{RouteType::prohibit, EACCES, "route-prohibit"},
                        {RouteType::prohibit, EHOSTUNREACH, ""},
                        {RouteType::prohibit, EPERM, "output-filter"},
                        {RouteType::unreachable, EHOSTUNREACH, "route-unreachable"},
                        {RouteType::unreachable, ENETUNREACH, "route-unreachable"},
                        {RouteType::unreachable, EACCES, ""},
                        {RouteType::blackhole, EINVAL, "route-blackhole"},
                        {RouteType::blackhole, EHOSTUNREACH, ""},
                        {RouteType::unicast, EACCES, ""},
                        {RouteType::unicast, EHOSTUNREACH, ""},
                        {RouteType::unicast, ENETUNREACH, ""},
                        {RouteType::unicast, EINVAL, ""},
                        {RouteType::multicast, ENETUNREACH, ""}}) {
    CAPTURE(row.error);
    CAPTURE(row.cause);
    const Evidence evidence = over(row.type, row.error);
    CHECK(cause_of(evidence) == row.cause);
    if (!holds(row.cause, "route")) continue;
    CHECK(holds(text_of(evidence), "10.99.0.0/16"));
    Evidence late = evidence;
    late.timed_out = true;
    late.error.error = 0;
    CHECK_FALSE(holds(cause_of(late), "route"));
  }
}

TEST_CASE("multicast and broadcast are no host's addresses") {
  struct Row {
    const char* peer;
    int error;
    const char* cause;
    const char* words;
  };
  for (const Row& row :
       std::vector<Row>{{"224.0.0.1", ENETUNREACH, "not-unicast", "a multicast address"},
                        {"239.255.255.255", ENETUNREACH, "not-unicast", "a multicast address"},
                        {"::ffff:224.0.0.1", ENETUNREACH, "not-unicast", "224.0.0.1 is a multi"},
                        {"ff02::1", ENETUNREACH, "not-unicast", "ff02::1 is a multicast address"},
                        {"255.255.255.255", ENETUNREACH, "not-unicast", "a broadcast address"},
                        {"223.255.255.255", ENETUNREACH, "", ""},
                        {"255.255.255.254", ENETUNREACH, "", ""},
                        {"fe00::1", ENETUNREACH, "", ""},
                        {"224.0.0.1", EPERM, "output-filter", ""}}) {
    CAPTURE(row.peer);
    const Evidence evidence = connect_failed(row.error, row.peer);
    CHECK(cause_of(evidence) == row.cause);
    if (*row.words != '\0') CHECK(holds(text_of(evidence), row.words));
  }
  Evidence subnet = connect_failed(ENETUNREACH, "10.77.0.255");
  CHECK(cause_of(subnet) == "");
  subnet.path.route = test::route("10.77.0.255", 32, RouteType::broadcast);
  CHECK(cause_of(subnet) == "not-unicast");
  Evidence group = connect_failed(ENETUNREACH, "224.0.0.1");
  group.path = {};  // also without a route, or where none could be read
  CHECK(cause_of(group) == "not-unicast");
}

TEST_CASE("an interface without a route is the cause unless the network answered") {
  const auto bound = [](Evidence evidence, const char* other = "c1") {
    evidence.path.not_by_interface = true;
    evidence.path.route_interface = other;
    return evidence;
  };
  const Evidence late = test::connect_timed_out();
  Evidence own = test::with_icmp(3, 1, "10.77.0.1");
  for (const Evidence& evidence : {connect_failed(ENETUNREACH), connect_failed(EHOSTUNREACH),
                                   connect_failed(EINVAL), late, own}) {
    CHECK(cause_of(bound(evidence)) == "not-by-interface");
    CHECK_FALSE(holds(cause_of(evidence), "not-by-interface"));
  }
  for (const Evidence& evidence : {connect_failed(ECONNREFUSED),
                                   test::with_icmp(3, 13, "10.77.0.254"), connect_failed(EPERM)}) {
    CHECK_FALSE(holds(cause_of(bound(evidence)), "not-by-interface"));
  }
  const std::string text = text_of(bound(late));
  CHECK(holds(text, "interface c0 has no route to 10.99.0.9: its route goes by c1"));
  CHECK(holds(text, "-i c1, or without -i"));
  CHECK(holds(text, "route default is on c1"));
  Evidence nowhere = bound(connect_failed(ENETUNREACH), "");
  nowhere.path.route.reset();
  CHECK(holds(text_of(nowhere), "c0 has no route to 10.99.0.9, and no other interface has one"));
  nowhere.path.link.reset();
  CHECK(cause_of(nowhere) == "no-route");
  Evidence down = bound(connect_failed(ENETUNREACH));
  down.path.link->up = false;
  CHECK(cause_of(down) == "interface-down");
  down.path.down_link = sys::Link{5, "c5", false, false, false, 1500};
  CHECK(cause_of(down) == "interface-down");
  CHECK(holds(text_of(down), "interface c0, to which -i binds, is down"));
  CHECK(holds(text_of(down), "ip link set c0 up; or without -i"));
  down.path.link->up = true;  // whatever another one is
  CHECK(cause_of(down) == "not-by-interface");
}

TEST_CASE("no route is claimed of tables that were read, and not covered the address") {
  Evidence evidence = connect_failed(ENETUNREACH);
  CHECK(cause_of(evidence) == "");
  evidence.path.route.reset();
  CHECK(cause_of(evidence) == "no-route");
  CHECK(holds(text_of(evidence), "no default route"));
  Evidence lost = evidence;
  lost.path.down_interfaces = {"c1"};
  CHECK(cause_of(lost) == "no-route|interface-down");
  CHECK(holds(text_of(lost), "; c1 is down, and the routes by it are gone with that"));
  lost.path.down_interfaces = {"c1", "c2"};
  CHECK(holds(text_of(lost), "; c1, c2 are down, and the routes by them are gone with that"));
  lost.path.ignored_link = sys::Link{6, "c6", true, false, false, 1500};
  CHECK(cause_of(lost) == "no-route|interface-down");
  CHECK(holds(text_of(lost), "that it uses; the route by c6 is ignored, since c6 has no carrier"));
  CHECK_FALSE(holds(text_of(lost), "no default route"));
  evidence.path.family_has_address = false;
  CHECK(holds(text_of(evidence), "no IPv4 address but loopback's, and no route"));
  evidence.path.routes_known = false;
  CHECK(cause_of(evidence) == "");
  evidence.path.routes_known = true;
  evidence.error.error = EHOSTUNREACH;
  CHECK(cause_of(evidence) == "");
}

TEST_CASE("an interface is to blame where it is down and nothing else leads there") {
  Evidence evidence = connect_failed(ENETUNREACH);
  evidence.path.down_link = sys::Link{5, "c5", false, false, false, 1500};
  CHECK(cause_of(evidence) == "");  // the default route leads elsewhere
  evidence.path.route.reset();
  CHECK(cause_of(evidence) == "interface-down");
  CHECK(holds(text_of(evidence), "interface c5 is down"));
  CHECK(holds(text_of(evidence), "ip link set c5 up"));
  evidence.path.down_link.reset();
  CHECK(cause_of(evidence) == "no-route");
}

TEST_CASE("IPv6 is disabled where the switch says so and no address is there") {
  Evidence evidence = connect_failed(EADDRNOTAVAIL, "2001:db8:9::9");
  evidence.path.family_has_address = false;
  CHECK(cause_of(evidence) == "address-not-local");
  evidence.path.ipv6_disabled = true;
  CHECK(cause_of(evidence) == "ipv6-disabled");
  evidence.path.family_has_address = true;
  CHECK(cause_of(evidence) == "no-free-port|address-not-local");
  Evidence v4 = connect_failed(ENETUNREACH);
  v4.path.ipv6_disabled = true;
  v4.path.family_has_address = false;
  CHECK(cause_of(v4) == "");
}

TEST_CASE("source ports run out, but for the one that the user chose") {
  Evidence evidence = connect_failed(EADDRNOTAVAIL);
  CHECK(cause_of(evidence) == "no-free-port");
  evidence.host.port_range = "32768 60999";
  CHECK(holds(text_of(evidence), "ip_local_port_range is 32768 60999"));
  CHECK(cause_of(from_port(test::holder("10.77.0.1", 1, "10.99.0.9"))) == "source-port-in-use");
  auto waits = test::holder("10.77.0.1", 6, "10.99.0.9");
  waits.socket.time_wait_left = 42s;
  CHECK(cause_of(from_port(waits)) == "source-port-in-time-wait");
  CHECK(holds(text_of(from_port(waits)), "port 4000 to the same place waits in TIME-WAIT for 42"));
  // Another peer's connection may share the port.
  const Evidence other = from_port(test::holder("10.77.0.1", 1, "10.9.9.9"));
  CHECK(cause_of(other) == "source-port-in-use");
  CHECK_FALSE(holds(text_of(other), "10.9.9.9"));
}

TEST_CASE("a source that cannot reach the peer needs a source, routes and no blackhole") {
  Evidence evidence = connect_failed(EINVAL);
  CHECK(cause_of(evidence) == "");
  evidence.source = test::at("127.0.0.1");
  CHECK(cause_of(evidence) == "source-cannot-reach");
  CHECK(holds(text_of(evidence), "127.0.0.1 cannot be the source"));
  evidence.path.routes_known = false;
  CHECK(cause_of(evidence) == "");
  Evidence zone = connect_failed(EINVAL, "fe80::9");
  zone.source = test::at("fe80::77");
  CHECK(cause_of(zone) == "");
}

TEST_CASE("a host whose lo is down does not reach itself, with or without a route") {
  Evidence evidence = test::connect_timed_out(3, "127.0.0.1");
  test::make_own(evidence);
  evidence.path.down_link = sys::Link{1, "lo", false, false, true, 65536};
  CHECK(cause_of(evidence) == "interface-down");
  CHECK(holds(text_of(evidence), "ip link set lo up"));
  Evidence bare = connect_failed(ENETUNREACH, "127.0.0.1");
  bare.path.route.reset();
  bare.path.link.reset();
  bare.path.down_link = evidence.path.down_link;
  CHECK(cause_of(bare) == "interface-down");
  bare.error.error = ECONNREFUSED;
  CHECK(cause_of(bare) != "interface-down");
}
