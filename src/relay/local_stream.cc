// SPDX-License-Identifier: MIT
#include "relay/local_stream.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "tcp/socket_options.h"

namespace tcptool::relay {
namespace {

using Kind = LocalStream::Kind;

Kind kind_of(sys::Kernel& kernel, int fd, const struct stat& status) {
  if (S_ISFIFO(status.st_mode)) return Kind::pipe;
  if (S_ISREG(status.st_mode)) return Kind::regular_file;
  if (S_ISSOCK(status.st_mode)) return Kind::socket;
  if (S_ISDIR(status.st_mode)) return Kind::directory;
  if (!S_ISCHR(status.st_mode)) return Kind::other;
  if (status.st_rdev == makedev(1, 3)) return Kind::null_device;
  // Of the character devices only terminals answer this one; see ioctl_tty(2).
  int queued = 0;
  return kernel.ioctl(fd, TIOCOUTQ, queued).ok() ? Kind::terminal : Kind::other;
}

}  // namespace

LocalStream LocalStream::inspect(sys::Kernel& kernel, int fd, bool was_closed) {
  LocalStream stream(kernel, fd);
  struct stat status {};
  if (kernel.fstat(fd, status).ok()) stream.kind_ = kind_of(kernel, fd, status);
  stream.has_size_ = status.st_size > 0;
  stream.was_closed_ = was_closed;
  return stream;
}

bool LocalStream::keeps_messages() const {
  if (kind_ != Kind::socket) return false;
  return tcp::int_option(*kernel_, fd_, SOL_SOCKET, SO_TYPE).value_or(SOCK_STREAM) != SOCK_STREAM;
}

void LocalStream::reopen(int access) {
  if (kind_ != Kind::pipe && kind_ != Kind::terminal) return;
  // Fails where /proc is not mounted, or the pipe is another user's: then the inherited one serves.
  const sys::Outcome opened = kernel_->open(fmt::format("/proc/self/fd/{}", fd_),
                                            access | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0);
  if (opened.ok()) own_ = sys::Fd(*kernel_, opened.as_int());
}

sys::Outcome LocalStream::read(std::span<std::byte> buf) {
  if (kind_ == Kind::socket) return kernel_->recv(fd(), buf, MSG_DONTWAIT);
  // At its end, and not readable where nohup(1) has put one for writing only in a terminal's place.
  if (kind_ == Kind::null_device) return {};
  return kernel_->read(fd(), buf);
}

sys::Outcome LocalStream::write(std::span<const std::byte> buf) {
  if (was_closed_) return {-1, EBADF};
  if (kind_ == Kind::socket) return kernel_->send(fd(), buf, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (may_block()) buf = buf.first(std::min<std::size_t>(buf.size(), PIPE_BUF));
  return kernel_->write(fd(), buf);
}

sys::Outcome LocalStream::close() {
  static_cast<void>(own_.close());
  if (was_closed_) return {};
  const sys::Outcome closed = sys::Fd(*kernel_, fd_).close();
  // The lowest free number is the one just freed. A sandbox lets nothing be opened for writing.
  static_cast<void>(kernel_->open("/dev/null", O_RDONLY, 0));
  return closed;
}

}  // namespace tcptool::relay
