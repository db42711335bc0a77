// SPDX-License-Identifier: MIT
#include "trace/decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "base/text.h"
#include "sys/names.h"
#include "trace/structures.h"

namespace tcptool::trace {
namespace {

std::string_view chars(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
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

std::string poll_fds_text(std::span<const std::byte> kept, std::int64_t whole) {
  std::string out = "[";
  const std::size_t count = kept.size() / sizeof(pollfd);
  for (std::size_t i = 0; i < count; ++i) {
    const auto fd = unpack<pollfd>(kept, i * sizeof(pollfd));
    if (fd.fd < 0) continue;
    out += fmt::format("{}{{fd={}, events={}, revents={}}}", out.size() > 1 ? ", " : "", fd.fd,
                       sys::poll_events_name(fd.events), sys::poll_events_name(fd.revents));
  }
  if (static_cast<std::int64_t>(count) < whole) out += ", ...";
  return out + "]";
}

// What the kernel gives beyond the names that are known is left out.
std::string memory_info_text(std::span<const std::byte> kept) {
  std::string out = "{";
  for (std::size_t i = 0; (i + 1) * sizeof(std::uint32_t) <= kept.size(); ++i) {
    const std::string_view counter = sys::memory_info_name(i);
    if (counter.empty()) break;
    out += fmt::format("{}{}={}", i > 0 ? ", " : "", counter,
                       unpack<std::uint32_t>(kept, i * sizeof(std::uint32_t)));
  }
  return out + "}";
}

// Its state, and of a listening socket what else is known: the accept queue's length and limit.
std::string tcp_info_text(std::span<const std::byte> kept, std::int64_t whole) {
  const auto state = sys::tcp_state_name(std::to_integer<unsigned>(kept[0]));
  if (state != "LISTEN" || kept.size() < 32) {
    return fmt::format("{{tcpi_state={}, ... {} bytes}}", state, whole);
  }
  return fmt::format("{{tcpi_state={}, tcpi_unacked={}, tcpi_sacked={}, ... {} bytes}}", state,
                     unpack<std::uint32_t>(kept, 24), unpack<std::uint32_t>(kept, 28), whole);
}

std::string option_value_text(const sys::SocketOptionInfo* option, std::span<const std::byte> kept,
                              std::int64_t whole) {
  const bool known = option != nullptr && !kept.empty();
  if (known && option->name == "TCP_INFO") return tcp_info_text(kept, whole);
  if (known && option->name == "SO_MEMINFO") return memory_info_text(kept);
  if (!known || option->type == sys::OptionType::text) return c_string(kept, whole);
  if (option->type == sys::OptionType::linger && kept.size() >= sizeof(struct linger)) {
    const auto value = unpack<struct linger>(kept);
    return fmt::format("{{l_onoff={}, l_linger={}}}", value.l_onoff, value.l_linger);
  }
  if (kept.size() < sizeof(int)) return c_string(kept, whole);
  const int value = unpack<int>(kept);
  if (option->name == "SO_ERROR" && value != 0) return sys::errno_name(value);
  return fmt::format("{}", value);
}

// A list of C strings.
std::string texts_text(std::span<const std::byte> blob, std::int64_t whole) {
  const std::vector<std::string_view> texts = unpack_texts(blob);
  std::string out = "[";
  for (const std::string_view& text : texts) {
    if (out.size() > 1) out += ", ";
    const bool cut = &text == &texts.back() && blob.back() != std::byte{0};
    out += c_string(std::as_bytes(std::span(text)),
                    static_cast<std::int64_t>(text.size()) + (cut ? 1 : 0));
  }
  if (static_cast<std::int64_t>(texts.size()) < whole) out += ", ...";
  return out + "]";
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

std::string handler_text(std::int64_t handler) {
  if (handler == 0) return "SIG_DFL";
  return handler == 1 ? "SIG_IGN" : fmt::format("{:#x}", static_cast<std::uint64_t>(handler));
}

std::string message_text(std::span<const std::byte> blob) {
  const Message message = unpack_message(blob);
  std::string out = "{";
  if (!message.name.empty()) out += fmt::format("msg_name={}, ", address_text(message.name));
  out += fmt::format("msg_iov={}, msg_controllen={}, msg_flags={}",
                     c_string(message.data, message.header.data_length),
                     message.header.control_length, sys::message_flags_name(message.header.flags));
  return out + "}";
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

std::string address_text(std::span<const std::byte> blob) {
  sockaddr_in6 storage{};
  if (!blob.empty()) std::memcpy(&storage, blob.data(), std::min(blob.size(), sizeof storage));
  const auto length = static_cast<socklen_t>(blob.size());
  return sys::Address::from(reinterpret_cast<const sockaddr*>(&storage), length).text();
}

Message unpack_message(std::span<const std::byte> blob) {
  Message message;
  message.header = unpack<MessageHeader>(blob);
  auto rest = blob.subspan(std::min(blob.size(), sizeof message.header));
  const auto take = [&rest](std::size_t count) {
    const auto part = rest.first(std::min(count, rest.size()));
    rest = rest.subspan(part.size());
    return part;
  };
  message.name = take(message.header.name_kept);
  message.data = take(message.header.data_kept);
  message.control = take(message.header.control_kept);
  return message;
}

const sys::SocketOptionInfo* option_of(const Event& event) {
  const Arg* const level = event.find(ArgKind::level);
  const Arg* const number = event.find(ArgKind::option);
  if (level == nullptr || number == nullptr) return nullptr;
  return sys::find_socket_option(static_cast<int>(level->value), static_cast<int>(number->value));
}

std::string decode(const Event& event, const Arg& arg) {
  const auto blob = event.blob(arg);
  const auto number = static_cast<int>(arg.value);
  switch (arg.kind) {
    case ArgKind::integer:
    case ArgKind::fd:
    case ArgKind::ioctl_value:
    case ArgKind::offset:
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
    case ArgKind::descriptor_flags:
      return sys::descriptor_flags_name(number);
    case ArgKind::signalfd_flags:
      return sys::signalfd_flags_name(number);
    case ArgKind::whence:
      return sys::whence_name(number);
    case ArgKind::splice_flags:
      return sys::splice_flags_name(number);
    case ArgKind::permissions:
      return fmt::format("{:#03o}", static_cast<std::uint64_t>(arg.value));
    case ArgKind::file_status:
      return file_type_name(unpack<FileStatus>(blob).mode);
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
    case ArgKind::constant:
      return escape(chars(blob));
    case ArgKind::ruleset:
      return ruleset_text(unpack<sys::LandlockRuleset>(blob));
    case ArgKind::texts:
      return texts_text(blob, arg.value);
    case ArgKind::epoll_flags:
      return sys::epoll_flags_name(number);
    case ArgKind::epoll_op:
      return sys::epoll_op_name(number);
    case ArgKind::epoll_event:
      return epoll_event_text(unpack<epoll_event>(blob));
    case ArgKind::epoll_events:
      return epoll_events_text(blob, arg.value);
    case ArgKind::pidfd_flags:
      return sys::pidfd_flags_name(number);
    case ArgKind::wait_options:
      return sys::wait_options_name(number);
    case ArgKind::wait_status:
      return wait_status_text(number);
    case ArgKind::signal:
      return sys::signal_name(number);
    case ArgKind::signal_set:
      return signal_set_text(arg.value);
    case ArgKind::signal_how:
      return signal_how_text(arg.value);
    case ArgKind::signal_action:
      return handler_text(unpack<SignalAction>(blob).handler);
    case ArgKind::fcntl_op:
      return sys::fcntl_op_name(number);
    case ArgKind::ioctl_request:
      return sys::ioctl_request_name(static_cast<unsigned long>(arg.value));
    case ArgKind::resource:
      return sys::resource_name(number);
    case ArgKind::limits:
      return limits_text(unpack<sys::RLimit>(blob));
    case ArgKind::addresses:
      return addresses_text(blob, arg.value);
    case ArgKind::message:
      return message_text(blob);
    case ArgKind::pipe_ends: {
      const auto ends = unpack<std::array<int, 2>>(blob);
      return fmt::format("[{}, {}]", ends[0], ends[1]);
    }
    case ArgKind::length:
      return fmt::format("{}", blob.empty() ? arg.value : unpack<int>(blob));
    case ArgKind::pointer:
      return fmt::format("{:#x}", static_cast<std::uint64_t>(arg.value));
  }
  return {};
}

std::string decode_outcome(const Event& event) {
  const sys::Outcome& outcome = event.outcome;
  if (!event.returned) return "?";
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
