// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "base/text.h"
#include "trace/decode.h"
#include "trace/open_sink.h"

namespace tcptool::trace {

std::string text_line(const Event& event, sys::TimePoint start, bool color) {
  const std::chrono::duration<double> since = event.start - start;
  std::string line = fmt::format("{:10.6f} ", since.count());
  if (color) line += "\x1b[1m";
  line += name(event.call);
  if (color) line += "\x1b[0m";
  line += '(';
  for (const Arg& arg : event.arguments()) {
    if (&arg != &event.args.front()) line += ", ";
    fmt::format_to(std::back_inserter(line), "{}={}", arg.name, decode(event, arg));
  }
  line += ") = ";
  const bool failed = !event.outcome.ok() || event.outcome.value < 0;
  if (color && failed) line += "\x1b[31m";
  line += decode_outcome(event);
  if (color && failed) line += "\x1b[0m";
  fmt::format_to(std::back_inserter(line), " <{}>", format_duration(event.duration));
  return line;
}

}  // namespace tcptool::trace
