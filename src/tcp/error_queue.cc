// SPDX-License-Identifier: MIT
#include "tcp/error_queue.h"

#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "sys/message.h"

namespace tcptool::tcp {

std::optional<IcmpError> IcmpError::parse(int family, std::span<const std::byte> data) {
  sock_extended_err extended{};
  if (data.size() < sizeof extended) return std::nullopt;
  std::memcpy(&extended, data.data(), sizeof extended);
  const bool v4 = extended.ee_origin == SO_EE_ORIGIN_ICMP;
  if (!v4 && extended.ee_origin != SO_EE_ORIGIN_ICMP6) return std::nullopt;
  IcmpError icmp;
  icmp.protocol = v4 ? Protocol::icmp : Protocol::icmpv6;
  icmp.type = extended.ee_type;
  icmp.code = extended.ee_code;
  icmp.error = static_cast<int>(extended.ee_errno);
  // The offender's sockaddr follows: see SO_EE_OFFENDER in ip(7).
  const auto rest = data.subspan(sizeof extended);
  sockaddr_in6 storage{};
  std::memcpy(&storage, rest.data(), std::min(rest.size(), sizeof storage));
  const auto length = static_cast<socklen_t>(std::min(rest.size(), sizeof storage));
  icmp.offender = sys::Address::from(reinterpret_cast<const sockaddr*>(&storage), length);
  if (icmp.offender.family() != family && icmp.offender.known()) {
    icmp.offender = icmp.offender.unmapped();
  }
  return icmp;
}

std::optional<std::uint32_t> timestamp_of(std::span<const std::byte> header) {
  constexpr std::size_t fixed = 20;  // bytes before the options
  constexpr unsigned end_of_options = 0;
  constexpr unsigned no_operation = 1;
  constexpr unsigned timestamps = 8;
  constexpr std::size_t timestamps_length = 10;
  if (header.size() < fixed) return std::nullopt;
  const std::size_t length = std::to_integer<std::size_t>(header[12] >> 4) * 4;
  header = header.first(std::min(header.size(), length));
  for (std::size_t at = fixed; at < header.size();) {
    const auto kind = std::to_integer<unsigned>(header[at]);
    if (kind == end_of_options) break;
    if (kind == no_operation) {
      ++at;
      continue;
    }
    if (at + 1 >= header.size()) break;
    const auto size = std::to_integer<std::size_t>(header[at + 1]);
    if (size < 2 || size > header.size() - at) break;
    if (kind == timestamps && size == timestamps_length) {
      std::uint32_t value = 0;
      std::memcpy(&value, &header[at + 2], sizeof value);
      return ntohl(value);
    }
    at += size;
  }
  return std::nullopt;
}

void want_icmp_errors(sys::Kernel& kernel, int fd, int family, bool wanted) {
  const int value = wanted ? 1 : 0;
  const auto bytes = std::as_bytes(std::span(&value, 1));
  const bool v6 = family == AF_INET6;
  // A kernel that refuses leaves us with the errno alone, which is a poorer message, no failure.
  static_cast<void>(
      kernel.setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR, bytes));
}

std::optional<IcmpError> take_icmp_error(sys::Kernel& kernel, int fd) {
  constexpr int most_entries = 64;  // bounds a flood of ICMP
  std::optional<IcmpError> last;
  for (int i = 0; i < most_entries; ++i) {
    std::array<std::byte, 60> payload{};  // a TCP header with all its options
    sys::Message<512> message(payload);
    const sys::Outcome read = kernel.recvmsg(fd, message.header, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (!read.ok()) break;
    const auto filled = std::min(payload.size(), static_cast<std::size_t>(read.value));
    for (cmsghdr* header = CMSG_FIRSTHDR(&message.header); header != nullptr;
         header = CMSG_NXTHDR(&message.header, header)) {
      const bool v4 = header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_RECVERR;
      const bool v6 = header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_RECVERR;
      if ((!v4 && !v6) || header->cmsg_len < CMSG_LEN(0)) continue;
      const auto* const data = reinterpret_cast<const std::byte*>(CMSG_DATA(header));
      const auto parsed =
          IcmpError::parse(v4 ? AF_INET : AF_INET6, {data, header->cmsg_len - CMSG_LEN(0)});
      if (!parsed) continue;
      last = parsed;
      last->timestamp = timestamp_of(std::span(payload).first(filled));
    }
  }
  return last;
}

}  // namespace tcptool::tcp
