// SPDX-License-Identifier: MIT
#include "tcp/name_server.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "support/scripted_kernel.h"
#include "support/skip.h"
#include "support/world.h"
#include "sys/linux_kernel.h"

using namespace std::chrono_literals;
using namespace tcptool;
using sys::Address;
using sys::Syscall;
using Kind = tcp::NameServerAnswer::Kind;

namespace {

// A name server on loopback, which answers when it is told to.
class Server {
 public:
  explicit Server(int family = AF_INET)
      : socket_(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    const Address any_port = Address::loopback(family, 0);
    REQUIRE(::bind(socket_.fd(), any_port.data(), any_port.size()) == 0);
    socklen_t length = Address::capacity();
    REQUIRE(::getsockname(socket_.fd(), address.buffer(), &length) == 0);
  }

  // Answers what was asked with this RCODE, from the id on wrong by `id_error`.
  void answer(unsigned rcode, unsigned id_error = 0) const {
    std::array<unsigned char, 512> message{};
    Address client;
    socklen_t length = Address::capacity();
    const ssize_t size = ::recvfrom(socket_.fd(), message.data(), message.size(), MSG_PEEK,
                                    client.buffer(), &length);
    REQUIRE(size > 12);
    message[1] = static_cast<unsigned char>(message[1] + id_error);
    message[2] = 0x81;
    message[3] = static_cast<unsigned char>(0x80 + rcode);
    REQUIRE(::sendto(socket_.fd(), message.data(), static_cast<std::size_t>(size), 0, client.data(),
                     client.size()) == size);
  }
  void close() { socket_.close(); }

  Address address;

 private:
  test::Plug socket_;
};

struct Scene {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel{linux_kernel};
  Scene() { kernel.use_fake_clock(); }

  std::vector<tcp::NameServerAnswer> ask(const std::vector<Address>& servers,
                                         std::string_view name = "www.example.org") {
    test::Waiting waiting(kernel);
    const auto open_before = kernel.open_descriptors();
    auto answers =
        tcp::ask_name_servers(waiting.waiter, servers, name, tcp::dns_type_a, kernel.now() + 2s);
    CHECK(kernel.open_descriptors() == open_before);
    REQUIRE(answers.size() == servers.size());
    for (std::size_t i = 0; i < servers.size(); ++i) CHECK(answers[i].server == servers[i]);
    return answers;
  }
};

}  // namespace

TEST_CASE("each server's answer is told, in their order, and who is silent") {
  Scene scene;
  const Server denies;
  const Server silent;
  const Server fails;
  scene.kernel.when_idle([&] { fails.answer(2); });
  scene.kernel.when_idle([&] {
    scene.kernel.advance(50ms);
    denies.answer(3);
  });
  const auto before = scene.kernel.now();
  const auto answers = scene.ask({denies.address, silent.address, fails.address});
  CHECK(answers[0].kind == Kind::answered);
  CHECK(answers[0].rcode == 3);
  CHECK(answers[0].after == 50ms);
  CHECK(answers[1].kind == Kind::silent);
  CHECK(answers[2].kind == Kind::answered);
  CHECK(answers[2].rcode == 2);
  CHECK(answers[2].after == 0ms);
  CHECK(scene.kernel.now() - before >= 2s);
}

TEST_CASE("when all have answered the wait is over") {
  Scene scene;
  const Server server;
  scene.kernel.when_idle([&] { server.answer(0); });
  const auto before = scene.kernel.now();
  CHECK(scene.ask({server.address})[0].kind == Kind::answered);
  CHECK(scene.kernel.now() == before);
}

TEST_CASE("an answer with another id is passed over") {
  Scene scene;
  const Server server;
  scene.kernel.when_idle([&] { server.answer(3, 1); });
  scene.kernel.when_idle([&] { server.answer(0); });
  const auto answers = scene.ask({server.address});
  CHECK(answers[0].kind == Kind::answered);
  CHECK(answers[0].rcode == 0);
  CHECK(answers[0].unintelligible);
}

TEST_CASE("a port that nobody listens on is unreachable by ICMP") {
  for (const int family : {AF_INET, AF_INET6}) {
    if (family == AF_INET6 && !test::has_ipv6()) SKIP_CASE("no IPv6 on loopback");
    Scene scene;
    Server server(family);
    server.close();
    const auto answers = scene.ask({server.address});
    CHECK(answers[0].kind == Kind::unreachable);
    CHECK(answers[0].error == ECONNREFUSED);
  }
}

TEST_CASE("each call's failure makes its server unreachable, and no other") {
  for (const Syscall call : {Syscall::socket, Syscall::connect, Syscall::send}) {
    CAPTURE(sys::name(call));
    Scene scene;
    const Server first;
    const Server second;
    scene.kernel.script(call).nth(1).fails(ENETUNREACH);
    scene.kernel.when_idle([&] { second.answer(0); });
    const auto answers = scene.ask({first.address, second.address});
    CHECK(answers[0].kind == Kind::unreachable);
    CHECK(answers[0].error == ENETUNREACH);
    CHECK(answers[1].kind == Kind::answered);
  }
  Scene scene;
  const Server server;
  scene.kernel.script(Syscall::recv).nth(1).fails(EHOSTUNREACH);
  scene.kernel.when_idle([&] { server.answer(0); });
  CHECK(scene.ask({server.address})[0].error == EHOSTUNREACH);
}

TEST_CASE("a read that finds nothing, and a refused IP_RECVERR, do not matter") {
  Scene scene;
  const Server server;
  scene.kernel.script(Syscall::setsockopt).fails(ENOPROTOOPT);
  scene.kernel.script(Syscall::recv).nth(1).fails(EAGAIN);
  scene.kernel.when_idle([&] { server.answer(0); });
  CHECK(scene.ask({server.address})[0].kind == Kind::answered);
}

TEST_CASE("without servers or without a legal name there is nothing to ask") {
  Scene scene;
  CHECK(scene.ask({}).empty());
  const Server server;
  CHECK(scene.ask({server.address}, "a..b")[0].kind == Kind::silent);
  CHECK(scene.kernel.count(Syscall::send) == 0);
}

TEST_CASE("without a deadline five seconds are waited") {
  Scene scene;
  const Server server;
  test::Waiting waiting(scene.kernel);
  const auto before = scene.kernel.now();
  const std::array servers{server.address};
  const auto answers = tcp::ask_name_servers(waiting.waiter, servers, "a", tcp::dns_type_a, {});
  CHECK(answers[0].kind == Kind::silent);
  CHECK(scene.kernel.now() - before == 5s);
}

TEST_CASE("a signal and the run's deadline end the wait") {
  for (const bool by_signal : {true, false}) {
    Scene scene;
    const Server server;
    const auto before = scene.kernel.now();
    test::Waiting waiting(scene.kernel, before + 1s);
    if (by_signal) scene.kernel.when_idle([] { ::kill(::getpid(), SIGTERM); });
    const std::array servers{server.address};
    const auto answers =
        tcp::ask_name_servers(waiting.waiter, servers, "a", tcp::dns_type_a, before + 60s);
    CHECK(answers[0].kind == Kind::silent);
    CHECK(scene.kernel.now() - before == (by_signal ? 0s : 1s));
  }
}

TEST_CASE("a zone that is a name is looked up") {
  Scene scene;
  const Address server = tcp::parse_resolv_conf("nameserver fe80::1%lo").at(0);
  scene.kernel.script(Syscall::connect).fails(ENETUNREACH);
  scene.ask({server});
  CHECK(scene.kernel.count(Syscall::if_nametoindex) == 1);
}
