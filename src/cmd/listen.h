// SPDX-License-Identifier: MIT
// tcptool listen: a passive OPEN, one accepted connection, then the relay.
#pragma once

#include <optional>
#include <string>

#include "cmd/acceptor.h"
#include "cmd/context.h"
#include "cmd/options.h"

namespace tcptool::cmd {

struct ListenOptions {
  CommonOptions common;
  std::optional<tcp::Host> address;  // every local address unless given
  tcp::Port port;
  std::optional<int> backlog;
  std::string port_file;
  bool inherited = false;  // LISTEN_FDS: the listener is descriptor 3, and has address and port
  AcceptOptions accept;
};

Exit listen(Context& context, const ListenOptions& options);

}  // namespace tcptool::cmd
