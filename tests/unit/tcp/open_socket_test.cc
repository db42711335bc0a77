// SPDX-License-Identifier: MIT
// How a socket is prepared before it connects: open_socket.cc.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>

#include <cerrno>

#include "support/scripted_kernel.h"
#include "support/world.h"
#include "sys/linux_kernel.h"
#include "tcp/connection.h"

using namespace tcptool;
using sys::Address;
using sys::Syscall;

namespace {

struct Scene {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel{linux_kernel};
  tcp::SocketSetup setup;
  std::vector<tcp::OptionReport> reports;
  auto open(int family = AF_INET) { return tcp::open_socket(kernel, family, setup, reports); }
};

}  // namespace

TEST_CASE("a source port is bound, with and without a source address") {
  for (const bool with_address : {true, false}) {
    CAPTURE(with_address);
    Scene scene;
    const std::uint16_t port = test::closed_port().port();
    scene.setup.source =
        with_address ? Address::loopback(AF_INET, port) : Address::any(AF_UNSPEC, port);
    const auto socket = scene.open();
    REQUIRE(socket);
    const Address local = tcp::local_address(scene.kernel, socket->get());
    CHECK(local.port() == port);
    CHECK(local.is_any() == !with_address);
  }
}

TEST_CASE("a source address alone leaves the port to connect") {
  Scene scene;
  scene.setup.source = Address::loopback(AF_INET, 0);
  const auto socket = scene.open();
  REQUIRE(socket);
  CHECK(tcp::local_address(scene.kernel, socket->get()).port() == 0);
}

TEST_CASE("a source that is taken or not ours fails at bind and leaves no descriptor") {
  const test::TestListener taken = test::make_listener();
  struct Row {
    Address source;
    int error;
  };
  for (const Row& row :
       {Row{taken.address, EADDRINUSE}, Row{*Address::parse("192.0.2.1", 0), EADDRNOTAVAIL}}) {
    Scene scene;
    scene.setup.source = row.source;
    const auto socket = scene.open();
    REQUIRE_FALSE(socket);
    CHECK(socket.error().call == Syscall::bind);
    CHECK(socket.error().error == row.error);
    CHECK(socket.error().object == row.source.text());
    CHECK(scene.kernel.open_descriptors().empty());
  }
}

TEST_CASE("options are set before bind, and a refused one is told with its value") {
  Scene scene;
  scene.setup.options = {*tcp::parse_option("SO_RCVBUF=1"), *tcp::parse_option("TCP_NODELAY")};
  scene.setup.source = Address::loopback(AF_INET, 0);
  REQUIRE(scene.open());
  REQUIRE(scene.reports.size() == 1);
  CHECK(scene.reports[0].name == "SO_RCVBUF");
  std::size_t options = 0;
  for (const auto& call : scene.kernel.calls()) {
    if (call.call == Syscall::setsockopt) ++options;
    if (call.call == Syscall::bind) CHECK(options >= 2);
  }
  scene.setup.options = {*tcp::parse_option("IP_TTL=256")};
  const auto refused = scene.open();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().object == "IP_TTL=256");
  CHECK(scene.kernel.open_descriptors().empty());
}

TEST_CASE("a socket is opened without blocking and closed on exec") {
  Scene scene;
  const auto socket = scene.open();
  REQUIRE(socket);
  CHECK((scene.linux_kernel.fcntl(socket->get(), F_GETFL, 0).as_int() & O_NONBLOCK) != 0);
  CHECK(scene.linux_kernel.fcntl(socket->get(), F_GETFD, 0).value == FD_CLOEXEC);
}

TEST_CASE("the socket's own ends are known, or unknown where the call failed") {
  Scene scene;
  const test::TcpPair pair = test::make_tcp_pair();
  CHECK(tcp::local_address(scene.kernel, pair.ours.fd()) ==
        tcp::peer_address(scene.kernel, pair.peer.fd()));
  scene.kernel.script(Syscall::getsockname).fails(ENOBUFS);
  scene.kernel.script(Syscall::getpeername).fails(ENOTCONN);
  CHECK_FALSE(tcp::local_address(scene.kernel, pair.ours.fd()).known());
  CHECK_FALSE(tcp::peer_address(scene.kernel, pair.ours.fd()).known());
}

TEST_CASE("a zone gets its interface's name where there is one") {
  Scene scene;
  const Address bare = *Address::parse("fe80::1", 80);
  CHECK(tcp::with_zone_name(scene.kernel, bare).text() == "[fe80::1]:80");
  const auto loopback = ::if_nametoindex("lo");
  CHECK(tcp::with_zone_name(scene.kernel, bare.with_zone(loopback, "")).text() ==
        "[fe80::1%lo]:80");
  CHECK(tcp::with_zone_name(scene.kernel, bare.with_zone(99999, "")).text() ==
        "[fe80::1%99999]:80");
}
