// SPDX-License-Identifier: MIT
// Nothing is acknowledged on an established connection any more, until the kernel gave it up or the
// user's time was over.
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

using Answer = tcp::SynProbe::Answer;
using End = TransferFacts::End;

const tcp::TcpInfo* sample(const Evidence& evidence) {
  return evidence.info ? &*evidence.info : nullptr;
}

bool retransmitting(const Evidence& evidence) {
  const tcp::TcpInfo* const info = sample(evidence);
  return info != nullptr && info->retransmits.value_or(0) > 0;
}

std::string retransmissions(const Evidence& evidence) {
  const tcp::TcpInfo* const info = sample(evidence);
  if (info == nullptr || !info->total_retrans) return "retransmitted in vain";
  return count_of(std::max(*info->total_retrans, info->retransmits.value_or(0)), "retransmission");
}

std::string last_heard(const Evidence& evidence) {
  const tcp::TcpInfo* const info = sample(evidence);
  if (info == nullptr || !info->last_ack_received) return "";
  return fmt::format(", last heard of it {} before", format_duration(*info->last_ack_received));
}

std::uint64_t acknowledged_bytes(const Evidence& evidence) {
  const tcp::TcpInfo* const info = sample(evidence);
  const std::uint64_t syn = evidence.transfer.active ? 1 : 0;
  const std::uint64_t acked = info == nullptr ? 0 : info->bytes_acked.value_or(0);
  return acked > syn ? acked - syn : 0;
}

// The peer was heard of since the segments were sent again: their timeouts double, so that at the
// second of them three quarters of the present one have passed.
bool still_heard(const Evidence& evidence) {
  const tcp::TcpInfo* const info = sample(evidence);
  if (info == nullptr || !info->last_ack_received || !info->rto) return false;
  return info->retransmits.value_or(0) > 1 && *info->last_ack_received * 5 < *info->rto * 3;
}

constexpr std::uint32_t every_path_takes = 536;  // bytes: RFC 9293 section 3.7.1

// Full segments go unanswered although small ones were acknowledged on the same connection.
bool stuck_on_full_segments(const Evidence& evidence) {
  const tcp::TcpInfo* const info = sample(evidence);
  if (info == nullptr || !info->snd_mss || !retransmitting(evidence)) return false;
  const std::uint64_t acked = acknowledged_bytes(evidence);
  const bool small_ones_acked = acked > 0 && acked < *info->snd_mss;
  return small_ones_acked && *info->snd_mss > every_path_takes &&
         evidence.transfer.undelivered >= *info->snd_mss;
}

// What is sent again may be larger than anything that was acknowledged before.
bool none_so_large_before(const Evidence& evidence) {
  const tcp::TcpInfo* const info = sample(evidence);
  if (info == nullptr || !info->snd_mss || !info->bytes_acked) return false;
  const std::uint64_t segment =
      std::min<std::uint64_t>(*info->snd_mss, evidence.transfer.undelivered);
  constexpr std::uint64_t tunnels_take = 1200;  // bytes: IPv6's 1280, less both headers
  return retransmitting(evidence) && segment > tunnels_take &&
         acknowledged_bytes(evidence) < segment;
}

std::optional<Finding> path_mtu_black_hole(const Evidence& evidence) {
  // Whatever the network says of the way outweighs it.
  const bool silence = lost_with(evidence, {ETIMEDOUT}) || waited_in_vain(evidence);
  if (!silence || evidence.transfer.soft_error || !stuck_on_full_segments(evidence)) {
    return std::nullopt;
  }
  const auto& again = evidence.probes.again;
  if (again && !again->answered_by_tcp()) return std::nullopt;
  const tcp::TcpInfo& info = *sample(evidence);
  const std::string seen = fmt::format(
      "{}; full segments of {} bytes go unacknowledged ({}), smaller ones were "
      "acknowledged",
      lost_bytes(evidence), *info.snd_mss, retransmissions(evidence));
  const std::string time = format_duration(evidence.after);
  const std::string_view hole =
      "a path MTU black hole (a link on the way takes only smaller packets, and the ICMP error "
      "that says so is filtered)";
  Finding finding{Cause::path_mtu_black_hole,
                  fmt::format("timed out after {}: no acknowledgement any more", time), seen,
                  fmt::format("{}, or the peer is gone", hole),
                  "--diagnose active tells which; -o TCP_MAXSEG=536 passes a black hole"};
  finding.or_else = Cause::peer_vanished;
  if (again) {
    finding.headline = fmt::format("timed out after {}: full segments do not get through", time);
    finding.evidence += "; " + probe_answer(*again);
    finding.explanation =
        fmt::format("{}; or a firewall or NAT on the way has forgotten this connection", hole);
    finding.advice = "-o TCP_MAXSEG=536, which passes it; the MTU and the ICMP rules of the way";
  }
  return finding;
}

