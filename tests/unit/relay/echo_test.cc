// SPDX-License-Identifier: MIT
#include "relay/echo.h"

#include <doctest/doctest.h>

#include <cerrno>

#include "support/service_scene.h"

using namespace std::chrono_literals;
using namespace tcptool;
using sys::Syscall;
using test::Plug;
using Reason = relay::ClientEnd::Reason;

namespace {

struct Scene : test::ServiceScene {
  explicit Scene(bool discard = false, std::chrono::nanoseconds idle_timeout = 0ns) {
    service = std::make_unique<relay::Echo>(kernel, poll, *this, idle_timeout, discard);
  }
};

}  // namespace

TEST_CASE("each client has its own bytes back, and FIN for FIN") {
  Scene scene;
  Plug first = scene.client();
  const Plug second = scene.client();
  first.write("one");
  second.write("two");
  first.shut_down();
  scene.settle();
  CHECK(first.read_all() == "one");
  CHECK(second.read() == "two");
  REQUIRE(scene.ends.size() == 1);
  CHECK(scene.ends[0].reason == Reason::complete);
  CHECK(scene.ends[0].peer_first);
  CHECK(scene.ends[0].sent == 3);
}

TEST_CASE("an echo goes out in order however few bytes a send takes") {
  Scene scene;
  int ours = -1;
  Plug client = scene.client(&ours);
  scene.kernel.script(Syscall::send).on(ours).every(2).fails(EAGAIN);
  scene.kernel.script(Syscall::send).on(ours).at_most(1000);
  const std::string bytes = test::numbered_bytes(20'000);
  client.write(bytes);
  client.shut_down();
  scene.settle();
  CHECK(client.read_all() == bytes);
  CHECK(scene.ends.at(0).reason == Reason::complete);
}

TEST_CASE("whoever does not take his echo is read no more, and is lost alone when he resets") {
  Scene scene;
  int ours = -1;
  Plug stuck = scene.client(&ours);
  const Plug fine = scene.client();
  scene.kernel.script(Syscall::send).on(ours).first(2).fails(EAGAIN);
  stuck.write("first");
  scene.round();
  stuck.write("second");
  const auto reads = scene.kernel.count(Syscall::recv);
  scene.round();
  CHECK(scene.kernel.count(Syscall::recv) == reads);
  stuck.reset();
  scene.settle();
  REQUIRE(scene.ends.size() == 1);
  CHECK(scene.ends[0].reason == Reason::lost);
  fine.write("fine");
  scene.settle();
  CHECK(fine.read() == "fine");
}

TEST_CASE("discard answers nothing, and counts") {
  Scene scene(true);
  Plug client = scene.client();
  client.write("away");
  scene.settle();
  client.close();
  scene.settle();
  REQUIRE(scene.ends.size() == 1);
  CHECK(scene.ends[0].received == 4);
  CHECK(scene.ends[0].sent == 0);
}

TEST_CASE("idle clients are reset each at its own time") {
  Scene scene(false, 10s);
  const Plug first = scene.client();
  scene.pass(6s);
  const Plug second = scene.client();
  scene.pass(4s);
  REQUIRE(scene.ends.size() == 1);
  CHECK(scene.ends[0].reason == Reason::idle);
  second.write("x");
  scene.settle();
  scene.pass(7s);
  CHECK(scene.ends.size() == 1);
  scene.pass(4s);
  CHECK(scene.ends.size() == 2);
  CHECK_FALSE(scene.service->deadline());
}

TEST_CASE("cut short is everybody who is left, with what he was owed") {
  Scene scene;
  int ours = -1;
  const Plug stuck = scene.client(&ours);
  const Plug other = scene.client();
  scene.kernel.script(Syscall::send).on(ours).fails(EAGAIN);
  stuck.write("12345");
  scene.round();
  scene.service->cut_short();
  REQUIRE(scene.ends.size() == 2);
  CHECK(scene.ends[0].undelivered + scene.ends[1].undelivered == 5);
  CHECK(scene.service->idle());
}

TEST_CASE("a client that epoll does not watch is lost and reset, and not forgotten") {
  Scene scene;
  scene.kernel.script(Syscall::epoll_ctl).first(1).fails(ENOSPC);
  const Plug client = scene.client();
  client.write("x");
  const Plug other = scene.client();
  other.write("y");
  scene.pass(0ns);
  REQUIRE(scene.ends.size() == 1);
  CHECK(scene.ends[0].reason == Reason::lost);
  CHECK(scene.ends[0].error.call == Syscall::epoll_ctl);
  CHECK(scene.ends[0].error.error == ENOSPC);
  scene.settle();
  CHECK(other.read() == "y");
}
