// SPDX-License-Identifier: MIT
// The active OPEN against real listeners on loopback, and what only a scripted kernel does.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "support/scripted_kernel.h"
#include "support/world.h"
#include "sys/linux_kernel.h"
#include "tcp/connection.h"

using namespace std::chrono_literals;
using namespace tcptool;
using sys::Address;
using sys::Syscall;
using tcp::Attempt;
using End = Attempt::End;

namespace {

struct Scene {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel{linux_kernel};
  test::Waiting waiting{kernel};
  tcp::ConnectPolicy policy;
  tcp::ConnectResult connect(const std::vector<Address>& addresses) {
    return tcp::connect(waiting.waiter, addresses, policy);
  }
  // Every descriptor but the signals' and those in `kept`.
  std::size_t descriptors_left() {
    return kernel.open_descriptors().size() - (waiting.signals.fd() >= 0 ? 1 : 0);
  }
};

// A listener whose accept queue is full, so that further SYNs are dropped: a backlog of 0 admits
// one connection.
struct SilentListener {
  test::TestListener listener = test::make_listener(AF_INET, 0);
  test::Plug first = test::connect_to(listener.address);
  const Address& address() const { return listener.address; }
};

}  // namespace

TEST_CASE("connecting to a listener on loopback makes a connection with both ends known") {
  for (const int family : {AF_INET, AF_INET6}) {
    if (family == AF_INET6 && !test::has_ipv6()) continue;
    CAPTURE(family);
    Scene scene;
    const test::TestListener listener = test::make_listener(family);
    const auto result = scene.connect({listener.address});
    REQUIRE(result.connection);
    const tcp::Connection& connection = *result.connection;
    CHECK(connection.peer == listener.address);
    CHECK(connection.local.host() == listener.address.host());
    CHECK(connection.local.port() != 0);
    CHECK(connection.active);
    CHECK(connection.error == 0);
    CHECK(connection.handshake > 0ns);
    REQUIRE(result.attempts.size() == 1);
    CHECK(result.attempts[0].end == End::connected);
    CHECK(result.attempts[0].info->state == tcp::State::established);
    CHECK_FALSE(result.wake.interrupted());
  }
}

TEST_CASE("connect succeeds before the server has called accept") {
  Scene scene;
  const test::TestListener listener = test::make_listener();
  REQUIRE(scene.connect({listener.address}).connection);
  CHECK(listener.accept().at_end());
}

TEST_CASE("a closed port refuses, which is a value and leaves no descriptor") {
  Scene scene;
  const auto result = scene.connect({test::closed_port()});
  CHECK_FALSE(result.connection);
  REQUIRE(result.attempts.size() == 1);
  const Attempt& attempt = result.attempts[0];
  CHECK(attempt.end == End::failed);
  CHECK(attempt.error.call == Syscall::connect);
  CHECK(attempt.error.error == ECONNREFUSED);
  CHECK_FALSE(attempt.icmp);
  CHECK(scene.descriptors_left() == 0);
}

TEST_CASE("when the first address refuses, the second is tried at once") {
  for (const bool sequential : {false, true}) {
    CAPTURE(sequential);
    Scene scene;
    scene.kernel.use_fake_clock();
    scene.policy.sequential = sequential;
    const test::TestListener listener = test::make_listener();
    const auto before = scene.kernel.now();
    const auto result = scene.connect({test::closed_port(), listener.address});
    REQUIRE(result.connection);
    CHECK(result.connection->peer == listener.address);
    REQUIRE(result.attempts.size() == 2);
    CHECK(result.attempts[0].end == End::failed);
    CHECK(result.attempts[1].end == End::connected);
    CHECK(scene.kernel.now() - before < 250ms);
  }
}

