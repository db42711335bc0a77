// SPDX-License-Identifier: MIT
#include "cmd/parallel_messages.h"

#include <fmt/format.h>

#include "base/text.h"
#include "sys/names.h"

namespace tcptool::cmd {
namespace {

using diagnose::FailureClass;

std::size_t failed_as(const ParallelEnd& end, FailureClass kind) {
  const auto found = end.failed.find(kind);
  return found == end.failed.end() ? 0 : found->second;
}

JsonObject place_fields(const tcp::Connection& connection, const Place& place) {
  JsonObject fields;
  fields.add("number", place.number)
      .add("total", place.total)
      .add("peer", connection.peer.text())
      .add("local", connection.local.text());
  return fields;
}

}  // namespace

Message holding_message(std::size_t held, bool until_stdin_ends) {
  Message message{"holding", {}, {}};
  message.text = fmt::format("holding {} open until {}", count_of(held, "connection"),
                             until_stdin_ends ? "stdin ends" : "a signal comes");
  message.fields.add("connections", held);
  return message;
}

Message still_waiting_message(std::size_t waiting) {
  return note_message(fmt::format("stdin has ended; {} without an answer yet: waiting for {}",
                                  count_of(waiting, "connection"), waiting == 1 ? "it" : "them"));
}

Message peer_ended_message(const tcp::Connection& connection, const Place& place,
                           std::chrono::nanoseconds after) {
  Message message{"peer-closed", {}, place_fields(connection, place)};
  message.text =
      fmt::format("peer has closed {} {} -> {} (FIN) after {}", place.text(),
                  connection.local.text(), connection.peer.text(), format_duration(after));
  message.fields.add("after_ns", after.count());
  return message;
}

Message connection_lost_message(const tcp::Connection& connection, const Place& place, int error,
                                std::chrono::nanoseconds after) {
  Message message{"connection-lost", {}, place_fields(connection, place)};
  message.text = fmt::format("lost {} {} -> {} after {}: {}", place.text(), connection.local.text(),
                             connection.peer.text(), format_duration(after),
                             diagnose::lost_connection_text(error));
  message.fields.add("errno", sys::errno_name(error)).add("after_ns", after.count());
  return message;
}

Message parallel_end_message(const ParallelEnd& end) {
  Message message{"connections", {}, {}};
  std::string text;
  const auto add = [&](std::size_t count, std::string_view what) {
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, what);
  };
  add(end.connected, "connected");
  add(failed_as(end, FailureClass::refused), "refused");
  add(failed_as(end, FailureClass::no_answer), "unanswered");
  add(failed_as(end, FailureClass::unreachable), "unreachable");
  add(failed_as(end, FailureClass::local), "failed on this host");
  add(end.interrupted, "interrupted");
  message.text = fmt::format("{}: {}", count_of(end.total, "connection"), text);
  if (end.held) message.text += fmt::format("; held {}", format_duration(*end.held));
  text.clear();
  add(end.peer_closed, "closed by the peer");
  add(end.lost, "lost");
  if (!text.empty()) message.text += ", " + text;
  if (end.received > 0) {
    message.text += fmt::format("; {} from the peer discarded", format_bytes(end.received));
  }
  if (end.stdin_bytes > 0) {
    message.text += fmt::format("; {} of stdin discarded", format_bytes(end.stdin_bytes));
  }
  message.fields.add("total", end.total)
      .add("connected", end.connected)
      .add("refused", failed_as(end, FailureClass::refused))
      .add("unanswered", failed_as(end, FailureClass::no_answer))
      .add("unreachable", failed_as(end, FailureClass::unreachable))
      .add("local", failed_as(end, FailureClass::local))
      .add("interrupted", end.interrupted)
      .add("peer_closed", end.peer_closed)
      .add("lost", end.lost)
      .add("received_bytes", end.received)
      .add("stdin_bytes", end.stdin_bytes);
  if (end.held) message.fields.add("held_ns", end.held->count());
  if (end.signal != 0) {
    message.text += fmt::format("; interrupted by {}", sys::signal_name(end.signal));
    message.fields.add("signal", sys::signal_name(end.signal));
  }
  return message;
}

Message parallel_lost_message(std::string_view object, const ParallelEnd& end) {
  Message message = failure_message(
      "connect", object,
      fmt::format("{} of {} lost while held", end.lost, count_of(end.connected, "connection")));
  message.fields.add("connections", end.lost);
  return message;
}

Message descriptor_limit_message(std::string_view object, std::size_t connections,
                                 std::uint64_t limit, std::uint64_t spare) {
  Message message = failure_message(
      "connect", object,
      fmt::format("{} connections need {} descriptors, and this process may have {} "
                  "(RLIMIT_NOFILE): at most {} connections, or raise it with ulimit -n {}; nothing "
                  "was opened",
                  connections, connections + spare, limit, limit > spare ? limit - spare : 0,
                  connections + spare));
  message.fields.add("limit", limit);
  return message;
}

}  // namespace tcptool::cmd
