// SPDX-License-Identifier: MIT
#include "cmd/accept_messages.h"

#include <fmt/format.h>

#include "base/text.h"
#include "cmd/messages.h"

namespace tcptool::cmd {
namespace {

// A note with what follows from it, in the form of a diagnosis.
Message explained_note(std::string text, const std::string& cause, const std::string& advice) {
  Message message = note_message(std::move(text));
  message.details = {"  cause   " + cause, "  try     " + advice};
  message.fields.add("cause", cause).add("try", advice);
  return message;
}

// The clock of retransmissions: RFC 6298 with an initial RTO of 1 s, which Linux doubles after the
// first ones only since 6.5 (net.ipv4.tcp_syn_linear_timeouts).
constexpr std::string_view what_clients_see =
    "their kernels send the SYN again after 1, 3 and 7 s (newer Linux: after 1, 2, 3, 4 and 6 s), "
    "so that they hang, then connect late or time out";

std::string why_full(const OverflowFacts& facts) {
  return facts.held_by.empty() ? "connections come faster than they are accepted"
                               : fmt::format("nobody is accepted now ({})", facts.held_by);
}

std::string what_to_raise(const OverflowFacts& facts) {
  const auto limit = static_cast<int>(facts.deepest.limit);
  if (facts.asked > limit) {
    return fmt::format("a larger net.core.somaxconn, which clamps the backlog of {} to {}",
                       facts.asked, limit);
  }
  if (facts.somaxconn && facts.asked >= *facts.somaxconn) {
    return fmt::format("a larger net.core.somaxconn (now {}) and --backlog (now {})",
                       *facts.somaxconn, facts.asked);
  }
  std::string_view other = "accept sooner";
  if (facts.held_by == "--hold") other = "a shorter --hold";
  if (facts.held_by == "--max-clients") other = "a larger --max-clients";
  return fmt::format("a larger --backlog (now {}), or {}", facts.asked, other);
}

}  // namespace

Message hold_message(std::optional<std::chrono::nanoseconds> time) {
  Message message{"hold", {}, {}};
  message.text = fmt::format(
      "holding: nobody is accepted{} (--hold); whoever connects waits in the accept queue",
      time ? " for " + format_duration(*time) : "");
  if (time) message.fields.add("duration_ns", time->count());
  return message;
}

Message hold_over_message(const std::optional<tcp::AcceptQueue>& queue) {
  Message message{"hold-over", "hold over: accepting", {}};
  if (queue) {
    message.text += fmt::format(", queue {}/{}", queue->length, queue->limit);
    message.fields.add("length", queue->length).add("limit", queue->limit);
  }
  return message;
}

Message denied_message(const sys::Address& peer, const std::optional<tcp::AccessRule>& rule) {
  Message message{"denied", {}, {}};
  message.fields.add("peer", peer.text());
  if (!rule) {
    message.text = fmt::format("denied {}: no --allow matches; reset", peer.text());
    return message;
  }
  message.text = fmt::format("denied {} by --deny {}; reset", peer.text(), rule->network.text());
  message.fields.add("rule", rule->network.text());
  return message;
}

Message queue_message(const QueueState& state) {
  Message message{"queue", {}, {}};
  message.text = fmt::format("queue {}/{}", state.queue.length, state.queue.limit);
  message.fields.add("length", state.queue.length).add("limit", state.queue.limit);
  if (state.dropped) {
    message.fields.add("dropped", *state.dropped);
    if (*state.dropped > 0) {
      message.text += fmt::format(", {} dropped", count_of(*state.dropped, "segment"));
    }
  }
  return message;
}

Message overflow_message(const OverflowFacts& facts) {
  const std::string dropped = fmt::format("{} dropped", count_of(facts.dropped, "segment"));
  const tcp::AcceptQueue& deepest = facts.deepest;
  const bool seen = deepest.full();
  const std::string at =
      fmt::format("{} {}/{}", seen ? "queue" : "longest seen", deepest.length, deepest.limit);
  Message message =
      seen
          ? explained_note(
                fmt::format("accept queue overflow on {}: {}, {}", facts.local.text(), at, dropped),
                fmt::format("the accept queue is full (limit {}, and the kernel admits one more): "
                            "{}; the SYNs of further clients are dropped, and {}{}",
                            deepest.limit, why_full(facts), what_clients_see,
                            facts.deferred ? "; some are no loss: TCP_DEFER_ACCEPT drops the last "
                                             "ACK of a handshake until the client sends data"
                                           : ""),
                what_to_raise(facts))
          : explained_note(
                fmt::format("segments dropped on {}: accept queue {}, {}", facts.local.text(), at,
                            dropped),
                fmt::format(
                    "the queue was not seen full. Either these open no connection: a port scan, "
                    "a client's RST, a TTL below -o IP_MINTTL. Or they are SYNs, where the queue "
                    "was full between two looks, or the SYN queue is full; then {}",
                    what_clients_see),
                "nstat -az 'TcpExtListen*' TcpExtTCPReqQFullDrop: where these grow it is SYNs, "
                "and helps " +
                    what_to_raise(facts));
  message.fields.add("local", facts.local.text())
      .add("length", deepest.length)
      .add("limit", deepest.limit)
      .add("dropped", facts.dropped);
  return message;
}

Message syn_cookies_message(std::uint64_t sent) {
  Message message = explained_note(
      fmt::format("SYN cookies are being sent ({} so far in this network namespace)", sent),
      "a SYN queue is full: a flood of SYNs, or clients whose handshakes do not end; the kernel "
      "keeps no state for further SYNs, so that their options are lost in part (without timestamps "
      "no window scale and no SACK), and accepted shows no SYN",
      "a larger --backlog, which bounds the SYN queue too; the SYNs' senders: ss -tn state "
      "syn-recv");
  message.fields.add("syn_cookies", sent);
  return message;
}

Message queue_reset_message(unsigned count) {
  Message message =
      note_message(fmt::format("{} still in the accept queue {} reset: the listener "
                               "is closed",
                               count_of(count, "client"), count == 1 ? "is" : "are"));
  message.fields.add("reset_in_queue", count);
  return message;
}

Message accept_summary_message(const AcceptCounts& counts) {
  Message message{"accept-summary", {}, {}};
  message.text =
      fmt::format("listener closed: accepted {}, denied {}", counts.accepted, counts.denied);
  message.fields.add("accepted", counts.accepted).add("denied", counts.denied);
  if (counts.deepest_queue) {
    message.text += fmt::format(", deepest queue {}", *counts.deepest_queue);
    message.fields.add("deepest_queue", *counts.deepest_queue);
  }
  if (counts.dropped) {
    message.text += fmt::format(", {} dropped", count_of(*counts.dropped, "segment"));
    message.fields.add("dropped", *counts.dropped);
  }
  if (counts.reset_in_queue > 0) {
    message.text += fmt::format(", {} reset in the accept queue", counts.reset_in_queue);
  }
  message.fields.add("reset_in_queue", counts.reset_in_queue);
  return message;
}

}  // namespace tcptool::cmd
