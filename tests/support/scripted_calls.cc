// SPDX-License-Identifier: MIT
// Each call: what is scripted for it, or the real one.
#include <fcntl.h>

#include <algorithm>

#include "support/scripted_kernel.h"

namespace tcptool::test {

using sys::Outcome;
using sys::Syscall;

Outcome ScriptedKernel::accept4(int sockfd, sys::Address& peer, int flags) {
  return opened(play(Syscall::accept4, sockfd,
                     [&](std::size_t) { return inner_.accept4(sockfd, peer, flags); }));
}

Outcome ScriptedKernel::bind(int sockfd, const sys::Address& addr) {
  return play(Syscall::bind, sockfd, [&](std::size_t) { return inner_.bind(sockfd, addr); });
}

Outcome ScriptedKernel::capset(std::uint64_t kept) {
  return play(Syscall::capset, -1, [&](std::size_t) { return inner_.capset(kept); });
}

// A close that is played as failed has closed all the same, as on Linux.
Outcome ScriptedKernel::close(int fd) {
  open_.erase(fd);
  const Outcome real = inner_.close(fd);
  return play(Syscall::close, fd, [&](std::size_t) { return real; });
}

Outcome ScriptedKernel::connect(int sockfd, const sys::Address& addr) {
  return play(Syscall::connect, sockfd, [&](std::size_t) { return inner_.connect(sockfd, addr); });
}

Outcome ScriptedKernel::epoll_create1(int flags) {
  return opened(
      play(Syscall::epoll_create1, -1, [&](std::size_t) { return inner_.epoll_create1(flags); }));
}

Outcome ScriptedKernel::epoll_ctl(int epfd, int op, int fd, const epoll_event& event) {
  return play(Syscall::epoll_ctl, fd,
              [&](std::size_t) { return inner_.epoll_ctl(epfd, op, fd, event); });
}

Outcome ScriptedKernel::epoll_wait(int epfd, std::span<epoll_event> events, int timeout) {
  return play(Syscall::epoll_wait, epfd, [&](std::size_t) {
    return wait(timeout, [&](int real) { return inner_.epoll_wait(epfd, events, real); });
  });
}

Outcome ScriptedKernel::fcntl(int fd, int op, int arg) {
  const Outcome outcome =
      play(Syscall::fcntl, fd, [&](std::size_t) { return inner_.fcntl(fd, op, arg); });
  return op == F_DUPFD_CLOEXEC ? opened(outcome) : outcome;
}

Outcome ScriptedKernel::fstat(int fd, struct stat& statbuf) {
  return play(Syscall::fstat, fd, [&](std::size_t) { return inner_.fstat(fd, statbuf); });
}

Outcome ScriptedKernel::getdents64(int fd, std::vector<std::string>& names) {
  return play(Syscall::getdents64, fd, [&](std::size_t) { return inner_.getdents64(fd, names); });
}

Outcome ScriptedKernel::getpeername(int sockfd, sys::Address& addr) {
  return play(Syscall::getpeername, sockfd,
              [&](std::size_t) { return inner_.getpeername(sockfd, addr); });
}

Outcome ScriptedKernel::getpid() {
  return play(Syscall::getpid, -1, [&](std::size_t) { return inner_.getpid(); });
}

Outcome ScriptedKernel::getsockname(int sockfd, sys::Address& addr) {
  return play(Syscall::getsockname, sockfd,
              [&](std::size_t) { return inner_.getsockname(sockfd, addr); });
}

Outcome ScriptedKernel::getsockopt(int sockfd, int level, int optname,
                                   std::span<std::byte> optval) {
  return play(Syscall::getsockopt, sockfd,
              [&](std::size_t) { return inner_.getsockopt(sockfd, level, optname, optval); });
}

Outcome ScriptedKernel::getuid() {
  return play(Syscall::getuid, -1, [&](std::size_t) { return inner_.getuid(); });
}

Outcome ScriptedKernel::ioctl(int fd, unsigned long request, int& argument) {
  bool played = true;
  const Outcome outcome = play(Syscall::ioctl, fd, [&](std::size_t) {
    played = false;
    return inner_.ioctl(fd, request, argument);
  });
  if (!played || !outcome.ok()) return outcome;
  argument = outcome.as_int();
  return {};
}

Outcome ScriptedKernel::kill(pid_t pid, int sig) {
  return play(Syscall::kill, -1, [&](std::size_t) { return inner_.kill(pid, sig); });
}

Outcome ScriptedKernel::landlock_add_rule(int ruleset_fd, const sys::LandlockRule& rule) {
  return play(Syscall::landlock_add_rule, ruleset_fd,
              [&](std::size_t) { return inner_.landlock_add_rule(ruleset_fd, rule); });
}

Outcome ScriptedKernel::landlock_create_ruleset(const sys::LandlockRuleset* attr, std::size_t size,
                                                unsigned flags) {
  const Outcome outcome = play(Syscall::landlock_create_ruleset, -1, [&](std::size_t) {
    return inner_.landlock_create_ruleset(attr, size, flags);
  });
  return attr != nullptr ? opened(outcome) : outcome;
}

Outcome ScriptedKernel::landlock_restrict_self(int ruleset_fd) {
  return play(Syscall::landlock_restrict_self, ruleset_fd,
              [&](std::size_t) { return inner_.landlock_restrict_self(ruleset_fd); });
}

Outcome ScriptedKernel::listen(int sockfd, int backlog) {
  return play(Syscall::listen, sockfd, [&](std::size_t) { return inner_.listen(sockfd, backlog); });
}

Outcome ScriptedKernel::lseek(int fd, std::int64_t offset, int whence) {
  return play(Syscall::lseek, fd, [&](std::size_t) { return inner_.lseek(fd, offset, whence); });
}

Outcome ScriptedKernel::open(const std::string& pathname, int flags, unsigned mode) {
  return opened(
      play(Syscall::open, -1, [&](std::size_t) { return inner_.open(pathname, flags, mode); }));
}

Outcome ScriptedKernel::pidfd_getfd(int pidfd, int targetfd, unsigned flags) {
  return opened(play(Syscall::pidfd_getfd, pidfd,
                     [&](std::size_t) { return inner_.pidfd_getfd(pidfd, targetfd, flags); }));
}

Outcome ScriptedKernel::pidfd_open(pid_t pid, unsigned flags) {
  return opened(
      play(Syscall::pidfd_open, -1, [&](std::size_t) { return inner_.pidfd_open(pid, flags); }));
}

Outcome ScriptedKernel::pipe2(std::array<int, 2>& pipefd, int flags) {
  const Outcome outcome =
      play(Syscall::pipe2, -1, [&](std::size_t) { return inner_.pipe2(pipefd, flags); });
  if (outcome.ok()) open_.insert(pipefd.begin(), pipefd.end());
  return outcome;
}

Outcome ScriptedKernel::poll(std::span<pollfd> fds, int timeout) {
  return play(Syscall::poll, -1, [&](std::size_t) {
    return wait(timeout, [&](int real) { return inner_.poll(fds, real); });
  });
}

Outcome ScriptedKernel::prctl(int op, unsigned long arg) {
  return play(Syscall::prctl, -1, [&](std::size_t) { return inner_.prctl(op, arg); });
}

Outcome ScriptedKernel::pread(int fd, std::span<std::byte> buf, std::int64_t offset) {
  return play(Syscall::pread, fd, [&](std::size_t limit) {
    return inner_.pread(fd, buf.first(std::min(buf.size(), limit)), offset);
  });
}

Outcome ScriptedKernel::prlimit64(int resource, const sys::RLimit* new_limit,
                                  sys::RLimit* old_limit) {
  return play(Syscall::prlimit64, -1,
              [&](std::size_t) { return inner_.prlimit64(resource, new_limit, old_limit); });
}

Outcome ScriptedKernel::read(int fd, std::span<std::byte> buf) {
  return play(Syscall::read, fd, [&](std::size_t limit) {
    return inner_.read(fd, buf.first(std::min(buf.size(), limit)));
  });
}

Outcome ScriptedKernel::readlink(const std::string& pathname, std::span<std::byte> buf) {
  return play(Syscall::readlink, -1, [&](std::size_t) { return inner_.readlink(pathname, buf); });
}

Outcome ScriptedKernel::recv(int sockfd, std::span<std::byte> buf, int flags) {
  return play(Syscall::recv, sockfd, [&](std::size_t limit) {
    return inner_.recv(sockfd, buf.first(std::min(buf.size(), limit)), flags);
  });
}

Outcome ScriptedKernel::recvmsg(int sockfd, msghdr& msg, int flags) {
  return play(Syscall::recvmsg, sockfd,
              [&](std::size_t) { return inner_.recvmsg(sockfd, msg, flags); });
}

Outcome ScriptedKernel::rename(const std::string& oldpath, const std::string& newpath) {
  return play(Syscall::rename, -1, [&](std::size_t) { return inner_.rename(oldpath, newpath); });
}

Outcome ScriptedKernel::seccomp(unsigned flags, std::span<const sock_filter> filter) {
  return play(Syscall::seccomp, -1, [&](std::size_t) { return inner_.seccomp(flags, filter); });
}

Outcome ScriptedKernel::send(int sockfd, std::span<const std::byte> buf, int flags) {
  return play(Syscall::send, sockfd, [&](std::size_t limit) {
    return inner_.send(sockfd, buf.first(std::min(buf.size(), limit)), flags);
  });
}

Outcome ScriptedKernel::sendfile(int out_fd, int in_fd, std::int64_t& offset, std::size_t count) {
  return play(Syscall::sendfile, out_fd, [&](std::size_t limit) {
    return inner_.sendfile(out_fd, in_fd, offset, std::min(count, limit));
  });
}

Outcome ScriptedKernel::setsockopt(int sockfd, int level, int optname,
                                   std::span<const std::byte> optval) {
  return play(Syscall::setsockopt, sockfd,
              [&](std::size_t) { return inner_.setsockopt(sockfd, level, optname, optval); });
}

Outcome ScriptedKernel::shutdown(int sockfd, int how) {
  return play(Syscall::shutdown, sockfd, [&](std::size_t) { return inner_.shutdown(sockfd, how); });
}

Outcome ScriptedKernel::sigaction(int signum, const struct sigaction* act,
                                  struct sigaction* oldact) {
  return play(Syscall::sigaction, -1,
              [&](std::size_t) { return inner_.sigaction(signum, act, oldact); });
}

Outcome ScriptedKernel::signalfd(int fd, const sigset_t& mask, int flags) {
  return opened(
      play(Syscall::signalfd, -1, [&](std::size_t) { return inner_.signalfd(fd, mask, flags); }));
}

Outcome ScriptedKernel::sigprocmask(int how, const sigset_t& set) {
  return play(Syscall::sigprocmask, -1, [&](std::size_t) { return inner_.sigprocmask(how, set); });
}

Outcome ScriptedKernel::socket(int domain, int type, int protocol) {
  return opened(play(Syscall::socket, -1,
                     [&](std::size_t) { return inner_.socket(domain, type, protocol); }));
}

Outcome ScriptedKernel::splice(int fd_in, int fd_out, std::int64_t* off_out, std::size_t len,
                               unsigned flags) {
  return play(Syscall::splice, fd_in, [&](std::size_t limit) {
    return inner_.splice(fd_in, fd_out, off_out, std::min(len, limit), flags);
  });
}

Outcome ScriptedKernel::unlink(const std::string& pathname) {
  return play(Syscall::unlink, -1, [&](std::size_t) { return inner_.unlink(pathname); });
}

Outcome ScriptedKernel::wait4(pid_t pid, int& wstatus, int options) {
  return play(Syscall::wait4, -1, [&](std::size_t) { return inner_.wait4(pid, wstatus, options); });
}

Outcome ScriptedKernel::write(int fd, std::span<const std::byte> buf) {
  return play(Syscall::write, fd, [&](std::size_t limit) {
    return inner_.write(fd, buf.first(std::min(buf.size(), limit)));
  });
}

Outcome ScriptedKernel::start_lookup(const sys::LookupRequest& request, int answer_fd) {
  const Outcome outcome = play(Syscall::getaddrinfo, -1, [&](std::size_t) {
    return inner_.start_lookup(request, answer_fd);
  });
  if (outcome.ok()) open_.erase(answer_fd);  // the thread's now
  return outcome;
}

Outcome ScriptedKernel::finish_lookup(sys::LookupHandle handle, sys::LookupResult& result) {
  return play(Syscall::getaddrinfo, -1,
              [&](std::size_t) { return inner_.finish_lookup(handle, result); });
}

Outcome ScriptedKernel::if_indextoname(unsigned ifindex, std::string& ifname) {
  return play(Syscall::if_indextoname, -1,
              [&](std::size_t) { return inner_.if_indextoname(ifindex, ifname); });
}

Outcome ScriptedKernel::if_nametoindex(const std::string& ifname) {
  return play(Syscall::if_nametoindex, -1,
              [&](std::size_t) { return inner_.if_nametoindex(ifname); });
}

Outcome ScriptedKernel::posix_spawn(const sys::SpawnRequest& request) {
  return play(Syscall::posix_spawn, request.socket,
              [&](std::size_t) { return inner_.posix_spawn(request); });
}

}  // namespace tcptool::test
