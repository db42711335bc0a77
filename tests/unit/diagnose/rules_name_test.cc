// SPDX-License-Identifier: MIT
// A name that was not resolved: who said what, and who said nothing.
#include <doctest/doctest.h>
#include <netdb.h>

#include <cerrno>

#include "support/evidence.h"

using namespace std::chrono_literals;
using namespace tcptool;
using diagnose::Evidence;
using test::answered;
using test::cause_of;
using test::holds;
using test::look_up_failed;
using test::not_answered;
using test::text_of;

namespace {

tcp::NameServerAnswer dangling_alias() {
  auto answer = answered(3);
  answer.is_alias = true;
  return answer;
}

tcp::NameServerAnswer truncated() {
  auto answer = answered(0);
  answer.truncated = true;
  return answer;
}

}  // namespace

TEST_CASE("each answer of the name servers has its cause") {
  struct Row {
    const char* what;
    int status;
    std::vector<tcp::NameServerAnswer> answers;
    const char* cause;
    const char* words;
  };
  const std::vector<Row> rows{
      {"NXDOMAIN", EAI_NONAME, {answered(3)}, "name-not-found", "NXDOMAIN"},
      {"NXDOMAIN behind silence",
       EAI_NONAME,
       {not_answered(), answered(3)},
       "name-not-found",
       "says name server 192.0.2.53"},
      {"NXDOMAIN of what it leads to",
       EAI_NONAME,
       {dangling_alias()},
       "name-not-found",
       "is an alias (CNAME) of a name that is not in the DNS"},
      {"no data", EAI_NODATA, {answered(0)}, "name-without-address", "exists"},
      {"no data, by status alone", EAI_NODATA, {}, "", ""},
      {"SERVFAIL", EAI_AGAIN, {answered(2)}, "name-server-failed", "no answer of its own"},
      {"REFUSED", EAI_AGAIN, {answered(5)}, "name-server-failed", "does not serve this host"},
      {"FORMERR", EAI_AGAIN, {answered(1)}, "name-server-failed", "cannot deal with"},
      {"an unknown code", EAI_AGAIN, {answered(11)}, "name-server-failed", "RCODE 11"},
      {"SERVFAIL and silence",
       EAI_AGAIN,
       {not_answered(), answered(2)},
       "name-server-failed",
       "SERVFAIL"},
      {"silence", EAI_AGAIN, {not_answered()}, "name-server-silent", "silent for 2.0 s"},
      {"silence of two",
       EAI_AGAIN,
       {not_answered(), not_answered()},
       "name-server-silent",
       "192.0.2.54 and 192.0.2.54"},
      {"no route",
       EAI_AGAIN,
       {not_answered(ENETUNREACH)},
       "name-server-unreachable",
       "ENETUNREACH"},
      {"port closed",
       EAI_AGAIN,
       {not_answered(ECONNREFUSED)},
       "name-server-unreachable",
       "ICMP port unreachable"},
      // Near, and something else.
      {"an address after all", EAI_AGAIN, {answered(0, true)}, "", ""},
      {"one answers, one is silent", EAI_AGAIN, {not_answered(), answered(0, true)}, "", ""},
      {"one answers, one is unreachable",
       EAI_AGAIN,
       {not_answered(EPERM), answered(0, true)},
       "",
       ""},
      {"silence, but somebody said no",
       EAI_NONAME,
       {not_answered()},
       "name-not-found",
       "nsswitch.conf"},
      {"no route, but somebody said no",
       EAI_NONAME,
       {not_answered(ENETUNREACH)},
       "name-not-found",
       "nsswitch.conf"},
      {"a truncated answer",
       EAI_AGAIN,
       {truncated()},
       "name-server-failed",
       "its tcp port 53 may be closed or filtered"}};
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Evidence evidence = look_up_failed(row.status, row.answers);
    evidence.name.servers = {test::at("192.0.2.53", 53)};
    if (row.status == EAI_NODATA && row.answers.empty()) evidence.name.status = EAI_FAIL;
    CHECK(cause_of(evidence) == row.cause);
    const auto diagnosis = diagnose::diagnose(evidence);
    if (!diagnosis) continue;
    CHECK(holds(test::all_text(*diagnosis), row.words));
    REQUIRE(diagnosis->layers.size() == 1);
    CHECK(diagnosis->layers[0].layer == diagnose::Layer::name);
  }
}

