// SPDX-License-Identifier: MIT
// The one place where the program sleeps. Every wait ends for one of four reasons: a descriptor is
// ready, the caller's deadline has come, the whole run's deadline (--timeout) has come, or a signal
// asks the run to end. The last two are passed up to the command as they are.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "sys/error.h"
#include "sys/kernel.h"
#include "sys/signals.h"

namespace tcptool::sys {

using Deadline = std::optional<TimePoint>;

// The earlier of two deadlines; none is later than any.
Deadline earlier(Deadline a, Deadline b);

// The time until then as poll(2) takes it: whole milliseconds, rounded up, so that a deadline has
// passed when poll says so; -1 where there is none.
int poll_timeout(Deadline deadline, TimePoint now);

struct Wake {
  enum class Reason { ready, deadline, run_deadline, signal };
  Reason reason = Reason::ready;
  int signal = 0;

  // The run as a whole is to end.
  [[nodiscard]] bool interrupted() const {
    return reason == Reason::run_deadline || reason == Reason::signal;
  }
};

class Waiter {
 public:
  Waiter(Kernel& kernel, Signals& signals, Deadline run_deadline)
      : kernel_(&kernel), signals_(&signals), run_deadline_(run_deadline) {}

  [[nodiscard]] Kernel& kernel() const { return *kernel_; }
  [[nodiscard]] Signals& signals() const { return *signals_; }
  [[nodiscard]] Deadline run_deadline() const { return run_deadline_; }

  // Polls `fds` (entries with a negative descriptor are skipped, as in poll(2)) until one has
  // something to say, at most until `deadline`; EINTR goes on waiting. What was ready is in
  // revents. Once a signal has come, every later wait ends with it at once: whoever had waited for
  // a probe may have gone on. Errors: poll's own (ENOMEM), and
  // those of reading the signal.
  Result<Wake, SysError> wait(std::span<pollfd> fds, Deadline deadline);

  // The signal that has ended a wait; 0: none.
  [[nodiscard]] int signal_taken() const { return signal_taken_; }

  // Nothing but time, the run's deadline or a signal.
  Result<Wake, SysError> sleep_until(TimePoint time) { return wait({}, time); }

 private:
  Kernel* kernel_;
  Signals* signals_;
  Deadline run_deadline_;
  int signal_taken_ = 0;
  std::vector<pollfd> polled_;  // the caller's and the signal descriptor's
};

}  // namespace tcptool::sys
