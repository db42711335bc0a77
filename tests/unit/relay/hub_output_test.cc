// SPDX-License-Identifier: MIT
// What goes from the hub's clients to stdout: hub_output.cc.
#include "relay/hub.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <cerrno>

#include "support/service_scene.h"

using namespace std::chrono_literals;
using namespace tcptool;
using relay::Hub;
using sys::Syscall;
using test::HubScene;
using test::Plug;
using Reason = relay::ClientEnd::Reason;

TEST_CASE("a line holds others back until it ends, or its patience") {
  for (const bool ended : {false, true}) {
    HubScene scene;
    scene.start();
    const Plug owner = scene.owner_of_the_line();
    const Plug other = scene.client();
    other.write("other\n");
    scene.settle();
    scene.pass(Hub::line_patience / 2);
    CHECK(scene.stdout_reader.read().empty());
    if (ended) owner.write("and ended\n");
    scene.pass(ended ? 0ms : Hub::line_patience / 2);
    CHECK(scene.stdout_reader.read() == (ended ? "and ended\nother\n" : "other\n"));
    CHECK_FALSE(scene.service->deadline());
  }
}

TEST_CASE("the end of a line's owner lets the others go on at once") {
  for (const bool by_reset : {false, true}) {
    HubScene scene;
    scene.start();
    Plug owner = scene.owner_of_the_line();
    const Plug other = scene.client();
    other.write("other\n");
    scene.settle();
    by_reset ? owner.reset() : owner.close();
    scene.settle();
    CHECK(scene.stdout_reader.read() == "other\n");
    REQUIRE(scene.ends.size() == 1);
    CHECK(scene.ends[0].reason == (by_reset ? Reason::lost : Reason::complete));
  }
}

TEST_CASE("a client that closes while it is held, after our FIN, is complete and is read first") {
  HubScene scene;
  scene.policy.half_close = true;
  scene.start();
  Plug owner = scene.owner_of_the_line();
  Plug other = scene.client();
  scene.stdin_writer.close();
  scene.settle();
  other.write("last words\n");
  scene.settle();
  other.close();
  scene.settle();
  CHECK(scene.ends.empty());
  owner.write("ended\n");
  scene.settle();
  CHECK(scene.stdout_reader.read() == "ended\nlast words\n");
  REQUIRE(scene.ends.size() == 1);
  CHECK(scene.ends[0].reason == Reason::complete);
  CHECK_FALSE(scene.ends[0].peer_first);
}

TEST_CASE("the last words of a held client that resets are read before its end is told") {
  HubScene scene;
  scene.start();
  const Plug owner = scene.owner_of_the_line();
  Plug other = scene.client();
  other.write("last words\n");
  scene.settle();
  other.reset();
  scene.settle();
  // Nothing tells of it until something is to be sent to it.
  scene.stdin_writer.write("to all");
  scene.settle();
  CHECK(scene.ends.empty());
  scene.pass(Hub::line_patience);
  CHECK(scene.stdout_reader.read() == "last words\n");
  REQUIRE(scene.ends.size() == 1);
  CHECK(scene.ends[0].reason == Reason::lost);
  CHECK(scene.ends[0].received == 11);
  CHECK(scene.ends[0].undelivered == 6);
  CHECK(owner.read() == "to all");
}

TEST_CASE("a held client that cannot be sent to once the patience is over is ended once") {
  HubScene scene;
  scene.start();
  const Plug owner = scene.owner_of_the_line();
  int ours = -1;
  const Plug other = scene.client(&ours);
  other.write("held\n");
  scene.settle();
  scene.kernel.script(Syscall::send).on(ours).fails(ECONNRESET);
  scene.stdin_writer.write("to all");
  // stdin is read before the hub is told that the time is over.
  scene.kernel.advance(Hub::line_patience);
  scene.settle();
  CHECK(scene.stdout_reader.read() == "held\n");
  REQUIRE(scene.ends.size() == 1);
  CHECK(scene.ends[0].error.call == Syscall::send);
  CHECK(scene.service->clients() == 1);
}

TEST_CASE("a regular file is given the rest of a short write") {
  HubScene scene;
  const test::TemporaryFolder folder;
  scene.use_stdout(test::open_file(folder.file("out"), O_WRONLY | O_CREAT));
  Hub& hub = scene.start();
  scene.kernel.script(Syscall::write).on(scene.output.fd()).nth(1).at_most(3);
  const Plug client = scene.client();
  client.write("all of it\n");
  scene.settle();
  CHECK(test::contents_of(folder.file("out")) == "all of it\n");
  CHECK(hub.unwritten() == 0);
}

TEST_CASE("that stdout's reader has gone is told once, by the write or by epoll") {
  for (const bool with_bytes : {false, true}) {
    HubScene scene;
    Hub& hub = scene.start();
    const Plug client = scene.client();
    if (with_bytes) client.write("too late\n");
    scene.stdout_reader.close();
    scene.settle();
    client.write("more\n");
    scene.settle();
    CHECK(scene.readers_gone_told == 1);
    CHECK(hub.failure() == nullptr);
    CHECK(hub.unwritten() == (with_bytes ? 14 : 5));
    CHECK(hub.clients() == 1);
  }
}

TEST_CASE("the end does not wait for a stdout that blocks") {
  HubScene scene;
  scene.kernel.script(Syscall::open).fails(EACCES);  // another user's pipe
  Hub& hub = scene.start();
  const Plug client = scene.client();
  scene.output.fill();
  scene.output.set_blocking(true);
  client.write("no room\n");
  scene.settle();
  hub.cut_short();
  CHECK(hub.unwritten() == 8);
  REQUIRE(scene.ends.size() == 1);
  CHECK(scene.ends[0].reason == Reason::cut_short);
}

TEST_CASE("many that are held and reset end in turn, and not within one another") {
  HubScene scene;
  scene.start();
  Plug owner = scene.owner_of_the_line();
  constexpr std::size_t many = 100;
  std::vector<Plug> others;
  for (std::size_t i = 0; i < many; ++i) {
    others.push_back(scene.client());
    others.back().write("x\n");
  }
  scene.settle();
  for (Plug& other : others) other.reset();
  scene.stdin_writer.write("to all");
  scene.settle();
  CHECK(scene.ends.empty());
  owner.reset();
  scene.settle();
  CHECK(scene.ends.size() == many + 1);
  CHECK(scene.stdout_reader.read().size() == 2 * many);
}

TEST_CASE("a client that epoll does not watch is lost, and not forgotten") {
  HubScene scene;
  scene.start();
  const Plug first = scene.client();
  scene.settle();
  scene.kernel.script(Syscall::epoll_ctl).nth(1).fails(ENOMEM);
  const Plug second = scene.client();
  second.write("lost\n");
  scene.pass(0ns);
  REQUIRE(scene.ends.size() == 1);
  CHECK(scene.ends[0].error.call == Syscall::epoll_ctl);
  first.write("still here\n");
  scene.settle();
  CHECK(scene.stdout_reader.read() == "still here\n");
}

TEST_CASE("a stdout that epoll does not watch ends the service rather than wait for ever") {
  HubScene scene;
  scene.kernel.script(Syscall::epoll_ctl).nth(1).fails(ENOMEM);
  const relay::Hub& hub = scene.start();
  REQUIRE(hub.failure() != nullptr);
  CHECK(hub.failure()->call == Syscall::epoll_ctl);
  CHECK(hub.failure()->object == "stdout");
}
