// SPDX-License-Identifier: MIT
#include "trace/strace_args.h"

#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>

#include "sys/names.h"
#include "trace/control.h"
#include "trace/structures.h"

namespace tcptool::trace {
namespace {

auto into(std::string& out) {
  return std::back_inserter(out);
}

// A zero has no base.
std::string hex(unsigned number) {
  return number == 0 ? "0" : fmt::format("{:#x}", number);
}

std::string level_name(std::int64_t level) {
  switch (level) {
    case IPPROTO_TCP:
      return "SOL_TCP";
    case IPPROTO_IP:
      return "SOL_IP";
    case IPPROTO_IPV6:
      return "SOL_IPV6";
    default:
      return sys::level_name(static_cast<int>(level));
  }
}

// Protocols are numbered by family.
std::string protocol_name(const Event& event, int protocol) {
  const Arg* const family = event.find(ArgKind::family);
  if (family != nullptr && family->value == AF_NETLINK) {
    constexpr int sock_diag = 4;  // see netlink(7)
    if (protocol == 0) return "NETLINK_ROUTE";
    return protocol == sock_diag ? "NETLINK_SOCK_DIAG" : fmt::format("{:#x}", protocol);
  }
  return protocol == IPPROTO_IP ? "IPPROTO_IP" : sys::protocol_name(protocol);
}

void append_poll_fds(std::string& out, std::span<const std::byte> kept, std::int64_t whole) {
  const std::size_t count = kept.size() / sizeof(pollfd);
  out += '[';
  for (std::size_t i = 0; i < count; ++i) {
    const auto fd = unpack<pollfd>(kept, i * sizeof(pollfd));
    if (i != 0) out += ", ";
    if (fd.fd < 0) {
      fmt::format_to(into(out), "{{fd={}}}", fd.fd);
    } else {
      fmt::format_to(into(out), "{{fd={}, events={}}}", fd.fd, sys::poll_events_name(fd.events));
    }
  }
  if (static_cast<std::int64_t>(count) < whole) out += ", ...";
  fmt::format_to(into(out), "], {}", whole);
}

void append_option_value(std::string& out, const sys::SocketOptionInfo* option,
                         std::span<const std::byte> kept, std::int64_t whole) {
  const bool is_linger = option != nullptr && option->type == sys::OptionType::linger;
  if (is_linger && kept.size() >= sizeof(struct linger)) {
    const auto value = unpack<struct linger>(kept);
    fmt::format_to(into(out), "{{l_onoff={}, l_linger={}}}", value.l_onoff, value.l_linger);
  } else if (whole == sizeof(int) && kept.size() == sizeof(int)) {
    const int value = unpack<int>(kept);
    const bool is_error = option != nullptr && option->name == "SO_ERROR" && value != 0;
    fmt::format_to(into(out), "[{}]", is_error ? sys::errno_name(value) : fmt::format("{}", value));
  } else {
    append_strace_string(out, kept.first(std::min(kept.size(), Event::most_payload)), whole);
  }
}

// "[HUP INT TERM]": without the SIG of their names.
void append_signal_set(std::string& out, std::int64_t bits) {
  out += '[';
  for (int signum = 1; signum < 32; ++signum) {
    if ((bits >> signum & 1) == 0) continue;
    if (out.back() != '[') out += ' ';
    out += sys::signal_name(signum).substr(3);
  }
  out += ']';
}

void append_signal_action(std::string& out, const SignalAction& action) {
  out += "{sa_handler=";
  if (action.handler > 1) {
    fmt::format_to(into(out), "{:#x}", static_cast<std::uint64_t>(action.handler));
  } else {
    out += action.handler == 1 ? "SIG_IGN" : "SIG_DFL";
  }
  out += ", sa_mask=";
  append_signal_set(out, action.mask);
  fmt::format_to(into(out), ", sa_flags={}}}", hex(static_cast<unsigned>(action.flags)));
}

void append_file_status(std::string& out, const FileStatus& status) {
  constexpr std::uint32_t permission_bits = 07777;
  fmt::format_to(into(out), "{{st_mode={}|{:#03o}, ", file_type_name(status.mode),
                 status.mode & permission_bits);
  const auto type = status.mode & S_IFMT;
  if (type == S_IFCHR || type == S_IFBLK) {
    fmt::format_to(into(out), "st_rdev=makedev({}, {}), ...}}", hex(status.major),
                   hex(status.minor));
  } else {
    fmt::format_to(into(out), "st_size={}, ...}}", status.size);
  }
}

void append_control(std::string& out, const ControlMessage& control) {
  const auto stamps = timestamps(control);
  fmt::format_to(into(out), "{{cmsg_len={}, cmsg_level={}, cmsg_type={}", control.length,
                 level_name(control.level),
                 stamps ? "SO_TIMESTAMPING_OLD" : control_type_name(control));
  if (stamps) {
    out += ", cmsg_data=[";
    for (const Timestamps::Time& time : stamps->times) {
      if (out.back() != '[') out += ", ";
      fmt::format_to(into(out), "{{tv_sec={}, tv_nsec={}}}", time.seconds, time.nanoseconds);
    }
    out += ']';
  }
  if (const auto extended = extended_error(control)) {
    out += ", cmsg_data={";
    out += extended_error_text(*extended);
    out += ", offender=";
    append_strace_address(out, extended->offender);
    out += '}';
  }
  out += '}';
}

void append_message(std::string& out, const Event& event, std::span<const std::byte> blob) {
  const Message message = unpack_message(blob);
  const MessageHeader& header = message.header;
  if (!event.outcome.ok()) {
    fmt::format_to(into(out), "{{msg_namelen={}}}", header.name_size);
    return;
  }
  out += "{msg_name=";
  if (message.name.empty()) {
    out += "NULL";
  } else {
    append_strace_address(out, message.name);
  }
  fmt::format_to(into(out), ", msg_namelen={}", header.name_size);
  if (header.name_length != header.name_size) {
    fmt::format_to(into(out), " => {}", header.name_length);
  }
  out += ", msg_iov=[{iov_base=";
  append_strace_string(out, message.data, header.data_length);
  fmt::format_to(into(out), ", iov_len={}}}], msg_iovlen={}", header.vector_length, header.vectors);
  const auto controls = control_messages(message.control);
  if (!controls.empty()) {
    out += ", msg_control=[";
    for (const ControlMessage& control : controls) {
      if (&control != &controls.front()) out += ", ";
      append_control(out, control);
    }
    out += ']';
  }
  fmt::format_to(into(out), ", msg_controllen={}, msg_flags={}}}", header.control_length,
                 sys::message_flags_name(header.flags));
}

}  // namespace

void append_strace(std::string& out, const Event& event, const Arg& arg) {
  const auto blob = event.blob(arg);
  switch (arg.kind) {
    case ArgKind::level:
      out += level_name(arg.value);
      return;
    case ArgKind::option:
      if (const auto* const option = option_of(event)) {
        out += option->name;
        if (option->name == "SO_TIMESTAMPING") out += "_OLD";  // of 64-bit times there are two
      } else {
        fmt::format_to(into(out), "{:#x}", static_cast<std::uint64_t>(arg.value));
      }
      return;
    case ArgKind::option_value:
      return append_option_value(out, option_of(event), blob, arg.value);
    case ArgKind::address:
      return append_strace_address(out, blob);
    case ArgKind::bytes:
    case ArgKind::text:
      return append_strace_string(out, blob, arg.value);
    case ArgKind::poll_fds:
      return append_poll_fds(out, blob, arg.value);
    case ArgKind::signal_set:
      return append_signal_set(out, arg.value);
    case ArgKind::signal_action:
      return append_signal_action(out, unpack<SignalAction>(blob));
    case ArgKind::file_status:
      return append_file_status(out, unpack<FileStatus>(blob));
    case ArgKind::message:
      return append_message(out, event, blob);
    case ArgKind::ioctl_request:
      // The same numbers as SIOCOUTQ and SIOCINQ.
      if (arg.value == TIOCOUTQ) {
        out += "TIOCOUTQ";
      } else if (arg.value == FIONREAD) {
        out += "FIONREAD";
      } else {
        out += decode(event, arg);
      }
      return;
    case ArgKind::protocol:
      out += protocol_name(event, static_cast<int>(arg.value));
      return;
    case ArgKind::limits:
      out += limits_strace(unpack<sys::RLimit>(blob));
      return;
    case ArgKind::epoll_event:
      out += epoll_event_strace(unpack<epoll_event>(blob));
      return;
    case ArgKind::epoll_events:
      out += epoll_events_strace(blob, arg.value);
      return;
    case ArgKind::ruleset:
      out += ruleset_strace(unpack<sys::LandlockRuleset>(blob));
      return;
    case ArgKind::wait_status:
      out += wait_status_strace(static_cast<int>(arg.value));
      return;
    case ArgKind::pointer:
      out += arg.value == 0 ? "NULL" : decode(event, arg);
      return;
    case ArgKind::ioctl_value:
    case ArgKind::offset:
      fmt::format_to(into(out), "[{}]", arg.value);
      if (!blob.empty()) fmt::format_to(into(out), " => [{}]", unpack<std::int64_t>(blob));
      return;
    case ArgKind::length:
      if (blob.empty()) {
        fmt::format_to(into(out), "{}", arg.value);
      } else if (const int returned = unpack<int>(blob); returned == arg.value) {
        fmt::format_to(into(out), "[{}]", arg.value);
      } else {
        fmt::format_to(into(out), "[{} => {}]", arg.value, returned);
      }
      return;
    default:
      out += decode(event, arg);
  }
}

}  // namespace tcptool::trace
