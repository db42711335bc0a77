// SPDX-License-Identifier: MIT
// The calls on this process, its signals, its limits and its children.
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "sys/linux_kernel.h"
#include "sys/linux_outcome.h"

namespace tcptool::sys {

namespace {

// What a signal handler is to call, which can be told in no other way.
void (*crash_words)() = nullptr;

// The words may need what the crash has broken: then a second later SIGALRM ends the process.
void say_crash_words(int signum) {
  ::alarm(1);
  crash_words();
  static_cast<void>(::raise(signum));  // by default now, once this handler returns
}

// The kernel's structure, in place: a trace shows its address.
static_assert(sizeof(RLimit) == sizeof(struct rlimit));
static_assert(sizeof(RLimit::soft) == sizeof(rlimit::rlim_cur));

std::string_view name_of(std::string_view variable) {
  return variable.substr(0, variable.find('='));
}

// Our environment with the changes that the request asks for.
std::vector<std::string> environment_for(const SpawnRequest& request) {
  const auto changed = [&request](std::string_view name) {
    const auto same = [name](const std::string& other) { return name_of(other) == name; };
    return std::any_of(request.set.begin(), request.set.end(), same) ||
           std::any_of(request.unset.begin(), request.unset.end(), same);
  };
  std::vector<std::string> variables;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    if (!changed(name_of(*variable))) variables.emplace_back(*variable);
  }
  variables.insert(variables.end(), request.set.begin(), request.set.end());
  return variables;
}

// As execve(2) takes them: not changed, valid as long as `texts` is.
std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// The socket as 0 and 1, 2 as it is, and nothing else, whoever opened it.
class ChildDescriptors {
 public:
  explicit ChildDescriptors(int socket) {
    error_ = ::posix_spawn_file_actions_init(&actions_);
    if (error_ == 0) error_ = ::posix_spawn_file_actions_adddup2(&actions_, socket, 0);
    if (error_ == 0) error_ = ::posix_spawn_file_actions_adddup2(&actions_, socket, 1);
    if (error_ == 0) error_ = ::posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
  }
  ChildDescriptors(const ChildDescriptors&) = delete;
  ChildDescriptors& operator=(const ChildDescriptors&) = delete;
  ~ChildDescriptors() { ::posix_spawn_file_actions_destroy(&actions_); }
  [[nodiscard]] int error() const { return error_; }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
  int error_ = 0;
};

// What we have changed for ourselves goes back to the default: the mask, and what we ignore. What
// was ignored when we started (nohup) stays so. And a process group of its own.
class ChildAttributes {
 public:
  ChildAttributes() {
    sigset_t none;
    sigemptyset(&none);
    sigset_t by_default = none;
    sigaddset(&by_default, SIGPIPE);
    sigaddset(&by_default, SIGXFSZ);
    constexpr short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP;
    error_ = ::posix_spawnattr_init(&attributes_);
    if (error_ == 0) error_ = ::posix_spawnattr_setsigmask(&attributes_, &none);
    if (error_ == 0) error_ = ::posix_spawnattr_setsigdefault(&attributes_, &by_default);
    if (error_ == 0) error_ = ::posix_spawnattr_setpgroup(&attributes_, 0);
    if (error_ == 0) error_ = ::posix_spawnattr_setflags(&attributes_, flags);
  }
  ChildAttributes(const ChildAttributes&) = delete;
  ChildAttributes& operator=(const ChildAttributes&) = delete;
  ~ChildAttributes() { ::posix_spawnattr_destroy(&attributes_); }
  [[nodiscard]] int error() const { return error_; }
  [[nodiscard]] const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
  int error_ = 0;
};

}  // namespace

void LinuxKernel::before_crash(void (*last_words)()) {
  crash_words = last_words;
  struct sigaction action {};
  action.sa_handler = say_crash_words;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signum : {SIGQUIT, SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS, SIGXCPU}) {
    struct sigaction at_start {};
    if (::sigaction(signum, nullptr, &at_start) != 0 || at_start.sa_handler != SIG_DFL) continue;
    static_cast<void>(::sigaction(signum, &action, nullptr));
  }
}

