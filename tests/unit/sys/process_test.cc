// SPDX-License-Identifier: MIT
#include "sys/process.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "support/scripted_kernel.h"
#include "support/world.h"
#include "sys/linux_kernel.h"

using namespace std::chrono_literals;
using namespace tcptool;
using sys::Syscall;

namespace {

struct Scene {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel{linux_kernel};
  test::TemporaryFolder folder;

  std::string file(std::string_view text) {
    std::ofstream(folder.file("file")) << text;
    return folder.file("file");
  }
};

std::uint64_t inode_of(int fd) {
  struct stat status {};
  REQUIRE(::fstat(fd, &status) == 0);
  return status.st_ino;
}

}  // namespace

TEST_CASE("the owner of an own socket is this process, by number and name") {
  Scene scene;
  const test::TestListener listener = test::make_listener();
  const auto owner = sys::socket_owner(scene.kernel, inode_of(listener.socket.fd()));
  REQUIRE(owner);
  CHECK(owner->pid == ::getpid());
  CHECK(owner->program + "\n" == test::contents_of("/proc/self/comm"));
  CHECK(scene.kernel.open_descriptors().empty());
}

TEST_CASE("a socket that nobody has, or none, has no owner") {
  Scene scene;
  std::uint64_t inode = 0;
  {
    const test::TestListener listener = test::make_listener();
    inode = inode_of(listener.socket.fd());
  }
  CHECK_FALSE(sys::socket_owner(scene.kernel, inode));
  CHECK_FALSE(sys::socket_owner(scene.kernel, 0));
  CHECK(scene.kernel.open_descriptors().empty());
}

TEST_CASE("the search for an owner gives up in time, and where nothing can be read") {
  const test::TestListener listener = test::make_listener();
  const std::uint64_t inode = inode_of(listener.socket.fd());
  Scene slow;
  slow.kernel.use_fake_clock();
  slow.kernel.script(Syscall::open).after([&] { slow.kernel.advance(101ms); });
  CHECK_FALSE(sys::socket_owner(slow.kernel, inode));
  CHECK(slow.kernel.count(Syscall::open) <= 3);
  for (const Syscall call : {Syscall::open, Syscall::getdents64, Syscall::readlink}) {
    Scene scene;
    scene.kernel.script(call).fails(EACCES);
    CHECK_FALSE(sys::socket_owner(scene.kernel, inode));
    CHECK(scene.kernel.open_descriptors().empty());
  }
}

TEST_CASE("a file is read to its end or to the bound") {
  Scene scene;
  const std::string text = test::numbered_bytes(10'000);
  const std::string path = scene.file(text);
  CHECK(sys::read_small_file(scene.kernel, path) == text);
  CHECK(sys::read_small_file(scene.kernel, path, 5000) == text.substr(0, 5000));
  CHECK(sys::read_small_file(scene.kernel, path, 0) == "");
  scene.kernel.script(Syscall::read).at_most(7);
  CHECK(sys::read_small_file(scene.kernel, path) == text);
}

TEST_CASE("what cannot be read is not known, and a FIFO is not waited for") {
  Scene scene;
  const std::string missing = scene.folder.file("missing");
  CHECK(sys::read_small_file(scene.kernel, missing).error().text() ==
        "open " + missing + ": no such file or directory (ENOENT)");
  CHECK(sys::read_small_file(scene.kernel, "/proc").error().text() ==
        "read /proc: is a directory (EISDIR)");
  const std::string fifo = scene.folder.file("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(sys::read_small_file(scene.kernel, fifo) == "");
  const test::Plug writer = test::open_file(fifo, O_RDWR);
  CHECK_FALSE(sys::read_small_file(scene.kernel, fifo));
  CHECK(scene.kernel.open_descriptors().empty());
}

TEST_CASE("a setting is one number, alone") {
  Scene scene;
  CHECK(sys::read_sysctl(scene.kernel, scene.file("1024\n")) == 1024);
  CHECK(sys::read_sysctl(scene.kernel, scene.file("-1")) == -1);
  for (const char* const text :
       {"", "\n", "32768\t60999\n", "x", "1x", "99999999999999999999", "0x10"}) {
    CAPTURE(text);
    CHECK_FALSE(sys::read_sysctl(scene.kernel, scene.file(text)));
  }
  CHECK_FALSE(sys::read_sysctl(scene.kernel, scene.folder.file("missing")));
  CHECK(sys::read_sysctl(scene.kernel, "/proc/sys/net/core/somaxconn"));
}

TEST_CASE("counters are pairs of a line of names and one of numbers") {
  const auto counters = sys::parse_netstat(
      "TcpExt: SyncookiesSent ListenOverflows\nTcpExt: 3 5\n"
      "Tcp: MaxConn RetransSegs\nTcp: -1 18446744073709551615\n");
  CHECK(counters == std::map<std::string, std::int64_t>{{"TcpExt.SyncookiesSent", 3},
                                                        {"TcpExt.ListenOverflows", 5},
                                                        {"Tcp.MaxConn", -1}});
}

TEST_CASE("counters that do not fit together are left out") {
  using Counters = std::map<std::string, std::int64_t>;
  CHECK(sys::parse_netstat("").empty());
  CHECK(sys::parse_netstat("\n\n\n").empty());
  CHECK(sys::parse_netstat("Tcp: A B").empty());
  CHECK(sys::parse_netstat("Tcp: A B\nUdp: 1 2\n").empty());
  CHECK(sys::parse_netstat("A B\n1 2\n").empty());
  CHECK(sys::parse_netstat("Tcp: A B\nTcp: 1\n") == Counters{{"Tcp.A", 1}});
  CHECK(sys::parse_netstat("Tcp: A\nTcp: 1 2\n") == Counters{{"Tcp.A", 1}});
  CHECK(sys::parse_netstat("Tcp: A B\nTcp: x 2\n") == Counters{{"Tcp.B", 2}});
}

TEST_CASE("this host's counters can be read, and are empty where they cannot") {
  Scene scene;
  const auto counters = sys::read_netstat(scene.kernel);
  CHECK(counters.count("TcpExt.ListenOverflows") == 1);
  CHECK(counters.count("Tcp.RetransSegs") == 1);
  CHECK(counters.at("Tcp.MaxConn") == -1);
  Scene closed;
  closed.kernel.script(Syscall::open).fails(EACCES);
  CHECK(sys::read_netstat(closed.kernel).empty());
}
