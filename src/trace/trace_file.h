// SPDX-License-Identifier: MIT
// The file of --trace. Its writes are no events of the trace, so they go through the bare kernel,
// and none of them waits: what a slow reader of a FIFO leaves no room for is kept back, up to a
// bound, and then lost and counted.
#pragma once

#include <string>

#include "base/line_writer.h"
#include "base/result.h"
#include "sys/error.h"
#include "sys/fd.h"

namespace tcptool::trace {

// Is told what becomes of the file, at most once each.
class TraceFileObserver {
 public:
  TraceFileObserver() = default;
  TraceFileObserver(const TraceFileObserver&) = delete;
  TraceFileObserver& operator=(const TraceFileObserver&) = delete;
  virtual ~TraceFileObserver() = default;
  virtual void write_failed(const sys::SysError& error) = 0;
  virtual void limit_reached() = 0;
  virtual void lines_lost(std::uint64_t count) = 0;
};

struct TraceFileOptions {
  std::string path;
  std::uint64_t limit = 0;  // bytes; 0: none
  // What stands in the file where lines were lost.
  std::string (*lost_line)(std::uint64_t count) = nullptr;
  std::string limit_line{};  // and where the limit ended it
};

class TraceFile final : public LineWriter {
 public:
  // Truncates the file, or makes it. A FIFO is opened without waiting for its reader.
  // Errors: open(2)'s; ENXIO where a FIFO has no reader.
  static Result<sys::Fd, sys::SysError> open(sys::Kernel& kernel, const std::string& path);

  TraceFile(sys::Kernel& kernel, sys::Fd fd, TraceFileOptions options, TraceFileObserver& observer);

  void write_line(std::string_view line) override;
  void flush() override;
  // Writes what is left, for which a FIFO's reader has a second from its last sign of life and 3 s
  // in all, and closes the file.
  void close() override;

 private:
  static constexpr std::size_t worth_a_write = 64 * 1024;     // bytes
  static constexpr std::size_t most_kept_back = 1024 * 1024;  // bytes

  [[nodiscard]] bool fits(std::string_view line) const;
  void append(std::string_view line);
  void write_some();
  void stop(const sys::SysError& error);

  sys::Kernel& kernel_;
  sys::Fd fd_;
  TraceFileOptions options_;
  TraceFileObserver& observer_;
  std::string pending_;
  std::size_t written_ = 0;      // bytes of pending_
  std::uint64_t size_ = 0;       // bytes, with those in pending_
  std::uint64_t lost_ = 0;       // lines, ever
  std::uint64_t lost_here_ = 0;  // since the last line that was kept
  bool stopped_ = false;
};

}  // namespace tcptool::trace
