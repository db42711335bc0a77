// SPDX-License-Identifier: MIT
// Attacks from within: a child confines itself as a run does, and tries.
#pragma once

#include <functional>

#include "sys/kernel.h"

namespace tcptool::test {

inline constexpr int not_confined = 77;

using Confine = std::function<bool(sys::Kernel&)>;

// The errno with which `attack`, a call that returns -1, fails after `confine`; 0: it succeeded;
// not_confined; or a signal that killed the child, negative.
int errno_of(const Confine& confine, const std::function<long()>& attack);

// Returns only where the program was not started.
long run_true();

}  // namespace tcptool::test
