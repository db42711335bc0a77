// SPDX-License-Identifier: MIT
// The ICMP error behind a failed connection, from the socket's error queue (IP_RECVERR in ip(7)).
// Read SO_ERROR first: taking the last entry off the queue clears it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/result.h"
#include "sys/address.h"
#include "sys/error.h"
#include "sys/kernel.h"

namespace tcptool::tcp {

struct IcmpError {
  enum class Protocol { icmp, icmpv6 };
  Protocol protocol = Protocol::icmp;
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  int error = 0;          // the errno that the kernel made of it
  sys::Address offender;  // who sent it; its port is 0
  // The timestamp (RFC 7323) of our segment that it answers, where it quotes so much of it.
  std::optional<std::uint32_t> timestamp{};

  // From one SOL_IP/IP_RECVERR or SOL_IPV6/IPV6_RECVERR control message's data. Nothing unless the
  // error came from the network.
  static std::optional<IcmpError> parse(int family, std::span<const std::byte> data);
};

// The TSval of a TCP header, or of as much of one as an ICMP error quotes; nothing where it has
// none or is cut short. See RFC 7323 section 3.2.
std::optional<std::uint32_t> timestamp_of(std::span<const std::byte> header);

// Asks for the queue (before connect), or stops it. It must be off once a connection is
// established: left on, a passing ICMP error would end what TCP itself survives.
void want_icmp_errors(sys::Kernel& kernel, int fd, int family, bool wanted);

// The last ICMP error of the queue, which is empty afterwards.
std::optional<IcmpError> take_icmp_error(sys::Kernel& kernel, int fd);

}  // namespace tcptool::tcp
