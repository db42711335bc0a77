// SPDX-License-Identifier: MIT
// TCP's own answer, a RST, or none at all.
#include <doctest/doctest.h>

#include <cerrno>

#include "support/evidence.h"

using namespace std::chrono_literals;
using namespace tcptool;
using Answer = tcp::SynProbe::Answer;
using diagnose::Evidence;
using diagnose::PortHolder;
using sys::NeighbourState;
using test::cause_of;
using test::connect_failed;
using test::connect_timed_out;
using test::holder;
using test::holds;

namespace {

constexpr unsigned listening = 10;

std::string text_of(const Evidence& evidence) {
  return test::all_text(diagnose::diagnose(evidence).value());
}

Evidence here(Evidence evidence, std::vector<PortHolder> holders) {
  test::make_own(evidence);
  evidence.host.holders = std::move(holders);
  return evidence;
}

PortHolder bound_to(unsigned ifindex) {
  PortHolder out = holder("0.0.0.0", listening);
  out.socket.ifindex = ifindex;
  return out;
}

PortHolder v6only() {
  PortHolder out = holder("::", listening);
  out.socket.v6only = true;
  return out;
}

tcp::SynProbe probe(Answer answer, std::uint16_t port = 443) {
  tcp::SynProbe out;
  out.peer = test::at("10.99.0.9", port);
  out.answer = answer;
  return out;
}

}  // namespace

TEST_CASE("a refusal by another host leaves two causes, and says how to tell them apart") {
  Evidence evidence = connect_failed(ECONNREFUSED);
  CHECK(cause_of(evidence) == "nothing-listens|rejected-by-host");
  CHECK(holds(text_of(evidence), "RST in answer to the SYN after 0.031 ms"));
  CHECK(holds(text_of(evidence), "ss -ltn 'sport = 80'"));
  CHECK(holds(text_of(evidence), "--diagnose active"));
  Evidence near = evidence;  // no way whose length would tell
  test::put_on_link(near, NeighbourState::reachable);
  CHECK_FALSE(holds(text_of(near), "--diagnose active"));
  evidence.probes.made = true;
  CHECK_FALSE(holds(text_of(evidence), "--diagnose active"));
  evidence.info.reset();
  evidence.path = {};
  evidence.host = {};
  CHECK(cause_of(evidence) == "nothing-listens|rejected-by-host");
  evidence.probes.nearer = probe(Answer::rst, 80);
  CHECK(cause_of(evidence) == "rejected-on-the-way|nothing-listens");
  evidence.probes.nearer->answer = Answer::none;
  CHECK(cause_of(evidence) == "nothing-listens|rejected-by-host");
}

TEST_CASE("a RST for a SYN that no router passes on is not the host's") {
  Evidence evidence = connect_failed(ECONNREFUSED);
  evidence.peer = test::at("10.99.0.9", 80);
  evidence.path.next_hop = test::at("10.77.1.1", 0);
  evidence.probes.made = true;
  evidence.probes.path = {probe(Answer::rst, 80)};
  evidence.probes.path.front().ttl = 1;
  CHECK(cause_of(evidence) == "rejected-on-the-way|rejected-here");
  CHECK(holds(text_of(evidence), "on this host or on gateway 10.77.1.1"));
  evidence.probes.path.front().ttl = 2;
  CHECK(cause_of(evidence) == "nothing-listens|rejected-by-host");
  evidence.probes.path.front().ttl = 1;
  evidence.path.next_hop = evidence.peer.with_port(0);  // no router between
  CHECK(cause_of(evidence) == "nothing-listens|rejected-by-host");
}

TEST_CASE("0.0.0.0 means this host, and any of its listeners takes it") {
  Evidence evidence = here(connect_failed(ECONNREFUSED), {});
  evidence.peer = test::at("0.0.0.0", 80);
  CHECK(holds(text_of(evidence), "nothing on this host listens on port 80"));
  evidence.host.holders = {holder("127.0.0.1", listening)};
  CHECK(cause_of(evidence) == "filtered-here");
}

TEST_CASE("where no hop answers, the gateway may not forward") {
  Evidence evidence = connect_timed_out();
  evidence.peer = test::at("10.99.0.9", 80);
  evidence.path.next_hop = test::at("10.77.1.1", 0);
  CHECK_FALSE(holds(text_of(evidence), "does not forward"));
  evidence.probes.made = true;
  CHECK(holds(text_of(evidence), "gateway 10.77.1.1 does not forward"));
  CHECK(holds(text_of(evidence), "no route back"));
}

TEST_CASE("on this host the sockets tell who listens where") {
  struct Row {
    std::vector<PortHolder> holders;
    const char* cause;
    const char* words;
  };
  for (const Row& row : std::vector<Row>{
           {{}, "nothing-listens", "nothing on this host listens on port 80"},
           {{holder("127.0.0.1", listening)}, "listens-elsewhere", "only on 127.0.0.1:80, not on"},
           {{holder("127.0.0.1", listening), holder("10.5.5.5", listening)},
            "listens-elsewhere",
            "connect to 127.0.0.1:80 or 10.5.5.5:80"},
           {{holder("10.99.0.9", 1)}, "nothing-listens", "nothing on this host"},
           {{v6only()}, "listens-elsewhere", "[::]:80 (IPv6 only)"},
           {{bound_to(7)}, "listens-elsewhere", "of one interface only"},
           {{bound_to(1)}, "filtered-here", "refuses in its name"},
           {{holder("::", listening)}, "filtered-here", "refuses in its name"},
           {{holder("10.99.0.9", listening)}, "filtered-here", "refuses in its name"}}) {
    CAPTURE(row.words);
    const Evidence evidence = here(connect_failed(ECONNREFUSED), row.holders);
    CHECK(cause_of(evidence) == row.cause);
    CHECK(holds(text_of(evidence), row.words));
  }
  Evidence blind = here(connect_failed(ECONNREFUSED), {});
  blind.host.holders_known = false;
  CHECK(cause_of(blind) == "nothing-listens|rejected-by-host");
}

