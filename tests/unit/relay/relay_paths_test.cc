// SPDX-License-Identifier: MIT
// A relay whose directions have taken their paths: what flows, and every way in which it ends.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "support/relay_scene.h"

using namespace std::chrono_literals;
using namespace tcptool;
using relay::RelayEnd;
using sys::Syscall;
using test::RelayScene;

namespace {

constexpr std::size_t mebibyte = 1 << 20;

// A relay of which both directions have gone past what is moved by read and write.
struct BulkScene : RelayScene {
  BulkScene() {
    peer.set_blocking(false);
    stdin_writer.set_blocking(false);
  }
  // Puts `count` bytes in at one end of each direction and takes them out at the other.
  void pump(std::size_t count) {
    const std::string chunk = test::numbered_bytes(32768);
    for (std::size_t done = 0; done < count; done += chunk.size()) {
      then([this, chunk] {
        stdin_writer.write(chunk);
        peer.write(chunk);
      });
      then([this] { drain(); });
    }
  }
  void drain() {
    from_stdin += peer.read();
    to_stdout += stdout_reader.read();
  }
  [[nodiscard]] bool intact() const {
    const std::string chunk = test::numbered_bytes(32768);
    for (const std::string* all : {&from_stdin, &to_stdout}) {
      for (std::size_t at = 0; at < all->size(); at += chunk.size()) {
        if (all->compare(at, chunk.size(), chunk) != 0) return false;
      }
    }
    return true;
  }
  std::string from_stdin;
  std::string to_stdout;
};

}  // namespace

TEST_CASE("a chat stays on read and write, and its pipes as they are") {
  BulkScene scene;
  scene.pump(mebibyte / 2);
  scene.then([&] { scene.stdin_writer.close(); });
  scene.then([&] { scene.peer.close(); });
  const RelayEnd end = scene.run();
  CHECK(end.reason == RelayEnd::Reason::complete);
  CHECK(scene.kernel.count(Syscall::splice) == 0);
  CHECK(scene.kernel.count(Syscall::fcntl) == 0);
}

TEST_CASE("pipes are spliced once much flows, with splices of every length") {
  for (const std::size_t at_most : {mebibyte, std::size_t{1000}}) {
    CAPTURE(at_most);
    BulkScene scene;
    scene.kernel.script(Syscall::splice).at_most(at_most);
    scene.pump(mebibyte + mebibyte / 2);
    scene.then([&] { scene.stdin_writer.close(); });
    scene.then([&] { scene.peer.shut_down(); });
    const RelayEnd end = scene.run();
    scene.from_stdin += scene.peer.read_all();
    scene.to_stdout += scene.stdout_reader.read_all();
    CHECK(end.reason == RelayEnd::Reason::complete);
    CHECK(end.stdin_at_eof);
    CHECK(end.peer_fin);
    CHECK(end.sent == mebibyte + mebibyte / 2);
    CHECK(end.received == end.sent);
    CHECK(scene.from_stdin.size() == end.sent);
    CHECK(scene.to_stdout.size() == end.received);
    CHECK(scene.intact());
    CHECK(scene.kernel.count(Syscall::splice) >= 16);
  }
}

TEST_CASE("where bytes are shown they are read and written") {
  BulkScene scene;
  scene.policy.bytes_are_shown = true;
  scene.pump(2 * mebibyte);
  scene.then([&] { scene.stdin_writer.close(); });
  scene.then([&] { scene.peer.close(); });
  CHECK(scene.run().sent == 2 * mebibyte);
  CHECK(scene.kernel.count(Syscall::splice) == 0);
}

TEST_CASE("a splice that the kernel does not know loses nothing") {
  BulkScene scene;
  scene.kernel.script(Syscall::splice).fails(EINVAL);
  scene.pump(2 * mebibyte);
  scene.then([&] { scene.stdin_writer.close(); });
  scene.then([&] { scene.peer.shut_down(); });
  const RelayEnd end = scene.run();
  scene.drain();
  CHECK(scene.from_stdin.size() == 2 * mebibyte);
  CHECK(scene.to_stdout.size() == 2 * mebibyte);
  CHECK(scene.intact());
  CHECK(end.reason == RelayEnd::Reason::complete);
  CHECK(scene.kernel.count(Syscall::splice) == 2);
}

TEST_CASE("an error of splice that leaves the connection as it was is left to read and write") {
  BulkScene scene;
  scene.kernel.script(Syscall::splice).fails(EIO);
  scene.pump(mebibyte + mebibyte / 2);
  scene.then([&] { scene.stdin_writer.close(); });
  scene.then([&] { scene.peer.shut_down(); });
  CHECK(scene.run().reason == RelayEnd::Reason::complete);
}

TEST_CASE("a reset ends a path, whoever meets it") {
  for (const bool stdin_waits : {true, false}) {
    CAPTURE(stdin_waits);
    BulkScene scene;
    scene.pump(2 * mebibyte);
    scene.then([&] {
      scene.peer.reset();
      if (stdin_waits) scene.stdin_writer.write("more");
    });
    const RelayEnd end = scene.run();
    CHECK(end.reason == RelayEnd::Reason::connection_lost);
    CHECK(end.error.error == ECONNRESET);
    CHECK_FALSE(end.peer_fin);
    CHECK(end.received == 2 * mebibyte);
  }
}

