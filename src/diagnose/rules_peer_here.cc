// SPDX-License-Identifier: MIT
// The other end of an established connection is a socket of this host too, so that its kernel tells
// whether it was accepted, and what has not been read of it.
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "diagnose/rules.h"

namespace tcptool::diagnose {
namespace {

std::string who_has(const PortHolder& end) {
  return end.owner
             ? ""
             : fmt::format("; root sees which: ss -tanp '( sport = {} )'", end.socket.local.port());
}

// A connection that waits for accept(2) is nobody's yet: it has no inode.
std::optional<Finding> not_accepted(const Evidence& evidence) {
  const auto& end = evidence.transfer.peer_end;
  if (!waited_in_vain(evidence) || !end || end->socket.inode != 0) return std::nullopt;
  const PortHolder* const listener = listener_for(evidence);
  if (listener == nullptr) return std::nullopt;
  const sys::SocketRow& queue = listener->socket;
  const std::string where = fmt::format("the accept queue of {}", queue.local.text());
  return Finding{
      Cause::not_accepted,
      fmt::format("idle for {}: timed out, the peer has not accepted the connection",
                  format_duration(evidence.after)),
      fmt::format("it waits in {}: {} waiting, backlog {}; {} not read", where, queue.rqueue,
                  queue.wqueue, format_bytes(end->socket.rqueue)),
      fmt::format("it waits in {} ({} waiting): {} has not accepted it", where, queue.rqueue,
                  holder_text(*listener)),
      "why that process does not accept: it may be busy with another connection, or stopped" +
          who_has(*listener)};
}

constexpr std::array<Rule, 1> rules{not_accepted};

}  // namespace

void tell_peer_here(const Evidence& evidence, Finding& finding) {
  const auto& end = evidence.transfer.peer_end;
  if (!end || end->socket.inode == 0) return;
  const std::string who = holder_text(*end);
  const std::string unread = format_bytes(end->socket.rqueue);
  if (end->socket.rqueue > 0) {
    finding.explanation = fmt::format(
        "the peer's program does not read: {} has {} in its receive queue", who, unread);
    finding.advice = "what that process is doing: it may be busy, or stopped" + who_has(*end);
  } else if (evidence.transfer.undelivered == 0) {
    finding.explanation = fmt::format(
        "nothing is wrong with the connection as far as it shows: {} has read all that came, and "
        "sends nothing{}",
        who, evidence.transfer.received > 0 ? " more" : "");
    finding.advice = "what that process is doing" + who_has(*end);
  }
}

std::span<const Rule> peer_here_rules() {
  return rules;
}

}  // namespace tcptool::diagnose
