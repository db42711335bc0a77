// SPDX-License-Identifier: MIT
// --sandbox: when a run gives which rights away, and what is said where the kernel does not let it.
#pragma once

#include "cmd/context.h"
#include "cmd/options.h"
#include "sys/sandbox.h"

namespace tcptool::cmd {

// Before the first look-up: all that is to be opened for writing is open. `renames`: a file is
// still to be renamed or removed.
void confine_calls(Context& context, const CommonOptions& options, bool renames = false);

// Once there is a connection or a listener, before anything that came over it is looked at, and
// after the last look-up.
void confine_files(Context& context, const CommonOptions& options, const sys::Reach& reach);

}  // namespace tcptool::cmd