// What was sent was sent again in vain, until the kernel gave up or the user's time was over.
bool unacknowledged(const Evidence& evidence) {
  const bool again = retransmitting(evidence);
  if (waited_in_vain(evidence)) return again;
  return lost_with(evidence, {ETIMEDOUT}) && (again || evidence.transfer.undelivered > 0);
}

// This host's own routing has a way there, and no rule that may refuse it, so that the error is the
// network's.
bool routed_now(const Evidence& evidence) {
  return evidence.policy.look_up_error == 0 && evidence.policy.refusals.empty();
}

// And the network said why. Whether that or ETIMEDOUT is the kernel's last word is chance.
std::optional<Finding> unreachable(const Evidence& evidence) {
  const auto& soft = evidence.transfer.soft_error;
  const bool last_word = lost_with(evidence, {EHOSTUNREACH, ENETUNREACH, ENETDOWN, EHOSTDOWN,
                                              ECONNREFUSED, ENOPROTOOPT, EACCES, EPROTO});
  const auto& again = evidence.probes.again;
  const tcp::SynProbe* const told = drew_error(evidence);
  const bool mended = again && again->answered_by_tcp();
  const bool timed_out = unacknowledged(evidence) || lost_with(evidence, {ETIMEDOUT});
  const bool meanwhile =
      (told != nullptr && timed_out) || (soft && !mended && unacknowledged(evidence));
  if (!last_word && !meanwhile) return std::nullopt;
  if (told != nullptr) return told_by_probe(evidence, *told);
  const int error = last_word ? evidence.error.error : *soft;
  // Many ICMP errors have one errno: "no route to host" is also a filter's "prohibited".
  const bool by_icmp = error != ENETDOWN && routed_now(evidence);
  const std::string said =
      by_icmp ? fmt::format("an ICMP error: {}", sys::errno_name(error))
              : fmt::format("{} ({})", sys::errno_text(error), sys::errno_name(error));
  const bool lost = evidence.transfer.end == End::lost;
  const std::string host = evidence.peer.host();
  Finding finding{
      Cause::unreachable_soft, silence_headline(evidence, said),
      fmt::format("{}{}; {}, {}{}{}",
                  by_icmp ? "" : "an ICMP error of the way, or this host's routes: ", said,
                  lost_bytes(evidence), retransmissions(evidence), ended_by(evidence),
                  again ? "; " + probe_answer(*again) : ""),
      fmt::format("a packet filter began to reject what goes to {}, or the way there broke", host),
      fmt::format("the packet filters of the way, and {}",
                  by_icmp ? "its routes" : "the routes of it and of this host (ip route)")};
  if (error == EHOSTUNREACH && !next_hop_is_peer(evidence)) {
    finding.explanation +=
        ", or it is down, so that the last router gets no answer from it on its link";
    finding.advice += fmt::format("; whether {} is up", host);
    finding.or_else = Cause::unreachable_on_the_way;
  }
  finding.explanation +=
      fmt::format(", while the connection lived{}", lost ? ", and TCP gave up" : "");
  if (!again) finding.advice += "; --diagnose active asks who says so";
  return finding;
}

std::string_view between(const Evidence& evidence) {
  return next_hop_is_peer(evidence) ? "the link to it" : "the way to it or back";
}

// What SYNs found of the peer since: they leave less to be supposed.
void sharpen(const Evidence& evidence, Finding& finding) {
  const auto& again = evidence.probes.again;
  if (!again) return;
  finding.evidence += "; " + probe_answer(*again);
  finding.advice = still_heard(evidence) ? "the routes and the packet filters of the way to it"
                                         : "the host's power, and the way to it";
  const std::string host = evidence.peer.host();
  if (again->answered_by_tcp()) {
    finding.explanation = fmt::format(
        "{} is up and answers new SYNs, but this connection is no longer acknowledged: a firewall "
        "or NAT on the way has forgotten it{}; or the way was broken for a while",
        host, acknowledged_bytes(evidence) == 0 ? ", or passes nothing but SYNs" : "");
    finding.advice = "--keepalive, shorter than that firewall or NAT remembers";
  } else if (another_port_answered(evidence)) {
    blame_filter_of_port(evidence, finding);
  } else if (const std::string hop = last_hop(evidence); !hop.empty()) {
    finding.evidence += fmt::format("; SYNs get as far as {}", hop);
    if (still_heard(evidence)) return;
    finding.explanation = fmt::format(
        "{} has gone silent: it is down, or the way is broken behind {}, or a packet filter there, "
        "behind it or on this host (or its rp_filter) began to drop",
        host, hop);
  }
}

