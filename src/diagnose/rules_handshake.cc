// SPDX-License-Identifier: MIT
// connect(2) failed with TCP's own answer, a RST, or with none at all.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text.h"
#include "diagnose/icmp_names.h"
#include "diagnose/rules.h"

namespace tcptool::diagnose {
namespace {

using Answer = tcp::SynProbe::Answer;

constexpr unsigned state_listen = 10;  // as tcpi_state

bool refused(const Evidence& evidence) {
  return !evidence.icmp && evidence.error.error == ECONNREFUSED;
}

// Whether a listener on `local` takes connections to `asked`.
bool takes(const sys::SocketRow& listener, const sys::Address& asked) {
  constexpr unsigned loopback = 1;  // by which a host speaks to itself; its number on every Linux
  if (listener.ifindex != 0 && listener.ifindex != loopback) return false;
  const sys::Address local = listener.local.unmapped().with_port(0);
  const sys::Address wanted = asked.unmapped().with_port(0);
  if (local == wanted || wanted.is_any()) return true;  // 0.0.0.0 and :: mean this host
  if (!local.is_any()) return false;
  return local.family() == wanted.family() || (local.family() == AF_INET6 && !listener.v6only);
}

}  // namespace

bool unanswered(const Evidence& evidence) {
  return !evidence.icmp && (evidence.timed_out || evidence.error.error == ETIMEDOUT);
}

const PortHolder* listener_for(const Evidence& evidence) {
  for (const PortHolder& holder : evidence.host.holders) {
    if (holder.socket.state == state_listen && takes(holder.socket, evidence.peer)) return &holder;
  }
  return nullptr;
}

std::string timeout_headline(const Evidence& evidence) {
  const unsigned again = evidence.info ? evidence.info->total_retrans.value_or(0) : 0;
  if (evidence.dropped_here.value_or(false)) {
    return fmt::format("timed out after {} ({})", format_duration(evidence.after),
                       dropped_here_words(again));
  }
  return fmt::format("timed out after {} ({}, nothing came back)", format_duration(evidence.after),
                     syn_count(evidence));
}

namespace {

std::string refusal(const Evidence& evidence) {
  return fmt::format("RST from {} in answer to the SYN after {}", evidence.peer.host(),
                     format_duration(evidence.after));
}

std::string refused_headline(const Evidence& evidence) {
  return fmt::format("connection refused (RST in answer to the SYN after {})",
                     format_duration(evidence.after));
}

std::optional<Finding> met_itself(const Evidence& evidence) {
  if (!evidence.met_itself) return std::nullopt;
  return Finding{
      Cause::met_itself,
      "nothing listens: the connection met itself, with one address and port at both ends",
      "our own SYN met our own socket (simultaneous open)",
      fmt::format("nothing listens on {}; the kernel chose the same port for our end",
                  evidence.peer.text()),
      fmt::format("whether the service on port {} has been started", evidence.peer.port())};
}

std::optional<Finding> listens_elsewhere(const Evidence& evidence) {
  if (!refused(evidence) || !evidence.path.own_address || listener_for(evidence) != nullptr) {
    return std::nullopt;
  }
  std::string where;
  std::string instead;
  std::size_t count = 0;
  const PortHolder* first = nullptr;
  for (const PortHolder& holder : evidence.host.holders) {
    if (holder.socket.state != state_listen) continue;
    if (first == nullptr) first = &holder;
    ++count;
    where += (where.empty() ? "" : " and ") + holder.socket.local.text();
    instead += (instead.empty() ? "" : " or ") + holder.socket.local.text();
    if (holder.socket.local.is_any() && holder.socket.v6only) where += " (IPv6 only)";
    if (holder.socket.ifindex != 0) where += " (of one interface only)";
  }
  if (first == nullptr) return std::nullopt;
  return Finding{Cause::listens_elsewhere, refused_headline(evidence),
                 fmt::format("{}; of this host's sockets only {} listen{} on port {}",
                             refusal(evidence), where, count == 1 ? "s" : "", evidence.peer.port()),
                 count == 1 ? fmt::format("{} listens only on {}, not on {}", holder_text(*first),
                                          where, evidence.peer.text())
                            : fmt::format("what listens on this host does so on {}, not on {}",
                                          where, evidence.peer.text()),
                 fmt::format("connect to {}, or let the service listen on all addresses", instead)};
}

std::optional<Finding> nothing_listens_here(const Evidence& evidence) {
  if (!refused(evidence) || !evidence.path.own_address) return std::nullopt;
  if (const PortHolder* const listener = listener_for(evidence)) {
    return Finding{Cause::filtered_here, refused_headline(evidence), refusal(evidence),
                   fmt::format("{} listens on {}, so a packet filter of this host's refuses in its "
                               "name, or it began to listen just now",
                               holder_text(*listener), listener->socket.local.text()),
                   "again; this host's rules: nft list ruleset, as root"};
  }
  if (!evidence.host.holders_known) return std::nullopt;
  return Finding{Cause::nothing_listens, refused_headline(evidence), refusal(evidence),
                 fmt::format("nothing on this host listens on port {}", evidence.peer.port()),
                 "whether the service is running, and on which port (ss -ltn)"};
}

// A packet filter that refuses in the host's name is nearer, which the RST's TTL shows.
std::optional<Finding> refused_on_the_way(const Evidence& evidence) {
  const auto& nearer = evidence.probes.nearer;
  if (!refused(evidence) || !nearer || nearer->answer != Answer::rst) return std::nullopt;
  Finding finding{Cause::rejected_on_the_way, refused_headline(evidence),
                  fmt::format("{}, but its TTL shows that it was sent nearer to us than {} is",
                              refusal(evidence), evidence.peer.host()),
                  fmt::format("a packet filter on the way refuses in the name of {} with RST "
                              "(unless the way back is shorter than the way there)",
                              evidence.peer.host()),
                  fmt::format("the filters before {}, for tcp port {}", evidence.peer.host(),
                              evidence.peer.port())};
  finding.or_else = Cause::nothing_listens;
  return finding;
}

// A SYN with a TTL of 1 does not get beyond the first router, and drew a RST.
std::optional<Finding> refused_before_the_first_router(const Evidence& evidence) {
  const auto& path = evidence.probes.path;
  const bool at_once = !path.empty() && path.front().ttl == 1 && path.front().answer == Answer::rst;
  if (!refused(evidence) || !at_once || next_hop_is_peer(evidence)) return std::nullopt;
  const std::string gateway = evidence.path.next_hop.host();
  Finding finding{
      Cause::rejected_on_the_way, refused_headline(evidence),
      fmt::format("{}, but so is a SYN with a TTL of 1, which gateway {} does not pass on",
                  refusal(evidence), gateway),
      fmt::format("a packet filter on this host or on gateway {} refuses in the name of "
                  "{} with RST",
                  gateway, evidence.peer.host()),
      fmt::format("the rules of this host and of {} for tcp port {}", gateway,
                  evidence.peer.port())};
  finding.or_else = Cause::rejected_here;
  return finding;
}

std::optional<Finding> nothing_listens(const Evidence& evidence) {
  if (!refused(evidence)) return std::nullopt;
  Finding finding{
      Cause::nothing_listens, refused_headline(evidence), refusal(evidence),
      fmt::format("nothing listens on port {} of {}, or a packet filter refuses in its name with "
                  "RST",
                  evidence.peer.port(), evidence.peer.host()),
      fmt::format("on {}: ss -ltn 'sport = {}' tells the two apart", evidence.peer.host(),
                  evidence.peer.port())};
  // On one's own link there is no way whose length would tell.
  if (!evidence.probes.made && evidence.path.next_hop.known() && !next_hop_is_peer(evidence)) {
    finding.advice += "; so may --diagnose active, by how far away the RST was sent";
  }
  finding.or_else = Cause::rejected_by_host;
  return finding;
}

std::string last_hop(const Evidence& evidence) {
  std::string last;
  for (const tcp::SynProbe& hop : evidence.probes.path) {
    const bool known = hop.icmp && hop.icmp->offender.known();
    if (known) last = fmt::format("hop {} ({})", hop.ttl, hop.icmp->offender.host());
  }
  return last;
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
                  syn_count(evidence), evidence.peer.port(), other->peer.port(),
                  other->answer == Answer::rst ? "RST" : "SYN-ACK", format_duration(other->after)),
      fmt::format("{} is up, but SYNs to port {} or their answers are dropped: by a packet filter "
                  "(there{} or on this host), or by a listener whose accept queue is full",
                  host, evidence.peer.port(), between),
      fmt::format("the filters' rules for tcp port {} on {}{} and on this host",
                  evidence.peer.port(), host, between)};
  finding.or_else = Cause::accept_queue_full;
  return finding;
}