TEST_CASE("a name has no address where both types, or the one asked for, are missing") {
  Evidence any = look_up_failed(EAI_AGAIN, {answered(0)});
  CHECK(cause_of(any) == "");  // nobody has said anything of AAAA
  any.name.other_answers = {answered(0)};
  CHECK(cause_of(any) == "name-without-address");
  any.name.other_answers = {answered(0, true)};
  CHECK(cause_of(any) == "");
  for (const int family : {AF_INET, AF_INET6}) {
    Evidence one = look_up_failed(EAI_AGAIN, {answered(0)});
    one.name.family = family;
    const bool v6 = family == AF_INET6;
    const auto blind = diagnose::diagnose(one).value();
    CHECK(blind.headline == (v6 ? "the name has no IPv6 address" : "the name has no IPv4 address"));
    CHECK(blind.advice == (v6 ? "without -6" : "without -4"));
    one.name.other_answers = {answered(0, true)};
    const auto other = diagnose::diagnose(one).value();
    CHECK(holds(other.explanation, v6 ? "; it has an IPv4 address" : "; it has an IPv6 address"));
    one.name.other_answers = {answered(0)};
    CHECK(holds(diagnose::diagnose(one).value().advice, "no A or AAAA record"));
  }
  Evidence by_status = look_up_failed(EAI_NODATA, {});
  by_status.name.servers = {test::at("192.0.2.53", 53)};
  CHECK(cause_of(by_status) == "name-without-address");
}

TEST_CASE("a server that fails for one type leaves it open whether there is an address") {
  Evidence first = look_up_failed(EAI_NODATA, {answered(2)});
  first.name.other_answers = {answered(0)};
  CHECK(cause_of(first) == "name-server-failed");
}

TEST_CASE("a name that is none may be one with a domain of the search list, which has no answer") {
  Evidence evidence = look_up_failed(EAI_AGAIN, {answered(3)});
  CHECK(cause_of(evidence) == "name-server-failed|name-not-found");
  CHECK(holds(text_of(evidence), "with a domain of the search list of /etc/resolv.conf"));
  evidence.name.status = EAI_NONAME;
  CHECK(cause_of(evidence) == "name-not-found");
  evidence.name.status = EAI_AGAIN;
  evidence.name.answers.push_back(not_answered());
  CHECK(cause_of(evidence) == "name-not-found");
}

TEST_CASE("a look-up that takes too long waits for one server, or for one type") {
  Evidence evidence = look_up_failed(0, {not_answered(), answered(0, true)});
  evidence.name.timed_out = true;
  evidence.name.family = AF_UNSPEC;
  CHECK(cause_of(evidence) == "name-server-silent");
  CHECK(holds(text_of(evidence), "does not answer, and the others are asked only after it"));
  evidence.name.answers = {answered(0, true)};
  evidence.name.other_answers = {not_answered()};
  CHECK(holds(text_of(evidence), "does not answer questions for AAAA records"));
  CHECK(holds(text_of(evidence), "-4, which asks for A records alone"));
  evidence.name.family = AF_INET;
  CHECK(holds(text_of(evidence), "took longer than the name servers take now"));
  evidence.name.timed_out = false;
  CHECK(cause_of(evidence) == "");
}

TEST_CASE("a name that the DNS has, and this host's sources of names do not ask for there") {
  const Evidence evidence = look_up_failed(EAI_NONAME, {answered(0, true)});
  CHECK(cause_of(evidence) == "name-not-found");
  CHECK(holds(text_of(evidence), "is in the DNS (name server 192.0.2.5"));
  CHECK(holds(text_of(evidence), "[NOTFOUND=return]"));
}

TEST_CASE("a name that /etc/hosts has in the other family alone") {
  for (const bool silent : {true, false}) {
    Evidence evidence =
        look_up_failed(silent ? EAI_AGAIN : EAI_NONAME, {silent ? not_answered() : answered(3)});
    evidence.name.in_hosts = {test::at("192.0.2.9")};
    CHECK(cause_of(evidence) == (silent ? "name-server-silent" : "name-not-found"));
    evidence.name.family = AF_INET6;
    CHECK(cause_of(evidence) == "name-without-address");
    const auto diagnosis = diagnose::diagnose(evidence).value();
    CHECK(diagnosis.advice == "without -6");
    CHECK(
        holds(diagnosis.explanation, "www.example.org is in /etc/hosts with IPv4 192.0.2.9 only"));
    evidence.name.in_hosts.push_back(test::at("2001:db8::9"));
    CHECK(cause_of(evidence) != "name-without-address");
  }
}

