// SPDX-License-Identifier: MIT
#include "relay/hub.h"

#include <doctest/doctest.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "support/service_scene.h"

using namespace std::chrono_literals;
using namespace tcptool;
using relay::Hub;
using sys::Syscall;
using test::HubScene;
using test::Plug;
using Reason = relay::ClientEnd::Reason;

TEST_CASE("what stdin brings goes to all, what any client sends goes to stdout") {
  HubScene scene;
  scene.start();
  const Plug first = scene.client();
  const Plug second = scene.client();
  scene.stdin_writer.write("to all");
  first.write("one\n");
  scene.settle();
  second.write("two\n");
  scene.settle();
  CHECK(first.read() == "to all");
  CHECK(second.read() == "to all");
  CHECK(scene.stdout_reader.read() == "one\ntwo\n");
  CHECK(scene.first_words == std::vector<std::string>{"one\n", "two\n"});
}

TEST_CASE("clients come and go without a word to epoll about stdin, which waits for the next one") {
  HubScene scene;
  scene.start();
  scene.client();  // closed at once
  scene.settle();
  const auto before = scene.kernel.count(Syscall::epoll_ctl);
  for (int i = 0; i < 3; ++i) {
    scene.client();
    scene.settle();
  }
  CHECK(scene.ends.size() == 4);
  // Each client once: a close says the rest.
  CHECK(scene.kernel.count(Syscall::epoll_ctl) == before + 3);
  scene.stdin_writer.write("for somebody");
  scene.settle();  // it ends: what nobody takes is not told again and again
  CHECK_FALSE(scene.round());
  const Plug client = scene.client();
  scene.settle();
  CHECK(client.read() == "for somebody");
}

TEST_CASE("a client to which nothing can be sent is lost, whatever the error") {
  HubScene scene;
  scene.start();
  int ours = -1;
  const Plug client = scene.client(&ours);
  scene.kernel.script(Syscall::send).on(ours).fails(ENOBUFS);
  scene.stdin_writer.write("bytes");
  scene.settle();
  REQUIRE(scene.ends.size() == 1);
  CHECK(scene.ends[0].reason == Reason::lost);
  CHECK(scene.ends[0].error.error == ENOBUFS);
  CHECK(scene.ends[0].undelivered == 5);
}

TEST_CASE("interrupted calls are made again") {
  HubScene scene;
  int ours = -1;
  scene.start();
  const Plug client = scene.client(&ours);
  scene.kernel.script(Syscall::recv).on(ours).first(2).fails(EINTR);
  scene.kernel.script(Syscall::send).on(ours).first(2).fails(EINTR);
  client.write("up\n");
  scene.stdin_writer.write("down\n");
  scene.settle();
  CHECK(client.read() == "down\n");
  CHECK(scene.stdout_reader.read() == "up\n");
}

TEST_CASE("stdin is not read to its end for clients that take nothing any more") {
  HubScene scene;
  scene.start();
  int ours = -1;
  const Plug owner = scene.owner_of_the_line();
  const Plug other = scene.client(&ours);
  other.write("held\n");
  scene.settle();
  scene.kernel.script(Syscall::send).on(ours).fails(EPIPE);
  scene.stdin_writer.write("x");
  scene.settle();
  CHECK(scene.service->clients() == 2);
  // The owner is all that is left, and takes nothing: stdin waits for it as for a single client.
  const std::string much(1 << 20, 'y');
  scene.stdin_writer.set_blocking(false);
  std::size_t taken = 0;
  for (int i = 0; i < 400; ++i) {
    const auto put = ::write(scene.stdin_writer.fd(), much.data(), much.size());
    if (put > 0) taken += static_cast<std::size_t>(put);
    scene.round();
  }
  CHECK(scene.ends.size() <= 1);
  CHECK(taken < 16U << 20U);
}

TEST_CASE("one that stays behind stdin is reset, and another has everything") {
  HubScene scene;
  scene.policy.client_buffer = 1000;
  scene.start();
  int ours = -1;
  const Plug slow = scene.client(&ours);
  const Plug fast = scene.client();
  scene.kernel.script(Syscall::send).on(ours).fails(EAGAIN);
  for (int i = 0; i < 5; ++i) {
    scene.stdin_writer.write(std::string(250, 'x'));
    scene.kernel.when_idle([] {});
    for (int round = 0; round < 4; ++round) scene.round();
  }
  CHECK(fast.read().size() == 1250);
  REQUIRE(scene.ends.size() == 1);
  CHECK(scene.ends[0].reason == Reason::too_slow);
  CHECK(scene.ends[0].undelivered == 1000);
}

