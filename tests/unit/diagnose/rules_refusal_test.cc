// SPDX-License-Identifier: MIT
// TCP's own answer, a RST.
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
using test::here;
using test::holder;
using test::holds;
using test::listening;
using test::probe;
using test::text_of;
using test::v6only;

namespace {

PortHolder bound_to(unsigned ifindex) {
  PortHolder out = holder("0.0.0.0", listening);
  out.socket.ifindex = ifindex;
  return out;
}

}  // namespace

TEST_CASE("where others of the run were taken, something listens") {
  Evidence evidence = connect_failed(ECONNREFUSED);
  evidence.connected_beside = 2;
  CHECK(cause_of(evidence) == "rejected-by-host|nothing-listens");
  CHECK(holds(text_of(evidence), "something listens on port 80 of 10.99.0.9: a packet filter"));
}

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
  CHECK(holds(text_of(evidence), "its TTL shows that it came from as far away as 10.99.0.9 is"));
  CHECK(holds(text_of(evidence), "or a packet filter on 10.99.0.9 itself refuses"));
}

TEST_CASE("a refusal on the own link tells what another port answers") {
  Evidence evidence = connect_failed(ECONNREFUSED);
  test::put_on_link(evidence, NeighbourState::reachable);
  evidence.probes.made = true;
  evidence.probes.other = probe(Answer::none);
  CHECK(cause_of(evidence) == "nothing-listens|rejected-by-host");
  CHECK(holds(text_of(evidence), "; to port 443: no answer"));
  evidence.probes.other = probe(Answer::syn_ack);
  CHECK(holds(text_of(evidence), "; to port 443: SYN-ACK"));
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
           {{v6only()}, "listens-elsewhere", "connect to [::1]:80, or let"},
           {{bound_to(7)}, "listens-elsewhere", "of one interface only"},
           {{bound_to(7)}, "listens-elsewhere", "|let the service listen on all addresses"},
           {{bound_to(1)}, "filtered-here", "refuses in its name"},
           {{holder("::", listening)}, "filtered-here", "refuses in its name"},
           {{holder("10.99.0.9", listening)}, "filtered-here", "refuses in its name"}}) {
    CAPTURE(row.words);
    const Evidence evidence = here(connect_failed(ECONNREFUSED), row.holders);
    CHECK(cause_of(evidence) == row.cause);
    CHECK(holds(text_of(evidence), row.words));
  }
  // The address is an interface's: what is bound to lo does not get what is for it.
  for (const auto& [index, cause] : {std::pair{7U, "filtered-here"}, {1U, "listens-elsewhere"}}) {
    Evidence evidence = here(connect_failed(ECONNREFUSED), {bound_to(index)});
    evidence.path.link->index = 7;
    CHECK(cause_of(evidence) == cause);
  }
  Evidence blind = here(connect_failed(ECONNREFUSED), {});
  blind.host.holders_known = false;
  CHECK(cause_of(blind) == "nothing-listens|rejected-by-host");
}

TEST_CASE("a mapped address is the IPv4 one") {
  Evidence evidence = connect_failed(ECONNREFUSED, "::ffff:10.99.0.9");
  evidence = here(std::move(evidence), {holder("10.99.0.9", listening)});
  CHECK(cause_of(evidence) == "filtered-here");
}

TEST_CASE("a connection that met itself says so first") {
  Evidence evidence = here(connect_failed(ECONNREFUSED), {});
  evidence.met_itself = true;
  CHECK(cause_of(evidence) == "met-itself");
  CHECK(holds(text_of(evidence), "nothing listens on 10.99.0.9:80"));
}
