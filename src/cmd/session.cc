// SPDX-License-Identifier: MIT
#include "cmd/session.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "base/text.h"
#include "cmd/explain.h"
#include "cmd/progress.h"
#include "diagnose/recognize.h"
#include "sys/names.h"

namespace tcptool::cmd {
namespace {

using relay::LocalStream;

constexpr int stdin_fd = 0;
constexpr int stdout_fd = 1;

class SessionNotes final : public relay::RelayObserver {
 public:
  SessionNotes(Context& context, const CommonOptions& options, const tcp::Connection& connection)
      : context_(context),
        options_(options),
        connection_(connection),
        progress_(connection.active) {}

  void peer_closed_first(std::chrono::nanoseconds after) override {
    Message message{"peer-closed", {}, {}};
    message.text = fmt::format("peer has closed its side (FIN) after {}", format_duration(after));
    message.fields.add("after_ns", after.count());
    context_.console.status(message);
  }

  void stdin_silent_after_peer_fin() override {
    Message message{"stdin-silent", {}, {}};
    message.text =
        "peer has closed its side; still sending what stdin brings (--linger D ends after D of "
        "silence)";
    context_.console.status(message);
  }

  void peer_spoke(std::span<const std::byte> received, std::span<const std::byte> sent) override {
    if (auto note = diagnose::recognize(received, sent)) {
      context_.console.status(note_message(std::move(*note)));
    }
  }

  void soft_error(int error) override {
    context_.console.status(explained_soft_error(context_, options_, connection_, error));
  }

  void progress(const relay::RelayEnd& so_far) override {
    progress_.take(so_far);
    Message message{"progress", {}, progress_.fields()};
    message.text = progress_.text(context_.console.progress_columns());
    context_.console.progress(message);
  }

  void stdout_reader_gone() override {
    Message message{"stdout-closed", {}, {}};
    message.text =
        "whoever read stdout has gone; stdin is read no more, and what was read is still sent";
    context_.console.status(message);
  }

 private:
  Context& context_;
  const CommonOptions& options_;
  const tcp::Connection& connection_;
  Progress progress_;
};

// Which of the user's limits ended it.
std::string_view limit_text(const relay::RelayEnd& end) {
  using Reason = relay::RelayEnd::Reason;
  if (end.reason == Reason::idle_timeout) return " (--idle-timeout)";
  return end.reason == Reason::run_timeout ? " (--timeout)" : "";
}

bool is_open_as(Context& context, int fd, int access) {
  const sys::Outcome flags = context.kernel.fcntl(fd, F_GETFL, 0);
  return flags.ok() && (flags.as_int() & O_ACCMODE) == access;
}

// What can be known to be wrong with stdin; empty: nothing.
std::string_view wrong_with_stdin(Context& context, const LocalStream& input) {
  if (input.kind() == LocalStream::Kind::directory) return "is a directory (EISDIR)";
  if (input.keeps_messages()) {
    return "is a socket that keeps messages apart (not SOCK_STREAM), of which a read may lose a "
           "part";
  }
  const bool always_at_end = input.kind() == LocalStream::Kind::null_device;
  if (!always_at_end && is_open_as(context, stdin_fd, O_WRONLY)) return "is open for writing only";
  return {};
}

// The same of stdout. A pipe or terminal that is opened anew would let itself be written to; of
// other kinds than these the first write says it.
std::string_view wrong_with_stdout(Context& context, const LocalStream& output) {
  const LocalStream::Kind kind = output.kind();
  const bool looked_at = kind == LocalStream::Kind::pipe || kind == LocalStream::Kind::terminal ||
                         kind == LocalStream::Kind::regular_file;
  if (looked_at && is_open_as(context, stdout_fd, O_RDONLY)) return "is not open for writing";
  return {};
}

std::optional<Exit> refuse(Context& context, std::string_view operation, std::string_view stream,
                           std::string_view wrong) {
  if (wrong.empty()) return std::nullopt;
  context.console.failure(
      ExitStatus::local_io,
      failure_message(operation, stream, fmt::format("it {}; nothing was opened", wrong)));
  return Exit{ExitStatus::local_io};
}

std::optional<Exit> refuse_stdin(Context& context, const LocalStream& input) {
  return refuse(context, "read", "stdin", wrong_with_stdin(context, input));
}

}  // namespace

std::optional<Exit> refuse_bad_stdin(Context& context, const CommonOptions& options) {
  if (options.relay.recv_only) return std::nullopt;
  return refuse_stdin(context,
                      LocalStream::inspect(context.kernel, stdin_fd, context.closed.input));
}

Result<Streams, Exit> open_streams(Context& context, const CommonOptions& options) {
  Streams streams{LocalStream::inspect(context.kernel, stdin_fd, context.closed.input),
                  LocalStream::inspect(context.kernel, stdout_fd, context.closed.output)};
  if (!options.relay.recv_only) {
    if (const auto refused = refuse_stdin(context, streams.input)) return failure(*refused);
    streams.input.reopen(O_RDONLY);
  }
  if (!options.relay.send_only) {
    const auto wrong = wrong_with_stdout(context, streams.output);
    if (const auto refused = refuse(context, "write", "stdout", wrong)) return failure(*refused);
  }
  streams.output.reopen(O_WRONLY);
  return streams;
}

Exit run_session(Context& context, const CommonOptions& options, std::string_view operation,
                 tcp::Connection connection, Streams streams, const SetupTimes& times) {
  SessionNotes notes(context, options, connection);
  relay::RelayPolicy policy = options.relay;
  policy.progress_interval = progress_interval(context.console.progress_form());
  policy.bytes_are_shown = options.output.trace.verbosity > 1;
  relay::Relay relay(context.waiter, connection, streams.input, streams.output, policy, notes);
  const relay::RelayEnd end = relay.run();
  context.console.end_progress();
  if (auto note = path_mtu_note(end, connection)) context.console.status(*note);

  const ExitStatus status = status_of(end);
  auto failure = relay_failure_message(end, options, operation, connection.peer);
  if (failure && status != ExitStatus::local_io) {
    if (const auto diagnosis = explain_transfer(context, options, connection, end)) {
      failure->text = fmt::format("{} {}: {}{}{}", operation, connection.peer.text(),
                                  diagnosis->headline, limit_text(end), pending_text(end));
      add_diagnosis(*failure, *diagnosis);
    }
  }
  if (failure) context.console.failure(status, *failure);
  if (context.console.wants_status()) context.console.status(closed_message(end, times));
  return Exit{status, end.signal};
}

Exit interrupted(Context& context, const CommonOptions& options, std::string_view operation,
                 std::string_view object, const sys::Wake& wake, std::string_view last,
                 const std::optional<diagnose::Diagnosis>& cause) {
  const bool by_signal = wake.reason == sys::Wake::Reason::signal;
  // By a signal the shell's number, since that is what a caller sees.
  constexpr int shell_base = 128;
  const ExitStatus status =
      by_signal ? static_cast<ExitStatus>(shell_base + wake.signal) : ExitStatus::timeout;
  std::string reason = by_signal ? fmt::format("interrupted by {}", sys::signal_name(wake.signal))
                                 : fmt::format("not done within {} (--timeout)",
                                               format_duration(options.run_timeout));
  if (!last.empty()) reason += fmt::format("; the last try: {}", last);
  Message message = failure_message(operation, object, reason);
  if (cause) add_diagnosis(message, *cause);
  context.console.failure(status, message);
  return Exit{status, wake.signal};
}

}  // namespace tcptool::cmd
