// SPDX-License-Identifier: MIT
// A kernel for tests: passes every call on to a real one, and plays the answers that a real one
// will not give on request.
//
//   kernel.script(Syscall::send).nth(2).fails(EINTR);       the second send(2)
//   kernel.script(Syscall::write).on(fd).at_most(1);        short writes to one descriptor
//   kernel.script(Syscall::connect).fails(ENETUNREACH);     every one
//   kernel.script(Syscall::recv).every(3).fails(EAGAIN);    the third, the sixth, ...
//   kernel.when_idle([&] { peer.close(); });                once poll has nothing left to report
//   kernel.use_fake_clock();                                deadlines come without waiting
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <optional>
#include <set>
#include <vector>

#include "sys/kernel.h"
#include "sys/syscall.h"

namespace tcptool::test {

// Which calls are meant, and what becomes of them. Without a choice: all of that name. Of several
// scripts the first that means a call decides; each counts the calls it could mean by itself.
class Script {
 public:
  explicit Script(sys::Syscall call) : call_(call) {}

  Script& on(int fd);                         // those on this descriptor alone
  Script& where(std::function<bool()> also);  // only while this holds
  Script& nth(std::size_t number);            // one of them, counted from 1
  Script& first(std::size_t count);
  Script& every(std::size_t step);

  void fails(int error) { outcome_ = sys::Outcome{-1, error}; }
  // Of ioctl(2): by way of its argument.
  void answers(std::int64_t value) { outcome_ = sys::Outcome{value, 0}; }
  void at_most(std::size_t bytes) { limit_ = bytes; }               // of calls that move bytes
  void after(std::function<void()> act) { act_ = std::move(act); }  // this; then the real call

 private:
  friend class ScriptedKernel;
  bool means(sys::Syscall call, int fd);

  sys::Syscall call_;
  std::optional<int> fd_;
  std::function<bool()> also_;
  std::size_t from_ = 1;
  std::size_t to_ = SIZE_MAX;
  std::size_t step_ = 1;
  std::size_t seen_ = 0;
  std::optional<sys::Outcome> outcome_;
  std::size_t limit_ = SIZE_MAX;
  std::function<void()> act_;
};

class ScriptedKernel final : public sys::Kernel {
 public:
  struct Call {
    sys::Syscall call;
    int fd;  // or -1
    sys::Outcome outcome;
  };

  explicit ScriptedKernel(sys::Kernel& inner) : inner_(inner) {}

  Script& script(sys::Syscall call) { return scripts_.emplace_back(call); }

  // Time stands still, but for advance() and for polls that would wait: those come back at once
  // with nothing, and the clock shows what they would have waited.
  void use_fake_clock() { fake_now_ = inner_.now(); }
  void advance(std::chrono::nanoseconds time) { *fake_now_ += time; }

  // What the rest of the world does next, one step each time that poll has nothing to report. A
  // poll without steps and without timeout throws: the program would wait for ever.
  void when_idle(std::function<void()> step) { steps_.push_back(std::move(step)); }
  [[nodiscard]] std::size_t steps_left() const { return steps_.size(); }

  [[nodiscard]] const std::vector<Call>& calls() const { return calls_; }
  [[nodiscard]] std::size_t count(sys::Syscall call) const;
  // Opened through this kernel and not closed through it.
  [[nodiscard]] const std::set<int>& open_descriptors() const { return open_; }

