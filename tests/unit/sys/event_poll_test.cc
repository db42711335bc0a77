// SPDX-License-Identifier: MIT
#include "sys/event_poll.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "support/scripted_kernel.h"
#include "support/world.h"
#include "sys/linux_kernel.h"

using namespace std::chrono_literals;
using namespace tcptool;
using sys::Syscall;
using sys::Wake;

namespace {

struct Scene {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel{linux_kernel};
  test::Waiting waiting;
  sys::EventPoll poll;
  test::Pipe pipe = test::make_pipe();
  explicit Scene(sys::Deadline run_deadline = {})
      : waiting(kernel, run_deadline), poll(*sys::EventPoll::open(waiting.waiter)) {
    kernel.use_fake_clock();
  }
};

}  // namespace

TEST_CASE("what is ready is told under its token until it is watched no more") {
  Scene scene;
  const int fd = scene.pipe.read_end.fd();
  REQUIRE(scene.poll.add(fd, EPOLLIN, 77).ok());
  scene.kernel.when_idle([&] { scene.pipe.write_end.write("x"); });
  auto wake = scene.poll.wait({});
  REQUIRE(wake);
  CHECK(wake->reason == Wake::Reason::ready);
  REQUIRE(scene.poll.ready().size() == 1);
  CHECK(std::uint64_t{scene.poll.ready()[0].data.u64} == 77);
  CHECK(scene.poll.ready()[0].events == EPOLLIN);
  REQUIRE(scene.poll.change(fd, EPOLLIN, 78).ok());
  wake = scene.poll.wait({});
  REQUIRE(wake);
  CHECK(std::uint64_t{scene.poll.ready()[0].data.u64} == 78);
  REQUIRE(scene.poll.remove(fd).ok());
  wake = scene.poll.wait(scene.kernel.now() + 5ms);
  REQUIRE(wake);
  CHECK(wake->reason == Wake::Reason::deadline);
  CHECK(scene.poll.ready().empty());
}

TEST_CASE("a regular file is EPERM") {
  Scene scene;
  const test::TemporaryFolder folder;
  const test::Plug file = test::open_file(folder.file("f"), O_RDWR | O_CREAT);
  CHECK(scene.poll.add(file.fd(), EPOLLIN, 1).error == EPERM);
}

TEST_CASE("each signal ends one wait, and comes before what is ready") {
  Scene scene;
  REQUIRE(scene.poll.add(scene.pipe.read_end.fd(), EPOLLIN, 5).ok());
  scene.pipe.write_end.write("x");
  for (const int signum : {SIGTERM, SIGINT}) {
    ::kill(::getpid(), signum);
    const auto wake = scene.poll.wait({});
    REQUIRE(wake);
    CHECK(wake->reason == Wake::Reason::signal);
    CHECK(wake->signal == signum);
  }
  const auto wake = scene.poll.wait({});
  REQUIRE(wake);
  CHECK(wake->reason == Wake::Reason::ready);
}

TEST_CASE("a signal that somebody else has taken leaves the others that are ready") {
  Scene scene;
  REQUIRE(scene.poll.add(scene.pipe.read_end.fd(), EPOLLIN, 5).ok());
  scene.pipe.write_end.write("x");
  ::kill(::getpid(), SIGTERM);
  scene.kernel.script(Syscall::read).on(scene.waiting.signals.fd()).nth(1).fails(EAGAIN);
  auto wake = scene.poll.wait({});
  REQUIRE(wake);
  CHECK(wake->reason == Wake::Reason::ready);
  REQUIRE(scene.poll.ready().size() == 1);
  CHECK(std::uint64_t{scene.poll.ready()[0].data.u64} == 5);
  wake = scene.poll.wait({});
  CHECK(wake->reason == Wake::Reason::signal);
}

TEST_CASE("epoll_wait that is interrupted goes on, and any other failure is told") {
  Scene scene;
  scene.kernel.script(Syscall::epoll_wait).first(3).fails(EINTR);
  scene.kernel.script(Syscall::epoll_wait).nth(5).fails(EBADF);
  const auto wake = scene.poll.wait(scene.kernel.now() + 5ms);
  REQUIRE(wake);
  CHECK(wake->reason == Wake::Reason::deadline);
  CHECK(scene.kernel.count(Syscall::epoll_wait) == 4);
  const auto failed = scene.poll.wait({});
  REQUIRE_FALSE(failed);
  CHECK(failed.error().error == EBADF);
}

TEST_CASE("the run's deadline ends a wait, also one that has something ready") {
  for (const bool with_bytes : {false, true}) {
    Scene scene(sys::Clock::now() + 1h);
    REQUIRE(scene.poll.add(scene.pipe.read_end.fd(), EPOLLIN, 5).ok());
    if (with_bytes) {
      scene.pipe.write_end.write("x");
      scene.kernel.advance(2h);
    }
    const auto wake = scene.poll.wait({});
    REQUIRE(wake);
    CHECK(wake->reason == Wake::Reason::run_deadline);
  }
}

TEST_CASE("what cannot be opened is an error") {
  for (const Syscall call : {Syscall::epoll_create1, Syscall::epoll_ctl}) {
    sys::LinuxKernel linux_kernel;
    test::ScriptedKernel kernel(linux_kernel);
    test::Waiting waiting(kernel);
    kernel.script(call).fails(ENOMEM);
    const auto poll = sys::EventPoll::open(waiting.waiter);
    REQUIRE_FALSE(poll);
    CHECK(poll.error().call == call);
    CHECK(poll.error().error == ENOMEM);
  }
}
