// SPDX-License-Identifier: MIT
// What each outcome of splice, sendfile and recv makes of a path, and of a relay that has taken
// one.
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

struct Scene {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel{linux_kernel};
  Path path(Kind kind) {
    Path made(kernel, kind, {7, 8, -1});
    made.take();
    return made;
  }
};

struct Row {
  Kind kind;
  Syscall call;
};
constexpr Row paths[] = {{Kind::splice, Syscall::splice},
                         {Kind::sendfile, Syscall::sendfile},
                         {Kind::discard, Syscall::recv}};

}  // namespace

TEST_CASE("a path is due after a mebibyte, and read and write never are one") {
  Scene scene;
  for (const Row& row : paths) {
    const Path path(scene.kernel, row.kind, {7, 8, -1});
    CHECK_FALSE(path.due(mebibyte - 1));
    CHECK(path.due(mebibyte));
    CHECK_FALSE(path.taken());
  }
  CHECK_FALSE(Path(scene.kernel, Kind::copy, {}).due(100 * mebibyte));
}

TEST_CASE("a step tells what moved, the end, and an error") {
  for (const Row& row : paths) {
    const Syscall call = row.call;
    CAPTURE(sys::name(call));
    Scene scene;
    Path path = scene.path(row.kind);
    scene.kernel.script(call).nth(1).answers(4711);
    scene.kernel.script(call).nth(2).answers(0);
    scene.kernel.script(call).nth(3).fails(ECONNRESET);
    scene.kernel.script(call).nth(4).fails(EINTR);
    Path::Step step = path.step(mebibyte);
    CHECK(step.result == StepResult::moved);
    CHECK(step.bytes == 4711);
    CHECK(path.step(mebibyte).result == StepResult::end);
    step = path.step(mebibyte);
    CHECK(step.result == StepResult::failed);
    CHECK(step.error == ECONNRESET);
    CHECK(path.step(mebibyte).result == StepResult::nothing);
    CHECK(path.taken());
    CHECK(scene.kernel.calls().size() == 4);
  }
}

TEST_CASE("EAGAIN of splice turns from the one end to the other, and what moves stays with it") {
  Scene scene;
  Path path = scene.path(Kind::splice);
  scene.kernel.script(Syscall::splice)
      .where([&] { return scene.kernel.calls().size() % 2 == 0; })
      .fails(EAGAIN);
  scene.kernel.script(Syscall::splice).answers(1);
  CHECK_FALSE(path.awaits_sink());
  for (const bool awaits_sink : {true, true, false, false, true, true}) {
    static_cast<void>(path.step(mebibyte));
    CHECK(path.awaits_sink() == awaits_sink);
    CHECK(path.taken());
  }
}

TEST_CASE("a file waits for its sink alone, and what is discarded for its source") {
  for (const Kind kind : {Kind::sendfile, Kind::discard}) {
    Scene scene;
    Path path = scene.path(kind);
    scene.kernel.script(Syscall::sendfile).fails(EAGAIN);
    scene.kernel.script(Syscall::recv).fails(EAGAIN);
    CHECK(path.awaits_sink() == (kind == Kind::sendfile));
    static_cast<void>(path.step(mebibyte));
    CHECK(path.awaits_sink() == (kind == Kind::sendfile));
  }
}

TEST_CASE("a path that gets nowhere is left for the next mebibyte") {
  for (const Row& row : paths) {
    const Syscall call = row.call;
    CAPTURE(sys::name(call));
    Scene scene;
    Path path = scene.path(row.kind);
    scene.kernel.script(call).fails(EAGAIN);
    for (int i = 0; i < 8; ++i) {
      CHECK(path.taken());
      CHECK(path.step(5 * mebibyte).result == StepResult::nothing);
    }
    CHECK_FALSE(path.taken());
    CHECK_FALSE(path.due(6 * mebibyte - 1));
    CHECK(path.due(6 * mebibyte));
  }
}

TEST_CASE("so is one along which little goes at a time, step after step") {
  for (const bool little : {true, false}) {
    CAPTURE(little);
    Scene scene;
    Path path = scene.path(Kind::splice);
    for (std::size_t i = 1; i <= 8; ++i) {
      scene.kernel.script(Syscall::splice).nth(i).answers(i == 5 && !little ? 4096 : 4095);
    }
    for (int i = 0; i < 8; ++i) {
      CHECK(path.taken());
      CHECK(path.step(5 * mebibyte).result == StepResult::moved);
    }
    CHECK(path.taken() == !little);
    CHECK(path.due(6 * mebibyte) == little);
  }
}

TEST_CASE("EINVAL is the end of a path, and no error") {
  for (const Row& row : paths) {
    const Syscall call = row.call;
    CAPTURE(sys::name(call));
    Scene scene;
    Path path = scene.path(row.kind);
    scene.kernel.script(call).fails(EINVAL);
    CHECK(path.step(mebibyte).result == StepResult::nothing);
    CHECK_FALSE(path.taken());
    CHECK_FALSE(path.due(100 * mebibyte));
  }
}

TEST_CASE("a given pipe grows, and gets its size back") {
  Scene scene;
  const test::Pipe pipe = test::make_pipe();
  const int before = ::fcntl(pipe.read_end.fd(), F_GETPIPE_SZ);
  REQUIRE(before < Path::enlarged_pipe);
  Path path(scene.kernel, Kind::splice, {pipe.read_end.fd(), 8, pipe.read_end.fd()});
  CHECK(::fcntl(pipe.read_end.fd(), F_GETPIPE_SZ) == before);
  path.take();
  CHECK(::fcntl(pipe.read_end.fd(), F_GETPIPE_SZ) == Path::enlarged_pipe);
  path.give_up();
  path.put_pipe_back();
  CHECK(::fcntl(pipe.read_end.fd(), F_GETPIPE_SZ) == before);
}

TEST_CASE("a pipe that is larger stays as it is, and so does one that must not grow") {
  Scene scene;
  const test::Pipe pipe = test::make_pipe();
  const int fd = pipe.read_end.fd();
  const int large = ::fcntl(fd, F_SETPIPE_SZ, 2 * Path::enlarged_pipe);
  REQUIRE(large == 2 * Path::enlarged_pipe);
  Path path(scene.kernel, Kind::splice, {fd, 8, fd});
  path.take();
  path.put_pipe_back();
  CHECK(::fcntl(fd, F_GETPIPE_SZ) == large);

  const int before = ::fcntl(fd, F_SETPIPE_SZ, 65536);
  scene.kernel.script(Syscall::fcntl).nth(2).fails(EPERM);
  Path refused(scene.kernel, Kind::splice, {fd, 8, fd});
  refused.take();
  CHECK(refused.taken());
  refused.put_pipe_back();
  CHECK(::fcntl(fd, F_GETPIPE_SZ) == before);
}

namespace {

// A connection that goes into a file, which begins with what others wrote.
struct FileScene : Scene {
  explicit FileScene(int flags = 0)
      : name(folder.file("out")), file(test::open_file(name, O_CREAT | O_WRONLY | flags)) {
    file.write("head ");
    pair.peer.write("bytes");
    path.take();
  }
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