std::optional<Finding> peer_vanished(const Evidence& evidence) {
  if (!unacknowledged(evidence)) return std::nullopt;
  const auto& again = evidence.probes.again;
  Finding finding{
      Cause::peer_vanished,
      evidence.transfer.end == End::lost
          ? fmt::format("connection lost after {}: timed out, the peer no longer acknowledges",
                        format_duration(evidence.transfer.duration))
          : fmt::format("timed out: no acknowledgement, and nothing received for {}",
                        format_duration(evidence.after)),
      fmt::format("{}, {}{}{}{}", lost_bytes(evidence), retransmissions(evidence),
                  evidence.transfer.undelivered == 0 ? " of the FIN" : "", last_heard(evidence),
                  ended_by(evidence)),
      fmt::format(
          "{} has gone silent: the host is down, or {} is broken, or a packet filter began to drop",
          evidence.peer.host(), between(evidence)),
      "whether the host answers a new connection (--diagnose active tries)"};
  if (still_heard(evidence)) {
    finding.explanation = fmt::format(
        "{} is still heard of, but what is sent to it is lost: {} is broken in that direction, or "
        "a packet filter drops it",
        evidence.peer.host(), next_hop_is_peer(evidence) ? "the link to it" : "the way to it");
  }
  sharpen(evidence, finding);
  if (none_so_large_before(evidence) && (!again || again->answered_by_tcp())) {
    finding.explanation +=
        "; or a link on the way takes only smaller packets than these, and the ICMP error that "
        "says so is filtered (a path MTU black hole)";
    finding.advice = "-o TCP_MAXSEG=536, which passes such a link; else " + finding.advice;
    finding.or_else = Cause::path_mtu_black_hole;
  }
  return finding;
}

std::optional<Finding> keepalive_unanswered(const Evidence& evidence) {
  if (!lost_with(evidence, {ETIMEDOUT})) return std::nullopt;
  Finding finding{
      Cause::keepalive_unanswered,
      fmt::format("connection lost after {}: timed out, the peer answers no keepalive "
                  "probe",
                  format_duration(evidence.transfer.duration)),
      fmt::format("{}; keepalive probes unanswered{}", lost_bytes(evidence), last_heard(evidence)),
      fmt::format("{} is gone without a FIN or RST: the host is down, or {} is broken, or a packet "
                  "filter or NAT dropped the connection",
                  evidence.peer.host(), between(evidence)),
      "whether the host answers a new connection (--diagnose active tries)"};
  sharpen(evidence, finding);
  const tcp::TcpInfo* const info = sample(evidence);
  if (info == nullptr || !info->retransmits) finding.or_else = Cause::peer_vanished;
  return finding;
}

constexpr std::array<Rule, 4> rules{path_mtu_black_hole, unreachable, peer_vanished,
                                    keepalive_unanswered};

}  // namespace

Finding told_by_probe(const Evidence& evidence, const tcp::SynProbe& probe) {
  const tcp::IcmpError& icmp = *probe.icmp;
  const std::string router = icmp.offender.host();
  // A rule would have answered the first SYN as well, and at once.
  const auto& again = evidence.probes.again;
  const bool late = probe.after >= at_once || (again && again->answer == Answer::none);
  const std::string host = evidence.peer.host();
  Finding finding{Cause::unreachable_soft, silence_headline(evidence, icmp_meaning(icmp)),
                  fmt::format("one more SYN{} drew {} after {}; {}{}{}",
                              probe.peer.port() == evidence.peer.port()
                                  ? ""
                                  : fmt::format(", to port {},", probe.peer.port()),
                              icmp_evidence(icmp), format_duration(probe.after),
                              lost_bytes(evidence), retransmitting(evidence) ? ", " : "",
                              retransmitting(evidence) ? retransmissions(evidence) : ""),
                  fmt::format("{} rejects what goes to {} now: its packet filter, or a route there",
                              router, host),
                  fmt::format("the filter's rules and the routes on {}", router)};
  if (is_ttl_exceeded(icmp)) {
    finding.cause = Cause::ttl_exceeded;
    finding.explanation = fmt::format("a routing loop: what goes to {} goes round now", host);
    finding.advice = fmt::format("the routes to {} on the routers of the way", host);
  } else if (says_host_unreachable(icmp) && !late && !another_port_answered(evidence)) {
    // At once, or out of a wait for the host's link-layer address that was under way.
    finding.explanation = fmt::format(
        "router {} cannot deliver to {} any more: it gets no answer from it on its link, or a rule "
        "of its packet filter or a route there refuses",
        router, host);
    finding.advice = fmt::format("the host {}; the rules and the routes on {}", host, router);
    finding.or_else = Cause::unreachable_on_the_way;
  } else if (says_host_unreachable(icmp) && late) {
    finding.cause = Cause::unreachable_on_the_way;
    finding.explanation = fmt::format(
        "router {} gets no answer from {} on its link: the host is down, or not there any more",
        router, host);
    finding.advice = fmt::format("the host {}", host);
  }
  return finding;
}

std::span<const Rule> silence_rules() {
  return rules;
}

}  // namespace tcptool::diagnose
