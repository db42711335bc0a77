// SPDX-License-Identifier: MIT
// What every command is handed: the system, the one who waits, and the one who speaks.
#pragma once

#include "cmd/console.h"
#include "sys/waiter.h"

namespace tcptool::cmd {

// Whether a standard stream was closed when the program started.
struct ClosedAtStart {
  bool input = false;
  bool output = false;
};

struct Context {
  sys::Kernel& kernel;
  sys::Waiter& waiter;
  Console& console;
  ClosedAtStart closed;
};

}  // namespace tcptool::cmd
