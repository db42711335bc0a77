// SPDX-License-Identifier: MIT
#include "sys/event_poll.h"

#include <algorithm>
#include <cerrno>

namespace tcptool::sys {

Result<EventPoll, SysError> EventPoll::open(const Waiter& waiter) {
  Kernel& kernel = waiter.kernel();
  const Outcome made = kernel.epoll_create1(EPOLL_CLOEXEC);
  if (!made.ok()) return failure(SysError{Syscall::epoll_create1, made.error, ""});
  EventPoll poll(waiter, Fd(kernel, made.as_int()));
  if (waiter.signals().fd() < 0) return poll;  // all of them were ignored at the start
  const Outcome added = poll.add(waiter.signals().fd(), EPOLLIN, signal_token);
  if (!added.ok()) return failure(SysError{Syscall::epoll_ctl, added.error, ""});
  return poll;
}

Outcome EventPoll::control(int op, int fd, std::uint32_t events, std::uint64_t token) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  return waiter_->kernel().epoll_ctl(fd_.get(), op, fd, event);
}

Outcome EventPoll::add(int fd, std::uint32_t events, std::uint64_t token) {
  return control(EPOLL_CTL_ADD, fd, events, token);
}

Outcome EventPoll::change(int fd, std::uint32_t events, std::uint64_t token) {
  return control(EPOLL_CTL_MOD, fd, events, token);
}

Outcome EventPoll::remove(int fd) {
  return control(EPOLL_CTL_DEL, fd, 0, 0);
}

Result<Wake, SysError> EventPoll::wait(Deadline deadline) {
  Kernel& kernel = waiter_->kernel();
  const Deadline run_deadline = waiter_->run_deadline();
  const Deadline first = earlier(deadline, run_deadline);
  while (true) {
    count_ = 0;
    const TimePoint before = first ? kernel.now() : TimePoint{};
    const Outcome polled = kernel.epoll_wait(fd_.get(), events_, poll_timeout(first, before));
    if (!polled.ok()) {
      if (polled.error == EINTR) continue;
      return failure(SysError{Syscall::epoll_wait, polled.error, ""});
    }
    count_ = std::min(polled.as_size(), events_.size());
    const auto end = events_.begin() + static_cast<std::ptrdiff_t>(count_);
    const auto by_signal = std::find_if(events_.begin(), end, [](const epoll_event& event) {
      return event.data.u64 == signal_token;
    });
    if (by_signal != end) {
      std::rotate(by_signal, by_signal + 1, end);
      --count_;
      const auto taken = waiter_->signals().take();
      if (!taken) return failure(taken.error());
      if (*taken) return Wake{Wake::Reason::signal, **taken};
    }
    if (run_deadline && kernel.now() >= *run_deadline) return Wake{Wake::Reason::run_deadline};
    if (count_ > 0) return Wake{Wake::Reason::ready};
    if (deadline && kernel.now() >= *deadline) return Wake{Wake::Reason::deadline};
  }
}

}  // namespace tcptool::sys
