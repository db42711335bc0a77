// SPDX-License-Identifier: MIT
#include "cmd/commands.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/text.h"
#include "sys/activation.h"
#include "sys/names.h"
#include "tcp/listener.h"

namespace tcptool::cmd {
namespace {

constexpr auto unwatched_interval = std::chrono::milliseconds(100);
constexpr auto longest_ending = std::chrono::milliseconds(500);  // after a signal

}  // namespace

Commands::Commands(Context& context, sys::EventPoll& poll, const std::vector<std::string>& command,
                   relay::ServiceObserver& observer)
    : context_(context), poll_(poll), command_(command), observer_(observer) {
  sys::keep_ended_children(context.kernel);
}

Result<pid_t, sys::SysError> Commands::spawn(const tcp::Connection& connection) {
  sys::Kernel& kernel = context_.kernel;
  const int fd = connection.fd.get();
  // Programs expect read(2) to wait. The connection is the child's alone after this.
  const sys::Outcome flags = kernel.fcntl(fd, F_GETFL, 0);
  if (!flags.ok())
    return tcptool::failure(sys::SysError{sys::Syscall::fcntl, flags.error, "F_GETFL"});
  const sys::Outcome set = kernel.fcntl(fd, F_SETFL, flags.as_int() & ~O_NONBLOCK);
  if (!set.ok()) return tcptool::failure(sys::SysError{sys::Syscall::fcntl, set.error, "F_SETFL"});
  sys::SpawnRequest request;
  request.argv = command_;
  request.socket = fd;
  const sys::Address local = connection.local.unmapped();
  request.set = {"TCPLOCALIP=" + local.host(), fmt::format("TCPLOCALPORT={}", local.port()),
                 "TCPREMOTEIP=" + connection.peer.host(),
                 fmt::format("TCPREMOTEPORT={}", connection.peer.port()), "PROTO=TCP"};
  request.unset.assign(sys::activation_variables.begin(), sys::activation_variables.end());
  const sys::Outcome spawned = kernel.posix_spawn(request);
  if (spawned.ok()) return spawned.as_int();
  return tcptool::failure(
      sys::SysError{sys::Syscall::posix_spawn, spawned.error, command_.front()});
}

void Commands::add(tcp::Connection connection) {
  const sys::TimePoint started = context_.kernel.now();
  const auto spawned = spawn(connection);
  if (!spawned) {
    relay::ClientEnd end;
    end.reason = relay::ClientEnd::Reason::lost;
    end.peer = connection.peer;
    end.error = spawned.error();
    static_cast<void>(connection.fd.close());
    context_.console.status(error_message(end.error));
    last_status_.reset();
    return observer_.client_ended(end);
  }
  Child child;
  child.pid = *spawned;
  child.peer = connection.peer;
  child.started = started;
  static_cast<void>(connection.fd.close());  // kept, it would keep back the FIN
  const std::uint64_t token = next_token_++;
  if (const sys::Outcome opened = context_.kernel.pidfd_open(child.pid, 0); opened.ok()) {
    child.pidfd = sys::Fd(context_.kernel, opened.as_int());
    if (!poll_.add(child.pidfd.get(), EPOLLIN, token).ok()) static_cast<void>(child.pidfd.close());
  }
  if (!child.pidfd.open()) {
    ++unwatched_;
    next_look_ = child.started + unwatched_interval;
  }
  children_.emplace(token, std::move(child));
}

bool Commands::reap(const Child& child) {
  int status = 0;
  const sys::Outcome ended = context_.kernel.wait4(child.pid, status, WNOHANG);
  if (ended.error == EINTR || (ended.ok() && ended.value == 0)) return false;
  if (!ended.ok()) {
    last_status_.reset();
    context_.console.status(
        error_message({sys::Syscall::wait4, ended.error, fmt::format("{}", child.pid)}));
    return true;
  }
  last_status_ = status;
  const CommandEnd end{child.pid, child.peer, status, context_.kernel.now() - child.started};
  context_.console.status(command_ended_message(end));
  return true;
}

void Commands::take(std::uint64_t token, std::uint32_t) {
  const auto found = children_.find(token);
  if (found == children_.end() || !reap(found->second)) return;
  relay::ClientEnd end;
  const bool failed = last_status_ != std::optional<int>(0);
  end.reason = failed ? relay::ClientEnd::Reason::failed : relay::ClientEnd::Reason::complete;
  end.peer = found->second.peer;
  end.duration = context_.kernel.now() - found->second.started;
  if (!found->second.pidfd.open()) --unwatched_;
  children_.erase(found);
  observer_.client_ended(end);
}

void Commands::on_time() {
  std::vector<std::uint64_t> tokens;
  for (const auto& [token, child] : children_) {
    if (!child.pidfd.open()) tokens.push_back(token);
  }
  for (const std::uint64_t token : tokens) take(token, 0);
  next_look_.reset();
  if (unwatched_ > 0) next_look_ = context_.kernel.now() + unwatched_interval;
}

void Commands::signal_groups(int signum) {
  for (const auto& [token, child] : children_) {
    static_cast<void>(context_.kernel.kill(-child.pid, signum));
  }
}

std::vector<int> Commands::await_ends() {
  std::vector<pollfd> running;
  running.reserve(children_.size());
  for (const auto& [token, child] : children_) {
    if (child.pidfd.open()) running.push_back({child.pidfd.get(), POLLIN, 0});
  }
  const sys::TimePoint deadline = context_.kernel.now() + longest_ending;
  while (!running.empty() || unwatched_ > 0) {
    const auto wake = context_.waiter.wait(running, deadline);
    if (!wake || wake->reason != sys::Wake::Reason::ready) break;
    const auto ended = [](const pollfd& entry) { return entry.revents != 0; };
    running.erase(std::remove_if(running.begin(), running.end(), ended), running.end());
  }
  std::vector<int> left;
  left.reserve(running.size());
  for (const pollfd& entry : running) left.push_back(entry.fd);
  return left;
}

// A FIN would call whole what is not: the last one to close the socket resets it. It is among the
// command's descriptors, unless it has closed it, and then the client has its FIN already.
void Commands::reset_at_end(const Child& child) {
  sys::Kernel& kernel = context_.kernel;
  for (const int target : {STDIN_FILENO, STDOUT_FILENO}) {
    const sys::Outcome got = kernel.pidfd_getfd(child.pidfd.get(), target, 0);
    if (!got.ok()) continue;
    const sys::Fd file(kernel, got.as_int());
    // By now it may be something else that has this number.
    struct stat status {};
    if (!kernel.fstat(file.get(), status).ok() || !S_ISSOCK(status.st_mode)) continue;
    sys::Address peer;
    if (!kernel.getpeername(file.get(), peer).ok() || peer.unmapped() != child.peer) continue;
    return tcp::reset_at_close(kernel, file.get());
  }
}

void Commands::cut_short() {
  if (children_.empty()) return;
  for (const auto& [token, child] : children_) reset_at_end(child);
  signal_groups(SIGTERM);
  const std::vector<int> stubborn = await_ends();
  for (const auto& [token, child] : children_) {
    if (std::find(stubborn.begin(), stubborn.end(), child.pidfd.get()) == stubborn.end()) continue;
    context_.console.status(command_killed_message(child.pid, child.peer));
  }
  // Nobody has been reaped, so that each number still is that of its group.
  signal_groups(SIGKILL);
  if (!stubborn.empty()) await_ends();
  for (const auto& [token, child] : children_) {
    static_cast<void>(reap(child));
    relay::ClientEnd end;
    end.reason = relay::ClientEnd::Reason::cut_short;
    end.peer = child.peer;
    end.duration = context_.kernel.now() - child.started;
    observer_.client_ended(end);
  }
  children_.clear();
  unwatched_ = 0;
}

std::optional<Exit> refuse_bad_command(Context& context, const std::vector<std::string>& command) {
  if (command.empty()) return std::nullopt;
  const std::string& program = command.front();
  sys::Kernel& kernel = context.kernel;
  int error = ENOENT;
  const auto executable = [&](const std::string& path) {
    const sys::Outcome opened = kernel.open(path, O_PATH | O_CLOEXEC, 0);
    if (!opened.ok()) {
      if (opened.error != ENOENT && opened.error != ENOTDIR) error = opened.error;
      return false;
    }
    const sys::Fd fd(kernel, opened.as_int());
    struct stat status {};
    constexpr mode_t any_execute = S_IXUSR | S_IXGRP | S_IXOTH;
    const bool good = kernel.fstat(fd.get(), status).ok() && S_ISREG(status.st_mode) &&
                      (status.st_mode & any_execute) != 0;
    if (!good) error = EACCES;
    return good;
  };
  if (program.find('/') != std::string::npos) {
    if (executable(program)) return std::nullopt;
  } else {
    const char* const variable = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe)
    std::string_view rest = variable == nullptr ? "/bin:/usr/bin" : variable;
    while (true) {
      const auto colon = rest.find(':');
      const std::string folder(rest.substr(0, colon));
      if (executable((folder.empty() ? "." : folder) + "/" + program)) return std::nullopt;
      if (colon == std::string_view::npos) break;
      rest.remove_prefix(colon + 1);
    }
  }
  context.console.failure(
      ExitStatus::usage,
      failure_message("run", in_quotes(program),
                      fmt::format("{} ({}); nothing was opened", sys::errno_text(error),
                                  sys::errno_name(error))));
  return Exit{ExitStatus::usage};
}

}  // namespace tcptool::cmd
