// SPDX-License-Identifier: MIT
#include "tcp/listener.h"

#include <linux/tcp.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "sys/process.h"

namespace tcptool::tcp {
namespace {

bool set_flag(sys::Kernel& kernel, int fd, int level, int option, int value) {
  return kernel.setsockopt(fd, level, option, std::as_bytes(std::span(&value, 1))).ok();
}

bool is_set(const SocketSetup& setup, std::string_view name) {
  return std::any_of(setup.options.begin(), setup.options.end(),
                     [&](const OptionSetting& setting) { return setting.info->name == name; });
}

std::optional<AcceptQueue> read_accept_queue(sys::Kernel& kernel, int fd) {
  const auto info = read_tcp_info(kernel, fd);
  if (!info || info->state != State::listen || !info->unacked || !info->sacked) {
    return std::nullopt;
  }
  return AcceptQueue{*info->unacked, *info->sacked};
}

bool family_missing(const sys::SysError& error) {
  const bool no_socket = error.call == sys::Syscall::socket && error.error == EAFNOSUPPORT;
  const bool no_address = error.call == sys::Syscall::bind && error.error == EADDRNOTAVAIL;
  return no_socket || no_address;
}

Result<Listener, sys::SysError> listen_on(sys::Kernel& kernel, const ListenPolicy& policy,
                                          const sys::Address& address) {
  Listener listener;
  auto socket = open_socket(kernel, address.family(), policy.setup, listener.options);
  if (!socket) return failure(socket.error());
  listener.fd = std::move(*socket);
  const int fd = listener.fd.get();
  // What the user asked for by -o stands.
  if (!is_set(policy.setup, "SO_REUSEADDR")) set_flag(kernel, fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (address.family() == AF_INET6 && !is_set(policy.setup, "IPV6_V6ONLY")) {
    set_flag(kernel, fd, IPPROTO_IPV6, IPV6_V6ONLY, policy.dual_stack ? 0 : 1);
  }
  if (const sys::Outcome bound = kernel.bind(fd, address); !bound.ok()) {
    return failure(sys::SysError{sys::Syscall::bind, bound.error, address.text()});
  }
  set_flag(kernel, fd, IPPROTO_TCP, TCP_SAVE_SYN, 1);
  const std::string somaxconn = "/proc/sys/net/core/somaxconn";
  listener.backlog =
      policy.backlog ? *policy.backlog
                     : static_cast<int>(sys::read_sysctl(kernel, somaxconn).value_or(SOMAXCONN));
  if (const sys::Outcome listening = kernel.listen(fd, listener.backlog); !listening.ok()) {
    return failure(sys::SysError{sys::Syscall::listen, listening.error, address.text()});
  }
  listener.local = local_address(kernel, fd);
  if (const auto queue = read_accept_queue(kernel, fd)) listener.queue_limit = queue->limit;
  return listener;
}

}  // namespace

Result<Listener, sys::SysError> listen(sys::Kernel& kernel, const ListenPolicy& policy) {
  for (const sys::Address& address : policy.addresses) {
    auto listener = listen_on(kernel, policy, address);
    const bool last = &address == &policy.addresses.back();
    if (!listener && !last && family_missing(listener.error())) continue;
    if (!listener || !policy.addresses.front().is_any()) return listener;
    // With disable_ipv6 a bind to :: succeeds all the same, and IPv4 clients get in.
    const bool disabled =
        policy.addresses.front().family() == AF_INET6 &&
        sys::read_sysctl(kernel, "/proc/sys/net/ipv6/conf/all/disable_ipv6").value_or(0) == 1;
    listener->ipv4_only = policy.dual_stack && (address.family() == AF_INET || disabled);
    listener->unreachable = disabled && !policy.dual_stack && address.family() == AF_INET6;
    return listener;
  }
  return failure(sys::SysError{sys::Syscall::socket, EAFNOSUPPORT, ""});
}

Result<Accepted, sys::SysError> accept(sys::Kernel& kernel, const Listener& listener,
                                       const SocketSetup& setup) {
  sys::Address peer;
  const sys::Outcome taken = kernel.accept4(listener.fd.get(), peer, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (!taken.ok()) {
    return failure(sys::SysError{sys::Syscall::accept4, taken.error, listener.local.text()});
  }
  Accepted accepted;
  Connection& connection = accepted.connection;
  connection.fd = sys::Fd(kernel, taken.as_int());
  connection.established = kernel.now();
  connection.peer = with_zone_name(kernel, peer.unmapped());
  const int fd = connection.fd.get();
  if (const auto info = read_tcp_info(kernel, fd)) {
    // Nothing has been sent yet, so "since data was last sent" counts from the handshake.
    accepted.queued = info->last_data_sent;
    if (info->rtt) connection.handshake = *info->rtt;
  }
  connection.local = local_address(kernel, fd);
  accepted.queue = read_accept_queue(kernel, listener.fd.get());
  accepted.syn = read_saved_syn(kernel, fd);
  if (auto restored = restore_options(kernel, fd, listener.fd.get(), setup.options); !restored) {
    return failure(restored.error());
  }
  return accepted;
}

bool accept_may_be_repeated(int error) {
  switch (error) {
    // accept(2), "Error handling": what was pending on the new socket already.
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case EPERM:  // a firewall rule
    case EINTR:
    case EAGAIN:
      return true;
    default:
      return false;
  }
}

}  // namespace tcptool::tcp
