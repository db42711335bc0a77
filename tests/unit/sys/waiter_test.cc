// SPDX-License-Identifier: MIT
#include "sys/waiter.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
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
  test::Pipe pipe = test::make_pipe();
  std::array<pollfd, 1> fds{{{pipe.read_end.fd(), POLLIN, 0}}};
  Scene() { kernel.use_fake_clock(); }
};

}  // namespace

TEST_CASE("of two deadlines the earlier counts, and none is later than any") {
  const sys::TimePoint now = sys::Clock::now();
  CHECK(sys::earlier(now, now + 1s) == now);
  CHECK(sys::earlier(now + 1s, now) == now);
  CHECK(sys::earlier({}, now) == now);
  CHECK(sys::earlier(now, {}) == now);
  CHECK_FALSE(sys::earlier({}, {}));
}

TEST_CASE("a descriptor that is ready wakes with its events") {
  Scene scene;
  test::Waiting waiting(scene.kernel);
  scene.kernel.when_idle([&] { scene.pipe.write_end.write("x"); });
  const auto wake = waiting.waiter.wait(scene.fds, {});
  REQUIRE(wake);
  CHECK(wake->reason == Wake::Reason::ready);
  CHECK(scene.fds[0].revents == POLLIN);
  CHECK_FALSE(wake->interrupted());
}

TEST_CASE("the deadline wakes when it has come, not before, and clears old events") {
  Scene scene;
  test::Waiting waiting(scene.kernel);
  scene.fds[0].revents = POLLIN;
  const auto before = scene.kernel.now();
  const auto wake = waiting.waiter.wait(scene.fds, before + 1500us);
  CHECK(wake->reason == Wake::Reason::deadline);
  CHECK(scene.kernel.now() >= before + 1500us);
  CHECK(scene.fds[0].revents == 0);
  CHECK(waiting.waiter.wait(scene.fds, before)->reason == Wake::Reason::deadline);
}

TEST_CASE("a deadline further away than poll can count is waited for in parts") {
  Scene scene;
  test::Waiting waiting(scene.kernel);
  const auto before = scene.kernel.now();
  const auto wake = waiting.waiter.wait({}, before + 24h * 366);
  CHECK(wake->reason == Wake::Reason::deadline);
  CHECK(scene.kernel.now() >= before + 24h * 366);
}

TEST_CASE("the run's deadline outweighs a descriptor that is ready") {
  Scene scene;
  const auto start = scene.kernel.now();
  test::Waiting waiting(scene.kernel, start + 1s);
  CHECK(waiting.waiter.wait(scene.fds, {})->reason == Wake::Reason::run_deadline);
  scene.pipe.write_end.write("x");
  const auto wake = waiting.waiter.wait(scene.fds, start + 10s);
  CHECK(wake->reason == Wake::Reason::run_deadline);
  CHECK(wake->interrupted());
}

TEST_CASE("an interrupted poll goes on waiting") {
  Scene scene;
  test::Waiting waiting(scene.kernel);
  scene.kernel.script(Syscall::poll).first(3).fails(EINTR);
  scene.pipe.write_end.write("x");
  CHECK(waiting.waiter.wait(scene.fds, {})->reason == Wake::Reason::ready);
  CHECK(scene.kernel.count(Syscall::poll) == 4);
}

TEST_CASE("poll's own failure is returned") {
  Scene scene;
  test::Waiting waiting(scene.kernel);
  scene.kernel.script(Syscall::poll).fails(ENOMEM);
  const auto wake = waiting.waiter.wait(scene.fds, {});
  REQUIRE_FALSE(wake);
  CHECK(wake.error().call == Syscall::poll);
  CHECK(wake.error().error == ENOMEM);
}

TEST_CASE("a signal that has come and cannot be read ends the waiting") {
  Scene scene;
  test::Waiting waiting(scene.kernel);
  REQUIRE(::kill(::getpid(), SIGTERM) == 0);
  auto& reads = scene.kernel.script(Syscall::read).on(waiting.signals.fd());
  reads.nth(1).fails(EIO);
  const auto wake = waiting.waiter.wait(scene.fds, {});
  REQUIRE_FALSE(wake);
  CHECK(wake.error().call == Syscall::read);
  CHECK(wake.error().error == EIO);
  CHECK(waiting.waiter.wait(scene.fds, {})->signal == SIGTERM);
}

