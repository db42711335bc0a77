// SPDX-License-Identifier: MIT
// stdin or stdout, and how to read or write it without ever changing what it shares with other
// processes. O_NONBLOCK belongs to the open file description: a pipe's, FIFO's or terminal's is
// left alone and opened a second time through /proc/self/fd, which gives a description of our own.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "sys/fd.h"
#include "sys/kernel.h"

namespace tcptool::relay {

class LocalStream {
 public:
  enum class Kind { pipe, regular_file, terminal, socket, null_device, other, directory };

  // What the descriptor is; nothing is opened or read yet. `was_closed`: it was not open when the
  // program started and /dev/null stands in its place.
  static LocalStream inspect(sys::Kernel& kernel, int fd, bool was_closed);

  // Opens the description of our own where the kind has one. access is O_RDONLY or O_WRONLY.
  void reopen(int access);

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool was_closed() const { return was_closed_; }
  // Of a file: whether its bytes have places. What the kernel makes up as it is read (proc(5)) has
  // a size of 0, and lseek in it is something else.
  [[nodiscard]] bool has_size() const { return has_size_; }
  // The descriptor to poll, read and write.
  [[nodiscard]] int fd() const { return own_.open() ? own_.get() : fd_; }

  // A datagram or sequenced-packet socket: what a read leaves of a message is lost.
  [[nodiscard]] bool keeps_messages() const;

  // Whether a write may wait unless poll has just called the descriptor writable.
  [[nodiscard]] bool may_block() const {
    return !own_.open() && (kind_ == Kind::pipe || kind_ == Kind::terminal);
  }

  // At most buf.size() bytes; EAGAIN where there is nothing now. A blocking description is read
  // only after poll said so. Value 0: end of file.
  sys::Outcome read(std::span<std::byte> buf);

  // As many bytes as go now. Where the description blocks, at most PIPE_BUF bytes are offered to a
  // pipe or terminal that poll called writable; a disk may make any write wait.
  sys::Outcome write(std::span<const std::byte> buf);

  // Closes both descriptors, ours first, and leaves /dev/null in the place of the inherited one, so
  // that its number is not taken by something else. The outcome is that of the inherited one's
  // close(2), which is where some file systems report that a write has failed.
  sys::Outcome close();

 private:
  LocalStream(sys::Kernel& kernel, int fd) : kernel_(&kernel), fd_(fd) {}

  sys::Kernel* kernel_;
  int fd_;
  sys::Fd own_;
  Kind kind_ = Kind::other;
  bool was_closed_ = false;
  bool has_size_ = false;
};

}  // namespace tcptool::relay
