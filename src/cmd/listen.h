// SPDX-License-Identifier: MIT
// tcptool listen: a passive OPEN, one accepted connection, then the relay.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cmd/acceptor.h"
#include "cmd/context.h"
#include "cmd/options.h"

namespace tcptool::cmd {

enum class BuiltInService { echo, discard };

struct ListenOptions {
  CommonOptions common;
  std::optional<tcp::Host> address;  // every local address unless given
  tcp::Port port;
  std::optional<int> backlog;
  std::string port_file;
  bool inherited = false;  // LISTEN_FDS: the listener is descriptor 3, and has address and port
  AcceptOptions accept;

  bool keep_open = false;  // -k
  std::optional<std::uint64_t> max_clients;
  std::size_t client_buffer = 1024 * 1024;  // bytes
  bool half_close = false;                  // -N: the end of stdin is every client's end
  std::optional<BuiltInService> service;    // --serve
  std::vector<std::string> command;         // what follows --
  std::chrono::nanoseconds grace{std::chrono::seconds(5)};

  // Served in the loop for many, whether one or many come.
  [[nodiscard]] bool served() const { return keep_open || service || !command.empty(); }
  // stdin and stdout are the clients'.
  [[nodiscard]] bool uses_standard_streams() const { return !service && command.empty(); }
};

// The end of -w came first.
Message no_client_message(const ListenOptions& options, const std::string& object);

Exit listen(Context& context, const ListenOptions& options);

}  // namespace tcptool::cmd
