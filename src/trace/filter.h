// SPDX-License-Identifier: MIT
// Which calls a trace tells.
#pragma once

#include "trace/event.h"

namespace tcptool::trace {

enum class Filter {
  all,
  network,  // the calls of sockets, as in `strace -e trace=network`, splice and look-ups
  errors,   // those that failed
};

bool passes(const Event& event, Filter filter);

}  // namespace tcptool::trace
