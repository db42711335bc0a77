// SPDX-License-Identifier: MIT
// The program's table of contents: parse, open the trace, make the kernel, run the command, return
// its status.
#include <algorithm>
#include <cstdlib>
#include <exception>
#include <new>
#include <optional>

#include "cli/parse.h"
#include "cmd/color.h"
#include "cmd/messages.h"
#include "cmd/progress.h"
#include "cmd/run.h"
#include "cmd/trace_output.h"
#include "sys/activation.h"
#include "sys/linux_kernel.h"
#include "sys/names.h"
#include "sys/standard_streams.h"
#include "trace/traced_kernel.h"

namespace tcptool {
namespace {

using cmd::ExitStatus;

// For a signal handler, which knows nothing else. Null while nothing is traced.
trace::Journal* crash_journal = nullptr;

void tell_what_led_to_the_crash() {
  if (crash_journal != nullptr) crash_journal->flush();
}

// Help and version go to stdout when they were asked for; usage errors go to stderr.
ExitStatus stop(sys::Kernel& kernel, const cli::Stop& stop, bool stdout_closed) {
  if (stop.is_page) {
    if (stdout_closed && stop.status == ExitStatus::ok) return ExitStatus::local_io;
    constexpr int stdout_fd = 1;
    constexpr int stderr_fd = 2;
    auto rest = std::as_bytes(std::span(stop.text));
    while (!rest.empty()) {
      const int fd = stop.status == ExitStatus::ok ? stdout_fd : stderr_fd;
      const sys::Outcome written = kernel.write(fd, rest);
      if (!written.ok()) return ExitStatus::local_io;
      rest = rest.subspan(written.as_size());
    }
    return stop.status;
  }
  cmd::Console console(kernel, {.quiet = false, .json = stop.json, .color = false});
  console.failure(stop.status, cmd::Message{"error", stop.text, {}});
  return stop.status;
}

// Does not return, unless the kernel keeps the signal from us: then the status says it.
cmd::Exit end_by_signal(sys::Kernel& kernel, int signum) {
  sys::die_of_signal(kernel, signum);
  constexpr int shell_base = 128;
  return {static_cast<ExitStatus>(shell_base + signum)};
}

cmd::Exit run(sys::Kernel& kernel, cmd::Console& console, const cmd::Command& command,
              cmd::ClosedAtStart closed, sys::TimePoint start) {
  auto signals = sys::Signals::open(kernel);
  if (!signals) {
    console.failure(ExitStatus::local, cmd::error_message(signals.error()));
    return {ExitStatus::local};
  }
  const auto run_timeout = cmd::common_options(command).run_timeout;
  sys::Deadline deadline;
  if (run_timeout.count() > 0) deadline = start + run_timeout;
  console.give_way_to(&*signals, deadline);
  sys::Waiter waiter(kernel, *signals, deadline);
  cmd::Context context{kernel, waiter, console, closed};
  const cmd::Exit exit = cmd::run(context, command);
  if (exit.signal != 0) return end_by_signal(kernel, exit.signal);
  if (const int signum = waiter.signal_taken(); signum != 0) {
    console.status(
        cmd::note_message("the diagnosis was interrupted by " + sys::signal_name(signum)));
    return end_by_signal(kernel, signum);
  }
  // A line that nobody read gave way to a signal or to --timeout: that is how the run ended.
  if (console.gave_way()) {
    const auto taken = signals->take();
    if (taken && *taken) return end_by_signal(kernel, **taken);
    return {ExitStatus::timeout};
  }
  return exit;
}

ExitStatus tcptool_main(std::span<const char* const> arguments) {
  sys::LinuxKernel bare;
  trace::Journal journal;
  trace::TracedKernel kernel(bare, journal);
  const sys::TimePoint start = kernel.now();
  const auto started = kernel.wall_clock();
  const auto closed = sys::fill_closed_standard_streams(kernel);
  sys::ignore_write_signals(kernel);
  const auto command = cli::parse(arguments, sys::inherited_descriptors(kernel));
  if (!command) return stop(bare, command.error(), closed[1]);

  const cmd::OutputOptions& output = cmd::common_options(*command).output;
  const bool terminal = cmd::stderr_is_terminal(bare);
  const bool color = !output.json && cmd::use_color(output.color, terminal);
  const cmd::ProgressPlan progress =
      cmd::plan_progress(bare, kernel, cmd::common_options(*command));
  cmd::Console console(bare, {.quiet = output.quiet,
                              .json = output.json,
                              .color = color,
                              .terminal = terminal,
                              .progress = progress.form,
                              .journal = &journal,
                              .start = start});
  const auto traced = cmd::TraceOutput::open(bare, console, output);
  if (!traced) {
    console.failure(ExitStatus::usage, cmd::trace_not_opened_message(traced.error()));
    return ExitStatus::usage;
  }
  (*traced)->begin(journal,
                   {.version = cli::version(),
                    .command = cmd::command_name(*command),
                    .pid = kernel.getpid().as_int(),
                    .started = started},
                   start);
  if (progress.why_not) console.status(*progress.why_not);
  if (journal.traced()) {
    crash_journal = &journal;
    sys::LinuxKernel::before_crash(tell_what_led_to_the_crash);
  }
  const cmd::Exit exit = run(kernel, console, *command, {closed[0], closed[1]}, start);
  const ExitStatus status = exit.status;
  // The signals are closed: what is left to say waits no more than a second.
  console.give_way_to(nullptr, bare.now() + std::chrono::seconds(1));
  if (status == ExitStatus::failure && !exit.explained) console.last_calls();
  journal.close();
  crash_journal = nullptr;
  return status == ExitStatus::ok && (*traced)->failed() ? ExitStatus::local_io : status;
}

// Says so in words that are made already.
ExitStatus out_of_memory(std::span<const char* const> arguments) {
  const bool json = std::any_of(arguments.begin(), arguments.end(), [](const char* argument) {
    return std::string_view(argument) == "--json";
  });
  const std::string_view words =
      json ? "{\"type\":\"error\",\"message\":\"out of memory (ENOMEM)\",\"status\":4}\n"
           : "tcptool: out of memory (ENOMEM)\n";
  constexpr int stderr_fd = 2;
  sys::LinuxKernel bare;
  static_cast<void>(bare.write(stderr_fd, std::as_bytes(std::span(words))));
  return ExitStatus::local;
}

}  // namespace
}  // namespace tcptool

namespace {

// Without an exception this is memory that did not suffice even for one.
[[noreturn]] void terminate() {
  if (std::current_exception() == nullptr) {
    std::_Exit(static_cast<int>(tcptool::out_of_memory({})));
  }
  std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  std::set_terminate(terminate);
  const std::span<const char* const> all(argv, static_cast<std::size_t>(argc));
  const auto arguments = all.subspan(all.empty() ? 0 : 1);
  try {
    return static_cast<int>(tcptool::tcptool_main(arguments));
  } catch (const std::bad_alloc&) {
    return static_cast<int>(tcptool::out_of_memory(arguments));
  }
}
