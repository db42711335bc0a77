// SPDX-License-Identifier: MIT
#include "cmd/console.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "relay/local_stream.h"
#include "trace/open_sink.h"

namespace tcptool::cmd {
namespace {

constexpr int stderr_fd = 2;
constexpr std::string_view erase_line = "\r\x1b[K";

// Writes each line at once through the kernel seam. A stderr that is full makes the line wait,
// since who asked for it reads it, until a second after a signal; one that is closed or broken
// swallows it.
// A terminal is opened a second time: with room for a byte it is called writable, and would hold up
// whoever writes more.
class KernelSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  KernelSink(sys::Kernel& kernel, bool terminal) : kernel_(kernel) {
    if (!terminal) return;
    auto stream = relay::LocalStream::inspect(kernel, stderr_fd, false);
    stream.reopen(O_WRONLY);
    terminal_ = std::move(stream);
  }

  [[nodiscard]] bool gave_way() const { return gave_way_; }

  void give_way_to(const sys::Signals* signals, sys::Deadline run_deadline) {
    signals_ = signals;
    run_deadline_ = run_deadline;
  }

  [[nodiscard]] bool has_room() {
    std::array<pollfd, 1> fds{{{fd(), POLLOUT, 0}}};
    return kernel_.poll(fds, 0).value > 0;
  }

  // Of the terminal, without the last one: where a line ends there, terminals differ.
  [[nodiscard]] std::size_t columns() {
    std::array<int, 2> size{};  // struct winsize
    static_assert(sizeof size == sizeof(winsize));
    winsize terminal{};
    if (kernel_.ioctl(stderr_fd, TIOCGWINSZ, size.front()).ok()) {
      std::memcpy(&terminal, size.data(), sizeof terminal);
    }
    constexpr std::size_t usual = 80;  // serial lines tell 0
    return (terminal.ws_col > 0 ? std::size_t{terminal.ws_col} : usual) - 1;
  }

  // The last line, below all others, until one of them takes its place; empty: none.
  void draw(std::string_view line) {
    if ((line.empty() && !on_screen_) || !has_room()) return;
    const std::string text = std::string(erase_line) + std::string(line);
    // Where it is cut short, the next one draws over it.
    static_cast<void>(kernel_.write(fd(), std::as_bytes(std::span(text))));
    on_screen_ = !line.empty();
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    if (on_screen_) line.append(erase_line);
    formatter_->format(message, line);
    on_screen_ = false;  // until it is drawn again, in its own time
    auto rest = std::as_bytes(std::span(line.data(), line.size()));
    while (!rest.empty() && wait_for_room()) {
      // A pipe that poll called writable takes PIPE_BUF bytes at once; most lines are shorter.
      const sys::Outcome written = kernel_.write(fd(), rest.first(std::min(rest.size(), at_once)));
      if (!written.ok() && written.error != EINTR && written.error != EAGAIN) return;
      // A terminal may be writable, and yet have no room for a line's end, which is two bytes
      // there.
      if (written.error == EAGAIN) static_cast<void>(kernel_.poll({}, a_moment));
      if (written.ok()) rest = rest.subspan(written.as_size());
    }
  }
  void flush_() override {}

 private:
  static constexpr std::size_t at_once = PIPE_BUF;
  static constexpr std::chrono::seconds last_words{1};

  [[nodiscard]] int fd() const { return terminal_ ? terminal_->fd() : stderr_fd; }
  static constexpr int a_moment = 10;  // milliseconds

  // False when there is none and the run is to end: a signal came, now or while an earlier line
  // waited, and its last words had their time, or --timeout is over. The trace tells of a signal
  // when it is taken already.
  bool wait_for_room() {
    while (true) {
      if (signals_ != nullptr && signals_->taken() != 0) heed_signal();
      const int signal_fd = signals_ != nullptr ? signals_->fd() : -1;
      std::array<pollfd, 2> fds{{{fd(), POLLOUT, 0}, {signal_fd, POLLIN, 0}}};
      const int timeout = run_deadline_ ? sys::poll_timeout(run_deadline_, kernel_.now()) : -1;
      const sys::Outcome polled = kernel_.poll(fds, timeout);
      if (!polled.ok() && polled.error == EINTR) continue;
      if (fds[1].revents != 0) heed_signal();
      const bool room = !polled.ok() || fds[0].revents != 0;
      if (!room && fds[1].revents != 0) continue;
      if (!room) gave_way_ = true;
      return room;
    }
  }

