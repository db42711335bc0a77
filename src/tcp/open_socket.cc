// SPDX-License-Identifier: MIT
#include <netinet/in.h>

#include "tcp/connection.h"

namespace tcptool::tcp {
namespace {

// Binds to the source. With an address alone the port is left to connect(2), which can then use one
// port for several peers: see IP_BIND_ADDRESS_NO_PORT in ip(7). A port that was asked for may be in
// TIME-WAIT, and is the same for all attempts of a race: hence SO_REUSEADDR.
Result<void, sys::SysError> bind_source(sys::Kernel& kernel, int fd, int family,
                                        const sys::Address& source) {
  sys::Address address = source;
  if (!source.known()) address = sys::Address::any(family, source.port());
  if (family == AF_INET6) address = address.mapped();
  const int on = 1;
  const bool any_port = source.port() == 0;
  static_cast<void>(kernel.setsockopt(fd, any_port ? IPPROTO_IP : SOL_SOCKET,
                                      any_port ? IP_BIND_ADDRESS_NO_PORT : SO_REUSEADDR,
                                      std::as_bytes(std::span(&on, 1))));
  const sys::Outcome bound = kernel.bind(fd, address);
  if (bound.ok()) return {};
  return failure(sys::SysError{sys::Syscall::bind, bound.error, address.unmapped().text()});
}

}  // namespace

void keep_urgent_bytes(sys::Kernel& kernel, int fd) {
  const int on = 1;
  static_cast<void>(
      kernel.setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, std::as_bytes(std::span(&on, 1))));
}

Result<sys::Fd, sys::SysError> open_socket(sys::Kernel& kernel, int family,
                                           const SocketSetup& setup,
                                           std::vector<OptionReport>& reports) {
  const sys::Outcome opened =
      kernel.socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (!opened.ok()) {
    return failure(sys::SysError{sys::Syscall::socket, opened.error, sys::family_name(family)});
  }
  sys::Fd fd(kernel, opened.as_int());
  keep_urgent_bytes(kernel, fd.get());
  for (const OptionSetting& setting : setup.options) {
    auto applied = apply_option(kernel, fd.get(), family, setting);
    if (!applied) return failure(applied.error());
    if (*applied) reports.push_back(**applied);
  }
  if (setup.source) {
    if (auto bound = bind_source(kernel, fd.get(), family, *setup.source); !bound) {
      return failure(bound.error());
    }
  }
  return fd;
}

sys::Address with_zone_name(sys::Kernel& kernel, const sys::Address& address) {
  if (address.scope_id() == 0) return address;
  std::string zone;
  if (!kernel.if_indextoname(address.scope_id(), zone).ok()) return address;
  return address.with_zone(address.scope_id(), zone);
}

sys::Address local_address(sys::Kernel& kernel, int fd) {
  sys::Address address;
  if (!kernel.getsockname(fd, address).ok()) return {};
  return with_zone_name(kernel, address.unmapped());
}

sys::Address peer_address(sys::Kernel& kernel, int fd) {
  sys::Address address;
  if (!kernel.getpeername(fd, address).ok()) return {};
  return with_zone_name(kernel, address.unmapped());
}

}  // namespace tcptool::tcp
