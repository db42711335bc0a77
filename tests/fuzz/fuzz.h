// SPDX-License-Identifier: MIT
// What every fuzz target shares: its input as text or bytes, and the demands on what comes out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tcptool::fuzz {

inline void demand(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

// One line of printable ASCII, which no terminal obeys.
inline void demand_printable(std::string_view text) {
  for (const char c : text) demand(c >= 0x20 && c <= 0x7e, "output is printable");
}

// An error text that can be shown as it is.
inline void demand_message(std::string_view text) {
  demand(!text.empty(), "an error says something");
  demand(text.size() < 2500, "an error is short");
  demand_printable(text);
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Hands out the input piece by piece, zeroes once there is no more.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const std::uint8_t value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | byte();
    return value;
  }
  std::string bytes(std::size_t count) {
    std::string out;
    while (out.size() < count && !rest_.empty()) out += static_cast<char>(byte());
    return out;
  }
  // Up to the next NUL.
  std::string word() {
    std::string out;
    while (!rest_.empty()) {
      const auto c = static_cast<char>(byte());
      if (c == '\0') break;
      out += c;
    }
    return out;
  }

 private:
  std::span<const std::uint8_t> rest_;
};

}  // namespace tcptool::fuzz
