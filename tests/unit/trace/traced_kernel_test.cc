// SPDX-License-Identifier: MIT
#include "trace/traced_kernel.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <vector>

#include "support/scripted_kernel.h"
#include "support/told.h"
#include "support/world.h"
#include "sys/linux_kernel.h"
#include "sys/lookup.h"

using namespace tcptool;
using sys::Outcome;
using sys::Syscall;
using test::Told;

namespace {

struct Scene {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel inner{linux_kernel};
  Told told;
  trace::TracedKernel kernel{inner, told.journal};

  // Plays `played` for the call, and demands that it comes back and is told, once.
  template <class Make>
  void check(Syscall call, Make make, bool told_before = false) {
    CAPTURE(sys::name(call));
    for (const Outcome& played : {Outcome{-1, EINTR}, Outcome{0, 0}}) {
      sys::LinuxKernel real;
      test::ScriptedKernel fresh(real);
      Told fresh_told;
      trace::TracedKernel traced(fresh, fresh_told.journal);
      auto& script = fresh.script(call);
      played.ok() ? script.answers(played.value) : script.fails(played.error);
      const Outcome got = make(traced);
      CHECK(got.value == played.value);
      CHECK(got.error == played.error);
      REQUIRE(fresh_told.events().size() == 1);
      CHECK(fresh_told.events()[0].call == call);
      CHECK(fresh_told.events()[0].returned == !told_before);
      if (!told_before) CHECK(fresh_told.events()[0].outcome.error == played.error);
      CHECK(fresh.calls().size() == 1);
    }
  }
};

}  // namespace

