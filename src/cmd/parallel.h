// SPDX-License-Identifier: MIT
// connect --parallel: many connections to one address at once, a line for each, held open until
// stdin ends. It moves no bytes: it is for watching the other side's accept queue.
#pragma once

#include "cmd/connect.h"
#include "sys/sandbox.h"

namespace tcptool::cmd {

// Each connection has a local port of its own, and there are no more ports than this.
inline constexpr std::uint64_t most_parallel = 65535;

// `*options.parallel` connections, at least one, to the first address of the host. `ahead` is what
// the run may still do where it is confined.
Exit connect_parallel(Context& context, const ConnectOptions& options, const sys::Ahead& ahead);

}  // namespace tcptool::cmd