TEST_CASE("a mapped address is the IPv4 one") {
  Evidence evidence = connect_failed(ECONNREFUSED, "::ffff:10.99.0.9");
  evidence = here(std::move(evidence), {holder("10.99.0.9", listening)});
  CHECK(cause_of(evidence) == "filtered-here");
  Evidence silent = connect_timed_out(3, "::ffff:10.99.0.9");
  test::put_on_link(silent, NeighbourState::reachable);
  CHECK(cause_of(silent) == "filtered-by-host|accept-queue-full");
}

TEST_CASE("a connection that met itself says so first") {
  Evidence evidence = here(connect_failed(ECONNREFUSED), {});
  evidence.met_itself = true;
  CHECK(cause_of(evidence) == "met-itself");
  CHECK(holds(text_of(evidence), "nothing listens on 10.99.0.9:80"));
}

TEST_CASE("silence of a neighbour that answers ARP is a filter's or a full queue's") {
  struct Row {
    std::optional<NeighbourState> state;
    const char* cause;
  };
  const char* const either = "filtered-or-down";
  for (const Row& row :
       std::vector<Row>{{NeighbourState::reachable, "filtered-by-host|accept-queue-full"},
                        {NeighbourState::stale, either},
                        {NeighbourState::delay, either},
                        {NeighbourState::probe, either},
                        {NeighbourState::permanent, either},
                        {NeighbourState::noarp, either},
                        {std::nullopt, either}}) {
    Evidence evidence = connect_timed_out();
    test::put_on_link(evidence, row.state);
    CHECK(cause_of(evidence) == row.cause);
  }
  Evidence v6 = connect_timed_out(3, "2001:db8:9::9");
  test::put_on_link(v6, NeighbourState::reachable);
  CHECK(holds(text_of(v6), "it answers neighbour discovery"));
}

TEST_CASE("nothing is on the way to a host on the own link") {
  Evidence evidence = test::connect_timed_out();
  test::put_on_link(evidence, NeighbourState::stale);
  evidence.path.neighbour->link_address = "52:54:00:12:34:56";
  const std::string before = text_of(evidence);
  CHECK_FALSE(holds(before, "on the way"));
  CHECK(
      holds(before, "is on this host's own link and was heard of before: it is down or has left"));
  CHECK(holds(before, "--diagnose active: a SYN to another port tells which"));
  evidence.probes.made = true;
  CHECK_FALSE(holds(text_of(evidence), "--diagnose active"));
  evidence.probes.other.emplace();
  evidence.probes.other->answer = tcp::SynProbe::Answer::rst;
  CHECK(cause_of(evidence) == "filtered-by-host|accept-queue-full");
  CHECK_FALSE(holds(text_of(evidence), "on the way"));
  CHECK(holds(text_of(evidence), "(there or on this host)"));
  test::put_on_link(evidence, std::nullopt);
  evidence.probes = {};
  CHECK(holds(text_of(evidence), "is on this host's own link: it is down"));
}

TEST_CASE("silence from afar stays open, however little is known") {
  Evidence evidence = connect_timed_out();  // its gateway is reachable
  CHECK(cause_of(evidence) == "filtered-or-down");
  CHECK(holds(text_of(evidence), "4 SYNs sent"));
  CHECK(holds(text_of(evidence), "--diagnose active"));
  evidence.info->total_retrans.reset();
  CHECK(holds(text_of(evidence), "(SYN sent, nothing came back)"));
  evidence.info.reset();
  CHECK(cause_of(evidence) == "filtered-or-down");
  evidence.path = {};
  evidence.host = {};
  CHECK(cause_of(evidence) == "filtered-or-down");
  evidence.timed_out = false;
  evidence.error.error = ETIMEDOUT;
  CHECK(cause_of(evidence) == "filtered-or-down");
}

TEST_CASE("a probe to another port tells a filtered port from a dead host") {
  Evidence evidence = connect_timed_out();
  evidence.probes.made = true;
  for (const Answer answer : {Answer::rst, Answer::syn_ack}) {
    evidence.probes.other = probe(answer);
    CHECK(cause_of(evidence) == "filtered-by-host|accept-queue-full");
    CHECK(holds(text_of(evidence), "one SYN to port 443 was answered"));
  }
  for (const Answer answer : {Answer::none, Answer::not_sent}) {
    evidence.probes.other = probe(answer);
    CHECK(cause_of(evidence) == "filtered-or-down");
    CHECK_FALSE(holds(text_of(evidence), "--diagnose active"));
  }
  tcp::SynProbe hop = probe(Answer::icmp, 80);
  hop.ttl = 1;
  hop.icmp = tcp::IcmpError{tcp::IcmpError::Protocol::icmp, 11, 0, 0, test::at("10.77.0.254")};
  evidence.probes.path = {hop, probe(Answer::none, 80)};
  CHECK(holds(text_of(evidence), "as far as hop 1 (10.77.0.254)"));
}
