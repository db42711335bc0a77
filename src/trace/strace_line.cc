// SPDX-License-Identifier: MIT
// A line as `strace -T` prints it: the kernel's own call where libc's has another name or other
// arguments, no time of day.
#include <fcntl.h>
#include <fmt/format.h>

#include <cstring>

#include "sys/names.h"
#include "trace/open_sink.h"
#include "trace/strace_args.h"

namespace tcptool::trace {
namespace {

using sys::Syscall;

// What libc's call becomes: the kernel's name, and the arguments that libc adds.
struct KernelCall {
  std::string_view name;
  std::string_view before;  // in front of the others
  std::string_view after;   // behind them
};

KernelCall kernel_call(const Event& event) {
  switch (event.call) {
    case Syscall::open:
      return {"openat", "AT_FDCWD, ", ""};
    case Syscall::recv:
      return {"recvfrom", "", ", NULL, NULL"};
    case Syscall::send:
      return {"sendto", "", ", NULL, 0"};
    case Syscall::prctl:
      return {"prctl", "", ", 0, 0, 0"};
    case Syscall::pread:
      return {"pread64", "", ""};
    case Syscall::prlimit64:
      return {"prlimit64", "0, ", ""};  // of this process
    case Syscall::wait4:
      return {"wait4", "", ", NULL"};  // no rusage
    case Syscall::sigaction:
      return {"rt_sigaction", "", ", 8"};
    case Syscall::sigprocmask:
      return {"rt_sigprocmask", "", ", NULL, 8"};
    case Syscall::signalfd:
      return {"signalfd4", "", ""};
    case Syscall::fstat:
      return {"newfstatat", "", ", AT_EMPTY_PATH"};
    case Syscall::getdents64:
      return {"getdents64", "", event.outcome.ok() ? " entries */" : ""};
    default:
      return {name(event.call), "", ""};
  }
}

void append_arguments(std::string& out, const Event& event) {
  bool first = true;
  for (const Arg& arg : event.arguments()) {
    if (!first) out += ", ";
    first = false;
    // libc's fstat hands over an empty path, its signalfd the size of the kernel's set.
    if (event.call == Syscall::fstat && &arg != &event.args.front()) out += "\"\", ";
    if (event.call == Syscall::getdents64 && arg.kind == ArgKind::integer) out += "/* ";
    append_strace(out, event, arg);
    if (event.call == Syscall::signalfd && arg.kind == ArgKind::signal_set) out += ", 8";
  }
  if (event.call == Syscall::sigaction) {
    // One of act and oldact is null, and is not among the event's arguments.
    const auto args = event.arguments();
    const bool has_act = args.size() > 1 && args[1].name == "act";
    const bool has_oldact = args.size() > 1 && args.back().name == "oldact";
    if (!has_oldact) out += ", NULL";
    if (!has_act) out.insert(out.find(", ") + 2, "NULL, ");
  }
}

void append_ready_fds(std::string& out, const Event& event) {
  const Arg* const fds = event.find(ArgKind::poll_fds);
  if (fds == nullptr || event.outcome.value <= 0) {
    out += " (Timeout)";
    return;
  }
  const auto kept = event.blob(*fds);
  out += " ([";
  for (std::size_t i = 0; i < kept.size() / sizeof(pollfd); ++i) {
    const auto fd = unpack<pollfd>(kept, i * sizeof(pollfd));
    if (fd.revents == 0) continue;
    if (out.back() != '[') out += ", ";
    fmt::format_to(std::back_inserter(out), "{{fd={}, revents={}}}", fd.fd,
                   sys::poll_events_name(fd.revents));
  }
  out += "])";
}

void append_fcntl_flags(std::string& out, const Event& event) {
  const Arg* const op = event.find(ArgKind::fcntl_op);
  const int flags = event.outcome.as_int();
  const auto hex = static_cast<unsigned>(flags);
  if (op != nullptr && op->value == F_GETFL) {
    out.resize(out.size() - fmt::format("{}", flags).size());
    fmt::format_to(std::back_inserter(out), "{:#x} (flags {})", hex, sys::open_flags_name(flags));
    if (flags == 0) out.replace(out.rfind("0x0 "), 3, "0");
  } else if (op != nullptr && op->value == F_GETFD && flags != 0) {
    out.resize(out.size() - fmt::format("{}", flags).size());
    fmt::format_to(std::back_inserter(out), "{:#x} (flags FD_CLOEXEC)", hex);
  }
}

void append_outcome(std::string& out, const Event& event) {
  const sys::Outcome& outcome = event.outcome;
  if (!event.returned) {
    out += '?';
  } else if (!outcome.ok()) {
    const char* const text = strerrordesc_np(outcome.error);
    fmt::format_to(std::back_inserter(out), "-1 {} ({})", sys::errno_name(outcome.error),
                   text != nullptr ? text : "Unknown error");
  } else {
    fmt::format_to(std::back_inserter(out), "{}", outcome.value);
    if (event.call == Syscall::poll) append_ready_fds(out, event);
    if (event.call == Syscall::fcntl) append_fcntl_flags(out, event);
  }
}

}  // namespace

std::string strace_line(const Event& event) {
  // Those of section 3 are no calls of the kernel's.
  if (event.call >= Syscall::getaddrinfo) return {};
  constexpr std::size_t result_column = 40;
  const KernelCall call = kernel_call(event);
  std::string arguments;
  append_arguments(arguments, event);
  std::string line = fmt::format("{}({}{}{})", call.name, call.before, arguments, call.after);
  if (line.size() < result_column - 1) line.resize(result_column - 1, ' ');
  line += " = ";
  append_outcome(line, event);
  if (event.duration >= std::chrono::nanoseconds(0)) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(event.duration).count();
    fmt::format_to(std::back_inserter(line), " <{}.{:06}>", us / 1'000'000, us % 1'000'000);
  } else {
    line += " <unavailable>";
  }
  return line;
}

}  // namespace tcptool::trace
