// SPDX-License-Identifier: MIT
// Paths from a file and into one: whose the position is.
#include "relay/path.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <array>
#include <cerrno>

#include "support/scripted_kernel.h"
#include "support/world.h"
#include "sys/linux_kernel.h"

using namespace tcptool;
using relay::Path;
using sys::Syscall;
using Kind = Path::Kind;
using StepResult = Path::Step::Result;

namespace {

constexpr std::size_t mebibyte = 1 << 20;

std::int64_t position(int fd) {
  return ::lseek(fd, 0, SEEK_CUR);
}

// A file of 100 bytes that is sent to somewhere.
struct FromFile {
  FromFile() {
    file.write(std::string(100, 'x'));
    ::lseek(file.fd(), 0, SEEK_SET);
  }
  Path path() {
    Path made(kernel, Kind::sendfile, {file.fd(), 8, -1});
    made.take();
    return made;
  }
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel{linux_kernel};
  test::TemporaryFolder folder;
  test::Plug file = test::open_file(folder.file("in"), O_CREAT | O_RDWR);
};

}  // namespace

TEST_CASE("a stretch of the file is ours alone while it is sent, and what is left is given back") {
  FromFile scene;
  Path path = scene.path();
  scene.kernel.script(Syscall::sendfile).nth(1).answers(60);
  scene.kernel.script(Syscall::sendfile).nth(2).fails(EAGAIN);
  for (int i = 0; i < 2; ++i) static_cast<void>(path.step(mebibyte));
  CHECK(position(scene.file.fd()) == Path::stretch);
  path.put_back();
  CHECK(position(scene.file.fd()) == 60);
  path.put_back();
  CHECK(position(scene.file.fd()) == 60);

  // Another one that sends from the same description goes on behind it, and finds the end.
  Path other = scene.path();
  scene.kernel.script(Syscall::sendfile).nth(1).answers(40);
  scene.kernel.script(Syscall::sendfile).nth(2).answers(0);
  static_cast<void>(other.step(mebibyte));
  Path late = scene.path();
  CHECK(late.step(mebibyte).result == StepResult::end);
  CHECK(position(scene.file.fd()) == 60 + Path::stretch);
  other.give_up();
  CHECK(position(scene.file.fd()) == 100);
}

TEST_CASE("a stretch is not given back once another one has begun behind it") {
  FromFile scene;
  Path path = scene.path();
  Path other = scene.path();
  scene.kernel.script(Syscall::sendfile).nth(1).answers(60);
  scene.kernel.script(Syscall::sendfile).nth(2).answers(60);
  static_cast<void>(path.step(mebibyte));
  static_cast<void>(other.step(mebibyte));
  path.put_back();
  CHECK(position(scene.file.fd()) == 2 * Path::stretch);
  other.put_back();
  CHECK(position(scene.file.fd()) == Path::stretch + 60);
}

namespace {

// A connection that goes into a file, which begins with what others wrote.
struct FileScene {
  explicit FileScene(int flags = 0)
      : name(folder.file("out")), file(test::open_file(name, O_CREAT | O_WRONLY | flags)) {
    file.write("head ");
    pair.peer.write("bytes");
    path.take();
  }
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel{linux_kernel};
  test::TemporaryFolder folder;
  std::string name;
  test::Plug file;
  test::TcpPair pair = test::make_tcp_pair();
  Path path{kernel, Kind::into_file, {pair.ours.fd(), file.fd(), -1}};
};

}  // namespace

TEST_CASE("into a file goes what came, to a place that nobody else writes to meanwhile") {
  FileScene scene;
  REQUIRE(scene.path.taken());
  for (const bool first : {true, false}) {
    const Path::Step step = scene.path.step(mebibyte);
    CHECK(step.result == StepResult::moved);
    CHECK(step.bytes == 5);
    CHECK(scene.path.held() == 0);
    scene.file.write(" other ");
    if (first) scene.pair.peer.write("again");
  }
  CHECK(test::contents_of(scene.name) == "head bytes other again other ");
  CHECK(scene.path.step(mebibyte).result == StepResult::nothing);
}

TEST_CASE("a splice into a file that takes a part is followed by another one") {
  FileScene scene;
  scene.kernel.script(Syscall::splice).nth(2).at_most(2);
  scene.kernel.script(Syscall::splice).nth(3).fails(EINTR);
  CHECK(scene.path.step(mebibyte).result == StepResult::moved);
  CHECK(scene.kernel.count(Syscall::splice) == 5);
  CHECK(test::contents_of(scene.name) == "head bytes");
}

TEST_CASE(
    "what has come and cannot be spliced, since the file only grows now, is there to be read") {
  FileScene scene;
  REQUIRE(::fcntl(scene.file.fd(), F_SETFL, O_APPEND) == 0);
  const Path::Step step = scene.path.step(mebibyte);
  CHECK(step.result == StepResult::moved);
  CHECK(step.bytes == 5);
  CHECK_FALSE(scene.path.taken());
  std::array<std::byte, 8> buffer{};
  CHECK(scene.path.read_held(buffer).value == 5);
  CHECK(scene.path.held() == 0);
  CHECK(test::contents_of(scene.name) == "head ");
}

TEST_CASE("a file of which no place is to be had, or that is not spliced into, is said") {
  for (const Syscall refused : {Syscall::lseek, Syscall::splice}) {
    CAPTURE(sys::name(refused));
    FileScene scene;
    scene.kernel.script(refused).nth(refused == Syscall::lseek ? 1 : 2).fails(EINVAL);
    const Path::Step step = scene.path.step(mebibyte);
    CHECK(step.result == StepResult::sink_failed);
    CHECK(step.error == EINVAL);
    CHECK(scene.path.held() == 5);
  }
}

TEST_CASE("a file that takes no more says so, and what is lost") {
  FileScene scene;
  scene.kernel.script(Syscall::splice).nth(2).at_most(2);
  scene.kernel.script(Syscall::splice).nth(3).fails(ENOSPC);
  const Path::Step step = scene.path.step(mebibyte);
  CHECK(step.result == StepResult::sink_failed);
  CHECK(step.error == ENOSPC);
  CHECK(step.bytes == 5);
  CHECK(scene.path.held() == 3);
  scene.file.write(" the next writer");
  CHECK(test::contents_of(scene.name) == "head by the next writer");
}

TEST_CASE("nor is it taken back from behind another writer") {
  FileScene scene;
  scene.kernel.script(Syscall::splice).nth(2).fails(ENOSPC);
  scene.kernel.script(Syscall::lseek).nth(2).after([&] { scene.file.write("later"); });
  CHECK(scene.path.step(mebibyte).result == StepResult::sink_failed);
  CHECK(position(scene.file.fd()) == 15);
}

TEST_CASE("a file that only grows is written, and so is one where no pipe is to be had") {
  CHECK_FALSE(FileScene(O_APPEND).path.taken());
  for (const Syscall refused : {Syscall::pipe2, Syscall::fcntl, Syscall::splice}) {
    CAPTURE(sys::name(refused));
    FileScene scene;
    scene.kernel.script(refused).fails(EPERM);
    Path path(scene.kernel, Kind::into_file, {scene.pair.ours.fd(), scene.file.fd(), -1});
    path.take();
    CHECK_FALSE(path.taken());
    CHECK_FALSE(path.due(100 * mebibyte));
  }
}
