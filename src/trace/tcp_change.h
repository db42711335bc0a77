// SPDX-License-Identifier: MIT
// Telemetry for -vv: what TCP_INFO says of a connection that it did not say before. Only what the
// kernel's returned length covers is read; an older kernel has fewer fields.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sys/kernel.h"

namespace tcptool::trace {

// How much of a connection is on its way.
struct Queues {
  std::uint64_t in_flight = 0;  // bytes: sent, and not acknowledged
  std::uint64_t unread = 0;     // bytes: received, and not read by this program
};

struct TcpChange {
  enum class Unit { count, bytes, microseconds, bytes_per_second };
  struct Field {
    std::string_view name;  // tcpi_..., without that
    std::string_view word;  // in messages
    Unit unit = Unit::count;
    std::uint64_t before = 0;
    std::uint64_t after = 0;
  };

  int fd = -1;
  sys::TimePoint time{};
  unsigned state_before = 0;  // as tcpi_state; 0 where nothing was known before
  unsigned state = 0;
  std::vector<Field> fields;  // those that differ
  std::vector<Field> queues;  // of Queues, the same

  [[nodiscard]] bool empty() const {
    return state == state_before && fields.empty() && queues.empty();
  }
  // Whether the handshake is done, and the connection not over.
  [[nodiscard]] bool has_connection() const;
};

// Both are what getsockopt returned for TCP_INFO; `before` is empty at first.
TcpChange compare_tcp_info(std::span<const std::byte> before, std::span<const std::byte> after);
void compare_queues(TcpChange& change, const Queues& before, const Queues& after);

// Of the bytes that SIOCOUTQ counts, those that were sent, without our FIN.
std::uint64_t bytes_in_flight(std::uint64_t queued, std::span<const std::byte> info);

// "  0.105241 ## fd 4: ESTABLISHED -> CLOSE-WAIT; rtt 0.019 ms -> 0.025 ms, cwnd 10 -> 11".
std::string tcp_change_text(const TcpChange& change, sys::TimePoint start);
// An object of type "tcp": the state, and of each field the new value, times in ns.
std::string tcp_change_json(const TcpChange& change, sys::TimePoint start);

}  // namespace tcptool::trace
