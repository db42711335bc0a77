// SPDX-License-Identifier: MIT
// The SYN got no further than this host.
#include <doctest/doctest.h>

#include <cerrno>

#include "support/evidence.h"

using namespace std::chrono_literals;
using namespace tcptool;
using diagnose::Evidence;
using diagnose::PortHolder;
using sys::NeighbourState;
using test::cause_of;
using test::connect_failed;
using test::connect_timed_out;
using test::here;
using test::holder;
using test::holds;
using test::listening;
using test::text_of;
using test::with_icmp;

namespace {

constexpr const char* own = "10.77.0.1";
constexpr const char* router = "10.77.0.254";
PortHolder queue(unsigned length, unsigned limit) {
  PortHolder out = holder("0.0.0.0", listening);
  out.socket.rqueue = length;
  out.socket.wqueue = limit;
  return out;
}

}  // namespace

TEST_CASE("where the destination is this host, the filter may be on the SYN's way out or in") {
  Evidence evidence = with_icmp(3, 13, own);
  evidence.peer = evidence.icmp->offender.with_port(9000);
  evidence.path.own_address = true;
  CHECK(cause_of(evidence) == "rejected-here");
  CHECK(holds(text_of(evidence), "way out or in"));
  CHECK(holds(text_of(evidence), "for output and for input to tcp port 9000"));
  CHECK_FALSE(holds(text_of(evidence), "never left"));
  CHECK_FALSE(holds(text_of(evidence), "no SYN has left"));
}

TEST_CASE("in a short wait the one request may be lost, and ICMPv6 may be filtered") {
  Evidence brief = connect_timed_out();
  test::put_on_link(brief, NeighbourState::incomplete);
  CHECK(cause_of(brief) == "neighbour-silent");
  CHECK_FALSE(holds(text_of(brief), "got lost"));
  brief.after = 500ms;
  CHECK(cause_of(brief) == "neighbour-silent|filtered-or-down");
  CHECK(holds(text_of(brief), "or the one request that was sent in this time, or its answer, got"));
  Evidence v6 = connect_timed_out(3, "2001:db8:9::9");
  test::put_on_link(v6, NeighbourState::incomplete);
  CHECK(holds(text_of(v6), "a packet filter, here or there, drops neighbour discovery (ICMPv6)"));
}

TEST_CASE("a loopback source has no way back from another host") {
  Evidence evidence = connect_timed_out(3, "2001:db8:9::9");
  evidence.source = test::at("::1");
  CHECK(cause_of(evidence) == "source-cannot-reach");
}

TEST_CASE("a route by lo to what is not here leads back into this host") {
  Evidence evidence = connect_timed_out();
  evidence.path.route = test::route("10.99.0.0", 16, sys::RouteType::unicast);
  evidence.path.link.emplace().name = "lo";
  evidence.path.link->loopback = true;
  CHECK(cause_of(evidence) == "route-blackhole");
  CHECK(holds(text_of(evidence), "the route 10.99.0.0/16 on lo leads back into this host, which"));
  evidence.path.own_address = true;
  CHECK(cause_of(evidence) == "filtered-here");
}

TEST_CASE("an error from this host's address in IPv6's form is its own") {
  Evidence evidence = with_icmp(3, 1, "::ffff:10.77.0.1");
  evidence.path.neighbour.reset();
  evidence.icmp_after = 3050ms;
  CHECK(cause_of(evidence) == "neighbour-silent");
}

TEST_CASE("nobody answers for the next hop: by the kernel's word, its table or its counters") {
  Evidence told = with_icmp(3, 1, own);
  told.path.neighbour.reset();
  told.icmp_after = 3050ms;
  CHECK(cause_of(told) == "neighbour-silent");
  told.icmp_after = 1ms;  // at once: nobody was asked
  CHECK(cause_of(told) == "rejected-here");
  told.info->retransmits = 1;
  CHECK(cause_of(told) == "neighbour-silent");

  Evidence table = connect_failed(EHOSTUNREACH);
  test::put_on_link(table, NeighbourState::failed);
  CHECK(cause_of(table) == "neighbour-silent");
  CHECK(holds(text_of(table), "nobody on c0 answers for 10.99.0.9: the host is down"));
  table.path.neighbour.reset();
  CHECK(cause_of(table) == "route-unreachable");

  Evidence counted = connect_timed_out(0);
  counted.info->retransmits = 2;
  CHECK(cause_of(counted) == "filtered-or-down");  // the gateway answered since
  counted.path.neighbour->state = NeighbourState::stale;
  CHECK(cause_of(counted) == "neighbour-silent");
  CHECK(holds(text_of(counted), "gateway 10.77.0.254"));
  Evidence link_local = connect_timed_out(1, "fe80::dead");
  test::put_on_link(link_local, NeighbourState::failed);
  CHECK(cause_of(link_local) == "neighbour-silent");
  CHECK(holds(text_of(link_local), "no answer to neighbour discovery for fe80::dead on c0"));
  link_local.path.neighbour->state = NeighbourState::stale;
  CHECK(cause_of(link_local) != "neighbour-silent");

  counted.info->total_retrans.reset();
  CHECK(cause_of(counted) == "filtered-or-down");
  counted.syn_unsent = true;
  CHECK(cause_of(counted) == "neighbour-silent");
}

TEST_CASE("what this host itself passes on until its time to live is over is a loop, no filter") {
  Evidence evidence = with_icmp(11, 0, own);
  CHECK(cause_of(evidence) == "ttl-exceeded");
  CHECK(holds(text_of(evidence), "a routing loop through this host: the SYN came back to it"));
}

