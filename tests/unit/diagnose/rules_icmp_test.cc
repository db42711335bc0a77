// SPDX-License-Identifier: MIT
// An ICMP error ended the attempt: who sent it decides.
#include <doctest/doctest.h>

#include <cerrno>

#include "support/evidence.h"

using namespace std::chrono_literals;
using namespace tcptool;
using diagnose::Evidence;
using sys::NeighbourState;
using test::cause_of;
using test::connect_failed;
using test::connect_timed_out;
using test::holds;
using test::with_icmp;

namespace {

constexpr const char* own = "10.77.0.1";
constexpr const char* router = "10.77.0.254";
constexpr const char* host = "10.99.0.9";
constexpr const char* own6 = "fe80::77";
constexpr const char* router6 = "2001:db8::1";
constexpr const char* host6 = "2001:db8:9::9";

std::string text_of(const Evidence& evidence) {
  return test::all_text(diagnose::diagnose(evidence).value());
}

}  // namespace

TEST_CASE("type, code and sender decide on the cause") {
  struct Row {
    unsigned type;
    unsigned code;
    const char* offender;
    const char* cause;
    const char* words;
  };
  for (const Row& row : std::vector<Row>{
           {3, 13, own, "rejected-here", "the SYN never left"},
           {3, 1, own, "rejected-here", "this host itself"},
           {3, 13, router, "rejected-on-the-way", "packet filter on router 10.77.0.254"},
           {3, 9, router, "rejected-on-the-way", "prohibit route"},
           {3, 10, router, "rejected-on-the-way", "never saw the SYN"},
           {3, 3, router, "rejected-on-the-way", "packet filter"},
           {3, 2, router, "rejected-on-the-way", "packet filter"},
           {3, 0, router, "unreachable-on-the-way", "no way to the network"},
           {3, 6, router, "unreachable-on-the-way", "no way to the network"},
           {3, 1, router, "rejected-on-the-way|unreachable-on-the-way", "at once"},
           {3, 7, router, "rejected-on-the-way|unreachable-on-the-way", "at once"},
           {3, 12, router, "unreachable-on-the-way", "for this type of service"},
           {3, 200, router, "unreachable-on-the-way", "code 200"},
           {12, 0, router, "unreachable-on-the-way", "parameter problem"},
           {11, 0, router, "ttl-exceeded", "routing loop"},
           {11, 1, router, "unreachable-on-the-way", "reassembly"},
           {3, 4, router, "fragmentation-needed", "smaller packets"},
           {3, 3, host, "rejected-by-host", "would answer with RST"},
           {3, 13, host, "rejected-by-host", "the destination itself"},
           {3, 2, host, "rejected-by-host", "does not speak TCP"},
           {3, 1, host, "rejected-by-host|unreachable-on-the-way", "passes the port on"},
           {12, 0, host, "unreachable-on-the-way", "parameter problem"}}) {
    CAPTURE(row.type);
    CAPTURE(row.code);
    CAPTURE(row.offender);
    const Evidence evidence = with_icmp(row.type, row.code, row.offender);
    CHECK(cause_of(evidence) == row.cause);
    CHECK(holds(text_of(evidence), row.words));
    CHECK(holds(text_of(evidence), row.offender));
    // Silence afterwards changes nothing but the headline.
    Evidence late = evidence;
    late.timed_out = true;
    late.error.error = 0;
    late.after = 5s;
    CHECK(cause_of(late) == row.cause);
    CHECK(holds(diagnose::diagnose(late).value().headline, "no answer within 5.0 s"));
  }
}

TEST_CASE("ICMPv6 has numbers of its own") {
  struct Row {
    unsigned type;
    unsigned code;
    const char* offender;
    const char* cause;
  };
  for (const Row& row :
       std::vector<Row>{{1, 1, router6, "rejected-on-the-way"},
                        {1, 5, router6, "rejected-on-the-way"},
                        {1, 6, router6, "rejected-on-the-way"},
                        {1, 4, router6, "rejected-on-the-way"},
                        {1, 0, router6, "unreachable-on-the-way"},
                        {1, 2, router6, "unreachable-on-the-way"},
                        {1, 3, router6, "rejected-on-the-way|unreachable-on-the-way"},
                        {3, 0, router6, "ttl-exceeded"},
                        {2, 0, router6, "fragmentation-needed"},
                        {1, 4, host6, "rejected-by-host"},
                        {1, 1, own6, "rejected-here"}}) {
    CAPTURE(row.type);
    CAPTURE(row.code);
    CAPTURE(row.offender);
    Evidence evidence = with_icmp(row.type, row.code, row.offender, host6);
    CHECK(cause_of(evidence) == row.cause);
    CHECK(holds(text_of(evidence), "ICMPv6 type"));
    // A link-local sender comes with its interface.
    if (row.offender == own6) {
      evidence.icmp->offender = evidence.icmp->offender.with_zone(2, "c0");
      CHECK(cause_of(evidence) == row.cause);
    }
  }
}

TEST_CASE("a router that says host unreachable after a while has asked for it in vain") {
  Evidence evidence = with_icmp(3, 1, router);
  evidence.icmp_after = 3050ms;
  CHECK(cause_of(evidence) == "unreachable-on-the-way");
  CHECK(holds(text_of(evidence), "the host is down"));
}

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
  CHECK(holds(text_of(table), "nobody on c0 has the address 10.99.0.9"));
  table.path.neighbour.reset();
  CHECK(cause_of(table) == "");

  Evidence counted = connect_timed_out(0);
  counted.info->retransmits = 2;
  CHECK(cause_of(counted) == "neighbour-silent");
  CHECK(holds(text_of(counted), "gateway 10.77.0.254"));
  counted.info->total_retrans.reset();
  CHECK(cause_of(counted) == "filtered-or-down");
  counted.syn_unsent = true;
  CHECK(cause_of(counted) == "neighbour-silent");
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
  CHECK(holds(text_of(evidence), "interface c0 has no carrier"));
}

TEST_CASE("without the list of own addresses the sender may be this host") {
  Evidence evidence = with_icmp(3, 13, own);
  evidence.host.addresses.clear();
  CHECK(cause_of(evidence) == "rejected-on-the-way|rejected-here");
  evidence.path.neighbour.reset();
  CHECK(diagnose::diagnose(evidence).value().layers.at(0).state == diagnose::LayerState::unknown);
}

TEST_CASE("an error without a sender is nobody's") {
  Evidence evidence = with_icmp(3, 13, router);
  evidence.icmp->offender = {};
  CHECK(cause_of(evidence) == "rejected-on-the-way");
  CHECK(holds(text_of(evidence), "an unknown sender"));
  evidence.host.addresses.emplace_back();
  evidence.peer = {};
  static_cast<void>(diagnose::diagnose(evidence));
}

TEST_CASE("every type and code of both protocols is told, in full sentences") {
  for (const char* const peer : {host, host6}) {
    for (unsigned type = 0; type < 256; type += 1) {
      for (const unsigned code : {0U, 1U, 3U, 4U, 13U, 255U}) {
        const auto diagnosis =
            diagnose::diagnose(with_icmp(type, code, peer == host ? router : router6, peer));
        REQUIRE(diagnosis);
        CHECK_FALSE(diagnosis->explanation.empty());
        CHECK_FALSE(diagnosis->advice.empty());
      }
    }
  }
}
