// SPDX-License-Identifier: MIT
// The first line of a trace: what ran, and the moment from which its times count.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "trace/open_sink.h"

namespace tcptool::trace {

struct Header {
  std::string_view version;
  std::string_view command;
  int pid = 0;
  std::chrono::system_clock::time_point started;
};

// "# tcptool 0.1.0 listen, pid 123, started 2026-11-22T12:34:56.123456Z", or, as JSON, an object of
// type "start" with the same fields.
std::string header_line(const Header& header, Format format);

}  // namespace tcptool::trace
