// SPDX-License-Identifier: MIT
// What the kernel tells of a listening socket's accept queue: the connections whose handshake is
// done and that wait for accept(2), how many may, and how many segments it dropped.
#pragma once

#include <cstdint>
#include <optional>

#include "sys/kernel.h"

namespace tcptool::tcp {

struct AcceptQueue {
  unsigned length = 0;
  unsigned limit = 0;  // the backlog in force; the kernel admits one more

  // As the kernel sees it (sk_acceptq_is_full): the next SYN is dropped.
  [[nodiscard]] bool full() const { return length > limit; }
  friend bool operator==(const AcceptQueue&, const AcceptQueue&) = default;
};

// Out of TCP_INFO. Nothing where the kernel does not say, or the socket does not listen.
std::optional<AcceptQueue> read_accept_queue(sys::Kernel& kernel, int fd);

// The segments that this socket has dropped since it was made: SYNs, each retransmission by itself,
// and the last of a handshake where there was no room for it, but also any that opens no
// connection, as a port scan sends it; the kernel does not tell them apart. Wraps around. See
// SO_MEMINFO, SK_MEMINFO_DROPS in linux/sock_diag.h.
std::optional<std::uint32_t> read_listen_drops(sys::Kernel& kernel, int fd);

// Whether a client is accepted only once it has sent data, before which the kernel drops the last
// ACK of its handshake. See TCP_DEFER_ACCEPT in tcp(7).
bool defers_accept(sys::Kernel& kernel, int fd);

}  // namespace tcptool::tcp
