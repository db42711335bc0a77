// SPDX-License-Identifier: MIT
// What is said of a listener's accept queue and of those who may not come in: pure functions, as in
// messages.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "cmd/console.h"
#include "tcp/accept_queue.h"
#include "tcp/access_rules.h"

namespace tcptool::cmd {

// What came of a listener in its life.
struct AcceptCounts {
  std::uint64_t accepted = 0;
  std::uint64_t denied = 0;
  std::optional<unsigned> deepest_queue;
  // Segments that the listener discarded: SYNs for want of room, each retransmission by itself, but
  // also what opens no connection.
  std::optional<std::uint64_t> dropped;
  std::uint64_t reset_in_queue = 0;  // connected, and still waiting at the listener's end
};

// A queue as it was seen, with the drops up to then.
struct QueueState {
  tcp::AcceptQueue queue;
  std::optional<std::uint64_t> dropped;
  friend bool operator==(const QueueState&, const QueueState&) = default;
};

// --hold; nullopt: for ever.
Message hold_message(std::optional<std::chrono::nanoseconds> time);
Message hold_over_message(const std::optional<tcp::AcceptQueue>& queue);

Message denied_message(const sys::Address& peer, const std::optional<tcp::AccessRule>& rule);

// "queue 2/1, 3 segments dropped".
Message queue_message(const QueueState& state);

// Segments were dropped: why, as far as the queue tells, what the clients see, and what to raise.
// `deepest` is the queue at its longest so far, `asked` the backlog that was passed to listen(2),
// `somaxconn` its bound where it is known.
struct OverflowFacts {
  sys::Address local;
  tcp::AcceptQueue deepest;
  std::uint64_t dropped = 0;
  int asked = 0;
  std::optional<std::int64_t> somaxconn;
  std::string_view held_by;  // the option that keeps it from accepting now; empty: none
  bool deferred = false;     // TCP_DEFER_ACCEPT is in force
};
Message overflow_message(const OverflowFacts& facts);

// `sent` SYN cookies have left this network namespace since the listener was made.
Message syn_cookies_message(std::uint64_t sent);

// `count` clients were in the accept queue when the listener was closed.
Message queue_reset_message(unsigned count);

// The listener's end.
Message accept_summary_message(const AcceptCounts& counts);

}  // namespace tcptool::cmd
