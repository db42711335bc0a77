// SPDX-License-Identifier: MIT
// An established connection was lost by a RST, or a time that the user set ran out on it while the
// peer took nothing. Those on which nothing came are in rules_silence.cc.
#include <fmt/format.h>

#include <array>
#include <cerrno>

#include "base/text.h"
#include "diagnose/rules.h"

namespace tcptool::diagnose {
namespace {

using namespace std::chrono_literals;
using End = TransferFacts::End;

std::string moved(const Evidence& evidence) {
  return fmt::format("{} sent, {} received", format_bytes(evidence.transfer.sent),
                     format_bytes(evidence.transfer.received));
}

// What became of one more SYN to the same port, and what follows.
void add_new_connection(const Evidence& evidence, Finding& finding) {
  using Answer = tcp::SynProbe::Answer;
  const auto& again = evidence.probes.again;
  if (!again) return;
  finding.evidence += "; " + probe_answer(*again);
  const std::string host = evidence.peer.host();
  const std::string port = fmt::format("port {}", evidence.peer.port());
  switch (again->answer) {
    case Answer::syn_ack:
      finding.explanation += fmt::format(
          "; {} is up and {} takes new connections, so it was about this one", host, port);
      break;
    case Answer::rst:
      finding.explanation += fmt::format(
          "; {} refuses new connections as well, so its listener is gone, or a filter cuts all",
          port);
      finding.advice =
          fmt::format("whether the service on {} of {} still runs; ", port, host) + finding.advice;
      break;
    case Answer::icmp:
      finding.explanation +=
          fmt::format("; {} rejects new connections now", again->icmp->offender.host());
      break;
    case Answer::none:
      finding.explanation += another_port_answered(evidence)
                                 ? fmt::format(
                                       "; {} is up, and a packet filter drops what goes to "
                                       "{} now",
                                       host, port)
                                 : fmt::format(
                                       "; {} has gone silent since: it is down, or a "
                                       "packet filter drops what goes there now",
                                       host);
      break;
    case Answer::not_sent:
      break;
  }
}

std::optional<Finding> reset(const Evidence& evidence) {
  if (!lost_with(evidence, {ECONNRESET, EPIPE})) return std::nullopt;
  const TransferFacts& transfer = evidence.transfer;
  const std::string after = format_duration(transfer.duration);
  Finding finding{
      Cause::reset_after_data,
      fmt::format("connection lost after {}: reset by the peer (RST) after {} received", after,
                  format_bytes(transfer.received)),
      fmt::format("RST after {}; {}; {}", after, moved(evidence), lost_bytes(evidence)),
      fmt::format("the peer's program {}, or died; or its host restarted and no longer knows the "
                  "connection; or a proxy or packet filter on the way cut it",
                  transfer.undelivered > 0 ? "closed while data was still under way to it"
                                           : "aborted the connection, or closed it without reading "
                                             "all that had come"),
      "the log of the peer's program; its host's uptime"};
  if (transfer.received == 0) {
    finding.cause = Cause::reset_at_once;
    finding.headline = fmt::format(
        "connection lost after {}: reset by the peer (RST) before any data was received", after);
    finding.explanation =
        transfer.sent > 0
            ? "the peer's program closed without reading what it had been sent, or died; or its "
              "host restarted, or a NAT on the way forgot the connection; or a packet filter cut it"
            : "the peer's program aborted the connection, or closed its listener before "
              "it accepted; or a proxy or packet filter in front of it cut it";
  }
  add_new_connection(evidence, finding);
  return finding;
}

// "9000 bytes waiting for it: 4000 in this host's send buffer, 5000 not yet sent"
std::string waiting_words(const Evidence& evidence) {
  const TransferFacts& transfer = evidence.transfer;
  std::string all = format_bytes(transfer.undelivered) + " waiting for it";
  const std::uint64_t syn = transfer.active ? 1 : 0;
  const std::uint64_t acked = evidence.info->bytes_acked.value_or(0);
  if (acked < syn || transfer.sent < acked - syn) return all;
  const std::uint64_t buffered = transfer.sent - (acked - syn);
  if (buffered == 0 || buffered >= transfer.undelivered) return all;
  return fmt::format("{}: {} in this host's send buffer, {} not yet sent", all, buffered,
                     transfer.undelivered - buffered);
}

std::optional<Finding> zero_window(const Evidence& evidence) {
  const auto& info = evidence.info;
  if (!waited_in_vain(evidence) || !info || !info->snd_wnd) return std::nullopt;
  const std::uint32_t segment = info->snd_mss.value_or(1);
  if (*info->snd_wnd >= segment || evidence.transfer.undelivered == 0) return std::nullopt;
  const bool answers_probes = info->last_ack_received && *info->last_ack_received < evidence.after;
  return Finding{
      Cause::zero_window,
      fmt::format("timed out after {}: the peer's receive window is {}",
                  format_duration(evidence.after), *info->snd_wnd == 0 ? "zero" : "nearly zero"),
      fmt::format("zero window ({} bytes); {}", *info->snd_wnd, waiting_words(evidence)),
      fmt::format("the peer's program does not read: its kernel's buffer is full{}",
                  answers_probes ? ", and it still answers window probes" : ""),
      "what the peer's program is doing"};
}

constexpr std::array<Rule, 2> rules{reset, zero_window};

}  // namespace

std::span<const Rule> transfer_rules() {
  return rules;
}

}  // namespace tcptool::diagnose