std::string unanswered_words(const Evidence& evidence) {
  return fmt::format("{} in {}, no answer, and no ICMP error", syn_count(evidence),
                     format_duration(evidence.after));
}

// The host is on our link: it answers ARP or neighbour discovery, yet not the SYN; or it did once.
std::optional<Finding> silent_on_link(const Evidence& evidence) {
  if (!unanswered(evidence) || !next_hop_is_peer(evidence)) return std::nullopt;
  const auto& neighbour = evidence.path.neighbour;
  const std::string host = evidence.peer.host();
  Finding finding{
      Cause::filtered_or_down, timeout_headline(evidence), unanswered_words(evidence), {}, {}};
  if (neighbour && neighbour->state == sys::NeighbourState::reachable) {
    finding.cause = Cause::filtered_by_host;
    finding.or_else = Cause::accept_queue_full;
    finding.explanation = fmt::format(
        "{} is up (it answers {}), but no answer to the SYN comes: a packet filter there or on "
        "this host drops it or the answer, or the accept queue of a listener there is full",
        host, neighbour_protocol(evidence.peer));
    finding.advice =
        fmt::format("the filter's rules on {} for tcp port {}; ss -ltn there shows the queue", host,
                    evidence.peer.port());
    return finding;
  }
  const bool known = neighbour && !neighbour->link_address.empty();
  finding.explanation = fmt::format(
      "{} is on this host's own link{}: it is down or has left, or a packet filter there or on "
      "this "
      "host drops the SYN or its answer",
      host, known ? " and was heard of before" : "");
  finding.advice = evidence.probes.made
                       ? fmt::format("whether {} is up; the rules of the packet filters", host)
                       : std::string("--diagnose active: a SYN to another port tells which");
  return finding;
}