TEST_CASE("a silent address is overtaken 250 ms later by the next, and abandoned") {
  Scene scene;
  scene.kernel.use_fake_clock();
  const SilentListener silent;
  const test::TestListener listener = test::make_listener();
  const auto before = scene.kernel.now();
  const auto result = scene.connect({silent.address(), listener.address});
  REQUIRE(result.connection);
  CHECK(result.connection->peer == listener.address);
  REQUIRE(result.attempts.size() == 2);
  CHECK(result.attempts[0].end == End::abandoned);
  CHECK(result.attempts[0].duration >= 250ms);
  CHECK(scene.kernel.count(Syscall::getsockname) == 1);  // of the connection
  CHECK(scene.kernel.now() - before >= 250ms);
  CHECK(scene.kernel.now() - before < 500ms);
  CHECK(scene.descriptors_left() == 1);
}

TEST_CASE("the families take turns, the first address's first") {
  if (!test::has_ipv6()) return;
  Scene scene;
  const Address a4 = test::closed_port();
  const Address b4 = test::closed_port();
  const Address a6 = test::closed_port(AF_INET6);
  const Address b6 = test::closed_port(AF_INET6);
  const auto result = scene.connect({a6, b6, a4, b4});
  REQUIRE(result.attempts.size() == 4);
  CHECK(result.attempts[0].peer == a6);
  CHECK(result.attempts[1].peer == a4);
  CHECK(result.attempts[2].peer == b6);
  CHECK(result.attempts[3].peer == b4);
}

TEST_CASE("a full accept queue answers nothing until the deadline") {
  Scene scene;
  scene.kernel.use_fake_clock();
  const SilentListener silent;
  scene.policy.deadline = scene.kernel.now() + 800ms;
  const auto result = scene.connect({silent.address()});
  CHECK_FALSE(result.connection);
  REQUIRE(result.attempts.size() == 1);
  CHECK(result.attempts[0].end == End::timed_out);
  CHECK(result.attempts[0].syn_source.host() == "127.0.0.1");
  CHECK(result.attempts[0].info->state == tcp::State::syn_sent);
  CHECK(result.attempts[0].duration >= 800ms);
  CHECK(scene.descriptors_left() == 0);
}

TEST_CASE("a SYN that is sent again is told while the attempt goes on") {
  struct Notes final : tcp::ConnectObserver {
    void syn_sent_again(const Attempt& attempt, unsigned times, std::chrono::nanoseconds) override {
      peers.push_back(attempt.peer);
      counts.push_back(times);
    }
    void soft_error(const Attempt&) override {}
    std::vector<Address> peers;
    std::vector<unsigned> counts;
  } notes;
  Scene scene;
  const SilentListener silent;
  scene.policy.observer = &notes;
  scene.policy.deadline = scene.kernel.now() + 1500ms;
  const auto result = scene.connect({silent.address()});
  CHECK_FALSE(result.connection);
  CHECK(result.attempts.front().end == End::timed_out);
  CHECK((notes.counts == std::vector<unsigned>{2}));
  CHECK((notes.peers == std::vector{silent.address()}));
}

TEST_CASE("in sequence a silent address leaves time for the next") {
  Scene scene;
  scene.kernel.use_fake_clock();
  scene.policy.sequential = true;
  const SilentListener silent;
  const test::TestListener listener = test::make_listener();
  scene.policy.deadline = scene.kernel.now() + 10s;
  const auto result = scene.connect({silent.address(), listener.address});
  REQUIRE(result.connection);
  CHECK(result.attempts[0].end == End::timed_out);
  CHECK(result.attempts[0].duration >= 5s);
  CHECK(result.attempts[0].duration < 6s);
}

TEST_CASE("the run's deadline and a signal interrupt the race") {
  const SilentListener silent;
  SUBCASE("deadline") {
    sys::LinuxKernel linux_kernel;
    test::ScriptedKernel kernel(linux_kernel);
    kernel.use_fake_clock();
    test::Waiting waiting(kernel, kernel.now() + 300ms);
    const auto result = tcp::connect(waiting.waiter, {silent.address()}, {});
    CHECK(result.wake.reason == sys::Wake::Reason::run_deadline);
    CHECK(result.attempts[0].end == End::interrupted);
  }
  SUBCASE("signal") {
    Scene scene;
    scene.kernel.when_idle([] { ::kill(::getpid(), SIGINT); });
    const auto result = scene.connect({silent.address()});
    CHECK(result.wake.reason == sys::Wake::Reason::signal);
    CHECK(result.wake.signal == SIGINT);
    CHECK(scene.descriptors_left() == 0);
  }
}

