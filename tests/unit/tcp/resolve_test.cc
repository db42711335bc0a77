// SPDX-License-Identifier: MIT
#include "tcp/resolve.h"

#include <doctest/doctest.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "support/scripted_kernel.h"
#include "support/skip.h"
#include "support/world.h"
#include "sys/linux_kernel.h"

using namespace std::chrono_literals;
using namespace tcptool;
using sys::Address;
using sys::Syscall;
using tcp::PortZero;
using Kind = tcp::ResolveFailure::Kind;

namespace {

struct Scene {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel{linux_kernel};
  test::Waiting waiting{kernel};
  auto resolve(const char* host, const char* port, int family = AF_UNSPEC,
               sys::Deadline deadline = {}) {
    const tcp::Endpoint endpoint{*host != '\0' ? *tcp::parse_host(host) : tcp::Host{},
                                 *tcp::parse_port(port, PortZero::accepted)};
    return tcp::resolve(waiting.waiter, endpoint, family, deadline);
  }
  // A look-up whose answer never comes: nobody writes into the pipe.
  void make_resolver_silent() { kernel.script(Syscall::getaddrinfo).answers(0); }
};

}  // namespace

TEST_CASE("numbers are not looked up") {
  Scene scene;
  const auto v4 = scene.resolve("127.0.0.1", "80");
  REQUIRE(v4);
  CHECK((*v4 == std::vector{Address::loopback(AF_INET, 80)}));
  const auto v6 = scene.resolve("::1", "80");
  REQUIRE(v6);
  CHECK((*v6 == std::vector{Address::loopback(AF_INET6, 80)}));
  CHECK(scene.kernel.count(Syscall::getaddrinfo) == 0);
}

TEST_CASE("an open host gives the wildcard of each family, IPv6 first") {
  Scene scene;
  CHECK((*scene.resolve("", "80") ==
         std::vector{Address::any(AF_INET6, 80), Address::any(AF_INET, 80)}));
  CHECK((*scene.resolve("", "80", AF_INET) == std::vector{Address::any(AF_INET, 80)}));
  CHECK((*scene.resolve("", "80", AF_INET6) == std::vector{Address::any(AF_INET6, 80)}));
  CHECK(scene.kernel.count(Syscall::getaddrinfo) == 0);
}

TEST_CASE("localhost has loopback addresses, each once, with the port") {
  Scene scene;
  const auto addresses = scene.resolve("localhost", "4711");
  REQUIRE(addresses);
  REQUIRE_FALSE(addresses->empty());
  for (const Address& address : *addresses) {
    CHECK(address == Address::loopback(address.family(), 4711));
    CHECK(std::count(addresses->begin(), addresses->end(), address) == 1);
  }
  const auto v4 = scene.resolve("localhost", "4711", AF_INET);
  CHECK((*v4 == std::vector{Address::loopback(AF_INET, 4711)}));
}

TEST_CASE("a service name is looked up, and an unknown one is told as such") {
  Scene scene;
  const auto unknown = scene.resolve("127.0.0.1", "no-such-service");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().kind == Kind::unknown_service);
  CHECK(unknown.error().subject == "no-such-service");
  CHECK(unknown.error().text() == "no such service; give the port as a number");
  CHECK(scene.resolve("127.0.0.1", "htpp").error().text() ==
        "no such service; did you mean http (port 80)?");
  if (::getservbyname("http", "tcp") == nullptr) SKIP_CASE("no http in /etc/services");
  CHECK((*scene.resolve("127.0.0.1", "http") == std::vector{Address::loopback(AF_INET, 80)}));
}

TEST_CASE("a mistyped service is told before the name is asked for") {
  Scene scene;
  const auto failed = scene.resolve("host.invalid", "no-such-service");
  REQUIRE_FALSE(failed);
  CHECK(failed.error().kind == Kind::unknown_service);
  CHECK(scene.kernel.count(Syscall::getaddrinfo) == 2);
}

TEST_CASE("a zone is an interface's name or its number") {
  Scene scene;
  const auto named = scene.resolve("fe80::1%lo", "80");
  REQUIRE(named);
  CHECK(named->front().scope_id() == 1);
  CHECK(named->front().text() == "[fe80::1%lo]:80");
  CHECK(scene.resolve("fe80::1%7", "80")->front().scope_id() == 7);
  const auto missing = scene.resolve("fe80::1%nosuchif0", "80");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().kind == Kind::bad_zone);
  CHECK(missing.error().text() == "no such interface on this host");
}

TEST_CASE("a name service that does not answer is given up at the deadline") {
  Scene scene;
  scene.kernel.use_fake_clock();
  scene.make_resolver_silent();
  const auto before = scene.kernel.now();
  const auto failed = scene.resolve("slow.example", "80", AF_UNSPEC, before + 3s);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().kind == Kind::timed_out);
  CHECK(failed.error().subject == "slow.example");
  CHECK(failed.error().after >= 3s);
  CHECK(scene.kernel.now() - before >= 3s);
}

TEST_CASE("a signal interrupts a look-up") {
  Scene scene;
  scene.make_resolver_silent();
  scene.kernel.when_idle([] { ::kill(::getpid(), SIGINT); });
  const auto failed = scene.resolve("slow.example", "80");
  REQUIRE_FALSE(failed);
  CHECK(failed.error().kind == Kind::interrupted);
  CHECK(failed.error().wake.signal == SIGINT);
}

TEST_CASE("a look-up that cannot be started is a failure of this host") {
  Scene scene;
  scene.kernel.script(Syscall::getaddrinfo).fails(EAGAIN);
  const auto failed = scene.resolve("example.org", "80");
  REQUIRE_FALSE(failed);
  CHECK(failed.error().kind == Kind::system);
  CHECK(failed.error().error.error == EAGAIN);
  CHECK(failed.error().text() == "getaddrinfo: resource temporarily unavailable (EAGAIN)");
}

TEST_CASE("the answer's descriptor is closed, whether it was read or abandoned") {
  Scene scene;
  const auto before = scene.kernel.open_descriptors();
  REQUIRE(scene.resolve("localhost", "80"));
  CHECK((scene.kernel.open_descriptors() == before));
  scene.kernel.use_fake_clock();
  static_cast<void>(scene.resolve("localhost", "80", AF_UNSPEC, scene.kernel.now()));
  CHECK((scene.kernel.open_descriptors() == before));
}

TEST_CASE("what getaddrinfo said is told in its words") {
  tcp::ResolveFailure failed;
  failed.kind = Kind::name_failed;
  failed.status = EAI_NONAME;
  CHECK(failed.text() == "name or service not known (EAI_NONAME)");
  failed.status = EAI_SYSTEM;
  failed.error = {Syscall::getaddrinfo, EMFILE, "example.org"};
  CHECK(failed.text() ==
        "the look-up failed: getaddrinfo example.org: too many open files (EMFILE)");
}
