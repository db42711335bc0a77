// SPDX-License-Identifier: MIT
// This host's policy routing refused, or nothing but an errno is known.
#include <doctest/doctest.h>

#include <cerrno>

#include "support/evidence.h"

using namespace std::chrono_literals;
using namespace tcptool;
using Action = sys::RoutingRule::Action;
using diagnose::Evidence;
using sys::RouteType;
using test::cause_of;
using test::connect_failed;
using test::holds;
using test::text_of;

namespace {

diagnose::Refusal by_rule(Action action, std::uint32_t priority = 100) {
  diagnose::Refusal refusal;
  refusal.rule.priority = priority;
  refusal.rule.action = action;
  refusal.rule.destination = test::at("10.99.0.0");
  refusal.rule.destination_length = 16;
  refusal.certain = true;
  return refusal;
}

diagnose::Refusal by_table(RouteType type) {
  diagnose::Refusal refusal = by_rule(Action::table);
  refusal.rule.table = 77;
  refusal.route = test::route("10.99.0.0", 24, type);
  return refusal;
}

Evidence refused(int error, std::vector<diagnose::Refusal> refusals, int look_up_error = 0) {
  Evidence evidence = connect_failed(error);
  evidence.policy.look_up_error = look_up_error;
  evidence.policy.refusals = std::move(refusals);
  return evidence;
}

}  // namespace

TEST_CASE("the rule of policy routing that refuses is named, with its table's entry") {
  struct Row {
    int error;
    diagnose::Refusal refusal;
    const char* cause;
    const char* words;
  };
  for (const Row& row : std::vector<Row>{
           {EACCES, by_rule(Action::prohibit), "route-prohibit",
            "prohibits 10.99.0.9 by rule 100 (from all to 10.99.0.0/16 prohibit)"},
           {ENETUNREACH, by_rule(Action::unreachable), "route-unreachable",
            "by rule 100 (from all to 10.99.0.0/16 unreachable)"},
           {EINVAL, by_rule(Action::blackhole), "route-blackhole",
            "discards 10.99.0.9 by rule 100"},
           {EACCES, by_table(RouteType::prohibit), "route-prohibit",
            "lookup 77) with the entry prohibit 10.99.0.0/24"},
           {EHOSTUNREACH, by_table(RouteType::unreachable), "route-unreachable",
            "ip route show table 77"},
           {EINVAL, by_table(RouteType::blackhole), "route-blackhole", "entry blackhole"}}) {
    CAPTURE(row.words);
    const Evidence evidence = refused(row.error, {row.refusal}, row.error);
    CHECK(cause_of(evidence) == row.cause);
    CHECK(holds(text_of(evidence), row.words));
    CHECK(holds(text_of(evidence), "nothing was sent"));
  }
}

TEST_CASE("a rule is to blame only for the errno that it gives") {
  CHECK(cause_of(refused(EACCES, {by_rule(Action::blackhole)})) == "output-filter|route-prohibit");
  CHECK(cause_of(refused(ECONNREFUSED, {by_rule(Action::prohibit)})) ==
        "nothing-listens|rejected-by-host");
  const Evidence two = refused(
      EACCES,
      {by_rule(Action::blackhole, 90), by_rule(Action::prohibit), by_rule(Action::prohibit, 110)},
      EACCES);
  CHECK(holds(text_of(two), "one of rule 100 "));
  CHECK_FALSE(holds(text_of(two), "rule 90"));
}

TEST_CASE("a rule whose further conditions cannot be seen may not be the one") {
  auto refusal = by_rule(Action::prohibit);
  refusal.certain = false;
  refusal.rule.conditional = true;
  CHECK(cause_of(refused(EACCES, {refusal})) == "route-prohibit|output-filter");
  CHECK(holds(text_of(refused(EACCES, {refusal})), "with more conditions: prohibit)"));
  CHECK(cause_of(refused(EACCES, {refusal}, EACCES)) == "route-prohibit");
}

TEST_CASE("where no rule is found the kernel's own look-up decides, and last the errno") {
  struct Row {
    int error;
    const char* same;
    const char* other;
    const char* unknown;
  };
  for (const Row& row :
       {Row{EACCES, "route-prohibit", "output-filter|route-prohibit",
            "route-prohibit|output-filter"},
        Row{EINVAL, "route-blackhole", "refused-by-kernel", "route-blackhole"},
        Row{EHOSTUNREACH, "route-unreachable", "refused-by-kernel", "route-unreachable"},
        Row{ENETUNREACH, "no-route", "refused-by-kernel", "no-route|route-unreachable"}}) {
    CAPTURE(row.error);
    CHECK(cause_of(refused(row.error, {}, row.error)) == row.same);
    CHECK(cause_of(refused(row.error, {}, 0)) == row.other);
    CHECK(cause_of(connect_failed(row.error)) == row.unknown);
  }
}

TEST_CASE("without rules and look-up nothing is claimed that only these could tell") {
  Evidence evidence = connect_failed(ENETUNREACH);
  evidence.path = {};
  CHECK(holds(text_of(evidence), "the kernel found no route: "));
  CHECK(holds(text_of(evidence), "no way from this host to 10.99.0.9 (ENETUNREACH)"));
  CHECK(holds(text_of(refused(ENETUNREACH, {}, ENETUNREACH)), "no rule of this host's policy"));
  for (const int error : {EINVAL, EACCES, EHOSTUNREACH}) {
    evidence.error.error = error;
    CHECK(holds(text_of(evidence), "nothing but the errno is known: a route or a rule"));
  }
  evidence.error.error = EINVAL;
  CHECK(cause_of(evidence) == "route-blackhole");
  evidence.source = test::at("127.0.0.1");
  CHECK(cause_of(evidence) == "route-blackhole|source-cannot-reach");
  CHECK(holds(text_of(evidence), "from the source address 127.0.0.1"));
}

TEST_CASE("a source address is not blamed where a rule discards for certain") {
  Evidence evidence = refused(EINVAL, {by_rule(Action::blackhole)}, EINVAL);
  evidence.source = test::at("127.0.0.1");
  CHECK(cause_of(evidence) == "route-blackhole");
  evidence.policy.refusals.front().certain = false;
  CHECK(cause_of(evidence) == "source-cannot-reach");
}

TEST_CASE("any other errno of connect is told, with its time") {
  Evidence evidence = connect_failed(EDESTADDRREQ);
  CHECK(cause_of(evidence) == "refused-by-kernel");
  CHECK(holds(text_of(evidence), "(EDESTADDRREQ) at once"));
  evidence.after = 3s;
  CHECK(holds(text_of(evidence), "(EDESTADDRREQ) after 3.0 s"));
}

TEST_CASE("the kernel's own refusals need no tables") {
  for (const int error : {EPERM, ENOMEM, ENOBUFS}) {
    Evidence evidence = connect_failed(error);
    evidence.path = {};
    evidence.info.reset();
    CHECK(cause_of(evidence) == (error == EPERM ? "output-filter" : "no-memory"));
    evidence.error.call = sys::Syscall::poll;
    CHECK(cause_of(evidence) == "");
  }
}