TEST_CASE("what had left before the next hop fell silent is not said to have stayed") {
  Evidence evidence = connect_timed_out(1);
  evidence.syn_unsent = true;
  CHECK(holds(text_of(evidence), "; no SYN leaves this host now"));
  evidence.info->total_retrans = 0;
  CHECK(holds(text_of(evidence), "; the SYN never left this host"));
}

TEST_CASE("a neighbour is not silent where somebody answered") {
  Evidence refused = connect_failed(ECONNREFUSED);
  refused.info->retransmits = 1;  // lost in this host; the next one was answered
  CHECK(cause_of(refused) == "nothing-listens|rejected-by-host");
  Evidence routed = with_icmp(3, 13, router);
  routed.info->retransmits = 1;
  CHECK(cause_of(routed) == "rejected-on-the-way");
  Evidence here = connect_timed_out(0);
  here.info->retransmits = 2;
  test::make_own(here);
  CHECK(cause_of(here) == "filtered-here");
}

TEST_CASE("a silent neighbour on a link without carrier is our own cable's") {
  Evidence evidence = connect_failed(EHOSTUNREACH);
  test::put_on_link(evidence, NeighbourState::failed);
  evidence.path.link->carrier = false;
  CHECK(holds(text_of(evidence), "host unreachable: interface c0 has no carrier|"));
  CHECK(holds(text_of(evidence), "|c0 has no carrier; no answer to ARP for 10.99.0.9 on c0; the"));
}

TEST_CASE("silence on this host is a full queue, or a filter") {
  CHECK(cause_of(here(connect_timed_out(), {queue(2, 1)})) == "accept-queue-full");
  CHECK(holds(text_of(here(connect_timed_out(), {queue(2, 1)})), "2 waiting, backlog 1"));
  CHECK(cause_of(here(connect_timed_out(), {queue(1, 1)})) == "filtered-here|accept-queue-full");
  CHECK(cause_of(here(connect_timed_out(), {queue(0, 1)})) == "filtered-here");
  CHECK(cause_of(here(connect_timed_out(), {})) == "filtered-here");
  Evidence blind = here(connect_timed_out(), {});
  blind.host.holders_known = false;
  CHECK(cause_of(blind) == "filtered-here|accept-queue-full");
}

TEST_CASE("the counters tell a SYN dropped on its way out from one that left") {
  Evidence evidence = connect_timed_out();
  evidence.dropped_here = true;
  CHECK(cause_of(evidence) == "filtered-here");
  CHECK(
      holds(text_of(evidence), "the SYN, sent again 3 times, was dropped each time by this host"));
  CHECK(holds(text_of(evidence), "own rules for output to tcp port 80"));
  CHECK_FALSE(holds(text_of(evidence), "SYNs sent"));
  evidence.dropped_here = false;
  CHECK(cause_of(evidence) == "filtered-or-down");
  Evidence on_link = connect_timed_out(1);
  test::put_on_link(on_link, NeighbourState::reachable);
  CHECK(cause_of(on_link) == "filtered-by-host|accept-queue-full");
  on_link.dropped_here = true;
  CHECK(cause_of(on_link) == "filtered-here");
  CHECK(holds(text_of(on_link), "sent again once,"));
}

TEST_CASE("to this host itself the filter is at the output, the input, or at either") {
  struct Row {
    std::optional<bool> dropped;
    const char* words;
    const char* rules;
    const char* cause;
  };
  for (const Row& row :
       std::vector<Row>{{std::nullopt, "way out or in", "output and for input", "filtered-here"},
                        {true, "drops the SYN on its way out", "for output to", "filtered-here"},
                        {false, "drops the SYN on its way in", "for input to", "filtered-here"}}) {
    Evidence silent = here(connect_timed_out(), {});
    silent.dropped_here = row.dropped;
    CHECK(cause_of(silent) == row.cause);
    CHECK(holds(text_of(silent), row.words));
    CHECK(holds(text_of(silent), row.rules));
    Evidence rejected = here(with_icmp(3, 13, own), {});
    rejected.dropped_here = row.dropped;
    CHECK(cause_of(rejected) == "rejected-here");
    CHECK(holds(text_of(rejected), row.rules));
  }
  // What does not arrive fills no queue.
  Evidence out = here(connect_timed_out(), {queue(1, 1)});
  out.dropped_here = true;
  CHECK(cause_of(out) == "filtered-here");
}

TEST_CASE("a tunnel says host unreachable itself") {
  Evidence evidence = with_icmp(3, 1, own);
  evidence.path.neighbour.reset();
  evidence.path.link->kind = "wireguard";
  CHECK(cause_of(evidence) == "rejected-here");
  CHECK(holds(text_of(evidence), "no peer's AllowedIPs have 10.99.0.9"));
  evidence.path.link->kind = "gre";
  CHECK(holds(text_of(evidence), "tunnel c0 (gre) cannot send it"));
  evidence.path.link->kind = "veth";
  CHECK_FALSE(holds(text_of(evidence), "tunnel"));
  evidence.path.link.reset();
  CHECK(cause_of(evidence) == "rejected-here");
}

TEST_CASE("this host's word on a SYN that was sent again is its filter's, not the link's") {
  Evidence evidence = with_icmp(3, 1, own);
  evidence.path.neighbour.reset();
  evidence.icmp_after = 1004ms;
  evidence.info->retransmits = 1;
  evidence.info->total_retrans = 1;
  evidence.icmp_delay = 0ms;
  CHECK(cause_of(evidence) == "rejected-here");
  evidence.icmp_delay = 3000ms;
  evidence.icmp_after = 4004ms;
  CHECK(cause_of(evidence) == "neighbour-silent");
}
