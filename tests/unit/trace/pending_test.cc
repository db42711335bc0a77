// SPDX-License-Identifier: MIT
// When what is pending is told: before a call that can block.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

#include "support/scripted_kernel.h"
#include "support/told.h"
#include "support/world.h"
#include "sys/linux_kernel.h"
#include "trace/traced_kernel.h"

using namespace tcptool;
using sys::Outcome;
using sys::Syscall;

namespace {

struct Scene {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel inner{linux_kernel};
  test::Told told;
  trace::TracedKernel kernel{inner, told.journal};
};

}  // namespace

TEST_CASE("what is pending is told before a call that can block, and not before others") {
  Scene scene;
  const auto pair = test::make_tcp_pair();
  std::array<std::byte, 8> buffer{};
  const std::span<std::byte> bytes(buffer);
  static_cast<void>(scene.kernel.getpid());
  static_cast<void>(scene.kernel.recv(pair.ours.fd(), bytes, MSG_DONTWAIT));
  static_cast<void>(scene.kernel.poll({}, 0));
  CHECK(scene.told.told.empty());
  static_cast<void>(scene.kernel.poll({}, 1));
  CHECK(scene.told.told.size() == 3);
  const Outcome null = scene.kernel.open("/dev/null", O_RDWR | O_NONBLOCK, 0);
  static_cast<void>(scene.kernel.write(null.as_int(), bytes));
  CHECK(scene.told.told.size() == 3);
  static_cast<void>(scene.kernel.close(null.as_int()));
  CHECK(scene.told.told.size() == 6);
  const test::Pipe pipe = test::make_pipe();
  static_cast<void>(scene.kernel.write(pipe.write_end.fd(), bytes));
  CHECK(scene.told.told.size() == 7);
}

TEST_CASE("a read does not block that poll has called ready, nor a close that does not linger") {
  Scene scene;
  std::array<std::byte, 8> buffer{};
  const test::Pipe pipe = test::make_pipe();
  CHECK(::write(pipe.write_end.fd(), "xy", 2) == 2);
  std::array<pollfd, 2> fds{{{-1, POLLIN, 0}, {pipe.read_end.fd(), POLLIN, 0}}};
  static_cast<void>(scene.kernel.poll(fds, 0));
  static_cast<void>(scene.kernel.read(pipe.read_end.fd(), std::span(buffer).first(1)));
  CHECK(scene.told.told.empty());
  static_cast<void>(scene.kernel.read(pipe.read_end.fd(), buffer));  // nobody has looked again
  CHECK(scene.told.told.size() == 2);
  const Outcome made = scene.kernel.socket(AF_INET, SOCK_STREAM, 0);
  static_cast<void>(scene.kernel.close(made.as_int()));
  CHECK(scene.told.told.size() == 2);
  const Outcome again = scene.kernel.socket(AF_INET, SOCK_STREAM, 0);
  const linger wait{1, 1};
  static_cast<void>(scene.kernel.setsockopt(again.as_int(), SOL_SOCKET, SO_LINGER,
                                            std::as_bytes(std::span(&wait, 1))));
  static_cast<void>(scene.kernel.close(again.as_int()));
  CHECK(scene.told.told.size() == 7);
}

TEST_CASE("a descriptor of any number that was opened not to block is known not to") {
  Scene scene;
  std::array<std::byte, 8> buffer{};
  scene.inner.script(Syscall::accept4).answers(1'000'000);
  scene.inner.script(Syscall::recv).fails(EAGAIN);
  sys::Address peer;
  static_cast<void>(scene.kernel.accept4(3, peer, SOCK_NONBLOCK));
  const std::size_t told = scene.told.told.size();
  static_cast<void>(scene.kernel.recv(1'000'000, buffer, 0));
  CHECK(scene.told.told.size() == told);
  static_cast<void>(scene.kernel.recv(999'999, buffer, 0));
  CHECK(scene.told.told.size() == told + 2);
  scene.inner.script(Syscall::fcntl).answers(0);
  static_cast<void>(scene.kernel.fcntl(1'000'000, F_SETFL, O_RDWR));
  static_cast<void>(scene.kernel.recv(1'000'000, buffer, 0));
  CHECK(scene.told.told.size() == told + 4);
}

TEST_CASE("a busy loop is asked first without waiting, and is told before it sleeps") {
  Scene scene;
  const test::Pipe pipe = test::make_pipe();
  std::array<pollfd, 1> fds{{{pipe.read_end.fd(), POLLIN, 0}}};
  const auto timeouts = [&] {
    std::vector<std::int64_t> out;
    for (const trace::Event& event : scene.told.events()) out.push_back(event.args[1].value);
    scene.told.told.clear();
    return out;
  };
  CHECK(::write(pipe.write_end.fd(), "x", 1) == 1);
  scene.inner.use_fake_clock();  // every call is made at once
  CHECK(scene.kernel.poll(fds, 9).value == 1);
  CHECK(scene.kernel.poll(fds, 9).value == 1);
  CHECK(scene.kernel.poll(fds, 9).value == 1);
  CHECK(scene.told.told.empty());
  CHECK(timeouts() == std::vector<std::int64_t>{9, 0, 0});
  std::array<std::byte, 1> buffer{};
  CHECK(::read(pipe.read_end.fd(), buffer.data(), 1) == 1);
  CHECK(scene.kernel.poll(fds, 1).value == 0);
  CHECK(scene.told.told.size() == 1);  // before the one that slept
  CHECK(scene.kernel.poll(fds, 1).value == 0);
  CHECK(timeouts() == std::vector<std::int64_t>{0, 1, 1});
}

TEST_CASE("a loop that slept is not asked twice, nor one that nobody traces") {
  Scene scene;
  scene.inner.use_fake_clock();
  scene.inner.script(Syscall::poll).answers(1);
  scene.inner.script(Syscall::epoll_wait).answers(0);
  trace::Journal nobody;
  nobody.stop_waiting_for_sinks();
  trace::TracedKernel untraced(scene.inner, nobody);
  CHECK(untraced.poll({}, 1).value == 1);
  CHECK(untraced.poll({}, 1).value == 1);
  CHECK(scene.inner.calls().size() == 2);
  CHECK(scene.kernel.epoll_wait(7, {}, 1).value == 0);
  CHECK(scene.kernel.epoll_wait(7, {}, 1).value == 0);
  CHECK(scene.inner.calls().size() == 4);
}
