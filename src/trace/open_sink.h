// SPDX-License-Identifier: MIT
// The renderings of a trace, and the choice among them.
#pragma once

#include <memory>
#include <string>

#include "base/line_buffer.h"
#include "base/line_writer.h"
#include "trace/filter.h"

namespace tcptool::trace {

enum class Format { text, strace, json, summary };

struct SinkOptions {
  Format format = Format::text;
  Filter filter = Filter::all;
  bool color = false;
  bool explain = false;    // a sentence on each call
  bool payload = false;    // the bytes of connections
  bool telemetry = false;  // what TCP and the kernel's timestamps tell; text and json have it
  sys::TimePoint start{};  // times are shown since then
};

// A sink that writes a line an event to `writer`, or, at the end, the summary.
std::unique_ptr<Sink> open_sink(const SinkOptions& options, LineWriter& writer);

// The line of text for one event: seconds since `start`, an arrow where the peer is concerned, call
// and arguments, outcome, duration.
std::string text_line(const Event& event, sys::TimePoint start, bool color);

// What strace -T prints for it; empty for what is no call of the kernel's.
std::string strace_line(const Event& event);

// The same as one JSON object of type "call": times in ns, numbers as numbers.
std::string json_line(const Event& event, sys::TimePoint start);
// The same, with a field "explain" where there is an explanation.
void append_json_line(LineBuffer& out, const Event& event, sys::TimePoint start,
                      std::string_view explanation = {});

// What stands in a trace where `count` lines were lost.
std::string lost_comment(std::uint64_t count);
std::string lost_object(std::uint64_t count);
// What stands at the end of one that has reached its limit of so many bytes.
std::string limit_line(Format format, std::uint64_t limit);

}  // namespace tcptool::trace
