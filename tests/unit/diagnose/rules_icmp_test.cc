// SPDX-License-Identifier: MIT
// An ICMP error ended the attempt: who sent it decides.
#include <doctest/doctest.h>

#include <cerrno>

#include "support/evidence.h"

using namespace std::chrono_literals;
using namespace tcptool;
using diagnose::Evidence;
using test::cause_of;
using test::holds;
using test::text_of;
using test::with_icmp;

namespace {

constexpr const char* own = "10.77.0.1";
constexpr const char* router = "10.77.0.254";
constexpr const char* host = "10.99.0.9";
constexpr const char* own6 = "fe80::77";
constexpr const char* router6 = "2001:db8::1";
constexpr const char* host6 = "2001:db8:9::9";

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
           {3, 0, router, "unreachable-on-the-way|rejected-on-the-way", "no way to the network"},
           {3, 6, router, "unreachable-on-the-way|rejected-on-the-way", "no way to the network"},
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
                        {1, 0, router6, "unreachable-on-the-way|rejected-on-the-way"},
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

TEST_CASE("the delay counts from the SYN that the router answers, not from the first") {
  struct Row {
    std::chrono::milliseconds after;
    unsigned sent_again;
    std::optional<std::chrono::milliseconds> delay;
    const char* cause;
  };
  const char* const rule = "rejected-on-the-way|unreachable-on-the-way";
  const char* const open = "unreachable-on-the-way|rejected-on-the-way";
  for (const Row& row : std::vector<Row>{{1004ms, 1, 0ms, rule},
                                         {3010ms, 2, 1ms, rule},
                                         {3050ms, 2, 3050ms, "unreachable-on-the-way"},
                                         {3050ms, 2, 2045ms, "unreachable-on-the-way"},
                                         {3050ms, 0, std::nullopt, "unreachable-on-the-way"},
                                         {1004ms, 1, std::nullopt, open},
                                         {3050ms, 2, std::nullopt, open},
                                         {2ms, 1, std::nullopt, rule}}) {
    CAPTURE(row.after.count());
    CAPTURE(row.sent_again);
    Evidence evidence = with_icmp(3, 1, router);
    evidence.icmp_after = row.after;
    evidence.info->retransmits = row.sent_again;
    evidence.info->total_retrans = row.sent_again;
    if (row.delay) evidence.icmp_delay = *row.delay;
    CHECK(cause_of(evidence) == row.cause);
    const bool repeated = row.delay && row.after - *row.delay > 500ms;
    CHECK(holds(text_of(evidence), "after the SYN that it answers") == repeated);
  }
  Evidence old = with_icmp(3, 1, router);  // a kernel that tells nothing of the socket
  old.icmp_after = 3050ms;
  old.info.reset();
  CHECK(cause_of(old) == open);
  Evidence up = old;
  up.probes.other.emplace();
  up.probes.other->answer = tcp::SynProbe::Answer::rst;
  CHECK(cause_of(up) == "rejected-on-the-way");
}

TEST_CASE("network unreachable is a route's word or a filter's, until another port answers") {
  for (const unsigned version : {4U, 6U}) {
    Evidence evidence = version == 4 ? with_icmp(3, 0, router) : with_icmp(1, 0, router6, host6);
    CHECK(holds(text_of(evidence), "a packet filter there may say so as well"));
    CHECK(holds(text_of(evidence), "--diagnose active"));
    evidence.probes.made = true;
    CHECK(cause_of(evidence) == "unreachable-on-the-way|rejected-on-the-way");
    CHECK_FALSE(holds(text_of(evidence), "--diagnose active"));
    evidence.probes.other.emplace();
    evidence.probes.other->answer = tcp::SynProbe::Answer::syn_ack;
    CHECK(cause_of(evidence) == "rejected-on-the-way");
  }
}

TEST_CASE("ICMPv6 says whether the source, a route or a rule is refused") {
  CHECK(holds(text_of(with_icmp(1, 5, router6, host6)), "from this host's source address"));
  CHECK(holds(text_of(with_icmp(1, 5, router6, host6)), "another source address (-s"));
  CHECK(holds(text_of(with_icmp(1, 6, router6, host6)), "has a route that rejects"));
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

TEST_CASE("a router that lets another port pass has no route or policy that refuses the host") {
  for (const unsigned code : {5U, 6U}) {
    CAPTURE(code);
    Evidence evidence = with_icmp(1, code, "2001:db8::1", "2001:db8:9::9");
    CHECK_FALSE(holds(text_of(evidence), "has a way to"));
    evidence.probes.made = true;
    evidence.probes.other = test::probe(tcp::SynProbe::Answer::rst);
    CHECK(cause_of(evidence) == "rejected-on-the-way");
    CHECK(holds(text_of(evidence), "(port 443 answered), so it rejects port 80 by a rule"));
  }
  Evidence v4 = with_icmp(3, 13, "10.77.0.254");
  CHECK(holds(text_of(v4), "(or a prohibit route there)"));
  v4.probes.other = test::probe(tcp::SynProbe::Answer::rst);
  CHECK_FALSE(holds(text_of(v4), "prohibit route"));
}

TEST_CASE("no loop where a SYN with a larger TTL gets there") {
  for (const auto answer : {tcp::SynProbe::Answer::syn_ack, tcp::SynProbe::Answer::rst}) {
    Evidence evidence = with_icmp(11, 0, "10.77.0.254");
    CHECK(holds(text_of(evidence), "a routing loop"));
    evidence.probes.made = true;
    evidence.probes.path = {test::probe(answer, 80)};
    evidence.probes.path.back().ttl = 2;
    CHECK(holds(text_of(evidence), "with a TTL too small for the way"));
    CHECK(holds(text_of(evidence), "ip_default_ttl"));
  }
}