Outcome LinuxKernel::capset(std::uint64_t kept) {
  __user_cap_header_struct whose{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  for (std::size_t i = 0; i < sets.size(); ++i) {
    sets[i].effective = sets[i].permitted = static_cast<std::uint32_t>(kept >> (32 * i));
  }
  return outcome(Syscall::capset, 0, ::syscall(SYS_capset, &whose, sets.data()));
}

Outcome LinuxKernel::getpid() {
  return {::getpid(), 0};
}

Outcome LinuxKernel::getuid() {
  return {::getuid(), 0};
}

Outcome LinuxKernel::kill(pid_t pid, int sig) {
  return outcome(Syscall::kill, 0, ::kill(pid, sig));
}

Outcome LinuxKernel::landlock_add_rule(int ruleset_fd, const LandlockRule& rule) {
  // struct landlock_net_port_attr, which Debian 12's header lacks.
  struct {
    std::uint64_t allowed_access;
    std::uint64_t port;
  } const port{rule.allowed_access, static_cast<std::uint64_t>(rule.object)};
  const landlock_path_beneath_attr path{rule.allowed_access, rule.object};
  const void* const attr = rule.type == LandlockRule::Type::net_port
                               ? static_cast<const void*>(&port)
                               : static_cast<const void*>(&path);
  return outcome(
      Syscall::landlock_add_rule, ruleset_fd,
      ::syscall(SYS_landlock_add_rule, ruleset_fd, static_cast<int>(rule.type), attr, 0));
}

Outcome LinuxKernel::landlock_create_ruleset(const LandlockRuleset* attr, std::size_t size,
                                             unsigned flags) {
  return outcome(Syscall::landlock_create_ruleset, 0,
                 ::syscall(SYS_landlock_create_ruleset, attr, size, flags));
}

Outcome LinuxKernel::landlock_restrict_self(int ruleset_fd) {
  return outcome(Syscall::landlock_restrict_self, ruleset_fd,
                 ::syscall(SYS_landlock_restrict_self, ruleset_fd, 0));
}

// libc has both from 2.36 on.
Outcome LinuxKernel::pidfd_getfd(int pidfd, int targetfd, unsigned flags) {
  constexpr int of_either = 0;  // EBADF may be of the other process's descriptor, and no mistake
  return outcome(Syscall::pidfd_getfd, of_either,
                 ::syscall(SYS_pidfd_getfd, pidfd, targetfd, flags));
}

Outcome LinuxKernel::pidfd_open(pid_t pid, unsigned flags) {
  return outcome(Syscall::pidfd_open, 0, ::syscall(SYS_pidfd_open, pid, flags));
}

Outcome LinuxKernel::prctl(int op, unsigned long arg) {
  return outcome(Syscall::prctl, 0, ::prctl(op, arg, 0UL, 0UL, 0UL));
}

Outcome LinuxKernel::prlimit64(int resource, const RLimit* new_limit, RLimit* old_limit) {
  return outcome(Syscall::prlimit64, 0,
                 ::syscall(SYS_prlimit64, 0, resource, new_limit, old_limit));
}

Outcome LinuxKernel::seccomp(unsigned flags, std::span<const sock_filter> filter) {
  const sock_fprog program{static_cast<unsigned short>(filter.size()),
                           const_cast<sock_filter*>(filter.data())};  // only read
  return outcome(Syscall::seccomp, 0,
                 ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program));
}

Outcome LinuxKernel::sigaction(int signum, const struct sigaction* act, struct sigaction* oldact) {
  return outcome(Syscall::sigaction, 0, ::sigaction(signum, act, oldact));
}

Outcome LinuxKernel::signalfd(int fd, const sigset_t& mask, int flags) {
  return outcome(Syscall::signalfd, 0, ::signalfd(fd, &mask, flags));
}

Outcome LinuxKernel::sigprocmask(int how, const sigset_t& set) {
  // Called before there is a second thread; the resolver's inherits the mask.
  const int status = ::sigprocmask(how, &set, nullptr);  // NOLINT(concurrency-mt-unsafe)
  return outcome(Syscall::sigprocmask, 0, status);
}

Outcome LinuxKernel::wait4(pid_t pid, int& wstatus, int options) {
  return outcome(Syscall::wait4, 0, ::wait4(pid, &wstatus, options, nullptr));
}

Outcome LinuxKernel::posix_spawn(const SpawnRequest& request) {
  const ChildDescriptors descriptors(request.socket);
  if (descriptors.error() != 0) return {-1, descriptors.error()};
  const ChildAttributes attributes;
  if (attributes.error() != 0) return {-1, attributes.error()};
  const std::vector<std::string> environment = environment_for(request);
  pid_t child = -1;
  const int error =
      ::posix_spawnp(&child, request.argv.at(0).c_str(), descriptors.get(), attributes.get(),
                     pointers_to(request.argv).data(), pointers_to(environment).data());
  if (error != 0) return {-1, error};
  return {child, 0};
}

}  // namespace tcptool::sys
