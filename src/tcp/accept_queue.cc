// SPDX-License-Identifier: MIT
#include "tcp/accept_queue.h"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "tcp/socket_options.h"
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
  return read_meminfo(kernel, fd, SK_MEMINFO_DROPS);
}

bool defers_accept(sys::Kernel& kernel, int fd) {
  return int_option(kernel, fd, IPPROTO_TCP, TCP_DEFER_ACCEPT).value_or(0) > 0;
}

}  // namespace tcptool::tcp
