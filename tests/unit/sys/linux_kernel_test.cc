// SPDX-License-Identifier: MIT
#include "sys/linux_kernel.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "support/world.h"

using namespace tcptool;

TEST_CASE("a call that succeeds has a value and no error, one that fails the reverse") {
  sys::LinuxKernel kernel;
  const auto opened = kernel.open("/dev/null", O_RDWR | O_CLOEXEC, 0);
  REQUIRE(opened.ok());
  CHECK(opened.value > 2);
  const auto missing = kernel.open("/no/such/file", O_RDONLY, 0);
  CHECK(missing.value == -1);
  CHECK(missing.error == ENOENT);
  CHECK(missing.as_size() == 0);
  CHECK(kernel.close(opened.as_int()).ok());
  CHECK(kernel.if_nametoindex("nosuchif0").error == ENODEV);
}

TEST_CASE("bytes, options and queue lengths go through unaltered") {
  sys::LinuxKernel kernel;
  const test::TcpPair pair = test::make_tcp_pair();
  const std::string text = "twelve bytes";
  CHECK(kernel.send(pair.ours.fd(), std::as_bytes(std::span(text)), MSG_NOSIGNAL).value == 12);
  int queued = 0;
  pollfd ready{pair.peer.fd(), POLLIN, 0};
  REQUIRE(kernel.poll(std::span(&ready, 1), 2000).value == 1);
  CHECK(kernel.ioctl(pair.peer.fd(), FIONREAD, queued).ok());
  CHECK(queued == 12);
  std::array<std::byte, 5> part{};
  CHECK(kernel.recv(pair.peer.fd(), part, 0).value == 5);
  CHECK(kernel.read(pair.peer.fd(), part).value == 5);
  int type = 0;
  const auto bytes = std::as_writable_bytes(std::span(&type, 1));
  CHECK(kernel.getsockopt(pair.ours.fd(), SOL_SOCKET, SO_TYPE, bytes).value == sizeof type);
  CHECK(type == SOCK_STREAM);
  sys::Address local;
  sys::Address peer;
  CHECK(kernel.getsockname(pair.ours.fd(), local).ok());
  CHECK(kernel.getpeername(pair.peer.fd(), peer).ok());
  CHECK(local == peer);
}

TEST_CASE("the clock goes forward") {
  sys::LinuxKernel kernel;
  const auto before = kernel.now();
  CHECK(kernel.now() >= before);
}

TEST_CASE("links, directories and limits are read") {
  sys::LinuxKernel kernel;
  const test::TemporaryFolder folder;
  const std::string link = folder.file("link");
  REQUIRE(::symlink("socket:[7]", link.c_str()) == 0);
  std::array<std::byte, 16> buffer{};
  CHECK(kernel.readlink(link, buffer).value == 10);
  CHECK(buffer[9] == std::byte{']'});
  CHECK(kernel.readlink(link, std::span(buffer).first(3)).value == 3);
  CHECK(kernel.readlink(folder.file("missing"), buffer).error == ENOENT);

  const test::Plug directory = test::open_file(folder.file("."), O_RDONLY | O_DIRECTORY);
  std::vector<std::string> names;
  CHECK(kernel.getdents64(directory.fd(), names).value > 0);
  CHECK(std::find(names.begin(), names.end(), "link") != names.end());
  CHECK(kernel.getdents64(directory.fd(), names).value == 0);
  CHECK(names.empty());
  const test::Plug file = test::open_file("/dev/null", O_RDONLY);
  CHECK(kernel.getdents64(file.fd(), names).error == ENOTDIR);

  sys::RLimit limit;
  CHECK(kernel.prlimit64(RLIMIT_NOFILE, nullptr, &limit).ok());
  CHECK(limit.soft > 0);
  CHECK(limit.soft <= limit.hard);
  const sys::RLimit more_than_hard{limit.hard + 1, limit.hard};
  CHECK(kernel.prlimit64(RLIMIT_NOFILE, &more_than_hard, nullptr).error == EINVAL);
  CHECK(kernel.prlimit64(RLIMIT_NOFILE, &limit, &limit).ok());
  CHECK(kernel.prlimit64(-1, nullptr, &limit).error == EINVAL);
  CHECK(kernel.getuid().value == ::getuid());
}
