// SPDX-License-Identifier: MIT
#include "trace/decode.h"

#include <fmt/format.h>

#include <csignal>
#include <cstring>
#include <optional>

#include "base/text.h"
#include "sys/names.h"

namespace tcptool::trace {
namespace {

std::string_view chars(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A copy, since what is stored has no alignment.
template <class T>
std::optional<T> read_as(std::span<const std::byte> bytes, std::size_t offset = 0) {
  if (bytes.size() < offset + sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// A C string: escaped, in double quotes, with ... where not all bytes were kept.
std::string c_string(std::span<const std::byte> kept, std::int64_t whole) {
  std::string out = "\"";
  for (const char c : escape(chars(kept))) {
    if (c == '"') out += '\\';
    out += c;
  }
  out += '"';
  if (static_cast<std::int64_t>(kept.size()) < whole) out += "...";
  return out;
}

std::string address_text(std::span<const std::byte> blob) {
  sockaddr_in6 storage{};
  std::memcpy(&storage, blob.data(), std::min(blob.size(), sizeof storage));
  const auto length = static_cast<socklen_t>(blob.size());
  return sys::Address::from(reinterpret_cast<const sockaddr*>(&storage), length).text();
}

std::string poll_fds_text(std::span<const std::byte> kept, std::int64_t whole) {
  std::string out = "[";
  const std::size_t count = kept.size() / sizeof(pollfd);
  for (std::size_t i = 0; i < count; ++i) {
    const auto fd = read_as<pollfd>(kept, i * sizeof(pollfd));
    if (!fd || fd->fd < 0) continue;
    out += fmt::format("{}{{fd={}, events={}, revents={}}}", out.size() > 1 ? ", " : "", fd->fd,
                       sys::poll_events_name(fd->events), sys::poll_events_name(fd->revents));
  }
  if (static_cast<std::int64_t>(count) < whole) out += ", ...";
  return out + "]";
}

std::string option_value_text(const sys::SocketOptionInfo* option, std::span<const std::byte> kept,
                              std::int64_t whole) {
  if (option == nullptr || option->type == sys::OptionType::text) {
    if (option != nullptr && option->name == "TCP_INFO" && !kept.empty()) {
      const auto state = std::to_integer<unsigned>(kept[0]);
      return fmt::format("{{tcpi_state={}, ... {} bytes}}", sys::tcp_state_name(state), whole);
    }
    return c_string(kept, whole);
  }
  if (option->type == sys::OptionType::linger) {
    const auto value = read_as<struct linger>(kept);
    if (value) return fmt::format("{{l_onoff={}, l_linger={}}}", value->l_onoff, value->l_linger);
  }
  const auto value = read_as<int>(kept);
  if (value && option->name == "SO_ERROR" && *value != 0) return sys::errno_name(*value);
  return value ? fmt::format("{}", *value) : c_string(kept, whole);
}

std::string signal_set_text(std::int64_t bits) {
  std::string out = "[";
  for (int signum = 1; signum < 64; ++signum) {
    if ((bits >> signum & 1) == 0) continue;
    out += fmt::format("{}{}", out.size() > 1 ? " " : "", sys::signal_name(signum));
  }
  return out + "]";
}

std::string signal_how_text(std::int64_t how) {
  if (how == SIG_BLOCK) return "SIG_BLOCK";
  if (how == SIG_UNBLOCK) return "SIG_UNBLOCK";
  return how == SIG_SETMASK ? "SIG_SETMASK" : fmt::format("{}", how);
}

std::string mode_text(std::int64_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return "S_IFREG";
    case S_IFIFO:
      return "S_IFIFO";
    case S_IFCHR:
      return "S_IFCHR";
    case S_IFSOCK:
      return "S_IFSOCK";
    case S_IFDIR:
      return "S_IFDIR";
    case S_IFBLK:
      return "S_IFBLK";
    default:
      return fmt::format("{:#o}", mode);
  }
}

// The socket option that the level and option arguments of `event` name.
const sys::SocketOptionInfo* option_of(const Event& event) {
  std::int64_t level = -1;
  std::int64_t number = -1;
  for (const Arg& arg : event.arguments()) {
    if (arg.kind == ArgKind::level) level = arg.value;
    if (arg.kind == ArgKind::option) number = arg.value;
  }
  return sys::find_socket_option(static_cast<int>(level), static_cast<int>(number));
}

std::string option_text(const Event& event, std::int64_t number) {
  const auto* const option = option_of(event);
  return option != nullptr ? std::string(option->name) : fmt::format("{}", number);
}

std::string addresses_text(std::span<const std::byte> first, std::int64_t count) {
  if (count == 0) return "[]";
  return fmt::format("[{}{}]", address_text(first),
                     count > 1 ? fmt::format(", ... {} in all", count) : "");
}

}  // namespace

std::string decode(const Event& event, const Arg& arg) {
  const auto blob = event.blob(arg);
  const auto number = static_cast<int>(arg.value);
  switch (arg.kind) {
    case ArgKind::integer:
    case ArgKind::fd:
      return fmt::format("{}", arg.value);
    case ArgKind::family:
      return sys::family_name(number);
    case ArgKind::socket_type:
      return sys::socket_type_name(number);
    case ArgKind::protocol:
      return sys::protocol_name(number);
    case ArgKind::socket_flags:
      return sys::socket_flags_name(number);
    case ArgKind::message_flags:
      return sys::message_flags_name(number);
    case ArgKind::open_flags:
      return sys::open_flags_name(number);
    case ArgKind::mode:
      return mode_text(arg.value);
    case ArgKind::how:
      return sys::shutdown_name(number);
    case ArgKind::level:
      return sys::level_name(number);
    case ArgKind::option:
      return option_text(event, arg.value);
    case ArgKind::option_value:
      return option_value_text(option_of(event), blob, arg.value);
    case ArgKind::address:
      return address_text(blob);
    case ArgKind::bytes:
    case ArgKind::text:
      return c_string(blob, arg.value);
    case ArgKind::poll_fds:
      return poll_fds_text(blob, arg.value);
    case ArgKind::signal:
      return sys::signal_name(number);
    case ArgKind::signal_set:
      return signal_set_text(arg.value);
    case ArgKind::signal_how:
      return signal_how_text(arg.value);
    case ArgKind::signal_handler:
      return arg.value == 1 ? "SIG_IGN" : "SIG_DFL";
    case ArgKind::fcntl_op:
      return sys::fcntl_op_name(number);
    case ArgKind::ioctl_request:
      return sys::ioctl_request_name(static_cast<unsigned long>(arg.value));
    case ArgKind::resource:
      return sys::resource_name(number);
    case ArgKind::limit:
      return arg.value == -1 ? "RLIM_INFINITY" : fmt::format("{}", arg.value);
    case ArgKind::addresses:
      return addresses_text(blob, arg.value);
  }
  return {};
}

std::string decode_outcome(const Event& event) {
  const sys::Outcome& outcome = event.outcome;
  if (!outcome.ok()) {
    return fmt::format("-1 {} ({})", sys::errno_name(outcome.error),
                       sys::errno_text(outcome.error));
  }
  const bool look_up_failed = event.call == sys::Syscall::getaddrinfo && outcome.value < 0;
  if (look_up_failed) {
    const int status = outcome.as_int();
    return fmt::format("{} ({})", sys::lookup_status_name(status), sys::lookup_status_text(status));
  }
  return fmt::format("{}", outcome.value);
}

}  // namespace tcptool::trace
