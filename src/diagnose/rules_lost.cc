// SPDX-License-Identifier: MIT
// Nobody answered the SYN, and meanwhile this host has lost the address, interface or route by
// which it was to go: connect(2) timed out, or the kernel gave up with the error of the last
// look-up. It may not be all: what had left was not answered.
#include <fmt/format.h>

#include <array>
#include <cerrno>

#include "base/text.h"
#include "diagnose/rules.h"
#include "sys/names.h"

namespace tcptool::diagnose {
namespace {

using Answer = tcp::SynProbe::Answer;

// A routing error that came with a SYN that was to be sent again, not at once.
bool gave_up_late(const Evidence& evidence) {
  return failed_here(evidence, {ENETUNREACH, EHOSTUNREACH, ENETDOWN, EINVAL, EACCES}) &&
         evidence.info && evidence.info->retransmits.value_or(0) > 0;
}

// While the answer to a SYN was waited for. What left until then was not answered either, or had
// not left yet.
Finding lost_meanwhile(const Evidence& evidence, Cause cause, const std::string& what,
                       std::string explanation, std::string advice) {
  const bool some_left = evidence.info && evidence.info->total_retrans.value_or(0) > 0;
  const bool in_vain = evidence.info && !some_left && !next_hop_heard(evidence) &&
                       evidence.info->retransmits.value_or(0) > 0;
  const std::string host = evidence.peer.host();
  Finding finding{
      cause,
      fmt::format("{} after {}: {}",
                  gave_up_late(evidence) ? sys::errno_text(evidence.error.error) : "timed out",
                  format_duration(evidence.after), what),
      fmt::format("{}; {} in {}, no answer", what, syn_count(evidence.info),
                  format_duration(evidence.after)),
      std::move(explanation), std::move(advice)};
  if (in_vain) {
    finding.explanation +=
        fmt::format("; or the first SYN had not left yet: the next hop to {} did not answer {}",
                    host, neighbour_protocol(evidence.peer));
    finding.or_else = Cause::neighbour_silent;
  } else {
    finding.explanation += fmt::format(
        "; but {} not answered either, until then: a packet filter may drop what goes to {}, or "
        "the way be broken, or the host down",
        some_left ? "the SYNs that had left were" : "the SYN that had left was", host);
    finding.or_else = Cause::filtered_or_down;
  }
  return finding;
}

const sys::Link* link_down(const PathFacts& path) {
  if (path.link && !path.link->up && !path.link->loopback) return &*path.link;
  const auto& down = path.down_link;
  const bool by_another = down && path.route && path.route->ifindex != down->index;
  return down && !down->loopback && !by_another ? &*down : nullptr;
}

std::optional<Finding> link_lost(const Evidence& evidence) {
  const sys::Link* const link = link_down(evidence.path);
  if (link == nullptr) return std::nullopt;
  const std::string name = escape(link->name);
  return lost_meanwhile(evidence, Cause::interface_down, fmt::format("interface {} is down", name),
                        fmt::format("interface {}, which leads to {}, went down meanwhile", name,
                                    evidence.peer.host()),
                        fmt::format("ip link set {} up", name));
}

// What was sent again left, if its address was still there; IPv6 sends on without it.
std::optional<Finding> source_lost(const Evidence& evidence) {
  const bool asked = evidence.source.known() && !evidence.source.is_any();
  const sys::Address& source = asked ? evidence.source : evidence.syn_source;
  const bool unsent = evidence.peer.unmapped().family() == AF_INET6 ||
                      (evidence.info && evidence.info->retransmits.value_or(0) >
                                            evidence.info->total_retrans.value_or(0));
  if (!unsent || !source.known() || source.is_any() || evidence.host.addresses.empty() ||
      is_of_this_host(evidence, source.with_port(0))) {
    return std::nullopt;
  }
  std::string explanation =
      fmt::format("this host has lost the source address {}: no answer comes to it", source.host());
  // An IPv4 address stays when its interface is switched off.
  if (source.family() == AF_INET6 && !evidence.path.down_interfaces.empty()) {
    explanation += fmt::format("; {}: an interface that is switched off loses those of IPv6",
                               down_words(evidence.path));
  }
  return lost_meanwhile(
      evidence, Cause::address_not_local,
      fmt::format("no interface has {} any more", source.host()), std::move(explanation),
      asked ? "ip addr; another source address (-s), or none" : "ip addr; connect again");
}

// One more SYN that could not be sent, for want of a way.
int refusal_of_probe(const Evidence& evidence) {
  const ProbeFacts& probes = evidence.probes;
  const auto error = [](const tcp::SynProbe& probe) {
    return probe.answer == Answer::not_sent && sys::is_routing_error(probe.error) ? probe.error : 0;
  };
  if (probes.other && error(*probes.other) != 0) return error(*probes.other);
  return probes.path.empty() ? 0 : error(probes.path.back());
}

// 0: there is one, or nothing is known.
int told_of_way(const Evidence& evidence) {
  const int of_connect = gave_up_late(evidence) ? evidence.error.error : 0;
  return evidence.policy.look_up_error.value_or(of_connect != 0 ? of_connect
                                                                : refusal_of_probe(evidence));
}

std::optional<Finding> route_lost(const Evidence& evidence) {
  const PathFacts& path = evidence.path;
  const int told = told_of_way(evidence);
  if (!path.routes_known || path.route || (told != ENETUNREACH && told != EHOSTUNREACH)) {
    return std::nullopt;
  }
  const std::string host = evidence.peer.host();
  std::string explanation = fmt::format("this host has lost its route to {} while it waited", host);
  std::string advice = fmt::format("ip route; a route or default gateway for {}", host);
  if (const std::string gone = routes_gone_words(path); !gone.empty()) {
    explanation += gone;
    advice = "ip link; " + advice;
  }
  return lost_meanwhile(evidence, Cause::no_route, fmt::format("no route to {} any more", host),
                        std::move(explanation), std::move(advice));
}

std::optional<Finding> route_refuses_meanwhile(const Evidence& evidence) {
  const auto& route = evidence.path.route;
  const int error = route ? sys::refusal_errno(route->type) : 0;
  if (error == 0 || told_of_way(evidence) != error) return std::nullopt;
  const std::string entry = fmt::format("{} {}", sys::route_type_name(route->type), route->text());
  return lost_meanwhile(evidence, route_cause(error),
                        fmt::format("the route {} in this host's tables", entry),
                        fmt::format("this host's own routing refuses what goes to {} now, by the "
                                    "route {}",
                                    evidence.peer.host(), entry),
                        fmt::format("ip route get {}", evidence.peer.host()));
}

std::optional<Finding> way_lost(const Evidence& evidence) {
  const bool in_vain = unanswered(evidence) || gave_up_late(evidence);
  if (!in_vain || evidence.path.own_address) return std::nullopt;
  constexpr std::array<Rule, 4> of_connect{link_lost, source_lost, route_refuses_meanwhile,
                                           route_lost};
  return first_of(of_connect, evidence);
}

constexpr std::array<Rule, 1> rules{way_lost};

}  // namespace

std::span<const Rule> lost_way_rules() {
  return rules;
}

}  // namespace tcptool::diagnose
