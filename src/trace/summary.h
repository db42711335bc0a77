// SPDX-License-Identifier: MIT
// Calls counted and timed, in bounded memory: as `strace -c`, with percentiles.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "trace/event.h"

namespace tcptool::trace {

// Durations in classes of which each is at most an eighth wider than the one before: a percentile
// is told as its class's upper end, so at most 12.5 % too long.
class Histogram {
 public:
  void add(std::chrono::nanoseconds duration);
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::chrono::nanoseconds total() const { return total_; }
  [[nodiscard]] std::chrono::nanoseconds longest() const { return longest_; }
  // What `share` (0 to 1) of the durations did not exceed; 0 where there are none.
  [[nodiscard]] std::chrono::nanoseconds percentile(double share) const;

 private:
  static constexpr int sub_bits = 3;  // eight classes to each doubling
  static constexpr std::size_t classes = (64 - sub_bits) << sub_bits;
  static std::size_t class_of(std::uint64_t ns);
  static std::uint64_t upper_end(std::size_t index);

  std::array<std::uint32_t, classes> counts_{};
  std::uint64_t count_ = 0;
  std::chrono::nanoseconds total_{0};
  std::chrono::nanoseconds longest_{0};
};

class Summary {
 public:
  void add(const Event& event);
  // A table: a line for each call, most time first, and one for all of them.
  [[nodiscard]] std::vector<std::string> lines() const;

 private:
  struct Row {
    Histogram durations;
    std::uint64_t calls = 0;
    std::uint64_t errors = 0;
  };
  std::array<Row, sys::syscall_names.size()> rows_;
};

}  // namespace tcptool::trace
