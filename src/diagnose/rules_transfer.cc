// SPDX-License-Identifier: MIT
// An established connection was lost by a RST, or a time that the user set ran out on it while the
// peer took nothing. Those on which nothing came are in rules_silence.cc.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text.h"
#include "diagnose/rules.h"

namespace tcptool::diagnose {
namespace {

using namespace std::chrono_literals;
using End = TransferFacts::End;

}  // namespace

bool lost_with(const Evidence& evidence, std::initializer_list<int> errors) {
  if (evidence.transfer.end != End::lost) return false;
  return std::find(errors.begin(), errors.end(), evidence.error.error) != errors.end();
}

bool waited_in_vain(const Evidence& evidence) {
  if (evidence.transfer.end == End::run_timeout) {
    const bool most_of_it =
        evidence.after >= 1s && evidence.after * 2 >= evidence.transfer.duration;
    return most_of_it || evidence.after >= 5s;
  }
  return evidence.transfer.end == End::idle_timeout;
}

std::string lost_bytes(const Evidence& evidence) {
  const auto count = evidence.transfer.undelivered;
  if (evidence.transfer.sent == 0 && count == 0) return "nothing was on its way to it";
  return count == 0 ? std::string("all that was sent had been acknowledged")
                    : fmt::format("{} for the peer {} not acknowledged", format_bytes(count),
                                  count == 1 ? "was" : "were");
}

namespace {

std::string moved(const Evidence& evidence) {
  return fmt::format("{} sent, {} received", format_bytes(evidence.transfer.sent),
                     format_bytes(evidence.transfer.received));
}

std::optional<Finding> reset(const Evidence& evidence) {
  if (!lost_with(evidence, {ECONNRESET, EPIPE})) return std::nullopt;
  const TransferFacts& transfer = evidence.transfer;
  const std::string after = format_duration(transfer.duration);
  if (transfer.received == 0) {
    return Finding{
        Cause::reset_at_once,
        fmt::format("connection lost after {}: reset by the peer (RST) before any data "
                    "was received",
                    after),
        fmt::format("RST after {}; {}; {}", after, moved(evidence), lost_bytes(evidence)),
        transfer.sent > 0
            ? "the peer's program closed without reading what it had been sent, or died; or its "
              "host restarted, or a NAT on the way forgot the connection; or a packet filter cut it"
            : "the peer's program aborted the connection, or closed its listener before "
              "it accepted; or a proxy or packet filter in front of it cut it",
        "the log of the peer's program; its host's uptime"};
  }
  return Finding{
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
      fmt::format("zero window ({} bytes); {} waiting for it", *info->snd_wnd,
                  format_bytes(evidence.transfer.undelivered)),
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
