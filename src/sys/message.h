// SPDX-License-Identifier: MIT
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace tcptool::sys {

// What recvmsg(2) is given: a buffer, and room for `control_size` bytes of control messages.
template <std::size_t control_size>
class Message {
 public:
  explicit Message(std::span<std::byte> buf) : vector_{buf.data(), buf.size()} {
    header.msg_iov = &vector_;
    header.msg_iovlen = 1;
    header.msg_control = control_.data();
    header.msg_controllen = control_.size();
  }
  Message(const Message&) = delete;  // it points into itself
  Message& operator=(const Message&) = delete;
  ~Message() = default;

  // What the kernel has put there.
  [[nodiscard]] std::span<const std::byte> control() const {
    return std::span(control_).first(std::min<std::size_t>(header.msg_controllen, control_size));
  }

  msghdr header{};

 private:
  iovec vector_;
  alignas(cmsghdr) std::array<std::byte, control_size> control_{};
};

}  // namespace tcptool::sys
