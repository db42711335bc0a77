// SPDX-License-Identifier: MIT
// Text put together from many small pieces. std::string would do; each += of its is a call into the
// library, which is most of what a line of a trace costs.
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <vector>

namespace tcptool {

class LineBuffer {
 public:
  LineBuffer& operator+=(char c) {
    *room(1) = c;
    ++size_;
    return *this;
  }
  LineBuffer& operator+=(std::string_view text) { return append_between("", text, ""); }
  // All three, the outer ones being short.
  LineBuffer& append_between(std::string_view before, std::string_view text,
                             std::string_view behind) {
    char* at = room(before.size() + text.size() + behind.size());
    for (const char c : before) *at++ = c;
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    at += text.size();
    for (const char c : behind) *at++ = c;
    size_ = static_cast<std::size_t>(at - room_.data());
    return *this;
  }
  // In decimal.
  template <std::integral Integer>
  void append_number(Integer value) {
    constexpr std::size_t most_digits = 20;  // of 64 bits, with the sign
    char* const at = room(most_digits);
    size_ += static_cast<std::size_t>(std::to_chars(at, at + most_digits, value).ptr - at);
  }

  [[nodiscard]] char back() const { return room_[size_ - 1]; }  // of a text that is not empty
  [[nodiscard]] std::string_view text() const { return {room_.data(), size_}; }
  void clear() { size_ = 0; }  // the room is kept

 private:
  // Where so many may be put.
  char* room(std::size_t more) {
    if (room_.size() - size_ < more) room_.resize(2 * room_.size() + more);
    return room_.data() + size_;
  }

  std::vector<char> room_;
  std::size_t size_ = 0;
};

}  // namespace tcptool
