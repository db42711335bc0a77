// SPDX-License-Identifier: MIT
// The one seam between tcptool and the operating system: one pure virtual a call, named and ordered
// as in section 2 of the manual. Nothing is retried here: each attempt, EINTR and EAGAIN included,
// is the caller's to see. LinuxKernel makes the calls, trace::TracedKernel tells of them, and tests
// play answers that a real kernel will not give on request.
#pragma once

#include <linux/filter.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sys/address.h"

namespace tcptool::sys {

// CLOCK_MONOTONIC on Linux.
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

// What a call returned: its value, or the errno (then value is -1).
struct [[nodiscard]] Outcome {
  std::int64_t value = 0;
  int error = 0;

  [[nodiscard]] bool ok() const { return error == 0; }
  // Nothing has happened, and the same call may yet succeed.
  [[nodiscard]] bool again() const { return error == EAGAIN || error == EINTR; }
  // The value as a descriptor or another int of the call's.
  [[nodiscard]] int as_int() const { return static_cast<int>(value); }
  // The value as a count of bytes; 0 where the call failed.
  [[nodiscard]] std::size_t as_size() const {
    return value > 0 ? static_cast<std::size_t>(value) : 0;
  }
};

// A question to getaddrinfo(3). An empty host asks for the wildcard address (AI_PASSIVE).
struct LookupRequest {
  std::string host;
  std::string service;  // a number or a name; empty: port 0
  int family = AF_UNSPEC;
};

struct LookupResult {
  int status = 0;  // 0 or one of getaddrinfo's EAI_ codes
  int error = 0;   // errno where the status is EAI_SYSTEM
  std::vector<Address> addresses;
};

// One limit of setrlimit(2); RLIM_INFINITY for none.
struct RLimit {
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
};

// What a Landlock ruleset handles, that is: forbids where no rule allows it, as struct
// landlock_ruleset_attr has it. Debian 12's header has the first member alone.
struct LandlockRuleset {
  std::uint64_t handled_access_fs = 0;
  std::uint64_t handled_access_net = 0;
  std::uint64_t scoped = 0;
};

// What a ruleset allows beneath a directory, or at a TCP port.
struct LandlockRule {
  enum class Type { path_beneath = 1, net_port = 2 };
  Type type = Type::path_beneath;
  std::uint64_t allowed_access = 0;
  int object = 0;  // the directory's descriptor, or the port
};

// A program to start, and what it is to have otherwise than this process.
struct SpawnRequest {
  std::vector<std::string> argv;   // at least one: argv[0] is looked up in our PATH
  std::vector<std::string> set;    // NAME=VALUE, added to our environment or replacing there
  std::vector<std::string> unset;  // names
  int socket = -1;                 // becomes the child's 0 and 1, with its O_NONBLOCK as it is
};

// What the resolver's thread hands over: whoever reads it owns the answer behind it.
struct Lookup;
using LookupHandle = Lookup*;

class Kernel {
 public:
  Kernel() = default;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  virtual ~Kernel() = default;

