// SPDX-License-Identifier: MIT
// The calls on sockets: those of section 2 that take a sockfd.
#include <algorithm>

#include "sys/message.h"
#include "trace/decode.h"
#include "trace/traced_kernel.h"

namespace tcptool::trace {
namespace {

using sys::Outcome;
using sys::Syscall;

// The address that a call has filled, and its length.
void add_filled(Event& event, sys::Address& address) {
  if (event.outcome.ok()) {
    event.add_address("addr", address);
    event.add_length("addrlen", sys::Address::capacity(), address.size());
  } else {
    event.add_pointer("addr", address.buffer());
    event.add_length("addrlen", sys::Address::capacity(), sys::Address::capacity());
  }
}

// The header as the call had it, then name, data and control data as the kernel left them.
void add_message(Event& event, const msghdr& before, const msghdr& msg) {
  constexpr std::size_t most_control = 128;
  const std::size_t moved = event.outcome.as_size();
  MessageHeader header;
  header.name_size = before.msg_namelen;
  header.name_length = msg.msg_namelen;
  header.control_length = msg.msg_controllen;
  header.vectors = msg.msg_iovlen;
  header.flags = msg.msg_flags;
  header.data_length = static_cast<std::uint32_t>(moved);
  std::span<const std::byte> name;
  std::span<const std::byte> data;
  std::span<const std::byte> control;
  if (event.outcome.ok() && msg.msg_name != nullptr) {
    name = {static_cast<const std::byte*>(msg.msg_name),
            std::min<std::size_t>(before.msg_namelen, sys::Address::capacity())};
  }
  if (msg.msg_iovlen > 0) {
    header.vector_length = msg.msg_iov->iov_len;
    data = {static_cast<const std::byte*>(msg.msg_iov->iov_base),
            std::min({moved, msg.msg_iov->iov_len, Event::most_payload})};
  }
  if (event.outcome.ok() && msg.msg_control != nullptr) {
    control = {static_cast<const std::byte*>(msg.msg_control),
               std::min<std::size_t>(msg.msg_controllen, most_control)};
  }
  header.name_kept = static_cast<std::uint16_t>(name.size());
  header.data_kept = static_cast<std::uint16_t>(data.size());
  header.control_kept = static_cast<std::uint16_t>(control.size());
  std::array<std::byte, Event::storage_size> whole;
  auto end = whole.begin();
  for (const auto part : {std::as_bytes(std::span(&header, 1)), name, data, control}) {
    end = std::copy(part.begin(), part.end(), end);
  }
  event.add("msg", ArgKind::message, 0,
            std::span(whole).first(static_cast<std::size_t>(end - whole.begin())));
}

Event::Socket kind_of(int domain, int type) {
  constexpr int kind = 0xf;  // without SOCK_CLOEXEC and SOCK_NONBLOCK
  if (domain == AF_NETLINK) return Event::Socket::netlink;
  const bool internet = domain == AF_INET || domain == AF_INET6;
  if (internet && (type & kind) == SOCK_STREAM) return Event::Socket::tcp;
  return internet ? Event::Socket::datagram : Event::Socket::unknown;
}

}  // namespace

Outcome TracedKernel::accept4(int sockfd, sys::Address& peer, int flags) {
  flush_if_blocking(sockfd);
  Event& event = journal_.begin(Syscall::accept4);
  event.add("sockfd", ArgKind::fd, sockfd);
  make(event, [&] { return inner_.accept4(sockfd, peer, flags); });
  add_filled(event, peer);
  event.add("flags", ArgKind::socket_flags, flags);
  mark(event.outcome.as_int(), {.nonblocking = (flags & SOCK_NONBLOCK) != 0,
                                .socket = Event::Socket::tcp,
                                .closes_at_once = true});
  const Outcome outcome = told(event);
  if (outcome.ok()) telemetry_.accepts(outcome.as_int());
  return outcome;
}

Outcome TracedKernel::bind(int sockfd, const sys::Address& addr) {
  Event& event = journal_.begin(Syscall::bind);
  event.add("sockfd", ArgKind::fd, sockfd);
  event.add_address("addr", addr);
  event.add_length("addrlen", addr.size());
  make(event, [&] { return inner_.bind(sockfd, addr); });
  return told(event);
}

Outcome TracedKernel::connect(int sockfd, const sys::Address& addr) {
  flush_if_blocking(sockfd);
  Event& event = journal_.begin(Syscall::connect);
  event.add("sockfd", ArgKind::fd, sockfd);
  event.add_address("addr", addr);
  event.add_length("addrlen", addr.size());
  make(event, [&] { return inner_.connect(sockfd, addr); });
  if (known(sockfd).socket != Event::Socket::datagram) telemetry_.connects(sockfd);
  return told(event);
}

Outcome TracedKernel::getpeername(int sockfd, sys::Address& addr) {
  Event& event = journal_.begin(Syscall::getpeername);
  event.add("sockfd", ArgKind::fd, sockfd);
  make(event, [&] { return inner_.getpeername(sockfd, addr); });
  add_filled(event, addr);
  return told(event);
}

Outcome TracedKernel::getsockname(int sockfd, sys::Address& addr) {
  Event& event = journal_.begin(Syscall::getsockname);
  event.add("sockfd", ArgKind::fd, sockfd);
  make(event, [&] { return inner_.getsockname(sockfd, addr); });
  add_filled(event, addr);
  return told(event);
}

Outcome TracedKernel::getsockopt(int sockfd, int level, int optname, std::span<std::byte> optval) {
  Event& event = journal_.begin(Syscall::getsockopt);
  event.add("sockfd", ArgKind::fd, sockfd);
  event.add("level", ArgKind::level, level);
  event.add("optname", ArgKind::option, optname);
  make(event, [&] { return inner_.getsockopt(sockfd, level, optname, optval); });
  const Outcome outcome = event.outcome;
  const std::size_t length = std::min(optval.size(), outcome.as_size());
  if (outcome.ok()) {
    if (length == 0) {
      event.add_pointer("optval", optval.data());
    } else {
      const auto* const read = option_of(event);
      const bool counters = read != nullptr && read->name == "SO_MEMINFO";  // nine of 32 bits
      event.add("optval", ArgKind::option_value, outcome.value, optval.first(length),
                counters ? 2 * Event::most_payload : Event::most_payload);
    }
    event.add_length("optlen", optval.size(), length);
    event.outcome.value = 0;  // the seam's value is the length
  } else {
    event.add_pointer("optval", optval.data());
    event.add_length("optlen", optval.size(), optval.size());
  }
  journal_.commit();
  const auto* const option = journal_.wants_telemetry() ? option_of(event) : nullptr;
  if (outcome.ok() && option != nullptr && option->name == "TCP_INFO") {
    telemetry_.take_tcp_info(sockfd, optval.first(length), event);
  }
  return outcome;
}

Outcome TracedKernel::listen(int sockfd, int backlog) {
  Event& event = journal_.begin(Syscall::listen);
  event.add("sockfd", ArgKind::fd, sockfd);
  event.add("backlog", ArgKind::integer, backlog);
  make(event, [&] { return inner_.listen(sockfd, backlog); });
  const Outcome outcome = told(event);
  if (outcome.ok()) telemetry_.listens(sockfd);
  return outcome;
}

Outcome TracedKernel::recv(int sockfd, std::span<std::byte> buf, int flags) {
  flush_if_blocking(sockfd, flags);
  const bool filled = buf.data() != nullptr || buf.empty();
  const bool plain = filled && (flags & (MSG_PEEK | MSG_ERRQUEUE)) == 0;
  if (plain && telemetry_.times_next_read(sockfd)) return recv_with_arrival(sockfd, buf, flags);
  Event& event = journal_.begin(Syscall::recv);
  event.add("sockfd", ArgKind::fd, sockfd);
  make(event, [&] { return inner_.recv(sockfd, buf, flags); });
  if (event.outcome.ok() && filled) {
    event.add_buffer("buf", buf.first(std::min(buf.size(), event.outcome.as_size())));
  } else {
    event.add_pointer("buf", buf.data());
  }
  event.add("size", ArgKind::integer, static_cast<std::int64_t>(buf.size()));
  event.add("flags", ArgKind::message_flags, flags);
  const Outcome outcome = told(event);
  if (plain) {
    telemetry_.read(sockfd, buf, event);
  } else if ((flags & MSG_TRUNC) != 0) {
    telemetry_.moved(Payload::Direction::received, sockfd, event);
  }
  return outcome;
}

Outcome TracedKernel::recv_with_arrival(int sockfd, std::span<std::byte> buf, int flags) {
  constexpr std::size_t one_message = 64;  // SCM_TIMESTAMPING
  sys::Message<2 * one_message> message(buf);
  Event& event = begin_recvmsg(sockfd, message.header, flags);
  const Outcome outcome = told(event);
  telemetry_.read(sockfd, buf, event, message.control());
  return outcome;
}

Outcome TracedKernel::recvmsg(int sockfd, msghdr& msg, int flags) {
  flush_if_blocking(sockfd, flags);
  return told(begin_recvmsg(sockfd, msg, flags));
}

Event& TracedKernel::begin_recvmsg(int sockfd, msghdr& msg, int flags) {
  Event& event = journal_.begin(Syscall::recvmsg);
  event.add("sockfd", ArgKind::fd, sockfd);
  const msghdr before = msg;
  make(event, [&] { return inner_.recvmsg(sockfd, msg, flags); });
  add_message(event, before, msg);
  event.add("flags", ArgKind::message_flags, flags);
  return event;
}

Outcome TracedKernel::send(int sockfd, std::span<const std::byte> buf, int flags) {
  flush_if_blocking(sockfd, flags);
  telemetry_.before_write(sockfd, true);
  Event& event = journal_.begin(Syscall::send);
  event.add("sockfd", ArgKind::fd, sockfd);
  event.add_buffer("buf", buf);
  event.add("size", ArgKind::integer, static_cast<std::int64_t>(buf.size()));
  event.add("flags", ArgKind::message_flags, flags);
  make(event, [&] { return inner_.send(sockfd, buf, flags); });
  const Outcome outcome = told(event);
  telemetry_.wrote(sockfd, buf, event);
  return outcome;
}

Outcome TracedKernel::setsockopt(int sockfd, int level, int optname,
                                 std::span<const std::byte> optval) {
  Event& event = journal_.begin(Syscall::setsockopt);
  event.add("sockfd", ArgKind::fd, sockfd);
  event.add("level", ArgKind::level, level);
  event.add("optname", ArgKind::option, optname);
  event.add("optval", ArgKind::option_value, static_cast<std::int64_t>(optval.size()), optval,
            Event::most_payload);
  event.add_length("optlen", optval.size());
  make(event, [&] { return inner_.setsockopt(sockfd, level, optname, optval); });
  if (level == SOL_SOCKET && optname == SO_LINGER) {
    Descriptor descriptor = known(sockfd);
    descriptor.closes_at_once = false;
    mark(sockfd, descriptor);
  }
  return told(event);
}

Outcome TracedKernel::shutdown(int sockfd, int how) {
  Event& event = journal_.begin(Syscall::shutdown);
  event.add("sockfd", ArgKind::fd, sockfd);
  event.add("how", ArgKind::how, how);
  make(event, [&] { return inner_.shutdown(sockfd, how); });
  return told(event);
}

Outcome TracedKernel::socket(int domain, int type, int protocol) {
  Event& event = journal_.begin(Syscall::socket);
  event.add("domain", ArgKind::family, domain);
  event.add("type", ArgKind::socket_type, type);
  event.add("protocol", ArgKind::protocol, protocol);
  make(event, [&] { return inner_.socket(domain, type, protocol); });
  event.socket = kind_of(domain, type);
  mark(
      event.outcome.as_int(),
      {.nonblocking = (type & SOCK_NONBLOCK) != 0, .socket = event.socket, .closes_at_once = true});
  return told(event);
}

}  // namespace tcptool::trace
