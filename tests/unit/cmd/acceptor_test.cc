// SPDX-License-Identifier: MIT
// The acceptor and its queue watch: acceptor.cc and queue_watch.cc.
#include "cmd/acceptor.h"

#include <doctest/doctest.h>
#include <netinet/in.h>

#include <cerrno>

#include "support/scripted_kernel.h"
#include "support/world.h"
#include "sys/linux_kernel.h"

using namespace std::chrono_literals;
using namespace tcptool;
using sys::Address;
using sys::Syscall;

namespace {

// An acceptor on loopback, with time of its own.
struct Scene {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel{linux_kernel};
  test::Waiting waiting{kernel};
  cmd::Console console{linux_kernel, {.quiet = true}};
  cmd::Context context{kernel, waiting.waiter, console, {}};
  cmd::AcceptOptions options;
  std::optional<cmd::Acceptor> acceptor;

  void start(std::optional<int> backlog = std::nullopt) {
    kernel.use_fake_clock();
    tcp::ListenPolicy policy;
    policy.addresses = {Address::loopback(AF_INET, 0)};
    policy.backlog = backlog;
    auto listener = tcp::listen(kernel, policy);
    REQUIRE(listener);
    acceptor.emplace(context, std::move(*listener), tcp::SocketSetup{}, options);
  }
  [[nodiscard]] test::Plug client() const { return test::connect_to(acceptor->listener().local); }
  // take() once a client is there.
  [[nodiscard]] auto take() {
    pollfd ready{acceptor->listener().fd.get(), POLLIN, 0};
    REQUIRE(::poll(&ready, 1, 2000) == 1);
    return acceptor->take();
  }
  void pass(std::chrono::nanoseconds time) {
    kernel.advance(time);
    acceptor->on_time();
  }
};

}  // namespace

TEST_CASE("an open acceptor is polled, wants no time, and takes who comes") {
  Scene scene;
  scene.start();
  CHECK(scene.acceptor->fd() == scene.acceptor->listener().fd.get());
  CHECK_FALSE(scene.acceptor->deadline());
  auto nobody = scene.acceptor->take();
  REQUIRE(nobody);
  CHECK_FALSE(*nobody);
  const test::Plug client = scene.client();
  auto taken = scene.take();
  REQUIRE(taken);
  CHECK(*taken);
  const auto counts = scene.acceptor->counts();
  CHECK(counts.accepted == 1);
  CHECK(counts.deepest_queue == 1U);
  CHECK(counts.dropped == 0U);
}

TEST_CASE("what nobody is told of with -q is not asked of a client") {
  Scene scene;
  scene.start();
  const test::Plug client = scene.client();
  const auto taken = scene.take();
  REQUIRE(taken);
  REQUIRE(*taken);
  CHECK_FALSE((*taken)->syn);
  CHECK_FALSE((*taken)->queued);
  CHECK((*taken)->connection.local == scene.acceptor->listener().local);
}

TEST_CASE("while it holds nobody is taken, and afterwards they come in order") {
  Scene scene;
  scene.options.hold = 5s;
  scene.start();
  CHECK(scene.acceptor->fd() == -1);
  const test::Plug first = scene.client();
  const test::Plug second = scene.client();
  auto taken = scene.take();
  REQUIRE(taken);
  CHECK_FALSE(*taken);
  scene.pass(4999ms);
  CHECK(scene.acceptor->fd() == -1);
  REQUIRE(scene.acceptor->deadline());
  scene.pass(1ms);
  CHECK(scene.acceptor->fd() >= 0);
  CHECK_FALSE(scene.acceptor->deadline());
  sockaddr_in name{};
  for (const test::Plug* const client : {&first, &second}) {
    socklen_t size = sizeof name;
    REQUIRE(::getsockname(client->fd(), reinterpret_cast<sockaddr*>(&name), &size) == 0);
    taken = scene.take();
    REQUIRE(taken);
    REQUIRE(*taken);
    CHECK((*taken)->connection.peer.port() == ntohs(name.sin_port));
  }
}

TEST_CASE("a hold for ever does not end, and wakes up only until the overflow is told") {
  Scene scene;
  scene.options.hold = cmd::AcceptOptions::forever;
  scene.start();
  scene.pass(24h * 365);
  CHECK(scene.acceptor->fd() == -1);
  REQUIRE(scene.acceptor->deadline());
  CHECK(*scene.acceptor->deadline() == scene.kernel.now() + 1s);
}

TEST_CASE("a denied client is reset, counted, and nobody's client") {
  Scene scene;
  REQUIRE(scene.options.rules.add({*tcp::parse_network("127.0.0.0/8"), false}));
  scene.start();
  const test::Plug client = scene.client();
  const auto taken = scene.take();
  REQUIRE(taken);
  CHECK_FALSE(*taken);
  std::array<char, 1> byte{};
  CHECK(::recv(client.fd(), byte.data(), byte.size(), 0) == -1);
  CHECK(errno == ECONNRESET);
  const auto counts = scene.acceptor->counts();
  CHECK(counts.accepted == 0);
  CHECK(counts.denied == 1);
  CHECK(counts.deepest_queue == 1U);
}

