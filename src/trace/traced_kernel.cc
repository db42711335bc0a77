// SPDX-License-Identifier: MIT
#include "trace/traced_kernel.h"

#include <algorithm>
#include <utility>

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

}  // namespace

Outcome TracedKernel::told(const Event& event) {
  sink_.take(event);
  return event.outcome;
}

Outcome TracedKernel::close(int fd) {
  Event event(Syscall::close);
  event.add("fd", ArgKind::fd, fd);
  timed(event, [&] { return inner_.close(fd); });
  lookups_.erase(fd);
  return told(event);
}

Outcome TracedKernel::fcntl(int fd, int op, int arg) {
  Event event(Syscall::fcntl);
  event.add("fd", ArgKind::fd, fd);
  event.add("op", ArgKind::fcntl_op, op);
  timed(event, [&] { return inner_.fcntl(fd, op, arg); });
  return told(event);
}

Outcome TracedKernel::fstat(int fd, struct stat& statbuf) {
  Event event(Syscall::fstat);
  event.add("fd", ArgKind::fd, fd);
  timed(event, [&] { return inner_.fstat(fd, statbuf); });
  if (event.outcome.ok()) event.add("st_mode", ArgKind::mode, statbuf.st_mode);
  return told(event);
}

Outcome TracedKernel::getdents64(int fd, std::vector<std::string>& names) {
  Event event(Syscall::getdents64);
  event.add("fd", ArgKind::fd, fd);
  timed(event, [&] { return inner_.getdents64(fd, names); });
  if (event.outcome.ok()) {
    event.add("entries", ArgKind::integer, static_cast<std::int64_t>(names.size()));
  }
  return told(event);
}

Outcome TracedKernel::getpid() {
  Event event(Syscall::getpid);
  timed(event, [&] { return inner_.getpid(); });
  return told(event);
}

Outcome TracedKernel::getuid() {
  Event event(Syscall::getuid);
  timed(event, [&] { return inner_.getuid(); });
  return told(event);
}

Outcome TracedKernel::ioctl(int fd, unsigned long request, int& argument) {
  Event event(Syscall::ioctl);
  event.add("fd", ArgKind::fd, fd);
  event.add("op", ArgKind::ioctl_request, static_cast<std::int64_t>(request));
  timed(event, [&] { return inner_.ioctl(fd, request, argument); });
  if (event.outcome.ok()) event.add("argp", ArgKind::integer, argument);
  return told(event);
}

Outcome TracedKernel::kill(int sig) {
  Event event(Syscall::kill);
  event.add("sig", ArgKind::signal, sig);
  timed(event, [&] { return inner_.kill(sig); });
  return told(event);
}

Outcome TracedKernel::open(const std::string& pathname, int flags, unsigned mode) {
  Event event(Syscall::open);
  event.add_text("pathname", pathname);
  event.add("flags", ArgKind::open_flags, flags);
  timed(event, [&] { return inner_.open(pathname, flags, mode); });
  return told(event);
}

Outcome TracedKernel::poll(std::span<pollfd> fds, int timeout) {
  constexpr std::size_t most_fds = 8;
  Event event(Syscall::poll);
  timed(event, [&] { return inner_.poll(fds, timeout); });
  event.add("fds", ArgKind::poll_fds, static_cast<std::int64_t>(fds.size()), std::as_bytes(fds),
            most_fds * sizeof(pollfd));
  event.add("timeout", ArgKind::integer, timeout);
  return told(event);
}

Outcome TracedKernel::prlimit64(int resource, std::uint64_t& soft, std::uint64_t& hard) {
  Event event(Syscall::prlimit64);
  event.add("resource", ArgKind::resource, resource);
  timed(event, [&] { return inner_.prlimit64(resource, soft, hard); });
  if (event.outcome.ok()) {
    event.add("rlim_cur", ArgKind::limit, static_cast<std::int64_t>(soft));
    event.add("rlim_max", ArgKind::limit, static_cast<std::int64_t>(hard));
  }
  return told(event);
}

Outcome TracedKernel::read(int fd, std::span<std::byte> buf) {
  Event event(Syscall::read);
  event.add("fd", ArgKind::fd, fd);
  timed(event, [&] { return inner_.read(fd, buf); });
  event.add_buffer("buf", buf.first(event.outcome.as_size()));
  event.add("count", ArgKind::integer, static_cast<std::int64_t>(buf.size()));
  return told(event);
}

