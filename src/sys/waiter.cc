// SPDX-License-Identifier: MIT
#include "sys/waiter.h"

#include <algorithm>
#include <cerrno>
#include <limits>

namespace tcptool::sys {

int poll_timeout(Deadline deadline, TimePoint now) {
  if (!deadline) return -1;
  if (*deadline <= now) return 0;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(*deadline - now).count();
  return static_cast<int>(std::min<std::int64_t>(ms, std::numeric_limits<int>::max()));
}

Deadline earlier(Deadline a, Deadline b) {
  if (!a) return b;
  if (!b) return a;
  return std::min(*a, *b);
}

Result<Wake, SysError> Waiter::wait(std::span<pollfd> fds, Deadline deadline) {
  if (signal_taken_ != 0) return Wake{Wake::Reason::signal, signal_taken_};
  polled_.assign(fds.begin(), fds.end());
  polled_.push_back({signals_->fd(), POLLIN, 0});
  const Deadline first = earlier(deadline, run_deadline_);
  while (true) {
    const TimePoint before = first ? kernel_->now() : TimePoint{};
    const Outcome polled = kernel_->poll(polled_, poll_timeout(first, before));
    if (!polled.ok()) {
      if (polled.error == EINTR) continue;
      return failure(SysError{Syscall::poll, polled.error, ""});
    }
    if (polled_.back().revents != 0) {
      const auto taken = signals_->take();
      if (!taken) return failure(taken.error());
      if (*taken) {
        signal_taken_ = **taken;
        return Wake{Wake::Reason::signal, **taken};
      }
      if (polled.value == 1) continue;
    }
    if (run_deadline_ && kernel_->now() >= *run_deadline_) {
      return Wake{Wake::Reason::run_deadline};
    }
    if (polled.value > 0) {
      std::transform(fds.begin(), fds.end(), polled_.begin(), fds.begin(),
                     [](pollfd fd, const pollfd& answer) {
                       fd.revents = answer.revents;
                       return fd;
                     });
      return Wake{Wake::Reason::ready};
    }
    if (deadline && kernel_->now() >= *deadline) {
      for (pollfd& fd : fds) fd.revents = 0;
      return Wake{Wake::Reason::deadline};
    }
  }
}

}  // namespace tcptool::sys
