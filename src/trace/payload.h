// SPDX-License-Identifier: MIT
// The bytes that went over a connection, for -vv: in hex and as text, with their place in the
// stream. Nothing of them reaches a terminal unescaped.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sys/kernel.h"

namespace tcptool::trace {

struct Payload {
  enum class Direction { sent, received };
  Direction direction = Direction::sent;
  int fd = -1;
  std::uint64_t offset = 0;  // of the first byte in its direction of the connection
  std::span<const std::byte> bytes;
  sys::TimePoint time{};  // when the call that moved them began
};

// Sixteen bytes a line: "  0.016204 -> 00000010  61 62 63 0a ... |abc.|".
std::vector<std::string> payload_text(const Payload& payload, sys::TimePoint start, bool color);
// As `strace -e read=all -e write=all` prints them, so that the offset counts from the call's
// start.
std::vector<std::string> payload_strace(const Payload& payload);
// Objects of type "data" with at most 1024 bytes each.
std::vector<std::string> payload_json(const Payload& payload, sys::TimePoint start);

}  // namespace tcptool::trace
