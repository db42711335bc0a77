// SPDX-License-Identifier: MIT
// All that was sent on an established connection is acknowledged, and no data came, or could be
// taken, in the time that the user set.
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "diagnose/rules.h"

namespace tcptool::diagnose {
namespace {

using Answer = tcp::SynProbe::Answer;

// What became of one more SYN to the same port, and what follows.
void add_what_one_more_drew(const Evidence& evidence, Finding& finding) {
  const tcp::SynProbe& again = *evidence.probes.again;
  finding.evidence += "; " + probe_answer(again);
  const std::string host = evidence.peer.host();
  const std::uint16_t port = evidence.peer.port();
  if (again.answer == Answer::syn_ack) return;
  if (again.answer == Answer::rst) {
    finding.explanation += fmt::format(
        "; or it is gone, by a restart of {} perhaps: nothing listens on port {} there now", host,
        port);
    finding.or_else = Cause::peer_vanished;
  } else if (another_port_answered(evidence)) {
    finding.evidence += fmt::format("; port {} answers", evidence.probes.other->peer.port());
    finding.explanation += fmt::format(
        "; {} is up, though port {} answers no new SYN: its accept queue is full, or a packet "
        "filter drops what goes there now",
        host, port);
  } else {
    // Nothing was sent on the connection that would show it.
    finding.cause = Cause::peer_vanished;
    finding.or_else =
        evidence.transfer.received > 0 ? Cause::peer_silent_after_data : Cause::peer_silent;
    finding.explanation = fmt::format(
        "{} answers no new SYN: it is down, or the way to it is broken, or a packet filter drops "
        "what goes there now; else the peer's program just sends nothing",
        host);
    finding.advice = "the host's power, and the way to it; then the peer's program";
    if (const std::string hop = last_hop(evidence); !hop.empty()) {
      finding.evidence += fmt::format("; SYNs get as far as {}", hop);
    }
  }
}

// Of what came of late, the largest segments, in bytes: nothing where it may be the kernel's first
// guess, 536.
std::optional<std::uint32_t> largest_segment(const Evidence& evidence) {
  constexpr std::uint32_t first_guess = 536;
  const bool known = evidence.info && evidence.info->rcv_mss.value_or(0) > first_guess;
  return known ? evidence.info->rcv_mss : std::nullopt;
}

// Segments as large as any may be have come.
bool full_ones_came(const Evidence& evidence) {
  const auto& info = evidence.info;
  return info && info->advmss && largest_segment(evidence).value_or(0) >= *info->advmss;
}

// What is waited for may be here: nothing is to be said of the peer or the way.
std::optional<Finding> stdout_not_read(const Evidence& evidence) {
  const TransferFacts& transfer = evidence.transfer;
  if (!waited_in_vain(evidence) || !transfer.stdout_stuck || transfer.undelivered > 0) {
    return std::nullopt;
  }
  std::string waits = format_bytes(transfer.unwritten) + " received and not written to stdout";
  if (transfer.unread > 0) {
    waits += fmt::format(", {} more unread in the socket", format_bytes(transfer.unread));
  }
  const bool closed = evidence.info && evidence.info->state == tcp::State::close_wait;
  return Finding{Cause::stdout_not_read, "timed out: stdout takes nothing",
                 fmt::format("{}; nothing moved for {}", waits, format_duration(evidence.after)),
                 fmt::format("whoever reads tcptool's stdout does not read, or reads slowly: what "
                             "the peer has sent{} waits for it",
                             closed ? ", to its FIN," : ""),
                 "the program that reads stdout: whether it runs, and what it waits for"};
}

// What was sent later has come: whatever is missing was sent as well, and sent again.
std::optional<Finding> gap_before_later_data(const Evidence& evidence) {
  const TransferFacts& transfer = evidence.transfer;
  if (!waited_in_vain(evidence) || !transfer.gap || transfer.undelivered > 0) return std::nullopt;
  const std::string time = format_duration(evidence.after);
  const std::string host = evidence.peer.host();
  const auto& info = evidence.info;
  const std::string later = info && info->rcv_ooopack
                                ? count_of(*info->rcv_ooopack, "segment") + " out of order"
                                : "kept by the kernel";
  Finding finding{
      Cause::segments_lost,
      fmt::format("timed out: a part of what the peer sends has not come for {}", time),
      fmt::format("{} received; what the peer sent later is here ({}), a part before it is missing",
                  format_bytes(transfer.received), later),
      fmt::format("what {} sends gets lost on the way here, and so does what it sends again: the "
                  "way loses packets or is broken now, or a filter drops a segment for what is in "
                  "it",
                  host),
      "the packet filters of the way, and its losses (mtr)"};
  finding.or_else = Cause::peer_vanished;
  if (const auto largest = largest_segment(evidence); largest && info->advmss) {
    finding.evidence += fmt::format("; the largest segments that came have {} bytes, of {} allowed",
                                    *largest, *info->advmss);
  }
  if (const tcp::SynProbe* const told = drew_error(evidence)) {
    Finding gone = told_by_probe(evidence, *told);
    gone.headline = finding.headline;
    return gone;
  }
  const auto& again = evidence.probes.again;
  if (again) finding.evidence += "; " + probe_answer(*again);
  if (again && !again->answered_by_tcp()) {
    finding.explanation += fmt::format(
        "; now {} does not answer at all: it is down, or the way is "
        "broken",
        host);
  } else if (!full_ones_came(evidence)) {
    finding.cause = Cause::path_mtu_black_hole;
    finding.or_else = Cause::segments_lost;
    finding.explanation = fmt::format(
        "a path MTU black hole on the way here (a link takes only smaller packets, and the ICMP "
        "error that says so does not reach {}); or {}",
        host, finding.explanation);
    finding.advice = "-o TCP_MAXSEG=536, which makes the peer's segments small; " + finding.advice;
  }
  return finding;
}

// Nothing shows whether the peer sends: what it sends may get lost beyond a router, all of it or
// what is large.
void add_losses(const Evidence& evidence, Finding& finding) {
  const bool reached = evidence.probes.again && evidence.probes.again->answered_by_tcp();
  const bool large = !full_ones_came(evidence);
  const bool near = evidence.path.own_address || next_hop_is_peer(evidence);
  if (near || (reached && !large)) return;
  if (!large) finding.or_else = Cause::peer_vanished;
  finding.explanation +=
      fmt::format("; or what it sends gets lost on the way here{}",
                  !large    ? ", which is broken now"
                  : reached ? ", if it is large: a path MTU black hole"
                            : ": all of it, or what is large (a path MTU black hole)");
}

std::optional<Finding> peer_silent(const Evidence& evidence) {
  const TransferFacts& transfer = evidence.transfer;
  const bool came_just_now = transfer.unread > 0;
  if (!waited_in_vain(evidence) || transfer.undelivered > 0 || transfer.peer_fin || came_just_now) {
    return std::nullopt;
  }
  const std::string time = format_duration(evidence.after);
  const bool after_data = transfer.received > 0;
  const std::string acked = transfer.sent == 0
                                ? std::string("nothing was sent")
                                : fmt::format("all {} sent were acknowledged by the peer's kernel",
                                              format_bytes(transfer.sent));
  const std::string_view program =
      after_data           ? "sends nothing more, and does not close"
      : transfer.sent == 0 ? "waits for us to speak first, or has not even accepted it"
                           : "does not answer: it may be busy, wait for more, or not even have "
                             "called accept";
  Finding finding{
      after_data ? Cause::peer_silent_after_data : Cause::peer_silent,
      fmt::format("idle for {}: timed out, the peer {}", time,
                  after_data ? "sends nothing more" : "has sent nothing"),
      fmt::format("{}, {} received; nothing for {}", acked, format_bytes(transfer.received), time),
      fmt::format("nothing is wrong with the connection as far as it shows; the peer's program {}",
                  program),
      "the peer's program; ss -tn there shows whether it has read"};
  if (const tcp::SynProbe* const told = drew_error(evidence)) {
    Finding gone = told_by_probe(evidence, *told);
    gone.headline = finding.headline;
    return gone;
  }
  tell_peer_here(evidence, finding);
  add_losses(evidence, finding);
  if (evidence.probes.again) {
    add_what_one_more_drew(evidence, finding);
  } else if (!evidence.path.own_address) {
    finding.advice += "; --keepalive, or --diagnose active, asks whether the peer is still there";
  }
  return finding;
}

constexpr std::array<Rule, 3> rules{stdout_not_read, gap_before_later_data, peer_silent};

}  // namespace

std::span<const Rule> idle_rules() {
  return rules;
}

}  // namespace tcptool::diagnose
