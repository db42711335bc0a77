// SPDX-License-Identifier: MIT
// What several rules ask of the evidence.
#include <algorithm>
#include <array>
#include <cerrno>

#include "diagnose/icmp_names.h"
#include "diagnose/rules.h"
#include "sys/names.h"

namespace tcptool::diagnose {
namespace {

using namespace std::chrono_literals;
using End = TransferFacts::End;

bool is_one_of(int error, std::initializer_list<int> errors) {
  return std::find(errors.begin(), errors.end(), error) != errors.end();
}

// Whether the listener takes connections to evidence.peer, an address of this host. A host speaks
// to itself by lo, but a listener that is bound to an interface gets what is for that one's
// addresses.
bool takes(const sys::SocketRow& listener, const Evidence& evidence) {
  constexpr unsigned loopback = 1;  // its number on every Linux
  const auto& link = evidence.path.link;
  const unsigned device = link && !evidence.peer.is_any() ? link->index : loopback;
  if (listener.ifindex != 0 && listener.ifindex != device) return false;
  const sys::Address local = listener.local.unmapped().with_port(0);
  const sys::Address wanted = evidence.peer.unmapped().with_port(0);
  if (local == wanted || wanted.is_any()) return true;  // 0.0.0.0 and :: mean this host
  if (!local.is_any()) return false;
  return local.family() == wanted.family() || (local.family() == AF_INET6 && !listener.v6only);
}

}  // namespace

std::optional<Finding> first_of(std::span<const Rule> rules, const Evidence& evidence) {
  for (const Rule rule : rules) {
    if (auto finding = rule(evidence)) return finding;
  }
  return std::nullopt;
}

bool failed_here(const Evidence& evidence, std::initializer_list<int> errors) {
  return !evidence.timed_out && !evidence.icmp && evidence.error.call == sys::Syscall::connect &&
         is_one_of(evidence.error.error, errors);
}

bool unanswered(const Evidence& evidence) {
  return !evidence.icmp && (evidence.timed_out || evidence.error.error == ETIMEDOUT);
}

bool lost_with(const Evidence& evidence, std::initializer_list<int> errors) {
  return evidence.transfer.end == End::lost && is_one_of(evidence.error.error, errors);
}

bool waited_in_vain(const Evidence& evidence) {
  if (evidence.transfer.end == End::run_timeout) {
    const bool most_of_it =
        evidence.after >= 1s && evidence.after * 2 >= evidence.transfer.duration;
    return most_of_it || evidence.after >= 5s;
  }
  return evidence.transfer.end == End::idle_timeout;
}

bool answered_from_afar(const Evidence& evidence) {
  if (evidence.step == Step::transfer || another_port_answered(evidence)) return true;
  if (evidence.icmp) return !evidence.host.addresses.empty() && !icmp_from_here(evidence);
  return !evidence.timed_out && evidence.error.error == ECONNREFUSED;
}

bool another_port_answered(const Evidence& evidence) {
  return evidence.probes.other && evidence.probes.other->answered_by_tcp();
}

const tcp::SynProbe* drew_error(const Evidence& evidence) {
  const ProbeFacts& probes = evidence.probes;
  const auto is_icmp = [](const tcp::SynProbe& probe) {
    return probe.answer == tcp::SynProbe::Answer::icmp;
  };
  if (probes.again && is_icmp(*probes.again)) return &*probes.again;
  if (!probes.path.empty() && is_icmp(probes.path.back()) &&
      !is_ttl_exceeded(*probes.path.back().icmp)) {
    return &probes.path.back();
  }
  if (probes.later && is_icmp(*probes.later)) return &*probes.later;
  // Of another port a rule may say what it likes; that a host was awaited in vain holds for all.
  const bool awaited = probes.other && is_icmp(*probes.other) && probes.other->after >= at_once &&
                       says_host_unreachable(*probes.other->icmp);
  return awaited ? &*probes.other : nullptr;
}

bool is_of_this_host(const Evidence& evidence, const sys::Address& address) {
  const auto plain = [](const sys::Address& of) { return of.unmapped().with_zone(0, ""); };
  const auto& own = evidence.host.addresses;
  return std::any_of(own.begin(), own.end(),
                     [&](const sys::Address& one) { return plain(one) == plain(address); });
}

bool icmp_from_here(const Evidence& evidence) {
  if (!evidence.icmp) return false;
  return is_of_this_host(evidence, evidence.icmp->offender);
}

bool says_host_unreachable(const tcp::IcmpError& icmp) {
  return icmp.protocol == tcp::IcmpError::Protocol::icmp
             ? icmp.type == 3 && (icmp.code == 1 || icmp.code == 7)
             : icmp.type == 1 && icmp.code == 3;
}

std::optional<std::chrono::nanoseconds> icmp_delay(const Evidence& evidence) {
  if (evidence.icmp_delay) return evidence.icmp_delay;
  constexpr auto first_again = 950ms;  // RFC 6298 section 2.1: a second
  const bool first = evidence.info && evidence.info->retransmits == 0U &&
                     evidence.info->total_retrans.value_or(0) == 0;
  if (first || evidence.icmp_after < first_again) return evidence.icmp_after;
  return std::nullopt;
}

int errno_of(const Refusal& refusal) {
  using Action = sys::RoutingRule::Action;
  if (refusal.route) return sys::refusal_errno(refusal.route->type);
  if (refusal.rule.action == Action::prohibit) return EACCES;
  return refusal.rule.action == Action::unreachable ? ENETUNREACH : EINVAL;
}

Cause route_cause(int error) {
  if (error == EACCES) return Cause::route_prohibit;
  return error == EINVAL ? Cause::route_blackhole : Cause::route_unreachable;
}

bool discards(const PathFacts& path, const PolicyFacts& policy) {
  if (path.route && path.route->type == sys::RouteType::blackhole) return true;
  const auto& all = policy.refusals;
  const auto first = std::find_if(
      all.begin(), all.end(), [](const Refusal& refusal) { return errno_of(refusal) == EINVAL; });
  return first != all.end() && first->certain;
}

bool next_hop_heard(const Evidence& evidence) {
  const auto& neighbour = evidence.path.neighbour;
  if (!neighbour || neighbour->state != sys::NeighbourState::reachable) return false;
  if (!neighbour->confirmed_ago) return false;
  // The last word of a connection confirms it too; and a moment ago is as good as now.
  constexpr auto margin = 100ms;
  constexpr auto moment = 50ms;
  return evidence.step == Step::transfer
             ? *neighbour->confirmed_ago + margin < evidence.after
             : *neighbour->confirmed_ago <= evidence.after + evidence.probes.took + moment;
}

bool next_hop_silent(const PathFacts& path) {
  if (!path.neighbour || !path.neighbour->link_address.empty() || path.own_address) return false;
  return path.neighbour->state == sys::NeighbourState::incomplete ||
         path.neighbour->state == sys::NeighbourState::failed;
}

bool loopback_down(const PathFacts& path) {
  return path.down_link && path.down_link->loopback;
}

bool leads_back_here(const PathFacts& path) {
  return path.link && path.link->loopback && !path.own_address && !path.not_by_interface &&
         path.route && path.route->type == sys::RouteType::unicast;
}

bool name_server_answered(const NameFacts& name) {
  return std::any_of(name.answers.begin(), name.answers.end(), [](const auto& answer) {
    return answer.kind == tcp::NameServerAnswer::Kind::answered;
  });
}

bool look_up_denied(const NameFacts& name) {
  return sys::lookup_status_name(name.status) == "EAI_NONAME";
}

bool is_tunnel(const sys::Link& link) {
  constexpr std::array<std::string_view, 11> kinds{"wireguard", "ipip",      "gre",  "gretap",
                                                   "sit",       "vti",       "vti6", "ip6tnl",
                                                   "ip6gre",    "ip6gretap", "xfrm"};
  return std::find(kinds.begin(), kinds.end(), link.kind) != kinds.end();
}

bool by_gateway(const Evidence& evidence) {
  const sys::Address& hop = evidence.path.next_hop;
  return hop.known() &&
         hop.with_zone(0, "").host() != evidence.peer.unmapped().with_zone(0, "").host();
}

bool behind_tunnel(const Evidence& evidence) {
  const PathFacts& path = evidence.path;
  const bool without_neighbours = path.link && !path.link->arp && !path.link->loopback;
  return without_neighbours && path.next_hop.known() && !by_gateway(evidence) && !path.own_address;
}

bool next_hop_is_peer(const Evidence& evidence) {
  return evidence.path.next_hop.known() && !by_gateway(evidence) && !behind_tunnel(evidence);
}

const PortHolder* listener_for(const Evidence& evidence) {
  for (const PortHolder& holder : evidence.host.holders) {
    if (holder.socket.state == state_listen && takes(holder.socket, evidence)) return &holder;
  }
  return nullptr;
}

}  // namespace tcptool::diagnose