std::optional<Finding> filtered_or_down(const Evidence& evidence) {
  if (!unanswered(evidence)) return std::nullopt;
  const std::string host = evidence.peer.host();
  Finding finding{Cause::filtered_or_down, timeout_headline(evidence), unanswered_words(evidence),
                  fmt::format("a packet filter on this host, on the way or on {} drops the SYN or "
                              "its answer, or the host is down or has no route back, or its "
                              "listener's accept queue is full",
                              host),
                  "--diagnose active: a SYN to another port and the hops of the way tell which"};
  if (!evidence.probes.made) return finding;
  finding.advice = fmt::format("whether {} is up; the rules of the filters on the way", host);
  if (const std::string hop = last_hop(evidence); !hop.empty()) {
    finding.explanation = fmt::format(
        "SYNs get as far as {}; there or behind it a packet filter drops them or their answers, "
        "or {} is down or has no route back",
        hop, host);
    finding.advice = fmt::format(
        "the rules and routes of {}; whether {} is up, and its own route to this host", hop, host);
    finding.evidence += fmt::format("; the last hop that is known is {}", hop);
  } else if (const sys::Address& gateway = evidence.path.next_hop; gateway.known()) {
    finding.evidence += "; no hop answered a SYN with a small TTL";
    finding.explanation += fmt::format("; or gateway {} does not forward", gateway.host());
  }
  return finding;
}

constexpr std::array<Rule, 9> rules{
    met_itself,         listens_elsewhere, nothing_listens_here, refused_before_the_first_router,
    refused_on_the_way, nothing_listens,   filtered_port,        silent_on_link,
    filtered_or_down};

}  // namespace

std::span<const Rule> handshake_rules() {
  return rules;
}

}  // namespace tcptool::diagnose
