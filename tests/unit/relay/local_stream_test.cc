// SPDX-License-Identifier: MIT
#include "relay/local_stream.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "relay/path.h"
#include "relay/relay.h"
#include "support/scripted_kernel.h"
#include "support/world.h"
#include "sys/linux_kernel.h"

using namespace tcptool;
using relay::LocalStream;
using relay::Path;
using Kind = LocalStream::Kind;

namespace {

struct Streams {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel{linux_kernel};
  LocalStream inspect(int fd) { return LocalStream::inspect(kernel, fd, false); }
};

test::Plug terminal(test::Plug& master) {
  master = test::Plug(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  std::array<char, 64> name{};
  REQUIRE(::grantpt(master.fd()) == 0);
  REQUIRE(::unlockpt(master.fd()) == 0);
  REQUIRE(::ptsname_r(master.fd(), name.data(), name.size()) == 0);
  return test::open_file(name.data(), O_RDWR | O_NOCTTY);
}

int flags_of(int fd) {
  return ::fcntl(fd, F_GETFL);
}

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

TEST_CASE("what has no size, though it is a regular file, has no places for its bytes") {
  Streams streams;
  const test::TemporaryFolder folder;
  const test::Plug file = test::open_file(folder.file("file"), O_CREAT | O_RDWR);
  const test::Plug made_up = test::open_file("/proc/self/status", O_RDONLY);
  for (const bool real : {true, false}) {
    if (real) file.write("x");
    const LocalStream input = streams.inspect(real ? file.fd() : made_up.fd());
    CHECK(input.kind() == Kind::regular_file);
    CHECK(input.has_size() == real);
    const Path path = relay::outbound_path(streams.kernel, input, 8, {});
    CHECK(path.kind() == (real ? Path::Kind::sendfile : Path::Kind::copy));
  }
}

TEST_CASE("every kind of standard stream is recognised") {
  Streams streams;
  const test::TemporaryFolder folder;
  const test::Pipe pipe = test::make_pipe();
  const auto sockets = test::make_unix_pair();
  test::Plug master;
  const test::Plug tty = terminal(master);
  CHECK(streams.inspect(pipe.read_end.fd()).kind() == Kind::pipe);
  CHECK(streams.inspect(sockets.first.fd()).kind() == Kind::socket);
  CHECK(streams.inspect(tty.fd()).kind() == Kind::terminal);
  const auto kind_of = [&](const std::string& path, int flags) {
    const test::Plug file = test::open_file(path, flags);
    return streams.inspect(file.fd()).kind();
  };
  CHECK(kind_of(folder.file("file"), O_RDWR | O_CREAT) == Kind::regular_file);
  CHECK(kind_of(folder.file(""), O_RDONLY | O_DIRECTORY) == Kind::directory);
  CHECK(kind_of("/dev/null", O_RDWR) == Kind::null_device);
  CHECK(kind_of("/dev/zero", O_RDONLY) == Kind::other);
  CHECK(kind_of("/dev/full", O_WRONLY) == Kind::other);
}

TEST_CASE("O_NONBLOCK of the inherited description is never changed") {
  Streams streams;
  test::Plug master;
  const test::Plug tty = terminal(master);
  const test::Pipe pipe = test::make_pipe();
  const auto sockets = test::make_unix_pair();
  for (const int fd : {tty.fd(), pipe.read_end.fd(), pipe.write_end.fd(), sockets.first.fd()}) {
    const int before = flags_of(fd);
    const bool writer = fd == pipe.write_end.fd();
    {
      LocalStream stream = streams.inspect(fd);
      stream.reopen(writer ? O_WRONLY : O_RDONLY);
      if (writer) {
        CHECK(stream.write(bytes("x")).ok());
      } else {
        std::array<std::byte, 4> buffer{};
        if (fd != tty.fd()) static_cast<void>(sockets.second.write("y"));
        if (fd == sockets.first.fd() || stream.fd() != fd) {
          static_cast<void>(stream.read(buffer));
        }
      }
      CHECK(flags_of(fd) == before);
    }
    CHECK(flags_of(fd) == before);
  }
}

TEST_CASE("a pipe's own description does not block, either way") {
  Streams streams;
  const test::Pipe pipe = test::make_pipe();
  LocalStream input = streams.inspect(pipe.read_end.fd());
  CHECK(input.may_block());
  input.reopen(O_RDONLY);
  CHECK_FALSE(input.may_block());
  CHECK(input.fd() != pipe.read_end.fd());
  std::array<std::byte, 16> buffer{};
  CHECK(input.read(buffer).error == EAGAIN);
  LocalStream output = streams.inspect(pipe.write_end.fd());
  output.reopen(O_WRONLY);
  const std::string much(1 << 20, 'm');
  const sys::Outcome first = output.write(bytes(much));
  CHECK(first.ok());
  CHECK(first.as_size() < much.size());
  CHECK(output.write(bytes(much)).error == EAGAIN);
}

TEST_CASE("a socket is read and written without waiting though its description blocks") {
  Streams streams;
  const auto sockets = test::make_unix_pair();
  LocalStream stream = streams.inspect(sockets.first.fd());
  stream.reopen(O_RDONLY);
  CHECK(stream.fd() == sockets.first.fd());
  std::array<std::byte, 16> buffer{};
  CHECK(stream.read(buffer).error == EAGAIN);
  const std::string much(1 << 22, 'm');
  CHECK(stream.write(bytes(much)).ok());
  while (stream.write(bytes(much)).ok()) continue;
  CHECK(stream.write(bytes(much)).error == EAGAIN);
}

TEST_CASE("where a pipe cannot be opened again, no write is larger than PIPE_BUF") {
  Streams streams;
  streams.kernel.script(sys::Syscall::open).fails(EACCES);
  const test::Pipe pipe = test::make_pipe();
  LocalStream output = streams.inspect(pipe.write_end.fd());
  output.reopen(O_WRONLY);
  CHECK(output.may_block());
  CHECK(output.fd() == pipe.write_end.fd());
  const std::string much(100'000, 'm');
  CHECK(output.write(bytes(much)).as_size() == PIPE_BUF);
}

TEST_CASE("a file is written where its offset stands, appended where it was opened so") {
  Streams streams;
  const test::TemporaryFolder folder;
  const std::string path = folder.file("log");
  test::open_file(path, O_WRONLY | O_CREAT).write("first\n");
  const test::Plug file = test::open_file(path, O_WRONLY | O_APPEND);
  LocalStream output = streams.inspect(file.fd());
  output.reopen(O_WRONLY);
  CHECK(output.fd() == file.fd());
  CHECK(output.write(bytes("second\n")).ok());
  CHECK(test::contents_of(path) == "first\nsecond\n");
}

TEST_CASE("a stream that was closed at start takes no byte and closes nothing") {
  Streams streams;
  test::Plug null = test::open_file("/dev/null", O_RDWR);
  LocalStream output = LocalStream::inspect(streams.kernel, null.fd(), true);
  CHECK(output.was_closed());
  CHECK(output.write(bytes("x")).error == EBADF);
  CHECK(output.close().ok());
  CHECK(streams.kernel.count(sys::Syscall::close) == 0);
  CHECK(flags_of(null.fd()) >= 0);
}

TEST_CASE("closing tells the reader of the end and keeps the number taken") {
  Streams streams;
  test::Pipe pipe = test::make_pipe();
  const int fd = pipe.write_end.release();
  LocalStream output = streams.inspect(fd);
  output.reopen(O_WRONLY);
  CHECK(output.write(bytes("bye")).ok());
  CHECK(output.close().ok());
  CHECK(pipe.read_end.read_all() == "bye");
  const auto left = streams.kernel.open_descriptors();
  CHECK(left.size() == 1);
  for (const int open : left) static_cast<void>(streams.kernel.close(open));
}

TEST_CASE("/dev/null is at its end, even where it is open for writing only") {
  Streams streams;
  for (const int access : {O_RDONLY, O_RDWR, O_WRONLY}) {
    const test::Plug null = test::open_file("/dev/null", access);
    LocalStream input = streams.inspect(null.fd());
    std::array<std::byte, 16> room{};
    const sys::Outcome got = input.read(room);
    CHECK(got.ok());
    CHECK(got.value == 0);
  }
}

TEST_CASE("the outcome of close is that of the inherited descriptor") {
  Streams streams;
  test::Pipe pipe = test::make_pipe();
  const int fd = pipe.write_end.release();
  streams.kernel.script(sys::Syscall::close).on(fd).fails(EDQUOT);
  LocalStream output = streams.inspect(fd);
  output.reopen(O_WRONLY);
  CHECK(output.close().error == EDQUOT);
  const auto left = streams.kernel.open_descriptors();
  for (const int open : left) static_cast<void>(streams.kernel.close(open));
}
