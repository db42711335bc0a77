// SPDX-License-Identifier: MIT
#include "sys/fd.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <cerrno>

#include "support/scripted_kernel.h"
#include "sys/linux_kernel.h"

using namespace tcptool;
using sys::Syscall;

namespace {

struct Scene {
  sys::LinuxKernel linux_kernel;
  test::ScriptedKernel kernel{linux_kernel};
  sys::Fd open() { return {kernel, kernel.open("/dev/null", O_RDWR | O_CLOEXEC, 0).as_int()}; }
};

}  // namespace

TEST_CASE("an Fd closes once, through its kernel, when it goes out of scope") {
  Scene scene;
  {
    const sys::Fd fd = scene.open();
    CHECK(fd.open());
    CHECK(scene.kernel.open_descriptors().count(fd.get()) == 1);
  }
  CHECK(scene.kernel.open_descriptors().empty());
  CHECK(scene.kernel.count(Syscall::close) == 1);
}

TEST_CASE("a moved Fd is closed by its new owner alone") {
  Scene scene;
  sys::Fd first = scene.open();
  const int number = first.get();
  sys::Fd second = std::move(first);
  CHECK_FALSE(first.open());  // NOLINT(bugprone-use-after-move): what is left is specified
  CHECK(second.get() == number);
  second = scene.open();
  CHECK(scene.kernel.count(Syscall::close) == 1);
  sys::Fd& same = second;
  second = std::move(same);
  CHECK(second.open());
}

TEST_CASE("closing by hand tells how it went and is not repeated") {
  Scene scene;
  sys::Fd fd = scene.open();
  scene.kernel.script(Syscall::close).fails(EIO);
  CHECK(fd.close().error == EIO);
  CHECK(fd.close().ok());
  CHECK(scene.kernel.count(Syscall::close) == 1);
  sys::Fd nothing;
  CHECK(nothing.close().ok());
}

TEST_CASE("a close that a signal interrupted has closed all the same") {
  Scene scene;
  sys::Fd fd = scene.open();
  scene.kernel.script(Syscall::close).fails(EINTR);
  CHECK(fd.close().ok());
}
