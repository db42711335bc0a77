// SPDX-License-Identifier: MIT
#include "sys/lookup.h"

#include <doctest/doctest.h>

#include <cerrno>

#include "support/scripted_kernel.h"
#include "sys/linux_kernel.h"

using namespace tcptool;
using sys::Syscall;

namespace {

struct Scene {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel{linux_kernel};

  bool ready(const sys::PendingLookup& lookup) {
    pollfd fd{lookup.fd(), POLLIN, 0};
    return linux_kernel.poll(std::span(&fd, 1), 10'000).value == 1;
  }
};

}  // namespace

TEST_CASE("a look-up's answer comes through its descriptor") {
  Scene scene;
  {
    auto lookup = sys::PendingLookup::start(scene.kernel, {"127.0.0.1", "80", AF_INET});
    REQUIRE(lookup);
    REQUIRE(scene.ready(*lookup));
    const auto result = lookup->finish();
    REQUIRE(result);
    CHECK(result->status == 0);
    CHECK((result->addresses == std::vector{sys::Address::loopback(AF_INET, 80)}));
  }
  CHECK(scene.kernel.open_descriptors().empty());
}

TEST_CASE("a name that does not exist is getaddrinfo's answer, no failure of the call") {
  Scene scene;
  auto lookup = sys::PendingLookup::start(scene.kernel, {"256.256.256.256.", "", AF_INET});
  REQUIRE(lookup);
  if (scene.ready(*lookup)) {
    const auto result = lookup->finish();
    REQUIRE(result);
    CHECK(result->status != 0);
    CHECK(result->addresses.empty());
  }
}

TEST_CASE("a look-up that cannot be started leaves nothing open") {
  for (const Syscall failing : {Syscall::pipe2, Syscall::getaddrinfo}) {
    Scene scene;
    scene.kernel.script(failing).fails(EMFILE);
    const auto lookup = sys::PendingLookup::start(scene.kernel, {"localhost", "", AF_INET});
    REQUIRE_FALSE(lookup);
    CHECK(lookup.error().error == EMFILE);
    CHECK(scene.kernel.open_descriptors().empty());
  }
}

TEST_CASE("an answer that cannot be read is an error") {
  Scene scene;
  auto lookup = sys::PendingLookup::start(scene.kernel, {"127.0.0.1", "", AF_INET});
  REQUIRE(lookup);
  REQUIRE(scene.ready(*lookup));
  scene.kernel.script(Syscall::read).nth(1).fails(EIO);
  const auto result = lookup->finish();
  REQUIRE_FALSE(result);
  CHECK(result.error().error == EIO);
}

TEST_CASE("an answer whose reading is interrupted is read again") {
  Scene scene;
  auto lookup = sys::PendingLookup::start(scene.kernel, {"127.0.0.1", "80", AF_INET});
  REQUIRE(lookup);
  REQUIRE(scene.ready(*lookup));
  scene.kernel.script(Syscall::read).first(2).fails(EINTR);
  const auto result = lookup->finish();
  REQUIRE(result);
  CHECK(result->addresses.size() == 1);
}
