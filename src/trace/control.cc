// SPDX-License-Identifier: MIT
#include "trace/control.h"

#include <fmt/format.h>

namespace tcptool::trace {
namespace {

bool is_timestamping(const ControlMessage& control) {
  return control.level == SOL_SOCKET && control.type == SCM_TIMESTAMPING;
}

}  // namespace

std::vector<ControlMessage> control_messages(std::span<const std::byte> control_data) {
  std::vector<ControlMessage> out;
  auto rest = control_data;
  while (rest.size() >= sizeof(cmsghdr)) {
    const auto header = unpack<cmsghdr>(rest);
    const std::size_t before = CMSG_LEN(0);
    if (header.cmsg_len < before || header.cmsg_len > rest.size()) break;
    out.push_back({header.cmsg_len, header.cmsg_level, header.cmsg_type,
                   rest.subspan(before, header.cmsg_len - before)});
    rest = rest.subspan(std::min<std::size_t>(CMSG_ALIGN(header.cmsg_len), rest.size()));
  }
  return out;
}

std::string control_type_name(const ControlMessage& control) {
  if (is_timestamping(control)) return "SCM_TIMESTAMPING";
  if (control.level == IPPROTO_IP && control.type == IP_RECVERR) return "IP_RECVERR";
  if (control.level == IPPROTO_IPV6 && control.type == IPV6_RECVERR) return "IPV6_RECVERR";
  return fmt::format("{:#x}", static_cast<unsigned>(control.type));
}

std::optional<Timestamps> timestamps(const ControlMessage& control) {
  if (!is_timestamping(control) || control.data.size() < sizeof(Timestamps)) return std::nullopt;
  return unpack<Timestamps>(control.data);
}

std::string timestamp_text(const Timestamps::Time& time) {
  return fmt::format("{}.{:09}", time.seconds, time.nanoseconds);
}

std::optional<std::chrono::system_clock::time_point> software_timestamp(
    const ControlMessage& control) {
  constexpr std::int64_t latest = 8'000'000'000;  // seconds: what nanoseconds can count
  const auto all = timestamps(control);
  if (!all) return std::nullopt;
  const auto& [seconds, nanoseconds] = all->times.front();
  if (seconds <= 0 || seconds > latest || nanoseconds < 0 || nanoseconds >= 1'000'000'000) {
    return std::nullopt;
  }
  return std::chrono::system_clock::time_point(std::chrono::seconds(seconds) +
                                               std::chrono::nanoseconds(nanoseconds));
}

std::optional<ExtendedError> extended_error(const ControlMessage& control) {
  const bool v4 = control.level == IPPROTO_IP && control.type == IP_RECVERR;
  const bool v6 = control.level == IPPROTO_IPV6 && control.type == IPV6_RECVERR;
  if ((!v4 && !v6) || control.data.size() < sizeof(ExtendedError::Fields)) return std::nullopt;
  ExtendedError extended;
  extended.error = unpack<ExtendedError::Fields>(control.data);
  extended.offender = control.data.subspan(sizeof(ExtendedError::Fields));
  return extended;
}

std::string extended_error_text(const ExtendedError& extended) {
  const ExtendedError::Fields& error = extended.error;
  return fmt::format("ee_errno={}, ee_origin={}, ee_type={}, ee_code={}, ee_info={}, ee_data={}",
                     error.ee_errno, error.ee_origin, error.ee_type, error.ee_code, error.ee_info,
                     error.ee_data);
}

}  // namespace tcptool::trace
