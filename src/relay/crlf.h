// SPDX-License-Identifier: MIT
// Turns a lone LF into CRLF, across the borders of chunks.
#pragma once

#include <cstddef>
#include <span>

namespace tcptool::relay {

class CrlfTranslator {
 public:
  // Writes `in` to the start of `out`, which has room for twice its size, and returns how many
  // bytes that made. A LF that follows a CR is left as it is.
  std::size_t translate(std::span<const std::byte> in, std::span<std::byte> out) {
    constexpr std::byte carriage_return{'\r'};
    constexpr std::byte line_feed{'\n'};
    std::size_t written = 0;
    for (const std::byte byte : in) {
      if (byte == line_feed && !after_carriage_return_) out[written++] = carriage_return;
      out[written++] = byte;
      after_carriage_return_ = byte == carriage_return;
    }
    return written;
  }

 private:
  bool after_carriage_return_ = false;
};

}  // namespace tcptool::relay
