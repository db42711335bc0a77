// SPDX-License-Identifier: MIT
// connect(2) failed with TCP's own answer, a RST.
#include <fmt/format.h>

#include <array>
#include <cerrno>

#include "base/text.h"
#include "diagnose/rules.h"

namespace tcptool::diagnose {
namespace {

using Answer = tcp::SynProbe::Answer;

bool refused(const Evidence& evidence) {
  return !evidence.icmp && evidence.error.error == ECONNREFUSED;
}

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

// What to connect to instead: 0.0.0.0 and :: are for listeners, and one interface for who is there.
std::string reached_by(const sys::SocketRow& listener) {
  if (listener.ifindex != 0) return "";
  const sys::Address& local = listener.local;
  return local.is_any() ? sys::Address::loopback(local.family(), local.port()).text()
                        : local.text();
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
    const std::string way = reached_by(holder.socket);
    if (!way.empty()) instead += (instead.empty() ? "connect to " : " or ") + way;
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
                 fmt::format("{}{}let the service listen on all addresses", instead,
                             instead.empty() ? "" : ", or ")};
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
  Finding finding{Cause::nothing_listens, refused_headline(evidence), refusal(evidence),
                  fmt::format("nothing on this host listens on port {}", evidence.peer.port()),
                  "whether the service is running, and on which port (ss -ltn)"};
  if (const sys::Address host = evidence.peer.unmapped(); host.is_any()) {
    finding.explanation += fmt::format(
        "; or, where a name led to {}, it is blocked, by /etc/hosts or by a name server that "
        "filters "
        "(a sinkhole)",
        host.host());
    finding.advice += "; getent ahosts NAME";
  }
  return finding;
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
  if (!refused(evidence) || !at_once || !by_gateway(evidence)) return std::nullopt;
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

// Others of this run got through to the same port.
std::optional<Finding> some_refused(const Evidence& evidence) {
  if (!refused(evidence) || evidence.connected_beside == 0) return std::nullopt;
  const std::string host = evidence.peer.host();
  Finding finding{
      Cause::rejected_by_host, refused_headline(evidence),
      fmt::format("{}; {} beside it {} made", refusal(evidence), evidence.connected_beside,
                  evidence.connected_beside == 1 ? "was" : "were"),
      fmt::format("something listens on port {} of {}: a packet filter there or before it limits "
                  "how many connections there may be, with RST, or the listener was closed after "
                  "those that it took",
                  evidence.peer.port(), host),
      fmt::format("the filters' rules for {} tcp port {}; what listens there", host,
                  evidence.peer.port())};
  finding.or_else = Cause::nothing_listens;
  return finding;
}

std::optional<Finding> nothing_listens(const Evidence& evidence) {
  if (!refused(evidence)) return std::nullopt;
  Finding finding{
      Cause::nothing_listens, refused_headline(evidence), refusal(evidence),
      fmt::format("nothing listens on port {} of {}, or a packet filter refuses in its name with "
                  "RST (there{} or on this host)",
                  evidence.peer.port(), evidence.peer.host(),
                  next_hop_is_peer(evidence) ? "" : ", on the way"),
      fmt::format("on {}: ss -ltn 'sport = {}' tells the two apart", evidence.peer.host(),
                  evidence.peer.port())};
  finding.or_else = Cause::rejected_by_host;
  const std::string host = evidence.peer.host();
  if (evidence.probes.nearer) {  // unseen: see refused_on_the_way
    finding.evidence += fmt::format("; its TTL shows that it came from as far away as {} is", host);
    finding.explanation =
        fmt::format("nothing listens on port {} of {}, or a packet filter on {} itself refuses",
                    evidence.peer.port(), host, host);
  } else if (const auto& other = evidence.probes.other) {
    finding.evidence +=
        fmt::format("; to port {}: {}", other->peer.port(), answer_word(other->answer));
  } else if (!evidence.probes.made && evidence.path.next_hop.known() &&
             !next_hop_is_peer(evidence)) {  // on one's own link no length of the way would tell
    finding.advice += "; so may --diagnose active, by how far away the RST was sent";
  }
  return finding;
}

constexpr std::array<Rule, 7> rules{
    met_itself,   listens_elsewhere,  nothing_listens_here, refused_before_the_first_router,
    some_refused, refused_on_the_way, nothing_listens};

}  // namespace

std::span<const Rule> refusal_rules() {
  return rules;
}

}  // namespace tcptool::diagnose
