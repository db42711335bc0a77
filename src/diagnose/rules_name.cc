// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text.h"
#include "diagnose/rules.h"
#include "sys/names.h"

namespace tcptool::diagnose {
namespace {

using Answer = tcp::NameServerAnswer;

// RFC 1035 section 4.1.1, RFC 6895 section 2.3.
constexpr unsigned rcode_server_failure = 2;
constexpr unsigned rcode_name_error = 3;
constexpr unsigned rcode_refused = 5;

std::string rcode_name(unsigned rcode) {
  constexpr std::array<std::string_view, 6> names{"NOERROR",  "FORMERR", "SERVFAIL",
                                                  "NXDOMAIN", "NOTIMP",  "REFUSED"};
  return rcode < names.size() ? std::string(names[rcode]) : fmt::format("RCODE {}", rcode);
}

std::string name_of(const Evidence& evidence) {
  return escape(evidence.name.name);
}

const Answer* find(const Evidence& evidence, auto matches) {
  const auto& answers = evidence.name.answers;
  const auto found = std::find_if(answers.begin(), answers.end(), matches);
  return found == answers.end() ? nullptr : &*found;
}

bool answered(const Answer& answer) {
  return answer.kind == Answer::Kind::answered;
}

// Knows the name, and no address of the type. A truncated answer may have lost it.
bool is_empty(const Answer& answer) {
  return answered(answer) && answer.rcode == 0 && !answer.has_address && !answer.truncated;
}

// The first that says that it could not find out.
const Answer* failing(const std::vector<Answer>& answers) {
  const auto found = std::find_if(answers.begin(), answers.end(), [](const Answer& answer) {
    return answered(answer) && answer.rcode != 0;
  });
  return found == answers.end() ? nullptr : &*found;
}

// getaddrinfo(3) is sure that there is no such name: servers that do not answer are not why.
bool sure(const Evidence& evidence) {
  return !evidence.name.timed_out && look_up_denied(evidence.name);
}

// What keeps it from being a name of DNS, or "". See RFC 1035 section 2.3.4.
std::string malformation(std::string_view name) {
  constexpr std::size_t longest_name = 253;
  constexpr std::size_t longest_label = 63;
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  if (name.size() > longest_name) {
    return fmt::format("it is {} characters long, and {} are allowed", name.size(), longest_name);
  }
  while (true) {
    const std::size_t dot = std::min(name.find('.'), name.size());
    if (dot == 0) return "it has nothing before, between or behind dots";
    if (dot > longest_label) {
      return fmt::format("one of its parts is {} characters long, and {} are allowed", dot,
                         longest_label);
    }
    if (dot == name.size()) return "";
    name.remove_prefix(dot + 1);
  }
}

std::optional<Finding> malformed(const Evidence& evidence) {
  const std::string how = malformation(evidence.name.name);
  if (how.empty() || evidence.name.name.empty()) return std::nullopt;
  return Finding{Cause::name_not_found, "it cannot be a name of the DNS", how,
                 fmt::format("{} cannot be a name of the DNS: {}", name_of(evidence), how),
                 "the spelling"};
}

std::optional<Finding> not_in_sources(const Evidence& evidence) {
  if (!sure(evidence)) return std::nullopt;
  const Answer* const known =
      find(evidence, [](const Answer& answer) { return answer.has_address; });
  if (known == nullptr && find(evidence, answered) != nullptr) return std::nullopt;
  Finding finding{Cause::name_not_found, "the name is not known (EAI_NONAME)",
                  "getaddrinfo: EAI_NONAME, without an answer of a name server",
                  fmt::format("none of this host's sources of names (the hosts line of "
                              "/etc/nsswitch.conf) knows {}",
                              name_of(evidence)),
                  "the spelling; /etc/hosts, and whether that line has dns"};
  if (known != nullptr) {
    const std::string server = known->server.host();
    finding.evidence =
        fmt::format("getaddrinfo: EAI_NONAME; yet name server {} has an address of {}", server,
                    name_of(evidence));
    finding.explanation = fmt::format(
        "{} is in the DNS (name server {}), but this host does not ask there: the hosts line of "
        "/etc/nsswitch.conf has no dns, or ends before it ([NOTFOUND=return])",
        name_of(evidence), server);
    finding.advice = "the hosts line of /etc/nsswitch.conf";
  }
  return finding;
}

// With -4 or -6 the address that is there does not count.
std::optional<Finding> other_family_in_hosts(const Evidence& evidence) {
  const NameFacts& name = evidence.name;
  const bool one_family = name.family == AF_INET || name.family == AF_INET6;
  const bool fits =
      std::any_of(name.in_hosts.begin(), name.in_hosts.end(),
                  [&](const sys::Address& address) { return address.family() == name.family; });
  if (!one_family || name.in_hosts.empty() || fits) return std::nullopt;
  const std::string_view kind = sys::family_word(name.family);
  const std::string there = name.in_hosts.front().host();
  return Finding{
      Cause::name_without_address, fmt::format("the name has no {} address", kind),
      fmt::format("/etc/hosts has {} for {}, and no {} address", there, name_of(evidence), kind),
      fmt::format("{} is in /etc/hosts with {} {} only, and no name server gave an {} address",
                  name_of(evidence), sys::family_word(name.in_hosts.front().family()), there, kind),
      fmt::format("without -{}", name.family == AF_INET6 ? 6 : 4)};
}

std::optional<Finding> name_not_found(const Evidence& evidence) {
  const Answer* const answer = find(evidence, [](const Answer& candidate) {
    return answered(candidate) && candidate.rcode == rcode_name_error;
  });
  if (answer == nullptr) return std::nullopt;
  const std::string server = answer->server.host();
  // The resolver's word stands: it may have asked for other names, and got no answer to those.
  const auto& all = evidence.name.answers;
  const bool unanimous = std::all_of(all.begin(), all.end(), [](const Answer& each) {
    return answered(each) && each.rcode == rcode_name_error;
  });
  const bool open =
      evidence.name.timed_out || sys::lookup_status_name(evidence.name.status) == "EAI_AGAIN";
  if (unanimous && open) {
    Finding finding{
        Cause::name_server_failed, "a name of the search list has no answer",
        fmt::format("name server {} answered NXDOMAIN for {} itself; the look-up had no answer",
                    server, name_of(evidence)),
        fmt::format("there is no name {} in the DNS, and for {} with a domain of the search list "
                    "of /etc/resolv.conf no answer came, or a failure (SERVFAIL)",
                    name_of(evidence), name_of(evidence)),
        "the search line of /etc/resolv.conf; the full name, with a dot at its end"};
    finding.or_else = Cause::name_not_found;
    return finding;
  }
  if (answer->is_alias) {
    return Finding{
        Cause::name_not_found, "the name is an alias of one that does not exist (NXDOMAIN)",
        fmt::format("name server {} answered NXDOMAIN for {} after {}, with a CNAME", server,
                    name_of(evidence), format_duration(answer->after)),
        fmt::format("{} is an alias (CNAME) of a name that is not in the DNS, says name server {}",
                    name_of(evidence), server),
        fmt::format("the name's owner: dig {} CNAME shows where it leads", name_of(evidence))};
  }
  return Finding{
      Cause::name_not_found, "the name does not exist (NXDOMAIN)",
      fmt::format("name server {} answered NXDOMAIN for {} after {}", server, name_of(evidence),
                  format_duration(answer->after)),
      fmt::format("there is no name {} in the DNS, says name server {}", name_of(evidence), server),
      "the spelling, and the search list in /etc/resolv.conf"};
}

// RFC 4074 section 4.2: what balances load may do so.
std::optional<Finding> contradictory(const Evidence& evidence) {
  const auto denies = [](const Answer& answer) {
    return answered(answer) && answer.rcode == rcode_name_error;
  };
  const auto& others = evidence.name.other_answers;
  const Answer* const empty = find(evidence, is_empty);
  const auto denied = std::find_if(others.begin(), others.end(), denies);
  const bool has_address =
      find(evidence, [](const Answer& answer) { return answer.has_address; }) != nullptr;
  if (empty == nullptr || has_address || denied == others.end()) return std::nullopt;
  return Finding{
      Cause::name_without_address, "the name has no address, as far as its name servers agree",
      fmt::format("name server {} has no {} address of {}, and name server {} says NXDOMAIN for {} "
                  "addresses",
                  empty->server.host(), evidence.name.family == AF_INET6 ? "IPv6" : "IPv4",
                  name_of(evidence), denied->server.host(),
                  evidence.name.family == AF_INET6 ? "IPv4" : "IPv6"),
      fmt::format(
          "the servers of {} contradict themselves: a name that exists (without an address) "
          "is none that does not (NXDOMAIN)",
          name_of(evidence)),
      fmt::format("the name's owner: dig {} A and AAAA", name_of(evidence))};
}

std::optional<Finding> name_without_address(const Evidence& evidence) {
  const NameFacts& name = evidence.name;
  const std::string status = sys::lookup_status_name(name.status);
  const bool by_status = status == "EAI_NODATA" || status == "EAI_ADDRFAMILY";
  const Answer* const empty = find(evidence, is_empty);
  const auto& others = name.other_answers;
  const bool other = std::any_of(others.begin(), others.end(),
                                 [](const Answer& answer) { return answer.has_address; });
  const bool no_other = !other && std::any_of(others.begin(), others.end(), is_empty);
  const bool one_family = name.family == AF_INET || name.family == AF_INET6;
  const bool has_address =
      find(evidence, [](const Answer& answer) { return answer.has_address; }) != nullptr;
  // Without a family both types must be missing, and neither may be what a server failed to find.
  const bool by_answer = empty != nullptr && !has_address && (one_family || no_other);
  const bool unknown = (empty == nullptr && failing(name.answers) != nullptr) ||
                       (!one_family && failing(others) != nullptr);
  if ((!by_status && !by_answer) || unknown) return std::nullopt;
  const std::string kind =
      one_family ? fmt::format("{} ", sys::family_word(name.family)) : std::string();
  const std::string_view other_kind =
      sys::family_word(name.family == AF_INET6 ? AF_INET : AF_INET6);
  Finding finding{
      Cause::name_without_address, fmt::format("the name has no {}address", kind),
      fmt::format("{} exists without an {}address", name_of(evidence), kind),
      fmt::format("{} exists, but no {}address is registered for it", name_of(evidence), kind),
      "the name's owner: it has no A or AAAA record"};
  if (empty != nullptr) {
    finding.evidence = fmt::format("name server {} knows {}, without an {}address",
                                   empty->server.host(), name_of(evidence), kind);
  }
  if (one_family && !no_other) {
    finding.advice = fmt::format("without -{}", name.family == AF_INET6 ? 6 : 4);
  }
  if (one_family && other) {
    finding.explanation += fmt::format("; it has an {} address", other_kind);
  }
  return finding;
}

std::optional<Finding> name_server_failed(const Evidence& evidence) {
  const Answer* const answer = failing(evidence.name.answers);
  if (answer == nullptr) return std::nullopt;
  const std::string server = answer->server.host();
  const std::string rcode = rcode_name(answer->rcode);
  const bool failed = answer->rcode == rcode_server_failure;
  return Finding{
      Cause::name_server_failed,
      fmt::format("the name server {} ({})", failed ? "could not find out" : "refused to answer",
                  rcode),
      fmt::format("name server {} answered {} for {} after {}", server, rcode, name_of(evidence),
                  format_duration(answer->after)),
      failed ? fmt::format("name server {} has no answer of its own (SERVFAIL): the "
                           "servers of that name's zone fail, it cannot reach them, or their "
                           "signatures (DNSSEC) do not hold",
                           server)
      : answer->rcode == rcode_refused
          ? fmt::format("name server {} does not serve this host or this name ({})", server, rcode)
          : fmt::format("name server {} cannot deal with the question ({})", server, rcode),
      "again later, or another name server in /etc/resolv.conf"};
}

// libc asks again by TCP, RFC 7766, which is needed where UDP does not suffice.
std::optional<Finding> name_server_without_tcp(const Evidence& evidence) {
  const Answer* const answer = find(evidence, [](const Answer& candidate) {
    return answered(candidate) && candidate.rcode == 0 && candidate.truncated;
  });
  if (answer == nullptr || look_up_denied(evidence.name)) return std::nullopt;
  const std::string server = answer->server.host();
  return Finding{
      Cause::name_server_failed,
      "the name server's answer is too long for UDP, and none came by TCP",
      fmt::format("name server {} answered for {} after {}, cut short to fit into UDP", server,
                  name_of(evidence), format_duration(answer->after)),
      fmt::format("the answer of name server {} must be fetched by TCP, and this host did not get "
                  "it so: its tcp port 53 may be closed or filtered",
                  server),
      fmt::format("tcptool connect -z {} 53; another name server in /etc/resolv.conf", server)};
}

constexpr std::array<Rule, 7> rules{
    other_family_in_hosts, name_not_found,          name_without_address, contradictory,
    name_server_failed,    name_server_without_tcp, not_in_sources};

}  // namespace

std::optional<Finding> look_up_finding(const Evidence& evidence) {
  if (auto finding = malformed(evidence)) return finding;  // which no file has
  auto finding = first_of(rules, evidence);
  if (!finding) finding = first_of(name_server_rules(), evidence);
  const auto& error = evidence.name.hosts_error;
  if (finding && error) {
    finding->explanation += fmt::format("; {}, and it may have the name", error->text());
    finding->advice += "; ls -lL /etc/hosts";
  }
  return finding;
}

}  // namespace tcptool::diagnose