namespace {

// A hub whose only client has taken 100 of the bytes that stdin brings, and has room for no more.
class OneIsBehind : public HubScene {
 public:
  OneIsBehind() {
    policy.client_buffer = 1000;
    start();
    peer_ = client(&ours);
    kernel.script(Syscall::send).on(ours).nth(1).at_most(100);
    kernel.script(Syscall::send).on(ours).fails(EAGAIN);
    stdin_writer.write(std::string(2000, 'x'));
    wait(0ms);
  }

  // As pass(), though to epoll the socket has room all the time.
  void wait(std::chrono::nanoseconds time) {
    constexpr int rounds = 20;
    kernel.advance(time);
    for (int i = 0; i < rounds; ++i) round();
  }

  int ours = -1;

 private:
  Plug peer_;
};

}  // namespace

TEST_CASE("stdin waits for the only client for as long as its kernel acknowledges something") {
  OneIsBehind scene;
  scene.kernel.script(Syscall::ioctl).on(scene.ours).nth(1).answers(80);  // not acknowledged yet
  scene.kernel.script(Syscall::ioctl).on(scene.ours).nth(2).answers(79);
  scene.kernel.script(Syscall::ioctl).on(scene.ours).answers(79);
  for (int patience = 0; patience < 3; ++patience) {
    CHECK(scene.ends.empty());
    scene.wait(Hub::stall_patience);
  }
  REQUIRE(scene.ends.size() == 1);
  CHECK(scene.ends[0].reason == Reason::too_slow);
  CHECK(scene.ends[0].sent == 100);
}

TEST_CASE("stdin waits once for a client that acknowledges nothing, or of which nobody knows") {
  for (const bool known : {true, false}) {
    OneIsBehind scene;
    auto& asked = scene.kernel.script(Syscall::ioctl).on(scene.ours);
    known ? asked.answers(100) : asked.fails(EINVAL);
    scene.wait(Hub::stall_patience - 100ms);
    CHECK(scene.ends.empty());
    scene.wait(100ms);
    REQUIRE(scene.ends.size() == 1);
    CHECK(scene.ends[0].reason == Reason::too_slow);
  }
}

TEST_CASE("what a client's kernel has acknowledged is what TIOCOUTQ leaves of what was sent") {
  OneIsBehind scene;
  int queued = 100;
  while (queued > 0) REQUIRE(scene.linux_kernel.ioctl(scene.ours, TIOCOUTQ, queued).ok());
  scene.wait(Hub::stall_patience);
  CHECK(scene.ends.empty());
  scene.wait(Hub::stall_patience);
  CHECK(scene.ends.size() == 1);
}

TEST_CASE("a descriptor that epoll cannot take for want of memory ends stdin, not the processor") {
  HubScene scene;
  scene.start();
  scene.kernel.script(Syscall::epoll_ctl).nth(2).fails(ENOSPC);  // the first is the client's
  const Plug client = scene.client();
  scene.settle();
  CHECK(scene.stdin_errors == std::vector<int>{ENOSPC});
  client.write("still served\n");
  scene.settle();
  CHECK(scene.stdout_reader.read() == "still served\n");
}

TEST_CASE("an idle client is reset, but not for what stdout keeps it waiting for") {
  HubScene scene;
  scene.policy.idle_timeout = 10s;
  scene.start();
  const Plug silent = scene.client();
  const Plug talker = scene.client();
  scene.output.fill();
  talker.write(std::string(200'000, 'x'));
  scene.settle();
  scene.pass(10s);
  REQUIRE(scene.ends.size() == 1);
  CHECK(scene.ends[0].reason == Reason::idle);
  CHECK(scene.service->clients() == 1);
}

TEST_CASE("winding down sends what is owed, then FIN, and takes what still comes") {
  HubScene scene;
  scene.start();
  Plug client = scene.client();
  scene.stdin_writer.write("owed");
  scene.settle();
  scene.service->wind_down();
  scene.stdin_writer.write("not any more");
  client.write("rest\n");
  scene.settle();
  CHECK(client.read_all() == "owed");
  CHECK_FALSE(scene.service->idle());
  client.close();
  scene.settle();
  CHECK(scene.stdout_reader.read() == "rest\n");
  CHECK(scene.service->idle());
}

TEST_CASE("a client whose FIN had come before ours was first, though it was read later") {
  for (const bool his_first : {false, true}) {
    HubScene scene;
    scene.start();
    Plug client = scene.client();
    scene.settle();
    if (his_first) client.shut_down();
    scene.service->wind_down();  // before it is read
    scene.settle();
    if (!his_first) client.shut_down();
    scene.settle();
    REQUIRE(scene.ends.size() == 1);
    CHECK(scene.ends[0].peer_first == his_first);
  }
}
