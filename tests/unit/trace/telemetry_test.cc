// SPDX-License-Identifier: MIT
// On real loopback connections: only a real kernel stamps packets.
#include "trace/telemetry.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include <array>
#include <cerrno>

#include "support/scripted_kernel.h"
#include "support/world.h"
#include "sys/linux_kernel.h"
#include "trace/traced_kernel.h"

using namespace std::chrono_literals;
using namespace tcptool;
using sys::Syscall;
using trace::Payload;
using trace::Timeline;

namespace {

class Wanting final : public trace::Sink {
 public:
  Wanting(std::vector<Timeline>& timelines, std::vector<trace::TcpChange>& changes)
      : timelines_(timelines), changes_(changes) {}
  void take(const trace::Event& /*event*/) override {}
  [[nodiscard]] bool wants_telemetry() const override { return true; }
  void take_timeline(const Timeline& timeline) override { timelines_.push_back(timeline); }
  void take_tcp_change(const trace::TcpChange& change) override { changes_.push_back(change); }

 private:
  std::vector<Timeline>& timelines_;
  std::vector<trace::TcpChange>& changes_;
};

// A connection that was made through a traced kernel of which somebody wants telemetry.
struct Scene {
  sys::LinuxKernel real;
  test::ScriptedKernel inner{real};
  std::vector<Timeline> timelines;
  std::vector<trace::TcpChange> changes;
  trace::Journal journal;
  trace::TracedKernel kernel{inner, journal};
  test::TestListener listener = test::make_listener();
  test::Plug peer;
  int fd = -1;

  Scene() { journal.add(std::make_unique<Wanting>(timelines, changes)); }
  ~Scene() {
    if (fd >= 0) static_cast<void>(kernel.close(fd));
  }

  void connect() {
    fd = kernel.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0).as_int();
    static_cast<void>(kernel.connect(fd, listener.address));
    peer = listener.accept();
    ask_tcp_info();
  }
  void ask_tcp_info() {
    std::array<std::byte, 256> info{};
    static_cast<void>(kernel.getsockopt(fd, IPPROTO_TCP, TCP_INFO, info));
  }
  [[nodiscard]] bool stamped() const { return inner.calls().back().outcome.ok(); }
  sys::Outcome send(std::string_view text) {
    return kernel.send(fd, std::as_bytes(std::span(text)), MSG_NOSIGNAL);
  }
  // What poll tells of the connection now.
  int poll(int timeout = 0) {
    std::array<pollfd, 1> fds{{{fd, POLLIN, 0}}};
    const sys::Outcome outcome = kernel.poll(fds, timeout);
    CHECK((outcome.value == 0) == (fds[0].revents == 0));
    return fds[0].revents;
  }
  // Until a stamp is there, which a kernel that has made one gives in no time.
  void wait_for_stamp() const {
    pollfd ready{fd, 0, 0};
    REQUIRE(real_poll(ready) == 1);
    REQUIRE(ready.revents == POLLERR);
  }
  static int real_poll(pollfd& ready) {
    constexpr int patience = 10'000;
    return ::poll(&ready, 1, patience);
  }
};

}  // namespace

TEST_CASE("a write is told with its stamps once the peer's kernel has acknowledged it") {
  Scene scene;
  scene.connect();
  REQUIRE(scene.stamped());
  REQUIRE(scene.send("hello").value == 5);
  for (int i = 0; i < 100 && scene.timelines.empty(); ++i) scene.poll(100);
  REQUIRE(scene.timelines.size() == 1);
  const Timeline& life = scene.timelines.front();
  CHECK(life.direction == Payload::Direction::sent);
  CHECK(life.fd == scene.fd);
  CHECK(life.offset == 0);
  CHECK(life.size == 5);
  REQUIRE(life.acknowledged);
  CHECK(life.acknowledged->count() > 0);
  if (life.scheduled && life.sent) CHECK(*life.scheduled <= *life.sent);
  if (life.sent) CHECK(*life.sent <= *life.acknowledged);
}

