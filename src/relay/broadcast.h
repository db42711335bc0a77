// SPDX-License-Identifier: MIT
// What goes to every client, kept once for all of them: each has its own position in it. Positions
// count bytes from the beginning of the run.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tcptool::relay {

class Broadcast {
 public:
  // Keeps at least the last `kept` bytes of what some client has yet to take.
  explicit Broadcast(std::size_t kept) : kept_(kept) {}

  // Where the next byte will be.
  [[nodiscard]] std::uint64_t end() const { return begin_ + bytes_.size(); }
  [[nodiscard]] std::size_t kept() const { return kept_; }

  void append(std::span<const std::byte> bytes) {
    if (bytes_.size() >= 2 * kept_) drop(bytes_.size() - kept_);
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  // From `position`, which is not before what is kept, to the end.
  [[nodiscard]] std::span<const std::byte> from(std::uint64_t position) const {
    return std::span(bytes_).subspan(static_cast<std::size_t>(position - begin_));
  }
  // Every client has taken everything.
  void clear() { drop(bytes_.size()); }

 private:
  void drop(std::size_t count) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(count));
    begin_ += count;
  }

  const std::size_t kept_;
  std::uint64_t begin_ = 0;
  std::vector<std::byte> bytes_;
};

}  // namespace tcptool::relay
