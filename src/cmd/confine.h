// SPDX-License-Identifier: MIT
// --sandbox: when a run gives which rights away, and what is said where the kernel does not let it:
// the run goes on, but for strict, where it ends.
#pragma once

#include <optional>

#include "cmd/context.h"
#include "cmd/options.h"
#include "sys/sandbox.h"

namespace tcptool::cmd {

// Before the first look-up: all that is to be opened for writing is open. `renames`: a file is
// still to be renamed or removed.
std::optional<Exit> confine_calls(Context& context, const CommonOptions& options,
                                  bool renames = false);

// Once there is a connection or a listener, before anything that came over it is looked at, and
// after the last look-up.
std::optional<Exit> confine_files(Context& context, const CommonOptions& options,
                                  const sys::Reach& reach);

// Whether -o sets an option that an ordinary user may not.
bool sets_privileged(const CommonOptions& options);

}  // namespace tcptool::cmd