TEST_CASE("a FIN that is unread behind a path into a full stdout is no gap") {
  BulkScene scene;
  scene.waiting.emplace(scene.kernel, scene.kernel.now() + 7s);
  const test::Plug stdout_writer(::dup(scene.output.fd()));
  scene.pump(2 * mebibyte);
  scene.then([&] {
    stdout_writer.fill();
    scene.peer.shut_down();
  });
  const RelayEnd end = scene.run();
  CHECK(end.reason == RelayEnd::Reason::run_timeout);
  CHECK_FALSE(end.peer_fin);
  CHECK(end.unwritten == 0);
  CHECK(end.stdout_stuck);
  CHECK_FALSE(end.gap);
}

TEST_CASE("why the connection broke is presumed where a splice has taken the word") {
  BulkScene scene;
  scene.pump(2 * mebibyte);
  scene.then([&] {
    scene.peer.reset();
    CHECK(scene.take_socket_error() == ECONNRESET);
  });
  const RelayEnd end = scene.run();
  CHECK(end.reason == RelayEnd::Reason::connection_lost);
  CHECK(end.error.error == ECONNRESET);
  CHECK(end.presumed);
  CHECK_FALSE(end.peer_fin);
}

TEST_CASE("a reader of stdout that goes while much flows is told, and the rest is discarded") {
  BulkScene scene;
  scene.pump(2 * mebibyte);
  scene.then([&] { scene.stdout_reader.close(); });
  scene.then([&] { scene.peer.write("nobody reads this"); });
  scene.then([&] { scene.peer.shut_down(); });
  const RelayEnd end = scene.run();
  CHECK(end.reason == RelayEnd::Reason::complete);
  CHECK(end.stdout_gone);
  CHECK(scene.readers_gone_told == 1);
}

TEST_CASE("EPIPE of a splice into stdout is a reader that has gone, or a reset after FIN") {
  for (const bool gone : {true, false}) {
    CAPTURE(gone);
    BulkScene scene;
    scene.pump(2 * mebibyte);
    scene.kernel.script(Syscall::splice)
        .on(scene.socket())
        .where([&] { return scene.kernel.steps_left() == 0; })
        .fails(EPIPE);
    scene.kernel.script(Syscall::poll)
        .where([&] {
          return scene.kernel.calls().back().call == Syscall::splice &&
                 scene.kernel.calls().back().outcome.error == EPIPE;
        })
        .answers(gone ? 1 : 0);
    scene.then([&] {
      scene.peer.write("last");
      if (!gone) scene.peer.reset();
    });
    const RelayEnd end = scene.run();
    CHECK(end.stdout_gone == gone);
    if (!gone) CHECK(end.reason == RelayEnd::Reason::connection_lost);
  }
}

TEST_CASE("a file gets all of it, also where O_APPEND is set in the middle") {
  for (const bool appended : {false, true}) {
    CAPTURE(appended);
    BulkScene scene;
    const test::TemporaryFolder folder;
    scene.use_stdout(test::open_file(folder.file("out"), O_CREAT | O_WRONLY));
    const int file = ::dup(scene.output.fd());
    scene.pump(2 * mebibyte);
    if (appended) scene.then([&] { REQUIRE(::fcntl(file, F_SETFL, O_APPEND) == 0); });
    scene.pump(mebibyte);
    scene.then([&] { scene.stdin_writer.close(); });
    scene.then([&] { scene.peer.shut_down(); });
    const RelayEnd end = scene.run();
    ::close(file);
    CHECK(end.reason == RelayEnd::Reason::complete);
    CHECK(end.received == 3 * mebibyte);
    CHECK(end.unwritten == 0);
    scene.to_stdout = test::contents_of(folder.file("out"));
    CHECK(scene.to_stdout.size() == 3 * mebibyte);
    CHECK(scene.intact());
    CHECK(scene.kernel.count(Syscall::lseek) > 0);
  }
}

TEST_CASE("a file that takes no more while much flows ends the run, and what is lost is counted") {
  BulkScene scene;
  const test::TemporaryFolder folder;
  scene.use_stdout(test::open_file(folder.file("out"), O_CREAT | O_WRONLY));
  const std::string chunk = test::numbered_bytes(32768);
  for (std::size_t done = 0; done < mebibyte; done += chunk.size()) {
    scene.then([&] { scene.peer.write(chunk); });
  }
  scene.kernel.script(Syscall::splice).nth(3).fails(ENOSPC);
  scene.then([&] { scene.peer.write("lost"); });
  const RelayEnd end = scene.run();
  CHECK(end.reason == RelayEnd::Reason::stdout_failed);
  CHECK(end.error.error == ENOSPC);
  CHECK(end.received == mebibyte + 4);
  CHECK(end.unwritten == 4);
}
