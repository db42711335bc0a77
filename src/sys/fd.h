// SPDX-License-Identifier: MIT
// Owns a descriptor together with the kernel it came from, so that its close is traced like every
// other call and a test can demand it. Moves, never copies.
#pragma once

#include <cerrno>
#include <utility>

#include "sys/kernel.h"

namespace tcptool::sys {

class Fd {
 public:
  Fd() = default;
  Fd(Kernel& kernel, int fd) : kernel_(&kernel), fd_(fd) {}
  Fd(Fd&& other) noexcept : kernel_(other.kernel_), fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      static_cast<void>(close());
      kernel_ = other.kernel_;
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { static_cast<void>(close()); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool open() const { return fd_ >= 0; }

  // Closes now, for those who care how it went; an Fd that holds nothing answers 0. The descriptor
  // is gone whatever the outcome, and with EINTR on Linux nothing else is amiss: that is 0 too. See
  // close(2) on EINTR and EIO.
  Outcome close() {
    if (fd_ < 0) return {};
    const Outcome closed = kernel_->close(std::exchange(fd_, -1));
    return closed.error == EINTR ? Outcome{} : closed;
  }

 private:
  Kernel* kernel_ = nullptr;
  int fd_ = -1;
};

}  // namespace tcptool::sys
