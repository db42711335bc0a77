// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <cerrno>

#include "base/text.h"
#include "trace/decode.h"
#include "trace/open_sink.h"

namespace tcptool::trace {

namespace {

std::int64_t flags_of(const Event& event) {
  const Arg* const flags = event.find(ArgKind::message_flags);
  return flags != nullptr ? flags->value : 0;
}

// Whether the call has put something on its way to the peer (SYN, and shutdown's FIN, too), or
// taken something that came from there. Asking the kernel, or a name server, is neither; nor is
// close, which may send FIN, RST or nothing.
std::string_view arrow(const Event& event) {
  constexpr std::string_view none = "  ";
  const sys::Outcome& outcome = event.outcome;
  if (event.socket == Event::Socket::netlink || event.socket == Event::Socket::datagram)
    return none;
  if (event.call == sys::Syscall::connect && outcome.error == EINPROGRESS) return "->";
  if (!outcome.ok()) return none;
  switch (event.call) {
    case sys::Syscall::connect:
    case sys::Syscall::send:
    case sys::Syscall::shutdown:
      return "->";
    case sys::Syscall::sendfile:
      return outcome.value > 0 ? "->" : none;
    case sys::Syscall::splice:
      if (event.socket == Event::Socket::tcp) return "<-";
      return event.into == Event::Socket::tcp && outcome.value > 0 ? "->" : none;
    case sys::Syscall::recvmsg:
      return (flags_of(event) & MSG_ERRQUEUE) == 0 ? "<-" : none;
    case sys::Syscall::accept4:
    case sys::Syscall::recv:
      return "<-";
    default:
      return none;
  }
}

}  // namespace

std::string text_line(const Event& event, sys::TimePoint start, bool color) {
  const std::chrono::duration<double> since = event.start - start;
  std::string line = fmt::format("{:10.6f} {} ", since.count(), arrow(event));
  if (color) line += "\x1b[1m";
  line += name(event.call);
  if (color) line += "\x1b[0m";
  line += '(';
  bool first = true;
  for (const Arg& arg : event.arguments()) {
    // For people: what the kernel did not fill, and the lengths of addresses and options, say
    // nothing.
    if (arg.kind == ArgKind::pointer || arg.kind == ArgKind::length) continue;
    if (arg.kind == ArgKind::message && !event.outcome.ok()) continue;
    if (!first) line += ", ";
    first = false;
    fmt::format_to(std::back_inserter(line), "{}={}", arg.name, decode(event, arg));
  }
  line += ") = ";
  if (color && event.failed()) line += "\x1b[31m";
  line += decode_outcome(event);
  if (color && event.failed()) line += "\x1b[0m";
  if (event.duration >= std::chrono::nanoseconds(0)) {
    fmt::format_to(std::back_inserter(line), " <{}>", format_duration(event.duration));
  }
  return line;
}

}  // namespace tcptool::trace
