// SPDX-License-Identifier: MIT
#include "trace/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace tcptool::trace {
namespace {

double us(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

}  // namespace

std::size_t Histogram::class_of(std::uint64_t ns) {
  constexpr std::uint64_t exact = std::uint64_t{1} << sub_bits;
  if (ns < exact) return ns;
  const int shift = static_cast<int>(std::bit_width(ns)) - 1 - sub_bits;
  return (static_cast<std::size_t>(shift) << sub_bits) + (ns >> shift);
}

std::uint64_t Histogram::upper_end(std::size_t index) {
  constexpr std::size_t exact = std::size_t{1} << sub_bits;
  if (index < 2 * exact) return index;
  const std::size_t shift = (index >> sub_bits) - 1;
  const std::uint64_t leading = (index & (exact - 1)) + exact;
  return ((leading + 1) << shift) - 1;
}

void Histogram::add(std::chrono::nanoseconds duration) {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
  ++counts_[class_of(ns)];
  ++count_;
  total_ += duration;
  longest_ = std::max(longest_, duration);
}

std::chrono::nanoseconds Histogram::percentile(double share) const {
  if (count_ == 0) return std::chrono::nanoseconds(0);
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < classes; ++i) {
    seen += counts_[i];
    if (seen >= wanted && seen > 0) {
      return std::min(std::chrono::nanoseconds(upper_end(i)), longest_);
    }
  }
  return longest_;
}

void Summary::add(const Event& event) {
  Row& row = rows_[static_cast<std::size_t>(event.call)];
  ++row.calls;
  if (event.failed()) ++row.errors;
  if (event.duration >= std::chrono::nanoseconds(0)) row.durations.add(event.duration);
}

std::vector<std::string> Summary::lines() const {
  std::vector<std::size_t> order(rows_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
    return rows_[a].durations.total() > rows_[b].durations.total();
  });
  std::vector<std::string> out{fmt::format("{:>9} {:>9} {:>12} {:>12} {:>12} {:>12}  {}", "calls",
                                           "errors", "total us", "p50 us", "p99 us", "max us",
                                           "call")};
  std::uint64_t calls = 0;
  std::uint64_t errors = 0;
  std::chrono::nanoseconds total{0};
  for (const std::size_t index : order) {
    const Row& row = rows_[index];
    if (row.calls == 0) continue;
    const Histogram& durations = row.durations;
    out.push_back(fmt::format("{:9} {:9} {:12.1f} {:12.1f} {:12.1f} {:12.1f}  {}", row.calls,
                              row.errors, us(durations.total()), us(durations.percentile(0.5)),
                              us(durations.percentile(0.99)), us(durations.longest()),
                              sys::syscall_names[index]));
    calls += row.calls;
    errors += row.errors;
    total += durations.total();
  }
  out.push_back(fmt::format("{:9} {:9} {:12.1f} {:>12} {:>12} {:>12}  {}", calls, errors, us(total),
                            "", "", "", "total"));
  return out;
}

}  // namespace tcptool::trace
