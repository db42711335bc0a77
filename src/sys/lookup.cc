// SPDX-License-Identifier: MIT
#include "sys/lookup.h"

#include <fcntl.h>

namespace tcptool::sys {

Result<PendingLookup, SysError> PendingLookup::start(Kernel& kernel, const LookupRequest& request) {
  std::array<int, 2> ends{-1, -1};
  if (const Outcome made = kernel.pipe2(ends, O_CLOEXEC); !made.ok()) {
    return failure(SysError{Syscall::getaddrinfo, made.error, ""});
  }
  PendingLookup pending(kernel, Fd(kernel, ends[0]));
  const Outcome started = kernel.start_lookup(request, ends[1]);
  if (!started.ok()) {
    static_cast<void>(kernel.close(ends[1]));
    return failure(SysError{Syscall::getaddrinfo, started.error, ""});
  }
  return pending;
}

PendingLookup::~PendingLookup() {
  if (!answer_.open()) return;
  pollfd answer{answer_.get(), POLLIN, 0};
  if (kernel_->poll({&answer, 1}, 0).value > 0) static_cast<void>(finish());
}

Result<LookupResult, SysError> PendingLookup::finish() {
  LookupHandle handle = nullptr;
  const auto bytes = std::as_writable_bytes(std::span(&handle, 1));
  Outcome got;
  do {  // the pipe blocks: there is nothing to wait for otherwise
    got = kernel_->read(answer_.get(), bytes);
  } while (got.again());
  if (!got.ok()) return failure(SysError{Syscall::getaddrinfo, got.error, ""});
  if (got.as_size() != bytes.size()) return failure(SysError{Syscall::getaddrinfo, EIO, ""});
  LookupResult result;
  static_cast<void>(kernel_->finish_lookup(handle, result));
  static_cast<void>(answer_.close());
  return result;
}

}  // namespace tcptool::sys
