// SPDX-License-Identifier: MIT
// Written straight into the line, since a trace may have millions of them: no object in between.
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/json.h"
#include "sys/names.h"
#include "trace/control.h"
#include "trace/open_sink.h"
#include "trace/structures.h"

namespace tcptool::trace {
namespace {

std::string_view chars(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// `,"name":` or, as the first of its object, `"name":`.
void append_name(LineBuffer& out, std::string_view name) {
  out.append_between(out.back() == '{' ? "\"" : ",\"", name, "\":");
}

void add(LineBuffer& out, std::string_view name, std::int64_t value) {
  append_name(out, name);
  out.append_number(value);
}

void add(LineBuffer& out, std::string_view name, std::string_view value) {
  append_name(out, name);
  append_json_string(out, value);
}

// A name of our own tables, in which nothing is to be escaped.
void add_known(LineBuffer& out, std::string_view name, std::string_view value) {
  append_name(out, name);
  out.append_between("\"", value, "\"");
}

// Of very many only the first are kept.
void append_poll_fds(LineBuffer& out, std::span<const std::byte> kept, std::int64_t whole) {
  out += '[';
  for (std::size_t i = 0; i < kept.size() / sizeof(pollfd); ++i) {
    const auto fd = unpack<pollfd>(kept, i * sizeof(pollfd));
    out += i == 0 ? "{" : ",{";
    add(out, "fd", fd.fd);
    add_known(out, "events", sys::poll_events_name(fd.events));
    add_known(out, "revents", sys::poll_events_name(fd.revents));
    out += '}';
  }
  out += ']';
  add(out, "nfds", whole);
}

void append_epoll_event(LineBuffer& out, const epoll_event& event) {
  out += '{';
  add_known(out, "events", sys::epoll_events_name(event.events));
  append_name(out, "data");
  out.append_number(std::uint64_t{event.data.u64});
  out += '}';
}

void append_epoll_events(LineBuffer& out, std::span<const std::byte> kept) {
  out += '[';
  for (const epoll_event& event : unpack_epoll_events(kept)) {
    if (out.back() != '[') out += ',';
    append_epoll_event(out, event);
  }
  out += ']';
}

void append_texts(LineBuffer& out, std::span<const std::byte> kept) {
  out += '[';
  for (const std::string_view text : unpack_texts(kept)) {
    if (out.back() != '[') out += ',';
    append_json_string(out, text);
  }
  out += ']';
}

// No limit is as large as there are numbers.
void append_limit(LineBuffer& out, std::string_view name, std::uint64_t limit) {
  if (limit == RLIM_INFINITY) return add(out, name, "RLIM_INFINITY");
  append_name(out, name);
  out.append_number(limit);
}

void append_limits(LineBuffer& out, const sys::RLimit& limits) {
  out += '{';
  append_limit(out, "rlim_cur", limits.soft);
  append_limit(out, "rlim_max", limits.hard);
  out += '}';
}

void append_wait_status(LineBuffer& out, int wstatus) {
  if (WIFEXITED(wstatus)) {
    out += '{';
    add(out, "WEXITSTATUS", WEXITSTATUS(wstatus));
    out += '}';
  } else if (WIFSIGNALED(wstatus)) {
    out += '{';
    add(out, "WTERMSIG", sys::signal_name(WTERMSIG(wstatus)));
    append_name(out, "WCOREDUMP");
    out += WCOREDUMP(wstatus) ? "true}" : "false}";
  } else {
    out.append_number(wstatus);
  }
}

void append_signals(LineBuffer& out, std::int64_t bits) {
  out += '[';
  for (int signum = 1; signum < 32; ++signum) {
    if ((bits >> signum & 1) == 0) continue;
    if (out.back() != '[') out += ',';
    append_json_string(out, sys::signal_name(signum));
  }
  out += ']';
}

void append_control_data(LineBuffer& out, const ControlMessage& control) {
  if (const auto stamps = timestamps(control)) {
    out += '{';
    add(out, "software", timestamp_text(stamps->times.front()));
    out += '}';
    return;
  }
  const auto extended = extended_error(control);
  if (!extended) return append_json_string(out, chars(control.data));
  out += '{';
  add(out, "ee_errno", sys::errno_name(static_cast<int>(extended->error.ee_errno)));
  add(out, "ee_origin", extended->error.ee_origin);
  add(out, "ee_type", extended->error.ee_type);
  add(out, "ee_code", extended->error.ee_code);
  add(out, "ee_info", extended->error.ee_info);
  add(out, "ee_data", extended->error.ee_data);
  if (extended->error.ee_origin != timestamping_origin) {
    add(out, "offender", address_text(extended->offender));
  }
  out += '}';
}

void append_message(LineBuffer& out, std::span<const std::byte> blob) {
  const Message message = unpack_message(blob);
  out += '{';
  if (!message.name.empty()) add(out, "msg_name", address_text(message.name));
  add(out, "msg_iov", chars(message.data));
  append_name(out, "msg_control");
  out += '[';
  for (const ControlMessage& control : control_messages(message.control)) {
    if (out.back() != '[') out += ',';
    out += '{';
    add(out, "cmsg_level", sys::level_name(control.level));
    add(out, "cmsg_type", control_type_name(control));
    append_name(out, "cmsg_data");
    append_control_data(out, control);
    out += '}';
  }
  out += ']';
  add(out, "msg_flags", sys::message_flags_name(message.header.flags));
  out += '}';
}

void append_option_value(LineBuffer& out, const Event& event, const Arg& arg) {
  const auto* const option = option_of(event);
  const auto blob = event.blob(arg);
  const bool is_text = option == nullptr || option->type == sys::OptionType::text;
  const bool is_linger = !is_text && option->type == sys::OptionType::linger;
  if (is_linger && blob.size() >= sizeof(struct linger)) {
    const auto value = unpack<struct linger>(blob);
    out += '{';
    add(out, "l_onoff", value.l_onoff);
    add(out, "l_linger", value.l_linger);
    out += '}';
  } else if (!is_text && blob.size() == sizeof(int) && option->name != "SO_ERROR") {
    out.append_number(unpack<int>(blob));
  } else {
    append_json_string(out, decode(event, arg));
  }
}

void append_file_status(LineBuffer& out, const FileStatus& status) {
  out += '{';
  add(out, "st_mode", file_type_name(status.mode));
  add(out, "st_size", status.size);
  out += '}';
}

void append_value(LineBuffer& out, const Event& event, const Arg& arg) {
  const auto blob = event.blob(arg);
  switch (arg.kind) {
    case ArgKind::integer:
    case ArgKind::fd:
    case ArgKind::ioctl_value:
    case ArgKind::offset:
      return out.append_number(arg.value);
    case ArgKind::limits:
      return append_limits(out, unpack<sys::RLimit>(blob));
    case ArgKind::epoll_event:
      return append_epoll_event(out, unpack<epoll_event>(blob));
    case ArgKind::epoll_events:
      return append_epoll_events(out, blob);
    case ArgKind::wait_status:
      return append_wait_status(out, static_cast<int>(arg.value));
    case ArgKind::texts:
      return append_texts(out, blob);
    case ArgKind::length:
      return out.append_number(blob.empty() ? arg.value : unpack<int>(blob));
    case ArgKind::bytes:
    case ArgKind::text:
      return append_json_string(out, chars(blob));
    case ArgKind::option_value:
      return append_option_value(out, event, arg);
    case ArgKind::file_status:
      return append_file_status(out, unpack<FileStatus>(blob));
    case ArgKind::poll_fds:
      return append_poll_fds(out, blob, arg.value);
    case ArgKind::signal_set:
      return append_signals(out, arg.value);
    case ArgKind::message:
      return append_message(out, blob);
    case ArgKind::pipe_ends: {
      const auto ends = unpack<std::array<int, 2>>(blob);
      out += '[';
      out.append_number(ends[0]);
      out += ',';
      out.append_number(ends[1]);
      out += ']';
      return;
    }
    default:
      return append_json_string(out, decode(event, arg));
  }
}

}  // namespace

std::string json_line(const Event& event, sys::TimePoint start) {
  LineBuffer out;
  append_json_line(out, event, start);
  return std::string(out.text());
}

void append_json_line(LineBuffer& out, const Event& event, sys::TimePoint start,
                      std::string_view explanation) {
  const std::chrono::nanoseconds since = event.start - start;
  out += R"({"type":"call")";
  add(out, "time_ns", since.count());
  append_name(out, "call");
  out += '"';
  out += name(event.call);
  out += R"(","args":{)";
  for (const Arg& arg : event.arguments()) {
    // What the kernel did not fill.
    if (arg.kind == ArgKind::pointer) continue;
    if (arg.kind == ArgKind::message && !event.outcome.ok()) continue;
    append_name(out, arg.name);
    append_value(out, event, arg);
  }
  out += '}';
  if (event.returned) {
    add(out, "result", event.outcome.value);
  } else {
    out += R"(,"result":null)";
  }
  if (!event.outcome.ok()) add_known(out, "errno", sys::errno_name(event.outcome.error));
  if (event.call == sys::Syscall::getaddrinfo && event.outcome.ok() && event.outcome.value < 0) {
    add(out, "eai", sys::lookup_status_name(event.outcome.as_int()));
  }
  if (event.duration >= std::chrono::nanoseconds(0)) {
    add(out, "duration_ns", event.duration.count());
  }
  if (!explanation.empty()) add(out, "explain", explanation);
  out += '}';
}

}  // namespace tcptool::trace
