// SPDX-License-Identifier: MIT
// Events as strace -T prints them: strace_line.cc, strace_args.cc, strace_strings.cc, control.cc.
// Whether strace agrees is for tests/oracle/ to say.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>

#include "trace/open_sink.h"
#include "trace/strace_args.h"

using namespace std::chrono_literals;
using namespace tcptool;
using sys::Syscall;
using trace::ArgKind;
using trace::Event;

namespace {

Event event_of(Syscall call, sys::Outcome outcome = {}) {
  Event event(call);
  event.outcome = outcome;
  event.duration = 12us;
  return event;
}

std::string text_of(std::string_view bytes, std::int64_t whole) {
  std::string out;
  trace::append_strace_string(out, std::as_bytes(std::span(bytes)), whole);
  return out;
}

}  // namespace

TEST_CASE("the result stands in column 40, and the duration has microseconds") {
  Event event = event_of(Syscall::close);
  event.add("fd", ArgKind::fd, 3);
  CHECK(trace::strace_line(event) == "close(3)                                = 0 <0.000012>");
  event.duration = 2s + 345us;
  CHECK(trace::strace_line(event).ends_with(" = 0 <2.000345>"));
  event.duration = Event::unknown_duration;
  CHECK(trace::strace_line(event).ends_with(" = 0 <unavailable>"));
  event.returned = false;
  CHECK(trace::strace_line(event).ends_with(" = ? <unavailable>"));
}

TEST_CASE("an error has its name and the C library's text") {
  CHECK(trace::strace_line(event_of(Syscall::getpid, {-1, ECONNREFUSED}))
            .find(" = -1 ECONNREFUSED (Connection refused) <") != std::string::npos);
}

