// SPDX-License-Identifier: MIT
// Paths from a file and into one: whose the position is.
#include "relay/path.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

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

// A file of two and a half stretches that is sent to somewhere.
struct FromFile {
  FromFile() {
    file.write(text);
    ::lseek(file.fd(), 0, SEEK_SET);
  }
  Path path() {
    Path made(kernel, Kind::sendfile, {file.fd(), 8, -1, true});
    made.take();
    return made;
  }
  // The next call sends so many bytes.
  void sends(std::size_t bytes) {
    kernel.script(Syscall::sendfile).nth(1).answers(static_cast<std::int64_t>(bytes));
  }
  std::string held(Path& path) {
    std::string all;
    std::array<std::byte, 100'000> buffer{};
    while (path.held() > 0) {
      const sys::Outcome got = path.read_held(buffer);
      REQUIRE(got.ok());
      all.append(reinterpret_cast<const char*>(buffer.data()), got.as_size());
    }
    return all;
  }
  std::string text = test::numbered_bytes(Path::stretch * 5 / 2);
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel{linux_kernel};
  test::TemporaryFolder folder;
  test::Plug file = test::open_file(folder.file("in"), O_CREAT | O_RDWR);
};

}  // namespace

TEST_CASE("a stretch of the file is ours alone, and what is not sent of it is read there") {
  FromFile scene;
  Path path = scene.path();
  scene.sends(60);
  CHECK(path.step(mebibyte).bytes == 60);
  CHECK(position(scene.file.fd()) == Path::stretch);
  // Another one that sends from the same description goes on behind it.
  Path other = scene.path();
  scene.sends(40);
  CHECK(other.step(mebibyte).bytes == 40);
  CHECK(position(scene.file.fd()) == 2 * Path::stretch);
  path.give_up();
  CHECK(path.held() == Path::stretch - 60);
  CHECK((scene.held(path) == scene.text.substr(60, Path::stretch - 60)));
  other.give_up();
  CHECK((scene.held(other) == scene.text.substr(Path::stretch + 40, Path::stretch - 40)));
  CHECK(position(scene.file.fd()) == 2 * Path::stretch);
}

TEST_CASE("no stretch goes beyond the file's end, which read(2) tells") {
  FromFile scene;
  const auto size = static_cast<std::int64_t>(scene.text.size());
  ::lseek(scene.file.fd(), 2 * Path::stretch, SEEK_SET);
  Path path = scene.path();
  scene.sends(Path::stretch / 2);
  CHECK(path.step(mebibyte).bytes == Path::stretch / 2);
  CHECK(position(scene.file.fd()) == size);
  CHECK(path.held() == 0);
  CHECK(path.step(mebibyte).result == StepResult::nothing);
  CHECK(path.kind() == Kind::copy);
  CHECK(position(scene.file.fd()) == size);
}

TEST_CASE("what a file has lost since its stretch was taken is not waited for") {
  for (const bool by_sendfile : {true, false}) {
    FromFile scene;
    Path path = scene.path();
    scene.sends(60);
    static_cast<void>(path.step(mebibyte));
    REQUIRE(::ftruncate(scene.file.fd(), 60) == 0);
    std::array<std::byte, 8> buffer{};
    if (by_sendfile) {
      scene.sends(0);
      CHECK(path.step(mebibyte).result == StepResult::end);
    } else {
      path.give_up();
      CHECK(path.read_held(buffer).error == EAGAIN);
    }
    CHECK(path.held() == 0);
    CHECK(position(scene.file.fd()) == 60);
  }
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
