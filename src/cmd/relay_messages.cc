// SPDX-License-Identifier: MIT
// How a relay ended: the summary, the reason where it did not end well, and the exit status.
#include <fmt/format.h>

#include <cerrno>

#include "base/text.h"
#include "cmd/limits.h"
#include "cmd/messages.h"
#include "sys/names.h"

namespace tcptool::cmd {
namespace {

using relay::RelayEnd;
using Reason = RelayEnd::Reason;

// After the peer's FIN, or once nobody reads what it sends, a reset takes nothing from us but what
// we were still sending.
bool reset_is_harmless(const RelayEnd& end) {
  return (end.peer_fin || end.stdout_gone) && end.undelivered == 0;
}

bool reset_by_peer(int error) {
  return error == ECONNRESET || error == EPIPE;
}

std::string who_closed(const RelayEnd& end) {
  if (end.reason == Reason::connection_lost) {
    const std::string how = diagnose::lost_connection_text(end.error.error);
    return end.peer_fin ? fmt::format("peer first (FIN), then {}", how) : how;
  }
  if (end.unread > 0) {
    return fmt::format("this side first (RST, since {} had not been read)",
                       format_bytes(end.unread));
  }
  switch (end.first_to_close) {
    case RelayEnd::FirstToClose::peer:
      return "peer first (FIN)";
    case RelayEnd::FirstToClose::this_side:
      return "this side first (FIN)";
    case RelayEnd::FirstToClose::nobody:
      break;
  }
  return "neither side had sent FIN";
}

// What slowed the transfer, with its share.
std::string limited_by(const RelayEnd& end) {
  const tcp::TcpInfo& info = *end.info;
  if (end.sent == 0) return "";
  Stretch whole;
  whole.duration = end.duration;
  whole.stdin_reads = end.stdin_reads;
  whole.stdin_is_terminal = end.stdin_is_terminal;
  whole.fill({}, info);
  const Limited limited = what_limits(whole);
  const bool stuck =
      end.undelivered > 0 && info.snd_wnd && *info.snd_wnd < info.snd_mss.value_or(1);
  std::string share;
  switch (limited.by) {
    case Limit::none:
      return "";
    case Limit::peer_window:
    case Limit::send_buffer:
      share = fmt::format("{} % of the time with data to send{}", limited.share,
                          stuck && limited.by == Limit::peer_window
                              ? "; zero window at the end: the peer's program does not read"
                              : "");
      break;
    case Limit::loss:
      share = fmt::format("{} of {} segments were sent again, {} %", whole.segments_again,
                          whole.segments, limited.share);
      break;
    case Limit::network:
      share = fmt::format("{} % of the time with data to send", limited.share);
      break;
    case Limit::stdin_data:
      share = fmt::format("nothing to send {} % of the time", limited.share);
      break;
  }
  return fmt::format(", limited by {} ({})", limit_text(limited.by), share);
}

std::string path_text(const RelayEnd& end) {
  const tcp::TcpInfo& info = *end.info;
  std::string out;
  if (info.rtt && info.rtt->count() > 0) {
    out += fmt::format(", rtt {}", format_duration(*info.rtt));
  }
  const auto sent = info.bytes_sent.value_or(0);
  if (sent > 0 && info.bytes_retrans.value_or(0) > 0) {
    const double share =
        100.0 * static_cast<double>(*info.bytes_retrans) / static_cast<double>(sent);
    constexpr double least_shown = 0.05;
    out += share < least_shown ? std::string(", under 0.1 % retransmitted")
                               : fmt::format(", {:.1f} % retransmitted", share);
  }
  return out + limited_by(end);
}

JsonObject path_fields(const tcp::TcpInfo& info) {
  JsonObject fields;
  if (info.rtt) fields.add("rtt_ns", std::chrono::nanoseconds(*info.rtt).count());
  if (info.bytes_retrans) fields.add("retransmitted_bytes", *info.bytes_retrans);
  if (info.total_retrans) fields.add("retransmitted_segments", *info.total_retrans);
  const auto add_time = [&fields](std::string_view name, const auto& time) {
    if (time) fields.add(name, std::chrono::nanoseconds(*time).count());
  };
  add_time("busy_ns", info.busy_time);
  add_time("rwnd_limited_ns", info.rwnd_limited);
  add_time("sndbuf_limited_ns", info.sndbuf_limited);
  return fields;
}

std::string_view reason_name(Reason reason) {
  switch (reason) {
    case Reason::complete:
      return "complete";
    case Reason::connection_lost:
      return "connection lost";
    case Reason::idle_timeout:
      return "idle timeout";
    case Reason::run_timeout:
      return "timeout";
    case Reason::signal:
      return "signal";
    case Reason::stdout_failed:
      return "stdout failed";
  }
  return "";
}

std::string_view first_name(RelayEnd::FirstToClose first) {
  switch (first) {
    case RelayEnd::FirstToClose::nobody:
      return "nobody";
    case RelayEnd::FirstToClose::this_side:
      return "this side";
    case RelayEnd::FirstToClose::peer:
      return "peer";
  }
  return "";
}

}  // namespace

// To the byte, so that the other side's count can be held against it.
std::string pending_text(const RelayEnd& end) {
  std::string out;
  if (end.undelivered > 0) {
    out += fmt::format("; {} for the peer {} not delivered, {} {}",
                       count_of(end.undelivered, "byte"), end.undelivered == 1 ? "was" : "were",
                       count_of(end.delivered, "byte"), end.delivered == 1 ? "was" : "were");
  }
  if (end.unwritten > 0) {
    out += fmt::format("; {} received {} not written to stdout", count_of(end.unwritten, "byte"),
                       end.unwritten == 1 ? "was" : "were");
  }
  return out;
}

std::optional<Message> path_mtu_note(const RelayEnd& end, const tcp::Connection& connection) {
  if (!end.info || !end.info->path_mtu || !connection.path_mtu) return std::nullopt;
  const auto now = *end.info->path_mtu;
  // Below what every link must carry (RFC 791) it is no path's: the route itself has gone.
  constexpr std::uint32_t least = 552;  // Linux's net.ipv4.route.min_pmtu
  if (now >= *connection.path_mtu || now < least) return std::nullopt;
  Message message = note_message(
      fmt::format("the path MTU fell from {} to {} bytes: a link on the way takes no larger "
                  "packets (a router's "
                  "ICMP said so, or the route has changed); segments now carry {} bytes",
                  *connection.path_mtu, now, end.info->snd_mss.value_or(0)));
  message.fields.add("path_mtu", now).add("path_mtu_before", *connection.path_mtu);
  return message;
}

Message closed_message(const RelayEnd& end, const SetupTimes& times) {
  Message message{"closed", {}, {}};
  message.text =
      fmt::format("closed after {}, {}: sent {}, received {}", format_duration(end.duration),
                  who_closed(end), format_bytes(end.sent), format_bytes(end.received));
  if (end.info) message.text += path_text(end);
  if (end.reason == Reason::signal) {
    message.text +=
        fmt::format(", interrupted by {}{}", sys::signal_name(end.signal), pending_text(end));
  } else if (!end.stdin_at_eof && !end.stdin_is_terminal) {
    message.text += ", stdin was not at its end";
  }
  message.fields.add("reason", reason_name(end.reason))
      .add("first_to_close", first_name(end.first_to_close))
      .add("peer_fin", end.peer_fin)
      .add("fin_sent", end.fin_sent)
      .add("reset", end.reason == Reason::connection_lost && reset_by_peer(end.error.error))
      .add("reset_sent", end.unread > 0)
      .add("stdin_at_eof", end.stdin_at_eof)
      .add("duration_ns", end.duration.count())
      .add("sent_bytes", end.sent)
      .add("received_bytes", end.received)
      .add("delivered_bytes", end.delivered)
      .add("undelivered_bytes", end.undelivered)
      .add("unwritten_bytes", end.unwritten);
  if (end.signal != 0) message.fields.add("signal", sys::signal_name(end.signal));
  if (times.lookup) message.fields.add("lookup_ns", times.lookup->count());
  if (times.connect) message.fields.add("connect_ns", times.connect->count());
  if (end.first_byte) message.fields.add("first_byte_ns", end.first_byte->count());
  if (end.info) message.fields.append(path_fields(*end.info));
  return message;
}

std::optional<Message> relay_failure_message(const RelayEnd& end, const CommonOptions& options,
                                             std::string_view operation, const sys::Address& peer) {
  const auto of_connection = [&](const std::string& reason) {
    return failure_message(operation, peer.text(), reason + pending_text(end));
  };
  switch (end.reason) {
    case Reason::complete:
      break;
    case Reason::signal:
      return std::nullopt;
    case Reason::connection_lost:
      if (sys::own_mistake(end.error)) return error_message(end.error);
      if (reset_is_harmless(end)) break;
      return of_connection(fmt::format("connection lost after {}: {}",
                                       format_duration(end.duration),
                                       diagnose::lost_connection_text(end.error.error)));
    case Reason::idle_timeout:
      return of_connection(
          fmt::format("idle for {} (--idle-timeout)", format_duration(options.relay.idle_timeout)));
    case Reason::run_timeout:
      return of_connection(
          fmt::format("not done after {} (--timeout)", format_duration(options.run_timeout)));
    case Reason::stdout_failed: {
      const bool closed = end.error.error == EBADF;
      const std::string reason = closed ? "it is closed, or not open for writing"
                                        : fmt::format("{} ({})", sys::errno_text(end.error.error),
                                                      sys::errno_name(end.error.error));
      return failure_message(name(end.error.call), "stdout", reason + pending_text(end));
    }
  }
  if (end.stdin_error) return error_message(*end.stdin_error);
  return std::nullopt;
}

ExitStatus status_of(const RelayEnd& end) {
  switch (end.reason) {
    case Reason::complete:
    case Reason::signal:
      break;
    case Reason::connection_lost:
      if (sys::own_mistake(end.error)) return ExitStatus::failure;
      if (!reset_is_harmless(end)) return ExitStatus::lost;
      break;
    case Reason::idle_timeout:
    case Reason::run_timeout:
      return ExitStatus::timeout;
    case Reason::stdout_failed:
      return ExitStatus::local_io;
  }
  return end.stdin_error ? ExitStatus::local_io : ExitStatus::ok;
}

}  // namespace tcptool::cmd
