// SPDX-License-Identifier: MIT
#include "cmd/port_file.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <climits>
#include <optional>
#include <utility>

#include "base/parse.h"

namespace tcptool::cmd {
namespace {

sys::SysError failed(sys::Syscall call, int error, const std::string& path) {
  return {call, error, path};
}

// The descriptor that `path` names: /dev/fd/3 is 3. To open it would give a description with a
// position of its own, and what others write to the same file would cover the number.
std::optional<int> named_descriptor(std::string_view path) {
  if (path == "/dev/stdout") return 1;
  if (path == "/dev/stderr") return 2;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!path.starts_with(folder)) continue;
    if (const auto number = parse_unsigned(path.substr(folder.size()), INT_MAX)) {
      return static_cast<int>(*number);
    }
  }
  return std::nullopt;
}

}  // namespace

Result<PortFile, sys::SysError> PortFile::prepare(sys::Kernel& kernel, const std::string& path) {
  using sys::Syscall;
  constexpr int flags = O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  PortFile file(kernel, path);
  if (const auto named = named_descriptor(path)) {
    constexpr int above_standard_streams = 3;
    const sys::Outcome copy = kernel.fcntl(*named, F_DUPFD_CLOEXEC, above_standard_streams);
    if (!copy.ok()) return failure(failed(Syscall::fcntl, copy.error, path));
    file.fd_ = sys::Fd(kernel, copy.as_int());
    return file;
  }
  sys::Outcome opened = kernel.open(path, O_WRONLY | flags, 0);
  // A FIFO that nobody reads yet: opened both ways it keeps the number until somebody does.
  if (opened.error == ENXIO) opened = kernel.open(path, O_RDWR | flags, 0);
  if (opened.ok()) {
    sys::Fd existing(kernel, opened.as_int());
    struct stat status {};
    const sys::Outcome looked = kernel.fstat(existing.get(), status);
    if (!looked.ok()) return failure(failed(Syscall::fstat, looked.error, path));
    if (!S_ISREG(status.st_mode)) {
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

std::string PortFile::folder() const {
  if (beside_.empty()) return "";
  const auto slash = path_.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path_.substr(0, slash);
}

Result<void, sys::SysError> PortFile::publish(std::uint16_t port) {
  using sys::Syscall;
  const std::string line = fmt::format("{}\n", port);
  sys::Outcome written;
  do {
    written = kernel_->write(fd_.get(), std::as_bytes(std::span(line)));
  } while (written.error == EINTR);
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
