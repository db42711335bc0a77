// SPDX-License-Identifier: MIT
// What slowed the sending side over a stretch of time, from what TCP counted in it. See struct
// tcp_info in linux/tcp.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "tcp/tcp_info.h"

namespace tcptool::cmd {

// A stretch of a connection's life: a second of it, or all.
struct Stretch {
  std::chrono::nanoseconds duration{0};
  std::optional<std::chrono::microseconds> busy;  // there was data to send; older kernels: unknown
  std::chrono::microseconds rwnd_limited{0};      // of busy
  std::chrono::microseconds sndbuf_limited{0};    // of busy
  std::uint32_t segments = 0;                     // with data, those that left again included
  std::uint32_t segments_again = 0;
  std::uint64_t stdin_reads = 0;  // that brought something
  bool stdin_is_terminal = false;

  // What TCP_INFO says of the stretch between two readings; an empty `before` is the beginning.
  void fill(const tcp::TcpInfo& before, const tcp::TcpInfo& after);
};

enum class Limit { none, peer_window, send_buffer, loss, network, stdin_data };

struct Limited {
  Limit by = Limit::none;
  // In percent. Of the time with data to send: of the first two; of all segments: loss; of the
  // whole time: the network, and stdin that brought nothing.
  std::int64_t share = 0;
};

// Only where something did, and it is worth a word.
Limited what_limits(const Stretch& stretch);

// "the peer's receive window"; empty for none.
std::string_view limit_text(Limit limit);

}  // namespace tcptool::cmd