  sys::Outcome accept4(int sockfd, sys::Address& peer, int flags) override;
  sys::Outcome bind(int sockfd, const sys::Address& addr) override;
  sys::Outcome capset(std::uint64_t kept) override;
  sys::Outcome close(int fd) override;
  sys::Outcome connect(int sockfd, const sys::Address& addr) override;
  sys::Outcome epoll_create1(int flags) override;
  sys::Outcome epoll_ctl(int epfd, int op, int fd, const epoll_event& event) override;
  sys::Outcome epoll_wait(int epfd, std::span<epoll_event> events, int timeout) override;
  sys::Outcome fcntl(int fd, int op, int arg) override;
  sys::Outcome fstat(int fd, struct stat& statbuf) override;
  sys::Outcome getdents64(int fd, std::vector<std::string>& names) override;
  sys::Outcome getpeername(int sockfd, sys::Address& addr) override;
  sys::Outcome getpid() override;
  sys::Outcome getsockname(int sockfd, sys::Address& addr) override;
  sys::Outcome getsockopt(int sockfd, int level, int optname, std::span<std::byte> optval) override;
  sys::Outcome getuid() override;
  sys::Outcome ioctl(int fd, unsigned long request, int& argument) override;
  sys::Outcome kill(pid_t pid, int sig) override;
  sys::Outcome landlock_add_rule(int ruleset_fd, const sys::LandlockRule& rule) override;
  sys::Outcome landlock_create_ruleset(const sys::LandlockRuleset* attr, std::size_t size,
                                       unsigned flags) override;
  sys::Outcome landlock_restrict_self(int ruleset_fd) override;
  sys::Outcome listen(int sockfd, int backlog) override;
  sys::Outcome lseek(int fd, std::int64_t offset, int whence) override;
  sys::Outcome open(const std::string& pathname, int flags, unsigned mode) override;
  sys::Outcome pidfd_getfd(int pidfd, int targetfd, unsigned flags) override;
  sys::Outcome pidfd_open(pid_t pid, unsigned flags) override;
  sys::Outcome pipe2(std::array<int, 2>& pipefd, int flags) override;
  sys::Outcome poll(std::span<pollfd> fds, int timeout) override;
  sys::Outcome prctl(int op, unsigned long arg) override;
  sys::Outcome pread(int fd, std::span<std::byte> buf, std::int64_t offset) override;
  sys::Outcome prlimit64(int resource, const sys::RLimit* new_limit,
                         sys::RLimit* old_limit) override;
  sys::Outcome read(int fd, std::span<std::byte> buf) override;
  sys::Outcome readlink(const std::string& pathname, std::span<std::byte> buf) override;
  sys::Outcome recv(int sockfd, std::span<std::byte> buf, int flags) override;
  sys::Outcome recvmsg(int sockfd, msghdr& msg, int flags) override;
  sys::Outcome rename(const std::string& oldpath, const std::string& newpath) override;
  sys::Outcome seccomp(unsigned flags, std::span<const sock_filter> filter) override;
  sys::Outcome send(int sockfd, std::span<const std::byte> buf, int flags) override;
  sys::Outcome sendfile(int out_fd, int in_fd, std::int64_t& offset, std::size_t count) override;
  sys::Outcome setsockopt(int sockfd, int level, int optname,
                          std::span<const std::byte> optval) override;
  sys::Outcome shutdown(int sockfd, int how) override;
  sys::Outcome sigaction(int signum, const struct sigaction* act,
                         struct sigaction* oldact) override;
  sys::Outcome signalfd(int fd, const sigset_t& mask, int flags) override;
  sys::Outcome sigprocmask(int how, const sigset_t& set) override;
  sys::Outcome socket(int domain, int type, int protocol) override;
  sys::Outcome splice(int fd_in, int fd_out, std::int64_t* off_out, std::size_t len,
                      unsigned flags) override;
  sys::Outcome unlink(const std::string& pathname) override;
  sys::Outcome wait4(pid_t pid, int& wstatus, int options) override;
  sys::Outcome write(int fd, std::span<const std::byte> buf) override;
  sys::Outcome start_lookup(const sys::LookupRequest& request, int answer_fd) override;
  sys::Outcome finish_lookup(sys::LookupHandle handle, sys::LookupResult& result) override;
  sys::Outcome if_indextoname(unsigned ifindex, std::string& ifname) override;
  sys::Outcome if_nametoindex(const std::string& ifname) override;
  sys::Outcome posix_spawn(const sys::SpawnRequest& request) override;
  [[nodiscard]] sys::TimePoint now() override { return fake_now_ ? *fake_now_ : inner_.now(); }
  [[nodiscard]] std::chrono::system_clock::time_point wall_clock() override {
    return inner_.wall_clock();
  }

 private:
  // The scripted outcome, or that of `real`, which is handed the most bytes it may move.
  sys::Outcome play(sys::Syscall call, int fd,
                    const std::function<sys::Outcome(std::size_t)>& real);
  sys::Outcome opened(sys::Outcome outcome);
  // What poll and epoll_wait do; `really` is the real one, given a timeout.
  sys::Outcome wait(int timeout, const std::function<sys::Outcome(int)>& really);

  sys::Kernel& inner_;
  std::list<Script> scripts_;
  std::deque<std::function<void()>> steps_;
  std::vector<Call> calls_;
  std::set<int> open_;
  std::optional<sys::TimePoint> fake_now_;
};

}  // namespace tcptool::test
