// SPDX-License-Identifier: MIT
#include "sys/landlock.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "support/attack.h"
#include "support/skip.h"
#include "support/world.h"
#include "sys/linux_kernel.h"
#include "sys/sandbox.h"

using namespace tcptool;
using test::errno_of;
using test::run_true;

namespace {

// Landlock alone, without what the filter would refuse before.
bool landlocked(sys::Kernel& kernel, const sys::Reach& reach) {
  return kernel.prctl(PR_SET_NO_NEW_PRIVS, 1).ok() && sys::give_up_files(kernel, reach).has_value();
}

bool files_given_up(sys::Kernel& kernel) {
  return landlocked(kernel, {});
}

int landlock_abi() {
  sys::LinuxKernel kernel;
  return kernel.landlock_create_ruleset(nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION).as_int();
}

long connect_to(const sys::Address& address) {
  const int fd = ::socket(address.family(), SOCK_STREAM, 0);
  if (fd < 0) return -1;
  return ::connect(fd, address.data(), address.size());
}

long make_unix_socket(const std::string& path) {
  sockaddr_un name{AF_UNIX, {}};
  path.copy(std::begin(name.sun_path), sizeof name.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name);
}

long bind_tcp(std::uint16_t port) {
  const sys::Address address = *sys::Address::parse("127.0.0.1", port);
  return ::bind(::socket(AF_INET, SOCK_STREAM, 0), address.data(), address.size());
}

}  // namespace

TEST_CASE("sandbox: Landlock refuses files, programs, signals and TCP connections") {
  const int abi = landlock_abi();
  if (abi < 1) SKIP_CASE("no Landlock here");
  const test::TemporaryFolder folder;
  const std::string file = folder.file("file");
  test::open_file(file, O_WRONLY | O_CREAT).write("text");
  const auto result = [](const std::function<long()>& attack) {
    return errno_of(files_given_up, attack);
  };
  CHECK(result([&] { return ::open(file.c_str(), O_WRONLY); }) == EACCES);
  CHECK(result([&] { return ::open(folder.file("new").c_str(), O_WRONLY | O_CREAT, 0600); }) ==
        EACCES);
  CHECK(result([&] { return ::unlink(file.c_str()); }) == EACCES);
  CHECK(result([&] { return ::mkdir(folder.file("new").c_str(), 0700); }) == EACCES);
  CHECK(result([&] { return make_unix_socket(folder.file("new")); }) == EACCES);
  CHECK(result([&] { return ::open(file.c_str(), O_RDONLY); }) == 0);
  if (!sys::has_sanitizer()) CHECK(result(run_true) == EACCES);
  if (abi >= 6) {
    CHECK(result([] { return ::kill(::getppid(), 0); }) == EPERM);
    const int abstract = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un name{AF_UNIX, {}};
    socklen_t length = sizeof(sa_family_t);  // autobind
    auto* const address = reinterpret_cast<sockaddr*>(&name);
    REQUIRE(::bind(abstract, address, length) == 0);
    length = sizeof name;
    REQUIRE(::getsockname(abstract, address, &length) == 0);
    REQUIRE(::listen(abstract, 1) == 0);
    CHECK(result([&] { return ::connect(::socket(AF_UNIX, SOCK_STREAM, 0), address, length); }) ==
          EPERM);
    ::close(abstract);
  }
  if (abi < 4) SKIP_CASE("Landlock knows nothing of TCP here");
  const test::TestListener listener = test::make_listener();
  const sys::Address there = listener.address;
  CHECK(result([&] { return connect_to(there); }) == EACCES);
  const auto with = [&](sys::Reach reach) {
    return errno_of([&](sys::Kernel& kernel) { return landlocked(kernel, reach); },
                    [&] { return connect_to(there); });
  };
  const auto beside = static_cast<std::uint16_t>(there.port() + 1);
  CHECK(with({"", false, {there.port()}}) == 0);
  CHECK(with({"", false, {beside, there.port()}}) == 0);
  CHECK(with({"", false, {beside}}) == EACCES);
  CHECK(with({"", true, {}}) == 0);
  const auto binds = [&](sys::Reach reach, std::uint16_t port) {
    return errno_of([&](sys::Kernel& kernel) { return landlocked(kernel, reach); },
                    [&] { return bind_tcp(port); });
  };
  CHECK(binds({.connects_anywhere = true}, 0) == EACCES);
  CHECK(binds({.connects_to = {there.port()}}, there.port()) == EACCES);
  CHECK(binds({.binds_any_port = true}, 0) == 0);
  CHECK(binds({.binds_any_port = true}, there.port()) == EACCES);
}

TEST_CASE("sandbox: one directory's files may still be removed, and only removed") {
  if (landlock_abi() < 1) SKIP_CASE("no Landlock here");
  const test::TemporaryFolder folder;
  const test::TemporaryFolder other;
  for (const auto* const place : {&folder, &other}) test::open_file(place->file("f"), O_CREAT);
  const auto result = [&](const std::function<long()>& attack) {
    return errno_of(
        [&](sys::Kernel& kernel) {
          return landlocked(kernel, {folder.file(""), false, {}});
        },
        attack);
  };
  CHECK(result([&] { return ::unlink(other.file("f").c_str()); }) == EACCES);
  CHECK(result([&] { return ::open(folder.file("f").c_str(), O_WRONLY); }) == EACCES);
  CHECK(result([&] { return ::rename(folder.file("f").c_str(), folder.file("g").c_str()); }) ==
        EACCES);
  CHECK(result([&] { return ::unlink(folder.file("f").c_str()); }) == 0);
}

TEST_CASE("Landlock's rights: those that an ABI has, and their names") {
  const auto fs = sys::landlock_fs_rights();
  CHECK(sys::known_rights(fs, 1, ~0ULL) == 0x1fff);
  CHECK(sys::known_rights(fs, 2, ~0ULL) == 0x3fff);
  CHECK(sys::known_rights(fs, 3, ~0ULL) == 0x7fff);
  CHECK(sys::known_rights(fs, 99, 0x8003) == 0x8003);
  CHECK(sys::known_rights(sys::landlock_net_rights(), 3, ~0ULL) == 0);
  CHECK(sys::known_rights(sys::landlock_scopes(), 6, sys::landlock_scope_signal) == 2);
  CHECK(sys::rights_name(fs, 3) == "LANDLOCK_ACCESS_FS_EXECUTE|LANDLOCK_ACCESS_FS_WRITE_FILE");
  CHECK(sys::rights_name(fs, 0x10000) == "0x10000");
  CHECK(sys::rights_name(fs, 0x10001) == "LANDLOCK_ACCESS_FS_EXECUTE|0x10000");
  CHECK(sys::rights_name(fs, 0) == "0");
}
