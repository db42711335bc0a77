// SPDX-License-Identifier: MIT
// connect(2) failed, or gave up, and this host's own ICMP errors, tables and counters say that the
// SYN got no further than this host: the link's other end is silent, a packet filter is in the way,
// or the listener that is here does not accept.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text.h"
#include "diagnose/icmp_names.h"
#include "diagnose/rules.h"

namespace tcptool::diagnose {
namespace {

// "for output to tcp port 80" and the like: where the rules are that stopped the SYN.
std::string rules_for(const Evidence& evidence, std::string_view hooks) {
  return fmt::format("this host's own rules for {} to tcp port {}: nft list ruleset, as root",
                     hooks, evidence.peer.port());
}

// This host's own kernel reports that nobody answered for the next hop's link-layer address.
std::optional<Finding> neighbour_silent(const Evidence& evidence) {
  const bool by_icmp = icmp_from_here(evidence) && says_host_unreachable(*evidence.icmp);
  // A router's error or a RST is the answer to a SYN that left, and this host itself has no link.
  const bool answered = (evidence.icmp && !by_icmp) || evidence.error.error == ECONNREFUSED;
  if (answered || evidence.path.own_address || behind_tunnel(evidence)) return std::nullopt;
  const bool by_errno = !evidence.icmp && evidence.error.error == EHOSTUNREACH &&
                        evidence.path.neighbour &&
                        evidence.path.neighbour->state == sys::NeighbourState::failed;
  const bool by_table = unanswered(evidence) && next_hop_silent(evidence.path);
  const bool by_state = evidence.timed_out && evidence.syn_unsent;
  const bool by_count = evidence.info && evidence.info->retransmits.value_or(0) > 0 &&
                        evidence.info->total_retrans == 0U && !next_hop_heard(evidence);
  if (!by_icmp && !by_errno && !by_table && !by_state && !by_count) return std::nullopt;
  // A filter of this host's may say "host unreachable" too: at once, or with the neighbour known.
  const bool known = evidence.path.neighbour && !evidence.path.neighbour->link_address.empty();
  const auto waited = icmp_delay(evidence).value_or(evidence.icmp_after);
  if (by_icmp && !by_count && (known || waited < at_once)) return std::nullopt;
  const bool known_hop = evidence.path.next_hop.known();
  const std::string hop = known_hop ? evidence.path.next_hop.host()
                                    : fmt::format("the next hop to {}", evidence.peer.host());
  const bool gateway = by_gateway(evidence);
  const std::string protocol = neighbour_protocol(evidence.peer);
  const std::string interface =
      evidence.path.link ? fmt::format(" on {}", escape(evidence.path.link->name)) : "";
  const std::string who = gateway ? fmt::format("gateway {}", hop) : hop;
  // An entry that is in vain now may have been good for the first of several SYNs; and one that was
  // sent again has followed one that had left, or that waited for the entry in vain.
  const bool again = evidence.info && evidence.info->total_retrans.value_or(0) > 0;
  const bool never_left = (by_icmp || by_errno || by_state || by_count) && !again;
  Finding finding{
      Cause::neighbour_silent,
      fmt::format("host unreachable: no answer to {} from {}{}", protocol, who, interface),
      fmt::format("no answer to {} for {}{}; {}", protocol, who, interface,
                  never_left ? "the SYN never left this host"
                  : again    ? "no SYN leaves this host now"
                             : "no SYN can leave this host"),
      fmt::format("{} is not there: {} itself, or the gateway to it", hop, evidence.peer.host()),
      "the address, and the host's power and cable"};
  if (gateway) {
    finding.explanation = fmt::format("the gateway to {} is not there: nobody{} answers for {}",
                                      evidence.peer.host(), interface, hop);
    finding.advice = "the gateway's address in ip route, its power and its cable";
  } else if (known_hop) {
    finding.explanation = fmt::format(
        "nobody{} answers for {}: the host is down, unplugged, or elsewhere; or the two are kept "
        "apart (another VLAN, client isolation)",
        interface, hop);
    finding.advice = "the address and this host's prefix (ip addr); the host's power and cable";
  }
  if (evidence.peer.unmapped().family() == AF_INET6) {
    finding.explanation +=
        "; or a packet filter, here or there, drops neighbour discovery (ICMPv6)";
  }
  // By then it has been asked a second time.
  constexpr std::chrono::milliseconds second_request(1000);
  if (!by_icmp && !by_errno && evidence.timed_out && evidence.after <= second_request) {
    finding.explanation +=
        fmt::format("; or the one {} that was sent in this time, or its answer, got lost",
                    evidence.peer.unmapped().family() == AF_INET6 ? "solicitation" : "request");
    finding.advice = "a longer -w; " + finding.advice;
    finding.or_else = Cause::filtered_or_down;
  }
  if (evidence.path.link && !evidence.path.link->carrier && !evidence.path.link->loopback) {
    const std::string name = escape(evidence.path.link->name);
    finding.or_else.reset();
    finding.headline = fmt::format("host unreachable: interface {} has no carrier", name);
    finding.evidence = fmt::format("{} has no carrier; {}", name, finding.evidence);
    finding.explanation = fmt::format(
        "interface {} has no carrier: its cable, radio or other end is not there", name);
    finding.advice = "this host's cable or radio (ip link)";
  }
  return finding;
}

std::optional<Finding> accept_queue_full(const Evidence& evidence) {
  if (!unanswered(evidence) || !evidence.path.own_address) return std::nullopt;
  const PortHolder* const listener = listener_for(evidence);
  if (listener == nullptr || listener->socket.rqueue <= listener->socket.wqueue) {
    return std::nullopt;
  }
  const sys::SocketRow& socket = listener->socket;
  return Finding{
      Cause::accept_queue_full, timeout_headline(evidence),
      fmt::format("{} without an answer; accept queue of {}: {} waiting, backlog {}",
                  syn_count(evidence.info), socket.local.text(), socket.rqueue, socket.wqueue),
      fmt::format("the accept queue of {} is full ({} waiting, backlog {}): {} does not "
                  "accept, and the kernel drops further SYNs",
                  socket.local.text(), socket.rqueue, socket.wqueue, holder_text(*listener)),
      "why that process does not accept; a larger backlog only delays it"};
}

std::optional<Finding> rejected_by_tunnel(const Evidence& evidence) {
  const auto& link = evidence.path.link;
  if (!icmp_from_here(evidence) || !says_host_unreachable(*evidence.icmp) || !link ||
      !is_tunnel(*link)) {
    return std::nullopt;
  }
  const std::string name = escape(link->name);
  const bool wireguard = link->kind == "wireguard";
  Finding finding = icmp_finding(
      evidence, Cause::rejected_here,
      wireguard
          ? fmt::format("WireGuard interface {} cannot send it: no peer's AllowedIPs have {}, "
                        "or that peer has no endpoint; or a packet filter on this host "
                        "rejects the connection",
                        name, evidence.peer.host())
          : fmt::format("tunnel {} ({}) cannot send it: its other end cannot be reached; or a "
                        "packet filter on this host rejects the connection",
                        name, link->kind),
      wireguard ? fmt::format("wg show {}, as root; the rules for output", name)
                : fmt::format("ip -d link show {}, and the route to its other end", name));
  finding.transport = "no SYN has left this host";
  return finding;
}

std::optional<Finding> loop_through_here(const Evidence& evidence) {
  const bool here = icmp_from_here(evidence) && is_ttl_exceeded(*evidence.icmp);
  if (!here || evidence.asked.ttl) return std::nullopt;
  return icmp_finding(evidence, Cause::ttl_exceeded,
                      "a routing loop through this host: the SYN came back to it, to be passed on, "
                      "until its time to live was used up here",
                      fmt::format("the routes to {} on this host and on its next hop (ip route)",
                                  evidence.peer.host()));
}

std::optional<Finding> rejected_here(const Evidence& evidence) {
  if (!icmp_from_here(evidence) || is_ttl_exceeded(*evidence.icmp)) return std::nullopt;
  if (!evidence.path.own_address) {
    Finding finding = icmp_finding(
        evidence, Cause::rejected_here,
        "a packet filter on this host itself rejects the connection: the SYN never left",
        rules_for(evidence, "output"));
    finding.transport = "no SYN has left this host";
    return finding;
  }
  if (!evidence.dropped_here) {
    return icmp_finding(evidence, Cause::rejected_here,
                        "a packet filter on this host itself rejects the connection, on the SYN's "
                        "way out or in",
                        rules_for(evidence, "output and for input"));
  }
  return icmp_finding(
      evidence, Cause::rejected_here,
      fmt::format("a packet filter on this host itself rejects the connection, on the SYN's way {}",
                  *evidence.dropped_here ? "out" : "in"),
      rules_for(evidence, *evidence.dropped_here ? "output" : "input"));
}

std::string dropped_row(const Evidence& evidence) {
  return dropped_here_words(evidence.info) + " (TCPRetransFail in /proc/net/netstat)";
}

// To this host itself.
std::optional<Finding> filtered_here(const Evidence& evidence) {
  if (!unanswered(evidence) || !evidence.path.own_address) return std::nullopt;
  const std::string host = evidence.peer.host();
  Finding finding{Cause::filtered_here, timeout_headline(evidence),
                  fmt::format("{} to this host itself, no answer", syn_count(evidence.info)),
                  fmt::format("{} is this host itself: its own packet filter drops the SYN, on its "
                              "way out or in, or the answer",
                              host),
                  rules_for(evidence, "output and for input")};
  if (evidence.dropped_here.value_or(false)) {
    finding.evidence = dropped_row(evidence);
    finding.explanation = fmt::format(
        "{} is this host itself: its own packet filter drops the SYN on its way out", host);
    finding.advice = rules_for(evidence, "output");
    return finding;
  }
  if (evidence.dropped_here) {
    finding.explanation = fmt::format(
        "{} is this host itself: its own packet filter drops the SYN on its way in, or the answer",
        host);
    finding.advice = rules_for(evidence, "input");
  }
  const PortHolder* const listener = listener_for(evidence);
  const bool queue_may_be_full =
      !evidence.host.holders_known ||
      (listener != nullptr && listener->socket.rqueue >= listener->socket.wqueue);
  if (queue_may_be_full) {
    finding.explanation += ", or the accept queue of the listener is full";
    finding.or_else = Cause::accept_queue_full;
  }
  return finding;
}

// To another host.
std::optional<Finding> filtered_on_its_way_out(const Evidence& evidence) {
  if (!unanswered(evidence) || !evidence.dropped_here.value_or(false)) return std::nullopt;
  return Finding{Cause::filtered_here, timeout_headline(evidence), dropped_row(evidence),
                 fmt::format("a packet filter on this host itself, or its traffic control, drops "
                             "what is sent to {}: the SYN does not leave",
                             evidence.peer.host()),
                 rules_for(evidence, "output") + "; tc filter show"};
}

// What has a loopback address does not leave; that of IPv4 is refused by connect(2) itself.
std::optional<Finding> source_is_loopback(const Evidence& evidence) {
  if (!unanswered(evidence) || evidence.path.own_address ||
      evidence.source.with_port(0) != sys::Address::loopback(AF_INET6, 0)) {
    return std::nullopt;
  }
  const std::string source = evidence.source.host();
  return Finding{
      Cause::source_cannot_reach, timeout_headline(evidence),
      fmt::format("source {}, of lo, for {}", source, evidence.peer.host()),
      fmt::format("what is sent from {}, a loopback address, gets no answer from another "
                  "host: no answer to it would find the way back",
                  source),
      "without -s, or with an address that the other host can answer (ip addr)"};
}

std::optional<Finding> route_leads_back(const Evidence& evidence) {
  if (!unanswered(evidence) || !leads_back_here(evidence.path)) return std::nullopt;
  const std::string host = evidence.peer.host();
  const std::string route =
      fmt::format("route {} on {}", evidence.path.route->text(), escape(evidence.path.link->name));
  return Finding{Cause::route_blackhole,
                 fmt::format("timed out after {}: the route leads back into this host",
                             format_duration(evidence.after)),
                 fmt::format("{}, and {} is no address of this host; {}, no answer", route, host,
                             syn_count(evidence.info)),
                 fmt::format("the {} leads back into this host, which does not have {} and "
                             "discards what comes for it",
                             route, host),
                 fmt::format("ip route get {}; a route by another interface", host)};
}

constexpr std::array<Rule, 9> rules{source_is_loopback, route_leads_back,  neighbour_silent,
                                    rejected_by_tunnel, loop_through_here, rejected_here,
                                    accept_queue_full,  filtered_here,     filtered_on_its_way_out};

}  // namespace

std::span<const Rule> here_rules() {
  return rules;
}

}  // namespace tcptool::diagnose