TEST_CASE("that there are stamps is no error of the connection") {
  Scene scene;
  scene.connect();
  REQUIRE(scene.send("x").ok());
  scene.wait_for_stamp();
  CHECK((scene.poll() & POLLERR) == 0);
  scene.peer.write("y");
  CHECK((scene.poll(10'000) & (POLLIN | POLLERR)) == POLLIN);
}

TEST_CASE("an error of the connection is told although there are stamps") {
  Scene scene;
  scene.connect();
  REQUIRE(scene.send("x").ok());
  scene.wait_for_stamp();
  scene.peer.reset();
  int events = 0;
  for (int i = 0; i < 100 && (events & POLLHUP) == 0; ++i) events = scene.poll(100);
  CHECK((events & (POLLERR | POLLHUP)) == (POLLERR | POLLHUP));
  std::array<std::byte, 8> buffer{};
  CHECK(scene.kernel.recv(scene.fd, buffer, 0).error == ECONNRESET);
}

TEST_CASE("epoll does not tell of stamps either") {
  Scene scene;
  scene.connect();
  const test::Plug epoll(scene.kernel.epoll_create1(EPOLL_CLOEXEC).as_int());
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = 17;
  REQUIRE(scene.kernel.epoll_ctl(epoll.fd(), EPOLL_CTL_ADD, scene.fd, event).ok());
  REQUIRE(scene.send("x").ok());
  scene.wait_for_stamp();
  std::array<epoll_event, 4> ready{};
  CHECK(scene.kernel.epoll_wait(epoll.fd(), ready, 0).value == 0);
  scene.peer.write("y");
  REQUIRE(scene.kernel.epoll_wait(epoll.fd(), ready, 10'000).value == 1);
  CHECK((ready[0].events & EPOLLERR) == 0);
}

TEST_CASE("one write in a tenth of a second is stamped, and the others cost nothing more") {
  Scene scene;
  scene.inner.use_fake_clock();
  scene.connect();
  const auto settings = [&scene] { return scene.inner.count(Syscall::setsockopt); };
  const std::size_t before = settings();
  REQUIRE(scene.send("a").ok());
  CHECK(settings() == before + 1);
  for (int i = 0; i < 5; ++i) REQUIRE(scene.send("b").ok());
  CHECK(settings() == before + 2);
  scene.inner.advance(100ms);
  REQUIRE(scene.send("c").ok());
  CHECK(settings() == before + 3);
}

TEST_CASE("a kernel that refuses timestamps is asked once, and the bytes go all the same") {
  Scene scene;
  scene.inner.script(Syscall::setsockopt).fails(EINVAL);
  scene.connect();
  const std::size_t before = scene.inner.count(Syscall::setsockopt);
  CHECK(before == 1);
  REQUIRE(scene.send("x").value == 1);
  scene.peer.write("y");
  CHECK((scene.poll(10'000) & POLLIN) != 0);
  std::array<std::byte, 8> buffer{};
  CHECK(scene.kernel.recv(scene.fd, buffer, 0).value == 1);
  CHECK(scene.inner.count(Syscall::setsockopt) == before);
  CHECK(scene.inner.count(Syscall::recvmsg) == 0);
  CHECK(scene.timelines.empty());
}

TEST_CASE("one read in a tenth of a second asks when its bytes came, and all give them") {
  Scene scene;
  scene.inner.use_fake_clock();
  scene.connect();
  std::array<std::byte, 8> buffer{};
  CHECK(scene.kernel.recv(scene.fd, buffer, 0).error == EAGAIN);
  CHECK(scene.poll() == 0);  // what is over soon does without
  CHECK(scene.inner.count(Syscall::recvmsg) == 0);
  scene.inner.advance(10ms);
  CHECK(scene.poll() == 0);
  // The kernel begins to stamp what arrives some time after the first socket has asked for it.
  for (int i = 0; i < 5000 && scene.timelines.empty(); ++i) {
    static_cast<void>(::poll(nullptr, 0, i == 0 ? 0 : 1));
    scene.peer.write("yz");
    REQUIRE(scene.poll(10'000) == POLLIN);
    CHECK(scene.kernel.recv(scene.fd, buffer, 0).value == 2);
    CHECK(static_cast<char>(buffer[1]) == 'z');
  }
  REQUIRE(scene.timelines.size() == 1);
  CHECK(scene.timelines[0].direction == Payload::Direction::received);
  CHECK(scene.timelines[0].size == 2);
  CHECK(scene.timelines[0].waited->count() >= 0);
  const std::size_t before = scene.inner.count(Syscall::recvmsg);
  scene.peer.write("y");
  REQUIRE(scene.poll(10'000) == POLLIN);
  CHECK(scene.kernel.recv(scene.fd, buffer, 0).value == 1);
  CHECK(scene.inner.count(Syscall::recvmsg) == before);
}

TEST_CASE("a write that was not acknowledged is told when the connection is closed") {
  Scene scene;
  scene.connect();
  REQUIRE(scene.stamped());
  scene.inner.script(Syscall::recvmsg).fails(EAGAIN);
  REQUIRE(scene.send("hello").ok());
  static_cast<void>(scene.kernel.close(scene.fd));
  scene.fd = -1;
  REQUIRE(scene.timelines.size() == 1);
  CHECK_FALSE(scene.timelines[0].acknowledged);
}

TEST_CASE("what was received and not read is told") {
  Scene scene;
  scene.inner.use_fake_clock();
  scene.connect();
  scene.peer.write("unread");
  REQUIRE(scene.poll(10'000) == POLLIN);
  scene.inner.advance(10ms);
  REQUIRE(scene.poll() == POLLIN);
  REQUIRE_FALSE(scene.changes.empty());
  const auto& queues = scene.changes.back().queues;
  REQUIRE(queues.size() == 1);
  CHECK(queues[0].name == "bytes_unread");
  CHECK(queues[0].after == 6);
}

TEST_CASE("a socket that asks a name server is no connection") {
  Scene scene;
  scene.inner.use_fake_clock();
  scene.fd = scene.kernel.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0).as_int();
  REQUIRE(scene.kernel.connect(scene.fd, scene.listener.address).ok());
  scene.inner.advance(10ms);
  static_cast<void>(scene.kernel.poll({}, 0));
  CHECK(scene.inner.count(Syscall::getsockopt) == 0);
}

TEST_CASE("of many connections sixteen are looked at, and then the next") {
  Scene scene;
  scene.inner.use_fake_clock();
  scene.inner.script(Syscall::connect).answers(0);
  scene.inner.script(Syscall::getsockopt).fails(ENOTCONN);
  for (int fd = 1000; fd < 1040; ++fd) {
    static_cast<void>(scene.kernel.connect(fd, scene.listener.address));
  }
  std::set<int> asked;
  for (const std::size_t expected : {16U, 32U, 40U}) {
    scene.inner.advance(10ms);
    static_cast<void>(scene.kernel.poll({}, 0));
    static_cast<void>(scene.kernel.poll({}, 0));
    for (const auto& call : scene.inner.calls()) {
      if (call.call == Syscall::getsockopt) asked.insert(call.fd);
    }
    CHECK(asked.size() == expected);
  }
}
