// SPDX-License-Identifier: MIT
// Where the program sleeps when it watches many descriptors: epoll(7), whose cost does not grow
// with their number. The wake-ups are those of sys/waiter.h.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <span>

#include "sys/fd.h"
#include "sys/waiter.h"

namespace tcptool::sys {

class EventPoll {
 public:
  // Errors: epoll_create1's and epoll_ctl's.
  static Result<EventPoll, SysError> open(const Waiter& waiter);

  // Watches `fd` for `events` (EPOLLIN, EPOLLOUT; EPOLLERR and EPOLLHUP come unasked), which are
  // told under `token`. Errors: EPERM for what epoll cannot watch, which never waits (a regular
  // file).
  Outcome add(int fd, std::uint32_t events, std::uint64_t token);
  Outcome change(int fd, std::uint32_t events, std::uint64_t token);
  Outcome remove(int fd);

  // Until something is ready, at most until `deadline`, as Waiter::wait; but a signal ends one wait
  // only, so that a second one can be told from the first. What is ready stands in ready() until
  // the next wait.
  Result<Wake, SysError> wait(Deadline deadline);
  [[nodiscard]] std::span<const epoll_event> ready() const {
    return std::span(events_).first(count_);
  }

 private:
  static constexpr std::uint64_t signal_token = ~std::uint64_t{0};
  static constexpr std::size_t most_at_once = 256;

  EventPoll(const Waiter& waiter, Fd fd) : waiter_(&waiter), fd_(std::move(fd)) {}
  Outcome control(int op, int fd, std::uint32_t events, std::uint64_t token);

  const Waiter* waiter_;
  Fd fd_;
  std::array<epoll_event, most_at_once> events_{};
  std::size_t count_ = 0;
};

}  // namespace tcptool::sys
