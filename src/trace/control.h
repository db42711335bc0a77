// SPDX-License-Identifier: MIT
// The control data that recvmsg(2) brought: see cmsg(3), and IP_RECVERR in ip(7).
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trace/decode.h"

namespace tcptool::trace {

struct ControlMessage {
  std::uint64_t length = 0;  // cmsg_len, header included
  int level = 0;
  int type = 0;
  std::span<const std::byte> data;
};

// Those that were kept whole.
std::vector<ControlMessage> control_messages(std::span<const std::byte> control_data);

// "IP_RECVERR"; "0x19" for what has no name here.
std::string control_type_name(const ControlMessage& control);

// The three times of SCM_TIMESTAMPING, of which the first is the kernel's own.
struct Timestamps {
  struct Time {
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
  };
  std::array<Time, 3> times;
};
std::optional<Timestamps> timestamps(const ControlMessage& control);
// "1763850000.000000123".
std::string timestamp_text(const Timestamps::Time& time);
// The first of them, on CLOCK_REALTIME; nothing where it is not set.
std::optional<std::chrono::system_clock::time_point> software_timestamp(
    const ControlMessage& control);

// What IP_RECVERR and IPV6_RECVERR bring: an error and the sockaddr of who sent it.
struct ExtendedError {
  // struct sock_extended_err of linux/errqueue.h.
  struct Fields {
    std::uint32_t ee_errno = 0;
    std::uint8_t ee_origin = 0;
    std::uint8_t ee_type = 0;
    std::uint8_t ee_code = 0;
    std::uint8_t ee_pad = 0;
    std::uint32_t ee_info = 0;
    std::uint32_t ee_data = 0;
  } error;
  std::span<const std::byte> offender;
};
std::optional<ExtendedError> extended_error(const ControlMessage& control);
// SO_EE_ORIGIN_TIMESTAMPING: no error, but news of a packet of ours.
inline constexpr std::uint8_t timestamping_origin = 4;

// "ee_errno=111, ee_origin=2, ee_type=3, ee_code=3, ee_info=0, ee_data=0": as strace writes it.
std::string extended_error_text(const ExtendedError& extended);

}  // namespace tcptool::trace
