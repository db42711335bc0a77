// SPDX-License-Identifier: MIT
// What a user may ask of any subcommand that moves bytes over a connection.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "relay/relay.h"
#include "tcp/endpoint.h"
#include "tcp/socket_options.h"

namespace tcptool::cmd {

// How far a failure is looked into. passive: nothing extra is sent to the peer.
enum class DiagnoseMode { passive, active, off };

enum class ColorMode { automatic, always, never };

struct OutputOptions {
  bool trace = false;  // -v
  bool quiet = false;
  bool json = false;
  ColorMode color = ColorMode::automatic;
};

struct CommonOptions {
  OutputOptions output;
  int family = 0;                                  // AF_UNSPEC, AF_INET or AF_INET6
  std::vector<tcp::OptionSetting> socket_options;  // -o, -i and --keepalive, in the order given
  std::optional<tcp::Host> source;                 // the local end, where it was given
  std::optional<tcp::Port> source_port;
  std::optional<std::chrono::nanoseconds> connect_timeout;  // 0: none
  std::chrono::nanoseconds run_timeout{0};                  // --timeout; 0: none
  DiagnoseMode diagnose = DiagnoseMode::passive;
  relay::RelayPolicy relay;
};

}  // namespace tcptool::cmd