TEST_CASE("why a name server is not reached: this host, the link, or whoever says so") {
  const auto lost = [](int error, std::string_view server = "192.0.2.54") {
    Evidence evidence = look_up_failed(EAI_AGAIN, {not_answered(error)});
    Evidence way = test::connect_failed(error, server);
    evidence.name.server_paths = {way.path};
    evidence.host.addresses = way.host.addresses;
    return evidence;
  };
  const auto says = [](const Evidence& evidence, std::string_view words) {
    CHECK(cause_of(evidence) == "name-server-unreachable");
    CAPTURE(text_of(evidence));
    CHECK(holds(text_of(evidence), words));
  };
  says(lost(EPERM), "this host's own packet filter drops or rejects the question (EPERM)");
  Evidence silent_gateway = lost(EHOSTUNREACH);
  silent_gateway.name.server_paths[0].neighbour =
      sys::Neighbour{test::at("10.77.0.254"), 2, sys::NeighbourState::failed, ""};
  says(silent_gateway, "no answer to ARP from gateway 10.77.0.254 on c0");
  silent_gateway.name.answers[0] = not_answered();  // ARP takes longer than we wait
  says(silent_gateway, "no answer to ARP from gateway 10.77.0.254 on c0");
  Evidence down = lost(ENETUNREACH);
  down.name.server_paths[0].route.reset();
  down.name.server_paths[0].down_link = sys::Link{2, "c0", false, false, false, 1500};
  says(down, "interface c0, which leads there, is down");
  Evidence rejected = lost(EHOSTUNREACH);
  rejected.name.answers[0].icmp = test::with_icmp(3, 13, "10.77.0.254").icmp;
  says(rejected, "administratively prohibited (ICMP type 3 code 13 from 10.77.0.254)");
  rejected.name.answers[0].icmp->offender = test::at("10.77.0.1");
  says(rejected, "which this host itself says");
  says(lost(EHOSTUNREACH), "EHOSTUNREACH");
}

TEST_CASE("a wait that was cut short proves no silence") {
  Evidence evidence = look_up_failed(EAI_AGAIN, {not_answered()});
  evidence.name.asked_for = 20ms;
  CHECK(cause_of(evidence) == "");
  evidence.name.asked_for = 400ms;
  CHECK(cause_of(evidence) == "name-server-silent");
}

TEST_CASE("no name server is configured, or the configuration cannot be read") {
  Evidence evidence = look_up_failed(EAI_AGAIN, {});
  CHECK(cause_of(evidence) == "no-name-server");
  evidence.name.config_error = sys::SysError{sys::Syscall::open, EACCES, "/etc/resolv.conf"};
  CHECK(cause_of(evidence) == "no-name-server");
  CHECK(holds(text_of(evidence), "open /etc/resolv.conf: permission denied (EACCES), so that"));
  evidence.name.config_error.reset();
  evidence.name.servers = {test::at("192.0.2.53", 53)};  // not asked: the name is none of DNS
  CHECK(cause_of(evidence) == "");
}

TEST_CASE("a hosts file that cannot be read may have had the name") {
  Evidence evidence = look_up_failed(EAI_AGAIN, {});
  CHECK_FALSE(holds(text_of(evidence), "open /etc/hosts"));
  evidence.name.hosts_error = sys::SysError{sys::Syscall::open, EACCES, "/etc/hosts"};
  CHECK(holds(text_of(evidence), "; open /etc/hosts: permission denied (EACCES), and it may have"));
  evidence.name.name = "bad..name";  // which nothing can hold
  CHECK_FALSE(holds(text_of(evidence), "/etc/hosts"));
}

TEST_CASE("an answer that must be fetched by TCP, and was not") {
  CHECK(cause_of(look_up_failed(EAI_AGAIN, {truncated()})) == "name-server-failed");
  CHECK(cause_of(look_up_failed(EAI_NODATA, {truncated()})) == "name-without-address");
  CHECK(cause_of(look_up_failed(EAI_NONAME, {truncated()})) == "");
}

TEST_CASE("what answers without sense is not silent") {
  auto garbage = not_answered();
  garbage.unintelligible = true;
  const Evidence evidence = look_up_failed(EAI_AGAIN, {garbage});
  CHECK(cause_of(evidence) == "name-server-failed");
  CHECK(holds(text_of(evidence), "no DNS answer for www.example.org"));
  CHECK_FALSE(holds(text_of(evidence), "silent"));
  // One that answers after all, or a denial, says more.
  CHECK(cause_of(look_up_failed(EAI_AGAIN, {garbage, answered(2)})) == "name-server-failed");
  CHECK(holds(text_of(look_up_failed(EAI_AGAIN, {garbage, answered(2)})), "SERVFAIL"));
  CHECK(holds(text_of(look_up_failed(EAI_AGAIN, {garbage, answered(2)})), "DNSSEC"));
  CHECK(cause_of(look_up_failed(EAI_NONAME, {garbage})) == "name-not-found");
}

TEST_CASE("what cannot be a name of the DNS says why") {
  const auto of = [](std::string name) {
    Evidence evidence = look_up_failed(EAI_NONAME, {});
    evidence.name.name = std::move(name);
    return text_of(evidence);
  };
  for (const char* name : {"bad..name", ".name", ".", ".."}) {
    CAPTURE(name);
    CHECK(holds(of(name), "it has nothing before, between or behind dots"));
  }
  std::string long_part(64, 'a');
  CHECK(holds(of(long_part), "one of its parts is 64 characters long, and 63"));
  std::string long_name;
  while (long_name.size() < 254) long_name += "ab.";
  CHECK(holds(of(long_name), "it is 254 characters long, and 253 are allowed"));
  long_part.back() = '.';
  CHECK_FALSE(holds(of(long_part), "characters long"));
}
