// SPDX-License-Identifier: MIT
// The relay's clocks: idle, linger, acknowledgements, the run's own limit, and signals.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "relay/relay.h"
#include "support/relay_scene.h"

using namespace std::chrono_literals;
using namespace tcptool;
using relay::RelayEnd;
using test::RelayScene;

namespace {

using Reason = RelayEnd::Reason;

}  // namespace

TEST_CASE("an idle connection ends after the idle timeout, on either side of the handshake") {
  for (const auto side : {RelayScene::Side::connecting, RelayScene::Side::accepting}) {
    CAPTURE(side);
    RelayScene scene(side);
    scene.policy.idle_timeout = 5s;
    const RelayEnd end = scene.run();
    CHECK(end.reason == Reason::idle_timeout);
    CHECK(end.duration >= 5s);
    CHECK(end.duration < 6s);
  }
}

TEST_CASE("each byte sent or received restarts the idle clock") {
  RelayScene scene;
  scene.policy.idle_timeout = 5s;
  for (int i = 0; i < 3; ++i) {
    scene.then([&] {
      scene.kernel.advance(4s);
      scene.peer.write("x");
    });
    scene.then([&] {
      scene.kernel.advance(4s);
      scene.stdin_writer.write("y");
    });
  }
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::idle_timeout);
  CHECK(end.received == 3);
  CHECK(end.sent == 3);
  CHECK(end.duration >= 29s);
  CHECK(end.duration < 36s);
}

TEST_CASE("the idle clock stands still while only our own stdout is stuck") {
  RelayScene scene;
  scene.policy.idle_timeout = 5s;
  scene.output.fill();
  scene.peer.write("waits for a reader");
  scene.then([&] { scene.kernel.advance(60s); });
  scene.then([&] { CHECK(scene.stdout_reader.read().size() > 4096); });
  scene.then([&] { CHECK(scene.stdout_reader.read() == "waits for a reader"); });
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::idle_timeout);
  CHECK(end.duration >= 65s);
}

TEST_CASE("after both ends of file the idle clock is off") {
  RelayScene scene;
  scene.policy.idle_timeout = 5s;
  scene.peer.shut_down();
  scene.stdin_writer.write("x");
  scene.stdin_writer.close();
  CHECK(scene.run().reason == Reason::complete);
}

TEST_CASE("a silent stdin after the peer's FIN is told once, and the peer is watched") {
  RelayScene scene;
  scene.policy.idle_timeout = 30s;
  scene.peer.shut_down();
  scene.then([&] { scene.kernel.advance(2s); });
  scene.then([&] { scene.kernel.advance(2s); });
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::idle_timeout);
  CHECK(scene.silences_told == 1);
  CHECK(scene.kernel.count(sys::Syscall::setsockopt) == 4);
}

TEST_CASE("keepalive times that the user set are left alone") {
  RelayScene scene;
  scene.policy.idle_timeout = 30s;
  scene.policy.keepalive_set = true;
  scene.peer.shut_down();
  CHECK(scene.run().reason == Reason::idle_timeout);
  CHECK(scene.kernel.count(sys::Syscall::setsockopt) == 0);
}

TEST_CASE("linger ends the run after that much silence behind the peer's FIN") {
  for (const auto linger : {0ns, std::chrono::nanoseconds(3s)}) {
    CAPTURE(linger.count());
    RelayScene scene;
    scene.policy.linger = linger;
    scene.peer.write("answer");
    scene.peer.shut_down();
    const RelayEnd end = scene.run();
    CHECK(end.reason == Reason::complete);
    CHECK_FALSE(end.stdin_at_eof);
    CHECK(end.fin_sent);
    CHECK(end.duration >= linger);
    CHECK(end.duration < linger + 1s);
    CHECK(scene.stdout_reader.read_all() == "answer");
  }
}

TEST_CASE("each byte from stdin restarts the linger clock") {
  RelayScene scene;
  scene.policy.linger = 3s;
  scene.peer.shut_down();
  for (int i = 0; i < 4; ++i) {
    scene.then([&] {
      scene.kernel.advance(2s);
      scene.stdin_writer.write("z");
    });
  }
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::complete);
  CHECK(end.sent == 4);
  CHECK(scene.peer.read_all() == "zzzz");
}

