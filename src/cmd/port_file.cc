// SPDX-License-Identifier: MIT
#include "cmd/port_file.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <utility>

namespace tcptool::cmd {
namespace {

sys::SysError failed(sys::Syscall call, int error, const std::string& path) {
  return {call, error, path};
}

bool names_a_descriptor(const std::string& path) {
  return path.starts_with("/dev/fd/") || path.starts_with("/proc/self/fd/") ||
         path == "/dev/stdout" || path == "/dev/stderr";
}

}  // namespace

Result<PortFile, sys::SysError> PortFile::prepare(sys::Kernel& kernel, const std::string& path) {
  using sys::Syscall;
  constexpr int flags = O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  PortFile file(kernel, path);
  // Through /dev/fd a file is opened anew, with a position of its own: only the end is safe.
  const int append = names_a_descriptor(path) ? O_APPEND : 0;
  sys::Outcome opened = kernel.open(path, O_WRONLY | append | flags, 0);
  // A FIFO that nobody reads yet: opened both ways it keeps the number until somebody does.
  if (opened.error == ENXIO) opened = kernel.open(path, O_RDWR | flags, 0);
  if (opened.ok()) {
    sys::Fd existing(kernel, opened.as_int());
    struct stat status {};
    const bool regular = kernel.fstat(existing.get(), status).ok() && S_ISREG(status.st_mode);
    if (!regular || names_a_descriptor(path)) {
      file.fd_ = std::move(existing);
      return file;
    }
  } else if (opened.error != ENOENT) {
    return failure(failed(Syscall::open, opened.error, path));
  }
  constexpr unsigned mode = 0666;  // less the umask
  const sys::Outcome pid = kernel.getpid();
  file.beside_ = fmt::format("{}.{}", path, pid.value);
  const sys::Outcome created =
      kernel.open(file.beside_, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | flags, mode);
  if (!created.ok()) {
    file.beside_.clear();
    return failure(failed(Syscall::open, created.error, path));
  }
  file.fd_ = sys::Fd(kernel, created.as_int());
  return file;
}

PortFile::PortFile(PortFile&& other) noexcept
    : kernel_(other.kernel_),
      path_(std::move(other.path_)),
      beside_(std::exchange(other.beside_, std::string())),
      published_(other.published_),
      fd_(std::move(other.fd_)) {}

PortFile::~PortFile() {
  if (!beside_.empty()) static_cast<void>(kernel_->unlink(published_ ? path_ : beside_));
}

Result<void, sys::SysError> PortFile::publish(std::uint16_t port) {
  using sys::Syscall;
  const std::string line = fmt::format("{}\n", port);
  const sys::Outcome written = kernel_->write(fd_.get(), std::as_bytes(std::span(line)));
  if (!written.ok() || written.as_size() != line.size()) {
    return failure(failed(Syscall::write, written.ok() ? ENOSPC : written.error, path_));
  }
  if (beside_.empty()) return {};
  if (const sys::Outcome closed = fd_.close(); !closed.ok()) {
    return failure(failed(Syscall::close, closed.error, path_));
  }
  if (const sys::Outcome renamed = kernel_->rename(beside_, path_); !renamed.ok()) {
    return failure(failed(Syscall::rename, renamed.error, path_));
  }
  published_ = true;
  return {};
}

}  // namespace tcptool::cmd
