// SPDX-License-Identifier: MIT
// The calls on sockets: those of section 2 that take a sockfd.
#include <algorithm>

#include "trace/traced_kernel.h"

namespace tcptool::trace {
namespace {

using sys::Outcome;
using sys::Syscall;

}  // namespace

Outcome TracedKernel::accept4(int sockfd, sys::Address& peer, int flags) {
  Event event(Syscall::accept4);
  timed(event, [&] { return inner_.accept4(sockfd, peer, flags); });
  event.add("sockfd", ArgKind::fd, sockfd);
  if (event.outcome.ok()) event.add_address("addr", peer);
  event.add("flags", ArgKind::socket_flags, flags);
  return told(event);
}

Outcome TracedKernel::bind(int sockfd, const sys::Address& addr) {
  Event event(Syscall::bind);
  event.add("sockfd", ArgKind::fd, sockfd);
  event.add_address("addr", addr);
  timed(event, [&] { return inner_.bind(sockfd, addr); });
  return told(event);
}

Outcome TracedKernel::connect(int sockfd, const sys::Address& addr) {
  Event event(Syscall::connect);
  event.add("sockfd", ArgKind::fd, sockfd);
  event.add_address("addr", addr);
  timed(event, [&] { return inner_.connect(sockfd, addr); });
  return told(event);
}

Outcome TracedKernel::getpeername(int sockfd, sys::Address& addr) {
  Event event(Syscall::getpeername);
  event.add("sockfd", ArgKind::fd, sockfd);
  timed(event, [&] { return inner_.getpeername(sockfd, addr); });
  if (event.outcome.ok()) event.add_address("addr", addr);
  return told(event);
}

Outcome TracedKernel::getsockname(int sockfd, sys::Address& addr) {
  Event event(Syscall::getsockname);
  event.add("sockfd", ArgKind::fd, sockfd);
  timed(event, [&] { return inner_.getsockname(sockfd, addr); });
  if (event.outcome.ok()) event.add_address("addr", addr);
  return told(event);
}

Outcome TracedKernel::getsockopt(int sockfd, int level, int optname, std::span<std::byte> optval) {
  Event event(Syscall::getsockopt);
  event.add("sockfd", ArgKind::fd, sockfd);
  event.add("level", ArgKind::level, level);
  event.add("optname", ArgKind::option, optname);
  timed(event, [&] { return inner_.getsockopt(sockfd, level, optname, optval); });
  if (event.outcome.ok()) {
    const auto filled = optval.first(std::min(optval.size(), event.outcome.as_size()));
    event.add("optval", ArgKind::option_value, event.outcome.value, filled, Event::most_payload);
  }
  return told(event);
}

Outcome TracedKernel::listen(int sockfd, int backlog) {
  Event event(Syscall::listen);
  event.add("sockfd", ArgKind::fd, sockfd);
  event.add("backlog", ArgKind::integer, backlog);
  timed(event, [&] { return inner_.listen(sockfd, backlog); });
  return told(event);
}

Outcome TracedKernel::recv(int sockfd, std::span<std::byte> buf, int flags) {
  Event event(Syscall::recv);
  event.add("sockfd", ArgKind::fd, sockfd);
  timed(event, [&] { return inner_.recv(sockfd, buf, flags); });
  event.add_buffer("buf", buf.first(std::min(buf.size(), event.outcome.as_size())));
  event.add("size", ArgKind::integer, static_cast<std::int64_t>(buf.size()));
  event.add("flags", ArgKind::message_flags, flags);
  return told(event);
}

Outcome TracedKernel::recvmsg(int sockfd, msghdr& msg, int flags) {
  Event event(Syscall::recvmsg);
  event.add("sockfd", ArgKind::fd, sockfd);
  timed(event, [&] { return inner_.recvmsg(sockfd, msg, flags); });
  if (event.outcome.ok()) {
    event.add("msg_controllen", ArgKind::integer, static_cast<std::int64_t>(msg.msg_controllen));
  }
  event.add("flags", ArgKind::message_flags, flags);
  return told(event);
}

Outcome TracedKernel::send(int sockfd, std::span<const std::byte> buf, int flags) {
  Event event(Syscall::send);
  event.add("sockfd", ArgKind::fd, sockfd);
  event.add_buffer("buf", buf);
  event.add("size", ArgKind::integer, static_cast<std::int64_t>(buf.size()));
  event.add("flags", ArgKind::message_flags, flags);
  timed(event, [&] { return inner_.send(sockfd, buf, flags); });
  return told(event);
}

Outcome TracedKernel::setsockopt(int sockfd, int level, int optname,
                                 std::span<const std::byte> optval) {
  Event event(Syscall::setsockopt);
  event.add("sockfd", ArgKind::fd, sockfd);
  event.add("level", ArgKind::level, level);
  event.add("optname", ArgKind::option, optname);
  event.add("optval", ArgKind::option_value, static_cast<std::int64_t>(optval.size()), optval,
            Event::most_payload);
  timed(event, [&] { return inner_.setsockopt(sockfd, level, optname, optval); });
  return told(event);
}

Outcome TracedKernel::shutdown(int sockfd, int how) {
  Event event(Syscall::shutdown);
  event.add("sockfd", ArgKind::fd, sockfd);
  event.add("how", ArgKind::how, how);
  timed(event, [&] { return inner_.shutdown(sockfd, how); });
  return told(event);
}

Outcome TracedKernel::socket(int domain, int type, int protocol) {
  Event event(Syscall::socket);
  event.add("domain", ArgKind::family, domain);
  event.add("type", ArgKind::socket_type, type);
  event.add("protocol", ArgKind::protocol, protocol);
  timed(event, [&] { return inner_.socket(domain, type, protocol); });
  return told(event);
}

}  // namespace tcptool::trace
