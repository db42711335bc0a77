// SPDX-License-Identifier: MIT
// Nothing came on an established connection any more, and this host itself says why: the connection
// has lost the address, interface, route or neighbour that it began with, or a filter of its own
// stands there now. What a SYN loses while it waits is in rules_lost.cc.
#include <fmt/format.h>

#include <array>
#include <cerrno>

#include "base/text.h"
#include "diagnose/icmp_names.h"
#include "diagnose/rules.h"
#include "sys/names.h"

namespace tcptool::diagnose {
namespace {

using namespace std::chrono_literals;
using Answer = tcp::SynProbe::Answer;
using sys::NeighbourState;

// What is sent to this host itself takes no way.
bool way_in_doubt(const Evidence& evidence) {
  if (evidence.path.own_address) return false;
  return waited_in_vain(evidence) ||
         lost_with(evidence, {ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ENETDOWN, EHOSTDOWN, EACCES,
                              ECONNREFUSED, ENOPROTOOPT, EPROTO, EINVAL, EPERM});
}

Finding gone(const Evidence& evidence, Cause cause, const std::string& what,
             const std::string& seen, std::string explanation, std::string advice) {
  return {cause, silence_headline(evidence, what),
          fmt::format("{}; {}", seen, lost_bytes(evidence)), std::move(explanation),
          std::move(advice)};
}

std::optional<Finding> interface_went_down(const Evidence& evidence) {
  const auto& link = evidence.transfer.link;
  if (!link || link->up) return std::nullopt;
  const std::string name = escape(link->name);
  return gone(evidence, Cause::interface_down, fmt::format("interface {} is down", name),
              fmt::format("{}, which has this connection's address {}, is down", name,
                          evidence.transfer.local.host()),
              fmt::format("interface {}, by which this connection goes, went down", name),
              fmt::format("ip link set {} up", name));
}

std::optional<Finding> address_gone(const Evidence& evidence) {
  if (!evidence.transfer.local_gone) return std::nullopt;
  const std::string own = evidence.transfer.local.host();
  Finding finding =
      gone(evidence, Cause::address_not_local,
           fmt::format("this host no longer has the address {}", own),
           fmt::format("no interface has {} any more", own),
           fmt::format("this host has lost {}, the connection's own address: what it sends is not "
                       "from there, and answers do not come to it",
                       own),
           "ip addr; another connection");
  // An IPv4 address stays when its interface is switched off.
  if (evidence.transfer.local.family() == AF_INET6 && !evidence.path.down_interfaces.empty()) {
    finding.explanation += fmt::format(
        "; {}: an interface that is switched off loses those of IPv6", down_words(evidence.path));
    finding.or_else = Cause::interface_down;
  }
  return finding;
}

std::optional<Finding> carrier_gone(const Evidence& evidence) {
  const auto& link = evidence.transfer.link;
  if (!link || link->carrier || link->loopback) return std::nullopt;
  const std::string name = escape(link->name);
  return gone(evidence, Cause::neighbour_silent, fmt::format("interface {} has no carrier", name),
              fmt::format("{} has no carrier", name),
              fmt::format("interface {} has lost its carrier: its cable, radio or other end is not "
                          "there",
                          name),
              "this host's cable or radio (ip link)");
}

// By an entry of its tables, by what one more connect says, or by a rule.
std::optional<Finding> route_refuses_now(const Evidence& evidence) {
  const auto& route = evidence.path.route;
  const auto& again = evidence.probes.again;
  const auto& refusals = evidence.policy.refusals;
  const bool tried = again && again->answer == Answer::not_sent &&
                     sys::is_routing_error(again->error) && again->error != ENETUNREACH;
  const auto refused = [&](int error, const std::string& by) {
    return gone(evidence, route_cause(error), "this host's own routing refuses it now", by,
                fmt::format("this host's own routing refuses what goes to {} now, by {}",
                            evidence.peer.host(), by),
                fmt::format("ip rule; ip route get {}", evidence.peer.host()));
  };
  if (const int error = route ? sys::refusal_errno(route->type) : 0; error != 0) {
    return refused(error, fmt::format("the route {} {} in its tables",
                                      sys::route_type_name(route->type), route->text()));
  }
  if (tried) {
    return refused(again->error,
                   fmt::format("the answer to one more connect: {} ({})",
                               sys::errno_text(again->error), sys::errno_name(again->error)));
  }
  if (refusals.empty() || !refusals.front().certain) return std::nullopt;
  return refused(errno_of(refusals.front()), refusal_text(refusals.front()));
}

std::optional<Finding> route_gone(const Evidence& evidence) {
  const int look_up = evidence.policy.look_up_error.value_or(0);
  const bool none = evidence.path.routes_known && !evidence.path.route &&
                    (look_up == ENETUNREACH || look_up == EHOSTUNREACH);
  if (!none) return std::nullopt;
  const std::string host = evidence.peer.host();
  return gone(evidence, Cause::no_route, fmt::format("no route to {} any more", host),
              fmt::format("no entry of this host's routing tables leads to {} now", host),
              fmt::format("this host has lost its route to {} since the connection was made", host),
              fmt::format("ip route; a route or default gateway for {}", host));
}

// One more SYN that drew an ICMP error of this host itself.
const tcp::SynProbe* own_answer(const Evidence& evidence) {
  const tcp::SynProbe* const told = drew_error(evidence);
  return told != nullptr && is_of_this_host(evidence, told->icmp->offender) ? told : nullptr;
}

std::optional<Finding> neighbour_gone(const Evidence& evidence) {
  const auto& neighbour = evidence.path.neighbour;
  const bool failed = neighbour && (neighbour->state == NeighbourState::failed ||
                                    neighbour->state == NeighbourState::incomplete);
  const tcp::SynProbe* const told = own_answer(evidence);
  const bool by_icmp =
      told != nullptr && says_host_unreachable(*told->icmp) && told->after >= at_once;
  if (!failed && !by_icmp) return std::nullopt;
  const bool gateway = by_gateway(evidence);
  const std::string who =
      fmt::format("{}{}", gateway ? "gateway " : "", evidence.path.next_hop.host());
  const std::string on =
      evidence.path.link ? fmt::format(" on {}", escape(evidence.path.link->name)) : "";
  const std::string protocol = neighbour_protocol(evidence.peer);
  return gone(evidence, Cause::neighbour_silent,
              fmt::format("no answer to {} from {}{} any more", protocol, who, on),
              fmt::format("no answer to {} for {}{}", protocol, who, on),
              fmt::format("{} is no longer there{}: {} down, unplugged, or elsewhere", who, on,
                          gateway ? "it is" : "the host is"),
              gateway ? "the gateway's power and its cable" : "the host's power and cable");
}

std::optional<Finding> own_filter(const Evidence& evidence) {
  const std::string host = evidence.peer.host();
  const std::string rules = "this host's own rules for output: nft list ruleset, as root";
  if (const tcp::SynProbe* const told = own_answer(evidence)) {
    return gone(
        evidence, Cause::rejected_here, "rejected by this host itself",
        fmt::format("one more SYN drew {} ({}) from this host itself", icmp_meaning(*told->icmp),
                    icmp_evidence(*told->icmp)),
        fmt::format("a packet filter on this host itself rejects what goes to {} now", host),
        rules);
  }
  const auto& again = evidence.probes.again;
  if (again && again->answer == Answer::not_sent && again->error == EPERM) {
    return gone(evidence, Cause::output_filter, "not permitted by this host (EPERM)",
                "one more SYN was not permitted (EPERM)",
                fmt::format("a packet filter on this host itself drops what goes to {} now", host),
                rules);
  }
  // Timeouts were counted, and no segment left again. What waits for a neighbour does not either.
  const auto& neighbour = evidence.path.neighbour;
  const bool reached = neighbour && !neighbour->link_address.empty();
  const bool timeouts =
      evidence.info && (evidence.info->retransmits.value_or(0) > 0 ||
                        (lost_with(evidence, {ETIMEDOUT}) && evidence.after >= 1s &&
                         evidence.transfer.undelivered > 0));
  // A zero window is asked about by probes, which do not count.
  const bool window = evidence.info && evidence.info->snd_wnd.value_or(1) > 0;
  if (!timeouts || !window || evidence.info->total_retrans != 0U || !reached) return std::nullopt;
  const auto& refusals = evidence.policy.refusals;
  Finding finding = gone(
      evidence, Cause::filtered_here, "what is sent does not leave this host",
      "sent again in vain: not one segment left this host a second time",
      fmt::format("a packet filter on this host itself, or its traffic control, drops what goes to "
                  "{}; or its policy routing refuses it by a rule with conditions{}",
                  host, refusals.empty() ? "" : ": " + refusal_text(refusals.front())),
      rules + "; tc filter show; ip rule");
  finding.or_else =
      refusals.empty() ? Cause::route_unreachable : route_cause(errno_of(refusals.front()));
  return finding;
}

constexpr std::array<Rule, 7> in_turn{interface_went_down, address_gone, carrier_gone,
                                      route_refuses_now,   route_gone,   neighbour_gone,
                                      own_filter};

std::optional<Finding> way_gone(const Evidence& evidence) {
  return way_in_doubt(evidence) ? first_of(in_turn, evidence) : std::nullopt;
}

constexpr std::array<Rule, 1> rules{way_gone};

}  // namespace

std::span<const Rule> way_rules() {
  return rules;
}

}  // namespace tcptool::diagnose
