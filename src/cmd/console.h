// SPDX-License-Identifier: MIT
// The one writer of stderr. Text and JSON never mix: with --json every line is one object. A line
// is one write(2), so that lines of two processes on one terminal or file stay whole.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/line_writer.h"
#include "cmd/exit_status.h"
#include "sys/signals.h"
#include "sys/waiter.h"
#include "trace/journal.h"

namespace tcptool::cmd {

// Something to say, in both forms: a line for people, and the fields of an object for programs.
struct Message {
  std::string_view type;  // of the JSON object: "listening", "connected", ...
  std::string text;
  JsonObject fields;
  std::vector<std::string> details{};  // further lines for people, not with -q
  JsonObject detail_fields{};          // the same for programs, behind `fields`
};

// Where what moves is shown: nowhere; in the last line of a terminal, which is drawn again and
// again; a line (or object) each time.
enum class ProgressForm { none, in_place, lines };

struct ConsoleOptions {
  bool quiet = false;  // no status lines
  bool json = false;
  bool color = false;
  bool terminal = false;  // stderr is one
  ProgressForm progress = ProgressForm::none;
  trace::Journal* journal = nullptr;  // is told to tell before anything is said
  sys::TimePoint start{};             // of the run: the times of its events are shown since then
};

class Console final : public LineWriter {
 public:
  // `kernel` is the bare one: writing to stderr is no event of a trace.
  Console(sys::Kernel& kernel, const ConsoleOptions& options);
  ~Console() override;

  // From now on a line for which a stuck stderr has no room is dropped a second after one of
  // `signals` has come, taken or not, or once `run_deadline` has, so that both can end the run.
  // Without signals: once the deadline has come. `signals` outlives its use here.
  void give_way_to(const sys::Signals* signals, sys::Deadline run_deadline);

  // A line was dropped for one of the two.
  [[nodiscard]] bool gave_way() const;

  [[nodiscard]] bool color() const { return options_.color; }

  // A line as it is: for the trace.
  void write_line(std::string_view line) override;

  // Whether status() will say anything: a message that costs something is not made for -q.
  [[nodiscard]] bool wants_status() const { return !options_.quiet; }

  // What is going on. Nothing with -q.
  void status(const Message& message);

  [[nodiscard]] ProgressForm progress_form() const { return options_.progress; }
  // How wide the line of progress may be.
  [[nodiscard]] std::size_t progress_columns();

  // How far things have come; in place it stays below all other lines until end_progress(). It is
  // left out, rather than waited for, where stderr has no room.
  void progress(const Message& message);
  void end_progress();

  // What went wrong, in one line that begins with "tcptool: ". Never silenced.
  // With -q that line, or its object, is all; else where nothing is traced, the object has the last
  // calls.
  void failure(ExitStatus status, const Message& message);

  // Something has failed: the last calls are those until the first time,
  // whatever calls looking into it makes.
  void keep_calls();

  // The last calls, where nothing else is traced: what led to a failure that has no name.
  void last_calls();

 private:
  void write_text(std::string_view first, const Message& message);
  static constexpr std::size_t most_calls_shown = 20;
  // Those of the flight recorder; none where a trace tells them all.
  [[nodiscard]] std::vector<const trace::Event*> recorded() const;

  std::vector<trace::Event> kept_calls_;

  struct Log;  // spdlog's, which stays in console.cc
  std::unique_ptr<Log> log_;
  ConsoleOptions options_;
};

}  // namespace tcptool::cmd
