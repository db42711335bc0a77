// SPDX-License-Identifier: MIT
// A bounded stretch of bytes on their way: filled at the back, drained at the front.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>

namespace tcptool::relay {

class Buffer {
 public:
  // Its memory is touched only as far as it is filled.
  explicit Buffer(std::size_t capacity)
      : memory_(std::make_unique_for_overwrite<std::byte[]>(capacity)),
        bytes_(memory_.get(), capacity) {}

  [[nodiscard]] bool empty() const { return begin_ == end_; }
  [[nodiscard]] std::size_t size() const { return end_ - begin_; }
  [[nodiscard]] std::span<const std::byte> data() const { return bytes_.subspan(begin_, size()); }
  // Where the next bytes go; what stands there counts only once it is committed.
  [[nodiscard]] std::size_t room_size() const { return bytes_.size() - end_; }
  [[nodiscard]] std::span<std::byte> room() { return bytes_.subspan(end_); }

  void commit(std::size_t count) { end_ += std::min(count, bytes_.size() - end_); }
  void consume(std::size_t count) {
    begin_ += std::min(count, size());
    if (empty()) begin_ = end_ = 0;
  }
  // Moves what is left to the front once less than half of the buffer is free behind it, so that
  // room() is worth a call.
  void make_room() {
    if (begin_ == 0 || room_size() >= bytes_.size() / 2) return;
    std::copy(bytes_.begin() + static_cast<std::ptrdiff_t>(begin_),
              bytes_.begin() + static_cast<std::ptrdiff_t>(end_), bytes_.begin());
    end_ -= begin_;
    begin_ = 0;
  }
  void clear() { begin_ = end_ = 0; }

 private:
  std::unique_ptr<std::byte[]> memory_;
  std::span<std::byte> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace tcptool::relay
