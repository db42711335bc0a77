// SPDX-License-Identifier: MIT
// The calls on this process, its signals, its limits and its children.
#include <fcntl.h>
#include <sys/wait.h>

#include <csignal>

#include "trace/traced_kernel.h"

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

Outcome TracedKernel::pidfd_getfd(int pidfd, int targetfd, unsigned flags) {
  Event& event = journal_.begin(Syscall::pidfd_getfd);
  event.add("pidfd", ArgKind::fd, pidfd);
  event.add("targetfd", ArgKind::integer, targetfd);  // the other process's number
  event.add("flags", ArgKind::integer, flags);
  make(event, [&] { return inner_.pidfd_getfd(pidfd, targetfd, flags); });
  return told(event);
}

Outcome TracedKernel::pidfd_open(pid_t pid, unsigned flags) {
  Event& event = journal_.begin(Syscall::pidfd_open);
  event.add("pid", ArgKind::integer, pid);
  event.add("flags", ArgKind::pidfd_flags, flags);
  make(event, [&] { return inner_.pidfd_open(pid, flags); });
  return told(event);
}

Outcome TracedKernel::prlimit64(int resource, const sys::RLimit* new_limit,
                                sys::RLimit* old_limit) {
  Event& event = journal_.begin(Syscall::prlimit64);
  event.add("resource", ArgKind::resource, resource);
  if (new_limit != nullptr) {
    event.add_packed("new_limit", ArgKind::limits, *new_limit);
  } else {
    event.add_pointer("new_limit", nullptr);
  }
  make(event, [&] { return inner_.prlimit64(resource, new_limit, old_limit); });
  if (old_limit != nullptr && event.outcome.ok()) {
    event.add_packed("old_limit", ArgKind::limits, *old_limit);
  } else {
    event.add_pointer("old_limit", old_limit);
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
  mark(event.outcome.as_int(), {.nonblocking = (flags & O_NONBLOCK) != 0, .closes_at_once = true});
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

Outcome TracedKernel::wait4(pid_t pid, int& wstatus, int options) {
  if ((options & WNOHANG) == 0) journal_.flush();
  Event& event = journal_.begin(Syscall::wait4);
  event.add("pid", ArgKind::integer, pid);
  make(event, [&] { return inner_.wait4(pid, wstatus, options); });
  if (event.outcome.value > 0) {
    event.add("wstatus", ArgKind::wait_status, wstatus);
  } else {
    event.add_pointer("wstatus", &wstatus);
  }
  event.add("options", ArgKind::wait_options, options);
  return told(event);
}

// Returns once the child has become the program, whose own messages may come from then on.
Outcome TracedKernel::posix_spawn(const sys::SpawnRequest& request) {
  journal_.flush();
  Event& event = journal_.begin(Syscall::posix_spawn);
  event.add_text("file", request.argv.at(0));
  event.add_texts("argv", request.argv);
  make(event, [&] { return inner_.posix_spawn(request); });
  return told(event);
}

}  // namespace tcptool::trace
