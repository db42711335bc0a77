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
#include "trace/open_sink.h"

namespace tcptool::cmd {

// How far a failure is looked into. passive: nothing extra is sent to the peer.
enum class DiagnoseMode { passive, active, off };

// strict: as on, and a call that it refuses kills; see sys/sandbox.h.
enum class SandboxMode { off, on, strict };

enum class ColorMode { automatic, always, never };

// automatic: where stderr is a terminal.
enum class ProgressMode { off, automatic, always };

struct TraceOptions {
  int verbosity = 0;                    // of -v
  std::string file;                     // of --trace; "-" is stderr
  std::optional<trace::Format> format;  // of the file if there is one, else of -v
  bool explain = false;
  trace::Filter filter = trace::Filter::all;
  std::uint64_t limit = 0;  // bytes of the file; 0: none

  [[nodiscard]] bool to_stderr() const { return file == "-"; }
  [[nodiscard]] bool to_file() const { return !file.empty() && !to_stderr(); }
};

struct OutputOptions {
  TraceOptions trace;
  bool quiet = false;
  bool json = false;
  ColorMode color = ColorMode::automatic;
  ProgressMode progress = ProgressMode::off;
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
  SandboxMode sandbox = SandboxMode::on;
  relay::RelayPolicy relay;
};

}  // namespace tcptool::cmd
