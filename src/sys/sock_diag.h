// SPDX-License-Identifier: MIT
// The TCP sockets of this host, everybody's, as ss(8) sees them: sock_diag(7) needs no rights.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "sys/address.h"
#include "sys/error.h"
#include "sys/kernel.h"

namespace tcptool::sys {

struct SocketRow {
  Address local;
  Address remote;            // port 0 on a listening socket
  unsigned state = 0;        // as tcpi_state: sys::tcp_state_name
  unsigned uid = 0;          // of its owner; of no meaning in TIME-WAIT
  std::uint64_t inode = 0;   // 0 in TIME-WAIT: no process has it any more
  std::uint32_t rqueue = 0;  // bytes to be read, a FIN as one; LISTEN: the accept queue's length
  std::uint32_t wqueue = 0;  // bytes not acknowledged; LISTEN: the accept queue's limit
  std::optional<std::chrono::milliseconds> time_wait_left;
  bool v6only = false;   // IPV6_V6ONLY; told of listening sockets alone
  unsigned ifindex = 0;  // of SO_BINDTODEVICE, or 0
};

// The TCP sockets of one family whose state is in `states` (bit 1 << tcpi_state). A socket of
// AF_INET6 may hold v4-mapped addresses.
// Errors: those of netlink_ask in sys/netlink.h, ENOBUFS for more than 65,536 sockets among them;
// ENOENT where the kernel has no sock_diag for TCP. See sock_diag(7).
Result<std::vector<SocketRow>, SysError> tcp_sockets(Kernel& kernel, int family,
                                                     std::uint32_t states);

// One message's payload; nothing where it is no socket of IPv4 or IPv6.
std::optional<SocketRow> parse_socket_row(std::span<const std::byte> payload);

}  // namespace tcptool::sys