TEST_CASE("a run is not complete before the peer's kernel has acknowledged every byte") {
  RelayScene scene;
  const std::string question = test::numbered_bytes(1'000'000);
  std::string_view left = question;
  std::string arrived;
  int turns_behind_fin = 0;
  scene.peer.shut_down();
  scene.stdin_writer.set_blocking(false);
  std::function<void()> turn = [&] {
    const ssize_t count = ::write(scene.stdin_writer.fd(), left.data(), left.size());
    if (count > 0) left.remove_prefix(static_cast<std::size_t>(count));
    if (left.empty()) scene.stdin_writer.close();
    if (scene.kernel.count(sys::Syscall::shutdown) == 1) ++turns_behind_fin;
    if (turns_behind_fin > 5) arrived += scene.peer.read();
    if (arrived.size() < question.size()) scene.then(turn);
  };
  scene.then(turn);
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::complete);
  CHECK(turns_behind_fin > 5);
  CHECK(end.sent == question.size());
  CHECK(end.undelivered == 0);
  arrived += scene.peer.read_all();
  CHECK((arrived == question));
}

TEST_CASE("at the end of an ordinary run the kernel is asked twice: TCP_INFO and SO_ERROR") {
  RelayScene scene;
  scene.stdin_writer.write("x");
  scene.peer.write("x");
  scene.peer.shut_down();
  scene.then([&] { scene.stdin_writer.close(); });
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::complete);
  CHECK(end.first_to_close == RelayEnd::FirstToClose::peer);
  CHECK(scene.kernel.count(sys::Syscall::getsockopt) == 2);
}

TEST_CASE("at an idle timeout and of a connection that has gone TCP_INFO is read once") {
  RelayScene idle;
  idle.policy.idle_timeout = 5s;
  CHECK(idle.run().reason == Reason::idle_timeout);
  CHECK(idle.kernel.count(sys::Syscall::getsockopt) == 1);
  RelayScene aborted;
  aborted.peer.shut_down();
  aborted.then([&] { aborted.peer.reset(); });
  CHECK(aborted.run().reason == Reason::connection_lost);
  CHECK(aborted.kernel.count(sys::Syscall::getsockopt) == 2);  // and SO_ERROR
}

TEST_CASE("where the kernel tells nothing of acknowledgements the run completes all the same") {
  RelayScene scene;
  scene.kernel.script(sys::Syscall::getsockopt).fails(ENOPROTOOPT);
  scene.kernel.script(sys::Syscall::ioctl).on(scene.socket()).fails(ENOTTY);
  scene.peer.shut_down();
  scene.stdin_writer.write("payload");
  scene.stdin_writer.close();
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::complete);
  CHECK(end.undelivered == 0);
  CHECK_FALSE(end.info);
}

TEST_CASE("bytes that the peer's window does not admit are counted as undelivered") {
  RelayScene scene;
  scene.policy.idle_timeout = 5s;
  const std::string block(65'536, 'b');
  scene.stdin_writer.set_blocking(false);
  std::uint64_t written = 0;
  int full = 0;
  std::function<void()> fill = [&] {
    const ssize_t count = ::write(scene.stdin_writer.fd(), block.data(), block.size());
    if (count > 0) written += static_cast<std::uint64_t>(count);
    if (count <= 0) ++full;
    if (full < 3) scene.then(fill);
  };
  scene.then(fill);
  const RelayEnd end = scene.run();
  const std::string arrived = scene.peer.read(64 << 20);
  CHECK(end.reason == Reason::idle_timeout);
  CHECK(end.undelivered > 0);
  // Read from stdin by the relay: all but what is still in the pipe.
  const std::uint64_t taken = written - scene.input.read(64 << 20).size();
  CHECK(end.undelivered <= taken);
  CHECK(taken - end.undelivered <= arrived.size());
}

TEST_CASE("the run's own deadline ends it whatever is under way") {
  RelayScene scene;
  scene.waiting.emplace(scene.kernel, scene.kernel.now() + 7s);
  scene.stdin_writer.write("x");
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::run_timeout);
  CHECK(end.sent == 1);
  CHECK(end.duration >= 7s);
}

TEST_CASE("a signal ends the run and is named") {
  RelayScene scene;
  scene.then([] { ::kill(::getpid(), SIGTERM); });
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::signal);
  CHECK(end.signal == SIGTERM);
}

TEST_CASE("a poll that fails for good ends the run with its error") {
  RelayScene scene;
  scene.kernel.script(sys::Syscall::poll).fails(ENOMEM);
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::connection_lost);
  CHECK(end.error.call == sys::Syscall::poll);
  CHECK(end.error.error == ENOMEM);
}
