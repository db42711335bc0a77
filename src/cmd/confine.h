// SPDX-License-Identifier: MIT
// --sandbox: when a run gives which rights away, and what is said where the kernel does not let it:
// the run goes on, but for strict, where it ends.
#pragma once

#include <optional>

#include "cmd/context.h"
#include "cmd/options.h"
#include "sys/sandbox.h"

namespace tcptool::cmd {

// Before the first look-up: all that is to be opened for writing is open.
std::optional<Exit> confine_calls(Context& context, const CommonOptions& options,
                                  const sys::Ahead& ahead);

// Once there is a connection or a listener, before anything that came over it is looked at: of what
// was ahead, only files are still renamed.
std::optional<Exit> confine_files(Context& context, const CommonOptions& options,
                                  const sys::Ahead& ahead, const sys::Reach& reach);

// Whether -o sets an option that an ordinary user may not, or not to every value.
bool may_need_capabilities(const CommonOptions& options);

}  // namespace tcptool::cmd
