// SPDX-License-Identifier: MIT
// What an established connection has lost of this host itself.
#include <doctest/doctest.h>

#include <cerrno>

#include "support/evidence.h"

using namespace std::chrono_literals;
using namespace tcptool;
using Answer = tcp::SynProbe::Answer;
using diagnose::Evidence;
using sys::NeighbourState;
using test::cause_of;
using test::holds;
using test::text_of;

namespace {

// One that was lost in silence, as one that timed out idle.
std::vector<Evidence> silent() {
  std::vector<Evidence> out{test::lost(ETIMEDOUT), test::lost(EHOSTUNREACH), test::idle()};
  for (Evidence& evidence : out) {
    evidence.host.addresses = {test::at("10.77.0.1")};
    evidence.transfer.local = test::at("10.77.0.1", 40000);
    evidence.transfer.link = evidence.path.link;
  }
  return out;
}

Evidence with_answer(Evidence evidence, unsigned code, std::string_view offender,
                     std::chrono::nanoseconds after) {
  evidence.probes.made = true;
  evidence.probes.again = test::probe(Answer::icmp, 80);
  evidence.probes.again->icmp = test::with_icmp(3, code, offender).icmp;
  evidence.probes.again->after = after;
  return evidence;
}

}  // namespace

TEST_CASE("what is missing of the connection's own end comes first") {
  for (const Evidence& evidence : silent()) {
    CHECK(cause_of(evidence) != "interface-down");
    Evidence down = evidence;
    down.transfer.link->up = false;
    CHECK(cause_of(down) == "interface-down");
    CHECK(holds(text_of(down), "interface c0, by which this connection goes, went down"));
    Evidence bare = evidence;
    bare.transfer.local_gone = true;
    bare.transfer.link.reset();
    CHECK(cause_of(bare) == "address-not-local");
    bare.path.down_interfaces = {"c7"};
    CHECK(cause_of(bare) == "address-not-local");  // it would have kept the address
    bare.transfer.local = test::at("2001:db8::1", 40000);
    CHECK(cause_of(bare) == "address-not-local|interface-down");
    CHECK(holds(text_of(bare), "; c7 is down: an interface that is switched off loses those"));
    Evidence unplugged = evidence;
    unplugged.transfer.link->carrier = false;
    CHECK(cause_of(unplugged) == "neighbour-silent");
    CHECK(holds(text_of(unplugged), "has lost its carrier"));
  }
}

TEST_CASE("a route that has gone, or refuses now") {
  for (const Evidence& evidence : silent()) {
    Evidence none = evidence;
    none.path.route.reset();
    CHECK_FALSE(holds(cause_of(none), "no-route"));  // the kernel may know another way
    none.policy.look_up_error = ENETUNREACH;
    CHECK(cause_of(none) == "no-route");
    CHECK(holds(text_of(none), "has lost its route to 10.99.0.9"));
    Evidence refused = evidence;
    refused.path.route = test::route("10.99.0.0", 16, sys::RouteType::blackhole);
    CHECK(cause_of(refused) == "route-blackhole");
    refused.path.route->type = sys::RouteType::prohibit;
    CHECK(cause_of(refused) == "route-prohibit");
    Evidence ruled = evidence;
    ruled.policy.refusals.emplace_back();
    ruled.policy.refusals.front().rule.action = sys::RoutingRule::Action::prohibit;
    CHECK_FALSE(holds(cause_of(ruled), "route"));
    ruled.policy.refusals.front().certain = true;
    CHECK(cause_of(ruled) == "route-prohibit");
  }
}

TEST_CASE("a neighbour that no longer answers, by the table or by the kernel's word") {
  for (const Evidence& evidence : silent()) {
    for (const NeighbourState state : {NeighbourState::failed, NeighbourState::incomplete}) {
      Evidence gone = evidence;
      gone.path.neighbour->state = state;
      CHECK(cause_of(gone) == "neighbour-silent");
      CHECK(holds(text_of(gone), "no answer to ARP for gateway 10.77.0.254 on c0"));
    }
    CHECK(cause_of(with_answer(evidence, 1, "10.77.0.1", 700ms)) == "neighbour-silent");
    CHECK(cause_of(with_answer(evidence, 1, "10.77.0.1", 1ms)) == "rejected-here");
    CHECK(cause_of(with_answer(evidence, 13, "10.77.0.1", 700ms)) == "rejected-here");
    CHECK(cause_of(with_answer(evidence, 13, "10.77.0.254", 1ms)) != "rejected-here");
  }
}

TEST_CASE("a filter of this host's own, by errno or by what never left") {
  for (Evidence evidence : silent()) {
    evidence.info->retransmits = 4;
    evidence.info->total_retrans = 0;
    evidence.transfer.undelivered = 5;
    CHECK(cause_of(evidence) == "filtered-here|route-unreachable");
    CHECK(holds(text_of(evidence), "not one segment left this host a second time"));
    Evidence ruled = evidence;
    ruled.policy.refusals.emplace_back();
    ruled.policy.refusals.front().rule.action = sys::RoutingRule::Action::prohibit;
    CHECK(cause_of(ruled) == "filtered-here|route-prohibit");
    CHECK(holds(text_of(ruled), "by a rule with conditions: rule "));
    evidence.info->total_retrans = 1;
    CHECK_FALSE(holds(cause_of(evidence), "filtered-here"));
    evidence.probes.made = true;
    evidence.probes.again = test::probe(Answer::not_sent, 80);
    evidence.probes.again->error = EPERM;
    CHECK(cause_of(evidence) == "output-filter");
    evidence.probes.again->error = EINVAL;
    CHECK(cause_of(evidence) == "route-blackhole");
    evidence.probes.again->error = ENOBUFS;
    CHECK(cause_of(evidence) != "output-filter");
  }
}