TEST_CASE(
    "strings have C's escapes, octal no longer than it must be, and dots where they were cut") {
  using namespace std::string_view_literals;
  CHECK(text_of("a\n\t\r\v\f\"\\"sv, 8) == R"("a\n\t\r\v\f\"\\")");
  CHECK(text_of("\0\0011\x1b[\377"sv, 6) == R"("\0\0011\33[\377")");
  CHECK(text_of("\0001"sv, 2) == R"("\0001")");
  CHECK(text_of("\0067\0068"sv, 4) == R"("\0067\68")");
  CHECK(text_of("abc"sv, 4) == R"("abc"...)");
  CHECK(text_of(""sv, 0) == R"("")");
}

TEST_CASE("addresses are structures") {
  std::string out;
  trace::append_strace_address(out, sys::Address::parse("2001:db8::1", 80)->bytes());
  CHECK(out == R"({sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), )"
               R"(inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0})");
  out.clear();
  trace::append_strace_address(out, {});
  CHECK(out == "{sa_family=AF_UNSPEC, ...}");
}

TEST_CASE("the kernel's call is shown where the C library's is another") {
  Event open = event_of(Syscall::open, {3, 0});
  open.add_text("pathname", "/a");
  open.add("flags", ArgKind::open_flags, O_WRONLY | O_CREAT);
  open.add("mode", ArgKind::permissions, 0640);
  CHECK(trace::strace_line(open).starts_with(
      R"(openat(AT_FDCWD, "/a", O_WRONLY|O_CREAT, 0640) = 3)"));
  Event action = event_of(Syscall::sigaction);
  action.add("signum", ArgKind::signal, SIGPIPE);
  action.add_packed("act", ArgKind::signal_action, trace::SignalAction{1, 0, 0});
  CHECK(trace::strace_line(action).starts_with(
      "rt_sigaction(SIGPIPE, {sa_handler=SIG_IGN, sa_mask=[], sa_flags=0}, NULL, 8) = 0"));
  Event old = event_of(Syscall::sigaction);
  old.add("signum", ArgKind::signal, SIGINT);
  old.add_packed("oldact", ArgKind::signal_action, trace::SignalAction{0, 1 << SIGHUP, 0x4});
  CHECK(trace::strace_line(old).starts_with(
      "rt_sigaction(SIGINT, NULL, {sa_handler=SIG_DFL, sa_mask=[HUP], sa_flags=0x4}, 8) = 0"));
  Event blocked = event_of(Syscall::signalfd, {3, 0});
  blocked.add("fd", ArgKind::fd, -1);
  blocked.add("mask", ArgKind::signal_set, 1 << SIGINT | 1 << SIGTERM);
  blocked.add("flags", ArgKind::signalfd_flags, SFD_CLOEXEC);
  CHECK(trace::strace_line(blocked).starts_with("signalfd4(-1, [INT TERM], 8, SFD_CLOEXEC) = 3"));
  Event status = event_of(Syscall::fstat);
  status.add("fd", ArgKind::fd, 0);
  status.add_packed("statbuf", ArgKind::file_status, trace::FileStatus{S_IFCHR | 0620, 136, 0, 0});
  CHECK(trace::strace_line(status).starts_with(
      R"(newfstatat(0, "", {st_mode=S_IFCHR|0620, st_rdev=makedev(0x88, 0), ...}, AT_EMPTY_)"));
  CHECK(trace::strace_line(event_of(Syscall::getaddrinfo)).empty());
}

TEST_CASE("of polled descriptors those that are ready stand behind the result") {
  const std::array<pollfd, 3> fds{{{4, POLLIN, POLLIN | POLLHUP}, {-1, 0, 0}, {5, POLLOUT, 0}}};
  Event event = event_of(Syscall::poll, {1, 0});
  event.add("fds", ArgKind::poll_fds, 3, std::as_bytes(std::span(fds)));
  event.add("timeout", ArgKind::integer, -1);
  CHECK(trace::strace_line(event) ==
        "poll([{fd=4, events=POLLIN}, {fd=-1}, {fd=5, events=POLLOUT}], 3, -1) = 1 "
        "([{fd=4, revents=POLLIN|POLLHUP}]) <0.000012>");
  event.outcome = {0, 0};
  CHECK(trace::strace_line(event).ends_with(" = 0 (Timeout) <0.000012>"));
}

TEST_CASE("the offset that splice is not given is NULL, and so is a buffer, and sendfile has one") {
  Event splice = event_of(Syscall::splice, {65536, 0});
  splice.add("fd_in", ArgKind::fd, 0);
  splice.add_pointer("off_in", nullptr);
  splice.add("fd_out", ArgKind::fd, 4);
  splice.add_pointer("off_out", nullptr);
  splice.add("len", ArgKind::integer, 1 << 20);
  splice.add("flags", ArgKind::splice_flags, SPLICE_F_NONBLOCK);
  CHECK(trace::strace_line(splice) ==
        "splice(0, NULL, 4, NULL, 1048576, SPLICE_F_NONBLOCK) = 65536 <0.000012>");
  Event placed = event_of(Syscall::splice, {4, 0});
  placed.add("fd_in", ArgKind::fd, 5);
  placed.add("off_out", ArgKind::offset, 4711);
  CHECK(trace::strace_line(placed).starts_with("splice(5, [4711]) "));
  Event sendfile = event_of(Syscall::sendfile, {-1, EAGAIN});
  sendfile.add("out_fd", ArgKind::fd, 4);
  sendfile.add("in_fd", ArgKind::fd, 0);
  Event moved = sendfile;
  sendfile.add_offset("offset", 4096, 4096);
  sendfile.add("count", ArgKind::integer, 1 << 20);
  CHECK(trace::strace_line(sendfile).starts_with("sendfile(4, 0, [4096], 1048576)         = -1 "));
  moved.outcome = {4711, 0};
  moved.add_offset("offset", 4096, 8807);
  moved.add("count", ArgKind::integer, 1 << 20);
  CHECK(trace::strace_line(moved).starts_with("sendfile(4, 0, [4096] => [8807], 1048576) = 47"));
  Event size = event_of(Syscall::fcntl, {262144, 0});
  size.add("fd", ArgKind::fd, 1);
  size.add("op", ArgKind::fcntl_op, F_SETPIPE_SZ);
  size.add("arg", ArgKind::integer, 262144);
  CHECK(trace::strace_line(size).starts_with("fcntl(1, F_SETPIPE_SZ, 262144)          = 262144 "));
}

TEST_CASE("lengths, options and queues are in brackets where they come back through a pointer") {
  const int error = ECONNREFUSED;
  Event event = event_of(Syscall::getsockopt);
  event.add("sockfd", ArgKind::fd, 3);
  event.add("level", ArgKind::level, SOL_SOCKET);
  event.add("optname", ArgKind::option, SO_ERROR);
  event.add("optval", ArgKind::option_value, sizeof error, std::as_bytes(std::span(&error, 1)));
  event.add_length("optlen", 4, 4);
  CHECK(trace::strace_line(event).starts_with(
      "getsockopt(3, SOL_SOCKET, SO_ERROR, [ECONNREFUSED], [4]) = 0"));
  Event queue = event_of(Syscall::ioctl);
  queue.add("fd", ArgKind::fd, 3);
  queue.add("op", ArgKind::ioctl_request, TIOCOUTQ);
  queue.add("argp", ArgKind::ioctl_value, 7);
  CHECK(trace::strace_line(queue).starts_with("ioctl(3, TIOCOUTQ, [7]) "));
  Event flags = event_of(Syscall::fcntl, {O_RDWR | O_NONBLOCK, 0});
  flags.add("fd", ArgKind::fd, 0);
  flags.add("op", ArgKind::fcntl_op, F_GETFL);
  CHECK(trace::strace_line(flags).find(" = 0x802 (flags O_RDWR|O_NONBLOCK) <") !=
        std::string::npos);
}
