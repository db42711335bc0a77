// SPDX-License-Identifier: MIT
// What goes wrong on the way: resets, readers that have gone, full disks, and answers of the kernel
// that are no failure at all.
#include <doctest/doctest.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "relay/relay.h"
#include "support/relay_scene.h"

using namespace tcptool;
using relay::RelayEnd;
using sys::Syscall;
using test::RelayScene;

namespace {

using Reason = RelayEnd::Reason;

}  // namespace

TEST_CASE("a reset before the peer's FIN is a lost connection, and what came before is written") {
  RelayScene scene;
  scene.peer.write("half an answ");
  scene.then([&] { scene.peer.reset(); });
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::connection_lost);
  CHECK(end.error.error == ECONNRESET);
  CHECK_FALSE(end.peer_fin);
  CHECK(end.received == 12);
  CHECK(end.unwritten == 0);
  CHECK(scene.stdout_reader.read_all() == "half an answ");
}

TEST_CASE("a reset after the peer's FIN is a loss that knows of the FIN") {
  RelayScene scene;
  scene.peer.write("all");
  scene.peer.shut_down();
  scene.then([&] { scene.peer.reset(); });
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::connection_lost);
  CHECK(end.peer_fin);
  CHECK(end.undelivered == 0);
  CHECK(scene.stdout_reader.read_all() == "all");
}

TEST_CASE("a reset is presumed where somebody else has taken the error") {
  RelayScene scene;
  scene.peer.shut_down();
  scene.then([&] { scene.stdin_writer.write("x"); });
  scene.then([&] {
    scene.peer.reset();
    CHECK(scene.take_socket_error() != 0);
  });
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::connection_lost);
  CHECK(end.peer_fin);
  CHECK(end.error.error == ECONNRESET);
  CHECK(end.error.call == Syscall::getsockopt);
  CHECK(end.presumed);
}

TEST_CASE("bytes that follow a peer which closed wholly are counted as undelivered") {
  RelayScene scene;
  scene.peer.close();
  scene.then([&] { scene.stdin_writer.write("into the void"); });
  scene.then([&] { scene.stdin_writer.write("more"); });
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::connection_lost);
  CHECK(end.peer_fin);
  CHECK(end.undelivered >= 13);
}

TEST_CASE("a reset in the middle of an upload is a loss that counts what was not delivered") {
  RelayScene scene;
  const std::string bytes(60'000, 'x');
  scene.stdin_writer.write(bytes);
  scene.kernel.script(Syscall::send).first(1).at_most(10'000);
  scene.kernel.script(Syscall::send).nth(2).after([&] { scene.peer.reset(); });
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::connection_lost);
  CHECK(end.sent == 10'000);
  CHECK(end.undelivered == 50'000);
}

TEST_CASE("a connection that was reset before the relay began still yields what it had received") {
  RelayScene scene;
  scene.peer.write("banner");
  scene.peer.reset();
  scene.connection.error = ECONNRESET;
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::connection_lost);
  CHECK(end.error.error == ECONNRESET);
  CHECK(scene.stdout_reader.read_all() == "banner");
}

TEST_CASE("when the reader of stdout has gone, what was read from stdin is still delivered") {
  RelayScene scene;
  scene.stdin_writer.write("last words");
  scene.then([&] { scene.stdout_reader.close(); });
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::complete);
  CHECK(end.stdout_gone);
  CHECK(scene.readers_gone_told == 1);
  CHECK(end.sent == 10);
  CHECK(end.undelivered == 0);
  CHECK(end.unwritten == 0);
  CHECK_FALSE(end.stdin_at_eof);
  CHECK(scene.peer.read_all() == "last words");
}

TEST_CASE("when the reader of stdout has gone, what arrives is discarded") {
  RelayScene scene;
  scene.stdout_reader.close();
  scene.peer.write("nobody reads this");
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::complete);
  CHECK(end.stdout_gone);
  CHECK(scene.readers_gone_told == 1);
}

TEST_CASE("EPIPE from a write is a reader that has gone") {
  RelayScene scene;
  scene.peer.write("x");
  scene.kernel.script(Syscall::write).fails(EPIPE);
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::complete);
  CHECK(end.stdout_gone);
}

TEST_CASE("any other error of stdout ends the run and counts what was not written") {
  for (const int error : {ENOSPC, EIO, EDQUOT, EFBIG}) {
    CAPTURE(error);
    RelayScene scene;
    scene.peer.write("four");
    scene.kernel.script(Syscall::write).fails(error);
    const RelayEnd end = scene.run();
    CHECK(end.reason == Reason::stdout_failed);
    CHECK(end.error.error == error);
    CHECK(end.error.call == Syscall::write);
    CHECK(end.error.object == "stdout");
    CHECK(end.unwritten == 4);
  }
}

TEST_CASE("a full device is told as such") {
  RelayScene scene;
  scene.use_stdout(test::open_file("/dev/full", O_WRONLY));
  scene.peer.write("four");
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::stdout_failed);
  CHECK(end.error.error == ENOSPC);
}

TEST_CASE("an error that only close tells of is a failure of stdout") {
  RelayScene scene;
  scene.stdin_writer.close();
  scene.peer.write("data");
  scene.peer.shut_down();
  scene.kernel.script(Syscall::close).on(scene.output.fd()).fails(EIO);
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::stdout_failed);
  CHECK(end.error.call == Syscall::close);
  CHECK(end.error.error == EIO);
}