  // For all lines together, since a stderr that is only slow is to have the last of them.
  void heed_signal() {
    if (std::exchange(signals_, nullptr) == nullptr) return;
    run_deadline_ = sys::earlier(run_deadline_, kernel_.now() + last_words);
  }

  sys::Kernel& kernel_;
  std::optional<relay::LocalStream> terminal_;
  const sys::Signals* signals_ = nullptr;
  sys::Deadline run_deadline_;
  bool gave_way_ = false;
  bool on_screen_ = false;  // the cursor stands behind a drawn line
};

}  // namespace

struct Console::Log {
  Log(sys::Kernel& kernel, bool terminal)
      : sink(std::make_shared<KernelSink>(kernel, terminal)), logger("tcptool", sink) {
    logger.set_formatter(
        std::make_unique<spdlog::pattern_formatter>("%v", spdlog::pattern_time_type::utc, "\n"));
    logger.set_level(spdlog::level::trace);
  }
  std::shared_ptr<KernelSink> sink;  // as spdlog takes it
  spdlog::logger logger;
};

Console::Console(sys::Kernel& kernel, const ConsoleOptions& options)
    : log_(std::make_unique<Log>(kernel, options.terminal)), options_(options) {}

Console::~Console() = default;

void Console::give_way_to(const sys::Signals* signals, sys::Deadline run_deadline) {
  log_->sink->give_way_to(signals, run_deadline);
}

bool Console::gave_way() const {
  return log_->sink->gave_way();
}

void Console::write_line(std::string_view line) {
  log_->logger.log(spdlog::level::trace, spdlog::string_view_t(line.data(), line.size()));
}

void Console::write_text(std::string_view first, const Message& message) {
  write_line(first);
  if (options_.quiet) return;
  for (const std::string& line : message.details) write_line(line);
}

void Console::status(const Message& message) {
  if (options_.journal != nullptr) options_.journal->flush();
  if (options_.quiet) return;
  if (!options_.json) return write_text(message.text, message);
  JsonObject object;
  object.add("type", message.type);
  object.append(message.fields).append(message.detail_fields);
  write_line(object.text());
}

std::size_t Console::progress_columns() {
  return options_.progress == ProgressForm::in_place ? log_->sink->columns() : SIZE_MAX;
}

void Console::progress(const Message& message) {
  if (options_.journal != nullptr) options_.journal->flush();
  if (options_.progress == ProgressForm::in_place) return log_->sink->draw(message.text);
  if (options_.progress == ProgressForm::lines && log_->sink->has_room()) status(message);
}

void Console::end_progress() {
  log_->sink->draw("");
}

void Console::failure(ExitStatus status, const Message& message) {
  if (options_.journal != nullptr) options_.journal->flush();
  if (!options_.json) {
    const std::string_view name = options_.color ? "\x1b[1;31mtcptool:\x1b[0m " : "tcptool: ";
    return write_text(std::string(name) + message.text, message);
  }
  JsonObject object;
  object.add("type", message.type)
      .add("message", message.text)
      .add("status", static_cast<int>(status));
  object.append(message.fields);
  if (options_.quiet) return write_line(object.text());
  object.append(message.detail_fields);
  std::vector<std::string> calls;
  for (const trace::Event* const event : recorded()) {
    calls.push_back(trace::json_line(*event, options_.start));
  }
  if (!calls.empty()) object.add_objects("last_calls", calls);
  write_line(object.text());
}

std::vector<const trace::Event*> Console::recorded() const {
  if (options_.journal == nullptr || options_.journal->traced()) return {};
  if (kept_calls_.empty()) return options_.journal->last(most_calls_shown);
  std::vector<const trace::Event*> events;
  for (const trace::Event& event : kept_calls_) events.push_back(&event);
  return events;
}

void Console::keep_calls() {
  if (!kept_calls_.empty()) return;
  std::vector<trace::Event> calls;
  for (const trace::Event* const event : recorded()) calls.push_back(*event);
  kept_calls_ = std::move(calls);
}

void Console::last_calls() {
  const auto events = recorded();
  if (options_.quiet || options_.json || events.empty()) return;
  write_line(fmt::format("the last {}:", count_of(events.size(), "system call")));
  for (const trace::Event* const event : events) {
    write_line(trace::text_line(*event, options_.start, options_.color));
  }
}

}  // namespace tcptool::cmd
