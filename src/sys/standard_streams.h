// SPDX-License-Identifier: MIT
// Descriptors 0, 1 and 2 at the start of the program.
#pragma once

#include <array>

#include "sys/kernel.h"

namespace tcptool::sys {

// Opens /dev/null in the place of each standard descriptor that is closed (`<&-`), so that no
// socket gets its number. Says which were.
std::array<bool, 3> fill_closed_standard_streams(Kernel& kernel);

}  // namespace tcptool::sys
