// SPDX-License-Identifier: MIT
#include "sys/netlink.h"

#include <doctest/doctest.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "support/scripted_kernel.h"
#include "support/world.h"
#include "sys/linux_kernel.h"

using namespace std::chrono_literals;
using namespace tcptool;
using sys::Syscall;

namespace {

using Bytes = std::vector<std::byte>;

Bytes message(std::uint16_t type, std::uint32_t sequence, std::uint32_t value,
              std::uint16_t flags = NLM_F_MULTI) {
  nlmsghdr header{};
  header.nlmsg_len = sizeof header + sizeof value;
  header.nlmsg_type = type;
  header.nlmsg_flags = flags;
  header.nlmsg_seq = sequence;
  Bytes bytes(header.nlmsg_len);
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + sizeof header, &value, sizeof value);
  return bytes;
}

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// A kernel whose netlink socket is one end of a pair: the test answers at the other.
struct Scene {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel{linux_kernel};
  test::Plug peer;
  Scene() {
    kernel.use_fake_clock();
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    kernel.script(Syscall::socket).answers(ends[0]);
    peer = test::Plug(ends[1]);
  }
  void answer(const Bytes& datagram) const {
    REQUIRE(::send(peer.fd(), datagram.data(), datagram.size(), 0) >= 0);
  }
  Result<Bytes, sys::SysError> ask(std::uint16_t flags = NLM_F_DUMP) {
    const sys::NetlinkRequest request(RTM_GETROUTE, flags, rtmsg{});
    return sys::netlink_ask(kernel, NETLINK_ROUTE, request, "routes");
  }
};

std::size_t count(std::span<const std::byte> rest) {
  std::size_t messages = 0;
  while (sys::next_message(rest)) ++messages;
  return messages;
}

}  // namespace

TEST_CASE("a dump is all its messages up to the one that ends it") {
  Scene scene;
  scene.answer(message(RTM_NEWROUTE, 1, 1) + message(RTM_NEWROUTE, 1, 2));
  scene.answer(message(RTM_NEWROUTE, 1, 3));
  scene.answer(message(NLMSG_DONE, 1, 0) + message(RTM_NEWROUTE, 1, 4));
  const auto answer = scene.ask();
  REQUIRE(answer);
  CHECK(count(*answer) == 3);
  CHECK(scene.kernel.count(Syscall::close) == 1);
}

TEST_CASE("the answer to a single question is one message") {
  Scene scene;
  scene.answer(message(RTM_NEWROUTE, 1, 1, 0));
  const auto answer = scene.ask(0);
  REQUIRE(answer);
  CHECK(count(*answer) == 1);
}

TEST_CASE("messages of another number are not the answer") {
  Scene scene;
  scene.answer(message(RTM_NEWROUTE, 7, 1) + message(NLMSG_DONE, 7, 0));
  scene.answer(message(RTM_NEWROUTE, 1, 1) + message(NLMSG_DONE, 1, 0));
  const auto answer = scene.ask();
  REQUIRE(answer);
  CHECK(count(*answer) == 1);
}

TEST_CASE("the kernel's errno ends the question, as an error or at a dump's end") {
  for (const int type : {NLMSG_ERROR, NLMSG_DONE}) {
    Scene scene;
    scene.answer(
        message(static_cast<std::uint16_t>(type), 1, static_cast<std::uint32_t>(-ENETUNREACH)));
    const auto answer = scene.ask();
    REQUIRE_FALSE(answer);
    CHECK(answer.error().error == ENETUNREACH);
    CHECK(answer.error().object == "routes");
  }
}

TEST_CASE("a dump that changed is asked for again, three times at most") {
  Scene again;
  again.answer(message(RTM_NEWROUTE, 1, 1, NLM_F_MULTI | NLM_F_DUMP_INTR));
  again.answer(message(NLMSG_DONE, 1, 0));
  again.answer(message(RTM_NEWROUTE, 2, 1) + message(NLMSG_DONE, 2, 0));
  const auto answer = again.ask();
  REQUIRE(answer);
  CHECK(count(*answer) == 1);
  CHECK(again.kernel.count(Syscall::send) == 2);

  Scene never;
  for (std::uint32_t i = 1; i <= 4; ++i) {
    never.answer(message(NLMSG_DONE, i, 0, NLM_F_MULTI | NLM_F_DUMP_INTR));
  }
  const auto failed = never.ask();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().error == EINTR);
  CHECK(never.kernel.count(Syscall::send) == 4);
}

