// SPDX-License-Identifier: MIT
// What the relay notices on the way, for a diagnosis: the peer's first bytes, and what the network
// says of a connection that goes on.
#include <doctest/doctest.h>
#include <fcntl.h>

#include <cerrno>

#include "relay/relay.h"
#include "support/relay_scene.h"

using namespace std::chrono_literals;
using namespace tcptool;
using relay::RelayEnd;
using sys::Syscall;
using test::RelayScene;

namespace {

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The peer's kernel takes no more: most of it stays unacknowledged.
std::string more_than_fits() {
  return std::string(std::size_t{16} << 20, 'x');
}

}  // namespace

TEST_CASE("the peer's first bytes are told once, with what had gone to it") {
  RelayScene scene;
  scene.policy.idle_timeout = 5s;
  scene.stdin_writer.write("GET / ");
  scene.then([&] { scene.stdin_writer.write("HTTP/1.1 and more"); });
  scene.then([&] { scene.peer.write("HTTP/1.1 400 Bad Request"); });
  scene.then([&] { scene.peer.write("something else"); });
  scene.then([&] { scene.stdin_writer.write("later"); });
  scene.run();
  CHECK(text_of(scene.first_received) == "HTTP/1.1 400 Bad");
  CHECK(text_of(scene.sent_before) == "GET / HTTP/1.1 a");
}

TEST_CASE("a peer that speaks first has heard nothing") {
  RelayScene scene;
  scene.policy.idle_timeout = 5s;
  scene.peer.write("220");
  scene.then([&] { scene.stdin_writer.write("HELO"); });
  scene.run();
  CHECK(text_of(scene.first_received) == "220");
  CHECK(scene.sent_before.empty());
}

TEST_CASE("a peer that says nothing is not told of, nor is discarded input kept back") {
  RelayScene silent;
  silent.policy.idle_timeout = 5s;
  silent.run();
  CHECK(silent.first_received.empty());
  RelayScene discarding;
  discarding.policy.idle_timeout = 5s;
  discarding.policy.send_only = true;
  discarding.peer.write("\x16\x03\x01");
  discarding.run();
  CHECK(text_of(discarding.first_received) == "\x16\x03\x01");
}

TEST_CASE("samples are taken while something is unacknowledged, and not for ever") {
  RelayScene acknowledged;
  acknowledged.policy.idle_timeout = 60s;
  acknowledged.stdin_writer.write("x");
  acknowledged.run();
  const auto asked = [](const RelayScene& scene) {
    return scene.kernel.count(Syscall::getsockopt);
  };
  CHECK(asked(acknowledged) < 10);  // one sample, and the end's

  RelayScene idle;
  idle.policy.idle_timeout = 60s;
  idle.run();
  CHECK(asked(idle) <= asked(acknowledged));
}

TEST_CASE("a soft error is asked for only while segments are sent again") {
  RelayScene scene;
  scene.policy.idle_timeout = 5s;
  scene.stdin_writer.write("acknowledged at once");
  scene.then([&] { scene.kernel.advance(1s); });
  const RelayEnd end = scene.run();
  CHECK(end.reason == RelayEnd::Reason::idle_timeout);
  CHECK(scene.soft_errors.empty());
  CHECK_FALSE(end.soft_error);
}

TEST_CASE("progress is told at its interval, also while nothing moves") {
  RelayScene scene;
  scene.policy.idle_timeout = 1s;
  scene.policy.progress_interval = 100ms;
  scene.stdin_writer.write("some");
  scene.then([] {});
  const RelayEnd end = scene.run();
  CHECK(end.reason == RelayEnd::Reason::idle_timeout);
  REQUIRE(scene.progress_told.size() >= 9);
  std::chrono::nanoseconds last{0};
  for (const RelayEnd& so_far : scene.progress_told) {
    CHECK(so_far.duration - last == 100ms);
    last = so_far.duration;
  }
  CHECK(scene.progress_told.back().sent == 4);
  CHECK(scene.progress_told.back().info);
}

TEST_CASE("without progress nothing is asked and nobody wakes for it") {
  const auto calls = [](std::chrono::nanoseconds interval) {
    RelayScene scene;
    scene.policy.idle_timeout = 1s;
    scene.policy.progress_interval = interval;
    scene.run();
    CHECK(scene.progress_told.empty() == (interval == 0s));
    return scene.kernel.count(Syscall::getsockopt) + scene.kernel.count(Syscall::poll);
  };
  CHECK(calls(0s) + 15 < calls(100ms));
}

TEST_CASE("a sample keeps what the connection was like before it was lost") {
  RelayScene scene;
  scene.policy.idle_timeout = 3s;
  test::TemporaryFolder folder;
  const std::string path = folder.file("big");
  test::open_file(path, O_CREAT | O_WRONLY).write(more_than_fits());
  scene.use_stdin(test::open_file(path, O_RDONLY));
  const RelayEnd end = scene.run();
  CHECK(end.reason == RelayEnd::Reason::idle_timeout);
  CHECK(end.undelivered > 0);
  REQUIRE(end.info);
  CHECK(end.info->bytes_acked.value_or(0) > 0);
  // A sample every 250 ms of the 3 s without progress.
  CHECK(scene.kernel.count(Syscall::getsockopt) >= 10);
}

TEST_CASE("what is kept and cannot be read came behind a gap, if something came out of order") {
  for (const bool told : {false, true}) {
    CAPTURE(told);
    RelayScene scene;
    scene.policy.idle_timeout = 5s;
    scene.peer.write("later");
    // As if a part before it were missing: nothing is to be read, and the socket keeps memory.
    auto& nothing_read = scene.kernel.script(Syscall::recv);
    nothing_read.after([&] { scene.kernel.advance(1s); });
    nothing_read.fails(EAGAIN);
    scene.kernel.script(Syscall::ioctl).on(scene.socket()).answers(0);
    const auto of_memory = [&] { return scene.kernel.calls().back().call == Syscall::ioctl; };
    auto& info = scene.kernel.script(Syscall::getsockopt).where([&] { return !of_memory(); });
    if (!told) info.fails(ENOPROTOOPT);  // else TCP_INFO knows that all came in order
    const RelayEnd end = scene.run();
    CHECK(end.reason == RelayEnd::Reason::idle_timeout);
    CHECK(end.unread == 0);
    CHECK_FALSE(end.stdout_stuck);
    CHECK(end.gap == !told);
  }
}

TEST_CASE("an empty queue has no gap") {
  RelayScene scene;
  scene.policy.idle_timeout = 5s;
  scene.kernel.script(Syscall::getsockopt)
      .where([&] { return scene.kernel.calls().back().call != Syscall::ioctl; })
      .fails(ENOPROTOOPT);
  CHECK_FALSE(scene.run().gap);
}

TEST_CASE("a FIN that is unread behind a stdout which takes nothing is no gap") {
  RelayScene scene;
  scene.waiting.emplace(scene.kernel, scene.kernel.now() + 7s);
  scene.output.fill();
  scene.peer.set_blocking(false);
  const std::string quarter(relay::Relay::buffer_size / 4, 'x');
  for (int i = 0; i < 4; ++i) scene.then([&] { scene.peer.write(quarter); });
  scene.then([&] { scene.peer.shut_down(); });
  const RelayEnd end = scene.run();
  CHECK(end.reason == RelayEnd::Reason::run_timeout);
  CHECK_FALSE(end.peer_fin);
  CHECK(end.unwritten == relay::Relay::buffer_size);
  CHECK(end.unread == 0);
  CHECK(end.stdout_stuck);
  CHECK_FALSE(end.gap);
}
