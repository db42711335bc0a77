// SPDX-License-Identifier: MIT
#include "tcp/listener.h"

#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
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

// Whoever waits for the port (--port-file) must not be told another.
Result<sys::Address, sys::SysError> bound_address(sys::Kernel& kernel, int fd,
                                                  const std::string& object) {
  sys::Address address;
  if (const sys::Outcome named = kernel.getsockname(fd, address); !named.ok()) {
    return failure(sys::SysError{sys::Syscall::getsockname, named.error, object});
  }
  return with_zone_name(kernel, address.unmapped());
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
  auto local = bound_address(kernel, fd, address.text());
  if (!local) return failure(local.error());
  listener.local = *local;
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

bool is_tcp_listener(sys::Kernel& kernel, int fd) {
  // Whoever started us may have handed over anything, or nothing.
  struct stat status {};
  if (!kernel.fcntl(fd, F_GETFD, 0).ok() || !kernel.fstat(fd, status).ok() ||
      !S_ISSOCK(status.st_mode)) {
    return false;
  }
  const int domain = int_option(kernel, fd, SOL_SOCKET, SO_DOMAIN).value_or(AF_UNSPEC);
  return (domain == AF_INET || domain == AF_INET6) &&
         int_option(kernel, fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM &&
         int_option(kernel, fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP &&
         int_option(kernel, fd, SOL_SOCKET, SO_ACCEPTCONN) == 1;
}

Result<Listener, sys::SysError> adopt_listener(sys::Kernel& kernel, int fd,
                                               const SocketSetup& setup,
                                               std::optional<int> backlog) {
  Listener listener;
  listener.inherited = true;
  listener.fd = sys::Fd(kernel, fd);
  static_cast<void>(kernel.fcntl(fd, F_SETFD, FD_CLOEXEC));
  const sys::Outcome flags = kernel.fcntl(fd, F_GETFL, 0);
  listener.may_block = !flags.ok() || (flags.as_int() & O_NONBLOCK) == 0;
  auto local = bound_address(kernel, fd, "LISTEN_FDS");
  if (!local) return failure(local.error());
  listener.local = *local;
  const int family = int_option(kernel, fd, SOL_SOCKET, SO_DOMAIN).value_or(AF_UNSPEC);
  keep_urgent_bytes(kernel, fd);
  for (const OptionSetting& setting : setup.options) {
    auto applied = apply_option(kernel, fd, family, setting);
    if (!applied) return failure(applied.error());
    if (*applied) listener.options.push_back(**applied);
  }
  set_flag(kernel, fd, IPPROTO_TCP, TCP_SAVE_SYN, 1);
  if (backlog) {
    const sys::Outcome listening = kernel.listen(fd, *backlog);
    if (!listening.ok()) {
      return failure(sys::SysError{sys::Syscall::listen, listening.error, listener.local.text()});
    }
  }
  const auto queue = read_accept_queue(kernel, fd);
  if (queue) listener.queue_limit = queue->limit;
  listener.backlog = backlog.value_or(static_cast<int>(listener.queue_limit.value_or(0)));
  return listener;
}

Result<Client, sys::SysError> accept_client(sys::Kernel& kernel, const Listener& listener) {
  const int fd = listener.fd.get();
  if (listener.may_block) {
    // Its O_NONBLOCK is not ours to set. Should another process that shares the socket take the
    // connection between these two calls, accept4 waits for the next one.
    std::array<pollfd, 1> waiting{{{fd, POLLIN, 0}}};
    const sys::Outcome ready = kernel.poll(waiting, 0);
    if (!ready.ok() || ready.value == 0) {
      return failure(sys::SysError{sys::Syscall::accept4, EAGAIN, listener.local.text()});
    }
  }
  Client client;
  const sys::Outcome taken = kernel.accept4(fd, client.peer, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (!taken.ok()) {
    return failure(sys::SysError{sys::Syscall::accept4, taken.error, listener.local.text()});
  }
  client.queue = read_accept_queue(kernel, fd);  // at once: others may come
  client.fd = sys::Fd(kernel, taken.as_int());
  client.peer = with_zone_name(kernel, client.peer.unmapped());
  return client;
}

namespace {

// What went before the accept: the SYN, the handshake, the time in the queue.
void add_history(sys::Kernel& kernel, Accepted& accepted) {
  const int fd = accepted.connection.fd.get();
  if (const auto info = read_tcp_info(kernel, fd)) {
    // Nothing has been sent yet, so "since data was last sent" counts from the handshake.
    accepted.queued = info->last_data_sent;
    if (info->rtt) accepted.connection.handshake = *info->rtt;
  }
  accepted.syn = read_saved_syn(kernel, fd);
}

}  // namespace

Result<Accepted, sys::SysError> admit(sys::Kernel& kernel, const Listener& listener,
                                      const SocketSetup& setup, Client client, ClientFacts facts) {
  Accepted accepted;
  Connection& connection = accepted.connection;
  connection.fd = std::move(client.fd);
  connection.established = kernel.now();
  connection.peer = client.peer;
  const int fd = connection.fd.get();
  // Bound to one address, the listener has that of all its connections.
  const bool known = !listener.local.unmapped().is_any() && !listener.inherited;
  connection.local = known ? listener.local : local_address(kernel, fd);
  accepted.queue = client.queue;
  if (facts == ClientFacts::all) add_history(kernel, accepted);
  if (auto restored = restore_options(kernel, fd, listener.fd.get(), setup.options); !restored) {
    return failure(restored.error());
  }
  return accepted;
}

Result<Accepted, sys::SysError> accept(sys::Kernel& kernel, const Listener& listener,
                                       const SocketSetup& setup) {
  auto client = accept_client(kernel, listener);
  if (!client) return failure(client.error());
  return admit(kernel, listener, setup, std::move(*client), ClientFacts::all);
}

void reset_at_close(sys::Kernel& kernel, int fd) {
  const linger at_once{1, 0};  // close(2) then sends RST: see SO_LINGER in socket(7)
  static_cast<void>(
      kernel.setsockopt(fd, SOL_SOCKET, SO_LINGER, std::as_bytes(std::span(&at_once, 1))));
}

void reset(sys::Kernel& kernel, sys::Fd fd) {
  reset_at_close(kernel, fd.get());
  static_cast<void>(fd.close());
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

bool out_of_resources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace tcptool::tcp