  virtual Outcome accept4(int sockfd, Address& peer, int flags) = 0;
  virtual Outcome bind(int sockfd, const Address& addr) = 0;
  // Of this thread: from now on these capabilities, of those that it has, are permitted and in
  // force, and none is inheritable. Errors: EPERM where it lacks one of them.
  virtual Outcome capset(std::uint64_t kept) = 0;
  virtual Outcome close(int fd) = 0;
  virtual Outcome connect(int sockfd, const Address& addr) = 0;
  virtual Outcome epoll_create1(int flags) = 0;
  // EPOLL_CTL_DEL has no use for the event.
  virtual Outcome epoll_ctl(int epfd, int op, int fd, const epoll_event& event) = 0;
  // The outcome's value is how many of `events` were filled. timeout in milliseconds, -1 for none.
  virtual Outcome epoll_wait(int epfd, std::span<epoll_event> events, int timeout) = 0;
  virtual Outcome fcntl(int fd, int op, int arg) = 0;
  virtual Outcome fstat(int fd, struct stat& statbuf) = 0;
  // One getdents64(2): `names` becomes what that call gave, . and .. too; the outcome's value
  // is the bytes read, 0 at the directory's end.
  virtual Outcome getdents64(int fd, std::vector<std::string>& names) = 0;
  virtual Outcome getpeername(int sockfd, Address& addr) = 0;
  virtual Outcome getpid() = 0;
  virtual Outcome getsockname(int sockfd, Address& addr) = 0;
  // The outcome's value is the length that the kernel returned, at most optval.size().
  virtual Outcome getsockopt(int sockfd, int level, int optname, std::span<std::byte> optval) = 0;
  virtual Outcome getuid() = 0;
  // For requests that give or take one int (SIOCINQ, SIOCOUTQ, FIONREAD), or several, of which
  // `argument` is the first (TIOCGWINSZ: two).
  virtual Outcome ioctl(int fd, unsigned long request, int& argument) = 0;
  virtual Outcome kill(pid_t pid, int sig) = 0;
  virtual Outcome landlock_add_rule(int ruleset_fd, const LandlockRule& rule) = 0;
  // Of `attr` the first `size` bytes count. Null, with LANDLOCK_CREATE_RULESET_VERSION: the
  // outcome's value is the kernel's ABI; else it is a descriptor.
  virtual Outcome landlock_create_ruleset(const LandlockRuleset* attr, std::size_t size,
                                          unsigned flags) = 0;
  virtual Outcome landlock_restrict_self(int ruleset_fd) = 0;
  virtual Outcome listen(int sockfd, int backlog) = 0;
  // The outcome's value is the position that it leaves, in bytes from the beginning.
  virtual Outcome lseek(int fd, std::int64_t offset, int whence) = 0;
  virtual Outcome open(const std::string& pathname, int flags, unsigned mode) = 0;
  // A duplicate, close-on-exec, of what is `targetfd` in that process.
  virtual Outcome pidfd_getfd(int pidfd, int targetfd, unsigned flags) = 0;
  virtual Outcome pidfd_open(pid_t pid, unsigned flags) = 0;
  virtual Outcome pipe2(std::array<int, 2>& pipefd, int flags) = 0;
  // timeout in milliseconds, -1 for none, as in poll(2).
  virtual Outcome poll(std::span<pollfd> fds, int timeout) = 0;
  // For the operations that take one number.
  virtual Outcome prctl(int op, unsigned long arg) = 0;
  // Of this process. Either pointer may be null.
  // From `offset` on; the file's position stays.
  virtual Outcome pread(int fd, std::span<std::byte> buf, std::int64_t offset) = 0;
  virtual Outcome prlimit64(int resource, const RLimit* new_limit, RLimit* old_limit) = 0;
  virtual Outcome read(int fd, std::span<std::byte> buf) = 0;
  // The link's text is not terminated, and cut where buf is too small for it.
  virtual Outcome readlink(const std::string& pathname, std::span<std::byte> buf) = 0;
  // With MSG_TRUNC nothing is written to `buf`, whose data may be null: TCP drops the bytes.
  virtual Outcome recv(int sockfd, std::span<std::byte> buf, int flags) = 0;
  virtual Outcome recvmsg(int sockfd, msghdr& msg, int flags) = 0;
  virtual Outcome rename(const std::string& oldpath, const std::string& newpath) = 0;
  // SECCOMP_SET_MODE_FILTER, which is for ever.
  virtual Outcome seccomp(unsigned flags, std::span<const sock_filter> filter) = 0;
  virtual Outcome send(int sockfd, std::span<const std::byte> buf, int flags) = 0;
  // From `offset` of in_fd on, which moves; its own position stays.
  virtual Outcome sendfile(int out_fd, int in_fd, std::int64_t& offset, std::size_t count) = 0;
  virtual Outcome setsockopt(int sockfd, int level, int optname,
                             std::span<const std::byte> optval) = 0;
  virtual Outcome shutdown(int sockfd, int how) = 0;
  // Either pointer may be null, as in sigaction(2).
  virtual Outcome sigaction(int signum, const struct sigaction* act, struct sigaction* oldact) = 0;
  virtual Outcome signalfd(int fd, const sigset_t& mask, int flags) = 0;
  virtual Outcome sigprocmask(int how, const sigset_t& set) = 0;
  virtual Outcome socket(int domain, int type, int protocol) = 0;
  // One of both is a pipe. Bytes for a file go to *off_out, which moves; where it is null, to the
  // file's own position, as they come from it.
  virtual Outcome splice(int fd_in, int fd_out, std::int64_t* off_out, std::size_t len,
                         unsigned flags) = 0;
  virtual Outcome unlink(const std::string& pathname) = 0;
  // The outcome's value is the child's pid; 0 with WNOHANG where none has changed, and wstatus is
  // as it was.
  virtual Outcome wait4(pid_t pid, int& wstatus, int options) = 0;
  virtual Outcome write(int fd, std::span<const std::byte> buf) = 0;

  // getaddrinfo(3) in a thread of its own, which writes a LookupHandle into `answer_fd` and closes
  // it: the descriptor is the thread's once this has succeeded. See sys/lookup.h.
  // Errors: EAGAIN when no thread could be made.
  virtual Outcome start_lookup(const LookupRequest& request, int answer_fd) = 0;
  // Takes the answer behind the handle that was read, which must be done once.
  virtual Outcome finish_lookup(LookupHandle handle, LookupResult& result) = 0;

  // See if_nametoindex(3), if_indextoname(3). The name is at most IFNAMSIZ - 1 characters.
  virtual Outcome if_indextoname(unsigned ifindex, std::string& ifname) = 0;
  virtual Outcome if_nametoindex(const std::string& ifname) = 0;
  // posix_spawnp(3). The child has the socket as 0 and 1, our 2, no other descriptor of ours, no
  // signal blocked, SIGPIPE and SIGXFSZ do by default what they do, and it leads a process group of
  // its own. The outcome's value is its pid, for wait4(). Errors: those of posix_spawn(3) and of
  // execve(2) in the child.
  virtual Outcome posix_spawn(const SpawnRequest& request) = 0;

  [[nodiscard]] virtual TimePoint now() = 0;
  // CLOCK_REALTIME, to tie the run's relative times to the world's.
  [[nodiscard]] virtual std::chrono::system_clock::time_point wall_clock() = 0;
};

}  // namespace tcptool::sys
