// SPDX-License-Identifier: MIT
#include "sys/sock_diag.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "support/scripted_kernel.h"
#include "support/skip.h"
#include "support/world.h"
#include "sys/linux_kernel.h"
#include "sys/netlink.h"

using namespace std::chrono_literals;
using namespace tcptool;
using sys::Address;
using sys::SocketRow;

namespace {

constexpr std::uint32_t listening = 1U << TCP_LISTEN;

std::span<const std::byte> payload(const sys::NetlinkRequest& message) {
  return message.bytes().subspan(sizeof(nlmsghdr));
}

inet_diag_msg message_of(int family, unsigned state) {
  inet_diag_msg message{};
  message.idiag_family = static_cast<std::uint8_t>(family);
  message.idiag_state = static_cast<std::uint8_t>(state);
  message.id.idiag_sport = htons(9000);
  message.id.idiag_dport = htons(80);
  return message;
}

// The row of the socket bound to `local`.
std::optional<SocketRow> find(const Address& local, std::uint32_t states) {
  sys::LinuxKernel kernel;
  const auto rows = sys::tcp_sockets(kernel, local.family(), states);
  REQUIRE(rows);
  for (const SocketRow& row : *rows) {
    CHECK((1U << row.state & states) != 0);
    if (row.local == local) return row;
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("a socket's message tells addresses, owner and queues") {
  inet_diag_msg message = message_of(AF_INET, TCP_ESTABLISHED);
  message.id.idiag_src[0] = htonl(0x7f000001);
  message.id.idiag_dst[0] = htonl(0x0a000001);
  message.id.idiag_if = 3;
  message.idiag_uid = 1000;
  message.idiag_inode = 4711;
  message.idiag_rqueue = 5;
  message.idiag_wqueue = 6;
  message.idiag_timer = 1;
  message.idiag_expires = 200;
  const sys::NetlinkRequest request(0, 0, message);
  const auto row = sys::parse_socket_row(payload(request));
  REQUIRE(row);
  CHECK(row->local.text() == "127.0.0.1:9000");
  CHECK(row->remote.text() == "10.0.0.1:80");
  CHECK(row->state == TCP_ESTABLISHED);
  CHECK(row->uid == 1000);
  CHECK(row->inode == 4711);
  CHECK(row->rqueue == 5);
  CHECK(row->wqueue == 6);
  CHECK(row->ifindex == 3);
  CHECK_FALSE(row->time_wait_left);
  CHECK_FALSE(row->v6only);
}

TEST_CASE("only the timer of TIME-WAIT is its rest") {
  inet_diag_msg message = message_of(AF_INET, TCP_TIME_WAIT);
  message.idiag_timer = 3;
  message.idiag_expires = 59'000;
  const sys::NetlinkRequest request(0, 0, message);
  CHECK(sys::parse_socket_row(payload(request))->time_wait_left == 59s);
}

TEST_CASE("an IPv6 socket may be for IPv6 alone, and link-local ones have a scope") {
  inet_diag_msg message = message_of(AF_INET6, TCP_LISTEN);
  message.id.idiag_src[0] = htonl(0xfe800000);
  message.id.idiag_src[3] = htonl(1);
  message.id.idiag_if = 4;
  sys::NetlinkRequest request(0, 0, message);
  const auto row = sys::parse_socket_row(payload(request));
  REQUIRE(row);
  CHECK(row->local.text() == "[fe80::1%4]:9000");
  CHECK_FALSE(row->v6only);
  const std::uint8_t on = 1;
  request.add(INET_DIAG_SKV6ONLY, std::as_bytes(std::span(&on, 1)));
  CHECK(sys::parse_socket_row(payload(request))->v6only);
}

TEST_CASE("a message cut short or of another family is no socket") {
  const sys::NetlinkRequest request(0, 0, message_of(AF_INET, TCP_LISTEN));
  const auto whole = payload(request);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CHECK_FALSE(sys::parse_socket_row(whole.first(length)));
  }
  const sys::NetlinkRequest other(0, 0, message_of(AF_UNIX, TCP_LISTEN));
  CHECK_FALSE(sys::parse_socket_row(payload(other)));
}

TEST_CASE("a listening socket of this host is found, with its owner, inode and queue") {
  const test::TestListener listener = test::make_listener(AF_INET, 3);
  const auto row = find(listener.address, listening);
  REQUIRE(row);
  struct stat status {};
  REQUIRE(::fstat(listener.socket.fd(), &status) == 0);
  CHECK(row->inode == status.st_ino);
  CHECK(row->uid == ::getuid());
  CHECK(row->state == TCP_LISTEN);
  CHECK(row->wqueue == 3);
  CHECK(row->rqueue == 0);
  const test::Plug client = test::connect_to(listener.address);
  CHECK(find(listener.address, listening)->rqueue == 1);
  CHECK(find(listener.address, 1U << TCP_ESTABLISHED)->state == TCP_ESTABLISHED);
}

TEST_CASE("an IPv6 listener tells whether it takes IPv4 too") {
  if (!test::has_ipv6()) SKIP_CASE("no IPv6 on loopback");
  const test::TestListener listener = test::make_listener(AF_INET6);
  const auto row = find(listener.address, listening);
  REQUIRE(row);
  int v6only = -1;
  socklen_t length = sizeof v6only;
  REQUIRE(::getsockopt(listener.socket.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &length) == 0);
  CHECK(row->v6only == (v6only == 1));
}

TEST_CASE("a connection that we closed first is in TIME-WAIT, for a minute at most") {
  const test::TestListener listener = test::make_listener();
  test::Plug client = test::connect_to(listener.address);
  Address local;
  socklen_t length = Address::capacity();
  REQUIRE(::getsockname(client.fd(), local.buffer(), &length) == 0);
  test::Plug peer = listener.accept();
  client.shut_down();
  CHECK(peer.read_all().empty());
  peer.shut_down();
  CHECK(client.read_all().empty());
  client.close();
  const auto row = find(local, 1U << TCP_TIME_WAIT);
  REQUIRE(row);
  REQUIRE(row->time_wait_left);
  CHECK(*row->time_wait_left > 0s);
  CHECK(*row->time_wait_left <= 60s);
  CHECK(row->inode == 0);
}

TEST_CASE("a kernel that does not answer is an error") {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel(linux_kernel);
  kernel.script(sys::Syscall::socket).fails(EPROTONOSUPPORT);
  const auto rows = sys::tcp_sockets(kernel, AF_INET, listening);
  REQUIRE_FALSE(rows);
  CHECK(rows.error().error == EPROTONOSUPPORT);
  CHECK(rows.error().object == "TCP sockets");
}
