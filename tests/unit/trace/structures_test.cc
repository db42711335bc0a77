// SPDX-License-Identifier: MIT
// The calls on epoll, limits and children in each rendering: structures.cc.
#include "trace/structures.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>

#include "trace/explain.h"
#include "trace/open_sink.h"

using namespace tcptool;
using sys::Syscall;
using trace::ArgKind;
using trace::Event;

namespace {

Event event_of(Syscall call, sys::Outcome outcome = {}) {
  Event event(call);
  event.outcome = outcome;
  event.duration = Event::unknown_duration;
  return event;
}

epoll_event ready(std::uint32_t events, std::uint64_t data) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = data;
  return event;
}

// Without the duration, and the blanks in front of the result.
std::string strace(const Event& event) {
  std::string line = trace::strace_line(event);
  line.resize(line.rfind(" <"));
  const std::size_t result = line.rfind(" = ");
  const std::size_t arguments = line.find_last_not_of(' ', result) + 1;
  return line.erase(arguments, result - arguments);
}
std::string text(const Event& event) {
  return trace::text_line(event, event.start, false).substr(14);
}
std::string json_args(const Event& event) {
  const std::string line = trace::json_line(event, event.start);
  const std::size_t from = line.find("\"args\":") + 7;
  return line.substr(from, line.find(",\"result\"") - from);
}

Event waited(int wstatus) {
  Event event = event_of(Syscall::wait4, {7, 0});
  event.add("pid", ArgKind::integer, 7);
  event.add("wstatus", ArgKind::wait_status, wstatus);
  event.add("options", ArgKind::wait_options, WNOHANG);
  return event;
}

}  // namespace

