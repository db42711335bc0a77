// SPDX-License-Identifier: MIT
// Telemetry: the life of a write or a read on a connection, out of the kernel's own timestamps
// (SO_TIMESTAMPING, see Documentation/networking/timestamping.rst of Linux).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "trace/payload.h"

namespace tcptool::trace {

struct Timeline {
  Payload::Direction direction = Payload::Direction::sent;
  int fd = -1;
  sys::TimePoint time{};     // when the call began
  std::uint64_t offset = 0;  // of its first byte, in its direction of the connection
  std::uint64_t size = 0;    // bytes
  // When the last of the bytes that were sent came to each, counted from the call's beginning:
  // the packet scheduler, the network's driver, and, as an acknowledgement of it, back.
  std::optional<std::chrono::nanoseconds> scheduled;
  std::optional<std::chrono::nanoseconds> sent;
  std::optional<std::chrono::nanoseconds> acknowledged;
  // Of a read: how long the last of its bytes had been in this host when the call returned.
  std::optional<std::chrono::nanoseconds> waited;
};

// "  0.105117 ## fd 4: write of 12 bytes at 0: scheduled after 0.006 ms, sent after 0.010 ms,
// acknowledged after 0.031 ms".
std::string timeline_text(const Timeline& timeline, sys::TimePoint start);
// An object of type "write" or "read".
std::string timeline_json(const Timeline& timeline, sys::TimePoint start);

// One timestamp of the kernel's.
struct Stamp {
  enum class Kind { sent, scheduled, acknowledged, received };
  Kind kind = Kind::received;
  std::uint32_t byte = 0;  // but of `received`: which byte, counted from OPT_ID on, modulo 2^32
  std::chrono::system_clock::time_point time;
};

// The one in a recvmsg's control data, if there is one.
std::optional<Stamp> stamp_of(std::span<const std::byte> control_data);

}  // namespace tcptool::trace
