// SPDX-License-Identifier: MIT
#include "support/scripted_kernel.h"

#include <fcntl.h>

#include <algorithm>
#include <stdexcept>

namespace tcptool::test {

using sys::Outcome;
using sys::Syscall;

Script& Script::on(int fd) {
  fd_ = fd;
  return *this;
}

Script& Script::where(std::function<bool()> also) {
  also_ = std::move(also);
  return *this;
}

Script& Script::nth(std::size_t number) {
  from_ = to_ = number;
  return *this;
}

Script& Script::first(std::size_t count) {
  to_ = count;
  return *this;
}

Script& Script::every(std::size_t step) {
  from_ = step_ = step;
  return *this;
}

bool Script::means(Syscall call, int fd) {
  if (call != call_ || (fd_ && *fd_ != fd) || (also_ && !also_())) return false;
  ++seen_;
  return seen_ >= from_ && seen_ <= to_ && (seen_ - from_) % step_ == 0;
}

std::size_t ScriptedKernel::count(Syscall call) const {
  const auto named = [call](const Call& made) { return made.call == call; };
  return static_cast<std::size_t>(std::count_if(calls_.begin(), calls_.end(), named));
}

template <class Real>
Outcome ScriptedKernel::play(Syscall call, int fd, Real&& real) {
  Script* chosen = nullptr;
  for (Script& script : scripts_) {
    if (script.means(call, fd) && chosen == nullptr) chosen = &script;
  }
  if (chosen != nullptr && chosen->act_) chosen->act_();
  const bool played = chosen != nullptr && chosen->outcome_;
  const Outcome outcome =
      played ? *chosen->outcome_ : real(chosen != nullptr ? chosen->limit_ : SIZE_MAX);
  calls_.push_back({call, fd, outcome});
  return outcome;
}

Outcome ScriptedKernel::opened(Outcome outcome) {
  if (outcome.ok()) open_.insert(outcome.as_int());
  return outcome;
}

// A moment of real time, since even loopback delivers a packet a little later than at once.
Outcome ScriptedKernel::wait(std::span<pollfd> fds, int timeout) {
  constexpr int moment = 10;
  constexpr int patience = 2000;
  if (steps_.empty() && !fake_now_ && timeout >= 0) return inner_.poll(fds, timeout);
  while (true) {
    const int real = timeout >= 0 ? std::min(timeout, moment) : moment;
    const Outcome ready = inner_.poll(fds, real);
    if (!ready.ok() || ready.value != 0) return ready;
    if (!steps_.empty()) {
      const auto step = std::move(steps_.front());
      steps_.pop_front();
      step();
    } else if (timeout >= 0 && fake_now_) {
      advance(std::chrono::milliseconds(timeout));
      return ready;
    } else if (timeout >= 0) {
      return inner_.poll(fds, timeout);
    } else {
      const Outcome late = inner_.poll(fds, patience);
      if (!late.ok() || late.value != 0) return late;
      throw std::logic_error("the program waits for ever");
    }
  }
}

Outcome ScriptedKernel::accept4(int sockfd, sys::Address& peer, int flags) {
  return opened(play(Syscall::accept4, sockfd,
                     [&](std::size_t) { return inner_.accept4(sockfd, peer, flags); }));
}

Outcome ScriptedKernel::bind(int sockfd, const sys::Address& addr) {
  return play(Syscall::bind, sockfd, [&](std::size_t) { return inner_.bind(sockfd, addr); });
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
  return play(Syscall::ioctl, fd, [&](std::size_t) { return inner_.ioctl(fd, request, argument); });
}

Outcome ScriptedKernel::kill(pid_t pid, int sig) {
  return play(Syscall::kill, -1, [&](std::size_t) { return inner_.kill(pid, sig); });
}

Outcome ScriptedKernel::listen(int sockfd, int backlog) {
  return play(Syscall::listen, sockfd, [&](std::size_t) { return inner_.listen(sockfd, backlog); });
}

Outcome ScriptedKernel::open(const std::string& pathname, int flags, unsigned mode) {
  return opened(
      play(Syscall::open, -1, [&](std::size_t) { return inner_.open(pathname, flags, mode); }));
}

Outcome ScriptedKernel::pipe2(std::array<int, 2>& pipefd, int flags) {
  const Outcome outcome =
      play(Syscall::pipe2, -1, [&](std::size_t) { return inner_.pipe2(pipefd, flags); });
  if (outcome.ok()) open_.insert(pipefd.begin(), pipefd.end());
  return outcome;
}

Outcome ScriptedKernel::poll(std::span<pollfd> fds, int timeout) {
  return play(Syscall::poll, -1, [&](std::size_t) { return wait(fds, timeout); });
}

Outcome ScriptedKernel::prlimit64(int resource, std::uint64_t& soft, std::uint64_t& hard) {
  return play(Syscall::prlimit64, -1,
              [&](std::size_t) { return inner_.prlimit64(resource, soft, hard); });
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

Outcome ScriptedKernel::send(int sockfd, std::span<const std::byte> buf, int flags) {
  return play(Syscall::send, sockfd, [&](std::size_t limit) {
    return inner_.send(sockfd, buf.first(std::min(buf.size(), limit)), flags);
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

Outcome ScriptedKernel::unlink(const std::string& pathname) {
  return play(Syscall::unlink, -1, [&](std::size_t) { return inner_.unlink(pathname); });
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

}  // namespace tcptool::test
