// SPDX-License-Identifier: MIT
// Where lines for people and programs go. One object owns stderr and implements this; whoever has
// something to say below cmd/ (the trace) says it here.
#pragma once

#include <string_view>

namespace tcptool {

class LineWriter {
 public:
  LineWriter() = default;
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;
  virtual ~LineWriter() = default;

  // Writes the line and a line end. The line has neither line end nor control bytes.
  virtual void write_line(std::string_view line) = 0;
  // Lines that were kept back, if any, are to go out now.
  virtual void flush() {}
  // No line will follow.
  virtual void close() {}
};

}  // namespace tcptool