TEST_CASE("silence is waited for half a second, also when it comes in the middle") {
  for (const bool half : {false, true}) {
    Scene scene;
    if (half) scene.answer(message(RTM_NEWROUTE, 1, 1));
    const auto before = scene.kernel.now();
    const auto answer = scene.ask();
    REQUIRE_FALSE(answer);
    CHECK(answer.error().error == ETIMEDOUT);
    CHECK(scene.kernel.now() - before == 500ms);
    CHECK(scene.kernel.open_descriptors().empty());
  }
}

TEST_CASE("an answer that is too large is none") {
  Scene scene;
  // 1,000 messages a datagram, the same one again and again.
  Bytes datagram;
  for (int i = 0; i < 1000; ++i) datagram = std::move(datagram) + message(RTM_NEWROUTE, 1, 1);
  scene.answer(datagram);
  scene.kernel.script(Syscall::recvmsg).after([&] { scene.answer(datagram); });
  const auto answer = scene.ask();
  REQUIRE_FALSE(answer);
  CHECK(answer.error().error == ENOBUFS);
  CHECK(scene.kernel.count(Syscall::recvmsg) == 66);
}

TEST_CASE("bytes that are no netlink are EPROTO") {
  Scene scene;
  Bytes datagram = message(RTM_NEWROUTE, 1, 1);
  datagram.resize(datagram.size() - 1);
  scene.answer(datagram);
  const auto answer = scene.ask();
  REQUIRE_FALSE(answer);
  CHECK(answer.error().error == EPROTO);
}

TEST_CASE("each call of a question may fail and is named, interruptions go on") {
  for (const Syscall call : {Syscall::socket, Syscall::send, Syscall::poll, Syscall::recvmsg}) {
    CAPTURE(sys::name(call));
    sys::LinuxKernel linux_kernel;
    test::ScriptedKernel kernel(linux_kernel);
    kernel.script(call).nth(1).fails(ENOMEM);
    const sys::NetlinkRequest request(RTM_GETROUTE, NLM_F_DUMP, rtmsg{});
    const auto answer = sys::netlink_ask(kernel, NETLINK_ROUTE, request, "routes");
    REQUIRE_FALSE(answer);
    CHECK(answer.error().call == call);
    CHECK(answer.error().error == ENOMEM);
    CHECK(kernel.open_descriptors().empty());
  }
  Scene scene;
  scene.kernel.script(Syscall::poll).nth(1).fails(EINTR);
  scene.kernel.script(Syscall::recvmsg).nth(1).fails(EAGAIN);
  scene.answer(message(NLMSG_DONE, 1, 0));
  CHECK(scene.ask());
}

TEST_CASE("the walk ends at the end and at the first length that does not fit") {
  const Bytes two = message(RTM_NEWROUTE, 1, 1) + message(RTM_NEWROUTE, 1, 2);
  for (std::size_t length = 0; length <= two.size(); ++length) {
    CHECK(count(std::span(two).first(length)) == length / 20);
  }
  for (const std::uint32_t bad : {0U, 1U, 15U, 41U, 0xffffffffU}) {
    Bytes broken = two;
    std::memcpy(broken.data(), &bad, sizeof bad);
    CHECK(count(broken) == 0);
  }
  const sys::NetlinkRequest request = sys::NetlinkRequest(RTM_GETROUTE, 0, rtmsg{})
                                          .add(RTA_OIF, 7U)
                                          .add(RTA_IIF, std::span<const std::byte>());
  std::span<const std::byte> rest = request.bytes().subspan(sizeof(nlmsghdr) + sizeof(rtmsg));
  CHECK(rest.size() == 12);
  CHECK(sys::next_attribute(rest)->type == RTA_OIF);
  CHECK(sys::next_attribute(rest)->value.empty());
  CHECK_FALSE(sys::next_attribute(rest));
}
