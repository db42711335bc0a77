// SPDX-License-Identifier: MIT
#include "tcp/accept_queue.h"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>

#include "tcp/tcp_info.h"

namespace tcptool::tcp {

std::optional<AcceptQueue> read_accept_queue(sys::Kernel& kernel, int fd) {
  const auto info = read_tcp_info(kernel, fd);
  if (!info || info->state != State::listen || !info->unacked || !info->sacked) {
    return std::nullopt;
  }
  return AcceptQueue{*info->unacked, *info->sacked};
}

std::optional<std::uint32_t> read_listen_drops(sys::Kernel& kernel, int fd) {
  std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
  const sys::Outcome got =
      kernel.getsockopt(fd, SOL_SOCKET, SO_MEMINFO, std::as_writable_bytes(std::span(memory)));
  if (!got.ok() || got.as_size() <= SK_MEMINFO_DROPS * sizeof memory.front()) return std::nullopt;
  return memory[SK_MEMINFO_DROPS];
}

bool defers_accept(sys::Kernel& kernel, int fd) {
  int seconds = 0;
  return kernel
             .getsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT,
                         std::as_writable_bytes(std::span(&seconds, 1)))
             .ok() &&
         seconds > 0;
}

}  // namespace tcptool::tcp
