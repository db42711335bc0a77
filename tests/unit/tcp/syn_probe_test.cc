// SPDX-License-Identifier: MIT
#include "tcp/syn_probe.h"

#include <doctest/doctest.h>

#include <array>
#include <cerrno>

#include "support/scripted_kernel.h"
#include "support/world.h"
#include "sys/linux_kernel.h"

using namespace std::chrono_literals;
using namespace tcptool;
using sys::Syscall;
using Answer = tcp::SynProbe::Answer;

namespace {

struct Scene {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel{linux_kernel};
  test::Waiting waiting{kernel};

  tcp::SynProbe send(tcp::SynProbe probe, const tcp::SocketSetup& setup = {}) {
    const auto before = kernel.open_descriptors();
    const sys::Wake wake = tcp::send_probes(waiting.waiter, {&probe, 1}, setup);
    CHECK_FALSE(wake.interrupted());
    CHECK(kernel.open_descriptors() == before);
    return probe;
  }
};

tcp::SynProbe to(const sys::Address& peer, unsigned min_ttl = 0) {
  tcp::SynProbe probe;
  probe.peer = peer;
  probe.min_ttl = min_ttl;
  return probe;
}

}  // namespace

TEST_CASE("an open port answers with SYN-ACK, a closed one with RST") {
  Scene scene;
  const auto listener = test::make_listener();
  const tcp::SynProbe open = scene.send(to(listener.address));
  CHECK(open.answer == Answer::syn_ack);
  CHECK_FALSE(open.icmp);
  CHECK(open.after > 0ns);
  CHECK(open.after < tcp::longest_probe);
  const tcp::SynProbe closed = scene.send(to(test::closed_port()));
  CHECK(closed.answer == Answer::rst);
  CHECK(closed.error == ECONNREFUSED);
  if (!test::has_ipv6()) return;
  const auto listener6 = test::make_listener(AF_INET6);
  CHECK(scene.send(to(listener6.address)).answer == Answer::syn_ack);
  CHECK(scene.send(to(test::closed_port(AF_INET6))).answer == Answer::rst);
}

TEST_CASE("an answer from further away than the least TTL allows is not seen") {
  Scene scene;
  const sys::Address peer = test::closed_port();
  CHECK(scene.send(to(peer, 64)).answer == Answer::rst);
  // A RST sets out with the system's TTL, which is below the highest.
  const auto start = std::chrono::steady_clock::now();
  const tcp::SynProbe far = scene.send(to(peer, 255));
  CHECK(far.answer == Answer::none);
  CHECK(std::chrono::steady_clock::now() - start < tcp::longest_probe + 500ms);
}

TEST_CASE("all probes go at once, each with its own answer") {
  Scene scene;
  const auto listener = test::make_listener();
  std::array probes{to(listener.address), to(test::closed_port()), to(listener.address),
                    to(test::closed_port(), 255)};
  const auto start = std::chrono::steady_clock::now();
  static_cast<void>(tcp::send_probes(scene.waiting.waiter, probes, {}));
  CHECK(std::chrono::steady_clock::now() - start < 2 * tcp::longest_probe);
  CHECK(probes[0].answer == Answer::syn_ack);
  CHECK(probes[1].answer == Answer::rst);
  CHECK(probes[2].answer == Answer::syn_ack);
  CHECK(probes[3].answer == Answer::none);
}

TEST_CASE("a probe that this host does not send says why") {
  Scene scene;
  scene.kernel.script(Syscall::connect).nth(1).fails(ENETUNREACH);
  const tcp::SynProbe unsent = scene.send(to(test::closed_port()));
  CHECK(unsent.answer == Answer::not_sent);
  CHECK(unsent.error == ENETUNREACH);
  scene.kernel.script(Syscall::socket).fails(EMFILE);
  const tcp::SynProbe without = scene.send(to(test::closed_port()));
  CHECK(without.answer == Answer::not_sent);
  CHECK(without.error == EMFILE);
}

TEST_CASE("a probe takes the source address that was asked for, and a port of its own") {
  Scene scene;
  const auto listener = test::make_listener();
  tcp::SocketSetup setup;
  setup.source = sys::Address::parse("127.0.0.3", listener.address.port());
  CHECK(scene.send(to(listener.address), setup).answer == Answer::syn_ack);
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  const int fd = ::accept(listener.socket.fd(), reinterpret_cast<sockaddr*>(&peer), &length);
  REQUIRE(fd >= 0);
  const test::Plug accepted(fd);
  const auto from = sys::Address::from(reinterpret_cast<const sockaddr*>(&peer), length);
  CHECK(from.host() == "127.0.0.3");
  CHECK(from.port() != listener.address.port());
}
