// SPDX-License-Identifier: MIT
// connect(2) failed on this host itself, and no other rule knows why: policy routing, which has an
// errno for each way to refuse, or what the errno alone tells.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cerrno>

#include "base/text.h"
#include "diagnose/rules.h"
#include "sys/names.h"

namespace tcptool::diagnose {
namespace {

std::string_view verb_of(Cause cause) {
  if (cause == Cause::route_prohibit) return "prohibits";
  return cause == Cause::route_blackhole ? "discards" : "declares unreachable";
}

std::string_view headline_of(Cause cause) {
  if (cause == Cause::route_prohibit) return "prohibited by policy routing of this host";
  return cause == Cause::route_blackhole ? "unreachable: discarded by policy routing of this host"
                                         : "unreachable by policy routing of this host";
}

bool refused_by_routing(const Evidence& evidence) {
  const int error = evidence.error.error;
  return sys::is_routing_error(error) && failed_here(evidence, {error});
}

std::string where_routing_is(const Evidence& evidence) {
  return fmt::format("ip rule; ip route show table all; ip route get {}", evidence.peer.host());
}

std::vector<Refusal> refusals_with(const Evidence& evidence, int error) {
  std::vector<Refusal> out;
  for (const Refusal& refusal : evidence.policy.refusals) {
    if (errno_of(refusal) == error) out.push_back(refusal);
  }
  return out;
}

std::optional<Finding> refused_by_rule(const Evidence& evidence) {
  constexpr std::size_t most = 3;
  const int error = evidence.error.error;
  if (!refused_by_routing(evidence)) return std::nullopt;
  const auto refusals = refusals_with(evidence, error);
  if (refusals.empty()) return std::nullopt;
  const Cause cause = route_cause(error);
  std::vector<std::string> texts;
  std::vector<std::string> tables;
  for (const Refusal& refusal : refusals) {
    if (texts.size() < most) texts.push_back(refusal_text(refusal));
    if (refusal.route)
      tables.push_back(fmt::format("; ip route show table {}", refusal.rule.table));
  }
  const std::string which =
      texts.size() == 1 ? texts.front() : fmt::format("one of {}", fmt::join(texts, ", "));
  Finding finding{cause, std::string(headline_of(cause)),
                  fmt::format("{}; {}", fmt::join(texts, ", "), connect_error_words(evidence)),
                  fmt::format("this host's policy routing {} {} by {}; nothing was sent",
                              verb_of(cause), evidence.peer.host(), which),
                  "ip rule" + (tables.empty() ? std::string() : tables.front())};
  // Whether its further conditions hold cannot be seen; the kernel's look-up, which has no ports
  // and no source address, may not have met them.
  const bool shown = refusals.front().certain || evidence.policy.look_up_error == error;
  if (!shown && error == EACCES) {
    finding.explanation += "; or, where that does not apply, a security policy forbids it";
    finding.or_else = Cause::output_filter;
  }
  return finding;
}

// No rule of those that could be read, but the kernel's own look-up says the same.
std::optional<Finding> refused_by_look_up(const Evidence& evidence) {
  const int error = evidence.error.error;
  if (evidence.policy.look_up_error != error || !refused_by_routing(evidence)) return std::nullopt;
  const std::string host = evidence.peer.host();
  if (error == ENETUNREACH) {
    return Finding{
        Cause::no_route,
        fmt::format("no route to {} in the tables that this host's rules ask", host),
        connect_error_words(evidence),
        fmt::format("no rule of this host's policy routing leads to a table with a usable "
                    "entry for {}",
                    host),
        where_routing_is(evidence)};
  }
  const Cause cause = route_cause(error);
  return Finding{cause, std::string(headline_of(cause)), connect_error_words(evidence),
                 fmt::format("this host's own routing {} {}, as the kernel's look-up of a route "
                             "says too; nothing was sent",
                             verb_of(cause), host),
                 where_routing_is(evidence)};
}

// That look-up could not be made either, so that the errno is all there is.
std::optional<Finding> refused_unseen(const Evidence& evidence) {
  if (evidence.policy.look_up_error || !refused_by_routing(evidence)) return std::nullopt;
  const int error = evidence.error.error;
  const std::string host = evidence.peer.host();
  Finding finding{error == ENETUNREACH ? Cause::no_route : route_cause(error),
                  fmt::format("no way from this host to {} ({})", host, sys::errno_name(error)),
                  connect_error_words(evidence),
                  fmt::format("nothing but the errno is known: a route or a rule of this host's "
                              "policy routing {} {}",
                              verb_of(route_cause(error)), host),
                  where_routing_is(evidence)};
  if (error == ENETUNREACH) {
    finding.explanation = fmt::format(
        "the kernel found no route: this host's tables have none to {}, or the rules of its policy "
        "routing ask no table that has one, or declare it unreachable",
        host);
    finding.or_else = Cause::route_unreachable;
  } else if (error == EACCES) {
    finding.explanation += ", or a security policy forbids it";
    finding.or_else = Cause::output_filter;
  } else if (error == EINVAL && evidence.source.known()) {
    finding.explanation += fmt::format(
        ", or it cannot be reached from the source address {}, of another interface or scope",
        evidence.source.host());
    finding.advice += "; another source address (-s), or none";
    finding.or_else = Cause::source_cannot_reach;
  }
  finding.explanation += "; nothing was sent";
  return finding;
}

// A security policy may forbid with the errno of a prohibit route.
std::optional<Finding> forbidden(const Evidence& evidence) {
  if (!failed_here(evidence, {EACCES})) return std::nullopt;
  Finding finding{Cause::output_filter, "not permitted by this host (EACCES)",
                  connect_error_words(evidence),
                  "a security policy of this host (SELinux, Landlock, BPF) forbids the connection, "
                  "or its policy routing prohibits it; nothing was sent",
                  "the audit log (ausearch -m avc, as root); ip rule"};
  finding.or_else = Cause::route_prohibit;
  return finding;
}

std::optional<Finding> refused_by_kernel(const Evidence& evidence) {
  const int error = evidence.error.error;
  const bool answer = error == 0 || error == ECONNREFUSED || error == ETIMEDOUT;
  if (answer || !failed_here(evidence, {error})) return std::nullopt;
  return Finding{Cause::refused_by_kernel, connect_error_words(evidence),
                 connect_error_words(evidence),
                 fmt::format("this host's own kernel ends the connection with {}, and nothing that "
                             "an ordinary user may read says why",
                             sys::errno_name(error)),
                 fmt::format("ip route get {}; the kernel's log", evidence.peer.host())};
}

// The user's own choice of the port: the kernel keeps one connection apart from another by
// addresses and ports alone.
Finding source_port_taken(const Evidence& evidence) {
  const std::string port = fmt::format("{}", evidence.source.port());
  for (const PortHolder& holder : evidence.host.holders) {
    const sys::SocketRow& socket = holder.socket;
    if (!(socket.remote.unmapped() == evidence.peer.unmapped())) continue;
    const std::string ends = fmt::format("{} -> {}", socket.local.text(), socket.remote.text());
    if (socket.state != state_time_wait) {
      return {Cause::source_port_in_use, "the source port is in use (EADDRNOTAVAIL)",
              fmt::format("{} ({}) belongs to {}", ends, sys::tcp_state_name(socket.state),
                          holder_text(holder)),
              fmt::format("{} has a connection from port {} to the same place already",
                          holder_text(holder), port),
              "another source port"};
    }
    const auto left = socket.time_wait_left;
    const std::string time = left ? fmt::format(" for {} more", format_duration(*left)) : "";
    return {Cause::source_port_in_time_wait,
            "the source port is in use by a connection in TIME-WAIT (EADDRNOTAVAIL)",
            fmt::format("{} is in TIME-WAIT{}", ends, time),
            fmt::format("an earlier connection from port {} to the same place waits in TIME-WAIT{}",
                        port, time),
            "another source port, or wait"};
  }
  return {Cause::source_port_in_use, "the source port cannot be used (EADDRNOTAVAIL)",
          connect_error_words(evidence),
          fmt::format("a connection from port {} to {} exists already, or has just ended", port,
                      evidence.peer.text()),
          "another source port, or wait"};
}

std::optional<Finding> no_free_port(const Evidence& evidence) {
  if (!failed_here(evidence, {EADDRNOTAVAIL})) return std::nullopt;
  if (!evidence.path.family_has_address && !evidence.path.own_address) {
    return Finding{Cause::address_not_local,
                   fmt::format("this host has no {} address to send from (EADDRNOTAVAIL)",
                               sys::family_word(evidence.peer.family())),
                   connect_error_words(evidence),
                   fmt::format("no interface of this host has an {} address",
                               sys::family_word(evidence.peer.family())),
                   "ip addr; or an address of the other family"};
  }
  if (evidence.source.port() != 0) return source_port_taken(evidence);
  const std::string range =
      evidence.host.port_range.empty()
          ? std::string()
          : fmt::format(" (net.ipv4.ip_local_port_range is {})", escape(evidence.host.port_range));
  Finding finding{Cause::no_free_port, "no free source port (EADDRNOTAVAIL)",
                  connect_error_words(evidence),
                  fmt::format("every local port for connections to {} is in use{}",
                              evidence.peer.text(), range),
                  "fewer connections at once (ss -tn), another source address, or a wider range"};
  if (evidence.peer.unmapped().family() == AF_INET6) {
    finding.headline = "no free source port, or no source address (EADDRNOTAVAIL)";
    finding.explanation += ", or no IPv6 address of this host can be used (tentative: ip addr)";
    finding.or_else = Cause::address_not_local;
  }
  return finding;
}

// netfilter answers a dropped local packet with EPERM.
std::optional<Finding> output_filter(const Evidence& evidence) {
  if (!failed_here(evidence, {EPERM})) return std::nullopt;
  return Finding{Cause::output_filter, "not permitted by this host (EPERM)",
                 connect_error_words(evidence),
                 "a packet filter on this host itself drops what is sent there, or a security "
                 "policy (BPF, SELinux) forbids the connection",
                 "this host's own rules: nft list ruleset, as root"};
}

std::optional<Finding> no_memory(const Evidence& evidence) {
  if (!failed_here(evidence, {ENOMEM, ENOBUFS})) return std::nullopt;
  return Finding{Cause::no_memory, "the kernel has no memory for it", connect_error_words(evidence),
                 "the kernel has no memory left for another connection",
                 "what uses it: /proc/net/sockstat, net.ipv4.tcp_mem"};
}

constexpr std::array<Rule, 8> rules{no_free_port,   refused_by_rule,  refused_by_look_up,
                                    refused_unseen, forbidden,        output_filter,
                                    no_memory,      refused_by_kernel};

}  // namespace

std::span<const Rule> errno_rules() {
  return rules;
}

}  // namespace tcptool::diagnose
