// SPDX-License-Identifier: MIT
#include "trace/traced_kernel.h"

#include <fcntl.h>

#include <array>
#include <csignal>
#include <utility>

#include "sys/names.h"

namespace tcptool::trace {
namespace {

using sys::Outcome;
using sys::Syscall;

std::int64_t bits_of(const sigset_t& set) {
  constexpr int last_signal = 31;  // the real-time signals beyond are never ours
  std::int64_t bits = 0;
  for (int signum = 1; signum <= last_signal; ++signum) {
    if (sigismember(&set, signum) == 1) bits |= std::int64_t{1} << signum;
  }
  return bits;
}

SignalAction packed(const struct sigaction& action) {
  const auto handler = reinterpret_cast<std::uintptr_t>(action.sa_handler);
  return {static_cast<std::int64_t>(handler), bits_of(action.sa_mask), action.sa_flags};
}

}  // namespace

Outcome TracedKernel::told(const Event& event) {
  journal_.commit();
  return event.outcome;
}

void TracedKernel::mark_nonblocking(int fd, bool nonblocking) {
  const auto number = static_cast<std::size_t>(fd);
  if (fd >= 0 && number < nonblocking_.size()) nonblocking_[number] = nonblocking;
}

bool TracedKernel::may_block(int fd) const {
  const auto number = static_cast<std::size_t>(fd);
  return fd < 0 || number >= nonblocking_.size() || !nonblocking_[number];
}

void TracedKernel::flush_if_blocking(int fd, int flags) {
  if ((flags & MSG_DONTWAIT) == 0 && may_block(fd)) journal_.flush();
}

void TracedKernel::tell_payload(Payload::Direction direction, int sockfd,
                                std::span<const std::byte> buf, const Event& event) {
  if (!journal_.wants_more() || event.outcome.value <= 0) return;
  const auto connection = connections_.find(sockfd);
  if (connection == connections_.end()) return;
  const bool sent = direction == Payload::Direction::sent;
  std::uint64_t& moved = sent ? connection->second.sent : connection->second.received;
  const auto bytes = buf.first(std::min(buf.size(), event.outcome.as_size()));
  journal_.tell_payload({direction, sockfd, moved, bytes, event.start});
  moved += bytes.size();
}

void TracedKernel::tell_tcp_info(int sockfd, std::span<const std::byte> info, const Event& event) {
  const auto connection = connections_.find(sockfd);
  if (!journal_.wants_more() || connection == connections_.end()) return;
  TcpChange change = compare_tcp_info(connection->second.info, info);
  connection->second.info.assign(info.begin(), info.end());
  connection->second.read = event.start;
  if (change.empty()) return;
  change.fd = sockfd;
  change.time = event.start;
  journal_.tell_tcp_change(change);
}

void TracedKernel::read_tcp_info() {
  constexpr std::chrono::milliseconds at_most_every{10};
  const sys::SocketOptionInfo& option = *sys::find_socket_option("TCP_INFO");
  for (auto& [fd, connection] : connections_) {
    if (inner_.now() - connection.read < at_most_every) continue;
    std::array<std::byte, 256> info{};
    static_cast<void>(getsockopt(fd, option.level, option.number, info));
  }
}

// Blocks where SO_LINGER is set, even on a socket that does not block.

Outcome TracedKernel::close(int fd) {
  journal_.flush();
  Event& event = journal_.begin(Syscall::close);
  event.add("fd", ArgKind::fd, fd);
  make(event, [&] { return inner_.close(fd); });
  mark_nonblocking(fd, false);
  connections_.erase(fd);
  return told(event);
}

Outcome TracedKernel::getpid() {
  Event& event = journal_.begin(Syscall::getpid);
  make(event, [&] { return inner_.getpid(); });
  return told(event);
}

Outcome TracedKernel::getuid() {
  Event& event = journal_.begin(Syscall::getuid);
  make(event, [&] { return inner_.getuid(); });
  return told(event);
}

Outcome TracedKernel::kill(pid_t pid, int sig) {
  journal_.flush();
  Event& event = journal_.begin(Syscall::kill);
  event.add("pid", ArgKind::integer, pid);
  event.add("sig", ArgKind::signal, sig);
  make(event, [&] { return inner_.kill(pid, sig); });
  return told(event);
}

Outcome TracedKernel::prlimit64(int resource, std::uint64_t& soft, std::uint64_t& hard) {
  Event& event = journal_.begin(Syscall::prlimit64);
  event.add("resource", ArgKind::resource, resource);
  make(event, [&] { return inner_.prlimit64(resource, soft, hard); });
  if (event.outcome.ok()) {
    event.add("rlim_cur", ArgKind::limit, static_cast<std::int64_t>(soft));
    event.add("rlim_max", ArgKind::limit, static_cast<std::int64_t>(hard));
  }
  return told(event);
}

Outcome TracedKernel::sigaction(int signum, const struct sigaction* act, struct sigaction* oldact) {
  Event& event = journal_.begin(Syscall::sigaction);
  event.add("signum", ArgKind::signal, signum);
  if (act != nullptr) event.add_packed("act", ArgKind::signal_action, packed(*act));
  make(event, [&] { return inner_.sigaction(signum, act, oldact); });
  if (oldact != nullptr && event.outcome.ok()) {
    event.add_packed("oldact", ArgKind::signal_action, packed(*oldact));
  } else if (oldact != nullptr) {
    event.add_pointer("oldact", oldact);
  }
  return told(event);
}

Outcome TracedKernel::signalfd(int fd, const sigset_t& mask, int flags) {
  Event& event = journal_.begin(Syscall::signalfd);
  event.add("fd", ArgKind::fd, fd);
  event.add("mask", ArgKind::signal_set, bits_of(mask));
  event.add("flags", ArgKind::signalfd_flags, flags);
  make(event, [&] { return inner_.signalfd(fd, mask, flags); });
  // SFD_NONBLOCK is the same bit.
  mark_nonblocking(event.outcome.as_int(), (flags & O_NONBLOCK) != 0);
  return told(event);
}

Outcome TracedKernel::sigprocmask(int how, const sigset_t& set) {
  Event& event = journal_.begin(Syscall::sigprocmask);
  event.add("how", ArgKind::signal_how, how);
  event.add("set", ArgKind::signal_set, bits_of(set));
  if (how == SIG_BLOCK) {
    make(event, [&] { return inner_.sigprocmask(how, set); });
    return told(event);
  }
  event.start = inner_.now();
  event.duration = Event::unknown_duration;
  event.outcome = {};
  event.returned = false;
  journal_.commit();
  journal_.close();
  return inner_.sigprocmask(how, set);
}

Outcome TracedKernel::start_lookup(const sys::LookupRequest& request, int answer_fd) {
  Event& event = journal_.begin(Syscall::getaddrinfo);
  event.add_text("node", request.host);
  event.add_text("service", request.service);
  event.add("ai_family", ArgKind::family, request.family);
  make(event, [&] { return inner_.start_lookup(request, answer_fd); });
  lookup_ = {request, event.start};
  event.add("answer", ArgKind::fd, answer_fd);
  return told(event);
}

Outcome TracedKernel::finish_lookup(sys::LookupHandle handle, sys::LookupResult& result) {
  Event& event = journal_.begin(Syscall::getaddrinfo);
  make(event, [&] { return inner_.finish_lookup(handle, result); });
  event.add_text("node", lookup_.request.host);
  event.add_text("service", lookup_.request.service);
  if (event.duration >= std::chrono::nanoseconds(0)) {
    const sys::TimePoint end = event.start + event.duration;
    event.start = lookup_.start;
    event.duration = end - event.start;
  }
  if (event.outcome.ok()) event.outcome.value = result.status;
  event.add(
      "res", ArgKind::addresses, static_cast<std::int64_t>(result.addresses.size()),
      result.addresses.empty() ? std::span<const std::byte>() : result.addresses.front().bytes());
  const int error = event.outcome.error;
  journal_.commit();
  return {error == 0 ? 0 : -1, error};
}

Outcome TracedKernel::if_indextoname(unsigned ifindex, std::string& ifname) {
  Event& event = journal_.begin(Syscall::if_indextoname);
  event.add("ifindex", ArgKind::integer, ifindex);
  make(event, [&] { return inner_.if_indextoname(ifindex, ifname); });
  event.add_text("ifname", ifname);
  return told(event);
}

Outcome TracedKernel::if_nametoindex(const std::string& ifname) {
  Event& event = journal_.begin(Syscall::if_nametoindex);
  event.add_text("ifname", ifname);
  make(event, [&] { return inner_.if_nametoindex(ifname); });
  return told(event);
}

}  // namespace tcptool::trace
