// SPDX-License-Identifier: MIT
// Whether stderr gets colour: the option first, then NO_COLOR, then CLICOLOR_FORCE, then whether it
// is a terminal that knows colours. See no-color.org.
#pragma once

#include "cmd/options.h"
#include "sys/kernel.h"

namespace tcptool::cmd {

// TERM names a terminal that takes escape sequences.
bool terminal_obeys();

bool stderr_is_terminal(sys::Kernel& kernel);

bool use_color(ColorMode mode, bool terminal);

}  // namespace tcptool::cmd