TEST_CASE("EINTR and EINPROGRESS from connect are waited out") {
  const test::TestListener listener = test::make_listener();
  for (const int error : {EINTR, EINPROGRESS}) {
    CAPTURE(error);
    Scene scene;
    // The real call goes ahead; only its answer is another.
    auto& script = scene.kernel.script(Syscall::connect);
    script.after([&] {
      const int fd = *scene.kernel.open_descriptors().rbegin();
      static_cast<void>(scene.linux_kernel.connect(fd, listener.address));
    });
    script.fails(error);
    const auto result = scene.connect({listener.address});
    REQUIRE(result.connection);
    CHECK(result.connection->error == 0);
  }
}

TEST_CASE("what connect and socket say at once is kept with the call and its object") {
  struct Row {
    Syscall call;
    int error;
    Syscall told;
  };
  for (const Row& row : {Row{Syscall::connect, ENETUNREACH, Syscall::connect},
                         Row{Syscall::connect, EADDRNOTAVAIL, Syscall::connect},
                         Row{Syscall::connect, EACCES, Syscall::connect},
                         Row{Syscall::socket, EMFILE, Syscall::socket},
                         Row{Syscall::socket, ENFILE, Syscall::socket},
                         Row{Syscall::socket, EAFNOSUPPORT, Syscall::socket}}) {
    CAPTURE(row.error);
    Scene scene;
    const test::TestListener listener = test::make_listener();
    scene.kernel.script(row.call).fails(row.error);
    const auto result = scene.connect({listener.address});
    CHECK_FALSE(result.connection);
    REQUIRE(result.attempts.size() == 1);
    CHECK(result.attempts[0].end == End::failed);
    CHECK(result.attempts[0].error.call == row.told);
    CHECK(result.attempts[0].error.error == row.error);
    CHECK_FALSE(result.attempts[0].error.object.empty());
    CHECK(scene.descriptors_left() == 0);
  }
}

TEST_CASE("a failure of this host does not hold up the next address") {
  Scene scene;
  scene.kernel.use_fake_clock();
  const SilentListener silent;
  const test::TestListener listener = test::make_listener();
  scene.kernel.script(Syscall::socket).nth(2).fails(EMFILE);
  const auto before = scene.kernel.now();
  const auto result = scene.connect({silent.address(), test::closed_port(), listener.address});
  REQUIRE(result.connection);
  CHECK(scene.kernel.now() - before < 400ms);
}

TEST_CASE("a reset behind the handshake is a connection that is already lost") {
  Scene scene;
  const test::TestListener listener = test::make_listener();
  // connect is under way for the race while the server has accepted and reset.
  auto& script = scene.kernel.script(Syscall::connect);
  script.after([&] {
    const int fd = *scene.kernel.open_descriptors().rbegin();
    static_cast<void>(scene.linux_kernel.connect(fd, listener.address));
    listener.accept().reset();
  });
  script.fails(EINPROGRESS);
  const auto result = scene.connect({listener.address});
  REQUIRE(result.connection);
  CHECK(result.connection->error == ECONNRESET);
  CHECK(result.connection->peer == listener.address);
  CHECK(result.attempts[0].end == End::connected);
}

TEST_CASE("an IPv4 address in IPv6's form is shown as what it is") {
  Scene scene;
  const auto result = scene.connect({test::closed_port().mapped()});
  REQUIRE(result.attempts.size() == 1);
  CHECK(result.attempts[0].peer.text().starts_with("127.0.0.1:"));
  CHECK(result.attempts[0].error.object.starts_with("127.0.0.1:"));
}

TEST_CASE("the error queue is asked for before connect and off once connected") {
  Scene scene;
  const test::TestListener listener = test::make_listener();
  REQUIRE(scene.connect({listener.address}).connection);
  CHECK(scene.kernel.count(Syscall::setsockopt) == 3);
}
