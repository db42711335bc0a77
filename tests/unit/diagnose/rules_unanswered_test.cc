// SPDX-License-Identifier: MIT
// Nobody answered the SYN.
#include <doctest/doctest.h>

#include <cerrno>

#include "support/evidence.h"

using namespace std::chrono_literals;
using namespace tcptool;
using Answer = tcp::SynProbe::Answer;
using diagnose::Evidence;
using sys::NeighbourState;
using test::cause_of;
using test::connect_timed_out;
using test::holds;
using test::probe;
using test::text_of;

TEST_CASE("where no hop answers, the gateway may not forward") {
  Evidence evidence = connect_timed_out();
  evidence.peer = test::at("10.99.0.9", 80);
  evidence.path.next_hop = test::at("10.77.1.1", 0);
  CHECK_FALSE(holds(text_of(evidence), "does not forward"));
  evidence.probes.made = true;
  CHECK(holds(text_of(evidence), "gateway 10.77.1.1 does not forward"));
  CHECK(holds(text_of(evidence), "no route back"));
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
  CHECK(holds(text_of(v6), "or a proxy in its place, answers neighbour discovery, but"));
}

TEST_CASE("a neighbour that was there before the first SYN may have died since") {
  Evidence evidence = connect_timed_out();
  test::put_on_link(evidence, NeighbourState::reachable);
  for (const bool known : {true, false}) {
    evidence.path.neighbour->confirmed_ago.reset();
    if (known) evidence.path.neighbour->confirmed_ago = 11s;  // of 10 s in which it was waited for
    CHECK(cause_of(evidence) == "filtered-or-down");
    CHECK(holds(text_of(evidence), "was heard of before: it is down or has left"));
  }
  evidence.source = test::at("10.77.0.7");
  CHECK(holds(text_of(evidence), "or it has no way back to 10.77.0.7"));
  evidence.path.neighbour->confirmed_ago = 11s;
  evidence.probes.took = 2s;  // it was asked by them
  CHECK(cause_of(evidence) == "filtered-by-host|accept-queue-full");
}

TEST_CASE("a SYN of the way that is answered after all means that the others got lost") {
  for (const Answer answer : {Answer::syn_ack, Answer::rst}) {
    Evidence evidence = connect_timed_out();
    evidence.probes.made = true;
    evidence.probes.path = {test::probe(answer, 80)};
    CHECK(cause_of(evidence) == "filtered-or-down|accept-queue-full");
    CHECK(holds(text_of(evidence), "10.99.0.9 answers port 80 now: it or the way"));
  }
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

TEST_CASE("where others got through, it is the queue or a limit") {
  Evidence evidence = connect_timed_out();
  evidence.connected_beside = 1;
  CHECK(cause_of(evidence) == "accept-queue-full|filtered-by-host");
  CHECK(holds(text_of(evidence), "1 beside it was made to the same port"));
  CHECK_FALSE(holds(text_of(evidence), "down"));
  evidence.connected_beside = 4;
  CHECK(holds(text_of(evidence), "4 beside it were made"));
}

TEST_CASE("silence of an IPv4 address in IPv6's form") {
  Evidence silent = connect_timed_out(3, "::ffff:10.99.0.9");
  test::put_on_link(silent, NeighbourState::reachable);
  CHECK(cause_of(silent) == "filtered-by-host|accept-queue-full");
}

TEST_CASE("what is behind a tunnel is not on the own link") {
  Evidence evidence = connect_timed_out();
  test::put_on_link(evidence, std::nullopt);
  evidence.path.link->arp = false;
  CHECK(cause_of(evidence) == "filtered-or-down");
  CHECK_FALSE(holds(text_of(evidence), "own link"));
  CHECK(holds(text_of(evidence), "behind interface c0, which asks for no neighbours: the other"));
  evidence.info->total_retrans = 0;  // held in a queue
  CHECK(cause_of(evidence) == "filtered-or-down");
  evidence.path.link->kind = "wireguard";
  CHECK(holds(text_of(evidence), "10.99.0.9 is behind the tunnel c0: the other end of that is"));
  CHECK(holds(text_of(evidence), "wg show c0"));
  CHECK(holds(text_of(evidence), "--diagnose active"));
  evidence.probes.made = true;
  CHECK(holds(text_of(evidence), "no hop answered a SYN with a small TTL"));
  CHECK_FALSE(holds(text_of(evidence), "gateway"));
  Evidence dead = evidence;
  dead.path.link->carrier = false;
  CHECK(cause_of(dead) == "interface-down|filtered-or-down");
  CHECK(holds(text_of(dead), "the tunnel c0 has no carrier: the program or device that serves"));
  tcp::SynProbe hop = probe(Answer::icmp, 80);
  hop.ttl = 1;
  hop.icmp = tcp::IcmpError{tcp::IcmpError::Protocol::icmp, 11, 0, 0, test::at("10.77.0.254")};
  evidence.probes.path = {hop};
  CHECK(holds(text_of(evidence), "SYNs get as far as hop 1 (10.77.0.254)"));
  evidence.probes.other = probe(Answer::rst);
  CHECK(holds(text_of(evidence), "(there, on the way or on this host)"));
}
