// SPDX-License-Identifier: MIT
// The real kernel: linux_kernel*.cc alone make raw system calls and read errno. Without
// NDEBUG, the errors that can only be our own mistake (EFAULT, ENOTSOCK, and EBADF on a descriptor
// above 2) abort with the call's name.
#pragma once

#include "sys/kernel.h"

namespace tcptool::sys {

class LinuxKernel final : public Kernel {
 public:
  // Before a signal that means a crash ends the process, `last_words` is called and has a second
  // for it. Signals that somebody handles or ignores are left alone.
  static void before_crash(void (*last_words)());

  Outcome accept4(int sockfd, Address& peer, int flags) override;
  Outcome bind(int sockfd, const Address& addr) override;
  Outcome capset(std::uint64_t kept) override;
  Outcome close(int fd) override;
  Outcome connect(int sockfd, const Address& addr) override;
  Outcome epoll_create1(int flags) override;
  Outcome epoll_ctl(int epfd, int op, int fd, const epoll_event& event) override;
  Outcome epoll_wait(int epfd, std::span<epoll_event> events, int timeout) override;
  Outcome fcntl(int fd, int op, int arg) override;
  Outcome fstat(int fd, struct stat& statbuf) override;
  Outcome getdents64(int fd, std::vector<std::string>& names) override;
  Outcome getpeername(int sockfd, Address& addr) override;
  Outcome getpid() override;
  Outcome getsockname(int sockfd, Address& addr) override;
  Outcome getsockopt(int sockfd, int level, int optname, std::span<std::byte> optval) override;
  Outcome getuid() override;
  Outcome ioctl(int fd, unsigned long request, int& argument) override;
  Outcome kill(pid_t pid, int sig) override;
  Outcome landlock_add_rule(int ruleset_fd, const LandlockRule& rule) override;
  Outcome landlock_create_ruleset(const LandlockRuleset* attr, std::size_t size,
                                  unsigned flags) override;
  Outcome landlock_restrict_self(int ruleset_fd) override;
  Outcome listen(int sockfd, int backlog) override;
  Outcome lseek(int fd, std::int64_t offset, int whence) override;
  Outcome open(const std::string& pathname, int flags, unsigned mode) override;
  Outcome pidfd_getfd(int pidfd, int targetfd, unsigned flags) override;
  Outcome pidfd_open(pid_t pid, unsigned flags) override;
  Outcome pipe2(std::array<int, 2>& pipefd, int flags) override;
  Outcome poll(std::span<pollfd> fds, int timeout) override;
  Outcome prctl(int op, unsigned long arg) override;
  Outcome pread(int fd, std::span<std::byte> buf, std::int64_t offset) override;
  Outcome prlimit64(int resource, const RLimit* new_limit, RLimit* old_limit) override;
  Outcome read(int fd, std::span<std::byte> buf) override;
  Outcome readlink(const std::string& pathname, std::span<std::byte> buf) override;
  Outcome recv(int sockfd, std::span<std::byte> buf, int flags) override;
  Outcome recvmsg(int sockfd, msghdr& msg, int flags) override;
  Outcome rename(const std::string& oldpath, const std::string& newpath) override;
  Outcome seccomp(unsigned flags, std::span<const sock_filter> filter) override;
  Outcome send(int sockfd, std::span<const std::byte> buf, int flags) override;
  Outcome sendfile(int out_fd, int in_fd, std::int64_t& offset, std::size_t count) override;
  Outcome setsockopt(int sockfd, int level, int optname,
                     std::span<const std::byte> optval) override;
  Outcome shutdown(int sockfd, int how) override;
  Outcome sigaction(int signum, const struct sigaction* act, struct sigaction* oldact) override;
  Outcome signalfd(int fd, const sigset_t& mask, int flags) override;
  Outcome sigprocmask(int how, const sigset_t& set) override;
  Outcome socket(int domain, int type, int protocol) override;
  Outcome splice(int fd_in, int fd_out, std::int64_t* off_out, std::size_t len,
                 unsigned flags) override;
  Outcome unlink(const std::string& pathname) override;
  Outcome wait4(pid_t pid, int& wstatus, int options) override;
  Outcome write(int fd, std::span<const std::byte> buf) override;
  Outcome start_lookup(const LookupRequest& request, int answer_fd) override;
  Outcome finish_lookup(LookupHandle handle, LookupResult& result) override;
  Outcome if_indextoname(unsigned ifindex, std::string& ifname) override;
  Outcome if_nametoindex(const std::string& ifname) override;
  Outcome posix_spawn(const SpawnRequest& request) override;
  [[nodiscard]] TimePoint now() override;
  [[nodiscard]] std::chrono::system_clock::time_point wall_clock() override;
};

}  // namespace tcptool::sys
