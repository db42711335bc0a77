// SPDX-License-Identifier: MIT
// Decorates a kernel: every call is made by the kernel inside and told to the journal as one event.
// Reading the clock is no event. Before a call that can block, the journal tells what is pending; a
// read that poll has called ready is none.
#pragma once

#include <utility>
#include <vector>

#include "sys/kernel.h"
#include "trace/telemetry.h"

namespace tcptool::trace {

class TracedKernel final : public sys::Kernel {
 public:
  TracedKernel(sys::Kernel& inner, Journal& journal)
      : inner_(inner), journal_(journal), telemetry_(*this, journal) {}

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
  // Unblocking may end the process: the call is told, and the journal closed, before it is made.
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
  [[nodiscard]] sys::TimePoint now() override { return last_now_ = inner_.now(); }
  [[nodiscard]] std::chrono::system_clock::time_point wall_clock() override {
    return inner_.wall_clock();
  }

 private:
  // Makes the call, between two readings of the clock where somebody listens, and keeps its outcome
  // in the event.
  template <class Call>
  void make(Event& event, Call&& call) {
    const bool timed = journal_.timed();
    if (timed) last_now_ = inner_.now();
    event.start = last_now_;
    event.outcome = std::forward<Call>(call)();
    event.duration = timed ? inner_.now() - event.start : Event::unknown_duration;
  }
  // The event counts; returns to the caller what the call returned.
  sys::Outcome told(Event& event);

  // What is known of descriptors.
  struct Descriptor {
    bool nonblocking = false;
    Event::Socket socket = Event::Socket::unknown;
    bool closes_at_once = false;  // no SO_LINGER, nor anything else that its end may wait for
    bool readable = false;        // poll said so, and nothing has been read since
  };
  void mark(int fd, Descriptor known);
  [[nodiscard]] Descriptor known(int fd) const;
  void mark_readable(std::span<const pollfd> fds);
  void flush_if_blocking(int fd, int flags = 0);

  // Where the loop is busy, a poll that would flush is asked first without waiting, which does not
  // block: events are written many at a time then, and still before anything that sleeps.
  template <class Poll>
  sys::Outcome without_sleep_first(int timeout, Poll&& poll) {
    if (busy_ && timeout != 0 && journal_.wants_flush()) {
      if (const sys::Outcome found = poll(0); found.value != 0) return found;
    }
    return poll(timeout);
  }
  // Whether a poll found something ready without having slept.
  static bool at_once(const Event& polled) {
    constexpr auto shorter_than_a_sleep = std::chrono::microseconds(5);
    return polled.outcome.value > 0 && polled.duration < shorter_than_a_sleep;
  }

  // One call each, of which the telemetry may need a second.
  sys::Outcome epoll_wait_once(int epfd, std::span<epoll_event> events, int timeout);
  sys::Outcome poll_once(std::span<pollfd> fds, int timeout);
  Event& begin_recvmsg(int sockfd, msghdr& msg, int flags);  // not committed yet
  // A recv in the form that also tells when the bytes arrived.
  sys::Outcome recv_with_arrival(int sockfd, std::span<std::byte> buf, int flags);

  struct PendingLookup {
    sys::LookupRequest request;
    sys::TimePoint start;
  };

  sys::Kernel& inner_;
  Journal& journal_;
  sys::TimePoint last_now_{};
  bool busy_ = false;                    // the last poll found something ready at once
  PendingLookup lookup_;                 // the latest: no two are under way at once
  std::vector<Descriptor> descriptors_;  // by number
  Telemetry telemetry_;
};

}  // namespace tcptool::trace
