// SPDX-License-Identifier: MIT
// What a raw call returned as an Outcome; for the files of the real kernel alone.
#pragma once

#include <cstdint>

#include "sys/kernel.h"
#include "sys/syscall.h"

namespace tcptool::sys {

// Reads errno where `value` is negative. `fd` is the descriptor that the call was given, if any may
// only be a valid one: see linux_kernel.h.
Outcome outcome(Syscall call, int fd, std::int64_t value);

}  // namespace tcptool::sys
