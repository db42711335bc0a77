// SPDX-License-Identifier: MIT
#include "trace/trace_file.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tcptool::trace {

Result<sys::Fd, sys::SysError> TraceFile::open(sys::Kernel& kernel, const std::string& path) {
  constexpr unsigned for_everyone = 0666;  // less the umask
  const sys::Outcome opened = kernel.open(
      path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, for_everyone);
  if (!opened.ok()) return failure(sys::SysError{sys::Syscall::open, opened.error, path});
  return sys::Fd(kernel, opened.as_int());
}

TraceFile::TraceFile(sys::Kernel& kernel, sys::Fd fd, TraceFileOptions options,
                     TraceFileObserver& observer)
    : kernel_(kernel), fd_(std::move(fd)), options_(std::move(options)), observer_(observer) {}

void TraceFile::write_line(std::string_view line) {
  if (stopped_) return;
  if (options_.limit != 0 && !fits(line)) {
    stopped_ = true;
    if (size_ + options_.limit_line.size() < options_.limit) append(options_.limit_line);
    return observer_.limit_reached();
  }
  if (pending_.size() + line.size() > most_kept_back) {
    ++lost_;
    ++lost_here_;
    return;
  }
  if (lost_here_ > 0) append(options_.lost_line(std::exchange(lost_here_, 0)));
  append(line);
  if (pending_.size() - written_ >= worth_a_write) write_some();
}

// With the line that says where the limit was, unless it is smaller than that.
bool TraceFile::fits(std::string_view line) const {
  const std::size_t last = options_.limit_line.size() + 1;
  return size_ + line.size() + 1 + (last <= options_.limit ? last : 0) <= options_.limit;
}

void TraceFile::append(std::string_view line) {
  pending_ += line;
  pending_ += '\n';
  size_ += line.size() + 1;
}

void TraceFile::flush() {
  if (written_ < pending_.size()) write_some();
}

void TraceFile::write_some() {
  while (fd_.open() && written_ < pending_.size()) {
    const auto rest = std::as_bytes(std::span(pending_)).subspan(written_);
    const sys::Outcome written = kernel_.write(fd_.get(), rest);
    if (!written.ok() && written.error == EINTR) continue;
    if (!written.ok() && written.error == EAGAIN) break;
    if (!written.ok()) return stop({sys::Syscall::write, written.error, options_.path});
    written_ += written.as_size();
  }
  // What is written makes room only once it is much, or all of it.
  if (written_ == pending_.size() || written_ >= worth_a_write) {
    pending_.erase(0, written_);
    written_ = 0;
  }
}

void TraceFile::stop(const sys::SysError& error) {
  pending_.clear();
  written_ = 0;
  stopped_ = true;
  static_cast<void>(fd_.close());
  observer_.write_failed(error);
}

void TraceFile::close() {
  constexpr int patience = 1000;  // milliseconds
  constexpr auto patience_in_all = std::chrono::seconds(3);
  // As in write_line(), where nothing follows; past the end of the trace nothing is written.
  const std::string lost_line = lost_here_ == 0 || stopped_ ? "" : options_.lost_line(lost_here_);
  const bool told = !lost_line.empty() && (options_.limit == 0 || fits(lost_line));
  if (told) append(lost_line);
  lost_here_ = 0;
  flush();
  const sys::TimePoint until = kernel_.now() + patience_in_all;
  while (fd_.open() && written_ < pending_.size() && kernel_.now() < until) {
    std::array<pollfd, 1> fds{{{fd_.get(), POLLOUT, 0}}};
    const sys::Outcome polled = kernel_.poll(fds, patience);
    if (polled.ok() && polled.value == 0) break;
    write_some();
  }
  const auto rest = std::string_view(pending_).substr(written_);
  lost_ += static_cast<std::uint64_t>(std::count(rest.begin(), rest.end(), '\n'));
  if (told && !rest.empty()) --lost_;  // that line itself
  pending_.clear();
  written_ = 0;
  stopped_ = true;
  if (lost_ > 0) observer_.lines_lost(std::exchange(lost_, 0));
  if (!fd_.open()) return;
  if (const sys::Outcome closed = fd_.close(); !closed.ok()) {
    observer_.write_failed({sys::Syscall::close, closed.error, options_.path});
  }
}

}  // namespace tcptool::trace