TEST_CASE("every call is made once, its outcome returned as it is, and told as one event") {
  Scene scene;
  const sys::Address address = sys::Address::loopback(AF_INET, 9);
  std::array<std::byte, 8> buffer{};
  const std::span<std::byte> bytes(buffer);
  sigset_t set;
  sigemptyset(&set);
  using Kernel = sys::Kernel;
  sys::Address found;
  scene.check(Syscall::accept4, [&](Kernel& k) { return k.accept4(7, found, 0); });
  scene.check(Syscall::bind, [&](Kernel& k) { return k.bind(7, address); });
  scene.check(Syscall::connect, [&](Kernel& k) { return k.connect(7, address); });
  epoll_event ready{};
  scene.check(Syscall::epoll_create1, [&](Kernel& k) { return k.epoll_create1(EPOLL_CLOEXEC); });
  scene.check(Syscall::epoll_ctl, [&](Kernel& k) { return k.epoll_ctl(7, 1, 8, ready); });
  scene.check(Syscall::epoll_wait, [&](Kernel& k) { return k.epoll_wait(7, {&ready, 1}, 0); });
  scene.check(Syscall::fcntl, [&](Kernel& k) { return k.fcntl(7, F_GETFL, 0); });
  scene.check(Syscall::fstat, [&](Kernel& k) {
    struct stat status {};
    return k.fstat(7, status);
  });
  scene.check(Syscall::getdents64, [&](Kernel& k) {
    std::vector<std::string> names;
    return k.getdents64(7, names);
  });
  scene.check(Syscall::getpeername, [&](Kernel& k) { return k.getpeername(7, found); });
  scene.check(Syscall::getpid, [&](Kernel& k) { return k.getpid(); });
  scene.check(Syscall::getsockname, [&](Kernel& k) { return k.getsockname(7, found); });
  scene.check(Syscall::getsockopt,
              [&](Kernel& k) { return k.getsockopt(7, SOL_SOCKET, SO_ERROR, bytes); });
  scene.check(Syscall::getuid, [&](Kernel& k) { return k.getuid(); });
  scene.check(Syscall::ioctl, [&](Kernel& k) {
    int queued = 0;
    return k.ioctl(7, TIOCOUTQ, queued);
  });
  scene.check(Syscall::kill, [&](Kernel& k) { return k.kill(::getpid(), 0); });
  scene.check(Syscall::listen, [&](Kernel& k) { return k.listen(7, 1); });
  scene.check(Syscall::lseek, [&](Kernel& k) { return k.lseek(7, 100, SEEK_CUR); });
  scene.check(Syscall::open, [&](Kernel& k) { return k.open("/dev/null", O_RDONLY, 0); });
  scene.check(Syscall::pidfd_getfd, [&](Kernel& k) { return k.pidfd_getfd(7, 0, 0); });
  scene.check(Syscall::pidfd_open, [&](Kernel& k) { return k.pidfd_open(::getpid(), 0); });
  scene.check(Syscall::pipe2, [&](Kernel& k) {
    std::array<int, 2> ends{};
    return k.pipe2(ends, O_CLOEXEC);
  });
  scene.check(Syscall::poll, [&](Kernel& k) { return k.poll({}, 0); });
  scene.check(Syscall::pread, [&](Kernel& k) { return k.pread(7, bytes, 1); });
  scene.check(Syscall::read, [&](Kernel& k) { return k.read(7, bytes); });
  scene.check(Syscall::prlimit64, [&](Kernel& k) {
    sys::RLimit limit;
    return k.prlimit64(RLIMIT_NOFILE, nullptr, &limit);
  });
  scene.check(Syscall::readlink, [&](Kernel& k) { return k.readlink("a", bytes); });
  scene.check(Syscall::recv, [&](Kernel& k) { return k.recv(7, bytes, 0); });
  scene.check(Syscall::recvmsg, [&](Kernel& k) {
    msghdr message{};
    return k.recvmsg(7, message, 0);
  });
  scene.check(Syscall::rename, [&](Kernel& k) { return k.rename("a", "b"); });
  scene.check(Syscall::send, [&](Kernel& k) { return k.send(7, bytes, MSG_NOSIGNAL); });
  std::int64_t offset = 0;
  scene.check(Syscall::sendfile, [&](Kernel& k) { return k.sendfile(7, 8, offset, 100); });
  scene.check(Syscall::setsockopt,
              [&](Kernel& k) { return k.setsockopt(7, SOL_SOCKET, SO_LINGER, bytes); });
  scene.check(Syscall::shutdown, [&](Kernel& k) { return k.shutdown(7, SHUT_WR); });
  scene.check(Syscall::sigaction, [&](Kernel& k) { return k.sigaction(2, nullptr, nullptr); });
  scene.check(Syscall::signalfd, [&](Kernel& k) { return k.signalfd(-1, set, 0); });
  scene.check(Syscall::sigprocmask, [&](Kernel& k) { return k.sigprocmask(SIG_BLOCK, set); });
  scene.check(
      Syscall::sigprocmask, [&](Kernel& k) { return k.sigprocmask(SIG_UNBLOCK, set); }, true);
  scene.check(Syscall::socket, [&](Kernel& k) { return k.socket(AF_INET, SOCK_STREAM, 0); });
  scene.check(Syscall::splice,
              [&](Kernel& k) { return k.splice(7, 8, nullptr, 100, SPLICE_F_NONBLOCK); });
  scene.check(Syscall::unlink, [&](Kernel& k) { return k.unlink("a"); });
  scene.check(Syscall::wait4, [&](Kernel& k) {
    int wstatus = 0;
    return k.wait4(-1, wstatus, WNOHANG);
  });
  scene.check(Syscall::write, [&](Kernel& k) { return k.write(7, bytes); });
  scene.check(Syscall::if_indextoname, [&](Kernel& k) {
    std::string name;
    return k.if_indextoname(1, name);
  });
  scene.check(Syscall::if_nametoindex, [&](Kernel& k) { return k.if_nametoindex("lo"); });
  scene.check(Syscall::posix_spawn, [&](Kernel& k) {
    return k.posix_spawn({{"true"}, {}, {}, 7});
  });
  scene.check(Syscall::getaddrinfo, [&](Kernel& k) {
    return k.start_lookup({"localhost", "", AF_INET}, 7);
  });
}

