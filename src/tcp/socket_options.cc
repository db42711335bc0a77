// SPDX-License-Identifier: MIT
#include "tcp/socket_options.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <climits>
#include <cstring>

#include "base/parse.h"
#include "base/text.h"

namespace tcptool::tcp {
namespace {

using sys::OptionType;

constexpr std::size_t most_value = 64;

template <class T>
std::vector<std::byte> bytes_of(const T& value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> bytes_of_text(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

Result<std::vector<std::byte>, std::string> parse_integer(std::string_view text) {
  int value = 0;
  const bool hex = text.starts_with("0x");
  const std::string_view digits = hex ? text.substr(2) : text;
  const char* const end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, value, hex ? 16 : 10);
  const bool signed_hex = hex && digits.starts_with("-");
  if (parsed.ec != std::errc{} || parsed.ptr != end || signed_hex) {
    return failure(fmt::format("{} is not a whole number, such as 64 or 0x10", in_quotes(text)));
  }
  return bytes_of(value);
}

Result<std::vector<std::byte>, std::string> parse_flag(std::string_view text) {
  if (text.empty() || text == "1" || text == "on") return bytes_of(1);
  if (text == "0" || text == "off") return bytes_of(0);
  return failure(fmt::format("{} is not a flag: give 1 or 0, on or off", in_quotes(text)));
}

// A duration that is a whole number of `Unit`, as an int.
template <class Unit>
Result<int, std::string> parse_whole(std::string_view text, std::string_view unit_name) {
  const auto duration = parse_duration(text);
  if (!duration) return failure(duration.error());
  const auto whole = std::chrono::duration_cast<Unit>(*duration);
  if (whole != *duration || whole.count() > INT_MAX) {
    return failure(fmt::format("{} is not a whole number of {}", in_quotes(text), unit_name));
  }
  return static_cast<int>(whole.count());
}

Result<std::vector<std::byte>, std::string> parse_linger(std::string_view text) {
  struct linger value {};
  if (text == "off") return bytes_of(value);
  const auto seconds = parse_whole<std::chrono::seconds>(text, "seconds");
  if (!seconds) return failure(seconds.error());
  value.l_onoff = 1;
  value.l_linger = *seconds;
  return bytes_of(value);
}

Result<std::vector<std::byte>, std::string> parse_value(OptionType type, std::string_view text) {
  switch (type) {
    case OptionType::flag:
      return parse_flag(text);
    case OptionType::integer:
      return parse_integer(text);
    case OptionType::size:
      return parse_size(text, INT_MAX).map([](std::uint64_t size) {
        return bytes_of(static_cast<int>(size));
      });
    case OptionType::seconds:
      return parse_whole<std::chrono::seconds>(text, "seconds").map(bytes_of<int>);
    case OptionType::milliseconds:
      return parse_whole<std::chrono::milliseconds>(text, "milliseconds").map(bytes_of<int>);
    case OptionType::linger:
      return parse_linger(text);
    case OptionType::text:
      if (text.size() >= most_value) return failure(std::string("the value is too long"));
      return bytes_of_text(text);
  }
  return failure(std::string("not supported"));
}

int read_int(std::span<const std::byte> bytes) {
  int value = 0;
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
  return value;
}

std::string text_of(OptionType type, std::span<const std::byte> value) {
  switch (type) {
    case OptionType::text: {
      const std::string_view chars(reinterpret_cast<const char*>(value.data()), value.size());
      return escape(chars.substr(0, chars.find('\0')));
    }
    case OptionType::linger: {
      struct linger linger {};
      std::memcpy(&linger, value.data(), std::min(value.size(), sizeof linger));
      return linger.l_onoff == 0 ? "off" : fmt::format("{}s", linger.l_linger);
    }
    case OptionType::seconds:
      return fmt::format("{}s", read_int(value));
    case OptionType::milliseconds:
      return fmt::format("{}ms", read_int(value));
    case OptionType::flag:
      return read_int(value) != 0 ? "1" : "0";
    case OptionType::integer:
    case OptionType::size:
      break;
  }
  return fmt::format("{}", read_int(value));
}

// The kernel doubles these two for its own bookkeeping: see SO_RCVBUF in socket(7).
bool reads_back_doubled(const sys::SocketOptionInfo& info) {
  return info.level == SOL_SOCKET && (info.number == SO_RCVBUF || info.number == SO_SNDBUF);
}

std::optional<std::vector<std::byte>> read_back(sys::Kernel& kernel, int fd,
                                                const sys::SocketOptionInfo& info) {
  std::array<std::byte, most_value> buffer{};
  const sys::Outcome got = kernel.getsockopt(fd, info.level, info.number, buffer);
  if (!got.ok()) return std::nullopt;
  return std::vector(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(got.as_size()));
}

Result<void, sys::SysError> set(sys::Kernel& kernel, int fd, const OptionSetting& setting) {
  const sys::Outcome done =
      kernel.setsockopt(fd, setting.info->level, setting.info->number, setting.value);
  if (done.ok()) return {};
  return failure(sys::SysError{sys::Syscall::setsockopt, done.error,
                               fmt::format("{}={}", setting.info->name, setting.asked)});
}

}  // namespace

OptionSetting OptionSetting::integer(std::string_view name, int value) {
  return {sys::find_socket_option(name), bytes_of(value), fmt::format("{}", value)};
}

OptionSetting OptionSetting::text(std::string_view name, std::string_view value) {
  return {sys::find_socket_option(name), bytes_of_text(value), std::string(value)};
}

Result<OptionSetting, std::string> parse_option(std::string_view text) {
  const auto equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  const bool has_value = equals != std::string_view::npos;
  const std::string_view value = has_value ? text.substr(equals + 1) : std::string_view();
  const sys::SocketOptionInfo* const info = sys::find_socket_option(name);
  if (info == nullptr || !info->settable) {
    std::vector<std::string_view> names;
    for (const sys::SocketOptionInfo& option : sys::socket_options()) {
      if (option.settable) names.push_back(option.name);
    }
    const std::string_view near = nearest(name.substr(0, most_value), names);
    return failure(fmt::format("unknown socket option {}{}", in_quotes(name),
                               near.empty() ? "; give a manual name such as TCP_NODELAY"
                                            : fmt::format("; did you mean {}?", near)));
  }
  const bool needs_value = info->type != OptionType::flag;
  if ((needs_value && value.empty()) || (has_value && value.empty())) {
    return failure(fmt::format("{} needs a value: {}=VALUE", info->name, info->name));
  }
  auto bytes = parse_value(info->type, value);
  if (!bytes) return failure(fmt::format("{}: {}", info->name, bytes.error()));
  return OptionSetting{info, std::move(*bytes), has_value ? std::string(value) : "1"};
}

Result<std::vector<OptionSetting>, std::string> parse_keepalive(std::string_view text) {
  static constexpr std::array<std::string_view, 3> names{"TCP_KEEPIDLE", "TCP_KEEPINTVL",
                                                         "TCP_KEEPCNT"};
  static constexpr std::array<int, 3> highest{32767, 32767, 127};  // see tcp(7)
  std::vector<OptionSetting> settings{OptionSetting::integer("SO_KEEPALIVE", 1)};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    const bool is_count = i == 2;
    const auto value = is_count ? parse_unsigned(item, INT_MAX).map([](auto n) { return int(n); })
                                : parse_whole<std::chrono::seconds>(item, "seconds");
    if (!value || *value < 1 || *value > highest[i]) {
      return failure(
          fmt::format("{} is not IDLE[,INTERVAL[,COUNT]] in whole seconds from 1 to "
                      "32767 (COUNT from 1 to 127), such as 60,10,5",
                      in_quotes(item)));
    }
    settings.push_back(OptionSetting::integer(names[i], *value));
    if (comma == std::string_view::npos) return settings;
    text.remove_prefix(comma + 1);
  }
  return failure(
      fmt::format("{} is more than IDLE,INTERVAL,COUNT, such as 60,10,5", in_quotes(text)));
}

Result<std::optional<OptionReport>, sys::SysError> apply_option(sys::Kernel& kernel, int fd,
                                                                int family,
                                                                const OptionSetting& setting) {
  const sys::SocketOptionInfo& info = *setting.info;
  if (info.level == IPPROTO_IPV6 && family != AF_INET6) return std::optional<OptionReport>();
  if (auto done = set(kernel, fd, setting); !done) return failure(done.error());
  const auto in_force = read_back(kernel, fd, info);
  if (!in_force) return std::optional<OptionReport>();
  const std::string asked = text_of(info.type, setting.value);
  std::string got = text_of(info.type, *in_force);
  if (reads_back_doubled(info)) got = fmt::format("{}", read_int(*in_force) / 2);
  if (asked == got) return std::optional<OptionReport>();
  return std::optional(OptionReport{std::string(info.name), asked, got});
}

std::optional<int> int_option(sys::Kernel& kernel, int fd, int level, int option) {
  int value = 0;
  const sys::Outcome got =
      kernel.getsockopt(fd, level, option, std::as_writable_bytes(std::span(&value, 1)));
  if (!got.ok() || got.as_size() != sizeof value) return std::nullopt;
  return value;
}

Result<void, sys::SysError> restore_options(sys::Kernel& kernel, int fd, int listener_fd,
                                            const std::vector<OptionSetting>& settings) {
  for (const OptionSetting& setting : settings) {
    const auto wanted = read_back(kernel, listener_fd, *setting.info);
    const auto inherited = read_back(kernel, fd, *setting.info);
    if (!wanted || !inherited || *wanted == *inherited) continue;
    const auto done = set(kernel, fd, setting);
    // The value was good for the listener: it is the state that is not, as with TCP_FASTOPEN.
    if (!done && done.error().error != EINVAL) return failure(done.error());
  }
  return {};
}

void probe_silent_peer(sys::Kernel& kernel, int fd) {
  struct Setting {
    int level;
    int option;
    int value;
  };
  constexpr std::array<Setting, 4> settings{{{IPPROTO_TCP, TCP_KEEPIDLE, 10},
                                             {IPPROTO_TCP, TCP_KEEPINTVL, 10},
                                             {IPPROTO_TCP, TCP_KEEPCNT, 6},
                                             {SOL_SOCKET, SO_KEEPALIVE, 1}}};
  for (const Setting& setting : settings) {
    static_cast<void>(kernel.setsockopt(fd, setting.level, setting.option,
                                        std::as_bytes(std::span(&setting.value, 1))));
  }
}

}  // namespace tcptool::tcp
