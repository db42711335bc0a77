// SPDX-License-Identifier: MIT
#include "cmd/messages.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "diagnose/icmp_names.h"
#include "sys/names.h"

namespace tcptool::cmd {
namespace {

std::string_view end_name(tcp::Attempt::End end) {
  switch (end) {
    case tcp::Attempt::End::connected:
      return "connected";
    case tcp::Attempt::End::failed:
      return "failed";
    case tcp::Attempt::End::timed_out:
      return "timed out";
    case tcp::Attempt::End::abandoned:
      return "abandoned";
    case tcp::Attempt::End::interrupted:
      return "interrupted";
  }
  return "";
}

std::string attempt_text(const tcp::Attempt& attempt) {
  const std::string time = format_duration(attempt.duration);
  switch (attempt.end) {
    case tcp::Attempt::End::connected:
      return fmt::format("connected after {}", time);
    case tcp::Attempt::End::abandoned:
      return fmt::format("abandoned unanswered after {}", time);
    case tcp::Attempt::End::interrupted:
      return fmt::format("interrupted after {}", time);
    case tcp::Attempt::End::failed:
    case tcp::Attempt::End::timed_out:
      break;
  }
  return diagnose::judge(attempt).reason;
}

// Names the connection that a message is about, where there are several.
void add_place(Message& message, const std::optional<Place>& place) {
  if (place) message.fields.add("number", place->number).add("total", place->total);
}

// "connect 3/8", or the word alone.
std::string with_place(std::string_view word, const std::optional<Place>& place) {
  return place ? fmt::format("{} {}", word, place->text()) : std::string(word);
}

}  // namespace

std::string Place::text() const {
  return fmt::format("{}/{}", number, total);
}

Message listening_message(const tcp::Listener& listener, std::optional<int> asked_backlog) {
  const auto in_force = static_cast<int>(
      listener.queue_limit.value_or(static_cast<unsigned>(std::max(listener.backlog, 0))));
  std::string backlog = fmt::format("backlog {}", in_force);
  if (asked_backlog.value_or(in_force) != in_force) {
    backlog =
        fmt::format("backlog {}, clamped to {} by net.core.somaxconn", *asked_backlog, in_force);
  }
  Message message{"listening", {}, {}};
  message.text = fmt::format("listening on {}, {}", listener.local.text(), backlog);
  if (listener.ipv4_only) message.text += ", IPv4 only (IPv6 is disabled)";
  if (listener.inherited) message.text += ", handed over (LISTEN_FDS)";
  if (listener.unreachable) message.text += ", but IPv6 is disabled: no client can come";
  message.fields.add("local", listener.local.text())
      .add("port", listener.local.port())
      .add("backlog", in_force)
      .add("backlog_asked", listener.backlog)
      .add("ipv4_only", listener.ipv4_only)
      .add("inherited", listener.inherited);
  return message;
}

Message accepted_message(const tcp::Accepted& accepted) {
  // The kernel counts this in ticks of its clock, which are 10 ms at most: less says nothing.
  constexpr int kernel_tick_ms = 10;
  const tcp::Connection& connection = accepted.connection;
  std::string details = fmt::format("fd {}", connection.fd.get());
  Message message{"accepted", {}, {}};
  message.fields.add("peer", connection.peer.text())
      .add("local", connection.local.text())
      .add("fd", connection.fd.get());
  if (accepted.queued) {
    const auto ms = accepted.queued->count();
    details += ms < kernel_tick_ms ? fmt::format(", was queued under {} ms", kernel_tick_ms)
                                   : fmt::format(", was queued {} ms", ms);
    message.fields.add("queued_ms", ms);
  }
  if (accepted.queue) {
    details += fmt::format(", queue {}/{}", accepted.queue->length, accepted.queue->limit);
    message.fields.add("queue_length", accepted.queue->length)
        .add("queue_limit", accepted.queue->limit);
  }
  if (accepted.syn) {
    const tcp::SynFacts& syn = *accepted.syn;
    details += fmt::format(", SYN: {}", syn.text());
    JsonObject facts;
    facts.add("ttl", syn.ttl).add("hops", syn.hops()).add("window", syn.window);
    if (syn.mss) facts.add("mss", *syn.mss);
    if (syn.wscale) facts.add("wscale", *syn.wscale);
    facts.add("sack", syn.sack).add("timestamps", syn.timestamps).add("ecn", syn.ecn);
    message.fields.add("syn", facts);
  }
  message.text = fmt::format("accepted {} -> {}  ({})", connection.peer.text(),
                             connection.local.text(), details);
  return message;
}

Message connected_message(const tcp::Connection& connection,
                          const std::vector<tcp::Attempt>& attempts, std::size_t addresses,
                          const std::optional<Place>& place) {
  const auto winner = std::find_if(attempts.begin(), attempts.end(), [](const auto& attempt) {
    return attempt.end == tcp::Attempt::End::connected;
  });
  const auto address = static_cast<std::size_t>(winner - attempts.begin()) + 1;
  Message message{"connected", {}, {}};
  message.text = fmt::format("{} {} -> {}  (handshake {}", with_place("connected", place),
                             connection.local.text(), connection.peer.text(),
                             format_duration(connection.handshake));
  if (addresses > 1) {
    message.text += fmt::format(", {} of {} addresses", ordinal(address), addresses);
  }
  if (connection.syns > 1) {
    message.text +=
        fmt::format(", after {} and {} SYNs", format_duration(connection.opening), connection.syns);
  }
  message.text += ")";
  message.fields.add("local", connection.local.text())
      .add("peer", connection.peer.text())
      .add("handshake_ns", connection.handshake.count())
      .add("opening_ns", connection.opening.count())
      .add("syns", connection.syns)
      .add("address", address)
      .add("addresses", addresses);
  add_place(message, place);
  return message;
}

Message open_message(const tcp::Connection& connection) {
  Message message{"open", {}, {}};
  message.text = fmt::format("open {}  (handshake {})", connection.peer.text(),
                             format_duration(connection.handshake));
  message.fields.add("peer", connection.peer.text())
      .add("handshake_ns", connection.handshake.count());
  return message;
}

JsonObject attempt_fields(const tcp::Attempt& attempt) {
  JsonObject fields;
  if (attempt.error.error != 0) fields.add("errno", sys::errno_name(attempt.error.error));
  if (attempt.icmp) {
    fields.add("icmp_version", attempt.icmp->protocol == tcp::IcmpError::Protocol::icmp ? 4 : 6)
        .add("icmp_type", attempt.icmp->type)
        .add("icmp_code", attempt.icmp->code)
        .add("icmp_from", attempt.icmp->offender.host());
  }
  return fields;
}

Message attempt_message(const tcp::Attempt& attempt, const std::optional<Place>& place,
                        std::string_view headline) {
  Message message{"attempt", {}, {}};
  const std::string result = headline.empty() ? attempt_text(attempt) : std::string(headline);
  message.text =
      fmt::format("{} {}: {}", with_place("attempt", place), attempt.peer.text(), result);
  message.fields.add("peer", attempt.peer.text())
      .add("end", end_name(attempt.end))
      .add("result", result)
      .add("duration_ns", attempt.duration.count());
  add_place(message, place);
  message.fields.append(attempt_fields(attempt));
  return message;
}

Message syn_again_message(const tcp::Attempt& attempt, unsigned times,
                          std::chrono::nanoseconds after, const std::optional<Place>& place) {
  Message message{"syn-again", {}, {}};
  message.text =
      fmt::format("{} {}: no answer yet; SYN sent again after {} ({} in all)",
                  with_place("connect", place), attempt.peer.text(), format_duration(after), times);
  message.fields.add("peer", attempt.peer.text()).add("syns", times).add("after_ns", after.count());
  if (attempt.dropped_here.value_or(false)) {
    message.text += ", and dropped by this host";
    message.fields.add("dropped_here", true);
  }
  add_place(message, place);
  return message;
}

Message soft_icmp_message(const tcp::Attempt& attempt, const std::optional<Place>& place) {
  Message message = note_message(fmt::format(
      "{} {}: {} ({} after {}); not final, the kernel sends the SYN again",
      with_place("connect", place), attempt.peer.text(), diagnose::icmp_meaning(*attempt.icmp),
      diagnose::icmp_evidence(*attempt.icmp), format_duration(attempt.icmp_after)));
  add_place(message, place);
  message.fields.append(attempt_fields(attempt));
  return message;
}

Message option_message(const tcp::OptionReport& report) {
  Message message{"option", {}, {}};
  message.text = fmt::format("note {}={} was asked for, {} is in force", report.name, report.asked,
                             report.in_force);
  message.fields.add("name", report.name)
      .add("asked", report.asked)
      .add("in_force", report.in_force);
  return message;
}

Message note_message(std::string text) {
  Message message{"note", {}, {}};
  message.fields.add("note", text);
  message.text = "note " + std::move(text);
  return message;
}

Message failure_message(std::string_view operation, std::string_view object,
                        std::string_view reason) {
  Message message{"error", {}, {}};
  message.text = fmt::format("{} {}: {}", operation, object, reason);
  message.fields.add("operation", operation).add("object", object).add("reason", reason);
  return message;
}

Message error_message(const sys::SysError& error) {
  Message message{"error", error.text(), {}};
  message.fields.add("operation", name(error.call))
      .add("object", error.object)
      .add("errno", sys::errno_name(error.error));
  return message;
}

Message resolve_failure_message(const tcp::ResolveFailure& failure) {
  using Kind = tcp::ResolveFailure::Kind;
  std::string_view operation = "look up";
  if (failure.kind == Kind::unknown_service) operation = "port";
  if (failure.kind == Kind::bad_zone) operation = "interface";
  return failure_message(operation, escape(failure.subject), failure.text());
}

ExitStatus status_of(const tcp::ResolveFailure& failure) {
  using Kind = tcp::ResolveFailure::Kind;
  switch (failure.kind) {
    case Kind::unknown_service:
      return ExitStatus::usage;
    case Kind::bad_zone:
    case Kind::system:
      return ExitStatus::local;
    case Kind::name_failed:
    case Kind::timed_out:
    case Kind::interrupted:
      break;
  }
  return ExitStatus::resolve;
}

ExitStatus status_of(const sys::SysError& error) {
  return sys::own_mistake(error) ? ExitStatus::failure : ExitStatus::local;
}

ExitStatus status_of(diagnose::FailureClass kind) {
  switch (kind) {
    case diagnose::FailureClass::local:
      return ExitStatus::local;
    case diagnose::FailureClass::unreachable:
      return ExitStatus::unreachable;
    case diagnose::FailureClass::no_answer:
      return ExitStatus::no_answer;
    case diagnose::FailureClass::refused:
      return ExitStatus::refused;
  }
  return ExitStatus::failure;
}

}  // namespace tcptool::cmd
