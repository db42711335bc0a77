// SPDX-License-Identifier: MIT
// No name server of resolv.conf answered: there is none, or they cannot be reached, which this
// host's own network or an ICMP error tells, they are silent, or what comes is no answer.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text.h"
#include "diagnose/icmp_names.h"
#include "diagnose/rules.h"
#include "sys/names.h"

namespace tcptool::diagnose {
namespace {

using Answer = tcp::NameServerAnswer;

const char* const lines_of_config = "the nameserver lines of /etc/resolv.conf";

// A name server without an answer, with what is known of the way to it.
struct Lost {
  const Answer& answer;
  std::string server;
  Evidence way;  // as of a connection to it
};

// The first of that kind; nothing where another one answered, or somebody denied the name.
std::optional<Lost> first_lost(const Evidence& evidence, Answer::Kind kind) {
  const NameFacts& name = evidence.name;
  if (name_server_answered(name) || look_up_denied(name)) return std::nullopt;
  for (std::size_t i = 0; i < name.answers.size(); ++i) {
    const Answer& answer = name.answers[i];
    if (answer.kind != kind) continue;
    Lost lost{answer, answer.server.host(), {}};
    lost.way.peer = answer.server;
    lost.way.icmp = answer.icmp;
    lost.way.host.addresses = evidence.host.addresses;
    if (i < name.server_paths.size()) lost.way.path = name.server_paths[i];
    return lost;
  }
  return std::nullopt;
}

Finding unreachable(const Lost& lost, const std::string& why, const std::string& advice) {
  return {Cause::name_server_unreachable, fmt::format("the name server is unreachable: {}", why),
          fmt::format("name server {}: {}", lost.server, why),
          fmt::format("name server {} of /etc/resolv.conf is unreachable: {}", lost.server, why),
          fmt::format("{}; {}", advice, lines_of_config)};
}

// Its interface is down, or nobody on the link answers for the next hop.
std::optional<Finding> not_beyond_link(const Lost& lost) {
  const PathFacts& path = lost.way.path;
  const bool answered = lost.way.icmp && !icmp_from_here(lost.way);
  const bool by_another = path.route && path.down_link && !path.down_link->loopback &&
                          path.route->ifindex != path.down_link->index;
  if (path.down_link && !by_another && !answered) {
    const std::string name = escape(path.down_link->name);
    return unreachable(lost, fmt::format("interface {}, which leads there, is down", name),
                       fmt::format("ip link set {} up", name));
  }
  const bool known = path.neighbour && !path.neighbour->link_address.empty();
  const bool by_icmp = lost.way.icmp && says_host_unreachable(*lost.way.icmp) &&
                       icmp_from_here(lost.way) && !known && !path.own_address &&
                       lost.answer.after >= at_once;
  if (answered || (!next_hop_silent(path) && !by_icmp)) return std::nullopt;
  const bool gateway = by_gateway(lost.way);
  return unreachable(
      lost,
      fmt::format("no answer to {} from {}{}{}", neighbour_protocol(lost.answer.server),
                  gateway ? "gateway " : "", path.next_hop.host(),
                  path.link ? fmt::format(" on {}", escape(path.link->name)) : std::string()),
      gateway ? "the gateway's address in ip route" : "whether that host is up");
}

constexpr const char* own_rules =
    "this host's own rules for output to udp port 53: nft list ruleset, as root";

std::optional<Finding> rejected(const Lost& lost) {
  if (lost.answer.error == EPERM) {
    return unreachable(lost, "this host's own packet filter drops or rejects the question (EPERM)",
                       own_rules);
  }
  if (!lost.way.icmp || lost.answer.error == ECONNREFUSED) return std::nullopt;
  const tcp::IcmpError& icmp = *lost.way.icmp;
  const std::string said = fmt::format("{} ({})", icmp_meaning(icmp), icmp_evidence(icmp));
  if (icmp_from_here(lost.way)) {
    return unreachable(lost, said + ", which this host itself says", own_rules);
  }
  const std::string who = icmp.offender.known() ? icmp.offender.host() : "a router";
  return unreachable(
      lost, said,
      fmt::format("the packet filter's rules and the routes on {}, for udp port 53", who));
}

std::optional<Finding> name_server_unreachable(const Evidence& evidence) {
  const auto lost = first_lost(evidence, Answer::Kind::unreachable);
  if (!lost) return std::nullopt;
  if (auto finding = not_beyond_link(*lost)) return finding;
  if (auto finding = rejected(*lost)) return finding;
  const std::string why = sys::errno_text(lost->answer.error);
  if (lost->answer.error == ECONNREFUSED) {
    return Finding{Cause::name_server_unreachable, "no name server answers",
                   fmt::format("name server {}: ICMP port unreachable", lost->server),
                   fmt::format("no name server runs on {}, or a packet filter refuses: its UDP "
                               "port 53 is unreachable",
                               lost->server),
                   lines_of_config};
  }
  return Finding{Cause::name_server_unreachable,
                 fmt::format("the name server is unreachable ({})", why),
                 fmt::format("name server {}: {} ({})", lost->server, why,
                             sys::errno_name(lost->answer.error)),
                 fmt::format("name server {} of /etc/resolv.conf is unreachable from this host: {}",
                             lost->server, why),
                 fmt::format("this host's routes (ip route), and {}", lines_of_config)};
}

std::optional<Finding> name_server_unintelligible(const Evidence& evidence) {
  const auto& answers = evidence.name.answers;
  const auto answer = std::find_if(answers.begin(), answers.end(), [](const Answer& candidate) {
    return candidate.unintelligible;
  });
  if (answer == answers.end() || name_server_answered(evidence.name) ||
      look_up_denied(evidence.name)) {
    return std::nullopt;
  }
  const std::string server = answer->server.host();
  return Finding{
      Cause::name_server_failed, "what the name server sends is no answer to the question",
      fmt::format("name server {}: what came from its port 53 is no DNS answer for {}", server,
                  escape(evidence.name.name)),
      fmt::format("what answers on port 53 of {} is no name server, or something on the way alters "
                  "or forges its answers",
                  server),
      "another name server in /etc/resolv.conf; what runs on that port there"};
}

std::optional<Finding> name_server_silent(const Evidence& evidence) {
  const auto lost = first_lost(evidence, Answer::Kind::silent);
  if (!lost) return std::nullopt;
  if (auto finding = not_beyond_link(*lost)) return finding;
  // A wait that was cut short proves no silence.
  constexpr auto long_enough = std::chrono::milliseconds(400);
  if (evidence.name.asked_for < long_enough) return std::nullopt;
  std::string silent;
  std::size_t count = 0;
  for (const Answer& answer : evidence.name.answers) {
    if (answer.kind != Answer::Kind::silent) continue;
    silent += (count++ == 0 ? "" : " and ") + answer.server.host();
  }
  const std::string look_up =
      evidence.timed_out
          ? fmt::format("look-up without an answer for {}; then ", format_duration(evidence.after))
          : "";
  return Finding{
      Cause::name_server_silent, "no name server answers",
      fmt::format("{}name server{} {} silent for {} (asked by UDP, port 53)", look_up,
                  count == 1 ? "" : "s", silent, format_duration(evidence.name.asked_for)),
      count == 1 ? fmt::format("name server {} does not answer, or not in time", silent)
                 : fmt::format("name servers {} do not answer, or not in time", silent),
      fmt::format("whether the server is up and may be reached; {}", lines_of_config)};
}

// getaddrinfo(3) had not come to its end; asked again, one server or one type has no answer, and
// that is what it waits for, 5 s each time (resolv.conf(5), timeout).
std::optional<Finding> name_server_slow(const Evidence& evidence) {
  const NameFacts& name = evidence.name;
  if (!name.timed_out || !name_server_answered(name)) return std::nullopt;
  Finding finding{Cause::name_server_silent,
                  "no answer from the name service in time",
                  {},
                  {},
                  fmt::format("a larger -w; {}", lines_of_config)};
  const auto lacks = [](const std::vector<Answer>& answers) {
    return std::find_if(answers.begin(), answers.end(),
                        [](const Answer& answer) { return answer.kind == Answer::Kind::silent; });
  };
  const std::string subject = escape(name.name);
  if (const auto first = lacks(name.answers); first != name.answers.end()) {
    const std::string server = first->server.host();
    finding.evidence = fmt::format("name server {} does not answer, another one does", server);
    finding.explanation = fmt::format(
        "name server {} of /etc/resolv.conf does not answer, and the others are asked only after "
        "it, some seconds later",
        server);
  } else if (const auto other = lacks(name.other_answers);
             name.family == AF_UNSPEC && other != name.other_answers.end()) {
    const std::string server = other->server.host();
    finding.evidence =
        fmt::format("name server {} answers for A records of {}, not for AAAA", server, subject);
    finding.explanation = fmt::format(
        "name server {} does not answer questions for AAAA records, for which this host waits",
        server);
    finding.advice = fmt::format("-4, which asks for A records alone; {}", finding.advice);
  } else {
    finding.evidence = fmt::format("asked again, name server {} answered after {}",
                                   name.answers.front().server.host(),
                                   format_duration(name.answers.front().after));
    finding.explanation = fmt::format(
        "the look-up of {} took longer than the name servers take now: they were slow, "
        "or packets got lost, or another source of names is (/etc/nsswitch.conf)",
        subject);
  }
  return finding;
}

std::optional<Finding> no_name_server(const Evidence& evidence) {
  const NameFacts& name = evidence.name;
  if (name.name.empty() || !name.servers.empty()) return std::nullopt;
  Finding finding{Cause::no_name_server, "no name server is configured",
                  "/etc/resolv.conf names no server",
                  fmt::format("/etc/hosts gives no such address of {}, and /etc/resolv.conf has no "
                              "nameserver line",
                              escape(name.name)),
                  "a nameserver line in /etc/resolv.conf, or the numeric address"};
  if (const auto error = name.config_error) {
    const std::string why = error->text();
    finding.headline = "no name server is known";
    finding.evidence = why;
    finding.explanation = fmt::format(
        "{}, so that a name server on this host itself was asked, and none gave an address of {}",
        why, escape(name.name));
    finding.advice = error->error == ENOENT
                         ? "a nameserver line in /etc/resolv.conf"
                         : "ls -lL /etc/resolv.conf: all users must be able to read it";
  }
  return finding;
}

constexpr std::array<Rule, 5> rules{no_name_server, name_server_unreachable,
                                    name_server_unintelligible, name_server_silent,
                                    name_server_slow};

}  // namespace

std::span<const Rule> name_server_rules() {
  return rules;
}

}  // namespace tcptool::diagnose