Outcome TracedKernel::readlink(const std::string& pathname, std::span<std::byte> buf) {
  Event event(Syscall::readlink);
  event.add_text("pathname", pathname);
  timed(event, [&] { return inner_.readlink(pathname, buf); });
  event.add_buffer("buf", buf.first(std::min(buf.size(), event.outcome.as_size())));
  event.add("bufsiz", ArgKind::integer, static_cast<std::int64_t>(buf.size()));
  return told(event);
}

Outcome TracedKernel::rename(const std::string& oldpath, const std::string& newpath) {
  Event event(Syscall::rename);
  event.add_text("oldpath", oldpath);
  event.add_text("newpath", newpath);
  timed(event, [&] { return inner_.rename(oldpath, newpath); });
  return told(event);
}

Outcome TracedKernel::sigaction(int signum, const struct sigaction* act, struct sigaction* oldact) {
  Event event(Syscall::sigaction);
  event.add("signum", ArgKind::signal, signum);
  if (act != nullptr) {
    event.add("act", ArgKind::signal_handler, act->sa_handler == SIG_IGN ? 1 : 0);
  }
  timed(event, [&] { return inner_.sigaction(signum, act, oldact); });
  if (oldact != nullptr && event.outcome.ok()) {
    event.add("oldact", ArgKind::signal_handler, oldact->sa_handler == SIG_IGN ? 1 : 0);
  }
  return told(event);
}

Outcome TracedKernel::signalfd(int fd, const sigset_t& mask, int flags) {
  Event event(Syscall::signalfd);
  event.add("fd", ArgKind::fd, fd);
  event.add("mask", ArgKind::signal_set, bits_of(mask));
  timed(event, [&] { return inner_.signalfd(fd, mask, flags); });
  return told(event);
}

Outcome TracedKernel::sigprocmask(int how, const sigset_t& set) {
  Event event(Syscall::sigprocmask);
  event.add("how", ArgKind::signal_how, how);
  event.add("set", ArgKind::signal_set, bits_of(set));
  timed(event, [&] { return inner_.sigprocmask(how, set); });
  return told(event);
}

Outcome TracedKernel::unlink(const std::string& pathname) {
  Event event(Syscall::unlink);
  event.add_text("pathname", pathname);
  timed(event, [&] { return inner_.unlink(pathname); });
  return told(event);
}

Outcome TracedKernel::write(int fd, std::span<const std::byte> buf) {
  Event event(Syscall::write);
  event.add("fd", ArgKind::fd, fd);
  event.add_buffer("buf", buf);
  event.add("count", ArgKind::integer, static_cast<std::int64_t>(buf.size()));
  timed(event, [&] { return inner_.write(fd, buf); });
  return told(event);
}

Outcome TracedKernel::start_lookup(const sys::LookupRequest& request) {
  Event event(Syscall::getaddrinfo);
  event.add_text("node", request.host);
  event.add_text("service", request.service);
  event.add("ai_family", ArgKind::family, request.family);
  timed(event, [&] { return inner_.start_lookup(request); });
  if (event.outcome.ok()) lookups_[event.outcome.as_int()] = {request, event.start};
  event.add("answer", ArgKind::fd, event.outcome.value);
  return told(event);
}

Outcome TracedKernel::finish_lookup(int fd, sys::LookupResult& result) {
  Event event(Syscall::getaddrinfo);
  timed(event, [&] { return inner_.finish_lookup(fd, result); });
  const auto pending = lookups_.find(fd);
  if (pending != lookups_.end()) {
    event.add_text("node", pending->second.request.host);
    event.add_text("service", pending->second.request.service);
    const sys::TimePoint end = event.start + event.duration;
    event.start = pending->second.start;
    event.duration = end - event.start;
    lookups_.erase(pending);
  }
  if (event.outcome.ok()) event.outcome.value = result.status;
  event.add(
      "res", ArgKind::addresses, static_cast<std::int64_t>(result.addresses.size()),
      result.addresses.empty() ? std::span<const std::byte>() : result.addresses.front().bytes());
  sink_.take(event);
  return {0, event.outcome.error};
}

Outcome TracedKernel::if_indextoname(unsigned ifindex, std::string& ifname) {
  Event event(Syscall::if_indextoname);
  event.add("ifindex", ArgKind::integer, ifindex);
  timed(event, [&] { return inner_.if_indextoname(ifindex, ifname); });
  event.add_text("ifname", ifname);
  return told(event);
}

Outcome TracedKernel::if_nametoindex(const std::string& ifname) {
  Event event(Syscall::if_nametoindex);
  event.add_text("ifname", ifname);
  timed(event, [&] { return inner_.if_nametoindex(ifname); });
  return told(event);
}

}  // namespace tcptool::trace