TEST_CASE("without a descriptor it pauses, for a second or until one is free") {
  for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM}) {
    CAPTURE(error);
    Scene scene;
    scene.start();
    scene.kernel.script(Syscall::accept4).first(2).fails(error);
    const test::Plug client = scene.client();
    auto taken = scene.take();
    REQUIRE(taken);
    CHECK_FALSE(*taken);
    CHECK(scene.acceptor->fd() == -1);
    CHECK(scene.acceptor->deadline() == scene.kernel.now() + 1s);
    const std::size_t calls = scene.kernel.count(Syscall::accept4);
    REQUIRE(scene.acceptor->take());
    CHECK(scene.kernel.count(Syscall::accept4) == calls);  // it does not even ask
    scene.pass(1s);
    CHECK(scene.acceptor->fd() >= 0);
    REQUIRE(scene.take());
    CHECK(scene.acceptor->fd() == -1);
    scene.acceptor->descriptor_freed();
    CHECK(scene.acceptor->fd() >= 0);
    taken = scene.take();
    REQUIRE(taken);
    CHECK(*taken);
  }
}

TEST_CASE("one client's error is survived, the listener's own is not") {
  Scene scene;
  scene.start();
  scene.kernel.script(Syscall::accept4).nth(1).fails(ECONNABORTED);
  scene.kernel.script(Syscall::accept4).nth(2).fails(EINVAL);
  const auto aborted = scene.acceptor->take();
  REQUIRE(aborted);
  CHECK_FALSE(*aborted);
  CHECK(scene.acceptor->fd() >= 0);
  const auto broken = scene.acceptor->take();
  REQUIRE_FALSE(broken);
  CHECK(broken.error().error == EINVAL);
}

TEST_CASE("a full server leaves clients in the queue until there is room") {
  Scene scene;
  scene.start();
  scene.acceptor->admit(false);
  CHECK(scene.acceptor->fd() == -1);
  CHECK(scene.acceptor->deadline());
  const test::Plug client = scene.client();
  CHECK_FALSE(*scene.acceptor->take());
  scene.acceptor->admit(true);
  CHECK(*scene.take());
}

TEST_CASE("drops of a queue that nobody empties are counted, and the overflow told once") {
  Scene scene;
  scene.options.hold = cmd::AcceptOptions::forever;
  scene.start(0);
  const test::Plug waits = scene.client();
  std::array<test::Plug, 2> dropped;
  for (test::Plug& plug : dropped) {
    plug = test::Plug(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    const Address& local = scene.acceptor->listener().local;
    CHECK(::connect(plug.fd(), local.data(), local.size()) == -1);
  }
  scene.pass(1s);
  CHECK_FALSE(scene.acceptor->deadline());  // told: no more to wake up for
  const auto counts = scene.acceptor->counts();
  CHECK(counts.deepest_queue == 1U);
  CHECK(counts.dropped.value_or(0) >= 2);
}

TEST_CASE("watching wakes up every interval, and a closed acceptor never") {
  Scene scene;
  scene.options.watch = 50ms;
  scene.start();
  CHECK(scene.acceptor->deadline() == scene.kernel.now() + 50ms);
  scene.pass(50ms);
  CHECK(scene.acceptor->deadline() == scene.kernel.now() + 50ms);
  scene.acceptor->close();
  CHECK(scene.acceptor->fd() == -1);
  CHECK_FALSE(scene.acceptor->deadline());
  CHECK_FALSE(*scene.acceptor->take());
  scene.acceptor->on_time();
  CHECK(scene.acceptor->counts().accepted == 0);
}

TEST_CASE("a listener that blocks is asked before it is accepted from") {
  Scene scene;
  const test::TestListener given = test::make_listener();
  given.socket.set_blocking(true);
  CHECK(tcp::is_tcp_listener(scene.kernel, given.socket.fd()));
  auto listener = tcp::adopt_listener(scene.kernel, ::dup(given.socket.fd()), {}, std::nullopt);
  REQUIRE(listener);
  CHECK(listener->may_block);
  CHECK(listener->local == given.address);
  scene.acceptor.emplace(scene.context, std::move(*listener), tcp::SocketSetup{}, scene.options);
  const auto nobody = scene.acceptor->take();  // would wait for ever
  REQUIRE(nobody);
  CHECK_FALSE(*nobody);
  const test::Plug client = scene.client();
  CHECK(*scene.take());
}

TEST_CASE("what is no listening TCP socket is not taken for one") {
  sys::LinuxKernel kernel;
  const auto is_one = [&](int domain, int type) {
    const test::Plug plug(::socket(domain, type, 0));
    REQUIRE(plug.fd() >= 0);
    return tcp::is_tcp_listener(kernel, plug.fd());
  };
  CHECK_FALSE(is_one(AF_INET, SOCK_STREAM));  // it does not listen
  CHECK_FALSE(is_one(AF_INET, SOCK_DGRAM));
  CHECK_FALSE(is_one(AF_UNIX, SOCK_STREAM));
  CHECK_FALSE(tcp::is_tcp_listener(kernel, test::make_pipe().read_end.fd()));
  CHECK_FALSE(tcp::is_tcp_listener(kernel, 987654));
}