TEST_CASE("epoll's set is made and changed") {
  Event made = event_of(Syscall::epoll_create1, {3, 0});
  made.add("flags", ArgKind::epoll_flags, EPOLL_CLOEXEC);
  CHECK(text(made) == "epoll_create1(flags=EPOLL_CLOEXEC) = 3");
  Event event = event_of(Syscall::epoll_ctl);
  event.add("epfd", ArgKind::fd, 3);
  event.add("op", ArgKind::epoll_op, EPOLL_CTL_MOD);
  event.add("fd", ArgKind::fd, 5);
  event.add_packed("event", ArgKind::epoll_event,
                   ready(EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, 5'000'000'000));
  CHECK(strace(event) ==
        "epoll_ctl(3, EPOLL_CTL_MOD, 5, {events=EPOLLIN|EPOLLOUT|EPOLLRDHUP|EPOLLET, "
        "data={u32=705032704, u64=5000000000}}) = 0");
  CHECK(text(event) ==
        "epoll_ctl(epfd=3, op=EPOLL_CTL_MOD, fd=5, "
        "event={events=EPOLLIN|EPOLLOUT|EPOLLRDHUP|EPOLLET, data=5000000000}) = 0");
  CHECK(json_args(event) ==
        R"({"epfd":3,"op":"EPOLL_CTL_MOD","fd":5,"event":)"
        R"({"events":"EPOLLIN|EPOLLOUT|EPOLLRDHUP|EPOLLET","data":5000000000}})");
  Event gone = event_of(Syscall::epoll_ctl);
  gone.add("epfd", ArgKind::fd, 3);
  gone.add("op", ArgKind::epoll_op, EPOLL_CTL_DEL);
  gone.add("fd", ArgKind::fd, 5);
  gone.add("event", ArgKind::pointer, 0x7ffc0010);
  CHECK(strace(gone) == "epoll_ctl(3, EPOLL_CTL_DEL, 5, 0x7ffc0010) = 0");
  CHECK(text(gone) == "epoll_ctl(epfd=3, op=EPOLL_CTL_DEL, fd=5) = 0");
  CHECK(json_args(gone) == R"({"epfd":3,"op":"EPOLL_CTL_DEL","fd":5})");
}

TEST_CASE("of the events that epoll gave there are dots behind the last that was kept") {
  const std::array<epoll_event, 2> kept{ready(EPOLLIN, 7), ready(EPOLLHUP, UINT64_MAX)};
  Event event = event_of(Syscall::epoll_wait, {2, 0});
  event.add("epfd", ArgKind::fd, 3);
  event.add("events", ArgKind::epoll_events, 2, std::as_bytes(std::span(kept)));
  event.add("maxevents", ArgKind::integer, 64);
  event.add("timeout", ArgKind::integer, -1);
  CHECK(strace(event) ==
        "epoll_wait(3, [{events=EPOLLIN, data={u32=7, u64=7}}, {events=EPOLLHUP, "
        "data={u32=4294967295, u64=18446744073709551615}}], 64, -1) = 2");
  CHECK(text(event) ==
        "epoll_wait(epfd=3, events=[{events=EPOLLIN, data=7}, "
        "{events=EPOLLHUP, data=18446744073709551615}], maxevents=64, timeout=-1) = 2");
  CHECK(json_args(event) ==
        R"({"epfd":3,"events":[{"events":"EPOLLIN","data":7},)"
        R"({"events":"EPOLLHUP","data":18446744073709551615}],"maxevents":64,"timeout":-1})");
  CHECK(trace::explain(event).starts_with("application: slept until 2 of"));
  event.args[1].value = 3;
  CHECK(strace(event).find("}}, ...], 64, -1) = ") != std::string::npos);
  CHECK(text(event).find("}, ...], maxevents=64") != std::string::npos);
}

TEST_CASE("a limit is read, or set, or both") {
  Event event = event_of(Syscall::prlimit64);
  event.add("resource", ArgKind::resource, RLIMIT_NOFILE);
  event.add_pointer("new_limit", nullptr);
  event.add_packed("old_limit", ArgKind::limits, sys::RLimit{2048, RLIM_INFINITY});
  CHECK(strace(event) ==
        "prlimit64(0, RLIMIT_NOFILE, NULL, {rlim_cur=2*1024, rlim_max=RLIM64_INFINITY}) = 0");
  CHECK(text(event) ==
        "prlimit64(resource=RLIMIT_NOFILE, "
        "old_limit={rlim_cur=2048, rlim_max=RLIM_INFINITY}) = 0");
  CHECK(json_args(event) == R"({"resource":"RLIMIT_NOFILE","old_limit":)"
                            R"({"rlim_cur":2048,"rlim_max":"RLIM_INFINITY"}})");
  Event set = event_of(Syscall::prlimit64);
  set.add("resource", ArgKind::resource, RLIMIT_NOFILE);
  set.add_packed("new_limit", ArgKind::limits, sys::RLimit{1024, 20000});
  set.add_pointer("old_limit", nullptr);
  CHECK(strace(set) == "prlimit64(0, RLIMIT_NOFILE, {rlim_cur=1024, rlim_max=20000}, NULL) = 0");
}

TEST_CASE("a child's state is its exit status, or the signal that ended it") {
  constexpr int exited = 3 << 8;
  constexpr int dumped = 0x80;
  CHECK(strace(waited(exited)) ==
        "wait4(7, [{WIFEXITED(s) && WEXITSTATUS(s) == 3}], WNOHANG, NULL) = 7");
  CHECK(text(waited(exited)) == "wait4(pid=7, wstatus={WEXITSTATUS=3}, options=WNOHANG) = 7");
  CHECK(json_args(waited(exited)) ==
        R"({"pid":7,"wstatus":{"WEXITSTATUS":3},"options":"WNOHANG"})");
  CHECK(strace(waited(SIGKILL)) ==
        "wait4(7, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL}], WNOHANG, NULL) = 7");
  CHECK(strace(waited(SIGSEGV | dumped)) ==
        "wait4(7, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}], WNOHANG, NULL) "
        "= 7");
  CHECK(text(waited(SIGSEGV | dumped)) ==
        "wait4(pid=7, wstatus={WTERMSIG=SIGSEGV, WCOREDUMP}, options=WNOHANG) = 7");
  CHECK(json_args(waited(SIGSEGV | dumped)) ==
        R"({"pid":7,"wstatus":{"WTERMSIG":"SIGSEGV","WCOREDUMP":true},"options":"WNOHANG"})");
  Event none = event_of(Syscall::wait4);
  none.add("pid", ArgKind::integer, 7);
  none.add("wstatus", ArgKind::pointer, 0x7ffc0010);
  none.add("options", ArgKind::wait_options, WNOHANG);
  CHECK(strace(none) == "wait4(7, 0x7ffc0010, WNOHANG, NULL) = 0");
  CHECK(json_args(none) == R"({"pid":7,"options":"WNOHANG"})");
  CHECK(trace::explain(none) == "application: asks whether a child has ended: none has");
  Event watched = event_of(Syscall::pidfd_open, {9, 0});
  watched.add("pid", ArgKind::integer, 7);
  watched.add("flags", ArgKind::pidfd_flags, 0);
  CHECK(strace(watched) == "pidfd_open(7, 0) = 9");
  Event taken = event_of(Syscall::pidfd_getfd, {10, 0});
  taken.add("pidfd", ArgKind::fd, 9);
  taken.add("targetfd", ArgKind::integer, 0);
  taken.add("flags", ArgKind::integer, 0);
  CHECK(strace(taken) == "pidfd_getfd(9, 0, 0) = 10");
  CHECK(json_args(taken) == R"({"pidfd":9,"targetfd":0,"flags":0})");
}

TEST_CASE("a program that was started is told with as many of its arguments as there is room for") {
  const std::vector<std::string> argv{"sh", "-c", "echo \"\n\"", ""};
  Event event = event_of(Syscall::posix_spawn, {4711, 0});
  event.add_text("file", argv[0]);
  event.add_texts("argv", argv);
  CHECK(text(event) == R"(posix_spawn(file="sh", argv=["sh", "-c", "echo \"\n\"", ""]) = 4711)");
  CHECK(json_args(event) == R"({"file":"sh","argv":["sh","-c","echo \"\n\"",""]})");
  CHECK(trace::strace_line(event).empty());
  CHECK(trace::explain(event).find("as process 4711") != std::string::npos);
  Event cut = event_of(Syscall::posix_spawn, {-1, ENOENT});
  cut.add_texts("argv", std::vector<std::string>{"a", std::string(300, 'b'), "c"});
  CHECK(text(cut) == "posix_spawn(argv=[\"a\", \"" + std::string(254, 'b') +
                         "\"..., ...]) = -1 ENOENT (no such file or directory)");
}
