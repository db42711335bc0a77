// SPDX-License-Identifier: MIT
// tcptool connect: an active OPEN to a host, then the relay; with -z only the handshake.
#pragma once

#include <optional>
#include <vector>

#include "cmd/context.h"
#include "cmd/options.h"

namespace tcptool::cmd {

struct ConnectOptions {
  CommonOptions common;
  tcp::Host host;
  std::vector<tcp::Port> ports;           // one, or several with -z
  bool check = false;                     // -z
  std::optional<std::uint64_t> parallel;  // connections at once, held until stdin ends
  bool sequential = false;
  bool retry = false;
  std::optional<std::uint64_t> retries;  // no limit unless given
  std::chrono::nanoseconds retry_interval{std::chrono::seconds(1)};
};

Exit connect(Context& context, const ConnectOptions& options);

}  // namespace tcptool::cmd
