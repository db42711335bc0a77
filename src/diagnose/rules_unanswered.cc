// SPDX-License-Identifier: MIT
// connect(2) timed out: no answer of any kind came to the SYN.
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "diagnose/rules.h"

namespace tcptool::diagnose {
namespace {

// Segments came back, and none of them was an answer to the SYN: RFC 5961 section 4, of a peer that
// has a connection from this address and port already.
std::optional<Finding> answered_with_acks(const Evidence& evidence) {
  const std::uint32_t came = evidence.info ? evidence.info->segs_in.value_or(0) : 0;
  if (!unanswered(evidence) || came == 0) return std::nullopt;
  const std::string host = evidence.peer.host();
  return Finding{
      Cause::stale_connection,
      fmt::format("timed out after {} ({}; what came back belongs to no new connection)",
                  format_duration(evidence.after), syn_count(evidence.info)),
      fmt::format("{}, {} came back, none of which answers a SYN", syn_count(evidence.info),
                  count_of(came, "segment")),
      fmt::format(
          "{} still has an older connection from the same address and port, and answers the "
          "SYN with an ACK of that one; the RST by which this host would end it is lost or "
          "filtered on the way",
          host),
      "another source port (-p); what filters RSTs on the way"};
}

// A SYN to the same port, to learn of the way, was answered.
std::optional<Finding> answered_since(const Evidence& evidence) {
  const auto& path = evidence.probes.path;
  if (!unanswered(evidence) || path.empty() || !path.back().answered_by_tcp()) return std::nullopt;
  Finding finding{
      Cause::filtered_or_down, timeout_headline(evidence),
      fmt::format("{} without an answer; one more was answered with {}", syn_count(evidence.info),
                  answer_word(path.back().answer)),
      fmt::format(
          "{} answers port {} now: it or the way to it was down until then, or SYNs get "
          "lost on the way, or a packet filter or a full accept queue lets few of them pass",
          evidence.peer.host(), evidence.peer.port()),
      "again"};
  finding.or_else = Cause::accept_queue_full;
  return finding;
}

// Another SYN was answered: the host is up and the path is whole, so that the port is filtered.
std::optional<Finding> filtered_port(const Evidence& evidence) {
  const auto& other = evidence.probes.other;
  if (!unanswered(evidence) || !another_port_answered(evidence)) return std::nullopt;
  const std::string_view between = next_hop_is_peer(evidence) ? "" : ", on the way";
  const std::string host = evidence.peer.host();
  Finding finding{
      Cause::filtered_by_host, timeout_headline(evidence),
      fmt::format("{} to port {} without an answer; one SYN to port {} was answered "
                  "with {} after {}",
                  syn_count(evidence.info), evidence.peer.port(), other->peer.port(),
                  answer_word(other->answer), format_duration(other->after)),
      fmt::format("{} is up, but SYNs to port {} or their answers are dropped: by a packet filter "
                  "(there{} or on this host), or by a listener whose accept queue is full",
                  host, evidence.peer.port(), between),
      fmt::format("the filters' rules for tcp port {} on {}{} and on this host",
                  evidence.peer.port(), host, between)};
  finding.or_else = Cause::accept_queue_full;
  return finding;
}

std::string unanswered_words(const Evidence& evidence) {
  return fmt::format("{} in {}, no answer, and no ICMP error", syn_count(evidence.info),
                     format_duration(evidence.after));
}

// Others of this run got through to the same port.
std::optional<Finding> some_unanswered(const Evidence& evidence) {
  if (!unanswered(evidence) || evidence.connected_beside == 0) return std::nullopt;
  const std::string made = fmt::format("{} beside it {} made", evidence.connected_beside,
                                       evidence.connected_beside == 1 ? "was" : "were");
  Finding finding{
      Cause::accept_queue_full, timeout_headline(evidence),
      fmt::format("{}; {} to the same port", unanswered_words(evidence), made),
      fmt::format("{} is up and listens: its accept queue is full, so that its kernel "
                  "drops further SYNs, or a packet filter limits how many connections there may be",
                  evidence.peer.host()),
      fmt::format("on {}: ss -ltn 'sport = {}' shows the queue (Recv-Q) and its backlog (Send-Q)",
                  evidence.peer.host(), evidence.peer.port())};
  finding.or_else = Cause::filtered_by_host;
  return finding;
}

// The host is on our link: it answers ARP or neighbour discovery, yet not the SYN; or it did once.
std::optional<Finding> silent_on_link(const Evidence& evidence) {
  if (!unanswered(evidence) || !next_hop_is_peer(evidence)) return std::nullopt;
  const auto& neighbour = evidence.path.neighbour;
  const std::string host = evidence.peer.host();
  Finding finding{
      Cause::filtered_or_down, timeout_headline(evidence), unanswered_words(evidence), {}, {}};
  const std::string back = evidence.source.known() ? evidence.source.host() : "this host";
  if (next_hop_heard(evidence)) {
    finding.cause = Cause::filtered_by_host;
    finding.or_else = Cause::accept_queue_full;
    finding.explanation = fmt::format(
        "{}, or a proxy in its place, answers {}, but no answer to the SYN comes: a packet filter "
        "there or on this host drops it or the answer, or the accept queue of a listener there is "
        "full, or it has no way back to {}; or, behind a proxy, the host is down",
        host, neighbour_protocol(evidence.peer), back);
    finding.advice =
        fmt::format("the filter's rules on {} for tcp port {}; ss -ltn there shows the queue", host,
                    evidence.peer.port());
    return finding;
  }
  const bool known = neighbour && !neighbour->link_address.empty() &&
                     neighbour->state != sys::NeighbourState::permanent;
  finding.explanation = fmt::format(
      "{} is on this host's own link{}: it is down or has left, or a packet filter there or on "
      "this host drops the SYN or its answer, or the accept queue of a listener there is full, or "
      "it has no way back to {}",
      host, known ? " and was heard of before" : "", back);
  finding.advice = evidence.probes.made
                       ? fmt::format("whether {} is up; the rules of the packet filters", host)
                       : std::string("--diagnose active: a SYN to another port tells which");
  return finding;
}

std::string tunnel_words(const sys::Link& link) {
  const std::string name = escape(link.name);
  const bool tunnel = is_tunnel(link) || link.kind == "tun" || link.kind == "ppp";
  return tunnel ? fmt::format("the tunnel {}", name)
                : fmt::format("interface {}, which asks for no neighbours", name);
}

// Beyond a link on which nobody is asked for an address, so that none of its neighbours is known.
std::optional<Finding> beyond_tunnel(const Evidence& evidence) {
  if (!unanswered(evidence) || !behind_tunnel(evidence) || !last_hop(evidence).empty()) {
    return std::nullopt;
  }
  const sys::Link& link = *evidence.path.link;
  const std::string host = evidence.peer.host();
  Finding finding{
      Cause::filtered_or_down, timeout_headline(evidence), unanswered_words(evidence),
      fmt::format("{} is behind {}: the other end of that is dead, or has no route to {} or back, "
                  "or a packet filter there, on the way or on this host drops the SYN or its "
                  "answer, or the host is down, or its listener's accept queue is full",
                  host, tunnel_words(link), host),
      link.kind == "wireguard"
          ? fmt::format("wg show {}, as root, for the latest handshake", escape(link.name))
          : fmt::format("whether the other end of {} answers", escape(link.name))};
  if (!link.carrier) {
    finding.cause = Cause::interface_down;
    finding.or_else = Cause::filtered_or_down;
    finding.evidence = fmt::format("{} has no carrier; {}", escape(link.name), finding.evidence);
    finding.explanation = fmt::format(
        "{} has no carrier: the program or device that serves it is not there (if that "
        "went only now, its other end, a packet filter or {} may be at fault)",
        tunnel_words(link), host);
    finding.advice =
        fmt::format("what serves {} (ip -d link show {})", escape(link.name), escape(link.name));
  } else if (evidence.probes.made) {
    finding.evidence += "; no hop answered a SYN with a small TTL";
  } else {
    finding.advice += "; --diagnose active: the hops of the way";
  }
  return finding;
}

std::optional<Finding> filtered_or_down(const Evidence& evidence) {
  if (!unanswered(evidence)) return std::nullopt;
  const std::string host = evidence.peer.host();
  Finding finding{Cause::filtered_or_down, timeout_headline(evidence), unanswered_words(evidence),
                  fmt::format("a packet filter on this host, on the way or on {} drops the SYN or "
                              "its answer, or the way is broken, or the host is down or has no "
                              "route back, or its listener's accept queue is full",
                              host),
                  "--diagnose active: a SYN to another port and the hops of the way tell which"};
  if (!evidence.probes.made) return finding;
  finding.advice = fmt::format("whether {} is up; the rules of the filters on the way", host);
  if (const std::string hop = last_hop(evidence); !hop.empty()) {
    finding.explanation = fmt::format(
        "SYNs get as far as {}; a packet filter there, behind it or on this host (or its "
        "rp_filter) drops them or their answers, or the way is broken behind it, or {} is down or "
        "has no route back",
        hop, host);
    finding.advice = fmt::format(
        "the rules and routes of {}; whether {} is up, and its own route to this host", hop, host);
    finding.evidence += fmt::format("; the last hop that is known is {}", hop);
  } else if (by_gateway(evidence)) {
    finding.evidence += "; no hop answered a SYN with a small TTL";
    finding.explanation +=
        fmt::format("; or gateway {} does not forward", evidence.path.next_hop.host());
  }
  return finding;
}

constexpr std::array<Rule, 7> rules{answered_with_acks, answered_since, some_unanswered,
                                    filtered_port,      silent_on_link, beyond_tunnel,
                                    filtered_or_down};

}  // namespace

std::span<const Rule> unanswered_rules() {
  return rules;
}

}  // namespace tcptool::diagnose