TEST_CASE("a signal sent to ourselves wakes and is named, before anything else") {
  for (const int signum : {SIGINT, SIGTERM, SIGHUP}) {
    CAPTURE(signum);
    Scene scene;
    test::Waiting waiting(scene.kernel);
    scene.pipe.write_end.write("x");
    REQUIRE(::kill(::getpid(), signum) == 0);
    const auto wake = waiting.waiter.wait(scene.fds, {});
    CHECK(wake->reason == Wake::Reason::signal);
    CHECK(wake->signal == signum);
    CHECK_FALSE(waiting.signals.take()->has_value());
    CHECK(waiting.waiter.signal_taken() == signum);
    // Whoever did not heed it must not make the others miss it.
    const auto again = waiting.waiter.wait(scene.fds, {});
    CHECK(again->reason == Wake::Reason::signal);
    CHECK(again->signal == signum);
  }
}

TEST_CASE("a signal that was ignored at start stays ignored") {
  Scene scene;
  struct sigaction ignore {};
  struct sigaction before {};
  ignore.sa_handler = SIG_IGN;
  REQUIRE(::sigaction(SIGINT, &ignore, &before) == 0);
  {
    test::Waiting waiting(scene.kernel);
    REQUIRE(::kill(::getpid(), SIGINT) == 0);
    CHECK(waiting.waiter.wait(scene.fds, scene.kernel.now() + 1s)->reason ==
          Wake::Reason::deadline);
    sigset_t mask;
    REQUIRE(::sigprocmask(SIG_SETMASK, nullptr, &mask) == 0);
    CHECK(::sigismember(&mask, SIGINT) == 0);
    CHECK(::sigismember(&mask, SIGTERM) == 1);
  }
  ::sigaction(SIGINT, &before, nullptr);
}

TEST_CASE("where every signal is ignored there is no descriptor, and waiting works") {
  Scene scene;
  std::array<struct sigaction, 3> before{};
  const std::array signals{SIGINT, SIGTERM, SIGHUP};
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  for (std::size_t i = 0; i < 3; ++i) ::sigaction(signals[i], &ignore, &before[i]);
  {
    test::Waiting waiting(scene.kernel);
    CHECK(waiting.signals.fd() == -1);
    CHECK_FALSE(waiting.signals.take()->has_value());
    scene.pipe.write_end.write("x");
    CHECK(waiting.waiter.wait(scene.fds, {})->reason == Wake::Reason::ready);
  }
  for (std::size_t i = 0; i < 3; ++i) ::sigaction(signals[i], &before[i], nullptr);
}

TEST_CASE("the signals of a write without a reader, or beyond a limit, are ignored") {
  struct sigaction before {};
  struct sigaction now {};
  sys::LinuxKernel kernel;
  for (const int signum : {SIGPIPE, SIGXFSZ}) {
    ::sigaction(signum, nullptr, &before);
    struct sigaction by_default {};
    by_default.sa_handler = SIG_DFL;
    ::sigaction(signum, &by_default, nullptr);
    sys::ignore_write_signals(kernel);
    ::sigaction(signum, &before, &now);
    const bool ignored = now.sa_handler == SIG_IGN;
    CHECK(ignored);
  }
}

TEST_CASE("each step of opening the signals may fail and is told") {
  for (const Syscall call : {Syscall::sigprocmask, Syscall::signalfd}) {
    Scene scene;
    const test::SignalState before;
    scene.kernel.script(call).nth(1).fails(EMFILE);
    const auto signals = sys::Signals::open(scene.kernel);
    REQUIRE_FALSE(signals);
    CHECK(signals.error().call == call);
    CHECK(scene.kernel.open_descriptors().empty());
  }
}

TEST_CASE("die_of_signal ends the process by the signal itself though it was blocked") {
  for (const int signum : {SIGINT, SIGTERM}) {
    const pid_t child = ::fork();
    if (child == 0) {
      sys::LinuxKernel kernel;
      static_cast<void>(sys::Signals::open(kernel));
      sys::die_of_signal(kernel, signum);
      ::_exit(1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == signum);
  }
}
