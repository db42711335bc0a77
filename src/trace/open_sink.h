// SPDX-License-Identifier: MIT
// The renderings of a trace, and the choice among them.
#pragma once

#include <memory>
#include <string>

#include "base/line_writer.h"
#include "trace/event.h"

namespace tcptool::trace {

enum class Format { none, text, json };

struct SinkOptions {
  Format format = Format::none;
  bool color = false;
  sys::TimePoint start{};  // times are shown since then
};

// A sink that writes a line an event to `writer`; null where no trace was asked for.
std::unique_ptr<Sink> open_sink(const SinkOptions& options, LineWriter& writer);

// The line of text for one event: seconds since `start`, call and arguments, outcome, duration.
std::string text_line(const Event& event, sys::TimePoint start, bool color);

// The same as one JSON object of type "call": times in ns, numbers as numbers.
std::string json_line(const Event& event, sys::TimePoint start);

}  // namespace tcptool::trace