TEST_CASE("a stdout that was closed at start fails as soon as there is a byte for it") {
  for (const bool with_data : {false, true}) {
    CAPTURE(with_data);
    RelayScene scene;
    scene.stdout_was_closed = true;
    scene.use_stdout(test::open_file("/dev/null", O_RDWR));
    scene.stdin_writer.close();
    if (with_data) scene.peer.write("x");
    scene.peer.shut_down();
    const RelayEnd end = scene.run();
    CHECK(end.reason == (with_data ? Reason::stdout_failed : Reason::complete));
    CHECK(end.error.error == (with_data ? EBADF : 0));
  }
}

TEST_CASE("an error of stdin is kept, and what was read before is delivered") {
  RelayScene scene;
  scene.stdin_writer.write("before");
  scene.peer.shut_down();
  scene.kernel.script(Syscall::read).nth(1).at_most(6);
  scene.kernel.script(Syscall::read).nth(2).fails(EIO);
  scene.then([&] { scene.stdin_writer.write("unread"); });
  scene.waiting.emplace(scene.kernel);
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::complete);
  REQUIRE(end.stdin_error);
  CHECK(end.stdin_error->error == EIO);
  CHECK_FALSE(end.stdin_at_eof);
  CHECK(scene.peer.read_all() == "before");
}

TEST_CASE("EINTR, EAGAIN and single bytes anywhere change nothing") {
  const std::string question = test::numbered_bytes(300);
  const std::string answer = test::numbered_bytes(400);
  for (const int error : {EINTR, EAGAIN}) {
    for (const std::size_t step : {1U, 2U, 3U}) {
      CAPTURE(error);
      CAPTURE(step);
      RelayScene scene;
      for (const Syscall call : {Syscall::read, Syscall::write, Syscall::recv, Syscall::send}) {
        if (step > 1) scene.kernel.script(call).every(step).fails(error);
        scene.kernel.script(call).at_most(1);
      }
      scene.kernel.script(Syscall::poll).every(5).fails(EINTR);
      scene.stdin_writer.write(question);
      scene.stdin_writer.close();
      scene.peer.write(answer);
      scene.peer.shut_down();
      const RelayEnd end = scene.run();
      CHECK(end.reason == Reason::complete);
      CHECK(end.sent == question.size());
      CHECK(end.received == answer.size());
      CHECK(scene.peer.read_all() == question);
      CHECK(scene.stdout_reader.read_all() == answer);
    }
  }
}

TEST_CASE("a send that fails for good on a living connection ends the run without waiting for it") {
  RelayScene scene;
  scene.peer.write("received");
  scene.stdin_writer.write("x");
  scene.kernel.script(Syscall::send).fails(ENOBUFS);
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::connection_lost);
  CHECK(end.error.error == ENOBUFS);
  CHECK(end.undelivered == 1);
  CHECK(scene.stdout_reader.read_all() == "received");
}

TEST_CASE("after a lost send, an interrupted recv does not lose what had been received") {
  RelayScene scene;
  scene.peer.write("received");
  scene.stdin_writer.write("x");
  scene.kernel.script(Syscall::send).fails(ECONNRESET);
  scene.kernel.script(Syscall::recv).first(2).fails(EINTR);
  scene.then([&] { scene.peer.close(); });
  const RelayEnd end = scene.run();
  CHECK(end.reason == Reason::connection_lost);
  CHECK(end.received == 8);
  CHECK(scene.stdout_reader.read_all() == "received");
}

TEST_CASE("a stdout that nobody reads does not stop the other direction") {
  RelayScene scene;
  const std::string flood(1'000'000, 'f');
  scene.peer.set_blocking(false);
  std::size_t flooded = 0;
  std::function<void()> fill = [&] {
    const ssize_t count = ::write(scene.peer.fd(), flood.data(), flood.size());
    if (count > 0) flooded += static_cast<std::size_t>(count);
    if (flooded < 4'000'000 && count > 0) scene.then(fill);
  };
  fill();
  for (int i = 0; i < 5; ++i) {
    scene.then([&] { scene.stdin_writer.write("still going"); });
    scene.then([&] { CHECK(scene.peer.read() == "still going"); });
  }
  scene.then([&] { scene.stdin_writer.close(); });
  scene.then([&] { CHECK(scene.peer.at_end()); });
  scene.then([&] { scene.stdout_reader.close(); });
  const RelayEnd end = scene.run();
  CHECK(end.stdout_gone);
  CHECK(end.sent == 55);
}

TEST_CASE("no descriptor is left behind, however the run ends") {
  for (const int how : {0, 1, 2, 3}) {
    CAPTURE(how);
    RelayScene scene;
    const int socket = scene.socket();
    scene.peer.write("x");
    if (how == 0) scene.stdin_writer.close();
    if (how == 0) scene.peer.shut_down();
    if (how == 1) scene.then([&] { scene.peer.reset(); });
    if (how == 2) scene.stdout_reader.close();
    if (how == 3) scene.kernel.script(Syscall::write).fails(ENOSPC);
    scene.waiting.emplace(scene.kernel);
    const auto before = scene.kernel.open_descriptors();
    scene.run();
    auto left = scene.kernel.open_descriptors();
    for (const int fd : before) left.erase(fd);
    // At most the one that stands in the place of stdout.
    CHECK(left.size() <= 1);
    CHECK(left.count(socket) == 0);
  }
}
