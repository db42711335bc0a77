// SPDX-License-Identifier: MIT
// SIGINT, SIGTERM and SIGHUP as a descriptor in the one loop. A signal that was ignored when the
// program started (nohup, `&` in sh) stays ignored: it is neither blocked nor read, since
// signalfd(2) would deliver it all the same.
#pragma once

#include <optional>

#include "base/result.h"
#include "sys/error.h"
#include "sys/fd.h"
#include "sys/kernel.h"

namespace tcptool::sys {

// SIGPIPE and SIGXFSZ, from now on: write(2) fails instead. Before the first line is written.
void ignore_write_signals(Kernel& kernel);

// Where SIGCHLD was ignored at the start, children would vanish before wait4() can tell how they
// ended.
void keep_ended_children(Kernel& kernel);

class Signals {
 public:
  // Blocks the signals that were not ignored, and opens the
  // descriptor. Call before the first thread is made, so that every thread inherits the mask.
  static Result<Signals, SysError> open(Kernel& kernel);

  [[nodiscard]] int fd() const { return fd_.get(); }

  // The signal that has arrived, if any. Does not block. Errors: read's own.
  [[nodiscard]] Result<std::optional<int>, SysError> take();

  // The last that take() gave; 0: none yet.
  [[nodiscard]] int taken() const { return taken_; }

 private:
  Signals(Kernel& kernel, Fd fd) : kernel_(&kernel), fd_(std::move(fd)) {}

  Kernel* kernel_;
  int taken_ = 0;
  Fd fd_;  // last: closing it may be told of, and that asks what was taken
};

// Ends the process by `signum` itself, so that a shell sees 128 + n: default action, unblocked,
// sent to ourselves. Returns only if the signal does not end a process.
void die_of_signal(Kernel& kernel, int signum);

}  // namespace tcptool::sys
