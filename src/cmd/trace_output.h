// SPDX-License-Identifier: MIT
// Where the trace goes that -v and --trace ask for, and what is said when its file fails.
#pragma once

#include <memory>

#include "cmd/console.h"
#include "cmd/options.h"
#include "trace/header.h"
#include "trace/journal.h"
#include "trace/trace_file.h"

namespace tcptool::cmd {

// That the trace cannot be opened, in the words of who gave --trace.
Message trace_not_opened_message(const sys::SysError& error);

class TraceOutput final : public trace::TraceFileObserver {
 public:
  // Opens the file, if one was asked for. Errors: open(2)'s.
  static Result<std::unique_ptr<TraceOutput>, sys::SysError> open(sys::Kernel& bare,
                                                                  Console& console,
                                                                  const OutputOptions& options);

  // From here on the journal tells its events to stderr and the file, a header first. Both must
  // outlive the journal's close().
  void begin(trace::Journal& journal, const trace::Header& header, sys::TimePoint start);

  // Whether a part of the trace could not be written to the file.
  [[nodiscard]] bool failed() const { return failed_; }

  void write_failed(const sys::SysError& error) override;
  void limit_reached() override;
  void lines_lost(std::uint64_t count) override;

 private:
  TraceOutput(Console& console, const OutputOptions& options)
      : console_(console), options_(options) {}

  void add(trace::Journal& journal, trace::Format format, const trace::Header& header,
           sys::TimePoint start, LineWriter& writer);
  [[nodiscard]] trace::Format stderr_format() const;

  Console& console_;
  const OutputOptions& options_;
  std::unique_ptr<trace::TraceFile> file_;
  bool failed_ = false;
};

}  // namespace tcptool::cmd