TEST_CASE("a close is told, and closes") {
  Scene scene;
  CHECK(scene.kernel.close(scene.kernel.open("/dev/null", O_RDONLY, 0).as_int()).ok());
  CHECK(scene.told.events().size() == 2);
  CHECK(scene.inner.open_descriptors().empty());
}

TEST_CASE("an event keeps what was moved, not what there was room for") {
  Scene scene;
  const test::Pipe pipe = test::make_pipe();
  pipe.write_end.write("abc");
  std::array<std::byte, 100> buffer{};
  REQUIRE(scene.kernel.read(pipe.read_end.fd(), buffer).value == 3);
  const trace::Event& event = scene.told.events().back();
  CHECK(event.args[1].name == "buf");
  CHECK(event.args[1].value == 3);
  CHECK(event.blob(event.args[1]).size() == 3);
  CHECK(event.args[2].value == 100);
}

TEST_CASE("of the events that epoll gave the first eight are kept, and all are counted") {
  Scene scene;
  const test::Plug epoll(scene.kernel.epoll_create1(EPOLL_CLOEXEC).as_int());
  std::vector<test::Pipe> pipes(12);
  epoll_event event{};
  event.events = EPOLLOUT;
  for (test::Pipe& pipe : pipes) {
    pipe = test::make_pipe();
    REQUIRE(scene.kernel.epoll_ctl(epoll.fd(), EPOLL_CTL_ADD, pipe.write_end.fd(), event).ok());
  }
  std::array<epoll_event, 64> ready{};
  REQUIRE(scene.kernel.epoll_wait(epoll.fd(), ready, 0).value == 12);
  const trace::Event& told = scene.told.events().back();
  CHECK(told.args[1].value == 12);
  CHECK(told.blob(told.args[1]).size() == 8 * sizeof(epoll_event));
  CHECK(told.args[2].value == 64);
}

TEST_CASE("a look-up is told at its start and with its answer, timed over both") {
  Scene scene;
  {
    auto lookup = sys::PendingLookup::start(scene.kernel, {"localhost", "", AF_INET});
    REQUIRE(lookup);
    pollfd ready{lookup->fd(), POLLIN, 0};
    REQUIRE(::poll(&ready, 1, 5000) == 1);
    REQUIRE(lookup->finish());
  }
  const auto& events = scene.told.events();
  REQUIRE(events.size() == 5);
  CHECK(events[0].call == Syscall::pipe2);
  CHECK(events[1].call == Syscall::getaddrinfo);
  CHECK(events[2].call == Syscall::read);
  CHECK(events[3].call == Syscall::getaddrinfo);
  CHECK(events[3].start == events[1].start);
  CHECK(events[3].duration >= events[1].duration);
  CHECK(events[3].args[0].name == "node");
  CHECK(events[4].call == Syscall::close);
}

TEST_CASE("reading the clock is no event") {
  Scene scene;
  CHECK(scene.kernel.now().time_since_epoch().count() != 0);
  CHECK(scene.kernel.wall_clock().time_since_epoch().count() != 0);
  CHECK(scene.told.events().empty());
}

TEST_CASE("with nobody to tell, the clock is read for no call, and the last calls are kept") {
  sys::LinuxKernel real;
  test::ScriptedKernel inner(real);
  trace::Journal journal;
  journal.stop_waiting_for_sinks();
  trace::TracedKernel kernel(inner, journal);
  const sys::TimePoint last = kernel.now();
  for (int i = 0; i < 100; ++i) static_cast<void>(kernel.getpid());
  inner.script(Syscall::listen).fails(EADDRINUSE);
  static_cast<void>(kernel.listen(7, 5));
  const auto kept = journal.last(20);
  REQUIRE(kept.size() == 20);
  CHECK(kept.front()->call == Syscall::getpid);
  CHECK(kept.back()->call == Syscall::listen);
  CHECK(kept.back()->outcome.error == EADDRINUSE);
  CHECK(kept.back()->start == last);
  CHECK(kept.back()->duration == trace::Event::unknown_duration);
  CHECK(journal.last(1000).size() == trace::Journal::kept);
}