TEST_CASE("a reset, or a peer that is this host, has nothing to do with the way") {
  Evidence reset = silent().front();
  reset.error.error = ECONNRESET;
  reset.transfer.link->up = false;
  CHECK(cause_of(reset) == "reset-after-data");
  Evidence own = silent().front();
  own.path.own_address = true;
  own.transfer.link->up = false;
  CHECK(cause_of(own) != "interface-down");
}

TEST_CASE("what this host has lost while a SYN waited is told, and what else there may be") {
  const auto without_route = [](unsigned left, unsigned timeouts) {
    Evidence evidence = test::connect_timed_out(left);
    evidence.info->retransmits = timeouts;
    evidence.path.route.reset();
    evidence.path.link.reset();
    evidence.path.neighbour.reset();
    evidence.path.next_hop = {};
    return evidence;
  };
  Evidence gone = without_route(1, 4);
  CHECK(cause_of(gone) != "no-route|filtered-or-down");  // another table may have it
  CHECK_FALSE(holds(text_of(gone), "own link"));
  gone.policy.look_up_error = ENETUNREACH;
  CHECK(cause_of(gone) == "no-route|filtered-or-down");
  CHECK(holds(text_of(gone), "has lost its route to 10.99.0.9 while it waited"));
  CHECK(holds(text_of(gone), "the SYNs that had left were not answered either"));
  gone.path.down_interfaces = {"c0"};
  CHECK(holds(text_of(gone), "; c0 is down, and the routes by it are gone with that"));
  gone.path.ignored_link = sys::Link{6, "c6", true, false, false, 1500};
  CHECK(holds(text_of(gone), "; the route by c6 is ignored, since c6 has no carrier"));
  gone.policy.look_up_error.reset();
  gone.probes.made = true;
  gone.probes.other = test::probe(Answer::not_sent);
  gone.probes.other->error = ENETUNREACH;
  CHECK(cause_of(gone) == "no-route|filtered-or-down");
  gone.policy.look_up_error = 0;  // a route by a rule with conditions, perhaps
  CHECK_FALSE(holds(cause_of(gone), "no-route"));

  Evidence unsent = without_route(0, 3);
  unsent.policy.look_up_error = ENETUNREACH;
  CHECK(cause_of(unsent) == "no-route|neighbour-silent");
  CHECK(holds(text_of(unsent), "the next hop to 10.99.0.9 did not answer ARP"));
  unsent.policy = {};
  unsent.path.routes_known = false;
  CHECK(cause_of(unsent) == "neighbour-silent");
  CHECK_FALSE(holds(text_of(unsent), "nobody answers for 10.99.0.9"));
}

TEST_CASE("an interface, an address or an entry that changed while a SYN waited") {
  Evidence down = test::connect_timed_out();
  CHECK(cause_of(down) == "filtered-or-down");
  down.path.link->up = false;
  CHECK(cause_of(down) == "interface-down|filtered-or-down");
  down.path.link->up = true;
  down.path.down_link = sys::Link{5, "c5", false, false, false, 1500};
  CHECK(cause_of(down) == "filtered-or-down");  // another one leads there
  down.path.route->ifindex = 5;
  CHECK(holds(text_of(down), "interface c5, which leads to 10.99.0.9, went down meanwhile"));

  Evidence source = test::connect_timed_out(1);
  source.source = test::at("10.77.0.7", 4000);
  CHECK(cause_of(source) == "filtered-or-down");  // all left: it was there
  source.info->retransmits = 4;
  CHECK(cause_of(source) == "address-not-local|filtered-or-down");
  CHECK(holds(text_of(source), "this host has lost the source address 10.77.0.7"));
  source.source = {};
  CHECK(cause_of(source) == "filtered-or-down");
  source.syn_source = test::at("10.77.0.1");
  CHECK(cause_of(source) == "filtered-or-down");
  source.syn_source = test::at("10.77.0.8");
  CHECK(cause_of(source) == "address-not-local|filtered-or-down");
  CHECK(holds(text_of(source), "this host has lost the source address 10.77.0.8"));
  source.timed_out = false;  // the kernel gave up with what the look-up of a route said
  source.error.error = ENETUNREACH;
  CHECK(cause_of(source) == "address-not-local|filtered-or-down");
  CHECK(holds(text_of(source), " after 10.0 s: no interface has 10.77.0.8 any more"));
  source.info->retransmits = 0;  // at once
  CHECK(cause_of(source) != "address-not-local|filtered-or-down");

  Evidence v6 = test::connect_timed_out(1, "2001:db8:9::9");
  v6.syn_source = test::at("2001:db8::8");  // IPv6 goes on sending from it
  CHECK(cause_of(v6) == "address-not-local|filtered-or-down");
  CHECK_FALSE(holds(text_of(v6), "switched off"));
  v6.path.down_interfaces = {"c1"};
  CHECK(holds(text_of(v6), "c1 is down: an interface that is switched off loses those of IPv6"));

  Evidence refused = test::connect_timed_out();
  refused.path.route = test::route("10.99.0.0", 16, sys::RouteType::prohibit);
  CHECK(cause_of(refused) == "filtered-or-down");  // no rule may lead to its table
  refused.policy.look_up_error = EACCES;
  CHECK(cause_of(refused) == "route-prohibit|filtered-or-down");
}
