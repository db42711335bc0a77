// SPDX-License-Identifier: MIT
// What each outcome of splice, sendfile and recv makes of a path, and of a relay that has taken
// one.
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

struct Scene {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel{linux_kernel};
  test::TemporaryFolder folder;
  test::Plug file = test::open_file(folder.file("in"), O_CREAT | O_RDWR);
  Scene() { REQUIRE(::ftruncate(file.fd(), 16 * mebibyte) == 0); }
  Path path(Kind kind) {
    Path made(kernel, kind, {kind == Kind::sendfile ? file.fd() : 7, 8, -1});
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
    CHECK(scene.kernel.count(call) == 4);
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

TEST_CASE("a splice without a byte from the socket may be an urgent byte's doing, and recv tells") {
  Scene scene;
  for (const bool inbound : {true, false}) {
    CAPTURE(inbound);
    Path path(scene.kernel, Kind::splice, {7, 8, inbound ? 8 : 7});
    path.take();
    scene.kernel.script(Syscall::splice).answers(0);
    CHECK(path.step(mebibyte).result == (inbound ? StepResult::nothing : StepResult::end));
    CHECK(path.taken() != inbound);
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
  path.put_back();
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
  path.put_back();
  CHECK(::fcntl(fd, F_GETPIPE_SZ) == large);

  const int before = ::fcntl(fd, F_SETPIPE_SZ, 65536);
  scene.kernel.script(Syscall::fcntl).nth(2).fails(EPERM);
  Path refused(scene.kernel, Kind::splice, {fd, 8, fd});
  refused.take();
  CHECK(refused.taken());
  refused.put_back();
  CHECK(::fcntl(fd, F_GETPIPE_SZ) == before);
}
