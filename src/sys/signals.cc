// SPDX-License-Identifier: MIT
#include "sys/signals.h"

#include <signal.h>
#include <sys/signalfd.h>

#include <array>

#include "sys/names.h"

namespace tcptool::sys {
namespace {

constexpr std::array ending_signals{SIGINT, SIGTERM, SIGHUP};
// They would end the process where write(2) says EPIPE or EFBIG as well.
constexpr std::array write_signals{SIGPIPE, SIGXFSZ};

}  // namespace

void ignore_write_signals(Kernel& kernel) {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  for (const int signum : write_signals) {
    static_cast<void>(kernel.sigaction(signum, &ignore, nullptr));
  }
}

void keep_ended_children(Kernel& kernel) {
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  static_cast<void>(kernel.sigaction(SIGCHLD, &by_default, nullptr));
}

Result<Signals, SysError> Signals::open(Kernel& kernel) {
  sigset_t mask;
  sigemptyset(&mask);
  bool any = false;
  for (const int signum : ending_signals) {
    struct sigaction at_start {};
    const bool known = kernel.sigaction(signum, nullptr, &at_start).ok();
    if (known && at_start.sa_handler == SIG_IGN) continue;
    sigaddset(&mask, signum);
    any = true;
  }
  if (!any) return Signals(kernel, Fd());
  const Outcome fd = kernel.signalfd(-1, mask, SFD_CLOEXEC | SFD_NONBLOCK);
  if (!fd.ok()) return failure(SysError{Syscall::signalfd, fd.error, ""});
  Signals signals(kernel, Fd(kernel, fd.as_int()));
  // Last: until here a signal ends the process by itself, from here on somebody must read it.
  if (const Outcome blocked = kernel.sigprocmask(SIG_BLOCK, mask); !blocked.ok()) {
    return failure(SysError{Syscall::sigprocmask, blocked.error, ""});
  }
  return signals;
}

Result<std::optional<int>, SysError> Signals::take() {
  if (!fd_.open()) return std::optional<int>();
  signalfd_siginfo info{};
  const Outcome read = kernel_->read(fd_.get(), std::as_writable_bytes(std::span(&info, 1)));
  if (!read.ok() && !read.again()) {
    return failure(SysError{Syscall::read, read.error, "signalfd"});
  }
  if (read.as_size() != sizeof info) return std::optional<int>();
  taken_ = static_cast<int>(info.ssi_signo);
  return std::optional<int>(taken_);
}

void die_of_signal(Kernel& kernel, int signum) {
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  static_cast<void>(kernel.sigaction(signum, &by_default, nullptr));
  static_cast<void>(kernel.kill(kernel.getpid().as_int(), signum));
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, signum);
  static_cast<void>(kernel.sigprocmask(SIG_UNBLOCK, mask));
}

}  // namespace tcptool::sys
