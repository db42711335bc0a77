// SPDX-License-Identifier: MIT
#include "cmd/serve_messages.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include "base/text.h"
#include "sys/names.h"

namespace tcptool::cmd {
namespace {

using relay::ClientEnd;
using Reason = ClientEnd::Reason;

std::string_view reason_name(Reason reason) {
  switch (reason) {
    case Reason::complete:
      return "complete";
    case Reason::failed:
      return "command failed";
    case Reason::lost:
      return "connection lost";
    case Reason::too_slow:
      return "too slow";
    case Reason::idle:
      return "idle timeout";
    case Reason::cut_short:
      return "cut short";
  }
  return "";
}

std::string how(const ClientEnd& end, std::size_t client_buffer) {
  switch (end.reason) {
    case Reason::complete:
      return end.peer_first ? "client first (FIN)" : "this side first (FIN)";
    case Reason::failed:
      return "its command failed";
    case Reason::lost:
      return diagnose::lost_connection_text(end.error.error);
    case Reason::too_slow:
      return fmt::format(
          "reset: it reads too slowly or not at all, and was {} behind stdin (--client-buffer)",
          format_bytes(client_buffer));
    case Reason::idle:
      return "reset: nothing was sent or received (--idle-timeout)";
    case Reason::cut_short:
      return "reset: the run has ended";
  }
  return "";
}

// ", 3 reset by --client-buffer": nothing where there were none.
void append_count(std::string& out, std::uint64_t count, std::string_view what) {
  if (count > 0) out += fmt::format(", {} {}", count, what);
}

}  // namespace

void ServeCounts::add(const ClientEnd& end) {
  switch (end.reason) {
    case Reason::complete:
      ++complete;
      break;
    case Reason::failed:
      ++failed;
      break;
    case Reason::lost:
      ++lost;
      break;
    case Reason::too_slow:
      ++too_slow;
      break;
    case Reason::idle:
      ++idle;
      break;
    case Reason::cut_short:
      ++cut_short;
      break;
  }
  sent += end.sent;
  received += end.received;
}

Message full_message(std::uint64_t max_clients) {
  Message message{"full", {}, {}};
  message.text = fmt::format("full: {} at a time (--max-clients); others wait in the accept queue",
                             count_of(max_clients, "client"));
  message.fields.add("max_clients", max_clients);
  return message;
}

Message client_closed_message(const ClientEnd& end, std::size_t client_buffer) {
  Message message{"client-closed", {}, {}};
  message.text = fmt::format("closed {} after {}, {}: sent {}, received {}", end.peer.text(),
                             format_duration(end.duration), how(end, client_buffer),
                             format_bytes(end.sent), format_bytes(end.received));
  if (end.undelivered > 0) {
    message.text += fmt::format("; {} for it {} not sent", format_bytes(end.undelivered),
                                end.undelivered == 1 ? "was" : "were");
  }
  message.fields.add("peer", end.peer.text())
      .add("reason", reason_name(end.reason))
      .add("first_to_close", end.reason == Reason::complete && end.peer_first ? "peer"
                             : end.reason == Reason::lost                     ? "nobody"
                                                                              : "this side")
      .add("duration_ns", end.duration.count())
      .add("sent_bytes", end.sent)
      .add("received_bytes", end.received)
      .add("undelivered_bytes", end.undelivered);
  if (end.error.error != 0) message.fields.add("errno", sys::errno_name(end.error.error));
  return message;
}

Message command_ended_message(const CommandEnd& end) {
  Message message{"command-ended", {}, {}};
  const bool exited = WIFEXITED(end.status);
  const std::string how =
      exited ? fmt::format("exited with status {}", WEXITSTATUS(end.status))
             : fmt::format("was ended by {}", sys::signal_name(WTERMSIG(end.status)));
  message.text = fmt::format("command {} for {} {} after {}", end.pid, end.peer.text(), how,
                             format_duration(end.duration));
  message.fields.add("pid", end.pid).add("peer", end.peer.text());
  if (exited) {
    message.fields.add("exit_status", WEXITSTATUS(end.status));
  } else {
    message.fields.add("signal", sys::signal_name(WTERMSIG(end.status)));
  }
  message.fields.add("duration_ns", end.duration.count());
  return message;
}

Message command_killed_message(pid_t pid, const sys::Address& peer) {
  Message message{"command-killed", {}, {}};
  message.text =
      fmt::format("command {} for {} did not end by SIGTERM: SIGKILL was sent to its process group",
                  pid, peer.text());
  message.fields.add("pid", pid).add("peer", peer.text());
  return message;
}

Message winding_down_message(int signum, std::uint64_t in_flight, std::chrono::nanoseconds grace) {
  Message message{"winding-down", {}, {}};
  message.text = fmt::format("{}: accepting no more; {} in flight {} {} to finish (--grace)",
                             sys::signal_name(signum), count_of(in_flight, "client"),
                             in_flight == 1 ? "has" : "have", format_duration(grace));
  message.fields.add("signal", sys::signal_name(signum))
      .add("in_flight", in_flight)
      .add("grace_ns", grace.count());
  return message;
}

Message served_message(const ServeCounts& counts, const AcceptCounts& accepted,
                       const std::optional<WindDown>& wind_down, std::chrono::nanoseconds duration,
                       int signum) {
  Message message{"served", {}, {}};
  std::string& text = message.text;
  text = fmt::format("served {} in {}: {} complete", count_of(accepted.accepted, "client"),
                     format_duration(duration), counts.complete);
  append_count(text, counts.failed, "whose command failed");
  append_count(text, counts.lost, "lost");
  append_count(text, counts.too_slow, "reset as too slow (--client-buffer)");
  append_count(text, counts.idle, "idle (--idle-timeout)");
  append_count(text, counts.cut_short, "cut short at the end");
  if (counts.bytes_known) {
    text += fmt::format("; sent {}, received {}", format_bytes(counts.sent),
                        format_bytes(counts.received));
  }
  if (counts.unwritten > 0) {
    text += fmt::format(", of which {} not written to stdout", format_bytes(counts.unwritten));
  }
  if (wind_down) {
    text += fmt::format("; of {} in flight {} finished in time, {} did not",
                        count_of(wind_down->in_flight, "client"), wind_down->finished,
                        wind_down->in_flight - wind_down->finished);
  }
  append_count(text, accepted.denied, "denied by rule");
  append_count(text, accepted.reset_in_queue, "reset in the accept queue");
  if (accepted.deepest_queue) text += fmt::format(", deepest queue {}", *accepted.deepest_queue);
  if (accepted.dropped.value_or(0) > 0) {
    text += fmt::format(", {} dropped", count_of(*accepted.dropped, "segment"));
  }
  if (signum != 0) text += fmt::format(", interrupted by {}", sys::signal_name(signum));
  message.fields.add("duration_ns", duration.count())
      .add("complete", counts.complete)
      .add("failed", counts.failed)
      .add("lost", counts.lost)
      .add("too_slow", counts.too_slow)
      .add("idle", counts.idle)
      .add("cut_short", counts.cut_short);
  if (counts.bytes_known) {
    message.fields.add("sent_bytes", counts.sent)
        .add("received_bytes", counts.received)
        .add("unwritten_bytes", counts.unwritten);
  }
  if (wind_down) {
    message.fields.add("in_flight_at_signal", wind_down->in_flight)
        .add("finished_in_grace", wind_down->finished);
  }
  message.fields.append(accept_summary_message(accepted).fields);
  if (signum != 0) message.fields.add("signal", sys::signal_name(signum));
  return message;
}

ExitStatus status_of(const ClientEnd& end) {
  switch (end.reason) {
    case Reason::complete:
    case Reason::cut_short:
      return ExitStatus::ok;
    case Reason::failed:
      return ExitStatus::failure;
    case Reason::lost:
    case Reason::too_slow:
      return ExitStatus::lost;
    case Reason::idle:
      return ExitStatus::timeout;
  }
  return ExitStatus::failure;
}

}  // namespace tcptool::cmd
