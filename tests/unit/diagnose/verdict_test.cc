// SPDX-License-Identifier: MIT
#include "diagnose/verdict.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <vector>

#include "diagnose/evidence.h"
#include "diagnose/icmp_names.h"

using namespace std::chrono_literals;
using namespace tcptool;
using diagnose::FailureClass;
using sys::Syscall;
using tcp::Attempt;
using tcp::IcmpError;

namespace {

Attempt failed(int error, Syscall call = Syscall::connect) {
  Attempt attempt;
  attempt.peer = *sys::Address::parse("192.0.2.1", 80);
  attempt.error = {call, error, attempt.peer.text()};
  attempt.duration = 31us;
  return attempt;
}

Attempt timed_out(unsigned retransmits, unsigned total) {
  Attempt attempt = failed(0);
  attempt.end = Attempt::End::timed_out;
  attempt.duration = 10s;
  attempt.info.emplace();
  attempt.info->retransmits = retransmits;
  attempt.info->total_retrans = total;
  return attempt;
}

IcmpError icmp(std::uint8_t type, std::uint8_t code,
               IcmpError::Protocol protocol = IcmpError::Protocol::icmp) {
  return {protocol, type, code, EHOSTUNREACH, *sys::Address::parse("10.9.0.1", 0)};
}

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("each errno of connect has its class") {
  struct Row {
    int error;
    FailureClass kind;
  };
  for (const Row& row :
       {Row{ECONNREFUSED, FailureClass::refused}, Row{ETIMEDOUT, FailureClass::no_answer},
        Row{ENETUNREACH, FailureClass::unreachable}, Row{EHOSTUNREACH, FailureClass::unreachable},
        Row{ENETDOWN, FailureClass::unreachable}, Row{EHOSTDOWN, FailureClass::unreachable},
        Row{EACCES, FailureClass::unreachable}, Row{EADDRNOTAVAIL, FailureClass::local},
        Row{EINVAL, FailureClass::unreachable}, Row{ENOBUFS, FailureClass::local}}) {
    CAPTURE(row.error);
    const auto verdict = diagnose::judge(failed(row.error));
    CHECK(verdict.kind == row.kind);
    CHECK_FALSE(verdict.reason.empty());
  }
}

TEST_CASE("EINVAL for a link-local address means that its zone is missing, which is ours to give") {
  Attempt attempt = failed(EINVAL);
  attempt.peer = *sys::Address::parse("fe80::1", 80);
  CHECK(diagnose::judge(attempt).kind == FailureClass::local);
}

TEST_CASE("what this host's tables say of the way may change the class") {
  Attempt discarded = failed(EINVAL);
  CHECK_FALSE(diagnose::hangs_on_way(discarded));
  discarded.local = *sys::Address::parse("192.0.2.7", 0);
  CHECK(diagnose::judge(discarded).kind == FailureClass::local);
  CHECK(diagnose::hangs_on_way(discarded));
  CHECK(diagnose::class_by_way(discarded, {}, {}) == FailureClass::local);
  diagnose::PathFacts path;
  path.route.emplace().type = sys::RouteType::unicast;
  CHECK(diagnose::class_by_way(discarded, path, {}) == FailureClass::local);
  path.route->type = sys::RouteType::blackhole;
  CHECK(diagnose::class_by_way(discarded, path, {}) == FailureClass::unreachable);
  diagnose::PolicyFacts policy;
  policy.refusals.emplace_back().rule.action = sys::RoutingRule::Action::blackhole;
  CHECK(diagnose::class_by_way(discarded, {}, policy) == FailureClass::local);
  policy.refusals[0].certain = true;
  CHECK(diagnose::class_by_way(discarded, {}, policy) == FailureClass::unreachable);
  policy.refusals.insert(policy.refusals.begin(), diagnose::Refusal{});
  policy.refusals[0].rule.action = sys::RoutingRule::Action::prohibit;
  CHECK(diagnose::class_by_way(discarded, {}, policy) == FailureClass::unreachable);
  policy.refusals.pop_back();
  CHECK(diagnose::class_by_way(discarded, {}, policy) == FailureClass::local);

  diagnose::PathFacts nowhere;
  nowhere.not_by_interface = true;
  const Attempt silent = timed_out(3, 3);
  CHECK(diagnose::hangs_on_way(silent));
  CHECK(diagnose::class_by_way(silent, nowhere, {}) == FailureClass::unreachable);
  CHECK(diagnose::class_by_way(silent, {}, {}) == FailureClass::no_answer);
  CHECK_FALSE(diagnose::hangs_on_way(failed(ECONNREFUSED)));
  diagnose::PathFacts next_hop_gone;
  next_hop_gone.neighbour.emplace().state = sys::NeighbourState::failed;
  CHECK(diagnose::class_by_way(silent, next_hop_gone, {}) == FailureClass::unreachable);
  next_hop_gone.neighbour->link_address = "52:54:00:12:34:56";
  CHECK(diagnose::class_by_way(silent, next_hop_gone, {}) == FailureClass::no_answer);
  diagnose::PathFacts lo_is_down;
  lo_is_down.down_link = sys::Link{1, "lo", false, false, true, 65536};
  CHECK(diagnose::class_by_way(silent, lo_is_down, {}) == FailureClass::unreachable);
}

TEST_CASE("a refusal names the RST and its time") {
  CHECK(diagnose::judge(failed(ECONNREFUSED)).reason ==
        "connection refused (RST in answer to the SYN after 0.031 ms)");
}

TEST_CASE("a call before connect that failed is this host's affair") {
  for (const Syscall call : {Syscall::socket, Syscall::bind, Syscall::setsockopt, Syscall::poll}) {
    CAPTURE(sys::name(call));
    for (const int error : {EMFILE, EADDRINUSE, EACCES, ECONNREFUSED}) {
      const auto verdict = diagnose::judge(failed(error, call));
      CHECK(verdict.kind == FailureClass::local);
      CHECK(holds(verdict.reason, sys::name(call)));
    }
  }
}

TEST_CASE("every ICMP error makes the host unreachable, in its own words") {
  struct Row {
    std::uint8_t type;
    std::uint8_t code;
    const char* words;
  };
  for (const Row& row : {Row{3, 0, "network unreachable"},
                         Row{3, 1, "host unreachable"},
                         Row{3, 2, "protocol unreachable"},
                         Row{3, 3, "port unreachable"},
                         Row{3, 4, "fragmentation needed"},
                         Row{3, 5, "source route failed"},
                         Row{3, 6, "destination network unknown"},
                         Row{3, 7, "destination host unknown"},
                         Row{3, 8, "source host isolated"},
                         Row{3, 9, "network administratively prohibited"},
                         Row{3, 10, "host administratively prohibited"},
                         Row{3, 11, "network unreachable for this"},
                         Row{3, 12, "host unreachable for this"},
                         Row{3, 13, "administratively prohibited"},
                         Row{3, 14, "host precedence violation"},
                         Row{3, 15, "precedence cutoff"},
                         Row{3, 16, "destination unreachable, code 16"},
                         Row{3, 255, "destination unreachable, code 255"},
                         Row{11, 0, "TTL exceeded in transit"},
                         Row{11, 1, "fragment reassembly time exceeded"},
                         Row{12, 0, "parameter problem"},
                         Row{4, 0, "source quench"},
                         Row{99, 7, "ICMP type 99 code 7"}}) {
    CAPTURE(row.words);
    Attempt attempt = failed(EHOSTUNREACH);
    attempt.icmp = icmp(row.type, row.code);
    const auto verdict = diagnose::judge(attempt);
    CHECK(verdict.kind == FailureClass::unreachable);
    CHECK(verdict.reason.starts_with(row.words));
    CHECK(holds(verdict.reason, "from 10.9.0.1"));
    attempt.error.error = ECONNREFUSED;  // port unreachable comes as this errno
    CHECK(diagnose::judge(attempt).kind == FailureClass::unreachable);
  }
}

TEST_CASE("every ICMPv6 error has its own words") {
  struct Row {
    std::uint8_t type;
    std::uint8_t code;
    const char* words;
  };
  for (const Row& row :
       {Row{1, 0, "no route to destination"}, Row{1, 1, "administratively prohibited"},
        Row{1, 2, "beyond scope of source address"}, Row{1, 3, "address unreachable"},
        Row{1, 4, "port unreachable"}, Row{1, 5, "source address failed ingress/egress policy"},
        Row{1, 6, "reject route to destination"}, Row{1, 7, "error in source routing header"},
        Row{1, 8, "destination unreachable, code 8"}, Row{2, 0, "packet too big"},
        Row{3, 0, "hop limit exceeded in transit"}, Row{3, 1, "fragment reassembly time exceeded"},
        Row{4, 2, "parameter problem"}, Row{127, 3, "ICMPv6 type 127 code 3"}}) {
    CHECK(diagnose::icmp_meaning(icmp(row.type, row.code, IcmpError::Protocol::icmpv6)) ==
          row.words);
  }
}

TEST_CASE("the evidence names protocol, type, code and sender") {
  CHECK(diagnose::icmp_evidence(icmp(3, 13)) == "ICMP type 3 code 13 from 10.9.0.1");
  IcmpError unknown = icmp(1, 4, IcmpError::Protocol::icmpv6);
  unknown.offender = {};
  CHECK(diagnose::icmp_evidence(unknown) == "ICMPv6 type 1 code 4 from an unknown sender");
}

TEST_CASE("silence after SYNs that left is no answer") {
  const auto verdict = diagnose::judge(timed_out(3, 3));
  CHECK(verdict.kind == FailureClass::no_answer);
  CHECK(verdict.reason == "timed out after 10.0 s (4 SYNs sent, nothing came back)");
  CHECK(holds(diagnose::judge(timed_out(0, 0)).reason, "1 SYN sent"));
  Attempt blind = timed_out(0, 0);
  blind.info.reset();
  CHECK(diagnose::judge(blind).kind == FailureClass::no_answer);
  CHECK(holds(diagnose::judge(blind).reason, "(SYN sent, nothing"));
  Attempt dropped = timed_out(1, 1);
  dropped.dropped_here = true;
  CHECK(diagnose::judge(dropped).reason ==
        "timed out after 10.0 s (the SYN, sent again once, was dropped each time by this host "
        "itself)");
  CHECK(diagnose::judge(failed(ETIMEDOUT)).kind == FailureClass::no_answer);
}

TEST_CASE("a SYN that never left for want of the neighbour is a link that is silent") {
  Attempt attempt = timed_out(2, 0);
  attempt.syn_stayed = true;
  const auto verdict = diagnose::judge(attempt);
  CHECK(verdict.kind == FailureClass::unreachable);
  CHECK(holds(verdict.reason, "never left"));
}

TEST_CASE("what the last timeouts did decides whether anything leaves this host") {
  // The first one waited for ARP, and the kernel does not make up for it.
  Attempt attempt = timed_out(4, 3);
  CHECK(diagnose::judge(attempt).kind == FailureClass::no_answer);
  CHECK(holds(diagnose::judge(attempt).reason, "(4 SYNs sent, nothing came back)"));
  attempt.syn_stayed = true;
  CHECK(diagnose::judge(attempt).kind == FailureClass::unreachable);
  CHECK(holds(diagnose::judge(attempt).reason, "(nothing leaves this host any more)"));
}

TEST_CASE("a passing ICMP error and then silence is unreachable, with both told") {
  Attempt attempt = timed_out(3, 3);
  attempt.icmp = icmp(3, 1);
  const auto verdict = diagnose::judge(attempt);
  CHECK(verdict.kind == FailureClass::unreachable);
  CHECK(holds(verdict.reason, "host unreachable"));
  CHECK(holds(verdict.reason, "no answer within 10.0 s"));
}

TEST_CASE("of several attempts the one that got furthest decides") {
  const std::vector<std::pair<Attempt, FailureClass>> ranks{
      {failed(EMFILE, Syscall::socket), FailureClass::local},
      {failed(EHOSTUNREACH), FailureClass::unreachable},
      {timed_out(3, 3), FailureClass::no_answer},
      {failed(ECONNREFUSED), FailureClass::refused}};
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    for (std::size_t j = 0; j < ranks.size(); ++j) {
      const std::vector attempts{ranks[i].first, ranks[j].first};
      const std::vector kinds{ranks[i].second, ranks[j].second};
      CHECK(diagnose::furthest(attempts, kinds) == (j > i ? 1 : 0));
    }
  }
}

TEST_CASE("attempts that were abandoned or interrupted do not count") {
  Attempt abandoned = failed(ECONNREFUSED);
  abandoned.end = Attempt::End::abandoned;
  Attempt interrupted = failed(ECONNREFUSED);
  interrupted.end = Attempt::End::interrupted;
  const std::vector attempts{abandoned, failed(EHOSTUNREACH), interrupted};
  const std::vector kinds{FailureClass::refused, FailureClass::unreachable, FailureClass::refused};
  CHECK(diagnose::furthest(attempts, kinds) == 1);
}

TEST_CASE("the end of an established connection is told in words") {
  CHECK(diagnose::lost_connection_text(ECONNRESET) == "reset by the peer (RST)");
  CHECK(diagnose::lost_connection_text(EPIPE) == "reset by the peer (RST)");
  CHECK(holds(diagnose::lost_connection_text(ETIMEDOUT), "kernel (ETIMEDOUT)"));
  CHECK(diagnose::lost_connection_text(EHOSTUNREACH) == "no route to host (EHOSTUNREACH)");
}
